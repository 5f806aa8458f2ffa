"""The card guard: looks through everything that a stranger sent before any of it is kept, logged or passed on.

What it finds it refuses, and only the name of the field survives. It looks at the target, the query, every header and
the whole body, in every shape that schemas.checks.sensitive knows (split, spaced, encoded, JSON in a string).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.parser import BytesParser
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from app.ingress.problems import FieldError, Problem
from schemas.checks.sensitive import Finding, SensitiveKind, find_sensitive, scan

_LONGEST_NAME: Final = 120
_DEEPEST: Final = 64
_BRACKETS: Final = re.compile(r"[\[\]{}]")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_REMEDY: Final = "leave card numbers, security codes and bank numbers out; the last four digits or a token are enough"


def guard_head(raw_path: bytes, query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse a request whose target, query or headers hold something sensitive; raises Problem (422)."""
    path = raw_path.decode("latin-1")
    named: dict[str, list[str]] = {}
    for name, value in headers:
        named.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    _refuse(scan([part for part in unquote(path).split("/") if part], "path"), "path")
    _refuse(scan(path, "path"), "path")
    if query:
        text = query.decode("latin-1")
        _refuse(scan(_pairs(text), "query"), "query")
        _refuse(scan(text, "query"), "query")
    flat: dict[str, Any] = {name: values[0] if len(values) == 1 else values for name, values in named.items()}
    _refuse(scan(flat, "headers"), "headers")


def guard_text(text: str) -> None:
    """Refuse a JSON body that holds something sensitive; raises Problem (422)."""
    _refuse_nests(text)
    _refuse(scan(text, "body"), "body")


def guard_form(text: str) -> None:
    """Refuse a form body that holds something sensitive, also inside NAME~value lists; raises Problem (422)."""
    fields = _pairs(text)
    for part in (text, *fields.values()):
        _refuse_nests(part)
    _refuse(scan(text, "body"), "body")
    _refuse(scan(fields, "body"), "body")
    for name, value in fields.items():
        listed = dict(pair.partition("~")[::2] for pair in value.split("|"))
        _refuse(scan(listed, f"body.{name}"), "body")


def guard_parts(content_type: str, body: bytes) -> None:
    """Refuse a multipart body that holds something sensitive in a file's or field's name, a head or a content.

    What no way in takes is looked through all the same, so that a sender learns which field it was; raises Problem
    (422).
    """
    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body)
    for number, part in enumerate(message.walk()):
        if part.is_multipart():
            continue
        name = part.get_param("name", header="content-disposition")
        field = f"body.{name if isinstance(name, str) else number}"
        _refuse(scan(part.get_filename(), f"{field}.filename"), "body")
        _refuse(scan(part.get_payload(decode=True), field), "body")
        _refuse(scan(dict(part.items()), f"{field}.headers"), "body")
    _refuse(scan(body, "body"), "body")


def _pairs(text: str) -> dict[str, str]:
    """Form fields by name; a name that stands again gets a number, so that nothing hides behind the first."""
    pairs: dict[str, str] = {}
    for number, (name, value) in enumerate(parse_qsl(text, keep_blank_values=True)):
        pairs[name if name not in pairs else f"{name}#{number}"] = value
    return pairs


def _refuse_nests(text: str) -> None:
    """Refuse brackets within brackets as no honest text has them; the scanner would not look into them to the ground.

    Brackets in strings count as well, because what a string holds may be JSON again.
    """
    if text.count("[") + text.count("{") <= _DEEPEST:
        return
    depth = 0
    for bracket in _BRACKETS.finditer(text):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > _DEEPEST:
            raise _too_deep("body")


def _too_deep(part: str) -> Problem:
    return Problem(
        422,
        "too-deep",
        "The content is nested too deeply to be looked through.",
        FieldError(part, f"nest {_DEEPEST} levels or less"),
    )


def _refuse(findings: Iterable[Finding], part: str) -> None:
    found = list(findings)
    if not found:
        return
    known = [finding for finding in found if finding.kind is not SensitiveKind.TOO_DEEP]
    if not known:
        raise _too_deep(part)
    # The first finding may only know that the whole text holds one; the longest path knows the field.
    finding = max(known, key=lambda one: len(one.field_path))
    raise Problem(
        422,
        "sensitive-data",
        f"A field holds a {finding.kind.value.lower().replace('_', ' ')}; nothing of this request is kept.",
        FieldError(_safe_name(finding.field_path, part), _REMEDY),
    )


def _safe_name(path: str, part: str) -> str:
    """Return the path as it may be shown and logged.

    Short, printable, and with nothing sensitive in the name itself.
    """
    name = _UNPRINTABLE.sub("?", path)[:_LONGEST_NAME]
    return part if find_sensitive("", name) or find_sensitive("", path) else name
