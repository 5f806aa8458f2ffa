"""Our own variations of the stories about money of the bank account, played as those of test_stories.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.accounting.playing import played
from tests.accounting.stories import Story, stories
from tests.support.abas_sandbox import AbasSandboxProcess, running_sandbox

OWN = stories(Path(__file__).with_name("bank_money.yaml"))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    """One abas for all stories; each begins with empty books."""
    with running_sandbox(tmp_path_factory.mktemp("abas")) as sandbox:
        yield sandbox


@pytest.mark.parametrize("story", OWN, ids=lambda story: story.id)
async def test_story(story: Story, sandbox: AbasSandboxProcess) -> None:
    found = await played(story, sandbox)
    assert not found, "\n".join((story.id, *found, f"note: {story.note}"))
