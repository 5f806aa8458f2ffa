"""Kinds of documents and records: what a command may say, refused where records are built."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.checks.plausibility import Implausible
from schemas.documents import ROOT, faults, kinds, read_kinds, roles
from schemas.failures import Unreadable
from schemas.lint.documents import document_rules
from schemas.records.erp import PostDocument, RecordRow, Side, SubjectKind
from schemas.wire.codec import Codec, from_json, to_json
from tests.support.abas_commands import post_receipt
from tests.support.erp_data import customer, document, fee, fee_reversal, sales_order
from tests.support.typed import as_a

CODEC = Codec()
FEE = fee("FEE-1")
FEE_LINES = (
    "a fee has the lines fees DEBIT or CREDIT (one for each category), input_tax DEBIT or CREDIT (may be left out), "
    "clearing DEBIT or CREDIT (may be left out), bank DEBIT or CREDIT (may be left out)"
)
RESERVE = document("reserve_held", "RH-1", {"reserve": 100_00, "clearing": -100_00}, merchant_account="main")
TAXED = document(
    "fee", "FEE-3", {"fees": 10_00, "input_tax": 1_90, "bank": -11_90}, merchant_account="main", fee_kind="MONTHLY"
)
GIVEN_BACK = document(
    "fee", "FEE-4", {"fees": -3_20, "clearing": 3_20}, merchant_account="main", fee_kind="TRANSACTION"
)
RECEIPT = post_receipt("PT1", "i1")
ORDER = sales_order("WC-1", {"a": ("10001", "2", "45.00")})


@pytest.mark.parametrize(
    "command", [FEE, fee_reversal("FEE-2", "FEE-1"), RESERVE, TAXED, GIVEN_BACK, customer("SHOP-1"), ORDER]
)
def test_a_command_comes_back_as_it_was(command: Any) -> None:
    assert list(faults(command)) == []
    assert CODEC.decode(CODEC.encode(command)) == command
    assert from_json(type(command).__name__, to_json(command)) == command


@pytest.mark.parametrize(
    ("command", "field", "remedy"),
    [
        (replace(FEE, kind="tip"), "kind", "name one of"),
        (replace(FEE, kind="customer"), "kind", "name one of"),
        (replace(FEE, posting_reference=" "), "posting_reference", "name the document"),
        (fee_reversal("FEE-2", "FEE-2"), "reverses_reference", "name another document"),
        (replace(FEE, lines=(replace(FEE.lines[0], account=""), FEE.lines[1])), "lines[0].account", "name the account"),
        (fee("FEE-1", 0), "lines", "give an amount"),
        (replace(FEE, subject_kind=SubjectKind.CUSTOMER), "subject_kind", "write ACCOUNT"),
        (replace(FEE, reverses_reference="FEE-0"), "reverses_reference", "leave it out"),
        (replace(fee_reversal("FEE-2", "FEE-1"), reverses_reference=None), "reverses_reference", "name the document"),
        (replace(FEE, values={**FEE.values, "value_on": ""}), "values.value_on", "give it a value"),
        (replace(FEE, values={**FEE.values, "value_on": "30.11.2026"}), "values.value_on", "write a day such as"),
        (replace(FEE, values={**FEE.values, "colour": "red"}), "values.colour", "use merchant_account"),
        (replace(FEE, lines=FEE.lines[:1]), "lines", "make debits and credits in USD equal"),
        (replace(FEE, lines=FEE.lines[::-1]), "lines", FEE_LINES),
        (replace(FEE, lines=(*FEE.lines, FEE.lines[1])), "lines", FEE_LINES),
        (replace(FEE, lines=(FEE.lines[0], *FEE.lines)), "lines", "make debits and credits in USD equal"),
        (replace(FEE, lines=FEE.lines[1:]), "lines", FEE_LINES),
        (replace(RESERVE, lines=RESERVE.lines[:1]), "lines", "has the lines reserve DEBIT, clearing CREDIT"),
        (
            replace(RESERVE, lines=(replace(RESERVE.lines[0], side=Side.CREDIT), RESERVE.lines[1])),
            "lines",
            "reserve DEBIT",
        ),
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
        (
            replace(RECEIPT, lines=(replace(RECEIPT.lines[0], account="70002"), RECEIPT.lines[1])),
            "lines[0].account",
            "write the subject",
        ),
        (
            replace(RECEIPT, lines=(replace(RECEIPT.lines[0], open_item=None), RECEIPT.lines[1])),
            "lines[0].open_item",
            "give it a value",
        ),
        (
            replace(RECEIPT, lines=(replace(RECEIPT.lines[0], side=Side.DEBIT), RECEIPT.lines[1])),
            "lines",
            "has the lines receivable CREDIT",
        ),
        (
            replace(RECEIPT, values={**RECEIPT.values, "method": "CASH"}),
            "values.method",
            "write UNKNOWN or CARD or ACH",
        ),
        (replace(RECEIPT, values={"value_on": "2026-11-30"}), "values.paytrace_transaction_id", "give it a value"),
        (replace(RECEIPT, reverses_reference="PT0"), "reverses_reference", "leave it out"),
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
        CODEC.decode(CODEC.encode_as_written(command))


def test_a_card_number_is_masked_in_lines_and_rows_too() -> None:
    line = replace(FEE.lines[0], text="paid by 4012000098765439")
    kept = as_a(PostDocument, CODEC.decode(CODEC.encode(replace(FEE, lines=(line, FEE.lines[1])))))
    assert "4012000098765439" not in str(kept)
    assert str(kept.lines[0].text).startswith("paid by ************5439#")
    row = RecordRow(row_key="a", values={"product": "4012000098765439", "quantity": "1", "price": "1"})
    assert "4012000098765439" not in str(CODEC.decode(CODEC.encode(replace(ORDER, rows=(row,)))))


def test_every_kind_reads() -> None:
    assert read_kinds() == (kinds(), ())


def test_every_role_of_a_line_is_an_account_of_an_erp() -> None:
    named = {line.role for kind in kinds().values() for line in kind.lines}
    assert named <= {name for name, role in roles().items() if role.in_erp}


WRONG_KINDS = [
    (
        "value_on: day",
        "value_on: date",
        "tip.yaml:5",
        r"values\.value_on is 'date'; write 'text', 'day', 'number', 'ref",
    ),
    ("side: debit", "side: debt", "tip.yaml:7", r"lines\.0\.side is 'debt'; write 'debit', 'credit' or 'either'"),
    (
        "role: clearing",
        "role: clering",
        "tip.yaml:8",
        r"lines\.1\.role clering is no role of roles.yaml; did you mean cl",
    ),
    ("role: clearing", "role: unapplied", "tip.yaml:8", r"lines\.1\.role unapplied is an account of no ERP"),
    ("takes: [text]", "takes: [txt]", "tip.yaml:7", r"lines\.0\.takes\.0 is 'txt'; write"),
    ("subject: account", "subjct: account", "tip.yaml:2", r"subjct is no entry here; did you mean subject"),
    ("kind: tip", "kind: tips", "tip.yaml:1", r"kind is tips; write tip"),
    ("kind: tip", "kind: tip\nkind: tip", "tip.yaml:2", r"kind is written twice; keep one"),
    ("side: credit", "side: debit", "tip.yaml", r"all on one side"),
    ("role: bank", "role: clearing", "tip.yaml", r"two lines have one role"),
    ("merchant: text", "text: text", "tip.yaml", r"text is what every command carries; call the value something else"),
    ("tip_reversal", "tip_revrsal", "tip.yaml", r"reversed_by is tip_revrsal, .* did you mean tip_reversal"),
    ("tip_reversal", "tip", "tip.yaml", r"tip doesn't turn its lines"),
    ("role: bank, ", "role: bank: x, ", "tip.yaml:7", r"no YAML"),
]
TIP = """kind: tip
subject: account
values:
  merchant: text
  value_on: day
lines:
  - {role: bank, side: debit, takes: [text]}
  - {role: clearing, side: credit}
reversed_by: tip_reversal
"""
TIP_REVERSAL = """kind: tip_reversal
subject: account
values: {merchant: text, value_on: day}
lines: [{role: clearing, side: debit}, {role: bank, side: credit}]
"""


@pytest.mark.parametrize(("right", "wrong", "where", "what"), WRONG_KINDS)
def test_a_wrong_kind_is_reported_with_its_line_and_remedy(
    tmp_path: Path, right: str, wrong: str, where: str, what: str
) -> None:
    (tmp_path / "documents").mkdir()
    shutil.copy(ROOT / "roles.yaml", tmp_path / "documents")
    file = tmp_path / "documents" / "tip.yaml"
    (file.with_name("tip_reversal.yaml")).write_text(TIP_REVERSAL)
    file.write_text(TIP)
    assert document_rules(tmp_path) == []
    assert right in TIP
    file.write_text(TIP.replace(right, wrong, 1))
    found = document_rules(tmp_path)
    assert any(one.file.startswith(f"documents/{where}") and re.search(what, str(one)) for one in found), found


def test_what_is_no_row_type_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"lines holds something that is no DocumentLine"):
        CODEC.encode(replace(FEE, lines=(Side.DEBIT,)))  # type: ignore[arg-type]
