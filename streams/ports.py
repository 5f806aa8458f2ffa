"""What agents and runners ask of the edges. A connector satisfies these by its shape; bootstrap puts them together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any, Protocol

from schemas.records.erp import (
    CashReceiptPosted,
    CashReceiptReversed,
    PostCashReceipt,
    PostingRefused,
    ReverseCashReceipt,
)

ErpCommand = PostCashReceipt | ReverseCashReceipt
ErpOutcome = CashReceiptPosted | CashReceiptReversed | PostingRefused
Sighting = tuple[str, tuple[Any, ...]]


class Ledger(Protocol):
    """The ERP's books, as the posting agent sees them."""

    async def post(self, command: ErpCommand) -> ErpOutcome:
        """Make the ERP hold this document exactly once, looking up before and after; the same outcome each time.

        Raises: Transient, Unavailable, Unreadable, ContractBroken of schemas.failures.
        """
        ...


class WindowSource(Protocol):
    """An outside system that can only be asked for a window of days."""

    name: str

    def window(self, now: datetime) -> tuple[date, date]:
        """The days worth asking for at this moment, first and last."""
        ...

    def poll(self, since: date, until: date) -> AsyncIterator[Sighting]:
        """Everything it shows for these days: subject and records."""
        ...
