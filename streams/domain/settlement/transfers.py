"""Which bank lines are customers' payments, and which of them did the bank take back?

People say into which bank accounts customers pay and how invoices, orders and customers are written there (rules
`deposit-matching`). A line that names its deposit or batch is the processor's in any of them. A return is a debit of
all or a part of what is left of just one payment, which names what that named; where two could be meant it waits, as
other bank lines do. A part goes back as a refund of its own.

What is found here goes to the payments context as a transaction of its own, and from there the way of every payment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from reconcile.engine.remittance import numbers_in
from schemas.records.payments import (
    ObservedBy,
    PaymentMethod,
    TransactionKind,
    TransactionObserved,
    TransactionStatus,
)
from schemas.records.settlement import (
    BankLineObserved,
    BankTransferRecorded,
    SettlementLineKind,
    SettlementLineRecorded,
)
from schemas.values.references import normalised_invoice
from streams.domain.settlement.books import BY_RULE, OpenDeposit, State, evolve, transfer_id
from streams.domain.settlement.explaining import REACH, SHORTEST_ID
from streams.domain.settlement.policy import Policy, Reference

BY_NAME = "bank-transfer-named"
BY_ACCOUNT = "bank-transfer-account"
BY_RETURN = "bank-transfer-returned"
BY_PART = "bank-transfer-returned-in-part"
BY_OPERATOR = "operator"
_SHORTEST_REFERENCE = 6  # a shorter one may be the place of the line in its file


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a bank line names: invoices with commas between, an order, a customer; None where it names none."""

    invoice_number: str | None = None
    customer_reference: str | None = None
    vault_customer_id: str | None = None

    @property
    def is_something(self) -> bool:
        """Whether it names anything."""
        return any((self.invoice_number, self.customer_reference, self.vault_customer_id))


def named_by(text: str, references: Iterable[str], policy: Policy) -> Named:
    """Return what a bank line names, by how people say it is written; ranges of invoices are spelled out."""
    words = (text, *references, *numbers_in(text))
    return Named(
        invoice_number=", ".join(_found(policy.transfers.invoices, words)) or None,
        customer_reference=next(_found(policy.transfers.orders, words), None),
        vault_customer_id=next(_found(policy.transfers.customers, words), None),
    )


def _found(patterns: Iterable[Reference], words: Iterable[str]) -> Iterator[str]:
    found = (one for pattern in patterns for text in words for one in pattern.found_in(text))
    return iter(dict.fromkeys(number for one in found if (number := normalised_invoice(one)) is not None))


def transfer_of(
    state: State, seen: BankLineObserved, line: SettlementLineRecorded, policy: Policy
) -> BankTransferRecorded | None:
    """Return the customer's payment, or the return of one, that a bank line is; None for any other line.

    Shapes: line is the same bank line as settlement reads it.
    """
    way = policy.transfers.accounts.get(seen.bank_account)
    if way is None or seen.deposit_id is not None or seen.batch_number is not None or _names_deposit(state, seen.text):
        return None
    if line.kind is SettlementLineKind.WITHDRAWN:
        back_minor = line.amount_minor - line.fee_minor
        paid = returned_by(state, seen.text, seen.references, back_minor, line.moved_on, policy)
        return None if paid is None else return_of(paid, line, policy)
    named = named_by(seen.text, seen.references, policy)
    if named.is_something:
        return recorded(line, named, seen.references, policy, rule=BY_NAME)
    if way == "all" and not _is_announced(state, line):
        return recorded(line, named, seen.references, policy, rule=BY_ACCOUNT)
    return None


def recorded(
    line: SettlementLineRecorded, named: Named, references: Iterable[str], policy: Policy, *, rule: str
) -> BankTransferRecorded:
    """Return the event of a payment; what the bank charged for it was paid too."""
    return BankTransferRecorded(
        settlement_account=line.settlement_account,
        bank_line_id=line.line_id,
        paytrace_transaction_id=transfer_id(line.line_id),
        amount_minor=line.amount_minor + line.fee_minor,
        fee_minor=line.fee_minor,
        deposit_minor=0,
        currency=line.currency,
        booked_on=line.moved_on,
        invoice_number=named.invoice_number,
        customer_reference=named.customer_reference,
        vault_customer_id=named.vault_customer_id,
        references=tuple(references),
        text=line.text,
        rule=rule,
        rule_version=policy.rule_version,
        matched_by=BY_RULE,
        reason="",
        book_on=line.book_on,
        occurred_at=line.occurred_at,
    )


def returned_by(
    state: State, text: str, references: Iterable[str], amount_minor: int, on: date, policy: Policy
) -> BankTransferRecorded | None:
    """Return the one payment that a debit of this amount takes back; None where none or several could be meant.

    A payment of just this amount of which nothing came back goes before those of which it may be a part.
    """
    named = named_by(text, references, policy)
    own = frozenset(_distinctive(references))
    meant = [
        paid
        for paid in state.transfers.values()
        if 0 < amount_minor <= left_of(state, paid)
        and paid.booked_on <= on
        and (own & frozenset(_distinctive(paid.references)) or _names_the_same(named, paid))
    ]
    whole = [paid for paid in meant if paid.amount_minor == amount_minor]
    chosen = whole or meant
    return chosen[0] if len(chosen) == 1 else None


def left_of(state: State, paid: BankTransferRecorded) -> int:
    """Return what of a payment did not come back, in minor units."""
    return paid.amount_minor - state.returned.get(paid.paytrace_transaction_id, 0)


def late_returns(state: State, paid: BankTransferRecorded, policy: Policy) -> Iterator[BankTransferRecorded]:
    """Yield the returns of a payment that were imported before it; they are open bank lines until then.

    Shapes: state is the one after the payment, and after each return that was yielded.
    """
    debits = sorted(state.deposits.values(), key=lambda one: (one.moved_on, one.bank_line_id))
    for debit in debits:
        is_of_nobody = debit.deposit_minor < 0 and debit.deposit_id is None and debit.batch_number is None
        if is_of_nobody and returned_by(state, debit.text, (), -debit.paid_minor, debit.moved_on, policy) == paid:
            back = return_of(paid, as_line(state, debit, paid.occurred_at), policy, deposit_minor=debit.deposit_minor)
            yield back
            state = evolve(state, back)


def as_line(state: State, debit: OpenDeposit, at: datetime) -> SettlementLineRecorded:
    """Return an open debit of the bank as the line that it was recorded by, as of a time."""
    return SettlementLineRecorded(
        settlement_account=state.account,
        line_id=debit.bank_line_id,
        kind=SettlementLineKind.WITHDRAWN,
        amount_minor=-debit.deposit_minor,
        fee_minor=debit.bank_fee_minor,
        currency=state.currency,
        moved_on=debit.moved_on,
        book_on=state.day or debit.book_on,
        card_type="",
        text=debit.text,
        occurred_at=at,
    )


def return_of(
    paid: BankTransferRecorded, line: SettlementLineRecorded, policy: Policy, *, deposit_minor: int = 0
) -> BankTransferRecorded:
    """Return the event of a debit that takes a payment back; what is a part of it is a transaction of its own.

    What the bank charged for it is no part of it.

    Units: deposit_minor is the bank line where it was open as a deposit before, below zero.
    """
    back_minor = line.amount_minor - line.fee_minor
    is_whole = back_minor == paid.amount_minor
    return BankTransferRecorded(
        settlement_account=line.settlement_account,
        bank_line_id=line.line_id,
        paytrace_transaction_id=paid.paytrace_transaction_id if is_whole else transfer_id(line.line_id),
        returns_line_id=paid.bank_line_id,
        amount_minor=back_minor,
        fee_minor=line.fee_minor,
        deposit_minor=deposit_minor,
        currency=line.currency,
        booked_on=line.moved_on,
        invoice_number=paid.invoice_number,
        customer_reference=paid.customer_reference,
        vault_customer_id=paid.vault_customer_id,
        references=paid.references,
        text=line.text,
        rule=BY_RETURN if is_whole else BY_PART,
        rule_version=policy.rule_version,
        matched_by=BY_RULE,
        reason="",
        book_on=line.book_on,
        occurred_at=line.occurred_at,
    )


def _names_deposit(state: State, text: str) -> bool:
    words = frozenset(text.split())
    return any(len(id_) >= SHORTEST_ID and id_ in words for id_ in state.reports)


def _is_announced(state: State, line: SettlementLineRecorded) -> bool:
    """Return whether the processor reported a deposit of just this amount that no bank line has brought."""
    return any(
        not report.bank_lines
        and report.reported.net_minor == line.amount_minor + line.fee_minor
        and abs(line.moved_on - report.reported.reported_on) <= REACH
        for report in state.reports.values()
    )


def _distinctive(references: Iterable[str]) -> Iterator[str]:
    return (one.strip().upper() for one in references if len(one.strip()) >= _SHORTEST_REFERENCE)


def _names_the_same(named: Named, paid: BankTransferRecorded) -> bool:
    of_paid = Named(
        invoice_number=paid.invoice_number,
        customer_reference=paid.customer_reference,
        vault_customer_id=paid.vault_customer_id,
    )
    return named.is_something and named == of_paid


def observed(event: BankTransferRecorded) -> TransactionObserved:
    """Return a bank transfer as the payments context observes transactions."""
    noon = datetime.combine(event.booked_on, time(12), tzinfo=UTC)
    is_debit = event.returns_line_id is not None
    is_part = is_debit and event.paytrace_transaction_id == transfer_id(event.bank_line_id)
    is_return = is_debit and not is_part
    return TransactionObserved(
        paytrace_transaction_id=event.paytrace_transaction_id,
        merchant=event.settlement_account.rpartition("/")[0],
        kind=TransactionKind.REFUND if is_part else TransactionKind.BANK_TRANSFER,
        raw_kind="bank line",
        status=TransactionStatus.BANK_RETURNED if is_return else TransactionStatus.BANK_BOOKED,
        raw_status="debit" if is_debit else "credit",
        method=PaymentMethod.BANK_TRANSFER,
        amount_minor=event.amount_minor,
        currency=event.currency,
        approval_code="",
        invoice_number=event.invoice_number,
        vault_customer_id=event.vault_customer_id,
        customer_reference=event.customer_reference,
        description=event.text,
        avs_response="",
        csc_response="",
        created_at=noon,
        raw_created=event.booked_on.isoformat(),
        created_on=None if is_return else event.booked_on,
        raw_settled="",
        returned_on=event.booked_on if is_return else None,
        observed_at=event.occurred_at,
        # A bank's day may lie ahead of the day in the merchant's zone, and is no doubt about the payment.
        observed_on=max(event.booked_on, event.occurred_at.astimezone(UTC).date()),
        observed_by=ObservedBy.COMMAND if event.matched_by != BY_RULE else ObservedBy.POLL,
        raw=json.dumps({"bank_line_id": event.bank_line_id}),
    )
