"""Recorded PayTrace answers, word for word, and random ones: each is read, refused or called unreadable."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.paytrace import wire
from connectors.paytrace.answers import read_v1_answer, read_v1_body, read_v1_rows, read_v3_body, read_v3_rows
from connectors.paytrace.calls import Call, Reply
from connectors.paytrace.errors import (
    LoginRejected,
    PaymentOutcomeUnknown,
    PayTraceRefused,
    UnreadableAnswer,
)
from connectors.paytrace.mapping import Meaning
from schemas.failures import SaldoError

READ = Call(method="POST", path="/v1/x", headers={})
SALE = Call(method="POST", path="/v1/x", headers={}, moves_money=True, reference="RE-1")

RECORDED: list[tuple[str, Meaning, str | None]] = [
    (
        '{"success":true,"response_code":101,"status_message":"Your transaction was successfully approved.",'
        '"transaction_id":395970044,"approval_code":"TAS679","approval_message":"  NO  MATCH - Approved and completed",'
        '"avs_response":"No Match","csc_response":"","external_transaction_id":"",'
        '"masked_card_number":"xxxxxxxxxxxx5439"}',
        Meaning.APPROVED,
        "395970044",
    ),
    (
        '{"success":false,"response_code":102,"status_message":"Your transaction was not approved.",'
        '"transaction_id":392501201,"approval_code":"","approval_message":"    DECLINE - Do not honor",'
        '"avs_response":"No Match","csc_response":"","external_transaction_id":"",'
        '"masked_card_number":"xxxxxxxxxxxx5439"}',
        Meaning.DECLINED,
        "392501201",
    ),
    (
        '{"success":true,"response_code":112,"status_message":"Your transaction was successfully captured.",'
        '"transaction_id":392442990,"external_transaction_id":""}',
        Meaning.DONE,
        "392442990",
    ),
    (
        '{"success":true,"response_code":106,"status_message":"Your transaction successfully refunded.",'
        '"transaction_id":105968559,"external_transaction_id":""}',
        Meaning.DONE,
        "105968559",
    ),
    (
        '{"success":true,"response_code":109,"status_message":"Your transaction was successfully voided.",'
        '"transaction_id":395971574}',
        Meaning.DONE,
        "395971574",
    ),
    (
        '{"success":true,"response_code":120,"status_message":"Your check was successfully processed.",'
        '"check_transaction_id":981619}',
        Meaning.ACH_ACCEPTED,
        "check-981619",
    ),
    (
        '{"success":false,"response_code":125,"status_message":"Your check was NOT successfully processed.",'
        '"check_transaction_id":981610,"ach_code":0,"ach_message":""}',
        Meaning.NOT_DONE,
        "check-981610",
    ),
    (
        '{"success":true,"response_code":160,"status_message":"The customer profile for customer456/Steve Smith was '
        'successfully created.","customer_id":"customer456","masked_card_number":"xxxxxxxxxxxx1111"}',
        Meaning.DONE,
        None,
    ),
    (
        '{"success":true,"response_code":170,"status_message":"Visa/MasterCard enhanced data was successfully added '
        'to Transaction ID 392483066. 1 line item records were created."}',
        Meaning.DONE,
        None,
    ),
    ('{"success":true,"response_code":103,"transaction_id":5,"approval_code":"X"}', Meaning.VOIDED_BY_RULE, "5"),
]


def reply(text: str, status: int = 200) -> Reply:
    return Reply(status, wire.decode(text.encode()), True)


@pytest.mark.parametrize(("text", "meaning", "transaction_id"), RECORDED)
@pytest.mark.parametrize("status", [200, 400])
def test_recorded_answers_are_read_by_their_body(
    text: str, meaning: Meaning, transaction_id: str | None, status: int
) -> None:
    answer = read_v1_answer(SALE, reply(text, status))
    assert (answer.meaning, answer.transaction_id) == (meaning, transaction_id)


REFUSALS = [
    ('{"35":["Please provide a valid Credit Card Number."],"43":["Please provide a valid Expiration Month."]}', "35"),
    ('{"58":["Please provide a valid Transaction ID."]}', "58"),
    ('{"817":["The Transaction ID that you provided could not be refunded. Only settled transactions."]}', "817"),
    ('{"171":["Please provide a unique customer ID."]}', "171"),
    ('{"80":["The Check ID that you provided was not found in the PayTrace record."]}', "80"),
    ('{"99999":"a text instead of a list"}', "99999"),
]


@pytest.mark.parametrize(("errors", "code"), REFUSALS)
@pytest.mark.parametrize("status", [200, 400])
def test_recorded_error_lists_are_refusals(errors: str, code: str, status: int) -> None:
    text = (
        f'{{"success":false,"response_code":1,"status_message":"One or more errors has occurred.","errors":{errors}}}'
    )
    with pytest.raises(PayTraceRefused) as refused:
        read_v1_answer(SALE, reply(text, status))
    assert refused.value.code == code
    assert code in str(refused.value)


def test_missing_rights_stop_everything() -> None:
    text = '{"success":false,"response_code":1,"errors":{"981":["Log in failed for insufficient permissions."]}}'
    with pytest.raises(LoginRejected):
        read_v1_answer(SALE, reply(text))


def test_code_1_with_success_is_an_export() -> None:
    text = '{"success":true,"response_code":1,"status_message":"Done.","transactions":[{"transaction_id":1}]}'
    assert read_v1_rows(READ, reply(text), ("transactions",)) == [{"transaction_id": 1}]


@pytest.mark.parametrize(
    "text",
    [
        '{"success":true,"response_code":1,"transactions":[]}',
        '{"success":true,"response_code":1}',
        '{"success":false,"response_code":1,"status_message":"No transactions found."}',
    ],
)
def test_an_empty_export_comes_in_three_ways(text: str) -> None:
    assert read_v1_rows(READ, reply(text), ("transactions",)) == []


@pytest.mark.parametrize(
    "text", ['{"transactions":5,"response_code":1,"success":true}', '{"transactions":"5"}', "[]", "5"]
)
def test_an_export_of_another_shape_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableAnswer):
        read_v1_rows(READ, reply(text), ("transactions",))


WRONG_SETTINGS = (
    '"success":true,"response_code":1,"status_message":"No merchant account found"',
    '"success":false',
    '"success":"false","status_message":""',
    '"response_code":102,"status_message":"Your request was not processed."',
    '"status":"error"',
    '"status":"failure"',
    '"message":"Integrator is not enabled"',
    '"errors":[{"detail":"merchant"}]',
    '"detail":"Not authenticated"',
)


@pytest.mark.parametrize("beside", WRONG_SETTINGS)
@pytest.mark.parametrize("empty", ['"transactions":[]', '"data":[]', '"data":{}', '"data":null', '"data":{"items":[]}'])
def test_an_empty_list_beside_words_of_failure_is_no_day_without_money(beside: str, empty: str) -> None:
    answer = reply("{" + beside + "," + empty + "}")
    readers = [partial(read_v1_rows, READ, answer, ("transactions",))] if "transactions" in empty else []
    readers.append(partial(read_v3_rows, READ, answer, ("transactions", "items")))
    for read in readers:
        assert isinstance(_failure(read), SaldoError)


@pytest.mark.parametrize(
    "beside",
    ['"status":"success"', '"success":true', '"message":"No transactions were found."', '"response_code":1', '"x":1'],
)
def test_an_empty_list_beside_words_of_success_is_a_day_without_money(beside: str) -> None:
    assert read_v3_rows(READ, reply("{" + beside + ',"data":[]}'), ("transactions",)) == []


def test_a_strange_answer_to_a_sale_leaves_its_outcome_unknown() -> None:
    for text in ("[]", "{}", '"ok"', '{"transaction_id": 5}'):
        with pytest.raises(PaymentOutcomeUnknown) as unknown:
            read_v1_answer(SALE, reply(text))
        assert unknown.value.reference == "RE-1"


def test_a_card_number_in_an_error_text_is_masked() -> None:
    text = '{"success":false,"response_code":1,"errors":{"35":["4012000098765439 is no card"]}}'
    with pytest.raises(PayTraceRefused) as refused:
        read_v1_answer(SALE, reply(text))
    assert "4012000098765439" not in f"{refused.value} {refused.value.errors}"


@pytest.mark.parametrize(
    "text",
    [
        '{"data":[{"field":"body/merchant_id","detail":"value is not a valid integer"}]}',
        '{"data":{"message":[{"field":"body/merchant_id","detail":"value is not a valid integer"}]}}',
        '{"data":[{"message":[{"field":"body/merchant_id","detail":"value is not a valid integer"}]}]}',
    ],
)
def test_v3_names_the_field_at_either_depth(text: str) -> None:
    with pytest.raises(PayTraceRefused) as refused:
        read_v3_body(READ, reply(text, 422))
    assert refused.value.code == "body/merchant_id"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
known_names = st.dictionaries(
    st.sampled_from(
        [
            *("success", "response_code", "errors", "status_message", "transaction_id", "approval_code", "data"),
            *("transactions", "check_transaction_id", "recurrence", "customer_id", "error", "message"),
        ]
    ),
    json_values | st.sampled_from([1, 101, 102, 103, "101", True]),
)


@given(json_values | known_names, st.sampled_from([200, 201, 400, 401, 404, 422]))
def test_any_answer_is_read_refused_or_called_unreadable(body: Any, status: int) -> None:
    for call in (READ, SALE):
        for read in (read_v1_answer, read_v1_body, read_v3_body):
            failed = _failure(partial(read, call, Reply(status, body, True)))
            # A payment whose answer makes no sense is never called merely unreadable.
            assert call is READ or not isinstance(failed, UnreadableAnswer)
    _failure(lambda: read_v1_rows(READ, Reply(status, body, True), ("transactions",)))


def _failure(attempt: Callable[[], object]) -> SaldoError | None:
    try:
        attempt()
    except SaldoError as error:
        return error
    return None


@given(st.binary(max_size=200))
def test_random_bytes_are_json_or_a_value_error(raw: bytes) -> None:
    try:
        wire.decode(raw)
    except ValueError:
        return


def test_hostile_json_is_a_value_error() -> None:
    for raw in (b"[" * 200_000, b"{" * 10, b"1e99999999999999999999", b"NaN", b'"\xff"', b"9" * 5000, b"\x00"):
        with pytest.raises(ValueError, match="not a JSON text"):
            wire.decode(raw)
