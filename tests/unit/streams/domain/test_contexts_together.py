"""The contexts in a row: what PayTrace's observations prove is where the customers' entries say it is."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records.identification import Movement, OpenItemReferenced, PaymentToIdentify
from schemas.records.payments import TransactionKind as Kind
from schemas.records.payments import TransactionStatus as Status
from streams.domain import identification, ledger, payments, receivables
from streams.domain.payments.state import Stage
from tests.support.builders import (
    CUSTOMER,
    SIGNS,
    Ledger,
    at,
    done,
    key_by,
    observation,
    open_item,
    payers_key,
    refused,
)


class Pipeline:
    """The contexts joined by topic name, each topic in order, and abas as it answers each command."""

    def __init__(self, answers: tuple[Any, ...] = (done,)) -> None:
        self.payments = Ledger(payments, key_by("paytrace_transaction_id"))
        self.payers = Ledger(identification, payers_key)
        self.customers = Ledger(receivables, key_by("abas_customer_id"))
        self.ledger = Ledger(ledger, key_by("settlement_account"))
        self.settled: list[Any] = []
        self.answers = deque(answers)
        self.by_topic = {
            "payments.observations.v1": self.payments,
            "identification.inbox.v1": self.payers,
            "receivables.inbox.v1": self.customers,
        }

    def take(self, topic: str, record: Any) -> None:
        waiting = deque([(topic, record)])
        while waiting:
            where, what = waiting.popleft()
            if where == "erp.commands.v1":
                answer = self.answers[0]
                self.answers.rotate(-1)
                waiting.append(("receivables.inbox.v1", answer(what)))
                continue
            if where in ("gateway.commands.v1", "subscriptions.inbox.v1"):
                continue  # what holds charges back, or is seen of them, moves no money
            if where == "settlement.inbox.v1":
                self.settled.append(what)
                continue
            if where == "ledger.inbox.v1":
                self.ledger.when(what)
                continue
            book = self.by_topic[where]
            said = len(book.outputs)
            book.when(what)
            waiting.extend((out.topic, out.record) for out in book.outputs[said:])

    def seen(self, *observations: Any) -> Pipeline:
        for record in observations:
            self.take("payments.observations.v1", record)
        return self

    def invoiced(self, number: str, item_id: str, minor: int, minute: int = 0) -> Pipeline:
        """abas shows an open item, and its source tells both contexts."""
        token = OpenItemReferenced(
            token=f"invoice:{number}", abas_customer_id=CUSTOMER, abas_open_item_id=item_id, observed_at=at(minute)
        )
        self.take("receivables.inbox.v1", open_item(item_id, minor, invoice=number, minute=minute))
        self.take("identification.inbox.v1", token)
        return self

    @property
    def commands(self) -> list[tuple[str, int]]:
        """Receipts, then reversals."""
        sent = [*self.customers.sent("cash_receipt"), *self.customers.sent("cash_receipt_reversal")]
        return [(command.posting_reference, command.amount_minor) for command in sent]

    def captured_less_taken_back(self) -> int:
        return sum(SIGNS[sent.movement] * sent.amount_minor for sent in self.payments.sent(PaymentToIdentify))

    def entries_and_waiting(self) -> int:
        entries: int = sum(e.signed_minor for state in self.customers.states.values() for e in state.entries.values())
        waiting = [w for state in self.payers.states.values() for w in state.payment.waiting]
        asked: int = sum(SIGNS[w.movement] * w.amount_minor for w in waiting)
        return entries + asked


def test_a_sale_its_refund_and_the_void_of_the_refund() -> None:
    line = Pipeline().invoiced("RE-1", "i1", 100_00)
    line.seen(observation(Status.PENDING_SETTLEMENT), observation(Status.SETTLED, minute=1))
    line.seen(observation(Status.PENDING_SETTLEMENT, 30_00, kind=Kind.REFUND, payment="9", minute=2))
    assert line.payments.states["79388123"].stage is Stage.PARTIALLY_REFUNDED
    line.seen(observation(Status.VOIDED, 30_00, kind=Kind.REFUND, payment="9", minute=3))
    assert line.commands == [("PT79388123", 100_00), ("PT9V", 30_00), ("PT9", 30_00)]


def test_a_payment_waits_for_its_invoice_and_is_posted_when_it_comes() -> None:
    line = Pipeline().seen(observation(Status.SETTLED))
    assert line.commands == []
    line.invoiced("RE-1", "i1", 100_00, minute=5)
    assert line.commands == [("PT79388123", 100_00)]


def test_a_void_waits_behind_its_capture() -> None:
    line = Pipeline().seen(observation(Status.PENDING_SETTLEMENT), observation(Status.VOIDED, minute=1))
    state = line.payers.states["payment:79388123"]
    assert [waits.movement for waits in state.payment.waiting] == [Movement.CAPTURED, Movement.VOIDED]
    line.invoiced("RE-1", "i1", 100_00, minute=5)
    assert line.commands == [("PT79388123", 100_00), ("PT79388123V", 100_00)]
    assert line.captured_less_taken_back() == line.entries_and_waiting() == 0


def observations(kind: Kind, names: list[str], amounts: list[int]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(
        st.just("seen"),
        st.builds(
            observation,
            st.sampled_from(Status),
            st.sampled_from(amounts),
            minute=st.integers(0, 9),
            kind=st.just(kind),
            payment=st.sampled_from(names),
            invoice=st.sampled_from(["RE-1", "RE-2", None]),
            vault=st.sampled_from(["acme", None]),
        ),
    )


steps = st.one_of(
    observations(Kind.SALE, ["1", "2"], [100_00, 80_00]),
    observations(Kind.SALE, ["1", "2"], [100_00, 80_00]),
    observations(Kind.ACH_SALE, ["3"], [80_00]),
    observations(Kind.REFUND, ["8", "9"], [30_00]),
    st.tuples(st.just("invoiced"), st.sampled_from([("RE-1", "i1", 100_00), ("RE-2", "i2", 80_00)])),
)


@settings(max_examples=150)
@given(st.lists(steps, max_size=14), st.lists(st.sampled_from([done, done, refused]), min_size=1, max_size=5))
def test_no_cent_is_lost_between_the_contexts(moves: list[tuple[str, Any]], answers: list[Any]) -> None:
    line = Pipeline(tuple(answers))
    for minute, (move, what) in enumerate(moves):
        if move == "seen":
            line.seen(what)
        else:
            number, item_id, minor = what
            line.invoiced(number, item_id, minor, minute)
        assert line.captured_less_taken_back() == line.entries_and_waiting()
