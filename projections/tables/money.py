"""How much money a record holds, as the bridges count it: plus is money that abas must come to hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.documents import payer_money_sign
from schemas.records.erp import PostDocument
from schemas.records.identification import PaymentIdentified, PaymentPassedOn, PaymentToIdentify
from schemas.records.receivables import EntryMoved
from schemas.records.settlement import SettlementLineKind
from schemas.signs import direction_sign, movement_sign
from schemas.topic import Topic

# Term of the deposit bridge that each kind of line belongs to; its sign is in schemas/signs.py.
_TERMS: Mapping[SettlementLineKind, str] = {
    SettlementLineKind.UNKNOWN: "",
    SettlementLineKind.CAPTURED: "captured",
    SettlementLineKind.AMOUNT_INCREASED: "captured",
    SettlementLineKind.AMOUNT_DECREASED: "captured",
    SettlementLineKind.VOIDED: "captured",
    SettlementLineKind.RETURNED: "returned",
    SettlementLineKind.REFUNDED: "refunded",
    SettlementLineKind.REFUND_VOIDED: "refunded",
    SettlementLineKind.CHARGED_BACK: "charged_back",
    SettlementLineKind.CHARGEBACK_REVERSED: "charged_back",
    SettlementLineKind.FEE: "fees",
    SettlementLineKind.FEE_GIVEN_BACK: "fees",
    SettlementLineKind.CHARGEBACK_FEE: "fees",
    SettlementLineKind.CHARGEBACK_FEE_GIVEN_BACK: "fees",
    SettlementLineKind.RESERVE_HELD: "reserve",
    SettlementLineKind.RESERVE_RELEASED: "reserve",
    SettlementLineKind.DEPOSIT_DUE: "",  # never a line of its own: what is left of others
    SettlementLineKind.DEPOSIT_OWED: "",
    SettlementLineKind.DEPOSITED: "deposited",
    SettlementLineKind.WITHDRAWN: "deposited",
}


def settlement_term(kind: SettlementLineKind) -> str:
    """Term of the deposit bridge that a line belongs to; empty for a kind this version has no word for."""
    return _TERMS[kind]


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
