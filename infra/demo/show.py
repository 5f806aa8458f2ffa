"""What a person sees at the end of the demo: the day, what abas holds, what waits and why, and whether it closes.

Narrow tables, drawn from the same reports that `saldo report` answers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.output.terminal import cell
from app.settings.settings import Settings
from infra.demo.watch import PipelineStatus
from projections.reports import questions
from projections.reports.words import in_words
from projections.store.client import SqlReader
from schemas.values.counting import counted
from schemas.values.foreign_text import for_terminal
from schemas.values.money import Money, is_currency

BRIDGE = (
    ("captured", "captured", ""),
    ("- refunded", "refunded", ""),
    ("- voided", "voided", ""),
    ("- returned (ACH)", "returned", ""),
    ("- charged back", "charged_back", ""),
    ("= PayTrace holds", "net", "bold"),
    ("posted in abas", "posted", ""),
    ("+ waiting", "waiting", ""),
    ("+ parked", "parked", ""),
    ("residual", "residual", "bold"),
)

DEPOSITS = (
    ("opening", "opening"),
    ("+ captured", "captured"),
    ("- refunded", "refunded"),
    ("- returned (ACH)", "returned"),
    ("- charged back", "charged_back"),
    ("- fees", "fees"),
    ("- held in reserve", "reserve"),
    ("- what nothing explains", "rest"),
    ("- deposited by the bank", "deposited"),
    ("= closing, on its way", "closing"),
    ("residual", "residual"),
)
DAYS_SHOWN = 3
# Columns of words; those of amounts and counts stand on the right.
_LEFT = frozenset(
    {"", "account", "kind", "rail", "state", "where", "what", "currency", "entry", "invoices"}
    | {"document", "dispute", "stage", "outcome", "answer by"}
)
# Columns of the trial balance that are shown; what is not applied yet is why ledger and abas differ.
TRIAL = ("ledger", "abas", "unapplied", "residual")

DISPUTES = ("dispute", "stage", "outcome", "answer by", "disputed", "lost", "")
SUGGESTED = ("entry", "amount", "", "code", "invoices", "what")
SHOWN = 5


def show_day(console: Console, reader: SqlReader, settings: Settings) -> None:
    """Print the day from the projection."""

    def ask(name: str) -> tuple[dict[str, Any], ...]:
        report = questions.load(name)
        values = questions.values_for(report, {}, day_zone=settings.paytrace.time_zone, now=datetime.now(UTC))
        return questions.ask(reader, report, values).records

    states = _summed(ask("activity_by_day_method_and_state"), ("kind", "method", "state"), "payment_count", "amount")
    _print(console, "What became of the payments?", ("kind", "rail", "state", "count", "amount", ""), states)
    status = _summed(
        ask("posted_waiting_parked_and_for_how_long"), ("status", "place", "reason"), "item_count", "amount"
    )
    _print(console, "What is in abas, what waits and why?", ("", "where", "what", "count", "amount", ""), status)
    documents = _summed(
        ({**row, "document_count": 1} for row in ask("documents")), ("kind", "state"), "document_count", "amount"
    )
    documents = [(kind.replace("_", " "), *more) for kind, *more in documents]
    _print(console, "Which documents does abas have?", ("document", "state", "count", "amount", ""), documents)
    _print(console, "Where do disputes stand?", DISPUTES, map(_dispute, ask("disputes")))
    suggested = [row for row in ask("waiting_with_candidates") if row["suggestion_number"]]
    _print(console, "What is suggested to people? (the first few)", SUGGESTED, map(_suggested, suggested[:SHOWN]))
    for bridge in ask("bridge_by_currency"):
        _print_bridge(console, bridge)
    balance = [
        (
            str(row["role"]),
            *(_money(int(row[f"{name}_minor"]), str(row["currency"])) for name in TRIAL),
            str(row["currency"]),
        )
        for row in ask("trial_balance")
    ]
    headings = ("account", "our ledger", "abas", "waits", "residual", "")
    _print(console, "What do the accounts say? (trial balance)", headings, balance)


def show_deposits(console: Console, days: Sequence[Mapping[str, Any]]) -> None:
    """Print the latest days on which the bank paid out, newest last, and of each whether it is closed."""
    busy = [day for day in days if int(day["deposited_minor"])]
    latest = sorted(busy, key=lambda day: (str(day["day"]), str(day["settlement_account"])))[-DAYS_SHOWN:]
    if not latest:
        console.print("\n[yellow]No settled money has reached the deposit bridge.[/yellow]")
        return
    table = Table(title="\nWhat does the bank pay out?", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("")
    for day in latest:
        table.add_column(f"{day['day']}\n{for_terminal(str(day['settlement_account']))}", justify="right")
    for label, name in DEPOSITS:
        cells = [_money(int(day[f"{name}_minor"]), str(day["currency"])) for day in latest]
        is_sum = name in ("closing", "residual")
        table.add_row(label, *cells, style="bold" if is_sum else "", end_section=name in ("opening", "deposited"))
    table.add_row("the day is", *(str(day["status"]).lower() for day in latest), style="bold")
    console.print(table)


def show_audit(console: Console, status: PipelineStatus, wrong: Sequence[str]) -> None:
    """Print what the sandboxes' own books say, and what is wrong with the ledger's documents in them."""
    audit = status.audit
    if status.redated:
        what = counted(status.redated, "document")
        console.print(f"\n{what} of a closed month: posted in the next open one, with the value date of the money.")
    rows = [
        (currency, *(_money(minor, currency) for minor in amounts))
        for currency, residual in audit.residual_minor.items()
        for amounts in [
            (
                audit.paytrace_minor[currency],
                audit.abas_minor.get(currency, 0),
                audit.open_minor.get(currency, 0),
                residual,
            )
        ]
    ]
    headings = ("currency", "PayTrace", "abas", "waiting + parked", "residual")
    _print(console, "What do the books of both sides say?", headings, rows)
    for problem in (*audit.problems, *wrong):
        console.print("[red]problem:[/red]", cell(problem))


def _summed(records: Iterable[Mapping[str, Any]], by: Sequence[str], count: str, amount: str) -> list[tuple[str, ...]]:
    """Return rows by the named columns and currency, over all days."""
    counts: dict[tuple[str, ...], int] = defaultdict(int)
    minors: dict[tuple[str, ...], int] = defaultdict(int)
    for record in records:
        key = (*(_reported(record, name) for name in by), str(record["currency"]))
        counts[key] += int(record[count])
        minors[key] += int(record[f"{amount}_minor"])
    return [(*key[:-1], str(counts[key]), _money(minors[key], key[-1]), key[-1]) for key in sorted(counts)]


def _reported(record: Mapping[str, Any], name: str) -> str:
    return in_words(str(record[name])) if name == "reason" else str(record[name])


def _dispute(row: Mapping[str, Any]) -> tuple[str, ...]:
    currency = str(row["currency"])
    return (
        str(row["dispute_id"]),
        str(row["stage"]).replace("_", " ").lower(),
        str(row["outcome"] or "open"),
        str(row["deadline_on"] or ""),
        _money(int(row["disputed_minor"]), currency),
        _money(int(row["lost_minor"]), currency),
        currency,
    )


def _suggested(row: Mapping[str, Any]) -> tuple[str, ...]:
    kind = str(row["kind"]).replace("_", " ") or "the amount agrees"
    return (
        str(row["posting_reference"]),
        str(row["signed"]),
        str(row["currency"]),
        str(row["suggestion_code"]),
        ", ".join(row["invoice_numbers"]),
        kind,
    )


def _print_bridge(console: Console, bridge: Mapping[str, Any]) -> None:
    currency = str(bridge["currency"])
    table = Table(
        title=f"\nDoes the balance close? ({currency})", title_justify="left", box=SIMPLE_HEAD, show_header=False
    )
    table.add_column()
    table.add_column(justify="right")
    for label, name, style in BRIDGE:
        table.add_row(label, _money(int(bridge[f"{name}_minor"]), currency), style=style, end_section=name == "net")
    console.print(table)


def _print(console: Console, title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(title=f"\n{title}", title_justify="left", box=SIMPLE_HEAD)
    for heading in headings:
        left = heading in _LEFT
        table.add_column(heading, justify="left" if left else "right")
    for row in rows:
        table.add_row(*map(cell, row))
    console.print(table)


def _money(minor: int, currency: str) -> str:
    if not is_currency(currency):
        return f"{minor} minor units" if currency else ""
    return f"{Money(minor, currency).major:,}"
