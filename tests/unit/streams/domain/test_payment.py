"""The life of a transaction: each status and kind has its reading, and each money fact is reported once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.records.identification import Movement, PaymentToIdentify
from schemas.records.payments import (
    CaptureReversalReason,
    PaymentMethod,
    TransactionObserved,
    VoidReason,
)
from schemas.records.payments import TransactionKind as Kind
from schemas.records.payments import TransactionStatus as Status
from schemas.records.settlement import MoneySettled
from schemas.topic import Topic
from streams.domain import payments
from streams.domain.payments.state import Stage
from tests.support.builders import PAYMENT, SIGNS, Ledger, at, key_by, kinds, observation, refund_linked


def ledger() -> Ledger:
    return Ledger(payments, key_by("paytrace_transaction_id"))


def movements(book: Ledger) -> list[tuple[Movement, int]]:
    return [(sent.movement, sent.amount_minor) for sent in book.sent(PaymentToIdentify)]


def net(book: Ledger) -> int:
    return sum(SIGNS[movement] * amount for movement, amount in movements(book))


CARD = {
    Status.UNKNOWN: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
    Status.AUTHORIZED: (["PaymentAuthorized"], Stage.AUTHORIZED),
    Status.PENDING_SETTLEMENT: (["PaymentCaptured"], Stage.CAPTURED),
    Status.SETTLED: (["PaymentCaptured", "PaymentSettled"], Stage.SETTLED),
    Status.VOIDED: (["PaymentVoided"], Stage.VOIDED),
    Status.VOIDED_BY_RULE: (["PaymentVoided"], Stage.VOIDED),
    Status.DECLINED: (["PaymentDeclined", "NextStepFound"], Stage.DECLINED),
    Status.ACH_PENDING: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
    Status.ACH_CLEARED: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
    Status.ACH_RETURNED: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
    Status.ACH_FAILED: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
    Status.BANK_BOOKED: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
    Status.BANK_RETURNED: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
}
ACH = {
    Status.UNKNOWN: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
    Status.AUTHORIZED: (["PaymentAuthorized"], Stage.AUTHORIZED),
    Status.PENDING_SETTLEMENT: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
    Status.SETTLED: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
    Status.VOIDED: (["PaymentVoided"], Stage.VOIDED),
    Status.VOIDED_BY_RULE: (["PaymentVoided"], Stage.VOIDED),
    Status.DECLINED: (["PaymentDeclined", "NextStepFound"], Stage.DECLINED),
    Status.ACH_PENDING: (["AchPaymentInitiated"], Stage.ACH_PENDING),
    Status.ACH_CLEARED: (["PaymentCaptured"], Stage.CLEARED),
    Status.ACH_RETURNED: (["AchPaymentReturned", "NextStepFound"], Stage.RETURNED),
    Status.ACH_FAILED: (["AchPaymentFailed"], Stage.FAILED),
    Status.BANK_BOOKED: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
    Status.BANK_RETURNED: (["PaymentStatusUnrecognized"], Stage.UNKNOWN),
}
CARD_REFUND = {
    **CARD,
    Status.AUTHORIZED: (["PaymentStatusRecognized"], Stage.UNKNOWN),
    Status.PENDING_SETTLEMENT: (["RefundIssued"], Stage.REFUND_ISSUED),
    Status.SETTLED: (["RefundIssued", "RefundSettled"], Stage.REFUND_ISSUED),
    Status.BANK_BOOKED: (["RefundIssued"], Stage.REFUND_ISSUED),
}
ACH_REFUND = {
    **ACH,
    Status.AUTHORIZED: (["PaymentStatusRecognized"], Stage.UNKNOWN),
    Status.ACH_PENDING: (["RefundIssued"], Stage.REFUND_ISSUED),
    Status.ACH_CLEARED: (["RefundIssued"], Stage.REFUND_ISSUED),
}
NOTHING = dict.fromkeys(Status, (["PaymentStatusUnrecognized"], Stage.UNKNOWN))
BANK_TRANSFER = {
    **NOTHING,
    Status.BANK_BOOKED: (["PaymentCaptured"], Stage.CLEARED),
    Status.BANK_RETURNED: (["AchPaymentReturned"], Stage.RETURNED),
}
FIRST_OBSERVATION = {
    Kind.UNKNOWN: NOTHING,
    Kind.SALE: CARD,
    Kind.AUTHORIZATION: CARD,
    Kind.REFUND: CARD_REFUND,
    Kind.ACH_SALE: ACH,
    Kind.ACH_REFUND: ACH_REFUND,
    Kind.BANK_TRANSFER: BANK_TRANSFER,
}
MONEY = {"PaymentCaptured": 1, "RefundIssued": -1}


def test_the_table_names_every_kind_with_every_status() -> None:
    assert set(FIRST_OBSERVATION) == set(Kind)
    assert all(set(rows) == set(Status) for rows in FIRST_OBSERVATION.values())


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("status", Status)
def test_a_first_observation_of_each_kind_in_each_status(kind: Kind, status: Status) -> None:
    book, seen = ledger(), observation(status, 100_00, kind=kind)
    expected, stage = FIRST_OBSERVATION[kind][status]
    assert kinds(book.when(seen)) == expected
    assert book.state.stage is stage
    assert net(book) == sum(MONEY.get(name, 0) for name in expected) * 100_00
    assert book.when(seen) == []


def test_a_partial_capture_counts_what_was_captured() -> None:
    book = ledger().given(
        observation(Status.AUTHORIZED, 100_00), observation(Status.PENDING_SETTLEMENT, 80_00, minute=5)
    )
    assert kinds(book.events) == ["PaymentAuthorized", "PaymentCaptured"]
    assert movements(book) == [(Movement.CAPTURED, 80_00)]


def test_a_settlement_names_its_batch_and_its_moments() -> None:
    book = ledger().given(observation(Status.SETTLED, minute=9, settled_at=at(7), batch=571))
    settled = book.events[1]
    assert (settled.batch_number, settled.settled_at, settled.occurred_at) == (571, at(7), at(9))


@pytest.mark.parametrize("void", [Status.VOIDED, Status.VOIDED_BY_RULE])
def test_a_void_takes_the_capture_back_whichever_is_seen_first(void: Status) -> None:
    capture, voided = observation(Status.PENDING_SETTLEMENT), observation(void, minute=3)
    in_order, late = ledger().given(capture, voided), ledger().given(voided, capture)
    assert kinds(in_order.events) == ["PaymentCaptured", "PaymentVoided", "CaptureReversed"]
    assert kinds(late.events) == ["PaymentVoided", "PaymentCaptured", "CaptureReversed"]
    assert in_order.events[2].reason is CaptureReversalReason.VOID
    assert movements(in_order) == movements(late) == [(Movement.CAPTURED, 100_00), (Movement.VOIDED, 100_00)]
    assert in_order.state == late.state


def test_who_voided_is_distinguished() -> None:
    book = ledger().given(observation(Status.VOIDED_BY_RULE), observation(Status.VOIDED))
    assert [event.reason for event in book.events] == [VoidReason.AVS_CSC_RULE, VoidReason.VOID]


def test_an_ach_return_takes_the_cleared_money_back_once() -> None:
    book = ledger().given(
        observation(Status.ACH_PENDING, kind=Kind.ACH_SALE),
        observation(Status.ACH_CLEARED, kind=Kind.ACH_SALE, minute=1),
        observation(Status.ACH_RETURNED, kind=Kind.ACH_SALE, minute=2, return_code="R01"),
        observation(Status.ACH_RETURNED, kind=Kind.ACH_SALE, minute=3, return_code="R01"),
        observation(Status.VOIDED, kind=Kind.ACH_SALE, minute=4),
    )
    assert kinds(book.events) == [
        "AchPaymentInitiated",
        "PaymentCaptured",
        "AchPaymentReturned",
        "CaptureReversed",
        "NextStepFound",
        "PaymentStatusRecognized",
        "PaymentVoided",
    ]
    assert book.events[2].return_code == "R01"
    assert movements(book) == [(Movement.CAPTURED, 100_00), (Movement.RETURNED, 100_00)]


def test_a_refund_is_issued_once_and_reversed_when_voided() -> None:
    book = ledger().given(
        observation(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND),
        observation(Status.SETTLED, 30_00, kind=Kind.REFUND, minute=1),
        observation(Status.VOIDED, 30_00, kind=Kind.REFUND, minute=2),
    )
    assert kinds(book.events) == ["RefundIssued", "RefundSettled", "PaymentVoided", "RefundReversed"]
    assert movements(book) == [(Movement.REFUNDED, 30_00), (Movement.REFUND_VOIDED, 30_00)]
    assert book.state.stage is Stage.REFUND_REVERSED


@pytest.mark.parametrize("status", [Status.ACH_FAILED, Status.ACH_RETURNED])
def test_an_ach_refund_that_comes_back_is_reversed(status: Status) -> None:
    book = ledger().given(
        observation(Status.ACH_PENDING, 30_00, kind=Kind.ACH_REFUND),
        observation(status, 30_00, kind=Kind.ACH_REFUND, minute=1),
    )
    assert "RefundReversed" in kinds(book.events)
    assert net(book) == 0


def test_a_refund_of_two_amounts_is_shown_and_counts_once() -> None:
    book = ledger().given(
        observation(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND),
        observation(Status.SETTLED, 20_00, kind=Kind.REFUND, minute=1),
    )
    assert book.events[-1].detail == "refund amounts 3000 and 2000"
    assert net(book) == -30_00


def test_a_status_we_cannot_read_is_kept_raw_once_per_pair() -> None:
    strange = observation(Status.UNKNOWN, raw_status="Q/Queued", raw_kind="Sale")
    book = ledger().given(strange, strange, observation(Status.UNKNOWN, raw_status="R/Review", raw_kind="Sale"))
    assert [(event.raw_kind, event.raw_status) for event in book.events] == [("Sale", "Q/Queued"), ("Sale", "R/Review")]
    # Nothing but the hold of its payer, and the open outcome for the payer's subscriptions.
    assert {output.topic for output in book.outputs} == {Topic.GATEWAY_COMMANDS, Topic.SUBSCRIPTIONS_INBOX}


@pytest.mark.parametrize(
    ("one", "other", "kind", "detail"),
    [
        (Status.SETTLED, Status.VOIDED, Kind.SALE, "SETTLED and VOIDED"),
        (Status.SETTLED, Status.VOIDED_BY_RULE, Kind.SALE, "SETTLED and VOIDED_BY_RULE"),
        (Status.DECLINED, Status.PENDING_SETTLEMENT, Kind.SALE, "DECLINED and CAPTURED"),
        (Status.ACH_FAILED, Status.ACH_CLEARED, Kind.ACH_SALE, "ACH_FAILED and CAPTURED"),
        (Status.DECLINED, Status.SETTLED, Kind.REFUND, "DECLINED and REFUND_ISSUED"),
    ],
)
def test_what_cannot_both_be_true_is_shown_once(one: Status, other: Status, kind: Kind, detail: str) -> None:
    for first, second in ((one, other), (other, one)):
        book = ledger().given(*(observation(status, kind=kind) for status in (first, second, first, second)))
        assert [event.detail for event in book.events if type(event).__name__ == "PaymentContradicted"] == [detail]


def test_a_sale_that_is_also_a_refund_is_shown() -> None:
    book = ledger().given(observation(Status.SETTLED), observation(Status.SETTLED, kind=Kind.REFUND, minute=1))
    assert book.events[-1].detail == "CAPTURED and REFUND_ISSUED"


def test_another_currency_is_shown_and_moves_nothing() -> None:
    book = ledger().given(observation(Status.SETTLED), observation(Status.SETTLED, 50_00, currency="EUR", minute=1))
    assert book.events[-1].detail == "currencies EUR and USD"
    assert movements(book) == [(Movement.CAPTURED, 100_00)]


def test_another_merchant_account_is_shown_and_moves_nothing() -> None:
    other = replace(observation(Status.SETTLED, 50_00, minute=1), merchant="eu")
    book = ledger().given(observation(Status.SETTLED), other)
    assert book.events[-1].detail == "merchant accounts eu and main"
    assert movements(book) == [(Movement.CAPTURED, 100_00)]


def test_the_latest_captured_amount_wins() -> None:
    book = ledger().given(
        observation(Status.PENDING_SETTLEMENT, 100_00, minute=1),
        observation(Status.PENDING_SETTLEMENT, 80_00, minute=3),
        observation(Status.PENDING_SETTLEMENT, 90_00, minute=2),
        observation(Status.SETTLED, 95_00, minute=4),
    )
    assert movements(book) == [
        (Movement.CAPTURED, 100_00),
        (Movement.AMOUNT_DECREASED, 20_00),
        (Movement.AMOUNT_INCREASED, 15_00),
    ]
    assert book.state.captured_minor == 95_00


def test_at_one_instant_the_further_status_is_the_later_one() -> None:
    pending, settled = observation(Status.PENDING_SETTLEMENT, 100_00), observation(Status.SETTLED, 80_00)
    for book in (ledger().given(pending, settled), ledger().given(settled, pending)):
        assert book.state.captured_minor == net(book) == 80_00


def test_an_older_amount_cannot_win_by_arriving_late() -> None:
    book = ledger().given(
        observation(Status.PENDING_SETTLEMENT, 100_00, minute=1),
        observation(Status.PENDING_SETTLEMENT, 100_00, minute=3),
        observation(Status.PENDING_SETTLEMENT, 80_00, minute=2),
    )
    assert kinds(book.events) == ["PaymentCaptured", "CaptureRecorded"]
    assert net(book) == 100_00


def test_an_amount_that_comes_back_is_a_movement_of_its_own() -> None:
    amounts = (100_00, 80_00, 100_00, 80_00)
    book = ledger().given(
        *(observation(Status.PENDING_SETTLEMENT, amount, minute=minute) for minute, amount in enumerate(amounts))
    )
    ids = [sent.movement_id for sent in book.sent(PaymentToIdentify)]
    assert len(set(ids)) == 4


def test_after_a_reversal_an_amount_changes_nothing() -> None:
    book = ledger().given(
        observation(Status.PENDING_SETTLEMENT, 100_00),
        observation(Status.VOIDED, minute=1),
        observation(Status.PENDING_SETTLEMENT, 80_00, minute=2),
    )
    assert net(book) == 0
    assert kinds(book.events)[-1] == "CaptureRecorded"


def test_a_refund_is_applied_to_its_payment_once() -> None:
    book = ledger().given(observation(Status.SETTLED), refund_linked("9", 30_00), refund_linked("9", 30_00))
    assert kinds(book.events)[-1] == "RefundApplied"
    assert (book.state.refunded_minor, book.state.stage) == (30_00, Stage.PARTIALLY_REFUNDED)
    assert book.given(refund_linked("10", 70_00)).state.stage is Stage.REFUNDED


def test_every_movement_carries_the_tokens_of_the_first() -> None:
    book = ledger().given(
        observation(Status.PENDING_SETTLEMENT, invoice=" re-7 ", vault=None),
        observation(Status.PENDING_SETTLEMENT, 90_00, minute=1, invoice="RE-8", vault="acme"),
        observation(Status.VOIDED, minute=2, invoice=None, vault=None),
    )
    assert {sent.tokens for sent in book.sent(PaymentToIdentify)} == {("invoice:RE-7", "order:RE-7")}


def test_the_number_of_the_order_outlives_a_restart_and_goes_with_every_movement() -> None:
    seen = replace(observation(Status.PENDING_SETTLEMENT, invoice=None, vault=None), customer_reference="PO-7")
    book = ledger().given(seen, replace(seen, status=Status.VOIDED, customer_reference=None, observed_at=at(2)))
    assert {(sent.movement, sent.tokens) for sent in book.sent(PaymentToIdentify)} == {
        (Movement.CAPTURED, ("order:PO-7",)),
        (Movement.VOIDED, ("order:PO-7",)),
    }


@pytest.mark.parametrize(
    ("vault", "invoice", "reference", "tokens"),
    [
        ("acme", " re-1", None, ("vault:acme", "invoice:RE-1", "order:RE-1")),
        ("acme", " re-1", " po-7 ", ("vault:acme", "invoice:RE-1", "order:RE-1", "order:PO-7")),
        ("acme", None, None, ("vault:acme",)),
        (None, "RE-1", "re-1", ("invoice:RE-1", "order:RE-1")),
        (None, None, "PO-7", ("order:PO-7",)),
        (None, "  ", " ", (f"none:{PAYMENT}",)),
        ("", None, None, (f"none:{PAYMENT}",)),
    ],
)
def test_tokens_in_the_order_in_which_they_are_asked(
    vault: str | None, invoice: str | None, reference: str | None, tokens: tuple[str, ...]
) -> None:
    seen = observation(Status.SETTLED, vault=vault, invoice=invoice)
    book = ledger().given(replace(seen, customer_reference=reference))
    (sent,) = book.sent(PaymentToIdentify)
    assert sent.tokens == tokens
    assert (sent.movement_id, sent.method) == (f"{PAYMENT}:CAPTURED", PaymentMethod.CARD)


# -- what settlement hears -------------------------------------------------------------------------------------------


def reported_to_settlement(*observations: TransactionObserved) -> list[tuple[str, int, int | None]]:
    """Movement, amount and batch of each MoneySettled."""
    sent = ledger().given(*observations).sent(MoneySettled)
    return [(str(money.movement), money.amount_minor, money.batch_number) for money in sent]


@pytest.mark.parametrize("came_back_first", [False, True])
def test_a_settled_refund_that_comes_back_is_a_line_of_settlement_in_any_order(came_back_first: bool) -> None:
    issued = observation(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND, payment="9")
    settled_one = observation(Status.SETTLED, 30_00, kind=Kind.REFUND, payment="9", minute=2, batch=18)
    returned = observation(Status.VOIDED, 30_00, kind=Kind.REFUND, payment="9", minute=1 if came_back_first else 3)
    then = (returned, settled_one) if came_back_first else (settled_one, returned)
    assert reported_to_settlement(issued, *then, *then) == [("REFUNDED", 30_00, 18), ("REFUND_VOIDED", 30_00, None)]


def test_a_refund_that_was_voided_before_it_settled_is_no_line_of_settlement() -> None:
    issued = observation(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND, payment="9")
    assert (
        reported_to_settlement(issued, observation(Status.VOIDED, 30_00, kind=Kind.REFUND, payment="9", minute=1)) == []
    )


def test_a_card_payment_is_reported_when_it_is_settled_and_a_refund_likewise() -> None:
    sale = [observation(Status.PENDING_SETTLEMENT), observation(Status.SETTLED, minute=1, settled_at=at(1), batch=17)]
    assert reported_to_settlement(*sale, *sale) == [("CAPTURED", 100_00, 17)]
    refund = observation(Status.SETTLED, 30_00, kind=Kind.REFUND, payment="9", minute=2, batch=18)
    assert reported_to_settlement(refund, refund) == [("REFUNDED", 30_00, 18)]


def test_the_settled_amount_is_that_of_the_settling_observation_and_later_ones_are_differences() -> None:
    pending = observation(Status.PENDING_SETTLEMENT, 100_00)
    settled = observation(Status.SETTLED, 120_00, minute=1, batch=17)
    corrected = observation(Status.SETTLED, 90_00, minute=2, batch=17)
    assert reported_to_settlement(pending, settled) == [("CAPTURED", 120_00, 17)]
    assert reported_to_settlement(pending, settled, corrected) == [
        ("CAPTURED", 120_00, 17),
        ("AMOUNT_DECREASED", 30_00, None),
    ]


def test_ach_money_is_reported_when_it_clears_and_when_it_comes_back() -> None:
    cleared = observation(Status.ACH_CLEARED, kind=Kind.ACH_SALE)
    returned = observation(Status.ACH_RETURNED, kind=Kind.ACH_SALE, minute=1, return_code="R01")
    both = [("CAPTURED", 100_00, None), ("RETURNED", 100_00, None)]
    assert reported_to_settlement(cleared, returned) == both
    assert reported_to_settlement(returned, cleared) == both


def test_a_payment_voided_before_it_settles_is_no_money_for_the_bank() -> None:
    assert reported_to_settlement(observation(Status.PENDING_SETTLEMENT), observation(Status.VOIDED, minute=1)) == []
