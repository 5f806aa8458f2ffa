"""fct_customer_links: which vault customer is which customer of abas, what speaks for it, and who decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.customers import (
    CustomerCreationRefused,
    CustomerCreationRequested,
    CustomerLeft,
    CustomerLinkContested,
    CustomerLinked,
    CustomerLinkWaiting,
    CustomerUnlinked,
)

LINK_RECORDS = (
    CustomerLinked,
    CustomerUnlinked,
    CustomerLinkWaiting,
    CustomerLinkContested,
    CustomerCreationRequested,
    CustomerCreationRefused,
    CustomerLeft,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLinkRow:
    """Each link, its end, each reason for waiting, each contest, each creation in abas, each that is left."""

    record_type: Word
    data_subject: Annotated[str, "vault customer, as sources name it: paytrace/<merchant>/<id>"]
    vault_customer_id: str
    abas_customer_id: Annotated[str, "customer that it is linked to, or was; empty of one that waits"]
    why: Annotated[Word, "why a rule links nobody; empty of a link"]
    evidence: Annotated[str, "what agrees, or what speaks for whom"]
    decided_by: Word
    reason: str
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[CustomerLinkRow, ...]:
    """Return one row for each."""
    linked_to, why, evidence = "", "", ""
    decided_by, reason = None, None
    match record:
        case CustomerLinkWaiting():
            why, evidence = record.why.value, "; ".join(record.evidence)
        case CustomerLinkContested():
            linked_to, evidence = record.abas_customer_id, "; ".join(record.evidence)
        case CustomerLinked():
            linked_to, evidence = record.abas_customer_id, ", ".join(record.evidence)
            decided_by, reason = record.decided_by, record.reason
        case CustomerCreationRefused():
            why, evidence = "CREATION_REFUSED", f"{record.code}: {record.message}"
        case CustomerCreationRequested() | CustomerLeft():
            decided_by, reason = record.decided_by, record.reason
        case CustomerUnlinked():
            linked_to, decided_by, reason = record.abas_customer_id, record.decided_by, record.reason
    return (
        CustomerLinkRow(
            record_type=type(record).__name__,
            data_subject=record.data_subject,
            vault_customer_id=record.vault_customer_id,
            abas_customer_id=linked_to,
            why=why,
            evidence=evidence,
            decided_by=decided_by or "",
            reason=reason or "",
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_customer_links",
    row=CustomerLinkRow,
    order_by=("data_subject",),
    reads=LINK_RECORDS,
    project=project,
)
