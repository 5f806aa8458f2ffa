"""What it means to apply a receipt to open items: one document for each part, each under a reference of its own.

abas has no transaction over several records, so a payment of two invoices becomes two receipts that are looked up and
posted one by one. For the policy (posting.py) and for an operator's decisions (decisions.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from schemas.records.receivables import (
    EntryPartMade,
    EntryPutOnAccount,
    EntrySplit,
    PaymentMatched,
    PostingRequested,
)
from streams.domain.receivables.entries import Event
from streams.domain.receivables.entry import Entry, State
from streams.domain.receivables.families import receipt_to_reverse
from streams.domain.receivables.matching_rules import Option, Part
from streams.domain.receivables.policy import policy


def applied(state: State, receipt: Entry, option: Option, at: datetime, by: str | None = None) -> tuple[Event, ...]:
    """The events that apply a receipt, decided by a rule, or by a person.

    Ensures: a receipt that has one item for all of it keeps its reference; else it is divided into parts that sum to
             it, and what the option leaves over is a part that waits.
    """
    parts = [(part.item.abas_open_item_id, part.amount_minor) for part in option.parts]
    references, events = _divided(state, receipt, [minor for _, minor in parts], at)
    for reference, part in zip(references, option.parts, strict=False):
        events += _matched(state, receipt, reference, part, option, at, by)
    return events


def divided_by_hand(
    state: State, receipt: Entry, parts: Sequence[Part | int], option: Option, at: datetime, by: str
) -> tuple[Event, ...]:
    """The events that divide a receipt as a person asked.

    Shapes: a part is an item with its amount, or an amount alone for the customer's account; they sum to the receipt.
    """
    amounts = [part if isinstance(part, int) else part.amount_minor for part in parts]
    references, events = _divided(state, receipt, amounts, at)
    for reference, part in zip(references, parts, strict=True):
        if isinstance(part, int):
            events += put_on_account(state, receipt, reference, part, at, by)
        else:
            events += _matched(state, receipt, reference, part, option, at, by)
    return events


def put_on_account(
    state: State, receipt: Entry, reference: str, amount_minor: int, at: datetime, by: str
) -> tuple[Event, ...]:
    """The events that post a receipt, or a part of it, without an open item."""
    on_account = EntryPutOnAccount(
        posting_reference=reference,
        paytrace_transaction_id=receipt.transaction_id,
        abas_customer_id=state.abas_customer_id,
        amount_minor=amount_minor,
        currency=receipt.currency,
        decided_by=by,
        direction=receipt.direction,
        occurred_at=at,
    )
    part = replace(receipt, posting_reference=reference, amount_minor=amount_minor, on_account=True)
    return on_account, requested(state, part, None, at)


def reversal_divided(
    state: State, reversal: Entry, shares: Sequence[tuple[str, int]], at: datetime
) -> tuple[Event, ...]:
    """The events that divide a reversal over the receipts that bear it."""
    _, events = _divided(state, reversal, [minor for _, minor in shares], at, [receipt for receipt, _ in shares])
    return events


def _divided(
    state: State,
    entry: Entry,
    amounts: Sequence[int],
    at: datetime,
    takes_back: Sequence[str] = (),
) -> tuple[tuple[str, ...], tuple[Event, ...]]:
    """References for the parts, and the events that make them; an entry of one part stays as it is."""
    rest = entry.amount_minor - sum(amounts)
    minors = [*amounts, *([rest] if rest else [])]
    if len(minors) == 1:
        return (entry.posting_reference,), ()
    references = tuple(f"{entry.posting_reference}S{number}" for number in range(1, len(minors) + 1))
    split = EntrySplit(
        posting_reference=entry.posting_reference,
        paytrace_transaction_id=entry.transaction_id,
        abas_customer_id=state.abas_customer_id,
        direction=entry.direction,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        part_references=references,
        occurred_at=at,
    )
    made = tuple(
        EntryPartMade(
            posting_reference=reference,
            split_from=entry.posting_reference,
            paytrace_transaction_id=entry.transaction_id,
            abas_customer_id=state.abas_customer_id,
            direction=entry.direction,
            amount_minor=minor,
            currency=entry.currency,
            takes_back=takes_back[number] if takes_back else None,
            occurred_at=at,
        )
        for number, (reference, minor) in enumerate(zip(references, minors, strict=True))
    )
    return references, (split, *made)


def _matched(
    state: State, receipt: Entry, reference: str, part: Part, option: Option, at: datetime, by: str | None
) -> tuple[Event, ...]:
    matched = PaymentMatched(
        posting_reference=reference,
        paytrace_transaction_id=receipt.transaction_id,
        abas_customer_id=state.abas_customer_id,
        abas_open_item_id=part.item.abas_open_item_id,
        amount_minor=part.amount_minor,
        currency=receipt.currency,
        invoice_number=part.item.invoice_number,
        rule=option.rule,
        rule_version=policy().rule_version,
        evidence=option.agrees,
        differs=option.differs,
        score_hundredths=round(100 * option.score),
        runner_up=option.runner_up,
        runner_up_distance_hundredths=round(100 * option.runner_up_distance),
        decided_by=by,
        occurred_at=at,
    )
    share = replace(
        receipt,
        posting_reference=reference,
        amount_minor=part.amount_minor,
        item_invoice_number=part.item.invoice_number,
        on_account=False,
    )
    return matched, requested(state, share, part.item.abas_open_item_id, at)


def requested(
    state: State, entry: Entry, item_id: str | None, at: datetime, *, text: str | None = None
) -> PostingRequested:
    """The event that asks abas for the document of this entry, or of this part of one.

    A reversal is asked against a posted receipt; text is what the document says for people.
    """
    receipt = None if entry.is_receipt or entry.on_account else receipt_to_reverse(state, entry)
    reverses = receipt.posting_reference if receipt is not None else entry.reverses if entry.is_write_off else None
    return PostingRequested(
        posting_reference=entry.posting_reference,
        paytrace_transaction_id=entry.transaction_id,
        abas_customer_id=state.abas_customer_id,
        direction=entry.direction,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        abas_open_item_id=item_id,
        document_kind=entry.document_kind,
        invoice_number=(entry if receipt is None else receipt).item_invoice_number or None if item_id else None,
        reverses_reference=reverses,
        text=text,
        value_on=entry.value_on,
        occurred_at=at,
    )
