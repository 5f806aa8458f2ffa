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
from schemas.documents import faults
from schemas.records.erp import DocumentPosted, DocumentRefused, PostDocument, Side
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
from tests.support.policies import decide_of

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
    Movement.CHARGED_BACK: -1,
    Movement.CHARGEBACK_REVERSED: 1,
    Movement.CHARGEBACK_LOST: 0,
    Movement.CHARGEBACK_LOST_REVERSED: 0,
}


def at(minute: int) -> datetime:
    """An instant so many minutes after NOON."""
    return NOON + timedelta(minutes=minute)


def observation(
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
    """One observation of a transaction."""
    rails = {
        TransactionKind.ACH_SALE: PaymentMethod.ACH,
        TransactionKind.ACH_REFUND: PaymentMethod.ACH,
        TransactionKind.BANK_TRANSFER: PaymentMethod.BANK_TRANSFER,
    }
    return TransactionObserved(
        paytrace_transaction_id=payment,
        merchant="main",
        kind=kind,
        raw_kind=kind.value if raw_kind is None else raw_kind,
        status=status,
        raw_status=status.value if raw_status is None else raw_status,
        method=rails.get(kind, PaymentMethod.CARD),
        amount_minor=amount_minor,
        currency=currency,
        approval_code="TAS679",
        invoice_number=invoice,
        vault_customer_id=vault,
        description="",
        card_last_four=None if kind in rails else "5439",
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
    due_on: date | None = date(2026, 12, 20),
    **terms: Any,
) -> OpenItemObserved:
    """An open item as abas shows it at this minute; amount_minor is what it asked for at first, if that differs."""
    return OpenItemObserved(
        abas_open_item_id=item_id,
        abas_customer_id=customer,
        invoice_number=invoice,
        amount_minor=open_minor if amount_minor is None else amount_minor,
        open_minor=open_minor,
        currency=currency,
        due_on=due_on,
        is_open=is_open,
        observed_at=at(minute),
        raw="{}",
        **terms,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A document of a payment that abas was asked for, reported flat: the customer's line, its values and its head."""

    kind: str
    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    abas_open_item_id: str | None
    invoice_number: str | None
    amount_minor: int
    currency: str
    side: Side
    reverses_reference: str | None = None
    method: PaymentMethod | None = None
    reason: str | None = None
    text: str | None = None
    value_on: date
    occurred_at: datetime
    document: PostDocument = field(compare=False, repr=False, default=None)  # type: ignore[assignment]  # what it was read from


def asked(document: PostDocument) -> Asked:
    """What a command asks of abas."""
    line = document.lines[0]  # the customer's
    values = dict(document.values)
    reported = Asked(
        kind=document.kind,
        posting_reference=document.posting_reference,
        paytrace_transaction_id=values.pop("paytrace_transaction_id", ""),
        abas_customer_id=document.subject,
        abas_open_item_id=line.open_item,
        invoice_number=values.pop("invoice_number", None),
        amount_minor=line.amount_minor,
        currency=line.currency,
        side=line.side,
        reverses_reference=document.reverses_reference,
        method=PaymentMethod(values.pop("method")) if "method" in values else None,
        reason=values.pop("reason", None),
        text=document.text,
        value_on=date.fromisoformat(values.pop("value_on")),
        occurred_at=document.occurred_at,
        document=document,
    )
    for role in ("dispute", "credit_number"):  # of kinds of their own; the document has it
        values.pop(role, None)
    assert values == {}
    assert list(faults(document)) == [], "the kind allows it"
    return reported


def done(command: Asked | PostDocument) -> DocumentPosted:
    """The outcome of a command that abas carried out."""
    document = command.document if isinstance(command, Asked) else command
    return DocumentPosted(
        kind=document.kind,
        posting_reference=document.posting_reference,
        reverses_reference=document.reverses_reference,
        subject_kind=document.subject_kind,
        subject=document.subject,
        values=document.values,
        settlement_account=document.settlement_account,
        lines=document.lines,
        document_id=f"({document.posting_reference},0,0)",
        document_number=document.posting_reference,
        occurred_at=document.occurred_at,
    )


def refused(command: Asked | PostDocument, code: str = "PERIOD") -> DocumentRefused:
    """The outcome of a command that abas refused."""
    document = command.document if isinstance(command, Asked) else command
    return DocumentRefused(
        kind=document.kind,
        posting_reference=document.posting_reference,
        reverses_reference=document.reverses_reference,
        subject_kind=document.subject_kind,
        subject=document.subject,
        values=document.values,
        settlement_account=document.settlement_account,
        lines=document.lines,
        code=code,
        message="posting period is closed",
        occurred_at=document.occurred_at,
    )


def key_by(name: str) -> Callable[[Any], str]:
    """The key of a record: this field, or the first element of a list; of a document's outcome whose it is."""

    def key_of(record: Any) -> str:
        if isinstance(record, DocumentPosted | DocumentRefused):
            return record.subject
        value = getattr(record, name)
        return value[0] if isinstance(value, tuple) else str(value)

    return key_of


def payers_key(record: Any) -> str:
    """The key of a record in the identification inbox, as its YAML states it."""
    return catalog.topic("identification.inbox.v1").key_of(record).decode()


@dataclass
class Ledger:
    """One context in memory: a state per key, and everything that it said, in order.

    policy is what it decides by, where that is not what ships with Saldo.
    """

    context: ModuleType
    key_of: Callable[[Any], str]
    policy: Any = None
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
        caused = decide_of(self.context, self.policy)(state, record)
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

    def sent(self, kind: type[Any] | str | None = None) -> list[Any]:
        """Records sent to others, of one type or all; documents as `asked` tells them, and by their kind."""
        records = [out.record for out in self.outputs]
        reported = [asked(record) if isinstance(record, PostDocument) else record for record in records]
        if isinstance(kind, str):
            return [one for one in reported if isinstance(one, Asked) and one.kind == kind]
        return [one for one in reported if kind is None or isinstance(one, kind)]


def posted(book: Ledger) -> Ledger:
    """Let abas make every document that it was asked for, and those that follow."""
    seen = 0
    while len(sent := book.sent(Asked)) > seen:
        for command in sent[seen:]:
            book.when(done(command))
        seen = len(sent)
    return book


def documents(book: Ledger) -> list[tuple[str, str | None, int]]:
    """The documents that abas was asked for: kind, open item, amount."""
    return [(one.kind, one.abas_open_item_id, one.amount_minor) for one in book.sent(Asked)]


def kinds(events: Iterable[Any]) -> list[str]:
    """The names of events, for a test that is about what happened and not about the fields."""
    return [type(event).__name__ for event in events]
