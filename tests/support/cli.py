"""Runs `saldo` in this process as a shell would see it: exit code, stdout, stderr."""

from __future__ import annotations

import contextlib
import functools
import io
from dataclasses import dataclass
from typing import Any

import pytest
import typer

import app.cli
from app.cli import build, main


@functools.cache
def _built(_only: str = "") -> Any:
    """The commands, put together once: that takes five times as long as most of them."""
    return typer.main.get_command(build())


@dataclass(frozen=True)
class Outcome:
    """What a shell sees of one command."""

    exit_code: int
    out: str
    err: str


def saldo(*arguments: str) -> Outcome:
    """Run one command; never raises what the command would have shown as a line."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        if app.cli.build is build:  # and no test's own
            patch.setattr(app.cli, "build", _built)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(arguments)
    code = ended.value.code
    return Outcome(code if isinstance(code, int) else 1, out.getvalue(), err.getvalue())
