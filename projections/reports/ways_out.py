"""Which decisions move money that waits: one answer for `saldo waiting`, the workbench, the documents and the tests.

A row is one of `waiting_with_candidates`. What waits for abas alone, no decision moves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from projections.reports.words import UNRECOGNIZED_REMEDY

ASSIGN: Final = "assign-customer"
# What no decision moves, because PayTrace or the processor has to speak first, has what a person does instead.
REMEDIES: Final[Mapping[str, str]] = {
    "payments": UNRECOGNIZED_REMEDY,
    "disputes": "the ledger books it (saldo report trial_balance); book nothing by hand that stands there. It shows "
    "here until the dispute is won",
}
_UNMATCHES = re.compile(r"U\d+$")
_VOIDS_A_REFUND = re.compile(r"V(-\d+)?(S\d+)*$")
_OF_RISK: Final[Mapping[str, list[str]]] = {"RISK_HELD": ["release-hold"], "RISK_UNANSWERED": []}
_REASONS_OF_ABAS = frozenset({"POSTING_IN_PROGRESS"})


def ways_out(row: Mapping[str, Any]) -> list[str]:
    """Return the decisions that move this row, as `saldo decide` calls them, likeliest first; none if abas is next."""
    reference = row["posting_reference"]
    if row["waits_in"] == "identification":
        return _OF_RISK.get(row["reason"], [ASSIGN])
    if row["waits_in"] != "receivables" or row["reason"] in _REASONS_OF_ABAS:
        return []
    takes_back = str(row["signed"]).startswith("-")
    names = _of_reversal(row["reason"], reference) if takes_back else _of_receipt(row)
    # What belongs to another transaction's payment goes with that payment.
    is_own = row["reason"] == "REFUND_WITHOUT_PAYMENT" if takes_back else not _VOIDS_A_REFUND.search(reference)
    return [*names, *([ASSIGN] if names and is_own else [])]


def _of_receipt(row: Mapping[str, Any]) -> list[str]:
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
