"""The reversal of a cash receipt: a refund, a void after posting or an ACH return takes money back.

Booked as a new document that points at the receipt; a posted record is never edited or deleted.
"""

from collections.abc import Mapping

from connectors.abas.documents.kind import DocumentKind, reversal_values, reversed_reference, told
from connectors.abas.mapping import PostedDocument
from connectors.abas.profile import Profile, Role
from schemas.records.erp import CashReceiptReversed, ReverseCashReceipt

_NAME = "receipt_reversal"


def _values(command: ReverseCashReceipt, original: PostedDocument | None, profile: Profile) -> Mapping[Role, str]:
    return {
        **reversal_values(command, original, profile, _NAME),
        "method": profile.posting.methods[command.method],
        "reason": profile.posting.reasons[command.reason],
    }


def _outcome(command: ReverseCashReceipt, document: PostedDocument) -> CashReceiptReversed:
    return CashReceiptReversed(**told(command, document), reverses_reference=command.reverses_reference)


RECEIPT_REVERSAL: DocumentKind[ReverseCashReceipt] = DocumentKind(
    name=_NAME, values=_values, outcome=_outcome, original=reversed_reference
)
