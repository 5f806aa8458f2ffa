"""From PayTrace's observations and a bank file to a closed day, on a real broker with a real worker and projector."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings.settings import load_settings
from schemas.records.payments import TransactionKind as Kind
from schemas.records.payments import TransactionStatus as Status
from tests.support.builders import NOON, at, observation
from tests.support.cli import saldo
from tests.support.kafka import running_broker, use_broker
from tests.support.projector_process import spawn_projector, wait_until_caught_up
from tests.support.settlement import FIRST, batch
from tests.support.worker_process import Workers, make_our_topics, outbound, produce, wait_until

pytestmark = pytest.mark.journey

PAYMENTS, SETTLEMENT = "payments.observations.v1", "settlement.inbox.v1"
TODAY = (NOON.date() - FIRST).days  # the day of the observations
STATEMENT = """Date,Description,Amount
2026-11-21,PAYTRACE DEP BATCH 17,120.00
2026-11-21,OFFICE RENT,-900.00
2026-11-21,MERCHANT SERVICES PAYTRACE,41.00
"""


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with running_broker(tmp_path / "broker") as broker:
        make_our_topics(broker)
        use_broker(monkeypatch, broker)
        monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("COLUMNS", "160")
        yield broker


def asked(report: str) -> list[dict[str, Any]]:
    answer = load_settings().data_dir / f"{report}.json"
    done("report", report, "--format", "json", "--out", str(answer))
    found: list[dict[str, Any]] = json.loads(answer.read_text("utf-8"))
    return found


def status(day: str) -> tuple[str, int] | None:
    rows = [row for row in asked("deposit_days") if row["day"] == day]
    return (rows[0]["status"], int(rows[0]["residual_minor"])) if rows else None


def done(*arguments: str) -> str:
    outcome = saldo(*arguments)
    assert outcome.exit_code == 0, outcome.out + outcome.err
    return outcome.out


@pytest.mark.timeout(400)
def test_a_bank_file_closes_the_day_once_and_everything_can_be_rebuilt(bootstrap: str, tmp_path: Path) -> None:
    workers = Workers(bootstrap, tmp_path / "worker")
    settings = load_settings().projection
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    projector = spawn_projector(settings, tmp_path / "projector.log")
    try:
        workers.start("one")
        wait_until_caught_up(settings, projector, patience_s=180)  # before anybody asks, so that the store is its own
        sale = observation(Status.SETTLED, 150_00, payment="1", minute=1, settled_at=at(1), batch=17)
        refund = observation(Status.SETTLED, 30_00, kind=Kind.REFUND, payment="2", minute=2, settled_at=at(1), batch=17)
        check = observation(Status.ACH_CLEARED, 41_00, kind=Kind.ACH_SALE, payment="3", minute=3)
        produce(bootstrap, [outbound(PAYMENTS, seen) for seen in (sale, sale, refund, check)])
        produce(bootstrap, [outbound(SETTLEMENT, batch(17, 120_00, TODAY))])
        wait_until(lambda: status("2026-11-20") == ("RUNNING", 0), "settled money in the books")

        bank = tmp_path / "bank.csv"
        bank.write_text(STATEMENT, "utf-8")
        reported = done("import", "bank", str(bank), "--only", "paytrace")
        assert "2 lines, 2026-11-21 to 2026-11-21; 1 other lines left out" in reported
        wait_until(lambda: status("2026-11-21") == ("CLOSED", 0), "the day closes")
        assert status("2026-11-20") == ("CLOSED", 0)
        before = asked("deposit_bridge")
        assert {row["line"]: row["amount"] for row in before if row["day"] == "2026-11-21"}["deposited"] == "-161.00"
        assert asked("deposit_breaks") == []

        done("import", "bank", str(bank), "--only", "paytrace")
        done("import", "bank", str(bank))
        wait_until(lambda: status("2026-11-22") == ("RUNNING", 0), "the rent comes late")
        wait_until_caught_up(settings, projector, patience_s=180)
        assert [row for row in asked("deposit_bridge") if row["day"] < "2026-11-22"] == before
        (rent,) = asked("deposit_breaks")
        assert rent["text"] == "OFFICE RENT"
        done("deposits", "dismiss", rent["id"], "--why", "not PayTrace's")
        wait_until(lambda: asked("deposit_breaks") == [], "the rent is none of ours")
        rebuilt = done("rebuild", "--no-tables")
        assert "Everything came back identical" in rebuilt
        assert "state reconcile-deposits/" in rebuilt
    finally:
        workers.stop()
        projector.terminate()
        projector.wait(120)
