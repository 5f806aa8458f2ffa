"""A destroyed key leaves the disk of a real broker: compaction drops the record that held it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import catalog
from schemas.checks.sealing import ERASED, opened
from schemas.wire.codec import Codec
from streams.edges.subject_keys import KEYS, SubjectKeys
from streams.log import kafka as real
from tests.support.guard_key import PRIVACY_KEY
from tests.support.kafka import TestBroker, client_options, make_topics
from tests.unit.streams.edges.test_subject_keys import ADA, customer

# The cleaner looks every 15 s as shipped; what counts here is that it looks at all, so the topic's day is a moment.
SOON = {"max.compaction.lag.ms": "1", "segment.ms": "100"}
SEGMENT = timedelta(seconds=1)
CLEANED_WITHIN_S = 60.0


def on_disk(directory: Path, text: str) -> bool:
    return any(text.encode() in path.read_bytes() for path in directory.rglob(f"{KEYS}-*/*.log"))


@pytest.mark.slow
async def test_a_destroyed_key_is_gone_from_the_disk_and_what_it_sealed_is_lost(tmp_path: Path) -> None:
    config = {**catalog.topic(KEYS).config, **SOON}
    with TestBroker(tmp_path, die_with_parent=True) as broker:
        make_topics(broker.bootstrap_servers, {KEYS.value: 1}, config)
        async with real.opened(client_options(broker.bootstrap_servers)) as log:
            keys = SubjectKeys(log, Codec(), PRIVACY_KEY.encode, source="source-paytrace", segment=SEGMENT)
            record: Any = (await keys.seal([customer()]))[0]
            (stored,) = keys._by_id.values()
            assert on_disk(tmp_path, stored.wrapped_key)
            assert await keys.destroy(ADA, datetime.now(UTC)) == 1
            assert opened(record.person["name"], keys.key_of) == ERASED
            until = time.monotonic() + CLEANED_WITHIN_S
            while on_disk(tmp_path, stored.wrapped_key):
                assert time.monotonic() < until, "the key is still on the disk"
                await asyncio.sleep(0.5)
                await keys.seal([customer(subject="paytrace/main/other")])  # as each poll of a source does
