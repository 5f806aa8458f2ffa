"""Which vault customer is which customer of abas: decided by evidence that agrees, never on a tie, else by a person.

Both sides say what their customers can be found by; agents see keyed digests, never a name or an address
(docs/adr/0107). A token knows who can be found by it, and answers each vault customer, again whenever the answer
changes. The vault customer decides once all of its tokens have answered. A link leads to payments: the vault customer's
reference then stands for that customer of abas. It is never moved by a rule: later evidence for another customer is
reported as a contest. A person's decision stands before all evidence, and is remembered (docs/adr/0108).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from typing import Any, TypeAlias, assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.records.by_topic import CustomersEvents, CustomersInbox
from schemas.records.customers import (
    CreateCustomer,
    CustomerCommandRefused,
    CustomerCreationRefused,
    CustomerCreationRequested,
    CustomerFollowed,
    CustomerHintAnswered,
    CustomerHinted,
    CustomerHintRecorded,
    CustomerLeft,
    CustomerLinkContested,
    CustomerLinked,
    CustomerLinkWaiting,
    CustomerNoted,
    CustomerSide,
    CustomerUnlinked,
    CustomerValueAgreed,
    CustomerValueDecided,
    CustomerValueDiffers,
    CustomerValuesAsked,
    CustomerValuesRecorded,
    CustomerValuesRefused,
    CustomerValuesShown,
    CustomerValuesTaken,
    DecideCustomerAgain,
    ErpCustomerObserved,
    KeepCustomerValue,
    LeaveCustomer,
    LinkCustomer,
    LinkWaitingReason,
    PaymentMethodChanged,
    PaymentMethodWriteRequested,
    UnlinkCustomer,
    VaultCustomerChanged,
    VaultCustomerNotChanged,
    VaultCustomerObserved,
)
from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from schemas.records.identification import CustomerReferenced, CustomerUnreferenced
from schemas.records.orders import OrderCustomerAsked, OrderCustomerFound, OrderCustomerSource
from schemas.topic import Topic
from schemas.values.companies import company_of, in_company
from schemas.values.references import vault_token
from schemas.values.replacing import replace
from streams.domain.accounts import AccountMapping
from streams.domain.customers import creation, methods, sync
from streams.domain.customers.evidence import EMAIL, NAME, NUMBER, PLACE, RECORDED, verdict
from streams.domain.customers.state import INITIAL, Customer, State, Theirs, Token
from streams.domain.output import Output

__all__ = ["AGENT", "INITIAL", "Event", "State", "decide", "evolve", "reminder", "route"]

AGENT = "link-customers"
Event: TypeAlias = CustomersEvents
# A name or place that so many customers share says nothing of one of them.
MOST_FOUND = 50
# Those who look for their customer of abas.
_SEEKERS = (CustomerSide.GATEWAY, CustomerSide.SHOP)
BY_PERSON = "by_person"


def decide(state: State, record: CustomersInbox, mapping: AccountMapping) -> tuple[Event, ...]:
    """Return what this observation, hint, answer, outcome or command changes, and what abas is asked for by rule.

    Ensures: what was here before yields (); the evidence of a vault customer is weighed once all tokens have answered.
    """
    events = _of_record(state, record, mapping)
    if not events and not isinstance(record, DecideCustomerAgain):
        return ()
    return events + _by_rule(reduce(evolve, events, state).customer, _subject(record), mapping, _at(record))


def reminder(state: State, at: datetime) -> DecideCustomerAgain | None:
    """Return what has a vault customer decided again by new rules."""
    customer = state.customer
    if customer.side not in _SEEKERS or not (
        _is_unknown(customer) or customer.methods or customer.written or customer.theirs
    ):
        return None
    return DecideCustomerAgain(data_subject=customer.data_subject, occurred_at=at)


def _subject(record: CustomersInbox) -> str:
    return record.natural_key if isinstance(record, RecordSaved | RecordRefused) else record.data_subject


def _at(record: CustomersInbox) -> datetime:
    if isinstance(record, VaultCustomerObserved | ErpCustomerObserved):
        return record.observed_at
    return record.occurred_at


def _of_record(state: State, record: CustomersInbox, mapping: AccountMapping) -> tuple[Event, ...]:
    match record:
        case VaultCustomerObserved():
            own = {} if record.is_gone else {NUMBER: record.vault_customer_id, RECORDED: record.vault_customer_id}
            tokens = _tokens(record, own)
            noted = _noted(state.customer, record, CustomerSide.GATEWAY, record.vault_customer_id, tokens)
            return (*noted, *methods.changes(state.customer, record))
        case ErpCustomerObserved():
            tokens = _tokens(record, {NUMBER: record.abas_customer_id, RECORDED: record.recorded_vault_customer})
            return _noted(state.customer, record, CustomerSide.ERP, record.abas_customer_id, tokens)
        case OrderCustomerAsked():
            return _asked(state.customer, record)
        case CustomerHinted():
            return _hinted(state.token, record)
        case CustomerHintAnswered():
            return _answered(state.customer, record)
        case RecordSaved() | RecordRefused() if record.kind == creation.KIND:
            return _created(state.customer, record)
        case RecordSaved() | RecordRefused() | VaultCustomerChanged() | VaultCustomerNotChanged():
            return sync.answered(state.customer, record)
        case CustomerFollowed():
            return _followed(state.customer, record)
        case CustomerValuesShown():
            return _shown(state.customer, record)
        case DecideCustomerAgain():
            return ()
        case _ if record.command_id in state.command_ids:
            return ()
        case LinkCustomer():
            return _link(state.customer, record)
        case UnlinkCustomer():
            return _unlink(state.customer, record)
        case CreateCustomer():
            return _create(state.customer, record, mapping)
        case LeaveCustomer():
            return _leave(state.customer, record)
        case KeepCustomerValue():
            return _keep(state.customer, record)
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
    """Hints to their tokens, answers to the vault customer, links to whoever identifies payments, commands to abas."""
    match event:
        case CustomerNoted():
            hints = [(token, True) for token in event.tokens] + [(token, False) for token in event.dropped_tokens]
            return tuple(Output(Topic.CUSTOMERS_INBOX, _hint(event, token, holds)) for token, holds in hints)
        case CustomerHintAnswered():
            return (Output(Topic.CUSTOMERS_INBOX, event),)
        case CustomerValuesShown():
            return (Output(Topic.CUSTOMERS_INBOX, event),)
        case CustomerValuesAsked():
            asked = sync.command(state.customer, event)
            return (Output(Topic.ERP_COMMANDS if isinstance(asked, SaveRecord) else Topic.VAULT_COMMANDS, asked),)
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
            return (Output(Topic.IDENTIFICATION_INBOX, referenced), Output(Topic.CUSTOMERS_INBOX, _follow(event, True)))
        case CustomerUnlinked():
            unreferenced = CustomerUnreferenced(
                token=vault_token(event.vault_customer_id),
                abas_customer_id=event.abas_customer_id,
                occurred_at=event.occurred_at,
            )
            follows = _follow(event, False)
            return (Output(Topic.IDENTIFICATION_INBOX, unreferenced), Output(Topic.CUSTOMERS_INBOX, follows))
        case CustomerCreationRequested():
            return (Output(Topic.ERP_COMMANDS, creation.command(state.customer, event)),)
        case PaymentMethodWriteRequested():
            return (Output(Topic.ERP_COMMANDS, methods.command(state.customer, event)),)
        case _:
            return ()


# -- what both sides show ----------------------------------------------------------------------------------------------


def _tokens(record: VaultCustomerObserved | ErpCustomerObserved, own: Mapping[str, str | None]) -> tuple[str, ...]:
    by_kind = {EMAIL: record.email_digest, NAME: record.name_digest, PLACE: record.place_digest, **own}
    return tuple(sorted(f"{kind}:{value}" for kind, value in by_kind.items() if value))


def _asked(customer: Customer, order: OrderCustomerAsked) -> tuple[Event, ...]:
    asked = () if order.shop_order in customer.orders else (order,)
    by_kind = {EMAIL: order.email_digest, NAME: order.name_digest, PLACE: order.place_digest}
    tokens = tuple(sorted(f"{kind}:{value}" for kind, value in by_kind.items() if value))
    named = order.data_subject.removeprefix("shop/")
    noted = CustomerNoted(
        data_subject=order.data_subject,
        side=CustomerSide.SHOP,
        named=named,
        tokens=tokens,
        dropped_tokens=tuple(sorted(customer.tokens - set(tokens))),
        person=order.person,
        value_digests={},
        occurred_at=order.occurred_at,
    )
    return (*asked, *_noted_as(customer, noted))


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
    version = record.erp_version if isinstance(record, ErpCustomerObserved) else None
    return _noted_as(
        customer,
        CustomerNoted(
            data_subject=record.data_subject,
            side=side,
            named=named,
            tokens=tokens,
            dropped_tokens=tuple(sorted(customer.tokens - set(tokens))),
            person=record.person,
            value_digests=record.value_digests,
            erp_version=version,
            occurred_at=record.observed_at,
        ),
    )


def _noted_as(customer: Customer, noted: CustomerNoted) -> tuple[Event, ...]:
    """Return what a customer shows now, where that is news, and what follows from it."""
    after = _evolve_customer(customer, noted)
    if after == customer:
        return ()
    values = (_values_for(after, follower, noted.occurred_at) for follower in sorted(after.followers))
    return (noted, *_outcome(after, noted.data_subject, noted.occurred_at), *values)


def _hint(event: CustomerNoted, token: str, holds: bool) -> CustomerHinted:
    return CustomerHinted(
        hint=token,
        data_subject=event.data_subject,
        side=event.side,
        named=event.named,
        holds=holds,
        occurred_at=event.occurred_at,
    )


# -- what abas shows of a linked customer ------------------------------------------------------------------------------


def _follow(event: CustomerLinked | CustomerUnlinked, holds: bool) -> CustomerFollowed:
    number = event.abas_customer_id
    company = company_of(number)
    return CustomerFollowed(
        data_subject=in_company(company, f"abas/{number.removeprefix(in_company(company, ''))}"),
        follower=event.data_subject,
        holds=holds,
        occurred_at=event.occurred_at,
    )


def _followed(customer: Customer, record: CustomerFollowed) -> tuple[Event, ...]:
    """Note who follows a customer of abas; whoever begins to gets what it shows, where it was seen."""
    if (record.follower in customer.followers) == record.holds:
        return ()
    is_told = record.holds and customer.side is CustomerSide.ERP
    return (record, *((_values_for(customer, record.follower, record.occurred_at),) if is_told else ()))


def _values_for(customer: Customer, follower: str, at: datetime) -> CustomerValuesShown:
    return CustomerValuesShown(
        data_subject=follower,
        abas_customer_id=customer.named,
        erp_subject=customer.data_subject,
        person=customer.person,
        value_digests=customer.value_digests,
        occurred_at=at,
    )


def _shown(customer: Customer, record: CustomerValuesShown) -> tuple[Event, ...]:
    """Take what abas shows, of the customer that this one is linked to still."""
    if customer.linked_to != record.abas_customer_id or customer.theirs == _theirs(record):
        return ()
    recorded = CustomerValuesRecorded(
        data_subject=record.data_subject,
        abas_customer_id=record.abas_customer_id,
        erp_subject=record.erp_subject,
        person=record.person,
        value_digests=record.value_digests,
        occurred_at=record.occurred_at,
    )
    return (recorded,)


def _theirs(record: CustomerValuesShown | CustomerValuesRecorded) -> Theirs:
    return Theirs(
        abas_customer_id=record.abas_customer_id,
        erp_subject=record.erp_subject,
        person=record.person,
        value_digests=record.value_digests,
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
    if customer.side not in _SEEKERS or not customer.is_answered or customer.is_asked:
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
    is_silent = customer.is_left and isinstance(event, CustomerLinkWaiting)
    return () if is_silent or _said(event) == customer.said else (event,)


def _said(event: CustomerLinkContested | CustomerLinkWaiting) -> tuple[str, ...]:
    why = event.why.value if isinstance(event, CustomerLinkWaiting) else event.abas_customer_id
    return (type(event).__name__, why, *event.evidence)


def _link(customer: Customer, command: LinkCustomer) -> tuple[Event, ...]:
    refused = why_not_attributed(command.decided_by, command.reason) or _no_vault_customer(customer, command)
    if not refused and customer.linked_to == command.abas_customer_id:
        refused = f"{command.data_subject} is customer {command.abas_customer_id} already"
    if not refused and customer.is_asked:
        refused = f"abas was asked to create {command.data_subject} and has not answered yet"
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


def _create(customer: Customer, command: CreateCustomer, mapping: AccountMapping) -> tuple[Event, ...]:
    refused = (
        why_not_attributed(command.decided_by, command.reason)
        or _no_vault_customer(customer, command)
        or creation.why_not(customer, command.data_subject, mapping)
    )
    if refused:
        return (_refused(command, refused),)
    return (creation.requested(customer, command.data_subject, mapping, command.occurred_at, command),)


def _leave(customer: Customer, command: LeaveCustomer) -> tuple[Event, ...]:
    refused = why_not_attributed(command.decided_by, command.reason) or _no_vault_customer(customer, command)
    if not refused and customer.linked_to is not None:
        refused = f"{command.data_subject} is customer {customer.linked_to}; unlink it first"
    if not refused and customer.is_left:
        refused = f"{command.data_subject} is left as it is already"
    if refused:
        return (_refused(command, refused),)
    left = CustomerLeft(
        data_subject=command.data_subject,
        vault_customer_id=customer.named,
        decided_by=command.decided_by,
        reason=command.reason,
        command_id=command.command_id,
        occurred_at=command.occurred_at,
    )
    return (left,)


def _keep(customer: Customer, command: KeepCustomerValue) -> tuple[Event, ...]:
    refused = why_not_attributed(command.decided_by, command.reason) or _no_vault_customer(customer, command)
    decided = refused or sync.decided(customer, command)
    return (_refused(command, decided) if isinstance(decided, str) else decided,)


def _created(customer: Customer, outcome: RecordSaved | RecordRefused) -> tuple[Event, ...]:
    """Take abas' answer; where it created nobody, what was learned meanwhile is weighed."""
    events: tuple[Event, ...] = creation.answered(customer, outcome)
    if not isinstance(outcome, RecordRefused) or not events:
        return events
    after = reduce(_evolve_customer, events, customer)
    found = _outcome(after, outcome.natural_key, outcome.occurred_at)
    return (*events, *(event for event in found if isinstance(event, CustomerLinked)))


def _is_unknown(customer: Customer) -> bool:
    """Return whether nothing in abas speaks for anybody, and nobody has decided about it."""
    nobody = (CustomerLinkWaiting.__name__, LinkWaitingReason.NOBODY_AGREES.value)
    return customer.linked_to is None and customer.asked is None and not customer.is_left and customer.said == nobody


def _by_rule(customer: Customer, subject: str, mapping: AccountMapping, at: datetime) -> tuple[Event, ...]:
    """Return what abas is asked for by rule: a customer whom it doesn't know, payment methods as they are now."""
    if customer.side not in _SEEKERS:
        return ()
    rules, events = mapping.customers, list[Event]()
    if rules.unknown == "create" and _is_unknown(customer) and not creation.why_not(customer, subject, mapping):
        events.append(creation.requested(customer, subject, mapping, at))
    if rules.payment_methods:
        events.extend(methods.to_write(customer, subject, str(mapping.version), at))
    events.extend(sync.flow(customer, mapping, at))
    return tuple(events)


Command: TypeAlias = LinkCustomer | UnlinkCustomer | CreateCustomer | LeaveCustomer | KeepCustomerValue


def _no_vault_customer(customer: Customer, command: Command) -> str:
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


def _refused(command: Command, because: str) -> CustomerCommandRefused:
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
            noted = replace(
                customer,
                data_subject=event.data_subject,
                side=event.side,
                named=event.named,
                tokens=tokens,
                answers=answers,
                person=event.person,
                value_digests=event.value_digests,
                erp_version=event.erp_version,
            )
            return sync.compared(noted)
        case OrderCustomerAsked():
            return replace(customer, orders=customer.orders | {event.shop_order})
        case CustomerFollowed():
            followers = customer.followers
            changed = followers | {event.follower} if event.holds else followers - {event.follower}
            return replace(customer, followers=changed)
        case CustomerValuesRecorded():
            return sync.compared(replace(customer, theirs=_theirs(event)))
        case (
            CustomerValuesAsked()
            | CustomerValuesTaken()
            | CustomerValuesRefused()
            | CustomerValueDiffers()
            | CustomerValueAgreed()
            | CustomerValueDecided()
        ):
            return sync.evolved(customer, event)
        case CustomerHintRecorded():
            return replace(customer, answers={**customer.answers, event.hint: event.abas_customer_ids})
        case CustomerLinked():
            rejected = customer.rejected - {event.abas_customer_id}
            created_as = event.abas_customer_id if creation.CREATED in event.evidence else customer.created_as
            return replace(
                customer,
                linked_to=event.abas_customer_id,
                rejected=rejected,
                said=(),
                is_asked=False,
                is_left=False,
                created_as=created_as,
            )
        case CustomerCreationRequested():
            return replace(customer, asked=event, is_asked=True, is_left=False)
        case CustomerCreationRefused():
            return replace(customer, is_asked=False)
        case CustomerLeft():
            return replace(customer, is_left=True)
        case PaymentMethodChanged():
            return replace(customer, methods=methods.changed(customer.methods, event))
        case PaymentMethodWriteRequested():
            now = methods.wanted(customer, event.method)
            return customer if now is None else replace(customer, written={**customer.written, event.method: now})
        case CustomerUnlinked():
            rejected = customer.rejected | {event.abas_customer_id}
            return replace(customer, linked_to=None, rejected=rejected, said=(), theirs=None, fields={}, pending={})
        case CustomerLinkWaiting() | CustomerLinkContested():
            return replace(customer, said=_said(event))
        case _:
            return customer
