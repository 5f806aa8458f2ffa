"""What Saldo asks of PayTrace, in one shape for both API versions: the port, its commands and its answers.

client.py (v1) and client_v3.py (v3) satisfy PayTraceGateway; which of the two runs is a setting. Amounts are
minor units, dates are days in the merchant's zone, and secrets never show in a repr.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from pydantic import SecretStr

from connectors.paytrace.mapping import Meaning
from connectors.paytrace.wire import JsonObject

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

    number and csc hold what the API version wants: plain or encrypted for v1, encrypted for v3.
    """

    number: SecretStr
    expiration_month: int
    expiration_year: int
    csc: SecretStr | None = None
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class BankAccount:
    """A bank account for an ACH debit; only ever passed through, never stored or logged."""

    account_number: SecretStr
    routing_number: SecretStr
    account_type: Literal["Checking", "Savings"] = "Checking"


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


class PayTraceGateway(Protocol):
    """The operations that both API versions offer.

    Raises: leaves of connectors.paytrace.errors only. A decline is an Answer, not an error. A money-moving call
            without a readable answer raises PaymentOutcomeUnknown and is never repeated here.
    """

    async def export_transactions(self, start: date, end: date) -> list[JsonObject]:
        """Card transactions created on these days, both included; no paging, so ask for few days."""

    async def export_transaction(self, transaction_id: str) -> JsonObject | None:
        """One card transaction by id, or None when PayTrace does not know it."""

    async def find_transactions(self, start: date, end: date, text: str) -> list[JsonObject]:
        """Card transactions of these days that contain text: the look-up after a time-out."""

    async def sale_keyed(self, card: CardDetails, charge: Charge) -> Answer:
        """Charge a card; money moves."""

    async def sale_by_customer(self, customer_id: str, charge: Charge) -> Answer:
        """Charge a vault customer's card; money moves."""

    async def authorize_keyed(self, card: CardDetails, charge: Charge) -> Answer:
        """Reserve an amount on a card."""

    async def authorize_by_customer(self, customer_id: str, charge: Charge) -> Answer:
        """Reserve an amount on a vault customer's card."""

    async def capture(self, transaction_id: str, amount_minor: int | None = None) -> Answer:
        """Capture an authorization, in full when no amount is given."""

    async def void(self, transaction_id: str) -> Answer:
        """Cancel an unsettled transaction."""

    async def refund(self, transaction_id: str, amount_minor: int | None = None) -> Answer:
        """Pay a settled transaction back, in full when no amount is given; the answer names the new id."""

    async def settle(self) -> Answer:
        """Close the open batch now (terminal-capture networks only)."""

    async def export_batches(self, start: date, end: date) -> list[JsonObject]:
        """Settlement batches closed on these days."""

    async def export_batch(self, batch_number: int | None = None) -> JsonObject | None:
        """One settlement batch; the latest when no number is given."""

    async def export_batch_transactions(self, batch_number: int) -> list[JsonObject]:
        """The settled transactions of one batch."""

    async def export_customers(self, customer_id: str | None = None) -> list[JsonObject]:
        """Vault customers, all or one."""

    async def create_recurrence(self, recurrence: RecurrencePlan) -> Answer:
        """Create a recurring schedule; nothing is charged yet."""

    async def delete_recurrence(self, recurrence_id: str) -> Answer:
        """Remove a recurring schedule for good."""

    def list_ach(self, start: date, end: date, *, date_type: AchDateType = "PROCESSED") -> AsyncIterator[JsonObject]:
        """ACH transactions by date of processing or settlement, page by page."""

    async def pay_by_ach(
        self,
        payer: BankAccount | str,
        charge: Charge,
        *,
        idempotency_key: str,
        entry_class: EntryClass = "WEB",
    ) -> Answer:
        """Debit a bank account or a vault customer's; a key that was used before pays nothing again.

        After a lost answer the key is looked up, and the debit is sent again only when PayTrace does not know it.
        """

    async def export_ach(self, transaction_id: str) -> JsonObject | None:
        """One ACH transaction by id, or None when PayTrace does not know it."""

    async def aclose(self) -> None:
        """Close connections."""


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
