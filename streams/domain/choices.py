"""What finance chose where accounting leaves a choice: the `policies:` of the mapping, one field for each.

Each context reads the choices that are its own; all of them stand here at once, so that a mapping is one file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

ClosedPeriod = Literal["redate", "park", "adjust"]


@dataclass(frozen=True, slots=True)
class SmallRests:
    """Which rests are written off by rule. Units: percent of the open item; minor units of each currency.

    Both must hold; a currency without a limit is never written off by rule.
    """

    percent: Decimal
    limits_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CashDiscount:
    """A discount by the invoice's own terms, taken so many days late at most.

    tax_unknown  where the ERP names no tax of the invoice: the discount waits for a person, or is booked without tax
    """

    grace_days: int
    tax_unknown: Literal["wait", "without_tax"] = "wait"


# What two systems both hold of a customer.
CUSTOMER_FIELDS = ("name", "email", "phone", "billing", "shipping")


@dataclass(frozen=True, slots=True)
class CustomerRules:
    """What is done by rule about customers: the `customers:` of the mapping.

    unknown          a vault customer for whom nothing in the ERP speaks: a person is asked, or the ERP is asked to
                     create it
    payment_methods  what it can be charged by is written into the ERP beside the customer
    owners           whose value of a field stands, on both sides; a field without an owner flows nowhere
    conflict         what the other side holds otherwise is overwritten by the owner's, and shown; or a person decides
    """

    unknown: Literal["flag", "create"] = "flag"
    payment_methods: bool = False
    owners: Mapping[str, Literal["abas", "paytrace"]] = field(default_factory=dict)
    conflict: Literal["owner", "ask"] = "owner"


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices in force.

    closed_period                what becomes of a document whose period the ERP has closed, by kind; park for the rest
    refund_without_credit_memo   the invoice is open again, or the customer is owed the money
    chargeback                   a receivable from the processor, or the invoice is open again at once
    chargeback_lost              the invoice is open again, or it is written off
    unapplied                    money that no open item takes waits, or goes on the customer's account
    apply_on_account             money on account is applied to new open items: never by rule, or oldest first
    apply_credit                 open credit memos and credit balances of the ERP likewise
    write_off                    small rests that are written off by rule; None: never
    skonto                       cash discounts taken by rule; None: never
    base_currency                the currency of the books
    """

    closed_period: Mapping[str, ClosedPeriod]
    refund_without_credit_memo: Literal["reopen", "liability"]
    chargeback: Literal["receivable", "reopen"]
    chargeback_lost: Literal["reopen", "write_off"]
    unapplied: Literal["wait", "on_account"]
    apply_on_account: Literal["off", "oldest_first"]
    write_off: SmallRests | None
    skonto: CashDiscount | None
    base_currency: str
    apply_credit: Literal["off", "oldest_first"] = "off"

    def for_closed_period(self, kind: str) -> ClosedPeriod:
        """Return what becomes of a document of this kind whose period is closed."""
        return self.closed_period.get(kind, "park")
