"""Amounts and dates as people write them, read by the convention of their whole column.

One value alone can be ambiguous ("1.234", "03/04/2026"); a column hardly ever is. So the convention is found once for
a column, and a value that breaks it is a bad row, not a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from reconcile.engine.text import plain, word_set
from reconcile.files.masking import shown
from schemas.values.money import exponent

CURRENCIES = word_set(
    "EUR USD GBP CHF JPY CNY AUD CAD NZD SEK NOK DKK PLN CZK HUF RON BGN TRY ZAR BRL MXN INR SGD HKD KRW THB "
    "ILS AED SAR KWD BHD OMR JOD TND CLP COP PEN ARS IDR MYR PHP VND NGN KES EGP UAH ISK RUB TWD MAD QAR PKR BDT LKR "
    "RSD MKD GEL KZT DEM FRF ITL ESP NLG ATS BEF HRK LTL LVL EEK UYU BOB GTQ CRC DOP XAF XOF GHS TZS UGX"
)

NO_CURRENCY = "XXX"  # ISO 4217 for "no currency involved": a file that names none
EMPTY = "amount is empty"
LARGEST = 10**17  # minor units; past it a number is a mistake, and arrays of 64-bit sums stay safe

_SPACES = str.maketrans("", "", " \u00a0\u202f\u2009'\u2019\u02bc`_")
_MINUS = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d", "-"))
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
# A currency beside a number: a sign, a code or an abbreviation of two or three letters ("EUR", "Rs.", "kr", "zl").
_SYMBOLS = re.compile(
    r"[€$£¥₹₺₽₩₪₫₴₦₱฿]|(?<![^\W\d_])[^\W\d_]{2,3}\.?\$?(?![^\W\d_])|(?<=\d)\s?[R\u0440]\.?$|^R\$?\s?(?=-?\d)"
)
_CREDIT_MARK = re.compile(r"(?i)(?<![a-z])(cr|c|h|haben)\.?$")
_DEBIT_MARK = re.compile(r"(?i)(?<![a-z])(dr|d|s|soll)\.?$")
_PLAIN = re.compile(r"-?\d{1,15}(?:\.\d\d)?")  # what most cells hold, read without further ado
# Thousands in groups of three, or of two before the last three (India). Anything else is no grouping but an error.
_GROUPED = {
    ".": re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})*,\d{3}|\d*)(?:\.\d*)?(?:[eE][-+]?\d{1,3})?"),
    ",": re.compile(r"[-+]?(?:\d{1,3}(?:\.\d{3})+|\d*)(?:,\d*)?"),
}
_SIGNS = {"€": "EUR", "£": "GBP", "₹": "INR", "₺": "TRY", "₽": "RUB", "₩": "KRW", "₪": "ILS", "₫": "VND", "₴": "UAH",
          "₱": "PHP", "฿": "THB", "₦": "NGN", "zł": "PLN", "Kč": "CZK", "R$": "BRL", "US$": "USD"}  # fmt: skip
SHARED_SIGNS = "$¥"  # of several currencies
_CODE = re.compile(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")


class BadValue(ValueError):
    """A value that can't be read; the text says why."""


# -- amounts --------------------------------------------------------------------------------------------------------


def decimal_mark(values: Iterable[Any]) -> str:
    """Return the decimal mark of a column: "." or ",".

    Ensures: decided by the clearest value: one with both marks, else one whose digits after the mark aren't three.
    """
    return proven_mark(values)[0] or "."


def proven_mark(values: Iterable[Any]) -> tuple[str, str]:
    """Return the decimal mark that the values of a column prove, and the mark that they leave open.

    Ensures: the first is empty where no value has two marks, several of one, or one that is not three digits from the
             end; the second is "." or "," where a value such as 2.500 has it and means either; both are empty for whole
             numbers without a mark.
    """
    point, comma, opened = 0, 0, ""
    for value in values:
        if not isinstance(value, str):
            continue
        digits = re.sub(r"[^\d.,]", "", value)
        last_point, last_comma = digits.rfind("."), digits.rfind(",")
        if last_point >= 0 and last_comma >= 0:
            point, comma = point + 3 * (last_point > last_comma), comma + 3 * (last_comma > last_point)
        elif last_point >= 0:
            if digits.count(".") > 1:
                comma += 2
            elif len(digits) - last_point - 1 != 3 or not _may_group(digits[:last_point]):
                point += 2
            else:
                opened = opened or "."
        elif last_comma >= 0:
            if digits.count(",") > 1:
                point += 2
            elif len(digits) - last_comma - 1 != 3 or not _may_group(digits[:last_comma]):
                comma += 2
            else:
                opened = opened or ","
    proven = "," if comma > point else "." if point else ""
    return proven, "" if proven else opened


def _may_group(digits: str) -> bool:
    """Return whether these digits may stand before a mark for thousands: "1" to "999", not "0" or "1000"."""
    return 1 <= len(digits) <= 3 and digits[0] != "0"


def amount_minor(value: Any, mark: str, currency: str, in_minor: bool = False) -> int:
    """Return an amount in minor units.

    Units:  minor units of currency (2 decimals for EUR, 0 for JPY, 3 for KWD).
    Raises: BadValue for what is empty, no number, infinite, too large, or finer than the currency's smallest unit.
    """
    if isinstance(value, str) and mark == "." and _PLAIN.fullmatch(value):
        digits = 0 if in_minor else precision(currency)
        if value[-3:-2] != ".":
            return int(value) * int(10**digits)
        if digits == 2:
            return int(value.replace(".", ""))
    number = _decimal(value, mark)
    digits = 0 if in_minor else precision(currency)
    scaled = number.scaleb(digits)
    whole = scaled.to_integral_value()
    if abs(scaled - whole) > Decimal("0.0001"):
        raise BadValue(f"amount {shown(value)} has more decimals than {_called(currency)} has")
    if abs(whole) > LARGEST:
        raise BadValue(f"amount {shown(value)} is too large")
    return int(whole)


def mark_of(value: Any) -> int:
    """Return +1 for an amount marked as a credit ("12.00 CR", "12,00 H"), -1 for a debit, 0 without a mark."""
    if not isinstance(value, str) or not value[-1:].strip() or value[-1].isdigit():
        return 0
    text = value.strip()
    return -1 if _DEBIT_MARK.search(text) else 1 if _CREDIT_MARK.search(text) else 0


def _decimal(value: Any, mark: str) -> Decimal:
    if isinstance(value, bool) or value is None:
        raise BadValue(EMPTY)
    if isinstance(value, int | float | Decimal):
        return _finite(Decimal(str(round(value, 6) if isinstance(value, float) else value)), value)
    text = _INVISIBLE.sub("", str(value)).strip()
    if not text:
        raise BadValue(EMPTY)
    if text[0] in "=@":
        raise BadValue(f"amount is a formula: {shown(text)}")
    sign = 1
    if _DEBIT_MARK.search(text):
        text, sign = _DEBIT_MARK.sub("", text), -1
    else:
        text = _CREDIT_MARK.sub("", text)
    text = _SYMBOLS.sub("", text.strip()).translate(_SPACES).translate(_MINUS)
    if text.startswith("(") and text.endswith(")"):
        text, sign = text[1:-1], -sign
    if text.endswith(("-", "+")):
        text = text[-1] + text[:-1]
    if not _GROUPED[mark].fullmatch(text) and any(char.isdigit() for char in text):
        raise BadValue(f"amount {shown(value)} does not fit the decimal mark {mark!r} of its column")
    text = text.replace(".", "").replace(",", ".") if mark == "," else text.replace(",", "")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise BadValue(f"amount {shown(value)} is not a number") from None
    return sign * _finite(number, value)


def _finite(number: Decimal, value: Any) -> Decimal:
    if not number.is_finite() or number.adjusted() > 20:
        raise BadValue(f"amount {shown(value)} is not a number that money can have")
    return number


def currency_in(value: Any) -> str:
    """Return the currency that stands beside a number ("12.00 EUR", "€ 12", "zł"), or nothing; "$" alone names none."""
    if not isinstance(value, str):
        return ""
    for code in _CODE.findall(value):
        if code in CURRENCIES:
            return str(code)
    return next((code for sign, code in _SIGNS.items() if sign in value), "")


def money(minor: int, currency: str) -> str:
    """Return minor units as people write them: 123450 EUR is "1,234.50", 1234 JPY is "1,234"."""
    digits = precision(currency)
    return f"{Decimal(minor).scaleb(-digits):,.{digits}f}"


def _called(currency: str) -> str:
    return "a currency of two decimals" if currency == NO_CURRENCY else currency


@lru_cache(maxsize=256)
def precision(currency: str) -> int:
    """Decimals of a currency by ISO 4217 alone; 2 for one that names none."""
    return 2 if currency == NO_CURRENCY else exponent(currency)


# -- dates ----------------------------------------------------------------------------------------------------------

_ISO = re.compile(
    r"^(\d{4})(?:[-/.:]|\. )(\d{1,2})(?:[-/.:]|\. )(\d{1,2})\.?(?:$|[T\sZ+-])|^(\d{4})年(\d{1,2})月(\d{1,2})日"
)
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:\d{6})?$")
_NUMBERS = re.compile(r"^(\d{1,2})([-/. ])\s?(\d{1,2})\2\s?(\d{4}|\d{2})\.?(?:$|[T\s,])")
_NO_YEAR = re.compile(
    r"^(\d{1,2})([-/.])(\d{1,2})\.?$|^(\d{1,2})\.?[- ]([^\W\d_]{3,12})\.?$|^([^\W\d_]{3,12})\.? (\d{1,2})$"
)
_DAY_MONTH = re.compile(r"^(0?[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])$")  # 311 or 0311, as DATEV writes 3 November
_WHOLE_DATE = re.compile(
    r"(?<!\d)(?:20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|\d{4}-\d{1,2}-\d{1,2}|\d{1,2}([./-])\d{1,2}\1\d{2,4}"
    r"|\d{1,2}\.? [^\W\d_]{3,12}\.? \d{4}"
    r"|[^\W\d_]{3,12}\.? \d{1,2},? \d{4})(?!\d)"
)
_YEAR = re.compile(r"(?<!\d)20\d\d(?!\d)")
_DAY_NAME = re.compile(r"^(\d{1,2})[-/. ]*([a-z]{3,12})\.?[-/, ]*(\d{4}|\d{2})(?:$|[T\s])")
_NAME_DAY = re.compile(r"^([a-z]{3,12})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})(?:$|[T\s])")
_EXCEL_EPOCH = date(1899, 12, 30)
_MONTH_NAMES = (
    "january janvier enero gennaio ianuarie januari styczen leden",
    "february februar fevrier febrero luty unor",
    "march maerz mars marzo marz mrz maart marec brezen mrt",
    "april avril abril kwiecien duben",
    "may mai mayo maggio mei maj kveten",
    "june juni juin junio giugno czerwiec",
    "july juli juillet julio luglio lipiec",
    "august aout agosto sierpien srpen",
    "september septembre settembre setembro wrzesien zari",
    "october oktober octobre okt ottobre outubro pazdziernik rijen",
    "november novembre noviembre listopad",
    "december dezember decembre diciembre desember grudzien prosinec",
)
# Three letters tell a month in all of these but French June and July, which need four.
_MONTHS = {name[:3]: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()}


@dataclass(frozen=True, slots=True)
class DateOrder:
    """How 03/04/26 is meant in a column; guessed, if no value of the column tells day from month.

    yearless says that days have no year; period then tells which one they are of.
    """

    day_first: bool
    pattern: str = ""
    year_first: bool = False
    guessed: bool = False
    yearless: bool = False
    period: tuple[date, date] | None = None


A_YEAR = 366  # days
CLOSE = 400  # days; what a file covers at most, if it is one year's and the reading is right
FAR = 1_100  # days; three years, which only a wrong reading of two-digit years makes


def date_order(values: Iterable[Any], pattern: str = "", comma: bool = False) -> DateOrder:
    """Decide between day-month and month-day for a column.

    Ensures: a value above 12 decides; else the reading whose dates lie closer together; else dots, dashes and
             a decimal comma mean day first, slashes month first, and that is marked as guessed.
    """
    texts = [value.strip() for value in values if isinstance(value, str)]
    found = [match for text in texts if (match := _NUMBERS.match(text))]
    if not found and any(_NO_YEAR.match(text) for text in texts):
        return _yearless_order(texts, pattern, comma)
    if not found and not pattern and any(texts) and all(_DAY_MONTH.match(text) for text in texts if text):
        reported = any(int(text[:-2]) > 12 for text in texts if text)
        return DateOrder(True, guessed=not reported, yearless=True)
    pairs = [(int(one[1]), int(one[3]), full_year(one[4])) for one in found]
    slashes = sum(1 for one in found if one[2] == "/")
    spans = [
        _span([(year, month, day) for day, month, year in pairs]),
        _span([(year, month, day) for month, day, year in pairs]),
    ]
    if pairs and all(len(one[4]) == 2 for one in found):
        year_first = _span([(full_year(one[1].zfill(2)), int(one[3]), int(one[4])) for one in found])
        possible = [
            span
            for span, months in zip(spans, ([pair[1] for pair in pairs], [pair[0] for pair in pairs]), strict=True)
            if max(months) <= 12
        ]
        if year_first <= CLOSE and min(possible, default=FAR + 1) > FAR:
            return DateOrder(False, pattern, year_first=True)
    first_high = sum(1 for first, _, _ in pairs if first > 12)
    second_high = sum(1 for _, second, _ in pairs if second > 12)
    if first_high != second_high:
        return DateOrder(first_high > second_high, pattern)
    dots = sum(1 for one in found if one[2] == ".")  # nobody writes month.day.year
    guessed = not pattern and not dots and not comma and any(first != second for first, second, _ in pairs)
    if spans[0] != spans[1]:
        return DateOrder(spans[0] < spans[1], pattern, guessed=guessed)
    return DateOrder(comma or slashes * 2 <= len(pairs), pattern, guessed=guessed)


def _yearless_order(texts: Sequence[str], pattern: str, comma: bool) -> DateOrder:
    found = [match for text in texts if (match := _NO_YEAR.match(text)) and match[1]]
    highs = [sum(1 for one in found if int(one[at]) > 12) for at in (1, 3)]
    dots = sum(1 for one in found if one[2] == ".")
    if highs[0] != highs[1]:
        return DateOrder(highs[0] > highs[1], pattern, yearless=True)
    return DateOrder(comma or dots * 2 > len(found), pattern, guessed=bool(found) and not dots and not comma,
                     yearless=True)  # fmt: skip


def period_in(text: str, order: DateOrder) -> tuple[date, date] | None:
    """Return from when to when dates in a text reach ("28.12.2026 bis 10.01.2027"), or the year in it.

    Ensures: None for more than a year, in which a day without a year may lie twice.
    """
    days = []
    for match in _WHOLE_DATE.finditer(text):
        try:
            day = read_date(match[0], order)
        except BadValue:
            continue
        days += [day] if day else []
    years = [int(one) for one in _YEAR.findall(text)]
    if not days and years:
        days = [date(min(years), 1, 1), date(max(years), 12, 31)]
    return (min(days), max(days)) if days and (max(days) - min(days)).days < A_YEAR else None


def _span(dates: Sequence[tuple[int, int, int]]) -> int:
    days = [date(year, month, day).toordinal() for year, month, day in dates if 1 <= month <= 12 and 1 <= day <= 28]
    return max(days) - min(days) if days else 0


def full_year(text: str) -> int:
    """Return a year of two or four digits; 70 to 99 are of the last century."""
    year = int(text)
    return year if len(text) == 4 else year + (1900 if year >= 70 else 2000)


def read_date(value: Any, order: DateOrder) -> date | None:
    """Return a date, or None for an empty cell.

    Raises: BadValue for what is no date.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return _from_number(float(value))
        return _from_text(str(value).strip(), order)
    except BadValue:
        raise
    except (ValueError, OverflowError):
        raise BadValue(f"date {shown(value)} is not a date") from None


def _from_number(number: float) -> date:
    if 19_000_101 <= number <= 21_001_231:
        whole = int(number)
        return date(whole // 10_000, whole // 100 % 100, whole % 100)
    if 20_000 <= number <= 80_000:
        return _EXCEL_EPOCH + timedelta(days=int(number))
    if 1e9 <= number < 1e10:
        return datetime.fromtimestamp(number, UTC).date()
    if 1e12 <= number < 1e13:
        return datetime.fromtimestamp(number / 1000, UTC).date()
    raise ValueError(number)


def _from_text(text: str, order: DateOrder) -> date | None:
    if not text:
        return None
    if order.pattern:
        return datetime.strptime(text, order.pattern).date()  # noqa: DTZ007  a booking date has no zone
    if found := _NO_YEAR.match(text):
        return _in_period(found, order)
    if order.yearless and (found := _DAY_MONTH.match(text)):
        return _on(int(found[1]), int(found[2]), text, order)
    found = _ISO.match(text) or _COMPACT.match(text)
    if found:
        year, month, day = (int(part) for part in found.groups() if part)
        return date(year, month, day)
    found = _NUMBERS.match(text)
    if found:
        if order.year_first:
            return date(full_year(found[1].zfill(2)), int(found[3]), int(found[4]))
        first, second, year = int(found[1]), int(found[3]), full_year(found[4])
        return date(year, second, first) if order.day_first else date(year, first, second)
    words = plain(text)
    found = _DAY_NAME.match(words)
    if found and (month := _month(found[2])):
        return date(full_year(found[3]), month, int(found[1]))
    found = _NAME_DAY.match(words)
    if found and (month := _month(found[1])):
        return date(int(found[3]), month, int(found[2]))
    if re.fullmatch(r"\d{5}(\.\d+)?|\d{10}|\d{13}", text):
        return _from_number(float(text))
    raise ValueError(text)


def _in_period(found: re.Match[str], order: DateOrder) -> date:
    """Return a day without a year: in the year in which it lies in the period, or closest to it."""
    if found[1]:
        first, second = int(found[1]), int(found[3])
        day, month = (first, second) if order.day_first else (second, first)
    else:
        day, month = int(found[4] or found[7]), _month(plain(found[5] or found[6]))
    return _on(day, month, found[0], order)


def _on(day: int, month: int, written: str, order: DateOrder) -> date:
    if order.period is None:
        raise BadValue(f"date {shown(written)} has no year; give the profile a period such as 2026-12-01/2026-12-31")
    start, end = order.period
    possible = []
    for year in range(start.year - 1, end.year + 2):
        try:
            possible.append(date(year, month, day))
        except ValueError:  # 29 February
            continue
    if not possible:
        raise ValueError(written)
    return min(possible, key=lambda on: max((start - on).days, (on - end).days, 0))


def _month(name: str) -> int:
    return 6 if name.startswith("juin") else _MONTHS.get(name[:3], 0)
