"""Plays one story from its first day to its last and says what is otherwise than it expects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from tests.accounting.outcome import Roles, balances, differences
from tests.accounting.stories import Story
from tests.accounting.translation import NotTold, Translation
from tests.accounting.world import World, world_of
from tests.support.abas_sandbox import AbasSandboxProcess


async def played(story: Story, sandbox: AbasSandboxProcess, look: Callable[[World], None] | None = None) -> list[str]:
    """Return the differences in words; none if the story holds. look is shown the world at the end."""
    async with world_of(story, sandbox) as world:
        translation = Translation(world)
        translation.begin()
        at: dict[date, Roles] = {}
        days = story.by_day()
        try:
            for number, (day, events) in enumerate(days):
                world.begin_day(day)
                for place, event in enumerate(events):
                    await translation.tell(event, events[place + 1] if place + 1 < len(events) else None)
                following = days[number + 1][0] if number + 1 < len(days) else date.max
                at |= {asked: balances(translation, asked)[0] for asked in story.expect.at if day <= asked < following}
        except NotTold as error:
            return [f"not told: {error}"]
        if look is not None:
            look(world)
        return [*(f"parked: {why}" for why in world.parked()), *differences(translation, at)]
