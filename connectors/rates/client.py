"""Reads a provider's file over HTTP. A read changes nothing there, so the source asks again whatever went wrong."""

from __future__ import annotations

import httpx2

from connectors.common.reach import Way
from connectors.rates.errors import RatesNotThere, RatesUnavailable, RatesUnreadable
from connectors.rates.settings import RatesSettings
from schemas.failures.waiting import asked_and_granted_s

_REFUSED = frozenset({400, 401, 403, 404, 405, 410})


class RatesClient:
    """One provider's address."""

    def __init__(
        self,
        party: str,
        url: str,
        settings: RatesSettings,
        *,
        setting: str,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._settings = settings
        self._transport = transport
        self._way = Way(party, url, settings, section="rates", setting=setting)

    async def fetch(self) -> bytes:
        """Return the file.

        Raises: RatesUnavailable, RatesNotThere, RatesUnreadable for one that is larger than the settings allow.
        """
        settings, way = self._settings, self._way
        content = bytearray()
        try:
            async with (
                httpx2.AsyncClient(**way.client_options(self._transport), timeout=settings.timeout_s) as client,
                client.stream("GET", self._url, follow_redirects=False) as response,
            ):
                if response.status_code in _REFUSED:
                    raise RatesNotThere(way.says(f"HTTP {response.status_code}; correct the address or the access"))
                if not response.is_success:
                    asked_s, granted_s = asked_and_granted_s(response.headers, settings.longest_wait_s)
                    words = way.says(f"HTTP {response.status_code}; it is asked again by itself")
                    raise RatesUnavailable(words, retry_after_s=granted_s, asked_s=asked_s)
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > settings.largest_answer_bytes:
                        remedy = "set SALDO_RATES_LARGEST_ANSWER_BYTES if that is right"
                        raise RatesUnreadable(way.says(f"more than {settings.largest_answer_bytes} bytes; {remedy}"))
        except httpx2.HTTPError as error:
            raise RatesUnavailable(way.why(error)) from error
        return bytes(content)
