"""What happens on a trading day: which customer pays which invoice, in which of the ways that payments go.

Pure: the same seed gives the same day, so a demo can be played again and a failed test repeated.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

CURRENCY = "USD"


class Course(StrEnum):
    """How one payment goes, from the first call to the end of its life."""

    VAULT_SALE = "vault sale with invoice"
    KEYED_SALE = "keyed sale with invoice"
    VAULT_SALE_NO_INVOICE = "vault sale, amount fits one item"
    TWO_INVOICES = "vault sale that names two invoices"
    TIE = "vault sale, amount fits two items"
    AMOUNT_DIFFERS = "amount differs from the invoice"
    UNKNOWN_INVOICE = "invoice that abas does not know"
    NO_REFERENCE = "no invoice, no vault customer"
    DECLINED = "declined"
    AUTHORIZED = "authorized, never captured"
    CAPTURED = "authorized, captured later"
    CAPTURED_IN_PART = "authorized, captured in part"
    VOIDED_BY_RULE = "approved, then voided by rule (103)"
    VOIDED = "voided before settlement"
    REFUNDED = "refunded in whole"
    REFUNDED_IN_PART = "refunded in part"
    REFUNDED_TWICE = "refunded in two parts"
    ACH_CLEARED = "ACH, cleared"
    ACH_PENDING = "ACH, pending"
    ACH_RETURNED = "ACH, cleared and returned"
    FOREIGN_INVOICE = "invoice in another currency"


# Of a hundred payments. The everyday ones dominate, and every other one happens each day.
_SHARES: dict[Course, int] = {
    Course.VAULT_SALE: 26,
    Course.KEYED_SALE: 19,
    Course.VAULT_SALE_NO_INVOICE: 6,
    Course.TWO_INVOICES: 2,
    Course.TIE: 2,
    Course.AMOUNT_DIFFERS: 3,
    Course.UNKNOWN_INVOICE: 3,
    Course.NO_REFERENCE: 2,
    Course.DECLINED: 4,
    Course.AUTHORIZED: 2,
    Course.CAPTURED: 4,
    Course.CAPTURED_IN_PART: 2,
    Course.VOIDED_BY_RULE: 2,
    Course.VOIDED: 5,
    Course.REFUNDED: 4,
    Course.REFUNDED_IN_PART: 3,
    Course.REFUNDED_TWICE: 2,
    Course.ACH_CLEARED: 4,
    Course.ACH_PENDING: 2,
    Course.ACH_RETURNED: 3,
}


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of both worlds."""

    number: str
    name: str
    vault_id: str


@dataclass(frozen=True, slots=True)
class Invoice:
    """An open item in abas.

    Units: amount_minor in cents of its currency; booked_minor in cents of the books, as which it is booked, where said.
    """

    number: str
    customer: Customer
    amount_minor: int
    currency: str = CURRENCY
    booked_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Deal:
    """One payment to be made. amount_minor is what is charged, or authorized; in cents."""

    course: Course
    customer: Customer
    invoice_number: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that a day needs."""

    customers: tuple[Customer, ...]
    invoices: tuple[Invoice, ...]
    deals: tuple[Deal, ...]


def plan_day(seed: int, payments: int, *, customers: int = 40, label: str = "A") -> Day:
    """Plan a day.

    Shapes:  deals is (payments,); every course happens when payments >= 100.
    Ensures: amounts are distinct per day but for the ties, so what should match matches for one reason only; labels
             keep the invoices of several days apart.
    """
    rng = random.Random(seed)  # noqa: S311 -- a repeatable story, no secret
    people = tuple(
        Customer(f"{70001 + number}", f"{_NAMES[number % len(_NAMES)]} {number + 1}", f"vault-{70001 + number}")
        for number in range(customers)
    )
    amounts = _amounts(rng, payments)
    invoices: list[Invoice] = []
    deals: list[Deal] = []
    for number, course in enumerate(_courses(rng, payments)):
        customer, amount = rng.choice(people), amounts[number]
        name = f"RE-{label}{number:05d}"
        invoices += _invoices(course, name, customer, amount)
        deals.append(Deal(course, customer, _named(course, name), amount))
    return Day(people, tuple(invoices), tuple(deals))


def _courses(rng: random.Random, payments: int) -> Sequence[Course]:
    whole = [course for course, share in _SHARES.items() for _ in range(share)]
    if payments < len(whole):
        # The rare courses stand behind the everyday ones: the first of them would leave every refund and void out.
        return rng.sample(whole, payments)
    courses = [whole[number % len(whole)] for number in range(payments)]
    rng.shuffle(courses)
    return courses


def _amounts(rng: random.Random, count: int) -> Sequence[int]:
    # 29 and 31 cents make the sandbox decline and return, so amounts start well above.
    return rng.sample(range(10_00, 10_00 + max(200_000, 4 * count)), count)


def _invoices(course: Course, name: str, customer: Customer, amount: int) -> list[Invoice]:
    match course:
        case Course.UNKNOWN_INVOICE | Course.NO_REFERENCE | Course.DECLINED | Course.AUTHORIZED:
            return []
        case Course.TWO_INVOICES:
            return [
                Invoice(f"{name}{part}", customer, share)
                for part, share in (("a", amount // 3), ("b", amount - amount // 3))
            ]
        case Course.TIE:
            return [Invoice(f"{name}{twin}", customer, amount) for twin in "ab"]
        case Course.AMOUNT_DIFFERS:
            return [Invoice(name, customer, amount + 500)]
        case Course.CAPTURED_IN_PART:
            return [Invoice(name, customer, captured_part(amount))]
        case _:
            return [Invoice(name, customer, amount)]


def _named(course: Course, name: str) -> str:
    match course:
        case Course.VAULT_SALE_NO_INVOICE | Course.TIE | Course.NO_REFERENCE:
            return ""
        case Course.UNKNOWN_INVOICE:
            return f"X{name}"
        case Course.TWO_INVOICES:
            return f"{name}a, {name}b"
        case _:
            return name


def with_foreign_invoice(day: Day, label: str) -> Day:
    """Return a day on which one more customer pays an invoice in euros, in dollars."""
    customer, amount = day.customers[0], 480_00
    invoice = Invoice(f"RE-{label}EUR", customer, 450_00, "EUR")
    deal = Deal(Course.FOREIGN_INVOICE, customer, invoice.number, amount)
    return Day(day.customers, (*day.invoices, invoice), (*day.deals, deal))


def captured_part(amount_minor: int) -> int:
    """Return what is captured of an authorization that is captured in part: three quarters, rounded down."""
    return amount_minor * 3 // 4


def refund_parts(amount_minor: int) -> tuple[int, int]:
    """Return what is refunded in part: a third, then what is left of the half."""
    third = amount_minor // 3
    return third, amount_minor // 2 - third


_NAMES = ("Acme Inc.", "Bolt & Sons", "Cedar Works", "Delta Foods", "Elm Street Dental", "Fox Logistics", "Granite Co.")
