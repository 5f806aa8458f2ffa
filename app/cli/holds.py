"""`saldo decide release-hold`: what becomes of a payment that rules of risk hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from schemas.topic import Topic

HeldArgument = Annotated[str, typer.Argument(help="Payment (PayTrace id), as `saldo report risk_holds` lists it.")]


@needs("ReleaseHeldPayment")
def release_hold(
    payment: HeldArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Let a payment go on that rules of risk hold.

    Its money goes to its customer, and its order goes on. It is not held again for what was found so far.
    """
    from schemas.records.risk import ReleaseHeldPayment
    from schemas.values.references import payment_token

    held = _held(payment)
    command = ReleaseHeldPayment(
        **operators.attributed("ReleaseHeldPayment", why),
        payment_token=payment_token(payment),
        paytrace_transaction_id=payment,
        amount_minor=int(held["amount_minor"]),
        currency=held["currency"],
    )
    operators.carry_out(Topic.RISK_INBOX, command, wait_s, bootstrap_servers, schema_registry_url, in_words=_in_words)


def _held(payment: str) -> dict[str, Any]:
    from app.cli.asking import answer
    from app.cli.errors import CannotRun

    for row in answer("risk_holds").records:
        if row["paytrace_transaction_id"] == payment:
            return dict(row)
    raise CannotRun(f"payment {payment} is not held; `saldo report risk_holds` lists those that are", field="payment")


def _in_words(event: Any) -> str:
    from schemas.records.risk import PaymentRiskDecided
    from schemas.values.money import Money

    if not isinstance(event, PaymentRiskDecided):
        return ""
    amount = Money(event.amount_minor, event.currency)
    return f"payment {event.paytrace_transaction_id} ({amount}) is {event.status.lower()}: {event.detail}"


COMMANDS: Mapping[str, Callable[..., None]] = {"release-hold": release_hold}
