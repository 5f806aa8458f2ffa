"""Another order of a story's events: what is independent within a day may come in any."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.accounting.stories import AbasTimesOut, Event, Given, Retry, Story

# What the processor and the bank say follows what PayTrace settled, and stays in its order; so does what abas answers.
_IN_ORDER = frozenset(
    {"fee", "fee_statement", "fee_corrected", "reserve_held", "reserve_released", "batch_closed", "deposit_report"}
    | {"bank_line", "file_again", "period_closed", "abas_times_out", "retry", "rate_published"}
)

# Fields whose value, or whose keys, are names of other things of the story.
_NAMING = frozenset({"id", "of", "to", "number", "names", "invoices", "deposit", "dispute", "file"})


def turned(story: Story, seed: int) -> Story:
    """Return the story with the events of each day in another order, none before what it is about."""
    rng = random.Random(seed)
    if any(isinstance(event, AbasTimesOut | Retry) for event in story.given):
        return story
    given = [event for _, events in story.by_day() for event in _shuffled(events, rng)]
    return story.model_copy(update={"given": given})


def _shuffled(events: list[Given], rng: random.Random) -> Iterator[Given]:
    waiting = list(events)
    while waiting:
        free = [one for place, one in enumerate(waiting) if not any(_binds(other, one) for other in waiting[:place])]
        chosen = rng.choice(free)
        waiting.remove(chosen)
        yield chosen


def _binds(earlier: Event, later: Event) -> bool:
    """Say whether an event must stay behind an earlier one: they share a name, or one of them keeps its place."""
    kinds = {getattr(earlier, "event", ""), getattr(later, "event", "")}
    return bool(kinds & _IN_ORDER) or bool(set(_names(earlier.model_dump())) & set(_names(later.model_dump())))


def _names(value: Any) -> Iterator[str]:
    """Yield what an event names: words with a digit, and what naming fields hold."""
    match value:
        case dict():
            for key, inner in value.items():
                named = isinstance(inner, str) and key in _NAMING
                yield from (inner,) if named else inner if isinstance(inner, dict) and key in _NAMING else ()
                yield from _names(inner)
                yield from _names(key)
        case str() if any(letter.isdigit() for letter in value):
            yield value
