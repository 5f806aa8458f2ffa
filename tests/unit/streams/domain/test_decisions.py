"""What a person decides: what follows, what is refused and why, and that a word said twice counts once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import pytest

from schemas.records.identification import Movement, WaitingReason
from schemas.records.receivables import (
    ConfirmMatch,
    Decision,
    DecisionRefused,
    DecisionTaken,
    EntryWaiting,
    HandToFinance,
    MatchRefund,
    PaymentMatched,
    PostAgain,
    PutOnAccount,
    PutRefundOnAccount,
    ReassignPayment,
    RejectMatch,
    ReverseWriteOff,
    SplitEntry,
    UnmatchEntry,
    WriteOffRest,
)
from streams.domain import receivables
from streams.domain.receivables.account import EntryStatus
from tests.support.builders import CUSTOMER, PAYMENT, Ledger, at, done, identified, key_by, kinds, open_item, refused
from tests.support.policies import RECEIVABLES

RECEIPT = f"PT{PAYMENT}"
MINUTES = iter(range(100, 100_000))
T = TypeVar("T")


def decided(kind: type[T], **fields: Any) -> T:
    minute = next(MINUTES)
    reported = {
        "command_id": f"c{minute}",
        "abas_customer_id": CUSTOMER,
        "decided_by": "mweber",
        "reason": "phone call",
    }
    return kind(**{**reported, "occurred_at": at(minute), **fields})


def confirmed(*items: str, amounts: tuple[int, ...] = (100_00,), code: str = "") -> ConfirmMatch:
    fields = {"part_amounts": amounts, "currency": "USD", "suggestion_code": code}
    return decided(ConfirmMatch, posting_reference=RECEIPT, abas_open_item_ids=items, **fields)


def divided(*parts: tuple[str, int], reference: str = RECEIPT, currency: str = "USD") -> SplitEntry:
    items, amounts = tuple(item for item, _ in parts), tuple(minor for _, minor in parts)
    fields = {"abas_open_item_ids": items, "part_amounts": amounts, "currency": currency}
    return decided(SplitEntry, posting_reference=reference, **fields)


def ledger(*records: Any) -> Ledger:
    return Ledger(receivables, key_by("abas_customer_id")).given(*records)


def short() -> Ledger:
    """100.00 paid for an invoice of 103.00: suggested, not posted."""
    return ledger(open_item("i1", 103_00), identified(Movement.CAPTURED))


def posted() -> Ledger:
    book = ledger(open_item("i1"), identified(Movement.CAPTURED))
    return book.given(done(book.sent()[-1]))


def refusal(book: Ledger, command: Any) -> str:
    """Why a command is refused; nothing else follows from it."""
    sent = len(book.outputs)
    (event,) = book.when(command)
    assert isinstance(event, DecisionRefused)
    assert (event.decided_by, event.reason, event.occurred_at) == ("mweber", "phone call", command.occurred_at)
    assert book.when(command) == []
    assert len(book.outputs) == sent
    return event.refused_because


# --- confirm and reject


def test_a_confirmed_suggestion_is_posted_with_its_evidence_and_its_person() -> None:
    book = short()
    command = confirmed("i1")
    events = book.when(command)
    assert kinds(events) == ["DecisionTaken", "PaymentMatched", "PostingRequested"]
    taken, matched, _ = events
    assert (taken.decision, taken.decided_by, taken.reason) == (Decision.CONFIRM, "mweber", "phone call")
    assert (matched.rule, matched.decided_by, matched.amount_minor) == ("fee-or-discount", "mweber", 100_00)
    assert matched.differs == ("pays 3.00 USD less than the 103.00 USD open",)
    assert book.sent("cash_receipt")[-1].abas_open_item_id == "i1"
    assert book.when(command) == []


def test_a_stale_suggestion_is_refused() -> None:
    book = short().given(open_item("i1", 0, minute=9, is_open=False))
    assert "no longer, suggested" in refusal(book, confirmed("i1"))
    assert "no longer, suggested" in refusal(short(), confirmed("i9"))


def test_what_is_paid_over_waits_on_as_a_part() -> None:
    book = ledger(open_item("i1", 97_00), identified(Movement.CAPTURED))
    events = book.when(confirmed("i1", amounts=(97_00,)))
    assert kinds(events)[:4] == ["DecisionTaken", "EntrySplit", "EntryPartMade", "EntryPartMade"]
    assert [(c.posting_reference, c.amount_minor) for c in book.sent("cash_receipt")] == [(f"{RECEIPT}S1", 97_00)]
    waiting = next(event for event in events if isinstance(event, EntryWaiting))
    assert (waiting.posting_reference, waiting.amount_minor) == (f"{RECEIPT}S2", 3_00)


def test_what_is_rejected_is_never_suggested_again_nor_posted() -> None:
    book = short()
    command = decided(RejectMatch, posting_reference=RECEIPT, abas_open_item_ids=("i1",))
    events = book.when(command)
    assert kinds(events) == ["DecisionTaken", "EntryWaiting"]
    assert "ruled out for this payment by a person" in events[1].detail
    assert book.when(command) == []
    again = book.when(open_item("i1", 100_00, minute=50))
    assert kinds(again) == ["OpenItemRecorded"], "not even when the amount fits now"
    assert "no longer, suggested" in refusal(
        book, decided(RejectMatch, posting_reference=RECEIPT, abas_open_item_ids=("i1",))
    )


# --- divide and put on account


def test_a_receipt_is_divided_over_items_and_the_account() -> None:
    book = ledger(open_item("i1", 70_00), open_item("i2", 50_00, invoice="RE-2"), identified(Movement.CAPTURED))
    book.when(divided(("i1", 70_00), ("i2", 20_00), ("", 10_00)))
    assert [command.kind for command in book.sent()] == ["cash_receipt", "cash_receipt", "on_account_receipt"]
    assert [(command.posting_reference, command.amount_minor) for command in book.sent()] == [
        (f"{RECEIPT}S1", 70_00),
        (f"{RECEIPT}S2", 20_00),
        (f"{RECEIPT}S3", 10_00),
    ]
    assert dict(book.state.available) == {"i2": 30_00}


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((("i1", 70_00), ("i2", 20_00)), "sum to 90.00 USD, the receipt is 100.00 USD"),
        ((("i1", 70_01), ("i2", 29_99)), "RE-1 has 70.00 USD left"),
        ((("i1", 40_00), ("i1", 40_00), ("i2", 20_00)), "RE-1 has 70.00 USD left to be paid, asked for were 80.00 USD"),
        ((("i1", 100_00), ("i2", 0)), "more than nothing"),
        ((("i9", 100_00),), "no open item i9"),
        ((("e1", 100_00),), "is in EUR"),
        ((), "needs an open item"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: tuple[tuple[str, int], ...], why: str) -> None:
    euros = open_item("e1", 100_00, invoice="RE-9", currency="EUR")
    items = (open_item("i1", 70_00), open_item("i2", 50_00, invoice="RE-2"), euros)
    assert why in refusal(ledger(*items, identified(Movement.CAPTURED)), divided(*parts))


def test_parts_in_another_currency_are_refused() -> None:
    assert "the parts are in EUR" in refusal(short(), divided(("i1", 100_00), currency="EUR"))


def test_money_on_account_is_taken_back_like_any_other() -> None:
    book = ledger(identified(Movement.CAPTURED))
    events = book.when(decided(PutOnAccount, posting_reference=RECEIPT))
    assert kinds(events) == ["DecisionTaken", "EntryPutOnAccount", "PostingRequested"]
    command = book.sent()[-1]
    assert command.kind == "on_account_receipt"
    book.given(done(command), identified(Movement.VOIDED, minute=9))
    reversal = book.sent("on_account_receipt_reversal")[-1]
    assert (reversal.reverses_reference, reversal.abas_open_item_id, reversal.amount_minor) == (RECEIPT, None, 100_00)


def test_a_refused_posting_may_be_decided_otherwise() -> None:
    book = ledger(open_item("i1"), open_item("i2", invoice="RE-2"), identified(Movement.CAPTURED))
    book.given(refused(book.sent()[-1]))
    assert kinds(book.when(divided(("i2", 100_00)))) == ["DecisionTaken", "PaymentMatched", "PostingRequested"]
    assert [command.abas_open_item_id for command in book.sent("cash_receipt")] == ["i1", "i2"]


# --- post again


def again(reference: str = RECEIPT) -> PostAgain:
    return decided(PostAgain, posting_reference=reference)


def test_a_refused_receipt_is_asked_for_again_as_the_same_document() -> None:
    book = ledger(open_item("i1"), identified(Movement.CAPTURED))
    first = book.sent()[-1]
    book.given(refused(first))
    command = again()
    assert kinds(book.when(command)) == ["DecisionTaken", "PostingRequested"]
    assert book.when(command) == []
    second = book.sent()[-1]
    assert second == replace(first, occurred_at=command.occurred_at)
    assert kinds(book.when(done(second))) == ["EntryPosted"]


@pytest.mark.parametrize("parts", [(("i1", 100_00),), (("i1", 60_00), ("", 40_00)), (("", 40_00), ("i1", 60_00))])
def test_what_abas_refused_on_account_goes_to_the_items_that_a_person_names_next(
    parts: tuple[tuple[str, int], ...],
) -> None:
    book = ledger(identified(Movement.CAPTURED), open_item("i1", 300_00))
    book.given(decided(PutOnAccount, posting_reference=RECEIPT))
    book.given(refused(book.sent()[-1]))
    book.given(divided(*parts))
    asked = {one.amount_minor: one.abas_open_item_id or "" for one in book.sent()[-len(parts) :]}
    assert asked == {minor: item for item, minor in parts}


def test_a_refused_receipt_on_account_and_a_refused_reversal_are_asked_for_again() -> None:
    book = ledger(identified(Movement.CAPTURED)).given(decided(PutOnAccount, posting_reference=RECEIPT))
    book.given(refused(book.sent()[-1]), again())
    assert book.sent()[-1].kind == "on_account_receipt"
    book = posted().given(identified(Movement.VOIDED, minute=9))
    reversal = book.sent()[-1]
    book.given(refused(reversal))
    assert kinds(book.when(again(f"{RECEIPT}V"))) == ["DecisionTaken", "PostingRequested"]
    repeated = book.sent()[-1]
    assert repeated.kind == "cash_receipt_reversal"
    assert repeated == replace(reversal, occurred_at=repeated.occurred_at)


def test_what_is_not_refused_or_fits_no_more_is_not_asked_for_again() -> None:
    assert "was not refused by abas" in refusal(short(), again())
    assert "was not refused by abas" in refusal(posted(), again())
    assert "is no entry of this customer" in refusal(short(), again("PT0"))
    written = rest()
    written.when(written_off())
    written.given(refused(written.sent()[-1]))
    assert "decide the write-off anew" in refusal(written, again(f"{RECEIPT}W1"))
    paid = ledger(open_item("i1"), identified(Movement.CAPTURED))
    paid.given(refused(paid.sent()[-1]), open_item("i1", 40_00, minute=9, amount_minor=100_00))
    assert "has 40.00 USD left to be paid" in refusal(paid, again())


# --- unmatch


def test_a_posted_match_is_reversed_then_the_money_waits_and_may_be_matched_elsewhere() -> None:
    book = posted()
    command = decided(UnmatchEntry, posting_reference=RECEIPT)
    assert kinds(book.when(command)) == ["DecisionTaken", "EntryUnmatched", "PostingRequested", "EntryWaiting"]
    reversal = book.sent("cash_receipt_reversal")[-1]
    assert (reversal.posting_reference, reversal.reason) == (f"{RECEIPT}U1", "CORRECTION")
    assert "waits until abas holds" in refusal(book, decided(PutOnAccount, posting_reference=f"{RECEIPT}A1"))
    events = book.when(done(reversal))
    assert [(event.posting_reference, event.reason) for event in events if isinstance(event, EntryWaiting)] == [
        (f"{RECEIPT}A1", WaitingReason.NO_OPEN_ITEM)
    ]
    book.when(open_item("i1", minute=60, invoice="RE-1a"))
    assert len(book.sent("cash_receipt")) == 1, "never with this item again"
    book.when(divided(("i1", 100_00), reference=f"{RECEIPT}A1"))
    assert book.sent("cash_receipt")[-1].posting_reference == f"{RECEIPT}A1", "but a person may say so"


def test_a_refund_after_an_unmatched_match_cancels_out_with_the_money_that_waits() -> None:
    book = posted().given(decided(UnmatchEntry, posting_reference=RECEIPT))
    events = book.when(identified(Movement.REFUNDED, payment="9"))
    assert kinds(events) == ["MovementRecorded", "RefundMatched", "EntryNetted", "EntryNetted"]


def test_an_unposted_match_is_simply_dissolved() -> None:
    book = ledger(open_item("i1"), open_item("i2", invoice="RE-2"), identified(Movement.CAPTURED, invoice=None))
    assert book.outputs == []
    book = ledger(open_item("i1"), identified(Movement.CAPTURED))
    book.given(refused(book.sent()[-1]))
    events = book.when(decided(UnmatchEntry, posting_reference=RECEIPT))
    assert kinds(events) == ["DecisionTaken", "EntryUnmatched", "EntryWaiting"]
    assert (events[1].reversal_reference, events[1].abas_open_item_id) == (None, "i1")
    assert "ruled out" in events[2].detail


def test_what_cannot_be_unmatched_now_says_why() -> None:

    def unmatch(reference: str) -> UnmatchEntry:
        return decided(UnmatchEntry, posting_reference=reference)

    assert "no receipt PT0" in refusal(short(), unmatch("PT0"))
    assert "matched with nothing" in refusal(short(), unmatch(RECEIPT))
    assert "is being posted" in refusal(short().given(confirmed("i1")), unmatch(RECEIPT))
    taken_back = posted().given(identified(Movement.VOIDED))
    assert f"all of {RECEIPT} is reversed already" in refusal(taken_back, unmatch(RECEIPT))
    assert "no receipt" in refusal(taken_back, unmatch(f"{RECEIPT}V"))
    netted = ledger(identified(Movement.CAPTURED), identified(Movement.VOIDED))
    assert "cancelled out" in refusal(netted, unmatch(RECEIPT))
    parts = ledger(open_item("i1", 70_00), identified(Movement.CAPTURED)).given(divided(("i1", 70_00), ("", 30_00)))
    assert "unmatch its parts" in refusal(parts, unmatch(RECEIPT))


# --- what else a person cannot decide


def test_only_a_receipt_that_waits_is_decided_about() -> None:

    def account(reference: str) -> PutOnAccount:
        return decided(PutOnAccount, posting_reference=reference)

    assert "no entry PT0" in refusal(short(), account("PT0"))
    assert "is being posted" in refusal(short().given(confirmed("i1")), account(RECEIPT))
    assert "unmatch it first" in refusal(posted(), account(RECEIPT))
    waiting = short().given(identified(Movement.REFUNDED, 500_00, payment="9"))
    assert "takes money back" in refusal(waiting, account("PT9"))
    netted = ledger(identified(Movement.CAPTURED), identified(Movement.VOIDED))
    assert "cancelled out" in refusal(netted, account(RECEIPT))
    parts = ledger(open_item("i1", 70_00), identified(Movement.CAPTURED)).given(divided(("i1", 70_00), ("", 30_00)))
    assert "decide about its parts" in refusal(parts, account(RECEIPT))


# --- write off


def rest(minor: int = 3_00) -> Ledger:
    """A short payment that abas holds, and the rest that abas shows."""
    book = ledger(open_item("i1", 100_00 + minor), identified(Movement.CAPTURED))
    if minor > 5_15:  # past what is suggested by the amount alone, a person names the item
        book.given(divided(("i1", 100_00)))
    else:
        book.given(confirmed("i1"))
    book.given(done(book.sent()[-1]))
    return book.given(open_item("i1", minor, minute=99_999, amount_minor=100_00 + minor))


def written_off(minor: int | None = None, *, currency: str = "USD", item: str = "i1") -> WriteOffRest:
    return decided(WriteOffRest, abas_open_item_id=item, amount_minor=minor, currency=currency)


def test_a_rest_within_the_limit_is_written_off_once() -> None:
    book = rest()
    command = written_off()
    events = book.when(command)
    assert kinds(events) == ["DecisionTaken", "PostingRequested"]
    asked = book.sent("write_off")[-1]
    assert (asked.posting_reference, asked.amount_minor, asked.text) == (f"{RECEIPT}W1", 3_00, "phone call")
    assert book.when(command) == []
    assert dict(book.state.available) == {}
    outcome = done(asked)
    assert kinds(book.when(outcome)) == ["EntryPosted"]
    assert book.when(outcome) == []
    assert sum(entry.signed_minor for entry in book.state.entries.values()) == 100_00, "none of the payer's money"


def test_a_write_off_that_abas_refuses_leaves_the_rest_open() -> None:
    book = rest()
    book.when(written_off(1_00))
    outcome = refused(book.sent("write_off")[-1])
    (event,) = book.when(outcome)
    assert kinds([event]) == ["EntryWaiting"]
    assert event.detail == "PERIOD: posting period is closed"
    assert book.when(outcome) == []
    assert dict(book.state.available) == {"i1": 3_00}
    assert book.when(written_off())[1].posting_reference == f"{RECEIPT}W2"


def test_a_write_off_that_does_not_fit_is_refused() -> None:
    limit = RECEIVABLES.write_offs.limits_minor["USD"]
    assert "above the limit of 10.00 USD for one invoice (limits version 1)" in refusal(rest(limit + 1), written_off())
    twice = rest(limit + 5)
    assert kinds(twice.when(written_off(limit - 1))) == ["DecisionTaken", "PostingRequested"]
    assert "above the limit" in refusal(twice, written_off(2))
    assert "nothing of invoice RE-1 is paid" in refusal(short(), written_off())
    assert "has 3.00 USD left" in refusal(rest(), written_off(3_01))
    assert "has 3.00 USD left" in refusal(rest(), written_off(0))
    assert "is in USD, not in EUR" in refusal(rest(), written_off(currency="EUR"))
    assert "no open item i9" in refusal(rest(), written_off(item="i9"))


def undone(reference: str = f"{RECEIPT}W1") -> ReverseWriteOff:
    return decided(ReverseWriteOff, posting_reference=reference)


def written() -> Ledger:
    """A rest of 3.00 that abas holds as written off."""
    book = rest()
    book.when(written_off())
    return book.given(done(book.sent()[-1]))


def test_a_write_off_is_taken_back_by_a_document_and_the_rest_is_open_again() -> None:
    book = written()
    command = undone()
    assert kinds(book.when(command)) == ["DecisionTaken", "PostingRequested"]
    asked = book.sent("write_off_reversal")[-1]
    assert (asked.posting_reference, asked.reverses_reference) == (f"{RECEIPT}W1U1", f"{RECEIPT}W1")
    assert (asked.abas_open_item_id, asked.amount_minor) == ("i1", 3_00)
    assert dict(book.state.available) == {}, "not before abas has confirmed it"
    assert "is reversed already" in refusal(book, undone())
    outcome = done(asked)
    assert kinds(book.when(outcome)) == ["EntryPosted"]
    assert book.when(outcome) == []
    assert dict(book.state.available) == {"i1": 3_00}
    assert "is reversed already" in refusal(book, undone())
    assert sum(entry.signed_minor for entry in book.state.entries.values()) == 100_00, "none of the payer's money"
    assert book.when(written_off())[1].posting_reference == f"{RECEIPT}W2", "the limit counts what stands"


def test_a_write_off_that_abas_will_not_take_back_stands_and_may_be_asked_about_again() -> None:
    book = written()
    book.when(undone())
    (event,) = book.when(refused(book.sent()[-1]))
    assert (kinds([event]), event.detail) == (["EntryWaiting"], "PERIOD: posting period is closed")
    assert dict(book.state.available) == {}
    assert book.when(undone())[1].posting_reference == f"{RECEIPT}W1U2"


def test_only_a_posted_write_off_is_taken_back() -> None:
    assert "no write-off PT0W1" in refusal(rest(), undone("PT0W1"))
    asked = rest()
    asked.when(written_off())
    assert "is being posted" in refusal(asked, undone())
    asked.given(refused(asked.sent()[-1]))
    assert "abas refused" in refusal(asked, undone())
    reversed_ = written()
    reversed_.when(undone())
    assert "no write-off" in refusal(reversed_, undone(f"{RECEIPT}W1U1"))


def test_a_write_off_is_nobodys_money() -> None:
    """What is decided about the money of a payer finds no write-off, not even one that abas refused."""
    book, reference = rest(), f"{RECEIPT}W1"
    book.when(written_off())
    book.given(refused(book.sent()[-1]))
    assert book.state.entries[reference].owner == ""
    parts = {"abas_open_item_ids": ("i1",), "part_amounts": (3_00,), "currency": "USD"}
    for command in (
        decided(ConfirmMatch, posting_reference=reference, **parts),
        decided(RejectMatch, posting_reference=reference, abas_open_item_ids=("i1",)),
        decided(SplitEntry, posting_reference=reference, **parts),
        decided(PutOnAccount, posting_reference=reference),
        decided(MatchRefund, posting_reference=reference, payment_id=PAYMENT),
        decided(PutRefundOnAccount, posting_reference=reference),
        decided(HandToFinance, posting_reference=reference),
    ):
        assert refusal(book, command) == f"this customer has no entry {reference}"
    assert "no receipt" in refusal(book, decided(UnmatchEntry, posting_reference=reference))
    assert "decide the write-off anew" in refusal(book, decided(PostAgain, posting_reference=reference))
    unnamed = decided(ReassignPayment, paytrace_transaction_id="", to_customer_id="70002")
    assert "has no money of payment" in refusal(book, unnamed)


def test_a_write_off_stays_when_its_payment_moves() -> None:
    book = written()
    book.when(decided(ReassignPayment, paytrace_transaction_id=PAYMENT, to_customer_id="70002"))
    book.given(done(book.sent()[-1]))
    moved = [entry.posting_reference for entry in book.state.entries.values() if entry.status is EntryStatus.MOVED]
    assert moved == [f"{RECEIPT}A1"]
    (event,) = book.when(decided(ReassignPayment, paytrace_transaction_id=PAYMENT, to_customer_id="70003"))
    assert event.refused_because == f"payment {PAYMENT} went to customer 70002; decide there"


# --- what every command has in common


def test_every_command_leaves_who_when_and_why() -> None:
    book = short()
    for command in (confirmed("i1"), confirmed("i1")):
        (event, *_) = book.when(command)
        assert isinstance(event, DecisionTaken | DecisionRefused)
        assert (event.command_id, event.occurred_at) == (command.command_id, command.occurred_at)
    assert [type(event).__name__ for event in book.events if isinstance(event, PaymentMatched)] == ["PaymentMatched"]
