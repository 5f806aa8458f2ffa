"""The receipt on account: money of a customer that clears no open item yet, because a person said so."""

from collections.abc import Mapping

from connectors.abas.documents.kind import DocumentKind, common_values, receipt_posted, stands_alone
from connectors.abas.mapping import PostedDocument
from connectors.abas.profile import Profile, Role
from schemas.records.erp import PostOnAccountReceipt

_NAME = "on_account_receipt"


def _values(command: PostOnAccountReceipt, original: PostedDocument | None, profile: Profile) -> Mapping[Role, str]:
    return {**common_values(command, profile, _NAME), "method": profile.posting.methods[command.method]}


ON_ACCOUNT_RECEIPT: DocumentKind[PostOnAccountReceipt] = DocumentKind(
    name=_NAME, values=_values, outcome=receipt_posted, original=stands_alone
)
