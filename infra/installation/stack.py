"""The embedded installation: which processes make a whole Saldo on one machine, and how they find each other.

Real broker, real worker, real projector, real ingress. PayTrace and abas are the sandboxes unless the settings name
live systems; a sandbox shop sells where PayTrace is one and no shop is named. PayTrace's and the shop's report their
changes to the ingress, so a payment comes by all three ways.
`saldo up` keeps these processes alive, `saldo demo` runs a month through them, the kill test shoots at them.
"""

from __future__ import annotations

import base64
import json
import math
import os
import re
import secrets
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr

from app.api.settings import ApiSettings
from app.composition.keys import key_store
from app.ingress.settings import SECRET_PREFIX, IngressSettings
from app.settings.guard_key import guard_key_of
from app.settings.names import secret_variables, without_secrets
from app.settings.privacy_key import privacy_key_of
from app.settings.settings import KeySettings, Settings
from app.status.tasks import read_status
from app.topics import provisioning
from app.topics.own import topics_of
from infra.embedded.kafka import EmbeddedKafka, credentials_dir
from infra.embedded.process import free_port
from infra.embedded.supervisor import ProcessSpec, RestartPolicy
from projections.serving.settings import endpoint_file
from schemas.files.private_files import write_private
from streams.log import acls
from streams.log.cluster import Cluster
from streams.log.credentials import ADMIN, ROLES, SCHEDULES, credentials_file

PORTS_FILE = "sandbox-ports.json"
SECRETS_FILE = "ingress-secrets.json"
PORTS = ("paytrace", "abas", "shop", "ingress", "api")
SANDBOX_USER = "demo123"
# Schedules run commands, and the workbench gives those of people.
WORKBENCH = "workbench"
GIVES_COMMANDS = frozenset({WORKBENCH, SCHEDULES})
# Sections whose secrets a process gets. A sandbox gets all of them: it checks log-ins and signs hooks.
SECRETS_OF: Mapping[str, frozenset[str]] = {
    "projector": frozenset({"guard", "kafka", "reporting"}),
    "source-paytrace": frozenset({"guard", "kafka", "paytrace"}),
    "source-abas": frozenset({"guard", "kafka", "abas"}),
    "source-reports": frozenset({"guard", "kafka", "reporting"}),
    "source-rates": frozenset({"guard", "kafka", "rates"}),
    "source-shop": frozenset({"guard", "kafka", "shop"}),
    "ingress": frozenset({"guard", "kafka", "paytrace", "ingress", "shop"}),
    "worker": frozenset({"guard", "kafka", "paytrace", "abas", "mail", "webhook", "shop"}),
    "watch": frozenset({"guard", "kafka", "reporting"}),
    "schedules": frozenset({"guard", "kafka", "reporting"}),
    # Its commands may open sealed values and ask abas for its fields.
    WORKBENCH: frozenset({"guard", "privacy", "kafka", "reporting", "abas", "api"}),
}
ALL_SECRETS = frozenset(secret_variables(Settings))
SANDBOX_PASSWORD = SecretStr("demo123")  # the vendor's published demo user; the sandbox alone knows it
ABAS_SANDBOX_PASSWORD = SecretStr("abas-sandbox")  # likewise
SHOP_SANDBOX_KEY = "ck_0123456789abcdef0123456789abcdef01234567"  # likewise, as docs/shop.md has them
SHOP_SANDBOX_SECRET = SecretStr("cs_fedcba9876543210fedcba9876543210fedcba98")
QUICK_RESTARTS = RestartPolicy(first_delay_s=0.5, longest_delay_s=10.0)
POLL_EVERY_S = 1.0
# A trading day lasts a minute here, so its batches should not wait for the five minutes of a live account.
FACTS_EVERY_S = 10.0
# Hooks bring what is new, so the shop is asked for what they lost as seldom as a demo can wait for it.
SHOP_POLL_EVERY_S, SHOP_LOOK_EVERY_S = 5.0, 0.5
# What a killed worker left claimed is tried again ten times as late.
SHOP_TIMEOUT_S = 4.0
# The supervisor asks in its own loop, so an answer may not take long.
_HEALTH_TIMEOUT_S = 0.3


@dataclass(frozen=True)
class Stack:
    """One embedded installation in one data directory."""

    settings: Settings
    workers: int = 1
    extra_env: Mapping[str, str] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        """Where everything of this installation lies."""
        return self.settings.data_dir.absolute()

    @property
    def has_paytrace_sandbox(self) -> bool:
        """Whether PayTrace is the sandbox: no live user is set."""
        return not any(account.username for account in self.settings.paytrace.each().values())

    @property
    def has_abas_sandbox(self) -> bool:
        """Whether abas is the sandbox: no live login is set."""
        companies = self.settings.abas.each().values()
        return not any(company.password.get_secret_value() or company.token_login for company in companies)

    @property
    def has_shop_sandbox(self) -> bool:
        """Whether a sandbox shop sells: no shop is set, and its buyers have a sandbox to pay in."""
        return self.has_paytrace_sandbox and not self.settings.shop.is_used

    @property
    def paytrace_sandbox_url(self) -> str:
        """Where the PayTrace sandbox listens."""
        return f"http://127.0.0.1:{self._ports()['paytrace']}"

    @property
    def abas_sandbox_url(self) -> str:
        """Where the abas sandbox listens, without the /mw of its API."""
        return f"http://127.0.0.1:{self._ports()['abas']}"

    @property
    def shop_sandbox_url(self) -> str:
        """Where the sandbox shop listens."""
        return f"http://127.0.0.1:{self._ports()['shop']}"

    @property
    def ingress_url(self) -> str:
        """Where the ingress listens."""
        ingress = self._ingress()
        scheme = "http" if ingress.tls_cert_path is None else "https"
        return f"{scheme}://{ingress.host}:{ingress.port}"

    @property
    def hooks(self) -> dict[str, str]:
        """Where the PayTrace sandbox tells its changes, in the words of its admin call."""
        ingress = self._ingress()
        return {
            "url": f"{self.ingress_url}/hooks/paytrace",
            "secret": ingress.hook_secrets[0].get_secret_value(),
            "silent_post_url": f"{self.ingress_url}/silent-post/{ingress.silent_post_path.get_secret_value()}",
        }

    @property
    def shop_hooks(self) -> dict[str, str]:
        """Where the sandbox shop sends its hooks, in the words of its settings."""
        return {
            "hook_url": f"{self.ingress_url}/hooks/shop/{self.settings.shop.label}",
            "hook_secret": str(self._secrets()["shop_hook_secret"]),
        }

    @property
    def log_dir(self) -> Path:
        """One log per process, and one of all."""
        return self.data_dir / "logs"

    @property
    def status_path(self) -> Path:
        """What the supervisor last wrote about its processes."""
        return self.data_dir / "supervisor.json"

    def addresses(self) -> Sequence[str]:
        """Return lines for people: where to look; what does not answer yet says so."""
        places = {
            "workbench": f"{self._api().address}/",
            "Kafka": self.kafka_address or "when the broker is ready",
            "ClickHouse clients": self._reported_by_projector("clickhouse"),
        }
        if self.has_paytrace_sandbox:
            places["PayTrace's books"] = f"{self.paytrace_sandbox_url}/_sandbox/"
        if self.has_abas_sandbox:
            places["abas' books"] = f"{self.abas_sandbox_url}/_sandbox/"
        if self.has_shop_sandbox:
            places["the shop's books"] = f"{self.shop_sandbox_url}/_sandbox/books"
        places["ingress"] = f"{self.ingress_url}/docs"
        return [f"{name:18} {place}" for name, place in {**places, "logs": str(self.log_dir)}.items()]

    @property
    def kafka_address(self) -> str | None:
        """Where clients find Kafka; None while the embedded broker does not run."""
        if self.settings.kafka.bootstrap_servers:
            return self.settings.kafka.bootstrap_servers
        running = EmbeddedKafka.running(self.data_dir)
        return None if running is None else running.address

    def _reported_by_projector(self, name: str) -> str:
        """Return an address in projector.json.

        An empty one is of what is switched off, or asked of a ClickHouse server.
        """
        reported = _reported(endpoint_file(self.data_dir))
        return "when the projector is ready" if reported is None else reported.get(name) or "none"

    def env(self) -> dict[str, str]:
        """Return the environment of every process; what the caller's own environment sets stays."""
        own: dict[str, str] = {}
        for section, fields in self._sandboxed().items():
            own |= {f"SALDO_{section}_{name}".upper(): _text(value) for name, value in fields.items()}
        return {**own, **self.base_env()}

    def base_env(self) -> dict[str, str]:
        """Return the environment of a `saldo up` for this installation."""
        return {
            **os.environ,
            **self.extra_env,
            "SALDO_DATA_DIR": str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
        }

    def client_settings(self) -> Settings:
        """Return settings as the processes of this installation see them, for a client in this process."""
        return self.settings.model_copy(
            update={
                section: getattr(self.settings, section).model_copy(update=fields)
                for section, fields in self._sandboxed().items()
            }
        )

    def _sandboxed(self) -> dict[str, dict[str, Any]]:
        """Return settings that lead to the sandboxes, by section; of what is live, the port of the ingress alone."""
        fields: dict[str, dict[str, Any]] = {
            "polling": {},
            "ingress": self._ingress_fields(),
            "api": self._api_fields(),
        }
        if self.has_paytrace_sandbox:
            fields["paytrace"] = {
                "base_url": self.paytrace_sandbox_url,
                "username": SANDBOX_USER,
                "password": SANDBOX_PASSWORD,
                "integrator_id": "saldo",
                "merchant_id": 1,
                # The limits towards the live gateway are a courtesy that the sandbox does not need.
                "max_requests_per_s": 200.0,
                "max_concurrent_requests": 8,
            }
            fields["polling"]["paytrace_every_s"] = POLL_EVERY_S
            fields["polling"]["facts_every_s"] = FACTS_EVERY_S
        if self.has_abas_sandbox:
            fields["abas"] = {"base_url": f"{self.abas_sandbox_url}/mw", "password": ABAS_SANDBOX_PASSWORD}
            fields["polling"]["abas_every_s"] = POLL_EVERY_S
        if self.has_shop_sandbox:
            fields["shop"] = {
                "base_url": self.shop_sandbox_url,
                "consumer_key": SHOP_SANDBOX_KEY,
                "consumer_secret": SHOP_SANDBOX_SECRET,
                "hook_secret": SecretStr(self.shop_hooks["hook_secret"]),
                "writes_back": True,
                "poll_every_s": SHOP_POLL_EVERY_S,
                "look_every_s": SHOP_LOOK_EVERY_S,
                "max_requests_per_s": 100.0,
                "connect_timeout_s": 1.0,
                "read_timeout_s": SHOP_TIMEOUT_S,
            }
        return fields

    def _api(self) -> ApiSettings:
        return self.settings.api.model_copy(update=self._api_fields())

    def _api_fields(self) -> dict[str, Any]:
        """Return a free port, the same at every start, unless one is named: two installations share no port."""
        return {} if "port" in self.settings.api.model_fields_set else {"port": self._ports()["api"]}

    def _ingress(self) -> IngressSettings:
        return self.settings.ingress.model_copy(update=self._ingress_fields())

    def _ingress_fields(self) -> dict[str, Any]:
        """Return a free port unless one is named.

        With the sandbox also the secrets that it signs with, unless some are.
        """
        named = self.settings.ingress
        fields: dict[str, Any] = {}
        if "port" not in named.model_fields_set:
            fields["port"] = self._ports()["ingress"]
        if self.has_paytrace_sandbox:
            own = self._secrets()
            if not named.hook_secrets:
                fields["hook_secrets"] = (SecretStr(own["hook_secret"]),)
            if not named.silent_post_path.get_secret_value():
                fields["silent_post_path"] = SecretStr(own["silent_post_path"])
        return fields

    def processes(self) -> Sequence[ProcessSpec]:
        """Return every process, in the order in which they start."""
        self.prepare()
        brokers = [] if self.settings.kafka.bootstrap_servers else [self.kafka()]
        return [*self.sandboxes(), *brokers, *self.pipeline(), self.workbench()]

    def prepare(self) -> None:
        """Make a data directory that is closed to everybody else, with the keys that no process may come before.

        The keys that sign commands are made at the first start; whoever names a place for them has made them.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir.chmod(0o700)
        guard_key_of(self.settings)
        privacy_key_of(self.settings)
        if self.settings.keys == KeySettings():
            key_store(self.settings).make(datetime.now(UTC))

    def kafka(self) -> ProcessSpec:
        """Return the broker; ready once it answers and holds our topics. The pipeline loads its code meanwhile."""
        broker = EmbeddedKafka(self.data_dir)
        command = broker.prepare()

        def ready(pid: int) -> bool:
            if not broker.ready(pid):
                return False
            cluster = Cluster(broker.client_options(ADMIN))
            wanted = topics_of(self.settings.kafka.topics_path)
            provisioning.apply(cluster, provisioning.compare(cluster, wanted))
            acls.apply(cluster, acls.compare(cluster, wanted, group=self.settings.kafka.group))
            return True

        return ProcessSpec("kafka", command.argv, command.env, command.cwd, ready, gate=False, restart=QUICK_RESTARTS)

    def sandboxes(self) -> Sequence[ProcessSpec]:
        """Return the pretended outside world."""
        wanted = (
            ("paytrace", self.has_paytrace_sandbox, ("--report-to-ingress",)),
            ("abas", self.has_abas_sandbox, ()),
            ("shop", self.has_shop_sandbox, ("--report-to-ingress",)),
        )
        return [self._sandbox(name, self._ports()[name], *more) for name, here, more in wanted if here]

    def _sandbox(self, name: str, port: int, *more: str) -> ProcessSpec:
        words = ("sandbox", "serve", name, "--port", str(port), *more)
        return self._own(f"{name}-sandbox", *words, ready=_listening(port))

    def pipeline(self) -> Sequence[ProcessSpec]:
        """Workers, projector, sources and ingress."""
        workers = [
            self._own(
                f"worker-{number}", "run", "worker", env=self._worker_env(number), ready=self._is_restored(number)
            )
            for number in range(1, self.workers + 1)
        ]
        to_abas = self.settings.polling.reports_to_abas
        has_shop = self.has_shop_sandbox or self.settings.shop.is_used
        reports = [self._own("source-reports", "run", "source", "reports")] if to_abas else []
        return [
            *workers,
            self._own("projector", "run", "projector", ready=self._projector_reads),
            self._own("source-abas", "run", "source", "abas"),
            *reports,
            self._own("source-paytrace", "run", "source", "paytrace"),
            *([self._own("source-rates", "run", "source", "rates")] if self.settings.rates.is_used else []),
            *([self._own("source-shop", "run", "source", "shop")] if has_shop else []),
            self._own("watch", "run", "watch"),
            *([self._own("schedules", "run", "schedules")] if self.settings.schedules.named else []),
            self._own("ingress", "serve", "ingress", ready=_listening(self._ingress().port)),
        ]

    def workbench(self) -> ProcessSpec:
        """Return the API and its pages, where people decide."""
        return self._own(WORKBENCH, "serve", "api", ready=_listening(self._api().port))

    def _worker_env(self, number: int) -> dict[str, str]:
        """Return what tells one worker of this machine from the next: its snapshots, and the port of its metrics."""
        env = {"SALDO_WORKER_NAME": f"worker-{number}"}
        if first := self.settings.worker.metrics_port:
            env["SALDO_WORKER_METRICS_PORT"] = str(first + number - 1)
        return env

    def _is_restored(self, number: int) -> Callable[[int], bool]:
        """Return whether that worker has its partitions and knows how far each is."""
        directory = self.data_dir / "state" / f"worker-{number}"

        def ready(pid: int) -> bool:
            status = read_status(directory)
            return status is not None and status.pid == pid and status.is_restored

        return ready

    def _projector_reads(self, pid: int) -> bool:
        """Return whether the projector answers and every topic is being read."""
        reported = _reported(endpoint_file(self.data_dir))
        if reported is None or reported.get("pid") != pid:
            return False
        try:
            answer = httpx2.get(f"{reported['url']}/health", timeout=_HEALTH_TIMEOUT_S, trust_env=False)
            return bool(answer.json()["reading"])
        except (httpx2.HTTPError, ValueError, KeyError):
            return False

    def _own(
        self, name: str, *words: str, env: Mapping[str, str] | None = None, ready: Callable[[int], bool] | None = None
    ) -> ProcessSpec:
        """Describe a process of ours. All load at the same time, and none is ended because it restores for long."""
        role = re.sub(r"-\d+$", "", name)
        return ProcessSpec(
            name,
            (sys.executable, "-m", "app.cli", *words),
            without_secrets(
                {**self.env(), **self._own_secrets(role), **(env or {})},
                Settings,
                keep=SECRETS_OF.get(role, ALL_SECRETS),
            ),
            ready=ready,
            ready_timeout_s=math.inf,
            gate=False,
            restart=QUICK_RESTARTS,
        )

    def _own_secrets(self, role: str) -> dict[str, str]:
        """Return where a process finds its own Kafka log-in and private key.

        Files of its role, and directories of all only where it gives commands, which have roles of their own.
        """
        if role not in ROLES and role not in GIVES_COMMANDS:
            return {}
        place = self.settings.kafka.credentials_path
        if self.settings.kafka.bootstrap_servers is None:
            place = credentials_dir(self.data_dir)
        log_in, key = place, self.settings.keys.private_path or self.data_dir / "keys"
        if role not in GIVES_COMMANDS:
            key = self.settings.private_key_path(role)
            # The broker may not have written it yet, so whether this is a directory is not asked of the disk.
            if place is not None:
                is_ours = place == credentials_dir(self.data_dir)
                log_in = place / f"{role}.json" if is_ours else credentials_file(place, role)
        own = {"SALDO_KEYS_PRIVATE_PATH": str(key.absolute())}
        return own if log_in is None else {**own, "SALDO_KAFKA_CREDENTIALS_PATH": str(log_in)}

    def _ports(self) -> dict[str, int]:
        """Ports of sandboxes and ingress: free ones, chosen once and kept, so that clients find them again."""
        return {name: int(port) for name, port in self._kept(PORTS_FILE, dict.fromkeys(PORTS, free_port)).items()}

    def _secrets(self) -> dict[str, str]:
        """Return what the sandbox and the ingress of this installation know of each other, chosen once and kept."""
        makers = {
            "hook_secret": lambda: SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode(),
            "silent_post_path": lambda: secrets.token_urlsafe(24),
            "shop_hook_secret": lambda: secrets.token_hex(24),
        }
        return {name: str(value) for name, value in self._kept(SECRETS_FILE, makers).items()}

    def _kept(self, file: str, makers: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
        """Return values of a small file of the data directory; what is missing there is made and written."""
        path = self.data_dir / file
        try:
            kept = dict(json.loads(path.read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            kept = {}
        missing = {name: make() for name, make in makers.items() if name not in kept}
        if missing:
            kept |= missing
            path.parent.mkdir(parents=True, exist_ok=True)
            write_private(path, json.dumps(kept))
        return kept


def _listening(port: int) -> Callable[[int], bool]:
    """Return whether somebody listens on a loopback port."""

    def ready(_pid: int) -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=_HEALTH_TIMEOUT_S).close()
        except OSError:
            return False
        return True

    return ready


def _reported(path: Path) -> dict[str, Any] | None:
    """Return what a process wrote about itself; None when there is nothing to read."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return json.dumps([_text(part) for part in value])
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
