"""Two merchant accounts, each a sandbox of its own: who holds what a call names, and what one that is away holds up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.composition.bootstrap import _poll_account, poll_names
from app.settings.settings import PollingSettings
from app.sources.polling import Publisher
from app.sources.status import SilentPollObserver
from connectors.paytrace.accounts import AccountReaders, AccountSinks
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.errors import PayTraceUnavailable, UnreadableAnswer
from connectors.paytrace.gateway import open_gateway
from connectors.paytrace.hooks import PayTraceReader
from connectors.paytrace.ports import CardDetails, Charge
from connectors.paytrace.settings import PayTraceAccount, PayTraceSettings
from connectors.paytrace.sink import PayTraceSink
from schemas import catalog
from schemas.failures import Delayed
from schemas.records.gateway import GatewayCallBegun, GatewayCallDone, GatewayCallRefused, RequestGatewayCall
from schemas.records.gateway import PaymentRequestKind as Kind
from schemas.records.payments import ObservedBy, TransactionObserved
from schemas.wire.codec import Codec
from streams.edges.claims import TOPIC, Claims
from streams.edges.send_to_paytrace import _carry_out
from streams.log.memory import MemoryLog
from tests.support.paytrace_sandbox import VISA, Sandbox, sandbox_in_thread
from tests.support.signing import SIGNER

NOON = datetime(2026, 11, 24, 20, tzinfo=UTC)
CARD = CardDetails(SecretStr(VISA), 12, 2030, SecretStr("999"))
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[dict[str, Sandbox]]:
    with sandbox_in_thread(tmp_path / "main") as main, sandbox_in_thread(tmp_path / "eu") as eu:
        for running in (main, eu):
            running.admin("clock", {"now": "2026-11-24T12:00:00-08:00"})
        yield {"main": main, "eu": eu}


def settings_of(two: dict[str, Sandbox], **away: str) -> PayTraceSettings:
    accounts = {label: PayTraceAccount(base_url=away.get(label, sandbox.base_url)) for label, sandbox in two.items()}
    return two["main"].client_settings(read_timeout_s=2.0, outcome_wait_s=0.0, read_attempts=1, accounts=accounts)


class Doors:
    """Opens the sinks and readers of some accounts; closes what it opened."""

    def __init__(self) -> None:
        self._opened = AsyncExitStack()

    async def sinks(self, settings: PayTraceSettings) -> AccountSinks:
        claims = Claims(MemoryLog({TOPIC: 4}, signer=SIGNER), Codec(), claimed_by="a")
        sinks = {
            label: PayTraceSink(await self._client(own), own, claims, now=lambda: NOON)
            for label, own in settings.each().items()
        }
        return AccountSinks(sinks, now=lambda: NOON)

    async def readers(self, settings: PayTraceSettings) -> AccountReaders:
        own = settings.each()
        return AccountReaders({label: PayTraceReader(await self._client(one), one) for label, one in own.items()})

    async def _client(self, settings: PayTraceSettings) -> Any:
        return await self._opened.enter_async_context(open_gateway(settings))

    async def close(self) -> None:
        await self._opened.aclose()


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    opened = Doors()
    yield opened
    await opened.close()


async def sold(sandbox: Sandbox, times: int = 1) -> str:
    """The id of the last of some sales, settled."""
    async with PayTraceClient(sandbox.client_settings()) as shop:
        for _ in range(times):
            answer = await shop.sale_keyed(CARD, Charge(amount_minor=12500, invoice_number="RE-1"))
    sandbox.admin("settle", {})
    assert answer.transaction_id is not None
    return answer.transaction_id


def request(transaction_id: str, merchant: str | None = None) -> RequestGatewayCall:
    return RequestGatewayCall(
        payment_request_id="(1,900,0)",
        call_reference="SALDO-R-1",
        subject=f"payment/{transaction_id}",
        kind=Kind.REFUND,
        paytrace_transaction_id=transaction_id,
        vault_customer_id=None,
        merchant=merchant,
        invoice_number=None,
        description="",
        abas_customer_id="70001",
        amount_minor=12500,
        currency="USD",
        occurred_at=NOON,
    )


async def test_a_refund_is_made_in_the_account_that_holds_its_payment(two: dict[str, Sandbox], doors: Doors) -> None:
    await sold(two["main"])
    theirs = await sold(two["eu"], times=2)
    sinks = await doors.sinks(settings_of(two))
    begun = await sinks.begin(request(theirs))
    assert isinstance(begun, GatewayCallBegun)
    assert begun.merchant == "eu"
    assert isinstance(await sinks.carry_out(_carry_out(begun), frozenset()), GatewayCallDone)
    assert [len(sandbox.books()) for sandbox in two.values()] == [1, 3]


async def test_what_no_account_knows_is_refused_and_what_several_know_needs_a_name(
    two: dict[str, Sandbox], doors: Doors
) -> None:
    one, other = await sold(two["main"]), await sold(two["eu"])
    assert one == other, "both sandboxes count from the same number"
    sinks = await doors.sinks(settings_of(two))
    unknown, both = await sinks.begin(request("1")), await sinks.begin(request(one))
    assert isinstance(unknown, GatewayCallRefused)
    assert unknown.code == "unknown-transaction"
    assert isinstance(both, GatewayCallRefused)
    assert both.code == "several-accounts"
    named = await sinks.begin(request(one, "eu"))
    assert isinstance(named, GatewayCallBegun)
    assert named.merchant == "eu"
    nobody = await sinks.begin(request(one, "us"))
    assert isinstance(nobody, GatewayCallRefused)
    assert nobody.code == "unknown-account"
    assert "main" in nobody.message


async def test_an_account_that_is_away_holds_back_its_own_calls_alone(two: dict[str, Sandbox], doors: Doors) -> None:
    mine = await sold(two["main"], times=2)
    sinks = await doors.sinks(settings_of(two, eu=NOWHERE))
    begun = await sinks.begin(request(mine))
    assert isinstance(begun, GatewayCallBegun), "main holds it, whoever else is away"
    with pytest.raises(Delayed, match="merchant account"):
        await sinks.begin(request("999999"))
    with pytest.raises(Delayed, match="merchant account eu"):
        await sinks.carry_out(replace(_carry_out(begun), merchant="eu"), frozenset())
    with pytest.raises(Delayed, match="no longer"):
        await sinks.carry_out(replace(_carry_out(begun), merchant="gone"), frozenset())


async def test_a_hint_is_settled_by_whichever_account_holds_it(two: dict[str, Sandbox], doors: Doors) -> None:
    await sold(two["main"])
    theirs = await sold(two["eu"], times=2)
    readers = await doors.readers(settings_of(two))
    (seen,) = await readers.look_up(theirs, ObservedBy.HOOK)
    assert seen.merchant == "eu"
    assert await readers.look_up("1", ObservedBy.HOOK) == ()
    shared = str(int(theirs) - 1)
    with pytest.raises(UnreadableAnswer, match="main, eu"):
        await readers.look_up(shared, ObservedBy.HOOK)
    away = await doors.readers(settings_of(two, eu=NOWHERE))
    with pytest.raises(PayTraceUnavailable):
        await away.look_up("1", ObservedBy.HOOK)


async def test_every_account_is_polled_and_one_with_a_wrong_password_stops_no_other(two: dict[str, Sandbox]) -> None:
    await sold(two["main"])
    await sold(two["eu"])
    settings = settings_of(two)
    wrong = {"bad": PayTraceAccount(password=SecretStr("wrong"))}
    accounts = settings.model_copy(update={"accounts": {**settings.accounts, **wrong}}).each()
    log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
    publisher, stop = Publisher("paytrace", log, Codec()), asyncio.Event()
    polls = [
        asyncio.create_task(
            _poll_account(
                account,
                PollingSettings(paytrace_every_s=0.05),
                publisher,
                poll_names(label, alone=False),
                stop,
                SilentPollObserver(),
                alone=False,
            )
        )
        for label, account in accounts.items()
    ]
    seen: set[str] = set()
    for _ in range(200):
        seen = {record.merchant for record in _observed(log)}
        if seen == {"main", "eu"}:
            break
        await asyncio.sleep(0.05)
    assert not any(poll.done() for poll in polls)
    stop.set()
    await asyncio.wait_for(asyncio.gather(*polls), 10)
    assert seen == {"main", "eu"}


def _observed(log: MemoryLog) -> list[TransactionObserved]:
    codec, found = Codec(), []
    for record in log.records("payments.observations.v1", 0):
        decoded: Any = codec.decode_as_written(record.value)
        if isinstance(decoded, TransactionObserved):
            found.append(decoded)
    return found
