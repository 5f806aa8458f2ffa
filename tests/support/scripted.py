"""A scripted pipeline: writes what sources, tasks and the ERP sink would write, so the read side can be tested alone.

Each `Script` method is one station of a payment's way. `saldo-source` rises along each lane as the task layer makes it
rise; a repeat carries the position that it had before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from schemas.records.erp import PostDocument, Side
from schemas.records.identification import (
    Movement,
    PaymentAwaitsReference,
    PaymentIdentified,
    PaymentToIdentify,
    WaitingReason,
)
from schemas.records.payments import (
    CaptureAmountChanged,
    CaptureReversalReason,
    CaptureReversed,
    ObservedBy,
    PaymentCaptured,
    PaymentMethod,
    RefundIssued,
    TransactionKind,
    TransactionObserved,
    TransactionStatus,
)
from schemas.records.receivables import (
    EntryDirection,
    EntryNetted,
    EntryPosted,
    EntryWaiting,
    MovementRecorded,
    OpenItemRecorded,
    PaymentMatched,
    PostingRequested,
    RefundMatched,
)
from schemas.records.tasks import (
    DeadLetter,
    ParkedRecordDiscarded,
    ParkedRecordReleased,
    PositionMarked,
    RecordParked,
)
from schemas.wire.codec import Codec
from schemas.wire.envelope import Envelope, SourcePosition, content_event_id, derived_event_id
from streams.log.records import Inbound
from tests.support.abas_commands import document as document_of
from tests.support.builders import done, refused

OBSERVATIONS = "payments.observations.v1"
PAYMENTS = "payments.events.v1"
IDENTIFICATION_INBOX = "identification.inbox.v1"
IDENTIFICATION = "identification.events.v1"
RECEIVABLES_INBOX = "receivables.inbox.v1"
RECEIVABLES = "receivables.events.v1"
COMMANDS = "erp.commands.v1"
OUTCOMES = "erp.outcomes.v1"

NOON = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
PARTITIONS = 4
_CODEC = Codec()
_DIRECTIONS = {1: EntryDirection.RECEIPT, -1: EntryDirection.REVERSAL}


@dataclass
class Script:
    """Messages in the order in which they were written."""

    currency: str = "USD"
    now: datetime = NOON
    value_on: date | None = None  # of what follows; None: the day on which it happens
    messages: list[Inbound] = field(default_factory=list)
    _offsets: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    def write(self, topic: str, record: Any, *, caused_by: SourcePosition | None = None, partition: int = 0) -> Inbound:
        """Append one record to a topic and say where it stands."""
        value = _CODEC.encode(record)
        kind = type(record).__name__
        event_id = derived_event_id(caused_by, topic) if caused_by else content_event_id(kind, value)
        envelope = Envelope(event_id=event_id, type=kind, source="test", time=self.now, position=caused_by)
        return self.write_bytes(topic, value, headers=dict(envelope.to_headers()), partition=partition)

    def write_bytes(
        self, topic: str, value: bytes | None, *, headers: Mapping[str, bytes], partition: int = 0
    ) -> Inbound:
        """Append bytes as they are, as a foreign producer would."""
        offset = self._offsets[topic, partition]
        self._offsets[topic, partition] = offset + 1
        message = Inbound(
            topic=topic,
            partition=partition,
            offset=offset,
            key=b"key",
            value=value,
            headers=tuple(headers.items()),
            timestamp_ms=int(self.now.timestamp() * 1000) + len(self.messages),
        )
        self.messages.append(message)
        return message

    def write_again(self, message: Inbound) -> Inbound:
        """The same record once more, at a later offset: a crash between writing and moving, or a late worker."""
        offset = self._offsets[message.topic, message.partition]
        self._offsets[message.topic, message.partition] = offset + 1
        again = replace(message, offset=offset, timestamp_ms=message.timestamp_ms + 60_000)
        self.messages.append(again)
        return again

    def wait(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)

    # --- payments

    def observed(self, payment: str, amount_minor: int, status: TransactionStatus) -> Inbound:
        partition = _partition(payment)
        return self.write(
            OBSERVATIONS,
            TransactionObserved(
                paytrace_transaction_id=payment,
                merchant="main",
                kind=TransactionKind.SALE,
                raw_kind="SALE",
                status=status,
                raw_status=status.value.lower(),
                method=PaymentMethod.CARD,
                amount_minor=amount_minor,
                currency=self.currency,
                approval_code="TAS123",
                invoice_number=f"RE-{payment}",
                description="",
                card_last_four="1111",
                avs_response="",
                csc_response="",
                created_at=self.now,
                created_on=self.value_on,
                raw_created="11/20/2026 12:00:00 PM",
                raw_settled="",
                observed_at=self.now,
                observed_by=ObservedBy.POLL,
                raw="{}",
            ),
            partition=partition,
        )

    def captured(self, payment: str, amount_minor: int) -> Inbound:
        """Observed, captured, and on its way to identification."""
        cause = self.observed(payment, amount_minor, TransactionStatus.PENDING_SETTLEMENT)
        self.to_identify(payment, amount_minor, Movement.CAPTURED, cause)
        return self.write(
            PAYMENTS,
            PaymentCaptured(amount_minor=amount_minor, **self._payment(payment)),
            caused_by=self._after(cause),
            partition=cause.partition,
        )

    def voided(self, payment: str, amount_minor: int) -> Inbound:
        """Captured money voided before settlement."""
        cause = self.observed(payment, amount_minor, TransactionStatus.VOIDED)
        self.to_identify(payment, amount_minor, Movement.VOIDED, cause)
        return self.write(
            PAYMENTS,
            CaptureReversed(amount_minor=amount_minor, reason=CaptureReversalReason.VOID, **self._payment(payment)),
            caused_by=self._after(cause),
            partition=cause.partition,
        )

    def refunded(self, refund: str, amount_minor: int) -> Inbound:
        """A refund transaction of its own."""
        cause = self.observed(refund, amount_minor, TransactionStatus.PENDING_SETTLEMENT)
        self.to_identify(refund, amount_minor, Movement.REFUNDED, cause)
        return self.write(
            PAYMENTS,
            RefundIssued(amount_minor=amount_minor, **self._payment(refund)),
            caused_by=self._after(cause),
            partition=cause.partition,
        )

    def amount_changed(self, payment: str, previous_minor: int, amount_minor: int) -> Inbound:
        """A later observation carries another amount; the difference is on its way to identification."""
        cause = self.observed(payment, amount_minor, TransactionStatus.SETTLED)
        movement = Movement.AMOUNT_INCREASED if amount_minor > previous_minor else Movement.AMOUNT_DECREASED
        self.to_identify(payment, abs(amount_minor - previous_minor), movement, cause)
        return self.write(
            PAYMENTS,
            CaptureAmountChanged(
                paytrace_transaction_id=payment,
                previous_minor=previous_minor,
                amount_minor=amount_minor,
                currency=self.currency,
                occurred_at=self.now,
            ),
            caused_by=self._after(cause),
            partition=cause.partition,
        )

    # --- identification

    def to_identify(self, payment: str, amount_minor: int, movement: Movement, cause: Inbound) -> Inbound:
        return self.write(
            IDENTIFICATION_INBOX,
            PaymentToIdentify(tokens=(f"invoice:RE-{payment}",), **self._movement(payment, amount_minor, movement)),
            caused_by=self._after(cause),
            partition=_partition(f"RE-{payment}"),
        )

    def awaits_reference(self, payment: str, amount_minor: int, movement: Movement = Movement.CAPTURED) -> Inbound:
        return self.write(
            IDENTIFICATION,
            PaymentAwaitsReference(
                token=f"invoice:RE-{payment}",
                reason=WaitingReason.REFERENCE_UNKNOWN,
                detail=f"no open item carries invoice RE-{payment}",
                **self._movement(payment, amount_minor, movement),
            ),
            caused_by=self._inbox_position(IDENTIFICATION_INBOX, _partition(f"RE-{payment}")),
            partition=_partition(f"RE-{payment}"),
        )

    def identified(self, payment: str, amount_minor: int, movement: Movement = Movement.CAPTURED) -> Inbound:
        """Payer known, and taken up by receivables; gives the record in the inbox of receivables."""
        sent = self.sent_on(payment, amount_minor, movement)
        self.recorded(payment, amount_minor, movement)
        return sent

    def recorded(self, payment: str, amount_minor: int, movement: Movement = Movement.CAPTURED) -> Inbound:
        """The movement is in the customer's entries."""
        return self._journal(
            MovementRecorded(abas_customer_id="70001", **self._movement(payment, amount_minor, movement))
        )

    def sent_on(self, payment: str, amount_minor: int, movement: Movement = Movement.CAPTURED) -> Inbound:
        """Payer known: in the journal, and in the inbox of receivables, which this gives."""
        partition = _partition(f"RE-{payment}")
        cause = self._inbox_position(IDENTIFICATION_INBOX, partition)
        record = PaymentIdentified(
            abas_customer_id="70001",
            identified_by=f"invoice:RE-{payment}",
            **self._movement(payment, amount_minor, movement),
        )
        arrived = self.write(RECEIVABLES_INBOX, record, caused_by=cause)
        self.write(IDENTIFICATION, record, caused_by=cause, partition=partition)
        return arrived

    # --- receivables (one customer, so one partition)

    def open_item(
        self,
        payment: str,
        amount_minor: int,
        *,
        open_minor: int | None = None,
        due_on: date | None = date(2026, 12, 1),
    ) -> Inbound:
        left = amount_minor if open_minor is None else open_minor
        return self._journal(
            OpenItemRecorded(
                abas_open_item_id=f"OI-{payment}",
                abas_customer_id="70001",
                invoice_number=f"RE-{payment}",
                amount_minor=amount_minor,
                open_minor=left,
                currency=self.currency,
                due_on=due_on,
                is_open=left > 0,
                occurred_at=self.now,
            )
        )

    def waiting(self, payment: str, signed_minor: int, reason: WaitingReason = WaitingReason.NO_OPEN_ITEM) -> Inbound:
        return self._journal(
            EntryWaiting(
                reason=reason,
                detail="no open item fits",
                invoice_number=f"RE-{payment}",
                **self._entry(payment, signed_minor),
            )
        )

    def matched(self, payment: str, amount_minor: int) -> Inbound:
        fields = self._entry(payment, amount_minor)
        del fields["direction"]
        return self._journal(
            PaymentMatched(
                abas_open_item_id=f"OI-{payment}",
                invoice_number=f"RE-{payment}",
                rule="exact-invoice",
                rule_version=1,
                evidence=(f"invoice RE-{payment}",),
                **fields,
            )
        )

    def requested(self, payment: str, signed_minor: int) -> Inbound:
        return self._journal(
            PostingRequested(
                abas_open_item_id=f"OI-{payment}",
                document_kind="cash_receipt" if signed_minor >= 0 else "cash_receipt_reversal",
                value_on=self.value_on,
                lines=(),
                mapping_version="1",
                **self._entry(payment, signed_minor),
            )
        )

    def entry_posted(self, payment: str, signed_minor: int) -> Inbound:
        return self._journal(
            EntryPosted(
                abas_document_id=f"D-{payment}", abas_document_number="ZE-1", **self._entry(payment, signed_minor)
            )
        )

    def refund_matched(self, refund: str, amount_minor: int, *, of_payment: str) -> Inbound:
        fields = self._entry(refund, -amount_minor)
        del fields["direction"]
        fields["paytrace_transaction_id"] = of_payment
        return self._journal(RefundMatched(refund_transaction_id=refund, rule="same-invoice", **fields))

    def netted(self, payment: str, signed_minor: int, netted_with: str) -> Inbound:
        return self._journal(EntryNetted(netted_with=netted_with, **self._entry(payment, signed_minor)))

    # --- the ERP sink

    def command(self, payment: str, amount_minor: int) -> Inbound:
        return self.write(
            COMMANDS,
            self._document(payment, amount_minor),
            caused_by=self._inbox_position(RECEIVABLES_INBOX, 0),
        )

    def posted(
        self, payment: str, signed_minor: int, *, document: str | None = None, reference: str | None = None
    ) -> Inbound:
        outcome = done(self._document(payment, signed_minor, reference))
        return self._outcome(replace(outcome, document_id=document or f"D-{payment}", document_number="ZE-1"))

    def refused(self, payment: str, amount_minor: int) -> Inbound:
        outcome = refused(self._document(payment, amount_minor), code="OTHER/1147")
        return self._outcome(replace(outcome, message="Posting period 10/2026 is closed"))

    def _document(self, payment: str, signed_minor: int, reference: str | None = None) -> PostDocument:
        entry = self._entry(payment, signed_minor)
        is_receipt = signed_minor >= 0
        made = document_of(
            "cash_receipt" if is_receipt else "cash_receipt_reversal",
            reference or entry["posting_reference"],
            Side.CREDIT if is_receipt else Side.DEBIT,
            entry["amount_minor"],
            transaction=payment,
            item=f"OI-{payment}",
            currency=entry["currency"],
            customer=entry["abas_customer_id"],
            reverses=None if is_receipt else f"PT{payment}",
            value_on=self.now.date(),
            invoice_number=f"RE-{payment}",
            method="CARD",
            **({} if is_receipt else {"reason": "REFUND"}),
        )
        return replace(made, occurred_at=entry["occurred_at"])

    # --- the task layer

    def dead_letter(self, message: Inbound, *, behind: int | None = None) -> Inbound:
        """A dead letter alone, as a task leaves it that crashed before its journal."""
        return self.write(
            f"{message.topic}.dlq",
            DeadLetter(
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                task="task",
                record_key=message.key or b"",
                record_value=message.value or b"",
                record_headers=dict(message.headers),
                behind=behind,
                error_type="Boom",
                message="cannot decide",
                stack_digest="abc",
                received_at=self.now,
            ),
            caused_by=self._after(message),
            partition=message.partition,
        )

    def parked(self, journal: str, message: Inbound, *, behind: int | None = None) -> Inbound:
        """Dead letter first, then the journal's word."""
        self.dead_letter(message, behind=behind)
        return self.write(
            journal,
            RecordParked(
                behind=behind,
                error_type="Boom",
                message="cannot decide",
                stack_digest="abc",
                **_parked_at(message),
            ),
            caused_by=self._after(message),
            partition=message.partition,
        )

    def released(self, journal: str, message: Inbound) -> Inbound:
        return self.write(
            journal,
            ParkedRecordReleased(requested_by="dana", **_parked_at(message)),
            caused_by=self._inbox_position(message.topic, message.partition),
            partition=message.partition,
        )

    def discarded(self, journal: str, message: Inbound) -> Inbound:
        return self.write(
            journal,
            ParkedRecordDiscarded(requested_by="dana", reason="a test record", **_parked_at(message)),
            caused_by=self._inbox_position(message.topic, message.partition),
            partition=message.partition,
        )

    def marked(self, journal: str, position: int) -> Inbound:
        return self.write(
            journal,
            PositionMarked(position=position),
            caused_by=self._inbox_position(OBSERVATIONS, 0),
        )

    # --- what is common

    def _payment(self, payment: str) -> dict[str, Any]:
        return {
            "paytrace_transaction_id": payment,
            "merchant": "main",
            "method": PaymentMethod.CARD,
            "currency": self.currency,
            "invoice_number": f"RE-{payment}",
            "card_last_four": "1111",
            "value_on": self.value_on,
            "occurred_at": self.now,
        }

    def _movement(self, payment: str, amount_minor: int, movement: Movement) -> dict[str, Any]:
        return {
            "movement_id": f"{payment}:{movement.value}",
            "paytrace_transaction_id": payment,
            "movement": movement,
            "amount_minor": amount_minor,
            "currency": self.currency,
            "method": PaymentMethod.CARD,
            "invoice_number": f"RE-{payment}",
            "occurred_at": self.now,
        }

    def _entry(self, payment: str, signed_minor: int) -> dict[str, Any]:
        return {
            "posting_reference": f"PT{payment}" + ("" if signed_minor > 0 else "R"),
            "paytrace_transaction_id": payment,
            "abas_customer_id": "70001",
            "direction": _DIRECTIONS[1 if signed_minor > 0 else -1],
            "amount_minor": abs(signed_minor),
            "currency": self.currency,
            "occurred_at": self.now,
        }

    def _journal(self, record: Any) -> Inbound:
        return self.write(RECEIVABLES, record, caused_by=self._inbox_position(RECEIVABLES_INBOX, 0))

    def _outcome(self, record: Any) -> Inbound:
        position = self._inbox_position(COMMANDS, 0)
        self.write(RECEIVABLES_INBOX, record, caused_by=position)
        return self.write(OUTCOMES, record, caused_by=position)

    def _inbox_position(self, inbox: str, partition: int) -> SourcePosition:
        """A position of its own for each caused record: the inbox is taken to be as long as the script."""
        return SourcePosition(inbox, partition, 1_000 + len(self.messages), 0)

    def _after(self, message: Inbound) -> SourcePosition:
        return self._inbox_position(message.topic, message.partition)


def _partition(key: str) -> int:
    return sum(key.encode()) % PARTITIONS


def _parked_at(message: Inbound) -> dict[str, Any]:
    return {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "record_key": message.key or b"",
    }
