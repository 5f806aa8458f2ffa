"""`saldo decide link-customer`, `create-`, `leave-` and `unlink-customer`: whom in abas a vault customer is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from schemas.topic import Topic

VaultCustomer = Annotated[
    str, typer.Argument(help="Vault customer, as `saldo report customer_links` names it: paytrace/<merchant>/<id>.")
]


@needs("LinkCustomer")
def link_customer(
    vault_customer: VaultCustomer,
    abas_customer: Annotated[str, typer.Argument(help="Customer number in abas.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say which customer of abas a vault customer is.

    Remembered, and stands before all evidence. Its payments find that customer from then on.
    """
    from schemas.records.customers import LinkCustomer

    command = LinkCustomer(
        **operators.attributed("LinkCustomer", why), data_subject=vault_customer, abas_customer_id=abas_customer
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("UnlinkCustomer")
def unlink_customer(
    vault_customer: VaultCustomer,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """End the link of a vault customer.

    No rule links the two again. Money that found the customer by it stays where it is.
    """
    from schemas.records.customers import UnlinkCustomer

    command = UnlinkCustomer(**operators.attributed("UnlinkCustomer", why), data_subject=vault_customer)
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("CreateCustomer")
def create_customer(
    vault_customer: VaultCustomer,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Have abas create a customer for a vault customer.

    abas is searched first. Where it holds the same e-mail address, or name and postal code, nothing is created.
    """
    from schemas.records.customers import CreateCustomer

    command = CreateCustomer(**operators.attributed("CreateCustomer", why), data_subject=vault_customer)
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("LeaveCustomer")
def leave_customer(
    vault_customer: VaultCustomer,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say that a vault customer needs no customer of abas.

    Remembered: nobody is asked again, and no rule creates it. Evidence that comes later still links it.
    """
    from schemas.records.customers import LeaveCustomer

    command = LeaveCustomer(**operators.attributed("LeaveCustomer", why), data_subject=vault_customer)
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


class Side(StrEnum):
    """Whose value of a customer stands."""

    ABAS = "abas"
    PAYTRACE = "paytrace"


@needs("KeepCustomerValue")
def keep_value(
    vault_customer: VaultCustomer,
    field: Annotated[str, typer.Argument(help="name, email, phone, billing or shipping.")],
    side: Annotated[Side, typer.Argument(help="Whose value stands.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say whose value stands where abas and PayTrace differ.

    It is written to the other side, whoever owns the field. Once that side shows another value, it is a new matter.
    """
    from schemas.records.customers import CustomerSide, KeepCustomerValue

    stands = CustomerSide.ERP if side is Side.ABAS else CustomerSide.GATEWAY
    command = KeepCustomerValue(
        **operators.attributed("KeepCustomerValue", why), data_subject=vault_customer, field=field, side=stands
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


def _ask(command: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None) -> None:
    operators.carry_out(
        Topic.CUSTOMERS_INBOX, command, wait_s, bootstrap_servers, schema_registry_url, in_words=_in_words
    )


def _in_words(event: Any) -> str:
    from schemas.records.customers import (
        CustomerCreationRequested,
        CustomerLeft,
        CustomerLinked,
        CustomerLinkWaiting,
        CustomerUnlinked,
        CustomerValueDecided,
    )

    match event:
        case CustomerCreationRequested():
            return f"abas is asked to create {event.data_subject}; see saldo report customer_links"
        case CustomerValueDecided():
            return (
                f"{event.field} of {event.data_subject} is written to the other side; see saldo report customer_values"
            )
        case CustomerLeft():
            return f"{event.data_subject} stays without a customer of abas"
        case CustomerLinked():
            return f"{event.data_subject} is customer {event.abas_customer_id}"
        case CustomerUnlinked():
            return f"{event.data_subject} is no longer customer {event.abas_customer_id}"
        case CustomerLinkWaiting():
            found = "; ".join(event.evidence) or "nothing speaks for anybody"
            return f"{event.data_subject} waits: {event.why.value.lower().replace('_', ' ')} ({found})"
    return ""


COMMANDS: Mapping[str, Callable[..., None]] = {
    "link-customer": link_customer,
    "create-customer": create_customer,
    "leave-customer": leave_customer,
    "keep-value": keep_value,
    "unlink-customer": unlink_customer,
}
