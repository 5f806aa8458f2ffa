"""Records of the customers context: what PayTrace's vault holds of a customer.

Field for field like schemas/avro/customers/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultCustomerObserved:
    """A customer of PayTrace's vault as shown now: what can be charged, and not who it is."""

    vault_customer_id: str
    merchant: str
    gateway_customer_id: str | None = None
    has_card: bool
    card_last_four: str | None = None
    card_expires_on: date | None = None
    raw_card_expiry: str
    has_bank_account: bool | None = None
    created_at: datetime | None = None
    raw_created: str
    observed_at: datetime
    raw: str
