"""Questions to a broker whose leaders have just moved."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.log import brokers
from streams.log.brokers import once_led


class Answers:
    """A question that is answered by one error after the other, and then with the answer."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)

    def __call__(self) -> str:
        if self.errors:
            raise KafkaException(KafkaError(self.errors.pop(0)))
        return "answer"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "LEADER_PAUSE_S", 0.001)


def test_a_question_is_put_again_until_somebody_leads() -> None:
    ask = Answers(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_LEADER_EPOCH)
    assert once_led(ask, within_s=60) == "answer"


def test_patience_ends_after_one_try_at_least() -> None:
    ask = Answers(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.NOT_LEADER_FOR_PARTITION)
    with pytest.raises(KafkaException):
        once_led(ask, within_s=0)
    assert len(ask.errors) == 1


def test_what_does_not_pass_is_reported_at_once() -> None:
    ask = Answers(KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.NOT_LEADER_FOR_PARTITION)
    with pytest.raises(KafkaException):
        once_led(ask, within_s=60)
    assert len(ask.errors) == 1
