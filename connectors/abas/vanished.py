"""Open items that abas showed a while ago and shows no longer: looked up one by one, and reported for what they are.

Protects the matching from an item that somebody deleted in abas, and an open one from being called closed because a
page was short: only an item that abas itself can't find by its id is reported as gone. One that is found is reported as
it is, which also sees an item that was filed without its change being visible. Remembers this process's polls only, so
what is deleted while the source is down is not noticed.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from connectors.abas.client import AbasClient
from connectors.abas.criteria import Filing, Selection, equals
from connectors.abas.errors import AbasAddressWrong, AbasQueryRefused, AbasRefused, AbasValueNotAllowed
from connectors.abas.wire import ErpObject
from schemas.records.receivables import OpenItemObserved

LOOKED_UP_PER_POLL = 100  # three requests each; the rest follows with the next poll
NOT_THERE = "MISSING_OBJECT/"

logger = logging.getLogger(__name__)


class Vanished:
    """Remembers which items were open, and finds out what became of those that a whole poll did not show."""

    def __init__(self, client: AbasClient, *, order_option: str) -> None:
        self._client = client
        self._order_option = order_option
        self._open: dict[str, OpenItemObserved] = {}
        self._gone: dict[str, OpenItemObserved] = {}
        self._shown: set[str] = set()

    def begin(self) -> None:
        """Begin a poll: nothing was shown yet."""
        self._shown = set()

    def show(self, item_id: str, observed: OpenItemObserved | None) -> None:
        """Note an item that abas shows; None for one that can't be read, which is there all the same."""
        self._shown.add(item_id)
        self._gone.pop(item_id, None)
        if observed is None:
            return
        if observed.is_open:
            self._open[item_id] = replace(observed, raw="{}")
        else:
            self._open.pop(item_id, None)

    def gone(self) -> Sequence[OpenItemObserved]:
        """Return all items that were found gone, again with each poll: one may not have been written."""
        return tuple(self._gone.values())

    async def found(self, table: str, fields: Sequence[str]) -> AsyncIterator[tuple[ErpObject, bool]]:
        """Look up what was open and was not shown; yield what is there after all, and whether it is filed.

        Ensures: what is not there counts as gone from now on; what abas doesn't say stays as it was.
        """
        missing = [item_id for item_id in self._open if item_id not in self._shown]
        for item_id in missing[:LOOKED_UP_PER_POLL]:
            try:
                seen = await self._look_up(table, fields, item_id)
                if seen is not None:
                    yield seen
                elif await self._is_gone(table, item_id):
                    last = self._open.pop(item_id)
                    self._gone[item_id] = replace(last, open_minor=0, is_open=False)
                    logger.warning("an open item is gone from abas", extra={"abas_open_item_id": item_id})
            except (AbasQueryRefused, AbasValueNotAllowed) as error:
                logger.warning("an open item can't be looked up by id", extra={"reason": str(error)})
                return

    async def _look_up(self, table: str, fields: Sequence[str], item_id: str) -> tuple[ErpObject, bool] | None:
        for filing in (Filing.ACTIVE, Filing.FILED):  # in this order, so that one on its way is not missed
            selection = Selection((equals("id", item_id),), filing)
            page = await self._client.query_page(table, selection, fields, order_option=self._order_option, limit=2)
            for item in page:
                if item.id == item_id:
                    return item, filing is Filing.FILED
        return None

    async def _is_gone(self, table: str, item_id: str) -> bool:
        """Ask for the record itself: only abas' own word that there is none counts."""
        try:
            await self._client.read_record(table, item_id, ("id",))
        except AbasRefused as refusal:
            return refusal.code.startswith(NOT_THERE)
        except AbasAddressWrong:
            return False
        return False
