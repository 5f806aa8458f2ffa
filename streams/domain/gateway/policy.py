"""What people have laid down about payment requests, as one value that is handed into `decide`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.records.gateway import PaymentRequestKind, PaymentRequestObserved
from schemas.values.business_day import business_day
from schemas.values.money import Money


def _plain(name: str | None) -> str:
    return " ".join((name or "").split()).casefold()


@dataclass(frozen=True, slots=True)
class Allowed:
    """Who may ask for these kinds: anybody where no requesters are named.

    Units: limits are minor units by currency; None is no limit.
    """

    kinds: frozenset[PaymentRequestKind]
    requesters: frozenset[str] = frozenset()
    most_minor: Mapping[str, int] | None = None
    approve_above_minor: Mapping[str, int] | None = None
    most_per_day_minor: Mapping[str, int] | None = None

    def fits(self, request: PaymentRequestObserved) -> bool:
        """Return whether this entry is about a request; names are compared without case and extra blanks."""
        is_named = not self.requesters or _plain(request.requester) in {_plain(one) for one in self.requesters}
        return request.kind in self.kinds and is_named


@dataclass(frozen=True, slots=True)
class Policy:
    """Entries, of which the first that fits a request counts; people are logins by what abas calls them."""

    version: int
    allow: tuple[Allowed, ...]
    people: Mapping[str, str]

    def refused(self, request: PaymentRequestObserved) -> str:
        """Return why this person may not ask for this; empty where he may."""
        entry = self._entry(request)
        if entry is None:
            who = request.requester or "somebody whom abas does not name"
            return f"{who} may not ask for a {request.kind.lower()} (rules payment-requests, version {self.version})"
        return _above(request, entry.most_minor, "at most", self.version)

    def needs_approval(self, request: PaymentRequestObserved) -> str:
        """Return why a second person must approve a request that may be made; empty where none must."""
        entry = self._entry(request)
        return "" if entry is None else _above(request, entry.approve_above_minor, "alone up to", self.version)

    def budget(self, request: PaymentRequestObserved) -> tuple[str, int] | None:
        """Return with whose requests of the day it is counted, and what they may come to; None where nothing is.

        Units: minor units of the currency of the request; 0 for a currency that the limit does not list.
        """
        entry = self._entry(request)
        if entry is None or entry.most_per_day_minor is None or not request.amount_minor:
            return None
        kinds = "+".join(sorted(kind.lower() for kind in entry.kinds))
        day = business_day(request.observed_at)
        # A key stands where names must not: a digest distinguishes requesters.
        who = hashlib.sha256(_plain(request.requester).encode()).hexdigest()[:12]
        name = f"{who} {kinds} {request.currency} {day}"
        return name, entry.most_per_day_minor.get(request.currency, 0)

    def asked_by(self, request: PaymentRequestObserved) -> str:
        """Return who asks: the login, where one is known."""
        logins = {_plain(name): login for name, login in self.people.items()}
        return logins.get(_plain(request.requester)) or f"abas:{request.requester or ''}".rstrip(":")

    def _entry(self, request: PaymentRequestObserved) -> Allowed | None:
        return next((one for one in self.allow if one.fits(request)), None)


def _above(request: PaymentRequestObserved, limits: Mapping[str, int] | None, what: str, version: int) -> str:
    if limits is None:
        return ""
    limit, asked = limits.get(request.currency), Money(request.amount_minor, request.currency)
    if limit is None:
        return f"{asked} is in a currency for which the rules payment-requests, version {version}, allow nothing {what}"
    if request.amount_minor <= limit:
        return ""
    allowed = Money(limit, request.currency)
    return f"{asked} is above {allowed}, {what} which the rules payment-requests, version {version}, allow it"
