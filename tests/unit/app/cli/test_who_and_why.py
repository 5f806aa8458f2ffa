"""Every command that asks why refuses empty and placeholder words before it reads or writes anything; none asks who."""

from __future__ import annotations

import pytest

from app.cli import waiting
from tests.support.cli import saldo

COMMANDS = (
    ("decide", "confirm", "PT1", "K7QF2"),
    ("decide", "reject", "PT1", "--all"),
    ("decide", "split", "PT1", "RE-1=1.00"),
    ("decide", "write-off", "RE-1"),
    ("decide", "reverse-write-off", "PT1W1"),
    ("decide", "on-account", "PT1"),
    ("decide", "unmatch", "PT1"),
    ("decide", "post-again", "PT1"),
    ("deposits", "confirm", "b1", "1:CAPTURED"),
    ("deposits", "reject", "b1", "K7QF2"),
    ("deposits", "unmatch", "b1"),
    ("deposits", "dismiss", "b1"),
    ("deposits", "accept-fees", "1"),
    ("dlq", "replay", "payments.observations.v1", "0", "0"),
    ("dlq", "discard", "payments.observations.v1", "0", "0"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("empty", ["", "  ", ".", "x", "test", "n/a", "\u200b"])
def test_nothing_is_asked_for_without_a_reason(command: tuple[str, ...], empty: str) -> None:
    why = saldo(*command, "--why", empty)
    assert (why.exit_code, why.out) == (2, "")
    assert "--why" in why.err
    assert "is no reason; say in a few words why" in why.err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nobody_says_who_decides(command: tuple[str, ...]) -> None:
    by = saldo(*command, "--why", "customer called", "--by", "mweber")
    assert (by.exit_code, by.out) == (2, "")
    assert "No such option: --by" in by.err


def test_money_that_waits_in_other_places_is_listed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "posting_reference": "",
        "paytrace_transaction_id": "",
        "signed": "",
        "signed_minor": 0,
        "currency": "",
        "abas_customer_id": "",
        "names_invoice": "",
        "waiting_since": None,
        "waits_in": "disputes",
        "reason": "SOME_NEW_REASON",
        "detail": None,
        "suggestion_number": 0,
    }
    waiting.show((row, {**row, "waits_in": "payments", "paytrace_transaction_id": "395970002"}))
    shown = capsys.readouterr().out
    assert "names no payment" in shown
    assert "395970002" in shown
    assert "some new reason" in shown


def test_each_proposal_is_a_paragraph(capsys: pytest.CaptureFixture[str]) -> None:
    """A line break inside a line is escaped for the terminal, so it stood there as two letters."""
    proposal = {
        "proposal_id": "P1",
        "status": "open",
        "summary": "write off 6.00 USD",
        "proposed_by": "jo",
        "reason": "customer called",
    }
    waiting._show_proposals((proposal, proposal | {"status": "expired"}))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["", "P1  write off 6.00 USD, proposed by jo: customer called"]
    assert len(lines) == 4
