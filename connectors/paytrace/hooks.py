"""PayTraceReader: reads what hooks and Silent Posts bring, and asks PayTrace whatever they only hint at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from connectors.paytrace.errors import UnreadableRow
from connectors.paytrace.hook import HOOK_TYPE, read_hook
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.silent_post import parse_silent_post
from connectors.paytrace.source import PayTraceSource, TransactionReader
from schemas.records.payments import ObservedBy, TransactionObserved
from schemas.values.clock import utc_now


class PayTraceReader:
    """One merchant account, as the ingress needs it (streams.edges.ports.GatewayReader)."""

    def __init__(
        self, client: TransactionReader, settings: PayTraceSettings, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._settings = settings
        self._source = PayTraceSource(client, settings, now=now)

    hook_type: Final = HOOK_TYPE

    def read_hook(self, body: bytes, observed_at: datetime) -> tuple[TransactionObserved, ...]:
        """Return the rows of a hook as observations, all or none; observed_at is when the relay saw them.

        Raises: UnreadableAnswer; UnreadableRow naming the field of a row that can't be read in full. The poll would
                keep such a row as UNKNOWN, having nobody to tell; a sender can be told.
        """
        records = read_hook(body, self._settings, observed_at=observed_at)
        for record in records:
            if record.raw_amount is not None:
                raise UnreadableRow("amount", f"expected dollars, got {record.raw_amount!r}")
            if record.unreadable is not None:
                field_name, _, reason = record.unreadable.partition(": ")
                raise UnreadableRow(field_name, reason)
        return records

    def named_in(self, silent_post: bytes) -> str | None:
        """Return the transaction that a Silent Post names; raises UnreadableAnswer."""
        return parse_silent_post(silent_post).transaction_id

    async def look_up(self, transaction_id: str, observed_by: ObservedBy) -> tuple[TransactionObserved, ...]:
        """Return what PayTrace says of a transaction now; () when it knows none. Raises what the client raises."""
        observation = await self._source.look_up(transaction_id, observed_by)
        return () if observation is None else observation[1]
