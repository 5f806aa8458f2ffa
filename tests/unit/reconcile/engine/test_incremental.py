"""The incremental engine: its end state equals a batch run, and confirmed matches are kept under review."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, reduce
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.engine.engine import learn_all, match
from reconcile.engine.incremental import (
    INITIAL,
    Command,
    CommandRefused,
    ConfirmMatch,
    Engine,
    LinesMatched,
    MatchDissolved,
    MatchingState,
    RecordLine,
    ReviewOpened,
    UnmatchLines,
    WithdrawLine,
    decide,
    evolve,
    settle_all,
)
from reconcile.engine.lines import Line, Side
from reconcile.engine.results import Match, Outcome, Status
from reconcile.engine.rules import Need, RuleSet
from reconcile.files.profile import DEFAULT_RULES, load_rules
from tests.support.matchgen import Labelled, generate


@lru_cache(maxsize=1)
def rules_without_days() -> RuleSet:
    rules = load_rules(DEFAULT_RULES)
    return replace(rules, rules=tuple(rule for rule in rules.rules if Need.SAME_DAY not in rule.needs))


@lru_cache(maxsize=4)
def engine_for(seed: int, with_days: bool) -> tuple[Engine, Labelled]:
    history = generate(300, seed, "hard")
    rules = load_rules(DEFAULT_RULES) if with_days else rules_without_days()
    return Engine(rules, learn_all(history.left, history.right, rules)), history


def play(engine: Engine, commands: list[Command], state: MatchingState = INITIAL) -> MatchingState:
    for command in commands:
        state = reduce(evolve, decide(state, command, engine), state)
    return state


def batch(engine: Engine, state: MatchingState) -> Outcome:
    left = [line for line in state.lines.values() if line.side is Side.LEFT]
    right = [line for line in state.lines.values() if line.side is Side.RIGHT]
    return match(left, right, engine.rules, engine.learned, forbidden=state.forbidden)


def named(matches: list[Match]) -> dict[tuple[tuple[str, ...], tuple[str, ...]], str]:
    return {(one.left_ids, one.right_ids): f"{one.status} {one.rule}" for one in matches}


def assert_equals_batch(engine: Engine, state: MatchingState) -> None:
    """The state equals the batch outcome; each difference is accounted for by a match that was kept under review."""
    outcome = batch(engine, state)
    ours, theirs = named(list(state.matches.values())), named(list(outcome.matches))
    assert set(state.reviews) <= ours.keys()
    for key, match_ in state.matches.items():  # every kept match that a batch run would not confirm is under review
        if match_.status is Status.CONFIRMED and theirs.get(key, "").split(" ")[0] != "confirmed":
            assert key in state.reviews
    if not state.reviews:
        assert ours == theirs
        assert {one.id for one in state.findings.values()} == {one.id for one in outcome.one_sided}
    # Nothing outside a change's neighbourhood waits for a change: settling all lines at once finds nothing to do.
    assert settle_all(state, engine) == ()


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(1, 2), start=st.integers(0, 250), order=st.integers(0, 10_000), with_days=st.booleans())
def test_the_end_state_equals_a_batch_run_over_the_same_lines_in_any_order(
    seed: int, start: int, order: int, with_days: bool
) -> None:
    engine, books = engine_for(seed, with_days)
    lines = _slice(books, start, 16)
    Random(order).shuffle(lines)
    assert_equals_batch(engine, play(engine, [RecordLine(line) for line in lines]))


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(1, 2), start=st.integers(0, 250), data=st.data())
def test_corrections_withdrawals_and_unmatches_end_where_a_batch_run_ends(
    seed: int, start: int, data: st.DataObject
) -> None:
    engine, books = engine_for(seed, False)
    lines = _slice(books, start, 14)
    state = play(engine, [RecordLine(line) for line in lines])
    for _ in range(6):
        what = data.draw(st.sampled_from(["correct", "withdraw", "unmatch", "again"]))
        line = data.draw(st.sampled_from(lines))
        if what == "correct":
            state = play(engine, [RecordLine(replace(line, amount_minor=line.amount_minor + 100))], state)
        elif what == "withdraw":
            state = play(engine, [WithdrawLine(line.side, line.id)], state)
        elif what == "again":
            state = play(engine, [RecordLine(line)], state)
        elif state.matches:
            key = data.draw(st.sampled_from(sorted(state.matches)))
            state = play(engine, [UnmatchLines(*key, who="op", why="wrong payer")], state)
    assert_equals_batch(engine, state)


def test_a_match_under_review_makes_nothing_else_sure() -> None:
    engine, books = engine_for(1, False)
    lines = _slice(books, 36, 14)
    state = play(engine, [RecordLine(line) for line in lines])
    rival = next(line for line in lines if line.id == "L000047")
    state = play(engine, [RecordLine(replace(rival, amount_minor=rival.amount_minor + 100))], state)
    assert list(state.reviews) == [(("L000046",), ("B000037",))]
    assert_equals_batch(engine, state)


def _slice(books: Labelled, start: int, size: int) -> list[Line]:
    """Some lines and all their true partners, so that there is something to match."""
    chosen = sorted(books.left, key=lambda line: line.id)[start : start + size]
    ids = {line.id for line in chosen}
    partners = {right for left, right in books.pairs if left in ids}
    return [*chosen, *(line for line in books.right if line.id in partners)]


def test_the_same_line_again_changes_nothing() -> None:
    engine, books = engine_for(1, False)
    line = books.left[0]
    state = play(engine, [RecordLine(line)])
    assert decide(state, RecordLine(line), engine) == ()


def _clear_pair() -> tuple[Engine, MatchingState, Match]:
    engine, books = engine_for(1, False)
    state = play(engine, [RecordLine(line) for line in _slice(books, 0, 20)])
    sure = [one for one in state.matches.values() if one.status is Status.CONFIRMED and len(one.parts) == 1]
    return engine, state, sorted(sure, key=lambda one: one.left_ids)[0]


def test_a_confirmed_match_is_kept_and_reviewed_when_a_better_partner_arrives() -> None:
    engine, state, sure = _clear_pair()
    left = state.lines[(Side.LEFT, sure.left_ids[0])]
    partner = state.lines[(Side.RIGHT, sure.right_ids[0])]
    better = replace(partner, id="B-better", text=f"{partner.text} {left.counterparty} {' '.join(left.references)}")
    events = decide(state, RecordLine(better), engine)
    assert not [one for one in events if isinstance(one, MatchDissolved) and one.left_ids == sure.left_ids]
    reviews = [one for one in events if isinstance(one, ReviewOpened)]
    assert [one.left_ids for one in reviews] == [sure.left_ids]
    after = reduce(evolve, events, state)
    assert (sure.left_ids, sure.right_ids) in after.matches
    assert_equals_batch(engine, after)


def test_a_corrected_line_dissolves_its_match_and_says_why() -> None:
    engine, state, sure = _clear_pair()
    right = state.lines[(Side.RIGHT, sure.right_ids[0])]
    events = decide(state, RecordLine(replace(right, amount_minor=right.amount_minor * 3 + 7)), engine)
    dissolved = [one for one in events if isinstance(one, MatchDissolved)]
    assert [(one.left_ids, one.right_ids) for one in dissolved] == [(sure.left_ids, sure.right_ids)]
    assert "changed" in dissolved[0].why


def test_an_unmatched_pair_is_not_proposed_again() -> None:
    engine, state, sure = _clear_pair()
    state = play(engine, [UnmatchLines(sure.left_ids, sure.right_ids, who="anna", why="other invoice")], state)
    assert (sure.left_ids, sure.right_ids) not in state.matches
    line = state.lines[(Side.LEFT, sure.left_ids[0])]
    state = play(engine, [RecordLine(replace(line, text=line.text + " x")), RecordLine(line)], state)
    assert (sure.left_ids, sure.right_ids) not in state.matches


def test_a_person_confirms_a_suggestion_once() -> None:
    engine, books = engine_for(2, False)
    state = play(engine, [RecordLine(line) for line in _slice(books, 0, 60)])
    key, suggestion = next((key, one) for key, one in sorted(state.matches.items()) if one.status is Status.SUGGESTED)
    events = decide(state, ConfirmMatch(*key, who="anna", why="called them"), engine)
    confirmed = [one.match for one in events if isinstance(one, LinesMatched) and one.match.left_ids == key[0]]
    assert [one.status for one in confirmed] == [Status.CONFIRMED]
    assert suggestion.status is Status.SUGGESTED
    state = reduce(evolve, events, state)
    assert state.matches[key].status is Status.CONFIRMED
    assert isinstance(decide(state, ConfirmMatch(*key, who="anna", why="again"), engine)[0], CommandRefused)


def test_unmatching_what_is_not_matched_is_refused() -> None:
    engine, _ = engine_for(1, False)
    assert decide(INITIAL, UnmatchLines(("a",), ("b",), who="x", why="y"), engine) == (
        CommandRefused("there is no such match"),
    )


@pytest.mark.parametrize("side", list(Side))
def test_withdrawing_an_unknown_line_is_silent(side: Side) -> None:
    engine, _ = engine_for(1, False)
    assert decide(INITIAL, WithdrawLine(side, "nobody"), engine) == ()
