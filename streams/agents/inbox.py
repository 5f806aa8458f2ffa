"""What every agent shares: its inbox as a Faust topic of raw bytes, and Faust's events as the task layer reads them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

import faust
from faust.types import EventT, StreamT, TopicT

from streams.log.records import Inbound

_BROKER_TIME = 1  # Kafka's own number for LogAppendTime, which aiokafka hands on


@dataclass(frozen=True, slots=True)
class Flow:
    """How much an agent takes at once. Units: linger_s is how long it waits for batch_size records, in seconds."""

    batch_size: int
    linger_s: float


def inbox_topic(app: faust.App, name: str) -> TopicT:
    """The inbox as raw bytes: the task layer decodes, so that bytes that don't decode are parked and not lost."""
    return app.topic(name, key_serializer="raw", value_serializer="raw")


async def batches(stream: StreamT[bytes], flow: Flow) -> AsyncIterator[list[Inbound]]:
    """The records that Faust delivers, a batch at a time."""
    # StreamT, which agents are annotated with, does not list take_events; every stream has it.
    async for events in cast("faust.Stream[bytes]", stream).take_events(flow.batch_size, within=flow.linger_s):
        yield [_as_record(event) for event in events]


def _as_record(event: EventT[bytes]) -> Inbound:
    message = event.message
    headers = message.headers or {}
    pairs = headers.items() if hasattr(headers, "items") else headers
    return Inbound(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=tuple(pairs),
        timestamp_ms=int(message.timestamp * 1000),
        is_broker_time=message.timestamp_type == _BROKER_TIME,
    )
