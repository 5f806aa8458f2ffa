"""What the sink promises, over real HTTP, for every way of posting.

Where a double must not happen, the open item is large enough to take one, so that nothing but the sink prevents it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from datetime import date
from typing import Literal

import pytest

from connectors.abas.client import AbasClient, Action
from connectors.abas.errors import (
    AbasDocumentContradicts,
    AbasDocumentInDoubt,
    AbasObjectLocked,
    AbasOutcomeUnknown,
    AbasUnavailable,
)
from connectors.abas.profile import Profile
from connectors.abas.settings import AbasSettings
from connectors.abas.sink import AbasSink
from connectors.abas.working_set import close_left_open, working_set
from schemas.failures import Transient
from schemas.records.erp import DocumentPosted, DocumentRefused
from tests.support.abas_commands import post_receipt, reverse_receipt, with_strategy, without_lock
from tests.support.abas_sandbox import AbasSandboxProcess, open_item

_numbers = itertools.count(500_000)


def fresh() -> str:
    return f"PT{next(_numbers)}"


def documents_under(sandbox: AbasSandboxProcess, reference: str) -> list[dict[str, object]]:
    return [d for d in sandbox.documents() if d["posting_reference"] == reference]


def item_state(sandbox: AbasSandboxProcess, item: str) -> tuple[int, bool]:
    found = next(i for i in sandbox.open_items() if i["id"] == item)
    return int(found["open_minor"]), bool(found["filed"])


# The one request of a posting without a lock was lost, and a second one could make a second document.
NOTHING_FENCES = {("editor without lock", "cut_before"), ("editor without lock", "internal_error")}


@pytest.fixture(params=["infosystem", "editor", "editor without lock"])
def strategy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def strategy_profile(strategy: str, profile: Profile) -> Profile:
    if strategy == "editor without lock":
        return without_lock(profile)
    return with_strategy(profile, "editor" if strategy == "editor" else "infosystem")


@pytest.fixture
def sink(sandbox: AbasSandboxProcess, client: AbasClient, strategy_profile: Profile) -> AbasSink:
    return AbasSink(client, strategy_profile, sandbox.settings())


async def test_a_receipt_clears_its_open_item(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-1"))
    outcome = await sink.post(post_receipt(reference, item))
    assert isinstance(outcome, DocumentPosted)
    [document] = documents_under(sandbox, reference)
    assert (document["number"], document["id"]) == (outcome.document_number, outcome.document_id)
    assert (document["kind"], document["amount_minor"], document["currency"]) == ("receipt", 12500, "USD")
    assert document["value_on"] == "2026-11-20"
    assert item_state(sandbox, item) == (0, True)


@pytest.mark.parametrize(
    ("currency", "text", "minor"), [("JPY", "1250", 1250), ("KWD", "125.125", 125125), ("USD", "0.01", 1)]
)
async def test_amounts_are_exact_in_every_currency(
    sandbox: AbasSandboxProcess, sink: AbasSink, currency: str, text: str, minor: int
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-2", text, currency))
    outcome = await sink.post(post_receipt(reference, item, minor=minor, currency=currency))
    assert isinstance(outcome, DocumentPosted)
    assert (outcome.lines[0].amount_minor, outcome.lines[0].currency) == (minor, currency)
    assert item_state(sandbox, item) == (0, True)


async def test_posting_again_reports_the_same_story_and_posts_nothing(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-3", "250.00"))
    command = post_receipt(reference, item)
    assert await sink.post(command) == await sink.post(command)
    assert len(documents_under(sandbox, reference)) == 1


async def test_a_part_reversal_reopens_the_item(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-4"))
    await sink.post(post_receipt(reference, item))
    command = reverse_receipt(f"{reference}-R1", reference, item, minor=2500)
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentPosted)
    assert (outcome.lines[0].amount_minor, outcome.reverses_reference) == (2500, reference)
    [document] = documents_under(sandbox, f"{reference}-R1")
    assert (document["kind"], document["reverses_reference"]) == ("reversal", reference)
    assert item_state(sandbox, item) == (2500, False)
    assert await sink.post(command) == outcome
    assert len(documents_under(sandbox, f"{reference}-R1")) == 1


async def test_a_reversal_without_its_receipt_is_refused(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-5"))
    outcome = await sink.post(reverse_receipt(f"{reference}-R", reference, item))
    assert isinstance(outcome, DocumentRefused)
    assert outcome.code == "MISSING_OBJECT/receipt"
    assert documents_under(sandbox, f"{reference}-R") == []


async def test_a_reversal_above_its_receipt_is_refused(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-6"))
    await sink.post(post_receipt(reference, item, minor=10000))
    await sink.post(reverse_receipt(f"{reference}-R1", reference, item, minor=6000))
    outcome = await sink.post(reverse_receipt(f"{reference}-R2", reference, item, minor=6000))
    assert isinstance(outcome, DocumentRefused)
    assert outcome.code == "OTHER/4105"


async def test_a_closed_period_is_a_fact(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-7"))
    sandbox.faults(closed_periods=["2026-10"])
    command = post_receipt(reference, item, value_on=date(2026, 10, 31))
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentRefused)
    assert outcome.code == "PERIOD_CLOSED/2202"
    assert "Posting period 10/2026 is closed" in outcome.message
    assert outcome.field_name is not None
    assert outcome.occurred_at == command.occurred_at
    assert documents_under(sandbox, reference) == []


async def test_an_item_already_paid_is_refused(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    [item] = sandbox.seed(open_item("RE-8"))
    await sink.post(post_receipt(fresh(), item))
    outcome = await sink.post(post_receipt(fresh(), item))
    assert isinstance(outcome, DocumentRefused)
    assert outcome.code == "OTHER/4102"


async def test_a_foreign_currency_is_refused(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    [item, _] = sandbox.seed(open_item("RE-9"), open_item("RE-9E", currency="EUR"))
    outcome = await sink.post(post_receipt(fresh(), item, currency="EUR"))
    assert isinstance(outcome, DocumentRefused)
    assert outcome.code == "OTHER/4103"


async def test_an_unknown_customer_is_refused(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    [item] = sandbox.seed(open_item("RE-10"))
    outcome = await sink.post(post_receipt(fresh(), item, customer="79999"))
    assert isinstance(outcome, DocumentRefused)


@pytest.mark.parametrize("switch", ["cut_before", "cut_after", "unavailable", "internal_error", "rate_limited"])
async def test_one_fault_of_each_kind_still_gives_exactly_one_document(
    sandbox: AbasSandboxProcess, sink: AbasSink, strategy: str, switch: str
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-11", "250.00"))
    sandbox.faults(**{switch: 1})
    command = post_receipt(reference, item)
    if (strategy, switch) in NOTHING_FENCES:
        with pytest.raises(AbasDocumentInDoubt, match=reference):
            await sink.post(command)
        assert documents_under(sandbox, reference) == []
        outcome: object = await sink.post_checked(command, "a person looked")
    else:
        outcome = await sink.post(command)
    assert isinstance(outcome, DocumentPosted)
    [document] = documents_under(sandbox, reference)
    assert document["id"] == outcome.document_id
    assert item_state(sandbox, item) == (12500, False)


async def test_a_gateways_page_instead_of_an_answer_is_no_success(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-12", "250.00"))
    sandbox.faults(wrong_content_type=2)
    assert isinstance(await sink.post(post_receipt(reference, item)), DocumentPosted)
    assert len(documents_under(sandbox, reference)) == 1


async def test_an_answer_that_comes_too_late_gives_one_document(
    sandbox: AbasSandboxProcess, strategy_profile: Profile
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-13", "250.00"))
    sandbox.faults(slow_posting_s=1.0)
    settings = sandbox.settings(read_timeout_s=0.4, retry_initial_s=0.1)
    async with AbasClient(settings) as client:
        outcome = await AbasSink(client, strategy_profile, settings).post(post_receipt(reference, item))
    assert isinstance(outcome, DocumentPosted)
    assert len(documents_under(sandbox, reference)) == 1


async def at_once(pause_s: float) -> None:
    """Wait for nothing, where the pauses prove nothing."""


async def test_a_connection_cut_again_and_again_ends_transient_with_nothing_posted(
    sandbox: AbasSandboxProcess, client: AbasClient, strategy_profile: Profile
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-14"))
    sandbox.faults(cut_before=50)
    sink = AbasSink(client, strategy_profile, sandbox.settings(), sleep=at_once)
    with pytest.raises(Transient):
        await sink.post(post_receipt(reference, item))
    sandbox.faults(cut_before=0)
    assert documents_under(sandbox, reference) == []


async def test_an_outage_longer_than_the_retries_is_transient(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-15"))
    sandbox.faults(unavailable=1000)
    with pytest.raises(AbasUnavailable):
        await sink.post(post_receipt(reference, item))
    sandbox.faults(unavailable=0)
    assert isinstance(await sink.post(post_receipt(reference, item)), DocumentPosted)


async def test_a_server_that_is_away_is_transient(own_sandbox: AbasSandboxProcess, profile: Profile) -> None:
    own_sandbox.kill()
    settings = own_sandbox.settings(read_attempts=2)
    async with AbasClient(settings) as client:
        with pytest.raises(AbasUnavailable):
            await AbasSink(client, profile, settings).post(post_receipt("PT1", "(1,900,0)"))


async def test_a_locked_customer_is_waited_for_and_then_reported(sandbox: AbasSandboxProcess, profile: Profile) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-16"))
    customer = next(c["id"] for c in sandbox.admin("GET", "books")["customers"] if c["number"] == "70001")
    sandbox.faults(locked=[customer])
    settings = sandbox.settings(lock_wait_s=0, write_attempts=3)
    async with AbasClient(settings) as client:
        sink = AbasSink(client, with_strategy(profile, "editor"), settings)
        with pytest.raises(AbasObjectLocked):
            await sink.post(post_receipt(reference, item))
        assert documents_under(sandbox, reference) == []
        sandbox.faults(locked=[])
        assert isinstance(await sink.post(post_receipt(reference, item)), DocumentPosted)


async def test_another_document_under_our_reference_is_not_taken_for_ours(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-17"))
    await sink.post(post_receipt(reference, item, minor=5000))
    with pytest.raises(AbasDocumentContradicts, match=reference):
        await sink.post(post_receipt(reference, item, minor=6000))


@pytest.mark.parametrize("strategy", ["infosystem", "editor"])
async def test_a_document_of_another_customer_under_our_reference_is_not_taken_for_ours(
    sandbox: AbasSandboxProcess, profile: Profile, strategy: Literal["infosystem", "editor"]
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-18"))
    settings = sandbox.settings()
    async with AbasClient(settings) as client:
        sink = AbasSink(client, with_strategy(profile, strategy), settings)
        await sink.post(post_receipt(reference, item, minor=5000))
        with pytest.raises(AbasDocumentContradicts, match=r"70001.*70002"):
            await sink.post(post_receipt(reference, item, minor=5000, customer="70002"))
    assert len(documents_under(sandbox, reference)) == 1


@pytest.mark.parametrize("strategy", ["infosystem", "editor"])
async def test_two_writers_at_once_make_one_document(
    sandbox: AbasSandboxProcess, profile: Profile, strategy: Literal["infosystem", "editor"]
) -> None:
    references = [fresh() for _ in range(10)]
    strategy_profile = with_strategy(profile, strategy)
    items = sandbox.seed(*[open_item(f"RE-W{n}", "250.00") for n in range(10)])
    settings = sandbox.settings(concurrency=1)
    async with AbasClient(settings) as first, AbasClient(settings) as second:
        sinks = [AbasSink(c, strategy_profile, settings) for c in (first, second)]
        for reference, item in zip(references, items, strict=True):
            command = post_receipt(reference, item)
            mine, theirs = await asyncio.gather(*(sink.post(command) for sink in sinks))
            assert mine == theirs
    assert [len(documents_under(sandbox, reference)) for reference in references] == [1] * 10


class _LateLanding(AbasClient):
    """A network in which the first save arrives only after its sender gave it up and tried again."""

    def __init__(self, settings: AbasSettings) -> None:
        super().__init__(settings)
        self._late: tuple[Action, Sequence[Action]] | None = None

    async def execute(self, init_action: Action, actions: Sequence[Action]) -> None:
        if self._late is None:
            self._late = (init_action, actions)
            raise AbasOutcomeUnknown("the answer of abas didn't arrive: ReadTimeout")
        await super().execute(*self._late)
        await super().execute(init_action, actions)


async def test_a_refusal_that_we_caused_ourselves_is_not_reported_as_one(
    sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    reference, [item] = fresh(), sandbox.seed(open_item("RE-LATE"))
    async with _LateLanding(sandbox.settings()) as client:
        sink, command = AbasSink(client, without_lock(profile), sandbox.settings()), post_receipt(reference, item)
        with pytest.raises(AbasDocumentInDoubt):
            await sink.post(command)
        outcome = await sink.post_checked(command, "a person looked, and was too early")
    assert isinstance(outcome, DocumentPosted)
    assert len(documents_under(sandbox, reference)) == 1


async def test_a_type_command_posts_once_under_the_lock(sandbox: AbasSandboxProcess, profile: Profile) -> None:
    [item], reference = sandbox.seed(open_item("RE-TC")), fresh()
    async with AbasClient(sandbox.settings(working_set_label="type-command")) as client:
        sink = AbasSink(client, with_strategy(profile, "typecommand"), sandbox.settings())
        posted = await sink.post(post_receipt(reference, item))
        sandbox.faults(cut_after=1)
        other = await sink.post(reverse_receipt(f"{reference}-R", reference, item))
        assert isinstance(posted, DocumentPosted)
        assert isinstance(other, DocumentPosted)
        assert await sink.post(post_receipt(reference, item)) == posted
        assert await client.working_sets() == ()
    assert len(documents_under(sandbox, reference)) == 1


async def test_what_a_killed_worker_left_open_is_dropped_at_the_next_start(sandbox: AbasSandboxProcess) -> None:
    settings = sandbox.settings(working_set_label="killed", lock_wait_s=0)
    async with AbasClient(settings) as killed:
        await killed.open_editor("0:1", "UPDATE", record="70001", working_set_id=None)
    async with AbasClient(settings) as successor:
        with pytest.raises(AbasObjectLocked):
            await successor.open_editor("0:1", "UPDATE", record="70001", working_set_id=None)
        async with AbasClient(sandbox.settings(working_set_label="another")) as stranger:
            assert await close_left_open(stranger) == 0
        assert await close_left_open(successor) == 1
        async with working_set(successor) as editors:
            await editors.open("0:1", "UPDATE", record="70001")


async def test_no_working_set_is_left_behind(sandbox: AbasSandboxProcess, profile: Profile) -> None:
    [item] = sandbox.seed(open_item("RE-18"))
    async with AbasClient(sandbox.settings(working_set_label="leak-check")) as client:
        sink = AbasSink(client, with_strategy(profile, "editor"), sandbox.settings())
        await sink.post(post_receipt(fresh(), item))
        await sink.post(post_receipt(fresh(), item))
        assert await client.working_sets() == ()


async def test_what_was_answered_survives_kill_9(own_sandbox: AbasSandboxProcess, profile: Profile) -> None:
    items = own_sandbox.seed(*[open_item(f"RE-K{n}") for n in range(12)])
    outcomes = []
    for number, item in enumerate(items):
        async with AbasClient(own_sandbox.settings()) as client:
            sink = AbasSink(client, profile, own_sandbox.settings())
            outcomes.append(await sink.post(post_receipt(f"PT{number}", item)))
        if number == 5:
            own_sandbox.kill()
            own_sandbox.start()
    own_sandbox.kill()
    own_sandbox.start()
    reported = [o.document_id for o in outcomes if isinstance(o, DocumentPosted)]
    assert reported == [d["id"] for d in own_sandbox.documents()]
    assert len(reported) == 12


@pytest.mark.parametrize("switch", ["rate_limited", "gateway_away", "unavailable"])
async def test_a_retry_after_of_hours_holds_no_customer_in_silence(
    sandbox: AbasSandboxProcess, profile: Profile, switch: str
) -> None:
    """The wait is handed to the task, which shows it; nothing is sent until it is over, and then once."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    reference, [item] = fresh(), sandbox.seed(open_item("RE-1"))
    settings = sandbox.settings(longest_wait_s=6.0)
    async with AbasClient(settings) as client:
        sink = AbasSink(client, with_strategy(profile, "infosystem"), settings, sleep=sleep)
        await sink.post(post_receipt(fresh(), item, minor=1_00))  # opened, so the faults hit what follows
        sandbox.faults(**{switch: 1, "retry_after": "100000"})
        started_s = time.monotonic()
        with pytest.raises(AbasUnavailable, match=r"27\.8 hours, bounded to 6 s") as caught:
            await sink.post(post_receipt(reference, item, minor=1_00))
        assert caught.value.asked_s == 100_000.0
        assert time.monotonic() - started_s < 5.0
        assert all(seconds <= 5.0 for seconds in slept)
        assert documents_under(sandbox, reference) == []
        await asyncio.sleep(6.0 - (time.monotonic() - started_s) + 0.2)
        assert isinstance(await sink.post(post_receipt(reference, item, minor=1_00)), DocumentPosted)
    assert len(documents_under(sandbox, reference)) == 1
    sandbox.faults(retry_after="")
