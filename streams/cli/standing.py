"""How a running `saldo up` stands: its processes, and each agent's position against the end of its inbox.

For `saldo status`. Positions come from the workers of this machine (streams.standing), ends from the broker, and what
the projector is behind from itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.embedded.supervisor import ProcessStatus, SupervisorStatus
    from streams.stack import Stack
    from streams.standing import TaskStanding

_WIDTH = 18
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
    tasks: tuple[TaskStanding | None, ...]
    ends: tuple[int, ...] | None

    @property
    def behind(self) -> int | None:
        """Records of the inbox that are not decided; None when that can't be told."""
        if self.ends is None or None in self.tasks:
            return None
        return sum(max(0, end - task.position) for end, task in zip(self.ends, self.tasks, strict=True) if task)

    def lines(self) -> list[str]:
        """For people: the numbers, then why a task waits."""
        ends = self.ends or (None,) * len(self.tasks)
        places = "  ".join(
            f"{'-' if task is None else task.position}/{'?' if end is None else end}"
            for task, end in zip(self.tasks, ends, strict=True)
        )
        parked = sum(task.parked for task in self.tasks if task)
        waits = [
            f"  {self.name}/{number} waits: {task.waits}"
            for number, task in enumerate(self.tasks)
            if task and task.waits
        ]
        return [f"{self.name:{_WIDTH}} {_count(self.behind):>7} {parked:>7}   {places}", *waits]


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it at one moment. projector_behind is a record count, None when the projector does not answer."""

    processes: tuple[ProcessLine, ...]
    agents: tuple[AgentLine, ...]
    projector_behind: int | None

    @property
    def is_ready(self) -> bool:
        """Whether every process does its work and every partition has a worker that knows how far it is."""
        return not self._missing()

    @property
    def in_a_word(self) -> str:
        """The first line: ready or not, and what is to be looked at."""
        if missing := self._missing():
            return f"not ready: {', '.join(missing)}"
        remarks = []
        if behind := sum(agent.behind or 0 for agent in self.agents):
            remarks.append(f"{behind} records to decide")
        if self.projector_behind:
            remarks.append(f"{self.projector_behind} records to project")
        if waiting := sum(task is not None and task.waits is not None for agent in self.agents for task in agent.tasks):
            remarks.append(f"{waiting} tasks wait, see below")
        if parked := sum(task.parked for agent in self.agents for task in agent.tasks if task):
            held = sum(task.held for agent in self.agents for task in agent.tasks if task)
            by_itself = f", {held} keys of them are tried again by themselves" if held else ""
            remarks.append(f"{parked} records parked, see `saldo dlq list`{by_itself}")
        return "; ".join(("ready", *(remarks or ["nothing to do"])))

    def agent_lines(self) -> list[str]:
        """The table of agents, the projector below it."""
        lines = [line for agent in self.agents for line in agent.lines()]
        return [_HEADING, *lines, f"{'projector':{_WIDTH}} {_count(self.projector_behind):>7} {'':>7}   all topics"]

    def _missing(self) -> list[str]:
        away = [process.name for process in self.processes if not process.is_well]
        loose = [agent.name for agent in self.agents if None in agent.tasks]
        silent = ["Kafka does not answer"] if any(agent.ends is None for agent in self.agents) else []
        # While a process is away it is the news; what follows from it is not.
        return away or silent or [f"{name} has partitions without a worker" for name in loose]


def standing_of(stack: Stack, status: SupervisorStatus) -> Standing:
    """Ask workers, broker and projector once; nothing is changed."""
    from schemas import catalog
    from streams.bootstrap import every_processor
    from streams.standing import read_all

    told = read_all(stack.data_dir / "state")
    processors = every_processor(stack.settings)
    partitions = {processor.inbox: range(catalog.topic(processor.inbox).partitions) for processor in processors}
    ends = _ends(stack, [(inbox, number) for inbox, numbers in partitions.items() for number in numbers])
    agents = tuple(
        AgentLine(
            processor.name,
            tuple(told.get(f"{processor.name}/{number}") for number in partitions[processor.inbox]),
            tuple(ends[processor.inbox, number] for number in partitions[processor.inbox]) if ends else None,
        )
        for processor in processors
    )
    return Standing(tuple(map(process_line, status.processes)), agents, _projector_behind(stack))


def process_line(process: ProcessStatus) -> ProcessLine:
    """One process of the supervisor's list in words."""
    from streams.embedded.supervisor import ProcessState

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
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    from projections.lag import latest_offsets

    if stack.kafka_address is None:
        return None
    try:
        return latest_offsets(AdminClient(stack.settings.kafka.options(stack.kafka_address)), partitions)
    except KafkaException:
        return None


def _projector_behind(stack: Stack) -> int | None:
    import httpx2

    from projections.reader import connect_endpoint

    endpoint = connect_endpoint(stack.data_dir)
    if endpoint is None:
        return None
    try:
        return int(endpoint.get("/lag")["total"])
    except httpx2.HTTPError:
        return None
    finally:
        endpoint.close()


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)
