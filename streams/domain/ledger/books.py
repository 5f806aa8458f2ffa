"""What the ledger remembers of one merchant account and currency, and how each event changes it."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeAlias, TypeVar, assert_never

from schemas.records.by_topic import LedgerEntries
from schemas.records.erp import DocumentLine
from schemas.records.ledger import (
    BookingDecided,
    BookingWaits,
    DepositBooked,
    DepositRestBooked,
    JournalEntryMade,
    JournalLine,
    LedgerDocumentPosted,
    LedgerDocumentRequested,
    LedgerDocumentsNetted,
    LedgerDocumentWaiting,
)
from schemas.values.replacing import replace

Event: TypeAlias = LedgerEntries
Kept = TypeVar("Kept")

# A repeat of a record comes within hours, after a crash or from a second poll; two months leave room for a restore.
KNOWN_DAYS = 60
# Kinds of fees by the role of their expense, which a fee that is given back credits.
FEE_ROLES = {"fee": "fees", "chargeback_fee": "chargeback_fees"}
# reconcile-deposits takes a match apart for 16 days of its bridge, which may run behind the bank.
DEPOSIT_DAYS = 60
# Card networks take disputes for 120 days after a payment, and reports of them come later.
SOLD_DAYS = 150
UNAPPLIED = "unapplied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document that the ledger asks for, and that is not in the ERP or may yet be taken back.

    Shapes: lines of one currency. waits_for is None while it is asked for; mapping_version is that of the last try.
            posted_on is the posting date that it was asked for with, where the period of its value date is closed.
            first_kind is the kind of its entry; kind is adjustment instead where that turns what a closed period holds.
            subject and asked_lines are what it was last asked for with, by the mapping of then.
    """

    entry_id: str
    kind: str
    first_kind: str
    posting_reference: str
    reverses_reference: str | None
    values: dict[str, str]
    lines: tuple[JournalLine, ...]
    value_on: date
    occurred_at: datetime
    waits_for: BookingWaits | None = None
    mapping_version: str = ""
    posted_on: date | None = None
    paytrace_transaction_id: str | None = None
    subject: str = ""
    asked_lines: tuple[DocumentLine, ...] = ()

    @property
    def turns_another(self) -> bool:
        """Whether it takes a document back or, as a fee that is given back, a part of one."""
        of_fee = FEE_ROLES.get(self.first_kind)
        return self.reverses_reference is not None or any(
            line.role == of_fee and line.amount_minor < 0 for line in self.lines
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A bank line by its latest fact: the documents that book it now (none: its match was taken apart).

    latest_at is None while only what explains its rest was told. explained: documents of that, by when it was told.
    """

    latest_at: datetime | None
    moved_on: date
    references: tuple[str, ...]
    explained: dict[str, datetime] = field(default_factory=dict)

    def until(self, at: datetime) -> tuple[str, ...]:
        """Return the documents that a fact of this time replaces."""
        return (*self.references, *(name for name, told_at in self.explained.items() if told_at < at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """What the documents of a payment applied it to, in whatever order they came.

    Shapes: applied by posting reference: shares by product category, minor units. back_minor by the reference of what
            was taken back.
    """

    applied: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    back_minor: dict[str, int] = field(default_factory=dict)

    def by_category(self) -> tuple[tuple[str, int], ...]:
        """Return what it paid for: of the documents that stand in part; of all where each was taken back in whole."""
        left = [name for name in self.applied if self.back_minor.get(name, 0) < self._minor(name)]
        summed: Counter[str] = Counter()
        for name in left or self.applied:
            summed.update(dict(self.applied[name]))
        return tuple(sorted(summed.items()))

    def _minor(self, name: str) -> int:
        return sum(minor for _, minor in self.applied[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One merchant account and currency.

    Shapes: balances by "role/currency", minor units, a debit above zero. clearing_worth is what is in clearing in base
            currency; None once something came in without a value, until it is empty. documents by posting reference:
            those that wait, those that are asked for, and posted ones of deposits. chargebacks: the latest document of
            a dispute by its number. known: names of facts by the day on which they became known and one byte of their
            digest, so that a change copies few of them. sold: what payments paid for, kept in the same way.
    """

    account: str = ""
    balances: dict[str, int] = field(default_factory=dict)
    clearing_worth: int | None = 0
    waiting: dict[str, Document] = field(default_factory=dict)
    asked: dict[str, Document] = field(default_factory=dict)
    posted: dict[str, Document] = field(default_factory=dict)
    chargebacks: dict[str, str] = field(default_factory=dict)
    deposits: dict[str, Deposit] = field(default_factory=dict)
    known: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    sold: dict[str, dict[str, dict[str, Sold]]] = field(default_factory=dict)
    command_ids: frozenset[str] = frozenset()

    def knows(self, name: str, at: datetime) -> bool:
        """Return whether a fact was booked already."""
        return name in self.known.get(_day(at), {}).get(_bucket(name), frozenset())

    def sold_of(self, transaction_id: str | None) -> tuple[tuple[str, int], ...]:
        """Return what a payment paid for, by product category; () where no document says it."""
        return () if transaction_id is None else self._sold(transaction_id)[1].by_category()

    def _sold(self, transaction_id: str) -> tuple[str, Sold]:
        """Return what is known of a payment, and the day that it is kept under; "" where nothing is."""
        bucket = _bucket(transaction_id)
        for day in sorted(self.sold, reverse=True):
            found = self.sold[day].get(bucket, {}).get(transaction_id)
            if found is not None:
                return day, found
        return "", Sold()

    def with_sold(self, event: JournalEntryMade) -> State:
        """Remember what a customer's document says of the payment behind it, under the latest day of its documents."""
        name, reference, source = event.paytrace_transaction_id, event.posting_reference, event.reverses_reference
        signed = sum(one.amount_minor for one in event.lines if one.role == UNAPPLIED)
        if name is None or not event.category_names:
            return self
        kept_under, sold = self._sold(name)
        if signed > 0 and reference is not None:
            shares = tuple(zip(event.category_names, event.category_amounts, strict=True))
            sold = replace(sold, applied={**sold.applied, reference: shares})
        elif signed < 0 and source is not None:
            back = {**sold.back_minor, source: sold.back_minor.get(source, 0) - signed}
            sold = replace(sold, back_minor=back)
        else:
            return self
        day, bucket = max(kept_under, _day(event.occurred_at)), _bucket(name)
        days = self.sold if day in self.sold else {**_since(self.sold, day, SOLD_DAYS), day: {}}
        of_day = days[day]
        return replace(self, sold={**days, day: {**of_day, bucket: {**of_day.get(bucket, {}), name: sold}}})

    def document(self, reference: str) -> Document | None:
        """Return a document that waits, is asked for or is posted; None for one that the ledger did not ask for."""
        return self.waiting.get(reference) or self.asked.get(reference) or self.posted.get(reference)


INITIAL = State()


def evolve(state: State, event: LedgerEntries) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case JournalEntryMade():
            return _booked(replace(state, account=event.settlement_account), event)
        case LedgerDocumentRequested():
            known = state.waiting.get(event.posting_reference) or state.asked.get(event.posting_reference)
            if known is None:
                return state
            asked = replace(known, waits_for=None, mapping_version=event.mapping_version, posted_on=event.posted_on)
            asked = replace(asked, kind=event.kind, subject=event.subject, asked_lines=event.lines)
            waiting = _without(state.waiting, event.posting_reference)
            return replace(state, waiting=waiting, asked={**state.asked, event.posting_reference: asked})
        case LedgerDocumentWaiting():
            known = state.waiting.get(event.posting_reference) or state.asked.get(event.posting_reference)
            if known is None:
                return state
            waits = replace(known, waits_for=event.waits_for, mapping_version=event.mapping_version)
            asked_for = _without(state.asked, event.posting_reference)
            return replace(state, asked=asked_for, waiting={**state.waiting, event.posting_reference: waits})
        case LedgerDocumentPosted():
            return _posted(state, event.posting_reference)
        case LedgerDocumentsNetted():
            waiting = _without(state.waiting, event.posting_reference)
            return replace(state, waiting=_without(waiting, event.reversal_reference or ""))
        case DepositBooked():
            known_line = state.deposits.get(event.bank_line_id)
            explained = known_line.explained if known_line else {}
            deposit = Deposit(
                latest_at=event.occurred_at,
                moved_on=event.moved_on,
                references=event.posting_references,
                explained={name: at for name, at in explained.items() if at >= event.occurred_at},
            )
            return _with_deposit(state, event.bank_line_id, deposit)
        case DepositRestBooked():
            known_line = state.deposits.get(event.bank_line_id)
            if known_line is None:
                known_line = Deposit(latest_at=None, moved_on=event.moved_on, references=())
            told = dict.fromkeys(event.posting_references, event.occurred_at)
            deposit = replace(known_line, explained={**known_line.explained, **told})
            return _with_deposit(state, event.bank_line_id, deposit)
        case BookingDecided():
            return replace(state, command_ids=state.command_ids | {event.command_id})
        case _:
            assert_never(event)


def _booked(state: State, event: JournalEntryMade) -> State:
    balances = dict(state.balances)
    for line in event.lines:
        name = f"{line.role}/{line.currency}"
        balances[name] = balances.get(name, 0) + line.amount_minor
    state = replace(state, clearing_worth=_worth(state, balances, event), balances=balances)
    state = replace(state, known=_with_known(state.known, event.entry_id, event.occurred_at))
    if event.kind == "chargeback" and event.posting_reference is not None:
        chargebacks = {**state.chargebacks, event.values["dispute"]: event.posting_reference}
        state = replace(state, chargebacks=chargebacks)
    if not event.is_asked_for or event.posting_reference is None:
        return state.with_sold(event)
    document = Document(
        entry_id=event.entry_id,
        kind=event.kind,
        first_kind=event.kind,
        posting_reference=event.posting_reference,
        reverses_reference=event.reverses_reference,
        values=dict(event.values),
        lines=event.lines,
        value_on=event.value_on,
        occurred_at=event.occurred_at,
        paytrace_transaction_id=event.paytrace_transaction_id,
    )
    return replace(state, waiting={**state.waiting, event.posting_reference: document})


def _worth(state: State, balances: dict[str, int], event: JournalEntryMade) -> int | None:
    """Return what clearing is worth after an entry."""
    worth = state.clearing_worth
    for line in (one for one in event.lines if one.role == "clearing"):
        worth = None if worth is None or line.base_minor is None else worth + line.base_minor
        if not balances[f"clearing/{line.currency}"]:
            worth = 0
    return worth


def _posted(state: State, reference: str) -> State:
    """Keep a posted document as long as it may be taken back: those of a bank line, and the latest of a dispute."""
    document = state.asked.get(reference) or state.waiting.get(reference)
    if document is None:
        return state
    posted = state.posted
    of_line = any(reference in (*one.references, *one.explained) for one in state.deposits.values())
    if of_line or _may_be_followed(state, document):
        posted = {**posted, reference: document}
    waiting, asked = _without(state.waiting, reference), _without(state.asked, reference)
    return replace(state, waiting=waiting, asked=asked, posted=posted)


def _may_be_followed(state: State, document: Document) -> bool:
    """Return whether a document may have to be taken back, or is being: the latest of a dispute, and what is turned."""
    reference = document.posting_reference
    if reference == state.chargebacks.get(document.values.get("dispute", "")):
        return True
    return any(one.reverses_reference == reference for one in (*state.waiting.values(), *state.asked.values()))


def _with_deposit(state: State, bank_line_id: str, deposit: Deposit) -> State:
    deposits = {**state.deposits, bank_line_id: deposit}
    kept_from = max(one.moved_on for one in deposits.values()) - timedelta(days=DEPOSIT_DAYS)
    kept = {name: one for name, one in deposits.items() if one.moved_on >= kept_from}
    of_kept = {reference for one in kept.values() for reference in (*one.references, *one.explained)}
    posted = {
        reference: one
        for reference, one in state.posted.items()
        if reference in of_kept or _may_be_followed(state, one)
    }
    return replace(state, deposits=kept, posted=posted)


def _with_known(
    known: dict[str, dict[str, frozenset[str]]], name: str, at: datetime
) -> dict[str, dict[str, frozenset[str]]]:
    day, bucket = _day(at), _bucket(name)
    of_day = known.get(day)
    if of_day is None:
        known, of_day = _since(known, day, KNOWN_DAYS), {}
    return {**known, day: {**of_day, bucket: of_day.get(bucket, frozenset()) | {name}}}


def _since(by_day: dict[str, Kept], new_day: str, days: int) -> dict[str, Kept]:
    """Return what is kept when a day comes in: what is not older than so many days before the latest."""
    first = (date.fromisoformat(max((*by_day, new_day))) - timedelta(days=days)).isoformat()
    return {day: kept for day, kept in by_day.items() if day >= first}


def _day(at: datetime) -> str:
    return at.date().isoformat()


def _bucket(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=1).hexdigest()


def _without(documents: dict[str, Document], reference: str) -> dict[str, Document]:
    return {name: one for name, one in documents.items() if name != reference} if reference in documents else documents
