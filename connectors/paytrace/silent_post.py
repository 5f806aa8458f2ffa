"""Reads a Silent Post of the legacy checkout page into a hint: which transaction to ask PayTrace about.

A Silent Post is unsigned, so nothing in it is a fact; whoever receives one asks for the named transaction
(PayTraceSource.look_up) and believes that answer only. Pure. Names, mail and expiry are not kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from connectors.paytrace.errors import UnreadableAnswer
from schemas.checks.sensitive import mask_card_numbers

# The documented fields come to a few hundred bytes; ten times that is no Silent Post any more.
MAX_BODY_BYTES: Final = 8192
_TRANSACTION_ID: Final = re.compile(r"[1-9]\d{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SilentPostHint:
    """What to ask PayTrace about. transaction_id is None when only a customer was stored."""

    transaction_id: str | None
    customer_id: str | None


def parse_silent_post(body: bytes) -> SilentPostHint:
    """Read the form body of a Silent Post.

    Shapes:  application/x-www-form-urlencoded with one field parmList (any case) of NAME~value pairs joined by
             bars; unknown names are ignored, the first of equal names counts.
    Raises:  UnreadableAnswer when there is no parmList, no id in it, or an id that PayTrace would not write.
    """
    if len(body) > MAX_BODY_BYTES:
        raise UnreadableAnswer(f"Silent Post: larger than {MAX_BODY_BYTES} bytes")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError as error:
        raise UnreadableAnswer("Silent Post: not a form body") from error
    listed = next((value for name, value in fields if name.lower() == "parmlist"), None)
    if listed is None:
        raise UnreadableAnswer("Silent Post: no field parmList")
    parameters = _parameters(listed)
    transaction_id = parameters.get("TRANSACTIONID") or None
    if transaction_id is not None and _TRANSACTION_ID.fullmatch(transaction_id) is None:
        raise UnreadableAnswer("Silent Post: TRANSACTIONID is no transaction id")
    hint = SilentPostHint(
        transaction_id=transaction_id,
        customer_id=_short(parameters.get("CUSTOMERID")),
    )
    if hint.transaction_id is None and hint.customer_id is None:
        raise UnreadableAnswer("Silent Post: names neither a transaction nor a customer")
    return hint


def _parameters(listed: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for pair in listed.split("|"):
        name, tilde, value = pair.partition("~")
        if tilde:
            parameters.setdefault(name.strip().upper(), value.strip())
    return parameters


def _short(value: str | None) -> str | None:
    return mask_card_numbers(value)[:50] if value else None
