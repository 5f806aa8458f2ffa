"""The mapping profile: what this abas calls the things we need. For client users, mapping, source and sink.

No name of a table, field, infosystem or command stands in our code, because none of the finance names is public
and every installation has its own; they stand in one YAML file, which is read here into a frozen model, each
problem with its file and line. profile_check.py compares it with the server's own metadata.
"""

import functools
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, model_validator

from connectors.abas.errors import ProfileUnreadable
from schemas.documents import HEAD_ROLES, Kind, LineKind, kinds, reversals, roles
from schemas.files.owned import Entry, parse_with_lines, text_of
from schemas.files.yaml_lines import Lines, Misfits, near
from schemas.files.yaml_lines import Path as YamlPath
from schemas.records.subscriptions import RecurrenceFrequency

# A field of the record itself, or of the record that a reference leads to: `customer^idno`.
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(\^[A-Za-z][A-Za-z0-9_]*)*$")]


def plain_spec(spec: str) -> str:
    """Write a table's number without leading zeros: 00:01 is 0:1."""
    return ":".join(part.lstrip("0") or "0" for part in spec.split(":"))


TableSpec = Annotated[str, Field(pattern=r"^\d{1,3}:\d{1,3}$"), AfterValidator(plain_spec)]
SearchWord = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]+$")]
Strategy = Literal["infosystem", "editor", "typecommand"]


class CustomerFields(Entry):
    """Fields of a customer; vault_customer holds the PayTrace customer id, a y-field of ours.

    With an e-mail address or a street every customer is read, to be compared with those of PayTrace's vault.
    """

    number: FieldName
    name: FieldName
    vault_customer: FieldName
    email: FieldName | None = None
    phone: FieldName | None = None
    street: FieldName | None = None
    zip_code: FieldName | None = None
    town: FieldName | None = None
    country: FieldName | None = None
    shipping_street: FieldName | None = None
    shipping_zip_code: FieldName | None = None
    shipping_town: FieldName | None = None
    shipping_country: FieldName | None = None

    @property
    def are_compared(self) -> bool:
        """Return whether customers are read to be compared."""
        return bool(self.email or self.street)


class ItemFields(Entry):
    """Fields of an outstanding item, wherever it is read from."""

    invoice_number: FieldName
    customer_number: FieldName
    amount: FieldName
    open: FieldName
    currency: FieldName
    due_on: FieldName
    order_number: FieldName | None = None  # the order that it invoices, by which a payment may name the customer
    # Terms of payment, for discounts: the day of the invoice, the percentage and the days; the tax within it for up to
    # two rates, each with its code, its gross (without it, the whole item) and its tax.
    invoiced_on: FieldName | None = None
    discount_percent: FieldName | None = None
    discount_days: FieldName | None = None
    tax_code: FieldName | None = None
    taxed: FieldName | None = None
    tax: FieldName | None = None
    tax_code_2: FieldName | None = None
    taxed_2: FieldName | None = None
    tax_2: FieldName | None = None
    credits_invoice: FieldName | None = None  # the number of the invoice that a credit memo credits
    # What abas booked the whole item as, and the currency of that.
    booked_base: FieldName | None = None
    booked_base_currency: FieldName | None = None


class OpenItemFields(ItemFields):
    """Fields of the outstanding items' table."""

    changed: FieldName


class ItemRowFields(ItemFields):
    """Fields of a row in an infosystem that lists outstanding items; item is the reference to the record itself."""

    item: FieldName


class SalesOrderFields(Entry):
    """Fields of a sales order, by whose number a payment may name its customer."""

    number: FieldName
    customer_number: FieldName
    changed: FieldName


class PaymentRequestFields(Entry):
    """Fields of a payment request: what somebody at abas asks of the gateway. A table of ours, made for this."""

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
    merchant_account: FieldName | None = None


class PaymentRequestRowFields(Entry):
    """Fields of a row of a payment request: an invoice that a charge pays, and how much of the charge it gets."""

    invoice_number: FieldName
    amount: FieldName


class ContractFields(Entry):
    """Fields of a contract: what a customer is to be charged again and again."""

    number: FieldName
    customer_number: FieldName
    vault_customer: FieldName  # whose stored card or account is charged, e.g. customer^ypaytracecust
    amount: FieldName
    currency: FieldName
    frequency: FieldName
    start_on: FieldName
    ends_on: FieldName | None = None  # day from which there is no run
    merchant_account: FieldName | None = None
    description: FieldName | None = None


FieldsT = TypeVar("FieldsT", bound=BaseModel)


class Table(Entry, Generic[FieldsT]):
    """One table: its number here, its language-independent class name, and its fields by our roles."""

    table: TableSpec
    meta_name: str
    order_by: FieldName
    fields: FieldsT


class InvoiceFields(Entry):
    """Fields of an invoice."""

    number: FieldName  # as the open item names it


class InvoiceRowFields(Entry):
    """Fields of a line of an invoice: its product category, its net, and its tax as an amount or as a percentage."""

    category: FieldName
    net: FieldName
    tax: FieldName | None = None
    tax_percent: FieldName | None = None


class InvoiceTable(Table[InvoiceFields]):
    """The invoices, for the lines of what is open."""

    rows: InvoiceRowFields


class BalanceFields(Entry):
    """Fields of the balances of accounts: the balance itself, or its debit and credit."""

    account: FieldName
    currency: FieldName
    period: FieldName  # what a row is of, in the order in which they follow one another: a month, a year
    balance: FieldName | None = None
    debit: FieldName | None = None
    credit: FieldName | None = None

    @property
    def sides(self) -> tuple[FieldName, FieldName]:
        """Return the fields of debit and credit, where there is no balance."""
        return self.debit or "", self.credit or ""

    @model_validator(mode="after")
    def _says_an_amount(self) -> Self:
        if (self.balance is None) == (self.debit is None or self.credit is None):
            raise ValueError("needs the field balance, or the fields debit and credit")
        return self


class BalanceTable(Table[BalanceFields]):
    """Balances of accounts as abas shows them.

    A row holds what moved in its period (`each`), or the balance at the end of it (`running`). where: fields that
    choose the rows of one set of books; accounts: numbers of those that are read, all without any.
    """

    rows_hold: Literal["each", "running"]
    where: Mapping[FieldName, str] = {}
    accounts: frozenset[str] = frozenset()


class PaymentRequestTable(Table[PaymentRequestFields]):
    """The payment requests; with rows, where a charge names several invoices."""

    rows: PaymentRequestRowFields | None = None


class ContractTable(Table[ContractFields]):
    """Contracts; frequencies has ours for each of abas' words, those that are the same may be left out."""

    frequencies: Mapping[str, RecurrenceFrequency] = {}


class Tables(Entry):
    """The tables that we read; those that an installation doesn't use are left out."""

    customer: Table[CustomerFields]
    open_item: Table[OpenItemFields] | None = None
    sales_order: Table[SalesOrderFields] | None = None
    invoice: InvoiceTable | None = None
    payment_request: PaymentRequestTable | None = None
    account_balance: BalanceTable | None = None
    contract: ContractTable | None = None


class OpenItemList(Entry):
    """An infosystem that lists outstanding items; takes the place of the table where that can't be queried.

    It shows open items only, so one that somebody else clears is not seen as cleared: it is just no longer seen.
    """

    workspace: SearchWord
    search_word: SearchWord
    constants: Mapping[FieldName, str] = {}
    press: FieldName
    rows: ItemRowFields


class Lock(Entry):
    """The record that a writer holds open while it looks up and saves.

    record is a role that every such command carries, or a record of this abas after an = sign.
    """

    table: TableSpec
    meta_name: str
    action: str
    record: str


class Rows(Entry):
    """Rows of a document or record: which role goes into which field, and where it is read, if elsewhere."""

    inputs: Mapping[str, FieldName]
    reads: Mapping[str, FieldName] = {}

    def read_at(self, role: str) -> str:
        """Name the field, or the path to it, where a role is read."""
        return self.reads.get(role, self.inputs[role])


class Infosystem(Entry):
    """A posting infosystem: one call that looks for the reference, posts when it isn't there, and tells which.

    Contract with the ERP side: press runs it in one database transaction; the outputs describe the document
    under the reference, new or old; a business refusal is an error answer.
    """

    workspace: SearchWord
    search_word: SearchWord
    inputs: Mapping[str, FieldName]
    constants: Mapping[FieldName, str] = {}
    counter_rows: Mapping[str, FieldName] = {}  # as those of the document, where it takes them
    press: FieldName
    outputs: Mapping[str, FieldName]  # id, number, created, and roles by which the document is judged


class _Way(Entry):
    """Where a kind of schemas/documents is in this abas. Roles: docs/documents.md."""

    table: TableSpec
    meta_name: str
    order_by: FieldName
    number: FieldName
    inputs: Mapping[str, FieldName]
    reads: Mapping[str, FieldName] = {}
    constants: Mapping[FieldName, str] = {}
    rows: Rows | None = None
    lock: Lock | None = None
    without: frozenset[str] = frozenset()  # what this abas has no field for, so that nobody misses it unseen

    def read_at(self, role: str) -> str:
        """Name the field, or the path to it, where a role is read."""
        return self.reads.get(role, self.inputs[role])

    def _misfits(
        self,
        head: AbstractSet[str],
        needed: AbstractSet[str],
        of_row: AbstractSet[str],
        needed_of_row: AbstractSet[str],
        always: AbstractSet[str],
    ) -> Iterator[tuple[YamlPath, str]]:
        """Yield what does not fit.

        Shapes: roles of the head and of a row, those of each that need a field, and those that every command carries.
        """
        rows = Rows(inputs={}) if self.rows is None else self.rows
        if self.rows is not None and not of_row:
            yield ("rows",), "the kind has no rows; remove it"
            return
        yield from self._inputs_misfit((), self.inputs, self.constants, head, needed)
        yield from self._inputs_misfit(("rows",), rows.inputs, {}, of_row, needed_of_row)
        for path, at in (((), self), (("rows",), rows)):
            for role in sorted(set(at.reads) - set(at.inputs)):
                yield (*path, "reads", role), f"is read and never set; {near(role, at.inputs)}"
        for role in sorted(_FOUND_BY & set(self.reads)):
            where = f"written to {self.inputs.get(role)} and looked for in {self.reads[role]}"
            yield ("reads", role), f"the reference is {where}; use one"
        for role in sorted(self.without):
            if role not in (needed | needed_of_row) or role in _ALWAYS_NEEDED:
                may = (needed | needed_of_row) - _ALWAYS_NEEDED
                yield ("without",), f"{role} can't be left out; {near(role, may)}"
            elif role in self.inputs or role in rows.inputs:
                yield ("without",), f"{role} has a field; remove it here or there"
        if self.lock is not None and not self.lock.record.startswith("=") and self.lock.record not in always:
            remedy = near(self.lock.record, always)
            yield (
                ("lock", "record"),
                f"{self.lock.record} is nothing that every command carries; {remedy}, or write a record of this abas "
                "after =",
            )

    def _inputs_misfit(
        self,
        path: YamlPath,
        inputs: Mapping[str, str],
        constants: Mapping[str, str],
        known: AbstractSet[str],
        needed: AbstractSet[str],
    ) -> Iterator[tuple[YamlPath, str]]:
        for role in sorted(needed - set(inputs) - self.without):
            free = [one for one in inputs if one not in known]
            remedy = near(role, free, "name its field, or write the role below without")
            yield (*path, "inputs"), f"has no {role}; {remedy}"
        for role in sorted(set(inputs) - known):
            yield (*path, "inputs", role), f"is no role of the kind; {near(role, known)}"
        fields = [*inputs.items(), *((f"constants.{name}", name) for name in constants)]
        for index, (role, name) in enumerate(fields):
            other = next((earlier for earlier, same in fields[:index] if same == name), None)
            if other is not None:
                where = ("constants", name) if role.startswith("constants.") else ("inputs", role)
                yield (*path, *where), f"sets {name}, which {other} sets as well; name another field"


# The amount of a line in the currency of the books, signed as the amount is; in rows debit is positive.
BASE_AMOUNT = "base_amount"
_FOUND_BY = frozenset({"posting_reference"})
# Roles by which a thing is found, reversed and added up: an abas without a field for them can't hold it once.
_ALWAYS_NEEDED = frozenset(
    {"posting_reference", "reverses_reference", "account", "debit", "credit", "amount", "natural_key", "row_key"}
)
_LINE_ROLES = frozenset(
    {"account", "debit", "credit", BASE_AMOUNT, "currency", "open_item", "cost_centre", "tax_code", "text"}
)
# What a posting infosystem must tell of the document that it made or found.
_OUTPUTS = frozenset({"id", "number", "created", "posting_reference", "amount", "currency"})
# The document that is reversed, by its record in abas in place of our reference.
REVERSES_DOCUMENT = "reverses_document"


# Account, or open item, of the other line of a document that goes into the head alone.
COUNTER_ACCOUNT = "counter_account"
COUNTER_OPEN_ITEM = "counter_open_item"
# What a record is found by where Saldo makes it.
NATURAL_KEY = "natural_key"


def may_be_flat(kind: Kind) -> bool:
    """Return whether the lines of a kind fit into a head: the customer's own, and one other."""
    return len(kind.lines) == 2 and roles()[kind.lines[0].role].of is not None


def _of_counter(line: LineKind) -> set[str]:
    """Return what the head needs of the other line besides cost centre and tax code."""
    if roles()[line.role].of is None:
        return {COUNTER_ACCOUNT}
    return {COUNTER_OPEN_ITEM} if "open_item" in line.takes else set()


class DocumentWay(_Way):
    """A document: posted by an editor for a new record or by a posting infosystem, found by its reference.

    One of two lines, the first of them the customer's own, may go into the head alone, without rows: amount and open
    item of that line are roles of the head then, counter_account (or counter_open_item, where the other line is the
    customer's as well), cost_centre and tax_code those of the other one, and amount_side says which side of the first
    is a positive amount there. Where the other side has several lines, one for each product category, these are
    counter_rows: rows of account and amount, which is signed as the head's.
    """

    created: FieldName
    strategy: Strategy | None = None  # in place of posting.strategy
    action: str = "NEW"
    type_command: str | None = None
    infosystem: Infosystem | None = None
    rows: Rows | None = None
    counter_rows: Rows | None = None
    amount_side: Literal["debit", "credit"] = "credit"
    codes: Mapping[str, Mapping[str, str]] = {}  # abas' word for each code of a value
    cut: Mapping[Literal["text"], Annotated[int, Field(gt=0)]] = {}  # how many characters a text for people may have

    def faults(self, kind: Kind) -> Iterator[tuple[YamlPath, str]]:
        """Path and remedy of what does not fit the kind; every value has a field or is named in without."""
        is_reversal, is_flat = kind.kind in reversals(), self.rows is None and may_be_flat(kind)
        head = {*kind.values, *HEAD_ROLES} - (set() if is_reversal else {"reverses_reference"})
        needed = {*kind.values, "posting_reference"}
        always = {*kind.required, "posting_reference", "subject"}
        taken = frozenset[str]().union(*(line.takes for line in kind.lines)) - {"text"}
        counter = _of_counter(kind.lines[1]) if is_flat else set[str]()
        if is_reversal and REVERSES_DOCUMENT in self.inputs:
            head.add(REVERSES_DOCUMENT)
        elif is_reversal:
            needed.add("reverses_reference")
        if is_flat:
            of_line = {"amount", *counter, *taken}
            head, needed, always = head | of_line | {BASE_AMOUNT}, needed | of_line, always | kind.lines[0].requires
        of_row = set[str]() if is_flat else set(_LINE_ROLES)
        yield from self._misfits(head, needed, of_row, of_row and {"account", "debit", "credit", *taken}, always)
        yield from self._counter_misfits(is_flat, taken - {"open_item"})
        in_rows = () if self.rows is None else self.rows.inputs
        if "currency" not in self.inputs and "currency" not in in_rows:
            yield ("inputs",), "has no currency; name its field, here or in rows.inputs"
        for role in sorted(set(kind.codes) - self.without):
            unsaid = [code for code in kind.codes[role] if code not in self.codes.get(role, {})]
            if unsaid:
                yield ("codes",), f"say nothing for {role} {', '.join(unsaid)}; write abas' word for each"
        for role in sorted(set(self.codes) - set(kind.codes)):
            yield ("codes", role), f"is no code of the kind; {near(role, kind.codes)}"
        if self.infosystem is not None:
            at, call = ("infosystem",), self.infosystem
            if not is_flat:
                yield at, "takes the head alone, and the kind has rows here; remove it"
            found = self._inputs_misfit(at, call.inputs, call.constants, head | {REVERSES_DOCUMENT}, needed)
            yield from found if is_flat else ()
            if missing := sorted(_OUTPUTS - set(call.outputs)):
                yield (*at, "outputs"), f"has no {', '.join(missing)}; name the field"
            known = head | _OUTPUTS | {COUNTER_ACCOUNT}
            for role in sorted(set(call.outputs) - known):
                yield (*at, "outputs", role), f"is no role of the kind; {near(role, known)}"

    def _counter_misfits(self, is_flat: bool, taken: AbstractSet[str]) -> Iterator[tuple[YamlPath, str]]:
        call = {} if self.infosystem is None else self.infosystem.counter_rows
        if self.counter_rows is None:
            if call:
                yield ("infosystem", "counter_rows"), "are written and never read; write counter_rows of the document"
            return
        if not is_flat:
            yield ("counter_rows",), "are for a document that goes into the head alone; remove them"
            return
        known = {"account", "amount", BASE_AMOUNT, "cost_centre", "tax_code", "text"}
        needed = {"account", "amount", *taken}
        for path, inputs in ((("counter_rows",), self.counter_rows.inputs), (("infosystem", "counter_rows"), call)):
            if inputs:
                yield from self._inputs_misfit(path, inputs, {}, known, needed)


class RecordWay(_Way):
    """A record: created by one action, changed by another, found by its natural key.

    Where found_by is a value of the kind, the record is one that people made: it is changed, and never created.
    duplicates are groups of values: where abas holds a record that has all of one group, none is created.
    """

    create: str = "NEW"
    change: str = "UPDATE"
    found_by: str = NATURAL_KEY
    duplicates: tuple[tuple[str, ...], ...] = ()
    cut: Mapping[str, Annotated[int, Field(gt=0)]] = {}  # how many characters a text for people may have, by its value

    @property
    def is_ours(self) -> bool:
        """Whether it is found by our key, and created where it isn't there."""
        return self.found_by == NATURAL_KEY

    def faults(self, kind: Kind) -> Iterator[tuple[YamlPath, str]]:
        """Name the faults, as of a document."""
        every = {*kind.values, *([NATURAL_KEY] if self.is_ours else [])}
        if not self.is_ours and (self.found_by not in kind.values or self.found_by not in self.inputs):
            yield ("found_by",), f"is {self.found_by}, no value that has a field; {near(self.found_by, kind.values)}"
        for at, group in enumerate(self.duplicates):
            for role in group:
                if role not in kind.values or role not in self.inputs:
                    yield ("duplicates", at), f"{role} is no value that has a field; {near(role, kind.values)}"
        if self.duplicates and not self.is_ours:
            yield ("duplicates",), "is for records that are created; remove it"
        for role in sorted(set(self.cut) - set(kind.values)):
            yield ("cut", role), f"is no value of the kind; {near(role, kind.values)}"
        of_row = {*kind.row_values, "row_key"} if kind.row_values else set[str]()
        always = {"natural_key", *kind.required}
        yield from self._misfits(every, every, of_row, of_row, always)


DialogAnswers = Mapping[str, tuple[str, ...]]


class Posting(Entry):
    """How we post."""

    strategy: Strategy
    # Id, title or prompt of a question -> the values to answer with; any other question is a refusal.
    dialog_answers: DialogAnswers = Field(default_factory=dict)
    # Numbers of the messages by which this abas refuses a posting date in a closed period.
    period_closed: frozenset[str] = frozenset()
    # How late a saved record appeared in a search, in seconds, as `saldo abas probe --measure` found it; None: unknown.
    search_lag_s: float | None = Field(default=None, ge=0)
    # How long a document whose answer was lost is looked for, in seconds; SALDO_ABAS_OUTCOME_WAIT_S overrules it.
    outcome_wait_s: float = Field(default=300.0, ge=0)


class Formats(Entry):
    """How this abas reads and shows dates, and amounts where it writes them as text."""

    date_input: str
    date_texts: tuple[str, ...]
    time_zone: str
    # How amounts are written as text, in both directions; None writes a point and reads what has one reading only.
    decimal_mark: Literal[".", ","] | None = None
    order_option: Annotated[str, Field(pattern=r"^@[a-z]+=\{field\}$")]


class Profile(Entry):
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
        return self

    @model_validator(mode="after")
    def _kinds_are_known(self) -> Self:
        found: list[tuple[YamlPath, str]] = []
        for room, ways in (("documents", self.documents), ("records", self.records)):
            for name, way in ways.items():
                kind = kinds().get(name)
                if kind is None or kind.is_document != (room == "documents"):
                    known = [k.kind for k in kinds().values() if k.is_document == (room == "documents")]
                    found.append(((room, name), f"is no kind of schemas/documents; {near(name, known)}"))
                else:
                    found += [((room, name, *path), text) for path, text in way.faults(kind)]
        if found:
            raise Misfits(found)
        return self

    def strategy_of(self, way: DocumentWay) -> Strategy:
        """Return how a document is posted."""
        return way.strategy or self.posting.strategy

    _origin: str = PrivateAttr(default="profile")
    _lines: Lines = PrivateAttr(default_factory=lambda: Lines({}, ()))

    def where(self, *path: str | int) -> str:
        """Name file and line of an entry, or of its nearest parent that has a line."""
        return f"{self._origin}:{self._lines.nearest(path)}"


def load_profile(path: Path) -> Profile:
    """Read a profile file.

    Raises: ProfileUnreadable naming every problem with file and line.
    """
    return parse_profile(text_of(path, refuse=ProfileUnreadable), origin=str(path))


@functools.lru_cache(maxsize=4)  # a process reads the same one for its sink and its source, and again for each restart
def parse_profile(text: str, *, origin: str) -> Profile:
    """Read a profile from text; origin names it in messages.

    Raises: ProfileUnreadable naming every problem with origin and line.
    """
    profile, lines = parse_with_lines(text, Profile, file=origin, refuse=ProfileUnreadable)
    profile._origin = origin
    profile._lines = lines
    return profile
