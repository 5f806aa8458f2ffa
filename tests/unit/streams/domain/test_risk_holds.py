"""Payments that rules of risk hold: judged as the back-test judges them, held until a person releases them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.operators.risk import Gathered
from schemas.records.erp import PostDocument
from schemas.records.identification import OpenItemReferenced, PaymentAwaitsRisk, PaymentIdentified
from schemas.records.orders import (
    OrderDecision,
    OrderDecisionRefused,
    OrderObserved,
    OrderWaiting,
    OrderWaitReason,
    WriteToShop,
)
from schemas.records.payments import TransactionKind, TransactionObserved, TransactionStatus
from schemas.records.risk import (
    PaymentRiskDecided,
    ReleaseHeldPayment,
    RiskAssessed,
    RiskDecisionRefused,
    RiskFactKept,
    RiskStatus,
)
from schemas.topic import Topic
from schemas.values.references import invoice_token, payment_token
from streams.domain.risk.engine import assess
from streams.domain.risk.policy import Outcome
from streams.domain.risk.state import MOST_KEPT, Together
from streams.domain.risk.together import keep
from streams.rules.catalogue import RISK_RULES
from streams.rules.risk import read_risk_rules
from tests.support.builders import observation, open_item
from tests.support.contexts import Contexts
from tests.support.examples import example

LINE = (
    Topic.PAYMENTS_OBSERVATIONS,
    Topic.RISK_INBOX,
    Topic.IDENTIFICATION_INBOX,
    Topic.RECEIVABLES_INBOX,
    Topic.ORDERS_INBOX,
    Topic.CUSTOMERS_INBOX,
)
OFTEN = (
    "version: 2\nrules:\n- {name: often, kind: velocity, then: hold, by: card, within: 1h, at_most: 1, why: stolen}\n"
)
ALL_KINDS = """version: 3
notes_hold: 2
rules:
- {name: often, kind: velocity, then: note, by: card, within: 1h, at_most: 2, why: w}
- {name: much, kind: velocity, then: note, by: merchant, within: 2h, at_most_minor: {USD: 9000}, why: w}
- {name: usual, kind: amount_against_history, then: hold, by: customer, within: 9d, at_least: 2, times: 3, why: w}
- {name: twice, kind: duplicate_charge, then: hold, by: customer, within: 30m, why: w}
- {name: refunds, kind: refund_without_sale, then: hold, by: card, within: 9d, why: w}
- {name: tried, kind: card_testing, then: reject, by: merchant, within: 3h, small_minor: {USD: 300}, declines: 2,
  why: w}
- {name: csc, kind: answers, then: note, csc: [No Match], why: w}
"""


def seen(payment: str, amount: int = 100_00, *, at: int = 0, **other: Any) -> TransactionObserved:
    """A payment made `at` minutes into the day, and seen right away."""
    made = {name: other.pop(name) for name in list(other) if name in _OF_THE_RECORD}
    status = other.pop("status", TransactionStatus.PENDING_SETTLEMENT)
    one = observation(status, amount, payment=payment, minute=at, **other)
    return replace(one, created_at=one.observed_at, **made)


_OF_THE_RECORD = {"card_last_four", "csc_response", "customer_reference"}


def line(text: str = OFTEN, seed: int = 0) -> Contexts:
    contexts = Contexts(LINE, {RISK_RULES.name: text}, random.Random(seed))
    for number in ("RE-1", "RE-2"):
        item = open_item(f"i-{number}", 100_00, invoice=number)
        token = invoice_token(number)
        contexts.send(Topic.RECEIVABLES_INBOX, item)
        known = OpenItemReferenced(
            token=token,
            abas_customer_id=item.abas_customer_id,
            abas_open_item_id=item.abas_open_item_id,
            observed_at=item.observed_at,
        )
        contexts.send(Topic.IDENTIFICATION_INBOX, known, end=True)
    return contexts


def posted(contexts: Contexts) -> list[str]:
    return [record.posting_reference for _, record in contexts.outside if isinstance(record, PostDocument)]


def of(contexts: Contexts, kind: type[Any]) -> list[Any]:
    return [event for event in contexts.events if isinstance(event, kind)]


def release(payment: str, amount: int = 100_00, command: str = "c1", reason: str = "asked the buyer") -> Any:
    named = {"payment_token": payment_token(payment), "paytrace_transaction_id": payment}
    body = {"command_id": command, "amount_minor": amount, "reason": reason, **named}
    return replace(example(ReleaseHeldPayment.__name__), **body)


def show(contexts: Contexts, *observed: TransactionObserved) -> None:
    for one in observed:
        contexts.send(Topic.PAYMENTS_OBSERVATIONS, one, end=True)


TWO = (seen("1", invoice="RE-1", vault=None), seen("2", at=1, invoice="RE-2", vault=None))


def test_without_rules_nothing_is_asked_of_risk() -> None:
    contexts = line("version: 1\nrules: []\n")
    show(contexts, *TWO)
    assert posted(contexts) == ["PT1", "PT2"]
    assert not [record for _, record in contexts.outside if "Risk" in type(record).__name__]
    assert not of(contexts, RiskAssessed)


def test_a_held_payment_is_not_asked_of_abas_until_a_person_releases_it() -> None:
    contexts = line()
    show(contexts, *TWO)
    assert posted(contexts) == ["PT1"]
    held = of(contexts, PaymentAwaitsRisk)[-1]
    assert (held.reason.value, held.paytrace_transaction_id) == ("RISK_HELD", "2")
    assert held.detail == "often: 2 attempts by one card within 1h (limit: at most 1), stolen"
    contexts.send(Topic.RISK_INBOX, release("2"), end=True)
    contexts.send(Topic.RISK_INBOX, release("2"), end=True)
    assert posted(contexts) == ["PT1", "PT2"]
    last = of(contexts, PaymentRiskDecided)[-1]
    assert (last.status, last.decided_by, last.detail) == (RiskStatus.RELEASED, "alice", "asked the buyer")


@pytest.mark.parametrize(
    ("command", "because"),
    [
        (release("1"), "payment 1 is not held"),
        (release("2", 99), "payment 2 is 100.00 USD"),
        (release("9"), "no payment 9 was assessed"),
        (release("2", reason="..."), "reason"),
    ],
)
def test_a_release_that_does_not_fit_is_refused(command: ReleaseHeldPayment, because: str) -> None:
    contexts = line()
    show(contexts, *TWO)
    contexts.send(Topic.RISK_INBOX, command, end=True)
    (refused,) = of(contexts, RiskDecisionRefused)
    assert because in refused.refused_because
    assert posted(contexts) == ["PT1"]


def test_what_was_released_is_not_held_again_by_the_same_finding() -> None:
    both = OFTEN + "- {name: csc, kind: answers, then: hold, csc: [No Match], why: w}\n"
    contexts = line(both)
    show(contexts, *TWO)
    contexts.send(Topic.RISK_INBOX, release("2"), end=True)
    show(contexts, seen("3", at=0, invoice="RE-9", vault=None))  # an earlier attempt that comes late: 3 of one card
    assert posted(contexts)[:2] == ["PT1", "PT2"]
    assert [one.status for one in of(contexts, PaymentRiskDecided) if one.paytrace_transaction_id == "2"][-1] in (
        RiskStatus.RELEASED,
    )
    show(contexts, replace(TWO[1], csc_response="No Match", observed_at=TWO[1].observed_at + timedelta(minutes=5)))
    again = [one for one in of(contexts, PaymentRiskDecided) if one.paytrace_transaction_id == "2"][-1]
    assert (again.status, again.detail) == (RiskStatus.HELD, "csc: CSC says 'No Match', w")


def test_what_is_found_after_the_posting_takes_nothing_back() -> None:
    contexts = line()
    show(contexts, TWO[1])
    assert posted(contexts) == ["PT2"]
    show(contexts, TWO[0])  # was made before, and is shown after
    assert posted(contexts) == ["PT2", "PT1"]
    late = [one for one in of(contexts, PaymentRiskDecided) if one.paytrace_transaction_id == "2"][-1]
    assert late.status is RiskStatus.HELD
    # What comes of it later follows its money: a void reverses the receipt.
    voided = replace(TWO[1], status=TransactionStatus.VOIDED, observed_at=TWO[1].observed_at + timedelta(minutes=9))
    show(contexts, voided)
    assert [one.movement.value for one in of(contexts, PaymentIdentified)].count("VOIDED") == 1


def test_a_held_payment_that_is_voided_nets_once_it_is_released() -> None:
    contexts = line()
    show(contexts, *TWO)
    show(
        contexts,
        replace(TWO[1], status=TransactionStatus.VOIDED, observed_at=TWO[1].observed_at + timedelta(minutes=9)),
    )
    assert posted(contexts) == ["PT1"]
    contexts.send(Topic.RISK_INBOX, release("2"), end=True)
    moved = [one for one in of(contexts, PaymentIdentified) if one.paytrace_transaction_id == "2"]
    assert [one.movement.value for one in moved] == ["CAPTURED", "VOIDED"]


ORDER: OrderObserved = example("OrderObserved")
OF_ORDER = seen("395970002", 7304, at=1, invoice="W1203", vault=None)


def ordered(contexts: Contexts, *observed: TransactionObserved) -> None:
    contexts.send(Topic.ORDERS_INBOX, ORDER, end=True)
    show(contexts, *observed)


def written(contexts: Contexts) -> list[str]:
    return [
        record.shop_status for _, record in contexts.outside if isinstance(record, WriteToShop) and record.shop_status
    ]


def test_a_held_payment_stops_its_order_and_the_shop_hears_of_both_ends() -> None:
    contexts = line()
    ordered(contexts, replace(TWO[0], card_last_four=OF_ORDER.card_last_four), OF_ORDER)
    waits = of(contexts, OrderWaiting)[-1]
    assert waits.reason is OrderWaitReason.PAYMENT_HELD
    assert "often: 2 attempts" in waits.detail
    assert "saldo decide release-hold 395970002" in waits.detail
    assert written(contexts) == ["on-hold"]
    taken = replace(example("DecideOrder"), decision=OrderDecision.TAKE, abas_customer_id=None)
    contexts.send(Topic.ORDERS_INBOX, taken, end=True)
    assert of(contexts, OrderDecisionRefused)
    contexts.send(Topic.RISK_INBOX, release("395970002", 7304), end=True)
    assert written(contexts) == ["on-hold", "processing"]
    assert of(contexts, OrderWaiting)[-1].reason is not OrderWaitReason.PAYMENT_HELD


@pytest.mark.parametrize("seed", range(6))
def test_an_order_ends_in_the_same_statuses_whatever_comes_first(seed: int) -> None:
    contexts = line(seed=seed)
    facts = [(Topic.ORDERS_INBOX, ORDER), *((Topic.PAYMENTS_OBSERVATIONS, one) for one in (TWO[0], OF_ORDER))]
    random.Random(seed).shuffle(facts)
    for topic, record in facts:
        contexts.send(topic, record)
    contexts.end()
    contexts.send(Topic.RISK_INBOX, release("395970002", 7304), end=True)
    assert written(contexts)[-2:] == ["on-hold", "processing"]


def test_what_an_order_says_is_judged_with_its_payment() -> None:
    abroad = "version: 2\nrules:\n- {name: abroad, kind: country_mismatch, then: hold, why: w}\n"
    contexts = line(abroad)
    contexts.send(Topic.ORDERS_INBOX, replace(ORDER, billing_country="US", shipping_country="FR"), end=True)
    show(contexts, OF_ORDER)
    last = of(contexts, PaymentRiskDecided)[-1]
    assert (last.status, last.detail) == (RiskStatus.HELD, "abroad: billed in US, sent to FR (limit: one country), w")


def test_a_key_keeps_its_newest_attempts_and_forgets_none_of_their_findings() -> None:
    kept: RiskFactKept = example("RiskFactKept")
    together = Together()
    numbers = [*range(MOST_KEPT + 5)]
    random.Random(4).shuffle(numbers)
    for number in numbers:
        at = kept.attempted_at + timedelta(minutes=number)
        together = keep(together, replace(kept, paytrace_transaction_id=str(number), attempted_at=at))
    assert set(together.kept) == {str(number) for number in range(5, MOST_KEPT + 5)}
    assert together.forgotten == kept.attempted_at + timedelta(minutes=4)


CARDS = st.sampled_from(["4242", "1111", ""])
ATTEMPT = st.fixed_dictionaries(
    {
        "at": st.integers(0, 600),
        "amount": st.sampled_from([100, 250, 2_500, 4_000, 20_000]),
        "card": CARDS,
        "vault": st.sampled_from([None, "acme", "bolt"]),
        "what": st.sampled_from(["paid", "paid", "declined", "refund", "authorized"]),
        "csc": st.sampled_from(["Match", "No Match"]),
    }
)
_WHAT = {
    "paid": (TransactionKind.SALE, TransactionStatus.PENDING_SETTLEMENT),
    "authorized": (TransactionKind.AUTHORIZATION, TransactionStatus.AUTHORIZED),
    "declined": (TransactionKind.SALE, TransactionStatus.DECLINED),
    "refund": (TransactionKind.REFUND, TransactionStatus.PENDING_SETTLEMENT),
}


def observed(number: int, made: dict[str, Any]) -> list[TransactionObserved]:
    kind, status = _WHAT[made["what"]]
    first = seen(
        str(number),
        made["amount"],
        at=made["at"],
        kind=kind,
        status=status,
        vault=made["vault"],
        invoice=None,
        card_last_four=made["card"] or None,
        csc_response=made["csc"],
    )
    settled = replace(first, status=TransactionStatus.SETTLED, observed_at=first.observed_at + timedelta(hours=9))
    return [first, settled] if made["what"] == "paid" else [first]


def judged(contexts: Contexts) -> dict[str, tuple[str, Counter[tuple[str, str]]]]:
    last = {one.paytrace_transaction_id: one for one in of(contexts, RiskAssessed)}
    assert not any(one.unanswered for one in last.values())
    status = {one.paytrace_transaction_id: one.status.value for one in of(contexts, PaymentRiskDecided)}
    return {name: (status[name], Counter((f.rule, f.value) for f in one.findings)) for name, one in last.items()}


@settings(max_examples=40, deadline=None)
@given(st.lists(ATTEMPT, min_size=1, max_size=9), st.integers(0, 1_000_000))
def test_any_order_and_any_repetition_ends_as_the_back_test_judges(made: list[dict[str, Any]], seed: int) -> None:
    history = [one for number, attempt in enumerate(made) for one in observed(number, attempt)]
    chance, gathered = random.Random(seed), Gathered()
    for one in history:
        gathered.take(one)
    reported = [*history, *chance.sample(history, k=len(history) // 2)]
    chance.shuffle(reported)
    contexts = Contexts(LINE, {RISK_RULES.name: ALL_KINDS}, chance)
    for one in reported:
        contexts.send(Topic.PAYMENTS_OBSERVATIONS, one)
        for _ in range(chance.randrange(6)):
            if waiting := contexts.waiting():
                contexts.step(chance.choice(waiting))
    contexts.end()
    wanted = {
        one.fact.payment_id: (
            "PASSED" if one.outcome is Outcome.PASS else "HELD",
            Counter((finding.rule, finding.value) for finding in one.findings),
        )
        for one in assess(gathered.facts(), read_risk_rules(ALL_KINDS, "rules"))
    }
    found = judged(contexts)
    assert found == wanted
