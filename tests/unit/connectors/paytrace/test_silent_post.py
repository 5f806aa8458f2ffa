"""A Silent Post names a transaction and proves nothing."""

from __future__ import annotations

from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.paytrace.errors import UnreadableAnswer
from connectors.paytrace.silent_post import SilentPostHint, parse_silent_post
from schemas.checks.sensitive.identity import mask_of

DOCUMENTED = (
    "ORDERID~123456|TRANSACTIONID~62279788|APPCODE~TAS456|APPMSG~  NO  MATCH      - Approved and completed|"
    "AVSRESPONSE~No Match|CSCRESPONSE~Match|EMAIL~test@test.com|"
)


def body(listed: str, name: str = "parmList") -> bytes:
    return urlencode({name: listed}).encode()


def test_the_documented_sample_names_its_transaction() -> None:
    assert parse_silent_post(body(DOCUMENTED)) == SilentPostHint("62279788", None)


def test_mail_and_names_are_not_kept() -> None:
    assert "test@test.com" not in repr(parse_silent_post(body(DOCUMENTED + "CANAME~Kevin|EXPRMONTH~12|")))


@pytest.mark.parametrize("name", ["parmList", "PARMLIST", "parmlist"])
def test_the_field_name_may_come_in_any_case(name: str) -> None:
    assert parse_silent_post(body(DOCUMENTED, name)).transaction_id == "62279788"


def test_a_stored_customer_comes_without_a_transaction() -> None:
    hint = parse_silent_post(body("ORDERID~1|CUSTOMERID~acme|"))
    assert (hint.transaction_id, hint.customer_id) == (None, "acme")


def test_the_first_of_two_equal_names_counts() -> None:
    assert parse_silent_post(body("TRANSACTIONID~5|TRANSACTIONID~6|")).transaction_id == "5"


def test_a_card_number_as_customer_id_is_masked() -> None:
    hint = parse_silent_post(body("TRANSACTIONID~5|CUSTOMERID~4012000098765439|"))
    assert hint.customer_id == mask_of("4012000098765439")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"parmList=",
        b"parmList=ORDERID~5|",
        b"TRANSACTIONID=5",
        b"parmList=TRANSACTIONID~abc",
        b"parmList=TRANSACTIONID~0",
        b"parmList=TRANSACTIONID~-5",
        b"parmList=TRANSACTIONID~" + b"9" * 19,
        b"parmList=TRANSACTIONID~5%00",
        b"parmList=TRANSACTIONID~" + quote_plus("5; drop").encode(),
        b"parmList=%ff%fe",
        b"\xff\xfe",
        b"a=1&" * 60,
        b"parmList=TRANSACTIONID~5|X~" + b"x" * 9000,
        b'{"parmList": "TRANSACTIONID~5|"}',
    ],
)
def test_anything_else_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        parse_silent_post(raw)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: urlencode({"parmList": text}).encode()))
def test_random_bytes_give_a_hint_or_a_clear_error(raw: bytes) -> None:
    try:
        hint = parse_silent_post(raw)
    except UnreadableAnswer:
        return
    assert hint.transaction_id or hint.customer_id
