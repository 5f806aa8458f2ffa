"""Reports in the browser: parameters, as of when, for which days, and the answer as a table or a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from projections.console.grid import grid
from projections.console.language import N_, _, whole
from projections.console.parts import MOUNTED_AT, Parts
from projections.reports import for_people, period_pdf, questions
from projections.reports.days import Days, days_of, instant_of
from projections.store.errors import QueryRefused

HERE: Final = "/reports"
EXPORTS: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "pdf": "application/pdf",
}
# What may stand in the address of a report beside its own parameters.
_OURS: Final = ("as", "locale", "as_of", "from", "to")
_LOCALES: Final = (("", N_("for programs")), ("en_US", N_("English")), ("de_DE", N_("German")))


class ReportPages(Parts):
    """The list of reports, and one report."""

    def reports(self, request: Request) -> Response:
        """Return every report there is, the user's own among them, with what it needs."""
        own = self._asking.own_reports
        listed = [self._listed(name) for name in questions.report_names(own)]
        listed += [
            {"name": place, "question": "", "needed": (), "problem": why}
            for place, why in questions.not_asked(own).items()
        ]
        return self._page(request, "reports.html", HERE, title=_("Reports"), listed=listed)

    def report(self, request: Request) -> Response:
        """Return one report as a table, or as a file; its parameters stand in the address."""
        name, query = str(request.path_params["name"]), request.query_params
        try:
            report = questions.load(name, self._asking.own_reports)
            own = {one.name for one in report.parameters}
            ours = {key: query[key] for key in _OURS if key not in own and query.get(key)}
            given = {key: value for key, value in query.items() if key in own or key not in _OURS}
            as_of, days = self._moment(ours)
            missing = [one.name for one in report.parameters if one.default is None and not given.get(one.name)]
            answer = None if missing else self._asking.answer(name, given, as_of=as_of, days=days)
            if answer is not None and (wanted := ours.get("as")):
                return self._exported(report, answer, wanted, given, ours, as_of, days)
        except LookupError as error:
            return self._message(request, HERE, _("No such report"), str(error), 404)
        except QueryRefused as error:
            return self._message(request, HERE, _("It can't be answered"), str(error), 400)
        asked = urlencode({**given, **{key: value for key, value in ours.items() if key not in ("as", "locale")}})
        kinds = [kind for kind in EXPORTS if kind != "pdf" or name == period_pdf.REPORT]
        return self._page(
            request,
            "report.html",
            HERE,
            title=report.question,
            note=report.description,
            name=name,
            fields=_fields(report, given),
            period=report.period_meaning,
            as_of=ours.get("as_of", ""),
            first_day=ours.get("from", ""),
            last_day=ours.get("to", ""),
            exports=[{"name": kind.upper(), "query": f"?{asked}{'&' if asked else ''}as={kind}"} for kind in kinds],
            hidden=[*given.items(), *((key, ours[key]) for key in ("as_of", "from", "to") if key in ours)],
            locales=[(code, _(words)) for code, words in _LOCALES],
            status=400 if answer is None else 200,
            answer=None if answer is None else grid(answer, base=MOUNTED_AT),
            count="" if answer is None else whole(len(answer.rows)),
        )

    def _moment(self, ours: Mapping[str, str]) -> tuple[datetime | None, Days | None]:
        """Return as of when and for which days somebody asks. Raises: QueryRefused."""
        zone = self._asking.day_zone
        text = ours.get("as_of")
        as_of = None if text is None else instant_of(text, zone=zone, now=self._asking.now())
        return as_of, days_of(None, ours.get("from"), ours.get("to"), zone=zone)

    def _listed(self, name: str) -> dict[str, Any]:
        """Return a report for the list: its question and needed parameters, or what is wrong with its file."""
        try:
            report = questions.load(name, self._asking.own_reports)
        except QueryRefused as error:
            return {"name": name, "question": "", "needed": (), "problem": str(error)}
        needed = tuple(parameter for parameter in report.parameters if parameter.default is None)
        return {"name": name, "question": report.question, "needed": needed, "problem": ""}

    def _exported(
        self,
        report: questions.Report,
        answer: questions.Answer,
        wanted: str,
        given: Mapping[str, str],
        ours: Mapping[str, str],
        as_of: datetime | None,
        days: Days | None,
    ) -> Response:
        """Return a report as a file. Raises: QueryRefused for a form or locale that nobody knows."""
        known = as_of or self._asking.now()
        about = {
            "question": report.question,
            "answer": report.description,
            "as of (UTC)": f"{known:%Y-%m-%d %H:%M:%S}",
            "period": f"{days}, {report.period_meaning}" if days else "all",
            **{f"parameter {name}": value for name, value in given.items()},
        }
        locale = ours.get("locale", "")
        match wanted:
            case "csv":
                content = for_people.as_local_csv(answer, locale) if locale else questions.as_csv(answer).encode()
            case "xlsx":
                content = for_people.as_workbook(answer, title=report.name, about=about)
            case "parquet":
                content = self._asking.parquet(report.name, given, as_of=as_of, days=days)
            case "json":
                content = questions.as_json(answer).encode()
            case "pdf" if report.name == period_pdf.REPORT:
                content = period_pdf.as_pdf(answer, known, locale or "en_GB")
            case _:
                raise QueryRefused(
                    f"{wanted[:20]!r} is no form of a file here; there are {', '.join(EXPORTS)}", code="FORMAT"
                )
        file = f"{report.name}-{datetime.now(UTC):%Y-%m-%d}.{wanted}"
        headers = {"Content-Disposition": f'attachment; filename="{file}"'}
        return Response(content, media_type=EXPORTS[wanted], headers=headers)


def _fields(report: questions.Report, given: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "label": one.name.replace("_", " "),
            "meaning": one.meaning,
            "value": given.get(one.name, ""),
            "is_needed": one.default is None,
            "is_day": one.type == "Date",
        }
        for one in report.parameters
        if one.default not in ("day_zone", "now")
    ]
