"""Which lines does the document of an entry have? The customer's own, and the other side by the mapping in force.

What takes a document back is on the accounts of that document, whatever the mapping says by now.
"""

from __future__ import annotations

from dataclasses import replace

from schemas.documents import PAYER_MONEY, LineKind, kinds, roles
from schemas.records.erp import DocumentLine, Side
from schemas.values.money import Money
from streams.domain.accounts import Account, AccountMapping, Facts, Unmapped
from streams.domain.booking import payer_money_role
from streams.domain.receivables.account import Entry


class NoAccount(Exception):
    """The mapping has no account for a line; the text says for which, and what to do."""


def lines_of(
    entry: Entry, kind: str, customer: str, item_id: str | None, mapping: AccountMapping, reversed_one: Entry | None
) -> tuple[DocumentLine, ...]:
    """Return the lines of an entry's document, in the order of its kind.

    reversed_one is the entry of the document that this one takes back, where it does.

    Raises: NoAccount.
    """
    before = {} if reversed_one is None else {line.role: line for line in reversed_one.lines}
    lines: list[DocumentLine] = []
    money = next((role for role in PAYER_MONEY if role in before), payer_money_role(entry.method))
    for of_kind in kinds()[kind].lines:
        role = money if money in of_kind.roles else of_kind.role
        amount = _amount(role, entry)
        if of_kind.optional and not amount.amount_minor:
            continue
        own, takes = roles()[role].of is not None, of_kind.takes
        account = Account(customer) if own else _account(role, before, entry, kind, customer, mapping)
        lines.append(
            DocumentLine(
                role=role,
                account=account.number,
                side=Side(of_kind.side.upper()),
                amount_minor=amount.amount_minor,
                currency=entry.currency,
                base_minor=amount.base_minor,
                base_currency=None if amount.base_minor is None else entry.base_currency,
                open_item=_item_of(of_kind, entry, item_id) if own else None,
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
    account = _account(role, earlier, difference, kind, customer, mapping)
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


def _account(
    role: str,
    before: dict[str, DocumentLine],
    entry: Entry,
    kind: str,
    customer: str,
    mapping: AccountMapping,
) -> Account:
    if role in before:
        line = before[role]
        return Account(line.account, line.cost_centre, line.tax_code, line.text)
    found = mapping.accounts.of(role, _facts(entry, kind, customer), entry.value_on)
    if isinstance(found, Unmapped):
        raise NoAccount(found.why)
    return found


def _facts(entry: Entry, kind: str, customer: str) -> Facts:
    company, between, _ = customer.partition("/")
    merchant = (entry.settlement_account or "").rpartition("/")[0]
    known = {
        "kind": kind,
        "company": company if between else "",
        "merchant_account": merchant,
        "currency": entry.currency,
        "method": entry.method.value,
        "event": entry.kind.value,
        "reason": entry.reversal_reason,
        "customer": customer,
        "tax_code": entry.tax_code,
        "amount": str(Money(entry.amount_minor, entry.currency).major),
    }
    return {name: value for name, value in known.items() if value}
