"""The receipt on account: money of a customer that clears no open item yet, because a person said so."""

from collections.abc import Mapping

from connectors.abas.documents.kind import DocumentKind, common_values
from connectors.abas.mapping import PostedDocument
from connectors.abas.profile import Profile, Role
from schemas.records.erp import CashReceiptPosted, PostOnAccountReceipt

_NAME = "on_account_receipt"


def _values(command: PostOnAccountReceipt, original: PostedDocument | None, profile: Profile) -> Mapping[Role, str]:
    return {**common_values(command, profile, _NAME), "method": profile.posting.methods[command.method]}


def _outcome(command: PostOnAccountReceipt, document: PostedDocument) -> CashReceiptPosted:
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


def _original(command: PostOnAccountReceipt) -> None:
    return None


ON_ACCOUNT_RECEIPT: DocumentKind[PostOnAccountReceipt] = DocumentKind(
    name=_NAME, values=_values, outcome=_outcome, original=_original
)
