"""infra/compose.yaml holds together: no engine runs it here, so names, commands, settings and ports are checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings.settings import Settings
from tests.unit.app.cli.test_docs import problem

INFRA = Path(__file__).parents[3] / "infra"
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "saldo" and "command" in service}
# What .env.example sets, or shows as a line to be filled in.
ENV = {
    name.strip("# "): value
    for name, found, value in (line.partition("=") for line in (INFRA / ".env.example").read_text("utf-8").splitlines())
    if found and name.strip("# ").isupper()
}


def test_every_process_of_saldo_up_runs_here() -> None:
    commands = {" ".join(service["command"]) for service in OURS.values()}
    assert {
        *(
            "run worker",
            "run projector",
            "run source paytrace",
            "run source abas",
            "run watch",
            "serve ingress",
            "topics apply",
        ),
    } <= commands


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_that_the_program_understands(name: str) -> None:
    assert problem(" ".join(("saldo", *OURS[name]["command"]))) is None


def test_every_setting_is_one_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {name: str(value) for name, value in ENV.items() if name.startswith("SALDO_")}
    for service in OURS.values():
        given |= {name: str(value) for name, value in service.get("environment", {}).items()}
    given = {name: value for name, value in given.items() if "..." not in value}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.reporting.http_port == 8490
    assert (settings.ingress.host, settings.ingress.port) == ("0.0.0.0", 8480)  # inside the container


def test_whatever_is_named_is_there() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        mode = service.get("network_mode", "service:room")
        assert mode.removeprefix("service:") in SERVICES, name
        for volume in service.get("volumes", ()):
            assert volume.partition(":")[0] in COMPOSE["volumes"], name


def test_console_and_ingress_are_published_on_loopback_alone() -> None:
    published = {tuple(port.rsplit(":", 2)) for service in SERVICES.values() for port in service.get("ports", ())}
    assert published == {("127.0.0.1", "8490", "8491"), ("127.0.0.1", "8480", "8480")}
    door = SERVICES["console-door"]
    console = SERVICES["projector"]["environment"]["SALDO_REPORTING_HTTP_PORT"]
    assert door["command"] == ["tcp-listen:8491,fork,reuseaddr", f"tcp:127.0.0.1:{console}"]
    # The port outside is the console's own, so the address that the projector writes is true on the host too.
    assert ("127.0.0.1", str(console), "8491") in published
    assert door["network_mode"] == SERVICES["ingress"]["network_mode"] == "service:room"
