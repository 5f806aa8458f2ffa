"""Documents that follow a person's decision, over real HTTP and for every way of posting: on account, written off."""

from __future__ import annotations

import itertools

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.profile import Profile
from connectors.abas.sink import KIND_NOT_IN_PROFILE, AbasSink
from schemas.records.erp import DocumentPosted, DocumentRefused
from tests.support.abas_commands import (
    on_account,
    post_receipt,
    refund_of_memo,
    refund_of_memo_came_back,
    refund_on_account,
    reverse_receipt,
    reverse_write_off,
    with_strategy,
    write_off,
)
from tests.support.abas_sandbox import AbasSandboxProcess, open_item

_numbers = itertools.count(700_000)


def fresh() -> str:
    return f"PT{next(_numbers)}"


@pytest.fixture(params=["infosystem", "editor", "typecommand"])
def sink(request: pytest.FixtureRequest, sandbox: AbasSandboxProcess, client: AbasClient, profile: Profile) -> AbasSink:
    return AbasSink(client, with_strategy(profile, request.param), sandbox.settings())


def held(sandbox: AbasSandboxProcess, reference: str) -> list[tuple[str, int, str]]:
    return [
        (one["kind"], one["amount_minor"], one["invoice"])
        for one in sandbox.documents()
        if one["posting_reference"] == reference
    ]


async def test_money_on_account_has_no_item_and_is_posted_once(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    sandbox.seed(open_item("RE-9"))
    reference = fresh()
    outcome = await sink.post(on_account(reference))
    assert isinstance(outcome, DocumentPosted)
    assert await sink.post(on_account(reference)) == outcome
    assert held(sandbox, reference) == [("on_account", 25_00, "")]


async def test_a_refund_on_account_takes_no_receipt_back_and_is_posted_once(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    sandbox.seed(open_item("RE-9"))
    reference = fresh()
    outcome = await sink.post(refund_on_account(reference))
    assert isinstance(outcome, DocumentPosted)
    assert (outcome.lines[0].amount_minor, outcome.reverses_reference) == (25_00, None)
    assert await sink.post(refund_on_account(reference)) == outcome
    assert held(sandbox, reference) == [("reversal", 25_00, "")]


async def test_a_refund_pays_out_its_credit_memo_and_owes_it_again_when_it_comes_back(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    invoice, memo_number = fresh(), fresh()
    [item] = sandbox.seed(open_item(invoice))
    paid, refund = fresh(), fresh()
    await sink.post(post_receipt(paid, item))
    memo = {"number": memo_number, "customer_number": "70001", "amount": "25.00", "currency": "USD"}
    [credit] = sandbox.admin("POST", "credit-memos", [memo | {"invoice_number": invoice}])["ids"]

    def left() -> int:
        return next(
            int(one["open_minor"]) for one in sandbox.admin("GET", "books")["open_items"] if one["id"] == credit
        )

    assert left() == -25_00
    assert isinstance(await sink.post(refund_of_memo(refund, credit, 25_00)), DocumentPosted)
    assert left() == 0
    back = refund_of_memo_came_back(f"{refund}V", refund, credit, 25_00)
    outcome = await sink.post(back)
    assert isinstance(outcome, DocumentPosted)
    assert (await sink.post(back), left()) == (outcome, -25_00)


async def test_money_on_account_is_reversed_without_an_item(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    sandbox.seed(open_item("RE-9"))
    reference = fresh()
    await sink.post(on_account(reference))
    reversal = reverse_receipt(f"{reference}V", reference, "", minor=25_00)
    assert isinstance(await sink.post(reversal), DocumentPosted)
    assert held(sandbox, f"{reference}V") == [("reversal", 25_00, "")]
    too_much = await sink.post(reverse_receipt(f"{reference}N", reference, "", minor=1))
    assert isinstance(too_much, DocumentRefused)


async def test_a_rest_is_written_off_once_and_clears_the_item(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    receipt, [item] = fresh(), sandbox.seed(open_item("RE-1", "103.00"))
    await sink.post(post_receipt(receipt, item, minor=100_00))
    command = write_off(f"{receipt}W1", item, 3_00, reason="w" * 500)
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentPosted)
    assert await sink.post(command) == outcome
    assert held(sandbox, f"{receipt}W1") == [("write_off", 3_00, "RE-1")]
    assert next(one["open_minor"] for one in sandbox.open_items() if one["id"] == item) == 0
    more = await sink.post(write_off(f"{receipt}W2", item, 1))
    assert isinstance(more, DocumentRefused)


async def test_a_write_off_is_taken_back_once_and_the_rest_is_open_again(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    receipt, [item] = fresh(), sandbox.seed(open_item("RE-1", "103.00"))
    await sink.post(post_receipt(receipt, item, minor=100_00))
    await sink.post(write_off(f"{receipt}W1", item, 3_00))
    command = reverse_write_off(f"{receipt}W1U1", f"{receipt}W1", item, 3_00)
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentPosted)
    assert outcome.reverses_reference == f"{receipt}W1"
    assert await sink.post(command) == outcome
    assert held(sandbox, f"{receipt}W1U1") == [("reversal", 3_00, "RE-1")]
    assert next(one["open_minor"] for one in sandbox.open_items() if one["id"] == item) == 3_00
    too_much = await sink.post(reverse_write_off(f"{receipt}W1U2", f"{receipt}W1", item, 1))
    assert isinstance(too_much, DocumentRefused)


async def test_a_profile_without_these_kinds_refuses_the_decision_and_posts_the_rest(
    sandbox: AbasSandboxProcess, client: AbasClient, profile: Profile
) -> None:
    needed = ("cash_receipt", "cash_receipt_reversal")
    small = profile.model_copy(update={"documents": {kind: profile.documents[kind] for kind in needed}})
    sink = AbasSink(client, small, sandbox.settings())
    [item] = sandbox.seed(open_item("RE-1"))
    for command in (on_account(fresh()), write_off(fresh(), item, 1)):
        outcome = await sink.post(command)
        assert isinstance(outcome, DocumentRefused)
        assert outcome.code == KIND_NOT_IN_PROFILE
        assert held(sandbox, command.posting_reference) == []
    assert isinstance(await sink.post(post_receipt(fresh(), item)), DocumentPosted)
