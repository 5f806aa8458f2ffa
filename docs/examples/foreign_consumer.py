"""A foreign consumer: takes each fact of a topic exactly once, whatever was written twice and wherever it was killed.

Plain confluent-kafka and fastavro; nothing of Saldo is imported. The recipe, for any language:

1. A record with the header `saldo-source` (topic/partition/offset/index) was written by a task. Remember, for each
   partition that you read and each source topic/partition (the lane), the highest (offset, index) that you took; what
   is not above it is a repeat. One small number per lane is all the memory it takes, for ever.
2. A record without it came from a source or a foreign producer: remember its `ce_id`; equal id, equal event.
   (A database would give that column a unique key. A record without ce_id is taken as it comes.)
3. Keep the marks and the next offset in the same place as your results, in one write. Here that is one JSON file,
   replaced as a whole; in a database it is one transaction. Committed offsets of a consumer group are not needed.

4. Whoever acts on commands proves them first, with the ring of public keys (docs/connecting.md). With --ring only
   records that prove are taken; it needs the package cryptography.

    python foreign_consumer.py --bootstrap-servers 127.0.0.1:9092 --topic payments.events.v1 \
        --client-config .saldo/kafka/credentials/viewer.json \
        --schemas schemas/avro --state facts.json --once
    python foreign_consumer.py ... --topic erp.commands.v1 --ring public.json --given-by worker
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition
from fastavro import schemaless_reader
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

ROWS_PER_WRITE = 500


class Facts:
    """Everything that must change together: the facts taken, the marks, the ids, and where to go on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        stored = json.loads(path.read_text("utf-8")) if path.exists() else {}
        self.facts: list[dict[str, Any]] = stored.get("facts", [])
        self.next_offset: dict[str, int] = stored.get("next_offset", {})
        self.marks: dict[str, list[int]] = stored.get("marks", {})
        self.ids: dict[str, None] = dict.fromkeys(stored.get("ids", []))

    def is_new(self, partition: int, headers: dict[str, bytes]) -> bool:
        source = headers.get("saldo-source")
        if source is not None:
            topic, source_partition, offset, index = source.decode().rsplit("/", 3)
            lane = f"{partition}<{topic}/{source_partition}"
            rank = [int(offset), int(index)]
            if rank <= self.marks.get(lane, [-1, -1]):
                return False
            self.marks[lane] = rank
            return True
        event_id = headers.get("ce_id", b"").decode()
        if event_id in self.ids:
            return False
        if event_id:
            self.ids[event_id] = None
        return True

    def save(self) -> None:
        draft = self.path.with_suffix(".draft")
        content = {
            "facts": self.facts,
            "next_offset": self.next_offset,
            "marks": self.marks,
            "ids": list(self.ids),
        }
        with draft.open("w", encoding="utf-8") as file:
            json.dump(content, file, default=str)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


def main() -> int:
    options = arguments()
    schemas = read_schemas(options.schemas)
    facts = Facts(options.state)
    ring = None if options.ring is None else json.loads(options.ring.read_text("utf-8"))["keys"]
    consumer = Consumer(
        {
            **client_config(options.client_config),
            "bootstrap.servers": options.bootstrap_servers,
            "group.id": options.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "log_level": 2,
        }
    )
    try:
        metadata = consumer.list_topics(options.topic, timeout=10).topics[options.topic]
    except KafkaException as error:
        print(
            f"{error.args[0].str()}; does a broker listen at {options.bootstrap_servers}, and does it take the log-in "
            "of --client-config?",
            file=sys.stderr,
        )
        return 1
    if metadata.error is not None:
        raise KafkaException(metadata.error)
    partitions = sorted(metadata.partitions)
    ends = {p: consumer.get_watermark_offsets(TopicPartition(options.topic, p))[1] for p in partitions}
    consumer.assign(
        [TopicPartition(options.topic, p, facts.next_offset.get(str(p), OFFSET_BEGINNING)) for p in partitions]
    )
    taken = repeats = unreadable = unproved = 0
    while not options.once or any(facts.next_offset.get(str(p), 0) < ends[p] for p in partitions):
        messages = consumer.consume(ROWS_PER_WRITE, timeout=0.5)
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            partition = message.partition()
            if ring is not None and (why := not_proved(message, ring, options.given_by)) is not None:
                unproved += 1
                print(f"not proved {message.topic()}/{partition}@{message.offset()}: {why}", file=sys.stderr)
            elif not facts.is_new(partition, dict(message.headers() or [])):
                repeats += 1
            elif (fact := decode(message, schemas)) is None:
                unreadable += 1
                print(f"cannot read {message.topic()}/{partition}@{message.offset()}", file=sys.stderr)
            else:
                facts.facts.append(fact)
                taken += 1
            facts.next_offset[str(partition)] = message.offset() + 1
        if messages:
            facts.save()
    consumer.close()
    counts = {"taken": taken, "repeats": repeats, "unreadable": unreadable}
    print(json.dumps(counts if ring is None else counts | {"not proved": unproved}))
    return 0


def not_proved(message: Message, ring: list[dict[str, Any]], given_by: list[str]) -> str | None:
    """Why a record is no command of a role in `given_by`, signed and unchanged; None when it is one."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    headers = dict(message.headers() or [])
    key_id, signature = headers.get("saldo-key-id", b"").decode(), headers.get("saldo-signature", b"").decode()
    known = next((key for key in ring if key["key_id"] == key_id), None)
    if known is None:
        return f"signed by no key of the ring ({key_id or 'not signed'})"
    if known["role"] not in given_by:
        return f"signed by {known['role']}"
    if known["revoked_from"] is not None:
        written_at = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
        if written_at >= datetime.fromisoformat(known["revoked_from"]):
            return f"key {key_id} was revoked before"
    parts = (
        b"saldo command 1",
        (message.topic() or "").encode(),
        message.key() or b"",
        headers.get("ce_type", b""),
        headers.get("ce_id", b""),
        message.value() or b"",
    )
    covered = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(known["public"])).verify(bytes.fromhex(signature), covered)
    except (InvalidSignature, ValueError):
        return f"the signature by key {key_id} does not fit: the record was changed"
    return None


def read_schemas(folder: Path) -> dict[bytes, dict[str, Any]]:
    """Every .avsc below a folder, by the fingerprint that stands in front of a record."""
    found: dict[bytes, dict[str, Any]] = {}
    for path in folder.rglob("*.avsc"):
        schema = json.loads(path.read_text("utf-8"))
        crc = bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
        found[crc] = {"name": schema["name"], "parsed": parse_schema(schema, named_schemas={})}
    return found


def decode(message: Message, schemas: dict[bytes, dict[str, Any]]) -> dict[str, Any] | None:
    """The fact with its coordinates, or None when it can't be read (it should be kept somewhere and looked at)."""
    value = message.value() or b""
    schema = schemas.get(value[2:10])
    if value[:2] != b"\xc3\x01" or schema is None:
        return None
    try:
        record = schemaless_reader(io.BytesIO(value[10:]), schema["parsed"], None)
    except Exception:  # damaged bytes raise many kinds
        return None
    return {
        "at": f"{message.topic()}/{message.partition()}@{message.offset()}",
        "type": schema["name"],
        "record": record,
    }


def client_config(path: Path | None) -> dict[str, str]:
    """Log-in and the like are kept in a file, since a command line is seen by every user of the machine.

    Either librdkafka's own settings, or a log-in as Saldo keeps it (<data_dir>/kafka/credentials/<role>.json).
    """
    reported = {} if path is None else dict(json.loads(path.read_text("utf-8")))
    names = {"username": "sasl.username", "password": "sasl.password"}
    return {names.get(name, name.replace("_", ".")): value for name, value in reported.items()}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Take each fact of a topic exactly once.")
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--client-config", type=Path, help="JSON file of librdkafka settings: the log-in, the CA, ...")
    parser.add_argument("--group", default="unused", help="group that this user may use; no offsets are committed")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--schemas", type=Path, required=True, help="folder with .avsc files")
    parser.add_argument("--state", type=Path, required=True, help="file that holds facts, marks and offsets")
    parser.add_argument("--once", action="store_true", help="end at the end that the topic has now")
    parser.add_argument("--ring", type=Path, help="keys/public.json of the installation: take only what it proves")
    parser.add_argument("--given-by", action="append", default=[], help="role that may have signed, e.g. worker")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
