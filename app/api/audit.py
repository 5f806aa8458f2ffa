"""Who decided what, when and why, over the chain of operator commands: a list, a verification, a file for an auditor.

The chain is computed anew from the topics (docs/adr/0058), never read from a table that somebody could have changed.
"""

from __future__ import annotations

import asyncio
import io
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import HTMLResponse, Response

from app.api.app import Asked, Way, json_response
from app.api.log_in import ENVIRONMENT
from app.api.paging import bad_parameter, number_of, packed, unpacked
from app.api.settings import ApiSettings

# An audit reads every inbox and journal from its first record; pages of one list come from one audit.
_KEPT_S: Final = 20.0
_INSTRUCTION: Final = """\
Operator commands of Saldo
==========================

commands.csv, commands.jsonl   every command of a person, and every change of users: who, when, what, before, after, why
links.txt                      newest link of each chain when this was written
{state}

How to verify
-------------
Each command is a link: SHA-256 over the link before it, its place, its content and its signature. `number` and `digest`
of a row are its link. On a machine that reads the topics:

    saldo audit verify --against links.txt

walks every inbox and journal from the first record, computes each chain anew, proves each signature by the public keys,
and says what was cut out, changed, put in or moved since; exit code 1 then. Keep this file outside of Saldo: whoever
holds its keys and topics could write another history, and links.txt is what that would have to pass.
The row of a command is at `inbox`, `partition`, `offset`; what it led to at `journal`, `journal_from` to `journal_to`:

    saldo read INBOX --partition PARTITION --from OFFSET
"""


@dataclass(frozen=True, slots=True)
class AuditFound:
    """What an audit found.

    entries  commands as JSON, oldest first, up to each break
    whole    newest link of each chain that is whole, as `saldo audit verify` prints it
    broken   first break of each that is not
    """

    entries: Sequence[Mapping[str, Any]]
    whole: Sequence[str]
    broken: Sequence[str]
    as_csv: Callable[[], str]
    as_jsonl: Callable[[], str]


class AuditWays:
    """The audit's routes."""

    def __init__(self, settings: ApiSettings, audit: Callable[[], AuditFound]) -> None:
        """Take what audits; it blocks."""
        self._settings = settings
        self._audit = audit
        self._kept: tuple[float, AuditFound] | None = None
        self._guard = threading.Lock()

    def ways(self) -> tuple[Way, ...]:
        """Return the routes."""
        return (
            Way("GET", "/v1/audit", "read", self._list),
            Way("GET", "/v1/audit/verification", "read", self._verify),
            Way("GET", "/v1/audit/export", "read", self._export),
            Way("GET", "/audit", "read", self._page),
        )

    def found(self, *, anew: bool = False) -> AuditFound:
        """Return an audit of the last moments, or a new one. Blocks."""
        with self._guard:
            if anew or self._kept is None or time.monotonic() - self._kept[0] > _KEPT_S:
                self._kept = time.monotonic(), self._audit()
            return self._kept[1]

    async def _list(self, asked: Asked) -> Response:
        query = asked.request.query_params
        limit = number_of(query.get("limit", str(self._settings.page_size)), 1, self._settings.max_page_size, "limit")
        found = await asyncio.to_thread(self.found)
        page, following = _page_of(found, query.get("cursor"), limit)
        return json_response({"entries": page, "next": following, "broken": found.broken})

    async def _page(self, asked: Asked) -> Response:
        """Show the newest commands, or those behind a cursor, and whether the history is whole."""
        cursor = asked.request.query_params.get("cursor")
        found = await asyncio.to_thread(self.found)
        entries, following = _page_of(found, cursor, self._settings.page_size)
        page = ENVIRONMENT.get_template("audit.html").render(
            entries=[
                {**entry, **{name: _in_words(entry.get(name)) for name in ("before", "after")}} for entry in entries
            ],
            count=len(found.entries),
            broken=found.broken,
            whole=found.whole,
            following=following,
            me=asked.actor.user_id,
        )
        return HTMLResponse(page)

    async def _verify(self, _: Asked) -> Response:
        found = await asyncio.to_thread(self.found, anew=True)
        return json_response({"is_whole": not found.broken, "whole": found.whole, "broken": found.broken})

    async def _export(self, asked: Asked) -> Response:
        kind = asked.request.query_params.get("format", "zip")
        if kind not in ("zip", "csv", "jsonl"):
            raise bad_parameter("format", "csv, jsonl or zip")
        found = await asyncio.to_thread(self.found, anew=True)
        if kind == "csv":
            return _file(found.as_csv().encode(), "commands.csv", "text/csv")
        if kind == "jsonl":
            return _file(found.as_jsonl().encode(), "commands.jsonl", "application/jsonl")
        return _file(zipped(found), "saldo-audit.zip", "application/zip")


def zipped(found: AuditFound) -> bytes:
    """Return the files for an auditor: both tables, the newest links, and how to verify them."""
    state = (
        "broken.txt                     where the history is BROKEN; rows end before each break"
        if found.broken
        else "The history was whole when this was written."
    )
    files = {
        "commands.csv": found.as_csv(),
        "commands.jsonl": found.as_jsonl(),
        "links.txt": "".join(f"{line}\n" for line in found.whole),
        "README.txt": _INSTRUCTION.format(state=state),
    }
    if found.broken:
        files["broken.txt"] = "".join(f"{line}\n" for line in found.broken)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            # The same audit gives the same bytes, so the time of a file is none.
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _file(content: bytes, name: str, media_type: str) -> Response:
    return Response(content, headers={"Content-Disposition": f'attachment; filename="{name}"'}, media_type=media_type)


def _in_words(state: Mapping[str, Any] | None) -> str:
    """Return a state on one line: the event, and its fields that are set."""
    if state is None:
        return ""
    fields = (f"{name} {value}" for name, value in state.items() if name != "event" and value not in (None, "", [], {}))
    return f"{state['event']}: {', '.join(fields)}"


def _place(entry: Mapping[str, Any]) -> list[Any]:
    return [entry["inbox"], entry["partition"], entry["offset"]]


def _page_of(found: AuditFound, cursor: str | None, limit: int) -> tuple[Sequence[Mapping[str, Any]], str | None]:
    """Return a page of entries, newest first, and the cursor of the next one."""
    newest_first = list(reversed(found.entries))
    start = _start(cursor, newest_first)
    page = newest_first[start : start + limit]
    return page, None if start + limit >= len(newest_first) else packed(_place(page[-1]))


def _start(cursor: str | None, entries: Sequence[Mapping[str, Any]]) -> int:
    """Return where the page begins: behind the entry that a cursor names, whatever has come since."""
    if cursor is None:
        return 0
    try:
        place = unpacked(cursor)
    except ValueError:
        place = None
    for number, entry in enumerate(entries):
        if _place(entry) == place:
            return number + 1
    raise bad_parameter("cursor", "the `next` of the page before")
