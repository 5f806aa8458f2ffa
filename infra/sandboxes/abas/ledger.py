"""The accounting rules of the sandbox's abas: what a payment may be, and what saving it does to the open item.

Amounts are decimals in the books, as in abas. A reversal is a negative payment that points at the receipt. A payment on
account has no open item, and a write-off is a payment of none of the customer's money.
Everything is checked before anything changes.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from infra.sandboxes.abas.faults import Faults, business_refusal
from infra.sandboxes.abas.store import Record, Store, Stored
from infra.sandboxes.abas.tables import ACCOUNT, CURRENCY, CUSTOMER, ENTRY, OPEN_ITEM, PAYMENT
from schemas.values.money import from_major

# abas' own numbers (reference, section 8): closed, and before all years that it knows.
PERIOD_CLOSED, BEFORE_ALL_PERIODS = 2202, 1294
ALREADY_PAID = 4102
CURRENCY_DIFFERS = 4103
UNKNOWN_CUSTOMER = 4104
AMOUNT_TOO_LARGE = 4105
UNKNOWN_ITEM = 4106
NOTHING_TO_REVERSE = 4107
AMOUNT_MISSING = 4108
UNKNOWN_KIND = 4109
# The first three numbers are abas' own (reference, section 7); what an unbalanced entry is called is said nowhere.
NO_DOCUMENT_DATE = 58
TWO_PERSONAL_ACCOUNTS = 269
NOT_POSTABLE = 53
NOT_BALANCED = 4110

# What the field `ykind` says of a payment that is no plain receipt or reversal.
ON_ACCOUNT = "ONACCOUNT"
WRITE_OFF = "WRITEOFF"
APPLICATION = "APPLICATION"  # money on the customer's account pays an item; the account's balance stays


def post_payment(
    store: Store,
    faults: Faults,
    values: dict[str, Stored],
    names: dict[str, str],
    rows: list[dict[str, Stored]] | None = None,
) -> Record:
    """Save a payment and carry it to the open item; rows are its counter accounts where it has several.

    Ensures: the open item falls by a receipt and rises by a reversal; it is filed when nothing is open, active
             again when something is. There is no check for a reference that is already there.
    Raises:  ErpFault as abas would say it; names maps our column to the field that the caller knows.
    """
    item, receipt = _check(store, faults, values, names)
    _check_counter_rows(store, values, rows or [], names)
    amount = Decimal(str(values["amount"]))
    credit = _credit(store, values, amount, names)
    open_after = None if item is None else Decimal(str(item.values["openAmt"])) - amount
    with store.transaction():
        payment = store.add(PAYMENT, {**values, "reverses": receipt.id if receipt else ""}, rows)
        if item is not None and open_after is not None:
            carry(store, item, open_after)
        if credit is not None:
            carry(store, credit, Decimal(str(credit.values["openAmt"])) + amount)
        customer = store.record(str(values["customer"]))
        if customer is not None and values.get("ykind") != APPLICATION:
            balance = Decimal(str(customer.values.get("bal") or "0")) - amount
            store.change(customer, {"bal": str(balance)})
        if open_after == 0:
            store.change(payment, {}, filed=True)  # finished documents leave the active set
    return payment


def post_entry(
    store: Store, faults: Faults, values: dict[str, Stored], rows: list[dict[str, Stored]], names: dict[str, str]
) -> Record:
    """Save an entry of the general ledger.

    Ensures: debits and credits are equal in each currency, each row is on an account that may be posted to, one of
             them at most on a customer's account; its open item rises by a debit and falls by a credit.
    Raises:  ErpFault as abas would say it.
    """
    if not values.get("docDate"):
        raise business_refusal("Document date is missing", NO_DOCUMENT_DATE, names["docDate"])
    refuse_closed(faults, str(values.get("postDate") or values["docDate"]), names["postDate"])
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        account = store.record(str(row.get("account") or ""))
        if account is None or (account.table == ACCOUNT.spec and account.values.get("postable") is not True):
            raise business_refusal("Account can't be posted to", NOT_POSTABLE, names["account"])
        amount = Decimal(str(row.get("debitAmt") or "0")) - Decimal(str(row.get("creditAmt") or "0"))
        totals[str(row.get("rowCurr") or values.get("entryCurr") or "")] += amount
    if not rows or any(totals.values()):
        raise business_refusal("Entry is not balanced", NOT_BALANCED)
    personal = _personal(store, rows, names)
    with store.transaction():
        if personal is not None:
            customer, balance, item, open_after = personal
            store.change(customer, {"bal": str(balance)})
            if item is not None:
                carry(store, item, open_after)
        return store.add(ENTRY, values, rows)


def _personal(
    store: Store, rows: list[dict[str, Stored]], names: dict[str, str]
) -> tuple[Record, Decimal, Record | None, Decimal] | None:
    """Return what a row on a customer changes: customer, balance after it, open item and what is then open of it."""
    found: tuple[Record, Decimal, Record | None, Decimal] | None = None
    for row in rows:
        customer, item = store.record(str(row["account"])), store.record(str(row.get("item") or ""))
        is_customer = customer is not None and customer.table == CUSTOMER.spec
        if item is not None and (customer is None or not is_customer or item.values["customer"] != customer.id):
            raise business_refusal("Outstanding item of this customer does not exist", UNKNOWN_ITEM, names["item"])
        if customer is None or not is_customer:
            continue
        if found is not None:
            raise business_refusal("Entry has two personal accounts", TWO_PERSONAL_ACCOUNTS, names["account"])
        owed = Decimal(str(row.get("debitAmt") or "0")) - Decimal(str(row.get("creditAmt") or "0"))
        balance = Decimal(str(customer.values.get("bal") or "0")) + owed
        open_after = Decimal(0) if item is None else Decimal(str(item.values["openAmt"])) + owed
        # A row of no amount changes what the item is worth in the currency of the books, and nothing else.
        if item is not None and owed and not 0 <= open_after <= Decimal(str(item.values["totalAmt"])):
            raise business_refusal("Amount exceeds the outstanding amount", AMOUNT_TOO_LARGE, names["item"])
        found = customer, balance, item, open_after
    return found


def refuse_closed(faults: Faults, day: str, field: str, area: str = "finance") -> None:
    """Refuse a posting date: when it is set, and again on saving, for a month may be closed in between."""
    if day < faults.first_period:
        raise business_refusal(f"Posting date {day} is before all fiscal years", BEFORE_ALL_PERIODS, field)
    if day[:7] in faults.closed_periods or f"{area}/{day[:7]}" in faults.closed_periods:
        raise business_refusal(f"Posting period {day[5:7]}/{day[:4]} is closed", PERIOD_CLOSED, field)


def add_open_item(
    store: Store,
    customer: Record,
    *,
    invoice: str,
    amount: Decimal,
    currency: str,
    due_on: date | None,
    order: str = "",
    booked_on: date | None = None,
    base: Decimal | None = None,
    credits: Record | None = None,
    terms: dict[str, Stored] | None = None,
) -> Record:
    """Book an invoice's outstanding item, as abas does when an invoice is posted; a credit memo's is negative.

    Ensures: a credit memo of an item lowers what is open of it; what is left stands as a credit of its own.
    Units:   base is the whole amount in the currency of the books.
    """
    # A credit memo lowers what is open of its invoice, never below nothing.
    open_of_invoice = Decimal(0) if credits is None else max(Decimal(0), Decimal(str(credits.values["openAmt"])))
    lowered = min(open_of_invoice, -amount) if amount < 0 else Decimal(0)
    values: dict[str, Stored] = {
        "docNo": invoice,
        "customer": customer.id,
        "totalAmt": str(amount),
        "openAmt": str(amount),
        "curr": currency_record(store, currency).id,
        "dueDate": "" if due_on is None else due_on.isoformat(),
        "order": order,
        "docDate": (store.now().date() if booked_on is None else booked_on).isoformat(),
        "totalBase": "" if base is None else str(base),
        "baseCurr": "" if base is None else currency_record(store, company_currency(store)).id,
        "credits": "" if credits is None else credits.id,
        "loweredAmt": str(lowered),
        **(terms or {}),
    }
    item = store.add(OPEN_ITEM, values)
    carry(store, item, amount + lowered)
    if credits is not None and lowered:
        carry(store, credits, open_of_invoice - lowered)
    balance = Decimal(str(customer.values.get("bal") or "0")) + amount
    store.change(customer, {"bal": str(balance)})
    return item


def carry(store: Store, item: Record, open_after: Decimal) -> None:
    """Set what is open of an item, in its currency and in that of the books; it is filed when nothing is."""
    values: dict[str, Stored] = {"openAmt": str(open_after)}
    if item.values.get("totalBase"):
        base, total = Decimal(str(item.values["totalBase"])), Decimal(str(item.values["totalAmt"]))
        values["openBase"] = str(base - share_of(base, total - open_after, total))
    store.change(item, values, filed=open_after == 0)


def share_of(base: Decimal, part: Decimal, total: Decimal) -> Decimal:
    """Return the value of a part by cumulative share, half up to the decimals of the whole value."""
    return (base * part / total).quantize(base, rounding=ROUND_HALF_UP) if total else Decimal(0)


def company_currency(store: Store) -> str:
    """Return the currency of the books."""
    return store.fact("base_currency") or "USD"


def currency_record(store: Store, currency: str) -> Record:
    """Find the currency's record, or create it."""
    return store.resolve(CURRENCY.spec, currency) or store.add(CURRENCY, {"swd": currency})


def _check(
    store: Store, faults: Faults, values: dict[str, Stored], names: dict[str, str]
) -> tuple[Record | None, Record | None]:
    if store.record(str(values.get("customer", ""))) is None:
        raise business_refusal("Customer does not exist", UNKNOWN_CUSTOMER, names["customer"])
    item = _item(store, values, names)
    if item is not None and values.get("curr") != item.values["curr"]:
        raise business_refusal("Currency differs from the outstanding item", CURRENCY_DIFFERS, names["curr"])
    currency = store.record(str(values.get("curr") or ""))
    amount = Decimal(str(values.get("amount") or "0"))
    if amount == 0:
        raise business_refusal("Amount is missing", AMOUNT_MISSING, names["amount"])
    if not _fits(amount, str(currency.values["swd"]) if currency is not None else ""):
        raise business_refusal("Amount has too many decimal places", AMOUNT_MISSING, names["amount"])
    posted_on = values.get("postDate") or values.get("valDate") or store.now().date().isoformat()
    refuse_closed(faults, str(posted_on), names["postDate" if values.get("postDate") else "valDate"])
    counter = store.record(str(values.get("counterAcct") or ""))
    if values.get("counterAcct") and (counter is None or counter.values.get("postable") is not True):
        raise business_refusal("Account can't be posted to", NOT_POSTABLE, names["counterAcct"])
    if item is not None and Decimal(str(item.values["totalAmt"])) < 0:
        _refuse_beyond_credit(item, amount, names)
        return item, store.record(str(values.get("reverses") or ""))
    if amount > 0:
        if item is None:
            return None, None
        open_amount = Decimal(str(item.values["openAmt"]))
        if open_amount == 0:
            raise business_refusal("Outstanding item is already paid", ALREADY_PAID, names["item"])
        if amount > open_amount:
            raise business_refusal("Amount exceeds the outstanding amount", AMOUNT_TOO_LARGE, names["amount"])
        return item, None
    if item is None and values.get("ykind") == ON_ACCOUNT and not values.get("reverses"):
        return None, None  # money back to the customer's account, of no receipt
    receipt = store.record(str(values.get("reverses") or ""))
    item_id = "" if item is None else item.id
    if receipt is None or receipt.table != PAYMENT.spec or (receipt.values.get("item") or "") != item_id:
        raise business_refusal("There is no receipt to reverse", NOTHING_TO_REVERSE, names["reverses"])
    taken_back = [
        Decimal(str(payment.values["amount"])) for payment in store.matching(PAYMENT.spec, "reverses", receipt.id) or ()
    ]
    if Decimal(str(receipt.values["amount"])) + sum(taken_back) + amount < 0:
        raise business_refusal("Reversal exceeds the receipt", AMOUNT_TOO_LARGE, names["amount"])
    return item, receipt


def _credit(store: Store, values: dict[str, Stored], amount: Decimal, names: dict[str, str]) -> Record | None:
    """Return the credit memo that an application gives to its item; None for any other payment."""
    if not values.get("credit"):
        return None
    credit = store.record(str(values["credit"]))
    is_credit = credit is not None and Decimal(str(credit.values["totalAmt"])) < 0
    if credit is None or not is_credit or credit.values["customer"] != values["customer"]:
        raise business_refusal("Credit memo of this customer does not exist", UNKNOWN_ITEM, names["credit"])
    if values.get("ykind") != APPLICATION:
        raise business_refusal("Only an application takes a credit memo", UNKNOWN_KIND, names["ykind"])
    if credit.values["curr"] != values.get("curr"):
        raise business_refusal("Currency differs from the credit memo", CURRENCY_DIFFERS, names["curr"])
    _refuse_beyond_credit(credit, -amount, names)
    return credit


def _check_counter_rows(
    store: Store, values: dict[str, Stored], rows: Sequence[dict[str, Stored]], names: dict[str, str]
) -> None:
    """Refuse rows that are not the payment's amount, or on an account that nothing is posted to."""
    accounts = [store.record(str(row.get("counterAcct") or "")) for row in rows]
    if any(account is None or account.values.get("postable") is not True for account in accounts):
        raise business_refusal("Account can't be posted to", NOT_POSTABLE, names["counterAcct"])
    amounts = (Decimal(str(row.get("amount") or "0")) for row in rows)
    if rows and (values.get("counterAcct") or sum(amounts) != Decimal(str(values["amount"]))):
        raise business_refusal("Counter accounts differ from the amount", NOT_BALANCED, names["amount"])


def _refuse_beyond_credit(credit: Record, amount: Decimal, names: dict[str, str]) -> None:
    """Let a credit memo be paid out to what is left of it, and come back to its amount."""
    total, left = (Decimal(str(credit.values[name])) for name in ("totalAmt", "openAmt"))
    if not total <= left - amount <= 0:
        raise business_refusal("Amount exceeds the credit", AMOUNT_TOO_LARGE, names["amount"])


def _item(store: Store, values: dict[str, Stored], names: dict[str, str]) -> Record | None:
    """Return the open item of a payment; None for one on account, and for the reversal of one."""
    kind, item_id = str(values.get("ykind") or ""), str(values.get("item") or "")
    if kind not in ("", ON_ACCOUNT, WRITE_OFF, APPLICATION):
        raise business_refusal("Kind of payment is not known", UNKNOWN_KIND, names["ykind"])
    receipt = store.record(str(values.get("reverses") or ""))
    if not item_id and (kind == ON_ACCOUNT or (receipt is not None and receipt.values.get("ykind") == ON_ACCOUNT)):
        return None
    item = store.record(item_id)
    if item is None or kind == ON_ACCOUNT or item.values["customer"] != values["customer"]:
        raise business_refusal("Outstanding item of this customer does not exist", UNKNOWN_ITEM, names["item"])
    return item


def _fits(amount: Decimal, currency: str) -> bool:
    try:
        from_major(amount, currency)
    except ValueError:
        return False
    return True
