"""The document kinds that the sink can post, counted in one place: a new kind is one file and one line here."""

from connectors.abas.documents.cash_receipt import CASH_RECEIPT
from connectors.abas.documents.on_account_receipt import ON_ACCOUNT_RECEIPT
from connectors.abas.documents.on_account_refund import ON_ACCOUNT_REFUND
from connectors.abas.documents.receipt_reversal import RECEIPT_REVERSAL
from connectors.abas.documents.write_off import WRITE_OFF
from connectors.abas.documents.write_off_reversal import WRITE_OFF_REVERSAL

__all__ = [
    "CASH_RECEIPT",
    "ON_ACCOUNT_RECEIPT",
    "ON_ACCOUNT_REFUND",
    "RECEIPT_REVERSAL",
    "WRITE_OFF",
    "WRITE_OFF_REVERSAL",
]
