"""The workbench in a real browser: it fits every width, reads for everybody (axe), keeps its policy, and obeys keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from projections.serving.endpoint import endpoint_file, serve_endpoint
from projections.serving.settings import ProjectionSettings
from projections.store.client import Store
from tests.support.browser import CHROMIUM, MISSING, running_chromium
from tests.support.projecting import fill
from tests.support.workbench import SUBJECTS, CaughtUp, day

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
# Each page once: axe takes a second for each.
NARROW = ("", "waiting", *SUBJECTS[:4])
WIDE = ("deposits", "reports/waiting_money", "waiting/identification/3", *SUBJECTS[4:])
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture(scope="module")
def console(engine: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    fill(engine, day())
    data_dir: Path = tmp_path_factory.mktemp("console")
    settings = ProjectionSettings(clickhouse_dsn="chdb:///unused", bootstrap_servers="", data_dir=data_dir)
    with serve_endpoint(settings, engine, CaughtUp()):
        yield json.loads(endpoint_file(data_dir).read_text("utf-8"))["console"]


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
    page.wait_for_url("**/waiting/identification/4")
    assert page.inner_text("#h-decide").startswith("10.00")
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
