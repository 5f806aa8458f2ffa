"""What is remembered of one customer's receivables: open items, and an entry for each document due in abas.

An entry is one document that abas should hold: a receipt (money in) or a reversal (money out). It waits, is requested,
is posted, is netted with its opposite before anything was posted, is divided into parts that take its place, is moved
to the customer whose money it is, or is handed over to finance. The entries of a payment are its family: its receipt,
its increases, and everything that takes money back.

The invariant that the whole room stands on: the signed sum of all entries that are neither netted nor divided is the
signed sum of all movements that were recorded. `evolve` keeps it; nothing else changes an amount. A write-off, and what
takes one back, are entries of their own that stand apart: they are none of the payer's money, and count in no sum.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from schemas.records.erp import Side
from schemas.records.identification import WaitingReason
from schemas.records.payments import PaymentMethod
from schemas.records.receivables import DecisionTaken, EntryDirection, MatchSuggested, OpenItemRecorded


class EntryKind(StrEnum):
    """Which movement an entry comes from, or that a person gave up what is left of an item."""

    CAPTURE = "CAPTURE"
    INCREASE = "INCREASE"
    REFUND_VOID = "REFUND_VOID"
    VOID = "VOID"
    ACH_RETURN = "ACH_RETURN"
    CORRECTION = "CORRECTION"
    REFUND = "REFUND"
    UNMATCH = "UNMATCH"
    RELEASED = "RELEASED"
    WRITE_OFF = "WRITE_OFF"
    WRITE_OFF_REVERSAL = "WRITE_OFF_REVERSAL"


class EntryStatus(StrEnum):
    """How far an entry is."""

    WAITING = "WAITING"
    REQUESTED = "REQUESTED"
    POSTED = "POSTED"
    NETTED = "NETTED"
    SPLIT = "SPLIT"
    MOVED = "MOVED"
    HANDED_OVER = "HANDED_OVER"


RECEIPT_KINDS = frozenset({EntryKind.CAPTURE, EntryKind.INCREASE, EntryKind.REFUND_VOID, EntryKind.RELEASED})
# Their kind of document, which tells them from entries of the payer's money.
WRITE_OFFS = {"write_off": EntryKind.WRITE_OFF, "write_off_reversal": EntryKind.WRITE_OFF_REVERSAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One document due in abas.

    Units: amount_minor is minor units of currency, never negative. value_on is the value date of its document, whenever
           that is posted; occurred_at is when Saldo learned of the movement. reason and detail are what was last told
           of it; a changed amount takes them back.
    payment_id is the original payment (None: a refund that is not linked yet), transaction_id the movement's own.
    takes_back is the receipt that a reversal is meant for, reverses the one that it was requested against.
    released_by is the reversal that must be posted before this money may be matched again.
    options are what is suggested for it, best first; posted_at is when abas made the document.
    """

    posting_reference: str
    kind: EntryKind
    transaction_id: str
    payment_id: str | None
    amount_minor: int
    currency: str
    method: PaymentMethod
    invoice_number: str | None
    value_on: date
    occurred_at: datetime
    takes_back: str | None = None
    status: EntryStatus = EntryStatus.WAITING
    reason: WaitingReason | None = None
    detail: str = ""
    abas_open_item_id: str | None = None
    item_invoice_number: str = ""
    reverses: str | None = None
    released_by: str | None = None
    on_account: bool = False
    options: tuple[MatchSuggested, ...] = ()
    posted_at: datetime | None = None

    @property
    def is_receipt(self) -> bool:
        """Money in, as against a reversal."""
        return self.kind in RECEIPT_KINDS

    @property
    def is_write_off(self) -> bool:
        """A write-off, or what takes one back: none of the payer's money."""
        return self.kind in WRITE_OFFS.values()

    @property
    def document_kind(self) -> str:
        """Its document, by schemas/documents."""
        if self.is_write_off:
            return self.kind.value.lower()
        if self.on_account:
            return "on_account_receipt" if self.is_receipt else "on_account_refund"
        return "cash_receipt" if self.is_receipt else "cash_receipt_reversal"

    @property
    def side(self) -> Side:
        """The side of the customer's account that its document is on."""
        return Side.CREDIT if self.is_receipt or self.kind is EntryKind.WRITE_OFF else Side.DEBIT

    @property
    def direction(self) -> EntryDirection:
        """The same in the words of the records; none for a write-off."""
        if self.is_write_off:
            return EntryDirection.NONE
        return EntryDirection.RECEIPT if self.is_receipt else EntryDirection.REVERSAL

    @property
    def owner(self) -> str:
        """The payment whose money this is, or the refund itself while it is not linked."""
        return self.payment_id or self.transaction_id

    @property
    def is_live(self) -> bool:
        """Neither netted nor divided nor moved away: its amount counts here."""
        return self.status not in (EntryStatus.NETTED, EntryStatus.SPLIT, EntryStatus.MOVED)

    @property
    def signed_minor(self) -> int:
        """The amount with its direction, 0 once netted, divided or moved away."""
        if not self.is_live:
            return 0
        return self.amount_minor if self.is_receipt else -self.amount_minor

    @property
    def is_waiting(self) -> bool:
        """Nothing was asked of abas, or abas refused."""
        return self.status is EntryStatus.WAITING

    @property
    def is_refused(self) -> bool:
        """Abas said no: only a person, another amount or an opposite entry moves it on."""
        return self.is_waiting and self.reason is WaitingReason.POSTING_REFUSED

    @property
    def is_at_abas(self) -> bool:
        """Requested or posted, so abas holds the document or may hold it any moment."""
        return self.status in (EntryStatus.REQUESTED, EntryStatus.POSTED)

    @property
    def written_off_minor(self) -> int:
        """What it gives up of its open item: a write-off once requested, its reversal once abas has confirmed it."""
        match self.kind:
            case EntryKind.WRITE_OFF:
                return self.amount_minor if self.is_at_abas else 0
            case EntryKind.WRITE_OFF_REVERSAL:
                return -self.amount_minor if self.status is EntryStatus.POSTED else 0
            case _:
                return 0


@dataclass(frozen=True, slots=True)
class Move:
    """Where all money of a payment goes from here, by which command."""

    to_customer_id: str
    command_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One customer.

    Shapes: items by abas_open_item_id, entries and write_offs by posting reference, in order of arrival.
    ruled_out are pairs of payment and open item that a person said don't belong together; narrowed are pairs of payment
    and open item where the item was among several that were suggested for the payment until a person gave it to
    something else; held are the payments of either, and those of which a person has undone anything, so that only a
    person matches their money.
    decided is the last decision that was carried out, by posting reference, a write-off's also by its open item.
    moved_to is by owner of the money; moves_taken are pairs of command and posting reference, of the entries that came
    from another customer.
    """

    abas_customer_id: str = ""
    items: dict[str, OpenItemRecorded]
    entries: dict[str, Entry]
    movement_ids: frozenset[str] = frozenset()
    write_offs: dict[str, Entry] = field(default_factory=dict)
    command_ids: frozenset[str] = frozenset()
    ruled_out: frozenset[tuple[str, str]] = frozenset()
    narrowed: frozenset[tuple[str, str]] = frozenset()
    held: frozenset[str] = frozenset()
    decided: dict[str, DecisionTaken] = field(default_factory=dict)
    moved_to: dict[str, Move] = field(default_factory=dict)
    moves_taken: frozenset[tuple[str, str]] = frozenset()


INITIAL = State(items={}, entries={})
