"""What a person sees at the end of the demo: the day, what abas holds, what waits and why, and whether it closes."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from projections import reports
from projections.client import SqlReader
from schemas.money import Money
from streams.demo.audit import Audit
from streams.settings import Settings

SHOWN = (
    "activity_by_day_method_and_state",
    "posted_waiting_parked_and_for_how_long",
    "bridge_by_currency",
)


def show_day(console: Console, reader: SqlReader, settings: Settings) -> None:
    """Print the reports of the day."""
    for name in SHOWN:
        report = reports.load(name)
        values = reports.values_for(report, {}, day_zone=settings.paytrace.time_zone, now=datetime.now(UTC))
        console.print(reports.as_table(reports.ask(reader, report, values), title=f"\n{report.question}"))


def show_audit(console: Console, audit: Audit) -> None:
    """Print what the sandboxes' own books say."""
    table = Table(title="\nWhat do the books of both sides say?", title_justify="left")
    for heading in ("currency", "PayTrace", "abas", "waiting + parked", "residual"):
        table.add_column(heading, justify="left" if heading == "currency" else "right")
    for currency, residual in audit.residual_minor.items():
        amounts = (audit.paytrace_minor[currency], audit.abas_minor.get(currency, 0), audit.open_minor.get(currency, 0))
        table.add_row(currency, *(f"{Money(minor, currency).major:,}" for minor in (*amounts, residual)))
    console.print(table)
    for problem in audit.problems:
        console.print(f"[red]problem:[/red] {problem}")
