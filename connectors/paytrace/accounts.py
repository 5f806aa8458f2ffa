"""Several merchant accounts behind one door: a call is made in the account that holds what it names.

PayTrace documents no way to ask which account a transaction belongs to, so each account is asked. One that is away
holds back what may be its own, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TypeVar

from connectors.common.several import held_apart
from connectors.paytrace.errors import UnreadableAnswer
from connectors.paytrace.hooks import PayTraceReader
from connectors.paytrace.sink import Outcome, PayTraceSink, refused
from schemas.failures import Delayed, SaldoError
from schemas.records.gateway import CarryOutGatewayCall, GatewayCallBegun, GatewayCallRefused, RequestGatewayCall
from schemas.records.payments import ObservedBy, TransactionObserved
from schemas.values.clock import utc_now

A = TypeVar("A")
T = TypeVar("T")


class AccountSinks:
    """All merchant accounts, as the agent sees them that carries out payment requests (streams.edges.ports.Gateway)."""

    def __init__(self, sinks: Mapping[str, PayTraceSink], *, now: Callable[[], datetime] = utc_now) -> None:
        """`sinks` by the label of their merchant account."""
        self._sinks = sinks
        self._now = now

    async def begin(self, request: RequestGatewayCall) -> GatewayCallBegun | GatewayCallRefused:
        """Find the account, and look before the call.

        Ensures: refused where no account holds what the request names, and where several do.
        Raises:  Delayed when an account that may hold it can't be asked.
        """
        holder = self._holder(request)
        label = await held_apart(holder, "which merchant account holds it can't be found out", alone=False)
        if isinstance(label, GatewayCallRefused):
            return label
        sink = self._sinks.get(label)
        if sink is None:
            known = ", ".join(sorted(self._sinks))
            text = f"there is no merchant account {label!r}; there are {known}"
            return refused(request, "unknown-account", text, self._now())
        return await self._apart(label, sink.begin(request))

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> Outcome:
        """Make a call in the account in which it was begun."""
        sink = self._sinks.get(call.merchant)
        if sink is None:
            raise Delayed(
                f"call {call.call_reference} was begun in merchant account {call.merchant!r}, which the settings no "
                "longer name; put it back until its calls have ended"
            )
        return await self._apart(call.merchant, sink.carry_out(call, taken))

    async def _holder(self, request: RequestGatewayCall) -> str | GatewayCallRefused:
        if request.merchant:
            return request.merchant
        if len(self._sinks) == 1:
            return next(iter(self._sinks))
        holders = await _answers(self._sinks, lambda sink: sink.holds(request))
        match list(holders):
            case [label]:
                return label
            case []:
                what = request.paytrace_transaction_id or f"vault customer {request.vault_customer_id}"
                return refused(request, "unknown-transaction", f"no merchant account knows {what}", self._now())
            case labels:
                text = f"merchant accounts {', '.join(labels)} all know it; name one in the payment request"
                return refused(request, "several-accounts", text, self._now())

    def _apart(self, label: str, call: Awaitable[T]) -> Awaitable[T]:
        return held_apart(call, f"merchant account {label}", alone=len(self._sinks) == 1)


class AccountReaders:
    """All merchant accounts, as the ingress needs them (streams.edges.ports.GatewayReader)."""

    def __init__(self, readers: Mapping[str, PayTraceReader]) -> None:
        """`readers` by the label of their merchant account."""
        self._readers = readers
        self._first = next(iter(readers.values()))
        self.hook_type = self._first.hook_type

    def read_hook(self, body: bytes, observed_at: datetime) -> tuple[TransactionObserved, ...]:
        """Return the rows of a hook; with several accounts they say which transactions to ask about, no more."""
        return self._first.read_hook(body, observed_at)

    def named_in(self, silent_post: bytes) -> str | None:
        """Return the transaction that a Silent Post names; raises UnreadableAnswer."""
        return self._first.named_in(silent_post)

    async def look_up(self, transaction_id: str, observed_by: ObservedBy) -> tuple[TransactionObserved, ...]:
        """Return what PayTrace says of a transaction now, whichever account holds it; () when none does.

        Raises: UnreadableAnswer when several accounts hold it; what the client raises when none of those that answered
                does and another is away.
        """
        found = await _answers(self._readers, lambda reader: reader.look_up(transaction_id, observed_by))
        if len(found) > 1:
            raise UnreadableAnswer(f"transaction {transaction_id} is known to merchant accounts {', '.join(found)}")
        return next(iter(found.values()), ())


async def _answers(accounts: Mapping[str, A], ask: Callable[[A], Awaitable[T]]) -> dict[str, T]:
    """Ask all accounts at once; return the answers that are not empty, by label.

    Raises: what the first account raised that can't be asked, when no other one has an answer.
    """
    asked = await asyncio.gather(*(ask(account) for account in accounts.values()), return_exceptions=True)
    failed = [answer for answer in asked if isinstance(answer, BaseException)]
    unforeseen = [error for error in failed if not isinstance(error, SaldoError)]
    found = {
        label: answer
        for label, answer in zip(accounts, asked, strict=True)
        if not isinstance(answer, BaseException) and answer
    }
    if unforeseen or (failed and not found):
        raise (unforeseen or failed)[0]
    return found
