"""Settings of the ingress: who may send, how much, how fast, and how long anybody waits."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from app.ingress.listening import ListenSettings

SECRET_PREFIX = "whsec_"  # noqa: S105 -- the prefix that Standard Webhooks gives to secrets, not a secret
# The specification asks for 24 bytes or more.
SHORTEST_SECRET_BYTES = 24
SHORTEST_TOKEN = 24
_PATH = re.compile(r"[A-Za-z0-9_-]+")


class IngressSettings(ListenSettings):
    """One ingress. Every way in is shut until its secret is set.

    hook_secrets        of POST /hooks/paytrace, as whsec_<base64>; several are valid at once while keys rotate
    replay_window_s     how far a hook's timestamp may be from now, both ways
    hook_rows           fact: a signed row is believed; hint: PayTrace is asked about it, as about a Silent Post
    silent_post_path    last part of POST /silent-post/<...>, as secret as a password
    observation_tokens  bearer tokens of POST /observations
    dispute_hook_secrets, upload_secrets   of POST /hooks/disputes and POST /files, as hook_secrets
    max_upload_bytes    of the body of an upload, which holds the file as base64: a third larger than the file
    ack_timeout_s       how long a sender waits for the broker; below the 60 s after which the producer itself gives up
    look_up_timeout_s   how long a sender of a hint waits for PayTrace
    requests_at_once    with max_body_bytes, bounds the memory that strangers can claim: 64 x 256 KiB = 16 MiB
    rate_per_s, burst   requests of one address
    metrics_port        Prometheus on loopback; 0 is off
    """

    port: int = Field(default=8480, ge=0, le=65535)

    hook_secrets: tuple[SecretStr, ...] = ()
    replay_window_s: float = Field(default=300.0, gt=0)
    hook_rows: Literal["fact", "hint"] = "fact"
    silent_post_path: SecretStr = SecretStr("")
    observation_tokens: tuple[SecretStr, ...] = ()
    dispute_hook_secrets: tuple[SecretStr, ...] = ()
    upload_secrets: tuple[SecretStr, ...] = ()

    ack_timeout_s: float = Field(default=5.0, gt=0, lt=60)
    look_up_timeout_s: float = Field(default=15.0, gt=0)
    look_ups_at_once: int = Field(default=4, ge=1)
    retry_after_s: int = Field(default=5, ge=1)

    max_body_bytes: int = Field(default=256 * 1024, ge=1024, le=8 * 1024 * 1024)
    max_upload_bytes: int = Field(default=8 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    max_observations: int = Field(default=500, ge=1)
    requests_at_once: int = Field(default=64, ge=1)
    connections_at_once: int = Field(default=512, ge=1)
    rate_per_s: float = Field(default=100.0, gt=0)
    burst: int = Field(default=200, ge=1)
    metrics_port: int = Field(default=0, ge=0, le=65535)

    @property
    def graceful_s(self) -> float:
        """How long an end waits for what is being answered."""
        return self.body_timeout_s + self.look_up_timeout_s

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in ("hook_secrets", "dispute_hook_secrets", "upload_secrets"):
            for number, secret in enumerate(getattr(self, name)):
                if len(hook_key(secret)) < SHORTEST_SECRET_BYTES:
                    raise ValueError(
                        f"{name}[{number}] must be whsec_ and base64 of {SHORTEST_SECRET_BYTES} bytes or more"
                    )
        for number, token in enumerate(self.observation_tokens):
            text = token.get_secret_value()
            if len(text) < SHORTEST_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
                raise ValueError(f"observation_tokens[{number}] must be {SHORTEST_TOKEN} visible characters or more")
        path = self.silent_post_path.get_secret_value()
        if path and (len(path) < SHORTEST_TOKEN or not _PATH.fullmatch(path)):
            raise ValueError(f"silent_post_path must be {SHORTEST_TOKEN} or more of A-Z a-z 0-9 _ -")
        return self


def hook_key(secret: SecretStr) -> bytes:
    """Return the key in a Standard Webhooks secret; empty when it is none."""
    text = secret.get_secret_value().removeprefix(SECRET_PREFIX)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
