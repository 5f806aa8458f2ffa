"""What each status of PayTrace proves, by the kind of transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from schemas.records.payments import TransactionKind, TransactionStatus
from streams.domain.payments.state import VOIDS, Fact

_CARD_PAYMENT_READINGS: Mapping[TransactionStatus, frozenset[Fact]] = {
    TransactionStatus.AUTHORIZED: frozenset({Fact.AUTHORIZED}),
    TransactionStatus.PENDING_SETTLEMENT: frozenset({Fact.CAPTURED}),
    TransactionStatus.SETTLED: frozenset({Fact.CAPTURED, Fact.SETTLED}),
    TransactionStatus.VOIDED: frozenset({Fact.VOIDED}),
    TransactionStatus.VOIDED_BY_RULE: frozenset({Fact.VOIDED_BY_RULE}),
    TransactionStatus.DECLINED: frozenset({Fact.DECLINED}),
}


_ACH_PAYMENT_READINGS: Mapping[TransactionStatus, frozenset[Fact]] = {
    TransactionStatus.AUTHORIZED: frozenset({Fact.AUTHORIZED}),  # a check on hold
    TransactionStatus.ACH_PENDING: frozenset({Fact.ACH_INITIATED}),
    TransactionStatus.ACH_CLEARED: frozenset({Fact.CAPTURED}),
    TransactionStatus.ACH_RETURNED: frozenset({Fact.ACH_RETURNED}),
    TransactionStatus.ACH_FAILED: frozenset({Fact.ACH_FAILED}),
    TransactionStatus.VOIDED: frozenset({Fact.VOIDED}),
    TransactionStatus.VOIDED_BY_RULE: frozenset({Fact.VOIDED_BY_RULE}),
    TransactionStatus.DECLINED: frozenset({Fact.DECLINED}),
}


# A refund that is only authorized has moved nothing and promises nothing, so it proves nothing. What a bank books is a
# part of a customer's transfer that it took back.
_CARD_REFUND_READINGS: Mapping[TransactionStatus, frozenset[Fact]] = {
    TransactionStatus.AUTHORIZED: frozenset(),
    TransactionStatus.PENDING_SETTLEMENT: frozenset({Fact.REFUND_ISSUED}),
    TransactionStatus.SETTLED: frozenset({Fact.REFUND_ISSUED, Fact.REFUND_SETTLED}),
    TransactionStatus.BANK_BOOKED: frozenset({Fact.REFUND_ISSUED}),
    TransactionStatus.VOIDED: frozenset({Fact.VOIDED}),
    TransactionStatus.VOIDED_BY_RULE: frozenset({Fact.VOIDED_BY_RULE}),
    TransactionStatus.DECLINED: frozenset({Fact.DECLINED}),
}


_ACH_REFUND_READINGS: Mapping[TransactionStatus, frozenset[Fact]] = {
    TransactionStatus.AUTHORIZED: frozenset(),
    TransactionStatus.ACH_PENDING: frozenset({Fact.REFUND_ISSUED}),
    TransactionStatus.ACH_CLEARED: frozenset({Fact.REFUND_ISSUED}),
    TransactionStatus.ACH_RETURNED: frozenset({Fact.ACH_RETURNED}),
    TransactionStatus.ACH_FAILED: frozenset({Fact.ACH_FAILED}),
    TransactionStatus.VOIDED: frozenset({Fact.VOIDED}),
    TransactionStatus.VOIDED_BY_RULE: frozenset({Fact.VOIDED_BY_RULE}),
    TransactionStatus.DECLINED: frozenset({Fact.DECLINED}),
}


# What a bank reports of a customer's payment into a bank account: it is there, or was taken back.
_BANK_TRANSFER_READINGS: Mapping[TransactionStatus, frozenset[Fact]] = {
    TransactionStatus.BANK_BOOKED: frozenset({Fact.CAPTURED}),
    TransactionStatus.BANK_RETURNED: frozenset({Fact.ACH_RETURNED}),
}


READINGS: Mapping[TransactionKind, Mapping[TransactionStatus, frozenset[Fact]]] = {
    TransactionKind.SALE: _CARD_PAYMENT_READINGS,
    TransactionKind.AUTHORIZATION: _CARD_PAYMENT_READINGS,
    TransactionKind.ACH_SALE: _ACH_PAYMENT_READINGS,
    TransactionKind.REFUND: _CARD_REFUND_READINGS,
    TransactionKind.ACH_REFUND: _ACH_REFUND_READINGS,
    TransactionKind.BANK_TRANSFER: _BANK_TRANSFER_READINGS,
}


# That no money moves, or that it came back, is proved without an amount.
REFUNDS: Collection[TransactionKind] = (TransactionKind.REFUND, TransactionKind.ACH_REFUND)


WITHOUT_AMOUNT = VOIDS | {Fact.DECLINED, Fact.ACH_FAILED, Fact.ACH_RETURNED}


# Pairs that cannot both be true, in the words shown to a person.
CONTRADICTIONS = (
    (Fact.SETTLED, Fact.VOIDED),
    (Fact.SETTLED, Fact.VOIDED_BY_RULE),
    (Fact.DECLINED, Fact.CAPTURED),
    (Fact.ACH_FAILED, Fact.CAPTURED),
    (Fact.DECLINED, Fact.REFUND_ISSUED),
    (Fact.CAPTURED, Fact.REFUND_ISSUED),
)
