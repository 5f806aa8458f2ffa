"""The cash receipt: money of a customer that clears an open item, in part or in whole."""

from collections.abc import Mapping

from connectors.abas.documents.kind import DocumentKind, common_values, item_values, receipt_posted, stands_alone
from connectors.abas.mapping import PostedDocument
from connectors.abas.profile import Profile, Role
from schemas.records.erp import PostCashReceipt

_NAME = "cash_receipt"


def _values(command: PostCashReceipt, original: PostedDocument | None, profile: Profile) -> Mapping[Role, str]:
    return {
        **common_values(command, profile, _NAME),
        **item_values(command),
        "method": profile.posting.methods[command.method],
    }


CASH_RECEIPT: DocumentKind[PostCashReceipt] = DocumentKind(
    name=_NAME, values=_values, outcome=receipt_posted, original=stands_alone
)
