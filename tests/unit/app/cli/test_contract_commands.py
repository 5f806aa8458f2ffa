"""`saldo schemas check` and `saldo topics doc`: commands that need no server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from app.topics.doc import render
from schemas import catalog
from tests.support.cli import saldo


def test_a_contract_in_order_says_so() -> None:
    outcome = saldo("schemas", "check")
    assert outcome.exit_code == 0
    assert outcome.out.startswith("in order")


def test_nothing_to_publish_is_said_as_that() -> None:
    outcome = saldo("schemas", "lock")
    assert outcome.out == "nothing to publish: every version stands in avro/published.lock already\n"


def test_every_finding_is_shown_with_file_and_remedy(tmp_path: Path) -> None:
    for part in ("avro", "examples", "topics"):
        shutil.copytree(catalog.ROOT / part, tmp_path / part)
    (tmp_path / "examples/erp/PostingClaimed.v1.json").unlink()
    path = tmp_path / "avro/payments/PaymentVoided.v1.avsc"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"doc": ""}))
    outcome = saldo("schemas", "check", "--root", str(tmp_path))
    assert outcome.exit_code == 1
    assert outcome.out == (
        "avro/erp/PostingClaimed.v1.avsc\n"
        "    has no example\n"
        "    -> write examples/erp/PostingClaimed.v1.json\n"
        "avro/payments/PaymentVoided.v1.avsc\n"
        "    record PaymentVoided has no doc\n"
        "    -> say what it means\n"
    )
    assert outcome.err == "2 problems in 2 files\n"


def test_the_topic_page_names_every_topic_with_owner_key_and_meaning(tmp_path: Path) -> None:
    page = tmp_path / "topics.md"
    assert saldo("topics", "doc", "--to", str(page)).exit_code == 0
    text = page.read_text()
    assert text == render(catalog.topics()) == saldo("topics", "doc").out
    for spec in catalog.topics().values():
        section = text.split(f"\n## {spec.name}\n")[1].split("\n## ")[0]
        assert spec.purpose in section
        assert f"Owner: {spec.owner}" in section
        for carried in spec.records:
            assert f"| {carried.name} | v{catalog.latest(carried.name).version} |" in section
