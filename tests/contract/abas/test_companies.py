"""Two companies that give the same numbers, each a sandbox of its own: whatever leaves the room carries the label."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.companies import CompanySinks, labelled
from connectors.abas.profile import Profile
from connectors.abas.settings import AbasCompany, AbasSettings
from connectors.abas.sink import AbasSink
from connectors.abas.source import AbasSource
from schemas.failures import Delayed
from schemas.records.erp import DocumentPosted, DocumentRefused, PostDocument, RecordSaved, SubjectKind
from schemas.records.identification import OpenItemReferenced
from schemas.records.ledger import DepositExplained
from schemas.records.receivables import OpenItemObserved
from streams.domain.ledger import INITIAL, decide, evolve, route
from tests.support.abas_commands import post_receipt
from tests.support.abas_sandbox import AbasSandboxProcess, open_item, running_sandbox
from tests.support.erp_data import fee, sales_order, seed_ledger
from tests.support.policies import LEDGER

NOWHERE = "http://127.0.0.1:9/mw"


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("abas-second")) as sandbox:
        sandbox.seed(open_item())
        yield sandbox


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def settings_of(first: AbasSandboxProcess, **addresses: str) -> AbasSettings:
    companies = {label: AbasCompany(base_url=address) for label, address in addresses.items()}
    return first.settings(companies=companies, read_attempts=1, write_attempts=1)


def sinks_of(settings: AbasSettings, profile: Profile, opened: AsyncExitStack) -> CompanySinks:
    async def sink(own: AbasSettings) -> AbasSink:
        return AbasSink(await opened.enter_async_context(AbasClient(own)), profile, own)

    ways: dict[str, Callable[[], Awaitable[AbasSink]]] = {
        label: partial(sink, own) for label, own in settings.each().items()
    }
    return CompanySinks(ways)


async def items_of(settings: AbasSettings, profile: Profile, opened: AsyncExitStack, label: str) -> list[Any]:
    own = settings.each()[label]
    source = AbasSource(await opened.enter_async_context(AbasClient(own)), profile, own)
    return [record async for _, records in labelled(source.poll(), label) for record in records]


async def test_a_document_goes_into_the_company_of_its_subject(
    sandbox: AbasSandboxProcess, second: AbasSandboxProcess, profile: Profile, opened: AsyncExitStack
) -> None:
    settings = settings_of(sandbox, de=sandbox.base_url, at=second.base_url)
    seen = await items_of(settings, profile, opened, "at")
    item = next(record for record in seen if isinstance(record, OpenItemObserved) and record.open_minor)
    named = next(record for record in seen if isinstance(record, OpenItemReferenced))
    assert item.abas_customer_id.startswith("at/")
    assert item.abas_open_item_id.startswith("at/")
    assert named.token.startswith("invoice:"), "payers know an invoice by its number alone"

    before = len(sandbox.admin("GET", "books")["documents"])
    receipt = post_receipt("SALDO-P-1", item.abas_open_item_id, minor=100, customer=item.abas_customer_id)
    sinks = sinks_of(settings, profile, opened)
    posted = await sinks.post(receipt)
    assert isinstance(posted, DocumentPosted)
    assert (posted.subject, posted.lines) == (receipt.subject, receipt.lines), "in the words of whoever asked"
    assert [one["posting_reference"] for one in second.admin("GET", "books")["documents"]] == ["SALDO-P-1"]
    assert len(sandbox.admin("GET", "books")["documents"]) == before


async def test_accounts_and_records_belong_to_a_company_too(
    sandbox: AbasSandboxProcess, second: AbasSandboxProcess, profile: Profile, opened: AsyncExitStack
) -> None:
    for one in (sandbox, second):
        seed_ledger(one)
    sinks = sinks_of(settings_of(sandbox, de=sandbox.base_url, at=second.base_url), profile, opened)
    entry = fee("SALDO-F-1")
    posted = await sinks.post(replace(entry, subject=f"at/{entry.subject}"))
    assert isinstance(posted, DocumentPosted)
    assert (posted.subject_kind, posted.subject) == (SubjectKind.ACCOUNT, f"at/{entry.subject}")
    saved = await sinks.post(sales_order("S-1", {"1": ("10001", "2", "10.00")}, of="at/70001"))
    assert isinstance(saved, RecordSaved)
    books = second.admin("GET", "books")
    assert [one["posting_reference"] for one in books["entries"]] == ["SALDO-F-1"]
    assert [one["customer"] for one in books["sales_orders"] if one["shop_reference"] == "S-1"] == ["70001"]


async def test_a_company_that_is_away_or_unknown_holds_back_its_own_documents(
    sandbox: AbasSandboxProcess, profile: Profile, opened: AsyncExitStack
) -> None:
    seed_ledger(sandbox)
    sinks = sinks_of(settings_of(sandbox, de=sandbox.base_url, at=NOWHERE), profile, opened)
    entry = fee("SALDO-F-2")
    for subject, said in (("at/1361", "company at: "), ("it/1361", "none of the companies at, de")):
        with pytest.raises(Delayed, match=said):
            await sinks.post(replace(entry, subject=subject))
    assert isinstance(await sinks.post(replace(entry, subject="de/1361")), DocumentPosted)


async def test_a_document_of_an_account_without_a_company_is_refused_with_the_remedy(
    sandbox: AbasSandboxProcess, profile: Profile, opened: AsyncExitStack
) -> None:
    sinks = sinks_of(settings_of(sandbox, de=sandbox.base_url, at=NOWHERE), profile, opened)
    refused = await sinks.post(replace(fee("SALDO-F-9"), settlement_account="main/USD"))
    assert isinstance(refused, DocumentRefused)
    assert refused.code == "MISSING_MAPPING/company"
    assert "merchant account main" in refused.message


async def test_the_only_company_carries_no_label(
    sandbox: AbasSandboxProcess, profile: Profile, opened: AsyncExitStack
) -> None:
    seed_ledger(sandbox)
    settings = sandbox.settings()
    assert list(settings.each()) == [""]
    posted = await sinks_of(settings, profile, opened).post(fee("SALDO-F-3"))
    assert posted.subject == "1361"


MAIN, SECOND = "main/USD", "second/USD"


def documents_of_ledgers() -> dict[str, list[PostDocument]]:
    """Deposit and fee of two merchant accounts, as the ledger asks for them by a mapping that names their companies."""
    policy = replace(LEDGER, companies={"main": "de", "second": "at"})
    told = datetime(2026, 11, 25, 6, tzinfo=UTC)
    asked: dict[str, list[PostDocument]] = {}
    for account in (MAIN, SECOND):
        deposit = DepositExplained(
            settlement_account=account,
            bank_line_id=f"line-{account}",
            deposit_minor=96_80,
            records_minor=100_00,
            rest_minor=0,
            fee_minor=3_20,
            tax_minor=20,
            currency="USD",
            moved_on=date(2026, 11, 25),
            occurred_at=told,
        )
        state = INITIAL
        for event in decide(state, deposit, policy):
            state = evolve(state, event)
            commands = [one.record for one in route(state, event) if isinstance(one.record, PostDocument)]
            asked[account] = [*asked.get(account, []), *commands]
    return asked


async def test_each_company_gets_its_own_fees_and_deposits_and_one_that_is_away_holds_up_no_other(
    sandbox: AbasSandboxProcess, second: AbasSandboxProcess, profile: Profile, opened: AsyncExitStack
) -> None:
    for one in (sandbox, second):
        seed_ledger(one)
    asked = documents_of_ledgers()
    assert [(one.kind, one.subject) for one in asked[SECOND]] == [("deposit", "at/1361"), ("fee", "at/1361")]
    away = sinks_of(settings_of(sandbox, de=sandbox.base_url, at=NOWHERE), profile, opened)
    for document in asked[SECOND]:
        with pytest.raises(Delayed, match="company at: "):
            await away.post(document)
    for document in asked[MAIN]:
        assert isinstance(await away.post(document), DocumentPosted)
    both = sinks_of(settings_of(sandbox, de=sandbox.base_url, at=second.base_url), profile, opened)
    for document in (*asked[SECOND], *asked[MAIN]):
        posted = await both.post(document)
        assert isinstance(posted, DocumentPosted)
        assert (posted.subject, posted.lines) == (document.subject, document.lines)
    for one, account in ((sandbox, MAIN), (second, SECOND)):
        references = {document.posting_reference for document in asked[account]}
        others = {document.posting_reference for name in asked if name != account for document in asked[name]}
        entries = [entry["posting_reference"] for entry in one.admin("GET", "books")["entries"]]
        assert sorted(name for name in entries if name in references | others) == sorted(references)
