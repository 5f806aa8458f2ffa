"""fct_payments: where a transaction stands does not depend on the order in which its events came."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from projections.store.client import Store
from schemas.records.payments import TransactionKind, TransactionStatus
from tests.support.builders import observation
from tests.support.examples import example
from tests.support.projecting import project
from tests.support.scripted import OBSERVATIONS, PAYMENTS, Script


def status(store: Store, *names: str, **changes: Any) -> set[tuple[Any, ...]]:
    """State, amount and net of the payment after these events, for every order of them."""
    found = set()
    for number, order in enumerate(itertools.permutations(names)):
        payment = f"p{number}"
        script = Script()
        for name in order:
            fields = {"paytrace_transaction_id": payment} | changes.get(name, {})
            script.write(PAYMENTS, example(name, **fields), partition=number % 4)
        project(store, _renumbered(store, script))
        found |= set(
            store.rows(
                "SELECT state, kind, amount_minor, net_minor"
                " FROM fct_payments WHERE paytrace_transaction_id = {id:String}",
                {"id": payment},
            )
        )
    return found


def _renumbered(store: Store, script: Script) -> list[Any]:
    """The script behind what the store holds already."""
    ends = dict(store.rows("SELECT source_partition, max(next_offset) FROM saldo_positions GROUP BY source_partition"))
    return [replace(m, offset=m.offset + ends.get(m.partition, 0)) for m in script.messages]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("PaymentAuthorized",), ("AUTHORIZED", "PAYMENT", 12500, 0)),
        (("PaymentDeclined",), ("DECLINED", "PAYMENT", 12500, 0)),
        (("PaymentVoided",), ("VOIDED", "PAYMENT", 12500, 0)),
        (("AchPaymentInitiated",), ("ACH_PENDING", "PAYMENT", 12500, 0)),
        (("AchPaymentInitiated", "AchPaymentFailed"), ("ACH_FAILED", "PAYMENT", 12500, 0)),
        (("PaymentAuthorized", "PaymentCaptured"), ("CAPTURED", "PAYMENT", 12500, 12500)),
        (("PaymentCaptured", "PaymentSettled"), ("SETTLED", "PAYMENT", 12500, 12500)),
        (("PaymentCaptured", "CaptureReversed", "PaymentVoided"), ("VOIDED", "PAYMENT", 12500, 0)),
        (("PaymentCaptured", "PaymentSettled", "RefundApplied"), ("REFUNDED", "PAYMENT", 12500, 12500)),
        (("RefundIssued",), ("REFUND_ISSUED", "REFUND", 12500, -12500)),
        (("RefundIssued", "RefundReversed"), ("REFUND_VOIDED", "REFUND", 12500, 0)),
        (("PaymentStatusUnrecognized",), ("UNRECOGNIZED", "PAYMENT", 12500, 0)),
        (("PaymentStatusUnrecognized", "PaymentStatusRecognized"), ("NOTHING_MOVED", "PAYMENT", 0, 0)),
    ],
)
def test_the_state_follows_from_the_events(store: Store, names: tuple[str, ...], expected: tuple[Any, ...]) -> None:
    amounts = {name: {"amount_minor": 12500} for name in names if "amount_minor" in _fields(name)}
    assert status(store, *names, **amounts) == {expected}


def test_a_partial_refund_is_reported_as_one(store: Store) -> None:
    changes = {"PaymentCaptured": {"amount_minor": 100}, "RefundApplied": {"amount_minor": 40}}
    assert status(store, "PaymentCaptured", "RefundApplied", **changes) == {("PARTLY_REFUNDED", "PAYMENT", 100, 100)}


def test_a_voided_refund_leaves_the_payment_as_it_was(store: Store) -> None:
    script = Script()
    script.write(PAYMENTS, example("PaymentCaptured", paytrace_transaction_id="1"))
    script.write(PAYMENTS, example("RefundApplied", paytrace_transaction_id="1", refund_transaction_id="2"))
    project(store, script.messages)
    state = "SELECT state FROM fct_payments WHERE paytrace_transaction_id = '1'"
    assert store.rows(state) == [("REFUNDED",)]
    project(store, [script.write(PAYMENTS, example("RefundReversed", paytrace_transaction_id="2"))])
    assert store.rows(state) == [("CAPTURED",)]


def test_what_an_event_does_not_carry_is_taken_from_the_observation(store: Store) -> None:
    script = Script()
    seen = observation(TransactionStatus.ACH_RETURNED, kind=TransactionKind.ACH_SALE, payment="1")
    script.write(OBSERVATIONS, seen)
    script.write(PAYMENTS, example("AchPaymentReturned", paytrace_transaction_id="1"))
    project(store, script.messages)
    assert store.rows("SELECT state, method, currency, merchant FROM fct_payments") == [
        ("ACH_RETURNED", "ACH", "USD", "main")
    ]


def _fields(name: str) -> set[str]:
    return set(example(name).__dataclass_fields__)
