"""Which open items does a receipt clear, and which payment does a refund reverse?

For whoever posts money: the matching engine looks for answers, and this module says which of them are certain enough to
be posted unseen. Certain is, to the cent: the one item of this amount, among those that the payment names if it names
any; all the invoices that it names together; the only sum of this customer's items, if it names nothing; and payments
that name one invoice and together pay it. Everything else is a suggestion or waits with the reason. A payment of which
a person has rejected or unmatched anything is held: a no is never a yes to what is left, so none of it is posted
unseen. Neither is a yes to another payment: where a person gave one of several suggested items away, the question
stays.

Evidence says what agrees and what differs. A line that is published is true whatever rule or person asked for it.

The engine learns from large books how distinctive a word or an amount is; one customer's few lines teach it nothing, so
it is given the policy's model. That is frozen: a line more changes no earlier answer, and a replay gives the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from reconcile.engine import engine
from reconcile.engine.differences import difference_kind, transposed
from reconcile.engine.lines import Line, Orientation, Side
from reconcile.engine.results import Match, Outcome, Status
from schemas.records.identification import WaitingReason
from schemas.records.receivables import OpenItemRecorded
from schemas.values.money import Money
from schemas.values.references import normalised_invoice
from schemas.values.replacing import replace
from streams.domain.receivables.account import Entry, EntryKind, State, number_of
from streams.domain.receivables.policy import Policy

BY_WORTH = "worth-in-base"
BY_REQUEST = "by-payment-request"
MOST_OPTIONS = 5
MOST_TOGETHER = 12  # receipts that are looked at as payments of one invoice; the oldest count
CLEARLY_BETTER = 1.0  # than any other answer, natural log of the odds; a tie has 0
REACH, REACH_MINOR = 2, 500  # a slip of the keys rarely doubles an amount, and no tolerance goes beyond 5.00
MOST_ADDED_UP = 14  # items of which every sum is looked at, 2^14 of them; with more, nothing is said of other sums
NEAR = 4  # the nearest item is reported if it differs by at most a quarter of the payment
# All lines of one run are of one customer; the engine wants to see that as a name that both sides bear.
_THE_CUSTOMER = "thiscustomer"
_SEPARATORS = re.compile(r"[\s,;+&/|]+")


@dataclass(frozen=True, slots=True)
class Waits:
    """No answer, and why."""

    reason: WaitingReason
    detail: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one open item gets of a receipt.

    Units: amount_minor is minor units of the receipt's currency; item_minor those of the item's, where that is another.
    """

    item: OpenItemRecorded
    amount_minor: int
    item_minor: int | None = None


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
    """The one payment that a refund reverses, and the rule that found it."""

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

    def __init__(self, state: State, policy: Policy, receipts: Sequence[Entry]):
        self._state = state
        self._policy = policy
        self._items = state.items
        self._available = state.available
        self.receipts = tuple(receipts)
        self._named = {
            receipt.posting_reference: named_invoices(receipt.invoice_number, state.invoice_numbers)
            for receipt in receipts
        }

    def certain(self, but_for: AbstractSet[str] = frozenset()) -> tuple[tuple[Entry, Option], ...]:
        """Find what may be posted unseen: one receipt with its items, or several receipts of one item; () if nothing.

        but_for are posting references that are not looked for; they count in what is tied all the same.

        Ensures: the oldest receipt that fits alone comes first; nobody's choice among equals is made for him.
        """
        for receipt in self.receipts:
            option = None if receipt.posting_reference in but_for else self.found(receipt).certain
            if option is not None:
                return ((receipt, option),)
        together = (
            found for found in self._together() if not any(one.posting_reference in but_for for one, _ in found)
        )
        return next(together, ())

    # -- one receipt -------------------------------------------------------------------------------------------------

    def found(self, receipt: Entry) -> Found:
        """Say what is certain of a receipt alone, or why it waits and what is suggested for it."""
        asked = self._asked_for(receipt)
        if asked is not None:
            return asked
        named = self._named[receipt.posting_reference]
        worth = self._worth(receipt, named)
        if worth is not None:
            return worth
        pool = self._pool(receipt, named)
        equal = [item for item in pool if self._left(item) == receipt.amount_minor]
        waits = self._why(receipt, named, pool, equal)
        if not pool:
            return Found(None, waits)
        outcome = self._compare(pool, (receipt,))
        match = next(iter(outcome.matches), None)
        if match is None or (match.rule in self._policy.rules_for_named and not named):
            return Found(None, waits)
        best = self._option(receipt, match)
        numbers = frozenset(number_of(self._items[item_id]) for item_id in match.left_ids)
        if _is_certain(receipt, match, named, numbers, len(equal)):
            if receipt.owner not in self._state.held:
                return Found(best, waits)
            waits = Waits(WaitingReason.RULED_OUT_BY_PERSON, self._left_to_a_person(receipt))
        others = islice(self._others(receipt, match, best), MOST_OPTIONS - 1)
        return Found(None, waits, (best, *others))

    def _worth(self, receipt: Entry, named: frozenset[str]) -> Found | None:
        """Say that money pays the one item that it names, in the currency of the books; None where it does not.

        It pays the item in whole if what is left of the item is, at the rate of the money, just that money: the two
        differ by less than the rounding of both.
        """
        items = [item for item in self._open_to(receipt) if number_of(item) in named]
        if len(named) != 1 or len(items) != 1 or receipt.base_minor is None:
            return None
        item, value, minor = items[0], receipt.base_minor, receipt.amount_minor
        left = self._left(item)
        if not is_converted(receipt, item) or on_item(minor, value, left) != left:
            return None
        shown = f"{Money(minor, receipt.currency)} is worth {Money(value, item.currency)}"
        said = (f"names invoice {item.invoice_number}", f"{shown}, open is {Money(left, item.currency)}")
        option = Option((Part(item, minor, left),), BY_WORTH, said)
        if receipt.owner not in self._state.held:
            return Found(option, Waits(WaitingReason.CURRENCY_DIFFERS, shown))
        return Found(None, Waits(WaitingReason.RULED_OUT_BY_PERSON, self._left_to_a_person(receipt)), (option,))

    def _asked_for(self, receipt: Entry) -> Found | None:
        """Say what a charge pays that people at abas asked for; None where nobody laid down what this money is for.

        Ensures: the parts are those that were asked for, to the cent; where an invoice has less open by now, or other
                 money came than was asked for, all of it waits for a person.
        """
        asked = self._state.allocations.get(receipt.invoice_number or "")
        if asked is None or receipt.posting_reference != f"PT{receipt.transaction_id}":
            return None
        parts: list[Part] = []
        short: list[str] = []
        for number, minor in zip(asked.invoice_numbers, asked.part_amounts, strict=True):
            found = self._spread(receipt, number, minor)
            parts += found
            if (paid := sum(part.amount_minor for part in found)) < minor:
                amounts = f"{Money(minor, asked.currency)} and has {Money(paid, asked.currency)}"
                short.append(f"invoice {number} is to get {amounts} open")
        if (total := sum(asked.part_amounts)) != receipt.amount_minor:
            short.append(
                f"{Money(total, asked.currency)} was asked for, {Money(receipt.amount_minor, receipt.currency)} came"
            )
        request = f"payment request {asked.payment_request_id}"
        if short:
            return Found(None, Waits(WaitingReason.AMOUNT_DIFFERS, f"{request}: {'; '.join(short)}"))
        said = tuple(
            f"{request}: {Money(part.amount_minor, asked.currency)} of {part.item.invoice_number}" for part in parts
        )
        option = Option(tuple(parts), BY_REQUEST, said)
        if receipt.owner not in self._state.held:
            return Found(option, Waits(WaitingReason.NO_OPEN_ITEM, request))
        return Found(None, Waits(WaitingReason.RULED_OUT_BY_PERSON, self._left_to_a_person(receipt)), (option,))

    def _spread(self, receipt: Entry, number: str, minor: int) -> list[Part]:
        """Spread an amount over the open items of an invoice, in order of their due dates; less where less is open."""
        named, left, parts = normalised_invoice(number), minor, list[Part]()
        items = [one for one in self._open_to(receipt) if number_of(one) == named and one.currency == receipt.currency]
        for item in sorted(items, key=lambda one: (one.due_on or one.occurred_at.date(), one.abas_open_item_id)):
            share = min(left, self._left(item))
            if share > 0:
                parts.append(Part(item, share))
                left -= share
        return parts

    def _compare(self, items: Sequence[OpenItemRecorded], receipts: Sequence[Entry]) -> Outcome:
        rights = (_receipt_line(receipt, self._named[receipt.posting_reference]) for receipt in receipts)
        return _compare(tuple(_item_line(item, self._left(item)) for item in items), tuple(rights), self._policy)

    def _left(self, item: OpenItemRecorded) -> int:
        return self._available[item.abas_open_item_id]

    def _left_to_a_person(self, receipt: Entry) -> str:
        out, given = (self._named_of(receipt, pairs) for pairs in (self._state.ruled_out, self._state.narrowed))
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
        """List the items that a receipt may be applied to, in order of their abas ids: those that it names, if it does.

        Without a name, items far larger than the receipt are left out: none of them can be part of it, and a new one
        then makes no question of an old receipt.
        """
        reach = REACH * receipt.amount_minor + REACH_MINOR
        return [
            item
            for item in self._open_to(receipt)
            if item.currency == receipt.currency and (number_of(item) in named if named else self._left(item) <= reach)
        ]

    def _open_to(self, receipt: Entry) -> list[OpenItemRecorded]:
        ruled_out = self._state.ruled_out
        return [self._items[one] for one in sorted(self._available) if (receipt.owner, one) not in ruled_out]

    def _why(
        self, receipt: Entry, named: frozenset[str], pool: list[OpenItemRecorded], equal: list[OpenItemRecorded]
    ) -> Waits:
        amount = Money(receipt.amount_minor, receipt.currency)
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
        invoices, verb = (f"invoice {numbers}", "has") if len(named) == 1 else (f"invoices {numbers}", "have")
        if pool:
            opens = ", ".join(str(Money(self._left(item), item.currency)) for item in pool)
            detail = f"{invoices} {verb} {opens} open, the payment is {amount}"
            return Waits(WaitingReason.AMOUNT_DIFFERS, detail)
        if any(number_of(self._items[item_id]) in named for item_id in self._available):
            return Waits(WaitingReason.NO_OPEN_ITEM, f"{invoices}: ruled out for this payment by a person")
        return Waits(WaitingReason.NO_OPEN_ITEM, f"{invoices} {verb} no open item left")

    def _in_another_currency(
        self, receipt: Entry, named: frozenset[str], pool: Sequence[OpenItemRecorded]
    ) -> list[OpenItemRecorded]:
        """List items that keep a receipt waiting by their currency: those that it names, else those of its amount.

        A payment that names nothing and could pay an item of its own currency is no question of currencies.
        """
        open_to = self._open_to(receipt)
        others = [item for item in open_to if item.currency != receipt.currency]
        if named:
            return [item for item in others if number_of(item) in named - {number_of(one) for one in pool}]
        if len(others) < len(open_to):
            return [item for item in others if self._left(item) == receipt.amount_minor]
        return others[:MOST_OPTIONS]

    def _nearest(self, amount: Money, pool: list[OpenItemRecorded]) -> str:
        apart = {item.abas_open_item_id: abs(self._left(item) - amount.minor) for item in pool}
        near = [(minor, item_id) for item_id, minor in apart.items() if NEAR * minor <= amount.minor]
        if not near:
            return ""
        item = self._items[min(near)[1]]
        return f"; nearest is invoice {item.invoice_number} with {Money(self._left(item), item.currency)} open"

    # -- several receipts of one item ---------------------------------------------------------------------------------

    def _together(self) -> Iterator[tuple[tuple[Entry, Option], ...]]:
        """Find receipts that name one invoice and no other, and together pay what is open of it."""
        by_item: dict[str, list[Entry]] = {}
        for receipt in self.receipts:
            named = self._named[receipt.posting_reference]
            # Held receipts too: that a person took one out of a question does not answer it for the others.
            open_items = [
                item_id
                for item_id in self._available
                if self._items[item_id].currency == receipt.currency and number_of(self._items[item_id]) in named
            ]
            if len(named) == 1 and len(open_items) == 1:
                by_item.setdefault(open_items[0], []).append(receipt)
        for item_id, receipts in sorted(by_item.items()):
            if len(receipts) > 1:
                yield from self._joint(self._items[item_id], receipts[:MOST_TOGETHER])

    def _joint(self, item: OpenItemRecorded, receipts: list[Entry]) -> Iterator[tuple[tuple[Entry, Option], ...]]:
        for match in self._compare((item,), receipts).matches:
            if len(match.right_ids) < 2 or match.difference_minor or match.margin < CLEARLY_BETTER:
                continue
            together = [receipt for receipt in receipts if receipt.posting_reference in match.right_ids]
            if not any(receipt.owner in self._state.held for receipt in together):
                yield tuple((receipt, self._share(item, receipt, together, match)) for receipt in together)

    def _share(self, item: OpenItemRecorded, receipt: Entry, together: Sequence[Entry], match: Match) -> Option:
        said = evidence(self._state, receipt, (item.abas_open_item_id,), together)
        part = Part(item, receipt.amount_minor)
        return Option((part,), match.rule, said.agrees, said.differs, "", match.score, match.margin)

    # -- from the engine's words to ours ------------------------------------------------------------------------------

    def _option(self, receipt: Entry, match: Match) -> Option:
        amounts = {left: minor for left, _, minor in match.parts}
        said = evidence(self._state, receipt, match.left_ids)
        runner_up = match.runner_up
        rivals = () if runner_up is None else runner_up.left_ids
        return Option(
            parts=self._parts(receipt, [(item_id, amounts[item_id]) for item_id in match.left_ids]),
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
        """Share a receipt out: no item gets more than it has open, and all together no more than there is."""
        left, parts = receipt.amount_minor, []
        for item_id, minor in amounts:
            part = min(minor, self._available[item_id], left)
            if part > 0:
                parts.append(Part(self._items[item_id], part))
                left -= part
        return tuple(parts)

    def _others(self, receipt: Entry, match: Match, best: Option) -> Iterator[Option]:
        """Yield the answers that the engine weighed beside the best one."""
        scores: dict[tuple[str, ...], float] = {}
        if match.runner_up is not None:
            scores[match.runner_up.left_ids] = match.score - match.runner_up.distance
        for left, _ in match.candidates:
            scores.setdefault((left,), 0.0)
        for item_ids, score in scores.items():
            parts = self._parts(receipt, [(item_id, self._available[item_id]) for item_id in item_ids])
            said = evidence(self._state, receipt, item_ids)
            yield Option(parts, best.rule, said.agrees, said.differs, self._kind(receipt, item_ids, match), score)

    def _kind(self, receipt: Entry, item_ids: Sequence[str], match: Match) -> str:
        """Say how these items differ from the receipt in amount, in words of the rule that found the best answer."""
        opens = sum(self._available[item_id] for item_id in item_ids)
        if match.kind == "transposed" and transposed(opens, receipt.amount_minor):
            return match.kind
        return difference_kind("near", opens - receipt.amount_minor, opens)


def is_converted(receipt: Entry, item: OpenItemRecorded) -> bool:
    """Return whether money is valued in the currency of an item, which is not its own."""
    return item.currency != receipt.currency and item.currency == receipt.base_currency


def on_item(minor: int, value: int, left: int) -> int:
    """Return what money clears of an item in the currency of the books: its value, or all that is left of the item.

    Units:   minor is that of the money, value and left are minor units of the currency of the books.
    Ensures: it is all that is left only where the two differ by no more than half a minor unit of each, at the rate of
             the money; so a rest that is nothing but rounding leaves no item open.
    """
    return left if 2 * minor * abs(left - value) <= value + minor else value


def parts_of(receipt: Entry, state: State, shares: Iterable[tuple[str, int]]) -> list[Part]:
    """Return the parts that a person names, by item and minor units of the receipt, one after the other.

    Shapes: what goes to the account has the item ''; it takes its share of the value and makes no part.
    """
    parts, before = [], 0
    for item_id, minor in shares:
        value, before = receipt.value_of(before, before + minor), before + minor
        item = state.items.get(item_id)
        if item is not None and value is not None and is_converted(receipt, item):
            parts.append(Part(item, minor, on_item(minor, value, state.available.get(item_id, 0))))
        elif item is not None:
            parts.append(Part(item, minor))
    return parts


def _is_certain(receipt: Entry, match: Match, named: frozenset[str], numbers: frozenset[str], equal_count: int) -> bool:
    """Say whether an answer for one receipt may be posted unseen."""
    if match.difference_minor or len(match.right_ids) != 1 or (named and numbers != named):
        return False
    if len(match.left_ids) == 1:
        return equal_count == 1
    if named:
        return match.margin >= CLEARLY_BETTER
    return match.status is Status.CONFIRMED and not (receipt.invoice_number or "").strip()


# -- refunds -----------------------------------------------------------------------------------------------------------


def match_refund(refund: Entry, state: State) -> Link | Waits:
    """Find the payment that a refund reverses; PayTrace gives no link.

    Ensures: a payment never gives back more than is left of it. With an invoice, the one payment that names it too;
             without, and never of another card, the one payment of which exactly this amount is left, or the only one
             of the same card. Where several fit, those of the same card go first.
    """
    named, amount = normalised_invoice(refund.invoice_number), Money(refund.amount_minor, refund.currency)
    fitting: dict[str, int] = {}
    of_card, foreign = set(), []
    for payment in state.entries.values():
        if payment.kind is not EntryKind.CAPTURE or payment.posting_reference != f"PT{payment.transaction_id}":
            continue
        is_named = named is not None and normalised_invoice(payment.invoice_number) == named
        left = state.left_of_payment(payment.transaction_id)
        is_same_card = refund.card_token is not None and refund.card_token == payment.card_token
        is_other_card = not is_same_card and None not in (refund.card_token, payment.card_token)
        if payment.currency != refund.currency:
            foreign += [f"{payment.transaction_id} in {payment.currency}"] if is_named else []
        elif left >= refund.amount_minor and (is_named or (named is None and not is_other_card)):
            fitting[payment.transaction_id] = left
            of_card |= {payment.transaction_id} if is_same_card else set()
    by_card = {payment: left for payment, left in fitting.items() if payment in of_card}
    pool = by_card or fitting
    exact = [payment for payment, left in pool.items() if left == refund.amount_minor]
    possible = exact if named is None and (exact or not by_card) else list(pool)
    if len(possible) == 1:
        rule = "same-invoice" if named is not None else "same-amount" if exact else "same-card"
        return Link(possible[0], f"{rule}-and-card" if by_card and rule != "same-card" else rule)
    criterion = f"exactly {amount} left" if named is None and not by_card else f"{amount} left"
    criterion = f"invoice {named} and {criterion}" if named is not None else criterion
    criterion += " of the same card" if by_card else ""
    count = ", ".join(possible) or "no payment"
    if foreign and not possible:
        count = f"no payment in {refund.currency}, but {', '.join(foreign)}"
    return Waits(WaitingReason.REFUND_WITHOUT_PAYMENT, f"with {criterion}: {count}")


# -- evidence ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against that a payment pays these open items, line by line."""

    agrees: tuple[str, ...]
    differs: tuple[str, ...]


def named_invoices(text: str | None, known: Iterable[str]) -> frozenset[str]:
    """Return the customer's invoices that a payment names, normalised: its whole text, else the words of it.

    Shapes: known are normalised numbers of all the customer's items, open or not.
    """
    whole, numbers = normalised_invoice(text), frozenset(known)
    if whole is None:
        return frozenset()
    return frozenset({whole} if whole in numbers else _SEPARATORS.split(whole)) & numbers


def evidence(state: State, receipt: Entry, chosen: Sequence[str], together: Sequence[Entry] = ()) -> Evidence:
    """Look at a receipt and at open items, and say what agrees and what differs.

    Each line is looked up in the two sides, never carried over from the way in which an answer was found.

    Shapes:  chosen are ids of items of this customer; together are the receipts that pay them jointly, this one among
             them, or none.
    Ensures: the same two sides give the same lines; an item of which nothing is known to be open has no line about
             amounts.
    """
    items, available = [state.items[item_id] for item_id in chosen], state.available
    named = named_invoices(receipt.invoice_number, state.invoice_numbers)
    agrees, differs = _names(receipt, {number_of(item) for item in items} - {""}, named)
    foreign = [item for item in items if item.currency != receipt.currency]
    if foreign:
        differs += [
            f"the payment is in {receipt.currency}, invoice {item.invoice_number} in {item.currency}"
            for item in foreign
        ]
    elif chosen and all(item_id in available for item_id in chosen):
        paid = sum(one.amount_minor for one in together or (receipt,))
        opens = sum(available[item_id] for item_id in chosen)
        amount = Money(opens, receipt.currency)
        if opens == paid:
            agrees.append(f"open amount {amount}" if len(chosen) == 1 else f"sum of {len(chosen)} open items {amount}")
            if together:
                agrees.append(f"paid together by {', '.join(one.posting_reference for one in together)}")
            elif not named:  # of a payment that names its invoice nobody asks whether others fit
                agrees += _only(state, receipt, len(chosen))
        else:
            apart = Money(abs(opens - paid), receipt.currency)
            differs.append(f"pays {apart} {'less' if opens > paid else 'more'} than the {amount} open")
    return Evidence(tuple(agrees), tuple(differs))


def _names(receipt: Entry, numbers: set[str], named: frozenset[str]) -> tuple[list[str], list[str]]:
    """Say what the payment's own text says of these invoices."""
    agrees = [f"invoice {number}" for number in sorted(named & numbers)]
    differs = [f"names invoice {number} too" for number in sorted(named - numbers)]
    if named:
        differs += [f"does not name invoice {number}" for number in sorted(numbers - named)]
    written = (receipt.invoice_number or "").strip()
    if written and not named:
        differs.append(f"names {written}, which is no invoice of this customer")
    return agrees, differs


def _only(state: State, receipt: Entry, count: int) -> list[str]:
    """Say whether nothing else adds up as well."""
    amounts = [minor for item, minor in state.available.items() if state.items[item].currency == receipt.currency]
    if count == 1:
        return ["the only open item of this amount"] if amounts.count(receipt.amount_minor) == 1 else []
    parts = [minor for minor in amounts if minor <= receipt.amount_minor]
    is_only = len(parts) <= MOST_ADDED_UP and _ways(parts, receipt.amount_minor) == 1
    return ["the only such sum"] if is_only else []


def _ways(amounts: Sequence[int], total: int) -> int:
    """Count in how many ways some of these amounts add up to the total."""
    ways = {0: 1}
    for minor in amounts:
        longer = {sofar + minor: count for sofar, count in ways.items() if sofar + minor <= total}
        ways = {sofar: ways.get(sofar, 0) + longer.get(sofar, 0) for sofar in {*ways, *longer}}
    return ways.get(total, 0)


# -- lines of the engine, and what it knows beforehand -----------------------------------------------------------------


def _item_line(item: OpenItemRecorded, available: int) -> Line:
    reference, name = (number_of(item),), _THE_CUSTOMER
    return Line(item.abas_open_item_id, Side.LEFT, available, item.currency, counterparty=name, references=reference)


def _receipt_line(receipt: Entry, named: frozenset[str]) -> Line:
    minor, name, references = receipt.amount_minor, _THE_CUSTOMER, tuple(sorted(named))
    return Line(
        receipt.posting_reference, Side.RIGHT, minor, receipt.currency, counterparty=name, references=references
    )


@lru_cache(maxsize=512)
def _compare(items: tuple[Line, ...], receipts: tuple[Line, ...], policy: Policy) -> Outcome:
    """Ask the engine about lines of one customer and one currency; its answer for equal lines is remembered."""
    # A copy, because the model notes each new word and would grow with every invoice of a long life.
    fresh = replace(policy.model, _weights={}, _alike={})
    learned = engine.Learned(Orientation.SAME, ids_count=False, models={receipts[0].currency: fresh})
    return engine.match(items, receipts, policy.rules, learned)
