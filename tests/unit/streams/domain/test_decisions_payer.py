"""Whose money a person says it is, and refunds without a payment: what follows, what is refused, where it ends."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.failures import Unreadable
from schemas.records.erp import PostDocument
from schemas.records.identification import Movement, WaitingReason
from schemas.records.payments import RefundLinked
from schemas.records.receivables import (
    Decision,
    DecisionRefused,
    DecisionTaken,
    EntryHandedOver,
    EntryMoved,
    HandToFinance,
    MatchRefund,
    PostAgain,
    PutRefundOnAccount,
    ReassignPayment,
)
from streams.domain import receivables
from streams.domain.receivables.account import EntryKind, EntryStatus
from tests.support.builders import (
    CUSTOMER,
    PAYMENT,
    SIGNS,
    Ledger,
    asked,
    at,
    done,
    identified,
    key_by,
    open_item,
    refused,
)
from tests.support.policies import RECEIVABLES
from tests.support.typed import as_a

RIGHT, THIRD = "70002", "70003"
RECEIPT = f"PT{PAYMENT}"


class Customers:
    """The receivables of all customers, and abas, whose answers may be held back."""

    def __init__(self) -> None:
        self.book = Ledger(receivables, key_by("abas_customer_id"))
        self.asked: deque[Any] = deque()
        self.posted: dict[str, Any] = {}

    def report(self, *records: Any, answers: bool = True) -> list[Any]:
        """Decide records and all that follows; with `answers`, abas does all that it was asked."""
        events: list[Any] = []
        inbox = deque(records)
        while inbox or (answers and self.asked):
            if not inbox:
                inbox.append(self.answer())
            said = len(self.book.outputs)
            events += self.book.when(inbox.popleft())
            for out in self.book.outputs[said:]:
                if out.topic == "erp.commands.v1":
                    self.asked.append(asked(as_a(PostDocument, out.record)))
                elif out.topic == "receivables.inbox.v1":
                    inbox.append(out.record)
        return events

    def answer(self, outcome: Any = done) -> Any:
        command = self.asked.popleft()
        if outcome is done:
            known = self.posted.setdefault(command.posting_reference, command)
            assert known == command, "a document of this reference is in abas already, for something else"
        return outcome(command)

    def entry(self, reference: str, customer: str = CUSTOMER) -> Any:
        return self.book.states[customer].entries[reference]

    def balance(self, customer: str) -> int:
        state = self.book.states.get(customer)
        return sum(entry.signed_minor for entry in state.entries.values()) if state else 0

    def in_abas(self, customer: str) -> int:
        """Receipts less reversals that abas holds of this customer."""
        held = [command for command in self.posted.values() if command.abas_customer_id == customer]
        return sum(one.amount_minor if one.kind == "cash_receipt" else -one.amount_minor for one in held)


MINUTES = count(100)


T = TypeVar("T")


def decided(kind: type[T], customer: str = CUSTOMER, **fields: Any) -> T:
    minute = next(MINUTES)
    reported = {
        "command_id": f"c{minute}",
        "abas_customer_id": customer,
        "decided_by": "mweber",
        "reason": "their letter",
    }
    return kind(**{**reported, "occurred_at": at(minute), **fields})


def reassigned(to: str = RIGHT, customer: str = CUSTOMER, payment: str = PAYMENT) -> ReassignPayment:
    return decided(ReassignPayment, customer, paytrace_transaction_id=payment, to_customer_id=to)


def items() -> tuple[Any, ...]:
    """The same invoice amount is open at both customers."""
    return open_item("i1"), open_item("i2", invoice="RE-2", customer=RIGHT)


def refund(amount_minor: int = 30_00, **fields: Any) -> Any:
    return identified(Movement.REFUNDED, amount_minor, payment="9001", invoice=None, minute=5, **fields)


# -- reassigning ---------------------------------------------------------------------------------------------------


def test_a_posted_payment_is_taken_back_at_the_wrong_customer_and_posted_at_the_right_one() -> None:
    line = Customers()
    line.report(*items(), identified(Movement.CAPTURED, invoice=None))
    taken, *_ = line.report(reassigned())
    assert isinstance(taken, DecisionTaken)
    assert (taken.decision, taken.posting_reference, taken.decided_by) == (Decision.REASSIGN, RECEIPT, "mweber")
    assert [(c.posting_reference, c.abas_customer_id) for c in line.posted.values()] == [
        (RECEIPT, CUSTOMER),
        (f"{RECEIPT}U1", CUSTOMER),
        (f"{RECEIPT}A1", RIGHT),
    ]
    assert (line.in_abas(CUSTOMER), line.in_abas(RIGHT)) == (0, 100_00)
    assert line.entry(f"{RECEIPT}A1").status is EntryStatus.MOVED


def test_the_right_customer_gets_the_money_only_when_abas_has_taken_it_back() -> None:
    line = Customers()
    line.report(*items(), identified(Movement.CAPTURED, invoice=None))
    events = line.report(reassigned(), answers=False)
    assert not [event for event in events if isinstance(event, EntryMoved)]
    assert (line.balance(CUSTOMER), line.balance(RIGHT)) == (100_00, 0)
    line.report()
    assert (line.balance(CUSTOMER), line.balance(RIGHT)) == (0, 100_00)


@pytest.mark.parametrize("answer", [done, refused])
def test_a_document_on_its_way_to_abas_is_answered_first(answer: Any) -> None:
    line = Customers()
    line.report(*items(), identified(Movement.CAPTURED, invoice=None), answers=False)
    assert isinstance(line.report(reassigned(), answers=False)[0], DecisionTaken)
    assert line.entry(RECEIPT).status is EntryStatus.REQUESTED
    line.report(line.answer(answer))
    assert (line.in_abas(CUSTOMER), line.in_abas(RIGHT)) == (0, 100_00)
    assert (line.balance(CUSTOMER), line.balance(RIGHT)) == (0, 100_00)


def test_money_that_waits_goes_at_once_under_its_own_reference() -> None:
    line = Customers()
    line.report(open_item("i1", 103_00), identified(Movement.CAPTURED), open_item("i2", customer=RIGHT))
    line.report(reassigned())
    assert [(c.posting_reference, c.abas_customer_id) for c in line.posted.values()] == [(RECEIPT, RIGHT)]


def test_what_was_refunded_before_stays_and_only_the_rest_moves() -> None:
    line = Customers()
    line.report(*items(), identified(Movement.CAPTURED), refund(30_00))
    line.report(decided(MatchRefund, posting_reference="PT9001", payment_id=PAYMENT))
    line.report(reassigned())
    assert (line.in_abas(CUSTOMER), line.balance(CUSTOMER), line.balance(RIGHT)) == (0, 0, 70_00)


@pytest.mark.parametrize("movement", [Movement.VOIDED, Movement.RETURNED, Movement.AMOUNT_DECREASED])
@pytest.mark.parametrize("early", [True, False], ids=["before abas answered", "afterwards"])
def test_what_takes_the_payment_back_later_follows_it(movement: Movement, *, early: bool) -> None:
    line = Customers()
    line.report(*items(), identified(Movement.CAPTURED, invoice=None))
    line.report(reassigned(), answers=not early)
    line.report(identified(movement, 100_00, invoice=None, minute=300))
    assert (line.balance(CUSTOMER), line.balance(RIGHT)) == (0, 0)
    assert (line.in_abas(CUSTOMER), line.in_abas(RIGHT)) == (0, 0)


def test_a_second_reassignment_goes_on_from_where_the_money_is() -> None:
    line = Customers()
    line.report(*items(), open_item("i3", customer=THIRD), identified(Movement.CAPTURED, invoice=None))
    line.report(reassigned())
    line.report(reassigned(THIRD, RIGHT))
    assert [line.in_abas(customer) for customer in (CUSTOMER, RIGHT, THIRD)] == [0, 0, 100_00]
    line.report(identified(Movement.VOIDED, invoice=None, minute=300))
    assert [line.in_abas(customer) for customer in (CUSTOMER, RIGHT, THIRD)] == [0, 0, 0]


def test_a_payment_may_come_back() -> None:
    line = Customers()
    line.report(*items(), identified(Movement.CAPTURED, invoice=None))
    line.report(reassigned())
    line.report(reassigned(CUSTOMER, RIGHT))
    assert (line.in_abas(CUSTOMER), line.in_abas(RIGHT)) == (100_00, 0)
    line.report(identified(Movement.VOIDED, invoice=None, minute=300))
    assert (line.in_abas(CUSTOMER), line.balance(CUSTOMER), line.balance(RIGHT)) == (0, 0, 0)


def test_what_cannot_be_reassigned_says_why() -> None:
    line = Customers()
    (nothing,) = line.report(reassigned())
    assert nothing.refused_because == f"customer {CUSTOMER} has no money of payment {PAYMENT}"
    line.report(*items(), identified(Movement.CAPTURED))
    (same,) = line.report(reassigned(CUSTOMER))
    assert same.refused_because == f"payment {PAYMENT} is with customer {CUSTOMER} already"
    line.report(reassigned())
    (gone,) = line.report(reassigned(THIRD))
    assert gone.refused_because == f"payment {PAYMENT} went to customer {RIGHT}; decide there"
    line.report(identified(Movement.CAPTURED, payment="5", invoice="RE-9"), identified(Movement.VOIDED, payment="5"))
    (over,) = line.report(reassigned(payment="5"))
    assert "is left to move" in over.refused_because


def test_an_entry_for_another_customer_is_unreadable_and_one_that_came_twice_counts_once() -> None:
    line = Customers()
    line.report(open_item("i1", 103_00), identified(Movement.CAPTURED), reassigned())
    (came,) = [out.record for out in line.book.outputs if isinstance(out.record, EntryMoved)]
    assert line.report(came) == []
    moved = line.book.events[[type(e) for e in line.book.events].index(EntryMoved)]
    with pytest.raises(Unreadable, match="goes to 70002"):
        receivables.decide(receivables.INITIAL, moved, RECEIVABLES)


# -- refunds without a payment -------------------------------------------------------------------------------------


def refund_waits() -> Customers:
    line = Customers()
    line.report(*items(), identified(Movement.CAPTURED, invoice="RE-1"), refund(30_00))
    assert line.entry("PT9001").reason is WaitingReason.REFUND_WITHOUT_PAYMENT
    return line


@pytest.mark.parametrize("name", [PAYMENT, RECEIPT])
def test_a_refund_is_matched_by_hand_to_a_payment_named_by_id_or_reference(name: str) -> None:
    line = refund_waits()
    line.report(decided(MatchRefund, posting_reference="PT9001", payment_id=name))
    reversal = line.posted["PT9001"]
    assert reversal.kind == "cash_receipt_reversal"
    assert (reversal.reverses_reference, reversal.amount_minor) == (RECEIPT, 30_00)
    (link,) = line.book.sent(RefundLinked)
    assert (link.paytrace_transaction_id, link.refund_transaction_id, link.linked_by) == (PAYMENT, "9001", "by-hand")


@pytest.mark.parametrize(
    ("amount", "currency", "payment", "why"),
    [
        (100_01, "USD", PAYMENT, f"payment {PAYMENT} has 100.00 USD left, the refund is 100.01 USD"),
        (30_00, "EUR", PAYMENT, f"payment {PAYMENT} is in USD, the refund is 30.00 EUR"),
        (30_00, "USD", "4", "customer 70001 has no payment 4; reassign the refund first"),
    ],
)
def test_a_refund_is_not_matched_to_what_cannot_have_brought_it(
    amount: int, currency: str, payment: str, why: str
) -> None:
    line = Customers()
    line.report(*items(), identified(Movement.CAPTURED), refund(amount, currency=currency))
    (refusal,) = line.report(decided(MatchRefund, posting_reference="PT9001", payment_id=payment))
    assert isinstance(refusal, DecisionRefused)
    assert refusal.refused_because == why


def test_no_more_is_refunded_than_was_captured_though_several_refunds_are_matched() -> None:
    line = refund_waits()
    line.report(identified(Movement.REFUNDED, 80_00, payment="9002", invoice=None, minute=6))
    line.report(decided(MatchRefund, posting_reference="PT9001", payment_id=PAYMENT))
    (refusal,) = line.report(decided(MatchRefund, posting_reference="PT9002", payment_id=PAYMENT))
    assert refusal.refused_because == f"payment {PAYMENT} has 70.00 USD left, the refund is 80.00 USD"


def test_a_refund_identified_with_the_wrong_customer_is_reassigned_and_finds_its_payment_there() -> None:
    line = Customers()
    line.report(*items(), identified(Movement.CAPTURED, customer=RIGHT), refund(100_00))
    assert line.entry("PT9001").reason is WaitingReason.REFUND_WITHOUT_PAYMENT
    line.report(reassigned(payment="9001"))
    assert line.entry("PT9001", RIGHT).status is EntryStatus.POSTED
    assert (line.balance(CUSTOMER), line.balance(RIGHT), line.in_abas(RIGHT)) == (0, 0, 0)


def test_a_refund_is_put_on_account_and_asked_again_when_abas_refused_it() -> None:
    line = refund_waits()
    line.report(decided(PutRefundOnAccount, posting_reference="PT9001"), answers=False)
    line.report(line.answer(refused))
    assert line.entry("PT9001").is_refused
    line.report(decided(PostAgain, posting_reference="PT9001"))
    document = line.posted["PT9001"]
    assert document.kind == "on_account_refund"
    assert (document.amount_minor, document.abas_customer_id) == (30_00, CUSTOMER)
    assert line.entry("PT9001").status is EntryStatus.POSTED


def test_a_refund_that_abas_refused_on_account_is_matched_after_all_and_takes_its_receipt_back() -> None:
    line = refund_waits()
    line.report(decided(PutRefundOnAccount, posting_reference="PT9001"), answers=False)
    line.report(line.answer(refused))
    line.report(decided(MatchRefund, posting_reference="PT9001", payment_id=PAYMENT))
    document = line.posted["PT9001"]
    assert document.kind == "cash_receipt_reversal", "the person's last decision counts"
    assert document.reverses_reference == RECEIPT
    assert line.entry("PT9001").status is EntryStatus.POSTED


@pytest.mark.parametrize("kind", [MatchRefund, PutRefundOnAccount, HandToFinance])
def test_a_refund_of_another_amount_than_was_seen_is_refused(kind: type[Any]) -> None:
    """A limit and four eyes go by the amount that a command states, so it must be the amount of the entry."""
    payment: dict[str, Any] = {"payment_id": PAYMENT} if kind is MatchRefund else {}
    for minor, currency in ((1, "USD"), (30_00, "EUR")):
        seen: dict[str, Any] = {"amount_minor": minor, "currency": currency}
        (refusal,) = refund_waits().report(decided(kind, posting_reference="PT9001", **payment, **seen))
        assert "PT9001 has changed since: it is 30.00 USD" in refusal.refused_because
    taken, *_ = refund_waits().report(
        decided(kind, posting_reference="PT9001", **payment, amount_minor=30_00, currency="USD")
    )
    assert isinstance(taken, DecisionTaken)


def test_a_decision_says_how_its_person_is_known_and_who_approved_it() -> None:
    known = {"authenticated_by": "session", "approved_by": "dkim"}
    taken, *_ = refund_waits().report(decided(HandToFinance, posting_reference="PT9001", **known))
    assert (taken.decided_by, taken.authenticated_by, taken.approved_by) == ("mweber", "session", "dkim")
    (refusal,) = refund_waits().report(decided(HandToFinance, posting_reference="PT404", **known))
    assert (refusal.authenticated_by, refusal.approved_by) == ("session", "dkim")


def test_a_refund_handed_to_finance_ends_there_and_keeps_counting() -> None:
    line = refund_waits()
    taken, over = line.report(decided(HandToFinance, posting_reference="PT9001"))
    assert isinstance(over, EntryHandedOver)
    assert (taken.decision, over.amount_minor, over.decided_by, over.reason) == (
        Decision.HAND_OVER,
        30_00,
        "mweber",
        "their letter",
    )
    assert line.balance(CUSTOMER) == 70_00
    for command in (
        decided(HandToFinance, posting_reference="PT9001"),
        decided(MatchRefund, posting_reference="PT9001", payment_id=PAYMENT),
        decided(PutRefundOnAccount, posting_reference="PT9001"),
    ):
        (refusal,) = line.report(command)
        assert refusal.refused_because == "PT9001 is handed over to finance"
    assert line.report(open_item("i9", 30_00, invoice="RE-9", minute=400))[1:] == [], "it is not looked at again"


def test_the_void_of_a_refund_that_finance_has_cancels_out_with_it() -> None:
    line = refund_waits()
    line.report(decided(HandToFinance, posting_reference="PT9001"))
    line.report(identified(Movement.REFUND_VOIDED, 30_00, payment="9001", invoice=None, minute=500))
    assert "PT9001V" not in line.posted
    assert line.balance(CUSTOMER) == 100_00


def test_receipts_are_not_handed_over_and_only_refunds_are_matched_or_put_on_account() -> None:
    line = refund_waits()
    assert (
        "put a receipt on account" in line.report(decided(HandToFinance, posting_reference=RECEIPT))[0].refused_because
    )
    (refusal,) = line.report(decided(PutRefundOnAccount, posting_reference=RECEIPT))
    assert refusal.refused_because == f"{RECEIPT} is no refund"
    (refusal,) = line.report(decided(MatchRefund, posting_reference="PT1", payment_id=PAYMENT))
    assert refusal.refused_because == "this customer has no entry PT1"


# -- together ------------------------------------------------------------------------------------------------------

CUSTOMERS = (CUSTOMER, RIGHT, THIRD)
moves = st.one_of(
    st.builds(
        lambda movement, minor, name: identified(movement, minor, invoice=None, name=name),
        st.sampled_from([Movement.CAPTURED, Movement.VOIDED, Movement.AMOUNT_INCREASED, Movement.AMOUNT_DECREASED]),
        st.sampled_from([100_00, 40_00]),
        st.sampled_from(["", "a"]),
    ),
    st.builds(
        lambda movement, minor, payment: identified(movement, minor, payment=payment, invoice=None),
        st.sampled_from([Movement.REFUNDED, Movement.REFUND_VOIDED]),
        st.sampled_from([100_00, 30_00]),
        st.sampled_from(["9001", "9002"]),
    ),
    st.builds(
        lambda customer, minor: open_item(f"{customer}-{minor}", minor, invoice=f"R{minor}", customer=customer),
        st.sampled_from(CUSTOMERS),
        st.sampled_from([100_00, 60_00, 30_00]),
    ),
    st.builds(
        lambda customer, to, payment: (
            ReassignPayment,
            customer,
            {"paytrace_transaction_id": payment, "to_customer_id": to},
        ),
        st.sampled_from(CUSTOMERS),
        st.sampled_from(CUSTOMERS),
        st.sampled_from([PAYMENT, "9001"]),
    ),
    st.builds(
        lambda kind, customer: (kind, customer, {"posting_reference": "PT9001"}),
        st.sampled_from([HandToFinance, PutRefundOnAccount]),
        st.sampled_from(CUSTOMERS),
    ),
    st.builds(
        lambda customer: (MatchRefund, customer, {"posting_reference": "PT9001", "payment_id": PAYMENT}),
        st.sampled_from(CUSTOMERS),
    ),
    st.sampled_from([done, refused]),
)


@settings(max_examples=250)
@given(st.lists(moves, max_size=22))
def test_no_cent_is_lost_or_doubled_whatever_moves_where(history: list[Any]) -> None:
    """After every step the customers together hold what the movements say, and abas what is posted of it."""
    line = Customers()
    moved = 0
    seen: set[str] = set()
    for step in history:
        if step in (done, refused):
            if line.asked:
                line.report(line.answer(step), answers=False)
            continue
        record = decided(step[0], step[1], **step[2]) if isinstance(step, tuple) else step
        line.report(record, answers=False)
        if hasattr(record, "movement_id") and record.movement_id not in seen:
            seen.add(record.movement_id)
            moved += SIGNS[record.movement] * record.amount_minor
        assert sum(line.balance(customer) for customer in CUSTOMERS) == moved
    line.report()
    assert sum(line.balance(customer) for customer in CUSTOMERS) == moved
    for customer in CUSTOMERS:
        state = line.book.states.get(customer)
        if state is None:
            continue
        posted = sum(e.signed_minor for e in state.entries.values() if e.status is EntryStatus.POSTED)
        assert posted == line.in_abas(customer)
        for owner, move in state.moved_to.items():
            left = [e for e in state.entries.values() if e.owner == owner and e.is_waiting and e.is_receipt]
            assert all(e.released_by for e in left), f"{owner} goes to {move.to_customer_id} and waits here"
            assert all(e.kind is not EntryKind.CAPTURE for e in left)


@pytest.mark.parametrize(
    ("by", "why"), [("", "letter of 1 May"), ("mweber", ""), ("mweber", "n/a"), ("x", "their call")]
)
@pytest.mark.parametrize(
    "fields",
    [
        {"kind": ReassignPayment, "paytrace_transaction_id": PAYMENT, "to_customer_id": RIGHT},
        {"kind": MatchRefund, "posting_reference": "PT9001", "payment_id": PAYMENT},
        {"kind": PutRefundOnAccount, "posting_reference": "PT9001"},
        {"kind": HandToFinance, "posting_reference": "PT9001"},
    ],
)
def test_a_decision_without_a_name_or_a_reason_is_refused_whoever_wrote_it(
    fields: dict[str, Any], by: str, why: str
) -> None:
    kind = fields["kind"]
    reported = {name: value for name, value in fields.items() if name != "kind"}
    command = kind(command_id="c", abas_customer_id=CUSTOMER, decided_by=by, reason=why, occurred_at=at(90), **reported)
    book = Ledger(receivables, key_by("abas_customer_id")).given(
        open_item("i1"),
        identified(Movement.CAPTURED),
        identified(Movement.REFUNDED, 30_00, payment="9001", invoice=None, minute=5),
    )
    (answer,) = book.when(command)
    assert isinstance(answer, DecisionRefused)
    assert "names nobody" in answer.refused_because or "is no reason" in answer.refused_because
