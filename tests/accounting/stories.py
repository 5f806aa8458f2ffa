"""The accounting stories, read strictly: an event kind or a field that the translation does not know stops the run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

SCENARIOS = Path(__file__).with_name("scenarios.yaml")
OWN = Path(__file__).with_name("own_stories.yaml")
PENDING = Path(__file__).with_name("pending.yaml")

Minor = int
Balances = Mapping[str, Mapping[str, Minor]]  # currency -> role -> minor units, debit positive


class Strict(BaseModel):
    """A part of a story; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Event(Strict):
    """One dated event. Shapes: seen is the day on which it becomes known, where that is not its date."""

    date: dt.date
    seen: dt.date | None = None
    note: str = ""
    source: str = ""

    @property
    def known_on(self) -> dt.date:
        """The day on which it becomes known."""
        return self.seen or self.date


class Opening(Event):
    """Open items at the beginning."""

    event: Literal["opening"]
    invoices: Mapping[str, Minor]


class Invoice(Event):
    """abas books an invoice."""

    event: Literal["invoice"]
    number: str
    amount: Minor
    currency: str | None = None
    booked_base: Minor | None = None
    due: dt.date | None = None
    terms: str = ""
    tax: Minor = 0


class CreditMemo(Event):
    """abas books a credit memo; `of` is an invoice or "no invoice"."""

    event: Literal["credit_memo"]
    number: str
    of: str
    amount: Minor
    base: Minor | None = None


class CreditOnAccount(Event):
    """abas holds credit of the customer that no invoice stands against."""

    event: Literal["credit_on_account"]
    amount: Minor


class PeriodClosed(Event):
    """abas closes a month."""

    event: Literal["period_closed"]
    period: str


class AbasTimesOut(Event):
    """abas gives no answer to the documents of the event before."""

    event: Literal["abas_times_out"]
    after: str


class Retry(Event):
    """The sink tries again."""

    event: Literal["retry"]
    finds: str


class Money(Event):
    """A payment of the gateway. Shapes: names are the invoices that it pays, with amounts."""

    id: str
    amount: Minor
    names: Mapping[str, Minor] = {}
    base: Minor | None = None
    rate: Literal["none"] | None = None
    newest_rate: dt.date | None = None
    merchant_account: str = "main"
    customer: str | None = None
    last_four: str | None = None
    meant_for: str | None = None
    seen_by: str = "poll"


class Capture(Money):
    """A card payment is captured."""

    event: Literal["capture"]


class CaptureAgain(Event):
    """The same payment is seen another way."""

    event: Literal["capture_again"]
    id: str
    amount: Minor
    seen_by: str


class Decline(Money):
    """A card payment is declined."""

    event: Literal["decline"]
    reason: str = ""
    found_after_minutes: int = 0


class OutcomeUnknown(Money):
    """Nobody knows what became of a payment."""

    event: Literal["outcome_unknown"]


class RetryWanted(Event):
    """Somebody wants to try a declined payment again."""

    event: Literal["retry_wanted"]
    of: str


class AchSent(Money):
    """An ACH debit is sent."""

    event: Literal["ach_sent"]


class AchSettled(Money):
    """An ACH debit clears."""

    event: Literal["ach_settled"]


class AppliedBeforeFinal(Money):
    """A payment that is not final, and that a person applied in abas by hand."""

    event: Literal["applied_before_final"]


class AchReturn(Event):
    """An ACH debit or credit comes back."""

    event: Literal["ach_return"]
    of: str
    amount: Minor
    code: str
    settled: dt.date | None = None


class AchNoc(Event):
    """A bank says what to correct."""

    event: Literal["ach_noc"]
    of: str
    code: str
    corrected: str


class Void(Event):
    """A payment is voided."""

    event: Literal["void"]
    of: str


class Refund(Event):
    """Money goes back to a customer; `of` is the payment or "not given"."""

    event: Literal["refund"]
    id: str
    of: str
    amount: Minor
    excess: Minor = 0
    customer: str | None = None
    last_four: str | None = None
    method: str = "card"
    base: Minor | None = None


class RefundFailed(Event):
    """A refund comes back, in one part or several."""

    event: Literal["refund_failed"]
    of: str
    amount: Minor
    parts: Sequence[Minor] = ()


class Fee(Event):
    """The processor reports a fee."""

    event: Literal["fee"]
    kind: str
    amount: Minor
    taken_from: Literal["deposit", "bank"]
    of: str | None = None
    batch: str | None = None
    dispute: str | None = None
    tax: Minor = 0
    reason: str = ""


class FeeCorrected(Event):
    """The processor corrects a fee that it reported."""

    event: Literal["fee_corrected"]
    of: str
    fees_before: Minor
    fees_now: Minor


class FeeStatement(Event):
    """A monthly statement of fees."""

    event: Literal["fee_statement"]
    month: str
    kind: str = "monthly"
    percentage_fees: Minor = 0
    fixed_fees: Minor = 0
    total: Minor | None = None
    amount: Minor | None = None
    deducted_from: str | None = None


class ReserveHeld(Event):
    """The processor holds money back."""

    event: Literal["reserve_held"]
    amount: Minor
    deposit: str | None = None


class ReserveReleased(Event):
    """The processor releases what it held back."""

    event: Literal["reserve_released"]
    amount: Minor


class BatchClosed(Event):
    """A settlement batch closes."""

    event: Literal["batch_closed"]
    batch: str
    total: Minor


class DepositReport(Event):
    """The processor says what a deposit will bring, by category."""

    event: Literal["deposit_report"]
    id: str
    net: Minor
    gross: Minor | Literal["not given"] | None = None
    captured: Minor | None = None
    fees: Minor | None = None
    tax: Minor | None = None
    refunds: Minor | None = None
    returns: Minor | None = None
    chargebacks: Minor | None = None
    chargebacks_returned: Minor | None = None
    reserve: Minor | None = None
    reserve_released: Minor | None = None
    refunds_returned: Sequence[Minor] | None = None
    corrections: Sequence[Minor] | None = None
    grant_issued: Minor | None = None
    grant_repayment: Minor | None = None
    other: Minor | None = None
    transfer: Minor | None = None
    merchant_account: str = "main"
    batch: str | None = None
    file: str | None = None


class BankLine(Event):
    """A line of the bank statement; debits are negative."""

    event: Literal["bank_line"]
    amount: Minor
    currency: str | None = None
    deposit: str | None = None
    pays: str | None = None
    names: Mapping[str, Minor] = {}
    base: Minor | None = None
    fee_included: Minor | None = None
    fee_excluded: Minor | None = None
    credited: Minor | None = None
    file: str | None = None


class FileAgain(Event):
    """A file is imported a second time."""

    event: Literal["file_again"]
    file: str


class Dispute(Event):
    """What all facts of a dispute say."""

    dispute: str
    of: str | None = None
    amount: Minor | None = None
    reason: str = ""
    stage: str = ""
    respond_by: dt.date | None = None
    outcome: str = ""


class DisputeFact(Dispute):
    """A fact of a dispute, by its kind."""

    event: Literal[
        "retrieval_request",
        "dispute_opened",
        "dispute_debit",
        "dispute_credit",
        "dispute_evidence",
        "dispute_accepted",
        "dispute_expired",
        "dispute_closed",
        "dispute_closed_won",
        "dispute_closed_lost",
        "dispute_closed_lost_again",
    ]


class ApplyOnAccount(Event):
    """A person applies credit of the customer to an invoice; `of` is a payment, a credit memo or "credit"."""

    event: Literal["apply_on_account"]
    of: str
    to: str
    amount: Minor


class WriteOffWanted(Event):
    """A person proposes a write-off."""

    event: Literal["write_off_wanted"]
    of: str
    amount: Minor
    by: str


class Approval(Event):
    """A person approves what was proposed."""

    event: Literal["approval"]
    of: str
    by: str


class WriteOff(Event):
    """A write-off that a second person approved."""

    event: Literal["write_off"]
    of: str
    amount: Minor
    proposed_by: str
    approved_by: str


class RatePublished(Event):
    """A provider publishes a rate."""

    event: Literal["rate_published"]
    pair: str
    date_of_rate: dt.date
    rate: str


Given = Annotated[
    Opening
    | Invoice
    | CreditMemo
    | CreditOnAccount
    | PeriodClosed
    | AbasTimesOut
    | Retry
    | Capture
    | CaptureAgain
    | Decline
    | OutcomeUnknown
    | RetryWanted
    | AchSent
    | AchSettled
    | AppliedBeforeFinal
    | AchReturn
    | AchNoc
    | Void
    | Refund
    | RefundFailed
    | Fee
    | FeeCorrected
    | FeeStatement
    | ReserveHeld
    | ReserveReleased
    | BatchClosed
    | DepositReport
    | BankLine
    | FileAgain
    | DisputeFact
    | ApplyOnAccount
    | WriteOffWanted
    | Approval
    | WriteOff
    | RatePublished,
    Field(discriminator="event"),
]


class InvoiceExpected(Strict):
    """An invoice at the end."""

    open: Minor
    state: str


class Expected(Strict):
    """What a story ends in."""

    balances: Balances
    base_balances: Mapping[str, Minor] = {}
    at: Mapping[dt.date, Balances] = {}
    invoices: Mapping[str, InvoiceExpected] = {}
    documents: Mapping[str, int] = {}
    not_booked: Sequence[str] = ()
    waits: Sequence[str] = ()
    refused: Sequence[str] = ()
    told: Sequence[str] = ()
    reactions: Sequence[Mapping[str, Any]] = ()
    document_date: Mapping[str, dt.date] = {}
    bridge: Mapping[str, Any] | None = None
    receivable_outside_invoices: Minor | None = None


class Policy(Strict):
    """The choices of the mapping under which the numbers hold."""

    refund_without_credit_memo: Literal["reopen", "liability"] | None = None
    chargeback: Literal["receivable", "reopen"] | None = None
    chargeback_lost: Literal["reopen", "write_off"] | None = None
    closed_period: Literal["redate", "park", "adjust"] | None = None


class Story(Strict):
    """One story of the file."""

    id: str
    source: str
    currency: str
    base_currency: str | None = None
    policy: Policy = Policy()
    given: Sequence[Given]
    expect: Expected
    note: str = ""

    @property
    def base(self) -> str:
        """The currency of the books."""
        return self.base_currency or self.currency

    def by_day(self) -> list[tuple[dt.date, list[Given]]]:
        """Return the events by the day on which they become known, each day's in their order."""
        days: dict[dt.date, list[Given]] = {}
        for event in sorted(self.given, key=lambda one: one.known_on):
            days.setdefault(event.known_on, []).append(event)
        return list(days.items())


def stories(*files: Path) -> list[Story]:
    """Read stories, those given to us and our own unless files are named.

    Raises: pydantic.ValidationError that names story, event and field; ValueError when two stories have one id.
    """
    read = [yaml.safe_load(file.read_text("utf-8"))["scenarios"] for file in files or (SCENARIOS, OWN)]
    found = TypeAdapter(list[Story]).validate_python([story for stories_of_file in read for story in stories_of_file])
    ids = [story.id for story in found]
    doubled = {one for one in ids if ids.count(one) > 1}
    if doubled:
        raise ValueError(f"stories with the same id: {', '.join(sorted(doubled))}")
    return found


def pending(file: Path = PENDING) -> dict[str, str]:
    """Read which stories don't hold yet, and why."""
    found = yaml.safe_load(file.read_text("utf-8")) or {}
    return TypeAdapter(dict[str, str]).validate_python(found)
