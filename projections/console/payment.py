"""One payment: status, money line, story, documents, who decided why, raw records folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from projections.console.asking import Asking
from projections.console.shown import MINUS, Term, amount_of, day_month, instant, local, long_day
from projections.console.story import by_day, decision_in_words, person, takes_back
from projections.console.waiting import cases_of
from projections.reports.words import in_words
from schemas.values.counting import counted

_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "SETTLED": ("ok", "Settled"),
    "CAPTURED": ("ok", "Captured"),
    "AUTHORIZED": ("dot", "Authorised"),
    "ACH_PENDING": ("dot", "Bank debit on its way"),
    "ACH_FAILED": ("bad", "Bank debit failed"),
    "ACH_RETURNED": ("bad", "Returned by the bank"),
    "DECLINED": ("bad", "Declined"),
    "VOIDED": ("dash", "Voided"),
    "REFUNDED": ("back", "Refunded"),
    "PARTLY_REFUNDED": ("back", "Partly refunded"),
    "REFUND_ISSUED": ("back", "Refund"),
    "REFUND_VOIDED": ("dash", "Refund voided"),
    "CHARGED_BACK": ("bad", "Charged back"),
    "PARTLY_CHARGED_BACK": ("bad", "Partly charged back"),
    "NOTHING_MOVED": ("dash", "No money moved"),
    "UNRECOGNIZED": ("wait", "In words that can't be read"),
}
_METHODS: Final = {"CARD": "card", "ACH": "bank account"}
_TERMS: Final = (
    ("refunded", "Refunded", ""),
    ("voided", "Voided", ""),
    ("returned", "Returned", ""),
    ("charged_back", "Charged back", ""),
    ("posted", "Posted in abas", "ok"),
    ("waiting", "Waiting", "wait"),
    ("parked", "Parked", "hold"),
    ("handed_over", "Handed to finance", "person"),
    ("on_the_way", "On the way", "dot"),
    ("netted", "Cancelled out", "equal"),
    ("discarded", "Discarded", "dash"),
)
_ALWAYS: Final = frozenset({"posted", "waiting"})
_DOCUMENT_STATES: Final = {"posted": "ok", "refused": "bad", "parked": "hold", "waiting": "dot", "discarded": "dash"}


def page(asking: Asking, payment_id: str) -> dict[str, Any] | None:
    """Return what the page of a payment shows; None when nothing is known of it."""
    records = asking.rows("records_of_a_payment", paytrace_transaction_id=payment_id)
    found = asking.rows("payment_now", paytrace_transaction_id=payment_id)
    if not records and not found:
        return None
    row = found[0] if found else {}
    decisions = asking.rows("decisions_about", id=payment_id)
    documents = asking.rows("documents_of_a_payment", paytrace_transaction_id=payment_id)
    entries = asking.rows("entries_of", id=payment_id)
    lines = [_money_line(line) for line in asking.rows("bridge_of_a_payment", paytrace_transaction_id=payment_id)]
    cases = [case for case in cases_of(asking) if case.payment == payment_id]
    state, words = _status(row, documents, bool(cases))
    return {
        "payment_id": payment_id,
        "state": state,
        "words": words,
        "noun": "Refund" if row.get("kind") == "REFUND" else "Payment",
        "amount": amount_of(row, "amount") if row else "",
        "currency": row.get("currency", ""),
        "sub": _sub(row, long_day(date.fromisoformat(row["opened_on"])) if row else ""),
        "lines": lines,
        "cases": [{"path": case.path, "amount": case.amount, "currency": case.currency} for case in cases],
        "days": by_day(records, decisions, zone=asking.day_zone),
        "facts": _facts(row, entries),
        "documents": [_document(document) for document in documents],
        "decisions": [_decided(decision, asking.day_zone) for decision in decisions],
        "raw": [
            {
                "written": str(record["recorded_at"])[:19].replace("T", " "),
                "type": record["record_type"],
                "place": f"{record['source_topic']}/{record['source_partition']}/{record['source_offset']}",
                "from": record["caused_by"],
                "body": record["body"],
            }
            for record in records
        ],
        "raw_count": counted(len(records), "record"),
    }


def _status(row: Mapping[str, Any], documents: Sequence[Mapping[str, Any]], waits: bool) -> tuple[str, str]:
    if waits:
        return "wait", "Waits for a person"
    if any(document["state"] == "parked" for document in documents):
        return "hold", "Parked"
    state, words = status_of(str(row.get("state") or "known"))
    posted = any(document["state"] == "posted" for document in documents)
    if posted and state == "ok":
        return "ok", "Posted in abas"
    return state, f"{words}, posted in abas" if posted else words


def status_of(code: str) -> tuple[str, str]:
    """Return the mark and the words of a payment's status."""
    return _STATES.get(code) or ("dot", in_words(code))


def _sub(row: Mapping[str, Any], day: str) -> str:
    words = [_METHODS.get(str(row.get("method")), "")]
    if row.get("card_last_four"):
        words = [f"{words[0] or 'card'} ending {row['card_last_four']}"]
    return " · ".join(word for word in (*words, day) if word)


def _money_line(row: Mapping[str, Any]) -> dict[str, Any]:
    terms = [Term("Captured", amount_of(row, "captured"))]
    terms += [
        Term(what, amount_of(row, term), MINUS, icon)
        for term, what, icon in _TERMS
        if term in _ALWAYS or int(row[f"{term}_minor"])
    ]
    return {
        "currency": row["currency"],
        "terms": terms,
        "left": amount_of(row, "unexplained"),
        "closes": int(row["unexplained_minor"]) == 0,
    }


def _facts(row: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    customers = list(dict.fromkeys(entry["abas_customer_id"] for entry in entries if entry["abas_customer_id"]))
    facts = [{"name": "Customer", "text": one, "path": f"/search?q={one}"} for one in customers]
    if row.get("invoice_number"):
        facts.append(
            {"name": "Invoice named", "text": row["invoice_number"], "path": f"/search?q={row['invoice_number']}"}
        )
    for name, column in (
        ("Payment text", "description"),
        ("Stored payer", "vault_customer_id"),
        ("Account", "merchant"),
    ):
        if row.get(column):
            facts.append({"name": name, "text": str(row[column]), "path": ""})
    if row.get("batch_number"):
        facts.append({"name": "Batch", "text": str(row["batch_number"]), "path": f"/search?q={row['batch_number']}"})
    return facts


def _document(row: Mapping[str, Any]) -> dict[str, str]:
    kind = str(row["kind"]).replace("_", " ")
    on = row["posted_on"] or row["value_on"]
    second = f"{kind[:1].upper()}{kind[1:]}{', ' + day_month(date.fromisoformat(on)) if on else ''}"
    amount = amount_of(row, "amount")
    return {
        "name": row["document_number"] or row["posting_reference"],
        "second": second
        if row["state"] == "posted"
        else f"{second}: {row['state']}{', ' + row['message'] if row['message'] else ''}",
        "amount": f"{MINUS}{amount}" if takes_back(str(row["kind"])) and not amount.startswith(MINUS) else amount,
        "currency": row["currency"],
        "state": _DOCUMENT_STATES.get(row["state"], "dot"),
        "words": row["state"],
    }


def _decided(row: Mapping[str, Any], zone: str) -> dict[str, str]:
    said = decision_in_words(row)
    at = local(instant(row["occurred_at"]) or row["occurred_at"], zone)
    who = person(str(row["decided_by"]))
    return {
        "who": who,
        "what": said.say.removeprefix(who).strip(),
        "second": " ".join(filter(None, (f"{day_month(at.date())}, {at:%H:%M}.", said.second))),
        "quote": said.quote,
    }
