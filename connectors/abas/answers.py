"""What an answer means: result, question, refusal, or doubt. For the client.

Protects the books from optimism: only an answer in abas' own words counts as yes, and a write without one is in doubt.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import httpx2

from connectors.abas.errors import (
    AbasOutcomeUnknown,
    AbasRefused,
    AbasUnavailable,
    error_from_answer,
    error_without_body,
)
from connectors.abas.wire import Answer, ErpObject, WireError, parse_answer, parse_object

ShapeT = TypeVar("ShapeT")


def judge(response: httpx2.Response, received: bytes, *, wrote: bool) -> Answer:
    """Decide what an answer means: its body speaks first, its status only where the body is silent.

    Raises: what errors.py draws; AbasOutcomeUnknown for a write whose answer is not abas'.
    """
    try:
        answer = parse_answer(received) if received.strip() else None
    except WireError as error:
        raise _without_body(response, str(error), wrote=wrote) from error
    if answer is not None and answer.dialog is not None:
        # The answers that the profile knows came with the action, so nobody decided on this question: no one
        # answers it by guess, the editor is cancelled, and the question stands as a refusal for a person to read.
        raise AbasRefused(
            f"abas asks: {answer.dialog.title} {answer.dialog.prompt}".strip(), code=f"DIALOG/{answer.dialog.id}"
        )
    if answer is not None and answer.error is not None:
        raise error_from_answer(answer.error)
    if response.status_code >= 400 or answer is None:
        raise _without_body(response, "no abas error in the body", wrote=wrote)
    return answer


def _without_body(response: httpx2.Response, reason: str, *, wrote: bool) -> Exception:
    retry_after = response.headers.get("Retry-After", "")
    seconds = float(retry_after) if retry_after.isdigit() else None
    return error_without_body(response.status_code, wrote=wrote, retry_after_s=seconds, reason=reason)


def read_shape(parse: Callable[[Any], ShapeT], answer: Answer) -> ShapeT:
    """Read the data of a reading call.

    Raises: AbasUnavailable when they have another shape.
    """
    try:
        return parse(answer.data)
    except WireError as error:
        raise AbasUnavailable(f"abas answered in a form that we can't read: {error}") from error


def written_shape(answer: Answer) -> ErpObject:
    """Read the data of a call that may have written.

    Raises: AbasOutcomeUnknown when they have another shape: a yes that we can't read proves nothing.
    """
    try:
        return parse_object(answer.data)
    except WireError as error:
        raise AbasOutcomeUnknown(f"abas said yes in a form that we can't read: {error}") from error


def plain_fields(answer: Answer) -> dict[str, str]:
    """Read named values, each plain or as a field with value and text; other things are left out."""
    fields: dict[str, str] = {}
    for name, entry in (answer.data if isinstance(answer.data, dict) else {}).items():
        value = (entry.get("value") or entry.get("text")) if isinstance(entry, dict) else entry
        if isinstance(value, str | int | Decimal):
            fields[str(name)] = str(value)
    return fields


def entries_of(answer: Answer, *keys: str) -> tuple[Mapping[str, Any], ...]:
    """Find the list of a metadata answer: at one of these keys, or the answer itself, as an array or a map by name.

    Raises: AbasUnavailable when there is none.
    """
    data = answer.data
    found = next((data[key] for key in keys if key in data), None) if isinstance(data, dict) else data
    if isinstance(found, dict):
        found = [{"name": name, **entry} for name, entry in found.items() if isinstance(entry, dict)]
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise AbasUnavailable(f"abas answered a metadata request without a list of {keys[0]}")
    return tuple(found)
