"""Plausibility: what Avro takes and money cannot be is found, in every field of every record, with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from schemas import catalog
from schemas.checks import plausibility
from schemas.checks.plausibility import UNKNOWN_INSTANT, Implausible, findings_of, plain_text, refuse_implausible
from schemas.values.money import currencies, is_currency, shown
from schemas.wire.codec import Codec
from tests.support.examples import example
from tests.support.poison import poisoned

NAMES = sorted(catalog.record_versions())
CODEC = Codec()
OBSERVED = example("TransactionObserved")


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_plausible(name: str) -> None:
    assert findings_of(example(name)) == ()


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("amount_minor", -(1 << 63), "never negative"),
        ("amount_minor", (1 << 63) - 1, "1000000000000000 minor units"),
        ("amount_minor", 10**15 + 1, "1000000000000000 minor units"),
        ("amount_minor", -1, "never negative"),
        ("currency", "usd", "ISO 4217"),
        ("currency", " ", "ISO 4217"),
        ("currency", "", "ISO 4217"),
        ("currency", "US DOLLAR", "ISO 4217"),
        ("currency", "XXX", "ISO 4217"),
        ("currency", "ABC", "ISO 4217"),
        ("created_at", datetime(1, 1, 1, tzinfo=UTC), "2000 to 2099"),
        ("created_at", datetime(9999, 12, 31, tzinfo=UTC), "2000 to 2099"),
        ("created_at", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "2000 to 2099"),
        ("settled_at", datetime(2100, 1, 1, tzinfo=UTC), "2000 to 2099"),
        ("batch_number", -1, "whole number from 0"),
        ("paytrace_transaction_id", "", "must not be empty"),
        ("description", "a\x00b", "control characters"),
        ("description", "\x1b[2J", "control characters"),
    ],
)
def test_the_finding_names_field_and_remedy(field: str, value: Any, remedy: str) -> None:
    (finding,) = findings_of(replace(OBSERVED, **{field: value}))
    assert finding.field == field
    assert remedy in finding.remedy
    with pytest.raises(Implausible, match=field):
        CODEC.encode(replace(OBSERVED, **{field: value}))
    with pytest.raises(Implausible, match=field):
        CODEC.decode(CODEC.encode_as_written(replace(OBSERVED, **{field: value})))


@pytest.mark.parametrize(
    ("name", "field", "value", "found"),
    [
        ("SplitEntry", "part_amounts", (5, (1 << 63) - 1), "part_amounts[1]"),
        ("MatchSuggested", "invoice_numbers", ("RE-1", "\x00"), "invoice_numbers[1]"),
        ("SettlementDayStated", "new_by_kind", {"CAPTURED": 1 << 60}, "new_by_kind['CAPTURED']"),
        ("MoneySettled", "settlement_account", "main/usd", "settlement_account"),
        ("MoneySettled", "settlement_account", "/USD", "settlement_account"),
        ("PostingRequested", "value_on", date(1, 1, 1), "value_on"),
        ("OpenItemObserved", "due_on", date(9999, 12, 31), "due_on"),
        ("OpenItemObserved", "amount_minor", -(10**15) - 1, "amount_minor"),
    ],
)
def test_lists_maps_dates_and_signed_amounts_have_rules_too(name: str, field: str, value: Any, found: str) -> None:
    with pytest.raises(Implausible) as caught:
        CODEC.encode(replace(example(name), **{field: value}))
    assert [finding.field for finding in caught.value.findings] == [found]


def test_what_is_true_of_money_passes() -> None:
    for change in (
        {"amount_minor": 10**15},
        {"amount_minor": 0},
        {"currency": "JPY"},
        {"currency": "HRK"},
        {"created_at": UNKNOWN_INSTANT},
        {"created_at": datetime(2000, 1, 1, tzinfo=UTC)},
        {"settled_at": None},
        {"description": "two\nlines\tand \u00fcml\u00e4uts \u2028 \U0001f4b6"},
    ):
        refuse_implausible(replace(OBSERVED, **change))
    refuse_implausible(replace(example("OpenItemObserved"), amount_minor=-500, open_minor=-500, due_on=None))


def test_one_refusal_names_every_field_at_fault() -> None:
    with pytest.raises(Implausible) as caught:
        CODEC.encode(replace(OBSERVED, amount_minor=-5, currency="usd", description="\x00"))
    assert [finding.field for finding in caught.value.findings] == ["amount_minor", "currency", "description"]


def test_a_finding_shows_no_card_number() -> None:
    (finding,) = findings_of(replace(OBSERVED, currency="4111111111111111"))
    assert "4111111111111111" not in str(finding)


def _wrong(record: Any) -> Iterator[str]:
    """Fields that a reader without the rules would call wrong: a second, slower opinion on amounts, times, texts."""
    for field in fields(record):
        value = getattr(record, field.name)
        for item in value if isinstance(value, tuple) else value.values() if isinstance(value, dict) else (value,):
            match item:
                case datetime():
                    wrong = not (2000 <= item.year < 2100 or item == UNKNOWN_INSTANT)
                case date():
                    wrong = not (date(1999, 12, 31) <= item <= date(2100, 1, 1) or item in plausibility.UNKNOWN_DAYS)
                case int() if field.name.endswith("_minor"):
                    wrong = abs(item) > 10**15
                case str():
                    wrong = any(sign in item for sign in "\x00\x1b") or (
                        field.name == "currency" and not is_currency(item)
                    )
                case _:
                    wrong = False
            if wrong:
                yield field.name


@pytest.mark.parametrize("name", NAMES)
def test_no_extreme_value_passes_at_any_record(name: str) -> None:
    for record in poisoned(name, 200):
        findings = findings_of(record)
        assert set(_wrong(record)) <= {finding.field.partition("[")[0].removesuffix(" key") for finding in findings}
        if findings:
            with pytest.raises(Implausible):
                refuse_implausible(record)
        else:
            refuse_implausible(record)


@pytest.mark.parametrize("name", ["CustomerReferenced", "OpenItemReferenced", "RememberReference", "ForgetReference"])
@pytest.mark.parametrize("token", ["acme-inc", "RE-100451", "invoice:", "invoice: ", "Invoice:RE-1", "customer:9"])
def test_a_reference_token_without_a_known_prefix_is_refused_with_the_remedy(name: str, token: str) -> None:
    with pytest.raises(
        Implausible, match=r"token is .*: begin it with what it is.* invoice:RE-100451 .* order:SO-4711"
    ):
        refuse_implausible(replace(example(name), token=token))


@pytest.mark.parametrize("token", ["invoice:RE-1", "order:SO-1", "vault:acme", "none:395970002"])
def test_a_reference_token_with_a_known_prefix_is_one(token: str) -> None:
    refuse_implausible(replace(example("CustomerReferenced"), token=token))


def test_currencies_are_those_in_which_money_moves() -> None:
    assert {"USD", "EUR", "JPY", "KWD", "CLF", "XAF", "HRK"} <= currencies()
    assert currencies().isdisjoint({"XXX", "XTS", "XAU", "XDR", "usd", "", " ", "ABC"})


def test_an_amount_in_an_unknown_currency_is_shown_and_its_digits_are_not_guessed() -> None:
    assert shown(12_500, "USD") == "125.00 USD"
    assert shown(12_500, "usd") == "12500 minor units of 'usd'"
    assert shown(-(1 << 63), " ") == "-9223372036854775808 minor units of ' '"


def test_words_of_other_systems_lose_what_no_record_carries() -> None:
    assert plain_text("a\x00b\ud800c\nd") == "a\ufffdb\ufffdc\nd"
    assert plain_text("as it is") == "as it is"
