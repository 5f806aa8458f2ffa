"""fct_account_balances: what abas itself showed as the balance of each account, read by read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.erp import AccountBalanceObserved


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBalanceRow:
    """Each balance that abas showed, a debit above zero."""

    account: str
    currency: Word
    balance_minor: int
    observed_at: datetime


def project(record: Any, at: Coordinates) -> tuple[AccountBalanceRow, ...]:
    """Return the one row of a balance."""
    return (
        AccountBalanceRow(
            account=record.erp_account,
            currency=record.currency,
            balance_minor=record.balance_minor,
            observed_at=record.observed_at,
        ),
    )


TABLE = FactTable(
    name="fct_account_balances",
    row=AccountBalanceRow,
    order_by=("account", "currency"),
    reads=(AccountBalanceObserved,),
    project=project,
)
