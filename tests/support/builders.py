"""Records with the boring fields filled in, and a context run in memory as the task layer would run it.

`Ledger` keeps one state per key and collects what a context says; it knows no topics, offsets or disks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any, Self

from schemas import catalog
from schemas.records.erp import (
    CashReceiptPosted,
    CashReceiptReversed,
    PostCashReceipt,
    PostingRefused,
    PostOnAccountReceipt,
    PostOnAccountRefund,
    PostWriteOff,
    ReverseCashReceipt,
    ReverseWriteOff,
    WriteOffPosted,
    WriteOffReversed,
)
from schemas.records.identification import Movement, PaymentIdentified, PaymentToIdentify
from schemas.records.payments import (
    ObservedBy,
    PaymentMethod,
    RefundLinked,
    TransactionKind,
    TransactionObserved,
    TransactionStatus,
)
from schemas.records.receivables import OpenItemObserved
from streams.domain.output import Output

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PAYMENT = "79388123"
CUSTOMER = "70001"

# Which way each movement moves the money that abas must come to hold.
SIGNS = {
    Movement.CAPTURED: 1,
    Movement.AMOUNT_INCREASED: 1,
    Movement.REFUND_VOIDED: 1,
    Movement.AMOUNT_DECREASED: -1,
    Movement.VOIDED: -1,
    Movement.RETURNED: -1,
    Movement.REFUNDED: -1,
}


def at(minute: int) -> datetime:
    """An instant so many minutes after NOON."""
    return NOON + timedelta(minutes=minute)


def sighting(
    status: TransactionStatus,
    amount_minor: int = 100_00,
    *,
    minute: int = 0,
    kind: TransactionKind = TransactionKind.SALE,
    payment: str = PAYMENT,
    currency: str = "USD",
    invoice: str | None = "RE-1",
    vault: str | None = "acme",
    raw_kind: str | None = None,
    raw_status: str | None = None,
    settled_at: datetime | None = None,
    batch: int | None = None,
    return_code: str | None = None,
) -> TransactionObserved:
    """One sighting of a transaction."""
    is_ach = kind in (TransactionKind.ACH_SALE, TransactionKind.ACH_REFUND)
    return TransactionObserved(
        paytrace_transaction_id=payment,
        merchant="main",
        kind=kind,
        raw_kind=kind.value if raw_kind is None else raw_kind,
        status=status,
        raw_status=status.value if raw_status is None else raw_status,
        method=PaymentMethod.ACH if is_ach else PaymentMethod.CARD,
        amount_minor=amount_minor,
        currency=currency,
        approval_code="TAS679",
        invoice_number=invoice,
        vault_customer_id=vault,
        description="",
        card_last_four=None if is_ach else "5439",
        avs_response="",
        csc_response="",
        batch_number=batch,
        return_code=return_code,
        created_at=NOON,
        raw_created="11/20/2026 4:00:00 AM",
        settled_at=settled_at,
        raw_settled="",
        observed_at=at(minute),
        observed_by=ObservedBy.POLL,
        raw="{}",
    )


def refund_linked(refund: str = "9", amount_minor: int = 30_00, *, payment: str = PAYMENT) -> RefundLinked:
    """A refund transaction was found to refund this payment."""
    return RefundLinked(
        paytrace_transaction_id=payment,
        refund_transaction_id=refund,
        amount_minor=amount_minor,
        currency="USD",
        linked_by="same-invoice",
        occurred_at=NOON,
    )


def to_identify(
    *tokens: str, payment: str = PAYMENT, movement: Movement = Movement.CAPTURED, amount_minor: int = 100_00
) -> PaymentToIdentify:
    """A movement of money that asks these tokens."""
    return PaymentToIdentify(
        movement_id=f"{payment}:{movement}",
        paytrace_transaction_id=payment,
        movement=movement,
        amount_minor=amount_minor,
        currency="USD",
        method=PaymentMethod.CARD,
        invoice_number="RE-1",
        vault_customer_id="acme",
        tokens=tokens,
        occurred_at=NOON,
    )


def identified(
    movement: Movement,
    amount_minor: int = 100_00,
    *,
    payment: str = PAYMENT,
    invoice: str | None = "RE-1",
    minute: int = 0,
    name: str = "",
    currency: str = "USD",
    customer: str = CUSTOMER,
) -> PaymentIdentified:
    """A movement of money of this customer; `name` tells two changes of one transaction apart."""
    return PaymentIdentified(
        movement_id=f"{payment}:{movement}{name and ':' + name}",
        paytrace_transaction_id=payment,
        movement=movement,
        amount_minor=amount_minor,
        currency=currency,
        method=PaymentMethod.CARD,
        invoice_number=invoice,
        vault_customer_id="acme",
        abas_customer_id=customer,
        identified_by="vault:acme",
        occurred_at=at(minute),
    )


def open_item(
    item_id: str = "i1",
    open_minor: int = 100_00,
    *,
    invoice: str = "RE-1",
    minute: int = 0,
    is_open: bool = True,
    currency: str = "USD",
    customer: str = CUSTOMER,
    amount_minor: int | None = None,
) -> OpenItemObserved:
    """An open item as abas shows it at this minute; amount_minor is what it asked for at first, if that differs."""
    return OpenItemObserved(
        abas_open_item_id=item_id,
        abas_customer_id=customer,
        invoice_number=invoice,
        amount_minor=open_minor if amount_minor is None else amount_minor,
        open_minor=open_minor,
        currency=currency,
        due_on=date(2026, 12, 20),
        is_open=is_open,
        observed_at=at(minute),
        raw="{}",
    )


Command = (
    PostCashReceipt | PostOnAccountReceipt | PostOnAccountRefund | ReverseCashReceipt | PostWriteOff | ReverseWriteOff
)


def done(command: Command) -> CashReceiptPosted | CashReceiptReversed | WriteOffPosted | WriteOffReversed:
    """The outcome of a command that abas carried out."""
    told: dict[str, Any] = {
        "posting_reference": command.posting_reference,
        "paytrace_transaction_id": command.paytrace_transaction_id,
        "abas_customer_id": command.abas_customer_id,
        "amount_minor": command.amount_minor,
        "currency": command.currency,
        "abas_document_id": f"({command.posting_reference},0,0)",
        "abas_document_number": command.posting_reference,
        "occurred_at": command.occurred_at,
    }
    if isinstance(command, PostWriteOff):
        return WriteOffPosted(**told)
    if isinstance(command, ReverseWriteOff):
        return WriteOffReversed(reverses_reference=command.reverses_reference, **told)
    if isinstance(command, PostCashReceipt | PostOnAccountReceipt):
        return CashReceiptPosted(**told)
    if isinstance(command, PostOnAccountRefund):
        return CashReceiptReversed(reverses_reference="", **told)
    return CashReceiptReversed(reverses_reference=command.reverses_reference, **told)


def refused(command: Command, code: str = "PERIOD") -> PostingRefused:
    """The outcome of a command that abas refused."""
    return PostingRefused(
        posting_reference=command.posting_reference,
        paytrace_transaction_id=command.paytrace_transaction_id,
        abas_customer_id=command.abas_customer_id,
        amount_minor=command.amount_minor,
        currency=command.currency,
        code=code,
        message="posting period is closed",
        occurred_at=command.occurred_at,
    )


def key_by(name: str) -> Callable[[Any], str]:
    """The key of a record: this field, or the first element of a list."""

    def key_of(record: Any) -> str:
        value = getattr(record, name)
        return value[0] if isinstance(value, tuple) else str(value)

    return key_of


def payers_key(record: Any) -> str:
    """The key of a record in the identification inbox, as its YAML states it."""
    return catalog.topic("identification.inbox.v1").key_of(record).decode()


@dataclass
class Ledger:
    """One context in memory: a state per key, and everything that it said, in order."""

    context: ModuleType
    key_of: Callable[[Any], str]
    states: dict[str, Any] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    said_by_key: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def given(self, *records: Any) -> Self:
        """Take these records in."""
        for record in records:
            self.when(record)
        return self

    def when(self, record: Any) -> list[Any]:
        """Take one record in and give the events that it caused."""
        key = self.key_of(record)
        state = self.states.get(key, self.context.INITIAL)
        caused = self.context.decide(state, record)
        for event in caused:
            state = self.context.evolve(state, event)
            outputs = self.context.route(state, event)
            self.outputs += outputs
            self.said_by_key[key] += (event, *outputs)
        self.states[key] = state
        self.events += caused
        return list(caused)

    @property
    def state(self) -> Any:
        """The state of the only key."""
        (state,) = self.states.values()
        return state

    def sent(self, kind: type[Any] | None = None) -> list[Any]:
        """Records sent to others, of one type or all."""
        return [out.record for out in self.outputs if kind is None or isinstance(out.record, kind)]


def kinds(events: Iterable[Any]) -> list[str]:
    """The names of events, for a test that is about what happened and not about the fields."""
    return [type(event).__name__ for event in events]
