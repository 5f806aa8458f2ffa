"""One run of `saldo match`: read both sides, match, write. The command in `app/cli/match.py` only shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconcile.engine.engine import match
from reconcile.engine.lines import Side
from reconcile.engine.results import Outcome
from reconcile.files.advice import match_with_advice, payments_side, read_advice
from reconcile.files.columns import own_names
from reconcile.files.profile import Defaults, Profile, load_profile
from reconcile.files.reading import Progress, SideFile, minor_units, one_currency, read_side
from reconcile.files.writing import check_out, write_outcome


@dataclass(frozen=True, slots=True)
class Run:
    """What a run read and found."""

    left: SideFile
    right: SideFile
    outcome: Outcome

    @property
    def bad_rows(self) -> int:
        """Rows left out and balances that do not fit, on both sides."""
        return len(self.left.bad) + len(self.right.bad)


def run(
    left: Path,
    right: Path,
    out: Path,
    profile: Path | None,
    remittance: Path | None,
    progress: Progress,
    defaults: Defaults = Defaults(),  # noqa: B008  # it doesn't change
) -> Run:
    """Match two files and write the answer.

    Ensures: out holds the files that `writing.py` names.
    Raises:  FileUnreadable, OutputRefused, FileInvalid.
    """
    check_out(out)
    known = load_profile(profile, defaults)
    with own_names(known.column_names):
        return _run(left, right, out, known, remittance, progress)


def _run(left: Path, right: Path, out: Path, known: Profile, remittance: Path | None, progress: Progress) -> Run:
    left_file = read_side(left, Side.LEFT, known.left, progress)
    right_file = read_side(right, Side.RIGHT, known.right, progress)
    one_currency(left_file, right_file)
    minor_units(left_file, right_file)
    if remittance is None:
        outcome = match(left_file.lines, right_file.lines, known.rules, progress=progress)
    else:
        side = payments_side(left_file, right_file, remittance)
        payments = left_file if side is Side.LEFT else right_file
        advices, bad = read_advice(remittance, payments.lines)
        payments.bad.extend(bad)
        progress("applying payments", 0, 0)
        outcome = match_with_advice(left_file, right_file, side, advices, known.rules.version)
    progress("writing", 0, 0)
    write_outcome(out, outcome, left_file, right_file)
    return Run(left_file, right_file, outcome)
