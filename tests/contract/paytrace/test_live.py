"""The same agreement with the real PayTrace, on request: pytest -m live, reads only.

Credentials come from SALDO_LIVE_PAYTRACE_BASE_URL, _USERNAME, _PASSWORD, _INTEGRATOR_ID and _MERCHANT_ID. What these
tests find goes into the check-list of docs/paytrace.md.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.errors import LoginRejected
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.source import PayTraceSource
from schemas.checks.sensitive import find_sensitive
from schemas.records.payments import TransactionKind, TransactionStatus

pytestmark = pytest.mark.live
PREFIX = "SALDO_LIVE_PAYTRACE_"


@pytest.fixture
def settings() -> PayTraceSettings:
    if f"{PREFIX}USERNAME" not in os.environ:
        pytest.skip(f"{PREFIX}USERNAME is not set")
    return PayTraceSettings(
        base_url=os.environ[f"{PREFIX}BASE_URL"],
        username=os.environ[f"{PREFIX}USERNAME"],
        password=SecretStr(os.environ[f"{PREFIX}PASSWORD"]),
        integrator_id=os.environ.get(f"{PREFIX}INTEGRATOR_ID", ""),
        merchant_id=int(os.environ.get(f"{PREFIX}MERCHANT_ID", "0")),
    )


@pytest.fixture
async def client(settings: PayTraceSettings) -> AsyncIterator[PayTraceClient]:
    async with PayTraceClient(settings) as running:
        yield running


async def test_every_row_of_two_weeks_has_a_reading(client: PayTraceClient, settings: PayTraceSettings) -> None:
    today = datetime.now(UTC).astimezone(settings.zone).date()
    source = PayTraceSource(client, settings)
    records = [record async for _, (record,) in source.poll(today - timedelta(days=14), today)]
    strange = {
        (record.raw_kind, record.raw_status)
        for record in records
        if TransactionStatus.UNKNOWN is record.status or TransactionKind.UNKNOWN is record.kind
    }
    assert strange == set()
    assert find_sensitive("", [record.raw for record in records]) is None


async def test_batches_add_up(client: PayTraceClient) -> None:
    today = datetime.now(UTC).date()
    batches = await client.export_batches(today - timedelta(days=14), today)
    if not batches:
        pytest.skip("no batch yet")
    batch = batches[-1]
    rows = await client.export_batch_transactions(int(batch["batch_number"]))
    net = sum((-1 if row["transaction_type"] == "REFUND" else 1) * row["amount"] for row in rows)
    assert net == batch["net_amount"]


async def test_an_unknown_id_is_no_row(client: PayTraceClient) -> None:
    assert await client.export_transaction("1") is None


async def test_a_wrong_password_is_distinguished(settings: PayTraceSettings) -> None:
    async with PayTraceClient(settings.model_copy(update={"password": SecretStr("wrong")})) as client:
        with pytest.raises(LoginRejected):
            await client.export_customers("nobody")
