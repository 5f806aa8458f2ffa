"""The document kinds that the sink can post, counted in one place: a new kind is one file and one line here."""

from connectors.abas.documents.cash_receipt import CASH_RECEIPT
from connectors.abas.documents.receipt_reversal import RECEIPT_REVERSAL

__all__ = ["CASH_RECEIPT", "RECEIPT_REVERSAL"]
