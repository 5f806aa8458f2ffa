"""What is written into an ERP, as data: one YAML for each kind of document and of record, whoever the ERP is.

A kind with `lines` is a document: posted once, never changed, reversed by another document. A kind without is a
record, of master data or a business paper: created, and changed where its version is still the expected one. Where in
an ERP a kind goes is in the ERP's own mapping profile. How to add one: docs/documents.md.

What a line is for is its role, one of those of roles.yaml.

The codec refuses a command that its kind does not allow (schemas/checks/plausibility.py), so none is built, sent
or acted on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from schemas.files.owned import Entry, FileInvalid, parse_with_lines, read_owned, text_of
from schemas.files.yaml_lines import near
from schemas.values.money import Money

ROOT = Path(__file__).parent
# The roles by which a payer's money comes in, and goes back: by the processor, or straight into the bank account.
PAYER_MONEY = ("clearing", "bank")
_ROLES = "roles.yaml"

_NAME = r"^[a-z][a-z0-9_]*$"
Name = Annotated[str, Field(pattern=_NAME)]

# Roles that every command of its sort carries besides its values.
HEAD_ROLES = frozenset({"posting_reference", "reverses_reference", "subject", "text", "currency", "posted_on"})
RECORD_ROLES = frozenset({"natural_key", "subject"})
ROW_ROLES = frozenset({"row_key"})


class ValueType(StrEnum):
    """How a value is written in a command: ISO day, number with a point, the ERP's number of a record, or any text.

    A code is one of those that the kind lists below `codes`; the mapping profile has the ERP's word for each.
    """

    TEXT = "text"
    DAY = "day"
    NUMBER = "number"
    REFERENCE = "reference"
    CODE = "code"


class Role(Entry):
    """What an account is for, whatever its number in an ERP is."""

    means: str
    in_erp: bool = True  # False: only our own ledger has it, so no document names it
    is_only_ours: bool = False  # True: nobody else posts on it, so what an ERP shows must be our documents
    of: Literal["customer"] | None = None  # it is the customer's own account, which no mapping names

    @property
    def is_mapped(self) -> bool:
        """Say whether a mapping names its account."""
        return self.in_erp and self.of is None


class Roles(Entry):
    """The file of roles."""

    roles: Mapping[Name, Role]


AddressPart = Literal["street", "postal_code", "town", "region", "country"]


class LineKind(Entry):
    """One line of a document kind, which of its optional fields it may carry, and which of them it must.

    side `either` leaves the side to the command: the money of such a line may go both ways. An optional line may be
    left out, one by category may stand once for each product category, one of alternatives may stand where role stands.
    A pair are the two legs of a conversion: the line stands twice, once in each currency.
    """

    role: str = Field(pattern=_NAME)
    alternatives: tuple[Annotated[str, Field(pattern=_NAME)], ...] = ()
    side: Literal["debit", "credit", "either"]
    optional: bool = False
    pair: bool = False
    by_category: bool = False
    takes: frozenset[Literal["open_item", "cost_centre", "tax_code", "text"]] = frozenset()
    requires: frozenset[str] = frozenset()

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that may stand here."""
        return (self.role, *self.alternatives)

    def takes_side(self, side: str) -> bool:
        """Return whether a line of this side (DEBIT, CREDIT) may stand here."""
        return self.side == "either" or side == self.side.upper()

    @property
    def described(self) -> str:
        """Role and side in words."""
        side = "DEBIT or CREDIT" if self.side == "either" else self.side.upper()
        may = " (may be left out)" if self.optional else " (one for each category)" if self.by_category else ""
        return f"{' or '.join(self.roles)} {side}{may}"


class Kind(Entry):
    """One kind of document or record."""

    kind: str = Field(pattern=_NAME)
    subject: Literal["customer", "account"] | None = None
    values: Mapping[Name, ValueType]
    requires: frozenset[str] | None = None  # every value, where it says nothing
    codes: Mapping[Name, tuple[str, ...]] = {}
    lines: tuple[LineKind, ...] = ()
    money: Literal["payer"] | None = None  # what a payer paid: the bridge of PayTrace and the ERP counts it
    reversed_by: str | None = None
    charged_back_by: str | None = None  # where a dispute takes it back, by the policy reopen
    row_values: Mapping[Name, ValueType] = {}
    row_requires: frozenset[str] | None = None  # every value of a row, where it says nothing
    address: Mapping[AddressPart, str] = {}  # which values are one postal address: they are compared as a place

    @property
    def is_document(self) -> bool:
        """Whether it is posted once, or else a record that may change."""
        return bool(self.lines)

    @property
    def reversals(self) -> tuple[str, ...]:
        """The kinds that take this one back."""
        return tuple(one for one in (self.reversed_by, self.charged_back_by) if one is not None)

    @property
    def required(self) -> frozenset[str]:
        """Values without which there is no command."""
        return frozenset(self.values) if self.requires is None else self.requires

    @property
    def row_required(self) -> frozenset[str]:
        """Values without which there is no row."""
        return frozenset(self.row_values) if self.row_requires is None else self.row_requires

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Kind:
        if self.is_document != (self.subject is not None):
            raise ValueError(
                "a document has lines and a subject, a record has neither; "
                f"{'add subject: account or subject: customer' if self.is_document else 'add lines, or drop subject'}"
            )
        if strange := sorted(set(self.address.values()) - set(self.values)):
            raise ValueError(f"address names {', '.join(strange)}; {near(strange[0], self.values)}")
        if self.is_document and self.row_values:
            raise ValueError("row_values are for records; drop them: a document has lines")
        if self.money is not None and not any(
            line.role == PAYER_MONEY[0] and line.side != "either" for line in self.lines
        ):
            raise ValueError(f"money of a payer goes through a line {PAYER_MONEY[0]}, on one side; write that line")
        if not self.is_document and self.reversals:
            raise ValueError("a record is changed, not reversed; drop reversed_by and charged_back_by")
        names = [role for line in self.lines for role in line.roles]
        if len(set(names)) < len(names):
            raise ValueError("two lines have one role; give each line a role of its own")
        sides = [line.side for line in self.lines]
        is_one_sided = len(sides) == 1 or set(sides) in ({"debit"}, {"credit"})
        if self.is_document and is_one_sided:
            raise ValueError("its lines are all on one side; debits and credits are equal, so write both")
        for line in self.lines:
            if strange := sorted(line.requires - line.takes):
                raise ValueError(f"line {line.role} requires {', '.join(strange)}, which takes lacks; add it there")
        coded = {role for role, of_type in self.values.items() if of_type is ValueType.CODE}
        if differing := sorted(coded ^ set(self.codes)):
            raise ValueError(f"codes and values of type code differ in {', '.join(differing)}; write both, or neither")
        if strange := sorted(self.required - set(self.values)):
            raise ValueError(f"requires {', '.join(strange)}, which values lacks; {near(strange[0], self.values)}")
        if strange := sorted(self.row_required - set(self.row_values)):
            raise ValueError(
                f"row_requires {', '.join(strange)}, which row_values lacks; {near(strange[0], self.row_values)}"
            )
        own = HEAD_ROLES if self.is_document else RECORD_ROLES
        if taken := sorted((own & set(self.values)) | (ROW_ROLES & set(self.row_values))):
            raise ValueError(f"{', '.join(taken)} is what every command carries; call the value something else")
        return self


@dataclass(frozen=True, slots=True, order=True)
class BadKind:
    """What is wrong with a file of kinds: name and line, the trouble, the remedy."""

    file: str
    what: str


def read_kinds(root: Path = ROOT) -> tuple[Mapping[str, Kind], tuple[BadKind, ...]]:
    """Return every kind of a directory by name, and everything that is wrong with its files."""
    found: dict[str, Kind] = {}
    bad: list[BadKind] = []
    paths = sorted(path for path in root.glob("*.yaml") if path.name != _ROLES)
    known = _read_roles(root / _ROLES, bad) if paths else {}
    for path in paths:
        kind = _read_kind(path, known, bad)
        if kind is not None:
            found[kind.kind] = kind
    names = {path.stem for path in paths}
    for kind in found.values():
        bad += _bad_reversal(kind, found, names)
    return MappingProxyType(found), tuple(sorted(bad))


def _read_roles(path: Path, bad: list[BadKind]) -> Mapping[str, Role]:
    try:
        return read_owned(path, Roles).roles
    except FileInvalid as error:
        bad += [BadKind(f"{path.name}:{one.line}", f"{one.field} {one.what}".strip()) for one in error.problems]
        return {}


def _read_kind(path: Path, known: Mapping[str, Role], bad: list[BadKind]) -> Kind | None:
    try:
        kind, lines = parse_with_lines(text_of(path), Kind, file=path.name)
    except FileInvalid as error:
        bad += [BadKind(f"{path.name}:{one.line}", f"{one.field} {one.what}".strip()) for one in error.problems]
        return None
    in_erp = [role for role, one in known.items() if one.in_erp]
    for index, line in enumerate(kind.lines):
        for role in line.roles if known else ():
            if role not in in_erp:
                what = "is an account of no ERP" if role in known else f"is no role of {_ROLES}"
                at = f"{path.name}:{lines.nearest(('lines', index, 'role'))}"
                bad.append(BadKind(at, f"lines.{index}.role {role} {what}; {near(role, in_erp)}"))
    if kind.kind != path.stem:
        at = f"{path.name}:{lines.nearest(('kind',))}"
        bad.append(BadKind(at, f"kind is {kind.kind}; write {path.stem}, or rename the file"))
        return None
    return kind


def _bad_reversal(kind: Kind, found: Mapping[str, Kind], names: AbstractSet[str]) -> Iterator[BadKind]:
    file = f"{kind.kind}.yaml"
    for field in ("reversed_by", "charged_back_by"):
        named = getattr(kind, field)
        other = found.get(named or "")
        if named is None or (other is None and named in names):  # that file has its own finding
            continue
        if other is None:
            remedy = near(named, [k.kind for k in found.values() if k.is_document and k is not kind])
            yield BadKind(file, f"{field} is {named}, which has no file here; write it, or {remedy}")
            continue
        turned = {" or ".join(line.roles): (_TURNED[line.side], line.optional, line.by_category) for line in kind.lines}
        if {" or ".join(line.roles): (line.side, line.optional, line.by_category) for line in other.lines} != turned:
            wanted = ", ".join(
                f"{role} {side}{' optional' if may else ''}{' by_category' if each else ''}"
                for role, (side, may, each) in turned.items()
            )
            yield BadKind(file, f"{other.kind} doesn't turn its lines; there they are {wanted}")


_TURNED: Mapping[str, Literal["debit", "credit", "either"]] = {"debit": "credit", "credit": "debit", "either": "either"}


@cache
def roles() -> Mapping[str, Role]:
    """Return every role of accounts by name.

    Raises: FileInvalid naming everything that is wrong with the file.
    """
    return read_owned(ROOT / _ROLES, Roles).roles


@cache
def kinds() -> Mapping[str, Kind]:
    """Return every kind by name.

    Raises: ValueError naming every file and line that is wrong.
    """
    found, bad = read_kinds()
    if bad:
        raise ValueError("; ".join(f"{ROOT / one.file}: {one.what}" for one in bad))
    return found


@cache
def reversals() -> frozenset[str]:
    """Kinds that take another one back."""
    return frozenset(one for kind in kinds().values() for one in kind.reversals)


@cache
def payer_money_sign(kind: str) -> int:
    """Return which way a document moves a payer's money: 1 into the ERP, -1 out of it, 0 for any other kind."""
    of_kind = kinds().get(kind)
    if of_kind is None or of_kind.money is None:
        return 0
    side = next(line.side for line in of_kind.lines if line.role == PAYER_MONEY[0])
    return 1 if side == "debit" else -1


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a command's kind does not allow."""

    field: str
    value: object
    remedy: str


def faults(command: Any) -> Iterator[Fault]:
    """Yield what is wrong with a PostDocument or SaveRecord by its kind; nothing for any other record."""
    rule = COMMANDS.get(type(command).__name__)
    if rule is not None:
        yield from rule(command)


def _document_faults(command: Any) -> Iterator[Fault]:
    kind = kinds().get(command.kind)
    if kind is None or not kind.is_document:
        yield _unknown(command.kind, [kind.kind for kind in kinds().values() if kind.is_document])
        return
    if not command.posting_reference.strip():
        yield Fault("posting_reference", command.posting_reference, "name the document: it is found again by this")
    if command.reverses_reference == command.posting_reference:
        yield Fault("reverses_reference", command.reverses_reference, "name another document: none takes itself back")
    if command.subject_kind.value != str(kind.subject).upper():
        remedy = f"write {str(kind.subject).upper()}: whose document a {kind.kind} is"
        yield Fault("subject_kind", command.subject_kind.value, remedy)
    is_reversal = kind.kind in reversals()
    if is_reversal != (command.reverses_reference is not None):
        remedy = "name the document that is reversed" if is_reversal else "leave it out: it reverses nothing"
        yield Fault("reverses_reference", command.reverses_reference, remedy)
    yield from _value_faults("values", command.values, kind.values, kind.required, kind.codes)
    of_kinds = _lines_of(kind, command.lines)
    if of_kinds is None:
        given = [(line.role, line.side.value) for line in command.lines]
        yield Fault("lines", given, f"a {kind.kind} has the lines {', '.join(one.described for one in kind.lines)}")
        return
    sums: Counter[str] = Counter()
    in_base: Counter[str | None] = Counter()
    for index, (line, of_kind) in enumerate(zip(command.lines, of_kinds, strict=True)):
        if not line.account.strip():
            yield Fault(f"lines[{index}].account", line.account, f"name the account of the {of_kind.role} line")
        elif kind.subject == roles()[of_kind.role].of and line.account != command.subject:
            yield Fault(
                f"lines[{index}].account", line.account, "write the subject: the line is on the customer's account"
            )
        sign = 1 if line.side.value == "DEBIT" else -1
        sums[line.currency] += sign * line.amount_minor
        in_base[line.base_currency] += sign * (line.base_minor or 0)
        for name in ("open_item", "cost_centre", "tax_code", "text"):
            if getattr(line, name) is not None and name not in of_kind.takes:
                yield Fault(f"lines[{index}].{name}", getattr(line, name), f"a {of_kind.role} line takes none")
            if not getattr(line, name) and name in of_kind.requires:
                yield Fault(f"lines[{index}].{name}", "missing", "give it a value")
    if len(in_base) > 1:
        yield Fault("lines", sorted(map(str, in_base)), "give every line its value in one base currency, or none")
    for currency, minor in (*sums.items(), *((base, minor) for base, minor in in_base.items() if base is not None)):
        if minor:
            difference = f"{Money(minor, currency).major:f} {currency}"
            yield Fault("lines", f"off by {difference}", f"make debits and credits in {currency} equal")
    if not any(line.amount_minor or line.base_minor for line in command.lines):
        yield Fault("lines", "without an amount", "a document moves money: give an amount, or send no command")


def _lines_of(kind: Kind, lines: Sequence[Any]) -> list[LineKind] | None:
    """Return what the kind says of each line of a command; None where the lines are not those of the kind."""
    found: list[LineKind] = []
    rest = [one for one in kind.lines for _ in range(2 if one.pair else 1)]
    for line in lines:
        same = found[-1] if found and found[-1].by_category and lines[len(found) - 1].role == line.role else None
        if same is not None and same.takes_side(line.side.value):
            found.append(same)
            continue
        while rest and line.role not in rest[0].roles and rest[0].optional:
            rest.pop(0)
        if not rest or line.role not in rest[0].roles or not rest[0].takes_side(line.side.value):
            return None
        found.append(rest.pop(0))
    return found if all(one.optional for one in rest) else None


def _record_faults(command: Any) -> Iterator[Fault]:
    kind = kinds().get(command.kind)
    if kind is None or kind.is_document:
        yield _unknown(command.kind, [kind.kind for kind in kinds().values() if not kind.is_document])
        return
    if not command.natural_key.strip():
        yield Fault("natural_key", "", "name the record as the other side knows it")
    yield from _value_faults("values", command.values, kind.values, kind.required, kind.codes)
    if command.rows and not kind.row_values:
        yield Fault("rows", len(command.rows), f"a {kind.kind} has no rows")
        return
    keys: set[str] = set()
    for index, row in enumerate(command.rows):
        if not row.row_key or row.row_key in keys:
            yield Fault(f"rows[{index}].row_key", row.row_key, "give each row a key of its own")
        keys.add(row.row_key)
        yield from _value_faults(f"rows[{index}].values", row.values, kind.row_values, kind.row_required, {})


def _unknown(kind: str, known: list[str]) -> Fault:
    return Fault("kind", kind, f"name one of {', '.join(known)} (schemas/documents)")


def _value_faults(
    where: str,
    values: Mapping[str, str],
    types: Mapping[str, ValueType],
    required: frozenset[str],
    codes: Mapping[str, tuple[str, ...]],
) -> Iterator[Fault]:
    for role in sorted(required - {role for role, value in values.items() if value}):
        yield Fault(f"{where}.{role}", "missing", "give it a value")
    for role, value in values.items():
        of_type = types.get(role)
        if of_type is None:
            yield Fault(f"{where}.{role}", value, f"use {', '.join(types)}")
        elif of_type is ValueType.CODE:
            if value and value not in codes[role]:
                yield Fault(f"{where}.{role}", value, f"write {' or '.join(codes[role])}")
        elif value and not _reads_as(value, of_type):
            shape = {"day": "a day such as 2026-11-30", "number": "a number such as 45.00"}
            yield Fault(f"{where}.{role}", value, f"write {shape[of_type]}")


def _reads_as(value: str, of_type: ValueType) -> bool:
    try:
        match of_type:
            case ValueType.DAY:
                date.fromisoformat(value)
            case ValueType.NUMBER:
                return Decimal(value).is_finite()
    except (ValueError, InvalidOperation):
        return False
    return True


# Records that a kind has a say in.
COMMANDS: Mapping[str, Callable[[Any], Iterator[Fault]]] = {
    "PostDocument": _document_faults,
    "SaveRecord": _record_faults,
}
