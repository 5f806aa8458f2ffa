"""Commands to abas documents and records, each exactly once, for the ERP sink agent.

Every command becomes a write (connectors/abas/once.py), which is carried out by one rule. PostDocument and SaveRecord
are written as data says (by_profile.py); the older commands by their document kinds (documents/).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Generic, assert_never

from connectors.abas.by_profile import DocumentWrite, RecordWrite
from connectors.abas.client import AbasClient
from connectors.abas.criteria import Filing, Selection, equals
from connectors.abas.documents import (
    CASH_RECEIPT,
    ON_ACCOUNT_RECEIPT,
    ON_ACCOUNT_REFUND,
    RECEIPT_REVERSAL,
    WRITE_OFF,
    WRITE_OFF_REVERSAL,
)
from connectors.abas.documents.kind import CommandT, DocumentKind
from connectors.abas.errors import AbasDocumentContradicts, AbasRefused, ProfileMismatch
from connectors.abas.mapping import PostedDocument, to_posted_document
from connectors.abas.once import OnceWriter, Write
from connectors.abas.posting import Saving, is_fenced, post_document
from connectors.abas.profile import Profile
from connectors.abas.refusal import abas_words
from connectors.abas.rights import SavingRights
from connectors.abas.settings import AbasSettings
from schemas.records.by_topic import ErpCommands, ErpOutcomes
from schemas.records.erp import (
    CashReceiptPosted,
    CashReceiptReversed,
    PostCashReceipt,
    PostDocument,
    PostingRefused,
    PostOnAccountReceipt,
    PostOnAccountRefund,
    PostWriteOff,
    ReverseCashReceipt,
    ReverseWriteOff,
    SaveRecord,
    WriteOffPosted,
    WriteOffReversed,
)
from schemas.values.clock import utc_now
from schemas.values.money import Money

KindOutcome = CashReceiptPosted | CashReceiptReversed | WriteOffPosted | WriteOffReversed | PostingRefused
# The others follow a person's decision; where the profile leaves them out, that decision is refused.
_ALWAYS_NEEDED = (CASH_RECEIPT, RECEIPT_REVERSAL)

KIND_NOT_IN_PROFILE = "MISSING_PROFILE/document"


class AbasSink:
    """Writes documents and records; satisfies the sink agent's port by its shape.

    Without `rights` only this process remembers what it was about to save; a worker gives the claims of all.
    Raises: ProfileMismatch when the profile leaves out a document kind.
    """

    def __init__(
        self,
        client: AbasClient,
        profile: Profile,
        settings: AbasSettings,
        *,
        rights: SavingRights | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        missing = [kind.name for kind in _ALWAYS_NEEDED if kind.name not in profile.posting.documents]
        if missing:
            where = profile.where("posting", "documents")
            raise ProfileMismatch([f"{where}: posting.documents has no {name}; add that entry" for name in missing])
        self._client = client
        self._profile = profile
        self._writer = OnceWriter(profile, settings, rights=rights, sleep=sleep, now=now)

    async def post(self, command: ErpCommands) -> ErpOutcomes:
        """Make abas hold this document or record once, and say what became of it; as OnceWriter.carry_out."""
        return await self._posted(command, "")

    async def post_checked(self, command: ErpCommands, permit: str) -> ErpOutcomes:
        """As `post`, at the request of a person who looked into abas: what is in doubt and not found is sent again.

        Ensures: one permit allows one attempt, over all processes and restarts; none is sent before outcome_wait_s.
        """
        return await self._posted(command, permit)

    async def _posted(self, command: ErpCommands, permit: str) -> ErpOutcomes:
        profile = self._profile
        match command:
            case PostDocument():
                way = profile.documents.get(command.kind)
                if way is None:
                    return DocumentWrite.refusal(command, self._not_in_profile("documents", command.kind))
                return await self._writer.carry_out(DocumentWrite(self._client, profile, way, command), permit)
            case SaveRecord():
                record = profile.records.get(command.kind)
                if record is None:
                    return RecordWrite.refusal(command, self._not_in_profile("records", command.kind))
                return await self._writer.carry_out(RecordWrite(self._client, profile, record, command), permit)
            case PostCashReceipt():
                return await self._by_kind(CASH_RECEIPT, command, permit)
            case PostOnAccountReceipt():
                return await self._by_kind(ON_ACCOUNT_RECEIPT, command, permit)
            case PostOnAccountRefund():
                return await self._by_kind(ON_ACCOUNT_REFUND, command, permit)
            case PostWriteOff():
                return await self._by_kind(WRITE_OFF, command, permit)
            case ReverseCashReceipt():
                return await self._by_kind(RECEIPT_REVERSAL, command, permit)
            case ReverseWriteOff():
                return await self._by_kind(WRITE_OFF_REVERSAL, command, permit)
            case _:
                assert_never(command)

    async def _by_kind(self, kind: DocumentKind[CommandT], command: CommandT, permit: str) -> ErpOutcomes:
        if kind.name not in self._profile.posting.documents:
            return _refused(command, self._not_in_profile("posting.documents", kind.name))
        return await self._writer.carry_out(_KindWrite(self._client, self._profile, kind, command), permit)

    def _not_in_profile(self, entry: str, kind: str) -> AbasRefused:
        where = self._profile.where(*entry.split("."))
        return AbasRefused(
            f"the mapping profile has no document {kind}; add it at {where}, below {entry}", code=KIND_NOT_IN_PROFILE
        )


class _KindWrite(Write[PostedDocument, KindOutcome], Generic[CommandT]):
    """One command of a document kind."""

    def __init__(self, client: AbasClient, profile: Profile, kind: DocumentKind[CommandT], command: CommandT) -> None:
        self.reference, self.subject = command.posting_reference, command.abas_customer_id
        self.original = kind.original(command)
        self._client, self._profile = client, profile
        self._kind: DocumentKind[CommandT] = kind
        self._command: CommandT = command

    @property
    def is_fenced(self) -> bool:
        return is_fenced(self._profile, self._kind.name)

    async def look_up(self) -> PostedDocument | None:
        return await self._find(self.reference)

    async def look_up_original(self) -> PostedDocument | None:
        return None if self.original is None else await self._find(self.original)

    async def _find(self, reference: str) -> PostedDocument | None:
        payment = self._profile.tables.payment
        found = await self._client.query_page(
            payment.table,
            Selection((equals(payment.fields.posting_reference, reference),), Filing.BOTH, payment.order_by),
            list(payment.fields.model_dump(exclude_none=True).values()),
            order_option=self._profile.formats.order_option,
            limit=2,
        )
        if len(found) > 1:
            raise AbasDocumentContradicts(
                f"abas holds more than one document under {reference}: {', '.join(d.number or d.id for d in found)}"
            )
        return to_posted_document(found[0], payment.fields, self._profile.formats) if found else None

    async def make(self, original: PostedDocument | None, saving: Saving) -> PostedDocument:
        return await post_document(
            self._client,
            self._profile,
            self._kind.name,
            self._kind.values(self._command, original, self._profile),
            customer=self.subject,
            look_up=self.look_up,
            saving=saving,
        )

    def outcome(self, found: PostedDocument) -> KindOutcome:
        """Turn the document into the outcome, once it is the one that the command asks for."""
        command = self._command
        sign = -1 if self._profile.posting.documents[self._kind.name].amount_sign == "negative" else 1
        # Amount and transaction stay the same when a payment goes to another customer, so the customer counts as well.
        customer = command.abas_customer_id if found.abas_customer_id is not None else None
        expected = (sign * command.amount_minor, command.currency, command.paytrace_transaction_id, customer)
        actual = (found.amount_minor, found.currency, found.paytrace_transaction_id, found.abas_customer_id)
        if found.posting_reference != command.posting_reference or actual != expected:
            raise AbasDocumentContradicts(
                f"abas document {found.number} under {found.posting_reference} holds {actual}, "
                f"the command {command.posting_reference} says {expected}"
            )
        return self._kind.outcome(command, found)

    def refused(self, refusal: AbasRefused) -> PostingRefused:
        return _refused(self._command, refusal)

    @property
    def described(self) -> str:
        command = self._command
        return (
            f"the document {command.posting_reference} ({Money(command.amount_minor, command.currency).major} "
            f"{command.currency}, customer {command.abas_customer_id})"
        )

    @property
    def place(self) -> str:
        payment = self._profile.tables.payment
        return f"table {payment.table}, field {payment.fields.posting_reference} = {self.reference}"


def _refused(command: Any, refusal: AbasRefused) -> PostingRefused:
    """Record the refusal; there is no document to take a time from, so it carries the command's."""
    code, message, field_name = abas_words(refusal)
    return PostingRefused(
        posting_reference=command.posting_reference,
        paytrace_transaction_id=command.paytrace_transaction_id,
        abas_customer_id=command.abas_customer_id,
        amount_minor=command.amount_minor,
        currency=command.currency,
        code=code,
        message=message,
        field_name=field_name,
        occurred_at=command.occurred_at,
    )
