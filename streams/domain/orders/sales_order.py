"""The sales order of a shop's order, as abas is asked to hold it. Pure.

One row for each line, with the product of abas, the quantity, and the net price of one in as many digits as it takes
for quantity times price to come to the net of the line to the cent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from schemas.records.erp import RecordRow, SaveRecord
from schemas.records.orders import OrderChanged, OrderLine, OrderLineKind, OrderPlaced
from schemas.values.business_day import business_day
from schemas.values.money import Money, exponent
from streams.domain.orders.policy import Policy

KIND = "sales_order"
# A price of a millionth of a cent settles any quantity that a shop sells.
_MOST_DIGITS = 8
_REMEDY = "add it to the rules order-fulfilment and adopt them"


@dataclass(frozen=True, slots=True)
class Unmapped:
    """What keeps lines from becoming rows, and the remedy."""

    detail: str


def rows_of(order: OrderPlaced | OrderChanged, policy: Policy) -> tuple[RecordRow, ...] | Unmapped:
    """Return the rows of an order, or what the rules lack for them."""
    rows, lacks = list[RecordRow](), list[str]()
    codes = {tax.tax_rate_id: tax.code for tax in order.taxes}
    for line in order.lines:
        product, price = _product(line, policy), _price(line)
        if product is None:
            lacks.append(_lacking(line))
        elif price is None:
            lacks.append(f"line {line.line_id} has quantity {line.quantity}, of which no price comes to its net")
        else:
            rows.append(RecordRow(row_key=line.line_id, values=_values(line, product, price, codes, policy)))
    return Unmapped("; ".join(dict.fromkeys(lacks))) if lacks else tuple(rows)


def sales_order(
    order: OrderPlaced | OrderChanged,
    rows: tuple[RecordRow, ...],
    customer: str,
    before: SaveRecord | None,
    at: datetime,
) -> SaveRecord:
    """Return what abas is to hold; a line that the shop took out is a row of quantity 0, since abas deletes none."""
    keys = {row.row_key for row in rows}
    ended = [row for row in (before.rows if before is not None else ()) if row.row_key not in keys]
    values = {
        "customer": customer,
        "currency": order.currency or "",
        "ordered_on": business_day(order.created_at).isoformat() if order.created_at is not None else "",
        "order_number": order.order_number,
        "gross": str(Money(order.total_minor or 0, order.currency or "").major),
    }
    return SaveRecord(
        kind=KIND,
        natural_key=order.shop_order,
        subject=customer,
        values={role: value for role, value in values.items() if value},
        rows=(*rows, *(RecordRow(row_key=row.row_key, values={**row.values, "quantity": "0"}) for row in ended)),
        occurred_at=at,
    )


def _values(line: OrderLine, product: str, price: str, codes: Mapping[str, str], policy: Policy) -> Mapping[str, str]:
    taxes = [policy.tax_codes[codes[rate]] for rate in line.tax_rate_ids if codes.get(rate) in policy.tax_codes]
    values = {
        "product": product,
        "quantity": line.quantity,
        "price": price,
        "category": line.category_ids[0] if line.category_ids else "",
        "tax_code": taxes[0] if len(taxes) == 1 else "",
    }
    return {role: value for role, value in values.items() if value}


def _product(line: OrderLine, policy: Policy) -> str | None:
    match line.kind:
        case OrderLineKind.SHIPPING:
            return policy.shipping or None
        case OrderLineKind.FEE:
            return policy.fee or None
        case _:
            sku, product = line.sku or "", f"product:{line.product_id}"
            known = policy.products.get(sku) or policy.products.get(product)
            return known or (sku if policy.sku == "is_product" else "") or None


def _lacking(line: OrderLine) -> str:
    match line.kind:
        case OrderLineKind.SHIPPING:
            return f"no product of abas stands for shipping: {_REMEDY} (shipping)"
        case OrderLineKind.FEE:
            return f"no product of abas stands for fees and discounts: {_REMEDY} (fee)"
        case _:
            named = f"SKU {line.sku}" if line.sku else f"product:{line.product_id}, which has no SKU,"
            return f"no product of abas stands for {named}: {_REMEDY} (products)"


def _price(line: OrderLine) -> str | None:
    """Return the net price of one, exact to the cent of the line; None where there is none, as for a quantity of 0."""
    net = Money(line.net_minor, line.currency).major
    try:
        quantity = Decimal(line.quantity)
    except InvalidOperation:
        return None
    if not quantity.is_finite() or quantity <= 0:
        return None
    digits = exponent(line.currency)
    cent = Decimal(1).scaleb(-digits)
    for more in range(_MOST_DIGITS + 1):
        price = (net / quantity).quantize(Decimal(1).scaleb(-(digits + more)), ROUND_HALF_UP)
        if (price * quantity).quantize(cent, ROUND_HALF_UP) == net:
            return f"{price:f}"
    return None
