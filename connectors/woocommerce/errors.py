"""What can go wrong with a WooCommerce shop, named by what should happen next (families: schemas/failures/__init__.py).

Transient
  ShopUnavailable       no usable answer: asked again. Also a page under status 200, or another route's answer
  ShopThrottled         429: asked again after its Retry-After, within bounds
  WriteOutcomeUnknown   (Delayed) a write was sent and no answer came: it is looked up before any repeat
Refused
  ShopRefused           understood and rejected; code is WooCommerce's own
Unreadable
  UnreadableOrder       one thing of a list without an id; its siblings are fine
ContractBroken
  ShopLoginRejected     401, 403: the keys, their rights or a firewall; asking on could lock us out
  ShopNotThere          no WooCommerce REST v3 at this address (rest_no_route, a redirect)
"""

from __future__ import annotations

from schemas.failures import ContractBroken, Delayed, Refused, Unavailable, Unreadable


class ShopUnavailable(Unavailable):
    """The shop did not answer usefully."""


class ShopThrottled(ShopUnavailable):
    """The shop's host asked us to slow down."""


class WriteOutcomeUnknown(Delayed):
    """A write may have been carried out; only a look-up tells."""


class ShopRefused(Refused):
    """The shop understood and said no."""


class UnreadableOrder(Unreadable):
    """One thing of a list can't be read."""


class ShopLoginRejected(ContractBroken):
    """The shop does not accept our keys."""


class ShopNotThere(ContractBroken):
    """There is no WooCommerce at this address."""
