"""WooCommerceClient: one shop over REST v3, one request at a time, with our keys in the header and nowhere else.

Decides what an answer is worth: JSON of the expected route, or a failure. Reads are repeated, writes are sent once.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from connectors.common.pacing import Pacer
from connectors.common.reach import NEVER_SENT, Way, left_alone
from connectors.shop.settings import ShopSettings
from connectors.woocommerce.errors import (
    ShopLoginRejected,
    ShopNotThere,
    ShopRefused,
    ShopThrottled,
    ShopUnavailable,
    WriteOutcomeUnknown,
)
from connectors.woocommerce.wire import JsonObject, decode, text
from schemas.checks.plausibility import plain_text
from schemas.failures import ContractBroken
from schemas.failures.retries import retry_context
from schemas.failures.waiting import IN_PLACE_S, Pause
from schemas.values.clock import monotonic_s, utc_now

logger = logging.getLogger(__name__)

BASE: Final = "/wp-json/wc/v3"
_NO_ROUTE: Final = "rest_no_route"
_LONGEST_MESSAGE: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed answer, and how many things the whole list has; None where the shop did not say."""

    body: Any
    total: int | None


class WooCommerceClient:
    """One shop. Use as an async context manager, or call aclose. `transport` takes the place of the network."""

    def __init__(self, settings: ShopSettings, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._pacer = Pacer(max_concurrent=1, max_per_s=settings.max_requests_per_s)
        self._way = Way(f"shop {settings.label}", settings.base_url, settings, section="shop", setting="base_url")
        self._pause = Pause(settings.longest_wait_s)
        self._skew = timedelta(0)
        self._once = itertools.count(int(utc_now().timestamp() * 1000))
        secret = settings.consumer_secret.get_secret_value()
        if not secret:
            raise ContractBroken(f"shop {settings.label} has no consumer_secret; set it (WooCommerce, REST API)")
        self._http = httpx2.AsyncClient(
            **self._way.client_options(transport),
            base_url=settings.base_url.rstrip("/"),
            auth=httpx2.BasicAuth(settings.consumer_key, secret),
            timeout=httpx2.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
            limits=httpx2.Limits(max_connections=1),
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    def now(self) -> datetime:
        """Return the time by the shop's own clock, as its last answer told it."""
        return utc_now() + self._skew

    async def get(self, path: str, **params: Any) -> Answer:
        """Read, up to read_attempts times.

        Raises: ShopUnavailable, ShopThrottled, ShopRefused, ShopLoginRejected, ShopNotThere.
        """
        answer: Answer | None = None
        async for attempt in retry_context(
            on=_wait_before_repeat,
            attempts=self._settings.read_attempts,
            timeout=None,
            wait_initial=self._settings.retry_wait_initial_s,
            wait_max=self._settings.retry_wait_max_s,
            wait_jitter=self._settings.retry_wait_initial_s,
        ):
            with attempt:
                # A number that no cache has seen: some answer with a list of yesterday, or of another route.
                answer = await self._send("GET", path, params={**params, "_": next(self._once)})
        assert answer is not None
        return answer

    async def write(self, method: str, path: str, body: Mapping[str, Any], **params: Any) -> Answer:
        """Send a write once.

        Raises: as get; WriteOutcomeUnknown when it may have been carried out and no answer says so.
        """
        return await self._send(method, path, body=body, params=params)

    async def pages(self, path: str, **params: Any) -> AsyncIterator[JsonObject]:
        """Yield every thing of a list, smallest id first, each once at least.

        A list that grows or shrinks while it is read is read from the beginning again, a few times. After a time-out
        pages are smaller, because a shop that is slow on a hundred orders answers twenty-five.

        Raises: as get; ShopUnavailable for a list that does not come to rest.
        """
        size = self._settings.page_size
        for _ in range(self._settings.most_restarts + 1):
            page, known, expected = 1, 0, None
            while True:
                try:
                    answer = await self.get(path, **params, orderby="id", order="asc", page=page, per_page=size)
                except ShopUnavailable as error:
                    smaller = min(size, self._settings.page_size_after_timeout)
                    if not isinstance(error.__cause__, httpx2.TimeoutException) or size == smaller:
                        raise
                    size = smaller
                    break
                found = self._list(path, answer)
                expected = answer.total if expected is None else expected
                if answer.total != expected:
                    break
                for one in found:
                    yield one
                known += len(found)
                if len(found) < size if expected is None else known >= expected:
                    return
                if not found:
                    break
                page += 1
        raise ShopUnavailable(self._way.says(f"{path} changes faster than it can be read; it is read again by itself"))

    def _list(self, path: str, answer: Answer) -> list[JsonObject]:
        if not isinstance(answer.body, list) or not all(isinstance(one, Mapping) for one in answer.body):
            raise ShopUnavailable(
                self._way.says(f"{path} was answered with no list: a cache, or another route's answer")
            )
        return answer.body

    async def _send(
        self, method: str, path: str, *, params: Mapping[str, Any], body: Mapping[str, Any] | None = None
    ) -> Answer:
        await left_alone(self._pause, self._way, ShopThrottled)
        is_write = method != "GET"
        async with self._pacer.turn():
            began = monotonic_s()
            try:
                response = await self._exchange(method, path, params, body)
            except httpx2.HTTPError as error:
                _log(method, path, type(error).__name__, began)
                said = self._way.why(error)
                if is_write and not isinstance(error, NEVER_SENT):
                    raise WriteOutcomeUnknown(f"{method} {path}: {said}") from error
                raise ShopUnavailable(f"{path}: {said}") from error
            _log(method, path, str(response.status_code), began)
        return self._judge(method, path, response)

    async def _exchange(
        self, method: str, path: str, params: Mapping[str, Any], body: Mapping[str, Any] | None
    ) -> httpx2.Response:
        request = self._http.build_request(method, BASE + path, params=dict(params), json=body)
        response = await self._http.send(request, stream=True)
        try:
            parts = bytearray()
            async for part in response.aiter_bytes():
                parts += part
                if len(parts) > self._settings.max_body_bytes:
                    raise httpx2.DecodingError(f"answer larger than {self._settings.max_body_bytes} bytes")
        finally:
            await response.aclose()
        return httpx2.Response(response.status_code, headers=_plain(response.headers), content=bytes(parts))

    def _judge(self, method: str, path: str, response: httpx2.Response) -> Answer:
        status, said = response.status_code, f"{method} {path}: HTTP {response.status_code}"
        if (date := response.headers.get("date")) is not None:
            self._skew = _skew(date)
        try:
            found, why = decode(response.content), ""
        except ValueError as error:
            found, why = None, str(error)
        code, message = _error_of(found)
        if status == 429 or status == 503 or 520 <= status < 530:
            ask = self._pause.ask(response.headers.get("retry-after"), date=date)
            waits = {} if ask is None else {"retry_after_s": ask.granted_s, "asked_s": ask.asked_s}
            kind = ShopThrottled if status == 429 else ShopUnavailable
            raise kind(self._way.says(f"{said}, {ask.in_words() if ask else 'it is asked again by itself'}"), **waits)
        if status in {401, 403}:
            remedy = "make new keys in WooCommerce, Advanced, REST API, or let its firewall pass us"
            raise ShopLoginRejected(self._way.says(f"{said} {code or 'from a firewall'}: {message or remedy}"))
        if 300 <= status < 400:
            where = text(response.headers.get("location"))[:100]
            raise ShopNotThere(self._way.says(f"{said} to {where}; set SALDO_SHOP_BASE_URL to where it leads"))
        if status == 404 and code == _NO_ROUTE:
            remedy = "its permalinks are plain, WooCommerce is off, or the address is wrong"
            raise ShopNotThere(self._way.says(f"{said} {_NO_ROUTE}: {remedy}"))
        if status < 300 and not why:
            total = text(response.headers.get("x-wp-total"))
            return Answer(found, int(total) if total.isdecimal() else None)
        if code and (status < 500 or method != "GET"):
            raise ShopRefused(self._way.says(f"{said} {code}: {message}"), code=code)
        if method != "GET" and (why or status >= 500):
            raise WriteOutcomeUnknown(self._way.says(f"{said}, {why or 'no reason'}; it is looked up"))
        raise ShopUnavailable(self._way.says(f"{said}, {why or code or 'no reason'}; it is asked again by itself"))


def is_gone(refused: ShopRefused) -> bool:
    """Return whether a refusal means that the shop has no such thing; on PUT it says 400, else 404 or 410."""
    return refused.code.endswith(("_invalid_id", "_already_trashed"))


def _error_of(found: Any) -> tuple[str, str]:
    if isinstance(found, Mapping) and isinstance(found.get("code"), str) and "message" in found:
        return plain_text(found["code"])[:80], plain_text(text(found["message"]))[:_LONGEST_MESSAGE]
    return "", ""


def _skew(date: str) -> timedelta:
    """Return how far the shop's clock is from ours; whole seconds are noise and a clock days off is none."""
    try:
        skew = parsedate_to_datetime(date).astimezone(UTC) - utc_now()
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
    return skew if timedelta(seconds=5) < abs(skew) < timedelta(days=2) else timedelta(0)


def _plain(headers: httpx2.Headers) -> dict[str, str]:
    """Return headers without those about an encoding that is undone already."""
    return {
        name: value for name, value in headers.items() if name.lower() not in {"content-encoding", "content-length"}
    }


def _wait_before_repeat(error: Exception) -> bool | float:
    if not isinstance(error, ShopUnavailable):
        return False
    if error.retry_after_s is None:
        # What takes a minute is not asked for again as it was; pages get smaller instead.
        return not isinstance(error.__cause__, httpx2.TimeoutException)
    return error.retry_after_s if error.retry_after_s <= IN_PLACE_S else False


def _log(method: str, path: str, outcome: str, began: float) -> None:
    facts = {"shop_method": method, "shop_path": path, "shop_outcome": outcome}
    logger.debug("shop call", extra={**facts, "elapsed_s": round(monotonic_s() - began, 3)})
