"""Puts the rooms together: the one module that sees agents, connectors, projections and settings at once.

Nothing here happens at import. Each process of Saldo is one function below; the commands of app.cli call them.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, cast

import faust
import httpx2
from faust.types import TP

from app.alerts.watch import Watch, rows_of
from app.composition.keys import load_known_signer, load_ring
from app.composition.posting_claims import PostingClaims
from app.files.reading import FileReader
from app.files.register import FileRegister
from app.operators import rules
from app.output.metrics import TaskMetrics
from app.schedules.launching import CommandLauncher
from app.schedules.runner import ScheduleRunner
from app.settings.privacy_key import privacy_key_of
from app.settings.settings import PollingSettings, Settings
from app.sources import days, folder
from app.sources.polling import DayByDay, Publisher, poll_forever, poll_together, window_poll
from app.sources.reports import ReportSource
from app.sources.shop_hints import ShopHints
from app.sources.status import PollObserver, SourceFile
from app.status.tasks import StatusFile
from connectors.abas.client import AbasClient
from connectors.abas.companies import CompanySinks, labelled
from connectors.abas.profile import Profile, load_profile
from connectors.abas.profile_check import check_profile
from connectors.abas.settings import AbasSettings
from connectors.abas.sink import AbasSink
from connectors.abas.source import AbasSource
from connectors.abas.working_set import close_left_open
from connectors.common.several import held_apart
from connectors.mail.sink import MailSink
from connectors.paytrace.accounts import AccountReaders, AccountSinks
from connectors.paytrace.backfill import BackfillProgress, backfill
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.client_v3 import PayTraceV3Client
from connectors.paytrace.facts import PayTraceFacts, PayTraceHistory
from connectors.paytrace.gateway import not_offered, open_gateway
from connectors.paytrace.hooks import PayTraceReader
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.sink import PayTraceSink
from connectors.paytrace.source import PayTraceSource
from connectors.paytrace.vault_sink import VaultSink
from connectors.rates.source import RatesSource
from connectors.shop.settings import ShopSettings
from connectors.shop.source import ShopSource
from connectors.webhook.sink import WebhookSink
from connectors.woocommerce.client import WooCommerceClient
from connectors.woocommerce.hook import WooCommerceHooks
from connectors.woocommerce.reader import WooCommerceReader
from connectors.woocommerce.sink import WooCommerceSink, refused
from projections.console.decisions import Decisions
from reconcile.files.dispute_hooks import HookReader
from reconcile.files.disputes import load_dispute_profile
from reconcile.files.received import Accounts
from schemas import catalog
from schemas.failures import ContractBroken, Delayed, Unavailable
from schemas.files.owned import FileInvalid
from schemas.records.by_topic import ErpCommands, ErpOutcomes
from schemas.records.customers import ChangeVaultCustomer, VaultCustomerChanged, VaultCustomerNotChanged
from schemas.records.erp import SaveRecord
from schemas.records.gateway import (
    CarryOutGatewayCall,
    GatewayCallBegun,
    GatewayCallDone,
    GatewayCallRefused,
    RequestGatewayCall,
)
from schemas.records.orders import ShopWriteRefused, ShopWritten, WriteToShop
from schemas.values.clock import utc_now
from schemas.wire.codec import Codec
from streams.agents import DECIDERS, Flow, register
from streams.edges import erase_subjects, notify, post_to_abas, send_to_paytrace, write_to_shop, write_to_vault
from streams.edges.claims import Claims
from streams.edges.opening import save_opened
from streams.edges.ports import Observation
from streams.edges.shop_claims import ShopClaims
from streams.edges.subject_keys import SubjectKeys
from streams.log.cluster import Cluster
from streams.log.credentials import (
    INGRESS,
    PROJECTOR,
    SCHEDULES,
    SOURCE_ABAS,
    SOURCE_PAYTRACE,
    SOURCE_RATES,
    SOURCE_REPORTS,
    SOURCE_SHOP,
    WATCH,
    WORKER,
)
from streams.log.kafka import KafkaLog, opened
from streams.log.ports import DeliveryFailed, Log
from streams.log.signing import Ring, RoleSigner
from streams.tasks.manager import AFTER_HALT, TaskManager
from streams.tasks.membership import GroupMembership, SoleOwner
from streams.tasks.ports import Membership, Observer, SilentObserver
from streams.tasks.processor import AnyProcessor
from streams.tasks.stores import MemoryStore, SqliteStore, StateStore
from streams.tasks.task import Task, TaskRules

logger = logging.getLogger(__name__)

EXIT_HALTED = 70
# A cold embedded broker on a busy machine took 15 s; four times that, and a supervisor starts us again anyway.
TOPICS_TIMEOUT_S = 60.0
# A process that waits for Kafka says so after this time, and again at such intervals.
FIRST_WORD_S, NEXT_WORD_S = 4.0, 15.0
OFFER_AGAIN_S = 15.0
# Two reports, which take milliseconds in an installation that is well.
TABLES_TIMEOUT_S = 60.0
SIDE_AGAIN_S = 60.0

# The second poll of each source, as people see it in `saldo status`.
PAYTRACE_FACTS, ABAS_PAYMENT_REQUESTS = f"{PayTraceSource.name} facts", f"{AbasSource.name} payment requests"
ABAS_CUSTOMERS = f"{AbasSource.name} customers"
ABAS_BALANCES = f"{AbasSource.name} balances"
ABAS_CONTRACTS = f"{AbasSource.name} contracts"
# The last one is optional.
ABAS_POLLS = (AbasSource.name, ABAS_CUSTOMERS, ABAS_BALANCES, ABAS_CONTRACTS, ABAS_PAYMENT_REQUESTS)


def codec(settings: Settings) -> Codec:
    """Return the codec of this installation: Confluent frames with a registry, single-object encoding without."""
    if settings.schema_registry_url is None:
        return Codec()
    from schemas.wire.registry import Registry

    return Codec(Registry(settings.schema_registry_url))


def signer(settings: Settings) -> RoleSigner:
    """Return what signs the commands of this process's role.

    Raises ContractBroken when its key is not here or in the ring.
    """
    role = settings.kafka.role
    return load_known_signer(settings.private_key_path(role), role, settings.public_keys_path)


def subject_keys(settings: Settings, log: Log, source: str) -> SubjectKeys:
    """Return the keys of data subjects for a process that writes as `source`; nothing is read before the first use."""
    return SubjectKeys(log, codec(settings), partial(privacy_key_of, settings), source=source)


def wait_for_topics(settings: Settings, *, timeout_s: float = TOPICS_TIMEOUT_S) -> None:
    """Wait until the broker answers and holds every topic: Faust never notices a topic that comes after it.

    Raises: ContractBroken naming what is missing when the time is over.
    """
    deadline = time.monotonic() + timeout_s
    say_at = time.monotonic() + FIRST_WORD_S
    while True:
        try:
            known = Cluster(settings.kafka_options).topics(timeout_s=2.0)
            missing = [name for name in catalog.topics() if name not in known]
            leaderless = [name for name in catalog.topics() if name in known and not known[name].is_led]
            if not missing and not leaderless:
                return
            problem = (
                f"the cluster lacks {', '.join(missing)}; run `saldo topics apply`"
                if missing
                else f"no broker answers for {', '.join(leaderless)} yet; is a broker of the cluster away?"
            )
        except (ContractBroken, Unavailable) as error:
            problem = str(error)
        now = time.monotonic()
        if now >= deadline:
            raise ContractBroken(problem)
        if now >= say_at:
            logger.warning("waiting for Kafka", extra={"reason": problem, "gives_up_in_s": round(deadline - now)})
            say_at = now + NEXT_WORD_S
        time.sleep(0.1)


# -- worker --------------------------------------------------------------------------------------------------------


class Edges:
    """What the sinks of one process reach the world by: its log, its name for people, and the way to both sides.

    Given none of it, the broker of the settings, this process of this machine, and the network.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        log: Log | None = None,
        process: str | None = None,
        abas: httpx2.AsyncBaseTransport | None = None,
        paytrace: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """`process` is how a person finds out whether it still runs; a transport takes the place of the network."""
        self._settings = settings
        self._log = log
        self.process = process or f"{settings.worker.name} on {socket.gethostname()}, process {os.getpid()}"
        self.abas = abas
        self.paytrace = paytrace

    def codec(self) -> Codec:
        """Return the codec of claims."""
        return codec(self._settings)

    def log(self) -> Log:
        """Return the log that claims are kept in; contacted on first use."""
        return self._log or KafkaLog(self._settings.kafka_options)

    def subject_keys(self, source: str) -> SubjectKeys:
        """Return the keys of data subjects; contacted on first use."""
        return subject_keys(self._settings, self.log(), source)


class AbasLedger:
    """The sink's books of every company, each opened on first use, inside the loop that uses them."""

    def __init__(self, settings: Settings, edges: Edges | None = None) -> None:
        self._edges = edges or Edges(settings)
        self._worker = settings.worker.name
        self._opened: dict[str, AbasSink] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._keys: SubjectKeys | None = None
        companies = settings.abas.each()
        self._sinks = CompanySinks({label: partial(self._sink, label, own) for label, own in companies.items()})

    async def post(self, command: ErpCommands) -> ErpOutcomes:
        """Post one document or save one record; see streams.edges.ports.Ledger."""
        if isinstance(command, SaveRecord):
            return await save_opened(self._sinks, command, self._subject_keys())
        return await self._sinks.post(command)

    async def post_checked(self, command: ErpCommands, permit: str) -> ErpOutcomes:
        """Post one document at the request of a person who looked into abas; `permit` names that request."""
        return await self._sinks.post_checked(command, permit)

    def _subject_keys(self) -> SubjectKeys:
        if self._keys is None:
            self._keys = self._edges.subject_keys(post_to_abas.AGENT)
        return self._keys

    async def _sink(self, company: str, settings: AbasSettings) -> AbasSink:
        async with self._opening.setdefault(company, asyncio.Lock()):
            if company not in self._opened:
                # A label per worker, so that what one that was killed left open is distinguished from what its sister
                # uses.
                label = f"{settings.working_set_label}-{self._worker}"
                settings = settings.model_copy(update={"working_set_label": label})
                edges = self._edges
                client = AbasClient(settings, transport=edges.abas)
                profile = await _profile(client, settings.profile_path)
                if profile.posting.strategy != "infosystem":
                    await close_left_open(client)
                claims = PostingClaims(edges.log(), edges.codec(), claimed_by=edges.process)
                self._opened[company] = AbasSink(client, profile, settings, rights=claims)
        return self._opened[company]


class PayTraceCalls:
    """The accounts in which payment requests are carried out, opened on first use, inside the loop that uses them."""

    def __init__(self, settings: Settings, edges: Edges | None = None) -> None:
        self._edges = edges or Edges(settings)
        self._accounts = settings.paytrace.each()
        self._sinks: AccountSinks | None = None

    async def begin(self, request: RequestGatewayCall) -> GatewayCallBegun | GatewayCallRefused:
        """Look before a call; see streams.edges.ports.Gateway."""
        return await self._opened().begin(request)

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> GatewayCallDone | GatewayCallRefused:
        """Make a call once, or leave it to a person; see streams.edges.ports.Gateway."""
        return await self._opened().carry_out(call, taken)

    def _opened(self) -> AccountSinks:
        if self._sinks is None:
            edges = self._edges
            claims = Claims(edges.log(), edges.codec(), claimed_by=edges.process)
            self._sinks = AccountSinks(
                {
                    label: PayTraceSink(open_gateway(account, transport=edges.paytrace), account, claims)
                    for label, account in self._accounts.items()
                }
            )
        return self._sinks


class VaultSinks:
    """The vaults of the merchant accounts, each opened on first use, inside the loop that uses it."""

    def __init__(self, settings: Settings, edges: Edges | None = None) -> None:
        self._edges = edges or Edges(settings)
        self._accounts = settings.paytrace.each()
        self._opened: dict[str, VaultSink] = {}

    async def change(self, command: ChangeVaultCustomer) -> VaultCustomerChanged | VaultCustomerNotChanged:
        """Change one vault customer; see streams.edges.ports.VaultWriter. An account that is away delays its own."""
        account = self._accounts.get(command.merchant)
        if account is None:
            raise Delayed(
                f"merchant account {command.merchant!r} is in no setting any more; put it back into [paytrace]"
            )
        if command.merchant not in self._opened:
            self._opened[command.merchant] = VaultSink(open_gateway(account, transport=self._edges.paytrace))
        changed = self._opened[command.merchant].change(command)
        return await held_apart(changed, f"merchant account {command.merchant}", alone=len(self._accounts) == 1)


class ShopSinks:
    """The shops that are written into, each opened on first use, inside the loop that uses it."""

    def __init__(self, settings: Settings, edges: Edges | None = None) -> None:
        self._edges = edges or Edges(settings)
        self._claims: ShopClaims | None = None
        self._shops = settings.shop
        self._opened: dict[str, WooCommerceSink] = {}

    async def write(self, command: WriteToShop) -> ShopWritten | ShopWriteRefused:
        """Write into one shop; see streams.edges.ports.ShopWriter. One that no setting names is refused."""
        shops = self._shops.each()
        if command.shop not in shops:
            return refused(
                command, "NO_SUCH_SHOP", f"no shop {command.shop} is set; known: {', '.join(shops) or 'none'}"
            )
        if command.shop not in self._opened:
            shop = shops[command.shop]
            self._opened[command.shop] = WooCommerceSink(WooCommerceClient(shop), shop, self._rights())
        return await self._opened[command.shop].write(command)

    def _rights(self) -> ShopClaims:
        if self._claims is None:
            edges = self._edges
            self._claims = ShopClaims(edges.log(), edges.codec(), claimed_by=edges.process)
        return self._claims


def worker_app(settings: Settings) -> faust.App:
    """Return the Faust app with every agent on it: what `saldo run worker` and the `faust` command run."""
    settings = settings.as_role(WORKER)
    client_id = f"saldo-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    session_s = settings.kafka.session_timeout_s
    app = faust.App(
        settings.kafka.group,
        broker=f"kafka://{settings.bootstrap_servers}",
        broker_client_id=client_id,
        broker_credentials=_faust_credentials(settings),
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 4,
        broker_rebalance_timeout=session_s + 2,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        store="memory://",
        web_enabled=False,
        datadir=str(settings.data_dir / "faust"),
    )
    processors = every_processor(settings)
    membership = GroupMembership(
        Cluster(settings.kafka_options), group=settings.kafka.group, client_id=client_id, session_timeout_s=session_s
    )
    manager = new_task_manager(settings, processors, membership)
    flow = Flow(settings.worker.batch_size, settings.worker.linger_s)
    for processor in processors:
        register(app, manager, flow, processor)
    _attend(app, manager, settings.worker.tend_every_s)
    _offer_rules(app, settings)
    _report_status(app, manager, {processor.inbox for processor in processors}, settings)
    return app


def every_processor(settings: Settings) -> tuple[AnyProcessor, ...]:
    """Return the work of every agent, for commands that look at all of it; nothing is contacted."""
    return (
        *DECIDERS,
        gateway_processor(settings),
        sink_processor(settings),
        *notifying_processors(settings),
        shop_processor(settings),
        vault_processor(settings),
        erasing_processor(settings),
    )


def gateway_processor(settings: Settings, edges: Edges | None = None) -> send_to_paytrace.Calls:
    """Return what is carried out at the PayTrace of these settings; nothing is contacted before the first command."""
    return send_to_paytrace.send_to_paytrace(PayTraceCalls(settings, edges))


def sink_processor(settings: Settings, edges: Edges | None = None) -> post_to_abas.Sink:
    """Return the sink's work against the abas of these settings; nothing is contacted before the first command."""
    ledger = AbasLedger(settings, edges)
    return post_to_abas.post_to_abas(ledger, ledger.post_checked)


def notifying_processors(
    settings: Settings, webhooks: httpx2.AsyncBaseTransport | None = None
) -> tuple[AnyProcessor, ...]:
    """Return what tells people of alerts; `webhooks` takes the place of the network."""
    console_url = settings.alerts.console_url
    return (
        notify.send_mail(MailSink(settings.mail, console_url=console_url)),
        notify.send_webhooks(WebhookSink(settings.webhook, console_url=console_url, transport=webhooks)),
    )


def vault_processor(settings: Settings, edges: Edges | None = None) -> write_to_vault.VaultWrites:
    """Return what is written into PayTrace's vaults; nothing is contacted before the first command."""
    edges = edges or Edges(settings)
    keys = partial(edges.subject_keys, write_to_vault.AGENT)
    return write_to_vault.write_to_vault(VaultSinks(settings, edges), keys)


def shop_processor(settings: Settings) -> write_to_shop.Writes:
    """Return what is written into the shops of these settings; nothing is contacted before the first command."""
    return write_to_shop.write_to_shop(ShopSinks(settings))


def erasing_processor(settings: Settings, edges: Edges | None = None) -> AnyProcessor:
    """Return what destroys the keys of people to be forgotten; nothing is contacted before the first command."""
    return erase_subjects.erase_subjects(partial((edges or Edges(settings)).subject_keys, erase_subjects.AGENT))


def new_task_manager(settings: Settings, processors: Sequence[AnyProcessor], membership: Membership) -> TaskManager:
    """Return the tasks of a worker, on the real broker."""
    log = KafkaLog(settings.kafka_options, signer=signer(settings))
    shared_codec, ring, observer = codec(settings), load_ring(settings.public_keys_path), TaskMetrics()

    def new_task(processor: AnyProcessor, partition: int) -> Task[Any]:
        return build_task(settings, processor, partition, log, shared_codec, ring, membership, observer)

    return TaskManager(processors, new_task, halt)


def build_task(
    settings: Settings,
    processor: AnyProcessor,
    partition: int,
    log: Log,
    shared_codec: Codec,
    ring: Ring,
    membership: Membership | None = None,
    observer: Observer | None = None,
    store: StateStore[Any] | None = None,
) -> Task[Any]:
    """Return one task with the store that the settings choose."""
    worker = settings.worker
    return Task(
        processor,
        partition,
        log=log,
        store=state_store(settings, processor, partition) if store is None else store,
        codec=shared_codec,
        ring=ring,
        membership=membership or SoleOwner(),
        observer=observer or SilentObserver(),
        rules=TaskRules(failures_in_a_row=worker.failures_in_a_row, marker_every=worker.marker_every),
    )


def state_store(settings: Settings, processor: AnyProcessor, partition: int) -> StateStore[Any]:
    """Memory, or one SQLite file per task and process: two workers of one machine never share a file."""
    if settings.worker.state_store == "memory":
        return MemoryStore()
    return SqliteStore(state_dir(settings) / f"{processor.name}-{partition}.sqlite", processor.state_type)


def state_dir(settings: Settings) -> Path:
    """Return where the snapshots of this worker lie."""
    return settings.data_dir / "state" / settings.worker.name


def halt(reason: str) -> NoReturn:
    """End the process at once, without clean-up: whatever is not durable must not look as if it were."""
    os._exit(EXIT_HALTED)


def _attend(app: faust.App, manager: TaskManager, every_s: float) -> None:
    """Look after assigned partitions, let go of revoked ones before somebody else gets them, and die with the app."""

    async def tend() -> None:
        while not app.should_stop:
            await manager.tend((tp.topic, tp.partition) for tp in app.consumer.assignment())
            await asyncio.sleep(every_s)

    async def let_go(_app: Any, revoked: set[TP], **_: Any) -> None:
        await manager.release((tp.topic, tp.partition) for tp in revoked)

    def end_with_app() -> None:
        # A crashed Faust app keeps its process, its heartbeat and with them its partitions, and does nothing.
        while not app.crashed:
            time.sleep(every_s)
        reason = f"the Faust app crashed: {app.crash_reason!r}"
        logger.critical("worker halts", extra={"reason": reason, "next": AFTER_HALT})
        halt("the Faust app crashed")

    threading.Thread(target=end_with_app, name="saldo-guard", daemon=True).start()
    app.task(tend)
    app.on_partitions_revoked.connect(cast("Any", let_go))


def _offer_rules(app: faust.App, settings: Settings) -> None:
    """Begin with the rules of the settings where nothing was adopted; say where a file says something else."""

    async def offer() -> None:
        while True:
            try:
                async with opened(settings.kafka_options, signer=signer(settings)) as log:
                    notes = await rules.offer(log, codec(settings), settings.rules)
                break
            except FileInvalid as error:  # nothing of its name is in force, so its agent waits
                logger.error("rules can't be offered", extra={"reason": str(error), "again_in_s": OFFER_AGAIN_S})
            await asyncio.sleep(OFFER_AGAIN_S)
        for note in notes:
            logger.warning("a file of rules is not in force", extra={"reason": note})

    app.task(offer)


def _report_status(app: faust.App, manager: TaskManager, inboxes: Collection[str], settings: Settings) -> None:
    """Say how far every task is, from the first assignment on; the file is read by people and by `saldo up`."""
    file = StatusFile(state_dir(settings))
    assigned = asyncio.Event()

    async def publish() -> None:
        await assigned.wait()
        while not app.should_stop:
            mine = sum(tp.topic in inboxes for tp in app.consumer.assignment())
            with contextlib.suppress(OSError):  # a full disk costs a line of `saldo status` and no more
                await asyncio.to_thread(file.write, manager.tasks, assigned=mine)
            await asyncio.sleep(settings.worker.tend_every_s)

    async def begin(_app: Any, _assigned: set[TP], **_: Any) -> None:
        assigned.set()

    app.task(publish)
    app.on_partitions_assigned.connect(cast("Any", begin))


def _faust_credentials(settings: Settings) -> Any:
    kafka = settings.kafka_log_in()
    if kafka.security_protocol == "PLAINTEXT":
        return None
    import ssl

    context = None
    if kafka.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=kafka.ssl_ca_location and str(kafka.ssl_ca_location))
    if kafka.security_protocol == "SSL":
        return context
    return faust.SASLCredentials(
        username=kafka.sasl_username,
        password=kafka.sasl_password.get_secret_value(),
        ssl_context=context,
        mechanism=kafka.sasl_mechanism,
    )


# -- sources -------------------------------------------------------------------------------------------------------


async def run_paytrace_source(settings: Settings, stop: asyncio.Event) -> None:
    """Poll every merchant account at PayTrace until asked to stop."""
    settings = settings.as_role(SOURCE_PAYTRACE)
    async with _log(settings) as log:
        publisher = Publisher(
            PayTraceSource.name, log, codec(settings), subject_keys(settings, log, SOURCE_PAYTRACE).seal
        )
        accounts = settings.paytrace.each()
        names = {label: poll_names(label, alone=len(accounts) == 1) for label in accounts}
        beside = (days.NAME, folder.NAME) if settings.files.folder else (days.NAME,)
        polls = (*(name for pair in names.values() for name in pair), *beside)
        status = SourceFile(settings.data_dir, PayTraceSource.name, polls)
        _serve_metrics(settings.polling.paytrace_metrics_port)
        await poll_together(
            _poll_days(settings, publisher, stop, status),
            _poll_folder(settings, publisher, FileRegister(log, codec(settings)), stop, status),
            *(
                _poll_account(
                    account, settings.polling, publisher, names[label], stop, status, alone=len(accounts) == 1
                )
                for label, account in accounts.items()
            ),
        )


async def _poll_days(settings: Settings, publisher: Publisher, stop: asyncio.Event, observer: PollObserver) -> None:
    """Publish each new day until asked to stop, in the zone of the first merchant account."""
    zone = next(iter(settings.paytrace.each().values())).zone
    poll = partial(days.poll, zone)
    await poll_forever(days.NAME, publisher, poll, settings.polling.facts_every_s, stop, observer)


async def read_folder(settings: Settings, place: Path) -> tuple[int, tuple[str, ...]]:
    """Read a folder once, as the watched one is read; return how much was new, and what was left out and why."""
    settings = settings.as_role(SOURCE_PAYTRACE)
    async with _log(settings) as log:
        publisher = Publisher(PayTraceSource.name, log, codec(settings))
        await publisher.remember()
        reader = FileReader.of(settings.files, settings.paytrace.currencies)
        watched = folder.WatchedFolder(place, reader, FileRegister(log, codec(settings)), publisher)
        return await publisher.publish(watched.poll()), watched.not_read


async def _poll_folder(
    settings: Settings, publisher: Publisher, register: FileRegister, stop: asyncio.Event, observer: PollObserver
) -> None:
    """Publish what lies in the watched folder until asked to stop; without one there is nothing to do."""
    if settings.files.folder is None:
        return
    reader = FileReader.of(settings.files, settings.paytrace.currencies)
    watched = folder.WatchedFolder(settings.files.folder, reader, register, publisher)
    every_s = settings.polling.facts_every_s
    await poll_forever(folder.NAME, publisher, watched.poll, every_s, stop, observer, not_read=lambda: watched.not_read)


def poll_names(label: str, *, alone: bool) -> tuple[str, str]:
    """Return how the two polls of a merchant account are called: for transactions, and for the other facts."""
    return (PayTraceSource.name, PAYTRACE_FACTS) if alone else (f"paytrace {label}", f"paytrace {label} facts")


async def _poll_account(
    account: PayTraceSettings,
    polling: PollingSettings,
    publisher: Publisher,
    names: tuple[str, str],
    stop: asyncio.Event,
    observer: PollObserver,
    *,
    alone: bool,
) -> None:
    """Poll one merchant account; among several, one whose log-in is refused is tried again and holds up no other."""
    for what in not_offered(account):
        logger.warning("paytrace does not offer", extra={"source": names[0], "what": what})

    async def poll() -> None:
        async with open_gateway(account) as client:
            await poll_paytrace(account, polling, client, publisher, stop, observer, names)

    await _again_and_again(poll, names[0], stop, alone=alone)


async def poll_paytrace(
    account: PayTraceSettings,
    polling: PollingSettings,
    client: PayTraceClient | PayTraceV3Client,
    publisher: Publisher,
    stop: asyncio.Event,
    observer: PollObserver,
    names: tuple[str, str],
) -> None:
    """Both polls of a merchant account, side by side, until asked to stop."""
    source = PayTraceSource(client, account)
    facts = PayTraceFacts(client, account, known=lambda: publisher.subjects)
    await poll_together(
        poll_forever(
            names[0],
            publisher,
            window_poll(source, polling),
            polling.paytrace_every_s,
            stop,
            observer,
            not_read=lambda: source.not_read,
        ),
        poll_forever(
            names[1],
            publisher,
            window_poll(facts, polling),
            polling.facts_every_s,
            stop,
            observer,
            not_read=lambda: facts.not_read,
        ),
    )


@asynccontextmanager
async def paytrace_backfill(
    settings: Settings, account: PayTraceSettings, since: date, until: date, *, resume: bool
) -> AsyncIterator[tuple[AsyncIterator[BackfillProgress], PayTraceHistory]]:
    """Read a merchant account day by day as far back as asked; what is reported already is not told again.

    Shapes: the progress is one item per day; with resume it begins after the last day that a run over the same range
            marked. The history knows afterwards which rows could not be read.
    """
    settings = settings.as_role(SOURCE_PAYTRACE)
    async with open_gateway(account) as client, _log(settings) as log:
        source = PayTraceSource(client, account)
        history = PayTraceHistory(source, PayTraceFacts(client, account))
        publisher = Publisher(source.name, log, codec(settings))
        await publisher.remember()
        days = DayByDay(publisher, f"backfill/{account.merchant}/{since.isoformat()}/{until.isoformat()}")
        done_until = days.done_until if resume else None
        progress = backfill(
            history, since, until, publish=days.publish, mark_done=days.mark_done, done_until=done_until
        )
        yield progress, history


async def run_abas_source(settings: Settings, stop: asyncio.Event) -> None:
    """Poll every company of abas until asked to stop; a profile is checked against its server before the first poll."""
    settings = settings.as_role(SOURCE_ABAS)
    async with _log(settings, signer(settings)) as log:
        companies = settings.abas.each()
        names = {label: tuple(f"{name} {label}".rstrip() for name in ABAS_POLLS) for label in companies}
        count = len(ABAS_POLLS) - (not settings.polling.payment_requests)
        polls = [name for each in names.values() for name in each[:count]]
        status = SourceFile(settings.data_dir, AbasSource.name, tuple(polls))
        _serve_metrics(settings.polling.abas_metrics_port)
        publisher = Publisher(AbasSource.name, log, codec(settings), subject_keys(settings, log, SOURCE_ABAS).seal)
        await poll_together(
            *(
                _poll_company(own, settings.polling, publisher, label, names[label], stop, status)
                for label, own in companies.items()
            )
        )


async def _poll_company(
    company: AbasSettings,
    polling: PollingSettings,
    publisher: Publisher,
    label: str,
    names: Sequence[str],
    stop: asyncio.Event,
    observer: PollObserver,
) -> None:
    """Poll one company; among several, one whose log-in or profile is wrong is tried again and holds up no other."""

    async def poll() -> None:
        async with AbasClient(company) as client:
            await poll_abas(company, polling, client, publisher, stop, observer, label, names)

    await _again_and_again(poll, names[0], stop, alone=not label)


async def poll_abas(
    company: AbasSettings,
    polling: PollingSettings,
    client: AbasClient,
    publisher: Publisher,
    stop: asyncio.Event,
    observer: PollObserver,
    label: str = "",
    names: Sequence[str] = ABAS_POLLS,
) -> None:
    """All polls of a company, side by side, until asked to stop."""
    source: AbasSource | None = None
    opening = asyncio.Lock()

    async def observations(read: Callable[[AbasSource], AsyncIterator[Observation]]) -> AsyncIterator[Observation]:
        nonlocal source
        async with opening:
            if source is None:
                source = AbasSource(client, await _profile(client, company.profile_path), company)
        async for observation in labelled(read(source), label):
            yield observation

    def poll(
        name: str, read: Callable[[AbasSource], AsyncIterator[Observation]], every_s: float
    ) -> Coroutine[Any, Any, None]:
        return poll_forever(name, publisher, lambda: observations(read), every_s, stop, observer)

    # Apart, so that books that can't be read in full keep no payment request waiting, and many customers no books.
    polls = [
        poll(names[0], AbasSource.poll, polling.abas_every_s),
        poll(names[1], AbasSource.customers, polling.facts_every_s),
        poll(names[2], AbasSource.balances, polling.facts_every_s),
        poll(names[3], AbasSource.contracts, polling.facts_every_s),
    ]
    if polling.payment_requests:
        polls.append(poll(names[4], AbasSource.payment_requests, polling.abas_every_s))
    await poll_together(*polls)


async def _again_and_again(
    poll: Callable[[], Awaitable[None]],
    name: str,
    stop: asyncio.Event,
    *,
    alone: bool,
    again_s: float = SIDE_AGAIN_S,
) -> None:
    """Run the polls of one side among several until asked to stop, also after what we agreed on no longer holds.

    Raises: ContractBroken where there is no other side that could be held up.
    """
    while not stop.is_set():
        try:
            await poll()
        except ContractBroken as error:
            if alone:
                raise
            facts = {"source": name, "error": str(error), "again_in_s": again_s}
            logger.error("one of several sides is not read", extra=facts)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), again_s)


async def run_reports_source(settings: Settings, stop: asyncio.Event) -> None:
    """Write the main reports into the ERP's own tables until asked to stop."""
    settings = settings.as_role(SOURCE_REPORTS)
    polling, name = settings.polling, ReportSource.name
    async with _log(settings, signer(settings)) as log:
        status = SourceFile(settings.data_dir, name, (name,))
        publisher = Publisher(name, log, codec(settings))
        source = ReportSource(partial(_rows_of, settings), lambda: publisher.subjects, company=polling.reports_company)
        await poll_forever(name, publisher, source.poll, polling.reports_every_s, stop, status)


def _rows_of(settings: Settings, name: str) -> Sequence[Mapping[str, Any]]:
    """Ask one report of the read side, wherever it is."""
    from projections.reports import questions
    from projections.serving.reader import open_reader

    report = questions.load(name)
    values = questions.values_for(report, {}, day_zone=settings.paytrace.time_zone, now=utc_now())
    reader = open_reader(settings.projection)
    try:
        return questions.ask(reader, report, values).records
    finally:
        reader.close()


async def run_rates_source(settings: Settings, stop: asyncio.Event) -> None:
    """Poll the providers of exchange rates until asked to stop.

    Raises: ContractBroken where the settings name no pair.
    """
    settings = settings.as_role(SOURCE_RATES)
    if not settings.rates.is_used:
        raise ContractBroken("no exchange rates are wanted; set SALDO_RATES_PAIRS and a provider (docs/currencies.md)")
    source = RatesSource(settings.rates)
    async with _log(settings) as log:
        status = SourceFile(settings.data_dir, RatesSource.name, (RatesSource.name,))
        publisher = Publisher(RatesSource.name, log, codec(settings))
        await poll_forever(RatesSource.name, publisher, source.poll, settings.polling.rates_every_s, stop, status)


async def run_shop_source(settings: Settings, stop: asyncio.Event) -> None:
    """Read every shop until asked to stop; one that refuses our keys is left alone for a while and holds up no other.

    Raises: ContractBroken where the settings name no shop.
    """
    settings = settings.as_role(SOURCE_SHOP)
    shops = settings.shop.each()
    if not shops:
        raise ContractBroken("no shop is named; set SALDO_SHOP_BASE_URL and its keys (docs/shop.md)")
    async with _log(settings) as log:
        names = {label: f"{ShopSource.name} {label}" for label in shops}
        status = SourceFile(settings.data_dir, ShopSource.name, tuple(names.values()))
        seal = subject_keys(settings, log, SOURCE_SHOP).seal
        publisher = Publisher(ShopSource.name, log, codec(settings), seal)
        hints = ShopHints(log, codec(settings), publisher)
        await poll_together(
            *(_poll_shop(shop, publisher, hints, names[label], stop, status) for label, shop in shops.items())
        )


async def _poll_shop(
    shop: ShopSettings, publisher: Publisher, hints: ShopHints, name: str, stop: asyncio.Event, observer: PollObserver
) -> None:
    async def poll() -> None:
        async with WooCommerceClient(shop) as client:
            source = ShopSource(WooCommerceReader(client, shop), shop, publisher, partial(hints.take, shop.label))
            await poll_forever(name, publisher, source.poll, shop.look_every_s, stop, observer)

    # Also where it is the only shop: a process that starts again and asks again would lock our keys out.
    await _again_and_again(poll, name, stop, alone=False, again_s=shop.refused_again_s)


def _serve_metrics(port: int) -> None:
    """Prometheus metrics of this process on loopback; 0 is off."""
    if port:
        from prometheus_client import start_http_server

        start_http_server(port, addr="127.0.0.1")


# -- ingress -------------------------------------------------------------------------------------------------------


async def run_ingress(settings: Settings, stop: asyncio.Event) -> None:
    """Serve hooks, Silent Posts and observations until asked to stop; what is being answered is answered first.

    Raises: DeliveryFailed when the producer gave up for good: the process ends and its supervisor starts it again.
    """
    from app.ingress.app import Ingress
    from app.ingress.delivery import Delivery
    from app.ingress.files import FileWays
    from app.ingress.server import listen, new_server

    settings = settings.as_role(INGRESS)
    ingress = settings.ingress
    broken = asyncio.Event()
    shared_codec = codec(settings)
    accounts = settings.paytrace.each()
    if len(accounts) > 1 and ingress.hook_secrets and ingress.hook_rows == "fact":
        raise ContractBroken(
            "rows of hooks name no merchant account, so they can't be believed where there are several; "
            "set SALDO_INGRESS_HOOK_ROWS=hint"
        )
    async with AsyncExitStack() as opened_accounts, _log(settings) as log:
        readers = {
            label: PayTraceReader(await opened_accounts.enter_async_context(open_gateway(account)), account)
            for label, account in accounts.items()
        }
        delivery = Delivery(
            log,
            shared_codec,
            ack_timeout_s=ingress.ack_timeout_s,
            retry_after_s=ingress.retry_after_s,
            on_broken=broken.set,
        )
        gateway_reader, zone = AccountReaders(readers), settings.paytrace.zone
        shops = {
            label: WooCommerceHooks(shop)
            for label, shop in settings.shop.each().items()
            if shop.hook_secret.get_secret_value()
        }
        files = FileWays(
            FileReader.of(settings.files, settings.paytrace.currencies),
            HookReader(
                load_dispute_profile(settings.files.dispute_profile_path),
                Accounts(settings.paytrace.currencies),
                {label: account.zone for label, account in accounts.items()},
            ),
            FileRegister(log, shared_codec),
            only=settings.files.only,
            timeout_s=ingress.ack_timeout_s,
            retry_after_s=ingress.retry_after_s,
            now=utc_now,
        )
        app = Ingress(ingress, gateway_reader, delivery, shared_codec, zone=zone, files=files, shops=shops)
        server = new_server(app, ingress)
        with listen(ingress) as listener:
            host, port = listener.getsockname()[:2]
            logger.info("ingress listens", extra={"host": host, "port": port, "tls": ingress.tls_cert_path is not None})
            serving = asyncio.create_task(server.serve([listener]))
            ends = [asyncio.create_task(event.wait()) for event in (stop, broken)]
            await asyncio.wait([serving, *ends], return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            for end in ends:
                end.cancel()
            await serving
    if broken.is_set():
        raise DeliveryFailed("the producer of the ingress gave up; see the log")


async def _profile(client: AbasClient, path: Path) -> Profile:
    profile = load_profile(path)
    await check_profile(profile, client)
    return profile


def _log(settings: Settings, signer: RoleSigner | None = None) -> AbstractAsyncContextManager[KafkaLog]:
    return opened(settings.kafka_options, signer=signer)


# -- watch ---------------------------------------------------------------------------------------------------------


async def run_watch(settings: Settings, stop: asyncio.Event) -> None:
    """Tell raise-alerts what may raise an alert, and the time, until asked to stop."""
    from app.sources.status import read_sources
    from app.status.tasks import read_all
    from projections.serving.reader import connect_endpoint
    from projections.store.client import open_read_only

    settings = settings.as_role(WATCH)
    projection = settings.projection

    def open_reader() -> Any:
        if projection.is_embedded:
            return connect_endpoint(settings.data_dir, timeout_s=TABLES_TIMEOUT_S)
        return open_read_only(projection.clickhouse_dsn)

    async with _log(settings) as log:
        watch = Watch(
            log,
            codec(settings),
            settings.alerts,
            tasks=lambda: read_all(settings.data_dir / "state"),
            polls=lambda: [poll for source in read_sources(settings.data_dir) for poll in source.polls.items()],
            tables=rows_of(open_reader),
        )
        await watch.run(stop)


# -- schedules -----------------------------------------------------------------------------------------------------


async def run_schedules(settings: Settings, stop: asyncio.Event) -> None:
    """Run what the settings schedule until asked to stop.

    Raises: ContractBroken where another process of this data directory does so already.
    """
    settings = settings.as_role(SCHEDULES)
    place = settings.data_dir / SCHEDULES
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ContractBroken(f"another `saldo run schedules` runs for {settings.data_dir}") from None
        async with _log(settings) as log:
            status = SourceFile(settings.data_dir, SCHEDULES, (SCHEDULES,))
            runner = ScheduleRunner(
                log,
                codec(settings),
                settings.schedules.named,
                CommandLauncher(place, os.environ),
                host=f"{socket.gethostname()} {settings.data_dir.absolute()}",
                pid=os.getpid(),
            )
            await runner.run(stop, lambda: status.succeeded(SCHEDULES))


# -- projector -----------------------------------------------------------------------------------------------------


def run_projector(settings: Settings, decisions: Decisions | None = None) -> None:
    """Project every topic until SIGTERM or SIGINT; decisions is what takes those of the workbench's pages."""
    from projections.projector.writer import run_projector as project

    settings = settings.as_role(PROJECTOR)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    assert settings.bootstrap_servers, "raises by itself when there is no broker"
    projection = settings.projection.model_copy(update={"decisions": decisions})
    project(projection, stop, codec=codec(settings))
