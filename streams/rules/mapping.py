"""The text of the rules `account-mapping` becomes the mapping that deciders are handed (docs/mapping.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from schemas.documents import kinds, roles
from schemas.files.owned import Entry, FileInvalid, FileProblem, parse_with_lines, problems_at
from schemas.files.yaml_lines import Misfits, near
from schemas.files.yaml_lines import Path as YamlPath
from schemas.records.payments import PaymentMethod
from schemas.values.companies import LABEL
from schemas.values.money import currencies
from streams.domain.accounts import FACTS, Account, AccountMapping, AccountRule, Accounts, Facts, TextOf
from streams.domain.choices import CUSTOMER_FIELDS, CashDiscount, Choices, ClosedPeriod, CustomerRules, SmallRests
from streams.domain.statuses import InvoiceStatus, PaymentStatus, StatusWords
from streams.rules.conditions import ConditionInvalid, condition
from streams.rules.templates import TemplateInvalid, template

HIGHEST_VERSION = 1_000_000  # far below what the record of an adoption holds
HIGHEST_LIMIT = 10**11  # minor units; more is a slip of the keys in any currency
_ALWAYS = date.min
_LONGEST_TEXT = 100
_METHODS = tuple(method.value for method in PaymentMethod)

Number = Annotated[str, Field(min_length=1, max_length=40)]
Word = Annotated[str, Field(min_length=1, max_length=40)]
_OFF = BeforeValidator(lambda given: None if given is False or given == "off" else given)  # YAML reads off as false

_OFF_WORD = BeforeValidator(lambda given: "off" if given is False else given)

_Applies = Annotated[Literal["off", "oldest_first"], _OFF_WORD]


def limits_of_money(limits: Mapping[str, int]) -> Mapping[str, int]:
    """Return limits in minor units by currency; raises Misfits naming each that is none."""
    found = [((code,), f"is no currency; {near(code, currencies(), 'write a code of ISO 4217')}")
             for code in limits if code not in currencies()]  # fmt: skip
    what = f"; write minor units, 0 to {HIGHEST_LIMIT:,}"
    found += [((code,), f"is {minor}{what}") for code, minor in limits.items() if not 0 <= minor <= HIGHEST_LIMIT]
    if found:
        raise Misfits(found)
    return limits


class _Line(Entry):
    account: Number
    cost_centre: Number | None = None
    tax_code: Number | None = None
    text: Annotated[str, Field(min_length=1, max_length=_LONGEST_TEXT)] | None = None
    when: Mapping[str, str | tuple[str, ...]] = {}
    only_if: str | None = Field(default=None, alias="if")
    valid_from: date = Field(default=_ALWAYS, alias="from")

    @property
    def values(self) -> Mapping[str, frozenset[str]]:
        """Fact -> the values that it may have."""
        return {name: frozenset({one} if isinstance(one, str) else one) for name, one in self.when.items()}

    @property
    def conditions(self) -> str:
        """When the line counts, in words; empty for one that always does."""
        words = [f"{name} {' or '.join(sorted(values))}" for name, values in self.values.items()]
        words += [] if self.only_if is None else [f"if {self.only_if}"]
        words += [] if self.valid_from == _ALWAYS else [f"from {self.valid_from}"]
        return ", ".join(words)

    def takes_all_of(self, later: _Line) -> bool:
        """Return whether a later line never gets anything, because this one takes it before."""
        mine, its = self.values, later.values
        return (
            self.valid_from <= later.valid_from
            and self.only_if in (None, later.only_if)
            and all(name in its and its[name] <= values for name, values in mine.items())
        )


class _WriteOff(Entry):
    percent: Decimal = Field(ge=0, le=100)
    limits_minor: Mapping[str, int]

    _limits = field_validator("limits_minor")(limits_of_money)


class _Skonto(Entry):
    grace_days: int = Field(ge=0, le=60)
    tax_unknown: Literal["wait", "without_tax"] = "wait"


class _Choices(Entry):
    closed_period: Mapping[str, ClosedPeriod] = {}
    refund_without_credit_memo: Literal["reopen", "liability"]
    chargeback: Literal["receivable", "reopen"]
    chargeback_lost: Literal["reopen", "write_off"]
    unapplied: Literal["wait", "on_account"]
    apply_on_account: _Applies
    apply_credit: _Applies = "off"
    write_off: Annotated[_WriteOff | None, _OFF]
    skonto: Annotated[_Skonto | None, _OFF]
    base_currency: str

    @field_validator("closed_period")
    @classmethod
    def _of_kinds(cls, given: Mapping[str, ClosedPeriod]) -> Mapping[str, ClosedPeriod]:
        documents = _documents()
        if found := [((name,), f"is no document; {near(name, documents)}") for name in given if name not in documents]:
            raise Misfits(found)
        return given

    @field_validator("base_currency")
    @classmethod
    def _is_money(cls, given: str) -> str:
        if given not in currencies():
            raise ValueError(f"is no currency; {near(given, currencies(), 'write a code of ISO 4217')}")
        return given

    def value(self) -> Choices:
        """Return the value that deciders are handed."""
        rests, skonto = self.write_off, self.skonto
        return Choices(
            closed_period=self.closed_period,
            refund_without_credit_memo=self.refund_without_credit_memo,
            chargeback=self.chargeback,
            chargeback_lost=self.chargeback_lost,
            unapplied=self.unapplied,
            apply_on_account=self.apply_on_account,
            apply_credit=self.apply_credit,
            write_off=None if rests is None else SmallRests(rests.percent, rests.limits_minor),
            skonto=None if skonto is None else CashDiscount(skonto.grace_days, skonto.tax_unknown),
            base_currency=self.base_currency,
        )


class _Statuses(Entry):
    payment: Mapping[str, Word]
    invoice: Mapping[str, Word] = {}

    @field_validator("payment", "invoice")
    @classmethod
    def _are_statuses(cls, given: Mapping[str, str], field: ValidationInfo) -> Mapping[str, str]:
        known = [status.value for status in (PaymentStatus if field.field_name == "payment" else InvoiceStatus)]
        found: list[tuple[YamlPath, str]] = [
            ((name,), f"is no status; {near(name, known)}") for name in given if name not in known
        ]
        unsaid = [name for name in known if name not in given]
        if field.field_name == "invoice" and given and unsaid:
            found.append(((), f"says nothing for {', '.join(unsaid)}; write a word for each, or leave out invoice"))
        if found:
            raise Misfits(found)
        return given

    def value(self) -> StatusWords:
        """Return the words."""
        return StatusWords(
            payment={PaymentStatus(name): word for name, word in self.payment.items()},
            invoice={InvoiceStatus(name): word for name, word in self.invoice.items()},
        )


class _Customers(Entry):
    unknown: Literal["flag", "create"] = "flag"
    payment_methods: Annotated[Literal["off", "write"], _OFF_WORD] = "off"
    fields: Mapping[str, Literal["abas", "paytrace"]] = {}
    conflict: Literal["owner", "ask"] = "owner"

    @field_validator("fields")
    @classmethod
    def _are_fields(cls, given: Mapping[str, str]) -> Mapping[str, str]:
        found = [
            ((name,), f"is no field; {near(name, CUSTOMER_FIELDS)}") for name in given if name not in CUSTOMER_FIELDS
        ]
        if found:
            raise Misfits(found)
        return given

    def value(self) -> CustomerRules:
        """Return the value that deciders are handed."""
        return CustomerRules(self.unknown, self.payment_methods == "write", self.fields, self.conflict)


class _Mapping(Entry):
    version: int = Field(ge=1, le=HIGHEST_VERSION)
    accounts: Mapping[str, tuple[_Line, ...]]
    policies: _Choices
    statuses: Annotated[_Statuses | None, _OFF] = None
    companies: Mapping[str, Annotated[str, Field(pattern=LABEL)]] = {}
    customers: _Customers = _Customers()


def account_mapping(text: str, file: str) -> AccountMapping:
    """Return the mapping of a text.

    Raises: FileInvalid naming each entry that can't be used, with its line and the remedy.
    """
    found, lines = parse_with_lines(text, _Mapping, file=file)
    wrong: list[tuple[YamlPath, str]] = []
    rules = {role: tuple(_rules(role, of_role, wrong)) for role, of_role in found.accounts.items()}
    wrong += _strange_roles(found.accounts)
    wrong += _never_reached(found.accounts, lambda path: lines.nearest(path))
    if wrong:
        raise FileInvalid(problems_at(wrong, lines, file))
    statuses = None if found.statuses is None else found.statuses.value()
    customers = found.customers.value()
    return AccountMapping(found.version, Accounts(rules), found.policies.value(), statuses, found.companies, customers)


@dataclass(frozen=True, slots=True)
class RoleLines:
    """What a role gets: each line as (what it gives, when; empty for always), in order.

    needed_by  kinds of documents that need the role
    is_whole   whether each of their lines gets an account, whatever the facts and the day
    """

    role: str
    lines: tuple[tuple[Account, str], ...]
    needed_by: tuple[str, ...]
    is_whole: bool


def lines_by_role(text: str, file: str) -> tuple[RoleLines, ...]:
    """Return what each role that documents need gets by a mapping.

    Raises: FileInvalid as account_mapping.
    """
    account_mapping(text, file)
    found, _ = parse_with_lines(text, _Mapping, file=file)
    result = []
    for name in (name for name, role in roles().items() if role.is_mapped):
        lines = found.accounts.get(name, ())
        given = [(Account(one.account, one.cost_centre, one.tax_code, one.text), one.conditions) for one in lines]
        needed_by = [kind.kind for kind in kinds().values() if any(name in line.roles for line in kind.lines)]
        result.append(RoleLines(name, tuple(given), tuple(needed_by), any(not one.conditions for one in lines)))
    return tuple(result)


def policy_choices() -> Mapping[str, tuple[str, ...]]:
    """Return each policy that is one of several words, and the words; what holds numbers or entries is left out."""
    found = {name: get_args(one.annotation) for name, one in _Choices.model_fields.items()}
    return {name: words for name, words in found.items() if words and all(isinstance(word, str) for word in words)}


def renumbered(text: str, version: int) -> str:
    """Return the same mapping with another version.

    Raises: FileInvalid when the text is none that gives itself a version in a line of its own.
    """
    changed = re.sub(r"(?m)^version:[ \t]*\d+", f"version: {version}", text, count=1)
    if account_mapping(changed, "the mapping").version != version:
        what = f"can't be numbered anew; write `version: {version}` into it, in a line of its own"
        raise FileInvalid([FileProblem("the mapping", 1, "version", what)])
    return changed


def editors_schema() -> Mapping[str, Any]:
    """Return the JSON schema of a mapping, for editors that complete and check YAML by one.

    Ensures: a mapping that can be used fits it. Editors read YAML 1.2, in which `off` and a day are texts.
    """
    schema = _Mapping.model_json_schema(by_alias=True)
    line, choices = schema["$defs"]["_Line"]["properties"], schema["$defs"]["_Choices"]["properties"]
    accounts = {"type": "array", "items": {"$ref": "#/$defs/_Line"}}
    named = [name for name, role in roles().items() if role.is_mapped]
    schema["properties"]["accounts"] = _closed(dict.fromkeys(named, accounts))
    line["when"] = _closed(
        {name: {**_one_or_more(_VALUES.get(name)), "description": what} for name, what in FACTS.items()
         if name != "amount"}
    )  # fmt: skip
    line["from"] |= {
        "pattern": r"^\d{4}-\d\d-\d\d$",
        "description": "first value date on which the line counts, such as 2027-01-01",
    }
    line["if"] |= {"description": "an expression over facts, such as amount >= 1000.00"}
    line["text"] |= {"description": "with places for facts, such as {fee_kind} {value_on:%m/%Y}"}
    choices["closed_period"] = _closed({name: {"enum": list(get_args(ClosedPeriod))} for name in _documents()})
    choices["base_currency"] = {"enum": sorted(currencies())}
    for name in ("write_off", "skonto"):
        choices[name] = {"anyOf": [{"const": "off"}, *choices[name]["anyOf"]]}
    fields = schema["$defs"]["_Customers"]["properties"]["fields"]
    schema["$defs"]["_Customers"]["properties"]["fields"] = _closed(
        dict.fromkeys(CUSTOMER_FIELDS, fields["additionalProperties"])
    )
    statuses = schema["properties"]["statuses"]
    schema["properties"]["statuses"] = {**statuses, "anyOf": [{"const": "off"}, *statuses["anyOf"]]}
    words = schema["$defs"]["_Statuses"]["properties"]
    for name, known in (("payment", PaymentStatus), ("invoice", InvoiceStatus)):
        words[name] = _closed({status.value: {"type": "string", "minLength": 1} for status in known})
    return {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Saldo account mapping"}


def _documents() -> list[str]:
    return [kind.kind for kind in kinds().values() if kind.is_document]


_VALUES: Mapping[str, Callable[[], Sequence[str]]] = {"kind": _documents, "method": lambda: _METHODS}


def _closed(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _one_or_more(values: Callable[[], Sequence[str]] | None) -> Mapping[str, Any]:
    one = {"type": "string"} if values is None else {"enum": list(values())}
    return {"anyOf": [one, {"type": "array", "items": one}]}


def _rules(role: str, of_role: Sequence[_Line], wrong: list[tuple[YamlPath, str]]) -> Iterator[AccountRule]:
    for index, line in enumerate(of_role):
        at: YamlPath = ("accounts", role, index)
        wrong += [((*at, *path), what) for path, what in _strange_facts(line)]
        holds: Callable[[Facts], bool] | None = None
        if line.only_if is not None:
            try:
                holds = condition(line.only_if)
            except ConditionInvalid as error:
                wrong.append(((*at, "if"), str(error)))
        text: TextOf | None = None
        if line.text is not None:
            try:
                text = template(line.text)
            except TemplateInvalid as error:
                wrong.append(((*at, "text"), str(error)))
        account = Account(line.account, line.cost_centre, line.tax_code)
        yield AccountRule(account, line.values, holds, line.valid_from, text)


def _strange_roles(accounts: Mapping[str, Sequence[_Line]]) -> Iterator[tuple[YamlPath, str]]:
    mapped = [name for name, role in roles().items() if role.is_mapped]
    for name in accounts.keys() - mapped:
        role = roles().get(name)
        if role is None:
            yield ("accounts", name), f"is no role; {near(name, mapped)}"
        else:
            whose = "the account of the customer himself" if role.in_erp else "an account of no ERP"
            yield ("accounts", name), f"is {whose}; drop it"


def _strange_facts(line: _Line) -> Iterator[tuple[YamlPath, str]]:
    for name in line.when:
        if name == "amount":
            yield ("when", name), "is a number; write it as an expression: if: 'amount > 1000.00'"
        elif name not in FACTS:
            yield ("when", name), f"is no fact; {near(name, FACTS)}"
    for name, known in _VALUES.items():
        for value in sorted(line.values.get(name, frozenset()) - set(known())):
            yield ("when", name), f"is {value!r}, which is none; {near(value, known())}"


def _never_reached(
    accounts: Mapping[str, Sequence[_Line]], line_of: Callable[[YamlPath], int]
) -> Iterator[tuple[YamlPath, str]]:
    """Yield each line of which an earlier one takes everything: with it the order alone would decide unseen."""
    for role, of_role in accounts.items():
        for index, line in enumerate(of_role):
            before = next((n for n, earlier in enumerate(of_role[:index]) if earlier.takes_all_of(line)), None)
            if before is not None:
                at = line_of(("accounts", role, before))
                yield (
                    ("accounts", role, index),
                    f"is never reached: line {at} takes all of it; put it above, or drop it",
                )
