"""What befalls our processes while the story goes on: kill -9 at any step, pauses, rebalances, lost acknowledgements.

How much of each a seed gets differs from seed to seed, so that some stories are nearly calm and others a storm.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

from tests.simulator.loop import SimLoop
from tests.simulator.network import CALM, Weather
from tests.simulator.processes import Outside, Supervised

# A pause long enough costs a worker its partitions (SESSION_S is 6 s); the sinks' outcome_wait_s is longer.
_LONGEST_PAUSE_S = 12.0


class Troubles:
    """Plays them until asked to stop."""

    def __init__(self, loop: SimLoop, rng: random.Random, outside: Outside, ours: Sequence[Supervised]) -> None:
        self._loop = loop
        self._rng = rng
        self._outside = outside
        self._ours = ours
        self._is_on = True
        self.struck: Counter[str] = Counter()
        # Seconds between two of them; each seed its own.
        self._every_s = rng.choice((2.0, 4.0, 8.0, 20.0))
        self._pausing = rng.choice((0.0, 0.3, 0.6))
        self._steps = rng.choice((60, 400, 3_000))
        outside.skipped = rng.choice((0.0, 0.05))
        outside.broker.unacknowledged = rng.choice((0.0, 0.0, 0.003))
        for side in (outside.paytrace, outside.abas):
            side.weather = self._weather()

    def _weather(self) -> Weather:
        rng = self._rng
        if rng.random() < 0.2:
            return CALM
        most = rng.choice((0.01, 0.04, 0.1))
        return Weather(
            refused=rng.random() * most,
            request_lost=rng.random() * most,
            answer_lost=rng.random() * most,
            page=rng.random() * most,
            throttled=rng.random() * most,
            slow=rng.random() * most,
            slowest_s=rng.choice((1.0, 4.0)),
        )

    async def play(self) -> None:
        """Strike again and again."""
        while self._is_on:
            await asyncio.sleep(self._rng.expovariate(1 / self._every_s))
            if self._is_on:
                self._strike()

    def _strike(self) -> None:
        drawn = self._rng.random()
        if drawn < 0.15:
            self.struck["rebalance"] += 1
            self._outside.group.shake()
            return
        weights = [3 if one.name.startswith("worker") else 1 for one in self._ours]
        victim = self._rng.choices(self._ours, weights)[0].process
        if victim is None or not victim.is_alive or victim.is_paused:
            return
        if self._rng.random() < self._pausing:
            self.struck["pause"] += 1
            self._outside.broker.trace.say(f"pause {victim}")
            self._loop.pause(victim)
            until = self._loop.time() + self._rng.random() * _LONGEST_PAUSE_S
            self._outside.broker.at(until, lambda: self._loop.resume(victim))
        else:
            self.struck["kill"] += 1
            # At some step from now on, so that every await of its work is as likely as another.
            victim.dies_at = victim.steps + 1 + int(self._rng.random() * self._steps)

    def stop(self) -> None:
        """Nothing breaks any more; whoever sleeps wakes up by himself."""
        self._is_on = False
        self._outside.skipped = 0.0
        self._outside.broker.unacknowledged = 0.0
        for side in (self._outside.paytrace, self._outside.abas):
            side.weather = CALM
            self.struck.update({f"{side.name} {fate}": count for fate, count in side.struck.items()})
        for one in self._ours:
            if one.process is not None:
                one.process.dies_at = None
