"""Lists of one kind: disputes by stage, alerts, approvals, parked records, payments, and what a search finds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from projections.console import links
from projections.console.asking import Asking
from projections.console.language import N_, _, _n, as_in_english
from projections.console.shown import (
    LATE_DAYS,
    age,
    amount_of,
    day_month,
    days_since,
    in_major,
    instant,
    local,
    moment,
    money,
    sums_by_currency,
)
from projections.console.states import dispute_outcome, status_of
from projections.console.story import person
from projections.console.waiting import cases_of
from projections.reports.questions import major_units
from projections.reports.words import in_words

_STAGES: Final = (
    ("RETRIEVAL_REQUESTED", N_("Papers asked for")),
    ("OPENED", N_("Opened")),
    ("EVIDENCE_SUBMITTED", N_("Evidence sent")),
    ("SECOND_CHARGEBACK", N_("Second chargeback")),
    ("ARBITRATION", N_("Arbitration")),
    ("WON", N_("Won")),
    ("LOST", N_("Lost")),
    ("ACCEPTED", N_("Accepted")),
    ("EXPIRED", N_("Expired")),
    ("CLOSED", N_("Closed")),
)
_URGENT_DAYS: Final = 2
_AMOUNT: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d{1,3})?|\d+\.\d{1,3}|\d+", re.ASCII)
_LAST_FOUR: Final = re.compile(r"\d{4}", re.ASCII)
_DIGITS: Final = (0, 2, 3, 4)
LONGEST_SEARCH: Final = 200


def disputes(asking: Asking) -> dict[str, Any]:
    """Return the disputes, a list for each stage, open ones by their last day."""
    today, rows = asking.today(), asking.rows("disputes")
    stages = dict(_STAGES)
    for row in rows:
        stages.setdefault(str(row["stage"]), in_words(str(row["stage"])).capitalize())
    return {
        "stages": [
            {"title": _(title), "cases": members, "total": _together(members)}
            for code, title in stages.items()
            if (members := [_dispute(row, today) for row in rows if row["stage"] == code])
        ],
        "count": _n("%(n)s open dispute", "%(n)s open disputes", sum(row["outcome"] == "open" for row in rows)),
    }


def _dispute(row: Mapping[str, Any], today: date) -> dict[str, Any]:
    deadline = date.fromisoformat(row["deadline_on"]) if row["deadline_on"] else None
    left = (deadline - today).days if deadline else None
    if row["outcome"] != "open":
        state, words = dispute_outcome(str(row["outcome"]))
    elif left is None or deadline is None:
        state, words = "dot", _("No deadline")
    elif left < 0:
        state, words = "bad", _n("%(n)s day late", "%(n)s days late", -left)
    else:
        state, words = ("bad" if left <= _URGENT_DAYS else "wait"), _n("%(n)s day left", "%(n)s days left", left)
    return {
        "id": row["dispute_id"],
        "amount": amount_of(row, "disputed"),
        "minor": int(row["disputed_minor"]),
        "currency": row["currency"],
        "path": links.dispute(row["settlement_account"], row["dispute_id"]),
        "reason": _("reason %(code)s", code=row["reason_code"]) if row["reason_code"] else _("no reason given"),
        "opened": day_month(date.fromisoformat(row["opened_on"])) if row["opened_on"] else "",
        "deadline": day_month(deadline) if deadline else "",
        "state": state,
        "words": words,
        "is_open": row["outcome"] == "open",
    }


def _together(rows: Sequence[Mapping[str, Any]]) -> str:
    sums = sums_by_currency((row["currency"], row["minor"]) for row in rows)
    return ", ".join(f"{in_major(minor, currency)} {currency}" for currency, minor in sums)


def alerts(asking: Asking) -> dict[str, Any]:
    """Return open alerts as articles, those that somebody looks after, and the last closed ones."""
    now = asking.now()
    found: dict[str, list[dict[str, Any]]] = {"open": [], "acknowledged": [], "closed": []}
    for row in asking.rows("alerts"):
        since = instant(row["since_at"]) or now
        closed = instant(row["closed_at"])
        is_urgent = row["severity"] == "URGENT"
        found.setdefault(str(row["status"]), []).append(
            {
                "id": row["alert_id"],
                "title": row["title"],
                "detail": row["detail"],
                "remedy": row["remedy"],
                "amount": amount_of(row, "amount") if row["amount_minor"] is not None else "",
                "currency": row["currency"],
                "count": int(row["item_count"] or 0),
                "age": age(since, now),
                "since": moment(local(since, asking.day_zone)),
                "who": person(str(row["answered_by"])),
                "because": row["answered_because"],
                "closed": moment(local(closed, asking.day_zone)) if closed else "",
                "state": "bad" if is_urgent else "wait",
                "words": _("Money stands still") if is_urgent else _("Needs a look"),
            }
        )
    return {"alerts": found}


def approvals(asking: Asking) -> dict[str, Any]:
    """Return what waits for a second person, and what became of the last ones."""
    now = asking.now()
    rows = [
        {
            "id": row["proposal_id"],
            "summary": row["summary"],
            "by": person(str(row["proposed_by"])),
            "why": row["reason"],
            "age": age(instant(row["proposed_at"]) or now, now),
            "is_late": days_since(instant(row["proposed_at"]) or now, now) > LATE_DAYS,
            "ends": day_month(local(instant(row["expires_at"]) or now, asking.day_zone).date()),
            "status": row["status"],
            "decided_by": person(str(row["decided_by"])),
            "because": row["decided_because"],
        }
        for row in asking.rows("proposals")
    ]
    return {
        "open": [row for row in rows if row["status"] == "open"],
        "ended": [row for row in rows if row["status"] != "open"][:50],
    }


def parked(asking: Asking) -> dict[str, Any]:
    """Return the parked records, each with its money, why it was parked, and what waits behind it."""
    now = asking.now()
    rows = [
        {
            "place": f"{row['inbox_topic']} {row['inbox_partition']} {row['inbox_offset']}",
            "amount": amount_of(row, "signed") if int(row["signed_minor"] or 0) else "",
            "currency": row["currency"],
            "what": in_words(str(row["record_type"])).capitalize()
            if row["record_type"]
            else _("Record that can't be read"),
            "why": row["message"],
            "kind": in_words(str(row["error_type"])),
            "payment": row["paytrace_transaction_id"],
            "age": age(instant(row["parked_at"]) or now, now),
            "is_late": days_since(instant(row["parked_at"]) or now, now) > LATE_DAYS,
            "behind": row["behind"],
        }
        for row in asking.rows("parked_records")
    ]
    return {"rows": rows, "count": _n("%(n)s parked record", "%(n)s parked records", len(rows))}


def payments(asking: Asking) -> dict[str, Any]:
    """Return the latest payments and refunds."""
    return {"rows": [_payment(row, asking.day_zone) for row in asking.rows("latest_payments")]}


def _payment(row: Mapping[str, Any], zone: str) -> dict[str, Any]:
    at = local(instant(row["opened_at"]) or row["opened_at"], zone)
    state, words = status_of(str(row["state"]))
    return {
        "id": row["paytrace_transaction_id"],
        "amount": amount_of(row, "amount"),
        "currency": row["currency"],
        "payer": _("Card ending %(digits)s", digits=row["card_last_four"])
        if row["card_last_four"]
        else _("Bank account")
        if row["method"] == "ACH"
        else _("Payment"),
        "names": row["invoice_number"],
        "when": moment(at),
        "state": state,
        "words": words,
    }


def search(asking: Asking, text: str) -> dict[str, Any]:
    """Return what is known under a text: an id of any kind, an invoice, an amount, the last four of a card."""
    text = text.strip()[:LONGEST_SEARCH]
    found = [_found(row) for row in asking.rows("search", id=text)] if text else []
    minors, last_four = _minors(text), text if _LAST_FOUR.fullmatch(text) else ""
    if minors or last_four:
        wanted = _major(text)
        known = {one["id"] for one in found}
        for row in asking.rows(
            "payments_by_amount_or_card", minors=",".join(map(str, minors)) or "0", last_four=last_four
        ):
            is_card = bool(last_four) and row["card_last_four"] == last_four
            if row["paytrace_transaction_id"] in known or not (
                is_card or major_units(row["amount_minor"], row["currency"]) == wanted
            ):
                continue
            found.append(_of_amount(row, is_card, asking.day_zone))
    waiting = {case.payment for case in cases_of(asking)} if found else set()
    for one in found:
        one["waits"] = one["is_payment"] and one["payment"] in waiting
    return {"searched": text, "found": found, "count": _n("%(n)s result", "%(n)s results", len(found))}


def _major(text: str) -> Decimal | None:
    written = (as_in_english(text), text)  # in the reader's language, else as files and addresses have it
    return next((Decimal(one.replace(",", "")) for one in written if _AMOUNT.fullmatch(one)), None)


def _minors(text: str) -> list[int]:
    """Return an amount in minor units for each number of digits that a currency may have."""
    major = _major(text)
    if major is None or major >= 10**12:
        return []
    return sorted(
        {int(scaled) for digits in _DIGITS if (scaled := major.scaleb(digits)) == scaled.to_integral_value() and scaled}
    )


def _found(row: Mapping[str, Any]) -> dict[str, Any]:
    kind, payment = str(row["kind"]), row["paytrace_transaction_id"]
    path = _page_of(kind, row)
    return {
        "kind": _(kind[:1].upper() + kind[1:]),
        "is_payment": kind == "payment",
        "id": row["id"],
        "payment": payment,
        "what": ", ".join(in_words(word) for word in str(row["what"]).split(", ")),
        "amount": amount_of(row, "amount"),
        "currency": row["currency"],
        "path": path,
        "waits": False,
    }


def _page_of(kind: str, row: Mapping[str, Any]) -> str:
    """Return where a thing that was found has its page; a part of a payment leads to the payment."""
    transaction, name = str(row["paytrace_transaction_id"]), str(row["id"])
    match kind:
        case "open item":
            return links.invoice(name)
        case "dispute":
            return links.dispute(str(row["settlement_account"]), name)
        case "bank line":
            return links.bank_line(str(row["settlement_account"]), name)
        case "customer":
            return links.customer(name)
        case "order":
            return links.order(name)
        case "subscription":
            return links.subscription(name)
        case _:
            return links.payment(transaction) if transaction else ""


def _of_amount(row: Mapping[str, Any], is_card: bool, zone: str) -> dict[str, Any]:
    at = local(instant(row["paid_at"]) or row["paid_at"], zone)
    why = _("card ending %(digits)s", digits=row["card_last_four"]) if is_card else _("of this amount")
    return {
        "kind": _("Payment"),
        "is_payment": True,
        "id": row["paytrace_transaction_id"],
        "payment": row["paytrace_transaction_id"],
        "what": ", ".join(
            [
                why,
                day_month(at.date()),
                *([_("names %(invoice)s", invoice=row["invoice_number"])] if row["invoice_number"] else []),
            ]
        ),
        "amount": money(row["amount"]),
        "currency": row["currency"],
        "path": links.payment(row["paytrace_transaction_id"]),
        "waits": False,
    }
