"""`saldo subscriptions`: which command each word becomes, and that a table is read whole before anything is asked."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.cli import operators, subscriptions
from schemas.records.subscriptions import RecurrenceFrequency, RunStatus, SubscriptionChange
from schemas.records.subscriptions import SubscriptionRunChanged as Run
from schemas.topic import Topic
from tests.support.cli import saldo
from tests.support.examples import example

WHY = ("--why", "contract 77 was signed")
HEADER = "subscription,abas_customer,amount,frequency,start_on"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The commands that would be written, in order."""
    found: list[Any] = []

    def take(inbox: str, command: Any, *_more: Any, **_words: Any) -> None:
        assert inbox == Topic.SUBSCRIPTIONS_INBOX
        found.append(command)

    monkeypatch.setattr(operators, "carry_out", take)
    return found


def test_terms_are_read_as_people_write_them(asked: list[Any]) -> None:
    words = ("C-1001/S-77", "70001", "24.95 USD", "every-two-weeks", "2030-12-31", "--no-prorate", "--run-count", "12")
    outcome = saldo("subscriptions", "set", *words, *WHY)
    assert (outcome.exit_code, outcome.err) == (0, "")
    (terms,) = asked
    assert (terms.vault_customer_id, terms.subscription_id, terms.abas_customer_id) == ("C-1001", "S-77", "70001")
    assert (terms.amount_minor, terms.currency, terms.prorates, terms.run_count) == (2495, "USD", False, 12)
    assert (terms.frequency, terms.start_on, terms.anchor_day) == (
        RecurrenceFrequency.EVERY_TWO_WEEKS,
        date(2030, 12, 31),
        None,
    )
    assert (terms.effective_on, terms.reason) == (date(2030, 12, 31), WHY[1])


@pytest.mark.parametrize(
    ("words", "change", "on"),
    [
        (("pause", "C/1/S-77", "--on", "2030-02-01"), SubscriptionChange.PAUSE, date(2030, 2, 1)),
        (("resume", "C/1/S-77", "--on", "2030-03-01"), SubscriptionChange.RESUME, date(2030, 3, 1)),
        (("end", "C/1/S-77", "--on", "2030-03-15"), SubscriptionChange.END, date(2030, 3, 15)),
        (("skip", "C/1/S-77", "2030-01-31"), SubscriptionChange.SKIP, date(2030, 1, 31)),
        (("retry", "C/1/S-77", "2030-01-31"), SubscriptionChange.RETRY, date(2030, 1, 31)),
        (("paid", "C/1/S-77", "2030-01-31"), SubscriptionChange.PAID_OTHERWISE, date(2030, 1, 31)),
    ],
)
def test_what_people_do_with_a_subscription(
    asked: list[Any], words: tuple[str, ...], change: SubscriptionChange, on: date
) -> None:
    assert saldo("subscriptions", *words, *WHY).exit_code == 0
    (command,) = asked
    assert (command.vault_customer_id, command.subscription_id) == ("C/1", "S-77")
    assert (command.change, command.change_on) == (change, on)


def test_a_dunning_run_is_of_a_day(asked: list[Any]) -> None:
    assert saldo("subscriptions", "dun", "2030-01-31", *WHY).exit_code == 0
    (command,) = asked
    assert (type(command).__name__, command.calendar, command.run_on) == (
        "RunDunning",
        "subscriptions",
        date(2030, 1, 31),
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["C-1/S-1,70001,24.95,monthly,2030-12-31"], "line 3: amount '24.95'"),
        (["C-1/S-1,70001,24.95 USD,fortnightly,2030-12-31"], "line 3: frequency 'fortnightly' is none"),
        (["C-1/S-1,70001,24.95 USD,monthly,31.12.2030"], "line 3: start_on '31.12.2030' is no day"),
        (["S-1,70001,24.95 USD,monthly,2030-12-31"], "line 3: subscription 'S-1' is none"),
    ],
)
def test_a_table_with_a_row_that_says_nothing_asks_for_none(
    asked: list[Any], tmp_path: Path, rows: list[str], said: str
) -> None:
    table = tmp_path / "contracts.csv"
    table.write_text("\n".join([HEADER, "C-9/S-9,70009,1.00 USD,yearly,2030-01-01", *rows]), "utf-8")
    outcome = saldo("subscriptions", "import", str(table), *WHY)
    assert outcome.exit_code != 0
    assert said in outcome.err
    assert asked == []


@pytest.mark.parametrize("header", [HEADER.replace("amount", "price"), HEADER.replace(",start_on", "")])
def test_a_table_with_other_columns_says_which_there_are(asked: list[Any], tmp_path: Path, header: str) -> None:
    table = tmp_path / "contracts.csv"
    table.write_text(f"{header}\n", "utf-8")
    outcome = saldo("subscriptions", "import", str(table), *WHY)
    assert outcome.exit_code != 0
    assert "lacks the column" in outcome.err
    assert "anchor_day, run_count, effective_on" in outcome.err
    assert asked == []


def test_a_table_of_excel_sets_the_terms_of_every_row(asked: list[Any], tmp_path: Path) -> None:
    table = tmp_path / "contracts.csv"
    rows = ["C-1/S-1,70001,24.95 USD,Monthly,2030-12-31,31,no", "C-2/S-2,70002,100 USD,yearly,2031-01-01,,"]
    table.write_text("\n".join([f"{HEADER},anchor_day,prorates", *rows]), "utf-8-sig")
    assert saldo("subscriptions", "import", str(table), *WHY).exit_code == 0
    assert [(one.subscription_id, one.amount_minor, one.anchor_day, one.prorates) for one in asked] == [
        ("S-1", 2495, 31, False),
        ("S-2", 10000, None, True),
    ]


def test_what_follows_is_said_in_words() -> None:
    run: Run = example("SubscriptionRunChanged")
    says = subscriptions._in_words(run)
    assert says.startswith(f"run of {run.due_on}: {run.status.value.lower().replace('_', ' ')}, ")
    assert RunStatus.UNKNOWN.value not in says
    charge = subscriptions._in_words(example("RunChargeAsked"))
    assert charge.endswith("is asked of PayTrace")
