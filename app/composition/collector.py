"""How often Python looks for cycles of garbage: rarely, in processes that work through records."""

from __future__ import annotations

import gc

# Python's own numbers look through every young object after 700 new ones, and through all of them some 70,000 later.
# A record is some hundred objects without a cycle, so that is 17 % of a worker's time for nothing (docs/adr/0129).
_NEW_OBJECTS, _YOUNG_LOOKS, _OLD_LOOKS = 50_000, 20, 20


def look_for_garbage_rarely() -> None:
    """Leave out what the process began with, and look through what comes after less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _YOUNG_LOOKS, _OLD_LOOKS)
