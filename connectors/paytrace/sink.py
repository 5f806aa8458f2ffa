"""PayTraceSink: carries out refunds, voids, captures and charges that were decided, each exactly once.

PayTrace offers no idempotency key for cards, so everything rests on looking: before a call whether it was made already,
and after a lost answer whether it worked. A charge is found by our reference, which is its invoice number; a void or
capture by the state of its transaction; a refund, whose call carries no reference, by being new, of the same amount,
card and customer, and not there when the call was begun. A bank debit carries our reference as its idempotency key.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

from connectors.paytrace import cells
from connectors.paytrace.errors import (
    CallNotOffered,
    CallStillUnknown,
    CurrencyNotOffered,
    PaymentOutcomeUnknown,
    PayTraceRefused,
    UnreadableRow,
)
from connectors.paytrace.mapping import Meaning, to_transaction_observed
from connectors.paytrace.ports import Answer, BankAccount, Charge, EntryClass
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.source import utc_now
from connectors.paytrace.wire import JsonObject
from schemas.records.gateway import (
    CarryOutGatewayCall,
    GatewayCallBegun,
    GatewayCallDone,
    GatewayCallRefused,
    RequestGatewayCall,
    WishKind,
)
from schemas.records.payments import ObservedBy, TransactionKind, TransactionObserved, TransactionStatus
from schemas.sensitive import mask_sensitive

logger = logging.getLogger(__name__)

_PAID: Final = frozenset({TransactionStatus.PENDING_SETTLEMENT, TransactionStatus.SETTLED})
_VOIDED: Final = frozenset({TransactionStatus.VOIDED, TransactionStatus.VOIDED_BY_RULE})
_WORKED: Final = frozenset({Meaning.APPROVED, Meaning.DONE, Meaning.ACH_ACCEPTED})
_FAILED: Final = frozenset({Meaning.DECLINED, Meaning.NOT_DONE, Meaning.VOIDED_BY_RULE, Meaning.ERRORS, Meaning.TEST})
# Shorter than the session of a worker, so that what was seen is still true when nobody else owns the call yet.
_STALE_AFTER_S: Final = 5.0
_LOOKS: Final = 5
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
        """One card transaction, or None."""

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
        self, payer: BankAccount | str, charge: Charge, *, idempotency_key: str, entry_class: EntryClass = "WEB"
    ) -> Answer:
        """Debit a vault customer's bank account, at most once for this key."""


class PayTraceSink:
    """One merchant account, as the agent sees it that carries out wishes (streams.ports.Gateway)."""

    def __init__(
        self,
        client: CallMaker,
        settings: PayTraceSettings,
        *,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._settings = settings
        self._now = now
        self._sleep = sleep

    async def begin(self, request: RequestGatewayCall) -> GatewayCallBegun | GatewayCallRefused:
        """Write down which refunds of this size are there before ours; a wish that waited too long is refused.

        Raises: leaves of errors.py.
        """
        now = self._now()
        if (now - request.occurred_at).total_seconds() > self._settings.wish_expires_s:
            reason = "the wish waited longer than wish_expires_s; make a new one if it is still wanted"
            return _refused(request, "too-old", reason, now)
        seen_before: tuple[str, ...] = ()
        if request.kind is WishKind.REFUND:
            refunded = await self._transaction(request)
            if refunded is None:
                return _refused(request, "unknown-transaction", "PayTrace knows no such transaction", now)
            seen_before = tuple(found.paytrace_transaction_id for found in await self._refunds(request, refunded, now))
        return GatewayCallBegun(**_common(request), seen_before=seen_before, begun_at=now, occurred_at=now)

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> Outcome:
        """Look up, make the call, look up when no answer came.

        Shapes:  taken are transactions that other calls on the same subject brought about.
        Ensures: the call is made only when PayTrace shows no effect of it; a call without an answer is looked up at
                 once and again after outcome_wait_s.
        Raises:  CallStillUnknown when both look-ups show nothing: a repeat begins with a look-up. Leaves of errors.py.
        """
        try:
            send = await self._prepared(call)
            known = await self._look_closely(call, taken)
            return known if known is not None else await self._make(call, taken, send)
        except PayTraceRefused as refused:
            return _refused(call, refused.code, str(refused), self._now())
        except (CallNotOffered, CurrencyNotOffered) as reason:
            return _refused(call, "not-offered", str(reason), self._now())

    async def _look_closely(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> Outcome | None:
        """A look-up that is still true now: after a pause in it, another worker may have made the call."""
        for _ in range(_LOOKS):
            began_s = time.monotonic()
            known = await self._look_up(call, taken)
            if known is not None or time.monotonic() - began_s <= _STALE_AFTER_S:
                return known
        raise CallStillUnknown(f"{call.call_reference}: look-ups take longer than {_STALE_AFTER_S:g} s")

    async def _make(self, call: CarryOutGatewayCall, taken: frozenset[str], send: Send) -> Outcome:
        try:
            answer = await send()
            outcome = self._judge(call, answer)
            if outcome is not None:
                return outcome
            reason = f"answered with {answer.response_code}, which proves nothing"
        except PaymentOutcomeUnknown as unknown:
            reason = str(unknown)
        logger.warning("paytrace call unknown", extra={"call": call.call_reference, "reason": reason})
        for wait_s in (0.0, self._settings.outcome_wait_s):
            await self._sleep(wait_s)
            known = await self._look_up(call, taken)
            if known is not None:
                return known
        raise CallStillUnknown(f"{call.call_reference}: {reason}; two look-ups show no trace of it")

    async def _prepared(self, call: CarryOutGatewayCall) -> Send:
        """The call with all that has to be asked for it, ready to be sent at once."""
        payment, amount_minor = call.paytrace_transaction_id or "", call.amount_minor
        match call.kind:
            case WishKind.REFUND:
                return partial(self._client.refund, payment, amount_minor)
            case WishKind.VOID:
                return partial(self._client.void, payment)
            case WishKind.CAPTURE:
                return partial(self._client.capture, payment, amount_minor)
            case WishKind.CHARGE:
                return await self._charge(call)
            case _:
                raise CallNotOffered(f"{call.kind} is no call")

    async def _charge(self, call: CarryOutGatewayCall) -> Send:
        """The vault customer's card; in v3 else the bank account, whose debit carries our reference as its key."""
        charge = Charge(amount_minor=call.amount_minor, currency=call.currency, invoice_number=call.call_reference)
        label = call.vault_customer_id or ""
        row = next((row for row in await self._client.export_customers(label) if label in _names(row)), None)
        if row is None:
            raise PayTraceRefused(f"PayTrace knows no vault customer {label}", code="unknown-vault-customer")
        # v3 charges by the number that PayTrace gave; in v1 that is our own key.
        payer = cells.chosen_key(row, ("customer_id", "customer_label"), "a customer id")
        if cells.last_four(row) is not None:
            return partial(self._client.sale_by_customer, payer, charge)
        if self._settings.api_version == "v1":
            raise CallNotOffered(
                f"{label} has no card, and v1 offers no debit that could be looked up after a lost answer"
            )
        return partial(self._client.pay_by_ach, payer, charge, idempotency_key=call.call_reference)

    def _judge(self, call: CarryOutGatewayCall, answer: Answer) -> Outcome | None:
        """What an answer says; None when it proves nothing."""
        code = "" if answer.response_code is None else str(answer.response_code)
        message = " ".join(filter(None, (answer.status_message, answer.approval_message)))
        if answer.meaning in _WORKED:
            result = answer.transaction_id
            return _done(
                call, result if call.kind in {WishKind.REFUND, WishKind.CHARGE} else None, code, message, self._now()
            )
        return _refused(call, code, message, self._now()) if answer.meaning in _FAILED else None

    # --- looking

    async def _look_up(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> Outcome | None:
        """What PayTrace shows of this call; None when nothing, so that it may be made."""
        match call.kind:
            case WishKind.CHARGE:
                return await self._look_for_charge(call)
            case WishKind.REFUND:
                return await self._look_for_refund(call, taken)
            case _:
                return await self._look_at_state(call)

    async def _look_for_charge(self, call: CarryOutGatewayCall) -> Outcome | None:
        start, end = self._days(call.begun_at)
        rows = await self._client.find_transactions(start, end, call.call_reference)
        found = [seen for seen in self._read(rows) if seen.invoice_number == call.call_reference]
        for seen in sorted(found, key=lambda one: one.status not in _PAID):
            if seen.status in _PAID:
                return _done(call, seen.paytrace_transaction_id, "", "found by its reference", self._now())
            if seen.status is TransactionStatus.DECLINED or seen.status in _VOIDED:
                return _refused(
                    call, seen.status.value.lower(), f"found by its reference: {seen.raw_status}", self._now()
                )
            raise CallStillUnknown(
                f"{call.call_reference}: PayTrace shows it as {seen.raw_status}, which nobody can read"
            )
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
        if call.kind is WishKind.VOID:
            return _done(call, None, "", "found voided", self._now()) if seen.status in _VOIDED else None
        if seen.status is TransactionStatus.AUTHORIZED:
            return None
        if seen.status in _PAID and seen.amount_minor == call.amount_minor:
            return _done(call, None, "", "found captured", self._now())
        return _refused(call, "not-authorized", f"PayTrace shows it as {seen.raw_status}", self._now())

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
        """The days on which the effect of a call can have been made, a day wider on both sides."""
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
    """Whether a refund could be the one that this call asks for."""
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
    "wish_id",
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
        **_common(call), result_transaction_id=result, code=code, message=mask_sensitive(message), occurred_at=now
    )


def _refused(call: Call, code: str, message: str, now: datetime) -> GatewayCallRefused:
    return GatewayCallRefused(
        **_common(call), code=code or "refused", message=mask_sensitive(message)[:500], occurred_at=now
    )
