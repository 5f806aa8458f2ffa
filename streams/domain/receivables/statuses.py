"""Which statuses of payments and invoices are written back to abas: each change once, in the order of its records.

A status is a function of the customer's account as it stands, so the same records end in the same changes whatever the
batches were. What was said last is remembered by its key, and silence follows where nothing is new.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.records.erp import SaveRecord
from schemas.records.identification import WaitingReason
from schemas.records.receivables import OpenItemRecorded, PaymentStatusChanged
from schemas.values.money import Money
from streams.domain.accounts import AccountMapping
from streams.domain.receivables.account import Entry, EntryKind, EntryStatus, State
from streams.domain.statuses import InvoiceStatus, PaymentStatus

KIND = "payment_status"

_ALL_WENT_BACK = {
    EntryKind.REFUND: PaymentStatus.REFUNDED,
    EntryKind.VOID: PaymentStatus.VOIDED,
    EntryKind.ACH_RETURN: PaymentStatus.RETURNED,
    EntryKind.CHARGEBACK: PaymentStatus.CHARGED_BACK,
}


@dataclass(frozen=True, slots=True)
class _Status:
    """What is true now of a payment on an item, or on none. Units: minor units of currency."""

    payment: str
    item: OpenItemRecorded | None
    status: PaymentStatus
    amount_minor: int
    currency: str
    reason: WaitingReason | None = None


def changed_statuses(state: State, mapping: AccountMapping, at: datetime) -> tuple[PaymentStatusChanged, ...]:
    """Return what has changed since it was written back last; nothing where the mapping has no words for it.

    Ensures: asked again of the state that its events lead to, it yields ().
    """
    words = mapping.statuses
    if words is None:
        return ()
    changed: list[PaymentStatusChanged] = []
    for key, now in _statuses(state).items():
        before, word = state.statuses.get(key), words.payment.get(now.status)
        if word is None or (before is None and now.status is PaymentStatus.PLACED):
            continue
        invoice_status = None if now.item is None else _invoice_status(state, now.item)
        said = (now.status, invoice_status, now.amount_minor, now.currency, now.reason)
        if before is not None and said == _said(before):
            continue
        changed.append(
            PaymentStatusChanged(
                status_key=key,
                paytrace_transaction_id=now.payment,
                abas_customer_id=state.abas_customer_id,
                invoice_number=None if now.item is None else now.item.invoice_number,
                payment_status=now.status.value,
                invoice_status=None if invoice_status is None else invoice_status.value,
                amount_minor=now.amount_minor,
                currency=now.currency,
                reason=now.reason,
                payment_word=word,
                invoice_word=None if invoice_status is None else words.invoice.get(invoice_status),
                mapping_version=str(mapping.version),
                occurred_at=at,
            )
        )
    return tuple(changed)


def save_status(event: PaymentStatusChanged) -> SaveRecord:
    """Return the command that writes a status back.

    Each value is in it, empty where there is none, so that abas keeps none of an earlier status.
    """
    return SaveRecord(
        kind=KIND,
        natural_key=event.status_key,
        subject=event.abas_customer_id,
        values={
            "customer": event.abas_customer_id,
            "paytrace_transaction_id": event.paytrace_transaction_id,
            "invoice_number": event.invoice_number or "",
            "payment_status": event.payment_word,
            "invoice_status": event.invoice_word or "",
            "payment_amount": f"{Money(event.amount_minor, event.currency).major:f}",
            "currency": event.currency,
            "reason": "" if event.reason is None else event.reason.value,
        },
        rows=(),
        occurred_at=event.occurred_at,
    )


def _said(event: PaymentStatusChanged) -> tuple[object, ...]:
    return event.payment_status, event.invoice_status, event.amount_minor, event.currency, event.reason


def _statuses(state: State) -> Mapping[str, _Status]:
    """Return what is true of every payment by key, in order of arrival."""
    by_payment: dict[str, list[Entry]] = defaultdict(list)
    for entry in state.entries.values():
        if entry.owner:
            by_payment[entry.owner].append(entry)
    found: dict[str, _Status] = {}
    for payment, entries in by_payment.items():
        for item in dict.fromkeys(one.abas_open_item_id for one in entries if one.is_receipt and not one.is_credited):
            status = None if item is None else _on_item(state, payment, item, entries)
            if status is not None:
                found[f"{item}/{payment}"] = status
        found[f"{state.abas_customer_id}/{payment}"] = _on_none(state, payment, entries)
    return found


def _on_item(state: State, payment: str, item_id: str, entries: Sequence[Entry]) -> _Status | None:
    """Say what became of a payment's money on an item; None where abas was never asked to put any there."""
    item = state.items.get(item_id)
    receipts = [one for one in entries if one.is_receipt and one.abas_open_item_id == item_id and one.is_at_abas]
    if item is None or not receipts:
        return None
    currency, posted = receipts[0].currency, sum(one.amount_minor for one in receipts if one.is_posted)
    if not posted:
        asked = sum(one.amount_minor for one in receipts)
        return _Status(payment, item, PaymentStatus.PENDING, asked, currency)
    references = {one.posting_reference for one in receipts}
    backs = [
        one
        for one in entries
        if one.is_posted and not one.is_receipt and (one.reverses or one.takes_back) in references
    ]
    kept = posted - sum(one.amount_minor for one in backs)
    if not backs:
        status = PaymentStatus.PAID
    elif kept > 0:
        status = PaymentStatus.PARTLY_REFUNDED
    else:
        status = _ALL_WENT_BACK.get(backs[-1].kind, PaymentStatus.REVERSED)
    return _Status(payment, item, status, max(kept, 0), currency)


def _on_none(state: State, payment: str, entries: Sequence[Entry]) -> _Status:
    """Say what became of a payment's money that is on no item: what a person must look at comes first."""
    currency = entries[0].currency
    if waiting := [one for one in entries if one.is_waiting]:
        amount = sum(one.amount_minor for one in waiting)
        return _Status(payment, None, PaymentStatus.WAITING, amount, currency, waiting[0].reason)
    handed = sum(one.amount_minor for one in entries if one.status is EntryStatus.HANDED_OVER)
    if handed:
        return _Status(payment, None, PaymentStatus.HANDED_OVER, handed, currency)
    on_account = sum(state.on_account_minor(one) for one in entries if one.on_account)
    if on_account:
        return _Status(payment, None, PaymentStatus.ON_ACCOUNT, on_account, currency)
    return _Status(payment, None, PaymentStatus.PLACED, 0, currency)


def _invoice_status(state: State, item: OpenItemRecorded) -> InvoiceStatus:
    """Say how far an item is paid, by what abas showed last and by what it confirmed to us since."""
    ours = state.confirmed_on.get(item.abas_open_item_id, ())
    unseen = sum(one.clears_minor for one in ours if one.posted_at is None or one.posted_at >= item.occurred_at)
    held = sum(one.clears_minor for one in ours)
    left = min(item.open_minor - unseen, item.amount_minor - held) if item.is_open or unseen else 0
    if left <= 0:
        return InvoiceStatus.PAID
    return InvoiceStatus.OPEN if left >= item.amount_minor else InvoiceStatus.PARTLY_PAID
