"""What can go wrong with a provider of exchange rates, named by what should happen next (schemas/failures/__init__.py).

Transient
  RatesUnavailable      no usable answer: asked again, later and later
Unreadable
  RatesUnreadable       an answer that is not what the provider's format says, or of another base currency
ContractBroken
  RatesNotThere         the address is not one of this provider, or it refuses us
"""

from __future__ import annotations

from schemas.failures import ContractBroken, Unavailable, Unreadable


class RatesUnavailable(Unavailable):
    """The provider did not answer usefully."""


class RatesUnreadable(Unreadable):
    """What the provider publishes can't be read as rates; nothing of it is taken."""


class RatesNotThere(ContractBroken):
    """There is no provider at this address, or it refuses us."""
