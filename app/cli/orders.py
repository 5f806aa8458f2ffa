"""`saldo decide order-customer`, `take-order` and the like: what becomes of an order of a shop that waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from schemas.topic import Topic

OrderArgument = Annotated[
    str, typer.Argument(help="The order as SHOP/ID, as `saldo report orders` names it: main/1203.")
]


@needs("DecideOrder")
def order_customer(
    order: OrderArgument,
    abas_customer: Annotated[str, typer.Argument(help="Customer number in abas.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say which customer of abas an order is of. It stands before all evidence, for this order."""
    _decide(order, "ASSIGN_CUSTOMER", abas_customer, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("DecideOrder")
def take_order(
    order: OrderArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Take an order although something does not fit.

    What it waits for now, of amount, payment or status, is passed over.
    """
    _decide(order, "TAKE", None, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("DecideOrder")
def try_order(
    order: OrderArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Ask abas again for a sales order that it refused.

    For when what it lacked is there.
    """
    _decide(order, "TRY_AGAIN", None, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("DecideOrder")
def leave_out_order(
    order: OrderArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Leave an order out of everything.

    Nothing more is asked of abas or written into the shop for it.
    """
    _decide(order, "LEAVE_OUT", None, why, wait_s, bootstrap_servers, schema_registry_url)


def _decide(
    order: str,
    decision: str,
    customer: str | None,
    why: str,
    wait_s: float,
    bootstrap_servers: str | None,
    schema_registry_url: str | None,
) -> None:
    from app.cli.errors import CannotRun
    from schemas.records.orders import DecideOrder, OrderDecision

    shop, _, order_id = order.partition("/")
    if not shop or not order_id:
        raise CannotRun("name the order as SHOP/ID, such as main/1203")
    command = DecideOrder(
        **operators.attributed("DecideOrder", why),
        shop_order=order,
        decision=OrderDecision(decision),
        abas_customer_id=customer,
    )
    operators.carry_out(Topic.ORDERS_INBOX, command, wait_s, bootstrap_servers, schema_registry_url, in_words=_in_words)


def _in_words(event: Any) -> str:
    from schemas.records.erp import SaveRecord
    from schemas.records.orders import OrderWaitEnded, OrderWaiting

    match event:
        case SaveRecord():
            return f"abas is asked for the sales order of {event.natural_key}, customer {event.subject}"
        case OrderWaiting():
            return f"{event.shop_order} waits: {event.detail}"
        case OrderWaitEnded():
            return f"{event.shop_order} goes on"
    return ""


COMMANDS: Mapping[str, Callable[..., None]] = {
    "order-customer": order_customer,
    "take-order": take_order,
    "try-order": try_order,
    "leave-out-order": leave_out_order,
}
