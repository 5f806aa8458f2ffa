"""Runs an ingress for tests: in a thread on any log, or as `saldo serve ingress` in a process of its own; and signs."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from app.files.reading import FileReader
from app.files.register import FileRegister
from app.files.settings import FilesSettings
from app.ingress.app import Ingress
from app.ingress.delivery import Delivery
from app.ingress.files import UPLOAD_TYPE, FileWays
from app.ingress.server import listen, new_server
from app.ingress.settings import IngressSettings
from connectors.paytrace.hook import HOOK_TYPE as HOOK_TYPE
from connectors.paytrace.hooks import PayTraceReader
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.source import TransactionReader
from connectors.paytrace.wire import JsonObject
from reconcile.files.dispute_hooks import HookReader
from reconcile.files.disputes import load_dispute_profile
from reconcile.files.received import Accounts
from schemas import catalog
from schemas.values.business_day import PAYTRACE_ZONE
from schemas.wire.codec import Codec
from streams.edges.ports import ShopHookReader
from streams.log.memory import MemoryLog
from streams.log.ports import Log
from tests.support.kafka import kafka_env
from tests.support.signing import SIGNER

INBOX = "payments.observations.v1"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
TOKEN = "observer-token-observer-token"
SILENT_PATH = "silent-post-path-for-the-tests"

SEEN = "2026-11-20T18:10:00Z"
ROW: JsonObject = {
    "transaction_id": 79388123,
    "credit_card": {"masked_number": "************5439", "expiration_month": "12", "expiration_year": "28"},
    "transaction_type": "SALE",
    "description": "Order 5512",
    "amount": 125.0,
    "invoice_id": "RE-100451",
    "approval_code": "TAS679",
    "approval_message": "  NO  MATCH - Approved and completed",
    "avs_response": "Full Exact Match",
    "csc_response": "Match",
    "status_code": "Y",
    "status_message": "Pending Settlement",
    "created": {"through": "API", "at": "11/20/2026 10:06:30 AM", "by": "demo123", "from_ip": "127.0.0.1"},
    "settled": "",
    "customer_id": "acme-inc",
}


def rows(data: Any) -> dict[str, Any]:
    """The message of a hook with these rows."""
    return {"type": HOOK_TYPE, "timestamp": SEEN, "data": data}


def settings(**changes: Any) -> IngressSettings:
    """Every way in open, on a free port, without rate limit."""
    return IngressSettings(
        **{
            "port": 0,
            "hook_secrets": (SecretStr(SECRET), SecretStr(OLD_SECRET)),
            "observation_tokens": (SecretStr(TOKEN),),
            "silent_post_path": SecretStr(SILENT_PATH),
            "dispute_hook_secrets": (SecretStr(SECRET),),
            "upload_secrets": (SecretStr(SECRET),),
            "rate_per_s": 100_000.0,
            "burst": 100_000,
            **changes,
        }
    )


def environment(found: IngressSettings) -> dict[str, str]:
    """The same settings as a process reads them."""
    defaults = IngressSettings()
    return {
        f"SALDO_INGRESS_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name in IngressSettings.model_fields
        if (value := _plain(getattr(found, name))) != _plain(getattr(defaults, name))
    }


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


class NoReader:
    """A PayTrace that is never asked."""

    async def export_transaction(self, transaction_id: str) -> JsonObject | None:
        raise AssertionError(f"asked for {transaction_id}")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


def memory_log() -> MemoryLog:
    """A log in memory with every topic of ours."""
    return MemoryLog({spec.name: spec.partitions for spec in catalog.topics().values()}, signer=SIGNER)


def new_app(
    log: Log,
    found: IngressSettings | None = None,
    reader: TransactionReader | None = None,
    *,
    now: Callable[[], float] = time.time,
    broken: list[str] | None = None,
    shops: Mapping[str, ShopHookReader] | None = None,
    currencies: Mapping[str, str] | None = None,
    files: FilesSettings | None = None,
) -> Ingress:
    """The application as bootstrap wires it; currencies is by merchant account."""
    found = found or settings()
    codec = Codec()
    desk = PayTraceReader(reader or NoReader(), PayTraceSettings(), now=partial(_instant, now))
    reported = [] if broken is None else broken
    delivery = Delivery(
        log,
        codec,
        ack_timeout_s=found.ack_timeout_s,
        retry_after_s=found.retry_after_s,
        on_broken=lambda: reported.append("broken"),
    )
    instant = partial(_instant, now)
    labels, files = currencies or {"main": "USD"}, files or FilesSettings()
    ways = FileWays(
        FileReader.of(files, labels, now=instant),
        HookReader(
            load_dispute_profile(files.dispute_profile_path), Accounts(labels), dict.fromkeys(labels, PAYTRACE_ZONE)
        ),
        FileRegister(log, codec),
        only=files.only,
        timeout_s=found.ack_timeout_s,
        retry_after_s=found.retry_after_s,
        now=instant,
    )
    return Ingress(found, desk, delivery, codec, now=now, files=ways, shops=shops)


def _instant(now: Callable[[], float]) -> datetime:
    return datetime.fromtimestamp(now(), UTC)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Sends to an ingress over real HTTP, one connection per request."""

    host: str
    port: int
    timeout_s: float = 30.0
    tls: ssl.SSLContext | None = None

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = (
            http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)
            if self.tls is None
            else http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout_s, context=self.tls)
        )
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, named, answer.read())

    def hook(self, body: Any, **changes: Any) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", "/hooks/paytrace", raw, signed(raw, **changes))

    def observations(self, body: Any, token: str = TOKEN) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        return self.request("POST", "/observations", raw, headers)

    def dispute_hook(self, body: Any, **changes: Any) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", "/hooks/disputes", raw, signed(raw, **changes))

    def upload(self, purpose: str, content: bytes, *, name: str = "report.csv", **more: Any) -> Answer:
        """Send a file; more are further fields of it."""
        data = {"purpose": purpose, "file_name": name, "content": base64.b64encode(content).decode(), **more}
        raw = json.dumps({"type": UPLOAD_TYPE, "data": data}).encode()
        return self.request("POST", "/files", raw, signed(raw))

    def silent_post(self, body: bytes, path: str = SILENT_PATH) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request("POST", f"/silent-post/{path}", body, headers)

    def raw(self, data: bytes, *, wait_s: float = 5.0) -> bytes:
        """Send bytes as they are and read until the other side closes or falls silent."""
        with socket.create_connection((self.host, self.port), timeout=wait_s) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            read = b""
            with contextlib.suppress(TimeoutError, ConnectionError):
                while chunk := connection.recv(65536):
                    read += chunk
            return read


class Direct(Client):
    """Calls the application itself, without sockets, in one loop of its own; for thousands of small requests."""

    def __init__(self, app: Ingress) -> None:
        super().__init__("direct", 0)
        object.__setattr__(self, "_app", app)
        object.__setattr__(self, "_runner", asyncio.Runner())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()  # type: ignore[attr-defined]  # set past the frozen dataclass

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
        raw_path, _, query = path.encode().partition(b"?")
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(raw_path.decode()),
            "raw_path": raw_path,
            "query_string": query,
            "headers": named,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "scheme": "http",
            "http_version": "1.1",
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        self._runner.run(self._app(scope, receive, send))  # type: ignore[attr-defined]  # as above
        start = sent[0]
        answered = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], answered, b"".join(message.get("body", b"") for message in sent[1:]))


def signed(
    body: bytes, *, secret: str = SECRET, webhook_id: str = "msg_1", at: float | None = None, **more: str
) -> dict[str, str]:
    """Headers of a hook as the specification's own library signs it."""
    moment = datetime.fromtimestamp(int(time.time() if at is None else at), UTC)
    try:
        signature = Webhook(secret).sign(webhook_id, moment, body.decode())
    except UnicodeDecodeError:  # the library signs texts only
        key = base64.b64decode(secret.removeprefix("whsec_"))
        whole = f"{webhook_id}.{int(moment.timestamp())}.".encode() + body
        signature = "v1," + base64.b64encode(hmac.new(key, whole, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
        **more,
    }


@contextmanager
def ingress_in_thread(app: Ingress, found: IngressSettings) -> Iterator[Client]:
    """Serve from a thread on a free port until the block ends."""
    server = new_server(app, found)
    listener = listen(found, "ingress")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    client = Client("127.0.0.1", listener.getsockname()[1])
    try:
        _await_health(client)
        yield client
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@dataclass
class IngressProcess:
    """`saldo serve ingress` in a process of its own."""

    process: subprocess.Popen[bytes]
    client: Client
    log_path: Path

    @property
    def rss_bytes(self) -> int:
        """Resident memory now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    @property
    def peak_rss_bytes(self) -> int:
        """The most that it ever was."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


@contextmanager
def ingress_in_process(
    directory: Path,
    bootstrap: str,
    found: IngressSettings,
    env: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[IngressProcess]:
    """Start `saldo serve ingress`, and end it with the block (SIGTERM; its exit code must be 0)."""
    log_path = directory / "ingress.log"
    with log_path.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", "ingress"],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("SALDO_")},
                **environment(found),
                **kafka_env(bootstrap),
                "SALDO_DATA_DIR": str(directory),
                "SALDO_CONFIG": os.devnull,
                **(env or {}),
            },
            stdout=output,
            stderr=output,
        )
    try:
        client = Client("127.0.0.1", _port_in(log_path, process), tls=tls)
        _await_health(client)
        yield IngressProcess(process, client, log_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log_path.read_text()[-2000:]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def ends(log: MemoryLog) -> list[int]:
    """How many records each partition of the inbox of a log in memory holds."""
    return [len(log.records(INBOX, partition)) for partition in range(log.partition_count(INBOX))]


def kept(log: MemoryLog, since: Sequence[int] = ()) -> Sequence[Any]:
    """Every record of the inbox of a log in memory, decoded; with `since`, those above these ends."""
    codec = Codec()
    return [
        codec.decode(record.value)
        for partition, begin in enumerate(since or [0] * log.partition_count(INBOX))
        for record in log.records(INBOX, partition)[begin:]
    ]


def _port_in(log_path: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for line in log_path.read_text().splitlines():
            if '"ingress listens"' in line:
                return int(json.loads(line)["port"])
        assert process.poll() is None, log_path.read_text()[-2000:]
        time.sleep(0.05)
    raise AssertionError("the ingress does not listen: " + log_path.read_text()[-2000:])


def _await_health(client: Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            assert client.request("GET", "/healthz").status == 200
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
