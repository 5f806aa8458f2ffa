"""Builders for ERP commands and profiles: the boring fields of a test about abas."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Literal

from connectors.abas.profile import Profile
from schemas.records.erp import (
    PostCashReceipt,
    PostOnAccountReceipt,
    PostOnAccountRefund,
    PostWriteOff,
    ReversalReason,
    ReverseCashReceipt,
    ReverseWriteOff,
)
from schemas.records.payments import PaymentMethod

VALUE_ON = date(2026, 11, 20)
OCCURRED_AT = datetime(2026, 11, 20, 18, 6, 30, tzinfo=UTC)


def post_receipt(
    reference: str,
    item: str,
    *,
    minor: int = 12500,
    currency: str = "USD",
    customer: str = "70001",
    value_on: date = VALUE_ON,
) -> PostCashReceipt:
    return PostCashReceipt(
        posting_reference=reference,
        paytrace_transaction_id=reference.removeprefix("PT"),
        abas_customer_id=customer,
        abas_open_item_id=item,
        invoice_number="RE-100451",
        amount_minor=minor,
        currency=currency,
        method=PaymentMethod.CARD,
        value_on=value_on,
        occurred_at=OCCURRED_AT,
    )


def reverse_receipt(
    reference: str, reverses: str, item: str, *, minor: int = 12500, customer: str = "70001"
) -> ReverseCashReceipt:
    return ReverseCashReceipt(
        posting_reference=reference,
        paytrace_transaction_id=reverses.removeprefix("PT"),
        abas_customer_id=customer,
        reverses_reference=reverses,
        abas_open_item_id=item,
        invoice_number="RE-100451",
        amount_minor=minor,
        currency="USD",
        method=PaymentMethod.CARD,
        reason=ReversalReason.REFUND,
        value_on=VALUE_ON,
        occurred_at=OCCURRED_AT,
    )


def on_account(reference: str, minor: int = 25_00) -> PostOnAccountReceipt:
    return PostOnAccountReceipt(
        posting_reference=reference,
        paytrace_transaction_id=reference.removeprefix("PT"),
        abas_customer_id="70001",
        amount_minor=minor,
        currency="USD",
        method=PaymentMethod.CARD,
        value_on=VALUE_ON,
        occurred_at=OCCURRED_AT,
    )


def refund_on_account(reference: str, minor: int = 25_00) -> PostOnAccountRefund:
    return PostOnAccountRefund(
        posting_reference=reference,
        paytrace_transaction_id=reference.removeprefix("PT"),
        abas_customer_id="70001",
        amount_minor=minor,
        currency="USD",
        method=PaymentMethod.CARD,
        value_on=VALUE_ON,
        occurred_at=OCCURRED_AT,
    )


def write_off(reference: str, item: str, minor: int, reason: str = "below the cost of a reminder") -> PostWriteOff:
    return PostWriteOff(
        posting_reference=reference,
        paytrace_transaction_id=reference.removeprefix("PT"),
        abas_customer_id="70001",
        abas_open_item_id=item,
        invoice_number="RE-1",
        amount_minor=minor,
        currency="USD",
        value_on=VALUE_ON,
        reason=reason,
        occurred_at=OCCURRED_AT,
    )


def undo_write_off(reference: str, reverses: str, item: str, minor: int) -> ReverseWriteOff:
    return ReverseWriteOff(
        posting_reference=reference,
        paytrace_transaction_id=reverses.removeprefix("PT"),
        abas_customer_id="70001",
        reverses_reference=reverses,
        abas_open_item_id=item,
        invoice_number="RE-1",
        amount_minor=minor,
        currency="USD",
        value_on=VALUE_ON,
        occurred_at=OCCURRED_AT,
    )


def with_strategy(profile: Profile, strategy: Literal["infosystem", "editor", "typecommand"]) -> Profile:
    return profile.model_copy(update={"posting": profile.posting.model_copy(update={"strategy": strategy})})


def without_lock(profile: Profile) -> Profile:
    """The editor strategy without its fence, to show what the fence is for."""
    documents = {
        name: entry.model_copy(
            update={"editor": entry.editor.model_copy(update={"lock": None}) if entry.editor else None}
        )
        for name, entry in profile.posting.documents.items()
    }
    posting = profile.posting.model_copy(update={"documents": documents, "strategy": "editor"})
    return profile.model_copy(update={"posting": posting})
