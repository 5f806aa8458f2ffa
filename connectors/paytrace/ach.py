"""Reads ACH transactions from v3, the only place where their status can be seen; both clients share it.

Pages are asked one after another and bounded; a server that repeats a page is noticed and not followed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any, Final

from connectors.paytrace.answers import read_v3_body
from connectors.paytrace.calls import Call, Caller
from connectors.paytrace.errors import CallNotOffered, PayTraceRefused, UnreadableAnswer
from connectors.paytrace.login import v3_headers, v3_login
from connectors.paytrace.ports import AchDateType
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.wire import JsonObject

_LIST_PATH: Final = "/v3/checks/transactions"
# 30 rows a page: three million rows, far beyond a merchant's window, and an end for a server that never ends.
_MAX_PAGES: Final = 100_000


class AchReader:
    """The read side of v3 ACH for one merchant."""

    def __init__(self, caller: Caller, settings: PayTraceSettings) -> None:
        self._settings = settings
        self._login = v3_login(caller, settings)

    async def transactions(
        self, start: date, end: date, *, date_type: AchDateType = "PROCESSED"
    ) -> AsyncIterator[JsonObject]:
        """Yield every ACH transaction whose date lies in these days, both included.

        Raises: UnreadableAnswer when pages repeat or have no end, and what the login's send raises.
        """
        limit = self._settings.ach_page_size
        previous: list[JsonObject] | None = None
        for page in range(_MAX_PAGES):
            rows = await self._page(start, end, date_type, limit=limit, offset=page * limit)
            if rows and rows == previous:
                raise UnreadableAnswer(f"{_LIST_PATH}: page {page} repeats the page before it")
            for row in rows:
                yield row
            if len(rows) < limit:
                return
            previous = rows
        raise UnreadableAnswer(f"{_LIST_PATH}: no end after {_MAX_PAGES} pages")

    async def transaction(self, transaction_id: str) -> JsonObject | None:
        """Return one ACH transaction, or None when PayTrace does not know it."""
        return await self._one(f"{_LIST_PATH}/{transaction_id}")

    async def by_idempotency_key(self, key: str) -> JsonObject | None:
        """Return what an idempotency key belongs to, or None: the look-up after a time-out."""
        return await self._one(f"{_LIST_PATH}/idempotency-keys/{key}")

    async def _one(self, path: str) -> JsonObject | None:
        call = self._call(path, {"merchant_id": str(self._settings.merchant_id)})
        try:
            body = read_v3_body(call, await self._login.send(call))
        except (PayTraceRefused, CallNotOffered):
            return None
        data = body.get("data")
        if isinstance(data, list):
            data = next((row for row in data if isinstance(row, dict)), None)
        found = data if isinstance(data, dict) and data else body
        return found if found.get("transaction_id") not in (None, "") else None

    async def _page(
        self, start: date, end: date, date_type: AchDateType, *, limit: int, offset: int
    ) -> list[JsonObject]:
        call = self._call(
            _LIST_PATH,
            {
                "merchant_id": str(self._settings.merchant_id),
                "start_date": f"{start.isoformat()}T00:00:00",
                "end_date": f"{end.isoformat()}T23:59:59",
                "date_type": date_type,
                "limit": str(limit),
                "offset": str(offset),
            },
        )
        body = read_v3_body(call, await self._login.send(call))
        items: Any = body.get("items", body.get("data"))
        if not isinstance(items, list) or not all(isinstance(row, dict) for row in items):
            raise UnreadableAnswer(f"{_LIST_PATH}: expected a list of items")
        return items

    def _call(self, path: str, params: dict[str, str]) -> Call:
        return Call(
            method="GET",
            path=path,
            headers={"Accept": "application/json", **v3_headers(self._settings)},
            params=params,
        )
