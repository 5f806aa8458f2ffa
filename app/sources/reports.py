"""Publishes the main reports as records of the ERP's own tables, so that finance sees them where it works.

Reads the projection, which may lie behind or be thrown away: each row is told again only when it differs from what was
told last (app/sources/polling.py), and is one record of abas, found by its key (docs/documents.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from schemas.records.erp import SaveRecord
from schemas.values.clock import utc_now
from schemas.values.money import Money

Observation = tuple[str, tuple[SaveRecord, ...]]
# What a report answers: its rows by the name of each column.
Ask = Callable[[str], Sequence[Mapping[str, Any]]]

_BRIDGE_TERMS: Final = (
    *("captured", "refunded", "voided", "returned", "charged_back"),
    *("posted", "waiting", "parked", "residual"),
)
_LONGEST_TEXT: Final = 60  # what a text field of abas holds without being asked


class ReportSource:
    """The reports of one installation as records; a row that is gone from a report is told as done."""

    name = "reports"

    def __init__(self, ask: Ask, published: Callable[[], Iterable[str]], *, company: str = "") -> None:
        """Take a way to ask, one to learn the subjects that were published, and the label of the company."""
        self._ask = ask
        self._published = published
        self._label = f"{company}/" if company else ""

    async def poll(self) -> AsyncIterator[Observation]:
        """Yield ("<kind>/<key>", (record,)) for each row of the reports; what a reader raises goes on."""
        readers = (
            ("bridge_by_day", _bridge_days),
            ("waiting_money", _waiting),
            ("bank_lines", _deposits),
        )
        seen: set[str] = set()
        for report, read in readers:
            for kind, key, values in read(await asyncio.to_thread(self._ask, report)):
                subject = f"{kind}/{key}"
                seen.add(subject)
                yield subject, (self._record(kind, key, values),)
        for subject in sorted(self._published()):
            kind, _, key = subject.partition("/")
            if kind == "waiting_money" and subject not in seen:
                yield subject, (self._record(kind, key, {"state": "DONE"}),)

    def _record(self, kind: str, key: str, values: Mapping[str, str]) -> SaveRecord:
        return SaveRecord(
            kind=kind,
            natural_key=key,
            subject=f"{self._label}{kind}/{key}",
            values=dict(values),
            rows=(),
            occurred_at=utc_now(),
        )


Row = tuple[str, str, Mapping[str, str]]


def _bridge_days(rows: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for row in rows:
        currency = str(row["currency"])
        amounts = {term: _amount(row[f"{term}_minor"], currency) for term in _BRIDGE_TERMS}
        values = {"day": str(row["day"]), "currency": currency, **amounts}
        yield "bridge_day", f"{row['day']} {currency}", values


def _waiting(rows: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield each sum that waits; of several under one key the first stands for all, and names its own amount."""
    for row in rows:
        since = datetime.fromisoformat(str(row["waiting_since"])).date()
        currency = str(row["currency"])
        named = {
            "transaction": str(row["paytrace_transaction_id"]),
            "customer": str(row["abas_customer_id"]),
            "invoice_number": str(row["invoice_number"]),
        }
        values = {
            "state": "WAITING",
            "amount": _amount(row["signed_minor"], currency),
            "currency": currency,
            "reason": str(row["reason"])[:_LONGEST_TEXT],
            "waiting_since": since.isoformat(),
            **{name: value[:_LONGEST_TEXT] for name, value in named.items() if value},
        }
        key = str(row["posting_reference"] or f"{row['paytrace_transaction_id']} {row['waits_in']}")
        yield "waiting_money", key, values


def _deposits(rows: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for row in rows:
        currency = str(row["currency"])
        values = {
            "state": str(row["status"]),
            "booked_on": str(row["booked_on"]),
            "amount": _amount(row["deposit_minor"], currency),
            "fee": _amount(row["fee_minor"], currency),
            "currency": currency,
            "line_count": str(row["line_count"]),
        }
        if detail := str(row["detail"] or row["text"])[:_LONGEST_TEXT]:
            values["detail"] = detail
        yield "deposit_explanation", str(row["bank_line_id"]), values


def _amount(minor: Any, currency: str) -> str:
    return str(Money(int(minor), currency).major)
