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
    DepositRestExplained,
    DepositUnmatched,
    ProcessorEntryKind,
    SettlementLineRecorded,
    SettlementLinesSetAside,
)
from schemas.signs import settlement_sign
from streams.domain.settlement.books import BANK_KINDS, due_id
from streams.domain.settlement.policy import Policy
from tests.support.policies import DEPOSITS
from tests.support.settlement import (
    NO_RESTS,
    Account,
    bank,
    batch,
    confirm,
    dismiss,
    entry,
    folded,
    reject,
    reported,
    settled,
    statement,
    unmatch,
)

DAYS = 14
AMOUNTS = st.integers(1, 5_000_00)


@st.composite
def stories(draw: st.DrawFn) -> list[Any]:
    """Batches of some days and their deposits, and operators at work.

    Deposits are named by batch or by a report, or not at all; short or not, in one line or two; early, late, twice.
    """
    known: list[tuple[int, int, Any]] = []
    lines: list[str] = []
    for on in range(draw(st.integers(1, 6))):
        amounts = draw(st.lists(AMOUNTS, min_size=1, max_size=4))
        number = on + 1
        net = 0
        for index, amount in enumerate(amounts):
            refunded = index > 0 and draw(st.booleans()) and amount < net
            movement = Movement.REFUNDED if refunded else Movement.CAPTURED
            net += -amount if refunded else amount
            known.append(
                (
                    on + draw(st.sampled_from([0, 0, 0, 1, 4])),
                    0,
                    settled(f"{on}-{index}", amount, on, number, movement=movement),
                )
            )
        known.append((on, 1, batch(number, net, on)))
        booked = on + draw(st.integers(0, 2))
        line = f"b{on}"
        named = number if draw(st.booleans()) else None
        deposit = f"D{on}" if draw(st.booleans()) else None
        short = draw(st.sampled_from([0, 0, 0, 1, 250]))
        late = draw(st.sampled_from([0, 0, 3]))
        fee = draw(st.sampled_from([0, 0, 30]))
        if fee and draw(st.booleans()):
            kind = draw(st.sampled_from([ProcessorEntryKind.FEE, ProcessorEntryKind.FEE_STATEMENT]))
            known.append((on + late, 1, entry(f"f{on}", fee, on, kind, deposit=deposit)))
        if deposit:
            gross = draw(st.sampled_from([None, net, net + 100]))
            other = draw(st.sampled_from([{}, {}, {"correction": -75}]))
            report = reported(deposit, on, gross=gross, fees=fee, others=other, net=net - fee + sum(other.values()))
            known.append((booked + draw(st.sampled_from([0, 0, 4])), 1, report))
        part = draw(st.sampled_from([0, 0, (net - short) // 2]))
        known.append((booked + late, 2, bank(line, net - short - fee - part, booked, named, deposit=deposit)))
        lines.append(line)
        if part:
            known.append((booked + late, 2, bank(f"{line}x", part, booked, named, deposit=deposit)))
            lines.append(f"{line}x")
    for minute in range(draw(st.integers(0, 4))):
        line = draw(st.sampled_from(lines))
        requests: list[Callable[..., Any]] = [confirm, reject, unmatch, dismiss]
        ask = draw(st.sampled_from(requests))
        known.append((draw(st.integers(0, DAYS)), 3, ask(line, minute=minute)))
    known += [(on, 4, statement(on)) for on in draw(st.sets(st.integers(0, DAYS), max_size=5))]
    if draw(st.booleans()):
        known += draw(st.lists(st.sampled_from(known), max_size=5))
    end = draw(st.sampled_from([DAYS, 40, 80]))
    known.append((end, 5, settled("last", 1, end)))
    return [record for _, _, record in sorted(known, key=lambda one: one[:2])]


@settings(max_examples=60, deadline=None)
@given(stories(), st.sampled_from([DEPOSITS, NO_RESTS]))
def test_no_cent_is_lost_on_any_prefix_and_days_follow_one_another(story: list[Any], policy: Policy) -> None:
    account = Account(as_shown=True, policy=policy)
    account.report(*story)  # which holds the sums of the running day against what is open, after every event
    previous: dict[str, int] = {}
    for event in account.events:
        if type(event).__name__ != "SettlementDayStated":
            continue
        assert event.residual_minor == 0
        new = event.opening_minor + sum(event.new_by_kind.values())
        gone = event.deposited_minor + event.fee_minor + event.rest_minor
        assert event.closing_minor == new - gone + event.dismissed_minor
        assert event.closing_minor == event.in_transit_minor - event.unexplained_minor
        assert not event.is_closed or (not event.open_bank_line_ids and not event.overdue_count)
        day = event.book_on.isoformat()
        if day not in previous:
            assert event.opening_minor == (list(previous.values())[-1] if previous else 0)
        else:
            assert event.closing_minor == previous[day]
        previous[day] = event.closing_minor


@settings(max_examples=60, deadline=None)
@given(stories(), st.sampled_from([DEPOSITS, NO_RESTS]))
def test_every_line_is_in_one_place(story: list[Any], policy: Policy) -> None:
    account = Account(as_shown=True, policy=policy)
    account.report(*story)
    recorded = {event.line_id: event for event in account.of(SettlementLineRecorded)}
    assert len(recorded) == len(account.of(SettlementLineRecorded))
    status: Counter[str] = Counter(list(recorded))
    due: dict[str, int] = {}
    rests: dict[str, int] = {}

    def net_of(line_id: str) -> int:
        if line_id in due:
            return due[line_id]
        line: SettlementLineRecorded = recorded[line_id]
        return settlement_sign(line.kind) * line.amount_minor

    for event in account.events:
        match event:
            case DepositMatched():
                if event.carried_minor:
                    due[due_id(event.bank_line_id)] = event.carried_minor
                    status.update([due_id(event.bank_line_id)])
                assert event.records_minor == sum(map(net_of, event.line_ids)) - event.carried_minor
                assert event.records_minor == event.deposit_minor + event.fee_minor + event.rest_minor
                assert policy.books_rest or not event.rest_minor or event.matched_by != "rule"
                status.subtract([event.bank_line_id, *event.line_ids])
                rests[event.bank_line_id] = event.rest_minor
            case DepositRestExplained():
                assert event.records_minor == sum(map(net_of, event.line_ids)) == event.fee_minor - event.rest_minor
                assert event.rest_minor in (0, rests[event.bank_line_id])
                status.subtract(event.line_ids)
                rests[event.bank_line_id] -= event.rest_minor
            case DepositUnmatched():
                assert event.records_minor == event.deposit_minor + event.fee_minor + event.rest_minor
                assert event.rest_minor == rests.pop(event.bank_line_id)
                status.update([event.bank_line_id, *event.line_ids])
                if status.get(due_id(event.bank_line_id)):
                    status.subtract([due_id(event.bank_line_id)])
            case BankLineDismissed():
                status.subtract([event.bank_line_id])
            case _:
                continue
        assert set(status.values()) <= {0, 1}
    open_now = {id_ for id_, count in status.items() if count}
    aside = sum(event.open_minor for event in account.of(SettlementLinesSetAside))
    assert account.state.set_aside_minor == aside
    gateway = {id_ for id_ in open_now if id_ in due or recorded[id_].kind not in BANK_KINDS}
    assert {*account.state.lines(), *account.state.deposits} <= open_now
    assert account.state.in_transit_minor == sum(map(net_of, gateway))
    assert {id_: rest.rest_minor for id_, rest in account.state.rests.items()} == {i: r for i, r in rests.items() if r}


@settings(max_examples=60, deadline=None)
@given(stories(), st.sampled_from([DEPOSITS, NO_RESTS]))
def test_the_journal_alone_gives_the_state_and_a_named_batch_is_paid_out_whole(
    story: list[Any], policy: Policy
) -> None:
    account = Account(as_shown=True, policy=policy)
    account.report(*story)
    assert folded(account.events) == account.state
    for matched in account.of(DepositMatched):
        if matched.rule == "deposit-by-batch-key":
            assert {id_.partition("-")[0] for id_ in matched.line_ids if "-" in id_} <= {
                matched.bank_line_id.strip("bx")
            }
