"""`saldo waiting`: the money that waits, since when and why, and what is suggested for it."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from app.output.terminal import say


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
    output_format: Annotated[Format, typer.Option("--format", help="How the list is written.")] = Format.TABLE,
) -> None:
    """List the money that waits, and what is suggested for it.

    Longest waiting first; each suggestion has the code that `saldo decide confirm` and `reject` take.
    """
    from app.cli import ways_out
    from app.cli.asking import answer
    from projections.reports import questions

    found = ways_out.listed(answer("waiting_with_candidates", abas_customer_id=customer))
    match output_format:
        case Format.CSV:
            sys.stdout.write(questions.as_csv(found))
        case Format.JSON:
            sys.stdout.write(questions.as_json(found))
        case Format.TABLE:
            show(found.records)
            _show_contested(answer("contested_payers").records)
            _show_proposals(answer("proposals").records)


def _show_contested(rows: tuple[dict[str, Any], ...]) -> None:
    """Payments whose customer is contested: their money does not wait, but a person has to look."""
    for row in rows:
        payment, named = row["paytrace_transaction_id"], " or ".join(row["named_customer_ids"])
        say("", f"{payment}  its customer is contested: {row['detail']}")
        say(f"    saldo decide assign-customer {payment} {named or row['abas_customer_id']} --why ...   (moves it)")
        say(f"    saldo decide assign-customer {payment} {row['abas_customer_id']} --why ...   (keeps it)")


def _show_proposals(rows: tuple[dict[str, Any], ...]) -> None:
    """Commands that wait for a second person."""
    for row in rows:
        if row["status"] == "open":
            say("", f"{row['proposal_id']}  {row['summary']}, proposed by {row['proposed_by']}: {row['reason']}")
            say(f"    saldo approvals approve {row['proposal_id']} --why ...   (another person)")
            say(f"    saldo approvals reject {row['proposal_id']} --why ...   (another person)")


def show(rows: tuple[dict[str, Any], ...]) -> None:
    """Print a paragraph for each entry: what a person needs to decide does not fit a row."""
    if not rows:
        say("nothing waits")
    last: tuple[str, ...] | None = None
    for row in rows:
        entry = row["posting_reference"] or row["paytrace_transaction_id"] or "names no payment"
        # One payment may wait in several places, and several disputes may name none.
        place = (entry, row["waits_in"], row["detail"])
        if place != last:
            say(*([] if last is None else [""]), *_heading(entry, row))
            last = place
        if row["suggestion_number"]:
            say(_suggestion(row))


def _heading(entry: str, row: dict[str, Any]) -> list[str]:
    from app.cli import ways_out
    from projections.reports.words import in_words
    from schemas.values.money import shown

    commands = [f"    {command}" for command in ways_out.commands(row)]
    if row["waits_in"] == "payments":
        # Not proved to be money, so it has no customer and no suggestion.
        return [
            f"{entry}  {_amount(row)}{_named(row)}, since {str(row['waiting_since'])[:10]}",
            f"    {in_words(str(row['reason']))}: {row['detail']}",
            *commands,
        ]
    customer = f"customer {row['abas_customer_id']}" if row["abas_customer_id"] else "customer not known"
    named = _named(row)
    why = in_words(str(row["reason"]))
    amount = (
        f"{row['signed']} {row['currency']}"
        if row["signed"] is not None
        else shown(row["signed_minor"], row["currency"])
    )
    return [
        f"{entry}  {amount}  {customer}{named}, since {str(row['waiting_since'])[:10]}",
        f"    {why}: {row['detail'] or 'no detail'}",
        *commands,
    ]


def parts_of(row: dict[str, Any]) -> str:
    """Return what a suggestion gives to which invoice, e.g. RE-1 60.00 USD + RE-2 40.00 USD."""
    from schemas.values.money import shown

    return " + ".join(
        f"{invoice} {shown(int(minor), row['currency'])}"
        for invoice, minor in zip(row["invoice_numbers"], row["part_amounts"], strict=True)
    )


def _suggestion(row: dict[str, Any]) -> str:
    kind = f", {row['kind'].replace('_', ' ')}" if row["kind"] else ""
    evidence = "; ".join([*row["agrees"], *(f"but {difference}" for difference in row["differs"])])
    return f"    {row['suggestion_code']}  {parts_of(row)}   ({row['rule']}{kind}: {evidence})"


def _named(row: dict[str, Any]) -> str:
    return f", names {row['names_invoice']}" if row["names_invoice"] else ""


def _amount(row: dict[str, Any]) -> str:
    """Return the amount of what is not recognized; 0 there is an amount that could not be read."""
    return f"{row['signed']} {row['currency']}" if row["signed_minor"] else f"amount not known, {row['currency']}"
