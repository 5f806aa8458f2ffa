"""The audit: does every charge in PayTrace's books stand in abas' books exactly once, or wait, or is parked?

It reads the sandboxes' own books over HTTP and believes nothing of ours but the list of what waits and what is
parked, whose sum must fill the gap between the two to the cent. Pure; fetching is the caller's.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.values.counting import counted

# PT<id> (of a payment into the bank account: BT and letters), and behind it for each step that made the document: V
# (void), N (return), C (correction), S (a part), U (unmatched), A (waits again).
_REFERENCE = re.compile(r"^PT(?P<transaction>BT[A-P]{14}|.+?)(?:[VN](?:-\d+)?|[CSUA]\d+)*$")
RECEIPT_KINDS = frozenset({"receipt", "on_account"})
# Documents that are none of PayTrace's money, and neither is what reverses them.
NO_MONEY = frozenset({"write_off", "application"})
MONEY_IN = frozenset({"PENDING", "SETTLED"})
REFUND_KINDS = frozenset({"REFUND", "ACH_REFUND", "TRANSFER_REFUND"})


@dataclass(frozen=True, slots=True)
class OpenMoney:
    """Money of one transaction that is not in abas, as our read side lists it. Units: signed minor units."""

    paytrace_transaction_id: str
    signed_minor: int
    currency: str
    reason: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What the books say. problems is empty when nothing was lost or doubled."""

    charges: int
    documents: int
    paytrace_minor: Mapping[str, int]
    abas_minor: Mapping[str, int]
    open_minor: Mapping[str, int]
    problems: tuple[str, ...]

    @property
    def residual_minor(self) -> Mapping[str, int]:
        """Per currency: PayTrace - abas - waiting - parked; all zero when the balance closes."""
        return {
            currency: self.paytrace_minor[currency]
            - self.abas_minor.get(currency, 0)
            - self.open_minor.get(currency, 0)
            for currency in self.paytrace_minor
        }

    @property
    def is_clean(self) -> bool:
        """Whether each charge is accounted for once and every currency closes at zero."""
        return not self.problems and not any(self.residual_minor.values())


def audit(
    charges: Sequence[Mapping[str, Any]],
    documents: Sequence[Mapping[str, Any]],
    open_money: Sequence[OpenMoney],
    netted: Sequence[OpenMoney] = (),
) -> Audit:
    """Hold the books of PayTrace, and of the bank where customers pay into it, against abas' books.

    Shapes:  charges are their entries (n,), documents abas' (m,), open_money what waits or is parked; netted
             are sales and refunds that cancelled out before either was posted, which must come to 0.
    Ensures: every difference is a problem that names the transaction; a difference of one transaction that another
             one makes up for is still found, because each is held to its own sum.
    """
    problems = [
        f"abas holds {counted(count, 'document')} under {reference}"
        for reference, count in Counter(str(document["posting_reference"]) for document in documents).items()
        if count > 1
    ]
    without_money = {str(document["posting_reference"]) for document in documents if document["kind"] in NO_MONEY}
    documents = [
        document
        for document in documents
        if not without_money & {str(document["posting_reference"]), str(document.get("reverses_reference"))}
    ]
    # A refund's document is booked under its own transaction, so every charge can be held to its own documents.
    booked = _sum_by_owner(documents)
    waiting: dict[str, int] = defaultdict(int)
    for money in (*open_money, *netted):
        waiting[money.paytrace_transaction_id] += money.signed_minor
    known = {str(charge["id"]) for charge in charges}
    for charge in charges:
        identity = str(charge["id"])
        owed, posted, open_ = _effect(charge), booked.get(identity, 0), waiting.get(identity, 0)
        if owed != posted + open_:
            problems.append(
                f"{charge['kind']} {identity} ({charge['state']}) is worth {owed}, abas holds {posted}, {open_} waits"
            )
    problems += [
        f"what cancelled out before it was posted comes to {minor} {currency} instead of 0"
        for currency, minor in _total((money.currency, money.signed_minor) for money in netted).items()
        if minor
    ]
    problems += [f"abas holds a document of {owner}, which no other books know" for owner in booked.keys() - known]
    return Audit(
        charges=len(charges),
        documents=len(documents),
        paytrace_minor=_total((str(charge["currency"]), _effect(charge)) for charge in charges),
        abas_minor=_total((str(d["currency"]), _signed(d)) for d in documents),
        open_minor=_total((money.currency, money.signed_minor) for money in open_money),
        problems=tuple(problems),
    )


@dataclass(frozen=True, slots=True)
class LedgerDocument:
    """A document that the ledger asked of abas, as our read side lists it."""

    posting_reference: str
    kind: str
    state: str

    @property
    def is_settled(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in ("posted", "netted")


def ledger_problems(asked: Sequence[LedgerDocument], entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Hold what the ledger asked of abas against abas' own entries.

    Shapes:  asked are (n,), one for each reference; entries are abas' (m,), those of others besides.
    Ensures: each document that is posted stands there once, each other one not at all.
    """
    held = Counter(str(entry["posting_reference"]) for entry in entries)
    problems = [f"{one.kind} {one.posting_reference} is {one.state}" for one in asked if not one.is_settled]
    return problems + [
        f"abas holds {counted(held[one.posting_reference], 'entry|entries')} of {one.kind} {one.posting_reference}"
        for one in asked
        if held[one.posting_reference] != (one.state == "posted")
    ]


def document_problems(
    posted: Sequence[tuple[str, str]], wanted: Collection[str], books: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[str]:
    """Hold every document that is posted by our read side against the books of abas.

    Shapes:  posted are (n,), reference and kind; wanted are kinds of which there must be one at least.
    Ensures: each stands there once.
    """
    held = Counter(str(one["posting_reference"]) for name in ("documents", "entries") for one in books[name])
    problems = [
        f"abas holds {counted(held[reference], 'document')} of {kind} {reference}"
        for reference, kind in posted
        if held[reference] != 1
    ]
    return problems + [f"no {kind} was posted" for kind in sorted(set(wanted) - {kind for _, kind in posted})]


def _effect(charge: Mapping[str, Any]) -> int:
    """Return what a charge should be worth in abas, by its state in PayTrace's books."""
    if charge["state"] not in (frozenset({"SETTLED"}) if str(charge["kind"]).startswith("ACH") else MONEY_IN):
        return 0
    sign = -1 if charge["kind"] in REFUND_KINDS else 1
    return sign * int(charge["amount_minor"])


def _signed(document: Mapping[str, Any]) -> int:
    amount = abs(int(document["amount_minor"]))
    return amount if document["kind"] in RECEIPT_KINDS else -amount


def _sum_by_owner(documents: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for document in documents:
        sums[_owner(document)] += _signed(document)
    return sums


def _owner(document: Mapping[str, Any]) -> str:
    """Return the transaction whose money a document books."""
    found = _REFERENCE.match(str(document["posting_reference"]))
    return found["transaction"] if found else str(document["posting_reference"])


def _total(amounts: Any) -> dict[str, int]:
    totals: dict[str, int] = defaultdict(int)
    for currency, minor in amounts:
        totals[currency] += minor
    return dict(totals)
