"""What `saldo match` leaves in its output directory: tables for people and programs, evidence, and the bridge.

Text that came from the files is written so that no spreadsheet takes it for a formula. All files are written into a
directory beside the target and moved there together when they are whole, so that a stopped run leaves nothing behind,
and never a half table or tables of two runs.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from reconcile.engine.lines import Side
from reconcile.engine.results import BridgeLine, Match, OneSided, Outcome
from reconcile.files.errors import OutputRefused
from reconcile.files.reading import SideFile
from reconcile.files.values import money
from schemas.values.foreign_text import for_spreadsheet

MATCHES = ("match_id", "left_id", "right_id", "amount_minor", "status", "rule", "score")
ONE_SIDED = ("side", "id", "other_id", "kind", "status", "rule")
UNMATCHED = ("side", "id", "reason", "nearest")
BRIDGE = ("currency", "what", "count", "amount_minor", "amount")
BAD_ROWS = ("side", "file", "line", "reason")


def check_out(out: Path) -> None:
    """See before a long run that its answer can be written.

    Raises: OutputRefused for what is no directory, or one without the right to write.
    """
    parent = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not parent.is_dir():
        raise OutputRefused(out, f"{parent} is a file, not a directory", "Name another directory with --out")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputRefused(out, f"no right to write in {parent}", "Name another directory with --out")


def write_outcome(out: Path, outcome: Outcome, left: SideFile, right: SideFile) -> None:
    """Write all output files into a directory, which is made if missing; files of an earlier run are replaced.

    Raises: OutputRefused when the disk is full or the directory went away.
    """
    fresh = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".saldo-match-", dir=out))
        try:
            _write_all(beside, outcome, left, right)
            for path in sorted(beside.iterdir()):
                os.replace(path, out / path.name)
                fresh = False
        finally:
            shutil.rmtree(beside if not fresh else out, ignore_errors=True)
    except OSError as error:
        raise OutputRefused(out, f"can't be written: {error.strerror or error}", "Check space and rights") from error


def _write_all(out: Path, outcome: Outcome, left: SideFile, right: SideFile) -> None:
    numbers = {id(match): f"M{number:06d}" for number, match in enumerate(outcome.matches, start=1)}
    _table(
        out / "matches.csv",
        MATCHES,
        (
            (numbers[id(match)], part[0], part[1], part[2], match.status.value, match.rule, match.score)
            for match in outcome.matches
            for part in match.parts
        ),
    )
    _table(
        out / "one_sided.csv",
        ONE_SIDED,
        (
            (one.side.value, one.id, one.other_id, one.kind.value, one.status.value, one.rule)
            for one in outcome.one_sided
        ),
    )
    _table(
        out / "unmatched.csv",
        UNMATCHED,
        ((one.side.value, one.id, one.reason, one.nearest) for one in outcome.unmatched),
    )
    _table(
        out / "bridge.csv",
        BRIDGE,
        (
            (row.currency, row.what, row.count, row.amount_minor, plain_money(row.amount_minor, row.currency))
            for row in bridge_rows(outcome)
        ),
    )
    _table(
        out / "bad_rows.csv",
        BAD_ROWS,
        (
            (side.value, bad.file, bad.line, bad.reason)
            for side, file in ((Side.LEFT, left), (Side.RIGHT, right))
            for bad in file.bad
        ),
    )
    _lines(out / "evidence.jsonl", _evidence(outcome, numbers))
    _whole(out / "summary.json", json.dumps(summary(outcome, left, right), indent=2, ensure_ascii=False) + "\n")


def plain_money(minor: int, currency: str) -> str:
    """Return an amount with decimals and without thousands separators, as spreadsheets and programs read it."""
    return money(minor, currency).replace(",", "")


def bridge_rows(outcome: Outcome) -> list[BridgeLine]:
    """Return the bridge with its first and last rows: totals, what explains the difference, and the residual."""
    rows: list[BridgeLine] = []
    for currency, (left, right) in sorted(outcome.totals.items()):
        rows.append(BridgeLine(currency, "left total", 0, left))
        rows.append(BridgeLine(currency, "right total", 0, right))
        rows.append(BridgeLine(currency, "left - right", 0, left - right))
        rows.extend(row for row in outcome.bridge if row.currency == currency)
        rows.append(BridgeLine(currency, "residual", 0, outcome.residual_minor(currency)))
    return rows


def summary(outcome: Outcome, left: SideFile, right: SideFile) -> dict[str, Any]:
    """Return what happened, in numbers, for people and for a program that checks the run."""
    statuses = [match.status.value for match in outcome.matches]
    return {
        "rules_version": outcome.rules_version,
        "sign_reading": outcome.orientation.value,
        "left": _of_side(left),
        "right": _of_side(right),
        "matches_confirmed": statuses.count("confirmed"),
        "matches_suggested": statuses.count("suggested"),
        "one_sided": len(outcome.one_sided),
        "unmatched_left": sum(1 for one in outcome.unmatched if one.side is Side.LEFT),
        "unmatched_right": sum(1 for one in outcome.unmatched if one.side is Side.RIGHT),
        "rule_uses": dict(outcome.rule_uses),
        "unused_rules": [rule for rule, uses in outcome.rule_uses.items() if not uses],
        "limits_hit": list(outcome.limits_hit),
        "bridge": [
            {
                "currency": row.currency,
                "what": row.what,
                "count": row.count,
                "amount_minor": row.amount_minor,
                "amount": plain_money(row.amount_minor, row.currency),
            }
            for row in bridge_rows(outcome)
        ],
        "residual_minor": {currency: outcome.residual_minor(currency) for currency in sorted(outcome.totals)},
    }


def _of_side(file: SideFile) -> dict[str, Any]:
    return {
        "lines": len(file.lines),
        "bad_rows": len(file.bad),
        "understood": file.understood,
        "notes": file.notes,
    }


def _evidence(outcome: Outcome, numbers: dict[int, str]) -> Iterable[dict[str, Any]]:
    for match in outcome.matches:
        yield {"match_id": numbers[id(match)], **_of_match(match)}
    for one in outcome.one_sided:
        yield _of_one_sided(one)


def _of_match(match: Match) -> dict[str, Any]:
    runner_up = match.runner_up
    return {
        "left_ids": match.left_ids,
        "right_ids": match.right_ids,
        "currency": match.currency,
        "status": match.status.value,
        "rule": match.rule,
        "rules_version": match.rules_version,
        "score": match.score,
        "margin": match.margin,
        "difference_minor": match.difference_minor,
        "kind": match.kind,
        "agrees": match.agrees,
        "differs": match.differs,
        "runner_up": None
        if runner_up is None
        else {"left_ids": runner_up.left_ids, "right_ids": runner_up.right_ids, "distance": runner_up.distance},
        "candidates": match.candidates,
    }


def _of_one_sided(one: OneSided) -> dict[str, Any]:
    return {
        "side": one.side.value,
        "id": one.id,
        "other_id": one.other_id,
        "kind": one.kind.value,
        "status": one.status.value,
        "rule": one.rule,
        "rules_version": one.rules_version,
        "score": one.score,
        "agrees": one.agrees,
        "differs": one.differs,
    }


def _table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([for_spreadsheet(cell) for cell in row] for row in rows)


def _lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _whole(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
