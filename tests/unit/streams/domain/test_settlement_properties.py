"""Whatever happens in whatever order: no cent is lost, no line counts twice, and no day is green that should not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.identification import Movement
from schemas.records.settlement import (
    BankLineDismissed,
    DepositMatched,
    DepositUnmatched,
    SettlementLineRecorded,
    SettlementLinesSetAside,
)
from schemas.signs import settlement_sign
from streams.domain.settlement.books import BANK_KINDS
from tests.support.settlement import (
    Account,
    bank,
    batch,
    confirm,
    dismiss,
    folded,
    reject,
    settled,
    statement,
    unmatch,
)

DAYS = 14
AMOUNTS = st.integers(1, 5_000_00)


@st.composite
def stories(draw: st.DrawFn) -> list[Any]:
    """Batches of some days, their deposits named or not, short or not, early, late, twice; and operators at work."""
    reported: list[tuple[int, int, Any]] = []
    lines: list[str] = []
    for on in range(draw(st.integers(1, 6))):
        amounts = draw(st.lists(AMOUNTS, min_size=1, max_size=4))
        number = on + 1
        net = 0
        for index, amount in enumerate(amounts):
            refunded = index > 0 and draw(st.booleans()) and amount < net
            movement = Movement.REFUNDED if refunded else Movement.CAPTURED
            net += -amount if refunded else amount
            reported.append(
                (
                    on + draw(st.sampled_from([0, 0, 0, 1, 4])),
                    0,
                    settled(f"{on}-{index}", amount, on, number, movement=movement),
                )
            )
        reported.append((on, 1, batch(number, net, on)))
        booked = on + draw(st.integers(0, 2))
        line = f"b{on}"
        named = number if draw(st.booleans()) else None
        short = draw(st.sampled_from([0, 0, 0, 1, 250]))
        reported.append((booked + draw(st.sampled_from([0, 0, 3])), 2, bank(line, net - short, booked, named)))
        lines.append(line)
    for minute in range(draw(st.integers(0, 4))):
        line = draw(st.sampled_from(lines))
        requests: list[Callable[..., Any]] = [confirm, reject, unmatch, dismiss]
        ask = draw(st.sampled_from(requests))
        reported.append((draw(st.integers(0, DAYS)), 3, ask(line, minute=minute)))
    reported += [(on, 4, statement(on)) for on in draw(st.sets(st.integers(0, DAYS), max_size=5))]
    if draw(st.booleans()):
        reported += draw(st.lists(st.sampled_from(reported), max_size=5))
    end = draw(st.sampled_from([DAYS, 40, 80]))
    reported.append((end, 5, settled("last", 1, end)))
    return [record for _, _, record in sorted(reported, key=lambda one: one[:2])]


@settings(max_examples=60, deadline=None)
@given(stories())
def test_no_cent_is_lost_on_any_prefix_and_days_follow_one_another(story: list[Any]) -> None:
    account = Account(as_shown=True)
    account.report(*story)  # which holds the sums of the running day against what is open, after every event
    previous: dict[str, int] = {}
    for event in account.events:
        if type(event).__name__ != "SettlementDayStated":
            continue
        assert event.residual_minor == 0
        reported = event.opening_minor + sum(event.new_by_kind.values()) - event.deposited_minor - event.fee_minor
        assert event.closing_minor == reported + event.dismissed_minor
        assert event.closing_minor == event.in_transit_minor - event.unexplained_minor
        assert not event.is_closed or (not event.open_bank_line_ids and not event.overdue_count)
        day = event.book_on.isoformat()
        if day not in previous:
            assert event.opening_minor == (list(previous.values())[-1] if previous else 0)
        else:
            assert event.closing_minor == previous[day]
        previous[day] = event.closing_minor


@settings(max_examples=60, deadline=None)
@given(stories())
def test_every_line_is_in_one_place(story: list[Any]) -> None:
    account = Account(as_shown=True)
    account.report(*story)
    recorded = {event.line_id: event for event in account.of(SettlementLineRecorded)}
    assert len(recorded) == len(account.of(SettlementLineRecorded))
    status: Counter[str] = Counter(list(recorded))
    for event in account.events:
        match event:
            case DepositMatched():
                assert event.records_minor == sum(
                    settlement_sign(recorded[id_].kind) * recorded[id_].amount_minor for id_ in event.line_ids
                )
                assert event.records_minor == event.deposit_minor + event.fee_minor
                status.subtract([event.bank_line_id, *event.line_ids])
            case DepositUnmatched():
                status.update([event.bank_line_id, *event.line_ids])
            case BankLineDismissed():
                status.subtract([event.bank_line_id])
            case _:
                continue
        assert set(status.values()) <= {0, 1}
    open_now = {id_ for id_, count in status.items() if count}
    aside = sum(event.open_minor for event in account.of(SettlementLinesSetAside))
    assert account.state.set_aside_minor == aside
    gateway = {id_ for id_ in open_now if recorded[id_].kind not in BANK_KINDS}
    assert {*account.state.lines(), *account.state.deposits} <= open_now
    assert account.state.in_transit_minor == sum(
        settlement_sign(recorded[id_].kind) * recorded[id_].amount_minor for id_ in gateway
    )


@settings(max_examples=60, deadline=None)
@given(stories())
def test_the_journal_alone_gives_the_state_and_a_named_batch_is_paid_out_whole(story: list[Any]) -> None:
    account = Account(as_shown=True)
    account.report(*story)
    assert folded(account.events) == account.state
    for matched in account.of(DepositMatched):
        if matched.rule == "deposit-by-batch-key":
            assert {id_.partition("-")[0] for id_ in matched.line_ids} == {matched.bank_line_id.removeprefix("b")}
