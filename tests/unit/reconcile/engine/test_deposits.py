"""The daily bridge: every prefix of days adds up, late items are not lost, and only the schedule makes a fee."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.engine.deposits import BankDeposit, GatewayRecord, RecordKind, daily_bridges
from reconcile.engine.fees import (
    NO_FEES,
    FeeRate,
    FeeSchedule,
    NotEnoughHistory,
    PastBatch,
    propose_schedule,
)
from reconcile.engine.parameters import PARAMETERS

MONDAY = date(2026, 3, 2)
SCHEDULE = FeeSchedule("2026-1", {"visa": FeeRate(190, 10), "amex": FeeRate(290, 15)}, tolerance_fixed_minor=1)


def day(offset: int) -> date:
    return MONDAY + timedelta(days=offset)


def capture(
    ident: str, amount: int, on: int = 0, known: int | None = None, key: str = "", card: str = "visa"
) -> GatewayRecord:
    return GatewayRecord(ident, RecordKind.CAPTURE, amount, day(on), day(on if known is None else known), card, key)


def deposit(ident: str, amount: int, on: int, key: str = "") -> BankDeposit:
    return BankDeposit(ident, amount, day(on), day(on), key)


def test_a_deposit_with_a_batch_key_closes_its_records_and_books_the_fee() -> None:
    records = [capture("a", 10_000, key="B1"), capture("b", 5_000, key="B1", card="amex"), capture("c", 700, key="B2")]
    fee = SCHEDULE.fee_minor([("visa", 10_000), ("amex", 5_000)])
    bridges = daily_bridges(records, [deposit("d", 15_000 - fee, 1, "B1")], SCHEDULE, day(1))
    assert [one.record_ids for one in bridges[1].settled] == [("a", "b")]
    assert bridges[1].fees_minor == fee == 200 + 160
    assert bridges[1].closing_minor == 700
    assert bridges[1].open_record_ids == ("c",)
    assert bridges[1].is_closed


def test_a_difference_outside_the_schedule_is_a_break_and_the_day_is_not_closed() -> None:
    bridges = daily_bridges([capture("a", 10_000, key="B1")], [deposit("d", 9_000, 1, "B1")], SCHEDULE, day(1))
    assert not bridges[1].is_closed
    assert bridges[1].fees_minor == 0
    assert bridges[1].breaks[0].difference_minor == 1_000 - 200
    assert bridges[1].residual_minor == 0


def test_without_a_batch_key_whole_days_are_tried_over_a_weekend() -> None:
    records = [capture(f"r{at}", 10_000 + 137 * at, on=4 + at % 3) for at in range(6)]
    fee = SCHEDULE.fee_minor(("visa", one.amount_minor) for one in records)
    total = sum(one.amount_minor for one in records)
    bridges = daily_bridges(records, [deposit("d", total - fee, 7)], SCHEDULE, day(7))
    assert bridges[-1].is_closed
    assert len(bridges[-1].settled[0].record_ids) == 6


def test_two_sets_that_fit_equally_are_not_chosen_between() -> None:
    records = [capture("a", 10_000, on=0), capture("b", 10_000, on=1)]
    bridges = daily_bridges(records, [deposit("d", 10_000, 2)], NO_FEES, day(2))
    assert not bridges[-1].settled
    assert "equally well" in bridges[-1].breaks[0].reason


def test_a_capture_and_its_return_in_one_day_are_taken_in_together() -> None:
    back = GatewayRecord("ret", RecordKind.REFUND, 4_000, day(0), day(0))
    records = [capture("a", 10_000), capture("b", 3_100), capture("ach", 4_000), back]
    (settled,) = daily_bridges(records, [deposit("d", 13_100, 1)], NO_FEES, day(1))[-1].settled
    assert settled.record_ids == ("a", "ach", "b", "ret")
    assert settled.takes_in_cancelling


def test_a_day_that_cancels_itself_out_is_paid_with_the_day_beside_it() -> None:
    back = GatewayRecord("ret", RecordKind.REFUND, 4_000, day(1), day(1))
    records = [capture("a", 10_000), capture("b", 3_100), capture("ach", 4_000, on=1), back]
    (settled,) = daily_bridges(records, [deposit("d", 13_100, 2)], NO_FEES, day(2))[-1].settled
    assert settled.record_ids == ("a", "ach", "b", "ret")


def test_records_of_another_day_that_would_do_instead_keep_it_a_tie() -> None:
    back = GatewayRecord("ret", RecordKind.REFUND, 4_000, day(0), day(0))
    records = [capture("a", 10_000), capture("ach", 4_000), back, capture("b", 10_000, on=1), capture("c", 700, on=1)]
    bridge = daily_bridges(records, [deposit("d", 10_000, 2)], NO_FEES, day(2))[-1]
    assert not bridge.settled
    assert "equally well" in bridge.breaks[0].reason


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([100, 200, 300, 700, 1_100]), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 2),
)
def test_what_is_chosen_to_the_cent_is_never_one_of_two_genuinely_different_sets(
    reported: list[tuple[int, int, bool]], paid_on: int
) -> None:
    records = [
        GatewayRecord(f"r{at}", RecordKind.REFUND if is_back else RecordKind.CAPTURE, amount, day(on), day(on))
        for at, (on, amount, is_back) in enumerate(reported)
    ]
    paid = sum(one.net_minor for one in records if one.settled_on == day(paid_on))
    bridge = daily_bridges(records, [deposit("d", paid, 3)], NO_FEES, day(3))[-1]
    fitting = [
        {one.id for one in some}
        for count in range(2, len(records) + 1)
        for some in combinations(records, count)
        if sum(one.net_minor for one in some) == paid
    ]
    if bridge.settled:
        chosen = set(bridge.settled[0].record_ids)
        assert all(one <= chosen or chosen <= one for one in fitting)
    whole = {one.id for one in records}
    if whole in fitting and len({one.settled_on for one in records}) <= PARAMETERS.longest_run_days:
        assert bridge.settled[0].record_ids == tuple(sorted(whole))  # all of it: nothing else can be different


def test_a_late_record_closes_the_deposit_on_the_day_it_becomes_known() -> None:
    records = [capture("a", 10_000, key="B1"), capture("late", 2_000, on=0, known=3, key="B1")]
    bridges = daily_bridges(records, [deposit("d", 12_000, 1, "B1")], NO_FEES, day(4))
    assert [bridge.is_closed for bridge in bridges] == [True, False, False, True, True]
    assert bridges[3].settled[0].record_ids == ("a", "late")
    assert bridges[4].closing_minor == 0


def test_refunds_chargebacks_and_reserves_have_their_own_rows() -> None:
    records = [
        capture("a", 10_000, key="B1"),
        GatewayRecord("r", RecordKind.REFUND, 1_000, day(0), day(0), batch_key="B1"),
        GatewayRecord("c", RecordKind.CHARGEBACK, 500, day(0), day(0), batch_key="B1"),
        GatewayRecord("h", RecordKind.RESERVE_HOLD, 300, day(0), day(0), batch_key="B1"),
    ]
    bridges = daily_bridges(records, [deposit("d", 8_200, 1, "B1")], NO_FEES, day(1))
    assert bridges[0].new_by_kind == {
        RecordKind.CAPTURE: 10_000,
        RecordKind.REFUND: -1_000,
        RecordKind.CHARGEBACK: -500,
        RecordKind.RESERVE_HOLD: -300,
    }
    assert bridges[1].closing_minor == 0
    assert bridges[1].is_closed


@st.composite
def accounts(draw: st.DrawFn) -> tuple[list[GatewayRecord], list[BankDeposit]]:
    records = [
        GatewayRecord(
            f"r{at}",
            draw(st.sampled_from(list(RecordKind))),
            draw(st.integers(1, 50_000)),
            day(settled := draw(st.integers(0, 6))),
            day(settled + draw(st.integers(0, 3))),
            "visa",
            draw(st.sampled_from(["", "B1", "B2"])),
        )
        for at in range(draw(st.integers(0, 12)))
    ]
    deposits = [
        deposit(
            f"d{at}", draw(st.integers(-20_000, 60_000)), draw(st.integers(0, 8)), draw(st.sampled_from(["", "B1"]))
        )
        for at in range(draw(st.integers(0, 4)))
    ]
    return records, deposits


@settings(max_examples=60, deadline=None)
@given(accounts())
def test_on_every_prefix_open_today_is_open_yesterday_plus_new_less_closed(
    account: tuple[list[GatewayRecord], list[BankDeposit]],
) -> None:
    records, deposits = account
    whole = daily_bridges(records, deposits, SCHEDULE, day(12))
    opening = 0
    for at, bridge in enumerate(whole):
        assert bridge.opening_minor == opening
        assert bridge.residual_minor == 0
        closed = bridge.deposited_minor + bridge.fees_minor
        assert bridge.closing_minor == opening + sum(bridge.new_by_kind.values()) - closed
        opening = bridge.closing_minor
        if at % 4 == 0:  # a run that stops here, with only what was known, says the same about this day
            known = [one for one in records if one.known_on <= bridge.on]
            paid = [one for one in deposits if one.known_on <= bridge.on]
            assert daily_bridges(known, paid, SCHEDULE, bridge.on)[-1] == bridge
    settled = [one for bridge in whole for deal in bridge.settled for one in deal.record_ids]
    assert len(settled) == len(set(settled))
    assert sorted([*settled, *(whole[-1].open_record_ids if whole else ())]) == sorted(one.id for one in records)


def _history(count: int, rates: FeeSchedule, seed: int = 1) -> list[PastBatch]:
    rng = Random(seed)
    batches = []
    for _ in range(count):
        captures = tuple(
            (rng.choice(("visa", "amex")), rng.randrange(500, 60_000)) for _ in range(rng.randrange(3, 40))
        )
        batches.append(PastBatch(captures, rates.fee_minor(captures)))
    return batches


def test_a_schedule_is_learned_by_card_type() -> None:
    proposal = propose_schedule(_history(60, SCHEDULE), "2026-2")
    assert proposal.schedule.rates == SCHEDULE.rates
    assert proposal.explained == proposal.batches == 60


def test_a_history_without_a_schedule_in_it_is_refused() -> None:
    rng = Random(3)
    noisy = [replace(batch, fee_minor=batch.fee_minor + rng.randrange(0, 5_000)) for batch in _history(60, SCHEDULE)]
    with pytest.raises(NotEnoughHistory, match="no simple schedule"):
        propose_schedule(noisy, "x")


def test_too_short_a_history_is_refused() -> None:
    with pytest.raises(NotEnoughHistory, match="needed"):
        propose_schedule(_history(10, SCHEDULE), "x")


def test_cards_that_never_vary_are_refused() -> None:
    same = [PastBatch((("visa", 1_000), ("amex", 1_000)), 50) for _ in range(40)]
    with pytest.raises(NotEnoughHistory, match="too much the same"):
        propose_schedule(same, "x")
