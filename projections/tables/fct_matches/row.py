"""fct_matches: which open item each receipt was matched with, on what evidence, by which rule or person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.receivables import PaymentMatched


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRow:
    """Each match of a receipt with an open item, with the evidence and who decided."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    abas_open_item_id: str
    invoice_number: str
    amount_minor: int
    currency: Word
    rule: Word
    rule_version: Number
    agrees: tuple[str, ...]
    differs: tuple[str, ...]
    score_hundredths: Number
    runner_up: str
    runner_up_distance_hundredths: Number
    decided_by: Word
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[MatchRow, ...]:
    """Return one row for each match; decided_by is empty where a rule decided."""
    return (
        MatchRow(
            posting_reference=record.posting_reference,
            paytrace_transaction_id=record.paytrace_transaction_id,
            abas_customer_id=record.abas_customer_id,
            abas_open_item_id=record.abas_open_item_id,
            invoice_number=record.invoice_number,
            amount_minor=record.amount_minor,
            currency=record.currency,
            rule=record.rule,
            rule_version=record.rule_version,
            agrees=record.evidence,
            differs=record.differs,
            score_hundredths=record.score_hundredths,
            runner_up=record.runner_up,
            runner_up_distance_hundredths=record.runner_up_distance_hundredths,
            decided_by=record.decided_by or "",
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_matches",
    row=MatchRow,
    order_by=("posting_reference",),
    reads=(PaymentMatched,),
    project=project,
)
