"""Money is conserved: no cent is lost to a float, to rounding or to another currency."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.money import CurrencyMismatch, Money, exponent, from_major

CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "KWD", "CLF", "RSD"])
MINORS = st.integers(-(2**62), 2**62)


@given(MINORS, MINORS, CURRENCIES)
def test_adding_and_taking_away_are_opposites(a: int, b: int, currency: str) -> None:
    left, right = Money(a, currency), Money(b, currency)
    assert left + right - right == left
    assert left + -left == Money(0, currency)


@given(MINORS, st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(any), CURRENCIES)
def test_a_split_sums_and_no_part_is_off_by_more_than_a_cent_for_each(
    minor: int, weights: list[int], currency: str
) -> None:
    parts = Money(minor, currency).split(weights)
    assert len(parts) == len(weights)
    assert sum(part.minor for part in parts) == minor
    for part, weight in zip(parts, weights, strict=True):
        assert part.minor * minor >= 0
        assert abs(part.minor * sum(weights) - minor * weight) < len(weights) * sum(weights)
        assert weight or part.minor == 0


def test_the_largest_gets_what_rounding_leaves() -> None:
    assert Money(101, "USD").split([3, 3, 5]) == (Money(27, "USD"), Money(27, "USD"), Money(47, "USD"))
    assert Money(-2, "USD").split([1, 1, 1, 1, 1]) == (*[Money(-1, "USD")] * 2, *[Money(0, "USD")] * 3)
    assert Money(100, "USD").split([1, 1, 1]) == (Money(34, "USD"), Money(33, "USD"), Money(33, "USD"))
    assert Money(100, "USD").split([1, 2]) == (Money(33, "USD"), Money(67, "USD"))


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1, 5], [-1]])
def test_weights_that_cannot_divide_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Money(100, "USD").split(weights)


def test_currencies_do_not_mix() -> None:
    with pytest.raises(CurrencyMismatch, match="USD with EUR"):
        Money(1, "USD") + Money(1, "EUR")
    with pytest.raises(CurrencyMismatch):
        Money(1, "USD") - Money(1, "EUR")


@pytest.mark.parametrize("currency", ["usd", "US", "USDX", "", "US1", "USD\n", "ÜSD"])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    with pytest.raises(ValueError, match="currency"):
        Money(1, currency)


@given(st.integers(-(2**63) + 1, 2**63 - 1), CURRENCIES)
def test_major_units_and_back_is_exact(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert from_major(money.major, currency) == money
    assert from_major(str(money).split()[0], currency) == money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("125", "USD", 12500),
        ("125.5", "USD", 12550),
        (" 125.50 ", "USD", 12550),
        ("125.500", "USD", 12550),
        ("-0.01", "USD", -1),
        ("125", "JPY", 125),
        ("1.234", "KWD", 1234),
        ("1E+2", "USD", 10000),
        (7, "USD", 700),
        ("0E-99999999", "USD", 0),
        ("125.50", "RSD", 12550),  # CLDR says RSD has no decimals; ISO 4217 says two
    ],
)
def test_amounts_are_read_exactly(text: str | int, currency: str, minor: int) -> None:
    assert from_major(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1.005", "USD"),
        ("1.5", "JPY"),
        ("1.00000000000000000000000000000000000001", "USD"),  # more digits than Decimal computes with
        ("1E-999999999", "USD"),
        ("abc", "USD"),
        ("", "USD"),
        ("1,25", "USD"),
        ("1_000", "USD"),
        ("NaN", "USD"),
        ("sNaN", "USD"),
        ("Infinity", "USD"),
        ("92233720368547758.08", "USD"),  # one cent more than an Avro long holds
        ("1E999999999", "USD"),
    ],
)
def test_what_cannot_be_counted_exactly_is_refused(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        from_major(text, currency)


@given(st.one_of(st.text(max_size=30), st.decimals(), st.from_regex(r"-?\d{0,40}\.?\d{0,40}(E-?\d{1,9})?")))
def test_anything_is_either_exact_or_a_value_error(text: str | Decimal) -> None:
    try:
        money = from_major(text, "USD")
    except ValueError:
        return
    amount = Decimal(str(text).strip())
    assert money.major == amount


def test_the_largest_long_is_read() -> None:
    assert from_major("92233720368547758.07", "USD").minor == 2**63 - 1


def test_digits_come_from_iso_4217() -> None:
    assert [exponent(code) for code in ("USD", "JPY", "KWD", "CLF", "IQD", "LBP")] == [2, 0, 3, 4, 3, 2]


def test_money_shows_its_own_digits() -> None:
    assert [str(Money(12500, code)) for code in ("USD", "JPY", "KWD")] == ["125.00 USD", "12500 JPY", "12.500 KWD"]
