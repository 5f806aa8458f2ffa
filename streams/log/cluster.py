"""A Kafka cluster as such: which topics it has and how they are set, their ends, who holds the partitions of a group.

For `saldo topics`, for whoever waits until topics are there, and for whoever asks how far behind something is. Each
question blocks until it is answered. Records go through streams.log.kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from streams.log.brokers import broker_asked, error_text, once_led
from streams.log.ports import Partition

ANSWER_S = 10.0
CHANGE_S = 20.0
# A topic that was made a moment ago, or whose leader has just moved, is answered for by nobody for a second or two.
LEADER_S = 15.0
GROUPS_TOPIC = "__consumer_offsets"


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic as the cluster has it; `is_led` says whether each partition has a leader."""

    partitions: int
    replicas: int
    is_led: bool


@dataclass(frozen=True, slots=True)
class MadeTopic:
    """A topic to create."""

    name: str
    partitions: int
    replicas: int
    config: Mapping[str, str]


class Cluster:
    """Asks and changes a cluster; every method raises as `broker_asked` says."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        """Describe the connection as librdkafka names it; nothing is contacted yet."""
        self._address = str(connection["bootstrap.servers"])
        with broker_asked(self._address):
            # For this room alone (acls.py): what it raises is the library's.
            # Its errors are raised; beside that the library would write each attempt to stderr, in a form of its own.
            self.admin = AdminClient({"log_level": 0, **connection})

    def identity(self, *, timeout_s: float | None = None) -> tuple[str, int]:
        """Return the id of the cluster, and how many brokers take part in it."""
        metadata = self._metadata(timeout_s)
        return str(metadata.cluster_id), len(metadata.brokers)

    def topics(self, *, timeout_s: float | None = None) -> Mapping[str, FoundTopic]:
        """Return every topic that the cluster can say something about."""
        return {
            name: FoundTopic(
                partitions=len(found.partitions),
                replicas=min((len(partition.replicas) for partition in found.partitions.values()), default=0),
                is_led=all(partition.leader >= 0 for partition in found.partitions.values()),
            )
            for name, found in self._metadata(timeout_s).topics.items()
            if found.error is None
        }

    def topic_id(self, topic: str) -> str:
        """Return the broker's own id of a topic."""
        with broker_asked(self._address):
            described = self.admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_S)
            return str(described[topic].result(ANSWER_S).topic_id)

    def settings_of(self, topics: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
        """Return the settings of topics that exist, by topic and name."""
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
        if not resources:
            return {}
        with broker_asked(self._address):
            answers = self.admin.describe_configs(resources, request_timeout=CHANGE_S)
            return {
                resource.name: {name: entry.value for name, entry in answer.result(CHANGE_S).items()}
                for resource, answer in answers.items()
            }

    def create(self, topics: Sequence[MadeTopic]) -> list[str]:
        """Create topics, trying all; the answer names those that the cluster refused. One that is there is fine."""
        new = [NewTopic(made.name, made.partitions, made.replicas, config=dict(made.config)) for made in topics]
        if not new:
            return []
        with broker_asked(self._address):
            return _problems(
                "create", self.admin.create_topics(new, operation_timeout=CHANGE_S), "TOPIC_ALREADY_EXISTS"
            )

    def alter(self, settings: Mapping[str, Mapping[str, str]]) -> list[str]:
        """Set these settings of topics, trying all; the answer names those that the cluster refused."""
        resources = [
            ConfigResource(
                ResourceType.TOPIC,
                topic,
                incremental_configs=[
                    ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                    for name, value in wanted.items()
                ],
            )
            for topic, wanted in settings.items()
        ]
        if not resources:
            return []
        with broker_asked(self._address):
            return _problems("alter", self.admin.incremental_alter_configs(resources, request_timeout=CHANGE_S))

    def starts(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """First offset that each partition still holds."""
        return self._offsets(partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # no stub

    def ends(self, partitions: Iterable[Partition], *, within_s: float = LEADER_S) -> dict[Partition, int]:
        """Offset that the next record of each partition will get; waits within_s for leaders that just moved."""
        return self._offsets(partitions, OffsetSpec.latest(), within_s)  # type: ignore[no-untyped-call]  # no stub

    def offsets_at(self, partitions: Iterable[Partition], instant: datetime) -> dict[Partition, int | None]:
        """Offset of the first record of each partition that is not older than an instant; None where none is."""
        moment = OffsetSpec.for_timestamp(int(instant.timestamp() * 1000))
        found = self._offsets(partitions, moment)
        return {partition: offset if offset >= 0 else None for partition, offset in found.items()}

    def held_by(self, group: str, client_id: str) -> frozenset[Partition]:
        """Return the partitions that the group's coordinator says a member holds, which is known by its client id."""
        with broker_asked(self._address):
            # A group request that meets a broker's end may abort this process inside librdkafka: hear first that it
            # lives.
            self.admin.list_topics(GROUPS_TOPIC, timeout=ANSWER_S)
            described = self.admin.describe_consumer_groups([group], request_timeout=ANSWER_S)
            return frozenset(
                (assigned.topic, assigned.partition)
                for member in described[group].result().members
                if member.client_id == client_id and member.assignment is not None
                for assigned in member.assignment.topic_partitions
            )

    def _metadata(self, timeout_s: float | None) -> Any:
        with broker_asked(self._address):
            return self.admin.list_topics(timeout=ANSWER_S if timeout_s is None else timeout_s)

    def _offsets(
        self, partitions: Iterable[Partition], which: OffsetSpec, within_s: float = LEADER_S
    ) -> dict[Partition, int]:
        asked = {TopicPartition(topic, number): which for topic, number in partitions}
        if not asked:
            return {}

        def ask() -> dict[Partition, int]:
            answers = self.admin.list_offsets(asked, request_timeout=ANSWER_S)
            return {(at.topic, at.partition): answer.result(ANSWER_S).offset for at, answer in answers.items()}

        # A client keeps the leaders and their epochs that it learned once, and asks with them for ever: after a broker
        # was killed it would hear FENCED_LEADER_EPOCH from then on. Listing makes it learn them anew.
        with broker_asked(self._address):
            return once_led(ask, within_s=within_s, relearn=lambda: self.admin.list_topics(timeout=ANSWER_S))


def _problems(verb: str, answers: Mapping[Any, Any], forgiven: str | None = None) -> list[str]:
    problems: list[str] = []
    for resource, answer in answers.items():
        name = resource if isinstance(resource, str) else resource.name
        try:
            answer.result(CHANGE_S)
        except KafkaException as error:
            if error.args[0].name() != forgiven:
                problems.append(f"cannot {verb} {name}: {error_text(error)}")
    return problems
