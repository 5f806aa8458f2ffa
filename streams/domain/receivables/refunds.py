"""What a refund takes back, where that is more than a receipt alone says: credit memos, and more than was paid.

A refund against a credit memo pays a debt to the customer and leaves the invoice paid. One without opens the invoice
again, or by policy stands on the customer's account until it is credited. What is more than is left of its payment is
a claim on the customer without an invoice, so that no invoice is ever open with more than its amount.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.values.money import Money
from schemas.values.references import normalised_invoice
from schemas.values.replacing import replace
from streams.domain.choices import Choices
from streams.domain.receivables.account import Entry, EntryKind, EntryStatus, State
from streams.domain.receivables.by_rule import OnAccount
from streams.domain.receivables.matching import Link


@dataclass(frozen=True, slots=True)
class Credited:
    """What of the money of one receipt a refund pays out against a credit memo, or (None) one that is to come."""

    receipt: str
    memo_id: str | None
    amount_minor: int


def credited_shares(refund: Entry, state: State, choices: Choices) -> tuple[Credited, ...]:
    """Divide a refund by the credit memos of the invoices that its payment paid.

    Units:   minor units of the refund's currency.
    Ensures: the shares sum to at most the refund; none is more than its memo has left, nor than its receipt has; what
             is over opens the invoice again, or by policy waits on account for its memo. () while a receipt is on its
             way to abas.
    """
    family = state.family(refund.payment_id)
    if any(one.is_receipt and one.status is EntryStatus.REQUESTED for one in family):
        return ()
    without = replace(state, entries={ref: one for ref, one in state.entries.items() if one is not refund})
    shares: list[Credited] = []
    due, left_of_memos = refund.amount_minor, dict(state.credits)
    for receipt, left in without.able_to_give_back(refund.payment_id):
        is_meant = refund.takes_back in (None, receipt.posting_reference)
        if not is_meant or not receipt.is_posted or receipt.abas_open_item_id is None:
            continue
        able = min(left, due)
        for memo_id, _ in state.credits_of(receipt.abas_open_item_id):
            minor = min(able, left_of_memos[memo_id])
            if minor:
                shares.append(Credited(receipt.posting_reference, memo_id, minor))
                left_of_memos[memo_id] -= minor
                able, due = able - minor, due - minor
        if able and choices.refund_without_credit_memo == "liability":
            shares.append(Credited(receipt.posting_reference, None, able))
            due -= able
    return tuple(shares)


def refund_beyond(refund: Entry, state: State) -> Link | None:
    """Find the one payment that names the refund's invoice too and has less left than the refund is."""
    named = normalised_invoice(refund.invoice_number)
    if named is None:
        return None
    payments = [
        one.transaction_id
        for one in state.entries.values()
        if one.kind is EntryKind.CAPTURE
        and one.posting_reference == f"PT{one.transaction_id}"
        and one.currency == refund.currency
        and normalised_invoice(one.invoice_number) == named
    ]
    return Link(payments[0], "same-invoice-less-left") if len(payments) == 1 else None


def excess_of(refund: Entry, state: State) -> OnAccount | None:
    """Return what a linked refund is more than is left of its payment; None where nothing is, or not yet certain."""
    if refund.kind is not EntryKind.REFUND or refund.payment_id is None or refund.on_account:
        return None
    receipts = [one for one in state.family(refund.payment_id) if one.is_receipt and one.is_live]
    if not any(one.is_posted for one in receipts) or not all(one.is_posted for one in receipts):
        return None
    others = replace(state, entries={ref: one for ref, one in state.entries.items() if one is not refund})
    left = sum(minor for _, minor in others.able_to_give_back(refund.payment_id))
    left -= sum(_waiting_before(refund, state))
    excess = refund.amount_minor - max(0, left)
    if excess <= 0:
        return None
    amount = Money(excess, refund.currency)
    return OnAccount(excess, f"{amount} more than is left of payment {refund.payment_id}; the customer owes it")


def _waiting_before(refund: Entry, state: State) -> list[int]:
    """Return the amounts of the refunds of the same payment that wait before this one and mean no receipt yet."""
    earlier: list[int] = []
    for one in state.waiting:
        if one is refund:
            break
        if one.kind is EntryKind.REFUND and one.payment_id == refund.payment_id and one.takes_back is None:
            earlier.append(one.amount_minor)
    return earlier
