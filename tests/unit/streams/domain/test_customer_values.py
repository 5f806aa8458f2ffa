"""Values flow from their owner to the other side, conflicts are shown, and edits and echoes end quiet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.customers import (
    ChangeVaultCustomer,
    CustomerCommandRefused,
    CustomerSide,
    CustomerValueAgreed,
    CustomerValueDecided,
    CustomerValueDiffers,
    CustomerValuesRefused,
    KeepCustomerValue,
    UnlinkCustomer,
    ValueConflict,
    VaultCustomerChanged,
    VaultCustomerNotChanged,
)
from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from streams.domain.accounts import AccountMapping
from streams.domain.choices import CustomerRules
from tests.support.policies import CUSTOMERS
from tests.unit.streams.domain.test_customers import ADA, NOW, World, erp, vault

OWNERS: dict[str, Any] = {"name": "abas", "email": "paytrace", "billing": "abas"}
LINKED = ("E", "N", "P")


def by(owners: dict[str, Any], conflict: Any = "owner") -> AccountMapping:
    return replace(CUSTOMERS, customers=CustomerRules(owners=owners, conflict=conflict))


@dataclass
class Sides:
    """abas and PayTrace with one customer each, polled and written as the real ones are.

    A poll publishes what differs from the last one; of abas each save differs, by its version. Writes wait in order.
    """

    mapping: AccountMapping
    cut: bool = False  # PayTrace keeps three characters of a value
    abas: dict[str, str] = field(default_factory=dict)
    paytrace: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world = World(mapping=self.mapping)
        self.version = 1
        self.published: dict[str, Any] = {}
        self.done = 0
        self.writes = 0

    def poll_abas(self) -> None:
        seen = erp("1", LINKED, person=dict(self.abas))
        self._publish("abas", replace(seen, value_digests=_digests(self.abas), erp_version=self.version))

    def poll_paytrace(self) -> None:
        seen = vault("ada", LINKED, person=dict(self.paytrace))
        self._publish("paytrace", replace(seen, value_digests=_digests(self.paytrace)))

    def _publish(self, source: str, seen: Any) -> None:
        if self.published.get(source) != seen:
            self.published[source] = seen
            self.world.when(seen)

    def edit(self, side: str, name: str, value: str) -> None:
        getattr(self, side)[name] = value
        self.version += side == "abas"

    @property
    def commands(self) -> list[Any]:
        return [one for one in self.world.sent if isinstance(one, SaveRecord | ChangeVaultCustomer)]

    def write(self) -> bool:
        """Carry out the next command, and report its outcome; no when there is none."""
        if self.done == len(self.commands):
            return False
        command = self.commands[self.done]
        self.done += 1
        self.writes += 1
        outcome: Any
        if isinstance(command, SaveRecord):
            roles = {"street": "billing_street"}
            values = {roles.get(role, role): text for role, text in command.values.items() if role != "number"}
            self.version += any(self.abas.get(role) != text for role, text in values.items())
            self.abas |= values
            outcome = RecordSaved(
                kind=command.kind, natural_key=command.natural_key, subject=command.subject, erp_id="1", erp_number="1",
                erp_version=self.version, occurred_at=NOW,
            )  # fmt: skip
        else:
            kept = {role: text[:3] if self.cut else text for role, text in command.person.items()}
            self.paytrace |= kept
            about: dict[str, Any] = {"data_subject": ADA, "vault_customer_id": "ada", "fields": command.fields}
            outcome = (
                VaultCustomerChanged(**about, occurred_at=NOW)
                if kept == command.person
                else VaultCustomerNotChanged(**about, code="NOT_KEPT", message="cut", occurred_at=NOW)
            )
        self.world.when(outcome)
        return True

    def settle(self) -> None:
        """Poll and write until nothing happens any more."""
        for _ in range(30):
            before = (len(self.world.events), self.done)
            self.poll_abas()
            self.poll_paytrace()
            while self.write():
                pass
            if (len(self.world.events), self.done) == before:
                return
        raise AssertionError("it is not quiet")

    def reported(self, kind: type) -> list[Any]:
        return [event for event in self.world.events if isinstance(event, kind)]


def _digests(person: dict[str, str]) -> dict[str, str]:
    named = {"name": "name", "email": "email", "phone": "phone", "billing": "billing_street"}
    return {name: f"D{person[role]}" for name, role in named.items() if person.get(role)}


def linked(mapping: AccountMapping, **about: Any) -> Sides:
    same = {"name": "Ada", "email": "a@x", "billing_street": "1 Main"}
    sides = Sides(mapping, abas=dict(same), paytrace=dict(same), **about)
    sides.settle()
    assert sides.world.links == {ADA: "1"}
    return sides


def test_the_owner_s_change_flows_once_and_the_echo_is_quiet() -> None:
    sides = linked(by(OWNERS))
    sides.edit("abas", "name", "Ada Byron")
    sides.edit("paytrace", "email", "b@x")
    sides.edit("abas", "billing_street", "2 Main")
    sides.settle()
    assert sides.abas == sides.paytrace == {"name": "Ada Byron", "email": "b@x", "billing_street": "2 Main"}
    assert sides.reported(CustomerValueDiffers) == []
    assert sides.writes <= 3
    command = next(one for one in sides.commands if isinstance(one, SaveRecord))
    assert (command.kind, command.natural_key, command.subject) == ("customer_change", ADA, "1")
    assert command.values["number"] == "1"
    seen = len(sides.world.events)
    sides.settle()
    assert len(sides.world.events) == seen


def test_what_the_other_side_changes_is_a_conflict_that_is_shown_and_overwritten() -> None:
    sides = linked(by(OWNERS))
    sides.edit("abas", "email", "wrong@x")
    sides.settle()
    [differs] = sides.reported(CustomerValueDiffers)
    shown = (differs.field, differs.owner, differs.why, differs.is_waiting)
    assert shown == ("email", CustomerSide.GATEWAY, ValueConflict.OTHER_CHANGED, False)
    assert sides.abas["email"] == "a@x"
    assert [event.field for event in sides.reported(CustomerValueAgreed)] == ["email"]
    sides.edit("abas", "email", "wrong@x")
    sides.settle()
    assert sides.abas["email"] == "a@x"
    assert len(sides.reported(CustomerValueDiffers)) == 2


def keep(side: CustomerSide, name: str = "email", number: int = 1) -> KeepCustomerValue:
    return KeepCustomerValue(
        command_id=f"k{number}", data_subject=ADA, field=name, side=side, decided_by="anna",
        authenticated_by="session", reason="the customer said so", occurred_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize(("side", "stands"), [(CustomerSide.ERP, "new@x"), (CustomerSide.GATEWAY, "a@x")])
def test_where_a_person_decides_nothing_is_written_before(side: CustomerSide, stands: str) -> None:
    sides = linked(by(OWNERS, "ask"))
    sides.edit("abas", "email", "new@x")
    sides.settle()
    assert sides.writes == 0
    assert sides.reported(CustomerValueDiffers)[-1].is_waiting
    sides.world.when(keep(side), keep(side))
    sides.settle()
    assert sides.abas["email"] == sides.paytrace["email"] == stands
    assert len(sides.reported(CustomerValueDecided)) == 1
    sides.world.when(keep(side, number=2), keep(side, "shoe size", 3), keep(side, "phone", 4))
    refused = [event.refused_because for event in sides.reported(CustomerCommandRefused)]
    assert [text.split()[0] for text in refused] == ["both", "'shoe", side.value.lower()]


def test_a_decision_is_of_the_value_that_the_person_saw() -> None:
    sides = linked(by(OWNERS, "ask"))
    sides.edit("abas", "email", "new@x")
    sides.settle()
    sides.edit("abas", "email", "newer@x")
    sides.world.when(keep(CustomerSide.ERP))
    sides.settle()
    assert sides.paytrace["email"] in ("new@x", "a@x")
    assert sides.reported(CustomerValueDiffers)[-1].why in (ValueConflict.OTHER_CHANGED, ValueConflict.BOTH_CHANGED)


def test_values_that_never_were_the_same_are_a_conflict_and_an_empty_one_none() -> None:
    sides = Sides(by(OWNERS), abas={"name": "Ada", "email": "x@x"}, paytrace={"name": "A. Byron", "email": ""})
    sides.settle()
    assert [(one.field, one.why) for one in sides.reported(CustomerValueDiffers)] == [
        ("name", ValueConflict.NEVER_THE_SAME)
    ]
    assert (sides.paytrace["name"], sides.abas["email"]) == ("Ada", "x@x")
    sides.edit("paytrace", "email", "mine@x")
    sides.settle()
    assert sides.abas["email"] == "mine@x"


def test_what_a_side_does_not_keep_is_asked_once_and_shown() -> None:
    sides = linked(by(OWNERS), cut=True)
    sides.edit("abas", "name", "Eva Byron")
    sides.settle()
    assert [event.code for event in sides.reported(CustomerValuesRefused)] == ["NOT_KEPT", "NOT_KEPT"]
    written = sides.writes
    sides.settle()
    assert sides.writes == written <= 2


def test_without_owners_or_a_link_nothing_flows_and_an_end_of_the_link_ends_it() -> None:
    sides = linked(by({}))
    sides.edit("abas", "name", "Eve")
    sides.settle()
    assert sides.commands == []
    sides = linked(by(OWNERS))
    unlink = UnlinkCustomer(
        command_id="u1", data_subject=ADA, decided_by="anna", authenticated_by="session", reason="another company",
        occurred_at=datetime(2026, 11, 25, tzinfo=UTC),
    )  # fmt: skip
    sides.world.when(unlink)
    sides.edit("abas", "name", "Eve")
    sides.settle()
    assert sides.commands == []
    assert sides.world.states["abas/1"].customer.followers == frozenset()


def test_a_refusal_of_abas_waits_until_the_owner_changes_the_value_again() -> None:
    sides = linked(by(OWNERS))
    sides.edit("paytrace", "email", "b@x")
    sides.poll_paytrace()
    [command] = sides.commands
    sides.done = 1
    refused = RecordRefused(
        kind=command.kind, natural_key=ADA, subject="1", code="MISSING_OBJECT/record", message="no such customer",
        occurred_at=NOW,
    )  # fmt: skip
    sides.world.when(refused, refused)
    assert [event.code for event in sides.reported(CustomerValuesRefused)] == ["MISSING_OBJECT/record"]
    sides.settle()
    assert len(sides.commands) == 1
    sides.edit("paytrace", "email", "c@x")
    sides.settle()
    assert sides.abas["email"] == "c@x"


STEPS = st.one_of(
    st.tuples(st.just("edit"), st.sampled_from(["abas", "paytrace"]), st.sampled_from(["name", "email"]),
              st.sampled_from(["one", "two", "six"])),
    st.tuples(st.just("poll"), st.sampled_from(["abas", "paytrace"])),
    st.tuples(st.just("write")),
)  # fmt: skip


@given(st.lists(STEPS, max_size=25), st.booleans())
def test_any_interleaving_ends_quiet_with_the_owner_s_value_on_both_sides(
    steps: list[Any], first_differs: bool
) -> None:
    owners: dict[str, Any] = {"name": "abas", "email": "paytrace"}
    sides = Sides(by(owners), abas={"name": "Ada", "email": "a@x"}, paytrace={"name": "Ada", "email": "a@x"})
    if first_differs:
        sides.edit("paytrace", "name", "Eve")
    wanted = {"name": sides.abas["name"], "email": sides.paytrace["email"]}
    for what, *about in steps:
        match what, about:
            case "edit", [side, name, value]:
                sides.edit(side, name, value)
                # PayTrace has no version: there and back between two polls is not seen (docs/customers.md).
                if side == "paytrace":
                    sides.poll_paytrace()
                if owners[name] == side:
                    wanted[name] = value
            case "poll", ["abas"]:
                sides.poll_abas()
            case "poll", ["paytrace"]:
                sides.poll_paytrace()
            case _:
                sides.write()
                sides.poll_paytrace()
    sides.settle()
    # A write that was on its way may have overtaken an edit at its own side, never at the owner's.
    assert sides.abas == sides.paytrace == wanted
    assert sides.writes <= 2 * (len(steps) + 2)
