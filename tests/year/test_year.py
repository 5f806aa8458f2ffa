"""A year of 2,000 payments at the rates of a shop: every day closes, and every cent is where it belongs."""

from __future__ import annotations

from schemas.records.erp import Side
from tests.year.run import live

PAYMENTS = 2_000


def test_every_day_of_a_year_closes_at_residual_0() -> None:
    line, proof = live(PAYMENTS, seed=1)
    assert proof.problems == []
    assert len(proof.days) > 360
    assert proof.open_days == []
    assert proof.events["PaymentChargedBack"] > 0, "a year without a dispute proves little"
    assert proof.events["CaptureReversed"] > 0
    assert len(line.documents) > PAYMENTS // 2
    assert {one.side for document in line.documents.values() for one in document.lines} == {Side.DEBIT, Side.CREDIT}
