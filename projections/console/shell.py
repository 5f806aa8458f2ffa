"""The menu of every page: where one can go, and how much is open there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from projections.console.asking import Asking
from projections.console.waiting import cases_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of the menu; count is what is open there, is_short whether the tab bar of a phone has it."""

    title: str
    path: str
    icon: str
    count: int = 0
    is_short: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Pages of one kind."""

    title: str
    entries: tuple[Entry, ...]


_COUNTED: Final = {
    "/deposits": ("bank lines unexplained", "rests of deposits", "deposits overdue"),
    "/disputes": ("disputes to answer",),
    "/approvals": ("proposals open",),
    "/alerts": ("alerts open",),
    "/parked": ("records parked",),
}


def menu_of(asking: Asking) -> tuple[Group, ...]:
    """Return the menu with its counts, at most a few seconds old."""
    found: dict[str, int] = {}
    for row in asking.kept("what_needs_a_person", tuple):
        found[row["kind"]] = found.get(row["kind"], 0) + int(row["item_count"])
    counts = {path: sum(found.get(kind, 0) for kind in kinds) for path, kinds in _COUNTED.items()}
    return _menu({**counts, "/waiting": len(cases_of(asking))})


def menu_without_counts() -> tuple[Group, ...]:
    """Return the menu where nothing can be counted."""
    return _menu(dict.fromkeys((*_COUNTED, "/waiting"), 0))


def _menu(counts: Mapping[str, int]) -> tuple[Group, ...]:
    return (
        Group(
            "Work",
            (
                Entry("Today", "/", "today", is_short=True),
                Entry("Waiting", "/waiting", "inbox", counts["/waiting"], is_short=True),
                Entry("Deposits", "/deposits", "bank", counts["/deposits"], is_short=True),
                Entry("Disputes", "/disputes", "scale", counts["/disputes"]),
                Entry("Approvals", "/approvals", "shield", counts["/approvals"]),
                Entry("Alerts", "/alerts", "bell", counts["/alerts"], is_short=True),
            ),
        ),
        Group("Look up", (Entry("Payments", "/payments", "card"), Entry("Reports", "/reports", "chart"))),
        Group(
            "Set up",
            (
                Entry("Mapping", "/mapping", "map"),
                Entry("Commands", "/commands", "right"),
                Entry("Parked records", "/parked", "hold", counts["/parked"]),
            ),
        ),
    )
