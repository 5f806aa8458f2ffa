"""Carries out what was decided about payment requests at PayTrace, each call at most once, and reports what came of it.

A call has two steps with the journal between them. It is begun: PayTrace is looked at, and what was there already is
written down. Then it is carried out: claimed and made, or looked up when somebody else may have made it. So a crash at
any moment finds the effect of its own call, and never takes an older refund of the same size for it; what it does not
find is parked for a person.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import TypeAlias, assert_never

from schemas.failures import Unavailable
from schemas.records import Record
from schemas.records.by_topic import GatewayCommands, GatewayOutcomes
from schemas.records.gateway import (
    CarryOutGatewayCall,
    ChargesHeld,
    ChargesReleased,
    GatewayCallBegun,
    GatewayCallDone,
    GatewayCallParked,
    GatewayCallRefused,
    HoldCharges,
    HoldRefunds,
    PaymentRequestKind,
    RefundsHeld,
    ReleaseCharges,
    RequestGatewayCall,
)
from schemas.records.payments import RefundLinked
from schemas.records.subscriptions import RunChargeEnded
from schemas.records.tasks import ParkedRecordDiscarded, RecordParked
from schemas.topic import Topic
from schemas.values.business_day import business_day
from schemas.values.money import Money
from streams.domain.output import Output
from streams.domain.subscriptions.decider import REQUEST_PREFIX
from streams.edges.ports import Gateway
from streams.tasks.processor import Effect

NAME = "send-to-paytrace"
# What a crash can make us look up again.
CALLS_AT_ONCE = 5
# What a person at abas reads of a call that waits; the dead letters keep all of it.
LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Subject:
    """What was done to one payment or vault customer: references begun and ended, transactions that came of them.

    Units: charged_back is what each dispute takes of the payment now, in minor units, by account and case number.
    Shapes: holds are the codes that refuse charges of the vault customer, by payment and kind of code.
    """

    begun: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    charged_back: dict[str, int] = field(default_factory=dict)
    holds: dict[str, ChargesHeld] = field(default_factory=dict)


Calls: TypeAlias = Effect[Subject, GatewayCommands, GatewayOutcomes]


def send_to_paytrace(gateway: Gateway) -> Calls:
    """Return the work of this agent, against this gateway."""
    return Effect(
        name=NAME,
        inbox=Topic.GATEWAY_COMMANDS,
        journal=Topic.GATEWAY_OUTCOMES,
        state_type=Subject,
        initial=Subject(),
        perform=_performing(gateway),
        recall=lambda events: _performing(_Reported(events)),
        evolve=evolve,
        route=route,
        on_parked=on_parked,
        batch_size=CALLS_AT_ONCE,
    )


def _performing(gateway: Gateway) -> Callable[[Subject, GatewayCommands], Awaitable[tuple[GatewayOutcomes, ...]]]:
    async def perform(state: Subject, record: GatewayCommands) -> tuple[GatewayOutcomes, ...]:
        match record:
            case RequestGatewayCall():
                if record.call_reference in state.begun | state.ended:
                    return ()
                return (_refused(state, record) or await gateway.begin(record),)
            case CarryOutGatewayCall():
                if record.call_reference in state.ended:
                    return ()
                # Between the two steps a dispute or code may have come; whoever decides this again has seen it too.
                return (_refused(state, record) or await gateway.carry_out(record, state.taken),)
            case HoldRefunds():
                return (
                    () if state.charged_back.get(_case_of(record), 0) == record.charged_back_minor else (_held(record),)
                )
            case HoldCharges():
                is_known = record.is_held or _hold_of(record) in state.holds
                return (_charges_held(record),) if is_known else ()
            case ReleaseCharges():
                return (_released(record),)
            case _:
                assert_never(record)

    return perform


def _refused(state: Subject, call: RequestGatewayCall | CarryOutGatewayCall) -> GatewayCallRefused | None:
    return _refused_in_dispute(state, call) or _refused_by_code(state, call)


def _refused_in_dispute(state: Subject, call: RequestGatewayCall | CarryOutGatewayCall) -> GatewayCallRefused | None:
    """Refuse a refund of money that a dispute has taken: it would pay the customer twice, so a person must look."""
    if call.kind is not PaymentRequestKind.REFUND or not any(state.charged_back.values()):
        return None
    cases = ", ".join(sorted(case.partition(" ")[2] for case, minor in state.charged_back.items() if minor))
    taken = Money(sum(state.charged_back.values()), call.currency)
    return _refusal(
        call,
        "charged-back",
        f"dispute {cases} has taken {taken} of this payment: a refund would pay the customer twice. "
        "Ask again when the dispute is won, or refund in the Virtual Terminal",
    )


def _refused_by_code(state: Subject, call: RequestGatewayCall | CarryOutGatewayCall) -> GatewayCallRefused | None:
    """Refuse a charge that the code of an earlier payment forbids: networks fine it, banks close accounts for it."""
    if call.kind is not PaymentRequestKind.CHARGE:
        return None
    for hold in state.holds.values():
        if hold.most_entries is None or _is_over(hold, state, call):
            said = f"{hold.code} ({hold.meaning})" if hold.code else hold.meaning
            return _refusal(
                call,
                "charges-held",
                f"payment {hold.paytrace_transaction_id} came back with {said}, so vault customer "
                f"{hold.vault_customer_id} is not charged. Once the cause is remedied in PayTrace, "
                f"`saldo decide release-charges {hold.vault_customer_id}`, then ask again",
            )
    return None


def _is_over(hold: ChargesHeld, state: Subject, call: RequestGatewayCall | CarryOutGatewayCall) -> bool:
    """Whether the entries of this amount that came back within the days of the code are as many as it allows."""
    if (hold.amount_minor, hold.currency) != (call.amount_minor, call.currency):
        return False
    since = business_day(call.occurred_at) - timedelta(days=hold.entries_days or 0)
    same = [
        one
        for one in state.holds.values()
        if one.most_entries is not None
        and (one.amount_minor, one.currency) == (call.amount_minor, call.currency)
        and one.noticed_on >= since
    ]
    return len(same) >= (hold.most_entries or 0)


def _refusal(call: RequestGatewayCall | CarryOutGatewayCall, code: str, message: str) -> GatewayCallRefused:
    return GatewayCallRefused(
        payment_request_id=call.payment_request_id,
        call_reference=call.call_reference,
        subject=call.subject,
        kind=call.kind,
        paytrace_transaction_id=call.paytrace_transaction_id,
        vault_customer_id=call.vault_customer_id,
        abas_customer_id=call.abas_customer_id,
        amount_minor=call.amount_minor,
        currency=call.currency,
        code=code,
        message=message,
        occurred_at=call.occurred_at,
    )


def _case_of(record: HoldRefunds | RefundsHeld) -> str:
    return f"{record.settlement_account} {record.dispute_id}"


def _held(hold: HoldRefunds) -> RefundsHeld:
    return RefundsHeld(
        subject=hold.subject,
        paytrace_transaction_id=hold.paytrace_transaction_id,
        settlement_account=hold.settlement_account,
        dispute_id=hold.dispute_id,
        charged_back_minor=hold.charged_back_minor,
        currency=hold.currency,
        occurred_at=hold.occurred_at,
    )


def _hold_of(record: HoldCharges | ChargesHeld) -> str:
    return f"{record.paytrace_transaction_id} {record.code_kind}"


def _charges_held(hold: HoldCharges) -> ChargesHeld:
    return ChargesHeld(**{one.name: getattr(hold, one.name) for one in fields(HoldCharges)})


def _released(release: ReleaseCharges) -> ChargesReleased:
    return ChargesReleased(**{one.name: getattr(release, one.name) for one in fields(ReleaseCharges)})


class _Reported:
    """A gateway that does nothing and says what the journal says that it said."""

    def __init__(self, events: Sequence[Record]) -> None:
        self._begun: dict[str, GatewayCallBegun] = {}
        self._ended: dict[str, GatewayCallDone | GatewayCallRefused] = {}
        for event in events:
            match event:
                case GatewayCallBegun():
                    self._begun[event.call_reference] = event
                case GatewayCallDone() | GatewayCallRefused():
                    self._ended[event.call_reference] = event

    async def begin(self, request: RequestGatewayCall) -> GatewayCallBegun | GatewayCallRefused:
        begun, ended = self._begun.get(request.call_reference), self._ended.get(request.call_reference)
        if begun is not None:
            return begun
        if isinstance(ended, GatewayCallRefused):
            return ended
        raise _unreported(request.call_reference)

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> GatewayCallDone | GatewayCallRefused:
        ended = self._ended.get(call.call_reference)
        if ended is None:
            raise _unreported(call.call_reference)
        return ended


def _unreported(reference: str) -> Unavailable:
    return Unavailable(f"the journal holds no outcome of {reference}")


def evolve(state: Subject, event: GatewayOutcomes) -> Subject:
    """Return the subject after this event."""
    match event:
        case GatewayCallBegun():
            return replace(state, begun=state.begun | {event.call_reference})
        case GatewayCallDone():
            came = frozenset(filter(None, [event.result_transaction_id]))
            return replace(state, ended=state.ended | {event.call_reference}, taken=state.taken | came)
        case GatewayCallRefused():
            return replace(state, ended=state.ended | {event.call_reference})
        case RefundsHeld():
            return replace(state, charged_back={**state.charged_back, _case_of(event): event.charged_back_minor})
        case ChargesHeld():
            name = _hold_of(event)
            others = {key: hold for key, hold in state.holds.items() if key != name}
            return replace(state, holds={**others, name: event} if event.is_held else others)
        case ChargesReleased():
            return replace(state, holds={})
        case _:
            assert_never(event)


def route(_state: Subject, event: GatewayOutcomes) -> tuple[Output, ...]:
    """Carry out a begun call next; its payment request learns of it.

    An outcome closes its payment request, and a refund is linked to its payment.
    """
    match event:
        case GatewayCallBegun():
            carry_out = Output(Topic.GATEWAY_COMMANDS, _carry_out(event))
            return (carry_out,) if _is_of_subscription(event) else (carry_out, Output(Topic.GATEWAY_INBOX, event))
        case GatewayCallDone() | GatewayCallRefused():
            if _is_of_subscription(event):
                return (Output(Topic.SUBSCRIPTIONS_INBOX, _run_charge_ended(event)),)
            outputs = (Output(Topic.GATEWAY_INBOX, event),)
            link = _refund_link(event)
            return outputs if link is None else (*outputs, Output(Topic.PAYMENTS_OBSERVATIONS, link))
        case _:
            return ()


def _is_of_subscription(record: Record) -> bool:
    return getattr(record, "payment_request_id", "").startswith(REQUEST_PREFIX)


def _run_charge_ended(event: GatewayCallDone | GatewayCallRefused) -> RunChargeEnded:
    return RunChargeEnded(
        vault_customer_id=event.vault_customer_id or "",
        call_reference=event.call_reference,
        is_done=isinstance(event, GatewayCallDone),
        result_transaction_id=event.result_transaction_id if isinstance(event, GatewayCallDone) else None,
        code=event.code,
        message=event.message,
        ended_on=business_day(event.occurred_at),
        occurred_at=event.occurred_at,
    )


def on_parked(record: GatewayCommands, event: RecordParked | ParkedRecordDiscarded) -> tuple[Output, ...]:
    """Let a payment request know that its call waits for a person, or that a person gave it up."""
    if not isinstance(record, RequestGatewayCall | CarryOutGatewayCall):
        return ()
    if isinstance(event, ParkedRecordDiscarded):
        given_up = _refusal(record, "given-up", f"given up by {event.requested_by}: {event.reason}")
        if _is_of_subscription(record):
            return (Output(Topic.SUBSCRIPTIONS_INBOX, _run_charge_ended(given_up)),)
        return (Output(Topic.GATEWAY_INBOX, given_up),)
    if _is_of_subscription(record):
        return ()
    parked = GatewayCallParked(
        payment_request_id=record.payment_request_id,
        call_reference=record.call_reference,
        abas_customer_id=record.abas_customer_id,
        was_begun=isinstance(record, CarryOutGatewayCall),
        message=event.message[:LONGEST_MESSAGE],
        occurred_at=record.occurred_at,
    )
    return (Output(Topic.GATEWAY_INBOX, parked),)


def _carry_out(begun: GatewayCallBegun) -> CarryOutGatewayCall:
    return CarryOutGatewayCall(
        payment_request_id=begun.payment_request_id,
        call_reference=begun.call_reference,
        subject=begun.subject,
        kind=begun.kind,
        paytrace_transaction_id=begun.paytrace_transaction_id,
        vault_customer_id=begun.vault_customer_id,
        merchant=begun.merchant,
        invoice_number=begun.invoice_number,
        description=begun.description,
        abas_customer_id=begun.abas_customer_id,
        amount_minor=begun.amount_minor,
        currency=begun.currency,
        seen_before=begun.seen_before,
        begun_at=begun.begun_at,
        occurred_at=begun.occurred_at,
    )


def _refund_link(event: GatewayCallDone | GatewayCallRefused) -> RefundLinked | None:
    """PayTrace's exports link no refund to its payment; whoever made the refund knows."""
    if not isinstance(event, GatewayCallDone) or event.kind is not PaymentRequestKind.REFUND:
        return None
    if event.paytrace_transaction_id is None or event.result_transaction_id is None:
        return None
    return RefundLinked(
        paytrace_transaction_id=event.paytrace_transaction_id,
        refund_transaction_id=event.result_transaction_id,
        amount_minor=event.amount_minor,
        currency=event.currency,
        linked_by=NAME,
        occurred_at=event.occurred_at,
    )
