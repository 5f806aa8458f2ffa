"""Who may read and write which topic: ACLs that follow from producers and consumers in schemas/topics alone.

For `saldo topics apply --acls`, `saldo up` and tests. The users are ours (`saldo-<role>`); a permission of one of them
that the catalogue does not state is taken away, and permissions of others are none of our business.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from schemas.catalog import TopicSpec, agents_of
from schemas.failures import ContractBroken, Unavailable
from streams.log.brokers import error_text, no_broker
from streams.log.cluster import Cluster
from streams.log.credentials import ADMIN, OPERATORS, ROLES, VIEWER, WATCH, WORKER, refuse_our_user, user_of

A = TypeVar("A", AclBinding, AclBindingFilter)
_TIMEOUT_S = 20.0
_POLL_S = 0.05
_EVERY = "*"
# Whoever looks into topics for people: an operator decides on what he reads, a viewer only reads, and the watch looks
# for what people should be alerted to.
_READERS = (OPERATORS, VIEWER, WATCH)


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One thing that one user may do: operation and kind as Kafka names them, WRITE on TOPIC erp.commands.v1."""

    kind: str
    name: str
    user: str
    operation: str

    def __str__(self) -> str:
        return f"{self.user} may {self.operation} {self.kind.lower()} {self.name}"


@dataclass(frozen=True, slots=True)
class AccessPlan:
    """What separates the cluster's permissions from the catalogue's."""

    grants: tuple[Permission, ...] = ()
    withdrawals: tuple[Permission, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.grants or self.withdrawals)

    def lines(self) -> Iterator[str]:
        """Yield one line per difference, for people."""
        yield from (f"grant     {permission}" for permission in self.grants)
        yield from (f"withdraw  {permission}" for permission in self.withdrawals)


def roles_of(specs: Iterable[TopicSpec]) -> Mapping[str, str]:
    """Return the role of the process that runs each producer and consumer of the catalogue.

    Whoever writes a journal is an agent, and every agent runs in a worker; the others are processes by their own names.

    Raises: ContractBroken naming a producer or consumer that no process runs.
    """
    topics = tuple(specs)
    agents = agents_of(topics)
    names = {name for spec in topics for name in (*spec.producers, *spec.consumers)}
    unknown = sorted(names - agents - set(ROLES))
    if unknown:
        raise ContractBroken(
            f"schemas/topics names {', '.join(unknown)} as producer or consumer, and no process is called so; "
            f"name an agent or one of {', '.join(ROLES)}"
        )
    return {name: WORKER if name in agents else name for name in sorted(names)}


def permissions(specs: Iterable[TopicSpec], *, group: str) -> frozenset[Permission]:
    """Return everything that our users may do; the admin is a super user of the broker and needs none.

    Shapes: group is the consumer group of the workers.
    """
    topics = tuple(specs)
    roles = roles_of(topics)
    agents = {name for name, role in roles.items() if role == WORKER}
    found = {Permission("GROUP", group, user_of(WORKER), "READ")}
    for role in set(ROLES) - {ADMIN}:
        # A process waits until every topic is there, and a client asks for the coordinator of a group it never joins.
        found |= {Permission(kind, _EVERY, user_of(role), "DESCRIBE") for kind in ("TOPIC", "GROUP")}
    for spec in topics:
        readers = {roles[name] for name in spec.consumers} | set(_READERS)
        writers = {roles[name] for name in spec.producers}
        if spec.role == "inbox" and agents.intersection(spec.consumers):
            # Its agent moves a record to the partition of its key, and asks for another try of what only had to wait.
            writers.add(WORKER)
        found |= {Permission("TOPIC", spec.name, user_of(role), "READ") for role in readers}
        found |= {Permission("TOPIC", spec.name, user_of(role), "WRITE") for role in writers}
    return frozenset(found)


def grants(
    specs: Iterable[TopicSpec], user: str, *, write: Iterable[str], read: Iterable[str], group: str | None
) -> AccessPlan:
    """Return what another system needs to write and read these topics.

    The group is named like the user unless one is given.

    Client libraries ask for the coordinator of their group even where they commit no offsets, so reading takes one.

    Raises: ContractBroken when the user is one of ours, a topic is not in the catalogue, or is not for others to write.
    """
    refuse_our_user(user)
    known = {spec.name: spec for spec in specs}
    unknown = sorted({*write, *read} - known.keys())
    if unknown:
        raise ContractBroken(f"schemas/topics has no {', '.join(unknown)}; docs/topics.md lists every topic")
    for spec in map(known.__getitem__, write):
        if spec.role != "inbox" or set(spec.commands) >= {record.name for record in spec.records}:
            raise ContractBroken(
                f"{spec.name} is for Saldo's own processes to write; another system writes facts to an inbox, "
                "see docs/connecting.md"
            )
    found = {Permission("TOPIC", name, user, operation) for name in write for operation in ("WRITE", "DESCRIBE")}
    found |= {Permission("TOPIC", name, user, operation) for name in read for operation in ("READ", "DESCRIBE")}
    if not found:
        raise ContractBroken("say what the system may do: --write TOPIC or --read TOPIC")
    found |= {Permission("GROUP", group or user, user, "READ")} if group or read else set()
    return AccessPlan(tuple(sorted(found)))


def plan(wanted: frozenset[Permission], found: frozenset[Permission]) -> AccessPlan:
    """Compare catalogue and cluster; pure. Only what our users may do is withdrawn."""
    ours = {user_of(role) for role in ROLES}
    return AccessPlan(
        tuple(sorted(wanted - found)),
        tuple(sorted(permission for permission in found - wanted if permission.user in ours)),
    )


def observe(cluster: Cluster) -> frozenset[Permission]:
    """Return every permission on topics and groups that the cluster holds, patterns of names left out.

    To a user who may not see permissions the client library shows none, without a word; `apply` then refuses by name.

    Raises: ContractBroken when this user may not see them, or the cluster checks no permissions; Unavailable when no
            broker answers.
    """
    anything: Any = None  # what the library documents for "any", and its stubs refuse
    everything = AclBindingFilter(
        *(ResourceType.ANY, anything, ResourcePatternType.ANY, anything, anything),
        *(AclOperation.ANY, AclPermissionType.ALLOW),
    )
    try:
        bindings = cluster.admin.describe_acls(everything, request_timeout=_TIMEOUT_S).result(_TIMEOUT_S)
    except KafkaException as error:
        raise _refused("read", error) from error
    return frozenset(
        Permission(binding.restype.name, binding.name, binding.principal.removeprefix("User:"), binding.operation.name)
        for binding in bindings
        if binding.resource_pattern_type is ResourcePatternType.LITERAL
    )


def compare(cluster: Cluster, specs: Iterable[TopicSpec], *, group: str) -> AccessPlan:
    """Return the plan for a living cluster; raises what `observe` raises."""
    return plan(permissions(specs, group=group), observe(cluster))


def apply(cluster: Cluster, steps: AccessPlan) -> None:
    """Carry out a plan.

    Ensures: on return the broker that was asked shows every step.
    Raises:  ContractBroken naming the first permission that the cluster refused; Unavailable when no broker answers.
    """
    if steps.grants:
        bindings = [_acl(AclBinding, step) for step in steps.grants]
        _await("change", cluster.admin.create_acls(bindings, request_timeout=_TIMEOUT_S))
    if steps.withdrawals:
        filters = [_acl(AclBindingFilter, step) for step in steps.withdrawals]
        _await("change", cluster.admin.delete_acls(filters, request_timeout=_TIMEOUT_S))
    deadline = time.monotonic() + _TIMEOUT_S
    # The controller confirms, and the broker that clients ask learns of it a moment later.
    while steps:
        found = observe(cluster)
        if found.issuperset(steps.grants) and found.isdisjoint(steps.withdrawals):
            return
        if time.monotonic() > deadline:
            raise Unavailable("the cluster accepted the permissions and does not show them yet; run the command again")
        time.sleep(_POLL_S)


def _await(verb: str, futures: Mapping[Any, Future[Any]]) -> None:
    for future in futures.values():
        try:
            future.result(_TIMEOUT_S)
        except KafkaException as error:
            raise _refused(verb, error) from error


def _refused(verb: str, error: KafkaException) -> ContractBroken | Unavailable:
    name = error.args[0].name()
    if name == "SECURITY_DISABLED":
        return ContractBroken(
            "the cluster checks no permissions: its brokers have no authorizer; set authorizer.class.name, or leave "
            "--acls out and keep others away from it by its network"
        )
    if name == "CLUSTER_AUTHORIZATION_FAILED":
        return ContractBroken(
            f"this Kafka user may not {verb} permissions; use the log-in of the role {ADMIN} "
            "(SALDO_KAFKA_CREDENTIALS_PATH) or one that may ALTER the cluster"
        )
    if name.startswith("_"):
        return Unavailable(no_broker(None, error))
    return ContractBroken(f"the cluster refused to {verb} permissions: {error_text(error)}")


def _acl(form: type[A], permission: Permission) -> A:
    """Return a permission as a binding to make, or as a filter that finds exactly it."""
    return form(
        ResourceType[permission.kind],
        permission.name,
        ResourcePatternType.LITERAL,
        f"User:{permission.user}",
        "*",
        AclOperation[permission.operation],
        AclPermissionType.ALLOW,
    )
