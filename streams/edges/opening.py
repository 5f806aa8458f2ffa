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
        values=open_values(command.values, keys),
        rows=tuple(replace(row, values=open_values(row.values, keys)) for row in command.rows),
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
    pairs = zip(_texts(command), _texts(plain), strict=True)
    shown = {text: role for (role, sealed), (_, text) in pairs if sealed != text}
    return replace(outcome, message=without_values(outcome.message, shown))


def open_values(values: Mapping[str, str], keys: SubjectKeys) -> dict[str, str]:
    """Return values with those opened that are sealed; one whose key is destroyed says so."""
    return {role: opened(text, keys.key_of) for role, text in values.items()}


def without_values(message: str, shown: Mapping[str, str]) -> str:
    """Return a text of another system with the role in place of each opened value; `shown` has the role of each."""
    for text, role in shown.items():
        if len(text) >= _SHORTEST_HIDDEN:
            message = message.replace(text, f"<{role}>")
    return message


def _texts(command: SaveRecord) -> Iterator[tuple[str, str]]:
    yield from command.values.items()
    for row in command.rows:
        yield from row.values.items()
