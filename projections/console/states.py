"""Where things stand, as mark and words: payments, orders, subscriptions and their runs, disputes, bank lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from projections.console.language import N_, _
from projections.reports.words import in_words

_PAYMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "SETTLED": ("ok", N_("Settled")),
    "CAPTURED": ("ok", N_("Captured")),
    "AUTHORIZED": ("dot", N_("Authorised")),
    "ACH_PENDING": ("dot", N_("Bank debit on its way")),
    "ACH_FAILED": ("bad", N_("Bank debit failed")),
    "ACH_RETURNED": ("bad", N_("Returned by the bank")),
    "DECLINED": ("bad", N_("Declined")),
    "VOIDED": ("dash", N_("Voided")),
    "REFUNDED": ("back", N_("Refunded")),
    "PARTLY_REFUNDED": ("back", N_("Partly refunded")),
    "REFUND_ISSUED": ("back", N_("Refund")),
    "REFUND_VOIDED": ("dash", N_("Refund voided")),
    "CHARGED_BACK": ("bad", N_("Charged back")),
    "PARTLY_CHARGED_BACK": ("bad", N_("Partly charged back")),
    "NOTHING_MOVED": ("dash", N_("No money moved")),
    "UNRECOGNIZED": ("wait", N_("In words that can't be read")),
}
_SUBSCRIPTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "active": ("ok", N_("Active")),
    "paused": ("dash", N_("Paused")),
    "ended": ("dash", N_("Ended")),
    "unknown": ("wait", N_("In words that can't be read")),
}
_RUNS: Final[Mapping[str, tuple[str, str]]] = {
    "expected": ("dot", N_("Expected")),
    "paid": ("ok", N_("Paid")),
    "paid otherwise": ("ok", N_("Paid otherwise")),
    "charging": ("dot", N_("Being charged")),
    "skipped": ("dash", N_("Skipped")),
    "paused": ("dash", N_("Paused")),
    "cancelled": ("dash", N_("Cancelled")),
    "declined": ("wait", N_("Declined")),
    "retrying": ("wait", N_("Charged again later")),
    "missed": ("bad", N_("Missed")),
    "needs card": ("bad", N_("Needs a card")),
    "needs person": ("wait", N_("Needs a person")),
}
_DISPUTES: Final[Mapping[str, tuple[str, str]]] = {
    "open": ("wait", N_("Open")),
    "won": ("ok", N_("Won")),
    "lost": ("bad", N_("Lost")),
    "closed": ("dash", N_("Closed")),
}
_BANK_LINES: Final[Mapping[str, tuple[str, str]]] = {
    "matched": ("ok", N_("Explained")),
    "suggested": ("wait", N_("One suggestion")),
    "dismissed": ("ok", N_("Not PayTrace money")),
    "customer": ("ok", N_("Paid by a customer")),
    "break": ("bad", N_("Not explained")),
}


def _of(known: Mapping[str, tuple[str, str]], code: str) -> tuple[str, str]:
    state, words = known.get(code) or ("dot", in_words(code))
    return state, _(words[:1].upper() + words[1:])


def status_of(code: str) -> tuple[str, str]:
    """Return the mark and the words of a payment's status."""
    return _of(_PAYMENTS, code)


def subscription_status(code: str) -> tuple[str, str]:
    """Return the mark and the words of a subscription's status, as the report names it."""
    return _of(_SUBSCRIPTIONS, code)


def run_status(code: str) -> tuple[str, str]:
    """Return the mark and the words of a run's status, as the report names it."""
    return _of(_RUNS, code)


def dispute_outcome(code: str) -> tuple[str, str]:
    """Return the mark and the words of a dispute's outcome."""
    return _of(_DISPUTES, code)


def bank_line_status(code: str) -> tuple[str, str]:
    """Return the mark and the words of a bank line's status."""
    return _of(_BANK_LINES, code)
