"""Our codes in words, for people: why money waits or breaks, what happened, what was decided.

One table for the console, the demo and the commands that tell in words. Files and `saldo report` keep the codes, by
which programs and questions choose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# What a code alone does not say a person of finance; every other code is read as the words that it is made of.
WORDS: Mapping[str, str] = {
    # why money waits
    "NO_REFERENCE": "names no customer and no invoice",
    "REFERENCE_UNKNOWN": "names what abas does not know",
    "REFERENCE_AMBIGUOUS": "what it names belongs to several customers",
    "NO_OPEN_ITEM": "no open item fits",
    "AMOUNT_DIFFERS": "amount differs from what is open",
    "SEVERAL_OPEN_ITEMS": "several open items fit",
    "CURRENCY_DIFFERS": "paid in another currency than is open",
    "RULED_OUT_BY_PERSON": "a person ruled out an open item; what is left is for a person too",
    "RECEIPT_NOT_POSTED": "its receipt is not in abas yet",
    "REFUND_WITHOUT_PAYMENT": "its payment is not certain",
    "AMOUNT_INCREASED_AFTER_POSTING": "the amount grew after posting",
    "POSTING_REFUSED": "abas refused the posting",
    "ACCOUNT_UNMAPPED": "the mapping has no account for it",
    "RISK_UNANSWERED": "rules of risk have not answered yet",
    "RISK_HELD": "held by rules of risk",
    "POSTING_IN_PROGRESS": "is being posted",
    "NO_RATE_YOUNG_ENOUGH": "no exchange rate is young enough",
    # what of PayTrace's words can't be read
    "STATUS_UNKNOWN": "PayTrace's status is not one that we know",
    "KIND_UNKNOWN": "PayTrace's kind is not one that we know",
    "AMOUNT_UNREADABLE": "its amount can't be read",
    "ROW_UNREADABLE": "its row at PayTrace can't be read",
    "CHARGEBACK_NOT_BOOKED": "a dispute moved money that is not booked in abas yet",
    "CHARGEBACK_OF_UNKNOWN_PAYMENT": "charged back, but nobody saw the payment captured",
    "CHARGEBACK_NAMES_NO_PAYMENT": "charged back, but the dispute names no payment",
    # what happens in a dispute
    "DEBITED": "charged back",
    "CREDITED": "chargeback reversed",
    "OPENED": "dispute opened",
    "CLOSED": "closed without chargeback",
    "SECOND_CHARGEBACK": "second chargeback",
    "EVIDENCE_SUBMITTED": "evidence submitted",
    # why nothing explains a deposit
    "NO_RECORDS": "no settled money is open",
    "BATCH_UNKNOWN": "the batch is not known",
    "BATCH_INCOMPLETE": "lines of the batch are missing",
    "DIFFERENCE_IS_NO_FEE": "the difference is no fee that is known",
    "SEVERAL_WAYS": "several sets of lines fit",
    "NOTHING_NEAR": "no sum of open lines comes near it",
    "REJECTED": "an operator turned the match down",
    "TOO_MANY_LINES": "more lines than one match may have",
    "ID_USED_TWICE": "its id stands for another line already",
    "NO_DEPOSIT": "no deposit has paid it out",
    "DEPOSIT_UNKNOWN": "the deposit that it names is not reported",
    "REPORT_DIFFERS": "the report of its deposit says something else",
    "FEE_TOO_LARGE": "the bank's fee is greater than the deposit",
    # what abas made of it
    "cash_receipt": "receipt posted",
    "cash_receipt_reversal": "receipt reversed",
    "on_account_receipt": "receipt posted on account",
    "on_account_receipt_reversal": "receipt on account reversed",
    "on_account_refund": "refund posted on account",
    "DocumentRefused": "refused by abas",
    # what was decided
    "ON_ACCOUNT": "put on account",
    "REFUND_ON_ACCOUNT": "put a refund on account",
    "HAND_OVER": "hand over to finance",
    "REASSIGN": "reassign to another customer",
}
# What a person can do about a transaction that PayTrace holds in words or amounts that can't be read.
UNRECOGNIZED_REMEDY = (
    "look it up in PayTrace; it goes on by itself when PayTrace says more. If PayTrace says no more, write the "
    'observation as you read it: saldo write payments.observations.v1 (docs/paytrace.md, "What can\'t be read")'
)
_CODE = re.compile(r"^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")
_NAME = re.compile(r"^(?:[A-Z][a-z0-9]+){2,}$")
_PARTS = re.compile(r"[A-Z][a-z0-9]+")


def in_words(code: str) -> str:
    """Return a code as people say it: from the table, else the words in the code itself; any other text as it is."""
    if code in WORDS:
        return WORDS[code]
    if _CODE.match(code):
        return code.lower().replace("_", " ")
    return " ".join(_PARTS.findall(code)).lower() if _NAME.match(code) else code
