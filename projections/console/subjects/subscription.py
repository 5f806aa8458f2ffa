"""The page of a subscription: its terms, its runs with their payments, and what people changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from projections.console import links
from projections.console.asking import Asking, Rows
from projections.console.command_pages import path_of
from projections.console.language import _, _n
from projections.console.shown import MINUS, Term, amount_of, day_month, in_major, long_day
from projections.console.states import run_status, subscription_status
from projections.console.subjects.page import Action, Entry, Fact, Listing, MoneyLine, Subject, about

_PAID = ("paid", "paid otherwise")
_OWED = ("missed", "needs card", "needs person", "declined")


def page(asking: Asking, name: str) -> Subject | None:
    """Return the page of a subscription named <vault customer>/<id>; None when there is none."""
    found = asking.rows("subscriptions", subscription=name)
    if not found:
        return None
    (row,) = found
    runs = asking.rows("subscription_runs", subscription=name)
    state, words = subscription_status(str(row["status"]))
    if owed := [run for run in runs if run["status"] in _OWED]:
        state, words = "bad", _n("%(n)s run to look at", "%(n)s runs to look at", len(owed))
    upcoming = row["next_due_on"]
    return Subject(
        crumbs=(_("Subscriptions"), "/reports/subscriptions"),
        here="",
        noun=_("Subscription"),
        name=name,
        state=state,
        words=words,
        amount=amount_of(row, "amount"),
        currency=str(row["currency"]),
        sub=_("next on %(day)s", day=long_day(date.fromisoformat(upcoming))) if upcoming else _("no further run"),
        lines=[_line(runs, str(row["currency"]))] if runs else [],
        actions=_actions(name, str(row["status"]), owed),
        facts=[
            Fact(_("Vault customer"), name.rpartition("/")[0], links.searched(name.rpartition("/")[0])),
            Fact(_("Charged by"), str(row["charged_by"])),
            Fact(_("How often"), _(str(row["frequency"]))),
            *([Fact(_("Text"), str(row["description"]))] if row["description"] else []),
        ],
        listings=[Listing(_("Runs"), [_run(run) for run in runs], _("No run yet."))],
        **about(asking, "subscription", name),
    )


def _actions(name: str, status: str, owed: Sequence[Mapping[str, Any]]) -> list[Action]:
    known = [
        *((_("Charge it again"), "subscriptions/retry", str(run["due_on"])) for run in owed[:1]),
        *((_("It was paid otherwise"), "subscriptions/paid", str(run["due_on"])) for run in owed[:1]),
        *([(_("Pause"), "subscriptions/pause", "")] if status == "active" else []),
        *([(_("Resume"), "subscriptions/resume", "")] if status == "paused" else []),
        *([(_("End"), "subscriptions/end", "")] if status in ("active", "paused") else []),
    ]
    back = links.subscription(name)
    return [Action(words, path_of(command, back, subscription=name, due=due)) for words, command, due in known]


def _line(runs: Rows, currency: str) -> MoneyLine:
    paid, owed = (sum(int(run["amount_minor"]) for run in runs if run["status"] in states) for states in (_PAID, _OWED))
    terms = [
        Term(_("Runs that were due"), in_major(paid + owed, currency)),
        Term(_("Paid"), in_major(paid, currency), MINUS, "ok"),
    ]
    return MoneyLine(currency, terms, in_major(owed, currency), owed == 0, _("Not paid"))


def _run(run: Mapping[str, Any]) -> Entry:
    state, words = run_status(str(run["status"]))
    payment = run["paytrace_transaction_id"]
    second = [run["receipt"] or "", run["why"] or ""]
    if run["next_try_on"]:
        second.append(_("tried again on %(day)s", day=day_month(date.fromisoformat(run["next_try_on"]))))
    return Entry(
        day_month(date.fromisoformat(run["due_on"])),
        links.payment(payment) if payment else "",
        ", ".join(filter(None, second)),
        amount_of(run, "amount"),
        run["currency"],
        state,
        words,
    )
