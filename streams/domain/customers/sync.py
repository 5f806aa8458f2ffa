"""Values that flow from their owner to the other side: when, what is a conflict, and when it is quiet. Pure.

The mapping says per field whose value stands. Both sides are compared by digests of normal forms, so another spelling
of one address is no difference. What was the same on both sides is remembered as agreed: where the owner then shows
another value it flows, where the other side does, that is a conflict; by the mapping it is overwritten and shown, or a
person decides first. Nothing is asked for twice while both sides show the same as when it was asked for: so an echo
ends, whatever a side makes of a value. An empty field of the owner is no value, and clears nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from schemas.records.customers import (
    ChangeVaultCustomer,
    CustomerSide,
    CustomerValueAgreed,
    CustomerValueDecided,
    CustomerValueDiffers,
    CustomerValuesAsked,
    CustomerValuesRefused,
    CustomerValuesTaken,
    KeepCustomerValue,
    ValueConflict,
    VaultCustomerChanged,
    VaultCustomerNotChanged,
)
from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from schemas.values.replacing import replace
from streams.domain.accounts import AccountMapping
from streams.domain.choices import CUSTOMER_FIELDS
from streams.domain.customers.state import Customer, Field

KIND = "customer_change"
_SIDES: Mapping[str, CustomerSide] = {"abas": CustomerSide.ERP, "paytrace": CustomerSide.GATEWAY}
_PARTS = ("street", "postal_code", "town", "region", "country")
# Role of the record in the ERP for each part of an address.
_ERP_ROLES = {
    f"{kind}_{part}": f"{prefix}{role}"
    for kind, prefix in (("billing", ""), ("shipping", "shipping_"))
    for part, role in (("street", "street"), ("postal_code", "zip_code"), ("town", "town"), ("country", "country"))
}

Event: TypeAlias = CustomerValueDiffers | CustomerValueAgreed | CustomerValuesAsked


def flow(customer: Customer, mapping: AccountMapping, at: datetime) -> Iterator[Event]:
    """Yield what is asked of a side, conflicts that are news, and the end of those that were published.

    Ensures: asked again of the state that this leads to, it yields nothing.
    """
    if customer.linked_to is None or customer.theirs is None:
        return
    asked: dict[CustomerSide, list[str]] = {}
    for field, owner_name in mapping.customers.owners.items():
        known = customer.fields.get(field, Field())
        owner = known.decided or _SIDES[owner_name]
        own, other = shown(customer, field, owner), shown(customer, field, _other(owner))
        if not own:
            continue
        if is_same(customer, field):
            if known.published or known.asked is not None:
                yield CustomerValueAgreed(**_about(customer), field=field, occurred_at=at)
            continue
        conflict = None if known.decided else _conflict(known, owner, own, other)
        waits = conflict is not None and mapping.customers.conflict == "ask"
        if conflict is not None and (conflict.value, own, other) != known.published:
            yield CustomerValueDiffers(
                **_about(customer),
                abas_customer_id=customer.linked_to,
                field=field,
                owner=owner,
                why=conflict,
                is_waiting=waits,
                occurred_at=at,
            )
        if not waits and known.asked != (own, other):
            asked.setdefault(_other(owner), []).append(field)
    for side, fields in asked.items():
        if side in customer.pending:
            continue  # its answer brings us here again
        yield CustomerValuesAsked(
            **_about(customer),
            abas_customer_id=customer.linked_to,
            side=side,
            fields=tuple(fields),
            own_digests={field: shown(customer, field, _other(side)) for field in fields},
            other_digests={field: shown(customer, field, side) for field in fields},
            mapping_version=str(mapping.version),
            occurred_at=at,
        )


def _conflict(known: Field, owner: CustomerSide, own: str, other: str) -> ValueConflict | None:
    """Return why values differ where the owner did not just change his; None where he did, or the other has none."""
    if not other:
        return None
    if known.agreed is None:
        return ValueConflict.NEVER_THE_SAME
    erp, gateway = known.agreed
    was_own, was_other = (erp, gateway) if owner is CustomerSide.ERP else (gateway, erp)
    if other == was_other:
        return None
    return ValueConflict.OTHER_CHANGED if own == was_own else ValueConflict.BOTH_CHANGED


def shown(customer: Customer, field: str, side: CustomerSide) -> str:
    """Return what a side shows of a field, as digest and digest of the country; empty where it shows nothing."""
    digests = customer.value_digests if side is CustomerSide.GATEWAY else _theirs(customer)
    return f"{digests[field]}/{digests.get(f'{field}_country', '')}" if field in digests else ""


def is_same(customer: Customer, field: str) -> bool:
    """Return whether both sides hold the same value; a country that only one of them names is no difference."""
    erp, gateway = (shown(customer, field, side).split("/") for side in (CustomerSide.ERP, CustomerSide.GATEWAY))
    if erp[0] != gateway[0] or not erp[0]:
        return False
    return not erp[1] or not gateway[1] or erp[1] == gateway[1]


def _theirs(customer: Customer) -> Mapping[str, str]:
    return {} if customer.theirs is None else customer.theirs.value_digests


def _other(side: CustomerSide) -> CustomerSide:
    return CustomerSide.GATEWAY if side is CustomerSide.ERP else CustomerSide.ERP


def _about(customer: Customer) -> dict[str, Any]:
    return {"data_subject": customer.data_subject, "vault_customer_id": customer.named}


# -- answers and decisions ---------------------------------------------------------------------------------------------

Outcome: TypeAlias = RecordSaved | RecordRefused | VaultCustomerChanged | VaultCustomerNotChanged


def answered(customer: Customer, outcome: Outcome) -> tuple[CustomerValuesTaken | CustomerValuesRefused, ...]:
    """Return what an answer means for what was asked; () for one that nobody waits for."""
    is_erp = isinstance(outcome, RecordSaved | RecordRefused)
    side = CustomerSide.ERP if is_erp else CustomerSide.GATEWAY
    pending = customer.pending.get(side)
    if pending is None:
        return ()
    about = {**_about(customer), "side": side, "fields": pending.fields, "occurred_at": outcome.occurred_at}
    if isinstance(outcome, RecordRefused | VaultCustomerNotChanged):
        return (CustomerValuesRefused(**about, code=outcome.code, message=outcome.message),)
    return (CustomerValuesTaken(**about),)


def decided(customer: Customer, command: KeepCustomerValue) -> CustomerValueDecided | str:
    """Return the decision, or why it can't be taken."""
    if command.field not in CUSTOMER_FIELDS:
        return f"{command.field!r} is no field; write one of {', '.join(CUSTOMER_FIELDS)}"
    if customer.linked_to is None or customer.theirs is None:
        return f"{command.data_subject} is linked to nobody"
    digest = shown(customer, command.field, command.side)
    if not digest:
        return f"{command.side.value.lower()} shows no {command.field}"
    if is_same(customer, command.field):
        return f"both sides hold the same {command.field} already"
    return CustomerValueDecided(
        **_about(customer),
        field=command.field,
        side=command.side,
        value_digest=digest,
        decided_by=command.decided_by,
        reason=command.reason,
        command_id=command.command_id,
        occurred_at=command.occurred_at,
    )


# -- state -------------------------------------------------------------------------------------------------------------


def compared(customer: Customer) -> Customer:
    """Return a customer whose fields remember what both sides hold alike now, and no decision on another value."""
    fields = dict(customer.fields)
    for field in CUSTOMER_FIELDS:
        known = fields.get(field, Field())
        if is_same(customer, field):
            both = (shown(customer, field, CustomerSide.ERP), shown(customer, field, CustomerSide.GATEWAY))
            known = replace(known, agreed=both, decided=None)
        elif known.decided and shown(customer, field, known.decided) != known.decided_digest:
            known = replace(known, decided=None)
        if known != Field():
            fields[field] = known
    return customer if fields == customer.fields else replace(customer, fields=fields)


def evolved(
    customer: Customer,
    event: Event | CustomerValuesTaken | CustomerValuesRefused | CustomerValueDecided,
) -> Customer:
    """Remember one event."""
    match event:
        case CustomerValuesAsked():
            asked = {
                field: replace(_known(customer, field), asked=(event.own_digests[field], event.other_digests[field]))
                for field in event.fields
            }
            return replace(
                customer, fields={**customer.fields, **asked}, pending={**customer.pending, event.side: event}
            )
        case CustomerValuesTaken():
            return compared(_taken(_answered(customer, event.side), customer.pending.get(event.side)))
        case CustomerValuesRefused():
            return _answered(customer, event.side)
        case CustomerValueDiffers():
            own, other = (shown(customer, event.field, side) for side in (event.owner, _other(event.owner)))
            return _with(customer, event.field, published=(event.why.value, own, other))
        case CustomerValueAgreed():
            return _with(customer, event.field, published=(), asked=None)
        case CustomerValueDecided():
            return _with(customer, event.field, decided=event.side, decided_digest=event.value_digest, asked=None)


def _known(customer: Customer, field: str) -> Field:
    return customer.fields.get(field, Field())


def _with(customer: Customer, field: str, **changes: Any) -> Customer:
    return replace(customer, fields={**customer.fields, field: replace(_known(customer, field), **changes)})


def _answered(customer: Customer, side: CustomerSide) -> Customer:
    return replace(customer, pending={one: asked for one, asked in customer.pending.items() if one is not side})


def _taken(customer: Customer, asked: CustomerValuesAsked | None) -> Customer:
    """Return the customer with what the written side holds now: a look-up behind the write has proved it."""
    if asked is None or customer.theirs is None:
        return customer
    new = dict(customer.value_digests if asked.side is CustomerSide.GATEWAY else customer.theirs.value_digests)
    for field, digest in asked.own_digests.items():
        value, country = digest.split("/")
        new[field] = value
        if country:
            new[f"{field}_country"] = country
    if asked.side is CustomerSide.GATEWAY:
        return replace(customer, value_digests=new)
    return replace(customer, theirs=replace(customer.theirs, value_digests=new))


# -- commands ----------------------------------------------------------------------------------------------------------


def command(customer: Customer, event: CustomerValuesAsked) -> SaveRecord | ChangeVaultCustomer:
    """Return what the side is asked; values are sealed, and opened where they are written."""
    if event.side is CustomerSide.ERP:
        values = {_ERP_ROLES.get(role, role): text for role, text in _values(customer.person, event.fields).items()}
        return SaveRecord(
            kind=KIND,
            natural_key=event.data_subject,
            subject=event.abas_customer_id,
            values={"number": event.abas_customer_id, **values},
            rows=(),
            occurred_at=event.occurred_at,
        )
    assert customer.theirs is not None, "nothing is asked before abas showed its values"
    return ChangeVaultCustomer(
        data_subject=event.data_subject,
        merchant=event.data_subject.split("/")[1],
        vault_customer_id=event.vault_customer_id,
        erp_subject=customer.theirs.erp_subject,
        fields=event.fields,
        person=_values(customer.theirs.person, event.fields, is_gateway=True),
        occurred_at=event.occurred_at,
    )


def _values(person: Mapping[str, str], fields: Sequence[str], *, is_gateway: bool = False) -> dict[str, str]:
    """Return the values of these fields by role, the name as company or name; what the owner has not is left out."""
    found: dict[str, str] = {}
    for field in fields:
        if field == "name":
            found["name"] = person.get("company") or person.get("name", "")
        elif field in ("billing", "shipping"):
            parts = _PARTS if is_gateway else tuple(part for part in _PARTS if part != "region")
            found |= {f"{field}_{part}": person.get(f"{field}_{part}", "") for part in parts}
        else:
            found[field] = person.get(field, "")
    return {role: text for role, text in found.items() if text}
