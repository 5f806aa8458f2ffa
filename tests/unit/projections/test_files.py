"""Which file a line came from: every file that holds it is named, a file brought twice stands once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.files.reading import FileReader, Understood, read_bank
from app.files.settings import FilesSettings
from projections.store.client import Store
from reconcile.files.bank_lines import Selection
from schemas.topic import Topic
from tests.support.examples import example
from tests.support.projecting import asked, fill
from tests.support.scripted import Script

SEEN = datetime(2026, 11, 26, 7, tzinfo=UTC)
REPORT = "Case,Status,Date,Amount\nCB-1,Chargeback,2026-11-20,100.00\n"


def test_a_line_names_its_files_and_a_file_its_lines(engine: Store, tmp_path: Path) -> None:
    script, now = Script(), SEEN
    reader = FileReader.of(FilesSettings(), {"main": "USD"}, now=lambda: now)

    def bring(name: str, text: str, origin: str, read: Any = reader.disputes) -> Understood:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        understood: Understood = read(reader.take(path, "main", origin=origin))
        inbox = Topic.DISPUTES_INBOX if understood.purpose == "disputes" else Topic.SETTLEMENT_INBOX
        for topic, records in ((Topic.FILES, understood.received), (inbox, understood.facts)):
            for record in records:
                script.write(topic, record)
        return understood

    first = bring("monday.csv", REPORT, "folder")
    bring("monday.csv", REPORT, "upload")
    now += timedelta(days=1)
    second = bring("tuesday.csv", REPORT + "CB-2,Won,2026-11-21,\n", "command")
    payouts = "Deposit ID,Deposit Date,Gross,Fees,Net\nD-1,2026-11-20,100.00,3.00,97.00\n"
    bring("payouts.csv", payouts, "folder", reader.deposits)
    statement = "Date,Text,Amount\n2026-11-24,PAYTRACE DEP,97.00\n2026-11-24,FEE,-3.00\n"
    bank = bring("bank.csv", statement, "command", lambda given: read_bank(given, Selection("main", "giro", "USD")))
    script.write(Topic.DISPUTES_INBOX, example("DisputeObserved", origin="hook"))
    fill(engine, script.messages)

    files = {row["file_name"]: row for row in asked(engine, "files")}
    assert {name: (row["ways"], row["row_count"], row["line_count"]) for name, row in files.items()} == {
        "monday.csv": ("folder, upload", 1, 1),
        "tuesday.csv": ("command", 2, 2),
        "payouts.csv": ("folder", 1, 1),
        "bank.csv": ("command", 2, 2),
    }
    named = [(row["file_name"], row["row_number"], row["what"]) for row in asked(engine, "files_of", id="CB-1")]
    assert named == [(name, 2, what) for name in ("monday.csv", "tuesday.csv") for what in ("DEBITED", "OPENED")]
    said = [
        (row["row_number"], row["id"], row["amount_minor"]) for row in asked(engine, "lines_of_a_file", file="bank.csv")
    ]
    assert [(number, minor) for number, _, minor in said] == [(1, 97_00), (2, -3_00)]
    assert [row["id"] for row in asked(engine, "lines_of_a_file", file=second.digest[:12])] == ["CB-1", "CB-1", "CB-2"]
    (deposit,) = asked(engine, "files_of", id="D-1")
    assert (deposit["file_name"], deposit["amount_minor"]) == ("payouts.csv", 97_00)
    assert first.digest != bank.digest
