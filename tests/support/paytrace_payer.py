"""What a shop does at PayTrace and Saldo never does: it reserves money on a new card, and takes bank numbers."""

from __future__ import annotations

import itertools
from typing import Any

import httpx2
from pydantic import SecretStr

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.ports import Answer, CardDetails, Charge
from tests.support.paytrace_sandbox import VISA, Sandbox

ACCOUNT = {"account_number": "123456789", "routing_number": "325070760"}
_CARD = CardDetails(SecretStr(VISA), 12, 2030)
_NUMBERS = itertools.count(1)


async def authorized(client: PayTraceClient, charge: Charge) -> Answer:
    """Reserve an amount on the card of a new vault customer."""
    customer_id = f"holder-{next(_NUMBERS)}"
    await client.create_customer(customer_id, card=_CARD)
    return await client.authorize_by_customer(customer_id, charge)


def store_account(sandbox: Sandbox, customer_id: str, **account: str) -> str:
    """Store a vault customer with a bank account; the number that v3 knows the customer by."""
    return _store(sandbox, customer_id, {"check": ACCOUNT | account})


def store_card(sandbox: Sandbox, customer_id: str) -> str:
    """Store a vault customer with a card; the number that v3 knows the customer by."""
    card = {"number": VISA, "expiration_month": "12", "expiration_year": "2030"}
    return _store(sandbox, customer_id, {"credit_card": card})


def _store(sandbox: Sandbox, customer_id: str, pays_by: dict[str, Any]) -> str:
    body = {"customer_id": customer_id, "billing_address": {"name": "Kevin"}, **pays_by}
    _post_v1(sandbox, "customer/create", body)
    headers = v3_headers(sandbox)
    answer = httpx2.get(f"{sandbox.base_url}/v3/customer/export?customer_label={customer_id}", headers=headers)
    return str(answer.json()["data"][0]["customer_id"])


def pay_by_check(sandbox: Sandbox, amount_minor: int, **account: str) -> dict[str, Any]:
    """Debit a bank account by a v1 check; PayTrace's answer."""
    return _post_v1(sandbox, "checks/sale/by_account", {"amount": amount_minor / 100, "check": ACCOUNT | account})


def v3_headers(sandbox: Sandbox) -> dict[str, str]:
    """Headers of a v3 call, with a token."""
    answer = httpx2.post(
        f"{sandbox.base_url}/v3/token",
        data={"grant_type": "client_credentials", "client_id": "demo123", "client_secret": "demo123"},
        headers={"X-Integrator-Id": "9999Saldo123"},
    )
    assert answer.status_code == 201
    token = answer.json()["data"]["access_token"]
    return {"Authorization": f"Bearer {token}", "X-Integrator-Id": "9999Saldo123"}


def _post_v1(sandbox: Sandbox, path: str, body: dict[str, Any]) -> dict[str, Any]:
    login = {"grant_type": "password", "username": "demo123", "password": "demo123"}
    token = httpx2.post(f"{sandbox.base_url}/oauth/token", data=login).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer: dict[str, Any] = httpx2.post(f"{sandbox.base_url}/v1/{path}", json=body, headers=headers).json()
    return answer
