"""Settings of access: where users, policy, session and key are; everything has a place in the data directory."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class AccessSettings(BaseModel):
    """Who may do what, and how long a log-in is good.

    users_path    file of users; default <data_dir>/access/users.json
    policy_path   an access.yaml of your own; default is the one that ships with Saldo
    session_path  where `saldo login` keeps its token; default <data_dir>/access/session
    session_s     how long a log-in lasts
    key_path      a machine's key, in a file that its owner alone reads; it goes before a session
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    users_path: Path | None = None
    policy_path: Path | None = None
    session_path: Path | None = None
    # A working day at most; whoever wants more has a machine's key in mind.
    session_s: float = Field(default=8 * 3600, ge=1, le=24 * 3600)
    key_path: Path | None = None
