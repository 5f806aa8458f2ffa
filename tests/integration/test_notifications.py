"""Messages about alerts over a real mail server and to a real HTTP receiver: what arrives, fails, is tried again."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.mail.errors import MailAway, MailMisconfigured, MailPutOff
from connectors.mail.settings import MailSettings
from connectors.mail.sink import MailSink
from connectors.webhook.settings import WebhookSettings
from connectors.webhook.sink import ReceiverAway, WebhookSink
from projections.serving.serving import served
from schemas.failures import Delayed
from schemas.records.alerts import NotificationRefused, NotificationSent, SendNotification
from tests.support.examples import example
from tests.support.tls import Authority

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
CONSOLE = "https://saldo.example.com/console"


@dataclass
class Server:
    """A mail server: what it took, and what it answers to whom."""

    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)
    at_data: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.answers.get(address):
            return self.answers[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.taken.append((envelope.rcpt_tos[0], message))
        return self.at_data.pop(0) if self.at_data else "250 ok"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        login = cast("LoginPassword", data)
        self.logins.append(login.login.decode())
        return AuthResult(success=login.password == b"right", handled=False)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    running: list[Controller] = []

    def begin(**options: Any) -> Server:
        server = Server(port=free_port())
        if options.pop("asks_for_log_in", False):
            options |= {"authenticator": server.authenticate, "auth_required": True}
        controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)
        controller.start()
        running.append(controller)
        return server

    yield begin
    for controller in running:
        controller.stop()


def sink(port: int, **settings: Any) -> MailSink:
    given: dict[str, Any] = {"host": "127.0.0.1", "security": "none", "to": {"finance": ("ar@example.com",)}}
    given |= {"sender": "saldo@example.com", "timeout_s": 2.0} | settings
    return MailSink(MailSettings(port=port, **given), console_url=CONSOLE)


def command(**changes: Any) -> SendNotification:
    found: SendNotification = example("SendNotification", **changes)
    return found


# -- e-mail ----------------------------------------------------------------------------------------------------------


async def test_a_message_arrives_with_link_remedy_and_runbook_in_text_and_html(start: Callable[..., Server]) -> None:
    server = start()
    outcome = await sink(server.port).send(command())
    assert isinstance(outcome, NotificationSent)
    ((address, message),) = server.taken
    assert address == "ar@example.com"
    assert message["Message-ID"] == f"<{command().notification_id}@example.com>"
    assert message["Subject"] == "[Saldo] abas refuses a document"
    text = message.get_body(("plain",))
    html = message.get_body(("html",))
    assert text is not None
    assert html is not None
    for words in (
        "125.50 USD",
        "What to do: Mend what abas names",
        "Runbook: docs/runbooks/documents-refused.md",
        f"{CONSOLE}/search?id=395970002",
        "Alert A3F09C2A17B, since 2026-11-20 17:40 UTC",
    ):
        assert words in text.get_content(), words
    assert f'<a href="{CONSOLE}/search?id=395970002">' in html.get_content()


async def test_words_of_others_make_no_html_and_no_header(start: Callable[..., Server]) -> None:
    server = start()
    (line,) = command().lines
    evil = {"title": "<script>x</script>\r\nBcc: a@b.c", "detail": "<img src=x>\r\n.\r\nQUIT"}
    raw = {
        name: getattr(line, name)
        for name in ("alert_id", "about_alert", "remedy", "runbook", "place", "item_count", "amount_minor", "currency")
    }
    lines = [{**raw, **evil, "change": "OPENED", "severity": "NORMAL", "since_at": "2026-11-20T17:40:00Z"}]
    assert isinstance(await sink(server.port).send(command(lines=lines)), NotificationSent)
    ((_, message),) = server.taken
    assert message["Bcc"] is None
    html = message.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()
    assert "<img" not in html.get_content()


async def test_a_message_says_how_urgent_it_is_and_counts_what_it_leaves_out(start: Callable[..., Server]) -> None:
    server = start()
    await sink(server.port).send(command(severity="URGENT", more_count=497))
    ((_, message),) = server.taken
    assert message["Subject"] == "[Saldo] URGENT abas refuses a document and 497 more"


async def test_tls_and_log_in(start: Callable[..., Server], tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    issued = authority.issue("localhost", "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issued.cert, issued.key)
    server = start(asks_for_log_in=True, tls_context=context, require_starttls=True)
    log_in = {"username": "saldo", "password": "right", "security": "starttls"}
    assert isinstance(await sink(server.port, **log_in, ca_file=authority.ca_file).send(command()), NotificationSent)
    assert server.logins == ["saldo"]
    with pytest.raises(MailMisconfigured, match="refuses the log-in"):
        await sink(server.port, **{**log_in, "password": "wrong"}, ca_file=authority.ca_file).send(command())
    with pytest.raises(MailAway, match="certificate is not believed"):
        await sink(server.port, **log_in).send(command())
    plain = start()
    with pytest.raises(MailMisconfigured, match="STARTTLS"):
        await sink(plain.port, security="starttls").send(command())
    assert len(server.taken) == 1


async def test_a_server_that_is_away_or_hangs_makes_the_task_wait(start: Callable[..., Server]) -> None:
    with pytest.raises(MailAway, match="check SALDO_MAIL_HOST"):
        await sink(free_port()).send(command())
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(MailAway):
        await sink(silent.getsockname()[1], timeout_s=0.3).send(command())
    server = start()
    server.answers["ar@example.com"] = ["421 shutting down"]
    with pytest.raises(MailAway):
        await sink(server.port).send(command())
    assert isinstance(await sink(server.port).send(command()), NotificationSent)


async def test_who_took_a_message_does_not_get_it_again_while_another_is_put_off(start: Callable[..., Server]) -> None:
    server = start()
    server.answers["late@example.com"] = ["451 greylisted, come again"]
    mail = sink(server.port, to={"finance": ("ar@example.com", "late@example.com")})
    with pytest.raises(MailPutOff, match="451 greylisted"):
        await mail.send(command())
    assert isinstance(await mail.send(command()), NotificationSent)
    assert [address for address, _ in server.taken] == ["ar@example.com", "late@example.com"]
    assert len({message["Message-ID"] for _, message in server.taken}) == 1


async def test_an_address_that_is_refused_is_a_fact_and_stops_no_other(start: Callable[..., Server]) -> None:
    server = start()
    server.answers["gone@example.com"] = ["550 no such user gone@example.com"] * 2
    both = sink(server.port, to={"finance": ("gone@example.com", "ar@example.com")})
    sent = await both.send(command())
    assert isinstance(sent, NotificationSent)
    assert sent.detail == "1 of 2 addresses took it; refused: 550 no such user <...>"
    refused = await sink(server.port, to={"finance": ("gone@example.com",)}).send(command())
    assert isinstance(refused, NotificationRefused)
    assert refused.code == "550"
    assert "gone@" not in refused.message


async def test_a_refusal_after_the_text_is_told_apart_by_its_code(start: Callable[..., Server]) -> None:
    server = start()
    server.at_data = ["452 out of disk", "554 looks like spam"]
    with pytest.raises(MailPutOff):
        await sink(server.port).send(command())
    assert isinstance(await sink(server.port).send(command()), NotificationRefused)


async def test_nothing_set_up_is_said_with_the_remedy() -> None:
    for settings in (MailSettings(), MailSettings(host="127.0.0.1", security="none")):
        outcome = await MailSink(settings, console_url="").send(command())
        assert isinstance(outcome, NotificationRefused)
        assert "SALDO_MAIL_TO" in outcome.message


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "mail.example.com", "security": "none"},
        {"sender": "no address"},
        {"to": {"finance": ("a@b.c\r\nRCPT TO:<x@y.z>",)}},
    ],
)
def test_settings_that_would_leak_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        MailSettings(**settings)


# -- webhook ---------------------------------------------------------------------------------------------------------


@dataclass
class Receiver:
    """An HTTP receiver of hooks: what it got, and how it answers."""

    got: list[tuple[dict[str, str], str]] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    waits_s: float = 0.0
    url: str = ""

    async def take(self, request: Request) -> Response:
        self.got.append((dict(request.headers), (await request.body()).decode()))
        await asyncio.sleep(self.waits_s)
        return self.answers.pop(0) if self.answers else Response(status_code=204)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    listener = socket.create_server(("127.0.0.1", 0))
    found.url = f"http://127.0.0.1:{listener.getsockname()[1]}/saldo"
    with served(Starlette(routes=[Route("/saldo", found.take, methods=["POST"])]), listener, "receiver"):
        yield found


def hooks(url: str, **settings: Any) -> WebhookSink:
    return WebhookSink(
        WebhookSettings(to={"finance": url}, secrets={"finance": SecretStr(SECRET)}, **settings), console_url=CONSOLE
    )


async def test_a_hook_is_signed_as_hooks_that_come_in_and_names_its_notification(receiver: Receiver) -> None:
    assert isinstance(await hooks(receiver.url).send(command()), NotificationSent)
    ((headers, body),) = receiver.got
    message = cast("dict[str, Any]", Webhook(SECRET).verify(body, headers))
    assert headers["webhook-id"] == command().notification_id == message["data"]["notification_id"]
    (alert,) = message["data"]["alerts"]
    assert (alert["change"], alert["severity"], alert["amount_minor"]) == ("opened", "normal", 12550)
    assert alert["link"] == f"{CONSOLE}/search?id=395970002"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace("12550", "12551"), headers)


async def test_a_receiver_that_is_away_slow_or_busy_waits_and_gets_the_same_hook_again(receiver: Receiver) -> None:
    with pytest.raises(ReceiverAway, match="nothing listens"):
        await hooks(f"http://127.0.0.1:{free_port()}/saldo").send(command())
    receiver.waits_s = 1.0
    with pytest.raises(ReceiverAway):
        await hooks(receiver.url, timeout_s=0.2).send(command())
    receiver.waits_s = 0.0
    receiver.answers = [
        Response(status_code=500),
        Response(status_code=401),
        Response(status_code=302, headers={"location": receiver.url}),
        Response(status_code=429, headers={"retry-after": "7"}),
    ]
    errors: list[Delayed] = []
    for _ in range(4):
        with pytest.raises(ReceiverAway) as failed:
            await hooks(receiver.url).send(command())
        errors.append(failed.value)
    assert errors[-1].retry_after_s == 7.0
    assert isinstance(await hooks(receiver.url).send(command()), NotificationSent)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


@pytest.mark.parametrize("status", [400, 410, 413, 422])
async def test_what_a_receiver_refuses_for_good_is_a_fact(receiver: Receiver, status: int) -> None:
    receiver.answers = [Response(status_code=status)]
    outcome = await hooks(receiver.url).send(command())
    assert isinstance(outcome, NotificationRefused)
    assert outcome.code == str(status)


async def test_a_receiver_without_a_hook_is_said() -> None:
    outcome = await WebhookSink(WebhookSettings(), console_url="").send(command())
    assert isinstance(outcome, NotificationRefused)
    assert outcome.code == "no-address"


@pytest.mark.parametrize(
    ("to", "secrets"),
    [("http://hooks.example.com/x", SECRET), ("https://hooks.example.com/x", "whsec_c2hvcnQ="), ("nowhere", SECRET)],
)
def test_hooks_without_tls_or_with_short_secrets_are_refused(to: str, secrets: str) -> None:
    with pytest.raises(ValueError, match=r"to\.finance|secrets\.finance"):
        WebhookSettings(to={"finance": to}, secrets={"finance": SecretStr(secrets)})


def test_a_hook_without_a_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="has no secret"):
        WebhookSettings(to={"finance": "https://hooks.example.com/x"})
