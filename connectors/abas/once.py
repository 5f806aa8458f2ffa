"""Makes abas hold one thing exactly once, whatever it is: the rule of every document and record that we write.

The order of things protects the books: look up our reference (active and filed), claim, save, and after any doubt look
up again. What is in doubt (its answer was lost, here or in a process before this one) is looked for until
`outcome_wait_s` is over, and nothing is sent in that time. Then it is sent again where abas itself makes a repeat
harmless, and left to a person where nothing does. The outcome is a function of the command and of what abas holds,
never of our clock, so an attempt repeated after a crash gives the same outcome byte for byte.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Generic, TypeVar

from connectors.abas.errors import (
    AbasDocumentInDoubt,
    AbasInternalError,
    AbasObjectLocked,
    AbasOutcomePending,
    AbasRefused,
    AbasRequestRejected,
    AbasSavedUnseen,
    AbasSessionLost,
)
from connectors.abas.posting import Saving
from connectors.abas.profile import Profile
from connectors.abas.rights import ProcessRights, SavingRights
from connectors.abas.settings import AbasSettings
from schemas.failures import ContractBroken, Transient, Unavailable
from schemas.failures.doubt import Doubt, OutcomeWait
from schemas.failures.waiting import IN_PLACE_S, bounded_wait_s
from schemas.records.erp import ClaimStage, PostingClaimed
from schemas.values.clock import utc_now

# What abas, or the way to it, says of a call that saved nothing. Anything else leaves the write in doubt.
_NOTHING_SAVED = (AbasRefused, AbasRequestRejected, AbasObjectLocked, AbasSessionLost, Unavailable, ContractBroken)
# A document is looked for at least as long as this many times the lag of a search, whatever the settings say.
_LAGS = 2

# How old a claim may be when the save is sent, in seconds, where outcome_wait_s is shorter than twice that.
_FRESH_S = 5.0

NOTHING_TO_REVERSE = "MISSING_OBJECT/receipt"

FoundT = TypeVar("FoundT")
OutcomeT = TypeVar("OutcomeT")
ResultT = TypeVar("ResultT")


class Write(ABC, Generic[FoundT, OutcomeT]):
    """One document or record that abas shall hold: how it is named, found, made and judged.

    reference: what it is found and claimed by. subject: by which claims keep their order.
    original:  the reference of the document that it reverses; None where it reverses none.
    """

    reference: str
    subject: str
    original: str | None = None

    @property
    def is_claimed(self) -> bool:
        """Whether saving it twice could make a second one, so that it is claimed before."""
        return True

    @property
    @abstractmethod
    def is_fenced(self) -> bool:
        """Whether abas itself makes a repeat harmless of what may have been saved and doesn't show."""

    @abstractmethod
    async def look_up(self) -> FoundT | None:
        """Find it as it is asked for; None when it is not there, or is not yet as asked.

        Raises: AbasDocumentContradicts when abas holds several.
        """

    @abstractmethod
    async def look_up_original(self) -> FoundT | None:
        """Find what it reverses."""

    @abstractmethod
    async def make(self, original: FoundT | None, saving: Saving) -> FoundT:
        """Save it, by one call within `saving`, and return it as abas holds it.

        Raises: AbasRefused for a business refusal; Transient when it may or may not be there: look up again;
                AbasSavedUnseen when abas said yes and shows nothing.
        """

    @abstractmethod
    def outcome(self, found: FoundT) -> OutcomeT:
        """Judge what abas holds; raises AbasDocumentContradicts when it is not what was asked for."""

    @abstractmethod
    def refused(self, refusal: AbasRefused) -> OutcomeT:
        """Record abas' no."""

    @property
    @abstractmethod
    def described(self) -> str:
        """Name it for a person: what, how much, whose."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Say where in abas a person looks for it."""


class OnceWriter:
    """Carries out writes. Without `rights` only this process remembers what it was about to save."""

    def __init__(
        self,
        profile: Profile,
        settings: AbasSettings,
        *,
        rights: SavingRights | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._rights = ProcessRights(now) if rights is None else rights
        self._sleep = sleep
        self._now = now
        wait_s = profile.posting.outcome_wait_s if settings.outcome_wait_s is None else settings.outcome_wait_s
        self._wait = OutcomeWait(max(wait_s, _LAGS * (profile.posting.search_lag_s or 0.0)), now)

    async def carry_out(self, write: Write[FoundT, OutcomeT], permit: str = "") -> OutcomeT:
        """Make abas hold this once, and say what became of it.

        Ensures: the same command gives the same outcome however often it is carried out; a business refusal is an
                 outcome; a refusal that only says "already done by ourselves" is not reported as one; what may have
                 been saved is not sent again before outcome_wait_s is over. One permit, of a person who looked into
                 abas, allows one attempt, over all processes and restarts.
        Raises:  Delayed while somebody has the record open, or what is in doubt may still show; Unavailable and other
                 Transients when an outage outlasts the bounded attempts; AbasDocumentContradicts when abas holds
                 another document, or several, under our reference; AbasSavedUnseen when abas said that it saved and
                 shows nothing, and AbasDocumentInDoubt when nothing stops a second one, both after outcome_wait_s;
                 ContractBroken families.
        """
        found = await write.look_up()
        internal_errors = 0
        for attempt in range(self._settings.write_attempts):
            if found is not None:
                return self._judged(write, found)
            doubt = await self._doubt(write)
            if doubt is not None:
                # What was lost just now mostly shows within seconds; of an older doubt, each try of the task is a look.
                looks = self._settings.write_attempts if attempt > 0 else 0
                found = await self._out_of_doubt(write, doubt, permit, looks)
                if found is not None:
                    return self._judged(write, found)
            try:
                return self._judged(write, await self._attempt(write, permit, doubt))
            except AbasRefused as refusal:
                # An attempt of ours that we gave up on may have landed in between and paid the item itself.
                found = await write.look_up()
                return self._judged(write, found) if found is not None else self._refused(write, refusal)
            except (AbasObjectLocked, AbasOutcomePending):
                raise  # the task holds this subject back and goes on with others
            except (Transient, AbasSavedUnseen) as failure:
                internal_errors += isinstance(failure, AbasInternalError)
                is_last = attempt + 1 == self._settings.write_attempts or internal_errors > 1
                in_doubt = await self._doubt(write) is not None
                if not in_doubt and not is_last:
                    await self._sleep(self._pause_s(attempt, failure))
                found = await write.look_up()
                if found is None and is_last and in_doubt:
                    raise self._pending(write) from failure
                if found is None and is_last:
                    raise
        if found is not None:
            return self._judged(write, found)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _doubt(self, write: Write[FoundT, OutcomeT]) -> Doubt | None:
        return await self._rights.doubt(write.reference, write.subject) if write.is_claimed else None

    async def _out_of_doubt(
        self, write: Write[FoundT, OutcomeT], doubt: Doubt, permit: str, looks: int
    ) -> FoundT | None:
        """Find what may have been saved; None when it may be sent (again).

        Raises: AbasOutcomePending while it may still show; AbasSavedUnseen or AbasDocumentInDoubt when its time is
                over, it shows nowhere, and a second one could be the result.
        """
        self._wait.begin(write.reference, doubt.since)
        found, is_over = await self._seen_later(write.reference, write.look_up, looks)
        if found is not None:
            return found
        if not is_over:
            raise self._pending(write)
        if permit and permit not in doubt.permits:
            return None
        if doubt.is_saved:
            raise AbasSavedUnseen(self._for_a_person(write, doubt, "abas said that it saved it"))
        if not write.is_fenced:
            raise AbasDocumentInDoubt(self._for_a_person(write, doubt, "its answer was lost"))
        return None

    def _pending(self, write: Write[FoundT, OutcomeT]) -> AbasOutcomePending:
        return AbasOutcomePending(
            f"{write.reference} may be in abas: its answer was lost, and no search shows it yet. It is looked for, and "
            f"not sent again, for another {self._wait.left_s(write.reference):.0f} s"
        )

    def _for_a_person(self, write: Write[FoundT, OutcomeT], doubt: Doubt, why: str) -> str:
        """Return what the operator reads in `saldo dlq show`.

        What is known, what to look for in abas, and what to do then.
        """
        return (
            f"{write.described} may be in abas and is not sent again: {why} "
            f"({doubt.since:%Y-%m-%d %H:%M:%S} UTC, {doubt.by}), and no search shows it {self._wait.wait_s:g} s later. "
            f"End that process if it still runs, then look in abas, {write.place}, active and filed. It is there: "
            "saldo dlq replay, which looks again and takes it. It is not there: saldo dlq replay as well, which sends "
            "it once more. You posted it by hand without our reference: saldo dlq discard"
        )

    async def _seen_later(
        self, subject: str, look_up: Callable[[], Awaitable[FoundT | None]], looks: int
    ) -> tuple[FoundT | None, bool]:
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

    async def _attempt(self, write: Write[FoundT, OutcomeT], permit: str, doubt: Doubt | None) -> FoundT:
        original: FoundT | None = None
        if write.original is not None:
            original = await self._original(write, write.original)
        made: list[PostingClaimed] = []

        async def saving(send: Callable[[], Awaitable[ResultT]]) -> ResultT:
            if not write.is_claimed:
                return await send()
            claim = await self._rights.claim(write.reference, write.subject, permit, after=doubt)
            if claim is None:
                raise AbasOutcomePending(f"another process was first to save {write.reference}")
            if (self._now() - claim.occurred_at).total_seconds() > max(self._wait.wait_s / 2, _FRESH_S):
                # We were paused meanwhile, and whoever waits for our document may soon do something about it.
                await self._rights.end(claim, ClaimStage.WITHDRAWN)
                raise AbasOutcomePending(f"this process was paused before it could save {write.reference}")
            made.append(claim)
            try:
                return await send()
            except _NOTHING_SAVED:
                await self._rights.end(claim, ClaimStage.WITHDRAWN)
                raise
            except BaseException:
                self._wait.begin_anew(write.reference)
                raise

        try:
            return await write.make(original, saving)
        except AbasSavedUnseen:
            if made:
                self._wait.begin_anew(write.reference)
                await self._rights.end(made[-1], ClaimStage.SAVED)
            raise

    async def _original(self, write: Write[FoundT, OutcomeT], reference: str) -> FoundT:
        """Find the document that a reversal reverses; one that was just posted may not show yet.

        Raises: AbasOutcomePending until outcome_wait_s is over, AbasRefused then.
        """
        original = await write.look_up_original()
        subject = f"original {reference}"
        if original is None:
            looks = 0 if self._wait.is_in_doubt(subject) else self._settings.write_attempts
            self._wait.begin(subject)
            original, is_over = await self._seen_later(subject, write.look_up_original, looks)
            if original is None and not is_over:
                raise AbasOutcomePending(f"abas shows no document under {reference} yet, which is to be reversed")
        self._wait.end(subject)
        if original is None:
            raise AbasRefused(f"abas holds no document under {reference}: nothing to reverse", code=NOTHING_TO_REVERSE)
        return original

    def _judged(self, write: Write[FoundT, OutcomeT], found: FoundT) -> OutcomeT:
        outcome = write.outcome(found)
        self._wait.end(write.reference)
        return outcome

    def _refused(self, write: Write[FoundT, OutcomeT], refusal: AbasRefused) -> OutcomeT:
        self._wait.end(write.reference)
        return write.refused(refusal)

    def _pause_s(self, attempt: int, failure: Exception | None = None) -> float:
        """Wait longer each time, and as abas asked if that is short; for more, its client keeps calls back."""
        backoff = min(self._settings.retry_initial_s * float(2**attempt), self._settings.retry_max_s)
        asked_s = failure.retry_after_s if isinstance(failure, Transient) else None
        return max(backoff, bounded_wait_s(asked_s, IN_PLACE_S))
