"""How an installation stands: its processes, the outside systems, each agent's position, and what waits for people.

For `saldo status`. Positions come from the workers of this machine (app.status.tasks), what became of each poll from
the sources (app.sources.status), ends from the broker, and the rest from the projector. What can't be asked is
never taken for well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from schemas.values.counting import counted

if TYPE_CHECKING:
    from app.sources.status import PollStatus, SourceStatus
    from app.status.tasks import TaskStatus
    from infra.embedded.supervisor import ProcessStatus, SupervisorStatus
    from infra.installation.stack import Stack

_WIDTH = 24
# A status that hangs tells nothing; both answers take milliseconds in an installation that is well.
_ANSWER_S = 10.0
_SOURCE = "source-"
READY, NOT_READY, NEEDS_A_PERSON = 0, 1, 4
_HEADING = f"{'agent':{_WIDTH}} {'behind':>7} {'parked':>7}   position/end of each partition of its inbox"


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """One process. is_well: it does its work."""

    name: str
    in_words: str
    is_well: bool


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent.

    Shapes: tasks and ends are (p,), by partition; a task is None while no worker here has it, ends is None while no
            broker answers.
    """

    name: str
    tasks: tuple[TaskStatus | None, ...]
    ends: tuple[int, ...] | None

    @property
    def behind(self) -> int | None:
        """Records of the inbox that are not decided; None when that can't be known."""
        if self.ends is None or None in self.tasks:
            return None
        return sum(max(0, end - task.position) for end, task in zip(self.ends, self.tasks, strict=True) if task)

    def lines(self) -> list[str]:
        """Show people the numbers, then why a task waits."""
        ends = self.ends or (None,) * len(self.tasks)
        places = "  ".join(
            f"{'-' if task is None else task.position}/{'?' if end is None else end}"
            for task, end in zip(self.tasks, ends, strict=True)
        )
        parked = sum(task.parked for task in self.tasks if task)
        waits = [
            f"  {self.name}/{number} waits{f' since {task.waits_since}' if task.waits_since else ''}: {task.waits}"
            for number, task in enumerate(self.tasks)
            if task and task.waits
        ]
        return [f"{self.name:{_WIDTH}} {_count(self.behind):>7} {parked:>7}   {places}", *waits]


@dataclass(frozen=True, slots=True)
class PollLine:
    """One poll of a source: what it last did."""

    name: str
    status: PollStatus

    def in_words(self) -> str:
        """Tell people since when, why, and until when nothing is asked."""
        from schemas.failures.waiting import seconds_in_words

        status = self.status
        read = f"last read whole {status.last_success_at}" if status.last_success_at else "never read whole"
        if status.error is None:
            return f"reads; {read}" if status.reads else f"has not read yet; {read}"
        times = counted(status.failures, "failure")
        what = "reads, but some rows can't be read" if status.is_unreadable else "can't read"
        asked = f" (it asked for {seconds_in_words(status.asked_s)})" if status.asked_s else ""
        again = f"; next attempt {status.waits_until}{asked}" if status.waits_until else ""
        return f"{what} since {status.failing_since}, {times}; {read}{again}"

    def lines(self) -> list[str]:
        """Tell people what it does, and why it fails."""
        error = [f"  {line}" for line in (self.status.error or "").splitlines()]
        left_out = [f"  {what}" for what in self.status.not_read]
        return [f"{self.name:{_WIDTH}} {self.in_words()}", *error, *left_out]


@dataclass(frozen=True, slots=True)
class PersonLine:
    """One kind of thing that waits for a person. Units: minor units of currency, which is empty where none applies."""

    kind: str
    currency: str
    item_count: int
    amount_minor: int
    oldest_since: str

    def in_words(self) -> str:
        """Tell people how many, how much, and where to look."""
        from schemas.values.money import shown

        what, where = _PERSON_WORDS.get(self.kind, (self.kind, "saldo report what_needs_a_person"))
        amount = f" ({shown(self.amount_minor, self.currency)})" if self.currency else ""
        return f"{counted(self.item_count, what)}{amount}, see `{where}`"


# Kind of the report -> singular and plural of what is counted, and the command that shows it.
_PERSON_WORDS: Mapping[str, tuple[str, str]] = {
    "money waits": ("payment waits|payments wait", "saldo waiting"),
    "payments held": (
        "payment held by rules of risk|payments held by rules of risk",
        "saldo report risk_holds",
    ),
    "documents refused": (
        "document refused by abas|documents refused by abas",
        "saldo report documents refused",
    ),
    "ledger documents waiting": (
        "document of the ledger has no account|documents of the ledger have no account",
        "saldo report ledger_waiting",
    ),
    "balances unexplained": (
        "account where abas shows something else than our documents|"
        "accounts where abas shows something else than our documents",
        "saldo report account_balances",
    ),
    "erp records refused": (
        "customer, order or other record refused by abas|customers, orders or other records refused by abas",
        "saldo report erp_records refused",
    ),
    "payment requests wait": (
        "payment request waits or is in doubt|payment requests wait or are in doubt",
        "saldo report payment_requests",
    ),
    "payments not recognized": ("payment not recognized|payments not recognized", "saldo waiting"),
    "disputes to answer": ("dispute to answer|disputes to answer", "saldo report disputes"),
    "chargebacks to book": ("open chargeback|open chargebacks", "saldo waiting"),
    "bank lines unexplained": ("bank line unexplained|bank lines unexplained", "saldo report deposit_breaks"),
    "rests of deposits": (
        "rest of a deposit on unidentified receipts|rests of deposits on unidentified receipts",
        "saldo report deposit_breaks",
    ),
    "subscription runs": (
        "run of a subscription missed or declined|runs of subscriptions missed or declined",
        "saldo report subscription_runs",
    ),
    "refunds that came back": (
        "refund came back and is owed to the customer|refunds came back and are owed to customers",
        "saldo report refunds_that_came_back",
    ),
    "deposits overdue": ("deposit overdue|deposits overdue", "saldo report deposit_breaks"),
    "charges held": (
        "vault customer that may not be charged|vault customers that may not be charged",
        "saldo report next_steps",
    ),
    "customers to link": ("customer to link|customers to link", "saldo report customer_links"),
    "customer values": ("value of a customer to decide|values of customers to decide", "saldo report customer_values"),
    "customers unknown": ("customer unknown in abas|customers unknown in abas", "saldo report customer_links"),
    "orders waiting": ("order of a shop waits|orders of shops wait", "saldo report orders"),
    "alerts open": ("alert that nobody took on|alerts that nobody took on", "saldo alerts list"),
    "proposals open": ("proposal needs a second person|proposals need a second person", "saldo approvals list"),
    "records parked": ("record parked|records parked", "saldo dlq list"),
    "records unreadable": (
        "record that no table shows|records that no table shows",
        "saldo report unreadable_records",
    ),
}


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """All of it at one moment.

    projector_behind is a record count, None when that can't be known; projector_error says why. people is None when the
    tables can't be asked. access is what is to be known of how people are known; empty where they log in.
    """

    processes: tuple[ProcessLine, ...]
    agents: tuple[AgentLine, ...]
    projector_behind: int | None
    polls: tuple[PollLine, ...] = ()
    people: tuple[PersonLine, ...] | None = ()
    projector_error: str | None = None
    access: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether nothing stands still: every process works, the other sides answer, no task waits."""
        return not self._missing()

    @property
    def exit_code(self) -> int:
        """0: nothing to do, or at work. 1: something can't go on. 4: all goes on, and a person is needed."""
        if not self.is_ready:
            return NOT_READY
        return NEEDS_A_PERSON if self._for_people() else READY

    @property
    def in_a_word(self) -> str:
        """The first line: ready or not, and what is to be looked at."""
        missing, people = self._missing(), self._for_people()
        if missing:
            return "; ".join((f"not ready: {', '.join(missing)}", *people))
        remarks = []
        if behind := sum(agent.behind or 0 for agent in self.agents):
            remarks.append(f"{counted(behind, 'record|records')} to decide")
        if self.projector_behind:
            remarks.append(f"{counted(self.projector_behind, 'record|records')} to project")
        if held := sum(task.held for agent in self.agents for task in agent.tasks if task):
            remarks.append(f"{counted(held, 'key is|keys are')} held back and tried again, see `saldo dlq list`")
        # Without a setting that says so for good, a wrong merchant id looks like a day without money.
        remarks += [
            f"source {poll.name} may not read everything, see below" for poll in self.polls if poll.status.not_read
        ]
        return "; ".join(("ready", *(remarks + people or ["nothing to do"])))

    def agent_lines(self) -> list[str]:
        """Return the table of agents, the projector below it."""
        lines = [line for agent in self.agents for line in agent.lines()]
        projector = f"{'projector':{_WIDTH}} {_count(self.projector_behind):>7} {'':>7}   all topics"
        return [_HEADING, *lines, projector, *([f"  {self.projector_error}"] if self.projector_error else [])]

    def poll_lines(self) -> list[str]:
        """Return what each poll of a source last did."""
        return [line for poll in self.polls for line in poll.lines()]

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs; the words of `summary` may change, the rest keeps its names."""
        return {
            "ready": self.is_ready,
            "exit_code": self.exit_code,
            "summary": self.in_a_word,
            "access": self.access,
            "not_ready_because": self._missing(),
            "processes": [asdict(line) for line in self.processes],
            "sources": [{"poll": poll.name, **asdict(poll.status)} for poll in self.polls],
            "agents": [{**asdict(agent), "behind": agent.behind} for agent in self.agents],
            "projector": {"behind": self.projector_behind, "error": self.projector_error},
            "needs_a_person": None if self.people is None else [asdict(line) for line in self.people],
        }

    def _missing(self) -> list[str]:
        away = [process.name for process in self.processes if not process.is_well]
        loose = [agent.name for agent in self.agents if None in agent.tasks]
        silent = ["Kafka does not answer"] if any(agent.ends is None for agent in self.agents) else []
        # While a process is away it is the news; what follows from it is not. Another side that is away is news too.
        ours = away or silent or [f"{name} has partitions without a worker" for name in loose]
        waits = [
            f"{agent.name}/{number} {'stands still after a run of bad records' if task.breaker_open else 'waits'}"
            for agent in self.agents
            for number, task in enumerate(agent.tasks)
            if task and task.waits
        ]
        lost = ["the projector can't tell how far it is"] if not ours and self.projector_behind is None else []
        return [*ours, *lost, *self._unread(), *waits]

    def _unread(self) -> list[str]:
        """Name the polls that don't read: the other side is away, or they have not come round yet."""
        failing = [poll.name for poll in self.polls if poll.status.is_away]
        fresh = [poll.name for poll in self.polls if poll.status.error is None and not poll.status.reads]
        return [
            *(f"source {name} can't read" for name in failing),
            *(f"source {name} has not read yet" for name in fresh),
        ]

    def _for_people(self) -> list[str]:
        unreadable = [
            f"source {poll.name} has rows that can't be read, see below"
            for poll in self.polls
            if poll.status.is_unreadable
        ]
        asked = [line.in_words() for line in self.people or ()]
        if self.people is None and self.projector_behind is not None:  # else the projector itself is the news
            asked.append("what waits for people can't be asked now")
        # The workers know of parked records at once, the tables a moment later.
        known = any(line.kind == "records parked" for line in self.people or ())
        parked = sum(task.parked for agent in self.agents for task in agent.tasks if task)
        if parked and not known:
            asked.insert(0, f"{counted(parked, 'record|records')} parked, see `saldo dlq list`")
        return [*unreadable, *asked]


def pipeline_status_of(stack: Stack, status: SupervisorStatus | None) -> PipelineStatus:
    """Ask workers, sources, broker and projector once; nothing is changed.

    Without a supervisor the processes are those that tell of themselves on this machine: workers, sources, projector.
    """
    from app.cli.identity import access
    from app.composition.bootstrap import every_processor
    from app.sources.status import PollStatus, read_sources
    from app.status.tasks import read_all
    from schemas import catalog

    reported = read_all(stack.data_dir / "state")
    processors = every_processor(stack.settings)
    partitions = {processor.inbox: range(catalog.topic(processor.inbox).partitions) for processor in processors}
    ends = _ends(stack, [(inbox, number) for inbox, numbers in partitions.items() for number in numbers])
    agents = tuple(
        AgentLine(
            processor.name,
            tuple(reported.get(f"{processor.name}/{number}") for number in partitions[processor.inbox]),
            tuple(ends[processor.inbox, number] for number in partitions[processor.inbox]) if ends else None,
        )
        for processor in processors
    )
    sources = read_sources(stack.data_dir)
    behind, error = _projector_behind(stack)
    processes = _alone(stack, sources) if status is None else tuple(map(process_line, status.processes))
    polls = [PollLine(name, poll) for source in sources for name, poll in source.polls.items()]
    silent = {line.name.removeprefix(_SOURCE) for line in processes if line.name.startswith(_SOURCE)}
    silent -= {source.source for source in sources}
    polls += [PollLine(name, PollStatus()) for name in sorted(silent)]
    notice = access(stack.settings).notice()
    return PipelineStatus(processes, agents, behind, tuple(polls), _people(stack), error, notice)


def runs_alone(stack: Stack) -> bool:
    """Return whether processes of this installation run on this machine without a `saldo up`."""
    from app.sources.status import read_sources

    return any(line.is_well for line in _alone(stack, read_sources(stack.data_dir)))


def _alone(stack: Stack, sources: Iterable[SourceStatus]) -> tuple[ProcessLine, ...]:
    """Workers, sources and projector as they tell of themselves; a worker that ended without a trace is none."""
    from app.status.tasks import FILE, read_status

    def line(name: str, pid: int, *, is_alive: bool) -> ProcessLine:
        return ProcessLine(name, f"running, pid {pid}" if is_alive else "does not run", is_alive)

    found = [line(f"{_SOURCE}{source.source}", source.pid, is_alive=source.is_alive) for source in sources]
    for path in sorted((stack.data_dir / "state").glob(f"*/{FILE}")):
        if (worker := read_status(path.parent)) is not None:
            found.append(line(path.parent.name, worker.pid, is_alive=True))
    return tuple(found)


def process_line(process: ProcessStatus) -> ProcessLine:
    """Return one process of the supervisor's list in words."""
    from infra.embedded.supervisor import ProcessState

    times = "once" if process.restarts == 1 else f"{process.restarts} times"
    restarts = f", started again {times}" if process.restarts else ""
    ended = "" if process.exit_code is None else f", ended last with {_exit_in_words(process.exit_code)}"
    match process.state:
        case ProcessState.WAITING:
            words = "not started yet"
        case ProcessState.BACKING_OFF:
            words = f"starts again in a moment{ended}{restarts}"
        case ProcessState.STOPPED:
            words = f"stopped{ended}"
        case ProcessState.STARTING | ProcessState.RUNNING:
            words = f"{process.state}, pid {process.pid}{ended if restarts else ''}{restarts}"
    return ProcessLine(process.name, words, process.state is ProcessState.RUNNING)


def _exit_in_words(exit_code: int) -> str:
    import signal

    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"


def _ends(stack: Stack, partitions: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], int] | None:
    from schemas.failures import ContractBroken, Unavailable
    from streams.log.cluster import Cluster
    from streams.log.credentials import VIEWER

    if stack.kafka_address is None:
        return None
    try:
        return Cluster(stack.settings.as_role(VIEWER).kafka_options_at(stack.kafka_address)).ends(partitions)
    except (Unavailable, ContractBroken):
        return None


def _projector_behind(stack: Stack) -> tuple[int | None, str | None]:
    """Return records that the tables lack, or why that can't be known."""
    import httpx2

    from projections.serving.reader import connect_endpoint

    endpoint = connect_endpoint(stack.data_dir, timeout_s=_ANSWER_S)
    if endpoint is None:
        return None, "no projector answers; `saldo run projector` starts one, `saldo up` does it by itself"
    try:
        return int(endpoint.get("/lag")["total"]), None
    except httpx2.HTTPStatusError as error:
        return None, f"the projector can't ask the broker: {_reported_error(error)}"
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        return None, f"the projector does not answer as it should: {type(error).__name__}"
    finally:
        endpoint.close()


def _reported_error(error: Any) -> str:
    try:
        return str(error.response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.response.status_code}"


def _people(stack: Stack) -> tuple[PersonLine, ...] | None:
    """Return what waits for people, as the tables say; None when they can't be asked."""
    from projections.serving.metrics import needs_a_person
    from projections.serving.reader import connect_endpoint
    from projections.store.client import open_read_only
    from schemas.failures import SaldoError

    projection = stack.settings.projection
    try:
        reader = (
            connect_endpoint(stack.data_dir, timeout_s=_ANSWER_S)
            if projection.is_embedded
            else open_read_only(projection.clickhouse_dsn)
        )
    except SaldoError:
        return None
    if reader is None:
        return None
    try:
        return tuple(
            PersonLine(
                str(row["kind"]),
                str(row["currency"]),
                int(str(row["item_count"])),
                int(str(row["amount_minor"])),
                str(row["oldest_since"]),
            )
            for row in needs_a_person(reader)
        )
    except SaldoError:
        return None
    finally:
        reader.close()


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)
