"""What `saldo write` accepts: each bad line is named with its remedy, and a good one is always the same bytes."""

from __future__ import annotations

import json
import zlib
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.topics.writing import BadLine, Line, prepare
from schemas import catalog
from schemas.checks.sensitive.identity import mask_of
from schemas.failures import ContractBroken
from schemas.records.payments import TransactionObserved
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_map
from streams.log.memory import MemoryLog
from tests.support.signing import SIGNER
from tests.support.typed import as_a

OBSERVATIONS = catalog.topic("payments.observations.v1")
FOUR = MemoryLog({OBSERVATIONS.name: 4}, signer=SIGNER)
RECORD = json.loads((catalog.ROOT / "examples/payments/TransactionObserved.v1.json").read_text())


def line(record: dict[str, Any] | None = None, **changes: Any) -> str:
    return json.dumps({"type": "TransactionObserved", "record": RECORD if record is None else record} | changes)


def prove(*lines: str, topic: catalog.TopicSpec = OBSERVATIONS) -> tuple[list[Line], list[BadLine]]:
    good, bad = prepare(topic, lines, Codec(), MemoryLog({topic.name: 4}, signer=SIGNER))
    return list(good), list(bad)


@pytest.mark.parametrize("name", ["blank", "long", "lower"])
def test_a_currency_that_is_none_is_refused_with_its_line(name: str) -> None:
    text = (Path(__file__).parents[1] / f"reconcile/files/cases/write-currency-that-is-none/{name}.jsonl").read_text(
        "utf-8"
    )
    good, (bad,) = prove(text)
    assert good == []
    assert "line 1" in str(bad)
    assert "currency" in str(bad)
    assert "ISO 4217" in str(bad)


def test_a_good_line_becomes_a_record_with_key_partition_and_identity() -> None:
    (good,), bad = prove(line())
    assert bad == []
    assert good.number == 1
    assert good.record.key == b"79388123"
    assert good.record.partition == zlib.crc32(b"79388123") % 4
    headers = header_map(good.record.headers)
    assert headers["ce_type"] == b"TransactionObserved"
    assert headers["ce_time"] == b"2026-11-20T18:10:00.000000Z"
    assert "saldo-source" not in headers
    assert as_a(TransactionObserved, Codec().decode(good.record.value)).amount_minor == 12500


def test_equal_lines_are_equal_records_and_other_content_is_another_event() -> None:
    same, again, other = (prove(text)[0][0].record for text in (line(), line(), line(RECORD | {"amount_minor": 1})))
    assert same == again
    assert header_map(same.headers)["ce_id"] != header_map(other.headers)["ce_id"]


def test_an_observation_without_business_days_gets_those_of_the_merchants_zone() -> None:
    """The evening of 31 December in Los Angeles is the morning of 1 January in Berlin."""
    undated = {name: value for name, value in RECORD.items() if not name.endswith("_on")}
    undated |= {"created_at": "2027-01-01T06:00:00Z", "observed_at": "2027-01-02T06:00:00Z"}
    for zone, created, observed in (
        ("America/Los_Angeles", date(2026, 12, 31), date(2027, 1, 1)),
        ("Europe/Berlin", date(2027, 1, 1), date(2027, 1, 2)),
    ):
        (good,), _ = prepare(OBSERVATIONS, [line(undated)], Codec(), FOUR, zone=ZoneInfo(zone))
        record = as_a(TransactionObserved, Codec().decode(good.record.value))
        assert (record.created_on, record.settled_on, record.observed_on) == (created, None, observed)
    stated, _ = prove(line(undated | {"created_on": "2026-12-30"}))
    assert as_a(TransactionObserved, Codec().decode(stated[0].record.value)).created_on == date(2026, 12, 30)


class OneId:
    """A registry that knows one schema."""

    def id_of(self, subject: str, schema: str) -> int:
        return 1

    def schema_of(self, schema_id: int) -> str:
        return "{}"


def test_the_event_id_does_not_depend_on_the_framing() -> None:
    (framed,), _ = prepare(OBSERVATIONS, [line()], Codec(OneId()), FOUR)
    (plain,), _ = prove(line())
    assert framed.record.value != plain.record.value
    assert framed.record.headers == plain.record.headers


def test_numbers_count_as_editors_do_and_empty_lines_are_passed_over() -> None:
    good, bad = prove(line(), "", "  \n", "{", line())
    assert [found.number for found in good] == [1, 5]
    assert [found.number for found in bad] == [4]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "write {"),
        ('{"type": "TransactionObserved"}', "write {"),
        (line(offset=3), "nothing else"),
        (line(type="PaymentSettled"), "does not carry 'PaymentSettled'; it carries TransactionObserved"),
        (line(type=["x"]), "does not carry"),
        ('{"type": "TransactionObserved", "record": []}', "record must be an object"),
        (line(RECORD | {"amount": 1}), "no field 'amount'"),
        (line({name: value for name, value in RECORD.items() if name != "currency"}), "currency is missing"),
        (line(RECORD | {"amount_minor": "12"}), "amount_minor cannot be read"),
        (line(RECORD | {"amount_minor": 2**70}), "64 bits hold it only from"),
        (line(RECORD | {"paytrace_transaction_id": ""}), "must not be empty"),
        (line(key="other"), "key must be the record's own, '79388123'"),
        (line(RECORD | {"description": "x" * 2_000_000}), "payments.observations.v1 takes 1032192"),
        (line().replace('"amount_minor": 12500', '"amount_minor": 12500, "amount_minor": 1'), "stands twice"),
    ],
)
def test_a_bad_line_says_field_and_remedy(text: str, reason: str) -> None:
    good, (bad,) = prove(text)
    assert good == []
    assert reason in bad.reason
    assert str(bad).startswith("line 1: ")


@pytest.mark.parametrize("field", ["description", "amount_minor", "paytrace_transaction_id", "kind"])
def test_a_card_number_is_refused_and_never_shown(field: str) -> None:
    number = "4111111111111111"
    good, (bad,) = prove(line(RECORD | {field: number}))
    assert good == []
    assert number not in str(bad)
    assert f"TransactionObserved.{field}" in bad.reason


def test_an_invoice_number_that_looks_like_a_card_number_is_masked_and_taken() -> None:
    (good,), bad = prove(line(RECORD | {"invoice_number": "4539578763621486"}))
    assert bad == []
    assert as_a(TransactionObserved, Codec().decode(good.record.value)).invoice_number == mask_of("4539578763621486")
    assert b"4539578763621486" not in good.record.value


@pytest.mark.parametrize("text", [line(type="4111111111111111"), line(RECORD | {"4111111111111111": 1})])
def test_a_card_number_in_a_wrong_place_is_not_shown_either(text: str) -> None:
    _, (bad,) = prove(text)
    assert "4111111111111111" not in str(bad)


def test_the_key_may_be_given() -> None:
    good, bad = prove(line(key="79388123"))
    assert len(good) == 1
    assert bad == []


@pytest.mark.parametrize("topic", ["payments.events.v1", "payments.observations.v1.dlq"])
def test_only_its_agent_writes_a_journal_or_dead_letters(topic: str) -> None:
    with pytest.raises(ContractBroken, match="write to an inbox"):
        prove(line(), topic=catalog.topic(topic))


@given(st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_no_line_does_worse_than_bad(text: str) -> None:
    good, bad = prove(text)
    assert good == []
    assert len(bad) == bool(text.strip())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from([carried.name for carried in OBSERVATIONS.records]), st.data())
def test_no_value_in_any_field_does_worse_than_bad(name: str, data: st.DataObject) -> None:
    version = catalog.latest(name)
    sample = json.loads((catalog.ROOT / "examples" / version.context / f"{name}.v{version.version}.json").read_text())
    field = data.draw(st.sampled_from(sorted(sample)))
    good, bad = prove(json.dumps({"type": name, "record": sample | {field: data.draw(JSON)}}))
    assert len(good) + len(bad) == 1


@pytest.mark.parametrize(
    ("topic", "name", "words"),
    [
        ("gateway.commands.v1", "RequestGatewayCall", "only worker may give it"),
        ("erp.commands.v1", "PostDocument", "only worker may give it"),
        ("subscriptions.inbox.v1", "ContractObserved", "only source-abas may give it"),
        ("receivables.inbox.v1", "ConfirmMatch", "give it by `saldo decide`"),
        ("settlement.inbox.v1", "ParkedReplayRequested", "`saldo dlq`"),
    ],
)
def test_a_command_is_refused_with_the_way_to_give_it(topic: str, name: str, words: str) -> None:
    version = catalog.latest(name)
    path = catalog.ROOT / "examples" / version.context / f"{name}.v{version.version}.json"
    text = json.dumps({"type": name, "record": json.loads(path.read_text("utf-8"))})
    good, bad = prepare(catalog.topic(topic), [text], Codec(), MemoryLog({topic: 4}))
    assert good == []
    assert [(line.number, words in line.reason, "is a command" in line.reason) for line in bad] == [(1, True, True)]
