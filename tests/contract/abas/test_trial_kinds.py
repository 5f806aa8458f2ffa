"""Deposit, its reversal and product: kinds that are data only, on both profiles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasDocumentContradicts
from connectors.abas.profile_check import check_profile
from connectors.abas.sink import AbasSink
from schemas.records.erp import DocumentPosted, RecordSaved
from tests.support.abas_sandbox import AbasSandboxProcess
from tests.support.erp_data import entries, profile_in
from tests.support.trial_data import deposit, deposit_reversal, product, seed_bank


@pytest.fixture(params=["en", "de"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def abas(sandbox: AbasSandboxProcess, language: str) -> AsyncIterator[AbasClient]:
    seed_bank(sandbox)
    async with AbasClient(sandbox.settings(variable_language=language, accept_language=language)) as client:
        yield client


@pytest.fixture
def sink(sandbox: AbasSandboxProcess, abas: AbasClient, language: str) -> AbasSink:
    return AbasSink(abas, profile_in(language), sandbox.settings())


async def test_the_profile_fits(abas: AbasClient, language: str) -> None:
    await check_profile(profile_in(language), abas)


async def test_a_deposit_is_posted_once_and_taken_back_once(
    sandbox: AbasSandboxProcess, sink: AbasSink, language: str
) -> None:
    command, back = deposit(f"DEP-{language}"), deposit_reversal(f"BACK-{language}", f"DEP-{language}")
    posted = await sink.post(command)
    assert isinstance(posted, DocumentPosted)
    assert await sink.post(command) == posted
    assert isinstance(await sink.post(back), DocumentPosted)
    [entry] = entries(sandbox, command.posting_reference)
    assert [(row["account"], row["debit_minor"], row["credit_minor"]) for row in entry["rows"]] == [
        ("1200", 100_00, 0),
        ("1361", 0, 100_00),
    ]
    [taken_back] = entries(sandbox, back.posting_reference)
    assert taken_back["reverses_reference"] == command.posting_reference
    with pytest.raises(AbasDocumentContradicts, match="batch_number"):
        await sink.post(replace(command, values={**command.values, "batch_number": "43"}))


async def test_a_product_is_created_and_changed(sink: AbasSink, language: str) -> None:
    created = await sink.post(product(f"SKU{language}"))
    assert isinstance(created, RecordSaved)
    changed = await sink.post(product(f"SKU{language}", name="Big widget", version=created.record_version))
    assert isinstance(changed, RecordSaved)
    assert (changed.record_id, changed.record_version) == (created.record_id, created.record_version + 1)
