"""The data files of the contract agree with each other and with what is generated from them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from avro.schema import parse as parse_avro

from app.topics.doc import render
from schemas import catalog
from schemas.generate import stale
from schemas.lint import check
from schemas.wire.codec import Codec, from_json, to_json
from schemas.wire.upcasters import STEPS

VERSIONS = [version for versions in catalog.record_versions().values() for version in versions]
REPOSITORY = Path(__file__).parents[2]


def test_every_rule_of_the_lint_holds() -> None:
    assert [str(problem) for problem in check()] == []


def test_what_is_generated_is_current() -> None:
    assert [str(problem) for problem in stale(catalog.ROOT)] == []


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: f"{version.name}.v{version.version}")
def test_each_example_is_a_record_and_survives_the_wire(version: catalog.RecordVersion) -> None:
    path = catalog.ROOT / "examples" / version.context / f"{version.name}.v{version.version}.json"
    data = json.loads(path.read_text("utf-8"))
    record = from_json(version.name, data)
    assert Codec().decode(Codec().encode(record)) == record
    if version is catalog.latest(version.name):
        assert to_json(record) == data


@pytest.mark.parametrize("spec", catalog.topics().values(), ids=lambda spec: spec.name)
def test_each_record_finds_its_key_on_its_topics(spec: catalog.TopicSpec) -> None:
    for carried in spec.records:
        version = catalog.latest(carried.name)
        path = catalog.ROOT / "examples" / version.context / f"{version.name}.v{version.version}.json"
        if carried.key_field:
            assert spec.key_of(from_json(carried.name, json.loads(path.read_text("utf-8"))))


def crc_64_avro(data: bytes) -> bytes:
    """The Avro specification's fingerprint, written from its text."""
    empty = 0xC15D213AA4D7A795
    crc = empty
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (empty if crc & 1 else 0)
    return crc.to_bytes(8, "little")


def test_fingerprints_are_those_of_the_avro_specification() -> None:
    """A foreign reader computes them with its own library, so ours are held against a second implementation."""
    assert crc_64_avro(b'"int"').hex() == "8f5c393f1ad57572"  # the specification's example: 7275d51a3f395c8f
    for version in VERSIONS:
        canonical = parse_avro(json.dumps(version.schema)).canonical_form
        # The avro package leaves {"type":"long"} where the specification's rule PRIMITIVES says "long".
        canonical = re.sub(r'\{"type":("[a-z]+")\}', r"\1", canonical)
        assert version.fingerprint == crc_64_avro(canonical.encode()), version.path.name


def test_fingerprints_are_unique() -> None:
    assert len({version.fingerprint for version in VERSIONS}) == len(VERSIONS)


def test_each_dead_letter_topic_has_room_for_the_largest_record_of_its_inbox() -> None:
    for spec in catalog.topics().values():
        if spec.dlq is not None:
            letters = catalog.topic(spec.dlq)
            assert letters.partitions == spec.partitions
            # The record itself, its headers, and our own words of up to a mebibyte.
            assert int(letters.config["max.message.bytes"]) >= 2 * int(spec.config["max.message.bytes"])


def test_each_upcasting_step_leads_from_a_version_to_the_next() -> None:
    known = {(version.name, version.version) for version in VERSIONS}
    for name, number in STEPS:
        assert {(name, number), (name, number + 1)} <= known


def test_the_topic_page_is_current() -> None:
    page = REPOSITORY / "docs" / "topics.md"
    assert page.read_text("utf-8") == render(catalog.topics()), "run: saldo schemas generate"
