"""The reversal of a write-off: a person gave up a rest that is owed after all. No money moves.

abas sees what it sees of any reversal, a new document of a negative amount that points at the original, so the two
share one entry of the mapping profile.
"""

from collections.abc import Mapping

from connectors.abas.documents.kind import DocumentKind, reversal_values, reversed_reference, told
from connectors.abas.documents.receipt_reversal import RECEIPT_REVERSAL
from connectors.abas.mapping import PostedDocument
from connectors.abas.profile import Profile, Role
from schemas.records.erp import ReversalReason, ReverseWriteOff, WriteOffReversed

_NAME = RECEIPT_REVERSAL.name


def _values(command: ReverseWriteOff, original: PostedDocument | None, profile: Profile) -> Mapping[Role, str]:
    return {
        **reversal_values(command, original, profile, _NAME),
        "reason": profile.posting.reasons[ReversalReason.CORRECTION],
    }


def _outcome(command: ReverseWriteOff, document: PostedDocument) -> WriteOffReversed:
    return WriteOffReversed(**told(command, document), reverses_reference=command.reverses_reference)


WRITE_OFF_REVERSAL: DocumentKind[ReverseWriteOff] = DocumentKind(
    name=_NAME, values=_values, outcome=_outcome, original=reversed_reference
)
