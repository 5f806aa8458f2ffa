"""The page of an order of a shop: its money at PayTrace, its sales order and documents in abas, why it waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projections.console import links
from projections.console.asking import Asking, Rows
from projections.console.command_pages import path_of
from projections.console.language import _
from projections.console.shown import MINUS, Term, amount_of, in_major
from projections.console.subjects.page import Action, Fact, MoneyLine, Subject, about, payments_about, payments_listed
from projections.reports.words import in_words


def page(asking: Asking, shop_order: str) -> Subject | None:
    """Return the page of an order named <shop>/<id>; None when no shop showed it."""
    found = asking.rows("orders", shop_order=shop_order)
    if not found:
        return None
    (row,) = found
    payments = payments_about(asking, "order", shop_order)
    state, words = _status(row)
    return Subject(
        crumbs=(_("Orders"), "/reports/orders"),
        here="",
        noun=_("Order"),
        name=str(row["order_number"] or shop_order),
        state=state,
        words=words,
        amount=amount_of(row, "total"),
        currency=str(row["currency"]),
        sub=str(row["why"] or ""),
        lines=[_line(row, payments)],
        actions=_actions(row),
        facts=_facts(row),
        listings=[payments_listed(payments)],
        **about(asking, "order", shop_order),
    )


def _status(row: Mapping[str, Any]) -> tuple[str, str]:
    if row["waits_for"]:
        return "wait", _("Waits: %(what)s", what=_(str(row["waits_for"])))
    if row["documents"]:
        return "ok", _("Money booked in abas")
    if row["sales_order"]:
        return "ok", _("Sales order in abas")
    payment = in_words(str(row["payment"] or ""))
    return "dot", _("Payment: %(status)s", status=_(payment)) if payment else _("Placed in the shop")


def _line(row: Mapping[str, Any], payments: Rows) -> MoneyLine:
    currency = str(row["currency"])
    captured, back = (
        sum(int(one[name]) for one in payments if one["currency"] == currency)
        for name in ("captured_minor", "refunded_minor")
    )
    left = int(row["total_minor"]) - captured + back
    terms = [
        Term(_("Ordered"), amount_of(row, "total")),
        Term(_("Captured"), in_major(captured, currency), MINUS, "card"),
        *([Term(_("Refunded"), in_major(back, currency), "+", "back")] if back else []),
    ]
    return MoneyLine(currency, terms, in_major(left, currency), True if left == 0 else None, _("Not captured"))


def _actions(row: Mapping[str, Any]) -> list[Action]:
    name = str(row["shop_order"])
    known = (
        (_("Name its customer"), "decide/order-customer"),
        (_("Take it as it is"), "decide/take-order"),
        (_("Try it again"), "decide/try-order"),
        (_("Leave it out"), "decide/leave-out-order"),
    )
    asked = known if row["waits_for"] else ()
    return [Action(words, path_of(command, links.order(name), order=name)) for words, command in asked]


def _facts(row: Mapping[str, Any]) -> list[Fact]:
    facts = [
        Fact(_("Order in the shop"), str(row["shop_order"])),
        Fact(_("Status in the shop"), str(row["shop_status"])),
    ]
    if row["abas_customer_id"]:
        facts.append(Fact(_("Customer"), row["abas_customer_id"], links.customer(row["abas_customer_id"])))
    if row["sales_order"]:
        facts.append(Fact(_("Sales order in abas"), row["sales_order"]))
    if row["asked_of_shop"]:
        facts.append(Fact(_("Asked of the shop"), in_words(str(row["asked_of_shop"]))))
    return facts
