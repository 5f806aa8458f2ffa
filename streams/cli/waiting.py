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
    from streams.cli import ways_out
    from streams.cli.asking import answer

    found = ways_out.listed(answer("waiting_with_candidates", abas_customer_id=customer))
    match output_format:
        case Format.CSV:
            sys.stdout.write(reports.as_csv(found))
        case Format.JSON:
            sys.stdout.write(reports.as_json(found))
        case Format.TABLE:
            show(found.records)
            _show_contested(answer("contested_payers").records)


def _show_contested(rows: tuple[dict[str, Any], ...]) -> None:
    """Payments whose customer is contested: their money does not wait, but a person has to look."""
    for row in rows:
        payment, named = row["paytrace_transaction_id"], " or ".join(row["named_customer_ids"])
        typer.echo(f"\n{payment}  its customer is contested: {row['detail']}")
        typer.echo(
            f"    saldo decide assign-customer {payment} {named or row['abas_customer_id']} --why ...   (moves it)"
        )
        typer.echo(f"    saldo decide assign-customer {payment} {row['abas_customer_id']} --why ...   (keeps it)")


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

    customer = f"customer {row['abas_customer_id']}" if row["abas_customer_id"] else "customer not known"
    named = f", names {row['names_invoice']}" if row["names_invoice"] else ""
    why = in_words(str(row["reason"]))
    return [
        f"{entry}  {row['signed']} {row['currency']}  {customer}{named}, since {str(row['waiting_since'])[:10]}",
        f"    {why}: {row['detail']}",
        *(f"    {command}" for command in row["commands"]),
    ]


def _option(row: dict[str, Any]) -> str:
    from schemas.money import Money

    parts = " + ".join(
        f"{invoice} {Money(int(minor), row['currency'])}"
        for invoice, minor in zip(row["invoice_numbers"], row["part_amounts"], strict=True)
    )
    kind = f", {row['kind'].replace('_', ' ')}" if row["kind"] else ""
    evidence = "; ".join([*row["agrees"], *(f"but {difference}" for difference in row["differs"])])
    return f"    {row['option_number']}) {parts}   ({row['rule']}{kind}: {evidence})"
