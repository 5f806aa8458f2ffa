"""The sandbox's accounting holds together whatever is posted, and what it wrote is there again after a restart."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.sandboxes.abas.faults import ErpFault, Faults
from infra.sandboxes.abas.ledger import add_open_item, post_payment
from infra.sandboxes.abas.store import Record, Store, Stored
from infra.sandboxes.abas.tables import CUSTOMER, OPEN_ITEM, PAYMENT

NAMES = {column.english: column.english for column in PAYMENT.head}


def books_of(store: Store) -> list[tuple[str, bool, dict[str, Stored]]]:
    return [(r.id, r.filed, dict(r.values)) for spec in (OPEN_ITEM.spec, PAYMENT.spec) for r in store.records(spec)]


def post(store: Store, item: Record, amount: Decimal, receipt: Record | None) -> Record | None:
    values: dict[str, Stored] = {
        "customer": item.values["customer"],
        "item": item.id,
        "curr": item.values["curr"],
        "amount": str(amount),
        "valDate": "2026-11-20",
        "reverses": receipt.id if receipt else "",
    }
    try:
        return post_payment(store, Faults(), values, NAMES)
    except ErpFault:
        return None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-15_000, 15_000), st.integers(0, 5)), max_size=12))
def test_what_is_open_is_what_was_not_paid(movements: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "abas.sqlite"
        store = Store(path)
        with store.transaction():
            customer = store.add(CUSTOMER, {"idno": "70001"})
            item = add_open_item(store, customer, invoice="RE-1", amount=Decimal("125.00"), currency="USD", due_on=None)
        receipts: list[Record] = []
        posted = Decimal(0)
        for minor, pick in movements:
            amount = Decimal(minor) / 100
            receipt = receipts[pick % len(receipts)] if receipts and minor < 0 else None
            document = post(store, item, amount, receipt)
            if document is not None:
                posted += amount
                receipts += [document] if minor > 0 else []
            open_amount = Decimal(str(item.values["openAmt"]))
            assert open_amount == Decimal("125.00") - posted
            assert 0 <= open_amount <= Decimal("125.00")
            assert item.filed is (open_amount == 0)
            assert Decimal(str(customer.values["bal"])) == open_amount
        before = books_of(store)
        store.close()
        again = Store(path)
        assert books_of(again) == before
        again.close()
