"""Posts documents into abas, each exactly once, and reports to receivables and ledger what became of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import TypeAlias

from schemas.records.by_topic import ErpCommands, ErpOutcomes
from schemas.records.erp import DocumentPosted, DocumentRefused, RecordRefused, RecordSaved, SaveRecord, SubjectKind
from schemas.records.ledger import DocumentBooked, DocumentNotBooked
from schemas.topic import Topic
from streams.domain.customers import creation, sync
from streams.domain.orders import sales_order
from streams.domain.output import Output
from streams.edges.ports import Ledger
from streams.edges.stateless import Stateless, stateless
from streams.tasks.processor import Effect

AGENT = "post-to-abas"
_CUSTOMERS = frozenset({creation.KIND, sync.KIND})
PostChecked = Callable[[ErpCommands, str], Awaitable[ErpOutcomes]]

# abas takes an ERP licence per running request; two are the default of the reference, so two customers at a time.
CUSTOMERS_AT_ONCE = 2
# A document that only has to wait holds its customer back, and the task tries it again: streams/tasks/deciding.py.
# What a crash can make us look up again; small, because nothing of a batch is known to others before its end.
COMMANDS_AT_ONCE = 20


Sink: TypeAlias = Effect[Stateless, ErpCommands, ErpOutcomes]


def post_to_abas(ledger: Ledger, post_checked: PostChecked | None = None) -> Sink:
    """Return the sink's work, against these books.

    `post_checked` does what a person's replay asks for: a document in doubt that isn't found is sent once more. Where
    it is left out, a replay posts like any other attempt.
    """

    async def perform(_state: Stateless, command: ErpCommands) -> tuple[ErpOutcomes, ...]:
        return (await ledger.post(command),)

    async def perform_checked(_state: Stateless, command: ErpCommands, permit: str) -> tuple[ErpOutcomes, ...]:
        assert post_checked is not None
        return (await post_checked(command, permit),)

    return stateless(
        AGENT,
        Topic.ERP_COMMANDS,
        Topic.ERP_OUTCOMES,
        perform,
        _name,
        perform_checked=None if post_checked is None else perform_checked,
        route=_reply,
        batch_size=COMMANDS_AT_ONCE,
        concurrency=CUSTOMERS_AT_ONCE,
    )


def _reply(_state: Stateless, outcome: ErpOutcomes) -> tuple[Output, ...]:
    """Report a document, a customer or a sales order to who asked for it, and every posted document to the ledger."""
    if isinstance(outcome, RecordSaved | RecordRefused) and outcome.kind in _CUSTOMERS:
        return (Output(Topic.CUSTOMERS_INBOX, outcome),)
    if isinstance(outcome, RecordSaved | RecordRefused) and outcome.kind == sales_order.KIND:
        return (Output(Topic.ORDERS_INBOX, outcome),)
    if not isinstance(outcome, DocumentPosted | DocumentRefused):
        return ()
    is_customers = outcome.subject_kind is SubjectKind.CUSTOMER
    asked = (Output(Topic.RECEIVABLES_INBOX, outcome),) if is_customers else ()
    account = outcome.settlement_account
    if account is None:
        return asked
    if isinstance(outcome, DocumentPosted):
        return (*asked, Output(Topic.LEDGER_INBOX, _booked(account, outcome)))
    return asked or (Output(Topic.LEDGER_INBOX, _not_booked(account, outcome)),)


def _booked(account: str, posted: DocumentPosted) -> DocumentBooked:
    return DocumentBooked(
        settlement_account=account,
        document_kind=posted.kind,
        posting_reference=posted.posting_reference,
        reverses_reference=posted.reverses_reference,
        paytrace_transaction_id=posted.values.get("paytrace_transaction_id"),
        is_customers=posted.subject_kind is SubjectKind.CUSTOMER,
        lines=posted.lines,
        value_on=date.fromisoformat(posted.values["value_on"]),
        abas_document_id=posted.document_id,
        abas_document_number=posted.document_number,
        category_names=posted.category_names,
        category_amounts=posted.category_amounts,
        occurred_at=posted.occurred_at,
    )


def _not_booked(account: str, refused: DocumentRefused) -> DocumentNotBooked:
    return DocumentNotBooked(
        settlement_account=account,
        document_kind=refused.kind,
        posting_reference=refused.posting_reference,
        code=refused.code,
        message=refused.message,
        occurred_at=refused.occurred_at,
    )


def _name(record: ErpCommands | ErpOutcomes) -> str:
    """Return what a command and its outcome have in common: the reference of a document, kind and key of a record."""
    if isinstance(record, SaveRecord | RecordSaved | RecordRefused):
        return f"{record.kind}/{record.natural_key}"
    return record.posting_reference
