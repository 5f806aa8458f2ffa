"""What a story ended in, as abas' books and our journals show it, held against what it expects.

Balances, open items and documents are read from the sandbox's books alone. Our own commands say only of which kind a
document with our reference is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from schemas.records.erp import PostDocument
from schemas.records.gateway import GatewayCallDone
from schemas.records.payments import PaymentChargebackReversed, PaymentChargedBack
from tests.accounting import stories
from tests.accounting.house import accounts_of
from tests.accounting.translation import Translation

Roles = dict[str, dict[str, int]]  # currency -> role -> minor units, debit positive; none is zero

# A discount counts as a write-off, money on account as well whoever put it there, money back as a reversal.
_COUNTED_AS = {
    "cash_receipt_reversal": "reversal",
    "on_account_refund": "reversal",
    "on_account_receipt_reversal": "reversal",
    "credit_memo_refund": "reversal",
    "credit_memo_refund_reversal": "reversal",
    "write_off_reversal": "reversal",
    "on_account_receipt": "on_account",
    "on_account_application": "on_account",
    "credit_memo_application": "on_account",
    "cash_receipt_chargeback": "chargeback",
    "on_account_chargeback": "chargeback",
    "cash_receipt_chargeback_returned": "chargeback_reversal",
    "on_account_chargeback_returned": "chargeback_reversal",
    "cash_discount": "write_off",
    "converted_receipt": "cash_receipt",
    "conversion_difference": "exchange_difference",
    "converted_receipt_reversal": "reversal",
    "cash_discount_reversal": "reversal",
}
# Documents of one transaction that the stories count as one: a capture over several invoices, a refund that is divided.
_ONE_PER_TRANSACTION = frozenset({"cash_receipt", "reversal", "chargeback", "chargeback_reversal"})
# The stories list no document for a claim that moves from one account to the other (docs/adr/0093).
_NOT_COUNTED = frozenset({"chargeback_lost", "chargeback_lost_reversal"})
_ITEM, _CREDIT = "item", "credit"


def balances(translation: Translation, through: date | None = None) -> tuple[Roles, dict[str, int]]:
    """Return the balances per role in each currency, and in the currency of the books, at the end of a day."""
    asked = {} if through is None else {"through": through.isoformat()}
    rows = translation.world.admin("balances", asked)["balances"]
    role_of = accounts_of(translation.story)
    held: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    base: dict[str, int] = defaultdict(int)
    for row in rows:
        role = _role(row, role_of)
        held[row["currency"]][role] += row["minor"]
        base[role] += row["base_minor"] or 0
    return (
        {currency: found for currency, roles in held.items() if (found := _without_zeros(roles))},
        _without_zeros(base),
    )


def _role(row: Mapping[str, Any], role_of: Mapping[str, str]) -> str:
    if not row["account"].startswith("K "):
        return role_of.get(row["account"], f"account {row['account']}")
    match row["part"]:
        case "item":
            return "receivable"
        case "credit":
            return "refund_liability"
        case "account" if row["minor"] > 0 or (row["minor"] == 0 and (row["base_minor"] or 0) > 0):
            return "receivable"
        case _:
            return "on_account"


def differences(translation: Translation, at: Mapping[date, Roles]) -> Iterator[str]:
    """Yield what is otherwise than the story expects, in words.

    Shapes: at are the balances as they were at the end of each day that the story names.
    """
    expect = translation.story.expect
    held, base = balances(translation)
    yield from _compared("balances", held, _roles(expect.balances))
    for day, roles in expect.at.items():
        yield from _compared(f"balances at {day}", at.get(day, {}), _roles(roles))
    if expect.base_balances:
        yield from _compared("base balances", {"base": base}, {"base": _without_zeros(expect.base_balances)})
    yield from _invoices(translation)
    yield from _documents(translation)
    yield from _reactions(translation)
    yield from _people(translation)


def _compared(what: str, found: Roles, expected: Roles) -> Iterator[str]:
    for currency in sorted({*found, *expected}):
        have, want = found.get(currency, {}), expected.get(currency, {})
        for role in sorted({*have, *want}):
            if have.get(role, 0) != want.get(role, 0):
                yield f"{what} {currency}: {role} is {have.get(role, 0)}, expected {want.get(role, 0)}"


def _roles(expected: stories.Balances) -> Roles:
    return {currency: found for currency, roles in expected.items() if (found := _without_zeros(roles))}


def _without_zeros(roles: Mapping[str, int]) -> dict[str, int]:
    return {role: minor for role, minor in roles.items() if minor}


# -- invoices ----------------------------------------------------------------------------------------------------------


def _invoices(translation: Translation) -> Iterator[str]:
    books = translation.world.sandbox.admin("GET", "books")
    by_number = {item["invoice"]: item for item in books["open_items"]}
    for number, expected in translation.story.expect.invoices.items():
        item = by_number.get(number)
        if item is None:
            yield f"invoice {number} is not in abas"
            continue
        if item["open_minor"] != expected.open:
            yield f"invoice {number}: open is {item['open_minor']}, expected {expected.open}"
        state = _state(translation, item, books)
        if state != expected.state:
            yield f"invoice {number}: state is {state!r}, expected {expected.state!r}"


def _state(translation: Translation, item: Mapping[str, Any], books: Mapping[str, Any]) -> str:
    """Say in what state an invoice is: by abas' books, and by money that we know of and abas does not."""
    number, open_minor = item["invoice"], item["open_minor"]
    credited = sum(-one["amount_minor"] for one in books["open_items"] if one["credits"] == number)
    was_paid = any(one["invoice"] == number for one in books["documents"]) or item["id"] in _items_in_entries(books)
    left = item["amount_minor"] - credited
    if open_minor == 0:
        state = "paid"
    elif open_minor == left:
        state = "open again" if was_paid else "open"
    else:
        state = "partly paid"
    if credited and state != "partly paid":
        state += ", credited in full" if credited == item["amount_minor"] else f", credited {credited}"
    disputed = _disputed(translation, number)
    if disputed and open_minor == 0:
        state += f", disputed {disputed}"
    return state + (_under_way(translation, number) if open_minor else "")


def _items_in_entries(books: Mapping[str, Any]) -> set[str]:
    return {row.get("open_item", "") for entry in books["entries"] for row in entry["rows"]}


def _payments_of(translation: Translation, number: str) -> set[str]:
    return {id_ for id_, money in translation.money.items() if number in (money.invoice or "").split(", ")}


def _disputed(translation: Translation, number: str) -> int:
    """Return what disputes take now of the payments of an invoice, as long as they may still be won."""
    taken: dict[str, int] = {}
    payments = _payments_of(translation, number)
    for event in translation.world.journals():
        is_dispute = isinstance(event, PaymentChargedBack | PaymentChargebackReversed)
        if is_dispute and event.paytrace_transaction_id in payments:
            taken[event.dispute_id] = event.amount_minor
    return sum(taken.values())


def _under_way(translation: Translation, number: str) -> str:
    """Say whether money for an invoice is known and not booked."""
    statuses = {translation.money[id_].status.value for id_ in _payments_of(translation, number)}
    if "ACH_PENDING" in statuses:
        return ", payment under way"
    is_known = statuses & {"PENDING_SETTLEMENT", "SETTLED", "ACH_CLEARED"}
    booked = {one.values.get("paytrace_transaction_id") for one, _ in posted_documents(translation)}
    return ", payment known but not booked" if is_known and not _payments_of(translation, number) & booked else ""


# -- documents ---------------------------------------------------------------------------------------------------------


def posted_documents(translation: Translation) -> list[tuple[PostDocument, Mapping[str, Any]]]:
    """Return every document that abas holds under a reference of ours, with the command that asked for it."""
    books = translation.world.sandbox.admin("GET", "books")
    asked = {one.posting_reference: one for one in translation.world.records("erp.commands.v1", PostDocument)}
    held = [*books["documents"], *books["entries"]]
    return [(asked[one["posting_reference"]], one) for one in held if one["posting_reference"] in asked]


def _documents(translation: Translation) -> Iterator[str]:
    books = translation.world.sandbox.admin("GET", "books")
    posted = posted_documents(translation)
    strangers = len(books["documents"]) + len(books["entries"]) - len(posted)
    if strangers:
        yield f"documents: {strangers} that nobody asked for"
    found: Counter[str] = Counter()
    seen: set[tuple[str, ...]] = set()
    for command, _ in posted:
        kind = _COUNTED_AS.get(command.kind, command.kind)
        if kind in _NOT_COUNTED:
            continue
        transaction = command.values.get("paytrace_transaction_id", "")
        # A dispute takes and gives more than once.
        dispute = command.values.get("dispute", "")
        moved_on = command.values["value_on"] if dispute else ""
        # A refund that comes back is one of its own.
        group = (kind, transaction, command.lines[0].side.value, dispute, moved_on)
        if kind in _ONE_PER_TRANSACTION and transaction and group in seen:
            continue
        seen.add(group)
        found[kind] += 1
    expected = Counter(translation.story.expect.documents)
    for kind in sorted({*found, *expected}):
        if found[kind] != expected[kind]:
            yield f"documents: {found[kind]} {kind}, expected {expected[kind]}"
    for id_, day in translation.story.expect.document_date.items():
        days = {_dated(one) for command, one in posted if command.values.get("paytrace_transaction_id") == id_}
        if days != {day.isoformat()}:
            yield f"document of {id_} is dated {', '.join(sorted(days)) or 'nowhere'}, expected {day}"


def _dated(document: Mapping[str, Any]) -> str:
    return str(document.get("posted_on") or document.get("value_on"))


# -- what the product adds by its own rules ----------------------------------------------------------------------------


def _reactions(translation: Translation) -> Iterator[str]:
    """Yield the reactions of a story for which abas holds no document of that day and those amounts.

    Money on account may pay an invoice sooner than a story says: Saldo applies it as soon as the invoice is there.
    """
    posted = posted_documents(translation)
    items = {id_: number for number, id_ in translation.items.items()}
    for reaction in translation.story.expect.reactions:
        of_payment = [one for one, _ in posted if one.values.get("paytrace_transaction_id") == reaction.get("id")]
        if reaction["event"] == "taken_up_again":
            days = {one.occurred_at.date() for one in of_payment}
            bases = {line.base_minor for one in of_payment for line in one.lines}
            is_there = reaction["date"] in days and reaction["base"] in bases
        else:
            is_there = any(_is_reaction(reaction, command, one, items) for command, one in posted)
        if not is_there:
            yield f"reactions: no document says {dict(reaction)}"


def _is_reaction(
    reaction: Mapping[str, Any], command: PostDocument, held: Mapping[str, Any], items: Mapping[str, str]
) -> bool:
    minor = {line.role: line.amount_minor for line in command.lines}
    of_item = {items.get(line.open_item or "") for line in command.lines} - {None}
    is_that_day = _dated(held) == str(reaction["date"]) or str(command.occurred_at.date()) == str(reaction["date"])
    match reaction["event"]:
        case "apply_on_account":
            found = command.kind == "on_account_application" and reaction["to"] in of_item
            return found and _dated(held) <= str(reaction["date"]) and reaction["amount"] in minor.values()
        case "skonto":
            amounts = (minor.get("receivable"), minor.get("skonto"), minor.get("output_tax"))
            expected = (reaction["gross"], reaction["net"], reaction["tax"])
            return is_that_day and reaction["of"] in of_item and amounts == expected
        case "write_off":
            amounts_match = minor.get("write_off") == reaction["amount"]
            return command.kind == "write_off" and is_that_day and reaction["of"] in of_item and amounts_match
        case "rest_explained":
            return (
                command.kind == "fee"
                and is_that_day
                and reaction["fee"] == minor.get("fees", 0) + minor.get("input_tax", 0)
            )
        case _:
            raise AssertionError(f"no document is known for the reaction {reaction['event']}")


# -- people ------------------------------------------------------------------------------------------------------------


def _people(translation: Translation) -> Iterator[str]:
    expect = translation.story.expect
    for name in expect.not_booked:
        id_ = translation.subject(name)
        if any(id_ in _names(command) for command, _ in posted_documents(translation)):
            yield f"not_booked: {name} is booked"
    if expect.receivable_outside_invoices is not None:
        books = translation.world.sandbox.admin("GET", "books")
        invoiced = sum(one["open_minor"] for one in books["open_items"] if one["amount_minor"] > 0)
        held, _ = balances(translation)
        outside = held.get(translation.story.currency, {}).get("receivable", 0) - invoiced
        if outside != expect.receivable_outside_invoices:
            yield f"receivable outside invoices is {outside}, expected {expect.receivable_outside_invoices}"
    for done in translation.world.records("gateway.outcomes.v1", GatewayCallDone):
        yield f"refused: charge {done.payment_request_id} was carried out"
    if expect.bridge is not None:
        yield "bridge: nothing reads it yet"


def _names(command: PostDocument) -> set[str]:
    return {*command.values.values(), command.posting_reference}
