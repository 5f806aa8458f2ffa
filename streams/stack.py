"""The embedded installation: which processes make a whole Saldo on one machine, and how they find each other.

Real broker, real worker, real projector. PayTrace and abas are the sandboxes unless the settings name live systems.
`saldo up` keeps these processes alive, `saldo demo` runs a trading day through them, the kill test shoots at them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from schemas import catalog
from streams import topics
from streams.embedded.kafka import EmbeddedKafka
from streams.embedded.process import free_port
from streams.embedded.supervisor import ProcessSpec, RestartPolicy
from streams.settings import Settings

PORTS_FILE = "sandbox-ports.json"
SANDBOX_USER = "demo123"
SANDBOX_PASSWORD = SecretStr("demo123")  # the vendor's published demo user; the sandbox alone knows it
ABAS_SANDBOX_PASSWORD = SecretStr("abas-sandbox")  # likewise
QUICK_RESTARTS = RestartPolicy(first_delay_s=0.5, longest_delay_s=10.0)
POLL_EVERY_S = 1.0


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
        return not self.settings.paytrace.username

    @property
    def has_abas_sandbox(self) -> bool:
        """Whether abas is the sandbox: no live login is set."""
        return not self.settings.abas.password.get_secret_value() and self.settings.abas.token_login is None

    @property
    def paytrace_sandbox_url(self) -> str:
        """Where the PayTrace sandbox listens."""
        return f"http://127.0.0.1:{self._ports()['paytrace']}"

    @property
    def abas_sandbox_url(self) -> str:
        """Where the abas sandbox listens, without the /mw of its API."""
        return f"http://127.0.0.1:{self._ports()['abas']}"

    @property
    def log_dir(self) -> Path:
        """One log per process, and one of all."""
        return self.data_dir / "logs"

    @property
    def status_path(self) -> Path:
        """What the supervisor last wrote about its processes."""
        return self.data_dir / "supervisor.json"

    def addresses(self) -> Sequence[str]:
        """Lines for people: where to look."""
        sandboxes = {
            "PayTrace sandbox": self.paytrace_sandbox_url if self.has_paytrace_sandbox else None,
            "abas sandbox": self.abas_sandbox_url if self.has_abas_sandbox else None,
        }
        lines = [f"{name:18} {url}/_sandbox/" for name, url in sandboxes.items() if url is not None]
        return [*lines, f"{'logs':18} {self.log_dir}"]

    def env(self) -> dict[str, str]:
        """The environment of every process; what the caller's own environment sets stays."""
        own: dict[str, str] = {}
        for section, fields in self._sandboxed().items():
            own |= {f"SALDO_{section}_{name}".upper(): _text(value) for name, value in fields.items()}
        return {**own, **self.base_env()}

    def base_env(self) -> dict[str, str]:
        """The environment of a `saldo up` for this installation."""
        return {
            **os.environ,
            **self.extra_env,
            "SALDO_DATA_DIR": str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
        }

    def client_settings(self) -> Settings:
        """Settings as the processes of this installation see them, for a client in this process."""
        return self.settings.model_copy(
            update={
                section: getattr(self.settings, section).model_copy(update=fields)
                for section, fields in self._sandboxed().items()
            }
        )

    def _sandboxed(self) -> dict[str, dict[str, Any]]:
        """Settings that lead to the sandboxes, by section; empty for what is live."""
        fields: dict[str, dict[str, Any]] = {"polling": {}}
        if self.has_paytrace_sandbox:
            fields["paytrace"] = {
                "base_url": self.paytrace_sandbox_url,
                "username": SANDBOX_USER,
                "password": SANDBOX_PASSWORD,
                "integrator_id": "saldo",
                "merchant_id": 1,
                # The limits towards the live gateway are manners, which the sandbox does not need.
                "max_requests_per_s": 200.0,
                "max_concurrent_requests": 8,
            }
            fields["polling"]["paytrace_every_s"] = POLL_EVERY_S
        if self.has_abas_sandbox:
            fields["abas"] = {"base_url": f"{self.abas_sandbox_url}/mw", "password": ABAS_SANDBOX_PASSWORD}
            fields["polling"]["abas_every_s"] = POLL_EVERY_S
        return fields

    def processes(self) -> Sequence[ProcessSpec]:
        """Every process, in the order in which they start."""
        brokers = [] if self.settings.kafka.bootstrap_servers else [self.kafka()]
        return [*self.sandboxes(), *brokers, *self.pipeline()]

    def kafka(self) -> ProcessSpec:
        """The broker; ready once it answers and holds our topics. The pipeline loads its code meanwhile."""
        broker = EmbeddedKafka(self.data_dir)
        command = broker.prepare()

        def ready(pid: int) -> bool:
            if not broker.ready(pid):
                return False
            admin = AdminClient(self.settings.kafka.options(broker.bootstrap_servers))
            topics.apply(admin, topics.compare(admin, catalog.topics().values()))
            return True

        return ProcessSpec("kafka", command.argv, command.env, command.cwd, ready, gate=False, restart=QUICK_RESTARTS)

    def sandboxes(self) -> Sequence[ProcessSpec]:
        """The pretended outside world."""
        wanted = {"paytrace": self.has_paytrace_sandbox, "abas": self.has_abas_sandbox}
        return [
            self._own(f"{name}-sandbox", "sandbox", "serve", name, "--port", str(self._ports()[name]))
            for name, here in wanted.items()
            if here
        ]

    def pipeline(self) -> Sequence[ProcessSpec]:
        """Workers, projector and sources."""
        workers = [
            self._own(f"worker-{number}", "run", "worker", env=self._worker_env(number))
            for number in range(1, self.workers + 1)
        ]
        return [
            *workers,
            self._own("projector", "run", "projector"),
            self._own("source-abas", "run", "source", "abas"),
            self._own("source-paytrace", "run", "source", "paytrace"),
        ]

    def _worker_env(self, number: int) -> dict[str, str]:
        """What tells one worker of this machine from the next: its snapshots, and the port of its metrics."""
        env = {"SALDO_WORKER_NAME": f"worker-{number}"}
        if first := self.settings.worker.metrics_port:
            env["SALDO_WORKER_METRICS_PORT"] = str(first + number - 1)
        return env

    def _own(
        self, name: str, *words: str, env: Mapping[str, str] | None = None, ready: Callable[[int], bool] | None = None
    ) -> ProcessSpec:
        argv = (sys.executable, "-m", "streams.cli", *words)
        return ProcessSpec(name, argv, {**self.env(), **(env or {})}, ready=ready, restart=QUICK_RESTARTS)

    def _ports(self) -> dict[str, int]:
        """Ports of the sandboxes: free ones, chosen once and kept, so that clients find them again."""
        path = self.data_dir / PORTS_FILE
        try:
            return {name: int(port) for name, port in json.loads(path.read_text("utf-8")).items()}
        except (FileNotFoundError, ValueError):
            ports = {name: free_port() for name in ("paytrace", "abas")}
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(ports), "utf-8")
            return ports


def _text(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
