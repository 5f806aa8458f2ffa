"""Brings a Kafka cluster to what schemas/topics says, and tells how far it is from it.

For `saldo topics`, `saldo up` and tests. Creates what is missing and corrects settings; it never deletes a topic and
never changes a partition count, since a key would then live on two partitions and its order would be lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the package does not mark what it re-exports
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from schemas.catalog import TopicSpec
from schemas.failures import ContractBroken, Unavailable
from streams.log.brokers import no_broker, once_led

_TIMEOUT_S = 20.0
_ANSWER_S = 10.0
_POLL_S = 0.05
# Three copies outlive the loss of one broker while another is down for maintenance.
_MOST_REPLICAS = 3


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic as the cluster has it."""

    partitions: int
    replication_factor: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Creation:
    """A topic that the cluster lacks."""

    spec: TopicSpec
    replication_factor: int
    config: Mapping[str, str]

    def __str__(self) -> str:
        settings = " ".join(f"{name}={value}" for name, value in sorted(self.config.items()))
        return (
            f"create  {self.spec.name}  partitions={self.spec.partitions} "
            f"replication={self.replication_factor} {settings}"
        )


@dataclass(frozen=True, slots=True)
class Alteration:
    """One setting of a topic that differs; `found` is None where the broker does not state it."""

    topic: str
    setting: str
    found: str | None
    wanted: str

    def __str__(self) -> str:
        return f"alter   {self.topic}  {self.setting}: {self.found} -> {self.wanted}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A topic whose partition count differs, which nobody may change in place."""

    topic: str
    found: int
    wanted: int

    def __str__(self) -> str:
        return (
            f"refuse  {self.topic}  has {self.found} partitions, the catalogue says {self.wanted}: a changed count "
            "would move keys to other partitions and lose their order; correct the YAML, or create the next version "
            "of the topic and move its producers and consumers over"
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What separates the cluster from the catalogue."""

    creations: tuple[Creation, ...] = ()
    alterations: tuple[Alteration, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.creations or self.alterations or self.refusals)

    def lines(self) -> Iterator[str]:
        """One line per difference, for people."""
        for step in (*self.creations, *self.alterations, *self.refusals):
            yield str(step)


def plan(wanted: Iterable[TopicSpec], found: Mapping[str, TopicState], *, replication_factor: int) -> Plan:
    """Compare catalogue and cluster; pure.

    Ensures: applying the plan and comparing again leaves nothing but its refusals. Topics that only the cluster has
             are none of our business. An existing topic keeps its replication factor.
    """
    creations: list[Creation] = []
    alterations: list[Alteration] = []
    refusals: list[Refusal] = []
    for spec in sorted(wanted, key=lambda spec: spec.name):
        state = found.get(spec.name)
        if state is None:
            creations.append(Creation(spec, replication_factor, _config(spec, replication_factor)))
            continue
        if state.partitions != spec.partitions:
            refusals.append(Refusal(spec.name, state.partitions, spec.partitions))
        alterations += [
            Alteration(spec.name, setting, state.config.get(setting), value)
            for setting, value in sorted(_config(spec, state.replication_factor).items())
            if state.config.get(setting) != value
        ]
    return Plan(tuple(creations), tuple(alterations), tuple(refusals))


def observe(admin: AdminClient, names: Iterable[str]) -> Mapping[str, TopicState]:
    """Those of the named topics that the cluster has, as it has them.

    Raises: Unavailable when no broker answers.
    """
    wanted = set(names)
    present = {name: meta for name, meta in _metadata(admin).topics.items() if name in wanted and meta.error is None}
    if not present:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in present]
    configs = {
        resource.name: {name: entry.value for name, entry in future.result(_TIMEOUT_S).items()}
        for resource, future in admin.describe_configs(resources, request_timeout=_TIMEOUT_S).items()
    }
    return {
        name: TopicState(
            partitions=len(meta.partitions),
            replication_factor=min(len(partition.replicas) for partition in meta.partitions.values()),
            config=configs[name],
        )
        for name, meta in present.items()
    }


def default_replication_factor(admin: AdminClient) -> int:
    """As many copies as the cluster can hold, three at most: 1 on the embedded broker."""
    return min(_MOST_REPLICAS, len(_metadata(admin).brokers))


def compare(admin: AdminClient, wanted: Iterable[TopicSpec], *, replication_factor: int | None = None) -> Plan:
    """The plan for a living cluster. With replication_factor None the cluster's size decides.

    Raises: Unavailable when no broker answers.
    """
    specs = tuple(wanted)
    found = observe(admin, (spec.name for spec in specs))
    factor = default_replication_factor(admin) if replication_factor is None else replication_factor
    return plan(specs, found, replication_factor=factor)


def apply(admin: AdminClient, steps: Plan) -> None:
    """Carry out a plan's creations and alterations; somebody else's creation of the same topic meanwhile is fine.

    Ensures: on return the cluster shows every step and the new topics' leaders answer, so producers and readers may
             begin and a comparison finds nothing.
    Raises:  ContractBroken naming each topic that the cluster refused to create or alter, after trying all;
             Unavailable when it accepted the steps and does not show them in time.
    """
    problems: list[str] = []
    if steps.creations:
        new = [
            NewTopic(step.spec.name, step.spec.partitions, step.replication_factor, config=dict(step.config))
            for step in steps.creations
        ]
        futures: Mapping[Any, Any] = admin.create_topics(new, operation_timeout=_TIMEOUT_S)
        problems += _problems("create", futures, forgive="TOPIC_ALREADY_EXISTS")
    if steps.alterations:
        entries: dict[str, list[ConfigEntry]] = {}
        for step in steps.alterations:
            entry = ConfigEntry(step.setting, step.wanted, incremental_operation=AlterConfigOpType.SET)
            entries.setdefault(step.topic, []).append(entry)
        resources = [
            ConfigResource(ResourceType.TOPIC, topic, incremental_configs=changes) for topic, changes in entries.items()
        ]
        problems += _problems("alter", admin.incremental_alter_configs(resources, request_timeout=_TIMEOUT_S))
    if problems:
        raise ContractBroken("; ".join(problems))
    _wait_until_visible(admin, steps)


def _wait_until_visible(admin: AdminClient, steps: Plan) -> None:
    # The controller confirms, and the brokers that clients ask learn of it a moment later.
    created = [step.spec for step in steps.creations]
    names = {spec.name for spec in created} | {step.topic for step in steps.alterations}
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        found = observe(admin, names)
        hidden = {name for name in names if name not in found}
        hidden |= {
            step.topic
            for step in steps.alterations
            if step.topic in found and found[step.topic].config.get(step.setting) != step.wanted
        }
        if not hidden:
            break
        if time.monotonic() > deadline:
            raise Unavailable(f"the cluster accepted the plan and does not show it yet on {', '.join(sorted(hidden))}")
        time.sleep(_POLL_S)
    # A leader is named before it answers: until then, the first questions about a new topic fail.
    partitions = [TopicPartition(spec.name, number) for spec in created for number in range(spec.partitions)]
    try:
        once_led(lambda: _ask_leaders(admin, partitions), within_s=_TIMEOUT_S)
    except KafkaException as error:
        raise Unavailable(no_broker(None, error)) from error


def _ask_leaders(admin: AdminClient, partitions: Iterable[TopicPartition]) -> None:
    asked = {partition: OffsetSpec.latest() for partition in partitions}  # type: ignore[no-untyped-call]  # no stub
    for answer in (admin.list_offsets(asked, request_timeout=_TIMEOUT_S) if asked else {}).values():
        answer.result(_TIMEOUT_S)


def _config(spec: TopicSpec, replication_factor: int) -> dict[str, str]:
    # acks=all means "all in sync": with a minimum of one, a lone leader could acknowledge and die with the record.
    return {**spec.config, "min.insync.replicas": str(max(1, replication_factor - 1))}


def existing(admin: AdminClient) -> set[str]:
    """Names of the topics that the cluster holds; raises Unavailable when no broker answers."""
    return set(_metadata(admin).topics)


def _metadata(admin: AdminClient) -> Any:
    try:
        return admin.list_topics(timeout=_ANSWER_S)
    except KafkaException as error:
        raise Unavailable(no_broker(None, error)) from error


def _problems(verb: str, futures: Mapping[Any, Any], *, forgive: str | None = None) -> list[str]:
    problems: list[str] = []
    for resource, future in futures.items():
        name = resource if isinstance(resource, str) else resource.name
        try:
            future.result(_TIMEOUT_S)
        except KafkaException as error:
            cause = error.args[0]
            if cause.name() != forgive:
                problems.append(f"cannot {verb} {name}: {cause.str()}")
    return problems
