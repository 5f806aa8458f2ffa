"""`saldo topics` against a real broker."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from app.topics import provisioning
from schemas import catalog
from schemas.failures import ContractBroken
from streams.log import acls
from streams.log.cluster import Cluster
from tests.support.cli import Outcome, saldo
from tests.support.kafka import client_options, unique, use_broker


@pytest.fixture
def specs(kafka: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, catalog.TopicSpec]:
    """The whole catalogue below names of this test's own, since the broker is shared."""
    suffix = unique("topics")
    renamed = {f"{name}.{suffix}": replace(spec, name=f"{name}.{suffix}") for name, spec in catalog.topics().items()}
    monkeypatch.setattr(catalog, "topics", lambda: renamed)
    use_broker(monkeypatch, kafka)
    return renamed


def run(kafka: str, *arguments: str) -> Outcome:
    return saldo("topics", *arguments, "--bootstrap-servers", kafka)


def test_apply_brings_an_empty_cluster_to_the_catalogue(kafka: str, specs: dict[str, catalog.TopicSpec]) -> None:
    before = run(kafka, "diff")
    assert before.exit_code == 1
    assert before.out.count("create") == len(specs)

    rehearsed = run(kafka, "apply", "--dry-run")
    assert rehearsed.exit_code == 0
    assert run(kafka, "diff").out == before.out, "a dry run changed something"

    applied = run(kafka, "apply")
    assert (applied.exit_code, applied.err) == (0, "")
    after = run(kafka, "diff")
    assert (after.exit_code, after.err) == (0, "")

    state = provisioning.observe(Cluster(client_options(kafka)), specs)
    assert state.keys() == specs.keys()
    for name, spec in specs.items():
        assert state[name].partitions == spec.partitions
        assert {setting: state[name].config[setting] for setting in spec.config} == spec.config

    again = run(kafka, "apply")
    assert "created 0, altered 0" in again.out


def test_drift_is_seen_and_corrected(kafka: str, specs: dict[str, catalog.TopicSpec]) -> None:
    assert run(kafka, "apply").exit_code == 0
    name = next(iter(specs))
    admin = AdminClient(client_options(kafka))
    entry = ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(20)
    deadline = time.monotonic() + 60
    while provisioning.observe(Cluster(client_options(kafka)), [name])[name].config["retention.ms"] != "1000":
        assert time.monotonic() < deadline
        time.sleep(0.05)

    drift = run(kafka, "diff")
    assert drift.exit_code == 1
    assert f"{name}  retention.ms: 1000 -> -1" in drift.out
    assert run(kafka, "apply").exit_code == 0
    assert run(kafka, "diff").exit_code == 0


def test_a_partition_count_is_never_changed(kafka: str, specs: dict[str, catalog.TopicSpec]) -> None:
    name = next(iter(specs))
    admin = AdminClient(client_options(kafka))
    for future in admin.create_topics([NewTopic(name, 2, 1)]).values():
        future.result(20)
    applied = run(kafka, "apply")
    assert applied.exit_code == 1
    assert f"refuse  {name}" in applied.out
    state = provisioning.observe(Cluster(client_options(kafka)), specs)
    assert state[name].partitions == 2
    assert state.keys() == specs.keys(), "the other topics are created all the same"
    assert state[name].config["max.message.bytes"] == specs[name].config["max.message.bytes"]


def test_a_creation_that_the_cluster_refuses_is_named(kafka: str, specs: dict[str, catalog.TopicSpec]) -> None:
    cluster = Cluster(client_options(kafka))
    steps = provisioning.compare(cluster, specs.values(), replication_factor=3)  # one broker can't hold three copies
    with pytest.raises(ContractBroken, match=next(iter(specs))):
        provisioning.apply(cluster, steps)


def test_two_deployments_may_apply_at_once(kafka: str, specs: dict[str, catalog.TopicSpec]) -> None:
    cluster = Cluster(client_options(kafka))
    steps = provisioning.compare(cluster, specs.values())
    provisioning.apply(cluster, steps)
    provisioning.apply(cluster, steps)
    assert not provisioning.compare(cluster, specs.values())


def test_another_system_is_granted_and_withdrawn_what_it_names(kafka: str, specs: dict[str, catalog.TopicSpec]) -> None:
    assert run(kafka, "apply").exit_code == 0
    inbox, journal = (
        next(name for name in specs if name.startswith(f"{kind}.v1."))
        for kind in ("identification.inbox", "payments.events")
    )
    options = ("crm", "--write", inbox, "--read", journal, "--group", "crm")

    def held() -> set[acls.Permission]:
        return {found for found in acls.observe(Cluster(client_options(kafka))) if found.user == "crm"}

    granted = run(kafka, "grant", *options)
    assert (granted.exit_code, granted.out.count("grant ")) == (0, 5)
    assert acls.Permission("TOPIC", inbox, "crm", "WRITE") in held()
    assert run(kafka, "grant", *options, "--withdraw").exit_code == 0
    assert held() == set()
    refused = run(kafka, "grant", "crm", "--write", journal)
    assert (refused.exit_code, "own processes" in refused.err) == (2, True)
