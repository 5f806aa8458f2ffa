"""Runs `saldo` in this process as a shell would see it: exit code, stdout, stderr."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

import pytest

from app.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a shell sees of one command."""

    exit_code: int
    out: str
    err: str


def saldo(*arguments: str) -> Outcome:
    """Run one command; never raises what the command would have shown as a line."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(arguments)
    code = ended.value.code
    return Outcome(code if isinstance(code, int) else 1, out.getvalue(), err.getvalue())
