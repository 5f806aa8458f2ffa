"""Commands to abas documents and records, each exactly once, for the ERP sink agent.

Every command becomes a write (connectors/abas/once.py), which is carried out by one rule. Which kinds there are and
where they go is data (by_profile.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import assert_never

from connectors.abas.by_profile import DocumentWrite, RecordWrite
from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasRefused, ProfileMismatch
from connectors.abas.once import OnceWriter
from connectors.abas.profile import Profile
from connectors.abas.rights import SavingRights
from connectors.abas.settings import AbasSettings
from schemas.records.by_topic import ErpCommands, ErpOutcomes
from schemas.records.erp import (
    PostDocument,
    SaveRecord,
)
from schemas.values.clock import utc_now

# Other kinds follow a person's decision, or are asked for by nobody yet; one that the profile leaves out is refused.
_ALWAYS_NEEDED = ("cash_receipt", "cash_receipt_reversal")

KIND_NOT_IN_PROFILE = "MISSING_PROFILE/document"


class AbasSink:
    """Writes documents and records; satisfies the sink agent's port by its shape.

    Without `rights` only this process remembers what it was about to save; a worker gives the claims of all.
    Raises: ProfileMismatch when the profile leaves out a document kind.
    """

    def __init__(
        self,
        client: AbasClient,
        profile: Profile,
        settings: AbasSettings,
        *,
        rights: SavingRights | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        missing = [kind for kind in _ALWAYS_NEEDED if kind not in profile.documents]
        if missing:
            where = profile.where("documents")
            raise ProfileMismatch([f"{where}: documents has no {kind}; add that entry" for kind in missing])
        self._client = client
        self._profile = profile
        self._writer = OnceWriter(profile, settings, rights=rights, sleep=sleep, now=now)

    async def post(self, command: ErpCommands) -> ErpOutcomes:
        """Make abas hold this document or record once, and say what became of it; as OnceWriter.carry_out."""
        return await self._posted(command, "")

    async def post_checked(self, command: ErpCommands, permit: str) -> ErpOutcomes:
        """Post at the request of a person who looked into abas: what is in doubt and not found is sent again.

        Ensures: one permit allows one attempt, over all processes and restarts; none is sent before outcome_wait_s.
        """
        return await self._posted(command, permit)

    async def _posted(self, command: ErpCommands, permit: str) -> ErpOutcomes:
        profile = self._profile
        match command:
            case PostDocument():
                way = profile.documents.get(command.kind)
                if way is None:
                    return DocumentWrite.refusal(command, self._not_in_profile("documents", command.kind))
                return await self._writer.carry_out(DocumentWrite(self._client, profile, way, command), permit)
            case SaveRecord():
                record = profile.records.get(command.kind)
                if record is None:
                    return RecordWrite.refusal(command, self._not_in_profile("records", command.kind))
                return await self._writer.carry_out(RecordWrite(self._client, profile, record, command), permit)
            case _:
                assert_never(command)

    def _not_in_profile(self, entry: str, kind: str) -> AbasRefused:
        where = self._profile.where(entry)
        return AbasRefused(
            f"the mapping profile has no document {kind}; add it at {where}, below {entry}", code=KIND_NOT_IN_PROFILE
        )
