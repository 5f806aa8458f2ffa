"""One side's file as lines: what kind of file it is, what its columns mean, how its values are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconcile.engine.lines import Line, Side
from reconcile.files.banking import Accounts, Reading
from reconcile.files.columns import Columns, by_header, normal
from reconcile.files.errors import BadRow, FileUnreadable
from reconcile.files.kinds import kind_of
from reconcile.files.masking import without_numbers
from reconcile.files.profile import SideProfile
from reconcile.files.rows import RowReader
from reconcile.files.statements import READERS, read_statement
from reconcile.files.tables import Table, read_table
from reconcile.files.values import EMPTY, NO_CURRENCY, precision
from schemas.values.counting import counted

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much (0: unknown)
REPORTED_EVERY = 10_000  # rows


def _silent(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


# Meanings that several columns may have.
_MANY = ("text", "reference", "extra", "ignore")


@dataclass(slots=True)
class SideFile:
    """What was read: lines, the rows left out, and how the file was understood (shown to the user)."""

    lines: list[Line]
    bad: list[BadRow]
    understood: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    accounts: Accounts = field(default_factory=Accounts, repr=False)


def read_side(path: Path, side: Side, profile: SideProfile | None = None, progress: Progress = _silent) -> SideFile:
    """Read a file of any known kind.

    Ensures: every row is either a line or a bad row; ids are unique (a repeated id gets "#2", "#3", ...).
    Raises:  FileUnreadable.
    """
    profile = profile or SideProfile()
    progress(f"reading {path.name}", 0, 0)
    kind = kind_of(path)
    if kind in READERS:
        reading = Reading(encoding=profile.encoding, currency=profile.currency)
        lines, bad = read_statement(path, kind, side, reading)
        found = SideFile(lines, bad, {"kind": kind}, reading.notes, reading.accounts)
    else:
        table = read_table(path, kind, profile.encoding, profile.delimiter, profile.sheet)
        found = _lines(path, side, table, profile, progress)
        found.understood = {"kind": kind, **found.understood}
        if kind == "xlsx" and any(row.reason == EMPTY for row in found.bad):
            found.notes.append("an amount that is a formula is empty until a spreadsheet program has saved its value")
    if profile.sign == -1:
        found.lines = [replace(line, amount_minor=-line.amount_minor) for line in found.lines]
    found.lines = _unique([without_numbers(line) for line in found.lines], found.notes)
    if not found.lines and not found.bad:
        found.notes.append("the file has no lines")
    found.understood["rows"] = str(len(found.lines))
    return found


def _lines(path: Path, side: Side, table: Table, profile: SideProfile, progress: Progress) -> SideFile:
    columns = _columns(path, table, profile)
    if not columns.has_amount():
        raise FileUnreadable(
            path,
            f"no amount column among {[str(header) for header in table.headers]}",
            "Name it in a profile: columns: {amount: ...} or {debit: ..., credit: ...}",
        )
    reader = RowReader(path.name, side, table, columns, profile)
    lines: list[Line] = []
    bad = list(table.bad)
    for found in reader.read():
        if isinstance(found, Line):
            lines.append(found)
            if len(lines) % REPORTED_EVERY == 0:
                progress(f"reading {path.name}", len(lines), table.count)
        else:
            bad.append(found)
    bad.sort(key=lambda row: row.line)
    if not lines and bad:
        raise FileUnreadable(
            path,
            f"none of {counted(len(bad), 'row')} could be read; line {bad[0].line}: {bad[0].reason}",
            f"Columns were read as {reader.understood()}; a profile (docs/matching.md) says what they mean",
        )
    if note := reader.accounts.note():
        reader.notes.append(note)
    return SideFile(lines, bad, reader.understood(), [*table.notes, *reader.notes], reader.accounts)


def _columns(path: Path, table: Table, profile: SideProfile) -> Columns:
    found = by_header(table.headers)
    if not profile.columns:
        return found
    names = {normal(header): at for at, header in enumerate(table.headers)}
    single = dict(found.single)
    lists: dict[str, tuple[int, ...]] = {
        "text": found.text,
        "reference": found.references,
        "extra": found.extra,
        "ignore": (),
    }
    for meaning, wanted in profile.columns.items():
        positions = []
        for name in wanted:
            at = names.get(normal(name))
            if at is None and name.isdigit() and 1 <= int(name) <= len(table.headers):
                at = int(name) - 1
            if at is None:
                raise FileUnreadable(
                    path,
                    f"the profile's {meaning} column {name!r} is not in the file",
                    f"Use one of {[str(one) for one in table.headers]}",
                )
            positions.append(at)
        if meaning in _MANY:
            lists[meaning] = tuple(positions)
        else:
            single = {key: at for key, at in single.items() if at != positions[0]}
            single[meaning] = positions[0]
            if meaning == "amount":
                single = {key: at for key, at in single.items() if key not in ("debit", "credit", "amount_minor")}
            if meaning in ("debit", "credit"):
                single.pop("amount", None)
    used = set(single.values()) | set(lists["ignore"])
    return Columns(
        single=single,
        text=tuple(at for at in lists["text"] if at not in used),
        references=tuple(at for at in lists["reference"] if at not in used),
        extra=tuple(at for at in lists["extra"] if at not in used),
        currency=found.currency,
        id_candidates=(single["id"],) if "id" in single else tuple(at for at in found.id_candidates if at not in used),
        alternatives=found.alternatives,
    )


def _unique(lines: Sequence[Line], notes: list[str]) -> list[Line]:
    """Return lines whose ids are unique.

    The second line with an id is id#2, so that none is lost and each can be named.
    """
    seen: Counter[str] = Counter()
    found = []
    for line in lines:
        seen[line.id] += 1
        found.append(line if seen[line.id] == 1 else replace(line, id=f"{line.id}#{seen[line.id]}"))
    if len(seen) < len(lines):
        some = next(id_ for id_, count in seen.items() if count > 1)
        notes.append(f"lines whose id stands above them already: {len(lines) - len(seen):,} ({some!r} became {some}#2)")
    return found


def one_currency(left: SideFile, right: SideFile) -> None:
    """Give a side that names no currency the other side's, if that has only one.

    Ensures: amounts are read again in that currency's decimals: 100 yen are 100, not 10,000.
    """
    for side, other in ((left, right), (right, left)):
        mine = {line.currency for line in side.lines}
        theirs = {line.currency for line in other.lines}
        if mine == {NO_CURRENCY} and len(theirs) == 1 and theirs != mine:
            currency = next(iter(theirs))
            shift = precision(currency) - precision(NO_CURRENCY)
            side.lines = [
                replace(line, currency=currency, amount_minor=_shifted(line.amount_minor, shift)) for line in side.lines
            ]
            side.understood["currency"] = f"{currency} (the other side's)"
        elif mine == {NO_CURRENCY} and len(theirs) > 1:
            side.notes.append(
                f"names no currency, and the other side has {', '.join(sorted(theirs))}: set one in a profile"
            )


def minor_units(left: SideFile, right: SideFile) -> None:
    """Tell when one side's amounts seem to be cents: none meets the other side's, and most do once they are divided."""
    for side, other in ((left, right), (right, left)):
        mine = [abs(line.amount_minor) for line in side.lines]
        theirs = {abs(line.amount_minor) for line in other.lines}
        if not mine or any(amount % 100 for amount in mine) or any(amount in theirs for amount in mine):
            continue
        if sum(1 for amount in mine if amount // 100 in theirs) * 2 > len(mine):
            side.notes.append("its amounts seem to be cents: name their column amount_minor in a profile")


def _shifted(amount: int, digits: int) -> int:
    return amount * int(10**digits) if digits >= 0 else round(amount / 10**-digits)
