"""Settings of shops: their keys, how gently they are asked, and every unknown of the reference as a field.

One shop is the section itself, under the label `label`; several stand in `shops` with what each has of its own.
docs/shop.md has them in a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Self

import httpx2
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.common.reach import ReachSettings, is_loopback

_LABEL = r"^[a-z0-9][a-z0-9-]{0,39}$"
_SECRET = re.compile(r"[A-Za-z0-9]{24,}")


class OneShop(BaseModel):
    """What one of several shops has of its own; what it leaves out is that of [shop]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = ""
    consumer_key: str = ""
    consumer_secret: SecretStr = SecretStr("")
    hook_secret: SecretStr = SecretStr("")
    hook_url: str = ""
    writes_back: bool = False
    paytrace_methods: tuple[str, ...] = ("paytrace", "paytrace_*")
    transaction_meta_keys: tuple[str, ...] = ("_wc_paytrace_transaction_id", "_paytrace_transaction_id")
    captured_meta_key: str = "_wc_paytrace_is_payment_captured"


class ShopSettings(ReachSettings):
    """One WooCommerce shop, or what several have in common. Without base_url no shop is read.

    base_url         the shop's address; https, plain http for loopback alone, since the keys go with every request
    hook_secret      what the shop signs hooks with: letters and digits, 24 or more, since the shop HTML-decodes it;
                     empty shuts POST /hooks/shop/<label>
    hook_url         where the shop sends them, by which its hooks are looked up; empty means any hook of orders
    writes_back      whether notes, statuses and refunds may be written into the shop
    paytrace_methods       payment methods that are PayTrace, with * for any end
    transaction_meta_keys  where the plugin leaves the transaction besides transaction_id
    captured_meta_key      where it says whether it captured
    poll_every_s     pause between two polls by time of change; hints of hooks are followed every look_every_s
    overlap_s        how far a poll looks back behind the one before
    sweep_days       orders of so many days are read again every sweep_every_s, whatever their time of change says
    silence_s        hooks that stay away so long while polls find changes are reported as silent
    refused_again_s  a shop that refuses our keys is left alone for so long: asking on would lock us out
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str = Field(default="main", pattern=_LABEL)
    base_url: str = ""
    consumer_key: str = ""
    consumer_secret: SecretStr = SecretStr("")
    hook_secret: SecretStr = SecretStr("")
    hook_url: str = ""
    writes_back: bool = False
    paytrace_methods: tuple[str, ...] = ("paytrace", "paytrace_*")
    transaction_meta_keys: tuple[str, ...] = ("_wc_paytrace_transaction_id", "_paytrace_transaction_id")
    captured_meta_key: str = "_wc_paytrace_is_payment_captured"
    shops: Mapping[Annotated[str, Field(pattern=_LABEL)], OneShop] = Field(default_factory=dict)

    look_every_s: float = Field(default=2.0, gt=0)
    poll_every_s: float = Field(default=300.0, gt=0)
    overlap_s: float = Field(default=900.0, ge=0)
    sweep_days: int = Field(default=45, ge=1)
    sweep_every_s: float = Field(default=86_400.0, gt=0)
    silence_s: float = Field(default=1_800.0, gt=0)
    refused_again_s: float = Field(default=900.0, gt=0)

    page_size: int = Field(default=100, ge=1, le=100)
    page_size_after_timeout: int = Field(default=25, ge=1, le=100)
    most_restarts: int = Field(default=5, ge=0)
    max_requests_per_s: float = Field(default=2.0, gt=0)
    connect_timeout_s: float = Field(default=10.0, gt=0)
    read_timeout_s: float = Field(default=60.0, gt=0)
    max_body_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    read_attempts: int = Field(default=3, ge=1)
    retry_wait_initial_s: float = Field(default=1.0, ge=0)
    retry_wait_max_s: float = Field(default=20.0, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for label, shop in self.each().items():
            _check(label, shop)
        return self

    @property
    def is_used(self) -> bool:
        """Whether there is a shop to read."""
        return bool(self.each())

    def each(self) -> Mapping[str, ShopSettings]:
        """Return the settings of every shop, by its label; none where no address is set."""
        if self.shops:
            return {label: self._one(label, own) for label, own in self.shops.items()}
        return {self.label: self} if self.base_url else {}

    def _one(self, label: str, own: OneShop) -> ShopSettings:
        differs = {name: getattr(own, name) for name in own.model_fields_set}
        return self.model_copy(update={**differs, "label": label, "shops": {}})

    def is_paytrace(self, method: str) -> bool:
        """Return whether a payment method of the shop is PayTrace."""
        return any(fnmatchcase(method, pattern) for pattern in self.paytrace_methods)


def _check(label: str, shop: ShopSettings) -> None:
    try:
        url = httpx2.URL(shop.base_url)
    except (httpx2.InvalidURL, TypeError, ValueError):
        raise ValueError(f"base_url of shop {label} is no address") from None
    if not url.host or not (url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host))):
        raise ValueError(f"base_url of shop {label} must begin with https://: the keys go with every request")
    # The secret is asked for by whoever calls the shop: all other processes have the settings without secrets.
    if not shop.consumer_key:
        raise ValueError(f"shop {label} has no keys; set consumer_key and consumer_secret (WooCommerce, REST API)")
    secret = shop.hook_secret.get_secret_value()
    if secret and not _SECRET.fullmatch(secret):
        raise ValueError(f"hook_secret of shop {label} must be 24 letters and digits or more, and nothing else")
