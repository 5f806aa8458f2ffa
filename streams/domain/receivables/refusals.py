"""What stands against a decision of a person, in words: the entry that a command is about, or why it is refused.

For decisions.py. Each function returns what was asked for, or raises Refused with what a person needs to know: what
became of the entry or the suggestion, what is left, and who decided before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC

from schemas.records.receivables import (
    ApplyCreditMemo,
    ApplyOnAccount,
    HandToFinance,
    MatchRefund,
    MatchSuggested,
    OpenItemRecorded,
    PostAgain,
    PutOnAccount,
    PutRefundOnAccount,
    SplitEntry,
)
from schemas.values.money import Money
from streams.domain.receivables.account import Entry, EntryKind, EntryStatus, State
from streams.domain.receivables.matching import Part, is_converted
from streams.domain.receivables.policy import WriteOffLimits

_PART = re.compile(r"S\d+$")  # a part of a divided entry; the decision was about the whole
_ASK_AGAIN = "is being posted; ask again once abas has answered"
_OVER = {
    EntryStatus.NETTED: "cancelled out before it was posted",
    EntryStatus.MOVED: "is no longer with this customer",
    EntryStatus.HANDED_OVER: "is no longer with this customer",
}
# Why an entry that is so far can't be matched with items, unmatched, linked to a payment or handed over.
_NOT_MATCHED = {
    EntryStatus.REQUESTED: "is being posted",
    EntryStatus.POSTED: "is posted already; unmatch it first",
    EntryStatus.SPLIT: "is divided; decide about its parts",
    **_OVER,
}
_NOT_UNMATCHED = {EntryStatus.REQUESTED: _ASK_AGAIN, EntryStatus.SPLIT: "is divided; unmatch its parts", **_OVER}
_NOT_BOOKED = {
    EntryStatus.REQUESTED: _ASK_AGAIN,
    EntryStatus.POSTED: "is posted already",
    EntryStatus.HANDED_OVER: "is handed over to finance",
}


class Refused(Exception):
    """A command can't be carried out; the text says why."""


def decided_before(state: State, *subjects: str) -> str:
    """Say who decided last about an entry, or its whole, for the end of a refusal; empty if nobody did.

    Shapes: subjects are posting references or open item ids; the first that was decided about counts.
    """
    for subject in subjects:
        last = state.decided.get(subject) or state.decided.get(_PART.sub("", subject))
        if last is not None:
            what = last.decision.value.lower().replace("_", " ")
            at = last.occurred_at.astimezone(UTC)
            return f"; {last.decided_by} decided {what} at {at:%Y-%m-%d %H:%M} UTC: {last.reason}"
    return ""


def check_unchanged(
    entry: Entry, command: PutOnAccount | PostAgain | MatchRefund | PutRefundOnAccount | HandToFinance
) -> None:
    """Refuse if an entry is not the money that a person saw."""
    amount_minor, currency = command.amount_minor, command.currency
    if amount_minor is None or (amount_minor, currency) == (entry.amount_minor, entry.currency):
        return
    now, then = Money(entry.amount_minor, entry.currency), f"{amount_minor} minor units of {currency or 'no currency'}"
    if currency and re.fullmatch("[A-Z]{3}", currency):
        then = str(Money(amount_minor, currency))
    raise Refused(f"{entry.posting_reference} has changed since: it is {now}, decided about was {then}")


def waiting_receipt(state: State, reference: str) -> Entry:
    """Return the receipt that a command is about."""
    entry = state.entry_of_money(reference)
    if entry is None:
        raise Refused(f"this customer has no entry {reference}")
    if not entry.is_receipt:
        raise Refused(f"{reference} takes money back; only a receipt is matched with open items")
    why_not = _NOT_MATCHED.get(entry.status, "")
    if entry.is_waiting and state.is_held_back(entry):
        why_not = f"waits until abas holds {entry.released_by}"
    if why_not:
        raise Refused(f"{reference} {why_not}{decided_before(state, reference)}")
    return entry


def receipt_to_unmatch(state: State, reference: str) -> Entry:
    """Return the receipt whose match is unmatched."""
    entry, why_not = state.entries.get(reference), ""
    if entry is None or not entry.is_receipt:
        why_not = f"this customer has no receipt {reference}"
    elif entry.status in _NOT_UNMATCHED:
        why_not = f"{reference} {_NOT_UNMATCHED[entry.status]}"
    elif entry.is_waiting and not entry.is_refused:
        why_not = f"{reference} waits and is matched with nothing"
    elif entry.is_posted and state.unclaimed_minor(entry) <= 0:
        why_not = f"all of {reference} is reversed already"
    if entry is None or why_not:
        raise Refused(why_not + decided_before(state, reference))
    return entry


def suggestion_gone(state: State, receipt: Entry, items: tuple[str, ...], code: str) -> str:
    """Say that a suggestion does not stand, what became of its open items, and what stands instead."""
    reference = receipt.posting_reference
    which = f" (suggestion {code})" if code else ""
    refused = f"{reference} is not, or no longer, suggested for these open items{which}"
    for item_id in items:
        item = state.items.get(item_id)
        if item is None:
            refused += f"; this customer has no open item {item_id}"
        elif (receipt.owner, item_id) in state.ruled_out:
            refused += f"; invoice {item.invoice_number} ({item_id}) was ruled out{decided_before(state, reference)}"
        elif item_id not in state.available:
            holders = state.holders_of(item_id)
            by = f", {holders[-1].posting_reference} has it" if holders else ""
            decided = decided_before(state, *(one.posting_reference for one in reversed(holders)))
            refused += f"; invoice {item.invoice_number} ({item_id}) has nothing left to be paid{by}{decided}"
    status = " or ".join(shown(option) for option in receipt.options)
    return f"{refused}; suggested now: {status or 'nothing'}"


def shown(suggested: MatchSuggested) -> str:
    """Write a suggestion with its code, as a person compares it with what `saldo waiting` showed."""
    opens = suggested.open_amounts or suggested.part_amounts
    parts = [
        f"{number} {Money(minor, suggested.currency)}"
        + ("" if minor == left else f" of {Money(left, suggested.currency)}")
        for number, minor, left in zip(suggested.invoice_numbers, suggested.part_amounts, opens, strict=True)
    ]
    return f"{suggested.suggestion_code} ({' + '.join(parts)})"


def receipt_on_account(state: State, command: ApplyOnAccount) -> Entry:
    """Return the receipt on account that bears what a person gives to open items."""
    reference, items, amounts = command.posting_reference, command.abas_open_item_ids, command.part_amounts
    receipt = state.entry_of_money(reference)
    if receipt is None or not receipt.is_receipt or not receipt.on_account:
        raise Refused(f"{reference} is no money on account of this customer")
    if not receipt.is_posted:
        raise Refused(f"{reference} is not posted yet; ask again once abas holds it")
    check_parts(items, amounts)
    left, asked = Money(state.on_account_minor(receipt), receipt.currency), sum(amounts)
    if command.currency != receipt.currency:
        raise Refused(f"the parts are in {command.currency}, on account is {left}")
    if asked > left.minor:
        raise Refused(f"{reference} has {left} left on account, asked for were {Money(asked, receipt.currency)}")
    check_items(state, items, receipt.currency)
    return receipt


def credit_to_apply(state: State, command: ApplyCreditMemo) -> OpenItemRecorded:
    """Return the credit memo that a person gives to open items."""
    memo_id, items, amounts = command.abas_credit_item_id, command.abas_open_item_ids, command.part_amounts
    memo = state.items.get(memo_id)
    if memo is None or memo.amount_minor >= 0:
        raise Refused(f"{memo_id} is no credit memo of this customer")
    check_parts(items, amounts)
    if command.currency != memo.currency:
        raise Refused(f"the parts are in {command.currency}, credit memo {memo.invoice_number} in {memo.currency}")
    check_credit(state, memo_id, Money(sum(amounts), memo.currency))
    check_items(state, items, memo.currency)
    return memo


def check_credit(state: State, memo_id: str, asked: Money) -> None:
    """Refuse if not so much is left of a credit memo."""
    left = Money(state.credits.get(memo_id, 0), asked.currency)
    if asked.minor > left.minor:
        number = state.items[memo_id].invoice_number
        raise Refused(f"credit memo {number} has {left} left, asked for were {asked}")


def check_parts(items: Sequence[str], amounts: Sequence[int]) -> None:
    """Refuse parts that name no open items, or no amounts."""
    if not items or len(items) != len(amounts) or any(minor <= 0 for minor in amounts):
        raise Refused("say which open items get how much, each more than nothing")


def check_items(state: State, items: Sequence[str], currency: str) -> None:
    """Refuse open items that this customer does not have in this currency."""
    for item_id in items:
        item = state.items.get(item_id)
        if item is None:
            raise Refused(f"this customer has no open item {item_id}")
        if item.currency != currency:
            raise Refused(f"invoice {item.invoice_number} is in {item.currency}, what is to be applied in {currency}")


def application_to_end(state: State, application: Entry) -> Entry:
    """Return the application that a person takes back."""
    reference = application.posting_reference
    if application.status is EntryStatus.NETTED:
        raise Refused(f"{reference} was refused by abas and is ended{decided_before(state, reference)}")
    if not application.is_posted and not application.is_refused:
        raise Refused(f"{reference} {_ASK_AGAIN}")
    if any(entry.reverses == reference for entry in state.entries.values()):
        raise Refused(f"{reference} is reversed already{decided_before(state, reference)}")
    return application


def check_fit(state: State, receipt: Entry, command: SplitEntry) -> None:
    """Refuse parts that don't make up the receipt."""
    if not command.part_amounts or len(command.part_amounts) != len(command.abas_open_item_ids):
        raise Refused("each part needs an open item, or the account, and an amount")
    if any(minor <= 0 for minor in command.part_amounts):
        raise Refused("each part must be more than nothing")
    whole = Money(receipt.amount_minor, receipt.currency)
    if command.currency != receipt.currency:
        raise Refused(f"the parts are in {command.currency}, the receipt is {whole}")
    total = sum(command.part_amounts)
    if total != receipt.amount_minor:
        raise Refused(f"the parts sum to {Money(total, receipt.currency)}, the receipt is {whole}")
    for item_id in command.abas_open_item_ids:
        item = state.items.get(item_id)
        if item_id and item is None:
            raise Refused(f"this customer has no open item {item_id}")
        if item is not None and item.currency != receipt.currency and not is_converted(receipt, item):
            raise Refused(f"invoice {item.invoice_number} is in {item.currency}, the receipt is {whole}")


def check_room(state: State, parts: Sequence[Part]) -> None:
    """Refuse if an item can't take these parts."""
    asked: Counter[str] = Counter()
    for part in parts:
        asked[part.item.abas_open_item_id] += part.amount_minor if part.item_minor is None else part.item_minor
    for item_id, minor in asked.items():
        item, left = state.items[item_id], state.available.get(item_id, 0)
        if minor > left:
            raise Refused(
                f"invoice {item.invoice_number} has {Money(left, item.currency)} left to be paid, "
                f"asked for were {Money(minor, item.currency)}"
            )


def check_limit(limits: WriteOffLimits, amount: Money) -> None:
    """Refuse if this is more than may be written off of one item."""
    limit = limits.limits_minor.get(amount.currency, 0)
    if amount.minor > limit:
        raise Refused(
            f"{amount} is above the limit of {Money(limit, amount.currency)} "
            f"for one invoice (limits version {limits.version})"
        )


def live_entry(state: State, reference: str) -> Entry:
    """Return the entry that a command is about, whose amount counts here."""
    entry = state.entry_of_money(reference)
    if entry is None or not entry.is_live:
        raise Refused(f"this customer has no entry {reference}")
    return entry


def check_waits(entry: Entry, command: MatchRefund | PutRefundOnAccount | HandToFinance) -> None:
    """Refuse if a refund or reversal does not wait any more, or is not the money that a person saw."""
    check_unchanged(entry, command)
    if entry.status in _NOT_BOOKED:
        raise Refused(f"{entry.posting_reference} {_NOT_BOOKED[entry.status]}")


def free_refund(state: State, command: MatchRefund | PutRefundOnAccount) -> Entry:
    """Return the refund that waits for a payment."""
    entry = live_entry(state, command.posting_reference)
    if entry.kind is not EntryKind.REFUND:
        raise Refused(f"{entry.posting_reference} is no refund")
    if entry.payment_id is not None:
        raise Refused(f"{entry.posting_reference} belongs to payment {entry.payment_id}")
    check_waits(entry, command)
    return entry
