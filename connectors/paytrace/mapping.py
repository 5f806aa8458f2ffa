"""Turns what PayTrace says into our records; every foreign kind, status and code stands in a table here.

Decides, for everyone downstream, what counts as money: only an explicit yes does. A word that no table knows
becomes UNKNOWN with the raw text kept, and a row that cannot be read in full becomes an UNKNOWN sighting of its
transaction, so nothing is thrown away and nothing unproven is booked. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.paytrace import cells, wire
from connectors.paytrace.errors import UnreadableRow
from connectors.paytrace.readings import to_day, to_instant, to_minor
from schemas.business_day import business_day
from schemas.records.payments import (
    ObservedBy,
    PaymentMethod,
    TransactionKind,
    TransactionObserved,
    TransactionStatus,
)
from schemas.sensitive import mask_card_numbers

# transaction_type of the v1 card export. VOID and STR/FWD do not say what the transaction was before.
CARD_KINDS: Final[Mapping[str, TransactionKind]] = {
    "SALE": TransactionKind.SALE,
    "FORCE": TransactionKind.SALE,
    "AUTHORIZATION": TransactionKind.AUTHORIZATION,
    "CAPTURE": TransactionKind.AUTHORIZATION,
    "REFUND": TransactionKind.REFUND,
    "STR/FWD": TransactionKind.UNKNOWN,
    "VOID": TransactionKind.UNKNOWN,
}

# The status enum of the v3 ACH list; also assumed for the v1 check export.
ACH_STATUSES: Final[Mapping[str, TransactionStatus]] = {
    "INITIATED": TransactionStatus.ACH_PENDING,
    "VERIFYING": TransactionStatus.ACH_PENDING,
    "ACCEPTED": TransactionStatus.ACH_PENDING,
    "ORIGINATED": TransactionStatus.ACH_PENDING,
    "SETTLED": TransactionStatus.ACH_CLEARED,
    # Read as funded, as the reference reads it; how much of it is documented nowhere, raw keeps what was said.
    "PARTIALLY_SETTLED": TransactionStatus.ACH_CLEARED,
    "RETURNED": TransactionStatus.ACH_RETURNED,
    "VOIDED": TransactionStatus.VOIDED,
    "DECLINED": TransactionStatus.ACH_FAILED,
    "NSF_DECLINED": TransactionStatus.ACH_FAILED,
    "REJECTED": TransactionStatus.ACH_FAILED,
    "FAILED": TransactionStatus.ACH_FAILED,
    "ERROR": TransactionStatus.ACH_FAILED,
    "TECHNICAL_ERROR": TransactionStatus.ACH_FAILED,
}


class Meaning(StrEnum):
    """What a response code of a command says about what happened."""

    APPROVED = "APPROVED"
    VOIDED_BY_RULE = "VOIDED_BY_RULE"
    DECLINED = "DECLINED"
    DONE = "DONE"
    NOT_DONE = "NOT_DONE"
    ACH_ACCEPTED = "ACH_ACCEPTED"
    STORED = "STORED"
    TEST = "TEST"
    ERRORS = "ERRORS"
    UNKNOWN = "UNKNOWN"


# Response codes of v1, shared as numbers by v3. Everything that is not here is UNKNOWN and proves nothing.
RESPONSE_CODES: Final[Mapping[int, Meaning]] = {
    1: Meaning.ERRORS,
    100: Meaning.DONE,  # password updated
    101: Meaning.APPROVED,  # sale or authorization
    102: Meaning.DECLINED,
    103: Meaning.VOIDED_BY_RULE,  # approved, then voided for AVS or CSC; comes with success: true
    104: Meaning.TEST,
    105: Meaning.TEST,
    106: Meaning.DONE,  # refunded
    107: Meaning.NOT_DONE,
    108: Meaning.TEST,
    109: Meaning.DONE,  # voided
    110: Meaning.NOT_DONE,
    111: Meaning.TEST,
    112: Meaning.DONE,  # captured
    113: Meaning.NOT_DONE,
    114: Meaning.TEST,
    115: Meaning.APPROVED,  # forced sale
    116: Meaning.DECLINED,
    117: Meaning.TEST,
    118: Meaning.STORED,  # store and forward: no money yet
    120: Meaning.ACH_ACCEPTED,  # accepted, not collected
    121: Meaning.TEST,
    122: Meaning.DONE,  # check refunded
    123: Meaning.TEST,
    124: Meaning.DONE,  # check funded or voided
    125: Meaning.NOT_DONE,
    149: Meaning.DONE,  # receipt e-mailed
    150: Meaning.DONE,  # recurrence created
    151: Meaning.DONE,  # recurrence updated
    152: Meaning.DONE,  # recurrence deleted
    155: Meaning.DONE,  # recurrences exported
    160: Meaning.DONE,  # customer created
    161: Meaning.DONE,  # customer updated
    162: Meaning.DONE,  # customer deleted
    167: Meaning.NOT_DONE,
    170: Meaning.DONE,  # level 3 data added
    171: Meaning.DONE,
    172: Meaning.DONE,  # signature attached
    175: Meaning.DONE,  # settlement initiated
    180: Meaning.DONE,  # amount adjusted
}

# Names under which the v3 ACH list may carry what we need; the first one present wins. Only the first of
# id, status and amount has been seen in client code, the others are guesses kept in one place.
ACH_ID_NAMES: Final = ("transaction_id", "ach_transaction_id", "id")
ACH_STATUS_NAMES: Final = ("transaction_status", "status")
ACH_AMOUNT_NAMES: Final = ("amount", "transaction_amount", "reversible_amount")
ACH_CREATED_NAMES: Final = (
    "created",
    "created_at",
    "created_date",
    "date_created",
    "transaction_date",
    "initiated_at",
    "processed_date",
    "processed_at",
    "processed",
    "effective_date",
    "timestamp",
    "date",
)
ACH_SETTLED_NAMES: Final = ("settled", "settled_at", "settled_date", "settlement_date", "date_settled")
# No document shows a return date; if the list carries one, it is read.
ACH_RETURNED_NAMES: Final = ("returned", "returned_at", "returned_date", "return_date", "date_returned")
ACH_RETURN_NAMES: Final = ("return_code", "return_reason_code", "reason_code", "return_reason")
# With partial approval switched on, the approved amount is what was charged; the last two are read by a v3 client.
CARD_AMOUNT_NAMES: Final = ("approved_amount", "amount", "settle_amount", "requested_amount")
# v3 numbers customers itself and calls our own key their label.
CUSTOMER_NAMES: Final = ("customer_label", "customer_id")
ACH_INVOICE_NAMES: Final = ("invoice_number", "invoice_id")
ACH_KIND_NAMES: Final = ("transaction_type", "type")

# "GB or Settled, and the batch number will be appended", as the vendor's record schema is quoted.
_BATCH: Final = re.compile(r"(?:GB|SETTLED) ?(\d{1,9})", re.ASCII)
_BATCH_IN_TEXT: Final = re.compile(r"\bGB ?(\d{1,9})\b", re.ASCII)
_RETURN_CODE: Final = re.compile(r"\bR\d{2}\b")
_RULE_WORDS: Final = re.compile(r"\b(?:AVS|CSC|CVV)\b")
_BEGINNING: Final = re.compile(r"creat|process|initiat|submit|date|time", re.IGNORECASE)
_LATER: Final = re.compile(r"settle|return|update|modif|void|expir", re.IGNORECASE)
CHECK_PREFIX: Final = "check-"

# Fields of a row whose content raw keeps; names, addresses, mail, phones and bank numbers are not among them.
_RAW_FIELDS: Final = frozenset(
    {
        "transaction_id", "ach_transaction_id", "check_transaction_id", "id", "merchant_id",
        "transaction_type", "type", "description", "amount", "tax_amount", "approved_amount",
        "transaction_amount", "reversible_amount", "settle_amount", "requested_amount", "surcharge_amount",
        "invoice_id", "invoice_number",
        "customer_reference_id", "customer_id", "customer_label", "approval_code", "approval_message",
        "avs_response", "csc_response", "status_code", "status_message", "response_code", "status",
        "transaction_status", "settled", "settled_at", "settled_date", "batch_number", "std_entry_class",
        "entry_method", "idempotency_key", "external_transaction_id", "return_code", "return_reason",
        "return_reason_code", "created_at", "created_date", "transaction_date", "processed_at",
        "processed_date", "effective_date", "date", "timestamp", *ACH_RETURNED_NAMES,
    }
)  # fmt: skip
_RAW_CREATED_FIELDS: Final = ("through", "at")
_RAW_ADDRESS_FIELDS: Final = ("zip", "postal_code", "country")


@dataclass(frozen=True, slots=True)
class CardReading:
    """Our reading of one status of the card export."""

    status: TransactionStatus
    batch_number: int | None = None


def to_response_code(code: object) -> int | None:
    """A response code as a number, whether it came as one or as a text; None when it is none."""
    if isinstance(code, str) and code.strip().isdecimal() and len(code) < 10:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def read_response_code(code: object) -> Meaning:
    """Say what a response code means; anything that no table knows is UNKNOWN and never good news."""
    number = to_response_code(code)
    return Meaning.UNKNOWN if number is None else RESPONSE_CODES.get(number, Meaning.UNKNOWN)


def read_card_status(*, code: str, message: str, kind: str, approval_code: str, response_code: str = "") -> CardReading:
    """Read the status of a row of the card export; the code N needs its message and approval code.

    Ensures: PENDING_SETTLEMENT and SETTLED only on an explicit yes (Y, or GB and a batch number, or the word
             SETTLED), and Y only with an approval code where PayTrace gives one; AUTHORIZED is no money;
             anything else is UNKNOWN.
    Source:  docs/paytrace.md, table of statuses.
    """
    code, message, kind = code.strip().upper(), message.strip().upper(), kind.strip().upper()
    if read_response_code(response_code) is Meaning.VOIDED_BY_RULE:
        return CardReading(TransactionStatus.VOIDED_BY_RULE)
    batch = _BATCH.fullmatch(code) or _BATCH.fullmatch(message)
    if batch is not None:
        return CardReading(TransactionStatus.SETTLED, int(batch[1]))
    if len(code) > 1 and not message:
        message = code
    if re.search(r"(?<!NOT )\bSETTLED\b", f"{code} {message}"):
        named = _BATCH_IN_TEXT.search(f"{code} {message}")
        return CardReading(TransactionStatus.SETTLED, int(named[1]) if named else None)
    if code not in {"Y", "N", "", message}:
        return CardReading(TransactionStatus.UNKNOWN)
    approved = bool(approval_code.strip())
    asks_approval = CARD_KINDS.get(kind) in {TransactionKind.SALE, TransactionKind.AUTHORIZATION}
    if code == "Y":
        explicit = "PEND" in message or message in {"", "Y"}
        if explicit and (approved or not asks_approval):
            return CardReading(TransactionStatus.PENDING_SETTLEMENT)
        return CardReading(TransactionStatus.UNKNOWN)
    return CardReading(_read_no(code, message, kind, approved=approved, asks_approval=asks_approval))


def _read_no(code: str, message: str, kind: str, *, approved: bool, asks_approval: bool) -> TransactionStatus:
    if "VOID" in message or kind == "VOID":
        by_rule = _RULE_WORDS.search(message) is not None
        return TransactionStatus.VOIDED_BY_RULE if by_rule else TransactionStatus.VOIDED
    if "DECL" in message:
        return TransactionStatus.DECLINED
    if asks_approval and not approved and code == "N":
        return TransactionStatus.DECLINED
    if "AUTH" in message and approved:
        return TransactionStatus.AUTHORIZED
    if code != "N" and "PEND" in message and (approved or not asks_approval):
        return TransactionStatus.PENDING_SETTLEMENT
    return TransactionStatus.UNKNOWN


def to_transaction_observed(
    row: Mapping[str, Any],
    *,
    merchant: str,
    zone: ZoneInfo,
    observed_at: datetime,
    observed_by: ObservedBy,
    currency: str = "USD",
    fold: int = 0,
) -> TransactionObserved:
    """Turn one row of a card export (wire.TransactionRow, v1 or v3) into a sighting.

    Shapes:  row as decoded by wire.decode; fields that we do not know are tolerated and kept in raw.
    Units:   amount_minor in cents; clock texts are wall-clock time in zone, fold settles the autumn hour.
    Ensures: a row with a readable id always gives a record: what cannot be read makes it UNKNOWN, with the
             reason in raw_status; card data is cut to the last four digits.
    Raises:  UnreadableRow when there is no usable transaction id.
    """
    transaction_id = cells.identity(row, ("transaction_id", "id"))
    try:
        return _card_observed(
            row, transaction_id, merchant, zone, observed_at, observed_by, currency=currency, fold=fold
        )
    except UnreadableRow as reason:
        return _unreadable_observed(
            row, transaction_id, reason, PaymentMethod.CARD, merchant, zone, observed_at, observed_by, currency
        )


def _card_observed(
    row: Mapping[str, Any],
    transaction_id: str,
    merchant: str,
    zone: ZoneInfo,
    observed_at: datetime,
    observed_by: ObservedBy,
    *,
    currency: str,
    fold: int,
) -> TransactionObserved:
    raw_kind = cells.text(row, "transaction_type")
    code, message = cells.text(row, "status_code"), cells.text(row, "status_message")
    approval_code = cells.text(row, "approval_code")
    response_code = cells.text(row, "response_code")
    kind = CARD_KINDS.get(raw_kind.strip().upper(), TransactionKind.UNKNOWN)
    reading = read_card_status(
        code=code, message=message, kind=raw_kind, approval_code=approval_code, response_code=response_code
    )
    raw_created, raw_settled = _created_text(row), cells.text(row, "settled")
    return TransactionObserved(
        paytrace_transaction_id=transaction_id,
        merchant=merchant,
        kind=kind,
        raw_kind=raw_kind,
        status=reading.status,
        raw_status=f"{code}/{message}",
        raw_response_code=response_code or None,
        method=PaymentMethod.CARD,
        amount_minor=_amount(row, kind),
        currency=currency,
        approval_code=approval_code.strip(),
        invoice_number=cells.optional(row, ("invoice_id", "invoice_number")),
        vault_customer_id=cells.optional(row, CUSTOMER_NAMES),
        description=cells.text(row, "description"),
        card_last_four=cells.last_four(row),
        avs_response=cells.text(row, "avs_response").strip(),
        csc_response=cells.text(row, "csc_response").strip(),
        batch_number=reading.batch_number,
        created_at=to_instant("created.at", raw_created, zone, fold=fold),
        raw_created=raw_created,
        created_on=to_day("created.at", raw_created, zone, fold=fold),
        settled_at=to_instant("settled", raw_settled, zone, fold=fold) if raw_settled.strip() else None,
        raw_settled=raw_settled,
        settled_on=to_day("settled", raw_settled, zone, fold=fold) if raw_settled.strip() else None,
        observed_at=observed_at,
        observed_on=business_day(observed_at, zone),
        observed_by=observed_by,
        raw=to_raw(row),
    )


def to_ach_observed(
    row: Mapping[str, Any],
    *,
    merchant: str,
    zone: ZoneInfo,
    observed_at: datetime,
    observed_by: ObservedBy,
    currency: str = "USD",
    fold: int = 0,
) -> TransactionObserved:
    """Turn one item of the v3 ACH list (wire.AchRow) or of the v1 check export (wire.CheckRow) into a sighting.

    Shapes, Units, Ensures, Raises: as to_transaction_observed. Ids of v1 checks live in a number space of their
    own and become check-<id>; v3 ids stay as they come.
    """
    if "check_transaction_id" in row:
        transaction_id = CHECK_PREFIX + cells.identity(row, ("check_transaction_id",))
    else:
        transaction_id = cells.identity(row, ACH_ID_NAMES)
    try:
        return _ach_observed(
            row, transaction_id, merchant, zone, observed_at, observed_by, currency=currency, fold=fold
        )
    except UnreadableRow as reason:
        return _unreadable_observed(
            row, transaction_id, reason, PaymentMethod.ACH, merchant, zone, observed_at, observed_by, currency
        )


def _ach_observed(
    row: Mapping[str, Any],
    transaction_id: str,
    merchant: str,
    zone: ZoneInfo,
    observed_at: datetime,
    observed_by: ObservedBy,
    *,
    currency: str,
    fold: int,
) -> TransactionObserved:
    raw_kind = cells.text(row, cells.present(row, ACH_KIND_NAMES))
    raw_status = cells.text(row, cells.present(row, ACH_STATUS_NAMES))
    status = ACH_STATUSES.get(raw_status.strip().upper(), TransactionStatus.UNKNOWN)
    amount_name = cells.present(row, ACH_AMOUNT_NAMES)
    amount_minor = to_minor(amount_name, row.get(amount_name))
    # transaction_type of the list is a digit whose meaning is not published; a refund shows by its word or sign.
    refund = amount_minor < 0 or "REFUND" in raw_kind.upper() or "CREDIT" in raw_kind.upper()
    created_name = _ach_created_name(row)
    raw_created = _created_text(row) or cells.text(row, created_name)
    raw_settled = cells.text(row, cells.present(row, ACH_SETTLED_NAMES))
    return TransactionObserved(
        paytrace_transaction_id=transaction_id,
        merchant=merchant,
        kind=TransactionKind.ACH_REFUND if refund else TransactionKind.ACH_SALE,
        raw_kind=raw_kind,
        status=status,
        raw_status=raw_status,
        raw_response_code=cells.text(row, "response_code") or None,
        method=PaymentMethod.ACH,
        amount_minor=abs(amount_minor),
        currency=currency,
        approval_code=cells.text(row, "approval_code").strip(),
        invoice_number=cells.optional(row, ACH_INVOICE_NAMES),
        vault_customer_id=cells.optional(row, CUSTOMER_NAMES),
        description=cells.text(row, "description"),
        avs_response="",
        csc_response="",
        return_code=_return_code(row) if status is TransactionStatus.ACH_RETURNED else None,
        created_at=to_instant(created_name, raw_created, zone, fold=fold),
        raw_created=raw_created,
        created_on=to_day(created_name, raw_created, zone, fold=fold),
        settled_at=to_instant("settled", raw_settled, zone, fold=fold) if raw_settled.strip() else None,
        raw_settled=raw_settled,
        settled_on=to_day("settled", raw_settled, zone, fold=fold) if raw_settled.strip() else None,
        returned_on=_returned_on(row, zone, fold) if status is TransactionStatus.ACH_RETURNED else None,
        observed_at=observed_at,
        observed_on=business_day(observed_at, zone),
        observed_by=observed_by,
        raw=to_raw(row),
    )


def _unreadable_observed(
    row: Mapping[str, Any],
    transaction_id: str,
    reason: UnreadableRow,
    method: PaymentMethod,
    merchant: str,
    zone: ZoneInfo,
    observed_at: datetime,
    observed_by: ObservedBy,
    currency: str,
) -> TransactionObserved:
    """A sighting that only says: this transaction is there, and a person has to read it."""
    return TransactionObserved(
        paytrace_transaction_id=transaction_id,
        merchant=merchant,
        kind=TransactionKind.UNKNOWN,
        raw_kind=cells.text_or_empty(row, "transaction_type"),
        status=TransactionStatus.UNKNOWN,
        raw_status=mask_card_numbers(f"unreadable/{reason}"),
        method=method,
        amount_minor=0,
        currency=currency,
        approval_code="",
        description="",
        avs_response="",
        csc_response="",
        # Constant, so that the same unreadable row is the same fact at every sighting.
        created_at=datetime(1970, 1, 1, tzinfo=UTC),
        raw_created="",
        raw_settled="",
        observed_at=observed_at,
        observed_on=business_day(observed_at, zone),
        observed_by=observed_by,
        raw=to_raw(row),
    )


def to_raw(row: Mapping[str, Any]) -> str:
    """Keep the source's own fields as JSON, masked, so that a better mapping can read old facts again.

    Ensures: no more than the last four digits of a card, no bank number, no name, street, mail or phone; the
             same row gives the same text.
    """
    kept: dict[str, Any] = {
        name: cells.safe_value(value) for name, value in row.items() if name in _RAW_FIELDS and cells.is_scalar(value)
    }
    last_four = cells.last_four(row)
    if last_four is not None:
        kept["credit_card"] = {"masked_number": f"************{last_four}"}
    created = row.get("created")
    if isinstance(created, Mapping):
        kept["created"] = {
            name: cells.safe_value(created[name])
            for name in _RAW_CREATED_FIELDS
            if name in created and cells.is_scalar(created[name])
        }
    elif cells.is_scalar(created) and created is not None:
        kept["created"] = cells.safe_value(created)
    billing = row.get("billing_address")
    if isinstance(billing, Mapping):
        kept["billing_address"] = {
            name: cells.safe_value(billing[name])
            for name in _RAW_ADDRESS_FIELDS
            if name in billing and cells.is_scalar(billing[name])
        }
    return wire.encode(dict(sorted(kept.items()))).decode()


def _amount(row: Mapping[str, Any], kind: TransactionKind) -> int:
    name = cells.present(row, CARD_AMOUNT_NAMES)
    if row.get(name) in (None, ""):
        name = "amount"
    amount_minor = to_minor(name, row.get(name))
    if amount_minor < 0 and kind is not TransactionKind.REFUND:
        raise UnreadableRow(name, "negative, but not a refund")
    return abs(amount_minor)


def _created_text(row: Mapping[str, Any]) -> str:
    created = row.get("created")
    if isinstance(created, Mapping):
        return cells.text(created, "at")
    return cells.text(row, cells.present(row, ACH_CREATED_NAMES))


def _ach_created_name(row: Mapping[str, Any]) -> str:
    """The first known name, else the first field that sounds like a day or time of the beginning."""
    name = cells.present(row, ACH_CREATED_NAMES)
    if row.get(name) in (None, ""):
        guesses = (
            other
            for other, value in row.items()
            if isinstance(value, str) and value and _BEGINNING.search(other) and not _LATER.search(other)
        )
        return next(guesses, name)
    return name


def _returned_on(row: Mapping[str, Any], zone: ZoneInfo, fold: int) -> date | None:
    """The day on which a debit came back; None when the row says none that can be read, which is kept in raw."""
    name = cells.present(row, ACH_RETURNED_NAMES)
    try:
        return to_day(name, cells.text(row, name), zone, fold=fold)
    except UnreadableRow:
        return None


def _return_code(row: Mapping[str, Any]) -> str | None:
    text = cells.text(row, cells.present(row, ACH_RETURN_NAMES)).strip()
    code = _RETURN_CODE.search(text.upper())
    return code[0] if code else (text[:40] or None)
