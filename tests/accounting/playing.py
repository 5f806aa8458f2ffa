"""Plays one story from its first day to its last and says what is otherwise than it expects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from projections.store.client import Store
from tests.accounting.meanings import Seen, unmet
from tests.accounting.outcome import Roles, balances, differences
from tests.accounting.stories import Story
from tests.accounting.translation import NotTranslated, Translation
from tests.accounting.world import World, world_of
from tests.support.abas_sandbox import AbasSandboxProcess


async def played(
    story: Story, sandbox: AbasSandboxProcess, store: Store, look: Callable[[World], None] | None = None
) -> list[str]:
    """Return the differences in words; none if the story holds. The store is for the tables of the story alone.

    look is shown the world at the end.
    """
    async with world_of(story, sandbox) as world:
        translation = Translation(world)
        translation.begin()
        seen = Seen(translation, store)
        found: list[str] = []
        at: dict[date, Roles] = {}
        days = story.by_day()
        try:
            for number, (day, events) in enumerate(days):
                await world.begin_day(day)
                for place, event in enumerate(events):
                    await translation.play(event, events[place + 1] if place + 1 < len(events) else None)
                    found += [phrase async for phrase in unmet(seen, event)]
                following = days[number + 1][0] if number + 1 < len(days) else date.max
                at |= {asked: balances(translation, asked)[0] for asked in story.expect.at if day <= asked < following}
        except NotTranslated as error:
            return [f"not translated: {error}"]
        found += [f"parked: {why}" for why in world.parked()]
        found += differences(translation, at)
        found += [phrase async for phrase in unmet(seen)]
        if look is not None:
            look(world)
        return found
