"""Which bank lines are customers' payments, and which of them did the bank take back?

People say into which bank accounts customers pay and how invoices, orders and customers are written there (rules
`deposit-matching`). A line that names its deposit or batch is the processor's in any of them. A return is a debit of
the amount of just one payment, which names what that named; where two could be meant it waits, as other bank lines do.

What is found here goes to the payments context as a transaction of its own, and from there the way of every payment.
"""

from __future__ import annotations

import hashlib
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
from streams.domain.settlement.books import BY_RULE, OpenDeposit, State
from streams.domain.settlement.explaining import REACH, SHORTEST_ID
from streams.domain.settlement.policy import Policy, Reference

BY_NAME = "bank-transfer-named"
BY_ACCOUNT = "bank-transfer-account"
BY_RETURN = "bank-transfer-returned"
BY_OPERATOR = "operator"
_LETTERS = str.maketrans("0123456789abcdef", "ABCDEFGHIJKLMNOP")
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


def transfer_id(bank_line_id: str) -> str:
    """Return the name of the payment that a bank line is: letters alone, so that none is taken for a card number."""
    digest = hashlib.blake2b(bank_line_id.encode(), digest_size=7).hexdigest()
    return f"BT{digest.translate(_LETTERS)}"


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
        paid = returned_by(state, seen.text, seen.references, line.amount_minor, line.moved_on, policy)
        return None if paid is None else _return_of(paid, line, 0, policy)
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
    """Return the one payment that a debit of this amount takes back; None where none or several could be meant."""
    named = named_by(text, references, policy)
    own = frozenset(_distinctive(references))
    meant = [
        paid
        for paid in state.transfers.values()
        if paid.amount_minor == amount_minor
        and paid.booked_on <= on
        and paid.paytrace_transaction_id not in state.returned
        and (own & frozenset(_distinctive(paid.references)) or _names_the_same(named, paid))
    ]
    return meant[0] if len(meant) == 1 else None


def late_return(state: State, paid: BankTransferRecorded, policy: Policy) -> BankTransferRecorded | None:
    """Return the return of a payment whose debit was imported before it; the debit is an open bank line until then."""
    for debit in state.deposits.values():
        is_of_nobody = debit.deposit_minor < 0 and debit.deposit_id is None and debit.batch_number is None
        if is_of_nobody and returned_by(state, debit.text, (), -debit.paid_minor, debit.moved_on, policy) == paid:
            return _return_of(paid, _as_line(state, debit, paid), debit.deposit_minor, policy)
    return None


def _as_line(state: State, debit: OpenDeposit, paid: BankTransferRecorded) -> SettlementLineRecorded:
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
        occurred_at=paid.occurred_at,
    )


def _return_of(
    paid: BankTransferRecorded, line: SettlementLineRecorded, deposit_minor: int, policy: Policy
) -> BankTransferRecorded:
    return BankTransferRecorded(
        settlement_account=line.settlement_account,
        bank_line_id=line.line_id,
        paytrace_transaction_id=paid.paytrace_transaction_id,
        returns_line_id=paid.bank_line_id,
        amount_minor=paid.amount_minor,
        deposit_minor=deposit_minor,
        currency=line.currency,
        booked_on=line.moved_on,
        invoice_number=paid.invoice_number,
        customer_reference=paid.customer_reference,
        vault_customer_id=paid.vault_customer_id,
        references=paid.references,
        text=line.text,
        rule=BY_RETURN,
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
    if not named.is_something:
        return False
    return (named.invoice_number, named.customer_reference) == (paid.invoice_number, paid.customer_reference)


def observed(event: BankTransferRecorded) -> TransactionObserved:
    """Return a bank transfer as the payments context observes transactions."""
    noon = datetime.combine(event.booked_on, time(12), tzinfo=UTC)
    is_return = event.returns_line_id is not None
    status = TransactionStatus.BANK_RETURNED if is_return else TransactionStatus.BANK_BOOKED
    return TransactionObserved(
        paytrace_transaction_id=event.paytrace_transaction_id,
        merchant=event.settlement_account.rpartition("/")[0],
        kind=TransactionKind.BANK_TRANSFER,
        raw_kind="bank line",
        status=status,
        raw_status="debit" if is_return else "credit",
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
