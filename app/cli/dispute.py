"""`saldo dispute`: what a person knows of a dispute. Each fact is kept with who, when and why; refusals too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from app.output.terminal import say
from schemas.topic import Topic

if TYPE_CHECKING:
    from schemas.records.disputes import DisputeFact

DisputeId = Annotated[str, typer.Argument(help="The processor's case number.")]
AccountOption = Annotated[
    str | None,
    typer.Option(
        "--account",
        help="<merchant> or <merchant>/<currency>; needed where the settings have several merchant accounts.",
    ),
]
DayOption = Annotated[
    datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="Day of it at the processor; default today.")
]


def register(app: typer.Typer) -> None:
    """Hang `dispute record|show|evidence|accept` below the root."""
    commands: dict[str, Callable[..., None]] = {"record": record, "show": show, "evidence": evidence, "accept": accept}
    operators.add_group(app, "dispute", "State what you know of a dispute, and look it up.", commands)


@needs("RecordDisputeFact")
def record(
    dispute: DisputeId,
    fact: Annotated[
        str, typer.Argument(help="What happened: OPENED, DEBITED, CREDITED, WON, LOST, ... (docs/disputes.md).")
    ],
    why: WhyOption,
    amount: Annotated[str, typer.Option(help="Amount, as 125.00; needed where money moved.")] = "",
    on: DayOption = None,
    payment: Annotated[str | None, typer.Option(help="PayTrace transaction in dispute.")] = None,
    reason_code: Annotated[str, typer.Option(help="The network's reason code.")] = "",
    respond_by: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day on which an answer counts.")
    ] = None,
    sequence: Annotated[int | None, typer.Option(help="Its number in the case, for several facts of one day.")] = None,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """State one fact of a dispute.

    As a letter, the portal or a call says.

    The last fact by its day at the processor decides where the case stands, so a late one undoes nothing.
    """
    from app.cli.errors import CannotRun
    from schemas.records.disputes import DisputeFact

    known = [one.value for one in DisputeFact if one is not DisputeFact.UNKNOWN]
    if fact.strip().upper() not in known:
        raise CannotRun(f"{fact!r} is no fact of a dispute; write one of {', '.join(known)}", field="fact")
    command = _command(
        dispute,
        DisputeFact(fact.strip().upper()),
        why,
        account,
        on,
        amount=amount,
        payment=payment,
        reason_code=reason_code,
        respond_by_on=respond_by.date() if respond_by else None,
        sequence=sequence,
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("RecordDisputeFact")
def evidence(
    dispute: DisputeId,
    why: WhyOption,
    on: DayOption = None,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say that evidence was submitted to the processor.

    It ends the deadline; Saldo itself sends the processor nothing.
    """
    from schemas.records.disputes import DisputeFact

    command = _command(dispute, DisputeFact.EVIDENCE_SUBMITTED, why, account, on)
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("RecordDisputeFact")
def accept(
    dispute: DisputeId,
    why: WhyOption,
    on: DayOption = None,
    account: AccountOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Accept a dispute at the processor: its money is lost."""
    from schemas.records.disputes import DisputeFact

    command = _command(dispute, DisputeFact.ACCEPTED, why, account, on)
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("read")
def show(dispute: DisputeId) -> None:
    """Show where a dispute stands, and each of its facts."""
    from app.cli.asking import answer
    from app.cli.errors import CannotRun
    from app.cli.explain import step

    cases = [row for row in answer("disputes").records if row["dispute_id"] == dispute]
    if not cases:
        raise CannotRun(f"no dispute {dispute} is known; `saldo report disputes` lists them", field="dispute")
    for case in cases:
        say(_in_words(case))
    for row in answer("explain", id=dispute).records:
        if row["what"] == "DisputeRecorded":
            for line in step(row):
                say(line)
    for row in answer("files_of", id=dispute).records:
        say(f"    {row['file_name']}, row {row['row_number']} (file {row['file_digest'][:16]}): {row['what']}")


def _in_words(case: dict[str, Any]) -> str:
    from projections.reports.words import in_words
    from schemas.values.money import Money

    taken = Money(int(case["charged_back_minor"]), case["currency"])
    answer_by = f"; answer by {case['deadline_on']}" if case["deadline_on"] else ""
    payment = (
        f", payment {case['paytrace_transaction_id']}" if case["paytrace_transaction_id"] else ", names no payment"
    )
    stage = in_words(case["stage"]).lower()
    return f"{case['dispute_id']} ({case['settlement_account']}{payment}): {stage}, {taken} is charged back{answer_by}"


def _command(
    dispute: str,
    fact: DisputeFact,
    why: str,
    account: str | None,
    on: datetime | None,
    *,
    amount: str = "",
    payment: str | None = None,
    **more: Any,
) -> Any:
    from app.cli.errors import CannotRun
    from app.settings.settings import load_settings
    from reconcile.files.values import BadValue, amount_minor
    from schemas.records.disputes import RecordDisputeFact
    from schemas.values.business_day import business_day
    from schemas.values.money import is_currency

    merchant, _, stated = (account or "").partition("/")
    paytrace = load_settings().paytrace.of(merchant or None)
    currency = stated or paytrace.currency
    if not is_currency(currency):
        raise CannotRun(
            f"--account: {currency!r} is none of ISO 4217; write <merchant>/<currency>, as main/USD", field="account"
        )
    settlement_account = f"{paytrace.merchant}/{currency}"
    try:
        minor = abs(amount_minor(amount, ".", currency)) if amount else 0
    except BadValue as error:
        raise CannotRun(f"--amount: {error}; write it as 125.00", field="amount") from error
    attributed = operators.attributed("RecordDisputeFact", why)
    return RecordDisputeFact(
        dispute_case=f"{settlement_account}/{dispute}",
        settlement_account=settlement_account,
        dispute_id=dispute,
        fact=fact,
        paytrace_transaction_id=payment,
        amount_minor=minor,
        currency=currency,
        entered_on=on.date() if on else business_day(attributed["occurred_at"], paytrace.zone),
        **{"reason_code": "", **more},
        **attributed,
    )


def _ask(command: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None) -> None:
    from schemas.records.disputes import DisputeRecorded

    answer = operators.carry_out(Topic.DISPUTES_INBOX, command, wait_s, bootstrap_servers, schema_registry_url)
    if answer is None:
        return
    done, *_ = answer.events
    assert isinstance(done, DisputeRecorded)
    row = {
        "dispute_id": done.dispute_id,
        "settlement_account": done.settlement_account,
        "paytrace_transaction_id": done.paytrace_transaction_id or "",
        "stage": done.stage.value,
        "charged_back_minor": done.charged_back_minor,
        "currency": done.currency,
        "deadline_on": done.deadline_on,
    }
    say(f"    {_in_words(row)}")
