"""Balances of accounts as abas shows them, to records; pure. For the source.

abas keeps a row for each account, currency and period. Customers and vendors have accounts in it too; theirs are
written with a letter before the number (K 70001) and left out: what a customer owes is read from the open items.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.abas.mapping import currency_of, minor_of, read_text, required_text
from connectors.abas.profile import BalanceFields, Formats
from connectors.abas.wire import ErpObject
from schemas.records.erp import AccountBalanceObserved

_PERSONAL = re.compile(r"[A-Z] \S.*")


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """A row of the balances. Units: minor units of currency, a debit above zero."""

    account: str
    currency: str
    period: str
    minor: int


def to_balance_row(shown: ErpObject, fields: BalanceFields, formats: Formats) -> BalanceRow | None:
    """Read one row; None for the account of a customer or vendor.

    Raises: AbasRecordUnreadable naming record and field.
    """
    account = required_text(shown, fields.account)
    if _PERSONAL.fullmatch(account):
        return None
    currency = currency_of(shown, fields.currency)
    if fields.balance is not None:
        minor = minor_of(shown, fields.balance, currency, formats)
    else:
        debit, credit = (minor_of(shown, name, currency, formats) for name in fields.sides)
        minor = debit - credit
    return BalanceRow(account, currency, read_text(shown.head.get(fields.period)), minor)


def to_balances_observed(
    rows: Sequence[BalanceRow], *, is_running: bool, observed_at: datetime
) -> Iterator[AccountBalanceObserved]:
    """Yield the balance of each account and currency: the sum of its periods, or the latest where each runs on."""
    found: dict[tuple[str, str], list[BalanceRow]] = defaultdict(list)
    for row in rows:
        found[row.account, row.currency].append(row)
    for (account, currency), of_account in sorted(found.items()):
        latest = max(of_account, key=lambda row: row.period)
        minor = latest.minor if is_running else sum(row.minor for row in of_account)
        yield AccountBalanceObserved(
            erp_account=account,
            currency=currency,
            balance_minor=minor,
            read_in=observed_at.astimezone(UTC).strftime("%Y-%m-%dT%H"),
            observed_at=observed_at,
            raw=json.dumps({"periods": len(of_account), "latest": latest.period}, sort_keys=True),
        )
