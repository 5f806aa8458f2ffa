"""The log on a real broker: confluent-kafka beside Faust's own clients.

Faust's consumer brings records in; what a task must be sure of (reading a missing range, knowing that an append is
durable) goes through here, and so does everybody else who reads or writes. Appends are idempotent and gapless: a record
that fails can't be overtaken by a later one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from schemas.failures import Unavailable
from streams.log.brokers import broker_asked, failure_of, once_led
from streams.log.cluster import Cluster
from streams.log.outbound import Outbound, Signer
from streams.log.ports import DeliveryFailed, Partition, RecordsGone, no_topic
from streams.log.records import Inbound

logger = logging.getLogger(__name__)

READ_BATCH = 2_000
REQUEST_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 60.0
# Ours and not librdkafka's: a record that times out there leaves a gap that a later one fills.
DELIVERY_TIMEOUT_S = 60.0
# What a broker and its client say of an offset that a partition holds no longer, or never held.
GONE = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)
# Said while a broker is away; the client goes on by itself.
_PASSING = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)
# A dead letter holds a whole record and the reason; how much a topic takes is its own setting.
LARGEST_RECORD_BYTES = 4 << 20


@asynccontextmanager
async def opened(connection: Mapping[str, Any], *, signer: Signer | None = None) -> AsyncIterator[KafkaLog]:
    """Hold the log of a broker for as long as the block runs."""
    log = KafkaLog(connection, signer=signer)
    try:
        yield log
    finally:
        await asyncio.to_thread(log.close)


class KafkaLog:
    """Reads and appends with proof; one per process, shared by all who need it."""

    def __init__(self, connection: Mapping[str, Any], *, signer: Signer | None = None) -> None:
        """Describe the connection; `connection` is librdkafka configuration (bootstrap.servers, TLS, SASL).

        `signer` signs what is built for this log.
        """
        self.signer = signer
        self._connection = dict(connection)
        self._address = str(connection["bootstrap.servers"])
        self._cluster = Cluster(connection)
        self._producer: Producer | None = None
        self._readers: queue.SimpleQueue[Consumer] = queue.SimpleQueue()
        self._counts: dict[str, int] = {}
        self._closing = threading.Event()
        self._poller: threading.Thread | None = None

    def topics(self) -> Mapping[str, int]:
        """Return topics that exist, with their number of partitions."""
        return {name: found.partitions for name, found in self._cluster.topics().items()}

    def partition_count(self, topic: str) -> int:
        """Return number of partitions of a topic; asked of the broker once."""
        if topic not in self._counts:
            # The answer is about every topic, and who asks for one asks for more.
            self._counts.update(self.topics())
        if topic not in self._counts:
            raise no_topic(topic)
        return self._counts[topic]

    def starts(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """First offset that each partition still holds."""
        return self._cluster.starts(partitions)

    def ends(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Offset that the next record of each partition will get."""
        return self._cluster.ends(partitions)

    def offsets_at(self, partitions: Iterable[Partition], instant: datetime) -> Mapping[Partition, int | None]:
        """Offset of the first record of each partition that is not older than an instant."""
        return self._cluster.offsets_at(partitions, instant)

    def feed(self, starts: Mapping[Partition, int]) -> KafkaFeed:
        """Read on from these offsets."""
        with broker_asked(self._address):
            return KafkaFeed(self._consumer(), starts, self._address)

    async def topic_id(self, topic: str) -> str:
        """Return the broker's own id of the topic."""
        return await asyncio.to_thread(self._cluster.topic_id, topic)

    async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        """First offset kept, and the next one to be given."""
        return await asyncio.to_thread(self._watermarks, topic, partition)

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Inbound]]:
        """Yield the records of start <= offset < end.

        Raises: Unavailable when the broker does not answer in time; RecordsGone when it no longer holds them.
        """
        if start >= end:
            return
        with self._reader() as consumer:
            await asyncio.to_thread(consumer.assign, [TopicPartition(topic, partition, start)])
            while start < end:
                with broker_asked(self._address):
                    batch, start = await asyncio.to_thread(self._read_batch, consumer, topic, partition, start, end)
                if batch:
                    yield batch

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        """Append and wait for every acknowledgement."""
        if not records:
            return ()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        offsets = [-1] * len(records)
        left = len(records)

        def finish(error: KafkaError | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(DeliveryFailed(_refusal(error)))

        def acknowledged(number: int, error: KafkaError | None, message: Message) -> None:
            nonlocal left
            if error is None:
                offsets[number] = _offset(message)
            left -= 1  # all reports come in the one thread that polls
            if error is not None or left == 0:
                loop.call_soon_threadsafe(finish, error)

        producer = self._writer()
        for number, record in enumerate(records):
            report = partial(acknowledged, number)
            while True:
                if _is_taken(producer, record, report):
                    break
                await asyncio.sleep(0.01)
        try:
            async with asyncio.timeout(DELIVERY_TIMEOUT_S):
                await done
        except TimeoutError:
            raise DeliveryFailed(f"no acknowledgement in {DELIVERY_TIMEOUT_S:g} s") from None
        return offsets

    def close(self) -> None:
        """Let go of connections; what was appended is already durable."""
        self._closing.set()
        if self._poller is not None and self._producer is not None:
            self._poller.join(timeout=5)
            with contextlib.suppress(KafkaException):
                self._producer.flush(5)
        while True:
            try:
                self._readers.get_nowait().close()
            except queue.Empty:
                return

    def _writer(self) -> Producer:
        """Return the producer, made when something is written for the first time; a log that only reads needs none."""
        if self._producer is None:
            options = {
                **self._connection,
                "acks": "all",
                "enable.idempotence": True,
                "enable.gapless.guarantee": True,
                "linger.ms": 2,
                "compression.type": "lz4",
                "message.max.bytes": LARGEST_RECORD_BYTES,
                "delivery.timeout.ms": 0,
                "queue.buffering.max.messages": 500_000,
            }
            with broker_asked(self._address):
                producer = self._producer = Producer(options)
            self._poller = threading.Thread(target=self._poll, args=(producer,), name="saldo-producer", daemon=True)
            self._poller.start()
        return self._producer

    def _poll(self, producer: Producer) -> None:
        while not self._closing.is_set():
            try:
                producer.poll(0.1)
            except KafkaException as error:
                # The producer is dead and takes nothing more. Reports of what it took still come, so poll on: without
                # them an append would wait until its time is over.
                logger.critical("producer failed", extra={"error": str(error)})
                self._closing.wait(0.1)

    def _watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        def ask() -> tuple[int, int]:
            with self._reader() as consumer:
                at = TopicPartition(topic, partition)
                low, high = consumer.get_watermark_offsets(at, timeout=REQUEST_TIMEOUT_S, cached=False)
                return low, high

        with broker_asked(self._address):
            return once_led(ask, within_s=REQUEST_TIMEOUT_S)

    def _consumer(self) -> Consumer:
        """Return a consumer that is told where to read; it wants the name of a group and commits nothing to it."""
        return Consumer(
            {
                **self._connection,
                "group.id": "saldo-direct",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # A position that the topic no longer holds must stop us, never move us.
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
            }
        )

    @contextlib.contextmanager
    def _reader(self) -> Iterator[Consumer]:
        try:
            consumer = self._readers.get_nowait()
        except queue.Empty:
            consumer = self._consumer()
        try:
            yield consumer
        except BaseException:
            consumer.close()
            raise
        else:
            consumer.unassign()
            self._readers.put(consumer)

    @staticmethod
    def _read_batch(consumer: Consumer, topic: str, partition: int, start: int, end: int) -> tuple[list[Inbound], int]:
        """Return one batch, and the offset to go on with; gaps left by other people's transactions are stepped over."""
        batch: list[Inbound] = []
        waited = 0.0
        while not batch:
            # Asked for more than there is, it would sit out its time.
            for message in consumer.consume(min(READ_BATCH, end - start), timeout=0.5):
                error = message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    return batch, end
                if error is not None and error.code() in GONE:
                    raise RecordsGone(topic, partition, start, error.str())
                if error is not None:
                    raise KafkaException(error)
                if _offset(message) >= end:
                    return batch, end
                batch.append(inbound(message))
            waited += 0.5
            if waited >= READ_TIMEOUT_S:
                raise Unavailable(f"no answer for {topic}/{partition} from offset {start} in {waited:.0f} s")
        return batch, batch[-1].offset + 1


class KafkaFeed:
    """Records of several partitions as they come; for one thread."""

    def __init__(self, consumer: Consumer, starts: Mapping[Partition, int], address: str) -> None:
        """Take over a consumer and begin at these offsets."""
        self._consumer = consumer
        self._address = address
        self._at_end: set[Partition] = set()
        consumer.assign([TopicPartition(topic, number, offset) for (topic, number), offset in starts.items()])

    @property
    def at_end(self) -> frozenset[Partition]:
        """Partitions at whose end the broker said that we are, and of which nothing came since."""
        return frozenset(self._at_end)

    def take(self, most: int, timeout_s: float) -> Sequence[Inbound]:
        """Take up to so many records; see streams.log.ports.Feed."""
        with broker_asked(self._address):
            messages = self._consumer.consume(most, timeout_s)
        taken: list[Inbound] = []
        for message in messages:
            error = message.error()
            if error is None:
                taken.append(inbound(message))
                if self._at_end:
                    self._at_end.discard((taken[-1].topic, taken[-1].partition))
            elif error.code() == KafkaError._PARTITION_EOF:
                self._at_end.add((message.topic() or "", message.partition() or 0))
            elif error.code() in GONE:
                raise RecordsGone(message.topic() or "", message.partition() or 0, message.offset() or 0, error.str())
            elif not error.retriable() and error.code() not in _PASSING:
                raise failure_of(KafkaException(error), self._address)
        return taken

    def hold(self, partition: Partition) -> None:
        """Hand out nothing more of a partition."""
        self._consumer.pause([TopicPartition(*partition)])

    def let_go(self, partition: Partition) -> None:
        """Hand out its records again."""
        self._consumer.resume([TopicPartition(*partition)])

    def close(self) -> None:
        """Give the connection back."""
        self._consumer.close()


def _is_taken(producer: Producer, record: Outbound, report: Callable[[KafkaError | None, Message], None]) -> bool:
    """Hand a record to the producer; False while its queue is full. Raises DeliveryFailed when it gave up for good."""
    try:
        producer.produce(
            record.topic,
            value=record.value,
            key=record.key,
            partition=record.partition,
            headers=list(record.headers),
            on_delivery=report,
        )
    except BufferError:
        return False
    except KafkaException as error:
        raise DeliveryFailed(_refusal(error.args[0])) from error
    return True


def _refusal(error: KafkaError) -> str:
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return f"{error.str()}: a topic takes less than schemas/topics says; `saldo topics diff` names it"
    return str(error)


def inbound(message: Message) -> Inbound:
    """Return a confluent-kafka message as the task layer sees it."""
    topic, partition = message.topic(), message.partition()
    assert topic is not None
    assert partition is not None
    headers: Any = message.headers()
    kind, timestamp_ms = message.timestamp()
    return Inbound(
        topic=topic,
        partition=partition,
        offset=_offset(message),
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=headers or (),
        timestamp_ms=timestamp_ms,
        is_broker_time=kind == TIMESTAMP_LOG_APPEND_TIME,
    )


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None
    return offset


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
