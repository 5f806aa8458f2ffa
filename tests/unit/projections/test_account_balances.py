"""What abas itself shows on an account: our documents, what stood there before, what is on its way, or a difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from projections.store.client import Store
from schemas.records.erp import AccountBalanceObserved, DocumentPosted, PostDocument
from schemas.topic import Topic
from tests.support.abas_commands import post_receipt
from tests.support.builders import done
from tests.support.projecting import asked, project
from tests.support.scripted import COMMANDS, NOON, OUTCOMES, Script


def document(name: str, minor: int, currency: str = "USD") -> PostDocument:
    posted = replace(post_receipt(f"PT{name}", "i1", minor=minor), settlement_account=f"main/{currency}")
    lines = tuple(replace(line, currency=currency) for line in posted.lines)
    return replace(posted, lines=lines)


def answered(command: PostDocument) -> DocumentPosted:
    posted = done(command)
    assert isinstance(posted, DocumentPosted)
    return posted


class Played(Script):
    """A script in which abas is read and takes documents."""

    def shows(self, minor: int, account: str = "1361", currency: str = "USD") -> None:
        balance = AccountBalanceObserved(
            erp_account=account,
            currency=currency,
            balance_minor=minor,
            read_in=self.now.strftime("%Y-%m-%dT%H"),
            observed_at=self.now,
            raw="{}",
        )
        self.write(Topic.ERP_BALANCES, balance)
        self.wait(minutes=5)

    def posts(self, name: str, minor: int, currency: str = "USD") -> None:
        command = document(name, minor, currency)
        self.write(COMMANDS, command)
        self.wait(seconds=2)
        self.write(OUTCOMES, answered(command))
        self.wait(minutes=5)


def shown(store: Store, script: Script, account: str = "1361", currency: str = "USD") -> Mapping[str, object]:
    project(store, script.messages)
    (row,) = (
        one for one in asked(store, "account_balances") if (one["account"], one["currency"]) == (account, currency)
    )
    return row


def test_what_stood_there_before_us_is_no_difference_and_what_came_since_the_read_is_named(store: Store) -> None:
    script = Played()
    script.shows(-500_00)
    script.posts("1", 100_00)
    script.posts("2", 23_45)
    script.shows(-376_55)
    script.posts("3", 7_00)
    row = shown(store, script)
    names = ("status", "shown_minor", "opening_minor", "posted_minor", "since_minor", "unexplained_minor")
    assert [row[name] for name in names] == ["equal", -376_55, -500_00, 130_45, 7_00, 0]
    (balance,) = (one for one in asked(store, "trial_balance") if one["role"] == "clearing")
    assert (balance["shown_minor"], balance["opening_minor"], balance["unexplained_minor"]) == (-376_55, -500_00, 0)
    assert asked(store, "what_needs_a_person") == ()


def test_what_somebody_posts_by_hand_on_an_account_of_ours_needs_a_person(store: Store) -> None:
    script = Played(currency="EUR")
    script.shows(0, currency="EUR")
    script.posts("1", 100_00, "EUR")
    script.shows(88_00, currency="EUR")
    row = shown(store, script, currency="EUR")
    assert (row["status"], row["unexplained_minor"]) == ("unexplained", -12_00)
    (line,) = asked(store, "what_needs_a_person")
    assert (line["kind"], line["currency"], line["amount_minor"]) == ("balances unexplained", "EUR", 12_00)


def test_a_document_that_abas_lost_is_found_although_the_balance_never_changed(store: Store) -> None:
    script = Played()
    script.shows(10_00)
    script.posts("1", 100_00)
    script.wait(hours=1)
    script.shows(10_00)
    assert shown(store, script)["unexplained_minor"] == -100_00


@pytest.mark.parametrize(
    ("minor", "status"),
    [(0, "equal"), (60_00, "in flight"), (35_00, "in flight"), (60_01, "unexplained"), (-1, "unexplained")],
)
def test_a_document_on_its_way_while_abas_is_read_explains_its_amount_and_no_more(
    store: Store, minor: int, status: str
) -> None:
    script, command = Played(), document("1", 60_00)
    script.shows(0)
    script.write(COMMANDS, command)
    script.wait(seconds=1)
    script.shows(minor)
    script.write(OUTCOMES, answered(command))
    assert shown(store, script)["status"] == status


def test_an_account_on_which_others_post_shows_it_and_needs_nobody(store: Store) -> None:
    script = Played()
    command = document("1", 50_00)
    command = replace(
        command,
        lines=tuple(
            replace(one, role="bank", account="1200") if one.role == "clearing" else one for one in command.lines
        ),
    )
    script.shows(1_000_00, account="1200")
    script.write(COMMANDS, command)
    script.write(OUTCOMES, answered(command))
    script.wait(minutes=5)
    script.shows(800_00, account="1200")
    row = shown(store, script, account="1200")
    assert (row["status"], row["opening_minor"], row["others_minor"]) == ("others", 1_000_00, -250_00)
    assert asked(store, "what_needs_a_person") == ()


def test_an_account_that_is_shown_first_amid_the_first_document_has_no_opening(store: Store) -> None:
    script, command = Played(), document("1", 40_00)
    script.write(COMMANDS, command)
    script.wait(seconds=1)
    script.shows(40_00)
    script.now = NOON + timedelta(seconds=3)
    script.write(OUTCOMES, answered(command))
    script.wait(minutes=5)
    script.shows(40_00)
    row = shown(store, script)
    assert (row["status"], row["opening_minor"]) == ("equal", 0)
