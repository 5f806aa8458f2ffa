"""Ids of the outside that may come back: a line is known by more than its id, and never taken for another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from schemas.records.settlement import ProcessorEntryKind, SettlementLineRecorded, SettlementLineRefused
from schemas.signs import settlement_sign
from tests.support.settlement import Account, bank, disputed_money, entry, names, settled


def minor_of(events: Sequence[Any]) -> int:
    """What lines do to the money between gateway and bank."""
    lines = [event for event in events if isinstance(event, SettlementLineRecorded)]
    return sum(settlement_sign(line.kind) * line.amount_minor for line in lines)


def test_money_of_a_dispute_that_is_too_old_to_be_known_is_refused() -> None:
    account = Account()
    account.report(settled("1", 100_00, 500))
    assert names(account.report(disputed_money("CB1", 100_00, 2))) == [SettlementLineRefused.__name__]


HELD, RELEASED = ProcessorEntryKind.RESERVE_HELD, ProcessorEntryKind.RESERVE_RELEASED


def test_a_reserve_held_released_and_held_again_under_one_number_counts_three_times() -> None:
    facts = [entry("R1", 50_00, 1, HELD), entry("R1", 50_00, 5, RELEASED), entry("R1", 50_00, 9, HELD)]
    account = Account()
    assert minor_of(account.report(*facts)) == -50_00
    assert account.report(*facts) == []


def test_an_entry_is_not_taken_for_a_bank_line_of_the_same_number() -> None:
    account = Account()
    account.report(settled("1", 100_00, 0, 17), bank("4711", 98_00, 1), entry("4711", 2_00, 1, ProcessorEntryKind.FEE))
    assert [line.line_id for line in account.of(SettlementLineRecorded)][-1] == "4711:FEE:2026-03-03"
    assert account.report(entry("4711", 2_00, 1, ProcessorEntryKind.FEE)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (bank("b1", 100_00, 1), bank("b1", 90_00, 1)),
        (bank("b1", 100_00, 1), bank("b1", 100_00, 3)),
        (bank("b1", 100_00, 1), bank("b1", -100_00, 1)),
        (entry("f1", 2_00, 1, ProcessorEntryKind.FEE), entry("f1", 3_00, 1, ProcessorEntryKind.FEE)),
    ],
    ids=["other amount", "other day", "other direction", "fee of another amount"],
)
def test_an_id_that_stands_for_another_line_is_refused_where_people_see_it_once(first: Any, second: Any) -> None:
    account = Account()
    account.report(first)
    refused = account.report(second, second)
    assert names(refused) == [SettlementLineRefused.__name__]
    assert "stands for" in refused[0].detail
    assert account.report(first) == []
