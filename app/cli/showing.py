"""How `saldo read` shows a record: for eyes, or as one JSON object a line for other tools."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from app.topics.reading import ReadRecord
from schemas.catalog import TopicSpec
from schemas.checks.guard import masked_key
from schemas.checks.plausibility import findings_of
from schemas.checks.sensitive import mask_sensitive
from schemas.values.foreign_text import for_json
from schemas.values.money import Money, is_currency
from schemas.wire.codec import to_json
from schemas.wire.envelope import format_time, header_text

_MS_A_DAY = 86_400_000


def as_json_line(read: ReadRecord) -> list[str]:
    """Return one line of JSON; `record` is there when it could be decoded, `unreadable` says why when not."""
    found = read.found
    line: dict[str, Any] = {
        "topic": found.topic,
        "partition": found.partition,
        "offset": found.offset,
        "written_at": format_time(found.entered_at),
        "key": key_text(found.key),
        "event_id": found.event_id,
        "saldo_source": None if read.position is None else str(read.position),
        "is_repeat": read.is_repeat,
        "type": type_of(read),
    }
    if read.reason is None:
        line["record"] = to_json(read.record)
        findings = findings_of(read.record)
        if findings:
            line["not_plausible"] = [str(finding) for finding in findings]
    else:
        line["unreadable"] = mask_sensitive(read.reason)
    return [for_json(line)]


def as_paragraph(read: ReadRecord) -> list[str]:
    """Lines: coordinates on the first line, identity on the second, then each field that says something."""
    found = read.found
    repeat = "   REPEAT" if read.is_repeat else ""
    lines = [
        f"{found.topic}/{found.partition}@{found.offset}   {format_time(found.entered_at)}   "
        f"key {key_text(found.key)}   {type_of(read)}{repeat}",
        f"    event {found.event_id}   source {read.position or '-'}",
    ]
    if read.reason is not None:
        lines.append(f"    UNREADABLE   {mask_sensitive(read.reason)}")
    else:
        lines += (f"    NOT PLAUSIBLE   {finding}" for finding in findings_of(read.record))
        lines += (f"    {name:<24} {text}" for name, text in _fields(for_eyes(read.record)))
    return [*lines, ""]


def topics_table(
    known: Mapping[str, TopicSpec], partitions: Mapping[str, int], records: Mapping[str, int]
) -> list[tuple[str, ...]]:
    """Return lines of a table of topics, the heading first.

    Shapes: partitions and records are what the cluster has, by topic. Units: records counts offsets that it holds.
    """
    lines: list[tuple[str, ...]] = [("topic", "partitions", "records", "kept for", "owner", "record types")]
    for name in (*known, *sorted(set(partitions) - set(known))):
        spec = known.get(name)
        if name not in partitions:
            assert spec is not None
            lines.append((name, "not made yet", "", _kept_for(spec), spec.owner, _types(spec)))
            continue
        reported = (_kept_for(spec), spec.owner, _types(spec)) if spec else ("", "", "not in the catalogue")
        lines.append((name, str(partitions[name]), str(records[name]), *reported))
    return lines


def _kept_for(spec: TopicSpec) -> str:
    return "ever" if spec.retention_ms < 0 else f"{spec.retention_ms / _MS_A_DAY:g} days"


def _types(spec: TopicSpec) -> str:
    return ", ".join(record.name for record in spec.records)


def key_text(key: bytes | None) -> str | None:
    """Return a key as text: UTF-8 where it is, else base64, masked as keys of ours are; others key by anything."""
    return None if key is None else bytes_text(masked_key(key) or b"")


def bytes_text(value: bytes) -> str:
    """Return bytes as text where they are text, else "base64:..."; card numbers masked, whoever wrote them."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    if all(letter.isprintable() or letter in "\n\t" for letter in text) and bool(text) == bool(value):
        return mask_sensitive(text)
    return f"base64:{base64.b64encode(value).decode()}"


def for_eyes(record: Any) -> dict[str, Any]:
    """Return the fields of a record as `to_json` gives them, but with bytes as text where they are text."""
    return {name: _shown(getattr(record, name), value) for name, value in to_json(record).items()}


def _shown(value: Any, otherwise: Any) -> Any:
    match value:
        case bytes():
            return bytes_text(value)
        case Mapping():
            return {name: _shown(item, otherwise[name]) for name, item in value.items()}
        case _:
            return otherwise


def type_of(read: ReadRecord) -> str:
    """Return the record's type; of one that can't be decoded, what its header claims."""
    if read.reason is None:
        return type(read.record).__name__
    return mask_sensitive(header_text(read.found.headers, "ce_type") or "?")


def _fields(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    currency = values.get("currency")
    for name, value in values.items():
        if value is None or value == "":
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if name.endswith("_minor") and isinstance(currency, str):
            text = f"{text}   ({_money(value, currency)})"
        yield name, text


def _money(minor: int, currency: str) -> str:
    return str(Money(minor, currency)) if is_currency(currency) else f"minor units of {currency!r}"
