"""Which account does a line of a document get? A pure value that deciders are handed with their policy.

People write the mapping as the rules `account-mapping`: streams/rules/mapping.py reads them, docs/mapping.md explains
them. What was decided stays so, because account, cost centre, tax code and text stand in the lines of the document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from schemas.values.replacing import replace
from streams.domain.choices import Choices, CustomerRules
from streams.domain.statuses import StatusWords

Facts = Mapping[str, str]  # what is known of a line, by the names below; what is not known is left out
TextOf = Callable[[Facts, date], str]  # a text from the facts of a line and its value date

FACTS: Mapping[str, str] = MappingProxyType(
    {
        "kind": "kind of the document, as in schemas/documents",
        "company": "company of the ERP that gets the document, where there are several",
        "merchant_account": "our label of the merchant account that the money moves by",
        "currency": "currency of the line (ISO 4217)",
        "method": "how it was paid: CARD, ACH or UNKNOWN",
        "product_category": "category of what was sold, UNKNOWN where nobody names one",
        "fee_kind": "kind of the fee",
        "event": "event that the document follows from",
        "reason": "why money goes back: VOID, ACH_RETURN, REFUND, CORRECTION",
        "customer": "number of the customer in the ERP",
        "tax_code": "tax code of the invoice whose discount it is",
        "amount": "amount of the line, without a sign: 125.00",
    }
)


@dataclass(frozen=True, slots=True)
class Account:
    """What a line of a document gets: numbers of the ERP."""

    number: str
    cost_centre: str | None = None
    tax_code: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Unmapped:
    """No account is known; why names the role, the facts and the remedy."""

    role: str
    why: str


@dataclass(frozen=True, slots=True)
class AccountRule:
    """One line of the mapping: it counts from this day on, where all of its conditions hold.

    when  fact -> values, of which one must be given; a fact that is not known is none of them
    text  the line's text for people, from its facts and value date, if it has one
    holds  expression over the facts, if the line has one
    """

    account: Account
    when: Mapping[str, AbstractSet[str]]
    holds: Callable[[Facts], bool] | None
    valid_from: date
    text: TextOf | None = None

    def counts(self, facts: Facts, on: date) -> bool:
        """Return whether this line says what the account is."""
        return (
            self.valid_from <= on
            and all(facts.get(name) in values for name, values in self.when.items())
            and (self.holds is None or self.holds(facts))
        )


@dataclass(frozen=True, slots=True)
class Accounts:
    """The lines of each role, in the order in which they stand: the first that counts gives all that it says."""

    rules: Mapping[str, Sequence[AccountRule]]

    def of(self, role: str, facts: Facts, on: date) -> Account | Unmapped:
        """Return what a line of this role gets where these facts are known, on its value date."""
        lines = self.rules.get(role, ())
        found = next((line for line in lines if line.counts(facts, on)), None)
        if found is not None:
            return found.account if found.text is None else replace(found.account, text=found.text(facts, on))
        known = ", ".join(f"{name} {value}" for name, value in sorted(facts.items())) or "nothing is known"
        return Unmapped(role, f"no account for role {role} on {on} ({known}); add a line below accounts.{role}")


@dataclass(frozen=True, slots=True)
class AccountMapping:
    """One version of the mapping: the accounts, and what people chose (below `policies:`).

    statuses are the ERP's words for what became of payments; without them none is written back.
    customers is what is done by rule about customers.
    companies says into which company of the ERP the money of each merchant account goes, by its label; empty where
    there is one company.
    """

    version: int
    accounts: Accounts
    policies: Choices
    statuses: StatusWords | None = None
    companies: Mapping[str, str] = field(default_factory=dict)
    customers: CustomerRules = field(default_factory=CustomerRules)

    def company_of(self, merchant_account: str) -> str | Unmapped:
        """Return the company of a merchant account, empty where there is one; Unmapped where none is said."""
        if not self.companies:
            return ""
        named = self.companies.get(merchant_account)
        if named is None:
            return Unmapped(
                "", f"no company for merchant account {merchant_account or '(none)'}; add it below companies"
            )
        return named
