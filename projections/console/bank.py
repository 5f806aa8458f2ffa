"""One bank line: what it may pay out, and a person's decision about it, by its suggestion or by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from projections.console.asking import Asking
from projections.console.deposits import path_of
from projections.console.language import _, _n
from projections.console.parts import Parts
from projections.console.shown import amount_of, day_month, in_major, long_day
from projections.console.states import bank_line_status
from projections.console.story import person
from projections.reports.words import in_words
from schemas.checks.attribution import reason_problem

HERE: Final = "/deposits"
# What a person may do with a line in a state: buttons of the page.
_WAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "break": ("by-hand", "customer", "dismiss"),
    "suggested": ("confirm", "reject", "by-hand", "customer", "dismiss"),
    "matched": ("unmatch",),
    "dismissed": ("unmatch",),
    "customer": (),
}
_MOST_GROUPS: Final = 60


@dataclass(frozen=True, slots=True)
class Piece:
    """A line that the bank line may pay out. Units: minor units, with the sign by which it counts for the bank."""

    line_id: str
    minor: int
    words: str
    amount: str
    payment: str
    is_chosen: bool
    is_suggested: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one batch or day, which a bank pays out together as a rule."""

    name: str
    batch: str
    day: str
    amount: str
    pieces: tuple[Piece, ...]

    @property
    def ids(self) -> str:
        """Every line of it, one for each line of a form's text."""
        return "\n".join(piece.line_id for piece in self.pieces)

    @property
    def is_chosen(self) -> bool:
        """Whether all of it is chosen."""
        return all(piece.is_chosen for piece in self.pieces)

    @property
    def is_open(self) -> bool:
        """Whether its lines are shown at once."""
        return any(piece.is_chosen or piece.is_suggested for piece in self.pieces)


def find(asking: Asking, account: str, line_id: str) -> Mapping[str, Any] | None:
    """Return a bank line as it is now; None when there is none."""
    rows = asking.rows("bank_lines")
    return next((row for row in rows if (row["settlement_account"], row["bank_line_id"]) == (account, line_id)), None)


def seen_of(row: Mapping[str, Any], code: str) -> str:
    """Return the mark of what a person sees of a bank line; another one says that it changed."""
    told = (row["status"], row["decided_by"], row["line_count"], row["detail"], code)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def line_page(asking: Asking, row: Mapping[str, Any], draft: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page of a bank line shows; draft holds what the person chose so far."""
    account, line_id, currency = row["settlement_account"], row["bank_line_id"], row["currency"]
    suggestion = _suggestion(asking, row)
    code = suggestion["suggestion_code"] if suggestion else ""
    ways = _WAYS.get(str(row["status"]), ())
    chosen = frozenset(filter(None, draft.get("lines", "").split("\n")))
    suggested = frozenset(suggestion["suggested_ids"]) if suggestion else frozenset()
    groups = _groups(asking, account, currency, row["booked_on"], chosen, suggested) if "by-hand" in ways else ()
    pieces = [piece for group in groups for piece in group.pieces]
    given = sum(piece.minor for piece in pieces if piece.line_id in chosen)
    difference = int(row["deposit_minor"]) - given
    state, words = bank_line_status(str(row["status"]))
    return {
        "line": {
            "id": line_id,
            "account": account,
            "amount": amount_of(row, "deposit"),
            "currency": currency,
            "text": row["text"],
            "booked": long_day(date.fromisoformat(row["booked_on"])),
            "day": row["booked_on"],
            "state": state,
            "words": words,
            "detail": row["detail"],
            "who": person(str(row["decided_by"])) if row["decided_by"] not in ("", "rule") else "",
            "count": int(row["line_count"]),
        },
        "path": path_of(account, line_id),
        "seen": seen_of(row, code),
        "ways": ways,
        "code": code,
        "suggested_count": _n("%(n)s line", "%(n)s lines", len(suggested)),
        "groups": groups[:_MOST_GROUPS],
        "left_out": max(0, len(groups) - _MOST_GROUPS),
        "chosen_count": _n("%(n)s line", "%(n)s lines", len(chosen)),
        "has_chosen": bool(chosen),
        "given": in_major(given, currency),
        "difference": in_major(difference, currency),
        "closes": difference == 0,
        "draft": draft,
    }


def _suggestion(asking: Asking, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what is suggested for a bank line now."""
    if row["status"] != "suggested":
        return None
    found = asking.rows("suggestions_of_a_bank_line", id=row["bank_line_id"])
    return next((one for one in found if one["settlement_account"] == row["settlement_account"]), None)


def _groups(
    asking: Asking, account: str, currency: str, until: str, chosen: frozenset[str], suggested: frozenset[str]
) -> tuple[Group, ...]:
    """Return the lines that may be paid out, by batch or day, the newest first."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in asking.rows("lines_in_transit", settlement_account=account, until=until):
        batch = "" if row["batch_number"] is None else str(row["batch_number"])
        found.setdefault((row["moved_on"], batch), []).append(row)
    return tuple(
        Group(
            name=_("Batch %(batch)s", batch=batch) if batch else _("Without a batch"),
            batch=batch,
            day=day_month(date.fromisoformat(day)),
            amount=in_major(sum(int(row["amount_minor"]) for row in rows), currency),
            pieces=tuple(
                Piece(
                    row["line_id"],
                    int(row["amount_minor"]),
                    _(in_words(str(row["kind"])).capitalize()),
                    amount_of(row, "amount"),
                    row["paytrace_transaction_id"],
                    row["line_id"] in chosen,
                    row["line_id"] in suggested,
                )
                for row in rows
            ),
        )
        for (day, batch), rows in found.items()
    )


def command_of(action: str, shown: Mapping[str, Any], form: Mapping[str, str]) -> tuple[str, dict[str, Any]] | None:
    """Return the command that a button means and its values, without the reason; None where something is missing."""
    line = shown["line"]
    values: dict[str, Any] = {"bank_line": line["id"], "account": line["account"]}
    if action not in shown["ways"]:
        return None
    match action:
        case "confirm":
            return ("deposits/confirm", {**values, "what": [shown["code"]]}) if shown["code"] else None
        case "reject":
            return ("deposits/reject", {**values, "code": shown["code"]}) if shown["code"] else None
        case "by-hand":
            lines = _unique(form.get("lines", "").split("\n"))
            return ("deposits/confirm", {**values, "what": lines}) if lines else None
        case "customer":
            invoices = _unique(form.get("invoice", "").replace(",", " ").split())
            customer = form.get("vault_customer", "").strip()
            return "deposits/customer", {**values, "invoice": invoices, "vault_customer": customer}
        case _:
            return f"deposits/{action}", values


def _unique(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(value.strip() for value in values if value.strip()))


class BankPages(Parts):
    """The pages of a bank line."""

    def bank_line(self, request: Request) -> Response:
        """Return one bank line with what may explain it."""
        return self._bank_line(request, request.query_params)

    def decide_bank_line(self, request: Request, form: Mapping[str, str]) -> Response:
        """Take a decision about a bank line, for the version that the person saw."""
        query = request.query_params
        row = find(self._asking, query.get("account", ""), query.get("line", ""))
        action = form.get("do", "")
        if row is None or action == "compute":
            return self._bank_line(request, form)
        shown = line_page(self._asking, row, form)
        if form.get("seen") != shown["seen"]:
            return self._bank_line(request, form, problem="moved", status=409)
        why = form.get("why", "").strip()
        if reason_problem(why):
            return self._bank_line(request, form, problem="why", status=422)
        asked = command_of(action, shown, form)
        if asked is None:
            return self._bank_line(request, form, problem="unknown", status=422)
        command, values = asked
        result = self._give(request, command, {**values, "why": why})
        if not result.is_taken:
            return self._bank_line(request, form, refused=result.lines, status=409)
        return self._said(shown["path"], result)

    def _bank_line(
        self,
        request: Request,
        draft: Mapping[str, str],
        *,
        problem: str = "",
        refused: tuple[str, ...] = (),
        status: int = 200,
    ) -> Response:
        query = request.query_params
        row = find(self._asking, query.get("account", ""), query.get("line", ""))
        if row is None:
            return self._message(
                request,
                HERE,
                _("No such bank line"),
                _("No record is about it. Import the statement that has it."),
                404,
            )
        shown = line_page(self._asking, row, draft)
        title = _("%(amount)s at the bank", amount=f"{shown['line']['amount']} {shown['line']['currency']}")
        return self._page(
            request, "bank_line.html", HERE, title=title, problem=problem, refused=refused, status=status, **shown
        )
