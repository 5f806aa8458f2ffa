"""A year of 2,000 payments at the rates of a shop: every day closes, and every cent is where it belongs."""

from __future__ import annotations

from tests.year.run import live

PAYMENTS = 2_000


def test_every_day_of_a_year_closes_at_residual_0() -> None:
    proof = live(PAYMENTS, seed=1).proof
    assert proof.problems == []
    assert len(proof.days) > 360
    assert proof.open_days == []
    assert proof.events["PaymentChargedBack"] > 0, "a year without a dispute proves little"
    assert proof.events["CaptureReversed"] > 0
    assert proof.events["BankTransferRecorded"] > 50, "customers pay into the bank account too"
    assert proof.documents.total() > PAYMENTS
    assert {"cash_receipt", "cash_receipt_reversal", "deposit", "fee", "reserve_held"} <= proof.documents.keys()
