"""What the reference leaves open is read either way: types of cells, empty exports, missing paths, pages.

Each case was found by a second PayTrace written from the reference alone, or in recorded traffic and published clients.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
from pydantic import SecretStr

from connectors.paytrace import wire
from connectors.paytrace.answers import (
    read_v1_answer,
    read_v1_rows,
    read_v3_answer,
    read_v3_body,
    read_v3_item,
    read_v3_rows,
)
from connectors.paytrace.calls import Call, Reply
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.errors import (
    LoginRejected,
    PaymentOutcomeUnknown,
    PayTraceRefused,
    UnreadableAnswer,
    UnreadableRow,
)
from connectors.paytrace.fact_mapping import Account, to_recurrence_observed
from connectors.paytrace.mapping import Meaning, read_card_status
from connectors.paytrace.readings import to_instant
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.source import PayTraceSource
from schemas.records.payments import ObservedBy, TransactionStatus

PACIFIC = ZoneInfo("America/Los_Angeles")
READ = Call(method="POST", path="/v1/x", headers={})
REFUND = Call(method="POST", path="/v3/x", headers={}, moves_money=True, reference="79388123")
TODAY = date(2026, 11, 24)
ROW = {
    "transaction_id": 79388123,
    "transaction_type": "SALE",
    "amount": "12.50",
    "approval_code": "TAS456",
    "status_code": "Y",
    "status_message": "Pending Settlement",
    "created": {"at": "11/24/2026 9:00:00 AM"},
}


def reply(body: Any, status: int = 200) -> Reply:
    return Reply(status, wire.decode(wire.encode(body)), True)


@pytest.mark.parametrize("success", [True, "true", 1, None])
def test_an_export_is_one_however_its_success_is_written(success: object) -> None:
    body = {"response_code": "1", "transactions": [ROW]} | ({} if success is None else {"success": success})
    assert len(read_v1_rows(READ, reply(body), ("transactions",))) == 1


@pytest.mark.parametrize(
    "errors", [{"130": ["No transactions found for these days."]}, ["There were no records found."], {}]
)
def test_an_export_that_found_nothing_is_empty(errors: object) -> None:
    body = {"success": False, "response_code": 1, "status_message": "No transactions found.", "errors": errors}
    assert read_v1_rows(READ, reply(body, 400), ("transactions",)) == []


@pytest.mark.parametrize("errors", [{"30": ["Customer ID, x, was not found or is incomplete."]}, ["Bad range."]])
def test_an_export_that_was_refused_is_not_empty(errors: object) -> None:
    with pytest.raises(PayTraceRefused):
        read_v1_rows(READ, reply({"success": False, "response_code": 1, "errors": errors}, 400), ("transactions",))


def test_missing_rights_are_found_among_other_errors() -> None:
    errors = {"58": ["Please provide a valid Transaction ID."], "981": ["Log in failed for insufficient permissions."]}
    with pytest.raises(LoginRejected):
        read_v1_answer(READ, reply({"success": False, "response_code": 1, "errors": errors}))


def test_a_decline_whose_code_is_a_text_is_a_decline() -> None:
    answer = read_v3_answer(READ, reply({"data": {"response_code": "102", "transaction_id": 5}}))
    assert (answer.meaning, answer.response_code) == (Meaning.DECLINED, 102)


def test_a_row_that_is_no_object_stops_no_other_row() -> None:
    assert read_v1_rows(READ, reply({"transactions": [None, ROW, 5]}), ("transactions",))[1]["amount"] == "12.50"


@pytest.mark.parametrize(
    "item", [{"status": "Success"}, {"response_code": 106, "transaction_id": 5}, {"response_code": "106"}]
)
def test_an_item_of_a_list_worked_by_its_status_or_by_its_code(item: dict[str, Any]) -> None:
    assert read_v3_item(READ, reply({"data": [item]})).meaning is Meaning.DONE


@pytest.mark.parametrize("item", [{"status": "failed"}, {"response_code": 107}, {"response_code": 1}])
def test_an_item_that_says_no_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(PayTraceRefused):
        read_v3_item(REFUND, reply({"data": [item]}))


def test_an_item_of_a_list_that_says_nothing_leaves_its_outcome_unknown() -> None:
    with pytest.raises(PaymentOutcomeUnknown):
        read_v3_item(REFUND, reply({"data": [{"transaction_id": 5}]}))


@pytest.mark.parametrize("body", [{"data": None}, {"data": {}}, {"data": []}, {"data": {"transactions": []}}])
def test_a_v3_export_that_found_nothing_is_empty(body: Any) -> None:
    assert read_v3_rows(READ, reply(body), ("transactions",)) == []


def test_a_v3_refusal_in_the_words_of_its_framework_names_the_field() -> None:
    body = {"detail": [{"loc": ["query", "merchant_id"], "msg": "not a valid integer", "type": "int"}]}
    with pytest.raises(PayTraceRefused, match="not a valid integer") as caught:
        read_v3_body(READ, reply(body, 422))
    assert caught.value.code == "query/merchant_id"


@pytest.mark.parametrize(
    ("code", "message", "status", "batch"),
    [
        ("Settled571", "Settled571", TransactionStatus.SETTLED, 571),
        ("GB 571", "Settled in batch GB 571", TransactionStatus.SETTLED, 571),
        ("SETTLED", "Settled GB571", TransactionStatus.SETTLED, 571),
        ("SETTLED", "Settled 11/24/2026", TransactionStatus.SETTLED, None),
        ("N", "Not settled571", TransactionStatus.UNKNOWN, None),
    ],
)
def test_the_batch_number_is_appended_to_either_word(
    code: str, message: str, status: TransactionStatus, batch: int | None
) -> None:
    reading = read_card_status(code=code, message=message, kind="SALE", approval_code="TAS1")
    assert (reading.status, reading.batch_number) == (status, batch)


@pytest.mark.parametrize(
    "text", ["11/24/2026 4:06:30 PM", "11/24/2026 04:06:30 pm", "11/24/2026 16:06:30", "2026-11-24T16:06:30"]
)
def test_a_clock_reading_has_twelve_or_twenty_four_hours(text: str) -> None:
    assert to_instant("created.at", text, PACIFIC) == datetime(2026, 11, 25, 0, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["11/24/2026 24:00:00", "11/24/2026 13:00:00 PM", "11/24/2026 0:10:00 AM"])
def test_an_impossible_hour_is_refused(text: str) -> None:
    with pytest.raises(UnreadableRow):
        to_instant("created.at", text, PACIFIC)


def test_a_schedule_may_be_nested_as_it_was_created() -> None:
    flat = {"id": 72553, "amount": "9.99", "next": "4/22/2027", "total_count": 999, "current_count": 0}
    account = Account(merchant="main", zone=PACIFIC)
    nested = to_recurrence_observed({"customer_id": "acme", "recurrence": flat}, account, observed_at=datetime.now(UTC))
    assert (nested.recurrence_id, nested.amount_minor, nested.vault_customer_id) == ("72553", 999, "acme")


# --- over HTTP: what a server does that the reference does not settle


Handler = Callable[[httpx2.Request], httpx2.Response]


def source_of(handler: Handler, **changes: object) -> tuple[PayTraceSource, PayTraceClient]:
    settings = PayTraceSettings.model_validate(
        {
            "base_url": "http://paytrace.invalid",
            "username": "user",
            "password": SecretStr("secret"),
            "max_requests_per_s": 10_000.0,
            "retry_wait_initial_s": 0.0,
            "retry_wait_max_s": 0.0,
            **changes,
        }
    )

    def served(request: httpx2.Request) -> httpx2.Response:
        if request.url.path in {"/oauth/token", "/v3/token"}:
            return json_of({"access_token": "a:b:c", "expires_in": "7200"})
        return handler(request)

    client = PayTraceClient(settings, transport=httpx2.MockTransport(served))
    return PayTraceSource(client, settings, now=lambda: datetime(2026, 11, 24, 20, tzinfo=UTC)), client


def json_of(body: Any, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, content=wire.encode(body))


async def ids_of(source: PayTraceSource) -> list[str]:
    return [record.paytrace_transaction_id async for _, records in source.poll(TODAY, TODAY) for record in records]


@pytest.mark.parametrize(
    "ach",
    [
        json_of({"detail": "Not Found"}, 404),
        json_of({"status": 404, "error": "Not Found"}, 404),
        httpx2.Response(404, content=b"<h1>404</h1>"),
        json_of({"data": [{"field": "query/merchant_id", "detail": "unknown"}]}, 422),
    ],
)
async def test_cards_are_reported_where_ach_can_not_be_read(ach: httpx2.Response) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/v3"):
            return ach
        return json_of({"success": True, "response_code": 1, "transactions": [ROW]})

    source, client = source_of(handler)
    async with client:
        assert set(await ids_of(source)) == {"79388123"}


async def test_days_at_the_rim_that_are_refused_keep_no_other_day_from_being_read() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if wire.decode(request.content)["end_date"] > "11/24/2026":  # type: ignore[index]  # an object by construction
            return json_of({"success": False, "response_code": 1, "errors": {"99": ["A day to come."]}}, 400)
        return json_of({"success": True, "response_code": 1, "transactions": [ROW]})

    source, client = source_of(handler, ach_source="off")
    async with client:
        assert await ids_of(source) == ["79388123", "79388123"]


async def test_a_refused_day_inside_the_range_fails_the_poll() -> None:
    source, client = source_of(
        lambda _: json_of({"success": False, "response_code": 1, "errors": {"99": ["Bad."]}}, 400), ach_source="off"
    )
    async with client:
        with pytest.raises(PayTraceRefused):
            await ids_of(source)


def ach_rows(count: int, name: str = "transaction_id") -> list[dict[str, Any]]:
    return [{name: f"ach-{n}", "status": "SETTLED", "amount": 1, "created_at": "2026-11-24"} for n in range(count)]


@pytest.mark.parametrize(("page", "name"), [(30, "transaction_id"), (10, "transaction_id"), (7, "id")])
@pytest.mark.parametrize("wrap", ["items", "data", "nested"])
async def test_every_page_of_ach_is_read_whatever_its_size(page: int, name: str, wrap: str) -> None:
    rows = ach_rows(37, name)

    def handler(request: httpx2.Request) -> httpx2.Response:
        offset = int(request.url.params["offset"])
        part = rows[offset : offset + page]
        return json_of({"data": {"items": part}} if wrap == "nested" else {wrap: part})

    _, client = source_of(handler)
    async with client:
        listed = [row async for row in client.list_ach(TODAY, TODAY)]
    assert listed == rows


async def test_an_ach_list_without_pages_is_read_once() -> None:
    _, client = source_of(lambda request: json_of({"items": ach_rows(37)}))
    async with client:
        assert len([row async for row in client.list_ach(TODAY, TODAY)]) == 37


async def test_full_ach_pages_that_repeat_are_not_taken_for_the_end() -> None:
    _, client = source_of(lambda request: json_of({"items": ach_rows(30)}))
    async with client:
        with pytest.raises(UnreadableAnswer, match="repeats"):
            [row async for row in client.list_ach(TODAY, TODAY)]


async def test_one_transaction_may_come_without_a_list() -> None:
    source, client = source_of(lambda request: json_of({"success": True, "response_code": 1, "transaction": ROW}))
    async with client:
        assert await source.look_up("79388123", ObservedBy.SILENT_POST) is not None


async def test_a_body_may_begin_with_a_byte_order_mark() -> None:
    body = b"\xef\xbb\xbf" + wire.encode({"success": True, "response_code": 1, "transactions": [ROW]})
    source, client = source_of(lambda request: httpx2.Response(200, content=body), ach_source="off")
    async with client:
        assert await ids_of(source) == ["79388123"] * 3
