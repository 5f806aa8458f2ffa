"""A file that somebody gave us: whose it is, its digest, and how it is kept.

Kept are its rows with the columns that are understood, masked, since such files hold names and card numbers; the digest
of the bytes says whether a file at hand is that one. Each record that is made of a row names the digest and the row.
A file is of one merchant account, or each row names its own; none is ever guessed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar

from reconcile.files.errors import BadRow, FileUnreadable
from reconcile.files.masking import masked
from reconcile.files.values import BadValue
from schemas.records.files import FileReceived

R = TypeVar("R")
Purpose = Literal["disputes", "deposits", "bank"]

_PART: Final = 400_000  # characters; with escapes and other alphabets still below what a record may have
_LONGEST_NAME: Final = 200
LARGEST_FILE: Final = 64_000_000  # bytes; a year of a large merchant's disputes has a tenth of that


@dataclass(frozen=True, slots=True)
class Accounts:
    """The merchant accounts that a file may be about.

    Shapes: currencies is by label, in which amounts count where a row names no currency; given is the account that the
            file was given for, None where that was not said.
    """

    currencies: Mapping[str, str]
    given: str | None = None

    @property
    def label(self) -> str | None:
        """The account of a row that names none; None where several are possible."""
        if self.given is None and len(self.currencies) == 1:
            return next(iter(self.currencies))
        return self.given

    def of_row(self, named: str, names: Mapping[str, str]) -> tuple[str, str]:
        """Return label and currency of a row that names this account, or none.

        Shapes: names says which label a processor's own name of an account means.
        Raises: BadValue for an account that is not one of these, and for one that the file was not given for.
        """
        label = names.get(named, named) if named else self.label
        if label is None:
            raise BadValue(f"names no merchant account, and there are several: {self._known}")
        if label not in self.currencies:
            raise BadValue(f"merchant account {masked(label)!r} is none of {self._known}; add it below merchants:")
        if self.given is not None and label != self.given:
            raise BadValue(f"is of merchant account {label!r}, and the file was given for {self.given!r}")
        return label, self.currencies[label]

    def require_one(self, path: Path) -> None:
        """Raise FileUnreadable for a file whose rows name no account, where there are several and none was given."""
        if self.label is None:
            raise FileUnreadable(
                path,
                f"says of no row which merchant account it is of, and there are several: {self._known}",
                "Give the file for one of them (--merchant, a folder of that name, merchant of an upload), or name its "
                "column below columns: merchant: of a profile (docs/disputes.md)",
            )

    @property
    def _known(self) -> str:
        return ", ".join(sorted(self.currencies))


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file on its way in. Units: observed_at is when these bytes were read for the first time, by whichever way."""

    path: Path
    name: str
    digest: str
    byte_count: int
    accounts: Accounts
    origin: str
    observed_at: datetime

    @classmethod
    def of(
        cls,
        path: Path,
        accounts: Accounts,
        observed_at: datetime,
        *,
        origin: str,
        name: str = "",
        most_bytes: int = LARGEST_FILE,
    ) -> GivenFile:
        """Take a file; name is what people call it, the file's own by default.

        Raises: FileUnreadable when it is too large or can't be opened.
        """
        try:
            size = path.stat().st_size
            if size > most_bytes:
                raise FileUnreadable(path, f"{size:,} bytes, more than {most_bytes:,}", "Split it by month or account")
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise FileUnreadable(path, f"can't be opened: {error.strerror}", "Check the path and your rights") from None
        return cls(path, masked(name or path.name)[:_LONGEST_NAME], digest, size, accounts, origin, observed_at)

    def row_name(self, row: int) -> str:
        """Return how a record names the row that it was made of: <digest>#<row>, 1 is the first line of the file."""
        return f"{self.digest}#{row}"

    def kept(self, purpose: Purpose, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> tuple[FileReceived, ...]:
        """Return the file as its topic keeps it, in parts. Shapes: rows are number and masked cells of each row."""
        parts: list[str] = [""]
        for number, cells in rows:
            row = json.dumps({"line": number, **cells}, ensure_ascii=False, default=str)
            if parts[-1] and len(parts[-1]) + len(row) >= _PART:
                parts.append("")
            parts[-1] += f"{row}\n"
        return tuple(
            FileReceived(
                file_digest=self.digest,
                purpose=purpose,
                merchant=self.accounts.label or "",
                file_name=self.name,
                byte_count=self.byte_count,
                row_count=len(rows),
                part_number=number,
                part_count=len(parts),
                content=part,
                origin=self.origin,
                observed_at=self.observed_at,
            )
            for number, part in enumerate(parts, 1)
        )


@dataclass(frozen=True, slots=True)
class ReadFile(Generic[R]):
    """What a file says.

    Shapes: received holds the file itself, in parts; facts are the records of its rows, in their order.
    """

    digest: str
    received: tuple[FileReceived, ...]
    facts: tuple[R, ...]
    bad: tuple[BadRow, ...] = ()
    notes: tuple[str, ...] = field(default=())
