"""The outside world of a trading day: makes the payments at PayTrace and the invoices in abas, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from typing import Any

import httpx2
from pydantic import SecretStr

from app.settings.settings import Settings
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.ports import BillingAddress, CardDetails, Charge
from connectors.paytrace.settings import PayTraceSettings
from infra.demo.plan import CURRENCY, Course, Customer, Deal, Invoice, captured_part, refund_parts
from infra.installation.stack import SANDBOX_PASSWORD, SANDBOX_USER
from schemas.values.money import Money

# The vendor's test cards; they work in a sandbox only.
TEST_CARD = CardDetails(SecretStr("4012000098765439"), 12, 2030, SecretStr("999"))
WRONG_ADDRESS = BillingAddress(name="A. Nother", street_address="1 Elsewhere Ave", zip="10001")
DECLINED_AMOUNT_MINOR = 29
CALLS_AT_ONCE = 4
# When invoices are due, from today; the one without a due date is what an ERP has as well.
DUE_IN_DAYS = (30, 14, 0, -7, -20, -45, -75, -120, None)

Progress = Callable[[str], None]


@dataclass
class Story:
    """What was done: the transaction id of each deal, by course."""

    transactions: dict[Course, list[tuple[Deal, str]]] = field(default_factory=dict)

    @property
    def transaction_ids(self) -> frozenset[str]:
        """Every transaction that was begun."""
        return frozenset(identity for deals in self.transactions.values() for _, identity in deals)

    def of(self, *courses: Course) -> Iterable[tuple[Deal, str]]:
        """Deals of these courses and their transaction ids."""
        return [found for course in courses for found in self.transactions.get(course, [])]


class World:
    """One sandboxed merchant and its ERP."""

    def __init__(
        self,
        paytrace: PayTraceClient,
        merchant: httpx2.AsyncClient,
        erp: httpx2.AsyncClient,
        settings: PayTraceSettings,
    ) -> None:
        self._paytrace = paytrace
        self._desk = merchant
        self._erp = erp
        self._settings = settings
        self._gate = asyncio.Semaphore(CALLS_AT_ONCE)

    async def prepare(self, customers: Sequence[Customer]) -> None:
        """Create the customers in abas and in PayTrace's vault; those that are there already stay."""
        known = {str(row.get("customer_id")) for row in await self._paytrace.export_customers()}
        await self._post(
            self._erp,
            "customers",
            [{"number": c.number, "name": c.name, "vault_customer_id": c.vault_id} for c in customers],
        )
        # Payments over 1 USD to a wrong address are approved and voided at once: response code 103.
        await self._post(self._desk, "rules", {"auto_void_rule": "avs"})
        address = {"name": "Vault Customer"}
        await self._all(
            self._paytrace.create_customer(c.vault_id, card=TEST_CARD, billing_address=address)
            for c in customers
            if c.vault_id not in known
        )

    async def move_to(self, moment: datetime) -> None:
        """Move the clocks of both sandboxes; they go on from there."""
        now = {"now": moment.isoformat()}
        await asyncio.gather(self._post(self._desk, "clock", now), self._post(self._erp, "clock", now))

    async def close_month(self, of: date) -> None:
        """Close the books of a month in abas: nothing may be posted into it any more."""
        await self._post(self._erp, "faults", {"closed_periods": [f"{of:%Y-%m}"]})

    async def invoice(self, invoices: Sequence[Invoice], today: date | None = None) -> None:
        """Write the invoices into abas as open items, due at different times, so that `ageing` shows every column."""
        today = today or datetime.now(UTC).date()
        rows = [
            {
                "invoice_number": invoice.number,
                "customer_number": invoice.customer.number,
                "amount": str(Money(invoice.amount_minor, invoice.currency).major),
                "currency": invoice.currency,
                "due_on": None if due is None else (today + timedelta(days=due)).isoformat(),
                "base_amount": None
                if invoice.booked_minor is None
                else str(Money(invoice.booked_minor, CURRENCY).major),
            }
            for invoice, due in zip(invoices, cycle(DUE_IN_DAYS), strict=False)
        ]
        if rows:
            await self._post(self._erp, "open-items", rows)

    async def morning(self, deals: Sequence[Deal], story: Story, done: Progress = lambda _: None) -> None:
        """Make every payment that begins today."""

        async def make(deal: Deal) -> None:
            story.transactions.setdefault(deal.course, []).append((deal, await self._begin(deal)))
            done(deal.course)

        await self._all(make(deal) for deal in deals)

    async def afternoon(self, story: Story, done: Progress = lambda _: None) -> None:
        """Play captures and voids, settlement, ACH results, refunds: what happens to payments after they were made."""
        await self._all(self._paytrace.capture(transaction) for _, transaction in story.of(Course.CAPTURED))
        await self._all(
            self._paytrace.capture(transaction, captured_part(deal.amount_minor))
            for deal, transaction in story.of(Course.CAPTURED_IN_PART)
        )
        await self._all(self._paytrace.void(transaction) for _, transaction in story.of(Course.VOIDED))
        done("captures and voids")

    async def settle(self) -> None:
        """Let PayTrace close the batch of what was captured."""
        await self._post(self._desk, "settle", {})

    async def evening(self, story: Story, done: Progress = lambda _: None) -> None:
        """Close the batch, clear ACH debits, then send money back."""
        await self.settle()
        for _, transaction in story.of(Course.ACH_CLEARED, Course.ACH_RETURNED):
            await self._post(self._desk, "ach", {"transaction_id": transaction, "status": "SETTLED"})
        done("settlement")
        await self._all(self._paytrace.refund(t) for _, t in story.of(Course.REFUNDED))
        for deal, transaction in story.of(Course.REFUNDED_IN_PART, Course.REFUNDED_TWICE):
            first, second = refund_parts(deal.amount_minor)
            await self._paytrace.refund(transaction, first)
            if deal.course is Course.REFUNDED_TWICE:
                await self._paytrace.refund(transaction, second)
        done("refunds")

    async def returns(self, story: Story, done: Progress = lambda _: None) -> None:
        """ACH debits that had cleared come back."""
        for _, transaction in story.of(Course.ACH_RETURNED):
            returned = {"transaction_id": transaction, "status": "RETURNED", "return_code": "R01"}
            await self._post(self._desk, "ach", returned)
        done("ACH returns")

    async def _begin(self, deal: Deal) -> str:
        charge = Charge(amount_minor=deal.amount_minor, invoice_number=deal.invoice_number)
        match deal.course:
            case Course.ACH_CLEARED | Course.ACH_PENDING | Course.ACH_RETURNED:
                return await self._debit(deal)
            case Course.DECLINED:
                declined = Charge(amount_minor=DECLINED_AMOUNT_MINOR, invoice_number=deal.invoice_number)
                answer = await self._paytrace.sale_keyed(TEST_CARD, declined)
            case Course.VOIDED_BY_RULE:
                elsewhere = Charge(
                    amount_minor=deal.amount_minor, invoice_number=deal.invoice_number, billing_address=WRONG_ADDRESS
                )
                answer = await self._paytrace.sale_keyed(TEST_CARD, elsewhere)
            case Course.AUTHORIZED | Course.CAPTURED | Course.CAPTURED_IN_PART:
                answer = await self._paytrace.authorize_by_customer(deal.customer.vault_id, charge)
            case Course.KEYED_SALE | Course.UNKNOWN_INVOICE | Course.NO_REFERENCE:
                answer = await self._paytrace.sale_keyed(TEST_CARD, charge)
            case _:
                answer = await self._paytrace.sale_by_customer(deal.customer.vault_id, charge)
        assert answer.transaction_id is not None, f"PayTrace gave no transaction id: {answer}"
        return answer.transaction_id

    async def _debit(self, deal: Deal) -> str:
        """Make an ACH debit by the v3 API, the only one with statuses."""
        integrator = {"X-Integrator-Id": self._settings.integrator_id}
        login = await self._desk.post(
            "/v3/token",
            headers=integrator,
            data={
                "grant_type": "client_credentials",
                "client_id": SANDBOX_USER,
                "client_secret": SANDBOX_PASSWORD.get_secret_value(),
            },
        )
        token = login.raise_for_status().json()["data"]["access_token"]
        answer = await self._desk.post(
            "/v3/checks/payment",
            headers={**integrator, "Authorization": f"Bearer {token}"},
            json={
                "merchant_id": self._settings.merchant_id,
                "std_entry_class": "WEB",
                "amount": float(Money(deal.amount_minor, CURRENCY).major),
                # The reference's test routing number; the account is invented.
                "bank_account": {
                    "account_number": "123456789",
                    "routing_number": "325070760",
                    "account_type": "Checking",
                },
                "invoice_number": deal.invoice_number,
                "idempotency_key": f"demo-{deal.invoice_number}",
            },
        )
        return str(answer.raise_for_status().json()["transaction_id"])

    async def _all(self, calls: Iterable[Awaitable[Any]]) -> None:
        async def gated(call: Awaitable[Any]) -> None:
            async with self._gate:
                await call

        await asyncio.gather(*(gated(call) for call in calls))

    async def _post(self, client: httpx2.AsyncClient, path: str, body: Any) -> None:
        answer = await client.post(f"/_sandbox/{path}", json=body)
        answer.raise_for_status()


@asynccontextmanager
async def open_world(settings: Settings, *, paytrace_url: str, abas_url: str) -> AsyncIterator[World]:
    """Hold the world behind the sandboxes at these addresses."""
    async with (
        PayTraceClient(settings.paytrace) as paytrace,
        httpx2.AsyncClient(base_url=paytrace_url, timeout=60, trust_env=False) as merchant,
        httpx2.AsyncClient(base_url=abas_url, timeout=60, trust_env=False) as erp,
    ):
        yield World(paytrace, merchant, erp, settings.paytrace)
