"""Brings a Kafka cluster to what schemas/topics says, and tells how far it is from it.

For `saldo topics`, `saldo up` and tests. Creates what is missing and corrects settings; it never deletes a topic and
never changes a partition count, since a key would then live on two partitions and its order would be lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from schemas.catalog import TopicSpec
from schemas.failures import ContractBroken, Unavailable
from streams.log.cluster import Cluster, MadeTopic

_TIMEOUT_S = 20.0
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
        """Yield one line per difference, for people."""
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


def observe(cluster: Cluster, names: Iterable[str]) -> Mapping[str, TopicState]:
    """Return those of the named topics that the cluster has, as it has them.

    Raises: Unavailable when no broker answers.
    """
    wanted, known = set(names), cluster.topics()
    settings = cluster.settings_of(name for name in known if name in wanted)
    return {name: TopicState(known[name].partitions, known[name].replicas, config) for name, config in settings.items()}


def default_replication_factor(cluster: Cluster) -> int:
    """Return as many copies as the cluster can hold, three at most: 1 on the embedded broker."""
    _, brokers = cluster.identity()
    return min(_MOST_REPLICAS, brokers)


def compare(cluster: Cluster, wanted: Iterable[TopicSpec], *, replication_factor: int | None = None) -> Plan:
    """Return the plan for a living cluster. With replication_factor None the cluster's size decides.

    Raises: Unavailable when no broker answers.
    """
    specs = tuple(wanted)
    found = observe(cluster, (spec.name for spec in specs))
    factor = default_replication_factor(cluster) if replication_factor is None else replication_factor
    return plan(specs, found, replication_factor=factor)


def apply(cluster: Cluster, steps: Plan) -> None:
    """Carry out a plan's creations and alterations; somebody else's creation of the same topic meanwhile is fine.

    Ensures: on return the cluster shows every step and the new topics' leaders answer, so producers and readers may
             begin and a comparison finds nothing.
    Raises:  ContractBroken naming each topic that the cluster refused to create or alter, after trying all;
             Unavailable when it accepted the steps and does not show them in time.
    """
    problems = cluster.create(
        [
            MadeTopic(step.spec.name, step.spec.partitions, step.replication_factor, step.config)
            for step in steps.creations
        ]
    )
    settings: dict[str, dict[str, str]] = {}
    for step in steps.alterations:
        settings.setdefault(step.topic, {})[step.setting] = step.wanted
    problems += cluster.alter(settings)
    if problems:
        raise ContractBroken("; ".join(problems))
    _wait_until_visible(cluster, steps)


def _wait_until_visible(cluster: Cluster, steps: Plan) -> None:
    # The controller confirms, and the brokers that clients ask learn of it a moment later.
    created = [step.spec for step in steps.creations]
    names = {spec.name for spec in created} | {step.topic for step in steps.alterations}
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        found = observe(cluster, names)
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
    new = [(spec.name, number) for spec in created for number in range(spec.partitions)]
    cluster.ends(new, within_s=_TIMEOUT_S)


def _config(spec: TopicSpec, replication_factor: int) -> dict[str, str]:
    # acks=all means "all in sync": with a minimum of one, a lone leader could acknowledge and die with the record.
    return {**spec.config, "min.insync.replicas": str(max(1, replication_factor - 1))}
