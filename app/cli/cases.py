"""`saldo cases`: who looks after money that waits, and comments on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from app.output.terminal import say
from schemas.topic import Topic

if TYPE_CHECKING:
    from schemas.records.cases import AssignCase, CommentOnCase

CaseArgument = Annotated[
    str,
    typer.Argument(help="Where it waits and its reference, as receivables/PT395970002 or identification/395970002."),
]


def register(app: typer.Typer) -> None:
    """Hang `cases list|assign|comment` below the root."""
    operators.add_group(
        app,
        "cases",
        "Money that waits, shared by several people.",
        {"list": list_cases, "assign": assign, "comment": comment},
    )


@needs("read")
def list_cases() -> None:
    """List who looks after what waits, with the comments on it."""
    from app.cli.asking import answer

    rows = answer("case_notes").records
    for row in rows:
        what = f"{row['decided_by']}: {row['reason']}"
        if not row["is_comment"]:
            what = f"{row['assignee'] or 'nobody'} looks after it"
        say(f"{row['case_name']}  {what}")
    if not rows:
        say("nobody noted anything")


@needs("AssignCase")
def assign(
    case: CaseArgument,
    assignee: Annotated[str, typer.Argument(help="Login name of who looks after it; - for nobody.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say who looks after money that waits."""
    from schemas.records.cases import AssignCase

    named = "" if assignee.strip() == "-" else assignee.strip()
    command = AssignCase(**operators.attributed("AssignCase", why), case_name=_named(case), assignee=named)
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("CommentOnCase")
def comment(
    case: CaseArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Comment on money that waits, for whoever looks at it next."""
    from schemas.records.cases import CommentOnCase

    command = CommentOnCase(**operators.attributed("CommentOnCase", why), case_name=_named(case))
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


def _named(case: str) -> str:
    from app.cli.errors import CannotRun

    place, _, reference = case.strip().partition("/")
    if place not in ("payments", "identification", "receivables", "disputes") or not reference:
        raise CannotRun(
            f"{case[:40]!a} names no money that waits; write its place and reference, as receivables/PT395970002",
            field="case",
        )
    return f"{place}/{reference}"


def _ask(
    command: AssignCase | CommentOnCase, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None
) -> None:
    operators.carry_out(Topic.CASES_INBOX, command, wait_s, bootstrap_servers, schema_registry_url)
