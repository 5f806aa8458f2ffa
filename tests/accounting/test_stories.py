"""Every accounting story on the real agents and the real sandbox. docs/testing.md says how to read and add one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from projections.store.client import Store
from tests.accounting.playing import played
from tests.accounting.reported import store_in
from tests.accounting.stories import Story, pending, stories
from tests.support.abas_sandbox import AbasSandboxProcess, running_sandbox

STORIES = stories()
WAITING = pending()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    """One abas for all stories; each begins with empty books."""
    with running_sandbox(tmp_path_factory.mktemp("abas")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for the tables of whichever story is asked about."""
    with store_in(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)
async def test_story(story: Story, sandbox: AbasSandboxProcess, store: Store) -> None:
    found = await played(story, sandbox, store)
    if story.id in WAITING:
        assert found, f"{story.id} holds now: take it off tests/accounting/pending.yaml"
    else:
        assert not found, "\n".join((story.id, *found, f"note: {story.note}"))


def test_only_stories_that_are_there_are_pending() -> None:
    assert WAITING.keys() <= {story.id for story in STORIES}
