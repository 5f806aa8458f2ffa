"""Editors that live and die together on the server; for the posting strategy that needs a lock.

Decides who may save: the order in which editors are opened is what fences a writer that was paused.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from connectors.abas.client import AbasClient, Action
from connectors.abas.errors import AbasOutcomeUnknown, AbasRefused
from schemas.failures import Transient


class WorkingSet:
    """Editors that share one server-side working set: opened one after the other, closed together.

    The server drops all of them at once when the set expires, and makes a set anew when an editor is opened in one
    that is gone. So an editor that was opened first and still lives proves that every later one, and the lock it
    holds, has lived as long.
    """

    def __init__(self, client: AbasClient) -> None:
        self._client = client
        self._id: str | None = None

    async def open(self, table: str, action: str, *, record: str | None = None) -> str:
        """Open an editor and return its id.

        Raises: AbasObjectLocked when somebody else holds the record.
        """
        editor = await self._client.open_editor(table, action, record=record, working_set_id=self._id)
        self._id = self._id or str(editor.meta.get("workingSetId") or "") or None
        editor_id = str(editor.meta.get("workingSetEditorId") or "")
        if not editor_id or self._id is None:
            raise AbasOutcomeUnknown("abas opened an editor and didn't say which")
        return editor_id

    async def act(self, editor_id: str, actions: Sequence[Action]) -> None:
        """Apply actions to one of the set's editors.

        Raises: AbasSessionLost when it, and with it every lock of the set, is gone.
        """
        if self._id is None:
            raise AbasOutcomeUnknown("no editor is open in this working set")
        await self._client.act(self._id, editor_id, actions)

    async def close(self) -> None:
        """Drop what was not committed and free the locks; a set that is gone or unreachable expires by itself."""
        if self._id is None:
            return
        working_set_id, self._id = self._id, None
        try:
            await self._client.command_working_set(working_set_id, "CANCEL")
        except (Transient, AbasRefused):
            return


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
