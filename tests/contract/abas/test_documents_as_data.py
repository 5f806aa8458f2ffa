"""Documents and records that are data, over real HTTP, on an English and on a German profile."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasDocumentContradicts, AbasObjectLocked, AbasOutcomePending
from connectors.abas.profile import Profile, RecordWay, Strategy
from connectors.abas.profile_check import check_profile
from connectors.abas.sink import AbasSink
from connectors.abas.source import AbasSource
from schemas.documents import kinds
from schemas.failures import Transient
from schemas.records.erp import DocumentPosted, DocumentRefused, PostDocument, RecordRefused, RecordSaved, SaveRecord
from schemas.records.receivables import OpenItemObserved
from tests.support.abas_commands import on_account, post_receipt, reverse_receipt, with_strategy
from tests.support.abas_sandbox import AbasSandboxProcess, open_item
from tests.support.erp_data import (
    ACCOUNTS,
    OCCURRED_AT,
    customer,
    customers,
    document,
    entries,
    fee,
    fee_reversal,
    orders,
    payment_status,
    profile_in,
    request_status,
    sales_order,
    seed_ledger,
    statuses,
)

_numbers = itertools.count(1)


def fresh(prefix: str) -> str:
    return f"{prefix}-{next(_numbers)}"


@pytest.fixture(params=["en", "de"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def either(language: str) -> Profile:
    return profile_in(language)


@pytest.fixture
async def abas(sandbox: AbasSandboxProcess, language: str) -> AsyncIterator[AbasClient]:
    seed_ledger(sandbox)
    settings = sandbox.settings(variable_language=language, accept_language=language, write_attempts=3, lock_wait_s=1)
    async with AbasClient(settings) as client:
        yield client


@pytest.fixture
def sink(sandbox: AbasSandboxProcess, abas: AbasClient, either: Profile, language: str) -> AbasSink:
    settings = sandbox.settings(variable_language=language, accept_language=language, write_attempts=3, lock_wait_s=1)
    return AbasSink(abas, either, settings)


async def test_writers_of_one_process_never_wait_in_abas_for_each_other(
    sandbox: AbasSandboxProcess, either: Profile, language: str
) -> None:
    """With a lock wait of 0 whoever meets a held record is refused at once; five customers are created under one."""
    seed_ledger(sandbox)
    settings = sandbox.settings(variable_language=language, accept_language=language, write_attempts=1, lock_wait_s=0)
    keys = [fresh("TURN") for _ in range(5)]
    async with AbasClient(settings) as client:
        sink = AbasSink(client, either, settings)
        outcomes = await asyncio.gather(*(sink.post(customer(key)) for key in keys))
    assert [type(outcome) for outcome in outcomes] == [RecordSaved] * 5
    assert [len(customers(sandbox, key)) for key in keys] == [1] * 5


async def test_the_profile_fits_the_server(abas: AbasClient, either: Profile) -> None:
    await check_profile(either, abas)


async def test_a_fee_is_a_balanced_entry_once(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    command = fee(fresh("FEE"))
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentPosted)
    assert await sink.post(command) == outcome
    [entry] = entries(sandbox, command.posting_reference)
    assert (outcome.document_id, outcome.document_number) == (entry["id"], entry["number"])
    assert (entry["posted_on"], entry["text"], entry["currency"]) == ("2026-11-30", "PayTrace fee 11/2026", "USD")
    assert entry["rows"] == [
        {
            "account": "6855",
            "currency": "USD",
            "debit_minor": 1250,
            "credit_minor": 0,
            "cost_centre": "100",
            "tax_code": "19",
            "text": "Monthly fee",
        },
        {
            "account": "1361",
            "currency": "USD",
            "debit_minor": 0,
            "credit_minor": 1250,
            "cost_centre": "",
            "tax_code": "",
            "text": "",
        },
    ]


async def test_a_fee_is_taken_back_and_one_that_is_not_there_is_not(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    first, back = fresh("FEE"), fresh("FEE")
    await sink.post(fee(first))
    outcome = await sink.post(fee_reversal(back, first))
    assert isinstance(outcome, DocumentPosted)
    [entry] = entries(sandbox, back)
    assert entry["reverses_reference"] == outcome.reverses_reference == first
    refused = await until_known(sink, fee_reversal(fresh("FEE"), "FEE-NOT-THERE"))
    assert isinstance(refused, DocumentRefused)
    assert refused.code == "MISSING_OBJECT/receipt"


def by_category(command: PostDocument, *parts: int) -> PostDocument:
    """The document with a line of the other side for each of these amounts."""
    own, other = command.lines
    named = zip(("goods", "service"), ("100", None), parts, strict=True)
    others = (
        replace(other, product_category=name, cost_centre=centre, amount_minor=minor) for name, centre, minor in named
    )
    return replace(command, lines=(own, *others))


@pytest.mark.parametrize("strategy", ["infosystem", "editor", "typecommand"])
async def test_a_receipt_and_its_reversal_have_a_counter_account_for_each_category(
    sandbox: AbasSandboxProcess, abas: AbasClient, either: Profile, language: str, strategy: Strategy
) -> None:
    settings = sandbox.settings(variable_language=language, accept_language=language, write_attempts=3, lock_wait_s=1)
    sink = AbasSink(abas, with_strategy(either, strategy), settings)
    [item] = sandbox.seed(open_item(fresh("RE"), "125.00"))
    receipt, back = fresh("PT"), fresh("PT")
    command = by_category(post_receipt(receipt, item), 100_00, 25_00)
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentPosted)
    assert outcome.lines == command.lines
    assert await sink.post(command) == outcome
    reversal = await sink.post(by_category(reverse_receipt(back, receipt, item, minor=10_00), 8_00, 2_00))
    assert isinstance(reversal, DocumentPosted)
    by_reference = {one["posting_reference"]: one for one in sandbox.documents()}
    posted, taken_back = by_reference[receipt], by_reference[back]
    assert (posted["amount_minor"], posted["counter_account"]) == (125_00, "")
    rows = [(row["account"], row["cost_centre"], row["amount_minor"]) for row in posted["counter_rows"]]
    assert rows == [("1361", "100", 100_00), ("1361", "", 25_00)]
    assert [row["amount_minor"] for row in taken_back["counter_rows"]] == [8_00, 2_00]
    assert taken_back["reverses_reference"] == receipt
    [item_now] = [one for one in sandbox.open_items() if one["id"] == item]
    assert item_now["open_minor"] == 10_00


async def test_another_document_under_our_reference_is_never_taken_for_ours(
    sink: AbasSink, sandbox: AbasSandboxProcess
) -> None:
    [item] = sandbox.seed(open_item(fresh("RE"), "125.00"))
    command = by_category(post_receipt(fresh("PT"), item), 100_00, 25_00)
    await sink.post(command)
    with pytest.raises(AbasDocumentContradicts, match="row 1: amount"):
        await sink.post(by_category(replace(command, lines=command.lines[:2]), 99_00, 26_00))


async def test_a_profile_without_rows_for_categories_refuses_such_a_document(
    sandbox: AbasSandboxProcess, abas: AbasClient, either: Profile
) -> None:
    [item] = sandbox.seed(open_item(fresh("RE"), "125.00"))
    way = either.documents["cash_receipt"]
    bare = either.model_copy(
        update={"documents": {**either.documents, "cash_receipt": way.model_copy(update={"counter_rows": None})}}
    )
    sink = AbasSink(abas, bare, sandbox.settings())
    refused = await sink.post(by_category(post_receipt(fresh("PT"), item), 100_00, 25_00))
    assert isinstance(refused, DocumentRefused)
    assert refused.code == "MISSING_PROFILE/counter_rows"
    assert "documents.cash_receipt.counter_rows" in refused.message


MAIN = {"merchant_account": "main"}
DISPUTE = {**MAIN, "dispute": "X1"}
# Kind, lines (debit positive), values: an example of each kind that is nobody's receivable, and of its other side.
OF_ACCOUNTS: list[tuple[str, dict[str, int], dict[str, str]]] = [
    ("deposit", {"bank": 96_80, "clearing": -96_80}, {**MAIN, "bank_line": "b1"}),
    ("deposit", {"bank": -61_46, "clearing": 61_46}, {**MAIN, "bank_line": "b2"}),
    ("deposit", {"bank": 95_80, "clearing": -96_80, "unidentified": 1_00}, {**MAIN, "bank_line": "b3"}),
    ("deposit", {"bank": 75_00, "unidentified": -75_00}, {**MAIN, "bank_line": "b4"}),
    ("fee", {"fees": 10_00, "input_tax": 1_90, "clearing": -11_90}, {**MAIN, "fee_kind": "TRANSACTION"}),
    ("fee", {"fees": 53_50, "bank": -53_50}, {**MAIN, "fee_kind": "MONTHLY"}),
    ("fee", {"fees": -3_20, "clearing": 3_20}, {**MAIN, "fee_kind": "TRANSACTION"}),
    ("chargeback", {"chargeback_receivable": 80_00, "clearing": -80_00}, DISPUTE),
    ("chargeback_fee", {"chargeback_fees": 15_00, "clearing": -15_00}, DISPUTE),
    ("chargeback_fee", {"chargeback_fees": -15_00, "clearing": 15_00}, DISPUTE),
    ("reserve_held", {"reserve": 100_00, "clearing": -100_00}, MAIN),
    ("reserve_released", {"clearing": 100_00, "reserve": -100_00}, MAIN),
    ("adjustment", {"clearing": 1_00, "unidentified": -1_00}, MAIN),
]


def booked(sandbox: AbasSandboxProcess, reference: str) -> list[tuple[str, int]]:
    """Return the rows of the one entry under a reference: account, and cents with a debit positive."""
    [entry] = entries(sandbox, reference)
    return [(row["account"], row["debit_minor"] - row["credit_minor"]) for row in entry["rows"]]


@pytest.mark.parametrize(("kind", "lines", "values"), OF_ACCOUNTS, ids=lambda one: one if isinstance(one, str) else "")
async def test_documents_of_accounts_are_entries_once_and_are_taken_back(
    sandbox: AbasSandboxProcess, sink: AbasSink, kind: str, lines: dict[str, int], values: dict[str, str]
) -> None:
    reference, back = fresh("DOC"), fresh("BACK")
    command = document(kind, reference, lines, **values)
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentPosted)
    assert await sink.post(command) == outcome
    assert booked(sandbox, reference) == [(ACCOUNTS[role], minor) for role, minor in lines.items()]
    reversal = kinds()[kind].reversed_by
    if reversal is None:
        return
    in_order = [line.role for line in kinds()[reversal].lines if line.role in lines]
    turned = {role: -lines[role] for role in in_order}
    taken_back = await sink.post(document(reversal, back, turned, reverses=reference, **values))
    assert isinstance(taken_back, DocumentPosted)
    assert booked(sandbox, back) == [(ACCOUNTS[role], minor) for role, minor in turned.items()]


def still_open(sandbox: AbasSandboxProcess, item: str) -> int:
    return next(int(one["open_minor"]) for one in sandbox.open_items() if one["id"] == item)


def balance(sandbox: AbasSandboxProcess, customer: str = "70001") -> float:
    books = sandbox.admin("GET", "books")["customers"]
    return next(float(one["balance"]) for one in books if one["number"] == customer)


async def test_a_lost_dispute_opens_the_invoice_again_and_a_won_one_closes_it(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    [item] = sandbox.seed(open_item(fresh("RE"), "80.00"))
    lost, won = fresh("LOST"), fresh("WON")

    def of_dispute(kind: str, reference: str, lines: dict[str, int], reverses: str | None = None) -> PostDocument:
        about = {"dispute": "X1", "paytrace_transaction_id": "395970002"}
        return document(kind, reference, lines, customer="70001", open_item=item, reverses=reverses, **about)

    unpaid = await sink.post(
        of_dispute("chargeback_lost", lost, {"receivable": 80_00, "chargeback_receivable": -80_00})
    )
    assert isinstance(unpaid, DocumentRefused)
    assert unpaid.code == "OTHER/4105"  # nobody paid the invoice: it can't be open with more than its amount
    assert isinstance(await sink.post(post_receipt(fresh("PT"), item, minor=80_00)), DocumentPosted)
    assert still_open(sandbox, item) == 0
    await sink.post(of_dispute("chargeback_lost", lost, {"receivable": 80_00, "chargeback_receivable": -80_00}))
    assert still_open(sandbox, item) == 80_00
    assert booked(sandbox, lost) == [("70001", 80_00), (ACCOUNTS["chargeback_receivable"], -80_00)]
    back = {"chargeback_receivable": 80_00, "receivable": -80_00}
    assert isinstance(await sink.post(of_dispute("chargeback_lost_reversal", won, back, lost)), DocumentPosted)
    assert still_open(sandbox, item) == 0


async def test_an_exchange_difference_changes_what_a_customer_owes_and_no_item(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    [item] = sandbox.seed(open_item(fresh("RE"), "80.00"))
    owed, first, back = balance(sandbox), fresh("FX"), fresh("FX")
    about = {"paytrace_transaction_id": "395970002"}
    lines = {"receivable": -4_10, "fx_loss": 4_10}
    await sink.post(document("exchange_difference", first, lines, customer="70001", **about))
    assert still_open(sandbox, item) == 80_00
    assert balance(sandbox) == pytest.approx(owed - 4.10)
    turned = {role: -minor for role, minor in lines.items()}
    undone = document("exchange_difference_reversal", back, turned, customer="70001", reverses=first, **about)
    assert isinstance(await sink.post(undone), DocumentPosted)
    assert balance(sandbox) == pytest.approx(owed)


async def test_a_receipt_and_its_difference_carry_their_value_in_the_currency_of_the_books(
    sandbox: AbasSandboxProcess, sink: AbasSink, abas: AbasClient, either: Profile
) -> None:
    sandbox.admin("POST", "company", {"base_currency": "EUR"})
    [item] = sandbox.seed(
        {**open_item(fresh("RE"), "80.00", customer="70007"), "base_amount": "73.60"},
        customers=[{"number": "70007", "name": "Euro GmbH", "vault_customer_id": "euro"}],
    )
    source = AbasSource(abas, either, sandbox.settings())
    seen = [one for _, records in [each async for each in source.poll()] for one in records]
    [observed] = [one for one in seen if isinstance(one, OpenItemObserved) and one.abas_open_item_id == item]
    assert (observed.booked_base_minor, observed.booked_base_currency) == (73_60, "EUR")

    def valued(command: PostDocument, *minors: int) -> PostDocument:
        pairs = zip(command.lines, minors, strict=True)
        lines = tuple(replace(line, base_minor=minor, base_currency="EUR") for line, minor in pairs)
        return replace(command, lines=lines)

    receipt = valued(post_receipt(fresh("PT"), item, minor=80_00, customer="70007"), 73_20, 73_20)
    assert isinstance(await sink.post(receipt), DocumentPosted)
    lost = document(
        "exchange_difference", fresh("FX"), {"receivable": -1, "fx_loss": 1}, customer="70007", open_item=item,
        paytrace_transaction_id="395970002",
    )  # fmt: skip
    lost = valued(replace(lost, lines=tuple(replace(line, amount_minor=0) for line in lost.lines)), 40, 40)
    outcome = await sink.post(lost)
    assert isinstance(outcome, DocumentPosted)
    assert await sink.post(lost) == outcome
    owed = [one for one in sandbox.admin("POST", "balances", {})["balances"] if one["account"] == "K 70007"]
    assert {(one["part"], one["minor"], one["base_minor"]) for one in owed} == {("item", 0, 0)}
    sandbox.admin("POST", "company", {"base_currency": "USD"})


async def test_a_cash_discount_closes_an_item_once_with_its_tax_on_a_line_and_opens_it_again(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    [item] = sandbox.seed(open_item(fresh("RE"), "119.00"))
    first, back = fresh("SKONTO"), fresh("SKONTO")
    about = {"customer": "70001", "open_item": item, "paytrace_transaction_id": "395970002"}
    lines = {"receivable": -2_38, "skonto": 2_00, "output_tax": 38}
    command = document("cash_discount", first, lines, **about)
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentPosted)
    assert await sink.post(command) == outcome
    assert booked(sandbox, first) == [("70001", -2_38), (ACCOUNTS["skonto"], 2_00), (ACCOUNTS["output_tax"], 38)]
    assert still_open(sandbox, item) == 116_62
    turned = {role: -minor for role, minor in lines.items()}
    undone = document("cash_discount_reversal", back, turned, reverses=first, reason="CORRECTION", **about)
    assert isinstance(await sink.post(undone), DocumentPosted)
    assert still_open(sandbox, item) == 119_00


async def test_money_on_account_pays_an_item_once_and_gives_it_back(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    [item] = sandbox.seed(open_item(fresh("RE"), "31.00"))
    assert isinstance(await sink.post(on_account(fresh("PT"), 25_00)), DocumentPosted)
    owed, first, back = balance(sandbox), fresh("APPLY"), fresh("APPLY")

    def applied(kind: str, reference: str, minor: int, reverses: str | None = None) -> PostDocument:
        about = {"paytrace_transaction_id": "395970002", "invoice_number": "RE-1"}
        lines = {"receivable": minor, "on_account": -minor}
        return document(kind, reference, lines, customer="70001", open_item=item, reverses=reverses, **about)

    command = applied("on_account_application", first, -11_00)
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentPosted)
    assert await sink.post(command) == outcome
    assert (still_open(sandbox, item), balance(sandbox)) == (20_00, owed)
    undone = await sink.post(applied("on_account_application_reversal", back, 11_00, first))
    assert isinstance(undone, DocumentPosted)
    assert (still_open(sandbox, item), balance(sandbox)) == (31_00, owed)


async def test_a_credit_memo_pays_an_item_once_in_part_and_gives_it_back(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    [item] = sandbox.seed(open_item(fresh("RE"), "31.00"))
    memo = {"number": fresh("GS"), "customer_number": "70001", "amount": "20.00", "currency": "USD"}
    credit = sandbox.admin("POST", "credit-memos", [memo])["ids"][0]
    owed, first, back = balance(sandbox), fresh("CREDIT"), fresh("CREDIT")

    def applied(kind: str, reference: str, minor: int, reverses: str | None = None) -> PostDocument:
        lines = {"receivable": minor, "refund_liability": -minor}
        command = document(kind, reference, lines, customer="70001", open_item=item, reverses=reverses)
        return replace(command, lines=(command.lines[0], replace(command.lines[1], open_item=credit)))

    command = applied("credit_memo_application", first, -11_00)
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentPosted)
    assert await sink.post(command) == outcome
    assert (still_open(sandbox, item), still_open(sandbox, credit), balance(sandbox)) == (20_00, -9_00, owed)
    beyond = await sink.post(applied("credit_memo_application", fresh("CREDIT"), -9_01))
    assert isinstance(beyond, DocumentRefused)
    assert beyond.code == "OTHER/4105"
    undone = await sink.post(applied("credit_memo_application_reversal", back, 11_00, first))
    assert isinstance(undone, DocumentPosted)
    assert (still_open(sandbox, item), still_open(sandbox, credit), balance(sandbox)) == (31_00, -20_00, owed)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"account": "9999"}, "OTHER/53"),
        ({"value_on": "2026-10-31"}, "PERIOD_CLOSED/2202"),
        ({"account": "0815"}, "OTHER/1180"),
    ],
)
async def test_what_abas_does_not_take_is_refused_in_its_words(
    sandbox: AbasSandboxProcess, sink: AbasSink, wrong: dict[str, str], code: str
) -> None:
    sandbox.faults(closed_periods=["2026-10"])
    command = fee(fresh("FEE"), **wrong)  # type: ignore[arg-type]
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentRefused)
    assert (outcome.code, outcome.occurred_at) == (code, command.occurred_at)
    assert entries(sandbox, command.posting_reference) == []


async def test_two_currencies_need_a_field_for_the_currency_of_a_line(
    sandbox: AbasSandboxProcess, abas: AbasClient, either: Profile, language: str
) -> None:
    way = either.documents["fee"]
    assert way.rows is not None
    inputs = {role: name for role, name in way.rows.inputs.items() if role != "currency"}
    without = way.model_copy(update={"rows": way.rows.model_copy(update={"inputs": inputs})})
    profile = either.model_copy(update={"documents": {**either.documents, "fee": without}})
    settings = sandbox.settings(variable_language=language, accept_language=language)
    sink = AbasSink(abas, profile, settings)
    command = fee(fresh("FEE"))
    in_two = replace(command, lines=(replace(command.lines[0], currency="EUR"), command.lines[1]))
    outcome = await sink.post(in_two)
    assert isinstance(outcome, DocumentRefused)
    assert outcome.code == "MISSING_PROFILE/currency"
    assert "lines in EUR and USD" in outcome.message
    assert "add documents.fee.rows.inputs.currency" in outcome.message
    assert entries(sandbox, command.posting_reference) == []


async def test_another_document_under_our_reference_is_a_contradiction(sink: AbasSink) -> None:
    command = fee(fresh("FEE"))
    await sink.post(command)
    with pytest.raises(AbasDocumentContradicts, match=r"row 1: debit is '12.5' and not '99.00'"):
        await sink.post(fee(command.posting_reference, 99_00))


async def test_a_customer_is_created_changed_and_left_alone(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    key = fresh("SHOP")
    created = await sink.post(customer(key, street="Mill Lane 1"))
    assert isinstance(created, RecordSaved)
    [held] = customers(sandbox, key)
    assert (held["name"], held["street"], held["town"]) == ("Blue Mill Ltd", "Mill Lane 1", "Karlsruhe")
    changed = await sink.post(customer(key, street="Mill Lane 2", version=created.erp_version))
    assert isinstance(changed, RecordSaved)
    assert changed.erp_version == created.erp_version + 1
    assert await sink.post(customer(key, street="Mill Lane 2", version=created.erp_version)) == changed
    [held] = customers(sandbox, key)
    assert (held["street"], held["version"]) == ("Mill Lane 2", changed.erp_version)


async def test_an_address_in_another_spelling_is_left_as_people_wrote_it(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    key = fresh("SHOP")
    written = customer(key, name=f"{key} GmbH", street="Hauptstr. 12 a", zip_code="D-76133", country="Deutschland")
    created = await sink.post(written)
    assert isinstance(created, RecordSaved)
    same = customer(key, name=f"{key} GmbH", street="Hauptstraße 12A", zip_code="76133", town="KARLSRUHE", country="DE")
    assert await sink.post(same) == created
    [held] = customers(sandbox, key)
    assert (held["street"], held["town"]) == ("Hauptstr. 12 a", "Karlsruhe")
    moved = await sink.post(customer(key, street="Hauptstraße 14", zip_code="76133", country="DE"))
    assert isinstance(moved, RecordSaved)
    assert [one["street"] for one in customers(sandbox, key)] == ["Hauptstraße 14"]


@pytest.mark.parametrize(
    ("held", "new", "same"),
    [
        ({"email": "{key}@example.com"}, {"email": "{key}@Example.com", "name": "Other Ltd"}, "email"),
        ({"vault_customer": "v-{key}"}, {"vault_customer": "v-{key}", "name": "Other Ltd"}, "vault_customer"),
        (
            {"name": "{key} & Sons", "zip_code": "89501"},
            {"name": "{key}  & sons", "zip_code": "89501"},
            "name and zip_code",
        ),
    ],
)
async def test_a_customer_that_abas_holds_under_another_key_is_named_and_none_created(
    sandbox: AbasSandboxProcess, sink: AbasSink, held: dict[str, str], new: dict[str, str], same: str
) -> None:
    key, other = fresh("SHOP"), fresh("SHOP")

    def named(by: str, values: dict[str, str]) -> SaveRecord:
        given = {role: text.format(key=key.lower()) for role, text in values.items()}
        return replace(customer(by), values={"name": by, **given})

    first, second = await sink.post(named(key, held)), await sink.post(named(other, new))
    assert isinstance(first, RecordSaved)
    assert isinstance(second, RecordRefused)
    assert second.code == "DUPLICATE_RECORD"
    assert f"{first.erp_number} has the same {same}" in second.message
    assert customers(sandbox, other) == []


async def test_who_cannot_be_searched_for_is_not_created(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    key = fresh("SHOP")
    refused = await sink.post(customer(key, email="o'brien@example.com"))
    assert isinstance(refused, RecordRefused)
    assert refused.code == "DUPLICATE_RECORD/unsearchable"
    assert customers(sandbox, key) == []


async def test_two_new_customers_of_one_address_at_once_are_one(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    keys = [fresh("SHOP"), fresh("SHOP")]
    mail = f"{keys[0].lower()}@twice.example"

    async def until_known(key: str) -> RecordSaved | RecordRefused:
        async with asyncio.timeout(20):
            while True:
                try:
                    found = await sink.post(customer(key, email=mail))
                except AbasObjectLocked:
                    continue
                assert isinstance(found, RecordSaved | RecordRefused)
                return found

    found = await asyncio.gather(*map(until_known, keys))
    assert sorted(type(one).__name__ for one in found) == ["RecordRefused", "RecordSaved"]
    assert sum(len(customers(sandbox, key)) for key in keys) == 1


async def test_values_flow_to_a_customer_whom_people_made_and_are_read_back(
    sandbox: AbasSandboxProcess, sink: AbasSink, abas: AbasClient, either: Profile, language: str
) -> None:
    number = fresh("K")
    sandbox.admin(
        "POST",
        "customers",
        [{"number": number, "name": "Old Ltd", "street": "Hauptstr. 1", "town": "Karlsruhe", "country": "DE"}],
    )
    values = {
        "number": number, "name": "New Ltd", "email": "new@example.com", "phone": "+49 721 1",
        "street": "Hauptstraße 1", "town": "Karlsruhe", "country": "DE",
        "shipping_street": "Hafen 2", "shipping_town": "Kehl",
    }  # fmt: skip
    command = SaveRecord(
        kind="customer_change", natural_key="paytrace/main/k", subject=number, values=values, rows=(),
        occurred_at=OCCURRED_AT,
    )  # fmt: skip
    saved = await sink.post(command)
    assert isinstance(saved, RecordSaved)
    assert (saved.erp_number, saved.natural_key) == (number, "paytrace/main/k")
    assert await sink.post(command) == saved
    settings = sandbox.settings(variable_language=language, accept_language=language)
    found = [records[0] async for _, records in AbasSource(abas, either, settings).customers()]
    [seen] = [one for one in found if one.abas_customer_id == number]
    assert seen.person == {
        "name": "New Ltd", "email": "new@example.com", "phone": "+49 721 1", "billing_street": "Hauptstr. 1",
        "billing_town": "Karlsruhe", "billing_country": "DE", "shipping_street": "Hafen 2", "shipping_town": "Kehl",
    }  # fmt: skip
    assert seen.erp_version == saved.erp_version
    missing = await sink.post(replace(command, values={**values, "number": "no-such"}))
    assert isinstance(missing, RecordRefused)


async def test_a_dunning_block_is_written_and_lifted_and_creates_no_customer(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    number = fresh("K")
    sandbox.admin("POST", "customers", [{"number": number, "name": "Late Ltd"}])

    def block(status: str, reason: str, customer: str = number) -> SaveRecord:
        values = {"number": customer, "dunning_block": status, "reason": reason}
        return SaveRecord(
            kind="dunning_block", natural_key=customer, subject=customer, values=values, rows=(),
            occurred_at=OCCURRED_AT,
        )  # fmt: skip

    def held() -> list[tuple[str, str]]:
        every = sandbox.admin("GET", "books")["customers"]
        return [(one["dunning_block"], one["dunning_reason"]) for one in every if one["number"] == number]

    blocked = await sink.post(block("BLOCKED", "C-1/S-1 2026-12-31"))
    assert isinstance(blocked, RecordSaved)
    assert await sink.post(block("BLOCKED", "C-1/S-1 2026-12-31")) == blocked
    assert held() == [("BLOCKED", "C-1/S-1 2026-12-31")]
    assert isinstance(await sink.post(block("RELEASED", "")), RecordSaved)
    assert held() == [("RELEASED", "")]
    assert isinstance(await sink.post(block("BLOCKED", "", fresh("NONE"))), RecordRefused)


async def test_a_payment_method_is_written_changed_and_removed(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    key = f"paytrace/main/{fresh('vault')}/card"
    values = {
        "customer": "70001", "token": key.split("/")[2], "method": "CARD", "brand": "visa", "last_four": "4242",
        "expires_on": "2027-01-31", "status": "ACTIVE",
    }  # fmt: skip
    command = SaveRecord(
        kind="payment_method", natural_key=key, subject="70001", values=values, rows=(), occurred_at=OCCURRED_AT
    )
    first = await sink.post(command)
    assert isinstance(first, RecordSaved)
    assert await sink.post(command) == first
    removed = await sink.post(replace(command, values={**values, "expires_on": "", "status": "REMOVED"}))
    assert isinstance(removed, RecordSaved)
    assert (removed.erp_number, removed.erp_version) == (first.erp_number, first.erp_version + 1)


async def test_a_change_decided_on_another_version_is_refused(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    key = fresh("SHOP")
    created = await sink.post(customer(key))
    assert isinstance(created, RecordSaved)
    await sink.post(customer(key, town="Ettlingen"))
    outcome = await sink.post(customer(key, town="Durlach", version=created.erp_version))
    assert isinstance(outcome, RecordRefused)
    assert outcome.code == "VERSION_DIFFERS"
    assert [held["town"] for held in customers(sandbox, key)] == ["Ettlingen"]


async def test_a_sales_order_has_its_rows_by_key_and_keeps_those_of_others(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    key = fresh("WC")
    await sink.post(sales_order(key, {"a": ("10001", "2", "45.00"), "b": ("10002", "1", "9.95")}))
    outcome = await sink.post(sales_order(key, {"b": ("10002", "3", "9.95"), "c": ("10001", "1", "40.50")}))
    assert isinstance(outcome, RecordSaved)
    [order] = orders(sandbox, key)
    assert order["customer"] == "70001"
    assert [(row["row_key"], row["product"], float(row["quantity"]), float(row["price"])) for row in order["rows"]] == [
        ("a", "10001", 2.0, 45.0),
        ("b", "10002", 3.0, 9.95),
        ("c", "10001", 1.0, 40.5),
    ]


async def test_a_payment_status_is_kept_in_a_table_of_ours(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    """Its row is made once and follows what becomes of the money; a value that no longer holds is emptied."""
    key = fresh("STATUS")
    created = await sink.post(payment_status(key, payment="waits"))
    assert isinstance(created, RecordSaved)
    [row] = statuses(sandbox, key)
    assert (row["customer"], row["payment_status"], row["reason"]) == ("70001", "waits", "NO_OPEN_ITEM")
    changed = await sink.post(payment_status(key, invoice="RE-100451"))
    assert isinstance(changed, RecordSaved)
    assert await sink.post(payment_status(key, invoice="RE-100451")) == changed
    [row] = statuses(sandbox, key)
    assert (row["invoice"], row["payment_status"], row["invoice_status"]) == ("RE-100451", "paid", "part")
    assert (row["amount"], row["reason"]) == ("95.00 USD", "")


@pytest.fixture
def onto_papers(abas: AbasClient, sandbox: AbasSandboxProcess, language: str, either: Profile) -> AbasSink:
    """Statuses are written onto the invoice's own item, as docs/mapping.md shows it."""
    invoice = {"en": "docNo", "de": "belnum"}[language]
    way = RecordWay(
        table="900:1",
        meta_name="OutstandingItem",
        order_by="id",
        number=invoice,
        found_by="invoice_number",
        inputs={"invoice_number": invoice, "payment_status": "ypaystatus", "invoice_status": "yinvstatus"},
        without=frozenset({"customer", "paytrace_transaction_id", "payment_amount", "currency", "reason"}),
    )
    assert not list(way.faults(kinds()["payment_status"]))
    settings = sandbox.settings(variable_language=language, accept_language=language)
    return AbasSink(abas, either.model_copy(update={"records": {"payment_status": way}}), settings)


async def test_a_payment_status_is_written_onto_the_invoice_where_abas_takes_it(
    sandbox: AbasSandboxProcess, sink: AbasSink, onto_papers: AbasSink
) -> None:
    invoice, key = fresh("RE"), fresh("STATUS")
    [item] = sandbox.seed(open_item(invoice))
    saved = await onto_papers.post(payment_status(key, invoice=invoice))
    assert isinstance(saved, RecordSaved)
    assert await onto_papers.post(payment_status(key, invoice=invoice)) == saved
    assert said_of(sandbox, invoice) == ("paid", "part")
    sandbox.faults(filed_refused=True)
    await sink.post(post_receipt(fresh("PT"), item))  # pays it, so abas files it
    refused = await onto_papers.post(payment_status(key, invoice=invoice, payment="refunded"))
    assert isinstance(refused, RecordRefused)
    assert "filed" in refused.message
    assert said_of(sandbox, invoice) == ("paid", "part")
    sandbox.faults(filed_refused=False)
    assert isinstance(await onto_papers.post(payment_status(key, invoice=invoice, payment="refunded")), RecordSaved)
    assert said_of(sandbox, invoice) == ("refunded", "part")


def said_of(sandbox: AbasSandboxProcess, invoice: str) -> tuple[str, str]:
    [item] = [one for one in sandbox.open_items() if one["invoice"] == invoice]
    return item["payment_status"], item["invoice_status"]


async def test_no_paper_is_made_for_a_status(sandbox: AbasSandboxProcess, onto_papers: AbasSink) -> None:
    before = len(sandbox.open_items())
    for command in (payment_status(fresh("STATUS"), invoice="RE-NOT-THERE"), payment_status(fresh("STATUS"))):
        refused = await onto_papers.post(command)
        assert isinstance(refused, RecordRefused)
        assert refused.code == "MISSING_OBJECT/record"
    assert len(sandbox.open_items()) == before


def request_of(sandbox: AbasSandboxProcess) -> tuple[str, Callable[[], dict[str, str]]]:
    """A payment request of somebody at abas: its record, and what is on it now."""
    asked = {"kind": "refund", "customer_number": "70001", "amount": "5", "currency": "USD", "reason": fresh("WHY")}
    [record] = sandbox.admin("POST", "payment-requests", [asked])["ids"]

    def now() -> dict[str, str]:
        found = sandbox.admin("GET", "books")["payment_requests"]
        return next(one for one in found if one["reason"] == asked["reason"])

    return record, now


async def test_where_a_payment_request_stands_is_written_onto_it(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    record, now = request_of(sandbox)
    why = "the refund may have been made: " + "look in PayTrace " * 20
    assert isinstance(await sink.post(request_status(record, "IN_DOUBT", reason=why)), RecordSaved)
    assert (now()["status"], now()["answer"]) == ("IN_DOUBT", why[:200].strip())
    done = request_status(record, "DONE", transaction="79388456", document="ZE-1, ZE-2")
    saved = await sink.post(done)
    assert await sink.post(done) == saved
    assert {name: now()[name] for name in ("status", "result", "document", "answer", "kind")} == {
        "status": "DONE",
        "result": "79388456",
        "document": "ZE-1, ZE-2",
        "answer": "",
        "kind": "refund",
    }


async def test_a_request_that_somebody_has_open_is_written_to_later(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    record, now = request_of(sandbox)
    sandbox.faults(locked=[record])
    with pytest.raises(AbasObjectLocked):
        await sink.post(request_status(record, "SENT"))
    sandbox.faults(locked=[])
    assert isinstance(await sink.post(request_status(record, "SENT")), RecordSaved)
    assert now()["status"] == "SENT"
    gone = await sink.post(request_status("(999999,900,0)", "SENT"))
    assert isinstance(gone, RecordRefused)


async def test_what_an_open_record_holds_up_waits(sandbox: AbasSandboxProcess, sink: AbasSink) -> None:
    [account] = sandbox.admin("POST", "master-data", [{"kind": "account", "number": "1361"}])["ids"]
    sandbox.faults(locked=[account])
    command = fee(fresh("FEE"))
    with pytest.raises(AbasObjectLocked):
        await sink.post(command)
    sandbox.faults(locked=[])
    assert isinstance(await sink.post(command), DocumentPosted)


COMMANDS: list[PostDocument | SaveRecord] = [
    fee("LOST"),
    customer("LOST"),
    sales_order("LOST", {"a": ("10001", "2", "45.00")}),
    payment_status("LOST", invoice="RE-100451"),
]


def renamed(command: PostDocument | SaveRecord, name: str) -> PostDocument | SaveRecord:
    if isinstance(command, PostDocument):
        return replace(command, posting_reference=name)
    return replace(command, natural_key=name)


def held(sandbox: AbasSandboxProcess, command: PostDocument | SaveRecord, name: str) -> int:
    count = {"fee": entries, "customer": customers, "sales_order": orders, "payment_status": statuses}[command.kind]
    return len(count(sandbox, name))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.kind)
@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "internal_error"])
@pytest.mark.parametrize("lag_s", [0.0, 0.2])
async def test_a_lost_answer_makes_no_second_one(
    sandbox: AbasSandboxProcess,
    sink: AbasSink,
    command: PostDocument | SaveRecord,
    fault: str,
    lag_s: float,
) -> None:
    name = fresh("LOST")
    command = renamed(command, name)
    sandbox.faults(**{fault: 2}, search_lag_s=lag_s)
    outcome = await until_known(sink, command)
    assert isinstance(outcome, DocumentPosted | RecordSaved)
    await asyncio.sleep(lag_s)
    assert held(sandbox, command, name) == 1


async def until_known(sink: AbasSink, command: PostDocument | SaveRecord) -> object:
    """As the task layer does it: again and again while it may still show."""
    for _ in range(40):
        try:
            return await sink.post(command)
        except (AbasOutcomePending, Transient):
            await asyncio.sleep(0.05)
    raise AssertionError("its outcome never became known")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.kind)
async def test_two_writers_at_once_make_one(
    sandbox: AbasSandboxProcess, either: Profile, language: str, abas: AbasClient, command: PostDocument | SaveRecord
) -> None:
    name = fresh("TWO")
    command = renamed(command, name)
    settings = sandbox.settings(variable_language=language, accept_language=language)
    sinks = [AbasSink(abas, either, settings) for _ in range(4)]
    outcomes = await asyncio.gather(*(until_known(sink, command) for sink in sinks))
    assert len(set(map(repr, outcomes))) == 1
    assert held(sandbox, command, name) == 1


async def test_a_kind_without_a_place_in_the_profile_is_refused(
    sandbox: AbasSandboxProcess, abas: AbasClient, either: Profile
) -> None:
    payments = {kind: way for kind, way in either.documents.items() if kind.startswith("cash_receipt")}
    bare = either.model_copy(update={"documents": payments, "records": {}})
    sink = AbasSink(abas, bare, sandbox.settings())
    document, record = await sink.post(fee(fresh("FEE"))), await sink.post(customer(fresh("SHOP")))
    assert isinstance(document, DocumentRefused)
    assert isinstance(record, RecordRefused)
    assert document.code == record.code == "MISSING_PROFILE/document"
    assert "below documents" in document.message


async def test_a_document_is_posted_in_another_period_and_keeps_its_value_day(
    sandbox: AbasSandboxProcess, sink: AbasSink
) -> None:
    """The month is closed between the decision and the post; both days stand on the document."""
    reference = fresh("FEE")
    command = fee(reference, value_on="2026-10-31")
    sandbox.faults(closed_periods=["finance/2026-10"])
    outcome = await sink.post(command)
    assert isinstance(outcome, DocumentRefused)
    assert outcome.code == "PERIOD_CLOSED/2202"
    assert isinstance(await sink.post(replace(command, posted_on=date(2026, 11, 1))), DocumentPosted)
    [entry] = entries(sandbox, reference)
    assert (entry["posted_on"], entry["value_on"]) == ("2026-11-01", "2026-10-31")
    assert entries(sandbox, reference) == [entry]


async def test_a_day_before_all_periods_is_of_the_same_family(sink: AbasSink) -> None:
    outcome = await sink.post(fee(fresh("FEE"), value_on="1999-12-31"))
    assert isinstance(outcome, DocumentRefused)
    assert outcome.code == "PERIOD_CLOSED/1294"


async def test_a_profile_without_a_field_for_the_posting_date_says_so(
    abas: AbasClient, sandbox: AbasSandboxProcess, either: Profile
) -> None:
    way = either.documents["fee"]
    less = {role: name for role, name in way.inputs.items() if role != "posted_on"}
    documents = {**either.documents, "fee": way.model_copy(update={"inputs": less})}
    sink = AbasSink(abas, either.model_copy(update={"documents": documents}), sandbox.settings())
    outcome = await sink.post(replace(fee(fresh("FEE")), posted_on=date(2026, 12, 1)))
    assert isinstance(outcome, DocumentRefused)
    assert outcome.code == "MISSING_PROFILE/posted_on"
