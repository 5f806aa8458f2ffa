"""What plugins and old data do to an answer: wrong types, foreign statuses and currencies, totals that are off."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from infra.sandboxes.shop.faults import Faults

_SUMS: Final = ("total", "total_tax", "cart_tax", "shipping_total")


def distort(order: dict[str, Any], faults: Faults, path: str) -> dict[str, Any]:
    """Return an order as a shop with such plugins would answer it."""
    strikes = faults.strikes
    if strikes("money_as_number", path):
        order.update({name: float(order[name]) for name in _SUMS})
    if strikes("null_for_list", path):
        order.update(fee_lines=None, coupon_lines=None, refunds=None)
    if strikes("list_for_map", path):
        order.update(shipping=[])
    if strikes("unknown_status", path):
        order.update(status="awaiting-shipment")
    if strikes("unknown_currency", path):
        order.update(currency="PTS")
    if strikes("html_in_names", path):
        for line in order["line_items"]:
            line["name"] = f"<b>{line['name']}</b> &ndash; large &amp; blue"
    if strikes("four_byte_text", path):
        order.update(customer_note="\U0001f600 thanks")
        for line in order["line_items"]:
            line["name"] += " \U0001f680"
    if strikes("total_off", path):
        order.update(total=str(Decimal(str(order["total"])) + 5))
    if strikes("date_null", path):
        order.update(date_created=None, date_created_gmt=None, date_modified=None, date_modified_gmt=None)
    if strikes("big_meta", path):
        order["meta_data"] = [*order["meta_data"], {"id": 1, "key": "_blob", "value": "x" * 1_000_000}]
    return order
