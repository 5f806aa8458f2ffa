"""Parked records in the browser: one of them whole, several decided at once, a stopped partition let go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from projections.console.decisions import Result
from projections.console.language import _, _n
from projections.console.parts import Parts
from schemas.checks.attribution import reason_problem

HERE: Final = "/parked"
_MOST: Final = 200
_COMMANDS: Final = {"replay": "dlq/replay", "discard": "dlq/discard"}
_PLACE: Final = ("inbox", "partition", "offset")


def place_of(text: str) -> dict[str, Any] | None:
    """Return a place, `inbox partition offset`, as commands take it; None for what is none."""
    parts = text.split(" ")
    if len(parts) != len(_PLACE) or not all(part.isdigit() for part in parts[1:]):
        return None
    return dict(zip(_PLACE, (parts[0], int(parts[1]), int(parts[2])), strict=True))


class ParkedPages(Parts):
    """What can be done with parked records besides deciding one of the list."""

    def parked_record(self, request: Request) -> Response:
        """Return one parked record whole, its content masked."""
        place = place_of(request.query_params.get("place", ""))
        if place is None:
            return self._message(request, HERE, _("No such record"), _("A place is: inbox partition offset."), 404)
        result = self._look(request, "dlq/show", place)
        if result.status != "done":
            return self._message(request, HERE, _("It can't be shown"), " ".join(result.lines), 404)
        words = " ".join(map(str, place.values()))
        return self._page(
            request, "parked_record.html", HERE, title=_("Parked record"), place=words, text="\n".join(result.lines)
        )

    def decide_parked(self, request: Request, form: Mapping[str, Any]) -> Response:
        """Replay or discard each chosen record, with one reason; what stands against one does not stop the others."""
        command, why = _COMMANDS.get(form.get("do", "")), form.get("why", "").strip()
        places = [place for text in form.get("places", "").split("\n") if (place := place_of(text))][:_MOST]
        if command is None or not places:
            return self._said(HERE, Result("refused", (_("Choose at least one record."),)))
        if reason_problem(why):
            return self._said(HERE, Result("refused", (_("Say in a few words why. An auditor will read it."),)))
        results = [(place, self._give(request, command, {**place, "why": why})) for place in places]
        against = [(place, result) for place, result in results if not result.is_taken]
        summary = _summary(form["do"], len(results) - len(against), len(results))
        lines = [f"{' '.join(map(str, place.values()))}: {' '.join(result.lines)}" for place, result in against]
        return self._said(HERE, Result("done" if not against else "refused", (summary, *lines)))

    def resume_partition(self, request: Request, form: Mapping[str, Any]) -> Response:
        """Let a partition go on that stands still after a run of bad records."""
        partition, why = form.get("partition", ""), form.get("why", "").strip()
        values = {"inbox": form.get("inbox", "").strip(), "partition": partition.strip(), "why": why}
        return self._said(HERE, self._give(request, "dlq/resume", values))


def _summary(action: str, done: int, asked: int) -> str:
    """Return how many of the chosen records a decision came to."""
    if action == "replay":
        return _n("%(n)s record of %(all)s decided again", "%(n)s records of %(all)s decided again", done, all=asked)
    return _n("%(n)s record of %(all)s given up", "%(n)s records of %(all)s given up", done, all=asked)
