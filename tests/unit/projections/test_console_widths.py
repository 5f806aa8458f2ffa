"""In a real browser: nothing of the console runs off a page of 400, 900 or 1400 pixels, and no heading is cut."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import jinja2
import pytest

from projections.console.app import MOUNTED_AT, ROOT
from projections.console.grid import grid, money
from projections.reports import questions
from projections.reports.words import in_words

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTHS = (400, 900, 1400)
# The console's pages run no script, so each is shown in a frame of a page that measures it.
MEASURE = """
const wide = [];
for (const frame of document.querySelectorAll("iframe")) {
  const page = frame.contentDocument, width = frame.clientWidth;
  const off = [...page.querySelectorAll("td, th, dd, h1, input, button, label, nav a")].filter(
    (cell) => cell.offsetParent !== null && cell.getBoundingClientRect().right > width + 1);
  const beyond = page.scrollingElement.scrollWidth > width;
  const scrolls = [...page.querySelectorAll(".scroll")].some((box) => box.scrollWidth > box.clientWidth + 1);
  // A heading of one word stays on one line; where the table is too wide it stands before its cell.
  const cut = [...page.querySelectorAll("td")].filter((cell) => {
    const heading = frame.contentWindow.getComputedStyle(cell, "::before");
    return heading.content !== "none" && !cell.dataset.heading.includes(" ") && parseFloat(heading.height) > 30; });
  const narrow = [...page.querySelectorAll(".story p")].filter((text) => text.clientWidth < 250);
  const wrong = [...off, ...cut, ...narrow];
  if (wrong.length || beyond || scrolls) wide.push([frame.name, wrong.slice(0, 3).map((cell) => cell.textContent)]);
}
document.body.replaceChildren(JSON.stringify({frames: document.querySelectorAll("iframe").length, wide}));
"""


def answer(name: str) -> questions.Answer:
    """A report of long values in every column, as money and ids are at their longest."""
    sql = questions.load(name).sql
    columns = re.findall(r"(?:AS |^    |, )(\w+)(?=,?$)", sql[sql.rindex("SELECT") :], re.MULTILINE)
    columns = list(dict.fromkeys(["settlement_account", *columns, "currency"]))
    values = ["main/2026-11-28/f50a4ec142223af2 of a customer with a long name, and why it waits: nothing fits"]
    row = tuple(
        1_234_567_890_12 if column.endswith("_minor") else "USD" if column == "currency" else values[0]
        for column in columns
    )
    types = tuple("Int64" if column.endswith("_minor") else "String" for column in columns)
    return questions.Answer(tuple(columns), types, (row, row))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_no_table_runs_off_the_page(tmp_path: Path) -> None:
    css = (ROOT / "static" / "console.css").read_text("utf-8")
    pages = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT / "templates"), autoescape=True)
    pages.filters |= {"money": money, "in_words": in_words}
    frames = []
    for name in questions.report_names():
        content = {"title": name, "note": "", "answer": grid(answer(name), base=MOUNTED_AT)}
        page = pages.get_template("report.html").render(base=MOUNTED_AT, access_notice="nobody logs in", **content)
        page = re.sub(r"<link[^>]*>", f"<style>{css}</style>", page)
        frames += [
            f'<iframe name="{name} {width}" style="width:{width}px;border:0" srcdoc="{html.escape(page)}"></iframe>'
            for width in WIDTHS
        ]
    step = {
        "source_topic": "payments.observations.v1", "source_partition": 1, "source_offset": 123, "currency": "USD",
        "recorded_at": "2026-11-30T02:44:43.000000Z", "record_type": "TransactionObserved", "amount": "1502.13",
        "paytrace_transaction_id": "395970002", "amount_minor": 150213, "what": "Y/Pending Settlement",
        "caused_by": "payments.observations.v1/3/101",
    }  # fmt: skip
    story = {"title": "Payment 395970002", "steps": [step, step], "payment_id": "395970002"}
    listed = [{"name": name, "question": "?", "needed": questions.load(name).parameters, "problem": "bad"}
              for name in questions.report_names()]  # fmt: skip
    for template, content in (("payment.html", story), ("reports.html", {"title": "Reports", "listed": listed})):
        page = pages.get_template(template).render(base=MOUNTED_AT, access_notice="nobody logs in", **content)
        page = re.sub(r"<link[^>]*>", f"<style>{css}</style>", page)
        frames += [
            f'<iframe name="{template} {width}" style="width:{width}px;border:0" srcdoc="{html.escape(page)}"></iframe>'
            for width in WIDTHS
        ]
    script = f"<script>addEventListener('load', () => {{ {MEASURE} }})</script>"
    (tmp_path / "pages.html").write_text(f"<!doctype html><body>{''.join(frames)}{script}", "utf-8")
    assert CHROMIUM is not None
    shown = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=10000", "--dump-dom", f"file://{tmp_path / 'pages.html'}"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = json.loads(html.unescape(re.sub(r"<[^>]+>", "", shown.stdout[shown.stdout.index("<body") :])))
    assert found == {"frames": len(frames), "wide": []}
