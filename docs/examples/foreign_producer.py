"""A foreign producer: a CRM tells Saldo which reference belongs to which abas customer.

Plain confluent-kafka and fastavro; nothing of Saldo is imported. What any producer needs, in any language:

1. The value is Avro in single-object encoding: C3 01, the CRC-64 fingerprint of the schema, then the body.
   (Where a schema registry is in use, Confluent framing is read just as well: write with AvroSerializer then.)
2. The Kafka key is the field that docs/topics.md names, as UTF-8. librdkafka's own partitioner puts it where Saldo
   looks for it. A Java producer sets the partition itself: crc32(key) modulo the number of partitions.
3. The header ce_id is derived from content, so that telling the same fact twice is one event.
4. acks=all and idempotence: once flush() returns without an error, the fact is safe.
5. No transactions on inbox topics: Saldo counts offsets to prove that nothing was lost, and a transaction makes holes.

    python foreign_producer.py --bootstrap-servers 127.0.0.1:9092 \
        --schema schemas/avro/identification/CustomerReferenced.v1.avsc  acme-inc=70012  RE-100451=70013
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
from datetime import datetime
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer
from fastavro import schemaless_writer
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form


def main() -> int:
    options = arguments()
    schema = json.loads(options.schema.read_text("utf-8"))
    head = b"\xc3\x01" + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
    parsed = parse_schema(schema)
    producer = Producer(
        {
            **client_config(options.client_config),
            "bootstrap.servers": options.bootstrap_servers,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,
            # So that a wrong address or log-in ends with an error instead of waiting for ever.
            "message.timeout.ms": 30_000,
            "error_cb": lambda error: print(error, file=sys.stderr),
        }
    )
    failures = 0

    def acknowledged(error: KafkaError | None, message: Message) -> None:
        nonlocal failures
        if error is not None:
            failures += 1
            print(f"not written: {error}", file=sys.stderr)
        else:
            print(f"{message.topic()}/{message.partition()}@{message.offset()}")

    for pair in options.references:
        token, _, customer = pair.partition("=")
        record = {"token": token, "abas_customer_id": customer, "observed_at": options.observed_at}
        body = io.BytesIO()
        schemaless_writer(body, parsed, record)
        event_id = hashlib.sha256(b"crm\0" + body.getvalue()).hexdigest()[:32]
        producer.produce(
            options.topic,
            key=token.encode(),
            value=head + body.getvalue(),
            headers={
                "ce_specversion": b"1.0",
                "ce_id": event_id.encode(),
                "ce_type": schema["name"].encode(),
                "ce_source": b"crm",
                "ce_time": options.observed_at.isoformat().encode(),
                "content-type": b"application/avro",
            },
            on_delivery=acknowledged,
        )
    producer.flush()
    return 1 if failures else 0


def client_config(path: Path | None) -> dict[str, str]:
    """Log-in and the like are kept in a file, since a command line is seen by every user of the machine."""
    return {} if path is None else dict(json.loads(path.read_text("utf-8")))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Tell Saldo which reference belongs to which abas customer.")
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--client-config", type=Path, help="JSON file of librdkafka settings: the log-in, the CA, ...")
    parser.add_argument("--topic", default="identification.inbox.v1")
    parser.add_argument("--schema", type=Path, required=True, help="CustomerReferenced.v1.avsc")
    parser.add_argument("--observed-at", type=datetime.fromisoformat, default=datetime.now().astimezone())
    parser.add_argument("references", nargs="+", metavar="TOKEN=CUSTOMER")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
