"""How the sandbox behaves where the reference leaves a choice, and the account rules a merchant could set."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

AutoVoidRule = Literal["off", "avs", "csc", "avs_or_csc"]


class SandboxSettings(BaseModel):
    """One pretended PayTrace account. Units: fields end in their unit; error numbers of our own begin at 99001."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path
    username: str = "demo123"
    password: str = "demo123"  # noqa: S105 -- the vendor's published demo user
    integrator_id: str | None = None
    merchant_id: int | None = None

    time_zone: str = "America/Los_Angeles"
    cut_off: str = Field(default="20:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    auto_settle: bool = True
    token_life_s: int = 7200
    v3_token_life_s: int = 900

    decline_status: int = 200
    refused_status: int = 400
    bad_token_status: int = 401
    bad_login_status: int = 401

    auto_void_rule: AutoVoidRule = "off"
    duplicate_window_minutes: int = Field(default=0, ge=0, le=999)
    duplicate_error_number: str = "99016"
    decline_amount_minor: int = 29
    captured_type: str = "AUTHORIZATION"
    void_text: str = "Voided"
    decline_text: str = "Declined"
    date_filter: Literal["created", "settled"] = "created"
    end_date_inclusive: bool = True

    ach_settle_days: int = Field(default=3, ge=0)
    ach_return_days: int = Field(default=2, ge=0)
    ach_return_share: float = Field(default=0.0, ge=0, le=1)
    ach_return_amount_minor: int | None = 31

    # PEM files; with both, the sandbox speaks HTTPS and nothing else.
    tls_cert_path: Path | None = None
    tls_key_path: Path | None = None

    # Where changes are distinguished from the start, in the words of POST /_sandbox/hooks; None leaves what was set
    # before.
    hooks: dict[str, str] | None = Field(default=None, repr=False)

    first_transaction_id: int = 395970001
    first_check_id: int = 981601
    first_batch_number: int = Field(default=1, ge=1, le=999)

    @property
    def zone(self) -> ZoneInfo:
        """The zone of every date and clock text."""
        return ZoneInfo(self.time_zone)
