"""The embedded installation: which processes, and how they find each other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.settings.settings import Settings
from infra.installation.stack import Stack


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("SALDO_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_sandboxes_stand_in_for_what_is_not_live_and_every_process_is_led_there(tmp_path: Path) -> None:
    stack = Stack(Settings(data_dir=tmp_path), workers=2)
    assert [spec.name for spec in stack.sandboxes()] == ["paytrace-sandbox", "abas-sandbox", "shop-sandbox"]
    names = [spec.name for spec in stack.pipeline()]
    assert names[:3] == ["worker-1", "worker-2", "projector"]
    assert {"source-paytrace", "source-abas", "source-shop"} <= set(names)
    for spec in stack.pipeline():
        assert spec.env is not None
        assert spec.env["SALDO_PAYTRACE_BASE_URL"] == stack.paytrace_sandbox_url
        assert spec.env["SALDO_ABAS_BASE_URL"] == f"{stack.abas_sandbox_url}/mw"
        assert spec.env["SALDO_SHOP_BASE_URL"] == stack.shop_sandbox_url
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
    assert theirs.ingress == ours.ingress
    assert theirs.shop == ours.shop


def test_live_systems_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALDO_PAYTRACE_USERNAME", "live")
    monkeypatch.setenv("SALDO_ABAS_PASSWORD", "live")
    stack = Stack(Settings(data_dir=tmp_path))
    assert stack.sandboxes() == []
    assert "SALDO_PAYTRACE_BASE_URL" not in stack.env()
    assert "SALDO_ABAS_BASE_URL" not in stack.env()
    ours = stack.client_settings()
    assert (ours.paytrace, ours.abas, ours.polling) == (
        stack.settings.paytrace,
        stack.settings.abas,
        Settings().polling,
    )
    assert ours.ingress.hook_secrets == ()


def test_the_callers_own_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALDO_POLLING_ABAS_EVERY_S", "30")
    stack = Stack(Settings(data_dir=tmp_path), extra_env={"SALDO_KAFKA_SESSION_TIMEOUT_S": "6"})
    assert stack.env()["SALDO_POLLING_ABAS_EVERY_S"] == "30"
    assert stack.env()["SALDO_KAFKA_SESSION_TIMEOUT_S"] == "6"


def test_the_sandbox_reports_its_changes_where_the_ingress_expects_them(tmp_path: Path) -> None:
    stack, again = Stack(Settings(data_dir=tmp_path)), Stack(Settings(data_dir=tmp_path))
    ingress = stack.client_settings().ingress
    assert stack.hooks == again.hooks
    assert stack.hooks["url"] == f"http://127.0.0.1:{ingress.port}/hooks/paytrace"
    assert stack.hooks["secret"] == ingress.hook_secrets[0].get_secret_value()
    assert stack.hooks["silent_post_url"].endswith(f"/silent-post/{ingress.silent_post_path.get_secret_value()}")
    reported = [word for spec in stack.sandboxes() if "--report-to-ingress" in spec.argv for word in spec.argv]
    assert "paytrace" in reported
    assert stack.hooks["secret"] not in " ".join(reported)
    assert (tmp_path / "ingress-secrets.json").stat().st_mode & 0o077 == 0


def test_a_port_and_secrets_of_the_operator_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "whsec_" + "QUJD" * 8
    monkeypatch.setenv("SALDO_INGRESS_PORT", "8480")
    monkeypatch.setenv("SALDO_INGRESS_HOOK_SECRETS", f'["{secret}"]')
    stack = Stack(Settings(data_dir=tmp_path))
    assert stack.hooks["url"] == "http://127.0.0.1:8480/hooks/paytrace"
    assert stack.hooks["secret"] == secret


def test_ports_of_an_older_installation_are_kept_beside_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "sandbox-ports.json").write_text('{"paytrace": 1001, "abas": 1002}')
    stack = Stack(Settings(data_dir=tmp_path))
    assert (stack.paytrace_sandbox_url, stack.abas_sandbox_url) == ("http://127.0.0.1:1001", "http://127.0.0.1:1002")
    assert stack.ingress_url == Stack(Settings(data_dir=tmp_path)).ingress_url


def test_ports_are_chosen_once_and_kept(tmp_path: Path) -> None:
    one, other = Stack(Settings(data_dir=tmp_path)), Stack(Settings(data_dir=tmp_path))
    assert one.paytrace_sandbox_url == other.paytrace_sandbox_url
    assert one.paytrace_sandbox_url != one.abas_sandbox_url
    assert Stack(Settings(data_dir=tmp_path / "b")).abas_sandbox_url != one.abas_sandbox_url


def test_people_are_reported_where_to_look(tmp_path: Path) -> None:
    stack = Stack(Settings(data_dir=tmp_path))
    reported = "\n".join(stack.addresses())
    assert stack.paytrace_sandbox_url in reported
    assert stack.ingress_url in reported
    assert str(stack.log_dir) in reported


def test_a_process_gets_only_the_secrets_that_it_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "SALDO_PAYTRACE_PASSWORD": "p", "SALDO_ABAS_PASSWORD": "a", "SALDO_KAFKA_SASL_PASSWORD": "k",
        "SALDO_INGRESS_OBSERVATION_TOKENS": '["a-token-of-24-letters-or-more"]', "SALDO_REPORTING_CLICKHOUSE_DSN": "chdb:///x",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    specs = {spec.name: set(spec.env or {}) for spec in Stack(Settings(data_dir=tmp_path)).pipeline()}
    for name, letters in {
        "projector": "kr", "source-paytrace": "kp", "source-abas": "ka", "worker-1": "kpa", "ingress": "kpi",
    }.items():  # fmt: skip
        kept = {word.split("_")[1][0].lower() for word in given if word in specs[name]}
        assert kept == set(letters), name


def test_every_process_can_read_the_settings_that_it_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for spec in Stack(Settings(data_dir=tmp_path)).pipeline():
        with monkeypatch.context() as own:
            for name, value in (spec.env or {}).items():
                own.setenv(name, value)
            assert Settings().shop.is_used, spec.name
