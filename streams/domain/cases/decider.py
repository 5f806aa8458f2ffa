"""Who looks after money that waits, and what people say of it. Rules of agent `note-cases`.

Notes decide nothing about money: whether it still waits is for its own context, so a note of what was decided meanwhile
is kept all the same. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.records.by_topic import CasesEvents, CasesInbox
from schemas.records.cases import AssignCase, CaseAssigned, CaseCommandRefused, CaseCommented, CommentOnCase
from schemas.values.replacing import replace
from streams.domain.output import Output

Event: TypeAlias = CasesEvents
AGENT = "note-cases"


@dataclass(frozen=True, slots=True)
class State:
    """One case: who looks after it, empty for nobody, and the commands that were decided."""

    assignee: str = ""
    command_ids: frozenset[str] = field(default_factory=frozenset)


INITIAL = State()


def decide(state: State, record: CasesInbox) -> tuple[Event, ...]:
    """Return what follows from an assignment or a comment; () for one that was here."""
    if record.command_id in state.command_ids:
        return ()
    if missing := why_not_attributed(record.decided_by, record.reason):
        return (_refused(record, missing),)
    match record:
        case AssignCase():
            if record.assignee == state.assignee:
                whose = f"{record.assignee} looks after it already" if record.assignee else "nobody looks after it"
                return (_refused(record, whose),)
            assigned = CaseAssigned(
                command_id=record.command_id,
                case_name=record.case_name,
                assignee=record.assignee,
                decided_by=record.decided_by,
                authenticated_by=record.authenticated_by,
                reason=record.reason,
                occurred_at=record.occurred_at,
            )
            return (assigned,)
        case CommentOnCase():
            commented = CaseCommented(
                command_id=record.command_id,
                case_name=record.case_name,
                decided_by=record.decided_by,
                authenticated_by=record.authenticated_by,
                reason=record.reason,
                occurred_at=record.occurred_at,
            )
            return (commented,)
        case _:
            assert_never(record)


def evolve(state: State, event: CasesEvents) -> State:
    """Remember one event; accepts any event in any state."""
    known = state.command_ids | {event.command_id}
    match event:
        case CaseAssigned():
            return replace(state, assignee=event.assignee, command_ids=known)
        case CaseCommented() | CaseCommandRefused():
            return replace(state, command_ids=known)
        case _:
            assert_never(event)


def route(_state: State, _event: CasesEvents) -> tuple[Output, ...]:
    """Return nothing: no other context acts on a note."""
    return ()


def _refused(command: AssignCase | CommentOnCase, why: str) -> CaseCommandRefused:
    return CaseCommandRefused(
        command_id=command.command_id,
        case_name=command.case_name,
        decided_by=command.decided_by,
        authenticated_by=command.authenticated_by,
        reason=command.reason,
        refused_because=why,
        occurred_at=command.occurred_at,
    )
