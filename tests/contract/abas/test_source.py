"""What a poll shows, over real HTTP."""

from __future__ import annotations

import json
from datetime import date

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.profile import Profile
from connectors.abas.sink import AbasSink
from connectors.abas.source import AbasSource, Record
from schemas.records.identification import CustomerReferenced, OpenItemReferenced
from schemas.records.receivables import OpenItemObserved
from tests.support.abas_commands import post_receipt, reverse_receipt
from tests.support.abas_sandbox import AbasSandboxProcess, open_item
from tests.support.typed import as_a


async def poll(sandbox: AbasSandboxProcess, profile: Profile, **changes: object) -> dict[str, tuple[Record, ...]]:
    settings = sandbox.settings(**changes)
    async with AbasClient(settings) as client:
        return {key: records async for key, records in AbasSource(client, profile, settings).poll()}


def item_of(seen: dict[str, tuple[Record, ...]], item: str) -> OpenItemObserved:
    observed = seen[f"open-item/{item}"][0]
    assert isinstance(observed, OpenItemObserved)
    return observed


async def test_an_open_item_and_its_invoice_number_are_seen(
    empty_sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    [item] = empty_sandbox.seed(open_item(" re-100451 ", "125.00"))
    seen = await poll(empty_sandbox, profile)
    observed, referenced = seen[f"open-item/{item}"]
    assert isinstance(observed, OpenItemObserved)
    assert isinstance(referenced, OpenItemReferenced)
    assert (observed.amount_minor, observed.open_minor, observed.currency) == (12500, 12500, "USD")
    assert (observed.abas_customer_id, observed.due_on, observed.is_open) == ("70001", date(2026, 12, 20), True)
    assert referenced.token == "invoice:RE-100451"
    assert json.loads(observed.raw)["totalAmt"] == "125"


async def test_terms_and_taxes_of_an_item_and_what_a_credit_memo_credits_are_seen(
    empty_sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    taxes = [{"code": "19", "gross": "11900.00", "tax": "1900.00"}, {"code": "7", "gross": "107.00", "tax": "7.00"}]
    terms = {"discount_percent": "2.5", "discount_days": 10, "taxes": taxes, "booked_on": "2026-11-20"}
    with_terms, without = empty_sandbox.seed({**open_item("RE-1", "12007.00"), **terms}, open_item("RE-2", "5.00"))
    memo = {"number": "GS-1", "customer_number": "70001", "amount": "7.00", "currency": "USD", "invoice_number": "RE-2"}
    [credit] = empty_sandbox.admin("POST", "credit-memos", [memo])["ids"]
    seen = await poll(empty_sandbox, profile)
    item = as_a(OpenItemObserved, seen[f"open-item/{with_terms}"][0])
    assert (item.invoiced_on, item.terms_bps, item.terms_days) == (date(2026, 11, 20), 250, 10)
    assert (item.tax_codes, item.taxed_amounts, item.tax_amounts) == (
        ("19", "7"),
        (11_900_00, 107_00),
        (1_900_00, 7_00),
    )
    plain = as_a(OpenItemObserved, seen[f"open-item/{without}"][0])
    assert (plain.terms_bps, plain.terms_days, plain.tax_codes, plain.is_open) == (None, None, (), False)
    left = as_a(OpenItemObserved, seen[f"open-item/{credit}"][0])
    assert (left.credits_invoice, left.amount_minor, left.open_minor) == ("RE-2", -7_00, -2_00)


async def test_an_item_knows_what_its_invoice_sold_by_category(
    empty_sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    lines = [
        {"category": "goods", "net": "50.00", "tax_percent": "19"},
        {"category": "service", "net": "34.03", "tax_percent": "19"},
        {"net": "10.00"},
        {"category": "goods", "net": "0.10", "tax_percent": "7"},
    ]
    many = [open_item(f"RE-{number}", "1.00") for number in range(2, 50)]
    [mixed, *others] = empty_sandbox.seed({**open_item("RE-1", "110.12"), "lines": lines}, *many)
    seen = await poll(empty_sandbox, profile)
    item = as_a(OpenItemObserved, seen[f"open-item/{mixed}"][0])
    assert item.category_names == ("goods", "service", "UNKNOWN")
    assert (item.category_net_amounts, item.category_tax_amounts) == ((50_10, 34_03, 10_00), (9_51, 6_47, 0))
    assert {as_a(OpenItemObserved, seen[f"open-item/{one}"][0]).category_names for one in others} == {()}


async def test_an_order_leads_to_its_customer_by_itself_and_by_the_items_that_invoice_it(
    empty_sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    empty_sandbox.seed()
    order = {"number": "au-7", "customer_number": "70001", "amount": "125.00", "currency": "USD"}
    [sales_order] = empty_sandbox.admin("POST", "sales-orders", [order])["ids"]
    [item] = empty_sandbox.seed({**open_item("RE-100451", "125.00"), "order_number": "au-7"})
    seen = await poll(empty_sandbox, profile)
    _, invoice, by_item = seen[f"open-item/{item}"]
    (by_itself,) = seen[f"sales-order/{sales_order}"]
    assert isinstance(by_itself, CustomerReferenced)
    assert isinstance(by_item, OpenItemReferenced)
    assert isinstance(invoice, OpenItemReferenced)
    assert (by_itself.token, by_item.token, invoice.token) == ("order:AU-7", "order:AU-7", "invoice:RE-100451")
    assert (by_itself.abas_customer_id, by_item.abas_customer_id) == ("70001", "70001")


async def test_only_customers_known_to_paytrace_are_seen(empty_sandbox: AbasSandboxProcess, profile: Profile) -> None:
    empty_sandbox.seed(
        customers=[
            {"number": "70001", "name": "Acme", "vault_customer_id": "acme-inc"},
            {"number": "70002", "name": "Nobody", "vault_customer_id": ""},
        ]
    )
    seen = await poll(empty_sandbox, profile)
    [(referenced,)] = seen.values()
    assert isinstance(referenced, CustomerReferenced)
    assert (referenced.token, referenced.abas_customer_id) == ("vault:acme-inc", "70001")


async def test_a_part_payment_a_clearing_and_a_reopening_are_seen(
    empty_sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    [item] = empty_sandbox.seed(open_item("RE-1", "125.00"))
    async with AbasClient(empty_sandbox.settings()) as client:
        sink = AbasSink(client, profile, empty_sandbox.settings())
        await sink.post(post_receipt("PT1", item, minor=5000))
        part = item_of(await poll(empty_sandbox, profile), item)
        await sink.post(post_receipt("PT2", item, minor=7500))
        cleared = item_of(await poll(empty_sandbox, profile), item)
        await sink.post(reverse_receipt("PT2-R", "PT2", item, minor=2500))
        reopened = item_of(await poll(empty_sandbox, profile), item)
    assert (part.open_minor, part.is_open) == (7500, True)
    assert (cleared.open_minor, cleared.is_open) == (0, False)
    assert (reopened.open_minor, reopened.is_open) == (2500, True)


async def test_two_polls_of_unchanged_books_report_the_same(
    empty_sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    empty_sandbox.seed(open_item("RE-1"), open_item("RE-2"))
    first, second = await poll(empty_sandbox, profile), await poll(empty_sandbox, profile)
    assert first.keys() == second.keys()
    for key in first:
        for before, after in zip(first[key], second[key], strict=True):
            assert _without_time(before) == _without_time(after)


def _without_time(record: Record) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__slots__ if name != "observed_at"}


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 14, 15])
async def test_every_page_is_read(empty_sandbox: AbasSandboxProcess, profile: Profile, count: int) -> None:
    empty_sandbox.seed(*[open_item(f"RE-{n}") for n in range(count)])
    seen = await poll(empty_sandbox, profile, page_size=7)
    assert sum(key.startswith("open-item/") for key in seen) == count


async def test_items_cleared_long_ago_by_abas_own_clock_are_not_read_again(
    empty_sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    [old] = empty_sandbox.seed(open_item("RE-OLD"))
    async with AbasClient(empty_sandbox.settings()) as client:
        await AbasSink(client, profile, empty_sandbox.settings()).post(post_receipt("PT1", old))
        empty_sandbox.admin("POST", "clock", {"shift_s": 40 * 86400})
        [recent] = empty_sandbox.seed(open_item("RE-NEW"))
        await AbasSink(client, profile, empty_sandbox.settings()).post(post_receipt("PT2", recent))
    assert set(await poll(empty_sandbox, profile)) == {"customer/(101,0,0)", f"open-item/{recent}"}
    everything = await poll(empty_sandbox, profile, filed_lookback_days=0)
    assert f"open-item/{old}" in everything


@pytest.mark.parametrize("switch", ["unavailable", "rate_limited", "wrong_content_type"])
async def test_a_poll_outlives_short_faults(empty_sandbox: AbasSandboxProcess, profile: Profile, switch: str) -> None:
    [item] = empty_sandbox.seed(open_item("RE-1"))
    empty_sandbox.faults(**{switch: 2})
    assert f"open-item/{item}" in await poll(empty_sandbox, profile)
