"""What a person may decide about a customer's money: take a suggestion or reject it, divide, write off, undo, repeat.

For the finance people behind `saldo decide`. Every command leaves one event with who, when and why, also a refused one,
and is decided once however often it arrives; one without a name or a reason is refused. A command says what it means by
open items and amounts, never by a position in a list, and is refused if that is not what is suggested now. Whatever is
decided, an item is never asked for more than it has open, and a decision about money that abas may hold any moment is
refused rather than guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TypeAlias, assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.records.payments import PaymentMethod
from schemas.records.receivables import (
    ConfirmMatch,
    Decision,
    EntryUnmatched,
    MatchSuggested,
    PostAgain,
    PutOnAccount,
    RejectMatch,
    SplitEntry,
    UndoWriteOff,
    UnmatchEntry,
    WriteOffRest,
)
from schemas.values.business_day import business_day
from schemas.values.money import Money
from streams.domain.decided import decided
from streams.domain.receivables.allocation import applied, divided_by_hand, put_on_account, requested
from streams.domain.receivables.availability import available_minor, holders_of
from streams.domain.receivables.entries import Event
from streams.domain.receivables.entry import Entry, EntryKind, EntryStatus, State
from streams.domain.receivables.evidence import evidence
from streams.domain.receivables.families import receipt_to_reverse, unclaimed_minor
from streams.domain.receivables.matching_rules import Option, Part
from streams.domain.receivables.policy import policy

Command: TypeAlias = (
    ConfirmMatch | RejectMatch | SplitEntry | WriteOffRest | PutOnAccount | UnmatchEntry | PostAgain | UndoWriteOff
)
BY_HAND = "by-hand"
_PART = re.compile(r"S\d+$")  # a part of a divided entry; the decision was about the whole

_DECISIONS: Mapping[type, Decision] = {
    ConfirmMatch: Decision.CONFIRM,
    RejectMatch: Decision.REJECT,
    SplitEntry: Decision.SPLIT,
    WriteOffRest: Decision.WRITE_OFF,
    PutOnAccount: Decision.ON_ACCOUNT,
    UnmatchEntry: Decision.UNMATCH,
    PostAgain: Decision.POST_AGAIN,
    UndoWriteOff: Decision.UNDO_WRITE_OFF,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command leads to: the reference and the items that it is about, and the events, or why it is refused."""

    posting_reference: str
    items: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    refused: str = ""


def decide_command(state: State, command: Command) -> tuple[Event, ...]:
    """What follows from a person's command.

    Ensures: a command that was here yields (); the first event says who decided what and why, or what stood against it.
    """
    if command.command_id in state.command_ids:
        return ()
    missing = why_not_attributed(command.decided_by, command.reason)
    answer = Answer(_named_reference(command), _named_items(command), refused=missing)
    if not missing:
        answer = _answer(state, command)
    return decided(
        command,
        _DECISIONS[type(command)],
        customer=command.abas_customer_id,
        reference=answer.posting_reference,
        items=answer.items,
        events=answer.events,
        refused=answer.refused,
    )


def _answer(state: State, command: Command) -> Answer:
    match command:
        case WriteOffRest():
            return _write_off(state, command)
        case UnmatchEntry():
            return _unmatch(state, command)
        case PostAgain():
            return _post_again(state, command)
        case UndoWriteOff():
            return _undo_write_off(state, command)
        case _:
            receipt, why_not = _waiting_receipt(state, command.posting_reference)
            if receipt is None:
                return Answer(command.posting_reference, _named_items(command), refused=why_not)
    match command:
        case ConfirmMatch():
            return _confirm(state, receipt, command)
        case RejectMatch():
            return _reject(state, receipt, command)
        case SplitEntry():
            return _split(state, receipt, command)
        case PutOnAccount():
            reference, at = receipt.posting_reference, command.occurred_at
            changed = amount_changed(receipt, command.amount_minor, command.currency)
            if changed:
                return Answer(reference, refused=changed)
            events = put_on_account(state, receipt, reference, receipt.amount_minor, at, command.decided_by)
            return Answer(reference, events=events)
        case _:
            assert_never(command)


def _named_items(command: Command) -> tuple[str, ...]:
    if isinstance(command, WriteOffRest):
        return (command.abas_open_item_id,)
    return command.abas_open_item_ids if isinstance(command, ConfirmMatch | RejectMatch | SplitEntry) else ()


def _named_reference(command: Command) -> str:
    return "" if isinstance(command, WriteOffRest) else command.posting_reference


def _decided_before(state: State, *subjects: str) -> str:
    """Who decided last about an entry, or about what it is a part of; empty if nobody did. For the end of a refusal.

    Shapes: subjects are posting references or open item ids; the first that was decided about counts.
    """
    for subject in subjects:
        last = state.decided.get(subject) or state.decided.get(_PART.sub("", subject))
        if last is not None:
            what = last.decision.value.lower().replace("_", " ")
            at = last.occurred_at.astimezone(UTC)
            return f"; {last.decided_by} decided {what} at {at:%Y-%m-%d %H:%M} UTC: {last.reason}"
    return ""


def amount_changed(entry: Entry, amount_minor: int | None, currency: str | None) -> str:
    """Why an entry is not the money that a person saw; empty if it is."""
    if amount_minor is None or (amount_minor, currency) == (entry.amount_minor, entry.currency):
        return ""
    now, then = Money(entry.amount_minor, entry.currency), f"{amount_minor} minor units of {currency or 'no currency'}"
    if currency and re.fullmatch("[A-Z]{3}", currency):
        then = str(Money(amount_minor, currency))
    return f"{entry.posting_reference} has changed since: it is {now}, decided about was {then}"


def _waiting_receipt(state: State, reference: str) -> tuple[Entry | None, str]:
    """The receipt that a command is about, or why it cannot be decided about now."""
    entry = state.entries.get(reference)
    if entry is None:
        return None, f"this customer has no entry {reference}"
    if not entry.is_receipt:
        return None, f"{reference} takes money back; only a receipt is matched with open items"
    before = _decided_before(state, reference)
    match entry.status:
        case EntryStatus.WAITING:
            waits_for = state.entries.get(entry.released_by or "")
            if waits_for is not None and waits_for.status is not EntryStatus.POSTED:
                return None, f"{reference} waits until abas holds {waits_for.posting_reference}{before}"
            return entry, ""
        case EntryStatus.REQUESTED:
            return None, f"{reference} is being posted{before}"
        case EntryStatus.POSTED:
            return None, f"{reference} is posted already; unmatch it first{before}"
        case EntryStatus.NETTED:
            return None, f"{reference} cancelled out before it was posted{before}"
        case EntryStatus.SPLIT:
            return None, f"{reference} is divided; decide about its parts{before}"
        case EntryStatus.MOVED | EntryStatus.HANDED_OVER:
            return None, f"{reference} is no longer with this customer{before}"
        case _:
            assert_never(entry.status)


def _confirm(state: State, receipt: Entry, command: ConfirmMatch) -> Answer:
    reference, items = receipt.posting_reference, command.abas_open_item_ids
    if not items or len(items) != len(command.part_amounts):
        return Answer(reference, items, refused="say which open items get how much; `saldo waiting` shows it")
    suggested = next((option for option in receipt.options if option.abas_open_item_ids == items), None)
    if suggested is None:
        return Answer(reference, items, refused=_gone(state, receipt, items, command.suggestion_code))
    if not _is_meant(suggested, command):
        return Answer(reference, items, refused=_changed(suggested, command))
    option = _option(state, suggested)
    refused = _too_much(state, option.parts)
    if refused:
        return Answer(reference, items, refused=refused)
    return Answer(reference, items, applied(state, receipt, option, command.occurred_at, command.decided_by))


def _is_meant(suggested: MatchSuggested, command: ConfirmMatch) -> bool:
    """Whether a suggestion still says what a person saw: amounts and currency, and the code where one was shown."""
    same = (suggested.part_amounts, suggested.currency) == (command.part_amounts, command.currency)
    return same and command.suggestion_code in ("", suggested.suggestion_code)


def _changed(suggested: MatchSuggested, command: ConfirmMatch) -> str:
    asked = f"suggestion {command.suggestion_code}" if command.suggestion_code else "what is to be confirmed"
    return (
        f"{asked} of {suggested.posting_reference} has changed: now it is {_shown(suggested)}; look at it again and "
        "confirm that one if it is right"
    )


def _gone(state: State, receipt: Entry, items: tuple[str, ...], code: str) -> str:
    """That a suggestion does not stand, what became of its open items, and what stands instead."""
    reference = receipt.posting_reference
    which = f" (suggestion {code})" if code else ""
    refused = f"{reference} is not, or no longer, suggested for these open items{which}"
    available = available_minor(state)
    for item_id in items:
        item = state.items.get(item_id)
        if item is None:
            refused += f"; this customer has no open item {item_id}"
        elif (receipt.owner, item_id) in state.ruled_out:
            refused += f"; invoice {item.invoice_number} ({item_id}) was ruled out{_decided_before(state, reference)}"
        elif item_id not in available:
            holders = holders_of(state, item_id)
            by = f", {holders[-1].posting_reference} has it" if holders else ""
            decided = _decided_before(state, *(one.posting_reference for one in reversed(holders)))
            refused += f"; invoice {item.invoice_number} ({item_id}) has nothing left to be paid{by}{decided}"
    standing = " or ".join(_shown(option) for option in receipt.options)
    return f"{refused}; suggested now: {standing or 'nothing'}"


def _shown(suggested: MatchSuggested) -> str:
    """A suggestion with its code, as a person compares it with what `saldo waiting` showed."""
    opens = suggested.open_amounts or suggested.part_amounts
    parts = [
        f"{number} {Money(minor, suggested.currency)}"
        + ("" if minor == left else f" of {Money(left, suggested.currency)}")
        for number, minor, left in zip(suggested.invoice_numbers, suggested.part_amounts, opens, strict=True)
    ]
    return f"{suggested.suggestion_code} ({' + '.join(parts)})"


def _option(state: State, suggested: MatchSuggested) -> Option:
    amounts = zip(suggested.abas_open_item_ids, suggested.part_amounts, strict=True)
    return Option(
        parts=tuple(Part(state.items[item_id], minor) for item_id, minor in amounts),
        rule=suggested.rule,
        agrees=suggested.agrees,
        differs=suggested.differs,
        kind=suggested.kind,
        score=suggested.score_hundredths / 100,
    )


def _reject(state: State, receipt: Entry, command: RejectMatch) -> Answer:
    reference, items, code = receipt.posting_reference, command.abas_open_item_ids, command.suggestion_code
    if not items:
        return Answer(reference, refused="say which open items are not meant; `saldo waiting` shows what is suggested")
    meant = [option for option in receipt.options if code in ("", option.suggestion_code)]
    suggested = {item for option in meant for item in option.abas_open_item_ids}
    if not set(items) <= suggested:
        return Answer(reference, items, refused=_gone(state, receipt, items, code))
    return Answer(reference, items)


def _split(state: State, receipt: Entry, command: SplitEntry) -> Answer:
    reference, items, amounts = receipt.posting_reference, command.abas_open_item_ids, command.part_amounts
    refused = _misfit(state, receipt, command)
    if refused:
        return Answer(reference, items, refused=refused)
    parts = [Part(state.items[item], minor) if item else minor for item, minor in zip(items, amounts, strict=True)]
    refused = _too_much(state, tuple(part for part in parts if isinstance(part, Part)))
    if refused:
        return Answer(reference, items, refused=refused)
    chosen = tuple(item for item in dict.fromkeys(items) if item)
    found = evidence(receipt, chosen, state.items, available_minor(state))
    said = (f"divided by {command.decided_by}: {command.reason}", *found.agrees)
    option = Option(parts=(), rule=BY_HAND, agrees=said, differs=found.differs)
    events = divided_by_hand(state, receipt, parts, option, command.occurred_at, command.decided_by)
    return Answer(reference, items, events)


def _misfit(state: State, receipt: Entry, command: SplitEntry) -> str:
    """Why parts don't make up the receipt; empty if they do."""
    if not command.part_amounts or len(command.part_amounts) != len(command.abas_open_item_ids):
        return "each part needs an open item, or the account, and an amount"
    if any(minor <= 0 for minor in command.part_amounts):
        return "each part must be more than nothing"
    whole = Money(receipt.amount_minor, receipt.currency)
    if command.currency != receipt.currency:
        return f"the parts are in {command.currency}, the receipt is {whole}"
    total = sum(command.part_amounts)
    if total != receipt.amount_minor:
        return f"the parts sum to {Money(total, receipt.currency)}, the receipt is {whole}"
    for item_id in command.abas_open_item_ids:
        item = state.items.get(item_id)
        if item_id and item is None:
            return f"this customer has no open item {item_id}"
        if item is not None and item.currency != receipt.currency:
            return f"invoice {item.invoice_number} is in {item.currency}, the receipt is {whole}"
    return ""


def _too_much(state: State, parts: tuple[Part, ...]) -> str:
    """Why items can't take these parts; empty if they can."""
    asked: Counter[str] = Counter()
    for part in parts:
        asked[part.item.abas_open_item_id] += part.amount_minor
    available = available_minor(state)
    for item_id, minor in asked.items():
        item = state.items[item_id]
        left = available.get(item_id, 0)
        if minor > left:
            return (
                f"invoice {item.invoice_number} has {Money(left, item.currency)} left to be paid, "
                f"asked for were {Money(minor, item.currency)}"
            )
    return ""


def _write_off(state: State, command: WriteOffRest) -> Answer:
    item_id = command.abas_open_item_id
    item = state.items.get(item_id)
    if item is None:
        return Answer("", (item_id,), refused=f"this customer has no open item {item_id}")
    left = available_minor(state).get(item_id, 0)
    minor = left if command.amount_minor is None else command.amount_minor
    payers = holders_of(state, item_id)
    limits = policy().write_offs
    limit = limits.limits_minor.get(item.currency, 0)
    before = sum(one.written_off_minor for one in state.write_offs.values() if one.abas_open_item_id == item_id)
    refused = ""
    if command.currency != item.currency:
        refused = f"invoice {item.invoice_number} is in {item.currency}, not in {command.currency}"
    elif not payers:
        refused = f"nothing of invoice {item.invoice_number} is paid, so there is no rest to write off"
    elif not 0 < minor <= left:
        before_by = _decided_before(state, item_id)
        refused = f"invoice {item.invoice_number} has {Money(left, item.currency)} left{before_by}"
    elif before + minor > limit:
        refused = (
            f"{Money(before + minor, item.currency)} is above the limit of {Money(limit, item.currency)} "
            f"for one invoice (limits version {limits.version})"
        )
    if refused:
        return Answer("", (item_id,), refused=refused)
    payment = payers[-1].transaction_id
    # A payment that came from another customer may have write-offs there; the holder's own reference is unique.
    came = any(taken == payers[-1].posting_reference for _, taken in state.moves_taken)
    reference = _free_reference(state.write_offs, f"{payers[-1].posting_reference if came else f'PT{payment}'}W")
    write_off = Entry(
        posting_reference=reference,
        kind=EntryKind.WRITE_OFF,
        transaction_id=payment,
        payment_id=None,
        amount_minor=minor,
        currency=item.currency,
        method=PaymentMethod.UNKNOWN,
        invoice_number=None,
        item_invoice_number=item.invoice_number,
        value_on=command.decided_on or business_day(command.occurred_at),  # no money moves, so the day of the decision
        occurred_at=command.occurred_at,
    )
    asked = requested(state, write_off, item_id, command.occurred_at, text=command.reason)
    return Answer(reference, (item_id,), (asked,))


def _undo_write_off(state: State, command: UndoWriteOff) -> Answer:
    reference = command.posting_reference
    known = state.write_offs.get(reference)
    if known is None or known.reverses is not None:
        return Answer(reference, refused=f"this customer has no write-off {reference}")
    item_id = known.abas_open_item_id or ""
    items = (item_id,)
    why_not = {
        EntryStatus.REQUESTED: f"{reference} is being posted; ask again once abas has answered",
        EntryStatus.WAITING: f"abas refused {reference}, so there is nothing to take back",
    }.get(known.status, "")
    if any(one.reverses == reference and one.is_at_abas for one in state.write_offs.values()):
        why_not = f"{reference} is taken back already"
    if why_not:
        return Answer(reference, items, refused=why_not + _decided_before(state, reference))
    reversal = replace(
        known,
        posting_reference=_free_reference(state.write_offs, f"{reference}U"),
        kind=EntryKind.WRITE_OFF_REVERSAL,
        reverses=reference,
        item_invoice_number=state.items[item_id].invoice_number,
        value_on=command.decided_on or business_day(command.occurred_at),
        occurred_at=command.occurred_at,
    )
    return Answer(reference, items, (requested(state, reversal, item_id, command.occurred_at),))


def _post_again(state: State, command: PostAgain) -> Answer:
    """The same document under the same reference: if abas holds it after all, the sink finds it and posts nothing."""
    reference = command.posting_reference
    entry = state.entries.get(reference)
    if entry is None:
        is_write_off = reference in state.write_offs
        why_not = "is no entry; decide the write-off anew" if is_write_off else "is no entry of this customer"
        return Answer(reference, refused=f"{reference} {why_not}")
    items = () if entry.abas_open_item_id is None else (entry.abas_open_item_id,)
    if not entry.is_refused:
        why_not = f"{reference} was not refused by abas, so there is nothing to repeat"
        return Answer(reference, items, refused=why_not + _decided_before(state, reference))
    changed = amount_changed(entry, command.amount_minor, command.currency)
    if changed:
        return Answer(reference, items, refused=changed)
    if entry.is_receipt or entry.on_account:
        item_id = entry.abas_open_item_id
        parts = () if item_id is None else (Part(state.items[item_id], entry.amount_minor),)
        refused = _too_much(state, parts)
    else:
        receipt = receipt_to_reverse(state, entry)
        item_id = receipt.abas_open_item_id if receipt else None
        refused = "" if receipt else f"abas holds no receipt from which {reference} could be taken back"
    if refused:
        return Answer(reference, items, refused=refused)
    return Answer(reference, items, (requested(state, entry, item_id, command.occurred_at),))


def _unmatch(state: State, command: UnmatchEntry) -> Answer:
    reference = command.posting_reference
    entry = state.entries.get(reference)
    item = () if entry is None or entry.abas_open_item_id is None else (entry.abas_open_item_id,)
    why_not = _not_to_unmatch(state, reference, entry)
    if entry is None or why_not:
        return Answer(reference, item, refused=why_not + _decided_before(state, reference))
    is_posted = entry.status is EntryStatus.POSTED
    unmatched = EntryUnmatched(
        posting_reference=reference,
        paytrace_transaction_id=entry.transaction_id,
        abas_customer_id=command.abas_customer_id,
        abas_open_item_id=entry.abas_open_item_id,
        amount_minor=unclaimed_minor(state, entry) if is_posted else entry.amount_minor,
        currency=entry.currency,
        reversal_reference=_free_reference(state.entries, f"{reference}U") if is_posted else None,
        released_reference=_free_reference(state.entries, f"{reference}A") if is_posted else None,
        occurred_at=command.occurred_at,
    )
    return Answer(reference, item, (unmatched,))


def _not_to_unmatch(state: State, reference: str, entry: Entry | None) -> str:
    """Why a match can't be undone now; empty if it can."""
    if entry is None or not entry.is_receipt:
        return f"this customer has no receipt {reference}"
    match entry.status:
        case EntryStatus.REQUESTED:
            return f"{reference} is being posted; ask again once abas has answered"
        case EntryStatus.NETTED:
            return f"{reference} cancelled out before it was posted"
        case EntryStatus.SPLIT:
            return f"{reference} is divided; unmatch its parts"
        case EntryStatus.MOVED | EntryStatus.HANDED_OVER:
            return f"{reference} is no longer with this customer"
        case EntryStatus.WAITING:
            return "" if entry.is_refused else f"{reference} waits and is matched with nothing"
        case EntryStatus.POSTED:
            return "" if unclaimed_minor(state, entry) > 0 else f"all of {reference} is taken back already"
        case _:
            assert_never(entry.status)


def _free_reference(taken: Container[str], base: str) -> str:
    number = 1
    while f"{base}{number}" in taken:
        number += 1
    return f"{base}{number}"
