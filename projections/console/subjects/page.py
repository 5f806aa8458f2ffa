"""What every page of a thing shows: status, money line, story, documents, who decided why, raw records folded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from projections.console import links
from projections.console.asking import Asking, Rows
from projections.console.language import N_, _, _n
from projections.console.shown import MINUS, Term, amount_of, day_month, instant, local, moment
from projections.console.states import status_of
from projections.console.story import by_day, decision_in_words, document_words, person, takes_back
from projections.console.waiting import Case

_DOCUMENT_STATES: Final = {"posted": "ok", "refused": "bad", "parked": "hold", "waiting": "dot", "discarded": "dash"}
_DOCUMENT_WORDS: Final = {
    "posted": N_("posted"),
    "refused": N_("refused"),
    "parked": N_("parked"),
    "waiting": N_("asked of abas"),
    "discarded": N_("discarded"),
}
_DECISIONS: Final = frozenset({"DecisionTaken", "DecisionRefused"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what is known; path leads to the page of what it names."""

    name: str
    text: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a list on a page: what it is, where it leads, its amount, its state."""

    text: str
    path: str = ""
    second: str = ""
    amount: str = ""
    currency: str = ""
    state: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list on a page: its title, its rows, and what is said where there is none."""

    title: str
    entries: Sequence[Entry]
    nothing: str


@dataclass(frozen=True, slots=True)
class MoneyLine:
    """An equation in one currency; end is what its last term is called.

    closes says whether that one is as it should be; None where it is neither good nor bad.
    """

    currency: str
    terms: Sequence[Term]
    left: str
    closes: bool | None
    end: str


@dataclass(frozen=True, slots=True)
class Action:
    """A decision that may be taken about a thing: its words, and its form."""

    words: str
    path: str


@dataclass(frozen=True, slots=True)
class Subject:
    """One page. crumbs is where it hangs: title and path; noun what it is, for who hears it."""

    crumbs: tuple[str, str]
    here: str
    noun: str
    name: str
    state: str
    words: str
    amount: str = ""
    currency: str = ""
    sub: str = ""
    lines: Sequence[MoneyLine] = ()
    cases: Sequence[Case] = ()
    actions: Sequence[Action] = ()
    facts: Sequence[Fact] = ()
    listings: Sequence[Listing] = ()
    days: Sequence[Mapping[str, Any]] = ()
    documents: Sequence[Mapping[str, str]] = ()
    decisions: Sequence[Mapping[str, str]] = ()
    raw: Sequence[Mapping[str, str]] = field(default_factory=tuple)

    @property
    def raw_count(self) -> str:
        """How many raw records there are."""
        return _n("%(n)s record", "%(n)s records", len(self.raw))


def about(asking: Asking, kind: str, name: str) -> dict[str, Any]:
    """Return what every page of a thing has: its story, payments, documents, decisions and raw records."""
    records = asking.rows("records_about", kind=kind, id=name)
    decided = [_decision(record) for record in records if record["record_type"] in _DECISIONS]
    return {
        "days": by_day(records, decided, zone=asking.day_zone),
        "documents": documents_of(asking.rows("documents_about", kind=kind, id=name)),
        "decisions": decisions_of(decided, asking.day_zone),
        "raw": raw_of(records),
    }


def payments_about(asking: Asking, kind: str, name: str) -> Rows:
    """Return the payments of a thing."""
    return asking.rows("payments_about", kind=kind, id=name)


def payments_listed(rows: Rows) -> Listing:
    """Return payments as a list of a page."""
    return Listing(_("Payments"), [_payment(row) for row in rows], _("No payment yet."))


def _payment(row: Mapping[str, Any]) -> Entry:
    state, words = status_of(str(row["state"]))
    return Entry(
        row["paytrace_transaction_id"],
        links.payment(row["paytrace_transaction_id"]),
        day_month(date.fromisoformat(row["opened_on"])),
        amount_of(row, "amount"),
        row["currency"],
        state,
        words,
    )


def _decision(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a decision of the journal as `decisions_about` shows one."""
    body = json.loads(record["body"])
    return {
        "occurred_at": record["occurred_at"],
        "outcome": "REFUSED" if record["record_type"] == "DecisionRefused" else "TAKEN",
        "decision": body["decision"],
        "decided_by": body["decided_by"],
        "approved_by": body.get("approved_by") or "",
        "reason": body["reason"],
        "refused_because": body.get("refused_because") or "",
    }


def documents_of(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return documents of abas with their kind, day and state."""
    return [_document(row) for row in rows]


def _document(row: Mapping[str, Any]) -> dict[str, str]:
    words = document_words(str(row["kind"]))
    on = row["posted_on"] or row["value_on"]
    second = f"{words[:1].upper()}{words[1:]}{', ' + day_month(date.fromisoformat(on)) if on else ''}"
    state, amount = str(row["state"]), amount_of(row, "amount")
    if state != "posted":
        said = _(_DOCUMENT_WORDS.get(state, state))
        second = f"{second}: {said}{', ' + row['message'] if row['message'] else ''}"
    return {
        "name": row["document_number"] or row["posting_reference"],
        "second": second,
        "amount": f"{MINUS}{amount}" if takes_back(str(row["kind"])) and not amount.startswith(MINUS) else amount,
        "currency": row["currency"],
        "state": _DOCUMENT_STATES.get(state, "dot"),
    }


def decisions_of(rows: Iterable[Mapping[str, Any]], zone: str) -> list[dict[str, str]]:
    """Return who decided what, when, and why."""
    found = []
    for row in rows:
        said, who = decision_in_words(row), person(str(row["decided_by"]))
        at = local(instant(row["occurred_at"]) or row["occurred_at"], zone)
        found.append(
            {
                "who": who,
                "what": said.say.removeprefix(who).strip(),
                "second": " ".join(filter(None, (f"{moment(at)}.", said.second))),
                "quote": said.quote,
            }
        )
    return found


def raw_of(records: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return records as consultants and auditors read them."""
    return [
        {
            "written": str(record["recorded_at"])[:19].replace("T", " "),
            "type": record["record_type"],
            "place": f"{record['source_topic']}/{record['source_partition']}/{record['source_offset']}",
            "from": record["caused_by"],
            "body": record["body"],
        }
        for record in records
    ]
