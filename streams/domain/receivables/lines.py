"""Which lines does the document of an entry have? The customer's own, and the other side by the mapping in force.

What takes a document back is on the accounts of that document, whatever the mapping says by now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from schemas.documents import LineKind, kinds, roles
from schemas.records.erp import DocumentLine, Side
from schemas.values.categories import UNKNOWN_CATEGORY
from schemas.values.companies import company_of
from schemas.values.money import Money
from schemas.values.shares import shares_of
from streams.domain.accounts import Account, AccountMapping, Facts, Unmapped
from streams.domain.receivables.account import Entry
from streams.domain.receivables.categories import Shares


class NoAccount(Exception):
    """The mapping has no account for a line; the text says for which, and what to do."""


def lines_of(
    entry: Entry,
    kind: str,
    customer: str,
    item_id: str | None,
    by_category: Shares,
    mapping: AccountMapping,
    reversed_one: Entry | None,
) -> tuple[DocumentLine, ...]:
    """Return the lines of an entry's document, in the order of its kind.

    by_category is what of it is of which product category: where accounts depend on that, a line that its kind lets
    stand once for each is divided.
    reversed_one is the entry of the document that this one takes back, where it does.

    Ensures: the lines of each side sum to the entry, in its currency and in that of the books.
    Raises:  NoAccount.
    """
    lines: list[DocumentLine] = []
    for of_kind in kinds()[kind].lines:
        own, takes = roles()[of_kind.role].of is not None, of_kind.takes
        given = (
            (_Part(Account(customer), entry.amount_minor),)
            if own
            else _parts(of_kind, entry, kind, customer, by_category, mapping, reversed_one)
        )
        values = (
            (None,) * len(given)
            if entry.base_minor is None
            else shares_of(entry.base_minor, [part.amount_minor for part in given])
        )
        for part, base_minor in zip(given, values, strict=True):
            account = part.account
            lines.append(
                DocumentLine(
                    role=of_kind.role,
                    account=account.number,
                    side=Side(of_kind.side.upper()),
                    amount_minor=part.amount_minor,
                    currency=entry.currency,
                    base_minor=base_minor,
                    base_currency=None if base_minor is None else entry.base_currency,
                    open_item=item_id if own and "open_item" in takes else None,
                    product_category=part.category,
                    cost_centre=account.cost_centre if "cost_centre" in takes else None,
                    tax_code=(entry.tax_code or account.tax_code) if "tax_code" in takes else None,
                    text=account.text if "text" in takes else None,
                )
            )
    return tuple(lines)


@dataclass(frozen=True, slots=True)
class _Part:
    """What a line of the other side is: account, minor units, and its category where it is one of several lines."""

    account: Account
    amount_minor: int
    category: str | None = None


def _parts(
    of_kind: LineKind,
    entry: Entry,
    kind: str,
    customer: str,
    by_category: Shares,
    mapping: AccountMapping,
    reversed_one: Entry | None,
) -> tuple[_Part, ...]:
    """Return the lines of one role: one, or one for each category where their accounts differ."""
    before = () if reversed_one is None else tuple(one for one in reversed_one.lines if one.role == of_kind.role)
    if len(before) > 1:
        known = {line.product_category: line for line in before}
        return tuple(_Part(_as_before(known[name]), minor, name) for name, minor in by_category)
    if before:
        return (_Part(_as_before(before[0]), entry.amount_minor),)

    company = mapping.company_of(_merchant(entry)) if _merchant(entry) else company_of(customer)
    if isinstance(company, Unmapped):
        raise NoAccount(company.why)
    if mapping.companies and company != company_of(customer):
        what = f"merchant account {_merchant(entry)} is of company {company}, the customer {customer} of another"
        raise NoAccount(f"{what}; give the payment to a customer of {company}, or change companies in the mapping")

    def account(amount_minor: int, category: str) -> Account:
        facts = _facts(entry, kind, customer, amount_minor, category)
        found = mapping.accounts.of(of_kind.role, facts, entry.value_on)
        if isinstance(found, Unmapped):
            raise NoAccount(found.why)
        return found

    if not of_kind.by_category or len(by_category) < 2:
        only = by_category[0][0] if len(by_category) == 1 else UNKNOWN_CATEGORY
        return (_Part(account(entry.amount_minor, only), entry.amount_minor),)
    whole = [account(entry.amount_minor, name) for name, _ in by_category]
    if all(one == whole[0] for one in whole):
        return (_Part(whole[0], entry.amount_minor),)
    return tuple(_Part(account(minor, name), minor, name) for name, minor in by_category)


def _as_before(line: DocumentLine) -> Account:
    return Account(line.account, line.cost_centre, line.tax_code, line.text)


def difference_lines(
    difference: Entry, kind: str, customer: str, item_id: str | None, mapping: AccountMapping, before: Entry | None
) -> tuple[DocumentLine, ...]:
    """Return the lines of an exchange difference: amount 0 in the currency of the money, and the value of the gain.

    difference.base_minor is the gain, negative for a loss; before is the entry of the difference that this one takes
    back, where it does.

    Raises: NoAccount.
    """
    gain = difference.base_minor or 0
    earlier = {} if before is None else {line.role: line for line in before.lines}
    role = next((name for name in ("fx_gain", "fx_loss") if name in earlier), "fx_gain" if gain > 0 else "fx_loss")
    other = next(line for line in kinds()[kind].lines if line.role == role)
    if role in earlier:
        account = _as_before(earlier[role])
    else:
        account = _parts(other, difference, kind, customer, (), mapping, None)[0].account
    own = DocumentLine(
        role="receivable" if item_id else "on_account",
        account=customer,
        side=Side.DEBIT if gain > 0 else Side.CREDIT,
        amount_minor=0,
        currency=difference.currency,
        base_minor=abs(gain),
        base_currency=difference.base_currency,
        open_item=item_id,
    )
    turned = Side.CREDIT if gain > 0 else Side.DEBIT
    return own, replace(own, role=role, account=account.number, side=turned, open_item=None, text=account.text)


def _merchant(entry: Entry) -> str:
    return (entry.settlement_account or "").rpartition("/")[0]


def _facts(entry: Entry, kind: str, customer: str, amount_minor: int, category: str) -> Facts:
    known = {
        "kind": kind,
        "company": company_of(customer),
        "merchant_account": _merchant(entry),
        "currency": entry.currency,
        "method": entry.method.value,
        "event": entry.kind.value,
        "reason": entry.reversal_reason,
        "product_category": category,
        "customer": customer,
        "amount": str(Money(amount_minor, entry.currency).major),
    }
    return {name: value for name, value in known.items() if value}
