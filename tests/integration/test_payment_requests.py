"""Payment requests from the abas sandbox, carried out at PayTrace's by a real worker that is killed in between.

Each payment request has its effect once by PayTrace's own books, whether the worker dies after the effect and before
its outcome is known, or PayTrace's answers are lost, and a refund is linked to its payment. A refund that shows no
trace is parked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.paytrace.ports import Charge
from schemas.records.gateway import PaymentRequestClosed, PaymentRequestKind
from schemas.records.payments import RefundApplied
from schemas.records.tasks import DeadLetter, RecordParked
from tests.support.abas_sandbox import AbasSandboxProcess, running_sandbox
from tests.support.installation import Installation, ask, card, wait_for
from tests.support.kafka import running_broker
from tests.support.paytrace_payer import authorized
from tests.support.paytrace_sandbox import Sandbox, sandbox_in_thread
from tests.support.worker_process import SESSION_S, make_our_topics

pytestmark = pytest.mark.journey

PAYMENT_REQUESTS, CALLS, CLAIMS = "gateway.events.v1", "gateway.commands.v1", "gateway.claims.v1"
PATIENCE_S = 120.0


@pytest.fixture
def saldo(tmp_path: Path) -> Iterator[Installation]:
    with running_broker(tmp_path / "kafka") as broker:
        make_our_topics(broker)
        yield Installation(broker, tmp_path)


def paytrace_of_the_day(directory: Path) -> AbstractContextManager[Sandbox]:
    """A sandbox whose batch closes when a test says so: the cut-off of the real day (04:00 UTC) would settle a sale
    that is to be voided."""
    return sandbox_in_thread(directory, auto_settle=False)


def shop(paytrace: Sandbox) -> dict[str, str]:
    """A merchant's day: what can be refunded, voided and captured, by its transaction id."""

    def sell(amount_minor: int, *, authorize: bool = False) -> str:
        charge = Charge(amount_minor=amount_minor, invoice_number=f"RE-{amount_minor}")
        answer = ask(
            paytrace,
            lambda client: authorized(client, charge) if authorize else client.sale_keyed(card(), charge),
        )
        return str(answer.transaction_id)

    ask(paytrace, lambda client: client.create_customer("acme-inc", card=card(), billing_address={"name": "Kevin"}))
    settled = sell(12500)
    paytrace.admin("settle", {})
    return {"refund": settled, "void": sell(700), "capture": sell(900, authorize=True)}


AMOUNTS = {"refund": "50.00", "void": "7.00", "capture": "9.00", "charge": "33.00"}


def make_payment_requests(abas: AbasSandboxProcess, payments: dict[str, str], *kinds: str) -> None:
    payment_requests = [
        {"kind": kind, "customer_number": "70001", "amount": amount, "currency": "USD", "reason": f"please {kind}"}
        | ({"paytrace_transaction_id": payments[kind]} if kind in payments else {})
        for kind, amount in AMOUNTS.items()
        if kind in kinds
    ]
    abas.admin("POST", "payment-requests", payment_requests)


def effects(paytrace: Sandbox, payments: dict[str, str]) -> Counter[str]:
    """How often PayTrace's books show what each payment request asks for."""
    books = paytrace.books()
    return Counter(
        {
            "refund": sum(entry["refund_of"] == payments["refund"] for entry in books.values()),
            "void": books[payments["void"]]["state"] == "VOIDED",
            "capture": books[payments["capture"]]["state"] == "PENDING",
            "charge": sum(entry["amount_minor"] == 3300 for entry in books.values()),
        }
    )


def closed(saldo: Installation) -> list[PaymentRequestClosed]:
    """Every payment request that was closed, by its first telling."""
    reported = {
        record.payment_request_id: record
        for _, record in reversed(saldo.records(PAYMENT_REQUESTS))
        if isinstance(record, PaymentRequestClosed)
    }
    return list(reported.values())


def parked(saldo: Installation) -> list[DeadLetter]:
    return [letter for _, letter in saldo.records(f"{CALLS}.dlq")]


def for_a_person(saldo: Installation) -> list[RecordParked]:
    """Calls that are parked and not tried again by themselves, as the journal says."""
    journal = [record for _, record in saldo.records("gateway.outcomes.v1") if isinstance(record, RecordParked)]
    return [record for record in journal if not record.is_held]


def worker_env(saldo: Installation) -> None:
    saldo.env |= {
        "SALDO_KAFKA_SESSION_TIMEOUT_S": str(SESSION_S),
        "SALDO_PAYTRACE_OUTCOME_WAIT_S": "0.5",
        "SALDO_PAYTRACE_READ_ATTEMPTS": "2",
    }


def wait_until_closed(saldo: Installation, count: int) -> list[PaymentRequestClosed]:
    wait_for(lambda: len(closed(saldo)) >= count, f"{count} payment requests closed", PATIENCE_S)
    return closed(saldo)


def requests(abas: AbasSandboxProcess) -> list[dict[str, str]]:
    found: list[dict[str, str]] = abas.admin("GET", "books")["payment_requests"]
    return found


def statuses(abas: AbasSandboxProcess) -> dict[str, str]:
    """What people at abas see of each request."""
    return {one["kind"]: one["status"] for one in requests(abas)}


def within_the_call(paytrace: Sandbox, payments: dict[str, str], kind: str) -> Callable[[], bool]:
    return lambda: effects(paytrace, payments)[kind] == 1


@pytest.mark.timeout(400)
def test_payment_requests_are_carried_out_once_though_the_worker_is_killed_within_a_call(
    saldo: Installation, tmp_path: Path
) -> None:
    with (
        paytrace_of_the_day(tmp_path / "paytrace") as paytrace,
        running_sandbox(_made(tmp_path / "abas")) as abas,
    ):
        saldo.reach(paytrace, abas)
        worker_env(saldo)
        payments = shop(paytrace)
        abas.seed()
        # PayTrace does what it is asked and takes long to say so: time to kill the worker between effect and outcome.
        path = "/v1/transactions/refund"
        paytrace.admin("faults", {"latency_after": {"seconds": 20, "path": path, "count": 1}})
        # The others come afterwards: a charge that is killed between its claim and its call waits for a person.
        make_payment_requests(abas, payments, "refund")
        with saldo.running("paytrace", "run", "source", "paytrace"), saldo.running("abas", "run", "source", "abas"):
            with saldo.running("worker-1", "run", "worker"):
                wait_for(within_the_call(paytrace, payments, "refund"), "the refund at PayTrace", PATIENCE_S)
            make_payment_requests(abas, payments, "void", "capture", "charge")
            with saldo.running("worker-2", "run", "worker"):
                outcomes = wait_until_closed(saldo, 4)
                linked = partial(_is_linked, saldo, payments["refund"])
                wait_for(linked, "the refund linked to its payment", PATIENCE_S)
                wait_for(lambda: set(statuses(abas).values()) == {"DONE"}, "every request done in abas", PATIENCE_S)
        assert all(payment_request.is_done for payment_request in outcomes), outcomes
        assert {one["kind"]: one["result"] for one in requests(abas)} == {
            "refund": next(one["id"] for one in paytrace.books().values() if one["kind"] == "REFUND"),
            "void": payments["void"],
            "capture": payments["capture"],
            "charge": next(one["id"] for one in paytrace.books().values() if one["amount_minor"] == 3300),
        }
        assert effects(paytrace, payments) == Counter({"refund": 1, "void": 1, "capture": 1, "charge": 1})
        [refund] = [entry for entry in paytrace.books().values() if entry["kind"] == "REFUND"]
        assert refund["id"] in {payment_request.result_transaction_id for payment_request in outcomes}


@pytest.mark.timeout(400)
def test_payment_requests_are_carried_out_once_or_parked_though_connections_are_cut(
    saldo: Installation, tmp_path: Path
) -> None:
    with (
        paytrace_of_the_day(tmp_path / "paytrace") as paytrace,
        running_sandbox(_made(tmp_path / "abas")) as abas,
    ):
        saldo.reach(paytrace, abas)
        worker_env(saldo)
        payments = shop(paytrace)
        abas.seed()
        money = ("/v1/transactions/refund", "/v1/transactions/sale")
        paytrace.admin("faults", {"cut_before": {"path": money[0], "count": 1}})
        paytrace.admin("faults", {"cut_after": {"path": money[1], "count": 1}})
        make_payment_requests(abas, payments, *AMOUNTS)
        with saldo.running("abas", "run", "source", "abas"), saldo.running("worker", "run", "worker"):
            outcomes = wait_until_closed(saldo, 3)
            wait_for(lambda: for_a_person(saldo) != [], "the refund parked for a person", PATIENCE_S)
            expected = {"refund": "IN_DOUBT", "void": "DONE", "capture": "DONE", "charge": "DONE"}
            wait_for(lambda: statuses(abas) == expected, f"abas shows {expected}", PATIENCE_S)
        assert all(payment_request.is_done for payment_request in outcomes), outcomes
        assert effects(paytrace, payments) == Counter({"refund": 0, "void": 1, "capture": 1, "charge": 1})
        [letter] = parked(saldo)
        [last] = for_a_person(saldo)
        key = f"payment/{payments['refund']}".encode()
        # Held back and looked for at first, a person's once the wait for its outcome was over.
        assert (letter.error_type, letter.record_key) == ("CallStillUnknown", key)
        assert (last.error_type, last.record_key) == ("CallInDoubt", key)
        [claim] = [one for _, one in saldo.records(CLAIMS) if one.kind is PaymentRequestKind.REFUND]
        assert claim.claimed_by in last.message


def _is_linked(saldo: Installation, payment: str) -> bool:
    found: list[Any] = [
        record for _, record in saldo.records("payments.events.v1") if isinstance(record, RefundApplied)
    ]
    return [event.paytrace_transaction_id for event in found] == [payment]


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory
