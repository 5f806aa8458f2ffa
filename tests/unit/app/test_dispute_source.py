"""The watched folder and the day: a file is on its topic before its facts, and each thing is published once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.sources.disputes import DisputeSource
from app.sources.polling import Publisher
from reconcile.files.disputes import load_dispute_profile
from schemas import catalog
from schemas.failures import Unreadable
from schemas.wire.codec import Codec
from streams.edges.ports import Observation
from streams.log.memory import MemoryLog
from tests.support.signing import SIGNER

NOON = datetime(2026, 11, 30, 20, tzinfo=UTC)
REPORT = "Case,Status,Date,Amount\nCB-1,Chargeback,2026-11-20,100.00\n"


class Installation:
    """A folder, a log, and the process that looks after both."""

    def __init__(self, folder: Path) -> None:
        self.log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
        self.folder, self.now = folder, NOON
        self.start()

    def start(self) -> None:
        """Begin anew, as after a crash."""
        self.publisher = Publisher("paytrace", self.log, Codec())
        self.source = DisputeSource(
            self.publish,
            folder=self.folder,
            merchant="main",
            currency="USD",
            zone=ZoneInfo("America/Los_Angeles"),
            profile=load_dispute_profile(None),
            now=lambda: self.now,
        )

    async def publish(self, observations: Sequence[Observation]) -> int:
        async def each() -> AsyncIterator[Observation]:
            for observation in observations:
                yield observation

        return await self.publisher.publish(each())

    async def poll(self) -> None:
        await self.publisher.remember()
        await self.publisher.publish(self.source.poll())

    def records(self, topic: str) -> list[Any]:
        return [Codec().decode(record.value) for record in self.log.records(topic, 0)]

    @property
    def written(self) -> list[str]:
        return [type(record).__name__ for record in self.records("disputes.inbox.v1")]


async def test_a_report_in_the_folder_is_kept_and_read_once_also_after_a_restart(tmp_path: Path) -> None:
    one = Installation(tmp_path)
    (tmp_path / "report.csv").write_text(REPORT, "utf-8")
    (tmp_path / ".report2.csv.part").write_text("half", "utf-8")
    await one.poll()
    await one.poll()
    one.start()
    await one.poll()
    assert one.written == ["DayBegan", "DisputeObserved", "DisputeObserved"]
    (file,) = one.records("files.v1")
    assert (file.file_name, file.origin, file.row_count) == ("report.csv", "folder", 1)
    assert one.records("disputes.inbox.v1")[1].origin == f"file:{file.file_digest}"


async def test_each_day_is_published_once(tmp_path: Path) -> None:
    one = Installation(tmp_path)
    for hours in (0, 1, 24, 25):
        one.now = NOON + timedelta(hours=hours)
        await one.poll()
    assert [record.began_on.isoformat() for record in one.records("disputes.inbox.v1")] == ["2026-11-30", "2026-12-01"]


async def test_a_file_that_can_t_be_read_is_named_and_holds_up_no_other(tmp_path: Path) -> None:
    one = Installation(tmp_path)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "b.csv").write_text(f"{REPORT}CB-2,Sent to the moon,2026-11-20,1.00\n", "utf-8")
    await one.poll()
    assert one.written == ["DayBegan", "DisputeObserved", "DisputeObserved"]
    pdf, left_out = one.source.not_read
    assert "a.pdf" in pdf
    assert left_out == "b.csv: line 3: stage 'Sent to the moon' is not known; add it below stages: of a profile"


async def test_a_folder_that_is_none_says_so_and_the_day_comes_all_the_same(tmp_path: Path) -> None:
    one = Installation(tmp_path / "nowhere")
    with pytest.raises(Unreadable, match="SALDO_DISPUTES_FOLDER"):
        await one.poll()
    assert one.written == ["DayBegan"]
