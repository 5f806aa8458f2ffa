"""The reversal of a cash receipt: a refund, a void after posting or an ACH return takes money back.

Booked as a new document that points at the receipt; a posted record is never edited or deleted.
"""

from collections.abc import Mapping

from connectors.abas.documents.kind import DocumentKind, common_values, item_values
from connectors.abas.mapping import PostedDocument
from connectors.abas.profile import Profile, Role
from schemas.records.erp import CashReceiptReversed, ReverseCashReceipt

_NAME = "receipt_reversal"


def _values(command: ReverseCashReceipt, original: PostedDocument | None, profile: Profile) -> Mapping[Role, str]:
    values: dict[Role, str] = {
        **common_values(command, profile, _NAME),
        **item_values(command),
        "method": profile.posting.methods[command.method],
        "reverses_reference": command.reverses_reference,
        "reason": profile.posting.reasons[command.reason],
    }
    if original is not None:
        values["reverses_document"] = original.id
    return values


def _outcome(command: ReverseCashReceipt, document: PostedDocument) -> CashReceiptReversed:
    return CashReceiptReversed(
        posting_reference=document.posting_reference,
        paytrace_transaction_id=document.paytrace_transaction_id,
        abas_customer_id=command.abas_customer_id,
        reverses_reference=command.reverses_reference,
        amount_minor=abs(document.amount_minor),
        currency=document.currency,
        abas_document_id=document.id,
        abas_document_number=document.number,
        occurred_at=document.created_at,
    )


def _original(command: ReverseCashReceipt) -> str:
    return command.reverses_reference


RECEIPT_REVERSAL: DocumentKind[ReverseCashReceipt] = DocumentKind(
    name=_NAME, values=_values, outcome=_outcome, original=_original
)
