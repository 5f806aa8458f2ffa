"""What the sandbox answers when it refuses: error numbers with their texts, several at once.

Numbers below 99001 are PayTrace's own; the range from 99001 is ours, where no public source names a number.
"""

from __future__ import annotations

from typing import Final

CUSTOMER_NOT_FOUND: Final = "30"
BAD_CARD_NUMBER: Final = "35"
BAD_EXPIRATION_MONTH: Final = "43"
BAD_EXPIRATION_YEAR: Final = "44"
BAD_ACCOUNT_NUMBER: Final = "45"
BAD_ROUTING_NUMBER: Final = "46"
BAD_TRANSACTION_ID: Final = "58"
BAD_CHECK_ID: Final = "80"
CUSTOMER_NOT_UNIQUE: Final = "171"
NOT_SETTLED: Final = "817"
ALREADY_SETTLED: Final = "818"
REFUND_ABOVE_SALE: Final = "99001"
CAPTURE_ABOVE_AUTHORIZATION: Final = "99002"
NOT_AN_OPEN_AUTHORIZATION: Final = "99003"
NOT_VOIDABLE: Final = "99004"
BAD_AMOUNT: Final = "99005"
BAD_DATE: Final = "99006"
BAD_RECURRENCE: Final = "99007"

TEXTS: Final = {
    BAD_CARD_NUMBER: "Please provide a valid Credit Card Number.",
    BAD_EXPIRATION_MONTH: "Please provide a valid Expiration Month.",
    BAD_EXPIRATION_YEAR: "Please provide a valid Expiration Year.",
    BAD_ACCOUNT_NUMBER: "Please provide a valid Checking Account Number.",
    BAD_ROUTING_NUMBER: "Please provide a valid Transit Routing Number.",
    BAD_TRANSACTION_ID: "Please provide a valid Transaction ID.",
    BAD_CHECK_ID: "The Check ID that you provided was not found in the PayTrace record.",
    CUSTOMER_NOT_UNIQUE: "Please provide a unique customer ID.",
    NOT_SETTLED: (
        "The Transaction ID that you provided could not be refunded. Only settled transactions can be refunded.  "
        "Please try to void the transaction instead."
    ),
    ALREADY_SETTLED: "The Transaction ID that you provided could not be voided because it is already settled.",
    REFUND_ABOVE_SALE: "The refund is larger than what is left of the sale.",
    CAPTURE_ABOVE_AUTHORIZATION: "The capture is larger than the authorization.",
    NOT_AN_OPEN_AUTHORIZATION: "The Transaction ID that you provided is not an open authorization.",
    NOT_VOIDABLE: "The Transaction ID that you provided cannot be voided.",
    BAD_AMOUNT: "Please provide a valid Amount.",
    BAD_DATE: "Please provide a valid date range.",
    BAD_RECURRENCE: "Please provide a valid recurring payment.",
}


class Rejected(Exception):
    """The request is refused; errors maps each number to its text."""

    def __init__(self, *numbers: str, **texts: str) -> None:
        self.errors: dict[str, list[str]] = {number: [TEXTS[number]] for number in numbers}
        self.errors |= {number.removeprefix("e"): [text] for number, text in texts.items()}
        super().__init__(", ".join(self.errors))


def customer_not_found(customer_id: str) -> Rejected:
    """Error 30 names the customer."""
    return Rejected(**{f"e{CUSTOMER_NOT_FOUND}": f"Customer ID, {customer_id}, was not found or is incomplete."})
