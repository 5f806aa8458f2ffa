"""`saldo match` with and without masking: invoice numbers that look like card numbers lose no match."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from reconcile.files import reading
from reconcile.files.run import run
from schemas.checks.sensitive import MASK, is_card_number
from tests.corpus.generate import card

LINES = 60
RNG = random.Random(16)
# Every one passes the check digit and an issuer's range; half of the amounts stand twice, so only numbers tell.
INVOICES = [card(RNG, prefix, 16) for prefix in ("4", "53", "6011", "62", "6759", "2200", "81", "37")[:7] * 10][:LINES]
SPACED = [" ".join(number[at : at + 4] for at in range(0, 16, 4)) for number in INVOICES]


def answer(tmp_path: Path, left: str, right: str) -> set[tuple[str, ...]]:
    """Left and right rows that were matched, how surely, and by which rule."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "left.csv").write_text(left, "utf-8")
    (tmp_path / "right.csv").write_text(right, "utf-8")
    run(tmp_path / "left.csv", tmp_path / "right.csv", tmp_path / "out", None, None, lambda *_: None)
    with (tmp_path / "out" / "matches.csv").open(newline="") as file:
        return {(row["left_id"], row["right_id"], row["status"], row["rule"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    "texts",
    [
        [f"Invoice {number}" for number in INVOICES],
        [f"RG {number} Kd 70012 vielen Dank" for number in INVOICES],
        [f"{number} 24.11.2026" for number in INVOICES],
        [f"{100 + at} {number} {at + 7}" for at, number in enumerate(INVOICES)],
        [f"INV-{number} PAYMENT" for number in INVOICES],
    ],
    ids=["label", "words", "date behind", "numbers around", "prefix"],
)
def test_no_match_is_lost_by_masking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str]) -> None:
    assert all(map(is_card_number, INVOICES))
    left = "id,date,amount,reference\n" + "".join(
        f"L{at},2026-11-20,{100 + at // 2}.00,{number}\n" for at, number in enumerate(INVOICES)
    )
    right = "id,date,amount,description\n" + "".join(
        f"R{at},2026-11-24,{100 + at // 2}.00,{text}\n" for at, text in enumerate(texts)
    )
    masked = answer(tmp_path / "masked", left, right)
    written = (tmp_path / "masked" / "out" / "matches.csv").read_text() + "".join(
        path.read_text() for path in (tmp_path / "masked" / "out").glob("*.csv")
    )
    assert not [number for number in INVOICES if number in written]
    monkeypatch.setattr(reading, "without_numbers", lambda line: line)
    bare = answer(tmp_path / "bare", left, right)
    assert {pair[:2] for pair in bare} == {(f"L{at}", f"R{at}") for at in range(LINES)}
    assert masked == bare


def test_spaces_in_a_number_make_no_difference_once_it_is_masked(tmp_path: Path) -> None:
    left = "id,date,amount,reference\n" + "".join(
        f"L{at},2026-11-20,{100 + at // 2}.00,{number}\n" for at, number in enumerate(INVOICES)
    )
    right = "id,date,amount,description\n" + "".join(
        f"R{at},2026-11-24,{100 + at // 2}.00,zu {number}\n" for at, number in enumerate(SPACED)
    )
    found = answer(tmp_path / "files", left, right)
    assert {pair[:2] for pair in found} == {(f"L{at}", f"R{at}") for at in range(LINES)}


def test_an_advice_names_masked_invoices(tmp_path: Path) -> None:
    (tmp_path / "left.csv").write_text(
        "invoice_id,date,customer,amount\n"
        + "".join(f"{number},2026-11-01,Ann Lee,50.00\n" for number in INVOICES[:10])
    )
    (tmp_path / "right.csv").write_text("payment_id,date,payer,amount\nP1,2026-11-05,ANN LEE,500.00\n")
    (tmp_path / "advice.csv").write_text(
        "payment_id,invoice,amount\n" + "".join(f"P1,{number},50.00\n" for number in INVOICES[:10])
    )
    out = tmp_path / "out"
    run(tmp_path / "left.csv", tmp_path / "right.csv", out, None, tmp_path / "advice.csv", lambda *_: None)
    matches = (out / "matches.csv").read_text()
    assert len(set(MASK.findall(matches))) == 10
