"""Who may save a document now: the port that the sink asks, the rule, and the rule for a process that is alone.

Before a document is saved a claim is written down, so that whoever comes later (the same process after a crash, or the
successor of one that was paused) knows that it may be there although no search shows it yet. The rule is one for all
keepers of claims; app/composition/posting_claims.py keeps them in a topic.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from schemas.failures.doubt import Doubt
from schemas.records.erp import ClaimStage, PostingClaimed
from schemas.values.clock import new_uuid, utc_now


class SavingRights(Protocol):
    """What the sink needs to know of all processes that may be at the same document. Raises leaves of failures."""

    async def doubt(self, reference: str, subject: str) -> Doubt | None:
        """Return what may have been saved of this document; None when nobody was ever about to.

        Claims keep their order by subject.
        """

    async def claim(self, reference: str, subject: str, permit: str, *, after: Doubt | None) -> PostingClaimed | None:
        """Write down that this process is about to save; None when somebody else came first.

        `after` is what was known when it was decided to save.
        """

    async def end(self, claim: PostingClaimed, stage: ClaimStage) -> None:
        """Write down what became of a claim of ours: WITHDRAWN when nothing can have been saved, SAVED when it was."""


# How long a claim can matter to a program: far longer than any search lags and any outage lasts. Whatever was in doubt
# longer ago waits for a person anyway, and what it made is long to be seen.
_KEPT = timedelta(days=30)


@dataclass(slots=True)
class _Known:
    offset: int
    claim: PostingClaimed


class ClaimBook:
    """Claims in the order in which they were written, and what follows from them."""

    def __init__(self) -> None:
        self._live: defaultdict[str, list[_Known]] = defaultdict(list)
        self._ages: deque[tuple[datetime, str]] = deque()

    def note(self, offset: int, claim: PostingClaimed) -> None:
        """Take one claim over; offsets rise."""
        known = self._live[claim.posting_reference]
        match claim.stage:
            case ClaimStage.WITHDRAWN:
                known[:] = [other for other in known if other.claim.claim_id != claim.claim_id]
            case ClaimStage.SAVED:
                for other in known:
                    if other.claim.claim_id == claim.claim_id:
                        other.claim = claim
            case _:
                known.append(_Known(offset, claim))
                self._ages.append((claim.occurred_at, claim.posting_reference))
        if not known:
            del self._live[claim.posting_reference]
        while self._ages[0][0] < claim.occurred_at - _KEPT if self._ages else False:
            self._forget(self._ages.popleft()[1], claim.occurred_at - _KEPT)

    def _forget(self, reference: str, before: datetime) -> None:
        left = [one for one in self._live.pop(reference, ()) if one.claim.occurred_at >= before]
        if left:
            self._live[reference] = left

    def doubt(self, reference: str) -> Doubt | None:
        """Return what may have been saved under a reference."""
        known = self._live.get(reference)
        if not known:
            return None
        newest = max(known, key=lambda one: one.claim.occurred_at).claim
        return Doubt(
            since=newest.occurred_at,
            by=newest.claimed_by,
            is_saved=any(one.claim.stage is ClaimStage.SAVED for one in known),
            permits=frozenset(one.claim.permit for one in known),
            latest=known[-1].offset,
        )

    def is_first(self, claim: PostingClaimed, after: Doubt | None) -> bool:
        """Return whether no other process claimed between what was known and this claim."""
        seen = -1 if after is None else after.latest
        later = [one.claim.claim_id for one in self._live.get(claim.posting_reference, ()) if one.offset > seen]
        return later[:1] == [claim.claim_id]


def new_claim(reference: str, subject: str, permit: str, *, claimed_by: str, now: datetime) -> PostingClaimed:
    """Write the claim of a document that is about to be saved."""
    return PostingClaimed(
        posting_reference=reference,
        subject=subject,
        claim_id=new_uuid().hex,
        permit=permit,
        stage=ClaimStage.CLAIMED,
        claimed_by=claimed_by,
        occurred_at=now,
    )


class ProcessRights:
    """The claims of one process, kept in memory: for a single try, where nobody else posts and no restart counts."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._book = ClaimBook()
        self._count = 0

    async def doubt(self, reference: str, subject: str) -> Doubt | None:
        """Return what this process may have saved."""
        return self._book.doubt(reference)

    async def claim(self, reference: str, subject: str, permit: str, *, after: Doubt | None) -> PostingClaimed | None:
        """Claim; somebody else is another task of this process."""
        claim = new_claim(reference, subject, permit, claimed_by="this process", now=self._now())
        self._note(claim)
        return claim if self._book.is_first(claim, after) else None

    async def end(self, claim: PostingClaimed, stage: ClaimStage) -> None:
        """Keep what became of it."""
        self._note(ended(claim, stage, self._now()))

    def _note(self, claim: PostingClaimed) -> None:
        self._count += 1
        self._book.note(self._count, claim)


def ended(claim: PostingClaimed, stage: ClaimStage, now: datetime) -> PostingClaimed:
    """Write what became of a claim; it keeps its own time where it still counts."""
    return PostingClaimed(
        posting_reference=claim.posting_reference,
        subject=claim.subject,
        claim_id=claim.claim_id,
        permit=claim.permit,
        stage=stage,
        claimed_by=claim.claimed_by,
        occurred_at=now if stage is ClaimStage.WITHDRAWN else claim.occurred_at,
    )
