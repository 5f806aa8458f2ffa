"""Nothing sensitive gets past the door: the scanner's whole corpus through every place of a request.

Each request is refused with the field's name, nothing reaches the log in memory, and no log line, answer or header of
an answer holds anything that the scanner would find.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from schemas.checks.sensitive import SensitiveKind, find_sensitive
from schemas.records.payments import TransactionStatus
from schemas.wire.codec import to_json
from streams.log.memory import MemoryLog
from tests.support.builders import observation
from tests.support.ingress import (
    ROW,
    TOKEN,
    Answer,
    Direct,
    kept,
    memory_log,
    new_app,
    rows,
    settings,
    signed,
)
from tests.unit.schemas.test_sensitive import NEAR_MISSES, POSITIVES, TEST_CARDS, VISA

OBSERVATION = to_json(observation(TransactionStatus.PENDING_SETTLEMENT))


@pytest.fixture
def log() -> MemoryLog:
    return memory_log()


@pytest.fixture
def client(log: MemoryLog, caplog: pytest.LogCaptureFixture) -> Iterator[Direct]:
    caplog.set_level(logging.DEBUG)
    with Direct(new_app(log, settings())) as direct:
        yield direct
    for record in caplog.records:
        fields = {name: value for name, value in vars(record).items() if name not in _CLOCKS}
        assert find_sensitive("", {**fields, "message": record.getMessage()}) is None, record


_CLOCKS = {"created", "msecs", "relativeCreated", "thread", "process", "lineno", "levelno", "taskName"}


def is_refused(answer: Answer, log: MemoryLog, part: str) -> None:
    assert answer.status == 422, answer.body
    assert answer.json["code"] == "sensitive-data"
    assert answer.json["field"].startswith(part), answer.json
    assert find_sensitive("", answer.body) is None
    assert find_sensitive("", dict(answer.headers)) is None
    assert kept(log) == []


def jsonable(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    return value.decode() if isinstance(value, bytes) else value


def within(path: str, value: Any) -> dict[str, Any]:
    """The value at a dotted path."""
    name, _, rest = path.partition(".")
    return {name: within(rest, value) if rest else value}


@pytest.mark.parametrize(("name", "path", "value", "kind"), POSITIVES, ids=[case[0] for case in POSITIVES])
def test_in_a_signed_row(client: Direct, log: MemoryLog, name: str, path: str, value: Any, kind: SensitiveKind) -> None:
    body = rows(ROW | within(path, jsonable(value)))
    answer = client.hook(body)
    is_refused(answer, log, "body.data")
    assert kind.value.lower().replace("_", " ") in answer.json["title"]


@pytest.mark.parametrize(("name", "path", "value", "kind"), POSITIVES, ids=[case[0] for case in POSITIVES])
def test_in_an_observation(
    client: Direct, log: MemoryLog, name: str, path: str, value: Any, kind: SensitiveKind
) -> None:
    inside = within(path, jsonable(value))
    is_refused(client.observations({"observations": [OBSERVATION | {"raw": json.dumps(inside)}]}), log, "body")
    is_refused(client.observations({"observations": [OBSERVATION | inside]}), log, "body")


@pytest.mark.parametrize(("name", "path", "value", "kind"), POSITIVES, ids=[case[0] for case in POSITIVES])
def test_in_a_silent_post(
    client: Direct, log: MemoryLog, name: str, path: str, value: Any, kind: SensitiveKind
) -> None:
    if not isinstance(value, str):
        pytest.skip("a form holds texts")
    is_refused(client.silent_post(f"parmList=TRANSACTIONID~5|&{path}={quote_plus(value)}".encode()), log, "body")
    if "|" not in value:
        listed = quote_plus(f"TRANSACTIONID~5|{path}~{value}|")
        is_refused(client.silent_post(f"parmList={listed}".encode()), log, "body")


@pytest.mark.parametrize(("name", "path", "value", "kind"), POSITIVES, ids=[case[0] for case in POSITIVES])
def test_in_query_and_path(
    client: Direct, log: MemoryLog, name: str, path: str, value: Any, kind: SensitiveKind
) -> None:
    if not isinstance(value, str):
        pytest.skip("a target holds texts")
    for target in ("/hooks/paytrace", "/docs", "/nowhere"):
        is_refused(client.request("GET", f"{target}?{path}={quote(value, safe='')}"), log, "query")
    if kind is SensitiveKind.CARD_NUMBER:
        is_refused(client.request("POST", f"/silent-post/{quote(value, safe='')}", b"x"), log, "path")


@pytest.mark.parametrize(("name", "path", "value", "kind"), POSITIVES, ids=[case[0] for case in POSITIVES])
def test_in_a_header(client: Direct, log: MemoryLog, name: str, path: str, value: Any, kind: SensitiveKind) -> None:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        pytest.skip("a header holds printable ASCII")
    raw = json.dumps(rows(ROW)).encode()
    header = path.replace("_", "-").lower()
    is_refused(client.hook(raw, **{header: value}), log, "headers")


@pytest.mark.parametrize("card", TEST_CARDS)
def test_as_a_header_s_name_and_in_every_known_header(client: Direct, log: MemoryLog, card: str) -> None:
    raw = json.dumps(rows(ROW)).encode()
    is_refused(client.hook(raw, **{f"x-{card}": "1"}), log, "headers")
    for name in ("webhook-id", "user-agent", "cookie", "content-disposition", "x-file-name", "traceparent"):
        is_refused(client.hook(raw, **{name: f"a {card} b"}), log, "headers")
    basic = base64.b64encode(f"{card}:x".encode()).decode()
    is_refused(client.request("GET", "/healthz", headers={"Authorization": f"Basic {basic}"}), log, "headers")


def test_split_over_headers(client: Direct, log: MemoryLog) -> None:
    parts = {f"x-part-{number}": VISA[number * 4 : number * 4 + 4] for number in range(4)}
    is_refused(client.request("GET", "/healthz", headers=parts), log, "headers")


def test_split_over_query_fields(client: Direct, log: MemoryLog) -> None:
    is_refused(client.request("GET", "/healthz?a=4111&b=1111&c=1111&d=1111"), log, "query")
    is_refused(client.request("GET", "/healthz?a=4111&a=1111&a=1111&a=1111"), log, "query")


def test_hidden_behind_a_member_of_the_same_name(client: Direct, log: MemoryLog) -> None:
    body = json.dumps(rows(ROW))[:-2] + f', "description": "{VISA}", "description": "x"}}}}'
    is_refused(client.hook(body.encode()), log, "body")


def test_in_a_body_that_is_no_json(client: Direct, log: MemoryLog) -> None:
    is_refused(client.hook(b'{"data": {"note": "' + VISA.encode()), log, "body")


def send_parts(client: Direct, disposition: str, content: str, *, more: str = "") -> Answer:
    body = f"--x\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n{content}\r\n--x--\r\n".encode()
    headers = signed(body) | {"Content-Type": "multipart/form-data; boundary=x"}
    return client.request("POST", "/hooks/paytrace", body, headers)


@pytest.mark.parametrize(
    ("disposition", "content", "more", "field"),
    [
        (f'name="scan"; filename="{VISA}.pdf"', "x", "", "body.scan.filename"),
        (f"name=\"scan\"; filename*=utf-8''card%20{VISA}.pdf", "x", "", "body.scan.filename"),
        ('name="scan"; filename="4111 1111 1111 1111.pdf"', "x", "", "body.scan.filename"),
        ('name="scan"; filename="a.txt"', f"my card: {VISA}", "", "body.scan"),
        ('name="scan"', f'{{"pan": "{VISA}"}}', "", "body.scan.pan"),
        ('name="scan"', VISA, "Content-Transfer-Encoding: 7bit\r\n", "body.scan"),
        ('name="cvv"', "123", "", "body.cvv"),
        (f'name="{VISA}"; filename="a.txt"', "x", "", "body"),
        ('name="scan"', "x", f"X-Card: {VISA}\r\n", "body.scan.headers.X-Card"),
    ],
)
def test_a_multipart_body_is_refused_with_the_field_s_name(
    client: Direct, log: MemoryLog, disposition: str, content: str, more: str, field: str
) -> None:
    answer = send_parts(client, disposition, content, more=more)
    is_refused(answer, log, field)
    assert VISA not in answer.body.decode()


def test_a_multipart_body_with_nothing_to_hide_is_of_another_kind(client: Direct, log: MemoryLog) -> None:
    answer = send_parts(client, 'name="f"; filename="invoice.pdf"', "thanks")
    assert (answer.status, answer.json["code"], kept(log)) == (415, "unsupported-media-type", [])


def test_a_multipart_body_of_a_stranger_is_not_looked_through(client: Direct, log: MemoryLog) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.request("POST", "/hooks/paytrace", f"--x {VISA}".encode(), headers)
    assert (answer.status, kept(log)) == (401, [])


def test_the_name_of_a_field_is_withheld_when_it_is_sensitive_itself(client: Direct, log: MemoryLog) -> None:
    for name in (f"card {VISA}", "bank account 12345678901", "cvv 123"):
        answer = client.hook(rows(ROW | {name: VISA}))
        is_refused(answer, log, "body")


def test_a_nest_too_deep_to_look_through_is_refused(client: Direct, log: MemoryLog) -> None:
    deep = "[" * 800 + "]" * 800
    for body in (deep, json.dumps(rows(ROW | {"note": deep})), "[" * 100_000):
        answer = client.hook(body.encode())
        assert answer.status in {400, 422}, answer.body
    assert kept(log) == []


@pytest.mark.parametrize(("name", "path", "value"), NEAR_MISSES, ids=[case[0] for case in NEAR_MISSES])
def test_what_only_looks_alike_passes(client: Direct, log: MemoryLog, name: str, path: str, value: Any) -> None:
    if name in {"sum of many fields", "deep nesting", "broken json"}:
        pytest.skip("as JSON text these are the split, the nest and the body that are refused above")
    answer = client.hook(rows(ROW | {"saldo_note": within(path, jsonable(value))}))
    assert answer.status == 200, answer.body


@hypothesis_settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    card=st.sampled_from(TEST_CARDS),
    gap=st.sampled_from(["", " ", "-", ".", "/"]),
    field=st.sampled_from(sorted(set(ROW) - {"credit_card", "created"})),
    wraps=st.lists(st.sampled_from(["json", "base64", "percent", "list"]), max_size=3),
    before=st.sampled_from(["", "pan ", "x", "#"]),
)
def test_any_card_in_any_field_in_any_wrapping(
    client: Direct, log: MemoryLog, card: str, gap: str, field: str, wraps: list[str], before: str
) -> None:
    value: Any = before + gap.join(card[start : start + 4] for start in range(0, len(card), 4))
    for wrap in wraps:
        match wrap:
            case "json":
                value = json.dumps({"inner": value})
            case "base64":
                text = value if isinstance(value, str) else json.dumps(value)
                value = base64.b64encode(text.encode()).decode()
            case "percent":
                value = quote(value if isinstance(value, str) else json.dumps(value), safe="")
            case _:
                value = [value]
    is_refused(client.hook(rows(ROW | {field: value})), log, "body")


def test_the_token_may_stand_in_the_log_of_nobody(client: Direct, caplog: pytest.LogCaptureFixture) -> None:
    client.observations({"observations": [OBSERVATION]})
    client.observations({"observations": [OBSERVATION]}, token="x" * 30)
    for record in caplog.records:
        assert TOKEN not in str(vars(record))
