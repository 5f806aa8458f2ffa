"""What the words of a story mean here: under `waits` and `told` what people must see, under `refused` what must not be.

One table for each of the three. Every phrase of a story must be one that a table knows; then numbers, ids and kind are
looked for where people look: the reports, and the refusals of what is asked. Nobody is asked to believe a journal.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from projections.store.client import Store
from schemas.records.approvals import ApprovalRefused
from schemas.records.erp import PostDocument
from schemas.records.gateway import GatewayCallDone, GatewayCallRefused, ReleaseCharges
from schemas.records.ledger import BookAgain, LedgerDocumentRequested
from schemas.records.payments import PaymentCaptured
from schemas.records.receivables import ApplyOnAccount, DecisionRefused, DecisionTaken, PostAgain
from schemas.records.settlement import BankLineDismissed, DismissBankLine
from schemas.values.money import Money
from tests.accounting import stories
from tests.accounting.outcome import posted_documents
from tests.accounting.reported import Reports, Row
from tests.accounting.translation import Translation

_GATEWAY, _RECEIVABLES, _SETTLEMENT = "gateway.commands.v1", "receivables.inbox.v1", "settlement.inbox.v1"
_COUNTED = {"two": 2, "three": 3, "four": 4}
_CATEGORY = re.compile(r"(\w+) (-?\d+)")


class Seen:
    """A story as a person meets it: reports to read, and what may be asked for."""

    def __init__(self, translation: Translation, store: Store) -> None:
        """Read reports from this store, once one is asked."""
        self.translation = translation
        self._store = store

    @cached_property
    def reports(self) -> Reports:
        """The reports as of when the first one is asked."""
        return Reports(self.translation.world, self._store)

    def shown(self, minor: str | int) -> str:
        """Return an amount of the story as reports write it."""
        return str(Money(int(minor), self.translation.story.currency))

    def minor(self, major: str) -> int:
        """Return an amount that a phrase writes in major units; the stories that do have two decimals."""
        return int(major.replace(".", ""))

    def day(self, text: str) -> date:
        """Return the day that a phrase writes as month and day."""
        first = self.translation.story.by_day()[0][0]
        return date.fromisoformat(f"{first.year}-{text}" if len(text) == len("03-04") else text)

    def posted(self, kind: str, transaction: str | None = None) -> list[PostDocument]:
        """Return the documents of a kind that abas holds."""
        found = [command for command, _ in posted_documents(self.translation) if command.kind == kind]
        return [one for one in found if transaction in (None, one.values.get("paytrace_transaction_id"))]

    def open_items(self) -> list[dict[str, int | str]]:
        """Return the open items in abas, whatever is left of them."""
        return list(self.translation.world.sandbox.admin("GET", "books")["open_items"])

    async def refuses_charge(self, payment: str, invoice: str | None = None) -> bool:
        """Ask at abas for another charge of the payer of a payment; say whether it is refused with a reason."""
        request = await self.translation.request_charge(payment, invoice)
        refused = self.translation.world.records("gateway.outcomes.v1", GatewayCallRefused)
        return any(one.payment_request_id == request and one.message for one in refused)

    async def carries_out_charge(self, payment: str) -> bool:
        """Ask at abas for another charge; say whether it is carried out."""
        request = await self.translation.request_charge(payment)
        done = self.translation.world.records("gateway.outcomes.v1", GatewayCallDone)
        return any(one.payment_request_id == request for one in done)

    async def decides(self, command: PostAgain | ApplyOnAccount) -> bool:
        """Let a person decide; say whether the decision is taken, and not refused."""
        world = self.translation.world
        await world.write(_RECEIVABLES, command)
        await world.settle()
        answers = world.records("receivables.events.v1", DecisionTaken, DecisionRefused)
        return any(isinstance(one, DecisionTaken) and one.command_id == command.command_id for one in answers)


Check = Callable[[Seen, re.Match[str]], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A phrase, and how to find out whether it is so: after each event of the kind `after`, else at the end."""

    words: re.Pattern[str]
    check: Check
    after: type[stories.Event] | None = None


def _means(words: str, check: Check, after: type[stories.Event] | None = None) -> Meaning:
    return Meaning(re.compile(words), check, after)


# -- waits: it is visible with amount and reason, and a person can decide it -------------------------------------------


async def _bank_line_waits(seen: Seen, said: re.Match[str]) -> bool:
    day, translation = seen.day(said["day"]), seen.translation
    line = translation.bank_lines[f"bank_line {day}"]
    amount = next(
        one.amount for one in translation.story.given if isinstance(one, stories.BankLine) and one.date == day
    )
    rows = [one for one in seen.reports.rows("deposit_breaks") if one["id"] == line]
    if [(one["amount_minor"], bool(one["reason"] and one["detail"])) for one in rows] != [(amount, True)]:
        return False
    dismissal = DismissBankLine(
        settlement_account=rows[0]["settlement_account"],
        bank_line_id=line,
        requested_by="maria",
        authenticated_by="session",
        reason="not ours",
        requested_at=translation.world.tick(),
    )
    await translation.world.write(_SETTLEMENT, dismissal)
    await translation.world.settle()
    dismissed = translation.world.records("settlement.events.v1", BankLineDismissed)
    return any(one.bank_line_id == line for one in dismissed)


async def _entry_waits_for_correction(seen: Seen, said: re.Match[str]) -> bool:
    noticed = next(one for one in seen.translation.story.given if isinstance(one, stories.AchNoc))
    rows = seen.reports.rows("next_steps")
    is_shown = any(one["correct"] == said["data"] and one["is_held"] for one in rows)
    is_refused = await seen.refuses_charge(noticed.of, said["invoice"])
    customer = seen.translation.money[noticed.of].customer or ""
    release = ReleaseCharges(
        subject=f"vault/{customer}",
        vault_customer_id=customer,
        **seen.translation.decision(f"{said['data']} corrected"),
    )
    await seen.translation.world.write(_GATEWAY, release)
    await seen.translation.world.settle()
    return is_shown and is_refused and await seen.carries_out_charge(noticed.of)


async def _waits_for_a_rate(seen: Seen, said: re.Match[str]) -> bool:
    def is_it(row: Row) -> bool:
        wanted = (said["id"], "NO_RATE_YOUNG_ENOUGH", seen.translation.money[said["id"]].amount)
        return (row["paytrace_transaction_id"], row["reason"], row["signed_minor"]) == wanted

    first, last = (seen.reports.by_end_of(seen.day(said[name]), "waiting_money") for name in ("first", "last"))
    return any(map(is_it, first)) and not any(map(is_it, last))


async def _receipt_waits(seen: Seen, said: re.Match[str]) -> bool:
    rows = [one for one in seen.reports.rows("waiting_money") if one["paytrace_transaction_id"] == said["id"]]
    if [one["signed_minor"] for one in rows] != [seen.translation.money[said["id"]].amount]:
        return False
    closed = said["period"]
    year, _, month = (closed or "").partition("-")
    if closed and not ("PERIOD_CLOSED" in rows[0]["detail"] and f"{month}/{year}" in rows[0]["detail"]):
        return False
    row = rows[0]
    again = PostAgain(
        abas_customer_id=row["abas_customer_id"],
        posting_reference=row["posting_reference"],
        amount_minor=row["signed_minor"],
        currency=row["currency"],
        **seen.translation.decision("the period is open again"),
    )
    return await seen.decides(again)


async def _ledger_document_waits(seen: Seen, said: re.Match[str]) -> bool:
    year, month = said["period"].split("-")
    wanted = (said["kind"].replace(" ", "_"), int(said["minor"]))
    rows = [one for one in seen.reports.rows("ledger_waiting") if (one["kind"], one["amount_minor"]) == wanted]
    if len(rows) != 1 or f"{month}/{year}" not in rows[0]["detail"]:
        return False
    world = seen.translation.world
    again = BookAgain(
        settlement_account=rows[0]["settlement_account"],
        posting_reference=rows[0]["posting_reference"],
        **seen.translation.decision("the period is open again"),
    )
    await world.write("ledger.inbox.v1", again)
    await world.settle()
    asked = world.records("ledger.entries.v1", LedgerDocumentRequested)
    return len([one for one in asked if one.posting_reference == rows[0]["posting_reference"]]) > 1


WAITS: Sequence[Meaning] = (
    _means(r"bank line of (?P<day>\d\d-\d\d)", _bank_line_waits),
    _means(r"entry for (?P<invoice>\w+) until the (?P<data>.+) is corrected", _entry_waits_for_correction),
    _means(r"(?P<id>\w+) from (?P<first>\d\d-\d\d) to (?P<last>\d\d-\d\d): no rate young enough", _waits_for_a_rate),
    _means(
        r"(?P<kind>fee|deposit|reserve held) of (?P<minor>\d+): period (?P<period>\d{4}-\d\d) is closed",
        _ledger_document_waits,
    ),
    _means(r"receipt (?P<id>\w+)(?:: period (?P<period>\d{4}-\d\d) is closed)?", _receipt_waits),
)


# -- told: a report that people read says it, with these numbers and ids -----------------------------------------------


async def _fee_too_large(seen: Seen, said: re.Match[str]) -> bool:
    wanted = ("FEE_TOO_LARGE", int(said["amount"]), int(said["fee"]))
    rows = seen.reports.rows("deposit_breaks")
    return any((one["reason"], one["amount_minor"], one["difference_minor"]) == wanted for one in rows)


async def _rest_of_a_deposit(seen: Seen, said: re.Match[str]) -> bool:
    amount = int(said["minor"]) * (-1 if said["way"] == "less" else 1)
    words = f"deposit {said['deposit']}: {seen.shown(said['minor'])} {said['way']} than its parts explain"
    return seen.reports.ever(
        "deposit_breaks",
        lambda row: row["reason"] == "REST" and abs(row["amount_minor"]) == abs(amount) and words in row["detail"],
    )


async def _categories_without_account(seen: Seen, said: re.Match[str]) -> bool:
    words = f"deposit {said['deposit']}: net {seen.shown(said['net'])} in categories without an account"
    parts = [seen.shown(minor) for _, minor in _CATEGORY.findall(said["parts"]) if int(minor)]
    return seen.reports.ever(
        "deposit_breaks",
        lambda row: words in row["detail"] and all(part in row["detail"] for part in parts),
    )


async def _equal_candidates(seen: Seen, said: re.Match[str]) -> bool:
    names = said["names"].split(", ")
    return len(names) == _COUNTED[said["count"]] and any(
        one["reason"] == "SEVERAL_WAYS" and all(re.search(rf"\b{name}\b", one["detail"]) for name in names)
        for one in seen.reports.rows("deposit_breaks")
    )


async def _deadline_is_near(seen: Seen, said: re.Match[str]) -> bool:
    day = seen.day(said["day"])
    wanted = ("near", day.isoformat())
    is_case = seen.reports.ever("disputes", lambda row: (row["deadline"], row["deadline_on"]) == wanted, day)
    asks = seen.reports.ever("what_needs_a_person", lambda row: row["kind"] == "disputes to answer", day)
    return is_case and asks


async def _deadline_passed(seen: Seen, _said: re.Match[str]) -> bool:
    return seen.reports.ever("disputes", lambda row: row["deadline"] == "passed")


async def _more_than_is_left(seen: Seen, said: re.Match[str]) -> bool:
    words = f"{seen.shown(said['minor'])} more than is left of"
    rows = seen.reports.rows("explain", id=said["refund"])
    return any(words in row["detail"] and said["payment"] in row["detail"] for row in rows)


async def _unauthorised_return(seen: Seen, _said: re.Match[str]) -> bool:
    steps = seen.reports.rows("next_steps")
    stops = any(
        (one["class"], one["next_step"], bool(one["is_held"])) == ("unauthorised", "stop", True) for one in steps
    )
    rates = {one["rate"]: one for one in seen.reports.rows("ach_return_rates")}["unauthorised"]
    return stops and rates["returned_count"] > 0 and rates["limit_hundredths"] == 50 and rates["state"] != "fine"


async def _refund_came_back(seen: Seen, said: re.Match[str]) -> bool:
    needs = seen.reports.rows("what_needs_a_person")
    is_counted = any(
        (one["kind"], one["amount_minor"]) == ("refunds that came back", int(said["minor"])) for one in needs
    )
    rows = seen.reports.rows("refunds_that_came_back")
    wanted = (said["refund"], int(said["minor"]))
    return is_counted and any((one["paytrace_transaction_id"], one["owed_minor"]) == wanted for one in rows)


async def _correct_by(seen: Seen, said: re.Match[str]) -> bool:
    wanted = ("change", "correct", said["data"], said["day"])
    rows = seen.reports.rows("next_steps")
    return any((one["code_kind"], one["next_step"], one["correct"], one["correct_by_on"]) == wanted for one in rows)


async def _discount_too_late(seen: Seen, said: re.Match[str]) -> bool:
    words = f"{seen.shown(seen.minor(said['amount']))} short: discount taken too late"
    return seen.reports.ever("waiting_money", lambda row: words in row["detail"])


async def _parked_with_remedy(seen: Seen, said: re.Match[str]) -> bool:
    rows = seen.reports.rows("waiting_money")
    return any(
        one["waiting_since"].startswith(said["day"])
        and "reopen the period" in one["detail"]
        and "closed_period" in one["detail"]
        for one in rows
    )


async def _double_payment(seen: Seen, said: re.Match[str]) -> bool:
    words = f"likely a double payment of {said['invoice']},"
    rows = seen.reports.rows("unapplied_cash")
    return any(one["paytrace_transaction_id"] == said["id"] and words in one["detail"] for one in rows)


async def _declined_until(seen: Seen, said: re.Match[str]) -> bool:
    wanted = ("decline", said["class"], "again", seen.day(said["day"]).isoformat())
    rows = seen.reports.rows("next_steps")
    return any((one["code_kind"], one["class"], one["next_step"], one["again_on"]) == wanted for one in rows)


async def _other_card(seen: Seen, _said: re.Match[str]) -> bool:
    wanted = ("decline", "never", "stop", True)
    rows = seen.reports.rows("next_steps")
    return any((one["code_kind"], one["class"], one["next_step"], bool(one["is_held"])) == wanted for one in rows)


TOLD: Sequence[Meaning] = (
    _means(r"fee (?P<fee>\d+) is greater than the deposit (?P<amount>\d+)", _fee_too_large),
    _means(r"deposit (?P<deposit>\w+): (?P<minor>\d+) (?P<way>less|more) than its parts explain", _rest_of_a_deposit),
    _means(
        r"deposit (?P<deposit>\w+): net (?P<net>-?\d+) in categories without an account: (?P<parts>.+)",
        _categories_without_account,
    ),
    _means(r"(?P<count>two|three|four) equal candidates: (?P<names>.+)", _equal_candidates),
    _means(r"respond by (?P<day>\d\d-\d\d), told before that day", _deadline_is_near),
    _means(r"deadline in n days \(before (?P<day>\d\d-\d\d)\)", _deadline_is_near),
    _means(r"deadline passed", _deadline_passed),
    _means(r"(?P<refund>\w+) is (?P<minor>\d+) more than is left of (?P<payment>\w+)", _more_than_is_left),
    _means(
        r"unauthorised return: stop all entries to this account; counts towards the 0\.5 % limit", _unauthorised_return
    ),
    _means(r"refund (?P<refund>\w+) came back: (?P<minor>\d+) are owed to the customer", _refund_came_back),
    _means(
        r"correct (?P<data>.+) by (?P<day>\d{4}-\d\d-\d\d) or before the next entry, whichever is later", _correct_by
    ),
    _means(r"(?P<amount>\d+\.\d\d) short: discount taken too late", _discount_too_late),
    _means(r"parked since (?P<day>\d{4}-\d\d-\d\d) with remedy: reopen .+ or change the policy", _parked_with_remedy),
    _means(r"(?P<id>\w+) looks like a double payment of (?P<invoice>\w+)", _double_payment),
    _means(r"declined, (?P<class>soft|hard): next try (?P<day>\d\d-\d\d)", _declined_until),
    _means(r"ask the customer for another card", _other_card),
)


# -- refused: it is not in abas, and whoever asks for it gets a reason -------------------------------------------------


def _total(document: PostDocument) -> int:
    """Return the amount of a document: one of its two sides, minor units."""
    return sum(line.amount_minor for line in document.lines if line.side is document.lines[0].side)


async def _no_deposit(seen: Seen, _said: re.Match[str]) -> bool:
    return not seen.posted("deposit")


async def _never_above_its_amount(seen: Seen, _said: re.Match[str]) -> bool:
    return all(abs(int(one["open_minor"])) <= abs(int(one["amount_minor"])) for one in seen.open_items())


async def _not_sent_again(seen: Seen, _said: re.Match[str]) -> bool:
    returned = next(one.of for one in seen.translation.story.given if isinstance(one, stories.AchReturn))
    return await seen.refuses_charge(returned)


async def _not_reopened(seen: Seen, said: re.Match[str]) -> bool:
    return all(not one["open_minor"] for one in seen.open_items() if one["invoice"] == said["invoice"])


async def _return_is_no_payment(seen: Seen, _said: re.Match[str]) -> bool:
    returned = {one.of for one in seen.translation.story.given if isinstance(one, stories.AchReturn)}
    captured = seen.translation.world.records("payments.events.v1", PaymentCaptured)
    receipts = [seen.posted(kind, of) for of in returned for kind in ("cash_receipt", "on_account_receipt")]
    return not any(receipts) and not returned & {one.paytrace_transaction_id for one in captured}


async def _applied_at_most(seen: Seen, said: re.Match[str]) -> bool:
    applied = seen.posted("on_account_application")
    if sum(map(_total, applied)) > seen.minor(said["amount"]):
        return False
    item = next(iter(seen.open_items()))
    more = ApplyOnAccount(
        abas_customer_id=applied[0].subject,
        posting_reference=seen.posted("on_account_receipt")[0].posting_reference,
        abas_open_item_ids=(str(item["id"]),),
        part_amounts=(1,),
        currency=seen.translation.story.currency,
        **seen.translation.decision("one more"),
    )
    return not await seen.decides(more)


async def _no_discount(seen: Seen, _said: re.Match[str]) -> bool:
    return not seen.posted("cash_discount")


async def _approval_refused(seen: Seen, said: re.Match[str]) -> bool:
    refused = seen.translation.world.records("approvals.events.v1", ApprovalRefused)
    wanted = (said["by"], seen.day(said["day"]))
    return any((one.decided_by, one.occurred_at.date()) == wanted and one.refused_because for one in refused)


async def _not_income(seen: Seen, said: re.Match[str]) -> bool:
    rows = seen.reports.rows("unapplied_cash")
    is_shown = any(one["left_minor"] == seen.minor(said["amount"]) for one in rows)
    return is_shown and not seen.posted("write_off")


async def _not_dropped(seen: Seen, said: re.Match[str]) -> bool:
    kinds = ("cash_receipt", "on_account_receipt")
    held = [_total(one) for kind in kinds for one in seen.posted(kind, said["id"])]
    return sum(held) == seen.translation.money[said["id"]].amount


async def _never_negative(seen: Seen, said: re.Match[str]) -> bool:
    return all(int(one["open_minor"]) >= 0 for one in seen.open_items() if one["invoice"] == said["invoice"])


async def _no_further_try(seen: Seen, _said: re.Match[str]) -> bool:
    declined = next(one.id for one in seen.translation.story.given if isinstance(one, stories.Decline))
    return await seen.refuses_charge(declined) and await seen.refuses_charge(declined, "another invoice")


async def _no_capture_while_unknown(seen: Seen, said: re.Match[str]) -> bool:
    return await seen.refuses_charge(said["id"])


REFUSED: Sequence[Meaning] = (
    _means(r"turning the incoming line into an outgoing one of -\d+ by itself", _no_deposit),
    _means(r"choosing \w+ or \w+", _no_deposit),
    _means(r"showing the invoice open with more than its amount", _never_above_its_amount),
    _means(r"sending the entry again without a new authorisation", _not_sent_again),
    _means(r"reopening (?P<invoice>\w+)", _not_reopened),
    _means(r"reading the return as a new payment", _return_is_no_payment),
    _means(r"applying more than (?P<amount>\d+\.\d\d)", _applied_at_most),
    _means(r"booking Skonto: day \d+ of \d+", _no_discount),
    _means(r"(?P<day>\d\d-\d\d): approval by (?P<by>\w+) of (?:her|his) own proposal", _approval_refused),
    _means(r"writing the (?P<amount>\d+\.\d\d) off as income", _not_income),
    _means(r"dropping (?P<id>\w+) as a duplicate", _not_dropped),
    _means(r"posting (?P<invoice>\w+) to a negative open amount", _never_negative),
    _means(r"any further try with this card, also for another invoice", _no_further_try),
    _means(r"a second capture while (?P<id>\w+) is unknown", _no_capture_while_unknown, stories.OutcomeUnknown),
)


async def unmet(seen: Seen, after: stories.Event | None = None) -> AsyncIterator[str]:
    """Yield the phrases of a story that are not so, or that no table knows.

    `after` is the event that was just played; None at the end of the story.
    """
    expect = seen.translation.story.expect
    kind = None if after is None else type(after)
    for name, phrases, known in (
        ("told", expect.told, TOLD),
        ("waits", expect.waits, WAITS),
        ("refused", expect.refused, REFUSED),
    ):
        for phrase in phrases:
            meant = [(one, found) for one in known if (found := one.words.fullmatch(phrase))]
            if len(meant) != 1:
                if after is None:
                    yield f"{name}: {len(meant)} meanings in tests/accounting/meanings.py for {phrase!r}"
                continue
            meaning, found = meant[0]
            if meaning.after is kind and not await meaning.check(seen, found):
                yield f"{name}: nobody sees that {phrase!r}" if name != "refused" else f"refused: {phrase!r} is not"
