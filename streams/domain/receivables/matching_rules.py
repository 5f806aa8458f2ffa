"""Which open items does a receipt clear, and which payment does a refund take back?

For whoever posts money: the matching engine looks for answers, and this module says which of them are certain enough to
be posted unseen. Certain is, to the cent: the one item of this amount, among those that the payment names if it names
any; all the invoices that it names together; the only sum of this customer's items, if it names nothing; and payments
that name one invoice and together pay it. Everything else is a suggestion or waits with the reason. A payment of which
a person has rejected or undone anything is held: a no is never a yes to what is left, so none of it is posted unseen.
Neither is a yes to another payment: where a person gave one of several suggested items away, the question stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from reconcile.engine.differences import difference_kind, transposed
from reconcile.engine.results import Match, Outcome, Status
from schemas.records.identification import WaitingReason
from schemas.records.receivables import OpenItemRecorded
from schemas.values.money import Money
from schemas.values.references import normalised_invoice
from streams.domain.receivables.availability import available_minor
from streams.domain.receivables.entry import Entry, EntryKind, State
from streams.domain.receivables.evidence import evidence, number_of
from streams.domain.receivables.families import remaining_minor
from streams.domain.receivables.open_item_lines import compare, item_line, named_invoices, receipt_line
from streams.domain.receivables.policy import policy

MOST_OPTIONS = 5
MOST_TOGETHER = 12  # receipts that are looked at as payments of one invoice; the oldest count
CLEARLY_BETTER = 1.0  # than any other answer, natural log of the odds; a tie has 0
REACH, REACH_MINOR = 2, 500  # a slip of the keys rarely doubles an amount, and no tolerance goes beyond 5.00
NEAR = 4  # the nearest item is told if it differs by at most a quarter of the payment


@dataclass(frozen=True, slots=True)
class Waits:
    """No answer, and why."""

    reason: WaitingReason
    detail: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one open item gets of a receipt. Units: minor units of the receipt's currency."""

    item: OpenItemRecorded
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Option:
    """One way to apply a receipt, the rule that found it, and what speaks for and against it.

    Units:   score and distance are natural logarithms of odds.
    Ensures: the parts sum to at most the receipt; what is over waits on.
    """

    parts: tuple[Part, ...]
    rule: str
    agrees: tuple[str, ...]
    differs: tuple[str, ...] = ()
    kind: str = ""
    score: float = 0.0
    margin: float = 0.0
    runner_up: str = ""
    runner_up_distance: float = 0.0


@dataclass(frozen=True, slots=True)
class Link:
    """The one payment that a refund takes back, and the rule that found it."""

    payment_id: str
    rule: str


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of one waiting receipt: what is certain, else why it waits and what is suggested, best first."""

    certain: Option | None
    waits: Waits
    options: tuple[Option, ...] = ()


class Matching:
    """The receipts of one customer that wait for open items, oldest first, against what is available of the items."""

    def __init__(self, state: State, receipts: Sequence[Entry]):
        self._items = state.items
        self._ruled_out = state.ruled_out
        self._narrowed = state.narrowed
        self._held = state.held
        self._available = available_minor(state)
        self._known = frozenset(normalised_invoice(item.invoice_number) or "" for item in state.items.values())
        self._receipts = tuple(receipts)
        self._named = {
            receipt.posting_reference: named_invoices(receipt.invoice_number, self._known) for receipt in receipts
        }

    def certain(self) -> tuple[tuple[Entry, Option], ...]:
        """What may be posted unseen: one receipt with its items, or several receipts of one item; () if nothing is.

        Ensures: the oldest receipt that fits alone comes first; nobody's choice among equals is made for him.
        """
        for receipt in self._receipts:
            option = self._alone(receipt).certain
            if option is not None:
                return ((receipt, option),)
        return next(self._together(), ())

    def found(self, receipt: Entry) -> Found:
        """Why a receipt waits, and what is suggested for it; asked once nothing is certain any more."""
        return self._alone(receipt)

    # -- one receipt -------------------------------------------------------------------------------------------------

    def _alone(self, receipt: Entry) -> Found:
        named = self._named[receipt.posting_reference]
        pool = self._pool(receipt, named)
        amount = Money(receipt.amount_minor, receipt.currency)
        waits = self._why(receipt, amount, named, pool)
        if not pool:
            return Found(None, waits)
        outcome = compare(
            tuple(item_line(item, self._available[item.abas_open_item_id]) for item in pool),
            (receipt_line(receipt, named),),
            policy(),
        )
        match = next(iter(outcome.matches), None)
        if match is None or (match.rule in policy().rules_for_named and not named):
            return Found(None, waits)
        best = self._option(receipt, match)
        equal = [item for item in pool if self._available[item.abas_open_item_id] == amount.minor]
        if _is_certain(receipt, match, named, self._numbers(match), len(equal)):
            if receipt.owner not in self._held:
                return Found(best, waits)
            waits = Waits(WaitingReason.RULED_OUT_BY_PERSON, self._left_to_a_person(receipt))
        others = islice(self._others(receipt, match, best), MOST_OPTIONS - 1)
        return Found(None, waits, (best, *others))

    def _left_to_a_person(self, receipt: Entry) -> str:
        out, given = (self._named_of(receipt, pairs) for pairs in (self._ruled_out, self._narrowed))
        if out:
            what = f"ruled out {out} for this payment"
        elif given:
            what = f"decided otherwise about {given}, one of several that this payment could pay"
        else:
            what = "took this payment back from the customer's account"
        return f"a person {what}; what fits besides is for a person to confirm"

    def _named_of(self, receipt: Entry, pairs: frozenset[tuple[str, str]]) -> str:
        items = sorted(item_id for owner, item_id in pairs if owner == receipt.owner and item_id in self._items)
        return ", ".join(f"{self._items[item_id].invoice_number} ({item_id})" for item_id in items)

    def _pool(self, receipt: Entry, named: frozenset[str]) -> list[OpenItemRecorded]:
        """The items that a receipt may be applied to, in order of their abas ids: those that it names, if it does.

        Without a name, items far larger than the receipt are left out: none of them can be part of it, and a new one
        then makes no question of an old receipt.
        """
        reach = REACH * receipt.amount_minor + REACH_MINOR
        return [
            item
            for item in self._open_to(receipt)
            if item.currency == receipt.currency
            and (number_of(item) in named if named else self._available[item.abas_open_item_id] <= reach)
        ]

    def _open_to(self, receipt: Entry) -> Iterator[OpenItemRecorded]:
        for item_id in sorted(self._available):
            if (receipt.owner, item_id) not in self._ruled_out:
                yield self._items[item_id]

    def _why(self, receipt: Entry, amount: Money, named: frozenset[str], pool: list[OpenItemRecorded]) -> Waits:
        equal = [item for item in pool if self._available[item.abas_open_item_id] == amount.minor]
        if len(equal) > 1:
            numbers = ", ".join(f"{item.invoice_number} ({item.abas_open_item_id})" for item in equal)
            return Waits(WaitingReason.SEVERAL_OPEN_ITEMS, f"{len(equal)} open items of exactly {amount}: {numbers}")
        foreign = self._in_another_currency(receipt, named, pool)
        if foreign:
            numbers = ", ".join(f"{item.invoice_number} in {item.currency}" for item in foreign)
            items = "open item" if len(foreign) == 1 else "open items"
            return Waits(WaitingReason.CURRENCY_DIFFERS, f"payment in {receipt.currency} ({amount}), {items} {numbers}")
        if not named:
            detail = f"no open item of exactly {amount}{self._nearest(amount, pool)}"
            return Waits(WaitingReason.NO_OPEN_ITEM, detail)
        numbers = ", ".join(sorted(named))
        invoices = f"invoice {numbers}" if len(named) == 1 else f"invoices {numbers}"
        verb = "has" if len(named) == 1 else "have"
        if pool:
            opens = ", ".join(str(Money(self._available[item.abas_open_item_id], item.currency)) for item in pool)
            detail = f"{invoices} {verb} {opens} open, the payment is {amount}"
            return Waits(WaitingReason.AMOUNT_DIFFERS, detail)
        if any(number_of(self._items[item_id]) in named for item_id in self._available):
            return Waits(WaitingReason.NO_OPEN_ITEM, f"{invoices}: ruled out for this payment by a person")
        return Waits(WaitingReason.NO_OPEN_ITEM, f"{invoices} {verb} no open item left")

    def _in_another_currency(
        self, receipt: Entry, named: frozenset[str], pool: Sequence[OpenItemRecorded]
    ) -> list[OpenItemRecorded]:
        """Open items that keep a receipt waiting by their currency: those that it names, else those of its amount.

        A payment that names nothing and could pay an item of its own currency is no question of currencies.
        """
        others = [item for item in self._open_to(receipt) if item.currency != receipt.currency]
        if named:
            return [item for item in others if number_of(item) in named - {number_of(one) for one in pool}]
        if any(item.currency == receipt.currency for item in self._open_to(receipt)):
            return [item for item in others if self._available[item.abas_open_item_id] == receipt.amount_minor]
        return others[:MOST_OPTIONS]

    def _nearest(self, amount: Money, pool: list[OpenItemRecorded]) -> str:
        near = [
            (abs(self._available[item.abas_open_item_id] - amount.minor), item.abas_open_item_id)
            for item in pool
            if NEAR * abs(self._available[item.abas_open_item_id] - amount.minor) <= amount.minor
        ]
        if not near:
            return ""
        item = self._items[min(near)[1]]
        open_amount = Money(self._available[item.abas_open_item_id], item.currency)
        return f"; nearest is invoice {item.invoice_number} with {open_amount} open"

    # -- several receipts of one item ---------------------------------------------------------------------------------

    def _together(self) -> Iterator[tuple[tuple[Entry, Option], ...]]:
        """Receipts that name one invoice and no other, and together pay what is open of it."""
        by_item: dict[str, list[Entry]] = {}
        for receipt in self._receipts:
            named = self._named[receipt.posting_reference]
            # Held receipts too: that a person took one out of a question does not answer it for the others.
            open_items = [
                item_id
                for item_id in sorted(self._available)
                if self._items[item_id].currency == receipt.currency and number_of(self._items[item_id]) in named
            ]
            if len(named) == 1 and len(open_items) == 1:
                by_item.setdefault(open_items[0], []).append(receipt)
        for item_id, receipts in sorted(by_item.items()):
            if len(receipts) < 2:
                continue
            item, several = self._items[item_id], receipts[:MOST_TOGETHER]
            outcome = compare(
                (item_line(item, self._available[item_id]),),
                tuple(receipt_line(receipt, self._named[receipt.posting_reference]) for receipt in several),
                policy(),
            )
            yield from self._joint(item, several, outcome)

    def _joint(
        self, item: OpenItemRecorded, receipts: list[Entry], outcome: Outcome
    ) -> Iterator[tuple[tuple[Entry, Option], ...]]:
        for match in outcome.matches:
            if len(match.right_ids) < 2 or match.difference_minor or match.margin < CLEARLY_BETTER:
                continue
            together = [receipt for receipt in receipts if receipt.posting_reference in match.right_ids]
            if any(receipt.owner in self._held for receipt in together):
                continue
            yield tuple((receipt, self._share(item, receipt, together, match)) for receipt in together)

    def _share(self, item: OpenItemRecorded, receipt: Entry, together: Sequence[Entry], match: Match) -> Option:
        said = evidence(receipt, (item.abas_open_item_id,), self._items, self._available, together)
        part = Part(item, receipt.amount_minor)
        return Option((part,), match.rule, said.agrees, said.differs, "", match.score, match.margin)

    # -- from the engine's words to ours ------------------------------------------------------------------------------

    def _numbers(self, match: Match) -> frozenset[str]:
        return frozenset(number_of(self._items[item_id]) for item_id in match.left_ids)

    def _option(self, receipt: Entry, match: Match) -> Option:
        amounts = {left: minor for left, _, minor in match.parts}
        parts = self._parts(receipt, [(item_id, amounts[item_id]) for item_id in match.left_ids])
        said = evidence(receipt, match.left_ids, self._items, self._available)
        runner_up = match.runner_up
        rivals = () if runner_up is None else runner_up.left_ids
        return Option(
            parts=parts,
            rule=match.rule,
            agrees=said.agrees,
            differs=said.differs,
            kind=match.kind,
            score=match.score,
            margin=match.margin,
            runner_up=", ".join(self._items[item_id].invoice_number for item_id in rivals),
            runner_up_distance=0.0 if runner_up is None else runner_up.distance,
        )

    def _parts(self, receipt: Entry, amounts: Sequence[tuple[str, int]]) -> tuple[Part, ...]:
        """No item gets more than it has open, and all together no more than there is."""
        left, parts = receipt.amount_minor, []
        for item_id, minor in amounts:
            part = min(minor, self._available[item_id], left)
            if part > 0:
                parts.append(Part(self._items[item_id], part))
                left -= part
        return tuple(parts)

    def _others(self, receipt: Entry, match: Match, best: Option) -> Iterator[Option]:
        """The answers that the engine weighed beside the best one."""
        scores: dict[tuple[str, ...], float] = {}
        if match.runner_up is not None:
            scores[match.runner_up.left_ids] = match.score - match.runner_up.distance
        for left, _ in match.candidates:
            scores.setdefault((left,), 0.0)
        for item_ids, score in scores.items():
            parts = self._parts(receipt, [(item_id, self._available[item_id]) for item_id in item_ids])
            said = evidence(receipt, item_ids, self._items, self._available)
            yield Option(parts, best.rule, said.agrees, said.differs, self._kind(receipt, item_ids, match), score)

    def _kind(self, receipt: Entry, item_ids: Sequence[str], match: Match) -> str:
        """How these items differ from the receipt in amount, in the words of the rule that found the best answer."""
        opens = sum(self._available[item_id] for item_id in item_ids)
        if match.kind == "transposed" and transposed(opens, receipt.amount_minor):
            return match.kind
        return difference_kind("near", opens - receipt.amount_minor, opens)


def _is_certain(receipt: Entry, match: Match, named: frozenset[str], numbers: frozenset[str], equal_count: int) -> bool:
    """Whether an answer for one receipt may be posted unseen."""
    if match.difference_minor or len(match.right_ids) != 1 or (named and numbers != named):
        return False
    if len(match.left_ids) == 1:
        return equal_count == 1
    if named:
        return match.margin >= CLEARLY_BETTER
    return match.status is Status.CONFIRMED and not (receipt.invoice_number or "").strip()


def match_refund(refund: Entry, state: State) -> Link | Waits:
    """The payment that a refund takes back; PayTrace gives no link.

    Ensures: a payment never gives back more than is left of it. With an invoice, the one payment that names it too;
             without, the one payment of which exactly this amount is left.
    """
    named, amount = normalised_invoice(refund.invoice_number), Money(refund.amount_minor, refund.currency)
    left, possible, foreign = remaining_minor(state), [], []
    for payment in state.entries.values():
        first = payment.kind is EntryKind.CAPTURE and payment.posting_reference == f"PT{payment.transaction_id}"
        if not first:
            continue
        if payment.currency != refund.currency:
            if named is not None and normalised_invoice(payment.invoice_number) == named:
                foreign.append(f"{payment.transaction_id} in {payment.currency}")
            continue
        payment_left = left[payment.transaction_id]
        if named is None:
            fits = payment_left == refund.amount_minor
        else:
            fits = normalised_invoice(payment.invoice_number) == named and payment_left >= refund.amount_minor
        if fits:
            possible.append(payment.transaction_id)
    if len(possible) == 1:
        return Link(possible[0], "same-amount" if named is None else "same-invoice")
    criterion = f"exactly {amount} left" if named is None else f"invoice {named} and {amount} left"
    count = ", ".join(possible) or "no payment"
    if foreign and not possible:
        count = f"no payment in {refund.currency}, but {', '.join(foreign)}"
    return Waits(WaitingReason.REFUND_WITHOUT_PAYMENT, f"with {criterion}: {count}")
