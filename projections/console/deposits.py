"""Deposits: a month of days, closed or not, one day as a waterfall, and the bank lines of it."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urlencode

from projections.console.asking import Asking
from projections.console.charts import Step, waterfall
from projections.console.language import N_, _, _n, separated
from projections.console.shown import amount_of, long_day, money, month_of, weekday
from projections.console.states import bank_line_status

_WORKING_DAYS: Final = 5


def path_of(account: str, line_id: str) -> str:
    """Return the address of a bank line."""
    return f"/deposits/line?{urlencode({'account': account, 'line': line_id})}"


@dataclass(frozen=True, slots=True)
class Day:
    """One cell of the calendar: a day, or a weekend; without a path nothing happened on it."""

    date: str
    words: str = ""
    path: str = ""
    amount: str = ""
    short: str = ""
    state: str = ""
    is_weekend: bool = False
    is_chosen: bool = False

    @property
    def css(self) -> str:
        """Its colour: of a day that does not close, or is late."""
        return self.state if self.state in ("bad", "wait") else ""


_STEPS: Final = (
    ("opening", N_("Open before")),
    ("captured", N_("Settled")),
    ("refunded", N_("Refunds")),
    ("returned", N_("Returns")),
    ("charged_back", N_("Disputes")),
    ("fees", N_("Fees")),
    ("adjusted", N_("Adjusted")),
    ("rest", N_("Rests")),
    ("reserve", N_("Reserve")),
    ("deposited", N_("Paid out")),
    ("dismissed", N_("Dismissed")),
)


def state_of_day(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return a day's mark and words: closed, collecting, on the way, or what does not close."""
    match row["status"]:
        case "CLOSED":
            return "ok", _("Closed")
        case "RUNNING":
            return "dot", _("Collecting")
    unexplained = Decimal(row["unexplained"] or 0)
    if unexplained:
        amount = money(abs(unexplained))
        if unexplained > 0:
            return "bad", _("%(amount)s too much", amount=amount)
        return "bad", _("%(amount)s too little", amount=amount)
    if int(row["residual_minor"]):
        return "bad", _("%(amount)s not accounted for", amount=amount_of(row, "residual"))
    return "wait", _n("%(n)s payment overdue", "%(n)s payments overdue", int(row["overdue_lines"] or 0))


def month_page(asking: Asking, month: str, day: date | None = None, account: str = "") -> dict[str, Any]:
    """Return the calendar of a month of one account, and one of its days if it is asked for."""
    every = asking.rows("deposit_days")
    accounts = sorted({str(row["settlement_account"]) for row in every})
    account = account if account in accounts else (accounts[0] if accounts else "")
    rows = {date.fromisoformat(row["day"]): row for row in every if row["settlement_account"] == account}
    first = _month(month) or (day or max(rows, default=asking.today())).replace(day=1)
    inside = [row for on, row in rows.items() if (on.year, on.month) == (first.year, first.month)]
    before, after = (first - timedelta(days=1)).replace(day=1), (first + timedelta(days=31)).replace(day=1)
    return {
        "month": month_of(first),
        "summary": _summary(inside),
        "weeks": _weeks(first, rows, asking.today(), day),
        "before": {"path": f"/deposits?month={before:%Y-%m}&account={account}", "name": month_of(before)},
        "after": {"path": f"/deposits?month={after:%Y-%m}&account={account}", "name": month_of(after)},
        "account": account,
        "accounts": [{"name": name, "path": f"/deposits?month={first:%Y-%m}&account={name}"} for name in accounts],
        "weekdays": [
            weekday(first + timedelta(days=(at - first.weekday()) % 7), short=True) for at in range(_WORKING_DAYS)
        ],
        "currency": inside[0]["currency"] if inside else "",
        "chosen": _day(asking, day, rows.get(day), account) if day else None,
        "lines": [_line(row) for row in asking.rows("bank_lines") if _is_open(row, account)] if day is None else [],
    }


def _month(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return None


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
    states = [state_of_day(row)[0] for row in rows]
    words = [_n("%(n)s day closed", "%(n)s days closed", states.count("ok"))]
    if states.count("bad"):
        words.append(_n("%(n)s does not close", "%(n)s do not close", states.count("bad")))
    if states.count("wait"):
        words.append(_n("%(n)s overdue", "%(n)s overdue", states.count("wait")))
    if states.count("dot"):
        words.append(_n("%(n)s collecting", "%(n)s collecting", states.count("dot")))
    return ", ".join(words)


def _weeks(first: date, rows: Mapping[date, Mapping[str, Any]], today: date, chosen: date | None) -> list[list[Day]]:
    """Return each week as five working days and one narrow cell for its weekend."""
    weeks = []
    for week in calendar.Calendar().monthdatescalendar(first.year, first.month):
        cells = [_cell(on, rows.get(on), today, on == chosen, on.month == first.month) for on in week[:_WORKING_DAYS]]
        weekend = [on for on in week[_WORKING_DAYS:] if on.month == first.month]
        moved = [on for on in weekend if on in rows and _has_money(rows[on])]
        name = "\N{EN DASH}".join(str(on.day) for on in weekend)
        if moved:
            cells.append(
                replace(_cell(moved[0], rows[moved[0]], today, moved[0] == chosen, True), is_weekend=True, date=name)
            )
        else:
            cells.append(Day(name, is_weekend=True))
        weeks.append(cells)
    return weeks


def _has_money(row: Mapping[str, Any]) -> bool:
    return bool(int(row["deposited_minor"])) or row["status"] == "NOT CLOSED"


def _cell(on: date, row: Mapping[str, Any] | None, today: date, is_chosen: bool, is_inside: bool) -> Day:
    if not is_inside:
        return Day("")
    if row is None:
        return Day(str(on.day), _("Not yet") if on > today else _("Nothing"))
    state, words = state_of_day(row)
    paid_out = -Decimal(row["deposited"] or 0)
    short = separated(f"{paid_out / 1000:,.0f}k") if abs(paid_out) >= 1000 else money(paid_out)
    return Day(
        date=str(on.day),
        words=words,
        path=f"/deposits/{on.isoformat()}?account={quote(str(row['settlement_account']), safe='')}",
        amount=money(paid_out) if paid_out else "",
        short=short if paid_out else "",
        state=state,
        is_chosen=is_chosen,
    )


def _day(asking: Asking, on: date, row: Mapping[str, Any] | None, account: str) -> dict[str, Any]:
    lines = [
        _line(line)
        for line in asking.rows("bank_lines")
        if line["booked_on"] == on.isoformat() and line["settlement_account"] == account
    ]
    if row is None:
        return {"day": long_day(on), "state": "dot", "words": _("Nothing happened"), "chart": "", "table": [],
                "bank": lines,
                "records": "", "currency": ""}  # fmt: skip
    state, words = state_of_day(row)
    steps = _steps(row)
    return {
        "day": long_day(on),
        "state": state,
        "words": words,
        "currency": row["currency"],
        "chart": waterfall(
            "day",
            _(
                "From settled payments to what is still open, %(day)s, %(currency)s",
                day=long_day(on),
                currency=row["currency"],
            ),
            steps,
        ),
        "table": [
            {
                "label": step.label,
                "amount": money(step.amount),
                "is_sum": step.kind == "total",
                "is_break": step.kind == "break",
            }
            for step in steps
        ],
        "bank": lines,
        "records": f"/reports/lines_of_a_deposit_day?day={on.isoformat()}",
    }


def _steps(row: Mapping[str, Any]) -> list[Step]:
    """Return the waterfall of a day: open before, what came and went, what nothing explains, what is on its way."""
    steps = [
        Step(_(label), Decimal(row[name] or 0), "total" if name == "opening" else "change")
        for name, label in _STEPS
        if name == "opening" or int(row[f"{name}_minor"])
    ]
    unexplained = Decimal(row["unexplained"] or 0)
    if unexplained:
        # The closing balance is what is in transit less what nothing explains.
        steps.append(Step(_("Not explained"), unexplained, "break"))
    steps.append(Step(_("On the way"), Decimal(row["closing"] or 0) + unexplained, "total"))
    return steps


def _is_open(row: Mapping[str, Any], account: str) -> bool:
    return row["status"] in ("break", "suggested") and row["settlement_account"] == account


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    state, words = bank_line_status(str(row["status"]))
    how = row["detail"]
    if row["status"] == "matched":
        lines = _n("%(n)s line", "%(n)s lines", int(row["line_count"]))
        is_by_rule = row["decided_by"] in ("rule", "")
        how = (
            _("Matched by rule, %(lines)s", lines=lines)
            if is_by_rule
            else _("Matched by a person, %(lines)s", lines=lines)
        )
    return {
        "path": path_of(row["settlement_account"], row["bank_line_id"]),
        "amount": amount_of(row, "deposit"),
        "currency": row["currency"],
        "text": row["text"],
        "how": how,
        "state": state,
        "words": words,
        "booked_on": row["booked_on"],
    }
