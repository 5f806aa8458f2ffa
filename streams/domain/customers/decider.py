"""Which vault customer is which customer of abas: decided by evidence that agrees, never on a tie, else by a person.

Both sides say what their customers can be found by; agents see keyed digests, never a name or an address
(docs/adr/0107). A token knows who can be found by it, and answers each vault customer, again whenever the answer
changes. The vault customer decides once all of its tokens have answered. A link leads to payments: the vault customer's
reference then stands for that customer of abas. It is never moved by a rule: later evidence for another customer is
reported as a contest. A person's decision stands before all evidence, and is remembered (docs/adr/0108).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias, assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.records.by_topic import CustomersEvents, CustomersInbox
from schemas.records.customers import (
    CustomerCommandRefused,
    CustomerHintAnswered,
    CustomerHinted,
    CustomerHintRecorded,
    CustomerLinkContested,
    CustomerLinked,
    CustomerLinkWaiting,
    CustomerNoted,
    CustomerSide,
    CustomerUnlinked,
    ErpCustomerObserved,
    LinkCustomer,
    UnlinkCustomer,
    VaultCustomerObserved,
)
from schemas.records.identification import CustomerReferenced, CustomerUnreferenced
from schemas.records.orders import OrderCustomerAsked, OrderCustomerFound, OrderCustomerSource
from schemas.topic import Topic
from schemas.values.references import vault_token
from streams.domain.customers.evidence import EMAIL, NAME, NUMBER, PLACE, RECORDED, verdict
from streams.domain.customers.state import INITIAL, Customer, State, Token
from streams.domain.output import Output

__all__ = ["AGENT", "INITIAL", "Event", "State", "decide", "evolve", "route"]

AGENT = "link-customers"
Event: TypeAlias = CustomersEvents
# A name or place that so many customers share says nothing of one of them.
MOST_FOUND = 50
# Those who look for their customer of abas.
_SEEKERS = (CustomerSide.GATEWAY, CustomerSide.SHOP)
BY_PERSON = "by_person"


def decide(state: State, record: CustomersInbox) -> tuple[Event, ...]:
    """Return what this observation, hint, answer or command changes.

    Ensures: what was here before yields (); the evidence of a vault customer is weighed once all tokens have answered.
    """
    match record:
        case VaultCustomerObserved():
            tokens = _tokens(record, {NUMBER: record.vault_customer_id, RECORDED: record.vault_customer_id})
            return _noted(state.customer, record, CustomerSide.GATEWAY, record.vault_customer_id, tokens)
        case ErpCustomerObserved():
            tokens = _tokens(record, {NUMBER: record.abas_customer_id, RECORDED: record.recorded_vault_customer})
            return _noted(state.customer, record, CustomerSide.ERP, record.abas_customer_id, tokens)
        case OrderCustomerAsked():
            return _asked(state.customer, record)
        case CustomerHinted():
            return _hinted(state.token, record)
        case CustomerHintAnswered():
            return _answered(state.customer, record)
        case LinkCustomer() | UnlinkCustomer() if record.command_id in state.command_ids:
            return ()
        case LinkCustomer():
            return _link(state.customer, record)
        case UnlinkCustomer():
            return _unlink(state.customer, record)
        case _:
            assert_never(record)


def evolve(state: State, event: Event) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case CustomerHinted() | CustomerHintAnswered():
            return replace(state, token=_evolve_token(state.token, event))
        case CustomerCommandRefused():
            return replace(state, command_ids=state.command_ids | {event.command_id})
        case _:
            customer = _evolve_customer(state.customer, event)
            command = getattr(event, "command_id", None)
            return replace(
                state, customer=customer, command_ids=state.command_ids | {command} if command else state.command_ids
            )


def route(state: State, event: Event) -> tuple[Output, ...]:
    """Hints to their tokens, answers to the vault customer, links to whoever identifies payments."""
    match event:
        case CustomerNoted():
            hints = [(token, True) for token in event.tokens] + [(token, False) for token in event.dropped_tokens]
            return tuple(Output(Topic.CUSTOMERS_INBOX, _hint(event, token, holds)) for token, holds in hints)
        case CustomerHintAnswered():
            return (Output(Topic.CUSTOMERS_INBOX, event),)
        case OrderCustomerAsked():
            return _to_orders(state.customer, frozenset({event.shop_order}), event.occurred_at, "")
        case CustomerLinked() | CustomerUnlinked() if state.customer.side is CustomerSide.SHOP:
            evidence = ", ".join(event.evidence) if isinstance(event, CustomerLinked) else event.reason
            return _to_orders(state.customer, state.customer.orders, event.occurred_at, evidence, also_nobody=True)
        case CustomerLinked():
            referenced = CustomerReferenced(
                token=vault_token(event.vault_customer_id),
                abas_customer_id=event.abas_customer_id,
                observed_at=event.occurred_at,
            )
            return (Output(Topic.IDENTIFICATION_INBOX, referenced),)
        case CustomerUnlinked():
            unreferenced = CustomerUnreferenced(
                token=vault_token(event.vault_customer_id),
                abas_customer_id=event.abas_customer_id,
                occurred_at=event.occurred_at,
            )
            return (Output(Topic.IDENTIFICATION_INBOX, unreferenced),)
        case _:
            return ()


# -- what both sides show ----------------------------------------------------------------------------------------------


def _tokens(record: VaultCustomerObserved | ErpCustomerObserved, own: dict[str, str | None]) -> tuple[str, ...]:
    by_kind = {EMAIL: record.email_digest, NAME: record.name_digest, PLACE: record.place_digest, **own}
    return tuple(sorted(f"{kind}:{value}" for kind, value in by_kind.items() if value))


def _asked(customer: Customer, order: OrderCustomerAsked) -> tuple[Event, ...]:
    asked = () if order.shop_order in customer.orders else (order,)
    by_kind = {EMAIL: order.email_digest, NAME: order.name_digest, PLACE: order.place_digest}
    tokens = tuple(sorted(f"{kind}:{value}" for kind, value in by_kind.items() if value))
    named = order.data_subject.removeprefix("shop/")
    noted = _noted_as(customer, order.data_subject, CustomerSide.SHOP, named, tokens, order.occurred_at)
    return (*asked, *noted)


def _to_orders(
    customer: Customer, orders: frozenset[str], at: datetime, detail: str, *, also_nobody: bool = False
) -> tuple[Output, ...]:
    if customer.linked_to is None and not also_nobody:
        return ()
    return tuple(
        Output(
            Topic.ORDERS_INBOX,
            OrderCustomerFound(
                shop_order=order,
                source=OrderCustomerSource.LINK,
                abas_customer_id=customer.linked_to,
                detail=detail,
                occurred_at=at,
            ),
        )
        for order in sorted(orders)
    )


def _noted(
    customer: Customer,
    record: VaultCustomerObserved | ErpCustomerObserved,
    side: CustomerSide,
    named: str,
    tokens: tuple[str, ...],
) -> tuple[Event, ...]:
    return _noted_as(customer, record.data_subject, side, named, tokens, record.observed_at)


def _noted_as(
    customer: Customer, subject: str, side: CustomerSide, named: str, tokens: tuple[str, ...], at: datetime
) -> tuple[Event, ...]:
    if (side, named, frozenset(tokens)) == (customer.side, customer.named, customer.tokens):
        return ()
    noted = CustomerNoted(
        data_subject=subject,
        side=side,
        named=named,
        tokens=tokens,
        dropped_tokens=tuple(sorted(customer.tokens - set(tokens))),
        occurred_at=at,
    )
    return (noted, *_outcome(_evolve_customer(customer, noted), subject, at))


def _hint(event: CustomerNoted, token: str, holds: bool) -> CustomerHinted:
    return CustomerHinted(
        hint=token,
        data_subject=event.data_subject,
        side=event.side,
        named=event.named,
        holds=holds,
        occurred_at=event.occurred_at,
    )


# -- tokens ------------------------------------------------------------------------------------------------------------


def _hinted(token: Token, hint: CustomerHinted) -> tuple[Event, ...]:
    """Note who can be found by a token, and answer the vault customers for whom that is news."""
    after = _evolve_token(token, hint)
    if after == token:
        return ()
    answer = _answer(after)
    if hint.side in _SEEKERS:
        asked = {hint.data_subject} if hint.holds else set()
    else:
        asked = set(after.vault_customers) if answer != _answer(token) else set()
    return (hint, *(_answer_to(subject, hint, answer) for subject in sorted(asked)))


def _answer(token: Token) -> tuple[str, ...]:
    return tuple(sorted(token.abas_customer_ids)) if len(token.abas_customer_ids) <= MOST_FOUND else ()


def _answer_to(subject: str, hint: CustomerHinted, answer: tuple[str, ...]) -> CustomerHintAnswered:
    return CustomerHintAnswered(
        data_subject=subject, hint=hint.hint, abas_customer_ids=answer, occurred_at=hint.occurred_at
    )


def _evolve_token(token: Token, event: CustomerHinted | CustomerHintAnswered) -> Token:
    if not isinstance(event, CustomerHinted):
        return token
    if event.side in _SEEKERS:
        found = token.vault_customers
        return replace(token, vault_customers=_with(found, event.data_subject, event.holds))
    return replace(token, abas_customer_ids=_with(token.abas_customer_ids, event.named, event.holds))


def _with(found: frozenset[str], one: str, holds: bool) -> frozenset[str]:
    return found | {one} if holds else found - {one}


# -- vault customers ---------------------------------------------------------------------------------------------------


def _answered(customer: Customer, answer: CustomerHintAnswered) -> tuple[Event, ...]:
    if answer.hint not in customer.tokens or customer.answers.get(answer.hint) == answer.abas_customer_ids:
        return ()
    recorded = CustomerHintRecorded(
        data_subject=answer.data_subject,
        hint=answer.hint,
        abas_customer_ids=answer.abas_customer_ids,
        occurred_at=answer.occurred_at,
    )
    return (recorded, *_outcome(_evolve_customer(customer, recorded), answer.data_subject, answer.occurred_at))


def _outcome(customer: Customer, subject: str, at: datetime) -> tuple[Event, ...]:
    """Return the link, the contest or the reason for waiting that the evidence comes to, where that is news."""
    if customer.side not in _SEEKERS or not customer.is_answered:
        return ()
    found = verdict(customer.answers, customer.rejected)
    about: dict[str, Any] = {"data_subject": subject, "vault_customer_id": customer.named, "occurred_at": at}
    event: CustomerLinked | CustomerLinkContested | CustomerLinkWaiting
    if customer.linked_to is None and found.abas_customer_id is not None:
        customer_id = found.abas_customer_id
        return (CustomerLinked(**about, abas_customer_id=customer_id, evidence=found.found[customer_id]),)
    if customer.linked_to is None:
        event = CustomerLinkWaiting(
            **about, why=found.why, abas_customer_ids=tuple(found.found), evidence=found.in_words
        )
    else:
        own = len(found.found.get(customer.linked_to, ()))
        others = {
            other: kinds
            for other, kinds in found.found.items()
            if other != customer.linked_to and (RECORDED in kinds or len(kinds) >= max(own, 2))
        }
        if not others:
            return ()
        event = CustomerLinkContested(
            **about,
            abas_customer_id=customer.linked_to,
            abas_customer_ids=tuple(others),
            evidence=tuple(f"{other}: {', '.join(kinds)}" for other, kinds in others.items()),
        )
    return () if _said(event) == customer.said else (event,)


def _said(event: CustomerLinkContested | CustomerLinkWaiting) -> tuple[str, ...]:
    why = event.why.value if isinstance(event, CustomerLinkWaiting) else event.abas_customer_id
    return (type(event).__name__, why, *event.evidence)


def _link(customer: Customer, command: LinkCustomer) -> tuple[Event, ...]:
    refused = why_not_attributed(command.decided_by, command.reason) or _no_vault_customer(customer, command)
    if not refused and customer.linked_to == command.abas_customer_id:
        refused = f"{command.data_subject} is customer {command.abas_customer_id} already"
    if refused:
        return (_refused(command, refused),)
    ended = () if customer.linked_to is None else (_unlinked(customer, customer.linked_to, command),)
    linked = CustomerLinked(
        data_subject=command.data_subject,
        vault_customer_id=customer.named,
        abas_customer_id=command.abas_customer_id,
        evidence=(BY_PERSON,),
        decided_by=command.decided_by,
        reason=command.reason,
        command_id=command.command_id,
        occurred_at=command.occurred_at,
    )
    return (*ended, linked)


def _unlink(customer: Customer, command: UnlinkCustomer) -> tuple[Event, ...]:
    refused = why_not_attributed(command.decided_by, command.reason) or _no_vault_customer(customer, command)
    if not refused and customer.linked_to is None:
        refused = f"{command.data_subject} is linked to nobody"
    if not refused and RECORDED in verdict(customer.answers, frozenset()).found.get(customer.linked_to or "", ()):
        refused = f"abas itself names {customer.named} on customer {customer.linked_to}; change it there"
    if refused:
        return (_refused(command, refused),)
    assert customer.linked_to is not None
    ended = _unlinked(customer, customer.linked_to, command)
    return (ended, *_outcome(_evolve_customer(customer, ended), command.data_subject, command.occurred_at))


def _no_vault_customer(customer: Customer, command: LinkCustomer | UnlinkCustomer) -> str:
    if customer.side in _SEEKERS:
        return ""
    known = "no vault customer that PayTrace showed, and no buyer of a shop"
    return f"{command.data_subject} is {known}; name one as paytrace/<merchant>/<id> or shop/<shop>/customer/<id>"


def _unlinked(customer: Customer, abas_customer_id: str, command: LinkCustomer | UnlinkCustomer) -> CustomerUnlinked:
    return CustomerUnlinked(
        data_subject=command.data_subject,
        vault_customer_id=customer.named,
        abas_customer_id=abas_customer_id,
        decided_by=command.decided_by,
        reason=command.reason,
        command_id=command.command_id,
        occurred_at=command.occurred_at,
    )


def _refused(command: LinkCustomer | UnlinkCustomer, because: str) -> CustomerCommandRefused:
    return CustomerCommandRefused(
        command_id=command.command_id,
        data_subject=command.data_subject,
        refused_because=because,
        decided_by=command.decided_by,
        authenticated_by=command.authenticated_by,
        reason=command.reason,
        approved_by=command.approved_by,
        occurred_at=command.occurred_at,
    )


def _evolve_customer(customer: Customer, event: Event) -> Customer:
    match event:
        case CustomerNoted():
            tokens = frozenset(event.tokens)
            answers = {token: answer for token, answer in customer.answers.items() if token in tokens}
            return replace(customer, side=event.side, named=event.named, tokens=tokens, answers=answers)
        case OrderCustomerAsked():
            return replace(customer, orders=customer.orders | {event.shop_order})
        case CustomerHintRecorded():
            return replace(customer, answers={**customer.answers, event.hint: event.abas_customer_ids})
        case CustomerLinked():
            rejected = customer.rejected - {event.abas_customer_id}
            return replace(customer, linked_to=event.abas_customer_id, rejected=rejected, said=())
        case CustomerUnlinked():
            return replace(customer, linked_to=None, rejected=customer.rejected | {event.abas_customer_id}, said=())
        case CustomerLinkWaiting() | CustomerLinkContested():
            return replace(customer, said=_said(event))
        case _:
            return customer
