"""`saldo waiting`: the money that waits, since when and why, and what is suggested for it."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer


class Format(StrEnum):
    """How the list is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Hang `waiting` below the root."""
    app.command()(waiting)


def waiting(
    customer: Annotated[str, typer.Option("--customer", help="Only this customer (abas number).")] = "",
    output_format: Annotated[Format, typer.Option("--format", "-f", help="How the list is written.")] = Format.TABLE,
) -> None:
    """List the money that waits, and what is suggested for it.

    Longest waiting first; each suggestion has the code that `saldo decide confirm` and `reject` take.
    """
    from projections import reports
    from streams.cli.asking import answer

    found = answer("waiting_with_candidates", abas_customer_id=customer)
    match output_format:
        case Format.CSV:
            sys.stdout.write(reports.as_csv(found))
        case Format.JSON:
            sys.stdout.write(reports.as_json(found))
        case Format.TABLE:
            show(found.records)


def show(rows: tuple[dict[str, Any], ...]) -> None:
    """A paragraph for each entry: what a person needs to decide does not fit a row."""
    if not rows:
        typer.echo("nothing waits")
    last = None
    for row in rows:
        entry = row["posting_reference"] or row["paytrace_transaction_id"] or f"({row['waits_in']})"
        if entry != last:
            typer.echo(("" if last is None else "\n") + "\n".join(_heading(entry, row)))
            last = entry
        if row["suggestion_number"]:
            typer.echo(_suggestion(row))


def _heading(entry: str, row: dict[str, Any]) -> list[str]:
    from projections.words import in_words

    customer = f"customer {row['abas_customer_id']}" if row["abas_customer_id"] else "customer not known"
    named = f", names {row['names_invoice']}" if row["names_invoice"] else ""
    is_refused = row["reason"] == "POSTING_REFUSED" and row["waits_in"] == "receivables"
    why = in_words(str(row["reason"]))
    # Nothing else in the list says what a person can do about it.
    remedy = [f"    mend the cause in abas, then: saldo decide post-again {entry} --why ..."] if is_refused else []
    return [
        f"{entry}  {row['signed']} {row['currency']}  {customer}{named}, since {str(row['waiting_since'])[:10]}",
        f"    {why}: {row['detail'] or 'no detail'}",
        *remedy,
    ]


def parts_of(row: dict[str, Any]) -> str:
    """What a suggestion gives to which invoice, e.g. RE-1 60.00 USD + RE-2 40.00 USD."""
    from schemas.money import Money

    return " + ".join(
        f"{invoice} {Money(int(minor), row['currency'])}"
        for invoice, minor in zip(row["invoice_numbers"], row["part_amounts"], strict=True)
    )


def _suggestion(row: dict[str, Any]) -> str:
    kind = f", {row['kind'].replace('_', ' ')}" if row["kind"] else ""
    evidence = "; ".join([*row["agrees"], *(f"but {difference}" for difference in row["differs"])])
    return f"    {row['suggestion_code']}  {parts_of(row)}   ({row['rule']}{kind}: {evidence})"
