"""The reversal of a write-off: a person gave up a rest that is owed after all. No money moves.

abas sees what it sees of any reversal, a new document of a negative amount that points at the original, so the two
share one entry of the mapping profile.
"""

from collections.abc import Mapping

from connectors.abas.documents.kind import DocumentKind, common_values, item_values
from connectors.abas.documents.receipt_reversal import RECEIPT_REVERSAL
from connectors.abas.mapping import PostedDocument
from connectors.abas.profile import Profile, Role
from schemas.records.erp import ReversalReason, ReverseWriteOff, WriteOffReversed

_NAME = RECEIPT_REVERSAL.name


def _values(command: ReverseWriteOff, original: PostedDocument | None, profile: Profile) -> Mapping[Role, str]:
    values: dict[Role, str] = {
        **common_values(command, profile, _NAME),
        **item_values(command),
        "reverses_reference": command.reverses_reference,
        "reason": profile.posting.reasons[ReversalReason.CORRECTION],
    }
    if original is not None:
        values["reverses_document"] = original.id
    return values


def _outcome(command: ReverseWriteOff, document: PostedDocument) -> WriteOffReversed:
    return WriteOffReversed(
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


def _original(command: ReverseWriteOff) -> str:
    return command.reverses_reference


WRITE_OFF_REVERSAL: DocumentKind[ReverseWriteOff] = DocumentKind(
    name=_NAME, values=_values, outcome=_outcome, original=_original
)
