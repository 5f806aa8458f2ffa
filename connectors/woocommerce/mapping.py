"""Turns WooCommerce's orders, refunds, products and hooks into our records; every foreign word stands in a table here.

Decides whether an order can be taken as it is. What does not add up, is of an unknown status or currency, or has an
amount that can't be written in whole minor units is a fact all the same, with the reason beside it; nothing is bent.
Who buys stands in one text, for sealing, and in keyed digests. Pure.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from connectors.common.address import Address
from connectors.common.person import Person
from connectors.shop.settings import ShopSettings
from connectors.woocommerce.errors import UnreadableOrder
from connectors.woocommerce.wire import JsonObject, items, record, text
from schemas.checks.plausibility import END_OF_INSTANTS, FIRST_INSTANT, LARGEST_AMOUNT, plain_text
from schemas.checks.sensitive import keyed_digest
from schemas.records.orders import (
    OrderCoupon,
    OrderLine,
    OrderLineKind,
    OrderObserved,
    OrderReview,
    OrderReviewReason,
    OrderStatus,
    OrderTax,
    OrderTransaction,
    ProductCategoriesObserved,
    ProductCategory,
    ShopHooksObserved,
    ShopHooksStatus,
    ShopRefundLine,
    ShopRefundObserved,
    ShopSeenBy,
)
from schemas.values.money import exponent, is_currency

STATUSES: Final[Mapping[str, OrderStatus]] = {
    "pending": OrderStatus.PENDING,
    "on-hold": OrderStatus.ON_HOLD,
    "processing": OrderStatus.PROCESSING,
    "completed": OrderStatus.COMPLETED,
    "cancelled": OrderStatus.CANCELLED,
    "refunded": OrderStatus.REFUNDED,
    "failed": OrderStatus.FAILED,
    "trash": OrderStatus.TRASHED,
}
# A buyer has only opened the checkout, or staff have begun to type: nothing was ordered.
DRAFTS: Final = frozenset({"checkout-draft", "auto-draft", "draft"})
# Where our own reference stands on what Saldo wrote.
REFERENCE_META: Final = "_saldo_ref"
HOOK_TOPICS: Final = ("order.created", "order.updated", "order.deleted", "order.restored")
_HOOK_STATUSES: Final = {"disabled": ShopHooksStatus.DISABLED, "paused": ShopHooksStatus.PAUSED}
_REMEDIES: Final = {
    ShopHooksStatus.DISABLED: "the shop switched it off after failures; delete it and make it anew",
    ShopHooksStatus.PAUSED: "somebody paused it; set it to active",
    ShopHooksStatus.MISSING: "make it in WooCommerce, Advanced, Webhooks (docs/shop.md)",
}

_RAW_ORDER: Final = (
    *("id", "parent_id", "number", "status", "currency", "prices_include_tax", "created_via", "customer_id"),
    *("discount_total", "discount_tax", "shipping_total", "shipping_tax", "cart_tax", "total_tax", "total"),
    *("payment_method", "transaction_id", "date_created_gmt", "date_paid_gmt", "date_completed_gmt"),
)
_RAW_LINE: Final = (
    *("id", "name", "product_id", "variation_id", "quantity", "tax_class", "subtotal", "subtotal_tax", "total"),
    *("total_tax", "taxes", "sku", "method_id", "method_title", "code", "discount", "discount_tax"),
    *("rate_id", "rate_code", "label", "compound", "tax_total", "shipping_tax_total", "rate_percent"),
)
_RAW_LISTS: Final = ("line_items", "tax_lines", "shipping_lines", "fee_lines", "coupon_lines")
_RAW_REFUND: Final = ("id", "amount", "refunded_payment", "date_created_gmt")
_RAW_REFUND_LISTS: Final = ("line_items", "shipping_lines", "fee_lines")
# Of an order with thousands of lines, what stands in lines already is not said twice; a record takes a megabyte.
_LONGEST_RAW: Final = 200_000
_PARTY: Final = (
    *("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country"),
    *("email", "phone"),
)
_TAG: Final = re.compile(r"<[^<>]*>")
_SHOWN: Final = 40


@dataclass(slots=True)
class _Reading:
    """One order or refund as it is read: its currency, and what was found to be wrong."""

    currency: str | None
    reviews: list[OrderReview] = field(default_factory=list)

    def review(self, reason: OrderReviewReason, detail: str) -> None:
        """Note why a person must look."""
        self.reviews.append(OrderReview(reason=reason, detail=detail))

    def minor(self, name: str, value: Any) -> int | None:
        """Return an amount in minor units, exactly; None, with the reason noted, where it is none."""
        if self.currency is None:
            return None
        shown = text(value)
        try:
            amount = Decimal(shown.strip().replace("_", "?"))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or abs(amount) > LARGEST_AMOUNT:
            self.review(OrderReviewReason.AMOUNT_UNREADABLE, f"{name} is {shown[:_SHOWN]!r}, no amount")
            return None
        minor = amount.scaleb(exponent(self.currency))
        if minor != minor.to_integral_value():
            reason = f"{name} is {shown[:_SHOWN]}, finer than the smallest unit of {self.currency}"
            self.review(OrderReviewReason.AMOUNT_TOO_FINE, reason)
            return None
        return int(minor)

    def instant(self, name: str, value: Any) -> datetime | None:
        """Return a `_gmt` date; None where it is unset, or noted as wrong."""
        shown = text(value)
        if not shown:
            return None
        try:
            instant = datetime.fromisoformat(shown).replace(tzinfo=UTC)
        except ValueError:
            instant = END_OF_INSTANTS
        if not FIRST_INSTANT <= instant < END_OF_INSTANTS:
            self.review(OrderReviewReason.DATE_UNREADABLE, f"{name} is {shown[:_SHOWN]!r}, no date")
            return None
        return instant


def order_id_of(order: JsonObject) -> str:
    """Return the id of an order. Raises: UnreadableOrder for what has none."""
    number = order.get("id")
    if isinstance(number, bool) or not isinstance(number, int) or number <= 0 or "status" not in order:
        raise UnreadableOrder(
            f"orders: one has id {text(number)[:_SHOWN]!r}; expected a number, and a status beside it"
        )
    return str(number)


def is_draft(order: JsonObject) -> bool:
    """Return whether nothing was ordered yet."""
    return text(order.get("status")) in DRAFTS


def refund_ids(order: JsonObject) -> frozenset[str]:
    """Return the refunds that an order names."""
    return frozenset(text(one.get("id")) for one in items(order.get("refunds")))


def to_order_observed(
    order: JsonObject,
    settings: ShopSettings,
    categories: Mapping[str, Sequence[str]],
    *,
    observed_at: datetime,
    observed_by: ShopSeenBy,
) -> OrderObserved:
    """Return an order as a record.

    Shapes: categories are the category ids of each product, by its id.
    Raises: UnreadableOrder for one without an id; GuardKeyMissing.
    """
    order_id, shop = order_id_of(order), settings.label
    raw_currency = text(order.get("currency")).upper()
    reading = _Reading(raw_currency if is_currency(raw_currency) else None)
    if reading.currency is None:
        reading.review(OrderReviewReason.UNKNOWN_CURRENCY, f"currency is {raw_currency[:_SHOWN]!r}, none of ISO 4217")
    raw_status = text(order.get("status"))
    status = STATUSES.get(raw_status, OrderStatus.UNKNOWN)
    if status is OrderStatus.UNKNOWN:
        reading.review(OrderReviewReason.UNKNOWN_STATUS, f"status is {raw_status[:_SHOWN]!r}, one of a plugin")
    created_at = reading.instant("date_created_gmt", order.get("date_created_gmt"))
    if created_at is None and not text(order.get("date_created_gmt")):
        reading.review(OrderReviewReason.DATE_UNREADABLE, "date_created_gmt is empty")
    names = ("total", "cart_tax", "shipping_total", "shipping_tax", "discount_total")
    totals = {name: reading.minor(name, order.get(name)) for name in names}
    lines, taxes = _lines(order, reading, categories), _taxes(order, reading)
    coupons = _coupons(order, reading)
    if not reading.reviews or all(review.reason in _BESIDE_MONEY for review in reading.reviews):
        _add_up(order, reading, totals, lines, taxes)
    can_be_read = all(one is not None for one in (*lines, *taxes, *coupons, *totals.values()))
    method = text(order.get("payment_method"))
    customer = text(order.get("customer_id")) or "0"
    billing, shipping = record(order.get("billing")), record(order.get("shipping"))
    customer_key, person = _customer_key(shop, customer, billing), _person(billing, shipping)
    return OrderObserved(
        shop_order=f"{shop}/{order_id}",
        shop=shop,
        order_id=order_id,
        order_number=_said(order.get("number")) or order_id,
        status=status,
        raw_status=_said(raw_status),
        currency=reading.currency,
        customer_key=customer_key,
        is_guest=customer == "0",
        data_subject=f"shop/{customer_key}",
        person=person.values(),
        **person.digests(_country(billing)),
        billing_country=_country(billing),
        shipping_country=_country(shipping),
        identity_digest=keyed_digest("shop order", text(order.get("order_key"))),
        raw_payment_method=_said(method),
        is_paytrace=settings.is_paytrace(method),
        transactions=_transactions(order, settings) if settings.is_paytrace(method) else (),
        is_captured=_captured(order, settings),
        total_minor=totals["total"],
        cart_tax_minor=totals["cart_tax"],
        shipping_minor=totals["shipping_total"],
        shipping_tax_minor=totals["shipping_tax"],
        discount_minor=totals["discount_total"],
        lines=tuple(filter(None, lines)) if can_be_read else (),
        taxes=tuple(filter(None, taxes)) if can_be_read else (),
        coupons=tuple(filter(None, coupons)) if can_be_read else (),
        has_tax_in_prices=order.get("prices_include_tax") is True,
        created_via=_said(order.get("created_via")),
        created_at=created_at,
        paid_at=reading.instant("date_paid_gmt", order.get("date_paid_gmt")),
        completed_at=reading.instant("date_completed_gmt", order.get("date_completed_gmt")),
        reviews=tuple(reading.reviews),
        observed_at=observed_at,
        observed_by=observed_by,
        raw=_raw_order(order, settings),
    )


_BESIDE_MONEY: Final = frozenset({OrderReviewReason.UNKNOWN_STATUS, OrderReviewReason.DATE_UNREADABLE})


def _add_up(
    order: JsonObject,
    reading: _Reading,
    totals: Mapping[str, int | None],
    lines: Sequence[OrderLine | None],
    taxes: Sequence[OrderTax | None],
) -> None:
    """Note an order whose parts do not come to its totals, within one minor unit of each tax rate."""
    total, cart, shipping_tax = totals["total"], totals["cart_tax"], totals["shipping_tax"]
    total_tax = reading.minor("total_tax", order.get("total_tax"))
    if total is None or cart is None or shipping_tax is None or total_tax is None:
        return
    nets = sum(line.net_minor for line in lines if line is not None)
    by_rate = sum(tax.cart_tax_minor for tax in taxes if tax is not None)
    slack = len(taxes)
    if abs(total - nets - cart - shipping_tax) > slack:
        detail = f"total is {total}, its parts come to {nets + cart + shipping_tax} minor units of {reading.currency}"
        reading.review(OrderReviewReason.SUM_DIFFERS, detail)
    if total_tax != cart + shipping_tax or abs(by_rate - cart) > slack:
        detail = (
            f"total_tax is {total_tax}, cart_tax and shipping_tax {cart} and {shipping_tax}, by rate {by_rate} minor "
            f"units of {reading.currency}"
        )
        reading.review(OrderReviewReason.TAX_DIFFERS, detail)


def _lines(
    order: JsonObject, reading: _Reading, categories: Mapping[str, Sequence[str]]
) -> tuple[OrderLine | None, ...]:
    kinds = (
        ("line_items", OrderLineKind.ITEM),
        ("shipping_lines", OrderLineKind.SHIPPING),
        ("fee_lines", OrderLineKind.FEE),
    )
    return tuple(
        _line(line, name, kind, reading, categories) for name, kind in kinds for line in items(order.get(name))
    )


def _line(
    line: JsonObject, name: str, kind: OrderLineKind, reading: _Reading, categories: Mapping[str, Sequence[str]]
) -> OrderLine | None:
    where = f"{name} {text(line.get('id'))}"
    net = reading.minor(f"{where}: total", line.get("total"))
    tax = reading.minor(f"{where}: total_tax", line.get("total_tax", "0"))
    is_item = kind is OrderLineKind.ITEM
    before = reading.minor(f"{where}: subtotal", line.get("subtotal")) if is_item else net
    if net is None or tax is None or before is None or reading.currency is None:
        return None
    product = _id(line.get("product_id"))
    shown = line.get("name") if kind is not OrderLineKind.SHIPPING else line.get("method_title")
    return OrderLine(
        line_id=text(line.get("id")),
        kind=kind,
        sku=_said(line.get("sku")) or None,
        product_id=product,
        variation_id=_id(line.get("variation_id")),
        category_ids=tuple(categories.get(product or "", ())),
        name=_said(shown),
        quantity=_decimal(line.get("quantity", 1)),
        net_minor=net,
        tax_minor=tax,
        discount_minor=before - net,
        tax_class=_said(line.get("tax_class")),
        tax_rate_ids=tuple(text(one.get("id")) for one in items(line.get("taxes")) if text(one.get("total"))),
        currency=reading.currency,
    )


def _taxes(order: JsonObject, reading: _Reading) -> tuple[OrderTax | None, ...]:
    found: list[OrderTax | None] = []
    for tax in items(order.get("tax_lines")):
        where = f"tax_lines {text(tax.get('id'))}"
        cart = reading.minor(f"{where}: tax_total", tax.get("tax_total"))
        shipping = reading.minor(f"{where}: shipping_tax_total", tax.get("shipping_tax_total"))
        if cart is None or shipping is None or reading.currency is None:
            found.append(None)
            continue
        percent = tax.get("rate_percent")
        found.append(
            OrderTax(
                tax_rate_id=text(tax.get("rate_id")),
                code=_said(tax.get("rate_code")),
                label=_said(tax.get("label")),
                percent=None if percent is None else _decimal(percent),
                is_compound=tax.get("compound") is True,
                cart_tax_minor=cart,
                shipping_tax_minor=shipping,
                currency=reading.currency,
            )
        )
    return tuple(found)


def _coupons(order: JsonObject, reading: _Reading) -> tuple[OrderCoupon | None, ...]:
    found: list[OrderCoupon | None] = []
    for coupon in items(order.get("coupon_lines")):
        minor = reading.minor(f"coupon_lines {text(coupon.get('id'))}: discount", coupon.get("discount"))
        known = None
        if minor is not None and reading.currency is not None:
            known = OrderCoupon(code=_said(coupon.get("code")), discount_minor=minor, currency=reading.currency)
        found.append(known)
    return tuple(found)


def to_refund_observed(
    refund: JsonObject,
    order_id: str,
    currency: str,
    settings: ShopSettings,
    *,
    observed_at: datetime,
    observed_by: ShopSeenBy,
) -> ShopRefundObserved:
    """Return a refund as a record; its currency is that of its order, which the refund itself does not name."""
    reading = _Reading(currency if is_currency(currency) else None)
    if reading.currency is None:
        reading.review(OrderReviewReason.UNKNOWN_CURRENCY, f"currency is {currency[:_SHOWN]!r}, none of ISO 4217")
    lines = [_refund_line(line, reading) for name in _RAW_REFUND_LISTS for line in items(refund.get(name))]
    amount = reading.minor("amount", refund.get("amount"))
    if amount is not None and amount < 0:
        reading.review(OrderReviewReason.AMOUNT_UNREADABLE, f"amount is {text(refund.get('amount'))}, below zero")
        amount = None
    return ShopRefundObserved(
        shop_order=f"{settings.label}/{order_id}",
        shop=settings.label,
        order_id=order_id,
        shop_refund_id=text(refund.get("id")),
        amount_minor=amount,
        currency=reading.currency,
        is_sent_by_shop=refund.get("refunded_payment") is True,
        refund_lines=tuple(filter(None, lines)) if None not in lines else (),
        note=_said(refund.get("reason")),
        write_reference=_meta(refund, REFERENCE_META) or None,
        created_at=reading.instant("date_created_gmt", refund.get("date_created_gmt")),
        reviews=tuple(reading.reviews),
        observed_at=observed_at,
        observed_by=observed_by,
        raw=_json({**_only(refund, _RAW_REFUND), **_lists(refund, _RAW_REFUND_LISTS)}),
    )


def _refund_line(line: JsonObject, reading: _Reading) -> ShopRefundLine | None:
    where = f"refund line {text(line.get('id'))}"
    net = reading.minor(f"{where}: total", line.get("total"))
    tax = reading.minor(f"{where}: total_tax", line.get("total_tax", "0"))
    if net is None or tax is None or reading.currency is None:
        return None
    return ShopRefundLine(
        line_id=_meta(line, "_refunded_item_id"),
        quantity=_decimal(line.get("quantity", 0)).removeprefix("-"),
        net_minor=-net,
        tax_minor=-tax,
        currency=reading.currency,
    )


def to_categories_observed(
    product: JsonObject, settings: ShopSettings, parents: Mapping[str, str], *, observed_at: datetime
) -> ProductCategoriesObserved:
    """Return a product's categories; parents are the categories above others, by id."""
    product_id = order_like_id(product, "products")
    found = sorted(items(product.get("categories")), key=lambda one: int(text(one.get("id")) or 0))
    return ProductCategoriesObserved(
        shop_product=f"{settings.label}/{product_id}",
        shop=settings.label,
        product_id=product_id,
        sku=_said(product.get("sku")) or None,
        name=_said(product.get("name")),
        raw_kind=_said(product.get("type")),
        categories=tuple(
            ProductCategory(
                category_id=text(one.get("id")),
                name=_said(one.get("name")),
                slug=_said(one.get("slug")),
                parent_category_id=parents.get(text(one.get("id"))),
            )
            for one in found
        ),
        observed_at=observed_at,
        raw=_json(_only(product, ("id", "sku", "type", "status", "tax_status", "tax_class"))),
    )


def order_like_id(found: JsonObject, of: str) -> str:
    """Return the id of anything that the shop numbers. Raises: UnreadableOrder."""
    number = found.get("id")
    if isinstance(number, bool) or not isinstance(number, int) or number <= 0:
        raise UnreadableOrder(f"{of}: one has id {text(number)[:_SHOWN]!r}; expected a number")
    return str(number)


def to_hooks_observed(hooks: Iterable[JsonObject], settings: ShopSettings, observed_at: datetime) -> ShopHooksObserved:
    """Return whether a hook of each topic of orders comes to us; the worst of them counts."""
    ours = [one for one in hooks if not settings.hook_url or text(one.get("delivery_url")) == settings.hook_url]
    by_topic: dict[str, str] = {}
    for topic in HOOK_TOPICS:
        statuses = {text(one.get("status")) for one in ours if text(one.get("topic")) == topic}
        by_topic[topic] = "active" if "active" in statuses else min(statuses, default="missing")
    status, detail = ShopHooksStatus.ACTIVE, ""
    for topic, raw in by_topic.items():
        if raw != "active" and status in {ShopHooksStatus.ACTIVE, ShopHooksStatus.MISSING}:
            found = _HOOK_STATUSES.get(raw, ShopHooksStatus.MISSING)
            if status is ShopHooksStatus.ACTIVE or found is not ShopHooksStatus.MISSING:
                status, detail = found, f"{topic} is {raw}: {_REMEDIES[found]}"
    return ShopHooksObserved(
        shop=settings.label,
        status=status,
        raw_status=", ".join(f"{topic} {raw}" for topic, raw in by_topic.items()),
        detail=detail,
        observed_at=observed_at,
        raw=_json([_only(one, ("id", "topic", "status")) for one in ours]),
    )


def _customer_key(shop: str, customer: str, billing: JsonObject) -> str:
    """Return who buys. A guest is his e-mail address, without regard to case; one without is his name and address."""
    if customer != "0":
        return f"{shop}/customer/{customer}"
    email = text(billing.get("email")).strip().casefold()
    return f"{shop}/guest/{keyed_digest('shop guest', email or _party(billing))}"


def _person(billing: JsonObject, shipping: JsonObject) -> Person:
    return Person(
        name=_joined(billing, "first_name", "last_name") or _joined(shipping, "first_name", "last_name"),
        company=_joined(billing, "company") or _joined(shipping, "company"),
        email=_joined(billing, "email"),
        phone=_joined(billing, "phone") or _joined(shipping, "phone"),
        billing=_address(billing),
        shipping=_address(shipping),
    )


def _address(given: JsonObject) -> Address:
    return Address(
        street=_joined(given, "address_1", "address_2"),
        postal_code=_joined(given, "postcode"),
        town=_joined(given, "city"),
        region=_joined(given, "state"),
        country=_joined(given, "country"),
    )


def _joined(given: JsonObject, *names: str) -> str:
    return " ".join(filter(None, (_said(given.get(name)).strip() for name in names)))


def _party(address: JsonObject) -> str:
    """Return names and address in one text, in which spelling of blanks and case makes no difference."""
    return "\0".join(" ".join(text(address.get(name)).split()).casefold() for name in _PARTY)


def _country(address: JsonObject) -> str:
    country = text(address.get("country")).strip().upper()
    return country if len(country) == 2 and country.isascii() and country.isalpha() else ""


def _transactions(order: JsonObject, settings: ShopSettings) -> tuple[OrderTransaction, ...]:
    found: dict[str, str] = {}
    if named := _said(order.get("transaction_id")).strip():
        found[named] = "transaction_id"
    for key in settings.transaction_meta_keys:
        if named := plain_text(_meta(order, key)).strip():
            found.setdefault(named, f"meta:{key}")
    return tuple(OrderTransaction(paytrace_transaction_id=one, found_in=where) for one, where in found.items())


def _captured(order: JsonObject, settings: ShopSettings) -> bool | None:
    values = [one.get("value") for one in items(order.get("meta_data")) if one.get("key") == settings.captured_meta_key]
    return None if not values else text(values[-1]) in {"1", "yes"}


def _meta(found: JsonObject, key: str) -> str:
    """Return the newest plain value of a meta key; empty where there is none."""
    values = [text(one.get("value")) for one in items(found.get("meta_data")) if one.get("key") == key]
    return values[-1] if values else ""


def _id(value: Any) -> str | None:
    shown = text(value)
    return None if shown in {"", "0"} else shown


def _decimal(value: Any) -> str:
    """Return a number as plain decimal text; what is none stays as it is, cut."""
    shown = text(value)
    try:
        number = Decimal(shown)
    except InvalidOperation:
        return shown[:_SHOWN]
    return f"{number.normalize():f}" if number.is_finite() and abs(number) < LARGEST_AMOUNT else shown[:_SHOWN]


def _said(value: Any) -> str:
    """Return a text of the shop as people read it: without HTML, and nothing in it that no record carries."""
    shown = text(value)
    return plain_text(html.unescape(_TAG.sub("", shown)) if "<" in shown or "&" in shown else shown)


def _raw_order(order: JsonObject, settings: ShopSettings) -> str:
    keys = {*settings.transaction_meta_keys, settings.captured_meta_key}
    meta = {text(one.get("key")): text(one.get("value")) for one in items(order.get("meta_data"))}
    plain = {**_only(order, _RAW_ORDER), "meta": {key: meta[key] for key in sorted(keys & set(meta))}}
    whole = _json({**plain, **_lists(order, _RAW_LISTS)})
    return whole if len(whole) <= _LONGEST_RAW else _json(plain)


def _lists(found: JsonObject, names: Sequence[str]) -> dict[str, Any]:
    return {name: [_only(line, _RAW_LINE) for line in items(found.get(name))] for name in names}


def _only(found: JsonObject, names: Sequence[str]) -> dict[str, Any]:
    return {name: found[name] for name in names if name in found}


def _json(value: Any) -> str:
    return plain_text(json.dumps(value, ensure_ascii=False, default=str))
