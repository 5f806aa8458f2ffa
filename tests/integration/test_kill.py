"""Rule 8 of the issue: kill -9 and SIGSTOP at random, and nothing is lost or doubled, by both sides' own books."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kill.run import LEAST_SHOTS, report, run

pytestmark = pytest.mark.journey

SHOOTING_S = 60.0


@pytest.mark.timeout(900)
def test_nothing_is_lost_or_doubled_while_processes_are_killed_and_paused(tmp_path: Path) -> None:
    outcome = run(seed=20261124, seconds=SHOOTING_S, data_dir=tmp_path)
    assert outcome.problems == [], report(outcome)
    assert sum(outcome.shots.values()) >= LEAST_SHOTS, report(outcome)
    assert outcome.payment_requests >= 2, report(outcome)
    assert outcome.status is not None
    assert outcome.status.audit.documents > 30, report(outcome)
    assert all(scan.looked_at > 100 for scan in outcome.scans.values()), report(outcome)
