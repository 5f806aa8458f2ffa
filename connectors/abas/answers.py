"""What an answer means: result, question, refusal, or doubt. For the client.

Protects the books from optimism: only an answer in abas' own words counts as yes, and a write without one is in doubt.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx2

from connectors.abas.errors import (
    AbasAsked,
    AbasOutcomeUnknown,
    AbasUnavailable,
    error_from_answer,
    error_without_body,
)
from connectors.abas.wire import Answer, ErpObject, WireError, parse_answer, parse_object

ShapeT = TypeVar("ShapeT")

_EDITOR_PATH = re.compile(r"/workspace/([^/?]+)/wip/([^/?]+)")
_DEEPEST_LIST = 3  # below content.data; metadata lists lie at the top or one level down


def judge(response: httpx2.Response, received: bytes, *, wrote: bool) -> Answer:
    """Decide what an answer means: its body speaks first, its status only where the body is silent.

    Raises: what errors.py draws; AbasOutcomeUnknown for a write whose answer is not abas'.
    """
    try:
        answer = parse_answer(received, status=response.status_code) if received.strip() else None
    except WireError as error:
        raise _without_body(response, str(error), wrote=wrote) from error
    if answer is not None and answer.error is not None:
        raise error_from_answer(answer.error)
    if answer is not None and answer.dialog is not None:
        raise AbasAsked(answer.dialog, working_set_id=_editor_of(response, answer)[0])
    if response.status_code >= 400 or answer is None:
        raise _without_body(response, "no abas error in the body", wrote=wrote)
    working_set_id, editor_id = _editor_of(response, answer)
    return replace(answer, working_set_id=working_set_id, editor_id=editor_id)


def _editor_of(response: httpx2.Response, answer: Answer) -> tuple[str, str]:
    """Find which editor an answer is about: in its headers, its Location, or the object's meta."""
    headers = response.headers
    meta = answer.data.get("meta") if isinstance(answer.data, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    path = _EDITOR_PATH.search(headers.get("Location", ""))
    located = (unquote(path[1]), unquote(path[2])) if path is not None else ("", "")
    return (
        headers.get("X-abas-mw-workingset") or str(meta.get("workingSetId") or "") or located[0],
        headers.get("X-abas-mw-workingseteditor") or str(meta.get("workingSetEditorId") or "") or located[1],
    )


def _without_body(response: httpx2.Response, reason: str, *, wrote: bool) -> Exception:
    return error_without_body(response.status_code, wrote=wrote, reason=reason)


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


def entries_of(answer: Answer, mark: str, *, key: str) -> tuple[Mapping[str, Any], ...]:
    """Find the list of a metadata answer: the one under `key`, else the first whose entries have the property `mark`.

    Shapes: an array, or a map by name, whose entries then get their `name`; wherever it lies, outer ones first.
    Ensures: an answer that holds an empty list and no other is an empty list.
    Raises:  AbasUnavailable when there is no list.
    """
    lists = sorted(_lists_in(answer.data, "", _DEEPEST_LIST), key=lambda named: named[0] != key)
    for _, listed in lists:
        if listed and all(isinstance(entry, dict) for entry in listed) and any(mark in entry for entry in listed):
            return tuple(listed)
    if any(not listed for _, listed in lists):
        return ()
    raise AbasUnavailable(f"abas answered a metadata request without a list of {key}")


def _lists_in(data: Any, key: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    """Walk through an answer's lists with their keys, an array before a map of the same place."""
    if isinstance(data, list):
        yield key, data
    if not isinstance(data, dict) or depth == 0:
        return
    for name, value in data.items():
        yield from _lists_in(value, str(name), depth - 1)
    if data and all(isinstance(entry, dict) for entry in data.values()):
        yield key, [{"name": name, **entry} for name, entry in data.items()]
