"""Which commands move money that waits: one answer for `saldo waiting`, the documents and the tests.

A row of `waiting_with_candidates` is listed only if a person can move it; what waits for abas alone is not.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from projections.reports.words import UNRECOGNIZED_REMEDY

if TYPE_CHECKING:
    from projections.reports.questions import Answer

_UNMATCHES = re.compile(r"U\d+$")
_REMEDIES = {
    "payments": UNRECOGNIZED_REMEDY,
    "disputes": "the ledger books it (saldo report trial_balance); book nothing by hand that stands there. It shows "
    "here until the dispute is won",
}
_VOIDS_A_REFUND = re.compile(r"V(-\d+)?(S\d+)*$")
_REASONS_OF_ABAS = frozenset({"POSTING_IN_PROGRESS"})


def listed(answer: Answer) -> Answer:
    """Return the rows that a command moves, each with its `commands`."""
    reported = [commands(record) for record in answer.records]
    return replace(
        answer,
        columns=(*answer.columns, "commands"),
        types=(*answer.types, "Array(String)"),
        rows=tuple((*row, found) for row, found in zip(answer.rows, reported, strict=True) if found),
    )


def commands(row: dict[str, Any]) -> list[str]:
    """Return the commands that `saldo decide` takes for this row, likeliest first; none while abas has to answer first.

    What no command moves, because PayTrace or the processor has to speak first, has what a person does instead.
    """
    reference, payment = row["posting_reference"], row["paytrace_transaction_id"]
    if row["waits_in"] in _REMEDIES:
        return [_REMEDIES[row["waits_in"]]]
    if row["waits_in"] == "identification":
        return [_assign(payment)]
    if row["waits_in"] != "receivables" or row["reason"] in _REASONS_OF_ABAS:
        return []
    takes_back = str(row["signed"]).startswith("-")
    names = _of_reversal(row["reason"], reference) if takes_back else _of_receipt(row)
    # What belongs to another transaction's payment goes with that payment.
    is_own = row["reason"] == "REFUND_WITHOUT_PAYMENT" if takes_back else not _VOIDS_A_REFUND.search(reference)
    moves = [_assign(payment)] if names and is_own else []
    return [*(_SHAPES[name].format(reference=reference) for name in names), *moves]


def _of_receipt(row: dict[str, Any]) -> list[str]:
    """Return no way out for a receipt that waits for a reversal to be posted.

    Abas answers first, or the reversal is refused.
    """
    if row["reason"] == "POSTING_REFUSED":
        return ["post-again", "unmatch"]
    if row["reason"] == "ACCOUNT_UNMAPPED":
        return ["adopt-mapping"]
    if row["reason"] == "RECEIPT_NOT_POSTED":
        return [] if re.search(r"A\d+$", row["posting_reference"]) else ["on-account"]
    return [*(["confirm"] if row["invoice_numbers"] else []), "split", "on-account"]


def _of_reversal(reason: str, reference: str) -> list[str]:
    hand_over = [] if _UNMATCHES.search(reference) else ["hand-to-finance"]
    match reason:
        case "POSTING_REFUSED":
            return ["post-again", *hand_over]
        case "REFUND_WITHOUT_PAYMENT":
            return ["match-refund", "refund-on-account", *hand_over]
        case _:
            return hand_over


def _assign(payment: str) -> str:
    return f"saldo decide assign-customer {payment} CUSTOMER --why ..."


_SHAPES = {
    "confirm": "saldo decide confirm {reference} CODE --why ...",
    "split": "saldo decide split {reference} INVOICE=AMOUNT ... --why ...",
    "on-account": "saldo decide on-account {reference} --why ...",
    "unmatch": "saldo decide unmatch {reference} --why ...",
    "post-again": "saldo decide post-again {reference} --why ...   (mend the cause in abas first)",
    "match-refund": "saldo decide match-refund {reference} PAYMENT --why ...",
    "refund-on-account": "saldo decide refund-on-account {reference} --why ...",
    "adopt-mapping": "saldo mapping adopt FILE --why ...   (with a line for it)",
    "hand-to-finance": "saldo decide hand-to-finance {reference} --why ...",
}
