"""What both API versions of PayTrace share for one merchant: connections, log-in, and ACH, which v3 alone offers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date
from types import TracebackType
from typing import Self

import httpx2

from connectors.paytrace.ach import AchClient
from connectors.paytrace.calls import Caller
from connectors.paytrace.login import Login
from connectors.paytrace.ports import AchDateType, Answer, Charge, EntryClass
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.wire import JsonObject


class Merchant:
    """One merchant account. Use as an async context manager, or call aclose."""

    def __init__(
        self,
        settings: PayTraceSettings,
        log_in: Callable[[Caller, PayTraceSettings], Login],
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._caller = Caller(settings, transport=transport)
        self._login = log_in(self._caller, settings)
        self._ach = AchClient(self._caller, settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._caller.aclose()

    def list_ach(self, start: date, end: date, *, date_type: AchDateType = "PROCESSED") -> AsyncIterator[JsonObject]:
        """ACH transactions (wire.AchRow) by date of processing or settlement, page by page."""
        return self._ach.transactions(start, end, date_type=date_type)

    async def export_ach(self, transaction_id: str) -> JsonObject | None:
        """Return one ACH transaction (wire.AchRow), or None when PayTrace does not know the id."""
        return await self._ach.transaction(transaction_id)

    async def pay_by_ach(
        self, customer_id: str, charge: Charge, *, idempotency_key: str, entry_class: EntryClass = "WEB"
    ) -> Answer:
        """Debit a vault customer's bank account, at most once for this key."""
        return await self._ach.pay(customer_id, charge, idempotency_key=idempotency_key, entry_class=entry_class)
