"""Which field of abas each value of a kind of document goes into, and what abas says of that field.

For whoever looks at a mapping. By the profile, for the way in which this abas is written to; types by its own metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasAddressWrong, AbasRefused, AbasUnavailable
from connectors.abas.profile import Profile
from schemas.documents import kinds
from schemas.failures import Transient


@dataclass(frozen=True, slots=True)
class Target:
    """One field. part is where it stands: head or row; type is empty where abas does not say it."""

    part: Literal["head", "row"]
    role: str
    name: str
    type: str
    description: str
    need: Literal["required", "optional"]


async def fields_of(profile: Profile, kind: str, client: AbasClient) -> Sequence[Target]:
    """Return the fields of a kind of document, in the order in which they are set.

    Raises: LookupError naming the kinds that the profile has.
    """
    way = profile.documents.get(kind)
    if way is None:
        raise LookupError(f"the profile has no document {kind!r}; it has {', '.join(profile.documents)}")
    call = way.infosystem if profile.strategy_of(way) == "infosystem" else None
    of_kind = kinds()[kind]
    # The row that a person chose accounts for: of a document in the head alone the counter rows, where it has several.
    counter = None if way.counter_rows is None else way.counter_rows.inputs
    rows: Mapping[str, str] = {} if call is not None else way.rows.inputs if way.rows is not None else counter or {}
    try:
        listed = await (
            client.table_fields(way.table)
            if call is None
            else client.infosystem_fields(call.workspace, call.search_word)
        )
    except (AbasRefused, AbasAddressWrong, AbasUnavailable, Transient):
        listed = ()
    known = {str(entry.get("name")): entry for entry in listed}
    needed = {*of_kind.required, "posting_reference", "subject", "account", "amount", "currency", "debit", "credit"}

    def target(part: Literal["head", "row"], role: str, name: str) -> Target:
        own, _, _ = name.partition("^")
        said = known.get(own, {})
        need: Literal["required", "optional"] = "required" if role in needed else "optional"
        return Target(part, role, name, _type(said), str(said.get("description") or ""), need)

    head = way.inputs if call is None else call.inputs
    return [
        *(target("head", role, name) for role, name in head.items()),
        *(target("row", role, name) for role, name in rows.items()),
    ]


def _type(entry: Mapping[str, Any]) -> str:
    kind = entry.get("type")
    return str(kind.get("erpType") or kind.get("baseType") or "") if isinstance(kind, dict) else ""
