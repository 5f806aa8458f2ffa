"""Four eyes: a proposal is released at most once, by another person, in time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.failures import Unreadable
from schemas.operator_commands import same_person
from schemas.records.approvals import (
    ApprovalRefused,
    ApproveProposal,
    CommandProposed,
    ProposalApproved,
    ProposalExpired,
    ProposalRejected,
    ProposeCommand,
    RejectProposal,
)
from schemas.records.receivables import WriteOffRest
from schemas.wire.codec import to_json
from streams.domain import approvals
from streams.domain.approvals.decider import INITIAL, State

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RECEIVABLES = "receivables.inbox.v1"
WRITE_OFF = WriteOffRest(
    command_id="c1",
    abas_customer_id="70001",
    abas_open_item_id="i1",
    amount_minor=7_50,
    currency="USD",
    decided_by="maria",
    authenticated_by="session",
    reason="customer called",
    decided_on=date(2026, 11, 20),
    occurred_at=NOON,
)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def propose(held: Any = WRITE_OFF, by: str = "maria", **changed: Any) -> ProposeCommand:
    asked = ProposeCommand(
        proposal_id="P1",
        target_inbox=RECEIVABLES,
        command_type=type(held).__name__,
        command=json.dumps(to_json(held)),
        summary="write off 7.50 USD",
        amount_minor=7_50,
        currency="USD",
        decided_by=by,
        authenticated_by="session",
        reason="customer called",
        expires_at=at(60),
        occurred_at=NOON,
    )
    return replace(asked, **changed)


def approve(by: str = "dkim", minute: int = 10, command_id: str = "a1", **changed: Any) -> ApproveProposal:
    said = ApproveProposal(
        command_id=command_id,
        proposal_id="P1",
        decided_by=by,
        authenticated_by="session",
        reason="order looked up",
        approved_on=date(2026, 11, 21),
        occurred_at=at(minute),
    )
    return replace(said, **changed)


def reject(by: str = "dkim", minute: int = 10, command_id: str = "r1") -> RejectProposal:
    return RejectProposal(
        command_id=command_id,
        proposal_id="P1",
        decided_by=by,
        authenticated_by="session",
        reason="order looked up",
        occurred_at=at(minute),
    )


def reported(*records: Any) -> tuple[list[Any], list[Any]]:
    """The events of these records, in order, and what goes to other inboxes."""
    state = INITIAL
    events: list[Any] = []
    outputs: list[Any] = []
    for record in records:
        for event in approvals.decide(state, record):
            outputs += approvals.route(state, event)
            state = approvals.evolve(state, event)
            events.append(event)
    return events, outputs


def refusal(*records: Any) -> str:
    events, outputs = reported(*records)
    assert not outputs
    refused = next(event for event in events if isinstance(event, ApprovalRefused))
    return refused.refused_because


def test_an_approved_command_goes_to_its_inbox_with_both_names_as_of_the_approval() -> None:
    events, outputs = reported(propose(), approve())
    assert [type(event) for event in events] == [CommandProposed, ProposalApproved]
    assert [(output.topic, output.record) for output in outputs] == [
        (RECEIVABLES, replace(WRITE_OFF, approved_by="dkim", occurred_at=at(10), decided_on=date(2026, 11, 21)))
    ]


@pytest.mark.parametrize("proposer", ["maria", "MARIA ", "single-user:maria"])
def test_the_proposer_does_not_approve_and_does_not_reject(proposer: str) -> None:
    proposal = propose(replace(WRITE_OFF, decided_by=proposer), by=proposer)
    for answer in (approve(by="maria"), reject(by="maria")):
        assert "another approver decides" in refusal(proposal, answer)


def test_one_approval_has_one_effect() -> None:
    events, outputs = reported(
        propose(), approve(), approve(), approve(by="jo", command_id="a2"), reject(command_id="r2")
    )
    assert len(outputs) == 1
    assert [type(event) for event in events[2:]] == [ApprovalRefused, ApprovalRefused]
    assert events[2].refused_because == "dkim approved it at 2026-11-20 12:10 UTC already"


def test_what_was_rejected_is_not_approved() -> None:
    events, outputs = reported(propose(), reject(), approve())
    assert (outputs, type(events[1])) == ([], ProposalRejected)
    assert "dkim rejected it" in refusal(propose(), reject(), approve())


@pytest.mark.parametrize(("minute", "is_late"), [(59, False), (60, True), (61, True)])
def test_from_the_instant_of_expiry_on_nobody_approves(minute: int, is_late: bool) -> None:
    events, outputs = reported(propose(), approve(minute=minute))
    assert bool(outputs) is not is_late
    assert any(isinstance(event, ProposalExpired) for event in events) is is_late
    if is_late:
        assert "it expired at 2026-11-20 13:00 UTC" in refusal(propose(), approve(minute=minute))
        # A later one with an earlier instant does not wake it up.
        assert reported(propose(), approve(minute=minute), approve(minute=5, command_id="a2"))[1] == []


def test_nothing_is_approved_before_it_is_proposed() -> None:
    assert refusal(approve(), propose()) == "there is no proposal P1"


@pytest.mark.parametrize("how", ["", "key", "single-user"])
def test_only_a_person_who_has_logged_in_approves(how: str) -> None:
    assert "only a person who has logged in" in refusal(propose(), approve(authenticated_by=how))


def test_a_name_and_a_reason_are_needed_here_too() -> None:
    assert "names nobody" in refusal(propose(), approve(by="x"))
    assert "is no reason" in refusal(propose(), approve(reason="ok"))
    assert "is no reason" in refusal(propose(reason="."), approve())


def test_the_first_content_of_an_id_stands() -> None:
    larger = propose(replace(WRITE_OFF, amount_minor=9_99))
    assert "is another proposal" in refusal(propose(), larger)
    _, outputs = reported(propose(), larger, approve())
    assert outputs[0].record.amount_minor == 7_50


def test_a_proposal_is_of_its_proposer_alone() -> None:
    assert "is of another person" in refusal(propose(by="jo"))


def test_a_proposal_that_has_expired_when_it_comes_is_refused() -> None:
    assert "before it is proposed" in refusal(propose(expires_at=NOON))


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": "{"},
        {"command": "[" * 100_000},
        {"command": "{}"},
        {"command": "[]"},
        {"command": "7"},
        {"command_type": "OpenItemObserved"},
        {"command_type": "DecisionTaken"},
        {"target_inbox": "settlement.inbox.v1"},
        {"target_inbox": "approvals.inbox.v1", "command_type": "ApproveProposal"},
        {"target_inbox": "erp.commands.v1", "command_type": "PostDocument"},
        {"command": json.dumps(to_json(replace(WRITE_OFF, approved_by="dkim")))},
        {"command": json.dumps(to_json(replace(WRITE_OFF, abas_customer_id="")))},
    ],
)
def test_what_is_no_operator_command_of_its_inbox_is_parked(wrong: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        approvals.decide(INITIAL, propose(**wrong))


PEOPLE = st.sampled_from(["maria", "Maria", "single-user:maria", "dkim", "jo"])
MINUTES = st.integers(0, 70)
IDS = st.sampled_from(["x1", "x2", "x3", "x4"])
RECORDS = st.one_of(
    st.builds(lambda by, minor: propose(replace(WRITE_OFF, decided_by=by, amount_minor=minor), by=by), PEOPLE, MINUTES),
    st.builds(lambda by, minute, name: approve(by, minute, name), PEOPLE, MINUTES, IDS),
    st.builds(lambda by, minute, name: reject(by, minute, name), PEOPLE, MINUTES, IDS),
)


@given(st.lists(RECORDS, max_size=12))
def test_any_order_and_repetition_releases_at_most_once_and_never_by_the_proposer(records: list[Any]) -> None:
    events, outputs = reported(*records)
    approved = [event for event in events if isinstance(event, ProposalApproved)]
    assert len(outputs) == len(approved) <= 1
    for event, output in zip(approved, outputs, strict=True):
        first = next(one for one in events if isinstance(one, CommandProposed))
        assert not same_person(event.approved_by, event.proposed_by)
        assert event.proposed_by == first.proposed_by == output.record.decided_by
        assert output.record.amount_minor == json.loads(first.command)["amount_minor"]
        assert event.occurred_at < first.expires_at
        before = events[: events.index(event)]
        assert not [one for one in before if isinstance(one, ProposalRejected | ProposalExpired)]
    # Reported twice, and each record twice: nothing more is released.
    assert len(reported(*records, *records)[1]) <= max(1, len(outputs))
    assert reported(*(record for record in records for _ in range(2)))[1] == outputs


@given(st.lists(RECORDS, max_size=8), RECORDS)
def test_any_event_is_remembered_in_any_state(records: list[Any], last: Any) -> None:
    events, _ = reported(*records, last)
    for event in events:
        assert isinstance(approvals.evolve(State(ended_by="it ended"), event), State)


@pytest.mark.parametrize(
    "shown", [{"amount_minor": 7_49}, {"currency": "EUR"}, {"amount_minor": None, "currency": None}]
)
def test_what_is_shown_is_what_the_command_says(shown: dict[str, Any]) -> None:
    """Who approves goes by the amount of the proposal; one that belittles its command is not held."""
    [refused] = approvals.decide(INITIAL, propose(**shown))
    assert isinstance(refused, ApprovalRefused)
    assert "shows another amount" in refused.refused_because
