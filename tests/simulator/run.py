"""The simulator: the whole pipeline on a log in memory, in virtual time, under troubles that a seed decides.

    python -m tests.simulator.run --seeds 1000
    python -m tests.simulator.run --from 4711 --trace

One seed is one story: some trading days between PayTrace and abas, whose sandboxes are called in this process, while
our workers and sources are killed, paused and cut off. When the troubles are over the pipeline must come to rest, and
the books of all sides must agree (tests/simulator/books.py). The same seed is the same story, step by step.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import functools
import logging
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import httpx2
from pydantic import SecretStr

from app.composition.bootstrap import gateway_processor, sink_processor
from app.operators.dead_letters import DeadLetters
from app.operators.decisions import CommandClient
from app.settings.settings import PollingSettings, Settings, WorkerSettings
from connectors.abas.client import AbasClient
from connectors.abas.profile import load_profile
from connectors.abas.settings import SANDBOX_PROFILE, AbasSettings
from connectors.abas.source import AbasSource
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.facts import PayTraceFacts
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.source import PayTraceSource
from infra.demo.transfers import rules_text
from infra.demo.world import World
from infra.sandboxes.abas.app import create_app as create_abas
from infra.sandboxes.abas.state import DEFAULT_PASSWORD
from infra.sandboxes.paytrace import SandboxSettings
from infra.sandboxes.paytrace import create_app as create_paytrace
from schemas import catalog
from schemas.records.tasks import ParkedReplayRequested
from schemas.topic import Topic
from schemas.values.clock import utc_now
from streams.agents import DECIDERS
from streams.rules.settings import RulesSettings
from streams.tasks.processor import AnyProcessor
from tests.simulator import books
from tests.simulator.broker import Broker, Group, ProcessLog
from tests.simulator.loop import SimLoop, simulated
from tests.simulator.network import Side
from tests.simulator.processes import Outside, Supervised
from tests.simulator.story import People
from tests.simulator.trace import Trace
from tests.simulator.troubles import Troubles
from tests.support.signing import SIGNER

PAYTRACE_URL, ABAS_URL = "http://paytrace.invalid", "http://abas.invalid"
# How long the pipeline may take to come to rest once nothing breaks any more, in seconds of the story.
PATIENCE_S = 240.0
# How long a source may be behind when everything else is at rest: its longest pause after failures, and a poll.
SOURCE_PATIENCE_S = 90.0
# How often an operator has a parked record looked at again: once to look, once to send what is not there.
_MOST_LOOKS = 3
_SHM = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a story is."""

    payments: int = 6
    customers: int = 3
    partitions: tuple[int, ...] = (1, 2)


@dataclass
class Result:
    """What became of one seed."""

    seed: int
    problems: list[str] = field(default_factory=list)
    # What an audit of the log itself says, which looks at no book.
    log_problems: list[str] = field(default_factory=list)
    digest: str = ""
    story_s: float = 0.0
    steps: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    # The other sides' own books at the end: PayTrace's charges, the bank's entries of customers, abas' documents.
    charges: list[dict[str, Any]] = field(default_factory=list, repr=False)
    transfers: list[dict[str, Any]] = field(default_factory=list, repr=False)
    documents: list[dict[str, Any]] = field(default_factory=list, repr=False)
    commands: int = 0
    requests: int = 0
    records: int = 0

    def __str__(self) -> str:
        lines = [f"  PROBLEM: {problem}" for problem in (*self.problems, *self.log_problems)]
        return "\n".join([self._summary, *lines])

    @property
    def _summary(self) -> str:
        return (
            f"seed {self.seed}: {len(self.charges)} charges, {self.requests} requests, {self.commands} commands, "
            f"{len(self.documents)} documents, {self.records} records, {self.steps} steps in {self.story_s:.0f} s, "
            f"{dict(sorted(self.struck.items()))}, {self.digest}"
        )


class Simulation:
    """One seed, set up and ready to run."""

    def __init__(
        self, seed: int, loop: SimLoop, rng: random.Random, directory: Path, plan: Plan, out: TextIO | None = None
    ) -> None:
        self.seed = seed
        self.loop = loop
        self.plan = plan
        self.rng = rng
        self.trace = Trace(loop.time, out)
        self.settings = settings_of(directory, rng)
        counts = dict.fromkeys(catalog.topics(), rng.choice(plan.partitions))
        self.broker = Broker(
            loop, random.Random(rng.getrandbits(64)), counts, SIGNER, self.trace, slowest_s=rng.choice((0.01, 0.1, 1.0))
        )
        self.paytrace = self._side("paytrace", create_paytrace(SandboxSettings(data_dir=directory / "paytrace")))
        self.abas = self._side("abas", create_abas())
        self.processors: tuple[AnyProcessor, ...] = (
            *DECIDERS,
            gateway_processor(self.settings),
            sink_processor(self.settings),
        )
        inboxes: dict[str, int] = {processor.inbox: counts[processor.inbox] for processor in self.processors}
        self.outside = Outside(
            self.settings,
            self.broker,
            Group(self.broker, inboxes),
            self.paytrace,
            self.abas,
            random.Random(rng.getrandbits(64)),
        )
        workers = ("worker-1", "worker-2")
        if rng.random() < 0.5:
            self.outside.disks = {name: {} for name in workers}
        self.ours = [
            Supervised(self.outside, name, random.Random(rng.getrandbits(64)))
            for name in (*workers, "paytrace-source", "abas-source")
        ]
        self.people = loop.new_process("people")

    def _side(self, name: str, app: Any) -> Side:
        return Side(self.loop, random.Random(self.rng.getrandbits(64)), name, app, self.trace)

    async def run(self, result: Result) -> None:
        """Live the story, end the troubles, wait for rest, and compare the books."""
        for one in self.ours:
            one.start()
        troubles = Troubles(self.loop, random.Random(self.rng.getrandbits(64)), self.outside, self.ours)
        self.loop.spawn(self.people, troubles.play())
        async with (
            PayTraceClient(self.settings.paytrace, transport=self.paytrace.transport(reliable=True)) as till,
            httpx2.AsyncClient(base_url=PAYTRACE_URL, transport=self.paytrace.transport(reliable=True)) as desk,
            httpx2.AsyncClient(base_url=ABAS_URL, transport=self.abas.transport(reliable=True)) as erp,
        ):
            world = World(till, desk, erp, self.settings.paytrace)
            people = self._people(world, desk, erp)
            await people.live(self.plan.payments, self.plan.customers)
            troubles.stop()
            await people.recover()
            for one in self.ours:
                if one.process is not None:
                    self.loop.resume(one.process)
            result.struck = troubles.struck
            self.trace.say("calm")
            await self._rest(result, till)
            result.charges = (await desk.get("/_sandbox/books")).json()
            result.transfers = [*people.reported.transfers.values()]
            result.documents = (await erp.get("/_sandbox/books")).json()["documents"]
        result.commands, result.requests = people.reported.commands, len(people.reported.requests)
        result.records = self.broker.kept.acknowledged.total()
        result.log_problems += self.broker.kept.broken_promises()
        try:
            result.problems += await books.problems(
                self.processors,
                self.broker.kept,
                result.charges,
                result.documents,
                people.reported.requests,
                result.transfers,
            )
        except Exception as error:  # whatever keeps the books from being compared is what is wrong with them
            result.problems.append(f"{type(error).__name__}: {error}")

    def _people(self, world: World, desk: httpx2.AsyncClient, erp: httpx2.AsyncClient) -> People:
        by_name = {processor.name: processor for processor in self.processors}
        return People(
            random.Random(self.rng.getrandbits(64)),
            world,
            desk,
            erp,
            CommandClient(ProcessLog(self.broker, self.people, is_acknowledged=True), books.CODEC),
            lambda: books.states(by_name["match-open-items"], self.broker.kept),
            lambda: books.states(by_name["assess-risk"], self.broker.kept),
            self.settings,
            self.broker.kept.partition_count(Topic.RECEIVABLES_INBOX),
        )

    async def _rest(self, result: Result, till: PayTraceClient) -> None:
        """Wait until nothing has moved for a while: every inbox is decided, and the sources find nothing new."""
        calm_at = self.loop.time()
        deadline = calm_at + PATIENCE_S
        polling = self.settings.polling
        quiet_s = max(polling.paytrace_every_s, polling.abas_every_s) + 4.0
        size, since = -1, self.loop.time()
        looks: Counter[tuple[str, int, int]] = Counter()
        lives = {one.name: one.lives for one in self.ours}
        while True:
            await asyncio.sleep(1.0)
            now, taken = self.loop.time(), self.broker.kept.acknowledged.total()
            if taken != size:
                size, since = taken, now
            if now - since >= quiet_s:
                since = now
                if not self._behind() and not await self._look_again(looks):
                    behind = await self._not_published(till)
                    if not behind or now - calm_at > SOURCE_PATIENCE_S:
                        result.problems += behind
                        return
            if ends := [one.name for one in self.ours if one.lives > lives[one.name] + 5]:
                result.problems.append(f"no rest: {', '.join(ends)} ends again and again: {self.ours[0].ended_because}")
                return
            if now > deadline:
                result.problems.append(f"no rest within {PATIENCE_S:.0f} s: {self._behind() or 'records keep coming'}")
                return

    async def _not_published(self, till: PayTraceClient) -> list[str]:
        """What both sides show now and no inbox holds, and what sources that start anew would publish again."""
        paytrace, kept = self.settings.paytrace, self.broker.kept
        facts, source = PayTraceFacts(till, paytrace), PayTraceSource(till, paytrace)
        async with AbasClient(self.settings.abas, transport=self.abas.transport(reliable=True)) as client:
            erp = AbasSource(client, load_profile(self.settings.abas.profile_path), self.settings.abas)
            days = source.window(utc_now())
            return [
                *await books.not_published(source.name, kept, source.poll(*days), facts.poll(*days)),
                *await books.not_published(erp.name, kept, erp.poll(), erp.payment_requests()),
            ]

    async def _look_again(self, looks: Counter[tuple[str, int, int]]) -> int:
        """Have an operator look at whatever is parked, each record a few times; how many were asked for."""
        letters = DeadLetters(ProcessLog(self.broker, self.people, is_acknowledged=True), books.CODEC)
        heads = [one for one in await books.parked(self.broker.kept) if one.behind is None and not one.is_held]
        again = [one for one in heads if looks[one.inbox, one.partition, one.offset] < _MOST_LOOKS]
        for one in again:
            looks[one.inbox, one.partition, one.offset] += 1
            request = functools.partial(
                ParkedReplayRequested, record_key=one.key, requested_by="anna", reason="all are awake", retry=0
            )
            await letters.ask(one, lambda now, request=request: request(requested_at=now))  # type: ignore[misc]
        return len(again)

    def _behind(self) -> dict[str, str]:
        """What is not at rest yet, by task; the workers together hold every partition once."""
        found: dict[str, str] = {}
        held: set[tuple[str, int]] = set()
        for one in self.ours:
            if one.worker is not None and one.process is one.worker.process and one.worker.process.is_alive:
                found |= one.worker.behind()
                held |= one.worker.assigned
        wanted = {
            (processor.inbox, number)
            for processor in self.processors
            for number in range(self.broker.kept.partition_count(processor.inbox))
        }
        return found | {f"{topic}/{number}": "held by nobody" for topic, number in wanted - held}


def settings_of(directory: Path, rng: random.Random) -> Settings:
    """The settings of one installation whose waits fit into a story; how documents are posted is drawn."""
    marker_every, profile = rng.choice((3, 50, 1_000)), rng.choice(profiles())
    return _BASE.model_copy(
        update={
            "data_dir": directory,
            "worker": _BASE.worker.model_copy(update={"marker_every": marker_every}),
            "rules": RulesSettings(deposit_matching_path=deposit_rules()),
            "abas": _BASE.abas.model_copy(
                update={"profile_path": profile, "variable_language": "de" if profile.stem.endswith("_de") else "en"}
            ),
        }
    )


@functools.cache
def deposit_rules() -> Path:
    """The rules for deposits, with the bank account into which customers pay."""
    directory = tempfile.TemporaryDirectory(prefix="saldo-simulator-rules-")
    atexit.register(directory.cleanup)
    path = Path(directory.name) / "deposit-matching.yaml"
    path.write_text(rules_text(), "utf-8")
    return path


@functools.cache
def profiles() -> tuple[Path, ...]:
    """The mapping profiles: the sandbox's own, the German one, and documents posted by an editor under a lock."""
    german = SANDBOX_PROFILE.with_name("sandbox_de.yaml")
    directory = tempfile.TemporaryDirectory(prefix="saldo-simulator-profiles-")
    atexit.register(directory.cleanup)
    editor = Path(directory.name) / "editor.yaml"
    text = SANDBOX_PROFILE.read_text("utf-8")
    assert "strategy: infosystem" in text
    editor.write_text(text.replace("strategy: infosystem", "strategy: editor"), "utf-8")
    return SANDBOX_PROFILE, german, editor


_BASE = Settings.model_construct(
    data_dir=Path("nowhere"),
    worker=WorkerSettings(tend_every_s=2.0),
    polling=PollingSettings(paytrace_every_s=5.0, abas_every_s=5.0, facts_every_s=20.0, recent_days=0),
    schema_registry_url=None,
    paytrace=PayTraceSettings(
        base_url=PAYTRACE_URL,
        username="demo123",
        password=SecretStr("demo123"),
        integrator_id="9999Saldo123",
        merchant_id=1,
        max_requests_per_s=1_000.0,
        max_concurrent_requests=4,
        read_timeout_s=3.0,
        retry_wait_initial_s=0.1,
        retry_wait_max_s=1.0,
        range_margin_days=0,
        lookback_window_days=1,
        lookahead_days=0,
        ach_lookback_window_days=2,
        outcome_wait_s=20.0,
    ),
    abas=AbasSettings(
        base_url=f"{ABAS_URL}/mw",
        password=SecretStr(DEFAULT_PASSWORD),
        read_timeout_s=3.0,
        answer_timeout_s=3.0,
        lock_wait_s=1,
        retry_initial_s=0.1,
        retry_max_s=1.0,
        outcome_wait_s=20.0,
        filed_lookback_days=2,
    ),
)

Prepare = Callable[[Simulation], None]


def simulate(
    seed: int, *, plan: Plan | None = None, out: TextIO | None = None, prepare: Prepare = lambda _: None
) -> Result:
    """Run one seed.

    Ensures: nothing of it is left: no file, no task, no thread; the module-wide random numbers of stamina are put back.
    """
    result = Result(seed)
    rng = random.Random(seed)
    directory = Path(tempfile.mkdtemp(prefix="saldo-simulator-", dir=_SHM if _SHM.is_dir() else None))
    rng_state = random.getstate()
    random.seed(seed)  # stamina draws its jitter from the module's own
    simulation: Simulation | None = None
    try:
        with simulated(rng) as loop:
            simulation = Simulation(seed, loop, rng, directory, plan or Plan(), out)
            prepare(simulation)
            try:
                loop.run_until_complete(loop.spawn(simulation.people, simulation.run(result)))
            except Exception as error:  # of a side that does not answer any more, or of a loop that has nothing to do
                result.problems.append(f"{type(error).__name__}: {error}")
            result.digest = f"{simulation.trace.digest}-{loop.fingerprint:016x}"
            result.story_s, result.steps = loop.time(), loop.steps
    finally:
        random.setstate(rng_state)
        shutil.rmtree(directory, ignore_errors=True)
    return result


def again(seed: int) -> str:
    """How to run a seed again and read every step."""
    return f"again, step by step: make simulate FROM={seed} TRACE=1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; exit code 1 when a seed fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first of them")
    parser.add_argument("--trace", action="store_true", help="write down every step")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first seed that fails")
    given = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    struck: Counter[str] = Counter()
    began, failed = time.monotonic(), 0
    for seed in range(given.first, given.first + given.seeds):
        result = simulate(seed, out=sys.stdout if given.trace else None)
        struck.update(result.struck)
        if given.seeds <= 20 or result.problems or result.log_problems:
            sys.stdout.write(f"{result}\n")
        if result.problems or result.log_problems:
            failed += 1
            sys.stdout.write(f"  {again(seed)}\n")
            if not given.keep_going:
                break
    sys.stdout.write(f"{failed} failed, {time.monotonic() - began:.1f} s, {dict(struck)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    from tests.support.guard_key import use_guard_key_of_the_tests

    use_guard_key_of_the_tests()
    sys.exit(main())
