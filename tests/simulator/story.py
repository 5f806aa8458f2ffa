"""What people, customers and the bank do while the pipeline runs: the trading days of one seed.

Payments go every way that a trading day knows (infra/demo/plan.py). Besides, invoices come late, people at abas ask
for refunds and charges, and operators decide what waits: rightly, wrongly and twice. The other sides have bad days of
their own as well: words that nobody knows, searches that lag, customers whose records somebody else has open.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx2

from app.operators.decisions import CommandClient
from app.settings.settings import Settings
from infra.demo.bank import Bank
from infra.demo.plan import CURRENCY, Course, Day, Invoice, plan_day
from infra.demo.transfers import BANK_ACCOUNT, Transfers, rate_of
from infra.demo.world import Story, World
from reconcile.files.bank_lines import Selection, read_bank_lines
from reconcile.files.received import Accounts, GivenFile
from schemas.files.owned import text_of
from schemas.records.identification import AssignCustomer
from schemas.records.receivables import (
    ConfirmMatch,
    HandToFinance,
    PostAgain,
    PutOnAccount,
    PutRefundOnAccount,
    ReassignPayment,
    RejectMatch,
    ReverseWriteOff,
    UnmatchEntry,
    WriteOffRest,
)
from schemas.records.risk import PaymentRiskDecided, ReleaseHeldPayment, RiskStatus
from schemas.records.rules import AdoptRules
from schemas.records.settlement import BankLineObserved
from schemas.topic import Topic
from schemas.values.business_day import business_day
from schemas.values.clock import new_uuid, utc_now
from schemas.values.money import Money
from streams.rules.catalogue import KINDS, RISK_RULES, RulesKind

# Holds every second payment or so: by the customer, whose card is used again, and by the merchant account.
HOLD_MANY = """version: 2
notes_hold: 2
rules:
- {name: often, kind: velocity, then: note, by: merchant, within: 1d, at_most: 2, why: simulated}
- {name: again, kind: velocity, then: note, by: card, within: 1d, at_most: 1, why: simulated}
- {name: refund, kind: refund_without_sale, then: hold, by: card, within: 9d, why: simulated}
"""
# What may be on at PayTrace and abas for the length of a story; each with its own coin.
PAYTRACE_ODDITIES: Mapping[str, object] = {
    "odd_status": {"share": 0.3},
    "amount_text": {"share": 0.5},
    "page_repeats": {"share": 0.2},
    "page_skips": {"share": 0.2},
    "void_after_103": True,
    "batch_number_repeats": {"share": 0.75},
}
ABAS_ODDITIES: Mapping[str, object] = {
    "search_lag_s": 1.5,
    "slow_posting_s": 2.0,
    "sessions": 2,
    "internal_error": 2,
    "unavailable": 3,
}
ABAS_WELL: Mapping[str, object] = {
    "search_lag_s": 0,
    "slow_posting_s": 0,
    "sessions": 0,
    "internal_error": 0,
    "unavailable": 0,
    "locked_s": {},
}
_REFUNDABLE = (Course.VAULT_SALE, Course.KEYED_SALE, Course.VAULT_SALE_NO_INVOICE)
# Amounts of requests are distinguished from those of payments, which end well below.
_FIRST_REQUEST_MINOR = 9_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody at abas asked for; the amount is its own alone. Units: minor units."""

    kind: str
    subject: str
    amount_minor: int


@dataclass
class Reported:
    """What was done, for whoever compares it with the books."""

    requests: list[Request] = field(default_factory=list)
    commands: int = 0
    transfers: Mapping[str, dict[str, Any]] = field(default_factory=dict)  # what the bank's books hold of customers


class People:
    """Everybody outside our processes, and what they do in one story."""

    def __init__(
        self,
        rng: random.Random,
        world: World,
        paytrace: httpx2.AsyncClient,
        erp: httpx2.AsyncClient,
        commands: CommandClient,
        entries: Callable[[], Any],
        assessed: Callable[[], Any],
        settings: Settings,
        partitions: int,
    ) -> None:
        self._partitions = partitions
        self._rules = settings.rules
        self._rng = rng
        self._world = world
        self._paytrace = paytrace
        self._erp = erp
        self._commands = commands
        self._entries = entries
        self._assessed = assessed
        self._merchant = settings.paytrace.merchant
        self._directory = settings.data_dir
        self._day: Day | None = None
        self._story = Story()
        self.reported = Reported()

    async def live(self, payments: int, customers: int) -> None:
        """One trading day and what follows from it."""
        rng = self._rng
        day = self._day = plan_day(rng.getrandbits(30), payments, customers=customers, label="S")
        await self._world.prepare(day.customers)
        transfers = Transfers("5A", day.customers)
        await self._bad_days(day)
        if rng.random() < 0.4:
            await self._adopt_rules(RISK_RULES, HOLD_MANY, 2)
        late = [invoice for invoice in day.invoices if rng.random() < 0.2]
        early = [invoice for invoice in day.invoices if invoice not in late]
        parts: list[Callable[[], Any]] = [
            lambda: self._world.invoice([*early, *transfers.invoices]),
            lambda: self._world.morning(day.deals, self._story),
            lambda: self._world.afternoon(self._story),
            lambda: self._late(day, late),
            lambda: self._decide(day),
            lambda: self._world.evening(self._story),
            lambda: self._ask(day),
            lambda: self._adopt(),
            lambda: self._world.returns(self._story),
            lambda: self._decide(day),
            lambda: self._pay_into_bank(transfers),
            self._pay_out,
            lambda: self._decide(day),
        ]
        for part in parts:
            # Nobody waits for our pipeline, so what it sees of two events may be one, both, or the second only.
            await asyncio.sleep(rng.choice((0.1, 2.0, 8.0)) * rng.random())
            await part()
        await asyncio.sleep(rng.random() * 5)

    async def _bad_days(self, day: Day) -> None:
        rng = self._rng
        switches = {name: value for name, value in PAYTRACE_ODDITIES.items() if rng.random() < 0.2}
        await self._switch(self._paytrace, switches)
        erp = {name: value for name, value in ABAS_ODDITIES.items() if rng.random() < 0.2}
        if rng.random() < 0.2:
            books = (await self._erp.get("/_sandbox/books")).json()
            erp["locked_s"] = {str(rng.choice(books["customers"])["id"]): 20.0}
        await self._switch(self._erp, erp)

    async def recover(self) -> None:
        """The other sides are well again."""
        await self._switch(self._paytrace, {"clear": True})
        await self._switch(self._erp, ABAS_WELL)

    async def _switch(self, side: httpx2.AsyncClient, switches: Mapping[str, object]) -> None:
        if switches:
            (await side.post("/_sandbox/faults", json=dict(switches))).raise_for_status()

    async def _late(self, day: Day, late: Sequence[Invoice]) -> None:
        """Invoices that come after their payment, and the one that a payment named and nobody knew."""
        named = {deal.invoice_number: deal for deal in day.deals if deal.course is Course.UNKNOWN_INVOICE}
        found = [Invoice(number, deal.customer, deal.amount_minor) for number, deal in named.items()]
        await self._world.invoice([*late, *(one for one in found if self._rng.random() < 0.5)])

    async def _ask(self, day: Day) -> None:
        """People at abas ask for money back, and for a charge of a stored card."""
        rng, rows = self._rng, []
        for deal, payment in self._story.of(*_REFUNDABLE):
            if rng.random() < 0.4:
                amount = 100 + len(self.reported.requests)
                self.reported.requests.append(Request("refund", payment, amount))
                rows.append(("refund", deal.customer.number, amount, payment))
        if rng.random() < 0.5:
            amount = _FIRST_REQUEST_MINOR + len(self.reported.requests)
            customer = rng.choice(day.customers)
            self.reported.requests.append(Request("charge", customer.vault_id, amount))
            rows.append(("charge", customer.number, amount, ""))
        body = [
            {
                "kind": kind,
                "customer_number": customer,
                "amount": str(Money(amount, CURRENCY).major),
                "currency": CURRENCY,
            }
            | ({"paytrace_transaction_id": payment} if payment else {})
            for kind, customer, amount, payment in rows
        ]
        if body:
            (await self._erp.post("/_sandbox/payment-requests", json=body)).raise_for_status()

    async def _pay_out(self) -> None:
        """The bank pays out what PayTrace's own books say is settled."""
        charges = (await self._paytrace.get("/_sandbox/books")).json()
        statement = Bank().statement(charges, business_day(utc_now()))
        if statement is None or self._rng.random() < 0.3:
            return
        path = self._directory / "statement.csv"
        path.write_text(statement.text, "utf-8")
        selection = Selection(self._merchant, self._merchant, CURRENCY)
        given = GivenFile.of(path, Accounts({self._merchant: CURRENCY}), utc_now(), origin="command")
        found = read_bank_lines(given, selection)
        for record in (*found.lines, *found.ended):
            await self._commands.ask(Topic.SETTLEMENT_INBOX, record, wait_s=0)

    async def _pay_into_bank(self, transfers: Transfers) -> None:
        """Customers pay into the bank account, in dollars and euros; a rate may come before the money, or after it."""
        rng, today = self._rng, business_day(utc_now())
        rate = (Topic.RATES_INBOX, rate_of(today, utc_now()))
        days: list[tuple[int, ...]] = [(0, 1, 2)] if rng.random() < 0.5 else [(0,), (1,), (2,)]
        records: list[tuple[Topic, Any]] = [
            (Topic.SETTLEMENT_INBOX, line) for some in days for line in self._paid_in(transfers, some, today)
        ]
        records.insert(rng.randrange(len(records) + 1), rate)
        for topic, record in records:
            for _ in range(2 if rng.random() < 0.2 else 1):
                await self._commands.ask(topic, record, wait_s=0)

    def _paid_in(self, transfers: Transfers, days: tuple[int, ...], today: date) -> Sequence[BankLineObserved]:
        path = self._directory / "transfers.csv"
        path.write_text(transfers.statement(days, today), "utf-8")
        given = GivenFile.of(path, Accounts({self._merchant: CURRENCY}), utc_now(), origin="command")
        found = read_bank_lines(given, Selection(self._merchant, BANK_ACCOUNT, CURRENCY), ends_days=False)
        transfers.book(found.lines)
        self.reported.transfers = transfers.held
        return found.lines

    async def _adopt(self) -> None:
        """People change the rules while money is on its way: the same text, as a version that follows."""
        for name, kind in KINDS.items():
            if self._rng.random() < 0.5:
                continue
            text = text_of(self._rules.path_of(name) or kind.shipped)
            version = kind.version_of(text, name)
            wanted = re.sub(rf'(?m)^version: "?{version}"?$', f"version: {version + 1}", text)
            await self._adopt_rules(kind, wanted, version + 1)

    async def _adopt_rules(self, kind: RulesKind, text: str, version: int) -> None:
        command = AdoptRules(
            rules_name=kind.name,
            version=version,
            text=text,
            partitions=dict.fromkeys(kind.inboxes, self._partitions),
            command_id=new_uuid().hex,
            requested_by="anna",
            authenticated_by="session",
            reason="simulated",
            requested_at=utc_now(),
        )
        self.reported.commands += 1
        for _ in range(2 if self._rng.random() < 0.2 else 1):
            await self._commands.ask(Topic.RULES_INBOX, command, wait_s=0)

    # -- operators -------------------------------------------------------------------------------------------------

    async def _decide(self, day: Day) -> None:
        """Decide some of what is there: what waits, what was posted, what was written off."""
        rng = self._rng
        for state in await self._entries():
            entries = [entry for entry in state.entries.values() if not entry.is_write_off]
            for entry in entries:
                if rng.random() < 0.5:
                    await self._give(Topic.RECEIVABLES_INBOX, self._command_for(state, entry, day))
            for item in state.items.values():
                if rng.random() < 0.1:
                    rest = WriteOffRest(
                        abas_open_item_id=item.abas_open_item_id, currency=CURRENCY, **self._given(state)
                    )
                    await self._give(Topic.RECEIVABLES_INBOX, rest)
            for written_off in (entry for entry in state.entries.values() if entry.is_write_off):
                if rng.random() < 0.5:
                    undone = ReverseWriteOff(posting_reference=written_off.posting_reference, **self._given(state))
                    await self._give(Topic.RECEIVABLES_INBOX, undone)
        for one in (state.payment.decided for state in await self._assessed()):
            if one is not None and one.status is RiskStatus.HELD and rng.random() < 0.5:
                await self._give(Topic.RISK_INBOX, self._release(one))
        for deal, payment in self._story.of(Course.NO_REFERENCE, Course.UNKNOWN_INVOICE):
            if rng.random() < 0.4:
                assigned = AssignCustomer(
                    payment_token=f"payment:{payment}",
                    paytrace_transaction_id=payment,
                    **{**self._given(None), "abas_customer_id": deal.customer.number},
                )
                await self._give(Topic.IDENTIFICATION_INBOX, assigned)

    def _release(self, held: PaymentRiskDecided) -> ReleaseHeldPayment:
        return ReleaseHeldPayment(
            command_id=new_uuid().hex,
            payment_token=held.payment_token,
            paytrace_transaction_id=held.paytrace_transaction_id,
            amount_minor=held.amount_minor,
            currency=held.currency,
            decided_by="anna",
            authenticated_by="session",
            reason="simulated",
            approved_by=None,
            occurred_at=utc_now(),
        )

    def _command_for(self, state: Any, entry: Any, day: Day) -> Any:
        rng, given = self._rng, self._given(state)
        reference = {"posting_reference": entry.posting_reference}
        if entry.options and rng.random() < 0.7:
            option = rng.choice(entry.options)
            shown = {"abas_open_item_ids": option.abas_open_item_ids, "suggestion_code": option.suggestion_code}
            if rng.random() < 0.3:
                return RejectMatch(**shown, **reference, **given)
            parts = {"part_amounts": option.part_amounts, "currency": option.currency}
            return ConfirmMatch(**shown, **parts, **reference, **given)
        drawn = rng.random()
        if entry.is_waiting:
            if not entry.is_receipt:
                return (PutRefundOnAccount if drawn < 0.5 else HandToFinance)(**reference, **given)
            return (PutOnAccount if drawn < 0.7 else PostAgain)(**reference, **given)
        if drawn < 0.7:
            return UnmatchEntry(**reference, **given)
        return ReassignPayment(
            paytrace_transaction_id=entry.owner, to_customer_id=rng.choice(day.customers).number, **given
        )

    def _given(self, state: Any) -> dict[str, Any]:
        return {
            "command_id": new_uuid().hex,
            "abas_customer_id": "" if state is None else state.abas_customer_id,
            "decided_by": "anna",
            "reason": "simulated",
            "occurred_at": utc_now(),
        }

    async def _give(self, inbox: str, command: Any) -> None:
        self.reported.commands += 1
        await self._commands.ask(inbox, command, wait_s=0)
        if self._rng.random() < 0.1:
            await self._commands.ask(inbox, command, wait_s=0)  # pressed twice
