"""`saldo deposits`: an operator's word on a deposit. Each becomes an event with who, when and why; refusals too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from streams.cli import operators
from streams.cli.connection import BootstrapServers, SchemaRegistryUrl
from streams.cli.operators import WAIT_S, ByOption, WaitOption, WhyOption

INBOX = "settlement.inbox.v1"

BankLine = Annotated[str, typer.Argument(help="Bank line, as `saldo report deposit_breaks` names it.")]
AccountOption = Annotated[
    str | None, typer.Option("--account", help="<merchant>/<currency>; default is that of the settings.")
]


def register(app: typer.Typer) -> None:
    """Hang `deposits confirm|reject|unmatch|dismiss|accept-fees` below the root."""
    operators.add_group(
        app,
        "deposits",
        "An operator's word on a bank deposit.",
        {"confirm": confirm, "reject": reject, "unmatch": unmatch, "dismiss": dismiss, "accept-fees": accept_fees},
    )


def confirm(
    bank_line: BankLine,
    why: WhyOption,
    lines: Annotated[
        list[str] | None, typer.Argument(help="Lines that it pays out; none means those that are suggested.")
    ] = None,
    by: ByOption = None,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say what a bank line pays out.

    It counts whatever the rules say, and a difference is booked in your name.
    """
    from schemas.records.settlement import ConfirmDepositMatch

    told = _told(account, by, why)
    _ask(
        ConfirmDepositMatch(bank_line_id=bank_line, line_ids=tuple(lines or ()), **told),
        wait_s,
        bootstrap_servers,
        schema_registry_url,
    )


def reject(
    bank_line: BankLine,
    why: WhyOption,
    by: ByOption = None,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Turn down what is suggested; it is not suggested again."""
    from schemas.records.settlement import RejectDepositMatch

    _ask(
        RejectDepositMatch(bank_line_id=bank_line, **_told(account, by, why)),
        wait_s,
        bootstrap_servers,
        schema_registry_url,
    )


def unmatch(
    bank_line: BankLine,
    why: WhyOption,
    by: ByOption = None,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Take a match apart.

    Its lines are open again, and only an operator confirms another match.
    """
    from schemas.records.settlement import UnmatchDeposit

    _ask(
        UnmatchDeposit(bank_line_id=bank_line, **_told(account, by, why)),
        wait_s,
        bootstrap_servers,
        schema_registry_url,
    )


def dismiss(
    bank_line: BankLine,
    why: WhyOption,
    by: ByOption = None,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say that a bank line is other business."""
    from schemas.records.settlement import DismissBankLine

    _ask(
        DismissBankLine(bank_line_id=bank_line, **_told(account, by, why)),
        wait_s,
        bootstrap_servers,
        schema_registry_url,
    )


def accept_fees(
    version: Annotated[int, typer.Argument(help="Version, as `saldo report fee_schedules` shows it.")],
    why: WhyOption,
    by: ByOption = None,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Accept a proposed fee schedule.

    From now on it explains fees inside its tolerance.
    """
    from schemas.records.settlement import AcceptFeeSchedule

    _ask(AcceptFeeSchedule(version=version, **_told(account, by, why)), wait_s, bootstrap_servers, schema_registry_url)


def _told(account: str | None, by: str | None, why: str) -> dict[str, Any]:
    from streams.settings import load_settings

    paytrace = load_settings().paytrace
    return {
        "settlement_account": account or f"{paytrace.merchant}/{paytrace.currency}",
        "requested_by": operators.person(by),
        "reason": why,
        "requested_at": datetime.now(UTC),
    }


def _ask(request: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None) -> None:
    from schemas.records.settlement import SettlementRequestRefused

    done, *events = operators.ask(INBOX, request, wait_s, bootstrap_servers, schema_registry_url).events
    if isinstance(done, SettlementRequestRefused):
        raise operators.refuse(done.refusal)
    typer.echo(f"done, by {request.requested_by}: {request.reason}")
    for event in (done, *events):
        line = _said(event)
        if line:
            typer.echo(f"    {line}")


def _said(event: Any) -> str:
    """One consequence in words; empty for what is only bookkeeping."""
    from schemas.money import Money
    from schemas.records.settlement import (
        BankLineDismissed,
        DepositBreakFound,
        DepositMatched,
        DepositMatchRejected,
        DepositMatchSuggested,
        DepositUnmatched,
        FeeScheduleAccepted,
        SettlementDayStated,
    )

    match event:
        case DepositMatched():
            paid, fee = Money(event.deposit_minor, event.currency), Money(event.fee_minor, event.currency)
            return f"{event.bank_line_id}: {paid} pays out {len(event.line_ids)} lines, difference {fee}"
        case DepositMatchSuggested():
            return f"{event.bank_line_id}: {len(event.line_ids)} lines are suggested, {'; '.join(event.evidence)}"
        case DepositBreakFound():
            return f"{event.bank_line_id} is a break: {event.detail}"
        case DepositMatchRejected():
            return f"{event.bank_line_id}: these {len(event.line_ids)} lines are not suggested again"
        case DepositUnmatched():
            return f"{event.bank_line_id}: its {len(event.line_ids)} lines are open again"
        case BankLineDismissed():
            return f"{event.bank_line_id}: {Money(event.deposit_minor, event.currency)} is other business"
        case FeeScheduleAccepted():
            return f"fee schedule {event.version} counts from now on"
        case SettlementDayStated():
            return f"{event.book_on} is {'closed' if event.is_closed else 'not closed'}"
        case _:
            return ""
