"""What a file says, for whoever brings it: one way for command, watched folder and upload.

Decides which records go where: the file itself to its topic, what its rows say to the inbox of their agent. A
file counts from its first reading, so the same bytes brought again say nothing that is newer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from app.files.settings import FilesSettings
from reconcile.files.bank_lines import BankFile, Selection, read_bank_lines
from reconcile.files.deposits import DepositProfile, load_deposit_profile, read_deposits
from reconcile.files.disputes import DisputeProfile, load_dispute_profile, read_disputes
from reconcile.files.errors import BadRow
from reconcile.files.profile import SideProfile
from reconcile.files.received import Accounts, GivenFile, Purpose
from schemas.records import Record
from schemas.records.files import FileReceived
from schemas.topic import Topic
from schemas.values.clock import utc_now
from schemas.values.counting import counted

INBOXES: Final[Mapping[Purpose, Topic]] = {
    "disputes": Topic.DISPUTES_INBOX,
    "deposits": Topic.SETTLEMENT_INBOX,
    "bank": Topic.SETTLEMENT_INBOX,
}
_INSTANTS: Final = ("observed_at", "occurred_at")


@dataclass(frozen=True, slots=True)
class Understood:
    """A file as it was understood.

    Shapes: received goes to files.v1 before facts go to the inbox of their purpose; says is one line for people.
    """

    purpose: Purpose
    name: str
    digest: str
    received: tuple[FileReceived, ...]
    facts: tuple[Record, ...]
    bad: tuple[BadRow, ...]
    notes: tuple[str, ...]
    says: str

    def first_read_at(self, instant: datetime | None) -> Understood:
        """Return the same as of the first reading of these bytes; None where this is the first."""
        if instant is None:
            return self
        received = tuple(replace(part, observed_at=instant) for part in self.received)
        return replace(self, received=received, facts=tuple(_as_of(fact, instant) for fact in self.facts))


class FileReader:
    """Reads files of every purpose. Profiles are read once, when it is made."""

    def __init__(
        self,
        currencies: Mapping[str, str],
        *,
        dispute_profile: DisputeProfile,
        deposit_profile: DepositProfile,
        max_bytes: int,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Take the currency of each merchant account by its label."""
        self._currencies = currencies
        self._dispute_profile, self._deposit_profile = dispute_profile, deposit_profile
        self._max_bytes = max_bytes
        self._now = now

    @classmethod
    def of(
        cls,
        settings: FilesSettings,
        currencies: Mapping[str, str],
        *,
        profile: Path | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> FileReader:
        """Make one by the settings; profile takes the place of those of the settings. Raises FileInvalid."""
        return cls(
            currencies,
            dispute_profile=load_dispute_profile(profile or settings.dispute_profile_path),
            deposit_profile=load_deposit_profile(profile or settings.deposit_profile_path),
            max_bytes=settings.max_bytes,
            now=now,
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The merchant accounts."""
        return tuple(sorted(self._currencies))

    @property
    def profiles_digest(self) -> str:
        """Digest of what says how files are read: by another one the same file may say something else."""
        texts = (self._dispute_profile.model_dump_json(), self._deposit_profile.model_dump_json(), repr(self.labels))
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]

    def take(self, path: Path, merchant: str | None, *, origin: str, name: str = "") -> GivenFile:
        """Look at a file without reading its rows; merchant is the account it was given for, None where nobody said.

        Raises: FileUnreadable when it is too large or can't be opened.
        """
        accounts = Accounts(self._currencies, merchant)
        return GivenFile.of(path, accounts, self._now(), origin=origin, name=name, most_bytes=self._max_bytes)

    def disputes(self, given: GivenFile) -> Understood:
        """Read a dispute report; raises FileUnreadable."""
        found = read_disputes(given, self._dispute_profile)
        cases = {fact.dispute_case for fact in found.facts}
        says = f"{counted(len(found.facts), 'fact')} of {counted(len(cases), 'dispute')}"
        return _understood("disputes", given, found.received, found.facts, found.bad, found.notes, says)

    def deposits(self, given: GivenFile) -> Understood:
        """Read a deposit report; raises FileUnreadable."""
        found = read_deposits(given, self._deposit_profile)
        says = counted(len(found.facts), "deposit")
        return _understood("deposits", given, found.received, found.facts, found.bad, found.notes, says)


def read_bank(
    given: GivenFile, selection: Selection, profile: SideProfile | None = None, *, ends_days: bool = True
) -> Understood:
    """Read a bank statement; raises FileUnreadable."""
    return of_bank_file(given, read_bank_lines(given, selection, profile, ends_days=ends_days))


def of_bank_file(given: GivenFile, found: BankFile) -> Understood:
    """Return a bank statement that was read."""
    days = sorted({line.booked_on for line in found.lines})
    span = f", {days[0]} to {days[-1]}" if days else ""
    left_out = f"; {found.left_out} other lines left out" if found.left_out else ""
    says = f"({found.kind}) {counted(len(found.lines), 'line')}{span}{left_out}"
    return _understood("bank", given, found.received, (*found.lines, *found.ended), found.bad, found.notes, says)


def _understood(
    purpose: Purpose,
    given: GivenFile,
    received: tuple[FileReceived, ...],
    facts: Sequence[Record],
    bad: tuple[BadRow, ...],
    notes: tuple[str, ...],
    says: str,
) -> Understood:
    return Understood(purpose, given.name, given.digest, received, tuple(facts), bad, notes, says)


def _as_of(fact: Record, instant: datetime) -> Record:
    named = {one.name for one in fields(fact)}
    return replace(fact, **{name: instant for name in _INSTANTS if name in named})
