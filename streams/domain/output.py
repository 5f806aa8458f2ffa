"""What a context sends to the others: a record and the topic that it is meant for.

The deciders name topics and the task layer writes them; the key of each record is the catalogue's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.failures import Unreadable

PAYMENT_OBSERVATIONS = "payments.observations.v1"
IDENTIFICATION_INBOX = "identification.inbox.v1"
RECEIVABLES_INBOX = "receivables.inbox.v1"
SETTLEMENT_INBOX = "settlement.inbox.v1"
ERP_COMMANDS = "erp.commands.v1"
APPROVALS_INBOX = "approvals.inbox.v1"
GATEWAY_INBOX = "gateway.inbox.v1"
GATEWAY_COMMANDS = "gateway.commands.v1"

Record = Any  # any frozen dataclass of schemas.records; the catalogue says which topic carries which


@dataclass(frozen=True, slots=True)
class Output:
    """One record for one topic."""

    topic: str
    record: Record


def no_rule_for(record: object, topic: str) -> Unreadable:
    """The failure of a record that this inbox has no rule for: names the type and where types and topics are joined."""
    return Unreadable(
        f"{type(record).__name__} on {topic} has no rule here; schemas/topics/{topic}.yaml says what it carries"
    )
