"""One payment: status, money line, story, documents, who decided why, raw records folded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from projections.console import links
from projections.console.asking import Asking
from projections.console.language import N_, _
from projections.console.shown import MINUS, Term, amount_of, long_day
from projections.console.states import status_of
from projections.console.story import by_day
from projections.console.subjects.page import Fact, MoneyLine, Subject, decisions_of, documents_of, raw_of
from projections.console.waiting import cases_of

_METHODS: Final = {"CARD": N_("card"), "ACH": N_("bank account")}
_TERMS: Final = (
    ("refunded", N_("Refunded"), ""),
    ("voided", N_("Voided"), ""),
    ("returned", N_("Returned"), ""),
    ("charged_back", N_("Charged back"), ""),
    ("posted", N_("Posted in abas"), "ok"),
    ("waiting", N_("Waiting"), "wait"),
    ("parked", N_("Parked"), "hold"),
    ("handed_over", N_("Handed to finance"), "person"),
    ("on_the_way", N_("On the way"), "dot"),
    ("netted", N_("Cancelled out"), "equal"),
    ("discarded", N_("Discarded"), "dash"),
)
_ALWAYS: Final = frozenset({"posted", "waiting"})


def page(asking: Asking, payment_id: str) -> Subject | None:
    """Return the page of a payment; None when nothing is known of it."""
    records = asking.rows("records_of_a_payment", paytrace_transaction_id=payment_id)
    found = asking.rows("payment_now", paytrace_transaction_id=payment_id)
    if not records and not found:
        return None
    row = found[0] if found else {}
    decisions = asking.rows("decisions_about", id=payment_id)
    documents = asking.rows("documents_of_a_payment", paytrace_transaction_id=payment_id)
    cases = [case for case in cases_of(asking) if case.payment == payment_id]
    state, words = _status(row, documents, bool(cases))
    return Subject(
        crumbs=(_("Payments"), "/payments"),
        here="/payments",
        noun=_("Refund") if row.get("kind") == "REFUND" else _("Payment"),
        name=payment_id,
        state=state,
        words=words,
        amount=amount_of(row, "amount") if row else "",
        currency=row.get("currency", ""),
        sub=_sub(row, long_day(date.fromisoformat(row["opened_on"])) if row else ""),
        lines=[_money_line(line) for line in asking.rows("bridge_of_a_payment", paytrace_transaction_id=payment_id)],
        cases=cases,
        days=by_day(records, decisions, zone=asking.day_zone),
        facts=_facts(payment_id, row, asking.rows("entries_of", id=payment_id), records),
        documents=documents_of(documents),
        decisions=decisions_of(decisions, asking.day_zone),
        raw=raw_of(records),
    )


def _status(row: Mapping[str, Any], documents: Sequence[Mapping[str, Any]], waits: bool) -> tuple[str, str]:
    if waits:
        return "wait", _("Waits for a person")
    if any(document["state"] == "parked" for document in documents):
        return "hold", _("Parked")
    state, words = status_of(str(row.get("state") or "known"))
    posted = any(document["state"] == "posted" for document in documents)
    if posted and state == "ok":
        return "ok", _("Posted in abas")
    return state, _("%(state)s, posted in abas", state=words) if posted else words


def _sub(row: Mapping[str, Any], day: str) -> str:
    how = _METHODS.get(str(row.get("method")), "")
    words = [_(how)] if how else []
    if row.get("card_last_four"):
        words = [_("card ending %(digits)s", digits=row["card_last_four"])]
    return " · ".join(word for word in (*words, day) if word)


def _money_line(row: Mapping[str, Any]) -> MoneyLine:
    terms = [Term(_("Captured"), amount_of(row, "captured"))]
    terms += [
        Term(_(what), amount_of(row, term), MINUS, icon)
        for term, what, icon in _TERMS
        if term in _ALWAYS or int(row[f"{term}_minor"])
    ]
    closes = int(row["unexplained_minor"]) == 0
    return MoneyLine(row["currency"], terms, amount_of(row, "unexplained"), closes, _("Not accounted for"))


def _facts(
    payment_id: str,
    row: Mapping[str, Any],
    entries: Sequence[Mapping[str, Any]],
    records: Sequence[Mapping[str, Any]],
) -> list[Fact]:
    customers = dict.fromkeys(entry["abas_customer_id"] for entry in entries if entry["abas_customer_id"])
    items = dict.fromkeys(entry["abas_open_item_id"] for entry in entries if entry["abas_open_item_id"])
    facts = [Fact(_("PayTrace id"), payment_id)]
    facts += [Fact(_("Customer"), one, links.customer(one)) for one in customers]
    facts += [Fact(_("Open item in abas"), one, links.invoice(one)) for one in items]
    if row.get("invoice_number"):
        facts.append(Fact(_("Invoice named"), row["invoice_number"], links.invoice(row["invoice_number"])))
    facts += [
        Fact(name, str(row[column]))
        for name, column in ((_("Payment text"), "description"), (_("Account"), "merchant"))
        if row.get(column)
    ]
    if row.get("vault_customer_id"):
        facts.append(Fact(_("Stored payer"), row["vault_customer_id"], links.searched(row["vault_customer_id"])))
    if row.get("batch_number"):
        facts.append(Fact(_("Batch"), str(row["batch_number"]), links.searched(str(row["batch_number"]))))
    return facts + list(dict.fromkeys(fact for record in records for fact in _named(record)))


def _named(record: Mapping[str, Any]) -> list[Fact]:
    """Return the order and the dispute that a record names."""
    found, body = [], json.loads(record["body"])
    if "/" in str(body.get("shop_order") or ""):
        found.append(Fact(_("Order in the shop"), body["shop_order"], links.order(body["shop_order"])))
    if body.get("dispute_id") and body.get("settlement_account"):
        path = links.dispute(body["settlement_account"], body["dispute_id"])
        found.append(Fact(_("Dispute"), body["dispute_id"], path))
    return found
