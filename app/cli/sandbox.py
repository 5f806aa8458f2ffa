"""`saldo sandbox`: the pretended outside world: serve it, look into its books, move its clock, break it on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.output.terminal import say, say_json

if TYPE_CHECKING:
    from app.settings.settings import Settings


class Party(StrEnum):
    """Whose sandbox."""

    PAYTRACE = "paytrace"
    ABAS = "abas"
    SHOP = "shop"


PartyArgument = Annotated[Party, typer.Argument(help="Whose sandbox.")]


def register(app: typer.Typer) -> None:
    """Hang `sandbox serve|books|clock|settle|fault|reset` below the root."""
    sandbox = typer.Typer(help="Local other sides: books, clock, faults.", no_args_is_help=True)
    commands: tuple[Callable[..., None], ...] = (serve, books, clock, settle, fault, reset)
    for command in commands:
        sandbox.command()(command)
    app.add_typer(sandbox, name="sandbox")


def serve(
    party: PartyArgument,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    report_to_ingress: Annotated[
        bool, typer.Option(help="Send hooks, and PayTrace's Silent Posts, to the ingress of `saldo up`.")
    ] = False,
    tls_cert: Annotated[
        Path | None, typer.Option(help="PEM file of a certificate; with --tls-key it speaks HTTPS.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
) -> None:
    """Serve one sandbox in the foreground.

    Its books lie below the data directory and survive kill -9.
    """
    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("--tls-cert and --tls-key belong together")
    tls = None if tls_cert is None or tls_key is None else (tls_cert, tls_key)
    from app.settings.settings import load_settings

    settings = load_settings()
    home = settings.data_dir.absolute() / f"{party}-sandbox"
    home.mkdir(parents=True, exist_ok=True)
    if party is Party.PAYTRACE:
        from infra.installation.stack import Stack

        _serve_paytrace(port, home, Stack(settings).hooks if report_to_ingress else None, tls)
    elif party is Party.SHOP:
        _serve_shop(port, home, settings, report_to_ingress=report_to_ingress)
    else:
        _serve_abas(port, home, tls)


def books(party: PartyArgument) -> None:
    """Print the sandbox's own books as JSON: what an auditor reads."""
    say_json(_call(party, "books"), indent=2)


def clock(
    party: PartyArgument,
    advance: Annotated[float, typer.Option("--advance", help="Seconds to move forward; 0 only shows the time.")] = 0.0,
) -> None:
    """Move the sandbox's clock.

    Settlements and returns of later days happen now.
    """
    field = "shift_s" if party is Party.ABAS else "advance_s"
    say_json(_call(party, "clock", {field: advance}))


def settle() -> None:
    """Close PayTrace's open batch now."""
    say_json(_call(Party.PAYTRACE, "settle", {}))


def fault(
    party: PartyArgument,
    switches: Annotated[
        list[str] | None,
        typer.Argument(help="NAME=VALUE, VALUE in JSON, e.g. latency_s=0.2 or http_503='{\"count\":3}'."),
    ] = None,
) -> None:
    """Switch faults on or off; without any, show how they stand."""
    if not switches:
        say_json(_call(party, "faults"), indent=2)
        return
    wanted: dict[str, Any] = {}
    for switch in switches:
        name, equals, value = switch.partition("=")
        if not equals:
            raise typer.BadParameter(f"{switch!r} is not NAME=VALUE")
        wanted[name] = _json_value(name, value)
    say_json(_call(party, "faults", wanted), indent=2)


def reset(party: PartyArgument) -> None:
    """Empty the sandbox's books and switch its faults off."""
    _call(party, "reset", {})
    say(f"the {party} sandbox is empty")


def _serve_paytrace(port: int, home: Path, hooks: dict[str, str] | None, tls: tuple[Path, Path] | None) -> None:
    from infra.sandboxes.paytrace import SandboxSettings
    from infra.sandboxes.paytrace import serve as serve_paytrace

    cert, key = tls or (None, None)
    settings = SandboxSettings(data_dir=home, hooks=hooks, tls_cert_path=cert, tls_key_path=key)
    serve_paytrace("127.0.0.1", port, home, settings=settings)


def _serve_shop(port: int, home: Path, settings: Settings, *, report_to_ingress: bool) -> None:
    from infra.installation.stack import Stack
    from infra.sandboxes.shop import ShopSandboxSettings
    from infra.sandboxes.shop import serve as serve_shop

    stack = Stack(settings)
    # Below `saldo up` the settings lead to the PayTrace sandbox already, as if it were live.
    pays = stack.paytrace_sandbox_url if report_to_ingress or stack.has_paytrace_sandbox else ""
    hooks: dict[str, Any] = stack.shop_hooks if report_to_ingress else {}
    serve_shop(port, ShopSandboxSettings(data_dir=home, paytrace_url=pays, **hooks))


def _serve_abas(port: int, home: Path, tls: tuple[Path, Path] | None) -> None:
    import asyncio

    from infra.sandboxes.abas import create_app
    from infra.sandboxes.abas import serve as serve_app

    asyncio.run(serve_app(create_app(home), host="127.0.0.1", port=port, tls=tls))


def _json_value(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise typer.BadParameter(f"the value of {name} is not JSON: {value[:60]!r}; quote text as '\"text\"'") from None


def _call(party: Party, path: str, fields: Mapping[str, Any] | None = None) -> Any:
    import httpx2

    from app.cli.errors import CannotRun
    from app.settings.settings import load_settings
    from infra.installation.stack import Stack

    settings = load_settings()
    stack = Stack(settings)
    base = {
        Party.PAYTRACE: stack.paytrace_sandbox_url,
        Party.ABAS: stack.abas_sandbox_url,
        Party.SHOP: stack.client_settings().shop.base_url.rstrip("/"),
    }[party]
    if not base:
        raise CannotRun("no shop is set; name its sandbox in SALDO_SHOP_BASE_URL (docs/shop.md)")
    try:
        answer = httpx2.request(
            "GET" if fields is None else "POST", f"{base}/_sandbox/{path}", json=fields, timeout=60, trust_env=False
        )
    except httpx2.TransportError as error:
        raise CannotRun(f"no {party} sandbox answers at {base} ({error}); start it with `saldo up`") from error
    if answer.is_error:
        raise CannotRun(f"the {party} sandbox refused: {_reason(answer.text)}")
    return answer.json()


def _reason(text: str) -> str:
    """Return what a sandbox's error answer says: {"error": reason}, or its text where it is none of those."""
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:500]
