"""`saldo alerts`: what needs attention: list it, look into one, take it on, close it; try whether messages arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from app.output.terminal import say, say_json
from schemas.topic import Topic

if TYPE_CHECKING:
    from app.operators.alerts import AlertSeen

AlertArgument = Annotated[str, typer.Argument(help="The alert, as `saldo alerts list` shows it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


def register(app: typer.Typer) -> None:
    """Hang `alerts list|show|acknowledge|close|test` below the root."""
    operators.add_group(
        app,
        "alerts",
        "What needs attention, and who was told.",
        {"list": list_alerts, "show": show, "acknowledge": acknowledge, "close": close, "test": send_test},
    )


@needs("read")
def list_alerts(
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: JsonOption = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """List open alerts, urgent ones first, then the oldest."""
    found = [one for one in _alerts(bootstrap_servers) if every or one.is_open]
    found.sort(key=lambda one: one.latest.severity.value, reverse=True)  # URGENT before NORMAL
    if not found and not as_json:
        say("no alert is open")
    for one in found:
        if as_json:
            say_json(one.as_json())
        else:
            say(*_lines(one))


@needs("read")
def show(alert_id: AlertArgument, bootstrap_servers: BootstrapServers = None) -> None:
    """Show one alert with the messages that told of it."""
    say_json(_find(alert_id, bootstrap_servers).as_json(), indent=2)


@needs("AcknowledgeAlert")
def acknowledge(
    alert_id: AlertArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Take an alert on.

    It is not sent again unless it gets worse, and closes when its condition ends.
    """
    from schemas.records.alerts import AcknowledgeAlert

    latest = _find(alert_id, bootstrap_servers).latest
    said = operators.attributed("AcknowledgeAlert", why)
    command = AcknowledgeAlert(**said, about=latest.about, alert_id=latest.alert_id)
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("CloseAlert")
def close(
    alert_id: AlertArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Close an alert although its condition may still hold.

    Another one is opened once the condition has ended and holds again, or gets worse.
    """
    from schemas.records.alerts import CloseAlert

    latest = _find(alert_id, bootstrap_servers).latest
    said = operators.attributed("CloseAlert", why)
    _ask(
        CloseAlert(**said, about=latest.about, alert_id=latest.alert_id), wait_s, bootstrap_servers, schema_registry_url
    )


@needs("SendTestMessage")
def send_test(
    why: WhyOption,
    receiver: Annotated[str | None, typer.Argument(help="A receiver of alert-rules; without one, each.")] = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Send a test message to a receiver, and say what became of it.

    Whatever the hour. The exit code is 1 if one was refused, 4 if nothing is known of one in time.
    """
    from schemas.records.alerts import SendTestMessage
    from streams.domain.alerts.subject import RECEIVER

    missing = False
    for name in [receiver] if receiver else _receivers(bootstrap_servers):
        command = SendTestMessage(**operators.attributed("SendTestMessage", why), about=f"{RECEIVER}{name}")
        sent = _ask(command, wait_s, bootstrap_servers, schema_registry_url)
        for way in sent.channels:
            outcome = _outcome(way, sent, wait_s, bootstrap_servers)
            if outcome is None:
                say(f"    {name} by {way}: not sent yet; `saldo status` shows whether its agent waits, and for what")
                missing = True
            elif hasattr(outcome, "code"):
                raise operators.refuse(f"{name} by {way}: {outcome.message}")
            else:
                say(f"    {name} by {way}: {outcome.detail}")
    if missing:
        raise typer.Exit(operators.UNANSWERED)


def _ask(command: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None) -> Any:
    """Return the journal's answer. Raises: typer.Exit with REFUSED when it is a refusal, and as operators.ask."""
    answer = operators.carry_out(Topic.ALERTS_INBOX, command, wait_s, bootstrap_servers, schema_registry_url)
    assert answer is not None, "the policy asks for no second person here"
    return answer.events[0]


def _outcome(way: str, sent: Any, wait_s: float, bootstrap_servers: str | None) -> Any:
    """Return what the agent of this way made of a message; None if nothing in time."""
    import asyncio
    import time

    from schemas import catalog
    from schemas.wire.codec import Codec
    from streams.domain.alerts.decider import WAYS
    from streams.log.ports import Log
    from streams.log.records import partition_for

    journal = catalog.journal_of(WAYS[way]).name

    async def look(log: Log, codec: Codec) -> Any:
        deadline = time.monotonic() + wait_s
        partition = partition_for(sent.receiver.encode(), log.partition_count(journal))
        start, _ = await log.watermarks(journal, partition)
        while True:
            _, end = await log.watermarks(journal, partition)
            async for batch in log.read(journal, partition, start, end):
                for record in batch:
                    event = codec.decode_as_written(record.value)
                    if getattr(event, "notification_id", None) == sent.notification_id:
                        return event
            if time.monotonic() >= deadline:
                return None
            start = end
            await asyncio.sleep(0.3)

    return operators.on_the_log(look, bootstrap_servers)


def _receivers(bootstrap_servers: str | None) -> list[str]:
    from app.cli.errors import CannotRun
    from app.operators.rules import in_force
    from streams.rules.catalogue import ALERT_RULES, alert_policy

    adopted = operators.on_the_log(in_force, bootstrap_servers)
    if ALERT_RULES.name not in adopted:
        raise CannotRun("no rules of alerts are in force yet; a worker offers them at its start (`saldo status`)")
    return list(alert_policy(adopted[ALERT_RULES.name].text).receivers)


def _alerts(bootstrap_servers: str | None) -> list[AlertSeen]:
    from app.operators.alerts import all_alerts

    found: list[AlertSeen] = operators.on_the_log(all_alerts, bootstrap_servers)
    return found


def _find(alert_id: str, bootstrap_servers: str | None) -> AlertSeen:
    from app.cli.errors import CannotRun

    wanted = alert_id.strip().upper()
    for one in _alerts(bootstrap_servers):
        if one.latest.alert_id == wanted:
            return one
    raise CannotRun(f"there is no alert {wanted[:40]!a}; `saldo alerts list --all` shows every one", field="alert_id")


def _lines(one: AlertSeen) -> list[str]:
    from schemas.values.money import shown

    latest = one.latest
    amount = (
        ""
        if latest.amount_minor is None or latest.currency is None
        else f", {shown(latest.amount_minor, latest.currency)}"
    )
    return [
        f"{latest.alert_id}  {latest.severity.value.lower():6}  {latest.title}{amount}",
        *([f"    {latest.detail}"] if latest.detail else []),
        f"    since {latest.since_at:%Y-%m-%d %H:%M} UTC; {one.status}",
        f"    {latest.remedy}",
    ]
