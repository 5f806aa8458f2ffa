"""The golden scenarios: what PayTrace and abas tell, in order. `python -m tests.replay.golden` writes them as files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from schemas.records.approvals import ApproveProposal, ProposeCommand
from schemas.records.disputes import DayBegan, DisputeFact
from schemas.records.gateway import PaymentRequestKind, PaymentRequestObserved, PaymentRequestStatus
from schemas.records.identification import AssignCustomer, CustomerReferenced, OpenItemReferenced, RememberReference
from schemas.records.payments import TransactionKind as Kind
from schemas.records.payments import TransactionStatus as Status
from schemas.records.rates import RateAsked, RateKind, RateObserved
from schemas.records.receivables import (
    ConfirmMatch,
    HandToFinance,
    MatchRefund,
    PutOnAccount,
    PutRefundOnAccount,
    ReassignPayment,
    RejectMatch,
    ReverseWriteOff,
    SplitEntry,
    UnmatchEntry,
    WriteOffRest,
)
from schemas.records.risk import ReleaseHeldPayment
from schemas.records.rules import AdoptRules
from schemas.records.subscriptions import RecurrenceFrequency, RunChargeEnded, SetSubscription, SubscriptionDayBegan
from schemas.values.references import payment_token, vault_token
from schemas.wire.codec import to_json
from streams.domain.subscriptions.decider import CALENDAR, call_reference
from streams.rules.catalogue import kind_of
from tests.replay.line import RULES
from tests.support.builders import CUSTOMER, NOON, PAYMENT, at, observation, open_item
from tests.support.settlement import FIRST, bank, batch, confirm, day, dismiss, dispute, noon, statement, unmatch

Reported = tuple[str, Any]  # inbox and record
PAYTRACE, PAYERS, RECEIVABLES = "payments.observations.v1", "identification.inbox.v1", "receivables.inbox.v1"
SETTLEMENT, APPROVALS, RULES_INBOX = "settlement.inbox.v1", "approvals.inbox.v1", "rules.inbox.v1"
DISPUTES = "disputes.inbox.v1"
RATES, RISK = "rates.inbox.v1", "risk.inbox.v1"
SUBSCRIPTIONS, GATEWAY = "subscriptions.inbox.v1", "gateway.inbox.v1"
TODAY = (NOON.date() - FIRST).days  # the day of the observations, as the settlement story counts days


def seen(*args: Any, **options: Any) -> Reported:
    """PayTrace shows a transaction."""
    return PAYTRACE, observation(*args, **options)


def invoiced(item: str, amount_minor: int, invoice: str, minute: int = 0, customer: str = CUSTOMER) -> list[Reported]:
    """abas shows an open item, and its source tells both contexts."""
    reference = OpenItemReferenced(
        token=f"invoice:{invoice}", abas_customer_id=customer, abas_open_item_id=item, observed_at=at(minute)
    )
    shown = open_item(item, amount_minor, invoice=invoice, minute=minute, customer=customer)
    return [(RECEIVABLES, shown), (PAYERS, reference)]


def known_by_vault(minute: int) -> Reported:
    """abas shows the customer whose vault id the payments carry."""
    return PAYERS, CustomerReferenced(token=vault_token("acme"), abas_customer_id=CUSTOMER, observed_at=at(minute))


def decided(kind: type[Any], minute: int, by: str = "mweber", **fields: Any) -> Reported:
    """A person decides about this customer's money."""
    reported = {"command_id": f"{kind.__name__}-{minute}", "abas_customer_id": CUSTOMER, "decided_by": by}
    return RECEIVABLES, kind(**reported, reason="customer called", occurred_at=at(minute), **fields)


def confirmed(minute: int, reference: str, item: str, minor: int) -> Reported:
    """A person takes a suggestion of one open item."""
    meaning: dict[str, Any] = {"abas_open_item_ids": (item,), "part_amounts": (minor,), "currency": "USD"}
    return decided(ConfirmMatch, minute, posting_reference=reference, **meaning)


def rate(on: date, text: str, *, minute: int, provider: str = "ecb", pair: str = "USD/EUR") -> Reported:
    """A provider publishes what one currency is worth in another."""
    told: dict[str, Any] = {
        "currency_pair": pair,
        "rate_on": on,
        "rate": text,
        "rate_provider": provider,
        "raw_kind": "mean",
        "raw": "{}",
    }
    return RATES, RateObserved(**told, kind=RateKind.MEAN, observed_at=at(minute))


def rate_asked(payment: str, on: date, *, minute: int) -> Reported:
    """A payment of 100.00 USD asks what it was worth."""
    money: dict[str, Any] = {"amount_minor": 100_00, "currency": "USD", "value_on": on}
    asked = RateAsked(currency_pair="USD/EUR", paytrace_transaction_id=payment, **money, occurred_at=at(minute))
    return RATES, asked


def sale_posted() -> Sequence[Reported]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.AUTHORIZED, minute=1),
        seen(Status.PENDING_SETTLEMENT, minute=2),
        seen(Status.SETTLED, minute=3, settled_at=at(3), batch=17),
    ]


def invoices_that_look_like_card_numbers() -> Sequence[Reported]:
    """Masked on both sides and matched all the same; one payer put spaces where abas has none."""
    return [
        *invoiced("i1", 100_00, "4539578763621486"),
        *invoiced("i2", 50_00, "6011000990139424"),
        seen(Status.PENDING_SETTLEMENT, invoice="4539578763621486", payment="1", minute=2),
        seen(Status.PENDING_SETTLEMENT, 50_00, invoice="6011 0009 9013 9424", payment="2", minute=3),
    ]


def rates_known_asked_for_and_corrected() -> Sequence[Reported]:
    """A payment waits until a rate is young enough; a correction counts for the one that asks after it."""
    return [
        rate(date(2026, 3, 4), "1/1.09", minute=1),
        rate_asked("P1", date(2026, 3, 10), minute=2),
        rate(date(2026, 3, 10), "0.915", minute=3, provider="json"),
        rate(date(2026, 3, 10), "0.9150", minute=4, provider="json"),
        rate(date(2026, 3, 10), "0.916", minute=5, provider="json"),
        rate_asked("P2", date(2026, 3, 10), minute=6),
    ]


def void_after_posting() -> Sequence[Reported]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, minute=1),
        seen(Status.VOIDED, minute=2),
    ]


def partial_refund_after_settlement() -> Sequence[Reported]:
    return [
        *sale_posted(),
        seen(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND, payment="9001", minute=10),
        seen(Status.SETTLED, 30_00, kind=Kind.REFUND, payment="9001", minute=11),
    ]


def repeated_refunds() -> Sequence[Reported]:
    return [
        *sale_posted(),
        seen(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND, payment="9001", minute=10),
        seen(Status.PENDING_SETTLEMENT, 50_00, kind=Kind.REFUND, payment="9002", minute=11),
        seen(Status.SETTLED, 30_00, kind=Kind.REFUND, payment="9001", minute=12),
        seen(Status.PENDING_SETTLEMENT, 20_00, kind=Kind.REFUND, payment="9003", minute=13),
    ]


def ach_cleared_then_returned() -> Sequence[Reported]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.ACH_PENDING, kind=Kind.ACH_SALE, minute=1),
        seen(Status.ACH_CLEARED, kind=Kind.ACH_SALE, minute=2),
        seen(Status.ACH_RETURNED, kind=Kind.ACH_SALE, minute=3, return_code="R01"),
    ]


def seen_four_weeks_late() -> Sequence[Reported]:
    """Created on 23 October, its refund on 2 November, both seen on 20 November; matched, unmatched, matched again."""
    october, november = datetime(2026, 10, 24, 3, tzinfo=UTC), datetime(2026, 11, 3, 4, tzinfo=UTC)
    sale = observation(Status.SETTLED, minute=1, settled_at=october, batch=17)
    sale = replace(sale, created_at=october, created_on=date(2026, 10, 23), settled_on=date(2026, 10, 23))
    refund = observation(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND, payment="9001", minute=2)
    refund = replace(refund, created_at=november, created_on=date(2026, 11, 2))
    return [
        (PAYTRACE, sale),
        (PAYTRACE, refund),
        *invoiced("i1", 100_00, "RE-1", minute=3),
        decided(UnmatchEntry, 4, posting_reference=f"PT{PAYMENT}"),
        decided(PutOnAccount, 5, posting_reference=f"PT{PAYMENT}A1"),
    ]


def clock_of_paytrace_days_ahead() -> Sequence[Reported]:
    """Created and settled in our future: booked on the day of the observation, and reported."""
    ahead = observation(Status.SETTLED, minute=1, settled_at=at(60 * 24 * 5), batch=17)
    ahead = replace(ahead, created_at=at(60 * 24 * 5), created_on=date(2026, 11, 25), settled_on=date(2026, 11, 25))
    return [*invoiced("i1", 100_00, "RE-1"), (PAYTRACE, ahead)]


def voided_by_rule_103() -> Sequence[Reported]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.VOIDED_BY_RULE, minute=1),
        seen(Status.VOIDED, minute=2),
    ]


def unknown_invoice_then_known() -> Sequence[Reported]:
    return [
        seen(Status.PENDING_SETTLEMENT, minute=1),
        seen(Status.SETTLED, minute=2),
        *invoiced("i1", 100_00, "RE-1", minute=9),
    ]


def unreadable_until_it_settled() -> Sequence[Reported]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.UNKNOWN, minute=1, raw_status="Y/Pending Void"),
        (
            PAYTRACE,
            replace(observation(Status.UNKNOWN, 0, minute=2, raw_status="Y/Pending Settlement"), raw_amount="100,00"),
        ),
        seen(Status.SETTLED, minute=3, settled_at=at(3), batch=17),
        # A hook that comes late with an older word changes nothing; a newer one waits beside what is known.
        seen(Status.UNKNOWN, minute=2, raw_status="P/Processing"),
        seen(Status.UNKNOWN, minute=4, raw_status="GB17/Chargeback"),
    ]


def tie() -> Sequence[Reported]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        *invoiced("i2", 100_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, minute=1),
    ]


def amount_differs() -> Sequence[Reported]:
    return [
        *invoiced("i1", 105_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, minute=1),
        # Later abas shows the item with the amount that was paid.
        (RECEIVABLES, open_item("i1", 100_00, invoice="RE-1", minute=5)),
    ]


def duplicated_and_reordered() -> Sequence[Reported]:
    captured, settled = seen(Status.PENDING_SETTLEMENT, minute=1), seen(Status.SETTLED, minute=2)
    refund = seen(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND, payment="9001", minute=3)
    item = invoiced("i1", 100_00, "RE-1")
    return [refund, settled, *item, captured, settled, *item, captured, refund, settled]


def one_payment_of_two_invoices_then_refunded() -> Sequence[Reported]:
    return [
        *invoiced("i1", 60_00, "RE-1"),
        *invoiced("i2", 40_00, "RE-2"),
        *invoiced("i3", 100_00, "RE-3"),
        known_by_vault(minute=2),
        seen(Status.PENDING_SETTLEMENT, minute=3, payment="2", invoice="RE-1, RE-2"),
        seen(Status.SETTLED, minute=4, payment="2", invoice="RE-1, RE-2", settled_at=at(4), batch=17),
        seen(Status.PENDING_SETTLEMENT, kind=Kind.REFUND, payment="9001", minute=10, invoice="RE-1, RE-2"),
    ]


def three_part_payments_of_one_invoice() -> Sequence[Reported]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, 30_00, minute=1, payment="1"),
        confirmed(2, "PT1", "i1", 30_00),
        (RECEIVABLES, open_item("i1", 70_00, invoice="RE-1", minute=3, amount_minor=100_00)),
        seen(Status.PENDING_SETTLEMENT, 50_00, minute=4, payment="2"),
        seen(Status.PENDING_SETTLEMENT, 20_00, minute=5, payment="3"),
    ]


def short_payment_confirmed_and_rest_written_off() -> Sequence[Reported]:
    above: dict[str, Any] = {"amount_minor": 10_01}
    within: dict[str, Any] = {"amount_minor": None}
    return [
        *invoiced("i1", 103_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, minute=1),
        decided(WriteOffRest, 2, abas_open_item_id="i1", currency="USD", **above),
        confirmed(3, f"PT{PAYMENT}", "i1", 100_00),
        confirmed(4, f"PT{PAYMENT}", "i1", 100_00),
        (RECEIVABLES, open_item("i1", 3_00, invoice="RE-1", minute=5, amount_minor=103_00)),
        decided(WriteOffRest, 6, abas_open_item_id="i1", currency="USD", **within),
    ]


def adopted(name: str, minute: int, text: str, version: int) -> Reported:
    """A person adopts rules."""
    return RULES_INBOX, AdoptRules(
        rules_name=name,
        version=version,
        text=text,
        partitions=dict.fromkeys(kind_of(name).inboxes, 1),
        command_id=f"{name}-{version}",
        requested_by="mweber",
        authenticated_by="session",
        reason="agreed with the auditor",
        requested_at=at(minute),
    )


def rules_adopted_between_two_decisions() -> Sequence[Reported]:
    """15.00 are above the limit of then; 20.00 is adopted, and later matches name the new rules."""
    rest: dict[str, Any] = {"abas_open_item_id": "i1", "currency": "USD", "amount_minor": None}
    limits = "version: {}\nlimits_minor:\n  USD: {}\n"
    (matching,) = (line["record"]["text"] for line in RULES if line["record"]["rules_name"] == "open-item-matching")
    return [
        *invoiced("i1", 115_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, minute=1),
        confirmed(2, f"PT{PAYMENT}", "i1", 100_00),
        (RECEIVABLES, open_item("i1", 15_00, invoice="RE-1", minute=3, amount_minor=115_00)),
        decided(WriteOffRest, 4, **rest),
        adopted("write-off-limits", 5, limits.format(2, 20_00), 2),
        adopted("write-off-limits", 5, limits.format(2, 20_00), 2),
        adopted("open-item-matching", 6, matching.replace('version: "2"', 'version: "3"'), 3),
        decided(WriteOffRest, 7, **rest),
        *invoiced("i2", 50_00, "RE-2", minute=8),
        seen(Status.PENDING_SETTLEMENT, 50_00, minute=9, payment="2", invoice="RE-2"),
        replace_command(adopted("write-off-limits", 10, limits.format(2, 1), 2), "late"),
    ]


def held_by_rules_of_risk_and_released() -> Sequence[Reported]:
    """Two attempts of one card are one too many: the second waits for a person, and the first is found late."""
    rules = """version: 2
rules:
- {name: often, kind: velocity, then: hold, by: card, within: 1h, at_most: 1, why: a stolen card}
"""
    release = ReleaseHeldPayment(
        command_id="release",
        payment_token=payment_token("2"),
        paytrace_transaction_id="2",
        amount_minor=50_00,
        currency="USD",
        decided_by="mweber",
        authenticated_by="session",
        reason="customer called",
        approved_by=None,
        occurred_at=at(9),
    )
    declined = replace(observation(Status.DECLINED, payment="0", minute=7), created_at=at(0))
    return [
        *invoiced("i1", 100_00, "RE-1"),
        *invoiced("i2", 50_00, "RE-2"),
        adopted("risk-rules", 1, rules, 2),
        seen(Status.PENDING_SETTLEMENT, minute=2, payment="1"),
        seen(Status.PENDING_SETTLEMENT, 50_00, minute=3, payment="2", invoice="RE-2"),
        seen(Status.SETTLED, 50_00, minute=6, payment="2", invoice="RE-2", settled_at=at(6), batch=17),
        (PAYTRACE, declined),
        (RISK, release),
        (RISK, release),
    ]


def replace_command(reported: Reported, command_id: str) -> Reported:
    """The same payment request as a command of its own."""
    return reported[0], replace(reported[1], command_id=command_id)


def write_off_that_a_second_person_approves() -> Sequence[Reported]:
    """Proposed twice, tried by the proposer, approved by another person, and once more: one write-off, both names."""
    _, command = decided(
        WriteOffRest,
        6,
        by="maria",
        abas_open_item_id="i1",
        currency="USD",
        amount_minor=3_00,
        authenticated_by="session",
    )
    proposal = ProposeCommand(
        proposal_id="P1",
        target_inbox=RECEIVABLES,
        command_type="WriteOffRest",
        command=json.dumps(to_json(command)),
        summary="write off 3.00 USD of i1",
        amount_minor=3_00,
        currency="USD",
        decided_by="maria",
        authenticated_by="session",
        reason="customer called",
        expires_at=at(600),
        occurred_at=at(6),
    )

    def approved(by: str, minute: int) -> Reported:
        said = {"command_id": f"approve-{minute}", "proposal_id": "P1", "reason": "order looked up"}
        day = at(minute).date()
        command = ApproveProposal(
            **said, decided_by=by, authenticated_by="session", approved_on=day, occurred_at=at(minute)
        )
        return APPROVALS, command

    return [
        *short_payment_confirmed_and_rest_written_off()[:-1],
        (APPROVALS, proposal),
        (APPROVALS, proposal),
        approved("maria", 7),
        approved("dkim", 8),
        approved("dkim", 9),
    ]


def refund_requested_at_abas_that_a_second_person_approves() -> Sequence[Reported]:
    """Counted with its day, proposed, approved once and again: one call; a second request is above the day's limit."""
    limits = (
        "{version: 2, allow: [{kinds: [refund], most_per_day_minor: {USD: 15000}, approve_above_minor: {USD: 5000}}]}"
    )

    def asked(number: int, amount_minor: int, minute: int) -> Reported:
        return GATEWAY, PaymentRequestObserved(
            payment_request_id=f"({number},900,0)",
            payment_request_number=f"ZW-{number}",
            kind=PaymentRequestKind.REFUND,
            raw_kind="refund",
            status=PaymentRequestStatus.OPEN,
            raw_status="OPEN",
            abas_customer_id=CUSTOMER,
            amount_minor=amount_minor,
            currency="USD",
            paytrace_transaction_id=PAYMENT,
            vault_customer_id="acme",
            allocated_invoices=(),
            allocated_amounts=(),
            requester="M. Muster",
            reason="Goods came back damaged.",
            observed_at=at(minute),
            raw="{}",
        )

    def approved(minute: int) -> Reported:
        return APPROVALS, ApproveProposal(
            command_id=f"approve-{minute}",
            proposal_id="SALDO-R-1-900-0",
            reason="goods looked at",
            decided_by="dkim",
            authenticated_by="session",
            approved_on=at(minute).date(),
            occurred_at=at(minute),
        )

    return [
        adopted("payment-requests", 1, limits, 2),
        asked(1, 100_00, 2),
        asked(2, 50_01, 3),
        approved(4),
        approved(5),
        asked(1, 100_00, 6),
    ]


def write_off_reversed() -> Sequence[Reported]:
    return [
        *short_payment_confirmed_and_rest_written_off(),
        (RECEIVABLES, open_item("i1", 0, invoice="RE-1", minute=7, amount_minor=103_00, is_open=False)),
        decided(ReverseWriteOff, 8, posting_reference=f"PT{PAYMENT}W1"),
        decided(ReverseWriteOff, 9, posting_reference=f"PT{PAYMENT}W1"),
        (RECEIVABLES, open_item("i1", 3_00, invoice="RE-1", minute=10, amount_minor=103_00)),
        seen(Status.PENDING_SETTLEMENT, 3_00, minute=11, payment="2"),
    ]


def divided_by_hand_and_put_on_account() -> Sequence[Reported]:
    by_hand: dict[str, Any] = {"abas_open_item_ids": ("i1", "i2", ""), "currency": "USD"}
    return [
        *invoiced("i1", 70_00, "RE-1"),
        *invoiced("i2", 50_00, "RE-2"),
        seen(Status.PENDING_SETTLEMENT, minute=1),
        decided(SplitEntry, 2, posting_reference=f"PT{PAYMENT}", part_amounts=(70_00, 20_00, 20_00), **by_hand),
        decided(SplitEntry, 3, posting_reference=f"PT{PAYMENT}", part_amounts=(70_00, 20_00, 10_00), **by_hand),
        seen(Status.PENDING_SETTLEMENT, 5_00, minute=4, payment="2"),
        decided(PutOnAccount, 5, posting_reference="PT2"),
        # A void takes every document back, the one on account too.
        seen(Status.VOIDED, minute=6),
    ]


def choosing(minute: int, **choices: str) -> Reported:
    """Finance adopts the mapping with these choices below `policies:`."""
    (text,) = (line["record"]["text"] for line in RULES if line["record"]["rules_name"] == "account-mapping")
    changed = text.replace("\nversion: 1\n", "\nversion: 2\n")
    for name, choice in choices.items():
        changed, count = re.subn(rf"(?m)^  {name}: .*$", f"  {name}: {choice}", changed)
        assert count == 1, name
    return adopted("account-mapping", minute, changed, 2)


def money_on_account_by_rule() -> Sequence[Reported]:
    """Too much goes on account, so does a double payment; a new invoice takes it, a void frees it."""
    return [
        choosing(0, unapplied="on_account", apply_on_account="oldest_first"),
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, 120_00, minute=1),
        seen(Status.PENDING_SETTLEMENT, 100_00, minute=2, payment="2"),
        *invoiced("i2", 50_00, "RE-2", minute=3),
        seen(Status.VOIDED, 120_00, minute=4),
    ]


def refunds_against_credit_memos() -> Sequence[Reported]:
    """One without a memo opens the invoice; one with pays it out, and comes back; one of too much stands on account."""
    memo = open_item("c1", -30_00, invoice="GS-1", minute=4, amount_minor=-30_00, credits_invoice="RE-1")
    sent = {"kind": Kind.REFUND, "invoice": "RE-1"}
    return [
        choosing(0, unapplied="on_account"),
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, minute=1),
        seen(Status.PENDING_SETTLEMENT, 20_00, minute=3, payment="9001", **sent),
        (RECEIVABLES, memo),
        seen(Status.PENDING_SETTLEMENT, 30_00, minute=5, payment="9002", **sent),
        seen(Status.VOIDED, 30_00, minute=6, payment="9002", **sent),
        seen(Status.PENDING_SETTLEMENT, 90_00, minute=7, payment="9003", **sent),
    ]


def wrong_match_unmatched() -> Sequence[Reported]:
    undone = decided(UnmatchEntry, 2, posting_reference=f"PT{PAYMENT}")
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, minute=1, invoice=None, vault="acme"),
        known_by_vault(minute=1),
        undone,
        undone,
        *invoiced("i2", 100_00, "RE-2", minute=5),
    ]


def tie_rejected_in_part() -> Sequence[Reported]:
    return [
        *tie(),
        decided(RejectMatch, 2, posting_reference=f"PT{PAYMENT}", abas_open_item_ids=("i1",)),
    ]


def two_people_decide_at_once() -> Sequence[Reported]:
    """The second one means a suggestion that the first one's decision has ended; a third says nothing that counts."""
    other: dict[str, Any] = {"abas_open_item_ids": ("i2",), "part_amounts": (100_00,), "currency": "USD"}
    reference = f"PT{PAYMENT}"
    return [
        *tie(),
        decided(ConfirmMatch, 2, posting_reference=reference, by="", **other),
        confirmed(3, reference, "i1", 99_00),
        confirmed(4, reference, "i1", 100_00),
        decided(ConfirmMatch, 5, posting_reference=reference, **other),
    ]


def paid_in_another_currency() -> Sequence[Reported]:
    return [
        *invoiced("i1", 100_00, "RE-1"),
        seen(Status.PENDING_SETTLEMENT, minute=1, currency="EUR"),
        rate(NOON.date(), "1.0857", minute=2, pair="EUR/USD"),
    ]


def vault_customer_known_late() -> Sequence[Reported]:
    """The payment of yesterday gets its invoice, though its customer became known after it waited."""
    return [
        seen(Status.PENDING_SETTLEMENT, minute=1, payment="1"),
        known_by_vault(minute=2),
        seen(Status.PENDING_SETTLEMENT, minute=3, payment="2"),
        *invoiced("i1", 100_00, "RE-1", minute=4),
    ]


def reassigned_after_posting() -> Sequence[Reported]:
    """A parent company paid its subsidiary's invoice; the void of the payment follows the money."""
    subsidiary = "70002"
    return [
        *invoiced("i1", 100_00, "RE-1"),
        *invoiced("i2", 100_00, "RE-2", customer=subsidiary),
        seen(Status.PENDING_SETTLEMENT, minute=1, invoice="RE-1", vault="acme"),
        (PAYERS, CustomerReferenced(token=vault_token("acme"), abas_customer_id=subsidiary, observed_at=at(2))),
        decided(ReassignPayment, 3, paytrace_transaction_id=PAYMENT, to_customer_id=subsidiary),
        seen(Status.VOIDED, minute=6, invoice="RE-1", vault="acme"),
    ]


def assigned_and_remembered() -> Sequence[Reported]:
    """A person names the payer of a payment without reference to anything that abas knows, for the next one too."""
    reported = {"decided_by": "mweber", "reason": "customer called"}
    assigned = AssignCustomer(
        command_id="assign",
        payment_token="payment:1",
        paytrace_transaction_id="1",
        abas_customer_id=CUSTOMER,
        occurred_at=at(2),
        **reported,
    )
    remembered = RememberReference(
        command_id="remember", token=vault_token("acme"), abas_customer_id=CUSTOMER, occurred_at=at(3), **reported
    )
    return [
        *invoiced("i1", 100_00, "RE-1"),
        *invoiced("i2", 80_00, "RE-2"),
        seen(Status.PENDING_SETTLEMENT, minute=1, payment="1", invoice=None),
        (PAYERS, assigned),
        (PAYERS, remembered),
        seen(Status.PENDING_SETTLEMENT, 80_00, minute=4, payment="2", invoice=None),
    ]


def refunds_without_payment() -> Sequence[Reported]:
    """To another card than the payment's: one is matched by hand, one goes on account, one to finance and is voided."""

    def refunded(payment: str, minor: int, minute: int, status: Status = Status.PENDING_SETTLEMENT) -> Reported:
        refund = observation(status, minor, kind=Kind.REFUND, payment=payment, minute=minute, invoice=None)
        return PAYTRACE, replace(refund, card_last_four="1881")

    return [
        *sale_posted(),
        known_by_vault(minute=4),
        refunded("9001", 30_00, 10),
        refunded("9002", 20_00, 11),
        refunded("9003", 10_00, 12),
        decided(MatchRefund, 13, posting_reference="PT9001", payment_id=PAYMENT),
        decided(PutRefundOnAccount, 14, posting_reference="PT9002"),
        decided(HandToFinance, 15, posting_reference="PT9003"),
        refunded("9003", 10_00, 16, Status.VOIDED),
    ]


def refund_found_by_its_card() -> Sequence[Reported]:
    """A refund that names nobody is of the one payment of its card; of two customers' payments a person says whose."""

    def refunded(payment: str, minor: int, minute: int) -> Reported:
        return seen(Status.SETTLED, minor, kind=Kind.REFUND, payment=payment, minute=minute, invoice=None, vault=None)

    return [
        *sale_posted(),
        refunded("9001", 30_00, 10),
        *invoiced("i2", 70_00, "RE-2", minute=11, customer="70002"),
        seen(Status.SETTLED, 70_00, payment="2", minute=12, invoice="RE-2", vault=None),
        refunded("9002", 60_00, 13),
        (
            PAYERS,
            AssignCustomer(
                command_id="assign-14",
                abas_customer_id="70002",
                payment_token="payment:9002",
                paytrace_transaction_id="9002",
                decided_by="mweber",
                reason="customer called",
                occurred_at=at(14),
            ),
        ),
    ]


def deposit_of_a_batch() -> Sequence[Reported]:
    refund = seen(Status.SETTLED, 30_00, kind=Kind.REFUND, payment="9001", minute=11, settled_at=at(3), batch=17)
    deposit = bank("b1", 70_00, TODAY + 1, 17, seen=TODAY)
    settlement = [
        batch(17, 70_00, TODAY),
        deposit,
        bank("rent", -900_00, TODAY + 1, seen=TODAY),
        statement(TODAY + 1),
        dismiss("rent"),
        deposit,
        unmatch("b1", 1),
        unmatch("rent", 2),
        confirm("b1", "79388123:CAPTURED", "9001:REFUNDED", minute=3),
        statement(TODAY + 2),
    ]
    return [*sale_posted(), refund, *((SETTLEMENT, record) for record in settlement)]


def disputed(on: int, fact: DisputeFact, amount_minor: int = 100_00) -> Reported:
    """The processor's portal shows a dispute of the payment, some days after it."""
    seen = dispute("CB-1", amount_minor, TODAY + on, fact)
    return DISPUTES, replace(seen, paytrace_transaction_id=PAYMENT)


def chargeback_after_posting() -> Sequence[Reported]:
    charged_back = disputed(4, DisputeFact.DEBITED)
    return [
        *sale_posted(),
        disputed(2, DisputeFact.RETRIEVAL_REQUESTED),
        charged_back,
        charged_back,
        (DISPUTES, dispute("CB-2", 7_00, TODAY + 5)),
    ]


def chargeback_that_flips() -> Sequence[Reported]:
    return [
        *sale_posted(),
        disputed(4, DisputeFact.DEBITED),
        # The reversal is reported after the second chargeback, which it precedes.
        disputed(12, DisputeFact.DEBITED),
        disputed(8, DisputeFact.CREDITED),
        disputed(20, DisputeFact.CREDITED, 40_00),
        disputed(24, DisputeFact.DEBITED),
    ]


def dispute_lost_after_its_deadline_then_won() -> Sequence[Reported]:
    opened = replace(disputed(3, DisputeFact.OPENED)[1], respond_by_on=day(TODAY + 12))
    return [
        *sale_posted(),
        (DISPUTES, opened),
        disputed(3, DisputeFact.DEBITED),
        (DISPUTES, DayBegan(calendar="deadlines", began_on=day(TODAY + 6), observed_at=noon(TODAY + 6))),
        (DISPUTES, DayBegan(calendar="deadlines", began_on=day(TODAY + 13), observed_at=noon(TODAY + 13))),
        disputed(13, DisputeFact.EXPIRED),
        disputed(14, DisputeFact.LOST),
        disputed(40, DisputeFact.WON),
        disputed(40, DisputeFact.CREDITED),
    ]


def run_of_subscription_declined_tried_again_and_paid() -> Sequence[Reported]:
    """A declined refund of the same customer is no try; the second try is made on the third day, and pays."""
    first, later = NOON.date(), NOON.date() + timedelta(days=3)
    terms = SetSubscription(
        command_id="set-1",
        vault_customer_id="acme",
        subscription_id="S-1",
        merchant="main",
        abas_customer_id=CUSTOMER,
        amount_minor=100_00,
        currency="USD",
        frequency=RecurrenceFrequency.MONTHLY,
        start_on=first,
        effective_on=first,
        prorates=True,
        description="Maintenance",
        decided_by="mweber",
        authenticated_by="session",
        reason="contract 77 was signed",
        occurred_at=at(1),
    )
    references = [call_reference("acme", "S-1", first, attempt) for attempt in (1, 2)]

    def ended(attempt: int, payment: str | None, on: date) -> Reported:
        outcome = RunChargeEnded(
            vault_customer_id="acme",
            call_reference=references[attempt - 1],
            is_done=payment is not None,
            result_transaction_id=payment,
            code="101" if payment else "102",
            message="approved" if payment else "declined",
            ended_on=on,
            occurred_at=datetime(on.year, on.month, on.day, 13, tzinfo=UTC),
        )
        return SUBSCRIPTIONS, outcome

    paid = observation(Status.SETTLED, payment="503", invoice=references[1])
    return [
        known_by_vault(0),
        *invoiced("RE-1", 100_00, "RE-1"),
        (SUBSCRIPTIONS, SubscriptionDayBegan(calendar=CALENDAR, began_on=first, observed_at=at(0))),
        (SUBSCRIPTIONS, terms),
        ended(1, None, first),
        seen(Status.DECLINED, payment="502", kind=Kind.REFUND, invoice=None, minute=2),
        seen(Status.DECLINED, payment="501", invoice=references[0], minute=3),
        (SUBSCRIPTIONS, SubscriptionDayBegan(calendar=CALENDAR, began_on=later, observed_at=NOON + timedelta(days=3))),
        ended(2, "503", later),
        (PAYTRACE, replace(paid, created_at=NOON + timedelta(days=3), observed_at=NOON + timedelta(days=3, hours=2))),
    ]


SCENARIOS: Sequence[Callable[[], Sequence[Reported]]] = (
    sale_posted,
    invoices_that_look_like_card_numbers,
    void_after_posting,
    partial_refund_after_settlement,
    repeated_refunds,
    ach_cleared_then_returned,
    seen_four_weeks_late,
    clock_of_paytrace_days_ahead,
    voided_by_rule_103,
    unknown_invoice_then_known,
    unreadable_until_it_settled,
    tie,
    amount_differs,
    duplicated_and_reordered,
    one_payment_of_two_invoices_then_refunded,
    three_part_payments_of_one_invoice,
    short_payment_confirmed_and_rest_written_off,
    write_off_reversed,
    write_off_that_a_second_person_approves,
    refund_requested_at_abas_that_a_second_person_approves,
    rules_adopted_between_two_decisions,
    held_by_rules_of_risk_and_released,
    divided_by_hand_and_put_on_account,
    money_on_account_by_rule,
    refunds_against_credit_memos,
    wrong_match_unmatched,
    tie_rejected_in_part,
    rates_known_asked_for_and_corrected,
    two_people_decide_at_once,
    paid_in_another_currency,
    vault_customer_known_late,
    reassigned_after_posting,
    assigned_and_remembered,
    refunds_without_payment,
    refund_found_by_its_card,
    deposit_of_a_batch,
    chargeback_after_posting,
    chargeback_that_flips,
    run_of_subscription_declined_tried_again_and_paid,
    dispute_lost_after_its_deadline_then_won,
)
