"""How e-mail goes out; gathered by app/settings/settings.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.common.reach import is_loopback

_ADDRESS = re.compile(r"[^@\s<>,;:\"()\\\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", re.ASCII)


class MailSettings(BaseModel):
    """One mail server. Without a host no e-mail is sent.

    security   starttls (port 587) and tls (port 465) prove the server's certificate; none is for loopback alone
    ca_file    PEM file of a private certificate authority, believed besides the public ones
    sender     address in From; its domain ends every Message-ID
    to         receiver of alert-rules -> addresses
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: Path | None = None
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = "saldo@localhost"
    to: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    timeout_s: float = Field(default=20.0, gt=0, le=300)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, addresses in (("sender", (self.sender,)), *self.to.items()):
            for address in addresses:
                if not _ADDRESS.fullmatch(address):
                    raise ValueError(f"{name}: an address must be of the form name@example.com, in ASCII")
        if self.security == "none" and self.host and not is_loopback(self.host):
            raise ValueError("security is none and host is not this machine; set security to starttls or tls")
        if self.username and self.security == "none" and not is_loopback(self.host):
            raise ValueError("a password is never sent without TLS; set security to starttls or tls")
        return self
