"""The kill test: payments go on while processes die; then the books of both sides are audited.

    python -m tests.kill.run --seed 7 --seconds 600

Exit code 0 only if every charge in PayTrace's books stands in abas' books exactly once, or waits, or is parked, every
currency closes at zero, every payment request of somebody at abas has its effect at PayTrace once, or is parked without
one and says why, every trouble of troubles.py happened and left what it should, every journal, state and table comes
back identical when it is derived again, and no card number, security code or bank number is in any topic, log or table,
though people typed some into their payments.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx2

from app.composition.bootstrap import signer
from app.files.reading import INBOXES
from app.operators.dead_letters import DeadLetters, ParkedRecord
from app.settings.settings import Settings
from app.status.tasks import read_all
from app.topics import writing
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.ports import Charge
from infra.demo.bank import Bank
from infra.demo.payout import pay_out
from infra.demo.plan import CURRENCY, Course, Day, plan_day
from infra.demo.processor import Processor, Stage
from infra.demo.transfers import BANK_ACCOUNT, Transfers, rate_of, rules_text
from infra.demo.watch import PipelineStatus, Watcher, rows
from infra.demo.world import TEST_CARD, Story, World, open_world
from infra.installation.stack import Stack
from projections.serving.reader import open_reader
from schemas import catalog
from schemas.failures import SaldoError
from schemas.records.gateway import PaymentRequestAccepted, PaymentRequestClosed
from schemas.records.settlement import BankLineObserved
from schemas.records.tasks import ParkedReplayRequested
from schemas.topic import Topic
from schemas.values.business_day import business_day
from schemas.values.money import Money
from schemas.wire.codec import Codec
from schemas.wire.envelope import trusted_position
from schemas.wire.highwater import HighWater
from streams.edges.send_to_paytrace import NAME
from streams.log.kafka import KafkaLog
from tests.kill.front import HOST, TlsFront
from tests.kill.range import Plan, Range
from tests.kill.troubles import BATCHES_KNOWN, SCALED, Played, Troubles, hold, wait_until_seen
from tests.support.scan import Scan, scan_logs, scan_tables, scan_topics
from tests.support.tls import Authority

ROOT = Path(__file__).parents[2]
PAYMENTS_PER_DAY = 40
SETTLE_TIMEOUT_S = 300.0
LEAST_SHOTS = 10
PAYMENT_REQUESTS = "gateway.events.v1"
CALLS = "gateway.commands.v1"
# What every run must have booked besides documents of customers.
LEDGER_KINDS = frozenset({"deposit", "fee", "reserve_held", "chargeback", "chargeback_reversal"})
# And of those of customers: on account by a person's decision, the difference of an invoice in euros.
CUSTOMERS_KINDS = frozenset({"cash_receipt", "cash_receipt_reversal", "on_account_receipt", "exchange_difference"})
# Test numbers of the reference, as people type them into a payment.
TYPED = (
    "card 4012 0000 9876 5439 of Mr. Smith",
    "csc 999, please",
    "routing 325070760 account number 123456789",
    base64.b64encode(b"4012000098765439").decode(),
)


@dataclass
class Outcome:
    """What a run found. `repeats` is topic -> (records written, records accepted)."""

    status: PipelineStatus | None = None
    rebuild_output: str = ""
    rebuild_identical: bool = False
    shots: dict[str, int] = field(default_factory=dict)
    own_ends: dict[str, int] = field(default_factory=dict)
    repeats: dict[str, tuple[int, int]] = field(default_factory=dict)
    scans: dict[str, Scan] = field(default_factory=dict)
    payment_requests: int = 0
    parked_payment_requests: int = 0
    payment_request_problems: list[str] = field(default_factory=list)
    ledger_problems: list[str] = field(default_factory=list)
    ledger_documents: dict[str, int] = field(default_factory=dict)
    played: Played = field(default_factory=Played)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Keep how long a part of the run took."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] = round(time.monotonic() - began, 1)

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong; empty when nothing was lost or doubled."""
        if self.status is None:
            return ["the pipeline did not come to rest in time"]
        audit = self.status.audit
        found = list(audit.problems)
        found += [f"residual of {c} is {minor}" for c, minor in audit.residual_minor.items() if minor]
        if not self.rebuild_identical:
            found.append(f"not everything came back identical:\n{self.rebuild_output}")
        found += self.payment_request_problems + self.ledger_problems
        return found + self.played.problems + self.played.not_played + self.leaks

    @property
    def leaks(self) -> list[str]:
        """Card and bank numbers that got through, and what was not looked through for them."""
        found: list[str] = []
        for place in ("topics", "tables", "logs"):
            scan = self.scans.get(place, Scan(0, ()))
            if not scan.looked_at:
                found.append(f"the {place} were not looked through")
            found += [f"LEAK: {leak}" for leak in scan.leaks[:20]]
        return found


@dataclass(frozen=True)
class PaymentRequest:
    """What somebody at abas asked for: a refund of this payment, or a charge of this vault customer."""

    kind: str
    subject: str
    amount_minor: int


class Feeder(threading.Thread):
    """Lives one trading day after the other, until asked to stop."""

    def __init__(self, stack: Stack, seed: int, busy: threading.Lock) -> None:
        super().__init__(name="feeder")
        self._stack = stack
        self._rng = random.Random(seed)
        self._busy = busy
        self._one_at_a_time = asyncio.Lock()  # a task that waited for the other lock would stop the whole loop
        self._stopping = threading.Event()
        self.days = 0
        self.payment_requests: list[PaymentRequest] = []
        self._bank, self._processor = Bank(), Processor()
        self.transfers: dict[str, dict[str, Any]] = {}  # the bank's entries of customers
        self.played = Played()
        self.error: BaseException | None = None

    def stop(self) -> None:
        """Ask for the end; the day in hand is lived to its end."""
        self._stopping.set()

    def run(self) -> None:
        """Feed."""
        try:
            asyncio.run(self._feed())
        except BaseException as error:
            self.error = error

    async def _feed(self) -> None:
        urls = {"paytrace_url": self._stack.paytrace_sandbox_url, "abas_url": self._stack.abas_sandbox_url}
        settings = self._stack.client_settings()
        async with open_world(settings, **urls) as world, PayTraceClient(settings.paytrace) as till:
            troubles = Troubles(self._stack, settings, till, world, self._seed)
            self.played = troubles.played
            # Two batches before any trouble: later ones may repeat the number of the last. A deposit of a number that a
            # sale of weeks ago is in waits for a person, for that sale is set aside, and its fee waits with it.
            for minor in (65_00, 66_00):
                await till.sale_keyed(TEST_CARD, Charge(amount_minor=minor))
                await world.settle()
            while not self._stopping.is_set():
                day = plan_day(self._rng.randrange(1 << 30), PAYMENTS_PER_DAY, customers=12, label=f"K{self.days}-")
                await self._type_numbers(till)
                await self._live(world, day, troubles)
                self.days += 1
            await troubles.end()
            await asyncio.to_thread(self._import, (), None)  # the fee of the last deposit

    async def _type_numbers(self, till: PayTraceClient) -> None:
        """Sales whose texts hold what must not get further: PayTrace keeps and exports them as they were typed."""
        for number, typed in enumerate(TYPED):
            await till.sale_keyed(TEST_CARD, Charge(amount_minor=70_00 + number, description=typed))
        await till.sale_keyed(TEST_CARD, Charge(amount_minor=80_00, invoice_number="4012000098765439"))

    async def _live(self, world: World, day: Day, troubles: Troubles) -> None:
        story = Story()
        await self._seed(lambda: world.prepare(day.customers))
        await troubles.begin(day)
        transfers = Transfers(f"A{self.days}", day.customers)
        await self._seed(lambda: world.invoice([*day.invoices, *transfers.invoices]))
        locking = asyncio.create_task(troubles.lock(day))
        await world.morning(day.deals, story)
        await locking
        await troubles.few_sessions()
        await world.afternoon(story)
        await self._pause()
        await world.evening(story)
        await self._seed(lambda: self._payment_request(day, story))
        await world.returns(story)
        await asyncio.to_thread(self._pay_out, story, transfers)

    def _pay_out(self, story: Story, transfers: Transfers) -> None:
        """Pay the day out, less fees and a reserve; each day a payment is disputed, and the last dispute ends."""
        number = len(self._processor.disputes)
        reached = [(number, Stage.OPENED)]
        if number:
            won = [(number - 1, Stage.WON), (number - 1, Stage.CREDITED)]
            reached += won if number % 2 else [(number - 1, Stage.LOST)]
        [(deal, payment), *_] = story.of(Course.VAULT_SALE)
        self._processor.dispute([(payment, deal.amount_minor, CURRENCY)])
        self._import(reached, transfers)

    def _import(self, reached: Sequence[tuple[int, Stage]], transfers: Transfers | None) -> None:
        """Import what processor and bank write today; a fee of each day's deposit is told with the next one's."""
        settings = self._stack.client_settings()
        today = business_day(datetime.now(UTC), settings.paytrace.zone)
        charges = _books(self._stack.paytrace_sandbox_url)
        words = "" if transfers is None else transfers.statement((0, 1, 2), today)
        paid = pay_out(
            settings, charges, self._bank, self._processor, today, reached, transfers=words, keeps_more=bool(words)
        )
        if transfers is not None:
            rate = rate_of(today, datetime.now(UTC))
            writing.send(settings.kafka_options, Topic.RATES_INBOX, (rate,), Codec())
            lines = [one for file in paid.files for one in file.facts if isinstance(one, BankLineObserved)]
            transfers.book(one for one in lines if one.bank_account == BANK_ACCOUNT)
            self.transfers.update(transfers.held)
        writing.send(settings.kafka_options, Topic.SETTLEMENT_INBOX, paid.entries, Codec())
        for file in paid.files:
            writing.send(settings.kafka_options, Topic.FILES, file.received, Codec())
            writing.send(settings.kafka_options, INBOXES[file.purpose], file.facts, Codec())

    async def _payment_request(self, day: Day, story: Story) -> None:
        """People at abas ask for money back of a settled payment, and for a charge of a stored card."""
        number = len(self.payment_requests)
        [(deal, payment), *_] = story.of(Course.KEYED_SALE)
        payment_requests = [
            PaymentRequest("refund", payment, 100 + number),
            PaymentRequest("charge", day.customers[0].vault_id, 90_00 + number),
        ]
        rows = [
            {
                "kind": payment_request.kind,
                "customer_number": (deal.customer if payment_request.kind == "refund" else day.customers[0]).number,
                "amount": str(Money(payment_request.amount_minor, CURRENCY).major),
                "currency": CURRENCY,
            }
            | ({"paytrace_transaction_id": payment} if payment_request.kind == "refund" else {})
            for payment_request in payment_requests
        ]
        async with httpx2.AsyncClient(base_url=self._stack.abas_sandbox_url, timeout=60, trust_env=False) as erp:
            (await erp.post("/_sandbox/payment-requests", json=rows)).raise_for_status()
        self.payment_requests += payment_requests

    async def _seed(self, call) -> None:  # type: ignore[no-untyped-def]  # a coroutine function
        """Write to the abas sandbox while nobody shoots at it.

        It may still be starting again, and a connection kept from before the last shot is dead: nothing that fails so
        has reached the new process, so it is tried again.
        """
        async with self._one_at_a_time:
            with self._busy:
                while True:
                    try:
                        await call()
                        return
                    except (httpx2.NetworkError, httpx2.RemoteProtocolError):
                        await asyncio.sleep(0.2)

    async def _pause(self) -> None:
        await asyncio.sleep(self._rng.uniform(0.5, 4.0))


def run(seed: int, seconds: float, data_dir: Path, *, workers: int = 2, plan: Plan | None = None) -> Outcome:
    """Run the kill test once.

    Units:   seconds is how long the shooting lasts.
    Ensures: no process is left behind.
    """
    settings = Settings(data_dir=data_dir)
    plain = Stack(settings)
    authority = Authority(data_dir / "tls")
    ports = {"paytrace": _port_of(plain.paytrace_sandbox_url), "abas": _port_of(plain.abas_sandbox_url)}
    front = TlsFront(ports, authority.issue(HOST))
    extra_env = {
        **SCALED,
        "SALDO_RULES_DEPOSIT_MATCHING_PATH": str(_deposit_rules(data_dir)),
        # A short session, so that a pause of some seconds costs the worker its partitions.
        "SALDO_KAFKA_SESSION_TIMEOUT_S": "6",
        "SALDO_PAYTRACE_BASE_URL": front.url("paytrace"),
        "SALDO_ABAS_BASE_URL": f"{front.url('abas')}/mw",
        "SALDO_PAYTRACE_CA_FILE": str(authority.ca_file),
        "SALDO_ABAS_CA_FILE": str(authority.ca_file),
    }
    stack = Stack(settings, workers=workers, extra_env=extra_env)
    shooting = Range(stack, plan or Plan(), random.Random(seed), data_dir / "logs")
    outcome = Outcome()
    feeder = Feeder(stack, seed, shooting.erp_is_busy)
    other = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    front.start()
    try:
        with outcome.timed("start"):
            shooting.start()
        with outcome.timed("shooting"):
            feeder.start()
            end = time.monotonic() + seconds
            # A busy machine gets more time for its first shots.
            latest = end + seconds
            while feeder.error is None and (now := time.monotonic()) < latest:
                if now >= end and sum(shooting.shots.values()) >= LEAST_SHOTS:
                    break
                shooting.tick(shoot=True)
                time.sleep(0.05)
        feeder.stop()
        with outcome.timed("settling"):
            outcome.status = _settle(stack, shooting, feeder, outcome)
        with outcome.timed("auditing"):
            gateway = _gateway(settings)
            outcome.payment_requests, outcome.parked_payment_requests = (
                len(feeder.payment_requests),
                len(gateway.parked_payment_requests),
            )
            outcome.payment_request_problems = _hold_payment_requests(stack, feeder.payment_requests, gateway)
            outcome.played = feeder.played
            outcome.ledger_documents, outcome.ledger_problems = _hold_ledger(stack)
            _hold_troubles(stack, feeder.played, front)
            # Card numbers are looked for on one core while the other derives everything again.
            topics = other.submit(scan_topics, settings.kafka_options)
            outcome.repeats = asyncio.run(_repeats(settings))
            outcome.scans["tables"] = _scan_tables(settings)
        shooting.stop_pipeline()
        with outcome.timed("rebuilding"):
            outcome.rebuild_output, outcome.rebuild_identical = _rebuild(data_dir)
        outcome.scans["topics"] = topics.result()
    finally:
        feeder.stop()
        if feeder.ident is not None:
            feeder.join()
        with outcome.timed("stopping"):
            other.shutdown()
            shooting.stop()
            front.stop()
        outcome.shots, outcome.own_ends = dict(shooting.shots), dict(shooting.own_ends)
    if feeder.error is not None:
        raise feeder.error
    outcome.scans["logs"] = scan_logs([data_dir / "logs"])
    return outcome


def _deposit_rules(data_dir: Path) -> Path:
    path = data_dir / "deposit-matching.yaml"
    path.write_text(rules_text(), "utf-8")
    return path


def _rebuild(data_dir: Path) -> tuple[str, bool]:
    """What `saldo rebuild` says with the broker that still runs, and whether everything came back identical."""
    rebuilt = subprocess.run(
        [sys.executable, "-m", "app.cli", "rebuild"],
        env={**os.environ, "SALDO_DATA_DIR": str(data_dir), "COLUMNS": "160"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return rebuilt.stdout + rebuilt.stderr, rebuilt.returncode == 0


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def _hold_troubles(stack: Stack, played: Played, front: TlsFront) -> None:
    """Hold what was played against the books, once the last batch was read: that is asked for every ten seconds."""
    settings = stack.client_settings()
    batches = asyncio.run(_batches(settings))
    reader = open_reader(settings.projection)
    try:
        known = partial(rows, reader, BATCHES_KNOWN)
        wait_until_seen(lambda: int(known()[0][0]) >= len(batches), SETTLE_TIMEOUT_S / 5)
        charges, documents = (
            httpx2.get(f"{url}/_sandbox/books", timeout=60, trust_env=False).raise_for_status().json()
            for url in (stack.paytrace_sandbox_url, stack.abas_sandbox_url)
        )
        hold(played, charges, documents["documents"], batches, reader, front.carried)
    finally:
        reader.close()


def _books(url: str) -> Any:
    return httpx2.get(f"{url}/_sandbox/books", timeout=60, trust_env=False).raise_for_status().json()


def _hold_ledger(stack: Stack) -> tuple[dict[str, int], list[str]]:
    """Hold what the ledger asked of abas against abas' own entries; return the documents by kind, and problems."""
    watcher = Watcher(stack.client_settings(), paytrace_url=stack.paytrace_sandbox_url, abas_url=stack.abas_sandbox_url)
    asked, problems = watcher.ledger(timeout_s=SETTLE_TIMEOUT_S / 5)
    problems += watcher.documents(CUSTOMERS_KINDS, timeout_s=SETTLE_TIMEOUT_S / 5)
    kinds = Counter(one.kind for one in asked if one.state == "posted")
    return dict(kinds), [*problems, *(f"no {kind} was posted" for kind in sorted(LEDGER_KINDS - kinds.keys()))]


async def _batches(settings: Settings) -> list[dict[str, Any]]:
    today = datetime.now(settings.paytrace.zone).date()
    async with PayTraceClient(settings.paytrace) as till:
        return await till.export_batches(today - timedelta(days=60), today + timedelta(days=10))


def _settle(stack: Stack, shooting: Range, feeder: Feeder, outcome: Outcome) -> PipelineStatus | None:
    watcher = Watcher(stack.client_settings(), paytrace_url=stack.paytrace_sandbox_url, abas_url=stack.abas_sandbox_url)
    found: list[PipelineStatus | None] = []

    def wait() -> None:
        with outcome.timed("settling: last day"):
            feeder.join()
        if feeder.error is not None:
            return
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        with outcome.timed("settling: gateway"):
            while (
                not _gateway(stack.settings).has_answered(len(feeder.payment_requests)) and time.monotonic() < deadline
            ):
                time.sleep(0.5)
            _look_again(stack)
        watcher.transfers = feeder.transfers
        _put_on_account(stack, watcher)
        found.append(watcher.wait_until(lambda status: status.is_settled, timeout_s=SETTLE_TIMEOUT_S))
        if found == [None]:
            found[:] = [watcher.status()]

    waiting = threading.Thread(target=wait)
    waiting.start()
    while waiting.is_alive():
        shooting.tick(shoot=False)
        time.sleep(0.05)
    return found[0] if found else None


def _put_on_account(stack: Stack, watcher: Watcher) -> None:
    """Put a payment that is more than its invoice on account, as a person does by the command line."""
    waiting: list[str] = []
    deadline = time.monotonic() + SETTLE_TIMEOUT_S / 5
    while not waiting and time.monotonic() < deadline:
        with suppress(SaldoError):
            waiting = watcher.waiting("AMOUNT_DIFFERS")
        time.sleep(0.5)
    for reference in waiting[:1]:  # without any, the audit misses its document
        subprocess.run(
            [sys.executable, "-m", "app.cli", "decide", "on-account", reference, "--why", "for the next invoice"],
            env={**os.environ, "SALDO_DATA_DIR": str(stack.settings.data_dir)},
            cwd=ROOT,
            timeout=SETTLE_TIMEOUT_S / 5,
            check=True,
            stdout=subprocess.DEVNULL,
        )


@dataclass
class Gateway:
    """What the pipeline says of the payment requests: what was asked, how it was closed, which calls are parked."""

    asked: dict[str, PaymentRequest] = field(default_factory=dict)
    is_done: dict[str, bool] = field(default_factory=dict)
    parked: list[ParkedRecord] = field(default_factory=list)

    @property
    def parked_payment_requests(self) -> dict[str, ParkedRecord]:
        """By payment request; of a payment request whose call follows a parked one, that follower."""
        return {
            str(one.content["payment_request_id"]): one
            for one in self.parked
            if one.content and "payment_request_id" in one.content
        }

    def has_answered(self, count: int) -> bool:
        """Whether so many payment requests are closed or parked."""
        return len(self.is_done.keys() | self.parked_payment_requests.keys()) >= count


def _gateway(settings: Settings) -> Gateway:
    """Read it from the topics; empty while the broker is away."""
    codec = Codec()

    async def read() -> Gateway:
        log = KafkaLog(settings.kafka_options)
        found = Gateway()
        try:
            for partition in range(log.partition_count(PAYMENT_REQUESTS)):
                start, end = await log.watermarks(PAYMENT_REQUESTS, partition)
                async for batch in log.read(PAYMENT_REQUESTS, partition, start, end):
                    for event in [codec.decode(record.value) for record in batch]:
                        if isinstance(event, PaymentRequestAccepted):
                            found.asked[event.payment_request_id] = _asked_for(event)
                        elif isinstance(event, PaymentRequestClosed):
                            found.is_done[event.payment_request_id] = event.is_done
            found.parked = await DeadLetters(log, codec).parked(CALLS)
        finally:
            await asyncio.to_thread(log.close)
        return found

    try:
        return asyncio.run(read())
    except SaldoError:
        return Gateway()


def _asked_for(event: PaymentRequestAccepted) -> PaymentRequest:
    subject = event.paytrace_transaction_id or event.vault_customer_id or ""
    return PaymentRequest(event.kind.lower(), subject, event.amount_minor)


def _look_again(stack: Stack) -> None:
    """Everybody is awake now: an operator has every parked call looked up once more, and waits for the decision."""
    if not _gateway(stack.settings).parked:
        return
    ends = asyncio.run(_ask_to_look_again(stack.settings))
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while time.monotonic() < deadline:
        tasks = read_all(stack.data_dir / "state")
        if all(
            reported is not None and reported.position >= end
            for task, end in ends.items()
            for reported in [tasks.get(task)]
        ):
            return
        time.sleep(0.5)


def _replay(key: bytes, now: datetime) -> ParkedReplayRequested:
    return ParkedReplayRequested(record_key=key, requested_by="range", reason="all awake", requested_at=now)


async def _ask_to_look_again(settings: Settings) -> dict[str, int]:
    """A request for each parked call; the result is how far each task comes when it has decided them all."""
    log = KafkaLog(settings.kafka_options, signer=signer(settings))
    letters = DeadLetters(log, Codec())
    try:
        heads = [parked for parked in await letters.parked(CALLS) if parked.behind is None]
        for parked in heads:
            await letters.ask(parked, partial(_replay, parked.key))
        partitions = {parked.partition for parked in heads}
        return {f"{NAME}/{number}": (await log.watermarks(CALLS, number))[1] for number in partitions}
    finally:
        await asyncio.to_thread(log.close)


def _hold_payment_requests(stack: Stack, payment_requests: Sequence[PaymentRequest], gateway: Gateway) -> list[str]:
    """Hold what was asked for against PayTrace's own books.

    Each payment request has its effect once and is closed, or has none and is parked with its reason; nothing else has
    an effect.
    """
    answer = httpx2.get(f"{stack.paytrace_sandbox_url}/_sandbox/books", timeout=60, trust_env=False)
    books = answer.raise_for_status().json()
    made = Counter(
        PaymentRequest("charge", entry["customer_id"], entry["amount_minor"])
        for entry in books
        if str(entry["invoice_id"]).startswith("SALDO-R-") and entry["kind"] == "SALE"
    )
    made.update(
        payment_request
        for entry in books
        if (payment_request := PaymentRequest("refund", str(entry["refund_of"]), entry["amount_minor"]))
        in set(payment_requests)
    )
    parked = {
        gateway.asked[name]: one for name, one in gateway.parked_payment_requests.items() if name in gateway.asked
    }
    problems = [
        f"{payment_request} was carried out {made[payment_request]} times"
        for payment_request in set(made) | set(payment_requests)
        if made[payment_request] != (0 if payment_request in parked else 1)
    ]
    problems += [f"payment request {name} was refused" for name, is_done in gateway.is_done.items() if not is_done]
    problems += [
        f"{payment_request} is parked because of {one.error_type}: {one.message}"
        for payment_request, one in parked.items()
        if one.error_type != "CallInDoubt" and one.behind is None
    ]
    if len(gateway.is_done) + len(parked) != len(payment_requests):
        problems.append(
            f"{len(gateway.is_done)} of {len(payment_requests)} payment requests are closed and {len(parked)} parked"
        )
    return problems


def _scan_tables(settings: Settings) -> Scan:
    reader = open_reader(settings.projection)
    try:
        return scan_tables(reader)
    finally:
        reader.close()


async def _repeats(settings: Settings) -> dict[str, tuple[int, int]]:
    log = KafkaLog(settings.kafka_options)
    counts: dict[str, tuple[int, int]] = {}
    try:
        for topic in catalog.topics():
            written = accepted = 0
            for partition in range(log.partition_count(topic)):
                marks = HighWater()
                start, end = await log.watermarks(topic, partition)
                async for batch in log.read(topic, partition, start, end):
                    written += len(batch)
                    accepted += sum(marks.accept(trusted_position(record.headers)) for record in batch)
            counts[topic] = (written, accepted)
    finally:
        await asyncio.to_thread(log.close)
    return counts


def report(outcome: Outcome) -> str:
    """The run in words."""
    lines = [f"shots: {outcome.shots}", f"processes that ended by themselves: {outcome.own_ends}"]
    lines += [
        f"{topic}: {written} written, {written - accepted} repeats"
        for topic, (written, accepted) in sorted(outcome.repeats.items())
        if written
    ]
    if outcome.status is not None:
        audit = outcome.status.audit
        lines.append(
            f"{audit.charges} charges, {audit.documents} documents; PayTrace {dict(audit.paytrace_minor)}, "
            f"abas {dict(audit.abas_minor)}, waiting or parked {dict(audit.open_minor)}, "
            f"residual {dict(audit.residual_minor)}"
        )
    lines.append(
        f"{outcome.payment_requests} payment requests, {outcome.parked_payment_requests} of them parked without effect"
    )
    lines.append(f"documents of the ledger: {outcome.ledger_documents}")
    lines.append(f"troubles: {dict(outcome.played.counts)}")
    lines += [f"{place}: {scan.looked_at} looked through" for place, scan in outcome.scans.items()]
    lines.append(f"seconds: {outcome.seconds}")
    lines += [f"PROBLEM: {problem}" for problem in outcome.problems] or ["nothing was lost or doubled"]
    return "\n".join(lines)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.4, help="share of shots that pause instead of kill")
    parser.add_argument("--target", action="append", help="NAME=WEIGHT, replaces the usual ones; kafka is one too")
    parser.add_argument("--data-dir", type=Path, help="kept afterwards; default is a temporary one")
    arguments = parser.parse_args()
    data_dir = arguments.data_dir or Path(tempfile.mkdtemp(prefix="saldo-kill-"))
    sys.stdout.write(f"seed {arguments.seed}, data in {data_dir}\n")
    plan = Plan(pause=arguments.pause)
    if arguments.target:
        plan = replace(plan, targets={name: int(weight) for name, weight in (t.split("=") for t in arguments.target)})
    outcome = run(arguments.seed, arguments.seconds, data_dir, workers=arguments.workers, plan=plan)
    sys.stdout.write(report(outcome) + "\n")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
