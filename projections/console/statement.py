"""A bank statement by upload: read and shown first, written only when a person says so.

What was uploaded stays in this process until then, for its person alone, bounded in number and age. The file itself
goes to its topic with its digest when it is written, so that the same file twice changes nothing.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from projections.console.asking import Asking
from projections.console.decisions import Sheet, Upload
from projections.console.language import _
from projections.console.parts import Parts
from projections.console.shown import money

HERE: Final = "/deposits"
COMMAND: Final = "import/bank"
_LASTS_S: Final = 1800.0
_MOST: Final = 20
_OPTIONS: Final = ("merchant", "bank_account")


@dataclass(frozen=True, slots=True)
class Held:
    """A file that waits for its person's word; options are what was chosen beside it."""

    person: str
    at: float
    file: Upload
    options: Mapping[str, Any]


class HeldFiles:
    """Files between preview and import: of this process, some at once, half an hour at most."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, Held] = OrderedDict()
        self._lock = threading.Lock()

    def hold(self, person: str, file: Upload, options: Mapping[str, Any]) -> str:
        """Keep a file and return what names it."""
        name = secrets.token_urlsafe(18)
        with self._lock:
            self._files[name] = Held(person, time.monotonic(), file, options)
            while len(self._files) > _MOST:
                self._files.popitem(last=False)
        return name

    def find(self, person: str, name: str) -> Held | None:
        """Return a file of this person; None for one that is gone, or somebody else's."""
        with self._lock:
            held = self._files.get(name)
        if held is None or held.person != person or time.monotonic() - held.at > _LASTS_S:
            return None
        return held


def merchants_of(asking: Asking) -> list[str]:
    """Return the merchant accounts that have deposits."""
    return sorted({str(row["settlement_account"]).rpartition("/")[0] for row in asking.rows("deposit_days")})


def lines_of(asking: Asking, sheets: Sequence[Sheet]) -> list[dict[str, Any]]:
    """Return the lines of a statement, each with whether it came before."""
    known = {row["bank_line_id"] for row in asking.rows("bank_lines")}
    return [
        {
            "day": row["booked_on"],
            "amount": money(row["amount"]),
            "currency": row["currency"],
            "text": row["text"],
            "is_known": row["bank_line_id"] in known,
        }
        for sheet in sheets
        if sheet.title == "lines"
        for row in (dict(zip(sheet.columns, values, strict=True)) for values in sheet.rows)
    ]


class StatementPages(Parts):
    """The page on which a statement is uploaded, looked at, and imported."""

    _held: HeldFiles

    def statement(self, request: Request) -> Response:
        """Return the form of an upload."""
        return self._statement(request)

    def upload_statement(self, request: Request, form: Mapping[str, Any]) -> Response:
        """Read an uploaded file and show it, or import one that was shown."""
        person = self._person(request).name
        if form.get("do") == "import":
            held = self._held.find(person, form.get("held", ""))
            if held is None:
                return self._statement(request, problem=_("Upload it again: it was kept for half an hour."), status=409)
            result = self._give(request, COMMAND, {**held.options, "file": held.file})
            if not result.is_taken:
                return self._statement(request, problem=" ".join(result.lines), status=409)
            return self._said(f"{HERE}/statement", result)
        file = form.get("file")
        if not isinstance(file, Upload) or not file.content:
            return self._statement(request, problem=_("Choose a file first."), status=422)
        options: dict[str, Any] = {name: form[name] for name in _OPTIONS if form.get(name)}
        options["intraday"] = form.get("intraday") == "on"
        result = self._give(request, COMMAND, {**options, "file": file, "dry_run": True})
        if not result.is_taken:
            return self._statement(request, problem=" ".join(result.lines), options=options, status=422)
        lines = lines_of(self._asking, result.sheets)
        return self._statement(
            request,
            options=options,
            preview={
                "held": self._held.hold(person, file, options),
                "name": file.file_name,
                "lines": lines[:500],
                "more": max(0, len(lines) - 500),
                "new": sum(not line["is_known"] for line in lines),
                "known": sum(line["is_known"] for line in lines),
                "said": result.lines,
            },
        )

    def _statement(
        self,
        request: Request,
        *,
        problem: str = "",
        options: Mapping[str, Any] | None = None,
        preview: Mapping[str, Any] | None = None,
        status: int = 200,
    ) -> Response:
        return self._page(
            request,
            "statement.html",
            HERE,
            title=_("Import a statement"),
            problem=problem,
            options={"merchant": "", "bank_account": "", "intraday": False, **(options or {})},
            preview=preview,
            merchants=merchants_of(self._asking),
            status=status,
        )
