"""Whatever is sent to the sandbox, it answers in abas' words: never a crash, never a half-written book."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.sandboxes.abas import create_app
from infra.sandboxes.abas.state import DEFAULT_PASSWORD

APP = create_app(None)
CATEGORIES = {
    "MISSING_OBJECT",
    "ACCESS_DENIED",
    "MISSING_ARGUMENT",
    "ILLEGAL_ARGUMENT",
    "UNAVAILABLE",
    "AUTHENTICATION_FAILURE",
    "RECORD_LOCKED",
    "OTHER",
}
WORDS = st.sampled_from(
    [
        "erp",
        "obj",
        "data",
        "meta",
        "0:1",
        "900:1",
        "900:2",
        "3:22",
        "query",
        "commands",
        "NEW",
        "UPDATE",
        "exec",
        "infosys",
        "ow1",
        "PAYTRACEPOST",
        "op",
        "OPLISTE",
        "workspace",
        "ws-1",
        "wip",
        "ep-1",
        "byIds",
        "sys",
        "typeCmd",
        "901",
        "70001",
        "(101,0,0)",
        "$,,nummer==1",
        "upload",
        "COMMIT",
        "CLOSE",
    ]
)
PATHS = st.lists(WORDS | st.text(max_size=6), min_size=1, max_size=7).map("/".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "criteria",
                    "headFields",
                    "tableFields",
                    "offset",
                    "limit",
                    "actions",
                    "_type",
                    "fieldName",
                    "value",
                    "rowSpec",
                    "initAction",
                    "closeAction",
                    "tableName",
                    "editAction",
                    "editRefID",
                    "head",
                    "fields",
                    "table",
                    "name",
                    "ids",
                    "workspace",
                    "searchWord",
                    "dialogAnswers",
                ]
            ),
            inner
            | st.sampled_from(
                ["SetFieldValue", "InsertRow", "DeleteRows", "Commit", "Cancel", "OpenEditor", "OpenInfosystem"]
            )
            | st.sampled_from(
                ["0:1", "900:2", "NEW", "UPDATE", "betrag", "kunde", "such", "nummer==1;@order=id", "ow1"]
            ),
            max_size=6,
        )
    ),
    max_leaves=20,
)
BODIES = st.binary(max_size=80) | VALUES.map(lambda v: json.dumps(v).encode())


async def send(method: str, path: str, body: bytes, headers: dict[str, str]) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=APP)  # raises what the app raises
    auth = ("", DEFAULT_PASSWORD)
    async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox", auth=auth) as http:
        request = http.build_request(method, "/mw/r/x", content=body, headers=headers)
        request.url = request.url.copy_with(raw_path=f"/mw/r/{path}".encode().replace(b" ", b"%20"))
        return await http.send(request)


def check(response: httpx2.Response) -> None:
    assert response.status_code < 500, response.text
    if not response.is_success and response.status_code not in (303, 405):
        content = response.json()["content"]
        assert content.get("category", content.get("error", {}).get("category")) in CATEGORIES


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), PATHS, BODIES)
def test_any_request_gets_an_answer_in_abas_words(method: str, path: str, body: bytes) -> None:
    quoted = "".join(c if c.isascii() and (c.isalnum() or c in "/:().,=$-_") else f"%{ord(c) % 128:02x}" for c in path)
    check(asyncio.run(send(method, quoted, body, {"Content-Type": "application/json"})))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(
        [
            "obj/data/0:1/query",
            "obj/data/900:1/query",
            "exec",
            "infosys/data/ow1/PAYTRACEPOST",
            "obj/data/0:1",
            "obj/data/byIds",
            "obj/data/3:22/commands/NEW",
            "upload?fileName=x",
            "infosys/data/op/OPLISTE",
        ]
    ),
    VALUES,
)
def test_any_body_gets_an_answer_in_abas_words(path: str, body: Any) -> None:
    headers = {"Content-Type": "application/json"}
    check(asyncio.run(send("POST", f"erp/{path}", json.dumps(body).encode(), headers)))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200), st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
def test_any_upload_gets_an_answer_in_abas_words(body: bytes, boundary: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    check(asyncio.run(send("POST", "erp/upload?fileName=a.xml", body, headers)))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_selection_gets_an_answer_in_abas_words(criteria: str) -> None:
    body = json.dumps({"criteria": criteria}).encode()
    check(asyncio.run(send("POST", "erp/obj/data/0:1/query", body, {})))
