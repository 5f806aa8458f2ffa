"""PayTraceDesk: reads what hooks and Silent Posts bring, and asks PayTrace whatever they only hint at.

PayTrace documents no webhooks; what calls itself a hook is somebody's own listener that passes on an export row. It is
read by the mapping of the poll, so that the same row is the same fact whichever way it came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.paytrace.errors import UnreadableRow
from connectors.paytrace.mapping import to_transaction_observed
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.silent_post import parse_silent_post
from connectors.paytrace.source import PayTraceSource, TransactionReader, utc_now
from schemas.records.payments import ObservedBy, TransactionObserved, TransactionStatus

_UNREADABLE = "unreadable/"


class PayTraceDesk:
    """One merchant account, as the ingress needs it (streams.ports.GatewayDesk)."""

    def __init__(
        self, client: TransactionReader, settings: PayTraceSettings, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._settings = settings
        self._now = now
        self._source = PayTraceSource(client, settings, now=now)

    def read_row(self, row: Mapping[str, Any]) -> TransactionObserved:
        """One v1 export row as a sighting.

        Shapes:  numbers as wire.decode gives them: int, or Decimal from the digits.
        Raises:  UnreadableRow naming the field. The poll would keep such a row as UNKNOWN; a sender can be told.
        """
        record = to_transaction_observed(
            row,
            merchant=self._settings.merchant,
            zone=self._settings.zone,
            observed_at=self._now(),
            observed_by=ObservedBy.HOOK,
            currency=self._settings.currency,
            fold=self._settings.fold,
        )
        if record.status is TransactionStatus.UNKNOWN and record.raw_status.startswith(_UNREADABLE):
            field_name, _, reason = record.raw_status.removeprefix(_UNREADABLE).partition(": ")
            raise UnreadableRow(field_name, reason)
        return record

    def named_in(self, silent_post: bytes) -> str | None:
        """The transaction that a Silent Post names; raises UnreadableAnswer."""
        return parse_silent_post(silent_post).transaction_id

    async def look_up(self, transaction_id: str, observed_by: ObservedBy) -> tuple[TransactionObserved, ...]:
        """What PayTrace says of a transaction now; () when it knows none. Raises what the client raises."""
        sighting = await self._source.look_up(transaction_id, observed_by)
        return () if sighting is None else sighting[1]
