"""The mapping as pages: what real documents get, a draft with its live result, preview, proposal, approval, versions.

Each step is the command of `saldo mapping` of the same name, so page, terminal and API say and refuse the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from projections.console import mapping_text, mapping_view
from projections.console.decisions import Result, Upload
from projections.console.jobs import Job, Jobs
from projections.console.language import _
from projections.console.mapping_text import Line, MappingText, TextInvalid
from projections.console.mapping_view import Row, Version, rows_of
from projections.console.parts import Parts
from schemas.checks.attribution import reason_problem

HERE: Final = "/mapping"
_FILE: Final = "mapping.yaml"
_MEMBERS: Final = tuple(one.name for one in fields(Line))
_MOST_LINES: Final = 200
_PREVIEW_DAYS: Final = 30
_FIELDS_KEPT_S, _AWAY_KEPT_S = 600.0, 30.0


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that somebody works on, as its form brought it; problems says what of the form can't be used."""

    text: str
    problems: tuple[str, ...] = ()


def drafted(form: Mapping[str, Any]) -> Draft:
    """Return the text that a form means: the text itself where a person edited that, else its fields.

    Shapes: `base` is the text of which the fields were made; `line:<role>:<number>:<member>` a field of a line.
    """
    base, text = (_unix(form.get(name, ""))[: mapping_text.LONGEST + 1] for name in ("base", "text"))
    if text != base:
        return Draft(text)
    try:
        found = mapping_text.read(base)
        for role in dict.fromkeys((*found.roles, *_roles_in(form))):
            lines = _moved(_lines_in(form, role), role, form.get("do", ""))
            if lines is not None and lines != list(found.roles.get(role, ())):
                base = mapping_text.with_lines(base, role, lines)
        for name, was in found.policies.items():
            if (now := form.get(f"policy:{name}", was)) != was:
                base = mapping_text.with_policy(base, name, now)
    except TextInvalid as error:
        return Draft(base, (str(error),))
    return Draft(base)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def _roles_in(form: Mapping[str, Any]) -> list[str]:
    named = [name.split(":")[1] for name in form if name.startswith("line:") and name.count(":") == 3]
    action, _, role = str(form.get("do", "")).partition(" ")
    return [*named, role] if action == "add" else named


def _lines_in(form: Mapping[str, Any], role: str) -> list[Line] | None:
    """Return the lines of a role that a form brought; None where it shows none of it."""
    numbers = sorted(
        {int(name.split(":")[2]) for name in form if name.startswith(f"line:{role}:") and name.split(":")[2].isdigit()}
    )[:_MOST_LINES]
    lines = [
        Line(**{member: str(form.get(f"line:{role}:{number}:{member}", "")).strip() for member in _MEMBERS})
        for number in numbers
    ]
    return lines if lines or form.get("do") == f"add {role}" else None


def _moved(lines: list[Line] | None, role: str, do: str) -> list[Line] | None:
    """Return lines after a button of the form: one was added in front, dropped, or moved up."""
    action, _, named = do.partition(" ")
    of, _, at = named.partition(" ")
    if lines is None or of != role:
        return lines
    place = int(at) - 1 if at.isdigit() else 0
    match action:
        case "add":
            return [Line(), *lines]
        case "drop" if place < len(lines):
            return [*lines[:place], *lines[place + 1 :]]
        case "up" if 0 < place < len(lines):
            return [*lines[: place - 1], lines[place], lines[place - 1], *lines[place + 1 :]]
    return lines


class MappingPages(Parts):
    """The pages of the mapping."""

    _jobs: Jobs
    _fields: dict[str, tuple[float, Result]]

    def mapping(self, request: Request) -> Response:
        """Return the mapping in force: its accounts, its versions, and what waits for approval."""
        history = self._look(request, "mapping/history")
        versions = mapping_view.versions_of(history)
        if not versions:
            return self._message(request, HERE, _("No mapping yet"), _none_because(history), 404)
        held = versions[0]
        return self._page(
            request,
            "mapping.html",
            HERE,
            title=_("Mapping"),
            held=held,
            versions=versions,
            proposals=mapping_view.proposals_of(history),
            trial=self._trial_path(request.query_params),
        )

    def mapping_trial(self, request: Request) -> Response:
        """Return what real documents get by the mapping in force: the part of its page that takes longest."""
        versions = mapping_view.versions_of(self._look(request, "mapping/history"))
        if not versions:
            return self._message(request, HERE, _("No mapping yet"), _("No version was adopted."), 404)
        shown = self._tried(request, versions[0].text, request.query_params)
        return self._page(request, "mapping_trial.html", HERE, title=_("What real documents get"), **shown)

    def mapping_draft(self, request: Request) -> Response:
        """Return the form of a draft: of what is in force, or of another version."""
        versions = mapping_view.versions_of(self._look(request, "mapping/history"))
        wanted = request.query_params.get("version", "")
        based = next((one for one in versions if str(one.number) == wanted), versions[0] if versions else None)
        if based is None:
            return self._message(
                request, HERE, _("No mapping yet"), _("A worker that starts adopts the one that ships."), 404
            )
        try:
            text = mapping_text.with_version(based.text, max(one.version for one in versions) + 1)
        except TextInvalid:
            text = based.text
        return self._draft(request, Draft(text), versions[0], {})

    def change_mapping(self, request: Request, form: Mapping[str, Any]) -> Response:
        """Do what a button of the draft says; whatever it is, the draft is not lost."""
        history = self._look(request, "mapping/history")
        versions = mapping_view.versions_of(history)
        if not versions:
            return self._message(request, HERE, _("No mapping yet"), _("No version was adopted."), 404)
        draft, action = drafted(form), form.get("do", "").partition(" ")[0]
        if action not in ("preview", "propose", "adopt") or draft.problems:
            return self._draft(request, draft, versions[0], form)
        file = Upload(_FILE, draft.text.encode())
        if action == "preview":
            checked = self._look(request, "mapping/check", {"file": file})
            if checked.status != "done":
                return self._draft(request, draft, versions[0], form)
            return self._previewed(request, {"file": file}, form)
        why = form.get("why", "").strip()
        if reason_problem(why):
            problems = (_("Not sent: say in a few words why. An auditor will read it."),)
            return self._draft(request, Draft(draft.text, problems), versions[0], form, status=422)
        result = self._give(request, f"mapping/{action}", {"file": file, "why": why})
        if not result.is_taken:
            return self._draft(request, Draft(draft.text, result.lines), versions[0], form, status=409)
        return self._said(HERE, result)

    def mapping_version(self, request: Request) -> Response:
        """Return one version beside the one before it."""
        versions = mapping_view.versions_of(self._look(request, "mapping/history"))
        number = str(request.path_params["number"])
        place = next((at for at, one in enumerate(versions) if str(one.number) == number), None)
        if place is None:
            return self._message(request, HERE, _("No such version"), _("See the list of versions."), 404)
        before = versions[place + 1] if place + 1 < len(versions) else None
        return self._compared(request, versions[place], before, is_in_force=place == 0)

    def mapping_proposal(self, request: Request) -> Response:
        """Return a proposed version beside the one in force, for whoever approves it."""
        return self._proposal(request, str(request.path_params["proposal"]))

    def decide_mapping(self, request: Request, form: Mapping[str, Any]) -> Response:
        """Preview, approve or reject a proposed version."""
        proposal, action = str(request.path_params["proposal"]), form.get("do", "")
        if action == "preview":
            return self._previewed(request, {"proposal": proposal}, form)
        command = {"approve": "mapping/approve", "reject": "approvals/reject"}.get(action)
        why = form.get("why", "").strip()
        if command is None or reason_problem(why):
            problems = (_("Not sent: say in a few words why. An auditor will read it."),)
            return self._proposal(request, proposal, problems=problems, status=422)
        result = self._give(request, command, {"proposal_id": proposal, "why": why})
        if not result.is_taken:
            return self._proposal(request, proposal, problems=result.lines, status=409)
        return self._said(HERE, result)

    def mapping_job(self, request: Request) -> Response:
        """Return how far a preview is, and what it found."""
        job = self._jobs.find(self._person(request).name, str(request.path_params["job"]))
        if job is None:
            return self._message(request, HERE, _("No such preview"), _("It is gone; begin it again."), 404)
        return self._page(request, "mapping_job.html", HERE, title=_("Preview"), job=job, **_found_by(job))

    # -- parts -----------------------------------------------------------------------------------------------------

    def _trial_path(self, query: Mapping[str, str]) -> str:
        named = "&".join(f"{name}={quote(query[name], safe='')}" for name in ("kind", "document") if query.get(name))
        return f"{HERE}/trial" + (f"?{named}" if named else "")

    def _draft(
        self, request: Request, draft: Draft, held: Version, form: Mapping[str, Any], *, status: int = 200
    ) -> Response:
        file = Upload(_FILE, draft.text.encode())
        checked = self._look(request, "mapping/check", {"file": file})
        problems = draft.problems + (() if checked.status == "done" else checked.lines)
        tried = self._tried(request, draft.text, form) if checked.status == "done" and form.get("do") == "try" else None
        try:
            text: MappingText | None = mapping_text.read(draft.text)
            old = mapping_text.read(held.text)
        except TextInvalid as error:
            text, old, problems = None, MappingText(0, {}, {}), (*draft.problems, str(error))
        # A text that can't be used yet has no roles of its own: those in force name what documents need.
        known = rows_of(checked, "roles") or rows_of(
            self._look(request, "mapping/check", {"file": Upload(_FILE, held.text.encode())}), "roles"
        )
        rows = tried["tried"] if tried else ()
        last = self._asking.today()
        return self._page(
            request,
            "mapping_draft.html",
            HERE,
            title=_("Draft of the mapping"),
            status=status,
            text=draft.text,
            version=text.version if text else "",
            roles=mapping_view.roles_of(text, known, rows, old) if text else [],
            policies=_policies(text, rows_of(checked, "policies")) if text else [],
            changes=mapping_view.changes_in_words(old, text) if text else [],
            diff=mapping_view.difference(held.text, draft.text),
            problems=problems,
            is_usable=checked.status == "done" and not draft.problems,
            tried=tried,
            held=held,
            why=form.get("why", ""),
            first_day=form.get("from") or last - timedelta(days=_PREVIEW_DAYS),
            last_day=form.get("to") or last,
        )

    def _tried(self, request: Request, text: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return what real documents get by a text; problem says why nothing could be tried."""
        file = Upload(_FILE, text.encode())
        result = self._look(request, "mapping/try", {"file": file})
        tried = rows_of(result, "lines")
        kinds = sorted({row["kind"] for row in tried})
        kind = query.get("kind", "")
        kind = kind if kind in kinds else next((one for one in ("cash_receipt", *kinds) if one in kinds), "")
        fields = self._fields_of(request, kind) if kind else Result("refused", ())
        problem = "" if result.status == "done" else " ".join(result.lines)
        try:
            read = mapping_text.read(text)
        except TextInvalid as error:
            read, problem = MappingText(0, {}, {}), str(error)
        known = rows_of(self._look(request, "mapping/check", {"file": file}), "roles")
        return {
            "tried": tried,
            "problem": problem,
            "abas_problem": "" if fields.status == "done" else " ".join(fields.lines),
            "view": mapping_view.fields_view(
                read, tried, _targets(fields, tried, kind), kind, query.get("document", "")
            ),
            "accounts": mapping_view.roles_of(read, known, tried),
        }

    def _fields_of(self, request: Request, kind: str) -> Result:
        """Return the fields of abas for a kind of document; its answer is kept a while, also that it is away."""
        at, kept = self._fields.get(kind, (0.0, None))
        if kept is None or time.monotonic() - at > (_FIELDS_KEPT_S if kept.status == "done" else _AWAY_KEPT_S):
            kept = self._look(request, "abas/fields", {"kind": kind})
            self._fields[kind] = time.monotonic(), kept
        return kept

    def _compared(self, request: Request, one: Version, before: Version | None, *, is_in_force: bool) -> Response:
        old = before.text if before else ""
        return self._page(
            request,
            "mapping_version.html",
            HERE,
            title=_("Version %(version)s of the mapping", version=one.version),
            one=one,
            before=before,
            is_in_force=is_in_force,
            diff=mapping_view.difference(old, one.text),
            changes=_in_words(old, one.text),
        )

    def _proposal(
        self, request: Request, proposal: str, *, problems: Sequence[str] = (), status: int = 200
    ) -> Response:
        history = self._look(request, "mapping/history")
        versions = mapping_view.versions_of(history)
        one = next((one for one in mapping_view.proposals_of(history) if one.proposal == proposal), None)
        if one is None:
            return self._message(
                request,
                HERE,
                _("No such proposal"),
                _("It was decided or has expired; the versions say which counts."),
                404,
            )
        held = versions[0] if versions else None
        today = self._asking.today()
        return self._page(
            request,
            "mapping_proposal.html",
            HERE,
            title=_("Version %(version)s of the mapping, proposed", version=one.version),
            status=status,
            one=one,
            held=held,
            problems=problems,
            diff=mapping_view.difference(held.text if held else "", one.text),
            changes=_in_words(held.text if held else "", one.text),
            first_day=today - timedelta(days=_PREVIEW_DAYS),
            last_day=today,
        )

    def _previewed(self, request: Request, what: Mapping[str, Any], form: Mapping[str, Any]) -> Response:
        """Begin a preview and lead to its page."""
        first, last = form.get("from", ""), form.get("to", "")
        values = {**what, "first": first, "last": last}
        job = self._jobs.begin(
            self._person(request).name,
            _("Decides the records of %(first)s to %(last)s again", first=first, last=last),
            lambda: self._look(request, "mapping/preview", values),
        )
        return self._to(f"{HERE}/jobs/{job}")


def _none_because(history: Result) -> str:
    return " ".join(history.lines) or _("A worker that starts adopts the one that ships.")


def _in_words(old: str, new: str) -> list[str]:
    try:
        return mapping_view.changes_in_words(mapping_text.read(old) if old else MappingText(0, {}, {}),
                                             mapping_text.read(new))  # fmt: skip
    except TextInvalid as error:
        return [str(error)]


def _policies(text: MappingText, known: Sequence[Row]) -> list[dict[str, Any]]:
    """Return each policy with the words that it may be; one that is none of several words is shown alone."""
    words = {row["name"]: row["words"].split(", ") for row in known}
    return [
        {
            "name": name,
            "label": mapping_view.titled(name),
            "value": value,
            "words": words.get(name, []) if value in words.get(name, []) else [],
        }
        for name, value in text.policies.items()
    ]


def _targets(fields: Result, tried: Sequence[Row], kind: str) -> Sequence[Row]:
    """Return the fields of abas; where it does not answer, the values of the documents stand for them."""
    if found := rows_of(fields, "fields"):
        return found
    roles = ["posting_reference", "subject", "account", "amount", "currency"]
    if any(row["kind"] == kind for row in tried):
        roles += ["cost_centre", "tax_code"]
    empty = {"part": "head", "field": "", "type": "", "description": ""}
    return [{**empty, "role": role, "need": "optional" if role.endswith(("centre", "code")) else "required"}
            for role in roles]  # fmt: skip


def _found_by(job: Job) -> dict[str, Any]:
    """Return what a preview found; None while it runs."""
    result = job.result
    if result is None:
        return {"result": None, "documents": [], "sums": [], "undecided": [], "summary": ""}
    documents = rows_of(result, "documents")
    return {
        "result": result,
        "documents": documents[:500],
        "sums": rows_of(result, "accounts"),
        "undecided": rows_of(result, "undecided"),
        "summary": mapping_view.counted_documents(documents),
    }
