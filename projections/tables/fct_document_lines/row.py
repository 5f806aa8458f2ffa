"""fct_document_lines: each line of each document that the ERP holds, by the sink's journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.documents import roles
from schemas.records.erp import DocumentPosted, Side
from schemas.topic import Topic
from schemas.values.companies import company_of, in_company


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLineRow:
    """Each line of each document that the ERP holds. Amounts are signed, a debit above zero."""

    settlement_account: Word
    kind: Word
    posting_reference: str
    document_id: str
    document_number: str
    role: Word
    account: Annotated[str, "in the ERP, after the label of its company where there are several"]
    is_customers_account: bool
    is_only_ours: Annotated[bool, "nobody but Saldo posts on an account of this role"]
    cost_centre: str
    tax_code: str
    product_category: Annotated[str, "of a document that has a line for each of several"]
    amount_minor: int
    currency: Word
    value_on: str
    occurred_at: datetime


def project(record: Any, _at: Coordinates) -> tuple[DocumentLineRow, ...]:
    """Return one row for each line of a DocumentPosted."""
    return tuple(
        DocumentLineRow(
            settlement_account=record.settlement_account or "",
            kind=record.kind,
            posting_reference=record.posting_reference,
            document_id=record.document_id,
            document_number=record.document_number,
            role=line.role,
            account=_of_company(line.account, record.subject),
            is_customers_account=roles()[line.role].of is not None,
            is_only_ours=roles()[line.role].is_only_ours,
            cost_centre=line.cost_centre or "",
            tax_code=line.tax_code or "",
            product_category=line.product_category or "",
            amount_minor=line.amount_minor if line.side is Side.DEBIT else -line.amount_minor,
            currency=line.currency,
            value_on=record.values.get("value_on", ""),
            occurred_at=record.occurred_at,
        )
        for line in record.lines
    )


def _of_company(account: str, subject: str) -> str:
    """Return an account with the label of its company, which that of a customer has already."""
    return account if company_of(account) else in_company(company_of(subject), account)


TABLE = FactTable(
    name="fct_document_lines",
    row=DocumentLineRow,
    order_by=("posting_reference", "role"),
    reads=(DocumentPosted,),
    topics=frozenset({Topic.ERP_OUTCOMES}),  # receivables is sent its own again
    project=project,
)
