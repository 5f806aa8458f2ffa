"""Hooks of disputes: every fact can be stated; what can be read in two ways is refused until a profile says which."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reconcile.files.dispute_hooks import HookReader
from reconcile.files.disputes import load_dispute_profile
from reconcile.files.values import BadValue
from schemas.files.owned import FileInvalid
from schemas.records.disputes import DisputeFact, DisputeObserved
from tests.support.files import MAIN, SEVERAL

NOW = datetime(2026, 11, 30, 18, tzinfo=UTC)
WEST = ZoneInfo("America/Los_Angeles")
BODY = {"case": "CB-1", "stage": "Debited", "date": "2026-11-20", "amount": "100.00"}


@pytest.fixture
def reads(tmp_path: Path) -> Any:
    def read(body: Any, profile: str = "", accounts: Any = MAIN) -> tuple[DisputeObserved, ...]:
        path = tmp_path / "p.yaml"
        path.write_text(profile or "{}", "utf-8")
        zones = dict.fromkeys(accounts.currencies, WEST)
        return HookReader(load_dispute_profile(path), accounts, zones).read(body, NOW)

    return read


@pytest.mark.parametrize("fact", [fact for fact in DisputeFact if fact is not DisputeFact.UNKNOWN])
def test_every_fact_can_be_stated(reads: Any, fact: DisputeFact) -> None:
    facts = reads({**BODY, "stage": fact.value, "respond_by": "2026-12-08", "sequence": 3, "reason": "10.4"})
    assert fact in [one.fact for one in facts]
    assert {(one.respond_by_on, one.sequence, one.reason_code, one.entered_on) for one in facts} == {
        (date(2026, 12, 8), 3, "10.4", date(2026, 11, 20))
    }


@pytest.mark.parametrize(
    ("amount", "currency", "said", "minor"),
    [
        ("100.00", "USD", "", 100_00),
        (Decimal("100.00"), "USD", "", 100_00),
        ("-1,234.50", "USD", "", 1_234_50),
        ("12.500", "KWD", "", 12_500),
        (100, "JPY", "", 100),
        (10000, "USD", "minor", 100_00),
        ("10000", "USD", "minor", 100_00),
        (100, "USD", "major", 100_00),
        (Decimal("100.5"), "USD", "major", 100_50),
    ],
)
def test_an_amount_counts_where_it_is_proved_or_said(
    reads: Any, amount: Any, currency: str, said: str, minor: int
) -> None:
    (fact,) = reads({**BODY, "amount": amount, "currency": currency}, f"hook: {{amounts: '{said}'}}")
    assert (fact.amount_minor, fact.currency) == (minor, currency)


@pytest.mark.parametrize(
    ("amount", "said", "problem"),
    [
        (10000, "", "does not say whether it counts USD"),
        ("100.5", "", "does not say"),
        ("100,00", "", "does not say"),
        ("12.500", "", "does not say"),
        ("100.00", "minor", "is no whole number, and the profile says amounts: minor"),
        (Decimal("1E+2"), "minor", "is no whole number"),
        ("100.005", "major", "more decimals"),
        ("ten", "major", "amount 'ten'"),
        (True, "major", "amount is no text and no number"),
        (0, "minor", "no amount is stated"),
    ],
)
def test_an_amount_that_can_be_read_in_two_ways_is_refused(reads: Any, amount: Any, said: str, problem: str) -> None:
    with pytest.raises(BadValue, match=problem):
        reads({**BODY, "amount": amount}, f"hook: {{amounts: '{said}'}}")


@pytest.mark.parametrize(
    ("value", "profile", "day"),
    [
        ("2026-11-20", "", 20),
        ("20261120", "", 20),
        (1795500000, "", 23),  # 2026-11-24 06:00 UTC is the evening before on the west coast
        (1795500000000, "", 23),
        ("2026-11-24T06:00:00Z", "", 23),
        ("2026-11-24T06:00:00+01:00", "", 23),
        ("2026-11-24 06:00:00", "hook: {zone: UTC}", 23),
        ("11/12/2026", "date_format: '%d/%m/%Y'", 11),
    ],
)
def test_a_day_is_that_of_the_merchant_account(reads: Any, value: Any, profile: str, day: int) -> None:
    (fact,) = reads({**BODY, "date": value}, profile)
    assert fact.entered_on == date(2026, 12 if "format" in profile else 11, day)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("11/12/2026", "say date_format: of a profile"),
        ("2026-11-24T06:00:00", "names no zone; say zone: below hook:"),
        ("2026-13-01", "neither YYYY-MM-DD"),
        (46350, "neither YYYY-MM-DD"),
        ("", "no date"),
    ],
)
def test_a_day_that_can_be_read_in_two_ways_is_refused(reads: Any, value: Any, problem: str) -> None:
    with pytest.raises(BadValue, match=problem):
        reads({**BODY, "date": value})


def test_a_hook_of_several_disputes_is_taken_whole_or_not(reads: Any) -> None:
    profile = "hook: {each: data.items}"
    assert len(reads({"data": {"items": [BODY, {**BODY, "case": "CB-2"}]}}, profile)) == 2
    with pytest.raises(BadValue, match=r"data.items\[1\]: stage 'moon' is not known"):
        reads({"data": {"items": [BODY, {**BODY, "stage": "moon"}]}}, profile)
    with pytest.raises(BadValue, match="is no list of 1 to 1000"):
        reads({"data": {}}, profile)


def test_when_it_was_stated_decides_between_two_hooks(reads: Any) -> None:
    (fact,) = reads({**BODY, "reported_at": "2026-11-21T10:00:00Z"})
    assert fact.observed_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert reads(BODY)[0].observed_at == NOW
    with pytest.raises(BadValue, match="lies ahead of our clock"):
        reads({**BODY, "reported_at": "2026-12-21T10:00:00Z"})


def test_the_merchant_account_is_named_by_the_hook(reads: Any) -> None:
    profile = "merchants: {acct-7: store}\nhook: {fields: {merchant: account}}"
    (fact,) = reads({**BODY, "account": "acct-7"}, profile, SEVERAL)
    assert fact.dispute_case == "store/EUR/CB-1"
    with pytest.raises(BadValue, match="'acct-8' is none of main, store"):
        reads({**BODY, "account": "acct-8"}, profile, SEVERAL)
    with pytest.raises(BadValue, match="names no merchant account"):
        reads(BODY, accounts=SEVERAL)


def test_a_zone_that_is_none_is_refused(reads: Any) -> None:
    with pytest.raises(FileInvalid, match="is no time zone"):
        reads(BODY, "hook: {zone: Westcoast}")
