"""Vault customers find their customer of abas by evidence that agrees, never on a tie; people's decisions stand."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import catalog
from schemas.records.customers import (
    CreateCustomer,
    CustomerCommandRefused,
    CustomerCreationRefused,
    CustomerLeft,
    CustomerLinkContested,
    CustomerLinked,
    CustomerLinkWaiting,
    DecideCustomerAgain,
    ErpCustomerObserved,
    LeaveCustomer,
    LinkCustomer,
    LinkWaitingReason,
    MethodChange,
    PaymentMethodChanged,
    UnlinkCustomer,
    VaultCustomerObserved,
)
from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from schemas.records.identification import CustomerReferenced
from schemas.records.orders import OrderCustomerAsked, OrderCustomerFound
from schemas.topic import Topic
from streams.domain.accounts import AccountMapping
from streams.domain.choices import CustomerRules
from streams.domain.customers import INITIAL, decide, evolve, reminder, route
from streams.domain.customers.decider import MOST_FOUND
from tests.support.policies import CUSTOMERS

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ADA = "paytrace/main/ada"
Facts = tuple[str | None, str | None, str | None]


@dataclass
class World:
    """The agent on its inbox: each key by itself; what it sends to itself comes in the order of `chance`."""

    chance: random.Random | None = None
    mapping: AccountMapping = CUSTOMERS
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
            for event in decide(self.states[key], record, self.mapping):
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


def vault(name: str, facts: Facts, minute: int = 0, person: dict[str, str] | None = None) -> VaultCustomerObserved:
    email, called, place = facts
    return VaultCustomerObserved(
        vault_customer_id=name,
        merchant="main",
        has_card=True,
        raw_card_expiry="",
        data_subject=f"paytrace/main/{name}",
        person=person or {},
        value_digests={},
        email_digest=email,
        name_digest=called,
        place_digest=place,
        raw_created="",
        observed_at=NOW + timedelta(minutes=minute),
        raw="{}",
    )


def erp(
    number: str, facts: Facts, recorded: str | None = None, person: dict[str, str] | None = None
) -> ErpCustomerObserved:
    email, called, place = facts
    return ErpCustomerObserved(
        abas_customer_id=number,
        data_subject=f"abas/{number}",
        person=person or {},
        value_digests={},
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
    world.when(vault("ada", ("E", None, None), minute=5))
    assert len(world.events) == before


# -- unknown customers -------------------------------------------------------------------------------------------------

CREATE = replace(CUSTOMERS, customers=CustomerRules(unknown="create"))
WRITE = replace(CUSTOMERS, customers=CustomerRules(payment_methods=True))
NAMED = {
    "name": "sealed:name",
    "email": "sealed:email",
    "billing_street": "sealed:street",
    "billing_town": "sealed:town",
}
UNKNOWN = vault("ada", ("E", "N", "P"), person=NAMED)


def create(number: int = 1) -> CreateCustomer:
    return CreateCustomer(
        command_id=f"c{number}", data_subject=ADA, decided_by="anna", authenticated_by="session",
        reason="a new customer", occurred_at=NOW,
    )  # fmt: skip


def leave(number: int = 1) -> LeaveCustomer:
    return LeaveCustomer(
        command_id=f"x{number}", data_subject=ADA, decided_by="anna", authenticated_by="session",
        reason="a test customer", occurred_at=NOW,
    )  # fmt: skip


def saved(number: str = "70017", subject: str = ADA) -> RecordSaved:
    return RecordSaved(
        kind="customer", natural_key=ADA, subject=subject, erp_id="(1,0,0)", erp_number=number, erp_version=1,
        occurred_at=NOW,
    )  # fmt: skip


def not_saved(code: str = "DUPLICATE_RECORD") -> RecordRefused:
    message = "Customer 70003 has the same email; nothing was created"
    return RecordRefused(
        kind="customer", natural_key=ADA, subject=ADA, code=code, message=message, occurred_at=NOW
    )  # fmt: skip


def commands(world: World) -> list[SaveRecord]:
    return [record for record in world.sent if isinstance(record, SaveRecord)]


def test_an_unknown_customer_is_flagged_and_created_only_where_the_mapping_says_so() -> None:
    assert commands(World().when(UNKNOWN)) == []
    world = World(mapping=CREATE).when(UNKNOWN, UNKNOWN)
    [command] = commands(world)
    assert (command.kind, command.natural_key, command.subject) == ("customer", ADA, ADA)
    assert command.values == {
        "name": "sealed:name", "email": "sealed:email", "street": "sealed:street", "town": "sealed:town",
        "vault_customer": "ada",
    }  # fmt: skip
    world.when(saved())
    assert world.last(CustomerLinked).evidence == ("created",)
    assert world.links == {ADA: "70017"}
    assert world.sent[-1] == CustomerReferenced(token="vault:ada", abas_customer_id="70017", observed_at=NOW)
    seen = len(world.events)
    world.when(saved(), replace(erp("70017", ("E", "N", "P"), "ada")), UNKNOWN)
    assert [type(event).__name__ for event in world.events[seen:] if "Link" in type(event).__name__] == []


def test_who_has_no_name_or_company_or_is_erased_is_not_created() -> None:
    for person in ({}, {"email": "sealed:email"}, {"name": "[erased]"}):
        world = World(mapping=CREATE).when(vault("ada", ("E", None, None), person=person))
        assert commands(world) == []
        world.when(create())
        assert "name" in world.last(CustomerCommandRefused).refused_because
    several = replace(CREATE, companies={"other": "at"})
    assert commands(World(mapping=several).when(UNKNOWN)) == []


def test_of_several_companies_the_one_of_the_merchant_account_gets_the_customer() -> None:
    world = World(mapping=replace(CREATE, companies={"main": "at"})).when(UNKNOWN)
    [command] = commands(world)
    assert (command.subject, command.natural_key) == (f"at/{ADA}", ADA)
    assert world.when(saved(subject=f"at/{ADA}")).links == {ADA: "at/70017"}


def test_what_abas_refuses_waits_for_a_person_and_is_not_asked_again_by_rule() -> None:
    world = World(mapping=CREATE).when(UNKNOWN).when(not_saved())
    assert "70003" in world.last(CustomerCreationRefused).message
    world.when(vault("ada", ("E", "N", "P2"), person=NAMED), not_saved())
    assert len(commands(world)) == 1
    world.when(create())
    assert len(commands(world)) == 2
    assert world.when(saved()).links == {ADA: "70017"}


def test_no_evidence_links_who_is_being_created_until_abas_refuses() -> None:
    world = World(mapping=CREATE).when(UNKNOWN).when(erp("70003", ("E", "N", None)))
    assert world.links == {}
    world.when(link("70003"), create(2))
    assert [event.command_id for event in world.events if isinstance(event, CustomerCommandRefused)] == ["l1", "c2"]
    world.when(not_saved())
    assert world.links == {ADA: "70003"}


def test_a_person_creates_or_leaves_and_both_are_remembered() -> None:
    world = World().when(UNKNOWN, create(), create())
    assert len(commands(world)) == 1
    assert world.when(saved()).last(CustomerLinked).decided_by == "anna"
    world.when(leave(), create(2))
    assert len([event for event in world.events if isinstance(event, CustomerCommandRefused)]) == 2

    world = World(mapping=CREATE).when(UNKNOWN)
    assert len(commands(world)) == 1
    left = World().when(UNKNOWN, leave(), leave(2))
    assert left.last(CustomerLeft).reason == "a test customer"
    assert "already" in left.last(CustomerCommandRefused).refused_because
    left.mapping = CREATE
    said = len(left.events)
    left.when(DecideCustomerAgain(data_subject=ADA, occurred_at=NOW), vault("ada", ("E", "N", "P"), 5, NAMED))
    assert left.events[said:] == []
    left.when(erp("1", ("E", "N", None)))
    assert left.links == {ADA: "1"}


def test_a_new_mapping_has_the_unknown_ones_decided_again() -> None:
    world = World().when(UNKNOWN)
    again = reminder(world.states[ADA], NOW)
    assert again == DecideCustomerAgain(data_subject=ADA, occurred_at=NOW)
    world.mapping = CREATE
    assert len(commands(world.when(again, again))) == 1
    assert reminder(world.states["email:E"], NOW) is None


def test_what_was_created_and_unlinked_is_not_created_a_second_time() -> None:
    world = World(mapping=CREATE).when(UNKNOWN).when(saved()).when(unlink())
    world.when(UNKNOWN, vault("ada", ("E2", "N", "P"), 6, NAMED))
    assert len(commands(world)) == 1
    world.when(create(3))
    assert "70017" in world.last(CustomerCommandRefused).refused_because


# -- payment methods ---------------------------------------------------------------------------------------------------


def card(last_four: str = "4242", expires: date | None = date(2027, 1, 31), brand: str | None = "visa") -> Any:
    return replace(vault("ada", ("E", "N", "P")), card_last_four=last_four, card_expires_on=expires, card_brand=brand)


NO_CARD = replace(vault("ada", ("E", "N", "P")), has_card=False)


def test_each_change_of_a_card_is_logged_once() -> None:
    world = World().when(NO_CARD, card(), card(), card("1111", date(2029, 4, 30)), NO_CARD, NO_CARD)
    log = [event for event in world.events if isinstance(event, PaymentMethodChanged)]
    assert [event.change for event in log] == [MethodChange.ADDED, MethodChange.CHANGED, MethodChange.REMOVED]
    assert (log[1].was_last_four, log[1].was_expires_on, log[1].card_last_four) == ("4242", date(2027, 1, 31), "1111")
    assert (log[2].card_last_four, log[2].was_last_four) == ("1111", "1111")
    assert commands(world) == []


def test_a_customer_that_is_gone_has_no_methods_keeps_its_link_and_is_found_by_nothing() -> None:
    world = World().when(card(), erp("1", ("E", "N", None)))
    gone = replace(vault("ada", (None, None, None)), is_gone=True, has_card=False, has_bank_account=False)
    world.when(gone, gone)
    log = [event.change for event in world.events if isinstance(event, PaymentMethodChanged)]
    assert log == [MethodChange.ADDED, MethodChange.REMOVED]
    assert world.links == {ADA: "1"}
    assert world.states[ADA].customer.tokens == frozenset()


def buyer(name: str = "W1", **about: Any) -> OrderCustomerAsked:
    given = {"email_digest": "E", "name_digest": "N", "place_digest": None, "person": NAMED, **about}
    return OrderCustomerAsked(data_subject="shop/main/customer/7", shop_order=f"main/{name}", occurred_at=NOW, **given)


def test_a_buyer_of_a_shop_is_created_once_and_every_order_hears_of_it() -> None:
    world = World(mapping=CREATE).when(buyer(), buyer("W2"), buyer())
    [command] = commands(world)
    assert (command.natural_key, command.values.get("vault_customer")) == ("shop/main/customer/7", None)
    assert command.values["name"] == "sealed:name"
    world.when(replace(saved(), natural_key=command.natural_key))
    found = [record for record in world.sent if isinstance(record, OrderCustomerFound)]
    assert {(one.shop_order, one.abas_customer_id) for one in found} == {("main/W1", "70017"), ("main/W2", "70017")}
    assert [record for record in world.sent if isinstance(record, CustomerReferenced)] == []


def test_a_bank_account_is_known_by_being_there_alone() -> None:
    world = World().when(replace(NO_CARD, has_bank_account=True), NO_CARD, replace(NO_CARD, has_bank_account=False))
    log = [event for event in world.events if isinstance(event, PaymentMethodChanged)]
    assert [(event.method.value, event.change) for event in log] == [
        ("ACH", MethodChange.ADDED),
        ("ACH", MethodChange.REMOVED),
    ]


def test_abas_gets_the_methods_of_linked_customers_each_change_once_and_removals() -> None:
    world = World(mapping=WRITE).when(card())
    assert commands(world) == []
    world.when(erp("1", ("E", "N", None)))
    [command] = commands(world)
    assert command.values == {
        "customer": "1", "token": "ada", "method": "CARD", "brand": "visa", "last_four": "4242",
        "expires_on": "2027-01-31", "status": "ACTIVE",
    }  # fmt: skip
    assert command.natural_key == f"{ADA}/card"
    world.when(card(), card(expires=date(2028, 1, 31)))
    assert commands(world)[-1].values["expires_on"] == "2028-01-31"
    world.when(NO_CARD)
    assert commands(world)[-1].values["status"] == "REMOVED"
    world.when(card(), unlink())
    assert commands(world)[-1].values["status"] == "REMOVED"
    world.when(link("2", 9))
    assert (commands(world)[-1].values["customer"], commands(world)[-1].values["status"]) == ("2", "ACTIVE")
    assert len(commands(world)) == 6


@given(st.lists(st.sampled_from(["card", "other", "none", "link1", "link2", "unlink", "again"]), max_size=12))
def test_abas_is_asked_for_the_last_state_and_never_twice_for_the_same(steps: list[str]) -> None:
    world = World(mapping=WRITE).when(NO_CARD)
    for number, step in enumerate(steps):
        world.when(
            {
                "card": card(), "other": card("1111"), "none": NO_CARD, "link1": link("1", number),
                "link2": link("2", number), "unlink": unlink(number),
                "again": DecideCustomerAgain(data_subject=ADA, occurred_at=NOW),
            }[step]
        )  # fmt: skip
    asked = [command.values for command in commands(world)]
    assert all(one != other for one, other in itertools.pairwise(asked))
    customer = world.states[ADA].customer
    held = asked[-1] if asked else None
    if customer.linked_to and customer.methods:
        assert held is not None
        shown = (held["customer"], held["last_four"], held["status"])
        assert shown == (customer.linked_to, next(iter(customer.methods.values())).last_four, "ACTIVE")
    else:
        assert held is None or held["status"] == "REMOVED"
