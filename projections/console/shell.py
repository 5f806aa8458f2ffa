"""The menu of every page: where one can go, and how much is open there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from projections.console.asking import Asking
from projections.console.decisions import Person
from projections.console.language import _
from projections.console.waiting import cases_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of the menu; count is what is open there.

    is_short says whether the tab bar of a phone has it, is_beside whether its path is from the root.
    """

    title: str
    path: str
    icon: str
    count: int = 0
    is_short: bool = False
    is_beside: bool = False


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


def menu_of(asking: Asking, person: Person) -> tuple[Group, ...]:
    """Return the menu with its counts, at most a few seconds old, and the pages beside the workbench."""
    found: dict[str, int] = {}
    for row in asking.kept("what_needs_a_person", tuple):
        found[row["kind"]] = found.get(row["kind"], 0) + int(row["item_count"])
    counts = {path: sum(found.get(kind, 0) for kind in kinds) for path, kinds in _COUNTED.items()}
    return _menu({**counts, "/waiting": len(cases_of(asking))}, person)


def menu_without_counts() -> tuple[Group, ...]:
    """Return the menu where nothing can be counted."""
    return _menu(dict.fromkeys((*_COUNTED, "/waiting"), 0), None)


def _menu(counts: Mapping[str, int], person: Person | None) -> tuple[Group, ...]:
    return (
        Group(
            _("Work"),
            (
                Entry(_("Today"), "/", "today", is_short=True),
                Entry(_("Waiting"), "/waiting", "inbox", counts["/waiting"], is_short=True),
                Entry(_("Deposits"), "/deposits", "bank", counts["/deposits"], is_short=True),
                Entry(_("Disputes"), "/disputes", "scale", counts["/disputes"]),
                Entry(_("Approvals"), "/approvals", "shield", counts["/approvals"]),
                Entry(_("Alerts"), "/alerts", "bell", counts["/alerts"], is_short=True),
            ),
        ),
        Group(_("Look up"), (Entry(_("Payments"), "/payments", "card"), Entry(_("Reports"), "/reports", "chart"))),
        Group(
            _("Set up"),
            (
                Entry(_("Mapping"), "/mapping", "map"),
                *([Entry(_("Every decision"), "/commands", "right")] if person and person.may_decide else []),
                Entry(_("Parked records"), "/parked", "hold", counts["/parked"]),
                *(
                    Entry(_(room.title), room.path, room.icon, is_beside=True)
                    for room in (person.rooms if person else ())
                ),
            ),
        ),
    )
