"""Writes into a WooCommerce shop, each thing once: looked up by our mark before, written, and looked up again.

WooCommerce has no idempotency key: two equal calls make two things. So a call is claimed before it is made, and each
thing carries our reference, a note in its text, a refund and a status in `_saldo_ref`; what is there is not written
again, and of two that a lost answer left behind the later one is deleted. A status is claimed like the others: one that
a paused process sends late would undo what people did meanwhile. Money moves in PayTrace alone: a refund says
`api_refund: false`, and lines or addresses are never sent, since the shop would compute a paid order anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from connectors.shop.settings import ShopSettings
from connectors.woocommerce.client import WooCommerceClient
from connectors.woocommerce.errors import ShopRefused, WriteOutcomeUnknown
from connectors.woocommerce.mapping import REFERENCE_META
from connectors.woocommerce.wire import JsonObject, items, text
from schemas.failures import SaldoError
from schemas.records.orders import ShopWriteKind, ShopWriteRefused, ShopWritten, WriteToShop
from schemas.values.clock import utc_now
from schemas.values.money import Money, from_major

WRITE_BACK_OFF: Final = "WRITE_BACK_OFF"
INCOMPLETE: Final = "INCOMPLETE"
MOVED_ON: Final = "STATUS_MOVED_ON"
SHOWN_ALREADY: Final = "REFUND_SHOWN_ALREADY"


class WriteRights(Protocol):
    """Who may write now; the claims of all processes (streams/edges/shop_claims.py)."""

    async def may_write(self, command: WriteToShop) -> bool:
        """Say whether this process may make this write now, once."""
        ...

    def not_made(self, command: WriteToShop) -> None:
        """Note that the allowed write certainly did not reach the shop."""
        ...


class WooCommerceSink:
    """One shop; satisfies streams.edges.ports.ShopWriter."""

    def __init__(
        self,
        client: WooCommerceClient,
        settings: ShopSettings,
        rights: WriteRights | None = None,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Without rights every attempt may write, as where no other process writes."""
        self._client = client
        self._rights = rights
        self._settings = settings
        self._now = now

    async def write(self, command: WriteToShop) -> ShopWritten | ShopWriteRefused:
        """Make the shop hold this once, whatever was lost on the way; see streams.edges.ports.ShopWriter."""
        if not self._settings.writes_back:
            return refused(command, WRITE_BACK_OFF, "set SALDO_SHOP_WRITES_BACK=true to write into this shop")
        try:
            match command.kind:
                case ShopWriteKind.NOTE if command.text:
                    written = await self._note(command)
                case ShopWriteKind.STATUS if command.shop_status:
                    written = await self._status(command, command.shop_status)
                case ShopWriteKind.REFUND if command.amount_minor and command.currency:
                    written = await self._refund(command, Money(command.amount_minor, command.currency))
                case _:
                    return refused(command, INCOMPLETE, "a note needs a text, a status its name, a refund an amount")
        except ShopRefused as said_no:
            return refused(command, said_no.code, str(said_no))
        return ShopWritten(
            command_id=command.command_id,
            shop_order=command.shop_order,
            shop=command.shop,
            order_id=command.order_id,
            kind=command.kind,
            shop_record_id=written,
            occurred_at=self._now(),
        )

    async def _note(self, command: WriteToShop) -> str:
        path, mark = f"/orders/{command.order_id}/notes", f"[saldo {command.command_id}]"

        async def ours() -> Sequence[JsonObject]:
            answer = await self._client.get(path, type="internal")
            return [one for one in items(answer.body) if mark in text(one.get("note"))]

        body = {"note": f"{command.text} {mark}", "customer_note": False}
        return await self._once(command, path, body, ours)

    async def _refund(self, command: WriteToShop, amount: Money) -> str:
        path = f"/orders/{command.order_id}/refunds"

        async def ours() -> Sequence[JsonObject]:
            return [one async for one in self._client.pages(path) if _is_of(command, one)]

        order = (await self._client.get(f"/orders/{command.order_id}", _fields="id,currency")).body
        if text(order.get("currency")).upper() != amount.currency:
            raise ShopRefused(f"order {command.order_id} is in {text(order.get('currency'))}", code="CURRENCY_DIFFERS")
        if command.up_to_minor is not None:
            others = [one async for one in self._client.pages(path) if not _is_of(command, one)]
            shown_minor = sum(
                from_major(Decimal(text(one.get("amount")) or "0"), amount.currency).minor for one in others
            )
            amount = Money(command.up_to_minor - shown_minor, amount.currency)
        body = {
            "amount": str(amount.major),
            "reason": command.text,
            "api_refund": False,
            "api_restock": False,
            "meta_data": [{"key": REFERENCE_META, "value": command.command_id}],
        }
        return await self._once(command, path, body, ours)

    async def _once(self, command: WriteToShop, path: str, body: dict[str, Any], ours: Callable[[], Any]) -> str:
        """Write unless it is there; of several that bear our mark keep the first. Returns its id."""
        found = await ours()
        if not found and Decimal(body.get("amount", "1")) <= 0:
            raise ShopRefused("the shop shows all of it already", code=SHOWN_ALREADY)
        if not found:
            await self._make(command, "POST", path, body)
            found = await ours()
        if not found:
            raise WriteOutcomeUnknown(f"{path}: it was written and does not show; it is looked up again")
        first, *doubles = sorted(found, key=lambda one: int(text(one.get("id"))))
        for double in doubles:
            await self._client.write("DELETE", f"{path}/{text(double.get('id'))}", {}, force="true")
        return text(first.get("id"))

    async def _make(self, command: WriteToShop, method: str, path: str, body: dict[str, Any]) -> None:
        if self._rights is None:
            await self._client.write(method, path, body)
            return
        if not await self._rights.may_write(command):
            raise WriteOutcomeUnknown(f"{path}: it may be on its way from another process; it is looked up again")
        try:
            await self._client.write(method, path, body)
        except WriteOutcomeUnknown:
            raise
        except SaldoError:
            self._rights.not_made(command)
            raise

    async def _status(self, command: WriteToShop, status: str) -> str:
        """Set a status and our reference in one save, so that one that people moved on since is not set again."""
        path = f"/orders/{command.order_id}"
        order = (await self._client.get(path)).body
        references = _reference(order).split()
        held = text(order.get("status"))
        if command.command_id not in references and held != status:
            if command.from_statuses and held not in command.from_statuses:
                may = ", ".join(command.from_statuses)
                raise ShopRefused(f"order {command.order_id} is {held}; {status} is set from {may}", code=MOVED_ON)
            kept = " ".join([*references, command.command_id])
            body = {"status": status, "meta_data": [{"key": REFERENCE_META, "value": kept}]}
            await self._make(command, "PUT", path, body)
        return command.order_id


def refused(command: WriteToShop, code: str, message: str) -> ShopWriteRefused:
    """Return that a command is not carried out, and why."""
    return ShopWriteRefused(
        command_id=command.command_id,
        shop_order=command.shop_order,
        shop=command.shop,
        order_id=command.order_id,
        kind=command.kind,
        code=code,
        message=message,
        occurred_at=command.occurred_at,
    )


def _is_of(command: WriteToShop, refund: JsonObject) -> bool:
    """Return whether a refund that the shop shows is the one that this command made."""
    return _reference(refund) == command.command_id and refund.get("refunded_payment") is not True


def _reference(found: JsonObject) -> str:
    values = [text(one.get("value")) for one in items(found.get("meta_data")) if one.get("key") == REFERENCE_META]
    return values[-1] if values else ""
