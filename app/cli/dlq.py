"""`saldo dlq`: what could not be decided: list it, look into it, decide it again, give it up, or go on behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import identity, operators
from app.cli.connection import BootstrapServers, connect
from app.cli.identity import needs
from app.cli.operators import WhyOption
from app.output.terminal import say, say_json

if TYPE_CHECKING:
    from app.operators.dead_letters import ParkedRecord

InboxArgument = Annotated[str, typer.Argument(help="Inbox, e.g. payments.observations.v1.")]
PartitionArgument = Annotated[int, typer.Argument(min=0, help="Partition of the inbox.")]
OffsetArgument = Annotated[int, typer.Argument(min=0, help="Offset in the inbox.")]


def register(app: typer.Typer) -> None:
    """Hang `dlq list|show|replay|discard|resume` below the root."""
    commands: dict[str, Callable[..., None]] = {
        "list": list_parked,
        "show": show,
        "replay": replay,
        "discard": discard,
        "resume": resume,
    }
    operators.add_group(app, "dlq", "Records that could not be decided.", commands)


@needs("read")
def list_parked(
    inbox: Annotated[str | None, typer.Argument(help="Only this inbox.")] = None,
    bootstrap_servers: BootstrapServers = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List what is parked now, oldest first, with the reason.

    Records behind a parked one of their key are listed below it: they wait for it.
    """
    found = _parked(bootstrap_servers, inbox)
    if not found and not as_json:
        say("nothing is parked")
    for parked in found:
        if as_json:
            say_json(parked.as_json())
            continue
        behind = "" if parked.behind is None else f"  (behind {parked.behind})"
        say(f"{parked.inbox} {parked.partition} {parked.offset}  key {parked.key_text}{behind}")
        if parked.behind is None:
            held = "  (tried again by itself)" if parked.is_held else ""
            say(f"    {parked.error_type}: {parked.message}{held}")


@needs("read")
def show(
    inbox: InboxArgument,
    partition: PartitionArgument,
    offset: OffsetArgument,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Show one parked record whole.

    Where, why, headers, and its content as far as it can be read. Bytes are shown as text where they are text, and as
    "base64:..." where not.
    """
    from app.cli.showing import for_eyes

    parked = _find(bootstrap_servers, inbox, partition, offset)
    whole = parked.as_json()
    if parked.letter is not None:
        whole |= {"dead_letter": for_eyes(parked.letter), "content": parked.content}
    say_json(whole, indent=2)


@needs("ParkedReplayRequested")
def replay(
    inbox: InboxArgument,
    partition: PartitionArgument,
    offset: OffsetArgument,
    why: WhyOption,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Decide a parked record again, and what waits behind it.

    Those of its key follow in their order. It stops at the first that still fails; that one and those behind it
    stay parked. In the settlement inbox, where records wait alone, each of its key is tried.
    """
    from schemas.records.tasks import ParkedReplayRequested

    parked = _find(bootstrap_servers, inbox, partition, offset)
    _ask(
        bootstrap_servers,
        parked,
        lambda now: ParkedReplayRequested(
            record_key=parked.key, **identity.actor().fields_for("ParkedReplayRequested"), reason=why, requested_at=now
        ),
    )
    say(f"asked to decide key {parked.key_text} again; `saldo dlq list {inbox}` shows what still fails")
    say(f"    by {identity.actor()}")


@needs("ParkedDiscardRequested")
def discard(
    inbox: InboxArgument,
    partition: PartitionArgument,
    offset: OffsetArgument,
    why: WhyOption,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Give up one parked record, or one that no table shows.

    It stays in the inbox and in the dead letters; a parked one is never decided, and status counts neither any more.
    """
    from schemas.records.tasks import ParkedDiscardRequested

    parked = _in_inbox(bootstrap_servers, inbox, partition, offset)
    if not parked.is_parked:
        _refuse_unless_unreadable(parked)
    _ask(
        bootstrap_servers,
        parked,
        lambda now: ParkedDiscardRequested(
            record_key=parked.key,
            offset=parked.offset,
            **identity.actor().fields_for("ParkedDiscardRequested"),
            reason=why,
            requested_at=now,
        ),
    )
    say(f"asked to give up {inbox} {partition} {offset}")
    say(f"    by {identity.actor()}")


@needs("BreakerResetRequested")
def resume(
    inbox: InboxArgument,
    partition: PartitionArgument,
    why: WhyOption,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Let a partition go on after a run of bad records.

    Whatever of it is bad is parked, as single records are, up to this command; after it the count begins anew.
    """
    from app.cli.errors import CannotRun
    from schemas.records.tasks import BreakerResetRequested

    first = _first_of_run(bootstrap_servers, inbox, partition)
    if first is None:
        raise CannotRun(
            f"{inbox} {partition} does not stand still after a run of bad records; `saldo status` says what waits"
        )
    _ask(
        bootstrap_servers,
        first,
        lambda now: BreakerResetRequested(
            record_key=first.key, **identity.actor().fields_for("BreakerResetRequested"), reason=why, requested_at=now
        ),
    )
    say(f"asked to park what is bad of {inbox} {partition}, from {first.offset} on, and to go on with the rest")
    say(f"    by {identity.actor()}; `saldo dlq list {inbox}` shows what is parked")


def _first_of_run(bootstrap_servers: str | None, inbox: str, partition: int) -> ParkedRecord | None:
    import asyncio

    from app.operators import dead_letters

    async def work() -> ParkedRecord | None:
        connection = connect(bootstrap_servers)
        with connection.codec() as codec:
            async with dead_letters.opened(connection.kafka, codec) as letters:
                return await letters.run_of_failures(inbox, partition)

    return asyncio.run(work())


def _parked(bootstrap_servers: str | None, inbox: str | None) -> list[ParkedRecord]:
    import asyncio

    from app.operators import dead_letters

    async def work() -> list[ParkedRecord]:
        connection = connect(bootstrap_servers)
        with connection.codec() as codec:
            async with dead_letters.opened(connection.kafka, codec) as letters:
                return await letters.parked(inbox)

    return asyncio.run(work())


def _find(bootstrap_servers: str | None, inbox: str, partition: int, offset: int) -> ParkedRecord:
    from app.cli.errors import CannotRun

    for parked in _parked(bootstrap_servers, inbox):
        if (parked.partition, parked.offset) == (partition, offset):
            return parked
    raise CannotRun(
        f"{inbox} {partition} {offset} is not parked; `saldo dlq list {inbox}` shows what is", field="offset"
    )


def _in_inbox(bootstrap_servers: str | None, inbox: str, partition: int, offset: int) -> ParkedRecord:
    import asyncio

    from app.cli.errors import CannotRun
    from app.operators import dead_letters

    async def work() -> ParkedRecord | None:
        connection = connect(bootstrap_servers)
        with connection.codec() as codec:
            async with dead_letters.opened(connection.kafka, codec) as letters:
                found = await letters.in_inbox(inbox, partition, offset)
                if found is not None and not found.is_parked and await letters.is_given_up(found):
                    raise CannotRun(f"{inbox} {partition} {offset} is given up already")
                return found

    found = asyncio.run(work())
    if found is None:
        raise CannotRun(
            f"{inbox} {partition} {offset} is no record of an inbox; `saldo dlq list` and "
            "`saldo report unreadable_records` show what can be given up"
        )
    return found


def _refuse_unless_unreadable(record: ParkedRecord) -> None:
    """Let pass what no table shows and nobody has given up.

    Raises: CannotRun for any other record: to give it up would change nothing.
    """
    from app.cli.asking import answer
    from app.cli.errors import CannotRun

    at = (record.inbox, str(record.partition), str(record.offset))
    where = " ".join(at)
    for row in answer("unreadable_records", place="/".join(at)).records:
        if row["parked"] == "DISCARDED":
            raise CannotRun(f"{where} is given up already")
        return
    raise CannotRun(
        f"{where} is neither parked nor unreadable, so there is nothing to give up; `saldo dlq list` and "
        "`saldo report unreadable_records` show what can be"
    )


def _ask(bootstrap_servers: str | None, parked: ParkedRecord, request: Callable[[Any], Any]) -> None:
    import asyncio

    from app.operators import dead_letters

    def admitted(now: datetime) -> Any:
        asked = request(now)
        operators.admitted(parked.inbox, asked)  # such a request never waits for a second person (policy.py)
        return asked

    async def work() -> None:
        connection = connect(bootstrap_servers)
        with connection.codec() as codec:
            async with dead_letters.opened(connection.kafka, codec, signer=connection.signer()) as letters:
                await letters.ask(parked, admitted)

    asyncio.run(work())
