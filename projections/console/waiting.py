"""Waiting: the list of cases, one case beside its candidates, its decisions, and equal cases decided together."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote, urlencode

from projections.console.asking import Asking, Rows
from projections.console.language import N_, _, _n, as_in_english, listed, separated
from projections.console.notes import Notes, notes_by_case
from projections.console.reasons import reason_of
from projections.console.shown import (
    LATE_DAYS,
    age,
    day_month,
    days_since,
    in_major,
    long_day,
    sums_by_currency,
)
from projections.reports.questions import major_units
from projections.reports.ways_out import REMEDIES, ways_out
from schemas.values.money import from_major

PAGE_ROWS: Final = 200
# Candidates beside one payment in one table: what fits a phone.
BESIDE: Final = 2
ORDERS: Final = {"age": N_("Oldest first"), "amount": N_("Largest first"), "payer": N_("By payer")}
VIEWS: Final = {
    "": N_("All"),
    "suggested": N_("With a suggestion"),
    "nobody": N_("Payer not known"),
    "late": N_("Over 7 days"),
    "back": N_("Refunds"),
    "mine": N_("Mine"),
    "free": N_("Nobody's"),
}
# Days of age, up to and without the last one of each span.
SPANS: Final = (
    (N_("Today"), 0, 1),
    (N_("1 to 2 days"), 1, 3),
    (N_("3 to 7 days"), 3, LATE_DAYS + 1),
    (N_("Over 7 days"), LATE_DAYS + 1, None),
)
# With the separators of English: a comma stands between thousands alone, so 1454,48 is not taken for 145,448.
_AMOUNT: Final = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?", re.ASCII)
# Ways out that are one button; the others have fields of their own.
_BUTTONS: Final = frozenset({"on-account", "post-again", "unmatch", "refund-on-account", "hand-to-finance"})
_METHODS: Final = {"CARD": N_("by card"), "ACH": N_("from a bank account")}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One suggestion: which open items it pays, with how much of each; amounts in minor units."""

    code: str
    invoices: tuple[str, ...]
    items: tuple[str, ...]
    parts: tuple[int, ...]
    open: tuple[int, ...]
    kind: str
    agrees: tuple[str, ...]
    differs: tuple[str, ...]

    @property
    def name(self) -> str:
        """The invoices that it names."""
        return " + ".join(self.invoices)


@dataclass(frozen=True, slots=True)
class Case:
    """Money of one payment that waits in one place for one reason, as it stands now. Units: signed minor."""

    place: str
    reference: str
    payment: str
    posting: str
    customer: str
    invoice: str
    minor: int
    currency: str
    reason: str
    detail: str
    since: datetime
    ways: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What names it: where it waits, and its reference."""
        return self.place, self.reference

    @property
    def note_name(self) -> str:
        """What notes about it are kept under."""
        return f"{self.place}/{self.reference}"

    @property
    def path(self) -> str:
        """Where its page is."""
        return f"/waiting/{self.place}/{quote(self.reference, safe='')}"

    @property
    def amount(self) -> str:
        """Its amount for people."""
        return in_major(self.minor, self.currency)

    @property
    def payer(self) -> str:
        """Who paid, as far as it is known."""
        if self.customer:
            return _("Customer %(number)s", number=self.customer)
        last_four = self.facts.get("card_last_four")
        return _("Card ending %(digits)s", digits=last_four) if last_four else _("No name given")

    @property
    def names(self) -> str:
        """What the payment names."""
        return (
            self.invoice or str(self.facts.get("description") or "") or str(self.facts.get("vault_customer_id") or "")
        )

    @property
    def seen(self) -> str:
        """A mark of everything that a person sees of it before deciding; another one means that the world moved."""
        content = (self.place, self.reference, self.customer, self.minor, self.currency, self.reason, self.detail,
                   [(one.code, one.items, one.parts, one.open) for one in self.candidates])  # fmt: skip
        return hashlib.sha256(repr(content).encode()).hexdigest()[:16]

    @property
    def difference(self) -> tuple[str, int, str] | None:
        """What makes cases equal: reason, rest of the one invoice, currency; None where there is no one candidate."""
        if len(self.candidates) != 1 or len(self.candidates[0].items) != 1 or "confirm" not in self.ways:
            return None
        (one,) = self.candidates
        return self.reason, one.open[0] - one.parts[0], self.currency


def cases_of(asking: Asking) -> tuple[Case, ...]:
    """Return every case that waits for people or for the other side, longest waiting first.

    Not what abas works on, nor what was decided here a moment ago.
    """
    return tuple(case for case in _every_case(asking) if not asking.decided(case.key, case.seen))


def on_their_way(asking: Asking) -> list[tuple[Case, str]]:
    """Return the cases that were decided here while the tables still show them as waiting, with the decision."""
    return [(case, words) for case in _every_case(asking) if (words := asking.decided(case.key, case.seen))]


def _every_case(asking: Asking) -> tuple[Case, ...]:
    return asking.kept("waiting_with_candidates", _cases)


def _cases(rows: Rows) -> tuple[Case, ...]:
    grouped: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        if row["reason"] != "POSTING_IN_PROGRESS":
            grouped.setdefault(
                (row["waits_in"], row["posting_reference"], row["paytrace_transaction_id"], row["detail"]), []
            ).append(row)
    return tuple(map(_case, grouped.values()))


def _case(rows: Sequence[Mapping[str, Any]]) -> Case:
    row = rows[0]
    return Case(
        place=str(row["waits_in"]),
        reference=row["posting_reference"] or row["paytrace_transaction_id"] or "none",
        payment=row["paytrace_transaction_id"],
        posting=row["posting_reference"],
        customer=row["abas_customer_id"],
        invoice=row["names_invoice"],
        minor=int(row["signed_minor"]),
        currency=row["currency"],
        reason=str(row["reason"]),
        detail=row["detail"],
        since=datetime.fromisoformat(row["waiting_since"]),
        ways=tuple(ways_out(row)),
        candidates=tuple(
            Candidate(
                one["suggestion_code"],
                tuple(one["invoice_numbers"]),
                tuple(one["abas_open_item_ids"]),
                tuple(map(int, one["part_amounts"])),
                tuple(map(int, one["open_amounts"])),
                str(one["kind"]),
                tuple(one["agrees"]),
                tuple(one["differs"]),
            )
            for one in rows
            if one["suggestion_number"]
        ),
    )


def with_facts(asking: Asking, cases: Sequence[Case]) -> list[Case]:
    """Return the cases with what their payments say of themselves."""
    ids = sorted({case.payment for case in cases if case.payment})
    if not ids:
        return list(cases)
    facts = {row["paytrace_transaction_id"]: row for row in asking.rows("facts_of_payments", ids=",".join(ids))}
    return [replace(case, facts=facts.get(case.payment, {})) for case in cases]


# -- the list ------------------------------------------------------------------------------------------------------


def list_of(
    asking: Asking,
    query: Mapping[str, str],
    chosen: Case | None,
    *,
    me: str = "",
    kept_views: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """Return what the left pane shows: the filtered, ordered cases of one page, and the equal ones among all.

    me is who looks at it, kept_views are the views that this person keeps: name and query.
    """
    now, notes = asking.now(), notes_by_case(asking)
    every = cases_of(asking)
    wanted = {name: query.get(name, "") for name in ("q", "order", "view", "reason", "age", "place", "from")}
    found = [case for case in every if _is_wanted(case, wanted, now) and _is_whose(case, wanted["view"], notes, me)]
    start = int(wanted["from"]) if wanted["from"].isdecimal() else 0
    if has_facts := bool(wanted["q"] or wanted["order"] == "payer"):
        found = with_facts(asking, found)
        found = [case for case in found if _says(case, wanted["q"])]
    match wanted["order"]:
        case "amount":
            found.sort(key=lambda case: -abs(major_units(case.minor, case.currency) or Decimal(case.minor)))
        case "payer":
            found.sort(key=lambda case: case.payer)
    shown = found[start : start + PAGE_ROWS]
    if not has_facts:
        shown = with_facts(asking, shown)
    kept = {name: value for name, value in wanted.items() if value and name != "from"}
    more = urlencode({**kept, "from": start + PAGE_ROWS}) if len(found) > start + PAGE_ROWS else ""
    return {
        "cases": [_row(case, now, chosen, notes) for case in shown],
        "decided": [
            {
                "amount": case.amount,
                "currency": case.currency,
                "payer": case.payer,
                "words": words,
                "reference": case.posting,
                "path": case.path,
            }
            for case, words in on_their_way(asking)
        ],
        "kept_views": [
            {"name": name, "path": f"/waiting?{text}", "is_here": urlencode(kept_of(query)) == text}
            for name, text in kept_views
        ],
        "first": shown[0] if shown else None,
        "count": _n("%(n)s payment", "%(n)s payments", len(found)),
        "totals": _totals(found),
        "query": wanted,
        "suffix": f"?{urlencode(kept)}" if kept else "",
        "more": more,
        "orders": {name: _(words) for name, words in ORDERS.items()},
        "views": [
            {
                "name": name,
                "title": _(title),
                "count": sum(_in_view(case, name, now) and _is_whose(case, name, notes, me) for case in every),
            }
            for name, title in VIEWS.items()
        ],
        "reasons": sorted({(case.reason, reason_of(case.reason).title) for case in every}, key=lambda pair: pair[1]),
        "equal": [_announced(group) for group in equal_cases(every).values()],
        "is_filtered": bool(kept),
        "all_count": len(every),
    }


def kept_of(query: Mapping[str, str]) -> dict[str, str]:
    """Return what of an address makes a view of the list."""
    return {name: query[name] for name in ("q", "order", "view", "reason", "age", "place") if query.get(name)}


def _is_whose(case: Case, view: str, notes: Mapping[str, Notes], me: str) -> bool:
    assignee = notes.get(case.note_name, Notes()).assignee
    return {"mine": bool(me) and assignee == me, "free": not assignee}.get(view, True)


def _is_wanted(case: Case, wanted: Mapping[str, str], now: datetime) -> bool:
    if wanted["reason"] and case.reason != wanted["reason"]:
        return False
    if wanted["place"] and case.place != wanted["place"]:
        return False
    if wanted["age"].isdecimal() and int(wanted["age"]) < len(SPANS):
        first, end = SPANS[int(wanted["age"])][1:]
        days = days_since(case.since, now)
        if days < first or (end is not None and days >= end):
            return False
    return _in_view(case, wanted["view"], now)


def _in_view(case: Case, view: str, now: datetime) -> bool:
    match view:
        case "suggested":
            return bool(case.candidates)
        case "nobody":
            return case.place == "identification"
        case "late":
            return days_since(case.since, now) > LATE_DAYS
        case "back":
            return case.minor < 0
        case _:
            return True


def _says(case: Case, text: str) -> bool:
    """Return whether a case holds this text: an id, a name, its reason, or its amount however it is written."""
    wanted = text.strip().casefold()
    if not wanted:
        return True
    words = (case.reference, case.payment, case.payer, case.names, case.detail, reason_of(case.reason).title,
             case.amount, case.amount.replace(",", ""), *(one.name for one in case.candidates))  # fmt: skip
    return any(wanted in word.casefold() for word in words)


def _totals(cases: Sequence[Case]) -> list[dict[str, str]]:
    sums = sums_by_currency((case.currency, case.minor) for case in cases)
    return [{"amount": in_major(minor, currency), "currency": currency} for currency, minor in sums]


def _row(case: Case, now: datetime, chosen: Case | None, notes: Mapping[str, Notes]) -> dict[str, Any]:
    return {
        "key": case.key,
        "assignee": notes.get(case.note_name, Notes()).assignee,
        "comments": len(notes.get(case.note_name, Notes()).comments),
        "path": case.path,
        "amount": case.amount,
        "currency": case.currency,
        "payer": case.payer,
        "reason": _short_reason(case),
        "names": case.names,
        "age": age(case.since, now),
        "is_late": days_since(case.since, now) > LATE_DAYS,
        "is_chosen": chosen is not None and case.key == chosen.key,
    }


def _short_reason(case: Case) -> str:
    if case.reason == "AMOUNT_DIFFERS" and case.difference:
        rest = case.difference[1]
        amount = in_major(abs(rest), case.currency)
        if rest > 0:
            return _("%(amount)s short of invoice", amount=amount)
        return _("%(amount)s more than invoice", amount=amount)
    return reason_of(case.reason).title


# -- equal cases ---------------------------------------------------------------------------------------------------


def equal_cases(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Return groups of two or more cases that differ from their one invoice alike, by a name for addresses."""
    grouped: dict[tuple[str, int, str], list[Case]] = {}
    for case in cases:
        if case.difference is not None and case.difference[1]:
            grouped.setdefault(case.difference, []).append(case)
    return {
        f"{reason}:{rest}:{currency}": members
        for (reason, rest, currency), members in grouped.items()
        if len(members) > 1
    }


def _announced(group: Sequence[Case]) -> dict[str, str]:
    reason, rest, currency = group[0].difference or ("", 0, "")
    count = _n("%(n)s payment", "%(n)s payments", len(group))
    amount = in_major(abs(rest), currency)
    short = _("%(count)s are each exactly %(amount)s short of their invoice.", count=count, amount=amount)
    more = _("%(count)s are each exactly %(amount)s more than their invoice.", count=count, amount=amount)
    return {
        "title": short if rest > 0 else more,
        "path": "/waiting/equal?" + urlencode({"key": f"{reason}:{rest}:{currency}"}),
    }


def equal_page(asking: Asking, key: str) -> dict[str, Any] | None:
    """Return the preview of a group of equal cases; None when there is no such group now."""
    group = equal_cases(cases_of(asking)).get(key)
    if group is None:
        return None
    rest, currency = (group[0].difference or ("", 0, ""))[1:]
    paid = sum(case.minor for case in group)
    return {
        "key": key,
        "title_text": _announced(group)["title"],
        "cases": [
            {
                "path": case.path,
                "value": f"{case.reference} {case.candidates[0].code} {case.seen}",
                "amount": case.amount,
                "payer": case.payer,
                "invoice": case.candidates[0].name,
                "open": in_major(case.candidates[0].open[0], currency),
            }
            for case in with_facts(asking, group)
        ],
        "count": _n("%(n)s payment", "%(n)s payments", len(group)),
        "number": len(group),
        "paid": in_major(paid, currency),
        "rest": in_major(abs(rest), currency),
        "rests": in_major(abs(rest) * len(group), currency),
        "stays": _("stays open on them") if rest > 0 else _("is more than they have open"),
        "currency": currency,
    }


# -- one case ------------------------------------------------------------------------------------------------------


def find(asking: Asking, place: str, reference: str) -> Case | None:
    """Return a case as it stands now; None when it does not wait there any more."""
    found = [case for case in cases_of(asking) if case.key == (place, reference)]
    return with_facts(asking, found[:1])[0] if found else None


def case_page(asking: Asking, case: Case, draft: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what the right pane shows of a case; draft is what a person has filled in so far."""
    now, draft = asking.now(), draft or {}
    items = asking.rows("open_items_of_a_customer", abas_customer_id=case.customer) if case.customer else ()
    return {
        "case": case,
        "notes": notes_by_case(asking).get(case.note_name, Notes()),
        "rest_of": _short_invoice(case),
        "age": age(case.since, now),
        "is_late": days_since(case.since, now) > LATE_DAYS,
        "lead": _lead(case),
        "detail": case.detail,
        "tables": [
            _compared(case, case.candidates[at : at + BESIDE], at, items)
            for at in range(0, len(case.candidates), BESIDE)
        ],
        "split": split_of(case, items, draft) if "split" in case.ways else None,
        "ways": case.ways,
        "buttons": bool(case.candidates or set(case.ways) & _BUTTONS),
        "reject": _reject_words(case),
        "remedy": REMEDIES.get(case.place, ""),
        "not_offered": _not_offered(case),
        "draft": draft,
    }


def _short_invoice(case: Case) -> str:
    """Return the one invoice that a payment falls short of; its rest may be written off once the payment is posted."""
    return case.candidates[0].name if case.difference and case.difference[1] > 0 else ""


def _lead(case: Case) -> str:
    paid_on, method = case.facts.get("paid_on"), str(case.facts.get("method") or "")
    when = _("on %(day)s", day=long_day(date.fromisoformat(paid_on))) if paid_on else ""
    how = _(_METHODS[method]) if method in _METHODS else ""
    action = _("got money back") if case.minor < 0 else _("paid")
    return f"{' '.join(filter(None, (action, how, when)))}. {reason_of(case.reason).sentence}"


def _reject_words(case: Case) -> str:
    names = [one.name for one in case.candidates]
    if not names:
        return ""
    if len(names) == 1:
        return _("Reject %(name)s", name=names[0])
    return _("Reject both") if len(names) == 2 else _("Reject all %(n)s", n=len(names))


def _not_offered(case: Case) -> str:
    if case.ways and "confirm" not in case.ways and case.place == "receivables" and case.minor > 0:
        return _("No invoice is offered: none that is open comes near it.")
    return ""


def _compared(
    case: Case, candidates: Sequence[Candidate], first: int, items: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return payment and candidates side by side: a row for each kind of evidence, each cell with its verdict."""
    due = {item["abas_open_item_id"]: item["due_on"] for item in items}
    paid_on = case.facts.get("paid_on")
    rows: list[dict[str, Any]] = [
        {
            "name": _("Amount"),
            "mine": case.amount,
            "cells": [_amount_verdict(case, one) for one in candidates],
            "lists": None,
        },
        {
            "name": _("Customer"),
            "mine": case.customer or "",
            "cells": [
                ("agree", case.customer) if case.customer else ("silent", _("no evidence")) for _one in candidates
            ],
            "lists": None,
        },
        {
            "name": _("Invoice named"),
            "mine": case.invoice,
            "cells": [_invoice_verdict(case, one) for one in candidates],
            "lists": None,
        },
        {
            "name": _("Date"),
            "mine": _("paid %(day)s", day=day_month(date.fromisoformat(paid_on))) if paid_on else "",
            "cells": [("silent", _due_words(one, due)) for one in candidates],
            "lists": None,
        },
    ]
    if any(one.agrees or one.differs for one in candidates):
        rows.append(
            {
                "name": _("Evidence"),
                "mine": str(case.facts.get("description") or ""),
                "lists": [
                    [*(("agree", text) for text in one.agrees), *(("differ", text) for text in one.differs)]
                    or [("silent", _("no evidence"))]
                    for one in candidates
                ],
            }
        )
    heads = []
    for number, one in enumerate(candidates):
        verdicts = [row["cells"][number][0] for row in rows if not row["lists"]]
        verdicts += [state for row in rows for state, _ in (row["lists"] or {number: ()})[number]]
        heads.append(
            {
                "name": one.name,
                "invoices": one.invoices,
                "counts": _(
                    "%(agree)s agree, %(differ)s differ", agree=verdicts.count("agree"), differ=verdicts.count("differ")
                ),
                "code": one.code,
                "key": first + number + 1,
                "is_first": first + number == 0,
                "parts": _parts_words(one, case.currency),
            }
        )
    return {"heads": heads, "rows": rows}


def _amount_verdict(case: Case, one: Candidate) -> tuple[str, str]:
    together, paid = sum(one.open), sum(one.parts)
    words = _("%(amount)s open", amount=in_major(together, case.currency))
    if together == paid:
        return "agree", words
    rest = in_major(abs(together - paid), case.currency)
    if together > paid:
        return "differ", _("%(open)s, %(rest)s stays open", open=words, rest=rest)
    return "differ", _("%(open)s, %(rest)s too much", open=words, rest=rest)


def _invoice_verdict(case: Case, one: Candidate) -> tuple[str, str]:
    if not case.invoice:
        return "silent", _("no evidence")
    same = case.invoice.strip().upper() in {number.upper() for number in one.invoices}
    return ("agree" if same else "differ"), one.name


def _due_words(one: Candidate, due: Mapping[str, str | None]) -> str:
    days = [due.get(item) for item in one.items]
    known = [day_month(date.fromisoformat(day)) for day in days if day]
    return _("due %(days)s", days=listed(known)) if known else _("no due date")


def _parts_words(one: Candidate, currency: str) -> str:
    if len(one.items) == 1:
        return ""
    return ", ".join(
        f"{number} {in_major(part, currency)}" for number, part in zip(one.invoices, one.parts, strict=True)
    )


# -- the split -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Split:
    """A division of a receipt as far as a person has written it. Units: minor of the case's currency."""

    rows: tuple[dict[str, Any], ...]
    on_account: dict[str, Any]
    total: str
    given: str
    left: str
    left_minor: int
    is_begun: bool
    parts: tuple[str, ...]
    count: str

    @property
    def closes(self) -> bool:
        """Whether it can be sent: nothing is left, and no amount is wrong."""
        return self.is_begun and self.left_minor == 0 and not any(row["error"] for row in (*self.rows, self.on_account))


def split_of(case: Case, items: Sequence[Mapping[str, Any]], draft: Mapping[str, str]) -> Split:
    """Compute a split: what each open item gets, what stays open, and what of the payment is left."""
    rows, parts, given = [], [], 0
    fitting = [item for item in items if item["currency"] == case.currency and int(item["open_minor"]) > 0]
    for item in fitting:
        text = draft.get(f"part:{item['abas_open_item_id']}", "").strip()
        minor, error = _minor(text, case.currency)
        open_minor = int(item["open_minor"])
        if minor > open_minor:
            error = f"Only {in_major(open_minor, case.currency)} is open on this invoice."
        given += minor
        if minor and not error:
            parts.append(f"{item['abas_open_item_id']}={_plain(minor, case.currency)}")
        rows.append(
            {
                "item": item["abas_open_item_id"],
                "invoice": item["invoice_number"] or item["abas_open_item_id"],
                "due": f"due {day_month(date.fromisoformat(item['due_on']))}" if item["due_on"] else "no due date",
                "open": in_major(open_minor, case.currency),
                "text": text,
                "stays": in_major(open_minor - minor, case.currency) if not error else "",
                "error": error,
            }
        )
    text = draft.get("part:on-account", "").strip()
    minor, error = _minor(text, case.currency)
    given += minor
    if minor and not error:
        parts.append(f"on-account={_plain(minor, case.currency)}")
    is_begun = any(row["text"] for row in rows) or bool(text)
    return Split(
        rows=tuple(rows),
        on_account={"text": text, "error": error},
        total=case.amount,
        given=in_major(given, case.currency),
        left=in_major(case.minor - given, case.currency),
        left_minor=case.minor - given,
        is_begun=is_begun,
        parts=tuple(parts),
        count=_n("%(n)s open invoice", "%(n)s open invoices", len(fitting)),
    )


def _minor(text: str, currency: str) -> tuple[int, str]:
    """Read an amount that a person wrote; (0, what is wrong) when it can't be read."""
    if not text:
        return 0, ""
    number = as_in_english(text)
    try:
        if not _AMOUNT.fullmatch(number):
            raise ValueError
        minor = from_major(Decimal(number.replace(",", "")), currency).minor
    except (InvalidOperation, ValueError):
        example = separated("60.00")
        return 0, _(
            "%(text)r is no amount in %(currency)s; write it like %(example)s.",
            text=text[:20],
            currency=currency,
            example=example,
        )
    return (minor, "") if minor > 0 else (0, _("Write an amount above zero, or leave it empty."))


def _plain(minor: int, currency: str) -> str:
    return str(major_units(minor, currency))


# -- deciding ------------------------------------------------------------------------------------------------------


def command_of(
    case: Case, action: str, named: str, form: Mapping[str, str], asking: Asking
) -> tuple[str, dict[str, Any], str] | None:
    """Return the command of a pressed button, its values, and what it does in words; None when it can't be sent.

    A button names what it means: a suggestion's code, never its place in a list.
    """
    if action not in case.ways and action not in ("reject", "assign-customer"):
        return None
    subject = {"reference": case.reference}
    match action:
        case "confirm":
            meant = next((one for one in case.candidates if one.code == named), None)
            return (
                ("decide/confirm", {**subject, "code": named}, _("goes to %(invoice)s", invoice=meant.name))
                if meant
                else None
            )
        case "reject":
            return (
                ("decide/reject", {**subject, "every": True}, _("What was suggested is rejected"))
                if case.candidates
                else None
            )
        case "split":
            split = split_of(case, asking.rows("open_items_of_a_customer", abas_customer_id=case.customer), form)
            return ("decide/split", {**subject, "parts": list(split.parts)}, _("is split")) if split.closes else None
        case "assign-customer":
            customer = form.get("customer", "").strip()
            payment = {"payment": case.payment or case.reference, "customer": customer}
            return (
                ("decide/assign-customer", payment, _("belongs to customer %(customer)s", customer=customer))
                if customer
                else None
            )
        case "match-refund":
            payment_id = form.get("payment", "").strip()
            return (
                (
                    "decide/match-refund",
                    {"refund": case.reference, "payment": payment_id},
                    _("gives %(payment)s back", payment=payment_id),
                )
                if payment_id
                else None
            )
        case "refund-on-account":
            return "decide/refund-on-account", {"refund": case.reference}, _("goes on account")
        case "hand-to-finance":
            return "decide/hand-to-finance", {"reversal": case.reference}, _("is left to finance")
        case "on-account":
            return "decide/on-account", subject, _("goes on account")
        case "unmatch":
            return "decide/unmatch", subject, _("is unmatched")
        case "post-again":
            return "decide/post-again", subject, _("is asked of abas again")
        case _:
            return None
