"""What settings of every process that listens have in common: where, with or without TLS, and how patient it is."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ListenSettings(BaseModel):
    """A process that listens.

    tls_cert_path, ...  PEM files; without them only loopback is served, unless plain_http_beyond_loopback says that
                        somebody else ends TLS
    graceful_s          how long an end waits for what is being answered
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    tls_cert_path: Path | None = None
    tls_key_path: Path | None = None
    plain_http_beyond_loopback: bool = False
    body_timeout_s: float = Field(default=10.0, gt=0)
    header_timeout_s: float = Field(default=10.0, gt=0)
    connections_at_once: int = Field(default=256, ge=1)

    @property
    def graceful_s(self) -> float:
        """How long an end waits for what is being answered."""
        return self.body_timeout_s

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if (self.tls_cert_path is None) != (self.tls_key_path is None):
            raise ValueError("tls_cert_path and tls_key_path belong together")
        if not (is_loopback(self.host) or self.tls_cert_path or self.plain_http_beyond_loopback):
            raise ValueError(
                "host is not loopback, so set tls_cert_path and tls_key_path, or plain_http_beyond_loopback=true when "
                "a proxy in front ends TLS"
            )
        return self


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
