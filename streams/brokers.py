"""What is said when Kafka does not answer: the address that was asked, and where to look. One wording for all."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

REMEDY = "is it running (`saldo status`), and is SALDO_KAFKA_BOOTSTRAP_SERVERS right?"
_AWAY = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE})


def no_broker(address: str | None, error: KafkaException | None = None) -> str:
    """One line for people; the error's own words only where they tell more than that nobody is there."""
    where = f" at {address}" if address else ""
    words = "" if error is None or is_away(error) else f" as it should ({error_text(error)})"
    return f"no Kafka broker answers{where}{words}; {REMEDY}"


def is_away(error: KafkaException) -> bool:
    """Whether the error says that nobody answered, rather than what somebody answered."""
    cause = error.args[0] if error.args else None
    return isinstance(cause, KafkaError) and cause.code() in _AWAY


def error_text(error: BaseException) -> str:
    """The broker library's own sentence without its wrapping."""
    cause = error.args[0] if error.args else error
    return str(cause.str()) if isinstance(cause, KafkaError) else str(cause)
