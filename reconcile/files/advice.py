"""`saldo match INVOICES PAYMENTS --remittance FILE`: the advice file, and the answer in the shape of every other run.

An invoice may be paid by several payments and a payment may pay several invoices, so here a match is one application:
one invoice, one payment, the part of the money that goes from one to the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconcile.engine.lines import Line, Orientation, Side
from reconcile.engine.remittance import Advice, Applied, apply_payments
from reconcile.engine.results import BridgeLine, Match, Outcome, RunnerUp, Unmatched
from reconcile.files.columns import column_names, header_score, normal
from reconcile.files.errors import BadRow, FileUnreadable
from reconcile.files.kinds import kind_of
from reconcile.files.labels import names_a_total
from reconcile.files.masking import masked, shown
from reconcile.files.reading import SideFile
from reconcile.files.tables import Table, column, read_table
from reconcile.files.values import BadValue, amount_minor, decimal_mark


def read_advice(path: Path, payments: Sequence[Line]) -> tuple[list[Advice], list[BadRow]]:
    """Read a remittance file of payment id, invoice as the payer wrote it, amount.

    Ensures: a row that names no invoice advises nothing, so its payment is applied like one without advice; totals are
             no rows.
    Raises: FileUnreadable when the payment or the invoice column can't be known.
    """
    kind = kind_of(path)
    if kind not in ("csv", "xlsx", "parquet", "jsonl"):
        raise FileUnreadable(path, f"a {kind} file", "Give the advice as CSV, XLSX, Parquet or JSONL")
    table = read_table(path, kind, score=_advice_score)
    names = [normal(header) for header in table.headers]
    at_payment = _payment_column(table, names, {line.id for line in payments})
    at_invoice = _find(names, column_names()["advice_invoice"], {at_payment})
    at_amount = _find(names, column_names()["advice_amount"], {at_payment, at_invoice})
    at_memo = _find(names, column_names()["advice_memo"], {at_payment, at_invoice, at_amount})
    if at_payment < 0 or at_invoice < 0:
        raise FileUnreadable(path, f"no payment id or invoice column among {names}", "Name them payment_id and invoice")
    currencies = {line.id: line.currency for line in payments}
    mark = decimal_mark(column(table.sample, at_amount)) if at_amount >= 0 else "."
    advices: list[Advice] = []
    bad = list(table.bad)
    for number, row in table.each():
        payment, written = masked(str(row[at_payment]).strip()), masked(str(row[at_invoice]).strip())
        try:
            if not written or (payment not in currencies and names_a_total(payment)):
                continue
            if payment not in currencies:
                raise BadValue(f"no payment {shown(payment)} in the payments file")
            amount = None
            if at_amount >= 0 and str(row[at_amount]).strip():
                amount = amount_minor(row[at_amount], mark, currencies[payment])
            advices.append(Advice(payment, written, amount, str(row[at_memo]) if at_memo >= 0 else ""))
        except BadValue as error:
            bad.append(BadRow(path.name, number, str(error)))
    return advices, bad


def _advice_score(headers: Sequence[Any]) -> int:
    """Return how much a row looks like the header of an advice, which may have no amounts.

    Payment and invoice are enough.
    """
    names = [normal(header) for header in headers]
    at_payment = _find(names, column_names()["advice_payment"], set())
    both = at_payment >= 0 and _find(names, column_names()["advice_invoice"], {at_payment}) >= 0
    return header_score(headers) + 4 * both


def _find(names: Sequence[str], known: Sequence[str], taken: set[int]) -> int:
    ranked = [(known.index(name), at) for at, name in enumerate(names) if name in known and at not in taken]
    return min(ranked)[1] if ranked else -1


def _payment_column(table: Table, names: Sequence[str], payments: set[str]) -> int:
    """Return the column whose values are payment ids; its name only matters if none or several are."""
    counts: Counter[int] = Counter()
    for at in range(len(names)):
        values = [masked(str(value).strip()) for value in column(table.sample[:500], at)]
        counts[at] = sum(1 for value in values if value in payments)
    if counts and counts.most_common(1)[0][1]:
        return counts.most_common(1)[0][0]
    return _find(names, column_names()["advice_payment"], set())


def payments_side(left: SideFile, right: SideFile, path: Path) -> Side:
    """Return which file holds the payments: the one whose ids stand in the advice's payment column.

    Right if none does.
    """
    kind = kind_of(path)
    if kind not in ("csv", "xlsx", "parquet", "jsonl"):
        return Side.RIGHT
    table = read_table(path, kind, score=_advice_score)
    at = _find([normal(header) for header in table.headers], column_names()["advice_payment"], set())
    columns = range(len(table.headers)) if at < 0 else (at,)
    cells = {masked(str(row[one]).strip()) for _, row in table.each() for one in columns}
    in_left = sum(1 for line in left.lines if line.id in cells)
    return Side.LEFT if in_left > sum(1 for line in right.lines if line.id in cells) else Side.RIGHT


def match_with_advice(left: SideFile, right: SideFile, side: Side, advices: Sequence[Advice], version: str) -> Outcome:
    """Apply payments to invoices and give the answer as an outcome of left and right."""
    payments, invoices = (left, right) if side is Side.LEFT else (right, left)
    opposite = _opposite(payments.lines, invoices.lines)
    turned = [replace(line, amount_minor=-line.amount_minor) for line in payments.lines] if opposite else payments.lines
    applied: list[Applied] = []
    for currency in sorted({line.currency for line in (*turned, *invoices.lines)}):
        mine = [line for line in turned if line.currency == currency]
        ids = {line.id for line in mine}
        theirs = [line for line in invoices.lines if line.currency == currency]
        applied.append(apply_payments(theirs, mine, [one for one in advices if one.payment_id in ids]))
    return _outcome(applied, invoices.lines, turned, side, version, opposite)


def _opposite(payments: Sequence[Line], invoices: Sequence[Line]) -> bool:
    positive = [sum(1 for line in lines if line.amount_minor > 0) * 2 >= len(lines) for lines in (payments, invoices)]
    return positive[0] != positive[1]


def _outcome(
    applied: Sequence[Applied],
    invoices: Sequence[Line],
    payments: Sequence[Line],
    side: Side,
    version: str,
    opposite: bool,
) -> Outcome:
    money = {line.id: line for line in payments}
    matches: list[Match] = []
    unmatched: list[Unmatched] = []
    rows: Counter[tuple[str, str]] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    uses: Counter[str] = Counter()
    sign = 1 if side is Side.RIGHT else -1  # left - right, whichever side the invoices are on
    paid: set[str] = set()
    spent: set[str] = set()
    asked = {line.id: line for line in invoices}

    def add(currency: str, what: str, amount: int) -> None:
        rows[(currency, what)] += sign * amount
        counts[(currency, what)] += 1

    for one in applied:
        for part in one.applications:
            paid.add(part.invoice_id)
            spent.add(part.payment_id)
            uses[part.rule] += 1
            pair = (part.invoice_id, part.payment_id) if side is Side.RIGHT else (part.payment_id, part.invoice_id)
            runner_up = None
            if part.candidates:
                other = part.candidates[0]
                ids = ((other,), (part.payment_id,)) if side is Side.RIGHT else ((part.payment_id,), (other,))
                runner_up = RunnerUp(*ids, part.margin)
            open_minor = one.open_minor[part.invoice_id]
            add(money[part.payment_id].currency, f"applied ({part.status.value})", 0)
            matches.append(
                Match(
                    left_ids=(pair[0],),
                    right_ids=(pair[1],),
                    parts=((*pair, part.amount_minor),),
                    currency=money[part.payment_id].currency,
                    status=part.status,
                    rule=part.rule,
                    rules_version=version,
                    score=part.score,
                    margin=part.margin,
                    difference_minor=open_minor,
                    kind=_rest_kind(open_minor, asked[part.invoice_id].amount_minor),
                    agrees=part.agrees,
                    differs=part.differs,
                    runner_up=runner_up,
                    candidates=tuple((part.payment_id, other) for other in part.candidates),
                )
            )
        for invoice_id, rest in one.open_minor.items():
            line = asked[invoice_id]
            if invoice_id not in paid:
                add(line.currency, "invoices not paid", rest)
                unmatched.append(
                    Unmatched(side.other, line.id, line.amount_minor, line.currency, "no payment for this invoice")
                )
            elif rest:
                what = _rest_kind(rest, line.amount_minor).replace("_", " ")
                add(line.currency, f"rest of paid invoices, {what}", rest)
        for left_over in one.on_account:
            line = money[left_over.payment_id]
            add(line.currency, "on account", -left_over.amount_minor)
            if left_over.payment_id not in spent:
                unmatched.append(Unmatched(side, line.id, line.amount_minor, line.currency, left_over.reason))
    totals: dict[str, tuple[int, int]] = {}
    for currency in sorted({line.currency for line in (*invoices, *payments)}):
        sums = [sum(line.amount_minor for line in lines if line.currency == currency) for lines in (invoices, payments)]
        totals[currency] = (sums[0], sums[1]) if side is Side.RIGHT else (sums[1], sums[0])
    return Outcome(
        matches=tuple(sorted(matches, key=lambda one: (one.left_ids, one.right_ids))),
        one_sided=(),
        unmatched=tuple(sorted(unmatched, key=lambda one: (one.side, one.id))),
        bridge=tuple(BridgeLine(*key, counts[key], amount) for key, amount in sorted(rows.items())),
        totals=totals,
        orientation=Orientation.OPPOSITE if opposite else Orientation.SAME,
        rules_version=version,
        rule_uses=dict(sorted(uses.items())),
        limits_hit=(),
    )


def _rest_kind(rest: int, amount: int) -> str:
    if not rest:
        return ""
    return "cash_discount" if abs(rest) * 20 <= abs(amount) else "partial_payment"
