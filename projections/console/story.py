"""The story of one payment in words: one line for each thing that happened to its money, newest first, by day.

Made of the journals' records; a table below says which of them are news and how each is said. What repeats is said
once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from projections.console.reasons import reason_of
from projections.console.shown import UNITS, day_month, listed, local, long_day, money
from projections.reports.questions import major_units
from projections.reports.words import in_words

_HOW: Final = {"CARD": "by card", "ACH": "from the bank account"}


@dataclass(frozen=True, slots=True)
class Said:
    """One line: its mark, the sentence, a second line, a quotation, and an amount."""

    state: str
    icon: str
    say: str
    second: str = ""
    quote: str = ""
    amount: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story with its moment."""

    at: datetime
    said: Said


def by_day(
    records: Sequence[Mapping[str, Any]], decisions: Sequence[Mapping[str, Any]], *, zone: str
) -> list[dict[str, Any]]:
    """Return the story: days, the newest first, each with its lines."""
    lines = [*_of_records(records), *(_of_decision(row) for row in decisions)]
    lines.sort(key=lambda line: line.at, reverse=True)
    days: list[dict[str, Any]] = []
    for line in lines:
        here = local(line.at, zone)
        if not days or days[-1]["day"] != long_day(here.date()):
            days.append({"day": long_day(here.date()), "lines": []})
        days[-1]["lines"].append({"time": f"{here:%H:%M}", "said": line.said})
    return days


def _of_records(records: Sequence[Mapping[str, Any]]) -> list[Line]:
    lines: list[Line] = []
    known: set[tuple[str, str]] = set()
    sightings = 0
    for record in records:
        kind = str(record["record_type"])
        sightings += kind == "TransactionObserved"
        if not _is_news(record):
            continue
        body = json.loads(record["body"])
        said = _IN_WORDS[kind](_Body(body, str(record["currency"] or body.get("currency") or "")))
        if (said.say, said.amount) in known:
            continue
        known.add((said.say, said.amount))
        lines.append(Line(datetime.fromisoformat(record["recorded_at"]), said))
    if sightings > 1 and lines:
        words = (
            "PayTrace repeated it once more" if sightings == 2 else f"PayTrace repeated it {sightings - 1} more times"
        )
        first = lines[0]
        second = f"{first.said.second} {words}; nothing is counted twice.".strip()
        lines[0] = Line(first.at, replace(first.said, second=second))
    return lines


def _is_news(record: Mapping[str, Any]) -> bool:
    """Return whether a journal says it: the same record in an inbox is only on its way."""
    topic = str(record["source_topic"])
    return str(record["record_type"]) in _IN_WORDS and not topic.endswith((".inbox.v1", ".commands.v1"))


class _Body(Mapping[str, Any]):
    """A record's fields, and its amounts as people read them."""

    def __init__(self, fields: Mapping[str, Any], currency: str) -> None:
        self._fields = fields
        self.currency = currency

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Any:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def amount(self, name: str = "amount_minor", *, less: bool = False) -> str:
        """Return an amount; less puts a minus before it."""
        minor = self._fields.get(name)
        if minor is None:
            return ""
        major = major_units(-abs(int(minor)) if less else minor, self.currency)
        return f"{minor}{UNITS}" if major is None else money(major)

    def day(self, name: str) -> str:
        """Return a day in words; empty where there is none."""
        text = self._fields.get(name)
        return day_month(date.fromisoformat(str(text)[:10])) if text else ""

    def how(self) -> str:
        """Say how it was paid."""
        return _HOW.get(str(self._fields.get("method")), "")


def _dated(body: _Body) -> str:
    return f"Value date {body.day('value_on')}." if body.get("value_on") else ""


def _posted(body: _Body) -> Said:
    number, kind = body.get("document_number") or "", str(body.get("kind", ""))
    less = takes_back(kind)
    say = f"Posted in abas as {kind.replace('_', ' ')} {number}".strip()
    return Said("ok", "ok", say, _dated(body), amount=body.amount(less=less) or _of_lines(body, less=less))


def takes_back(kind: str) -> bool:
    """Return whether a document of this kind takes money off what was posted: a refund does, its reversal does not."""
    return (kind.startswith("chargeback") or "refund" in kind) != kind.endswith("_reversal")


def _of_lines(body: _Body, *, less: bool) -> str:
    lines = body.get("lines") or []
    return _Body(lines[0], str(lines[0].get("currency") or body.currency)).amount(less=less) if lines else ""


def _refused(body: _Body) -> Said:
    words = str(body.get("kind", "document")).replace("_", " ")
    return Said("bad", "bad", f"abas refused the {words}", quote=f"abas says: {body.get('message', '')}")


def _waits(body: _Body) -> Said:
    return Said(
        "wait", "wait", f"Waits: {reason_of(str(body.get('reason', ''))).title.lower()}", body.get("detail") or ""
    )


def _awaits(body: _Body) -> Said:
    if body.get("detail"):
        return Said("wait", "wait", "Waits: whose payment it is, is not known", str(body["detail"]))
    return Said("wait", "wait", "Waits: whose payment it is, is not known")


def _identified(body: _Body) -> Said:
    kind, _, name = str(body.get("identified_by", "")).partition(":")
    by = {"invoice": f"by invoice {name}", "order": f"by order {name}", "vault": "by the stored card or account",
          "card": "by a card that is known", "payment": "by a decision"}.get(kind, "")  # fmt: skip
    return Said("", "people", f"Recognised as customer {body.get('abas_customer_id', '')} {by}".strip())


def _matched(body: _Body) -> Said:
    evidence = [str(text) for text in body.get("evidence") or []]
    second = f"Because of {listed(evidence)}." if evidence else ""
    return Said(
        "",
        "equal",
        f"Belongs to invoice {body.get('invoice_number') or body.get('abas_open_item_id', '')}",
        second,
        amount=body.amount(),
    )


def _suggested(body: _Body) -> Said:
    names = " + ".join(body.get("invoice_numbers") or ())
    differs = listed(map(str, body["differs"])) if body.get("differs") else ""
    return Said("", "equal", f"Saldo suggests {names}", f"But it {differs}." if differs else "", amount=body.amount())


def _reversed(body: _Body) -> Said:
    words = {"ACH_RETURN": "returned by the bank", "VOID": "voided"}.get(
        str(body.get("reason")), in_words(str(body.get("reason", "")))
    )
    return Said("bad", "back", f"The money was {words}", _dated(body), amount=body.amount(less=True))


def _dispute(body: _Body) -> Said:
    fact = in_words(str(body.get("fact", ""))).lower()
    second = f"Reason {body['reason_code']}." if body.get("reason_code") else ""
    if body.get("deadline_on"):
        second = f"{second} Answer by {body.day('deadline_on')}.".strip()
    return Said(
        "wait", "scale", f"Dispute {body.get('dispute_id', '')}: {fact}", second, amount=body.amount("disputed_minor")
    )


def _handed(body: _Body) -> Said:
    return Said(
        "person",
        "person",
        f"{body.get('decided_by', 'A person')} left it to finance",
        quote=str(body.get("reason") or ""),
    )


def _moved(body: _Body) -> Said:
    return Said(
        "person",
        "people",
        f"Moved from customer {body.get('from_customer_id')} to {body.get('to_customer_id')}",
        amount=body.amount(),
    )


def _plain(
    state: str, icon: str, say: str, *, less: bool = False, amount: str = "amount_minor", dated: bool = False
) -> Callable[[_Body], Said]:
    def say_it(body: _Body) -> Said:
        words = say.format(
            how=body.how(),
            batch=body.get("batch_number") or "",
            code=body.get("return_code") or "",
            message=body.get("approval_message") or "",
            other=body.get("netted_with") or "",
        )
        return Said(
            state, icon, " ".join(words.split()), _dated(body) if dated else "", amount=body.amount(amount, less=less)
        )

    return say_it


_IN_WORDS: Mapping[str, Callable[[_Body], Said]] = {
    "PaymentAuthorized": _plain("", "card", "Authorised {how}"),
    "AchPaymentInitiated": _plain("", "bank", "Bank debit begun"),
    "PaymentCaptured": _plain("", "card", "Captured {how}", dated=True),
    "CaptureAmountChanged": _plain("wait", "differ", "The captured amount changed"),
    "PaymentSettled": _plain("", "bank", "Settled by the processor in batch {batch}"),
    "PaymentVoided": _plain("", "back", "Voided", less=True, dated=True),
    "PaymentDeclined": _plain("bad", "bad", "Declined: {message}"),
    "AchPaymentFailed": _plain("bad", "bad", "The bank debit failed"),
    "AchPaymentReturned": _plain("bad", "back", "Returned by the bank, code {code}"),
    "CaptureReversed": _reversed,
    "RefundIssued": _plain("", "back", "Refund issued", less=True, dated=True),
    "RefundApplied": _plain("", "back", "Refunded", less=True),
    "RefundSettled": _plain("", "bank", "Refund settled by the processor in batch {batch}", less=True),
    "RefundReversed": _plain("", "back", "The refund was voided"),
    "PaymentChargedBack": _plain("bad", "scale", "Charged back", less=True),
    "PaymentChargebackReversed": _plain("ok", "scale", "The chargeback was reversed", amount="previous_minor"),
    "PaymentChargebackLost": _plain("bad", "scale", "The dispute is lost", less=True, amount="lost_minor"),
    "PaymentStatusUnrecognized": _plain("wait", "wait", "PayTrace holds it in words that can't be read"),
    "PaymentContradicted": _plain("bad", "bad", "PayTrace says something that can't be"),
    "PaymentValued": _plain("", "equal", "Valued in the currency of the books"),
    "PaymentIdentified": _identified,
    "PaymentAwaitsReference": _awaits,
    "EntryWaiting": _waits,
    "MatchSuggested": _suggested,
    "PaymentMatched": _matched,
    "RefundMatched": _plain("", "equal", "Found to give the payment back", less=True),
    "EntrySplit": _plain("", "equal", "Split into parts"),
    "EntryPutOnAccount": _plain("", "inbox", "Put on account"),
    "EntryUnmatched": _plain("wait", "back", "The match was taken back"),
    "EntryNetted": _plain("", "equal", "Cancelled out with {other} before posting"),
    "EntryMoved": _moved,
    "EntryHandedOver": _handed,
    "DocumentPosted": _posted,
    "DocumentRefused": _refused,
    "DisputeRecorded": _dispute,
}
_DECIDED: Final = {
    "CONFIRM": "confirmed the suggestion",
    "REJECT": "rejected what was suggested",
    "SPLIT": "split the payment",
    "WRITE_OFF": "wrote off the rest",
    "REVERSE_WRITE_OFF": "took the write-off back",
    "ON_ACCOUNT": "put it on account",
    "APPLY": "applied it to invoices",
    "UNMATCH": "took the match back",
    "POST_AGAIN": "asked abas again",
    "ASSIGN_CUSTOMER": "named the customer",
    "REASSIGN": "moved it to another customer",
    "REMEMBER": "remembered the payer",
    "FORGET": "forgot the payer",
    "MATCH_REFUND": "named the payment of the refund",
    "REFUND_ON_ACCOUNT": "put the refund on account",
    "HAND_OVER": "left it to finance",
}


def _of_decision(row: Mapping[str, Any]) -> Line:
    return Line(datetime.fromisoformat(row["occurred_at"]), decision_in_words(row))


def decision_in_words(row: Mapping[str, Any]) -> Said:
    """Say who decided what, with the reason as a quotation."""
    code = str(row["decision"])
    words = _DECIDED.get(code) or f"decided: {in_words(code)}"
    who = person(str(row["decided_by"]))
    if row["outcome"] == "REFUSED":
        return Said(
            "bad", "person", f"{who} {words}, which was refused", str(row["refused_because"]), f"“{row['reason']}”"
        )
    second = f"Approved by {person(str(row['approved_by']))}." if row["approved_by"] else ""
    return Said("person", "person", f"{who} {words}", second, f"“{row['reason']}”")


def person(name: str) -> str:
    """Return a person as a story names one; in one-user mode that is the login of the machine."""
    return name.removeprefix("single-user:")
