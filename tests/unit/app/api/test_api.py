"""The API: who gets in, what a request may be, what is answered, and that the same request twice is given once."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.access.actor import Actor, single_user
from app.access.roles import Role
from app.api.commands import Given, Outcome, Status
from app.api.once import InProgress, Once
from app.api.people import own_path
from app.api.settings import ApiSettings
from schemas.failures import Unavailable
from tests.support.api import NOW, PASSWORD, Browser, Installation, Scripted, csrf_in, entry, installation
from tests.support.passwords import quick_passwords

WHY = "as the customer wrote"
CONFIRM = {"reference": "PT77", "why": WHY, "code": "CABC"}
PATH = "/v1/commands/decide/confirm"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        quick_passwords(patch)
        yield


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    """An installation with a user of each role, and an operator's machine."""
    found = installation(tmp_path)
    found.user("ada", Role.ADMIN, Role.ACCOUNTANT)
    for role in Role:
        found.user(f"{role}-one", role)
    return found


@pytest.fixture
def key(house: Installation) -> str:
    return house.key("accountant-one", Role.ACCOUNTANT)


# -- who asks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer saldo_00000000_nothing", "Basic YTpi", "Bearer a.b.c"])
def test_nobody_is_let_in(house: Installation, given: str) -> None:
    answer = house.browser().ask("GET", "/v1/me", headers={"authorization": given} if given else {})
    assert (answer.status, answer.json["code"]) == (401, "not-logged-in")
    assert "nothing" not in answer.text


def test_a_key_is_its_user_in_its_role(house: Installation, key: str) -> None:
    me = house.browser().ask("GET", "/v1/me", key=key).json
    assert (me["user_id"], me["authenticated_by"], me["roles"]) == ("accountant-one", "key", ["accountant"])
    assert "decide/confirm" in me["commands"]
    assert "dlq/replay" not in me["commands"]


def test_a_key_with_scopes_does_nothing_else(house: Installation) -> None:
    key = house.key("accountant-one", Role.ACCOUNTANT, ["read", "ConfirmMatch"])
    browser = house.browser()
    assert browser.ask("POST", PATH, CONFIRM, key=key).status == 200
    refused = browser.ask("POST", "/v1/commands/decide/reject", {"reference": "PT77", "why": WHY}, key=key)
    assert (refused.status, refused.json["code"]) == (403, "not-allowed")
    assert "its scopes are ConfirmMatch, read" in refused.json["remedy"]
    looks = {"mapping/check", "mapping/try", "mapping/preview", "mapping/history", "abas/fields", "dlq/show"}
    assert set(browser.ask("GET", "/v1/me", key=key).json["commands"]) - looks == {"decide/confirm"}


def test_without_users_the_owner_of_the_process_is_the_user_and_nobody_else(tmp_path: Path) -> None:
    assert installation(tmp_path / "a").browser().ask("GET", "/v1/me").json["authenticated_by"] == "single-user"
    assert installation(tmp_path / "b", is_owner=False).browser().ask("GET", "/v1/me").status == 401


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}, {"cookie": "a=b"}],
)
def test_without_users_a_page_of_another_site_gives_no_command(tmp_path: Path, headers: dict[str, str]) -> None:
    found = installation(tmp_path)
    assert found.browser().ask("POST", PATH, CONFIRM, headers).json["code"] == "foreign-page"
    assert not found.commands.given
    assert found.browser().ask("POST", PATH, CONFIRM).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8490", "", "127.0.0.1:1"])
def test_a_name_that_somebody_pointed_at_us_is_not_ours(house: Installation, key: str, host: str) -> None:
    assert Browser(house.api, host=host).ask("GET", "/v1/me", key=key).status == 421


# -- log-in ----------------------------------------------------------------------------------------------------------


def test_a_link_opens_after_log_in_and_its_cookie_is_kept_from_scripts_and_other_sites(house: Installation) -> None:
    browser = house.browser()
    answer = browser.log_in("ada", next_path="/users?x=1")
    assert (answer.status, answer.header("location")) == (303, "/users?x=1")
    cookie = next(value for name, value in answer.headers if name == "set-cookie").lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert browser.ask("GET", "/v1/me").json["user_id"] == "ada"


def test_under_tls_cookies_are_bound_to_it(tmp_path: Path) -> None:
    found = installation(tmp_path, public_url="https://saldo.example")
    found.user("ada", Role.ADMIN)
    browser = Browser(found.api, host="saldo.example")
    page = browser.ask("GET", "/login")
    assert "strict-transport-security" in dict(page.headers)
    assert all(
        "secure" in value.lower() and value.startswith("__Host-")
        for name, value in page.headers
        if name == "set-cookie"
    )


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil", "javascript:x", "x", "/a\nb"])
def test_a_log_in_leads_to_no_other_site(path: str) -> None:
    assert own_path(path) == "/"


def test_a_wrong_password_is_said_on_the_page(house: Installation) -> None:
    answer = house.browser().log_in("ada", "<script>wrong</script>")
    assert answer.status == 401
    assert "user or password is wrong" in answer.text
    assert "<script>wrong" not in answer.text


def test_a_log_in_form_of_another_site_logs_nobody_in(house: Installation) -> None:
    browser = house.browser()
    assert browser.form("/login", csrf_token="0" * 64, user="ada", password=PASSWORD).status == 403
    token = csrf_in(browser.ask("GET", "/login").text)
    body = f"csrf_token={token}&user=ada&password=x".encode()
    headers = {"content-type": "application/x-www-form-urlencoded", "origin": "http://evil.example"}
    assert browser.ask("POST", "/login", body, headers).status == 403


def test_a_session_that_was_put_into_the_browser_before_is_not_the_one_after(house: Installation) -> None:
    browser = house.browser()
    browser.log_in("viewer-one")
    before = dict(browser.cookies)
    browser.log_in("ada")
    assert set(before.values()).isdisjoint(browser.cookies.values())


def test_a_log_out_ends_the_session_for_every_process(house: Installation, tmp_path: Path) -> None:
    browser = house.browser()
    browser.log_in("ada")
    stolen = dict(browser.cookies)
    token = csrf_in(browser.ask("GET", "/users").text)
    assert browser.form("/logout", csrf_token=token).status == 303
    assert not browser.cookies
    again = installation(tmp_path)
    assert Browser(again.api, stolen).ask("GET", "/v1/me").status == 401


def test_a_session_survives_a_restart_and_ends_with_its_time(house: Installation, tmp_path: Path) -> None:
    browser = house.browser()
    browser.log_in("ada")
    assert Browser(installation(tmp_path).api, browser.cookies).ask("GET", "/v1/me").status == 200
    late = installation(tmp_path, now=lambda: NOW + timedelta(hours=2))
    assert Browser(late.api, browser.cookies).ask("GET", "/v1/me").status == 401


def test_a_command_of_a_session_needs_the_token_of_its_page(house: Installation) -> None:
    browser = house.browser()
    browser.log_in("accountant-one")
    assert browser.ask("POST", PATH, CONFIRM).json["code"] == "foreign-page"
    token = house.people.csrf(_request(browser))
    assert browser.ask("POST", PATH, CONFIRM, {"x-csrf-token": token}).status == 200
    other = house.browser()
    other.log_in("accountant-one")
    assert other.ask("POST", PATH, CONFIRM, {"x-csrf-token": token}).status == 403


def _request(browser: Browser) -> Any:
    from starlette.requests import Request

    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


# -- commands --------------------------------------------------------------------------------------------------------


def test_a_command_answers_with_its_outcome(house: Installation, key: str) -> None:
    answer = house.browser().ask("POST", PATH, CONFIRM, key=key)
    assert (answer.status, answer.json["status"]) == (200, "done")
    ((name, values, actor),) = house.commands.given
    assert (name, values, actor.user_id) == ("decide/confirm", CONFIRM, "accountant-one")


@pytest.mark.parametrize(
    ("status", "expected"), [(Status.PROPOSED, 202), (Status.UNANSWERED, 202), (Status.REFUSED, 409)]
)
def test_what_was_not_carried_out_says_so(house: Installation, key: str, status: Status, expected: int) -> None:
    house.commands.outcome = Outcome(status, ("refused: the suggestion is gone",), (), "P1")
    answer = house.browser().ask("POST", PATH, CONFIRM, key=key)
    assert answer.status == expected
    outcome = answer.json["outcome"] if status is Status.REFUSED else answer.json
    assert outcome["status"] == status
    assert (answer.header("content-type") == "application/problem+json") == (status is Status.REFUSED)


def test_what_does_not_fit_is_named_by_field(house: Installation, key: str) -> None:
    answer = house.browser().ask("POST", PATH, {"why": "ok", "more": 1}, key=key)
    assert (answer.status, answer.json["code"]) == (422, "unfit")
    assert {error["field"] for error in answer.json["errors"]} == {"reference", "why", ""}


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{", {"content-type": "application/json"}, 400),
        (b"[]", {"content-type": "application/json"}, 400),
        (b'{"why":1,"why":2}', {"content-type": "application/json"}, 400),
        (b"", {"content-type": "application/json"}, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"content-type": "application/json", "content-encoding": "gzip"}, 415),
        (b'"' + b"x" * 5000 + b'"', {"content-type": "application/json"}, 413),
        (b"{}", {"content-type": "application/json", "idempotency-key": "a b"}, 400),
    ],
)
def test_what_is_no_request_is_refused(tmp_path: Path, body: bytes, headers: dict[str, str], expected: int) -> None:
    found = installation(tmp_path, max_body_bytes=4096)
    assert found.browser().ask("POST", PATH, body, headers).status == expected
    assert not found.commands.given


def test_a_side_that_is_away_is_no_fault(house: Installation, key: str) -> None:
    house.commands.fails = Unavailable("no broker answers")
    answer = house.browser().ask("POST", PATH, CONFIRM, key=key)
    assert (answer.status, answer.json["code"], answer.header("retry-after")) == (503, "not-ready", "2")


def test_a_fault_says_nothing_of_what_was_sent(house: Installation, key: str, caplog: pytest.LogCaptureFixture) -> None:
    house.commands.fails = RuntimeError("PT77 and a secret")
    answer = house.browser().ask("POST", PATH, CONFIRM, key=key)
    assert (answer.status, answer.json["code"]) == (500, "fault")
    assert "secret" not in answer.text + caplog.text + " ".join(str(record.__dict__) for record in caplog.records)


def test_nothing_of_a_key_or_a_password_is_logged(
    house: Installation, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    browser = house.browser()
    browser.ask("POST", PATH, CONFIRM, key=key)
    browser.ask("GET", "/v1/me", key=key[:-1] + "x")
    browser.log_in("ada")
    browser.log_in("ada", "a wrong password")
    logged = " ".join(str(record.__dict__) for record in caplog.records)
    assert logged
    for secret in (key, key.split("_", 2)[2], PASSWORD, "a wrong password", *browser.cookies.values()):
        assert secret not in logged


def test_each_sender_has_a_measure_of_his_own(tmp_path: Path) -> None:
    found = installation(tmp_path, rate_per_s=0.01, burst=2)
    found.user("ada", Role.ADMIN)
    found.user("bob", Role.VIEWER)
    one, other = found.key("ada", Role.ADMIN), found.key("bob", Role.VIEWER)
    browser = found.browser()
    assert [browser.ask("GET", "/v1/me", key=one).status for _ in range(3)] == [200, 200, 429]
    assert browser.ask("GET", "/v1/me", key=other).status == 200
    assert browser.ask("GET", "/v1/me", key=one).header("retry-after")


# -- the same request twice ------------------------------------------------------------------------------------------


def test_the_same_key_is_the_same_answer_and_one_command_also_after_a_restart(
    house: Installation, key: str, tmp_path: Path
) -> None:
    headers = {"idempotency-key": "k1"}
    first = house.browser().ask("POST", PATH, CONFIRM, headers, key=key)
    again = house.browser().ask("POST", PATH, CONFIRM, headers, key=key)
    restarted = installation(tmp_path)
    after = restarted.browser().ask("POST", PATH, CONFIRM, headers, key=key)
    assert first.body == again.body == after.body
    assert (first.header("idempotency-replayed"), after.header("idempotency-replayed")) == ("", "true")
    assert (len(house.commands.given), len(restarted.commands.given)) == (1, 0)


def test_a_key_of_another_request_is_refused_and_of_another_person_is_another(house: Installation, key: str) -> None:
    headers = {"idempotency-key": "k1"}
    browser = house.browser()
    browser.ask("POST", PATH, CONFIRM, headers, key=key)
    other = browser.ask("POST", PATH, CONFIRM | {"reference": "PT78"}, headers, key=key)
    assert (other.status, other.json["code"]) == (422, "key-reused")
    assert browser.ask("POST", PATH, CONFIRM, headers, key=house.key("approver-one", Role.APPROVER)).status == 200
    assert len(house.commands.given) == 2


def test_a_request_that_did_not_fit_frees_its_key(house: Installation, key: str) -> None:
    headers = {"idempotency-key": "k1"}
    assert house.browser().ask("POST", PATH, {"why": WHY}, headers, key=key).status == 422
    assert house.browser().ask("POST", PATH, CONFIRM, headers, key=key).status == 200


@pytest.mark.parametrize("was_noted", [True, False])
def test_a_process_that_ends_between_claim_and_answer_gives_nothing_twice(
    house: Installation, key: str, tmp_path: Path, was_noted: bool
) -> None:
    house.commands.fails, headers = Unavailable("killed here"), {"idempotency-key": "k1"}
    if not was_noted:
        house.commands.note = None
    assert house.browser().ask("POST", PATH, CONFIRM, headers, key=key).status == 503
    restarted = installation(tmp_path)
    assert restarted.browser().ask("POST", PATH, CONFIRM, headers, key=key).status == 200
    assert len(restarted.commands.given) == (0 if was_noted else 1)
    assert len(restarted.commands.resumed) == (1 if was_noted else 0)


def test_what_was_not_answered_in_time_is_looked_for_again(house: Installation, key: str) -> None:
    headers = {"idempotency-key": "k1"}
    house.commands.outcome = Outcome(Status.UNANSWERED, ("written",), ())
    assert house.browser().ask("POST", PATH, CONFIRM, headers, key=key).status == 202
    house.commands.outcome = Outcome(Status.DONE, ("done",), (Given("ConfirmMatch", "t", 0, 1, ({"type": "X"},)),))
    assert house.browser().ask("POST", PATH, CONFIRM, headers, key=key).json["status"] == "done"
    assert (len(house.commands.given), len(house.commands.resumed)) == (1, 1)


def test_a_request_that_is_being_carried_out_is_not_begun_again(tmp_path: Path) -> None:
    seen: list[type[Exception]] = []
    actor = single_user()

    class Slow(Scripted):
        """Is asked for the same once more while it works."""

        def perform(self, name: str, values: Any, actor: Actor, keep: Any = None) -> Outcome:
            with pytest.raises(InProgress) as error:
                once.perform(name, values, actor, "k1")
            seen.append(error.type)
            return super().perform(name, values, actor, keep)

    once = Once(Slow(), tmp_path / "requests.sqlite", lambda: NOW)
    once.perform("decide/confirm", CONFIRM, actor, "k1")
    assert seen == [InProgress]
    assert once.perform("decide/confirm", CONFIRM, actor, "k1")[1]


def test_claims_are_forgotten_after_a_month(house: Installation, key: str, tmp_path: Path) -> None:
    house.browser().ask("POST", PATH, CONFIRM, {"idempotency-key": "k1"}, key=key)
    Once(Scripted(), tmp_path / "api" / "requests.sqlite", lambda: NOW + timedelta(days=31))
    with sqlite3.connect(tmp_path / "api" / "requests.sqlite") as store:
        assert store.execute("SELECT count(*) FROM requests").fetchone() == (0,)
    store.close()


# -- reports ---------------------------------------------------------------------------------------------------------


def test_pages_of_a_report_are_all_of_it_as_of_one_instant(house: Installation, key: str) -> None:
    browser, query, ids = house.browser(), "", []
    for _ in range(3):
        page = browser.ask("GET", f"/v1/reports/open_items?limit=2{query}", key=key)
        ids += [row["id"] for row in page.json["rows"]]
        query = f"&cursor={page.json['next']}"
    assert page.json["next"] is None
    assert ids == [0, 1, 2, 3, 4]
    assert [as_of for _, as_of in house.rows.asked] == [None, NOW, NOW]
    assert page.json["rows"][0]["amount"] == "4.00"


def test_a_report_that_the_asker_has_is_not_sent_again(house: Installation, key: str) -> None:
    browser = house.browser()
    etag = browser.ask("GET", "/v1/reports/open_items", key=key).header("etag")
    again = browser.ask("GET", "/v1/reports/open_items", headers={"if-none-match": etag}, key=key)
    assert (again.status, again.body) == (304, b"")
    house.rows.count = 6
    assert browser.ask("GET", "/v1/reports/open_items?limit=9", headers={"if-none-match": etag}, key=key).status == 200


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("nothing", 404),
        ("open_items?limit=0", 400),
        ("open_items?limit=51", 400),
        ("open_items?limit=%D9%A1", 400),
        ("open_items?cursor=abc", 400),
        ("open_items?limit=1&limit=2", 400),
        ("open_items?unknown=1", 400),
        ("waiting_money?as_of=2099-01-01", 400),
        ("open_items?period=never", 400),
        ("entries_of", 400),
        ("entries_of?id=refuse%20me", 400),
        ("entries_of?id=too%20early", 503),
        ("../../etc/passwd", 404),
    ],
)
def test_a_question_that_cannot_be_answered(house: Installation, key: str, path: str, expected: int) -> None:
    assert house.browser().ask("GET", f"/v1/reports/{path}", key=key).status == expected


def test_as_of_is_one_thing_for_every_report_and_what_counts_days_counts_to_it(house: Installation, key: str) -> None:
    assert house.browser().ask("GET", "/v1/reports/unapplied_cash?as_of=2026-11-01", key=key).status == 200
    parameters, as_of = house.rows.asked[-1]
    assert (parameters["today"], as_of is not None) == ("2026-11-01", True)
    house.browser().ask("GET", "/v1/reports/unapplied_cash?today=2027-01-31", key=key)
    assert house.rows.asked[-1][0]["today"] == "2027-01-31", "days may be counted to a day that has not come"


def test_a_cursor_goes_on_with_its_own_report_alone(house: Installation, key: str) -> None:
    browser = house.browser()
    cursor = browser.ask("GET", "/v1/reports/open_items", key=key).json["next"]
    assert browser.ask("GET", f"/v1/reports/ageing?cursor={cursor}", key=key).status == 400


# -- audit -----------------------------------------------------------------------------------------------------------


def test_the_audit_is_listed_newest_first_and_goes_on_where_it_was(house: Installation, key: str) -> None:
    browser = house.browser()
    first = browser.ask("GET", "/v1/audit?limit=2", key=key).json
    assert [row["offset"] for row in first["entries"]] == [4, 3]
    rest = browser.ask("GET", f"/v1/audit?limit=9&cursor={first['next']}", key=key).json
    assert ([row["offset"] for row in rest["entries"]], rest["next"]) == ([2, 1, 0], None)
    assert browser.ask("GET", "/v1/audit?cursor=WzFd", key=key).status == 400


def test_the_page_of_the_audit_shows_foreign_text_as_text(house: Installation) -> None:
    whole, bad = house.audits[0], "<script>alert(1)</script>"
    row = entry(0, who=bad, key=bad, why=bad, before={"event": bad}, after=None)
    house.audits.append(type(whole)([row], [bad], [bad], lambda: "", lambda: ""))
    browser = house.browser()
    browser.log_in("viewer-one")
    page = browser.ask("GET", "/audit").text
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 6
    assert "BROKEN" in page


def test_a_history_that_is_cut_says_so(house: Installation, key: str) -> None:
    browser = house.browser()
    assert browser.ask("GET", "/v1/audit/verification", key=key).json["is_whole"]
    whole = house.audits[0]
    house.audits.append(type(whole)([entry(0)], [], ["receivables.inbox.v1/0/1: cut"], lambda: "a\n", lambda: "{}\n"))
    assert not browser.ask("GET", "/v1/audit/verification", key=key).json["is_whole"]


def test_an_auditor_gets_both_tables_the_links_and_how_to_verify(house: Installation, key: str) -> None:
    import io
    import zipfile

    answer = house.browser().ask("GET", "/v1/audit/export", key=key)
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert set(archive.namelist()) == {"commands.csv", "commands.jsonl", "links.txt", "README.txt"}
        assert "saldo audit verify --against links.txt" in archive.read("README.txt").decode()
        assert archive.read("links.txt").startswith(b"whole ")
    assert house.browser().ask("GET", "/v1/audit/export?format=csv", key=key).body == b"a\n"


# -- users -----------------------------------------------------------------------------------------------------------


def test_an_admin_keeps_users_by_the_page(house: Installation) -> None:
    browser = house.browser()
    browser.log_in("ada")
    token = csrf_in(browser.ask("GET", "/users").text)
    added = browser.form("/users", csrf_token=token, what="add", user_id="zoe", roles=["viewer"], password=PASSWORD)
    assert added.status == 303
    browser.form("/users", csrf_token=token, what="roles", user="zoe", roles=["viewer", "approver"])
    browser.form("/users", csrf_token=token, what="subject", user="zoe", subject="zoe@example.com")
    made = browser.form(
        "/users", csrf_token=token, what="key", user="zoe", role="approver", days="3", scopes=["read", "RejectMatch"]
    )
    secret = re.search(r"saldo_[0-9a-f]{8}_[\w-]+", made.text)
    assert secret is not None
    zoe = house.access.store.read().find("zoe")
    assert zoe is not None
    assert (zoe.roles, zoe.subject) == ((Role.VIEWER, Role.APPROVER), "zoe@example.com")
    assert zoe.keys[0].scopes == ("RejectMatch", "read")
    assert secret[0] not in browser.ask("GET", "/users").text
    browser.form("/users", csrf_token=token, what="disabled", user="zoe", is_disabled="true")
    assert house.browser().ask("GET", "/v1/me", key=secret[0]).status == 401
    assert [change.what for change in house.access.store.read().changes][-5:] == [
        *("add", "set-roles", "set-subject", "add-key", "disable")
    ]


def test_a_form_of_the_page_that_does_not_fit_says_why_there(house: Installation) -> None:
    browser = house.browser()
    browser.log_in("ada")
    token = csrf_in(browser.ask("GET", "/users").text)
    for fields in ({"what": "add", "user_id": "<b>x</b>", "roles": ["viewer"]}, {"what": "key", "user": "ada"}):
        answer = browser.form("/users", csrf_token=token, **fields)
        assert answer.status == 422
        assert "<b>x</b>" not in answer.text
    assert browser.form("/users", csrf_token="0", what="disabled", user="ada", is_disabled="true").status == 403


def test_an_admin_keeps_users_over_http(house: Installation) -> None:
    browser = house.browser()
    browser.log_in("ada")
    headers = {"x-csrf-token": house.people.csrf(_request(browser))}

    def ask(method: str, path: str, body: Any = None) -> Any:
        return browser.ask(method, path, body, headers)

    assert ask("POST", "/v1/users", {"user_id": "bot", "roles": ["operator"]}).status == 201
    made = ask("POST", "/v1/users/bot/keys", {"role": "operator", "scopes": ["read"]})
    assert (made.status, made.json["key"][:6]) == (201, "saldo_")
    bad = ask("POST", "/v1/users/bot/keys", {"role": "operator", "scopes": ["ConfrimMatch"]})
    assert bad.status == 403
    assert ask("PUT", "/v1/users/bot/roles", {"roles": []}).status == 422
    assert ask("DELETE", f"/v1/keys/{made.json['user']['keys'][0]['key_id']}").status == 204
    assert house.browser().ask("GET", "/v1/me", key=made.json["key"]).status == 401
    listed = ask("GET", "/v1/users").text
    assert "argon2" not in listed
    assert "digest" not in listed


def test_a_machine_keeps_no_users(house: Installation) -> None:
    key = house.key("ada", Role.ADMIN)
    answer = house.browser().ask("POST", "/v1/users", {"user_id": "bot", "roles": ["admin"]}, key=key)
    assert answer.status == 403


# -- every route times every role ------------------------------------------------------------------------------------


def test_every_route_for_every_role(house: Installation) -> None:
    """Nobody gets past a route that his role may not: the policy says who, and each route says what it needs."""
    keys = {role: house.key(f"{role}-one", role) for role in Role}
    policy, browser = house.access.policy, house.browser()
    for way in house.api.ways:
        path = way.path.replace("{name}", "open_items").replace("{user_id}", "x").replace("{key_id}", "y")
        body: dict[str, Any] | None = None if way.method in ("GET", "DELETE") else {}
        nobody = browser.ask(way.method, path, body).status
        assert (nobody == 401) == (way.needs is not None), path
        for role, key in keys.items():
            status = browser.ask(way.method, path, body, key=key).status
            may = not way.needs or role in policy.rule(way.needs).roles
            # Who may manage users is a person: a machine's key is refused by the keeper too.
            assert status != 403 if may and way.needs != "manage-users" else True, (path, role)
            assert may or status == 403, (path, role, status)


# -- pages and description -------------------------------------------------------------------------------------------


def test_every_answer_is_bounded_by_the_browser(house: Installation) -> None:
    for path in ("/login", "/users", "/docs", "/v1/me", "/nothing", "/openapi.json"):
        headers = dict(house.browser().ask("GET", path).headers)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "script-src 'unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "no-" in headers["cache-control"] or path == "/openapi.json"


def test_the_description_names_every_route_of_the_api(house: Installation) -> None:
    described = json.loads(house.browser().ask("GET", "/openapi.json").body)
    ours = {(way.method.lower(), way.path) for way in house.api.ways if way.path.startswith("/v1/")}
    ours.discard(("get", "/v1/reports/{name}"))
    named = {(method, path) for path, methods in described["paths"].items() for method in methods}
    assert ours <= named
    assert "/v1/reports/open_items" in described["paths"]


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "0.0.0.0"},
        {"oidc_issuer": "http://login.example", "oidc_client_id": "saldo"},
        {"oidc_issuer": "https://login.example"},
        {"page_size": 2000},
        {"tls_cert_path": "x.pem"},
        {"public_url": "https://a.example/path"},
    ],
)
def test_settings_that_would_open_a_door_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        ApiSettings(**changes)
