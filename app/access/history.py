"""What was changed about users: by whom, when, what, as a chain in the file of users itself. Pure.

Each change covers the one before it and the users as they were afterwards, so one that is cut out, altered or moved,
and users that were changed by hand, no longer fit. File and chain are one, so no crash parts them. See
docs/adr/0060-changes-of-users-are-a-chain.md.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec

from app.access.actor import Actor

_NOTHING = "0" * 64


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change.

    what    add, disable, enable, set-roles, set-password, add-key, revoke-key, policy, rotate-signing-key, ...
    detail  roles, the id of a key and its end; never a secret
    users   digest of all users after it
    digest  of this change and the one before it
    """

    number: int
    at: datetime
    who: str
    authenticated_by: str
    what: str
    subject: str
    detail: str
    users: str
    digest: str = ""


def changed(
    before: tuple[Change, ...], users: object, *, by: Actor, now: datetime, what: str, subject: str, detail: str
) -> tuple[Change, ...]:
    """Return the history with one more change, after which the users are these."""
    change = Change(
        number=len(before) + 1,
        at=now.astimezone(UTC),
        who=by.user_id,
        authenticated_by=by.how.value,
        what=what,
        subject=subject,
        detail=detail,
        users=_digest(users),
    )
    return (*before, msgspec.structs.replace(change, digest=_linked(before[-1].digest if before else _NOTHING, change)))


def first_break(changes: tuple[Change, ...], users: object) -> str:
    """Return the first place at which the history is not what was recorded, in words; empty where it is whole."""
    link = _NOTHING
    for number, change in enumerate(changes, start=1):
        if change.number != number or change.digest != _linked(link, change):
            return f"change {number} is not what was recorded, or one before it is missing"
        link = change.digest
    if not changes:
        return "nothing says how the users came to be"
    if changes[-1].users != _digest(users):
        return f"the users are not those that change {len(changes)} left; somebody changed the file, or cut changes off"
    return ""


def _digest(users: object) -> str:
    return hashlib.sha256(msgspec.json.encode(users)).hexdigest()


def _linked(before: str, change: Change) -> str:
    content = msgspec.json.encode(msgspec.structs.replace(change, digest=before))
    return hashlib.sha256(content).hexdigest()
