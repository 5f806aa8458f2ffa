"""Each document once: what was asked for, posted, refused or parked, of any kind, so that nothing refused is silent."""

from __future__ import annotations

from dataclasses import replace

from projections.store.client import Store
from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from tests.support.abas_commands import post_receipt, write_off
from tests.support.builders import done, refused
from tests.support.erp_data import OCCURRED_AT, customer, fee, sales_order
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
