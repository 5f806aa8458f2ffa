"""Documents of payments as commands, and profiles: the boring fields of a test about abas."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Literal

from connectors.abas.profile import Profile
from schemas.documents import kinds
from schemas.records.erp import DocumentLine, PostDocument, Side, SubjectKind

VALUE_ON = date(2026, 11, 20)
OCCURRED_AT = datetime(2026, 11, 20, 18, 6, 30, tzinfo=UTC)


def document(
    kind: str,
    reference: str,
    side: Side,
    minor: int,
    *,
    transaction: str,
    item: str | None = None,
    currency: str = "USD",
    customer: str = "70001",
    reverses: str | None = None,
    value_on: date = VALUE_ON,
    text: str | None = None,
    **values: str,
) -> PostDocument:
    role = kinds()[kind].lines[0].role
    line = DocumentLine(role=role, account=customer, side=side, amount_minor=minor, currency=currency, open_item=item)
    return PostDocument(
        kind=kind,
        posting_reference=reference,
        reverses_reference=reverses,
        subject_kind=SubjectKind.CUSTOMER,
        subject=customer,
        values={"paytrace_transaction_id": transaction, "value_on": value_on.isoformat(), **values},
        text=text,
        lines=(line,),
        mapping_version="",
        occurred_at=OCCURRED_AT,
    )


def post_receipt(
    reference: str,
    item: str,
    *,
    minor: int = 12500,
    currency: str = "USD",
    customer: str = "70001",
    value_on: date = VALUE_ON,
) -> PostDocument:
    return document(
        "cash_receipt",
        reference,
        Side.CREDIT,
        minor,
        transaction=reference.removeprefix("PT"),
        item=item,
        currency=currency,
        customer=customer,
        value_on=value_on,
        invoice_number="RE-100451",
        method="CARD",
    )


def _invoice(item: str) -> dict[str, Any]:
    return {"invoice_number": "RE-100451"} if item else {}


def reverse_receipt(
    reference: str, reverses: str, item: str, *, minor: int = 12500, customer: str = "70001"
) -> PostDocument:
    return document(
        "cash_receipt_reversal",
        reference,
        Side.DEBIT,
        minor,
        transaction=reverses.removeprefix("PT"),
        item=item or None,
        customer=customer,
        reverses=reverses,
        method="CARD",
        reason="REFUND",
        **_invoice(item),
    )


def on_account(reference: str, minor: int = 25_00) -> PostDocument:
    return document(
        "on_account_receipt",
        reference,
        Side.CREDIT,
        minor,
        transaction=reference.removeprefix("PT"),
        method="CARD",
    )


def refund_on_account(reference: str, minor: int = 25_00) -> PostDocument:
    return document(
        "on_account_refund", reference, Side.DEBIT, minor, transaction=reference.removeprefix("PT"), method="CARD"
    )


def refund_of_memo(reference: str, memo: str, minor: int) -> PostDocument:
    """A refund that pays out a credit memo."""
    kind, transaction = "credit_memo_refund", reference.removeprefix("PT")
    return document(
        kind, reference, Side.DEBIT, minor, transaction=transaction, item=memo, method="CARD", reason="REFUND"
    )


def refund_of_memo_came_back(reference: str, refund: str, memo: str, minor: int) -> PostDocument:
    """What takes that refund back."""
    kind, transaction = "credit_memo_refund_reversal", reference.removeprefix("PT")
    return document(
        kind, reference, Side.CREDIT, minor, transaction=transaction, item=memo, reverses=refund, method="CARD"
    )


def write_off(reference: str, item: str, minor: int, reason: str = "below the cost of a reminder") -> PostDocument:
    return document(
        "write_off",
        reference,
        Side.CREDIT,
        minor,
        transaction=reference.removeprefix("PT"),
        item=item,
        text=reason,
        invoice_number="RE-1",
    )


def reverse_write_off(reference: str, reverses: str, item: str, minor: int) -> PostDocument:
    return document(
        "write_off_reversal",
        reference,
        Side.DEBIT,
        minor,
        transaction=reverses.removeprefix("PT"),
        item=item,
        reverses=reverses,
        invoice_number="RE-1",
        reason="CORRECTION",
    )


def with_strategy(profile: Profile, strategy: Literal["infosystem", "editor", "typecommand"]) -> Profile:
    return profile.model_copy(update={"posting": profile.posting.model_copy(update={"strategy": strategy})})


def without_lock(profile: Profile) -> Profile:
    """The editor strategy without its fence, to show what the fence is for."""
    documents = {kind: way.model_copy(update={"lock": None}) for kind, way in profile.documents.items()}
    return with_strategy(profile.model_copy(update={"documents": documents}), "editor")
