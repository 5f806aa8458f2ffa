"""`saldo deposits`: an operator's decision on a deposit. Each becomes an event with who, when and why; refusals too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from app.cli import identity, operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from app.output.terminal import say
from schemas.topic import Topic
from schemas.values.counting import counted

INBOX = Topic.SETTLEMENT_INBOX

BankLine = Annotated[str, typer.Argument(help="Bank line, as `saldo report deposit_breaks` names it.")]
AccountOption = Annotated[
    str | None, typer.Option("--account", help="<merchant>/<currency>; default is that of the settings.")
]


def register(app: typer.Typer) -> None:
    """Hang `deposits confirm|reject|unmatch|dismiss|customer|accept-fees` below the root."""
    operators.add_group(
        app,
        "deposits",
        "Decide about bank deposits.",
        {
            "confirm": confirm,
            "reject": reject,
            "unmatch": unmatch,
            "dismiss": dismiss,
            "customer": customer,
            "accept-fees": accept_fees,
        },
    )


@needs("ConfirmDepositMatch")
def confirm(
    bank_line: BankLine,
    why: WhyOption,
    what: Annotated[
        list[str] | None, typer.Argument(help="Code of its suggestion, or the lines that it pays out.")
    ] = None,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say what a bank line pays out.

    It counts whatever the rules say, and a difference is booked in your name. A suggestion that is gone or has changed
    since it was shown is refused.
    """
    from app.cli.errors import CannotRun
    from schemas.records.settlement import ConfirmDepositMatch

    reported = _reported(ConfirmDepositMatch, account, why)
    if not what:
        raise CannotRun(
            f"say what {bank_line} pays out: the code of its suggestion, or the lines; {_named(bank_line)}",
            field="what",
        )
    lines, code = tuple(what), ""
    if len(what) == 1 and (meant := _meant(bank_line, what[0], reported["settlement_account"])):
        lines, code = tuple(meant["suggested_ids"]), meant["suggestion_code"]
    _ask(
        ConfirmDepositMatch(bank_line_id=bank_line, line_ids=lines, suggestion_code=code, **reported),
        wait_s,
        bootstrap_servers,
        schema_registry_url,
    )


@needs("RejectDepositMatch")
def reject(
    bank_line: BankLine,
    code: Annotated[str, typer.Argument(help="Code of the suggestion, as `saldo report deposit_breaks` shows it.")],
    why: WhyOption,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Turn down what is suggested; it is not suggested again."""
    from app.cli.errors import CannotRun
    from schemas.records.settlement import RejectDepositMatch

    reported = _reported(RejectDepositMatch, account, why)
    meant = _meant(bank_line, code, reported["settlement_account"])
    if meant is None:
        raise CannotRun(f"{code} is no suggestion for {bank_line}; {_named(bank_line)}", field="code")
    lines = tuple(meant["suggested_ids"])
    _ask(
        RejectDepositMatch(
            bank_line_id=bank_line, line_ids=lines, suggestion_code=meant["suggestion_code"], **reported
        ),
        wait_s,
        bootstrap_servers,
        schema_registry_url,
    )


@needs("UnmatchDeposit")
def unmatch(
    bank_line: BankLine,
    why: WhyOption,
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
        UnmatchDeposit(bank_line_id=bank_line, **_reported(UnmatchDeposit, account, why)),
        wait_s,
        bootstrap_servers,
        schema_registry_url,
    )


@needs("DismissBankLine")
def dismiss(
    bank_line: BankLine,
    why: WhyOption,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say that a bank line is other business."""
    from schemas.records.settlement import DismissBankLine

    _ask(
        DismissBankLine(bank_line_id=bank_line, **_reported(DismissBankLine, account, why)),
        wait_s,
        bootstrap_servers,
        schema_registry_url,
    )


@needs("TakeBankTransfer")
def customer(
    bank_line: BankLine,
    why: WhyOption,
    invoice: Annotated[
        list[str] | None, typer.Option("--invoice", help="Invoice that it pays; again for each one more.")
    ] = None,
    vault_customer: Annotated[
        str | None, typer.Option("--vault-customer", help="Customer who paid, by the id of PayTrace's vault.")
    ] = None,
    returns: Annotated[
        str | None,
        typer.Option(
            "--returns", metavar="BANK_LINE", help="Of a debit: whose payment it takes back, or a part of it."
        ),
    ] = None,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say that a bank line is a customer's payment or its return.

    A payment goes the way of every payment: without an invoice or customer it waits there (`saldo waiting`).
    """
    from schemas.records.settlement import TakeBankTransfer

    _ask(
        TakeBankTransfer(
            bank_line_id=bank_line,
            invoice_number=", ".join(invoice) if invoice else None,
            vault_customer_id=vault_customer,
            returns_line_id=returns,
            **_reported(TakeBankTransfer, account, why),
        ),
        wait_s,
        bootstrap_servers,
        schema_registry_url,
    )


@needs("AcceptFeeSchedule")
def accept_fees(
    version: Annotated[int, typer.Argument(help="Version, as `saldo report fee_schedules` shows it.")],
    why: WhyOption,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Accept a proposed fee schedule.

    From now on it explains fees inside its tolerance.
    """
    from schemas.records.settlement import AcceptFeeSchedule

    _ask(
        AcceptFeeSchedule(version=version, **_reported(AcceptFeeSchedule, account, why)),
        wait_s,
        bootstrap_servers,
        schema_registry_url,
    )


def _meant(bank_line: str, code: str, account: str) -> dict[str, Any] | None:
    """Return the suggestion of this code with its lines, whether it stands or not; None if there never was one."""
    from app.cli.asking import answer
    from streams.domain.suggestion_codes import is_code

    wanted = code.strip().upper()
    if not is_code(wanted):
        return None
    rows = answer("suggestions_of_a_bank_line", id=bank_line).records
    found = [row for row in rows if (row["suggestion_code"], row["settlement_account"]) == (wanted, account)]
    return found[0] if found else None


def _named(bank_line: str) -> str:
    """Return what is suggested for a bank line now, with its code."""
    from app.cli.asking import answer

    rows = [row for row in answer("deposit_breaks").records if row["id"] == bank_line and row["suggestion_code"]]
    if not rows:
        return "nothing is suggested for it"
    return f"suggested is {rows[0]['suggestion_code']}: {', '.join(rows[0]['suggested_ids'])}"


def _reported(request: type[Any], account: str | None, why: str) -> dict[str, Any]:
    from app.settings.settings import load_settings

    if account is None:
        paytrace = load_settings().paytrace.of(None)
        account = f"{paytrace.merchant}/{paytrace.currency}"
    return {
        "settlement_account": account,
        **identity.actor().fields_for(request.__name__),
        "reason": why,
        "requested_at": datetime.now(UTC),
    }


def _ask(request: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None) -> None:
    from schemas.records.settlement import SettlementRequestRefused

    answer = operators.ask(INBOX, request, wait_s, bootstrap_servers, schema_registry_url)
    if answer is None:
        return
    done, *events = answer.events
    if isinstance(done, SettlementRequestRefused):
        raise operators.refuse(done.refusal)
    operators.say_done(request)
    for event in (done, *events):
        line = _said(event)
        if line:
            say(f"    {line}")


def _said(event: Any) -> str:
    """Return one consequence in words; empty for what is only bookkeeping."""
    from schemas.records.settlement import (
        BankLineDismissed,
        BankTransferRecorded,
        DepositBreakFound,
        DepositMatched,
        DepositMatchRejected,
        DepositMatchSuggested,
        DepositRestExplained,
        DepositRestSuggested,
        DepositUnmatched,
        FeeScheduleAccepted,
        SettlementDayStated,
    )
    from schemas.values.money import Money

    match event:
        case DepositMatched():
            paid, fee = Money(event.deposit_minor, event.currency), Money(event.fee_minor, event.currency)
            rest = f", rest {Money(event.rest_minor, event.currency)}" if event.rest_minor else ""
            lines = counted(len(event.line_ids), "line")
            return f"{event.bank_line_id}: {paid} pays out {lines}, difference {fee}{rest}"
        case DepositRestExplained():
            rest_shown, fee = Money(event.rest_minor, event.currency), Money(event.fee_minor, event.currency)
            lines = counted(len(event.line_ids), "line")
            return f"{event.bank_line_id}: its rest {rest_shown} is {lines} less a fee of {fee}"
        case DepositMatchSuggested() | DepositRestSuggested():
            what = f"{counted(len(event.line_ids), 'line is|lines are')} suggested as {event.suggestion_code}"
            return f"{event.bank_line_id}: {what}, {'; '.join(event.evidence)}"
        case DepositBreakFound():
            return f"{event.bank_line_id} is a break: {event.detail}"
        case DepositMatchRejected():
            return f"{event.bank_line_id}: {counted(len(event.line_ids), 'line is|lines are')} not suggested again"
        case DepositUnmatched():
            return f"{event.bank_line_id}: {counted(len(event.line_ids), 'line is|lines are')} open again"
        case BankLineDismissed():
            return f"{event.bank_line_id}: {Money(event.deposit_minor, event.currency)} is other business"
        case BankTransferRecorded():
            paid = Money(event.amount_minor, event.currency)
            return f"{event.bank_line_id}: {paid} is payment {event.paytrace_transaction_id} of a customer"
        case FeeScheduleAccepted():
            return f"fee schedule {event.version} counts from now on"
        case SettlementDayStated():
            return f"{event.book_on} is {'closed' if event.is_closed else 'not closed'}"
        case _:
            return ""
