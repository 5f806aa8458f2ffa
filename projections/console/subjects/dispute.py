"""The page of a dispute: what it takes, until when it must be answered, and what became of its payment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from projections.console import links
from projections.console.asking import Asking
from projections.console.command_pages import path_of
from projections.console.language import _, _n
from projections.console.shown import MINUS, Term, amount_of, in_major, long_day
from projections.console.states import dispute_outcome
from projections.console.subjects.page import Action, Fact, MoneyLine, Subject, about, payments_about, payments_listed
from projections.reports.words import in_words


def page(asking: Asking, dispute_id: str, account: str) -> Subject | None:
    """Return the page of a dispute; account tells apart those of one id; None when there is none."""
    found = [
        row for row in asking.rows("disputes", dispute_id=dispute_id) if account in ("", row["settlement_account"])
    ]
    if not found:
        return None
    row = found[0]
    name = f"{row['settlement_account']}/{dispute_id}"
    state, words = _status(row, asking.today())
    opened = row["opened_on"]
    return Subject(
        crumbs=(_("Disputes"), "/disputes"),
        here="/disputes",
        noun=_("Dispute"),
        name=dispute_id,
        state=state,
        words=words,
        amount=amount_of(row, "disputed"),
        currency=str(row["currency"]),
        sub=_("opened on %(day)s", day=long_day(date.fromisoformat(opened))) if opened else "",
        lines=[_line(row)],
        actions=_actions(row),
        facts=_facts(row),
        listings=[payments_listed(payments_about(asking, "dispute", name))],
        **about(asking, "dispute", name),
    )


def _status(row: Mapping[str, Any], today: date) -> tuple[str, str]:
    if row["outcome"] != "open" or not row["deadline_on"]:
        return dispute_outcome(str(row["outcome"]))
    left = (date.fromisoformat(row["deadline_on"]) - today).days
    if left < 0:
        return "bad", _n("%(n)s day late", "%(n)s days late", -left)
    return "wait", _n("%(n)s day left for an answer", "%(n)s days left for an answer", left)


def _line(row: Mapping[str, Any]) -> MoneyLine:
    currency = str(row["currency"])
    taken, lost = int(row["charged_back_minor"]), int(row["lost_minor"])
    terms = [
        Term(_("Charged back"), in_major(taken, currency)),
        Term(_("Lost for good"), in_major(lost, currency), MINUS, "bad"),
    ]
    return MoneyLine(
        currency, terms, in_major(taken - lost, currency), True if taken == lost else None, _("Not decided yet")
    )


def _actions(row: Mapping[str, Any]) -> list[Action]:
    if row["outcome"] != "open":
        return []
    name, account = str(row["dispute_id"]), str(row["settlement_account"])
    back = links.dispute(account, name)
    known = (
        (_("Evidence is sent"), "dispute/evidence"),
        (_("Accept it"), "dispute/accept"),
        (_("State what happened"), "dispute/record"),
    )
    return [Action(words, path_of(command, back, dispute=name, account=account)) for words, command in known]


def _facts(row: Mapping[str, Any]) -> list[Fact]:
    stage = in_words(str(row["stage"]))
    facts = [
        Fact(_("Stage"), _(stage[:1].upper() + stage[1:])),
        Fact(_("Account"), str(row["settlement_account"])),
    ]
    if row["reason_code"]:
        facts.append(Fact(_("Reason code"), str(row["reason_code"])))
    if row["deadline_on"]:
        facts.append(Fact(_("Answer by"), long_day(date.fromisoformat(row["deadline_on"]))))
    if row["paytrace_transaction_id"]:
        facts.append(Fact(_("Payment"), row["paytrace_transaction_id"], links.payment(row["paytrace_transaction_id"])))
    return facts
