"""Writes a first mapping profile from a live abas, and says what it could not find. For `saldo abas probe`.

Decides nothing for people: what the server's metadata proves is written plainly, what only looks alike or is the one
field of its type is marked `# guess`, and what wasn't found stands as `TODO` with the fields that it may be, which
check_profile refuses, so that no guess reaches the books without having been read.
"""

import asyncio
import difflib
import itertools
import math
import re
import time
import uuid
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.abas.client import AbasClient, commit, set_field
from connectors.abas.criteria import Filing, Selection, equals
from connectors.abas.errors import AbasAddressWrong, AbasRefused, AbasRequestRejected, AbasUnavailable
from connectors.abas.profile import Posting, Profile, plain_spec
from connectors.abas.working_set import working_set
from schemas.failures import ContractBroken

_MISSING = "TODO"
_NOT_REPORTED = (AbasRefused, AbasAddressWrong, AbasUnavailable)  # this server has no such metadata, or not for us
_SHOWN = 12  # fields that a hint names
_CLOSE = 0.82  # similar enough to be offered as a guess


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A table that we look for: class names it may have, and for each field of ours the names it may have.

    A name `a^b` follows the reference a to the table where b is looked for. rows are fields of its rows. either are
    sets of fields of which one is needed: the first that is there.
    """

    class_names: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    optional_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    optional_fields_of_row: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    either: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    is_optional: bool = False
    are_rows_optional: bool = False
    entries: tuple[str, ...] = ()  # lines of its own


@dataclass(frozen=True, slots=True)
class _Field:
    """What the metadata tell of a field."""

    erp_type: str
    base_type: str
    description: str

    @property
    def target(self) -> str | None:
        """The table that a reference leads to."""
        found = _REFERENCE.fullmatch(self.erp_type)
        return plain_spec(found[1]) if found is not None else None


_REFERENCE = re.compile(r"PS?(\d{1,3}:\d{1,3})(?:\.\d+)?")
_Fields = Mapping[str, _Field]

# Which type a role's field has, where that says more than its name; for a reference, the role of its table.
_BASE_TYPES = {
    "amount": "DOUBLE",
    "open": "DOUBLE",
    "due_on": "DATE",
    "value_on": "DATE",
    "changed": "DATETIME",
    "created": "DATETIME",
    "method": "ENUMERATION",
}
_TARGETS = {
    "customer_number": "customer",
    "subject": "customer",
    "open_item": "open_item",
    "reverses_document": "payment",
    "currency": "currency",
    "counter_account": "account",
    "cost_centre": "cost_centre",
}
_CURRENCY_CLASS = "Currency"


# Names proven by public sources come first, then what a person would try. English and German side by side.
_NUMBER = ("idno", "nummer")
_CUSTOMER = ("customer^idno", "kunde^nummer", "account^idno", "konto^nummer")
_CURRENCY = ("curr^swd", "waehr^such", "currency^swd")
_AMOUNT = ("amount", "betrag", "totalAmt", "amt")
_PAYTRACE_ID = ("ypaytraceid", "ypaytrace")
_TABLES: Mapping[str, _Wanted] = {
    "customer": _Wanted(
        ("Customer",),
        {
            "number": _NUMBER,
            "name": ("descrOperLang", "namebspr"),
            "vault_customer": ("ypaytracecust", "ypaytracecustomer", "ypaytrace"),
        },
        {
            "email": ("emailAddr", "email"),
            "phone": ("phoneNo", "tele"),
            "street": ("street", "str"),
            "zip_code": ("zipCode", "plz"),
            "town": ("town", "nort"),
            "country": ("ctryCode", "staat"),
            "shipping_street": ("street2", "str2"),
            "shipping_zip_code": ("zipCode2", "plz2"),
            "shipping_town": ("town2", "nort2"),
            "shipping_country": ("ctryCode2", "staat2"),
        },
    ),
    "open_item": _Wanted(
        ("OutstandingItem", "OutstandingItems", "OpenItem"),
        {
            "invoice_number": ("docNo", "belnum", "invoiceNo", "beleg"),
            "customer_number": _CUSTOMER,
            "amount": ("totalAmt", "betrag", "amount", "amt"),
            "open": ("openAmt", "offen", "outstandingAmt", "restbetrag"),
            "currency": _CURRENCY,
            "due_on": ("dueDate", "faellig", "faelligdat"),
            "changed": ("stand",),
        },
        {
            "order_number": ("order^idno", "auftrag^nummer"),
            "invoiced_on": ("docDate", "beldat"),
            "discount_percent": ("discPercent", "skprozent"),
            "discount_days": ("discDays", "sktage"),
            "tax_code": ("taxCode", "strgl"),
            "taxed": ("taxedAmt", "stbrutto"),
            "tax": ("taxAmt", "stbetrag"),
            "tax_code_2": ("taxCode2", "strgl2"),
            "taxed_2": ("taxedAmt2", "stbrutto2"),
            "tax_2": ("taxAmt2", "stbetrag2"),
            "credits_invoice": ("credits^docNo", "gutzu^belnum"),
            "booked_base": ("totalBase", "betragbw"),
            "booked_base_currency": ("baseCurr^swd", "waehrbw^such"),
        },
    ),
    "payment": _Wanted(("Payment", "IncomingPayment", "PaymentEntry"), {}),
    "sales_order": _Wanted(
        ("SalesOrder",),
        {"number": _NUMBER, "customer_number": _CUSTOMER, "changed": ("stand",)},
        is_optional=True,
    ),
    "invoice": _Wanted(
        ("Invoice",),
        {"number": _NUMBER},
        rows={"category": ("product^ypgroup", "artikel^ypgruppe"), "net": ("rowAmt", "pwert")},
        optional_fields_of_row={"tax_percent": ("taxPercent", "steuer")},
        is_optional=True,
    ),
    "payment_request": _Wanted(
        ("PaymentRequest",),
        {
            "number": _NUMBER,
            "kind": ("ykind",),
            "customer_number": _CUSTOMER,
            "amount": _AMOUNT,
            "currency": _CURRENCY,
            "paytrace_transaction_id": _PAYTRACE_ID,
            "reason": ("yreason",),
            "status": ("ystatus",),
        },
        {
            "vault_customer": ("customer^ypaytracecust", "kunde^ypaytracecust", "yvaultcustomer"),
            "requester": ("yrequester", "yanforderer"),
            "merchant_account": ("ymerchant", "yhaendler"),
            "invoice_number": ("item^docNo", "op^belnum"),
        },
        rows={"invoice_number": ("item^docNo", "op^belnum"), "amount": _AMOUNT},
        is_optional=True,
        are_rows_optional=True,
    ),
    "account_balance": _Wanted(
        ("TransactionFigures",),
        {"account": ("acct", "kosn"), "currency": ("curr", "waehr"), "period": ("yperiod", "yzeitraum")},
        either=({"debit": ("debit", "soll"), "credit": ("credit", "haben")}, {"balance": ("runBal", "kumsaldo")}),
        is_optional=True,
        entries=("rows_hold: each  # guess: what moved in the period; running where a row is the balance at its end",),
    ),
}
# Where a document goes, by the roles of schemas/documents: an infosystem of the customer's own, the payment's editor.
_POSTING_INPUTS: Mapping[str, tuple[str, ...]] = {
    "posting_reference": ("yposref",),
    "paytrace_transaction_id": ("ypaytraceid",),
    "subject": ("ycustomer", "ykunde"),
    "open_item": ("yitem", "yop"),
    "amount": ("yamount", "ybetrag"),
    "currency": ("ycurr", "ywaehr"),
    "method": ("ymethod", "yzart"),
    "value_on": ("yvaldate", "yvaluta"),
    "reverses_document": ("yreverses", "ystorno"),
    "reason": ("yreason", "ygrund"),
    "text": ("yreason", "ygrund"),
    "counter_account": ("ycounteracct", "ygkonto"),
    "cost_centre": ("ycostcenter", "ykstelle"),
    "tax_code": ("ytaxcode", "ystrgl"),
}
_POSTING_OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "id": ("ydocid",),
    "number": ("ydocno",),
    "posting_reference": ("ydocref",),
    "paytrace_transaction_id": ("ydocpaytraceid",),
    "amount": ("ydocamount",),
    "currency": ("ydoccurr",),
    "created": ("ydoccreated",),
}
_POSTING_OPTIONAL_OUTPUTS: Mapping[str, str] = {"subject": "ydoccustomer", "counter_account": "ydocaccount"}
_EDITOR_INPUTS: Mapping[str, tuple[str, ...]] = {
    "posting_reference": ("yposref", "ypaytraceref"),
    "paytrace_transaction_id": _PAYTRACE_ID,
    "subject": ("customer", "kunde", "account", "konto"),
    "open_item": ("item", "op"),
    "amount": _AMOUNT,
    "currency": ("curr", "waehr"),
    "method": ("method", "zart"),
    "value_on": ("valDate", "valuta"),
    "reverses_document": ("reverses", "storno"),
    "reason": ("yreason",),
    "text": ("yreason",),
    "counter_account": ("counterAcct", "gkonto"),
    "cost_centre": ("costCenter", "kstelle"),
    "tax_code": ("taxCode", "strgl"),
}
# The field of another record by which a reference is read.
_READ_BY: Mapping[str, tuple[str, ...]] = {
    "subject": _NUMBER,
    "currency": ("swd", "such"),
    "reverses_document": ("yposref",),
    "counter_account": _NUMBER,
    "cost_centre": _NUMBER,
}
_CODES: Mapping[str, str] = {
    "method": (
        '{CARD: "(Other)", ACH: "(Other)", BANK_TRANSFER: "(Other)", UNKNOWN: "(Other)"}  # guess: that for processors'
    ),
    "reason": "{REFUND: REFUND, VOID: VOID, ACH_RETURN: RETURN, CORRECTION: CORRECTION, UNKNOWN: OTHER}",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """A document kind: what it sets, and the word by which a field of ours tells it apart.

    A kind with a word is optional: where no such field is, it is left out, and the decision that needs it is refused.
    """

    name: str
    without: tuple[str, ...]
    word: str = ""
    is_reversal: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that it sets, in the order of the fields."""
        others: tuple[str, ...] = ("text",) if self.name == "write_off" else ()
        others = ("reverses_document", "reason") if self.is_reversal else others
        common = [role for role in _EDITOR_INPUTS if role not in ("reverses_document", "reason", "text")]
        return (*(role for role in common if role not in self.without), *others)


_KIND_FIELDS = ("ykind", "yart")
_KINDS = (
    _Kind("cash_receipt", ()),
    _Kind("cash_receipt_reversal", (), is_reversal=True),
    _Kind("on_account_receipt", ("open_item",), word="ONACCOUNT"),
    _Kind("on_account_receipt_reversal", ("open_item",), is_reversal=True),
    _Kind("on_account_refund", ("open_item",), word="ONACCOUNT"),
    _Kind("write_off", ("method",), word="WRITEOFF"),
    _Kind("write_off_reversal", ("method",), is_reversal=True),
)


async def probe(client: AbasClient, *, search_lag_s: float | None = None) -> str:
    """Write a first profile in the client's variable language; with what `measure_search_lag` found, if it was asked.

    Ensures: the text is YAML; its head comment lists everything that was not found.
    Raises:  Transient, LoginRejected, AbasAccessDenied from the server.
    """
    findings = _Findings(client, search_lag_s)
    tables = await findings.tables()
    posting = await findings.posting()
    try:
        about = await client.about()
    except _NOT_REPORTED:
        about = {}
    head = [
        "# First mapping profile, written from the server's own metadata. Read every line before use.",
        f"# ERP version: {_plain(about.get('erpVersion', 'not told'))}",
        "# `# guess` looks alike and is not proven. `TODO` was not found and must be filled in or removed.",
        "# Not found:" if findings.missing else "# Everything was found.",
        *(f"#   {_comment(line)}" for line in findings.missing),
        *(_WHERE_TO_LOOK if findings.missing else ()),
        "",
        "formats:",
        '  date_input: "%Y-%m-%d"',
        '  date_texts: ["%m/%d/%Y", "%m/%d/%y", "%d.%m.%Y", "%d.%m.%y", "%Y%m%d%H%M%S"]',
        f"  time_zone: {_plain(about.get('erpTimeZone') or about.get('timeZone') or 'UTC')}",
        '  order_option: "@order={field}"',
        *(await findings.amount_format()),
        "",
    ]
    return "\n".join([*head, "tables:", *tables, "", "posting:", *posting, ""])


async def measure_search_lag(
    client: AbasClient, profile: Profile, customer: str, *, times: int = 3, at_most_s: float = 600.0
) -> float:
    """Return how late a saved record appears in a search: the longest of some trials, in seconds.

    0 when it is there at once.

    Saves a mark of ours into the PayTrace customer id of this customer, searches for it, and puts back what was there.
    So the customer should be one that nobody uses, and no source may poll meanwhile.
    Ensures: what was there is put back on every path.
    Raises:  SearchNeverShows when a mark does not appear within at_most_s; Transient, AbasRefused from the server.
    """
    table = profile.tables.customer
    name = table.fields.vault_customer
    before = (await client.read_record(table.table, customer, [name])).head.get(name)
    longest = 0.0
    try:
        for _ in range(times):
            mark = f"SALDO-PROBE-{uuid.uuid4().hex[:12]}"
            await _save_field(client, table.table, customer, name, mark)
            longest = max(longest, await _seen_after(client, profile, mark, at_most_s))
    finally:
        old = "" if before is None or before.value is None else str(before.value)
        await _save_field(client, table.table, customer, name, old)
    return longest


async def _save_field(client: AbasClient, table: str, record: str, name: str, value: str) -> None:
    async with working_set(client) as editors:
        editor = await editors.open(table, "UPDATE", record=record)
        await editors.act(editor, [set_field(name, value), commit()])


async def _seen_after(client: AbasClient, profile: Profile, mark: str, at_most_s: float) -> float:
    table = profile.tables.customer
    name, saved = table.fields.vault_customer, time.monotonic()
    selection = Selection((equals(name, mark),), Filing.BOTH, table.order_by)
    for attempt in itertools.count():
        found = await client.query_page(
            table.table, selection, [name], order_option=profile.formats.order_option, limit=1
        )
        passed_s = time.monotonic() - saved
        if found:
            # Found by the first search, however long its answer took: nothing lags.
            return 0.0 if attempt == 0 else passed_s
        if passed_s > at_most_s:
            raise SearchNeverShows(
                f"a save of customer field {name} does not appear in a search within {at_most_s:g} s: documents could "
                "not be looked for here; ask the ERP team how the index of this table is kept"
            )
        await asyncio.sleep(_LOOK_EVERY_S)
    raise AssertionError("unreachable: the count has no end")


def _search_lines(lag_s: float | None) -> list[str]:
    """Return what was measured, for the profile; nothing measured is said as such, and what to do about it."""
    lines = (
        [
            "  # search_lag_s, how late a saved record appears in a search, in seconds: not measured. Without it a",
            "  # document in doubt is left to a person where only a lock fences it. Measure it:",
            "  # saldo abas probe --measure CUSTOMER",
        ]
        if lag_s is None
        else [
            "  # How late a saved record appeared in a search, in seconds, as measured by saldo abas probe --measure.",
            f"  search_lag_s: {math.ceil(10 * lag_s) / 10:g}",
        ]
    )
    wait_s = max(Posting.model_fields["outcome_wait_s"].default, math.ceil(_LAGS * (lag_s or 0.0)))
    lines += [
        "  # How long a document whose answer was lost is looked for, in seconds (or SALDO_ABAS_OUTCOME_WAIT_S).",
        f"  outcome_wait_s: {wait_s:g}",
    ]
    return lines


class SearchNeverShows(ContractBroken):
    """What is saved does not appear in a search."""


_LOOK_EVERY_S = 0.05
_LAGS = 10  # a document in doubt is looked for this many times as long as the search lagged
_WHERE_TO_LOOK = (
    "# Where to look: obj/meta/<table>?selHeadFields=* of the server has every field with its description, obj/meta",
    "# every table, infosys/meta every infosystem. What the ERP has no field for is made there: a y-field of ours.",
)


@dataclass(slots=True)
class _Findings:
    """Asks the server and remembers what it did not find."""

    client: AbasClient
    search_lag_s: float | None = None
    missing: list[str] = field(default_factory=list)
    _known: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    _specs: dict[str, str] = field(default_factory=dict)  # table by our role
    _places: dict[str, tuple[str, str]] = field(default_factory=dict)  # number and class name by our role
    _customer_locks: bool = False

    async def tables(self) -> list[str]:
        """Write the tables section."""
        groups = [(plain_spec(str(g.get("tableSpec"))), str(g.get("name"))) for g in await self.client.tables()]
        names = [name for _, name in groups]
        found = {role: [g for g in groups if g[1] in wanted.class_names] for role, wanted in _TABLES.items()}
        self._specs = {role: listed[0][0] for role, listed in found.items() if listed}
        currencies = [spec for spec, name in groups if name == _CURRENCY_CLASS]
        if currencies:
            self._specs["currency"] = currencies[0]
        lines: list[str] = []
        for role, wanted in _TABLES.items():
            if not found[role]:
                near = difflib.get_close_matches(wanted.class_names[0], names, 3, 0.5)
                hint = f"; the nearest names are {', '.join(near)}" if near else ""
                optional = "; optional, left out" if wanted.is_optional else ""
                self.missing.append(f"table {role} ({' or '.join(wanted.class_names)}){hint}{optional}")
                if wanted.is_optional:
                    continue
            if len(found[role]) > 1:
                self.missing.append(
                    f"table {role}: several fit: {', '.join(spec for spec, _ in found[role])}; took the first"
                )
            spec, name = found[role][0] if found[role] else (_MISSING, _MISSING)
            self._places[role] = (spec, name)
            if role == "payment":
                continue  # it is read and written as the documents below say
            lines += [f"  {role}:", f'    table: "{spec}"', f"    meta_name: {name}", "    order_by: id"]
            lines += [*(f"    {entry}" for entry in wanted.entries), "    fields:"]
            lines += await self._table_fields(spec if found[role] else None, role, wanted)
        return lines

    async def _table_fields(self, spec: str | None, table_role: str, wanted: _Wanted) -> list[str]:
        if spec is None:
            return [f"      {role}: {_MISSING}" for role in wanted.fields]
        if table_role == "customer":
            self._customer_locks = "UPDATE" in await self._actions(spec)
        fields, where = await self._fields_of(spec), f"table {table_role} {spec}"
        needed = {**wanted.fields, **await self._one_of(fields, wanted.either)}
        lines = await self._field_lines(fields, where, needed, wanted.optional_fields)
        if not wanted.rows:
            return lines
        of_row, where = _described(await self._listed(spec), of_row=True), f"rows of table {table_role} {spec}"
        if wanted.are_rows_optional and not await self._present(of_row, wanted.rows):
            self.missing.append(f"{where}: {' and '.join(wanted.rows)}; optional, left out")
            return lines
        return [
            *lines,
            "    rows:",
            *await self._field_lines(of_row, where, wanted.rows, wanted.optional_fields_of_row),
        ]

    async def _one_of(
        self, fields: _Fields, either: Sequence[Mapping[str, tuple[str, ...]]]
    ) -> Mapping[str, tuple[str, ...]]:
        """Return the first set of fields that is there in whole; the first of all, to be looked for, where none is."""
        there = [one for one in either if len(await self._present(fields, one)) == len(one)]
        return next(iter((*there, *either)), {})

    async def _present(self, fields: _Fields, wanted: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """Return the first name of each role that is there."""
        return {
            role: present[0]
            for role, candidates in wanted.items()
            if (present := [one for one in candidates if await self._has_path(fields, one)])
        }

    async def _field_lines(
        self,
        fields: _Fields,
        where: str,
        needed: Mapping[str, tuple[str, ...]],
        optional: Mapping[str, tuple[str, ...]],
    ) -> list[str]:
        proven = await self._present(fields, needed)
        used, lines = set(proven.values()), list[str]()
        for role, candidates in needed.items():
            path = proven.get(role) or self._pick(fields, where, role, candidates, used, follow=True)
            used.add(path.partition(" ")[0])
            lines.append(f"      {role}: {path}")
        present = await self._present(fields, optional)
        lines += [f"      {role}: {path}" for role, path in present.items()]
        self.missing += [
            f"{where}: {role} ({' or '.join(candidates)}); optional, left out"
            for role, candidates in optional.items()
            if role not in present
        ]
        return lines

    async def amount_format(self) -> list[str]:
        """Ask abas how it reads an amount, and write the mark that it takes; nothing where it doesn't say."""
        payment = self._specs.get("payment")
        fields = await self._fields_of(payment) if payment else {}
        amount = next((name for name in _AMOUNT if name in fields), None)
        if payment is None or amount is None:
            return []
        for mark in (".", ","):
            try:
                read = await self.client.format_value(payment, amount, f"1234{mark}56")
            except (*_NOT_REPORTED, AbasRequestRejected):
                continue
            if str(read.value) == "1234.56":
                return [f'  decimal_mark: "{mark}"']
        self.missing.append(
            "formats: decimal_mark; abas doesn't say how it reads an amount, so set the mark that it takes"
        )
        return []

    async def posting(self) -> list[str]:
        """Write the posting section: the posting infosystem when there is one, and the editor."""
        infosystem = await self._posting_infosystem()
        lines = [
            f"  strategy: {'infosystem' if infosystem else 'editor'}",
            "  dialog_answers: {}",
            *_search_lines(self.search_lag_s),
            "",
            "documents:",
        ]
        payment = self._specs.get("payment")
        editor = await self._fields_of(payment) if payment else {}
        if payment and "NEW" not in await self._actions(payment):
            self.missing.append(f"table {payment}: it allows no NEW; find the command that posts a payment")
        for kind in _KINDS:
            by_infosystem = [] if infosystem is None else self._infosystem_lines(*infosystem, kind)
            by_editor = await self._editor_lines(editor, kind)
            if by_editor and (infosystem is None or by_infosystem):
                lines += [f"  {kind.name}:", *by_editor, *by_infosystem]
            else:
                self.missing.append(
                    f"document {kind.name}: no field ({' or '.join(_KIND_FIELDS)}) that tells it from a receipt; "
                    "optional, left out, and such a decision is refused"
                )
        if not self._customer_locks:
            self.missing.append(
                "payment editor: the customer can't be opened for UPDATE, so nothing fences two writers"
            )
        return lines

    async def _posting_infosystem(self) -> tuple[str, str, _Fields] | None:
        """Find the infosystem, in a workspace of the customer's own, that takes our reference and tells a document."""
        own: list[str] = []
        for entry in await self._reported(self.client.all_infosystems()):
            workspace, search_word = str(entry.get("workspace")), str(entry.get("searchWord"))
            if not workspace.startswith("ow"):
                continue
            own.append(f"{workspace}/{search_word}")
            fields = _described(await self._reported(self.client.infosystem_fields(workspace, search_word)))
            if _POSTING_INPUTS["posting_reference"][0] in fields and _POSTING_OUTPUTS["id"][0] in fields:
                return workspace, search_word, fields
        there = f"; of your own there are {', '.join(own[:_SHOWN])}" if own else ""
        self.missing.append(
            f"posting infosystem: no ow... infosystem has yposref and ydocid{there}; strategy is editor"
        )
        return None

    def _infosystem_lines(self, workspace: str, search_word: str, fields: _Fields, kind: _Kind) -> list[str]:
        constants = _constants(fields, kind)
        if constants is None:
            return []
        where = f"infosystem {workspace}/{search_word}"
        buttons = [name for name, entry in fields.items() if entry.base_type == "BUTTON"]
        if len(buttons) != 1:
            self._miss(f"{where}: the button that posts; it has {', '.join(buttons) or 'none'}")
        picked = {role: self._pick(fields, where, role, _POSTING_OUTPUTS[role], set()) for role in _POSTING_OUTPUTS}
        return [
            "    infosystem:",
            f"      workspace: {workspace}",
            f"      search_word: {search_word}",
            *(f"  {line}" for line in constants),
            "      inputs:",
            *(
                f"        {role}: {self._pick(fields, where, role, _POSTING_INPUTS[role], set())}"
                for role in kind.roles
            ),
            f"      press: {buttons[0] if len(buttons) == 1 else _MISSING}",
            "      outputs:",
            *(f"        {role}: {name}" for role, name in picked.items()),
            *(f"        {role}: {name}" for role, name in _POSTING_OPTIONAL_OUTPUTS.items() if name in fields),
        ]

    async def _editor_lines(self, fields: _Fields, kind: _Kind) -> list[str]:
        constants = _constants(fields, kind)
        if constants is None:
            return []
        table, name = self._places["payment"]
        used = {name for role in kind.roles for name in _EDITOR_INPUTS[role] if name in fields}
        inputs: dict[str, str] = {}
        for role in kind.roles:
            inputs[role] = self._pick(fields, "payment editor", role, _EDITOR_INPUTS[role], used)
            used.add(inputs[role].partition(" ")[0])
        lines = [
            f'    table: "{table}"',
            f"    meta_name: {name}",
            "    order_by: id",
            f"    number: {self._pick(fields, 'payment editor', 'number', _NUMBER, used)}",
            f"    created: {self._pick(fields, 'payment editor', 'created', ('erfass',), used)}",
            "    action: NEW",
            *constants,
            "    inputs:",
            *(f"      {role}: {name}" for role, name in inputs.items()),
            "    reads:",
            *[
                f"      {role}: {await self._read_path(fields, inputs[role], role)}"
                for role in _READ_BY
                if role in inputs
            ],
        ]
        codes = [f"      {role}: {words}" for role, words in _CODES.items() if role in inputs]
        lines += ["    codes:", *codes] if codes else []
        lines += ["    cut: {text: 60}  # guess: how many characters the field holds"] if "text" in inputs else []
        lines += ["    without: [invoice_number]"] if "open_item" in inputs else []
        if self._customer_locks:
            spec, name = self._places["customer"]
            lines.append(f'    lock: {{table: "{spec}", meta_name: {name}, action: UPDATE, record: subject}}')
        return lines

    async def _read_path(self, fields: _Fields, written: str, role: str) -> str:
        """Return where a reference is read: the field itself, followed to the one by which its record is known."""
        name, _, guess = written.partition(" ")
        entry = fields.get(name)
        target = None if entry is None else entry.target
        for candidate in _READ_BY[role]:
            if target is not None and candidate in await self._fields_of(target):
                return f"{name}^{candidate} {guess}".rstrip()
        return written

    def _miss(self, line: str) -> None:
        if line not in self.missing:
            self.missing.append(line)

    async def _has_path(self, fields: _Fields, path: str) -> bool:
        first, _, rest = path.partition("^")
        found = fields.get(first)
        if found is None or not rest:
            return found is not None
        return found.target is not None and await self._has_path(await self._fields_of(found.target), rest)

    async def _fields_of(self, table: str) -> _Fields:
        return _described(await self._listed(table))

    async def _listed(self, table: str) -> Sequence[Mapping[str, Any]]:
        if table not in self._known:
            self._known[table] = await self._reported(self.client.table_fields(table))
        return self._known[table]

    async def _actions(self, table: str) -> list[str]:
        listed = await self._reported(self.client.table_commands(table))
        return [str(command.get("editAction")) for command in listed]

    async def _reported(self, asking: Awaitable[Sequence[Mapping[str, Any]]]) -> Sequence[Mapping[str, Any]]:
        try:
            return await asking
        except _NOT_REPORTED:
            return ()

    def _pick(
        self,
        fields: _Fields,
        where: str,
        role: str,
        candidates: Sequence[str],
        used: Collection[str],
        *,
        follow: bool = False,
    ) -> str:
        """Choose a field that is there, else the one of its type, else one that looks alike, else say what is missing.

        follow: a reference is followed to the field that the first candidate names behind it.
        """
        behind = f"^{candidates[0].partition('^')[2]}" if follow and "^" in candidates[0] else ""
        for candidate in candidates:
            if candidate in fields and not behind:
                return candidate
        typed = [name for name, entry in fields.items() if self._has_type(entry, role)]
        free = [name for name in typed if f"{name}{behind}" not in used]
        if len(free) == 1:
            return f"{free[0]}{behind}  # guess"
        for candidate in candidates:
            near = difflib.get_close_matches(candidate, fields, 1, _CLOSE)
            if near and "^" not in candidate:
                return f"{near[0]}  # guess"
        own = [name for name in fields if name.startswith("y") and name not in used]
        line = f"{where}: {role} ({' or '.join(candidates)})"
        if typed or own:
            line += f"; it may be {', '.join(_described_as(n, fields[n]) for n in (free or own)[:_SHOWN])}"
        if not any(reported.startswith(f"{where}: {role} (") for reported in self.missing):
            self.missing.append(line)
        return _MISSING

    def _has_type(self, entry: _Field, role: str) -> bool:
        if role in _TARGETS:
            target = self._specs.get(_TARGETS[role])
            return target is not None and entry.target == target
        return entry.base_type == _BASE_TYPES.get(role, "")


def _constants(fields: _Fields, kind: _Kind) -> list[str] | None:
    """Return the lines that tell the kind; None when it needs a field for that which is not there."""
    if not kind.word:
        return []
    there = [name for name in _KIND_FIELDS if name in fields]
    return [f"    constants: {{{there[0]}: {kind.word}}}  # guess: the word"] if there else None


def _described(listed: Sequence[Mapping[str, Any]], *, of_row: bool = False) -> dict[str, _Field]:
    """Index the fields of the header, or those of its rows, by name."""
    return {
        str(entry.get("name")): _Field(_type_of(entry, "erpType"), _type_of(entry, "baseType"), _text_of(entry))
        for entry in listed
        if bool(entry.get("tableColumn")) is of_row
    }


def _described_as(name: str, entry: _Field) -> str:
    return f"{name} ({entry.description})" if entry.description and entry.description != name else name


def _text_of(entry: Mapping[str, Any]) -> str:
    return str(entry.get("description") or "")[:40]


def _type_of(entry: Mapping[str, Any], key: str) -> str:
    kind = entry.get("type")
    return str(kind.get(key, "")) if isinstance(kind, dict) else ""


def _comment(line: str) -> str:
    """Keep what the server says within its comment."""
    return " ".join(line.split())[:400]


def _plain(value: object) -> str:
    """Keep what the server says from leaving its place in the YAML."""
    return "".join(c for c in str(value) if c.isalnum() or c in "/._+-")[:60] or "UTC"
