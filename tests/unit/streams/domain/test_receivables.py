"""Which open item the money clears, what is asked of abas, and what waits with which reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, get_args

import pytest

from schemas import catalog, documents
from schemas.failures import Unreadable
from schemas.records import receivables as records
from schemas.records.erp import DocumentPosted, PostDocument, Side
from schemas.records.gateway import PaymentRequestPosted
from schemas.records.identification import Movement, WaitingReason
from schemas.records.payments import PaymentMethod, RefundLinked
from schemas.records.receivables import (
    EntryDirection,
    EntryNetted,
    EntryWaiting,
    PaymentAllocated,
    PaymentMatched,
    PaymentRequestDone,
)
from streams.domain import receivables
from streams.domain.receivables import decisions
from streams.domain.receivables.account import WITHOUT_MONEY, EntryKind
from tests.support.builders import (
    CUSTOMER,
    PAYMENT,
    Asked,
    Ledger,
    asked,
    at,
    done,
    identified,
    key_by,
    kinds,
    open_item,
    refused,
)
from tests.support.policies import RECEIVABLES
from tests.support.typed import as_a

RECEIPT = f"PT{PAYMENT}"
TASK_EVENTS = {
    "PositionMarked",
    "RecordParked",
    "ParkedRecordReleased",
    "ParkedRecordDiscarded",
    "BreakerReset",
    "RulesAdopted",
}


def ledger() -> Ledger:
    return Ledger(receivables, key_by("abas_customer_id"))


def requested(*, amount: int = 100_00) -> Ledger:
    """A payment that found its open item and was asked of abas."""
    return ledger().given(open_item("i1", amount), identified(Movement.CAPTURED, amount))


def posted(*, amount: int = 100_00) -> Ledger:
    """A payment that abas holds, its item closed."""
    book = requested(amount=amount)
    return book.given(done(book.sent()[-1]), open_item("i1", 0, minute=5, is_open=False))


def of_amount(outcome: DocumentPosted, minor: int) -> DocumentPosted:
    return replace(outcome, lines=(replace(outcome.lines[0], amount_minor=minor),))


def last_command(book: Ledger) -> Any:
    return book.sent()[-1]


def only(events: list[Any], kind: type[Any]) -> Any:
    (found,) = (event for event in events if isinstance(event, kind))
    return found


def reasons(events: list[Any]) -> list[tuple[str, WaitingReason]]:
    return [(event.posting_reference, event.reason) for event in events if isinstance(event, EntryWaiting)]


# --- matching


def test_the_invoice_that_the_payment_names_is_cleared_to_the_cent() -> None:
    book = ledger().given(open_item("i1", invoice=" re-1"), open_item("i2", invoice="RE-2"))
    events = book.when(identified(Movement.CAPTURED, invoice="RE-1 ", minute=3))
    assert kinds(events) == ["MovementRecorded", "PaymentMatched", "PostingRequested"]
    assert (events[1].abas_open_item_id, events[1].rule, events[1].rule_version) == ("i1", "exact-invoice", 2)
    assert events[1].evidence == ("invoice RE-1", "open amount 100.00 USD")
    (out,) = book.outputs
    assert out.topic == "erp.commands.v1"
    assert asked(as_a(PostDocument, out.record)) == Asked(
        kind="cash_receipt",
        side=Side.CREDIT,
        posting_reference=RECEIPT,
        paytrace_transaction_id=PAYMENT,
        abas_customer_id=CUSTOMER,
        abas_open_item_id="i1",
        invoice_number=" re-1",
        amount_minor=100_00,
        currency="USD",
        method=PaymentMethod.CARD,
        value_on=date(2026, 11, 20),
        occurred_at=at(3),
    )


def charged(**amounts: int) -> PaymentAllocated:
    """A charge that a payment request asks for, and what each invoice is to get of it."""
    return PaymentAllocated(
        abas_customer_id=CUSTOMER,
        payment_request_id="(4712,900,0)",
        call_reference="SALDO-R-4712-900-0",
        invoice_numbers=tuple(amounts),
        part_amounts=tuple(amounts.values()),
        currency="USD",
        occurred_at=at(0),
    )


OURS = "SALDO-R-4712-900-0"


def test_a_charge_pays_the_invoices_that_it_was_asked_for_and_no_other() -> None:
    items = [open_item("i1", 100_00, invoice="RE-1"), open_item("i2", 60_00, invoice="RE-2")]
    book = ledger().given(*items, open_item("i3", 70_00, invoice="RE-3"), charged(**{"RE-1": 40_00, "RE-2": 30_00}))
    events = book.when(identified(Movement.CAPTURED, 70_00, invoice=OURS))
    parts = [(event.abas_open_item_id, event.amount_minor) for event in events if isinstance(event, PaymentMatched)]
    assert parts == [("i1", 40_00), ("i2", 30_00)]
    assert {event.rule for event in events if isinstance(event, PaymentMatched)} == {"by-payment-request"}
    assert [one.amount_minor for one in book.sent("cash_receipt")] == [40_00, 30_00]


def test_a_charge_for_one_invoice_pays_a_part_of_it() -> None:
    book = ledger().given(open_item("i1", 100_00, invoice="RE-1"), charged(**{"RE-1": 40_00}))
    [matched] = [
        one for one in book.when(identified(Movement.CAPTURED, 40_00, invoice=OURS)) if isinstance(one, PaymentMatched)
    ]
    assert (matched.abas_open_item_id, matched.amount_minor) == ("i1", 40_00)


@pytest.mark.parametrize(
    ("items", "came", "detail"),
    [
        ([open_item("i1", 39_99, invoice="RE-1")], 40_00, "invoice RE-1 is to get 40.00 USD and has 39.99 USD open"),
        ([open_item("i1", 0, invoice="RE-1", is_open=False)], 40_00, "has 0.00 USD open"),
        ([], 40_00, "has 0.00 USD open"),
        # Of another amount than was asked for: who bears the difference nobody said, so none of it is posted unseen.
        ([open_item("i1", 100_00, invoice="RE-1")], 39_00, "40.00 USD was asked for, 39.00 USD came"),
    ],
)
def test_a_charge_that_does_not_fit_any_more_waits_with_the_reason(items: list[Any], came: int, detail: str) -> None:
    others = [open_item("i9", came, invoice="RE-9")]  # of just this amount, and nobody asked for it
    book = ledger().given(*items, *others, charged(**{"RE-1": 40_00}))
    waiting = only(book.when(identified(Movement.CAPTURED, came, invoice=OURS)), EntryWaiting)
    assert waiting.reason is WaitingReason.AMOUNT_DIFFERS
    assert detail in waiting.detail
    assert book.outputs == []


def test_a_charge_that_waited_is_posted_when_its_invoice_shows() -> None:
    book = ledger().given(charged(**{"RE-1": 40_00}), identified(Movement.CAPTURED, 40_00, invoice=OURS))
    events = book.when(open_item("i1", 40_00, invoice="RE-1", minute=9))
    assert only(events, PaymentMatched).abas_open_item_id == "i1"


def request_done(transaction: str, *, takes_back: bool) -> PaymentRequestDone:
    return PaymentRequestDone(
        abas_customer_id=CUSTOMER,
        payment_request_id="(4712,900,0)",
        paytrace_transaction_id=transaction,
        takes_back=takes_back,
        occurred_at=at(30),
    )


@pytest.mark.parametrize("is_first", [True, False])
def test_a_payment_request_learns_of_the_documents_of_its_transaction(is_first: bool) -> None:
    """Before or after they are posted; a void is not shown the receipt that it takes back."""
    done_, void = request_done(PAYMENT, takes_back=True), identified(Movement.VOIDED, minute=7)
    book = posted().given(*([done_, void] if is_first else [void]))
    book.given(done(book.sent()[-1]))
    if not is_first:
        book.given(done_)
    [told] = [one.record for one in book.outputs if isinstance(one.record, PaymentRequestPosted)]
    assert (told.document_kind, told.payment_request_id) == ("cash_receipt_reversal", "(4712,900,0)")
    assert told.abas_document_number


def test_a_late_item_does_not_change_the_value_date() -> None:
    book = ledger().given(identified(Movement.CAPTURED), open_item(minute=60 * 24 * 3))
    command = only(book.sent("cash_receipt"), Asked)
    assert (command.value_on, command.occurred_at) == (date(2026, 11, 20), at(60 * 24 * 3))


def test_without_invoice_the_only_item_of_this_amount_is_cleared() -> None:
    for invoice in (None, "PO 77"):
        book = ledger().given(open_item("i1", 90_00), open_item("i2", invoice="RE-2"))
        events = book.when(identified(Movement.CAPTURED, invoice=invoice))
        assert only(events, PaymentMatched).rule == "exact-amount"
        assert last_command(book).abas_open_item_id == "i2"


@pytest.mark.parametrize(
    ("items", "invoice", "reason", "detail"),
    [
        ([], "RE-1", WaitingReason.NO_OPEN_ITEM, "no open item of exactly 100.00 USD"),
        (
            [open_item(currency="EUR", invoice="RE-2")],
            None,
            WaitingReason.CURRENCY_DIFFERS,
            "payment in USD (100.00 USD), open item RE-2 in EUR",
        ),
        # An item of its own currency is there, and the other one has another amount: no question of currencies.
        (
            [open_item("i1", 77_00, currency="EUR", invoice="RE-2"), open_item("i2", 300_00)],
            None,
            WaitingReason.NO_OPEN_ITEM,
            "no open item of exactly 100.00 USD",
        ),
        (
            [open_item("i1", currency="EUR"), open_item("i2", 90_00)],
            "RE-1",
            WaitingReason.AMOUNT_DIFFERS,
            "invoice RE-1 has 90.00 USD open",
        ),
        (
            [open_item("i1", 99_99)],
            "RE-1",
            WaitingReason.AMOUNT_DIFFERS,
            "RE-1 has 99.99 USD open",
        ),
        (
            [open_item(currency="EUR")],
            "RE-1",
            WaitingReason.CURRENCY_DIFFERS,
            "payment in USD (100.00 USD), open item RE-1 in EUR",
        ),
        ([open_item("i1"), open_item("i2")], "RE-1", WaitingReason.SEVERAL_OPEN_ITEMS, "2 open items"),
        ([open_item("i1"), open_item("i2")], None, WaitingReason.SEVERAL_OPEN_ITEMS, r"RE-1 (i1), RE-1 (i2)"),
        ([open_item(is_open=False)], "RE-1", WaitingReason.NO_OPEN_ITEM, "invoice RE-1 has no open item left"),
        ([open_item(is_open=False)], None, WaitingReason.NO_OPEN_ITEM, "no open item of exactly"),
    ],
)
def test_what_is_not_certain_waits(items: list[Any], invoice: str, reason: WaitingReason, detail: str) -> None:
    book = ledger().given(*items)
    waiting = only(book.when(identified(Movement.CAPTURED, invoice=invoice)), EntryWaiting)
    assert waiting.reason is reason
    assert detail in waiting.detail
    assert book.outputs == []


def test_a_payment_of_a_paid_invoice_does_not_clear_another_one_of_the_same_amount() -> None:
    book = requested().given(open_item("i2", invoice="RE-2"))
    events = book.when(identified(Movement.CAPTURED, payment="2", invoice="RE-1"))
    assert reasons(events) == [("PT2", WaitingReason.NO_OPEN_ITEM)]


def test_two_payments_never_clear_one_item() -> None:
    book = ledger().given(open_item(), identified(Movement.CAPTURED, payment="1", invoice=None))
    events = book.when(identified(Movement.CAPTURED, payment="2", invoice=None))
    assert reasons(events) == [("PT2", WaitingReason.NO_OPEN_ITEM)]
    assert len(book.sent("cash_receipt")) == 1


def test_a_new_item_goes_to_the_oldest_waiting_payment() -> None:
    book = ledger().given(
        identified(Movement.CAPTURED, payment="2", invoice=None, minute=2),
        identified(Movement.CAPTURED, payment="1", invoice=None, minute=1),
    )
    events = book.when(open_item(minute=9))
    assert only(events, PaymentMatched).posting_reference == "PT1"


def test_a_changed_item_is_tried_again_and_an_unchanged_one_is_silence() -> None:
    book = ledger().given(identified(Movement.CAPTURED), open_item("i1", 90_00))
    assert book.when(open_item("i1", 90_00, minute=1)) == []
    assert kinds(book.when(open_item("i1", 100_00, minute=2))) == [
        "OpenItemRecorded",
        "PaymentMatched",
        "PostingRequested",
    ]


def test_an_older_view_of_an_item_is_silence() -> None:
    book = ledger().given(open_item(minute=2, is_open=False))
    assert book.when(open_item(minute=1)) == []
    assert book.when(open_item(minute=2)) == [], "of two views of one instant the first counts"


def test_the_same_reason_is_reported_once() -> None:
    book = ledger().given(identified(Movement.CAPTURED, invoice=None))
    assert kinds(book.when(open_item("i9", 5_00))) == ["OpenItemRecorded"]


# --- posting


def test_what_abas_did_becomes_posted_once() -> None:
    book = requested()
    outcome = done(last_command(book))
    (event,) = book.when(outcome)
    assert (event.direction, event.abas_document_number) == (EntryDirection.RECEIPT, RECEIPT)
    assert book.when(outcome) == []


def test_a_refused_posting_waits_and_is_not_tried_again_by_itself() -> None:
    book = requested()
    events = book.when(refused(last_command(book)))
    assert (only(events, EntryWaiting).reason, events[0].detail) == (
        WaitingReason.POSTING_REFUSED,
        "PERIOD: posting period is closed",
    )
    assert kinds(book.when(open_item("i1", 100_00, minute=3, invoice="RE-1a"))) == ["OpenItemRecorded"]
    assert len(book.sent("cash_receipt")) == 1


def test_a_refused_posting_gives_its_item_free() -> None:
    book = requested().given(identified(Movement.CAPTURED, payment="2", minute=1))
    events = book.when(refused(book.sent("cash_receipt")[0]))
    assert only(events, PaymentMatched).posting_reference == "PT2"


def test_a_document_found_after_a_refusal_is_posted_after_all() -> None:
    book = requested()
    command = last_command(book)
    assert kinds(book.given(refused(command)).when(done(command))) == ["EntryPosted"]


def test_an_outcome_of_nothing_we_asked_for_is_silence() -> None:
    command = last_command(requested())
    assert ledger().when(done(command)) == []
    assert ledger().when(refused(command)) == []
    waiting = ledger().given(identified(Movement.CAPTURED))
    assert waiting.when(done(command)) == []
    assert requested().when(replace(done(command), posting_reference="PT0")) == []


def test_an_outcome_of_the_wrong_kind_is_silence() -> None:
    book = posted().given(identified(Movement.VOIDED))
    reversal = only(book.sent("cash_receipt_reversal"), Asked)
    receipt = only(book.sent("cash_receipt"), Asked)
    assert book.when(replace(done(receipt), posting_reference=reversal.posting_reference)) == []


def test_an_outcome_of_another_amount_is_unreadable() -> None:
    book = requested()
    with pytest.raises(Unreadable, match=f"{RECEIPT} names 9999 USD, asked for was 10000 USD"):
        book.when(of_amount(done(last_command(book)), 99_99))


# --- void and return


@pytest.mark.parametrize(
    ("movement", "suffix", "reason"),
    [
        (Movement.VOIDED, "V", "VOID"),
        (Movement.RETURNED, "N", "ACH_RETURN"),
    ],
)
def test_a_posted_receipt_is_reversed(movement: Movement, suffix: str, reason: str) -> None:
    book = posted()
    assert kinds(book.when(identified(movement, minute=9))) == ["MovementRecorded", "PostingRequested"]
    assert last_command(book) == Asked(
        kind="cash_receipt_reversal",
        side=Side.DEBIT,
        posting_reference=RECEIPT + suffix,
        paytrace_transaction_id=PAYMENT,
        abas_customer_id=CUSTOMER,
        reverses_reference=RECEIPT,
        abas_open_item_id="i1",
        invoice_number="RE-1",
        amount_minor=100_00,
        currency="USD",
        method=PaymentMethod.CARD,
        reason=reason,
        value_on=date(2026, 11, 20),
        occurred_at=at(9),
    )
    assert kinds(book.when(done(last_command(book)))) == ["EntryPosted"]


def test_a_void_before_posting_nets_with_the_receipt() -> None:
    book = ledger().given(identified(Movement.CAPTURED))
    events = book.when(identified(Movement.VOIDED))
    netted = [(e.posting_reference, e.netted_with) for e in events if isinstance(e, EntryNetted)]
    assert netted == [(RECEIPT, f"{RECEIPT}V"), (f"{RECEIPT}V", RECEIPT)]
    assert kinds(book.when(open_item())) == ["OpenItemRecorded"]
    assert book.outputs == []


def test_a_void_of_a_requested_receipt_waits_for_abas() -> None:
    book = requested()
    command = last_command(book)
    assert reasons(book.when(identified(Movement.VOIDED))) == [(f"{RECEIPT}V", WaitingReason.RECEIPT_NOT_POSTED)]
    assert kinds(book.when(done(command))) == ["EntryPosted", "PostingRequested"]


def test_a_void_nets_with_a_receipt_that_abas_refused() -> None:
    book = requested().given(identified(Movement.VOIDED))
    events = book.when(refused(book.sent("cash_receipt")[0]))
    assert kinds(events) == ["EntryWaiting", "EntryNetted", "EntryNetted"]


def test_a_refused_reversal_waits() -> None:
    book = posted().given(identified(Movement.VOIDED))
    (event,) = book.when(refused(last_command(book)))
    assert reasons([event]) == [(f"{RECEIPT}V", WaitingReason.POSTING_REFUSED)]


def test_a_reversed_item_is_free_once_abas_shows_it_open_again() -> None:
    book = posted().given(identified(Movement.VOIDED), identified(Movement.CAPTURED, payment="2", minute=1))
    book.given(done(book.sent("cash_receipt_reversal")[0]))
    assert only(book.when(open_item(minute=9)), PaymentMatched).posting_reference == "PT2"


def test_a_return_of_more_than_is_left_takes_back_what_is_left_and_waits_with_the_rest() -> None:
    book = posted().given(identified(Movement.REFUNDED, 30_00, payment="9"))
    book.given(done(last_command(book)))
    events = book.when(identified(Movement.RETURNED, 100_00))
    assert last_command(book).amount_minor == 70_00
    waiting = only(events, EntryWaiting)
    assert (waiting.amount_minor, waiting.reason) == (30_00, WaitingReason.RECEIPT_NOT_POSTED)


# --- changed amounts


def test_a_change_before_posting_changes_the_receipt() -> None:
    book = ledger().given(identified(Movement.CAPTURED), open_item("i1", 80_00))
    events = book.when(identified(Movement.AMOUNT_DECREASED, 20_00, name="80"))
    assert kinds(events) == ["MovementRecorded", "PaymentMatched", "PostingRequested"]
    assert last_command(book).amount_minor == 80_00
    assert book.when(identified(Movement.AMOUNT_DECREASED, 20_00, name="80")) == []


def test_a_change_before_posting_reports_the_new_amount() -> None:
    book = ledger().given(identified(Movement.CAPTURED, invoice=None))
    event = only(book.when(identified(Movement.AMOUNT_INCREASED, 5_00)), EntryWaiting)
    assert (event.posting_reference, event.amount_minor) == (RECEIPT, 105_00)


def test_a_decrease_after_posting_is_a_correction() -> None:
    book = posted()
    for number, amount in enumerate((20_00, 10_00), 1):
        book.when(identified(Movement.AMOUNT_DECREASED, amount, name=str(number)))
        command = last_command(book)
        assert (command.posting_reference, command.amount_minor) == (f"{RECEIPT}C{number}", amount)
        assert command.reason == "CORRECTION"


def test_an_increase_after_posting_waits_as_a_receipt_of_its_own() -> None:
    book = posted()
    event = only(book.when(identified(Movement.AMOUNT_INCREASED, 5_00)), EntryWaiting)
    assert (event.posting_reference, event.direction, event.amount_minor) == (
        f"{RECEIPT}C1",
        EntryDirection.RECEIPT,
        5_00,
    )
    assert event.reason is WaitingReason.AMOUNT_INCREASED_AFTER_POSTING
    assert kinds(book.when(open_item("i2", 5_00, minute=9))) == ["OpenItemRecorded"]


def test_a_decrease_first_eats_the_increase_that_waits() -> None:
    book = posted().given(identified(Movement.AMOUNT_INCREASED, 5_00))
    events = book.when(identified(Movement.AMOUNT_DECREASED, 15_00))
    assert only(events, EntryNetted).posting_reference == f"{RECEIPT}C1"
    assert last_command(book).amount_minor == 10_00


def test_a_void_after_an_increase_nets_the_increase_and_reverses_the_receipt() -> None:
    book = posted().given(identified(Movement.AMOUNT_INCREASED, 5_00))
    events = book.when(identified(Movement.VOIDED, 105_00))
    netted = [e.posting_reference for e in events if isinstance(e, EntryNetted)]
    assert netted == [f"{RECEIPT}C1", f"{RECEIPT}V-2"]
    assert (last_command(book).posting_reference, last_command(book).amount_minor) == (f"{RECEIPT}V", 100_00)


def test_a_change_lifts_an_earlier_refusal() -> None:
    book = requested()
    book.given(refused(last_command(book)), open_item("i1", 80_00, minute=1))
    book.when(identified(Movement.AMOUNT_DECREASED, 20_00))
    assert last_command(book).amount_minor == 80_00


def test_a_card_check_of_no_money_needs_no_document() -> None:
    book = ledger()
    assert kinds(book.when(identified(Movement.CAPTURED, 0))) == ["MovementRecorded", "EntryNetted"]
    assert reasons(book.when(identified(Movement.AMOUNT_INCREASED, 7_00))) == [(RECEIPT, WaitingReason.NO_OPEN_ITEM)]


# --- refunds


def test_a_refund_is_linked_by_invoice_and_reversed_in_part() -> None:
    book = posted()
    events = book.when(identified(Movement.REFUNDED, 30_00, payment="9", invoice="re-1", minute=3))
    assert kinds(events) == ["MovementRecorded", "RefundMatched", "PostingRequested"]
    link, command = book.outputs[-2:]
    assert (link.topic, link.record) == (
        "payments.observations.v1",
        RefundLinked(
            paytrace_transaction_id=PAYMENT,
            refund_transaction_id="9",
            amount_minor=30_00,
            currency="USD",
            linked_by="same-invoice",
            occurred_at=at(3),
        ),
    )
    reversal = asked(as_a(PostDocument, command.record))
    assert (reversal.posting_reference, reversal.paytrace_transaction_id) == ("PT9", "9")
    assert (reversal.reverses_reference, reversal.reason) == (RECEIPT, "REFUND")


def test_a_refund_without_invoice_is_linked_by_what_is_left() -> None:
    book = posted().given(identified(Movement.REFUNDED, 100_00, payment="9", invoice=None))
    assert only(book.sent(), RefundLinked).linked_by == "same-amount"


@pytest.mark.parametrize(
    ("refund", "detail"),
    [
        (
            identified(Movement.REFUNDED, 30_00, payment="9", invoice="RE-7"),
            "RE-7 and 30.00 USD left: no payment",
        ),
        (identified(Movement.REFUNDED, 30_00, payment="9", invoice=None), "exactly 30.00 USD left: no payment"),
        (identified(Movement.REFUNDED, 100_01, payment="9"), "invoice RE-1 and 100.01 USD left: no payment"),
        (identified(Movement.REFUNDED, 100_00, payment="9", currency="EUR"), "100.00 EUR left: no payment"),
    ],
)
def test_a_refund_that_fits_no_payment_waits(refund: Any, detail: str) -> None:
    book = posted()
    event = only(book.when(refund), EntryWaiting)
    assert event.reason is WaitingReason.REFUND_WITHOUT_PAYMENT
    assert detail in event.detail


def test_a_refund_that_fits_two_payments_waits() -> None:
    book = posted().given(identified(Movement.CAPTURED, payment="2"))
    event = only(book.when(identified(Movement.REFUNDED, 30_00, payment="9")), EntryWaiting)
    assert event.detail.endswith(f"{PAYMENT}, 2")


def test_a_refund_is_tried_again_when_a_payment_arrives() -> None:
    book = ledger().given(identified(Movement.REFUNDED, 30_00, payment="9"))
    events = book.when(identified(Movement.CAPTURED))
    assert "RefundMatched" in kinds(events)
    assert reasons(events) == [("PT9", WaitingReason.RECEIPT_NOT_POSTED), (RECEIPT, WaitingReason.NO_OPEN_ITEM)]


def test_refunds_never_exceed_their_payment() -> None:
    book = posted()
    for refund, amount in (("8", 60_00), ("9", 60_00)):
        book.when(identified(Movement.REFUNDED, amount, payment=refund))
    assert [command.posting_reference for command in book.sent("cash_receipt_reversal")] == ["PT8"]
    assert reasons(book.events)[-1] == ("PT9", WaitingReason.REFUND_WITHOUT_PAYMENT)


def test_a_whole_refund_nets_with_a_receipt_that_waits_and_a_part_waits() -> None:
    book = ledger().given(identified(Movement.CAPTURED))
    part = book.when(identified(Movement.REFUNDED, 30_00, payment="8"))
    assert reasons(part) == [("PT8", WaitingReason.RECEIPT_NOT_POSTED)]
    rest = book.when(identified(Movement.REFUNDED, 70_00, payment="9"))
    assert [e.posting_reference for e in rest if isinstance(e, EntryNetted)] == [RECEIPT, "PT8", "PT9"]


def test_reversals_that_wait_are_requested_in_order_when_the_receipt_is_posted() -> None:
    book = requested()
    command = last_command(book)
    book.given(identified(Movement.REFUNDED, 30_00, payment="8"), identified(Movement.REFUNDED, 20_00, payment="9"))
    book.given(done(command))
    assert [sent.posting_reference for sent in book.sent("cash_receipt_reversal")] == ["PT8", "PT9"]


def test_a_voided_refund_nets_before_posting() -> None:
    book = requested().given(identified(Movement.REFUNDED, 30_00, payment="9"))
    events = book.when(identified(Movement.REFUND_VOIDED, 30_00, payment="9"))
    assert [e.posting_reference for e in events if isinstance(e, EntryNetted)] == ["PT9V", "PT9"]


def test_a_voided_refund_nets_though_no_payment_was_found_for_it() -> None:
    book = ledger().given(identified(Movement.REFUNDED, 30_00, payment="9"))
    events = book.when(identified(Movement.REFUND_VOIDED, 30_00, payment="9"))
    assert [e.posting_reference for e in events if isinstance(e, EntryNetted)] == ["PT9V", "PT9"]


def test_a_voided_refund_clears_the_same_item_again_after_posting() -> None:
    book = posted().given(identified(Movement.REFUNDED, 30_00, payment="9"))
    reversal = last_command(book)
    waiting = book.when(identified(Movement.REFUND_VOIDED, 30_00, payment="9"))
    assert reasons(waiting) == [("PT9V", WaitingReason.RECEIPT_NOT_POSTED)]
    events = book.when(done(reversal))
    assert kinds(events) == ["EntryPosted", "PaymentMatched", "PostingRequested"]
    command = last_command(book)
    assert (command.posting_reference, command.abas_open_item_id, command.amount_minor) == ("PT9V", "i1", 30_00)


def test_a_voided_refund_waits_when_its_item_is_cleared_by_another_payment() -> None:
    book = posted().given(identified(Movement.REFUNDED, 100_00, payment="9"))
    book.given(done(last_command(book)), open_item(minute=8), identified(Movement.CAPTURED, payment="2"))
    event = only(book.when(identified(Movement.REFUND_VOIDED, 100_00, payment="9")), EntryWaiting)
    assert event.detail == "invoice RE-1 is cleared by PT2 meanwhile"


def test_the_void_of_a_netted_refund_is_a_receipt_like_any_other() -> None:
    book = ledger().given(identified(Movement.CAPTURED), identified(Movement.REFUNDED, payment="9"))
    book.given(identified(Movement.REFUND_VOIDED, payment="9"), open_item())
    assert last_command(book).posting_reference == "PT9V"


def test_a_second_refund_takes_back_the_receipt_that_the_voided_one_left() -> None:
    book = posted().given(identified(Movement.REFUNDED, payment="8"))
    book.given(done(last_command(book)), identified(Movement.REFUND_VOIDED, payment="8"))
    book.given(done(last_command(book)), identified(Movement.REFUNDED, payment="9"))
    assert (last_command(book).posting_reference, last_command(book).reverses_reference) == ("PT9", "PT8V")


# --- what is refused


def test_what_is_no_money_is_unreadable() -> None:
    for record in (
        identified(Movement.UNKNOWN),
        identified(Movement.CAPTURED, -1),
        identified(Movement.CAPTURED, currency="usd"),
        open_item(currency=""),
    ):
        with pytest.raises(Unreadable):
            receivables.decide(receivables.INITIAL, record, RECEIVABLES)


def test_every_event_of_the_contract_has_its_rule() -> None:
    events = {event.__name__ for event in get_args(receivables.Event)}
    assert events == {record.name for record in catalog.topic("receivables.events.v1").records} - TASK_EVENTS
    defined = {name for name, value in vars(records).items() if getattr(value, "__module__", "") == records.__name__}
    commands = {command.__name__ for command in get_args(decisions.Command)}
    inbox = {record.name for record in catalog.topic("receivables.inbox.v1").records}
    observed = {name for name in inbox if name.endswith("Observed")}
    of_orders = {"OrderMoneyNamed"}
    assert defined == (events - of_orders) | commands | observed | {"EntryDirection", "Decision", "DecideAgain"}


@pytest.mark.parametrize("kind", EntryKind)
@pytest.mark.parametrize("on_account", [False, True])
def test_a_document_says_why_it_takes_another_back_if_its_kind_asks_for_that(kind: EntryKind, on_account: bool) -> None:
    receipt = ledger().given(identified(Movement.CAPTURED)).state.entries[RECEIPT]
    entry = replace(receipt, kind=kind, on_account=on_account and kind not in WITHOUT_MONEY.values())
    document = documents.kinds()[entry.document_kind]
    assert (entry.reversal_reason is not None) == ("reason" in document.required)
    assert entry.reversal_reason in (None, *document.codes.get("reason", ()))
    assert document.lines[0].takes_side(entry.side.value)


def test_a_void_that_came_first_is_borne_by_the_receipts_that_come_later() -> None:
    book = ledger().given(identified(Movement.VOIDED), identified(Movement.CAPTURED, 40_00, name="a"))
    events = book.when(identified(Movement.CAPTURED, 60_00, name="b"))
    assert kinds(events)[1:4] == ["EntrySplit", "EntryPartMade", "EntryPartMade"]
    assert {event.posting_reference for event in events if isinstance(event, EntryNetted)} == {
        RECEIPT,
        f"{RECEIPT}-2",
        f"{RECEIPT}VS1",
        f"{RECEIPT}VS2",
    }
    assert book.sent() == []
