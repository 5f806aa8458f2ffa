"""Bank statements as banks send them: camt.052/053/054, MT940/942, BAI2 and OFX, each as lines of one side."""

from __future__ import annotations

from pathlib import Path

from reconcile.engine.lines import Line, Side
from reconcile.files.bai2 import read_bai2
from reconcile.files.banking import Reading
from reconcile.files.camt import read_camt
from reconcile.files.errors import BadRow, FileUnreadable
from reconcile.files.mt940 import read_mt940
from reconcile.files.ofx import read_ofx

READERS = {"camt": read_camt, "mt940": read_mt940, "bai2": read_bai2, "ofx": read_ofx}


def read_statement(
    path: Path, kind: str, side: Side, reading: Reading | None = None
) -> tuple[list[Line], list[BadRow]]:
    """Read a bank statement; kind is a key of READERS.

    Ensures: a broken entry, and a statement whose balances do not add up, is a bad row; what is left out on purpose
             (entries that are not booked) is reported in the reading's notes.
    Raises:  FileUnreadable when the file as a whole is broken.
    """
    lines: list[Line] = []
    bad: list[BadRow] = []
    reading = reading or Reading()
    try:
        for found in READERS[kind](path, side, reading):
            if isinstance(found, Line):
                lines.append(found)
            else:
                bad.append(found)
    except LookupError as error:
        if not reading.encoding:
            raise
        raise FileUnreadable(path, str(error), 'Write an encoding such as "utf-8" or "cp1252"') from error
    if note := reading.accounts.note():
        reading.notes.append(note)
    return lines, bad
