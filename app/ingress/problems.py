"""What is answered to a request that is refused: RFC 9457 documents that name field and remedy, never a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:saldo:problem:"
_MOST_ERRORS: Final = 50


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with what was sent: where, and what would be right."""

    field: str
    remedy: str


class Problem(Exception):
    """A request that is not taken, with everything that the answer says."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        *errors: FieldError,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.title = title
        self.errors: Sequence[FieldError] = errors
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})

    def response(self, *, close: bool) -> Response:
        """Return the answer; `close` when the body was not read to its end, or its rest would pass for a request."""
        headers = {"Cache-Control": "no-store", **self.headers}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        if close:
            headers["Connection"] = "close"
        return Response(msgspec.json.encode(self.document()), self.status, headers, MEDIA_TYPE)

    def document(self) -> dict[str, object]:
        """Return what the answer says, JSON-ready."""
        document: dict[str, object] = {
            "type": TYPE_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "code": self.code,
        }
        if self.errors:
            document |= {
                "field": self.errors[0].field,
                "remedy": self.errors[0].remedy,
                "errors": self.errors[:_MOST_ERRORS],
            }
        return document


def malformed(title: str, field: str, remedy: str) -> Problem:
    """400: not even the form is right."""
    return Problem(400, "malformed", title, FieldError(field, remedy))


def unfit(*errors: FieldError) -> Problem:
    """422: well-formed, and not what this way in takes."""
    return Problem(422, "unfit", "The content does not fit.", *errors)


def unauthorized(code: str, field: str, remedy: str, scheme: str) -> Problem:
    """401: who sends this is not proved."""
    return Problem(
        401,
        code,
        "The sender is not proved.",
        FieldError(field, remedy),
        headers={"WWW-Authenticate": scheme},
    )


def away(code: str, title: str, retry_after_s: int) -> Problem:
    """503: not taken now; the same request later is welcome and means the same."""
    return Problem(
        503,
        code,
        title,
        FieldError("", f"send the same request again in {retry_after_s} s; repeats fold to one event"),
        retry_after_s=retry_after_s,
    )
