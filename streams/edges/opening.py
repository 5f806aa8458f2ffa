"""Personal values on their way out: opened for the system that needs them, and out of what comes back.

A command carries them sealed, as whoever observed them wrote them, so agents and topics never hold one in plain text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from schemas.checks.sealing import ERASED, holds_sealed, opened
from schemas.records.by_topic import ErpOutcomes
from schemas.records.erp import RecordRefused, SaveRecord
from streams.edges.ports import Ledger
from streams.edges.subject_keys import SubjectKeys

SUBJECT_ERASED = "SUBJECT_ERASED"
# A shorter value is a code or a number, and taking it out of a text would tear words apart.
_SHORTEST_HIDDEN = 4


async def save_opened(ledger: Ledger, command: SaveRecord, keys: SubjectKeys) -> ErpOutcomes:
    """Save a record with its sealed values opened; refuse it where the key of one is destroyed.

    Ensures: nothing is written of a person who is erased; a text of the ERP that quotes a value names its role instead.
    Raises:  as Ledger.post; Unavailable when keys can't be read.
    """
    if not any(holds_sealed(text) for _, text in _texts(command)):
        return await ledger.post(command)
    await keys.refresh()
    plain = replace(
        command,
        values=_opened(command.values, keys),
        rows=tuple(replace(row, values=_opened(row.values, keys)) for row in command.rows),
    )
    for role, text in _texts(plain):
        if ERASED in text:
            return RecordRefused(
                kind=command.kind,
                natural_key=command.natural_key,
                subject=command.subject,
                code=SUBJECT_ERASED,
                message=f"{role} is erased, since the person asked for it; readmit the person, or leave the record out",
                field_name=role,
                occurred_at=command.occurred_at,
            )
    outcome = await ledger.post(plain)
    if not isinstance(outcome, RecordRefused):
        return outcome
    message = outcome.message
    for (role, sealed), (_, text) in zip(_texts(command), _texts(plain), strict=True):
        if sealed != text and len(text) >= _SHORTEST_HIDDEN:
            message = message.replace(text, f"<{role}>")
    return replace(outcome, message=message)


def _opened(values: Mapping[str, str], keys: SubjectKeys) -> dict[str, str]:
    return {role: opened(text, keys.key_of) for role, text in values.items()}


def _texts(command: SaveRecord) -> Iterator[tuple[str, str]]:
    yield from command.values.items()
    for row in command.rows:
        yield from row.values.items()
