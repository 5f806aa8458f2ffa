"""One exchange: paced, bounded, repeated only when nothing can have moved."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from pydantic import SecretStr

from connectors.common.pacing import Pacer
from connectors.paytrace import wire
from connectors.paytrace.calls import Call, Caller, Reply
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.errors import (
    CallNotOffered,
    LoginRejected,
    PaymentOutcomeUnknown,
    PayTraceThrottled,
    PayTraceUnavailable,
    UnreadableAnswer,
)
from connectors.paytrace.login import Login, refuses_token
from connectors.paytrace.ports import Charge
from connectors.paytrace.settings import PayTraceSettings

READ = Call(method="POST", path="/v1/x", headers={}, json={})
SALE = Call(method="POST", path="/v1/x", headers={}, json={}, moves_money=True, reference="RE-1")
Handler = Callable[[httpx2.Request], httpx2.Response]


def settings(**changes: object) -> PayTraceSettings:
    fields: dict[str, object] = {
        "base_url": "http://paytrace.invalid",
        "username": "user",
        "password": SecretStr("secret"),
        "max_requests_per_s": 10_000.0,
        "retry_wait_initial_s": 0.0,
        "retry_wait_max_s": 0.0,
        **changes,
    }
    return PayTraceSettings.model_validate(fields)


class Server:
    """Answers one after another; the last one stays."""

    def __init__(self, *answers: Handler) -> None:
        self._answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer(request)


def says(status: int, body: bytes = b'{"response_code":101}', retry_after: str | None = None) -> Handler:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return lambda request: httpx2.Response(status, content=body, headers=headers)


def breaks(error: type[httpx2.TransportError]) -> Handler:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise error("broken", request=request)

    return handler


async def send(server: Server, call: Call, **changes: object) -> Reply:
    caller = Caller(settings(**changes), transport=httpx2.MockTransport(server))
    try:
        return await caller.send(call)
    finally:
        await caller.aclose()


@pytest.mark.parametrize(
    "bad", [says(503), says(500, b"<html>"), says(200, b"<html>blocked"), says(429), breaks(httpx2.ReadError)]
)
async def test_a_read_is_tried_again(bad: Handler) -> None:
    server = Server(bad, bad, says(200))
    assert (await send(server, READ)).status == 200
    assert len(server.requests) == 3


async def test_a_read_ends_after_its_attempts() -> None:
    server = Server(says(503))
    with pytest.raises(PayTraceUnavailable):
        await send(server, READ, read_attempts=3)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "bad",
    [
        says(503),
        says(500, b"<html>"),
        says(200, b"<html>blocked"),
        says(200, b""),
        breaks(httpx2.ReadError),
        breaks(httpx2.ReadTimeout),
        breaks(httpx2.WriteError),
        breaks(httpx2.RemoteProtocolError),
    ],
)
async def test_a_payment_without_an_answer_is_sent_once_and_unknown(bad: Handler) -> None:
    server = Server(bad, says(200))
    with pytest.raises(PaymentOutcomeUnknown) as unknown:
        await send(server, SALE)
    assert (len(server.requests), unknown.value.reference, unknown.value.path) == (1, "RE-1", "/v1/x")


@pytest.mark.parametrize(
    "bad", [breaks(httpx2.ConnectError), breaks(httpx2.ConnectTimeout), breaks(httpx2.PoolTimeout)]
)
async def test_a_payment_that_never_left_is_not_called_unknown(bad: Handler) -> None:
    server = Server(bad, says(200))
    with pytest.raises(PayTraceUnavailable):
        await send(server, SALE)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("0", 0.0), ("-3", 0.0), (None, None), ("soon", None), ("nan", None), ("inf", None)],
)
async def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    with pytest.raises(PayTraceThrottled) as throttled:
        await send(Server(says(429, retry_after=header)), SALE)
    assert throttled.value.retry_after_s == seconds


async def test_retry_after_may_be_a_date() -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with pytest.raises(PayTraceThrottled) as throttled:
        await send(Server(says(429, retry_after=when)), SALE)
    assert throttled.value.retry_after_s == pytest.approx(60, abs=3)


async def test_a_read_waits_as_long_as_it_is_reported() -> None:
    started_s = time.monotonic()
    await send(Server(says(429, retry_after="0.2"), says(200)), READ)
    assert time.monotonic() - started_s >= 0.2


async def test_a_server_that_asks_for_an_hour_is_down() -> None:
    server = Server(says(503, retry_after="3600"))
    with pytest.raises(PayTraceUnavailable):
        await send(server, READ)
    assert len(server.requests) == 1


async def test_a_path_that_is_not_there_is_a_broken_contract() -> None:
    with pytest.raises(CallNotOffered):
        await send(Server(says(404, b"<html>Not Found")), SALE)


async def test_a_body_above_the_limit_is_not_read_to_its_end() -> None:
    with pytest.raises(UnreadableAnswer):
        await send(Server(says(200, b"x" * 5000)), READ, max_body_bytes=1000)
    with pytest.raises(PaymentOutcomeUnknown):
        await send(Server(says(200, b"x" * 5000)), SALE, max_body_bytes=1000)


async def test_the_pacer_holds_rate_and_number() -> None:
    pacer = Pacer(max_concurrent=2, max_per_s=50)
    running, most = 0, 0

    async def one() -> None:
        nonlocal running, most
        async with pacer.turn():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1

    started_s = time.monotonic()
    await asyncio.gather(*[one() for _ in range(11)])
    assert most <= 2
    # ten gaps of a fiftieth of a second
    assert time.monotonic() - started_s >= 0.2


LOGIN_OK = b'{"access_token":"t-1","token_type":"bearer","expires_in":7200}'


class Sender:
    """A sender that counts log-ins and accepts only the newest token."""

    def __init__(self, *, refuses_all: bool = False, login: bytes = LOGIN_OK, status: int = 200) -> None:
        self.logins = 0
        self.calls: list[str] = []
        self.valid = ""
        self._refuses_all = refuses_all
        self._login = login
        self._status = status

    async def send(self, call: Call) -> Reply:
        # Let the others in, as a network does.
        await asyncio.sleep(0)
        if call.path == "/login":
            self.logins += 1
            self.valid = f"t-{self.logins}"
            body = self._login.replace(b"t-1", self.valid.encode())
            return Reply(self._status, wire.decode(body), True)
        self.calls.append(call.headers["Authorization"])
        good = call.headers["Authorization"] == f"Bearer {self.valid}" and not self._refuses_all
        return Reply(200, {"response_code": 101}, True) if good else Reply(401, {"error": "invalid_token"}, True)


def login_over(sender: Sender, clock: Callable[[], float] = lambda: 0.0, margin_s: float = 60.0) -> Login:
    return Login(
        sender,
        lambda: Call(method="POST", path="/login", headers={}),
        default_life_s=900,
        margin_s=margin_s,
        clock=clock,
    )


async def test_one_login_serves_many_calls_at_once() -> None:
    sender = Sender()
    login = login_over(sender)
    await asyncio.gather(*[login.send(SALE) for _ in range(20)])
    assert (sender.logins, len(sender.calls)) == (1, 20)


async def test_a_token_is_renewed_before_its_end() -> None:
    sender, now = Sender(), [0.0]
    login = login_over(sender, lambda: now[0])
    await login.send(SALE)
    now[0] = 7139.0
    await login.send(SALE)
    assert sender.logins == 1
    now[0] = 7140.0
    await login.send(SALE)
    assert sender.logins == 2


async def test_a_burst_of_refused_calls_logs_in_once() -> None:
    sender = Sender()
    login = login_over(sender)
    await login.send(SALE)
    sender.valid = "taken away"
    await asyncio.gather(*[login.send(SALE) for _ in range(20)])
    assert sender.logins == 2


async def test_a_refused_fresh_token_stops_everything() -> None:
    sender = Sender(refuses_all=True)
    with pytest.raises(LoginRejected):
        await login_over(sender).send(SALE)
    assert len(sender.calls) == 2


@pytest.mark.parametrize("body", [b'{"data":{"access_token":"t-1"}}', b'{"access_token":"t-1","expires_in":"x"}'])
async def test_a_token_is_found_at_either_place_with_a_default_life(body: bytes) -> None:
    sender, now = Sender(login=body), [0.0]
    login = login_over(sender, lambda: now[0])
    await login.send(SALE)
    now[0] = 839.0
    await login.send(SALE)
    assert sender.logins == 1
    now[0] = 840.0
    await login.send(SALE)
    assert sender.logins == 2


@pytest.mark.parametrize(("status", "body"), [(400, b'{"error":"invalid_grant"}'), (401, b"{}"), (422, b'{"data":[]}')])
async def test_refused_credentials_stop_at_once(status: int, body: bytes) -> None:
    with pytest.raises(LoginRejected):
        await login_over(Sender(login=body, status=status)).send(SALE)


async def test_a_login_answer_without_a_token_is_unreadable() -> None:
    with pytest.raises(UnreadableAnswer):
        await login_over(Sender(login=b'{"hello":"world"}')).send(SALE)


def test_a_carried_out_call_never_refuses_the_token_whatever_its_status() -> None:
    assert refuses_token(Reply(401, {"error": "invalid_token"}, True))
    assert refuses_token(Reply(200, {"error": "invalid_token"}, True))
    assert refuses_token(Reply(401, None, False))
    assert refuses_token(Reply(401, {"response_code": 1, "errors": {"998": ["Log in failed."]}}, True))
    assert not refuses_token(Reply(401, {"response_code": 102, "success": False}, True))
    assert not refuses_token(Reply(401, {"response_code": "101", "success": True}, True))


async def test_a_client_says_the_integrator_id_in_every_v1_body() -> None:
    server = Server(says(200, LOGIN_OK), says(200, b'{"success":true,"response_code":101,"transaction_id":5}'))
    async with PayTraceClient(settings(integrator_id="9999Saldo123"), transport=httpx2.MockTransport(server)) as client:
        await client.sale_by_customer("acme", Charge(amount_minor=8055, invoice_number="RE-1"))
    assert server.requests[0].content == b"grant_type=password&username=user&password=secret"
    sent = server.requests[1]
    assert sent.headers["authorization"] == "Bearer t-1"
    assert b'"amount":"80.55"' in sent.content
    assert b'"integrator_id":"9999Saldo123"' in sent.content


def test_no_secret_shows_in_a_repr() -> None:
    assert "secret" not in repr(settings())


@pytest.mark.parametrize("header", ["100000", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
@pytest.mark.parametrize("status", [429, 503])
async def test_what_is_asked_for_is_bounded_and_nothing_is_sent_meanwhile(status: int, header: str) -> None:
    server = Server(says(status, retry_after=header), says(200))
    fields = {"base_url": "http://paytrace.test", "max_requests_per_s": 10_000.0, "longest_wait_s": 120.0}
    caller = Caller(PayTraceSettings.model_validate(fields), transport=httpx2.MockTransport(server))
    with pytest.raises(PayTraceUnavailable) as first:
        await caller.send(READ)
    assert first.value.retry_after_s == 120.0
    assert (first.value.asked_s or 0) >= 100_000
    assert "PayTrace at paytrace.test:80" in str(first.value)
    for call in (READ, SALE):
        with pytest.raises(PayTraceThrottled) as kept:
            await caller.send(call)
        assert kept.value.retry_after_s == pytest.approx(120, abs=5)
        assert "bounded to 120 s" in str(kept.value)
    assert len(server.requests) == 1, "a call that is kept back is not sent, so a payment had no effect"
    await caller.aclose()


async def test_an_answer_without_a_time_keeps_nothing_back() -> None:
    server = Server(says(503, retry_after="soon"), says(200))
    assert (await send(server, READ)).status == 200
