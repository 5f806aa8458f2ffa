"""Which open item does a receipt clear, and which payment does a refund take back? The simplest honest rules.

For whoever posts money: a rule answers only when exactly one answer is left. A tie, a difference of a cent and an
invoice that is no longer open wait for a person, with the reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.money import Money
from schemas.records.identification import WaitingReason
from schemas.records.receivables import OpenItemRecorded
from schemas.references import normalised_invoice
from streams.domain.entries import Entry, EntryKind, State, holders, remaining_minor

RULE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Waits:
    """No answer, and why."""

    reason: WaitingReason
    detail: str


@dataclass(frozen=True, slots=True)
class Match:
    """The one open item, the rule that found it, and what agrees."""

    item: OpenItemRecorded
    rule: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """The one payment that a refund takes back, and the rule that found it."""

    payment_id: str
    rule: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """The open items that no receipt of ours holds, found by number and by amount; and what holds the others."""

    by_invoice: Mapping[str, list[OpenItemRecorded]]
    by_amount: Mapping[tuple[int, str], list[OpenItemRecorded]]
    known_invoices: frozenset[str]
    holders: Mapping[str, Entry]


def candidates(state: State) -> Candidates:
    """The open items of a customer as a receipt may choose among them, in order of their abas ids."""
    held = holders(state)
    by_invoice: dict[str, list[OpenItemRecorded]] = defaultdict(list)
    by_amount: dict[tuple[int, str], list[OpenItemRecorded]] = defaultdict(list)
    for item_id in sorted(state.items):
        item = state.items[item_id]
        if not item.is_open or item.open_minor <= 0 or item_id in held:
            continue
        by_invoice[normalised_invoice(item.invoice_number) or ""].append(item)
        by_amount[(item.open_minor, item.currency)].append(item)
    known = frozenset(normalised_invoice(item.invoice_number) or "" for item in state.items.values())
    return Candidates(by_invoice, by_amount, known, held)


def match_receipt(receipt: Entry, among: Candidates) -> Match | Waits:
    """The open item that a receipt clears.

    Ensures: amount and currency agree to the cent. An invoice that the payment names is the only one considered once
             the customer has it; only a payment that names none, or one that nobody here knows, is matched by amount.
    """
    amount = Money(receipt.amount_minor, receipt.currency)
    named = normalised_invoice(receipt.invoice_number)
    if named is not None and named in among.by_invoice:
        return _match_named(amount, named, among.by_invoice[named])
    if named is not None and named in among.known_invoices:
        return Waits(WaitingReason.NO_OPEN_ITEM, f"invoice {named} has no open item left")
    equal = among.by_amount.get((amount.minor, amount.currency), [])
    if not equal:
        return Waits(WaitingReason.NO_OPEN_ITEM, f"no open item of exactly {amount}")
    if len(equal) > 1:
        return _tie(amount, equal)
    evidence = (f"open amount {amount}", "the only open item of this amount")
    return Match(equal[0], "exact-amount", evidence)


def match_refund(refund: Entry, state: State) -> Link | Waits:
    """The payment that a refund takes back; PayTrace gives no link.

    Ensures: a payment never gives back more than is left of it. With an invoice, the one payment that names it too;
             without, the one payment of which exactly this amount is left.
    """
    named, amount = normalised_invoice(refund.invoice_number), Money(refund.amount_minor, refund.currency)
    left, possible = remaining_minor(state), []
    for payment in state.entries.values():
        if payment.kind is not EntryKind.CAPTURE or payment.currency != refund.currency:
            continue
        payment_left = left[payment.transaction_id]
        if named is None:
            fits = payment_left == refund.amount_minor
        else:
            fits = normalised_invoice(payment.invoice_number) == named and payment_left >= refund.amount_minor
        if fits:
            possible.append(payment.transaction_id)
    if len(possible) == 1:
        return Link(possible[0], "same-amount" if named is None else "same-invoice")
    criterion = f"exactly {amount} left" if named is None else f"invoice {named} and {amount} left"
    count = ", ".join(possible) or "no payment"
    return Waits(WaitingReason.REFUND_WITHOUT_PAYMENT, f"with {criterion}: {count}")


def _match_named(amount: Money, named: str, items: list[OpenItemRecorded]) -> Match | Waits:
    equal = [item for item in items if (item.open_minor, item.currency) == (amount.minor, amount.currency)]
    if len(equal) == 1:
        return Match(equal[0], "exact-invoice", (f"invoice {named}", f"open amount {amount}"))
    if equal:
        return _tie(amount, equal)
    opens = ", ".join(str(Money(item.open_minor, item.currency)) for item in items)
    return Waits(WaitingReason.AMOUNT_DIFFERS, f"invoice {named} has {opens} open, the payment is {amount}")


def _tie(amount: Money, items: list[OpenItemRecorded]) -> Waits:
    numbers = ", ".join(f"{item.invoice_number} ({item.abas_open_item_id})" for item in items)
    return Waits(WaitingReason.SEVERAL_OPEN_ITEMS, f"{len(items)} open items of exactly {amount}: {numbers}")
