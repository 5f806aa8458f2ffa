"""How does a dispute stand? Its last fact decides, however often, and in whatever order, facts come.

Protects money that a bank reverses: the same dispute is charged back, given back and charged back again, sources are
read again, and statements come late. So a dispute is not a row of events that are added up; it is what its last fact
says. Facts are ordered by

1. the day on which the processor moved the money (entered_on), because that is the processor's own order and stays
   the same however often and late it is read;
2. the number of the fact in the case's history, where the source gives one (sequence);
3. when the source was read (observed_at);
4. for two facts of one reading and no number: given back after charged back, because nothing can be given back before.

The last chargeback says how much was taken, a reversal after it how much of that came back. A reversal whose chargeback
never came counts as money towards us at the bank, and takes nothing from the payment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from schemas.records.payments import DisputeReported
from schemas.records.settlement import DisputeObserved, DisputeRecorded, DisputeStage
from schemas.topic import Topic
from streams.domain.output import Output

MONEY_STAGES = (DisputeStage.CHARGED_BACK, DisputeStage.CHARGEBACK_REVERSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One dispute: the last chargeback, the last reversal, and the last fact that named the payment."""

    charged_back: DisputeRecorded | None = None
    reversed: DisputeRecorded | None = None
    named: DisputeRecorded | None = None

    @property
    def last(self) -> DisputeRecorded | None:
        """The fact that decides."""
        facts = [fact for fact in (self.charged_back, self.reversed) if fact is not None]
        return max(facts, key=order_of, default=None)

    @property
    def position_minor(self) -> int:
        """What the dispute did to the money between gateway and bank: minus while it is taken."""
        taken = self.charged_back.amount_minor if self.charged_back else 0
        given = self.reversed.amount_minor if self.reversed and self.last is self.reversed else 0
        return given - taken

    @property
    def charged_back_minor(self) -> int:
        """What the dispute takes from its payment now; never negative."""
        return max(0, -self.position_minor)

    @property
    def transaction_id(self) -> str | None:
        """The payment, by the last fact that names one."""
        return self.named.named_transaction_id if self.named else None


NO_CASE = Case()


def order_of(fact: DisputeRecorded) -> tuple[date, int, datetime, int, int, str]:
    """Return what makes a fact the later one; the last two only make the order of differing facts a whole one."""
    rank = MONEY_STAGES.index(fact.stage) if fact.stage in MONEY_STAGES else -1
    sequence = -1 if fact.sequence is None else fact.sequence
    named = fact.named_transaction_id or ""
    return (fact.entered_on, sequence, fact.occurred_at, rank, fact.amount_minor, named)


def with_fact(case: Case, fact: DisputeRecorded) -> Case:
    """Return the case with one more fact; the order in which facts come makes no difference."""
    if fact.stage is DisputeStage.CHARGED_BACK:
        case = replace(case, charged_back=_later(case.charged_back, fact))
    elif fact.stage is DisputeStage.CHARGEBACK_REVERSED:
        case = replace(case, reversed=_later(case.reversed, fact))
    return replace(case, named=_later(case.named, fact)) if fact.named_transaction_id else case


def fact_of(case: Case, seen: DisputeObserved) -> DisputeRecorded | None:
    """Return what an observation adds to the case; None when it is older than what is known, or says the same again."""
    fact = DisputeRecorded(
        settlement_account=seen.settlement_account,
        dispute_id=seen.dispute_id,
        stage=seen.stage,
        raw_stage=seen.raw_stage,
        sequence=seen.sequence,
        named_transaction_id=(seen.paytrace_transaction_id or "").strip() or None,
        amount_minor=seen.amount_minor,
        previous_minor=case.charged_back_minor,
        charged_back_minor=0,
        previous_transaction_id=case.transaction_id,
        paytrace_transaction_id=None,
        currency=seen.currency,
        reason_code=seen.reason_code,
        entered_on=seen.entered_on,
        occurred_at=seen.observed_at,
    )
    after = with_fact(case, fact)
    if after == case or _is_seen_again(case, after):
        return None
    return replace(fact, charged_back_minor=after.charged_back_minor, paytrace_transaction_id=after.transaction_id)


def to_payment(recorded: DisputeRecorded) -> tuple[Output, ...]:
    """Return what the payment must hear: how much the dispute takes now.

    A payment that it no longer names gets its money.
    """
    now, before = recorded.paytrace_transaction_id, recorded.previous_transaction_id
    taken = recorded.charged_back_minor
    outputs: tuple[Output, ...] = ()
    if before is not None and before != now and recorded.previous_minor:
        outputs += (_disputed(recorded, before, 0),)
    if now is not None and taken != (recorded.previous_minor if before == now else 0):
        outputs += (_disputed(recorded, now, taken),)
    return outputs


def _disputed(recorded: DisputeRecorded, transaction_id: str, charged_back_minor: int) -> Output:
    disputed = DisputeReported(
        paytrace_transaction_id=transaction_id,
        settlement_account=recorded.settlement_account,
        dispute_id=recorded.dispute_id,
        raw_stage=recorded.raw_stage,
        charged_back_minor=charged_back_minor,
        currency=recorded.currency,
        reason_code=recorded.reason_code,
        entered_on=recorded.entered_on,
        occurred_at=recorded.occurred_at,
    )
    return Output(Topic.PAYMENTS_OBSERVATIONS, disputed)


def _later(known: DisputeRecorded | None, fact: DisputeRecorded) -> DisputeRecorded:
    return fact if known is None or order_of(known) < order_of(fact) else known


def _is_seen_again(before: Case, after: Case) -> bool:
    """Return whether only a later moment differs, which matters where it makes another fact last."""
    return all(
        _same(one, other)
        for one, other in (
            (before.charged_back, after.charged_back),
            (before.reversed, after.reversed),
            (before.named, after.named),
            (before.last, after.last),
        )
    )


def _same(one: DisputeRecorded | None, other: DisputeRecorded | None) -> bool:
    return one is other or (one is not None and other is not None and _content(one) == _content(other))


def _content(fact: DisputeRecorded) -> tuple[object, ...]:
    return (
        fact.stage,
        fact.raw_stage,
        fact.entered_on,
        fact.sequence,
        fact.amount_minor,
        fact.named_transaction_id,
        fact.reason_code,
    )
