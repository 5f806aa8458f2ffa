"""How a reference that a payer or an ERP wrote becomes a token that both sides can be compared by.

Part of the contract, because the edges that tell references and the agent that compares them must agree to the letter.
"""

from __future__ import annotations

import hashlib

NO_REFERENCE = "none:"
_DIGEST_LENGTH = 16
# What a reference token begins with; one that begins otherwise would be asked for by no payment, ever.
CARD = "card:"  # the last four digits of a card, at one merchant account
TOKEN_PREFIXES = ("vault:", "invoice:", "order:", CARD, NO_REFERENCE)
REFERENCE_REMEDY = (
    "begin it with what it is, as payments ask for it: invoice:RE-100451 (an invoice number), order:SO-4711 (a sales "
    "order), vault:acme-inc (a customer of PayTrace's vault)"
)


def is_token(text: str) -> bool:
    """Return whether a text is a reference token: a known prefix with something behind it."""
    return any(text.startswith(prefix) and text[len(prefix) :].strip() for prefix in TOKEN_PREFIXES)


def normalised_invoice(text: str | None) -> str | None:
    """Return an invoice number as it is compared: without blanks around it, in capitals; None when nothing is left."""
    number = (text or "").strip().upper()
    return number or None


def invoice_token(number: str) -> str:
    """Return the token of an invoice; number must not be blank."""
    return f"invoice:{normalised_invoice(number)}"


def vault_token(customer_id: str) -> str:
    """Return the token of a customer of PayTrace's vault."""
    return f"vault:{customer_id.strip()}"


def order_token(number: str) -> str:
    """Return the token of a sales order; number must not be blank."""
    return f"order:{normalised_invoice(number)}"


def card_token(settlement_account: str, last_four: str | None) -> str | None:
    """Return the token of a card by its last four digits; None where they are not known."""
    return f"{CARD}{settlement_account}/{last_four}" if last_four else None


def card_digest(merchant: str, last_four: str) -> str:
    """Return what stands for a card in risk; it hides no more than the last four digits, which the log has already."""
    return hashlib.sha256(f"{merchant}|{last_four}".encode()).hexdigest()[:_DIGEST_LENGTH]


_SHOP_REQUEST = "shop:"


def payment_token(paytrace_transaction_id: str) -> str:
    """Return the key under which a payment decides whose it is; no reference, and never asked."""
    return f"payment:{paytrace_transaction_id}"


def tokens_of(
    paytrace_transaction_id: str,
    vault_customer_id: str | None,
    invoice_number: str | None,
    customer_reference: str | None = None,
    refunded_card: str | None = None,
) -> tuple[str, ...]:
    """Return the reference tokens of a payment in order of priority.

    Shapes:  vault customer, invoice, the same number as an order's, because a shop writes its order number where an
             invoice goes, each of several invoices with commas between, and the number that the payer or shop gave as
             its own, which is an order's too; of a refund last that of its card; a payment that names nothing gets a
             token of its own.
    Ensures: never empty, so each payment waits somewhere; no token twice.
    """
    vault = (vault_customer_id or "").strip()
    invoice, order = normalised_invoice(invoice_number), normalised_invoice(customer_reference)
    tokens = (
        vault_token(vault) if vault else "",
        invoice_token(invoice) if invoice else "",
        order_token(invoice) if invoice else "",
        *(invoice_token(one) for one in (invoice or "").split(",") if one.strip() and one != invoice),
        order_token(order) if order else "",
        refunded_card,
    )
    return tuple(dict.fromkeys(filter(None, tokens))) or (f"{NO_REFERENCE}{paytrace_transaction_id}",)


def shop_request_id(shop_order: str, what: str) -> str:
    """Return the id of a payment request that an order of a shop makes; no id of an ERP record begins so."""
    return f"{_SHOP_REQUEST}{shop_order}:{what}"


def order_of_request(payment_request_id: str) -> str | None:
    """Return the order of a shop that made a payment request; None for one of people at abas."""
    if not payment_request_id.startswith(_SHOP_REQUEST):
        return None
    return payment_request_id.removeprefix(_SHOP_REQUEST).partition(":")[0]
