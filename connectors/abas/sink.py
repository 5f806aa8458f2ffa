"""Commands to abas documents, each exactly once, for the ERP sink agent.

The order of things protects the books: look up our reference (active and filed) before every attempt, post, and
after any doubt look up again. The outcome is a function of the command and of the document that abas holds, never
of our clock, so an attempt repeated after a crash tells the same story byte for byte.
"""

import asyncio
from collections.abc import Awaitable, Callable

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
from connectors.abas.documents.kind import Command, CommandT, DocumentKind
from connectors.abas.errors import (
    AbasDocumentContradicts,
    AbasInternalError,
    AbasOutcomeUnknown,
    AbasRefused,
    AbasSavedUnseen,
    ProfileMismatch,
)
from connectors.abas.mapping import PostedDocument, to_posted_document
from connectors.abas.posting import post_document
from connectors.abas.profile import Profile
from connectors.abas.settings import AbasSettings
from schemas.failures import Transient
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
from schemas.waiting import IN_PLACE_S, bounded_wait_s

Outcome = CashReceiptPosted | CashReceiptReversed | WriteOffPosted | WriteOffReversed | PostingRefused
# The others follow a person's decision; where the profile leaves them out, that decision is refused.
_ALWAYS_NEEDED = (CASH_RECEIPT, RECEIPT_REVERSAL)

RECEIPT_NOT_FOUND = "MISSING_OBJECT/receipt"
KIND_NOT_IN_PROFILE = "MISSING_PROFILE/document"


class AbasSink:
    """Posts documents; satisfies the sink agent's port by its shape.

    Raises: ProfileMismatch when the profile leaves out a document kind.
    """

    def __init__(
        self,
        client: AbasClient,
        profile: Profile,
        settings: AbasSettings,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        missing = [kind.name for kind in _ALWAYS_NEEDED if kind.name not in profile.posting.documents]
        if missing:
            where = profile.where("posting", "documents")
            raise ProfileMismatch([f"{where}: posting.documents has no {name}; add that entry" for name in missing])
        self._client = client
        self._profile = profile
        self._settings = settings
        self._sleep = sleep

    async def post(self, command: Command) -> Outcome:
        """Make abas hold this document once, and say what became of it.

        Ensures: the same command gives the same outcome however often it is posted; a business refusal is an
                 outcome; a refusal that only says "already paid by ourselves" is not reported as one.
        Raises:  Transient when locks or an outage outlast the bounded attempts; AbasDocumentContradicts when
                 abas holds another document, or several, under our reference; AbasSavedUnseen when abas said that
                 it saved and shows nothing for as long as an outage is waited for; ContractBroken families.
        """
        match command:
            case PostCashReceipt():
                return await self._post(CASH_RECEIPT, command)
            case PostOnAccountReceipt():
                return await self._post(ON_ACCOUNT_RECEIPT, command)
            case PostOnAccountRefund():
                return await self._post(ON_ACCOUNT_REFUND, command)
            case PostWriteOff():
                return await self._post(WRITE_OFF, command)
            case ReverseCashReceipt():
                return await self._post(RECEIPT_REVERSAL, command)
            case ReverseWriteOff():
                return await self._post(WRITE_OFF_REVERSAL, command)

    async def _post(self, kind: DocumentKind[CommandT], command: CommandT) -> Outcome:
        async def look_up() -> PostedDocument | None:
            return await self._find(command.posting_reference)

        if kind.name not in self._profile.posting.documents:
            where = self._profile.where("posting", "documents")
            told = f"the mapping profile has no document {kind.name}; add it at {where}"
            return _refused(command, AbasRefused(told, code=KIND_NOT_IN_PROFILE))
        internal_errors = 0
        for attempt in range(self._settings.write_attempts):
            found = await look_up()
            if found is not None:
                return self._tell(kind, command, found)
            try:
                return self._tell(kind, command, await self._attempt(kind, command, look_up))
            except AbasRefused as refusal:
                # An attempt of ours that we gave up on may have landed in between and paid the item itself.
                found = await look_up()
                return self._tell(kind, command, found) if found is not None else _refused(command, refusal)
            except AbasSavedUnseen as unseen:
                found = await self._seen_later(look_up)
                if found is None:
                    raise unseen from None
                return self._tell(kind, command, found)
            except Transient as failure:
                internal_errors += isinstance(failure, AbasInternalError)
                last = attempt + 1 == self._settings.write_attempts
                if isinstance(failure, AbasOutcomeUnknown):
                    # What was sent may still land: it gets all the time of an outage before it is sent again.
                    found = await self._seen_later(look_up, failure)
                elif last or internal_errors > 1:
                    found = await look_up()
                else:
                    found = None
                    await self._sleep(self._pause_s(attempt, failure))
                if found is not None:
                    return self._tell(kind, command, found)
                if last or internal_errors > 1:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _seen_later(
        self, look_up: Callable[[], Awaitable[PostedDocument | None]], failure: Transient | None = None
    ) -> PostedDocument | None:
        """Look again and again for what should be there: it may land late, and a query may lag behind its editor."""
        for attempt in range(self._settings.write_attempts):
            await self._sleep(self._pause_s(attempt, failure if attempt == 0 else None))
            found = await look_up()
            if found is not None:
                return found
        return None

    async def _attempt(
        self,
        kind: DocumentKind[CommandT],
        command: CommandT,
        look_up: Callable[[], Awaitable[PostedDocument | None]],
    ) -> PostedDocument:
        original = None
        reference = kind.original(command)
        if reference is not None:
            original = await self._find(reference) or await self._seen_later(lambda: self._find(reference))
            if original is None:
                raise AbasRefused(
                    f"abas holds no document under {reference}: nothing to take back", code=RECEIPT_NOT_FOUND
                )
        return await post_document(
            self._client,
            self._profile,
            kind.name,
            kind.values(command, original, self._profile),
            customer=command.abas_customer_id,
            look_up=look_up,
        )

    async def _find(self, reference: str) -> PostedDocument | None:
        """Look for the document under a reference, active and filed.

        Raises: AbasDocumentContradicts when there is more than one: a double that a person must judge.
        """
        payment = self._profile.tables.payment
        found = await self._client.query_page(
            payment.table,
            Selection((equals(payment.fields.posting_reference, reference),), Filing.BOTH, payment.order_by),
            list(payment.fields.model_dump().values()),
            order_option=self._profile.formats.order_option,
            limit=2,
        )
        if len(found) > 1:
            raise AbasDocumentContradicts(
                f"abas holds more than one document under {reference}: {', '.join(d.number or d.id for d in found)}"
            )
        return to_posted_document(found[0], payment.fields, self._profile.formats) if found else None

    def _tell(self, kind: DocumentKind[CommandT], command: CommandT, document: PostedDocument) -> Outcome:
        """Turn the document into the outcome, once it is the one that the command asks for."""
        sign = -1 if self._profile.posting.documents[kind.name].amount_sign == "negative" else 1
        expected = (sign * command.amount_minor, command.currency, command.paytrace_transaction_id)
        actual = (document.amount_minor, document.currency, document.paytrace_transaction_id)
        if document.posting_reference != command.posting_reference or actual != expected:
            raise AbasDocumentContradicts(
                f"abas document {document.number} under {document.posting_reference} holds {actual}, "
                f"the command {command.posting_reference} says {expected}"
            )
        return kind.outcome(command, document)

    def _pause_s(self, attempt: int, failure: Transient | None = None) -> float:
        """Wait longer each time, and as abas asked if that is short; for more, its client keeps calls back."""
        backoff = min(self._settings.retry_initial_s * float(2**attempt), self._settings.retry_max_s)
        return max(backoff, bounded_wait_s(failure.retry_after_s if failure is not None else None, IN_PLACE_S))


def _refused(command: Command, refusal: AbasRefused) -> PostingRefused:
    """Record the refusal; there is no document to take a time from, so it carries the command's."""
    return PostingRefused(
        posting_reference=command.posting_reference,
        paytrace_transaction_id=command.paytrace_transaction_id,
        abas_customer_id=command.abas_customer_id,
        amount_minor=command.amount_minor,
        currency=command.currency,
        code=refusal.code,
        message=str(refusal),
        field_name=refusal.field_name,
        occurred_at=command.occurred_at,
    )
