"""The agent that makes a person's values unreadable for good, and lets a customer who comes back have a key again.

Its side effect is on `privacy.keys.v1`: each key is overwritten by a record without it, and the broker's compaction
removes the older one. It looks first, so a repeat destroys nothing twice; the journal is the proof for the person.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

from schemas.records.by_topic import PrivacyEvents, PrivacyInbox
from schemas.records.privacy import EraseSubject, ErasureRefused, SubjectErased, SubjectReadmitted
from schemas.topic import Topic
from streams.edges.stateless import Stateless, stateless
from streams.edges.subject_keys import SubjectKeys
from streams.tasks.processor import Effect

AGENT = "erase-subjects"


def erase_subjects(open_keys: Callable[[], SubjectKeys]) -> Effect[Stateless, PrivacyInbox, PrivacyEvents]:
    """Return the work of erase-subjects; `open_keys` gives the keys of this process, and is asked when first needed."""
    opened_once = cache(open_keys)

    async def perform(_state: Stateless, command: PrivacyInbox) -> tuple[PrivacyEvents, ...]:
        said: dict[str, Any] = {
            "command_id": command.command_id,
            "data_subject": command.data_subject,
            "decided_by": command.decided_by,
            "authenticated_by": command.authenticated_by,
            "reason": command.reason,
            "approved_by": command.approved_by,
            "occurred_at": command.occurred_at,
        }
        keys = opened_once()
        try:
            if isinstance(command, EraseSubject):
                return (SubjectErased(**said, key_count=await keys.destroy(command.data_subject, command.occurred_at)),)
            if await keys.readmit(command.data_subject):
                return (SubjectReadmitted(**said),)
        except LookupError:
            why = (
                "no value of this person was ever sealed; see `saldo privacy list` for how sources name their customers"
            )
            return (ErasureRefused(**said, refused_because=why),)
        return (
            ErasureRefused(**said, refused_because="this person's values are not erased, or are readmitted already"),
        )

    return stateless(AGENT, Topic.PRIVACY_INBOX, Topic.PRIVACY_EVENTS, perform, attrgetter("command_id"))
