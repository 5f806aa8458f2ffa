"""Whose money it is: who is known by a token, where a payment goes, and what waits."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.failures import Unreadable
from schemas.records.identification import (
    CustomerReferenced,
    Movement,
    OpenItemReferenced,
    PaymentIdentified,
    PaymentToIdentify,
    WaitingReason,
)
from streams.domain import payer
from tests.support.builders import NOON, Ledger, at, kinds, open_item, to_identify

VAULT, INVOICE = "vault:acme", "invoice:RE-1"


def token_of(record: Any) -> str:
    return str(record.tokens[0] if isinstance(record, PaymentToIdentify) else record.token)


def ledger() -> Ledger:
    return Ledger(payer, token_of)


def known(token: str = INVOICE, customer: str = "70001") -> OpenItemReferenced:
    return OpenItemReferenced(token=token, abas_customer_id=customer, abas_open_item_id="i1", observed_at=at(9))


def test_one_customer_known_by_the_token_is_the_payer() -> None:
    book = ledger().given(known(VAULT))
    (event,) = book.when(to_identify(VAULT, INVOICE))
    assert isinstance(event, PaymentIdentified)
    assert (event.abas_customer_id, event.identified_by) == ("70001", VAULT)
    (out,) = book.outputs
    assert (out.topic, out.record) == ("receivables.inbox.v1", event)


def test_an_unknown_token_passes_the_payment_on_with_all_that_are_left() -> None:
    book = ledger()
    (event,) = book.when(to_identify(VAULT, INVOICE, "order:7"))
    assert (event.next_token, event.later_tokens) == (INVOICE, ("order:7",))
    (out,) = book.outputs
    assert (out.topic, out.record) == ("identification.inbox.v1", to_identify(INVOICE, "order:7"))


@pytest.mark.parametrize(
    ("token", "reason"), [(INVOICE, WaitingReason.REFERENCE_UNKNOWN), ("none:79388123", WaitingReason.NO_REFERENCE)]
)
def test_the_last_token_unknown_lets_the_payment_wait(token: str, reason: WaitingReason) -> None:
    book = ledger()
    (event,) = book.when(to_identify(token))
    assert (event.reason, event.token) == (reason, token)
    assert book.outputs == []


def test_a_token_of_several_customers_is_no_answer() -> None:
    book = ledger().given(known(customer="70002"), known(customer="70001"))
    (event,) = book.when(to_identify(INVOICE))
    assert event.reason is WaitingReason.REFERENCE_AMBIGUOUS
    assert event.detail == "invoice:RE-1 is known by customers 70001, 70002"


def test_what_waits_is_identified_in_order_of_arrival_once_the_token_is_known() -> None:
    book = ledger().given(to_identify(INVOICE, payment="2"), to_identify(INVOICE, payment="1"))
    learned, first, second = book.when(known())
    assert (learned.abas_customer_id, learned.occurred_at) == ("70001", at(9))
    assert [event.paytrace_transaction_id for event in (first, second)] == ["2", "1"]
    assert first.occurred_at == NOON, "the value date is the payment's, however long it waited"
    assert book.state.waiting == ()


def test_an_operator_can_name_the_payer_of_a_payment_without_reference() -> None:
    book = ledger().given(to_identify("none:79388123"))
    told = CustomerReferenced(token="none:79388123", abas_customer_id="70009", observed_at=at(1))
    assert kinds(book.when(told)) == ["ReferenceLearned", "PaymentIdentified"]


def test_a_second_customer_leaves_the_ambiguous_payment_waiting() -> None:
    book = ledger().given(known(), known(customer="70002"), to_identify(INVOICE))
    assert kinds(book.when(known(customer="70003"))) == ["ReferenceLearned"]
    assert len(book.state.waiting) == 1


def test_the_same_record_twice_says_nothing() -> None:
    for records in ([known()], [to_identify(VAULT, INVOICE)], [to_identify(INVOICE)], [known(), to_identify(INVOICE)]):
        book = ledger().given(*records)
        assert [book.when(record) for record in records] == [[] for _ in records]


def test_a_payment_passed_on_stays_passed_on_when_the_token_becomes_known() -> None:
    book = ledger().given(to_identify(VAULT, INVOICE), known(VAULT))
    (event,) = book.when(to_identify(VAULT, INVOICE, movement=Movement.VOIDED))
    assert kinds([event]) == ["PaymentPassedOn"]
    assert event.movement is Movement.VOIDED


def test_a_payment_stays_with_its_customer_when_the_token_becomes_ambiguous() -> None:
    book = ledger().given(known(), to_identify(INVOICE), known(customer="70002"))
    (event,) = book.when(to_identify(INVOICE, movement=Movement.VOIDED))
    assert isinstance(event, PaymentIdentified)
    assert event.abas_customer_id == "70001"


def test_a_later_movement_waits_behind_the_first() -> None:
    book = ledger().given(to_identify(INVOICE), to_identify(INVOICE, movement=Movement.VOIDED))
    identified = book.when(known())[1:]
    assert [event.movement for event in identified] == [Movement.CAPTURED, Movement.VOIDED]


def test_what_cannot_be_asked_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="names no token"):
        payer.decide(payer.INITIAL, to_identify())
    with pytest.raises(Unreadable, match=r"OpenItemObserved on identification\.inbox\.v1"):
        payer.decide(payer.INITIAL, open_item())


records = st.one_of(
    st.builds(known, st.sampled_from([VAULT, INVOICE]), st.sampled_from(["70001", "70002"])),
    st.builds(
        lambda tokens, payment, movement: to_identify(*tokens, payment=payment, movement=movement),
        st.sampled_from([(VAULT, INVOICE), (INVOICE,), (VAULT,)]),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from([Movement.CAPTURED, Movement.VOIDED]),
    ),
)


@settings(max_examples=100)
@given(st.lists(records, max_size=12))
def test_all_movements_of_a_transaction_go_one_way(history: list[Any]) -> None:
    for key, said in ledger().given(*history).said_by_key.items():
        ways: dict[str, set[object]] = {}
        for event in said:
            if isinstance(event, PaymentIdentified):
                ways.setdefault(event.paytrace_transaction_id, set()).add(event.abas_customer_id)
            elif type(event).__name__ == "PaymentPassedOn":
                ways.setdefault(event.paytrace_transaction_id, set()).add(event.next_token)
        assert all(len(way) == 1 for way in ways.values()), key


@settings(max_examples=100)
@given(st.lists(records, max_size=12))
def test_each_movement_leaves_a_token_once_or_waits_there(history: list[Any]) -> None:
    book = ledger().given(*history)
    for key, state in book.states.items():
        asked = {r.movement_id for r in history if isinstance(r, PaymentToIdentify) and r.tokens[0] == key}
        left = [out.record.movement_id for out in book.said_by_key[key] if hasattr(out, "topic")]
        waiting = [event.movement_id for event in state.waiting]
        assert sorted(left + waiting) == sorted(asked)
        assert not waiting or len(state.customers) != 1


@settings(max_examples=100)
@given(st.lists(records, max_size=12))
def test_repeats_change_nothing_and_the_state_survives_the_local_store(history: list[Any]) -> None:
    book = ledger().given(*history)
    for record in history:
        assert book.when(record) == []
    for state in book.states.values():
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=payer.State) == state


@settings(max_examples=100)
@given(st.lists(records, max_size=10), st.lists(records, max_size=10))
def test_any_event_is_accepted_in_any_state(one: list[Any], other: list[Any]) -> None:
    state = next(iter(ledger().given(*one).states.values()), payer.INITIAL)
    seen = set()
    for event in ledger().given(*other).events:
        state = payer.evolve(state, event)
        payer.route(state, event)
        seen.add(type(event))
    assert seen <= set(get_args(payer.Event))


@settings(max_examples=100)
@given(st.lists(records, max_size=14))
def test_tokens_do_not_touch_each_other(history: list[Any]) -> None:
    mixed = ledger().given(*history)
    for key in (VAULT, INVOICE):
        alone = ledger().given(*(record for record in history if token_of(record) == key))
        assert alone.states.get(key) == mixed.states.get(key)
        assert alone.said_by_key[key] == mixed.said_by_key[key]
