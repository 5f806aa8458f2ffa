"""Settings of the PayTrace edge: what an operator may set, and what the reference could not tell us.

Every assumption about PayTrace that no public page settles is a field here with its default, so that a test
against the live system corrects a value and no code. docs/paytrace.md lists them in one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.common.reach import ReachSettings
from connectors.common.several import named
from schemas.values.business_day import PAYTRACE_ZONE

ApiVersion = Literal["v1", "v3"]
AchSource = Literal["auto", "v3", "v1", "off"]
AmbiguousTime = Literal["first", "second"]


class PayTraceAccount(BaseModel):
    """What one of several merchant accounts has of its own; what it leaves out is that of [paytrace]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    integrator_id: str = ""
    merchant_id: int = 0
    api_version: ApiVersion = "v1"
    ach_source: AchSource = "auto"
    time_zone: str = PAYTRACE_ZONE.key
    ambiguous_time: AmbiguousTime = "first"
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")


class PayTraceSettings(ReachSettings):
    """One PayTrace merchant account, its credentials and how gently we ask; or what several have in common.

    Units:  fields end in their unit; secrets are masked in repr and in logs.
    Shapes: accounts is, by our label of each merchant account, what differs there: a log-in, a zone, a currency.
            Without it, these settings are the one account, under the label `merchant`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = "https://api.sandbox.paytrace.com"
    username: str = ""
    password: SecretStr = SecretStr("")
    integrator_id: str = ""
    merchant: str = "main"
    merchant_id: int = 0
    accounts: Mapping[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")], PayTraceAccount] = Field(
        default_factory=dict
    )

    api_version: ApiVersion = "v1"
    # auto reads ACH over v3 and goes on without it, with a warning, where this account has no v3.
    ach_source: AchSource = "auto"
    time_zone: str = PAYTRACE_ZONE.key
    ambiguous_time: AmbiguousTime = "first"
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")

    lookback_window_days: int = Field(default=45, ge=1)
    # Filters are evaluated in a zone that nobody documents, so each range is asked one day wider on both sides.
    range_margin_days: int = Field(default=1, ge=0)
    # A clock of PayTrace's that is days ahead of ours dates transactions where a poll up to today would not look.
    lookahead_days: int = Field(default=7, ge=0)
    # ACH debits can come back long after they settled, so they get a longer look than cards.
    ach_lookback_window_days: int = Field(default=65, ge=1)

    token_life_s: float = Field(default=7200.0, gt=0)
    v3_token_life_s: float = Field(default=900.0, gt=0)
    token_renewal_margin_s: float = Field(default=60.0, ge=0)
    x_permalinks: str = ""

    connect_timeout_s: float = Field(default=10.0, gt=0)
    # The vendor states 3 to 6 s for an authorization; ten times that outlives a slow host.
    read_timeout_s: float = Field(default=60.0, gt=0)
    max_body_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    max_concurrent_requests: int = Field(default=2, ge=1)
    max_requests_per_s: float = Field(default=5.0, gt=0)
    read_attempts: int = Field(default=4, ge=1)
    retry_wait_initial_s: float = Field(default=0.5, ge=0)
    retry_wait_max_s: float = Field(default=20.0, ge=0)

    # A payment request that waited longer is not carried out: whoever made it may have helped himself meanwhile.
    payment_request_expires_s: float = Field(default=86_400.0, gt=0)
    # After a call without an answer: how long PayTrace may still be at it. Then a void or capture is made again, and a
    # person is asked about what PayTrace would take twice.
    outcome_wait_s: float = Field(default=90.0, ge=0)

    ach_page_size: int = Field(default=30, ge=1, le=30)
    check_export_path: str = "/v1/checks/export/by_date_range"
    recurrence_export_path: str = "/v1/recurrence/export_scheduled"
    recurrence_update_path: str = "/v1/recurrence/update"

    def each(self) -> Mapping[str, PayTraceSettings]:
        """Return the settings of every merchant account, by its label; one at least."""
        if not self.accounts:
            return {self.merchant: self}
        return {label: self._account(label, own) for label, own in self.accounts.items()}

    def of(self, label: str | None) -> PayTraceSettings:
        """Return the settings of one merchant account; None means the only one.

        Raises: ContractBroken naming the accounts when there is none of this label, or None leaves it open.
        """
        return named(self.each(), label, "merchant account", "merchant accounts")

    @property
    def currencies(self) -> Mapping[str, str]:
        """The currency of every merchant account, by its label."""
        return {label: account.currency for label, account in self.each().items()}

    def _account(self, label: str, own: PayTraceAccount) -> PayTraceSettings:
        differs = {name: getattr(own, name) for name in own.model_fields_set}
        return self.model_copy(update={**differs, "merchant": label, "accounts": {}})

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which PayTrace's clock texts and date filters are read."""
        return ZoneInfo(self.time_zone)

    @property
    def fold(self) -> int:
        """Which of two equal wall-clock times is meant in the autumn night: 0 the first, 1 the second."""
        return 0 if self.ambiguous_time == "first" else 1
