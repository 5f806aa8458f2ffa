"""What the client sends, how often, and how it judges what comes back; without a server."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.abas.client import AbasClient, press, set_field
from connectors.abas.criteria import Selection
from connectors.abas.errors import AbasOutcomeUnknown, AbasSessionLost, AbasUnavailable
from connectors.abas.settings import AbasSettings
from schemas.failures import SaldoError, Transient

SETTINGS = AbasSettings(retry_initial_s=0.0, retry_max_s=0.0, read_attempts=3)

Handler = Callable[[httpx2.Request], httpx2.Response]


def client_for(handler: Handler) -> AbasClient:
    return AbasClient(SETTINGS, transport=httpx2.MockTransport(handler))


def answer(content: Any, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json={"meta": {}, "content": content, "protocolVersion": "50.0.0"})


async def post(client: AbasClient) -> Any:
    return await client.run_infosystem("ow1", "P", [press("ypost")], head_fields=["id"])


async def read(client: AbasClient) -> Any:
    return await client.query_page("0:1", Selection(), ["id"], order_option="@order={field}")


class Counting:
    def __init__(self, *results: httpx2.Response | Exception) -> None:
        self.requests: list[httpx2.Request] = []
        self._results = results

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        result = self._results[min(len(self.requests), len(self._results)) - 1]
        if isinstance(result, Exception):
            raise result
        return result


TROUBLE = [
    httpx2.ReadTimeout("x"),
    httpx2.ReadError("x"),
    httpx2.RemoteProtocolError("x"),
    httpx2.WriteError("x"),
    httpx2.Response(502, text="<html>"),
    httpx2.Response(200, text="<html>"),
    httpx2.Response(200, content=b""),
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=lambda t: getattr(t, "status_code", type(t).__name__))
async def test_a_write_in_doubt_is_sent_once_and_its_outcome_called_unknown(trouble: Any) -> None:
    handler = Counting(trouble)
    async with client_for(handler) as client:
        with pytest.raises(AbasOutcomeUnknown):
            await post(client)
    assert len(handler.requests) == 1


@pytest.mark.parametrize("trouble", TROUBLE, ids=lambda t: getattr(t, "status_code", type(t).__name__))
async def test_a_read_in_trouble_is_repeated(trouble: Any) -> None:
    handler = Counting(trouble, trouble, answer({"data": {"erpDataObjects": []}}))
    async with client_for(handler) as client:
        assert await read(client) == ()
    assert len(handler.requests) == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_write_follows_no_redirect(status: int) -> None:
    handler = Counting(httpx2.Response(status, headers={"Location": "/mw/r/erp/about"}))
    async with client_for(handler) as client:
        with pytest.raises(AbasOutcomeUnknown):
            await post(client)
    assert len(handler.requests) == 1


class _Piece(httpx2.AsyncByteStream):
    """A body that was never asked for; reading it is a failure."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        nothing: tuple[bytes, ...] = ()
        for piece in nothing:
            yield piece
        raise AssertionError("a body in an encoding without a bound was read")


async def test_an_encoding_that_nobody_asked_for_is_not_unpacked() -> None:
    handler = Counting(httpx2.Response(200, headers={"Content-Encoding": "zstd"}, stream=_Piece()))
    async with client_for(handler) as client:
        with pytest.raises(AbasOutcomeUnknown):
            await post(client)
    assert handler.requests[0].headers["Accept-Encoding"] == "gzip"


async def test_a_small_answer_that_unpacks_to_a_large_one_is_refused() -> None:
    bomb = gzip.compress(b" " * 5_000_000)
    handler = Counting(httpx2.Response(200, headers={"Content-Encoding": "gzip"}, content=bomb))
    settings = SETTINGS.model_copy(update={"max_answer_bytes": 1_000_000})
    async with AbasClient(settings, transport=httpx2.MockTransport(handler)) as client:
        with pytest.raises(AbasOutcomeUnknown):
            await post(client)


async def test_a_trickle_does_not_hold_us() -> None:
    ended = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            ended.set()

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        slow = SETTINGS.model_copy(update={"base_url": f"http://127.0.0.1:{port}/mw", "answer_timeout_s": 0.3})
        async with AbasClient(slow) as client:
            with pytest.raises(AbasOutcomeUnknown):
                await post(client)
        await ended.wait()


@pytest.mark.parametrize("error", [httpx2.ConnectError("x"), httpx2.ConnectTimeout("x")])
async def test_a_write_that_never_left_had_no_effect(error: Exception) -> None:
    async with client_for(Counting(error)) as client:
        with pytest.raises(AbasUnavailable):
            await post(client)


@pytest.mark.parametrize("status", [200, 400, 409, 423, 500])
async def test_the_category_decides_whatever_the_status(status: int) -> None:
    content = {
        "_type": "AbasErpError",
        "category": "MISSING_OBJECT",
        "errorCode": "MISSING_WORKINGSET",
        "error": {"text": "gone"},
    }
    async with client_for(Counting(answer(content, status))) as client:
        with pytest.raises(AbasSessionLost):
            await post(client)


async def test_every_call_says_language_label_and_lock_wait() -> None:
    handler = Counting(answer({"data": {"meta": {}, "head": {}}}))
    async with client_for(handler) as client:
        await client.run_infosystem("ow1", "P", [set_field("f", "v")], head_fields=["id", "x"])
    [request] = handler.requests
    assert request.url.params["variableLanguage"] == "en"
    assert request.url.params["maxWaitOnLock"] == "5"
    assert request.headers["Accept-Language"] == "en"
    assert request.headers["X-abas-mw-ws-label"] == "saldo"
    assert request.headers["Accept"] == "application/abas.objects+json"
    assert request.headers["Authorization"].startswith("Basic ")
    assert json.loads(request.content) == {
        "actions": [{"_type": "SetFieldValue", "fieldName": "f", "value": "v"}],
        "headFields": "id,x",
        "tableFields": "-",
    }


async def test_addresses_are_escaped() -> None:
    handler = Counting(answer({"data": {"meta": {}, "head": {}}}))
    async with client_for(handler) as client:
        await client.read_record("0:1", "a/b?c(1)", ["id"])
    assert handler.requests[0].url.raw_path.startswith(b"/mw/r/erp/obj/data/0:1/a%2Fb%3Fc%281%29")


async def test_a_retry_after_is_reported_on() -> None:
    async with client_for(Counting(httpx2.Response(429, headers={"Retry-After": "7"}, text="slow"))) as client:
        with pytest.raises(SaldoError) as caught:
            await post(client)
    assert getattr(caught.value, "retry_after_s", None) == 7.0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 409, 423, 429, 500, 503]),
    st.binary(max_size=60)
    | st.builds(
        lambda content: json.dumps({"content": content}).encode(),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["_type", "category", "error", "details", "text", "data", "meta", "head", "dialogInfo"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=10,
        ),
    ),
)
async def test_any_answer_is_a_result_or_a_typed_failure(status: int, body: bytes) -> None:
    async with client_for(lambda request: httpx2.Response(status, content=body)) as client:
        for call in (read, post):
            try:
                await call(client)
            except SaldoError:
                continue


@pytest.mark.parametrize("status", [429, 503])
async def test_what_abas_asks_for_is_bounded_and_nothing_is_sent_meanwhile(status: int) -> None:
    server = Counting(httpx2.Response(status, headers={"Retry-After": "100000"}, text="slow"), answer({"data": []}))
    async with client_for(server) as client:
        with pytest.raises(Transient) as first:
            await post(client)
        assert (first.value.asked_s, first.value.retry_after_s) == (100_000.0, 300.0)
        for call in (read, post):
            with pytest.raises(AbasUnavailable, match=r"bounded to 300 s") as kept:
                await call(client)
            assert kept.value.retry_after_s == pytest.approx(300, abs=5)
            assert "abas at 127.0.0.1:8920" in str(kept.value)
    assert len(server.requests) == 1, "a call that is kept back is not sent, so it had no effect"


async def test_abas_own_body_does_not_hide_what_its_header_asks_for() -> None:
    content = {"_type": "AbasErpError", "category": "UNAVAILABLE", "error": {"text": ["away"], "erpNumber": 1}}
    away = httpx2.Response(503, headers={"Retry-After": "3600"}, json={"content": content})
    async with client_for(Counting(away)) as client:
        with pytest.raises(AbasUnavailable) as caught:
            await read(client)
    assert (caught.value.asked_s, caught.value.retry_after_s) == (3600.0, 300.0)


async def test_a_short_wait_is_waited_for_in_place() -> None:
    server = Counting(httpx2.Response(503, headers={"Retry-After": "0.2"}, text="slow"), answer({"data": []}))
    started_s = time.monotonic()
    async with client_for(server) as client:
        await client.about()
    assert len(server.requests) == 2
    assert time.monotonic() - started_s >= 0.2


@pytest.mark.parametrize("status", [429, 503])
async def test_a_token_endpoint_that_is_away_is_no_wrong_login(status: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def away() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            head = f"HTTP/1.1 {status} Away\r\nRetry-After: 7200\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode())

    thread = threading.Thread(target=away, daemon=True)
    thread.start()
    login = {"token_url": f"http://127.0.0.1:{port}/t", "client_id": "a", "client_secret": "b"}
    async with AbasClient(AbasSettings.model_validate({"token_login": login, "read_attempts": 1})) as client:
        for _ in range(2):  # the second is kept back: the server takes one connection alone
            with pytest.raises(AbasUnavailable) as caught:
                await read(client)
            assert caught.value.asked_s == 7200.0
    thread.join(5)
    listener.close()
