"""The HTTP surface: files as the ECB publishes them, one JSON answer, and our own door below /_sandbox."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Days = dict[date, dict[str, str]]


class Faults(BaseModel):
    """What goes wrong; counts go down by one with each request that they hit, the rest stays until changed."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    unavailable: int = Field(default=0, ge=0)  # next n requests: 503
    retry_after: str = ""  # Retry-After of a 503
    late_days: int = Field(default=0, ge=0)  # the newest n days are not published yet
    missing_days: tuple[date, ...] = ()  # days that are not published at all
    malformed: bool = False  # the file breaks off in the middle
    wrong_base: str = ""  # the JSON answer names this base


class _Sandbox:
    """The rates by day and currency, units for one euro, as text."""

    def __init__(self) -> None:
        self.days: Days = {}
        self.faults = Faults()

    def published(self) -> Days:
        """Return what is published now, newest first."""
        newest_first = sorted(self.days, reverse=True)[self.faults.late_days :]
        return {day: self.days[day] for day in newest_first if day not in self.faults.missing_days}

    def answer(self, content: str | bytes, media_type: str) -> Response:
        """Return a file, or what the fault switches make of it."""
        if self.faults.unavailable:
            self.faults.unavailable -= 1
            headers = {"retry-after": self.faults.retry_after} if self.faults.retry_after else None
            return Response("busy", 503, headers=headers)
        whole = content.encode() if isinstance(content, str) else content
        return Response(whole[: len(whole) // 2] if self.faults.malformed else whole, media_type=media_type)


def create_app() -> Starlette:
    """Return the sandbox, without rates yet."""
    sandbox = _Sandbox()

    async def daily_xml(_: Request) -> Response:
        return sandbox.answer(_xml(dict(list(sandbox.published().items())[:1])), "text/xml")

    async def history_xml(_: Request) -> Response:
        return sandbox.answer(_xml(sandbox.published()), "text/xml")

    async def history_csv(_: Request) -> Response:
        return sandbox.answer(_csv(sandbox.published()), "text/csv")

    async def history_zip(_: Request) -> Response:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("eurofxref-hist.csv", _csv(sandbox.published()))
        return sandbox.answer(packed.getvalue(), "application/zip")

    async def latest_json(_: Request) -> Response:
        published = sandbox.published()
        day = next(iter(published), None)
        rates = published[day] if day else {}
        body = {"base": sandbox.faults.wrong_base or "EUR", "date": day.isoformat() if day else None}
        numbers = ", ".join(f"{json.dumps(currency)}: {rate}" for currency, rate in rates.items())
        return sandbox.answer(f'{json.dumps(body)[:-1]}, "rates": {{{numbers}}}}}', "application/json")

    async def rates(request: Request) -> Response:
        told: Mapping[str, Mapping[str, str]] = await request.json()
        for day, values in told.items():
            sandbox.days.setdefault(date.fromisoformat(day), {}).update(values)
        return JSONResponse({day.isoformat(): values for day, values in sandbox.days.items()})

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            changed: Mapping[str, Any] = await request.json()
            try:
                sandbox.faults = Faults(**{**sandbox.faults.model_dump(), **changed})
            except ValidationError as error:
                return JSONResponse({"error": str(error)}, 422)
        return JSONResponse(sandbox.faults.model_dump(mode="json"))

    return Starlette(
        routes=[
            Route("/ecb/eurofxref-daily.xml", daily_xml),
            Route("/ecb/eurofxref-hist.xml", history_xml),
            Route("/ecb/eurofxref-hist.csv", history_csv),
            Route("/ecb/eurofxref-hist.zip", history_zip),
            Route("/json/latest", latest_json),
            Route("/_sandbox/rates", rates, methods=["POST"]),
            Route("/_sandbox/faults", faults, methods=["GET", "POST"]),
        ]
    )


def _xml(days: Days) -> str:
    cubes = "".join(
        f'<Cube time="{day.isoformat()}">'
        + "".join(f'<Cube currency="{currency}" rate="{rate}"/>' for currency, rate in rates.items())
        + "</Cube>"
        for day, rates in days.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"'
        ' xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">'
        "<gesmes:subject>Reference rates</gesmes:subject>"
        f"<Cube>{cubes}</Cube></gesmes:Envelope>"
    )


def _csv(days: Days) -> str:
    currencies = sorted({currency for rates in days.values() for currency in rates})
    lines = [",".join(["Date", *currencies, ""])]
    for day, rates in days.items():
        lines.append(",".join([day.isoformat(), *(rates.get(currency, "N/A") for currency in currencies), ""]))
    return "\n".join(lines) + "\n"
