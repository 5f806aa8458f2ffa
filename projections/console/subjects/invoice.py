"""The page of an invoice: what is open, which payments pay it, and what abas holds of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from projections.console import links
from projections.console.asking import Asking
from projections.console.command_pages import path_of
from projections.console.language import _, _n
from projections.console.shown import MINUS, Term, amount_of, in_major, long_day
from projections.console.subjects.page import Action, Fact, MoneyLine, Subject, about, payments_about, payments_listed
from projections.console.waiting import Case, cases_of


def page(asking: Asking, number: str) -> Subject | None:
    """Return the page of an invoice by its number or open item; None when abas never showed one of that name."""
    items = asking.rows("items_named", number=number)
    payments = payments_about(asking, "invoice", number)
    if not items and not payments:
        return None
    found = about(asking, "invoice", number)
    names = {number.upper(), *(str(item["invoice_number"]).upper() for item in items)}
    cases = [case for case in cases_of(asking) if _names(case, names)]
    state, words = _status(items, cases, asking.today())
    first = items[0] if items else None
    return Subject(
        crumbs=(_("Invoices"), "/reports/open_items"),
        here="",
        noun=_("Invoice"),
        name=str(first["invoice_number"] or number) if first else number,
        state=state,
        words=words,
        amount=amount_of(first, "amount") if first else "",
        currency=str(first["currency"]) if first else "",
        sub=_due(first),
        lines=[_line(item, found["documents"], asking.today()) for item in items],
        cases=cases,
        actions=_actions(items),
        facts=_facts(items),
        listings=[payments_listed(payments)],
        **found,
    )


def _names(case: Case, names: set[str]) -> bool:
    meant = {case.invoice.upper(), *(number.upper() for one in case.candidates for number in one.invoices)}
    return bool(meant & names)


def _status(items: Sequence[Mapping[str, Any]], cases: Sequence[Case], today: date) -> tuple[str, str]:
    if not items:
        return "wait", _("abas does not know it")
    if not any(item["is_open"] for item in items):
        return "ok", _("Paid")
    if cases:
        return "wait", _("Money for it waits for a person")
    days = [date.fromisoformat(item["due_on"]) for item in items if item["is_open"] and item["due_on"]]
    if days and min(days) < today:
        return "bad", _n("%(n)s day overdue", "%(n)s days overdue", (today - min(days)).days)
    return "dot", _("Open")


def _due(item: Mapping[str, Any] | None) -> str:
    return _("due on %(day)s", day=long_day(date.fromisoformat(item["due_on"]))) if item and item["due_on"] else ""


def _line(item: Mapping[str, Any], documents: Sequence[Mapping[str, str]], today: date) -> MoneyLine:
    settled = int(item["amount_minor"]) - int(item["open_minor"])
    currency = str(item["currency"])
    is_posted = any(document["state"] == "ok" for document in documents)
    paid = _("Settled in abas, with our documents") if is_posted else _("Settled in abas")
    is_late = bool(item["due_on"]) and date.fromisoformat(item["due_on"]) < today
    closes = True if int(item["open_minor"]) == 0 else (False if is_late else None)
    terms = [
        Term(_("Invoiced"), amount_of(item, "amount")),
        Term(paid, in_major(settled, currency), MINUS, "ok" if settled else "dot"),
    ]
    return MoneyLine(currency, terms, amount_of(item, "open"), closes, _("Still open"))


def _actions(items: Sequence[Mapping[str, Any]]) -> list[Action]:
    open_items = [item for item in items if item["is_open"] and int(item["open_minor"]) > 0]
    return [
        Action(
            _("Write off the rest"),
            path_of(
                "decide/write-off",
                links.invoice(str(item["abas_open_item_id"])),
                invoice=str(item["abas_open_item_id"]),
                customer=str(item["abas_customer_id"]),
            ),
        )
        for item in open_items[:1]
        if int(item["open_minor"]) < int(item["amount_minor"])
    ]


def _facts(items: Sequence[Mapping[str, Any]]) -> list[Fact]:
    customers = dict.fromkeys(str(item["abas_customer_id"]) for item in items if item["abas_customer_id"])
    facts = [Fact(_("Customer"), one, links.customer(one)) for one in customers]
    facts += [Fact(_("Open item in abas"), str(item["abas_open_item_id"])) for item in items]
    return facts
