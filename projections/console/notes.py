"""What people share about money that waits: who looks after it, comments, views of the list that they keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from projections.console.asking import Asking, Rows
from projections.console.language import N_
from projections.console.shown import instant, local, moment
from projections.console.story import person

MOST_VIEWS: Final = 8
_LONGEST_NAME: Final = 40
# The reason that stands in the record where the button says all there is to say.
TAKEN_ON: Final = "taken on in the workbench"
HANDED_BACK: Final = "handed back in the workbench"
TAKE: Final = N_("I look after it")


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody said of a case, and when."""

    who: str
    text: str
    when: str


@dataclass(frozen=True, slots=True)
class Notes:
    """Who looks after a case, empty for nobody, and the comments on it, the oldest first."""

    assignee: str = ""
    comments: tuple[Comment, ...] = ()


def notes_by_case(asking: Asking) -> Mapping[str, Notes]:
    """Return the notes of every case that has some, by <place>/<reference>."""
    rows: Rows = asking.kept("case_notes", tuple)
    found: dict[str, Notes] = {}
    for row in rows:
        old = found.get(row["case_name"], Notes())
        if int(row["is_comment"]):
            found[row["case_name"]] = Notes(old.assignee, (*old.comments, _comment(row, asking.day_zone)))
        else:
            found[row["case_name"]] = Notes(row["assignee"], old.comments)
    return found


def _comment(row: Mapping[str, Any], zone: str) -> Comment:
    at = local(instant(row["occurred_at"]) or row["occurred_at"], zone)
    return Comment(person(str(row["decided_by"])), str(row["reason"]), moment(at))


# -- views that a person keeps, in a cookie of the browser -----------------------------------------------------------


def views_from(cookie: str) -> list[tuple[str, str]]:
    """Return the views of a cookie: name and query; what is no view is left out."""
    return [(name[:_LONGEST_NAME], query) for name, query in parse_qsl(cookie)][:MOST_VIEWS]


def with_view(views: Sequence[tuple[str, str]], name: str, query: Mapping[str, str]) -> str:
    """Return the cookie with one more view of this name, or without it where the query is empty."""
    others = [view for view in views if view[0] != name[:_LONGEST_NAME]]
    added = [(name[:_LONGEST_NAME], urlencode(query))] if query and name else []
    return urlencode([*others, *added][-MOST_VIEWS:])
