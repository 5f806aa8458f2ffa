"""Each document once: what was asked for, posted, refused or parked, of any kind, so that nothing refused is silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from projections.store.client import Store
from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from tests.support.abas_commands import post_receipt, write_off
from tests.support.builders import done, refused
from tests.support.erp_data import OCCURRED_AT, customer, fee, request_status, sales_order
from tests.support.examples import example
from tests.support.projecting import asked, project
from tests.support.scripted import COMMANDS, OUTCOMES, Script


def test_a_document_is_waiting_refused_or_posted_and_a_refused_one_is_counted(store: Store) -> None:
    script = Script()
    for command, outcome in (
        (fee("FEE-1"), done),
        (fee("FEE-2"), refused),
        (fee("FEE-3"), None),
        (post_receipt("PT1", "i1"), refused),
        (write_off("PT1W1", "i1", 3_00), refused),
        (write_off("PT2W1", "i2", 3_00), refused),
        (write_off("PT2W2", "i2", 3_00), done),
        (write_off("PT3W1", "i3", 3_00), done),
        (write_off("PT3W2", "i3", 3_00), refused),
    ):
        script.write(COMMANDS, command)
        if outcome is not None:
            script.write(OUTCOMES, outcome(command))
            script.write(OUTCOMES, replace(outcome(command)))
    project(store, script.messages)
    states = {row["posting_reference"]: row["state"] for row in asked(store, "documents")}
    assert states == {
        "FEE-1": "posted",
        "FEE-2": "refused",
        "FEE-3": "waiting",
        "PT1": "refused",
        "PT1W1": "refused",
        "PT2W1": "refused",
        "PT2W2": "posted",
        "PT3W1": "posted",
        "PT3W2": "refused",
    }
    (of_fee,) = asked(store, "documents", state="refused", kind="fee")
    assert (of_fee["code"], of_fee["message"]) == ("PERIOD", "posting period is closed")
    (counted,) = [row for row in asked(store, "what_needs_a_person") if row["kind"] == "documents refused"]
    # The receipt's money waits and is counted there; the write-off of i2 was decided anew and is posted. That of i3 was
    # posted earlier, so what was refused later still waits for a person.
    assert (counted["item_count"], counted["amount_minor"]) == (3, 12_50 + 3_00 + 3_00)


def record_saved(command: SaveRecord) -> RecordSaved:
    return RecordSaved(
        kind=command.kind,
        natural_key=command.natural_key,
        subject=command.subject,
        erp_id="(1,0,0)",
        erp_number="4711",
        erp_version=1,
        occurred_at=OCCURRED_AT,
    )


def record_refused(command: SaveRecord) -> RecordRefused:
    return RecordRefused(
        kind=command.kind,
        natural_key=command.natural_key,
        subject=command.subject,
        code="FIELD",
        message="no such zip code",
        field_name="zip_code",
        occurred_at=OCCURRED_AT,
    )


def test_a_record_is_waiting_refused_or_saved_and_a_refused_one_is_counted_until_it_is_asked_for_anew(
    store: Store,
) -> None:
    script = Script()
    for command, outcome in (
        (customer("C-1"), record_saved),
        (customer("C-2", zip_code="XX"), record_refused),
        (customer("C-3"), None),
        (sales_order("O-1", {"1": ("10001", "1", "5.00")}), record_refused),
        (customer("C-1", town="Bonn"), record_refused),
        (sales_order("O-1", {"1": ("10001", "2", "5.00")}), record_saved),
    ):
        script.write(COMMANDS, command)
        if outcome is not None:
            script.write(OUTCOMES, outcome(command))
    project(store, script.messages)
    states = {(row["kind"], row["natural_key"]): row["state"] for row in asked(store, "erp_records")}
    assert states == {
        ("customer", "C-1"): "refused",
        ("customer", "C-2"): "refused",
        ("customer", "C-3"): "waiting",
        ("sales_order", "O-1"): "saved",
    }
    of_customers = asked(store, "erp_records", state="refused", kind="customer")
    assert {(row["code"], row["message"], row["field_name"]) for row in of_customers} == {
        ("FIELD", "no such zip code", "zip_code")
    }
    (counted,) = [row for row in asked(store, "what_needs_a_person") if row["kind"] == "erp records refused"]
    assert counted["item_count"] == 2


def test_a_payment_request_shows_where_it_stands_and_those_that_wait_are_counted(store: Store) -> None:
    script = Script()
    for number, steps in enumerate((("ACCEPTED", "SENT", "DONE"), ("ACCEPTED", "IN_DOUBT"), ("WAITING",), ())):
        name = f"({number},900,0)"
        request = example("PaymentRequestObserved", payment_request_id=name, payment_request_number=f"ZW-{number}")
        script.write("gateway.inbox.v1", request)
        for version, step in enumerate(steps):
            done_ = {"transaction": "77", "document": "ZE-1"} if step == "DONE" else {}
            command = request_status(name, step, **done_)
            script.write(COMMANDS, command)
            saved = replace(record_saved(command), erp_version=version)
            script.write(OUTCOMES, record_refused(command) if step == "WAITING" else saved)
    project(store, script.messages)
    rows = asked(store, "payment_requests")
    assert [(row["payment_request_number"], row["status"], bool(row["is_written_back"])) for row in rows] == [
        ("ZW-1", "IN_DOUBT", True),
        ("ZW-2", "WAITING", False),
        ("ZW-3", "OPEN", False),
        ("ZW-0", "DONE", True),
    ]
    [done_row] = asked(store, "payment_requests", status="DONE")
    assert (done_row["paytrace_transaction_id"], done_row["documents"], done_row["kind"]) == ("77", "ZE-1", "refund")
    (counted,) = [row for row in asked(store, "what_needs_a_person") if row["kind"] == "payment requests wait"]
    assert counted["item_count"] == 2


def test_what_met_a_closed_period_is_parked_re_dated_or_adjusted_and_the_document_shows_both_days(store: Store) -> None:
    script, march = Script(), date(2026, 3, 1)
    for command in (fee("FEE-1"), fee("FEE-2"), fee("FEE-3"), fee("FEE-4"), fee("FEE-5")):
        script.write(COMMANDS, command)
        if command.posting_reference != "FEE-5":
            script.write(OUTCOMES, refused(command, "PERIOD_CLOSED/2202"))
    values = {"merchant_account": "main", "value_on": fee("FEE-3").values["value_on"]}
    again = (
        replace(fee("FEE-2"), posted_on=march),
        replace(fee("FEE-3"), kind="adjustment", values=values, posted_on=march, lines=fee("FEE-3").lines[::-1]),
        fee("FEE-4"),
    )
    for command in again:
        script.write(COMMANDS, command)
        script.write(OUTCOMES, done(command))
    project(store, script.messages)
    rows = asked(store, "closed_periods")
    assert [(one["posting_reference"], one["happened"], one["state"], one["posted_on"]) for one in rows] == [
        ("FEE-1", "parked", "refused", None),
        ("FEE-3", "adjusted", "posted", "2026-03-01"),
        ("FEE-2", "re-dated", "posted", "2026-03-01"),
        ("FEE-4", "reopened", "posted", None),
    ]
    assert {(one["kind"], one["why"], str(one["value_on"])) for one in rows} == {
        ("fee", "posting period is closed", values["value_on"])
    }
    assert [one["posting_reference"] for one in asked(store, "closed_periods", happened="parked")] == ["FEE-1"]
    shown = {one["posting_reference"]: (one["kind"], one["posted_on"]) for one in asked(store, "documents")}
    assert shown["FEE-3"] == ("adjustment", "2026-03-01")
