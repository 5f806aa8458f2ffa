"""What can be wrong with a file; profiles, rules and column names are refused as schemas/files/owned.py does.

MatchFileError
  FileUnreadable(path, reason, remedy)      nothing could be read: stop, exit code 2
  OutputRefused(path, reason, remedy)       the answer can't be written there: stop, exit code 2
BadRow                                      one row that could not be read, or a statement whose balances do not add
                                            up: listed, the rest goes on, exit code 3
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconcile.files.masking import masked


class MatchFileError(Exception):
    """A file that `saldo match` can't go on with."""


class FileUnreadable(MatchFileError):
    """Nothing useful could be read from a file."""

    def __init__(self, path: Path, reason: str, remedy: str):
        super().__init__(f"{path}: {masked(reason.rstrip('.'))}. {masked(remedy)}")
        self.path = path
        self.reason = masked(reason)
        self.remedy = masked(remedy)


class OutputRefused(MatchFileError):
    """The output directory can't be written."""

    def __init__(self, path: Path, reason: str, remedy: str):
        super().__init__(f"{path}: {reason}. {remedy}")
        self.path = path


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong with a file at one line (1 is the first): a row left out, or a balance that does not fit."""

    file: str
    line: int
    reason: str

    def __post_init__(self) -> None:
        """Mask the reason: it quotes what stands in the file, and the file may hold what must not be shown."""
        object.__setattr__(self, "reason", masked(self.reason))
