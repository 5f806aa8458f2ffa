"""Which entry does a fact make, and which document says the same in the ERP? One merchant account at a time.

An entry is on roles and needs no mapping. Its document needs an account for each role: where one is missing it waits,
and is tried again with the next mapping or when a person asks. Which lines money makes: streams/domain/booking.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, datetime
from functools import reduce
from typing import assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.documents import kinds, reversals
from schemas.records.by_topic import LedgerInbox
from schemas.records.disputes import DisputeMoneyMoved, DisputeMovement
from schemas.records.erp import DocumentLine, PostDocument, SubjectKind
from schemas.records.ledger import (
    BookAgain,
    BookingDecided,
    BookingWaits,
    DepositBooked,
    DepositExplained,
    DepositReopened,
    DepositRestBooked,
    DocumentBooked,
    DocumentNotBooked,
    JournalEntryMade,
    JournalLine,
    LedgerDocumentPosted,
    LedgerDocumentRequested,
    LedgerDocumentsNetted,
    LedgerDocumentWaiting,
    MoneyMoved,
    TryWaitingAgain,
)
from schemas.records.settlement import DepositRestExplained, SettlementLineRecorded
from schemas.topic import Topic
from schemas.values.companies import company_of, in_company
from schemas.values.refusal_codes import is_period_closed
from schemas.values.replacing import replace
from streams.domain.accounts import AccountMapping, Unmapped
from streams.domain.booking import (
    Lines,
    document_lines,
    of_bank_fee,
    of_conversion,
    of_customers_document,
    of_deposit,
    of_difference,
    of_dispute,
    of_explained_rest,
    of_movement,
    of_processor,
    turned_lines,
    valued_by_clearing,
)
from streams.domain.ledger.books import Document, Event, State, evolve
from streams.domain.output import Output
from streams.domain.periods import PARKED_REMEDY, redated_to

# What a fee is called where no source gives it a name of its own.
_FEE_KINDS = {"deposit": "DEPOSIT", "processor": "PROCESSOR"}
_LETTERS = str.maketrans("0123456789abcdef", "ABCDEFGHIJKLMNOP")


def decide(state: State, record: LedgerInbox, policy: AccountMapping) -> tuple[Event, ...]:
    """Return the entries of this record, and what becomes of the documents that wait.

    Ensures: a fact that was here yields (); the lines of each currency sum to zero.
    """
    events = _with_values(state, _of_record(state, record, policy))
    return events + _follow(reduce(evolve, events, state), policy, record.occurred_at)


def _with_values(state: State, events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Return events whose entries are worth what leaves or comes into clearing, where nobody has valued them.

    What a converted deposit brought or cost against that is an entry of its own, with a document of its own.
    """
    result: tuple[Event, ...] = ()
    for event in events:
        valued = event
        if isinstance(event, JournalEntryMade):
            currency = event.settlement_account.rpartition("/")[2]
            held = state.balances.get(f"clearing/{currency}", 0)
            valued = replace(event, lines=valued_by_clearing(event.lines, held, state.clearing_worth))
        result += (valued,)
        state = evolve(state, valued)
    return result


def _of_record(state: State, record: LedgerInbox, policy: AccountMapping) -> tuple[Event, ...]:
    match record:
        case MoneyMoved():
            return _on_movement(state, record, policy)
        case SettlementLineRecorded():
            return _on_processor_line(state, record, policy)
        case DisputeMoneyMoved():
            return _on_dispute(state, record, policy)
        case DepositExplained() | DepositReopened():
            return _on_deposit(state, record, policy)
        case DepositRestExplained():
            return _on_rest(state, record, policy)
        case DocumentBooked():
            return _on_booked(state, record, policy)
        case DocumentNotBooked():
            return _on_not_booked(state, record, policy)
        case BookAgain():
            return _on_again(state, record, policy)
        case TryWaitingAgain():
            return ()  # what waits is tried with every record
        case _:
            assert_never(record)


def reminder(state: State, at: datetime) -> TryWaitingAgain | None:
    """Return what has the documents of an account tried again that wait for a new mapping."""
    by_mapping = (BookingWaits.NO_ACCOUNT, BookingWaits.REFUSED)
    waits = any(document.waits_for in by_mapping for document in state.waiting.values())
    return TryWaitingAgain(settlement_account=state.account, occurred_at=at) if waits else None


def route(state: State, event: Event) -> tuple[Output, ...]:
    """Send the documents to the ERP."""
    if not isinstance(event, LedgerDocumentRequested):
        return ()
    document = state.asked[event.posting_reference]
    kind = kinds()[document.kind]
    command = PostDocument(
        kind=kind.kind,
        posting_reference=document.posting_reference,
        reverses_reference=document.reverses_reference if kind.kind in reversals() else None,
        subject_kind=SubjectKind.ACCOUNT,
        subject=event.subject,
        settlement_account=event.settlement_account,
        values={name: value for name, value in document.values.items() if name in kind.values},
        text=event.text,
        posted_on=event.posted_on,
        lines=event.lines,
        mapping_version=event.mapping_version,
        occurred_at=event.occurred_at,
    )
    return (Output(Topic.ERP_COMMANDS, command),)


# -- facts -------------------------------------------------------------------------------------------------------------


def _on_movement(state: State, moved: MoneyMoved, policy: AccountMapping) -> tuple[Event, ...]:
    lines = of_movement(moved.movement, moved.amount_minor, moved.method)
    if not lines or state.knows(moved.movement_id, moved.occurred_at):
        return ()
    return (
        JournalEntryMade(
            settlement_account=moved.settlement_account,
            entry_id=moved.movement_id,
            kind=moved.movement.value,
            about_id=moved.movement_id,
            paytrace_transaction_id=moved.paytrace_transaction_id,
            is_asked_for=False,
            values={},
            lines=_valued(_journal(lines, moved.currency, policy), moved),
            value_on=moved.value_on,
            occurred_at=moved.occurred_at,
        ),
    )


def _on_processor_line(state: State, line: SettlementLineRecorded, policy: AccountMapping) -> tuple[Event, ...]:
    booked, name = of_processor(line.kind, line.amount_minor, line.tax_minor), f"processor:{line.line_id}"
    if booked is None or state.knows(name, line.occurred_at):
        return ()
    kind, lines = booked
    values = {"fee_kind": line.fee_kind or _FEE_KINDS["processor"]} if kind == "fee" else {}
    return (_entry(line.settlement_account, name, kind, line.line_id, lines, line, line.moved_on, policy, **values),)


def _on_dispute(state: State, moved: DisputeMoneyMoved, policy: AccountMapping) -> tuple[Event, ...]:
    """Book what a dispute took or gave back; where it opens the invoice again its document is one of the customer's."""
    name = f"dispute:{moved.line_id}"
    lines = of_dispute(moved.movement, moved.amount_minor, reopens_invoice=moved.reopens_invoice)
    if not lines or state.knows(name, moved.occurred_at):
        return ()
    kind = "chargeback" if moved.movement is DisputeMovement.CHARGED_BACK else "chargeback_reversal"
    named = {} if moved.paytrace_transaction_id is None else {"paytrace_transaction_id": moved.paytrace_transaction_id}
    account, about = moved.settlement_account, moved.line_id
    entry = _entry(account, name, kind, about, lines, moved, moved.moved_on, policy, dispute=moved.dispute_id, **named)
    if moved.reopens_invoice:
        return (replace(entry, posting_reference=None, is_asked_for=False, values={}),)
    if kind == "chargeback":
        return (entry,)
    # What came back is of the latest debit; a credit that is told before any is of the first one.
    first = _reference(account, f"dispute:{moved.dispute_id}:{DisputeMovement.CHARGED_BACK}")
    return (replace(entry, reverses_reference=state.chargebacks.get(moved.dispute_id, first)),)


def _on_deposit(state: State, fact: DepositExplained | DepositReopened, policy: AccountMapping) -> tuple[Event, ...]:
    """Book a bank line by its latest fact: what an older one booked is taken back first."""
    known = state.deposits.get(fact.bank_line_id)
    if known is not None and known.latest_at is not None and fact.occurred_at <= known.latest_at:
        return ()
    account, line = fact.settlement_account, fact.bank_line_id
    # Nothing can be booked twice: what is booked now is taken back, and the new fact has a name of its own.
    events = tuple(
        _taken_back(account, state, reference, fact, policy)
        for reference in (known.until(fact.occurred_at) if known else ())
    )
    made: tuple[JournalEntryMade, ...] = ()
    if isinstance(fact, DepositExplained):
        name = f"{line}@{fact.occurred_at.isoformat()}"
        # A debit that pays nothing but a fee is no deposit: the fee is booked against the bank.
        apart = not fact.records_minor and not fact.rest_minor
        fee = of_bank_fee(fact.fee_minor, fact.tax_minor, taken_from="bank" if apart else "clearing")
        parts = (
            ("deposit", {} if apart else of_deposit(fact.deposit_minor, fact.rest_minor), {"bank_line": line}),
            ("fee", fee, {"fee_kind": fact.fee_kind or _FEE_KINDS["deposit"]}),
        )
        made = tuple(
            _entry(account, f"{kind}:{name}", kind, line, lines, fact, fact.moved_on, policy, **values)
            for kind, lines, values in parts
            if lines
        )
        if fact.bank_minor is not None and fact.bank_currency is not None and not apart:
            made = _converted(state, fact, fact.bank_minor, fact.bank_currency, made, policy)
    booked = DepositBooked(
        settlement_account=account,
        bank_line_id=line,
        posting_references=tuple(one.posting_reference for one in made if one.posting_reference is not None),
        moved_on=fact.moved_on if isinstance(fact, DepositExplained) else known.moved_on if known else _day(fact),
        occurred_at=fact.occurred_at,
    )
    return (*events, *made, booked)


def _converted(
    state: State,
    fact: DepositExplained,
    bank_minor: int,
    bank_currency: str,
    made: tuple[JournalEntryMade, ...],
    policy: AccountMapping,
) -> tuple[JournalEntryMade, ...]:
    """Return the entries of a deposit that the processor converted: in two currencies, and what that gained or lost."""
    deposit, *others = made
    base = policy.policies.base_currency
    lines = of_conversion(fact.deposit_minor, fact.rest_minor, bank_minor, fact.currency, bank_currency, base)
    held = state.balances.get(f"clearing/{fact.currency}", 0)
    valued = valued_by_clearing(lines, held, state.clearing_worth)
    difference = of_difference(valued)
    converted = replace(deposit, lines=valued)
    if not difference:
        return (converted, *others)
    account, line = fact.settlement_account, fact.bank_line_id
    name = f"difference:{line}@{fact.occurred_at.isoformat()}"
    entry = _entry(account, name, "conversion_difference", line, {}, fact, fact.moved_on, policy, bank_line=line)
    return (converted, replace(entry, lines=difference), *others)


def _on_rest(state: State, fact: DepositRestExplained, policy: AccountMapping) -> tuple[Event, ...]:
    """Book what explains the rest of a bank line; one that was told before its latest match went with an older one."""
    account, line = fact.settlement_account, fact.bank_line_id
    # A line explains one rest, so the first tells explanations of one moment apart.
    name = ":".join(("rest", f"{line}@{fact.occurred_at.isoformat()}", *fact.line_ids[:1]))
    known = state.deposits.get(line)
    is_old = known is not None and known.latest_at is not None and fact.occurred_at < known.latest_at
    parts: tuple[tuple[str, Lines, dict[str, str]], ...] = (
        ("adjustment", of_explained_rest(fact.rest_minor), {}),
        (
            "fee",
            of_bank_fee(fact.fee_minor, fact.tax_minor, taken_from="clearing"),
            {"fee_kind": _FEE_KINDS["deposit"]},
        ),
    )
    made = tuple(
        _entry(account, f"{kind}:{name}", kind, line, lines, fact, fact.book_on, policy, **values)
        for kind, lines, values in parts
        if lines and not state.knows(f"{kind}:{name}", fact.occurred_at)
    )
    if is_old or not made:
        return ()
    booked = DepositRestBooked(
        settlement_account=account,
        bank_line_id=line,
        posting_references=tuple(one.posting_reference for one in made if one.posting_reference is not None),
        moved_on=fact.book_on,
        occurred_at=fact.occurred_at,
    )
    return (*made, booked)


def _taken_back(
    account: str, state: State, reference: str, fact: DepositReopened | DepositExplained, policy: AccountMapping
) -> JournalEntryMade:
    document = state.document(reference)
    assert document is not None, reference  # kept as long as its bank line is
    kind = kinds()[document.kind].reversed_by
    assert kind is not None, document.kind
    # The money went back on no day of its own, so the reversal bears the day of what it reverses.
    return replace(
        _entry(account, f"{document.entry_id}:reversed", kind, fact.bank_line_id, {}, fact, document.value_on, policy),
        lines=turned_lines(document.lines),
        posting_reference=f"{reference}V",
        reverses_reference=reference,
        values=document.values,
    )


def _on_booked(state: State, outcome: DocumentBooked, policy: AccountMapping) -> tuple[Event, ...]:
    """Close a document that the ledger asked for, or book one of a customer."""
    if not outcome.is_customers:
        known = state.asked.get(outcome.posting_reference) or state.waiting.get(outcome.posting_reference)
        if known is None:
            return ()
        return (
            LedgerDocumentPosted(
                settlement_account=outcome.settlement_account,
                posting_reference=outcome.posting_reference,
                abas_document_id=outcome.abas_document_id,
                abas_document_number=outcome.abas_document_number,
                occurred_at=outcome.occurred_at,
            ),
        )
    name = f"document:{outcome.posting_reference}"
    if state.knows(name, outcome.occurred_at):
        return ()
    lines = of_customers_document(outcome.lines, policy.policies.base_currency)
    return (
        JournalEntryMade(
            settlement_account=outcome.settlement_account,
            entry_id=name,
            kind=outcome.document_kind,
            about_id=outcome.posting_reference,
            paytrace_transaction_id=outcome.paytrace_transaction_id,
            posting_reference=outcome.posting_reference,
            reverses_reference=outcome.reverses_reference,
            is_asked_for=False,
            values={},
            lines=lines,
            category_names=outcome.category_names,
            category_amounts=outcome.category_amounts,
            value_on=outcome.value_on,
            occurred_at=outcome.occurred_at,
        ),
    )


def _on_not_booked(state: State, outcome: DocumentNotBooked, policy: AccountMapping) -> tuple[Event, ...]:
    asked = state.asked.get(outcome.posting_reference)
    if asked is None:
        return ()
    detail = f"{outcome.code}: {outcome.message}"
    if is_period_closed(outcome.code):
        choice = policy.policies.for_closed_period(asked.first_kind)
        day = redated_to(choice, asked.posted_on or asked.value_on, outcome.occurred_at)
        if day is not None:
            kind = "adjustment" if choice == "adjust" and asked.turns_another else asked.kind
            return tuple(_tried(state, replace(asked, posted_on=day, kind=kind), policy, outcome.occurred_at))
        detail += f"; {PARKED_REMEDY}"
    return (_waiting(state.account, asked, BookingWaits.REFUSED, detail, asked.mapping_version, outcome.occurred_at),)


def _on_again(state: State, command: BookAgain, policy: AccountMapping) -> tuple[Event, ...]:
    """Ask again for a document that waits, because a person says so."""
    if command.command_id in state.command_ids:
        return ()
    reference = command.posting_reference
    known = state.waiting.get(reference)
    refused = why_not_attributed(command.decided_by, command.reason)
    if not refused and known is None:
        refused = f"{reference} is being posted" if reference in state.asked else f"no document {reference} waits"
    decided = BookingDecided(
        command_id=command.command_id,
        settlement_account=command.settlement_account,
        posting_reference=reference,
        decided_by=command.decided_by,
        authenticated_by=command.authenticated_by,
        approved_by=command.approved_by,
        reason=command.reason,
        refused_because=refused,
        occurred_at=command.occurred_at,
    )
    if refused or known is None:
        return (decided,)
    return (decided, *_tried(state, known, policy, command.occurred_at))


# -- documents ---------------------------------------------------------------------------------------------------------


def _follow(state: State, policy: AccountMapping, at: datetime) -> tuple[Event, ...]:
    """Return what becomes of the documents that wait.

    Ensures: one that waited by the mapping in force stays as it is.
    """
    events: tuple[Event, ...] = ()
    for reference in tuple(state.waiting):
        document = state.waiting.get(reference)
        if document is not None:
            step = tuple(_moved_on(state, document, policy, at))
            events, state = events + step, reduce(evolve, step, state)
    return events


def _moved_on(state: State, document: Document, policy: AccountMapping, at: datetime) -> Iterator[Event]:
    original = document.reverses_reference
    if original is not None and _is_netted(state.waiting.get(original), document):
        yield LedgerDocumentsNetted(
            settlement_account=state.account,
            posting_reference=original,
            reversal_reference=document.posting_reference,
            occurred_at=at,
        )
    elif original is not None and (original in state.asked or original in state.waiting):
        if document.waits_for is None:
            detail = f"{original}, which it reverses, is not posted yet"
            yield _waiting(state.account, document, BookingWaits.ORIGINAL_PENDING, detail, document.mapping_version, at)
    elif document.waits_for in (None, BookingWaits.ORIGINAL_PENDING) or document.mapping_version != _version(policy):
        yield from _tried(state, document, policy, at)


def _is_netted(original: Document | None, reversal: Document) -> bool:
    """Return whether a document that waits is taken back in whole, so that neither is to be posted."""
    if original is None:
        return False
    return sorted((line.role, -line.amount_minor) for line in original.lines) == sorted(
        (line.role, line.amount_minor) for line in reversal.lines
    )


def _tried(state: State, document: Document, policy: AccountMapping, at: datetime) -> Iterator[Event]:
    """Ask for a document by the mapping in force, or say which account is missing."""
    resolved = _resolved(state, document, policy)
    if isinstance(resolved, Unmapped):
        if document.mapping_version != _version(policy) or document.waits_for is not BookingWaits.NO_ACCOUNT:
            yield _waiting(state.account, document, BookingWaits.NO_ACCOUNT, resolved.why, _version(policy), at)
        return
    subject, lines = resolved
    yield LedgerDocumentRequested(
        settlement_account=state.account,
        posting_reference=document.posting_reference,
        kind=document.kind,
        subject=subject,
        lines=lines,
        text=_text(document),
        posted_on=document.posted_on,
        mapping_version=_version(policy),
        occurred_at=at,
    )


def _text(document: Document) -> str:
    """Return what the document says for people; an adjustment names what it sets right."""
    what = f"PayTrace {document.first_kind.replace('_', ' ')} {document.value_on.isoformat()}"
    if document.kind == document.first_kind:
        return what
    return f"{what}, adjusted{f': {document.reverses_reference}' if document.reverses_reference else ''}"


def _resolved(
    state: State, document: Document, policy: AccountMapping
) -> tuple[str, tuple[DocumentLine, ...]] | Unmapped:
    """Return subject and lines of a document by the mapping in force, or what it lacks.

    What takes a document back is in the company and on the accounts of that one, whatever the mapping says by now.
    """
    facts = {name: value for name, value in document.values.items() if name in ("merchant_account", "fee_kind")}
    taken_back = state.posted.get(document.reverses_reference or "")
    before = () if taken_back is None else taken_back.asked_lines
    company = (
        policy.company_of(document.values["merchant_account"])
        if taken_back is None or not before
        else company_of(taken_back.subject)
    )
    if isinstance(company, Unmapped):
        return company
    known = facts | ({"company": company} if company else {})
    sold = state.sold_of(document.paytrace_transaction_id)
    lines = document_lines(
        document.kind, document.lines, policy.accounts, known, document.value_on, sold=sold, before=before
    )
    if isinstance(lines, Unmapped):
        return lines
    # Documents of one merchant account keep their order by the account that all of them touch.
    subject = next((line.account for line in lines if line.role == "clearing"), lines[0].account)
    return in_company(company, subject), lines


def _waiting(
    account: str, document: Document, reason: BookingWaits, detail: str, version: str, at: datetime
) -> LedgerDocumentWaiting:
    return LedgerDocumentWaiting(
        settlement_account=account,
        posting_reference=document.posting_reference,
        waits_for=reason,
        detail=detail,
        mapping_version=version,
        occurred_at=at,
    )


def _entry(
    account: str,
    name: str,
    kind: str,
    about_id: str,
    lines: Lines,
    fact: SettlementLineRecorded | DisputeMoneyMoved | DepositExplained | DepositReopened | DepositRestExplained,
    value_on: date,
    policy: AccountMapping,
    **values: str,
) -> JournalEntryMade:
    """Return an entry whose document the ledger asks for."""
    head = {"merchant_account": account.rpartition("/")[0], "value_on": value_on.isoformat(), **values}
    return JournalEntryMade(
        settlement_account=account,
        entry_id=name,
        kind=kind,
        about_id=about_id,
        paytrace_transaction_id=getattr(fact, "paytrace_transaction_id", None),
        posting_reference=_reference(account, name),
        is_asked_for=True,
        values=head,
        lines=_journal(lines, fact.currency, policy),
        value_on=value_on,
        occurred_at=fact.occurred_at,
    )


def _journal(lines: Lines, currency: str, policy: AccountMapping) -> tuple[JournalLine, ...]:
    """Return the lines of an entry; in the currency of the books they are their own value."""
    base = policy.policies.base_currency
    return tuple(
        JournalLine(
            role=role,
            amount_minor=minor,
            currency=currency,
            base_minor=minor if currency == base else None,
            base_currency=base,
        )
        for role, minor in lines.items()
    )


def _valued(lines: tuple[JournalLine, ...], moved: MoneyMoved) -> tuple[JournalLine, ...]:
    """Return the lines with the value in base currency that the movement has, where it is valued."""
    if moved.base_minor is None or moved.base_currency is None:
        return lines
    base, currency = moved.base_minor, moved.base_currency
    return tuple(
        replace(line, base_minor=base if line.amount_minor > 0 else -base, base_currency=currency) for line in lines
    )


def _reference(account: str, name: str) -> str:
    """Return the posting reference of an entry's document: letters alone, so that none is taken for a card number."""
    digest = hashlib.blake2b(f"{account} {name}".encode(), digest_size=7).hexdigest()
    return f"L{digest.translate(_LETTERS)}"


def _version(policy: AccountMapping) -> str:
    return str(policy.version)


def _day(fact: DepositReopened) -> date:
    return fact.occurred_at.date()
