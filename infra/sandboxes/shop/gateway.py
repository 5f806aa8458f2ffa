"""How the shop's buyers pay: in a PayTrace sandbox where one is named, so that both tell one story; else made up.

Speaks PayTrace's published v1 API as the shop's plugin does.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import httpx2

from infra.sandboxes.shop.store import Store

# The vendor's published test number; it goes to a sandbox on loopback and is kept nowhere.
_CARD: Final[Mapping[str, Any]] = {
    "credit_card": {"number": "4012000098765439", "expiration_month": "12", "expiration_year": "2030"},
    # The address at which the vendor's test card passes its check.
    "billing_address": {"name": "Buyer", "street_address": "8320 E. West St.", "zip": "85284"},
}
_DECLINED: Final = 102


class GatewayRefused(Exception):
    """The gateway said no; the text is what the plugin writes into a note."""


class ShopGateway:
    """The payment plugin's side of the wire."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def charge(self, number: str, amount: str, *, capture: bool) -> str:
        """Take or reserve an amount and return the transaction; what is reserved is on a card of the vault.

        Raises: GatewayRefused.
        """
        fields: dict[str, Any] = {"amount": amount, "invoice_id": number}
        if capture:
            return await self._call("/v1/transactions/sale/keyed", {**fields, **_CARD})
        buyer = {"customer_id": f"shop-{number}"}
        if self._store.settings.paytrace_url:
            await self._call("/v1/customer/create", {**buyer, **_CARD}, made="customer_id")
        return await self._call("/v1/transactions/authorization/by_customer", {**fields, **buyer})

    async def capture(self, transaction: str, amount: str) -> str:
        """Capture a reserved amount and return the transaction."""
        return await self._call("/v1/transactions/authorization/capture", _on(transaction, amount))

    async def void(self, transaction: str) -> str:
        """Cancel what has not settled."""
        return await self._call("/v1/transactions/void", _on(transaction, None))

    async def refund(self, transaction: str, amount: str) -> str:
        """Pay back what has settled and return the refund's own transaction."""
        return await self._call("/v1/transactions/refund/for_transaction", _on(transaction, amount))

    async def _call(self, path: str, fields: Mapping[str, Any], made: str = "transaction_id") -> str:
        settings = self._store.settings
        if not settings.paytrace_url:
            number = int(self._store.read_meta("next_transaction", "500000001"))
            self._store.write_meta("next_transaction", str(number + 1))
            return str(number)
        form = {
            "grant_type": "password",
            "username": settings.paytrace_username,
            "password": settings.paytrace_password,
        }
        async with httpx2.AsyncClient(base_url=settings.paytrace_url, timeout=20.0, trust_env=False) as client:
            token = (await client.post("/oauth/token", data=form)).json()["access_token"]
            answer = await client.post(path, json=dict(fields), headers={"authorization": f"Bearer {token}"})
        body: dict[str, Any] = answer.json()
        if not body.get("success") or body.get("response_code") == _DECLINED:
            raise GatewayRefused(str(body.get("approval_message") or body.get("status_message") or "declined"))
        return str(body[made])


def _on(transaction: str, amount: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = {"transaction_id": int(transaction)}
    return fields if amount is None else {**fields, "amount": str(Decimal(amount))}
