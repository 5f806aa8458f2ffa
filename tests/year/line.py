"""Every decider of the pipeline behind each other in one process: a state per key, no broker, no bytes.

What an agent routes goes to the agent of that inbox at once; what is asked of abas is taken by books that hold each
document once. So a year of payments takes minutes, and what is decided is what production decides.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas import catalog
from schemas.records.erp import PostDocument
from schemas.topic import Topic
from streams.agents import DECIDERS
from streams.domain import approvals
from streams.rules import adoption
from streams.tasks.processor import Decider
from tests.support.builders import done
from tests.support.policies import by_shipped_rules

# Nothing of a year without people goes there.
_OF_PEOPLE = (approvals.AGENT, adoption.AGENT)


@dataclass
class Line:
    """The deciders, the states of their keys, and the books of abas.

    on_event is told each event of each journal, in the order in which they are decided.
    """

    rules: Mapping[str, str] = field(default_factory=dict)
    on_event: Callable[[Any], None] = lambda _event: None
    documents: dict[str, PostDocument] = field(default_factory=dict)
    decided: Counter[str] = field(default_factory=Counter)
    states: defaultdict[str, dict[bytes, Any]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        self._agents: dict[str, tuple[Decider[Any, Any, Any], Callable[[Any], bytes]]] = {
            agent.inbox: (by_shipped_rules(agent, self.rules), catalog.topic(agent.inbox).key_of)
            for agent in DECIDERS
            if agent.name not in _OF_PEOPLE
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

    def _decide(self, inbox: str, record: Any) -> None:
        agent, key_of = self._agents[inbox]
        states, key = self.states[agent.name], key_of(record)
        state = states.get(key, agent.initial)
        for event in agent.decide(state, record):
            state = agent.evolve(state, event)
            self.decided[agent.name] += 1
            self.on_event(event)
            for output in agent.route(state, event):
                self._waiting.append((output.topic, output.record))
        states[key] = state

    def _post(self, command: Any) -> None:
        """Hold a document, and answer as the sink does; a second one under a reference is a fault of the deciders."""
        assert isinstance(command, PostDocument), command
        assert command.posting_reference not in self.documents, f"{command.posting_reference} is asked for twice"
        self.documents[command.posting_reference] = command
        from streams.edges.post_to_abas import _reply  # the sink's own answer, to whoever asked

        for output in _reply(None, done(command)):  # type: ignore[arg-type]
            self._waiting.append((output.topic, output.record))
