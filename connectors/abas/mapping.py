"""abas' words to our records and our commands to abas' values; pure. For source, sink and documents.

Foreign words stop here. Amounts are read from `value` (a JSON number, exact), never from `text`, which is written
for people; an amount with more digits than its currency has is refused, not rounded.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from connectors.abas.errors import AbasRecordUnreadable
from connectors.abas.profile import (
    ContractTable,
    CustomerFields,
    Formats,
    ItemFields,
    PaymentRequestTable,
    SalesOrderFields,
)
from connectors.abas.wire import ErpField, ErpObject
from connectors.common.address import Address
from connectors.common.person import Person
from schemas.checks.plausibility import plain_text
from schemas.checks.sensitive import find_sensitive, mask_reference, mask_sensitive
from schemas.records.customers import ErpCustomerObserved
from schemas.records.gateway import PaymentRequestKind, PaymentRequestObserved, PaymentRequestStatus
from schemas.records.identification import CustomerReferenced, OpenItemReferenced
from schemas.records.receivables import OpenItemObserved
from schemas.records.subscriptions import ContractObserved, RecurrenceFrequency
from schemas.values.money import Money, exponent, from_major
from schemas.values.references import invoice_token, order_token, vault_token

MOST_DISCOUNT_DAYS = 366  # more is a slip of the keys
_MAX_PLAIN_DIGITS = 40  # far above any amount, far below what could fill the memory
_DOUBLE_DIGITS = 15  # what abas' DOUBLE carries exactly; a longer number may be the noise of its arithmetic
_NOISE = Decimal("1e-6")  # far below the smallest unit of any currency
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+|[+-]?[1-9]\d{0,2}(,\d{3})+")
_CURRENCY = re.compile(r"[A-Za-z]{3}")

# The words of our own table of payment requests, in any case. A payment request moves money, so nothing is guessed:
# others are UNKNOWN.
PAYMENT_REQUEST_KINDS: Mapping[str, PaymentRequestKind] = {kind.value: kind for kind in PaymentRequestKind}
PAYMENT_REQUEST_STATUSES: Mapping[str, PaymentRequestStatus] = {status.value: status for status in PaymentRequestStatus}


def to_open_item_observed(
    item: ErpObject, fields: ItemFields, formats: Formats, *, filed: bool, observed_at: datetime
) -> OpenItemObserved:
    """Read an outstanding item.

    Ensures: is_open is False once abas filed the item or nothing of it is open.
    Raises:  AbasRecordUnreadable naming record and field.
    """
    currency = currency_of(item, fields.currency)
    open_minor = minor_of(item, fields.open, currency, formats)
    return OpenItemObserved(
        abas_open_item_id=_record_id(item),
        abas_customer_id=required_text(item, fields.customer_number),
        invoice_number=required_text(item, fields.invoice_number),
        amount_minor=minor_of(item, fields.amount, currency, formats),
        open_minor=open_minor,
        currency=currency,
        due_on=_optional_date(item, fields.due_on, formats),
        is_open=not filed and open_minor != 0,
        invoiced_on=None if fields.invoiced_on is None else _optional_date(item, fields.invoiced_on, formats),
        **_discount(item, fields, formats),
        **_taxes(item, fields, currency, formats),
        credits_invoice=_optional_text(item, fields.credits_invoice),
        order_number=_optional_text(item, fields.order_number),
        **_booked_base(item, fields, formats),
        observed_at=observed_at,
        raw=to_raw(item),
    )


def _taxes(item: ErpObject, fields: ItemFields, currency: str, formats: Formats) -> dict[str, Any]:
    """Return the taxes of an item as its record has them: one for each rate that abas names a code and a tax of."""
    rates = (
        (fields.tax_code, fields.taxed, fields.tax),
        (fields.tax_code_2, fields.taxed_2, fields.tax_2),
    )
    found = [
        (code, minor_of(item, gross or fields.amount, currency, formats), minor_of(item, tax, currency, formats))
        for name, gross, tax in rates
        if tax is not None and (code := _optional_text(item, name)) is not None
    ]
    return {
        "tax_codes": tuple(code for code, _, _ in found),
        "taxed_amounts": tuple(gross for _, gross, _ in found),
        "tax_amounts": tuple(tax for _, _, tax in found),
    }


def _booked_base(item: ErpObject, fields: ItemFields, formats: Formats) -> dict[str, Any]:
    """Return what an item is booked as in the currency of the books; nothing where abas names no amount."""
    if fields.booked_base is None or fields.booked_base_currency is None:
        return {}
    if _number(item, fields.booked_base, formats) is None:
        return {}
    currency = currency_of(item, fields.booked_base_currency)
    minor = minor_of(item, fields.booked_base, currency, formats)
    return {"booked_base_minor": minor, "booked_base_currency": currency}


def _number(item: ErpObject, name: str | None, formats: Formats) -> Decimal | None:
    """Return a number that may be left out; None where it is, or is nothing."""
    value = None if name is None or name not in item.head else item.head[name].value
    if name is None or value is None or value in ("", 0):
        return None
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise _unreadable(item, name, "holds no number")
    try:
        return Decimal(plain_amount(value, formats.decimal_mark)) if isinstance(value, str) else Decimal(value)
    except (InvalidOperation, ValueError) as error:
        raise _unreadable(item, name, str(error)) from error


def _discount(item: ErpObject, fields: ItemFields, formats: Formats) -> dict[str, Any]:
    """Return the discount of an item's terms as its record has it; none where a part of them is missing."""
    percent = _number(item, fields.discount_percent, formats)
    days = _number(item, fields.discount_days, formats)
    if fields.discount_percent is None or percent is None or days is None:
        return {}
    bps = 100 * percent
    if not 0 <= bps <= 10_000 or bps != int(bps) or days != int(days) or not 0 <= days <= MOST_DISCOUNT_DAYS:
        what = f"is no discount: {percent:f} % in {days:f} days; write 0 to 100 %, two decimals, and whole days"
        raise _unreadable(item, fields.discount_percent, what)
    return {"terms_bps": int(bps), "terms_days": int(days)}


def _optional_text(item: ErpObject, name: str | None) -> str | None:
    return None if name is None else read_text(item.head.get(name)) or None


def to_open_item_referenced(item: OpenItemObserved) -> OpenItemReferenced:
    """Say which invoice number leads to this open item."""
    return OpenItemReferenced(
        token=invoice_token(item.invoice_number),
        abas_customer_id=item.abas_customer_id,
        abas_open_item_id=item.abas_open_item_id,
        observed_at=item.observed_at,
    )


def to_order_of_item_referenced(
    item: ErpObject, fields: ItemFields, observed: OpenItemObserved
) -> OpenItemReferenced | None:
    """Say which order number leads to this open item; None when the profile or abas names none."""
    number = "" if fields.order_number is None else read_text(item.head.get(fields.order_number))
    if not number:
        return None
    return OpenItemReferenced(
        token=order_token(number),
        abas_customer_id=observed.abas_customer_id,
        abas_open_item_id=observed.abas_open_item_id,
        observed_at=observed.observed_at,
    )


def to_customer_referenced(
    customer: ErpObject, fields: CustomerFields, *, observed_at: datetime
) -> CustomerReferenced | None:
    """Say which PayTrace customer id leads to this customer; None when abas knows none.

    Raises: AbasRecordUnreadable when the customer has no number.
    """
    vault_customer_id = read_text(customer.head.get(fields.vault_customer))
    if not vault_customer_id:
        return None
    return CustomerReferenced(
        token=vault_token(vault_customer_id),
        abas_customer_id=required_text(customer, fields.number),
        observed_at=observed_at,
    )


def to_customer_observed(customer: ErpObject, fields: CustomerFields, *, observed_at: datetime) -> ErpCustomerObserved:
    """Say who a customer is, for whoever seals it, and what it is compared by.

    Raises: AbasRecordUnreadable when the customer has no number; GuardKeyMissing when this process has no guard key.
    """

    def text(field: str | None) -> str:
        return "" if field is None else mask_sensitive(read_text(customer.head.get(field)))

    number = required_text(customer, fields.number)
    person = Person(
        name=text(fields.name),
        email=text(fields.email),
        phone=text(fields.phone),
        billing=Address(
            street=text(fields.street),
            postal_code=text(fields.zip_code),
            town=text(fields.town),
            country=text(fields.country),
        ),
        shipping=Address(
            street=text(fields.shipping_street),
            postal_code=text(fields.shipping_zip_code),
            town=text(fields.shipping_town),
            country=text(fields.shipping_country),
        ),
    )
    return ErpCustomerObserved(
        abas_customer_id=number,
        data_subject=f"abas/{number}",
        person=person.values(),
        **person.digests(),
        value_digests=person.value_digests(),
        recorded_vault_customer=mask_reference(text(fields.vault_customer)) or None,
        erp_version=version if isinstance(version := customer.meta.get("version"), int) else None,
        observed_at=observed_at,
        raw=json.dumps({fields.number: number}, sort_keys=True),
    )


def to_order_referenced(order: ErpObject, fields: SalesOrderFields, *, observed_at: datetime) -> CustomerReferenced:
    """Say which customer a sales order's number leads to.

    Raises: AbasRecordUnreadable naming order and field.
    """
    return CustomerReferenced(
        token=order_token(required_text(order, fields.number)),
        abas_customer_id=required_text(order, fields.customer_number),
        observed_at=observed_at,
    )


def to_payment_request_observed(
    payment_request: ErpObject, table: PaymentRequestTable, formats: Formats, *, observed_at: datetime
) -> PaymentRequestObserved:
    """Read a payment request.

    Ensures: a kind or status that no table knows is UNKNOWN with abas' word kept; a card or bank number that somebody
             typed into a text does not pass.
    Raises:  AbasRecordUnreadable naming payment request and field, also for an amount below zero: its direction is the
             kind's.
    """
    fields = table.fields
    currency = currency_of(payment_request, fields.currency)
    amount_minor = minor_of(payment_request, fields.amount, currency, formats)
    parts = tuple(_parts(payment_request, table, currency, formats))
    if amount_minor < 0:
        raise _unreadable(payment_request, fields.amount, "is below zero")
    raw_kind, raw_status = (
        plain_text(_safe_text(payment_request, fields.kind)),
        plain_text(_safe_text(payment_request, fields.status)),
    )
    return PaymentRequestObserved(
        payment_request_id=_record_id(payment_request),
        payment_request_number=required_text(payment_request, fields.number),
        kind=PAYMENT_REQUEST_KINDS.get(_word(raw_kind), PaymentRequestKind.UNKNOWN),
        raw_kind=raw_kind,
        status=PAYMENT_REQUEST_STATUSES.get(_word(raw_status), PaymentRequestStatus.UNKNOWN),
        raw_status=raw_status,
        abas_customer_id=required_text(payment_request, fields.customer_number),
        amount_minor=amount_minor,
        currency=currency,
        paytrace_transaction_id=_safe_text(payment_request, fields.paytrace_transaction_id) or None,
        vault_customer_id=_safe_text(payment_request, fields.vault_customer) or None,
        invoice_number=_safe_text(payment_request, fields.invoice_number) or None,
        allocated_invoices=tuple(number for number, _ in parts),
        allocated_amounts=tuple(minor for _, minor in parts),
        requester=plain_text(_safe_text(payment_request, fields.requester)) or None,
        merchant=_safe_text(payment_request, fields.merchant_account) or None,
        reason=plain_text(_safe_text(payment_request, fields.reason)),
        observed_at=observed_at,
        raw=_safe(fields.reason, to_raw(payment_request)),
    )


def to_contract_observed(
    contract: ErpObject, table: ContractTable, formats: Formats, *, filed: bool, observed_at: datetime
) -> ContractObserved:
    """Read a contract.

    Ensures: a frequency that neither the profile nor we know is UNKNOWN with abas' word kept.
    Raises:  AbasRecordUnreadable naming contract and field, also for an amount below zero or a start that is missing.
    """
    fields = table.fields
    currency = currency_of(contract, fields.currency)
    amount_minor = minor_of(contract, fields.amount, currency, formats)
    if amount_minor < 0:
        raise _unreadable(contract, fields.amount, "is below zero")
    start_on = _optional_date(contract, fields.start_on, formats)
    if start_on is None:
        raise _unreadable(contract, fields.start_on, "holds no day")
    word = plain_text(_safe_text(contract, fields.frequency))
    ours = _word(word).replace(" ", "_").replace("-", "_")
    known = {**{one.value: one for one in RecurrenceFrequency}, **table.frequencies}
    return ContractObserved(
        abas_contract_number=required_text(contract, fields.number),
        vault_customer_id=_safe_text(contract, fields.vault_customer),
        merchant=_safe_text(contract, fields.merchant_account),
        abas_customer_id=required_text(contract, fields.customer_number),
        amount_minor=amount_minor,
        currency=currency,
        frequency=known.get(word, known.get(ours, RecurrenceFrequency.UNKNOWN)),
        raw_frequency=word,
        start_on=start_on,
        ends_on=None if fields.ends_on is None else _optional_date(contract, fields.ends_on, formats),
        is_active=not filed,
        description=plain_text(_safe_text(contract, fields.description)),
        observed_at=observed_at,
        raw=to_raw(contract),
    )


def _parts(
    payment_request: ErpObject, table: PaymentRequestTable, currency: str, formats: Formats
) -> Iterator[tuple[str, int]]:
    """Yield the invoice of each row and what it gets in minor units, below zero too; a row of nothing is left out."""
    if table.rows is None:
        return
    for row in payment_request.rows:
        line = replace(payment_request, head=row)
        number = _safe_text(line, table.rows.invoice_number)
        if number or read_text(row.get(table.rows.amount)):
            yield number, minor_of(line, table.rows.amount, currency, formats)


def _word(text: str) -> str:
    """Return a word as our tables have it; beyond ASCII upper case makes some letters into others, so those stay."""
    return text.upper() if text.isascii() else text


def to_raw(item: ErpObject) -> str:
    """Write the header's values as JSON, keys sorted, numbers as abas wrote them.

    Ensures: the same record gives the same text, whatever dialect or order it came in; a character that no record
             carries is replaced, because a slip in a field that we don't even use must not hold an item back.
    """
    values = {
        name: _plain_number(entry.value) if isinstance(entry.value, Decimal) else entry.value
        for name, entry in item.head.items()
        if entry.value is not None
    }
    return plain_text(json.dumps(values, sort_keys=True, ensure_ascii=False))


def _plain_number(value: Decimal) -> str:
    """Write a number without exponent and trailing zeros; one of absurd size keeps its exponent."""
    if abs(value.adjusted()) > _MAX_PLAIN_DIGITS:
        return str(value)
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_decimal_text(amount_minor: int, currency: str, formats: Formats) -> str:
    """Write minor units as the profile says that abas reads them: 12500 USD is "125.00", or "125,00"; no groups."""
    return to_number_text(Money(amount_minor, currency).major, formats)


def to_date_text(day: date, formats: Formats) -> str:
    """Write a date in the profile's input format."""
    return day.strftime(formats.date_input)


def parse_date(text: str, formats: Formats) -> date:
    """Read a date: ISO first, then the profile's text formats.

    Raises: ValueError when none fits.
    """
    try:
        return datetime.fromisoformat(text).date()  # the day as written: no zone may move a due date
    except ValueError:
        return _parse_text_instant(text, formats).date()


def parse_instant(text: str, formats: Formats) -> datetime:
    """Read a date-time into UTC; one without offset is in the profile's zone.

    Raises: ValueError when no format fits.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _parse_text_instant(text, formats)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(formats.time_zone))
    return moment.astimezone(UTC)


def read_number(entry: ErpField | None, formats: Formats) -> Decimal | None:
    """Read a number, 0 where the field is empty; None where it holds none."""
    value = None if entry is None else entry.value
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal | int):
        return Decimal(value) if Decimal(value).is_finite() else None
    text = read_text(entry)
    try:
        return Decimal(plain_amount(text, formats.decimal_mark)) if text else Decimal(0)
    except (InvalidOperation, ValueError):
        return None


def shows_amount(entry: ErpField | None, amount: Money, formats: Formats) -> bool:
    """Return whether a field shows this amount; the noise of binary arithmetic makes no difference."""
    number = read_number(entry, formats)
    return number is not None and _without_noise(number, amount.currency) == amount.major


def shows_currency(entry: ErpField | None, currency: str) -> bool:
    """Return whether a field shows this currency, as its value or as the text beside a reference."""
    return currency in (_text(entry).upper(), ((entry.text if entry is not None else None) or "").strip().upper())


def is_day(text: str, day: date, formats: Formats) -> bool:
    """Return whether a text shows this day."""
    try:
        return parse_date(text, formats) == day
    except (ValueError, OverflowError):
        return False


def to_number_text(number: Decimal, formats: Formats) -> str:
    """Write a number as the profile says that abas reads it; no groups, no exponent."""
    return format(number, "f").replace(".", formats.decimal_mark or ".")


def _parse_text_instant(text: str, formats: Formats) -> datetime:
    for day_format in formats.date_texts:
        for clock in ("",) if "%H" in day_format else ("", " %H:%M:%S", " %H:%M"):
            try:
                return datetime.strptime(text, day_format + clock)  # noqa: DTZ007 - the zone follows in parse_instant
            except ValueError:
                continue
    raise ValueError(f"{text!r} is neither ISO nor any of {', '.join(formats.date_texts)}")


def _record_id(item: ErpObject) -> str:
    if not item.id or item.id == "(0,0,0)":
        raise AbasRecordUnreadable(f"a record of table {item.table or '?'} came without an id")
    return item.id


def minor_of(item: ErpObject, name: str, currency: str, formats: Formats) -> int:
    """Return an amount in minor units of its currency.

    Raises: AbasRecordUnreadable naming record and field.
    """
    value = _value(item, name)
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise _unreadable(item, name, "holds no number")
    try:
        if isinstance(value, str):
            return from_major(plain_amount(value, formats.decimal_mark), currency).minor
        return from_major(_without_noise(value, currency), currency).minor
    except ValueError as error:
        raise _unreadable(item, name, str(error)) from error


def plain_amount(text: str, decimal_mark: str | None) -> str:
    """Write an amount that came as text with a point and without groups.

    Ensures: without a known mark only what can be read in one way is read: 1.250 is either, 1.250,00 is not.
    Raises:  ValueError for a text that has both readings, or a mark in the wrong place.
    """
    compact = text.strip().replace("\u00a0", "").replace(" ", "").replace("'", "")
    marks = [character for character in compact if character in ".,"]
    if decimal_mark is None:
        if not marks:
            return compact
        last = marks[-1]
        grouped = _GROUPED.fullmatch(compact) is not None
        if grouped and len(marks) == 1:
            raise ValueError(f"amount {compact[:40]!r} can be read in two ways: set formats.decimal_mark")
        decimal_mark = {".": ",", ",": "."}[last] if grouped and len(set(marks)) == 1 else last
    group = "," if decimal_mark == "." else "."
    whole, mark, rest = compact.partition(decimal_mark)
    if group in rest or decimal_mark in rest or (group in whole and _GROUPED.fullmatch(whole) is None):
        raise ValueError(f"amount {compact[:40]!r} has its separators in the wrong place")
    return whole.replace(group, "") + ("." if mark else "") + rest


def _without_noise(value: Decimal | int, currency: str) -> Decimal | int:
    """Take the noise of binary arithmetic off a number: 0.30000000000000004 is 0.30, 0.305 stays what it is."""
    if not isinstance(value, Decimal) or not value.is_finite() or len(value.as_tuple().digits) <= _DOUBLE_DIGITS:
        return value
    if abs(value.adjusted()) > _MAX_PLAIN_DIGITS:
        return value
    try:
        near = round(value, exponent(currency))
    except InvalidOperation:  # more digits than arithmetic keeps
        return value
    return near if abs(value - near) <= _NOISE else value


def currency_of(item: ErpObject, name: str) -> str:
    """Read a currency: its three letters are the value, or the text beside a reference."""
    entry = item.head.get(name)
    shown = (_text(entry), ((entry.text if entry is not None else None) or "").strip())
    for text in shown:
        if _CURRENCY.fullmatch(text):
            return text.upper()
    raise _unreadable(item, name, "is no three-letter currency" if any(shown) else "is missing or empty")


def _optional_date(item: ErpObject, name: str, formats: Formats) -> date | None:
    entry = item.head.get(name)
    text = read_text(entry)
    if not text:
        return None
    try:
        return parse_date(text, formats)
    except (ValueError, OverflowError) as error:
        raise _unreadable(item, name, str(error)) from error


def read_instant(item: ErpObject, name: str, formats: Formats) -> datetime:
    """Read an instant into UTC.

    Raises: AbasRecordUnreadable naming record and field.
    """
    text = read_text(item.head.get(name))
    if not text:
        raise _unreadable(item, name, "is missing or empty")
    try:
        return parse_instant(text, formats)
    except (ValueError, OverflowError) as error:
        raise _unreadable(item, name, str(error)) from error


def required_text(item: ErpObject, name: str) -> str:
    """Return a text that must be there.

    Raises: AbasRecordUnreadable naming record and field.
    """
    text = read_text(item.head.get(name)) or (item.id if name == "id" else "")
    if not text:
        raise _unreadable(item, name, "is missing or empty")
    return text


def _value(item: ErpObject, name: str) -> object:
    entry = item.head.get(name)
    if entry is None or entry.value is None:
        raise _unreadable(item, name, "is missing or empty")
    return entry.value


def _text(entry: ErpField | None) -> str:
    if entry is None or entry.value is None or isinstance(entry.value, bool):
        return ""
    return str(entry.value).strip()


def read_text(entry: ErpField | None) -> str:
    """Read a field's value, or its text where abas leaves the value out; an empty reference is no text."""
    if entry is None:
        return ""
    text = _text(entry) if entry.value is not None else (entry.text or "").strip()
    return "" if text == "(0,0,0)" else text


def _safe_text(item: ErpObject, name: str | None) -> str:
    """Return a text that a person typed; empty when the profile has no such field."""
    return "" if name is None else _safe(name, _text(item.head.get(name)))


def _safe(name: str, text: str) -> str:
    masked = mask_sensitive(text)
    found = find_sensitive(name, masked)
    return masked if found is None else f"[withheld: {found.kind}]"


def _unreadable(item: ErpObject, name: str, why: str) -> AbasRecordUnreadable:
    return AbasRecordUnreadable(f"record {item.id or '?'} of table {item.table or '?'}: field {name} {why}")
