"""Lost answers, searches that lag, locks, licences and number formats: never a second document, and nobody else waits.

Times are scaled: the search lags 0.4 s behind a save, and a document in doubt is looked for 1.2 s.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from app.composition.posting_claims import PostingClaims
from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasBusy, AbasDocumentContradicts, AbasDocumentInDoubt
from connectors.abas.probe import measure_search_lag
from connectors.abas.profile import Profile
from connectors.abas.profile_check import check_profile
from connectors.abas.sink import AbasSink
from schemas import catalog
from schemas.failures import ContractBroken, Delayed
from schemas.records.by_topic import ErpCommands, ErpOutcomes
from schemas.records.erp import DocumentPosted, DocumentRefused, PostDocument, RecordSaved
from schemas.wire.codec import Codec
from streams.edges.post_to_abas import post_to_abas
from streams.log.memory import MemoryLog
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.abas_commands import post_receipt, reverse_receipt, with_strategy, without_lock
from tests.support.abas_sandbox import AbasSandboxProcess, open_item
from tests.support.erp_data import customer, customers, seed_ledger
from tests.support.signing import RING, SIGNER, by_hand
from tests.support.typed import as_a

LAG_S, WAIT_S = 0.4, 1.2
STRATEGIES = ["infosystem", "editor", "typecommand", "editor without lock"]
CODEC = Codec()
_numbers = itertools.count(600_000)


def fresh() -> str:
    return f"PT{next(_numbers)}"


def chosen(profile: Profile, strategy: str, *, lag_s: float | None = None) -> Profile:
    """A profile as `saldo abas probe` writes it: without a measured lag unless one is given."""
    if strategy == "editor without lock":
        profile = without_lock(profile)
    else:
        named: Literal["infosystem", "editor", "typecommand"] = strategy  # type: ignore[assignment]  # of STRATEGIES
        profile = with_strategy(profile, named)
    return profile.model_copy(update={"posting": profile.posting.model_copy(update={"search_lag_s": lag_s})})


def documents_under(sandbox: AbasSandboxProcess, reference: str) -> list[dict[str, Any]]:
    return [d for d in sandbox.documents() if d["posting_reference"] == reference]


def new_log() -> MemoryLog:
    return MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)


def worker(client: AbasClient, profile: Profile, sandbox: AbasSandboxProcess, log: MemoryLog, name: str) -> AbasSink:
    """A process: what it remembers ends with it, the claims stay."""
    return AbasSink(client, profile, waiting(sandbox), rights=PostingClaims(log, CODEC, claimed_by=name))


def waiting(sandbox: AbasSandboxProcess) -> Any:
    return sandbox.settings(outcome_wait_s=WAIT_S, write_attempts=2)


async def until_known(sink: AbasSink, command: ErpCommands) -> ErpOutcomes:
    """What the task does with a held key: it asks again."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await sink.post(command)
            except Delayed:
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_lost_answer_and_a_search_that_lags_make_one_document_and_no_refusal(
    sandbox: AbasSandboxProcess, profile: Profile, strategy: str, is_restarted: bool
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-L"))
    sandbox.faults(search_lag_s=LAG_S, cut_after=1)
    log, named = new_log(), chosen(profile, strategy)
    async with AbasClient(waiting(sandbox)) as client:
        sink = worker(client, named, sandbox, log, "first")
        with pytest.raises(Delayed):
            await sink.post(post_receipt(reference, item))
        sink = worker(client, named, sandbox, log, "second") if is_restarted else sink
        outcome = await until_known(sink, post_receipt(reference, item))
    [document] = documents_under(sandbox, reference)
    assert isinstance(outcome, DocumentPosted)
    assert outcome.document_id == document["id"]


async def test_a_process_that_dies_between_creating_a_customer_and_its_record_makes_no_second_one(
    sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    seed_ledger(sandbox)
    key = fresh()
    command = customer(key, email=f"{key.lower()}@example.com", zip_code="89501", name=f"{key} Ltd")
    sandbox.faults(search_lag_s=LAG_S, cut_after=1)
    log = new_log()
    async with AbasClient(waiting(sandbox)) as client:
        with pytest.raises(Delayed):
            await worker(client, profile, sandbox, log, "first").post(command)
        outcome = await until_known(worker(client, profile, sandbox, log, "second"), command)
    assert isinstance(outcome, RecordSaved)
    assert [one["number"] for one in customers(sandbox, key)] == [outcome.erp_number]


@pytest.mark.parametrize("strategy", ["infosystem", "editor", "editor without lock"])
async def test_what_was_never_saved_is_sent_again_where_abas_takes_it_once_and_else_left_to_a_person(
    sandbox: AbasSandboxProcess, profile: Profile, strategy: str
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-N"))
    log, named, command = new_log(), chosen(profile, strategy), post_receipt(reference, item)
    async with AbasClient(waiting(sandbox)) as client:
        rights = PostingClaims(log, CODEC, claimed_by="killed before it could send")
        assert await rights.doubt(command.posting_reference, command.subject) is None
        assert await rights.claim(command.posting_reference, command.subject, "", after=None) is not None
        sink = worker(client, named, sandbox, log, "successor")
        began = asyncio.get_running_loop().time()
        if strategy == "infosystem":
            assert isinstance(await until_known(sink, command), DocumentPosted)
            assert asyncio.get_running_loop().time() - began > WAIT_S - 0.2
            return
        with pytest.raises(AbasDocumentInDoubt, match="killed before it could send"):
            await until_known(sink, command)
        assert documents_under(sandbox, reference) == []
        assert isinstance(await sink.post_checked(command, "erp.commands.v1/0/7 (dana)"), DocumentPosted)
    assert len(documents_under(sandbox, reference)) == 1


@pytest.mark.parametrize("strategy", ["infosystem", "editor", "editor without lock"])
async def test_a_paused_worker_and_its_successor_make_one_document_although_the_search_lags(
    sandbox: AbasSandboxProcess, profile: Profile, strategy: str
) -> None:
    log, named = new_log(), chosen(profile, strategy)
    references = [fresh() for _ in range(2)]
    items = sandbox.seed(*[open_item(f"RE-P{n}", "500.00") for n in range(2)])
    sandbox.faults(search_lag_s=LAG_S)
    async with AbasClient(waiting(sandbox)) as one, AbasClient(waiting(sandbox)) as other:
        sinks = [worker(client, named, sandbox, log, f"worker {n}") for n, client in enumerate((one, other))]
        for reference, item in zip(references, items, strict=True):
            command = post_receipt(reference, item)
            mine, theirs = await asyncio.gather(*(until_known(sink, command) for sink in sinks))
            assert mine == theirs
    assert [len(documents_under(sandbox, reference)) for reference in references] == [1, 1]


async def test_an_operators_replay_that_crashes_is_not_carried_out_twice(
    sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-O", "500.00"))
    log, named, command = new_log(), chosen(profile, "editor"), post_receipt(reference, item)
    replay = "erp.commands.v1/0/7 (dana)"
    async with AbasClient(waiting(sandbox)) as client:
        rights = PostingClaims(log, CODEC, claimed_by="killed")
        await rights.doubt(command.posting_reference, command.subject)
        await rights.claim(command.posting_reference, command.subject, "", after=None)
        with pytest.raises(AbasDocumentInDoubt):
            await until_known(worker(client, named, sandbox, log, "second"), command)
        sandbox.faults(search_lag_s=LAG_S, cut_after=1)
        with pytest.raises(Delayed):
            await worker(client, named, sandbox, log, "third").post_checked(command, replay)
        with pytest.raises(Delayed):
            await worker(client, named, sandbox, log, "fourth").post_checked(command, replay)
        outcome = await until_known(worker(client, named, sandbox, log, "fourth"), command)
    assert isinstance(outcome, DocumentPosted)
    assert len(documents_under(sandbox, reference)) == 1


async def test_the_receipt_of_a_reversal_may_show_late(sandbox: AbasSandboxProcess, profile: Profile) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-R"))
    sandbox.faults(search_lag_s=LAG_S)
    async with AbasClient(waiting(sandbox)) as client:
        sink = AbasSink(client, chosen(profile, "infosystem"), waiting(sandbox))
        await sink.post(post_receipt(reference, item))
        outcome = await until_known(sink, reverse_receipt(f"{reference}-R", reference, item))
    assert isinstance(outcome, DocumentPosted)


async def test_a_refusal_of_a_fresh_document_is_a_fact_at_once(sandbox: AbasSandboxProcess, profile: Profile) -> None:
    [item] = sandbox.seed(open_item("RE-F"))
    sandbox.faults(search_lag_s=LAG_S)
    async with AbasClient(waiting(sandbox)) as client:
        sink, log = AbasSink(client, chosen(profile, "editor"), waiting(sandbox)), new_log()
        outcome = await sink.post(post_receipt(fresh(), item, minor=99_999))
        assert isinstance(outcome, DocumentRefused)
        again = worker(client, chosen(profile, "editor"), sandbox, log, "another")
        smaller = post_receipt(outcome.posting_reference, item, minor=100)
        assert isinstance(await until_known(again, smaller), DocumentPosted)


# -- a task on top: others go on -------------------------------------------------------------------------------------


def task_of(sink: AbasSink, log: MemoryLog) -> Task[Any]:
    return Task(
        post_to_abas(sink, sink.post_checked),
        0,
        log=log,
        store=MemoryStore(),
        codec=CODEC,
        ring=RING,
        membership=SoleOwner(),
        observer=SilentObserver(),
        rules=TaskRules(held_first_s=0.1, held_longest_s=0.3),
    )


def enqueue(log: MemoryLog, commands: Sequence[PostDocument]) -> None:
    for command in commands:
        key = command.subject.encode()
        log._append(by_hand(log, "erp.commands.v1", command, CODEC.encode(command), key=key))


def reported(log: MemoryLog) -> list[str]:
    """References of the documents that the receivables have heard of, in order."""
    return [
        as_a(DocumentPosted, CODEC.decode(r.value)).posting_reference for r in log.records("receivables.inbox.v1", 0)
    ]


@pytest.mark.parametrize("trouble", ["lock", "doubt"])
@pytest.mark.parametrize("strategy", ["infosystem", "editor"])
async def test_one_customer_in_trouble_holds_no_other_back_and_keeps_his_order(
    sandbox: AbasSandboxProcess, profile: Profile, strategy: str, trouble: str
) -> None:
    theirs = f"8{next(_numbers)}"
    [a, b] = sandbox.seed(open_item("RE-T1", "500.00"), open_item("RE-T2", "500.00"))
    [other] = sandbox.seed(open_item("RE-T3", customer=theirs), customers=[{"number": theirs, "name": "Other"}])
    first, second, third = (fresh() for _ in range(3))
    log = new_log()
    enqueue(log, [post_receipt(first, a), post_receipt(second, b), post_receipt(third, other, customer=theirs)])
    held = next(c["id"] for c in sandbox.admin("GET", "books")["customers"] if c["number"] == "70001")
    sandbox.faults(**({"locked_s": {held: 1.0}} if trouble == "lock" else {"search_lag_s": LAG_S, "cut_after": 1}))
    settings = waiting(sandbox).model_copy(update={"lock_wait_s": 0})
    async with AbasClient(settings) as client, asyncio.timeout(30):
        rights = PostingClaims(log, CODEC, claimed_by="worker")
        task = task_of(AbasSink(client, chosen(profile, strategy), settings, rights=rights), log)
        while len(reported(log)) < 3:
            await task.catch_up()
            await task.retry_held()
            assert task.stalled_because is None
            await asyncio.sleep(0.05)
    heard = reported(log)
    assert [reference for reference in heard if reference != third] == [first, second]
    if trouble == "lock":
        assert heard[0] == third
    assert [len(documents_under(sandbox, reference)) for reference in (first, second, third)] == [1, 1, 1]


# -- the probe -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag_s", [0.0, 1.5])
async def test_the_lag_of_the_search_is_measured_and_the_record_left_as_it_was(
    sandbox: AbasSandboxProcess, profile: Profile, lag_s: float
) -> None:
    sandbox.seed()
    sandbox.faults(search_lag_s=lag_s)
    before = [c["vault_customer_id"] for c in sandbox.admin("GET", "books")["customers"] if c["number"] == "70001"]
    async with AbasClient(sandbox.settings()) as client:
        measured = await measure_search_lag(client, profile, "70001", times=2)
    assert (measured == 0.0) if lag_s == 0.0 else (lag_s <= measured < lag_s + 10.0)
    after = [c["vault_customer_id"] for c in sandbox.admin("GET", "books")["customers"] if c["number"] == "70001"]
    assert after == before


# -- sessions --------------------------------------------------------------------------------------------------------


async def test_a_client_keeps_to_one_session_and_ends_it(sandbox: AbasSandboxProcess, profile: Profile) -> None:
    items = sandbox.seed(*[open_item(f"RE-S{n}") for n in range(4)])
    sandbox.faults(sessions=1)
    settings = sandbox.settings(concurrency=1)
    for item in items:
        async with AbasClient(settings) as client:
            sink = AbasSink(client, with_strategy(profile, "editor"), settings)
            assert isinstance(await sink.post(post_receipt(fresh(), item)), DocumentPosted)


async def test_a_limit_of_sessions_is_said_clearly_and_makes_everybody_wait(sandbox: AbasSandboxProcess) -> None:
    sandbox.faults(sessions=1)
    settings = sandbox.settings(read_attempts=1)
    async with AbasClient(settings) as first, AbasClient(settings) as second:
        await first.about()
        with pytest.raises(AbasBusy, match="SALDO_ABAS_CONCURRENCY"):
            await second.about()
    async with AbasClient(settings) as third:
        await third.about()


# -- decimal comma ---------------------------------------------------------------------------------------------------


def with_mark(profile: Profile, mark: str | None) -> Profile:
    return profile.model_copy(update={"formats": profile.formats.model_copy(update={"decimal_mark": mark})})


@pytest.mark.parametrize("wrong_mark", ["refused", "dropped"])
@pytest.mark.parametrize(("minor", "currency"), [(123_456, "USD"), (1_234, "USD"), (1_250, "JPY"), (1_234_567, "KWD")])
async def test_amounts_are_written_in_the_format_that_the_profile_says(
    sandbox: AbasSandboxProcess, client: AbasClient, profile: Profile, minor: int, currency: str, wrong_mark: str
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-C", "9999", currency))
    sandbox.faults(decimal_mark=",", wrong_mark=wrong_mark)
    german = with_mark(profile, ",")
    await check_profile(german, client)
    outcome = await AbasSink(client, german, sandbox.settings()).post(
        post_receipt(reference, item, minor=minor, currency=currency)
    )
    assert isinstance(outcome, DocumentPosted)
    [document] = documents_under(sandbox, reference)
    assert document["amount_minor"] == minor


@pytest.mark.parametrize("wrong_mark", ["refused", "dropped"])
async def test_a_profile_that_writes_the_wrong_mark_is_refused_before_anything_is_posted(
    sandbox: AbasSandboxProcess, client: AbasClient, profile: Profile, wrong_mark: str
) -> None:
    sandbox.faults(decimal_mark=",", wrong_mark=wrong_mark)
    with pytest.raises(ContractBroken, match="decimal_mark"):
        await check_profile(profile, client)
    sandbox.faults(decimal_mark=".", wrong_mark=wrong_mark)
    with pytest.raises(ContractBroken, match="decimal_mark"):
        await check_profile(with_mark(profile, ","), client)


async def test_what_abas_misread_is_read_back_and_is_no_success(
    sandbox: AbasSandboxProcess, client: AbasClient, profile: Profile
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-M", "999999.00"))
    sandbox.faults(decimal_mark=",", wrong_mark="dropped")
    with pytest.raises(AbasDocumentContradicts, match="123456"):
        await AbasSink(client, profile, sandbox.settings()).post(post_receipt(reference, item, minor=123_456))
