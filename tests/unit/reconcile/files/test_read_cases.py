"""Files of banks, gateways and ledgers, each read as a careful accountant would (cases/read/expected.yaml)."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from reconcile.engine.lines import Side
from reconcile.files.errors import FileUnreadable
from reconcile.files.reading import read_side
from tests.unit.reconcile.files.test_statement_cases import CASES

FOLDER = CASES / "read"
EXPECTED: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "expected.yaml").read_text("utf-8"))


def test_each_file_has_its_expectation() -> None:
    assert {path.name for path in FOLDER.iterdir()} - {"expected.yaml"} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_is_read_as_an_accountant_reads_it(name: str) -> None:
    right = EXPECTED[name]
    if "refused" in right:
        with pytest.raises(FileUnreadable, match=right["refused"]):
            read_side(FOLDER / name, Side.RIGHT)
        return
    found = read_side(FOLDER / name, Side.RIGHT)
    assert [line.amount_minor for line in found.lines] == right["amounts"]
    assert sorted(row.line for row in found.bad) == right["bad"], found.bad
    if "currencies" in right:
        assert [line.currency for line in found.lines] == right["currencies"]
    if "days" in right:
        assert [str(line.on) for line in found.lines] == right["days"]
    for note in right.get("notes", ()):
        assert any(re.search(note, one) for one in found.notes), f"{note!r} is not among {found.notes}"
