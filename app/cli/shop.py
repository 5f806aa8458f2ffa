"""`saldo shop`: a note, a status or a refund without money, written into a shop once and kept with who and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from app.output.terminal import say
from schemas.topic import Topic

OrderArgument = Annotated[str, typer.Argument(metavar="SHOP/ID", help="The order, as main/1203: shop and id.")]


def register(app: typer.Typer) -> None:
    """Hang `shop note|status|refund` below the root."""
    commands: dict[str, Callable[..., None]] = {"note": note, "status": status, "refund": refund}
    operators.add_group(app, "shop", "Write into a shop (writes_back must be on).", commands)


@needs("WriteToShop")
def note(
    order: OrderArgument,
    text: Annotated[str, typer.Argument(help="What the shop's people read; no mail goes to the buyer.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Add an internal note to an order."""
    _write(order, why, wait_s, bootstrap_servers, schema_registry_url, kind="NOTE", text=text)


@needs("WriteToShop")
def status(
    order: OrderArgument,
    name: Annotated[str, typer.Argument(metavar="STATUS", help="As the shop writes it: on-hold, completed.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Put an order into a status.

    The shop may mail its buyer about it.
    """
    _write(order, why, wait_s, bootstrap_servers, schema_registry_url, kind="STATUS", shop_status=name)


@needs("WriteToShop")
def refund(
    order: OrderArgument,
    amount: Annotated[str, typer.Argument(help="As 21.64 USD, in the order's currency.")],
    why: WhyOption,
    text: Annotated[str, typer.Option(help="Reason that the shop shows; default is --why.")] = "",
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Enter a refund that was made elsewhere.

    The shop sends no money: only PayTrace does.
    """
    from app.cli.errors import CannotRun
    from schemas.values.money import from_major

    major, _, currency = amount.partition(" ")
    try:
        money = from_major(major, currency)
    except ValueError as error:
        raise CannotRun(f"{error}; write the amount as '21.64 USD'", field="amount") from None
    fields: dict[str, Any] = {
        "kind": "REFUND",
        "text": text or why,
        "amount_minor": money.minor,
        "currency": money.currency,
    }
    _write(order, why, wait_s, bootstrap_servers, schema_registry_url, **fields)


def _write(
    order: str,
    why: str,
    wait_s: float,
    bootstrap_servers: str | None,
    schema_registry_url: str | None,
    *,
    kind: str,
    **fields: Any,
) -> None:
    from app.cli.errors import CannotRun
    from schemas.records.orders import ShopWriteKind, ShopWriteRefused, WriteToShop

    shop, _, order_id = order.partition("/")
    if not shop or not order_id.isdecimal():
        raise CannotRun("name the order as SHOP/ID, such as main/1203", field="order")
    command = WriteToShop(
        **operators.attributed("WriteToShop", why),
        shop_order=order,
        shop=shop,
        order_id=order_id,
        kind=ShopWriteKind(kind),
        **{"text": "", "from_statuses": (), **fields},
    )
    answer = operators.ask(Topic.SHOP_COMMANDS, command, wait_s, bootstrap_servers, schema_registry_url)
    if answer is None:
        return
    outcome = answer.events[0]
    if isinstance(outcome, ShopWriteRefused):
        raise operators.refuse(f"{outcome.message} ({outcome.code})")
    operators.say_done(command)
    say(f"    the shop holds it as {outcome.shop_record_id}")
