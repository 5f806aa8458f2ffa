"""`saldo privacy`: personal values are sealed on the topics; read them, or make one person's unreadable for good."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from app.output.terminal import say
from schemas.topic import Topic

if TYPE_CHECKING:
    from schemas.wire.codec import Codec
    from streams.edges.subject_keys import SubjectKeys
    from streams.log.ports import Log

PersonArgument = Annotated[
    str, typer.Argument(help="The person, as data_subject of its records: paytrace/<merchant>/<vault customer>.")
]


def register(app: typer.Typer) -> None:
    """Hang `privacy list|open|erase|readmit` below the root."""
    operators.add_group(
        app,
        "privacy",
        "Open personal values, or erase a person's.",
        {"list": list_subjects, "open": open_texts, "erase": erase, "readmit": readmit},
    )


@needs("read")
def list_subjects(
    containing: Annotated[str, typer.Argument(help="Only those whose name contains this.")] = "",
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """List whose values are sealed.

    One line each: the person as sources name it, and whether it is erased.
    """
    keys = keys_of_people(bootstrap_servers, schema_registry_url)
    found = {subject: erased for subject, erased in keys.subjects().items() if containing in subject}
    if not found:
        say("nobody's values are sealed" if not containing else f"no person's name contains {containing!r}")
    for subject, erased in sorted(found.items()):
        say(f"{subject}{'  erased' if erased else ''}")


@needs("open-personal")
def open_texts(bootstrap_servers: BootstrapServers = None, schema_registry_url: SchemaRegistryUrl = None) -> None:
    """Open what is sealed in a text that is piped in.

    saldo report ... --format csv | saldo privacy open. What was erased is shown as [erased].
    """
    from schemas.checks.sealing import opened

    keys = keys_of_people(bootstrap_servers, schema_registry_url)
    for line in sys.stdin:
        sys.stdout.write(opened(line, keys.key_of))


@needs("EraseSubject")
def erase(
    person: PersonArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Make a person's values unreadable for good.

    The keys are destroyed, so nobody can read them any more, on any topic or in any table. It can't be undone, so a
    second person approves it first. Money, its references and its history stay as they are.
    """
    from schemas.records.privacy import EraseSubject

    command = EraseSubject(**operators.attributed("EraseSubject", why), data_subject=person)
    answered = _ask(command, wait_s, bootstrap_servers, schema_registry_url)
    if answered is not None:
        say(f"    {person}: keys destroyed: {answered.key_count}")


@needs("ReadmitSubject")
def readmit(
    person: PersonArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Take an erased person as a customer again.

    New values are sealed with a new key; the old ones stay unreadable.
    """
    from schemas.records.privacy import ReadmitSubject

    command = ReadmitSubject(**operators.attributed("ReadmitSubject", why), data_subject=person)
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


def _ask(command: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None) -> Any:
    """Return the journal's answer; None when it waits for approval. Raises: typer.Exit with REFUSED on a refusal."""
    answer = operators.carry_out(Topic.PRIVACY_INBOX, command, wait_s, bootstrap_servers, schema_registry_url)
    return None if answer is None else answer.events[0]


def keys_of_people(bootstrap_servers: str | None, schema_registry_url: str | None) -> SubjectKeys:
    """Return all keys of data subjects as they are now."""
    from app.settings.privacy_key import privacy_key_of
    from app.settings.settings import load_settings
    from streams.edges.subject_keys import SubjectKeys

    async def read(log: Log, codec: Codec) -> SubjectKeys:
        keys = SubjectKeys(log, codec, lambda: privacy_key_of(load_settings()), source="operators")
        await keys.refresh()
        return keys

    found: SubjectKeys = operators.on_the_log(read, bootstrap_servers, schema_registry_url)
    return found
