"""fct_erp_customers: customers of abas as they were shown, each with its name, sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import FactTable
from schemas.records.customers import ErpCustomerObserved


@dataclass(frozen=True, slots=True, kw_only=True)
class ErpCustomerRow:
    """Customers of abas as they were shown."""

    abas_customer_id: str
    data_subject: Annotated[str, "whose name it is: abas/<number>"]
    name: Annotated[str, "sealed; [erased] once its key is destroyed, empty where abas has none"]
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[ErpCustomerRow, ...]:
    """Return one row for each."""
    return (
        ErpCustomerRow(
            abas_customer_id=record.abas_customer_id,
            data_subject=record.data_subject,
            name=record.person.get("company") or record.person.get("name", ""),
            occurred_at=record.observed_at,
        ),
    )


TABLE = FactTable(
    name="fct_erp_customers",
    row=ErpCustomerRow,
    order_by=("abas_customer_id",),
    reads=(ErpCustomerObserved,),
    project=project,
)
