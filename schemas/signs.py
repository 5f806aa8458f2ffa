"""Which way money goes, said once for rules, tables and proofs: plus is money towards us, minus is money away.

0 is a word that this version does not know, and what moves none of a payer's money; neither ever counts. The sign of a
document is its kind's, in schemas/documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from schemas.records.identification import Movement
from schemas.records.payments import TransactionKind
from schemas.records.receivables import EntryDirection
from schemas.records.settlement import SettlementLineKind

_MOVEMENTS: Mapping[Movement, int] = MappingProxyType(
    {
        Movement.UNKNOWN: 0,
        Movement.CAPTURED: 1,
        Movement.AMOUNT_INCREASED: 1,
        Movement.AMOUNT_DECREASED: -1,
        Movement.VOIDED: -1,
        Movement.RETURNED: -1,
        Movement.REFUNDED: -1,
        Movement.REFUND_VOIDED: 1,
        Movement.CHARGED_BACK: -1,
        Movement.CHARGEBACK_REVERSED: 1,
        Movement.CHARGEBACK_LOST: 0,  # it was gone before
        Movement.CHARGEBACK_LOST_REVERSED: 0,
    }
)

_DIRECTIONS: Mapping[EntryDirection, int] = MappingProxyType(
    {
        EntryDirection.UNKNOWN: 0,
        EntryDirection.NONE: 0,  # a write-off
        EntryDirection.RECEIPT: 1,
        EntryDirection.REVERSAL: -1,
    }
)

_LOST = frozenset({Movement.CHARGEBACK_LOST, Movement.CHARGEBACK_LOST_REVERSED})

# A movement of a payment is a line of settlement by the same name and with the same sign.
_SETTLEMENT: Mapping[SettlementLineKind, int] = MappingProxyType(
    {
        **{SettlementLineKind(movement.value): sign for movement, sign in _MOVEMENTS.items() if movement not in _LOST},
        SettlementLineKind.FEE: -1,
        SettlementLineKind.FEE_GIVEN_BACK: 1,
        SettlementLineKind.CHARGEBACK_FEE: -1,
        SettlementLineKind.CHARGEBACK_FEE_GIVEN_BACK: 1,
        SettlementLineKind.RESERVE_HELD: -1,
        SettlementLineKind.RESERVE_RELEASED: 1,
        SettlementLineKind.DEPOSIT_DUE: 1,
        SettlementLineKind.DEPOSIT_OWED: -1,
        SettlementLineKind.DEPOSITED: 1,  # into the bank account
        SettlementLineKind.WITHDRAWN: -1,
    }
)

_REFUNDS = frozenset({TransactionKind.REFUND, TransactionKind.ACH_REFUND})


def movement_sign(movement: Movement) -> int:
    """Return the sign of a money movement."""
    return _MOVEMENTS[movement]


def direction_sign(direction: EntryDirection) -> int:
    """Return the sign of an entry that is a receipt or a reversal."""
    return _DIRECTIONS[direction]


def settlement_sign(kind: SettlementLineKind) -> int:
    """Return the sign of a line between gateway and bank."""
    return _SETTLEMENT[kind]


def transaction_sign(kind: TransactionKind) -> int:
    """Return the sign that a transaction's money would have: minus for a refund, plus for anything else."""
    return -1 if kind in _REFUNDS else 1
