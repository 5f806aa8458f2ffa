"""Whether the values of a record can be true of money at all: one check, by the contract, for every record type.

Avro says that an amount is a long and an instant a long of microseconds; this says which of them a ledger can hold.
The codec asks at each encoding and each decoding, so that every door has the same rules: `saldo write`, the ingress,
an import and an operator command refuse, an agent parks what it reads and what it would write, the projector lists the
record in fct_unreadable. What a rule applies to follows from the schema: field names, logical types, key fields of
schemas/topics, and the words "never negative" in the doc of an amount. There is no clock here, so the same record is
judged alike at each replay (docs/adr/0034).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

from schemas import catalog
from schemas.checks.sensitive import mask_sensitive
from schemas.documents import COMMANDS, faults
from schemas.failures import Unreadable
from schemas.records import Record
from schemas.values.money import currencies
from schemas.values.references import REFERENCE_REMEDY, is_token

# 10^15 minor units are ten trillion dollars, more than a year's card payments of the whole world. Sums stay exact: a
# single amount is below 2^53 (9 x 10^15), where JSON readers and spreadsheets begin to round, and 10^23 records of it
# fit an Int128 (1.7 x 10^38), in which tables and reports sum.
LARGEST_AMOUNT = 10**15
# PayTrace began in 2004 and open items move into an ERP with a few years of history; 2100 leaves room for each card
# expiry and each due date that is meant. ClickHouse holds dates up to 2149 and instants up to 2299.
# The first and the last of these instants fall on the day before or after in some zone.
FIRST_DAY = date(1999, 12, 31)
LAST_DAY = date(2100, 1, 1)
FIRST_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)
END_OF_INSTANTS = datetime(2100, 1, 1, tzinfo=UTC)
# The one value outside these bounds: an instant that the source gives and nobody can read. The raw text says more.
UNKNOWN_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
# The day of an unknown instant, in zones east and west of UTC.
UNKNOWN_DAYS = frozenset({date(1969, 12, 31), date(1970, 1, 1)})
# What Avro's int and ClickHouse's Int32 hold; fastavro writes and reads more without a word.
_INT32 = (-(1 << 31), (1 << 31) - 1)
_INT64 = (-(1 << 63), (1 << 63) - 1)
_SHOWN = 40
# Texts are lines of people and of JSON, so tab and line ends are fine. NUL ends a text in half of all libraries, and
# the others drive a terminal. A lone surrogate can't be written as UTF-8. How long a text may be follows from what a
# topic and a key take (streams/log/records.py, refuse_too_large), which every door asks as well.
_BAD_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_COUNTER = re.compile(r"(_count|_number|^version|^rule_version|^offset|^position|^partition|^behind)$")
_NEVER_NEGATIVE = re.compile(r"\b(never|not) negative\b")
_SETTLEMENT_ACCOUNT = "settlement_account"
_REFERENCE = "token"


@dataclass(frozen=True, slots=True)
class Finding:
    """One value that cannot be true: which field, what it holds (masked and cut), and what would be right."""

    field: str
    value: str
    remedy: str

    def __str__(self) -> str:
        """Return one sentence for a person."""
        return f"{self.field} is {self.value}: {self.remedy}"


class Implausible(Unreadable):
    """A record that reads well and cannot be true; `findings` names every value that is at fault."""

    def __init__(self, name: str, findings: tuple[Finding, ...]) -> None:
        super().__init__(f"{name} is not plausible: {'; '.join(map(str, findings))}")
        self.findings = findings


def refuse_implausible(record: Record) -> None:
    """Raise Implausible, naming each field at fault, when a record cannot be true.

    Shapes: record is a dataclass of schemas.records whose fields have the types that it declares.
    """
    name = type(record).__name__
    rules = _rules(name)
    if rules.is_clean(record):
        return
    findings = tuple(rules.findings(record))
    if findings:
        raise Implausible(name, findings)


def findings_of(record: Record) -> tuple[Finding, ...]:
    """Return everything that cannot be true of a record; empty when it is plausible."""
    return tuple(_rules(type(record).__name__).findings(record))


def plain_text(text: str) -> str:
    """Return the text with a replacement character for each one that no record carries; for words of other systems."""
    return text if text.isprintable() else _BAD_CHARACTER.sub("\ufffd", text)


def plausible_instant(instant: datetime) -> datetime:
    """Return the instant itself, or UNKNOWN_INSTANT where it cannot be true (a producer's clock, say)."""
    return instant if _is_instant(instant) else UNKNOWN_INSTANT


# -- rules, made of a schema once ----------------------------------------------------------------------------------

_Judge = Callable[[Any], str | None]
_Getter = Callable[[Any], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Rules of one record type. Getters give tuples of field values; `judges` names the rule of each field.

    `is_clean` is the hot path: it says yes to nearly every record and never yes to one with a finding. Whoever gets a
    no asks `findings`, which looks at each field by itself.
    """

    numbers: _Getter
    bounds: tuple[tuple[int, int], ...]
    instants: _Getter
    days: _Getter
    currencies: _Getter
    accounts: _Getter
    tokens: _Getter
    keys: _Getter
    texts: _Getter
    lists: _Getter
    maps: _Getter
    number_lists: _Getter
    list_bounds: tuple[tuple[int, int], ...]
    rare: _Getter
    rows: _Getter
    row_fields: tuple[str, ...]
    is_command: bool  # whether its kind of document has a say (schemas/documents)
    judges: tuple[tuple[str, _Judge], ...]

    def is_clean(self, record: Record) -> bool:
        """Return whether nothing in the record needs a closer look."""
        for number, (low, high) in zip(self.numbers(record), self.bounds, strict=True):
            if number is not None and not low <= number <= high:
                return False
        for numbers, (low, high) in zip(self.number_lists(record), self.list_bounds, strict=True):
            if numbers and not low <= min(numbers) <= max(numbers) <= high:
                return False
        for instant in self.instants(record):
            if instant is not None and not FIRST_INSTANT <= instant < END_OF_INSTANTS:
                return False
        for day in self.days(record):
            if day is not None and not FIRST_DAY <= day <= LAST_DAY:
                return False
        known = currencies()
        for held in self.rows(record):
            if not all(_rules(type(row).__name__).is_clean(row) for row in held):
                return False
        for code in self.currencies(record):
            if code is not None and code not in known:
                return False
        for account in self.accounts(record):
            if account is not None and _settlement_account_judge(account) is not None:
                return False
        if not all(map(_is_clean_token, self.tokens(record))):
            return False
        if not all(self.keys(record)) or any(self.rare(record)) or (self.is_command and any(faults(record))):
            return False
        texts = [text for text in self.texts(record) if text]
        for listed in self.lists(record):
            texts += listed or ()
        for named in self.maps(record):
            if named:
                texts += named.keys()
                texts += named.values()
        text = "".join(texts)
        # No control character is printable; what else is not (an end of line, a no-break space) is looked at closely.
        return text.isprintable() or _BAD_CHARACTER.search(text) is None

    def findings(self, record: Record) -> Iterator[Finding]:
        for field, judge in self.judges:
            value = getattr(record, field)
            if value is None:
                continue
            if isinstance(value, Mapping):
                for key, item in value.items():
                    yield from _judged(f"{field} key", key, _text_judge())
                    yield from _judged(f"{field}[{str(key)[:_SHOWN]!r}]", item, judge)
            elif isinstance(value, tuple | list):
                for index, item in enumerate(value):
                    yield from _judged(f"{field}[{index}]", item, judge)
            else:
                yield from _judged(field, value, judge)
        for field in self.row_fields:
            for index, row in enumerate(getattr(record, field)):
                for finding in findings_of(row):
                    yield Finding(f"{field}[{index}].{finding.field}", finding.value, finding.remedy)
        if self.is_command:
            yield from (Finding(fault.field, _shown(str(fault.value)), fault.remedy) for fault in faults(record))


def _judged(field: str, value: Any, judge: _Judge) -> Iterator[Finding]:
    remedy = judge(value)
    if remedy is not None:
        yield Finding(field, _shown(value), remedy)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        cut = f" ({len(value)} characters)" if len(value) > _SHOWN else ""
        return f"{mask_sensitive(value[:_SHOWN])!r}{cut}"
    return str(value)


@cache
def _rules(name: str) -> _Rules:
    keys = _key_fields(name)
    groups: dict[str, list[str]] = {group: [] for group in _GROUPS}
    bounds: dict[str, list[tuple[int, int]]] = {"numbers": [], "number_lists": []}
    judges: list[tuple[str, _Judge]] = []
    for field in catalog.fields_of(name):
        if catalog.row_schema(field) is not None:
            groups["rows"].append(field["name"])
            continue
        field_name, is_key = field["name"], field["name"] in keys
        group, judge = _rule(field, is_key=is_key)
        if judge is not None:
            groups[group].append(field_name)
            judges.append((field_name, judge))
            if is_key:
                groups["keys"].append(field_name)
            if isinstance(judge, _Between) and group in bounds:
                bounds[group].append((judge.low, judge.high))
    return _Rules(
        **{group: _getter(names) for group, names in groups.items()},
        bounds=tuple(bounds["numbers"]),
        list_bounds=tuple(bounds["number_lists"]),
        row_fields=tuple(groups["rows"]),
        is_command=name in COMMANDS,
        judges=tuple(judges),
    )


_GROUPS = (
    *("numbers", "instants", "days", "currencies", "accounts", "tokens", "keys", "texts"),
    *("lists", "maps", "number_lists", "rare", "rows"),
)


def _getter(names: list[str]) -> _Getter:
    if not names:
        return lambda _: ()
    get: Callable[[Any], Any] = attrgetter(*names)
    return get if len(names) > 1 else lambda record: (get(record),)


def _rule(field: Mapping[str, Any], *, is_key: bool) -> tuple[str, _Judge | None]:
    """Group on the hot path, and the judge of one value: of the field itself, or of each value that it holds."""
    name, doc, kind = field["name"], field.get("doc", ""), _plain(field["type"])
    inner = kind if isinstance(kind, str) else kind.get("items") or kind.get("values") or kind
    nested = inner is not kind
    if isinstance(inner, Mapping):
        match inner.get("logicalType"):
            case "timestamp-micros":
                return "rare" if nested else "instants", _instant_judge
            case "date":
                return "rare" if nested else "days", _day_judge
        return "", None  # an enum: its symbols are the rule
    match inner:
        case "string" if name == "currency":
            return "currencies", _currency_judge
        case "string" if name == _SETTLEMENT_ACCOUNT:
            return "accounts", _settlement_account_judge
        case "string" if name == _REFERENCE:
            return "tokens", _token_judge
        case "string" if nested:
            return "lists" if kind["type"] == "array" else "maps", _text_judge()
        case "string":
            return "texts", _text_judge(is_key=is_key)
        case "int" | "long":
            group = "numbers" if not nested else "number_lists" if kind["type"] == "array" else "rare"
            return group, _number_judge(name, inner, doc)
    return "", None  # booleans, and bytes, which are somebody else's records


def _number_judge(name: str, kind: str, doc: str) -> _Between:
    if name.endswith("_minor") or "minor units of currency" in doc.lower():
        if _NEVER_NEGATIVE.search(doc):
            return _Between(
                0, LARGEST_AMOUNT, f"it is never negative, and no amount has more than {LARGEST_AMOUNT} minor units"
            )
        return _Between(-LARGEST_AMOUNT, LARGEST_AMOUNT, f"no amount has more than {LARGEST_AMOUNT} minor units")
    low, high = _INT32 if kind == "int" else _INT64
    low = 0 if _COUNTER.search(name) else low
    return _Between(low, high, f"write a whole number from {low} to {high}")


def _plain(kind: Any) -> Any:
    """Return a type without its null."""
    return next(one for one in kind if one != "null") if isinstance(kind, list) else kind


@cache
def _key_fields(name: str) -> frozenset[str]:
    """Return fields that are the Kafka key of this type on a topic where a key is asked of whoever writes."""
    return frozenset(
        carried.key_field
        for spec in catalog.topics().values()
        if spec.role in ("inbox", "cursor", "claims")
        for carried in spec.records
        if carried.name == name and carried.key_field
    )


# -- judges: what is wrong with one value, as a remedy -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Between:
    """Judges whole numbers by their bounds, both inclusive."""

    low: int
    high: int
    remedy: str

    def __call__(self, number: int) -> str | None:
        return None if self.low <= number <= self.high else self.remedy


def _is_instant(instant: datetime) -> bool:
    return FIRST_INSTANT <= instant < END_OF_INSTANTS or instant == UNKNOWN_INSTANT


def _instant_judge(instant: datetime) -> str | None:
    if _is_instant(instant):
        return None
    return "write an instant of the years 2000 to 2099, or exactly 1970-01-01T00:00:00Z where it is unknown"


def _day_judge(day: date) -> str | None:
    if FIRST_DAY <= day <= LAST_DAY or day in UNKNOWN_DAYS:
        return None
    return "write a day of the years 2000 to 2099"


def _currency_judge(code: str) -> str | None:
    if code in currencies():
        return None
    return "write a currency code of ISO 4217, three capital letters such as USD"


@lru_cache(maxsize=1_000)
def _settlement_account_judge(account: str) -> str | None:
    merchant, _, code = account.rpartition("/")
    if not merchant or code not in currencies():
        return "write <merchant>/<currency> with a currency code of ISO 4217, such as main/USD"
    return _text_judge(is_key=True)(account)


def _token_judge(token: str) -> str | None:
    return _text_judge(is_key=True)(token) or (None if is_token(token) else REFERENCE_REMEDY)


def _is_clean_token(token: str | None) -> bool:
    return token is None or (token.isprintable() and is_token(token))


def _text_judge(*, is_key: bool = False) -> _Judge:
    def judge(text: str) -> str | None:
        if is_key and not text:
            return "it is the key of the record and must not be empty"
        if _BAD_CHARACTER.search(text):
            return "leave control characters out (NUL, escape and their like; tab and line ends are fine)"
        return None

    return judge
