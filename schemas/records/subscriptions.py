"""Records of the subscriptions context: the schedules by which PayTrace charges vault customers.

Field for field like schemas/avro/subscriptions/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from schemas.records.payments import PaymentMethod, TransactionKind


class RecurrenceStatus(StrEnum):
    """Whether a schedule still charges; UNKNOWN keeps raw_status."""

    UNKNOWN = "UNKNOWN"
    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"


class RecurrenceFrequency(StrEnum):
    """How often a schedule charges; UNKNOWN keeps raw_frequency."""

    UNKNOWN = "UNKNOWN"
    YEARLY = "YEARLY"
    EVERY_SIX_MONTHS = "EVERY_SIX_MONTHS"
    EVERY_FOUR_MONTHS = "EVERY_FOUR_MONTHS"
    QUARTERLY = "QUARTERLY"
    EVERY_TWO_MONTHS = "EVERY_TWO_MONTHS"
    MONTHLY = "MONTHLY"
    EVERY_TWO_WEEKS = "EVERY_TWO_WEEKS"
    FIRST_AND_FIFTEENTH = "FIRST_AND_FIFTEENTH"
    WEEKLY = "WEEKLY"
    DAILY = "DAILY"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrenceObserved:
    """A recurring schedule as PayTrace shows it now; each charge is a transaction of its own."""

    vault_customer_id: str
    recurrence_id: str
    merchant: str
    status: RecurrenceStatus
    raw_status: str
    kind: TransactionKind
    raw_kind: str
    method: PaymentMethod
    raw_method: str
    amount_minor: int
    currency: str
    frequency: RecurrenceFrequency
    raw_frequency: str
    next_on: date | None = None
    raw_next: str
    planned_count: int | None = None
    charged_count: int | None = None
    description: str
    observed_at: datetime
    raw: str
