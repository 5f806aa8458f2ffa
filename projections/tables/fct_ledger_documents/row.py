"""fct_ledger_documents: what became of each document that the ledger asks for, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.ledger import (
    LedgerDocumentPosted,
    LedgerDocumentRequested,
    LedgerDocumentsNetted,
    LedgerDocumentWaiting,
)

_STATES = {
    LedgerDocumentRequested: "asked",
    LedgerDocumentWaiting: "waiting",
    LedgerDocumentPosted: "posted",
    LedgerDocumentsNetted: "netted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerDocumentRow:
    """What became of each document that the ledger asks for, step by step: asked, waiting, posted or netted."""

    settlement_account: Word
    posting_reference: str
    state: Word
    waits_for: Word
    detail: str
    mapping_version: Word
    document_number: str
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[LedgerDocumentRow, ...]:
    """Return one row for each step, and for a netted pair one for each of both."""
    state = _STATES.get(type(record))
    if state is None:
        return ()
    references = (record.posting_reference, getattr(record, "reversal_reference", None))
    return tuple(
        LedgerDocumentRow(
            settlement_account=record.settlement_account,
            posting_reference=reference,
            state=state,
            waits_for=record.waits_for.value if isinstance(record, LedgerDocumentWaiting) else "",
            detail=getattr(record, "detail", ""),
            mapping_version=getattr(record, "mapping_version", ""),
            document_number=getattr(record, "abas_document_number", ""),
            occurred_at=record.occurred_at,
        )
        for reference in references
        if reference is not None
    )


TABLE = FactTable(
    name="fct_ledger_documents",
    row=LedgerDocumentRow,
    order_by=("settlement_account", "posting_reference"),
    reads=tuple(_STATES),
    project=project,
)
