"""Pages of the console: does the bridge close, what waits and why, what is parked, one payment's whole story.

For finance and operators on the machine of the projector. Every page is one or more reports; there is no script, and
the content policy allows none. The first visit comes with the token of projector.json in the address, which becomes a
cookie that the browser sends nowhere else.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from projections.console.grid import UNITS, grid, money
from projections.reports import questions
from projections.reports.words import in_words
from projections.store.client import SqlReader
from projections.store.errors import QueryRefused

ROOT = Path(__file__).parent
MOUNTED_AT = "/console"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

SEARCHED = (
    "a PayTrace transaction id, an invoice number, a posting reference, an abas customer, open item or document, a "
    "reference such as order:SO-4711, a bank line, deposit line, batch or batch number, a dispute, the place of a "
    "record (topic/partition/offset, as `saldo dlq list` shows them)"
)

Page = Callable[[Request], Awaitable[Response]]


class Console:
    """Asks the reports that a page needs and lays them out."""

    def __init__(
        self, reader: SqlReader, *, day_zone: str, access_notice: Callable[[], str], own_reports: Path | None = None
    ) -> None:
        self._reader = reader
        self._own_reports = own_reports
        self._access_notice = access_notice
        self._day_zone = day_zone
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(ROOT / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
        )
        self._templates.filters["money"] = money
        self._templates.filters["in_words"] = in_words

    def overview(self, _request: Request) -> Response:
        """Return the bridge in each currency, what is posted, waiting and parked, and the latest days."""
        return self._page(
            "overview.html",
            title="Overview",
            currencies=[_with_shares(row) for row in self._ask("bridge_by_currency").records],
            places=grid(self._ask("posted_waiting_parked_and_for_how_long"), base=MOUNTED_AT),
            unbalanced=grid(self._ask("payments_that_do_not_balance"), base=MOUNTED_AT),
            activity=grid(self._ask("activity_by_day_method_and_state"), base=MOUNTED_AT),
        )

    def all_reports(self, _request: Request) -> Response:
        """Return every report there is, the user's own among them, with what it needs."""
        listed = [self._listed(name) for name in questions.report_names(self._own_reports)]
        listed += [
            {"name": place, "question": "", "needed": (), "problem": why}
            for place, why in questions.not_asked(self._own_reports).items()
        ]
        return self._page("reports.html", title="Reports", listed=listed)

    def report(self, request: Request) -> Response:
        """Return one report as a table; its parameters stand in the address."""
        name = str(request.path_params["name"])
        try:
            report = questions.load(name, self._own_reports)
            answer = self._ask(name, **request.query_params)
        except LookupError as error:
            return self._page("message.html", status=404, title="No such report", message=str(error))
        except QueryRefused as error:
            return self._page("message.html", status=400, title="It can't be answered", message=str(error))
        return self._page(
            "report.html", title=report.question, note=report.description, answer=grid(answer, base=MOUNTED_AT)
        )

    def search(self, request: Request) -> Response:
        """Return what an id of any kind leads to.

        A payment's story, else everything of that id with why it is where it is.
        """
        wanted = request.query_params.get("id", "").strip()
        if not wanted:
            return self._page("message.html", title="Which id?", message=f"Give one above: {SEARCHED}.")
        story = self._ask("story_of_one_payment", paytrace_transaction_id=wanted)
        if story.rows:
            return self._page("payment.html", title=f"Payment {wanted}", steps=story.records, payment_id=wanted)
        found = self._ask("search", id=wanted)
        if not found.rows:
            message = f"No record is about {wanted!r}. Known are: {SEARCHED}."
            return self._page("message.html", status=404, title="Nobody knows it", message=message)
        steps = self._ask("explain", id=wanted)
        return self._page(
            "found.html",
            title=f"Found under {wanted}",
            found=grid(found, base=MOUNTED_AT),
            steps=grid(steps, base=MOUNTED_AT),
        )

    def _listed(self, name: str) -> dict[str, Any]:
        """Return a report for the list: its question and needed parameters, or what is wrong with its file."""
        try:
            report = questions.load(name, self._own_reports)
        except QueryRefused as error:
            return {"name": name, "question": "", "needed": (), "problem": str(error)}
        needed = tuple(parameter for parameter in report.parameters if parameter.default is None)
        return {"name": name, "question": report.question, "needed": needed, "problem": ""}

    def _ask(self, name: str, **given: str) -> questions.Answer:
        report = questions.load(name, self._own_reports)
        values = questions.values_for(report, given, day_zone=self._day_zone, now=datetime.now(UTC))
        return questions.ask(self._reader, report, values)

    def _page(self, template: str, *, status: int = 200, **content: Any) -> Response:
        page = self._templates.get_template(template).render(
            base=MOUNTED_AT, access_notice=self._access_notice(), **content
        )
        return HTMLResponse(page, status)


def console_app(
    reader: SqlReader,
    token: str,
    *,
    day_zone: str,
    access_notice: Callable[[], str] = str,
    own_reports: Path | None = None,
) -> Starlette:
    """Return the console, to be mounted at MOUNTED_AT; every page but the style sheet needs the token once.

    access_notice is what every page says of how people are known here, asked anew for each; empty says nothing.
    own_reports is the user's folder of reports.
    """
    console = Console(reader, day_zone=day_zone, access_notice=access_notice, own_reports=own_reports)
    return Starlette(
        routes=[
            Route("/", _in_thread(console.overview)),
            Route("/reports", _in_thread(console.all_reports)),
            Route("/reports/{name}", _in_thread(console.report)),
            Route("/payment", _in_thread(console.search)),
            Route("/search", _in_thread(console.search)),
            Mount("/static", StaticFiles(directory=ROOT / "static")),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_admit_with(token))],
    )


def _in_thread(page: Callable[[Request], Response]) -> Page:
    async def answer(request: Request) -> Response:
        return await run_in_threadpool(page, request)

    return answer


def _admit_with(token: str) -> Callable[[Request, RequestResponseEndpoint], Awaitable[Response]]:
    # Named by the token, because cookies of one host are shared by all its ports.
    cookie = f"saldo_{hashlib.sha256(token.encode()).hexdigest()[:12]}"

    async def admit(request: Request, call_next: RequestResponseEndpoint) -> Response:
        if hmac.compare_digest(request.query_params.get("token", "").encode(), token.encode()):
            clean = request.url.remove_query_params("token")
            response: Response = RedirectResponse(f"{clean.path}?{clean.query}".rstrip("?"), 303)
            response.set_cookie(cookie, token, path=MOUNTED_AT, httponly=True, samesite="strict")
        elif hmac.compare_digest(request.cookies.get(cookie, "").encode(), token.encode()):
            response = await call_next(request)
        else:
            response = PlainTextResponse("Open the console by the address in projector.json (`console`).", 401)
        response.headers.update(HEADERS)
        return response

    return admit


def _with_shares(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with the widths of its bar: each part of the money by its size. Units.

    Thousandths of the whole.
    """
    parts = ("posted", "waiting", "parked", "residual")
    sizes = {part: abs(int(row[f"{part}_minor"])) for part in parts}
    whole = sum(sizes.values())
    left, bar = 0, []
    for part in parts:
        width = round(1000 * sizes[part] / whole) if whole else 0
        bar.append({"part": part, "left": left, "width": width})
        left += width
    unknown = {
        name: f"{row[f'{name}_minor']}{UNITS}"
        for name, major in row.items()
        if major is None and f"{name}_minor" in row
    }
    return {**row, **unknown, "bar": bar, "closes": row["residual_minor"] == 0}
