"""What the sandbox books besides our documents: invoices, credit memos, and balances that are the sum of rows."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.criteria import Filing, Selection
from connectors.abas.profile import Profile, load_profile
from connectors.abas.settings import SANDBOX_PROFILE
from connectors.abas.sink import AbasSink
from connectors.abas.source import AbasSource
from schemas.records.erp import DocumentPosted
from tests.support.abas_commands import on_account, post_receipt, reverse_receipt, write_off
from tests.support.abas_sandbox import AbasSandboxProcess, open_item

GERMAN = SANDBOX_PROFILE.with_name("sandbox_de.yaml")


def balances(sandbox: AbasSandboxProcess, through: str | None = None) -> dict[tuple[str, str, str], int]:
    asked = {} if through is None else {"through": through}
    rows = sandbox.admin("POST", "balances", asked)["balances"]
    return {(row["account"], row["part"], row["currency"]): row["minor"] for row in rows if row["minor"]}


def credit_memo(sandbox: AbasSandboxProcess, number: str, amount: str, invoice: str = "", **more: str) -> str:
    seed = {"number": number, "customer_number": "70001", "amount": amount, "currency": "USD"}
    ids: list[str] = sandbox.admin("POST", "credit-memos", [{**seed, "invoice_number": invoice, **more}])["ids"]
    return ids[0]


def opens(sandbox: AbasSandboxProcess) -> dict[str, int]:
    return {item["invoice"]: item["open_minor"] for item in sandbox.open_items()}


async def test_balances_are_the_sum_of_rows_in_every_month_and_of_all_of_them_nothing(
    empty_sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    item, _ = empty_sandbox.seed(
        {**open_item("RE-1", "103.00"), "booked_on": "2026-10-05"},
        {**open_item("RE-2", "50.00"), "booked_on": "2026-11-02"},
    )
    async with AbasClient(empty_sandbox.settings()) as client:
        sink = AbasSink(client, profile, empty_sandbox.settings())
        for command in (
            post_receipt("PT1", item, minor=100_00),
            write_off("PT1W1", item, 3_00, reason="rest"),
            reverse_receipt("PT9", "PT1", item, minor=25_00),
            on_account("PT2"),
        ):
            assert isinstance(await sink.post(command), DocumentPosted)
        credit_memo(empty_sandbox, "GU-1", "10.00", "RE-1")
        figures = await client.query_page(
            "5:3",
            Selection((), Filing.BOTH, "id"),
            ["acct", "curr", "debit", "credit", "saldo"],
            order_option=profile.formats.order_option,
            limit=99,
        )
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for one in figures:
        account = one.head["acct"].value
        debit, credit, saldo = (Decimal(str(one.head[name].value)) for name in ("debit", "credit", "saldo"))
        assert debit - credit == saldo
        totals[str(account)] += saldo
    held: dict[str, int] = defaultdict(int)
    for (account, _, _), minor in balances(empty_sandbox).items():
        held[account] += minor
    assert {account: int(100 * total) for account, total in totals.items() if total} == {
        k: v for k, v in held.items() if v
    }
    assert sum(held.values()) == 0
    assert balances(empty_sandbox, "2026-10-31") == {("K 70001", "item", "USD"): 103_00, ("8400", "", "USD"): -103_00}


@pytest.mark.parametrize(("path", "language"), [(SANDBOX_PROFILE, "en"), (GERMAN, "de")])
async def test_the_source_reads_what_abas_shows_on_each_account_by_currency_and_none_of_a_customer(
    empty_sandbox: AbasSandboxProcess, path: Path, language: str
) -> None:
    item, other, _ = empty_sandbox.seed(
        {**open_item("RE-1", "103.00"), "booked_on": "2026-10-05"},
        {**open_item("RE-2", "50.00"), "booked_on": "2026-11-02"},
        {**open_item("RE-3", "70.07", currency="EUR"), "booked_on": "2026-11-02"},
    )
    settings = empty_sandbox.settings(variable_language=language)
    profile = load_profile(path)
    async with AbasClient(empty_sandbox.settings()) as client:
        sink = AbasSink(client, load_profile(SANDBOX_PROFILE), empty_sandbox.settings())
        for command in (post_receipt("PT1", item, minor=100_00), post_receipt("PT2", other, minor=20_05)):
            assert isinstance(await sink.post(command), DocumentPosted)
    async with AbasClient(settings) as client:
        found = [seen async for _, (seen,) in AbasSource(client, profile, settings).balances()]
    held: dict[tuple[str, str], int] = defaultdict(int)
    for (account, _, currency), minor in balances(empty_sandbox).items():
        if not account.startswith("K "):
            held[account, currency] += minor
    shown = {(one.erp_account, one.currency): one.balance_minor for one in found}
    assert {name: minor for name, minor in shown.items() if minor} == {
        name: minor for name, minor in held.items() if minor
    }
    assert held["8400", "EUR"] == -70_07


def test_a_credit_memo_lowers_its_invoice_and_what_is_left_stands_as_credit(empty_sandbox: AbasSandboxProcess) -> None:
    empty_sandbox.seed(open_item("RE-1", "100.00"))
    credit_memo(empty_sandbox, "GU-1", "30.00", "RE-1")
    assert opens(empty_sandbox) == {"RE-1": 70_00, "GU-1": 0}
    credit_memo(empty_sandbox, "GU-2", "90.00", "RE-1")
    assert opens(empty_sandbox) == {"RE-1": 0, "GU-1": 0, "GU-2": -20_00}
    credit_memo(empty_sandbox, "GU-3", "5.00")
    assert balances(empty_sandbox) == {
        ("K 70001", "credit", "USD"): -20_00,
        ("K 70001", "free_credit", "USD"): -5_00,
        ("8400", "", "USD"): 25_00,
    }


def test_an_item_has_a_value_in_the_currency_of_the_books_that_leaves_it_by_cumulative_share(
    empty_sandbox: AbasSandboxProcess,
) -> None:
    empty_sandbox.admin("POST", "company", {"base_currency": "EUR"})
    empty_sandbox.seed({**open_item("RE-1", "2400.00", "GBP"), "base_amount": "3047.23"})
    seed = {
        "number": "GU-1",
        "customer_number": "70001",
        "amount": "1200.00",
        "currency": "GBP",
        "invoice_number": "RE-1",
    }
    empty_sandbox.admin("POST", "credit-memos", [{**seed, "base_amount": "1523.62"}])
    rows = empty_sandbox.admin("POST", "balances", {})["balances"]
    assert {row["part"] or row["account"]: row["base_minor"] for row in rows} == {"8400": -1523_61, "item": 1523_61}
