"""A decision means what a person saw: refused when that is gone or has changed, and a no is never a yes to the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.identification import Movement, WaitingReason
from schemas.records.receivables import (
    ConfirmMatch,
    DecisionRefused,
    DecisionTaken,
    EntrySplit,
    EntryWaiting,
    MatchSuggested,
    PaymentMatched,
    PostAgain,
    PutOnAccount,
    RejectMatch,
    ReverseWriteOff,
    SplitEntry,
    UnmatchEntry,
    WriteOffRest,
)
from schemas.values.money import Money
from schemas.values.references import normalised_invoice
from streams.domain import receivables
from streams.domain.receivables.matching import named_invoices
from streams.domain.suggestion_codes import suggestion_code
from tests.support.builders import CUSTOMER, PAYMENT, Ledger, at, done, identified, key_by, kinds, open_item, refused
from tests.unit.streams.domain import test_receivables_properties as properties

RECEIPT = f"PT{PAYMENT}"


class Office:
    """A customer's ledger, and what a person reads of it and decides."""

    def __init__(self, *records: Any) -> None:
        self.book = Ledger(receivables, key_by("abas_customer_id")).given(*records)
        self.minute = 100

    def shown(self, reference: str = RECEIPT) -> tuple[MatchSuggested, ...]:
        """The suggestions that stand now."""
        options: tuple[MatchSuggested, ...] = self.book.state.entries[reference].options
        return options

    def decide(self, kind: type[Any], by: str = "mweber", why: str = "customer called", **fields: Any) -> list[Any]:
        self.minute += 1
        reported = {"command_id": f"c{self.minute}", "abas_customer_id": CUSTOMER, "decided_by": by, "reason": why}
        return self.book.when(kind(**reported, occurred_at=at(self.minute), **fields))

    def confirm(self, shown: MatchSuggested, by: str = "mweber", **changed: Any) -> list[Any]:
        meaning = {
            "posting_reference": shown.posting_reference,
            "abas_open_item_ids": shown.abas_open_item_ids,
            "part_amounts": shown.part_amounts,
            "currency": shown.currency,
            "suggestion_code": shown.suggestion_code,
        }
        return self.decide(ConfirmMatch, by, **{**meaning, **changed})

    def reject(self, shown: MatchSuggested, by: str = "mweber") -> list[Any]:
        meaning: dict[str, Any] = {
            "abas_open_item_ids": shown.abas_open_item_ids,
            "suggestion_code": shown.suggestion_code,
        }
        return self.decide(RejectMatch, by, posting_reference=shown.posting_reference, **meaning)

    def posted(self) -> list[tuple[str, str]]:
        return [(one.posting_reference, one.abas_open_item_id) for one in self.book.sent("cash_receipt")]


def refusal(events: Sequence[Any]) -> str:
    (event,) = events
    assert isinstance(event, DecisionRefused)
    return event.refused_because


def tie(invoice: str | None = None) -> Office:
    items = [open_item("i1"), open_item("i2", invoice="RE-2"), open_item("i3", 55_00, invoice="RE-3")]
    return Office(*items, identified(Movement.CAPTURED, invoice=invoice))


# --- B5: a decision names what it means


def test_a_code_follows_from_what_is_suggested_and_from_nothing_else() -> None:
    first, second = tie().shown()
    assert first.suggestion_code != second.suggestion_code
    assert (len(first.suggestion_code), first.open_amounts) == (5, (100_00,))
    assert [one.suggestion_code for one in tie().shown()] == [first.suggestion_code, second.suggestion_code]
    # A later item, and another position in the list, change nothing that was not about this suggestion.
    office = tie()
    office.book.given(open_item("i0", 100_00, invoice="RE-0", minute=5))
    codes = {one.abas_open_item_ids: one.suggestion_code for one in office.shown()}
    assert codes[("i1",)] == first.suggestion_code
    assert codes[("i2",)] == second.suggestion_code


@given(st.lists(st.tuples(st.text(max_size=5), st.integers()), max_size=3), st.text(max_size=5))
def test_other_content_has_another_code(content: list[tuple[str, int]], reference: str) -> None:
    code = suggestion_code(reference, content)
    assert code == suggestion_code(reference, content)
    assert len(code) == 5
    assert code != suggestion_code(reference + "1", content)


def test_after_another_decision_a_suggestion_that_is_gone_is_refused_and_nothing_else_is_posted() -> None:
    office = tie()
    office.book.given(
        open_item("i4", invoice="RE-4"), identified(Movement.CAPTURED, payment="2", invoice=None, minute=2)
    )
    gone = next(one for one in office.shown("PT2") if one.abas_open_item_ids == ("i1",))
    office.confirm(office.shown()[0], by="anna")
    posted = office.posted()
    text = refusal(office.confirm(gone))
    assert "PT2 is not, or no longer, suggested for these open items" in text
    assert f"(suggestion {gone.suggestion_code})" in text
    assert (
        f"invoice RE-1 (i1) has nothing left to be paid, {RECEIPT} has it; anna decided confirm at 2026-11-20" in text
    )
    assert all(f"{one.suggestion_code} ({one.invoice_numbers[0]} 100.00 USD)" in text for one in office.shown("PT2"))
    assert office.posted() == posted


def test_a_suggestion_whose_amounts_changed_is_refused() -> None:
    office = Office(open_item("i1", 103_00), identified(Movement.CAPTURED))
    (before,) = office.shown()
    office.book.given(open_item("i1", 104_00, minute=5))
    (now,) = office.shown()
    assert before.part_amounts == now.part_amounts
    text = refusal(office.confirm(before))
    assert text.startswith(f"suggestion {before.suggestion_code} of {RECEIPT} has changed: now it is ")
    assert f"{now.suggestion_code} (RE-1 100.00 USD of 104.00 USD)" in text
    assert kinds(office.confirm(now)) == ["DecisionTaken", "PaymentMatched", "PostingRequested"]


@pytest.mark.parametrize(
    "changed",
    [{"part_amounts": (99_99,)}, {"currency": "EUR"}, {"suggestion_code": "22222"}, {"currency": ""}],
)
def test_what_was_not_shown_is_not_confirmed(changed: dict[str, Any]) -> None:
    office = tie()
    assert "has changed: now it is" in refusal(office.confirm(office.shown()[0], **changed))
    assert office.posted() == []


@pytest.mark.parametrize("changed", [{"part_amounts": ()}, {"abas_open_item_ids": (), "part_amounts": ()}])
def test_a_command_without_its_meaning_is_refused(changed: dict[str, Any]) -> None:
    office = tie()
    assert "say which open items get how much" in refusal(office.confirm(office.shown()[0], **changed))
    assert "which open items are not meant" in refusal(
        office.decide(RejectMatch, posting_reference=RECEIPT, abas_open_item_ids=())
    )


def test_a_rejected_code_that_is_gone_is_refused_with_what_stands_now() -> None:
    office = tie()
    first, second = office.shown()
    office.reject(first, by="anna")
    text = refusal(office.reject(first))
    assert "invoice RE-1 (i1) was ruled out; anna decided reject at" in text
    assert f"suggested now: {second.suggestion_code} (RE-2 100.00 USD)" in text


def test_an_entry_that_changed_in_between_is_not_decided_about_as_it_was() -> None:
    office = Office(identified(Movement.CAPTURED))
    seen: dict[str, Any] = {"amount_minor": 100_00, "currency": "USD"}
    office.book.given(identified(Movement.AMOUNT_DECREASED, 30_00, minute=3))
    text = refusal(office.decide(PutOnAccount, posting_reference=RECEIPT, **seen))
    assert text == f"{RECEIPT} has changed since: it is 70.00 USD, decided about was 100.00 USD"
    assert "decided about was 70.00 EUR" in refusal(
        office.decide(PutOnAccount, posting_reference=RECEIPT, amount_minor=70_00, currency="EUR")
    )
    seen["amount_minor"] = 70_00
    assert kinds(office.decide(PutOnAccount, posting_reference=RECEIPT, **seen))[0] == "DecisionTaken"
    again = Office(open_item("i1"), identified(Movement.CAPTURED))
    again.book.given(refused(again.book.sent()[-1]))
    changed = again.decide(PostAgain, posting_reference=RECEIPT, amount_minor=90_00, currency="USD")
    assert "decided about was 90.00 USD" in refusal(changed)


# --- two operators at once


@pytest.mark.parametrize("second", ["confirm", "other", "reject", "account", "split"])
def test_the_second_of_two_operators_reads_what_the_first_decided(second: str) -> None:
    office = tie()
    first, other = office.shown()
    office.confirm(first, by="anna")
    whole: dict[str, Any] = {"abas_open_item_ids": ("i2",), "part_amounts": (100_00,), "currency": "USD"}
    events = {
        "confirm": lambda: office.confirm(first),
        "other": lambda: office.confirm(other),
        "reject": lambda: office.reject(first),
        "account": lambda: office.decide(PutOnAccount, posting_reference=RECEIPT),
        "split": lambda: office.decide(SplitEntry, posting_reference=RECEIPT, **whole),
    }[second]()
    assert refusal(events) == (
        f"{RECEIPT} is being posted; anna decided confirm at 2026-11-20 13:41 UTC: customer called"
    )
    assert len(office.posted()) == 1


def test_who_decided_before_is_said_of_parts_write_offs_and_reversals_too() -> None:
    office = Office(open_item("i1", 97_00), identified(Movement.CAPTURED))
    office.confirm(office.shown()[0], by="anna")
    assert "is divided; decide about its parts; anna decided confirm" in refusal(
        office.decide(PutOnAccount, posting_reference=RECEIPT)
    )
    part = f"{RECEIPT}S1"
    assert "is being posted; anna decided confirm" in refusal(office.decide(PutOnAccount, posting_reference=part))
    office.book.given(done(office.book.sent()[-1]))
    office.decide(UnmatchEntry, "berta", posting_reference=part)
    assert "is reversed already; berta decided unmatch" in refusal(office.decide(UnmatchEntry, posting_reference=part))
    rest = Office(open_item("i1", 103_00), identified(Movement.CAPTURED))
    rest.confirm(rest.shown()[0])
    rest.book.given(done(rest.book.sent()[-1]), open_item("i1", 3_00, minute=99_999, amount_minor=103_00))
    give_up: dict[str, Any] = {"abas_open_item_id": "i1", "amount_minor": 3_00, "currency": "USD"}
    rest.decide(WriteOffRest, "anna", **give_up)
    assert "has 0.00 USD left; anna decided write off" in refusal(rest.decide(WriteOffRest, **give_up))
    rest.book.given(done(rest.book.sent()[-1]))
    rest.decide(ReverseWriteOff, "berta", posting_reference=f"{RECEIPT}W1")
    assert "is reversed already; berta decided reverse write off" in refusal(
        rest.decide(ReverseWriteOff, posting_reference=f"{RECEIPT}W1")
    )


# --- B7: nobody decides, or for no reason


@pytest.mark.parametrize(
    ("by", "why"), [("", "paid"), ("mweber", ""), ("x", "paid"), ("mweber", "\u200b."), ("m", "n/a")]
)
@pytest.mark.parametrize(
    "kind",
    [ConfirmMatch, RejectMatch, SplitEntry, WriteOffRest, PutOnAccount, UnmatchEntry, PostAgain, ReverseWriteOff],
)
def test_a_command_without_a_name_or_a_reason_is_refused_whoever_wrote_it(kind: type[Any], by: str, why: str) -> None:
    office = tie()
    item = {"abas_open_item_ids": ("i1",)}
    meaning: dict[type[Any], dict[str, Any]] = {
        ConfirmMatch: {**item, "part_amounts": (100_00,), "currency": "USD"},
        RejectMatch: item,
        SplitEntry: {**item, "part_amounts": (100_00,), "currency": "USD"},
        WriteOffRest: {"abas_open_item_id": "i1", "amount_minor": 1, "currency": "USD"},
    }
    subject = {} if kind is WriteOffRest else {"posting_reference": RECEIPT}
    text = refusal(office.decide(kind, by, why, **subject, **meaning.get(kind, {})))
    assert "names nobody" in text or "is no reason" in text
    assert office.posted() == []


# --- A10: a no is not a yes to what is left


@pytest.mark.parametrize("invoice", [None, "RE-1, RE-2"])
def test_what_is_left_after_a_rejection_stays_a_suggestion(invoice: str | None) -> None:
    office = tie(invoice)
    by_item = {one.abas_open_item_ids: one for one in office.shown()}
    first, second = by_item[("i1",)], by_item[("i2",)]
    events = office.reject(first)
    assert office.posted() == []
    waiting = events[-1]
    assert isinstance(waiting, EntryWaiting)
    if invoice is None:
        assert waiting.reason is WaitingReason.RULED_OUT_BY_PERSON
        assert waiting.detail == (
            "a person ruled out RE-1 (i1) for this payment; what fits besides is for a person to confirm"
        )
    assert [one.abas_open_item_ids for one in office.shown()] == [("i2",)]
    assert office.shown()[0].suggestion_code == second.suggestion_code
    office.book.given(open_item("i2", 0, minute=50, is_open=False), open_item("i4", invoice="RE-4", minute=51))
    assert office.posted() == [], "nor by what comes later"
    if invoice is None:
        assert kinds(office.confirm(office.shown()[0])) == ["DecisionTaken", "PaymentMatched", "PostingRequested"]


def test_money_of_an_unmatched_match_is_not_posted_elsewhere_unseen() -> None:
    office = Office(open_item("i1"), identified(Movement.CAPTURED), open_item("i2", invoice="RE-2", minute=2))
    office.book.given(done(office.book.sent()[-1]))
    office.decide(UnmatchEntry, posting_reference=RECEIPT)
    office.book.given(done(office.book.sent()[-1]), open_item("i2b", invoice="RE-1", minute=60))
    assert len(office.posted()) == 1
    assert office.shown(f"{RECEIPT}A1"), "but it is suggested"


def test_money_taken_back_from_the_account_is_not_posted_unseen() -> None:
    office = Office(identified(Movement.CAPTURED, invoice=None))
    office.decide(PutOnAccount, posting_reference=RECEIPT)
    office.book.given(done(office.book.sent()[-1]), open_item("i1", minute=2))
    office.decide(UnmatchEntry, posting_reference=RECEIPT)
    events = office.book.when(done(office.book.sent()[-1]))
    assert office.posted() == []
    assert [one.detail for one in events if isinstance(one, EntryWaiting)] == [
        "a person took this payment back from the customer's account; what fits besides is for a person to confirm"
    ]


def test_taking_one_payment_out_of_a_tie_does_not_post_the_others() -> None:
    office = Office(
        open_item("i1", 100_00),
        *(
            identified(Movement.CAPTURED, minor, payment=one)
            for one, minor in (("1", 30_00), ("2", 30_00), ("3", 70_00))
        ),
    )
    assert office.posted() == [], "the third pays it together with either of the others"
    office.decide(RejectMatch, posting_reference="PT1", abas_open_item_ids=("i1",))
    assert office.posted() == []


def two_payments_of_two_items() -> Office:
    return Office(
        open_item("i1"),
        open_item("i2", invoice="RE-2"),
        *(identified(Movement.CAPTURED, payment=one, invoice=None, minute=2) for one in ("1", "2")),
    )


def test_confirming_one_of_two_equal_payments_leaves_the_other_to_a_person() -> None:
    """Perhaps both pay the first invoice; nobody has said that the second payment is of the second one."""
    office = two_payments_of_two_items()
    assert office.posted() == []
    events = office.confirm(next(one for one in office.shown("PT1") if one.abas_open_item_ids == ("i1",)))
    assert office.posted() == [("PT1", "i1")]
    (waits,) = (one for one in events if isinstance(one, EntryWaiting))
    assert (waits.posting_reference, waits.reason) == ("PT2", WaitingReason.RULED_OUT_BY_PERSON)
    assert waits.detail == (
        "a person decided otherwise about RE-1 (i1), one of several that this payment could pay; "
        "what fits besides is for a person to confirm"
    )
    (left,) = office.shown("PT2")
    office.confirm(left)
    assert office.posted() == [("PT1", "i1"), ("PT2", "i2")]


def test_what_abas_says_may_answer_a_question() -> None:
    """A fact is no choice of a person: once the first invoice is paid otherwise, one item of this amount is left."""
    office = two_payments_of_two_items()
    office.book.given(open_item("i1", 0, minute=5, is_open=False))
    assert office.posted() == [("PT1", "i2")]


@settings(max_examples=80, deadline=None)
@given(properties.days)
def test_no_payment_is_posted_unseen_once_a_person_gave_away_what_was_suggested_for_it(moves: list[Any]) -> None:
    state, narrowed = receivables.INITIAL, set()
    for event in properties.live(moves).book.events:
        match event:
            case DecisionTaken() if event.decision.value == "CONFIRM":
                given_away = set(event.abas_open_item_ids)
                for reference, entry in state.entries.items():
                    choices = {option.abas_open_item_ids for option in entry.options}
                    if reference != event.posting_reference and len(choices) > 1 and given_away & set().union(*choices):
                        narrowed.add(entry.owner)
                narrowed.discard(state.entries[event.posting_reference].owner)
            case PaymentMatched() if event.decided_by is None and event.rule != "refund-voided":
                assert state.entries[event.posting_reference].owner not in narrowed
        state = receivables.evolve(state, event)


@settings(max_examples=80, deadline=None)
@given(properties.days)
def test_after_a_persons_no_only_a_person_matches_that_payment(moves: list[tuple[Any, ...]]) -> None:
    day = properties.live(moves)
    state, held = properties.state_of(day), set()
    for event in day.book.events:
        match event:
            case DecisionTaken() if event.decision.value in ("REJECT", "UNMATCH"):
                held.add(state.entries[event.posting_reference].owner)
            case PaymentMatched() if event.decided_by is None and event.rule != "refund-voided":
                assert state.entries[event.posting_reference].owner not in held


# --- B6: no line of evidence is published that is not true


def _truths(
    state: Any, chosen: tuple[str, ...], event: MatchSuggested | PaymentMatched, receipts: dict[str, Any]
) -> set[str]:
    """Every line that may be said of these two sides, computed here from the state and in another way."""
    available = dict(state.available)
    entry = receipts[event.posting_reference]
    known = {normalised_invoice(item.invoice_number) or "" for item in state.items.values()}
    named = named_invoices(entry.invoice_number, known)
    numbers = {normalised_invoice(state.items[item].invoice_number) or "" for item in chosen}
    true = {f"invoice {one}" for one in named & numbers} | {f"names invoice {one} too" for one in named - numbers}
    if named:
        true |= {f"does not name invoice {one}" for one in numbers - named}
    elif entry.invoice_number:
        true.add(f"names {entry.invoice_number.strip()}, which is no invoice of this customer")
    opens = sum(available.get(item, 0) for item in chosen)
    apart, shown = opens - entry.amount_minor, Money(opens, entry.currency)
    if apart:
        true.add(f"pays {Money(abs(apart), entry.currency)} {'less' if apart > 0 else 'more'} than the {shown} open")
    else:
        true.add(f"open amount {shown}" if len(chosen) == 1 else f"sum of {len(chosen)} open items {shown}")
        sums = [c for size in range(1, len(available) + 1) for c in combinations(available.values(), size)]
        if sum(sum(one) == opens for one in sums) == 1:
            true.add("the only such sum")
        if list(available.values()).count(opens) == 1:
            true.add("the only open item of this amount")
    return true


amounts = st.sampled_from([40_00, 60_00, 100_00, 100_00, 98_00, 103_00, 160_00, 10_01, 300_00])
books = st.tuples(
    st.lists(st.tuples(amounts, st.sampled_from(["RE-1", "RE-2", "RE-3"])), min_size=1, max_size=5),
    st.lists(
        st.tuples(amounts, st.sampled_from([None, "RE-1", "RE-2", "RE-1, RE-2", "PO 77", ""])), min_size=1, max_size=3
    ),
    st.lists(st.integers(0, 4), max_size=2),
)


@settings(max_examples=250, deadline=None)
@given(books)
def test_no_evidence_is_published_that_is_not_true_of_the_two_sides(
    book: tuple[list[tuple[int, str]], list[tuple[int, str | None]], list[int]],
) -> None:
    items, payments, rejected = book
    office = Office(*(open_item(f"i{n}", minor, invoice=number) for n, (minor, number) in enumerate(items, 1)))
    for n, (minor, invoice) in enumerate(payments, 1):
        before = state_of(office)
        events = office.book.when(identified(Movement.CAPTURED, minor, payment=str(n), invoice=invoice, minute=n))
        check(office, before, events)
    for number in rejected:
        shown = [one for entry in office.book.state.entries.values() if entry.is_waiting for one in entry.options]
        if shown:
            before = state_of(office)
            check(office, before, office.reject(shown[number % len(shown)]))


def state_of(office: Office) -> Any:
    return office.book.state if office.book.states else receivables.INITIAL


def check(office: Office, state: Any, events: list[Any]) -> None:
    """Each line holds in the state in which it was published; a joint payment and its whole are compared as such."""
    receipts: dict[str, Any] = {}
    first: dict[str, Any] = {}
    for event in events:
        whole = {**state.entries, **receipts}
        if isinstance(event, EntrySplit):
            receipts |= dict.fromkeys(event.part_references, state.entries[event.posting_reference])
            first[event.paytrace_transaction_id] = state
        if isinstance(event, MatchSuggested):
            assert event.agrees + event.differs
            assert set(event.agrees + event.differs) <= _truths(state, event.abas_open_item_ids, event, whole), event
        if isinstance(event, PaymentMatched) and "paid together" not in str(event.evidence):
            mine = [one for one in events if isinstance(one, PaymentMatched) and one.evidence == event.evidence]
            chosen = tuple(
                one.abas_open_item_id for one in mine if one.paytrace_transaction_id == event.paytrace_transaction_id
            )
            assert event.evidence
            compared = first.get(event.paytrace_transaction_id, state)
            assert set(event.evidence + event.differs) <= _truths(compared, chosen, event, whole), event
        state = receivables.evolve(state, event)


def test_rivals_say_only_what_is_true_of_them() -> None:
    first, second = tie().shown()
    assert (first.agrees, first.differs) == (("open amount 100.00 USD",), ())
    assert (second.agrees, second.differs, second.kind) == (("open amount 100.00 USD",), (), "")
    elsewhere = tie("PO 77").shown()
    assert {one.differs for one in elsewhere} == {("names PO 77, which is no invoice of this customer",)}
    assert not any(line.startswith("invoice ") for one in elsewhere for line in one.agrees)


def test_what_a_person_divides_is_compared_too() -> None:
    office = Office(open_item("i1", 40_00), open_item("i2", invoice="RE-2"), identified(Movement.CAPTURED))
    meaning: dict[str, Any] = {"abas_open_item_ids": ("i1", "i2"), "part_amounts": (40_00, 60_00), "currency": "USD"}
    matched = [
        one
        for one in office.decide(SplitEntry, posting_reference=RECEIPT, **meaning)
        if isinstance(one, PaymentMatched)
    ]
    said = ("divided by mweber: customer called", "invoice RE-1")
    differs = ("does not name invoice RE-2", "pays 40.00 USD less than the 140.00 USD open")
    assert [(one.evidence, one.differs) for one in matched] == [(said, differs)] * 2
    assert replace(matched[0], posting_reference="") != matched[1]
