"""abas' answers in abas' own words: three JSON dialects read into one shape, nothing translated.

Read by client and mapping. Protects the rest from the dialects: `head.fields` may be an array (application/json),
a map (abas.objects) or plain values (abas.objects.simple), and properties that are null are left out by real servers
even where the schema calls them required. What nobody here reads (links, versions, screen details) is passed over.
Numbers arrive as Decimal, never as float, so that an amount is what the text on the wire says.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

MOST_PARTS = 2_000_000  # some 400 MB once parsed, and twenty times the largest list of open items that we expect

_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}

Value = str | int | bool | Decimal | None


class WireError(ValueError):
    """The bytes are no abas answer; the client decides what that means for the request."""


@dataclass(frozen=True, slots=True)
class ErpField:
    """One field: the machine's value and the person's text."""

    value: Value = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ErpObject:
    """One record, editor or infosystem: header fields and table rows.

    A field that abas left out is missing; one that it sent without a value has value None.
    """

    id: str
    number: str
    table: str
    head: Mapping[str, ErpField]
    rows: tuple[Mapping[str, ErpField], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErpMessage:
    """A message of the ERP: text for people, number for us."""

    text: str
    sub_type: str = "UNKNOWN"
    erp_number: int | None = None
    field_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErpError:
    """A failure as abas tells it: a category, a generic message, the reason in the details.

    in_editor: it came with the state of an editor, which therefore still lives.
    """

    category: str
    error_code: str | None
    message: ErpMessage
    details: tuple[ErpMessage, ...] = ()
    in_editor: bool = False

    @property
    def messages(self) -> tuple[ErpMessage, ...]:
        """Outer message and details."""
        return (self.message, *self.details)

    @property
    def erp_number(self) -> int:
        """Number of the first detail, which is the reason; else that of the outer message; else 0."""
        numbers = [m.erp_number for m in (*self.details, self.message) if m.erp_number is not None]
        return numbers[0] if numbers else 0

    @property
    def field_name(self) -> str | None:
        """The first field that abas blames."""
        names = [name for message in self.details for name in message.field_names]
        return names[0] if names else None


@dataclass(frozen=True, slots=True)
class ErpDialog:
    """A question that abas asks before it goes on.

    stopped_at: number of actions that succeeded before the one that asked; None when abas doesn't say.
    """

    id: str
    title: str
    prompt: str
    answers_property: str = "dialogAnswers"
    stopped_at: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the server, already distinguished into success, question and failure.

    working_set_id, editor_id: the editor that the answer's head or body names; empty when it names none.
    """

    data: Any
    messages: tuple[ErpMessage, ...] = ()
    error: ErpError | None = None
    dialog: ErpDialog | None = None
    working_set_id: str = ""
    editor_id: str = ""


# What a status says where an answer of abas names no category. The statuses that say little come after the type.
_CATEGORY_OF_STATUS = {
    401: "AUTHENTICATION_FAILURE",
    403: "ACCESS_DENIED",
    404: "MISSING_OBJECT",
    409: "RECORD_LOCKED",
    423: "RECORD_LOCKED",
    429: "UNAVAILABLE",
    503: "UNAVAILABLE",
}
_FAILED_INSIDE = frozenset({500, 502, 504})
_CATEGORY_OF_TYPE = {"SECURITY_ERROR": "ACCESS_DENIED", "SYSTEM_ERROR": "INTERNAL_ERROR", "USER_ERROR": "OTHER"}


def parse_answer(body: bytes, *, status: int = 200) -> Answer:
    """Read one answer, whatever its dialect; the status speaks only where an error names no category.

    Raises: WireError when the bytes are no abas answer.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_PARTS:
        raise WireError(f"more than {MOST_PARTS} parts")
    try:
        document = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise WireError(f"no JSON: {error}") from error
    envelope = _mapping(document, "answer")
    content = envelope.get("content")
    if isinstance(content, str):
        return Answer(data=content)
    content = _mapping(envelope if content is None else content, "content")
    return Answer(
        data=content.get("data", content),
        messages=tuple(_message(m) for m in _list(content.get("messages") or [], "messages")),
        error=_error(content, status),
        dialog=_dialog(content),
    )


def parse_objects(data: Any) -> tuple[ErpObject, ...]:
    """Read `content.data` of a list.

    Raises: WireError when it is no list of objects.
    """
    listed = _mapping(data, "data").get("erpDataObjects")
    return tuple(parse_object(entry) for entry in _list(listed or [], "erpDataObjects"))


def parse_object(data: Any) -> ErpObject:
    """Read one object: record, editor or infosystem; a list of one counts as the one.

    Raises: WireError when it has no readable head.
    """
    entry = _mapping(data, "object")
    listed = entry.get("erpDataObjects")
    if isinstance(listed, list) and len(listed) == 1:
        entry = _mapping(listed[0], "object")
    meta = _mapping(entry.get("meta") or {}, "meta")
    head = _fields(_mapping(entry.get("head") or {}, "head"))
    rows = tuple(_fields(_mapping(row, "row")) for row in _list(entry.get("table") or [], "table"))
    return ErpObject(
        id=_text(meta.get("id")) or _field_text(head.get("id")) or _text(entry.get("id")),
        number=_text(meta.get("identNumber")),
        table=_text(meta.get("objectGroup")),
        head=head,
        rows=rows,
        meta=meta,
    )


def parse_single_value(data: Any) -> ErpField:
    """Read one field: under `result`, or as a field or a plain value itself.

    Raises: WireError when there is none.
    """
    result = data.get("result", data) if isinstance(data, dict) else data
    return _field(result) if isinstance(result, dict) else ErpField(value=_value(result, "result"))


def _fields(holder: Mapping[str, Any]) -> dict[str, ErpField]:
    """Read the fields of a head or a row in any dialect."""
    listed = holder.get("fields")
    if isinstance(listed, list):
        entries = [_mapping(entry, "field") for entry in listed]
        return {_text(entry.get("name")): _field(entry) for entry in entries if entry.get("name")}
    if isinstance(listed, dict):
        return {str(name): _field(_mapping(entry, name)) for name, entry in listed.items()}
    return {str(name): ErpField(value=_value(value, name)) for name, value in holder.items()}


def _field(entry: Mapping[str, Any]) -> ErpField:
    text = entry.get("text")
    return ErpField(value=_value(entry.get("value"), "value"), text=None if text is None else _text(text))


def _value(value: Any, name: str) -> Value:
    if value is None or isinstance(value, str | bool | int | Decimal):
        return value
    raise WireError(f"field {name!r} holds {_kind(value)}, not a plain value")


def _error(content: Mapping[str, Any], status: int) -> ErpError | None:
    kind = content.get("_type")
    if kind == "AbasErpError":
        return _erp_error(content, content, status)
    raw = content.get("error")
    if raw is None:
        return None
    error = _mapping(raw, "error")
    if "category" in error or isinstance(error.get("error"), dict):
        return _erp_error(error, content, status)
    if "category" in content or kind == "EditErrorResponse":
        return _erp_error(content, content, status)
    if error.get("type") == "INFO":
        return None  # the middleware says good-bye in the same words as it says no
    # The middleware's own failures: {"error": {"message", "type"}, "details": [], "location"}.
    return ErpError(
        category=_category_by_status(status, _text(error.get("type"))),
        error_code=_text(content.get("errorCode")) or None,
        message=_message(error),
        details=tuple(_message(m) for m in _list(content.get("details") or [], "details")),
    )


def _erp_error(error: Mapping[str, Any], content: Mapping[str, Any], status: int) -> ErpError:
    return ErpError(
        category=_text(error.get("category")) or _category_by_status(status, ""),
        error_code=_text(error.get("errorCode") or content.get("errorCode")) or None,
        message=_message(error.get("error") or {}),
        details=tuple(_message(m) for m in _list(error.get("details") or [], "details")),
        in_editor=content.get("_type") == "EditErrorResponse",
    )


def _category_by_status(status: int, kind: str) -> str:
    untyped = "INTERNAL_ERROR" if status in _FAILED_INSIDE else "OTHER"
    return _CATEGORY_OF_STATUS.get(status) or _CATEGORY_OF_TYPE.get(kind, untyped)


def _message(raw: Any) -> ErpMessage:
    if isinstance(raw, str):
        return ErpMessage(text=raw)
    entry = _mapping(raw, "message")
    text = entry.get("text", entry.get("message"))
    number = entry.get("erpNumber")
    names = _as_list(entry.get("fieldNames") or [])
    return ErpMessage(
        text=" ".join(_text(line) for line in _as_list(text if text is not None else "")),
        sub_type=_text(entry.get("subType")) or "UNKNOWN",
        erp_number=number if isinstance(number, int) and not isinstance(number, bool) else None,
        field_names=tuple(_text(name) for name in names),
    )


def _dialog(content: Mapping[str, Any]) -> ErpDialog | None:
    raw = content.get("dialogInfo")
    if raw is None:
        return None
    entry = _mapping(raw, "dialogInfo")
    return ErpDialog(
        id=_text(entry.get("id")),
        title=_text(entry.get("title")),
        prompt=_text(entry.get("prompt")),
        answers_property=_text(entry.get("answersProperty")) or "dialogAnswers",
        stopped_at=_stopped_at(content),
    )


def _stopped_at(content: Mapping[str, Any]) -> int | None:
    remaining = content.get("remainingActions")
    count = remaining.get("successCount") if isinstance(remaining, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def _mapping(value: Any, name: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise WireError(f"{name} is {_kind(value)}, not an object")


def _list(value: Any, name: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise WireError(f"{name} is {_kind(value)}, not an array")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _field_text(entry: ErpField | None) -> str:
    return "" if entry is None else _text(entry.value)


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "null" if value is None else "a number")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
