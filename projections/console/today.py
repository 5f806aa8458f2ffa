"""Today: where the money is, what needs people, what alerts, how the deposits stand, what came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from projections.console.asking import Asking, Rows
from projections.console.charts import Bar, bars
from projections.console.deposits import state_of_day
from projections.console.language import N_, _, _n
from projections.console.reasons import need_of, reason_of
from projections.console.shown import (
    LATE_DAYS,
    MINUS,
    Term,
    age,
    amount_of,
    days_since,
    in_major,
    instant,
    local,
    long_day,
    money,
    short_day,
    weekday,
)
from projections.console.waiting import SPANS, Case, cases_of
from projections.reports.questions import major_units

_DAYS_SHOWN: Final = 8
# Terms of the bridge in the order of the money line; those in brackets of a normal day stand only where they are not 0.
_TERMS: Final = (
    ("posted", N_("Posted in abas"), "ok", "/reports/documents?state=posted", True),
    ("waiting", N_("Waiting for people"), "wait", "/waiting", True),
    ("parked", N_("Parked"), "hold", "/parked", True),
    ("handed_over", N_("Handed to finance"), "person", "/reports/handed_to_finance", False),
    ("on_the_way", N_("On the way"), "dot", "", False),
    ("discarded", N_("Discarded by people"), "dash", "/reports/parked_records", False),
)


def page(asking: Asking) -> dict[str, Any]:
    """Return what Today shows."""
    now = asking.now()
    cases = cases_of(asking)
    bridge: Rows = asking.kept("bridge_by_currency", tuple)
    days: Rows = asking.kept("deposit_days", tuple)
    came_in: Rows = asking.kept("came_in", tuple)
    here = local(min(map(asking.kept_since, ("bridge_by_currency", "deposit_days", "came_in"))), asking.day_zone)
    return {
        "day": long_day(here.date()),
        "at": f"{here:%H:%M}",
        "lines": [money_line(row) for row in sorted(bridge, key=lambda row: -abs(int(row["captured_minor"])))],
        "also_held": _also_held(bridge),
        "closed_days": _closed(days),
        "waiting_count": _n("%(n)s waiting payment", "%(n)s waiting payments", len(cases)) if cases else "",
        "needs": _needs(asking.kept("what_needs_a_person", tuple), cases, now),
        "alerts": [_alert(row, now) for row in asking.kept("alerts", tuple) if row["status"] == "open"],
        "days": [_day(row) for row in days if _has_moved(row)][:5],
        "ages": _ages(cases, now),
        "came_in": _came_in(came_in, here.date()),
    }


def money_line(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the money line of a currency: what PayTrace holds, less where it is, leaves nothing."""
    currency = str(row["currency"])
    terms = [Term(_("Net from PayTrace"), amount_of(row, "net"), href="/reports/bridge_by_currency")]
    terms += [
        Term(_(what), amount_of(row, term), MINUS, icon, path)
        for term, what, icon, path, is_always in _TERMS
        if is_always or int(row[f"{term}_minor"])
    ]
    return {
        "currency": currency,
        "terms": terms,
        "left": amount_of(row, "unexplained"),
        "closes": int(row["unexplained_minor"]) == 0,
    }


def _also_held(bridge: Rows) -> list[str]:
    return [
        _(
            "Beside it %(count)s in words that can't be read, %(currency)s",
            count=_n("%(n)s payment", "%(n)s payments", int(row["unrecognized_count"])),
            currency=row["currency"] or _("currency not known"),
        )
        for row in bridge
        if int(row["unrecognized_count"])
    ]


def _closed(days: Rows) -> str:
    ended = [row for row in days if row["status"] != "RUNNING"]
    closed = sum(row["status"] == "CLOSED" for row in ended)
    if not ended:
        return _("No day of deposits yet")
    return _n(
        "%(closed)s of %(n)s day of deposits closed",
        "%(closed)s of %(n)s days of deposits closed",
        len(ended),
        closed=closed,
    )


def _by_reason(cases: Iterable[Case]) -> dict[tuple[str, str], list[Case]]:
    """Return the cases of each reason and currency."""
    grouped: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        grouped.setdefault((case.reason, case.currency), []).append(case)
    return grouped


def _needs(rows: Rows, cases: Sequence[Case], now: datetime) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        if row["kind"] in ("money waits", "chargebacks to book"):
            continue  # by reason, below
        need = need_of(str(row["kind"]))
        since = instant(row["oldest_since"])
        found.append(
            {
                "title": need.title,
                "hint": need.hint,
                "path": need.path,
                "count": int(row["item_count"]),
                "amount": amount_of(row, "amount") if int(row["amount_minor"]) else "",
                "currency": row["currency"],
                "size": abs(Decimal(row["amount"] or 0)),
                "age": age(since, now) if since else "",
                "is_late": since is not None and days_since(since, now) > LATE_DAYS,
            }
        )
    grouped = _by_reason(cases)
    for (code, currency), members in grouped.items():
        reason, oldest = reason_of(code), min(case.since for case in members)
        total = sum(case.minor for case in members)
        found.append(
            {
                "title": reason.title,
                "hint": reason.hint,
                "path": "/waiting?" + urlencode({"reason": code}),
                "count": len(members),
                "amount": in_major(total, currency),
                "currency": currency,
                "size": abs(major_units(total, currency) or Decimal(0)),
                "age": age(oldest, now),
                "is_late": days_since(oldest, now) > LATE_DAYS,
            }
        )
    return sorted(found, key=lambda need: (-need["size"], need["title"]))


def _alert(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    since = instant(row["since_at"]) or now
    return {
        "id": row["alert_id"],
        "title": row["title"],
        "detail": row["detail"],
        "age": age(since, now),
        "state": "bad" if row["severity"] == "URGENT" else "wait",
    }


def _day(row: Mapping[str, Any]) -> dict[str, Any]:
    day = date.fromisoformat(row["day"])
    state, words = state_of_day(row)
    return {
        "name": short_day(day),
        "path": f"/deposits/{day.isoformat()}",
        "amount": money(-Decimal(row["deposited"] or 0)),
        "currency": row["currency"],
        "state": state,
        "words": words,
    }


def _has_moved(row: Mapping[str, Any]) -> bool:
    return bool(int(row["deposited_minor"])) or row["status"] != "CLOSED"


def _ages(cases: Sequence[Case], now: datetime) -> dict[str, Any]:
    """Return waiting money by reason and age; each cell leads to its cases."""
    grouped = _by_reason(cases)
    currencies = sorted({case.currency for case in cases})
    rows = []
    for (code, currency), members in grouped.items():
        cells = []
        for number, (_name, first, end) in enumerate(SPANS):
            inside = _of_age(members, first, end, now)
            path = "/waiting?" + urlencode({"reason": code, "age": str(number)})
            cells.append({"amount": _sum(inside, currency) if inside else "", "path": path})
        rows.append(
            {
                "title": reason_of(code).title,
                "currency": currency,
                "cells": cells,
                "total": _sum(members, currency),
                "path": "/waiting?" + urlencode({"reason": code}),
                "size": abs(sum(case.minor for case in members)),
            }
        )
    sums = []
    for currency in currencies:
        members = [case for case in cases if case.currency == currency]
        sums.append(
            {
                "title": _n("%(n)s payment", "%(n)s payments", len(members)),
                "currency": currency,
                "cells": [_sum(_of_age(members, first, end, now), currency) for _name, first, end in SPANS],
                "total": _sum(members, currency),
            }
        )
    return {
        "spans": [_(span[0]) for span in SPANS],
        "rows": sorted(rows, key=lambda row: -row["size"]),
        "sums": sums,
        "is_mixed": len(currencies) > 1,
    }


def _of_age(cases: Iterable[Case], first: int, end: int | None, now: datetime) -> list[Case]:
    return [
        case
        for case in cases
        if first <= days_since(case.since, now) and (end is None or days_since(case.since, now) < end)
    ]


def _sum(cases: Iterable[Case], currency: str) -> str:
    return in_major(sum(case.minor for case in cases), currency)


def _came_in(rows: Rows, today: date) -> list[dict[str, Any]]:
    """Return, for each currency, the last days as bars and this day against others by the same hour."""
    found = []
    for currency in sorted({str(row["currency"]) for row in rows}):
        by_day = {date.fromisoformat(row["day"]): row for row in rows if row["currency"] == currency}
        nothing = {"captured": "0", "by_now": "0", "by_now_count": 0}
        columns = [
            Bar(
                weekday(day, short=True),
                _("so far") if day == today else str(day.day),
                Decimal(by_day.get(day, nothing)["captured"] or 0),
                day == today,
            )
            for day in (today - timedelta(days=back) for back in range(_DAYS_SHOWN - 1, -1, -1))
        ]
        now = by_day.get(today, nothing)
        found.append(
            {
                "currency": currency,
                "today": money(now["by_now"]),
                "payments": _n("%(n)s payment", "%(n)s payments", int(now["by_now_count"])),
                "yesterday": money(by_day.get(today - timedelta(days=1), nothing)["by_now"]),
                "last_week": money(by_day.get(today - timedelta(days=7), nothing)["by_now"]),
                "chart": bars(_("Captured on each of the last eight days, %(currency)s", currency=currency), columns),
            }
        )
    return found
