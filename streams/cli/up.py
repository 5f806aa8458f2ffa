"""`saldo up`: a whole Saldo on this machine, kept running until it is told to stop."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Hang `up` and `status` below the root."""
    app.command()(up)
    app.command()(status)


def up(
    workers: Annotated[int, typer.Option(min=1, max=16, help="Worker processes.")] = 1,
) -> None:
    """Run broker, sandboxes, workers, sources and projector, supervised; Ctrl-C stops them all."""
    from streams.embedded.supervisor import Supervisor
    from streams.settings import load_settings
    from streams.stack import Stack

    stack = Stack(load_settings(), workers=workers)
    processes = stack.processes()
    for line in stack.addresses():
        typer.echo(line)
    supervisor = Supervisor(processes, log_dir=stack.log_dir, status_path=stack.status_path, echo=typer.echo)
    raise typer.Exit(supervisor.run())


def status() -> None:
    """Show the processes of a running `saldo up`; exit code 1 when none runs."""
    from streams.embedded.supervisor import read_status
    from streams.settings import load_settings
    from streams.stack import Stack

    stack = Stack(load_settings())
    found = read_status(stack.status_path)
    if found is None:
        typer.echo(f"no `saldo up` runs for {stack.data_dir}", err=True)
        raise typer.Exit(1)
    for process in found.processes:
        restarts = f", {process.restarts} restarts" if process.restarts else ""
        typer.echo(f"{process.name:18} {process.state}  pid {process.pid}{restarts}")
    for line in stack.addresses():
        typer.echo(line)
