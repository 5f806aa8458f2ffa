"""What Saldo asks of PayTrace, in one shape for both API versions: commands and answers.

client.py (v1) and client_v3.py (v3) take and give them; which of the two runs is a setting. Amounts are
minor units, dates are days in the merchant's zone, and secrets never show in a repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from pydantic import SecretStr

from connectors.paytrace.mapping import Meaning

AchDateType = Literal["PROCESSED", "SETTLED"]
EntryClass = Literal["CCD", "PPD", "WEB", "TEL"]


@dataclass(frozen=True, slots=True)
class BillingAddress:
    """Where the payer lives, as far as address verification asks for it."""

    name: str = field(default="", repr=False)
    street_address: str = field(default="", repr=False)
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class CardDetails:
    """A card for a keyed call; only ever passed through, never stored or logged.

    The demo plays payers with it; number and csc are plain or encrypted. Nothing that runs by itself has a card.
    """

    number: SecretStr
    expiration_month: int
    expiration_year: int
    csc: SecretStr | None = None
    encrypted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What to charge. invoice_number should be unique: it is what a look-up after a time-out goes by.

    Units: amount_minor and tax_amount_minor in cents; only USD is offered.
    """

    amount_minor: int
    currency: str = "USD"
    invoice_number: str = ""
    description: str = ""
    customer_reference_id: str = ""
    tax_amount_minor: int | None = None
    billing_address: BillingAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """PayTrace's answer to one command; meaning is our reading of response_code and the only thing to go by."""

    meaning: Meaning
    response_code: int | None
    status_message: str
    transaction_id: str | None = None
    approval_code: str = ""
    approval_message: str = ""
    avs_response: str = ""
    csc_response: str = ""
    customer_id: str | None = None
    recurrence_id: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict, repr=False)


RecurrenceFrequency = Literal["1", "8", "A", "2", "9", "3", "4", "7", "5", "6"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrencePlan:
    """A schedule to create: frequency in PayTrace's codes (3 monthly, 5 weekly, ...), 999 charges is no end."""

    customer_id: str
    amount_minor: int
    frequency: RecurrenceFrequency
    start_on: date
    total_count: int = 999
    transaction_type: Literal["Sale", "Authorization"] = "Sale"
    pays_by: Literal["C", "A"] = "C"
    description: str = ""
