"""The golden scenarios: what PayTrace and abas tell, in order. `python -m tests.replay.golden` writes them as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from schemas.records.identification import OpenItemReferenced
from schemas.records.payments import TransactionKind as Kind
from schemas.records.payments import TransactionStatus as Status
from tests.support.builders import CUSTOMER, at, open_item, sighting

Told = tuple[str, Any]  # inbox and record
PAYTRACE, PAYERS, RECEIVABLES = "payments.observations.v1", "identification.inbox.v1", "receivables.inbox.v1"


def seen(*args: Any, **options: Any) -> Told:
    """PayTrace shows a transaction."""
    return PAYTRACE, sighting(*args, **options)


def invoiced(item: str, amount_minor: int, invoice: str, minute: int = 0, customer: str = CUSTOMER) -> list[Told]:
    """abas shows an open item, and its source tells both contexts."""
    reference = OpenItemReferenced(
        token=f"invoice:{invoice}", abas_customer_id=customer, abas_open_item_id=item, observed_at=at(minute)
    )
    shown = open_item(item, amount_minor, invoice=invoice, minute=minute, customer=customer)
    return [(RECEIVABLES, shown), (PAYERS, reference)]


def sale_posted() -> Sequence[Told]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.AUTHORIZED, minute=1),
        seen(Status.PENDING_SETTLEMENT, minute=2),
        seen(Status.SETTLED, minute=3, settled_at=at(3), batch=17),
    ]


def void_after_posting() -> Sequence[Told]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, minute=1),
        seen(Status.VOIDED, minute=2),
    ]


def partial_refund_after_settlement() -> Sequence[Told]:
    return [
        *sale_posted(),
        seen(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND, payment="9001", minute=10),
        seen(Status.SETTLED, 30_00, kind=Kind.REFUND, payment="9001", minute=11),
    ]


def repeated_refunds() -> Sequence[Told]:
    return [
        *sale_posted(),
        seen(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND, payment="9001", minute=10),
        seen(Status.PENDING_SETTLEMENT, 50_00, kind=Kind.REFUND, payment="9002", minute=11),
        seen(Status.SETTLED, 30_00, kind=Kind.REFUND, payment="9001", minute=12),
        seen(Status.PENDING_SETTLEMENT, 20_00, kind=Kind.REFUND, payment="9003", minute=13),
    ]


def ach_cleared_then_returned() -> Sequence[Told]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.ACH_PENDING, kind=Kind.ACH_SALE, minute=1),
        seen(Status.ACH_CLEARED, kind=Kind.ACH_SALE, minute=2),
        seen(Status.ACH_RETURNED, kind=Kind.ACH_SALE, minute=3, return_code="R01"),
    ]


def voided_by_rule_103() -> Sequence[Told]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.VOIDED_BY_RULE, minute=1),
        seen(Status.VOIDED, minute=2),
    ]


def unknown_invoice_then_known() -> Sequence[Told]:
    return [
        seen(Status.PENDING_SETTLEMENT, minute=1),
        seen(Status.SETTLED, minute=2),
        *invoiced("i1", 100_00, "RE-1", minute=9),
    ]


def tie() -> Sequence[Told]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        *invoiced("i2", 100_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, minute=1),
    ]


def amount_differs() -> Sequence[Told]:
    return [
        *invoiced("i1", 105_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, minute=1),
        # Later abas shows the item with the amount that was paid.
        (RECEIVABLES, open_item("i1", 100_00, invoice="RE-1", minute=5)),
    ]


def duplicated_and_reordered() -> Sequence[Told]:
    captured, settled = seen(Status.PENDING_SETTLEMENT, minute=1), seen(Status.SETTLED, minute=2)
    refund = seen(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND, payment="9001", minute=3)
    item = invoiced("i1", 100_00, "RE-1")
    return [refund, settled, *item, captured, settled, *item, captured, refund, settled]


SCENARIOS: Sequence[Callable[[], Sequence[Told]]] = (
    sale_posted,
    void_after_posting,
    partial_refund_after_settlement,
    repeated_refunds,
    ach_cleared_then_returned,
    voided_by_rule_103,
    unknown_invoice_then_known,
    tie,
    amount_differs,
    duplicated_and_reordered,
)
