"""What the client and PayTrace agree on for cards: the sandbox keeps to it, the live system on request."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.errors import CurrencyNotOffered, PayTraceRefused
from connectors.paytrace.mapping import Meaning
from connectors.paytrace.ports import BillingAddress, CardDetails, Charge
from tests.support.paytrace_payer import authorized
from tests.support.paytrace_sandbox import AMEX, VISA, Sandbox

TODAY = date(2026, 11, 24)
EXACT = BillingAddress(name="Kevin", street_address="8320 E. West St.", zip="85284")
ELSEWHERE = BillingAddress(name="Kevin", street_address="1 Main St.", zip="10001")


def card(number: str = VISA, csc: str | None = "999") -> CardDetails:
    return CardDetails(SecretStr(number), 12, 2030, None if csc is None else SecretStr(csc))


def charge(amount_minor: int = 12500, **changes: Any) -> Charge:
    return Charge(**{"amount_minor": amount_minor, "invoice_number": "RE-100451", **changes})


async def row_of(client: PayTraceClient, transaction_id: str | None) -> dict[str, Any]:
    row = await client.export_transaction(transaction_id or "")
    assert row is not None
    return row


async def test_an_approved_sale_waits_for_settlement(client: PayTraceClient, sandbox: Sandbox) -> None:
    answer = await client.sale_keyed(card(), charge(billing_address=EXACT, description="Order 5512"))
    assert (answer.meaning, answer.response_code) == (Meaning.APPROVED, 101)
    assert (answer.avs_response, answer.csc_response) == ("Full Exact Match", "Match")
    assert answer.approval_code.startswith("TAS")
    row = await row_of(client, answer.transaction_id)
    assert (row["status_code"], row["status_message"], row["settled"]) == ("Y", "Pending Settlement", "")
    assert (row["amount"], row["transaction_type"], row["invoice_id"]) == (125, "SALE", "RE-100451")
    assert row["credit_card"]["masked_number"] == "************5439"
    assert row["created"]["at"].startswith("11/24/2026 12:00:")
    books = sandbox.books()[str(row["transaction_id"])]
    assert (books["state"], books["amount_minor"], books["currency"]) == ("PENDING", 12500, "USD")


async def test_twenty_nine_cents_are_declined_with_an_id(client: PayTraceClient) -> None:
    answer = await client.sale_keyed(card(), charge(29))
    assert (answer.meaning, answer.response_code, answer.approval_code) == (Meaning.DECLINED, 102, "")
    row = await row_of(client, answer.transaction_id)
    assert (row["status_code"], row["status_message"], row["approval_code"]) == ("N", "Declined", "")


async def test_amex_never_answers_for_the_security_code(client: PayTraceClient) -> None:
    assert (await client.sale_keyed(card(AMEX, "9997"), charge())).csc_response == ""


async def test_every_problem_of_a_card_comes_in_one_answer(client: PayTraceClient) -> None:
    bad = CardDetails(SecretStr("54545454545454"), 14, 2030)
    with pytest.raises(PayTraceRefused) as refused:
        await client.sale_keyed(bad, charge())
    assert set(refused.value.errors) == {"35", "43"}
    assert refused.value.code == "35"


async def test_an_authorization_is_no_sale_until_captured(client: PayTraceClient) -> None:
    answer = await authorized(client, charge(5000))
    row = await row_of(client, answer.transaction_id)
    assert (row["transaction_type"], row["status_code"], row["status_message"]) == (
        "AUTHORIZATION",
        "N",
        "Authorization Only",
    )
    captured = await client.capture(answer.transaction_id or "", 4000)
    assert (captured.response_code, captured.transaction_id) == (112, answer.transaction_id)
    row = await row_of(client, answer.transaction_id)
    assert (row["status_code"], row["amount"]) == ("Y", 40)


async def test_an_authorization_never_settles(client: PayTraceClient, sandbox: Sandbox) -> None:
    answer = await authorized(client, charge())
    sandbox.admin("settle", {})
    assert sandbox.books()[answer.transaction_id or ""]["state"] == "AUTHORIZED"


async def test_a_capture_is_refused_above_the_amount_and_twice(client: PayTraceClient) -> None:
    answer = await authorized(client, charge(5000))
    transaction_id = answer.transaction_id or ""
    with pytest.raises(PayTraceRefused):
        await client.capture(transaction_id, 5001)
    await client.capture(transaction_id)
    with pytest.raises(PayTraceRefused):
        await client.capture(transaction_id)


async def test_a_void_works_until_settlement(client: PayTraceClient, sandbox: Sandbox) -> None:
    first = (await client.sale_keyed(card(), charge())).transaction_id or ""
    voided = await client.void(first)
    assert (voided.response_code, voided.transaction_id) == (109, first)
    row = await row_of(client, first)
    assert (row["status_code"], row["status_message"]) == ("N", "Voided")
    second = (await client.sale_keyed(card(), charge())).transaction_id or ""
    sandbox.admin("settle", {})
    with pytest.raises(PayTraceRefused) as refused:
        await client.void(second)
    assert refused.value.code == "818"


async def test_a_refund_works_after_settlement_with_a_new_id_and_no_link(
    client: PayTraceClient, sandbox: Sandbox
) -> None:
    sale = (await client.sale_keyed(card(), charge(10000))).transaction_id or ""
    with pytest.raises(PayTraceRefused) as refused:
        await client.refund(sale)
    assert refused.value.code == "817"
    sandbox.admin("settle", {})
    refund = await client.refund(sale, 2500)
    assert (refund.meaning, refund.response_code) == (Meaning.DONE, 106)
    assert refund.transaction_id not in (None, sale)
    row = await row_of(client, refund.transaction_id)
    assert (row["transaction_type"], row["amount"]) == ("REFUND", 25)
    assert sale not in str(row)
    assert sandbox.books()[refund.transaction_id or ""]["refund_of"] == sale


async def test_refunds_never_exceed_the_sale(client: PayTraceClient, sandbox: Sandbox) -> None:
    sale = (await client.sale_keyed(card(), charge(10000))).transaction_id or ""
    sandbox.admin("settle", {})
    await client.refund(sale, 6000)
    with pytest.raises(PayTraceRefused):
        await client.refund(sale, 4001)
    await client.refund(sale, 4000)
    with pytest.raises(PayTraceRefused):
        await client.refund(sale, 1)


async def test_a_voided_refund_gives_its_amount_back(client: PayTraceClient, sandbox: Sandbox) -> None:
    sale = (await client.sale_keyed(card(), charge(10000))).transaction_id or ""
    sandbox.admin("settle", {})
    refund = (await client.refund(sale)).transaction_id or ""
    await client.void(refund)
    assert (await client.refund(sale)).response_code == 106


async def test_an_unknown_id_is_error_58_and_no_row(client: PayTraceClient) -> None:
    with pytest.raises(PayTraceRefused) as refused:
        await client.void("1")
    assert refused.value.code == "58"
    assert await client.export_transaction("1") is None


async def test_the_account_rule_voids_what_it_approved(client: PayTraceClient, sandbox: Sandbox) -> None:
    sandbox.admin("rules", {"auto_void_rule": "avs"})
    answer = await client.sale_keyed(card(), charge(billing_address=ELSEWHERE))
    assert (answer.meaning, answer.response_code) == (Meaning.VOIDED_BY_RULE, 103)
    assert answer.fields["success"] is True
    row = await row_of(client, answer.transaction_id)
    assert (row["status_code"], row["status_message"]) == ("N", "Voided")
    without_address = await client.sale_keyed(card(), charge())
    assert without_address.response_code == 101


async def test_settlement_runs_at_the_cut_off_of_the_sandbox_clock(client: PayTraceClient, sandbox: Sandbox) -> None:
    sale = (await client.sale_keyed(card(), charge())).transaction_id or ""
    sandbox.admin("clock", {"now": "2026-11-24T19:59:59-08:00"})
    assert sandbox.books()[sale]["state"] == "PENDING"
    sandbox.admin("clock", {"now": "2026-11-26T09:00:00-08:00"})
    entry = sandbox.books()[sale]
    assert (entry["state"], entry["batch"]) == ("SETTLED", 1)
    assert entry["settled_at"] == "2026-11-25T04:00:00+00:00"
    row = await row_of(client, sale)
    assert (row["status_code"], row["status_message"], row["settled"]) == ("GB1", "GB1", "11/24/2026 8:00:00 PM")


async def test_a_sale_after_the_cut_off_waits_for_the_next_day(client: PayTraceClient, sandbox: Sandbox) -> None:
    sandbox.admin("clock", {"now": "2026-11-24T20:00:01-08:00"})
    sale = (await client.sale_keyed(card(), charge())).transaction_id or ""
    sandbox.admin("clock", {"now": "2026-11-27T00:00:00-08:00"})
    assert sandbox.books()[sale]["settled_at"] == "2026-11-26T04:00:00+00:00"


async def test_the_export_finds_days_text_types_and_customers(client: PayTraceClient) -> None:
    sale = await client.sale_keyed(card(), charge(invoice_number="RE-77-unique"))
    await client.sale_keyed(card(), charge(29))
    await authorized(client, charge())
    assert len(await client.export_transactions(TODAY, TODAY)) == 3
    assert await client.export_transactions(TODAY - timedelta(days=1), TODAY - timedelta(days=1)) == []
    found = await client.find_transactions(TODAY, TODAY, "RE-77-unique")
    assert [str(row["transaction_id"]) for row in found] == [sale.transaction_id]
    for kind, count in (("SALE", 2), ("AUTHORIZATION", 1), ("DECLINED", 1), ("PENDING", 1), ("SETTLED", 0)):
        assert len(await client.export_transactions(TODAY, TODAY, transaction_type=kind)) == count


async def test_batches_add_up_to_their_transactions(client: PayTraceClient, sandbox: Sandbox) -> None:
    sale = (await client.sale_keyed(card(), charge(10050))).transaction_id or ""
    sandbox.admin("settle", {})
    await client.refund(sale, 50)
    await client.sale_keyed(card(), charge(333))
    sandbox.admin("settle", {})
    batches = await client.export_batches(TODAY, TODAY)
    assert [batch["batch_number"] for batch in batches] == [1, 2]
    assert (batches[1]["sales_count"], batches[1]["refund_count"]) == (1, 1)
    rows = await client.export_batch_transactions(2)
    net = sum((-1 if row["transaction_type"] == "REFUND" else 1) * row["amount"] for row in rows)
    assert net == batches[1]["net_amount"]


async def test_other_currencies_are_refused_before_any_call(client: PayTraceClient, sandbox: Sandbox) -> None:
    with pytest.raises(CurrencyNotOffered):
        await client.sale_keyed(card(), charge(currency="EUR"))
    assert sandbox.books() == {}


async def test_markup_is_stripped_from_texts(client: PayTraceClient) -> None:
    answer = await client.sale_keyed(card(), charge(description="<b>Order|5</b>~"))
    assert (await row_of(client, answer.transaction_id))["description"] == "bOrder5/b"


async def test_no_card_number_reaches_the_disk(client: PayTraceClient, sandbox: Sandbox) -> None:
    await client.sale_keyed(card(), charge())
    written = b"".join(path.read_bytes() for path in sandbox.data_dir.iterdir())
    assert VISA.encode() not in written
    assert b"RE-100451" in written
