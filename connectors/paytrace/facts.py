"""PayTraceFacts: settlement batches, vault customers and schedules of one merchant account; keeps no memory.

These change seldom and cost many calls, so they are read on a slower schedule than transactions. Not every account
may read all of them: what PayTrace refuses is logged and left out, because card payments must not wait for a right
that nobody granted. A row that makes no sense never stops the others, and is never passed over in silence.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Set
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from connectors.paytrace.errors import CallNotOffered, LoginRejected, PayTraceRefused, UnreadableRow
from connectors.paytrace.fact_mapping import (
    Account,
    BatchName,
    is_pending,
    to_batch_name,
    to_batch_observed,
    to_recurrence_observed,
    to_vault_customer_gone,
    to_vault_customer_observed,
)
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.source import PayTraceSource
from connectors.paytrace.wire import JsonObject
from schemas.records.customers import VaultCustomerObserved
from schemas.records.settlement import SettlementBatchObserved
from schemas.records.subscriptions import RecurrenceObserved
from schemas.values.clock import utc_now

logger = logging.getLogger(__name__)

Fact = SettlementBatchObserved | VaultCustomerObserved | RecurrenceObserved
FactObservation = tuple[str, tuple[Fact, ...]]

# Customers that a poll asks for one by one, because the list names them no longer.
_ASKED_FOR_ALONE = 20
_NOT_OURS_TO_READ = (CallNotOffered, LoginRejected, PayTraceRefused)


class FactReader(Protocol):
    """What this source needs of a client."""

    async def export_batches(self, start: date, end: date) -> list[JsonObject]:
        """Settlement batches closed on these days."""

    async def export_batch_transactions(self, batch_number: int) -> list[JsonObject]:
        """Return the settled transactions of the newest batch of this number."""

    async def export_customers(self, customer_id: str | None = None) -> list[JsonObject]:
        """Return every vault customer, or the one of this id; none where PayTrace knows no such."""

    async def export_recurrences(self, *, customer_id: str | None = None) -> list[JsonObject]:
        """Recurring schedules, of one customer or of all."""


class PayTraceFacts:
    """Polls what one merchant account has besides transactions."""

    name = PayTraceSource.name

    def __init__(
        self,
        client: FactReader,
        settings: PayTraceSettings,
        *,
        known: Callable[[], Set[str]] = frozenset,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`known` gives the subjects that were published so far, by which a customer that is gone is noticed."""
        self._client = client
        self._settings = settings
        self._now = now
        self._account = Account(
            merchant=settings.merchant, zone=settings.zone, currency=settings.currency, fold=settings.fold
        )
        self._known = known
        self._gone: set[str] = set()
        self.not_read: tuple[str, ...] = ()  # what the last poll left out because PayTrace refuses it, and why

    def window(self, now: datetime) -> tuple[date, date]:
        """Return the days whose batches are worth reading at this moment: the look-back window of transactions."""
        today = now.astimezone(self._settings.zone).date()
        return today - timedelta(days=self._settings.lookback_window_days), today

    async def poll(self, since: date, until: date) -> AsyncIterator[FactObservation]:
        """Yield the batches of these days, then every vault customer and every schedule.

        Shapes:  since and until are days in the merchant's zone, both included, asked wider by range_margin_days;
                 the subject of a fact stays the same from poll to poll.
        Ensures: every readable row is yielded before an unreadable one raises; what this account may not read is
                 logged and left out.
        Raises:  UnreadableRow after the last row, when some row could not be read; Transient of the client.
        """
        unreadable: list[UnreadableRow] = []
        margin = timedelta(days=self._settings.range_margin_days)
        vault: list[str] = []
        self.not_read = ()
        for what, reader in (
            ("settlement batches are", self._batches(since - margin, until + margin, unreadable)),
            ("vault customers are", self._customers(vault, unreadable)),
            ("recurrences are", self._recurrences(vault, unreadable)),
        ):
            async for observation in self._what_may_be_read(what, reader):
                yield observation
        if unreadable:
            raise unreadable[0]

    async def batches_of(self, day: date) -> AsyncIterator[FactObservation]:
        """Yield the batches that settled on one day, for a back-fill that goes day by day; raises as poll."""
        unreadable: list[UnreadableRow] = []
        async for observation in self._what_may_be_read("settlement batches are", self._batches(day, day, unreadable)):
            yield observation
        if unreadable:
            raise unreadable[0]

    async def _what_may_be_read(
        self, what: str, reader: AsyncIterator[FactObservation]
    ) -> AsyncIterator[FactObservation]:
        try:
            async for observation in reader:
                yield observation
        except _NOT_OURS_TO_READ as reason:
            logger.warning("paytrace facts not read", extra={"reason": str(reason)})
            self.not_read += (f"{what} not read: {reason}",)

    async def _batches(
        self, since: date, until: date, unreadable: list[UnreadableRow]
    ) -> AsyncIterator[FactObservation]:
        lists: dict[int, list[JsonObject] | str] = {}
        closed: Counter[tuple[int, date]] = Counter()
        for name, row in self._in_order(await self._client.export_batches(since, until), unreadable):
            try:
                number = name.number
                closed[number, name.settled_on] += 1
                nth = closed[number, name.settled_on]
                if number not in lists:
                    lists[number] = await self._list_of(number)
                listed = lists[number]
                observed_at = self._now()
                if isinstance(listed, str):
                    batch = to_batch_observed(row, None, self._account, observed_at=observed_at, not_listed=listed)
                else:
                    batch = to_batch_observed(row, listed, self._account, observed_at=observed_at)
            except UnreadableRow as error:
                _note("batch", error, unreadable)
                continue
            if nth > 1:
                # One number twice on one day: the later batch must not take the place of the one before it.
                batch = replace(batch, batch_id=f"{batch.batch_id}/{nth}")
            yield f"batch/{batch.batch_id}", (batch,)

    def _in_order(self, rows: list[JsonObject], unreadable: list[UnreadableRow]) -> list[tuple[BatchName, JsonObject]]:
        """Settled batches by settlement, whatever order the export has, so that each is the nth of its day for good."""
        named: list[tuple[BatchName, JsonObject]] = []
        for row in rows:
            try:
                if not is_pending(row):
                    named.append((to_batch_name(row, self._account), row))
            except UnreadableRow as error:
                _note("batch", error, unreadable)
        # Two of one number and second are distinguished by what they hold; the texts stand for it.
        return sorted(named, key=lambda found: (found[0].settled_at, str(sorted(found[1].items()))))

    async def _list_of(self, number: int) -> list[JsonObject] | str:
        """Return the transactions of a batch, or why they can't be had."""
        try:
            return await self._client.export_batch_transactions(number)
        except (CallNotOffered, PayTraceRefused) as reason:
            return f"its transactions could not be read: {reason}"

    async def _customers(self, vault: list[str], unreadable: list[UnreadableRow]) -> AsyncIterator[FactObservation]:
        for row in await self._client.export_customers():
            try:
                customer = to_vault_customer_observed(row, self._account, observed_at=self._now())
            except UnreadableRow as error:
                _note("customer", error, unreadable)
                continue
            vault.append(customer.vault_customer_id)
            yield f"{self._customer_prefix}{customer.vault_customer_id}", (customer,)
        async for gone in self._gone_customers(frozenset(vault)):
            yield gone

    @property
    def _customer_prefix(self) -> str:
        return f"customer/{self._account.merchant}/"

    async def _gone_customers(self, listed: Set[str]) -> AsyncIterator[FactObservation]:
        """Yield each customer that was known and is listed no longer, once PayTrace says that it knows none of its id.

        A list that was cut short names too few: so each is asked for alone, a few at each poll.
        """
        prefix, asked = self._customer_prefix, 0
        self._gone -= listed
        for name in sorted(self._known()):
            customer_id = name.removeprefix(prefix)
            if not name.startswith(prefix) or customer_id in listed or customer_id in self._gone:
                continue
            if asked == _ASKED_FOR_ALONE:
                return
            asked += 1
            if not await self._client.export_customers(customer_id):
                self._gone.add(customer_id)
                yield name, (to_vault_customer_gone(customer_id, self._account, observed_at=self._now()),)

    async def _recurrences(self, vault: list[str], unreadable: list[UnreadableRow]) -> AsyncIterator[FactObservation]:
        async for row in self._recurrence_rows(vault):
            try:
                schedule = to_recurrence_observed(row, self._account, observed_at=self._now())
            except UnreadableRow as error:
                _note("recurrence", error, unreadable)
                continue
            yield f"recurrence/{schedule.merchant}/{schedule.recurrence_id}", (schedule,)

    async def _recurrence_rows(self, vault: list[str]) -> AsyncIterator[JsonObject]:
        """Yield all at once, or by customer where PayTrace wants to be told whose, as the reference suggests."""
        try:
            rows = await self._client.export_recurrences()
        except PayTraceRefused:
            rows = [row for customer in vault for row in await self._client.export_recurrences(customer_id=customer)]
        for row in rows:
            yield row


class PayTraceHistory:
    """What a back-fill reads of one day: the transactions created on it and the batches settled on it.

    Ensures: a row that can't be read does not keep the days after it from being reported; unreadable names it.
    """

    def __init__(self, source: PayTraceSource, facts: PayTraceFacts) -> None:
        self._source = source
        self._facts = facts
        self.unreadable: list[tuple[date, UnreadableRow]] = []

    async def read_day(self, day: date) -> AsyncIterator[tuple[str, tuple[Any, ...]]]:
        """Yield everything of one day that can be read. Raises what the client raises."""
        for read in (self._source.read_day, self._facts.batches_of):
            try:
                async for observation in read(day):
                    yield observation
            except UnreadableRow as error:
                self.unreadable.append((day, error))


def _note(what: str, error: UnreadableRow, unreadable: list[UnreadableRow]) -> None:
    logger.error(
        "paytrace row unreadable", extra={"what": what, "field_name": error.field_name, "reason": error.reason}
    )
    unreadable.append(error)
