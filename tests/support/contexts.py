"""Several contexts in memory, their records in any order of keys: each key keeps its own order, as on the log."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from schemas import catalog
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.agents import DECIDERS
from tests.support.policies import by_shipped_rules

CODEC = Codec()


class Contexts:
    """The agents of some inboxes. What goes elsewhere is kept in `outside`; `events` has what each key decided."""

    def __init__(self, inboxes: Collection[Topic], rules: Mapping[str, str], chance: random.Random) -> None:
        self._agents = {agent.inbox: by_shipped_rules(agent, rules) for agent in DECIDERS if agent.inbox in inboxes}
        self._chance = chance
        self._due: dict[tuple[Topic, str], list[Any]] = defaultdict(list)
        self.states: dict[tuple[Topic, str], Any] = {}
        self.events: list[Any] = []
        self.outside: list[tuple[Topic, Any]] = []

    def send(self, topic: Topic, record: Any, *, end: bool = False) -> None:
        """Write a record to an inbox; with `end`, let everything that follows happen."""
        if topic in self._agents:
            self._due[topic, catalog.topic(topic).key_of(record).decode()].append(record)
        else:
            self.outside.append((topic, record))
        if end:
            self.end()

    def end(self) -> None:
        """Let everything happen that is due, key by key, in an order of chance."""
        while waiting := self.waiting():
            self.step(self._chance.choice(waiting))

    def waiting(self) -> list[tuple[Topic, str]]:
        """Return the keys that have something to decide."""
        return [place for place, records in self._due.items() if records]

    def step(self, place: tuple[Topic, str]) -> None:
        """Decide the next record of one key."""
        agent, record = self._agents[place[0]], CODEC.decode(CODEC.encode(self._due[place].pop(0)))
        state = self.states.get(place, agent.initial)
        for event in agent.decide(state, record):
            state = agent.evolve(state, CODEC.decode(CODEC.encode(event)))
            self.events.append(event)
            for output in agent.route(state, event):
                self.send(Topic(output.topic), output.record)
        self.states[place] = state
