"""Turns what PayTrace says into our records; foreign kinds and statuses stand in words.py, codes in a table here.

Decides, for everyone downstream, what counts as money: only an explicit yes does. A word that no table knows
becomes UNKNOWN with the raw text kept, and a row that cannot be read in full becomes an UNKNOWN observation of its
transaction that keeps whatever could be read, so nothing is thrown away and nothing unproven is booked. Pure.
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
from connectors.paytrace.readings import to_day
from connectors.paytrace.words import (
    ACH_KINDS,
    ACH_STATUSES,
    CARD_KINDS,
    CardWord,
    batch_of,
    card_word_of,
    plain,
    return_code_of,
)
from schemas.checks.plausibility import plain_text
from schemas.records.payments import (
    ObservedBy,
    PaymentMethod,
    TransactionKind,
    TransactionObserved,
    TransactionStatus,
)
from schemas.values.business_day import business_day


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
# The payer's or the shop's own number of the order: "PO number for purchasing cards".
CUSTOMER_REFERENCE: Final = "customer_reference_id"
ACH_KIND_NAMES: Final = ("transaction_type", "type")

_BEGINNING: Final = re.compile(r"creat|process|initiat|submit|date|time", re.IGNORECASE)
_LATER: Final = re.compile(r"settle|return|update|modif|void|expir", re.IGNORECASE)
CHECK_PREFIX: Final = "check-"
# Constant, so that the same row without a readable creation is the same fact at every observation.
_NO_INSTANT: Final = datetime(1970, 1, 1, tzinfo=UTC)
# That no money moves, or that it came back, is said without an amount.
_WITHOUT_AMOUNT: Final = frozenset(
    {
        TransactionStatus.VOIDED,
        TransactionStatus.VOIDED_BY_RULE,
        TransactionStatus.DECLINED,
        TransactionStatus.ACH_FAILED,
        TransactionStatus.ACH_RETURNED,
    }
)

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
    """Return a response code as a number, whether it came as one or as a text; None when it is none."""
    if isinstance(code, str) and code.strip().isdecimal() and len(code) < 10:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def read_response_code(code: object) -> Meaning:
    """Say what a response code means; anything that no table knows is UNKNOWN and never good news."""
    number = to_response_code(code)
    return Meaning.UNKNOWN if number is None else RESPONSE_CODES.get(number, Meaning.UNKNOWN)


# status_code says little by itself: Y is approved, N has not moved money, S is what a v3 client takes for success.
_LETTERS: Final = frozenset({"", "Y", "N", "S"})


def read_card_status(*, code: str, message: str, kind: str, approval_code: str, response_code: str = "") -> CardReading:
    """Read the status of a row of the card export from its code and message, which must agree.

    Ensures: PENDING_SETTLEMENT and SETTLED only on a listed word (Y, GB and a batch number, SETTLED), with no word
             beside it that says otherwise or that nobody listed, and Y only with an approval code where PayTrace gives
             one; AUTHORIZED is no money; anything else is UNKNOWN.
    Source:  docs/paytrace.md, table of statuses; words.py.
    """
    letter, message = plain(code), plain(message)
    texts = {text for text in (letter, message) if text and text not in _LETTERS}
    if letter not in _LETTERS:
        letter = ""
    if message in _LETTERS - {"", letter}:
        return CardReading(TransactionStatus.UNKNOWN)
    words = {card_word_of(text) for text in texts}
    batches = {number for text in texts if (number := batch_of(text)) is not None}
    if None in words or len(words) > 1 or len(batches) > 1:
        return CardReading(TransactionStatus.UNKNOWN)
    word = next(iter(words), None)
    if read_response_code(response_code) is Meaning.VOIDED_BY_RULE:
        # Approved, then voided: a row that is behind may still say pending, but never settled.
        settled = word is CardWord.SETTLED
        return CardReading(TransactionStatus.UNKNOWN if settled else TransactionStatus.VOIDED_BY_RULE)
    if word is CardWord.SETTLED and letter != "N":
        return CardReading(TransactionStatus.SETTLED, next(iter(batches), None))
    approved = bool(approval_code.strip())
    asks_approval = CARD_KINDS.get(plain(kind)) in {TransactionKind.SALE, TransactionKind.AUTHORIZATION}
    pending = word is CardWord.PENDING or (letter == "Y" and word is None)
    if pending and letter in {"Y", ""} and (approved or not asks_approval):
        return CardReading(TransactionStatus.PENDING_SETTLEMENT)
    if letter in {"N", ""}:
        return CardReading(_read_no(letter, word, plain(kind), approved=approved, asks_approval=asks_approval))
    return CardReading(TransactionStatus.UNKNOWN)


def _read_no(
    letter: str, word: CardWord | None, kind: str, *, approved: bool, asks_approval: bool
) -> TransactionStatus:
    """Return a status that no yes begins. N alone has three meanings.

    Its word, kind and approval code tell them apart.
    """
    match word:
        case CardWord.VOIDED | CardWord.VOIDED_BY_RULE | CardWord.DECLINED:
            return TransactionStatus(word.value)
        case CardWord.AUTHORIZED if approved:
            return TransactionStatus.AUTHORIZED
        case None if letter == "N" and kind == "VOID":
            return TransactionStatus.VOIDED
        case None | CardWord.AUTHORIZED if letter == "N" and asks_approval and not approved:
            return TransactionStatus.DECLINED
        case _:
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
    """Turn one row of a card export (wire.TransactionRow, v1 or v3) into an observation.

    Shapes:  row as decoded by wire.decode; fields that we do not know are tolerated and kept in raw.
    Units:   amount_minor in cents; clock texts are wall-clock time in zone, fold settles the autumn hour.
    Ensures: a row with a readable id always gives a record, with whatever can be read: an amount that can't is in
             raw_amount, any other field in unreadable with the reason, and neither is ever money. Card data is cut to
             the last four digits.
    Raises:  UnreadableRow when there is no usable transaction id.
    """
    transaction_id = cells.identity(row, ("transaction_id", "id"))
    whole = cells.WholeRow(row)
    raw_kind = whole.text("transaction_type")
    code, message = whole.text("status_code"), whole.text("status_message")
    approval_code = whole.text("approval_code")
    response_code = whole.text("response_code")
    kind = CARD_KINDS.get(plain(raw_kind), TransactionKind.UNKNOWN)
    reading = read_card_status(
        code=code, message=message, kind=raw_kind, approval_code=approval_code, response_code=response_code
    )
    raw_created, raw_settled = _created_text(whole), whole.text("settled")
    amount_minor, raw_amount = whole.cents(CARD_AMOUNT_NAMES, currency)
    if amount_minor < 0 and kind in {TransactionKind.SALE, TransactionKind.AUTHORIZATION}:
        amount_minor, raw_amount = 0, whole.as_it_came(*CARD_AMOUNT_NAMES)
    invoice_number, vault_customer_id = whole.optional("invoice_id", "invoice_number"), whole.optional(*CUSTOMER_NAMES)
    customer_reference = whole.optional(CUSTOMER_REFERENCE)
    description = whole.text("description")
    avs_response, csc_response = whole.text("avs_response").strip(), whole.text("csc_response").strip()
    created_at = whole.instant("created.at", raw_created, zone, fold=fold)
    created_on = to_day("created.at", raw_created, zone, fold=fold) if created_at else None
    settled_at = whole.instant("settled", raw_settled, zone, fold=fold) if raw_settled.strip() else None
    settled_on = to_day("settled", raw_settled, zone, fold=fold) if settled_at else None
    return TransactionObserved(
        paytrace_transaction_id=transaction_id,
        merchant=merchant,
        kind=kind,
        raw_kind=raw_kind,
        status=_status_of(reading.status, raw_amount, whole.problem),
        raw_status=f"{code}/{message}",
        raw_response_code=response_code or None,
        method=PaymentMethod.CARD,
        amount_minor=abs(amount_minor),
        currency=currency,
        approval_code=approval_code.strip(),
        invoice_number=invoice_number,
        vault_customer_id=vault_customer_id,
        customer_reference=customer_reference,
        description=description,
        card_last_four=cells.last_four(row),
        avs_response=avs_response,
        csc_response=csc_response,
        batch_number=reading.batch_number,
        created_at=created_at or _NO_INSTANT,
        raw_created=raw_created,
        created_on=created_on,
        settled_at=settled_at,
        raw_settled=raw_settled,
        settled_on=settled_on,
        observed_at=observed_at,
        observed_on=business_day(observed_at, zone),
        observed_by=observed_by,
        raw_amount=raw_amount,
        unreadable=whole.problem,
        raw=to_raw(row),
    )


def _status_of(status: TransactionStatus, raw_amount: str | None, problem: str | None) -> TransactionStatus:
    """Return the status, as far as the rest of the row lets it stand: an amount that can't be read is no money."""
    if problem is not None or (raw_amount is not None and status not in _WITHOUT_AMOUNT):
        return TransactionStatus.UNKNOWN
    return status


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
    """Turn one item of the v3 ACH list (wire.AchRow) or of the v1 check export (wire.CheckRow) into an observation.

    Shapes, Units, Ensures, Raises: as to_transaction_observed. Ids of v1 checks live in a number space of their
    own and become check-<id>; v3 ids stay as they come.
    """
    if "check_transaction_id" in row:
        transaction_id = CHECK_PREFIX + cells.identity(row, ("check_transaction_id",))
    else:
        transaction_id = cells.identity(row, ACH_ID_NAMES)
    whole = cells.WholeRow(row)
    raw_kind = whole.text(*ACH_KIND_NAMES)
    raw_status = whole.text(*ACH_STATUS_NAMES)
    response_code = whole.text("response_code")
    status = ACH_STATUSES.get(plain(raw_status), TransactionStatus.UNKNOWN)
    amount_minor, raw_amount = whole.cents(ACH_AMOUNT_NAMES, currency)
    created_name = _ach_created_name(row)
    raw_created = _created_text(whole) or whole.text(created_name)
    raw_settled = whole.text(*ACH_SETTLED_NAMES)
    approval_code, description = whole.text("approval_code").strip(), whole.text("description")
    invoice_number, vault_customer_id = whole.optional(*ACH_INVOICE_NAMES), whole.optional(*CUSTOMER_NAMES)
    customer_reference = whole.optional(CUSTOMER_REFERENCE)
    return_code = _return_code(whole) if status is TransactionStatus.ACH_RETURNED else None
    created_at = whole.instant(created_name, raw_created, zone, fold=fold)
    created_on = to_day(created_name, raw_created, zone, fold=fold) if created_at else None
    settled_at = whole.instant("settled", raw_settled, zone, fold=fold) if raw_settled.strip() else None
    settled_on = to_day("settled", raw_settled, zone, fold=fold) if settled_at else None
    return TransactionObserved(
        paytrace_transaction_id=transaction_id,
        merchant=merchant,
        kind=_ach_kind(plain(raw_kind), amount_minor),
        raw_kind=raw_kind,
        status=_status_of(status, raw_amount, whole.problem),
        raw_status=raw_status,
        raw_response_code=response_code or None,
        method=PaymentMethod.ACH,
        amount_minor=abs(amount_minor),
        currency=currency,
        approval_code=approval_code,
        invoice_number=invoice_number,
        vault_customer_id=vault_customer_id,
        customer_reference=customer_reference,
        description=description,
        avs_response="",
        csc_response="",
        return_code=return_code,
        created_at=created_at or _NO_INSTANT,
        raw_created=raw_created,
        created_on=created_on,
        settled_at=settled_at,
        raw_settled=raw_settled,
        settled_on=settled_on,
        returned_on=_returned_on(whole, zone, fold) if status is TransactionStatus.ACH_RETURNED else None,
        observed_at=observed_at,
        observed_on=business_day(observed_at, zone),
        observed_by=observed_by,
        raw_amount=raw_amount,
        unreadable=whole.problem,
        raw=to_raw(row),
    )


def _ach_kind(word: str, amount_minor: int) -> TransactionKind:
    """Return the kind by its word; without a word a refund shows by its sign, and a debit with a minus is neither."""
    kind = ACH_KINDS.get(word, TransactionKind.UNKNOWN)
    if amount_minor >= 0 or kind is not TransactionKind.ACH_SALE:
        return kind
    return TransactionKind.UNKNOWN if word else TransactionKind.ACH_REFUND


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
    return plain_text(wire.encode(dict(sorted(kept.items()))).decode())


def _created_text(whole: cells.WholeRow) -> str:
    if isinstance(whole.row.get("created"), Mapping):
        return whole.part("created", "at")
    return whole.text(*ACH_CREATED_NAMES)


def _ach_created_name(row: Mapping[str, Any]) -> str:
    """Return the first known name, else the first field that sounds like a day or time of the beginning."""
    name = cells.present(row, ACH_CREATED_NAMES)
    if row.get(name) in (None, ""):
        guesses = (
            other
            for other, value in row.items()
            if isinstance(value, str) and value and _BEGINNING.search(other) and not _LATER.search(other)
        )
        return next(guesses, name)
    return name


def _returned_on(whole: cells.WholeRow, zone: ZoneInfo, fold: int) -> date | None:
    """Return the day on which a debit came back; None when the row says none that can be read, which is kept in raw."""
    name = cells.present(whole.row, ACH_RETURNED_NAMES)
    try:
        return to_day(name, cells.text(whole.row, name), zone, fold=fold)
    except UnreadableRow:
        return None


def _return_code(whole: cells.WholeRow) -> str | None:
    text = whole.text(*ACH_RETURN_NAMES).strip()
    return return_code_of(text) or (text[:40] or None)
