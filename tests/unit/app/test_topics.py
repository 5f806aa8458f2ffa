"""What `saldo topics` plans: create and correct, never delete, never move keys."""

from __future__ import annotations

from typing import Any

from app.topics.provisioning import TopicState, plan
from schemas import catalog

COMMANDS = catalog.topic("erp.commands.v1")


def as_wanted(replication_factor: int = 1, **changes: str) -> TopicState:
    settings = {**COMMANDS.config, "min.insync.replicas": str(max(1, replication_factor - 1)), **changes}
    return TopicState(COMMANDS.partitions, replication_factor, settings)


def test_a_missing_topic_is_created_with_the_catalogues_settings() -> None:
    (creation,) = plan([COMMANDS], {}, replication_factor=3).creations
    assert creation.spec == COMMANDS
    assert creation.replication_factor == 3
    assert creation.config["retention.ms"] == "-1"
    assert creation.config["min.insync.replicas"] == "2"


def test_a_single_copy_can_only_ask_for_itself() -> None:
    (creation,) = plan([COMMANDS], {}, replication_factor=1).creations
    assert creation.config["min.insync.replicas"] == "1"


def test_a_topic_as_wanted_needs_nothing() -> None:
    assert not plan([COMMANDS], {COMMANDS.name: as_wanted()}, replication_factor=1)


def test_an_existing_topic_keeps_its_replication_factor() -> None:
    assert not plan([COMMANDS], {COMMANDS.name: as_wanted(3)}, replication_factor=1)


def test_a_drifting_setting_is_corrected() -> None:
    drifted: dict[str, Any] = {"retention.ms": "604800000"}
    steps = plan([COMMANDS], {COMMANDS.name: as_wanted(**drifted)}, replication_factor=1)
    (alteration,) = steps.alterations
    assert (alteration.setting, alteration.found, alteration.wanted) == ("retention.ms", "604800000", "-1")
    assert not steps.creations
    assert not steps.refusals


def test_another_partition_count_is_refused_and_the_settings_are_still_corrected() -> None:
    found = TopicState(3, 1, {**as_wanted().config, "cleanup.policy": "compact"})
    steps = plan([COMMANDS], {COMMANDS.name: found}, replication_factor=1)
    (refusal,) = steps.refusals
    assert (refusal.found, refusal.wanted) == (3, 4)
    assert "keys" in str(refusal)
    assert [change.setting for change in steps.alterations] == ["cleanup.policy"]
    assert not steps.creations


def test_topics_of_others_are_left_alone() -> None:
    found = {COMMANDS.name: as_wanted(), "somebody.elses": TopicState(1, 1, {})}
    assert not plan([COMMANDS], found, replication_factor=1)


def test_the_plan_is_in_alphabetical_order() -> None:
    names = [step.spec.name for step in plan(catalog.topics().values(), {}, replication_factor=1).creations]
    assert names == sorted(catalog.topics())
