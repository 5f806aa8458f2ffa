"""Records of the settlement context: what PayTrace settles, for the comparison with what the bank pays out.

Field for field like schemas/avro/settlement/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementBatchObserved:
    """A settlement batch as PayTrace shows it now, compared with the transactions that it lists."""

    settlement_account: str
    batch_id: str
    merchant: str
    batch_number: int
    settled_on: date
    settled_at: datetime
    raw_settled: str
    net_minor: int
    sales_minor: int | None = None
    refund_minor: int | None = None
    currency: str
    transaction_count: int | None = None
    sales_count: int | None = None
    refund_count: int | None = None
    listed_net_minor: int | None = None
    listed_count: int | None = None
    is_consistent: bool | None = None
    mismatch: str
    observed_at: datetime
    raw: str
