"""What the pages of the mapping show: roles with their lines, fields of abas with what real documents get, versions."""

from __future__ import annotations

import difflib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from projections.console.decisions import Result
from projections.console.language import N_, _, _n
from projections.console.mapping_text import Line, MappingText
from projections.console.shown import day_month, money
from projections.console.story import person
from projections.reports.words import in_words

Row = Mapping[str, str]
# What a mapping chooses, of the fields that a line of abas has; everything else comes from the document as it is.
_CHOSEN: Final = {
    "account": "account",
    "counter_account": "account",
    "cost_centre": "cost_centre",
    "tax_code": "tax_code",
}
_LABELS: Final = {"counter_account": N_("Account"), "subject": N_("Customer or account"), "value_on": N_("Value date")}
_OF_DOCUMENT: Final = {"posting_reference": "posting_reference", "subject": "subject", "currency": "currency"}
_ALWAYS: Final = N_("always")
_FEW: Final = 3


def rows_of(result: Result, title: str) -> list[dict[str, str]]:
    """Return the rows of a sheet by column; none where the command found none."""
    return [
        dict(zip(sheet.columns, values, strict=True))
        for sheet in result.sheets
        if sheet.title == title
        for values in sheet.rows
    ]


@dataclass(frozen=True, slots=True)
class Version:
    """A version that was adopted, or is proposed: then number is 0 and proposal names it."""

    number: int
    version: int
    by: str
    approved_by: str
    when: str
    why: str
    text: str
    proposal: str = ""


def versions_of(history: Result) -> list[Version]:
    """Return every version that was adopted, the newest first."""
    found = [
        Version(
            int(row["number"]),
            int(row["version"]),
            person(row["adopted_by"]),
            person(row["approved_by"]) if row["approved_by"] else "",
            _day(row["adopted_at"]),
            row["reason"],
            row["text"],
        )
        for row in rows_of(history, "versions")
    ]
    return sorted(found, key=lambda one: one.number, reverse=True)


def proposals_of(history: Result) -> list[Version]:
    """Return the proposals of a mapping that are open."""
    return [
        Version(
            0,
            int(row["version"]),
            person(row["proposed_by"]),
            "",
            _day(row["expires_at"]),
            row["reason"],
            row["text"],
            row["proposal_id"],
        )
        for row in rows_of(history, "proposals")
    ]


def titled(name: str) -> str:
    """Return a name of the mapping or of a document for people."""
    words = worded(name)
    return words[:1].upper() + words[1:]


def worded(name: str) -> str:
    """Return a name of the mapping or of a document as it stands within a sentence."""
    return _(name.replace("_", " ").lower())


def _day(text: str) -> str:
    at = datetime.fromisoformat(text)
    return f"{day_month(at.date())} {at:%Y, %H:%M} UTC"


# -- accounts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoleLine:
    """A line of a role as a form and a table show it; was is what it gave before, where that was another."""

    number: int
    line: Line
    used: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Role:
    """A role with its lines. used of total real lines that it gave an account, failing those that got none."""

    name: str
    words: str
    needed_by: str
    is_whole: bool
    lines: tuple[RoleLine, ...]
    total: int
    failing: int

    @property
    def needed_by_short(self) -> str:
        """The first kinds of documents that need it."""
        first, more = self.needed_by.split(", ")[:_FEW], self.needed_by.count(", ") + 1 - _FEW
        return ", ".join(first) + (" " + _("and %(n)s more", n=more) if more > 0 else "")

    @property
    def is_open(self) -> bool:
        """Whether a form shows its lines at once: there is something to look at."""
        return len(self.lines) > 1 or bool(self.failing) or any(one.is_new for one in self.lines)


def roles_of(
    text: MappingText, known: Sequence[Row], tried: Sequence[Row], before: MappingText | None = None
) -> list[Role]:
    """Return each role that documents need, with how many real lines each of its lines takes."""
    used: dict[str, Counter[int]] = defaultdict(Counter)
    for row in tried:
        used[row["role"]][int(row["line"])] += 1
    found = []
    for row in known:
        name = row["role"]
        old = frozenset() if before is None else frozenset(before.roles.get(name, ()))
        lines = tuple(
            RoleLine(number, line, used[name][number], before is not None and line not in old)
            for number, line in enumerate(text.roles.get(name, ()), 1)
        )
        needed_by = ", ".join(map(worded, row["needed_by"].split(", ")))
        total = sum(used[name].values())
        found.append(Role(name, titled(name), needed_by, row["is_whole"] == "yes", lines, total, used[name][0]))
    return found


# -- fields --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class FieldRow:
    """One field of abas, read from left to right: values of the document, expression and result, the field."""

    label: str
    target: str
    kind: str
    is_required: bool
    source: list[tuple[str, str]] = field(default_factory=list)
    expression: list[tuple[str, bool]] = field(default_factory=list)
    result: str = ""
    passing: int = 0
    total: int = 0
    why_not: str = ""

    @property
    def is_failing(self) -> bool:
        """Whether a required field has no value on some real documents."""
        return self.is_required and self.passing < self.total


@dataclass(frozen=True, slots=True)
class FieldsView:
    """The fields of one kind of document, with one real document shown. failing: (reference, role, why)."""

    kind: str
    kinds: tuple[tuple[str, str], ...]
    documents: tuple[tuple[str, str], ...]
    reference: str
    rows: tuple[FieldRow, ...]
    document_count: int
    passing_count: int
    failing: tuple[tuple[str, str, str], ...]
    unused: tuple[tuple[str, str], ...]


def fields_view(
    text: MappingText, tried: Sequence[Row], targets: Sequence[Row], kind: str, reference: str
) -> FieldsView:
    """Return what each field of abas gets, of one kind of document and one real document of it."""
    of_kind = [row for row in tried if row["kind"] == kind]
    documents = {row["posting_reference"]: row for row in reversed(of_kind)}
    reference = reference if reference in documents else next(reversed(documents), "")
    shown = [row for row in of_kind if row["posting_reference"] == reference]
    rows = [one for target in targets for one in _rows_of(text, of_kind, shown, target)]
    named = {target["role"] for target in targets} | {name for name, _ in _facts(shown)}
    failing = tuple((row["posting_reference"], row["role"], row["why_not"]) for row in of_kind if row["why_not"])
    return FieldsView(
        kind=kind,
        kinds=tuple((name, titled(name)) for name in sorted({row["kind"] for row in tried})),
        documents=tuple((name, _document(row)) for name, row in reversed(documents.items())),
        reference=reference,
        rows=tuple(rows),
        document_count=len(documents),
        passing_count=len(documents) - len({name for name, _, _ in failing}),
        failing=failing,
        unused=tuple(item for item in _values(shown) if item[0] not in named),
    )


def _rows_of(text: MappingText, of_kind: Sequence[Row], shown: Sequence[Row], target: Row) -> list[FieldRow]:
    """Return the rows of one field: of what a mapping chooses, one for each line of the document shown."""
    role = target["role"]
    if role not in _CHOSEN:
        return [_plain_row(of_kind, shown, target)]
    found = []
    for row in {one["role"]: one for one in shown}.values():
        of_role = [one for one in of_kind if one["role"] == row["role"]]
        lines = text.roles.get(row["role"], ())
        chosen = int(row["line"])
        named = {part.partition("=")[0].strip() for line in lines for part in line.when.split(";") if part}
        facts = json.loads(row["facts"])
        named |= {name for name in facts if any(name in line.only_if for line in lines)}
        column = _CHOSEN[role]
        is_needed = column == "account"
        found.append(
            FieldRow(
                label=f"{_label(role)}: {worded(row['role'])}",
                target=target["field"],
                kind=_kind(target),
                is_required=is_needed,
                source=[(_label(name), _value(name, facts[name])) for name in sorted(named & facts.keys())]
                or [(_("Kind"), titled(row["kind"]))],
                expression=[
                    (f"{line.conditions or _(_ALWAYS)} → {getattr(line, column) or _('nothing')}", number == chosen)
                    for number, line in enumerate(lines, 1)
                ],
                result=row[column],
                passing=sum(bool(one["account"]) for one in of_role) if is_needed else len(of_role),
                total=len(of_role),
                why_not=row["why_not"] if is_needed else "",
            )
        )
    return found


def _plain_row(of_kind: Sequence[Row], shown: Sequence[Row], target: Row) -> FieldRow:
    role = target["role"]
    values = [_of_document(row, role) for row in {one["posting_reference"]: one for one in of_kind}.values()]
    value = _of_document(shown[0], role) if shown else ""
    is_required = target["need"] == "required"
    return FieldRow(
        label=_label(role),
        target=target["field"],
        kind=_kind(target),
        is_required=is_required,
        source=[(_label(role), _value(role, value))],
        expression=[(_("as it is"), True)],
        result=_value(role, value),
        passing=sum(map(bool, values)) if is_required else len(values),
        total=len(values),
    )


def _of_document(row: Row, role: str) -> str:
    if role in _OF_DOCUMENT:
        return row[_OF_DOCUMENT[role]]
    if role in ("amount", "debit", "credit"):
        return str(row["amount"])
    return str(json.loads(row["values"]).get(role, ""))


def _facts(shown: Sequence[Row]) -> list[tuple[str, str]]:
    return [item for row in shown for item in json.loads(row["facts"]).items()]


def _values(shown: Sequence[Row]) -> list[tuple[str, str]]:
    return list(json.loads(shown[0]["values"]).items()) if shown else []


def _kind(target: Row) -> str:
    known = ", ".join(filter(None, (target["type"], target["description"])))
    return known or _("abas does not say its type")


def _label(role: str) -> str:
    return _(_LABELS[role]) if role in _LABELS else titled(role)


def _value(name: str, value: str) -> str:
    return money(value) if name == "amount" and value else _(in_words(value)) if value.isupper() else value


def _document(row: Row) -> str:
    amount = f"{money(row['amount'])} {row['currency']}" if row["amount"] else ""
    return ", ".join(filter(None, (row["posting_reference"], row["subject"], amount)))


# -- differences ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of two texts side by side; state is same, changed, or gap (lines between that are the same)."""

    old: str
    new: str
    state: str


_AROUND: Final = 2


def difference(old: str, new: str) -> list[DiffLine]:
    """Return two texts side by side, with what lies between changes left out."""
    before, after = old.splitlines(), new.splitlines()
    found: list[DiffLine] = []
    for group in difflib.SequenceMatcher(None, before, after).get_grouped_opcodes(_AROUND):
        if found:
            found.append(DiffLine("…", "…", "gap"))
        for tag, i1, i2, j1, j2 in group:
            left, right = before[i1:i2], after[j1:j2]
            size = max(len(left), len(right))
            left, right = left + [""] * (size - len(left)), right + [""] * (size - len(right))
            state = "same" if tag == "equal" else "changed"
            found += [DiffLine(one, other, state) for one, other in zip(left, right, strict=True)]
    return found


def changes_in_words(old: MappingText, new: MappingText) -> list[str]:
    """Return what another text changes, role by role and policy by policy."""
    found = []
    for role in dict.fromkeys((*old.roles, *new.roles)):
        gone = [line for line in old.roles.get(role, ()) if line not in new.roles.get(role, ())]
        come = [line for line in new.roles.get(role, ()) if line not in old.roles.get(role, ())]
        name = titled(role)
        found += [_("%(name)s: no longer %(line)s", name=name, line=_said(line)) for line in gone]
        found += [f"{name}: {_said(line)}" for line in come]
        if not gone and not come and old.roles.get(role) != new.roles.get(role):
            found.append(_("%(name)s: its lines stand in another order", name=name))
    for name in dict.fromkeys((*old.policies, *new.policies)):
        was, now = (text.policies.get(name, _("nothing")) for text in (old, new))
        if was != now:
            found.append(f"{titled(name)}: {was} → {now}")
    return found


def _said(line: Line) -> str:
    return f"{line.conditions or _(_ALWAYS)} → {line.gives}"


def counted_documents(rows: Sequence[Row]) -> str:
    """Return how many documents differ, by what becomes of them."""
    found = Counter(row["what"] for row in rows)
    return ", ".join(_counted(what, count) for what, count in sorted(found.items())) or _("No document differs")


def _counted(what: str, count: int) -> str:
    match what:
        case "changes":
            return _n("%(n)s document changes", "%(n)s documents change", count)
        case "appears":
            return _n("%(n)s document appear", "%(n)s documents appear", count)
        case _:
            return _n("%(n)s document vanish", "%(n)s documents vanish", count)
