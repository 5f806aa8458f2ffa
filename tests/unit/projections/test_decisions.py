"""What people see of matches, suggestions, decisions and write-offs: the golden scenarios, projected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import cast

import pytest

from app.cli import explain, waiting
from projections.store.client import Store
from streams.log.records import Inbound
from tests.replay.golden import ROOT, read
from tests.replay.line import run
from tests.support.projecting import asked, bridge, project, residual

SCENARIOS = (
    "divided_by_hand_and_put_on_account",
    "one_payment_of_two_invoices_then_refunded",
    "short_payment_confirmed_and_rest_written_off",
    "three_part_payments_of_one_invoice",
    "tie_rejected_in_part",
    "write_off_reversed",
    "wrong_match_unmatched",
)


async def reported(store: Store, scenario: str, *, lines: int | None = None) -> None:
    """Play a scenario, or its first lines, and project every record of it."""
    played = await run(read(ROOT / scenario / "input.jsonl")[:lines], restarts=False)
    offsets: dict[str, int] = defaultdict(int)
    messages = []
    for topic, key, value, headers in played.records:
        message = Inbound(
            topic=topic,
            partition=0,
            offset=offsets[topic],
            key=key,
            value=value,
            headers=cast("Sequence[tuple[str, bytes]]", headers),
            timestamp_ms=1_795_000_000_000,
        )
        messages.append(message)
        offsets[topic] += 1
    project(store, messages)


def explained(store: Store, subject: str) -> str:
    return "\n".join(line for row in asked(store, "explain", id=subject) for line in explain.step(row))


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_the_balance_closes_whatever_was_decided(store: Store, scenario: str) -> None:
    await reported(store, scenario)
    assert residual(store) == 0
    assert bridge(store).get("captured", 0) > 0
    for row in asked(store, "bridge_by_day"):
        assert row["residual_minor"] == 0, row
    assert asked(store, "payments_that_do_not_balance") == ()


async def test_a_decision_is_explained_with_its_evidence_and_its_person(store: Store) -> None:
    await reported(store, "short_payment_confirmed_and_rest_written_off")
    text = explained(store, "79388123")
    for expected in (
        "100.00 USD waits, amount differs from what is open: invoice RE-1 has 103.00 USD open, the payment is 100.00",
        ", 1 of 1: 100.00 USD for invoice RE-1",
        "100.00 USD belongs to invoice RE-1, by mweber, after rule fee-or-discount version 2",
        "    agrees:  invoice RE-1",
        "    differs: pays 3.00 USD less than the 103.00 USD open",
        "mweber decided confirm: customer called",
        "mweber asked for confirm (customer called); refused, because PT79388123 is posted already; unmatch it first",
        "100.00 USD posted in abas as document PT79388123",
        "3.00 USD written off in abas as document PT79388123W1",
    ):
        assert expected in text, text
    assert explained(store, "re-1") == text
    # The payment's story begins before anybody knew whose it is, the item's with its entry.
    assert text.endswith(explained(store, "i1"))


async def test_a_write_off_is_listed_with_who_and_how_far_it_is(store: Store) -> None:
    await reported(store, "short_payment_confirmed_and_rest_written_off")
    (before,) = asked(store, "write_offs")
    assert (before["posting_reference"], before["status"], before["decided_by"]) == (
        "PT79388123W1",
        "written off",
        "mweber",
    )


async def test_the_document_that_takes_a_write_off_back_is_reported_and_listed_as_one_with_it(store: Store) -> None:
    await reported(store, "write_off_reversed")
    (row,) = asked(store, "write_offs", abas_customer_id="70001")
    assert (row["posting_reference"], row["status"], row["amount_minor"]) == ("PT79388123W1", "reversed", 3_00)
    assert asked(store, "write_offs", abas_customer_id="7") == ()
    text = explained(store, "79388123")
    for expected in (
        "mweber decided reverse write off: customer called",
        "reversal of a write-off of 3.00 USD asked of abas",
        "write-off of 3.00 USD reversed in abas by document PT79388123W1U1",
        "mweber asked for reverse write off (customer called); refused, because PT79388123W1 is reversed already",
    ):
        assert expected in text, text
    assert "reversed in abas by document" in explained(store, "PT79388123W1")


def test_what_abas_refused_says_how_to_ask_again(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "posting_reference": "PT1",
        "paytrace_transaction_id": "1",
        "signed": "1.00",
        "currency": "USD",
        "abas_customer_id": "70001",
        "names_invoice": "",
        "waiting_since": "2026-11-20T12:00:00Z",
        "waits_in": "receivables",
        "reason": "POSTING_REFUSED",
        "detail": "4101: Posting period 11/2026 is closed",
        "suggestion_number": 0,
    }
    waiting.show((row,))
    shown = capsys.readouterr().out
    assert "    abas refused the posting: 4101: Posting period 11/2026 is closed\n" in shown
    assert "saldo decide post-again PT1 --why" in shown


async def test_a_divided_entry_says_into_what(store: Store) -> None:
    await reported(store, "divided_by_hand_and_put_on_account")
    text = explained(store, "79388123")
    assert "100.00 USD is divided into PT79388123S1, PT79388123S2, PT79388123S3" in text
    assert "10.00 USD goes to the customer's account" in text


async def test_an_unmatched_match_says_how(store: Store) -> None:
    await reported(store, "wrong_match_unmatched")
    text = explained(store, "79388123")
    assert "match of 100.00 USD unmatched: reversed by PT79388123U1, waits again as PT79388123A1" in text
    assert "mweber decided unmatch: customer called" in text


async def test_a_refund_of_several_documents_is_followed_to_each(store: Store) -> None:
    await reported(store, "one_payment_of_two_invoices_then_refunded")
    assert [row["posting_reference"] for row in asked(store, "entries_of", id="9001")] == [
        "PT9001",
        "PT9001S1",
        "PT9001S2",
    ]
    assert "by rule exact-sum version 2" in explained(store, "2")


async def test_what_waits_shows_its_options_until_they_are_decided(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    await reported(store, "tie_rejected_in_part", lines=-1)
    rows = asked(store, "waiting_with_candidates", abas_customer_id="70001")
    assert [(row["suggestion_number"], row["abas_open_item_ids"]) for row in rows] == [(1, ["i1"]), (2, ["i2"])]
    waiting.show(rows)
    shown = capsys.readouterr().out
    assert "PT79388123  100.00 USD  customer 70001, names RE-1" in shown
    assert "KMD5V  RE-1 100.00 USD   (exact-invoice: " in shown
    assert asked(store, "waiting_with_candidates", abas_customer_id="70002") == ()


async def test_a_suggestion_that_ended_is_not_shown(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    await reported(store, "wrong_match_unmatched", lines=-2)
    (row,) = asked(store, "waiting_with_candidates")
    assert (row["posting_reference"], row["suggestion_number"]) == ("PT79388123A1", 0)
    waiting.show(())
    assert capsys.readouterr().out == "nothing waits\n"


async def test_items_are_found_by_number_in_any_case_and_by_id(store: Store) -> None:
    await reported(store, "tie_rejected_in_part")
    assert [row["abas_open_item_id"] for row in asked(store, "items_named", number="re-1")] == ["i1", "i2"]
    assert [row["invoice_number"] for row in asked(store, "items_named", number="i2")] == ["RE-1"]
    assert asked(store, "items_named", number="RE-1", abas_customer_id="7") == ()
