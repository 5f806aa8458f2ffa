"""What no documentation mentions: odd words and amounts, a late void, rows that move between pages, one number twice.

The sandbox has these from lists of its own. Each is proved harmless through the whole way from the wire to the payments
context: nothing is lost, and nothing counts as money that is none.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.client_v3 import PayTraceV3Client
from connectors.paytrace.facts import PayTraceFacts
from connectors.paytrace.ports import CardDetails, Charge, RecurrencePlan
from connectors.paytrace.source import PayTraceSource
from schemas.records.identification import PaymentToIdentify
from schemas.records.payments import PaymentStatusUnrecognized, TransactionKind, TransactionObserved
from schemas.records.settlement import SettlementBatchObserved
from streams.domain import payments
from streams.domain.payments.state import Stage
from tests.contract.paytrace.test_ach import pay
from tests.support.builders import SIGNS, Ledger, key_by
from tests.support.paytrace_payer import store_card, v3_headers
from tests.support.paytrace_sandbox import VISA, Sandbox, sandbox_in_thread

TODAY = date(2026, 11, 24)
CARD = CardDetails(SecretStr(VISA), 12, 2030, SecretStr("999"))


class Books:
    """Polls the sandbox and folds what it sees, as the pipeline does: told again only when the content differs."""

    def __init__(self, client: PayTraceClient | PayTraceV3Client, sandbox: Sandbox, **settings: Any) -> None:
        self._minute = 0
        self._source = PayTraceSource(client, sandbox.client_settings(**settings), now=self._now)
        self._known: dict[str, TransactionObserved] = {}
        self.ledger = Ledger(payments, key_by("paytrace_transaction_id"))

    def _now(self) -> datetime:
        return datetime(2026, 11, 24, 20, self._minute, tzinfo=UTC)

    async def poll(self) -> dict[str, TransactionObserved]:
        self._minute += 1
        seen = {r.paytrace_transaction_id: r async for _, rs in self._source.poll(TODAY, TODAY) for r in rs}
        for identity, record in seen.items():
            self.ledger.given(record)
            self._known[identity] = record
        return seen

    @property
    def net_minor(self) -> int:
        return sum(SIGNS[sent.movement] * sent.amount_minor for sent in self.ledger.sent(PaymentToIdentify))

    @property
    def unrecognized(self) -> set[str]:
        return {identity for identity, state in self.ledger.states.items() if state.is_unrecognized}


async def sell(client: PayTraceClient, count: int, amount_minor: int = 1_234_56) -> list[str]:
    return [
        (await client.sale_keyed(CARD, Charge(amount_minor=amount_minor, invoice_number=f"RE-{n}"))).transaction_id
        or ""
        for n in range(count)
    ]


async def test_odd_status_words_are_never_money_and_wait_until_they_can_be_read(
    client: PayTraceClient, sandbox: Sandbox
) -> None:
    cards = await sell(client, 14)
    debits = {pay(sandbox, v3_headers(sandbox), key=f"k{n}").json()["transaction_id"] for n in range(7)}
    books = Books(client, sandbox)
    sandbox.admin("faults", {"odd_status": True})
    seen = await books.poll()
    assert set(seen) == {*cards, *debits}
    assert books.net_minor == 0
    assert books.unrecognized == set(seen)
    reported = [event for event in books.ledger.events if isinstance(event, PaymentStatusUnrecognized)]
    assert sum(event.amount_minor or 0 for event in reported if event.kind is TransactionKind.SALE) == 14 * 1_234_56
    assert all(event.raw_status.strip("/") and event.currency == "USD" for event in reported)
    sandbox.admin("faults", {"clear": True})
    await books.poll()
    assert books.unrecognized == set()
    assert books.net_minor == 14 * 1_234_56


async def test_an_odd_status_of_money_that_is_known_takes_nothing_back(
    client: PayTraceClient, sandbox: Sandbox
) -> None:
    cards = await sell(client, 3)
    books = Books(client, sandbox)
    await books.poll()
    sandbox.admin("faults", {"odd_status": True})
    await books.poll()
    assert (books.net_minor, books.unrecognized) == (3 * 1_234_56, set(cards))


async def test_amounts_in_any_clear_style_are_exact(client: PayTraceClient, sandbox: Sandbox) -> None:
    await sell(client, 9)
    books = Books(client, sandbox)
    sandbox.admin("faults", {"amount_text": True})
    seen = await books.poll()
    assert {record.amount_minor for record in seen.values()} == {1_234_56}
    assert (books.net_minor, books.unrecognized) == (9 * 1_234_56, set())


async def test_an_amount_that_is_not_clear_waits_with_its_text(client: PayTraceClient, sandbox: Sandbox) -> None:
    cards = await sell(client, 7)
    books = Books(client, sandbox)
    sandbox.admin("faults", {"amount_unclear": True})
    seen = await books.poll()
    assert (books.net_minor, books.unrecognized) == (0, set(cards))
    assert all(record.raw_amount is not None and record.invoice_number for record in seen.values())
    sandbox.admin("faults", {"clear": True})
    await books.poll()
    assert (books.net_minor, books.unrecognized) == (7 * 1_234_56, set())


async def test_a_share_of_the_rows_is_odd_and_the_others_are_read(client: PayTraceClient, sandbox: Sandbox) -> None:
    await sell(client, 10)
    books = Books(client, sandbox)
    sandbox.admin("faults", {"odd_status": {"share": 0.5}})
    await books.poll()
    odd = len(books.unrecognized)
    assert 0 < odd < 10
    assert books.net_minor == (10 - odd) * 1_234_56


@pytest.mark.parametrize("voids", [False, True])
async def test_103_followed_by_a_void_ends_without_money(client: PayTraceClient, sandbox: Sandbox, voids: bool) -> None:
    sandbox.admin("rules", {"auto_void_rule": "avs_or_csc"})
    wrong = CardDetails(SecretStr(VISA), 12, 2030, SecretStr("123"))
    answer = await client.sale_keyed(wrong, Charge(amount_minor=5_000))
    assert answer.response_code == 103
    books = Books(client, sandbox)
    sandbox.admin("faults", {"void_after_103": True})
    await books.poll()  # the export is behind: it still shows a sale that will settle
    if voids:
        assert (await client.void(answer.transaction_id or "")).response_code == 109
    sandbox.admin("faults", {"clear": True})
    await books.poll()
    await books.poll()
    assert (books.net_minor, books.unrecognized) == (0, set())
    (state,) = books.ledger.states.values()
    assert state.stage in {Stage.VOIDED}


@pytest.mark.parametrize("fault", ["page_skips", "page_repeats"])
async def test_rows_that_move_between_two_pages_are_caught_by_the_next_poll(
    client: PayTraceClient, sandbox: Sandbox, fault: str
) -> None:
    debits = {pay(sandbox, v3_headers(sandbox), key=f"k{n}").json()["transaction_id"] for n in range(35)}
    books = Books(client, sandbox, ach_source="v3")
    sandbox.admin("faults", {fault: {"count": 1}})
    first = set(await books.poll())
    assert len(first) == (34 if fault == "page_skips" else 35)
    assert set(await books.poll()) == debits
    names = [type(event).__name__ for event in books.ledger.events]
    assert names.count("AchPaymentInitiated") == 35


async def test_one_batch_number_twice_on_one_day_is_two_batches(client: PayTraceClient, sandbox: Sandbox) -> None:
    await sell(client, 2)
    sandbox.admin("settle", {})
    sandbox.admin("clock", {"advance_s": 600})
    sandbox.admin("faults", {"batch_number_repeats": {"count": 1}})
    await sell(client, 1)
    sandbox.admin("settle", {})
    books = Books(client, sandbox)
    seen = await books.poll()
    assert {record.batch_number for record in seen.values()} == {1}
    assert books.net_minor == 3 * 1_234_56
    facts = PayTraceFacts(client, sandbox.client_settings())
    batches = [f async for _, fs in facts.poll(TODAY, TODAY) for f in fs if isinstance(f, SettlementBatchObserved)]
    assert [batch.batch_id for batch in batches] == ["main/1/2026-11-24", "main/1/2026-11-24/2"]
    assert [batch.net_minor for batch in batches] == [2 * 1_234_56, 1_234_56]
    # PayTrace lists the newest batch of a number, so the older one can't be compared and says so.
    assert batches[0].is_consistent is not True


async def test_batch_numbers_begin_again_after_999(tmp_path: Path) -> None:
    with sandbox_in_thread(tmp_path / "wraps", first_batch_number=999) as sandbox:
        sandbox.admin("clock", {"now": "2026-11-24T12:00:00-08:00"})
        async with PayTraceClient(sandbox.client_settings()) as client:
            await sell(client, 1)
            assert sandbox.admin("settle", {})["batch"]["batch_number"] == 999
            await sell(client, 1)
            assert sandbox.admin("settle", {})["batch"]["batch_number"] == 1
            books = Books(client, sandbox)
            assert {record.batch_number for record in (await books.poll()).values()} == {999, 1}
            assert books.net_minor == 2 * 1_234_56


async def test_a_schedule_of_v3_charges_the_card_and_shows_in_the_v3_export(sandbox: Sandbox) -> None:
    async with PayTraceV3Client(sandbox.client_settings(api_version="v3")) as client:
        plan = RecurrencePlan(
            customer_id=store_card(sandbox, "acme"), amount_minor=2495, frequency="5", start_on=TODAY, total_count=2
        )
        await client.create_recurrence(plan)
        sandbox.admin("clock", {"now": "2026-12-01T12:00:00-08:00"})
        source = PayTraceSource(client, sandbox.client_settings(api_version="v3"))
        seen = [record async for _, rs in source.poll(TODAY, date(2026, 12, 1)) for record in rs]
    runs = {record.paytrace_transaction_id: record for record in seen if record.amount_minor == 2495}
    assert len(runs) == 2
    assert {record.vault_customer_id for record in runs.values()} == {"acme"}
