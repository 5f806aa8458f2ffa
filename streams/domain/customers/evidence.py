"""What speaks for which customer of abas, and whether it is enough. Pure.

Two things must agree, of e-mail, name, place and number, and nothing of weight may speak for another customer: an
e-mail address or a number that leads elsewhere is a contradiction, a shared name or place is not. What abas itself has
recorded needs nothing beside it. A tie is never broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.records.customers import LinkWaitingReason

EMAIL, NAME, PLACE, NUMBER, RECORDED = "email", "name", "place", "number", "recorded"
ENOUGH = 2
# These are one customer's alone where data are in order.
_OWN = frozenset({EMAIL, NUMBER})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whom a vault customer is linked to, or why to nobody.

    Shapes: found is kinds of evidence by customer of abas, the strongest first.
    """

    abas_customer_id: str | None
    why: LinkWaitingReason
    found: Mapping[str, tuple[str, ...]]

    @property
    def in_words(self) -> tuple[str, ...]:
        """Each customer with what speaks for it: 70001: email, name."""
        return tuple(f"{customer}: {', '.join(kinds)}" for customer, kinds in self.found.items())


def verdict(answers: Mapping[str, tuple[str, ...]], rejected: frozenset[str]) -> Verdict:
    """Return what the answers of all tokens come to.

    Shapes: answers are customers of abas by token, `email:...`; rejected are those that a person said it is not.
    """
    kinds: dict[str, set[str]] = {}
    for token, customers in answers.items():
        for customer in customers:
            kinds.setdefault(customer, set()).add(token.partition(":")[0])
    heard = {customer: tuple(sorted(of)) for customer, of in kinds.items() if customer not in rejected}
    found = dict(sorted(heard.items(), key=lambda one: (RECORDED not in one[1], -len(one[1]), one[0])))
    recorded = [customer for customer, of in found.items() if RECORDED in of]
    enough = recorded or [customer for customer, of in found.items() if len(of) >= ENOUGH]
    if len(enough) > 1:
        return Verdict(None, LinkWaitingReason.SEVERAL_AGREE, found)
    if not enough:
        if kinds.keys() & rejected and not found:
            return Verdict(None, LinkWaitingReason.UNLINKED_BY_PERSON, found)
        why = LinkWaitingReason.TOO_LITTLE_AGREES if found else LinkWaitingReason.NOBODY_AGREES
        return Verdict(None, why, found)
    (customer,) = enough
    contradicts = any(_OWN & set(of) for other, of in found.items() if other != customer)
    if contradicts and not recorded:
        return Verdict(None, LinkWaitingReason.EVIDENCE_DISAGREES, found)
    return Verdict(customer, LinkWaitingReason.UNKNOWN, found)
