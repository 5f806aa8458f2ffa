"""The record of a person's decision: who, when, why, and what stood against it. For every context with commands."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from schemas.records.receivables import Decision, DecisionRefused, DecisionTaken


class Attributed(Protocol):
    """What every command of a person carries."""

    @property
    def command_id(self) -> str: ...  # noqa: D102 -- fields of the records
    @property
    def decided_by(self) -> str: ...  # noqa: D102
    @property
    def authenticated_by(self) -> str: ...  # noqa: D102
    @property
    def approved_by(self) -> str | None: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def occurred_at(self) -> datetime: ...  # noqa: D102


def decided(
    command: Attributed,
    decision: Decision,
    *,
    customer: str,
    reference: str,
    items: tuple[str, ...] = (),
    events: tuple[Any, ...] = (),
    refused: str,
) -> tuple[Any, ...]:
    """Return the decision first, then what follows from it; only the refusal where something stands against it."""
    fields: dict[str, Any] = {
        "command_id": command.command_id,
        "abas_customer_id": customer,
        "decision": decision,
        "posting_reference": reference,
        "abas_open_item_ids": items,
        "decided_by": command.decided_by,
        "authenticated_by": command.authenticated_by,
        "approved_by": command.approved_by,
        "reason": command.reason,
        "occurred_at": command.occurred_at,
    }
    if refused:
        return (DecisionRefused(**fields, refused_because=refused),)
    return (DecisionTaken(**fields), *events)
