"""Every decider of the pipeline behind each other in one process: a state per key, no broker, no bytes.

What an agent routes goes to the agent of that inbox at once; what is asked of abas is taken by books that hold each
document once. So a year of payments takes minutes, and what is decided is what production decides. Keys that are quiet
for days are let go into the store that a worker keeps on disk, and read from it when something comes for them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas import catalog
from schemas.records.erp import PostDocument
from schemas.topic import Topic
from streams.agents import DECIDERS
from streams.domain import approvals
from streams.edges.post_to_abas import _reply
from streams.rules import adoption
from streams.tasks.processor import Decider
from streams.tasks.progress import Progress
from streams.tasks.stores import SqliteStore
from tests.support.builders import done
from tests.support.policies import by_shipped_rules

# Nothing of a year without people goes there.
_OF_PEOPLE = (approvals.AGENT, adoption.AGENT)
QUIET_DAYS = 10


class States:
    """The states of one agent by key: those that something came for lately here, the others in its store on disk."""

    def __init__(self, agent: Decider[Any, Any, Any], directory: Path) -> None:
        self._initial = agent.initial
        self._store: SqliteStore[Any] = SqliteStore(directory / agent.name, agent.state_type)
        self._store.load(agent.name)
        self._here: dict[bytes, Any] = {}
        self._asked_on: dict[bytes, int] = {}

    def get(self, key: bytes, day: int) -> Any:
        """Return the state of a key on a day by its number."""
        self._asked_on[key] = day
        state = self._here.get(key)
        if state is None:
            state = self._store.get(key)
        return self._initial if state is None else state

    def put(self, key: bytes, state: Any) -> None:
        """Remember the state of a key that was asked for."""
        self._here[key] = state

    def let_go(self, day: int) -> None:
        """Let go of the keys that nobody asked for in QUIET_DAYS."""
        quiet = [key for key, asked_on in self._asked_on.items() if day - asked_on >= QUIET_DAYS]
        self._store.commit({key: self._here[key] for key in quiet}, Progress())
        for key in quiet:
            del self._here[key], self._asked_on[key]

    def close(self) -> None:
        """Close the store."""
        self._store.close()


@dataclass
class Line:
    """The deciders, the states of their keys below a directory, and the books of abas.

    on_event is told each event of each journal, on_document each document, in the order in which they are decided.
    """

    directory: Path
    rules: Mapping[str, str] = field(default_factory=dict)
    on_event: Callable[[Any], None] = lambda _event: None
    on_document: Callable[[PostDocument], None] = lambda _document: None
    documents: set[str] = field(default_factory=set)  # their references
    decided: Counter[str] = field(default_factory=Counter)
    day: int = 0

    def __post_init__(self) -> None:
        agents = [by_shipped_rules(agent, self.rules) for agent in DECIDERS if agent.name not in _OF_PEOPLE]
        self._agents: dict[str, tuple[Decider[Any, Any, Any], Callable[[Any], bytes], States]] = {
            agent.inbox: (agent, catalog.topic(agent.inbox).key_of, States(agent, self.directory)) for agent in agents
        }
        self._waiting: deque[tuple[str, Any]] = deque()

    def report(self, topic: str, record: Any) -> None:
        """Take a record into an inbox, and all that follows from it."""
        self._waiting.append((topic, record))
        while self._waiting:
            inbox, one = self._waiting.popleft()
            if inbox == Topic.ERP_COMMANDS:
                self._post(one)
            elif inbox in self._agents:
                self._decide(inbox, one)

    def end_day(self) -> None:
        """Count a day; once a week, what is quiet is let go."""
        self.day += 1
        if self.day % 7 == 0:
            for _, _, states in self._agents.values():
                states.let_go(self.day)

    def close(self) -> None:
        """Close the stores."""
        for _, _, states in self._agents.values():
            states.close()

    def _decide(self, inbox: str, record: Any) -> None:
        agent, key_of, states = self._agents[inbox]
        key = key_of(record)
        state = states.get(key, self.day)
        for event in agent.decide(state, record):
            state = agent.evolve(state, event)
            self.decided[agent.name] += 1
            self.on_event(event)
            for output in agent.route(state, event):
                self._waiting.append((output.topic, output.record))
        states.put(key, state)

    def _post(self, command: Any) -> None:
        """Hold a document, and answer as the sink does; a second one under a reference is a fault of the deciders."""
        assert isinstance(command, PostDocument), command
        assert command.posting_reference not in self.documents, f"{command.posting_reference} is asked for twice"
        self.documents.add(command.posting_reference)
        self.on_document(command)
        for output in _reply(None, done(command)):  # type: ignore[arg-type]  # the sink's own answer, to whoever asked
            self._waiting.append((output.topic, output.record))
