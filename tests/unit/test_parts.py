"""Which parts tests stand on, and what is asked of a container engine; a fake one, since none can be had here."""

from __future__ import annotations

import io
import json
import re
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from infra.embedded.jars import ROOTS
from projections.serving.serving import served
from tests.support import parts
from tests.support.parts import ContainerBroker, Image, Parts, chosen, refuse_without_engine, running_container


@pytest.mark.parametrize(
    ("word", "found"), [(None, Parts.EMBEDDED), ("embedded", Parts.EMBEDDED), ("containers", Parts.CONTAINERS)]
)
def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch, word: str | None, found: Parts) -> None:
    monkeypatch.delenv(parts.SETTING, raising=False)
    if word is not None:
        monkeypatch.setenv(parts.SETTING, word)
    assert chosen() is found


def test_another_word_is_refused_with_the_two_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(parts.SETTING, "docker")
    with pytest.raises(pytest.UsageError, match="'docker'; write embedded or containers"):
        chosen()


def test_a_run_on_containers_without_an_engine_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    refuse_without_engine()  # embedded parts need none
    monkeypatch.setenv(parts.SETTING, "containers")
    with pytest.raises(pytest.UsageError, match=r"no container engine answers: .*Start Docker or Podman"):
        refuse_without_engine()


def test_images_name_no_host_and_are_of_the_embedded_versions() -> None:
    for image in (parts.KAFKA_IMAGE, parts.REGISTRY_IMAGE, parts.CLICKHOUSE_IMAGE):
        assert re.fullmatch(r"[a-z]+/[a-z-]+:[0-9.]+", image), "with a dot in its first part, that would be a host"
    assert ROOTS["kafka"][0].endswith(f":{parts.KAFKA_IMAGE.partition(':')[2]}")
    assert f":{parts.REGISTRY_IMAGE.partition(':')[2]}:" in ROOTS["registry"][0]


def test_a_broker_in_a_container_lets_in_the_same_users_and_is_known_by_one_address(tmp_path: Path) -> None:
    broker = ContainerBroker(tmp_path)
    image = broker.image()
    [(path, properties)] = image.files.items()
    assert path == "/mnt/shared/config/server.properties"
    assert image.port == image.host_port == broker.port
    assert f"listeners=CLIENT://0.0.0.0:{broker.port}," in properties
    assert f"advertised.listeners=CLIENT://{broker.bootstrap_servers}\n" in properties
    worker = json.loads((broker.credentials_dir / "worker.json").read_text())
    assert f'user_{worker["username"]}="{worker["password"]}"' in properties
    assert "super.users=User:saldo-admin" in properties


class FakeEngine:
    """Answers as Docker's HTTP API does, as far as a container is made, started and removed; keeps what was asked."""

    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.steps: list[str] = []

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        path = re.sub(r"^/v[0-9.]+", "", path.partition("?")[0])
        match method, path:
            case "GET", "/version":
                return 200, {"ApiVersion": "1.44", "Version": "0"}
            case "GET", "/_ping":
                return 200, "OK"
            case "POST", "/containers/create":
                self.created.append(json.loads(body))
                return 201, {"Id": "f" * 64, "Warnings": []}
            case "PUT", _ if path.endswith("/archive"):
                with tarfile.open(fileobj=io.BytesIO(body)) as archive:
                    for member in archive:
                        content = archive.extractfile(member)
                        self.files[member.name] = content.read() if content else b""
                return 200, ""
            case "POST", _ if path.endswith("/start"):
                self.steps.append("start")
                return 204, ""
            case "DELETE", _:
                self.steps.append("remove")
                return 204, ""
            case "GET", _ if path.startswith("/containers/"):
                return 200, {"Id": "f" * 64, "State": {"Status": "running"}, "Config": {}, "Name": "/saldo"}
        return 200, {}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    fake = FakeEngine()

    async def serve(request: Request) -> Response:
        status, answer = fake.answer(request.method, request.url.path, await request.body())
        return PlainTextResponse(answer, status) if isinstance(answer, str) else JSONResponse(answer, status)

    listener = socket.create_server(("127.0.0.1", 0))
    methods = ["GET", "POST", "PUT", "DELETE"]
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{listener.getsockname()[1]}")
    monkeypatch.setattr("testcontainers.core.config.testcontainers_config.ryuk_disabled", True)
    with served(Starlette(routes=[Route("/{path:path}", serve, methods=methods)]), listener, "engine"):
        yield fake


def test_a_container_gets_its_files_before_it_starts_a_port_on_loopback_and_is_removed(engine: FakeEngine) -> None:
    assert parts.engine_problem() is None
    asked = iter([False, False, True])
    image = Image(
        name="apache/kafka:4.4.0",
        port=9092,
        host_port=19092,
        is_ready=lambda: next(asked),
        env={"A": "b"},
        files={"/mnt/shared/config/server.properties": "process.roles=broker"},
    )
    with running_container(image):
        assert engine.steps == ["start"], "ready when the block begins"
        assert next(asked, None) is None
    [created] = engine.created
    assert created["Image"] == "apache/kafka:4.4.0"
    assert created["HostConfig"]["PortBindings"] == {"9092/tcp": [{"HostIp": "127.0.0.1", "HostPort": "19092"}]}
    assert "A=b" in created["Env"]
    assert {name.lstrip("/"): content for name, content in engine.files.items()} == {
        "mnt/shared/config/server.properties": b"process.roles=broker"
    }
    assert engine.steps == ["start", "remove"]
