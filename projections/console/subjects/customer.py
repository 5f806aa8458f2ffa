"""The page of a customer of abas: what is owed, what was paid, and whose vault customers stand behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from projections.console import links
from projections.console.asking import Asking, Rows
from projections.console.language import _, _n
from projections.console.shown import MINUS, Term, amount_of, day_month, in_major
from projections.console.subjects.page import (
    Entry,
    Fact,
    Listing,
    MoneyLine,
    Subject,
    about,
    payments_about,
    payments_listed,
)
from projections.console.waiting import cases_of


def page(asking: Asking, number: str) -> Subject | None:
    """Return the page of a customer; None when neither abas nor a payment names it."""
    (known,) = asking.rows("customer_known", abas_customer_id=number)
    payments = payments_about(asking, "customer", number)
    cases = [case for case in cases_of(asking) if case.customer == number]
    if not int(known["open_item_records"]) + int(known["reference_records"]) and not payments and not cases:
        return None
    items = asking.rows("open_items_of_a_customer", abas_customer_id=number)
    late = [item for item in items if item["due_on"] and date.fromisoformat(item["due_on"]) < asking.today()]
    if cases:
        state, words = "wait", _n("%(n)s payment waits for a person", "%(n)s payments wait for a person", len(cases))
    elif late:
        state, words = "bad", _n("%(n)s invoice overdue", "%(n)s invoices overdue", len(late))
    elif items:
        state, words = "dot", _n("%(n)s open invoice", "%(n)s open invoices", len(items))
    else:
        state, words = "ok", _("Owes nothing")
    return Subject(
        crumbs=(_("Customers"), "/reports/customer_links"),
        here="",
        noun=_("Customer"),
        name=number,
        state=state,
        words=words,
        lines=[_line(items, currency) for currency in sorted({str(item["currency"]) for item in items})],
        cases=cases,
        facts=[
            Fact(_("Vault customer"), f"{link['data_subject']} ({link['evidence']})")
            for link in asking.rows("customer_links", customer=number)
        ],
        listings=[
            Listing(_("Open invoices and credits"), [_item(item) for item in items], _("Nothing is open.")),
            payments_listed(payments),
        ],
        **about(asking, "customer", number),
    )


def _line(items: Rows, currency: str) -> MoneyLine:
    amounts = [int(item["open_minor"]) for item in items if item["currency"] == currency]
    owed, credit = sum(one for one in amounts if one > 0), -sum(one for one in amounts if one < 0)
    terms = [
        Term(_("Open invoices"), in_major(owed, currency)),
        Term(_("Open credits"), in_major(credit, currency), MINUS, "back"),
    ]
    return MoneyLine(currency, terms, in_major(owed - credit, currency), True if owed == credit else None, _("Owed"))


def _item(item: Mapping[str, Any]) -> Entry:
    number = str(item["invoice_number"] or item["abas_open_item_id"])
    due = item["due_on"]
    second = _("due on %(day)s", day=day_month(date.fromisoformat(due))) if due else _("no due date")
    return Entry(number, links.invoice(number), second, amount_of(item, "open"), item["currency"])
