"""The REST API v3 of the shop: its routes, filters, paging headers and error bodies."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from infra.sandboxes.shop import render
from infra.sandboxes.shop.faults import Faults
from infra.sandboxes.shop.hooks import TOPICS
from infra.sandboxes.shop.oddities import distort
from infra.sandboxes.shop.php import encode, read_date
from infra.sandboxes.shop.shop import Shop, ShopRefuses
from infra.sandboxes.shop.store import Thing

BASE: Final = "/wp-json/wc/v3"
_CORE_STATUSES: Final = frozenset(
    {"pending", "on-hold", "processing", "completed", "cancelled", "refunded", "failed", "checkout-draft", "trash"}
)
_RECALCULATES: Final = frozenset({"billing", "shipping", "line_items", "fee_lines", "shipping_lines"})
_MOST_IN_BATCH: Final = 100
_MOST_ON_PAGE: Final = 100
_REFUND_CODE: Final = "woocommerce_rest_cannot_create_order_refund"


class Api:
    """Requests to answers."""

    def __init__(self, shop: Shop, faults: Faults) -> None:
        self._shop = shop
        self._store = shop.store
        self._faults = faults

    async def answer(self, request: Request) -> Response:
        """Answer one REST call."""
        path = request.url.path.removeprefix(BASE).strip("/") or request.query_params.get("rest_route", "")
        path = path.removeprefix("/wc/v3/").strip("/")
        self._shop.let_time_pass()
        try:
            self._authorize(request)
            body = await _body(request)
            found, headers, status = await self._route(request.method, path.split("/"), request.query_params, body)
        except ShopRefuses as refused:
            found, headers, status = _error(refused), {}, refused.status
            if refused.status == 401:
                headers = {"www-authenticate": 'Basic realm="WooCommerce API"'}
        self._store.note("request", {"method": request.method, "path": f"/{path}", "status": status})
        fields = request.query_params.get("_fields")
        if fields and status < 400:
            found = render.trimmed(found, fields.split(","))
        return Response(encode(found), status, headers, "application/json; charset=UTF-8")

    def _authorize(self, request: Request) -> None:
        settings, query = self._store.settings, request.query_params
        key, secret = query.get("consumer_key", ""), query.get("consumer_secret", "")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not key and scheme.lower() == "basic":
            try:
                key, _, secret = base64.b64decode(token).decode().partition(":")
            except (binascii.Error, ValueError):
                key = ""
        if key != settings.consumer_key:
            raise ShopRefuses(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        if secret != settings.consumer_secret:
            raise ShopRefuses(401, "woocommerce_rest_authentication_error", "Consumer secret is invalid.")
        wanted = "read" if request.method in {"GET", "HEAD"} else "write"
        if wanted not in settings.permission:
            message = f"The API key provided does not have {wanted} permissions."
            raise ShopRefuses(401, "woocommerce_rest_authentication_error", message)

    async def _route(
        self, method: str, parts: list[str], query: QueryParams, body: Mapping[str, Any]
    ) -> tuple[Any, dict[str, str], int]:
        store, shop = self._store, self._shop
        dp = int(query["dp"]) if query.get("dp", "").isdecimal() else None
        writes = method in {"PUT", "POST", "PATCH"}
        match method, parts:
            case "GET", ["orders"]:
                return self._page(self._orders(query), query, lambda one: self._order(one, dp, "/orders"))
            case "POST", ["orders"]:
                if "id" in body:
                    raise ShopRefuses(400, "woocommerce_rest_shop_order_exists", "Cannot create existing order.")
                made = shop.make_order({"created_via": "rest-api", **body}, status=str(body.get("status", "pending")))
                return self._order(made, dp, "/orders"), {"location": f"{BASE}/orders/{made.id}"}, 201
            case "POST", ["orders", "batch"]:
                return self._batch(body)
            case "GET", ["orders", number]:
                return self._order(shop.found("order", _number(number)), dp, f"/orders/{number}"), {}, 200
            case _, ["orders", number] if writes:
                return self._order(self._change(_number(number), body), dp, "/orders"), {}, 200
            case "DELETE", ["orders", number]:
                return self._delete(_number(number), force=query.get("force") == "true")
            case "GET", ["orders", number, "refunds"]:
                order = shop.found("order", _number(number))
                refunds = store.all("refund", parent=order.id)
                return self._page(refunds, query, lambda one: render.refund(store, one))
            case "POST", ["orders", number, "refunds"]:
                return await self._refund(_number(number), body)
            case "GET", ["orders", number, "refunds", refund]:
                return render.refund(store, self._child("refund", number, refund)), {}, 200
            case "DELETE", ["orders", number, "refunds", refund]:
                _forced(query)
                found = self._child("refund", number, refund)
                shop.refund_fails(found)
                return render.refund(store, found), {}, 200
            case "GET", ["refunds"] if store.settings.has_refund_list:
                return self._page(store.all("refund"), query, lambda one: render.refund(store, one, with_parent=True))
            case "GET", ["orders", number, "notes"]:
                order = shop.found("order", _number(number))
                kind = query.get("type", "any")
                notes = [
                    render.note(store, one)
                    for one in reversed(store.all("note", parent=order.id))
                    if kind == "any" or (kind == "customer") == one.doc["customer_note"]
                ]
                return notes, {}, 200
            case "POST", ["orders", number, "notes"]:
                order = shop.found("order", _number(number))
                text = str(body.get("note", ""))
                if not text:
                    raise ShopRefuses(400, "rest_missing_callback_param", "Missing parameter(s): note")
                made = shop.add_note(order, text, by_customer=body.get("customer_note") is True)
                return render.note(store, made), {}, 201
            case "DELETE", ["orders", number, "notes", note]:
                _forced(query)
                found = self._child("note", number, note)
                store.remove(found)
                return render.note(store, found), {}, 200
            case "GET", ["products"]:
                return self._page(self._products(query), query, lambda one: render.product(store, one))
            case "GET", ["products", "categories"]:
                return self._page(store.all("category"), query, render.category)
            case "GET", ["products", number]:
                found_product = store.find("variation", _number(number)) or shop.found("product", _number(number))
                return render.product(store, found_product), {}, 200
            case "GET", ["products", number, "variations"]:
                variations = store.all("variation", parent=_number(number))
                return self._page(variations, query, lambda one: render.product(store, one))
            case "GET", ["data", "currencies", "current"]:
                return {"code": store.settings.currency, "name": store.settings.currency, "symbol": ""}, {}, 200
            case "GET", ["payment_gateways"]:
                supports = ["products", "refunds"]
                shown = {"id": store.settings.gateway_id, "title": "PayTrace", "enabled": True}
                return [{**shown, "method_supports": supports}], {}, 200
            case "GET", ["webhooks"]:
                rows = store.rows("SELECT * FROM hook ORDER BY id")
                return self._page(rows, query, lambda row: render.hook(store, row))
            case "POST", ["webhooks"]:
                return self.make_hook(body), {}, 201
            case _, ["webhooks", number] if writes:
                return self._change_hook(_number(number), body), {}, 200
            case "DELETE", ["webhooks", number]:
                if query.get("force") != "true":
                    raise ShopRefuses(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
                with store.transaction() as db:
                    db.execute("DELETE FROM hook WHERE id = ?", (_number(number),))
                return {}, {}, 200
            case _:
                raise ShopRefuses(404, "rest_no_route", "No route was found matching the URL and request method.")

    def _order(self, thing: Thing, dp: int | None, path: str) -> dict[str, Any]:
        return distort(render.order(self._store, thing, dp=dp), self._faults, path)

    def _orders(self, query: QueryParams) -> list[Thing]:
        """Return what the filters leave, in the order asked for."""
        settings = self._store.settings
        zone = None if query.get("dates_are_gmt") == "true" else settings.zone
        wanted = set(query.get("status", "any").split(","))
        found = self._store.all("order")
        if wanted == {"any"}:
            hidden = {"trash"} if settings.any_includes_drafts else {"trash", "checkout-draft"}
            found = [one for one in found if one.status not in hidden]
        else:
            found = [one for one in found if one.status in wanted]
        bounds = {"after": "created_us", "before": "created_us"}
        if settings.honours_modified_filter:
            bounds |= {"modified_after": "modified_us", "modified_before": "modified_us"}
        for name, column in bounds.items():
            if query.get(name):
                try:
                    bound = read_date(query[name], zone)
                except ValueError:
                    raise _invalid(name, "Invalid date.") from None
                # Whole seconds, both ends exclusive.
                found = [
                    one
                    for one in found
                    if (second := getattr(one, column) // 1_000_000 * 1_000_000) != bound
                    and (second > bound) is name.endswith("after")
                ]
        if query.get("include"):
            include = {_number(one) for one in query["include"].split(",")}
            found = [one for one in found if one.id in include]
        if query.get("search"):
            found = [one for one in found if query["search"] in one.doc["number"]]
        order_by = query.get("orderby", "date")
        keys: Mapping[str, Callable[[Thing], Any]] = {
            "date": lambda one: (one.created_us // 1_000_000, 0),
            "id": lambda one: one.id,
            "modified": lambda one: one.modified_us,
            "include": lambda one: one.id,
        }
        if order_by not in keys:
            raise _invalid("orderby", f"{order_by} is not one of {', '.join(keys)}.")
        return sorted(found, key=keys[order_by], reverse=query.get("order", "desc") == "desc")

    def _products(self, query: QueryParams) -> list[Thing]:
        found = self._store.all("product")
        if query.get("include"):
            include = {_number(one) for one in query["include"].split(",")}
            found = [one for one in found if one.id in include]
        if query.get("modified_after") and self._store.settings.honours_modified_filter:
            bound = read_date(query["modified_after"], None)
            found = [one for one in found if one.modified_us > bound]
        return found

    def _page(
        self, found: list[Any], query: QueryParams, shown: Callable[[Any], Any]
    ) -> tuple[Any, dict[str, str], int]:
        per_page = _count("per_page", query.get("per_page", "10"))
        if per_page > _MOST_ON_PAGE:
            raise _invalid("per_page", "per_page must be between 1 (inclusive) and 100 (inclusive)")
        page = _count("page", query.get("page", "1"))
        start = _number(query["offset"]) if query.get("offset") else (page - 1) * per_page
        if page > 1 and self._faults.strikes("page_shift", "/orders") is not None:
            start += 1
        pages = -(-len(found) // per_page)
        headers = {"x-wp-total": str(len(found)), "x-wp-totalpages": str(pages)}
        return [shown(one) for one in found[start : start + per_page]], headers, 200

    def _change(self, number: int, body: Mapping[str, Any]) -> Thing:
        order = self._store.find("order", number)
        if order is None:
            raise ShopRefuses(400, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        status = str(body.get("status", order.status))
        if status not in _CORE_STATUSES:
            raise _invalid("status", f"{status} is not one of the statuses.")
        plain = {name: body[name] for name in ("customer_note", "transaction_id") if name in body}
        meta = {one["key"]: one["value"] for one in body.get("meta_data", ())}
        if _RECALCULATES & set(body):
            # Taxes and totals of a paid order are computed anew, whatever it was sold for.
            self._store.write_meta("recalculated", str(int(self._store.read_meta("recalculated", "0")) + 1))
        with self._store.transaction():
            if plain or meta:
                self._shop.edit(order, {**plain, "meta": meta})
            if status != order.status:
                self._shop.move(order, status)
        return self._shop.found("order", number)

    def _delete(self, number: int, *, force: bool) -> tuple[Any, dict[str, str], int]:
        order = self._shop.found("order", number)
        if force:
            self._shop.remove(order)
        elif order.status == "trash":
            raise ShopRefuses(410, "woocommerce_rest_already_trashed", "The order has already been deleted.")
        else:
            self._shop.trash(order)
        return render.order(self._store, order), {}, 200

    def _batch(self, body: Mapping[str, Any]) -> tuple[Any, dict[str, str], int]:
        updates = list(body.get("update", ()))
        if sum(len(body.get(name, ())) for name in ("create", "update", "delete")) > _MOST_IN_BATCH:
            message = "Unable to accept more than 100 items for this request."
            raise ShopRefuses(413, "woocommerce_rest_request_entity_too_large", message)
        answers: list[Any] = []
        for one in updates:
            try:
                answers.append(render.order(self._store, self._change(int(one["id"]), one)))
            except ShopRefuses as refused:
                answers.append({"id": one["id"], "error": _error(refused)})
        return {"update": answers}, {}, 200

    async def _refund(self, number: int, body: Mapping[str, Any]) -> tuple[Any, dict[str, str], int]:
        order = self._store.find("order", number)
        if order is None:
            raise ShopRefuses(self._store.settings.unknown_order_refund_status, _REFUND_CODE, "Invalid order ID.")
        # Whatever is not a plain false counts as true.
        by_gateway = body.get("api_refund", True) is not False
        amount = body.get("amount")
        made = await self._shop.refund(
            order,
            None if amount is None else str(amount),
            by_gateway=by_gateway,
            reason=str(body.get("reason", "")),
            lines=list(body.get("line_items", ())),
            meta=list(body.get("meta_data", ())),
        )
        return render.refund(self._store, made), {"location": f"{BASE}/orders/{number}/refunds/{made.id}"}, 201

    def _child(self, kind: str, order: str, number: str) -> Thing:
        found = self._shop.found(kind, _number(number))
        if found.parent != _number(order):
            raise ShopRefuses(404, f"woocommerce_rest_order_{kind}_invalid_id", "Invalid ID.")
        return found

    def make_hook(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a hook, by the fields of the REST call."""
        topic = str(body.get("topic", ""))
        if topic not in TOPICS:
            raise ShopRefuses(400, "woocommerce_rest_invalid_webhook_topic", "Webhook topic must be valid.")
        with self._store.transaction() as db:
            made = db.execute(
                "INSERT INTO hook (name, topic, url, secret, status, created_us) VALUES (?, ?, ?, ?, 'active', ?)",
                (
                    str(body.get("name", "")),
                    topic,
                    str(body.get("delivery_url", "")),
                    str(body.get("secret") or secrets.token_urlsafe(37)[:50]),
                    self._store.now_us(),
                ),
            )
        return render.hook(self._store, self._hook(int(made.lastrowid or 0)))

    def _change_hook(self, number: int, body: Mapping[str, Any]) -> dict[str, Any]:
        self._hook(number)
        with self._store.transaction() as db:
            for name, column in (("status", "status"), ("delivery_url", "url"), ("secret", "secret")):
                if name in body:
                    db.execute(f"UPDATE hook SET {column} = ? WHERE id = ?", (str(body[name]), number))  # noqa: S608
            if "delivery_url" in body:
                db.execute("UPDATE hook SET pings = 1 WHERE id = ?", (number,))
        return render.hook(self._store, self._hook(number))

    def _hook(self, number: int) -> Any:
        found = self._store.rows("SELECT * FROM hook WHERE id = ?", number)
        if not found:
            raise ShopRefuses(404, "woocommerce_rest_webhook_invalid_id", "Invalid ID.")
        return found[0]


def _error(refused: ShopRefuses) -> dict[str, Any]:
    return {"code": refused.code, "message": str(refused), "data": {"status": refused.status}}


def _invalid(name: str, why: str) -> ShopRefuses:
    return ShopRefuses(400, "rest_invalid_param", f"Invalid parameter(s): {name}: {why}")


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ShopRefuses(404, "rest_no_route", "No route was found matching the URL and request method.")
    return int(text)


def _count(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise _invalid(name, f"{name} must be 1 or more")
    return int(text)


def _forced(query: QueryParams) -> None:
    if query.get("force") != "true":
        raise ShopRefuses(501, "woocommerce_rest_trash_not_supported", "This resource does not support trashing.")


async def _body(request: Request) -> Mapping[str, Any]:
    if request.method not in {"POST", "PUT", "PATCH"}:
        return {}
    try:
        found = await request.json()
    except ValueError:
        raise ShopRefuses(400, "rest_invalid_json", "Invalid JSON body passed.") from None
    return found if isinstance(found, dict) else {}
