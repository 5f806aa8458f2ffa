"""Questions about a cluster whose leaders have just moved, and what its refusals mean."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas.failures import ContractBroken, Unavailable
from streams.log import brokers
from streams.log.cluster import Cluster

NOWHERE = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}


class Fenced:
    """A client as librdkafka's: it asks with what it knows of leaders, and learns anew by listing alone."""

    def __init__(self, code: int) -> None:
        self._code = code
        self._knows = False

    def list_topics(self, *, timeout: float) -> None:
        self._knows = True

    def list_offsets(self, asked: dict[TopicPartition, Any], *, request_timeout: float) -> dict[Any, Future[Any]]:
        answers: dict[Any, Future[Any]] = {}
        for partition in asked:
            answers[partition] = Future()
            if self._knows:
                answers[partition].set_result(SimpleNamespace(offset=5))
            else:
                answers[partition].set_exception(KafkaException(KafkaError(self._code)))
        return answers


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(brokers, "LEADER_PAUSE_S", 0.001)
    return Cluster(NOWHERE)


@pytest.mark.parametrize("code", [KafkaError.FENCED_LEADER_EPOCH, KafkaError._NOENT])
def test_ends_are_reported_again_after_the_leader_has_changed(cluster: Cluster, code: int) -> None:
    cluster.admin = Fenced(code)  # type: ignore[assignment]
    assert cluster.ends([("payments.events.v1", 0)]) == {("payments.events.v1", 0): 5}


def test_a_broker_that_is_away_is_unavailable_and_is_named_with_the_remedy(cluster: Cluster) -> None:
    with pytest.raises(Unavailable, match=r"no Kafka broker answers at 127\.0\.0\.1:1; is it running"):
        cluster.topics(timeout_s=0.2)


def test_a_broker_that_refuses_us_breaks_the_contract(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.admin = Fenced(KafkaError.TOPIC_AUTHORIZATION_FAILED)  # type: ignore[assignment]
    with pytest.raises(ContractBroken, match=r"Kafka refuses us: .*authorization failed"):
        cluster.ends([("payments.events.v1", 0)])
    with pytest.raises(ContractBroken, match="No such configuration property"):
        Cluster({**NOWHERE, "no.such.setting": "x"})
