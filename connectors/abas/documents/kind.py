"""What a document kind is: how a command becomes abas' values, and a document found in abas our outcome.

For the sink, which knows no kind by name. A kind decides nothing about tables or fields: roles are named here,
their fields in the mapping profile under posting.documents.<name>.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from connectors.abas.mapping import PostedDocument, to_date_text, to_decimal_text
from connectors.abas.profile import Profile, Role
from schemas.records.erp import (
    CashReceiptPosted,
    CashReceiptReversed,
    PostCashReceipt,
    PostOnAccountReceipt,
    PostOnAccountRefund,
    PostWriteOff,
    ReverseCashReceipt,
    ReverseWriteOff,
    WriteOffPosted,
    WriteOffReversed,
)

Command = (
    PostCashReceipt | PostOnAccountReceipt | PostOnAccountRefund | ReverseCashReceipt | PostWriteOff | ReverseWriteOff
)
PostedOutcome = CashReceiptPosted | CashReceiptReversed | WriteOffPosted | WriteOffReversed
CommandT = TypeVar(
    "CommandT",
    PostCashReceipt,
    PostOnAccountReceipt,
    PostOnAccountRefund,
    ReverseCashReceipt,
    PostWriteOff,
    ReverseWriteOff,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentKind(Generic[CommandT]):
    """One kind of document.

    name:     its entry in the profile's posting.documents.
    values:   command, original document (when there is one) and profile -> what to set, by role.
    outcome:  command and the document in abas -> our record, a pure function of the two.
    original: the reference of the document that this one takes back; None for a document that stands alone.
    """

    name: str
    values: Callable[[CommandT, PostedDocument | None, Profile], Mapping[Role, str]]
    outcome: Callable[[CommandT, PostedDocument], PostedOutcome]
    original: Callable[[CommandT], str | None]


def common_values(command: Command, profile: Profile, kind_name: str) -> dict[Role, str]:
    """Write what every document has, by role.

    Ensures: the amount carries the sign that the profile gives this kind.
    """
    sign = -1 if profile.posting.documents[kind_name].amount_sign == "negative" else 1
    return {
        "posting_reference": command.posting_reference,
        "paytrace_transaction_id": command.paytrace_transaction_id,
        "customer_number": command.abas_customer_id,
        "amount": to_decimal_text(sign * command.amount_minor, command.currency, profile.formats),
        "currency": command.currency,
        "value_on": to_date_text(command.value_on, profile.formats),
    }


def item_values(command: PostCashReceipt | ReverseCashReceipt | PostWriteOff | ReverseWriteOff) -> dict[Role, str]:
    """Write which open item a document is for, by role; nothing for the reversal of a receipt on account."""
    if not command.abas_open_item_id:
        return {}
    return {"open_item": command.abas_open_item_id, "invoice_number": command.invoice_number}


def reversal_values(
    command: ReverseCashReceipt | ReverseWriteOff, original: PostedDocument | None, profile: Profile, kind_name: str
) -> dict[Role, str]:
    """Write what every reversal has, by role: the document that it takes back, as far as abas holds it."""
    values: dict[Role, str] = {
        **common_values(command, profile, kind_name),
        **item_values(command),
        "reverses_reference": command.reverses_reference,
    }
    if original is not None:
        values["reverses_document"] = original.id
    return values


def reversed_reference(command: ReverseCashReceipt | ReverseWriteOff) -> str:
    """Name the document that a reversal takes back, by our reference."""
    return command.reverses_reference


def told(command: Command, document: PostedDocument) -> dict[str, Any]:
    """Fields that every outcome has: what abas holds, and whose it is. Units: amount_minor without sign."""
    return {
        "posting_reference": document.posting_reference,
        "paytrace_transaction_id": document.paytrace_transaction_id,
        "abas_customer_id": command.abas_customer_id,
        "amount_minor": abs(document.amount_minor),
        "currency": document.currency,
        "abas_document_id": document.id,
        "abas_document_number": document.number,
        "occurred_at": document.created_at,
    }


def receipt_posted(command: PostCashReceipt | PostOnAccountReceipt, document: PostedDocument) -> CashReceiptPosted:
    """Tell a receipt that abas holds, with an open item or on account."""
    return CashReceiptPosted(**told(command, document))


def stands_alone(_command: Command) -> None:
    """Name no original: the document takes none back."""
    return
