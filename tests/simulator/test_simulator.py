"""Two hundred stories, and proof that the simulator finds what it is for. More of them: `make simulate SEEDS=n`."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from schemas import catalog
from schemas.wire.envelope import header_text
from streams.log.outbound import Outbound
from tests.simulator.breaks import (
    as_another,
    is_event,
    journal_before_outputs,
    lost,
    no_look_up,
    one_record,
    twice,
)
from tests.simulator.run import Result, Simulation, again, simulate

SEEDS, AT_ONCE = 100, 10
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)  # every trouble is logged, and trouble is all there is
    yield
    logging.disable(logging.NOTSET)


def wrong(result: Result) -> list[str]:
    return [*result.problems, *result.log_problems]


@pytest.mark.parametrize("first", range(1, SEEDS + 1, AT_ONCE))
def test_whatever_befalls_our_processes_the_books_of_all_sides_agree(first: int) -> None:
    struck: Counter[str] = Counter()
    for seed in range(first, first + AT_ONCE):
        result = simulate(seed)
        assert not wrong(result), f"{result}\n{again(seed)}"
        struck += result.struck
        struck["documents"] += len(result.documents)
        struck["operator commands"] += result.commands
        struck["requests"] += result.requests
    # What never happened proves nothing.
    assert all(struck[name] for name in ("kill", "documents", "operator commands", "requests")), struck


def test_a_seed_reproduces_exactly_in_any_process() -> None:
    here = simulate(11)
    command = [sys.executable, "-m", "tests.simulator.run", "--from", "11"]
    # Another process hashes texts otherwise, so that no order of a set may decide anything.
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    reported = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert str(here) in reported
    assert simulate(11).digest == here.digest
    assert simulate(12).digest != here.digest


@pytest.mark.parametrize("change", [lost, twice, as_another])
def test_any_one_record_lost_or_doubled_turns_a_story_red(change: Callable[..., object]) -> None:
    for seed in range(1, 4):
        assert wrong(simulate(seed, prepare=one_record(change))), f"seed {seed}"  # type: ignore[arg-type]


def test_a_record_that_is_kept_twice_is_dropped_by_its_readers() -> None:
    for seed in range(20, 22):
        result = simulate(seed, prepare=one_record(twice))
        assert not result.problems
        assert result.log_problems


@pytest.mark.parametrize("change", [lost, as_another])
def test_a_journal_with_one_record_less_or_more_is_found_by_the_books_alone(change: Callable[..., object]) -> None:
    for seed in range(30, 32):
        result = simulate(seed, prepare=one_record(change, of=is_event))  # type: ignore[arg-type]
        assert result.problems, f"seed {seed}"


@pytest.mark.parametrize(
    ("break_rule", "within"),
    [(journal_before_outputs, 60), (no_look_up, 60)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_broken_delivery_rule_is_found(break_rule: Callable[[Simulation], None], within: int) -> None:
    assert any(simulate(seed, prepare=break_rule).problems for seed in range(1, within + 1))


@pytest.mark.parametrize("topic", ["identification.inbox.v1", "receivables.inbox.v1", "erp.commands.v1"])
def test_a_lost_record_on_the_way_of_the_money_is_found_by_the_books_alone(topic: str) -> None:
    break_log = one_record(lost, of=lambda record: record.topic == topic)
    assert any(simulate(seed, prepare=break_log).problems for seed in range(1, 13))


@pytest.mark.parametrize("number", [1, 3])
def test_an_adoption_that_one_partition_lost_is_found_by_the_books_alone(number: int) -> None:
    """It acknowledged the rules and does not hold them: its records wait, or it goes on by the older ones."""

    def prepare(simulation: Simulation) -> None:
        seen = 0

        def tamper(record: Outbound) -> Sequence[Outbound]:
            nonlocal seen
            is_adoption = header_text(record.headers, "ce_type") == "RulesAdopted"
            seen += is_adoption and catalog.topic(record.topic).role == "inbox"
            return () if is_adoption and seen == number else (record,)

        simulation.broker.kept.tamper = tamper

    assert simulate(1, prepare=prepare).problems
