"""From events of a story to what the sandboxes show and the inboxes take: by the kind of the event, nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from schemas.records.approvals import ApproveProposal, ProposeCommand
from schemas.records.disputes import DisputeFact, DisputeObserved
from schemas.records.erp import PostDocument
from schemas.records.gateway import PaymentRequestKind, PaymentRequestObserved, PaymentRequestStatus
from schemas.records.payments import (
    CodeKind,
    ObservedBy,
    PaymentMethod,
    ReportPaymentCode,
    TransactionKind,
    TransactionObserved,
    TransactionStatus,
)
from schemas.records.rates import RateKind, RateObserved
from schemas.records.receivables import ApplyCreditMemo, ApplyOnAccount, MatchRefund, SplitEntry, WriteOffRest
from schemas.records.settlement import (
    BankDirection,
    BankLineObserved,
    DepositReported,
    ProcessorEntryKind,
    ProcessorEntryObserved,
    SettlementBatchObserved,
)
from schemas.values.money import Money
from schemas.wire.codec import to_json
from streams.domain.settlement.books import transfer_id
from streams.domain.settlement.explaining import NO_MERCHANT
from tests.accounting import stories
from tests.accounting.house import BANK_ACCOUNT, MAIN, accounts_of
from tests.accounting.world import World

_PAYTRACE, _SETTLEMENT, _RECEIVABLES = "payments.observations.v1", "settlement.inbox.v1", "receivables.inbox.v1"
_APPROVALS, _DISPUTES = "approvals.inbox.v1", "disputes.inbox.v1"
_KIND, _STATUS = TransactionKind, TransactionStatus
_BY = {"poll": ObservedBy.POLL, "hook": ObservedBy.HOOK, "settlement file": ObservedBy.POLL}
_CUSTOMER, _NOT_GIVEN, _NO_INVOICE = "70001", "not given", "no invoice"
_FACTS = {
    "retrieval_request": DisputeFact.RETRIEVAL_REQUESTED,
    "dispute_opened": DisputeFact.OPENED,
    "dispute_debit": DisputeFact.DEBITED,
    "dispute_credit": DisputeFact.CREDITED,
    "dispute_evidence": DisputeFact.EVIDENCE_SUBMITTED,
    "dispute_accepted": DisputeFact.ACCEPTED,
    "dispute_expired": DisputeFact.EXPIRED,
    "dispute_closed": DisputeFact.CLOSED,
    "dispute_closed_won": DisputeFact.WON,
    "dispute_closed_lost": DisputeFact.LOST,
    "dispute_closed_lost_again": DisputeFact.LOST,
}
_OTHERS = ("grant_issued", "grant_repayment", "other", "transfer")
# Whether it is of a dispute, whether it comes back.
_FEES = {
    (False, False): ProcessorEntryKind.FEE,
    (False, True): ProcessorEntryKind.FEE_GIVEN_BACK,
    (True, False): ProcessorEntryKind.CHARGEBACK_FEE,
    (True, True): ProcessorEntryKind.CHARGEBACK_FEE_GIVEN_BACK,
}
_TERMS = re.compile(r"(\d+(?:\.\d+)?) % in (\d+) days")
_TAX_CODE = "19"  # of an invoice whose tax a story names; stories have one rate
_CONVERTED = re.compile(r"(\w+) (\d+) [A-Z]{3} at [\d.]+")  # a deposit, and what the processor converted
_REPEATS = re.compile(r"repeats the line of (\d\d-\d\d)")


class NotTranslated(Exception):
    """Saldo has no record for this event, or none of this field."""


@dataclass(slots=True)
class _Money:
    """A transaction of PayTrace as the story knows it."""

    kind: TransactionKind
    status: TransactionStatus
    amount: int
    merchant: str
    on: date
    invoice: str | None
    customer: str | None
    last_four: str | None
    batch: int | None = None

    @property
    def is_card(self) -> bool:
        return self.kind in (_KIND.SALE, _KIND.REFUND)

    @property
    def signed(self) -> int:
        return -self.amount if self.kind in (_KIND.REFUND, _KIND.ACH_REFUND) else self.amount


@dataclass(slots=True)
class Translation:
    """One story's events, translated into its world one by one."""

    world: World
    items: dict[str, str] = field(default_factory=dict)  # invoice -> record of its open item
    owners: dict[str, str] = field(default_factory=dict)  # invoice -> customer
    money: dict[str, _Money] = field(default_factory=dict)
    batches: dict[str, int] = field(default_factory=dict)  # deposit -> settlement batch
    deposits: dict[str, str] = field(default_factory=dict)  # deposit -> merchant account
    files: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)
    next_batch: int | None = None  # named by a fee that came before its deposit
    fees: dict[str, date] = field(default_factory=dict)  # payment -> day of its fee
    bank_lines: dict[str, str] = field(default_factory=dict)  # "bank_line 2026-03-04" -> its id
    count: int = 0

    @property
    def story(self) -> stories.Story:
        """The story that is played."""
        return self.world.story

    def begin(self) -> None:
        """Seed abas with what every company has: customers, accounts, a currency."""
        for event in self.story.given:
            if isinstance(event, stories.Money) and event.customer:
                self.owners.update(dict.fromkeys(event.names, event.customer))
        customers = {_CUSTOMER, *self.owners.values()}
        admin = self.world.admin
        admin("customers", [_customer(number) for number in sorted(customers)])
        accounts = [
            {"kind": "account", "number": number, "name": role} for number, role in accounts_of(self.story).items()
        ]
        admin("master-data", [*accounts, {"kind": "currency", "number": self.story.currency}])

    async def play(self, event: stories.Event, following: stories.Event | None) -> None:
        """Translate one event and let everything follow from it; NotTranslated where nothing of ours takes it."""
        translate: Callable[[Any], Any] = _METHODS[type(event)].__get__(self)
        if isinstance(following, stories.AbasTimesOut):
            self.world.sandbox.faults(cut_after=1)
        self.world.tick()
        await translate(event)
        await self.world.look_at_abas()
        self.world.moments.append(self.world.now)
        if isinstance(event, stories.Money) and event.names:
            await self._advise(event.id, event.names, event.customer)
        if isinstance(event, stories.BankLine) and event.names and event.amount > 0:
            await self._advise(transfer_id(self.bank_lines[f"bank_line {event.date}"]), event.names, None)
        if isinstance(event, stories.Refund) and event.of in self.money:
            await self._link(event)
        self.world.moments.append(self.world.now)

    def subject(self, name: str) -> str:
        """Return the id under which our records know what a story names: a transaction, or "bank_line 2026-03-04"."""
        if name in self.bank_lines:
            return self.bank_lines[name]
        kind, _, day = name.partition(" ")
        named = (one for one in self.story.given if getattr(one, "event", "") == kind and str(one.date) == day)
        return next((getattr(one, "of", name) for one in named), name)

    # -- abas ----------------------------------------------------------------------------------------------------------

    async def _opening(self, event: stories.Opening) -> None:
        for number, amount in event.invoices.items():
            self._invoice_in_abas(stories.Invoice(event="invoice", date=event.date, number=number, amount=amount))

    async def _invoice(self, event: stories.Invoice) -> None:
        self._invoice_in_abas(event)

    def _invoice_in_abas(self, event: stories.Invoice) -> None:
        currency = event.currency or self.story.currency
        seed = {
            "invoice_number": event.number,
            "customer_number": self.owners.get(event.number, _CUSTOMER),
            "amount": _major(event.amount, currency),
            "currency": currency,
            "due_on": (event.due or event.date + timedelta(days=30)).isoformat(),
            "booked_on": event.date.isoformat(),
            "base_amount": None if event.booked_base is None else _major(event.booked_base, self.story.base),
            **_terms(event.terms),
        }
        if event.tax:
            gross, tax = (_major(minor, currency) for minor in (event.amount, event.tax))
            seed["taxes"] = [{"code": _TAX_CODE, "gross": gross, "tax": tax}]
        self.world.changes_in_abas += 1
        self.items[event.number] = self.world.admin("open-items", [seed])["ids"][0]

    async def _credit_memo(self, event: stories.CreditMemo) -> None:
        self._credit_in_abas(event.number, "" if event.of == _NO_INVOICE else event.of, event.amount, event)

    async def _credit_on_account(self, event: stories.CreditOnAccount) -> None:
        self._credit_in_abas("credit", "", event.amount, event)

    def _credit_in_abas(self, number: str, invoice: str, amount: int, event: Any) -> None:
        base = getattr(event, "base", None)
        seed = {
            "number": number,
            "customer_number": self.owners.get(invoice, _CUSTOMER),
            "amount": _major(amount, self.story.currency),
            "currency": self.story.currency,
            "invoice_number": invoice,
            "booked_on": event.date.isoformat(),
            "base_amount": None if base is None else _major(base, self.story.base),
        }
        self.world.changes_in_abas += 1
        self.items[number] = self.world.admin("credit-memos", [seed])["ids"][0]

    async def _period_closed(self, event: stories.PeriodClosed) -> None:
        closed = self.world.sandbox.admin("GET", "faults")["closed_periods"]
        self.world.sandbox.faults(closed_periods=[*closed, event.period])

    async def _nothing(self, event: stories.Event) -> None:
        """The story says what comes of events before; nothing new happens in the world."""

    # -- the gateway ---------------------------------------------------------------------------------------------------

    async def _capture(self, event: stories.Capture) -> None:
        self._pays(event, _KIND.SALE)
        await self._rate_of(event)
        is_late = event.known_on > event.date
        await self._show(event.id, _STATUS.SETTLED if is_late else _STATUS.PENDING_SETTLEMENT, _BY[event.seen_by])

    async def _capture_again(self, event: stories.CaptureAgain) -> None:
        await self._show(event.id, self.money[event.id].status, _BY[event.seen_by])

    async def _decline(self, event: stories.Decline) -> None:
        self._pays(event, _KIND.SALE)
        await self._show(event.id, _STATUS.DECLINED, words=event.reason)

    async def _outcome_unknown(self, event: stories.OutcomeUnknown) -> None:
        self._pays(event, _KIND.SALE)
        await self._show(event.id, _STATUS.UNKNOWN, words="no answer")

    async def _ach_sent(self, event: stories.AchSent | stories.AppliedBeforeFinal) -> None:
        self._pays(event, _KIND.ACH_SALE)
        await self._rate_of(event)
        await self._show(event.id, _STATUS.ACH_PENDING)

    async def _ach_settled(self, event: stories.AchSettled) -> None:
        if event.id not in self.money:
            self._pays(event, _KIND.ACH_SALE)
        self.money[event.id].on = event.date
        await self._rate_of(event)
        await self._show(event.id, _STATUS.ACH_CLEARED)

    async def _ach_return(self, event: stories.AchReturn) -> None:
        await self._show(event.of, _STATUS.ACH_RETURNED, return_code=event.code, returned_on=event.date)

    async def _ach_noc(self, event: stories.AchNoc) -> None:
        """Let a person state what a bank notified; what is to be corrected is said by the code."""
        command = ReportPaymentCode(
            **self.decision("notice of the bank"),
            paytrace_transaction_id=event.of,
            code=event.code,
            code_kind=CodeKind.CHANGE,
            noticed_on=event.date,
        )
        await self.world.write(_PAYTRACE, command)
        await self.world.settle()

    async def _retry_wanted(self, event: stories.RetryWanted) -> None:
        await self.request_charge(event.of)

    async def request_charge(self, payment: str, invoice: str | None = None) -> str:
        """Let a person at abas ask for another charge of the payer of a payment; return the id of the request."""
        self.count += 1
        paid = self.money[payment]
        request = PaymentRequestObserved(
            payment_request_id=f"retry-{self.count}",
            payment_request_number=str(self.count),
            reason="",
            status=PaymentRequestStatus.OPEN,
            raw_status="open",
            kind=PaymentRequestKind.CHARGE,
            raw_kind="charge",
            abas_customer_id=paid.customer or _CUSTOMER,
            vault_customer_id=paid.customer,
            merchant=paid.merchant,
            invoice_number=invoice or paid.invoice,
            allocated_invoices=(),
            allocated_amounts=(),
            amount_minor=paid.amount,
            currency=self.story.currency,
            observed_at=self.world.now,
            raw="{}",
        )
        await self.world.write("gateway.inbox.v1", request)
        await self.world.settle()
        return request.payment_request_id

    async def _void(self, event: stories.Void) -> None:
        await self._show(event.of, _STATUS.VOIDED)

    async def _refund(self, event: stories.Refund) -> None:
        await self._rate_of(event)
        paid = self.money.get(event.of)
        self.money[event.id] = _Money(
            kind=_KIND.ACH_REFUND if event.method.startswith("ach") else _KIND.REFUND,
            status=_STATUS.UNKNOWN,
            amount=event.amount,
            merchant=MAIN if paid is None else paid.merchant,
            on=event.date,
            invoice=None if paid is None else paid.invoice,
            customer=paid.customer if paid is not None else _given(event.customer),
            last_four=event.last_four or (None if paid is None else paid.last_four),
        )
        is_ach = self.money[event.id].kind is _KIND.ACH_REFUND
        await self._show(event.id, _STATUS.ACH_PENDING if is_ach else _STATUS.PENDING_SETTLEMENT)

    async def _rate_of(self, event: stories.Money | stories.Refund | stories.BankLine) -> None:
        """Let a provider publish the rate by which the story values this money, or the last one that it has."""
        if event.base is not None:
            whole, part = _major(event.base, self.story.base), _major(event.amount, self.story.currency)
            await self._rate(f"{self.story.currency}/{self.story.base}", f"{whole}/{part}", event.date)
        elif isinstance(event, stories.Money) and event.newest_rate is not None:
            await self._rate(f"{self.story.currency}/{self.story.base}", "1", event.newest_rate)

    async def _rate_published(self, event: stories.RatePublished) -> None:
        await self._rate(event.pair, event.rate, event.date_of_rate)

    async def _rate(self, pair: str, rate: str, on: date) -> None:
        observed = RateObserved(
            currency_pair=pair,
            rate_on=on,
            rate=rate,
            rate_provider="manual",
            kind=RateKind.MEAN,
            raw_kind="",
            observed_at=self.world.now,
            raw="{}",
        )
        await self.world.write("rates.inbox.v1", observed)
        await self.world.settle()

    async def _refund_failed(self, event: stories.RefundFailed) -> None:
        await self._show(event.of, _STATUS.VOIDED)

    def _pays(self, event: stories.Money, kind: TransactionKind) -> None:
        invoices = ", ".join(event.names) or event.meant_for
        owner = event.customer or next((self.owners[one] for one in event.names if one in self.owners), _CUSTOMER)
        self.money[event.id] = _Money(
            kind=kind,
            status=_STATUS.UNKNOWN,
            amount=event.amount,
            merchant=event.merchant_account,
            on=event.date,
            invoice=invoices,
            customer=owner,
            last_four=event.last_four or ("4242" if kind is _KIND.SALE else None),
        )

    async def _show(
        self,
        id_: str,
        status: TransactionStatus,
        by: ObservedBy = ObservedBy.POLL,
        words: str = "",
        return_code: str | None = None,
        returned_on: date | None = None,
    ) -> None:
        """Let PayTrace show a transaction."""
        money = self.money[id_]
        money.status = status
        is_final = status in (_STATUS.SETTLED, _STATUS.ACH_CLEARED)
        settled = _evening(money.on)
        observed = TransactionObserved(
            paytrace_transaction_id=id_,
            merchant=money.merchant,
            kind=money.kind,
            raw_kind=money.kind.value,
            status=status,
            raw_status=words or status.value,
            method=PaymentMethod.CARD if money.is_card else PaymentMethod.ACH,
            amount_minor=money.amount,
            currency=self.story.currency,
            approval_code="",
            invoice_number=money.invoice,
            vault_customer_id=money.customer,
            description="",
            card_last_four=money.last_four,
            avs_response="",
            csc_response="",
            batch_number=money.batch,
            return_code=return_code,
            created_at=_evening(money.on),
            raw_created="",
            created_on=money.on,
            settled_at=settled if is_final else None,
            raw_settled="",
            settled_on=money.on if is_final else None,
            returned_on=returned_on,
            observed_at=self.world.now,
            observed_on=self.world.now.date(),
            observed_by=by,
            raw="{}",
        )
        await self.world.write(_PAYTRACE, observed)

    async def _close_batch(self, merchant: str | None, batch: int) -> bool:
        """Let PayTrace settle what is pending, as it does each night; False if nothing is. ACH settles by itself."""
        pending = [
            id_
            for id_, money in self.money.items()
            if money.status is _STATUS.PENDING_SETTLEMENT and merchant in (None, money.merchant)
        ]
        for id_ in pending:
            self.money[id_].batch = batch
            await self._show(id_, _STATUS.SETTLED)
        for merchant_account in sorted({self.money[id_].merchant for id_ in pending}):
            settled = [self.money[id_] for id_ in pending if self.money[id_].merchant == merchant_account]
            on = max(one.on for one in settled)
            await self.world.write(
                _SETTLEMENT, self._batch(merchant_account, batch, on, sum(one.signed for one in settled))
            )
        return bool(pending)

    def _batch(self, merchant: str, number: int, on: date, net: int) -> SettlementBatchObserved:
        return SettlementBatchObserved(
            settlement_account=self._account(merchant),
            batch_id=f"{merchant}/{number}/{on}",
            merchant=merchant,
            batch_number=number,
            settled_on=on,
            settled_at=_evening(on),
            raw_settled="",
            net_minor=net,
            currency=self.story.currency,
            is_consistent=True,
            mismatch="",
            observed_at=self.world.now,
            raw="{}",
        )

    # -- the processor and the bank ------------------------------------------------------------------------------------

    async def _fee(self, event: stories.Fee) -> None:
        if event.batch:
            self.next_batch = _digits(event.batch)
        if event.taken_from == "bank":
            await self._entry(ProcessorEntryKind.FEE_STATEMENT, event.kind, event.amount, event.date, tax=event.tax)
            return
        is_of_dispute, is_back = event.kind == "chargeback", event.amount < 0
        kind = _FEES[is_of_dispute, is_back]
        of, dispute = event.of, event.dispute
        self.fees[of or ""] = event.date
        await self._entry(kind, event.kind, abs(event.amount), event.date, of=of, dispute=dispute, tax=abs(event.tax))

    async def _fee_corrected(self, event: stories.FeeCorrected) -> None:
        """Let the processor correct a fee on the day of that fee."""
        more = event.fees_now - event.fees_before
        await self._entry(_FEES[False, more < 0], "correction", abs(more), self.fees[event.of], of=event.of)

    async def _fee_statement(self, event: stories.FeeStatement) -> None:
        amount = event.total if event.total is not None else event.amount or 0
        if event.deducted_from is not None:
            await self._entry(ProcessorEntryKind.FEE, event.kind, amount, event.date, deposit=event.deducted_from)
            return
        statement = f"fee_statement {event.month}"
        await self._entry(ProcessorEntryKind.FEE_STATEMENT, event.kind, amount, event.date, id_=statement)

    async def _reserve_held(self, event: stories.ReserveHeld) -> None:
        await self._entry(ProcessorEntryKind.RESERVE_HELD, "", event.amount, event.date, deposit=event.deposit)

    async def _reserve_released(self, event: stories.ReserveReleased) -> None:
        await self._entry(ProcessorEntryKind.RESERVE_RELEASED, "", event.amount, event.date)

    async def _entry(
        self,
        kind: ProcessorEntryKind,
        fee_kind: str,
        amount: int,
        on: date,
        *,
        id_: str = "",
        of: str | None = None,
        dispute: str | None = None,
        deposit: str | None = None,
        tax: int = 0,
    ) -> None:
        """Let the processor report a line of its own books."""
        self.count += 1
        paid = next((one for one in (of, *self._disputed(dispute)) if one in self.money), "")
        entry = ProcessorEntryObserved(
            settlement_account=self._account(self._merchant_of_entry(paid, deposit)),
            entry_id=id_ or f"E{self.count}",
            kind=kind,
            raw_kind=kind.value,
            fee_kind=fee_kind,
            amount_minor=amount,
            tax_minor=tax,
            currency=self.story.currency,
            entered_on=on,
            deposit_id=deposit,
            dispute_id=dispute,
            paytrace_transaction_id=of,
            observed_at=self.world.now,
            raw="{}",
        )
        await self.world.write(_SETTLEMENT, entry)

    def _merchant_of_entry(self, payment: str, deposit: str | None) -> str:
        if payment:
            return self.money[payment].merchant
        merchant = self._merchant_of_line(deposit)
        return MAIN if merchant == NO_MERCHANT else merchant

    async def _deposit_report(self, event: stories.DepositReport) -> None:
        """Let the processor say what a deposit will bring; before it, PayTrace settles what is pending.

        A report that names what was captured signs its parts; one that names a gross amount lists what is taken off it.
        """
        self.deposits[event.id] = event.merchant_account
        number = _digits(event.batch) if event.batch else self.next_batch or 100 + len(self.batches)
        self.next_batch = None
        is_settled = await self._close_batch(event.merchant_account, number)
        if is_settled:
            self.batches[event.id] = number
        gross = event.gross if isinstance(event.gross, int) else None if event.gross else event.captured or 0
        off = -1 if event.captured is not None else 1
        others = {"corrections": sum(event.corrections or ()), **{name: getattr(event, name) or 0 for name in _OTHERS}}
        report = DepositReported(
            settlement_account=self._account(event.merchant_account),
            deposit_id=event.id,
            reported_on=event.date,
            gross_minor=gross,
            refunds_minor=(event.refunds or 0) - sum(event.refunds_returned or ()),
            returns_minor=event.returns or 0,
            chargebacks_minor=off * (event.chargebacks or 0) - (event.chargebacks_returned or 0),
            fees_minor=off * (event.fees or 0),
            tax_minor=event.tax or 0,
            reserve_minor=(event.reserve or 0) - (event.reserve_released or 0),
            other_parts={name: minor for name, minor in others.items() if minor},
            net_minor=event.net,
            currency=self.story.currency,
            batch_number=number if is_settled else None,
            source_file=event.file or "",
            observed_at=self.world.now,
            raw="{}",
        )
        self.files.setdefault(event.file or "", []).append((_SETTLEMENT, report))
        await self.world.write(_SETTLEMENT, report)

    async def _bank_line(self, event: stories.BankLine) -> None:
        await self._rate_of(event)
        deposit, settled = event.deposit or "", None
        if (converted := _CONVERTED.fullmatch(deposit)) is not None:
            deposit, settled = converted[1], int(converted[2])
        file, _, remark = (event.file or "").partition(" (")
        for day in _REPEATS.findall(remark):
            for topic, record in self._lines_of(day):
                await self.world.write(topic, replace(record, observed_at=self.world.now))
        await self._close_batch(None, 900 + self.count)
        self.count += 1
        line = BankLineObserved(
            settlement_account=self._account(self._merchant_of_line(event.deposit)),
            bank_line_id=f"BL{self.count}",
            bank_account=BANK_ACCOUNT,
            direction=BankDirection.CREDIT if event.amount >= 0 else BankDirection.DEBIT,
            raw_direction="",
            amount_minor=abs(event.amount),
            settled_minor=settled,
            fee_included_minor=event.fee_included or 0,
            fee_excluded_minor=event.fee_excluded or 0,
            currency=event.currency or self.story.currency,
            booked_on=event.date,
            deposit_id=deposit or event.pays,
            batch_number=self.batches.get(deposit),
            text=", ".join(event.names) or f"PAYTRACE {deposit}".strip(),
            bank_reference="",
            statement=file,
            observed_at=self.world.now,
            raw="{}",
        )
        self.bank_lines[f"bank_line {event.date}"] = line.bank_line_id
        if event.names and event.amount > 0:
            self._pays_into_bank(event, transfer_id(line.bank_line_id))
        self.files.setdefault(file, []).append((_SETTLEMENT, line))
        await self.world.write(_SETTLEMENT, line)

    def _merchant_of_line(self, deposit: str | None) -> str:
        """Return the merchant account whose bank line this is; a statement of several that says nothing names none."""
        if deposit in self.deposits:
            return self.deposits[deposit]
        merchants = {getattr(event, "merchant_account", MAIN) for event in self.story.given if _names_merchant(event)}
        return next(iter(merchants), MAIN) if len(merchants) < 2 else NO_MERCHANT

    def _pays_into_bank(self, event: stories.BankLine, id_: str) -> None:
        """Remember a payment that the bank shows as the story knows it."""
        invoices = ", ".join(event.names)
        owner = next((self.owners[one] for one in event.names if one in self.owners), _CUSTOMER)
        self.money[id_] = _Money(
            _KIND.BANK_TRANSFER, _STATUS.BANK_BOOKED, event.amount, MAIN, event.date, invoices, owner, None
        )

    def _lines_of(self, day: str) -> list[tuple[str, Any]]:
        earlier = [pair for pairs in self.files.values() for pair in pairs]
        lines = [(topic, one) for topic, one in earlier if isinstance(one, BankLineObserved)]
        return [(topic, line) for topic, line in lines if str(line.booked_on).endswith(day)]

    async def _file_again(self, event: stories.FileAgain) -> None:
        for topic, record in self.files.get(event.file, []):
            await self.world.write(topic, replace(record, observed_at=self.world.now))

    async def _dispute(self, event: stories.DisputeFact) -> None:
        self.count += 1
        of = next((id_ for id_ in (event.of, *self._disputed(event.dispute)) if id_), None)
        account = self._account(self.money[of].merchant if of in self.money else MAIN)
        observed = DisputeObserved(
            dispute_case=f"{account}/{event.dispute}",
            settlement_account=account,
            dispute_id=event.dispute,
            fact=_FACTS[event.event],
            raw_stage=event.stage or event.event,
            paytrace_transaction_id=of,
            amount_minor=event.amount or 0,
            currency=self.story.currency,
            reason_code=event.reason,
            respond_by_on=event.respond_by,
            entered_on=event.date,
            sequence=self.count,
            origin="",
            observed_at=self.world.now,
            raw="{}",
        )
        await self.world.write(_DISPUTES, observed)

    def _disputed(self, dispute: str | None) -> Sequence[str]:
        facts = [one for one in self.story.given if isinstance(one, stories.DisputeFact) and one.dispute == dispute]
        return [one.of for one in facts if one.of]

    # -- people --------------------------------------------------------------------------------------------------------

    async def _advise(self, id_: str, names: Mapping[str, int], customer: str | None) -> None:
        """Let a person who holds the remittance advice divide what no rule applied."""
        if self._is_asked_for(id_) or self.money[id_].status not in (
            _STATUS.PENDING_SETTLEMENT,
            _STATUS.SETTLED,
            _STATUS.ACH_CLEARED,
            _STATUS.BANK_BOOKED,
        ):
            return
        rest = self.money[id_].amount - sum(names.values())
        parts = [
            *((self.items[number], minor) for number, minor in names.items()),
            *([("", rest)] if rest else []),
        ]
        command = SplitEntry(
            **self._decided(customer or self.owners.get(next(iter(names)), _CUSTOMER)),
            posting_reference=f"PT{id_}",
            abas_open_item_ids=tuple(item for item, _ in parts),
            part_amounts=tuple(minor for _, minor in parts),
            currency=self.story.currency,
        )
        await self._decide(command)

    async def _link(self, event: stories.Refund) -> None:
        """Let a person who knows which payment a refund reverses say so, where no rule found it."""
        if self._is_asked_for(event.id):
            return
        command = MatchRefund(
            **self._decided(self.money[event.id].customer or _CUSTOMER),
            posting_reference=f"PT{event.id}",
            payment_id=event.of,
        )
        await self._decide(command)

    def _is_asked_for(self, id_: str) -> bool:
        """Say whether abas was asked for a document of this transaction."""
        commands = self.world.records("erp.commands.v1", PostDocument)
        return any(one.values.get("paytrace_transaction_id") == id_ for one in commands)

    def decision(self, reason: str, by: str = "maria") -> Mapping[str, Any]:
        """Return what each command of a person says: who, how that is known, why and when."""
        self.count += 1
        return {
            "command_id": f"decision-{self.count}",
            "decided_by": by,
            "authenticated_by": "session",
            "reason": reason,
            "occurred_at": self.world.tick(),
        }

    def _decided(self, customer: str, by: str = "maria") -> Mapping[str, Any]:
        return {**self.decision("remittance advice", by), "abas_customer_id": customer}

    async def _decide(self, command: Any) -> None:
        await self.world.write(_RECEIVABLES, command)
        await self.world.look_at_abas()

    async def _apply_on_account(self, event: stories.ApplyOnAccount) -> None:
        asked = self.world.records("erp.commands.v1", PostDocument)
        receipt = next(
            (
                one.posting_reference
                for one in asked
                if one.kind == "on_account_receipt" and one.values.get("paytrace_transaction_id") == event.of
            ),
            None,
        )
        about = {
            **self._decided(self.owners.get(event.to, _CUSTOMER)),
            "abas_open_item_ids": (self.items[event.to],),
            "part_amounts": (event.amount,),
            "currency": self.story.currency,
        }
        if event.of in self.items:
            await self._decide(ApplyCreditMemo(**about, abas_credit_item_id=self.items[event.of]))
        elif receipt is not None:
            await self._decide(ApplyOnAccount(**about, posting_reference=receipt))
        else:
            raise NotTranslated("applying money that is not on account")

    async def _write_off_wanted(self, event: stories.WriteOffWanted) -> None:
        await self._propose(event.of, event.amount, event.by)

    async def _approval(self, event: stories.Approval) -> None:
        await self._approve(event.of, event.by)

    async def _write_off(self, event: stories.WriteOff) -> None:
        if event.of not in self._proposed:
            await self._propose(event.of, event.amount, event.proposed_by)
        await self._approve(event.of, event.approved_by)

    @property
    def _proposed(self) -> set[str]:
        return {one.proposal_id.removeprefix("write-off ") for one in self.world.records(_APPROVALS, ProposeCommand)}

    async def _propose(self, invoice: str, amount: int, by: str) -> None:
        command = WriteOffRest(
            **self._decided(self.owners.get(invoice, _CUSTOMER), by),
            abas_open_item_id=self.items[invoice],
            amount_minor=amount,
            currency=self.story.currency,
            decided_on=self.world.now.date(),
        )
        proposal = ProposeCommand(
            proposal_id=f"write-off {invoice}",
            target_inbox=_RECEIVABLES,
            command_type="WriteOffRest",
            command=_as_text(command),
            summary=f"write off {amount} of {invoice}",
            amount_minor=amount,
            currency=self.story.currency,
            decided_by=by,
            authenticated_by="session",
            reason="rest",
            expires_at=self.world.now + timedelta(days=7),
            occurred_at=self.world.now,
        )
        await self.world.write(_APPROVALS, proposal)

    async def _approve(self, invoice: str, by: str) -> None:
        approval = ApproveProposal(
            proposal_id=f"write-off {invoice}",
            approved_on=self.world.now.date(),
            **self.decision("checked", by),
        )
        await self.world.write(_APPROVALS, approval)

    async def _not_translated(self, event: stories.Event) -> None:
        raise NotTranslated(f"{type(event).__name__}")

    def _account(self, merchant: str) -> str:
        return f"{merchant}/{self.story.currency}"


# Which method translates which event. An event of the stories that is not here is a KeyError: the story fails loudly.
_METHODS: Mapping[type[stories.Event], Any] = {
    stories.Opening: Translation._opening,
    stories.Invoice: Translation._invoice,
    stories.CreditMemo: Translation._credit_memo,
    stories.CreditOnAccount: Translation._credit_on_account,
    stories.PeriodClosed: Translation._period_closed,
    stories.AbasTimesOut: Translation._nothing,
    stories.Retry: Translation._nothing,
    stories.BatchClosed: Translation._nothing,
    stories.Capture: Translation._capture,
    stories.CaptureAgain: Translation._capture_again,
    stories.Decline: Translation._decline,
    stories.OutcomeUnknown: Translation._outcome_unknown,
    stories.RetryWanted: Translation._retry_wanted,
    stories.AchSent: Translation._ach_sent,
    stories.AppliedBeforeFinal: Translation._ach_sent,
    stories.AchSettled: Translation._ach_settled,
    stories.AchReturn: Translation._ach_return,
    stories.AchNoc: Translation._ach_noc,
    stories.Void: Translation._void,
    stories.Refund: Translation._refund,
    stories.RefundFailed: Translation._refund_failed,
    stories.Fee: Translation._fee,
    stories.FeeCorrected: Translation._fee_corrected,
    stories.FeeStatement: Translation._fee_statement,
    stories.ReserveHeld: Translation._reserve_held,
    stories.ReserveReleased: Translation._reserve_released,
    stories.DepositReport: Translation._deposit_report,
    stories.BankLine: Translation._bank_line,
    stories.FileAgain: Translation._file_again,
    stories.DisputeFact: Translation._dispute,
    stories.ApplyOnAccount: Translation._apply_on_account,
    stories.WriteOffWanted: Translation._write_off_wanted,
    stories.Approval: Translation._approval,
    stories.WriteOff: Translation._write_off,
    stories.RatePublished: Translation._rate_published,
}


def _names_merchant(event: stories.Event) -> bool:
    return isinstance(event, stories.Money | stories.DepositReport)


def _terms(text: str) -> dict[str, Any]:
    """Read terms of payment as a story writes them: "2 % in 10 days, net 30"; raises NotTranslated."""
    if not text:
        return {}
    found = _TERMS.match(text)
    if found is None:
        raise NotTranslated(f"terms of payment {text!r}")
    return {"discount_percent": found[1], "discount_days": int(found[2])}


def _customer(number: str) -> dict[str, str]:
    return {"number": number, "name": f"Customer {number}", "vault_customer_id": number}


def _digits(name: str) -> int:
    return int("".join(filter(str.isdigit, name)))


def _given(text: str | None) -> str | None:
    return None if text in (None, _NOT_GIVEN) else text


def _major(minor: int, currency: str) -> str:
    return str(Money(minor, currency).major)


def _evening(day: date) -> datetime:
    return datetime.combine(day, time(16, 0), tzinfo=UTC)


def _as_text(command: Any) -> str:
    return json.dumps(to_json(command))
