"""Where the public material is silent an abas may do this or that: each reading gives the same result, or says no."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.abas.answers import entries_of
from connectors.abas.by_profile import Document, DocumentWrite
from connectors.abas.client import AbasClient, commit, set_field
from connectors.abas.criteria import Selection
from connectors.abas.errors import (
    AbasAddressWrong,
    AbasInternalError,
    AbasObjectLocked,
    AbasOutcomePending,
    AbasOutcomeUnknown,
    AbasRefused,
    AbasSavedUnseen,
    AbasSessionLost,
    AbasUnavailable,
    LoginRejected,
    error_from_answer,
)
from connectors.abas.mapping import plain_amount, to_open_item_observed
from connectors.abas.profile import Profile, load_profile, parse_profile
from connectors.abas.settings import SANDBOX_PROFILE, AbasSettings
from connectors.abas.sink import AbasSink
from connectors.abas.wire import Answer, ErpField, ErpObject, parse_answer, parse_object
from connectors.abas.working_set import close_left_open, working_set
from schemas.failures import SaldoError
from schemas.records.erp import DocumentPosted
from tests.support.abas_commands import OCCURRED_AT, post_receipt, with_strategy

PROFILE = load_profile(SANDBOX_PROFILE)
WAY = PROFILE.documents["cash_receipt"]
SET = WAY.inputs.keys() - {"cost_centre", "tax_code", "base_amount"}  # what the receipt of these tests carries
SETTINGS = AbasSettings(retry_initial_s=0.0, retry_max_s=0.0, read_attempts=1, page_size=10)


class Server:
    """Answers by path; remembers what it was sent."""

    def __init__(self, respond: Callable[[str, dict[str, Any]], httpx2.Response]) -> None:
        self._respond = respond
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content) if request.content else {}
        call = f"{request.method} {request.url.path.removeprefix('/mw/r/erp')}"
        self.sent.append((call, body))
        return self._respond(call, body)

    def client(self, **changes: Any) -> AbasClient:
        return AbasClient(SETTINGS.model_copy(update=changes), transport=httpx2.MockTransport(self))


def reply(content: Any, status: int = 200, **headers: str) -> httpx2.Response:
    return httpx2.Response(status, json={"content": content}, headers=headers)


# -- amounts and currencies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mark", "plain"),
    [
        ("1250.00", None, "1250.00"),
        ("1250,00", None, "1250.00"),
        ("1.250,00", None, "1250.00"),
        ("1,250.00", None, "1250.00"),
        ("1 250,00", None, "1250.00"),
        ("-1.250.000", None, "-1250000"),
        ("1234.567", None, "1234.567"),
        ("0.125", None, "0.125"),
        ("1.250", ",", "1250"),
        ("1.250", ".", "1.250"),
        ("1,250", ".", "1250"),
        ("125", None, "125"),
    ],
)
def test_an_amount_written_as_text_is_read(text: str, mark: str | None, plain: str) -> None:
    assert plain_amount(text, mark) == plain


@pytest.mark.parametrize(
    ("text", "mark"), [("1.250", None), ("12,345", None), ("1.25,000.0", None), ("1,2,3", "."), ("12.50,5", ".")]
)
def test_an_amount_that_has_two_readings_is_not_read(text: str, mark: str | None) -> None:
    with pytest.raises(ValueError, match=r"decimal_mark|wrong place"):
        plain_amount(text, mark)


@given(st.integers(-(10**12), 10**12), st.sampled_from([",", "."]))
def test_an_amount_in_either_writing_is_the_same_amount(cents: int, mark: str) -> None:
    english = f"{Decimal(cents) / 100:,.2f}"
    written = english if mark == "." else english.translate(str.maketrans(",.", ".,"))
    for known in (mark, None):
        assert Decimal(plain_amount(written, known)) == Decimal(cents) / 100


@given(st.text(max_size=12) | st.from_regex(r"[0-9.,' +-]{0,12}", fullmatch=True))
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    for mark in (None, ".", ","):
        with contextlib.suppress(ValueError):
            plain = plain_amount(text, mark)
            assert plain.count(".") <= 1
            assert "," not in plain


@pytest.mark.parametrize(
    ("value", "minor"),
    [("0.30000000000000004", 30), ("1124.4999999999999", 112_450), ("12345678901234.56", 1_234_567_890_123_456)],
)
def test_the_noise_of_a_double_is_no_fraction_of_a_cent(value: str, minor: int) -> None:
    assert observed(totalAmt=Decimal(value)).amount_minor == minor


def test_half_a_cent_is_no_noise() -> None:
    with pytest.raises(SaldoError, match="finer"):
        observed(totalAmt=Decimal("0.305"))


def test_a_currency_may_stand_in_the_text_beside_a_reference() -> None:
    assert observed(**{"curr^swd": ErpField("(3,12,0)", "USD")}).currency == "USD"


def test_an_empty_reference_is_no_customer() -> None:
    with pytest.raises(SaldoError, match="customer"):
        observed(**{"customer^idno": ErpField(None, "(0,0,0)")})


def observed(**changes: Any) -> Any:
    values = {"docNo": "RE-1", "customer^idno": "70001", "totalAmt": 1, "openAmt": 1, "curr^swd": "USD", **changes}
    head = {name: value if isinstance(value, ErpField) else ErpField(value) for name, value in values.items()}
    item = ErpObject("(1,900,0)", "", "900:1", head)
    assert PROFILE.tables.open_item is not None
    fields = PROFILE.tables.open_item.fields
    return to_open_item_observed(item, fields, PROFILE.formats, filed=False, observed_at=OCCURRED_AT)


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "content", "fate"),
    [
        (401, {"error": {"message": "expired", "type": "SECURITY_ERROR"}}, LoginRejected),
        (404, {"error": {"message": "none", "type": "USER_ERROR"}}, AbasRefused),
        (423, {"error": {"message": "in use", "type": "USER_ERROR"}}, AbasObjectLocked),
        (503, {"error": {"message": "later"}}, AbasUnavailable),
        (500, {"error": {"text": "broken"}}, AbasInternalError),
        (500, {"error": {"message": "period closed", "type": "USER_ERROR"}}, AbasRefused),
        (500, {"_type": "AbasErpError", "error": {"text": ["broken"]}}, AbasInternalError),
        (500, {"_type": "AbasErpError", "category": "OTHER", "error": {"text": "period closed"}}, AbasRefused),
        (200, {"category": "RECORD_LOCKED", "error": {"text": "in use"}}, AbasObjectLocked),
    ],
)
@pytest.mark.parametrize("enveloped", [True, False])
def test_a_status_speaks_where_an_error_names_no_category(
    status: int, content: dict[str, Any], fate: type[SaldoError], enveloped: bool
) -> None:
    answer = parse_answer(json.dumps({"content": content} if enveloped else content).encode(), status=status)
    assert answer.error is not None
    assert type(error_from_answer(answer.error)) is fate


# -- lists -----------------------------------------------------------------------------------------------------------

RECORDS = [{"meta": {"id": f"({n},0,0)"}, "head": {"fields": {}}} for n in range(25)]


def paged(limit: int, *, moves: bool = True) -> Server:
    def respond(call: str, body: dict[str, Any]) -> httpx2.Response:
        first = body["offset"] if moves else 0
        return reply({"data": {"erpDataObjects": RECORDS[first : first + min(limit, body["limit"])]}})

    return Server(respond)


async def read_all(server: Server, **changes: Any) -> list[str]:
    async with server.client(**changes) as client:
        return [r.id async for r in client.query("0:1", Selection(), ["id"], order_option="@order={field}")]


async def test_a_server_with_smaller_pages_than_ours_loses_nothing() -> None:
    assert len(set(await read_all(paged(3)))) == 25


async def test_a_server_without_pages_is_read_once() -> None:
    whole = Server(lambda call, body: reply({"data": {"erpDataObjects": RECORDS}}))
    assert len(await read_all(whole)) == 25


async def test_full_pages_that_do_not_move_are_reported() -> None:
    with pytest.raises(AbasAddressWrong, match="same page"):
        await read_all(paged(10, moves=False))


async def test_a_selection_can_travel_in_the_address() -> None:
    seen: list[httpx2.URL] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url)
        return reply({"data": {"erpDataObjects": []}})

    settings = SETTINGS.model_copy(update={"query_method": "GET"})
    async with AbasClient(settings, transport=httpx2.MockTransport(respond)) as client:
        assert await client.query_page("0:1", Selection(("idno==1",)), ["id"], order_option="@order={field}") == ()
    assert seen[0].params["criteria"] == "idno==1;@filingmode=(Active)"
    assert (seen[0].path, seen[0].params["limit"]) == ("/mw/r/erp/obj/data/0:1", "10")


@pytest.mark.parametrize(
    "data",
    [
        {"fields": [{"name": "idno"}], "links": [{"rel": "self"}]},
        {"links": [{"rel": "self", "name": "x"}], "fields": [{"name": "idno"}]},
        {"erpDbGroup": {"flags": [], "fields": [{"name": "idno"}]}},
        {"columns": [{"name": "idno"}], "links": []},
        {"fields": {"idno": {"type": {"baseType": "STRING"}}}},
        [{"name": "idno"}],
    ],
)
def test_a_list_of_metadata_is_found_wherever_it_lies(data: Any) -> None:
    assert [entry["name"] for entry in entries_of(Answer(data), "name", key="fields")] == ["idno"]


def test_an_answer_without_a_list_is_no_empty_list() -> None:
    assert entries_of(Answer({"fields": []}), "name", key="fields") == ()
    with pytest.raises(AbasUnavailable):
        entries_of(Answer({"fields": "none", "other": [{"rel": "self"}]}), "name", key="fields")


def test_a_list_of_one_is_the_one() -> None:
    assert parse_object({"erpDataObjects": [{"id": "(1,2,0)", "head": {"a": 1}}]}).id == "(1,2,0)"


# -- editors and questions -------------------------------------------------------------------------------------------

IDS = {"workingSetId": "ws-1", "workingSetEditorId": "ep-1"}
HEADERS = {"X-abas-mw-workingset": "ws-1", "X-abas-mw-workingseteditor": "ep-1"}
PLACE = "http://abas.example:8080/mw/r/erp/workspace/ws-1/wip/ep-1"


@pytest.mark.parametrize(
    "opened",
    [
        reply({"data": {"meta": IDS}}, 201),
        reply({"data": None}, 200, **HEADERS),
        reply({"data": {}}, 201, Location=PLACE),
    ],
    ids=["body", "headers", "location"],
)
async def test_an_editor_is_known_by_body_headers_or_location(opened: httpx2.Response) -> None:
    server = Server(lambda call, body: opened if "/commands/NEW" in call else reply({"data": {}}))
    async with server.client() as client, working_set(client) as editors:
        await editors.act(await editors.open("900:2", "NEW"), [set_field("a", "b")])
    assert [call for call, _ in server.sent] == [
        "POST /obj/data/900:2/commands/NEW",
        "POST /workspace/ws-1/wip/ep-1",
        "POST /workspace/ws-1/commands/CANCEL",
        "POST /workspace/ws-1/commands/CLOSE",
    ]


def asking(count: int, property_: str = "screenEnterDialogAnswers") -> httpx2.Response:
    dialog = {"id": "17", "title": "Post", "prompt": "Sure?", "answersProperty": property_}
    remaining = {"successCount": count, "actions": []}
    return reply({"_type": "EditDialogResponse", "dialogInfo": dialog, "remainingActions": remaining})


def answering(words: dict[str, Sequence[str]], strategy: Any = "editor") -> Profile:
    chosen = with_strategy(PROFILE, strategy)
    answers = {word: tuple(values) for word, values in words.items()}
    return chosen.model_copy(update={"posting": chosen.posting.model_copy(update={"dialog_answers": answers})})


class _NotShown(DocumentWrite):
    """A document that no search shows."""

    async def look_up(self) -> Document | None:
        return None


async def post(server: Server, profile: Profile) -> None:
    async def saving(send: Any) -> Any:
        return await send()

    async with server.client() as client:
        command = post_receipt("PT7", "(1,900,0)")
        await _NotShown(client, profile, profile.documents[command.kind], command).make(None, saving)


@pytest.mark.parametrize("word", ["17", "Post", "Sure?"])
async def test_a_question_is_answered_where_it_was_asked_and_only_the_rest_is_sent_again(word: str) -> None:
    def respond(call: str, body: dict[str, Any]) -> httpx2.Response:
        if "/obj/data/" in call:
            return reply({"data": {"meta": IDS}}, 201)
        answered = any("screenEnterDialogAnswers" in action for action in body.get("actions", []))
        return reply({"data": {}}) if answered or "commands" in call else asking(len(SET))

    server = Server(respond)
    with pytest.raises(SaldoError, match="found under our reference"):
        await post(server, answering({word: ["yes"]}))
    acts = [body["actions"] for call, body in server.sent if call.endswith("/wip/ep-1")]
    assert acts[0][len(SET) :] == [{"_type": "Commit"}]
    assert acts[1:] == [[{"_type": "Commit", "screenEnterDialogAnswers": [{"id": "17", "values": ["yes"]}]}]]


async def test_a_question_asked_again_after_its_answer_is_a_refusal() -> None:
    server = Server(lambda call, body: reply({"data": {"meta": IDS}}, 201) if "/obj/" in call else asking(0))
    with pytest.raises(AbasRefused) as caught:
        await post(server, answering({"17": ["yes"]}))
    assert (caught.value.code, len([1 for call, _ in server.sent if "/wip/" in call])) == ("DIALOG/17", 2)


async def test_a_question_at_opening_leaves_no_editor_behind() -> None:
    def respond(call: str, body: dict[str, Any]) -> httpx2.Response:
        asked = asking(0)
        asked.headers["X-abas-mw-workingset"] = "ws-9"
        return asked if "/obj/data/" in call else reply({"data": {}})

    server = Server(respond)
    with pytest.raises(AbasRefused, match=r"Post Sure\?"):
        await post(server, answering({"other": ["yes"]}))
    assert [call for call, _ in server.sent][1:] == [
        "POST /workspace/ws-9/commands/CANCEL",
        "POST /workspace/ws-9/commands/CLOSE",
    ]


async def test_what_an_earlier_process_left_open_is_dropped_and_nobody_elses() -> None:
    listed = [{"id": "ws-1", "label": "saldo"}, {"id": "ws-2", "label": "M. Muster"}, {"id": "ws-3"}]
    server = Server(lambda call, body: reply({"data": {"sets": listed} if call.startswith("GET") else {}}))
    async with server.client() as client:
        assert await close_left_open(client) == 1
    assert {call for call, _ in server.sent if call.startswith("POST")} == {
        "POST /workspace/ws-1/commands/CANCEL",
        "POST /workspace/ws-1/commands/CLOSE",
    }


async def test_an_editor_whose_id_never_arrived_is_dropped_and_no_other() -> None:
    listed = [{"workingSetId": name, "label": "saldo"} for name in ("ws-1", "ws-2")]

    def respond(call: str, body: dict[str, Any]) -> httpx2.Response:
        if "/commands/UPDATE" in call:
            return httpx2.Response(502, text="<html>")
        if "/commands/NEW" in call:
            return reply({"data": {"meta": IDS}}, 201)
        return reply({"data": {"workingSets": listed} if call.startswith("GET") else {}})

    server = Server(respond)
    async with server.client() as client, working_set(client) as ours:
        await ours.open("900:2", "NEW")
        with pytest.raises(AbasOutcomeUnknown):
            async with working_set(client) as lost:
                await lost.open("0:1", "UPDATE", record="70001")
        cancelled = [call for call, _ in server.sent if call.endswith("/CANCEL")]
    assert cancelled == ["POST /workspace/ws-2/commands/CANCEL"]


async def test_a_working_set_that_could_not_be_closed_is_closed_after_the_next_posting() -> None:
    away = True

    def respond(call: str, body: dict[str, Any]) -> httpx2.Response:
        if "/commands/NEW" in call:
            return reply({"data": {"meta": {**IDS, "workingSetId": "ws-1" if away else "ws-2"}}}, 201)
        if away and "/workspace/" in call:
            return httpx2.Response(502, text="<html>")
        return reply({"data": {"sets": [{"id": "ws-1", "label": "saldo"}]} if call.startswith("GET") else {}})

    server = Server(respond)
    async with server.client() as client:
        async with working_set(client) as editors:
            await editors.open("900:2", "NEW")
        was_left_open = client.left_one_open
        assert was_left_open
        away = False
        async with working_set(client) as editors:
            await editors.open("900:2", "NEW")
        assert not client.left_one_open
    assert [call for call, _ in server.sent if call.endswith("/CLOSE")] == [
        "POST /workspace/ws-2/commands/CLOSE",
        "POST /workspace/ws-1/commands/CLOSE",
    ]


@pytest.mark.parametrize("status", [404, 503])
async def test_a_server_that_lists_no_working_sets_stops_nobody(status: int) -> None:
    async with Server(lambda call, body: httpx2.Response(status)).client() as client:
        assert await close_left_open(client) == 0


def test_a_table_may_be_written_with_leading_zeros() -> None:
    text = SANDBOX_PROFILE.read_text("utf-8").replace('"0:1"', '"00:01"')
    assert parse_profile(text, origin="p").tables.customer.table == "0:1"


# -- saved, and not seen ---------------------------------------------------------------------------------------------


class _SeenLater:
    """An abas whose queries show a saved document only after a number of look-ups, or never."""

    def __init__(self, *, shown_after: int) -> None:
        self.saves = 0
        self._shown_after = shown_after

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.endswith("/query"):
            shown = self.saves > 0 and self._shown_after <= 0
            self._shown_after -= self.saves
            return reply({"data": {"erpDataObjects": [DOCUMENT] if shown else []}})
        if "/obj/data/" in path:
            return reply({"data": {"meta": IDS}}, 201)
        self.saves += "/wip/" in path
        return reply({"data": {}})


DOCUMENT = {
    "meta": {"id": "(7,900,0)"},
    "head": {
        "idno": "ZE-1",
        "yposref": "PT7",
        "ypaytraceid": "7",
        "amount": 125,
        "curr^swd": "USD",
        "erfass": "2026-11-20T10:00:00Z",
        "customer^idno": "70001",
        "item": "(1,900,0)",
        "valDate": "2026-11-20",
        "postDate": "2026-11-20",
        "counterAcct^idno": "1361",
    },
}


async def post_by_editor(abas: _SeenLater, wait_s: float = 60.0) -> Any:
    settings = SETTINGS.model_copy(update={"write_attempts": 3, "outcome_wait_s": wait_s})
    async with AbasClient(settings, transport=httpx2.MockTransport(abas)) as client:
        return await AbasSink(client, with_strategy(PROFILE, "editor"), settings).post(post_receipt("PT7", "(1,900,0)"))


async def test_a_document_that_is_seen_a_little_later_is_not_posted_again() -> None:
    abas = _SeenLater(shown_after=2)
    assert isinstance(await post_by_editor(abas), DocumentPosted)
    assert abas.saves == 1


async def test_a_document_that_is_never_seen_is_left_to_a_person_not_posted_again() -> None:
    abas = _SeenLater(shown_after=99)
    with pytest.raises(AbasSavedUnseen, match="saldo dlq replay"):
        await post_by_editor(abas, wait_s=0.0)
    assert abas.saves == 1


async def test_a_document_that_is_not_seen_yet_is_no_persons_case_before_its_time_is_over() -> None:
    abas = _SeenLater(shown_after=99)
    with pytest.raises(AbasOutcomePending, match="another 60 s"):
        await post_by_editor(abas)
    assert abas.saves == 1


@pytest.mark.parametrize(
    ("content", "fate"),
    [
        ({"_type": "AbasErpError", "category": "MISSING_OBJECT", "error": {"text": "no such editor"}}, AbasSessionLost),
        ({"error": {"message": "no such editor", "type": "USER_ERROR"}}, AbasSessionLost),
        ({"_type": "AbasErpError", "category": "MISSING_WORKINGSET", "error": {"text": "gone"}}, AbasSessionLost),
        ({"_type": "EditErrorResponse", "error": {"category": "MISSING_OBJECT", "error": {"text": "x"}}}, AbasRefused),
        ({"error": {"message": "open elsewhere", "type": "USER_ERROR"}, "status": 409}, AbasObjectLocked),
    ],
)
async def test_an_editor_that_is_missing_is_a_lost_session_and_an_unknown_customer_a_refusal(
    content: dict[str, Any], fate: type[SaldoError]
) -> None:
    status = content.pop("status", 404)
    async with Server(lambda call, body: reply(content, status)).client() as client:
        with pytest.raises(fate) as caught:
            await client.act("ws-1", "ep-1", [commit()])
    assert type(caught.value) is fate


async def test_an_attempt_in_doubt_that_is_seen_late_is_not_made_again() -> None:
    class LosesItsAnswer(_SeenLater):
        def __call__(self, request: httpx2.Request) -> httpx2.Response:
            answered = super().__call__(request)
            return httpx2.Response(502, text="<html>") if "/wip/" in request.url.path else answered

    abas = LosesItsAnswer(shown_after=2)
    assert isinstance(await post_by_editor(abas), DocumentPosted)
    assert abas.saves == 1
