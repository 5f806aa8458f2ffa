"""The bridge: each station of a payment's way counts it once, and a loss anywhere shows as a residual."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from projections.store.client import Store
from schemas.records.identification import Movement, WaitingReason
from tests.support.projecting import bridge, project, residual
from tests.support.scripted import (
    COMMANDS,
    IDENTIFICATION,
    IDENTIFICATION_INBOX,
    NOON,
    OUTCOMES,
    RECEIVABLES,
    RECEIVABLES_INBOX,
    Script,
)


def posted_payment(script: Script, payment: str, minor: int) -> None:
    script.captured(payment, minor)
    script.identified(payment, minor)
    script.matched(payment, minor)
    script.requested(payment, minor)
    script.command(payment, minor)
    script.posted(payment, minor)
    script.entry_posted(payment, minor)


def test_a_posted_payment_is_posted_and_nothing_else(store: Store) -> None:
    script = Script()
    posted_payment(script, "1", 125_00)
    project(store, script.messages)
    assert bridge(store) == {"captured": 125_00, "posted": 125_00}
    assert residual(store) == 0


def test_each_station_holds_the_money_once(store: Store) -> None:
    script = Script()
    stations: tuple[tuple[Callable[[], object], dict[str, int]], ...] = (
        (lambda: script.captured("1", 100), {"captured": 100, "on_the_way": 100}),
        (lambda: script.awaits_reference("1", 100), {"captured": 100, "waiting": 100}),
        (lambda: script.sent_on("1", 100), {"captured": 100, "on_the_way": 100}),
        (lambda: script.recorded("1", 100), {"captured": 100}),
        (lambda: script.waiting("1", 100), {"captured": 100, "waiting": 100}),
        (lambda: script.matched("1", 100), {"captured": 100, "waiting": 100}),
        (lambda: script.requested("1", 100), {"captured": 100, "waiting": 100}),
        (lambda: script.command("1", 100), {"captured": 100, "waiting": 100}),
        (lambda: script.posted("1", 100), {"captured": 100, "posted": 100}),
        (lambda: script.entry_posted("1", 100), {"captured": 100, "posted": 100}),
    )
    for step, (write, expected) in enumerate(stations):
        seen = len(script.messages)
        write()
        project(store, script.messages[seen:])
        assert bridge(store) == expected, f"after step {step}"


def test_a_refused_posting_waits_with_its_reason(store: Store) -> None:
    script = Script()
    script.captured("1", 100)
    script.identified("1", 100)
    script.requested("1", 100)
    script.command("1", 100)
    script.refused("1", 100)
    script.waiting("1", 100)
    project(store, script.messages)
    assert bridge(store) == {"captured": 100, "waiting": 100}


def test_a_void_before_posting_nets_to_nothing(store: Store) -> None:
    script = Script()
    script.captured("1", 100)
    script.identified("1", 100)
    script.waiting("1", 100)
    script.voided("1", 100)
    script.identified("1", 100, Movement.VOIDED)
    script.netted("1", 100, "PT1R")
    script.netted("1", -100, "PT1")
    project(store, script.messages)
    assert bridge(store) == {"captured": 100, "voided": 100}
    assert residual(store) == 0


def test_a_void_after_posting_reverses_the_receipt(store: Store) -> None:
    script = Script()
    posted_payment(script, "1", 100)
    script.voided("1", 100)
    script.identified("1", 100, Movement.VOIDED)
    script.requested("1", -100)
    script.posted("1", -100)
    project(store, script.messages)
    assert bridge(store) == {"captured": 100, "voided": 100}
    assert residual(store) == 0


def test_a_waiting_refund_waits_with_a_minus(store: Store) -> None:
    script = Script()
    posted_payment(script, "1", 100)
    script.refunded("2", 40)
    script.awaits_reference("2", 40, Movement.REFUNDED)
    project(store, script.messages)
    assert bridge(store) == {"captured": 100, "refunded": 40, "posted": 100, "waiting": -40}
    assert residual(store) == 0


def test_a_lost_record_shows_as_a_residual(store: Store) -> None:
    script = Script()
    posted_payment(script, "1", 100)
    lost = script.captured("2", 70)
    kept = [m for m in script.messages if not (m.topic == IDENTIFICATION_INBOX and b"2:CAPTURED" in (m.value or b""))]
    assert lost in kept
    assert len(kept) == len(script.messages) - 1
    project(store, kept)
    assert residual(store) == 70


def test_a_document_that_is_there_twice_shows_as_a_residual(store: Store) -> None:
    script = Script()
    posted_payment(script, "1", 100)
    script.posted("1", 100, document="D-other")
    project(store, script.messages)
    assert residual(store) == -100


def test_a_document_found_again_by_the_look_up_is_one_document(store: Store) -> None:
    script = Script()
    posted_payment(script, "1", 100)
    script.posted("1", 100)
    project(store, script.messages)
    assert residual(store) == 0


def test_money_is_parked_until_its_record_is_released(store: Store) -> None:
    script = Script()
    cause = script.captured("1", 100)
    question = next(m for m in script.messages if m.topic == IDENTIFICATION_INBOX)
    assert cause.topic != question.topic
    script.parked(IDENTIFICATION, question)
    project(store, script.messages)
    assert bridge(store) == {"captured": 100, "parked": 100}

    seen = len(script.messages)
    script.released(IDENTIFICATION, question)
    script.awaits_reference("1", 100)
    project(store, script.messages[seen:])
    assert bridge(store) == {"captured": 100, "waiting": 100}


def test_discarded_money_stays_a_residual_with_a_name(store: Store) -> None:
    script = Script()
    script.captured("1", 100)
    arrived = script.sent_on("1", 100)
    assert arrived.topic == RECEIVABLES_INBOX
    script.parked(RECEIVABLES, arrived)
    script.discarded(RECEIVABLES, arrived)
    project(store, script.messages)
    assert bridge(store) == {"captured": 100, "discarded": 100}
    assert residual(store) == 100


def test_a_parked_command_is_parked_and_not_also_in_progress(store: Store) -> None:
    script = Script()
    script.captured("1", 100)
    script.identified("1", 100)
    script.requested("1", 100)
    command = script.command("1", 100)
    assert command.topic == COMMANDS
    script.parked(OUTCOMES, command)
    project(store, script.messages)
    assert bridge(store) == {"captured": 100, "parked": 100}


def test_an_outcome_parked_on_its_way_back_is_posted_money(store: Store) -> None:
    script = Script()
    posted_payment(script, "1", 100)
    back = [m for m in script.messages if m.topic == RECEIVABLES_INBOX][-1]
    script.parked(RECEIVABLES, back)
    project(store, script.messages)
    assert bridge(store) == {"captured": 100, "posted": 100}


def test_a_dead_letter_of_a_record_that_was_decided_after_all_is_no_parked_money(store: Store) -> None:
    """The task crashed between its dead letter and its journal, and the second try succeeded."""
    script = Script()
    script.captured("1", 100)
    question = next(m for m in script.messages if m.topic == IDENTIFICATION_INBOX)
    script.dead_letter(question)
    script.awaits_reference("1", 100)
    project(store, script.messages)
    assert bridge(store) == {"captured": 100, "waiting": 100}


def test_a_dead_letter_written_twice_is_parked_once(store: Store) -> None:
    script = Script()
    script.captured("1", 100)
    question = next(m for m in script.messages if m.topic == IDENTIFICATION_INBOX)
    script.dead_letter(question)
    script.parked(IDENTIFICATION, question)
    project(store, script.messages)
    assert bridge(store) == {"captured": 100, "parked": 100}


def test_money_falls_on_the_day_on_which_the_payment_moved(store: Store) -> None:
    """Posted three days later, it still closes the day of the capture."""
    script = Script()
    script.captured("1", 100)
    script.wait(days=3)
    script.identified("1", 100)
    script.requested("1", 100)
    script.posted("1", 100)
    project(store, script.messages)
    days = store.rows("SELECT term, money_at FROM rpt_money ORDER BY term")
    assert days == [("captured", NOON), ("posted", NOON)]


def test_a_later_void_falls_on_its_own_day(store: Store) -> None:
    script = Script()
    posted_payment(script, "1", 100)
    script.wait(days=1)
    script.voided("1", 100)
    script.wait(days=1)
    script.identified("1", 100, Movement.VOIDED)
    script.requested("1", -100)
    script.posted("1", -100)
    project(store, script.messages)
    found = store.rows("SELECT term, minor, money_at FROM rpt_money ORDER BY term, minor")
    next_day = NOON + timedelta(days=1)
    assert found == [
        ("captured", 100, NOON),
        ("posted", -100, next_day),
        ("posted", 100, NOON),
        ("voided", 100, next_day),
    ]


def test_a_decrease_after_posting_belongs_to_the_day_of_its_capture(store: Store) -> None:
    """Captured 100 on the first day, lowered to 90 on the second, voided on the third: each day closes."""
    script = Script()
    posted_payment(script, "1", 100)
    script.wait(days=1)
    script.amount_changed("1", 100, 90)
    script.identified("1", 10, Movement.AMOUNT_DECREASED)
    script.posted("1", -10, reference="PT1C1")
    script.wait(days=1)
    script.voided("1", 90)
    script.identified("1", 90, Movement.VOIDED)
    script.posted("1", -90, reference="PT1V")
    project(store, script.messages)
    assert residual(store) == 0
    days = store.rows(
        "SELECT money_at, sumIf(minor, term = 'captured') - sumIf(minor, term IN ('voided', 'posted'))"
        " FROM rpt_money GROUP BY money_at ORDER BY money_at"
    )
    assert days == [(NOON, 0), (NOON + timedelta(days=2), 0)]


def test_a_matched_refund_is_still_the_refund_s_own_entry(store: Store) -> None:
    """RefundMatched names the payment it belongs to; the money in it stays that of the refund transaction."""
    script = Script()
    posted_payment(script, "1", 100)
    script.refunded("2", 40)
    script.identified("2", 40, Movement.REFUNDED)
    script.refund_matched("2", 40, of_payment="1")
    project(store, script.messages)
    assert residual(store) == 0
    found = store.rows("SELECT paytrace_transaction_id, minor FROM rpt_money WHERE term = 'waiting'")
    assert found == [("2", -40)]


def test_money_that_abas_holds_after_all_does_not_wait_as_well(store: Store) -> None:
    """Refused first, found by a later look-up: the outcome is in the sink's journal before receivables has read it."""
    script = Script()
    script.captured("1", 100)
    script.identified("1", 100)
    script.requested("1", 100)
    script.waiting("1", 100, WaitingReason.POSTING_REFUSED)
    script.posted("1", 100)
    project(store, script.messages)
    assert bridge(store) == {"captured": 100, "posted": 100}
