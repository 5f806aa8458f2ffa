"""What is remembered under one key of the orders inbox: an order of a shop, or the hooks of a shop."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from schemas.records.gateway import PaymentRequestProgress
from schemas.records.orders import (
    OrderChanged,
    OrderCustomerAsked,
    OrderDelivered,
    OrderMoneyNamed,
    OrderMoneyReported,
    OrderPayerNamed,
    OrderPaymentReported,
    OrderPaymentRequested,
    OrderPlaced,
    OrderRequestAnswered,
    OrderReview,
    OrderWaiting,
    OrderWaitReason,
    ShopHooksChanged,
    ShopRefundSeen,
    ShopWriteRefused,
    ShopWritten,
    WriteToShop,
)
from schemas.records.risk import OrderRiskReported

# What PayTrace, its limits or a second person said no to.
REFUSED = (PaymentRequestProgress.REFUSED, PaymentRequestProgress.CANCELLED)
ENDED = (PaymentRequestProgress.DONE, *REFUSED)


@dataclass(frozen=True, slots=True)
class State:
    """One order, or the hooks of one shop.

    Shapes: changed is the last that could be taken after it was placed, in a field of its own, since a snapshot knows
            no union of two records; reviews say why a newer one can't be, of the order that reviewed names; refunds
            are those that the shop shows now, by their id, vanished counts those that it showed once; payments, risk,
            payers and money are by transaction, holds is how often risk began to hold one, customers by source,
            receipts by posting reference, deliveries by the number of the delivery note, requests to PayTrace and
            their answers by the id of the request, writes and what became of them by command id; tried counts the
            requests that a person had made again. sales_order is what abas was asked for last, saved and refused its
            last answers; taken are reasons for waiting that a person passed over.
    """

    placed: OrderPlaced | None = None
    changed: OrderChanged | None = None
    reviews: tuple[OrderReview, ...] = ()
    reviewed: str = ""
    is_gone: bool = False
    refunds: dict[str, ShopRefundSeen] = field(default_factory=dict)
    vanished: int = 0
    hooks: ShopHooksChanged | None = None
    asked_payments: frozenset[str] = frozenset()
    payments: dict[str, OrderPaymentReported] = field(default_factory=dict)
    risk: dict[str, OrderRiskReported] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)
    asked_customer: OrderCustomerAsked | None = None
    customers: dict[str, str] = field(default_factory=dict)
    payers: dict[str, OrderPayerNamed] = field(default_factory=dict)
    sales_order: SaveRecord | None = None
    saved: RecordSaved | None = None
    refused: RecordRefused | None = None
    money: dict[str, OrderMoneyNamed] = field(default_factory=dict)
    receipts: dict[str, OrderMoneyReported] = field(default_factory=dict)
    deliveries: dict[str, OrderDelivered] = field(default_factory=dict)
    requests: dict[str, OrderPaymentRequested] = field(default_factory=dict)
    answers: dict[str, OrderRequestAnswered] = field(default_factory=dict)
    tried: int = 0
    writes: dict[str, WriteToShop] = field(default_factory=dict)
    written: dict[str, ShopWritten] = field(default_factory=dict)
    unwritten: dict[str, ShopWriteRefused] = field(default_factory=dict)
    waits: OrderWaiting | None = None
    taken: frozenset[OrderWaitReason] = frozenset()
    is_left_out: bool = False
    command_ids: frozenset[str] = frozenset()

    @property
    def order(self) -> OrderPlaced | OrderChanged | None:
        """Return the order as it is known now."""
        return self.changed or self.placed


INITIAL = State()
