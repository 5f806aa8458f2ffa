"""`saldo decide code` and `release-charges`: what a bank says of a payment, and that its cause is remedied."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from schemas.topic import Topic

_KINDS = {"RETURN": re.compile(r"R\d\d"), "CHANGE": re.compile(r"C\d\d"), "DECLINE": re.compile(r"[A-Z0-9]{2}")}


@needs("ReportPaymentCode")
def code(
    payment: Annotated[str, typer.Argument(help="Payment (PayTrace id).")],
    said: Annotated[str, typer.Argument(metavar="CODE", help="R01 (return), C01 (change), 43 (decline).")],
    why: WhyOption,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="Day of the notice; default today.")
    ] = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """State a code that PayTrace didn't show.

    Of a return, a notice of change or a decline.

    The rules payment-codes say what it allows next. Where they say so, charges of the vault customer are refused
    until `release-charges`.
    """
    from app.cli.errors import CannotRun
    from app.settings.settings import load_settings
    from schemas.records.payments import CodeKind, ReportPaymentCode
    from schemas.values.business_day import business_day

    word = said.strip().upper()
    kind = next((kind for kind, form in _KINDS.items() if form.fullmatch(word)), None)
    if kind is None:
        raise CannotRun(
            "this is no code; write R and two digits, C and two digits, or the two characters of a decline",
            field="said",
        )
    attributed = operators.attributed("ReportPaymentCode", why)
    command = ReportPaymentCode(
        **attributed,
        paytrace_transaction_id=payment,
        code=word,
        code_kind=CodeKind(kind),
        noticed_on=on.date() if on else business_day(attributed["occurred_at"], load_settings().paytrace.zone),
    )
    _ask(Topic.PAYMENTS_OBSERVATIONS, command, wait_s, bootstrap_servers, schema_registry_url)


@needs("ReleaseCharges")
def release_charges(
    vault_customer: Annotated[str, typer.Argument(help="PayTrace vault customer.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Let a vault customer be charged again.

    Its card or bank data are corrected, or it authorised anew.
    """
    from schemas.records.gateway import ReleaseCharges

    command = ReleaseCharges(
        **operators.attributed("ReleaseCharges", why),
        subject=f"vault/{vault_customer}",
        vault_customer_id=vault_customer,
    )
    _ask(Topic.GATEWAY_COMMANDS, command, wait_s, bootstrap_servers, schema_registry_url)


def _ask(
    inbox: str, command: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None
) -> None:
    operators.carry_out(inbox, command, wait_s, bootstrap_servers, schema_registry_url, in_words=_in_words)


def _in_words(event: Any) -> str:
    from schemas.records.gateway import ChargesReleased
    from schemas.records.payments import NextStepFound

    match event:
        case NextStepFound():
            step = event.next_step.value.lower().replace("_", " ")
            by = f", {event.correct} by {event.correct_by_on}" if event.correct else ""
            if not event.stops_charges and event.most_entries is None:
                return f"{event.code} ({event.meaning}): {step}{by}"
            held = (
                f"charges of vault customer {event.vault_customer_id} are bounded by it"
                if event.vault_customer_id
                else "no vault customer is known yet, so no charge is refused"
            )
            return f"{event.code} ({event.meaning}): {step}{by}; {held}"
        case ChargesReleased():
            return f"vault customer {event.vault_customer_id} may be charged again"
        case _:
            return ""


COMMANDS: Mapping[str, Callable[..., None]] = {"code": code, "release-charges": release_charges}
