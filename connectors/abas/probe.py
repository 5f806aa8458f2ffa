"""Writes a first mapping profile from a live abas, and says what it could not find. For `saldo abas probe`.

Decides nothing for people: what the server's metadata proves is written plainly, what only looks alike is marked
`# guess`, and what wasn't found stands as `TODO`, which check_profile refuses, so that no guess reaches the books
without having been read.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasRefused

_MISSING = "TODO"
_CLOSE = 0.82  # similar enough to be offered as a guess


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A table that we look for: class names it may have, and for each field of ours the names it may have.

    A name `a^b` follows the reference a to the table where b is looked for.
    """

    class_names: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]


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
    ),
    "open_item": _Wanted(
        ("OutstandingItem", "OutstandingItems", "OpenItem"),
        {
            "invoice_number": ("docNo", "belnum", "invoiceNo", "beleg"),
            "customer_number": _CUSTOMER,
            "amount": ("totalAmt", "betrag", "amount"),
            "open": ("openAmt", "offen", "outstandingAmt", "restbetrag"),
            "currency": _CURRENCY,
            "due_on": ("dueDate", "faellig", "faelligdat"),
            "changed": ("stand",),
        },
    ),
    "payment": _Wanted(
        ("Payment", "IncomingPayment", "PaymentEntry"),
        {
            "id": ("id",),
            "number": _NUMBER,
            "posting_reference": ("yposref", "ypaytraceref"),
            "paytrace_transaction_id": _PAYTRACE_ID,
            "amount": _AMOUNT,
            "currency": _CURRENCY,
            "created": ("erfass",),
        },
    ),
    "sales_order": _Wanted(("SalesOrder",), {"number": _NUMBER, "customer_number": _CUSTOMER, "changed": ("stand",)}),
    "payment_wish": _Wanted(
        ("PaymentWish",),
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
    ),
}
_OPTIONAL_TABLES = frozenset({"sales_order", "payment_wish"})
_POSTING_INPUTS: Mapping[str, tuple[str, ...]] = {
    "posting_reference": ("yposref",),
    "paytrace_transaction_id": ("ypaytraceid",),
    "customer_number": ("ycustomer", "ykunde"),
    "open_item": ("yitem", "yop"),
    "amount": ("yamount", "ybetrag"),
    "currency": ("ycurr", "ywaehr"),
    "method": ("ymethod", "yzart"),
    "value_on": ("yvaldate", "yvaluta"),
}
_POSTING_REVERSAL: Mapping[str, tuple[str, ...]] = {
    "reverses_document": ("yreverses", "ystorno"),
    "reason": ("yreason", "ygrund"),
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
_EDITOR_INPUTS: Mapping[str, tuple[str, ...]] = {
    "posting_reference": ("yposref",),
    "paytrace_transaction_id": _PAYTRACE_ID,
    "customer_number": ("customer", "kunde", "account", "konto"),
    "open_item": ("item", "op"),
    "amount": _AMOUNT,
    "currency": ("curr", "waehr"),
    "method": ("method", "zart"),
    "value_on": ("valDate", "valuta"),
}
_EDITOR_REVERSAL: Mapping[str, tuple[str, ...]] = {
    "reverses_document": ("reverses", "storno"),
    "reason": ("yreason",),
}


async def probe(client: AbasClient) -> str:
    """Write a first profile in the client's variable language.

    Ensures: the text is YAML; its head comment lists everything that was not found.
    Raises:  Transient, LoginRejected, AbasAccessDenied from the server.
    """
    findings = _Findings(client)
    tables = await findings.tables()
    posting = await findings.posting()
    about = await client.about()
    head = [
        "# First mapping profile, written from the server's own metadata. Read every line before use.",
        f"# ERP version: {_plain(about.get('erpVersion', 'not told'))}",
        "# `# guess` looks alike and is not proven. `TODO` was not found and must be filled in or removed.",
        "# Not found:" if findings.missing else "# Everything was found.",
        *(f"#   {line}" for line in findings.missing),
        "",
        "formats:",
        '  date_input: "%Y-%m-%d"',
        '  date_texts: ["%m/%d/%Y", "%m/%d/%y", "%d.%m.%Y"]',
        f"  time_zone: {_plain(about.get('erpTimeZone', 'UTC'))}",
        '  order_option: "@order={field}"',
        "",
    ]
    return "\n".join([*head, "tables:", *tables, "", "posting:", *posting, ""])


@dataclass(slots=True)
class _Findings:
    """Asks the server and remembers what it did not find."""

    client: AbasClient
    missing: list[str] = field(default_factory=list)
    _known: dict[str, dict[str, str]] = field(default_factory=dict)
    _payment: str | None = None
    _customer_locks: bool = False

    async def tables(self) -> list[str]:
        """Write the tables section."""
        groups = [(str(g.get("tableSpec")), str(g.get("name")), str(g.get("dbId"))) for g in await self.client.tables()]
        lines: list[str] = []
        for role, wanted in _TABLES.items():
            found = [(spec, name) for spec, name, _ in groups if name in wanted.class_names]
            if not found:
                near = difflib.get_close_matches(wanted.class_names[0], [name for _, name, _ in groups], 3, 0.6)
                hint = f"; the nearest names are {', '.join(near)}" if near else ""
                self.missing.append(f"table {role} ({' or '.join(wanted.class_names)}){hint}")
                if role in _OPTIONAL_TABLES:
                    continue
            if len(found) > 1:
                self.missing.append(
                    f"table {role}: several fit: {', '.join(spec for spec, _ in found)}; took the first"
                )
            spec, name = found[0] if found else (_MISSING, _MISSING)
            if role == "payment" and found:
                self._payment = spec
            if role == "customer" and found:
                self._customer_locks = "UPDATE" in await self._actions(spec)
            lines += [f"  {role}:", f'    table: "{spec}"', f"    meta_name: {name}", "    order_by: id", "    fields:"]
            for field_role, candidates in wanted.fields.items():
                lines.append(
                    f"      {field_role}: {await self._field(spec if found else None, role, field_role, candidates)}"
                )
        return lines

    async def posting(self) -> list[str]:
        """Write the posting section: the posting infosystem when there is one, and the editor."""
        infosystem = await self._posting_infosystem()
        lines = [
            f"  strategy: {'infosystem' if infosystem else 'editor'}",
            '  methods: {CARD: "(Other)", ACH: "(Other)", UNKNOWN: "(Other)"}  # guess: the method for processors',
            "  reasons: {REFUND: REFUND, VOID: VOID, ACH_RETURN: RETURN, CORRECTION: CORRECTION, UNKNOWN: OTHER}",
            "  dialog_answers: {}",
            "  documents:",
        ]
        for kind, sign in (("cash_receipt", "positive"), ("receipt_reversal", "negative")):
            lines += [f"    {kind}:", f"      amount_sign: {sign}"]
            reversal = kind == "receipt_reversal"
            if infosystem is not None:
                lines += self._infosystem_lines(*infosystem, reversal=reversal)
            lines += await self._editor_lines(reversal=reversal)
        return lines

    async def _posting_infosystem(self) -> tuple[str, str, dict[str, str]] | None:
        """Find the infosystem, in a workspace of the customer's own, that takes our reference and tells a document."""
        for entry in await self.client.all_infosystems():
            workspace, search_word = str(entry.get("workspace")), str(entry.get("searchWord"))
            if not workspace.startswith("ow"):
                continue
            fields = _names(await self.client.infosystem_fields(workspace, search_word))
            if _POSTING_INPUTS["posting_reference"][0] in fields and _POSTING_OUTPUTS["id"][0] in fields:
                return workspace, search_word, fields
        self.missing.append("posting infosystem: no ow... infosystem has yposref and ydocid; strategy is editor")
        return None

    def _infosystem_lines(
        self, workspace: str, search_word: str, fields: Mapping[str, str], *, reversal: bool
    ) -> list[str]:
        where = f"infosystem {workspace}/{search_word}"
        buttons = [name for name, kind in fields.items() if kind == "BUTTON"]
        if len(buttons) != 1:
            self.missing.append(f"{where}: the button that posts; it has {', '.join(buttons) or 'none'}")
        inputs = {**_POSTING_INPUTS, **(_POSTING_REVERSAL if reversal else {})}
        return [
            "      infosystem:",
            f"        workspace: {workspace}",
            f"        search_word: {search_word}",
            "        inputs:",
            *(f"          {role}: {self._pick(fields, where, role, names)}" for role, names in inputs.items()),
            f"        press: {buttons[0] if len(buttons) == 1 else _MISSING}",
            "        outputs:",
            *(
                f"          {role}: {self._pick(fields, where, role, names)}"
                for role, names in _POSTING_OUTPUTS.items()
            ),
        ]

    async def _editor_lines(self, *, reversal: bool) -> list[str]:
        fields = await self._fields_of(self._payment) if self._payment else {}
        if self._payment and "NEW" not in await self._actions(self._payment):
            self.missing.append(f"table {self._payment}: it allows no NEW; find the command that posts a payment")
        inputs = {**_EDITOR_INPUTS, **(_EDITOR_REVERSAL if reversal else {})}
        lines = [
            "      editor:",
            "        action: NEW",
            "        inputs:",
            *(f"          {r}: {self._pick(fields, 'payment editor', r, names)}" for r, names in inputs.items()),
        ]
        if self._customer_locks:
            return [*lines, "        lock: {table: customer, action: UPDATE}"]
        self.missing.append("payment editor: the customer can't be opened for UPDATE, so nothing fences two writers")
        return lines

    async def _field(self, table: str | None, table_role: str, role: str, candidates: Sequence[str]) -> str:
        """Find one field, following references."""
        if table is None:
            return _MISSING
        for candidate in candidates:
            if await self._has_path(table, candidate):
                return candidate
        return self._pick(await self._fields_of(table), f"table {table_role} {table}", role, candidates)

    async def _has_path(self, table: str, path: str) -> bool:
        first, _, rest = path.partition("^")
        fields = await self._fields_of(table)
        if first not in fields:
            return False
        if not rest:
            return True
        target = fields[first].removeprefix("P")
        return ":" in target and await self._has_path(target, rest)

    async def _fields_of(self, table: str) -> dict[str, str]:
        if table not in self._known:
            try:
                listed = await self.client.table_fields(table)
            except AbasRefused:
                listed = ()
            self._known[table] = {str(f.get("name")): _type_of(f, "erpType") for f in listed}
        return self._known[table]

    async def _actions(self, table: str) -> list[str]:
        try:
            return [str(command.get("editAction")) for command in await self.client.table_commands(table)]
        except AbasRefused:
            return []

    def _pick(self, fields: Mapping[str, str], where: str, role: str, candidates: Sequence[str]) -> str:
        """Choose a field that is there, else one that looks alike, else say what is missing."""
        for candidate in candidates:
            if candidate in fields:
                return candidate
        for candidate in candidates:
            near = difflib.get_close_matches(candidate, fields, 1, _CLOSE)
            if near and "^" not in candidate:
                return f"{near[0]}  # guess"
        line = f"{where}: {role} ({' or '.join(candidates)})"
        if line not in self.missing:
            self.missing.append(line)
        return _MISSING


def _names(listed: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(entry.get("name")): _type_of(entry, "baseType") for entry in listed}


def _type_of(entry: Mapping[str, Any], key: str) -> str:
    kind = entry.get("type")
    return str(kind.get(key, "")) if isinstance(kind, dict) else ""


def _plain(value: object) -> str:
    """Keep what the server says from leaving its place in the YAML."""
    return "".join(c for c in str(value) if c.isalnum() or c in "/._+-")[:60] or "UTC"
