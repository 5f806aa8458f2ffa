"""Reads the envelopes of both API versions: what an answer says is decided by its body, not by its status.

For the two clients. A decline is an answer; an error list is PayTraceRefused; a body of another shape is
UnreadableAnswer, or PaymentOutcomeUnknown when the call may have moved money. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from connectors.paytrace.calls import Call, Reply
from connectors.paytrace.errors import (
    LoginRejected,
    PaymentOutcomeUnknown,
    PayTraceRefused,
    UnreadableAnswer,
)
from connectors.paytrace.mapping import Meaning, read_response_code, to_response_code
from connectors.paytrace.ports import Answer
from connectors.paytrace.wire import JsonObject
from connectors.paytrace.words import plain, says_exported, says_nothing_found
from schemas.checks.sensitive import mask_card_numbers

# Error numbers that mean our credentials lack a right, so going on is pointless.
_RIGHTS_ERRORS: Final = frozenset({"981", "998"})
# Where an answer may say in words how an export went.
_TEXTS: Final = ("status_message", "response_message", "message", "detail", "error")
_SUCCESS_STATUSES: Final = frozenset({"", "SUCCESS", "OK", "200"})


def read_v1_body(call: Call, reply: Reply) -> JsonObject:
    """Return the body of a v1 answer that is not an error list.

    Raises: PayTraceRefused, LoginRejected for missing rights, UnreadableAnswer, PaymentOutcomeUnknown.
    """
    body = _object(call, reply)
    errors = body.get("errors")
    meaning = read_response_code(body.get("response_code"))
    if meaning is Meaning.ERRORS and not _says_success(body):
        raise _refused(call, body, errors)
    if "response_code" not in body:
        if isinstance(errors, Mapping | list) and errors:
            raise _refused(call, body, errors)
        if reply.status >= 400:
            raise PayTraceRefused(f"{call.path}: HTTP {reply.status}", code=f"http-{reply.status}")
    return body


def read_v1_answer(call: Call, reply: Reply) -> Answer:
    """Return a v1 command's answer, declines included. Raises as read_v1_body."""
    body = read_v1_body(call, reply)
    if "response_code" not in body:
        raise _unreadable(call, "no response_code")
    return to_answer(body)


def read_v1_rows(call: Call, reply: Reply, names: tuple[str, ...]) -> list[JsonObject]:
    """Return the list of an export under the first of these names; an empty export may come in three ways.

    Ensures: without a list, an export is empty only when its answer says so or says nothing but success: a wrong
             setting never looks like a day without money.
    Raises:  as read_v1_body; UnreadableAnswer when the list is not a list of objects.
    """
    try:
        body = read_v1_body(call, reply)
    except PayTraceRefused as refused:
        if _says_nothing_found(refused, names[0]):
            return []
        raise
    value = next((body[name] for name in names if name in body), None)
    if value is None:
        if errors := body.get("errors"):
            raise _refused(call, body, errors)
        said = _text(body, "status_message")
        worked = read_response_code(body.get("response_code")) in {Meaning.ERRORS, Meaning.DONE}
        if worked and (says_exported(said) or says_nothing_found(said, names[0])):
            return []
        raise _unreadable(call, f"none of {', '.join(names)} in the answer, which says {said[:100]!r}")
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise _unreadable(call, f"expected a list of objects, got a {type(value).__name__}")
    return rows_of(value) if value else nothing_of(call, body, names[0])


def nothing_of(call: Call, body: JsonObject, rows: str) -> list[JsonObject]:
    """Return no rows, where the answer around an empty list agrees that these rows ("transactions") were not found.

    Raises: UnreadableAnswer when it says that the export failed, or something that is not known to be harmless.
    """
    inner = body.get("data")
    parts: list[Mapping[str, Any]] = [body, inner] if isinstance(inner, Mapping) else [body]
    said = {name: text for part in parts for name in _TEXTS if (text := _text(part, name))}
    harmful = {
        name: text for name, text in said.items() if not says_exported(text) and not says_nothing_found(text, rows)
    }
    # A code of its own for an export that worked (155) counts more than its wording, which varies; code 1 says nothing.
    worked = any(
        read_response_code(part.get("response_code")) is Meaning.DONE and _says_success(part) for part in parts
    )
    if harmful and not worked:
        raise _unreadable(call, f"an empty list, and it says {'; '.join(harmful.values())[:100]!r}")
    if any(part.get("errors") for part in parts):
        raise _unreadable(call, "an empty list, beside errors")
    if any(says_nothing_found(text, rows) for text in said.values()):
        return []  # as a refusal may say it
    for part in parts:
        code, status = part.get("response_code"), plain(_text(part, "status"))
        if "success" in part and not _says_success(part):
            raise _unreadable(call, "an empty list, and no success")
        if code is not None and read_response_code(code) not in {Meaning.ERRORS, Meaning.DONE}:
            raise _unreadable(call, f"an empty list with response code {str(code)[:20]}")
        if status not in _SUCCESS_STATUSES:
            raise _unreadable(call, f"an empty list with status {status[:40]!r}")
    return []


def rows_of(values: list[Any]) -> list[JsonObject]:
    """Return a list as rows. What is no object becomes an empty row, which its reader names."""
    return [value if isinstance(value, dict) else {} for value in values]


def read_v3_body(call: Call, reply: Reply) -> JsonObject:
    """Return the body of a v3 answer that is not a validation error.

    Raises: PayTraceRefused (code is the field, as PayTrace names it), UnreadableAnswer, PaymentOutcomeUnknown.
    """
    body = _object(call, reply)
    if reply.status == 422 or reply.status >= 400:
        field_name, detail = _first_problem(body)
        detail = mask_card_numbers(detail)
        code = field_name or f"http-{reply.status}"
        raise PayTraceRefused(f"{call.path}: {field_name}: {detail}", code=code, errors={code: [detail]})
    return body


def read_v3_answer(call: Call, reply: Reply) -> Answer:
    """Return a v3 command's answer, declines included; it sits under data. Raises as read_v3_body."""
    body = read_v3_body(call, reply)
    data = body.get("data", body)
    if not isinstance(data, dict) or not data:
        raise _unreadable(call, "expected an object under data")
    return to_answer(data)


def read_v3_item(call: Call, reply: Reply) -> Answer:
    """Return the answer of the only item of a v3 list operation.

    Ensures: without a status, the item's code says whether it worked.
    Raises:  PayTraceRefused when the item did not succeed; PaymentOutcomeUnknown when it says neither; as read_v3_body.
    """
    body = read_v3_body(call, reply)
    data = body.get("data")
    item = data[0] if isinstance(data, list) and data else data
    if not isinstance(item, dict):
        raise _unreadable(call, "expected a list with one item under data")
    answer = to_answer(item)
    status = plain(_text(item, "status"))
    if not status and answer.meaning is Meaning.UNKNOWN:
        raise _unreadable(call, "the item says neither status nor code")
    if status != "SUCCESS" and (status or answer.meaning is not Meaning.DONE):
        detail = _text(item, "response_message") or _text(item, "status_message") or "item refused"
        raise PayTraceRefused(f"{call.path}: {detail}", code=str(item.get("response_code", "1")))
    # An item may carry no code of its own; success is then all it says.
    return answer if answer.response_code is not None else replace(answer, meaning=Meaning.DONE)


def read_v3_rows(call: Call, reply: Reply, names: tuple[str, ...]) -> list[JsonObject]:
    """Return the list of a v3 export: under data, under one of these names inside it, or under one at the top.

    Ensures: an export that found nothing is empty: data that is null or {}, or a refusal that says so; not one that
             says beside it that it failed.
    Raises:  as read_v3_body; UnreadableAnswer when there is no list of objects.
    """
    try:
        body = read_v3_body(call, reply)
    except PayTraceRefused as refused:
        if _says_nothing_found(refused, names[0]):
            return []
        raise
    value = body.get("data", body)
    if "data" in body and value in (None, {}, []):
        return nothing_of(call, body, names[0])
    if isinstance(value, dict):
        value = next((value[name] for name in names if name in value), [value] if "data" in body else None)
    if not isinstance(value, list):
        raise _unreadable(call, "expected a list of objects")
    return rows_of(value) if value else nothing_of(call, body, names[0])


def ach_answer(body: Mapping[str, Any]) -> Answer:
    """Read what an ACH debit answers, or the record that its key was looked up by: accepted, not collected."""
    return replace(to_answer(body), meaning=Meaning.ACH_ACCEPTED)


def names_the_record(refused: PayTraceRefused) -> bool:
    """Return whether a refused look-up is about the record that was asked for, so that PayTrace does not know it.

    Any other field (the merchant, a header) is a setting of ours: what PayTrace knows is then not known.
    """
    return refused.code.startswith("path/")


def _first_problem(body: Mapping[str, Any]) -> tuple[str, str]:
    problems = body.get("data")
    if isinstance(body.get("detail"), list):
        # The shape of the framework that its operation ids point to.
        return _framework_problem(body["detail"])
    if isinstance(problems, dict):
        problems = problems.get("message", problems)
    first = problems[0] if isinstance(problems, list) and problems else problems
    if isinstance(first, dict) and isinstance(first.get("message"), dict | list):
        inner = first["message"]
        first = inner[0] if isinstance(inner, list) and inner else inner
    if not isinstance(first, dict):
        return "", "validation failed"
    return str(first.get("field", ""))[:100], str(first.get("detail", "validation failed"))[:300]


def _framework_problem(problems: list[Any]) -> tuple[str, str]:
    first = problems[0] if problems and isinstance(problems[0], dict) else {}
    place = first.get("loc")
    return "/".join(map(str, place))[:100] if isinstance(place, list) else "", str(first.get("msg", "refused"))[:300]


def to_answer(body: Mapping[str, Any]) -> Answer:
    """Read one command's answer; fields of other operations stay empty."""
    code = body.get("response_code")
    recurrence = body.get("recurrence")
    return Answer(
        meaning=read_response_code(code),
        response_code=to_response_code(code),
        status_message=_text(body, "status_message") or _text(body, "response_message"),
        transaction_id=_identity(body),
        approval_code=_text(body, "approval_code").strip(),
        approval_message=_text(body, "approval_message").strip(),
        avs_response=_text(body, "avs_response").strip(),
        csc_response=_text(body, "csc_response").strip(),
        customer_id=_text(body, "customer_id") or None,
        recurrence_id=_text(recurrence, "id") or None if isinstance(recurrence, Mapping) else None,
        fields=dict(body),
    )


def _identity(body: Mapping[str, Any]) -> str | None:
    if "check_transaction_id" in body:
        return f"check-{_text(body, 'check_transaction_id')}"
    return _text(body, "transaction_id") or None


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return mask_card_numbers(str(value)) if isinstance(value, str | int) else ""


def _says_success(body: Mapping[str, Any]) -> bool:
    """Return whether an answer with code 1 is a success: it says so, or says nothing of it and lists no error."""
    said = body.get("success")
    if said is None:
        return not body.get("errors")
    return said is True or str(said).lower() in {"true", "1"}


def _says_nothing_found(refused: PayTraceRefused, rows: str) -> bool:
    texts = [text for listed in refused.errors.values() for text in listed] or [refused.said]
    return all(says_nothing_found(text, rows) for text in texts)


def _object(call: Call, reply: Reply) -> JsonObject:
    if not isinstance(reply.body, dict):
        raise _unreadable(call, f"HTTP {reply.status}, expected a JSON object")
    return reply.body


def _refused(call: Call, body: Mapping[str, Any], errors: object) -> PayTraceRefused | LoginRejected:
    numbers: dict[str, list[str]] = {}
    if isinstance(errors, list):
        errors = {"1": errors} if errors else {}
    if isinstance(errors, Mapping):
        for number, texts in errors.items():
            listed = texts if isinstance(texts, list) else [texts]
            numbers[str(number)] = [mask_card_numbers(str(text)[:300]) for text in listed]
    first = next(iter(numbers), "1")
    detail = "; ".join(f"{number} {' '.join(texts)}" for number, texts in numbers.items())
    message = f"{call.path}: {detail or _text(body, 'status_message') or 'rejected without a reason'}"
    if not _RIGHTS_ERRORS.isdisjoint(numbers):
        return LoginRejected(message)
    return PayTraceRefused(message, code=first, errors=numbers, said=_text(body, "status_message"))


def _unreadable(call: Call, reason: str) -> UnreadableAnswer | PaymentOutcomeUnknown:
    if call.moves_money:
        return PaymentOutcomeUnknown(f"{call.path}: {reason}", path=call.path, reference=call.reference)
    return UnreadableAnswer(f"{call.path}: {reason}")
