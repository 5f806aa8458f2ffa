"""What PayTrace dates is what abas books, whenever it is seen: over both sandboxes, late, behind and ahead of us."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.abas.client import AbasClient
from connectors.abas.profile import load_profile
from connectors.abas.settings import SANDBOX_PROFILE
from connectors.abas.sink import AbasSink
from connectors.paytrace.backfill import backfill
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.ports import CardDetails, Charge
from connectors.paytrace.source import PayTraceSource
from schemas.records.payments import PaymentContradicted, TransactionObserved
from tests.support.abas_sandbox import AbasSandboxProcess, open_item, running_sandbox
from tests.support.builders import Asked
from tests.support.builders import open_item as shown_item
from tests.support.money_line import MoneyLine
from tests.support.paytrace_sandbox import VISA, Sandbox

# Noon in Los Angeles, the merchant's zone; the contract suite's clock stands there too.
NOW = datetime(2026, 11, 24, 20, tzinfo=UTC)
TODAY = date(2026, 11, 24)
CARD = CardDetails(SecretStr(VISA), 12, 2030, SecretStr("999"))
DAY_S = 86_400
SALES = "/v1/transactions/sale"


@pytest.fixture(scope="module")
def running_abas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("abas")) as running:
        yield running


@pytest.fixture
def abas(running_abas: AbasSandboxProcess) -> AbasSandboxProcess:
    """Empty books, because each PayTrace sandbox begins with the same transaction id."""
    running_abas.admin("POST", "reset")
    running_abas.seed()
    return running_abas


def skewed(sandbox: Sandbox, days: float, path: str = "/") -> None:
    sandbox.admin("faults", {"clock_skew": {"seconds": days * DAY_S, "path": path}})


async def sale(client: PayTraceClient, invoice: str, minor: int = 100_00) -> str:
    return (await client.sale_keyed(CARD, Charge(amount_minor=minor, invoice_number=invoice))).transaction_id or ""


def source(client: PayTraceClient, sandbox: Sandbox, now: datetime = NOW) -> PayTraceSource:
    return PayTraceSource(client, sandbox.client_settings(), now=lambda: now)


async def whole_window(source: PayTraceSource, now: datetime = NOW) -> list[TransactionObserved]:
    return [record async for _, records in source.poll(*source.window(now)) for record in records]


class Books:
    """One customer of the abas sandbox with one invoice, and what our rules ask of it."""

    def __init__(self, sandbox: AbasSandboxProcess, invoice: str, minor: int = 100_00):
        self._sandbox = sandbox
        [item] = sandbox.seed(open_item(invoice, f"{minor / 100:.2f}"))
        self.line = MoneyLine(shown_item(item, minor, invoice=invoice))

    async def post(self, commands: list[Asked]) -> dict[str, str]:
        """Value date of each document that abas then holds, by posting reference."""
        async with AbasClient(self._sandbox.settings()) as client:
            sink = AbasSink(client, load_profile(SANDBOX_PROFILE), self._sandbox.settings())
            for command in commands:
                await sink.post(command.document)
        wanted = {command.posting_reference for command in commands}
        held: list[dict[str, Any]] = self._sandbox.documents()
        return {one["posting_reference"]: one["value_on"] for one in held if one["posting_reference"] in wanted}


async def test_a_payment_created_28_days_before_it_is_seen_is_booked_on_its_own_day(
    client: PayTraceClient, sandbox: Sandbox, abas: AbasSandboxProcess
) -> None:
    skewed(sandbox, -28, SALES)
    payment = await sale(client, "RE-V1")
    (seen,) = await whole_window(source(client, sandbox))
    assert (seen.created_on, seen.settled_on, seen.observed_on) == (date(2026, 10, 27), date(2026, 10, 27), TODAY)
    books = Books(abas, "RE-V1")
    assert await books.post(books.line.shows(seen)) == {f"PT{payment}": "2026-10-27"}
    refund = (await client.refund(payment, 30_00)).transaction_id or ""
    later = [one for one in await whole_window(source(client, sandbox)) if one.paytrace_transaction_id == refund]
    assert await books.post(books.line.shows(*later)) == {f"PT{refund}": "2026-11-24"}


async def test_a_backfill_books_old_days_on_their_own_days(
    client: PayTraceClient, sandbox: Sandbox, abas: AbasSandboxProcess
) -> None:
    payments = []
    for number, days in enumerate((-60, -59)):
        skewed(sandbox, days, SALES)
        payments.append(await sale(client, f"RE-V2{number}"))
    found: list[TransactionObserved] = []

    async def report(_: str, records: tuple[TransactionObserved, ...]) -> None:
        found.extend(records)

    async def mark_done(_: date) -> None:
        return None

    period = (date(2026, 9, 20), date(2026, 9, 30))
    _ = [progress async for progress in backfill(source(client, sandbox), *period, publish=report, mark_done=mark_done)]
    held: dict[str, str] = {}
    for number in (0, 1):
        books = Books(abas, f"RE-V2{number}")
        held |= await books.post(books.line.shows(*found))
    assert held == {f"PT{payments[0]}": "2026-09-25", f"PT{payments[1]}": "2026-09-26"}


async def test_a_clock_behind_ours_dates_what_it_says(
    client: PayTraceClient, sandbox: Sandbox, abas: AbasSandboxProcess
) -> None:
    skewed(sandbox, -3)
    payment = await sale(client, "RE-V3")
    (seen,) = await whole_window(source(client, sandbox))
    books = Books(abas, "RE-V3")
    assert await books.post(books.line.shows(seen)) == {f"PT{payment}": "2026-11-21"}


async def test_a_clock_days_ahead_of_ours_is_reported_and_never_books_the_future(
    client: PayTraceClient, sandbox: Sandbox, abas: AbasSandboxProcess
) -> None:
    skewed(sandbox, 5)
    payment = await sale(client, "RE-V4")
    (seen,) = await whole_window(source(client, sandbox))
    assert (seen.created_on, seen.raw_created[:10]) == (date(2026, 11, 29), "11/29/2026")
    books = Books(abas, "RE-V4")
    assert await books.post(books.line.shows(seen)) == {f"PT{payment}": "2026-11-24"}
    reported = [event.detail for event in books.line.payments.events if isinstance(event, PaymentContradicted)]
    assert reported == ["created on 2026-11-29, which had not come when it was seen"]
    skewed(sandbox, 7)  # past the cut-off, so that it is settled in our future too
    (settled,) = await whole_window(source(client, sandbox))
    assert settled.settled_on == date(2026, 11, 29)
    assert books.line.shows(settled) == []
    assert {sent.moved_on for sent in books.line.payments.sent() if hasattr(sent, "moved_on")} == {TODAY}


async def test_an_evening_payment_is_of_the_merchants_day_though_it_is_tomorrow_in_utc(
    client: PayTraceClient, sandbox: Sandbox, abas: AbasSandboxProcess
) -> None:
    """11:30 p.m. of 31 December in Los Angeles."""
    sandbox.admin("clock", {"now": "2026-12-31T23:30:00-08:00"})
    payment = await sale(client, "RE-V5")
    now = datetime(2027, 1, 2, 20, tzinfo=UTC)
    (seen,) = await whole_window(source(client, sandbox, now), now)
    books = Books(abas, "RE-V5")
    assert await books.post(books.line.shows(seen)) == {f"PT{payment}": "2026-12-31"}
