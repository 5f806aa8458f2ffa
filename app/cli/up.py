"""`saldo up`: a whole Saldo on this machine, kept running until it is asked to stop; `saldo status`: how it stands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from app.output.terminal import say, say_json

if TYPE_CHECKING:
    from app.cli.status import PipelineStatus
    from infra.installation.stack import Stack

_NEXT = """\
next, in another terminal:
  saldo demo                             a month of trading through this installation
  saldo status                           is it ready, how far is each agent, who is needed
  saldo report                           the questions that it answers
  saldo read payments.events.v1 -f       what it decides, as it does
Ctrl-C here stops it."""


def register(app: typer.Typer) -> None:
    """Hang `up` and `status` below the root."""
    app.command()(up)
    app.command()(status)


def up(
    workers: Annotated[int, typer.Option(min=1, max=16, help="Worker processes.")] = 1,
) -> None:
    """Run the whole of it on this machine until Ctrl-C.

    Broker, sandboxes (for what no setting says is live), workers, projector and sources, supervised: what ends is
    started again.
    """
    from app.cli.errors import CannotRun
    from app.output.logs import as_sentence
    from app.settings.settings import load_settings
    from infra.embedded.supervisor import Supervisor, read_status
    from infra.installation.stack import Stack

    stack = Stack(load_settings(), workers=workers)
    if (running := read_status(stack.status_path)) is not None:
        raise CannotRun(f"`saldo up` runs for {stack.data_dir} already, pid {running.pid}; `saldo status` shows it")
    processes = stack.processes()
    say(f"starting {len(processes)} processes in {stack.data_dir}; the first time takes longer")
    supervisor = Supervisor(
        processes,
        log_dir=stack.log_dir,
        status_path=stack.status_path,
        echo=say,
        # Whoever reads the merged lines from a file or pipe wants them as the processes wrote them.
        in_words=as_sentence if sys.stdout.isatty() else str,
        on_ready=lambda: _say_ready(stack),
    )
    raise typer.Exit(supervisor.run())


def status(
    as_json: Annotated[bool, typer.Option("--json", help="All of it as one JSON object, for programs.")] = False,
) -> None:
    """Show how the Saldo of this data directory stands.

    Exit code 0: everything goes on and nobody is needed. 1: something can't go on: a process, Kafka, a task, the
    projector, or PayTrace or abas is away. 4: everything goes on, and something waits for a person: money, bank lines
    that nothing explains, parked records, rows that can't be read.
    """
    from app.cli.status import pipeline_status_of, runs_alone
    from app.settings.settings import load_settings
    from infra.embedded.supervisor import read_status
    from infra.installation.stack import Stack

    stack = Stack(load_settings())
    found = read_status(stack.status_path)
    if found is None and not runs_alone(stack):
        say(
            f"nothing of Saldo runs for {stack.data_dir}; start it with `saldo up`, or name another SALDO_DATA_DIR",
            err=True,
        )
        raise typer.Exit(1)
    pipeline_status = pipeline_status_of(stack, found)
    if as_json:
        say_json(pipeline_status.as_json(), indent=2)
    else:
        say(*_paragraphs(stack, pipeline_status))
    raise typer.Exit(pipeline_status.exit_code)


def _say_ready(stack: Stack) -> None:
    say("", "ready", *stack.addresses(), "", *_NEXT.splitlines(), "")


def _paragraphs(stack: Stack, pipeline_status: PipelineStatus) -> list[str]:
    return [
        pipeline_status.in_a_word,
        *([pipeline_status.access] if pipeline_status.access else []),
        "",
        *(f"{process.name:18} {process.in_words}" for process in pipeline_status.processes),
        "",
        *pipeline_status.poll_lines(),
        "",
        *pipeline_status.agent_lines(),
        "",
        *stack.addresses(),
    ]
