"""The value date is the business day of the money in the merchant's zone, whenever, in whatever order it is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.identification import PaymentToIdentify
from schemas.records.payments import PaymentContradicted, TransactionObserved
from schemas.records.payments import TransactionKind as Kind
from schemas.records.payments import TransactionStatus as Status
from schemas.records.receivables import (
    ConfirmMatch,
    PostAgain,
    PutOnAccount,
    ReverseWriteOff,
    SplitEntry,
    UnmatchEntry,
    WriteOffRest,
)
from schemas.records.settlement import MoneySettled, SettlementLineRecorded
from streams.domain import payments, settlement
from tests.support.builders import CUSTOMER, PAYMENT, Ledger, key_by, observation, open_item, refused
from tests.support.money_line import MoneyLine
from tests.support.policies import DEPOSITS

NOVEMBER = date(2026, 11, 1)


def day(number: int) -> date:
    """A day of November; 31 is the first of December."""
    return NOVEMBER + timedelta(days=number - 1)


def seen(
    status: Status,
    amount_minor: int = 100_00,
    *,
    created: int = 1,
    on: int = 29,
    settled: int | None = None,
    returned: int | None = None,
    hour: int = 12,
    **options: Any,
) -> TransactionObserved:
    """An observation on one day of November of a transaction that was created on another, as the edge dates it."""
    fitting = observation(status, amount_minor, **options)
    noon = datetime(2026, 11, 1, 20, tzinfo=UTC)
    return replace(
        fitting,
        created_at=noon + timedelta(days=created - 1),
        created_on=day(created),
        settled_at=None if settled is None else noon + timedelta(days=settled - 1),
        settled_on=None if settled is None else day(settled),
        returned_on=None if returned is None else day(returned),
        observed_at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=on - 1, hours=hour),
        observed_on=day(on),
    )


def reported(*observations: TransactionObserved) -> dict[str, date | None]:
    """Value date of each movement that these observations prove."""
    book = Ledger(payments, key_by("paytrace_transaction_id")).given(*observations)
    return {sent.movement.value: sent.value_on for sent in book.sent(PaymentToIdentify)}


def contradictions(*observations: TransactionObserved) -> list[str]:
    book = Ledger(payments, key_by("paytrace_transaction_id")).given(*observations)
    return [event.detail for event in book.events if isinstance(event, PaymentContradicted)]


def test_a_payment_of_the_first_seen_on_the_29th_is_of_the_first() -> None:
    assert reported(seen(Status.PENDING_SETTLEMENT)) == {"CAPTURED": day(1)}
    assert reported(seen(Status.SETTLED, settled=2)) == {"CAPTURED": day(1)}


def test_an_authorization_is_of_the_day_of_its_capture_as_far_as_that_is_known() -> None:
    kind = Kind.AUTHORIZATION
    assert reported(seen(Status.SETTLED, settled=3, kind=kind)) == {"CAPTURED": day(3)}
    assert reported(seen(Status.PENDING_SETTLEMENT, on=4, kind=kind)) == {"CAPTURED": day(4)}
    waits, captured = seen(Status.AUTHORIZED, on=1, kind=kind), seen(Status.PENDING_SETTLEMENT, on=3, kind=kind)
    settled = seen(Status.SETTLED, settled=3, kind=kind)
    assert reported(waits, captured, settled) == reported(settled, captured, waits) == {"CAPTURED": day(3)}
    before_creation = seen(Status.SETTLED, settled=3, created=5, kind=kind)
    assert reported(before_creation) == {"CAPTURED": day(5)}


def test_a_refund_is_of_its_own_day() -> None:
    assert reported(seen(Status.SETTLED, kind=Kind.REFUND, created=10, settled=11)) == {"REFUNDED": day(10)}
    assert reported(seen(Status.ACH_PENDING, kind=Kind.ACH_REFUND, created=10)) == {"REFUNDED": day(10)}


def test_a_bank_debit_is_of_the_day_it_settled_and_its_return_of_the_day_it_came_back() -> None:
    cleared = seen(Status.ACH_CLEARED, kind=Kind.ACH_SALE, settled=4)
    assert reported(cleared, seen(Status.ACH_RETURNED, kind=Kind.ACH_SALE, settled=4, returned=6)) == {
        "CAPTURED": day(4),
        "RETURNED": day(6),
    }
    undated = seen(Status.ACH_RETURNED, kind=Kind.ACH_SALE, settled=4, on=8)
    assert reported(cleared, undated) == {"CAPTURED": day(4), "RETURNED": day(8)}
    assert reported(undated, cleared) == {"CAPTURED": day(4), "RETURNED": day(8)}
    assert reported(seen(Status.ACH_CLEARED, kind=Kind.ACH_SALE, on=7)) == {"CAPTURED": day(7)}


def test_a_void_is_of_the_day_it_was_seen_whichever_half_of_the_proof_comes_last() -> None:
    captured, voided = seen(Status.PENDING_SETTLEMENT, on=1), seen(Status.VOIDED, on=2)
    assert reported(captured, voided) == reported(voided, captured) == {"CAPTURED": day(1), "VOIDED": day(2)}
    by_rule = seen(Status.VOIDED_BY_RULE, on=20)
    assert reported(captured, by_rule) == {"CAPTURED": day(1), "VOIDED": day(1)}


def test_a_reversal_is_never_before_the_money_that_it_takes_back() -> None:
    captured = seen(Status.SETTLED, kind=Kind.AUTHORIZATION, settled=9)
    stale = seen(Status.VOIDED, kind=Kind.AUTHORIZATION, on=5)
    assert reported(captured, stale) == {"CAPTURED": day(9), "VOIDED": day(9)}
    refund = seen(Status.PENDING_SETTLEMENT, kind=Kind.REFUND, created=10)
    assert reported(refund, seen(Status.VOIDED, kind=Kind.REFUND, created=10, on=12)) == {
        "REFUNDED": day(10),
        "REFUND_VOIDED": day(12),
    }


def test_another_amount_corrects_the_day_of_its_capture() -> None:
    changed = seen(Status.SETTLED, 90_00, settled=2, on=20)
    assert reported(seen(Status.PENDING_SETTLEMENT, on=1), changed) == {"CAPTURED": day(1), "AMOUNT_DECREASED": day(1)}


def test_a_day_that_has_not_come_is_cut_to_the_day_of_the_observation_and_reported() -> None:
    ahead = seen(Status.PENDING_SETTLEMENT, created=34, on=29)
    assert reported(ahead) == {"CAPTURED": day(29)}
    assert contradictions(ahead, ahead) == ["created on 2026-12-04, which had not come when it was seen"]
    settles_ahead = seen(Status.SETTLED, settled=33, on=29, kind=Kind.AUTHORIZATION)
    assert reported(settles_ahead) == {"CAPTURED": day(29)}
    assert contradictions(settles_ahead) == ["settled on 2026-12-03, which had not come when it was seen"]
    assert contradictions(seen(Status.SETTLED, settled=2)) == []


def test_a_stated_day_that_is_not_the_day_of_its_instant_is_reported() -> None:
    odd = replace(seen(Status.PENDING_SETTLEMENT, created=20), created_on=day(2))
    assert contradictions(odd) == ["created on 2026-11-02 and at 2026-11-20T20:00:00+00:00"]


def test_a_day_from_before_paytrace_existed_books_nothing_in_the_past() -> None:
    ancient = replace(
        seen(Status.PENDING_SETTLEMENT), created_at=datetime(1, 1, 2, tzinfo=UTC), created_on=date(1, 1, 1)
    )
    assert reported(ancient) == {"CAPTURED": day(29)}
    assert contradictions(ancient) == ["created on 0001-01-01, before PayTrace existed"]


def test_a_settle_date_before_the_creation_is_reported() -> None:
    odd = seen(Status.SETTLED, created=5, settled=3)
    assert reported(odd) == {"CAPTURED": day(5)}
    assert contradictions(odd) == ["settled on 2026-11-03, before it was created on 2026-11-05"]


def test_an_observation_without_days_is_dated_in_paytraces_own_zone() -> None:
    """23:30 of 31 December in Los Angeles is 1 January in UTC."""
    undated = replace(
        seen(Status.PENDING_SETTLEMENT),
        created_at=datetime(2027, 1, 1, 7, 30, tzinfo=UTC),
        created_on=None,
        observed_at=datetime(2027, 1, 20, tzinfo=UTC),
        observed_on=None,
    )
    assert reported(undated) == {"CAPTURED": date(2026, 12, 31)}


dated = st.one_of(
    st.lists(
        st.builds(
            seen,
            st.sampled_from([Status.PENDING_SETTLEMENT, Status.SETTLED, Status.VOIDED_BY_RULE, Status.DECLINED]),
            st.sampled_from([90_00, 100_00]),
            on=st.integers(1, 29),
            settled=st.sampled_from([None, 2, 3]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.lists(
        st.builds(
            seen,
            st.sampled_from([Status.ACH_CLEARED, Status.ACH_RETURNED, Status.ACH_PENDING]),
            kind=st.just(Kind.ACH_SALE),
            on=st.integers(8, 29),
            settled=st.just(4),
            returned=st.just(7),
        ),
        min_size=1,
        max_size=6,
    ),
    st.lists(
        st.builds(
            seen,
            st.sampled_from([Status.PENDING_SETTLEMENT, Status.SETTLED, Status.VOIDED_BY_RULE]),
            st.just(30_00),
            kind=st.just(Kind.REFUND),
            on=st.integers(1, 29),
        ),
        min_size=1,
        max_size=6,
    ),
)


@settings(max_examples=150)
@given(dated, st.data())
def test_what_paytrace_dates_has_one_value_date_in_any_order_and_whenever_it_is_seen(
    history: list[TransactionObserved], data: st.DataObject
) -> None:
    later = [replace(one, observed_at=one.observed_at + timedelta(days=30), observed_on=day(59)) for one in history]
    shuffled = data.draw(st.permutations(history + data.draw(st.lists(st.sampled_from(history), max_size=3))))

    def days(observations: list[TransactionObserved]) -> set[tuple[str, date | None]]:
        book = Ledger(payments, key_by("paytrace_transaction_id")).given(*observations)
        sent = [one for one in book.sent(PaymentToIdentify) if not one.movement.startswith("AMOUNT_")]
        # A change of the amount may be reported or not, by the order; where it is, it is of the day of its capture.
        changes = {one.value_on for one in book.sent(PaymentToIdentify) if one.movement.startswith("AMOUNT_")}
        assert changes <= {one.value_on for one in sent if one.movement == "CAPTURED"}
        return {(one.movement.value, one.value_on) for one in sent}

    assert days(history) == days(shuffled) == days(later)


@settings(max_examples=100)
@given(
    st.lists(
        st.builds(
            seen,
            st.sampled_from(Status),
            kind=st.sampled_from([Kind.SALE, Kind.AUTHORIZATION]),
            created=st.integers(1, 40),
            on=st.integers(1, 29),
            settled=st.one_of(st.none(), st.integers(1, 45)),
        ),
        max_size=8,
    )
)
def test_no_value_date_lies_after_the_last_observation(history: list[TransactionObserved]) -> None:
    book = Ledger(payments, key_by("paytrace_transaction_id")).given(*history)
    latest = max((one.observed_on or NOVEMBER for one in history), default=NOVEMBER)
    assert all(sent.value_on <= latest for sent in book.sent(PaymentToIdentify))
    assert all(sent.moved_on <= latest for sent in book.sent(MoneySettled))


# -- from the movement to the document --------------------------------------------------------------------------------


def value_dates(line: MoneyLine) -> dict[str, date]:
    return {command.posting_reference: command.value_on for command in line.commands}


def decided(kind: type[Any], on: datetime = datetime(2026, 11, 29, 12, tzinfo=UTC), **fields: Any) -> Any:
    return kind(
        command_id=f"{kind.__name__}{on}{fields}",
        abas_customer_id=CUSTOMER,
        decided_by="mweber",
        reason="customer called",
        occurred_at=on,
        **fields,
    )


def test_a_payment_that_waited_for_weeks_is_posted_with_its_own_day() -> None:
    line = MoneyLine(open_item())
    assert line.shows(seen(Status.PENDING_SETTLEMENT, 103_00, on=1)) == []
    meant: dict[str, Any] = {"abas_open_item_ids": ("i1",), "part_amounts": (100_00,), "currency": "USD"}
    line.report(decided(ConfirmMatch, posting_reference=f"PT{PAYMENT}", **meant))
    assert value_dates(line) == {f"PT{PAYMENT}S1": day(1)}


def test_parts_and_money_on_account_keep_the_day_of_the_payment() -> None:
    line = MoneyLine(open_item("i1", 60_00), open_item("i2", 90_00, invoice="RE-2"))
    line.shows(seen(Status.PENDING_SETTLEMENT, payment="2", invoice="RE-1"))
    by_hand: dict[str, Any] = {"abas_open_item_ids": ("i1", "i2"), "part_amounts": (60_00, 40_00), "currency": "USD"}
    line.report(decided(SplitEntry, posting_reference="PT2", **by_hand))
    assert value_dates(line) == {"PT2S1": day(1), "PT2S2": day(1)}
    other = MoneyLine(open_item("i1", 60_00))
    other.shows(seen(Status.PENDING_SETTLEMENT, payment="2", invoice="RE-1", created=2))
    (command,) = other.report(decided(PutOnAccount, posting_reference="PT2"))
    assert command.kind == "on_account_receipt"
    assert command.value_on == day(2)


def test_an_unmatched_match_its_reversal_and_the_money_posted_again_keep_the_day() -> None:
    line = MoneyLine(open_item())
    line.shows(seen(Status.PENDING_SETTLEMENT))
    line.report(decided(UnmatchEntry, posting_reference=f"PT{PAYMENT}"), open_item("i2", invoice="RE-2", minute=60))
    line.report(decided(PutOnAccount, posting_reference=f"PT{PAYMENT}A1"))
    assert value_dates(line) == {f"PT{PAYMENT}": day(1), f"PT{PAYMENT}U1": day(1), f"PT{PAYMENT}A1": day(1)}


def test_post_again_keeps_the_day() -> None:
    line = MoneyLine(open_item())
    line.shows(seen(Status.PENDING_SETTLEMENT))
    (first,) = line.commands
    assert first.kind == "cash_receipt"
    fresh = Ledger(line.receivables.context, line.receivables.key_of)
    fresh.given(open_item(), _identified(line), refused(first), decided(PostAgain, posting_reference=f"PT{PAYMENT}"))
    assert [command.value_on for command in fresh.sent("cash_receipt")] == [day(1), day(1)]


def _identified(line: MoneyLine) -> Any:
    return next(out.record for out in line.payers.outputs if type(out.record).__name__ == "PaymentIdentified")


def test_a_void_and_a_refund_after_posting_bear_their_own_days() -> None:
    line = MoneyLine(open_item())
    line.shows(seen(Status.SETTLED, settled=2))
    (reversal,) = line.shows(seen(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND, payment="9", created=20))
    assert reversal.kind == "cash_receipt_reversal"
    assert reversal.value_on == day(20)


@pytest.mark.parametrize("days_of_the_command", [{"decided_on": date(2026, 11, 30)}, {}])
def test_a_write_off_and_its_reversal_are_of_the_business_day_of_the_decision(
    days_of_the_command: dict[str, date],
) -> None:
    """21:00 of 30 November in Los Angeles; in UTC it is December."""
    evening = datetime(2026, 12, 1, 5, tzinfo=UTC)
    line = MoneyLine(open_item("i1", 103_00))
    line.shows(seen(Status.PENDING_SETTLEMENT))
    meant: dict[str, Any] = {"abas_open_item_ids": ("i1",), "part_amounts": (100_00,), "currency": "USD"}
    line.report(decided(ConfirmMatch, posting_reference=f"PT{PAYMENT}", **meant))
    off = decided(WriteOffRest, evening, abas_open_item_id="i1", currency="USD", **days_of_the_command)
    line.report(off)
    assert any(command.kind == "write_off" for command in line.commands)
    line.report(decided(ReverseWriteOff, evening, posting_reference=f"PT{PAYMENT}W1", **days_of_the_command))
    dates = value_dates(line)
    assert (dates[f"PT{PAYMENT}"], dates[f"PT{PAYMENT}W1"], dates[f"PT{PAYMENT}W1U1"]) == (day(1), day(30), day(30))


# -- settlement -------------------------------------------------------------------------------------------------------


def test_money_settled_in_the_evening_is_of_the_merchants_day() -> None:
    """The cut-off at 20:00 in Los Angeles is the next day in UTC."""
    evening = replace(seen(Status.SETTLED, settled=2), settled_at=datetime(2026, 11, 3, 4, tzinfo=UTC))
    (settled,) = Ledger(payments, key_by("paytrace_transaction_id")).given(evening).sent(MoneySettled)
    assert (settled.moved_on, settled.settled_at) == (day(2), datetime(2026, 11, 3, 4, tzinfo=UTC))
    for line in (settled, replace(settled, moved_on=None)):
        (recorded,) = settlement.decide(settlement.INITIAL, line, DEPOSITS)
        assert isinstance(recorded, SettlementLineRecorded)
        assert (recorded.moved_on, recorded.book_on) == (day(2), day(2))


def test_a_bank_debit_counts_in_the_deposit_bridge_on_its_value_dates() -> None:
    cleared = seen(Status.ACH_CLEARED, kind=Kind.ACH_SALE, settled=4)
    returned = seen(Status.ACH_RETURNED, kind=Kind.ACH_SALE, settled=4, returned=6)
    book = Ledger(payments, key_by("paytrace_transaction_id")).given(cleared, returned)
    assert [(sent.movement.value, sent.moved_on) for sent in book.sent(MoneySettled)] == [
        ("CAPTURED", day(4)),
        ("RETURNED", day(6)),
    ]
