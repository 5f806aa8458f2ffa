"""Makes PayTrace's vault hold values of a customer: looks up, changes what differs, looks up again.

A change made twice is the same change, so a call whose answer is lost is simply made again, after a look. What PayTrace
keeps otherwise than it was set (cut, left out) is an answer, so that nothing is written again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from connectors.common.address import Address
from connectors.common.person import Person
from connectors.paytrace.errors import CallNotOffered, PaymentOutcomeUnknown, PayTraceRefused, PayTraceUnavailable
from connectors.paytrace.fact_mapping import to_person
from connectors.paytrace.mapping import Meaning
from connectors.paytrace.ports import Answer
from connectors.paytrace.wire import JsonObject
from schemas.checks.sensitive import mask_sensitive
from schemas.records.customers import ChangeVaultCustomer, VaultCustomerChanged, VaultCustomerNotChanged

NOT_KEPT = "NOT_KEPT"
_DONE = frozenset({Meaning.DONE, Meaning.STORED, Meaning.APPROVED})
_PARTS = ("street", "postal_code", "town", "region", "country")


class VaultClient(Protocol):
    """What this sink needs of a client; both API versions have it."""

    async def export_customers(self, customer_id: str | None = None) -> list[JsonObject]:
        """Vault customers, all or one."""

    async def update_customer(
        self, customer_id: str, *, new_id: str | None = None, fields: Mapping[str, Any] | None = None
    ) -> Answer:
        """Change a stored customer; fields are in PayTrace's words."""


class VaultSink:
    """The vault of one merchant account."""

    def __init__(self, client: VaultClient) -> None:
        self._client = client

    async def change(self, command: ChangeVaultCustomer) -> VaultCustomerChanged | VaultCustomerNotChanged:
        """Make the vault hold these values, opened, and say what became of it.

        Raises: PayTraceUnavailable and other Transients, while it may or may not have been changed: ask again.
        """
        customer_id = command.vault_customer_id
        held = await self._held(customer_id)
        if held is None:
            return _not(command, "unknown-vault-customer", f"PayTrace knows no vault customer {customer_id}")
        wanted = _with(held, command.person)
        if not _unlike(held, wanted, command):
            return _changed(command)
        try:
            answer = await self._client.update_customer(customer_id, fields=_in_words(wanted, command))
        except PayTraceRefused as refused:
            return _not(command, refused.code, str(refused))
        except CallNotOffered as reason:
            return _not(command, "not-offered", str(reason))
        except PaymentOutcomeUnknown as unknown:
            raise PayTraceUnavailable(f"vault customer {customer_id} may be changed: {unknown}") from unknown
        if answer.meaning not in _DONE:
            return _not(command, str(answer.response_code), mask_sensitive(answer.status_message))
        held = await self._held(customer_id)
        unlike = sorted(command.fields) if held is None else _unlike(held, wanted, command)
        if unlike:
            return _not(command, NOT_KEPT, f"PayTrace keeps {', '.join(unlike)} otherwise than it was set")
        return _changed(command)

    async def _held(self, customer_id: str) -> Person | None:
        rows = await self._client.export_customers(customer_id)
        return to_person(rows[0]) if rows else None


def _with(held: Person, values: Mapping[str, str]) -> Person:
    """Return a person with these values in place of what is held, addresses whole."""
    plain: dict[str, Any] = {role: text for role, text in values.items() if role in ("name", "email", "phone")}
    if "name" in plain:
        plain["company"] = ""  # the owner's name is what people know it by, a company's or a person's
    for kind in ("billing", "shipping"):
        parts = {part: values.get(f"{kind}_{part}", "") for part in _PARTS}
        if any(parts.values()):
            plain[kind] = Address(**parts)
    return replace(held, **plain)


def _unlike(held: Person, wanted: Person, command: ChangeVaultCustomer) -> list[str]:
    """Return which fields of the command are held otherwise, by the digests that agents compare."""
    shown, asked = held.value_digests(), wanted.value_digests()
    return sorted(field for field in command.fields if shown.get(field) != asked.get(field))


def _in_words(wanted: Person, command: ChangeVaultCustomer) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(wanted, name) for name in ("email", "phone") if name in command.fields}
    if {"name", "billing"} & set(command.fields):
        fields["billing_address"] = {"name": wanted.name, **_address(wanted.billing)}
    if "shipping" in command.fields:
        fields["shipping_address"] = _address(wanted.shipping)
    return fields


def _address(address: Address) -> dict[str, str]:
    words = {
        "street_address": address.street,
        "city": address.town,
        "state": address.region,
        "zip": address.postal_code,
        "country": address.country,
    }
    return {name: text for name, text in words.items() if text}


def _changed(command: ChangeVaultCustomer) -> VaultCustomerChanged:
    return VaultCustomerChanged(
        data_subject=command.data_subject,
        vault_customer_id=command.vault_customer_id,
        fields=command.fields,
        occurred_at=command.occurred_at,
    )


def _not(command: ChangeVaultCustomer, code: str, message: str) -> VaultCustomerNotChanged:
    return VaultCustomerNotChanged(
        data_subject=command.data_subject,
        vault_customer_id=command.vault_customer_id,
        fields=command.fields,
        code=code,
        message=message,
        occurred_at=command.occurred_at,
    )
