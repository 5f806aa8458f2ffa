"""What rules of risk hold, as reports show it: waiting money that is counted once, until a person releases it."""

from __future__ import annotations

from typing import Any

from app.cli import explain, ways_out
from projections.store.client import Store
from schemas.records.identification import PaymentAwaitsRisk
from schemas.records.risk import PaymentRiskDecided, RiskStatus
from tests.support.examples import example
from tests.support.projecting import asked, project
from tests.support.scripted import IDENTIFICATION, Script

RISK = "risk.events.v1"
FOUND = "card-often: 4 attempts"


def decided(payment: str, status: RiskStatus, revision: int, **other: Any) -> PaymentRiskDecided:
    body = {"status": status, "revision": revision, "amount_minor": 70_00, "detail": FOUND, "shop_orders": (), **other}
    record: PaymentRiskDecided = example("PaymentRiskDecided", paytrace_transaction_id=payment, **body)
    return record


def held(script: Script, payment: str) -> PaymentAwaitsRisk:
    script.captured(payment, 70_00)
    waits: PaymentAwaitsRisk = example(
        "PaymentAwaitsRisk",
        movement_id=f"{payment}:CAPTURED",
        paytrace_transaction_id=payment,
        amount_minor=70_00,
        detail=FOUND,
    )
    script.write(IDENTIFICATION, waits)
    script.write(RISK, decided(payment, RiskStatus.HELD, 1))
    return waits


def test_a_held_payment_waits_in_the_bridge_and_in_the_list_of_holds(store: Store) -> None:
    script = Script()
    held(script, "1")
    script.captured("2", 70_00)
    script.identified("2", 70_00)
    script.write(RISK, decided("2", RiskStatus.HELD, 1))  # found late
    script.write(RISK, decided("3", RiskStatus.HELD, 1))  # only authorized
    script.write(RISK, decided("4", RiskStatus.PASSED, 1, detail=""))
    project(store, script.messages)
    assert {row["paytrace_transaction_id"]: row["money"] for row in asked(store, "risk_holds")} == {
        "1": "held back",
        "2": "with its customer",
        "3": "none yet",
    }
    kinds = {row["kind"]: (row["item_count"], row["amount_minor"]) for row in asked(store, "what_needs_a_person")}
    assert kinds == {"payments held": (3, 210_00)}
    (bridge,) = asked(store, "bridge_by_currency")
    # The second is on its way between identification and its customer.
    assert (bridge["captured_minor"], bridge["waiting_minor"], bridge["residual_minor"]) == (140_00, 70_00, 70_00)
    (waiting,) = [row for row in asked(store, "waiting_with_candidates") if row["paytrace_transaction_id"] == "1"]
    assert ways_out.commands(waiting) == ["saldo decide release-hold 1 --why ..."]
    (row,) = asked(store, "explain", id="1")
    assert explain.step(row)[0].endswith(f"70.00 USD waits, held by rules of risk: {FOUND}")


def test_what_was_released_is_kept_with_who_and_why(store: Store) -> None:
    script = Script()
    held(script, "1")
    who = {"decided_by": "alice", "approved_by": "bob", "detail": "the buyer called"}
    script.write(RISK, decided("1", RiskStatus.RELEASED, 2, **who))
    script.identified("1", 70_00)
    project(store, script.messages)
    assert asked(store, "risk_holds") == ()
    (row,) = asked(store, "risk_outcomes")
    assert (row["status"], row["found"], row["said"], row["decided_by"], row["approved_by"], row["money"]) == (
        "released",
        FOUND,
        "the buyer called",
        "alice",
        "bob",
        "with its customer",
    )
    assert not [row for row in asked(store, "what_needs_a_person") if row["kind"] == "payments held"]
