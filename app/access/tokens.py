"""Sessions as signed tokens (JWT, HS256 with the installation's own key). Key and time are given.

A token says who logged in, when, and until when. What that user may do now, and whether the user is still there, is
asked of the users at each use; `generation` ends all earlier tokens of a user at once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from app.access.errors import LoginNeeded

KEY_BYTES = 32
_ALGORITHM = "HS256"
_ISSUER = "saldo"
# Two clocks of one installation may differ by this much; a token from further ahead means that a clock went back.
_SKEW = timedelta(seconds=60)
_AGAIN = "log in again with `saldo login USER`"


@dataclass(frozen=True, slots=True)
class Session:
    """What a token says."""

    user_id: str
    generation: int
    issued_at: datetime
    expires_at: datetime


def issue(user_id: str, generation: int, key: bytes, *, now: datetime, lasts_s: float) -> str:
    """Return a token that is good from now on for so long. Units: seconds."""
    claims = {
        "iss": _ISSUER,
        "sub": user_id,
        "gen": generation,
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp() + lasts_s),
        # Two log-ins of one second are two sessions: one of them can be ended.
        "jti": secrets.token_hex(8),
    }
    return jwt.encode(claims, key, _ALGORITHM)


def read(token: str, key: bytes, *, now: datetime) -> Session:
    """Return what a token says, if this installation signed it and it is good now.

    Raises: LoginNeeded saying what is wrong with it.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            issuer=_ISSUER,
            # Times are compared below with the time that is given, not with the clock.
            options={"require": ["sub", "iat", "exp"], "verify_exp": False, "verify_iat": False},
        )
        session = Session(
            user_id=claims["sub"],
            generation=_whole(claims.get("gen")),
            issued_at=datetime.fromtimestamp(_whole(claims["iat"]), UTC),
            expires_at=datetime.fromtimestamp(_whole(claims["exp"]), UTC),
        )
    except (jwt.InvalidTokenError, ValueError, OverflowError, OSError):
        raise LoginNeeded(f"this session is not of this installation, or was changed; {_AGAIN}") from None
    if now >= session.expires_at:
        raise LoginNeeded(
            f"the session of {session.user_id} ended at {session.expires_at:%Y-%m-%d %H:%M} UTC; {_AGAIN}"
        )
    if session.issued_at > now + _SKEW:
        raise LoginNeeded(f"the session of {session.user_id} begins in the future; check the clock, then {_AGAIN}")
    return session


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("not a whole number")
    return value
