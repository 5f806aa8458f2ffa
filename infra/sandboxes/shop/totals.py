"""What an order comes to: lines, discounts, taxes by rate and the totals, rounded as the shop's settings say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from infra.sandboxes.shop.settings import ShopSandboxSettings, TaxRate

LISTS: Final = ("line_items", "shipping_lines", "fee_lines")
_SIX: Final = Decimal("0.000001")


def rounded(value: Decimal, decimals: int) -> Decimal:
    """Round half up to so many digits."""
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def money(value: Decimal | str, decimals: int) -> str:
    """Return an amount as the API writes it."""
    return str(rounded(Decimal(value), decimals))


def compute(doc: dict[str, Any], settings: ShopSandboxSettings) -> None:
    """Fill in taxes and totals of an order from the nets of its lines and its coupons."""
    digits = settings.decimals
    rates = settings.tax_rates if doc.get("is_taxed", True) else ()
    sums: dict[int, list[Decimal]] = {rate.id: [Decimal(0), Decimal(0)] for rate in rates}
    parts = {name: Decimal(0) for name in LISTS}
    taxes = {name: Decimal(0) for name in LISTS}
    discount = discount_tax = Decimal(0)
    for name in LISTS:
        for line in doc[name]:
            applied = [rate for rate in rates if _is_taxed(name, line, rate)]
            exact = dict(zip((rate.id for rate in applied), _taxes(Decimal(line["total"]), applied), strict=True))
            if settings.tax_rounding == "line":
                exact = {rate: rounded(tax, digits) for rate, tax in exact.items()}
            for rate, tax in exact.items():
                sums[rate][name == "shipping_lines"] += tax
            line["total"] = money(line["total"], digits)
            line["total_tax"] = money(sum(exact.values(), Decimal(0)), digits)
            line["taxes"] = [_tax_of_line(name, line, rate, tax, applied) for rate, tax in exact.items()]
            parts[name] += Decimal(line["total"])
            taxes[name] += sum(exact.values(), Decimal(0))
            if name == "line_items":
                before = _taxes(Decimal(line["subtotal"]), applied)
                line["subtotal"] = money(line["subtotal"], digits)
                line["subtotal_tax"] = money(sum(before, Decimal(0)), digits)
                discount += Decimal(line["subtotal"]) - Decimal(line["total"])
                discount_tax += Decimal(line["subtotal_tax"]) - Decimal(line["total_tax"])
    cart = sum((rounded(pair[0], digits) for pair in sums.values()), Decimal(0))
    shipping = sum((rounded(pair[1], digits) for pair in sums.values()), Decimal(0))
    doc["tax_lines"] = [_tax_line(rate, sums[rate.id], digits) for rate in rates if any(sums[rate.id])]
    total = sum(parts.values(), Decimal(0)) + cart + shipping
    doc.update(
        discount_total=money(discount, digits),
        discount_tax=money(discount_tax, digits),
        shipping_total=money(parts["shipping_lines"], digits),
        shipping_tax=money(shipping, digits),
        cart_tax=money(cart, digits),
        total_tax=money(cart + shipping, digits),
        total=money(total, digits),
    )


def spread(amount: Decimal, nets: Sequence[Decimal], decimals: int) -> list[Decimal]:
    """Spread a coupon over lines by their nets; the parts come to the whole."""
    whole = sum(nets, Decimal(0))
    if not whole:
        return [Decimal(0)] * len(nets)
    parts = [rounded(amount * net / whole, decimals) for net in nets]
    parts[-1] += amount - sum(parts, Decimal(0))
    return parts


def net_of(price: Decimal, settings: ShopSandboxSettings) -> Decimal:
    """Return a price without the taxes that it holds where prices are typed with tax."""
    if not settings.prices_include_tax:
        return price
    whole = Decimal(1) + sum(_taxes(Decimal(1), settings.tax_rates), Decimal(0))
    return rounded(price / whole, settings.decimals)


def _taxes(net: Decimal, rates: Iterable[TaxRate]) -> list[Decimal]:
    """Return the tax of each rate; a compound one is on the net and the taxes before it."""
    found: list[Decimal] = []
    for rate in rates:
        base = net + (sum(found, Decimal(0)) if rate.compound else Decimal(0))
        found.append(base * rate.percent / 100)
    return found


def _is_taxed(name: str, line: Mapping[str, Any], rate: TaxRate) -> bool:
    return line.get("tax_status", "taxable") == "taxable" and (name != "shipping_lines" or rate.on_shipping)


def _tax_of_line(
    name: str, line: Mapping[str, Any], rate: int, tax: Decimal, applied: Sequence[TaxRate]
) -> dict[str, Any]:
    entry = {"id": rate, "total": str(tax.quantize(_SIX).normalize() if tax else Decimal(0))}
    if name == "line_items":
        at = [one.id for one in applied].index(rate)
        entry["subtotal"] = str(_taxes(Decimal(line["subtotal"]), applied)[at].quantize(_SIX))
    return entry


def _tax_line(rate: TaxRate, sums: Sequence[Decimal], decimals: int) -> dict[str, Any]:
    return {
        "id": 90_000 + rate.id,
        "rate_code": rate.code,
        "rate_id": rate.id,
        "label": rate.label,
        "compound": rate.compound,
        "tax_total": money(sums[0], decimals),
        "shipping_tax_total": money(sums[1], decimals),
        "rate_percent": float(rate.percent),
        "meta_data": [],
    }
