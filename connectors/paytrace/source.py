"""PayTraceSource: every observation of a transaction in a window of days, without a memory of its own.

PayTrace cannot be asked what changed, so the same window is read again and again; the runner compares contents,
tells only what is new and keeps the cursor. Protects two promises: a row that makes no sense never stops the
others, and it is never passed over in silence.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, timedelta
from typing import Protocol

from connectors.paytrace import cells
from connectors.paytrace.errors import CallNotOffered, LoginRejected, PayTraceRefused, UnreadableRow
from connectors.paytrace.mapping import ACH_ID_NAMES, CHECK_PREFIX, to_ach_observed, to_transaction_observed
from connectors.paytrace.ports import AchDateType
from connectors.paytrace.readings import days_between
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.wire import JsonObject
from schemas.records.payments import ObservedBy, TransactionObserved
from schemas.values.clock import utc_now

logger = logging.getLogger(__name__)

Observation = tuple[str, tuple[TransactionObserved, ...]]


class TransactionReader(Protocol):
    """What the source needs of a client."""

    async def export_transactions(self, start: date, end: date) -> list[JsonObject]:
        """Card transactions created on these days."""

    async def export_transaction(self, transaction_id: str) -> JsonObject | None:
        """Return one card transaction, or None."""

    async def export_ach(self, transaction_id: str) -> JsonObject | None:
        """Return one ACH transaction, or None."""

    async def export_checks(self, start: date, end: date) -> list[JsonObject]:
        """Return checks of these days."""

    def list_ach(self, start: date, end: date, *, date_type: AchDateType = "PROCESSED") -> AsyncIterator[JsonObject]:
        """ACH transactions of these days."""


class PayTraceSource:
    """Polls one merchant account."""

    name = "paytrace"

    def __init__(
        self,
        client: TransactionReader,
        settings: PayTraceSettings,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._settings = settings
        self._now = now
        self.not_read: tuple[str, ...] = ()  # what the last poll left out because PayTrace refuses it, and why

    def window(self, now: datetime) -> tuple[date, date]:
        """Return the days to poll at this moment: the look-back window up to today in the merchant's zone."""
        today = now.astimezone(self._settings.zone).date()
        return today - timedelta(days=self._settings.lookback_window_days), today

    async def poll(self, since: date, until: date) -> AsyncIterator[Observation]:
        """Yield ("transaction/<merchant>/<id>", (record,)) for each transaction of these days, newest day first.

        Shapes:  since and until are days in the merchant's zone, both included. Days at the rim are asked
                 wider by range_margin_days, because nobody documents whose midnight a range means; a
                 transaction may therefore be seen more than once, with equal content. A poll of the whole window
                 looks lookahead_days further, where transactions of a clock ahead of ours would hide.
        Ensures: every readable row is yielded before an unreadable one raises; a refusal of a day at the rim is
                 logged and the other days are read.
        Raises:  UnreadableRow after the last row, when some row had no usable id; what the client raises.
        """
        unreadable: list[UnreadableRow] = []
        self.not_read = ()
        margin = timedelta(days=self._settings.range_margin_days)
        is_whole = (until - since).days >= self._settings.lookback_window_days
        spans = [(day, day) for day in reversed(days_between(since - margin, until + margin))]
        latest = until + margin
        if is_whole and self._settings.lookahead_days:
            latest += timedelta(days=self._settings.lookahead_days)
            spans.insert(0, (until + margin + timedelta(days=1), latest))
        for first, last in spans:
            try:
                async for observation in self._cards_of(first, last, unreadable):
                    yield observation
            except PayTraceRefused as reason:
                if since <= first <= until:
                    raise
                # Nobody promised that PayTrace can be asked about tomorrow; what lies there shows the day after.
                logger.warning("paytrace day not read", extra={"day": first.isoformat(), "reason": str(reason)})
        ach_since = since - margin
        if is_whole:
            # A poll of the whole window; an ACH debit can come back weeks later, so it looks further back for those.
            ach_since = min(ach_since, until - timedelta(days=self._settings.ach_lookback_window_days))
        async for observation in self._ach_between(ach_since, latest, unreadable):
            yield observation
        if unreadable:
            raise unreadable[0]

    async def read_day(self, day: date) -> AsyncIterator[Observation]:
        """Yield every transaction created on one day, for a back-fill that goes day by day; raises as poll."""
        unreadable: list[UnreadableRow] = []
        async for observation in self._cards_of(day, day, unreadable):
            yield observation
        async for observation in self._ach_between(day, day, unreadable):
            yield observation
        if unreadable:
            raise unreadable[0]

    async def _cards_of(self, first: date, last: date, unreadable: list[UnreadableRow]) -> AsyncIterator[Observation]:
        observed_at = self._now()
        for row in await self._client.export_transactions(first, last):
            for observation in self._read(row, observed_at, unreadable):
                yield observation

    async def _ach_between(
        self, since: date, until: date, unreadable: list[UnreadableRow]
    ) -> AsyncIterator[Observation]:
        async for row in self._ach_rows(since, until):
            for observation in self._read(row, self._now(), unreadable, ach=True):
                yield observation

    async def look_up(self, transaction_id: str, observed_by: ObservedBy) -> Observation | None:
        """Ask PayTrace for one transaction, to turn a hint (hook, Silent Post) into a fact; None when unknown."""
        if transaction_id.startswith(CHECK_PREFIX):
            row = await self._check(transaction_id)
            convert = to_ach_observed
        elif transaction_id.isascii() and transaction_id.isdecimal():
            row = await self._client.export_transaction(transaction_id)
            convert = to_transaction_observed
        else:
            row = await self._client.export_ach(transaction_id)
            convert = to_ach_observed
        if row is None:
            return None
        record = convert(
            row,
            merchant=self._settings.merchant,
            zone=self._settings.zone,
            observed_at=self._now(),
            observed_by=observed_by,
            currency=self._settings.currency,
            fold=self._settings.fold,
        )
        return _observation(record)

    async def _check(self, transaction_id: str) -> JsonObject | None:
        """Return a v1 check by our name of it, newest day first: the check export offers no question by id."""
        since, until = self.window(self._now())
        try:
            for day in reversed(days_between(since, until)):
                for row in await self._client.export_checks(day, day):
                    if f"{CHECK_PREFIX}{row.get('check_transaction_id')}" == transaction_id:
                        return row
        except CallNotOffered as reason:
            logger.warning("paytrace checks not read", extra={"reason": str(reason)})
        return None

    async def _ach_rows(self, since: date, until: date) -> AsyncIterator[JsonObject]:
        match self._settings.ach_source:
            case "v3":
                async for row in self._v3_rows(since, until):
                    yield row
            case "auto":
                try:
                    async for row in self._v3_rows(since, until):
                        yield row
                except (CallNotOffered, LoginRejected, PayTraceRefused) as reason:
                    # Cards must not wait for an API that this account may never get; ach_source says it for good.
                    logger.warning("paytrace ach not read", extra={"reason": str(reason)})
                    self.not_read = (
                        f"ACH is not read: {reason}. If this account has ACH, look at SALDO_PAYTRACE_MERCHANT_ID and "
                        "the rights of the user; if not, set SALDO_PAYTRACE_ACH_SOURCE=off",
                    )
            case "v1":
                for day in reversed(days_between(since, until)):
                    for row in await self._client.export_checks(day, day):
                        yield row
            case "off":
                return

    async def _v3_rows(self, since: date, until: date) -> AsyncIterator[JsonObject]:
        """Yield rows by day of processing, then what settled in these days and was processed before them."""
        seen: set[str] = set()
        async for row in self._client.list_ach(since, until, date_type="PROCESSED"):
            seen.add(str(row.get(cells.present(row, ACH_ID_NAMES))))
            yield row
        async for row in self._client.list_ach(since, until, date_type="SETTLED"):
            if str(row.get(cells.present(row, ACH_ID_NAMES))) not in seen:
                yield row

    def _read(
        self, row: JsonObject, observed_at: datetime, unreadable: list[UnreadableRow], *, ach: bool = False
    ) -> tuple[Observation, ...]:
        convert = to_ach_observed if ach else to_transaction_observed
        try:
            record = convert(
                row,
                merchant=self._settings.merchant,
                zone=self._settings.zone,
                observed_at=observed_at,
                observed_by=ObservedBy.POLL,
                currency=self._settings.currency,
                fold=self._settings.fold,
            )
        except UnreadableRow as error:
            logger.error("paytrace row without identity", extra={"field_name": error.field_name})
            unreadable.append(error)
            return ()
        return (_observation(record),)


def _observation(record: TransactionObserved) -> Observation:
    return f"transaction/{record.merchant}/{record.paytrace_transaction_id}", (record,)
