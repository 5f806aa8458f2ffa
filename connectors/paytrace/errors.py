"""What can go wrong with PayTrace, named by what should happen next (families: schemas/failures/__init__.py).

Transient
  PayTraceUnavailable      no usable answer to a call that changed nothing: ask again (the whole side may be away)
  PayTraceThrottled        429: ask again after retry_after_s
  PaymentOutcomeUnknown    a money-moving call may have worked: look up by reference before any repeat
  CallStillUnknown         (Delayed) sent, and no trace of it yet: its subject waits, and it is looked up again
  CallInDoubt              may have been sent, cannot be sent again, and shows no trace: parked, a person looks
Refused
  PayTraceRefused          understood and rejected (code 1 with errors, 422); code is the first error number
Unreadable
  UnreadableAnswer         a body that is not what the reference describes
  UnreadableRow            one row of an export that makes no sense; its siblings are fine
ContractBroken
  LoginRejected            credentials, permissions or integrator id refused
  CallNotOffered           the path does not exist there, or this API version cannot do it
  CurrencyNotOffered       PayTrace is a US-dollar gateway; refused before any call
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.failures import ContractBroken, Delayed, Refused, Transient, Unavailable, Unreadable


class PayTraceUnavailable(Unavailable):
    """PayTrace did not answer usefully, and nothing can have changed there."""


class PayTraceThrottled(PayTraceUnavailable):
    """PayTrace asked us to slow down."""


class PaymentOutcomeUnknown(Transient):
    """A money-moving call was sent and no answer came; only a look-up tells whether it worked."""

    def __init__(self, message: str, *, path: str, reference: str | None) -> None:
        super().__init__(message)
        self.path = path
        self.reference = reference


class CallStillUnknown(Delayed):
    """A call without an answer left no trace; nothing else may happen to its subject before somebody looked again."""


class CallInDoubt(Transient):
    """A call that PayTrace would carry out twice may have been made, and nothing tells; no program may decide it."""


class PayTraceRefused(Refused):
    """PayTrace understood the call and rejected it; errors holds every number with its texts, said its own summary."""

    def __init__(
        self, message: str, *, code: str, errors: Mapping[str, Sequence[str]] | None = None, said: str = ""
    ) -> None:
        super().__init__(message, code=code)
        self.said = said
        self.errors: dict[str, tuple[str, ...]] = {key: tuple(texts) for key, texts in (errors or {}).items()}


class UnreadableAnswer(Unreadable):
    """The body of an answer does not have the described shape."""


class UnreadableRow(Unreadable):
    """One exported row cannot be read; field_name says where."""

    def __init__(self, field_name: str, reason: str) -> None:
        super().__init__(f"{field_name}: {reason}")
        self.field_name = field_name
        self.reason = reason


class LoginRejected(ContractBroken):
    """PayTrace does not accept these credentials."""


class CallNotOffered(ContractBroken):
    """PayTrace does not know this path, or this API version does not have the operation."""


class CurrencyNotOffered(ContractBroken):
    """Only US dollars can be charged."""
