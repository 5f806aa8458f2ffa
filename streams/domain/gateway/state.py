"""What is remembered of one payment request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from schemas.records.gateway import PaymentRequestHeld, PaymentRequestKind, PaymentRequestProgress


class Stage(StrEnum):
    """What may still become of a payment request."""

    UNSEEN = "UNSEEN"
    HELD = "HELD"
    ACCEPTED = "ACCEPTED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class State:
    """One payment request: its stage, and what abas shows of it.

    Shapes: documents are numbers of what abas holds for it, in order of posting; result_transaction_id is empty until
            the gateway did it. decided_at is when abas was read with what was decided about; None before that. held is
            the request as a second person approves it, or as it is counted. counted is of a budget: what each of
            its requests comes to, in minor units.
    """

    stage: Stage = Stage.UNSEEN
    status: PaymentRequestProgress = PaymentRequestProgress.UNKNOWN
    kind: PaymentRequestKind = PaymentRequestKind.UNKNOWN
    paytrace_transaction_id: str = ""
    result_transaction_id: str = ""
    documents: tuple[str, ...] = ()
    reason: str = ""
    decided_at: datetime | None = None
    held: PaymentRequestHeld | None = None
    counted: dict[str, int] = field(default_factory=dict)


INITIAL: Final = State()
