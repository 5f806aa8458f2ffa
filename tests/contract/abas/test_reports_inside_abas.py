"""The main reports as records of abas' own tables: from the read side over the topic into the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from app.sources.polling import Publisher
from app.sources.reports import ReportSource
from connectors.abas.client import AbasClient
from connectors.abas.criteria import Selection
from connectors.abas.profile import Profile
from connectors.abas.sink import AbasSink
from schemas import catalog
from schemas.checks.plausibility import plain_text
from schemas.records.erp import RecordSaved, SaveRecord
from schemas.wire.codec import Codec
from streams.log.memory import MemoryLog
from tests.support.abas_sandbox import AbasSandboxProcess
from tests.support.erp_data import profile_in, seed_ledger
from tests.support.signing import SIGNER

WAITING = {
    "waiting_since": "2026-11-20 12:00:00.000000",
    "waits_in": "receivables",
    "reason": "AMOUNT_DIFFERS",
    "paytrace_transaction_id": "79388123",
    "posting_reference": "PT79388123",
    "abas_customer_id": "70001",
    "invoice_number": "RE-1",
    "signed_minor": 100_00,
    "currency": "USD",
}
BRIDGE = {
    "day": "2026-11-20",
    "currency": "USD",
    "captured_minor": 300_00,
    "refunded_minor": 0,
    "voided_minor": 0,
    "returned_minor": 0,
    "charged_back_minor": 0,
    "posted_minor": 200_00,
    "waiting_minor": 100_00,
    "parked_minor": 0,
    "residual_minor": 0,
}
BANK_LINE = {
    "bank_line_id": "main/2026-11-21/200.00/1",
    "booked_on": "2026-11-21",
    "status": "matched",
    "deposit_minor": 200_00,
    "fee_minor": 0,
    "currency": "USD",
    "line_count": 2,
    "text": "PAYTRACE BATCH 17",
    "detail": "",
}


def _text(value: Any) -> str:
    return "" if value is None else plain_text(str(value))


class ReadSide:
    """What the reports answer now."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {
            "bridge_by_day": [BRIDGE],
            "waiting_money": [WAITING],
            "bank_lines": [BANK_LINE],
        }

    def ask(self, name: str) -> Sequence[Mapping[str, Any]]:
        return self.rows[name]


@pytest.fixture(params=["en", "de"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def client(sandbox: AbasSandboxProcess, language: str) -> AsyncIterator[AbasClient]:
    seed_ledger(sandbox)
    async with AbasClient(sandbox.settings(variable_language=language, accept_language=language)) as running:
        yield running


class Office:
    """A read side, the process that publishes it, and the sink that takes what it wrote."""

    def __init__(self, client: AbasClient, profile: Profile, sandbox: AbasSandboxProcess) -> None:
        self.read_side, self._client, self._profile = ReadSide(), client, profile
        self._sink = AbasSink(client, profile, sandbox.settings())
        self._log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
        self._taken = 0
        self.restart()

    def restart(self) -> None:
        self._publisher = Publisher(ReportSource.name, self._log, Codec())
        self._source = ReportSource(self.read_side.ask, lambda: self._publisher.subjects)

    async def round(self) -> list[SaveRecord]:
        """One round of the process; what it wrote is in abas afterwards."""
        await self._publisher.remember()
        await self._publisher.publish(self._source.poll())
        written = self._log.records("erp.commands.v1", 0)[self._taken :]
        self._taken += len(written)
        commands = [Codec().decode_as_written(record.value) for record in written]
        for command in commands:
            assert isinstance(command, SaveRecord)
            assert isinstance(await self._sink.post(command), RecordSaved)
        return commands  # type: ignore[return-value]

    async def table(self, kind: str) -> list[dict[str, str]]:
        """What abas' own table holds, by our word of each field."""
        way = self._profile.records[kind]
        wanted = dict(way.inputs)
        found = self._client.query(
            way.table,
            Selection((), order_by=way.order_by),
            ["id", *wanted.values()],
            order_option=self._profile.formats.order_option,
        )
        return [{role: _text(record.head[name].value) for role, name in wanted.items()} async for record in found]


@pytest.fixture
def office(client: AbasClient, language: str, empty_sandbox: AbasSandboxProcess) -> Office:
    seed_ledger(empty_sandbox)
    return Office(client, profile_in(language), empty_sandbox)


async def test_bridge_waiting_money_and_deposits_stand_in_abas_once(office: Office) -> None:
    assert len(await office.round()) == 3
    (day,) = await office.table("bridge_day")
    assert (day["natural_key"], float(day["captured"]), float(day["residual"])) == ("2026-11-20 USD", 300, 0)
    (waiting,) = await office.table("waiting_money")
    assert (waiting["state"], waiting["reason"], float(waiting["amount"])) == ("WAITING", "AMOUNT_DIFFERS", 100)
    (deposit,) = await office.table("deposit_explanation")
    assert (deposit["state"], deposit["detail"]) == ("matched", "PAYTRACE BATCH 17")
    assert await office.round() == [], "nothing is new"
    office.restart()
    assert await office.round() == [], "nor for a process that starts anew"


async def test_a_row_that_changes_is_the_same_record_and_one_that_is_gone_is_done(office: Office) -> None:
    await office.round()
    office.read_side.rows["bridge_by_day"] = [{**BRIDGE, "posted_minor": 300_00, "waiting_minor": 0}]
    office.read_side.rows["waiting_money"] = []
    assert len(await office.round()) == 2
    (day,) = await office.table("bridge_day")
    assert (float(day["posted"]), float(day["waiting"])) == (300, 0)
    (waiting,) = await office.table("waiting_money")
    assert waiting["state"] == "DONE"
    assert await office.round() == []
    office.read_side.rows["waiting_money"] = [WAITING]
    await office.round()
    (again,) = await office.table("waiting_money")
    assert again["state"] == "WAITING"
