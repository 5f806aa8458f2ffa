"""Reads WooCommerce's webhooks: who signed one, and which order it names. Nothing else of it is believed or kept.

The body is the order as it was when it was sent, which may be hours old, and no time is signed, so a replay can't be
told; the order is asked for instead. Pure.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from connectors.shop.settings import ShopSettings
from connectors.woocommerce.mapping import HOOK_TOPICS
from connectors.woocommerce.wire import decode, text
from schemas.checks.plausibility import plain_text
from schemas.records.orders import OrderHinted

logger = logging.getLogger(__name__)

_PING: Final = re.compile(rb"webhook_id=[0-9]{1,18}\s*")
_DELIVERY: Final = re.compile(r"[0-9a-f]{1,64}")


class WooCommerceHooks:
    """The webhooks of one shop; satisfies streams.edges.ports.ShopHookReader."""

    def __init__(self, settings: ShopSettings) -> None:
        self._shop = settings.label
        self._secret = settings.hook_secret.get_secret_value().encode()

    def hinted(self, headers: Mapping[str, str], body: bytes, observed_at: datetime) -> tuple[OrderHinted, ...] | None:
        """Return the order that a webhook names; () where it names none, None where it is not proved to be the shop's.

        Shapes: headers by lower-case name; body exactly as received, since PHP's JSON is not ours.
        """
        signature = headers.get("x-wc-webhook-signature", "")
        if not signature and _PING.fullmatch(body):
            return ()  # sent unsigned when a webhook is made; only a 200 ends it
        expected = base64.b64encode(hmac.digest(self._secret, body, hashlib.sha256))
        if not hmac.compare_digest(expected, signature.encode("utf-8", "replace")):
            return None
        topic = headers.get("x-wc-webhook-topic", "")
        if topic not in HOOK_TOPICS:
            return ()
        try:
            found = decode(body)
        except ValueError:
            found = None
        number = found.get("id") if isinstance(found, dict) else None
        if isinstance(number, bool) or not isinstance(number, int) or number <= 0:
            # Validly signed, and an error object: the webhook's owner lost a right, or the order is gone already.
            code = plain_text(text(found.get("code")))[:80] if isinstance(found, dict) else ""
            logger.warning("a shop's hook names no order", extra={"shop": self._shop, "topic": topic, "code": code})
            return ()
        delivery = headers.get("x-wc-webhook-delivery-id", "")
        hint = OrderHinted(
            shop_order=f"{self._shop}/{number}",
            shop=self._shop,
            order_id=str(number),
            hook_topic=topic,
            delivery_id=delivery if _DELIVERY.fullmatch(delivery) else "",
            observed_at=observed_at,
        )
        return (hint,)
