"""Which lines does money make? The one place that says it, for the ledger's entries and for the documents in the ERP.

Lines are signed amounts by role (schemas/documents/roles.yaml): a debit is above zero, a credit below. A document's
lines are the entry's lines with accounts, in the order of its kind; so both are equal by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from schemas.documents import PAYER_MONEY, kinds
from schemas.records.disputes import DisputeMovement
from schemas.records.erp import DocumentLine, Side
from schemas.records.identification import Movement
from schemas.records.ledger import JournalLine
from schemas.records.payments import PaymentMethod
from schemas.records.settlement import SettlementLineKind
from schemas.signs import movement_sign, settlement_sign
from schemas.values.categories import UNKNOWN_CATEGORY
from schemas.values.exchange import share_of
from schemas.values.money import Money
from schemas.values.shares import shares_of
from streams.domain.accounts import Account, Accounts, Facts, Unmapped

Shares = tuple[tuple[str, int], ...]  # product category -> minor units, each once, none below zero
Lines = Mapping[str, int]  # role -> minor units of one currency, a debit above zero; sums to zero, no line is zero

# A line that the processor takes out of its deposits or gives, beside payments: its document, and its other side.
_OF_PROCESSOR: Mapping[SettlementLineKind, tuple[str, str]] = {
    SettlementLineKind.FEE: ("fee", "fees"),
    SettlementLineKind.FEE_GIVEN_BACK: ("fee", "fees"),
    SettlementLineKind.CHARGEBACK_FEE: ("chargeback_fee", "chargeback_fees"),
    SettlementLineKind.CHARGEBACK_FEE_GIVEN_BACK: ("chargeback_fee", "chargeback_fees"),
    SettlementLineKind.RESERVE_HELD: ("reserve_held", "reserve"),
    SettlementLineKind.RESERVE_RELEASED: ("reserve_released", "reserve"),
}


def payer_money_role(method: PaymentMethod) -> str:
    """Return where money of this rail comes in: a customer who pays into the bank account passes no clearing."""
    return "bank" if method is PaymentMethod.BANK_TRANSFER else "clearing"


def of_movement(movement: Movement, amount_minor: int, method: PaymentMethod) -> Lines:
    """Return the lines of a payer's money that moved, before anybody's document has applied it."""
    signed = movement_sign(movement) * amount_minor
    return _lines(**{payer_money_role(method): signed, "unapplied": -signed})


def of_processor(kind: SettlementLineKind, amount_minor: int, tax_minor: int) -> tuple[str, Lines] | None:
    """Return kind and lines of the document of a processor's line; None for one that makes none.

    Units: tax_minor is what of amount_minor is tax.
    """
    if kind not in _OF_PROCESSOR:
        return None
    document, role = _OF_PROCESSOR[kind]
    sign = settlement_sign(kind)
    amounts = {role: -sign * (amount_minor - tax_minor), "input_tax": -sign * tax_minor}
    return document, _lines(**amounts, clearing=sign * amount_minor)


def of_dispute(movement: DisputeMovement, amount_minor: int, *, reopens_invoice: bool) -> Lines:
    """Return the lines of money that a dispute took or gave back.

    Where it opens the invoice again it is the customer's money, which a document of receivables takes off it.
    """
    signed = {DisputeMovement.CHARGED_BACK: -amount_minor, DisputeMovement.CHARGEBACK_REVERSED: amount_minor}
    minor = signed.get(movement, 0)
    return _lines(**{"unapplied" if reopens_invoice else "chargeback_receivable": -minor, "clearing": minor})


def of_deposit(deposit_minor: int, rest_minor: int) -> Lines:
    """Return the lines of a bank line: the whole of it to the bank, what it pays out off clearing.

    Units: rest_minor is what nothing explains; above zero the bank brought less than what it pays out.
    """
    return _lines(bank=deposit_minor, clearing=-deposit_minor - rest_minor, unidentified=rest_minor)


def of_explained_rest(rest_minor: int) -> Lines:
    """Return the lines that take an explained rest off unidentified; its fee is a document of its own (of_bank_fee)."""
    return _lines(clearing=rest_minor, unidentified=-rest_minor)


def of_bank_fee(fee_minor: int, tax_minor: int, *, taken_from: Literal["clearing", "bank"]) -> Lines:
    """Return the lines of a fee that a bank line shows and no line of the processor names; fee_minor holds the tax."""
    return _lines(**{"fees": fee_minor - tax_minor, "input_tax": tax_minor, taken_from: -fee_minor})


def of_customers_document(lines: Sequence[DocumentLine], books_in: str) -> tuple[JournalLine, ...]:
    """Return the journal's lines of a document that applies a customer's money.

    Shapes: books_in is the currency of the books, in which the amounts are their own value; others have the value that
            the document's lines have, or none.

    The payment moved clearing or bank already, so that line is what was unapplied; a document that moves no money of a
    payment has no such line.
    """
    found: list[JournalLine] = []
    for line in lines:
        sign, is_of_books = 1 if line.side is Side.DEBIT else -1, line.currency == books_in
        base = line.amount_minor if is_of_books else line.base_minor
        if line.amount_minor or base:
            found.append(
                JournalLine(
                    role="unapplied" if line.role in PAYER_MONEY else line.role,
                    amount_minor=sign * line.amount_minor,
                    currency=line.currency,
                    base_minor=None if base is None else sign * base,
                    base_currency=books_in if is_of_books else line.base_currency or books_in,
                )
            )
    return tuple(found)


def of_conversion(
    paid_minor: int, rest_minor: int, bank_minor: int, currency: str, bank_currency: str, base_currency: str
) -> tuple[JournalLine, ...]:
    """Return the lines of a bank line whose money the processor converted: the bank in its currency, clearing in its.

    Units: paid_minor and rest_minor are minor units of currency, as in of_deposit; bank_minor those of bank_currency.
    """

    def line(role: str, minor: int, of_currency: str) -> JournalLine:
        base = minor if of_currency == base_currency else None
        return JournalLine(
            role=role, amount_minor=minor, currency=of_currency, base_minor=base, base_currency=base_currency
        )

    own = of_deposit(paid_minor, rest_minor)
    return (
        line("bank", bank_minor, bank_currency),
        *(line(role, minor, currency) for role, minor in own.items() if role != "bank"),
        line("fx_position", paid_minor, currency),
        line("fx_position", -bank_minor, bank_currency),
    )


def valued_by_clearing(
    lines: Sequence[JournalLine], held_minor: int, worth_minor: int | None
) -> tuple[JournalLine, ...]:
    """Return lines with what they are worth by what clearing holds and is worth; as they are where that is not known.

    Units:   held_minor and worth_minor are what clearing holds before these lines, in its and in base currency.
    Ensures: what is valued sums to zero in base currency too.
    """
    own = next((one.currency for one in lines if one.role == "clearing" and one.base_minor is None), None)
    if own is None or worth_minor is None or not held_minor:
        return tuple(lines)
    valued = [
        replace(one, base_minor=share_of(worth_minor, one.amount_minor, held_minor)) if one.currency == own else one
        for one in lines
    ]
    # What rounding leaves is no part of clearing.
    last = max(index for index, one in enumerate(valued) if one.currency == own and one.role != "clearing")
    off = sum(one.base_minor or 0 for one in valued if one.currency == own)
    valued[last] = replace(valued[last], base_minor=(valued[last].base_minor or 0) - off)
    return tuple(valued)


def of_difference(lines: Sequence[JournalLine]) -> tuple[JournalLine, ...]:
    """Return the lines that bring the legs of a conversion to zero in base currency; () where they are, or unvalued."""
    legs = [one for one in lines if one.role == "fx_position"]
    left = sum(one.base_minor or 0 for one in legs)
    if not left or any(one.base_minor is None for one in legs):
        return ()
    at = replace(legs[0], amount_minor=0, base_minor=-left)
    return at, replace(at, role="fx_gain" if left < 0 else "fx_loss", base_minor=left)


def turned_lines(lines: Sequence[JournalLine]) -> tuple[JournalLine, ...]:
    """Return the lines with debit and credit turned."""
    return tuple(
        replace(one, amount_minor=-one.amount_minor, base_minor=None if one.base_minor is None else -one.base_minor)
        for one in lines
    )


def document_lines(
    kind: str,
    lines: Sequence[JournalLine],
    accounts: Accounts,
    facts: Facts,
    on: date,
    *,
    sold: Shares = (),
    before: Sequence[DocumentLine] = (),
) -> tuple[DocumentLine, ...] | Unmapped:
    """Return the lines of a document with the accounts of its value date, or the first role that has none.

    A document that is all in the currency of the books has no values besides; one of which a line has none has none.

    Shapes:  sold is what the payment behind it paid for, by product category. before are the lines of the document
             that this one takes back: it is on the accounts of those, whatever the mapping says by now.
    Ensures: the lines of a role sum to its journal line, in its currency and in that of the books.
    """
    is_foreign = any(one.currency != one.base_currency for one in lines)
    is_valued = is_foreign and all(one.base_minor is not None for one in lines)
    made: list[DocumentLine] = []
    for of_kind in kinds()[kind].lines:
        for line in (one for one in lines if one.role in of_kind.roles):

            def account(minor: int, category: str, line: JournalLine = line) -> Account | Unmapped:
                amount = f"{Money(minor, line.currency).major:f}"
                known = {"kind": kind, "currency": line.currency, "amount": amount, "product_category": category}
                return accounts.of(line.role, {**facts, **known}, on)

            earlier = [one for one in before if (one.role, one.currency) == (line.role, line.currency)]
            minor, by_category = abs(line.amount_minor), of_kind.by_category
            if earlier:
                parts = as_before(minor, earlier if by_category else earlier[:1])
            else:
                of_mapping = split_by_category(minor, sold if by_category else (), account)
                if isinstance(of_mapping, Unmapped):
                    return of_mapping
                parts = of_mapping
            values = shares_of(abs(line.base_minor or 0), [part.amount_minor for part in parts])
            if len(parts) == 1:
                values = (abs(line.base_minor or 0),)
            for part, value in zip(parts, values, strict=True):
                made.append(_line(line, part, value if is_valued else None, of_kind.takes))
    return tuple(made)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a line that is divided: account, minor units, and its category where it is one of several."""

    account: Account
    amount_minor: int
    category: str | None = None


def split_by_category(
    minor: int, sold: Shares, account: Callable[[int, str], Account | Unmapped]
) -> tuple[Part, ...] | Unmapped:
    """Divide a line by product category where its accounts differ; one part where they don't.

    Shapes: account returns the account of an amount of one category.
    """
    divided = zip(sold, shares_of(minor, [weight for _, weight in sold]), strict=True)
    shares = [(name, share) for (name, _), share in divided if share]
    if len(shares) < 2:
        only = account(minor, shares[0][0] if shares else UNKNOWN_CATEGORY)
        return only if isinstance(only, Unmapped) else (Part(only, minor),)
    whole: list[Account] = []
    for name, _ in shares:
        found = account(minor, name)
        if isinstance(found, Unmapped):
            return found
        whole.append(found)
    if all(one == whole[0] for one in whole):
        return (Part(whole[0], minor),)
    parts: list[Part] = []
    for name, share in shares:
        found = account(share, name)
        if isinstance(found, Unmapped):
            return found
        parts.append(Part(found, share, name))
    return tuple(parts)


def as_before(minor: int, before: Sequence[DocumentLine]) -> tuple[Part, ...]:
    """Divide a line as those of one role were divided, on their accounts; before is not empty."""
    if len(before) == 1:
        return (Part(account_of(before[0]), minor, before[0].product_category),)
    shares = shares_of(minor, [one.amount_minor for one in before])
    return tuple(
        Part(account_of(one), share, one.product_category) for one, share in zip(before, shares, strict=True) if share
    )


def account_of(line: DocumentLine) -> Account:
    """Return the account that a line of a document has."""
    return Account(line.account, line.cost_centre, line.tax_code, line.text)


def _line(line: JournalLine, part: Part, base_minor: int | None, takes: frozenset[str]) -> DocumentLine:
    account = part.account
    return DocumentLine(
        role=line.role,
        account=account.number,
        side=Side.DEBIT if (line.amount_minor or line.base_minor or 0) > 0 else Side.CREDIT,
        amount_minor=part.amount_minor,
        currency=line.currency,
        base_minor=base_minor,
        base_currency=None if base_minor is None else line.base_currency,
        product_category=part.category,
        cost_centre=account.cost_centre if "cost_centre" in takes else None,
        tax_code=account.tax_code if "tax_code" in takes else None,
        text=account.text if "text" in takes else None,
    )


def _lines(**by_role: int) -> Lines:
    lines = {role: minor for role, minor in by_role.items() if minor}
    assert sum(lines.values()) == 0, lines
    return lines
