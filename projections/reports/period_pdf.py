"""The period statement on paper: for each account what lay there, what moved, and what lies there now.

It shows that opening plus movements is closing, and names the difference where it is not.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, get_currency_precision

from projections.reports.for_people import known_locale
from projections.reports.questions import Answer, major_units

REPORT: Final = "period_statement"
_WORDS: Final[Mapping[str, str]] = {
    "opening": "Open before",
    "captured": "Settled payments",
    "refunded": "Refunds",
    "returned": "Returns",
    "charged_back": "Disputes",
    "fees": "Fees",
    "adjusted": "Adjustments",
    "rest": "Rests of deposits",
    "reserve": "Reserve",
    "deposited": "Paid out by the bank",
    "dismissed": "Other business at the bank",
    "closing": "On the way",
}
_ENDS: Final = ("opening", "closing")


def as_pdf(answer: Answer, as_of: datetime, locale_name: str) -> bytes:
    """Return the statement as a PDF of A4 pages, a page for each account.

    Shapes: answer is that of the report period_statement. Units: amounts in major units, by the locale.
    Raises: QueryRefused for a locale that nobody knows.
    """
    # Imported here: nothing else needs it.
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.lib.units import mm
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table

    locale = known_locale(locale_name)
    styles = getSampleStyleSheet()
    story: list[Any] = []
    for account, rows in _by_account(answer).items():
        month = format_date(date.fromisoformat(rows[0]["month"]), "LLLL y", locale=locale)
        known = format_datetime(as_of, "medium", locale=locale)
        if story:
            story.append(PageBreak())
        story += [
            Paragraph(_plain(f"Period statement, {month}"), styles["Title"]),
            Paragraph(_plain(f"{account}. As of {known} UTC."), styles["Normal"]),
            Spacer(0, 8 * mm),
            Table(_lines(rows, str(locale)), colWidths=(95 * mm, 25 * mm, 45 * mm), style=_LOOK, repeatRows=1),
            Spacer(0, 6 * mm),
            Paragraph(_plain(_proof(rows, str(locale))), styles["Normal"]),
        ]
    if not story:
        story = [Paragraph("Nothing moved in this month.", styles["Normal"])]
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=A4, title="Period statement", author="Saldo", invariant=True).build(story)
    return out.getvalue()


def _by_account(answer: Answer) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in answer.records:
        found.setdefault(row["settlement_account"], []).append(row)
    return found


def _lines(rows: Sequence[Mapping[str, Any]], locale: str) -> list[list[str]]:
    return [
        ["", "Entries", f"Amount in {rows[0]['currency']}"],
        *(
            [
                _plain(_WORDS.get(row["what"], row["what"].replace("_", " ").capitalize())),
                "" if row["what"] in _ENDS else str(row["entry_count"]),
                _amount(int(row["amount_minor"]), row["currency"], locale),
            ]
            for row in rows
        ),
    ]


def _proof(rows: Sequence[Mapping[str, Any]], locale: str) -> str:
    currency = rows[0]["currency"]
    minor = {name: sum(int(row["amount_minor"]) for row in rows if row["what"] == name) for name in _ENDS}
    moved = sum(int(row["amount_minor"]) for row in rows if row["what"] not in _ENDS)
    residual = minor["opening"] + moved - minor["closing"]
    terms = [_amount(one, currency, locale) for one in (minor["opening"], moved, minor["closing"], residual)]
    return f"Open before {terms[0]}, moved {terms[1]}, on the way {terms[2]}: difference {terms[3]}."


def _amount(minor: int, currency: str, locale: str) -> str:
    major = major_units(minor, currency)
    if major is None:
        return f"{minor} minor units"
    digits = get_currency_precision(currency)
    shown = format_decimal(Decimal(major), "#,##0" + ("." + "0" * digits if digits else ""), locale=locale)
    return _plain(str(shown))


def _plain(text: str) -> str:
    """Return text of the letters that the font of the page has; markup in it is none."""
    known = text.replace("\N{MINUS SIGN}", "-").replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")
    shown = known.encode("cp1252", "replace").decode("cp1252")
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_LOOK: Final = (
    ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 9),
    ("FONT", (0, 1), (-1, -1), "Helvetica", 10),
    ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
    ("LINEBELOW", (0, 0), (-1, 0), 0.8, "black"),
    ("LINEABOVE", (0, -1), (-1, -1), 0.8, "black"),
    ("FONT", (0, -1), (-1, -1), "Helvetica-Bold", 10),
)
