"""The shop itself: what buyers, staff, the plugin and timers do to orders, each change committed with its hooks."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from infra.sandboxes.common.books import MICROS
from infra.sandboxes.shop.gateway import GatewayRefused, ShopGateway
from infra.sandboxes.shop.store import Store, Thing
from infra.sandboxes.shop.totals import compute, money, net_of, spread

_PAYABLE: Final = frozenset({"pending", "on-hold", "failed", "cancelled"})
_PAID: Final = frozenset({"processing", "completed"})


class ShopRefuses(Exception):
    """A call that the shop answers with an error: its HTTP status and code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Shop:
    """Orders and what happens to them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.gateway = ShopGateway(store)

    # --- goods

    def make_category(self, wanted: Mapping[str, Any]) -> Thing:
        """Add a category: {name, slug, parent}."""
        name = str(wanted["name"])
        slug = str(wanted.get("slug", name.lower().replace(" ", "-")))
        return self.store.make("category", {"name": name, "slug": slug, "parent": int(wanted.get("parent", 0))})

    def make_product(self, wanted: Mapping[str, Any]) -> Thing:
        """Add a product: {name, sku, price, categories, variations: [{name, sku, price}]}."""
        variations = wanted.get("variations", ())
        doc = {
            "name": str(wanted.get("name", "Thing")),
            "type": str(wanted.get("type", "variable" if variations else "simple")),
            "status": "publish",
            "sku": str(wanted.get("sku", "")),
            "price": str(wanted.get("price", "10.00")),
            "categories": [int(one) for one in wanted.get("categories", ())],
        }
        with self.store.transaction():
            made = self.store.make("product", doc)
            for one in variations:
                own = {"type": "variation", "categories": [], **{name: str(held) for name, held in one.items()}}
                self.store.make("variation", {**doc, **own}, parent=made.id)
            self._report("product.created", made.id)
        return made

    def change_product(self, number: int, wanted: Mapping[str, Any]) -> None:
        """Change a product; {"deleted": true} removes it."""
        found = self.found("product", number)
        with self.store.transaction():
            if wanted.get("deleted"):
                self.store.remove(found)
                self._report("product.deleted", number)
                return
            found.doc.update(wanted)
            self.store.save(found)
            self._report("product.updated", number)

    # --- orders

    def make_order(self, wanted: Mapping[str, Any], *, status: str) -> Thing:
        """Add an order: {lines, shipping, fees, coupons, customer_id, email, country, currency, status, meta}."""
        settings = self.store.settings
        doc: dict[str, Any] = {
            "currency": wanted.get("currency", settings.currency),
            "customer_id": int(wanted.get("customer_id", 0)),
            "order_key": f"wc_order_{secrets.token_hex(7)}",
            "billing": _party(wanted.get("billing", {}), wanted),
            "shipping": _party(wanted.get("ships_to", {}), wanted) if wanted.get("ships_to") else {},
            "payment_method": wanted.get("payment_method", settings.gateway_id),
            "payment_method_title": wanted.get("payment_method_title", "Credit card (PayTrace)"),
            "transaction_id": "",
            "created_via": wanted.get("created_via", "checkout"),
            "customer_note": wanted.get("customer_note", ""),
            "completed_us": None,
            "paid_us": None,
            "meta_data": [],
            "is_taxed": wanted.get("is_taxed", True),
            "captured": False,
        }
        self._fill(doc, wanted)
        with self.store.transaction():
            made = self.store.make("order", doc, status=status, skip=settings.ids_between_orders)
            made.doc["number"] = str(wanted.get("number", f"{settings.number_prefix}{made.id}"))
            for name, value in dict(wanted.get("meta", {})).items():
                self._set_meta(made, name, value)
            self.store.save(made, moves_modified=False)
            self._report("order.created", made.id)
        return made

    def _fill(self, doc: dict[str, Any], wanted: Mapping[str, Any]) -> None:
        settings = self.store.settings
        doc["line_items"] = [self._item(at, line) for at, line in enumerate(wanted.get("lines", ({},)))]
        doc["shipping_lines"] = [
            {
                "id": self.store.next_id(),
                "method_title": str(one.get("title", "Flat rate")),
                "method_id": str(one.get("method", "flat_rate")),
                "instance_id": "1",
                "total": str(net_of(Decimal(str(one["total"])), settings)),
                "tax_status": one.get("tax_status", "taxable"),
                "meta_data": [],
            }
            for one in wanted.get("shipping", ())
        ]
        doc["fee_lines"] = [
            {
                "id": self.store.next_id(),
                "name": str(one.get("name", "Fee")),
                "tax_class": "",
                "tax_status": one.get("tax_status", "taxable"),
                "total": str(one["total"]),
                "meta_data": [],
            }
            for one in wanted.get("fees", ())
        ]
        doc["coupon_lines"] = []
        for one in wanted.get("coupons", ()):
            amount = Decimal(str(one["discount"]))
            nets = [Decimal(line["total"]) for line in doc["line_items"]]
            for line, part in zip(doc["line_items"], spread(amount, nets, settings.decimals), strict=True):
                line["total"] = str(Decimal(line["total"]) - part)
            doc["coupon_lines"].append(
                {
                    "id": self.store.next_id(),
                    "code": str(one.get("code", "welcome")),
                    "discount": money(amount, settings.decimals),
                    "discount_tax": money("0", settings.decimals),
                    "discount_type": "fixed_cart",
                    "nominal_amount": float(amount),
                    "free_shipping": False,
                    "meta_data": [],
                }
            )
        compute(doc, settings)

    def _item(self, at: int, line: Mapping[str, Any]) -> dict[str, Any]:
        number = int(line.get("product_id", 0))
        variation = int(line.get("variation_id", 0))
        known = self.store.find("variation", variation) if variation else self.store.find("product", number)
        price = Decimal(str(line.get("price", "10.00" if known is None else known.doc["price"])))
        quantity = Decimal(str(line.get("quantity", 1)))
        subtotal = net_of(price * quantity, self.store.settings)
        return {
            "id": self.store.next_id(),
            "name": str(line.get("name", f"Thing {at + 1}" if known is None else known.doc["name"])),
            "product_id": number,
            "variation_id": variation,
            "quantity": int(quantity) if quantity == int(quantity) else float(quantity),
            "tax_class": str(line.get("tax_class", "")),
            "tax_status": str(line.get("tax_status", "taxable")),
            "subtotal": str(subtotal),
            "total": str(subtotal),
            "meta_data": list(line.get("meta_data", ())),
        }

    def found(self, kind: str, number: int) -> Thing:
        """Return a thing. Raises: ShopRefuses 404."""
        thing = self.store.find(kind, number)
        if thing is None:
            raise ShopRefuses(404, f"woocommerce_rest_{'shop_' * (kind == 'order')}{kind}_invalid_id", "Invalid ID.")
        return thing

    def move(self, order: Thing, status: str, text: str = "") -> None:
        """Put an order into a status; whoever does so, nothing forbids it."""
        with self.store.transaction():
            if text:
                self.add_note(order, text, report=False)
            if order.status == status:
                return
            order.status = status
            if status in _PAID and order.doc["paid_us"] is None and order.doc["payment_method"]:
                order.doc["paid_us"] = self.store.now_us()
            if status == "completed":
                order.doc["completed_us"] = self.store.now_us()
            if status == "refunded":
                self._refund_the_rest(order)
            self.store.save(order)
            self._report("order.updated", order.id)

    def _set_meta(self, thing: Thing, name: str, value: Any) -> None:
        entry = next((one for one in thing.doc["meta_data"] if one["key"] == name), None)
        if entry is not None:
            entry["value"] = value
        else:
            thing.doc["meta_data"].append({"id": self.store.next_id(), "key": name, "value": value})

    def add_note(self, order: Thing, text: str, *, by_customer: bool = False, report: bool = False) -> Thing:
        """Write a note; it does not move date_modified of its order."""
        doc = {"author": "system", "note": text, "customer_note": by_customer}
        made = self.store.make("note", doc, parent=order.id)
        if report:
            self._report("order.updated", order.id)
        return made

    def edit(self, order: Thing, wanted: Mapping[str, Any]) -> None:
        """Change lines or fields of an order, also of a paid one; totals are computed anew."""
        doc = order.doc
        with self.store.transaction():
            if _LISTS_WANTED & set(wanted):
                self._fill(doc, {"lines": [], **wanted})
            doc.update({name: held for name, held in wanted.items() if name in _PLAIN})
            for name, value in dict(wanted.get("meta", {})).items():
                self._set_meta(order, name, value)
            self.store.save(order, moves_modified=wanted.get("moves_modified", True))
            self._report("order.updated", order.id)

    def trash(self, order: Thing) -> None:
        """Move an order to the trash."""
        with self.store.transaction():
            order.doc["before_trash"], order.status = order.status, "trash"
            self.store.save(order)
            self._report("order.deleted", order.id)

    def restore(self, order: Thing) -> None:
        """Take an order out of the trash again."""
        with self.store.transaction():
            order.status = order.doc.pop("before_trash", "pending")
            self.store.save(order)
            self._report("order.restored", order.id)

    def remove(self, order: Thing) -> None:
        """Delete an order for good; nothing sure is reported."""
        self.store.remove(order)

    def opened_by_staff(self, order: Thing) -> None:
        """Let staff look at an order, which moves date_modified in some shops and changes nothing."""
        if self.store.settings.opening_moves_modified:
            self.store.save(order)

    # --- money

    async def pay(self, order: Thing, outcome: str) -> None:
        """Let the buyer pay: approve, decline or authorize. A declined one may try again: the same order."""
        if order.status not in _PAYABLE and order.status != "checkout-draft":
            raise ShopRefuses(400, "sandbox_not_payable", f"an order that is {order.status} is not payable")
        amount = order.doc["total"]
        try:
            if outcome == "decline" and not self.store.settings.paytrace_url:
                raise GatewayRefused("DECLINED - do not honor")
            charged = "0.29" if outcome == "decline" else amount
            transaction = await self.gateway.charge(order.doc["number"], charged, capture=outcome != "authorize")
        except GatewayRefused as refused:
            self.move(self.found("order", order.id), "failed", f"PayTrace: payment failed ({refused}).")
            return
        order = self.found("order", order.id)
        captured = outcome != "authorize"
        with self.store.transaction():
            order.doc["paid_us"] = order.doc["paid_us"] or (self.store.now_us() if captured else None)
            self._leave(order, transaction, "approved" if captured else "authorized", captured=captured)
            self.move(order, "processing" if captured else self.store.settings.authorized_status)

    async def capture(self, order: Thing, amount: str | None, *, only_at_gateway: bool = False) -> None:
        """Capture what was authorized, all of it or less; only_at_gateway is the terminal, which no shop hears of."""
        transaction = self._own(order)
        captured = await self.gateway.capture(transaction, amount or order.doc["total"])
        if only_at_gateway:
            return
        order = self.found("order", order.id)
        if self.store.settings.replaces_id_on_capture:
            captured = str(int(captured) + 1) if captured == transaction else captured
        with self.store.transaction():
            order.doc["paid_us"] = order.doc["paid_us"] or self.store.now_us()
            self._leave(order, captured, f"captured {amount or order.doc['total']}", captured=True)
            self.move(order, "processing")

    async def void(self, order: Thing) -> None:
        """Give an authorization back."""
        await self.gateway.void(self._own(order))
        self.move(self.found("order", order.id), "cancelled", "PayTrace: authorization voided.")

    async def refund(
        self,
        order: Thing,
        amount: str | None,
        *,
        by_gateway: bool,
        fails: bool = False,
        stays: bool = False,
        reason: str = "",
        lines: Sequence[Mapping[str, Any]] = (),
        meta: Sequence[Mapping[str, Any]] = (),
    ) -> Thing:
        """Make a refund: it is saved before the gateway is asked, and deleted again when that refuses.

        `stays` leaves the one that failed for a while, as a slow gateway does; `refund_fails` ends it.
        """
        decimals = self.store.settings.decimals
        listed = [self._refund_line(order, line) for line in lines]
        if amount is None:
            amount = str(sum((-Decimal(one["total"]) - Decimal(one["total_tax"]) for one in listed), Decimal(0)))
        left = Decimal(order.doc["total"]) - sum(
            (Decimal(one.doc["amount"]) for one in self.store.all("refund", parent=order.id)), Decimal(0)
        )
        if Decimal(amount) <= 0 or Decimal(amount) > left:
            raise ShopRefuses(500, "woocommerce_rest_cannot_create_order_refund", "Invalid refund amount.")
        doc: dict[str, Any] = {
            "amount": money(amount, decimals),
            "reason": reason,
            "refunded_by": 1,
            "refunded_payment": by_gateway,
            "meta_data": [{"id": self.store.next_id(), "key": one["key"], "value": one["value"]} for one in meta],
            "line_items": listed,
            "shipping_lines": [],
            "fee_lines": [],
        }
        with self.store.transaction():
            made = self.store.make("refund", doc, parent=order.id)
            self.store.save(order)
            self._report("order.updated", order.id)
        if by_gateway:
            try:
                if fails:
                    raise GatewayRefused("refund refused")
                await self.gateway.refund(self._own(order), doc["amount"])
                sent = Decimal(self.store.read_meta("money_sent", "0")) + Decimal(doc["amount"])
                self.store.write_meta("money_sent", str(sent))
            except GatewayRefused as refused:
                if not stays:
                    self.refund_fails(made)
                    code = "woocommerce_rest_cannot_create_order_refund"
                    raise ShopRefuses(500, code, str(refused)) from None
                return made
        if Decimal(doc["amount"]) == left:
            self.move(self.found("order", order.id), "refunded")
        return made

    def refund_fails(self, refund: Thing) -> None:
        """Delete a refund that the gateway refused."""
        with self.store.transaction():
            self.store.remove(refund)
            if self.store.settings.sees_refund_deletion:
                self._report("order.updated", refund.parent)

    def _refund_line(self, order: Thing, line: Mapping[str, Any]) -> dict[str, Any]:
        number = int(line["id"])
        original = next((one for one in order.doc["line_items"] if one["id"] == number), None)
        if original is None:
            raise ShopRefuses(400, "woocommerce_rest_invalid_item_id", f"Order line {number} is unknown.")
        tax = sum((Decimal(str(one["refund_total"])) for one in line.get("refund_tax", ())), Decimal(0))
        decimals = self.store.settings.decimals
        return {
            **original,
            "id": self.store.next_id(),
            "quantity": -int(line.get("quantity", 0)),
            "total": money(-Decimal(str(line.get("refund_total", "0"))), decimals),
            "total_tax": money(-tax, decimals),
            "meta_data": [{"id": self.store.next_id(), "key": "_refunded_item_id", "value": str(number)}],
        }

    def _refund_the_rest(self, order: Thing) -> None:
        """Write a refund for what is left, which moves no money."""
        done = [Decimal(one.doc["amount"]) for one in self.store.all("refund", parent=order.id)]
        left = Decimal(order.doc["total"]) - sum(done, Decimal(0))
        if left > 0:
            doc = {
                "amount": money(left, self.store.settings.decimals),
                "reason": "Order fully refunded.",
                "refunded_by": 1,
                "refunded_payment": False,
                "meta_data": [],
                "line_items": [],
                "shipping_lines": [],
                "fee_lines": [],
            }
            self.store.make("refund", doc, parent=order.id)

    def _leave(self, order: Thing, transaction: str, what: str, *, captured: bool) -> None:
        """Leave the transaction where this shop's plugin leaves it."""
        settings = self.store.settings
        order.doc["own_transaction"] = transaction
        if settings.plugin == "transaction_id":
            order.doc["transaction_id"] = transaction
        elif settings.plugin == "meta":
            self._set_meta(order, "_wc_paytrace_transaction_id", transaction)
        if settings.plugin != "nothing":
            self.add_note(order, f"PayTrace: {what}. Transaction ID: {transaction}")
            if settings.sends_captured_flag:
                self._set_meta(order, "_wc_paytrace_is_payment_captured", "1" if captured else "")
        self.store.save(order)

    def _own(self, order: Thing) -> str:
        transaction = order.doc.get("own_transaction")
        if not transaction:
            raise ShopRefuses(400, "sandbox_not_paid", "nothing was paid")
        return str(transaction)

    # --- time

    def let_time_pass(self) -> None:
        """Cancel what was not paid in time, and drop old drafts."""
        now, settings = self.store.now_us(), self.store.settings
        for order in self.store.all("order"):
            age_s = (now - order.created_us) / MICROS
            if order.status == "pending" and age_s > settings.hold_minutes * 60:
                self.move(order, "cancelled", "Unpaid order cancelled - time limit reached.")
            elif order.status == "checkout-draft" and age_s > settings.draft_hours * 3600:
                self.store.remove(order)

    # --- hooks

    def _report(self, topic: str, number: int) -> None:
        """Queue a job for each active hook of a topic; one that waits already is not queued again."""
        with self.store.transaction() as db:
            for hook in self.store.rows("SELECT id FROM hook WHERE topic = ? AND status = 'active'", topic):
                db.execute("INSERT OR IGNORE INTO job (hook, thing) VALUES (?, ?)", (hook["id"], number))


_LISTS_WANTED: Final = frozenset({"lines", "shipping", "fees", "coupons"})
_PLAIN: Final = frozenset(
    {"billing", "shipping_address", "customer_note", "transaction_id", "number", "customer_id", "currency", "paid_us"}
)


def _party(given: Mapping[str, str], wanted: Mapping[str, Any]) -> dict[str, str]:
    return {
        "first_name": "Ada",
        "last_name": "Byer",
        "address_1": "1 Main St",
        "city": "San Francisco",
        "state": "CA",
        "postcode": "94107",
        "country": str(wanted.get("country", "US")),
        "email": str(wanted.get("email", "ada@example.com")),
        **given,
    }
