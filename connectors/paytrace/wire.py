"""PayTrace's shapes in PayTrace's words; nothing is translated here, so that client and sandbox share them.

A field that the reference tags as inferred is marked so. Numbers with a fraction arrive as Decimal: decode()
reads them from the digits of the text, never through a binary float.
"""

from __future__ import annotations

import codecs
from decimal import Decimal
from typing import Any, Final, TypedDict

import msgspec

JsonObject = dict[str, Any]
"""A JSON object as decoded: str, int, Decimal, bool, None, list and dict inside."""

_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes) -> object:
    """Read a JSON text, fractions as Decimal.

    Raises: ValueError for anything that is not one JSON text (bad UTF-8, too deep, trailing bytes).
    """
    try:
        return _DECODER.decode(body.removeprefix(codecs.BOM_UTF8))
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError) as error:
        raise ValueError(f"not a JSON text: {error}") from error


def encode(value: object) -> bytes:
    """Write a JSON text, Decimal as a number with the digits it has."""
    return _ENCODER.encode(value)


class MaskedCard(TypedDict, total=False):
    """Card part of an exported transaction; expiration_year has two digits."""

    masked_number: str
    expiration_month: int | str
    expiration_year: int | str


class Address(TypedDict, total=False):
    """Billing or shipping address of v1; v3 says postal_code instead of zip."""

    name: str
    street_address: str
    street_address2: str
    city: str
    county: str
    state: str
    zip: str
    country: str


class Created(TypedDict, total=False):
    """How, when (no zone) and by whom a transaction was made."""

    through: str
    at: str
    by: str
    from_ip: str


class TransactionRow(TypedDict, total=False):
    """One transaction of a v1 export. A refund carries no link to what it refunds."""

    transaction_id: int
    credit_card: MaskedCard
    transaction_type: str
    description: str
    amount: Decimal
    invoice_id: str
    shipping_address: Address
    billing_address: Address
    receipt_emailed_to: str
    tax_amount: str
    customer_reference_id: str
    approval_code: str
    approval_message: str
    avs_response: str
    csc_response: str
    status_code: str
    status_message: str
    created: Created
    settled: str
    customer_id: str


class BatchRow(TypedDict, total=False):
    """One settlement batch (inferred shape); the number wraps, so settled belongs to its identity."""

    batch_number: int
    settled: str
    transaction_count: int
    net_amount: Decimal
    sales_count: int
    sales_amount: Decimal
    refund_count: int
    refund_amount: Decimal


class CheckRow(TypedDict, total=False):
    """One check of the v1 check export (path and shape inferred)."""

    check_transaction_id: int
    transaction_type: str
    amount: Decimal
    status: str
    customer_id: str
    invoice_id: str
    description: str
    created: Created
    settled: str
    return_code: str


class AchRow(TypedDict, total=False):
    """One item of the v3 ACH list; names beyond id, status and amount are inferred."""

    transaction_id: str
    transaction_status: str
    transaction_type: str
    amount: Decimal
    merchant_id: int
    customer_id: int | str | None
    customer_label: str
    invoice_number: str
    description: str
    std_entry_class: str
    entry_method: str
    idempotency_key: str
    bank_account: dict[str, str]
    created: str
    settled: str
    return_code: str
    return_reason: str


class CustomerRow(TypedDict, total=False):
    """One vault customer of the v1 export; bank numbers that may come with it are never read."""

    customer_id: str
    email: str
    phone: str
    credit_card: MaskedCard
    billing_address: Address
    shipping_address: Address
    created: Created


class RecurrenceRow(TypedDict, total=False):
    """One recurring schedule; next is MM/DD/YYYY, total_count 999 means no end."""

    id: int
    amount: Decimal
    customer_id: str
    next: str
    total_count: int
    current_count: int
    frequency: str
    transaction_type: str
    type: str
    description: str
