"""Every figure of the exchange stories, and what holds for all amounts: parts sum to the whole."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.exchange import booked_rate, currencies_of, leaves, pair_of, parse_rate, shown_rate, value_in_base
from schemas.values.money import Money

CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "KWD", "CLF"])
RATES = st.fractions(min_value=Fraction(1, 10**6), max_value=10**6)


# story, amount, rate, its value in the base currency
VALUES = [
    ("fx-full-payment-loss", Money(1_00, "USD"), "75.9", Money(75_90, "INR")),
    ("fx-full-payment-loss, invoice", Money(1_00, "USD"), "80", Money(80_00, "INR")),
    ("fx-full-payment-gain-of-one", Money(1_00, "USD"), "80.01", Money(80_01, "INR")),
    ("fx-advance-and-payment", Money(2_00, "USD"), "80", Money(160_00, "INR")),
    ("fx-same-base-value-is-not-paid", Money(100_00, "EUR"), "2", Money(200_00, "USD")),
    ("fx-late-rate-does-not-move-a-booked-line", Money(250_00, "CHF"), "1.07", Money(267_50, "EUR")),
    ("the same at the later rate", Money(250_00, "CHF"), "1.09004", Money(272_51, "EUR")),
    ("fx-jpy-no-decimals", Money(17_46, "USD"), "936.29", Money(16_348, "JPY")),
    ("fx-jpy-three-parts", Money(3_333, "JPY"), "0.0062", Money(20_66, "EUR")),
    ("fx-jpy-three-parts, the last", Money(3_334, "JPY"), "0.0062", Money(20_67, "EUR")),
    ("fx-kwd-three-decimals, invoice", Money(10_005, "KWD"), "3.00", Money(30_02, "EUR")),
    ("fx-kwd-three-decimals", Money(4_002, "KWD"), "2.98", Money(11_93, "EUR")),
    ("fx-kwd-three-decimals, the last", Money(6_003, "KWD"), "3.05", Money(18_31, "EUR")),
    ("fx-refund-at-another-rate", Money(100_00, "USD"), "1.40", Money(140_00, "CAD")),
    ("fx-settled-in-another-currency", Money(1_000_00, "USD"), "0.915", Money(915_00, "EUR")),
    ("fx-rate-too-old", Money(100_00, "USD"), "0.915", Money(91_50, "EUR")),
]


@pytest.mark.parametrize(("story", "amount", "rate", "base"), VALUES, ids=lambda value: str(value))
def test_the_value_of_money_is_that_of_its_story(story: str, amount: Money, rate: str, base: Money) -> None:
    assert value_in_base(amount, parse_rate(rate), base.currency) == base, story


# story, booked value, whole, parts, what each part takes, value of the money of each part
PARTS = [
    ("fx-full-payment-loss", 80_00, 1_00, (1_00,), (80_00,), (75_90,)),
    ("fx-full-payment-gain-of-one", 80_00, 1_00, (1_00,), (80_00,), (80_01,)),
    ("fx-advance-and-payment", 160_00, 2_00, (1_00, 1_00), (80_00, 80_00), (85_00, 75_00)),
    ("fx-two-halves-at-booked-rates", 3_047_23, 2_400_00, (1_200_00,) * 2, (1_523_62, 1_523_61), (1_540_00, 1_412_00)),
    ("fx-same-base-value-is-not-paid", 200_00, 100_00, (90_00,), (180_00,), (200_00,)),
    ("fx-jpy-three-parts", 61_25, 10_000, (3_333, 3_333, 3_334), (20_41, 20_42, 20_42), (20_66, 20_66, 20_67)),
    ("fx-kwd-three-decimals", 30_02, 10_005, (4_002, 6_003), (12_01, 18_01), (11_93, 18_31)),
    ("fx-rate-too-old", 92_00, 100_00, (100_00,), (92_00,), (91_50,)),
]
# gain and loss of each story, from its expect: base_balances
DIFFERENCES = {
    "fx-full-payment-loss": (0, 4_10),
    "fx-full-payment-gain-of-one": (1, 0),
    "fx-advance-and-payment": (5_00, 5_00),
    "fx-two-halves-at-booked-rates": (16_38, 111_61),
    "fx-same-base-value-is-not-paid": (20_00, 0),
    "fx-jpy-three-parts": (74, 0),
    "fx-kwd-three-decimals": (30, 8),
    "fx-rate-too-old": (0, 50),
}


@pytest.mark.parametrize(("story", "booked", "whole", "parts", "taken", "values"), PARTS, ids=lambda value: str(value))
def test_booked_value_leaves_as_its_story_says(
    story: str, booked: int, whole: int, parts: tuple[int, ...], taken: tuple[int, ...], values: tuple[int, ...]
) -> None:
    ends = [sum(parts[: number + 1]) for number in range(len(parts))]
    left = tuple(leaves(booked, whole, end - part, end) for part, end in zip(parts, ends, strict=True))
    assert left == taken
    differences = [value - part for value, part in zip(values, left, strict=True)]
    gain, loss = sum(one for one in differences if one > 0), -sum(one for one in differences if one < 0)
    assert (gain, loss) == DIFFERENCES[story]


@given(st.integers(0, 10**15), st.lists(st.integers(1, 10**12), min_size=1, max_size=12))
def test_parts_take_the_whole_booked_value_and_nothing_else(booked: int, parts: list[int]) -> None:
    whole, taken, before = sum(parts), 0, 0
    for part in parts:
        share = leaves(booked, whole, before, before + part)
        assert share >= 0
        assert leaves(booked, whole, before + part, before) == -share  # a part that is undone brings back what it took
        taken, before = taken + share, before + part
    assert taken == booked


@given(st.integers(1, 10**15), CURRENCIES, st.integers(1, 10**15), CURRENCIES)
def test_a_booked_rate_gives_the_booked_value_to_the_cent(minor: int, currency: str, base: int, other: str) -> None:
    amount, booked = Money(minor, currency), Money(base, other)
    assert value_in_base(amount, parse_rate(booked_rate(amount, booked)), other) == booked


@given(st.integers(-(10**15), 10**15), CURRENCIES, RATES, CURRENCIES)
def test_a_value_is_off_by_half_a_unit_at_most_and_turns_with_its_sign(
    minor: int, currency: str, rate: Fraction, base: str
) -> None:
    amount = Money(minor, currency)
    value = value_in_base(amount, rate, base)
    exact = Fraction(amount.major) * rate
    assert abs(Fraction(value.major) - exact) * 2 <= Fraction(Money(1, base).major)
    assert value_in_base(-amount, rate, base) == -value


def test_an_inverse_and_a_cross_are_as_exact_as_what_was_published() -> None:
    assert parse_rate("1/1.0857") * parse_rate("1.0857") == 1
    assert parse_rate("0.8567/1.0857") == Fraction(8567, 10857)
    assert parse_rate("0.9150") == parse_rate("0.915")
    assert shown_rate(parse_rate("1/1.0857")) == "0.921065"


@pytest.mark.parametrize("text", ["", "0", "0.000", "1/0", "-1", "1,5", "1e5", "NaN", "1/2/3", "0.1234567890123", " 1"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a rate must be a positive decimal"):
        parse_rate(text)


def test_a_pair_names_two_currencies() -> None:
    assert currencies_of(pair_of("USD", "EUR")) == ("USD", "EUR")
    for text in ("USD", "USD/USD", "usd/EUR", "USD/XXX", "USD/EUR/GBP"):
        with pytest.raises(ValueError, match="a currency pair must be two codes"):
            currencies_of(text)


@pytest.mark.parametrize(("before", "after", "whole"), [(0, 1, 0), (-1, 1, 2), (0, 3, 2)])
def test_a_part_that_is_not_within_its_whole_is_refused(before: int, after: int, whole: int) -> None:
    with pytest.raises(ValueError, match="is not within a whole"):
        leaves(10, whole, before, after)


def test_money_of_nothing_has_no_rate() -> None:
    with pytest.raises(ValueError, match="has no rate"):
        booked_rate(Money(0, "USD"), Money(1, "EUR"))
