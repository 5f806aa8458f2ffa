"""Writes documents and records as data says: what a kind carries (schemas/documents) and where it goes (the profile).

No kind is known here by name, so a new one is no code. A document is saved once by an editor for a new record, under
the lock that the profile names, and read back row by row. A record is created the same way; it is changed under the
lock of its own editor, where its version is compared before anything is set, and only what differs is set.

A record is read by its id where it is known, because a search may show it as it was a moment ago; that one record's own
page shows what was last saved is our assumption (docs/abas.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from connectors.abas.client import AbasClient, Action, commit, insert_row, set_field
from connectors.abas.criteria import Filing, Selection, equals
from connectors.abas.errors import AbasDocumentContradicts, AbasRefused
from connectors.abas.mapping import (
    is_day,
    read_instant,
    read_number,
    read_text,
    to_date_text,
    to_decimal_text,
    to_number_text,
)
from connectors.abas.once import Write
from connectors.abas.posting import Lock, Opening, Saving, act, save_by_editor
from connectors.abas.profile import DocumentWay, Formats, Profile, RecordWay, Rows
from connectors.abas.profile import Lock as LockEntry
from connectors.abas.refusal import abas_words
from connectors.abas.wire import ErpField, ErpObject
from connectors.abas.working_set import working_set
from schemas.documents import ValueType, kinds
from schemas.records.erp import (
    DocumentLine,
    DocumentPosted,
    DocumentRefused,
    PostDocument,
    RecordRefused,
    RecordSaved,
    SaveRecord,
    Side,
)
from schemas.values.money import Money

VERSION_DIFFERS = "VERSION_DIFFERS"
MISSING_CURRENCY = "MISSING_PROFILE/currency"

_AMOUNTS = ("debit", "credit")


@dataclass(frozen=True, slots=True)
class Put:
    """One value that is set, as text, and how it is compared with what abas shows."""

    text: str
    day: date | None = None
    number: Decimal | None = None

    def is_shown_by(self, entry: ErpField | None, formats: Formats) -> bool:
        """Whether abas shows what was set."""
        if self.day is not None:
            return is_day(read_text(entry), self.day, formats)
        if self.number is not None:
            return read_number(entry, formats) == self.number
        return read_text(entry) == self.text.strip()


Puts = Mapping[str, Put]


@dataclass(frozen=True, slots=True)
class Document:
    """A document that abas holds under our reference."""

    id: str
    number: str
    created_at: datetime
    shown: ErpObject


@dataclass(frozen=True, slots=True)
class Saved:
    """A record that abas holds under its natural key."""

    id: str
    number: str
    version: int
    shown: ErpObject


class DocumentWrite(Write[Document, DocumentPosted | DocumentRefused]):
    """One PostDocument."""

    def __init__(self, client: AbasClient, profile: Profile, way: DocumentWay, command: PostDocument) -> None:
        self.reference, self.subject, self.original = (
            command.posting_reference,
            command.subject,
            command.reverses_reference,
        )
        self._client, self._profile, self._way, self._command = client, profile, way, command
        self._head = _document_head(command, profile.formats)
        self._rows = [_line(line, profile.formats) for line in command.lines]

    @property
    def is_fenced(self) -> bool:
        """Only by a lock under which a search shows at once what was saved."""
        return _is_fenced(self._way, self._profile)

    async def look_up(self) -> Document | None:
        """Find the document under our reference."""
        return await self._find(self.reference)

    async def look_up_original(self) -> Document | None:
        """Find the document that is taken back."""
        return None if self.original is None else await self._find(self.original)

    async def _find(self, reference: str) -> Document | None:
        way, formats = self._way, self._profile.formats
        found = await _search(self._client, self._profile, way, "posting_reference", reference)
        if found is None:
            return None
        return Document(
            id=found.id,
            number=_number(way, found),
            created_at=read_instant(found, way.created, formats),
            shown=found,
        )

    async def make(self, original: Document | None, saving: Saving) -> Document:
        """Post it."""
        way = self._way
        currencies = sorted({line.currency for line in self._command.lines})
        if len(currencies) > 1 and "currency" not in way.rows.inputs:
            # Without its currency each line would be read in the head's, or in the currency of the house.
            raise AbasRefused(
                f"the document has lines in {' and '.join(currencies)}, and the mapping profile names no field for the "
                f"currency of a line; add documents.{self._command.kind}.rows.inputs.currency",
                code=MISSING_CURRENCY,
            )
        actions = [
            *_set_head(way.constants, way.inputs, self._head),
            *_set_new_rows(way.rows, self._rows),
            commit(),
        ]
        return await save_by_editor(
            self._client,
            self._profile.posting.dialog_answers,
            Opening(way.table, way.action),
            actions,
            lock=_lock(way.lock, self._head),
            look_up=self.look_up,
            saving=saving,
        )

    def outcome(self, found: Document) -> DocumentPosted:
        """Report the document; it is compared with the command, all but its texts for people."""
        formats = self._profile.formats
        differences = [
            *_differences(self._way, _but_words(self._head), found.shown.head, formats),
            *_row_differences(self._way.rows, [_but_words(row) for row in self._rows], found.shown.rows, formats),
        ]
        if differences:
            raise AbasDocumentContradicts(
                f"abas document {found.number} under {self.reference} is not the {self._command.kind} asked for: "
                f"{'; '.join(differences)}"
            )
        command = self._command
        return DocumentPosted(
            kind=command.kind,
            posting_reference=command.posting_reference,
            reverses_reference=command.reverses_reference,
            subject_kind=command.subject_kind,
            subject=command.subject,
            document_id=found.id,
            document_number=found.number,
            occurred_at=found.created_at,
        )

    def refused(self, refusal: AbasRefused) -> DocumentRefused:
        """Record abas' no."""
        return self.refusal(self._command, refusal)

    @staticmethod
    def refusal(command: PostDocument, refusal: AbasRefused) -> DocumentRefused:
        """Record a no; there is nothing in abas to take a time from, so it carries the command's."""
        code, message, field_name = abas_words(refusal)
        return DocumentRefused(
            kind=command.kind,
            posting_reference=command.posting_reference,
            subject_kind=command.subject_kind,
            subject=command.subject,
            code=code,
            message=message,
            field_name=field_name,
            occurred_at=command.occurred_at,
        )

    @property
    def described(self) -> str:
        """Kind, reference, amount and subject."""
        command, debit = self._command, next(line for line in self._command.lines if line.side is Side.DEBIT)
        amount = f"{Money(debit.amount_minor, debit.currency).major} {debit.currency}"
        return (
            f"the {command.kind} {command.posting_reference} ({amount}, {command.subject_kind.lower()} "
            f"{command.subject})"
        )

    @property
    def place(self) -> str:
        """Table and field of our reference."""
        return _place(self._way, "posting_reference", self.reference)


class RecordWrite(Write[Saved, RecordSaved | RecordRefused]):
    """One SaveRecord."""

    def __init__(self, client: AbasClient, profile: Profile, way: RecordWay, command: SaveRecord) -> None:
        self.reference, self.subject = f"{command.kind}/{command.natural_key}", command.subject
        self._client, self._profile, self._way, self._command = client, profile, way, command
        kind = kinds()[command.kind]
        self._head: Puts = {
            "natural_key": Put(command.natural_key),
            **_typed(command.values, kind.values, profile.formats),
        }
        self._rows = {row.row_key: _typed(row.values, kind.row_values, profile.formats) for row in command.rows}
        self._known: Saved | None = None

    @property
    def is_claimed(self) -> bool:
        """A second creation would make a second record; a change made twice is the same change."""
        return self._known is None

    @property
    def is_fenced(self) -> bool:
        """As a document; a change is compared under the lock of its own editor."""
        return self._known is not None or _is_fenced(self._way, self._profile)

    async def look_up(self) -> Saved | None:
        """Find the record where it holds what is asked for."""
        found = await self._find()
        return found if found is not None and not self._differences(found) else None

    async def look_up_original(self) -> Saved | None:
        """Find nothing: a record takes none back."""
        return None

    async def _find(self) -> Saved | None:
        if self._known is not None:
            return await self._read(self._known.id)
        shown = await _search(self._client, self._profile, self._way, "natural_key", self._command.natural_key)
        self._known = None if shown is None else self._saved(shown)
        return self._known

    async def _read(self, record: str) -> Saved:
        head, rows = _fields(self._way, self._way.number)
        return self._saved(await self._client.read_record(self._way.table, record, head, rows))

    def _saved(self, shown: ErpObject) -> Saved:
        version = shown.meta.get("version")
        return Saved(shown.id, _number(self._way, shown), version if isinstance(version, int) else 0, shown)

    async def make(self, original: Saved | None, saving: Saving) -> Saved:
        """Create it, or change what differs."""
        saved = await (self._create(saving) if self._known is None else self._change(self._known, saving))
        differences = self._differences(saved)
        if differences:
            raise AbasDocumentContradicts(
                f"abas keeps {self._command.kind} {saved.number} otherwise than it was set: {'; '.join(differences)}"
            )
        return saved

    async def _create(self, saving: Saving) -> Saved:
        way = self._way
        actions = [*_set_head(way.constants, way.inputs, self._head), *self._set_new_rows(self._rows), commit()]
        saved = await save_by_editor(
            self._client,
            self._profile.posting.dialog_answers,
            Opening(way.table, way.create),
            actions,
            lock=_lock(way.lock, self._head),
            look_up=self._find,
            saving=saving,
        )
        # Found under the lock: somebody created it just now, and it may say something else.
        return await self._change(saved, saving) if self._differences(saved) else saved

    async def _change(self, known: Saved, saving: Saving) -> Saved:
        way, expected = self._way, self._command.expected_version
        async with working_set(self._client) as editors:
            editor = await editors.open(way.table, way.change, record=known.id)
            current = await self._read(known.id)  # nobody else saves it while our editor is open
            if not self._differences(current):
                return current
            if expected is not None and current.version != expected:
                raise AbasRefused(
                    f"the record has version {current.version}, the change was decided on version {expected}",
                    code=VERSION_DIFFERS,
                )
            actions = [*self._changes(current), commit()]
            await saving(lambda: act(editors, editor, self._profile.posting.dialog_answers, actions))
        return await self._read(known.id)

    def _changes(self, current: Saved) -> Iterator[Action]:
        way, formats = self._way, self._profile.formats
        for role, put in _unlike(way, self._head, current.shown.head, formats):
            yield set_field(way.inputs[role], put.text)
        for key, puts, number, shown in self._rows_in(current):
            if number is None:
                yield from self._set_new_rows({key: puts})
                continue
            for role, put in _unlike(self._row_way, puts, shown, formats):
                yield set_field(self._row_way.inputs[role], put.text, row=str(number))

    def _differences(self, found: Saved) -> list[str]:
        formats = self._profile.formats
        differences = list(_differences(self._way, self._head, found.shown.head, formats))
        for key, puts, _, shown in self._rows_in(found):
            differences += [f"row {key}: {text}" for text in _differences(self._row_way, puts, shown, formats)]
        return differences

    @property
    def _row_way(self) -> Rows:
        """Where rows are; no fields where this kind has none."""
        return self._way.rows or Rows(inputs={})

    def _rows_in(self, found: Saved) -> Iterator[tuple[str, Puts, int | None, Mapping[str, ErpField]]]:
        """Each row of the command: its key, its values, and its number from 1 and fields in abas, where it is there."""
        if self._way.rows is None:
            return
        at = self._way.rows.read_at("row_key")
        numbers = {read_text(row.get(at)): number for number, row in enumerate(found.shown.rows, start=1)}
        for key, puts in self._rows.items():
            number = numbers.get(key)
            yield key, puts, number, {} if number is None else found.shown.rows[number - 1]

    def _set_new_rows(self, rows: Mapping[str, Puts]) -> Iterator[Action]:
        return _set_new_rows(self._row_way, [{"row_key": Put(key), **puts} for key, puts in rows.items()])

    def outcome(self, found: Saved) -> RecordSaved:
        """Report the record."""
        return RecordSaved(
            kind=self._command.kind,
            natural_key=self._command.natural_key,
            subject=self._command.subject,
            erp_id=found.id,
            erp_number=found.number,
            erp_version=found.version,
            occurred_at=self._command.occurred_at,
        )

    def refused(self, refusal: AbasRefused) -> RecordRefused:
        """Record abas' no."""
        return self.refusal(self._command, refusal)

    @staticmethod
    def refusal(command: SaveRecord, refusal: AbasRefused) -> RecordRefused:
        """Record a no; there is nothing in abas to take a time from, so it carries the command's."""
        code, message, field_name = abas_words(refusal)
        return RecordRefused(
            kind=command.kind,
            natural_key=command.natural_key,
            subject=command.subject,
            code=code,
            message=message,
            field_name=field_name,
            occurred_at=command.occurred_at,
        )

    @property
    def described(self) -> str:
        """Kind and natural key."""
        return f"the {self._command.kind} {self._command.natural_key}"

    @property
    def place(self) -> str:
        """Table and field of the natural key."""
        return _place(self._way, "natural_key", self._command.natural_key)


# -- commands to values, by role ------------------------------------------------------------------------------------


def _document_head(command: PostDocument, formats: Formats) -> Puts:
    currencies = {line.currency for line in command.lines}
    given = {
        "posting_reference": command.posting_reference,
        "reverses_reference": command.reverses_reference,
        "subject": command.subject,
        "text": command.text,
        "currency": currencies.pop() if len(currencies) == 1 else None,
    }
    head = {role: Put(text) for role, text in given.items() if text is not None}
    return {**head, **_typed(command.values, kinds()[command.kind].values, formats)}


def _line(line: DocumentLine, formats: Formats) -> Puts:
    given = {
        "account": line.account,
        "currency": line.currency,
        "open_item": line.open_item,
        "cost_centre": line.cost_centre,
        "tax_code": line.tax_code,
        "text": line.text,
    }
    amount = Put(
        to_decimal_text(line.amount_minor, line.currency, formats), number=Money(line.amount_minor, line.currency).major
    )
    texts = {role: Put(text) for role, text in given.items() if text is not None}
    return {**texts, ("debit" if line.side is Side.DEBIT else "credit"): amount}


def _typed(values: Mapping[str, str], types: Mapping[str, ValueType], formats: Formats) -> Puts:
    return {role: _put(text, types[role], formats) for role, text in values.items()}


def _put(text: str, of_type: ValueType, formats: Formats) -> Put:
    if text and of_type is ValueType.DAY:
        day = date.fromisoformat(text)
        return Put(to_date_text(day, formats), day=day)
    if text and of_type is ValueType.NUMBER:
        return Put(to_number_text(Decimal(text), formats), number=Decimal(text))
    return Put(text)


def _but_words(puts: Puts) -> Puts:
    """Leave out texts for people, which abas may cut."""
    return {role: put for role, put in puts.items() if role != "text"}


# -- values to actions, and back ------------------------------------------------------------------------------------


def _set_head(constants: Mapping[str, str], inputs: Mapping[str, str], puts: Puts) -> Iterator[Action]:
    yield from (set_field(name, value) for name, value in constants.items())
    yield from (set_field(name, puts[role].text) for role, name in inputs.items() if role in puts)


def _set_new_rows(rows: Rows, lines: Sequence[Puts]) -> Iterator[Action]:
    for puts in lines:
        yield insert_row()
        yield from (set_field(name, puts[role].text, row=".") for role, name in rows.inputs.items() if role in puts)


def _lock(entry: LockEntry | None, head: Puts) -> Lock | None:
    if entry is None:
        return None
    record = entry.record[1:] if entry.record.startswith("=") else head[entry.record].text
    return Lock(entry.table, entry.action, record)


def _is_fenced(way: DocumentWay | RecordWay, profile: Profile) -> bool:
    return way.lock is not None and profile.posting.search_lag_s == 0


def _place(way: DocumentWay | RecordWay, role: str, value: str) -> str:
    return f"table {way.table}, field {way.inputs[role]} = {value}"


def _number(way: DocumentWay | RecordWay, shown: ErpObject) -> str:
    """The number that people know, or the id where abas gives none."""
    return read_text(shown.head.get(way.number)) or shown.id


def _fields(way: DocumentWay | RecordWay, *others: str) -> tuple[list[str], list[str]]:
    """Which fields of head and rows are asked for."""
    head = dict.fromkeys((*others, *(way.read_at(role) for role in way.inputs)))
    rows = dict.fromkeys(way.rows.read_at(role) for role in way.rows.inputs) if way.rows is not None else {}
    return list(head), list(rows)


async def _search(
    client: AbasClient, profile: Profile, way: DocumentWay | RecordWay, role: str, value: str
) -> ErpObject | None:
    """Find the one record that a role names, active and filed.

    Raises: AbasDocumentContradicts when there is more than one: a double that a person must judge.
    """
    head, rows = _fields(way, way.number, *([way.created] if isinstance(way, DocumentWay) else ()))
    found = await client.query_page(
        way.table,
        Selection((equals(way.read_at(role), value),), Filing.BOTH, way.order_by),
        head,
        table_fields=rows,
        order_option=profile.formats.order_option,
        limit=2,
    )
    if len(found) > 1:
        numbers = ", ".join(_number(way, one) for one in found)
        raise AbasDocumentContradicts(f"abas holds more than one record of {way.meta_name} under {value}: {numbers}")
    return found[0] if found else None


def _unlike(
    way: DocumentWay | RecordWay | Rows, puts: Puts, shown: Mapping[str, ErpField], formats: Formats
) -> Iterator[tuple[str, Put]]:
    """Roles with a field here that abas shows otherwise, in the order of the fields."""
    for role in way.inputs:
        put = puts.get(role)
        if put is not None and not put.is_shown_by(shown.get(way.read_at(role)), formats):
            yield role, put


def _differences(
    way: DocumentWay | RecordWay | Rows, puts: Puts, shown: Mapping[str, ErpField], formats: Formats
) -> Iterator[str]:
    for role, put in _unlike(way, puts, shown, formats):
        yield f"{role} is {read_text(shown.get(way.read_at(role)))!r} and not {put.text!r}"


def _row_differences(
    rows: Rows, lines: Sequence[Puts], shown: Sequence[Mapping[str, ErpField]], formats: Formats
) -> Iterator[str]:
    if len(lines) != len(shown):
        yield f"it has {len(shown)} rows and not {len(lines)}"
        return
    for number, (puts, row) in enumerate(zip(lines, shown, strict=True), start=1):
        wanted = {**puts, **{side: Put("", number=Decimal(0)) for side in _AMOUNTS if side not in puts}}
        for text in _differences(rows, wanted, row, formats):
            yield f"row {number}: {text}"
