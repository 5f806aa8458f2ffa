"""Whoever works through the same inbox: each in a process of its own, started by tests/bench/worker.py.

    python -m tests.bench.contenders '{"who": "plain loop", ...}'

Decide, evolve and route are the same functions for all of them; what differs is who reads, who keeps the state, who
writes, and what holds after a crash. The peers read and write bare Avro (`Fold`): no guard against card numbers, no
check of plausibility, no headers. The last line on stdout is what was measured.
"""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import os
import sys
from enum import StrEnum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, cast, get_type_hints

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from fastavro import schemaless_writer

from app.composition.collector import look_for_garbage_rarely
from app.settings.settings import WorkerSettings
from schemas import catalog
from schemas.records.payments import TransactionStatus
from schemas.wire.codec import SINGLE_OBJECT_MARK, Codec, fields_of
from streams.agents import FOLD_PAYMENTS, Flow, register
from streams.log.kafka import KafkaLog
from streams.tasks.manager import TaskManager
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore, SqliteStore
from streams.tasks.task import Task, TaskRules
from tests.bench.figures import Run, Stopwatch
from tests.support.builders import observation
from tests.support.policies import by_shipped_rules
from tests.support.signing import RING, signer_of

BATCH = 500
Written = tuple[str, bytes, bytes]


class Fold:
    """The work itself, as plain functions: the bytes of a record and a state to a state and what is written."""

    def __init__(self) -> None:
        self.agent = by_shipped_rules(FOLD_PAYMENTS)
        self._codec = Codec()
        self._states: Any = msgspec.msgpack.Decoder(self.agent.state_type)

    def apply(self, state: Any, key: bytes, value: bytes) -> tuple[Any, list[Written]]:
        """Decide one record; Shapes: what is written is (topic, key, value), journal and outputs."""
        agent, written = self.agent, []
        for event in agent.decide(state, self._decoded(value)):
            state = agent.evolve(state, event)
            written.append((agent.journal.value, key, self._encoded(event)))
            for routed in agent.route(state, event):
                to = catalog.topic(routed.topic).key_of(routed.record)
                written.append((str(routed.topic), to, self._encoded(routed.record)))
        return state, written

    def apply_stored(self, stored: bytes | None, key: bytes, value: bytes) -> tuple[bytes, list[Written]]:
        """Do the same on a state that lies in a store as bytes."""
        state = self.agent.initial if stored is None else self._states.decode(stored)
        state, written = self.apply(state, key, value)
        return msgspec.msgpack.encode(state), written

    def _decoded(self, value: bytes) -> Any:
        name, _, fields = self._codec.decode_fields(value)
        for field, convert in _enums(name):
            fields[field] = convert(fields[field])
        return catalog.record_classes()[name](**fields)

    @staticmethod
    def _encoded(record: Any) -> bytes:
        version, out = catalog.latest(type(record).__name__), io.BytesIO()
        out.write(SINGLE_OBJECT_MARK + version.fingerprint)
        schemaless_writer(out, version.parsed, fields_of(record))
        return out.getvalue()


@cache
def _enums(name: str) -> tuple[tuple[str, Any], ...]:
    """Fields whose values become one of ours."""
    hints = get_type_hints(catalog.record_classes()[name])
    return tuple((field, hint) for field, hint in hints.items() if isinstance(hint, type) and issubclass(hint, StrEnum))


def plain_loop(given: dict[str, Any]) -> Run:
    """Read, decide, write, one flush for each 500 records; state in a dict. Nothing holds after a crash."""
    fold, watch = Fold(), Stopwatch()
    states: dict[bytes, Any] = {}
    options = given["options"]
    consumer = Consumer({**options, "group.id": "bench-plain", "enable.auto.commit": False})
    producer = Producer({**options, "linger.ms": 2, "compression.type": "lz4", "enable.idempotence": True})
    consumer.assign([TopicPartition(given["topic"], 0, 0)])
    left = given["count"]
    with watch.running():
        while left > 0:
            for message in consumer.consume(min(BATCH, left), timeout=1.0):
                key, value = cast("tuple[bytes, bytes]", (message.key(), message.value()))
                states[key], written = fold.apply(states.get(key, fold.agent.initial), key, value)
                for topic, to, value in written:
                    producer.produce(given["outputs"][topic], value, to)
                    producer.poll(0)
                left -= 1
            producer.flush()
    consumer.close()
    return watch.run(given["count"])


def saldo(given: dict[str, Any]) -> Run:
    """The task of fold-payments on one partition, as a worker runs it: disk store, order of the delivery rule."""
    task, log = _task(given, Path(given["directory"]) / "task.sqlite")
    watch = Stopwatch()

    async def work() -> None:
        await task.restore()
        with watch.running():
            while await task.catch_up():
                continue
        await asyncio.to_thread(log.close)

    asyncio.run(work())
    return watch.run(given["count"])


def restore(given: dict[str, Any]) -> Run:
    """The journal of the same partition read into a state, as a worker without a snapshot begins."""
    task, log = _task(given, None)
    watch = Stopwatch()

    async def work() -> None:
        with watch.running():
            await task.restore()
        await asyncio.to_thread(log.close)

    asyncio.run(work())
    return watch.run(given["journal_count"])


def read_and_decode(given: dict[str, Any]) -> Run:
    """The floor of a restore: the same journal read and decoded."""
    codec, watch = Codec(), Stopwatch()
    consumer = Consumer({**given["options"], "group.id": "bench-floor", "enable.auto.commit": False})
    consumer.assign([TopicPartition(FOLD_PAYMENTS.journal.value, given["partition"], 0)])
    left = given["journal_count"]
    with watch.running():
        while left > 0:
            for message in consumer.consume(min(2_000, left), timeout=1.0):
                codec.decode_as_written(message.value())
                left -= 1
    consumer.close()
    return watch.run(given["journal_count"])


def quix(given: dict[str, Any]) -> Run:
    """Quix Streams, its state store on disk with a changelog; `guarantee` as given."""
    # It is not in our environment, so no type checker of ours finds it.
    streams, models = import_module("quixstreams"), import_module("quixstreams.models")
    connection = import_module("quixstreams.kafka.configuration").ConnectionConfig
    # Of (topic, key, value) the value goes out.
    last = type("Last", (models.Serializer,), {"__call__": lambda _, value, *__, **___: value[2]})

    fold, watch = Fold(), Stopwatch()
    started: list[Any] = []
    app = streams.Application(
        connection.from_librdkafka_dict(given["connection"]),
        consumer_group=given["name"],
        auto_offset_reset="earliest",
        processing_guarantee=given["guarantee"],
        commit_every=BATCH,
        state_dir=given["directory"],
        loglevel="ERROR",
        producer_extra_config={"linger.ms": 2, "compression.type": "lz4"},
    )
    outputs = {
        name: app.topic(to, key_serializer="bytes", value_serializer=last()) for name, to in given["outputs"].items()
    }
    inbox = app.topic(given["topic"], key_deserializer="bytes", value_deserializer="bytes")

    def decide(pair: tuple[bytes, bytes], state: Any) -> list[Written]:
        if not started:
            started.append(watch.running())
            started[0].__enter__()
        kept, written = fold.apply_stored(state.get_bytes("state"), *pair)
        state.set_bytes("state", kept)
        started.append(None)
        if len(started) > given["count"]:  # one for the watch; `count` of `run` would count what is written
            app.stop()
        return written

    # A stateful callback gets value and state; the key comes beside the value.
    frame = app.dataframe(inbox).apply(lambda value, key, _time, _headers: (key, value), metadata=True)
    frame = frame.apply(decide, stateful=True, expand=True)
    frame.to_topic(lambda row, _key, _time, _headers: outputs[row[0]], key=lambda row: row[1])
    app.run()
    started[0].__exit__(None, None, None)
    return watch.run(given["count"])


def bare_faust(given: dict[str, Any]) -> Run:
    """Run a Faust agent with a table, its sends not awaited: the framework as its tutorial has it."""
    import faust

    fold, watch = Fold(), Stopwatch()
    started: list[Any] = []
    login = given["connection"]
    app = faust.App(
        given["name"],
        broker=f"kafka://{login['bootstrap.servers']}",
        broker_credentials=faust.SASLCredentials(
            username=login["sasl.username"], password=login["sasl.password"], mechanism=login["sasl.mechanism"]
        ),
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        store="memory://",
        web_enabled=False,
        datadir=given["directory"],
    )
    raw: dict[str, Any] = {"key_serializer": "raw", "value_serializer": "raw"}
    outputs = {name: app.topic(to, **raw) for name, to in given["outputs"].items()}
    table = app.Table("state", key_type=bytes, value_type=bytes, partitions=1)
    left = given["count"]

    async def decide(stream: Any) -> None:
        nonlocal left
        async for event in stream.events():
            if not started:
                started.append(watch.running())
                started[0].__enter__()
            table[event.key], written = fold.apply_stored(table.get(event.key), event.key, event.value)
            for topic, to, value in written:
                await outputs[topic].send(key=to, value=value)
            left -= 1
            if not left:
                await app.producer.flush()
                started[0].__exit__(None, None, None)
                finish(watch.run(given["count"]))

    app.agent(app.topic(given["topic"], **raw))(decide)
    faust.Worker(app, loglevel="error").execute_from_commandline()
    raise AssertionError("it ends at its last record")


def live(given: dict[str, Any]) -> NoReturn:
    """Decide what Faust brings in, as `saldo run worker` does, until the process is ended from outside."""
    import faust

    login = given["connection"]
    app = faust.App(
        given["name"],
        broker=f"kafka://{login['bootstrap.servers']}",
        broker_credentials=faust.SASLCredentials(
            username=login["sasl.username"], password=login["sasl.password"], mechanism=login["sasl.mechanism"]
        ),
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        store="memory://",
        web_enabled=False,
        datadir=given["directory"],
    )
    agent, worker = by_shipped_rules(FOLD_PAYMENTS), WorkerSettings()
    manager = TaskManager((agent,), lambda _, partition: _kept(given, partition), _halt)
    register(app, manager, Flow(worker.batch_size, worker.linger_s), agent)

    async def restored(_app: Any, assigned: Any, **_: Any) -> None:
        await manager.tend((tp.topic, tp.partition) for tp in assigned)
        _say_ready(given)

    app.on_partitions_assigned.connect(cast("Any", restored))
    faust.Worker(app, loglevel="error").execute_from_commandline()
    raise AssertionError("it is ended from outside")


def direct(given: dict[str, Any]) -> NoReturn:
    """Decide the same partitions by reading them directly, as a worker that is behind does."""

    async def work() -> None:
        tasks = [_kept(given, partition) for partition in given["partitions"]]
        await asyncio.gather(*(task.restore() for task in tasks))
        _say_ready(given)
        while True:
            if not sum(await asyncio.gather(*(task.catch_up() for task in tasks))):
                await asyncio.sleep(0.01)

    asyncio.run(work())
    raise AssertionError("it is ended from outside")


def _kept(given: dict[str, Any], partition: int) -> Task[Any]:
    return _task({**given, "partition": partition}, Path(given["directory"]) / f"{partition}.sqlite")[0]


def _say_ready(given: dict[str, Any]) -> None:
    Path(given["ready"]).touch()


def _halt(reason: str) -> NoReturn:
    os.write(2, reason.encode())
    os._exit(70)


CONTENDERS = {
    "live": live,
    "direct": direct,
    "plain loop": plain_loop,
    "Saldo": saldo,
    "Quix at-least-once": quix,
    "Quix exactly-once": quix,
    "bare Faust": bare_faust,
    "restore": restore,
    "read + decode": read_and_decode,
}


def _task(given: dict[str, Any], store: Path | None) -> tuple[Task[Any], KafkaLog]:
    log = KafkaLog(given["options"], signer=signer_of("worker"))
    agent = by_shipped_rules(FOLD_PAYMENTS)
    task: Task[Any] = Task(
        agent,
        given["partition"],
        log=log,
        store=MemoryStore() if store is None else SqliteStore(store, agent.state_type),
        codec=Codec(),
        ring=RING,
        membership=SoleOwner(),
        observer=SilentObserver(),
        rules=TaskRules(),
    )
    return task, log


def finish(run: Run) -> NoReturn:
    """Say what was measured and end: whatever a framework still wants to tidy up is no part of it."""
    os.write(1, f"\n{json.dumps(dataclasses.asdict(run))}\n".encode())  # Faust takes sys.stdout away
    os._exit(0)


def main(given: dict[str, Any]) -> None:
    """Run one contender, its caches filled before: what is read of the schemas once is no part of a record's cost."""
    fold, codec = Fold(), Codec()
    state = fold.agent.initial
    for minute, status in enumerate((TransactionStatus.PENDING_SETTLEMENT, TransactionStatus.SETTLED)):
        state, written = fold.apply(state, b"", codec.encode(observation(status, minute=minute)))
        for _, _, value in written:
            codec.encode(codec.decode(value))
    if given["who"] in ("Saldo", "restore", "live", "direct"):
        look_for_garbage_rarely()  # as `saldo run worker` does
    finish(CONTENDERS[given["who"]](given))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
