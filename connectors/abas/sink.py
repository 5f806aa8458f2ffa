"""Commands to abas documents, each exactly once, for the ERP sink agent.

The order of things protects the books: look up our reference (active and filed), claim, post, and after any doubt look
up again. A document in doubt (its answer was lost, here or in a process before this one) is looked for until
`outcome_wait_s` is over, and nothing is sent in that time. Then it is sent again where abas itself makes a repeat
harmless, and left to a person where nothing does. The outcome is a function of the command and of the document that
abas holds, never of our clock, so an attempt repeated after a crash tells the same story byte for byte.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

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
    AbasDocumentInDoubt,
    AbasInternalError,
    AbasObjectLocked,
    AbasOutcomePending,
    AbasRefused,
    AbasRequestRejected,
    AbasSavedUnseen,
    AbasSessionLost,
    ProfileMismatch,
)
from connectors.abas.mapping import PostedDocument, to_posted_document
from connectors.abas.posting import is_fenced, post_document
from connectors.abas.profile import Profile
from connectors.abas.rights import ProcessRights, SavingRights, utc_now
from connectors.abas.settings import AbasSettings
from schemas.doubt import Doubt, OutcomeWait
from schemas.failures import ContractBroken, Transient, Unavailable
from schemas.money import Money
from schemas.plausibility import plain_text
from schemas.records.erp import (
    CashReceiptPosted,
    CashReceiptReversed,
    ClaimStage,
    PostCashReceipt,
    PostingClaimed,
    PostingRefused,
    PostOnAccountReceipt,
    PostOnAccountRefund,
    PostWriteOff,
    ReverseCashReceipt,
    ReverseWriteOff,
    WriteOffPosted,
    WriteOffReversed,
)
from schemas.sensitive import mask_sensitive
from schemas.waiting import IN_PLACE_S, bounded_wait_s

Outcome = CashReceiptPosted | CashReceiptReversed | WriteOffPosted | WriteOffReversed | PostingRefused
# The others follow a person's decision; where the profile leaves them out, that decision is refused.
_ALWAYS_NEEDED = (CASH_RECEIPT, RECEIPT_REVERSAL)

# What abas, or the way to it, says of a call that saved nothing. Anything else leaves the document in doubt.
_NOTHING_SAVED = (AbasRefused, AbasRequestRejected, AbasObjectLocked, AbasSessionLost, Unavailable, ContractBroken)
# A document is looked for at least as long as this many times the lag of a search, whatever the settings say.
_LAGS = 2

# How old a claim may be when the save is sent, in seconds, where outcome_wait_s is shorter than twice that.
_FRESH_S = 5.0

ResultT = TypeVar("ResultT")
LookUp = Callable[[], Awaitable[PostedDocument | None]]

_LONGEST_MESSAGE = 2_000

RECEIPT_NOT_FOUND = "MISSING_OBJECT/receipt"
KIND_NOT_IN_PROFILE = "MISSING_PROFILE/document"


class AbasSink:
    """Posts documents; satisfies the sink agent's port by its shape.

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
        self._settings = settings
        self._rights = ProcessRights(now) if rights is None else rights
        self._sleep = sleep
        self._now = now
        wait_s = profile.posting.outcome_wait_s if settings.outcome_wait_s is None else settings.outcome_wait_s
        self._wait = OutcomeWait(max(wait_s, _LAGS * (profile.posting.search_lag_s or 0.0)), now)

    async def post(self, command: Command) -> Outcome:
        """Make abas hold this document once, and say what became of it.

        Ensures: the same command gives the same outcome however often it is posted; a business refusal is an
                 outcome; a refusal that only says "already paid by ourselves" is not reported as one; what may have
                 been saved is not sent again before outcome_wait_s is over.
        Raises:  Delayed while somebody has the customer open, or a document in doubt may still show; Unavailable and
                 other Transients when an outage outlasts the bounded attempts; AbasDocumentContradicts when abas holds
                 another document, or several, under our reference; AbasSavedUnseen when abas said that it saved and
                 shows nothing, and AbasDocumentInDoubt when nothing stops a second document, both after
                 outcome_wait_s; ContractBroken families.
        """
        return await self._posted(command, "")

    async def post_checked(self, command: Command, permit: str) -> Outcome:
        """As `post`, at the request of a person who looked into abas: what is in doubt and not found is sent again.

        Ensures: one permit allows one attempt, over all processes and restarts; none is sent before outcome_wait_s.
        """
        return await self._posted(command, permit)

    async def _posted(self, command: Command, permit: str) -> Outcome:
        match command:
            case PostCashReceipt():
                return await self._post(CASH_RECEIPT, command, permit)
            case PostOnAccountReceipt():
                return await self._post(ON_ACCOUNT_RECEIPT, command, permit)
            case PostOnAccountRefund():
                return await self._post(ON_ACCOUNT_REFUND, command, permit)
            case PostWriteOff():
                return await self._post(WRITE_OFF, command, permit)
            case ReverseCashReceipt():
                return await self._post(RECEIPT_REVERSAL, command, permit)
            case ReverseWriteOff():
                return await self._post(WRITE_OFF_REVERSAL, command, permit)

    async def _post(self, kind: DocumentKind[CommandT], command: CommandT, permit: str) -> Outcome:
        async def look_up() -> PostedDocument | None:
            return await self._find(command.posting_reference)

        if kind.name not in self._profile.posting.documents:
            where = self._profile.where("posting", "documents")
            told = f"the mapping profile has no document {kind.name}; add it at {where}"
            return _refused(command, AbasRefused(told, code=KIND_NOT_IN_PROFILE))
        found = await look_up()
        internal_errors = 0
        for attempt in range(self._settings.write_attempts):
            if found is not None:
                return self._tell(kind, command, found)
            doubt = await self._rights.doubt(command)
            if doubt is not None:
                # What was lost just now mostly shows within seconds; of an older doubt, each try of the task is a look.
                looks = self._settings.write_attempts if attempt > 0 else 0
                found = await self._out_of_doubt(kind, command, doubt, permit, look_up, looks)
                if found is not None:
                    return self._tell(kind, command, found)
            try:
                return self._tell(kind, command, await self._attempt(kind, command, look_up, permit, doubt))
            except AbasRefused as refusal:
                # An attempt of ours that we gave up on may have landed in between and paid the item itself.
                found = await look_up()
                return self._tell(kind, command, found) if found is not None else self._refuse(command, refusal)
            except (AbasObjectLocked, AbasOutcomePending):
                raise  # the task holds this customer back and goes on with others
            except (Transient, AbasSavedUnseen) as failure:
                internal_errors += isinstance(failure, AbasInternalError)
                is_last = attempt + 1 == self._settings.write_attempts or internal_errors > 1
                in_doubt = await self._rights.doubt(command) is not None
                if not in_doubt and not is_last:
                    await self._sleep(self._pause_s(attempt, failure))
                found = await look_up()
                if found is None and is_last and in_doubt:
                    raise self._pending(command) from failure
                if found is None and is_last:
                    raise
        if found is not None:
            return self._tell(kind, command, found)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _out_of_doubt(
        self,
        kind: DocumentKind[CommandT],
        command: CommandT,
        doubt: Doubt,
        permit: str,
        look_up: LookUp,
        looks: int,
    ) -> PostedDocument | None:
        """Find a document that may have been saved; None when it may be sent (again).

        Raises: AbasOutcomePending while it may still show; AbasSavedUnseen or AbasDocumentInDoubt when its time is
                over, it shows nowhere, and a second one could be the result.
        """
        reference = command.posting_reference
        self._wait.begin(reference, doubt.since)
        found, is_over = await self._seen_later(reference, look_up, looks)
        if found is not None:
            return found
        if not is_over:
            raise self._pending(command)
        if permit and permit not in doubt.permits:
            return None
        if doubt.is_saved:
            raise AbasSavedUnseen(self._for_a_person(command, doubt, "abas said that it saved it"))
        if not is_fenced(self._profile, kind.name):
            raise AbasDocumentInDoubt(self._for_a_person(command, doubt, "its answer was lost"))
        return None

    def _pending(self, command: Command) -> AbasOutcomePending:
        reference = command.posting_reference
        return AbasOutcomePending(
            f"{reference} may be in abas: its answer was lost, and no search shows it yet. It is looked for, and not "
            f"sent again, for another {self._wait.left_s(reference):.0f} s"
        )

    def _for_a_person(self, command: Command, doubt: Doubt, why: str) -> str:
        """What the operator reads in `saldo dlq show`: what is known, what to look for in abas, and what to do then."""
        payment = self._profile.tables.payment
        return (
            f"the document {command.posting_reference} ({Money(command.amount_minor, command.currency).major} "
            f"{command.currency}, customer {command.abas_customer_id}) may be in abas and is not sent again: {why} "
            f"({doubt.since:%Y-%m-%d %H:%M:%S} UTC, {doubt.by}), and no search shows it {self._wait.wait_s:g} s later. "
            f"End that process if it still runs, then look in abas, table {payment.table}, field "
            f"{payment.fields.posting_reference} = {command.posting_reference}, active and filed. It is there: saldo "
            "dlq replay, which looks again and takes it. It is not there: saldo dlq replay as well, which sends it "
            "once more. You posted it by hand without our reference: saldo dlq discard"
        )

    async def _seen_later(self, subject: str, look_up: LookUp, looks: int) -> tuple[PostedDocument | None, bool]:
        """Look again for what should be there, some times, and once more when its time is over.

        Shapes: what was found, and whether its time was over before the last look.
        """
        for attempt in range(looks):
            if not self._wait.may_still_show(subject):
                break
            await self._sleep(min(self._pause_s(attempt), self._wait.left_s(subject)))
            found = await look_up()
            if found is not None:
                return found, False
        is_over = not self._wait.may_still_show(subject)
        return (await look_up() if is_over else None), is_over

    async def _attempt(
        self, kind: DocumentKind[CommandT], command: CommandT, look_up: LookUp, permit: str, doubt: Doubt | None
    ) -> PostedDocument:
        original = None
        reference = kind.original(command)
        if reference is not None:
            original = await self._original(reference)
        made: list[PostingClaimed] = []

        async def saving(send: Callable[[], Awaitable[ResultT]]) -> ResultT:
            claim = await self._rights.claim(command, permit, after=doubt)
            if claim is None:
                raise AbasOutcomePending(f"another process was first to save {command.posting_reference}")
            if (self._now() - claim.occurred_at).total_seconds() > max(self._wait.wait_s / 2, _FRESH_S):
                # We were paused meanwhile, and whoever waits for our document may soon do something about it.
                await self._rights.end(claim, ClaimStage.WITHDRAWN)
                raise AbasOutcomePending(f"this process was paused before it could save {command.posting_reference}")
            made.append(claim)
            try:
                return await send()
            except _NOTHING_SAVED:
                await self._rights.end(claim, ClaimStage.WITHDRAWN)
                raise
            except BaseException:
                self._wait.begin_anew(command.posting_reference)
                raise

        try:
            return await post_document(
                self._client,
                self._profile,
                kind.name,
                kind.values(command, original, self._profile),
                customer=command.abas_customer_id,
                look_up=look_up,
                saving=saving,
            )
        except AbasSavedUnseen:
            self._wait.begin_anew(command.posting_reference)
            await self._rights.end(made[-1], ClaimStage.SAVED)
            raise

    async def _original(self, reference: str) -> PostedDocument:
        """Find the document that a reversal takes back; one that was just posted may not show yet.

        Raises: AbasOutcomePending until outcome_wait_s is over, AbasRefused then.
        """
        original = await self._find(reference)
        subject = f"original {reference}"
        if original is None:
            looks = 0 if self._wait.is_in_doubt(subject) else self._settings.write_attempts
            self._wait.begin(subject)
            original, is_over = await self._seen_later(subject, lambda: self._find(reference), looks)
            if original is None and not is_over:
                raise AbasOutcomePending(f"abas shows no document under {reference} yet, which is to be taken back")
        self._wait.end(subject)
        if original is None:
            raise AbasRefused(f"abas holds no document under {reference}: nothing to take back", code=RECEIPT_NOT_FOUND)
        return original

    async def _find(self, reference: str) -> PostedDocument | None:
        """Look for the document under a reference, active and filed.

        Raises: AbasDocumentContradicts when there is more than one: a double that a person must judge.
        """
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

    def _tell(self, kind: DocumentKind[CommandT], command: CommandT, document: PostedDocument) -> Outcome:
        """Turn the document into the outcome, once it is the one that the command asks for."""
        sign = -1 if self._profile.posting.documents[kind.name].amount_sign == "negative" else 1
        # Amount and transaction stay the same when a payment goes to another customer, so the customer counts as well.
        customer = command.abas_customer_id if document.abas_customer_id is not None else None
        expected = (sign * command.amount_minor, command.currency, command.paytrace_transaction_id, customer)
        actual = (
            document.amount_minor,
            document.currency,
            document.paytrace_transaction_id,
            document.abas_customer_id,
        )
        if document.posting_reference != command.posting_reference or actual != expected:
            raise AbasDocumentContradicts(
                f"abas document {document.number} under {document.posting_reference} holds {actual}, "
                f"the command {command.posting_reference} says {expected}"
            )
        self._wait.end(command.posting_reference)
        return kind.outcome(command, document)

    def _refuse(self, command: Command, refusal: AbasRefused) -> PostingRefused:
        self._wait.end(command.posting_reference)
        return _refused(command, refusal)

    def _pause_s(self, attempt: int, failure: Exception | None = None) -> float:
        """Wait longer each time, and as abas asked if that is short; for more, its client keeps calls back."""
        backoff = min(self._settings.retry_initial_s * float(2**attempt), self._settings.retry_max_s)
        asked_s = failure.retry_after_s if isinstance(failure, Transient) else None
        return max(backoff, bounded_wait_s(asked_s, IN_PLACE_S))


def _words(text: str) -> str:
    """What abas says, as a record carries it: no refusal is parked for its wording, and no number leaks by it."""
    return plain_text(mask_sensitive(text))[:_LONGEST_MESSAGE]


def _refused(command: Command, refusal: AbasRefused) -> PostingRefused:
    """Record the refusal; there is no document to take a time from, so it carries the command's."""
    return PostingRefused(
        posting_reference=command.posting_reference,
        paytrace_transaction_id=command.paytrace_transaction_id,
        abas_customer_id=command.abas_customer_id,
        amount_minor=command.amount_minor,
        currency=command.currency,
        code=_words(refusal.code),
        message=_words(str(refusal)),
        field_name=None if refusal.field_name is None else _words(refusal.field_name),
        occurred_at=command.occurred_at,
    )
