"""What a sender is answered: taken once it is durable, refused with a reason, or asked to come back later."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.paytrace import wire
from connectors.paytrace.errors import LoginRejected, PayTraceThrottled, PayTraceUnavailable, UnreadableAnswer
from connectors.paytrace.wire import JsonObject
from schemas.failures import SaldoError, Unavailable
from schemas.records.payments import ObservedBy, TransactionObserved, TransactionStatus
from schemas.wire.codec import to_json
from schemas.wire.envelope import header_text
from streams.edges.publishing import observation_id
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.ports import DeliveryFailed
from tests.support.builders import observation
from tests.support.ingress import (
    HOOK_TYPE,
    INBOX,
    ROW,
    SILENT_PATH,
    TOKEN,
    Answer,
    Direct,
    NoReader,
    ends,
    kept,
    memory_log,
    new_app,
    rows,
    settings,
    signed,
)

OBSERVATION = to_json(observation(TransactionStatus.PENDING_SETTLEMENT))
ROW_ID = ROW["transaction_id"]


def exported(row: JsonObject) -> JsonObject:
    """The row as the client reads it from the wire: fractions are Decimal."""
    found = wire.decode(json.dumps(row).encode())
    assert isinstance(found, dict)
    return found


class Books(NoReader):
    """A PayTrace that knows one transaction, or fails."""

    def __init__(self, row: JsonObject | None = None, error: SaldoError | None = None, delay_s: float = 0.0) -> None:
        self.row = None if row is None else exported(row)
        self.error = error
        self.delay_s = delay_s
        self.asked: list[str] = []

    async def export_transaction(self, transaction_id: str) -> JsonObject | None:
        self.asked.append(transaction_id)
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        return self.row

    async def export_ach(self, transaction_id: str) -> JsonObject | None:
        return None


class SlowLog(MemoryLog):
    """A broker that acknowledges late, fails, or is away."""

    def __init__(self, delay_s: float = 0.0, error: Exception | None = None, away: bool = False) -> None:
        super().__init__({INBOX: 4})
        self.delay_s = delay_s
        self.error = error
        self.away = away
        self.appends = 0
        self.asked = False

    def partition_count(self, topic: str) -> int:
        if self.away and not self.asked:
            raise Unavailable("no broker answers")
        self.asked = True  # the real log remembers as well
        return super().partition_count(topic)

    async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        if self.away:
            raise Unavailable("no broker answers")
        return await super().watermarks(topic, partition)

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        self.appends += 1
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        return await super().append(records)


@pytest.fixture
def log() -> MemoryLog:
    return memory_log()


@pytest.fixture
def client(log: MemoryLog) -> Iterator[Direct]:
    with Direct(new_app(log)) as direct:
        yield direct


def is_problem(answer: Answer, status: int, code: str, field: str | None = None) -> None:
    assert (answer.status, answer.json["code"]) == (status, code), answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["remedy"]
    if field is not None:
        assert answer.json["field"] == field
    if status in {429, 503}:
        assert int(answer.headers["retry-after"]) >= 1


def message(data: Any) -> bytes:
    return json.dumps(rows(data)).encode()


def timed(timestamp: Any) -> bytes:
    return json.dumps({"type": HOOK_TYPE, "timestamp": timestamp, "data": ROW}).encode()


def posted(**pairs: str) -> bytes:
    return ("parmList=" + "".join(f"{name}~{value}|" for name, value in pairs.items())).encode()


# -- taken ---------------------------------------------------------------------------------------------------------


def test_a_signed_row_is_a_fact(client: Direct, log: MemoryLog) -> None:
    answer = client.hook(rows(ROW))
    assert answer.status == 200
    (record,) = kept(log)
    assert (record.paytrace_transaction_id, record.amount_minor) == ("79388123", 125_00)
    assert (record.status, record.observed_by) == (TransactionStatus.PENDING_SETTLEMENT, ObservedBy.HOOK)
    assert answer.json == {"accepted": 1, "event_ids": [observation_id(record)]}
    (written,) = [found for partition in range(4) for found in log.records(INBOX, partition)]
    assert header_text(written.headers, "ce_source") == "saldo/ingress"
    assert header_text(written.headers, "ce_id") == observation_id(record)
    assert written.key == b"79388123"


def test_a_late_hook_reports_when_its_row_was_seen(client: Direct, log: MemoryLog) -> None:
    """Else the row of yesterday would pass for the latest word and decide the amount."""
    client.hook({"type": HOOK_TYPE, "timestamp": "2026-11-20T10:00:00-08:00", "data": ROW})
    assert [record.observed_at for record in kept(log)] == [datetime(2026, 11, 20, 18, tzinfo=UTC)]


def test_a_repeat_is_taken_again_as_the_same_event(client: Direct, log: MemoryLog) -> None:
    first, second = (
        client.hook(rows(ROW)),
        client.hook(rows(ROW)),
    )
    assert first.body == second.body
    assert len(kept(log)) == 2


def test_hook_hint_and_silent_post_of_one_fact_are_one_event(log: MemoryLog) -> None:
    with Direct(new_app(log, reader=Books(ROW))) as client:
        answers = [
            client.hook(rows(ROW)),
            client.hook({"type": HOOK_TYPE, "data": {"transaction_id": ROW_ID}}),
            client.hook({"type": HOOK_TYPE, "data": {"transaction_id": str(ROW_ID)}}),
            client.silent_post(posted(ORDERID="1", TRANSACTIONID=str(ROW_ID), APPCODE="TAS456")),
        ]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert [record.observed_by for record in kept(log)] == [
        ObservedBy.HOOK,
        ObservedBy.HOOK,
        ObservedBy.HOOK,
        ObservedBy.SILENT_POST,
    ]


def test_nothing_that_a_silent_post_says_is_believed(log: MemoryLog) -> None:
    declined = ROW | {"status_code": "N", "status_message": "Declined", "approval_code": "", "amount": 7.0}
    with Direct(new_app(log, reader=Books(declined))) as client:
        client.silent_post(posted(TRANSACTIONID=str(ROW_ID), APPCODE="TAS456", AMOUNT="999.00", ORDERID="RE-9"))
    (record,) = kept(log)
    assert (record.status, record.amount_minor, record.invoice_number) == (TransactionStatus.DECLINED, 700, "RE-100451")


def test_a_silent_post_about_a_customer_is_fine_and_says_nothing(log: MemoryLog) -> None:
    with Direct(new_app(log)) as client:
        answer = client.silent_post(posted(ORDERID="1", CUSTOMERID="acme-inc"))
    assert (answer.status, answer.json) == (200, {"accepted": 0, "event_ids": []})
    assert kept(log) == []


def test_rows_can_be_set_to_be_hints(log: MemoryLog) -> None:
    books = Books(ROW | {"amount": 7.0})
    with Direct(new_app(log, settings(hook_rows="hint"), books)) as client:
        assert client.hook(rows(ROW)).status == 200
    assert books.asked == [str(ROW_ID)]
    assert [record.amount_minor for record in kept(log)] == [700]


def test_several_rows_are_taken_or_none(client: Direct, log: MemoryLog) -> None:
    answer = client.hook(rows([ROW | {"transaction_id": number} for number in (1, 2, 3)]))
    assert (answer.status, answer.json["accepted"], len(set(answer.json["event_ids"]))) == (200, 3, 3)
    assert {record.paytrace_transaction_id for record in kept(log)} == {"1", "2", "3"}


def test_an_ach_row_is_a_fact_too(client: Direct, log: MemoryLog) -> None:
    row = {
        "transaction_id": "1f1f1f1f-aaaa-4aaa-8aaa-000000000001",
        "status": "SETTLED",
        "amount": 80.55,
        "created": "2026-11-20T10:06:30",
    }
    assert client.hook(rows(row)).status == 200
    assert [record.status for record in kept(log)] == [TransactionStatus.ACH_CLEARED]


def test_observations_are_taken_as_they_are(client: Direct, log: MemoryLog) -> None:
    records = [OBSERVATION | {"paytrace_transaction_id": str(number)} for number in range(10)]
    answer = client.observations({"observations": records})
    assert (answer.status, answer.json["accepted"]) == (200, 10)
    assert sorted(to_json(record)["paytrace_transaction_id"] for record in kept(log)) == [str(n) for n in range(10)]
    assert {observation_id(record) for record in kept(log)} == set(answer.json["event_ids"])


def test_observations_without_business_days_get_those_of_the_merchants_zone(client: Direct, log: MemoryLog) -> None:
    undated = {name: value for name, value in OBSERVATION.items() if not name.endswith("_on")}
    undated |= {"created_at": "2026-11-02T07:30:00Z", "paytrace_transaction_id": "undated"}
    assert client.observations({"observations": [undated, OBSERVATION | {"created_on": "2026-11-17"}]}).status == 200
    dates = {record.paytrace_transaction_id: record.created_on for record in kept(log)}
    assert dates == {"undated": date(2026, 11, 1), OBSERVATION["paytrace_transaction_id"]: date(2026, 11, 17)}


# -- away ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "log",
    [
        SlowLog(delay_s=5.0),
        SlowLog(error=Unavailable("no broker answers")),
        SlowLog(away=True),
    ],
    ids=["slow", "refusing", "away"],
)
def test_no_2xx_without_an_acknowledgement(log: SlowLog) -> None:
    with Direct(new_app(log, settings(ack_timeout_s=0.2), Books(ROW))) as client:
        is_problem(client.hook(rows(ROW)), 503, "broker-away")
        is_problem(client.silent_post(posted(TRANSACTIONID="5")), 503, "broker-away")
        is_problem(client.observations({"observations": [OBSERVATION]}), 503, "broker-away")
    assert kept(SlowLog()) == kept(log) if not log.away else True


def test_a_broker_that_comes_back_is_found_again() -> None:
    log = SlowLog(away=True)
    with Direct(new_app(log)) as client:
        is_problem(client.hook(rows(ROW)), 503, "broker-away")
        is_problem(client.request("GET", "/readyz"), 503, "broker-away")
        assert client.request("GET", "/healthz").status == 200
        log.away = False
        time.sleep(1.1)  # an answer about the broker is good for a second
        assert client.hook(rows(ROW)).status == 200
        assert client.request("GET", "/readyz").json == {"status": "ready"}


def test_a_broker_that_is_away_is_not_given_more_and_more() -> None:
    """What was handed to the producer stays there until the broker is back, so an outage must not fill it."""
    log = SlowLog(delay_s=5.0)
    with Direct(new_app(log, settings(ack_timeout_s=0.1))) as client:
        is_problem(client.hook(rows(ROW)), 503, "broker-away")
        log.away, handed_over = True, log.appends
        for _ in range(5):
            is_problem(client.hook(rows(ROW)), 503, "broker-away")
        assert log.appends == handed_over == 1


def test_a_producer_that_gave_up_ends_the_process() -> None:
    reported: list[str] = []
    with Direct(new_app(SlowLog(error=DeliveryFailed("fenced")), broken=reported)) as client:
        is_problem(client.hook(rows(ROW)), 503, "broker-away")
    assert reported == ["broken"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (PayTraceUnavailable("503"), 503, "gateway-away"),
        (PayTraceThrottled("429", retry_after_s=42.5), 503, "gateway-away"),
        (PayTraceThrottled("429", retry_after_s=float("inf")), 503, "gateway-away"),
        (LoginRejected("no"), 503, "gateway-away"),
        (UnreadableAnswer("html"), 502, "gateway-unreadable"),
    ],
)
def test_a_hint_while_paytrace_is_away_is_not_half_taken(
    log: MemoryLog, error: SaldoError, status: int, code: str
) -> None:
    with Direct(new_app(log, reader=Books(error=error))) as client:
        answer = client.silent_post(posted(TRANSACTIONID="5"))
        is_problem(answer, status, code)
        if isinstance(error, PayTraceThrottled):
            assert answer.headers["retry-after"] == ("43" if error.retry_after_s == 42.5 else "3600")
        assert client.hook(rows(ROW)).status == 200  # facts need no PayTrace
    assert len(kept(log)) == 1


def test_a_rejected_login_is_not_tried_for_each_hint(log: MemoryLog) -> None:
    books = Books(error=LoginRejected("no"))
    with Direct(new_app(log, reader=books)) as client:
        for _ in range(5):
            is_problem(client.silent_post(posted(TRANSACTIONID="5")), 503, "gateway-away")
    assert len(books.asked) == 1


def test_a_slow_paytrace_is_not_waited_for(log: MemoryLog) -> None:
    with Direct(new_app(log, settings(look_up_timeout_s=0.05), Books(ROW, delay_s=5.0))) as client:
        is_problem(client.hook({"type": HOOK_TYPE, "data": {"transaction_id": "5"}}), 503, "gateway-away")


def test_a_transaction_that_paytrace_does_not_know(log: MemoryLog) -> None:
    with Direct(new_app(log, reader=Books(None))) as client:
        is_problem(
            client.hook({"type": HOOK_TYPE, "data": {"transaction_id": "5"}}),
            422,
            "unknown-transaction",
            "data.transaction_id",
        )
        is_problem(client.silent_post(posted(TRANSACTIONID="5")), 422, "unknown-transaction", "parmList.TRANSACTIONID")


# -- wrong ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 400, "malformed", "body"),
        (b"\xff", 400, "malformed", "body"),
        (b"{", 400, "malformed", "body"),
        (b'{"a": 1, "a": 2}', 400, "malformed", "body"),
        (b'{"transaction_id": NaN}', 400, "malformed", "body"),
        (b'{"transaction_id": "\\ud800"}', 400, "malformed", "body"),
        (b"[" * 40 + b"]" * 40, 400, "malformed", "body"),
        (b"1" * 5000, 400, "malformed", "body"),
        (b"[]", 422, "unfit", "body"),
        (b"{}", 422, "unfit", "type"),
        (b'{"data": {}}', 422, "unfit", "type"),
        (b'{"type": 5, "data": {"transaction_id": 1}}', 422, "unfit", "type"),
        (b'{"type": "other", "data": {"transaction_id": 1}}', 422, "unfit", "type"),
        (message("1")[:-1] + b', "more": 5}', 422, "unfit", "more"),
        (timed(5), 422, "unfit", "timestamp"),
        (timed("yesterday"), 422, "unfit", "timestamp"),
        (timed("2026-11-24T00:00:00"), 422, "unfit", "timestamp"),
        (timed("9999-12-31T23:59:59-23:59"), 422, "unfit", "timestamp"),
        (timed("2099-01-01T00:00:00Z"), 422, "unfit", "timestamp"),
        (json.dumps({"type": HOOK_TYPE, "data": ROW}).encode(), 422, "unfit", "timestamp"),
        (message([]), 422, "unfit", "data"),
        (message(None), 422, "unfit", "data"),
        (message([ROW, 5]), 422, "unfit", "data"),
        (message({}), 422, "unfit", "data.transaction_id"),
        (message({"transaction_id": 5, "status_code": "Y"}), 422, "unfit", "data.amount"),
        (message([ROW, {"transaction_id": 5, "status_code": "Y"}]), 422, "unfit", "data.amount"),
        (message({"transaction_id": True}), 422, "unfit", "data.transaction_id"),
        (message({"transaction_id": 1.5}), 422, "unfit", "data.transaction_id"),
        (message({"transaction_id": -1}), 422, "unfit", "data.transaction_id"),
        (message({"transaction_id": "../x"}), 422, "unfit", "data.transaction_id"),
    ],
)
def test_a_hook_that_does_not_fit(
    client: Direct, log: MemoryLog, body: bytes, status: int, code: str, field: str
) -> None:
    is_problem(client.hook(body), status, code, field)
    assert kept(log) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", None),
        ("amount", "much"),
        ("amount", True),
        ("amount", -5.0),
        ("amount", 1e300),
        ("created", {}),
        ("created", {"at": "yesterday"}),
        ("transaction_type", ["SALE"]),
        ("settled", "soon"),
    ],
)
def test_a_row_that_can_t_be_read_is_refused_with_its_field(
    client: Direct, log: MemoryLog, field: str, value: Any
) -> None:
    answer = client.hook(rows(ROW | {field: value}))
    is_problem(answer, 422, "unfit")
    assert answer.json["field"].startswith(f"data.{field}")
    assert kept(log) == []


@pytest.mark.parametrize("field", sorted(OBSERVATION))
@pytest.mark.parametrize("value", [[], {}, 1.5, "no such thing ☃", 10**30, True, -1, "9999-12-31T23:59:59-23:59", None])
def test_an_observation_is_taken_or_its_field_is_named(client: Direct, log: MemoryLog, field: str, value: Any) -> None:
    good = OBSERVATION | {"paytrace_transaction_id": "1"}
    answer = client.observations({"observations": [good, OBSERVATION | {field: value}]})
    if answer.status == 200:
        assert len(kept(log)) == 2
        return
    is_problem(answer, 422, "unfit", f"observations[1].{field}")
    assert kept(log) == []
    assert "snow" not in answer.body.decode()
    assert "☃" not in answer.body.decode()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({}, "body"),
        ({"observations": {}}, "body"),
        ({"observations": [], "x": 1}, "body"),
        ({"observations": []}, "observations"),
        ({"observations": [OBSERVATION] * 501}, "observations"),
        ({"observations": [OBSERVATION, 5]}, "observations[1]"),
        ({"observations": [OBSERVATION | {"more": 1}]}, "observations[0].more"),
        ({"observations": [OBSERVATION | {"observed_at": "2099-01-01T00:00:00Z"}]}, "observations[0].observed_at"),
        ({"observations": [{}]}, "observations[0].paytrace_transaction_id"),
    ],
)
def test_observations_that_do_not_fit(log: MemoryLog, body: Any, field: str) -> None:
    with Direct(new_app(log, settings(max_body_bytes=1 << 20))) as client:
        is_problem(client.observations(body), 422, "unfit", field)
    assert kept(log) == []


@pytest.mark.parametrize(
    "body", [b"x", b"parmList=", b"parmList=ORDERID~1|", b"parmList=TRANSACTIONID~abc|", b"other=1", b"a=%zz&b"]
)
def test_a_silent_post_that_does_not_fit(client: Direct, log: MemoryLog, body: bytes) -> None:
    is_problem(client.silent_post(body), 422, "unfit", "parmList")
    assert kept(log) == []


def test_who_is_not_proved_learns_nothing_of_the_content(client: Direct, log: MemoryLog) -> None:
    for body in (b"{", message({}), json.dumps(rows(ROW)).encode()):
        headers = signed(body) | {"webhook-signature": "v1,AAAA"}
        is_problem(client.request("POST", "/hooks/paytrace", body, headers), 401, "bad-signature", "webhook-signature")
    answer = client.observations(b"{", token="x" * 30)
    is_problem(answer, 401, "bad-token", "authorization")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert kept(log) == []


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("", ""),
        ("text/plain", ""),
        ("application/x-www-form-urlencoded", ""),
        ("application/json; charset=utf-16", ""),
        ("application/json", "gzip"),
        ("application/json, text/plain", ""),
    ],
)
def test_another_kind_of_body(client: Direct, content_type: str, encoding: str) -> None:
    raw = json.dumps(rows(ROW)).encode()
    headers = signed(raw) | {"Content-Type": content_type, "Content-Encoding": encoding}
    is_problem(client.request("POST", "/hooks/paytrace", raw, headers), 415, "unsupported-media-type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
def test_the_same_kind_in_other_words(client: Direct, content_type: str) -> None:
    raw = json.dumps(rows(ROW)).encode()
    headers = signed(raw) | {"Content-Type": content_type}
    assert client.request("POST", "/hooks/paytrace", raw, headers).status == 200


def test_what_is_not_set_is_shut(log: MemoryLog) -> None:
    found = settings(hook_secrets=(), observation_tokens=(), silent_post_path=SecretStr(""))
    with Direct(new_app(log, found, Books(ROW))) as client:
        for answer in (
            client.hook(rows(ROW)),
            client.observations({"observations": [OBSERVATION]}),
            client.silent_post(posted(TRANSACTIONID="5"), path=""),
            client.silent_post(posted(TRANSACTIONID="5")),
        ):
            is_problem(answer, 404, "no-such-way")
    assert kept(log) == []


def test_only_the_secret_path_takes_silent_posts(client: Direct) -> None:
    for path in ("", SILENT_PATH[:-1], SILENT_PATH + "x", SILENT_PATH + "/", SILENT_PATH.upper()):
        is_problem(client.silent_post(posted(TRANSACTIONID="5"), path=path), 404, "no-such-way")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "NONSENSE"])
def test_another_method(client: Direct, method: str) -> None:
    answer = client.request(method, "/hooks/paytrace")
    is_problem(answer, 405, "wrong-method", "method")
    assert answer.headers["allow"] == "POST"


def test_the_pages(client: Direct) -> None:
    description = client.request("GET", "/openapi.json").json
    assert set(description["paths"]) == {
        "/hooks/paytrace",
        "/hooks/shop/{shop}",
        "/silent-post/{secret}",
        "/observations",
        "/hooks/disputes",
        "/files",
        "/healthz",
        "/readyz",
    }
    page = client.request("GET", "/docs")
    text = page.body.decode()
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in text
    assert "//" not in text.replace("https://", "").replace("http://", "") or "cdn" not in text
    for path in description["paths"]:
        assert path in text
    for secret in (SILENT_PATH, TOKEN):
        assert secret not in text
        assert secret not in json.dumps(description)
    is_problem(client.request("POST", "/docs"), 405, "wrong-method")


# -- too much ------------------------------------------------------------------------------------------------------


def test_an_address_that_sends_too_fast_is_reported_when_to_come_back(log: MemoryLog) -> None:
    with Direct(new_app(log, settings(rate_per_s=0.5, burst=3))) as client:
        assert [client.request("GET", "/healthz").status for _ in range(4)] == [200, 200, 200, 429]
        answer = client.hook(rows(ROW))
        is_problem(answer, 429, "too-many-requests")
        assert answer.headers["retry-after"] == "2"
    assert kept(log) == []


def test_an_announced_body_that_is_too_large_is_not_read(client: Direct) -> None:
    raw = json.dumps(rows(ROW)).encode()
    answer = client.request("POST", "/hooks/paytrace", raw, signed(raw) | {"Content-Length": str(10**9)})
    is_problem(answer, 413, "body-too-large", "body")
    assert answer.headers["connection"] == "close"


def test_a_body_that_is_larger_than_announced(log: MemoryLog) -> None:
    with Direct(new_app(log, settings(max_body_bytes=2048))) as client:
        is_problem(
            client.hook(rows(ROW | {"description": "x" * 3000})),
            413,
            "body-too-large",
            "body",
        )
        assert client.hook(rows(ROW)).status == 200


def test_a_fault_of_ours_is_reported_without_what_was_sent(log: MemoryLog, caplog: pytest.LogCaptureFixture) -> None:
    with Direct(new_app(log, reader=NoReader())) as client:  # NoReader fails when it is asked
        answer = client.hook({"type": HOOK_TYPE, "data": {"transaction_id": "31415926"}})
    is_problem(answer, 500, "fault")
    faults = [vars(record) for record in caplog.records if record.message == "fault"]
    assert [(fault["error"], "31415926" in str(fault)) for fault in faults] == [("AssertionError", False)]


# -- anything ------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FUZZ = hypothesis_settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def is_honest(log: MemoryLog, send: Callable[[], Answer]) -> None:
    """Taken and kept, or refused with a reason and not kept; never a fault."""
    before = ends(log)
    answer = send()
    new = kept(log, before)
    if answer.status == 200:
        assert len(new) == answer.json["accepted"]
        assert all(isinstance(record, TransactionObserved) for record in new)
    else:
        assert 400 <= answer.status < 500, answer.body
        assert answer.json["remedy"]
        assert new == []


@FUZZ
@given(body=st.binary(max_size=300))
def test_random_bytes(client: Direct, log: MemoryLog, body: bytes) -> None:
    for send in (client.hook, client.observations, client.silent_post):
        is_honest(log, partial(send, body))


@FUZZ
@given(name=st.sampled_from(sorted(ROW)), value=json_values, more=json_values)
def test_random_fields_of_a_row(client: Direct, log: MemoryLog, name: str, value: Any, more: Any) -> None:
    is_honest(log, lambda: client.hook(rows(ROW | {name: value, "more": more})))


@FUZZ
@given(body=json_values)
def test_random_json(client: Direct, log: MemoryLog, body: Any) -> None:
    for send in (client.hook, client.observations):
        is_honest(log, partial(send, json.dumps(body).encode()))
    is_honest(log, lambda: client.hook(rows(body)))


@FUZZ
@given(name=st.sampled_from(sorted(OBSERVATION)), value=json_values)
def test_random_fields_of_an_observation(client: Direct, log: MemoryLog, name: str, value: Any) -> None:
    is_honest(log, lambda: client.observations({"observations": [OBSERVATION | {name: value}]}))


@FUZZ
@given(
    names=st.lists(
        st.sampled_from(
            ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "x-any", "authorization"]
        ),
        max_size=4,
    ),
    value=st.text(alphabet=st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60),
    path=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#%"), max_size=40),
)
def test_random_heads(client: Direct, log: MemoryLog, names: list[str], value: str, path: str) -> None:
    raw = json.dumps(rows(ROW)).encode()
    for target in (f"/{path}", "/hooks/paytrace", f"/silent-post/{path}", f"/hooks/paytrace?{path}"):
        is_honest(log, partial(client.request, "POST", target, raw, signed(raw) | dict.fromkeys(names, value)))
