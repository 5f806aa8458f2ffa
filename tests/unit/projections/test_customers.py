"""Reports about customers: whom abas doesn't know, what can be charged, which cards run out, which stand twice."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import Any

from rich.console import Console

from app.cli.report import _opened
from projections.reports import questions
from projections.store.client import Store
from schemas.checks.sealing import ERASED, new_key, opened, sealed_record
from schemas.records.customers import CustomerSide, LinkWaitingReason, MethodChange
from schemas.records.payments import PaymentMethod
from schemas.topic import Topic
from tests.support.examples import example
from tests.support.projecting import asked, fill
from tests.support.scripted import Script

EVENTS = Topic.CUSTOMERS_EVENTS
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def of(name: str) -> dict[str, Any]:
    return {"data_subject": f"paytrace/main/{name}", "vault_customer_id": name}


def card(name: str, last_four: str, expires: date, change: MethodChange = MethodChange.ADDED, **about: Any) -> Any:
    return example(
        "PaymentMethodChanged", **of(name), change=change, method=PaymentMethod.CARD, card_last_four=last_four,
        card_expires_on=expires, card_brand="visa", **about,
    )  # fmt: skip


def filled(engine: Store, *events: Any) -> Store:
    script = Script()
    for event in events:
        script.write(EVENTS, event)
    fill(engine, script.messages)
    return engine


def test_each_customer_has_one_status_and_what_needs_a_person_is_counted(engine: Store) -> None:
    nobody = LinkWaitingReason.NOBODY_AGREES
    store = filled(
        engine,
        example("CustomerLinkWaiting", **of("new"), why=nobody, evidence=()),
        example("CustomerLinkWaiting", **of("tie"), why=LinkWaitingReason.SEVERAL_AGREE),
        example("CustomerLinkWaiting", **of("asked"), why=nobody, evidence=()),
        example("CustomerCreationRequested", **of("asked"), natural_key="paytrace/main/asked"),
        example("CustomerLinkWaiting", **of("known"), why=nobody, evidence=()),
        example("CustomerCreationRefused", **of("known")),
        example("CustomerLeft", **of("left")),
        example("CustomerLinked", **of("made"), evidence=("created",)),
    )
    status = {row["data_subject"].split("/")[2]: (row["status"], row["why"]) for row in asked(store, "customer_links")}
    assert status == {
        "new": ("unknown", "nobody agrees"),
        "tie": ("waiting", "several agree"),
        "asked": ("being created", ""),
        "known": ("waiting", "creation refused"),
        "left": ("left", ""),
        "made": ("linked", ""),
    }
    needs = {row["kind"]: row["item_count"] for row in asked(store, "what_needs_a_person")}
    assert needs == {"customers to link": 2, "customers unknown": 1}


def test_the_log_of_cards_and_those_that_run_out_before_they_are_charged(engine: Store) -> None:
    script = Script()
    for event in (
        card("soon", "1111", date(2026, 12, 31)),
        card("gone", "2222", date(2026, 10, 31)),
        card("due", "3333", date(2027, 3, 31)),
        card("fine", "4444", date(2029, 3, 31)),
        card("changed", "5555", date(2026, 12, 31)),
        card("changed", "6666", date(2030, 1, 31), MethodChange.CHANGED, was_last_four="5555"),
        card("removed", "7777", date(2026, 12, 31)),
        card("removed", "7777", date(2026, 12, 31), MethodChange.REMOVED),
        example("CustomerLinked", **of("due"), abas_customer_id="70009"),
    ):
        script.write(EVENTS, event)
    for name, day in (("due", date(2027, 4, 1)), ("fine", date(2027, 4, 1))):
        schedule = example("RecurrenceObserved", vault_customer_id=name, merchant="main", next_on=day)
        script.write(Topic.SUBSCRIPTIONS_INBOX, schedule)
    fill(engine, script.messages)
    rows = asked(engine, "expiring_cards", today="2026-11-30")
    assert [(row["data_subject"], row["urgency"], row["days_left"]) for row in rows] == [
        ("paytrace/main/gone", "expired", -30),
        ("paytrace/main/due", "before the next charge", 121),
        ("paytrace/main/soon", "soon", 31),
    ]
    assert (rows[1]["abas_customer_id"], rows[1]["next_charge_on"]) == ("70009", "2027-04-01")
    log = asked(engine, "payment_methods", vault_customer="paytrace/main/changed")
    assert sorted((row["change"], row["last_four"]) for row in log) == [("added", "5555"), ("changed", "6666")]
    assert len(asked(engine, "payment_methods")) == 8


def test_one_card_under_two_customers_is_sure_by_fingerprint_and_possible_by_what_people_see(engine: Store) -> None:
    store = filled(
        engine,
        card("a", "1111", date(2027, 1, 31), card_fingerprint="BCDF"),
        card("b", "1111", date(2028, 1, 31), card_fingerprint="BCDF"),  # the same account, issued again
        card("c", "1111", date(2027, 1, 31)),
        card("d", "1111", date(2027, 1, 31)),
        card("e", "1111", date(2029, 1, 31)),
    )
    rows = [(row["same_by"], row["data_subject"][-1]) for row in asked(store, "shared_cards")]
    assert rows == [
        ("fingerprint", "a"), ("fingerprint", "b"), ("last four and expiry", "c"), ("last four and expiry", "d"),
    ]  # fmt: skip


def test_each_value_that_differs_has_one_status_and_those_that_wait_are_counted(engine: Store) -> None:
    abas, paytrace = CustomerSide.ERP, CustomerSide.GATEWAY
    store = filled(
        engine,
        example("CustomerValueDiffers", **of("a"), field="email", owner=paytrace, is_waiting=True),
        example("CustomerValueDiffers", **of("b"), field="email", owner=paytrace, is_waiting=False),
        example("CustomerValuesAsked", **of("b"), side=abas, fields=("email", "name")),
        example("CustomerValuesTaken", **of("b"), side=abas, fields=("email", "name")),
        example("CustomerValueAgreed", **of("b"), field="email"),
        example("CustomerValuesAsked", **of("c"), side=paytrace, fields=("phone",)),
        example("CustomerValuesRefused", **of("c"), side=paytrace, fields=("phone",)),
    )
    rows = {(row["data_subject"][-1], row["field"]): row for row in asked(store, "customer_values")}
    assert {key: (row["status"], row["stands"], row["why"], row["conflicts"]) for key, row in rows.items()} == {
        ("a", "email"): ("waiting", "paytrace", "other changed", 1),
        ("c", "phone"): ("refused", "abas", "not kept", 0),
        ("b", "name"): ("written", "paytrace", "", 0),
        ("b", "email"): ("the same", "", "other changed", 1),
    }
    assert {row["kind"]: row["item_count"] for row in asked(store, "what_needs_a_person")} == {"customer values": 2}


def test_what_a_customer_owes_bears_the_name_sealed_and_opened_to_whoever_has_the_key(engine: Store) -> None:
    key = new_key()

    def shown(name: str, company: str, day: int) -> Any:
        plain = example(
            "ErpCustomerObserved", abas_customer_id="70001", data_subject="abas/70001",
            observed_at=NOW.replace(day=day), person={"name": name, "company": company},
        )  # fmt: skip
        return sealed_record(plain, {"abas/70001": key})

    def key_of(key_id: str) -> bytes | None:
        return key.key if key_id == key.key_id else None

    script = Script()
    script.open_item("7", 50_00)
    for record in (shown("Ann Lee", "", 1), shown("Ann Lee", "Lee & Sons", 3), shown("Ann", "", 2)):
        script.write(Topic.CUSTOMERS_INBOX, record)
    fill(engine, script.messages)
    report = questions.load("ageing")
    answer = questions.ask(engine, report, {"today": "2026-12-11"})
    (row,) = answer.records
    assert (row["abas_customer_id"], row["open"]) == ("70001", "50.00")
    assert opened(row["customer_name"], key_of) == "Lee & Sons"
    assert opened(row["customer_name"], lambda _: None) == ERASED
    page = io.StringIO()
    Console(file=page, width=200).print(questions.as_table(answer))
    assert "[sealed]" in page.getvalue()
    assert "Lee" not in page.getvalue()
    page.truncate(0)
    Console(file=page, width=200).print(questions.as_table(_opened(answer, key_of)))
    assert "Lee & Sons" in page.getvalue()
