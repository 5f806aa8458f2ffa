"""What people have laid down for orders of shops, as one value that is handed into `decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Milestone = Literal["authorized", "captured", "declined", "returned", "voided", "refunded", "completed", "held"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Which orders become sales orders, with which products, and which statuses the shop gets.

    sales_orders  from which proof of the payment on; never: none
    sku           a SKU is the number of the product in abas, or only those that products names are known
    products      product of abas by SKU, or by product:<id of the shop>
    shipping, fee the product that shipping or a fee is booked with; empty: such an order waits
    tax_codes     tax code of abas by code of the shop's tax rate; where it names none, abas finds its own
    shows_refunds whether a refund of PayTrace is shown in the shop where no refund of it stands there
    captures      who captures what is authorized: the shop, or PayTrace is asked to once abas has shipped the first or
                  the last of it
    lapses_after_days  an authorization that was older when abas shipped is not captured any more
    takes_back    what the shop refunds without its gateway, or cancels while it is authorized: kept as a record, or
                  asked of PayTrace
    statuses      status of the shop by what is proved, or held by risk; a milestone that is left out is not written
    """

    version: int
    sales_orders: Literal["captured", "authorized", "never"]
    sku: Literal["is_product", "by_products"]
    products: Mapping[str, str]
    shipping: str
    fee: str
    tax_codes: Mapping[str, str]
    statuses: Mapping[Milestone, str]
    shows_refunds: bool
    captures: Literal["by_shop", "first_shipment", "last_shipment"]
    lapses_after_days: int
    takes_back: Literal["record", "request"]
