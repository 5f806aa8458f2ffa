"""Who asks: a machine by its key, a person by a session in a cookie, or the one user of an installation without users.

A browser sends cookies and reaches loopback whoever's page is open in it. So what changes something needs, from a
browser, our own origin and a token that only our pages know; cookies are HttpOnly, SameSite=Lax and, under TLS, Secure.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from starlette.requests import Request
from starlette.responses import Response

from app.access.access import Access
from app.access.actor import Actor, single_user
from app.access.errors import LoginNeeded
from app.api.settings import ApiSettings
from app.ingress.problems import FieldError, Problem
from projections.serving.log_in import is_of_owner
from schemas.failures import ContractBroken
from schemas.files.private_files import locked_private, read_private, write_private

CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf_token"
_SECRET_BYTES: Final = 32
# Long enough to type a password at the provider, and a second factor.
_LOG_IN_LASTS: Final = timedelta(minutes=10)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class People:
    """Cookies, tokens and keys of one API."""

    def __init__(
        self,
        access: Access,
        settings: ApiSettings,
        secret: bytes,
        now: Callable[[], datetime],
        is_owner: Callable[[Request], bool] | None = None,
    ) -> None:
        """Bind to an installation; is_owner says whether a request comes from the user who runs this process."""
        self.access = access
        self._settings = settings
        self._secret = secret
        self._now = now
        self._is_owner = is_owner or _is_of_owner
        # Cookies of one host are shared by all its ports, so each installation has names of its own.
        mark = hashlib.sha256(b"cookie" + secret).hexdigest()[:8]
        prefix = "__Host-" if settings.is_secure else ""
        self._session, self._begun = f"{prefix}saldo_{mark}", f"{prefix}saldo_login_{mark}"

    # -- who is it? ------------------------------------------------------------------------------------------------

    def actor(self, request: Request) -> Actor:
        """Return who asks.

        Raises: LoginNeeded; Problem (401) for an Authorization that is none of ours, (403) for a browser's request
                that our own pages did not send.
        """
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme:
            if scheme.lower() != "bearer" or not given.strip():
                raise unknown("send Authorization: Bearer and a key (`saldo user add-key`)")
            return self.access.actor_of_key(given.strip(), now=self._now())
        if not self.access.store.read():
            if not self._is_owner(request):
                raise LoginNeeded(
                    "without users only processes of the operating system's user who runs Saldo may ask; make users "
                    "(`saldo user add`)"
                )
            self._prove_own_page(request)
            return single_user()
        token = request.cookies.get(self._session)
        if not token:
            raise LoginNeeded("log in at /login, or send Authorization: Bearer and a key (`saldo user add-key`)")
        found = self.access.actor_of_token(token, now=self._now())
        self._prove_own_page(request)
        return found

    def csrf(self, request: Request) -> str:
        """Return the token that a form of this session carries as csrf_token, and a script as X-CSRF-Token."""
        bound = request.cookies.get(self._session) or request.cookies.get(self._begun) or "nobody"
        return hmac.new(self._secret, b"csrf" + bound.encode("utf-8", "surrogatepass"), "sha256").hexdigest()

    def prove_form(self, request: Request, given: str) -> None:
        """Let pass a form of our own pages. Raises: Problem (403)."""
        self._prove_origin(request)
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.csrf(request).encode()):
            raise _foreign_page()

    def _prove_own_page(self, request: Request) -> None:
        if request.method in _SAFE:
            return
        self._prove_origin(request)
        if getattr(request.state, "is_form", False):
            return  # its token is in its body, and proved there (prove_form)
        is_browser = "cookie" in request.headers or "sec-fetch-site" in request.headers or "origin" in request.headers
        given = request.headers.get(CSRF_HEADER, "")
        if is_browser and not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.csrf(request).encode()):
            raise _foreign_page()

    def _prove_origin(self, request: Request) -> None:
        origin = request.headers.get("origin")
        own = self._settings.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
        if origin is not None and origin != own:
            raise _foreign_page()
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise _foreign_page()

    # -- log-in ----------------------------------------------------------------------------------------------------

    def begin(self, request: Request, response: Response) -> None:
        """Give a browser that is nobody yet something that its log-in form is bound to."""
        if self._session not in request.cookies and self._begun not in request.cookies:
            request.cookies[self._begun] = secrets.token_urlsafe(24)
        if self._begun in request.cookies:
            self._set(response, self._begun, request.cookies[self._begun], _LOG_IN_LASTS)

    def logged_in(self, response: Response, token: str) -> Response:
        """Hand over a new session; what the browser had before counts no more, so none can be put under it."""
        ends = self.access.actor_of_token(token, now=self._now()).ends_at
        assert ends is not None
        self._set(response, self._session, token, ends - self._now())
        response.delete_cookie(self._begun, path="/", secure=self._settings.is_secure, httponly=True, samesite="lax")
        return response

    def log_out(self, request: Request, response: Response) -> Response:
        """End the session everywhere, and forget its cookie."""
        if token := request.cookies.get(self._session):
            self.access.log_out(token, now=self._now())
        response.delete_cookie(self._session, path="/", secure=self._settings.is_secure, httponly=True, samesite="lax")
        return response

    def keep_state(self, response: Response, state: dict[str, Any]) -> None:
        """Keep what a log-in at the provider has to bring back, in the browser that began it, signed."""
        claims = {**state, "exp": int((self._now() + _LOG_IN_LASTS).timestamp())}
        self._set(response, f"{self._begun}_p", jwt.encode(claims, self._secret, "HS256"), _LOG_IN_LASTS)

    def forget_state(self, response: Response) -> Response:
        """Let it be brought back once."""
        response.delete_cookie(
            f"{self._begun}_p", path="/", secure=self._settings.is_secure, httponly=True, samesite="lax"
        )
        return response

    def kept_state(self, request: Request) -> dict[str, Any]:
        """Return it. Raises: LoginNeeded when this browser began no log-in, or too long ago."""
        try:
            found: dict[str, Any] = jwt.decode(
                request.cookies.get(f"{self._begun}_p", ""),
                self._secret,
                algorithms=["HS256"],
                options={"require": ["exp"], "verify_exp": False},
            )
        except jwt.InvalidTokenError:
            raise LoginNeeded("this browser began no log-in; begin anew at /login") from None
        if found["exp"] <= self._now().timestamp():
            raise LoginNeeded("the log-in took too long; begin anew at /login")
        return found

    def _set(self, response: Response, name: str, value: str, lasts: timedelta) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max(1, int(lasts.total_seconds())),
            path="/",
            secure=self._settings.is_secure,
            httponly=True,
            # Lax and not strict: a link in a message opens for whoever is logged in.
            samesite="lax",
        )


def own_path(text: str) -> str:
    """Return where a log-in leads afterwards: a path of ours, else the start. Never another site's address."""
    parts = urlsplit(text)
    is_ours = text.startswith("/") and not parts.scheme and not parts.netloc and "\\" not in text and text.isprintable()
    return text if is_ours and not text.startswith("//") else "/"


def unknown(remedy: str) -> Problem:
    """401: nobody is known to ask."""
    return Problem(
        401,
        "not-logged-in",
        "Nobody is logged in.",
        FieldError("authorization", remedy),
        headers={"WWW-Authenticate": "Bearer"},
    )


def _foreign_page() -> Problem:
    return Problem(
        403,
        "foreign-page",
        "This request was not sent by a page of Saldo.",
        FieldError(CSRF_HEADER, "open the page anew and try again; programs use a key"),
    )


def _is_of_owner(request: Request) -> bool:
    client, server = request.scope.get("client"), request.scope.get("server")
    if client is None or server is None:
        return False
    try:
        return is_of_owner((client[0], client[1]), (server[0], server[1]))
    except OSError:  # not an address of the network
        return False


def load_secret(path: Path) -> bytes:
    """Return the secret of this API's cookies, in a file that its owner alone reads; made when it is first needed."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked_private(path):
        content = read_private(path)
        if content is None:
            content = secrets.token_hex(_SECRET_BYTES).encode()
            write_private(path, content)
    try:
        found = bytes.fromhex(content.decode("ascii").strip())
    except ValueError:
        found = b""
    if len(found) < _SECRET_BYTES:
        raise ContractBroken(f"{path} is no secret; remove it, and everybody logs in again")
    return found
