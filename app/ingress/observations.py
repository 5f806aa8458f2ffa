"""Reads observations in our own schema, for people who listen to PayTrace themselves; every wrong field is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any, Final

from app.ingress.problems import FieldError, unfit
from schemas import catalog
from schemas.checks.plausibility import Implausible
from schemas.failures import Unreadable
from schemas.records.payments import (
    ObservedBy,
    PaymentMethod,
    TransactionKind,
    TransactionObserved,
    TransactionStatus,
)
from schemas.wire.codec import Codec, from_json
from schemas.wire.codec import to_json as record_to_json

RECORD: Final = TransactionObserved.__name__
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
# What the schema's types leave open and the domain takes for granted.
_STRICTER: Final[Mapping[str, Callable[[Any], bool]]] = {
    "paytrace_transaction_id": lambda value: isinstance(value, str) and _ID.fullmatch(value) is not None,
}
_SOMETIME: Final = datetime(2026, 1, 1, tzinfo=UTC)
# A record that fits, to try one foreign field at a time.
_FITTING: Final = TransactionObserved(
    paytrace_transaction_id="1",
    merchant="main",
    kind=TransactionKind.SALE,
    raw_kind="SALE",
    status=TransactionStatus.AUTHORIZED,
    raw_status="",
    method=PaymentMethod.CARD,
    amount_minor=0,
    currency="USD",
    approval_code="",
    description="",
    avs_response="",
    csc_response="",
    created_at=_SOMETIME,
    raw_created="",
    raw_settled="",
    observed_at=_SOMETIME,
    observed_by=ObservedBy.HOOK,
    raw="{}",
)


def read_observations(value: Any, most: int, codec: Codec, latest: datetime) -> tuple[TransactionObserved, ...]:
    """Return the records of a body: {"observations": [...]}, all or none.

    Raises: Problem (422) naming every field of the first bad record that is missing, unknown or does not fit.
    """
    if not isinstance(value, dict) or set(value) != {"observations"} or not isinstance(value["observations"], list):
        raise unfit(FieldError("body", 'an object with one member: {"observations": [...]}'))
    given = value["observations"]
    if not 1 <= len(given) <= most:
        raise unfit(FieldError("observations", f"1 to {most} records"))
    errors: list[FieldError] = []
    records: list[TransactionObserved] = []
    for number, item in enumerate(given):
        where = f"observations[{number}]"
        if not isinstance(item, dict):
            errors.append(FieldError(where, f"an object with the fields of {RECORD}"))
            break
        record = _fitting(item, codec)
        if record is not None and record.observed_at > latest:
            # The latest observation decides an amount, so one from the future would decide it for ever.
            errors.append(FieldError(f"{where}.observed_at", "when it was seen, which is not yet"))
            break
        if record is not None:
            records.append(record)
        else:
            # Trying each field costs a hundred times as much, so a body of bad records ends at the first one.
            errors += _errors(item, where, codec)
            break
    if errors:
        raise unfit(*errors)
    return tuple(records)


def _fitting(item: Mapping[str, Any], codec: Codec) -> TransactionObserved | None:
    """Return the record, when every field fits."""
    try:
        record = from_json(RECORD, item)
        codec.encode(record)
    except (Unreadable, OverflowError):
        return None
    assert isinstance(record, TransactionObserved)
    return record if all(check(getattr(record, name)) for name, check in _STRICTER.items()) else None


def _errors(item: Mapping[str, Any], where: str, codec: Codec) -> Iterator[FieldError]:
    known = {field.name: field.default is MISSING for field in fields(TransactionObserved)}
    for name in sorted(set(item) - set(known)):
        yield FieldError(f"{where}.{name[:60]}", f"no field of {RECORD}; leave it out")
    for name, required in known.items():
        if name not in item:
            if required:
                yield FieldError(f"{where}.{name}", f"is missing: {_meaning(name)}")
        elif (misfit := _misfit(name, item[name], codec)) is not None:
            yield FieldError(f"{where}.{name}", misfit)


def _misfit(name: str, value: Any, codec: Codec) -> str | None:
    """Return why this one value does not fit, tried in a record that fits otherwise; None when it does."""
    if name in _STRICTER and not _STRICTER[name](value):
        return f"does not fit: {_meaning(name)}"
    try:
        codec.encode(from_json(RECORD, {**_TEMPLATE, name: value}))
    except Implausible as error:
        return f"does not fit: {error.findings[0].remedy}"
    except (Unreadable, OverflowError):
        return f"does not fit: {_meaning(name)}"
    return None


def _meaning(name: str) -> str:
    schema = catalog.latest(RECORD).schema
    return next(str(field["doc"]) for field in schema["fields"] if field["name"] == name)


_TEMPLATE: Final = record_to_json(_FITTING)
