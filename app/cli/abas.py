"""`saldo abas`: what a live abas calls things, and whether our mapping profile fits it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.identity import needs
from app.output.terminal import Sheet, hand_over, say

if TYPE_CHECKING:
    from app.settings.settings import Settings
    from connectors.abas.settings import AbasSettings


def register(app: typer.Typer) -> None:
    """Hang `abas probe|check|fields` below the root."""
    abas = typer.Typer(help="The live abas: its names, and whether the profile fits.", no_args_is_help=True)
    commands: tuple[Callable[..., None], ...] = (probe, check, fields)
    for command in commands:
        abas.command()(command)
    app.add_typer(abas, name="abas")


Company = Annotated[str | None, typer.Option(help="Label of the company, where the settings have several.")]


def probe(
    out: Annotated[
        Path | None, typer.Option("--out", dir_okay=False, help="Write there instead of to the terminal.")
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(
            "--measure",
            metavar="CUSTOMER",
            help="Measure how late a saved record appears in a search: saves a mark into the PayTrace id of this "
            "customer (one that nobody uses) some times and puts back what was there. Needs a finished profile "
            "(SALDO_ABAS_PROFILE_PATH).",
        ),
    ] = None,
    company: Company = None,
) -> None:
    """Write a first mapping profile from the server's metadata.

    Its head says what was not found. With --measure it holds search_lag_s as measured, and an outcome_wait_s to fit.
    """
    import asyncio

    from app.cli.errors import CannotRun

    if out is not None and out.exists():
        raise CannotRun(f"{out} is there already, and somebody may have worked on it: name another file")
    profile = asyncio.run(_probe(_settings().abas.of(company), measure))
    if out is None:
        say(*profile.splitlines())
        return
    out.write_text(profile, "utf-8")
    todo = profile.count(": TODO")
    say(f"wrote {out}; {todo} names are still TODO" if todo else f"wrote {out}")


def check(
    profile: Annotated[
        Path | None, typer.Option("--profile", help="The profile to check. Default: SALDO_ABAS_PROFILE_PATH.")
    ] = None,
    company: Company = None,
) -> None:
    """Compare the mapping profile with the live server.

    Every name that does not fit is listed, with file and line.
    """
    import asyncio

    settings = _settings().abas.of(company)
    path = profile or settings.profile_path
    asyncio.run(_check(settings, path))
    say(f"{path} fits the abas at {settings.base_url}")


@needs("read")
def fields(
    kind: Annotated[str, typer.Argument(help="Kind of document, as in schemas/documents.")],
    company: Company = None,
) -> None:
    """Show which fields of abas a kind of document goes into.

    By the mapping profile, with the type that abas says of each.
    """
    import asyncio

    from app.settings.settings import load_settings
    from infra.installation.stack import Stack

    settings = Stack(load_settings()).client_settings().abas.of(company)
    sheet = asyncio.run(_fields(settings, kind))
    for values in sheet.rows:
        row = dict(zip(sheet.columns, values, strict=True))
        say(f"{row['role']}: {row['field']} ({row['type'] or 'of a type that abas does not say'}), {row['need']}")
    hand_over(sheet)


async def _fields(settings: AbasSettings, kind: str) -> Sheet:
    from connectors.abas.client import AbasClient
    from connectors.abas.fields import fields_of
    from connectors.abas.profile import load_profile

    profile = load_profile(settings.profile_path)
    async with AbasClient(settings) as client:
        found = await fields_of(profile, kind, client)
    return Sheet(
        "fields",
        ("part", "role", "field", "type", "description", "need"),
        tuple((one.part, one.role, one.name, one.type, one.description, one.need) for one in found),
    )


async def _probe(settings: AbasSettings, measure: str | None) -> str:
    from connectors.abas.client import AbasClient
    from connectors.abas.probe import measure_search_lag
    from connectors.abas.probe import probe as write_profile
    from connectors.abas.profile import load_profile

    async with AbasClient(settings) as client:
        lag_s = None
        if measure is not None:
            lag_s = await measure_search_lag(client, load_profile(settings.profile_path), measure)
            say(f"a saved record appears in a search after {lag_s:.1f} s at most: posting.search_lag_s", err=True)
        return await write_profile(client, search_lag_s=lag_s)


async def _check(settings: AbasSettings, path: Path) -> None:
    from connectors.abas.client import AbasClient
    from connectors.abas.profile import load_profile
    from connectors.abas.profile_check import check_profile

    profile = load_profile(path)
    async with AbasClient(settings) as client:
        await check_profile(profile, client)


def _settings() -> Settings:
    from app.output.logs import configure_logs
    from app.settings.settings import load_settings
    from infra.installation.stack import Stack

    settings = Stack(load_settings()).client_settings()
    configure_logs(settings.log_level)
    return settings
