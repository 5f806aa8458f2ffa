"""PayTraceSink: carries out refunds, voids, captures and charges that were decided, each once or for a person to see.

A void or capture may be repeated: it is looked up by the state of its transaction, and PayTrace refuses a second one.
So may a bank debit, which carries our reference as its idempotency key. PayTrace offers no such key for cards: a refund
or a charge is sent by the one process that claimed it first (docs/adr/0024-claims-before-calls.md), and everybody else
only looks. A charge is found by our reference, which is its invoice number or, where it pays an invoice, its
description; a refund, whose call carries no reference, by being new, of the same amount, card and customer, and not
there when the call was begun. What can't be found is left to a person.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

from connectors.paytrace import cells
from connectors.paytrace.errors import (
    CallInDoubt,
    CallNotOffered,
    CallStillUnknown,
    CurrencyNotOffered,
    LoginRejected,
    PaymentOutcomeUnknown,
    PayTraceRefused,
    PayTraceUnavailable,
    UnreadableAnswer,
    UnreadableRow,
)
from connectors.paytrace.mapping import Meaning, to_transaction_observed
from connectors.paytrace.ports import Answer, Charge, EntryClass
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.wire import JsonObject
from schemas.checks.plausibility import plain_text
from schemas.checks.sensitive import mask_sensitive
from schemas.failures.doubt import OutcomeWait
from schemas.records.gateway import (
    CarryOutGatewayCall,
    GatewayCallBegun,
    GatewayCallDone,
    GatewayCallRefused,
    PaymentRequestKind,
    RequestGatewayCall,
)
from schemas.records.payments import ObservedBy, TransactionKind, TransactionObserved, TransactionStatus
from schemas.values.clock import utc_now

logger = logging.getLogger(__name__)

_PAID: Final = frozenset({TransactionStatus.PENDING_SETTLEMENT, TransactionStatus.SETTLED})
_VOIDED: Final = frozenset({TransactionStatus.VOIDED, TransactionStatus.VOIDED_BY_RULE})
_WORKED: Final = frozenset({Meaning.APPROVED, Meaning.DONE, Meaning.ACH_ACCEPTED})
_FAILED: Final = frozenset({Meaning.DECLINED, Meaning.NOT_DONE, Meaning.VOIDED_BY_RULE, Meaning.ERRORS, Meaning.TEST})
_CLOCK_MARGIN: Final = timedelta(days=1)

Call = RequestGatewayCall | CarryOutGatewayCall
Outcome = GatewayCallDone | GatewayCallRefused
Send = Callable[[], Awaitable[Answer]]


class CallMaker(Protocol):
    """What the sink needs of a client; both API versions have it."""

    async def export_transactions(self, start: date, end: date) -> list[JsonObject]:
        """Card transactions created on these days."""

    async def find_transactions(self, start: date, end: date, text: str) -> list[JsonObject]:
        """Card transactions of these days that contain text."""

    async def export_transaction(self, transaction_id: str) -> JsonObject | None:
        """Return one card transaction, or None."""

    async def export_customers(self, customer_id: str | None = None) -> list[JsonObject]:
        """Vault customers, all or one."""

    async def sale_by_customer(self, customer_id: str, charge: Charge) -> Answer:
        """Charge a vault customer's card."""

    async def capture(self, transaction_id: str, amount_minor: int | None = None) -> Answer:
        """Capture an authorization."""

    async def void(self, transaction_id: str) -> Answer:
        """Cancel an unsettled transaction."""

    async def refund(self, transaction_id: str, amount_minor: int | None = None) -> Answer:
        """Pay a settled transaction back."""

    async def pay_by_ach(
        self, customer_id: str, charge: Charge, *, idempotency_key: str, entry_class: EntryClass = "WEB"
    ) -> Answer:
        """Debit a vault customer's bank account, at most once for this key."""


class SendingRights(Protocol):
    """What the sink needs to know of all other processes that may be at the same call."""

    async def may_make(self, call: CarryOutGatewayCall, *, is_repeatable: bool) -> bool:
        """Return whether this process may make the call now.

        Of calls that can't be repeated, yes once among all processes.

        Raises: leaves of schemas.failures.
        """

    def not_made(self, call: CarryOutGatewayCall) -> None:
        """Note that the allowed call did certainly not reach PayTrace."""

    def first_of(self, call: CarryOutGatewayCall) -> str:
        """Say who may have made the call, and since when, in words for an operator."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A call with all that had to be asked for it; is_repeatable if PayTrace takes it once, however often it comes."""

    send: Send
    is_repeatable: bool


class PayTraceSink:
    """One merchant account, as the agent sees it that carries out payment requests (streams.edges.ports.Gateway)."""

    def __init__(
        self,
        client: CallMaker,
        settings: PayTraceSettings,
        rights: SendingRights,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._settings = settings
        self._rights = rights
        self._now = now
        # A batch that has to stop is carried out again: what this process knows for sure it need not find out again.
        self._ended: dict[str, Outcome] = {}
        self._wait = OutcomeWait(settings.outcome_wait_s, now)

    async def holds(self, request: RequestGatewayCall) -> bool:
        """Say whether this account knows the transaction or vault customer that a request names."""
        if request.kind is PaymentRequestKind.CHARGE:
            return await self._customer(request.vault_customer_id or "") is not None
        return await self._client.export_transaction(request.paytrace_transaction_id or "") is not None

    async def begin(self, request: RequestGatewayCall) -> GatewayCallBegun | GatewayCallRefused:
        """Write down which refunds of this size exist before ours; refuse a payment request that waited too long.

        Raises: leaves of errors.py.
        """
        now = self._now()
        if (now - request.occurred_at).total_seconds() > self._settings.payment_request_expires_s:
            reason = (
                "the payment request waited longer than payment_request_expires_s; make a new one if it is still wanted"
            )
            return refused(request, "too-old", reason, now)
        seen_before: tuple[str, ...] = ()
        if request.kind is PaymentRequestKind.REFUND:
            refunded = await self._transaction(request)
            if refunded is None:
                return refused(request, "unknown-transaction", "PayTrace knows no such transaction", now)
            seen_before = tuple(found.paytrace_transaction_id for found in await self._refunds(request, refunded, now))
        return GatewayCallBegun(
            **_common(request),
            merchant=self._settings.merchant,
            invoice_number=request.invoice_number,
            description=request.description,
            seen_before=seen_before,
            begun_at=now,
            occurred_at=now,
        )

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> Outcome:
        """Make the call, or find out whether it was made; what isn't certain is looked up until outcome_wait_s is over.

        Shapes:  taken are transactions that other calls on the same subject brought about.
        Ensures: a refund or card charge is sent at most once, whatever happens to this process or to the answer.
        Raises:  CallStillUnknown while a call that may have been sent shows no trace yet; CallInDoubt when it shows
                 none after outcome_wait_s either and can't be repeated. Leaves of errors.py and of the rights.
        """
        outcome = self._ended.get(call.call_reference)
        if outcome is None:
            outcome = self._ended[call.call_reference] = await self._carried_out(call, taken)
        return outcome

    async def _carried_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> Outcome:
        try:
            if call.kind in {PaymentRequestKind.VOID, PaymentRequestKind.CAPTURE}:
                return await self._brought_about(call, taken)
            if call.kind is PaymentRequestKind.CHARGE and (known := await self._look_up(call, taken)) is not None:
                # Before the customer is asked for, who may be gone since; a refund's payment stays.
                return known
            ready = await self._ready(call)
            if await self._rights.may_make(call, is_repeatable=ready.is_repeatable):
                return await self._make(call, taken, ready)
            return await self._find(call, taken, f"to be sent by {self._rights.first_of(call)}")
        except PayTraceRefused as reason:
            return refused(call, reason.code, str(reason), self._now())
        except (CallNotOffered, CurrencyNotOffered) as reason:
            return refused(call, "not-offered", str(reason), self._now())

    async def _brought_about(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> Outcome:
        """Void or capture: look, act where the transaction does not show it, act again after outcome_wait_s."""
        known = await self._look_up(call, taken)
        if known is not None:
            return known
        if self._wait.may_still_show(call.call_reference):
            raise CallStillUnknown(f"{call.call_reference}: sent without an answer; a look-up shows no trace of it yet")
        self._wait.end(call.call_reference)
        try:
            outcome = await self._make(call, taken, self._by_state(call))
        except PayTraceRefused as reason:
            outcome = refused(call, reason.code, str(reason), self._now())
        if isinstance(outcome, GatewayCallDone):
            return outcome
        # Refused, perhaps because an attempt before this one has worked meanwhile.
        known = await self._look_up(call, taken)
        return known if isinstance(known, GatewayCallDone) else outcome

    async def _make(self, call: CarryOutGatewayCall, taken: frozenset[str], ready: _Ready) -> Outcome:
        try:
            answer = await ready.send()
            outcome = self._judge(call, answer)
            if outcome is not None:
                return outcome
            reason = f"answered with {answer.response_code}, which proves nothing"
        except PaymentOutcomeUnknown as unknown:
            reason = str(unknown)
        except (PayTraceUnavailable, LoginRejected, UnreadableAnswer):
            # The client's word for a call that did not leave the machine, or that PayTrace turned away at the door.
            self._rights.not_made(call)
            raise
        logger.warning("paytrace call unknown", extra={"call": call.call_reference, "reason": reason})
        return await self._find(call, taken, reason, is_repeatable=ready.is_repeatable)

    async def _find(
        self, call: CarryOutGatewayCall, taken: frozenset[str], reason: str, *, is_repeatable: bool = False
    ) -> Outcome:
        """Return the effect of a call that may have been made.

        The task layer waits and asks again until the time is over.
        """
        known = await self._look_up(call, taken)
        if known is not None:
            return known
        self._wait.begin(call.call_reference)
        if is_repeatable or self._wait.may_still_show(call.call_reference):
            raise CallStillUnknown(f"{call.call_reference}: {reason}; a look-up shows no trace of it yet")
        raise self._in_doubt(call, f"PayTrace shows no trace of it {self._settings.outcome_wait_s:g} s later")

    def _in_doubt(self, call: CarryOutGatewayCall, what: str) -> CallInDoubt:
        """Return what the operator reads in the alert and in `saldo dlq show`: what is known, and what to do."""
        subject = (
            f"of payment {call.paytrace_transaction_id}"
            if call.kind is PaymentRequestKind.REFUND
            else "of the stored card"
        )
        amount = f"{call.amount_minor / 100:.2f} {call.currency}"
        return CallInDoubt(
            f"the {call.kind.lower()} {call.call_reference} ({amount} {subject}) may have been made, and is not sent "
            f"again: {what}. It was to be sent by {self._rights.first_of(call)}. End that process if it still runs, "
            "then look in PayTrace. It is there: saldo dlq replay, which looks again and never sends. It is not there: "
            "saldo dlq discard, and a new payment request in abas if it is still wanted"
        )

    async def _ready(self, call: CarryOutGatewayCall) -> _Ready:
        """Prepare a refund or charge to be sent at once; PayTrace was asked, so it is there to take it."""
        match call.kind:
            case PaymentRequestKind.REFUND:
                payment = call.paytrace_transaction_id or ""
                if await self._transaction(call) is None:
                    raise PayTraceRefused("PayTrace knows no such transaction", code="unknown-transaction")
                return _Ready(partial(self._client.refund, payment, call.amount_minor), is_repeatable=False)
            case PaymentRequestKind.CHARGE:
                return await self._charge(call)
            case _:
                raise CallNotOffered(f"{call.kind} is no call")

    def _by_state(self, call: CarryOutGatewayCall) -> _Ready:
        """Void or capture: PayTrace refuses the second by the state of the transaction."""
        payment = call.paytrace_transaction_id or ""
        if call.kind is PaymentRequestKind.VOID:
            return _Ready(partial(self._client.void, payment), is_repeatable=True)
        return _Ready(partial(self._client.capture, payment, call.amount_minor), is_repeatable=True)

    async def _charge(self, call: CarryOutGatewayCall) -> _Ready:
        """Return the vault customer's card.

        In v3 else the bank account, whose debit carries our reference as its key.
        """
        # Where the call names an invoice, the payment comes back with that; our reference is the description then.
        charge = Charge(
            amount_minor=call.amount_minor,
            currency=call.currency,
            invoice_number=call.invoice_number or call.call_reference,
            description=call.call_reference if call.invoice_number else call.description,
        )
        label = call.vault_customer_id or ""
        row = await self._customer(label)
        if row is None:
            raise PayTraceRefused(f"PayTrace knows no vault customer {label}", code="unknown-vault-customer")
        # v3 charges by the number that PayTrace gave; in v1 that is our own key.
        payer = cells.chosen_key(row, ("customer_id", "customer_label"), "a customer id")
        if cells.last_four(row) is not None:
            return _Ready(partial(self._client.sale_by_customer, payer, charge), is_repeatable=False)
        if self._settings.api_version == "v1":
            raise CallNotOffered(
                f"{label} has no card, and v1 offers no debit that could be looked up after a lost answer"
            )
        debit = partial(self._client.pay_by_ach, payer, charge, idempotency_key=call.call_reference)
        return _Ready(debit, is_repeatable=True)

    def _judge(self, call: CarryOutGatewayCall, answer: Answer) -> Outcome | None:
        """Return what an answer says; None when it proves nothing."""
        code = "" if answer.response_code is None else str(answer.response_code)
        message = " ".join(filter(None, (answer.status_message, answer.approval_message)))
        if answer.meaning in _WORKED:
            result = answer.transaction_id
            return _done(
                call,
                result if call.kind in {PaymentRequestKind.REFUND, PaymentRequestKind.CHARGE} else None,
                code,
                message,
                self._now(),
            )
        return refused(call, code, message, self._now()) if answer.meaning in _FAILED else None

    # --- looking

    async def _look_up(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> Outcome | None:
        """Return what PayTrace shows of this call; None when nothing, so that it may be made."""
        match call.kind:
            case PaymentRequestKind.CHARGE:
                return await self._look_for_charge(call)
            case PaymentRequestKind.REFUND:
                return await self._look_for_refund(call, taken)
            case _:
                return await self._look_at_state(call)

    async def _look_for_charge(self, call: CarryOutGatewayCall) -> Outcome | None:
        start, end = self._days(call.begun_at)
        # By the invoice number, which PayTrace is known to search; that it searches descriptions is not documented.
        rows = await self._client.find_transactions(start, end, call.invoice_number or call.call_reference)
        found = [
            seen for seen in self._read(rows) if call.call_reference in (seen.invoice_number, seen.description.strip())
        ]
        for seen in sorted(found, key=lambda one: one.status not in _PAID):
            if seen.status in _PAID:
                return _done(call, seen.paytrace_transaction_id, "", "found by its reference", self._now())
            if seen.status is TransactionStatus.DECLINED or seen.status in _VOIDED:
                return refused(
                    call, seen.status.value.lower(), f"found by its reference: {seen.raw_status}", self._now()
                )
            raise self._in_doubt(call, f"PayTrace shows it as {seen.raw_status}, which nobody can read")
        return None

    async def _look_for_refund(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> Outcome | None:
        refunded = await self._transaction(call)
        if refunded is None:
            raise PayTraceRefused("PayTrace knows no such transaction", code="unknown-transaction")
        known = taken | set(call.seen_before)
        for seen in await self._refunds(call, refunded, call.begun_at):
            if seen.paytrace_transaction_id not in known and seen.status not in _VOIDED | {TransactionStatus.DECLINED}:
                return _done(
                    call, seen.paytrace_transaction_id, "", "found: new, of the same amount and card", self._now()
                )
        return None

    async def _look_at_state(self, call: CarryOutGatewayCall) -> Outcome | None:
        seen = await self._transaction(call)
        if seen is None:
            raise PayTraceRefused("PayTrace knows no such transaction", code="unknown-transaction")
        if call.kind is PaymentRequestKind.VOID:
            return _done(call, None, "", "found voided", self._now()) if seen.status in _VOIDED else None
        if seen.status is TransactionStatus.AUTHORIZED:
            return None
        if seen.status in _PAID and seen.amount_minor == call.amount_minor:
            return _done(call, None, "", "found captured", self._now())
        if seen.status is TransactionStatus.UNKNOWN:
            raise UnreadableAnswer(
                f"{call.call_reference}: PayTrace shows transaction {seen.paytrace_transaction_id} as "
                f"{seen.raw_status}, which can't be read: whether it is captured is not known. Look in PayTrace, then "
                "saldo dlq replay or discard"
            )
        return refused(call, "not-authorized", f"PayTrace shows it as {seen.raw_status}", self._now())

    async def _customer(self, label: str) -> JsonObject | None:
        return next((row for row in await self._client.export_customers(label) if label in _names(row)), None)

    async def _transaction(self, call: Call) -> TransactionObserved | None:
        row = await self._client.export_transaction(call.paytrace_transaction_id or "")
        return None if row is None else next(iter(self._read([row])), None)

    async def _refunds(self, call: Call, refunded: TransactionObserved, since: datetime) -> list[TransactionObserved]:
        """Refunds since then that could be this one, the oldest first."""
        start, end = self._days(since)
        rows = self._read(await self._client.export_transactions(start, end))
        like = [seen for seen in rows if _is_like(seen, call, refunded)]
        return sorted(like, key=lambda seen: (seen.created_at, seen.paytrace_transaction_id))

    def _days(self, since: datetime) -> tuple[date, date]:
        """Return the days on which the effect of a call can have been made, a day wider on both sides."""
        first, last = (moment.astimezone(self._settings.zone).date() for moment in (since, self._now()))
        return first - _CLOCK_MARGIN, last + _CLOCK_MARGIN

    def _read(self, rows: Iterable[JsonObject]) -> list[TransactionObserved]:
        found: list[TransactionObserved] = []
        for row in rows:
            try:
                found.append(
                    to_transaction_observed(
                        row,
                        merchant=self._settings.merchant,
                        zone=self._settings.zone,
                        observed_at=self._now(),
                        observed_by=ObservedBy.POLL,
                        currency=self._settings.currency,
                        fold=self._settings.fold,
                    )
                )
            except UnreadableRow as error:
                logger.error("paytrace row without identity", extra={"field_name": error.field_name})
        return found


def _is_like(seen: TransactionObserved, call: Call, refunded: TransactionObserved) -> bool:
    """Return whether a refund could be the one that this call asks for."""
    return (
        seen.kind is TransactionKind.REFUND
        and seen.amount_minor == call.amount_minor
        and _may_be(seen.card_last_four, refunded.card_last_four)
        and _may_be(seen.vault_customer_id, refunded.vault_customer_id)
    )


def _may_be(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _names(row: JsonObject) -> set[str]:
    return {str(row.get(name)) for name in ("customer_id", "customer_label")}


_COMMON: Final = (
    "payment_request_id",
    "call_reference",
    "subject",
    "kind",
    "paytrace_transaction_id",
    "vault_customer_id",
    "abas_customer_id",
    "amount_minor",
    "currency",
)


def _common(call: Call) -> dict[str, Any]:
    return {name: getattr(call, name) for name in _COMMON}


def _done(call: Call, result: str | None, code: str, message: str, now: datetime) -> GatewayCallDone:
    return GatewayCallDone(
        **_common(call),
        result_transaction_id=result,
        code=code,
        message=plain_text(mask_sensitive(message)),
        occurred_at=now,
    )


def refused(call: Call, code: str, message: str, now: datetime) -> GatewayCallRefused:
    """Return the outcome of a call that is not made, or that PayTrace refused; message is for people."""
    return GatewayCallRefused(
        **_common(call), code=code or "refused", message=plain_text(mask_sensitive(message))[:500], occurred_at=now
    )
