"""The projector on a real broker: what Kafka holds is what the store holds, whoever asks and whatever dies."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from infra.embedded.process import free_port
from projections.batches.positions import Progress, store_progress
from projections.messages.topics import projected_topics
from projections.projector.rebuild import rebuild
from projections.projector.writer import run_projector
from projections.serving.reader import EndpointReader, open_reader
from projections.serving.settings import ProjectionSettings, endpoint_file
from projections.store.client import open_read_only, open_store
from projections.store.digest import TableDigest, digests
from projections.store.errors import HistoryGone, QueryRefused, StoreBusy
from projections.store.migrate import migrate
from streams.log.records import Inbound
from tests.support.clickhouse_http import clickhouse_server
from tests.support.examples import example
from tests.support.kafka import client_options, make_topics, projector_options, running_broker
from tests.support.projector_process import spawn_projector, wait_until_caught_up
from tests.support.scripted import IDENTIFICATION, IDENTIFICATION_INBOX, PAYMENTS, Script

pytestmark = pytest.mark.journey

# What the scripted day has no records for; the golden scenarios fill these (tests/unit/projections).
LEFT_EMPTY = {
    "fct_account_balances",
    "fct_alerts",
    "fct_case_notes",
    "fct_charge_holds",
    "fct_customer_links",
    "fct_customer_values",
    "fct_decisions",
    "fct_deposit_events",
    "fct_deposit_reports",
    "fct_dispute_deadlines",
    "fct_dispute_events",
    "fct_erp_customers",
    "fct_fee_schedules",
    "fct_file_lines",
    "fct_files",
    "fct_journal_lines",
    "fct_ledger_documents",
    "fct_next_steps",
    "fct_orders",
    "fct_payment_methods",
    "fct_proposals",
    "fct_rates",
    "fct_risk",
    "fct_schedule_runs",
    "fct_settlement_days",
    "fct_settlement_lines",
    "fct_subscription_runs",
    "fct_subscriptions",
    "fct_suggestions",
    "fct_unrecognized",
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of its own: these tests fill the real topics, which others must find empty."""
    with running_broker(tmp_path_factory.mktemp("projector-broker")) as embedded:
        make_topics(embedded, dict.fromkeys(projected_topics(), 4))
        yield embedded


@pytest.fixture(scope="module")
def killed(broker: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[TableDigest, ...]:
    """Digests of a projector that was killed again and again while the topics filled."""
    settings = settings_for(broker, tmp_path_factory.mktemp("killed"), batch_rows=200, linger_s=0.02)
    log = settings.data_dir / "projector.log"
    rng = random.Random(7)
    script = busy_day()
    day, late = script.messages[: -script.late], script.messages[-script.late :]
    written = threading.Event()
    writer = threading.Thread(target=produce, args=(broker, day, written), kwargs={"rate": 900})
    writer.start()
    kills = 0
    while not written.is_set() or kills < 6:
        process = spawn_projector(settings, log)
        try:
            wait_for_endpoint(settings, process)
            time.sleep(rng.uniform(0.0, 1.2))
        finally:
            process.kill()
            assert process.wait() == -signal.SIGKILL, log.read_text("utf-8", "replace")[-2000:]
        kills += 1
    writer.join()
    with running(settings, log) as process:
        wait_until_caught_up(settings, process, 180)
    # A worker that was paused all day wakes up: the first thing that the next projector reads are its repeats.
    produce(broker, late, written, rate=900)
    with running(settings, log) as process:
        wait_until_caught_up(settings, process, 180)
    return stored(settings)


@pytest.fixture(scope="module")
def undisturbed(
    broker: str, killed: tuple[TableDigest, ...], tmp_path_factory: pytest.TempPathFactory
) -> ProjectionSettings:
    """Settings of a store that a projector filled in one go, from the same topics once they are full."""
    settings = settings_for(broker, tmp_path_factory.mktemp("undisturbed"))
    with running(settings, settings.data_dir / "projector.log") as process:
        wait_until_caught_up(settings, process, 180)
    return settings


def test_kill_9_at_any_moment_changes_nothing(killed: tuple[TableDigest, ...], undisturbed: ProjectionSettings) -> None:
    assert killed == stored(undisturbed)
    assert {table.table for table in killed if not table.rows} == LEFT_EMPTY


def test_every_record_is_a_row_repeats_and_unreadable_ones_distinguished(undisturbed: ProjectionSettings) -> None:
    script = busy_day()
    unreadable = sum(1 for m in script.messages if m.value == NONSENSE)
    repeats = script.again
    reader = open_reader(undisturbed)
    try:
        rows = json.loads(
            reader.query("SELECT (SELECT count() FROM fct_records FINAL), count() FROM fct_unreadable FINAL")
        )
    finally:
        reader.close()
    assert rows["data"] == [[len(script.messages) - unreadable - repeats, unreadable]]


def test_reports_are_answered_by_the_projector_while_it_runs_and_without_it_after(
    undisturbed: ProjectionSettings,
) -> None:
    question = "SELECT sum(minor) FROM rpt_money WHERE term = {term:String}"
    for_clients = undisturbed.model_copy(update={"clickhouse_port": free_port()})
    with running(for_clients, undisturbed.data_dir / "projector.log") as process:
        wait_until_caught_up(undisturbed, process, 180)
        through_it = open_reader(undisturbed)
        assert isinstance(through_it, EndpointReader)
        with pytest.raises(StoreBusy):
            open_read_only(undisturbed.clickhouse_dsn)
        reported = through_it.query(question, {"term": "captured"}, output_format="TSV")
        clients = json.loads(endpoint_file(undisturbed.data_dir).read_text("utf-8"))["clickhouse"]
        assert clients == f"http://127.0.0.1:{for_clients.clickhouse_port}"
        asked = urllib.request.Request(f"{clients}/?param_term=captured", question.encode())
        with urllib.request.urlopen(asked) as answer:
            assert answer.read() == reported
        with pytest.raises(QueryRefused, match="not allowed"):
            through_it.query("TRUNCATE TABLE fct_records", output_format="Null")
        with pytest.raises(QueryRefused, match="INTO OUTFILE"):
            through_it.query("SELECT 1 /**/INTO -- x\n OUTFILE '/tmp/x'")
        with pytest.raises(QueryRefused, match="nothing_of_that_name"):
            through_it.query("SELECT nothing_of_that_name")
        through_it.close()
    directly = open_reader(undisturbed)
    assert not isinstance(directly, EndpointReader)
    assert directly.query(question, {"term": "captured"}, output_format="TSV") == reported
    directly.close()


def test_the_endpoint_is_for_its_owner_on_this_machine(undisturbed: ProjectionSettings) -> None:
    with running(undisturbed, undisturbed.data_dir / "projector.log") as process:
        wait_until_caught_up(undisturbed, process, 180)
        path = endpoint_file(undisturbed.data_dir)
        assert path.stat().st_mode & 0o077 == 0
        url = json.loads(path.read_text("utf-8"))["url"]
        assert url.startswith("http://127.0.0.1:")
        assert status_of(f"{url}/sql", b'{"sql": "SELECT 1"}', {}) == 401
        assert status_of(f"{url}/health", None, {"Host": "evil.example"}) == 400
        assert status_of(f"{url}/health", None, {}) == 200
    assert not path.exists()


def test_a_server_holds_the_same_rows(broker: str, undisturbed: ProjectionSettings, tmp_path: Path) -> None:
    """The same projector and SQL over HTTP, killed once on the way."""
    embedded = stored(undisturbed)
    with clickhouse_server(tmp_path / "server") as server:
        settings = settings_for(broker, tmp_path, clickhouse_dsn=f"{server}/saldo_here", batch_rows=1_000)
        log = tmp_path / "projector.log"
        process = spawn_projector(settings, log)
        wait_for_endpoint(settings, process)
        process.kill()
        process.wait()
        with running(settings, log) as process:
            wait_until_caught_up(settings, process, 180)
        assert stored(settings) == embedded
        reader = open_reader(settings)
        with pytest.raises(QueryRefused, match="not allowed"):
            reader.query("TRUNCATE TABLE fct_records", output_format="Null")
        reader.close()


def test_a_rebuild_brings_every_row_back(undisturbed: ProjectionSettings) -> None:
    stored_before = stored(undisturbed)
    proof = rebuild(undisturbed)
    assert proof.is_identical
    assert proof.before == stored_before == stored(undisturbed)


def test_a_rebuild_shows_what_the_topics_do_not_hold(undisturbed: ProjectionSettings) -> None:
    store = open_store(undisturbed.clickhouse_dsn)
    store.execute("ALTER TABLE fct_documents DELETE WHERE signed_minor > 50000 SETTINGS mutations_sync = 1")
    store.close()
    proof = rebuild(undisturbed)
    assert not proof.is_identical
    assert [old.table for old, new in zip(proof.before, proof.after, strict=True) if old != new] == ["fct_documents"]


def test_a_store_that_is_ahead_of_its_topic_stops_the_projector(broker: str, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    store = open_store(settings.clickhouse_dsn)
    migrate(store)
    store_progress(store, {(PAYMENTS, 2): Progress(next_offset=1_000_000_000)})
    store.close()
    with pytest.raises(HistoryGone, match=r"payments\.events\.v1/2 .* rebuild"):
        run_projector(settings, threading.Event())


NONSENSE = b"\xc3\x01 nonsense"


class BusyDay(Script):
    """A script that counts how often it repeated itself, and how much of that was at its very end."""

    again: int = 0
    late: int = 0

    def write_again(self, message: Inbound) -> Inbound:
        self.again += 1
        return super().write_again(message)


def busy_day() -> BusyDay:
    """Everything that may go wrong in one day: repeats, dead letters, bytes that make no sense. Always the same."""
    rng = random.Random(20261120)
    script = BusyDay()
    captures: list[Inbound] = []
    for number in range(600):
        payment, minor = f"7{number:05d}", rng.randrange(1_00, 900_00)
        script.open_item(payment, minor)
        captured = script.captured(payment, minor)
        question = next(m for m in reversed(script.messages) if m.topic == IDENTIFICATION_INBOX)
        match number % 6:
            case 0:
                script.awaits_reference(payment, minor)
            case 1:
                script.parked(IDENTIFICATION, question)
            case 2:
                script.write_bytes(PAYMENTS, NONSENSE, headers={"ce_id": b"x"}, partition=number % 4)
                script.identified(payment, minor)
                script.waiting(payment, minor)
            case _:
                script.identified(payment, minor)
                script.matched(payment, minor)
                script.requested(payment, minor)
                command = script.command(payment, minor)
                script.posted(payment, minor)
                script.entry_posted(payment, minor)
                if number % 6 == 3:
                    script.write_again(command)
        captures.append(captured)
        if number % 5 == 0:
            script.write_again(captured)
        if number % 100 == 0:
            batch = example("SettlementBatchObserved", batch_id=f"main/{number}/2026-11-20")
            script.write("settlement.inbox.v1", batch, partition=number % 4)
    for captured in captures[::50]:
        script.write_again(captured)
        script.late += 1
    return script


def settings_for(broker: str, directory: Path, **changes: object) -> ProjectionSettings:
    return ProjectionSettings.model_validate(
        {
            "clickhouse_dsn": f"chdb://{directory / 'store'}",
            "bootstrap_servers": broker,
            "kafka_options": projector_options(broker),
            "data_dir": directory,
            **changes,
        }
    )


def produce(broker: str, messages: Sequence[Inbound], done: threading.Event, *, rate: int) -> None:
    """Write messages at so many a second, each where the script says."""
    producer = Producer({**client_options(broker), "enable.idempotence": True, "linger.ms": 5})
    began = time.monotonic()
    for count, message in enumerate(messages):
        producer.produce(
            message.topic,
            value=message.value,
            key=message.key,
            headers=list(message.headers),
            partition=message.partition,
            timestamp=message.timestamp_ms,
        )
        if count % 50 == 0:
            producer.poll(0)
            time.sleep(max(0.0, began + count / rate - time.monotonic()))
    assert producer.flush(90) == 0
    done.set()


@contextmanager
def running(settings: ProjectionSettings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A projector that is asked to stop at the end, and must do so cleanly."""
    process = spawn_projector(settings, log)
    try:
        yield process
        process.terminate()
        assert process.wait(60) == 0, log.read_text("utf-8", "replace")[-2000:]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for_endpoint(settings: ProjectionSettings, process: subprocess.Popen[bytes]) -> None:
    """Until this very process answers: a file of a killed one may still lie there."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            if json.loads(endpoint_file(settings.data_dir).read_text("utf-8"))["pid"] == process.pid:
                return
        except FileNotFoundError:
            pass
        time.sleep(0.01)
    raise AssertionError("no endpoint within 90 s")


def stored(settings: ProjectionSettings) -> tuple[TableDigest, ...]:
    reader = open_reader(settings)
    try:
        return digests(reader)
    finally:
        reader.close()


def status_of(url: str, body: bytes | None, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
