"""A foreign producer: a CRM tells Saldo which reference belongs to which abas customer.

Plain confluent-kafka and fastavro; nothing of Saldo is imported. What any producer needs, in any language:

1. The value is Avro in single-object encoding: C3 01, the CRC-64 fingerprint of the schema, then the body.
   (Where a schema registry is in use, Confluent framing is read just as well: write with AvroSerializer then.)
2. The Kafka key is the field that docs/topics.md names, as UTF-8. librdkafka's own partitioner puts it where Saldo
   looks for it. A Java producer sets the partition itself: crc32(key) modulo the number of partitions.
3. The header ce_id is derived from content, so that telling the same fact twice is one event.
4. acks=all and idempotence: once flush() returns without an error, the fact is safe.
5. No transactions on inbox topics: Saldo counts offsets to prove that nothing was lost, and a transaction makes holes.
6. A token begins with what it is, as payments ask for it: `invoice:`, `order:` or `vault:`. No payment asks for any
   other, so this script refuses it before it writes, and Saldo parks it.
7. The log-in: embedded brokers ask for one. A cluster of your own gives a user to each system (docs/operations.md).

On a running demo, whose addresses `saldo status` shows (`saldo waiting` lists payments that name what abas does not
know; take the number of one of them):

    python docs/examples/foreign_producer.py --bootstrap-servers 127.0.0.1:9092 \
        --client-config .saldo/kafka/credentials/operators.json \
        --schema schemas/avro/identification/CustomerReferenced.v1.avsc  invoice:RE-100451=70013

The payment is then the customer's (`saldo explain <its transaction id>` says so), and goes on to his open items.
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

KINDS = ("invoice", "order", "vault")


def main() -> int:
    options = arguments()
    if strange := [pair for pair in options.references if not known(pair)]:
        print(
            f"nothing is written: {', '.join(strange)}; write TOKEN=CUSTOMER, with a token that begins with what it "
            "is: invoice:RE-100451=70013, order:SO-4711=70012 or vault:acme-inc=70012",
            file=sys.stderr,
        )
        return 2
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
            # Where nobody answers, or the log-in is refused, that is said after this time and not after five minutes.
            "message.timeout.ms": 15_000,
            "log_level": 2,
            "error_cb": lambda error: print(error, file=sys.stderr),
        }
    )
    failures = 0

    def acknowledged(error: KafkaError | None, message: Message) -> None:
        nonlocal failures
        if error is not None:
            failures += 1
            print(
                f"not written: {error.str()}; does a broker listen at {options.bootstrap_servers}, and does it take "
                "the log-in of --client-config?",
                file=sys.stderr,
            )
        else:
            key = (message.key() or b"").decode()
            print(f"{message.topic()}/{message.partition()}@{message.offset()}  {key}")

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
    """Log-in and the like are kept in a file, since a command line is seen by every user of the machine.

    Either librdkafka's own settings, or a log-in as Saldo keeps it (<data_dir>/kafka/credentials/<role>.json).
    """
    reported = {} if path is None else dict(json.loads(path.read_text("utf-8")))
    names = {"username": "sasl.username", "password": "sasl.password"}
    return {names.get(name, name.replace("_", ".")): value for name, value in reported.items()}


def known(pair: str) -> bool:
    """Whether a pair is a token that a payment can ask for, and the customer for whom it stands."""
    token, _, customer = pair.partition("=")
    kind, _, name = token.partition(":")
    return kind in KINDS and bool(name.strip()) and bool(customer.strip())


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
