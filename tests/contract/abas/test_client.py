"""The client against the sandbox: dialects, languages, logins, questions, bounds."""

from __future__ import annotations

import itertools
from datetime import date
from typing import get_args

import pytest
from pydantic import SecretStr

from connectors.abas.client import AbasClient
from connectors.abas.criteria import Selection, equals
from connectors.abas.errors import AbasBusy, AbasQueryRefused, AbasRefused, AbasUnavailable, LoginRejected
from connectors.abas.profile import Profile
from connectors.abas.settings import AbasSettings, TokenLogin
from connectors.abas.sink import AbasSink
from connectors.abas.source import AbasSource
from infra.sandboxes.abas.state import DEFAULT_PASSWORD
from schemas.records.erp import DocumentPosted, DocumentRefused
from schemas.records.gateway import PaymentRequestKind, PaymentRequestStatus
from schemas.records.identification import CustomerReferenced
from schemas.records.subscriptions import RecurrenceFrequency
from tests.support.abas_commands import post_receipt, reverse_receipt, with_strategy
from tests.support.abas_sandbox import AbasSandboxProcess, open_item

_numbers = itertools.count(700_000)


@pytest.mark.parametrize("dialect", get_args(AbasSettings.model_fields["dialect"].annotation))
@pytest.mark.parametrize("strategy", ["infosystem", "editor"])
async def test_every_dialect_serves_for_everything(
    sandbox: AbasSandboxProcess, profile: Profile, dialect: str, strategy: str
) -> None:
    [item] = sandbox.seed(open_item("RE-DIALECT"))
    reference = f"PT{next(_numbers)}"
    settings = sandbox.settings(dialect=dialect)
    chosen = with_strategy(profile, "editor" if strategy == "editor" else "infosystem")
    async with AbasClient(settings) as client:
        sink = AbasSink(client, chosen, settings)
        posted = await sink.post(post_receipt(reference, item))
        assert isinstance(posted, DocumentPosted)
        assert isinstance(await sink.post(reverse_receipt(f"{reference}-R", reference, item)), DocumentPosted)
        assert await sink.post(post_receipt(reference, item)) == posted
        seen = {key: records async for key, records in AbasSource(client, chosen, settings).poll()}
    assert f"open-item/{item}" in seen


def token_settings(sandbox: AbasSandboxProcess, secret: str = DEFAULT_PASSWORD, **login: float) -> AbasSettings:
    url = f"{sandbox.origin}/realms/abas/protocol/openid-connect/token"
    token = TokenLogin(token_url=url, client_id="saldo", client_secret=SecretStr(secret), **login)
    return sandbox.settings(token_login=token, password="")


async def test_a_token_serves_as_login_and_is_renewed_before_it_ends(sandbox: AbasSandboxProcess) -> None:
    async with AbasClient(token_settings(sandbox)) as client:
        assert await client.tables()
    sandbox.faults(token_lifetime_s=0.0)
    async with AbasClient(token_settings(sandbox, refresh_before_s=0.0)) as client:
        with pytest.raises(LoginRejected):
            await client.tables()
    sandbox.faults(token_lifetime_s=599)


async def test_a_login_that_expired_is_made_anew_even_for_a_write(
    sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    [item] = sandbox.seed(open_item("RE-LOGIN"))
    settings = token_settings(sandbox)
    async with AbasClient(settings) as client:
        sink = AbasSink(client, profile, settings)
        await client.tables()
        sandbox.faults(login_expired=1)
        assert isinstance(await sink.post(post_receipt(f"PT{next(_numbers)}", item)), DocumentPosted)


async def test_a_wrong_secret_is_reported_as_such(sandbox: AbasSandboxProcess) -> None:
    async with AbasClient(token_settings(sandbox, secret="wrong")) as client:
        with pytest.raises(LoginRejected, match="client id and secret"):
            await client.about()


async def test_a_token_endpoint_that_is_away_is_an_outage(sandbox: AbasSandboxProcess) -> None:
    login = TokenLogin(token_url="http://127.0.0.1:1/token", client_id="c", client_secret=SecretStr("s"))
    async with AbasClient(sandbox.settings(token_login=login, read_attempts=1)) as client:
        with pytest.raises(AbasUnavailable):
            await client.about()


@pytest.mark.parametrize("strategy", ["infosystem", "editor"])
async def test_a_question_nobody_decided_on_is_a_refusal(
    sandbox: AbasSandboxProcess, profile: Profile, strategy: str
) -> None:
    [item] = sandbox.seed(open_item("RE-ASK"))
    sandbox.faults(ask_before_saving=True)
    chosen = with_strategy(profile, "editor" if strategy == "editor" else "infosystem")
    async with AbasClient(sandbox.settings(working_set_label=f"ask-{strategy}")) as client:
        sink = AbasSink(client, chosen, sandbox.settings())
        outcome = await sink.post(post_receipt(f"PT{next(_numbers)}", item))
        assert await client.working_sets() == ()
    assert isinstance(outcome, DocumentRefused)
    assert outcome.code == "DIALOG/CONFIRM_POSTING"
    assert "Save this payment?" in outcome.message


@pytest.mark.parametrize("strategy", ["infosystem", "editor"])
async def test_a_question_that_the_profile_answers_does_not_stop_a_posting(
    sandbox: AbasSandboxProcess, profile: Profile, strategy: str
) -> None:
    [item] = sandbox.seed(open_item("RE-ANSWER"))
    sandbox.faults(ask_before_saving=True)
    chosen = with_strategy(profile, "editor" if strategy == "editor" else "infosystem")
    answering = chosen.posting.model_copy(update={"dialog_answers": {"CONFIRM_POSTING": ("yes",)}})
    settings = sandbox.settings()
    async with AbasClient(settings) as client:
        sink = AbasSink(client, chosen.model_copy(update={"posting": answering}), settings)
        assert isinstance(await sink.post(post_receipt(f"PT{next(_numbers)}", item)), DocumentPosted)


async def test_no_free_licence_is_waited_for(empty_sandbox: AbasSandboxProcess) -> None:
    empty_sandbox.seed()
    empty_sandbox.faults(licences=1)
    record = empty_sandbox.admin("GET", "books")["customers"][0]["id"]
    empty_sandbox.admin("POST", "editors", {"record": record})
    async with AbasClient(empty_sandbox.settings(read_attempts=2)) as client:
        with pytest.raises(AbasBusy):
            await client.about()
        empty_sandbox.faults(licences=0)
        assert (await client.about())["erpVersion"] == "2026.1-sandbox"


async def test_a_selection_that_abas_refuses_is_no_business_refusal(
    client: AbasClient, sandbox: AbasSandboxProcess
) -> None:
    for table, field in (("0:1", "nosuchfield"), ("99:9", "idno")):
        with pytest.raises(AbasQueryRefused):
            await client.query_page(table, Selection((equals(field, "x"),)), ["id"], order_option="@order={field}")


async def test_a_record_that_is_not_there_is_a_refusal(client: AbasClient) -> None:
    with pytest.raises(AbasRefused) as caught:
        await client.read_record("0:1", "79999", ["id"])
    assert caught.value.code.startswith("MISSING_OBJECT/")


async def test_an_answer_without_end_does_not_fill_the_memory(sandbox: AbasSandboxProcess, profile: Profile) -> None:
    sandbox.seed(*[open_item(f"RE-BIG{n}") for n in range(50)])
    settings = sandbox.settings(max_answer_bytes=2_000, read_attempts=1)
    async with AbasClient(settings) as client:
        with pytest.raises(AbasUnavailable):
            [key async for key, _ in AbasSource(client, profile, settings).poll()]


async def test_sales_orders_lead_to_their_customers(empty_sandbox: AbasSandboxProcess, profile: Profile) -> None:
    empty_sandbox.seed()
    order = {"number": "au-30001", "customer_number": "70001", "amount": "99.90", "currency": "USD"}
    [record] = empty_sandbox.admin("POST", "sales-orders", [order])["ids"]
    settings = empty_sandbox.settings()
    async with AbasClient(settings) as client:
        seen = {key: records async for key, records in AbasSource(client, profile, settings).poll()}
    [referenced] = seen[f"sales-order/{record}"]
    assert isinstance(referenced, CustomerReferenced)
    assert (referenced.token, referenced.abas_customer_id) == ("order:AU-30001", "70001")


async def test_payment_payment_requests_are_read(empty_sandbox: AbasSandboxProcess, profile: Profile) -> None:
    empty_sandbox.seed()
    payment_request = {
        "kind": "refund",
        "customer_number": "70001",
        "amount": "12.50",
        "currency": "USD",
        "paytrace_transaction_id": "79388123",
        "reason": "damaged",
        "requester": "M. Muster",
    }
    [record] = empty_sandbox.admin("POST", "payment-requests", [payment_request])["ids"]
    settings = empty_sandbox.settings()
    async with AbasClient(settings) as client:
        [(key, (seen,))] = [entry async for entry in AbasSource(client, profile, settings).payment_requests()]
    assert (key, seen.payment_request_id) == (f"payment-request/{record}", record)
    assert (seen.kind, seen.raw_kind, seen.status) == (PaymentRequestKind.REFUND, "refund", PaymentRequestStatus.OPEN)
    assert (seen.amount_minor, seen.currency, seen.reason) == (1250, "USD", "damaged")
    assert (seen.abas_customer_id, seen.paytrace_transaction_id) == ("70001", "79388123")
    assert (seen.vault_customer_id, seen.requester) == ("acme-inc", "M. Muster")
    assert seen.invoice_number is None


async def test_contracts_are_read_with_their_customers_card_also_once_they_are_filed(
    empty_sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    empty_sandbox.seed()
    contract = {
        "number": "V-77",
        "customer_number": "70001",
        "amount": "24.95",
        "currency": "USD",
        "frequency": "monatlich",
        "start_on": "2026-01-31",
        "description": "Maintenance",
    }
    other = {**contract, "number": "V-78", "frequency": "every two weeks", "ends_on": "2027-06-01", "filed": True}
    unknown = {**contract, "number": "V-79", "frequency": "now and then"}
    empty_sandbox.admin("POST", "contracts", [contract, other, unknown])
    settings = empty_sandbox.settings()
    async with AbasClient(settings) as client:
        found = [seen async for _, (seen,) in AbasSource(client, profile, settings).contracts()]
    by_number = {seen.abas_contract_number: seen for seen in found}
    seen = by_number["V-77"]
    assert (seen.vault_customer_id, seen.abas_customer_id, seen.merchant) == ("acme-inc", "70001", "")
    assert (seen.amount_minor, seen.currency, seen.start_on, seen.ends_on) == (2495, "USD", date(2026, 1, 31), None)
    assert (seen.frequency, seen.raw_frequency) == (RecurrenceFrequency.MONTHLY, "monatlich")
    assert (seen.is_active, seen.description) == (True, "Maintenance")
    filed = by_number["V-78"]
    assert (filed.is_active, filed.ends_on, filed.frequency) == (
        False,
        date(2027, 6, 1),
        RecurrenceFrequency.EVERY_TWO_WEEKS,
    )
    assert by_number["V-79"].frequency is RecurrenceFrequency.UNKNOWN


async def test_a_charge_names_the_invoice_that_it_pays(empty_sandbox: AbasSandboxProcess, profile: Profile) -> None:
    empty_sandbox.seed(open_item("RE-100451", "125.00"))
    payment_request = {"kind": "charge", "customer_number": "70001", "amount": "125.00", "currency": "USD"}
    empty_sandbox.admin("POST", "payment-requests", [{**payment_request, "invoice_number": "RE-100451"}])
    settings = empty_sandbox.settings()
    async with AbasClient(settings) as client:
        [(_, (seen,))] = [entry async for entry in AbasSource(client, profile, settings).payment_requests()]
    assert (seen.kind, seen.invoice_number) == (PaymentRequestKind.CHARGE, "RE-100451")
