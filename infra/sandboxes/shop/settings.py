"""How the shop behaves where shops differ or the reference leaves a choice; each can be played the other way."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field


class TaxRate(BaseModel):
    """One tax rate of the shop. Units: percent as people write it, 8.25."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    code: str
    label: str = "Tax"
    percent: Decimal
    compound: bool = False
    on_shipping: bool = True


class ShopSandboxSettings(BaseModel):
    """One pretended shop. Everything but data_dir and the keys may be changed while it runs (POST /_sandbox/settings).

    plugin          where the PayTrace plugin leaves the transaction: transaction_id, meta, notes or nothing
    failures_to_disable   which failure in a row switches a hook off; the source says the 7th, the docs the 5th
    honours_modified_filter   false plays a shop of before 5.8, which ignores modified_after in silence
    hook_url        where hooks of its orders go from its start on, signed with hook_secret; empty: as they are made
    paytrace_url    a PayTrace sandbox in which buyers really pay; empty: the shop makes transactions up
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path
    consumer_key: str = "ck_" + "0123456789abcdef" * 2 + "01234567"
    consumer_secret: str = "cs_" + "fedcba9876543210" * 2 + "fedcba98"
    permission: Literal["read", "write", "read_write"] = "read_write"

    home_url: str = "https://shop.example/"
    currency: str = "USD"
    decimals: int = Field(default=2, ge=0, le=6)
    time_zone: str = "America/Los_Angeles"
    prices_include_tax: bool = False
    tax_rounding: Literal["line", "subtotal"] = "line"
    tax_rates: tuple[TaxRate, ...] = (TaxRate(id=1, code="US-CA-TAX-1", percent=Decimal("8.25")),)

    first_id: int = 1200
    ids_between_orders: int = Field(default=2, ge=0)  # other things of the shop use the same counter
    number_prefix: str = "W"
    hold_minutes: int = Field(default=60, ge=1)
    draft_hours: int = Field(default=24, ge=1)

    gateway_id: str = "paytrace"
    plugin: Literal["transaction_id", "meta", "notes", "nothing"] = "transaction_id"
    replaces_id_on_capture: bool = False
    authorized_status: str = "on-hold"
    sends_captured_flag: bool = True

    any_includes_drafts: bool = True
    honours_modified_filter: bool = True
    opening_moves_modified: bool = False
    has_refund_list: bool = True  # GET /refunds, since 9.0
    unknown_order_refund_status: Literal[404, 500] = 500

    failures_to_disable: int = Field(default=7, ge=1)
    hook_timeout_s: float = Field(default=60.0, gt=0)
    hook_url: str = ""
    hook_secret: str = ""
    sees_refund_deletion: bool = False  # whether a deleted refund fires order.updated; since 11.2

    paytrace_url: str = ""
    paytrace_username: str = "demo123"
    paytrace_password: str = "demo123"  # noqa: S105 -- the vendor's published demo user

    @property
    def zone(self) -> ZoneInfo:
        """The zone of every date without `_gmt`."""
        return ZoneInfo(self.time_zone)
