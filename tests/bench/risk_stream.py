"""A made-up shop year of payments in which it is known what is trouble. Knows nothing of the rules and their limits.

Every payer behaves by a story with numbers of its own, drawn from wide spans: honest people too retry a declined card,
buy twice in an hour, send gifts abroad, mistype a code, share an office address, spend ten times the usual once. Cards
are last four digits, as the gateway gives them, so honest cards collide.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from schemas.values.references import card_digest
from streams.domain.risk.facts import PaymentFact

HONEST = "honest"
KINDS = (
    "stolen card, used often",
    "account taken over",
    "many cards to one address",
    "cards tried out",
    "charged twice",
    "refund without sale",
    "stolen card, sent abroad",
)
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_MERCHANT = "main"
_COUNTRIES = ("US", "US", "US", "US", "US", "US", "CA", "GB", "DE", "FR")
_FAR = ("NG", "RO", "VN", "BR", "ID", "UA")
_AVS_RARE = ("Zip Match Only", "Address Match Only", "Address Unavailable", "Non-US Issuer does not participate")
_AVS_FINE = ("Full Exact Match",) * 8 + _AVS_RARE


@dataclass(slots=True)
class Stream:
    """Facts with the kind of trouble of each; HONEST where there is none."""

    facts: list[PaymentFact] = field(default_factory=list)
    truth: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Person:
    card: str
    customer: str
    address: str
    country: str
    spends: float  # median in minor units


class _Maker:
    def __init__(self, seed: int, payments: int, days: int) -> None:
        self.rng = random.Random(seed)
        self.days = days
        self.stream = Stream()
        offices = [f"office-{n}" for n in range(max(2, payments // 1_000))]
        self.people = [self.person(offices) for _ in range(max(20, payments // 4))]

    def person(self, offices: list[str]) -> _Person:
        rng = self.rng
        number = rng.randrange(10**9)
        at_work = rng.random() < 0.03
        customer = f"vault/{_MERCHANT}/{number}" if rng.random() < 0.7 else ""
        return _Person(
            card=self.card(),
            customer=customer,
            address=rng.choice(offices) if at_work else f"home-{number}",
            country=rng.choice(_COUNTRIES),
            spends=rng.lognormvariate(8.4, 0.8),  # about 44.00, widely spread
        )

    def card(self) -> str:
        return card_digest(_MERCHANT, f"{self.rng.randrange(10_000):04d}")

    def moment(self) -> datetime:
        day = self.rng.randrange(self.days)
        hour = min(23.9, max(0.0, self.rng.gauss(14, 4)))
        return _FIRST + timedelta(days=day, seconds=int(hour * 3_600))

    def amount(self, person: _Person) -> int:
        minor = self.rng.lognormvariate(0, 0.6) * person.spends
        return max(99, int(minor) // 100 * 100 + self.rng.choice((0, 49, 95, 99)))

    def put(self, person: _Person, at: datetime, minor: int, kind: str = HONEST, **other: object) -> PaymentFact:
        """Add one attempt. What it shows is that of an honest payer unless said otherwise."""
        rng = self.rng
        number = str(100_000 + len(self.stream.facts))
        fact = PaymentFact(
            payment_id=number,
            merchant=_MERCHANT,
            at=at,
            is_refund=False,
            is_approved=True,
            amount_minor=minor,
            currency="USD",
            card=person.card,
            customer=person.customer,
            address=person.address,
            order=f"o{number}",
            avs="No Match" if rng.random() < 0.02 else rng.choice(_AVS_FINE),
            csc="No Match" if rng.random() < 0.008 else rng.choice(("Match", "Match", "Match", "", "Not Processed")),
            billing_country=person.country,
            shipping_country=rng.choice(_COUNTRIES + _FAR) if rng.random() < 0.02 else person.country,
        )
        fact = replace(fact, **other)  # type: ignore[arg-type]  # names of fields by who calls
        self.stream.facts.append(fact)
        self.stream.truth[number] = kind
        return fact

    # -- honest people --

    def honest(self) -> None:
        rng, person, at = self.rng, self.rng.choice(self.people), self.moment()
        minor = self.amount(person)
        if rng.random() < 0.01:  # a washing machine
            minor *= rng.randint(4, 15)
        order = f"h{rng.randrange(10**9)}"
        while rng.random() < 0.06:  # declined, tries again in a while
            self.put(person, at, minor, is_approved=False, order=order)
            at += timedelta(seconds=rng.randint(20, 900))
        paid = self.put(person, at, minor, order=order)
        if rng.random() < 0.03:  # forgot something, sometimes the very same thing
            again = minor if rng.random() < 0.3 else self.amount(person)
            self.put(person, at + timedelta(minutes=rng.randint(2, 240)), again)
        if rng.random() < 0.03:
            later = at + timedelta(days=rng.randint(1, 40))
            part = paid.amount_minor if rng.random() < 0.7 else paid.amount_minor // 2
            self.put(person, later, part, is_refund=True, avs="", csc="")

    # -- trouble --

    def used_often(self) -> None:
        """A stolen card is emptied in several purchases; the bank begins to decline at some point."""
        rng, at = self.rng, self.moment()
        thief = replace(self.person([f"drop-{rng.randrange(10**9)}"]), customer="")
        stops = rng.uniform(0.6, 1.0)
        for part in range(rng.randint(3, 14)):
            declined = rng.random() > stops
            shows = {"avs": rng.choice(("No Match", "Zip Match Only", "Full Exact Match")), "is_approved": not declined}
            self.put(thief, at, self.amount(thief) * rng.randint(1, 5), KINDS[0] if not declined else HONEST, **shows)
            at += timedelta(seconds=rng.randint(40, 1_500) if part else rng.randint(10, 300))

    def taken_over(self) -> None:
        """Somebody else orders with the customer's stored card, much dearer than ever, rarely more than twice."""
        known = [one for one in self.people if one.customer]
        person, at = self.rng.choice(known), self.moment()
        for _ in range(self.rng.randint(1, 2)):
            minor = int(self.amount(person) * self.rng.uniform(3, 25))
            self.put(person, at, minor, KINDS[1], csc=self.rng.choice(("", "Not Present", "Match")))
            at += timedelta(minutes=self.rng.randint(3, 600))

    def one_address(self) -> None:
        """Many stolen cards buy for one reshipper, over hours or days."""
        rng, at, drop = self.rng, self.moment(), f"drop-{self.rng.randrange(10**9)}"
        for _ in range(rng.randint(5, 25)):
            thief = replace(self.person([drop]), address=drop, customer="")
            self.put(thief, at, self.amount(thief) * rng.randint(1, 4), KINDS[2],
                     avs=rng.choice(("No Match", "No Match", "Zip Match Only", "Full Exact Match")),
                     csc=rng.choice(("Match", "Match", "No Match")))  # fmt: skip
            at += timedelta(minutes=rng.randint(5, 420))

    def tried_out(self) -> None:
        """A program tries cards with small amounts; few work. Those are the trouble."""
        rng, at = self.rng, self.moment()
        highest, pause, works = rng.randint(100, 1_500), rng.uniform(3, 240), rng.uniform(0.03, 0.3)
        for _ in range(rng.randint(15, 150)):
            thief = replace(self.person(["nowhere"]), customer="", address=f"made-up-{rng.randrange(10**9)}")
            approved = rng.random() < works
            self.put(thief, at, rng.randint(50, highest), KINDS[3] if approved else HONEST, is_approved=approved,
                     avs=rng.choice(("No Match", "Address Unavailable", "Zip Match Only")),
                     csc=rng.choice(("No Match", "Match", "Not Processed")))  # fmt: skip
            at += timedelta(seconds=rng.expovariate(1 / pause))

    def twice(self) -> None:
        """A second click, or a call that is repeated after a time-out: the same order, or none that is named."""
        person, at = self.rng.choice(self.people), self.moment()
        minor, order = self.amount(person), self.rng.choice(("", f"d{self.rng.randrange(10**9)}"))
        self.put(person, at, minor, order=order)
        after = timedelta(seconds=int(self.rng.lognormvariate(3.5, 1.6)) + 1)  # median half a minute, some an hour
        self.put(person, at + after, minor, KINDS[4], order=order)

    def refund(self) -> None:
        """An employee refunds to a card of his own, that never paid or paid less."""
        rng, own, at = self.rng, self.person(["nowhere"]), self.moment()
        if rng.random() < 0.3:
            self.put(own, at - timedelta(days=rng.randint(1, 20)), rng.randint(100, 2_000))
        for _ in range(rng.randint(1, 4)):
            self.put(own, at, rng.randint(3_000, 40_000), KINDS[5], is_refund=True, avs="", csc="")
            at += timedelta(days=rng.randint(0, 9), minutes=rng.randint(3, 500))

    def abroad(self) -> None:
        """One dear purchase with a stolen card, sent far away."""
        rng = self.rng
        thief = replace(self.person([f"far-{rng.randrange(10**9)}"]), customer="")
        self.put(thief, self.moment(), self.amount(thief) * rng.randint(2, 12), KINDS[6],
                 avs=rng.choice(("No Match", "No Match", "No Match", "Zip Match Only", "Address Unavailable")),
                 csc=rng.choice(("No Match", "No Match", "Match", "Not Processed")),
                 shipping_country=rng.choice(_FAR))  # fmt: skip


def generate(payments: int, seed: int, days: int = 120) -> Stream:
    """Return about so many honest payments with a few percent of trouble of every kind, in any order."""
    maker = _Maker(seed, payments, days)
    stories: dict[Callable[[], None], int] = {
        maker.honest: payments,
        maker.used_often: payments // 900,
        maker.taken_over: payments // 600,
        maker.one_address: payments // 2_500,
        maker.tried_out: payments // 2_500,
        maker.twice: payments // 300,
        maker.refund: payments // 900,
        maker.abroad: payments // 400,
    }
    for story, times in stories.items():
        for _ in range(max(1, times)):
            story()
    maker.rng.shuffle(maker.stream.facts)
    return maker.stream
