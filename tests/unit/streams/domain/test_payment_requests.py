"""Payment requests: what is carried out, what is turned down and why, and that nothing is carried out twice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.approvals import AskForApproval, CommandProposed, RejectProposal
from schemas.records.erp import SaveRecord
from schemas.records.gateway import (
    CountPaymentRequest,
    GatewayCallBegun,
    GatewayCallDone,
    GatewayCallParked,
    GatewayCallRefused,
    PaymentRequestAccepted,
    PaymentRequestClosed,
    PaymentRequestCounted,
    PaymentRequestHeld,
    PaymentRequestKind,
    PaymentRequestNotReleased,
    PaymentRequestObserved,
    PaymentRequestPosted,
    PaymentRequestProgress,
    PaymentRequestRejected,
    PaymentRequestStatus,
    ReleasePaymentRequest,
    RequestGatewayCall,
)
from schemas.records.receivables import PaymentAllocated
from schemas.topic import Topic
from streams.domain import approvals, gateway
from streams.domain.gateway.decider import call_reference
from streams.domain.gateway.policy import Policy
from streams.rules.catalogue import requests_policy
from tests.support.policies import REQUESTS
from tests.support.typed import as_a

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
REFUND = PaymentRequestObserved(
    payment_request_id="(4712,900,0)",
    payment_request_number="ZW-40001",
    kind=PaymentRequestKind.REFUND,
    raw_kind="refund",
    status=PaymentRequestStatus.OPEN,
    raw_status="OPEN",
    abas_customer_id="70001",
    amount_minor=1250,
    currency="USD",
    paytrace_transaction_id="79388123",
    vault_customer_id="acme-inc",
    allocated_invoices=(),
    allocated_amounts=(),
    requester="M. Muster",
    reason="Goods came back damaged.",
    observed_at=NOW,
    raw="{}",
)
CHARGE = replace(REFUND, kind=PaymentRequestKind.CHARGE, paytrace_transaction_id=None)


def events_of(*records: Any, policy: Policy = REQUESTS) -> list[Any]:
    state = gateway.INITIAL
    reported: list[Any] = []
    for record in records:
        events = gateway.decide(state, record, policy)
        state = reduce(gateway.evolve, events, state)
        reported += events
    return reported


def outcome_of(accepted: PaymentRequestAccepted, *, is_done: bool) -> GatewayCallDone | GatewayCallRefused:
    names = set(PaymentRequestAccepted.__dataclass_fields__) - {"invoice_numbers", "part_amounts", "merchant"}
    fields = {name: getattr(accepted, name) for name in names}
    if is_done:
        return GatewayCallDone(**fields, result_transaction_id="79388456", code="106", message="refunded")
    return GatewayCallRefused(**fields, code="817", message="not settled")


def test_a_charge_carries_the_invoice_that_it_pays_and_nothing_else_does() -> None:
    [charge] = events_of(replace(CHARGE, invoice_number="RE-1"))
    first, second, _ = (output.record for output in gateway.route(gateway.INITIAL, charge))
    allocated, call = as_a(PaymentAllocated, first), as_a(RequestGatewayCall, second)
    assert (call.invoice_number, call.description) == (None, "RE-1")
    assert (allocated.invoice_numbers, allocated.part_amounts) == (("RE-1",), (1250,))
    assert allocated.call_reference == call.call_reference
    [refund] = events_of(replace(REFUND, invoice_number="RE-1"))
    assert refund.invoice_numbers == ()


ROWS = {"allocated_invoices": ("RE-1", "RE-2"), "allocated_amounts": (1000, 250)}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ""),
        ({"invoice_number": "RE-9"}, ""),  # rows go before the head
        ({"amount_minor": 1251}, "allocation"),
        ({"allocated_amounts": (1000, 249)}, "allocation"),
        ({"allocated_amounts": (1250, 0)}, "no-amount"),
        ({"allocated_amounts": (1500, -250)}, "no-amount"),
        ({"allocated_invoices": ("RE-1", "RE-1")}, "invoice-twice"),
        ({"allocated_invoices": ("RE-1", "")}, "no-invoice"),
    ],
)
def test_the_invoices_of_a_charge_get_just_the_charge(changes: dict[str, Any], code: str) -> None:
    [event] = events_of(replace(CHARGE, **(ROWS | changes)))
    if code:
        assert event.code == code
    else:
        assert dict(zip(event.invoice_numbers, event.part_amounts, strict=True)) == {"RE-1": 1000, "RE-2": 250}


def test_an_open_payment_request_becomes_one_call_and_a_repeat_is_silent() -> None:
    [accepted] = events_of(REFUND, REFUND, replace(REFUND, reason="typed again", amount_minor=99))
    assert (accepted.call_reference, accepted.subject) == ("SALDO-R-4712-900-0", "payment/79388123")
    output, written = gateway.route(gateway.INITIAL, accepted)
    assert (output.topic, written.topic) == (Topic.GATEWAY_COMMANDS, Topic.ERP_COMMANDS)
    assert isinstance(output.record, RequestGatewayCall)
    assert (output.record.amount_minor, output.record.kind) == (1250, PaymentRequestKind.REFUND)


def test_a_charge_is_about_the_vault_customer_alone() -> None:
    [accepted] = events_of(CHARGE)
    assert (accepted.subject, accepted.paytrace_transaction_id) == ("vault/acme-inc", None)
    assert accepted.vault_customer_id == "acme-inc"


@pytest.mark.parametrize(
    "status", [status for status in PaymentRequestStatus if status is not PaymentRequestStatus.OPEN]
)
def test_only_an_open_payment_request_asks_for_anything(status: PaymentRequestStatus) -> None:
    assert events_of(replace(REFUND, status=status)) == []


@pytest.mark.parametrize(
    ("payment_request", "code"),
    [
        (replace(REFUND, kind=PaymentRequestKind.UNKNOWN, raw_kind="ask"), "unknown-kind"),
        (replace(REFUND, currency="EUR"), "currency"),
        (replace(REFUND, amount_minor=0), "no-amount"),
        (replace(REFUND, paytrace_transaction_id=None), "no-payment"),
        (replace(REFUND, paytrace_transaction_id="check-981601"), "bank-debit"),
        (replace(CHARGE, vault_customer_id=None), "no-vault-customer"),
    ],
)
def test_what_can_not_be_carried_out_says_why_once_and_may_be_put_right(
    payment_request: PaymentRequestObserved, code: str
) -> None:
    again = replace(payment_request, observed_at=NOW + timedelta(minutes=1))  # opened again, and still wrong
    mended = replace(REFUND, observed_at=NOW + timedelta(minutes=2))
    turned_down, still, accepted = events_of(payment_request, payment_request, again, mended)
    assert isinstance(turned_down, PaymentRequestRejected)
    assert (turned_down.code, still.code) == (code, code)
    assert isinstance(accepted, PaymentRequestAccepted)


def test_a_void_needs_no_amount() -> None:
    assert isinstance(
        events_of(replace(REFUND, kind=PaymentRequestKind.VOID, amount_minor=0))[0], PaymentRequestAccepted
    )


@pytest.mark.parametrize("is_done", [True, False])
def test_an_outcome_closes_the_payment_request_for_good(is_done: bool) -> None:
    [accepted] = events_of(REFUND)
    outcome = outcome_of(accepted, is_done=is_done)
    closed = events_of(REFUND, outcome, outcome, REFUND)[1:]
    assert [type(event) for event in closed] == [PaymentRequestClosed]
    assert closed[0].is_done is is_done
    assert closed[0].result_transaction_id == ("79388456" if is_done else None)


def shown(*records: Any, policy: Policy = REQUESTS) -> list[tuple[str, ...]]:
    """What abas shows of the request after each event: status, transaction, document, reason."""
    state = gateway.INITIAL
    written: list[tuple[str, ...]] = []
    for record in records:
        for event in gateway.decide(state, record, policy):
            state = gateway.evolve(state, event)
            saves = [one.record for one in gateway.route(state, event) if isinstance(one.record, SaveRecord)]
            written += [
                tuple(saves[0].values[name] for name in ("request_status", "transaction", "document", "reason"))
            ]
            assert len(saves) == 1
            assert saves[0].values["request"] == REFUND.payment_request_id
    return written


BEGUN = GatewayCallBegun(
    payment_request_id=REFUND.payment_request_id,
    call_reference="SALDO-R-4712-900-0",
    subject="payment/79388123",
    kind=PaymentRequestKind.REFUND,
    paytrace_transaction_id="79388123",
    merchant="main",
    description="",
    abas_customer_id="70001",
    amount_minor=1250,
    currency="USD",
    seen_before=(),
    begun_at=NOW,
    occurred_at=NOW,
)
PARKED = GatewayCallParked(
    payment_request_id=REFUND.payment_request_id,
    call_reference="SALDO-R-4712-900-0",
    abas_customer_id="70001",
    was_begun=True,
    message="look in PayTrace",
    occurred_at=NOW,
)
POSTED = PaymentRequestPosted(
    payment_request_id=REFUND.payment_request_id,
    abas_customer_id="70001",
    document_kind="cash_receipt_reversal",
    abas_document_number="ZE-1",
    occurred_at=NOW,
)


def test_each_step_of_a_request_is_written_back_once() -> None:
    [accepted] = events_of(REFUND)
    done, other = outcome_of(accepted, is_done=True), replace(POSTED, abas_document_number="ZE-2")
    assert shown(REFUND, REFUND, BEGUN, BEGUN, PARKED, PARKED, done, done, POSTED, POSTED, other) == [
        ("ACCEPTED", "", "", ""),
        ("SENT", "", "", ""),
        ("IN_DOUBT", "", "", "look in PayTrace"),
        ("DONE", "79388456", "", ""),
        ("DONE", "79388456", "ZE-1", ""),
        ("DONE", "79388456", "ZE-1, ZE-2", ""),
    ]
    assert shown(REFUND, BEGUN, outcome_of(accepted, is_done=False))[-1] == ("REFUSED", "", "", "817: not settled")


def test_a_capture_shows_the_payment_that_it_captured() -> None:
    request = replace(REFUND, kind=PaymentRequestKind.CAPTURE)
    [accepted] = events_of(request)
    done = replace(as_a(GatewayCallDone, outcome_of(accepted, is_done=True)), result_transaction_id=None)
    assert shown(request, done)[-1][:2] == ("DONE", "79388123")


def test_a_request_that_somebody_opens_again_shows_again_where_it_stands() -> None:
    [accepted] = events_of(REFUND)
    done = outcome_of(accepted, is_done=True)
    opened = replace(REFUND, amount_minor=7, observed_at=NOW + timedelta(hours=1))
    status, transaction, _, reason = shown(REFUND, done, opened)[-1]
    assert (status, transaction) == ("DONE", "79388456")
    assert "new request" in reason
    assert shown(opened, replace(opened, status=PaymentRequestStatus.DONE)) == shown(opened)


RULES = requests_policy(
    """
version: 3
allow:
  - {kinds: [refund, void], requesters: [m.  muster], most_minor: {USD: 5000}, approve_above_minor: {USD: 1000}}
  - {kinds: [refund], requesters: [Dana], approve_above_minor: {}}
  - {kinds: [charge]}
people: {M. Muster: maria}
"""
)


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"amount_minor": 1000}, PaymentRequestAccepted, ""),
        ({"amount_minor": 1001}, PaymentRequestHeld, "10.01 USD is above 10.00 USD"),
        ({"amount_minor": 5000}, PaymentRequestHeld, "saldo approvals approve SALDO-R-4712-900-0"),
        ({"amount_minor": 5001}, PaymentRequestRejected, "50.01 USD is above 50.00 USD"),
        ({"requester": "DANA", "amount_minor": 1}, PaymentRequestHeld, "in a currency for which"),
        ({"requester": "Kim"}, PaymentRequestRejected, "Kim may not ask for a refund"),
        ({"requester": None}, PaymentRequestRejected, "whom abas does not name"),
        ({"kind": PaymentRequestKind.CAPTURE}, PaymentRequestRejected, "may not ask for a capture"),
        ({"kind": PaymentRequestKind.CHARGE, "requester": None, "amount_minor": 10**9}, PaymentRequestAccepted, ""),
    ],
)
def test_rules_say_who_may_ask_for_what_and_what_a_second_person_approves(
    changes: dict[str, Any], kind: type[Any], said: str
) -> None:
    [event] = events_of(replace(REFUND, **changes), policy=RULES)
    assert type(event) is kind
    assert said in getattr(event, "message", "")


BY_DAY = requests_policy(
    "{version: 3, allow: [{kinds: [refund, capture], requesters: [M. Muster, Dana], most_per_day_minor: {USD: 3000}, "
    "approve_above_minor: {USD: 2000}}, {kinds: [charge]}], people: {M. Muster: maria}}"
)


class Requests:
    """Payment requests and the budgets that they are counted with, as the agent keeps them: a state for each key."""

    def __init__(self, policy: Policy = BY_DAY) -> None:
        self.policy = policy
        self.states: dict[str, gateway.State] = {}
        self.events: list[Any] = []
        self.proposed: list[AskForApproval] = []

    def take(self, *records: Any) -> str:
        """Decide records and all that follows from them; return what the last event of a request is."""
        waiting, last = list(records), ""
        while waiting:
            record = waiting.pop(0)
            is_budget = isinstance(record, CountPaymentRequest)
            key = record.budget if is_budget else record.payment_request_id
            state = self.states.get(key, gateway.INITIAL)
            for event in gateway.decide(state, record, self.policy):
                state = gateway.evolve(state, event)
                self.events.append(event)
                last = last if is_budget else type(event).__name__
                for output in gateway.route(state, event):
                    if output.topic == Topic.GATEWAY_INBOX:
                        waiting.append(output.record)
                    if isinstance(output.record, AskForApproval):
                        self.proposed.append(output.record)
            self.states[key] = state
        return last

    def ask(self, number: int, amount_minor: int, at: datetime = NOW, **changes: Any) -> str:
        request = replace(REFUND, payment_request_id=f"({number},900,0)", amount_minor=amount_minor, observed_at=at)
        return self.take(replace(request, **changes))


def test_what_a_requester_asks_for_in_a_day_stays_within_the_limit_of_the_day() -> None:
    here = Requests()
    assert here.ask(1, 1900) == "PaymentRequestAccepted"
    assert here.ask(2, 1101) == "PaymentRequestRejected"
    rejected = here.events[-1]
    assert rejected.code == "not-allowed"
    assert "11.01 USD is above what may be asked for in a day, 30.00 USD: 19.00 USD was asked" in rejected.message
    assert here.ask(2, 1100, NOW + timedelta(minutes=5)) == "PaymentRequestAccepted"  # put right, as much as is left
    assert here.ask(3, 1, requester="m.  MUSTER") == "PaymentRequestRejected"
    assert here.ask(4, 1900, requester="Dana") == "PaymentRequestAccepted"
    assert here.ask(5, 1900, NOW + timedelta(days=1)) == "PaymentRequestAccepted"
    assert here.ask(6, 10**6, kind=PaymentRequestKind.CHARGE) == "PaymentRequestAccepted"
    assert here.ask(7, 100, requester="Dana", currency="EUR") == "PaymentRequestRejected"


def test_a_request_of_a_day_that_a_second_person_approves_is_counted_first_and_once() -> None:
    here = Requests()
    assert here.ask(1, 2001) == "PaymentRequestHeld"
    (proposal,) = here.proposed
    assert here.ask(2, 1000) == "PaymentRequestRejected"
    assert here.take(replace(release("dana"), payment_request_id="(1,900,0)")) == "PaymentRequestAccepted"
    assert proposal.amount_minor == 2001


def test_nobody_releases_what_is_not_counted_yet_and_an_answer_that_comes_again_changes_nothing() -> None:
    request = replace(REFUND, payment_request_id="(1,900,0)", amount_minor=1500)
    (held,) = gateway.decide(gateway.INITIAL, request, BY_DAY)
    state = gateway.evolve(gateway.INITIAL, held)
    assert gateway.decide(state, replace(release("dana"), payment_request_id="(1,900,0)"), BY_DAY) == ()
    count = as_a(CountPaymentRequest, gateway.route(state, held)[0].record)
    (counted,) = gateway.decide(gateway.INITIAL, count, BY_DAY)
    budget = gateway.evolve(gateway.INITIAL, counted)
    assert gateway.decide(budget, count, BY_DAY) == ()
    answer = as_a(PaymentRequestCounted, counted)
    (accepted,) = gateway.decide(state, answer, BY_DAY)
    assert isinstance(accepted, PaymentRequestAccepted)
    assert gateway.decide(gateway.evolve(state, accepted), answer, BY_DAY) == ()


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 2500), st.sampled_from(["M. Muster", "Dana"])), max_size=20)
)
def test_no_order_or_repetition_of_requests_gets_more_than_the_limit_of_the_day(
    asked: list[tuple[int, int, str]],
) -> None:
    here = Requests()
    for minute, (number, amount, who) in enumerate(asked):
        here.ask(number, amount, NOW + timedelta(minutes=minute), requester=who)
    made: dict[str, int] = {}
    owner = {one.call_reference: one for one in here.events if isinstance(one, PaymentRequestHeld)}
    for one in here.events:
        if isinstance(one, PaymentRequestAccepted) or (isinstance(one, PaymentRequestHeld) and not one.budget):
            who = owner[one.call_reference].requester
            made[who] = made.get(who, 0) + one.amount_minor
    assert all(total <= 3000 for total in made.values())


def release(by: str | None, decided_by: str = "maria") -> ReleasePaymentRequest:
    return ReleasePaymentRequest(
        command_id="SALDO-R-4712-900-0",
        payment_request_id=REFUND.payment_request_id,
        amount_minor=1250,
        currency="USD",
        decided_by=decided_by,
        authenticated_by="abas",
        approved_by=by,
        reason="asked for in abas",
        occurred_at=NOW + timedelta(hours=1),
    )


NOT_RELEASED = PaymentRequestNotReleased(
    payment_request_id=REFUND.payment_request_id, message="dana rejected it: no goods", occurred_at=NOW
)


def test_a_request_above_a_limit_is_made_once_another_person_approved_it() -> None:
    held, accepted = events_of(REFUND, REFUND, release("dana"), release("dana"), policy=RULES)
    assert (held.requester, type(accepted)) == ("maria", PaymentRequestAccepted)
    assert accepted.occurred_at == NOW + timedelta(hours=1)
    asked, _ = (output.record for output in gateway.route(gateway.INITIAL, held))
    asked = as_a(AskForApproval, asked)
    [proposed] = approvals.decide(approvals.INITIAL, asked)
    proposed = as_a(CommandProposed, proposed)
    assert (proposed.amount_minor, proposed.proposed_by) == (1250, "maria")
    assert json.loads(proposed.command)["payment_request_id"] == REFUND.payment_request_id


def test_whoever_asked_for_it_approves_nothing_and_waits_on() -> None:
    _, still, accepted = events_of(REFUND, release(None), release("dana"), policy=RULES)
    assert (still.status, "maria asked for it" in still.message) == (PaymentRequestProgress.WAITING, True)
    assert isinstance(accepted, PaymentRequestAccepted)


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        (NOT_RELEASED, ("REFUSED", "not-approved: dana rejected it: no goods")),
        (replace(REFUND, status=PaymentRequestStatus.CANCELLED), ("CANCELLED", "cancelled: cancelled at abas")),
    ],
)
def test_what_is_not_approved_is_never_made(ends: Any, status: tuple[str, str]) -> None:
    written = shown(REFUND, ends, ends, release("dana"), policy=RULES)
    assert [(one[0], one[3]) for one in written[1:]] == [status]
    assert written[0][0] == "WAITING"


def test_a_rejected_proposal_says_so_to_its_request() -> None:
    [held] = events_of(REFUND, policy=RULES)
    asked = as_a(AskForApproval, gateway.route(gateway.INITIAL, held)[0].record)
    state = reduce(approvals.evolve, approvals.decide(approvals.INITIAL, asked), approvals.INITIAL)
    rejection = RejectProposal(
        command_id="R1",
        proposal_id=asked.proposal_id,
        decided_by="dana",
        authenticated_by="session",
        reason="no goods came back",
        occurred_at=NOW + timedelta(hours=1),
    )
    [rejected] = approvals.decide(state, rejection)
    [output] = approvals.route(approvals.evolve(state, rejected), rejected)
    reported = as_a(PaymentRequestNotReleased, output.record)
    assert (output.topic, reported.payment_request_id) == (Topic.GATEWAY_INBOX, REFUND.payment_request_id)
    assert reported.message == "dana rejected it: no goods came back"


def test_an_outcome_of_what_was_never_asked_is_silent() -> None:
    [accepted] = events_of(REFUND)
    assert events_of(outcome_of(accepted, is_done=True)) == []


@given(st.lists(st.sampled_from(["open", "changed", "cancelled", "done", "refused"]), max_size=8))
def test_whatever_is_reported_in_whatever_order_a_payment_request_is_carried_out_at_most_once(story: list[str]) -> None:
    [accepted] = events_of(REFUND)
    records = {
        "open": REFUND,
        "changed": replace(REFUND, amount_minor=700),
        "cancelled": replace(REFUND, status=PaymentRequestStatus.CANCELLED),
        "done": outcome_of(accepted, is_done=True),
        "refused": outcome_of(accepted, is_done=False),
    }
    reported = [type(event) for event in events_of(*(records[word] for word in story))]
    assert reported.count(PaymentRequestAccepted) <= 1
    assert reported.count(PaymentRequestClosed) <= reported.count(PaymentRequestAccepted)


@pytest.mark.parametrize("payment_request_id", ["(4712,900,0)", "x" * 300, "(1,2,3)"])
def test_a_reference_fits_into_an_invoice_number(payment_request_id: str) -> None:
    reference = call_reference(payment_request_id)
    assert len(reference) <= 50
    assert reference == call_reference(payment_request_id)
    assert reference.replace("-", "").isalnum()
