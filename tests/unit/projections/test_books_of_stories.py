"""The reports of whole stories close: bridge, trial balance, payments; whatever a dispute does, under both policies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from projections.reports import questions
from projections.store.client import Store
from tests.accounting.playing import played
from tests.accounting.reported import Reports
from tests.accounting.stories import Story, stories
from tests.accounting.world import World
from tests.support.abas_sandbox import AbasSandboxProcess, running_sandbox

NAMED = ("own-reopen-flips-with-other-amounts", "own-receivable-two-disputes-of-one-payment")
STORIES = [story for story in stories() if story.id in NAMED]
NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("abas")) as sandbox:
        yield sandbox


def asked(store: Store, name: str, **given: str) -> tuple[dict[str, Any], ...]:
    report = questions.load(name)
    return questions.ask(store, report, questions.values_for(report, given, day_zone="UTC", now=NOW)).records


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)
async def test_what_the_story_expects_holds_and_its_reports_close(
    story: Story, sandbox: AbasSandboxProcess, store: Store
) -> None:
    def look(world: World) -> None:
        Reports(world, store)

    assert await played(story, sandbox, store, look) == []
    assert [row["unexplained_minor"] for row in asked(store, "bridge_by_currency")] == [0]
    assert {row["day"]: row["residual_minor"] for row in asked(store, "bridge_by_day") if row["residual_minor"]} == {}
    assert asked(store, "payments_that_do_not_balance") == ()
    assert {row["role"]: row["residual_minor"] for row in asked(store, "trial_balance") if row["residual_minor"]} == {}
    assert asked(store, "waiting_money") == ()
