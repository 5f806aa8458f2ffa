"""The page of a bank line: what it pays out, by whom that was said, and which payments are in it."""

from __future__ import annotations

from datetime import date

from projections.console import links
from projections.console.asking import Asking
from projections.console.language import _
from projections.console.shown import amount_of, long_day
from projections.console.states import bank_line_status
from projections.console.subjects.page import Fact, Subject, about, payments_about, payments_listed


def page(asking: Asking, bank_line_id: str, account: str) -> Subject | None:
    """Return the page of a bank line; account tells apart those of one id; None when the bank booked none."""
    lines = asking.rows("bank_lines", bank_line_id=bank_line_id)
    found = [row for row in lines if account in ("", row["settlement_account"])]
    if not found:
        return None
    row, account = found[0], str(found[0]["settlement_account"])
    name = f"{account}/{bank_line_id}"
    state, words = bank_line_status(str(row["status"]))
    booked = str(row["booked_on"])
    return Subject(
        crumbs=(_("Deposits"), "/deposits"),
        here="/deposits",
        noun=_("Bank line"),
        name=bank_line_id,
        state=state,
        words=words,
        amount=amount_of(row, "deposit"),
        currency=str(row["currency"]),
        sub=_("booked by the bank on %(day)s", day=long_day(date.fromisoformat(booked))),
        facts=[
            Fact(_("Text at the bank"), str(row["text"])),
            Fact(_("Account"), account),
            Fact(_("Day"), long_day(date.fromisoformat(booked)), links.day(booked, account)),
        ],
        listings=[payments_listed(payments_about(asking, "bank_line", name))],
        **about(asking, "bank_line", name),
    )
