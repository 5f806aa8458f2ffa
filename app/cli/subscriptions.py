"""`saldo subscriptions`: terms of subscriptions that Saldo charges, and what people do with them and their runs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from schemas.topic import Topic

if TYPE_CHECKING:
    from schemas.records.subscriptions import SetSubscription

NameArgument = Annotated[
    str, typer.Argument(metavar="VAULT/ID", help="As `saldo report subscriptions` names it: C-1001/S-77.")
]
RunArgument = Annotated[str, typer.Argument(metavar="DUE", help="Day on which the run is due, 2026-12-31.")]
DayOption = Annotated[str, typer.Option("--on", help="Day from which it counts, 2026-12-31; default is today.")]
_NEEDED = ("subscription", "abas_customer", "amount", "frequency", "start_on")
_COLUMNS = (*_NEEDED, "merchant", "anchor_day", "run_count", "effective_on", "prorates", "description")
_YES, _NO = frozenset({"", "yes", "true", "1"}), frozenset({"no", "false", "0"})


def register(app: typer.Typer) -> None:
    """Hang `subscriptions set|import|pause|resume|end|skip|retry|paid|dun` below the root."""
    commands: dict[str, Callable[..., None]] = {
        "set": set_terms,
        "import": import_table,
        "pause": pause,
        "resume": resume,
        "end": end,
        "skip": skip,
        "retry": retry,
        "paid": paid,
        "dun": dun,
    }
    operators.add_group(app, "subscriptions", "What is charged again and again (docs/subscriptions.md).", commands)


@needs("SetSubscription")
def set_terms(
    subscription: NameArgument,
    abas_customer: Annotated[str, typer.Argument(help="Customer number in abas.")],
    amount: Annotated[str, typer.Argument(help="As '24.95 USD'.")],
    frequency: Annotated[str, typer.Argument(help="monthly, weekly, yearly, quarterly, ... (docs/subscriptions.md).")],
    start_on: Annotated[str, typer.Argument(help="Day of the first run, 2026-12-31.")],
    why: WhyOption,
    effective_on: Annotated[str, typer.Option(help="Day from which changed terms count; default is today.")] = "",
    anchor_day: Annotated[str, typer.Option(help="Day of the month of later runs, 31 for the last one.")] = "",
    run_count: Annotated[str, typer.Option(help="Runs in all; default is without end.")] = "",
    prorate: Annotated[bool, typer.Option(help="Charge parts of a period by the day.")] = True,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    merchant: Annotated[str, typer.Option(help="Merchant account; needed where there are several.")] = "",
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Set the terms of a subscription that Saldo charges.

    Given again with another amount, the price changes from --effective-on on.
    """
    row = {
        "subscription": subscription,
        "abas_customer": abas_customer,
        "amount": amount,
        "frequency": frequency,
        "start_on": start_on,
        "effective_on": effective_on,
        "anchor_day": anchor_day,
        "run_count": run_count,
        "prorates": "yes" if prorate else "no",
        "description": description,
        "merchant": merchant,
    }
    _ask(_terms(row, why, "this command"), wait_s, bootstrap_servers, schema_registry_url)


@needs("SetSubscription")
def import_table(
    file: Annotated[Path, typer.Argument(help=f"CSV with the columns {', '.join(_COLUMNS)}.", dir_okay=False)],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Set the terms of every subscription of a table.

    All rows are read before the first is written. The same table again changes nothing.
    """
    rows = list(_rows(file))
    for command in [_terms(row, why, f"{file.name} line {line}") for line, row in rows]:
        _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("ChangeSubscription")
def pause(
    subscription: NameArgument,
    why: WhyOption,
    on: DayOption = "",
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Charge no run that is due from a day on, until it is resumed."""
    _change("PAUSE", subscription, on, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("ChangeSubscription")
def resume(
    subscription: NameArgument,
    why: WhyOption,
    on: DayOption = "",
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Go on with a paused subscription; runs of the pause stay out."""
    _change("RESUME", subscription, on, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("ChangeSubscription")
def end(
    subscription: NameArgument,
    why: WhyOption,
    on: DayOption = "",
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Plan no run from a day on."""
    _change("END", subscription, on, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("ChangeSubscription")
def skip(
    subscription: NameArgument,
    due: RunArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Leave out one run."""
    _change("SKIP", subscription, due, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("ChangeSubscription")
def retry(
    subscription: NameArgument,
    due: RunArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Charge a missed or declined run now.

    Not beyond what networks take, and not while the outcome of a charge is open.
    """
    _change("RETRY", subscription, due, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("ChangeSubscription")
def paid(
    subscription: NameArgument,
    due: RunArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say that a run was paid another way; it is not charged any more."""
    _change("PAID_OTHERWISE", subscription, due, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("RunDunning")
def dun(
    why: WhyOption,
    day: Annotated[str, typer.Argument(help="Day of the run, 2026-12-31; default is today.")] = "",
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Try declined runs again that may be tried by a day.

    For the rules dunning with `retry: by_dunning_run`; with `daily` nothing waits for it. Asked for twice, it counts
    once.
    """
    from schemas.records.subscriptions import RunDunning
    from streams.domain.subscriptions.decider import CALENDAR

    command = RunDunning(
        **operators.attributed("RunDunning", why),
        calendar=CALENDAR,
        run_on=_day(day, "day", "this command") if day else _today(),
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


def _change(
    what: str, subscription: str, on: str, why: str, wait_s: float, bootstrap_servers: str | None, registry: str | None
) -> None:
    from schemas.records.subscriptions import ChangeSubscription, SubscriptionChange

    vault, name = _name(subscription, "this command")
    command = ChangeSubscription(
        **operators.attributed("ChangeSubscription", why),
        vault_customer_id=vault,
        subscription_id=name,
        change=SubscriptionChange(what),
        change_on=_day(on, "day", "this command") if on else _today(),
    )
    _ask(command, wait_s, bootstrap_servers, registry)


def _ask(command: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None) -> None:
    operators.carry_out(
        Topic.SUBSCRIPTIONS_INBOX, command, wait_s, bootstrap_servers, schema_registry_url, in_words=_in_words
    )


def _in_words(event: Any) -> str:
    from schemas.records.subscriptions import RunChargeAsked, SubscriptionRunChanged
    from schemas.values.money import shown

    match event:
        case RunChargeAsked():
            return f"{event.call_reference}: {shown(event.amount_minor, event.currency)} is asked of PayTrace"
        case SubscriptionRunChanged():
            status = event.status.value.lower().replace("_", " ")
            amount = shown(event.amount_minor, event.currency)
            return f"run of {event.due_on}: {status}, {amount}{f'; {event.why}' if event.why else ''}"
    return ""


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each row of a table with its line.

    Raises: CannotRun naming what can't be read.
    """
    from app.cli.errors import CannotRun

    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened)
            found = [name.strip() for name in reader.fieldnames or ()]
            missing = [name for name in _NEEDED if name not in found]
            unknown = [name for name in found if name not in _COLUMNS]
            if missing or unknown:
                what = f"lacks the column {missing[0]}" if missing else f"has the column {unknown[0]!a}, which is none"
                raise CannotRun(f"{file.name} {what}; columns are {', '.join(_COLUMNS)}")
            reader.fieldnames = found
            rows = [(reader.line_num, {name: (text or "").strip() for name, text in row.items()}) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CannotRun(f"{file} can't be read as CSV in UTF-8: {error}") from None
    yield from rows


def _terms(row: Mapping[str, str], why: str, where: str) -> SetSubscription:
    """Return the command that a row means.

    Raises: CannotRun naming where, field and value.
    """
    from app.cli.errors import CannotRun
    from app.settings.settings import load_settings
    from schemas.records.subscriptions import RecurrenceFrequency, SetSubscription
    from schemas.values.money import from_major

    vault, name = _name(row["subscription"], where)
    major, _, currency = row["amount"].partition(" ")
    try:
        money = from_major(major, currency)
    except ValueError as error:
        raise CannotRun(f"{where}: amount {row['amount']!a}: {error}; write it as '24.95 USD'") from None
    frequency = row["frequency"].strip().upper().replace(" ", "_").replace("-", "_")
    known = [one.value for one in RecurrenceFrequency if one is not RecurrenceFrequency.UNKNOWN]
    if frequency not in known:
        words = ", ".join(one.lower().replace("_", "-") for one in known)
        raise CannotRun(f"{where}: frequency {row['frequency']!a} is none; {words} are")
    start_on = _day(row["start_on"], "start_on", where)
    prorates = row.get("prorates", "").lower()
    if prorates not in _YES | _NO:
        raise CannotRun(f"{where}: prorates {prorates!a} is neither yes nor no")
    effective_on = row.get("effective_on", "")
    return SetSubscription(
        **operators.attributed("SetSubscription", why),
        vault_customer_id=vault,
        subscription_id=name,
        merchant=load_settings().paytrace.of(row.get("merchant") or None).merchant,
        abas_customer_id=row["abas_customer"],
        amount_minor=money.minor,
        currency=money.currency,
        frequency=RecurrenceFrequency(frequency),
        start_on=start_on,
        anchor_day=_number(row.get("anchor_day", ""), "anchor_day", where),
        run_count=_number(row.get("run_count", ""), "run_count", where),
        effective_on=_day(effective_on, "effective_on", where) if effective_on else max(start_on, _today()),
        prorates=prorates in _YES,
        description=row.get("description", ""),
    )


def _name(subscription: str, where: str) -> tuple[str, str]:
    from app.cli.errors import CannotRun

    vault, _, name = subscription.strip().rpartition("/")
    if not vault or not name:
        raise CannotRun(f"{where}: subscription {subscription!a} is none; write vault customer and number, C-1001/S-77")
    return vault, name


def _day(text: str, field: str, where: str) -> date:
    from app.cli.errors import CannotRun

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CannotRun(f"{where}: {field} {text!a} is no day; write it as 2026-12-31") from None


def _number(text: str, field: str, where: str) -> int | None:
    from app.cli.errors import CannotRun

    if not text:
        return None
    if not text.isdecimal():
        raise CannotRun(f"{where}: {field} {text!a} is no whole number")
    return int(text)


def _today() -> date:
    from app.settings.settings import load_settings
    from schemas.values.business_day import business_day
    from schemas.values.clock import utc_now

    return business_day(utc_now(), load_settings().paytrace.zone)
