"""Who may read and write what on a real broker: each user of Saldo what schemas/topics says of its process, no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
)
from confluent_kafka.admin import ResourceType as Resource

from app.topics import provisioning
from schemas import catalog
from schemas.failures import ContractBroken
from streams.log import acls
from streams.log.acls import AccessPlan, Permission
from streams.log.cluster import Cluster
from streams.log.credentials import ROLES, user_of
from tests.support.cli import saldo
from tests.support.kafka import client_options, unique, use_broker

GROUP = "saldo"
DENIED = KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.fixture(scope="module")
def names(kafka: str) -> dict[str, str]:
    """The whole catalogue below names of this module's own on the shared broker, with its permissions."""
    suffix = unique("access")
    specs = [replace(spec, name=f"{name}.{suffix}") for name, spec in catalog.topics().items()]
    cluster = Cluster(client_options(kafka))
    provisioning.apply(cluster, provisioning.compare(cluster, specs))
    acls.apply(cluster, replace(acls.compare(cluster, specs, group=GROUP), withdrawals=()))
    return {name: f"{name}.{suffix}" for name in catalog.topics()}


def write(kafka: str, role: str, topic: str) -> int | None:
    """The broker's answer to a record of this role; None when it took it."""
    producer = Producer({**client_options(kafka, role), "log_level": 0})
    answers: list[int | None] = []

    def heard(error: KafkaError | None, _: object) -> None:
        answers.append(None if error is None else error.code())

    producer.produce(topic, b"x", partition=0, on_delivery=heard)
    assert producer.flush(30) == 0
    return answers[0]


def read(kafka: str, role: str, topic: str) -> int | None:
    """The broker's answer to a reader of this role; None when it hands records out."""
    options = {"group.id": unique("r"), "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0}
    consumer = Consumer({**client_options(kafka, role), **options})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        message = consumer.poll(30)
        assert message is not None
        error = message.error()
        return None if error is None or error.code() == KafkaError._PARTITION_EOF else error.code()
    finally:
        consumer.close()


@pytest.mark.parametrize(
    ("role", "topic", "may"),
    [
        ("viewer", "erp.commands.v1", False),
        ("projector", "erp.commands.v1", False),
        ("source-abas", "erp.commands.v1", False),
        ("ingress", "gateway.commands.v1", False),
        ("source-paytrace", "receivables.events.v1", False),
        ("operators", "receivables.events.v1", False),
        ("operators", "erp.claims.v1", False),
        ("source-abas", "payments.observations.v1", False),
        ("worker", "erp.commands.v1", True),
        ("worker", "erp.outcomes.v1", True),
        ("operators", "receivables.inbox.v1", True),
        ("source-abas", "receivables.inbox.v1", True),
        ("import", "settlement.inbox.v1", True),
        ("ingress", "payments.observations.v1", True),
    ],
)
def test_a_role_writes_what_the_catalogue_says(
    kafka: str, names: dict[str, str], role: str, topic: str, may: bool
) -> None:
    assert write(kafka, role, names[topic]) == (None if may else DENIED)


@pytest.mark.parametrize(
    ("role", "topic", "may"),
    [
        ("viewer", "receivables.events.v1", True),
        ("projector", "receivables.inbox.v1", True),
        ("worker", "gateway.claims.v1", True),
        ("source-abas", "sources.cursors.v1", True),
        ("source-abas", "payments.events.v1", False),
        ("ingress", "payments.observations.v1", False),
        ("import", "settlement.events.v1", False),
    ],
)
def test_a_role_reads_what_the_catalogue_says(
    kafka: str, names: dict[str, str], role: str, topic: str, may: bool
) -> None:
    assert read(kafka, role, names[topic]) == (None if may else DENIED)


@pytest.mark.parametrize("log_in", [{}, {"sasl.password": "guessed"}, {"sasl.username": "saldo-nobody"}])
def test_nobody_comes_in_without_a_log_in(kafka: str, names: dict[str, str], log_in: dict[str, str]) -> None:
    options = {**client_options(kafka, "viewer"), **log_in, "log_level": 0}
    if not log_in:
        options = {"bootstrap.servers": kafka, "log_level": 0}
    with pytest.raises(KafkaException):
        AdminClient(options).list_topics(timeout=2)


def test_only_the_admin_makes_topics_and_permissions(kafka: str, names: dict[str, str]) -> None:
    for role in set(ROLES) - {"admin"}:
        operator = AdminClient(client_options(kafka, role))
        with pytest.raises(ContractBroken, match="use the log-in of the role admin"):
            acls.apply(
                Cluster(client_options(kafka, role)), AccessPlan((Permission("TOPIC", "x", user_of(role), "WRITE"),))
            )
        [made] = operator.create_topics([NewTopic(unique("x"), 1, 1)]).values()
        with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
            made.result(30)


def test_apply_grants_what_is_missing_and_withdraws_what_nobody_states(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_broker(monkeypatch, kafka)
    suffix = unique("drift")
    [name] = renamed = {
        f"erp.commands.v1.{suffix}": replace(catalog.topic("erp.commands.v1"), name=f"erp.commands.v1.{suffix}")
    }
    journals = [spec for spec in catalog.topics().values() if spec.role == "journal"]
    monkeypatch.setattr(catalog, "topics", lambda: {**renamed, **{spec.name: spec for spec in journals}})
    admin, cluster = AdminClient(client_options(kafka)), Cluster(client_options(kafka))

    rehearsed = saldo("topics", "apply", "--acls", "--dry-run")
    assert rehearsed.exit_code == 0
    assert f"grant     saldo-worker may WRITE topic {name}" in rehearsed.out
    assert not [found for found in acls.observe(cluster) if found.name == name], "a dry run changed something"

    assert saldo("topics", "apply", "--acls").exit_code == 0
    assert saldo("topics", "diff", "--acls").exit_code == 0

    stray, foreign = (_binding(name, user) for user in (user_of("viewer"), "somebody-else"))
    for future in admin.create_acls([stray, foreign]).values():
        future.result(30)
    differs = saldo("topics", "diff", "--acls")
    assert (differs.exit_code, differs.out.strip()) == (1, f"withdraw  saldo-viewer may WRITE topic {name}")
    assert saldo("topics", "apply", "--acls").exit_code == 0
    left = {found.user for found in acls.observe(cluster) if (found.name, found.operation) == (name, "WRITE")}
    assert left == {"saldo-worker", "saldo-operators", "saldo-source-reports", "somebody-else"}


def _binding(topic: str, user: str) -> AclBinding:
    return AclBinding(
        Resource.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        AclOperation.WRITE,
        AclPermissionType.ALLOW,
    )
