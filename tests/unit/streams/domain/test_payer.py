"""Whose money it is: what references answer, what payments decide of it, and when order makes no difference."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import permutations
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.failures import Unreadable
from schemas.records.identification import (
    AssignCustomer,
    CustomerReferenced,
    ForgetReference,
    IdentificationReviewed,
    Movement,
    OpenItemReferenced,
    PaymentAwaitsReference,
    PaymentIdentified,
    PaymentToIdentify,
    RememberReference,
    WaitingReason,
)
from schemas.records.receivables import Decision, DecisionRefused, DecisionTaken
from schemas.values.references import payment_token
from streams.domain import identification
from tests.support.builders import CUSTOMER, NOON, PAYMENT, Ledger, at, kinds, payers_key, to_identify

VAULT, INVOICE, ORDER, PURCHASE = "vault:acme", "invoice:RE-1", "order:RE-1", "order:PO-7"
TOKENS = (VAULT, INVOICE, ORDER, PURCHASE)


class Payers:
    """The identification context alone: what it sends to itself is decided before the next record comes."""

    def __init__(self) -> None:
        self.book = Ledger(identification, payers_key)

    def report(self, *records: Any) -> list[Any]:
        """Decide these records and all that follow from them; gives the events in order."""
        events: list[Any] = []
        for record in records:
            inbox = deque([record])
            while inbox:
                said = len(self.book.outputs)
                events += self.book.when(inbox.popleft())
                inbox.extend(out.record for out in self.book.outputs[said:] if out.topic == "identification.inbox.v1")
        return events

    @property
    def identified(self) -> list[PaymentIdentified]:
        return self.book.sent(PaymentIdentified)

    def payment(self, payment: str = PAYMENT) -> Any:
        return self.book.states[f"payment:{payment}"].payment

    @property
    def waiting(self) -> list[PaymentAwaitsReference]:
        return [one for state in self.book.states.values() for one in state.payment.waiting]


def known(token: str = INVOICE, customer: str = "70001", minute: int = 9) -> OpenItemReferenced:
    return OpenItemReferenced(token=token, abas_customer_id=customer, abas_open_item_id="i1", observed_at=at(minute))


def assigned(customer: str = "70001", payment: str = PAYMENT, command: str = "c1") -> AssignCustomer:
    return AssignCustomer(
        command_id=command,
        payment_token=f"payment:{payment}",
        paytrace_transaction_id=payment,
        abas_customer_id=customer,
        decided_by="mweber",
        reason="payer called",
        occurred_at=at(20),
    )


def remembered(token: str = VAULT, customer: str = "70001", command: str = "r1") -> RememberReference:
    return RememberReference(
        command_id=command,
        token=token,
        abas_customer_id=customer,
        decided_by="mweber",
        reason="payer called",
        occurred_at=at(21),
    )


def forgotten(token: str = VAULT, command: str = "f1") -> ForgetReference:
    return ForgetReference(
        command_id=command, token=token, decided_by="mweber", reason="company was sold", occurred_at=at(22)
    )


def test_a_known_first_token_identifies_in_two_decisions() -> None:
    line = Payers()
    line.report(known(VAULT))
    events = line.report(to_identify(*TOKENS))
    assert kinds(events) == ["PaymentPassedOn", "PaymentIdentified"]
    (found,) = line.identified
    assert (found.abas_customer_id, found.identified_by, found.occurred_at) == ("70001", VAULT, NOON)


@pytest.mark.parametrize("token", TOKENS)
def test_every_token_of_a_payment_that_waits_is_heard(token: str) -> None:
    line = Payers()
    line.report(to_identify(*TOKENS))
    assert [one.reason for one in line.waiting] == [WaitingReason.REFERENCE_UNKNOWN]
    assert kinds(line.report(known(token))) == ["ReferenceLearned", "ReferenceAnswered", "PaymentIdentified"]
    assert [(one.abas_customer_id, one.identified_by) for one in line.identified] == [("70001", token)]
    assert line.waiting == []


def test_a_vault_customer_known_late_gets_the_payment_that_names_an_unknown_invoice() -> None:
    """The payment of yesterday must not wait for ever while the one of today takes its invoice."""
    line = Payers()
    line.report(to_identify(VAULT, INVOICE, payment="1"), known(VAULT), to_identify(VAULT, INVOICE, payment="2"))
    assert [one.paytrace_transaction_id for one in line.identified] == ["1", "2"]


def test_a_payment_that_waits_says_once_what_nobody_is_known_by() -> None:
    line = Payers()
    line.report(to_identify(*TOKENS))
    (waits,) = line.waiting
    assert waits.detail == "no abas customer is known by vault:acme, invoice:RE-1, order:RE-1, order:PO-7"
    assert waits.asks == (INVOICE, ORDER, PURCHASE)


def test_a_payment_without_reference_waits_until_a_person_names_the_customer() -> None:
    line = Payers()
    line.report(to_identify("none:79388123"))
    assert [one.reason for one in line.waiting] == [WaitingReason.NO_REFERENCE]
    taken, found = line.report(assigned("70009"))
    assert isinstance(taken, DecisionTaken)
    assert (taken.decision, taken.decided_by, taken.reason) == (Decision.ASSIGN_CUSTOMER, "mweber", "payer called")
    assert (found.abas_customer_id, found.identified_by) == ("70009", "payment:79388123")


def test_a_token_of_several_customers_is_no_answer_and_holds_back_those_behind_it() -> None:
    line = Payers()
    line.report(known(VAULT, "70002"), known(VAULT, "70001"), known(INVOICE, "70001"), to_identify(*TOKENS))
    (waits,) = line.waiting
    assert (waits.reason, waits.token) == (WaitingReason.REFERENCE_AMBIGUOUS, VAULT)
    assert waits.detail == "vault:acme is known by customers 70001, 70002"
    assert kinds(line.report(assigned("70001"))) == ["DecisionTaken", "PaymentIdentified"]


def test_a_tie_behind_the_first_token_is_reported_and_ended_by_the_first() -> None:
    line = Payers()
    line.report(known(INVOICE, "70001"), known(INVOICE, "70002"), to_identify(*TOKENS))
    assert [one.token for one in line.waiting] == [INVOICE]
    line.report(known(ORDER, "70001"))
    assert line.identified == []
    line.report(known(VAULT, "70003"))
    assert [one.abas_customer_id for one in line.identified] == ["70003"]


def test_what_waits_for_a_token_is_identified_in_order_of_arrival() -> None:
    line = Payers()
    line.report(to_identify(INVOICE, payment="2"), to_identify(INVOICE, payment="1"), known())
    assert [one.paytrace_transaction_id for one in line.identified] == ["2", "1"]


def test_a_token_of_higher_priority_that_says_otherwise_is_reported_and_moves_nothing() -> None:
    line = Payers()
    line.report(to_identify(*TOKENS), known(INVOICE, "70002"))
    events = line.report(known(VAULT, "70001"))
    (contest,) = [event for event in events if isinstance(event, IdentificationReviewed)]
    assert not contest.agrees
    assert (contest.abas_customer_id, contest.abas_customer_ids, contest.token) == ("70002", ("70001",), VAULT)
    assert [one.abas_customer_id for one in line.identified] == ["70002"]
    line.report(to_identify(*TOKENS, movement=Movement.VOIDED))
    assert [one.abas_customer_id for one in line.identified] == ["70002", "70002"]


def test_a_contested_customer_may_be_kept_by_a_person() -> None:
    line = Payers()
    line.report(to_identify(*TOKENS), known(INVOICE, "70002"), known(VAULT, "70001"))
    assert kinds(line.report(assigned("70002"))) == ["DecisionTaken"]


@pytest.mark.parametrize(
    ("history", "why"),
    [
        ([], "no money of payment 79388123 is known here"),
        ([known(), to_identify(INVOICE)], "payment 79388123 has customer 70001 already"),
        (
            [known(customer="70005"), to_identify(INVOICE)],
            "payment 79388123 has customer 70005; its receivables move it",
        ),
    ],
)
def test_an_assignment_that_says_nothing_new_is_refused(history: Sequence[Any], why: str) -> None:
    line = Payers()
    line.report(*history)
    (refusal,) = line.report(assigned())
    assert isinstance(refusal, DecisionRefused)
    assert refusal.refused_because.startswith(why)
    assert line.report(assigned()) == []


def test_a_remembered_token_answers_for_all_that_wait_and_all_that_come() -> None:
    line = Payers()
    line.report(to_identify(*TOKENS, payment="1"), remembered(), to_identify(*TOKENS, payment="2"))
    assert [(one.paytrace_transaction_id, one.abas_customer_id) for one in line.identified] == [
        ("1", "70001"),
        ("2", "70001"),
    ]


def test_a_remembered_token_stands_before_what_abas_says_until_it_is_overruled_or_forgotten() -> None:
    line = Payers()
    line.report(known(VAULT, "70001"), known(VAULT, "70002"), remembered(VAULT, "70003"))
    line.report(to_identify(VAULT, payment="1"), remembered(VAULT, "70004", "r2"), to_identify(VAULT, payment="2"))
    assert [one.abas_customer_id for one in line.identified] == ["70003", "70004"]
    assert kinds(line.report(forgotten())) == ["DecisionTaken", "ReferenceForgotten"]
    line.report(to_identify(VAULT, payment="3"))
    assert [one.reason for one in line.waiting] == [WaitingReason.REFERENCE_AMBIGUOUS]


def test_what_is_remembered_already_or_not_at_all_is_refused() -> None:
    line = Payers()
    line.report(remembered())
    (again,) = line.report(remembered(command="r2"))
    assert again.refused_because == "vault:acme stands for customer 70001 already"
    (nothing,) = line.report(forgotten(INVOICE))
    assert nothing.refused_because == "no decision about invoice:RE-1 is remembered"


def test_a_later_movement_waits_behind_the_first_and_goes_its_way() -> None:
    line = Payers()
    line.report(to_identify(*TOKENS), to_identify(*TOKENS, movement=Movement.VOIDED), known(INVOICE))
    line.report(known(INVOICE, "70002"), to_identify(*TOKENS, movement=Movement.RETURNED))
    assert [(one.movement, one.abas_customer_id) for one in line.identified] == [
        (Movement.CAPTURED, "70001"),
        (Movement.VOIDED, "70001"),
        (Movement.RETURNED, "70001"),
    ]


def test_what_cannot_be_asked_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="names no token"):
        identification.decide(identification.INITIAL, to_identify())


def test_any_order_of_facts_about_one_customer_ends_in_the_same_identification() -> None:
    """Capture, void, customer, open item and order, in all 120 orders."""
    story = [
        to_identify(*TOKENS),
        to_identify(*TOKENS, movement=Movement.VOIDED),
        CustomerReferenced(token=VAULT, abas_customer_id="70001", observed_at=at(1)),
        known(INVOICE),
        CustomerReferenced(token=PURCHASE, abas_customer_id="70001", observed_at=at(2)),
    ]
    for order in permutations(story):
        line = Payers()
        line.report(*order)
        assert sorted((one.movement, one.abas_customer_id) for one in line.identified) == [
            (Movement.CAPTURED, "70001"),
            (Movement.VOIDED, "70001"),
        ]
        assert line.waiting == []


facts = st.builds(known, st.sampled_from(TOKENS), st.sampled_from(["70001", "70002"]))
movements = st.builds(
    lambda tokens, payment, movement: to_identify(*tokens, payment=payment, movement=movement),
    st.just(TOKENS),
    st.sampled_from(["1", "2", "3"]),
    st.sampled_from([Movement.CAPTURED, Movement.VOIDED]),
)
records = st.one_of(
    facts,
    movements,
    st.builds(assigned, st.sampled_from(["70001", "70003"]), st.sampled_from(["1", "2"]), st.sampled_from(["a", "b"])),
    st.builds(remembered, st.sampled_from(TOKENS), st.sampled_from(["70001", "70003"]), st.sampled_from(["c", "d"])),
    st.builds(forgotten, st.sampled_from(TOKENS), st.sampled_from(["e", "f"])),
)


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from(TOKENS), st.sampled_from(["70001", "70002", "70003"])),
    st.permutations(range(5)),
)
def test_in_any_order_the_first_token_that_names_one_customer_decides_or_contests(
    knows: dict[str, str], order: list[int]
) -> None:
    """For tokens that name at most one customer each, whether they agree or not."""
    story = [to_identify(*TOKENS), *(known(token, customer) for token, customer in knows.items())]
    line = Payers()
    line.report(*(story[number] for number in order if number < len(story)))
    expected = next((knows[token] for token in TOKENS if token in knows), None)
    if expected is None:
        assert len(line.waiting) == 1
        return
    (found,) = line.identified
    named = {found.identified_by: found.abas_customer_id} | {
        event.token: event.abas_customer_ids[0]
        for event in line.book.events
        if isinstance(event, IdentificationReviewed)
    }
    first = min(named, key=TOKENS.index)
    assert named[first] == expected


@settings(max_examples=150)
@given(st.lists(records, max_size=14))
def test_nothing_is_identified_twice_and_all_movements_of_a_payment_go_one_way(history: list[Any]) -> None:
    line = Payers()
    line.report(*history)
    asked = {one.movement_id for one in history if isinstance(one, PaymentToIdentify)}
    left = [one.movement_id for one in line.identified]
    assert sorted([*left, *(one.movement_id for one in line.waiting)]) == sorted(asked)
    ways: dict[str, set[str]] = {}
    for one in line.identified:
        ways.setdefault(one.paytrace_transaction_id, set()).add(one.abas_customer_id)
    assert all(len(way) == 1 for way in ways.values())


@settings(max_examples=100)
@given(st.lists(records, max_size=12))
def test_repeats_identify_nothing_and_the_state_survives_the_local_store(history: list[Any]) -> None:
    line = Payers()
    line.report(*history)
    before = len(line.identified)
    line.report(*(one for one in history if not isinstance(one, RememberReference | ForgetReference | AssignCustomer)))
    assert len(line.identified) == before
    for state in line.book.states.values():
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=identification.State) == state


@settings(max_examples=100)
@given(st.lists(records, max_size=10), st.lists(records, max_size=10))
def test_any_event_is_accepted_in_any_state(one: list[Any], other: list[Any]) -> None:
    first, second = Payers(), Payers()
    first.report(*one)
    second.report(*other)
    state = next(iter(first.book.states.values()), identification.INITIAL)
    for event in second.book.events:
        state = identification.evolve(state, event)
        identification.route(state, event)
        assert type(event) in get_args(identification.Event)


@pytest.mark.parametrize(("by", "why"), [("", "their letter"), ("mweber", " "), ("mweber", "test")])
@pytest.mark.parametrize("kind", [AssignCustomer, RememberReference, ForgetReference])
def test_a_decision_about_a_payer_needs_a_name_and_a_reason(kind: type[Any], by: str, why: str) -> None:
    reported: dict[str, Any] = {"command_id": "c", "decided_by": by, "reason": why, "occurred_at": at(9)}
    if kind is AssignCustomer:
        reported |= {"payment_token": payment_token(PAYMENT), "paytrace_transaction_id": PAYMENT}
    else:
        reported["token"] = "vault:acme"
    if kind is not ForgetReference:
        reported["abas_customer_id"] = CUSTOMER
    (answer,) = Ledger(identification, payers_key).given(to_identify("none:79388123")).when(kind(**reported))
    assert isinstance(answer, DecisionRefused)
    assert "names nobody" in answer.refused_because or "is no reason" in answer.refused_because
