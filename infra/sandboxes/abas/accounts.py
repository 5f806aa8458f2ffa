"""What each account holds: every document as rows of double entry, and balances that are nothing but the sum of these.

Rows are derived from the documents each time, so a balance cannot differ from what it is the balance of. An account is
the number of a G/L account, or "K 70001", the account of a customer, which says besides what of the customer it is:
an item that is open or was, a credit memo that is left of one, or money on account.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from infra.sandboxes.abas.ledger import APPLICATION, WRITE_OFF, company_currency, share_of
from infra.sandboxes.abas.store import Record, Store
from infra.sandboxes.abas.tables import ENTRY, FIGURES, OPEN_ITEM, PAYMENT
from schemas.values.money import from_major

# What this company books where its documents don't say: revenue, money of payments, what is given up.
SALES, TRANSIT, GIVEN_UP = "8400", "1360", "4930"
ITEM, CREDIT, FREE_CREDIT, ACCOUNT_PART = "item", "credit", "free_credit", "account"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the general ledger. Units: decimals, debit positive; base is None where nobody valued it."""

    account: str
    on: str
    currency: str
    amount: Decimal
    base: Decimal | None
    document: str
    part: str = ""


def ledger_rows(store: Store) -> Iterator[Row]:
    """Yield the rows of all documents: invoices and credit memos, payments, entries."""
    for item in store.records(OPEN_ITEM.spec):
        yield from _of_item(store, item)
    for payment in store.records(PAYMENT.spec):
        yield from _of_payment(store, payment)
    for entry in store.records(ENTRY.spec):
        yield from _of_entry(store, entry)


def _of_item(store: Store, item: Record) -> Iterator[Row]:
    """Yield what abas booked of an invoice or a credit memo: gross against revenue."""
    total, currency = _decimal(item.values["totalAmt"]), _text(store, item.values["curr"], "swd")
    base = _base(store, item.values.get("totalBase"), total, currency)
    on, customer = str(item.values.get("docDate") or item.values["erfass"])[:10], _customer(store, item.values)
    lowered = -_decimal(item.values.get("loweredAmt"))
    if lowered:
        share = None if base is None else share_of(base, lowered, total)
        yield Row(customer, on, currency, lowered, share, item.id, ITEM)
        if lowered != total:
            left = None if base is None or share is None else base - share
            yield Row(customer, on, currency, total - lowered, left, item.id, _part(item))
    else:
        yield Row(customer, on, currency, total, base, item.id, _part(item))
    yield Row(SALES, on, currency, -total, None if base is None else -base, item.id)


def _of_payment(store: Store, payment: Record) -> Iterator[Row]:
    """Yield a payment: the customer's account against the account that it names, or the one of this company."""
    values = payment.values
    amount, currency = _decimal(values["amount"]), _text(store, values["curr"], "swd")
    base = _base(store, values.get("baseAmt"), amount, currency)
    on, customer = (
        str(values.get("postDate") or values.get("valDate") or values["erfass"])[:10],
        _customer(store, values),
    )
    item = store.record(str(values.get("item") or ""))
    reversed_one = store.record(str(values.get("reverses") or ""))
    kind = str(values.get("ykind") or (reversed_one.values.get("ykind") if reversed_one else "") or "")
    part = ACCOUNT_PART if item is None else _part(item)
    yield Row(customer, on, currency, -amount, None if base is None else -base, payment.id, part)
    if kind == APPLICATION:
        credit = store.record(str(values.get("credit") or ""))
        yield Row(customer, on, currency, amount, base, payment.id, ACCOUNT_PART if credit is None else _part(credit))
        return
    for part_of_it in payment.rows:
        number, minor = _text(store, part_of_it["counterAcct"], "idno"), _decimal(part_of_it["amount"])
        value = _base(store, part_of_it.get("baseAmt"), minor, currency)
        yield Row(number, on, currency, minor, value, payment.id)
    if payment.rows:
        return
    usual = GIVEN_UP if kind == WRITE_OFF else TRANSIT
    yield Row(_text(store, values.get("counterAcct"), "idno") or usual, on, currency, amount, base, payment.id)


def _of_entry(store: Store, entry: Record) -> Iterator[Row]:
    values = entry.values
    of_entry = _text(store, values.get("entryCurr"), "swd")
    on = str(values.get("postDate") or values.get("docDate") or values["erfass"])[:10]
    for row in entry.rows:
        amount = _decimal(row.get("debitAmt")) - _decimal(row.get("creditAmt"))
        currency = _text(store, row.get("rowCurr"), "swd") or of_entry
        account = store.record(str(row.get("account") or ""))
        is_customer = account is not None and account.table == "0:1"
        number = "" if account is None else str(account.values["idno"])
        item = store.record(str(row.get("item") or ""))
        part = "" if not is_customer else ACCOUNT_PART if item is None else _part(item)
        base = _base(store, row.get("baseAmt"), amount, currency)
        yield Row(f"K {number}" if is_customer else number, on, currency, amount, base, entry.id, part)


def balances(store: Store, through: str = "9999-12-31") -> list[dict[str, Any]]:
    """Return what each account holds at the end of a day, in minor units, debit positive.

    Shapes: one line per account, part of a customer's account and currency; base_minor is null where a row of it has no
            value in the currency of the books.
    """
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    bases: dict[tuple[str, str, str], Decimal | None] = defaultdict(Decimal)
    for row in ledger_rows(store):
        if row.on > through:
            continue
        key = (row.account, row.part, row.currency)
        sums[key] += row.amount
        known = bases[key]
        bases[key] = None if known is None or row.base is None else known + row.base
    books = company_currency(store)
    return [
        {
            "account": account,
            "part": part,
            "currency": currency,
            "minor": from_major(total, currency).minor,
            "base_minor": None if (base := bases[account, part, currency]) is None else from_major(base, books).minor,
        }
        for (account, part, currency), total in sorted(sums.items())
    ]


def refresh_figures(store: Store) -> None:
    """Bring the balances per account and month, which abas shows as a table, up to its documents."""
    sums: dict[tuple[str, str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in ledger_rows(store):
        sums[row.account, row.currency, row.on[:7]][row.amount < 0] += abs(row.amount)
    known = {
        (str(one.values["acct"]), str(one.values["curr"]), f"{one.values['fiscalYear']}-{one.values['month']}"): one
        for one in store.records(FIGURES.spec)
    }
    with store.transaction():
        running: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for (account, currency, month), (debit, credit) in sorted(sums.items()):
            running[account, currency] += debit - credit
            figures = {
                "debit": str(debit),
                "credit": str(credit),
                "saldo": str(debit - credit),
                "runBal": str(running[account, currency]),
            }
            record = known.get((account, currency, month))
            if record is None:
                names = {
                    "acct": account,
                    "curr": currency,
                    "fiscalYear": month[:4],
                    "month": month[5:],
                    "yperiod": month,
                }
                store.add(FIGURES, {**names, **figures})
            elif any(record.values[name] != value for name, value in figures.items()):
                store.change(record, dict(figures))
        for key in known.keys() - sums.keys():
            store.change(known[key], {"debit": "0", "credit": "0", "saldo": "0", "runBal": "0"})


def _part(item: Record) -> str:
    if _decimal(item.values["totalAmt"]) >= 0:
        return ITEM
    return CREDIT if item.values.get("credits") else FREE_CREDIT


def _base(store: Store, value: object, amount: Decimal, currency: str) -> Decimal | None:
    """Return the value in the currency of the books; a foreign amount that nobody valued has none."""
    if value not in (None, ""):
        return _decimal(value)
    return amount if currency == company_currency(store) else None


def _decimal(value: object) -> Decimal:
    return Decimal(str(value or "0"))


def _customer(store: Store, values: Any) -> str:
    return f"K {_text(store, values['customer'], 'idno')}"


def _text(store: Store, reference: object, column: str) -> str:
    record = store.record(str(reference or ""))
    return "" if record is None else str(record.values.get(column, ""))
