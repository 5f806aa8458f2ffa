"""Without a broker a command says within seconds which address it tries, why nobody is there, and what to do."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator

import pytest

from app.cli.connection import connect, why_nobody_listens
from app.composition import bootstrap
from app.settings.settings import load_settings
from projections.store.client import open_read_only
from schemas.failures import ContractBroken, Unavailable
from streams.log.cluster import Cluster


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_one_address_that_takes_a_connection_is_enough(listening: str, nobody: str) -> None:
    assert why_nobody_listens(listening) == ""
    assert why_nobody_listens(f"{nobody}, {listening}") == ""
    assert why_nobody_listens(nobody) == "Connection refused"
    assert why_nobody_listens("broker") == "broker is not host:port"


def test_a_command_names_address_cause_and_remedy_before_it_waits(
    nobody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    connect(nobody)
    assert time.monotonic() - began < 5
    said = capsys.readouterr().err
    assert said.startswith(f"saldo: nobody listens at {nobody} (Connection refused); trying on for up to 30 s. ")
    assert "`saldo up`" in said
    assert "SALDO_KAFKA_BOOTSTRAP_SERVERS" in said


def test_a_command_with_a_broker_says_nothing(listening: str, capsys: pytest.CaptureFixture[str]) -> None:
    connect(listening)
    assert capsys.readouterr().err == ""


def test_a_process_that_waits_for_kafka_says_so(
    nobody: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SALDO_KAFKA_BOOTSTRAP_SERVERS", nobody)
    monkeypatch.setattr(bootstrap, "FIRST_WORD_S", 0.0)

    def away(_cluster: Cluster, **_: object) -> None:
        raise ContractBroken(f"no Kafka broker answers at {nobody}")

    monkeypatch.setattr(Cluster, "topics", away)
    with caplog.at_level(logging.WARNING), pytest.raises(ContractBroken, match=nobody):
        bootstrap.wait_for_topics(load_settings(), timeout_s=0.3)
    (said,) = [record for record in caplog.records if record.message == "waiting for Kafka"]
    assert nobody in said.__dict__["reason"]


def test_without_a_clickhouse_the_address_and_the_cause_are_named(
    nobody: str, capfd: pytest.CaptureFixture[str]
) -> None:
    said = (
        rf"^no ClickHouse answers at {nobody} \(Connection refused\); is it running, is SALDO_REPORTING_CLICKHOUSE_DSN"
    )
    with pytest.raises(Unavailable, match=said):
        open_read_only(f"clickhouse://reader:secret@{nobody}/saldo")
    assert "secret" not in capfd.readouterr().err
