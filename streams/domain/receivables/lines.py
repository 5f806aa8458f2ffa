"""Which lines does the document of an entry have? The customer's own, and the other side by the mapping in force.

What takes a document back is on the accounts of that document, whatever the mapping says by now.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.documents import PAYER_MONEY, LineKind, kinds, roles
from schemas.records.erp import DocumentLine, Side
from schemas.values.companies import company_of
from schemas.values.money import Money
from schemas.values.replacing import replace
from schemas.values.shares import shares_of
from streams.domain.accounts import Account, AccountMapping, Facts, Unmapped
from streams.domain.booking import Part, account_of, payer_money_role, split_by_category
from streams.domain.receivables.account import Entry
from streams.domain.receivables.categories import Shares

ON_ACCOUNT = "on_account"  # the customer's account, where no open item is meant


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
    if entry.item_minor is not None:
        return _converted_lines(entry, kind, customer, item_id, mapping, reversed_one)
    lines: list[DocumentLine] = []
    before = () if reversed_one is None else reversed_one.lines
    roles_before = {line.role for line in before}
    money = next((role for role in PAYER_MONEY if role in roles_before), payer_money_role(entry.method))
    for of_kind in kinds()[kind].lines:
        meant = (money,) if item_id else (money, ON_ACCOUNT)
        role = next((one for one in meant if one in of_kind.roles), of_kind.role)
        amount = _amount(role, entry)
        if of_kind.optional and not amount.amount_minor:
            continue
        own, takes = roles()[role].of is not None, of_kind.takes
        shares = by_category if of_kind.by_category else ()
        given = (
            (Part(Account(customer), amount.amount_minor),)
            if own
            else _parts(role, amount, entry, kind, customer, shares, mapping, before)
        )
        values = (
            (None,) * len(given)
            if amount.base_minor is None
            else shares_of(amount.base_minor, [part.amount_minor for part in given])
        )
        for part, base_minor in zip(given, values, strict=True):
            account = part.account
            lines.append(
                DocumentLine(
                    role=role,
                    account=account.number,
                    side=Side(of_kind.side.upper()),
                    amount_minor=part.amount_minor,
                    currency=entry.currency,
                    base_minor=base_minor,
                    base_currency=None if base_minor is None else entry.base_currency,
                    open_item=_item_of(of_kind, entry, item_id) if own else None,
                    product_category=part.category,
                    cost_centre=account.cost_centre if "cost_centre" in takes else None,
                    tax_code=(entry.tax_code or account.tax_code) if "tax_code" in takes else None,
                    text=account.text if "text" in takes else None,
                )
            )
    return tuple(lines)


def _item_of(of_kind: LineKind, entry: Entry, item_id: str | None) -> str | None:
    """Return the open item of a line on the customer's account; the other one of an application has the memo."""
    if "open_item" not in of_kind.takes:
        return None
    return entry.abas_credit_item_id if of_kind.role == "refund_liability" and not entry.moves_money else item_id


def _parts(
    role: str,
    amount: Entry,
    entry: Entry,
    kind: str,
    customer: str,
    by_category: Shares,
    mapping: AccountMapping,
    reversed_lines: Sequence[DocumentLine],
) -> tuple[Part, ...]:
    """Return the lines of one role: one, or one for each category where their accounts differ.

    amount is what of the entry is on this role; reversed_lines are those of the document that is taken back.
    """
    minor = amount.amount_minor
    before = tuple(line for line in reversed_lines if line.role == role)
    known = {line.product_category or "": line for line in before} if len(before) > 1 else {}
    if known:
        weights = [(name, weight) for name, weight in by_category if name in known]
        divided = zip(weights, shares_of(minor, [weight for _, weight in weights]), strict=True)
        return tuple(Part(account_of(known[name]), share, name) for (name, _), share in divided if share)
    if before:
        return (Part(account_of(before[0]), minor),)

    company = mapping.company_of(_merchant(entry)) if _merchant(entry) else company_of(customer)
    if isinstance(company, Unmapped):
        raise NoAccount(company.why)
    if mapping.companies and company != company_of(customer):
        what = f"merchant account {_merchant(entry)} is of company {company}, the customer {customer} of another"
        raise NoAccount(f"{what}; give the payment to a customer of {company}, or change companies in the mapping")

    def account(amount_minor: int, category: str) -> Account | Unmapped:
        facts = _facts(entry, kind, customer, amount_minor, category)
        return mapping.accounts.of(role, facts, entry.value_on)

    parts = split_by_category(minor, by_category, account)
    if isinstance(parts, Unmapped):
        raise NoAccount(parts.why)
    return parts


def _whole(
    role: str, entry: Entry, kind: str, customer: str, mapping: AccountMapping, reversed_lines: Sequence[DocumentLine]
) -> Account:
    """Return the account of a line that is not divided by category; the legs of a conversion have one."""
    before = [line for line in reversed_lines if line.role == role][:1]
    return _parts(role, entry, entry, kind, customer, (), mapping, before)[0].account


def _amount(role: str, entry: Entry) -> Entry:
    """Return what of an entry is on the line of a role: all of it, but for the tax within a discount."""
    net = entry.amount_minor - entry.tax_minor
    match role:
        case "skonto":
            return entry.part(entry.posting_reference, 0, net)
        case "output_tax":
            return entry.part(entry.posting_reference, net, entry.amount_minor)
        case _:
            return entry


def _converted_lines(
    entry: Entry, kind: str, customer: str, item_id: str | None, mapping: AccountMapping, reversed_one: Entry | None
) -> tuple[DocumentLine, ...]:
    """Return the lines of money that clears an item in another currency: two legs, each balanced by itself."""
    before = () if reversed_one is None else reversed_one.lines
    roles_before = {one.role for one in before}
    money = next((role for role in PAYER_MONEY if role in roles_before), payer_money_role(entry.method))
    clears, brings = (Side.CREDIT, Side.DEBIT) if entry.is_receipt else (Side.DEBIT, Side.CREDIT)
    assert entry.item_minor is not None, "asked for money in another currency than its item alone"
    assert entry.base_currency is not None, "only valued money clears an item in the currency of the books"

    def line(role: str, side: Side, *, is_item: bool) -> DocumentLine:
        account = Account(customer) if role == "receivable" else _whole(role, entry, kind, customer, mapping, before)
        return DocumentLine(
            role=role,
            account=account.number,
            side=side,
            amount_minor=entry.on_item_minor if is_item else entry.amount_minor,
            currency=entry.base_currency or "" if is_item else entry.currency,
            base_minor=entry.item_minor if is_item else entry.base_minor,
            base_currency=entry.base_currency,
            open_item=item_id if role == "receivable" else None,
            cost_centre=account.cost_centre if role == money else None,
            tax_code=account.tax_code if role == money else None,
            text=account.text,
        )

    return (
        line("receivable", clears, is_item=True),
        line(money, brings, is_item=False),
        line("fx_position", clears, is_item=False),
        line("fx_position", brings, is_item=True),
    )


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
    at = "fx_position" if difference.item_minor is not None else "receivable" if item_id else "on_account"
    lines_before = () if before is None else before.lines
    account, of_position = (
        _whole(name, difference, kind, customer, mapping, lines_before) if roles()[name].of is None else None
        for name in (role, at)
    )
    assert account is not None, "gain and loss are accounts of the mapping"
    own = DocumentLine(
        role=at,
        account=customer if of_position is None else of_position.number,
        side=Side.DEBIT if gain > 0 else Side.CREDIT,
        amount_minor=0,
        currency=difference.currency,
        base_minor=abs(gain),
        base_currency=difference.base_currency,
        open_item=item_id if of_position is None else None,
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
        "tax_code": entry.tax_code,
        "amount": str(Money(amount_minor, entry.currency).major),
    }
    return {name: value for name, value in known.items() if value}
