"""Money on account shows with its age until open items took it or it went back."""

from __future__ import annotations

from typing import Any

from projections.store.client import Store
from schemas.records.identification import Movement
from schemas.topic import Topic
from streams.domain import receivables
from tests.support.builders import PAYMENT, Asked, Ledger, done, identified, key_by, open_item
from tests.support.policies import chosen
from tests.support.projecting import asked, project
from tests.support.scripted import Script

RECEIPT = f"PT{PAYMENT}"


def left(store: Store, records: list[Any]) -> list[tuple[str, int, int]]:
    """Reference, age and what is left, after a customer's records of which abas made every document."""
    policy = chosen(unapplied="on_account", apply_on_account="oldest_first")
    book, seen, script = Ledger(receivables, key_by("abas_customer_id"), policy), 0, Script()
    for record in records:
        book.when(record)
        while len(sent := [one for one in book.sent() if isinstance(one, Asked)]) > seen:
            seen += 1
            book.when(done(sent[seen - 1]))
    for event in book.events:
        script.write(Topic.RECEIVABLES_EVENTS, event)
    project(store, script.messages)
    rows = asked(store, "unapplied_cash", today="2026-12-20")
    assert all(str(row["value_on"]) == "2026-11-20" for row in rows)
    return [(row["posting_reference"], int(row["age_days"]), int(row["left_minor"])) for row in rows]


def test_money_on_account_shows_with_its_age(store: Store) -> None:
    too_much = [open_item("i1", 100_00), identified(Movement.CAPTURED, 120_00, minute=1)]
    assert left(store, too_much) == [(f"{RECEIPT}S2", 30, 20_00)]


def test_what_is_applied_is_gone_and_what_came_back_shows_again(store: Store) -> None:
    paid = identified(Movement.CAPTURED, 70_00, invoice=None)
    back = identified(Movement.REFUNDED, 30_00, payment="9", invoice=None, minute=5)
    assert left(store, [paid, open_item("i1", 40_00, minute=2)]) == [(RECEIPT, 30, 30_00)]
    assert left(store, [paid, open_item("i1", 40_00, minute=2), back]) == [(RECEIPT, 30, 30_00)]


def test_what_went_back_to_the_payer_is_gone(store: Store) -> None:
    paid = identified(Movement.CAPTURED, 70_00, invoice=None)
    assert left(store, [paid, identified(Movement.VOIDED, 70_00, minute=5)]) == []
