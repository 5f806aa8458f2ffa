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

from projections.console.language import N_, _, _n, listed
from projections.console.reasons import reason_of
from projections.console.shown import UNITS, day_month, local, long_day, money
from projections.reports.questions import major_units
from projections.reports.words import in_words

_HOW: Final = {"CARD": N_("by card"), "ACH": N_("from the bank account")}


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
        words = _n(
            "PayTrace repeated it once more; nothing is counted twice.",
            "PayTrace repeated it %(n)s more times; nothing is counted twice.",
            sightings - 1,
        )
        first = lines[0]
        second = f"{first.said.second} {words}".strip()
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
        words = _HOW.get(str(self._fields.get("method")), "")
        return _(words) if words else ""


def _dated(body: _Body) -> str:
    return _("Value date %(day)s.", day=body.day("value_on")) if body.get("value_on") else ""


def _posted(body: _Body) -> Said:
    number, kind = body.get("document_number") or "", str(body.get("kind", ""))
    less = takes_back(kind)
    say = _("Posted in abas as %(kind)s %(number)s", kind=document_words(kind), number=number).strip()
    return Said("ok", "ok", say, _dated(body), amount=body.amount(less=less) or _of_lines(body, less=less))


def document_words(kind: str) -> str:
    """Return the kind of a document as people say it."""
    return _(kind.replace("_", " "))


def takes_back(kind: str) -> bool:
    """Return whether a document of this kind takes money off what was posted: a refund does, its reversal does not."""
    return (kind.startswith("chargeback") or "refund" in kind) != kind.endswith("_reversal")


def _of_lines(body: _Body, *, less: bool) -> str:
    lines = body.get("lines") or []
    return _Body(lines[0], str(lines[0].get("currency") or body.currency)).amount(less=less) if lines else ""


def _refused(body: _Body) -> Said:
    words = document_words(str(body.get("kind", "document")))
    said = _("abas says: %(words)s", words=body.get("message", ""))
    return Said("bad", "bad", _("abas refused: %(what)s", what=words), quote=said)


def _waits(body: _Body) -> Said:
    title = reason_of(str(body.get("reason", ""))).title
    return Said("wait", "wait", _("Waits: %(what)s", what=title), body.get("detail") or "")


def _awaits(body: _Body) -> Said:
    return Said("wait", "wait", _("Waits: whose payment it is, is not known"), str(body.get("detail") or ""))


def _identified(body: _Body) -> Said:
    kind, _colon, name = str(body.get("identified_by", "")).partition(":")
    by = {
        "invoice": _("by invoice %(name)s", name=name),
        "order": _("by order %(name)s", name=name),
        "vault": _("by the stored card or account"),
        "card": _("by a card that is known"),
        "payment": _("by a decision"),
    }.get(kind, "")
    say = _("Recognised as customer %(customer)s %(by)s", customer=body.get("abas_customer_id", ""), by=by)
    return Said("", "people", say.strip())


def _matched(body: _Body) -> Said:
    evidence = [str(text) for text in body.get("evidence") or []]
    second = _("Because of %(evidence)s.", evidence=listed(evidence)) if evidence else ""
    number = body.get("invoice_number") or body.get("abas_open_item_id", "")
    return Said("", "equal", _("Belongs to invoice %(number)s", number=number), second, amount=body.amount())


def _suggested(body: _Body) -> Said:
    names = " + ".join(body.get("invoice_numbers") or ())
    differs = listed(map(str, body["differs"])) if body.get("differs") else ""
    second = _("But it %(differs)s.", differs=differs) if differs else ""
    return Said("", "equal", _("Saldo suggests %(names)s", names=names), second, amount=body.amount())


def _reversed(body: _Body) -> Said:
    why = str(body.get("reason", ""))
    words = {"ACH_RETURN": _("The money was returned by the bank"), "VOID": _("The money was voided")}.get(why)
    say = words or _("The money went back: %(why)s", why=in_words(why))
    return Said("bad", "back", say, _dated(body), amount=body.amount(less=True))


def _dispute(body: _Body) -> Said:
    second = _("Reason code %(code)s.", code=body["reason_code"]) if body.get("reason_code") else ""
    if body.get("deadline_on"):
        second = f"{second} {_('Answer by %(day)s.', day=body.day('deadline_on'))}".strip()
    say = _(
        "Dispute %(id)s: %(fact)s", id=body.get("dispute_id", ""), fact=_(in_words(str(body.get("fact", ""))).lower())
    )
    return Said("wait", "scale", say, second, amount=body.amount("disputed_minor"))


def _handed(body: _Body) -> Said:
    who = person(str(body.get("decided_by") or "")) or _("A person")
    return Said("person", "person", _("%(who)s left it to finance", who=who), quote=str(body.get("reason") or ""))


def _moved(body: _Body) -> Said:
    say = _(
        "Moved from customer %(one)s to %(other)s", one=body.get("from_customer_id"), other=body.get("to_customer_id")
    )
    return Said("person", "people", say, amount=body.amount())


def _item(body: _Body) -> Said:
    number = body.get("invoice_number") or body.get("abas_open_item_id", "")
    if not body.get("is_open"):
        return Said("ok", "ok", _("abas shows invoice %(number)s as settled", number=number))
    say = _("abas shows invoice %(number)s with %(open)s open", number=number, open=body.amount("open_minor"))
    due = _("Due on %(day)s.", day=body.day("due_on")) if body.get("due_on") else ""
    return Said("", "inbox", say, due, amount=body.amount())


def _ordered(body: _Body) -> Said:
    status = _("Status in the shop: %(status)s.", status=body.get("raw_status") or body.get("status") or "")
    say = _("Order %(number)s in the shop", number=body.get("order_number", ""))
    return Said("", "inbox", say, status, amount=body.amount("total_minor"))


def _order_paid(body: _Body) -> Said:
    say = _("PayTrace about its payment: %(status)s", status=_(in_words(str(body.get("status", ""))).lower()))
    name = "captured_minor" if body.get("captured_minor") else "authorized_minor"
    return Said("", "card", say, str(body.get("detail") or ""), amount=body.amount(name))


def _decided_by(say: str) -> Callable[[_Body], Said]:
    """Say who did something, with the reason as a quotation."""

    def say_it(body: _Body) -> Said:
        who = person(str(body.get("decided_by") or body.get("requested_by") or ""))
        what = _(in_words(str(body.get("decision") or body.get("change") or "")).lower())
        why = str(body.get("reason") or "")
        quote = f"“{why}”" if why else ""
        if not who:
            return Said("", "equal", _(say) % {"who": "Saldo", "what": what}, quote=quote)
        return Said("person", "person", _(say) % {"who": who, "what": what}, quote=quote)

    return say_it


def _run(body: _Body) -> Said:
    status = _(in_words(str(body.get("status", ""))).lower())
    say = _("Run of %(day)s: %(status)s", day=body.day("due_on"), status=status)
    return Said("", "card", say, str(body.get("why") or ""), amount=body.amount())


def _linked(body: _Body) -> Said:
    who, why = person(str(body.get("decided_by") or "")), str(body.get("reason") or "")
    say = _("Vault customer %(name)s is this customer", name=body.get("vault_customer_id", ""))
    return Said(
        "person" if who else "", "people", say, ", ".join(body.get("evidence") or ()), f"“{why}”" if why else ""
    )


def _plain(
    state: str, icon: str, say: str, *, less: bool = False, amount: str = "amount_minor", dated: bool = False
) -> Callable[[_Body], Said]:
    def say_it(body: _Body) -> Said:
        words = _(say) % {
            "how": body.how(),
            "batch": body.get("batch_number") or "",
            "code": body.get("return_code") or body.get("code") or "",
            "message": body.get("approval_message") or body.get("message") or "",
            "other": body.get("netted_with") or "",
            "day": body.day("deadline_on") or body.day("due_on"),
            "name": body.get("abas_customer_id") or body.get("erp_number") or body.get("abas_document_number") or "",
            "detail": body.get("detail") or "",
        }
        return Said(
            state, icon, " ".join(words.split()), _dated(body) if dated else "", amount=body.amount(amount, less=less)
        )

    return say_it


_IN_WORDS: Mapping[str, Callable[[_Body], Said]] = {
    "PaymentAuthorized": _plain("", "card", N_("Authorised %(how)s")),
    "AchPaymentInitiated": _plain("", "bank", N_("Bank debit begun")),
    "PaymentCaptured": _plain("", "card", N_("Captured %(how)s"), dated=True),
    "CaptureAmountChanged": _plain("wait", "differ", N_("The captured amount changed")),
    "PaymentSettled": _plain("", "bank", N_("Settled by the processor in batch %(batch)s")),
    "PaymentVoided": _plain("", "back", N_("Voided"), less=True, dated=True),
    "PaymentDeclined": _plain("bad", "bad", N_("Declined: %(message)s")),
    "AchPaymentFailed": _plain("bad", "bad", N_("The bank debit failed")),
    "AchPaymentReturned": _plain("bad", "back", N_("Returned by the bank, code %(code)s")),
    "CaptureReversed": _reversed,
    "RefundIssued": _plain("", "back", N_("Refund issued"), less=True, dated=True),
    "RefundApplied": _plain("", "back", N_("Refunded"), less=True),
    "RefundSettled": _plain("", "bank", N_("Refund settled by the processor in batch %(batch)s"), less=True),
    "RefundReversed": _plain("", "back", N_("The refund was voided")),
    "PaymentChargedBack": _plain("bad", "scale", N_("Charged back"), less=True),
    "PaymentChargebackReversed": _plain("ok", "scale", N_("The chargeback was reversed"), amount="previous_minor"),
    "PaymentChargebackLost": _plain("bad", "scale", N_("The dispute is lost"), less=True, amount="lost_minor"),
    "PaymentStatusUnrecognized": _plain("wait", "wait", N_("PayTrace holds it in words that can't be read")),
    "PaymentContradicted": _plain("bad", "bad", N_("PayTrace says something that can't be")),
    "PaymentValued": _plain("", "equal", N_("Valued in the currency of the books")),
    "PaymentIdentified": _identified,
    "PaymentAwaitsReference": _awaits,
    "EntryWaiting": _waits,
    "MatchSuggested": _suggested,
    "PaymentMatched": _matched,
    "RefundMatched": _plain("", "equal", N_("Found to give the payment back"), less=True),
    "EntrySplit": _plain("", "equal", N_("Split into parts")),
    "EntryPutOnAccount": _plain("", "inbox", N_("Put on account")),
    "EntryUnmatched": _plain("wait", "back", N_("The match was taken back")),
    "EntryNetted": _plain("", "equal", N_("Cancelled out with %(other)s before posting")),
    "EntryMoved": _moved,
    "EntryHandedOver": _handed,
    "DocumentPosted": _posted,
    "DocumentRefused": _refused,
    "DisputeRecorded": _dispute,
    "DisputeDeadlineSet": _plain("", "scale", N_("Must be answered by %(day)s")),
    "DisputeDeadlineNear": _plain("wait", "scale", N_("The last day for an answer is near: %(day)s")),
    "DisputeDeadlinePassed": _plain("bad", "scale", N_("The last day for an answer has passed: %(day)s")),
    "OpenItemRecorded": _item,
    "OrderPlaced": _ordered,
    "OrderChanged": _ordered,
    "OrderGone": _plain("wait", "dash", N_("The order is gone from the shop")),
    "OrderInReview": _plain("wait", "differ", N_("The order does not add up")),
    "OrderReviewEnded": _plain("ok", "equal", N_("The order adds up again")),
    "ShopRefundSeen": _plain("", "back", N_("Refunded in the shop"), less=True),
    "OrderPaymentReported": _order_paid,
    "OrderCustomerFound": _plain("", "people", N_("Its customer is %(name)s")),
    "RecordSaved": _plain("ok", "ok", N_("abas has it as %(name)s")),
    "RecordRefused": _plain("bad", "bad", N_("abas refused it: %(message)s")),
    "OrderMoneyReported": _plain("ok", "ok", N_("Money booked in abas as %(name)s")),
    "ShopWritten": _plain("ok", "ok", N_("Written into the shop")),
    "ShopWriteRefused": _plain("bad", "bad", N_("The shop refused it: %(message)s")),
    "OrderWaiting": _waits,
    "OrderWaitEnded": _plain("ok", "equal", N_("It goes on")),
    "OrderDecided": _decided_by(N_("%(who)s decided: %(what)s")),
    "SubscriptionSet": _decided_by(N_("%(who)s set the terms")),
    "SubscriptionChanged": _decided_by(N_("%(who)s changed it: %(what)s")),
    "SubscriptionRunChanged": _run,
    "RunChargeAsked": _plain("", "card", N_("PayTrace was asked to charge the run of %(day)s")),
    "CustomerLinked": _linked,
    "CustomerUnlinked": _plain("wait", "people", N_("The link to its vault customer ended")),
    "DepositMatched": _decided_by(N_("%(who)s explained it by lines that PayTrace settled")),
    "DepositMatchSuggested": _plain("", "equal", N_("Saldo suggests what it pays out")),
    "DepositBreakFound": _plain("wait", "wait", N_("Nothing explains it yet")),
    "DepositMatchRejected": _decided_by(N_("%(who)s rejected what was suggested")),
    "DepositUnmatched": _decided_by(N_("%(who)s took the explanation back")),
    "BankLineDismissed": _decided_by(N_("%(who)s said that it is not PayTrace money")),
    "BankTransferRecorded": _decided_by(N_("%(who)s took it for a payment of a customer")),
}
_DECIDED: Final = {
    "CONFIRM": N_("%(who)s confirmed the suggestion"),
    "REJECT": N_("%(who)s rejected what was suggested"),
    "SPLIT": N_("%(who)s split the payment"),
    "WRITE_OFF": N_("%(who)s wrote off the rest"),
    "REVERSE_WRITE_OFF": N_("%(who)s took the write-off back"),
    "ON_ACCOUNT": N_("%(who)s put it on account"),
    "APPLY": N_("%(who)s applied it to invoices"),
    "UNMATCH": N_("%(who)s took the match back"),
    "POST_AGAIN": N_("%(who)s asked abas again"),
    "ASSIGN_CUSTOMER": N_("%(who)s named the customer"),
    "REASSIGN": N_("%(who)s moved it to another customer"),
    "REMEMBER": N_("%(who)s remembered the payer"),
    "FORGET": N_("%(who)s forgot the payer"),
    "MATCH_REFUND": N_("%(who)s named the payment of the refund"),
    "REFUND_ON_ACCOUNT": N_("%(who)s put the refund on account"),
    "HAND_OVER": N_("%(who)s left it to finance"),
}


def _of_decision(row: Mapping[str, Any]) -> Line:
    return Line(datetime.fromisoformat(row["occurred_at"]), decision_in_words(row))


def decision_in_words(row: Mapping[str, Any]) -> Said:
    """Say who decided what, with the reason as a quotation."""
    code, who = str(row["decision"]), person(str(row["decided_by"]))
    words = (
        _(_DECIDED[code], who=who) if code in _DECIDED else _("%(who)s decided: %(what)s", who=who, what=in_words(code))
    )
    quote = f"“{row['reason']}”"
    if row["outcome"] == "REFUSED":
        return Said("bad", "person", _("%(what)s, which was refused", what=words), str(row["refused_because"]), quote)
    approver = person(str(row["approved_by"]))
    second = _("Approved by %(who)s.", who=approver) if approver else ""
    return Said("person", "person", words, second, quote)


def person(name: str) -> str:
    """Return a person as a story names one; in one-user mode that is the login of the machine."""
    return name.removeprefix("single-user:")
