"""The workbench in a real browser: it fits every width, reads for everybody (axe), keeps its policy, and obeys keys."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from app.output.terminal import Sheet
from projections.console.app import TokenDoor, console_app
from projections.console.decisions import Result
from projections.console.parts import MOUNTED_AT
from projections.serving.serving import served
from projections.store.client import Store
from schemas.values.business_day import PAYTRACE_ZONE
from tests.support.browser import CHROMIUM, MISSING, running_chromium
from tests.support.projecting import fill, project
from tests.support.scripted import Script
from tests.support.workbench import SUBJECTS, scripted_day
from tests.unit.projections.test_mapping_pages import XSS, House

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
# Each page once: axe takes a second for each.
NARROW = ("", "waiting", *SUBJECTS[:4], "mapping/draft")
WIDE = (
    "deposits",
    "reports/waiting_money",
    "waiting/identification/3",
    *SUBJECTS[4:],
    "mapping/trial",
    "deposits/statement",
)
TOKEN = "token"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture(scope="module")
def script() -> Script:
    return scripted_day()


class Finance(House):
    """The commands of the mapping, and a statement that the bank gave."""

    def give(self, request: Request, command: str, values: Mapping[str, Any]) -> Result:
        if command != "import/bank":
            return super().give(request, command, values)
        columns = ("bank_line_id", "booked_on", "amount", "currency", "text")
        row = (values["file"].file_name, "2026-11-24", "97.00", "USD", f"PAYTRACE {XSS}")
        status = "done" if values["file"].content == b"statement" else "refused"
        return Result(status, ("1 line",), sheets=(Sheet("lines", columns, (row,)),))


@pytest.fixture(scope="module")
def finance() -> Finance:
    return Finance()


@pytest.fixture(scope="module")
def console(engine: Store, script: Script, finance: Finance) -> Iterator[str]:
    fill(engine, script.messages)
    bench = console_app(engine, TokenDoor(TOKEN), day_zone=PAYTRACE_ZONE.key, decisions=finance)
    listener = socket.create_server(("127.0.0.1", 0))
    with served(Starlette(routes=[Mount(MOUNTED_AT, bench)]), listener, "workbench"):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{MOUNTED_AT}/?token={TOKEN}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


def opened(browser: Browser, console: str, **context: Any) -> tuple[Page, list[str]]:
    page, complaints = browser.new_context(**context).new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(console)
    return page, complaints


@pytest.mark.parametrize(
    ("width", "scheme", "language", "paths"), [(390, "dark", "de-DE", NARROW), (1280, "light", "en-GB", WIDE)]
)
def test_pages_fit_and_read_for_everybody(
    chromium: Browser, console: str, width: int, scheme: str, language: str, paths: tuple[str, ...]
) -> None:
    view = {"width": width, "height": 900}
    page, complaints = opened(chromium, console, viewport=view, color_scheme=scheme, base_url=console, locale=language)
    faults = [] if page.get_attribute("html", "lang") == language[:2] else ["another language"]
    for path in paths:
        page.goto(path or "./")
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        faults += [f"{path}: {over} px too wide"] if over > 0 else []
        found = Axe().run(page, options=RULES).response["violations"]
        faults += [f"{path}: {one['id']}: {one['nodes'][0]['html'][:120]}" for one in found]
    assert faults + complaints == []
    page.context.close()


def test_waiting_is_walked_by_keys_and_without_scripts_by_links(chromium: Browser, console: str) -> None:
    page, complaints = opened(chromium, console, viewport={"width": 1280, "height": 900}, base_url=console)
    page.goto("waiting")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/waiting/identification/5")
    assert page.inner_text("#h-decide").startswith("20.00")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("j1234.50")
    assert page.input_value("#q") == "j1234.50"
    assert complaints == []
    page.context.close()
    plain, _ = opened(
        chromium, console, viewport={"width": 390, "height": 900}, java_script_enabled=False, base_url=console
    )
    plain.goto("waiting?order=amount")
    plain.click("text=1,234.50")
    assert plain.is_visible("#h-decide")
    assert not plain.is_visible("#h-list")
    plain.context.close()


def test_a_mapping_is_tried_while_it_is_written_and_adopted_by_two_people(
    chromium: Browser, console: str, finance: Finance
) -> None:
    page, complaints = opened(chromium, console, viewport={"width": 1280, "height": 900}, base_url=console)
    page.goto("mapping/draft")
    page.click("#role-clearing summary")
    page.fill('[name="line:clearing:1:account"]', "1399")
    page.keyboard.press("Tab")
    page.wait_for_selector("#tried .map-row b:text('1399')")
    assert page.inner_text("#tried .plain") == "Clearing: no longer always → 1361\nClearing: always → 1399"
    page.click("text=Preview these days")
    page.wait_for_selector("text=1 document changes")
    page.go_back()
    page.fill("#why", "second merchant account")
    page.click("text=Propose version 2")
    page.click("text=Look at version 2")
    page.fill("#why", "looked at it myself")
    page.click("text=Approve version 2")
    assert "another approver decides" in page.inner_text(".note.bad")
    finance.name = "jana"
    page.fill("#why", "accounts looked up")
    page.click("text=Approve version 2")
    page.wait_for_selector("text=Version 2 is in force")
    assert finance.version == 2
    assert complaints == ["Failed to load resource: the server responded with a status of 409 (Conflict)"]
    page.context.close()


def test_a_statement_is_looked_at_before_it_is_imported_and_its_words_stay_words(
    chromium: Browser, console: str
) -> None:
    page, complaints = opened(chromium, console, viewport={"width": 390, "height": 900}, base_url=console)
    page.goto("deposits/statement")
    page.set_input_files("#file", {"name": f"{XSS}.sta", "mimeType": "text/plain", "buffer": b"statement"})
    page.click("text=Show what is in it")
    assert XSS in page.inner_text("tbody tr")
    assert page.locator("main img").count() == 0
    page.click("text=Import this statement")
    page.wait_for_selector(".note.ok")
    assert complaints == []
    page.context.close()


def test_a_new_row_appears_by_itself_and_waits_where_somebody_points(
    chromium: Browser, console: str, engine: Store, script: Script
) -> None:
    page, complaints = opened(chromium, console, viewport={"width": 1280, "height": 900}, base_url=console)
    page.goto("payments")
    before = len(script.messages)
    page.wait_for_timeout(500)
    script.captured("61", 61_00)
    project(engine, script.messages[before:])
    page.wait_for_selector("text=61.00")
    page.hover("[data-live=payments] tbody tr")
    before = len(script.messages)
    script.captured("62", 62_00)
    project(engine, script.messages[before:])
    page.click("text=1 new")
    page.wait_for_selector("text=62.00")
    assert complaints == []
    page.context.close()
