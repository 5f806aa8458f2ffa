"""Cash application: which invoices a payment pays, from the remittance advice, its own text, or its amount.

Decides for receivables how much of each payment goes to which invoice. Protects the customer's account: an invoice is
never paid twice, money without a sure home stays on account, and an invoice number that contradicts payer and amount
is a suggestion at best.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import TypeVar

from rapidfuzz.distance import OSA

from reconcile.engine.lines import Line
from reconcile.engine.parameters import PARAMETERS, Parameters
from reconcile.engine.parties import Fit, Parties, party_fit
from reconcile.engine.results import Status
from reconcile.engine.subset import subset_sums
from reconcile.engine.text import JOINT, squashed, with_years_joined, words
from schemas.values.replacing import replace

_NUMBER = re.compile(rf"(?<![A-Za-z])[A-Za-z]{{0,10}}[-_ /#.]{{0,2}}\d[\dA-Za-z{JOINT}]*(?:[-_.]\d[\dA-Za-z{JOINT}]*)*")
_RANGE = re.compile(
    r"(?i)(\d{2,12})\s*(?:-|\u2013|to|bis|thru|through|until|\.\.)\s*[A-Za-z]{0,5}[-# ]{0,2}(\d{1,12})(?!\d)"
)
_YEAR = re.compile(r"20[0-4]\d")
_Key = TypeVar("_Key", str, int)
_LOOKALIKES = str.maketrans({"o": "0", "q": "0", "d": "0", "i": "1", "l": "1", "s": "5", "b": "8", "z": "2", "g": "6"})


@dataclass(frozen=True, slots=True)
class Advice:
    """One line of a remittance advice. Units: amount_minor in the payment's currency; None if the payer gave none."""

    payment_id: str
    invoice_as_written: str
    amount_minor: int | None
    memo: str = ""


@dataclass(frozen=True, slots=True)
class Application:
    """A part of a payment that pays a part of an invoice."""

    payment_id: str
    invoice_id: str
    amount_minor: int
    status: Status
    rule: str
    score: float
    margin: float
    agrees: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OnAccount:
    """What is left of a payment, and why."""

    payment_id: str
    amount_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class Applied:
    """The answer.

    Ensures: for each payment its applications + its on-account rest = its amount; no invoice is paid beyond its amount;
             open_minor holds what each invoice still asks for.
    """

    applications: tuple[Application, ...]
    on_account: tuple[OnAccount, ...]
    open_minor: Mapping[str, int]
    unread: tuple[Advice, ...]


@dataclass(slots=True)
class _InvoiceLookup:
    parameters: Parameters
    invoices: dict[str, Line]
    open: dict[str, int]
    by_squash: dict[str, list[str]] = field(default_factory=dict)
    by_core: dict[str, list[str]] = field(default_factory=dict)
    by_quoted: dict[str, list[str]] = field(default_factory=dict)
    by_amount: dict[int, list[str]] = field(default_factory=dict)
    by_customer: dict[str, list[str]] = field(default_factory=dict)
    prefixes: frozenset[str] = frozenset()
    near_cores: dict[str, set[str]] = field(default_factory=dict)
    parties: Parties = field(default_factory=lambda: Parties(()))
    paid_by: dict[str, str] = field(default_factory=dict)
    found: list[Application] = field(default_factory=list)
    rest: list[OnAccount] = field(default_factory=list)
    unread: list[Advice] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Scored:
    invoice_id: str
    score: float
    rule: str
    agrees: tuple[str, ...]
    differs: tuple[str, ...]


def apply_payments(
    invoices: Sequence[Line],
    payments: Sequence[Line],
    advices: Sequence[Advice],
    parameters: Parameters = PARAMETERS,
) -> Applied:
    """Spread payments over invoices.

    Shapes:  any order; ids unique; credit notes are negative invoices, refunds negative payments.
    Units:   minor units; invoices and payments in the same sign (a payment of 100 pays an invoice of 100).
    Ensures: see Applied; payments count in order of date, then id, so of two that pay one invoice the earlier one does.
    """
    lookup = _lookup_of(invoices, parameters)
    by_payment: dict[str, list[Advice]] = {}
    known = {payment.id for payment in payments}
    for advice in advices:
        if advice.payment_id in known:
            by_payment.setdefault(advice.payment_id, []).append(advice)
        else:
            lookup.unread.append(advice)
    ordered = sorted(payments, key=lambda one: (one.day or 0, one.id))
    for payment in (one for one in ordered if one.id in by_payment):
        _by_advice(lookup, payment, by_payment[payment.id])
    for payment in (one for one in ordered if one.id not in by_payment):
        _without_advice(lookup, payment)
    return Applied(tuple(lookup.found), tuple(lookup.rest), dict(lookup.open), tuple(lookup.unread))


def _lookup_of(invoices: Sequence[Line], parameters: Parameters) -> _InvoiceLookup:
    lookup = _InvoiceLookup(
        parameters, {line.id: line for line in invoices}, {line.id: line.amount_minor for line in invoices}
    )
    for line in invoices:
        for written in (line.id, *line.references):
            _add(lookup.by_squash, _plain_number(written), line.id)
            core = _core(written)
            if core:
                _add(lookup.by_core, core, line.id)
                _add(lookup.by_core, core.rpartition("/")[2], line.id)  # some payers leave the year out
                for shape in _one_off(core):
                    lookup.near_cores.setdefault(shape, set()).add(core)
        for word in words(line.text):
            if not word.isalpha() and len(word) >= 4:
                _add(lookup.by_quoted, word, line.id)
        _add(lookup.by_amount, line.amount_minor, line.id)
        if line.counterparty:
            _add(lookup.by_customer, line.counterparty, line.id)
    lookup.parties = Parties(lookup.by_customer)
    lookup.prefixes = frozenset(_letters(line.id) for line in invoices)
    return lookup


def _add(index: dict[_Key, list[str]], key: _Key, value: str) -> None:
    values = index.setdefault(key, [])
    if value not in values:
        values.append(value)


# -- numbers as payers write them -------------------------------------------------------------------------------------


def _plain_number(written: str) -> str:
    return squashed(written)


def _core(written: str) -> str:
    """Return the digits that tell an invoice: the longest run without leading zeros, or a year and the number in it."""
    joined = with_years_joined(written)
    if JOINT in joined:
        return next(f"{one[:4]}/{one[5:].lstrip('0')}" for one in re.findall(rf"\d{{4}}{JOINT}\d+", joined))
    runs = re.findall(r"\d+", joined)
    year = next((run for run in runs if _YEAR.fullmatch(run)), "")
    others = [run for run in runs if run != year]
    if year and others:  # "2026-RE-0012"
        return f"{year}/{max(others, key=len).lstrip('0')}"
    return max(runs, key=len).lstrip("0") if runs else ""


def _letters(written: str) -> str:
    return re.sub(r"[^a-z]", "", squashed(written))


def _one_off(core: str) -> Iterator[str]:
    """Shapes that two numbers share if they are one slip apart: each with one digit left out, and the sorted digits."""
    yield core
    for at in range(len(core)):
        yield core[:at] + "?" + core[at + 1 :]
        yield core[:at] + core[at + 1 :]


def numbers_in(written: str, parameters: Parameters = PARAMETERS) -> list[str]:
    """Return the invoice numbers in a free text, ranges spelled out: "INV-100-102, 105" gives four."""
    found: dict[str, None] = {}
    rest = written = with_years_joined(written)
    for match in _RANGE.finditer(written):
        first, last = match[1], match[2]
        if len(last) < len(first):  # "1001-05" means 1001 to 1005
            last = first[: len(first) - len(last)] + last
        if len(first) == len(last) and 0 < int(last) - int(first) <= parameters.range_invoices:
            prefix = written[: match.start()].rsplit(" ", 1)[-1].rsplit(",", 1)[-1]
            if not prefix.endswith(JOINT):
                prefix = re.sub(r"[^A-Za-z\-_/#.]", "", prefix)
            for number in range(int(first), int(last) + 1):
                found[prefix + str(number).zfill(len(first))] = None
            rest = rest.replace(prefix + match[0] if prefix.endswith(JOINT) else match[0], " ")
    for match in _NUMBER.finditer(rest):
        if len(re.sub(r"\D", "", match[0])) >= 2 or rest.strip() == match[0].strip():
            found[match[0].strip()] = None
    return [number.replace(JOINT, "/") for number in found]


# -- what an advice line means ----------------------------------------------------------------------------------------


def _by_advice(lookup: _InvoiceLookup, payment: Line, advices: Sequence[Advice]) -> None:
    left = payment.amount_minor
    reasons: list[str] = []
    advices = _with_credits(lookup, payment, _as_one_list(advices))
    lone = len(advices) == 1
    named = _Named()
    for advice in advices:
        for number in _numbers(lookup, advice.invoice_as_written):
            named.exactly(lookup, number)
    for advice in advices:
        amount = advice.amount_minor if advice.amount_minor is not None else (left if lone else None)
        numbers = _numbers(lookup, advice.invoice_as_written)
        if len(numbers) == 1 and _plain_number(numbers[0]) in lookup.by_squash:
            advice = replace(advice, invoice_as_written=numbers[0])
        if len(numbers) > 1:
            spent, reason = _several(lookup, payment, advice, numbers, amount, named)
        else:
            spent, reason = _one(lookup, payment, advice, amount, named)
        left -= spent
        if reason:
            reasons.append(reason)
    if left:
        lookup.rest.append(OnAccount(payment.id, left, "; ".join(reasons) or "more paid than the advice explains"))


@dataclass(slots=True)
class _Named:
    """Which written number an invoice is taken for. Ensures: two different numbers never mean one invoice."""

    by_invoice: dict[str, str] = field(default_factory=dict)

    def exactly(self, lookup: _InvoiceLookup, written: str) -> None:
        """Keep the invoices that a number names to the letter for this number."""
        number = _plain_number(written)
        for one in lookup.by_squash.get(number, ()):
            self.by_invoice.setdefault(one, number)

    def free(self, invoice_id: str, written: str) -> bool:
        """Return whether an invoice may be what this number means."""
        return self.by_invoice.get(invoice_id, number := _plain_number(written)) == number

    def take(self, invoice_id: str, written: str) -> None:
        """Take an invoice for what a number means."""
        self.by_invoice.setdefault(invoice_id, _plain_number(written))


_BETWEEN_NUMBERS = re.compile(r"[\s,;+&|]+")


def _numbers(lookup: _InvoiceLookup, written: str) -> list[str]:
    """Return the numbers in an advice.

    Those that are invoices to the letter first ("SINV-RET-2026-00001"), then others.
    """
    pieces = [piece.strip(".:()[]\"'") for piece in _BETWEEN_NUMBERS.split(written)]
    pieces = [one for piece in pieces for one in _parts(lookup, piece)]
    exact = [piece for piece in pieces if any(map(str.isdigit, piece)) and _plain_number(piece) in lookup.by_squash]
    rest = written
    for piece in [
        one for one in exact if _holds_range(one, lookup.parameters)
    ]:  # "SINV-00001-2", the second writing of SINV-00001
        rest = rest.replace(piece, ", ", 1)
    if _holds_range(rest, lookup.parameters):
        exact = [one for one in exact if _holds_range(one, lookup.parameters)]
    for piece in exact:
        rest = rest.replace(piece, ", ", 1)
    found = {_plain_number(number): number for number in (*exact, *numbers_in(rest, lookup.parameters))}
    return list(found.values())


def _parts(lookup: _InvoiceLookup, piece: str) -> list[str]:
    """Numbers with a slash between them, if each is an invoice's to the letter; else the piece as it is."""
    parts = piece.split("/")
    several = len(parts) > 1 and _plain_number(piece) not in lookup.by_squash
    return parts if several and all(_plain_number(one) in lookup.by_squash for one in parts) else [piece]


def _holds_range(written: str, parameters: Parameters) -> bool:
    return any(_is_range(found, parameters) for found in _RANGE.finditer(with_years_joined(written)))


def _is_range(found: re.Match[str], parameters: Parameters) -> bool:
    first, last = found[1], found[2]
    last = first[: max(0, len(first) - len(last))] + last
    return len(first) == len(last) and 0 < int(last) - int(first) <= parameters.range_invoices


def _as_one_list(advices: Sequence[Advice]) -> Sequence[Advice]:
    """Make one list of rows that only name invoices: the payment is for all of them together."""
    if len(advices) < 2 or any(advice.amount_minor is not None for advice in advices):
        return advices
    return [replace(advices[0], invoice_as_written=", ".join(advice.invoice_as_written for advice in advices))]


def _with_credits(lookup: _InvoiceLookup, payment: Line, advices: Sequence[Advice]) -> Sequence[Advice]:
    """Credit notes that the payer wrote without a minus, if only with it the advice adds up to the payment."""
    turned = [
        replace(advice, amount_minor=-advice.amount_minor)
        if advice.amount_minor is not None and _names_a_credit(lookup, advice.invoice_as_written, advice.amount_minor)
        else advice
        for advice in advices
    ]
    sums = [sum(one.amount_minor or 0 for one in rows) for rows in (advices, turned)]
    return turned if sums[0] != payment.amount_minor == sums[1] else advices


def _names_a_credit(lookup: _InvoiceLookup, written: str, amount: int) -> bool:
    """Return whether a number is that of an item of the other sign, and of no other."""
    named = lookup.by_squash.get(_plain_number(written)) or lookup.by_core.get(_core(written), [])
    return bool(named) and all((lookup.invoices[one].amount_minor < 0) != (amount < 0) for one in named)


def _one(lookup: _InvoiceLookup, payment: Line, advice: Advice, amount: int | None, named: _Named) -> tuple[int, str]:
    written = advice.invoice_as_written
    ranked = [one for one in _ranked(lookup, payment, written, amount) if named.free(one.invoice_id, written)]
    if not ranked or ranked[0].score < lookup.parameters.application_suggest_score:
        return 0, f"no open invoice fits {advice.invoice_as_written!r}"
    best = ranked[0]
    named.take(best.invoice_id, written)
    asked = lookup.open[best.invoice_id]
    if not asked:
        return 0, f"{best.invoice_id} is already paid by {lookup.paid_by.get(best.invoice_id, 'an earlier payment')}"
    part = _part(asked if amount is None else amount, asked)
    margin = best.score - ranked[1].score if len(ranked) > 1 else best.score
    _apply(lookup, payment, best, part, margin, [one.invoice_id for one in ranked[1:4]])
    return part, "more paid than the invoice asks for" if amount is not None and part != amount else ""


def _part(amount: int, asked: int) -> int:
    """Return what of an amount an invoice can take."""
    if (amount < 0) != (asked < 0):
        return 0
    return min(amount, asked, key=abs)


def _several(
    lookup: _InvoiceLookup, payment: Line, advice: Advice, numbers: Sequence[str], amount: int | None, named: _Named
) -> tuple[int, str]:
    """Return one advice line that names several invoices: all in full if that is the sum, else the oldest due first."""
    found: dict[str, _Scored] = {}
    ties: list[list[_Scored]] = []
    for number in numbers:
        ranked = [
            one
            for one in _ranked(lookup, payment, number, None)
            if one.rule != "customer-and-amount" and named.free(one.invoice_id, number)
        ]
        if ranked:
            named.take(ranked[0].invoice_id, number)
        if ranked and lookup.open[ranked[0].invoice_id]:
            found[ranked[0].invoice_id] = ranked[0]
            ties.append([one for one in ranked if one.score == ranked[0].score and lookup.open[one.invoice_id]])
    if not found:
        return 0, f"no open invoice fits {advice.invoice_as_written!r}"
    sure_of_each = True
    if amount is not None and any(len(one) > 1 for one in ties):
        ways = _ways(lookup, ties, amount)
        found = ways[0] if ways else found
        sure_of_each = len(ways) == 1
    left = sum(lookup.open[one] for one in found) if amount is None else amount
    exact = left == sum(lookup.open[one] for one in found)
    spent = 0
    for best, part in _spread(lookup, left, found.values()):
        sure = best.score + (lookup.parameters.equal_amount if exact else lookup.parameters.part_amount)
        margin = sure if sure_of_each else 0.0  # the digits may mean another one as well
        _apply(lookup, payment, _Scored(best.invoice_id, sure, best.rule, best.agrees, best.differs), part, margin, [])
        spent += part
    return spent, "" if spent == left else "more paid than the named invoices ask for"


def _ways(lookup: _InvoiceLookup, ties: Sequence[Sequence[_Scored]], amount: int) -> list[dict[str, _Scored]]:
    """Return the choices of one invoice for each number that add up to an amount, where digits alone leave a choice."""
    if prod(map(len, ties)) > lookup.parameters.digit_choices:
        return []
    chosen = ({one.invoice_id: one for one in way} for way in product(*ties))
    return [way for way in chosen if len(way) == len(ties) and sum(lookup.open[one] for one in way) == amount]


def _spread(lookup: _InvoiceLookup, amount: int, named: Iterable[_Scored]) -> list[tuple[_Scored, int]]:
    """Return an amount over invoices: the oldest due first, once the credit notes among them have made it larger.

    Ensures: credit notes count in full, or not at all if the invoices can't take what they free.
    """
    due = sorted(named, key=lambda one: _due(lookup.invoices[one.invoice_id]))
    credits = [one for one in due if (lookup.open[one.invoice_id] < 0) != (amount < 0)]
    freed = -sum(lookup.open[one.invoice_id] for one in credits)
    owed = sum(lookup.open[one.invoice_id] for one in due if one not in credits)
    if abs(amount + freed) > abs(owed):
        credits, freed = [], 0
    parts = [(one, lookup.open[one.invoice_id]) for one in credits]
    left = amount + freed
    for one in due:
        if one not in credits and (part := _part(left, lookup.open[one.invoice_id])):
            parts.append((one, part))
            left -= part
    return parts


def _due(invoice: Line) -> tuple[int, str]:
    due = invoice.value_on or invoice.on
    return (due.toordinal() if due else 0, invoice.id)


def _apply(
    lookup: _InvoiceLookup, payment: Line, best: _Scored, part: int, margin: float, candidates: Sequence[str]
) -> None:
    if not part:
        return
    sure = (
        best.score >= lookup.parameters.application_confirm_score
        and margin >= lookup.parameters.application_confirm_margin
    )
    lookup.found.append(
        Application(
            payment.id,
            best.invoice_id,
            part,
            Status.CONFIRMED if sure else Status.SUGGESTED,
            best.rule,
            round(best.score, 2),
            round(margin, 2),
            best.agrees,
            best.differs,
            () if sure else tuple(candidates),
        )
    )
    lookup.open[best.invoice_id] -= part
    lookup.paid_by.setdefault(best.invoice_id, payment.id)


def _ranked(lookup: _InvoiceLookup, payment: Line, written: str, amount: int | None) -> list[_Scored]:
    """Invoices that a written number may mean, best first."""
    named: dict[str, tuple[float, str]] = {}

    def offer(ids: Iterable[str], base: float, rule: str) -> None:
        for one in ids:
            if base > named.get(one, (-99.0, ""))[0]:
                named[one] = (base, rule)

    core = _core(written)
    offer(lookup.by_squash.get(_plain_number(written), ()), lookup.parameters.exact_number, "advised-number")
    exact = bool(named)
    if not exact:  # a number that is an invoice's to the letter means no other one with the same digits
        cores = lookup.by_core.get(core, ())
        tails = [one for one in cores if _ends_with(lookup, one, written)]
        offer(
            tails or cores, lookup.parameters.tail_number if tails else lookup.parameters.core_number, "advised-number"
        )
    for word in words(written):
        offer(lookup.by_quoted.get(word, ())[:50], lookup.parameters.quoted_number, "customers-own-number")
    if not named or amount is not None:
        read = _core(squashed(written).translate(_LOOKALIKES)) if not core or not named else core
        for candidate in {read, core} - {""}:
            if not exact:
                offer(lookup.by_core.get(candidate, ()), lookup.parameters.lookalike_number, "number-with-a-slip")
            for shape in _one_off(candidate):
                for other in lookup.near_cores.get(shape, ()):
                    if not (exact and other == core) and OSA.distance(candidate, other) <= 1:
                        offer(lookup.by_core.get(other, ()), lookup.parameters.near_number, "number-with-a-slip")
    if amount is not None:
        equal = [one for one in lookup.by_amount.get(amount, ()) if lookup.open[one] == amount]
        ours = _letters(written) in lookup.prefixes  # written like one of our numbers, and yet not this invoice's
        offer(
            equal[:200],
            lookup.parameters.other_number if ours else lookup.parameters.foreign_number,
            "customer-and-amount",
        )
    scored = [_scored(lookup, payment, one, base, rule, amount) for one, (base, rule) in named.items()]
    return sorted(scored, key=lambda one: (-one.score, _due(lookup.invoices[one.invoice_id])))


def _ends_with(lookup: _InvoiceLookup, invoice_id: str, written: str) -> bool:
    """Return whether an invoice's number ends with a written one, letters included.

    "SINV-1" is ACC-SINV-1, not ACC-RET-1.
    """
    number, line = _plain_number(written), lookup.invoices[invoice_id]
    return not number.isdigit() and any(_plain_number(one).endswith(number) for one in (line.id, *line.references))


def _scored(
    lookup: _InvoiceLookup, payment: Line, invoice_id: str, base: float, rule: str, amount: int | None
) -> _Scored:
    invoice, asked = lookup.invoices[invoice_id], lookup.open[invoice_id]
    agrees: list[str] = []
    differs: list[str] = []
    (agrees if base >= lookup.parameters.quoted_number else differs).append("number")
    score = base
    if amount is not None:
        worth, said = _amount_worth(amount, asked, invoice.amount_minor, lookup.parameters)
        score += worth
        (agrees if worth >= lookup.parameters.equal_amount else differs).append(said)
    fit = party_fit(payment.counterparty, payment.text, invoice.counterparty)
    score += _party_worth(fit, lookup.parameters)
    if fit is not Fit.UNKNOWN:
        (agrees if fit > Fit.UNKNOWN else differs).append("payer")
    if not asked:  # it may still be what the payer meant: then this is a double payment
        score += lookup.parameters.paid_already
    return _Scored(invoice_id, score, rule, tuple(agrees), tuple(differs))


def _party_worth(fit: Fit, parameters: Parameters) -> float:
    return {
        Fit.SAME: parameters.party_same,
        Fit.LIKELY: parameters.party_likely,
        Fit.INITIALS: parameters.party_initials,
        Fit.UNKNOWN: 0.0,
        Fit.OTHER: parameters.party_other,
    }[fit]


def _amount_worth(amount: int, asked: int, full: int, parameters: Parameters) -> tuple[float, str]:
    wanted = asked or full
    if (amount < 0) != (wanted < 0):
        return parameters.wrong_sign, "amount: other sign"
    if amount in (asked, full):
        return parameters.equal_amount, "amount"
    short = abs(wanted) - abs(amount)
    if 0 < short <= abs(wanted) * parameters.terms_bps // 10_000:
        return parameters.near_amount, f"amount: {short} minor units short"
    if short > 0:
        return parameters.part_amount, f"amount: {short} minor units short"
    return (
        parameters.over_amount if -short <= abs(wanted) // 4 else parameters.far_amount
    ), f"amount: {-short} minor units over"


# -- payments without an advice ---------------------------------------------------------------------------------------


def _without_advice(lookup: _InvoiceLookup, payment: Line) -> None:
    amount = payment.amount_minor
    if _by_quoted_numbers(lookup, payment):
        return
    customers = lookup.parties.like(payment.counterparty, payment.text)
    best = max(customers.values(), default=Fit.UNKNOWN)
    likely = [one for customer in customers for one in lookup.by_customer[customer] if lookup.open[one]]
    theirs = [one for one in likely if customers[lookup.invoices[one].counterparty] == best]
    equal = [one for one in likely if lookup.open[one] == amount]
    if equal:
        ranked = sorted(
            (
                _scored(lookup, payment, one, lookup.parameters.known_customer, "customer-and-amount", amount)
                for one in equal
            ),
            key=lambda one: (-one.score, _due(lookup.invoices[one.invoice_id])),
        )
        margin = ranked[0].score - ranked[1].score if len(ranked) > 1 else ranked[0].score
        _apply(lookup, payment, ranked[0], amount, margin, [one.invoice_id for one in ranked[1:4]])
        return
    if _by_sum(lookup, payment, theirs) or _by_discount(lookup, payment, theirs):
        return
    reason = "no open invoice of this customer fits" if customers else "the payer is not known from any invoice"
    lookup.rest.append(OnAccount(payment.id, amount, reason))


def _by_quoted_numbers(lookup: _InvoiceLookup, payment: Line) -> bool:
    """Numbers in the payment's own text, if they exist as invoices and the amount bears them out."""
    found: dict[str, _Scored] = {}
    for text in (payment.text, *payment.references):
        for number in _numbers(lookup, text):
            for scored in _quoted(lookup, payment, number):
                found[scored.invoice_id] = scored
    if not found:
        return False
    total = sum(lookup.open[one] for one in found)
    short = total - payment.amount_minor
    if (
        short
        and not (len(found) == 1 and payment.amount_minor > 0)
        and not 0 < short <= total * lookup.parameters.terms_bps // 10_000
    ):
        return False
    left = payment.amount_minor
    for best, part in _spread(lookup, left, found.values()):
        sure = best.score + (lookup.parameters.equal_amount if not short else lookup.parameters.part_amount)
        _apply(lookup, payment, _Scored(best.invoice_id, sure, best.rule, best.agrees, best.differs), part, sure, [])
        left -= part
    if left:
        lookup.rest.append(OnAccount(payment.id, left, "more paid than the named invoices ask for"))
    return True


def _quoted(lookup: _InvoiceLookup, payment: Line, number: str) -> list[_Scored]:
    """Return the open invoice that a number in a text means; none where digits alone leave several of them."""
    exact = lookup.by_squash.get(_plain_number(number), [])
    cores = lookup.by_core.get(_core(number), [])
    tails = [one for one in cores if _ends_with(lookup, one, number)]
    ids = exact or tails or (cores if len(_core(number)) >= 4 else [])
    fitting = [
        scored
        for one in ids
        if lookup.open[one]
        and (scored := _scored(lookup, payment, one, lookup.parameters.core_number, "number-in-text", None)).score
        >= lookup.parameters.application_suggest_score
    ]
    if len(fitting) < 2 or exact:
        return fitting
    best = max(one.score for one in fitting)
    fitting = [one for one in fitting if one.score == best]
    whole = [one for one in fitting if lookup.open[one.invoice_id] == payment.amount_minor]
    return whole if len(whole) == 1 else fitting if len(fitting) == 1 else []


def _by_sum(lookup: _InvoiceLookup, payment: Line, theirs: Sequence[str]) -> bool:
    pool = [one for one in theirs if not payment.on or not _issued_after(lookup.invoices[one], payment)]
    if not 2 <= len(pool) <= lookup.parameters.lump_invoices:
        return False
    found = subset_sums([lookup.open[one] for one in pool], payment.amount_minor, 8, lookup.parameters)
    if len(found.ways) != 1:
        return False
    # One way among 2^n: distinctive only if the amounts are large against the number of ways there were to try.
    coincidence = 2.0 ** len(pool) / max(1.0, abs(payment.amount_minor) / _grid(lookup, pool))
    for index in found.ways[0]:
        best = _scored(lookup, payment, pool[index], 6.0 if coincidence < 0.01 else 3.0, "customer-and-sum", None)
        _apply(lookup, payment, best, lookup.open[pool[index]], best.score, [])
    return True


def _grid(lookup: _InvoiceLookup, pool: Sequence[str]) -> int:
    return 100 if all(lookup.open[one] % 100 == 0 for one in pool) else 1


def _issued_after(invoice: Line, payment: Line) -> bool:
    return bool(invoice.on and payment.on and invoice.on > payment.on)


def _by_discount(lookup: _InvoiceLookup, payment: Line, theirs: Sequence[str]) -> bool:
    amount = payment.amount_minor
    near = [
        one
        for one in theirs
        if (lookup.open[one] > 0) == (amount > 0)
        and 0 < abs(lookup.open[one]) - abs(amount) <= abs(lookup.open[one]) * lookup.parameters.terms_bps // 10_000
        and not _issued_after(lookup.invoices[one], payment)
    ]
    if len(near) != 1:
        return False
    best = _scored(lookup, payment, near[0], 0.0, "customer-and-discount", amount)
    if best.score < lookup.parameters.application_suggest_score:
        return False
    _apply(lookup, payment, best, amount, 0.0, [])
    return True
