"""The rules that tests of the domain decide by: those that ship with Saldo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.files.owned import text_of
from streams.domain import alerts, receivables, settlement
from streams.rules.catalogue import (
    ACCOUNT_MAPPING,
    ALERT_RULES,
    DEPOSIT_MATCHING,
    OPEN_ITEM_MATCHING,
    WRITE_OFF_LIMITS,
    alert_policy,
    deposit_policy,
    receivables_policy,
)

ALERTS = alert_policy(text_of(ALERT_RULES.shipped))
RECEIVABLES = receivables_policy(
    *(text_of(kind.shipped) for kind in (OPEN_ITEM_MATCHING, WRITE_OFF_LIMITS, ACCOUNT_MAPPING))
)
DEPOSITS = deposit_policy(text_of(DEPOSIT_MATCHING.shipped))


def decide_of(context: Any) -> Callable[[Any, Any], tuple[Any, ...]]:
    """The decide of a context, with the policy in force where it wants one."""
    if context is receivables:
        return lambda state, record: receivables.decide(state, record, RECEIVABLES)
    if context is alerts:
        return lambda state, record: alerts.decide(state, record, ALERTS)
    if context is settlement:
        return lambda state, record: settlement.decide(state, record, DEPOSITS)
    return context.decide  # type: ignore[no-any-return]
