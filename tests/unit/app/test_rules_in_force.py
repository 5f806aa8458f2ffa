"""A worker's offer of rules: a file changes nothing that is in force, however wrong it is; a wrong one alone stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.operators.rules import difference, file_of, in_force, offer
from schemas import catalog
from schemas.files.owned import FileInvalid
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.agents import ADOPT_RULES
from streams.log.memory import MemoryLog
from streams.rules.catalogue import KINDS
from streams.rules.settings import RulesSettings
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.signing import RING, SIGNER

CODEC = Codec()
WRONG = "version: 2\nlimits: {}\n"


def log_of_rules() -> MemoryLog:
    one = {Topic.RULES_INBOX: 1, Topic.RULES_EVENTS: 1}
    return MemoryLog(dict.fromkeys(catalog.topics(), 2) | one, signer=SIGNER)


async def decide(log: MemoryLog) -> None:
    task = Task(
        ADOPT_RULES,
        0,
        log=log,
        store=MemoryStore(),
        codec=CODEC,
        ring=RING,
        membership=SoleOwner(),
        observer=SilentObserver(),
        rules=TaskRules(),
    )
    await task.catch_up()


def settings_with(folder: Path, text: str) -> RulesSettings:
    file = folder / "limits.yaml"
    file.write_text(text, "utf-8")
    return RulesSettings(write_off_limits_path=file)


async def test_a_wrong_file_stops_nothing_that_is_in_force(tmp_path: Path) -> None:
    log = log_of_rules()
    assert await offer(log, CODEC, RulesSettings()) == []
    await decide(log)
    before = len(log.records(Topic.RULES_INBOX, 0))
    (note,) = await offer(log, CODEC, settings_with(tmp_path, WRONG))
    assert "write-off-limits version 1 stays in force; its file can't be used" in note
    assert "limits.yaml:2: limits: is no entry here; did you mean limits_minor?" in note
    assert len(log.records(Topic.RULES_INBOX, 0)) == before


async def test_a_wrong_file_is_not_offered(tmp_path: Path) -> None:
    with pytest.raises(FileInvalid, match="did you mean limits_minor"):
        await offer(log_of_rules(), CODEC, settings_with(tmp_path, WRONG))


@pytest.mark.parametrize(
    ("version", "way"), [(1, "raise its version above 1 and adopt it"), (2, "to let it count, adopt it")]
)
async def test_another_file_says_how_it_comes_to_count(tmp_path: Path, version: int, way: str) -> None:
    log = log_of_rules()
    await offer(log, CODEC, RulesSettings())
    await decide(log)
    held = (await in_force(log, CODEC))["write-off-limits"]
    settings = settings_with(tmp_path, f"version: {version}\nlimits_minor: {{USD: 7}}\n")
    (note,) = difference(held, settings)
    assert f"limits.yaml is version {version} and says something else" in note
    assert way in note


def test_a_file_that_no_record_holds_is_refused_with_its_name(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "# " + "x" * 200_000)
    with pytest.raises(FileInvalid, match=r"limits.yaml:1: has 200,002 characters; 200,000 are the most"):
        file_of("write-off-limits", settings)


def test_an_empty_setting_is_none_and_a_mark_of_byte_order_no_text(tmp_path: Path) -> None:
    assert RulesSettings.model_validate({"write_off_limits_path": ""}).path_of("write-off-limits") is None
    shipped = KINDS["write-off-limits"].shipped.read_text("utf-8")
    assert file_of("write-off-limits", settings_with(tmp_path, "\ufeff" + shipped)).text == shipped
