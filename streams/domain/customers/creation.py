"""Customers that abas is asked to create: when, with what, and what comes of it. Pure.

A creation is asked for once by rule, and again only by a person. abas is searched before it writes, by our reference
and by what else shows that a customer is there already (profile: records.customer.duplicates), so an answer that got
lost, a crash or a customer that nobody has read yet makes no second one.
"""

from __future__ import annotations

from datetime import datetime

from schemas.records.customers import (
    CreateCustomer,
    CustomerCreationRefused,
    CustomerCreationRequested,
    CustomerLinked,
    CustomerSide,
)
from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from schemas.values.companies import in_company
from streams.domain.accounts import AccountMapping, Unmapped
from streams.domain.customers.state import Customer

KIND = "customer"
CREATED = "created"
_ERASED = "[erased]"
# Part of an address -> its role in the kind.
_ADDRESS = {"street": "street", "postal_code": "zip_code", "town": "town", "country": "country"}


def why_not(customer: Customer, data_subject: str, mapping: AccountMapping) -> str:
    """Return why abas can't be asked to create this customer; empty where it can."""
    if customer.linked_to is not None:
        return f"{data_subject} is customer {customer.linked_to} already"
    if customer.is_asked:
        return f"abas was asked to create {data_subject} and has not answered yet"
    if customer.created_as is not None:
        return f"abas has customer {customer.created_as} by the reference {data_subject} already; link it"
    if (customer.person.get("company") or customer.person.get("name") or _ERASED) == _ERASED:
        return f"nobody knows the name of {data_subject}; write it into PayTrace, or link a customer of abas"
    company = mapping.company_of(_merchant(data_subject))
    return company.why if isinstance(company, Unmapped) else ""


def requested(
    customer: Customer, data_subject: str, mapping: AccountMapping, at: datetime, by: CreateCustomer | None = None
) -> CustomerCreationRequested:
    """Return what asks abas for a customer, by rule or on a person's word."""
    company = mapping.company_of(_merchant(data_subject))
    assert isinstance(company, str), "why_not was asked before"
    return CustomerCreationRequested(
        data_subject=data_subject,
        vault_customer_id=customer.named,
        natural_key=data_subject,
        company=company,
        mapping_version=str(mapping.version),
        decided_by=None if by is None else by.decided_by,
        reason=None if by is None else by.reason,
        command_id=None if by is None else by.command_id,
        occurred_at=at,
    )


def command(customer: Customer, event: CustomerCreationRequested) -> SaveRecord:
    """Return what abas is asked: the values are sealed, and opened where they are written."""
    person = customer.person
    address = "billing" if person.get("billing_street") else "shipping"
    values = {
        "name": person.get("company") or person.get("name", ""),
        "email": person.get("email", ""),
        "phone": person.get("phone", ""),
        **{role: person.get(f"{address}_{part}", "") for part, role in _ADDRESS.items()},
        "vault_customer": event.vault_customer_id if customer.side is CustomerSide.GATEWAY else "",
    }
    return SaveRecord(
        kind=KIND,
        natural_key=event.natural_key,
        subject=in_company(event.company, event.natural_key),
        values={role: text for role, text in values.items() if text},
        rows=(),
        occurred_at=event.occurred_at,
    )


def answered(
    customer: Customer, outcome: RecordSaved | RecordRefused
) -> tuple[CustomerLinked | CustomerCreationRefused, ...]:
    """Return what abas' answer means for the vault customer; () for one that nobody waits for."""
    if outcome.kind != KIND or not customer.is_asked or customer.asked is None:
        return ()
    subject = customer.asked.data_subject
    if isinstance(outcome, RecordRefused):
        return (
            CustomerCreationRefused(
                data_subject=subject,
                vault_customer_id=customer.named,
                code=outcome.code,
                message=outcome.message,
                occurred_at=outcome.occurred_at,
            ),
        )
    return (
        CustomerLinked(
            data_subject=subject,
            vault_customer_id=customer.named,
            abas_customer_id=in_company(customer.asked.company, outcome.erp_number),
            evidence=(CREATED,),
            decided_by=customer.asked.decided_by,
            reason=customer.asked.reason,
            command_id=None,
            occurred_at=outcome.occurred_at,
        ),
    )


def _merchant(data_subject: str) -> str:
    """Return the merchant account of paytrace/<merchant>/<vault customer>."""
    return data_subject.split("/")[1]
