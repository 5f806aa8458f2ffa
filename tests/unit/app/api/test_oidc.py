"""What a provider says is believed when all of it fits: browser, issuer, signature, audience, nonce, time, claim."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from app.access.errors import LoginNeeded
from app.api.oidc import Provider
from app.api.settings import ApiSettings
from schemas.failures import Unavailable
from tests.support.api import NOW

ISSUER = "https://login.example"
KEY = RSAKey.generate_key(2048, {"kid": "k1"})
OTHER = RSAKey.generate_key(2048, {"kid": "k1"})
AT = int(NOW.timestamp())
DESCRIBED = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
}


def claims(**more: Any) -> dict[str, Any]:
    found = {"iss": ISSUER, "aud": "saldo", "sub": "d.kim", "iat": AT, "exp": AT + 300, "nonce": "n1"}
    return {name: value for name, value in (found | more).items() if value is not None}


def token(given: dict[str, Any], key: Any = KEY, algorithm: str = "RS256") -> str:
    return jwt.encode({"alg": algorithm, "kid": "k1"}, given, key, algorithms=[algorithm])


def provider(id_token: str, claim: str = "sub", *, answers: Callable[[httpx2.Request], Any] | None = None) -> Provider:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if answers is not None and (found := answers(request)) is not None:
            return httpx2.Response(found[0], content=found[1])
        path = request.url.path
        if path == "/token":
            sent = parse_qs(request.content.decode())
            assert sent["code_verifier"] == ["v1"]
            return httpx2.Response(200, json={"id_token": id_token, "access_token": "a"})
        known = {"/.well-known/openid-configuration": DESCRIBED, "/jwks": {"keys": [KEY.as_dict(private=False)]}}
        return httpx2.Response(200, json=known[path])

    settings = ApiSettings(oidc_issuer=ISSUER, oidc_client_id="saldo", oidc_claim=claim)
    return Provider(settings, "https://saldo.example/cb", httpx2.Client(transport=httpx2.MockTransport(answer)))


KEPT = {"state": "s1", "nonce": "n1", "verifier": "v1", "next": "/"}
QUERY = {"state": "s1", "code": "c1", "iss": ISSUER}


def test_who_has_logged_in_is_the_claim_of_the_settings() -> None:
    assert provider(token(claims())).subject(QUERY, KEPT, now=NOW) == "d.kim"
    verified = token(claims(email="d@example.com", email_verified=True))
    assert provider(verified, "email").subject(QUERY, KEPT, now=NOW) == "d@example.com"


@pytest.mark.parametrize(
    "id_token",
    [
        token(claims(), OTHER),
        token(claims(iss="https://evil.example")),
        token(claims(aud="another")),
        token(claims(nonce="n2")),
        token(claims(nonce=None)),
        token(claims(exp=AT - 120)),
        token(claims(exp=None)),
        token(claims(iat=AT + 600)),
        token(claims(sub=None)),
        token(claims(sub="")),
        token(claims(), OctKey.import_key(json.dumps(KEY.as_dict(private=False)).encode()), "HS256"),
        "eyJhbGciOiJub25lIn0.e30.",
        "no token",
    ],
)
def test_a_token_that_does_not_fit_proves_nobody(id_token: str) -> None:
    with pytest.raises(LoginNeeded):
        provider(id_token).subject(QUERY, KEPT, now=NOW)


@pytest.mark.parametrize(
    "query",
    [
        {},
        QUERY | {"state": "s2"},
        QUERY | {"iss": "https://evil.example"},
        {"state": "s1", "error": "access_denied"},
    ],
)
def test_an_answer_that_this_browser_did_not_ask_for_proves_nobody(query: dict[str, str]) -> None:
    with pytest.raises(LoginNeeded):
        provider(token(claims())).subject(query, KEPT, now=NOW)


@pytest.mark.parametrize("more", [{}, {"email": "d@example.com"}, {"email": "d@example.com", "email_verified": "true"}])
def test_an_address_that_nobody_verified_proves_nobody(more: dict[str, Any]) -> None:
    with pytest.raises(LoginNeeded):
        provider(token(claims(**more)), "email").subject(QUERY, KEPT, now=NOW)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [((503, b""), Unavailable), ((200, b"[]"), Unavailable), ((400, b""), LoginNeeded), ((302, b""), LoginNeeded)],
)
def test_a_provider_that_is_away_is_not_a_wrong_password(answer: Any, expected: type[Exception]) -> None:
    def answers(request: httpx2.Request) -> Any:
        return answer if request.url.path == "/token" else None

    with pytest.raises(expected):
        provider(token(claims()), answers=answers).subject(QUERY, KEPT, now=NOW)


def test_a_provider_that_calls_itself_otherwise_is_not_asked() -> None:
    def answers(request: httpx2.Request) -> Any:
        return (200, json.dumps(DESCRIBED | {"issuer": "https://evil.example"}).encode())

    with pytest.raises(Unavailable):
        provider("", answers=answers).begin("/")


def test_the_browser_goes_to_the_provider_with_pkce_and_a_state_of_its_own() -> None:
    one, kept = provider("").begin("/a")
    other, _ = provider("").begin("/a")
    query = parse_qs(urlsplit(one).query)
    assert (query["code_challenge_method"], query["response_type"]) == (["S256"], ["code"])
    assert query["state"] == [kept["state"]]
    assert kept["verifier"] not in one
    assert one != other
