"""When Kafka does not answer: how long a leader that has just moved is waited for, and what people are reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from schemas.failures import ContractBroken, SaldoError, Unavailable

T = TypeVar("T")

REMEDY = (
    "is it running (`saldo status`), is SALDO_KAFKA_BOOTSTRAP_SERVERS right, "
    "and does it take this log-in (SALDO_KAFKA_CREDENTIALS_PATH)?"
)
LEADER_PAUSE_S = 0.1
# What a leader says that has just become it, or is none any more; each passes once it has caught up with the cluster.
_NO_LEADER_YET = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError._NOENT,  # the client found no leader at all: the broker was away when it asked
    }
)
# Said by a broker that knows us and what we ask for: no waiting helps.
_REFUSED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
        KafkaError._INVALID_ARG,
    }
)
_AWAY = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE})


def once_led(ask: Callable[[], T], *, within_s: float, relearn: Callable[[], object] | None = None) -> T:
    """Return the answer to a question about partitions, which is put again as long as one of them has no leader.

    A topic that was made a moment ago, or whose leader has just moved, has nobody to answer for it for a second or two.

    Ensures: `ask` is called at least once; `relearn`, which runs before each further attempt, is for a client that does
             not refresh what it knows of leaders by itself.
    Raises:  KafkaException: any other failure at once, and this one after within_s.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() >= deadline:
                raise
        if relearn is not None:
            relearn()
        time.sleep(LEADER_PAUSE_S)


@contextmanager
def broker_asked(address: str | None) -> Iterator[None]:
    """Run a question to a broker, so that no exception of its client leaves this room.

    Raises: ContractBroken where the broker answered that it has no such topic, or that we may not; Unavailable for all
            else, in the broker's words where it has some.
    """
    try:
        yield
    except KafkaException as error:
        raise failure_of(error, address) from error


def failure_of(error: KafkaException, address: str | None) -> SaldoError:
    """Return what a failure of the client means to us; see `broker_asked`."""
    code = error.args[0].code() if error.args and isinstance(error.args[0], KafkaError) else None
    if code in _REFUSED:
        return ContractBroken(f"Kafka refuses us: {error_text(error)}")
    return Unavailable(no_broker(address, error))


def no_broker(address: str | None, error: KafkaException | None = None) -> str:
    """Return one line for people; the error's own words only where they tell more than that nobody is there."""
    where = f" at {address}" if address else ""
    words = "" if error is None or is_away(error) else f" as it should ({error_text(error)})"
    return f"no Kafka broker answers{where}{words}; {REMEDY}"


def is_away(error: KafkaException) -> bool:
    """Return whether the error says that nobody answered, rather than what somebody answered."""
    cause = error.args[0] if error.args else None
    return isinstance(cause, KafkaError) and cause.code() in _AWAY


def error_text(error: BaseException) -> str:
    """Return the broker library's own sentence without its wrapping."""
    cause = error.args[0] if error.args else error
    return str(cause.str()) if isinstance(cause, KafkaError) else str(cause)
