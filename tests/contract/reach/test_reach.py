"""The way to the other side, over real sockets: private authority, proxy, and an error that names host and cause."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasUnavailable
from connectors.abas.settings import AbasSettings, TokenLogin
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.client_v3 import PayTraceV3Client
from connectors.paytrace.errors import PayTraceUnavailable
from connectors.paytrace.settings import PayTraceSettings
from infra.embedded.process import free_port
from schemas.failures import SaldoError
from tests.support.abas_sandbox import AbasSandboxProcess, running_sandbox
from tests.support.forward_proxy import forward_proxy
from tests.support.paytrace_sandbox import Sandbox, sandbox_in_thread
from tests.support.tls import Authority

DAY = date(2026, 11, 1)
HOST = "gateway.test"
SECRET = "s3cret-word"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def paytrace(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox_in_thread(tmp_path_factory.mktemp("paytrace"), tls=authority.issue("127.0.0.1", HOST)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def abas(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("abas"), tls=authority.issue("127.0.0.1", HOST)) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def paytrace_settings(**changes: Any) -> PayTraceSettings:
    fields = {
        "base_url": "http://127.0.0.1:1",
        "username": "demo123",
        "password": "demo123",
        "integrator_id": "9999Saldo123",
        "read_attempts": 1,
        "connect_timeout_s": 3.0,
        "max_requests_per_s": 1000.0,
        **changes,
    }
    return PayTraceSettings.model_validate(fields)


def abas_settings(**changes: Any) -> AbasSettings:
    return AbasSettings.model_validate({"password": "abas-sandbox", "read_attempts": 1, **changes})


async def export(settings: PayTraceSettings) -> Any:
    async with PayTraceClient(settings) as client:
        return await client.export_transactions(DAY, DAY)


async def about(settings: AbasSettings) -> Any:
    async with AbasClient(settings) as client:
        return await client.about()


async def failure_of(call: Any) -> str:
    with pytest.raises((PayTraceUnavailable, AbasUnavailable)) as caught:
        await call
    return str(caught.value)


async def test_a_private_authority_is_believed_when_a_setting_names_it(
    authority: Authority, paytrace: Sandbox, abas: AbasSandboxProcess
) -> None:
    assert await export(paytrace_settings(base_url=paytrace.base_url, ca_file=authority.ca_file)) == []
    assert "erpDateTime" in await about(abas_settings(base_url=abas.base_url, ca_file=authority.ca_file))
    settings = paytrace_settings(base_url=paytrace.base_url, ca_file=authority.ca_file, merchant_id=1)
    async with PayTraceV3Client(settings) as client:
        async for _ in client.list_ach(DAY, DAY):
            pass


async def test_an_authority_that_is_not_known_is_named_with_the_setting(
    paytrace: Sandbox, abas: AbasSandboxProcess
) -> None:
    said = await failure_of(export(paytrace_settings(base_url=paytrace.base_url)))
    assert f"PayTrace at 127.0.0.1:{paytrace.port}: TLS: its certificate is signed by an authority" in said
    assert "SALDO_PAYTRACE_CA_FILE" in said
    said = await failure_of(about(abas_settings(base_url=abas.base_url)))
    assert f"abas at 127.0.0.1:{abas.port}: TLS: its certificate is signed by an authority" in said
    assert "SALDO_ABAS_CA_FILE" in said


@pytest.mark.parametrize(
    ("hosts", "valid", "cause"),
    [
        (("127.0.0.1",), (-30, -2), "TLS: its certificate has expired"),
        (("127.0.0.1",), (2, 30), "TLS: its certificate is not valid yet"),
        (("other.test",), (-1, 30), "TLS: its certificate is for another host name"),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_said(
    authority: Authority, tmp_path: Path, hosts: tuple[str, ...], valid: tuple[int, int], cause: str
) -> None:
    with sandbox_in_thread(tmp_path, tls=authority.issue(*hosts, valid=valid)) as sandbox:
        said = await failure_of(export(paytrace_settings(base_url=sandbox.base_url, ca_file=authority.ca_file)))
    assert cause in said
    assert f"127.0.0.1:{sandbox.port}" in said


async def test_https_to_a_server_that_does_not_speak_it() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    said = await failure_of(export(paytrace_settings(base_url=f"https://127.0.0.1:{port}")))
    thread.join(5)
    listener.close()
    assert "does not speak TLS" in said


async def test_a_name_that_is_not_known_and_a_port_where_nobody_listens() -> None:
    port = free_port()
    said = await failure_of(export(paytrace_settings(base_url="https://nobody.invalid")))
    assert said.startswith("/oauth/token: PayTrace at nobody.invalid:443: the name of the host can't be resolved (DNS:")
    assert "SALDO_PAYTRACE_BASE_URL" in said
    said = await failure_of(export(paytrace_settings(base_url=f"http://127.0.0.1:{port}")))
    assert f"PayTrace at 127.0.0.1:{port}: the host refuses the connection: nothing listens" in said
    said = await failure_of(about(abas_settings(base_url=f"http://127.0.0.1:{port}/mw")))
    assert said.startswith(f"abas at 127.0.0.1:{port}: the host refuses the connection")
    login = TokenLogin.model_validate(
        {"token_url": f"http://127.0.0.1:{port}/token", "client_id": "a", "client_secret": "b"}
    )
    said = await failure_of(about(abas_settings(base_url="http://127.0.0.1:1/mw", token_login=login)))
    assert said.startswith(f"abas' token endpoint at 127.0.0.1:{port}: the host refuses the connection")


async def test_a_time_out_of_connecting_is_reported_from_one_of_reading() -> None:
    listener = socket.create_server(("127.0.0.1", 0))  # accepts by its backlog, and says nothing
    port = listener.getsockname()[1]
    try:
        said = await failure_of(export(paytrace_settings(base_url=f"http://127.0.0.1:{port}", read_timeout_s=0.2)))
        assert "connected, and no answer within read_timeout_s" in said
        # The TLS handshake belongs to connecting.
        said = await failure_of(export(paytrace_settings(base_url=f"https://127.0.0.1:{port}", connect_timeout_s=0.2)))
        assert "no connection within connect_timeout_s" in said
    finally:
        listener.close()


async def test_both_clients_go_through_a_proxy(
    authority: Authority, paytrace: Sandbox, abas: AbasSandboxProcess
) -> None:
    with forward_proxy({HOST: paytrace.port}, login=f"saldo:{SECRET}") as proxy:
        reach = {"base_url": f"https://{HOST}", "ca_file": authority.ca_file}
        assert await export(paytrace_settings(**reach, proxy_url=proxy.url(f"saldo:{SECRET}"))) == []
        assert proxy.asked[0] == f"CONNECT {HOST}:443"
        said = await failure_of(export(paytrace_settings(**reach, proxy_url=proxy.url(f"saldo:{SECRET}x"))))
    assert f"PayTrace at {HOST}:443 through the proxy 127.0.0.1:{proxy.port}: the proxy refuses us (407" in said
    assert "SALDO_PAYTRACE_PROXY_URL" in said
    assert SECRET not in said
    with forward_proxy({HOST: abas.port}) as proxy:
        reach = {"base_url": f"https://{HOST}/mw", "ca_file": authority.ca_file}
        assert "erpDateTime" in await about(abas_settings(**reach, proxy_url=proxy.url()))
    said = await failure_of(about(abas_settings(**reach, proxy_url=proxy.url())))
    assert f"abas at {HOST}:443 through the proxy 127.0.0.1:{proxy.port}: the proxy refuses the connection" in said


async def test_plain_http_goes_through_a_proxy_by_its_whole_address(tmp_path: Path) -> None:
    with sandbox_in_thread(tmp_path) as sandbox, forward_proxy({HOST: sandbox.port}, login="a:b") as proxy:
        assert await export(paytrace_settings(base_url=f"http://{HOST}", proxy_url=proxy.url("a:b"))) == []
        assert proxy.asked[0] == f"POST http://{HOST}/oauth/token"
        said = await failure_of(export(paytrace_settings(base_url=f"http://{HOST}", proxy_url=proxy.url())))
        assert "the proxy refuses us (407" in said
        said = await failure_of(about(abas_settings(base_url=f"http://{HOST}/mw", proxy_url=proxy.url())))
        assert "the proxy refuses us (407" in said
        said = await failure_of(export(paytrace_settings(base_url="https://else.test", proxy_url=proxy.url("a:b"))))
        assert "the proxy does not let us through (502 Bad Gateway)" in said


async def test_the_proxy_of_the_environment_counts_but_never_for_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sandbox_in_thread(tmp_path) as sandbox, forward_proxy({HOST: sandbox.port}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url())
        assert await export(paytrace_settings(base_url=f"http://{HOST}")) == []
        assert len(proxy.asked) > 0
        proxy.asked.clear()
        assert await export(paytrace_settings(base_url=sandbox.base_url)) == []
        assert await export(paytrace_settings(base_url=sandbox.base_url, proxy_url=proxy.url())) == []
        assert proxy.asked == []
        monkeypatch.setenv("no_proxy", ".test")
        said = await failure_of(export(paytrace_settings(base_url=f"http://{HOST}")))
        assert "through the proxy" not in said
        assert proxy.asked == []


@pytest.mark.parametrize("url", ["ftp://a:1", "socks5://a:b@c:1", "http://", "http://[", "http://a:s3cret@:1"])
def test_a_proxy_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        paytrace_settings(proxy_url=url)
    said = "".join(str(problem["msg"]) for problem in refused.value.errors(include_input=False))
    assert "must be http://[user:password@]host:port" in said
    assert "s3cret" not in said


def test_a_proxy_of_the_environment_that_is_none_is_a_broken_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"socks5://saldo:{SECRET}@proxy.test:1080")
    with pytest.raises(SaldoError) as refused:
        PayTraceClient(paytrace_settings(base_url="https://gateway.test"))
    assert "https_proxy of the environment" in str(refused.value)
    assert SECRET not in str(refused.value)


def test_settings_do_not_show_a_proxy_password() -> None:
    settings = paytrace_settings(proxy_url=f"http://saldo:{SECRET}@proxy.test:3128")
    assert SECRET not in repr(settings)
    assert SECRET not in settings.model_dump_json()


def test_a_file_that_holds_no_certificate_is_named_at_once(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    with pytest.raises(ValidationError, match=r"ca\.pem is not there"):
        paytrace_settings(ca_file=empty)
    empty.write_text("no certificate")
    with pytest.raises(ValidationError, match=r"ca\.pem holds no PEM certificate that can be read"):
        abas_settings(ca_file=empty)
