"""`saldo deposits`: an operator's word on a deposit. Each becomes an event with who, when and why; refusals too."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from streams.cli.connection import BootstrapServers, connect

INBOX = "settlement.inbox.v1"

BankLine = Annotated[str, typer.Argument(help="Bank line, as `saldo report deposit_breaks` names it.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who asks; default is the user of this terminal.")]
WhyOption = Annotated[str, typer.Option("--why", help="Why; it is kept for ever.")]
AccountOption = Annotated[
    str | None, typer.Option("--account", help="<merchant>/<currency>; default is that of the settings.")
]


def register(app: typer.Typer) -> None:
    """Hang `deposits confirm|reject|unmatch|dismiss|accept-fees` below the root."""
    deposits = typer.Typer(help="An operator's word on a bank deposit.", no_args_is_help=True)
    commands: dict[str, Callable[..., None]] = {
        "confirm": confirm,
        "reject": reject,
        "unmatch": unmatch,
        "dismiss": dismiss,
        "accept-fees": accept_fees,
    }
    for name, command in commands.items():
        deposits.command(name)(command)
    app.add_typer(deposits, name="deposits")


def confirm(
    bank_line: BankLine,
    why: WhyOption,
    lines: Annotated[
        list[str] | None, typer.Argument(help="Lines that it pays out; none means those that are suggested.")
    ] = None,
    by: ByOption = None,
    account: AccountOption = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Say what a bank line pays out.

    It counts whatever the rules say, and a difference is booked in your name.
    """
    from schemas.records.settlement import ConfirmDepositMatch

    told = _asker(account, by, why)
    _ask(bootstrap_servers, ConfirmDepositMatch(bank_line_id=bank_line, line_ids=tuple(lines or ()), **told))


def reject(
    bank_line: BankLine,
    why: WhyOption,
    by: ByOption = None,
    account: AccountOption = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Turn down what is suggested; it is not suggested again."""
    from schemas.records.settlement import RejectDepositMatch

    _ask(bootstrap_servers, RejectDepositMatch(bank_line_id=bank_line, **_asker(account, by, why)))


def unmatch(
    bank_line: BankLine,
    why: WhyOption,
    by: ByOption = None,
    account: AccountOption = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Take a match apart.

    Its lines are open again, and only an operator confirms another match.
    """
    from schemas.records.settlement import UnmatchDeposit

    _ask(bootstrap_servers, UnmatchDeposit(bank_line_id=bank_line, **_asker(account, by, why)))


def dismiss(
    bank_line: BankLine,
    why: WhyOption,
    by: ByOption = None,
    account: AccountOption = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Say that a bank line is other business."""
    from schemas.records.settlement import DismissBankLine

    _ask(bootstrap_servers, DismissBankLine(bank_line_id=bank_line, **_asker(account, by, why)))


def accept_fees(
    version: Annotated[int, typer.Argument(help="Version, as `saldo report fee_schedules` shows it.")],
    why: WhyOption,
    by: ByOption = None,
    account: AccountOption = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Accept a proposed fee schedule.

    From now on it explains fees inside its tolerance.
    """
    from schemas.records.settlement import AcceptFeeSchedule

    _ask(bootstrap_servers, AcceptFeeSchedule(version=version, **_asker(account, by, why)))


def _asker(account: str | None, by: str | None, why: str) -> dict[str, Any]:
    from streams.settings import load_settings

    paytrace = load_settings().paytrace
    return {
        "settlement_account": account or f"{paytrace.merchant}/{paytrace.currency}",
        "requested_by": by or getpass.getuser(),
        "reason": why,
        "requested_at": datetime.now(UTC),
    }


def _ask(bootstrap_servers: str | None, request: Any) -> None:
    from streams import writing

    connection = connect(bootstrap_servers)
    with connection.codec() as codec:
        writing.send(connection.kafka, INBOX, [request], codec)
    typer.echo(f"asked {request.settlement_account}; `saldo report deposit_breaks` shows what is still open")
