"""Several of one kind on the other side (merchant accounts, companies): which is meant, and one that is away alone."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TypeVar

from schemas.failures import ContractBroken, Delayed, Unavailable

T = TypeVar("T")


def named(several: Mapping[str, T], label: str | None, kind: str, kinds: str) -> T:
    """Return the one of this label; None means the only one. kind and kinds are what they are called.

    Raises: ContractBroken naming the labels when there is none of this label, or None leaves it open.
    """
    if label is None and len(several) == 1:
        return next(iter(several.values()))
    if label is None or label not in several:
        said = f"there are several {kinds}" if label is None else f"there is no {kind} {label!r}"
        raise ContractBroken(f"{said}; name one of {', '.join(sorted(several))}")
    return several[label]


async def held_apart(call: Awaitable[T], name: str, *, alone: bool) -> T:
    """Let one that is away or refuses the log-in hold back its own work, where it is not alone.

    Raises: what the call raises; Delayed, which names it, in place of Unavailable and ContractBroken.
    """
    try:
        return await call
    except (Unavailable, ContractBroken) as error:
        if alone:
            raise
        raise Delayed(f"{name}: {error}") from error
