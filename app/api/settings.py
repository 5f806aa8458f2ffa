"""Settings of the API: where it listens, how much it takes, and who proves people's log-ins."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from app.ingress.listening import ListenSettings, is_loopback


class ApiSettings(ListenSettings):
    """One API, with its log-in pages.

    port               8490 unless another is named, so that its address is stable
    public_url         base address as people reach it, e.g. behind a proxy; default http://<host>:<port>
    max_body_bytes     of a request, which may hold a file as base64
    command_wait_s     how long a command waits for its outcome; then it answers `unanswered`
    rate_per_s, burst  requests of one key or user; of one address before anybody is known
    page_size          rows of a page unless the request says so, max_page_size at most
    oidc_issuer        address of the provider that people log in with; empty has passwords alone
    oidc_claim         claim of the ID token that names a user's subject: sub, or email if the provider verified it
    oidc_timeout_s     how long a log-in waits for the provider
    """

    port: int = Field(default=8490, ge=0, le=65535)
    public_url: str = Field(default="", pattern=r"^(https?://[^/?#]+)?$")

    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    command_wait_s: float = Field(default=20.0, gt=0, le=120)
    requests_at_once: int = Field(default=32, ge=1)
    rate_per_s: float = Field(default=20.0, gt=0)
    burst: int = Field(default=100, ge=1)
    page_size: int = Field(default=100, ge=1)
    max_page_size: int = Field(default=1_000, ge=1)

    oidc_issuer: str = Field(default="", pattern=r"^(https?://.+)?$")
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_claim: str = Field(default="sub", pattern=r"^[A-Za-z0-9_.:/-]+$")
    oidc_scopes: str = "openid email profile"
    oidc_timeout_s: float = Field(default=10.0, gt=0)

    @property
    def address(self) -> str:
        """The base address as people reach it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"{'https' if self.tls_cert_path else 'http'}://{host}:{self.port}"

    @property
    def is_secure(self) -> bool:
        """Whether people reach it by TLS alone, so that cookies may demand it."""
        return self.public_url.startswith("https://") or self.tls_cert_path is not None

    @property
    def graceful_s(self) -> float:
        """How long an end waits for what is being answered."""
        return self.body_timeout_s + self.command_wait_s

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.page_size > self.max_page_size:
            raise ValueError("page_size is above max_page_size")
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("oidc_issuer needs oidc_client_id")
        issuer = urlsplit(self.oidc_issuer)
        if issuer.scheme == "http" and not is_loopback(issuer.hostname or ""):
            raise ValueError("oidc_issuer must be https beyond loopback: whoever changes its answers could be anybody")
        return self
