"""The write-off: what is left of a paid open item is given up. No money moves, so it is no receipt."""

from collections.abc import Mapping

from connectors.abas.documents.kind import DocumentKind, common_values, item_values, stands_alone, told
from connectors.abas.mapping import PostedDocument
from connectors.abas.profile import Profile, Role
from schemas.records.erp import PostWriteOff, WriteOffPosted

_NAME = "write_off"
_REASON_CHARACTERS = 60  # what the field holds in the sandbox; the whole text stays in our journal


def _values(command: PostWriteOff, original: PostedDocument | None, profile: Profile) -> Mapping[Role, str]:
    return {
        **common_values(command, profile, _NAME),
        **item_values(command),
        "reason": command.reason[:_REASON_CHARACTERS],
    }


def _outcome(command: PostWriteOff, document: PostedDocument) -> WriteOffPosted:
    return WriteOffPosted(**told(command, document))


WRITE_OFF: DocumentKind[PostWriteOff] = DocumentKind(
    name=_NAME, values=_values, outcome=_outcome, original=stands_alone
)
