"""Vault customers find their customer of abas by evidence that agrees, never on a tie; people's decisions stand."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import catalog
from schemas.records.customers import (
    CustomerCommandRefused,
    CustomerLinkContested,
    CustomerLinked,
    CustomerLinkWaiting,
    ErpCustomerObserved,
    LinkCustomer,
    LinkWaitingReason,
    UnlinkCustomer,
    VaultCustomerObserved,
)
from schemas.records.identification import CustomerReferenced
from schemas.topic import Topic
from streams.domain.customers import INITIAL, decide, evolve, route
from streams.domain.customers.decider import MOST_FOUND

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ADA = "paytrace/main/ada"
Facts = tuple[str | None, str | None, str | None]


@dataclass
class World:
    """The agent on its inbox: each key by itself; what it sends to itself comes in the order of `chance`."""

    chance: random.Random | None = None
    states: dict[str, Any] = field(default_factory=lambda: defaultdict(lambda: INITIAL))
    events: list[Any] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)

    def when(self, *records: Any) -> World:
        keys = {record.name: record.key_field for record in catalog.topic(Topic.CUSTOMERS_INBOX).records}
        queues: dict[str, deque[Any]] = defaultdict(deque)
        for record in records:
            queues[getattr(record, keys[type(record).__name__])].append(record)
        while waiting := [key for key, queue in queues.items() if queue]:
            key = waiting[0] if self.chance is None else self.chance.choice(sorted(waiting))
            record = queues[key].popleft()
            for event in decide(self.states[key], record):
                self.states[key] = evolve(self.states[key], event)
                self.events.append(event)
                for output in route(self.states[key], event):
                    if output.topic == Topic.CUSTOMERS_INBOX:
                        queues[getattr(output.record, keys[type(output.record).__name__])].append(output.record)
                    else:
                        self.sent.append(output.record)
        return self

    def last(self, kind: type) -> Any:
        return next((event for event in reversed(self.events) if isinstance(event, kind)), None)

    @property
    def links(self) -> dict[str, str]:
        return {subject: state.customer.linked_to for subject, state in self.states.items() if state.customer.linked_to}


def vault(name: str, facts: Facts, minute: int = 0) -> VaultCustomerObserved:
    email, called, place = facts
    return VaultCustomerObserved(
        vault_customer_id=name,
        merchant="main",
        has_card=True,
        raw_card_expiry="",
        data_subject=f"paytrace/main/{name}",
        person="",
        email_digest=email,
        name_digest=called,
        place_digest=place,
        raw_created="",
        observed_at=NOW + timedelta(minutes=minute),
        raw="{}",
    )


def erp(number: str, facts: Facts, recorded: str | None = None) -> ErpCustomerObserved:
    email, called, place = facts
    return ErpCustomerObserved(
        abas_customer_id=number,
        data_subject=f"abas/{number}",
        person="",
        email_digest=email,
        name_digest=called,
        place_digest=place,
        recorded_vault_customer=recorded,
        observed_at=NOW,
        raw="{}",
    )


def link(abas: str, number: int = 1, subject: str = ADA) -> LinkCustomer:
    return LinkCustomer(
        command_id=f"l{number}",
        data_subject=subject,
        abas_customer_id=abas,
        decided_by="anna",
        authenticated_by="session",
        reason="same tax number",
        occurred_at=NOW,
    )


def unlink(number: int = 1) -> UnlinkCustomer:
    return UnlinkCustomer(
        command_id=f"u{number}",
        data_subject=ADA,
        decided_by="anna",
        authenticated_by="session",
        reason="another company of that name",
        occurred_at=NOW,
    )


@pytest.mark.parametrize(
    ("known", "recorded", "number", "evidence"),
    [
        (("E", "N", None), None, "70001", ("email", "name", "recorded")[:2]),
        (("E", None, "P"), None, "70001", ("email", "place")),
        ((None, "N", "P"), None, "70001", ("name", "place")),
        ((None, "N", None), None, "ada", ("name", "number")),
        ((None, None, None), "ada", "70001", ("recorded",)),
    ],
)
def test_two_things_that_agree_link_and_the_vault_reference_stands_for_the_customer(
    known: Facts, recorded: str | None, number: str, evidence: tuple[str, ...]
) -> None:
    world = World().when(erp(number, known, recorded), vault("ada", ("E", "N", "P")))
    linked = world.last(CustomerLinked)
    assert (linked.abas_customer_id, linked.evidence, linked.decided_by) == (number, evidence, None)
    assert world.sent == [CustomerReferenced(token="vault:ada", abas_customer_id=number, observed_at=NOW)]


@pytest.mark.parametrize(
    ("customers", "why", "candidates"),
    [
        ([], LinkWaitingReason.NOBODY_AGREES, ()),
        ([erp("1", ("E", None, None))], LinkWaitingReason.TOO_LITTLE_AGREES, ("1",)),
        ([erp("1", ("E", "N", None)), erp("2", ("E", "N", None))], LinkWaitingReason.SEVERAL_AGREE, ("1", "2")),
        ([erp("1", ("E", "N", "P")), erp("2", (None, "N", "P"))], LinkWaitingReason.SEVERAL_AGREE, ("1", "2")),
        ([erp("1", (None, "N", "P")), erp("2", ("E", None, None))], LinkWaitingReason.EVIDENCE_DISAGREES, ("1", "2")),
        (
            [erp("1", ("E", "N", None)), erp("ada", (None, None, None))],
            LinkWaitingReason.EVIDENCE_DISAGREES,
            ("1", "ada"),
        ),
        (
            [erp("1", (None, None, None), "ada"), erp("2", (None, None, None), "ada")],
            LinkWaitingReason.SEVERAL_AGREE,
            ("1", "2"),
        ),
    ],
)
def test_too_little_a_tie_or_a_contradiction_waits_for_a_person(
    customers: list[Any], why: LinkWaitingReason, candidates: tuple[str, ...]
) -> None:
    world = World().when(*customers, vault("ada", ("E", "N", "P")))
    waiting = world.last(CustomerLinkWaiting)
    assert (waiting.why, waiting.abas_customer_ids) == (why, candidates)
    assert world.links == {}
    assert world.sent == []


def test_a_shared_name_is_no_contradiction_and_a_too_common_one_no_evidence() -> None:
    shared = [erp(str(number), (None, "N", None)) for number in range(3)]
    assert World().when(*shared, erp("9", ("E", "N", None)), vault("ada", ("E", "N", "P"))).links == {ADA: "9"}
    common = [erp(str(number), (None, "N", None)) for number in range(MOST_FOUND)]
    assert World().when(*common, erp("99", ("E", "N", None)), vault("ada", ("E", "N", "P"))).links == {}


def test_a_link_is_never_moved_by_a_rule_and_a_contest_is_said_once() -> None:
    world = World().when(erp("1", ("E", "N", None)), vault("ada", ("E", "N", "P")))
    world.when(erp("2", ("E", "N", "P")))
    assert world.last(CustomerLinkContested).evidence == ("2: email, name, place",)
    said = len(world.events)
    world.when(erp("2", ("E", "N", "P")), vault("ada", ("E", "N", "P")))
    assert len(world.events) == said
    assert world.links == {ADA: "1"}


def test_a_person_links_what_no_rule_links_and_the_same_command_twice_is_one() -> None:
    world = World().when(vault("ada", ("E", "N", "P")), link("70001"), link("70001"))
    assert world.links == {ADA: "70001"}
    assert [event for event in world.events if isinstance(event, CustomerLinked | CustomerCommandRefused)] == [
        world.last(CustomerLinked)
    ]
    world.when(link("70001", 2))
    assert "already" in world.last(CustomerCommandRefused).refused_because
    world.when(link("70002", 3))
    assert world.links == {ADA: "70002"}
    assert [type(record).__name__ for record in world.sent] == [
        "CustomerReferenced",
        "CustomerUnreferenced",
        "CustomerReferenced",
    ]


def test_what_a_person_unlinked_no_rule_links_again() -> None:
    world = World().when(erp("1", ("E", "N", "P")), vault("ada", ("E", "N", "P"))).when(unlink())
    assert world.last(CustomerLinkWaiting).why is LinkWaitingReason.UNLINKED_BY_PERSON
    world.when(vault("ada", ("E2", "N", "P")), vault("ada", ("E", "N", "P")))
    assert world.links == {}
    world.when(erp("2", ("E", "N", "P")))
    assert world.links == {ADA: "2"}


def test_what_abas_itself_names_is_changed_there() -> None:
    world = World().when(erp("1", (None, None, None), "ada"), vault("ada", (None, None, None))).when(unlink())
    assert "change it there" in world.last(CustomerCommandRefused).refused_because
    world.when(link("1", 5, subject="abas/1"))
    assert "no vault customer" in world.last(CustomerCommandRefused).refused_because


def test_an_address_that_moves_takes_its_evidence_along() -> None:
    world = World().when(erp("1", ("E", None, "P")), erp("2", ("E9", None, "P9")), vault("ada", ("E", None, "P1")))
    assert world.last(CustomerLinkWaiting).why is LinkWaitingReason.TOO_LITTLE_AGREES
    world.when(erp("1", ("E1", None, "P")), erp("2", ("E", None, "P1")))
    assert world.links == {ADA: "2"}


facts = st.tuples(*(st.sampled_from([None, f"{kind}1", f"{kind}2"]) for kind in "ENP"))


@given(
    st.lists(facts, min_size=1, max_size=3),
    st.lists(st.tuples(facts, st.sampled_from([None, "v0", "v1"])), max_size=4),
    st.integers(0, 1 << 30),
)
def test_in_any_order_and_any_number_of_times_nobody_is_linked_against_the_evidence(
    vaults: list[Facts], customers: list[tuple[Facts, str | None]], seed: int
) -> None:
    chance = random.Random(seed)
    records: list[Any] = [vault(f"v{number}", of) for number, of in enumerate(vaults)]
    records += [erp(str(number), of, recorded) for number, (of, recorded) in enumerate(customers)]
    # abas' customers first, as a tie can be seen only once both are known; among themselves in any order, repeated.
    erps = [record for record in records if isinstance(record, ErpCustomerObserved)]
    gateway = [record for record in records if isinstance(record, VaultCustomerObserved)]
    chance.shuffle(erps)
    one = World(chance).when(*erps, *erps).when(*gateway, *gateway)
    two = World(random.Random(seed + 1)).when(*reversed(erps)).when(*reversed(gateway))
    assert one.links == two.links
    for subject, abas in one.links.items():
        mine = next(record for record in gateway if record.data_subject == subject)
        its = next(record for record in erps if record.abas_customer_id == abas)
        agree = sum(
            ours is not None and ours == theirs
            for ours, theirs in (
                (mine.email_digest, its.email_digest),
                (mine.name_digest, its.name_digest),
                (mine.place_digest, its.place_digest),
            )
        )
        assert agree >= 2 or its.recorded_vault_customer == mine.vault_customer_id
    # Whatever the order, each vault customer is linked or waits, and says why.
    said = {
        event.data_subject: event for event in one.events if isinstance(event, CustomerLinked | CustomerLinkWaiting)
    }
    assert said.keys() == {record.data_subject for record in gateway}


def test_an_observation_without_news_says_nothing() -> None:
    world = World().when(vault("ada", ("E", None, None)))
    before = len(world.events)
    world.when(replace(vault("ada", ("E", None, None), minute=5), has_card=False))
    assert len(world.events) == before
