"""Commands of the trial kinds, and the abas that they are for."""

from __future__ import annotations

from dataclasses import replace

from schemas.records.erp import DocumentLine, PostDocument, SaveRecord, Side, SubjectKind
from tests.support.abas_sandbox import AbasSandboxProcess
from tests.support.erp_data import OCCURRED_AT, seed_ledger


def seed_bank(sandbox: AbasSandboxProcess) -> None:
    seed_ledger(sandbox)
    sandbox.admin("POST", "master-data", [{"kind": "account", "number": "1200", "name": "Bank"}])


def deposit(reference: str) -> PostDocument:
    def line(role: str, account: str, side: Side) -> DocumentLine:
        return DocumentLine(role=role, account=account, side=side, amount_minor=100_00, currency="USD")

    return PostDocument(
        kind="deposit",
        posting_reference=reference,
        subject_kind=SubjectKind.ACCOUNT,
        subject="1361",
        values={"merchant_account": "main", "batch_number": "42", "value_on": "2026-11-30"},
        text="Deposit of batch 42",
        lines=(line("bank", "1200", Side.DEBIT), line("clearing", "1361", Side.CREDIT)),
        mapping_version="1",
        occurred_at=OCCURRED_AT,
    )


def deposit_reversal(reference: str, reverses: str) -> PostDocument:
    bank, clearing = deposit(reference).lines
    lines = (replace(clearing, side=Side.DEBIT), replace(bank, side=Side.CREDIT))
    return replace(deposit(reference), kind="deposit_reversal", reverses_reference=reverses, lines=lines)


def product(key: str, *, name: str = "Widget", version: int | None = None) -> SaveRecord:
    return SaveRecord(
        kind="product",
        natural_key=key,
        subject=key,
        values={"name": name},
        rows=(),
        expected_version=version,
        occurred_at=OCCURRED_AT,
    )
