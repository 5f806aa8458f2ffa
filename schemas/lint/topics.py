"""Rules on topic files: complete, true to the schemas, and fit for the task layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.catalog import NO_AGENT_YET
from schemas.lint.files import Contract, Problem, SchemaFile, TopicFile
from schemas.lint.walk import core, is_optional
from schemas.operator_commands import PERSON_FIELDS

_TEXTS = ("name", "purpose", "owner", "role", "cleanup_policy")
_LISTS = ("producers", "consumers")
_KNOWN = {*_TEXTS, *_LISTS, "partitions", "retention_ms", "records", "commands", "dlq", "agent"}
_ROLES = ("inbox", "journal", "cursor", "claims", "keys")
# What the task layer itself writes; such a marker belongs to a partition and has no key.
_KEYLESS = "PositionMarked"
_OPERATOR_COMMANDS = ("ParkedReplayRequested", "ParkedDiscardRequested", "BreakerResetRequested")
_TASK_EVENTS = (_KEYLESS, "RecordParked", "ParkedRecordReleased", "ParkedRecordDiscarded", "BreakerReset")
_DEAD_LETTER = "DeadLetter"  # on every dead-letter topic, which the catalogue derives from its inbox


def topic_rules(contract: Contract) -> list[Problem]:
    """Return findings on topic files, and on records that no topic carries."""
    problems = [problem for topic in contract.topics for problem in _one(topic, contract)]
    problems += _pairs(contract.topics)
    used = {name for topic in contract.topics for name in _records(topic)}
    if any(topic.data.get("dlq") for topic in contract.topics):
        used.add(_DEAD_LETTER)
    for schema in contract.newest():
        if schema.name not in used:
            problems.append(
                Problem(schema.file, "no topic carries this record", "name it below records: of a topic, or drop it")
            )
    return problems


def _records(topic: TopicFile) -> Mapping[str, Any]:
    records = topic.data.get("records")
    return records if isinstance(records, dict) else {}


def _one(topic: TopicFile, contract: Contract) -> Iterator[Problem]:
    file, data = topic.file, topic.data
    for name in _TEXTS:
        if not isinstance(data.get(name), str) or not data[name].strip():
            yield Problem(file, f"{name} is missing", f"write {name}: <text>")
    for name in _LISTS:
        if not isinstance(data.get(name), list) or not data[name]:
            yield Problem(file, f"{name} is missing", f"name at least one below {name}:")
    for name in sorted(data.keys() - _KNOWN):
        yield Problem(file, f"{name} is no setting of a topic", f"known are {', '.join(sorted(_KNOWN))}")
    for name, least in (("partitions", 1), ("retention_ms", -1)):
        if type(data.get(name)) is not int or data[name] < least:
            yield Problem(file, f"{name} is {data.get(name)!r}", f"make it a number, {least} or more")
    if isinstance(data.get("name"), str) and file != f"topics/{data['name']}.yaml":
        yield Problem(file, f"holds the topic {data['name']}", f"name the file topics/{data['name']}.yaml")
    yield from _role(file, data)
    yield from _carried(topic, contract)
    yield from _commands(topic, contract)


def _role(file: str, data: Mapping[str, Any]) -> Iterator[Problem]:
    role, records = data.get("role"), data.get("records") or {}
    if role not in _ROLES:
        yield Problem(file, f"role is {role!r}", f"one of {', '.join(_ROLES)}")
    if role == "inbox":
        if data.get("dlq") != f"{data.get('name')}.dlq":
            yield Problem(file, f"an inbox with dlq {data.get('dlq')!r}", f"write dlq: {data.get('name')}.dlq")
        for name in _OPERATOR_COMMANDS:
            if name not in records:
                yield Problem(file, f"an inbox without {name}", "a parked record could never be released: add it")
        if data.get("agent", NO_AGENT_YET) != NO_AGENT_YET:
            yield Problem(
                file,
                f"agent is {data['agent']!r}",
                f"write agent: {NO_AGENT_YET}, or drop it and name the agent a consumer",
            )
    elif data.get("dlq") is not None:
        yield Problem(file, f"a {role} with a dlq", "only an inbox is decided, so only an inbox parks: drop dlq")
    if role != "inbox" and "agent" in data:
        yield Problem(file, f"a {role} with an agent", "only an inbox says whether an agent decides it: drop agent")
    if role == "journal":
        for name in _TASK_EVENTS:
            if name not in records:
                yield Problem(file, f"a journal without {name}", "the task layer writes it: add it")
    if role in ("inbox", "journal", "claims") and (data.get("retention_ms"), data.get("cleanup_policy")) != (
        -1,
        "delete",
    ):
        yield Problem(
            file,
            f"role {role}, and it forgets ({data.get('cleanup_policy')}, {data.get('retention_ms')} ms)",
            "Kafka is the system of record: cleanup_policy: delete with retention_ms: -1",
        )
    if role in ("cursor", "keys") and data.get("cleanup_policy") != "compact":
        yield Problem(file, f"role {role}, and it is not compacted", "write cleanup_policy: compact")


def _carried(topic: TopicFile, contract: Contract) -> Iterator[Problem]:
    if not _records(topic):
        yield Problem(topic.file, "carries no records", "write records: with <Record>: <key field>")
    for name, key_field in _records(topic).items():
        versions = contract.schemas.get(name)
        if versions is None:
            yield Problem(topic.file, f"carries {name}, which has no schema", f"write avro/<context>/{name}.v1.avsc")
        elif key_field == "":
            if name != _KEYLESS:
                yield Problem(topic.file, f"{name} has no key", "order is kept per key: name its key field")
        else:
            yield from _key(topic.file, name, key_field, versions[-1])


def _commands(topic: TopicFile, contract: Contract) -> Iterator[Problem]:
    """Find commands that nobody may give; only an inbox is acted on."""
    file, data = topic.file, topic.data
    commands = data.get("commands", {})
    if not isinstance(commands, dict) or not all(isinstance(givers, list) and givers for givers in commands.values()):
        yield Problem(file, "commands is no list of who may give what", "write commands: with <Record>: [<producer>]")
        return
    for name in commands:
        if name not in _records(topic):
            yield Problem(file, f"{name} is a command and no record of it", f"name {name} below records:, or drop it")
    if data.get("role") == "inbox":
        for name in _records(topic):
            if name not in commands and _names_a_person(contract, name):
                yield Problem(file, f"{name} is no command", "anybody could give it: name it below commands:")
    elif commands:
        yield Problem(file, f"a {data.get('role')} with commands", "only an inbox is acted on: drop commands")


def _names_a_person(contract: Contract, name: str) -> bool:
    """Return whether a record says who asks for something and why, which is what a person does."""
    versions = contract.schemas.get(name, ())
    fields = {field["name"] for field in versions[-1].schema["fields"]} if versions else set()
    return "reason" in fields and not fields.isdisjoint(PERSON_FIELDS)


def _key(file: str, name: str, key_field: Any, schema: SchemaFile) -> Iterator[Problem]:
    field = next((field for field in schema.schema["fields"] if field["name"] == key_field), None)
    if field is None:
        yield Problem(file, f"{name} has no field {key_field!r} to be its key", f"choose one of {schema.file}")
        return
    if field.get("saldo_class", "reference") not in ("reference", "public"):
        yield Problem(file, f"key {name}.{key_field} is {field['saldo_class']}", "a key is a reference or public")
    kind = core(field["type"])
    if kind["type"] == "array":
        kind = core(kind["items"])
    if is_optional(field["type"]) or kind["type"] not in ("string", "bytes"):
        yield Problem(file, f"key {name}.{key_field} is optional or not text", "a key is a required string or bytes")


def _pairs(topics: tuple[TopicFile, ...]) -> Iterator[Problem]:
    """Find agents without one inbox, one journal and as many partitions on both: p is decided into p."""
    inboxes = [topic for topic in topics if topic.data.get("role") == "inbox"]
    for journal in (topic for topic in topics if topic.data.get("role") == "journal"):
        owners = journal.data.get("producers") or []
        if len(owners) != 1:
            yield Problem(journal.file, f"is written by {owners}", "a journal has one owner: its agent")
            continue
        read = [topic for topic in inboxes if owners[0] in (topic.data.get("consumers") or [])]
        if len(read) != 1:
            names = [topic.data.get("name") for topic in read]
            yield Problem(journal.file, f"{owners[0]} reads the inboxes {names}", "an agent reads exactly one inbox")
        elif read[0].data.get("partitions") != journal.data.get("partitions"):
            yield Problem(
                journal.file,
                f"has {journal.data.get('partitions')} partitions, its inbox {read[0].data.get('name')} has "
                f"{read[0].data.get('partitions')}",
                "give both the same number",
            )
    agents = {name for topic in topics if topic.data.get("role") == "journal" for name in _names(topic, "producers")}
    for inbox in inboxes:
        yield from _decided(inbox, [name for name in _names(inbox, "consumers") if name in agents])


def _decided(inbox: TopicFile, agents: list[str]) -> Iterator[Problem]:
    """Find inboxes that name no agent and do not say that there is none yet: both would look the same."""
    waits = inbox.data.get("agent") == NO_AGENT_YET
    if not agents and not waits:
        yield Problem(
            inbox.file,
            "no consumer has a journal, so nothing decides this inbox",
            f"name its agent as a consumer, or write agent: {NO_AGENT_YET}",
        )
    if agents and waits:
        yield Problem(inbox.file, f"says agent: {NO_AGENT_YET}, and {agents[0]} decides it", "drop agent")


def _names(topic: TopicFile, field: str) -> list[str]:
    names = topic.data.get(field)
    return [str(name) for name in names] if isinstance(names, list) else []
