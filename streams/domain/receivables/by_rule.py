"""What is posted by a rule that the mapping's `policies:` switch on, where the engine is not certain.

Money that names nothing, or is more than the invoices that it names, belongs to the customer: it goes on account, and
is never income. An open item takes money on account, the oldest due first. A small rest of a paid item is given up, and
so is a discount that was taken in time. What a person could still choose stays with a person: a tie, an answer to the
cent, a payment or an item about which a person said no.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from schemas.records.identification import WaitingReason
from schemas.records.receivables import OpenItemRecorded
from schemas.values.exchange import leaves
from schemas.values.money import Money
from schemas.values.references import normalised_invoice
from schemas.values.replacing import replace
from schemas.values.rounding import half_up
from streams.domain.choices import Choices
from streams.domain.receivables.account import APPLIES, Entry, EntryKind, State, number_of
from streams.domain.receivables.matching import Found, Option, Part, evidence, named_invoices

_WORDS = re.compile(r"[^\s,;+&/|]+")


@dataclass(frozen=True, slots=True)
class OnAccount:
    """What of a receipt goes to the customer's account, and why. Units: minor units of the receipt's currency."""

    amount_minor: int
    detail: str


@dataclass(frozen=True, slots=True)
class Placed:
    """Where all of a receipt goes by rule. Ensures: the parts sum to the receipt."""

    parts: tuple[Part | OnAccount, ...]
    option: Option


@dataclass(frozen=True, slots=True)
class Share:
    """A part of what is given up. Units: minor units; the tax is within the amount."""

    amount_minor: int
    tax_minor: int = 0
    tax_code: str | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """What is given up of an open item by which rule, after the payment that left it; text says why."""

    kind: EntryKind
    paid_by: Entry
    shares: tuple[Share, ...]
    rule: str
    text: str


def placed(receipt: Entry, state: State, found: Found, choices: Choices) -> Placed | None:
    """Say where a receipt goes that is too much, or by rule enough, for what it names, or names nothing.

    None if it waits.
    """
    if receipt.owner in state.held or found.waits.reason not in (
        WaitingReason.NO_OPEN_ITEM,
        WaitingReason.AMOUNT_DIFFERS,
    ):
        return None
    puts = choices.unapplied == "on_account"
    if not (receipt.invoice_number or "").strip():
        is_tied = any(_is_exact(option, receipt, state) for option in found.options)
        return _on_account(receipt, "names no invoice") if puts and not is_tied else None
    named = named_invoices(receipt.invoice_number, state.invoice_numbers)
    if not _names_only(receipt, named):
        return None
    short = _short_of(receipt, state, named)
    if short is not None:
        return _enough(receipt, state, *short, choices)
    return _too_much(receipt, state, named) if puts else None


def noted(receipt: Entry, state: State, found: Found, choices: Choices) -> Found:
    """Add to why a short payment waits what keeps its discount from being taken by rule, if it took one."""
    if not receipt.is_receipt or found.waits.reason is not WaitingReason.AMOUNT_DIFFERS:
        return found
    short = _short_of(receipt, state, named_invoices(receipt.invoice_number, state.invoice_numbers))
    why = "" if short is None else _not_taken(*short, receipt.value_on, choices)
    return replace(found, waits=replace(found.waits, detail=f"{found.waits.detail}; {why}")) if why else found


def rests(state: State, choices: Choices) -> Iterator[Rest]:
    """Yield the rests of paid items that a rule gives up.

    Ensures: only where our receipts on the item are all posted, and nothing on it was ever taken back: a rest that a
             refund opened, or that a person wants back, is owed.
    """
    if choices.write_off is None and choices.skonto is None:
        return
    for item_id, minor in state.available.items():
        item, holders = state.items[item_id], state.holders_of(item_id)
        is_settled = bool(holders) and all(one.is_posted and one.owner not in state.moved_to for one in holders)
        if is_settled and not _is_disturbed(item_id, state):
            last = max(holders, key=lambda one: one.value_on)
            rest = _given_up(item, minor, last, state, choices)
            if rest is not None:
                yield rest


def _is_disturbed(item_id: str, state: State, by: str = "") -> bool:
    """Say whether anything on an item was taken back, waits for abas, or is asked about by another payment."""
    for entry in state.entries.values():
        bearer = state.entries.get(entry.reverses or entry.takes_back or "")
        on_item = item_id in (entry.abas_open_item_id, bearer.abas_open_item_id if bearer else None)
        if on_item and (bearer is not None or (entry.is_write_off and not entry.is_posted)):
            return True
    others = (entry for entry in state.waiting if entry.posting_reference != by)
    return any(item_id in option.abas_open_item_ids for entry in others for option in entry.options)


def _given_up(item: OpenItemRecorded, rest: int, paid_by: Entry, state: State, choices: Choices) -> Rest | None:
    """Return what of an item is given up if this is left after this payment; None if a rule gives up nothing."""
    if _is_discount(item, rest) and not _days_late(item, paid_by.value_on, choices) and choices.skonto is not None:
        text = f"{_percent(item)} % within {item.terms_days} days"
        if not is_tax_known(item):
            if choices.skonto.tax_unknown == "wait":
                return None
            text += ", booked without tax: the tax of the invoice is not known"
        return Rest(EntryKind.CASH_DISCOUNT, paid_by, discount_shares(item, rest), "cash-discount", text)
    limits = choices.write_off
    if limits is None or item.currency not in limits.limits_minor:
        return None
    share = int(limits.percent * item.amount_minor / 100)
    most = min(share, limits.limits_minor[item.currency])
    if rest + state.written_off_minor(item.abas_open_item_id) > most:
        return None
    text = f"{limits.percent:f} % or {Money(limits.limits_minor[item.currency], item.currency)}, the smaller"
    return Rest(EntryKind.WRITE_OFF, paid_by, (Share(rest),), "small-rest", text)


def discount_shares(item: OpenItemRecorded, minor: int) -> tuple[Share, ...]:
    """Divide a discount by the tax rates of its invoice.

    Units:   minor units of the item's currency.
    Ensures: the shares sum to the discount, what rounding leaves is with the largest; each bears the tax of its rate,
             half up. One share without tax where that is not known.
    """
    if not is_tax_known(item):
        return (Share(minor),)
    parts = Money(minor, item.currency).split(item.taxed_amounts)
    rates = zip(item.tax_codes, item.taxed_amounts, item.tax_amounts, parts, strict=True)
    return tuple(
        Share(part.minor, half_up(Fraction(part.minor * tax, gross)), code)
        for code, gross, tax, part in rates
        if part.minor
    )


def is_tax_known(item: OpenItemRecorded) -> bool:
    """Say whether the ERP names the tax of all of an item: its rates sum to the whole, and none is odd."""
    rates = tuple(zip(item.taxed_amounts, item.tax_amounts, strict=True))
    return sum(item.taxed_amounts) == item.amount_minor and all(0 <= tax <= gross > 0 for gross, tax in rates)


def _percent(item: OpenItemRecorded) -> str:
    return f"{Decimal(item.terms_bps or 0) / 100:f}"


def _is_discount(item: OpenItemRecorded, rest: int) -> bool:
    """Say whether this rest is the discount of the item's terms; payers round, so a minor unit more or less is."""
    if not item.terms_bps or item.terms_days is None or item.invoiced_on is None:
        return False
    return abs(rest - leaves(item.amount_minor, 10_000, 0, item.terms_bps)) <= 1


def _days_late(item: OpenItemRecorded, paid_on: date, choices: Choices) -> int:
    """Return by how many days a discount is too late, 0 in time: the last day counts, and so do days of grace."""
    grace = choices.skonto.grace_days if choices.skonto is not None else 0
    taken = (paid_on - (item.invoiced_on or paid_on)).days
    return max(0, taken - (item.terms_days or 0) - grace)


def _not_taken(item: OpenItemRecorded, rest: int, paid_on: date, choices: Choices) -> str:
    """Say why a rest that is the discount of the item is not given up by rule; empty if it is none, or is."""
    if choices.skonto is None or not _is_discount(item, rest):
        return ""
    short = f"{Money(rest, item.currency)} short"
    if _days_late(item, paid_on, choices):
        day = (paid_on - (item.invoiced_on or paid_on)).days
        return f"{short}: discount taken too late, on day {day} of {item.terms_days}"
    if not is_tax_known(item) and choices.skonto.tax_unknown == "wait":
        return f"{short}: discount in time, but the tax of the invoice is not known; a person decides, or tax_unknown"
    return ""


def _short_of(receipt: Entry, state: State, named: frozenset[str]) -> tuple[OpenItemRecorded, int] | None:
    """Return the one item that a receipt names and pays less than, and what would be left; None if it does not."""
    items = [state.items[one] for one in state.available if number_of(state.items[one]) in named]
    if len(named) != 1 or len(items) != 1 or items[0].currency != receipt.currency:
        return None
    rest = state.available[items[0].abas_open_item_id] - receipt.amount_minor
    is_ruled_out = (receipt.owner, items[0].abas_open_item_id) in state.ruled_out
    return (items[0], rest) if rest > 0 and not is_ruled_out else None


def _enough(receipt: Entry, state: State, item: OpenItemRecorded, rest: int, choices: Choices) -> Placed | None:
    """Pay an item whose rest a rule gives up once the receipt is posted."""
    if _is_disturbed(item.abas_open_item_id, state, receipt.posting_reference):
        return None
    found = _given_up(item, rest, receipt, state, choices)
    if found is None:
        return None
    said = evidence(state, receipt, (item.abas_open_item_id,))
    part = Part(item, receipt.amount_minor)
    return Placed((part,), Option((part,), found.rule, (*said.agrees, found.text), said.differs))


def oldest_first(state: State, asked_about: frozenset[str]) -> tuple[Entry, Part] | None:
    """Find the open item that is due first and takes money on account, the oldest money first; None if nothing fits.

    Shapes:  asked_about are ids of the items that are suggested for payments that wait.
    Ensures: never more than the item has open and than there is; an item that is asked about is left to a person, and
             so is one of which abas refused an application, and money about which a person said no.
    """
    for item in _due_first(state, asked_about):
        for receipt, minor in state.on_account:
            if receipt.currency == item.currency and _is_free(receipt, item, state):
                return receipt, Part(item, min(minor, state.available[item.abas_open_item_id]))
    return None


def credit_oldest_first(state: State, asked_about: frozenset[str]) -> tuple[OpenItemRecorded, Part] | None:
    """Find the open item that is due first and takes a credit memo, the oldest memo first; None if nothing fits.

    Ensures: as oldest_first; a memo of an invoice that payments of ours paid is left to the refund that may follow, or
             to a person.
    """
    free = (state.items[memo_id] for memo_id in state.credits if memo_id not in state.held)
    memos = sorted((memo for memo in free if not _may_be_refunded(memo, state)), key=_booked)
    for item in _due_first(state, asked_about):
        for memo in memos:
            if memo.currency == item.currency:
                minor = min(state.credits[memo.abas_open_item_id], state.available[item.abas_open_item_id])
                return memo, Part(item, minor)
    return None


def _due_first(state: State, asked_about: frozenset[str]) -> list[OpenItemRecorded]:
    """List the items that a rule may give something, without those of which abas refused it."""
    refused = {entry.abas_open_item_id for entry in state.waiting if entry.kind in APPLIES}
    return sorted((state.items[one] for one in state.available if one not in asked_about | refused), key=_age)


def _may_be_refunded(memo: OpenItemRecorded, state: State) -> bool:
    number = normalised_invoice(memo.credits_invoice)
    credited = (item_id for item_id, item in state.items.items() if number and number_of(item) == number)
    return any(state.holders_of(item_id) for item_id in credited)


def _booked(memo: OpenItemRecorded) -> tuple[date, str, str]:
    return memo.invoiced_on or date.max, memo.invoice_number, memo.abas_open_item_id


def _is_free(receipt: Entry, item: OpenItemRecorded, state: State) -> bool:
    """Say whether a rule may give this money to this item: nobody said no, and nothing asks it back."""
    said_no = (receipt.owner, item.abas_open_item_id) in state.ruled_out or receipt.owner in state.held
    is_of_order = receipt.owner in state.orders  # kept for the invoice of its order
    return not said_no and not is_of_order and receipt.owner not in state.moved_to and not state.is_asked_back(receipt)


def _age(item: OpenItemRecorded) -> tuple[date, str, str]:
    return item.due_on or date.max, item.invoice_number, item.abas_open_item_id


def _is_exact(option: Option, receipt: Entry, state: State) -> bool:
    is_whole = all(part.amount_minor == state.available.get(part.item.abas_open_item_id) for part in option.parts)
    return is_whole and sum(part.amount_minor for part in option.parts) == receipt.amount_minor


def _names_only(receipt: Entry, named: frozenset[str]) -> bool:
    """Say whether a text names invoices of this customer and nothing else that could be the number of one."""
    words = _WORDS.findall(receipt.invoice_number or "")
    numbers = [word for word in words if any(letter.isdigit() for letter in word)]
    return bool(named) and len(numbers) <= len(named)


def _too_much(receipt: Entry, state: State, named: frozenset[str]) -> Placed | None:
    items = [item for item in state.items.values() if number_of(item) in named]
    is_ruled_out = any((receipt.owner, item.abas_open_item_id) in state.ruled_out for item in items)
    if is_ruled_out or any(item.currency != receipt.currency for item in items):
        return None
    open_items = [item for item in items if item.abas_open_item_id in state.available]
    parts = [Part(item, state.available[item.abas_open_item_id]) for item in sorted(open_items, key=_age)]
    over = receipt.amount_minor - sum(part.amount_minor for part in parts)
    if over <= 0:
        return None
    numbers = ", ".join(sorted(named))
    if not parts:
        return _on_account(receipt, _already_paid(receipt, state, items, numbers), "paid-already")
    amount = Money(over, receipt.currency)
    said = evidence(state, receipt, tuple(part.item.abas_open_item_id for part in parts))
    rest = OnAccount(over, f"{amount} more than is open of {numbers}; it belongs to the customer")
    return Placed((*parts, rest), Option(tuple(parts), "more-than-named", said.agrees, said.differs))


def _already_paid(receipt: Entry, state: State, items: Sequence[OpenItemRecorded], numbers: str) -> str:
    """Say that the named invoices are paid, and by which payments of ours: then this is likely a double payment."""
    holders = {one.posting_reference for item in items for one in state.holders_of(item.abas_open_item_id)}
    if not holders:
        return f"nothing is open of {numbers}"
    return f"likely a double payment of {numbers}, paid by {', '.join(sorted(holders))}"


def _on_account(receipt: Entry, detail: str, rule: str = "names-nothing") -> Placed:
    return Placed((OnAccount(receipt.amount_minor, detail),), Option((), rule, (detail,)))
