"""Rules of risk: each kind at its limit, in any order of arrival, and what the text of rules may hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.files.owned import FileInvalid
from streams.domain.risk.engine import Assessment, assess
from streams.domain.risk.facts import PaymentFact
from streams.domain.risk.policy import Outcome, Policy
from streams.rules.risk import SUGGESTED_RULES, read_risk_rules
from tests.bench.risk_stream import HONEST, KINDS, generate

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
_SHIPPED = SUGGESTED_RULES.read_text("utf-8")
_REFUND = "kind: refund_without_sale\n    then: hold"


def rules(*lines: str, notes_hold: int = 2) -> Policy:
    text = f"version: 1\nnotes_hold: {notes_hold}\nrules:\n" + "".join(
        f"  - {{name: r{n}, why: because, {line}}}\n" for n, line in enumerate(lines)
    )
    return read_risk_rules(text, "risk.yaml")


def paid(number: int, minutes: float = 0, amount: int = 2_500, **other: Any) -> PaymentFact:
    fact = PaymentFact(
        payment_id=str(number),
        merchant="main",
        at=AT + timedelta(minutes=minutes),
        is_refund=False,
        is_approved=True,
        amount_minor=amount,
        currency="EUR",
        card="c1",
    )
    return replace(fact, **other)


def outcomes(policy: Policy, *facts: PaymentFact) -> dict[str, str]:
    return {one.fact.payment_id: one.outcome.value for one in assess(facts, policy)}


def only_finding(policy: Policy, *facts: PaymentFact) -> str:
    (finding,) = [str(finding) for one in assess(facts, policy) for finding in one.findings]
    return finding


class TestVelocity:
    @pytest.mark.parametrize("key", ["card", "customer", "address", "merchant"])
    def test_one_more_than_allowed_is_held(self, key: str) -> None:
        policy = rules(f"kind: velocity, then: hold, by: {key}, within: 1h, at_most: 2")
        same: dict[str, Any] = {key: "x"}
        facts = [paid(n, n, **same) for n in range(3)]
        assert outcomes(policy, *facts) == {"0": "pass", "1": "pass", "2": "hold"}

    def test_a_window_ends_where_it_says(self) -> None:
        policy = rules("kind: velocity, then: hold, by: card, within: 1h, at_most: 1")
        assert outcomes(policy, paid(1), paid(2, 60))["2"] == "hold"
        assert outcomes(policy, paid(1), paid(2, 60.02))["2"] == "pass"

    def test_declined_attempts_count_and_have_no_outcome(self) -> None:
        policy = rules("kind: velocity, then: reject, by: card, within: 1h, at_most: 1")
        assert outcomes(policy, paid(1, is_approved=False), paid(2, 1)) == {"2": "reject"}

    def test_nothing_known_meets_nothing(self) -> None:
        policy = rules("kind: velocity, then: hold, by: card, within: 1h, at_most: 1")
        assert set(outcomes(policy, *(paid(n, card="") for n in range(5))).values()) == {"pass"}

    def test_money_is_summed_by_currency(self) -> None:
        policy = rules("kind: velocity, then: hold, by: card, within: 1d, at_most_minor: {EUR: 5000, JPY: 900}")
        found = assess(
            [paid(1, amount=5_000, currency="USD"), paid(2, 1, 2_500), paid(3, 2, 2_500), paid(4, 3, 1)], policy
        )
        assert [one.outcome for one in found] == [Outcome.PASS] * 3 + [Outcome.HOLD]
        assert str(found[-1].findings[0]) == "r0: 50.01 EUR by one card within 1d (limit: at most 50.00 EUR); because"
        assert found[-1].findings[0].evidence == ("2", "3")


class TestAmountAgainstHistory:
    policy = rules("kind: amount_against_history, then: hold, by: card, within: 30d, at_least: 3, times: 2.5")

    def test_more_than_so_many_times_the_median(self) -> None:
        before = [paid(n, n, amount) for n, amount in enumerate((1_000, 1_000, 90_000))]
        assert outcomes(self.policy, *before, paid(9, 9, 2_500))["9"] == "pass"
        assert outcomes(self.policy, *before, paid(9, 9, 2_501))["9"] == "hold"

    def test_too_little_history_says_nothing(self) -> None:
        assert outcomes(self.policy, paid(1), paid(2, 1), paid(3, 2, 10**9))["3"] == "pass"

    def test_declined_refunds_and_other_currencies_are_no_history(self) -> None:
        before = [paid(1), paid(2, 1, is_approved=False), paid(3, 2, is_refund=True), paid(4, 3, currency="USD")]
        assert outcomes(self.policy, *before, paid(9, 9, 10**9))["9"] == "pass"


def test_both_answers_where_both_are_named() -> None:
    policy = rules("kind: answers, then: reject, avs: [No Match], csc: [No Match]")
    assert outcomes(policy, paid(1, avs="no  match", csc="NO MATCH")) == {"1": "reject"}
    assert outcomes(policy, paid(1, avs="No Match", csc="Match")) == {"1": "pass"}


def test_notes_hold_together() -> None:
    policy = rules(
        "kind: answers, then: note, csc: [No Match]", "kind: country_mismatch, then: note, alike: [[DE, AT]]"
    )
    both: dict[str, Any] = {"csc": "No Match", "billing_country": "DE", "shipping_country": "RO"}
    assert outcomes(policy, paid(1, **both), paid(2, 1, **both | {"shipping_country": "AT"})) == {
        "1": "hold",
        "2": "pass",
    }
    assert outcomes(replace(policy, notes_hold=3), paid(1, **both)) == {"1": "pass"}


class TestDuplicateCharge:
    policy = rules("kind: duplicate_charge, then: hold, by: card, within: 10m")

    def test_the_second_is_held(self) -> None:
        found = only_finding(self.policy, paid(1), paid(2, 2))
        assert found == "r0: 25.00 EUR again 2m after the same amount (limit: once within 10m); because"

    @pytest.mark.parametrize(
        "other",
        [
            {"amount_minor": 2_501},
            {"currency": "USD"},
            {"order": "b"},
            {"customer": "vault/main/2"},
            {"card": "c2"},
            {"is_approved": False},
        ],
    )
    def test_what_differs_is_none(self, other: dict[str, Any]) -> None:
        first = paid(1, order="a", customer="vault/main/1")
        second = replace(paid(2, 2, order="a", customer="vault/main/1"), **other)
        assert outcomes(self.policy, first, second).get("2", "pass") == "pass"

    def test_customers_of_two_systems_do_not_compare(self) -> None:
        both = (paid(1, customer="vault/main/1"), paid(2, 2, customer="shop/guest/ab"))
        assert outcomes(self.policy, *both)["2"] == "hold"


class TestRefundWithoutSale:
    policy = rules("kind: refund_without_sale, then: hold, by: card, within: 30d")

    def test_more_than_was_paid(self) -> None:
        refunds = (paid(2, 1, 2_000, is_refund=True), paid(3, 2, 501, is_refund=True))
        assert outcomes(self.policy, paid(1), *refunds) == {"1": "pass", "2": "pass", "3": "hold"}

    def test_a_refund_of_a_known_payment_passes(self) -> None:
        assert outcomes(self.policy, paid(2, is_refund=True, refund_of="1")) == {"2": "pass"}

    def test_nothing_known_of_a_refund_holds_it(self) -> None:
        assert outcomes(self.policy, paid(2, is_refund=True, card="")) == {"2": "hold"}


class TestCardTesting:
    policy = rules(
        "kind: card_testing, then: reject, by: merchant, within: 1h, small_minor: {EUR: 500},"
        " declines: 3, cards: 3, declined_percent: 50"
    )

    def declined(self, *cards: str) -> list[PaymentFact]:
        return [paid(n, n, 100, card=card, is_approved=False) for n, card in enumerate(cards)]

    def test_a_small_one_after_many_declined(self) -> None:
        assert outcomes(self.policy, *self.declined("a", "b", "d"), paid(9, 9, 500)) == {"9": "reject"}

    def test_a_larger_one_passes(self) -> None:
        assert outcomes(self.policy, *self.declined("a", "b", "d"), paid(9, 9, 501)) == {"9": "pass"}

    def test_one_card_that_tries_again_is_none(self) -> None:
        assert outcomes(self.policy, *self.declined("a", "a", "a"), paid(9, 9, 500)) == {"9": "pass"}

    def test_a_busy_hour_of_small_payments_is_none(self) -> None:
        busy = [paid(100 + n, n, 300, card=f"k{n}") for n in range(4)]
        assert outcomes(self.policy, *self.declined("a", "b", "d"), *busy, paid(9, 9, 500))["9"] == "pass"


def test_small_payments_are_left_alone() -> None:
    policy = rules("kind: answers, then: hold, csc: [No Match], from_minor: {EUR: 2500}")
    facts = (
        paid(1, 0, 2_499, csc="No Match"),
        paid(2, 1, csc="No Match"),
        paid(3, 2, 1, csc="No Match", currency="USD"),
    )
    assert outcomes(policy, *facts) == {"1": "pass", "2": "hold", "3": "hold"}


FACTS = st.lists(
    st.builds(
        lambda minutes, amount, card, customer, refund, approved: (minutes, amount, card, customer, refund, approved),
        st.integers(0, 90),
        st.sampled_from((99, 250, 2_500, 90_000)),
        st.sampled_from(("", "c1", "c2")),
        st.sampled_from(("", "vault/main/1")),
        st.booleans(),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(FACTS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(rows: list[Any], shuffler: Any) -> None:
    policy = read_risk_rules(_SHIPPED, "shipped")
    facts = [
        paid(n, minutes, amount, card=card, customer=customer, is_refund=refund, is_approved=approved)
        for n, (minutes, amount, card, customer, refund, approved) in enumerate(rows)
    ]
    mixed = list(facts)
    shuffler.shuffle(mixed)
    assert assess(mixed, policy) == assess(facts, policy)


@settings(max_examples=25, deadline=None)
@given(FACTS, st.integers(0, 91))
def test_nothing_later_counts(rows: list[Any], until: int) -> None:
    policy = read_risk_rules(_SHIPPED, "shipped")
    facts = [paid(n, minutes, amount, card=card) for n, (minutes, amount, card, *_) in enumerate(rows)]
    early = [one for one in facts if one.at < AT + timedelta(minutes=until)]
    known = {one.payment_id for one in early}
    assert [one for one in assess(facts, policy) if one.fact.payment_id in known] == assess(early, policy)


def test_a_labelled_stream_is_mostly_told_apart() -> None:
    stream = generate(3_000, seed=4_711)
    found = assess(stream.facts, read_risk_rules(_SHIPPED, "shipped"))
    flagged = [one for one in found if one.outcome is not Outcome.PASS]
    assert {stream.truth[one.fact.payment_id] for one in found} == {HONEST, *KINDS}
    assert _share_of_trouble(flagged, stream.truth) > 0.7
    assert len(flagged) / len(found) < 0.06


def _share_of_trouble(flagged: list[Assessment], truth: dict[str, str]) -> float:
    return sum(truth[one.fact.payment_id] != HONEST for one in flagged) / len(flagged)


@pytest.mark.parametrize(
    ("was", "becomes", "field", "what"),
    [
        ("at_most: 3", "at_most: 3\n    times: 3", "times", "means nothing to kind velocity"),
        ("within: 10m", "within: 10", "within", "is no duration; write a number and s, m, h or d"),
        ("within: 10m", "within: 999d", "within", "at most 730d"),
        ("csc: [No Match]", "csc: [No Mach]", "csc", "'No Mach', which PayTrace never says; did you mean No Match"),
        ("by: card", "by: cart", "by", "is 'cart'; write 'card'"),
        ("times: 8", "times: 0.5", "times", "is 0.5"),
        ("{USD: 1000,", "{USX: 1000,", "small_minor.USX", "is no currency"),
        ("then: reject", "then: rejct", "then", "did you mean reject"),
        ("    declines: 4\n", "", "declines", "is missing; a rule of kind card_testing needs it"),
        ("name: csc-no-match", "name: avs-no-match", "rules", "is the second rule 'avs-no-match'"),
        (_REFUND, _REFUND.replace("hold", "reject"), "then", "can't be rejected; write hold or note"),
        ("alike: [[US, CA]", "alike: [[us, CA]", "alike", "is 'us'"),
    ],
)  # fmt: skip
def test_a_text_that_does_not_fit_says_where_and_what(was: str, becomes: str, field: str, what: str) -> None:
    assert was in _SHIPPED
    with pytest.raises(FileInvalid) as refused:
        read_risk_rules(_SHIPPED.replace(was, becomes, 1), "risk.yaml")
    text = str(refused.value)
    assert text.startswith("risk.yaml:")
    assert field in text
    assert what in text
