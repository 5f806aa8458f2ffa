"""What a source or the ingress tells must fit its inbox; what does not is refused to the sender, never produced."""

from __future__ import annotations

import pytest

from schemas import catalog
from schemas.records.payments import TransactionStatus
from schemas.wire.codec import Codec
from streams.edges.publishing import to_outbound
from streams.log.memory import MemoryLog
from streams.log.records import RecordTooLarge
from tests.support.builders import observation
from tests.support.signing import SIGNER

LOG = MemoryLog(dict.fromkeys(catalog.topics(), 4), signer=SIGNER)


def test_an_observation_that_its_inbox_would_not_take_is_refused_with_sizes_and_remedy() -> None:
    with pytest.raises(RecordTooLarge, match=r"bytes and payments\.observations\.v1 takes 1032192; shorten its texts"):
        to_outbound(
            observation(TransactionStatus.SETTLED, payment="1", invoice="x" * (1 << 20)),
            producer="ingress",
            log=LOG,
            codec=Codec(),
        )


def test_the_largest_that_fits_is_reported() -> None:
    room = catalog.room_bytes("payments.observations.v1")
    small = observation(TransactionStatus.SETTLED, payment="1", invoice="x")
    beside = len(Codec().encode(small)) + 10
    reported = to_outbound(
        observation(TransactionStatus.SETTLED, payment="1", invoice="x" * (room - beside)),
        producer="ingress",
        log=LOG,
        codec=Codec(),
    )
    assert len(reported.key) + len(reported.value) <= room
