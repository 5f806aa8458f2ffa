"""One customer's account as this agent knows it: open items, an entry for each document due in abas, and what they say.

An entry is one document that abas should hold: a receipt (money in), a reversal (money out), a write-off, money on
account that is applied to an open item, or what takes one of them back. It waits, is requested, is posted, is netted
with its opposite before anything was posted, is divided into parts that take its place, is moved to the customer whose
money it is, or is handed over to finance. The entries of a payment are its family: its receipt, its increases, and
everything that takes money back.

The invariant that the whole room stands on: the signed sum of all entries that are neither netted nor divided is the
signed sum of all movements that were recorded. `evolve` (changes.py) keeps it; nothing else changes an amount. By a
write-off and by an application no money of the payer moves: they are signed 0 and have no owner.

The questions of a state are answered once for each state, and remembered with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property

from schemas.documents import kinds
from schemas.records.erp import DocumentLine, Side
from schemas.records.identification import WaitingReason
from schemas.records.orders import OrderMoneyNamed
from schemas.records.payments import PaymentMethod
from schemas.records.receivables import (
    DecisionTaken,
    EntryDirection,
    MatchSuggested,
    OpenItemRecorded,
    PaymentAllocated,
    PaymentRequestDone,
    PaymentStatusChanged,
)
from schemas.signs import direction_sign
from schemas.values.exchange import leaves
from schemas.values.references import normalised_invoice
from schemas.values.replacing import replace


class EntryKind(StrEnum):
    """Which movement an entry comes from, or what is booked on an item without one."""

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
    CASH_DISCOUNT = "CASH_DISCOUNT"
    CASH_DISCOUNT_REVERSAL = "CASH_DISCOUNT_REVERSAL"
    APPLICATION = "ON_ACCOUNT_APPLICATION"
    APPLICATION_REVERSAL = "ON_ACCOUNT_APPLICATION_REVERSAL"
    CREDIT_APPLICATION = "CREDIT_MEMO_APPLICATION"
    CREDIT_APPLICATION_REVERSAL = "CREDIT_MEMO_APPLICATION_REVERSAL"
    CHARGEBACK = "CHARGEBACK"
    CHARGEBACK_RETURNED = "CHARGEBACK_RETURNED"
    CHARGEBACK_LOST = "CHARGEBACK_LOST"
    CHARGEBACK_LOST_REVERSAL = "CHARGEBACK_LOST_REVERSAL"
    EXCHANGE = "EXCHANGE_DIFFERENCE"
    EXCHANGE_REVERSAL = "EXCHANGE_DIFFERENCE_REVERSAL"


class EntryStatus(StrEnum):
    """How far an entry is."""

    WAITING = "WAITING"
    REQUESTED = "REQUESTED"
    POSTED = "POSTED"
    NETTED = "NETTED"
    SPLIT = "SPLIT"
    MOVED = "MOVED"
    HANDED_OVER = "HANDED_OVER"


RECEIPT_KINDS = frozenset(
    {
        EntryKind.CAPTURE,
        EntryKind.INCREASE,
        EntryKind.REFUND_VOID,
        EntryKind.RELEASED,
        EntryKind.CHARGEBACK_RETURNED,
    }
)
# What gives up a part of an open item, and what reverses it.
CREDIT_MEMO_REFUND = "credit_memo_refund"
GIVEN_UP = {
    EntryKind.WRITE_OFF: EntryKind.WRITE_OFF_REVERSAL,
    EntryKind.CASH_DISCOUNT: EntryKind.CASH_DISCOUNT_REVERSAL,
}
WRITE_OFF_KINDS = frozenset({*GIVEN_UP, *GIVEN_UP.values()})
# What gives an open item money that is here already, and what reverses it.
APPLIES = {
    EntryKind.APPLICATION: EntryKind.APPLICATION_REVERSAL,
    EntryKind.CREDIT_APPLICATION: EntryKind.CREDIT_APPLICATION_REVERSAL,
}
EXCHANGE_KINDS = (EntryKind.EXCHANGE, EntryKind.EXCHANGE_REVERSAL)
LOST_KINDS = frozenset({EntryKind.CHARGEBACK_LOST, EntryKind.CHARGEBACK_LOST_REVERSAL})
# Entries by which no money of the payer moves, by their kind of document.
WITHOUT_MONEY = {
    kind.value.lower(): kind
    for kind in (
        *WRITE_OFF_KINDS,
        *APPLIES,
        *APPLIES.values(),
        *EXCHANGE_KINDS,
        *LOST_KINDS,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One document due in abas.

    Units: amount_minor is minor units of currency, never negative. value_on is the value date of its document, whenever
           that is posted; occurred_at is when Saldo learned of the movement. reason and detail are what was last
           reported of it; a changed amount takes them back.
    payment_id is the original payment (None: a refund that is not linked yet, a write-off), transaction_id the
    movement's own.
    takes_back is the receipt that a reversal is meant for, reverses the document that it was requested against.
    takes_from is the receipt on account whose money an application gives to an open item; of an exchange difference the
    document whose difference it is. abas_credit_item_id is the credit memo that an application gives instead.
    base_minor is what the money is worth in base_currency, None where it is in that currency or nobody valued it;
    booked_base_minor is what its document takes off the item's, or the account's, booked value, or gives back to it.
    item_minor is what it clears of an open item in the base currency; None where the money is in that of the item.
    is_credited says that a refund pays out a credit memo, and opens no invoice.
    rule is what booked, without a person, an entry by which no money moves; tax_minor and tax_code are a discount's.
    released_by is the reversal that must be posted before this money may be matched again.
    lines are those of the document that was asked for, by the mapping of then; by_category says what of it is of which
    product category, () where that is not known.
    options are what is suggested for it, best first; posted_at is when abas made the document, and document_number
    its number there.
    posted_on is the posting date that it was asked for with, where the period of its value date is closed.
    """

    posting_reference: str
    kind: EntryKind
    transaction_id: str
    payment_id: str | None
    amount_minor: int
    currency: str
    base_minor: int | None = None
    base_currency: str | None = None
    booked_base_minor: int | None = None
    item_minor: int | None = None
    method: PaymentMethod
    invoice_number: str | None
    settlement_account: str | None
    card_token: str | None = None
    value_on: date
    occurred_at: datetime
    takes_back: str | None = None
    status: EntryStatus = EntryStatus.WAITING
    reason: WaitingReason | None = None
    detail: str = ""
    abas_open_item_id: str | None = None
    item_invoice_number: str = ""
    reverses: str | None = None
    takes_from: str | None = None
    abas_credit_item_id: str | None = None
    is_credited: bool = False
    dispute_id: str | None = None
    rule: str = ""
    tax_minor: int = 0
    tax_code: str | None = None
    released_by: str | None = None
    on_account: bool = False
    lines: tuple[DocumentLine, ...] = ()
    by_category: tuple[tuple[str, int], ...] = ()
    options: tuple[MatchSuggested, ...] = ()
    posted_at: datetime | None = None
    posted_on: date | None = None
    document_number: str = ""

    @property
    def is_receipt(self) -> bool:
        """Money in, as against a reversal."""
        return self.kind in RECEIPT_KINDS

    @property
    def is_write_off(self) -> bool:
        """A write-off or a cash discount, or what reverses one."""
        return self.kind in WRITE_OFF_KINDS

    @property
    def moves_money(self) -> bool:
        """Whether money of the payer moves by it: not by a write-off, nor by money on account that is applied."""
        return self.kind not in WITHOUT_MONEY.values()

    @property
    def document_kind(self) -> str:
        """Its document, by schemas/documents."""
        if not self.moves_money:
            return self.kind.value.lower()
        if self.is_credited:
            return CREDIT_MEMO_REFUND if not self.is_receipt else f"{CREDIT_MEMO_REFUND}_reversal"
        if self.kind in (EntryKind.CHARGEBACK, EntryKind.CHARGEBACK_RETURNED):
            place = "on_account" if self.on_account else "cash_receipt"
            return f"{place}_{self.kind.value.lower()}"
        if self.on_account:
            return "on_account_receipt" if self.is_receipt else "on_account_refund"
        receipt = "cash_receipt" if self.item_minor is None else "converted_receipt"
        return receipt if self.is_receipt else f"{receipt}_reversal"

    def taken_back_by(self, other: Entry) -> str:
        """Return the kind of document by which another entry takes this one back."""
        kind = kinds()[self.document_kind]
        taken_by = kind.charged_back_by if other.kind is EntryKind.CHARGEBACK else kind.reversed_by
        return taken_by or f"{self.document_kind}_reversal"

    @property
    def reversal_reason(self) -> str | None:
        """Why its document takes another one back, by the codes of schemas/documents; None if it reverses none."""
        says_so_itself = (*APPLIES.values(), EntryKind.CHARGEBACK, EntryKind.CHARGEBACK_LOST)
        is_of_none = self.kind in (*says_so_itself, *EXCHANGE_KINDS)
        if self.side is Side.CREDIT or self.on_account or is_of_none:
            return None
        is_correction = self.kind is EntryKind.UNMATCH or not self.moves_money
        return EntryKind.CORRECTION.value if is_correction else self.kind.value

    @property
    def side(self) -> Side:
        """The side of the customer's account that its document is on."""
        if self.kind in EXCHANGE_KINDS and self.lines:
            return self.lines[0].side
        clears = self.is_receipt or self.kind in (*GIVEN_UP, *APPLIES, EntryKind.CHARGEBACK_LOST_REVERSAL)
        return Side.CREDIT if clears else Side.DEBIT

    @property
    def direction(self) -> EntryDirection:
        """The same in the words of the records; none where no money moves."""
        if not self.moves_money:
            return EntryDirection.NONE
        return EntryDirection.RECEIPT if self.is_receipt else EntryDirection.REVERSAL

    @property
    def owner(self) -> str:
        """The payment whose money this is, or the refund itself while it is not linked; nobody's where none moves."""
        return self.payment_id or self.transaction_id if self.moves_money else ""

    @property
    def is_live(self) -> bool:
        """Neither netted nor divided nor moved away: its amount counts here."""
        return self.status not in (EntryStatus.NETTED, EntryStatus.SPLIT, EntryStatus.MOVED)

    @property
    def signed_minor(self) -> int:
        """The payer's money with its direction, 0 once netted, divided or moved away."""
        return direction_sign(self.direction) * self.amount_minor if self.is_live else 0

    @property
    def is_waiting(self) -> bool:
        """Nothing was asked of abas, or abas refused."""
        return self.status is EntryStatus.WAITING

    @property
    def is_refused(self) -> bool:
        """Abas said no: only a person, another amount or an opposite entry moves it on."""
        return self.is_waiting and self.reason is WaitingReason.POSTING_REFUSED

    @property
    def pays_out(self) -> bool:
        """A refund that takes money of a receipt and leaves its invoice paid."""
        return not self.is_receipt and (self.is_credited or self.on_account)

    @property
    def is_posted(self) -> bool:
        """Confirmed by abas."""
        return self.status is EntryStatus.POSTED

    @property
    def is_at_abas(self) -> bool:
        """Requested or posted, so abas holds the document or may hold it any moment."""
        return self.status in (EntryStatus.REQUESTED, EntryStatus.POSTED)

    @property
    def gain_minor(self) -> int:
        """What its document is worth more than what it takes off the books, in base currency; negative: a loss."""
        if self.base_minor is None or self.booked_base_minor is None:
            return 0
        difference = self.base_minor - self.booked_base_minor
        return difference if self.side is Side.CREDIT else -difference

    def value_of(self, before_minor: int, after_minor: int) -> int | None:
        """Return the value in base currency of the part between two shares of this money; None where it has none."""
        if self.base_minor is None:
            return None
        return leaves(self.base_minor, self.amount_minor, before_minor, after_minor) if self.amount_minor else 0

    def part(self, reference: str, before_minor: int, after_minor: int) -> Entry:
        """Return the part of this money between two shares of it, under a reference of its own."""
        value, minor = self.value_of(before_minor, after_minor), after_minor - before_minor
        return replace(self, posting_reference=reference, amount_minor=minor, base_minor=value)

    @property
    def on_item_minor(self) -> int:
        """Its amount in the currency of its open item."""
        return self.amount_minor if self.item_minor is None else self.item_minor

    @property
    def clears_minor(self) -> int:
        """What it clears of an open item: a credit once requested; what reverses one, negative, once confirmed."""
        if self.side is Side.CREDIT:
            return self.on_item_minor if self.is_at_abas else 0
        opens = self.reverses is not None or self.kind is EntryKind.CHARGEBACK_LOST
        return -self.on_item_minor if self.is_posted and opens else 0


@dataclass(frozen=True, slots=True)
class Lost:
    """What a dispute took of a payment for good, by its last movement. Units: minor_units of the payment's currency."""

    payment_id: str
    lost_minor: int
    value_on: date


@dataclass(frozen=True, slots=True)
class Move:
    """Where all money of a payment goes from here, by which command."""

    to_customer_id: str
    command_id: str


def request_name(transaction: str, *, takes_back: bool) -> str:
    """Return what a payment request that was carried out is known by."""
    return f"{transaction} {'out' if takes_back else 'in'}"


def number_of(item: OpenItemRecorded) -> str:
    """Return the invoice number of an item as numbers are compared."""
    return normalised_invoice(item.invoice_number) or ""


def _credits(memo: OpenItemRecorded, invoice: OpenItemRecorded, number: str) -> bool:
    return memo.currency == invoice.currency and normalised_invoice(memo.credits_invoice) == number


@dataclass(frozen=True, kw_only=True)
class State:
    """One customer.

    Shapes: items by abas_open_item_id, entries by posting reference, in order of arrival.
    ruled_out are pairs of payment, or credit memo, and open item that a person said don't belong together; narrowed are
    pairs of payment and open item where the item was among several that were suggested for the payment until a person
    gave it to something else; held are the payments and memos of either, and those of which a person has unmatched
    anything, so that only a person matches their money.
    decided is the last decision that was carried out, by posting reference, a write-off's also by its open item.
    moved_to is by owner of the money; moves_taken are pairs of command and posting reference, of the entries that came
    from another customer. statuses are those that were written back last, by status_key. orders are those of shops that
    money here pays, by its transaction. allocations are what charges are to pay, by the reference under which they come
    back; requests are payment requests that were carried out, by the transaction and whether it gave money back.
    """

    abas_customer_id: str = ""
    items: dict[str, OpenItemRecorded] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    movement_ids: frozenset[str] = frozenset()
    command_ids: frozenset[str] = frozenset()
    ruled_out: frozenset[tuple[str, str]] = frozenset()
    narrowed: frozenset[tuple[str, str]] = frozenset()
    held: frozenset[str] = frozenset()
    decided: dict[str, DecisionTaken] = field(default_factory=dict)
    moved_to: dict[str, Move] = field(default_factory=dict)
    moves_taken: frozenset[tuple[str, str]] = frozenset()
    lost: dict[str, Lost] = field(default_factory=dict)
    statuses: dict[str, PaymentStatusChanged] = field(default_factory=dict)
    orders: dict[str, OrderMoneyNamed] = field(default_factory=dict)
    allocations: dict[str, PaymentAllocated] = field(default_factory=dict)
    requests: dict[str, PaymentRequestDone] = field(default_factory=dict)

    def request_of(self, transaction: str, *, takes_back: bool) -> PaymentRequestDone | None:
        """Return the payment request that brought a transaction about, or gave its money back."""
        return self.requests.get(request_name(transaction, takes_back=takes_back))

    def with_entries(self, *entries: Entry) -> State:
        """Return the state with these entries, new or in place of those of the same reference."""
        return replace(self, entries={**self.entries, **{entry.posting_reference: entry for entry in entries}})

    # -- entries -------------------------------------------------------------------------------------------------------

    @cached_property
    def waiting(self) -> tuple[Entry, ...]:
        """Waiting entries by business day, then by when they were learned of; equal ones in order of arrival."""
        waiting = (entry for entry in self.entries.values() if entry.is_waiting)
        return tuple(sorted(waiting, key=lambda entry: (entry.value_on, entry.occurred_at)))

    def entry_of_money(self, reference: str) -> Entry | None:
        """Return the entry of this reference, if money of the payer moves by it."""
        entry = self.entries.get(reference)
        return entry if entry is not None and entry.moves_money else None

    def free_reference(self, base: str) -> str:
        """Return the first reference of this base that no entry bears yet."""
        number = 1
        while f"{base}{number}" in self.entries:
            number += 1
        return f"{base}{number}"

    # -- families ------------------------------------------------------------------------------------------------------

    @cached_property
    def _families(self) -> Mapping[str, tuple[Entry, ...]]:
        families: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries.values():
            if entry.payment_id is not None:
                families[entry.payment_id].append(entry)
        return {payment: tuple(entries) for payment, entries in families.items()}

    def family(self, payment_id: str | None) -> tuple[Entry, ...]:
        """Return all entries of one payment, in order of arrival; none for a refund that is not linked yet."""
        return () if payment_id is None else self._families.get(payment_id, ())

    def left_of_payment(self, payment_id: str) -> int:
        """Return what is left of a payment's money, in minor units: what came in less what was reversed."""
        return sum(entry.signed_minor for entry in self.family(payment_id))

    def refund(self, transaction_id: str) -> Entry | None:
        """Return the reversal that this refund transaction caused."""
        entry = self.entries.get(f"PT{transaction_id}")
        return entry if entry is not None and entry.kind is EntryKind.REFUND else None

    def is_held_back(self, receipt: Entry) -> bool:
        """Say whether the reversal that frees this money is not posted yet."""
        reversal = self.entries.get(receipt.released_by or "")
        return reversal is not None and not reversal.is_posted

    # -- who bears a reversal ------------------------------------------------------------------------------------------

    def _taken_back(self, counts: Callable[[Entry], bool]) -> Mapping[str, int]:
        taken: dict[str, int] = defaultdict(int)
        for entry in self.entries.values():
            receipt = entry.reverses or entry.takes_back
            if entry.is_credited and entry.is_receipt:  # a refund that came back gives its receipt back what it took
                refund = self.entries.get(entry.reverses or "")
                receipt = "" if refund is None else refund.reverses or refund.takes_back or ""
                taken[receipt] -= entry.amount_minor if entry.is_posted else 0
            elif receipt is not None and counts(entry):
                taken[receipt] += entry.amount_minor
            if entry.kind is EntryKind.CHARGEBACK_LOST and entry.takes_from is not None and entry.is_live:
                taken[entry.takes_from] += entry.amount_minor - self.owed_no_more_minor(entry)
        return taken

    @cached_property
    def _claimed(self) -> Mapping[str, int]:
        """What is reversed of each receipt, reversals that still wait included."""
        return self._taken_back(lambda entry: entry.is_live)

    @cached_property
    def _asked_back(self) -> Mapping[str, int]:
        return self._taken_back(lambda entry: entry.is_at_abas and (entry.reverses is not None or entry.pays_out))

    @cached_property
    def _confirmed_back(self) -> Mapping[str, int]:
        return self._taken_back(lambda entry: entry.is_posted and entry.reverses is not None)

    def unclaimed_minor(self, receipt: Entry) -> int:
        """Return what of a receipt nothing reverses yet, in minor units."""
        return receipt.amount_minor - self._claimed.get(receipt.posting_reference, 0)

    def able_to_give_back(self, payment_id: str | None) -> list[tuple[Entry, int]]:
        """Return the receipts of a payment and what nothing reverses yet of each, in minor units, increases first."""
        family = self.family(payment_id)
        receipts = (entry for entry in family if entry.is_receipt and entry.is_live and not entry.is_credited)
        able = [(receipt, left) for receipt in receipts if (left := self.unclaimed_minor(receipt)) > 0]
        return sorted(able, key=lambda pair: (pair[0].kind is not EntryKind.INCREASE, not pair[0].on_account))

    def receipt_to_reverse(self, reversal: Entry) -> Entry | None:
        """Return the posted receipt of the same payment that a reversal is asked against.

        Ensures: never more is reversed from a receipt than it brought and has not given to an open item; the receipt it
                 is meant for comes first, then money on account, which pays no invoice.
        """
        meant = self.entries.get(reversal.takes_back or "")
        if meant is not None and meant.is_receipt and meant.is_live and self.can_bear_once_freed(meant, reversal):
            return meant if meant.is_posted and self._can_bear(meant, reversal) else None
        family = self.family(reversal.payment_id)
        able = [one for one in family if one.is_receipt and one.is_posted and not one.is_credited]
        on_account_first = sorted(able, key=lambda receipt: not receipt.on_account)
        return next((receipt for receipt in on_account_first if self._can_bear(receipt, reversal)), None)

    def _can_bear(self, receipt: Entry, reversal: Entry) -> bool:
        return self._not_asked_back(receipt) - self.applied_minor(receipt) >= reversal.amount_minor

    def _not_asked_back(self, receipt: Entry) -> int:
        return receipt.amount_minor - self._asked_back.get(receipt.posting_reference, 0)

    def can_bear_once_freed(self, receipt: Entry, reversal: Entry) -> bool:
        """Say whether a receipt on account bears a reversal once open items have given back what they took of it."""
        return self._not_asked_back(receipt) >= reversal.amount_minor

    def shares_of(self, reversal: Entry) -> tuple[tuple[str, int], ...]:
        """Say how a reversal that no single receipt can bear is divided over its payment's receipts.

        Shapes:  (receipt's posting reference, minor units), two or more; () while it is not certain what comes back.
        Ensures: the shares sum to the reversal, and none is more than its receipt has left. Everything that is left of
                 the payment is certain whatever became of its receipts; a part of it comes from posted ones, oldest
                 first.
        """
        others = replace(self, entries={ref: one for ref, one in self.entries.items() if one is not reversal})
        left = others.able_to_give_back(reversal.payment_id)
        if any(minor >= reversal.amount_minor for _, minor in left):
            return ()
        if sum(minor for _, minor in left) == reversal.amount_minor:
            return tuple((entry.posting_reference, minor) for entry, minor in left)
        shares: list[tuple[str, int]] = []
        due = reversal.amount_minor
        for entry, minor in left:
            share = min(minor, due) if entry.is_posted else 0
            if share:
                shares.append((entry.posting_reference, share))
                due -= share
        return () if due else tuple(shares)

    # -- disputes that take money at once ------------------------------------------------------------------------------

    def chargebacks_of(self, dispute_id: str | None) -> tuple[tuple[Entry, int], ...]:
        """Return what a dispute took and has not given back, latest first, with what is left of each in minor units."""
        taken = [
            (entry, self.unclaimed_minor(entry))
            for entry in self.entries.values()
            if entry.kind is EntryKind.CHARGEBACK and entry.dispute_id == dispute_id and entry.is_live
        ]
        return tuple(pair for pair in reversed(taken) if pair[1] > 0)

    # -- lost disputes -------------------------------------------------------------------------------------------------

    def owed_again(self, dispute_id: str) -> tuple[Entry, ...]:
        """Return what a lost dispute opened again of invoices and nothing has taken back in whole, oldest first."""
        entries = (one for one in self.entries.values() if one.dispute_id == dispute_id and one.is_live)
        lost = (one for one in entries if one.kind is EntryKind.CHARGEBACK_LOST)
        return tuple(one for one in lost if one.amount_minor > self.owed_no_more_minor(one))

    def owed_no_more_minor(self, lost: Entry) -> int:
        """Return what of that was taken back, because the dispute was won after all; minor units."""
        reference = lost.posting_reference
        back = (one for one in self.entries.values() if one.reverses == reference and one.is_live)
        return sum(one.amount_minor for one in back)

    # -- money on account ----------------------------------------------------------------------------------------------

    @cached_property
    def applications(self) -> Mapping[str, tuple[Entry, ...]]:
        """What open items took of each receipt on account and nothing has given back, oldest first."""
        ended = {entry.reverses for entry in self.entries.values() if entry.is_posted}
        applications: dict[str, tuple[Entry, ...]] = {}
        for entry in self.entries.values():
            if entry.kind is EntryKind.APPLICATION and entry.is_live and entry.posting_reference not in ended:
                receipt = entry.takes_from or ""
                applications[receipt] = (*applications.get(receipt, ()), entry)
        return applications

    def application(self, reference: str) -> Entry | None:
        """Return the application of this reference, of money on account or of a credit memo, if there is one."""
        entry = self.entries.get(reference)
        return entry if entry is not None and entry.kind in APPLIES else None

    def applied_minor(self, receipt: Entry) -> int:
        """Return what of a receipt on account is with open items, in minor units, what abas refused included."""
        return sum(entry.amount_minor for entry in self.applications.get(receipt.posting_reference, ()))

    def on_account_minor(self, receipt: Entry) -> int:
        """Return what of a receipt on account is still there and asked back by nothing, in minor units."""
        is_there = receipt.on_account and receipt.is_posted and receipt.is_receipt
        return self.unclaimed_minor(receipt) - self.applied_minor(receipt) if is_there else 0

    @cached_property
    def on_account(self) -> tuple[tuple[Entry, int], ...]:
        """The receipts on account that have something left, and how much in minor units, by business day."""
        able = ((entry, self.on_account_minor(entry)) for entry in self.entries.values() if entry.on_account)
        return tuple(sorted((pair for pair in able if pair[1] > 0), key=lambda pair: pair[0].value_on))

    @cached_property
    def confirmed_on(self) -> Mapping[str, tuple[Entry, ...]]:
        """The posted entries that clear an open item or open it again, by the item's id; those of none are left out."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries.values():
            bearer = entry if entry.reverses is None else self.entries.get(entry.reverses)
            if entry.is_posted and bearer is not None and bearer.abas_open_item_id is not None:
                found.setdefault(bearer.abas_open_item_id, []).append(entry)
        return {item_id: tuple(entries) for item_id, entries in found.items()}

    def is_asked_back(self, receipt: Entry) -> bool:
        """Say whether something of the same payment waits to take money back."""
        waiting = (entry for entry in self.family(receipt.payment_id) if entry.is_waiting)
        return any(not entry.is_receipt for entry in waiting)

    # -- booked value --------------------------------------------------------------------------------------------------

    def booked_value_back(self, document: Entry, part_minor: int) -> int | None:
        """Return the booked value that goes back with the next part of a document that is taken back.

        Units: part_minor is minor units of the document's currency, the answer those of its base currency.
        """
        if document.booked_base_minor is None:
            return None
        ref = document.posting_reference
        backs = [one for one in self.entries.values() if one.is_at_abas and not one.is_credited and one.moves_money]
        backs = [one for one in backs if one.reverses == ref or (one.pays_out and one.takes_back == ref)]
        applied = self.applications.get(ref, ())
        gone = sum(one.amount_minor for one in (*backs, *applied))
        value = sum(one.booked_base_minor or 0 for one in backs) + sum(one.base_minor or 0 for one in applied)
        return _next_value(document.booked_base_minor, document.amount_minor, gone, value, part_minor)

    def item_minor_back(self, receipt: Entry, part_minor: int) -> int | None:
        """Return what opens again of an item in the base currency with the next part of a receipt that is taken back.

        Units: part_minor is minor units of the receipt's currency; None where the item is in that currency.
        """
        if receipt.item_minor is None:
            return None
        ref = receipt.posting_reference
        backs = [one for one in self.entries.values() if one.is_at_abas and one.moves_money and one.reverses == ref]
        gone, gone_on_item = (sum(one.amount_minor for one in backs), sum(one.item_minor or 0 for one in backs))
        return _next_value(receipt.item_minor, receipt.amount_minor, gone, gone_on_item, part_minor)

    def booked_value_off(self, item_id: str, base_currency: str, part_minor: int) -> int | None:
        """Return the booked value that leaves an open item with its next part; None where abas names no value.

        Units:   part_minor is minor units of the item's currency, the answer those of base_currency.
        Ensures: the part that clears the item takes what is left of its value.
        """
        item = self.items[item_id]
        if item.booked_base_minor is None or item.booked_base_currency != base_currency:
            return None
        whole, booked = abs(item.amount_minor), abs(item.booked_base_minor)
        left = (self.available if item.amount_minor > 0 else self.credits).get(item_id, 0)
        ours_minor = ours_value = 0
        for entry in self.entries.values():
            bearer = entry if entry.reverses is None or entry.is_credited else self.entries.get(entry.reverses, entry)
            is_given = entry.abas_credit_item_id == item_id  # what an application took of it is what the money is worth
            is_of_item = item_id in (bearer.abas_open_item_id, entry.abas_credit_item_id)
            sign = 1 if (entry.side is Side.CREDIT) == (is_given or item.amount_minor > 0) else -1
            counts = entry.is_at_abas if sign > 0 else entry.is_posted  # as in what may still be asked for
            if not is_of_item or entry.kind in EXCHANGE_KINDS or not counts:
                continue
            ours_minor += sign * (entry.amount_minor if is_given else entry.on_item_minor)
            ours_value += sign * ((entry.base_minor if is_given else entry.booked_base_minor) or 0)
        others = max(0, whole - left - ours_minor)  # what people cleared in abas took its share as well
        gone = leaves(booked, whole, 0, others) + ours_value
        return _next_value(booked, whole, whole - left, gone, part_minor)

    # -- open items ----------------------------------------------------------------------------------------------------

    @cached_property
    def invoice_numbers(self) -> frozenset[str]:
        """The numbers of all items, open or not, as numbers are compared."""
        return frozenset(number_of(item) for item in self.items.values())

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The product categories of all items."""
        return tuple(dict.fromkeys(name for item in self.items.values() for name in item.category_names))

    @cached_property
    def available(self) -> Mapping[str, int]:
        """What may still be asked for, by abas_open_item_id.

        What abas showed last may be older than what we asked of it since, so both are held against each other and the
        smaller answer counts: too little makes money wait until abas is seen again, too much would overpay an invoice.

        Units:   minor units of the item's currency; items of which nothing is left are not among them.
        Ensures: never more than the item's amount less all that we hold or asked for on it, and never more than abas
                 showed open less what abas cannot have shown yet. A reversal lowers that at most to nothing.
        """
        held: dict[str, int] = defaultdict(int)
        unseen: dict[str, int] = defaultdict(int)
        for entry in self.entries.values():
            bearer = entry if entry.reverses is None else self.entries.get(entry.reverses)
            item = None if bearer is None else self.items.get(bearer.abas_open_item_id or "")
            if item is not None:
                held[item.abas_open_item_id] += entry.clears_minor
                if entry.posted_at is None or entry.posted_at >= item.occurred_at:
                    unseen[item.abas_open_item_id] += entry.clears_minor
        left = {
            item_id: min(item.open_minor - max(0, unseen[item_id]), item.amount_minor - held[item_id])
            for item_id, item in self.items.items()
            if item.is_open
        }
        return {item_id: minor for item_id, minor in left.items() if minor > 0}

    @cached_property
    def _given_of_credits(self) -> Mapping[str, tuple[int, int]]:
        """What we paid out or gave of each credit memo, and what of that abas cannot have shown yet; minor units."""
        given: dict[str, tuple[int, int]] = {}
        for entry in self.entries.values():
            item = self.items.get((entry.abas_open_item_id if entry.is_credited else entry.abas_credit_item_id) or "")
            gives_back = entry.is_receipt or entry.kind in APPLIES.values()
            if item is None or (not entry.is_posted if gives_back else not entry.is_at_abas):
                continue
            minor = -entry.amount_minor if gives_back else entry.amount_minor
            is_unseen = entry.posted_at is None or entry.posted_at >= item.occurred_at
            whole, unseen = given.get(item.abas_open_item_id, (0, 0))
            given[item.abas_open_item_id] = whole + minor, unseen + (minor if is_unseen else 0)
        return given

    def netted_credits_of(self, invoice: OpenItemRecorded) -> Mapping[str, int]:
        """Return what abas has netted of the credit memos of an invoice, in minor units, in order of their ids."""
        number, netted = number_of(invoice), dict[str, int]()
        for item_id, memo in sorted(self.items.items()):
            if number and memo.amount_minor < 0 and _credits(memo, invoice, number):
                whole, unseen = self._given_of_credits.get(item_id, (0, 0))
                netted[item_id] = memo.open_minor - memo.amount_minor - (whole - unseen)
        return netted

    @cached_property
    def credits(self) -> Mapping[str, int]:
        """What is left of credit memos, by abas_open_item_id: they are items with negative amounts.

        Units:   minor units of the item's currency, above zero.
        Ensures: never more than the memo less what we paid out or gave of it, and never more than abas showed open of
                 it less what it cannot have shown yet.
        """
        left = {
            item_id: min(-item.open_minor - max(0, unseen), -item.amount_minor - given)
            for item_id, item in self.items.items()
            for given, unseen in (self._given_of_credits.get(item_id, (0, 0)),)
            if item.amount_minor < 0 and (item.is_open or unseen)
        }
        return {item_id: minor for item_id, minor in left.items() if minor > 0}

    def credits_of(self, invoice_item_id: str | None) -> list[tuple[str, int]]:
        """Return the credit memos of an invoice that have something left, with it, in order of their ids."""
        invoice = self.items.get(invoice_item_id or "")
        if invoice is None or not number_of(invoice):
            return []
        number = number_of(invoice)
        memos = ((self.items[item_id], minor) for item_id, minor in sorted(self.credits.items()))
        return [(memo.abas_open_item_id, minor) for memo, minor in memos if _credits(memo, invoice, number)]

    @cached_property
    def _holders(self) -> Mapping[str, tuple[Entry, ...]]:
        holders: dict[str, tuple[Entry, ...]] = {}
        for entry in self.entries.values():
            is_kept = self._confirmed_back.get(entry.posting_reference, 0) < entry.amount_minor
            if entry.is_receipt and entry.is_at_abas and entry.abas_open_item_id is not None and is_kept:
                holders[entry.abas_open_item_id] = (*holders.get(entry.abas_open_item_id, ()), entry)
        return holders

    def holders_of(self, item_id: str) -> tuple[Entry, ...]:
        """Return our receipts on an item, from the request on until abas confirmed that all of them is reversed."""
        return self._holders.get(item_id, ())

    def is_taken_back(self, entry: Entry) -> bool:
        """Say whether something reverses an entry, or is asked to."""
        return any(one.reverses == entry.posting_reference and one.is_live for one in self.entries.values())

    def written_off_minor(self, item_id: str) -> int:
        """Return what is given up of an open item, in minor units, all its write-offs together."""
        on_item = (entry for entry in self.entries.values() if entry.abas_open_item_id == item_id)
        return sum(entry.clears_minor for entry in on_item if entry.is_write_off)


def _next_value(booked: int, whole: int, gone_minor: int, gone_value: int, part_minor: int) -> int | None:
    """Return the value of the next part by cumulative share, whatever the parts before it took; the last takes all."""
    after = gone_minor + part_minor
    return leaves(booked, whole, 0, after) - gone_value if 0 <= after <= whole and whole else None


INITIAL = State()
