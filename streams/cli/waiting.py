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

    Longest waiting first; the options are numbered as `saldo decide confirm` takes them.
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
        entry = row["posting_reference"] or row["paytrace_transaction_id"]
        if entry != last:
            typer.echo(("" if last is None else "\n") + "\n".join(_heading(entry, row)))
            last = entry
        if row["option_number"]:
            typer.echo(_option(row))


def _heading(entry: str, row: dict[str, Any]) -> list[str]:
    from projections.words import in_words
    from schemas.money import shown

    customer = f"customer {row['abas_customer_id']}" if row["abas_customer_id"] else "customer not known"
    named = f", names {row['names_invoice']}" if row["names_invoice"] else ""
    is_refused = row["reason"] == "POSTING_REFUSED" and row["waits_in"] == "receivables"
    why = in_words(str(row["reason"]))
    # Nothing else in the list says what a person can do about it.
    remedy = [f"    mend the cause in abas, then: saldo decide post-again {entry} --why ..."] if is_refused else []
    amount = (
        f"{row['signed']} {row['currency']}"
        if row["signed"] is not None
        else shown(row["signed_minor"], row["currency"])
    )
    return [
        f"{entry}  {amount}  {customer}{named}, since {str(row['waiting_since'])[:10]}",
        f"    {why}: {row['detail']}",
        *remedy,
    ]


def _option(row: dict[str, Any]) -> str:
    from schemas.money import shown

    parts = " + ".join(
        f"{invoice} {shown(int(minor), row['currency'])}"
        for invoice, minor in zip(row["invoice_numbers"], row["part_amounts"], strict=True)
    )
    kind = f", {row['kind'].replace('_', ' ')}" if row["kind"] else ""
    evidence = "; ".join([*row["agrees"], *(f"but {difference}" for difference in row["differs"])])
    return f"    {row['option_number']}) {parts}   ({row['rule']}{kind}: {evidence})"
