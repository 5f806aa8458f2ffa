"""How a reference that a payer wrote becomes a token that two sides can be compared by."""

from __future__ import annotations

NO_REFERENCE = "none:"


def normalised_invoice(text: str | None) -> str | None:
    """An invoice number as it is compared: without blanks around it, in capitals; None when nothing is left."""
    number = (text or "").strip().upper()
    return number or None


def tokens_of(
    paytrace_transaction_id: str, vault_customer_id: str | None, invoice_number: str | None
) -> tuple[str, ...]:
    """The reference tokens of a payment in the order in which they are asked.

    Shapes:  (1,) or (2,): vault customer, then invoice; a payment that names neither gets a token of its own,
             under which an operator can name the payer.
    Ensures: never empty, so each payment waits somewhere.
    """
    vault = (vault_customer_id or "").strip()
    invoice = normalised_invoice(invoice_number)
    tokens = ((f"vault:{vault}",) if vault else ()) + ((f"invoice:{invoice}",) if invoice else ())
    return tokens or (f"{NO_REFERENCE}{paytrace_transaction_id}",)
