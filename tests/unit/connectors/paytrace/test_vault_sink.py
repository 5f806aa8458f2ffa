"""Values of a customer are written into the vault after a look, and answered where they don't stick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.paytrace.errors import CallNotOffered, PaymentOutcomeUnknown, PayTraceRefused, PayTraceUnavailable
from connectors.paytrace.mapping import Meaning
from connectors.paytrace.ports import Answer
from connectors.paytrace.vault_sink import VaultSink
from schemas.records.customers import ChangeVaultCustomer, VaultCustomerChanged, VaultCustomerNotChanged

COMMAND = ChangeVaultCustomer(
    data_subject="paytrace/main/ada",
    merchant="main",
    vault_customer_id="ada",
    erp_subject="abas/1",
    fields=("billing", "email", "name"),
    person={"name": "Ada Byron", "email": "b@example.com", "billing_street": "2 Main St", "billing_town": "Reno"},
    occurred_at=datetime(2026, 11, 30, tzinfo=UTC),
)


class Vault:
    """One vault customer; `keeps` is what it makes of a value, `raises` what an update raises after it was made."""

    def __init__(self, *, keeps: int = 99, raises: Exception | None = None, meaning: Meaning = Meaning.DONE) -> None:
        self.row: dict[str, Any] = {
            "customer_id": "ada",
            "email": "a@example.com",
            "phone": "1",
            "billing_address": {"name": "Ada", "street_address": "1 Main St", "city": "Reno", "zip": "89501"},
        }
        self.updates: list[Mapping[str, Any]] = []
        self.keeps, self.raises, self.meaning = keeps, raises, meaning

    async def export_customers(self, customer_id: str | None = None) -> list[Any]:
        return [self.row] if customer_id == "ada" else []

    async def update_customer(
        self, customer_id: str, *, new_id: str | None = None, fields: Mapping[str, Any] | None = None
    ) -> Answer:
        if isinstance(self.raises, PayTraceRefused | CallNotOffered):
            raise self.raises
        self.updates.append(fields or {})
        kept = {
            name: value[: self.keeps] if isinstance(value, str) else value for name, value in (fields or {}).items()
        }
        self.row |= kept
        if self.raises is not None:
            raise self.raises
        return Answer(meaning=self.meaning, response_code=161, status_message="of b@example.com")


async def test_values_are_written_whole_addresses_included_and_a_second_time_nothing_is() -> None:
    vault = Vault()
    assert isinstance(await VaultSink(vault).change(COMMAND), VaultCustomerChanged)
    assert vault.updates == [
        {
            "email": "b@example.com",
            "billing_address": {"name": "Ada Byron", "street_address": "2 Main St", "city": "Reno"},
        }
    ]
    assert isinstance(await VaultSink(vault).change(COMMAND), VaultCustomerChanged)
    assert len(vault.updates) == 1


async def test_a_name_alone_keeps_the_address() -> None:
    vault = Vault()
    await VaultSink(vault).change(replace(COMMAND, fields=("name",), person={"name": "Ada Byron"}))
    assert vault.row["billing_address"] == {
        "name": "Ada Byron", "street_address": "1 Main St", "city": "Reno", "zip": "89501",
    }  # fmt: skip


async def test_a_lost_answer_is_looked_up_at_the_next_attempt() -> None:
    vault = Vault(raises=PaymentOutcomeUnknown("no answer came", path="/v1/customer/update", reference="ada"))
    with pytest.raises(PayTraceUnavailable):
        await VaultSink(vault).change(COMMAND)
    assert isinstance(await VaultSink(vault).change(COMMAND), VaultCustomerChanged)
    assert len(vault.updates) == 1


@pytest.mark.parametrize(
    ("vault", "code"),
    [
        (Vault(keeps=3), "NOT_KEPT"),
        (Vault(raises=PayTraceRefused("no b@example.com here", code="46")), "46"),
        (Vault(raises=CallNotOffered("v3 has no such call")), "not-offered"),
        (Vault(meaning=Meaning.ERRORS), "161"),
    ],
)
async def test_what_paytrace_does_not_take_is_an_answer(vault: Vault, code: str) -> None:
    answer = await VaultSink(vault).change(COMMAND)
    assert isinstance(answer, VaultCustomerNotChanged)
    assert answer.code == code


async def test_a_customer_who_is_gone_is_an_answer() -> None:
    answer = await VaultSink(Vault()).change(replace(COMMAND, vault_customer_id="eve"))
    assert isinstance(answer, VaultCustomerNotChanged)
    assert answer.code == "unknown-vault-customer"
