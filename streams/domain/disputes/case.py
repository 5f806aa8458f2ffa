"""How does a dispute stand? Its last fact decides, however often, and in whatever order, facts come.

Protects money that a bank reverses: the same dispute is charged back, given back and charged back again, sources are
read again, and statements come late. So a dispute is not a row of events that are added up: it is a set of facts, and
everything about it is read off the facts in their order (docs/adr/0033, 0091). Facts are ordered by

1. the day of the fact at the processor (entered_on), because that is the processor's own order and stays the same
   however often and late it is read;
2. the number of the fact in the case's history, where the source gives one (sequence);
3. when the source was read (observed_at);
4. for facts of one reading and no number: the order of a plain case, since nothing is given back before it was taken.

The last debit says how much was taken, a credit after it how much of that came back. A credit whose debit never came
counts as money towards us at the bank, and takes nothing from the payment.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from schemas.records.disputes import DisputeFact as Fact
from schemas.records.disputes import DisputeObserved, DisputeRecorded
from schemas.values.replacing import replace

# In the order of a plain case, which is the order of the symbols in the schema.
_RANKS = {fact: rank for rank, fact in enumerate(Fact)}
# After these the money is gone, whatever the case is called. An answer that came too late is none.
LOST = frozenset({Fact.LOST, Fact.ACCEPTED, Fact.EXPIRED})
# After these the case is over, or would be if disputes ever were.
ENDED = LOST | {Fact.WON, Fact.CLOSED}
# No answer is due after these, until a later fact states another day.
_ANSWERED = ENDED | {Fact.EVIDENCE_SUBMITTED}
# Money taken after these opens the case again.
_GIVEN_BACK = (Fact.CREDITED, Fact.WON, Fact.CLOSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """One fact. Units: amount_minor is minor units of the case's currency; seen_at is when it was read."""

    fact: Fact
    entered_on: date
    sequence: int | None
    seen_at: datetime
    amount_minor: int
    transaction_id: str | None
    reason_code: str
    raw_stage: str
    respond_by_on: date | None

    @property
    def place(self) -> tuple[date, int, datetime, int, int, str, str, str, str]:
        """Return what makes a fact the later one; the last ones only make the order of differing facts a whole one."""
        sequence = -1 if self.sequence is None else self.sequence
        words = (self.transaction_id or "", self.reason_code, self.raw_stage, str(self.respond_by_on or ""))
        return (self.entered_on, sequence, self.seen_at, _RANKS[self.fact], self.amount_minor, *words)

    def says_the_same_as(self, other: Entered) -> bool:
        """Return whether two facts differ at most in when they were read."""
        return replace(self, seen_at=other.seen_at) == other


@dataclass(frozen=True, kw_only=True)
class Case:
    """One dispute: its facts in their order, how it is booked, and how many lines each direction of its money made.

    All questions are answered from the facts alone, so the order in which they came makes no difference.
    """

    facts: tuple[Entered, ...] = ()
    reopens_invoice: bool | None = None  # by the policy of its first fact; None before it
    taken_lines: int = 0
    returned_lines: int = 0

    @property
    def stage(self) -> Fact:
        """The fact that decides where the case stands.

        Money that follows an outcome of its own kind does not reopen the case; money that contradicts it does.
        """
        stage = Fact.UNKNOWN
        for entered in self.facts:
            match entered.fact:
                case Fact.DEBITED if stage not in (Fact.UNKNOWN, Fact.RETRIEVAL_REQUESTED, *_GIVEN_BACK):
                    continue
                case Fact.CREDITED if stage not in (Fact.UNKNOWN, Fact.OPENED, Fact.DEBITED, *LOST):
                    continue
                case _:
                    stage = entered.fact
        return stage

    @property
    def position_minor(self) -> int:
        """What the dispute did to the money between gateway and bank: minus while it is taken."""
        taken = given = 0
        for entered in self.facts:
            if entered.fact is Fact.DEBITED:
                taken, given = entered.amount_minor, 0
            elif entered.fact is Fact.CREDITED:
                given = entered.amount_minor
        return given - taken

    @property
    def charged_back_minor(self) -> int:
        """What the dispute takes from its payment now; never negative."""
        return max(0, -self.position_minor)

    @property
    def disputed_minor(self) -> int:
        """What is in dispute: what was taken last, else what the last fact with an amount states."""
        taken = (one.amount_minor for one in reversed(self.facts) if one.fact is Fact.DEBITED)
        stated = (one.amount_minor for one in reversed(self.facts) if one.amount_minor)
        return next(taken, 0) or next(stated, 0)

    @property
    def lost_minor(self) -> int:
        """What of that is lost for good; 0 while the case is open or won."""
        return self.charged_back_minor if self.stage in LOST else 0

    @property
    def transaction_id(self) -> str | None:
        """The payment, by the last fact that names one."""
        return next((one.transaction_id for one in reversed(self.facts) if one.transaction_id), None)

    @property
    def reason_code(self) -> str:
        """The reason, by the last fact that states one; empty when none does."""
        return next((one.reason_code for one in reversed(self.facts) if one.reason_code), "")

    @property
    def deadline_on(self) -> date | None:
        """Last day on which an answer counts, by the last fact that states one; None once it is answered or over."""
        deadline = None
        for entered in self.facts:
            if entered.fact in _ANSWERED:
                deadline = None
            elif entered.respond_by_on is not None and entered.fact is not Fact.CREDITED:
                deadline = entered.respond_by_on
        return deadline

    def with_fact(self, fact: Entered) -> Case:
        """Return the case with one more fact; a fact that says the same again takes the place of the former one."""
        facts = [one for one in self.facts if not one.says_the_same_as(fact)]
        seen_at = max((one.seen_at for one in self.facts if one.says_the_same_as(fact)), default=fact.seen_at)
        insort(facts, replace(fact, seen_at=max(seen_at, fact.seen_at)), key=lambda one: one.place)
        return replace(self, facts=tuple(facts))

    def knows(self, fact: Entered) -> bool:
        """Return whether a fact says nothing new: it was here, and its later reading makes no difference."""
        if not any(one.says_the_same_as(fact) for one in self.facts):
            return False
        return self.with_fact(fact)._reading == self._reading

    @cached_property
    def _reading(self) -> tuple[object, ...]:
        return (self.stage, self.position_minor, self.transaction_id, self.reason_code, self.deadline_on)


def entered(fact: DisputeObserved | DisputeRecorded) -> Entered:
    """Return what a record states, without what only tells where it stands."""
    named = fact.paytrace_transaction_id if isinstance(fact, DisputeObserved) else fact.named_transaction_id
    return Entered(
        fact=fact.fact,
        entered_on=fact.entered_on,
        sequence=fact.sequence,
        seen_at=fact.observed_at if isinstance(fact, DisputeObserved) else fact.occurred_at,
        amount_minor=fact.amount_minor,
        transaction_id=(named or "").strip() or None,
        reason_code=fact.reason_code.strip(),
        raw_stage=fact.raw_stage,
        respond_by_on=fact.respond_by_on,
    )
