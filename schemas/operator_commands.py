"""Which records are operator commands: what a person asks for, with who, why and when.

For whoever has to know who may give a command (app/access), holds one back until it is approved
(streams/domain/approvals/decider.py), or chains it (streams/log/chain.py). Nothing is listed here: the topic files say
below `commands` what operators give, and schemas/lint sees that none is forgotten there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from types import MappingProxyType
from typing import Any

from schemas import catalog

OPERATORS = "operators"
# How a person is authenticated when nobody has to log in (app/access/actor.py); also before the id of that person.
SINGLE_USER = "single-user"
PERSON_FIELDS = ("decided_by", "requested_by")
INSTANT_FIELDS = ("occurred_at", "requested_at")


@cache
def operator_commands() -> Mapping[str, tuple[str, ...]]:
    """Return every operator command by name, with the inboxes that take it."""
    found: dict[str, tuple[str, ...]] = {}
    for spec in catalog.topics().values():
        for name, givers in spec.commands.items():
            if OPERATORS in givers:
                found[name] = (*found.get(name, ()), spec.name)
    return MappingProxyType(found)


def is_operator_command(topic: str, name: str) -> bool:
    """Return whether a person gives this record there."""
    spec = catalog.topics().get(topic)
    return spec is not None and OPERATORS in spec.commands.get(name, ())


def person_field(name: str) -> str:
    """Return the field of a command that names the person."""
    return next(field for field in PERSON_FIELDS if field in _field_names(name))


def instant_field(name: str) -> str:
    """Return the field of a command that says when the person decided."""
    return next(field for field in INSTANT_FIELDS if field in _field_names(name))


def states_amount(name: str) -> bool:
    """Return whether this command says how much money it is about."""
    return "currency" in _field_names(name) and bool({"amount_minor", "part_amounts"} & _field_names(name))


def amount_of(command: Any) -> tuple[int, str] | None:
    """Return what a command is about, in minor units, and the currency; None where this one leaves it open.

    Ensures: an amount that is None, empty or has no currency is open, never zero.
    """
    currency = getattr(command, "currency", None)
    parts = getattr(command, "part_amounts", None)
    amount = sum(map(abs, parts)) if parts else getattr(command, "amount_minor", None)
    return None if amount is None or not currency else (abs(amount), currency)


def same_person(one: str, other: str) -> bool:
    """Return whether two user ids are of one person; who worked in one-user mode is known by the same login later."""
    return _bare(one) == _bare(other)


def _bare(user_id: str) -> str:
    return user_id.strip().casefold().removeprefix(f"{SINGLE_USER}:")


@cache
def _field_names(name: str) -> frozenset[str]:
    return frozenset(field.name for field in fields(catalog.record_classes()[name]))
