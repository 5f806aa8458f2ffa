"""The registry adapter judges each kind of bad answer by what should happen next. A scripted server answers badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from schemas.failures import ContractBroken, Unavailable, Unreadable
from schemas.wire.codec import Codec
from schemas.wire.registry import Registry

SCHEMA = json.dumps({"type": "record", "name": "Fact", "namespace": "saldo.payments", "fields": []})
Answer = tuple[int, Any]


class Scripted:
    """A registry that gives each request (method, path) the answer a test wrote for it; `after` adds answers."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Answer] = {}
        self.after: dict[tuple[str, str], dict[tuple[str, str], Answer]] = {}
        self.asked: list[tuple[str, str]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                key = (self.command, self.path.partition("?")[0])
                script.asked.append(key)
                status, body = script.answers.get(key, (404, {"error_code": 40401, "message": "not found"}))
                script.answers |= script.after.get(key, {})
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def do_PUT(self) -> None:
                self.answer()

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    script = Scripted()
    thread = threading.Thread(target=script.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield script
    script.server.shutdown()
    script.server.server_close()
    thread.join()


@pytest.fixture
def registry(scripted: Scripted) -> Iterator[Registry]:
    adapter = Registry(scripted.url, timeout_s=5)
    yield adapter
    adapter.close()


REGISTER = ("POST", "/subjects/facts/versions")
HOLD = ("PUT", "/config/facts")
FETCH = ("GET", "/schemas/ids/7")


def test_a_subject_is_held_to_full_transitive_before_its_first_schema(scripted: Scripted, registry: Registry) -> None:
    scripted.answers = {HOLD: (200, {"compatibility": "FULL_TRANSITIVE"}), REGISTER: (200, {"id": 7})}
    assert registry.id_of("facts", SCHEMA) == 7
    assert registry.id_of("facts", SCHEMA) == 7
    assert scripted.asked == [HOLD, REGISTER], "asked once, in this order"


def test_a_registry_that_holds_only_what_exists_is_asked_again(scripted: Scripted, registry: Registry) -> None:
    scripted.answers = {REGISTER: (200, {"id": 7})}
    scripted.after[REGISTER] = {HOLD: (200, {"compatibility": "FULL_TRANSITIVE"})}
    assert registry.id_of("facts", SCHEMA) == 7
    assert scripted.asked[:3] == [HOLD, REGISTER, HOLD]


def test_a_schema_is_fetched_once(scripted: Scripted, registry: Registry) -> None:
    scripted.answers = {FETCH: (200, {"schema": SCHEMA})}
    assert registry.schema_of(7) == SCHEMA
    assert registry.schema_of(7) == SCHEMA
    assert scripted.asked == [FETCH]


def test_an_unknown_id_makes_the_record_unreadable(registry: Registry) -> None:
    with pytest.raises(Unreadable, match="no schema with id 7"):
        registry.schema_of(7)


@pytest.mark.parametrize("kind", ["PROTOBUF", "JSON"])
def test_another_kind_of_schema_makes_the_record_unreadable(scripted: Scripted, registry: Registry, kind: str) -> None:
    scripted.answers = {FETCH: (200, {"schema": "{}", "schemaType": kind})}
    with pytest.raises(Unreadable, match="no Avro schema"):
        registry.schema_of(7)


@pytest.mark.parametrize("status", [409, 422, 401, 403])
def test_a_refused_schema_stops_the_writer(scripted: Scripted, registry: Registry, status: int) -> None:
    scripted.answers = {
        HOLD: (200, {"compatibility": "FULL_TRANSITIVE"}),
        REGISTER: (status, {"error_code": status, "message": "no"}),
    }
    with pytest.raises(ContractBroken, match=f"facts.*HTTP {status}"):
        registry.id_of("facts", SCHEMA)


def test_a_refused_read_stops_the_reader(scripted: Scripted, registry: Registry) -> None:
    scripted.answers = {FETCH: (401, {"error_code": 401, "message": "log in"})}
    with pytest.raises(ContractBroken, match="HTTP 401"):
        registry.schema_of(7)


@pytest.mark.parametrize(
    "answer",
    [(500, {"error_code": 50001, "message": "store"}), (503, b"<html>"), (429, b""), (200, b"<html>"), (200, ["odd"])],
)
@pytest.mark.parametrize("ask", [lambda r: r.schema_of(7), lambda r: r.id_of("facts", SCHEMA)], ids=["read", "write"])
def test_what_only_time_heals_is_unavailable(
    scripted: Scripted, registry: Registry, answer: Answer, ask: Callable[[Registry], object]
) -> None:
    scripted.answers = {FETCH: answer, HOLD: answer, REGISTER: answer}
    with pytest.raises(Unavailable, match="does not answer"):
        ask(registry)


def test_nobody_listening_is_unavailable() -> None:
    adapter = Registry("http://127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        adapter.schema_of(7)
    adapter.close()


def test_a_failure_is_not_remembered(scripted: Scripted, registry: Registry) -> None:
    with pytest.raises(Unreadable):
        registry.schema_of(7)
    scripted.answers = {FETCH: (200, {"schema": SCHEMA})}
    assert registry.schema_of(7) == SCHEMA


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"string"',
        "null",
        "5",
        '{"type": "record"}',
        '{"type": "record", "name": "X", "fields": 3}',
        '{"type": "record", "name": "PaymentSettled", "namespace": "other", "fields": []}',
        '{"type": "record", "name": "Unheard", "namespace": "saldo.payments", "fields": []}',
        '{"type": "enum", "name": "E", "namespace": "saldo.payments", "symbols": ["A"]}',
    ],
)
def test_whatever_a_registry_holds_a_record_is_unreadable_at_worst(
    scripted: Scripted, registry: Registry, text: str
) -> None:
    scripted.answers = {FETCH: (200, {"schema": text})}
    with pytest.raises(Unreadable, match="schema id 7"):
        Codec(registry).decode(b"\0\0\0\0\x07abc")
