"""People log in at a provider (OpenID Connect, authorization code with PKCE); who they are here says users.json.

    /login/provider -> provider -> /login/callback: state of this browser, code for tokens, ID token proved -> session

Roles are Saldo's own: the provider proves who somebody is and decides nothing about money (docs/adr/0115).
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.access.errors import LoginNeeded
from app.api.settings import ApiSettings
from schemas.failures import Unavailable

# Signatures by a key that the provider publishes; never "none", and no shared secret.
_ALGORITHMS: Final = ["RS256", "PS256", "ES256", "EdDSA"]
# Two clocks may differ by this much. Units: seconds.
_LEEWAY_S: Final = 60
_DISCOVERY: Final = "/.well-known/openid-configuration"


class Provider:
    """One provider of log-ins; its description is asked when it is first needed."""

    def __init__(self, settings: ApiSettings, redirect_url: str, http: httpx2.Client | None = None) -> None:
        """Take its settings, and the address at which a browser comes back."""
        self._settings = settings
        self._redirect_url = redirect_url
        self._http = http or httpx2.Client(timeout=settings.oidc_timeout_s, trust_env=False, follow_redirects=False)
        self._described: Mapping[str, Any] | None = None
        self._guard = threading.Lock()

    def begin(self, next_path: str) -> tuple[str, dict[str, Any]]:
        """Return the address to which a browser goes, and what it has to bring back. Blocks."""
        state = {
            "state": secrets.token_urlsafe(24),
            "nonce": secrets.token_urlsafe(24),
            "verifier": secrets.token_urlsafe(48),
            "next": next_path,
        }
        query = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": self._redirect_url,
            "scope": self._settings.oidc_scopes,
            "state": state["state"],
            "nonce": state["nonce"],
            "code_challenge": create_s256_code_challenge(state["verifier"]),
            "code_challenge_method": "S256",
        }
        address = str(self._description()["authorization_endpoint"])
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", state

    def subject(self, query: Mapping[str, str], kept: Mapping[str, Any], *, now: datetime) -> str:
        """Return who has logged in, as the claim of the settings names that person. Blocks.

        Raises: LoginNeeded when anything does not fit: the browser, the provider, or its token; Unavailable.
        """
        if not hmac.compare_digest(query.get("state", "").encode(), str(kept.get("state", "")).encode()):
            raise LoginNeeded("this log-in was begun elsewhere; begin anew at /login")
        described = self._description()
        # A second provider's answer must not pass for this one's (RFC 9207).
        if query.get("iss", described["issuer"]) != described["issuer"]:
            raise LoginNeeded("another provider answered; begin anew at /login")
        if "code" not in query:
            raise LoginNeeded("the provider let nobody in; begin anew at /login")
        claims = self._claims(query["code"], kept, now)
        name = self._settings.oidc_claim
        found = claims.get(name)
        if not isinstance(found, str) or not found:
            raise LoginNeeded(f"the provider says no {name} of this person; SALDO_API_OIDC_CLAIM names another claim")
        if name == "email" and claims.get("email_verified") is not True:
            raise LoginNeeded("the provider has not verified this e-mail address, so it proves nobody")
        return found

    def _claims(self, code: str, kept: Mapping[str, Any], now: datetime) -> CodeIDToken:
        settings, described = self._settings, self._description()
        answer = self._ask(
            "POST",
            str(described["token_endpoint"]),
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._redirect_url,
                "client_id": settings.oidc_client_id,
                "code_verifier": kept["verifier"],
            },
            auth=(settings.oidc_client_id, settings.oidc_client_secret.get_secret_value())
            if settings.oidc_client_secret.get_secret_value()
            else None,
        )
        try:
            keys = KeySet.import_key_set(self._ask("GET", str(described["jwks_uri"])))
            token = jwt.decode(str(answer["id_token"]), keys, algorithms=_ALGORITHMS)
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": described["issuer"]},
                    "aud": {"essential": True, "value": settings.oidc_client_id},
                    "nonce": {"essential": True},
                },
                params={
                    "nonce": kept["nonce"],
                    "client_id": settings.oidc_client_id,
                    "access_token": answer.get("access_token"),
                },
            )
            claims.validate(now=int(now.timestamp()), leeway=_LEEWAY_S)
        except (JoseError, KeyError, ValueError, TypeError) as error:
            raise LoginNeeded(f"the provider's token proves nobody ({type(error).__name__}); begin anew") from None
        return claims

    def _description(self) -> Mapping[str, Any]:
        with self._guard:
            if self._described is None:
                issuer = self._settings.oidc_issuer.rstrip("/")
                found = self._ask("GET", issuer + _DISCOVERY)
                if str(found.get("issuer", "")).rstrip("/") != issuer:
                    raise Unavailable("the provider names another issuer than SALDO_API_OIDC_ISSUER")
                self._described = found
            return self._described

    def _ask(self, method: str, address: str, **more: Any) -> Any:
        """Return the JSON object that the provider answers. Raises: Unavailable; LoginNeeded when it refuses."""
        try:
            answer = self._http.request(method, address, **more)
        except httpx2.HTTPError as error:
            raise Unavailable(f"the provider of log-ins does not answer ({type(error).__name__})") from error
        if answer.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"the provider of log-ins answers {answer.status_code}")
        if answer.status_code != httpx2.codes.OK:
            raise LoginNeeded("the provider refused this log-in; begin anew at /login")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Unavailable("the provider of log-ins answers no JSON object")
        return found
