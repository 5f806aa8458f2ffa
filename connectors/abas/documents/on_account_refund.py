"""The refund on account: money that went back to a customer and takes no receipt back, because a person said so."""

from collections.abc import Mapping

from connectors.abas.documents.kind import DocumentKind, common_values, stands_alone, told
from connectors.abas.mapping import PostedDocument
from connectors.abas.profile import Profile, Role
from schemas.records.erp import CashReceiptReversed, PostOnAccountRefund

_NAME = "on_account_refund"


def _values(command: PostOnAccountRefund, original: PostedDocument | None, profile: Profile) -> Mapping[Role, str]:
    return {**common_values(command, profile, _NAME), "method": profile.posting.methods[command.method]}


def _outcome(command: PostOnAccountRefund, document: PostedDocument) -> CashReceiptReversed:
    return CashReceiptReversed(**told(command, document), reverses_reference="")


ON_ACCOUNT_REFUND: DocumentKind[PostOnAccountRefund] = DocumentKind(
    name=_NAME, values=_values, outcome=_outcome, original=stands_alone
)
