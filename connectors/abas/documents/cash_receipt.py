"""The cash receipt: money of a customer that clears an open item, in part or in whole."""

from collections.abc import Mapping

from connectors.abas.documents.kind import DocumentKind, common_values, item_values
from connectors.abas.mapping import PostedDocument
from connectors.abas.profile import Profile, Role
from schemas.records.erp import CashReceiptPosted, PostCashReceipt

_NAME = "cash_receipt"


def _values(command: PostCashReceipt, original: PostedDocument | None, profile: Profile) -> Mapping[Role, str]:
    return {
        **common_values(command, profile, _NAME),
        **item_values(command),
        "method": profile.posting.methods[command.method],
    }


def _outcome(command: PostCashReceipt, document: PostedDocument) -> CashReceiptPosted:
    return CashReceiptPosted(
        posting_reference=document.posting_reference,
        paytrace_transaction_id=document.paytrace_transaction_id,
        abas_customer_id=command.abas_customer_id,
        amount_minor=abs(document.amount_minor),
        currency=document.currency,
        abas_document_id=document.id,
        abas_document_number=document.number,
        occurred_at=document.created_at,
    )


def _original(command: PostCashReceipt) -> None:
    return None


CASH_RECEIPT: DocumentKind[PostCashReceipt] = DocumentKind(
    name=_NAME, values=_values, outcome=_outcome, original=_original
)
