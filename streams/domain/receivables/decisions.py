"""What a person may decide about a customer's money: which items it clears, whose it is, what is written off.

For the finance people behind `saldo decide`. Every command leaves one event with who, when and why, also a refused one,
and is decided once however often it arrives; one without a name or a reason is refused. A command says what it means by
open items and amounts, never by a position in a list, and is refused if that is not what is suggested now. Whatever is
decided, an item is never asked for more than it has open, and a decision about money that abas may hold any moment is
refused rather than guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TypeAlias, assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.records.receivables import (
    ApplyCreditMemo,
    ApplyOnAccount,
    ConfirmMatch,
    Decision,
    EntryHandedOver,
    HandToFinance,
    MatchRefund,
    PaymentReassigned,
    PostAgain,
    PostingRequested,
    PutOnAccount,
    PutRefundOnAccount,
    ReassignPayment,
    RejectMatch,
    ReverseWriteOff,
    SplitEntry,
    UnmatchEntry,
    WriteOffRest,
)
from schemas.values.business_day import business_day
from schemas.values.money import Money
from schemas.values.replacing import replace
from streams.domain.decided import decided
from streams.domain.receivables.account import APPLIES, GIVEN_UP, Entry, EntryKind, EntryStatus, State
from streams.domain.receivables.by_rule import OnAccount
from streams.domain.receivables.changes import Event, evolve
from streams.domain.receivables.lines import NoAccount
from streams.domain.receivables.matching import Option, Part, evidence, parts_of
from streams.domain.receivables.policy import Policy
from streams.domain.receivables.refusals import (
    Refused,
    application_to_end,
    check_credit,
    check_fit,
    check_limit,
    check_room,
    check_unchanged,
    check_waits,
    credit_to_apply,
    decided_before,
    free_refund,
    live_entry,
    receipt_on_account,
    receipt_to_unmatch,
    shown,
    suggestion_gone,
    waiting_receipt,
)
from streams.domain.receivables.requests import Requests, about

Command: TypeAlias = (
    ConfirmMatch
    | RejectMatch
    | SplitEntry
    | WriteOffRest
    | PutOnAccount
    | ApplyOnAccount
    | ApplyCreditMemo
    | UnmatchEntry
    | PostAgain
    | ReverseWriteOff
    | ReassignPayment
    | MatchRefund
    | PutRefundOnAccount
    | HandToFinance
)
BY_HAND = "by-hand"
_NAMING_ITEMS = (ConfirmMatch, RejectMatch, SplitEntry, ApplyOnAccount, ApplyCreditMemo)

_DECISIONS: Mapping[type, Decision] = {
    ConfirmMatch: Decision.CONFIRM,
    RejectMatch: Decision.REJECT,
    SplitEntry: Decision.SPLIT,
    WriteOffRest: Decision.WRITE_OFF,
    PutOnAccount: Decision.ON_ACCOUNT,
    ApplyOnAccount: Decision.APPLY,
    ApplyCreditMemo: Decision.APPLY,
    UnmatchEntry: Decision.UNMATCH,
    PostAgain: Decision.POST_AGAIN,
    ReverseWriteOff: Decision.REVERSE_WRITE_OFF,
    ReassignPayment: Decision.REASSIGN,
    MatchRefund: Decision.MATCH_REFUND,
    PutRefundOnAccount: Decision.REFUND_ON_ACCOUNT,
    HandToFinance: Decision.HAND_OVER,
}


def decide_command(state: State, command: Command, policy: Policy) -> tuple[Event, ...]:
    """Decide a person's command.

    Ensures: a command that was here yields (); the first event says who decided what and why, or what stood against it.
    """
    if command.command_id in state.command_ids:
        return ()
    refused, items = why_not_attributed(command.decided_by, command.reason), _named_items(command)
    events: tuple[Event, ...] = ()
    if not refused:
        items = items or _items_of_entry(state, command)
        try:
            events = _carried_out(state, command, Requests(state, policy, command.occurred_at, command.decided_by))
        except (Refused, NoAccount) as why:
            refused = str(why)
    return decided(
        command,
        _DECISIONS[type(command)],
        customer=command.abas_customer_id,
        reference=_reference(command, events),
        items=items,
        events=events,
        refused=refused,
    )


def _carried_out(state: State, command: Command, posting: Requests) -> tuple[Event, ...]:
    """Return the events of a command.

    Raises: Refused where something stands against it.
    """
    match command:
        case ConfirmMatch():
            return _confirmed(state, command, posting)
        case RejectMatch():
            return _rejected(state, command)
        case SplitEntry():
            return _split(state, command, posting)
        case PutOnAccount():
            receipt = waiting_receipt(state, command.posting_reference)
            check_unchanged(receipt, command)
            return posting.on_account(receipt, command.reason)
        case ApplyOnAccount():
            return _applied(state, command, posting)
        case ApplyCreditMemo():
            return _credit_applied(state, command, posting)
        case UnmatchEntry() if (application := state.application(command.posting_reference)) is not None:
            return (posting.application_ended(application_to_end(state, application)),)
        case UnmatchEntry():
            return (posting.unmatched(receipt_to_unmatch(state, command.posting_reference)),)
        case PostAgain():
            return (_posted_again(state, command, posting),)
        case WriteOffRest():
            return (_written_off(state, command, posting),)
        case ReverseWriteOff():
            return (_write_off_undone(state, command, posting),)
        case ReassignPayment():
            return (_reassigned(state, command),)
        case MatchRefund():
            return _refund_matched(state, command, posting)
        case PutRefundOnAccount():
            return posting.on_account(free_refund(state, command), command.reason)
        case HandToFinance():
            return (_handed_over(state, command),)
        case _:
            assert_never(command)


# -- what a command names ----------------------------------------------------------------------------------------------


def _named_items(command: Command) -> tuple[str, ...]:
    if isinstance(command, WriteOffRest):
        return (command.abas_open_item_id,)
    return command.abas_open_item_ids if isinstance(command, _NAMING_ITEMS) else ()


def _items_of_entry(state: State, command: Command) -> tuple[str, ...]:
    """Return the item of the entry that a command is about, where it is about what is on an item."""
    match command:
        case UnmatchEntry() | PostAgain():
            entry = state.entries.get(command.posting_reference)
        case ReverseWriteOff():
            entry = _write_off(state, command.posting_reference)
        case _:
            return ()
    return () if entry is None or entry.abas_open_item_id is None else (entry.abas_open_item_id,)


def _reference(command: Command, events: Sequence[Event]) -> str:
    match command:
        case WriteOffRest() | ApplyCreditMemo():
            return next((event.posting_reference for event in events if isinstance(event, PostingRequested)), "")
        case ReassignPayment():
            return f"PT{command.paytrace_transaction_id}"
        case _:
            return command.posting_reference


# -- which open items a receipt clears ---------------------------------------------------------------------------------


def _confirmed(state: State, command: ConfirmMatch, posting: Requests) -> tuple[Event, ...]:
    receipt, items = waiting_receipt(state, command.posting_reference), command.abas_open_item_ids
    if not items or len(items) != len(command.part_amounts):
        raise Refused("say which open items get how much; `saldo waiting` shows it")
    suggested = next((option for option in receipt.options if option.abas_open_item_ids == items), None)
    if suggested is None:
        raise Refused(suggestion_gone(state, receipt, items, command.suggestion_code))
    is_same = (suggested.part_amounts, suggested.currency) == (command.part_amounts, command.currency)
    if not is_same or command.suggestion_code not in ("", suggested.suggestion_code):
        asked = f"suggestion {command.suggestion_code}" if command.suggestion_code else "what is to be confirmed"
        raise Refused(
            f"{asked} of {suggested.posting_reference} has changed: now it is {shown(suggested)}; look at it again "
            "and confirm that one if it is right"
        )
    parts = parts_of(receipt, state, zip(items, suggested.part_amounts, strict=True))
    option = Option(
        parts=tuple(parts),
        rule=suggested.rule,
        agrees=suggested.agrees,
        differs=suggested.differs,
        kind=suggested.kind,
        score=suggested.score_hundredths / 100,
    )
    check_room(state, parts)
    return posting.applied(receipt, option)


def _rejected(state: State, command: RejectMatch) -> tuple[Event, ...]:
    """Do nothing but decide, which rules the items out."""
    receipt, items = waiting_receipt(state, command.posting_reference), command.abas_open_item_ids
    if not items:
        raise Refused("say which open items are not meant; `saldo waiting` shows what is suggested")
    meant = [option for option in receipt.options if command.suggestion_code in ("", option.suggestion_code)]
    if not set(items) <= {item for option in meant for item in option.abas_open_item_ids}:
        raise Refused(suggestion_gone(state, receipt, items, command.suggestion_code))
    return ()


def _split(state: State, command: SplitEntry, posting: Requests) -> tuple[Event, ...]:
    receipt, items = waiting_receipt(state, command.posting_reference), command.abas_open_item_ids
    check_fit(state, receipt, command)
    named = list(zip(items, command.part_amounts, strict=True))
    on_items = parts_of(receipt, state, named)
    check_room(state, on_items)
    left = iter(on_items)
    parts = [next(left) if item else OnAccount(minor, command.reason) for item, minor in named]
    found = evidence(state, receipt, tuple(item for item in dict.fromkeys(items) if item))
    said = (f"divided by {command.decided_by}: {command.reason}", *found.agrees)
    return posting.divided(receipt, parts, Option(parts=(), rule=BY_HAND, agrees=said, differs=found.differs))


def _applied(state: State, command: ApplyOnAccount, posting: Requests) -> tuple[Event, ...]:
    """Give money on account to open items: never more than there is, nor than an item has open."""
    receipt = receipt_on_account(state, command)
    parts = [
        Part(state.items[item], minor)
        for item, minor in zip(command.abas_open_item_ids, command.part_amounts, strict=True)
    ]
    check_room(state, parts)
    events: tuple[Event, ...] = ()
    for part in parts:
        later = replace(posting, state=reduce(evolve, events, state))
        events += (later.applied_from_account(receipt, part, command.reason),)
    return events


def _credit_applied(state: State, command: ApplyCreditMemo, posting: Requests) -> tuple[Event, ...]:
    """Give a credit memo to open items: never more than is left of it, nor than an item has open."""
    memo = credit_to_apply(state, command)
    named = zip(command.abas_open_item_ids, command.part_amounts, strict=True)
    parts = [Part(state.items[item], minor) for item, minor in named]
    check_room(state, parts)
    events: tuple[Event, ...] = ()
    for part in parts:
        later = replace(posting, state=reduce(evolve, events, state))
        events += (later.applied_from_credit(memo, part, command.reason),)
    return events


def _posted_again(state: State, command: PostAgain, posting: Requests) -> PostingRequested:
    """Ask for the same document under the same reference: if abas holds it after all, nothing is posted."""
    reference = command.posting_reference
    entry = state.entries.get(reference)
    if entry is None:
        raise Refused(f"{reference} is no entry of this customer")
    if entry.is_write_off:
        raise Refused(f"{reference} is no entry; decide the write-off anew")
    if not entry.is_refused:
        why_not = f"{reference} was not refused by abas, so there is nothing to repeat"
        raise Refused(why_not + decided_before(state, reference))
    check_unchanged(entry, command)
    if entry.is_receipt or entry.on_account or not entry.moves_money:
        item_id = entry.abas_open_item_id
        gives_back = item_id is None or entry.kind in APPLIES.values()
        if entry.kind is EntryKind.CREDIT_APPLICATION:
            check_credit(state, entry.abas_credit_item_id or "", Money(entry.amount_minor, entry.currency))
        check_room(
            state, [] if gives_back else [Part(state.items[item_id or ""], entry.amount_minor, entry.item_minor)]
        )
        return posting.requested(entry, item_id)
    receipt = state.receipt_to_reverse(entry)
    if receipt is None:
        raise Refused(f"abas holds no receipt from which {reference} could be reversed")
    return posting.requested(entry, receipt.abas_open_item_id)


# -- write-offs --------------------------------------------------------------------------------------------------------


def _written_off(state: State, command: WriteOffRest, posting: Requests) -> PostingRequested:
    item_id = command.abas_open_item_id
    item = state.items.get(item_id)
    if item is None:
        raise Refused(f"this customer has no open item {item_id}")
    left, payers = state.available.get(item_id, 0), state.holders_of(item_id)
    minor = left if command.amount_minor is None else command.amount_minor
    if command.currency != item.currency:
        raise Refused(f"invoice {item.invoice_number} is in {item.currency}, not in {command.currency}")
    if not payers:
        raise Refused(f"nothing of invoice {item.invoice_number} is paid, so there is no rest to write off")
    if not 0 < minor <= left:
        before = decided_before(state, item_id)
        raise Refused(f"invoice {item.invoice_number} has {Money(left, item.currency)} left{before}")
    check_limit(posting.policy.write_offs, Money(state.written_off_minor(item_id) + minor, item.currency))
    payment = payers[-1].transaction_id
    # A payment that came from another customer may have write-offs there; the holder's own reference is unique.
    came = any(taken == payers[-1].posting_reference for _, taken in state.moves_taken)
    write_off = replace(
        payers[-1],
        posting_reference=state.free_reference(f"{payers[-1].posting_reference if came else f'PT{payment}'}W"),
        kind=EntryKind.WRITE_OFF,
        amount_minor=minor,
        currency=item.currency,
        item_invoice_number=item.invoice_number,
        value_on=command.decided_on or business_day(command.occurred_at),  # no money moves, so the day of the decision
        occurred_at=command.occurred_at,
    )
    return posting.requested(write_off, item_id, text=command.reason)


def _write_off(state: State, reference: str) -> Entry | None:
    known = state.entries.get(reference)
    return known if known is not None and known.kind in GIVEN_UP else None


def _write_off_undone(state: State, command: ReverseWriteOff, posting: Requests) -> PostingRequested:
    reference = command.posting_reference
    known = _write_off(state, reference)
    if known is None:
        raise Refused(f"this customer has no write-off {reference}")
    why_not = ""
    if any(one.reverses == reference and one.is_at_abas for one in state.entries.values()):
        why_not = f"{reference} is reversed already"
    elif known.status is EntryStatus.REQUESTED:
        why_not = f"{reference} is being posted; ask again once abas has answered"
    elif known.is_waiting:
        why_not = f"abas refused {reference}, so there is nothing to reverse"
    if why_not:
        raise Refused(why_not + decided_before(state, reference))
    return posting.write_off_undone(known, command.decided_on or business_day(command.occurred_at))


# -- whose money it is -------------------------------------------------------------------------------------------------


def _reassigned(state: State, command: ReassignPayment) -> PaymentReassigned:
    payment, to, customer = command.paytrace_transaction_id, command.to_customer_id, command.abas_customer_id
    live = [entry for entry in state.entries.values() if entry.is_live and entry.moves_money]
    entries = [entry for entry in live if entry.owner == payment]
    move = state.moved_to.get(payment)
    if not to.strip() or to == customer:
        raise Refused(f"payment {payment} is with customer {customer} already")
    if move is not None:
        raise Refused(f"payment {payment} went to customer {move.to_customer_id}; decide there")
    linked = next((one.owner for one in live if one.transaction_id == payment), None)
    if not entries and linked is not None:
        raise Refused(f"{payment} belongs to payment {linked}; reassign that one")
    if not entries:
        raise Refused(f"customer {customer} has no money of payment {payment}")
    if not any(_is_to_move(state, entry) for entry in entries):
        raise Refused(f"nothing of payment {payment} is left to move: all of it is reversed or handed over")
    return PaymentReassigned(
        abas_customer_id=customer,
        paytrace_transaction_id=payment,
        to_customer_id=to,
        command_id=command.command_id,
        decided_by=command.decided_by,
        occurred_at=command.occurred_at,
    )


def _is_to_move(state: State, entry: Entry) -> bool:
    if entry.is_posted:
        return entry.is_receipt and state.unclaimed_minor(entry) > 0
    return entry.is_waiting or entry.is_at_abas


# -- refunds -----------------------------------------------------------------------------------------------------------


def _refund_matched(state: State, command: MatchRefund, posting: Requests) -> tuple[Event, ...]:
    refund = free_refund(state, command)
    named = state.entries.get(command.payment_id)
    payment = (named.payment_id if named else None) or command.payment_id
    currencies = sorted({one.currency for one in state.family(payment) if one.is_receipt and one.is_live})
    amount = Money(refund.amount_minor, refund.currency)
    if not currencies:
        customer = command.abas_customer_id
        raise Refused(f"customer {customer} has no payment {command.payment_id}; reassign the refund first")
    if currencies != [refund.currency]:
        raise Refused(f"payment {payment} is in {', '.join(currencies)}, the refund is {amount}")
    left = state.left_of_payment(payment)
    if left < refund.amount_minor:
        raise Refused(f"payment {payment} has {Money(left, refund.currency)} left, the refund is {amount}")
    return (posting.refund_matched(refund, payment, BY_HAND),)


def _handed_over(state: State, command: HandToFinance) -> EntryHandedOver:
    entry = live_entry(state, command.posting_reference)
    if entry.is_receipt or entry.kind is EntryKind.UNMATCH:
        why_not = "is no money that went back to a payer; put a receipt on account instead"
        raise Refused(f"{entry.posting_reference} {why_not}")
    check_waits(entry, command)
    return EntryHandedOver(
        **about(entry, command.abas_customer_id, command.occurred_at),
        direction=entry.direction,
        decided_by=command.decided_by,
        reason=command.reason,
    )
