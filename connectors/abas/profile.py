"""The mapping profile: what this abas calls the things we need. For client users, mapping, source and sink.

No name of a table, field, infosystem or command stands in our code, because none of the finance names is public
and every installation has its own; they stand in one YAML file, which is read here into a frozen model, each
problem with its file and line. profile_check.py compares it with the server's own metadata.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated, Generic, Literal, Self, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from connectors.abas.errors import ProfileUnreadable
from schemas.documents import Kind, kinds, reversals
from schemas.records.erp import ReversalReason
from schemas.records.payments import PaymentMethod

YamlPath = tuple[str | int, ...]

# A field of the record itself, or of the record that a reference leads to: `customer^idno`.
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(\^[A-Za-z][A-Za-z0-9_]*)*$")]


def plain_spec(spec: str) -> str:
    """Write a table's number without leading zeros: 00:01 is 0:1."""
    return ":".join(part.lstrip("0") or "0" for part in spec.split(":"))


TableSpec = Annotated[str, Field(pattern=r"^\d{1,3}:\d{1,3}$"), AfterValidator(plain_spec)]
SearchWord = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]+$")]
Role = Literal[
    "posting_reference",
    "paytrace_transaction_id",
    "customer_number",
    "open_item",
    "invoice_number",
    "amount",
    "currency",
    "method",
    "value_on",
    "reverses_reference",
    "reverses_document",
    "reason",
]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CustomerFields(_Entry):
    """Fields of a customer; vault_customer holds the PayTrace customer id, a y-field of ours."""

    number: FieldName
    name: FieldName
    vault_customer: FieldName


class ItemFields(_Entry):
    """Fields of an outstanding item, wherever it is read from."""

    invoice_number: FieldName
    customer_number: FieldName
    amount: FieldName
    open: FieldName
    currency: FieldName
    due_on: FieldName
    order_number: FieldName | None = None  # the order that it invoices, by which a payment may name the customer


class OpenItemFields(ItemFields):
    """Fields of the outstanding items' table."""

    changed: FieldName


class ItemRowFields(ItemFields):
    """Fields of a row in an infosystem that lists outstanding items; item is the reference to the record itself."""

    item: FieldName


class SalesOrderFields(_Entry):
    """Fields of a sales order, by whose number a payment may name its customer."""

    number: FieldName
    customer_number: FieldName
    changed: FieldName


class PaymentWishFields(_Entry):
    """Fields of a payment wish: what somebody at abas asks of the gateway. A table of ours, made for this."""

    number: FieldName
    kind: FieldName
    customer_number: FieldName
    amount: FieldName
    currency: FieldName
    paytrace_transaction_id: FieldName
    reason: FieldName
    status: FieldName
    vault_customer: FieldName | None = None  # whose stored card or account a charge takes
    invoice_number: FieldName | None = None  # which invoice a charge pays, e.g. item^docNo
    requester: FieldName | None = None


class DocumentFields(_Entry):
    """Fields by which a posted document is found again and judged."""

    id: FieldName
    number: FieldName
    posting_reference: FieldName
    paytrace_transaction_id: FieldName
    amount: FieldName
    currency: FieldName
    created: FieldName
    customer_number: FieldName | None = None  # whose document it is; without it, that is not compared


FieldsT = TypeVar("FieldsT", bound=BaseModel)


class Table(_Entry, Generic[FieldsT]):
    """One table: its number here, its language-independent class name, and its fields by our roles."""

    table: TableSpec
    meta_name: str
    order_by: FieldName
    fields: FieldsT


class Tables(_Entry):
    """The tables that we read; those that an installation doesn't use are left out."""

    customer: Table[CustomerFields]
    open_item: Table[OpenItemFields] | None = None
    payment: Table[DocumentFields]
    sales_order: Table[SalesOrderFields] | None = None
    payment_wish: Table[PaymentWishFields] | None = None


class OpenItemList(_Entry):
    """An infosystem that lists outstanding items; takes the place of the table where that can't be queried.

    It shows open items only, so one that somebody else clears is not seen as cleared: it is just no longer seen.
    """

    workspace: SearchWord
    search_word: SearchWord
    constants: Mapping[FieldName, str] = {}
    press: FieldName
    rows: ItemRowFields


class InfosystemCall(_Entry):
    """A posting infosystem: one call that looks for the reference, posts when it isn't there, and tells which.

    Contract with the ERP side: press runs it in one database transaction; the outputs describe the document
    under the reference, new or old; a business refusal is an error answer.
    """

    workspace: SearchWord
    search_word: SearchWord
    inputs: Mapping[Role, FieldName]
    constants: Mapping[FieldName, str] = {}
    press: FieldName
    outputs: DocumentFields


class PostingLock(_Entry):
    """The record that a writer holds open, in the same working set, while it looks up and posts."""

    table: Literal["customer", "open_item"]
    action: str


class EditorCall(_Entry):
    """Posting by the editor of the payment table: open, set, commit.

    It is opened by an edit action (strategy editor) or by a type command, named by number or name (strategy
    typecommand); a type command's own table and action are checked against this entry.
    """

    action: str
    type_command: str | None = None
    inputs: Mapping[Role, FieldName]
    constants: Mapping[FieldName, str] = {}
    lock: PostingLock | None = None


class DocumentEntry(_Entry):
    """One document kind: the sign that its amount has in abas, and the ways to post it."""

    amount_sign: Literal["positive", "negative"]
    infosystem: InfosystemCall | None = None
    editor: EditorCall | None = None


class Lock(_Entry):
    """The record that a writer holds open while it looks up and saves.

    record is a role of the command, such as subject or values.customer, or a record of this abas after an = sign.
    """

    table: TableSpec
    meta_name: str
    action: str
    record: str = Field(pattern=r"^(=.+|[a-z][a-z0-9_.]*)$")


class Rows(_Entry):
    """Rows of a document or record: which role goes into which field, and where it is read, if elsewhere."""

    inputs: Mapping[str, FieldName]
    reads: Mapping[str, FieldName] = {}

    def read_at(self, role: str) -> str:
        """Name the field, or the path to it, where a role is read."""
        return self.reads.get(role, self.inputs[role])


class _Way(_Entry):
    """Where a kind of schemas/documents is in this abas. Roles: docs/documents.md."""

    table: TableSpec
    meta_name: str
    order_by: FieldName
    inputs: Mapping[str, FieldName]
    reads: Mapping[str, FieldName] = {}
    constants: Mapping[FieldName, str] = {}
    rows: Rows | None = None
    lock: Lock | None = None

    def read_at(self, role: str) -> str:
        """Name the field, or the path to it, where a role is read."""
        return self.reads.get(role, self.inputs.get(role, role))


_LINE_ROLES = frozenset({"account", "debit", "credit", "currency", "open_item", "cost_centre", "tax_code", "text"})


class DocumentWay(_Way):
    """A document: posted by an action for a new record, found by its reference."""

    number: FieldName
    created: FieldName
    action: str = "NEW"
    rows: Rows

    def faults(self, kind: Kind) -> Iterator[str]:
        """What does not fit the kind: roles that have no field here, and fields of no role."""
        head = {*kind.values, "posting_reference", "reverses_reference", "subject", "text", "currency"}
        needed = {"posting_reference"} | ({"reverses_reference"} if kind.kind in reversals() else set())
        yield from _misfits("inputs", self.inputs, head, needed)
        yield from _misfits("rows.inputs", self.rows.inputs, _LINE_ROLES, {"account", "debit", "credit"})


class RecordWay(_Way):
    """A record: created by one action, changed by another, found by its natural key."""

    number: FieldName
    create: str = "NEW"
    change: str = "UPDATE"
    without: frozenset[str] = frozenset()  # values that this abas has no field for, so that nobody misses them unseen

    def faults(self, kind: Kind) -> Iterator[str]:
        """As of a document; every value has a field or is named in without."""
        every = {*kind.values, "natural_key"}
        yield from _misfits("inputs", self.inputs, every, every, self.without)
        if kind.row_values or self.rows is not None:
            rows = {} if self.rows is None else self.rows.inputs
            of_row = {*kind.row_values, "row_key"}
            yield from _misfits("rows.inputs", rows, of_row, of_row)


def _misfits(
    where: str,
    inputs: Mapping[str, FieldName],
    known: AbstractSet[str],
    needed: AbstractSet[str],
    without: AbstractSet[str] = frozenset(),
) -> Iterator[str]:
    missing = sorted(needed - set(inputs) - without)
    if missing:
        yield f"{where} has no {', '.join(missing)}"
    strange = sorted(set(inputs) - known)
    if strange:
        yield f"{where} has {', '.join(strange)}, which the kind doesn't carry; it carries {', '.join(sorted(known))}"


DialogAnswers = Mapping[str, tuple[str, ...]]


class Posting(_Entry):
    """How we post."""

    strategy: Literal["infosystem", "editor", "typecommand"]
    methods: Mapping[PaymentMethod, str]
    reasons: Mapping[ReversalReason, str]
    # Id, title or prompt of a question -> the values to answer with; any other question is a refusal.
    dialog_answers: DialogAnswers = {}
    # How late a saved record appeared in a search, in seconds, as `saldo abas probe --measure` found it; None: unknown.
    search_lag_s: float | None = Field(default=None, ge=0)
    # How long a document whose answer was lost is looked for, in seconds; SALDO_ABAS_OUTCOME_WAIT_S overrules it.
    outcome_wait_s: float = Field(default=300.0, ge=0)
    documents: Mapping[str, DocumentEntry]

    @model_validator(mode="after")
    def _every_word_has_a_translation(self) -> Self:
        untold = [
            *(m for m in PaymentMethod if m not in self.methods),
            *(r for r in ReversalReason if r not in self.reasons),
        ]
        if untold:
            raise ValueError(f"methods and reasons say nothing for {', '.join(untold)}")
        return self


class Formats(_Entry):
    """How this abas reads and shows dates, and amounts where it writes them as text."""

    date_input: str
    date_texts: tuple[str, ...]
    time_zone: str
    # How amounts are written as text, in both directions; None writes a point and reads what has one reading only.
    decimal_mark: Literal[".", ","] | None = None
    order_option: Annotated[str, Field(pattern=r"^@[a-z]+=\{field\}$")]


class Profile(_Entry):
    """The whole mapping profile."""

    formats: Formats
    tables: Tables
    open_item_list: OpenItemList | None = None
    posting: Posting
    documents: Mapping[str, DocumentWay] = {}
    records: Mapping[str, RecordWay] = {}

    @model_validator(mode="after")
    def _items_are_read_somewhere(self) -> Self:
        if self.tables.open_item is None and self.open_item_list is None:
            raise ValueError("outstanding items need tables.open_item or open_item_list")
        locks = [entry.editor.lock for entry in self.posting.documents.values() if entry.editor is not None]
        if self.tables.open_item is None and any(lock is not None and lock.table == "open_item" for lock in locks):
            raise ValueError("a lock on open_item needs tables.open_item")
        return self

    @model_validator(mode="after")
    def _kinds_are_known(self) -> Self:
        faults: list[str] = []
        for room, ways in (("documents", self.documents), ("records", self.records)):
            for name, way in ways.items():
                kind = kinds().get(name)
                if kind is None or kind.is_document != (room == "documents"):
                    known = [k.kind for k in kinds().values() if k.is_document == (room == "documents")]
                    faults.append(f"{room}.{name} is no kind of schemas/documents; there are {', '.join(known)}")
                else:
                    faults += [f"{room}.{name}.{fault}" for fault in way.faults(kind)]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    _origin: str = PrivateAttr(default="profile")
    _lines: dict[YamlPath, int] = PrivateAttr(default_factory=dict)

    def where(self, *path: str | int) -> str:
        """Name file and line of an entry, or of its nearest parent that has a line."""
        return f"{self._origin}:{nearest_line(self._lines, path)}"


def load_profile(path: Path) -> Profile:
    """Read a profile file.

    Raises: ProfileUnreadable naming every problem with file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileUnreadable(f"{path}: {error}") from error
    return parse_profile(text, origin=str(path))


def parse_profile(text: str, *, origin: str) -> Profile:
    """Read a profile from text; origin names it in messages.

    Raises: ProfileUnreadable naming every problem with origin and line.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        document = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise ProfileUnreadable(f"{origin}{line}: no YAML: {error}") from error
    lines: dict[YamlPath, int] = {}
    if node is not None:
        _collect_lines(node, (), lines)
    try:
        profile = Profile.model_validate(document)
    except ValidationError as error:
        problems = [
            f"{origin}:{nearest_line(lines, problem['loc'])}: "
            f"{'.'.join(str(part) for part in problem['loc']) or 'profile'}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise ProfileUnreadable("\n".join(problems)) from error
    profile._origin = origin
    profile._lines.update(lines)
    return profile


def nearest_line(lines: Mapping[YamlPath, int], path: tuple[str | int, ...]) -> int:
    """Find the line of a path, or of the longest part of it that has one; 1 when none has."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _collect_lines(node: yaml.Node, path: YamlPath, lines: dict[YamlPath, int]) -> None:
    if len(path) > 20:  # no profile is nested that deep; a hostile one must not exhaust the stack
        return
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            lines[below] = key.start_mark.line + 1
            _collect_lines(value, below, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            _collect_lines(value, (*path, index), lines)
