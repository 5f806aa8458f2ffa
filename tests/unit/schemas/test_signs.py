"""Signs of money: each word has one, and rules and tables read the same."""

from __future__ import annotations

from schemas.records.identification import Movement
from schemas.records.payments import TransactionKind
from schemas.records.receivables import EntryDirection
from schemas.records.settlement import SettlementLineKind
from schemas.signs import direction_sign, movement_sign, settlement_sign, transaction_sign
from streams.domain.settlement.books import PAYMENT_KINDS


def test_every_movement_and_direction_has_a_sign() -> None:
    assert {movement.value: movement_sign(movement) for movement in Movement} == {
        "UNKNOWN": 0,
        "CAPTURED": 1,
        "AMOUNT_INCREASED": 1,
        "REFUND_VOIDED": 1,
        "AMOUNT_DECREASED": -1,
        "VOIDED": -1,
        "RETURNED": -1,
        "REFUNDED": -1,
        "CHARGED_BACK": -1,
        "CHARGEBACK_REVERSED": 1,
        "CHARGEBACK_LOST": 0,
        "CHARGEBACK_LOST_REVERSED": 0,
    }
    assert {direction: direction_sign(direction) for direction in EntryDirection} == {
        EntryDirection.UNKNOWN: 0,
        EntryDirection.RECEIPT: 1,
        EntryDirection.REVERSAL: -1,
        EntryDirection.NONE: 0,
    }


def test_every_kind_of_settlement_line_has_a_sign() -> None:
    assert {kind: settlement_sign(kind) for kind in SettlementLineKind if kind not in PAYMENT_KINDS} == {
        SettlementLineKind.UNKNOWN: 0,
        SettlementLineKind.CHARGED_BACK: -1,
        SettlementLineKind.CHARGEBACK_REVERSED: 1,
        SettlementLineKind.FEE: -1,
        SettlementLineKind.FEE_GIVEN_BACK: 1,
        SettlementLineKind.CHARGEBACK_FEE: -1,
        SettlementLineKind.CHARGEBACK_FEE_GIVEN_BACK: 1,
        SettlementLineKind.RESERVE_HELD: -1,
        SettlementLineKind.RESERVE_RELEASED: 1,
        SettlementLineKind.DEPOSIT_DUE: 1,
        SettlementLineKind.DEPOSIT_OWED: -1,
        SettlementLineKind.DEPOSITED: 1,
        SettlementLineKind.WITHDRAWN: -1,
    }
    assert {kind.value: settlement_sign(kind) for kind in PAYMENT_KINDS} == {
        movement.value: movement_sign(movement)
        for movement in Movement
        if movement_sign(movement) and movement not in (Movement.CHARGED_BACK, Movement.CHARGEBACK_REVERSED)
    }


def test_a_refund_is_money_away() -> None:
    assert {kind for kind in TransactionKind if transaction_sign(kind) < 0} == {
        TransactionKind.REFUND,
        TransactionKind.ACH_REFUND,
    }
