"""Which record types and topics there are: reads schemas/avro and schemas/topics once and answers by name.

For everyone who encodes, decodes, creates topics or documents them. A file that contradicts another one is found by
tests/catalog and by `saldo schemas check`, long before a record meets it.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form
from pydantic import Field

from schemas.checks.sensitive import mask_reference
from schemas.failures import Unreadable
from schemas.files.owned import Entry, read_owned
from schemas.records import Record

ROOT = Path(__file__).parent
# What an inbox says below `agent:` while nothing decides it; its history waits for the agent to come.
NO_AGENT_YET = "none yet"
AGENTS_RUN_IN = "worker"


class FieldClass(StrEnum):
    """What a field may hold, as `saldo_class` of the .avsc says; schemas/checks/guard.py masks by it."""

    PUBLIC = "public"
    REFERENCE = "reference"
    FREE_TEXT = "free_text"
    PERSONAL = "personal"
    CARD = "card"


@dataclass(frozen=True, slots=True)
class RecordVersion:
    """One published version of one record type: schema as written, parsed schema, and its Avro fingerprint."""

    context: str
    name: str
    version: int
    path: Path
    schema: Mapping[str, Any]
    parsed: Any
    fingerprint: bytes

    @property
    def subject(self) -> str:
        """Subject in a schema registry (record name strategy, so a topic may carry several types)."""
        return f"saldo.{self.context}.{self.name}"


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A record type that a topic may carry, and the field that is its key there (of a list, its first element)."""

    name: str
    key_field: str


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as its YAML states it. Units: retention_ms is milliseconds, -1 keeps for ever."""

    name: str
    purpose: str
    owner: str
    role: str
    partitions: int
    retention_ms: int
    cleanup_policy: str
    records: tuple[TopicRecord, ...]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    dlq: str | None
    # Record type -> who may give it. Nothing acts on such a record without a signature of one of these (ADR 0057).
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # An inbox that is written already and that no agent decides yet.
    awaits_agent: bool = False

    @property
    def config(self) -> dict[str, str]:
        """Broker settings that `saldo topics apply` holds the topic to."""
        return {
            "cleanup.policy": self.cleanup_policy,
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(MAX_MESSAGE_BYTES[self.role]),
            **BY_ROLE.get(self.role, {}),
        }

    def carries(self, record: Record) -> bool:
        """Return whether the topic may hold records of this type."""
        return any(known.name == type(record).__name__ for known in self.records)

    def key_of(self, record: Record) -> bytes:
        """Return the Kafka key of a record on this topic, masked as the record's own field is.

        Raises: Unreadable when the topic does not carry this type, or the key is empty; GuardKeyMissing.
        """
        name = type(record).__name__
        field = next((known.key_field for known in self.records if known.name == name), None)
        if field is None:  # so no rule ever sees a record that its inbox does not carry
            raise Unreadable(f"topic {self.name} does not carry {name}; see schemas/topics/{self.name}.yaml")
        if not field:
            raise Unreadable(f"{name} has no key on {self.name}; it belongs to a partition, not to an aggregate")
        value = getattr(record, field)
        if isinstance(value, tuple):
            value = value[0] if value else ""
        try:
            key = value if isinstance(value, bytes) else mask_reference(str(value)).encode()
        except UnicodeEncodeError as error:
            raise Unreadable(f"{name}.{field} is the key on {self.name} and is no text: {error}") from error
        if not key:
            raise Unreadable(f"{name}.{field} is the key on {self.name} and must not be empty")
        return key


# A dead letter holds a whole record and its headers besides our words, so it must fit where the record did.
# Headers of an envelope have some 600 bytes, marks accepted in silence 60 each, the broker's own share less than 1 KiB.
HEADROOM_BYTES = 16 << 10
MAX_MESSAGE_BYTES = {
    **dict.fromkeys(("inbox", "journal", "cursor", "claims", "keys"), 1 << 20),
    "dlq": 3 << 20,
}
BY_ROLE: Mapping[str, Mapping[str, str]] = {
    # The broker dates what enters an inbox: whoever writes it could date it back, behind a revoked key.
    "inbox": {"message.timestamp.type": "LogAppendTime"},
    # A destroyed key is gone from the disk within hours (streams/edges/subject_keys.py writes what closes its segment).
    "keys": {
        "segment.ms": str(3600 * 1000),
        "max.compaction.lag.ms": str(3600 * 1000),
        "min.cleanable.dirty.ratio": "0.01",
    },
}


@cache
def record_versions() -> Mapping[str, tuple[RecordVersion, ...]]:
    """Return every record type by name with its versions, oldest first. Names are unique over all contexts."""
    found: dict[str, list[RecordVersion]] = {}
    for path in sorted((ROOT / "avro").glob("*/*.avsc")):
        name, version = _name_and_version(path)
        schema = json.loads(path.read_text("utf-8"))
        parsed = parse_schema(schema, named_schemas={})
        crc = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
        found.setdefault(name, []).append(
            RecordVersion(path.parent.name, name, version, path, schema, parsed, bytes.fromhex(crc))
        )
    return MappingProxyType(
        {name: tuple(sorted(versions, key=lambda v: v.version)) for name, versions in found.items()}
    )


@cache
def latest(name: str) -> RecordVersion:
    """Newest version of a record type; LookupError names the types when there is none of that name."""
    versions = record_versions().get(name)
    if not versions:
        raise LookupError(f"no record type {name!r}; known: {', '.join(sorted(record_versions()))}")
    return versions[-1]


@cache
def _row_types() -> Mapping[str, tuple[str, tuple[Mapping[str, Any], ...]]]:
    """Return records that others hold in lists, by name.

    Their context and their fields, as the newest schemas write them.
    """
    found: dict[str, tuple[str, tuple[Mapping[str, Any], ...]]] = {}
    for name in record_versions():
        version = latest(name)
        for field_ in version.schema["fields"]:
            row = row_schema(field_)
            if row is not None:
                found[row["name"]] = (version.context, tuple(row["fields"]))
    return MappingProxyType(found)


def row_schema(field: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema of the records in a field that is a list of records; None for any other field."""
    kind = field["type"]
    items = kind.get("items") if isinstance(kind, Mapping) and kind.get("type") == "array" else None
    return items if isinstance(items, Mapping) and items.get("type") == "record" else None


def fields_of(name: str) -> tuple[Mapping[str, Any], ...]:
    """Return the fields of a record type, or of a record that others hold in lists; LookupError when there is none."""
    rows = _row_types().get(name)
    return tuple(latest(name).schema["fields"]) if rows is None else rows[1]


@cache
def field_classes(name: str) -> Mapping[str, FieldClass]:
    """Return the class of each field of a record type, by the field's name; LookupError when there is no such type."""
    return MappingProxyType({field["name"]: FieldClass(field["saldo_class"]) for field in fields_of(name)})


def field_class(name: str, field: str) -> FieldClass:
    """Return the class of one field; LookupError when there is no such record type or field."""
    classes = field_classes(name)
    if field not in classes:
        raise LookupError(f"{name} has no field {field!r}; it has {', '.join(classes)}")
    return classes[field]


@cache
def record_classes() -> Mapping[str, type[Record]]:
    """Return the dataclass of each record type, by name."""
    classes: dict[str, type[Record]] = {}
    for name, versions in record_versions().items():
        module = importlib.import_module(f"schemas.records.{versions[-1].context}")
        classes[name] = getattr(module, name)
    return MappingProxyType(classes)


@cache
def row_classes() -> Mapping[str, type[Record]]:
    """Return the dataclass of each record that others hold in lists, by name."""
    return MappingProxyType(
        {
            name: getattr(importlib.import_module(f"schemas.records.{context}"), name)
            for name, (context, _) in _row_types().items()
        }
    )


@cache
def topics() -> Mapping[str, TopicSpec]:
    """Return every topic by name, dead-letter topics included (each inbox's own comes from its `dlq`)."""
    specs: dict[str, TopicSpec] = {}
    for path in sorted((ROOT / "topics").glob("*.yaml")):
        spec = _topic(path)
        specs[spec.name] = spec
        if spec.dlq is not None:
            specs[spec.dlq] = _dead_letter_topic(spec)
    return MappingProxyType(specs)


def room_bytes(name: str) -> int:
    """Return what key and value of a record may have together on a topic, so that the broker takes it with our headers.

    Of a topic that is not ours, what the least of ours may have.
    """
    spec = topics().get(name)
    return (MAX_MESSAGE_BYTES[spec.role] if spec else min(MAX_MESSAGE_BYTES.values())) - HEADROOM_BYTES


def topic(name: str) -> TopicSpec:
    """Return one topic; LookupError names the topics when there is none of that name."""
    spec = topics().get(name)
    if spec is None:
        raise LookupError(f"no topic {name!r} in schemas/topics; known: {', '.join(sorted(topics()))}")
    return spec


def agents_of(specs: Iterable[TopicSpec]) -> frozenset[str]:
    """Return the agents among the producers: whoever writes a journal is one."""
    return frozenset(name for spec in specs if spec.role == "journal" for name in spec.producers)


@cache
def _agents() -> frozenset[str]:
    return agents_of(topics().values())


def role_of(name: str) -> str:
    """Return the role of the process that runs a producer.

    A worker runs every agent, the others are processes themselves.
    """
    return AGENTS_RUN_IN if name in _agents() else name


@cache
def inbox_of(record_name: str, *, producer: str) -> TopicSpec:
    """Return the inbox to which this producer writes this record type; LookupError when there is not exactly one."""
    found = [
        spec
        for spec in topics().values()
        if spec.role == "inbox"
        and producer in spec.producers
        and any(record.name == record_name for record in spec.records)
    ]
    if len(found) != 1:
        raise LookupError(
            f"{producer} has {len(found)} inboxes for {record_name}; state it as producer of one in schemas/topics"
        )
    return found[0]


@cache
def journal_of(inbox: str) -> TopicSpec:
    """Return the journal of the agent that decides an inbox; LookupError when no agent does."""
    deciding = set(topic(inbox).consumers)
    for spec in topics().values():
        if spec.role == "journal" and deciding.intersection(spec.producers):
            return spec
    raise LookupError(f"no agent decides {inbox}; see schemas/topics/{inbox}.yaml")


def _name_and_version(path: Path) -> tuple[str, int]:
    name, version, _ = path.name.split(".")
    return name, int(version.removeprefix("v"))


class _TopicFile(Entry):
    """A topic as its file writes it; schemas/lint says what it must hold besides."""

    name: str
    purpose: str
    owner: str
    role: str
    partitions: int
    retention_ms: int
    cleanup_policy: str
    records: Mapping[str, str]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    commands: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    dlq: str | None = None
    agent: str | None = None


def _topic(path: Path) -> TopicSpec:
    file = read_owned(path, _TopicFile)
    return TopicSpec(
        name=file.name,
        purpose=file.purpose,
        owner=file.owner,
        role=file.role,
        partitions=file.partitions,
        retention_ms=file.retention_ms,
        cleanup_policy=file.cleanup_policy,
        records=tuple(TopicRecord(name, key) for name, key in file.records.items()),
        producers=file.producers,
        consumers=file.consumers,
        dlq=file.dlq,
        commands=dict(file.commands),
        awaits_agent=file.agent == NO_AGENT_YET,
    )


def _decides(consumer: str) -> bool:
    """Return whether a reader of an inbox decides it; the projector and a source that follows hints do not."""
    return consumer != "projector" and not consumer.startswith("source-")


def _dead_letter_topic(inbox: TopicSpec) -> TopicSpec:
    assert inbox.dlq is not None
    return TopicSpec(
        name=inbox.dlq,
        purpose=f"Records of {inbox.name} that could not be decided, and those parked behind them.",
        owner=inbox.owner,
        role="dlq",
        partitions=inbox.partitions,
        retention_ms=-1,
        cleanup_policy="delete",
        records=(TopicRecord("DeadLetter", "record_key"),),
        producers=() if inbox.awaits_agent else tuple(filter(_decides, inbox.consumers)),
        consumers=("operators", "projector"),
        dlq=None,
        awaits_agent=inbox.awaits_agent,
    )
