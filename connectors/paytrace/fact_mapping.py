"""Turns settlement batches, vault customers and schedules into our records; every foreign word stands in a table here.

Decides what identifies a batch (merchant, number and settle date, because numbers begin again after 999) and whether
its statement can be believed: it is compared with the transactions that PayTrace lists for it, and a difference is
reported in the record and never hidden. Who a customer is stands in one text, for sealing. Pure.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.common.address import Address
from connectors.common.person import Person
from connectors.paytrace import cells, wire
from connectors.paytrace.errors import UnreadableRow
from connectors.paytrace.mapping import CUSTOMER_NAMES, to_transaction_observed
from connectors.paytrace.readings import to_date, to_instant, to_minor
from connectors.paytrace.words import plain
from schemas.checks.plausibility import plain_text
from schemas.checks.sensitive import keyed_digest, mask_reference
from schemas.records.customers import VaultCustomerObserved
from schemas.records.payments import ObservedBy, PaymentMethod, TransactionKind, TransactionObserved
from schemas.records.settlement import SettlementBatchObserved
from schemas.records.subscriptions import RecurrenceFrequency, RecurrenceObserved, RecurrenceStatus

# frequency of a schedule: the legacy table, which the JSON APIs share.
FREQUENCIES: Final[Mapping[str, RecurrenceFrequency]] = {
    "1": RecurrenceFrequency.YEARLY,
    "8": RecurrenceFrequency.EVERY_SIX_MONTHS,
    "A": RecurrenceFrequency.EVERY_FOUR_MONTHS,  # "trimesterly"
    "2": RecurrenceFrequency.QUARTERLY,
    "9": RecurrenceFrequency.EVERY_TWO_MONTHS,  # "bi-monthly"
    "3": RecurrenceFrequency.MONTHLY,
    "4": RecurrenceFrequency.EVERY_TWO_WEEKS,
    "7": RecurrenceFrequency.FIRST_AND_FIFTEENTH,
    "5": RecurrenceFrequency.WEEKLY,
    "6": RecurrenceFrequency.DAILY,
}
RECURRENCE_KINDS: Final[Mapping[str, TransactionKind]] = {
    "SALE": TransactionKind.SALE,
    "AUTHORIZATION": TransactionKind.AUTHORIZATION,
}
# type of a schedule; an empty one charges the card, as the reference says.
RECURRENCE_METHODS: Final[Mapping[str, PaymentMethod]] = {
    "C": PaymentMethod.CARD,
    "": PaymentMethod.CARD,
    "A": PaymentMethod.ACH,
}
NO_END: Final = 999

# The JSON of batch exports is not published: the first name that is there with a value wins.
BATCH_NUMBER_NAMES: Final = ("batch_number", "number")
BATCH_SETTLED_NAMES: Final = ("settled", "settled_at", "settled_date", "when")
# Names under which a customer's bank account may come. Whether one has a value is all that is ever looked at.
BANK_NAMES: Final = ("check", "bank_account", "account_number", "direct_deposit_account", "DDA", "dda")
# The vault says street_address, sales say street; v1 says zip, v3 postal_code.
STREET_NAMES: Final = (("street_address", "street"), ("street_address2", "street2"))
POSTAL_CODE_NAMES: Final = ("zip", "postal_code")
RECURRENCE_ID_NAMES: Final = ("id", "recurrence_id")
# No published customer export names a brand or a fingerprint; these are read where one does.
BRAND_NAMES: Final = ("brand", "card_brand", "card_type")
FINGERPRINT_NAMES: Final = ("fingerprint", "card_fingerprint")
BRANDS: Final[Mapping[str, str]] = {"americanexpress": "amex", "mc": "mastercard", "dinersclub": "diners"}
BRANDS_BY_FIRST: Final = tuple(
    (re.compile(first, re.ASCII), brand)
    for first, brand in (
        ("4", "visa"), ("5[1-5]|2[2-7]", "mastercard"), ("3[47]", "amex"), ("6", "discover"), ("35", "jcb"),
        ("3[068]", "diners"),
    )
)  # fmt: skip
_LETTER: Final = re.compile(r"[^A-Za-z]")
_LONGEST_BRAND = 20

_BATCH_NUMBER: Final = re.compile(r"(?:GB)?(\d{1,9})", re.ASCII | re.IGNORECASE)
_COUNT: Final = re.compile(r"\d{1,9}", re.ASCII)
_RAW_BATCH: Final = (
    *BATCH_NUMBER_NAMES, *BATCH_SETTLED_NAMES, "merchant_id", "transaction_count", "net_amount",
    "sales_count", "sales_amount", "refund_count", "refund_amount",
)  # fmt: skip
_RAW_CUSTOMER: Final = ("customer_id", "customer_label", "id", "merchant_id")
_RAW_RECURRENCE: Final = (
    *RECURRENCE_ID_NAMES, *CUSTOMER_NAMES, "merchant_id", "amount", "next", "total_count", "current_count",
    "frequency", "transaction_type", "type", "description",
)  # fmt: skip
# A batch that closes around midnight may show its transactions on the day beside its own.
_DAYS_APART: Final = 1
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The merchant account that rows belong to, and how its texts are read; see PayTraceSettings."""

    merchant: str
    zone: ZoneInfo
    currency: str = "USD"
    fold: int = 0


@dataclass(frozen=True, slots=True)
class BatchName:
    """What tells one settlement batch from every other of the same merchant."""

    number: int
    settled_at: datetime
    settled_on: date
    raw_settled: str


def is_pending(row: Mapping[str, Any]) -> bool:
    """Return whether a batch has not settled yet: it has no identity before, and is reported once it has."""
    return not cells.text(row, cells.present(row, BATCH_SETTLED_NAMES)).strip()


def to_batch_name(row: Mapping[str, Any], account: Account) -> BatchName:
    """Read number and settle date; raises UnreadableRow naming the field."""
    number_name, settled_name = cells.present(row, BATCH_NUMBER_NAMES), cells.present(row, BATCH_SETTLED_NAMES)
    number = _BATCH_NUMBER.fullmatch(cells.text(row, number_name).strip())
    if number is None or int(number[1]) == 0:
        raise UnreadableRow(number_name, "expected a batch number")
    raw_settled = cells.text(row, settled_name)
    settled_at = to_instant(settled_name, raw_settled, account.zone, fold=account.fold)
    return BatchName(int(number[1]), settled_at, settled_at.astimezone(account.zone).date(), raw_settled)


def to_batch_observed(
    row: Mapping[str, Any],
    listed: Sequence[Mapping[str, Any]] | None,
    account: Account,
    *,
    observed_at: datetime,
    not_listed: str = "its transactions could not be read",
) -> SettlementBatchObserved:
    """Turn one row of a batch export (wire.BatchRow) into a record, compared with the batch's transactions.

    Shapes:  listed are the rows (wire.TransactionRow) that PayTrace gives for this batch number, None when it gave
             none to look at, for the reason not_listed. Rows of another settle date belong to another batch of the
             same number and are left aside.
    Units:   *_minor in cents; listed sales count up and refunds down.
    Ensures: is_consistent is True only when every stated sum and count agrees with the others and with the list;
             False as soon as two disagree; None when nothing disagrees and not everything could be compared.
    Raises:  UnreadableRow when number, settle date or an amount of the statement can't be read.
    """
    name = to_batch_name(row, account)
    net_minor = to_minor("net_amount", row.get("net_amount"))
    sales_minor = _optional_minor(row, "sales_amount")
    refund_minor = _optional_minor(row, "refund_amount")
    refund_minor = None if refund_minor is None else abs(refund_minor)
    counts = {part: _optional_count(row, f"{part}_count") for part in ("transaction", "sales", "refund")}
    disagreements = _within(net_minor, sales_minor, refund_minor, counts)
    found = _of_batch(listed, name, account, observed_at, not_listed)
    if found.net_minor is not None and found.net_minor != net_minor:
        disagreements.append(f"net {net_minor} stated, {found.net_minor} listed")
    if None not in (found.count, counts["transaction"]) and found.count != counts["transaction"]:
        disagreements.append(f"{counts['transaction']} transactions stated, {found.count} listed")
    is_consistent = False if disagreements else None if found.incomparable else True
    return SettlementBatchObserved(
        settlement_account=f"{account.merchant}/{account.currency}",
        batch_id=f"{account.merchant}/{name.number}/{name.settled_on.isoformat()}",
        merchant=account.merchant,
        batch_number=name.number,
        settled_on=name.settled_on,
        settled_at=name.settled_at,
        raw_settled=name.raw_settled,
        net_minor=net_minor,
        sales_minor=sales_minor,
        refund_minor=refund_minor,
        currency=account.currency,
        transaction_count=counts["transaction"],
        sales_count=counts["sales"],
        refund_count=counts["refund"],
        listed_net_minor=found.net_minor,
        listed_count=found.count,
        is_consistent=is_consistent,
        mismatch="; ".join([*disagreements, *found.incomparable]),
        observed_at=observed_at,
        raw=_raw(row, _RAW_BATCH),
    )


def to_vault_customer_observed(
    row: Mapping[str, Any], account: Account, *, observed_at: datetime
) -> VaultCustomerObserved:
    """Turn one row of a customer export (wire.CustomerRow, v1 or v3) into a record.

    Ensures: names, addresses, mail and phones are in `person` alone, which whoever publishes the record seals; bank
             numbers are not read; an expiry or time that can't be read is None with its text kept.
    Raises:  UnreadableRow when there is no usable customer id; GuardKeyMissing when this process has no guard key.
    """
    vault_customer_id = mask_reference(cells.chosen_key(row, CUSTOMER_NAMES, "a customer id"))
    labelled = cells.present(row, CUSTOMER_NAMES) == "customer_label"
    card = row.get("credit_card")
    card = card if isinstance(card, Mapping) else {}
    month, year = (cells.text_or_empty(card, f"expiration_{part}").strip() for part in ("month", "year"))
    last_four = cells.last_four(row)
    created = row.get("created")
    raw_created = cells.text_or_empty(created if isinstance(created, Mapping) else row, _created_name(created))
    person = to_person(row)
    return VaultCustomerObserved(
        vault_customer_id=vault_customer_id,
        merchant=account.merchant,
        gateway_customer_id=cells.optional(row, ("customer_id",)) if labelled else None,
        is_gone=False,
        has_card=last_four is not None,
        card_brand=_brand(row) if last_four is not None else None,
        card_last_four=last_four,
        card_expires_on=_last_day(month, year),
        raw_card_expiry=f"{month}/{year}" if month or year else "",
        card_fingerprint=_fingerprint(row),
        has_bank_account=_has_bank_account(row),
        data_subject=f"paytrace/{account.merchant}/{vault_customer_id}",
        person=person.values(),
        **person.digests(),
        value_digests=person.value_digests(),
        created_at=_instant_or_none(raw_created, account),
        raw_created=raw_created,
        observed_at=observed_at,
        raw=_raw(row, _RAW_CUSTOMER, card=True, created=raw_created),
    )


def to_vault_customer_gone(vault_customer_id: str, account: Account, *, observed_at: datetime) -> VaultCustomerObserved:
    """Say that a vault customer is no longer there: nothing can be charged, and nothing is known of who it is."""
    return VaultCustomerObserved(
        vault_customer_id=vault_customer_id,
        merchant=account.merchant,
        is_gone=True,
        has_card=False,
        raw_card_expiry="",
        has_bank_account=False,
        data_subject=f"paytrace/{account.merchant}/{vault_customer_id}",
        person={},
        value_digests={},
        raw_created="",
        observed_at=observed_at,
        raw="{}",
    )


def _brand(row: Mapping[str, Any]) -> str | None:
    """Return the brand of the stored card: as named, else by the digits that a mask left at its beginning."""
    card = row.get("credit_card")
    card = card if isinstance(card, Mapping) else {}
    named = _LETTER.sub("", next((cells.text_or_empty(one, name) for one in (card, row) for name in BRAND_NAMES
                                  if one.get(name)), "")).lower()  # fmt: skip
    if named:
        return BRANDS.get(named, named[:_LONGEST_BRAND])
    masked = cells.text_or_empty(card, "masked_number") or cells.text_or_empty(
        row, cells.present(row, ("masked_card_number", "card_masked"))
    )
    return next((brand for first, brand in BRANDS_BY_FIRST if first.match(masked)), None)


def _fingerprint(row: Mapping[str, Any]) -> str | None:
    """Return a digest of what the gateway gives equal cards in common, where it gives such a thing."""
    card = row.get("credit_card")
    card = card if isinstance(card, Mapping) else {}
    given = next((cells.text_or_empty(one, name).strip() for one in (card, row) for name in FINGERPRINT_NAMES
                  if one.get(name)), "")  # fmt: skip
    return keyed_digest("card fingerprint", given) if given else None


def to_person(row: Mapping[str, Any]) -> Person:
    """Return who a row of a customer export says that it is."""
    billing, shipping = (_address(row.get(f"{kind}_address")) for kind in ("billing", "shipping"))
    given = row.get("billing_address")
    named = given if isinstance(given, Mapping) else {}
    return Person(
        name=cells.text_or_empty(named, "name").strip(),
        company=cells.text_or_empty(named, "company").strip(),
        email=cells.text_or_empty(row, "email").strip(),
        phone=cells.text_or_empty(row, "phone").strip(),
        billing=billing,
        shipping=shipping,
    )


def _address(given: Any) -> Address:
    """Read the address of a vault customer, whichever of its API versions named the parts."""
    if not isinstance(given, Mapping):
        return Address()
    lines = (cells.text_or_empty(given, cells.present(given, names)).strip() for names in STREET_NAMES)
    return Address(
        street=" ".join(line for line in lines if line),
        postal_code=cells.text_or_empty(given, cells.present(given, POSTAL_CODE_NAMES)).strip(),
        town=cells.text_or_empty(given, "city").strip(),
        region=cells.text_or_empty(given, "state").strip(),
        country=cells.text_or_empty(given, "country").strip(),
    )


def to_recurrence_observed(row: Mapping[str, Any], account: Account, *, observed_at: datetime) -> RecurrenceObserved:
    """Turn one schedule (wire.RecurrenceRow) into a record.

    Ensures: a frequency, kind, method or count that no table knows is UNKNOWN or None with its text kept;
             COMPLETED only when the counts say so.
    Raises:  UnreadableRow when id, customer or amount can't be read.
    """
    nested = row.get("recurrence")
    if isinstance(nested, Mapping):
        # As the create call nests it.
        row = {**row, **nested}
    raw_kind, raw_method = cells.text(row, "transaction_type"), cells.text(row, "type")
    raw_frequency, raw_next = cells.text(row, "frequency"), cells.text(row, "next")
    raw_total, raw_current = cells.text(row, "total_count").strip(), cells.text(row, "current_count").strip()
    amount_minor = to_minor("amount", row.get("amount"))
    if amount_minor < 0:
        raise UnreadableRow("amount", "negative: a schedule only charges")
    return RecurrenceObserved(
        vault_customer_id=mask_reference(cells.chosen_key(row, CUSTOMER_NAMES, "a customer id")),
        recurrence_id=cells.identity(row, RECURRENCE_ID_NAMES, "a recurrence id"),
        merchant=account.merchant,
        status=read_recurrence_status(raw_current, raw_total),
        raw_status=f"{raw_current}/{raw_total}",
        kind=RECURRENCE_KINDS.get(plain(raw_kind), TransactionKind.UNKNOWN),
        raw_kind=raw_kind,
        method=RECURRENCE_METHODS.get(plain(raw_method), PaymentMethod.UNKNOWN),
        raw_method=raw_method,
        amount_minor=amount_minor,
        currency=account.currency,
        frequency=FREQUENCIES.get(plain(raw_frequency), RecurrenceFrequency.UNKNOWN),
        raw_frequency=raw_frequency,
        next_on=_day_or_none(raw_next),
        raw_next=raw_next,
        planned_count=None if (planned := _count_or_none(raw_total)) == NO_END else planned,
        charged_count=_count_or_none(raw_current),
        description=cells.text(row, "description"),
        observed_at=observed_at,
        raw=_raw(row, _RAW_RECURRENCE),
    )


def read_recurrence_status(current: str, total: str) -> RecurrenceStatus:
    """Say whether a schedule still charges: its count is below its total, or it has no end (999)."""
    charged, planned = _count_or_none(current), _count_or_none(total)
    if planned == NO_END:
        return RecurrenceStatus.ACTIVE
    if charged is None or planned is None:
        return RecurrenceStatus.UNKNOWN
    return RecurrenceStatus.ACTIVE if charged < planned else RecurrenceStatus.COMPLETED


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the list of a batch's transactions adds up to, and why it may not be all there is to compare."""

    net_minor: int | None
    count: int | None
    incomparable: tuple[str, ...] = ()


def _of_batch(
    listed: Sequence[Mapping[str, Any]] | None,
    name: BatchName,
    account: Account,
    observed_at: datetime,
    not_listed: str,
) -> _Listed:
    if listed is None:
        return _Listed(None, None, (not_listed,))
    read = [_transaction(row, account, observed_at) for row in listed]
    mine = [(identity, seen) for identity, seen in read if _is_of(seen, name, account)]
    if read and not mine:
        return _Listed(None, None, (f"the list of number {name.number} shows another batch",))
    net_minor, unclear = 0, []
    for identity, seen in mine:
        sign = 0 if seen is None else _SIGNS.get(seen.kind, 0)
        if seen is None or not sign or seen.settled_at is None or seen.raw_amount is not None:
            unclear.append(identity)
        else:
            net_minor += sign * seen.amount_minor
    if unclear:
        shown = ", ".join(unclear[:_SHOWN]) + (", ..." if len(unclear) > _SHOWN else "")
        return _Listed(None, len(mine), (f"kind, amount or settle date unclear of {shown}",))
    return _Listed(net_minor, len(mine))


# A capture shows as the authorization that it completes.
_SIGNS: Final[Mapping[TransactionKind, int]] = {
    TransactionKind.SALE: 1,
    TransactionKind.AUTHORIZATION: 1,
    TransactionKind.REFUND: -1,
}


def _transaction(
    row: Mapping[str, Any], account: Account, observed_at: datetime
) -> tuple[str, TransactionObserved | None]:
    try:
        seen = to_transaction_observed(
            row,
            merchant=account.merchant,
            zone=account.zone,
            observed_at=observed_at,
            observed_by=ObservedBy.POLL,
            currency=account.currency,
            fold=account.fold,
        )
    except UnreadableRow:
        return "a transaction without id", None
    return seen.paytrace_transaction_id, seen


def _is_of(seen: TransactionObserved | None, name: BatchName, account: Account) -> bool:
    """Return whether a listed transaction belongs to this batch and not to another one of the same number."""
    if seen is None or seen.settled_at is None:
        return True
    return abs((seen.settled_at.astimezone(account.zone).date() - name.settled_on).days) <= _DAYS_APART


def _within(
    net_minor: int, sales_minor: int | None, refund_minor: int | None, counts: Mapping[str, int | None]
) -> list[str]:
    """Return where a statement disagrees with itself."""
    found: list[str] = []
    if sales_minor is not None and refund_minor is not None and sales_minor - refund_minor != net_minor:
        found.append(f"net {net_minor} stated, sales {sales_minor} less refunds {refund_minor}")
    total, sales, refunds = counts["transaction"], counts["sales"], counts["refund"]
    if total is not None and sales is not None and refunds is not None and sales + refunds != total:
        found.append(f"{total} transactions stated, {sales} sales and {refunds} refunds")
    return found


def _optional_minor(row: Mapping[str, Any], name: str) -> int | None:
    return None if row.get(name) in (None, "") else to_minor(name, row.get(name))


def _optional_count(row: Mapping[str, Any], name: str) -> int | None:
    given = cells.text(row, name).strip()
    if not given:
        return None
    count = _count_or_none(given)
    if count is None:
        raise UnreadableRow(name, "expected a count")
    return count


def _count_or_none(given: str) -> int | None:
    return int(given) if _COUNT.fullmatch(given) else None


def _created_name(created: object) -> str:
    return "at" if isinstance(created, Mapping) else "created"


def _instant_or_none(given: str, account: Account) -> datetime | None:
    try:
        return to_instant("created", given, account.zone, fold=account.fold)
    except UnreadableRow:
        return None


def _day_or_none(given: str) -> date | None:
    try:
        return to_date("next", given)
    except UnreadableRow:
        return None


def _last_day(month: str, year: str) -> date | None:
    """Return the day until which a card of this expiry is good; two-digit years are of this century."""
    if not (_COUNT.fullmatch(month) and _COUNT.fullmatch(year) and len(year) in (2, 4) and 1 <= int(month) <= 12):
        return None
    full_year = int(year) + (2000 if len(year) == 2 else 0)
    if full_year < 1900:
        return None
    return date(full_year, int(month), calendar.monthrange(full_year, int(month))[1])


def _has_bank_account(row: Mapping[str, Any]) -> bool | None:
    reported = [row[name] for name in BANK_NAMES if name in row]
    if not reported:
        return None
    return any(any(value.values()) if isinstance(value, Mapping) else bool(value) for value in reported)


def _raw(row: Mapping[str, Any], names: Sequence[str], *, card: bool = False, created: str = "") -> str:
    """Return the named fields as JSON, masked; of a card its last four digits and expiry, of an account nothing."""
    kept: dict[str, Any] = {
        name: cells.safe_value(row[name]) for name in names if name in row and cells.is_scalar(row[name])
    }
    last_four = cells.last_four(row) if card else None
    if last_four is not None:
        whole = row.get("credit_card")
        kept["credit_card"] = {"masked_number": f"************{last_four}"} | {
            name: cells.safe_value(value)
            for name, value in (whole.items() if isinstance(whole, Mapping) else ())
            if name in ("expiration_month", "expiration_year") and cells.is_scalar(value)
        }
    if created:
        kept["created"] = created
    # Whatever stands in a field that only raw keeps, the fact is reported: JSON escapes some control characters, not
    # all.
    return plain_text(wire.encode(dict(sorted(kept.items()))).decode())
