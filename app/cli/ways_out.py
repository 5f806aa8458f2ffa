"""Which commands move money that waits, as a terminal takes them (projections/reports/ways_out.py says which).

A row of `waiting_with_candidates` is listed only if a person can move it; what waits for abas alone is not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from projections.reports.ways_out import ASSIGN, REMEDIES, ways_out

if TYPE_CHECKING:
    from projections.reports.questions import Answer


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

    What no command moves has what a person does instead.
    """
    if row["waits_in"] in REMEDIES:
        return [REMEDIES[row["waits_in"]]]
    reference, payment = row["posting_reference"], row["paytrace_transaction_id"]
    return [_SHAPES[name].format(reference=reference, payment=payment) for name in ways_out(row)]


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
    "release-hold": "saldo decide release-hold {payment} --why ...",
    ASSIGN: "saldo decide assign-customer {payment} CUSTOMER --why ...",
}
