"""The shooting range: a whole Saldo whose processes are killed and paused at random while payments go on.

The stack is the one of `saldo up` (real broker, both sandboxes, workers, sources, ingress, projector), but each process
is started by the range itself, which shoots at it and starts it again as a supervisor would.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.embedded.supervisor import ProcessSpec
from infra.installation.stack import Stack

RESTART_DELAY_S = (0.2, 2.0)
# Share of shots at a process that is still starting which are fired: on a busy machine, where a start takes longer than
# the time between two shots, no worker would ever get to work otherwise.
SHOTS_AT_STARTING = 0.2
# What the others need until they have ended.
_SERVERS = ("paytrace-sandbox", "abas-sandbox", "shop-sandbox", "kafka")


@dataclass(frozen=True)
class Plan:
    """How to shoot. Units: seconds.

    targets  name prefix -> weight
    pause    share of shots that are SIGSTOP .. SIGCONT instead of kill -9
    """

    targets: Mapping[str, int] = field(
        default_factory=lambda: {
            "worker": 5,
            "projector": 2,
            "source-paytrace": 1,
            "source-abas": 1,
            "abas-sandbox": 1,
            "ingress": 1,
        }
    )
    pause: float = 0.4
    every_s: tuple[float, float] = (1.5, 5.0)
    paused_for_s: tuple[float, float] = (1.0, 14.0)


class Range:
    """Runs the processes of a stack and shoots at them."""

    def __init__(self, stack: Stack, plan: Plan, rng: random.Random, log_dir: Path) -> None:
        self._specs: dict[str, ProcessSpec] = {}
        self._stack = stack
        self._plan = plan
        self._rng = rng
        self._log_dir = log_dir
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._start_at: dict[str, float] = {}
        self._paused_until: dict[str, float] = {}
        self._next_shot = 0.0
        self._announced = 0
        # Held while the range must not shoot at the abas sandbox: its seeding knows no repeat.
        self.erp_is_busy = threading.Lock()
        self.shots: Counter[str] = Counter()
        self.own_ends: Counter[str] = Counter()

    def start(self) -> None:
        """Start everything; returns when the broker holds our topics."""
        self._log_dir.mkdir(parents=True, exist_ok=True)
        self._stack.prepare()
        broker = self._stack.kafka()
        # The pipeline loads its code while the broker starts, as under `saldo up`.
        for spec in [*self._stack.sandboxes(), broker, *self._stack.pipeline()]:
            self._begin(spec)
        self._wait_ready(broker)
        self._next_shot = time.monotonic() + 5.0

    def tick(self, *, shoot: bool) -> None:
        """Wake who was paused long enough, start again who died, and now and then shoot."""
        now = time.monotonic()
        for name, until in list(self._paused_until.items()):
            if now >= until or not shoot:
                del self._paused_until[name]
                self._signal(name, signal.SIGCONT)
        for name, process in list(self._running.items()):
            if process.poll() is not None:
                self.own_ends[f"{name} exit {process.returncode}"] += 1
                del self._running[name]
                self._start_at[name] = now + self._rng.uniform(*RESTART_DELAY_S)
        for name, at in list(self._start_at.items()):
            if now >= at:
                del self._start_at[name]
                self._begin(self._specs[name])
        self._announce_broker()
        if shoot and now >= self._next_shot:
            self._shoot()
            self._next_shot = now + self._rng.uniform(*self._plan.every_s)

    def stop_pipeline(self) -> None:
        """End everything but the sandboxes and the broker."""
        self._end([name for name in self._running if name not in _SERVERS])

    def stop(self) -> None:
        """End every process, the broker last."""
        self.stop_pipeline()
        self._end([name for name in _SERVERS if name in self._running])

    def _end(self, names: Sequence[str]) -> None:
        for name in names:
            self._signal(name, signal.SIGTERM)
            self._signal(name, signal.SIGCONT)
        for name in names:
            process = self._running.pop(name)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _announce_broker(self) -> None:
        """A broker that was started again is found by others once it answers, as its supervisor sees to."""
        process = self._running.get("kafka")
        if process is None or process.pid == self._announced or "kafka" in self._paused_until:
            return
        ready = self._specs["kafka"].ready
        assert ready is not None
        if ready(process.pid):
            self._announced = process.pid

    def _shoot(self) -> None:
        alive = [name for name in self._running if name not in self._paused_until]
        weighted = [
            name
            for name in alive
            for prefix, weight in self._plan.targets.items()
            if name.startswith(prefix)
            for _ in range(weight)
        ]
        if not weighted:
            return
        name = self._rng.choice(weighted)
        if not self._is_ready(name) and self._rng.random() > SHOTS_AT_STARTING:
            return
        if name != "abas-sandbox":
            self._hit(name)
        elif self.erp_is_busy.acquire(blocking=False):
            try:
                self._hit(name)
            finally:
                self.erp_is_busy.release()

    def _is_ready(self, name: str) -> bool:
        ready = self._specs[name].ready
        return ready is None or ready(self._running[name].pid)

    def _hit(self, name: str) -> None:
        if self._rng.random() < self._plan.pause:
            self.shots[f"pause {name}"] += 1
            self._signal(name, signal.SIGSTOP)
            self._paused_until[name] = time.monotonic() + self._rng.uniform(*self._plan.paused_for_s)
            return
        self.shots[f"kill {name}"] += 1
        process = self._running.pop(name)
        process.kill()
        process.wait()
        self._start_at[name] = time.monotonic() + self._rng.uniform(*RESTART_DELAY_S)

    def _begin(self, spec: ProcessSpec) -> None:
        self._specs[spec.name] = spec
        with (self._log_dir / f"{spec.name}.log").open("ab") as output:
            self._running[spec.name] = subprocess.Popen(
                spec.argv, env=spec.env, cwd=spec.cwd, stdout=output, stderr=output, start_new_session=True
            )

    def _signal(self, name: str, number: int) -> None:
        process = self._running.get(name)
        if process is not None and process.poll() is None:
            os.kill(process.pid, number)

    def _wait_ready(self, broker: ProcessSpec) -> None:
        process = self._running[broker.name]
        assert broker.ready is not None
        deadline = time.monotonic() + 180
        while not broker.ready(process.pid):
            assert process.poll() is None, "the broker ended while it started"
            assert time.monotonic() < deadline, "the broker did not come up"
            time.sleep(0.1)
