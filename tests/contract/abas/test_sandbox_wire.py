"""The sandbox on the wire: what the reference says a real abas does, in its own words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from connectors.common.reach import authorities
from infra.sandboxes.abas.state import DEFAULT_PASSWORD
from tests.support.abas_sandbox import AbasSandboxProcess, open_item

OBJECTS = "application/abas.objects+json"
SIMPLE = "application/abas.objects.simple+json"


@pytest.fixture
def http(sandbox: AbasSandboxProcess) -> Iterator[httpx2.Client]:
    base = f"{sandbox.base_url}/r/erp/"
    with httpx2.Client(base_url=base, auth=("", DEFAULT_PASSWORD), timeout=20, verify=authorities()) as client:
        yield client


def data(response: httpx2.Response) -> Any:
    return response.json()["content"]["data"]


def customer_id(http: httpx2.Client) -> str:
    listed = data(http.get("obj/data/0:1", params={"criteria": "nummer==70001", "headFields": "id"}))
    found: str = listed["erpDataObjects"][0]["meta"]["id"]
    return found


def test_the_root_needs_no_login(sandbox: AbasSandboxProcess) -> None:
    answer = httpx2.get(f"{sandbox.base_url}/r", verify=authorities()).json()["content"]
    assert answer["protocolVersion"] == "50.0.0"
    assert answer["clients"][0]["href"] == "/mw/r/erp"


def test_names_are_german_unless_asked_otherwise(http: httpx2.Client) -> None:
    german = data(http.get("obj/data/0:1", params={"criteria": "nummer==70001"}))
    english = data(http.get("obj/data/0:1", params={"criteria": "idno==70001", "variableLanguage": "en"}))
    assert german["erpDataObjects"][0]["head"]["fields"]["namebspr"]["value"] == "Acme Inc."
    assert english["erpDataObjects"][0]["head"]["fields"]["descrOperLang"]["value"] == "Acme Inc."
    wrong = http.get("obj/data/0:1", params={"criteria": "idno==70001"})
    assert wrong.json()["content"]["category"] == "ILLEGAL_ARGUMENT"


def test_anything_accepted_gets_the_map_dialect(http: httpx2.Client) -> None:
    for accept in ("*/*", "text/html", OBJECTS):
        response = http.get("obj/data/0:1", headers={"Accept": accept}, params={"limit": "1"})
        assert response.headers["Content-Type"].startswith(OBJECTS)
        assert isinstance(data(response)["erpDataObjects"][0]["head"]["fields"], dict)


def test_the_other_dialects_are_spoken_when_asked(http: httpx2.Client) -> None:
    array = data(http.get("obj/data/0:1", headers={"Accept": "application/json"}, params={"limit": "1"}))
    names = {field["name"]: field.get("value") for field in array["erpDataObjects"][0]["head"]["fields"]}
    simple = data(http.get("obj/data/0:1", headers={"Accept": SIMPLE}, params={"limit": "1"}))
    assert simple["erpDataObjects"][0]["head"]["nummer"] == names["nummer"]


def test_a_list_stops_at_twenty_and_at_nothing_when_asked_for_all(
    sandbox: AbasSandboxProcess, http: httpx2.Client
) -> None:
    sandbox.seed(*[open_item(f"RE-L{n}") for n in range(25)])
    assert len(data(http.get("obj/data/900:1"))["erpDataObjects"]) == 20
    assert len(data(http.get("obj/data/900:1", params={"limit": "0"}))["erpDataObjects"]) >= 25


def test_values_and_texts(http: httpx2.Client, sandbox: AbasSandboxProcess) -> None:
    [item] = sandbox.seed(open_item("RE-V", "1250.00"))
    params = {"headFields": "betrag,faellig,kunde,waehr,kunde^such"}
    shown = {}
    for language in ("en", "de"):
        response = http.get(
            f"obj/data/900:1/{quote(item, safe='')}", params=params, headers={"Accept-Language": language}
        )
        shown[language] = data(response)["head"]["fields"]
    english, german = shown["en"], shown["de"]
    assert (english["betrag"]["value"], english["betrag"]["text"]) == (1250.0, "1,250.00")
    assert german["betrag"]["text"] == "1.250,00"
    assert (english["faellig"]["text"], german["faellig"]["text"]) == ("12/20/2026", "20.12.2026")
    assert english["kunde"]["text"] == "70001"
    assert english["kunde"]["value"].startswith("(")
    assert english["waehr"]["text"] == "USD"
    href = english["kunde"]["links"]["via"][0]["href"]
    assert href.startswith("/mw/r/erp/obj/data/0%3A1/%28")
    assert http.get(f"{str(http.base_url).split('/mw')[0]}{href}").status_code == 200
    assert english["kunde^such"]["value"] == "ACME INC."


@pytest.mark.parametrize(
    ("criteria", "count"),
    [
        ("belnum==RE-C1", 1),
        ("belnum=RE-C", 3),
        ("belnum=RE-C1!RE-C2", 2),
        ("belnum=RE-C1!!RE-C3", 1),
        ("belnum==RE-C1;belnum==RE-C3;@link=(Or)", 2),
        ("belnum/C2", 1),
        ("belnum~/c2", 1),
        ("belnum~==re-c3", 1),
        ("belnum/==^RE-C[12]$", 2),
        ("belnum=RE-C;betrag==125", 3),
        ("belnum=RE-C;betrag==125.00", 3),
        ("belnum=RE-C;betrag<>125", 0),
        ("belnum=RE-C;yposref==x", None),
        ("belnum=RE-C;namebspr=`", 3),
        ("belnum=RE-C;namebspr<>`", 0),
        ("belnum=RE-C;@filingmode=(Filed)", 0),
        ("belnum=RE-C;@ablageart=(Both)", 3),
        ("belnum=RE-C;@maxhit=2", 2),
        ("belnum=RE-C;kunde^nummer==70001", 3),
        ("belnum=RE-C;stand=2020-01-01!", 3),
        ("belnum=RE-C;stand=!2020-01-01", 0),
        ("no selection at all", None),
        ("belnum/==[", None),
    ],
)
def test_selections(sandbox: AbasSandboxProcess, http: httpx2.Client, criteria: str, count: int | None) -> None:
    known = data(http.get("obj/data/900:1", params={"criteria": "belnum==RE-C1"}))["erpDataObjects"]
    if not known:
        sandbox.seed(*[open_item(f"RE-C{n}") for n in (1, 2, 3)])
    response = http.get("obj/data/900:1", params={"criteria": criteria, "limit": "0"})
    if count is None:
        assert response.json()["content"]["category"] == "ILLEGAL_ARGUMENT"
        return
    assert len(data(response)["erpDataObjects"]) == count
    posted = http.post("obj/data/900:1/query", json={"criteria": criteria.split(";"), "limit": 0})
    assert data(posted) == data(response)


def test_order_and_direction(sandbox: AbasSandboxProcess, http: httpx2.Client) -> None:
    sandbox.seed(open_item("RE-O2"), open_item("RE-O1"), open_item("RE-O3"))

    def numbers(options: str) -> list[str]:
        params = {"criteria": f"belnum=RE-O;{options}", "headFields": "belnum"}
        listed = data(http.get("obj/data/900:1", params=params))["erpDataObjects"]
        return [entry["head"]["fields"]["belnum"]["value"] for entry in listed]

    assert numbers("@order=belnum") == ["RE-O1", "RE-O2", "RE-O3"]
    assert numbers("@ordnung=belnum;@richtung=(Backward)") == ["RE-O3", "RE-O2", "RE-O1"]


def test_a_record_is_found_by_id_number_search_word_and_selection(http: httpx2.Client) -> None:
    record = customer_id(http)
    for segment in (record, "70001", "ACME INC.", "$,,nummer==70001"):
        assert data(http.get(f"obj/data/0:1/{quote(segment, safe='')}"))["meta"]["id"] == record
    assert http.get("obj/data/00:01/70001").status_code == 200
    moved = http.get(f"obj/data/byId/{quote(record, safe='')}")
    assert (moved.status_code, moved.headers["Location"]) == (303, f"/mw/r/erp/obj/data/0%3A1/{quote(record, safe='')}")
    missing = http.get("obj/data/0:1/79999")
    assert (missing.status_code, missing.json()["content"]["category"]) == (404, "MISSING_OBJECT")


def test_many_by_id_report_the_missing_one_by_one(http: httpx2.Client) -> None:
    record = customer_id(http)
    found, missing = data(http.post("obj/data/byIds", json={"ids": [record, "(9,9,0)"]}))["erpDataObjects"]
    assert found["meta"]["id"] == record
    assert missing["abasErpError"]["category"] == "MISSING_OBJECT"


def test_a_direct_write_answers_with_nothing(http: httpx2.Client) -> None:
    for body in (
        {"head": {"fields": [{"name": "such", "value": "ARRAY"}]}},
        {"head": {"fields": {"such": {"value": "MAP"}}}},
        {"head": {"such": "SIMPLE"}},
    ):
        response = http.post("obj/data/0:1", json=body)
        assert (response.status_code, response.content) == (200, b"")
    for search_word in ("ARRAY", "MAP", "SIMPLE"):
        assert http.get(f"obj/data/0:1/{search_word}").status_code == 200
    changed = http.post("obj/data/0:1/MAP", json={"head": {"namebspr": "Changed"}})
    assert (changed.status_code, changed.content) == (200, b"")
    assert data(http.get("obj/data/0:1/MAP"))["head"]["fields"]["namebspr"]["value"] == "Changed"


def test_what_has_postings_can_not_be_deleted(http: httpx2.Client) -> None:
    http.post("obj/data/2:1", json={"head": {"such": "GONE"}})
    assert http.delete("obj/data/2:1/GONE").status_code == 200
    assert http.get("obj/data/2:1/GONE").status_code == 404
    refused = http.delete("obj/data/0:1/70001")
    assert refused.json()["content"]["category"] == "OTHER"


def test_a_value_is_shown_as_abas_reads_it(http: httpx2.Client) -> None:
    def read(name: str, value: str) -> Any:
        params = {"tableName": "900:1", "fieldName": name, "value": value}
        return http.get("methods/formatDbFieldValue", params=params)

    assert data(read("faellig", "20.12.2026"))["result"] == {"text": "12/20/2026", "value": "2026-12-20"}
    assert data(read("betrag", "1234.56"))["result"] == {"text": "1,234.56", "value": 1234.56}
    assert read("faellig", "20/12/2026").json()["content"]["category"] == "OTHER"


def test_exec_without_a_close_action_saves_nothing(http: httpx2.Client) -> None:
    body = {
        "initAction": {"_type": "OpenEditor", "tableName": "0:1", "editAction": "NEW"},
        "actions": [{"_type": "SetFieldValue", "fieldName": "such", "value": "EXEC"}],
        "headFields": "id,nummer",
    }
    assert http.post("exec", json=body).status_code == 200
    assert http.get("obj/data/0:1/EXEC").status_code == 404
    saved = data(http.post("exec", json={**body, "closeAction": {"_type": "Commit"}}))
    assert saved["meta"]["state"] == "COMMITTED"
    assert data(http.get("obj/data/0:1/EXEC"))["meta"]["id"] == saved["meta"]["id"]


def test_an_order_with_rows_by_a_working_set(http: httpx2.Client) -> None:
    opened = http.post("obj/data/3:22/commands/NEW", json={})
    assert opened.status_code == 201
    working_set, editor = opened.headers["X-abas-mw-workingset"], opened.headers["X-abas-mw-workingseteditor"]
    assert opened.headers["Location"] == f"/mw/r/erp/workspace/{working_set}/wip/{editor}"
    meta = data(opened)["meta"]
    assert (meta["state"], meta["action"], meta["sourceType"]) == ("ACTIVE", "NEW", "EDITOR")
    http.post("obj/data/2:1", json={"head": {"nummer": "10099", "such": "BOLT"}})
    path = f"workspace/{working_set}/wip/{editor}"
    changed = http.post(
        path,
        json={
            "actions": [
                {"_type": "SetFieldValue", "fieldName": "kunde", "value": "70001"},
                {"_type": "InsertRow"},
                {"_type": "SetFieldValue", "fieldName": "artikel", "value": "BOLT", "rowSpec": "."},
                {"_type": "SetFieldValue", "fieldName": "mge", "value": 2, "rowSpec": "."},
            ]
        },
    )
    assert data(changed)["table"][0]["fields"]["mge"]["value"] == 2.0
    assert http.put(
        f"{path}/fields/head/betreff/value", content="Bolts", headers={"Content-Type": "text/plain"}
    ).is_success
    committed = http.post(f"{path}/commands/COMMIT", json={})
    assert data(committed)["meta"]["state"] == "COMMITTED"
    record = data(committed)["meta"]["id"]
    assert http.post(f"workspace/{working_set}/commands/CLOSE", json={}).status_code == 200
    order = data(http.get(f"obj/data/3:22/{quote(record, safe='')}"))
    assert order["head"]["fields"]["betreff"]["value"] == "Bolts"
    assert order["table"][0]["fields"]["artikel"]["text"] == "10099"


def test_a_lock_holds_until_its_working_set_closes(http: httpx2.Client) -> None:
    first = http.post("obj/data/0:1/70001/commands/UPDATE", json={})
    second = http.post("obj/data/0:1/70001/commands/UPDATE", json={})
    content = second.json()["content"]
    assert (second.status_code, content["category"]) == (423, "RECORD_LOCKED")
    assert content["details"][0]["subType"] == "LOCK"
    assert http.post("obj/data/0:1/70001/commands/VIEW", json={}).status_code == 201
    http.post(f"workspace/{first.headers['X-abas-mw-workingset']}/commands/CANCEL", json={})
    third = http.post("obj/data/0:1/70001/commands/UPDATE", json={})
    assert third.status_code == 201
    http.post(f"workspace/{third.headers['X-abas-mw-workingset']}/commands/CANCEL", json={})


async def test_a_lock_is_waited_for_when_asked(sandbox: AbasSandboxProcess) -> None:
    base = f"{sandbox.base_url}/r/erp/"
    async with httpx2.AsyncClient(base_url=base, auth=("", DEFAULT_PASSWORD)) as http:
        first = await http.post("obj/data/0:1/70001/commands/UPDATE", json={})
        waiting = asyncio.create_task(http.post("obj/data/0:1/70001/commands/UPDATE?maxWaitOnLock=10", json={}))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await http.post(f"workspace/{first.headers['X-abas-mw-workingset']}/commands/CANCEL", json={})
        got = await waiting
        assert got.status_code == 201
        await http.post(f"workspace/{got.headers['X-abas-mw-workingset']}/commands/CANCEL", json={})


def test_a_refused_commit_leaves_the_editor_active_and_locked(sandbox: AbasSandboxProcess, http: httpx2.Client) -> None:
    [item] = sandbox.seed(open_item("RE-F"))
    sandbox.faults(closed_periods=["2026-11"])
    opened = http.post(f"obj/data/900:1/{quote(item, safe='')}/commands/PAYMENT", json={})
    assert data(opened)["head"]["fields"]["betrag"]["value"] == 125.0
    path = opened.headers["Location"].removeprefix("/mw/r/erp/")
    actions = [
        {"_type": "SetFieldValue", "fieldName": "valuta", "value": "20.11.2026"},
        {"_type": "Commit"},
    ]
    refused = http.post(path, json={"actions": actions})
    content = refused.json()["content"]
    assert not refused.is_success
    assert (content["_type"], content["error"]["category"]) == ("EditErrorResponse", "OTHER")
    assert content["error"]["error"]["erpNumber"] == 2743
    assert content["error"]["details"][0]["fieldNames"] == ["valuta"]
    assert content["remainingActions"] == {"successCount": 1, "actions": [{"_type": "Commit"}]}
    assert content["data"]["meta"]["state"] == "ACTIVE"
    sandbox.faults(closed_periods=[])
    assert data(http.post(path, json={"actions": [{"_type": "Commit"}]}))["meta"]["state"] == "COMMITTED"


def test_a_posting_date_in_a_closed_month_is_refused_when_it_is_set(
    sandbox: AbasSandboxProcess, http: httpx2.Client
) -> None:
    sandbox.faults(closed_periods=["finance/2026-10"])
    opened = http.post("obj/data/6:0/commands/NEW", json={})
    path = opened.headers["Location"].removeprefix("/mw/r/erp/")

    def set_day(day: str) -> dict[str, Any]:
        action = {"_type": "SetFieldValue", "fieldName": "budat", "value": day}
        content: dict[str, Any] = http.post(path, json={"actions": [action]}).json()["content"]
        return content

    assert set_day("31.10.2026")["error"]["details"][0]["erpNumber"] == 2202
    assert set_day("31.12.1999")["error"]["details"][0]["erpNumber"] == 1294
    assert "error" not in set_day("01.11.2026")
    sandbox.faults(closed_periods=["sales/2026-11"])
    assert "error" not in set_day("02.11.2026")
    http.post(f"{path}/commands/CANCEL", json={})


def test_a_question_is_asked_and_answered(sandbox: AbasSandboxProcess, http: httpx2.Client) -> None:
    [item] = sandbox.seed(open_item("RE-Q"))
    sandbox.faults(ask_before_saving=True)
    opened = http.post(f"obj/data/900:1/{quote(item, safe='')}/commands/PAYMENT", json={})
    path = opened.headers["Location"].removeprefix("/mw/r/erp/")
    asked = http.post(path, json={"actions": [{"_type": "Commit"}]})
    content = asked.json()["content"]
    assert (asked.status_code, content["_type"]) == (200, "EditDialogResponse")
    dialog, [action] = content["dialogInfo"], content["remainingActions"]["actions"]
    answered = {**action, dialog["answersProperty"]: [{"id": dialog["id"], "values": ["yes"]}]}
    assert data(http.post(path, json={"actions": [answered]}))["meta"]["state"] == "COMMITTED"


def test_a_working_set_that_is_gone_is_made_anew_under_its_id(http: httpx2.Client) -> None:
    first = http.post("obj/data/3:22/commands/NEW", params={"workingSetId": "ws-mine"}, json={})
    assert first.headers["X-abas-mw-workingset"] == "ws-mine"
    http.post("workspace/ws-mine/commands/CANCEL", json={})
    second = http.post("obj/data/3:22/commands/NEW", params={"workingSetId": "ws-mine"}, json={})
    assert second.status_code == 201
    gone = http.get(first.headers["Location"].removeprefix("/mw/r/erp/"))
    assert gone.json()["content"]["errorCode"] == "MISSING_WORKINGSET_EDITOR"
    http.post("workspace/ws-mine/commands/CANCEL", json={})


def test_about_reports_its_clock_as_a_field(http: httpx2.Client) -> None:
    assert data(http.get("about"))["erpDateTime"]["value"].startswith("20")
    assert http.get("logout").json()["content"]["error"]["type"] == "INFO"
    assert http.get("workspace/keepalive").json()["content"] == "OK"


def test_commands_are_reported(http: httpx2.Client) -> None:
    payment = data(http.get("obj/meta/900:2/commands"))["commands"]
    assert {entry["editAction"] for entry in payment} >= {"NEW", "REVERSAL"}
    table = data(http.get("obj/data/0:1/commands"))["links"]
    record = data(http.get("obj/data/0:1/70001/commands"))["links"]
    assert table.keys() == {"urn:abas:rel:editAction:NEW"}
    assert "urn:abas:rel:editAction:UPDATE" in record


def test_metadata_report_names_in_both_languages(http: httpx2.Client) -> None:
    groups = data(http.get("obj/meta"))["erpDbGroups"]
    assert {"id", "name", "dbId", "tableSpec"} <= groups[0].keys()
    fields = data(http.get("obj/meta/0:1", params={"selHeadFields": "*"}))["fields"]
    number = next(entry for entry in fields if entry["englishName"] == "idno")
    assert (number["name"], number["germanName"], number["type"]["baseType"]) == ("nummer", "nummer", "STRING")


def test_the_outstanding_items_list(sandbox: AbasSandboxProcess, http: httpx2.Client) -> None:
    sandbox.seed(
        open_item("RE-I1", "10.00", customer="70777"),
        open_item("RE-I2", "5.50", customer="70777"),
        customers=[{"number": "70777", "name": "Listed"}],
    )
    [listed] = [i for i in data(http.get("infosys/meta/op"))["erpInfosystems"] if i["className"] == "OutstandingItems"]
    body = {
        "actions": [
            {"_type": "SetFieldValue", "fieldName": "bervon", "value": "70777"},
            {"_type": "SetFieldValue", "fieldName": "berbis", "value": "70777"},
            {"_type": "SetFieldValue", "fieldName": "bstart"},
        ],
        "headFields": "ofsoll",
        "tableFields": "*",
    }
    shown = data(http.post(f"infosys/data/op/{listed['searchWord']}", json=body))
    assert shown["head"]["fields"]["ofsoll"]["value"] == 15.5
    assert [row["fields"]["belnum"]["value"] for row in shown["table"]] == ["RE-I1", "RE-I2"]


def test_type_commands(http: httpx2.Client) -> None:
    listed = data(http.get("sys/typeCmd/meta"))["commands"]
    command = next(entry for entry in listed if entry["name"] == "(IncomingPayment)")
    reported = data(http.get(f"sys/typeCmd/{command['number']}"))
    assert (reported["tableName"], reported["editAction"]) == ("900:2", "NEW")
    opened = http.post(f"sys/typeCmd/{quote('(IncomingPayment)', safe='')}", json={})
    assert (opened.status_code, data(opened)["meta"]["objectGroup"]) == (201, "900:2")


def test_an_upload_is_kept_inside_its_directory(sandbox: AbasSandboxProcess, http: httpx2.Client) -> None:
    kept = http.post("upload", params={"fileName": "camt053.xml"}, files={"file": ("x.xml", b"<Document/>")})
    assert data(kept) == {"fileName": "camt053.xml", "size": 11}
    for name in ("../evil", "/etc/passwd", "", ".hidden"):
        refused = http.post("upload", params={"fileName": name}, files={"file": ("x", b"x")})
        assert refused.json()["content"]["category"] == "ILLEGAL_ARGUMENT"
    assert http.post("upload", params={"fileName": "a"}, json={}).json()["content"]["category"] == "MISSING_ARGUMENT"


def test_licences_run_out(empty_sandbox: AbasSandboxProcess) -> None:
    empty_sandbox.faults(licences=1)
    with httpx2.Client(base_url=f"{empty_sandbox.base_url}/r/erp/", auth=("", DEFAULT_PASSWORD)) as http:
        opened = http.post("obj/data/3:22/commands/NEW", json={})
        assert opened.status_code == 201
        refused = http.get("about")
        assert (refused.status_code, refused.json()["content"]["category"]) == (503, "UNAVAILABLE")


@pytest.mark.parametrize("auth", [("", "wrong"), ("user", ""), None])
def test_a_wrong_login_is_reported_by_category(http: httpx2.Client, auth: Any) -> None:
    refused = httpx2.get(f"{http.base_url}about", auth=auth)
    assert (refused.status_code, refused.json()["content"]["category"]) == (401, "AUTHENTICATION_FAILURE")


def test_a_double_in_the_editor_is_visible_in_the_books(sandbox: AbasSandboxProcess, http: httpx2.Client) -> None:
    [item] = sandbox.seed(open_item("RE-D", "250.00"))
    for _ in range(2):
        opened = http.post(f"obj/data/900:1/{quote(item, safe='')}/commands/PAYMENT", json={})
        actions = [
            {"_type": "SetFieldValue", "fieldName": "yposref", "value": "PT-DOUBLE"},
            {"_type": "SetFieldValue", "fieldName": "betrag", "value": "100"},
            {"_type": "Commit"},
        ]
        assert http.post(opened.headers["Location"].removeprefix("/mw/r/erp/"), json={"actions": actions}).is_success
    assert [d["posting_reference"] for d in sandbox.documents()].count("PT-DOUBLE") == 2


def test_the_page_shows_the_books_and_the_switches(sandbox: AbasSandboxProcess) -> None:
    [item] = sandbox.seed(open_item("RE-<b>PAGE</b>", "1234.50"))
    sandbox.faults(latency_s=0.001, closed_periods=["2026-01", "2026-02"])
    payment_request = {
        "kind": "REFUND",
        "customer_number": "70001",
        "amount": "12.50",
        "currency": "USD",
        "reason": "damaged",
    }
    sandbox.admin("POST", "payment-requests", [payment_request])
    working_set = sandbox.admin("POST", "editors", {"record": item, "user": "P. Page"})["working_set"]
    page = httpx2.get(f"{sandbox.origin}/_sandbox/", verify=authorities()).text
    for shown in ("RE-&lt;b&gt;PAGE&lt;/b&gt;", "1,234.50 USD", "Acme Inc.", "latency_s = 0.001", "2026-01, 2026-02"):
        assert shown in page
    for shown in ("damaged", "12.50 USD", "P. Page", f"UPDATE RE-&lt;b&gt;PAGE&lt;/b&gt; {item}"):
        assert shown in page
    httpx2.post(
        f"{sandbox.base_url}/r/erp/workspace/{working_set}/commands/CANCEL",
        auth=("", DEFAULT_PASSWORD),
        json={},
        verify=authorities(),
    ).raise_for_status()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("customers", [{"name": "without number"}]),
        ("open-items", [{"invoice_number": "x", "customer_number": "0", "amount": "1", "currency": "USD"}]),
        ("open-items", "x"),
        ("open-items", [{"invoice_number": "x", "customer_number": "70001", "amount": "1.001", "currency": "USD"}]),
        ("open-items", [{"invoice_number": "x", "customer_number": "70001", "amount": "1e999999", "currency": "USD"}]),
        ("open-items", [{"invoice_number": "x", "customer_number": "70001", "amount": "NaN", "currency": "USD"}]),
        ("clock", {"shift_s": 1e300}),
        ("faults", {"no_such_switch": 1}),
        ("faults", {"latency_s": -1}),
        ("faults", []),
        ("clock", {"now": "2026-01-01T00:00:00"}),
        ("editors", {"record": "(0,0,0)"}),
    ],
)
def test_the_admin_door_says_what_it_can_not_take(sandbox: AbasSandboxProcess, path: str, body: Any) -> None:
    response = httpx2.post(f"{sandbox.origin}/_sandbox/{path}", json=body)
    assert response.status_code == 422
    assert response.json()["error"]


def test_the_clock_moves_and_comes_back(own_sandbox: AbasSandboxProcess) -> None:
    assert own_sandbox.admin("POST", "clock", {"now": "2026-10-01T12:00:00+00:00"})["now"].startswith(
        "2026-10-01T12:00"
    )
    own_sandbox.seed(open_item("RE-T"))
    own_sandbox.kill()
    own_sandbox.start()
    shifted = own_sandbox.admin("POST", "clock", {"shift_s": 86400})
    assert shifted["now"].startswith("2026-10-02T12:0")
    assert not own_sandbox.admin("POST", "clock", {})["now"].startswith("2026-10")


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"search_lags": 1, "lockd": []}, "no such fault: search_lags, lockd; known are latency_s, slow_posting_s, "),
        ({"latency_s": -1}, "latency_s: Input should be greater than or equal to 0"),
        ({"locked_s": {"(1,2,3)": "long"}}, "locked_s.(1,2,3): Input should be a valid number"),
    ],
)
def test_a_wrong_switch_is_named_in_one_line_and_changes_nothing(
    sandbox: AbasSandboxProcess, switches: dict[str, Any], words: str
) -> None:
    before = httpx2.get(f"{sandbox.origin}/_sandbox/faults").json()
    response = httpx2.post(f"{sandbox.origin}/_sandbox/faults", json={**switches, "access_denied": True})
    assert response.status_code == 422
    assert response.json()["error"].startswith(words)
    assert "\n" not in response.json()["error"]
    assert httpx2.get(f"{sandbox.origin}/_sandbox/faults").json() == before


def test_it_is_counted_how_often_each_switch_has_struck_also_over_kill_9(own_sandbox: AbasSandboxProcess) -> None:
    own_sandbox.faults(unavailable=2)
    url = f"{own_sandbox.base_url}/r/erp/obj/data/0:1"
    for _ in range(3):
        httpx2.get(url)
    assert own_sandbox.admin("GET", "struck") == {"unavailable": 2}
    own_sandbox.kill()
    own_sandbox.start()
    assert own_sandbox.admin("GET", "struck") == {"unavailable": 2}
    own_sandbox.admin("POST", "reset")
    assert own_sandbox.admin("GET", "struck") == {}
