"""Writes values of customers into PayTrace's vault, and reports what became of it.

A change made twice is the same change, so a crash is healed by the look-up before each attempt and needs no claim. The
values come sealed and are opened here alone; of a person who is erased nothing is written (docs/adr/0107).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from operator import attrgetter
from typing import TypeAlias

from schemas.checks.sealing import ERASED
from schemas.records.by_topic import VaultCommands, VaultOutcomes
from schemas.records.customers import VaultCustomerNotChanged
from schemas.topic import Topic
from streams.domain.output import Output
from streams.edges.opening import SUBJECT_ERASED, open_values, without_values
from streams.edges.ports import VaultWriter
from streams.edges.stateless import Stateless, stateless
from streams.edges.subject_keys import SubjectKeys
from streams.tasks.processor import Effect

AGENT = "write-to-vault"
# What a crash can make us look up again.
WRITES_AT_ONCE = 5


VaultWrites: TypeAlias = Effect[Stateless, VaultCommands, VaultOutcomes]


def write_to_vault(writer: VaultWriter, open_keys: Callable[[], SubjectKeys]) -> VaultWrites:
    """Return the work of this agent; `open_keys` gives the keys of this process, and is asked when first needed."""
    opened_once = cache(open_keys)

    async def perform(_state: Stateless, command: VaultCommands) -> tuple[VaultOutcomes, ...]:
        keys = opened_once()
        await keys.refresh()
        plain = open_values(command.person, keys)
        if any(ERASED in text for text in plain.values()):
            refused = VaultCustomerNotChanged(
                data_subject=command.data_subject,
                vault_customer_id=command.vault_customer_id,
                fields=command.fields,
                code=SUBJECT_ERASED,
                message=f"the values of {command.erp_subject} are erased, since the person asked for it",
                occurred_at=command.occurred_at,
            )
            return (refused,)
        outcome = await writer.change(replace(command, person=plain))
        if isinstance(outcome, VaultCustomerNotChanged):
            shown = {text: role for role, text in plain.items()}
            outcome = replace(outcome, message=without_values(outcome.message, shown))
        return (outcome,)

    return stateless(
        AGENT,
        Topic.VAULT_COMMANDS,
        Topic.VAULT_OUTCOMES,
        perform,
        attrgetter("data_subject"),
        route=lambda _state, outcome: (Output(Topic.CUSTOMERS_INBOX, outcome),),
        batch_size=WRITES_AT_ONCE,
    )
