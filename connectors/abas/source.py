"""What abas shows now, as records, for the source runner, which compares contents and knows what changed.

Cleared items are filed, so each poll reads the active set whole and the filed set as far back as the settings say:
a poll sees an item in at least one of the two even when it is filed in between. No memory is kept here.
"""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

from connectors.abas.client import AbasClient
from connectors.abas.criteria import Filing, Selection, at_least, not_empty
from connectors.abas.errors import AbasRecordUnreadable
from connectors.abas.mapping import (
    parse_instant,
    to_customer_referenced,
    to_date_text,
    to_open_item_observed,
    to_open_item_referenced,
)
from connectors.abas.profile import Profile
from connectors.abas.settings import AbasSettings
from schemas.records.identification import CustomerReferenced, OpenItemReferenced
from schemas.records.receivables import OpenItemObserved

Record = OpenItemObserved | OpenItemReferenced | CustomerReferenced
Sighting = tuple[str, tuple[Record, ...]]


class AbasSource:
    """Reads open items and customers; satisfies the source runner's port by its shape."""

    name = "abas"

    def __init__(
        self,
        client: AbasClient,
        profile: Profile,
        settings: AbasSettings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._profile = profile
        self._settings = settings
        self._now = now

    async def poll(self) -> AsyncIterator[Sighting]:
        """Yield what abas shows, one thing at a time with a key that stays the same from poll to poll.

        Ensures: a record that can't be read doesn't hide the others: it is told at the end.
        Raises:  AbasRecordUnreadable after everything readable was yielded; Transient, ContractBroken families.
        """
        unreadable: list[str] = []
        async for sighting in self._customers(unreadable):
            yield sighting
        async for sighting in self._open_items(unreadable):
            yield sighting
        if unreadable:
            shown = "\n".join(unreadable[:20])
            raise AbasRecordUnreadable(f"{len(unreadable)} records of abas can't be read:\n{shown}")

    async def _customers(self, unreadable: list[str]) -> AsyncIterator[Sighting]:
        table = self._profile.tables.customer
        fields = table.fields
        selection = Selection((not_empty(fields.vault_customer),), Filing.ACTIVE, table.order_by)
        async for customer in self._client.query(
            table.table,
            selection,
            ["id", fields.number, fields.vault_customer],
            order_option=self._profile.formats.order_option,
        ):
            try:
                referenced = to_customer_referenced(customer, fields, observed_at=self._now())
            except AbasRecordUnreadable as error:
                unreadable.append(str(error))
                continue
            if referenced is not None:
                yield f"customer/{customer.id}", (referenced,)

    async def _open_items(self, unreadable: list[str]) -> AsyncIterator[Sighting]:
        table = self._profile.tables.open_item
        read = table.fields.model_dump(exclude={"changed"})  # selects, and would be noise in the raw twin
        head_fields = list(dict.fromkeys(("id", *read.values())))
        active = Selection((), Filing.ACTIVE, table.order_by)
        filed = Selection(await self._lookback(), Filing.FILED, table.order_by)
        for selection, is_filed in ((active, False), (filed, True)):
            async for item in self._client.query(
                table.table, selection, head_fields, order_option=self._profile.formats.order_option
            ):
                try:
                    observed = to_open_item_observed(
                        item,
                        table.fields,
                        self._profile.formats,
                        filed=is_filed,
                        observed_at=self._now(),
                    )
                except AbasRecordUnreadable as error:
                    unreadable.append(str(error))
                    continue
                yield f"open-item/{item.id}", (observed, to_open_item_referenced(observed))

    async def _lookback(self) -> tuple[str, ...]:
        """Build the condition on the last change, by abas' own clock, which may differ from ours."""
        if self._settings.filed_lookback_days == 0:
            return ()
        told = (await self._client.about()).get(self._settings.about_time_field)
        try:
            now = parse_instant(str(told), self._profile.formats)
        except (ValueError, OverflowError):
            now = self._now()
        since = (now - timedelta(days=self._settings.filed_lookback_days)).date()
        changed = self._profile.tables.open_item.fields.changed
        return (at_least(changed, to_date_text(since, self._profile.formats)),)
