"""Kinds of documents and records: what a command may say, refused where records are built."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.codec import Codec, from_json, to_json
from schemas.documents import faults, kinds
from schemas.failures import Unreadable
from schemas.plausibility import Implausible
from schemas.records.erp import RecordRow, Side
from tests.support.erp_data import customer, fee, fee_reversal, sales_order

CODEC = Codec()
FEE = fee("FEE-1")
ORDER = sales_order("WC-1", {"a": ("10001", "2", "45.00")})


@pytest.mark.parametrize("command", [FEE, fee_reversal("FEE-2", "FEE-1"), customer("SHOP-1"), ORDER])
def test_a_command_comes_back_as_it_was(command: Any) -> None:
    assert list(faults(command)) == []
    assert CODEC.decode(CODEC.encode(command)) == command
    assert from_json(type(command).__name__, to_json(command)) == command


@pytest.mark.parametrize(
    ("command", "field", "remedy"),
    [
        (replace(FEE, kind="tip"), "kind", "name one of fee, fee_reversal"),
        (replace(FEE, kind="customer"), "kind", "name one of fee, fee_reversal"),
        (replace(FEE, reverses_reference="FEE-0"), "reverses_reference", "leave it out"),
        (replace(fee_reversal("FEE-2", "FEE-1"), reverses_reference=None), "reverses_reference", "name the document"),
        (replace(FEE, values={**FEE.values, "value_on": ""}), "values.value_on", "give it a value"),
        (replace(FEE, values={**FEE.values, "value_on": "30.11.2026"}), "values.value_on", "write a day such as"),
        (replace(FEE, values={**FEE.values, "colour": "red"}), "values.colour", "use merchant_account"),
        (replace(FEE, lines=FEE.lines[:1]), "lines", "a fee has the lines fee_expense DEBIT, clearing CREDIT"),
        (replace(FEE, lines=FEE.lines[::-1]), "lines", "a fee has the lines fee_expense DEBIT, clearing CREDIT"),
        (
            replace(FEE, lines=(FEE.lines[0], replace(FEE.lines[1], amount_minor=1))),
            "lines",
            "make debits and credits in USD equal",
        ),
        (
            replace(FEE, lines=(replace(FEE.lines[0], currency="EUR"), FEE.lines[1])),
            "lines",
            "make debits and credits in EUR equal",
        ),
        (
            replace(FEE, lines=(FEE.lines[0], replace(FEE.lines[1], cost_centre="100"))),
            "lines[1].cost_centre",
            "a clearing line takes none",
        ),
        (
            replace(FEE, lines=(replace(FEE.lines[0], amount_minor=-1), FEE.lines[1])),
            "lines[0].amount_minor",
            "it is never negative",
        ),
        (replace(customer("SHOP-1"), natural_key=""), "natural_key", "name the record"),
        (replace(customer("SHOP-1"), values={"town": "Karlsruhe"}), "values.name", "give it a value"),
        (replace(customer("SHOP-1"), rows=ORDER.rows), "rows", "a customer has no rows"),
        (replace(ORDER, rows=ORDER.rows * 2), "rows[1].row_key", "give each row a key of its own"),
        (
            replace(ORDER, rows=(RecordRow(row_key="a", values={"product": "1", "quantity": "two", "price": "1"}),)),
            "rows[0].values.quantity",
            "write a number such as 45.00",
        ),
    ],
)
def test_what_the_kind_does_not_allow_is_refused_with_field_and_remedy(command: Any, field: str, remedy: str) -> None:
    with pytest.raises(Implausible) as caught:
        CODEC.encode(command)
    found = [finding.remedy for finding in caught.value.findings if finding.field == field]
    assert any(remedy in text for text in found), caught.value
    with pytest.raises(Implausible):
        CODEC.decode(CODEC.encode_as_told(command))


def test_a_card_number_is_masked_in_lines_and_rows_too() -> None:
    line = replace(FEE.lines[0], text="paid by 4012000098765439")
    kept = CODEC.decode(CODEC.encode(replace(FEE, lines=(line, FEE.lines[1]))))
    assert "4012000098765439" not in str(kept)
    assert kept.lines[0].text.startswith("paid by ************5439#")
    row = RecordRow(row_key="a", values={"product": "4012000098765439", "quantity": "1", "price": "1"})
    assert "4012000098765439" not in str(CODEC.decode(CODEC.encode(replace(ORDER, rows=(row,)))))


def test_every_kind_reads_and_is_reversed_by_one_that_turns_its_sides() -> None:
    for kind in kinds().values():
        if kind.reversed_by is not None:
            turned = {line.role: line.side for line in kinds()[kind.reversed_by].lines}
            assert turned == {line.role: {"debit": "credit", "credit": "debit"}[line.side] for line in kind.lines}


def test_what_is_no_row_type_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"lines holds something that is no DocumentLine"):
        CODEC.encode(replace(FEE, lines=(Side.DEBIT,)))  # type: ignore[arg-type]
