"""What happens at PayTrace, in abas and at the bank in a year, drawn from a seed: money as it is, trouble included.

Shapes: `Year.days()` yields, day by day, the records that the sources would publish on it, each with its inbox. The
        rates are those of an online shop with cards and bank debits; they are in `Rates`, and nowhere else.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from schemas.records.disputes import DisputeFact, DisputeObserved
from schemas.records.identification import CustomerReferenced, OpenItemReferenced
from schemas.records.payments import ObservedBy, PaymentMethod, TransactionKind, TransactionObserved, TransactionStatus
from schemas.records.receivables import OpenItemObserved
from schemas.records.settlement import (
    BankDirection,
    BankLineObserved,
    BankStatementEnded,
    ProcessorEntryKind,
    ProcessorEntryObserved,
    SettlementBatchObserved,
)
from schemas.topic import Topic
from schemas.values.references import invoice_token, vault_token

ACCOUNT, MERCHANT, CURRENCY = "main/USD", "main", "USD"
# Where customers pay in besides, and how they write an invoice.
BANK_ACCOUNT = "giro"
CUSTOMERS_PAY = "customers_pay: {accounts: {giro: named}, invoices: [{find: 'RE-\\d+'}], orders: [], customers: []}"
Report = tuple[str, Any]
_LAST_DAYS = 15  # without new payments, so that the last deposits come


@dataclass(frozen=True, slots=True)
class Rates:
    """How often something happens, as shares of all payments unless another base is named."""

    ach: float = 0.08
    declined: float = 0.07
    authorized_first: float = 0.15
    voided: float = 0.01
    refunded: float = 0.03
    refunded_in_part: float = 0.4  # of refunds
    ach_returned: float = 0.012  # of bank debits
    returned_late: float = 0.1  # of returns: about day 55
    disputed: float = 0.003  # of card payments
    dispute_won: float = 0.4  # of disputes
    observed_twice: float = 0.1
    observed_late: float = 0.02  # an observation comes a day after a later one
    without_invoice: float = 0.005
    paid_into_bank: float = 0.03  # customers who pay into the bank account
    bank_returned: float = 0.02  # of these
    bank_returned_in_part: float = 0.3  # of those that come back
    paid_twice: float = 0.001
    short_paid: float = 0.002
    fee_basis_points: int = 290
    fee_each_minor: int = 30
    reserve_basis_points: int = 100
    reserve_days: int = 90


@dataclass(frozen=True, slots=True)
class Sale:
    """A payment that was made: what later days come back to."""

    transaction: str
    amount_minor: int
    invoice: str | None
    vault: str
    is_ach: bool
    last_four: str


class Year:
    """A year of so many payments; the same seed is the same year."""

    def __init__(
        self, payments: int, seed: int, *, days: int = 365, first: date = date(2026, 1, 5), rates: Rates | None = None
    ) -> None:
        """Draw nothing yet."""
        self._rng = random.Random(seed)
        self._payments = payments
        self._days = days
        self._first = first
        self._rates = rates or Rates()
        self._customers = max(1, payments // 25)
        self._later: defaultdict[int, list[Report]] = defaultdict(list)  # what a day will bring, by its number
        self._to_settle: list[Sale | tuple[str, Sale, int]] = []  # the open batch: sales, and refunds with their number
        self._clears: defaultdict[int, list[tuple[Sale, int]]] = defaultdict(list)  # sign 1 clears, -1 comes back
        self._released: defaultdict[int, int] = defaultdict(int)
        self._number = 10_000_000
        self.paid = 0  # how many payments were drawn so far
        # What happened in all, in minor units: the truth that the books of a year are held to.
        self.truth: Counter[str] = Counter()
        self._batch = 0
        self._known: set[int] = set()

    def days(self) -> Iterator[tuple[date, list[Report]]]:
        """Yield each day with what the sources publish on it; then a last fortnight without new payments."""
        for number in range(self._days + _LAST_DAYS):
            self._reports: list[Report] = self._later.pop(number, [])
            if number < self._days:
                for _ in range(self._count_of(number)):
                    self._pay(number)
            self._clear(number)
            self._settle(number)
            self._say(Topic.SETTLEMENT_INBOX, self._statement(number))
            yield self._day(number), self._reports

    # -- payments ------------------------------------------------------------------------------------------------------

    def _count_of(self, number: int) -> int:
        """Spread the payments evenly, what is left over on the first days."""
        return self._payments // self._days + (number < self._payments % self._days)

    def _pay(self, number: int) -> None:
        self.paid += 1
        rng, rates = self._rng, self._rates
        customer = rng.randrange(self._customers)
        vault, abas_customer = f"v{customer}", f"{70_000 + customer}"
        if customer not in self._known:
            self._known.add(customer)
            known = CustomerReferenced(
                token=vault_token(vault), abas_customer_id=abas_customer, observed_at=self._at(number, 1)
            )
            self._say(Topic.IDENTIFICATION_INBOX, known)
        asked_minor = max(500, int(rng.lognormvariate(8.8, 0.9)))
        invoice: str | None = f"RE-{self._number + 1}"
        self._invoice(number, abas_customer, str(invoice), asked_minor)
        paid_minor = asked_minor - (min(asked_minor // 50, 900) if rng.random() < rates.short_paid else 0)
        if rng.random() < rates.without_invoice:
            invoice = None
        if invoice is not None and rng.random() < rates.paid_into_bank:
            self._transfer(number + rng.randint(1, 4), invoice, paid_minor)
            return
        is_ach = rng.random() < rates.ach
        sale = Sale(self._next(), paid_minor, invoice, vault, is_ach, f"{rng.randrange(10_000):04d}")
        self._make(number, sale)
        if rng.random() < rates.paid_twice:
            self._make(number, replace(sale, transaction=self._next()))

    def _transfer(self, number: int, invoice: str, minor: int) -> None:
        """Let a customer pay into the bank account; the bank takes some of it back."""
        self._next()  # the invoice's number is its own
        words = f"ACME pays {invoice}"
        self._bank(number, minor, words, None, account=BANK_ACCOUNT)
        if self._rng.random() < self._rates.bank_returned:
            is_part = self._rng.random() < self._rates.bank_returned_in_part
            back = self._rng.randint(1, minor - 1) if is_part else minor
            self._bank(number + self._rng.randint(3, 9), -back, f"RETURN {words}", None, account=BANK_ACCOUNT)

    def _make(self, number: int, sale: Sale) -> None:
        rng, rates = self._rng, self._rates
        if sale.is_ach:
            self._debit(number, sale)
        elif rng.random() < rates.declined:
            self._see(number, sale, TransactionStatus.DECLINED)
        else:
            if rng.random() < rates.authorized_first:
                self._see(number, sale, TransactionStatus.AUTHORIZED, kind=TransactionKind.AUTHORIZATION)
            self._see(number, sale, TransactionStatus.PENDING_SETTLEMENT, minute=600)
            self.truth["captured"] += sale.amount_minor
            if rng.random() < rates.voided:
                self.truth["taken back"] += sale.amount_minor
                self._see(number, sale, TransactionStatus.VOIDED, minute=700)
            else:
                self._to_settle.append(sale)
                self._afterwards(number, sale)

    def _afterwards(self, number: int, sale: Sale) -> None:
        """Draw what becomes of a card payment after it settled."""
        rng, rates = self._rng, self._rates
        if rng.random() < rates.refunded:
            minor = max(1, int(sale.amount_minor * rng.random())) if rng.random() < rates.refunded_in_part else 0
            self._refund(number + rng.randint(2, 20), sale, minor or sale.amount_minor)
        elif rng.random() < rates.disputed:
            self._dispute(number + rng.randint(20, 60), sale)

    def _debit(self, number: int, sale: Sale) -> None:
        rng, rates = self._rng, self._rates
        self._see(number, sale, TransactionStatus.ACH_PENDING)
        clears = number + rng.randint(3, 5)
        self._clears[clears].append((sale, 1))
        if rng.random() < rates.ach_returned:
            after = rng.randint(50, 58) if rng.random() < rates.returned_late else rng.randint(2, 5)
            self._clears[clears + after].append((sale, -1))

    def _refund(self, number: int, sale: Sale, minor: int) -> None:
        refund = replace(sale, transaction=self._next(), amount_minor=minor)
        if number < self._days:
            self.truth["taken back"] += minor
            self._later[number] += self._seen(
                number, refund, TransactionStatus.PENDING_SETTLEMENT, kind=TransactionKind.REFUND, minute=300
            )
            self._later[number].append(("", refund))  # into the batch of that day

    def _dispute(self, number: int, sale: Sale) -> None:
        """Draw a chargeback, its debit at the bank, and its end."""
        if number >= self._days:
            return
        case = f"X{sale.transaction}"
        self.truth["disputed"] += sale.amount_minor
        self._later[number].append((Topic.DISPUTES_INBOX, self._fact(number, case, sale, DisputeFact.DEBITED)))
        self._bank(number + 1, -sale.amount_minor, f"CHARGEBACK {case}", None)
        ends = number + self._rng.randint(25, 45)
        won = self._rng.random() < self._rates.dispute_won
        fact = DisputeFact.CREDITED if won else DisputeFact.LOST
        self._later[ends].append((Topic.DISPUTES_INBOX, self._fact(ends, case, sale, fact)))
        if ends < self._days + _LAST_DAYS:
            self.truth["won" if won else "lost"] += sale.amount_minor
        if won:
            self._bank(ends + 1, sale.amount_minor, f"CHARGEBACK REVERSED {case}", None)

    # -- settlement ----------------------------------------------------------------------------------------------------

    def _settle(self, number: int) -> None:
        """Close the batch of the day, with its fee and reserve; the bank pays it out on the next business day."""
        refunds = [one for topic, one in self._reports if topic == ""]
        self._reports = [report for report in self._reports if report[0] != ""]
        sales, self._to_settle = self._to_settle, []
        if not sales and not refunds and number not in self._released:
            return
        self._batch = self._batch % 999 + 1
        sold = sum(sale.amount_minor for sale in sales if isinstance(sale, Sale))
        back = sum(refund.amount_minor for refund in refunds)
        for sale in sales:
            assert isinstance(sale, Sale)
            self._see(number, sale, TransactionStatus.SETTLED, minute=1_200, batch=self._batch)
        for refund in refunds:
            kind = TransactionKind.REFUND
            self._see(number, refund, TransactionStatus.SETTLED, kind=kind, minute=1_200, batch=self._batch)
        settled_at = self._at(number, 1_200)
        batch = SettlementBatchObserved(
            settlement_account=ACCOUNT,
            batch_id=f"{MERCHANT}/{self._batch}/{self._day(number)}",
            merchant=MERCHANT,
            batch_number=self._batch,
            settled_on=self._day(number),
            settled_at=settled_at,
            raw_settled="",
            net_minor=sold - back,
            currency=CURRENCY,
            is_consistent=True,
            mismatch="",
            observed_at=settled_at,
            raw="{}",
        )
        rates = self._rates
        fee = sold * rates.fee_basis_points // 10_000 + rates.fee_each_minor * len(sales)
        held = sold * rates.reserve_basis_points // 10_000
        self.truth["fees"] += fee
        self.truth["reserve"] += held
        self._released[number + rates.reserve_days] += held
        released = self._released.pop(number, 0)
        self.truth["reserve"] -= released
        kinds = ProcessorEntryKind
        entries = ((kinds.FEE, fee), (kinds.RESERVE_HELD, held), (kinds.RESERVE_RELEASED, released))
        for entry_kind, minor in entries:
            if minor:
                self._say(Topic.SETTLEMENT_INBOX, self._entry(number, entry_kind, minor))
        self._say(Topic.SETTLEMENT_INBOX, batch)
        paid = sold - back - fee - held + released
        self._bank(number + 1, paid, f"PAYTRACE BATCH {self._batch}", self._batch)

    def _clear(self, number: int) -> None:
        """Clear and return bank debits; the bank pays their sum out on the next business day."""
        moved = self._clears.pop(number, [])
        for sale, sign in moved:
            status = TransactionStatus.ACH_CLEARED if sign > 0 else TransactionStatus.ACH_RETURNED
            self._see(number, sale, status, minute=900)
            self.truth["captured" if sign > 0 else "taken back"] += sale.amount_minor
        net = sum(sign * sale.amount_minor for sale, sign in moved)
        if net:
            self._bank(number + 1, net, "PAYTRACE ACH", None)

    def _bank(self, number: int, signed_minor: int, text: str, batch: int | None, account: str = "") -> None:
        while self._day(number).weekday() >= 5:
            number += 1
        if signed_minor == 0 or number >= self._days + _LAST_DAYS:
            return
        self.truth["bank"] += signed_minor
        if account:
            self.truth["transferred"] += signed_minor
        line = BankLineObserved(
            settlement_account=ACCOUNT,
            bank_line_id=f"bank/{number}/{text}/{signed_minor}",
            direction=BankDirection.CREDIT if signed_minor > 0 else BankDirection.DEBIT,
            raw_direction="",
            amount_minor=abs(signed_minor),
            currency=CURRENCY,
            booked_on=self._day(number),
            batch_number=batch,
            bank_account=account,
            text=text,
            bank_reference="",
            statement=f"{self._day(number)}",
            observed_at=self._at(number, 1_300),
            raw="{}",
        )
        self._later[number].append((Topic.SETTLEMENT_INBOX, line))

    # -- records -------------------------------------------------------------------------------------------------------

    def _say(self, topic: str, record: Any) -> None:
        self._reports.append((topic, record))

    def _see(self, number: int, sale: Sale, status: TransactionStatus, **more: Any) -> None:
        """Observe a transaction once, twice, or a day late."""
        seen = self._seen(number, sale, status, **more)
        if self._rng.random() < self._rates.observed_late:
            self._later[number + 1] += seen
            return
        self._reports += seen
        if self._rng.random() < self._rates.observed_twice:
            self._reports += [(topic, replace(one, observed_by=ObservedBy.HOOK)) for topic, one in seen]

    def _seen(
        self,
        number: int,
        sale: Sale,
        status: TransactionStatus,
        *,
        kind: TransactionKind | None = None,
        minute: int = 30,
        batch: int | None = None,
    ) -> list[Report]:
        at = self._at(number, minute)
        day = self._day(number)
        seen = TransactionObserved(
            paytrace_transaction_id=sale.transaction,
            merchant=MERCHANT,
            kind=kind or (TransactionKind.ACH_SALE if sale.is_ach else TransactionKind.SALE),
            raw_kind="SALE",
            status=status,
            raw_status=status.value,
            method=PaymentMethod.ACH if sale.is_ach else PaymentMethod.CARD,
            amount_minor=sale.amount_minor,
            currency=CURRENCY,
            approval_code="TAS679",
            invoice_number=sale.invoice,
            vault_customer_id=sale.vault,
            description="",
            card_last_four=None if sale.is_ach else sale.last_four,
            avs_response="",
            csc_response="",
            batch_number=batch,
            created_at=self._at(number, 20),
            raw_created="",
            settled_at=at if batch is not None else None,
            settled_on=day if batch is not None else None,
            raw_settled="",
            observed_at=at,
            observed_on=day,
            observed_by=ObservedBy.POLL,
            raw="{}",
        )
        return [(Topic.PAYMENTS_OBSERVATIONS, seen)]

    def _invoice(self, number: int, customer: str, invoice: str, minor: int) -> None:
        at, item = self._at(number, 5), f"({invoice},900,0)"
        shown = OpenItemObserved(
            abas_open_item_id=item,
            abas_customer_id=customer,
            invoice_number=invoice,
            amount_minor=minor,
            open_minor=minor,
            currency=CURRENCY,
            due_on=self._day(number + 30),
            is_open=True,
            observed_at=at,
            raw="{}",
        )
        named = OpenItemReferenced(
            token=invoice_token(invoice), abas_customer_id=customer, abas_open_item_id=item, observed_at=at
        )
        self._say(Topic.RECEIVABLES_INBOX, shown)
        self._say(Topic.IDENTIFICATION_INBOX, named)

    def _fact(self, number: int, case: str, sale: Sale, fact: DisputeFact) -> DisputeObserved:
        return DisputeObserved(
            dispute_case=f"{ACCOUNT}/{case}",
            settlement_account=ACCOUNT,
            dispute_id=case,
            fact=fact,
            raw_stage=fact.value,
            paytrace_transaction_id=sale.transaction,
            amount_minor=sale.amount_minor,
            currency=CURRENCY,
            reason_code="10.4",
            entered_on=self._day(number),
            origin="",
            observed_at=self._at(number, 800),
            raw="{}",
        )

    def _entry(self, number: int, kind: ProcessorEntryKind, minor: int) -> ProcessorEntryObserved:
        return ProcessorEntryObserved(
            settlement_account=ACCOUNT,
            entry_id=f"{kind.value}/{self._day(number)}",
            kind=kind,
            raw_kind=kind.value,
            amount_minor=minor,
            currency=CURRENCY,
            entered_on=self._day(number),
            batch_number=self._batch,
            observed_at=self._at(number, 1_250),
            raw="{}",
        )

    def _statement(self, number: int) -> BankStatementEnded:
        return BankStatementEnded(
            settlement_account=ACCOUNT,
            through_on=self._day(number),
            line_count=1,
            statement=f"{self._day(number)}",
            occurred_at=self._at(number, 1_400),
        )

    def _next(self) -> str:
        self._number += 1
        return str(self._number)

    def _day(self, number: int) -> date:
        return self._first + timedelta(days=number)

    def _at(self, number: int, minute: int) -> datetime:
        """An instant of a day by its minute, in UTC and on the same day in the merchant's zone."""
        return datetime(self._first.year, self._first.month, self._first.day, 9, tzinfo=UTC) + timedelta(
            days=number, minutes=minute / 2
        )
