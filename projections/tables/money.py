"""Which way a record moves money, as the bridge counts it: plus is money that abas must come to hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from schemas.documents import payer_money_sign
from schemas.records.erp import PostDocument
from schemas.records.identification import Movement, PaymentIdentified, PaymentPassedOn, PaymentToIdentify
from schemas.records.receivables import EntryDirection, EntryMoved
from schemas.records.settlement import SettlementLineKind
from schemas.topic import Topic


def movement_sign(movement: Movement) -> int:
    """+1 for money in, -1 for money out; 0 for a movement this version has no word for, so it never counts."""
    match movement:
        case Movement.CAPTURED | Movement.AMOUNT_INCREASED | Movement.REFUND_VOIDED:
            return 1
        case Movement.AMOUNT_DECREASED | Movement.VOIDED | Movement.RETURNED | Movement.REFUNDED:
            return -1
        case Movement.UNKNOWN:
            return 0
        case _:
            assert_never(movement)


def direction_sign(direction: EntryDirection) -> int:
    """+1 for a receipt, -1 for a reversal; 0 for a write-off and for a direction this version has no word for."""
    match direction:
        case EntryDirection.RECEIPT:
            return 1
        case EntryDirection.REVERSAL:
            return -1
        case EntryDirection.NONE | EntryDirection.UNKNOWN:
            return 0
        case _:
            assert_never(direction)


# Term of the deposit bridge and sign of each kind of line; plus is money towards us, and a deposit is money that came.
_SETTLEMENT: Mapping[SettlementLineKind, tuple[str, int]] = {
    SettlementLineKind.UNKNOWN: ("", 0),
    SettlementLineKind.CAPTURED: ("captured", 1),
    SettlementLineKind.AMOUNT_INCREASED: ("captured", 1),
    SettlementLineKind.AMOUNT_DECREASED: ("captured", -1),
    SettlementLineKind.VOIDED: ("captured", -1),
    SettlementLineKind.RETURNED: ("returned", -1),
    SettlementLineKind.REFUNDED: ("refunded", -1),
    SettlementLineKind.REFUND_VOIDED: ("refunded", 1),
    SettlementLineKind.CHARGED_BACK: ("charged_back", -1),
    SettlementLineKind.CHARGEBACK_REVERSED: ("charged_back", 1),
    SettlementLineKind.FEE: ("fees", -1),
    SettlementLineKind.RESERVE_HELD: ("reserve", -1),
    SettlementLineKind.RESERVE_RELEASED: ("reserve", 1),
    SettlementLineKind.DEPOSITED: ("deposited", 1),
    SettlementLineKind.WITHDRAWN: ("deposited", -1),
}


def settlement_term(kind: SettlementLineKind) -> str:
    """Term of the deposit bridge that a line belongs to; empty for a kind this version has no word for."""
    return _SETTLEMENT[kind][0]


def settlement_sign(kind: SettlementLineKind) -> int:
    """+1 for money towards us or into the bank account, -1 the other way; 0 for a kind we have no word for."""
    return _SETTLEMENT[kind][1]


def parked_money(inbox: str, record: Any) -> int:
    """Signed minor units that stand still while this record is parked in this inbox; 0 when it carries no money.

    Only the records that bring money to a context count. An outcome parked on its way back to receivables does not:
    its money is already counted as posted or as a posting in progress.
    """
    match inbox, record:
        case (str(topic), PaymentToIdentify() | PaymentPassedOn()) if topic == Topic.IDENTIFICATION_INBOX:
            return movement_sign(record.movement) * record.amount_minor
        case (str(topic), PaymentIdentified()) if topic == Topic.RECEIVABLES_INBOX:
            return movement_sign(record.movement) * record.amount_minor
        case (str(topic), PostDocument()) if topic == Topic.ERP_COMMANDS:
            return payer_money_sign(record.kind) * record.lines[0].amount_minor
        case (str(topic), EntryMoved()) if topic == Topic.RECEIVABLES_INBOX:
            return direction_sign(record.direction) * int(record.amount_minor)
        case _:
            return 0
