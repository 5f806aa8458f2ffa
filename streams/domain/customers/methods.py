"""What a vault customer can be charged by: its log of changes, and what abas is asked to hold of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from schemas.records.customers import (
    MethodChange,
    PaymentMethodChanged,
    PaymentMethodWriteRequested,
    VaultCustomerObserved,
)
from schemas.records.erp import SaveRecord
from schemas.records.payments import PaymentMethod
from schemas.values.companies import company_of, in_company
from streams.domain.customers.state import Card, Customer, Written

KIND = "payment_method"


def changes(customer: Customer, seen: VaultCustomerObserved) -> Iterator[PaymentMethodChanged]:
    """Yield what was added, changed or removed. Of a bank account it is known at most that it is there."""
    card = Card(
        brand=seen.card_brand,
        last_four=seen.card_last_four,
        expires_on=seen.card_expires_on,
        fingerprint=seen.card_fingerprint,
    )
    shown = {PaymentMethod.CARD: card if seen.has_card else None}
    if seen.has_bank_account is not None:
        shown[PaymentMethod.ACH] = Card() if seen.has_bank_account else None
    for method, now in shown.items():
        before = customer.methods.get(method)
        if now == before:
            continue
        change = MethodChange.ADDED if before is None else MethodChange.REMOVED if now is None else MethodChange.CHANGED
        card = now or before or Card()
        yield PaymentMethodChanged(
            data_subject=seen.data_subject,
            vault_customer_id=seen.vault_customer_id,
            change=change,
            method=method,
            card_brand=card.brand,
            card_last_four=card.last_four,
            card_expires_on=card.expires_on,
            card_fingerprint=card.fingerprint,
            was_last_four=None if before is None else before.last_four,
            was_expires_on=None if before is None else before.expires_on,
            occurred_at=seen.observed_at,
        )


def changed(methods: Mapping[PaymentMethod, Card], event: PaymentMethodChanged) -> Mapping[PaymentMethod, Card]:
    """Return the methods after a change."""
    if event.change is MethodChange.REMOVED:
        return {method: card for method, card in methods.items() if method is not event.method}
    card = Card(
        brand=event.card_brand,
        last_four=event.card_last_four,
        expires_on=event.card_expires_on,
        fingerprint=event.card_fingerprint,
    )
    return {**methods, event.method: card}


def to_write(
    customer: Customer, data_subject: str, mapping_version: str, at: datetime
) -> Iterator[PaymentMethodWriteRequested]:
    """Yield what abas doesn't hold yet as it is now: of the linked customer, or removed from the one it was linked to.

    Ensures: asked again of the state that this leads to, it yields nothing.
    """
    for method in dict.fromkeys((*customer.methods, *customer.written)):
        now = wanted(customer, method)
        if now is not None and now != customer.written.get(method):
            yield PaymentMethodWriteRequested(
                data_subject=data_subject,
                vault_customer_id=customer.named,
                method=method,
                abas_customer_id=now.abas_customer_id,
                is_removed=now.is_removed,
                natural_key=f"{data_subject}/{method.value.lower()}",
                mapping_version=mapping_version,
                occurred_at=at,
            )


def wanted(customer: Customer, method: PaymentMethod) -> Written | None:
    """Return what abas shall hold of a payment method; None where it never held it and nobody is linked."""
    card, before = customer.methods.get(method), customer.written.get(method)
    if card is not None and customer.linked_to is not None:
        return Written(abas_customer_id=customer.linked_to, card=card)
    if before is None:
        return None
    return Written(abas_customer_id=before.abas_customer_id, card=before.card, is_removed=True)


def command(customer: Customer, event: PaymentMethodWriteRequested) -> SaveRecord:
    """Return what abas is asked: each value, empty where there is none, so that none of a card before stays."""
    card = customer.written[event.method].card
    return SaveRecord(
        kind=KIND,
        natural_key=event.natural_key,
        subject=in_company(company_of(event.abas_customer_id), event.data_subject),
        values={
            "customer": event.abas_customer_id,
            "token": event.vault_customer_id,
            "method": event.method.value,
            "brand": card.brand or "",
            "last_four": card.last_four or "",
            "expires_on": "" if card.expires_on is None else card.expires_on.isoformat(),
            "status": "REMOVED" if event.is_removed else "ACTIVE",
        },
        rows=(),
        occurred_at=event.occurred_at,
    )
