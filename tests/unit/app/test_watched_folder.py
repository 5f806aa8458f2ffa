"""The watched folder and the day: a file is on its topic before its facts, and each thing is published once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.files.reading import FileReader
from app.files.register import FileRegister
from app.files.settings import FilesSettings
from app.sources import days
from app.sources.folder import WatchedFolder
from app.sources.polling import Publisher
from schemas import catalog
from schemas.failures import Unavailable, Unreadable
from schemas.wire.codec import Codec
from streams.log.memory import MemoryLog
from tests.support.signing import SIGNER

NOON = datetime(2026, 11, 30, 20, tzinfo=UTC)
REPORT = "Case,Status,Date,Amount\nCB-1,Chargeback,2026-11-20,100.00\n"
DEPOSITS = "Deposit ID,Deposit Date,Gross,Fees,Net\nD-1,2026-11-20,100.00,3.00,97.00\n"
ONE, TWO = {"main": "USD"}, {"main": "USD", "store": "EUR"}


class Installation:
    """A folder, a log, and the process that looks after both."""

    def __init__(self, folder: Path, currencies: Mapping[str, str] = ONE) -> None:
        self.log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
        self.folder, self.currencies, self.now = folder, currencies, NOON
        self.reads: list[str] = []
        self.start()

    def start(self, profile: Path | None = None) -> None:
        """Begin anew, as after a crash."""
        self.publisher = Publisher("paytrace", self.log, Codec())
        settings = FilesSettings(dispute_profile_path=profile)
        reader = FileReader.of(settings, self.currencies, now=lambda: self.now)
        read = reader.disputes

        def counted(given: Any) -> Any:
            self.reads.append(given.name)
            return read(given)

        reader.disputes = counted  # type: ignore[method-assign]
        register = FileRegister(self.log, Codec())
        self.watched = WatchedFolder(self.folder, reader, register, self.publisher)

    async def poll(self) -> None:
        await self.publisher.remember()
        await self.publisher.publish(self.watched.poll())

    def put(self, place: str, text: str) -> None:
        """Write a file into the folder."""
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def records(self, topic: str) -> list[Any]:
        return [Codec().decode(record.value) for record in self.log.records(topic, 0)]

    @property
    def facts(self) -> list[tuple[str, str, int]]:
        """Case, fact and amount of every fact of a dispute."""
        facts = self.records("disputes.inbox.v1")
        return [(fact.dispute_case, fact.fact.value, fact.amount_minor) for fact in facts]


FACTS = [("main/USD/CB-1", "OPENED", 100_00), ("main/USD/CB-1", "DEBITED", 100_00)]


async def test_a_report_in_the_folder_is_kept_and_read_once_also_after_a_restart(tmp_path: Path) -> None:
    one = Installation(tmp_path)
    one.put("disputes/report.csv", REPORT)
    one.put("disputes/.report2.csv.part", "half")
    one.put("deposits/main/payouts.csv", DEPOSITS)
    await one.poll()
    await one.poll()
    one.start()
    await one.poll()
    (one.folder / "disputes/report.csv").rename(one.folder / "disputes/main-report.csv")
    await one.poll()
    assert (one.facts, one.reads, one.watched.not_read) == (FACTS, ["report.csv"], ())
    disputes, deposits = one.records("files.v1")
    assert (disputes.file_name, disputes.origin, disputes.merchant, disputes.row_count) == (
        "report.csv",
        "folder",
        "main",
        1,
    )
    assert one.records("disputes.inbox.v1")[1].origin == f"file:{disputes.file_digest}#2"
    (deposit,) = one.records("settlement.inbox.v1")
    assert (deposit.deposit_id, deposit.source_file) == ("D-1", f"{deposits.file_digest}#2")


async def test_among_several_merchant_accounts_the_folder_names_the_one(tmp_path: Path) -> None:
    two = Installation(tmp_path, TWO)
    two.put("disputes/store/report.csv", REPORT)
    two.put("disputes/report.csv", REPORT.replace("CB-1", "CB-2"))
    two.put("disputes/stroe/report.csv", REPORT.replace("CB-1", "CB-3"))
    two.put("report.csv", REPORT.replace("CB-1", "CB-4"))
    await two.poll()
    assert [case for case, _, _ in two.facts] == ["store/EUR/CB-1"] * 2
    nowhere, no_account, unnamed = two.watched.not_read
    assert nowhere == "report.csv: is read in no such place; move it into disputes or deposits"
    assert no_account == "disputes/stroe: is no merchant account; there are main, store"
    assert "disputes/report.csv: says of no row which merchant account it is of" in unnamed
    assert "a folder of that name" in unnamed


async def test_an_old_file_that_comes_back_undoes_no_correction(tmp_path: Path) -> None:
    """A file counts from its first reading: cumulative reports hold the same row in many files."""
    one = Installation(tmp_path)
    for hour, (name, amount) in enumerate((("a", "100.00"), ("b", "100.00 "), ("c", "120.00"))):
        one.now = NOON + timedelta(hours=hour)
        one.put(f"disputes/{name}.csv", REPORT.replace("100.00", amount))
        await one.poll()
    one.now = NOON + timedelta(hours=9)
    one.put("deposits/wrong-place.csv", "")
    # Another profile reads every file again, as a person does who brings one once more.
    profile = tmp_path.parent / "own.yaml"
    profile.write_text("stages: {moved: [OPENED]}\n", "utf-8")
    one.start(profile)
    await one.poll()
    readings = [(fact.amount_minor, fact.observed_at) for fact in one.records("disputes.inbox.v1")]
    assert {amount: max(at for paid, at in readings if paid == amount) for amount, _ in readings} == {
        100_00: NOON + timedelta(hours=1),
        120_00: NOON + timedelta(hours=2),
    }


async def test_what_was_not_written_is_read_again(tmp_path: Path) -> None:
    one = Installation(tmp_path)
    one.put("disputes/report.csv", REPORT)
    await one.publisher.remember()
    append, failing = one.log.append, ["disputes.inbox.v1"]

    async def broken(records: Any) -> Any:
        if any(record.topic in failing for record in records):
            raise Unavailable("the broker is away")
        return await append(records)

    one.log.append = broken  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await one.poll()
    assert (len(one.records("files.v1")), one.facts) == (1, [])
    failing.clear()
    await one.poll()
    assert (len(one.records("files.v1")), one.facts) == (1, FACTS)


async def test_a_file_that_can_t_be_read_is_named_and_holds_up_no_other(tmp_path: Path) -> None:
    one = Installation(tmp_path)
    one.put("disputes/a.pdf", "%PDF-1.7")
    one.put("disputes/b.csv", f"{REPORT}CB-2,Sent to the moon,2026-11-20,1.00\n")
    for _ in range(2):
        await one.poll()
    one.start()
    await one.poll()
    assert (one.facts, one.reads) == (FACTS, ["a.pdf", "b.csv"] * 2)
    pdf, left_out = one.watched.not_read
    assert "disputes/a.pdf: a PDF" in pdf
    assert (
        left_out == "disputes/b.csv: line 3: stage 'Sent to the moon' is not known; add it below stages: of a profile"
    )
    os.remove(one.folder / "disputes/b.csv")
    await one.poll()
    assert len(one.watched.not_read) == 1


async def test_a_folder_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="SALDO_FILES_FOLDER"):
        await Installation(tmp_path / "nowhere").poll()


async def test_each_day_is_published_once(tmp_path: Path) -> None:
    one = Installation(tmp_path)
    await one.publisher.remember()
    for hours in (0, 1, 24, 25):
        one.now = NOON + timedelta(hours=hours)
        await one.publisher.publish(days.poll(ZoneInfo("America/Los_Angeles"), lambda: one.now))
    assert [record.began_on.isoformat() for record in one.records("disputes.inbox.v1")] == ["2026-11-30", "2026-12-01"]
