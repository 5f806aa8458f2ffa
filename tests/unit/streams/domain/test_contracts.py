"""Contracts of abas as terms: followed from the day on which they are seen, moved, ended, prolonged, never twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.subscriptions import (
    ContractObserved,
    RecurrenceFrequency,
    RunStatus,
    SubscriptionCommandRefused,
    SubscriptionDayReached,
)
from streams.domain import subscriptions
from streams.domain.subscriptions import INITIAL, State, evolve, route
from tests.support.policies import DUNNING_RULES

SEEN = date(2026, 11, 20)
_OUT = {RunStatus.CANCELLED, RunStatus.PAUSED}


def contract(on: date = SEEN, **changed: Any) -> ContractObserved:
    seen = ContractObserved(
        abas_contract_number="at/V-77",
        vault_customer_id="C-1",
        merchant="",
        abas_customer_id="at/70001",
        amount_minor=2495,
        currency="USD",
        frequency=RecurrenceFrequency.MONTHLY,
        raw_frequency="monthly",
        start_on=date(2025, 1, 31),
        ends_on=None,
        is_active=True,
        description="Maintenance",
        observed_at=datetime(on.year, on.month, on.day, 15, tzinfo=UTC),
        raw="{}",
    )
    return replace(seen, **changed)


class Line:
    """The agent on every key that a contract leads to: its own and those of vault customers."""

    def __init__(self) -> None:
        self.keys: dict[str, State] = {}
        self.events: list[Any] = []

    def take(self, *records: Any) -> list[Any]:
        before = len(self.events)
        waiting = list(records)
        while waiting:
            record = waiting.pop(0)
            key = record.abas_contract_number if isinstance(record, ContractObserved) else record.vault_customer_id
            for event in subscriptions.decide(self.keys.get(key, INITIAL), record, DUNNING_RULES):
                self.keys[key] = evolve(self.keys.get(key, INITIAL), event)
                self.events.append(event)
                outputs = [output.record for output in route(self.keys[key], event)]
                waiting += [one for one in outputs if type(one).__name__ in ("SetSubscription", "ChangeSubscription")]
        return self.events[before:]

    def day(self, on: date, *vaults: str) -> None:
        at = datetime(on.year, on.month, on.day, 9, tzinfo=UTC)
        for vault in vaults or ("C-1",):
            self.take(SubscriptionDayReached(vault_customer_id=vault, began_on=on, dunned_on=None, occurred_at=at))

    def runs(self, vault: str = "C-1") -> dict[str, str]:
        """Each run by its day; those that are not planned any more, or are paused, are left out."""
        known = sorted(self.keys[vault].runs.values(), key=lambda run: run.due_on)
        return {str(run.due_on): run.status.value for run in known if run.status not in _OUT}


def test_runs_before_the_day_on_which_a_contract_is_seen_are_nobodys_and_later_ones_keep_its_day() -> None:
    line = Line()
    line.take(contract())
    line.day(SEEN)
    assert line.runs() == {"2026-11-30": "EXPECTED"}
    line.day(date(2027, 2, 28))
    assert list(line.runs())[:4] == ["2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28"]
    assert not [one for one in line.events if isinstance(one, SubscriptionCommandRefused)]
    assert all(run.amount_minor == 2495 and run.prorated_minor == 0 for run in line.keys["C-1"].runs.values())


def test_a_contract_seen_again_changes_nothing_and_another_price_counts_from_then() -> None:
    line = Line()
    line.take(contract())
    assert line.take(contract(SEEN + timedelta(days=1))) == []
    line.take(contract(date(2026, 12, 5), amount_minor=3000))
    line.day(date(2026, 12, 31))
    amounts = {str(run.due_on): run.amount_minor for run in line.keys["C-1"].runs.values()}
    assert amounts["2026-11-30"] == 2495
    assert amounts["2026-12-31"] == 3000


@pytest.mark.parametrize("ended", [{"ends_on": date(2026, 12, 31)}, {"is_active": False}, {"vault_customer_id": ""}])
def test_a_contract_that_ends_is_filed_or_loses_its_vault_customer_is_charged_no_more(ended: dict[str, Any]) -> None:
    line = Line()
    line.take(contract(), contract(date(2026, 12, 2), **ended), contract(date(2026, 12, 9), **ended))
    line.day(date(2027, 1, 31))
    assert list(line.runs()) == ["2026-11-30"]


def test_a_prolonged_contract_goes_on() -> None:
    line = Line()
    line.take(contract(ends_on=date(2026, 12, 1)), contract(date(2026, 12, 9)))
    line.day(date(2026, 12, 31))
    assert line.runs()["2026-12-31"] == RunStatus.CHARGING


def test_a_contract_that_moves_is_charged_to_its_new_vault_customer_alone() -> None:
    line = Line()
    line.take(contract(), contract(date(2026, 12, 2), vault_customer_id="C-2"))
    line.day(date(2026, 12, 31), "C-1", "C-2")
    assert "2026-12-31" not in line.runs("C-1")
    assert line.runs("C-2")["2026-12-31"] == RunStatus.CHARGING
    line.take(contract(date(2027, 1, 2)))
    line.day(date(2027, 1, 31), "C-1", "C-2")
    assert "2027-01-31" not in line.runs("C-2")
    assert line.runs("C-1")["2027-01-31"] == RunStatus.CHARGING


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"amount_minor": 0}, "amount must be above zero"),
        ({"frequency": RecurrenceFrequency.UNKNOWN, "raw_frequency": "manchmal"}, "frequency UNKNOWN is none"),
    ],
)
def test_what_is_no_terms_is_refused_with_the_reason_and_charges_nobody(changed: dict[str, Any], said: str) -> None:
    line = Line()
    refused = [one for one in line.take(contract(**changed)) if isinstance(one, SubscriptionCommandRefused)]
    assert said in refused[0].refused_because
    line.day(date(2026, 12, 31))
    assert line.runs() == {}


@pytest.mark.parametrize("gone", [{"vault_customer_id": ""}, {"ends_on": SEEN}, {"is_active": False}])
def test_a_contract_that_charges_nobody_is_not_followed(gone: dict[str, Any]) -> None:
    assert Line().take(contract(**gone)) == []


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["C-1", "C-2", ""]), st.booleans()), min_size=1, max_size=8))
def test_however_a_contract_moves_no_day_is_charged_to_two(moves: list[tuple[str, bool]]) -> None:
    line = Line()
    on = SEEN
    for vault, is_active in moves:
        line.take(contract(on, vault_customer_id=vault, is_active=is_active, frequency=RecurrenceFrequency.DAILY))
        on += timedelta(days=2)
        line.day(on, "C-1", "C-2")
    asked = [one.due_on for one in line.events if type(one).__name__ == "RunChargeAsked"]
    assert len(asked) == len(set(asked))
