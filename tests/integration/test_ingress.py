"""`saldo serve ingress` as a process on a real broker: durable before 200, honest while the broker is away, unmoved by
huge bodies, slow senders and random bytes; and nothing sensitive in any topic or log afterwards.
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import ipaddress
import json
import os
import signal
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.embedded.kafka import EmbeddedKafka
from schemas.records.disputes import DisputeFact, DisputeObserved, DisputeRecorded
from schemas.records.files import FileReceived
from schemas.records.payments import TransactionObserved
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.domain import disputes
from streams.log.records import partition_for
from tests.support.cli import saldo
from tests.support.ingress import (
    INBOX,
    ROW,
    SECRET,
    SILENT_PATH,
    TOKEN,
    Client,
    IngressProcess,
    ingress_in_process,
    rows,
    settings,
    signed,
)
from tests.support.kafka import TestBroker, client_options, running_broker, use_broker
from tests.support.policies import DISPUTES
from tests.support.scan import read_messages, scan_logs, scan_topics
from tests.support.typed import as_a
from tests.support.worker_process import make_our_topics
from tests.unit.schemas.test_sensitive import TEST_CARDS

HEAD = b"POST /hooks/paytrace HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
MIB = 1024 * 1024
BODY_TIMEOUT_S = 2.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of this module's own, for its topics carry the catalogue's names."""
    with running_broker(tmp_path_factory.mktemp("ingress-broker")) as running:
        make_our_topics(running)
        yield running


@pytest.fixture(scope="module")
def ingress(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngressProcess]:
    """One process for the whole module; its log and all topics are looked through when everything is done."""
    directory = tmp_path_factory.mktemp("ingress")
    found = settings(body_timeout_s=BODY_TIMEOUT_S, header_timeout_s=2.0, connections_at_once=80)
    with ingress_in_process(directory, broker, found) as running:
        assert running.client.hook(row(1)).status == 200
        yield running
    logs, topics = scan_logs([running.log_path]), scan_topics(broker)
    assert logs.is_clean, [*map(str, logs.leaks)]
    assert topics.is_clean, [*map(str, topics.leaks)]
    assert logs.looked_at > 0
    assert topics.looked_at > 0
    text = running.log_path.read_text()
    for secret in (SECRET, TOKEN, SILENT_PATH):
        assert secret not in text


def inbox(broker: str) -> list[TransactionObserved]:
    return [
        as_a(TransactionObserved, Codec().decode(message.value()))
        for message in read_messages(client_options(broker), [INBOX])
    ]


def ids(broker: str) -> set[str]:
    return {record.paytrace_transaction_id for record in inbox(broker)}


def row(number: int) -> dict[str, object]:
    return rows(ROW | {"transaction_id": number})


# -- taken ---------------------------------------------------------------------------------------------------------


def test_what_was_answered_with_200_is_in_the_topic_at_that_moment(broker: str, ingress: IngressProcess) -> None:
    for number in range(1000, 1010):
        assert ingress.client.hook(row(number)).status == 200
        assert str(number) in ids(broker)
    for message in read_messages(client_options(broker), [INBOX]):
        key = message.key()
        assert isinstance(key, bytes)
        assert message.partition() == partition_for(key, 4)


def test_many_senders_at_once_lose_nothing(broker: str, ingress: IngressProcess) -> None:
    numbers = range(2000, 2300)
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda number: ingress.client.hook(row(number)).status, numbers))
    taken = {str(number) for number, status in zip(numbers, statuses, strict=True) if status == 200}
    assert set(statuses) <= {200, 503}
    assert len(taken) > 250
    assert taken <= ids(broker)


def test_the_pages_of_a_living_ingress(ingress: IngressProcess) -> None:
    assert ingress.client.request("GET", "/readyz").json == {"status": "ready"}
    assert ingress.client.request("GET", "/openapi.json").json["openapi"] == "3.1.0"
    head = ingress.client.request("HEAD", "/docs")
    assert (head.status, head.body) == (200, b"")
    assert "server" not in head.headers


# -- refused -------------------------------------------------------------------------------------------------------


def test_cards_are_refused_wherever_they_stand(broker: str, ingress: IngressProcess) -> None:
    before = len(inbox(broker))
    client = ingress.client
    for card in TEST_CARDS:
        spaced = " ".join(card[start : start + 4] for start in range(0, len(card), 4))
        assert client.hook(rows(ROW | {"description": spaced})).status == 422
        assert client.hook(row(1), **{"x-note": card}).status == 422
        assert client.request("GET", f"/docs?q={card}").status == 422
        assert client.request("GET", f"/files/{card}.pdf").status == 422
        assert client.silent_post(f"parmList=TRANSACTIONID~5|CANAME~{card}|".encode()).status == 422
        assert client.observations({"observations": [{"raw": json.dumps({"pan": card})}]}).status == 422
        for part in (
            f"GET /{card} HTTP/9.9\r\n\r\n",
            f"{card} / HTTP/1.1\r\n\r\n",
            f"GET / HTTP/1.1\r\n{card}\r\n\r\n",
        ):
            assert card.encode() not in client.raw(part.encode())
    assert len(inbox(broker)) == before


def test_random_bytes_on_the_wire(ingress: IngressProcess) -> None:
    rng = Random(20261124)
    request = (
        b"POST /hooks/paytrace HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
    )
    for _ in range(200):
        data = bytearray(request + rng.randbytes(20))
        for _ in range(rng.randrange(1, 12)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        answer = ingress.client.raw(bytes(data))
        assert not answer or answer.startswith(b"HTTP/1.1 4"), answer[:200]
    assert b" 500 " not in b"".join(ingress.client.raw(rng.randbytes(500)) for _ in range(50))
    assert ingress.client.hook(row(3000)).status == 200


def test_bodies_without_end_do_not_fill_the_memory(ingress: IngressProcess) -> None:
    """Twenty senders offer 64 MiB each, announced or in chunks; what one request may hold is 256 KiB."""
    before = ingress.rss_bytes
    answers: list[bytes] = []

    def send(number: int) -> None:
        chunk = b"1" * MIB
        with socket.create_connection((ingress.client.host, ingress.client.port), timeout=30) as connection:
            with contextlib.suppress(OSError):
                if number % 2:
                    connection.sendall(HEAD + f"Content-Length: {64 * MIB}\r\n\r\n".encode())
                    for _ in range(64):
                        connection.sendall(chunk)
                else:
                    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
                    for _ in range(64):
                        connection.sendall(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            with contextlib.suppress(OSError):
                answers.append(connection.recv(65536))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    grown = ingress.peak_rss_bytes - before
    assert all(answer.startswith(b"HTTP/1.1 413") for answer in answers if answer)
    # 20 x (256 KiB + one read of 256 KiB) is 10 MiB; 1280 MiB were offered.
    assert grown < 64 * MIB, f"grew by {grown / MIB:.1f} MiB"
    assert ingress.client.hook(row(3100)).status == 200


def test_slow_heads_are_cut_off_and_others_go_on(ingress: IngressProcess) -> None:
    """Sixty connections drip a head byte by byte; an honest sender does not notice, and in the end they are closed."""
    connections = [socket.create_connection((ingress.client.host, ingress.client.port), timeout=10) for _ in range(60)]
    head = b"POST /hooks/paytrace HTTP/1.1\r\nHost: x\r\nX-Drip: " + b"a" * 100
    open_at_end = set(connections)
    for byte in head:
        for connection in list(open_at_end):
            try:
                connection.send(bytes([byte]))
            except OSError:
                open_at_end.discard(connection)
        assert ingress.client.hook(row(3200)).status == 200
        if not open_at_end:
            break
        time.sleep(0.1)
    for connection in connections:
        connection.close()
    assert not open_at_end, "the limit is 2 s, and the drip takes 15 s at least"


def test_a_second_head_on_the_same_connection_has_its_deadline_too(ingress: IngressProcess) -> None:
    with socket.create_connection((ingress.client.host, ingress.client.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while b"}" not in answer:
            answer += connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 60:
                connection.sendall(b"G")
                connection.settimeout(0.2)
                try:
                    assert connection.recv(1) == b""
                    break
                except TimeoutError:
                    continue
        assert 1 < time.monotonic() - began < 60  # the limit is 2 s; the machine may be busy


def test_a_slow_body_is_answered_408(ingress: IngressProcess) -> None:
    body = json.dumps(row(1)).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(body).items())
    head = f"POST /hooks/paytrace HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n"
    for _ in range(5):
        # A byte that arrives between the answer and the end of the connection may cost the client the answer.
        with contextlib.suppress(ConnectionError):
            assert drip(ingress, head.encode(), body).startswith(b"HTTP/1.1 408")
            return
    raise AssertionError("the connection was reset five times, and never answered")


def drip(ingress: IngressProcess, head: bytes, body: bytes) -> bytes:
    """Send a body a byte at a time, until there is an answer; the body would take five minutes."""
    with socket.create_connection((ingress.client.host, ingress.client.port), timeout=10) as connection:
        connection.sendall(head)
        connection.settimeout(1.0)
        for byte in body:
            connection.send(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                return connection.recv(65536)
    return b""


def test_more_connections_than_there_is_room_for_are_turned_away(ingress: IngressProcess) -> None:
    connections = [socket.create_connection((ingress.client.host, ingress.client.port), timeout=10) for _ in range(100)]
    refused = 0
    for connection in connections[::-1][:10]:
        with contextlib.suppress(OSError):
            refused += b"503" in connection.recv(1000)
    for connection in connections:
        connection.close()
    assert refused > 0
    deadline = time.monotonic() + 60
    while ingress.client.request("GET", "/healthz").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


# -- away ----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
@pytest.mark.journey
def test_a_broker_that_dies_and_comes_back(tmp_path: Path) -> None:
    """No 200 while it is away, 503 with Retry-After instead; afterwards everything answered with 200 is there."""
    home = tmp_path / "broker"
    taken: set[str] = set()
    found = settings(ack_timeout_s=1.5)
    with contextlib.ExitStack() as stack:
        kafka = stack.enter_context(TestBroker(home, die_with_parent=True))
        make_our_topics(kafka.bootstrap_servers)
        running = EmbeddedKafka.running(home)
        assert running is not None
        address = kafka.bootstrap_servers
        ingress = stack.enter_context(ingress_in_process(tmp_path, address, found))

        def offer(numbers: range) -> list[int]:
            statuses = []
            for number in numbers:
                answer = ingress.client.hook(row(number))
                statuses.append(answer.status)
                if answer.status == 200:
                    taken.add(str(number))
                else:
                    assert answer.status == 503
                    assert answer.json["code"] == "broker-away"
                    assert int(answer.headers["retry-after"]) >= 1
            return statuses

        deadline = time.monotonic() + 60
        while offer(range(99, 100)) != [200]:  # a broker that has just begun may take its time for the first one
            assert time.monotonic() < deadline, "the broker takes nothing"
        assert set(offer(range(100, 120))) == {200}
        os.kill(running.pid, signal.SIGKILL)
        assert set(offer(range(200, 204))) == {503}
        assert ingress.client.request("GET", "/readyz").status == 503
        assert ingress.client.request("GET", "/healthz").status == 200
        again = stack.enter_context(TestBroker(home, die_with_parent=True))
        assert again.bootstrap_servers == address
        deadline = time.monotonic() + 90
        while ingress.client.request("GET", "/readyz").status != 200:
            assert time.monotonic() < deadline, "the ingress does not find the broker again"
            time.sleep(0.5)
        statuses = offer(range(200, 204)) + offer(range(300, 320))
        assert statuses[-1] == 200
        assert taken <= ids(address)
        events = {(record.paytrace_transaction_id, record.raw) for record in inbox(address)}
        assert len(events) == len(ids(address))
        assert scan_topics(address).is_clean
    assert scan_logs([ingress.log_path]).is_clean


# -- TLS, command line ---------------------------------------------------------------------------------------------


def test_tls(broker: str, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ingress")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(cafile=str(cert_path))
    found = settings(tls_cert_path=cert_path, tls_key_path=key_path)
    with ingress_in_process(tmp_path, broker, found, tls=context) as ingress:
        assert ingress.client.hook(row(5000)).status == 200
        with contextlib.suppress(OSError):
            assert b"HTTP" not in Client(ingress.client.host, ingress.client.port).raw(b"GET /healthz HTTP/1.1\r\n\r\n")
    assert "5000" in ids(broker)


def test_a_port_that_is_taken_is_one_clear_line(broker: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_broker(monkeypatch, broker)
    monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        outcome = saldo("serve", "ingress", "--port", str(taken.getsockname()[1]))
    assert outcome.exit_code == 2
    assert "SALDO_INGRESS_PORT" in outcome.err


# -- killed --------------------------------------------------------------------------------------------------------


class _Killed(Exception):
    """The process is gone, on purpose."""


def test_files_in_flight_when_the_process_is_killed_are_neither_lost_nor_doubled(broker: str, tmp_path: Path) -> None:
    """Kill -9 among uploads and hooks; then everything is sent once more, as a sender without an answer does."""
    numbers, least = range(24), 5
    answered: set[int] = set()

    def send(client: Client, number: int) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while (answer := client.upload("disputes", report(number))).status == 503:
                time.sleep(0.02)
            assert answer.status == 200, answer.body
            assert client.dispute_hook(evidence(number)).status == 200
            answered.add(number)

    def report(number: int) -> bytes:
        return f"Case,Status,Date,Amount\nCB-{number},Chargeback,2026-11-20,{100 + number}.00\n".encode()

    def evidence(number: int) -> dict[str, str]:
        return {"case": f"CB-{number}", "stage": "EVIDENCE_SUBMITTED", "date": "2026-11-21"}

    def facts() -> list[DisputeObserved]:
        read = read_messages(client_options(broker), [Topic.DISPUTES_INBOX])
        return [as_a(DisputeObserved, Codec().decode(message.value())) for message in read]

    found = settings(body_timeout_s=BODY_TIMEOUT_S)
    with contextlib.suppress(_Killed), ingress_in_process(tmp_path, broker, found) as running:
        with ThreadPoolExecutor(2) as pool:
            for number in numbers:
                pool.submit(send, running.client, number)
            while len(answered) < least:
                time.sleep(0.005)
            running.process.kill()
            pool.shutdown(cancel_futures=True)
        raise _Killed
    (tmp_path / "ingress.log").rename(tmp_path / "killed.log")
    assert {f"CB-{number}" for number in answered} <= {fact.dispute_id for fact in facts()}
    assert len(answered) < len(numbers)
    with ingress_in_process(tmp_path, broker, found) as running:
        for number in numbers:
            send(running.client, number)
    assert answered == set(numbers)

    kept = {
        as_a(FileReceived, Codec().decode(message.value())).file_digest
        for message in read_messages(client_options(broker), [Topic.FILES])
    }
    cases: dict[str, disputes.State] = {}
    moved: Counter[str] = Counter()
    for fact in facts():
        assert fact.origin == "hook" or fact.origin.removeprefix("file:").partition("#")[0] in kept
        state = cases.get(fact.dispute_id, disputes.INITIAL)
        for event in disputes.decide(state, fact, DISPUTES):
            state = disputes.evolve(state, event)
            moved[fact.dispute_id] += as_a(DisputeRecorded, event).moved_minor
        cases[fact.dispute_id] = state
    assert moved == {f"CB-{number}": -(100 + number) * 100 for number in numbers}
    assert {state.case.stage for state in cases.values()} == {DisputeFact.EVIDENCE_SUBMITTED}
    assert {len(state.case.facts) for state in cases.values()} == {3}
