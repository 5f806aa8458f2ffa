"""Three dialects, one shape; and nothing that isn't an answer becomes one."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.abas.answers import entries_of, plain_fields
from connectors.abas.errors import AbasUnavailable
from connectors.abas.mapping import to_raw
from connectors.abas.wire import MOST_PARTS, WireError, parse_answer, parse_object, parse_objects, parse_single_value

MAP = {"head": {"fields": {"idno": {"value": "70001"}, "bal": {"text": "1,250.00", "value": 1250.0}}}}
ARRAY = {"head": {"fields": [{"name": "idno", "value": "70001"}, {"name": "bal", "text": "1,250.00", "value": 1250.0}]}}
SIMPLE = {"head": {"idno": "70001", "bal": 1250.0}}

# Captured shape of a failed commit, shortened: the outer message is generic, the detail is the reason.
FAILED_COMMIT = {
    "meta": {"contentType": "EditErrorResponse"},
    "content": {
        "_type": "EditErrorResponse",
        "data": {"meta": {"state": "ACTIVE", "action": "UPDATE", "modified": True}},
        "remainingActions": {"successCount": 3, "actions": [{"_type": "Commit"}]},
        "error": {
            "category": "OTHER",
            "error": {"_type": "ErpMessage", "text": ["Process cancelled"], "type": "ERROR", "erpNumber": 2743},
            "details": [
                {
                    "_type": "ErpMessage",
                    "text": ["Line occurs twice"],
                    "type": "ERROR",
                    "subType": "UNKNOWN",
                    "erpNumber": 1147,
                    "fieldNames": ["kl"],
                    "rowSpec": "!2",
                }
            ],
        },
    },
    "protocolVersion": "50.0.0",
}


def envelope(data: Any) -> bytes:
    return json.dumps({"meta": {"contentType": "x"}, "content": {"messages": [], "data": data}}).encode()


@pytest.mark.parametrize("number", ["1e9999999999999999999", "-1e-9999999999999999999", "1" * 5000, "1e999999999"])
def test_a_number_of_absurd_size_is_read_or_refused_at_once(number: str) -> None:
    body = f'{{"content":{{"data":{{"head":{{"amount":{number}}}}}}}}}'.encode()
    try:
        read = parse_object(parse_answer(body).data)
    except WireError:
        return
    assert len(to_raw(read)) < 10_000


def test_an_answer_of_too_many_parts_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(WireError, match="parts"):
        parse_answer(b"[" + b"{}," * MOST_PARTS + b"0]")


@pytest.mark.parametrize("data", [MAP, ARRAY, SIMPLE], ids=["map", "array", "simple"])
def test_every_dialect_reads_alike(data: Any) -> None:
    read = parse_object(parse_answer(envelope(data)).data)
    assert read.head["idno"].value == "70001"
    assert read.head["bal"].value == Decimal("1250.0")
    assert isinstance(read.head["bal"].value, Decimal)


def test_rows_are_read_in_every_dialect() -> None:
    rows = [{"number": 1, "fields": {"mge": {"value": 2}}}], [{"fields": [{"name": "mge", "value": 2}]}], [{"mge": 2}]
    for table in rows:
        assert parse_object({"head": {}, "table": table}).rows[0]["mge"].value == 2


def test_a_number_keeps_every_digit() -> None:
    body = b'{"content":{"data":{"head":{"amount":9007199254740993.01}}}}'
    assert parse_object(parse_answer(body).data).head["amount"].value == Decimal("9007199254740993.01")


def test_a_failed_commit_reports_its_reason() -> None:
    answer = parse_answer(json.dumps(FAILED_COMMIT).encode())
    assert answer.error is not None
    assert (answer.error.category, answer.error.erp_number, answer.error.field_name) == ("OTHER", 1147, "kl")
    assert answer.error.details[0].text == "Line occurs twice"


def test_an_abas_error_outside_editors_is_one() -> None:
    content = {"_type": "AbasErpError", "category": "RECORD_LOCKED", "error": {"text": "locked", "subType": "LOCK"}}
    answer = parse_answer(json.dumps({"content": content}).encode())
    assert answer.error is not None
    assert (answer.error.category, answer.error.message.text) == ("RECORD_LOCKED", "locked")


def test_an_error_of_the_middleware_is_one() -> None:
    content = {"error": {"message": "no", "type": "SECURITY_ERROR"}, "details": [], "location": "x"}
    answer = parse_answer(json.dumps({"content": content}).encode())
    assert answer.error is not None
    assert answer.error.category == "ACCESS_DENIED"


def test_missing_parts_are_empty_not_errors() -> None:
    assert parse_objects({}) == ()
    read = parse_object({})
    assert (read.id, read.head, read.rows) == ("", {}, ())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'"x"',
        b"{",
        b'{"content":[]}',
        b'{"content":{"messages":5}}',
        b'{"a":NaN}',
        b"[" * 100000,
    ],
)
def test_what_is_no_answer_is_reported_as_such(body: bytes) -> None:
    with pytest.raises(WireError):
        parse_answer(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "content",
                    "data",
                    "head",
                    "fields",
                    "name",
                    "value",
                    "text",
                    "table",
                    "meta",
                    "error",
                    "details",
                    "_type",
                    "category",
                    "erpDataObjects",
                    "links",
                    "dialogInfo",
                    "remainingActions",
                    "successCount",
                    "errorCode",
                    "erpNumber",
                    "actions",
                    "messages",
                    "id",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(JSON, st.sampled_from([200, 401, 404, 500]))
def test_any_json_is_read_or_refused(document: Any, status: int) -> None:
    try:
        answer = parse_answer(json.dumps(document).encode(), status=status)
    except WireError:
        return
    for parse in (parse_object, parse_objects, parse_single_value):
        with contextlib.suppress(WireError):
            parse(answer.data)
    with contextlib.suppress(AbasUnavailable):
        assert all(isinstance(entry, dict) for entry in entries_of(answer, "name", key="fields"))
    assert all(isinstance(value, str) for value in plain_fields(answer).values())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        parse_answer(body)
    except WireError:
        return
