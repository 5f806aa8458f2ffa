"""Notes on money that waits: each command once, with who said it; who looks after it is who was named last."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.records.cases import CaseAssigned, CaseCommandRefused, CaseCommented
from streams.domain import cases
from tests.support.examples import example


def played(*commands: Any) -> tuple[cases.State, list[Any]]:
    state, events = cases.INITIAL, list[Any]()
    for command in commands:
        decided = cases.decide(state, command)
        events += decided
        for event in decided:
            assert cases.route(state, event) == ()
            state = cases.evolve(state, event)
    return state, events


def assign(command_id: str = "1", **changed: Any) -> Any:
    return example("AssignCase", command_id=command_id, **changed)


def comment(command_id: str = "2", **changed: Any) -> Any:
    return example("CommentOnCase", command_id=command_id, **changed)


def test_somebody_looks_after_it_and_others_comment() -> None:
    state, (assigned, commented, freed) = played(assign(), comment(), assign("3", assignee=""))
    assert isinstance(assigned, CaseAssigned)
    assert isinstance(commented, CaseCommented)
    assert (assigned.assignee, freed.assignee, state.assignee) == ("jkeller", "", "")
    assert commented.reason == comment().reason


def test_the_same_command_twice_is_one_note() -> None:
    assert len(played(assign(), comment(), assign(), comment())[1]) == 2


@pytest.mark.parametrize(
    "command",
    [assign("9"), assign("9", assignee="x", reason=""), comment("9", decided_by=""), comment("9", reason="x")],
)
def test_what_says_nothing_new_or_names_nobody_is_refused(command: Any) -> None:
    state, (_, refused) = played(assign(), command)
    assert isinstance(refused, CaseCommandRefused)
    assert refused.refused_because
    assert state.assignee == "jkeller"
