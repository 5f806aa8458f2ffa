"""The embedded installation: which processes, and how they find each other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streams.settings import Settings
from streams.stack import Stack


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("SALDO_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_sandboxes_stand_in_for_what_is_not_live_and_every_process_is_led_there(tmp_path: Path) -> None:
    stack = Stack(Settings(data_dir=tmp_path), workers=2)
    assert [spec.name for spec in stack.sandboxes()] == ["paytrace-sandbox", "abas-sandbox"]
    names = [spec.name for spec in stack.pipeline()]
    assert names[:3] == ["worker-1", "worker-2", "projector"]
    assert {"source-paytrace", "source-abas"} <= set(names)
    for spec in stack.pipeline():
        assert spec.env is not None
        assert spec.env["SALDO_PAYTRACE_BASE_URL"] == stack.paytrace_sandbox_url
        assert spec.env["SALDO_ABAS_BASE_URL"] == f"{stack.abas_sandbox_url}/mw"
        assert spec.env["SALDO_DATA_DIR"] == str(tmp_path)
    workers = [spec.env["SALDO_WORKER_NAME"] for spec in stack.pipeline() if spec.env and "worker" in spec.name]
    assert workers == ["worker-1", "worker-2"]


def test_what_the_processes_see_is_what_a_client_of_this_process_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(Settings(data_dir=tmp_path))
    for name, value in stack.env().items():
        monkeypatch.setenv(name, value)
    theirs, ours = Settings(), stack.client_settings()
    assert theirs.paytrace == ours.paytrace
    assert theirs.abas == ours.abas
    assert theirs.polling == ours.polling


def test_live_systems_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALDO_PAYTRACE_USERNAME", "live")
    monkeypatch.setenv("SALDO_ABAS_PASSWORD", "live")
    stack = Stack(Settings(data_dir=tmp_path))
    assert stack.sandboxes() == []
    assert "SALDO_PAYTRACE_BASE_URL" not in stack.env()
    assert "SALDO_ABAS_BASE_URL" not in stack.env()
    assert stack.client_settings() == stack.settings


def test_the_callers_own_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALDO_POLLING_ABAS_EVERY_S", "30")
    stack = Stack(Settings(data_dir=tmp_path), extra_env={"SALDO_KAFKA_SESSION_TIMEOUT_S": "6"})
    assert stack.env()["SALDO_POLLING_ABAS_EVERY_S"] == "30"
    assert stack.env()["SALDO_KAFKA_SESSION_TIMEOUT_S"] == "6"


def test_ports_are_chosen_once_and_kept(tmp_path: Path) -> None:
    one, other = Stack(Settings(data_dir=tmp_path)), Stack(Settings(data_dir=tmp_path))
    assert one.paytrace_sandbox_url == other.paytrace_sandbox_url
    assert one.paytrace_sandbox_url != one.abas_sandbox_url
    assert Stack(Settings(data_dir=tmp_path / "b")).abas_sandbox_url != one.abas_sandbox_url


def test_people_are_told_where_to_look(tmp_path: Path) -> None:
    stack = Stack(Settings(data_dir=tmp_path))
    told = "\n".join(stack.addresses())
    assert stack.paytrace_sandbox_url in told
    assert str(stack.log_dir) in told
