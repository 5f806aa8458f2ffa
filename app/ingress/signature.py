"""Proves that a hook comes from somebody who knows a secret of ours, as the Standard Webhooks specification has it.

Signed is `<webhook-id>.<webhook-timestamp>.<body>`, HMAC-SHA256, base64, as `v1,<signature>`; a sender that rotates
keys sends several, separated by blanks. A repeated id is not refused: the same fact folds to the same event, and a
sender whose first answer was lost must be able to repeat. The window only keeps old recordings out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from app.ingress.problems import Problem, unauthorized

_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_MOST_SIGNATURES: Final = 16
_SCHEME: Final = "StandardWebhooks"


class Verifier:
    """Knows the secrets and the time."""

    def __init__(self, keys: Sequence[bytes], window_s: float, now: Callable[[], float]) -> None:
        """Take the valid keys, oldest or newest first alike; now gives seconds since the epoch."""
        self._keys = tuple(keys)
        self._window_s = window_s
        self._now = now

    def verify(self, headers: Mapping[str, str], body: bytes) -> str:
        """Return the webhook-id of a proved hook; raises Problem (401) naming the header that does not fit.

        Shapes:  headers by lower-case name; body exactly as received.
        Ensures: the time that it takes says nothing about a secret, and every key is tried.
        """
        webhook_id = headers.get("webhook-id", "")
        if not _ID.fullmatch(webhook_id):
            raise _unproved("webhook-id", "1 to 256 visible ASCII characters, the same at every repeat")
        timestamp = headers.get("webhook-timestamp", "")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise _unproved("webhook-timestamp", "seconds since the epoch, in digits")
        # Reported before the signature is checked; who does not know a secret learns our clock from the Date header
        # anyway.
        if abs(self._now() - int(timestamp)) > self._window_s:
            raise unauthorized(
                "stale-timestamp",
                "webhook-timestamp",
                f"sign with the present time; it may differ by {self._window_s:g} s",
                _SCHEME,
            )
        given = [
            signature
            for version, _, signature in (part.partition(",") for part in headers.get("webhook-signature", "").split())
            if version == "v1"
        ][:_MOST_SIGNATURES]
        if not given:
            raise _unproved("webhook-signature", "v1,<base64 of HMAC-SHA256 over id.timestamp.body>")
        signed = f"{webhook_id}.{timestamp}.".encode() + body
        proved = False
        for key in self._keys:
            expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
            for signature in given:
                proved |= hmac.compare_digest(expected, signature.encode("utf-8", "replace"))
        if not proved:
            raise _unproved("webhook-signature", "sign id.timestamp.body, byte for byte as sent, with a secret of ours")
        return webhook_id


class Tokens:
    """Bearer tokens that are valid."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._digests = [hashlib.sha256(token.encode()).digest() for token in tokens]

    def check(self, authorization: str) -> None:
        """Raise Problem (401) unless the Authorization header carries one of them; takes the same time either way."""
        scheme, _, token = authorization.partition(" ")
        given = hashlib.sha256(token.strip().encode("utf-8", "replace")).digest()
        known = False
        for digest in self._digests:
            known |= hmac.compare_digest(digest, given)
        if not known or scheme.lower() != "bearer":
            raise unauthorized("bad-token", "authorization", "Authorization: Bearer <token>", "Bearer")


def _unproved(field: str, remedy: str) -> Problem:
    return unauthorized("bad-signature", field, remedy, _SCHEME)
