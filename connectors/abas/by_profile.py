"""Writes documents and records as data says: what a kind carries (schemas/documents) and where it goes (the profile).

No kind is known here by name, so a new one is no code. A document is saved once, by a posting infosystem or by an
editor for a new record under the lock that the profile names, and read back. A record is created by such an editor; it
is changed under the lock of its own editor, where its version is compared before anything is set, and only what differs
is set.

A record is read by its id where it is known, because a search may show it as it was a moment ago; that one record's own
page shows what was last saved is our assumption (docs/abas.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from connectors.abas.client import AbasClient, Action, commit, insert_row, set_field
from connectors.abas.criteria import Filing, Selection, equals, is_safe
from connectors.abas.errors import (
    AbasDocumentContradicts,
    AbasRecordUnreadable,
    AbasRefused,
    AbasSavedUnseen,
    ProfileMismatch,
)
from connectors.abas.mapping import (
    is_day,
    read_instant,
    read_number,
    read_text,
    shows_amount,
    shows_currency,
    to_date_text,
    to_decimal_text,
    to_number_text,
)
from connectors.abas.once import Write
from connectors.abas.posting import Lock, Opening, Saving, act, save_by_editor, save_by_infosystem
from connectors.abas.profile import (
    BASE_AMOUNT,
    COUNTER_ACCOUNT,
    COUNTER_OPEN_ITEM,
    NATURAL_KEY,
    REVERSES_DOCUMENT,
    DocumentWay,
    Formats,
    Infosystem,
    Profile,
    RecordWay,
    Rows,
)
from connectors.abas.profile import Lock as LockEntry
from connectors.abas.refusal import abas_words
from connectors.abas.wire import ErpField, ErpObject
from connectors.abas.working_set import working_set
from connectors.common.address import Address, is_same_place
from schemas.documents import ValueType, kinds, roles
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
from schemas.values.refusal_codes import PERIOD_CLOSED

VERSION_DIFFERS = "VERSION_DIFFERS"
MISSING_CURRENCY = "MISSING_PROFILE/currency"
MISSING_POSTED_ON = "MISSING_PROFILE/posted_on"
MISSING_BASE_AMOUNT = "MISSING_PROFILE/base_amount"
MISSING_COUNTER_ROWS = "MISSING_PROFILE/counter_rows"
MISSING_RECORD = "MISSING_OBJECT/record"
# A record that is to be created is there already under another key, or it can't be told whether it is.
DUPLICATE_RECORD = "DUPLICATE_RECORD"
UNSEARCHABLE = "DUPLICATE_RECORD/unsearchable"
_MOST_ALIKE = 200  # records that share what can be searched for, such as a postal code

_AMOUNTS = ("debit", "credit")


@dataclass(frozen=True, slots=True)
class Put:
    """One value that is set, as text, and how it is compared with what abas shows.

    signed is an amount with its sign in abas. Words are texts and codes, which abas may cut or show in another
    language: they are set and never compared.
    """

    text: str
    day: date | None = None
    number: Decimal | None = None
    signed: Money | None = None
    is_currency: bool = False
    is_words: bool = False

    def is_shown_by(self, entry: ErpField | None, formats: Formats) -> bool:
        """Return whether abas shows what was set."""
        if self.is_words:
            return True
        if self.day is not None:
            return is_day(read_text(entry), self.day, formats)
        if self.number is not None:
            return read_number(entry, formats) == self.number
        if self.signed is not None:
            return shows_amount(entry, self.signed, formats)
        if self.is_currency:
            return shows_currency(entry, self.text)
        return read_text(entry) == self.text.strip()


Puts = Mapping[str, Put]


@dataclass(frozen=True, slots=True)
class Document:
    """A document that abas holds under our reference; names are the fields of `shown` by role."""

    id: str
    number: str
    created_at: datetime
    names: Mapping[str, str]
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
        self._head = _document_head(command, way, profile.formats)
        self._rows = _document_rows(command, way, profile.formats)

    @property
    def is_fenced(self) -> bool:
        """By an infosystem, or by a lock under which a search shows at once what was saved."""
        return self._infosystem is not None or _is_fenced(self._way, self._profile)

    @property
    def _rows_way(self) -> Rows | None:
        """Where the rows of this document are; None where all of it is in the head."""
        return self._way.rows or (self._way.counter_rows if self._rows else None)

    @property
    def _infosystem(self) -> Infosystem | None:
        return self._way.infosystem if self._profile.strategy_of(self._way) == "infosystem" else None

    async def look_up(self) -> Document | None:
        """Find the document under our reference."""
        return await self._find(self.reference)

    async def look_up_original(self) -> Document | None:
        """Find the document that is reversed."""
        return None if self.original is None else await self._find(self.original)

    async def _find(self, reference: str) -> Document | None:
        found = await _search(self._client, self._profile, self._way, "posting_reference", reference)
        return None if found is None else self._document(found, _names(self._way))

    def _document(self, shown: ErpObject, names: Mapping[str, str]) -> Document:
        return Document(
            id=shown.id,
            number=_number(self._way, shown),
            created_at=read_instant(shown, self._way.created, self._profile.formats),
            names=names,
            shown=shown,
        )

    async def make(self, original: Document | None, saving: Saving) -> Document:
        """Post it.

        Raises: ProfileMismatch when the profile has no entry for the way of posting that it chooses.
        """
        way, profile = self._way, self._profile
        if self._command.posted_on is not None and "posted_on" not in way.inputs:
            raise AbasRefused(
                f"the document is posted on {self._command.posted_on}, and the mapping profile names no field for "
                f"that; add documents.{self._command.kind}.inputs.posted_on",
                code=MISSING_POSTED_ON,
            )
        currencies = sorted({line.currency for line in self._command.lines})
        if len(currencies) > 1 and (way.rows is None or "currency" not in way.rows.inputs):
            # Without its currency each line would be read in the head's, or in the currency of the house.
            raise AbasRefused(
                f"the document has lines in {' and '.join(currencies)}, and the mapping profile names no field for the "
                f"currency of a line; add documents.{self._command.kind}.rows.inputs.currency",
                code=MISSING_CURRENCY,
            )
        is_of_base_alone = not any(line.amount_minor for line in self._command.lines)
        if is_of_base_alone and (way.rows is None or BASE_AMOUNT not in way.rows.inputs):
            raise AbasRefused(
                "the document has amounts in the currency of the books alone, and the mapping profile names no field "
                f"for them; add documents.{self._command.kind}.rows.inputs.{BASE_AMOUNT}",
                code=MISSING_BASE_AMOUNT,
            )
        call = self._infosystem
        if self._rows and (self._rows_way is None or (call is not None and not call.counter_rows)):
            missing = "infosystem.counter_rows" if self._rows_way else "counter_rows"
            raise AbasRefused(
                "the document has a line for each of several product categories, and the mapping profile names no rows "
                f"for them; add documents.{self._command.kind}.{missing}",
                code=MISSING_COUNTER_ROWS,
            )
        head = self._head if original is None else {**self._head, REVERSES_DOCUMENT: Put(original.id)}
        strategy = profile.strategy_of(way)
        if strategy == "infosystem" and way.infosystem is not None:
            return await self._by_infosystem(way.infosystem, head, saving)
        if strategy == "infosystem" or (strategy == "typecommand" and way.type_command is None):
            where = profile.where("documents", self._command.kind)
            raise ProfileMismatch([f"{where}: {self._command.kind} has no entry for strategy {strategy}"])
        actions = [*_set_head(way.constants, way.inputs, head), *_set_new_rows(self._rows_way, self._rows), commit()]
        return await save_by_editor(
            self._client,
            profile.posting.dialog_answers,
            Opening(way.table, way.action, type_command=way.type_command if strategy == "typecommand" else None),
            actions,
            lock=_lock(way.lock, head),
            look_up=self.look_up,
            saving=saving,
        )

    async def _by_infosystem(self, call: Infosystem, head: Puts, saving: Saving) -> Document:
        inputs = [
            *_set_head(call.constants, call.inputs, head),
            *_set_new_rows(Rows(inputs=call.counter_rows), self._rows),
        ]
        shown = await save_by_infosystem(
            self._client, self._profile.posting.dialog_answers, call, inputs, saving=saving
        )
        if self._rows:  # what it reports is the head
            saved = await self.look_up()
            if saved is None:
                raise AbasSavedUnseen("the posting infosystem posted, and the document can't be found by our reference")
            return saved
        names = call.outputs
        reported = {name: read_text(shown.head.get(field)) for name, field in names.items()}
        try:
            if empty := [name for name, text in reported.items() if not text]:
                raise AbasRecordUnreadable(f"{names[empty[0]]} is missing or empty")
            created_at = read_instant(shown, names["created"], self._profile.formats)
        except AbasRecordUnreadable as error:
            raise AbasSavedUnseen(f"the posting infosystem answered without naming the document: {error}") from error
        return Document(reported["id"], reported["number"], created_at, names, shown)

    def outcome(self, found: Document) -> DocumentPosted:
        """Report the document; it is compared with the command, all but its texts for people and its codes."""
        formats, head = self._profile.formats, dict(self._head)
        if self.original is not None and REVERSES_DOCUMENT in self._way.reads:
            head[REVERSES_DOCUMENT] = Put(self.original)
        differences = list(_differences(found.names, head, found.shown.head, formats))
        if self._rows_way is not None:
            differences += _row_differences(self._rows_way, self._rows, found.shown.rows, formats)
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
            settlement_account=command.settlement_account,
            values=command.values,
            lines=command.lines,
            document_id=found.id,
            document_number=found.number,
            category_names=command.category_names,
            category_amounts=command.category_amounts,
            occurred_at=found.created_at,
        )

    def refused(self, refusal: AbasRefused) -> DocumentRefused:
        """Record abas' no; one that is about a closed period is of that family, whatever its number is here."""
        outcome = self.refusal(self._command, refusal)
        number = outcome.code.rpartition("/")[2]
        is_closed = number in self._profile.posting.period_closed
        return replace(outcome, code=f"{PERIOD_CLOSED}/{number}") if is_closed else outcome

    @staticmethod
    def refusal(command: PostDocument, refusal: AbasRefused) -> DocumentRefused:
        """Record a no; there is nothing in abas to take a time from, so it carries the command's."""
        code, message, field_name = abas_words(refusal)
        return DocumentRefused(
            kind=command.kind,
            posting_reference=command.posting_reference,
            reverses_reference=command.reverses_reference,
            subject_kind=command.subject_kind,
            subject=command.subject,
            settlement_account=command.settlement_account,
            values=command.values,
            lines=command.lines,
            code=code,
            message=message,
            field_name=field_name,
            occurred_at=command.occurred_at,
        )

    @property
    def described(self) -> str:
        """Kind, reference, amount and subject."""
        command, line = self._command, self._command.lines[0]
        amount = f"{Money(line.amount_minor, line.currency).major} {line.currency}"
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
        values = {role: text[: way.cut.get(role)] for role, text in command.values.items()}
        self._head: Puts = {
            NATURAL_KEY: Put(command.natural_key),
            **_typed(values, kind.values, profile.formats, {}),
        }
        self._rows = {row.row_key: _typed(row.values, kind.row_values, profile.formats, {}) for row in command.rows}
        self._known: Saved | None = None
        self._is_searched = False

    @property
    def is_claimed(self) -> bool:
        """A second creation would make a second record; a change made twice is the same change."""
        return self._known is None and self._way.is_ours

    @property
    def is_fenced(self) -> bool:
        """As a document; a change is compared under the lock of its own editor."""
        return not self.is_claimed or _is_fenced(self._way, self._profile)

    @property
    def _found_by(self) -> str:
        """The value that it is found by; empty where the command has none."""
        put = self._head.get(self._way.found_by)
        return "" if put is None else put.text

    async def look_up(self) -> Saved | None:
        """Find the record where it holds what is asked for."""
        found = await self._find()
        return found if found is not None and not self._differences(found) else None

    async def look_up_original(self) -> Saved | None:
        """Find nothing: a record reverses none."""
        return None

    async def _find(self) -> Saved | None:
        if self._known is not None:
            return await self._read(self._known.id)
        if not self._found_by:
            return None
        shown = await _search(self._client, self._profile, self._way, self._way.found_by, self._found_by)
        self._known = None if shown is None else self._saved(shown)
        return self._known

    async def _read(self, record: str) -> Saved:
        head, rows = _fields(self._way, self._way.number)
        return self._saved(await self._client.read_record(self._way.table, record, head, rows))

    def _saved(self, shown: ErpObject) -> Saved:
        version = shown.meta.get("version")
        return Saved(shown.id, _number(self._way, shown), version if isinstance(version, int) else 0, shown)

    async def make(self, original: Saved | None, saving: Saving) -> Saved:
        """Create it, or change what differs.

        Raises: AbasRefused where it is a record that people make, and there is none.
        """
        if self._known is None and not self._way.is_ours:
            found_by = self._way.found_by
            named = f"with {found_by} {self._found_by}" if self._found_by else f"by a command without {found_by}"
            raise AbasRefused(f"there is no {self._way.meta_name} to change {named}", code=MISSING_RECORD)
        saved = await (self._create(saving) if self._known is None else self._change(self._known, saving))
        differences = self._differences(saved)
        if differences:
            raise AbasDocumentContradicts(
                f"abas keeps {self._command.kind} {saved.number} otherwise than it was set: {'; '.join(differences)}"
            )
        return saved

    async def _create(self, saving: Saving) -> Saved:
        way = self._way
        if way.lock is None:
            await self._refuse_duplicate()
        actions = [*_set_head(way.constants, way.inputs, self._head), *self._set_new_rows(self._rows), commit()]
        saved = await save_by_editor(
            self._client,
            self._profile.posting.dialog_answers,
            Opening(way.table, way.create),
            actions,
            lock=_lock(way.lock, self._head),
            look_up=self._find_or_refuse,
            saving=saving,
        )
        # Found under the lock: somebody created it just now, and it may say something else.
        return await self._change(saved, saving) if self._differences(saved) else saved

    async def _find_or_refuse(self) -> Saved | None:
        """Find it; the first time, under the lock and before anything is saved, refuse another record of the same.

        Raises: AbasRefused as _refuse_duplicate.
        """
        found = await self._find()
        if found is None:
            await self._refuse_duplicate()
        return found

    async def _refuse_duplicate(self) -> None:
        """Look once for what abas holds under another key.

        Raises: AbasRefused naming the record that has the same values.
        """
        if self._is_searched:
            return
        self._is_searched = True
        way, head = self._way, self._head
        for group in way.duplicates:
            given = [(role, head[role].text) for role in group if role in head and head[role].text]
            if len(given) < len(group):
                continue
            searched = [(role, text) for role, text in given if is_safe(text)]
            spelt = dict.fromkeys((tuple(searched), tuple((role, text.lower()) for role, text in searched)))
            shown = [one for each in spelt if each for one in await self._matching(group, each)]
            named = " and ".join(group)
            for one in shown:
                if all(_is_alike(one.head.get(way.read_at(role)), text) for role, text in given):
                    what = f"{way.meta_name} {_number(way, one)} has the same {named}; nothing was created"
                    raise AbasRefused(what, code=DUPLICATE_RECORD)
            if not searched or len(shown) >= _MOST_ALIKE:
                what = f"abas can't be searched for the same {named}; nothing was created"
                raise AbasRefused(what, code=UNSEARCHABLE)

    async def _matching(self, group: Sequence[str], searched: Sequence[tuple[str, str]]) -> Sequence[ErpObject]:
        way = self._way
        return await self._client.query_page(
            way.table,
            Selection(tuple(equals(way.read_at(role), text) for role, text in searched), Filing.BOTH, way.order_by),
            [way.number, *(way.read_at(role) for role in group)],
            order_option=self._profile.formats.order_option,
            limit=_MOST_ALIKE,
        )

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
        for role, put in _unlike(_names(way), self._asked(current), current.shown.head, formats):
            yield set_field(way.inputs[role], put.text)
        for key, puts, number, shown in self._rows_in(current):
            if number is None:
                yield from self._set_new_rows({key: puts})
                continue
            for role, put in _unlike(_names(self._row_way), puts, shown, formats):
                yield set_field(self._row_way.inputs[role], put.text, row=str(number))

    def _differences(self, found: Saved) -> list[str]:
        formats = self._profile.formats
        differences = list(_differences(_names(self._way), self._asked(found), found.shown.head, formats))
        names = _names(self._row_way)
        for key, puts, _, shown in self._rows_in(found):
            differences += [f"row {key}: {text}" for text in _differences(names, puts, shown, formats)]
        return differences

    def _asked(self, found: Saved) -> Puts:
        """Return what is asked of the head: of an address that abas holds in another spelling only what it lacks."""
        names, roles_of = _names(self._way), kinds()[self._command.kind].address
        parts = {part: role for part, role in roles_of.items() if role in self._head and role in names}
        asked = Address(**{part: self._head[role].text for part, role in parts.items()})
        held = Address(**{part: read_text(found.shown.head.get(names[role])) for part, role in parts.items()})
        if not is_same_place(asked, held):
            return self._head
        spelt = {role for part, role in parts.items() if getattr(held, part)}
        return {role: put for role, put in self._head.items() if role not in spelt}

    @property
    def _row_way(self) -> Rows:
        """Where rows are; no fields where this kind has none."""
        return self._way.rows or Rows(inputs={})

    def _rows_in(self, found: Saved) -> Iterator[tuple[str, Puts, int | None, Mapping[str, ErpField]]]:
        """Yield each row of the command.

        Its key, its values, and its number from 1 and fields in abas, where it is there.
        """
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
        """Table and field of what it is found by."""
        return _place(self._way, self._way.found_by, self._found_by)


# -- commands to values, by role ------------------------------------------------------------------------------------


def _document_head(command: PostDocument, way: DocumentWay, formats: Formats) -> Puts:
    currencies = {line.currency for line in command.lines}
    given = {
        "posting_reference": command.posting_reference,
        "reverses_reference": command.reverses_reference,
        "subject": command.subject,
        "open_item": command.lines[0].open_item if way.rows is None else None,
    }
    head = {role: Put(text) for role, text in given.items() if text is not None}
    if len(currencies) == 1:
        head["currency"] = Put(currencies.pop(), is_currency=True)
    if command.text is not None:
        head["text"] = Put(command.text[: way.cut.get("text")], is_words=True)
    posted_on = None if command.posted_on is None else command.posted_on.isoformat()
    if "posted_on" in way.inputs:
        day = posted_on or command.values["value_on"]
        head |= _typed({"posted_on": day}, {"posted_on": ValueType.DAY}, formats, {})
    if way.rows is None:
        line, *counters = command.lines
        for counter in counters if len(counters) == 1 else ():
            if roles()[counter.role].of is None:
                head[COUNTER_ACCOUNT] = Put(counter.account)
            elif counter.open_item is not None:
                head[COUNTER_OPEN_ITEM] = Put(counter.open_item)
            of_counter = {"cost_centre": counter.cost_centre, "tax_code": counter.tax_code}
            head |= {role: Put(text) for role, text in of_counter.items() if text is not None}
        sign = _sign_of_head(command, way)
        head["amount"] = _amount(sign * line.amount_minor, line.currency, formats)
        head |= _base_amount(line, sign, formats)
    return {**head, **_typed(command.values, kinds()[command.kind].values, formats, way.codes)}


def _sign_of_head(command: PostDocument, way: DocumentWay) -> int:
    return 1 if command.lines[0].side.value.lower() == way.amount_side else -1


def _document_rows(command: PostDocument, way: DocumentWay, formats: Formats) -> list[Puts]:
    """Return the rows of a document: all lines, or several of the other side where the first is in the head."""
    if way.rows is not None:
        return [_line(line, formats) for line in command.lines]
    counters = command.lines[1:]
    return [_counter_row(line, _sign_of_head(command, way), formats) for line in counters] if len(counters) > 1 else []


def _counter_row(line: DocumentLine, sign: int, formats: Formats) -> Puts:
    given = {"account": line.account, "cost_centre": line.cost_centre, "tax_code": line.tax_code}
    puts = {role: Put(text) for role, text in given.items() if text is not None}
    if line.text is not None:
        puts["text"] = Put(line.text, is_words=True)
    amount = _amount(sign * line.amount_minor, line.currency, formats)
    return {**puts, "amount": amount, **_base_amount(line, sign, formats)}


def _line(line: DocumentLine, formats: Formats) -> Puts:
    given = {
        "account": line.account,
        "open_item": line.open_item,
        "cost_centre": line.cost_centre,
        "tax_code": line.tax_code,
    }
    puts = {role: Put(text) for role, text in given.items() if text is not None}
    puts["currency"] = Put(line.currency, is_currency=True)
    if line.text is not None:
        puts["text"] = Put(line.text, is_words=True)
    puts["debit" if line.side is Side.DEBIT else "credit"] = _amount(line.amount_minor, line.currency, formats)
    return puts | _base_amount(line, 1 if line.side is Side.DEBIT else -1, formats)


def _base_amount(line: DocumentLine, sign: int, formats: Formats) -> dict[str, Put]:
    if line.base_minor is None or line.base_currency is None:
        return {}
    return {BASE_AMOUNT: _amount(sign * line.base_minor, line.base_currency, formats)}


def _amount(minor: int, currency: str, formats: Formats) -> Put:
    return Put(to_decimal_text(minor, currency, formats), signed=Money(minor, currency))


def _typed(
    values: Mapping[str, str],
    types: Mapping[str, ValueType],
    formats: Formats,
    codes: Mapping[str, Mapping[str, str]],
) -> dict[str, Put]:
    return {role: _put(text, types[role], formats, codes.get(role, {})) for role, text in values.items()}


def _put(text: str, of_type: ValueType, formats: Formats, codes: Mapping[str, str]) -> Put:
    if text and of_type is ValueType.DAY:
        day = date.fromisoformat(text)
        return Put(to_date_text(day, formats), day=day)
    if text and of_type is ValueType.NUMBER:
        return Put(to_number_text(Decimal(text), formats), number=Decimal(text))
    if of_type is ValueType.CODE:
        return Put(codes.get(text, text), is_words=True)
    return Put(text)


# -- values to actions, and back ------------------------------------------------------------------------------------


def _set_head(constants: Mapping[str, str], inputs: Mapping[str, str], puts: Puts) -> Iterator[Action]:
    yield from (set_field(name, value) for name, value in constants.items())
    yield from (set_field(name, puts[role].text) for role, name in inputs.items() if role in puts)


def _set_new_rows(rows: Rows | None, lines: Sequence[Puts]) -> Iterator[Action]:
    for puts in lines:
        assert rows is not None, "lines are built for a profile entry that has rows"
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
    """Return the number that people know, or the id where abas gives none."""
    return read_text(shown.head.get(way.number)) or shown.id


def _fields(way: DocumentWay | RecordWay, *others: str) -> tuple[list[str], list[str]]:
    """Return which fields of head and rows are asked for."""
    head = dict.fromkeys((*others, *(way.read_at(role) for role in way.inputs)))
    in_rows = way.rows or (way.counter_rows if isinstance(way, DocumentWay) else None)
    rows = dict.fromkeys(in_rows.read_at(role) for role in in_rows.inputs) if in_rows is not None else {}
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


def _is_alike(shown: ErpField | None, text: str) -> bool:
    return " ".join(read_text(shown).casefold().split()) == " ".join(text.casefold().split())


def _names(way: DocumentWay | RecordWay | Rows) -> Mapping[str, str]:
    """Return field by role, as abas shows it, in the order of the fields that are set."""
    return {role: way.read_at(role) for role in way.inputs}


def _unlike(
    names: Mapping[str, str], puts: Puts, shown: Mapping[str, ErpField], formats: Formats
) -> Iterator[tuple[str, Put]]:
    """Roles with a field here that abas shows otherwise, in the order of the fields."""
    for role, name in names.items():
        put = puts.get(role)
        if put is not None and not put.is_shown_by(shown.get(name), formats):
            yield role, put


def _differences(
    names: Mapping[str, str], puts: Puts, shown: Mapping[str, ErpField], formats: Formats
) -> Iterator[str]:
    for role, put in _unlike(names, puts, shown, formats):
        yield f"{role} is {read_text(shown.get(names[role]))!r} and not {put.text!r}"


def _row_differences(
    rows: Rows, lines: Sequence[Puts], shown: Sequence[Mapping[str, ErpField]], formats: Formats
) -> Iterator[str]:
    if len(lines) != len(shown):
        yield f"it has {len(shown)} rows and not {len(lines)}"
        return
    for number, (puts, row) in enumerate(zip(lines, shown, strict=True), start=1):
        wanted = {**puts, **{side: Put("", number=Decimal(0)) for side in _AMOUNTS if side not in puts}}
        for text in _differences(_names(rows), wanted, row, formats):
            yield f"row {number}: {text}"
