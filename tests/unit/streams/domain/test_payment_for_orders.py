"""What orders of shops hear of a payment: how far it is proved, once for each change, whatever the order of facts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.orders import OrderPaymentAsked, OrderPaymentReported
from schemas.records.orders import OrderPaymentStatus as Proved
from schemas.records.payments import TransactionKind as Kind
from schemas.records.payments import TransactionObserved
from schemas.records.payments import TransactionStatus as Status
from streams.domain import payments
from tests.support.builders import Ledger, key_by, observation
from tests.support.examples import example

ASKED: OrderPaymentAsked = example("OrderPaymentAsked")


def seen(status: Status, amount: int = 100_00, minute: int = 0) -> TransactionObserved:
    return observation(status, amount, minute=minute, kind=Kind.AUTHORIZATION)


def heard(*records: TransactionObserved | OrderPaymentAsked) -> list[OrderPaymentReported]:
    book = Ledger(payments, key_by("paytrace_transaction_id"))
    asked = OrderPaymentAsked(
        shop_order=ASKED.shop_order,
        paytrace_transaction_id=seen(Status.AUTHORIZED).paytrace_transaction_id,
        occurred_at=ASKED.occurred_at,
    )
    return book.given(asked, *records).sent(OrderPaymentReported)


def test_what_changes_no_proof_is_no_news_to_an_order() -> None:
    found = heard(
        seen(Status.PENDING_SETTLEMENT),
        seen(Status.PENDING_SETTLEMENT, minute=1),
        seen(Status.SETTLED, minute=2),
        seen(Status.SETTLED, minute=3),
    )
    assert [(one.revision, one.status, one.captured_minor) for one in found] == [
        (1, Proved.UNKNOWN, 0),
        (2, Proved.CAPTURED, 100_00),
    ]


def test_an_authorization_that_was_raised_is_news_once() -> None:
    found = heard(*(seen(Status.AUTHORIZED, amount, at) for amount, at in ((100_00, 0), (100_00, 1), (120_00, 2))))
    assert [one.authorized_minor for one in found] == [0, 100_00, 120_00]


@settings(max_examples=30)
@given(
    st.lists(
        st.builds(seen, st.sampled_from(Status), st.sampled_from([0, 80_00, 100_00]), st.integers(0, 4)), max_size=6
    ).flatmap(lambda records: st.tuples(st.just(records), st.permutations(records)))
)
def test_any_order_of_observations_ends_in_the_same_proof(
    histories: tuple[list[TransactionObserved], list[TransactionObserved]],
) -> None:
    last = [max(heard(*records), key=lambda one: one.revision) for records in histories]
    about = [(one.status, one.authorized_minor, one.captured_minor, one.refunded_minor, one.detail) for one in last]
    assert about[0] == about[1]
