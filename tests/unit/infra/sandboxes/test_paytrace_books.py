"""The sandbox's books under any sequence of calls and any request body: money is conserved, and nothing crashes."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from connectors.paytrace import wire
from infra.sandboxes.paytrace import SandboxSettings, create_app, v1
from infra.sandboxes.paytrace.bank_books import DebitRequest
from infra.sandboxes.paytrace.card_books import ChargeRequest
from infra.sandboxes.paytrace.cards import StoredCard
from infra.sandboxes.paytrace.merchant import Merchant
from infra.sandboxes.paytrace.rejections import Rejected
from infra.sandboxes.paytrace.rows import bank_entry, card_entry
from schemas.failures import ContractBroken

CARD = StoredCard("token", "visa", "5439", 12, 30)
AMOUNTS = st.integers(min_value=1, max_value=5000)
# What may follow what, for cards; a state that is not named here is an end.
NEXT = {
    None: {"PENDING", "AUTHORIZED", "DECLINED", "VOIDED_BY_RULE"},
    "AUTHORIZED": {"PENDING", "VOIDED", "SETTLED"},
    "PENDING": {"SETTLED", "VOIDED"},
}


class Books(RuleBasedStateMachine):
    """Any sequence of charges, captures, voids, refunds, settlements and days."""

    charges = Bundle("charges")
    debits = Bundle("debits")

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.merchant = Merchant(SandboxSettings(data_dir=Path(self.directory.name), ach_return_share=0.3))
        self.states: dict[str, str] = {}

    def teardown(self) -> None:
        self.merchant.close()
        self.directory.cleanup()

    @rule(target=charges, kind=st.sampled_from(["SALE", "AUTHORIZATION"]), amount=AMOUNTS)
    def charge(self, kind: str, amount: int) -> int:
        request = ChargeRequest(kind=kind, amount_minor=amount, card=CARD, fields={})
        return int(self.merchant.cards.charge(request)["number"])

    @rule(number=charges, amount=st.none() | AMOUNTS)
    def capture(self, number: int, amount: int | None) -> None:
        with suppress(Rejected):
            self.merchant.cards.capture(number, amount)

    @rule(number=charges)
    def void(self, number: int) -> None:
        with suppress(Rejected):
            self.merchant.cards.void(number)

    @rule(target=charges, number=charges, amount=st.none() | AMOUNTS)
    def refund(self, number: int, amount: int | None) -> int:
        try:
            return int(self.merchant.cards.refund(number, amount)["number"])
        except Rejected:
            return number

    @rule(target=debits, amount=AMOUNTS)
    def debit(self, amount: int) -> str:
        request = DebitRequest(api="v3", kind="SALE", amount_minor=amount, last_four="1234")
        return str(self.merchant.bank.debit(request)["id"])

    @rule()
    def settle(self) -> None:
        self.merchant.cards.settle(self.merchant.store.now_us())

    @rule(hours=st.integers(min_value=1, max_value=100))
    def let_time_pass(self, hours: int) -> None:
        self.merchant.store.move_clock(advance_s=hours * 3600)
        self.merchant.catch_up(at_once=True)

    @rule()
    def restart(self) -> None:
        self.merchant.close()
        self.merchant = Merchant(self.merchant.settings)

    @invariant()
    def states_go_forward_only(self) -> None:
        for row in self.merchant.cards.all():
            entry = card_entry(row)
            before, now = self.states.get(entry["id"]), entry["state"]
            assert now == before or now in NEXT.get(before, set()), f"{before} -> {now}"
            self.states[entry["id"]] = now
            assert (now == "SETTLED") == (entry["batch"] is not None)

    @invariant()
    def refunds_never_exceed_what_they_refund(self) -> None:
        cards = [card_entry(row) for row in self.merchant.cards.all()]
        entries = cards + [bank_entry(row) for row in self.merchant.bank.all()]
        for entry in entries:
            refunded = sum(
                other["amount_minor"]
                for other in entries
                if other["refund_of"] == entry["id"] and other["state"] not in {"VOIDED", "RETURNED"}
            )
            assert refunded <= entry["amount_minor"]

    @invariant()
    def batches_are_what_settled(self) -> None:
        for batch in self.merchant.cards.latest_batches(100):
            rows = self.merchant.cards.of_batch(batch["key"])
            sales = [row["amount_minor"] for row in rows if row["kind"] != "REFUND"]
            refunds = [row["amount_minor"] for row in rows if row["kind"] == "REFUND"]
            assert (batch["sales_count"], batch["sales_minor"]) == (len(sales), sum(sales))
            assert (batch["refund_count"], batch["refund_minor"]) == (len(refunds), sum(refunds))

    @invariant()
    def everything_can_be_exported(self) -> None:
        for row in self.merchant.cards.all():
            wire.encode(self.merchant.rows.transaction(row))
        for row in self.merchant.bank.all():
            wire.encode(self.merchant.rows.ach(row, 1))


Books.TestCase.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestBooks = Books.TestCase


class Http:
    """The sandbox without a network, logged in on both versions."""

    def __init__(self, data_dir: Path) -> None:
        app = create_app(SandboxSettings(data_dir=data_dir))
        self._http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://sandbox")
        self._run = asyncio.Runner()
        form = {"grant_type": "password", "username": "demo123", "password": "demo123"}
        credentials = {"grant_type": "client_credentials", "client_id": "demo123", "client_secret": "demo123"}
        first = self._send("POST", "/oauth/token", data=form)
        third = self._send("POST", "/v3/token", data=credentials)
        self._tokens = {
            "/v1": first.json()["access_token"],
            "/v3": third.json()["data"]["access_token"],
        }

    def _send(self, method: str, path: str, **what: Any) -> httpx2.Response:
        return self._run.run(self._http.request(method, path, **what))

    def send(self, method: str, path: str, body: bytes) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self._tokens[path[:3]]}", "X-Integrator-Id": "x"}
        return self._send(method, path, content=body, headers=headers)

    def close(self) -> None:
        self._run.run(self._http.aclose())
        self._run.close()


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    running = Http(tmp_path_factory.mktemp("fuzz"))
    yield running
    running.close()


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False)
scalars |= st.sampled_from(["1.00", "4012000098765439", "12", "30", "05/05/2026", "3", "Sale", "acme", 1, 395970001])
NAMES = [
    *("amount", "credit_card", "number", "expiration_month", "expiration_year", "csc", "invoice_id", "customer_id"),
    *("transaction_id", "check_transaction_id", "check", "account_number", "routing_number", "start_date", "end_date"),
    *("recurrence", "frequency", "total_count", "id", "transaction_type", "type", "billing_address", "zip", "new_id"),
    *("batch_number", "line_items", "hpf_token", "enc_key", "including_text", "tax_amount", "days", "merchant_id"),
    *("batch_items", "card", "bank_account", "account_type", "std_entry_class", "idempotency_key", "customer_label"),
]


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=8)


values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | objects(inner), max_leaves=8)

V3_CALLS = [
    *(("POST", f"/v3/card/batch/{verb}") for verb in ("capture", "refund", "void")),
    *(("POST", f"/v3/card/{verb}/customer/7001") for verb in ("sale", "authorize")),
    *(("POST", f"/v3/{path}") for path in ("transaction/export/x", "transactions/export/by-date")),
    *(("POST", f"/v3/{path}") for path in ("batch/export/by-date", "batch/export/transactions", "checks/payment")),
    *(("POST", f"/v3/{path}") for path in ("customer/create/by-transaction", "recurrence/create")),
    *(("GET", f"/v3/{path}") for path in ("customer", "customer/export", "customer/x", "checks/transactions?limit=x")),
    *(("DELETE", f"/v3/{path}") for path in ("customer/7001", "recurrence", "nothing")),
]


@given(st.sampled_from(sorted(v1.OPERATIONS)), objects(values) | values)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_v1_body_gets_an_answer(http: Http, path: str, body: Any) -> None:
    answer = http.send("POST", path, wire.encode(body))
    assert answer.status_code in {200, 400}
    assert isinstance(answer.json(), dict)


@given(st.sampled_from(V3_CALLS), objects(values) | values)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_v3_body_gets_an_answer(http: Http, call: tuple[str, str], body: Any) -> None:
    answer = http.send(*call, wire.encode(body))
    assert answer.status_code in {200, 404, 422}
    assert isinstance(answer.json(), dict)


def test_books_of_another_version_are_refused_at_once(tmp_path: Path) -> None:
    Merchant(SandboxSettings(data_dir=tmp_path)).close()
    Merchant(SandboxSettings(data_dir=tmp_path)).close()
    with sqlite3.connect(tmp_path / "paytrace.sqlite3") as db:
        db.execute("PRAGMA user_version = 0")
    with pytest.raises(ContractBroken, match="another version of Saldo; move that directory away"):
        Merchant(SandboxSettings(data_dir=tmp_path))
