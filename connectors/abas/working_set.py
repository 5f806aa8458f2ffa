"""Editors that live and die together on the server; for the posting strategy that needs a lock.

Decides who may save: the order in which editors are opened is what fences a writer that was paused.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager

from connectors.abas.client import AbasClient, Action
from connectors.abas.errors import AbasAddressWrong, AbasAsked, AbasOutcomeUnknown, AbasRefused, AbasSessionLost
from schemas.failures import Transient

logger = logging.getLogger(__name__)


class WorkingSet:
    """Editors that share one server-side working set: opened one after the other, closed together.

    The server drops all of them at once when the set expires, and makes a set anew when an editor is opened in one
    that is gone. So an editor that was opened first and still lives proves that every later one, and the lock it
    holds, has lived as long.
    """

    def __init__(self, client: AbasClient) -> None:
        self._client = client
        self._id: str | None = None
        self._half_open = False  # an editor may have been opened whose id never arrived

    async def open(self, table: str, action: str, *, record: str | None = None) -> str:
        """Open an editor and return its id.

        Raises: AbasObjectLocked when somebody else holds the record.
        """
        return await self._opened(self._client.open_editor(table, action, record=record, working_set_id=self._id))

    async def open_type_command(self, command: str) -> str:
        """Open the editor of a type command, first in its set, and return its id."""
        return await self._opened(self._client.open_type_command(command))

    async def _opened(self, opening: Awaitable[tuple[str, str]]) -> str:
        try:
            working_set_id, editor_id = await opening
        except AbasAsked as asked:
            self._use(asked.working_set_id)  # so that close finds what was half opened
            raise
        except AbasOutcomeUnknown:
            self._half_open = True
            raise
        self._use(working_set_id)
        if not editor_id or self._id is None:
            raise AbasOutcomeUnknown("abas opened an editor and didn't say which")
        return editor_id

    def _use(self, working_set_id: str) -> None:
        self._id = self._id or working_set_id or None
        if self._id is not None:
            self._client.sets_in_use.add(self._id)

    async def act(self, editor_id: str, actions: Sequence[Action]) -> None:
        """Apply actions to one of the set's editors.

        Raises: AbasSessionLost when it, and with it every lock of the set, is gone.
        """
        if self._id is None:
            raise AbasOutcomeUnknown("no editor is open in this working set")
        await self._client.act(self._id, editor_id, actions)

    async def close(self) -> None:
        """Drop what was not committed and free the locks; a set that is gone or unreachable expires by itself."""
        if self._id is not None:
            working_set_id, self._id = self._id, None
            self._client.sets_in_use.discard(working_set_id)
            await discard(self._client, working_set_id)
        if self._half_open or self._client.left_one_open:
            self._half_open = False
            await close_left_open(self._client)


async def discard(client: AbasClient, working_set_id: str) -> None:
    """Drop a working set with all that was not committed in it, as far as the server lets us.

    CANCEL drops the editors; whether the set ends with them is said nowhere, so CLOSE follows.
    """
    try:
        for command in ("CANCEL", "CLOSE"):
            await client.command_working_set(working_set_id, command)
    except AbasSessionLost:
        return
    except (Transient, AbasRefused, AbasAddressWrong):
        client.left_one_open = True  # the next one that closes, or starts, tries again; else it expires
        logger.info("a working set stays open for now", extra={"working_set": working_set_id})


async def close_left_open(client: AbasClient) -> int:
    """Drop the working sets under our label that nobody here uses, with their locks and licences.

    An earlier process left them open, or an answer that never arrived. A set that a sister process under the same
    label uses right now is dropped too; she finds it lost, looks up and posts again.
    Ensures: a set under another label stays, also on a server that doesn't filter.
    """
    client.left_one_open = False
    try:
        listed = await client.working_sets()
    except (Transient, AbasRefused, AbasAddressWrong) as error:
        logger.info("working sets can't be listed", extra={"reason": str(error)})
        return 0
    ours = {str(e.get("workingSetId") or e.get("id") or "") for e in listed if e.get("label") == client.label}
    left_open = sorted(ours - client.sets_in_use - {""})
    for working_set_id in left_open:
        await discard(client, working_set_id)
    return len(left_open)


@asynccontextmanager
async def working_set(client: AbasClient) -> AsyncIterator[WorkingSet]:
    """Collect editors in one working set.

    Ensures: closed on every path, so no lock outlives us longer than the server's expiry.
    """
    editors = WorkingSet(client)
    try:
        yield editors
    finally:
        await editors.close()
