"""What is posted by a rule that the mapping's `policies:` switch on, where the engine is not certain.

Money that names nothing, or is more than the invoices that it names, belongs to the customer: it goes on account, and
is never income. An open item takes money on account, the oldest due first. What a person could still choose stays with
a person: a tie, an answer to the cent, a payment or an item about which a person said no.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from schemas.records.identification import WaitingReason
from schemas.records.receivables import OpenItemRecorded
from schemas.values.money import Money
from streams.domain.receivables.account import Entry, EntryKind, State, number_of
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


def placed(receipt: Entry, state: State, found: Found) -> Placed | None:
    """Say where a receipt goes that is too much for the invoices that it names, or names nothing; None if it waits."""
    if receipt.owner in state.held or found.waits.reason not in (
        WaitingReason.NO_OPEN_ITEM,
        WaitingReason.AMOUNT_DIFFERS,
    ):
        return None
    if not (receipt.invoice_number or "").strip():
        is_tied = any(_is_exact(option, receipt, state) for option in found.options)
        return None if is_tied else _on_account(receipt, "names no invoice")
    named = named_invoices(receipt.invoice_number, state.invoice_numbers)
    return _too_much(receipt, state, named) if _names_only(receipt, named) else None


def oldest_first(state: State, asked_about: frozenset[str]) -> tuple[Entry, Part] | None:
    """Find the open item that is due first and takes money on account, the oldest money first; None if nothing fits.

    Shapes:  asked_about are ids of the items that are suggested for payments that wait.
    Ensures: never more than the item has open and than there is; an item that is asked about is left to a person, and
             so is one of which abas refused an application, and money about which a person said no.
    """
    refused = {entry.abas_open_item_id for entry in state.waiting if entry.kind is EntryKind.APPLICATION}
    items = (state.items[item_id] for item_id in state.available if item_id not in asked_about | refused)
    for item in sorted(items, key=_age):
        for receipt, minor in state.on_account:
            if receipt.currency == item.currency and _is_free(receipt, item, state):
                return receipt, Part(item, min(minor, state.available[item.abas_open_item_id]))
    return None


def _is_free(receipt: Entry, item: OpenItemRecorded, state: State) -> bool:
    """Say whether a rule may give this money to this item: nobody said no, and nothing asks it back."""
    said_no = (receipt.owner, item.abas_open_item_id) in state.ruled_out or receipt.owner in state.held
    return not said_no and receipt.owner not in state.moved_to and not state.is_asked_back(receipt)


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
