"""Who gets webhooks; gathered by app/settings/settings.py."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Self

import httpx2
from pydantic import ConfigDict, Field, SecretStr, model_validator

from connectors.common.reach import ReachSettings, is_loopback

_PREFIX = "whsec_"
_SHORTEST_SECRET_BYTES = 24


class WebhookSettings(ReachSettings):
    """Receivers of webhooks, by their names in alert-rules.

    to        receiver -> https address; plain http for loopback alone
    secrets   receiver -> whsec_<base64 of 24 bytes or more>, which signs what it gets
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: Mapping[str, str] = Field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = Field(default_factory=dict)
    timeout_s: float = Field(default=15.0, gt=0, le=300)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, address in self.to.items():
            try:
                url = httpx2.URL(address)
            except (httpx2.InvalidURL, TypeError, ValueError):
                raise ValueError(f"to.{name} is no address") from None
            if not url.host or not (url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host))):
                raise ValueError(f"to.{name} must begin with https://")
            if name not in self.secrets:
                raise ValueError(
                    f"to.{name} has no secret; add one to secrets, and give it to whoever runs the receiver"
                )
        for name, secret in self.secrets.items():
            text = secret.get_secret_value()
            try:
                key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if not text.startswith(_PREFIX) or len(key) < _SHORTEST_SECRET_BYTES:
                raise ValueError(f"secrets.{name} must be whsec_ and base64 of {_SHORTEST_SECRET_BYTES} bytes or more")
        return self
