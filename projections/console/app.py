"""The workbench: pages on which finance sees where the money is, decides what waits, and looks anything up.

For people of finance on the machine of the process that serves it. Every page is one or more reports, laid out on the
server; scripts only make it quick. The first visit comes with a token in the address, which becomes a cookie that the
browser sends nowhere else. Decisions go through `Decisions`, which the application gives; without one, pages only show.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from projections.console import deposits, language, lists, notes, shell, today, waiting
from projections.console.asking import Asking
from projections.console.bank import BankPages
from projections.console.command_pages import CommandPages
from projections.console.decisions import Decisions, Door, Person, Result, Upload
from projections.console.jobs import Jobs
from projections.console.language import N_, _, _n
from projections.console.live import Live
from projections.console.mapping import MappingPages
from projections.console.parked import ParkedPages
from projections.console.parts import MOUNTED_AT
from projections.console.report_pages import ReportPages
from projections.console.shown import day_month, initials, money
from projections.console.statement import HeldFiles, StatementPages
from projections.console.story import person
from projections.console.subjects import bank_line, customer, dispute, invoice, order, payment, subscription
from projections.console.subjects.page import Subject
from projections.console.waiting import Case
from projections.reports.words import in_words
from projections.store.client import SqlReader
from schemas.checks.attribution import reason_problem
from schemas.failures import Transient

ROOT = Path(__file__).parent
VIEWS_COOKIE = "saldo_views"
_A_YEAR_S: Final = 31_536_000
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
SEARCHED: Final = N_(
    "A PayTrace transaction id, an invoice number, an amount, the last four digits of a card, a posting reference, an "
    "abas customer, open item or document, a reference such as order:SO-4711, a bank line, deposit line, batch or "
    "batch number, a dispute, the place of a record (topic/partition/offset)."
)
# What a form may hold at most, with its file. Units: bytes.
LARGEST_FORM: Final = 16 * 2**20
# Outcomes that wait to be shown once, after the redirect that follows a decision.
_MOST_OUTCOMES: Final = 500
_AT_ONCE: Final = 4

Page = Callable[[Request], Awaitable[Response]]


class Workbench(BankPages, StatementPages, MappingPages, ReportPages, ParkedPages, CommandPages):
    """Asks the reports that a page needs, lays them out, and hands decisions on."""

    def __init__(
        self,
        reader: SqlReader,
        *,
        day_zone: str,
        access_notice: Callable[[], str],
        own_reports: Path | None = None,
        decisions: Decisions | None = None,
        door: Door,
    ) -> None:
        self._asking = Asking(reader, day_zone=day_zone, own_reports=own_reports)
        self._access_notice = access_notice
        self._decisions = decisions
        self.door = door
        self._outcomes: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        self._held = HeldFiles()
        self._jobs = Jobs()
        self._fields = {}
        self.live = Live(self._asking.position)
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(ROOT / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"_": _, "_n": _n}
        self._templates.filters |= {"money": money, "in_words": in_words, "initials": initials}

    # -- pages ---------------------------------------------------------------------------------------------------------

    def today(self, request: Request) -> Response:
        """Return where the money is, what needs people, alerts, deposits, and what came in."""
        return self._page(request, "today.html", "/", title=_("Today"), **today.page(self._asking))

    def waiting(self, request: Request) -> Response:
        """Return the list of what waits, and the first case of it beside it where there is room."""
        return self._waiting(request, None)

    def case(self, request: Request) -> Response:
        """Return one case beside the list; what does not wait any more says so."""
        place, reference = request.path_params["place"], request.path_params["reference"]
        case = waiting.find(self._asking, place, reference)
        if case is None:
            return self._gone(request, reference)
        return self._waiting(request, case, draft=request.query_params)

    def equal(self, request: Request) -> Response:
        """Return the preview of equal cases that one decision takes together."""
        found = waiting.equal_page(self._asking, request.query_params.get("key", ""))
        if found is None:
            return self._message(
                request, "/waiting", _("No such group any more"), _("These payments were decided, or differ now."), 404
            )
        return self._page(request, "equal.html", "/waiting", title=_("Equal payments"), problem="", **found)

    def payments(self, request: Request) -> Response:
        """Return the latest payments."""
        return self._page(request, "payments.html", "/payments", title=_("Payments"), **lists.payments(self._asking))

    def payment(self, request: Request) -> Response:
        """Return one payment's page."""
        return self._subject(request, payment.page, "payment_id")

    def invoice(self, request: Request) -> Response:
        """Return one invoice's page."""
        return self._subject(request, invoice.page, "number")

    def customer(self, request: Request) -> Response:
        """Return the page of one customer of abas."""
        return self._subject(request, customer.page, "number")

    def order(self, request: Request) -> Response:
        """Return the page of one order of a shop."""
        return self._subject(request, lambda asking, *parts: order.page(asking, "/".join(parts)), "shop", "order_id")

    def subscription(self, request: Request) -> Response:
        """Return one subscription's page."""
        return self._subject(
            request, lambda asking, *parts: subscription.page(asking, "/".join(parts)), "vault_customer", "name"
        )

    def dispute(self, request: Request) -> Response:
        """Return one dispute's page."""
        return self._subject(
            request, partial(dispute.page, account=request.query_params.get("account", "")), "dispute_id"
        )

    def bank_line_story(self, request: Request) -> Response:
        """Return what happened to one bank line."""
        return self._subject(
            request, partial(bank_line.page, account=request.query_params.get("account", "")), "bank_line_id"
        )

    def _subject(self, request: Request, page: Callable[..., Subject | None], *names: str) -> Response:
        """Return the page of what the address names; where nobody knows it, say so."""
        named = [str(request.path_params[name]) for name in names]
        found = page(self._asking, *named)
        if found is None:
            return self._message(
                request,
                "",
                _("Nobody knows %(name)s", name="/".join(named)),
                _("No record is about it. Try the search above."),
                404,
            )
        return self._page(request, "subject.html", found.here, title=f"{found.noun} {found.name}", s=found)

    def deposits(self, request: Request) -> Response:
        """Return a month of deposits."""
        query = request.query_params
        found = deposits.month_page(self._asking, query.get("month", ""), None, query.get("account", ""))
        return self._page(request, "deposits.html", "/deposits", title=_("Deposits"), **found)

    def deposit_day(self, request: Request) -> Response:
        """Return one day of deposits with its waterfall and bank lines."""
        try:
            day = date.fromisoformat(request.path_params["day"])
        except ValueError:
            return self._message(request, "/deposits", _("No such day"), _("A day is written 2026-11-24."), 404)
        found = deposits.month_page(self._asking, "", day, request.query_params.get("account", ""))
        return self._page(
            request, "deposits.html", "/deposits", title=_("Deposits of %(day)s", day=day_month(day)), **found
        )

    def disputes(self, request: Request) -> Response:
        """Return disputes by stage."""
        return self._page(request, "disputes.html", "/disputes", title=_("Disputes"), **lists.disputes(self._asking))

    def approvals(self, request: Request) -> Response:
        """Return what waits for a second person."""
        return self._page(
            request, "approvals.html", "/approvals", title=_("Approvals"), **lists.approvals(self._asking)
        )

    def alerts(self, request: Request) -> Response:
        """Return alerts by what became of them."""
        return self._page(request, "alerts.html", "/alerts", title=_("Alerts"), **lists.alerts(self._asking))

    def parked(self, request: Request) -> Response:
        """Return the parked records."""
        return self._page(request, "parked.html", "/parked", title=_("Parked records"), **lists.parked(self._asking))

    def search(self, request: Request) -> Response:
        """Return what an id, an amount or a card's last digits lead to; one payment alone is opened at once."""
        wanted = (request.query_params.get("q") or request.query_params.get("id") or "").strip()
        found = lists.search(self._asking, wanted)
        if (
            len({one["payment"] for one in found["found"]}) == 1
            and found["found"][0]["id"] == wanted
            and found["found"][0]["path"]
        ):
            return RedirectResponse(f"{MOUNTED_AT}{found['found'][0]['path']}", 303)
        status = 200 if found["found"] or not wanted else 404
        return self._page(request, "search.html", "", title=_("Search"), status=status, can_find=_(SEARCHED), **found)

    # -- decisions -----------------------------------------------------------------------------------------------------

    def decide(self, request: Request, form: Mapping[str, str]) -> Response:
        """Take a decision about one case: what the pressed button names, for the version that the person saw."""
        self._asking.fresh("waiting_with_candidates")
        place, reference = request.path_params["place"], request.path_params["reference"]
        case = waiting.find(self._asking, place, reference)
        if case is None:
            return self._gone(request, reference)
        action, _space, named = form.get("do", "").partition(" ")
        if action == "compute":
            return self._waiting(request, case, draft=form)
        if action in ("take", "hand-back", "comment"):
            return self._note(request, case, action, form)
        if form.get("seen") != case.seen:
            return self._waiting(request, case, draft=form, problem="moved", status=409)
        why = form.get("why", "").strip()
        if reason_problem(why):
            return self._waiting(request, case, draft=form, problem="why", status=422)
        asked = waiting.command_of(case, action, named, form, self._asking)
        if asked is None:
            return self._waiting(
                request, case, draft=form, problem="split" if action == "split" else "unknown", status=422
            )
        command, values, words = asked
        result = self._give(request, command, {**values, "why": why})
        if not result.is_taken:
            now = waiting.find(self._asking, place, reference)
            if now is None:
                return self._gone(request, reference, result)
            return self._waiting(request, now, draft=form, result=result, status=409)
        undo = ""
        if result.status == "done":
            undo = case.posting if action in ("confirm", "split", "on-account") else ""
            self._asking.note_decided(case.key, case.seen, words)
        said = self._keep(
            {"result": result, "words": words, "undo": undo, "amount": case.amount, "currency": case.currency}
        )
        return RedirectResponse(f"{MOUNTED_AT}/waiting?said={said}", 303)

    def _note(self, request: Request, case: Case, action: str, form: Mapping[str, str]) -> Response:
        """Say who looks after a case, or comment on it; neither needs the case to be as it was seen."""
        values = {"case": case.note_name}
        if action == "comment":
            name, values["why"] = "cases/comment", form.get("comment", "").strip()
            if reason_problem(values["why"]):
                return self._waiting(request, case, draft=form, problem="comment", status=422)
        else:
            name = "cases/assign"
            mine = action == "take"
            values |= {
                "assignee": self._person(request).name if mine else "-",
                "why": notes.TAKEN_ON if mine else notes.HANDED_BACK,
            }
        result = self._give(request, name, values)
        said = self._keep({"result": result, "words": "", "undo": "", "amount": "", "currency": ""})
        return RedirectResponse(f"{MOUNTED_AT}{case.path}?said={said}", 303)

    def keep_view(self, request: Request, form: Mapping[str, str]) -> Response:
        """Keep the list as it is filtered under a name, or forget the view of that name; in the browser's cookie."""
        query = waiting.kept_of(form) if form.get("do") == "keep" else {}
        kept = notes.with_view(
            notes.views_from(request.cookies.get(VIEWS_COOKIE, "")), form.get("name", "").strip(), query
        )
        response = RedirectResponse(f"{MOUNTED_AT}/waiting{'?' + urlencode(query) if query else ''}", 303)
        self._set_cookie(request, response, VIEWS_COOKIE, kept)
        return response

    def _set_cookie(self, request: Request, response: Response, name: str, value: str) -> None:
        is_secure = request.url.scheme == "https"
        response.set_cookie(name, value, max_age=_A_YEAR_S, path="/", httponly=True, samesite="lax", secure=is_secure)

    def choose_language(self, request: Request, form: Mapping[str, str]) -> Response:
        """Keep the language that a person chose, in the browser's cookie, and show the page again."""
        back = form.get("back", "")
        response = RedirectResponse(f"{MOUNTED_AT}{back if back.startswith('/') else '/'}", 303)
        self._set_cookie(request, response, language.COOKIE, form.get("language", ""))
        return response

    def decide_equal(self, request: Request, form: Mapping[str, str]) -> Response:
        """Take the chosen ones of equal cases, each for the version that was previewed."""
        why = form.get("why", "").strip()
        self._asking.fresh("waiting_with_candidates")
        chosen = [text.split(" ") for text in form.get("cases", "").split("\n") if text.count(" ") == 2]
        found = waiting.equal_page(self._asking, form.get("key", ""))
        if reason_problem(why) or not chosen:
            if found is None:
                return self._gone(request, _("these payments"))
            problem = (
                _("Choose at least one payment.")
                if not chosen
                else _("Say in a few words why. An auditor will read it.")
            )
            return self._page(
                request, "equal.html", "/waiting", title=_("Equal payments"), status=422, problem=problem, **found
            )

        now = {case.reference: case for case in waiting.cases_of(self._asking)}

        def one(chosen: list[str]) -> Result:
            reference, code, seen = chosen
            case = now.get(reference)
            if case is None or case.seen != seen:
                return Result(
                    "refused", (_("%(what)s is not as it was when you looked; it was not sent.", what=reference),)
                )
            result = self._give(request, "decide/confirm", {"reference": reference, "code": code, "why": why})
            if result.status == "done":
                self._asking.note_decided(
                    case.key, case.seen, _("goes to %(invoice)s", invoice=case.candidates[0].name)
                )
            return result

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            # Each in a copy of this context, so that it speaks the reader's language.
            taken = [pool.submit(copy_context().run, one, each) for each in chosen]
            results = [each.result() for each in taken]
        rows = [{"reference": row[0], "result": result} for row, result in zip(chosen, results, strict=True)]
        return self._page(request, "equal_done.html", "/waiting", title=_("Equal payments decided"), rows=rows,
                          taken=sum(result.is_taken for result in results))  # fmt: skip

    def undo(self, request: Request, form: Mapping[str, str]) -> Response:
        """Take the last decision about an entry back; abas gets a reversal if it holds the document by now."""
        values = {"reference": form.get("reference", ""), "why": "taken back right after it was decided"}
        result = self._give(request, "decide/unmatch", values)
        self._asking.note_undone(values["reference"])
        said = self._keep(
            {
                "result": result,
                "words": _("Taken back; it waits again") if result.is_taken else _("It was not taken back"),
                "undo": "",
                "amount": "",
                "currency": "",
            }
        )
        return RedirectResponse(f"{MOUNTED_AT}/waiting?said={said}", 303)

    def answer(self, request: Request, form: Mapping[str, str]) -> Response:
        """Give a command of the other lists: take on or close an alert, approve or reject, replay or discard."""
        here = f"/{request.path_params['list']}"
        known = _COMMANDS.get((here, form.get("do", "")))
        if known is None:
            return self._message(request, here, _("Nothing was sent"), _("This page does not know that decision."), 404)
        command, names = known
        values = {name: form.get(name, "") for name in names}
        result = self._give(request, command, {**values, "why": form.get("why", "").strip()})
        return self._said(here, result)

    def _give(self, request: Request, command: str, values: Mapping[str, Any]) -> Result:
        if self._decisions is None:
            return Result("refused", (_("Decisions can't be taken here; `saldo decide` takes them."),))
        result = self._decisions.give(request, command, values)
        self._asking.forget()
        return result

    def _look(self, request: Request, command: str, values: Mapping[str, Any] | None = None) -> Result:
        if self._decisions is None:
            return Result("refused", (_("Commands can't be given here; the terminal has them."),))
        return self._decisions.give(request, command, values or {})

    def _to(self, path: str) -> Response:
        return RedirectResponse(f"{MOUNTED_AT}{path}", 303)

    def _said(self, path: str, result: Result, words: str = "") -> Response:
        said = self._keep({"result": result, "words": words, "undo": "", "amount": "", "currency": ""})
        return RedirectResponse(f"{MOUNTED_AT}{path}{'&' if '?' in path else '?'}said={said}", 303)

    def _person(self, request: Request) -> Person:
        return self._decisions.person(request) if self._decisions else _nobody()

    def _keep(self, outcome: Mapping[str, Any]) -> str:
        said = secrets.token_urlsafe(9)
        self._outcomes[said] = outcome
        while len(self._outcomes) > _MOST_OUTCOMES:
            self._outcomes.popitem(last=False)
        return said

    def away(self, request: Request) -> Response:
        """Say that the figures can't be read now."""
        page = self._templates.get_template("message.html").render(
            base=MOUNTED_AT,
            language=language.current(),
            languages={code: name for code, (name, _locale) in language.LANGUAGES.items()},
            here="",
            nav=shell.menu_without_counts(),
            person=_nobody(),
            can_decide=False,
            form_token="",
            said=None,
            access_notice="",
            title=_("The figures can't be read now"),
            message=_(
                "The read side does not answer. No money is affected: records go on being kept. Try again in a "
                "moment; `saldo status` says what stands still."
            ),
        )
        return HTMLResponse(page, 503, {"Retry-After": "5"})

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _waiting(
        self,
        request: Request,
        case: Case | None,
        *,
        draft: Mapping[str, str] | None = None,
        problem: str = "",
        result: Result | None = None,
        status: int = 200,
    ) -> Response:
        is_open = case is not None
        views = notes.views_from(request.cookies.get(VIEWS_COOKIE, ""))
        listed = waiting.list_of(
            self._asking, request.query_params, case, me=self._person(request).name, kept_views=views
        )
        if case is None and listed["first"] is not None:
            case = listed["first"]
        shown = waiting.case_page(self._asking, case, draft) if case else None
        title = _("%(amount)s waits", amount=f"{case.amount} {case.currency}") if is_open and case else _("Waiting")
        return self._page(
            request, "waiting.html", "/waiting", title=title, status=status, list=listed, shown=shown, is_open=is_open,
            problem=problem, refused=result,
        )  # fmt: skip

    def _gone(self, request: Request, what: str, result: Result | None = None) -> Response:
        lines = " ".join(result.lines) if result else ""
        text = lines if result else _("Nothing was sent.")
        title = _("%(what)s does not wait any more", what=what)
        decided = self._asking.rows("decisions_about", id=what)
        if decided:
            last = decided[-1]
            text = _(
                "%(who)s decided it: “%(why)s” Your choice was not sent.",
                who=person(last["decided_by"]),
                why=last["reason"],
            )
        return self._message(request, "/waiting", title, text.strip(), 409)

    def _message(self, request: Request, here: str, title: str, message: str, status: int) -> Response:
        return self._page(request, "message.html", here, title=title, message=message, status=status)

    def _page(self, request: Request, template: str, here: str, *, status: int = 200, **content: Any) -> Response:
        person = self._person(request)
        page = self._templates.get_template(template).render(
            base=MOUNTED_AT,
            language=language.current(),
            languages={code: name for code, (name, _locale) in language.LANGUAGES.items()},
            here=here,
            nav=shell.menu_of(self._asking, person),
            person=person,
            can_decide=person.may_decide,
            form_token=self.door.form_token(request),
            said=self._outcomes.get(request.query_params.get("said", "")),
            access_notice=self._access_notice(),
            **content,
        )
        return HTMLResponse(page, status)


# What the lists offer: page and button, the command as the terminal calls it, and the fields that the form brings.
_COMMANDS: Mapping[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("/alerts", "acknowledge"): ("alerts/acknowledge", ("alert_id",)),
    ("/alerts", "close"): ("alerts/close", ("alert_id",)),
    ("/approvals", "approve"): ("approvals/approve", ("proposal_id",)),
    ("/approvals", "reject"): ("approvals/reject", ("proposal_id",)),
    ("/parked", "replay"): ("dlq/replay", ("inbox", "partition", "offset")),
    ("/parked", "discard"): ("dlq/discard", ("inbox", "partition", "offset")),
}


def console_app(
    reader: SqlReader,
    door: Door,
    *,
    day_zone: str,
    access_notice: Callable[[], str] = str,
    own_reports: Path | None = None,
    decisions: Decisions | None = None,
) -> Starlette:
    """Return the workbench, to be mounted at MOUNTED_AT; door lets people in.

    access_notice is what the person's menu says of how people are known here, asked anew each time; empty says nothing.
    own_reports is the user's folder of reports. decisions takes what people decide; without one, pages only show.
    """
    bench = Workbench(
        reader,
        day_zone=day_zone,
        access_notice=access_notice,
        own_reports=own_reports,
        decisions=decisions,
        door=door,
    )
    pages: list[tuple[str, Callable[[Request], Response]]] = [
        ("/", bench.today),
        ("/waiting", bench.waiting),
        ("/waiting/equal", bench.equal),
        ("/waiting/{place}/{reference:path}", bench.case),
        ("/payments", bench.payments),
        ("/payments/{payment_id:path}", bench.payment),
        ("/invoices/{number:path}", bench.invoice),
        ("/customers/{number:path}", bench.customer),
        ("/orders/{shop}/{order_id:path}", bench.order),
        ("/subscriptions/{vault_customer:path}/{name}", bench.subscription),
        ("/disputes/{dispute_id:path}", bench.dispute),
        ("/bank-lines/{bank_line_id:path}", bench.bank_line_story),
        ("/deposits", bench.deposits),
        ("/deposits/line", bench.bank_line),
        ("/deposits/statement", bench.statement),
        ("/deposits/{day}", bench.deposit_day),
        ("/disputes", bench.disputes),
        ("/approvals", bench.approvals),
        ("/alerts", bench.alerts),
        ("/parked", bench.parked),
        ("/parked/record", bench.parked_record),
        ("/reports", bench.reports),
        ("/reports/{name}", bench.report),
        ("/search", bench.search),
        ("/commands", bench.commands),
        ("/commands/{group}/{name}", bench.command),
        ("/mapping", bench.mapping),
        ("/mapping/trial", bench.mapping_trial),
        ("/mapping/draft", bench.mapping_draft),
        ("/mapping/versions/{number}", bench.mapping_version),
        ("/mapping/proposals/{proposal}", bench.mapping_proposal),
        ("/mapping/jobs/{job}", bench.mapping_job),
    ]
    posts: list[tuple[str, Callable[[Request, Mapping[str, Any]], Response]]] = [
        ("/waiting/equal", bench.decide_equal),
        ("/waiting/undo", bench.undo),
        ("/waiting/views", bench.keep_view),
        ("/language", bench.choose_language),
        ("/waiting/{place}/{reference:path}", bench.decide),
        ("/deposits/line", bench.decide_bank_line),
        ("/deposits/statement", bench.upload_statement),
        ("/commands/{group}/{name}", bench.give_command),
        ("/parked/chosen", bench.decide_parked),
        ("/parked/resume", bench.resume_partition),
        ("/mapping/draft", bench.change_mapping),
        ("/mapping/proposals/{proposal}", bench.decide_mapping),
        ("/{list:str}", bench.answer),
    ]
    return Starlette(
        routes=[
            *(Route(path, _in_thread(bench, page)) for path, page in pages),
            *(Route(path, _posted(bench, take), methods=["POST"]) for path, take in posts),
            Route("/live", bench.live.answer),
            Mount("/static", StaticFiles(directory=ROOT / "static")),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_with_headers(door))],
    )


def _nobody() -> Person:
    """Return who asks where nobody logs in."""
    return Person(_("this machine"), _("reads only"), may_decide=False)


def _in_thread(bench: Workbench, page: Callable[[Request], Response]) -> Page:
    def shown(request: Request) -> Response:
        with language.of_request(request):
            try:
                return page(request)
            except Transient:
                return bench.away(request)

    async def answer(request: Request) -> Response:
        return await run_in_threadpool(shown, request)

    return answer


def _posted(bench: Workbench, take: Callable[[Request, Mapping[str, str]], Response]) -> Page:
    async def answer(request: Request) -> Response:
        try:
            values = await _values_of(request)
        except FormTooLarge:
            with language.of_request(request):
                most = LARGEST_FORM // 2**20
                return PlainTextResponse(_("A form has at most %(n)s MiB. Nothing was sent.", n=most), 413)
        if not bench.door.proves(request, values.get("form_token", "")):
            with language.of_request(request):
                return PlainTextResponse(
                    _("This form is not of this browser or too old; open the page again. Nothing was sent."), 403
                )

        def taken() -> Response:
            with language.of_request(request):
                return take(request, values)

        return await run_in_threadpool(taken)

    return answer


class FormTooLarge(Exception):
    """A form that is larger than this workbench reads, or does not say how large it is."""


async def _values_of(request: Request) -> dict[str, Any]:
    """Return what a form brought: several boxes of one name are one text of lines, a file is an Upload.

    Raises: FormTooLarge before anything of it is read.
    """
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not length.isdigit() or int(length) > LARGEST_FORM:
        raise FormTooLarge
    values: dict[str, Any] = {}
    async with request.form(max_files=1, max_fields=10_000) as form:
        for name in form:
            texts = [value for value in form.getlist(name) if isinstance(value, str)]
            values[name] = "\n".join(texts)
            for file in (value for value in form.getlist(name) if isinstance(value, UploadFile)):
                values[name] = Upload((file.filename or "file")[:200], await file.read())
    return values


class TokenDoor:
    """Lets in whoever brings the token once, in the address; a cookie stands for it from then on."""

    def __init__(self, token: str) -> None:
        self._token = token
        # Named by the token, because cookies of one host are shared by all its ports.
        self._cookie = f"saldo_{hashlib.sha256(token.encode()).hexdigest()[:12]}"
        self._form_token = hmac.new(token.encode(), b"forms", "sha256").hexdigest()

    async def admit(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Let through who has the cookie, and change the token for it."""
        if hmac.compare_digest(request.query_params.get("token", "").encode(), self._token.encode()):
            clean = request.url.remove_query_params("token")
            response: Response = RedirectResponse(f"{clean.path}?{clean.query}".rstrip("?"), 303)
            response.set_cookie(self._cookie, self._token, path=MOUNTED_AT, httponly=True, samesite="strict")
            return response
        if hmac.compare_digest(request.cookies.get(self._cookie, "").encode(), self._token.encode()):
            return await call_next(request)
        with language.of_request(request):
            return PlainTextResponse(_("Open the workbench by the address in projector.json (`console`)."), 401)

    def form_token(self, request: Request) -> str:
        """Return what only pages know that the cookie opened."""
        return self._form_token

    def proves(self, request: Request, given: str) -> bool:
        """Return whether it comes from our own origin with our own token."""
        origin = request.headers.get("origin")
        is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
        return is_ours and hmac.compare_digest(given.encode(), self._form_token.encode())


def _with_headers(door: Door) -> Callable[[Request, RequestResponseEndpoint], Awaitable[Response]]:
    async def admit(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await door.admit(request, call_next)
        response.headers.update(HEADERS)
        return response

    return admit
