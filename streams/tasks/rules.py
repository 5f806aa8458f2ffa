"""The rules that an agent decides by: adopted by a record in its inbox, in force from that record on.

Each partition decides by the adoptions that lie on it (docs/adr/0085-rules-are-adopted.md), so a replay of the inbox
decides every record by the rules of then. Until the first adoption of a name comes, it counts for what lies before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.records.tasks import RulesAdopted

Adopted = Mapping[str, RulesAdopted]


@dataclass(frozen=True, slots=True)
class RulesUsed:
    """What an agent needs: names of rules, and how their texts, in that order, become the value handed to `decide`.

    Raises of read: ContractBroken for a text that this version of Saldo can't read.
    """

    names: tuple[str, ...]
    read: Callable[..., Any]

    def missing_in(self, adopted: Adopted) -> tuple[str, ...]:
        """Return the names of which nothing was adopted."""
        return tuple(name for name in self.names if name not in adopted)

    def policy(self, adopted: Adopted) -> Any:
        """Return the value by which records are decided where these adoptions are in force."""
        return self.read(*(adopted[name].text for name in self.names))


def takes_the_place(adopted: RulesAdopted, in_force: Adopted) -> bool:
    """Return whether an adoption is newer than what is in force; an old one written again changes nothing."""
    known = in_force.get(adopted.rules_name)
    return known is None or adopted.number > known.number
