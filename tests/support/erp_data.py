"""Commands of schemas/documents and the abas that they are for: what a test about documents as data needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.abas.profile import Profile, load_profile
from connectors.abas.settings import SANDBOX_PROFILE
from schemas.records.erp import DocumentLine, PostDocument, RecordRow, SaveRecord, Side, SubjectKind
from tests.support.abas_sandbox import AbasSandboxProcess

OCCURRED_AT = datetime(2026, 11, 30, 18, tzinfo=UTC)
# Profile by the language of its names; a German one is the same abas, asked for German names.
PROFILES = {"en": SANDBOX_PROFILE, "de": Path(SANDBOX_PROFILE).with_name("sandbox_de.yaml")}


# The account of each role in the sandbox; the role of a customer's own account is not among them.
ACCOUNTS: Mapping[str, str] = {
    "bank": "1200",
    "clearing": "1361",
    "unidentified": "1370",
    "reserve": "1363",
    "chargeback_receivable": "1365",
    "fees": "6855",
    "chargeback_fees": "6856",
    "input_tax": "1406",
    "skonto": "4736",
    "output_tax": "3806",
    "write_off": "6930",
    "fx_gain": "4840",
    "fx_loss": "6880",
}


def profile_in(language: str) -> Profile:
    return load_profile(PROFILES[language])


def seed_ledger(sandbox: AbasSandboxProcess) -> None:
    """Accounts, a cost centre and products."""
    sandbox.admin(
        "POST",
        "master-data",
        [
            *({"kind": "account", "number": number, "name": role} for role, number in ACCOUNTS.items()),
            {"kind": "account", "number": "9999", "name": "Closed", "postable": False},
            {"kind": "cost_centre", "number": "100"},
            {"kind": "product", "number": "10001", "name": "Widget"},
            {"kind": "product", "number": "10002", "name": "Gadget"},
            {"kind": "currency", "number": "USD"},
        ],
    )


def fee(reference: str, minor: int = 12_50, *, account: str = "6855", value_on: str = "2026-11-30") -> PostDocument:
    lines = (
        DocumentLine(
            role="fees",
            account=account,
            side=Side.DEBIT,
            amount_minor=minor,
            currency="USD",
            cost_centre="100",
            tax_code="19",
            text="Monthly fee",
        ),
        DocumentLine(
            role="clearing", account=ACCOUNTS["clearing"], side=Side.CREDIT, amount_minor=minor, currency="USD"
        ),
    )
    return PostDocument(
        kind="fee",
        posting_reference=reference,
        subject_kind=SubjectKind.ACCOUNT,
        subject="1361",
        values={"merchant_account": "main", "fee_kind": "MONTHLY", "value_on": value_on},
        text="PayTrace fee 11/2026",
        lines=lines,
        mapping_version="1",
        occurred_at=OCCURRED_AT,
    )


def deposit(reference: str, minor: int = 96_80, rest_minor: int = 1_00) -> PostDocument:
    """A bank line that brought less than the money that it pays out."""
    lines = tuple(
        DocumentLine(role=role, account=ACCOUNTS[role], side=side, amount_minor=amount, currency="USD")
        for role, side, amount in (
            ("bank", Side.DEBIT, minor),
            ("clearing", Side.CREDIT, minor + rest_minor),
            ("unidentified", Side.DEBIT, rest_minor),
        )
    )
    values = {"merchant_account": "main", "bank_line": f"line-{reference}", "value_on": "2026-11-30"}
    return replace(fee(reference), kind="deposit", values=values, text="PayTrace deposit 2026-11-30", lines=lines)


def document(
    kind: str,
    reference: str,
    lines: Mapping[str, int],
    *,
    customer: str | None = None,
    open_item: str | None = None,
    reverses: str | None = None,
    **values: str,
) -> PostDocument:
    """Return a document of the ledger.

    Shapes: lines are signed amounts in cents by role, a debit positive; those of `receivable` and the subject are on
            the customer's account.
    """
    return PostDocument(
        kind=kind,
        posting_reference=reference,
        reverses_reference=reverses,
        subject_kind=SubjectKind.ACCOUNT if customer is None else SubjectKind.CUSTOMER,
        subject=customer or "1361",
        values={"value_on": "2026-11-30", **values},
        text=f"PayTrace {kind}",
        lines=tuple(
            DocumentLine(
                role=role,
                account=ACCOUNTS[role] if customer is None else ACCOUNTS.get(role, customer),
                side=Side.DEBIT if minor > 0 else Side.CREDIT,
                amount_minor=abs(minor),
                currency="USD",
                open_item=open_item if role == "receivable" else None,
            )
            for role, minor in lines.items()
        ),
        mapping_version="1",
        occurred_at=OCCURRED_AT,
    )


def fee_reversal(reference: str, reverses: str, minor: int = 12_50) -> PostDocument:
    expense, clearing = fee(reference, minor).lines
    lines = (replace(expense, side=Side.CREDIT), replace(clearing, side=Side.DEBIT))
    return replace(fee(reference), kind="fee_reversal", reverses_reference=reverses, lines=lines)


def customer(key: str, *, version: int | None = None, **values: str) -> SaveRecord:
    return SaveRecord(
        kind="customer",
        natural_key=key,
        subject=key,
        values={"name": "Blue Mill Ltd", "town": "Karlsruhe", **values},
        rows=(),
        expected_version=version,
        occurred_at=OCCURRED_AT,
    )


def sales_order(
    key: str, rows: Mapping[str, tuple[str, str, str]], *, of: str = "70001", version: int | None = None
) -> SaveRecord:
    """A sales order; rows are product, quantity and price by row key."""
    return SaveRecord(
        kind="sales_order",
        natural_key=key,
        subject=of,
        values={"customer": of, "currency": "USD", "ordered_on": "2026-11-30"},
        rows=tuple(
            RecordRow(row_key=row, values={"product": product, "quantity": quantity, "price": price})
            for row, (product, quantity, price) in rows.items()
        ),
        expected_version=version,
        occurred_at=OCCURRED_AT,
    )


def payment_status(key: str, *, invoice: str = "", payment: str = "paid", of: str = "70001") -> SaveRecord:
    """What became of 95.00 USD of a payment, on this invoice or on none."""
    return SaveRecord(
        kind="payment_status",
        natural_key=key,
        subject=of,
        values={
            "customer": of,
            "paytrace_transaction_id": "79388123",
            "invoice_number": invoice,
            "payment_status": payment,
            "invoice_status": "part" if invoice else "",
            "payment_amount": "95.00",
            "currency": "USD",
            "reason": "" if invoice else "NO_OPEN_ITEM",
        },
        rows=(),
        occurred_at=OCCURRED_AT,
    )


def request_status(request: str, status: str, **values: str) -> SaveRecord:
    """Where a payment request stands, by its record in abas."""
    return SaveRecord(
        kind="payment_request",
        natural_key=request,
        subject=request,
        values={
            "request": request,
            "request_status": status,
            "transaction": "",
            "document": "",
            "reason": "",
            **values,
        },
        rows=(),
        occurred_at=OCCURRED_AT,
    )


def statuses(sandbox: AbasSandboxProcess, key: str) -> list[dict[str, Any]]:
    return [one for one in sandbox.admin("GET", "books")["payment_statuses"] if one["key"] == key]


def entries(sandbox: AbasSandboxProcess, reference: str) -> list[dict[str, Any]]:
    return [e for e in sandbox.admin("GET", "books")["entries"] if e["posting_reference"] == reference]


def orders(sandbox: AbasSandboxProcess, key: str) -> list[dict[str, Any]]:
    return [o for o in sandbox.admin("GET", "books")["sales_orders"] if o["shop_reference"] == key]


def customers(sandbox: AbasSandboxProcess, key: str) -> list[dict[str, Any]]:
    return [c for c in sandbox.admin("GET", "books")["customers"] if c["shop_reference"] == key]
