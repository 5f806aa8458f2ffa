"""What can be wrong with a file.

MatchFileError
  FileUnreadable(path, reason, remedy)      nothing could be read: stop, exit code 2
  ProfileInvalid(problems)                  every problem with file, line and remedy: stop, exit code 2
BadRow                                      one row that could not be read: listed, the rest goes on, exit code 3
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class MatchFileError(Exception):
    """A file that `saldo match` can't go on with."""


class FileUnreadable(MatchFileError):
    """Nothing useful could be read from a file."""

    def __init__(self, path: Path, reason: str, remedy: str):
        super().__init__(f"{path}: {reason}. {remedy}")
        self.path = path
        self.reason = reason
        self.remedy = remedy


class ProfileInvalid(MatchFileError):
    """A profile that names what does not exist; problems are complete sentences with file and line."""

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out, by its line in the file (1 is the first)."""

    file: str
    line: int
    reason: str
