"""Whatever happens to a customer: no cent is lost or doubled between the movements and the entries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.failures import Unreadable
from schemas.records.erp import DocumentPosted, DocumentRefused
from schemas.records.identification import Movement
from schemas.records.receivables import (
    ConfirmMatch,
    DecisionRefused,
    DecisionTaken,
    EntryDirection,
    EntryNetted,
    EntryPosted,
    EntrySplit,
    EntryUnmatched,
    EntryWaiting,
    PostAgain,
    PostingRequested,
    PutOnAccount,
    RejectMatch,
    ReverseWriteOff,
    SplitEntry,
    UnmatchEntry,
    WriteOffRest,
)
from streams.domain import receivables
from streams.domain.receivables.account import Entry, EntryStatus
from streams.domain.receivables.posting import follow
from tests.support.builders import CUSTOMER, SIGNS, Asked, Ledger, at, done, identified, key_by, open_item, refused
from tests.support.policies import RECEIVABLES

ITEM_AMOUNTS = {"i1": 100_00, "i2": 100_00, "i3": 60_00, "i4": 62_00}
AMOUNTS = [40_00, 60_00, 100_00, 160_00]
INVOICES = ["RE-1", "RE-2", None, "RE-1, RE-2"]


ENDS = {
    EntryStatus.REQUESTED: PostingRequested,
    EntryStatus.POSTED: EntryPosted,
    EntryStatus.NETTED: EntryNetted,
    EntryStatus.SPLIT: EntrySplit,
}
QUESTIONS = [name for name, value in vars(receivables.State).items() if isinstance(value, cached_property)]
# Events that tell of an entry without naming where its money is.
BESIDE = DecisionTaken | DecisionRefused | EntryUnmatched


@dataclass
class Day:
    """A customer's day: what PayTrace tells, what abas shows, and abas as it carries out what it is asked."""

    book: Ledger = field(default_factory=lambda: Ledger(receivables, key_by("abas_customer_id")))
    taken_in: list[Any] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)
    minute: int = 0

    def take(self, record: Any) -> list[Any]:
        self.minute += 1
        self.taken_in.append(record)
        return self.book.when(record)

    def commands(self) -> list[Any]:
        return [r for r in self.book.sent() if isinstance(r, Asked)]

    def decide(self, kind: type[Any], which: int, item: str, minor: int) -> None:
        """A person decides about one of the entries, sensibly or not."""
        state = state_of(self)
        entries = sorted(state.entries.values(), key=lambda entry: not fits(kind, entry))
        entry = entries[which % len(entries)] if entries else None
        held = sorted(item_id for item_id in state.items if state.holders_of(item_id))
        reference = entry.posting_reference if entry else "PT0"
        shown = entry.options[which % len(entry.options)] if entry and entry.options else None
        suggested = shown.abas_open_item_ids if shown else (item,)
        amounts = (minor, entry.amount_minor - minor) if entry and entry.amount_minor > minor else (minor,)
        fields: dict[str, Any] = {
            "command_id": str(self.minute),
            "abas_customer_id": CUSTOMER,
            "decided_by": "mweber",
            "reason": "customer called",
            "occurred_at": at(self.minute),
        }
        match kind.__name__:
            case "WriteOffRest":
                item = held[which % len(held)] if held else item
                fields |= {"abas_open_item_id": item, "amount_minor": minor // 20, "currency": "USD"}
            case "SplitEntry":
                items = (item, "")[: len(amounts)]
                fields |= {"abas_open_item_ids": items, "part_amounts": amounts, "currency": "USD"}
            case "ConfirmMatch":
                parts, code = (shown.part_amounts, shown.suggestion_code) if shown else ((minor,), "")
                fields |= {"abas_open_item_ids": suggested, "part_amounts": parts}
                fields |= {"suggestion_code": code, "currency": "USD"}
            case "RejectMatch":
                fields |= {"abas_open_item_ids": suggested}
            case "ReverseWriteOff":
                written_off = sorted(entry.posting_reference for entry in entries if entry.is_write_off)
                reference = written_off[which % len(written_off)] if written_off else "PT0W1"
        if kind is not WriteOffRest:
            fields["posting_reference"] = reference
        self.take(kind(**fields))

    def answer(self, which: int, answer: Callable[[Any], Any]) -> None:
        """abas carries out or refuses one of the commands that it has not answered yet, the oldest ones first."""
        waiting = [i for i in range(len(self.commands())) if i not in self.answered]
        if waiting:
            index = waiting[which % len(waiting)]
            self.answered.add(index)
            self.take(answer(self.commands()[index]))


def fits(kind: type[Any], entry: Entry) -> bool:
    """Whether a person would decide this about such an entry."""
    if kind is UnmatchEntry:
        return entry.is_receipt and (entry.status is EntryStatus.POSTED or entry.is_refused)
    if kind is PostAgain:
        return entry.is_refused
    is_suggested = bool(entry.options) or kind not in (ConfirmMatch, RejectMatch)
    return entry.is_receipt and entry.is_waiting and is_suggested


movements = st.tuples(
    st.just("movement"),
    st.sampled_from([movement for movement in Movement if movement is not Movement.UNKNOWN]),
    st.sampled_from(["1", "2", "8", "9"]),
    st.sampled_from(AMOUNTS),
    st.sampled_from(INVOICES),
)
items = st.tuples(
    st.just("item"),
    st.sampled_from(sorted(ITEM_AMOUNTS)),
    st.booleans(),
    st.sampled_from(["RE-1", "RE-2"]),
)
answers = st.tuples(st.just("answer"), st.integers(0, 3), st.sampled_from([done, done, done, refused]))
persons = st.tuples(
    st.just("person"),
    st.sampled_from(
        [
            ConfirmMatch,
            ConfirmMatch,
            RejectMatch,
            SplitEntry,
            WriteOffRest,
            PutOnAccount,
            UnmatchEntry,
            PostAgain,
            ReverseWriteOff,
        ]
    ),
    st.integers(0, 3),
    st.sampled_from([*sorted(ITEM_AMOUNTS), ""]),
    st.sampled_from([40_00, 20_00, 60_00, 100_00]),
)
steps = st.one_of(movements, movements, items, items, answers, answers, persons, persons)
# Half of the days begin with what everyday work is about; the rest is free to begin anywhere.
OPENING = [
    ("item", "i1", True, "RE-1"),
    ("item", "i4", True, "RE-2"),
    ("movement", Movement.CAPTURED, "1", 60_00, "RE-2"),
    ("movement", Movement.CAPTURED, "2", 100_00, "RE-1"),
    ("answer", 0, done),
]
SHORT_PAYMENT = [
    ("person", ConfirmMatch, 0, "i4", 40_00),
    ("answer", 0, done),
    ("person", WriteOffRest, 1, "i4", 40_00),
]
WRITTEN_OFF = [("answer", 0, done), ("person", ReverseWriteOff, 0, "i4", 40_00)]
beginnings = st.sampled_from([[], OPENING, OPENING + SHORT_PAYMENT, OPENING + SHORT_PAYMENT + WRITTEN_OFF])
days = st.builds(lambda begin, rest: [*begin, *rest], beginnings, st.lists(steps, max_size=14))


def step(day: Day, move: tuple[Any, ...]) -> None:
    match move:
        case ("movement", movement, payment, amount, invoice):
            name = str(len(day.taken_in)) if movement in (Movement.AMOUNT_INCREASED, Movement.AMOUNT_DECREASED) else ""
            moved = identified(movement, amount, payment=payment, invoice=invoice, minute=day.minute, name=name)
            is_of_dispute = movement.value.startswith("CHARGE")
            day.take(replace(moved, dispute_id=f"X{payment}") if is_of_dispute else moved)
        case ("item", item_id, is_open, invoice):
            amount = ITEM_AMOUNTS[item_id]
            day.take(open_item(item_id, amount, invoice=invoice, minute=day.minute, is_open=is_open))
        case ("answer", which, answer):
            day.answer(which, answer)
        case ("person", kind, which, item, minor):
            day.decide(kind, which, item, minor)
        case _:
            pytest.fail(f"unknown step {move}")


def live(moves: list[tuple[Any, ...]]) -> Day:
    day = Day()
    for move in moves:
        step(day, move)
    return day


def state_of(day: Day) -> receivables.State:
    state: receivables.State = next(iter(day.book.states.values()), receivables.INITIAL)
    return state


def moved(day: Day) -> int:
    seen = {r.movement_id: r for r in reversed(day.taken_in) if hasattr(r, "movement_id")}
    return sum(SIGNS[r.movement] * r.amount_minor for r in seen.values())


@settings(max_examples=120, deadline=None)
@given(days)
def test_movements_and_entries_are_the_same_money(moves: list[tuple[Any, ...]]) -> None:
    day = live(moves)
    assert sum(entry.signed_minor for entry in state_of(day).entries.values()) == moved(day)


@settings(max_examples=120, deadline=None)
@given(days)
def test_the_events_alone_report_where_all_the_money_is(moves: list[tuple[Any, ...]]) -> None:
    day, reported = live(moves), {}
    for event in day.book.events:
        is_entry = isinstance(event, EntryWaiting | PostingRequested | EntryPosted | EntryNetted | EntrySplit)
        if is_entry:
            sign = {EntryDirection.RECEIPT: 1, EntryDirection.REVERSAL: -1, EntryDirection.NONE: 0}[event.direction]
            reported[event.posting_reference] = (
                0 if isinstance(event, EntryNetted | EntrySplit) else sign * event.amount_minor
            )
    assert sum(reported.values()) == moved(day)
    assert set(reported) == set(state_of(day).entries)


@settings(max_examples=120, deadline=None)
@given(days)
def test_nothing_waits_without_its_reason(moves: list[tuple[Any, ...]]) -> None:
    day = live(moves)
    last: dict[str, Any] = {}
    for event in day.book.events:
        if hasattr(event, "posting_reference") and not isinstance(event, BESIDE):
            last[event.posting_reference] = event
    for entry in state_of(day).entries.values():
        event = last[entry.posting_reference]
        if entry.status is EntryStatus.WAITING:
            assert isinstance(event, EntryWaiting)
            assert (event.reason, event.amount_minor) == (entry.reason, entry.amount_minor)
        else:
            assert isinstance(event, ENDS[entry.status])


@pytest.mark.thorough
@settings(max_examples=120, deadline=None)
@given(days)
def test_abas_is_asked_once_and_never_for_more_than_there_is(moves: list[tuple[Any, ...]]) -> None:
    day = live(moves)
    refusals = Counter(r.posting_reference for r in day.taken_in if type(r).__name__ == "DocumentRefused")
    asked = Counter(command.posting_reference for command in day.commands())
    assert all(count <= 1 + refusals[reference] for reference, count in asked.items())
    nothing_is_asked_for_twice(day)


@pytest.mark.thorough
@settings(max_examples=100, deadline=None)
@given(days, st.randoms(use_true_random=False))
def test_any_order_of_the_same_records_keeps_every_cent_and_asks_for_no_more(
    moves: list[tuple[Any, ...]], chance: Random
) -> None:
    shuffled, day = list(live(moves).taken_in), Day()
    chance.shuffle(shuffled)
    for record in shuffled:
        try:
            day.take(record)
        except Unreadable:  # an outcome of an amount that was not asked for in this order; its record is parked
            day.taken_in.pop()
    assert sum(entry.signed_minor for entry in state_of(day).entries.values()) == moved(day)
    nothing_is_asked_for_twice(day)


def nothing_is_asked_for_twice(day: Day) -> None:
    """No item is asked for more than it has, and nothing more is reversed from a receipt than it brought."""
    latest = {command.posting_reference: command for command in day.commands()}
    entries = state_of(day).entries
    money = {ref: entry for ref, entry in entries.items() if not entry.is_write_off}
    at_abas = [latest[ref] for ref, entry in money.items() if ref in latest and entry.is_at_abas]
    on_item: dict[str | None, int] = defaultdict(int)
    of_receipt: dict[str, int] = defaultdict(int)
    for command in at_abas:
        if command.kind in ("cash_receipt", "cash_receipt_chargeback_returned"):
            on_item[command.abas_open_item_id] += command.amount_minor
            of_receipt[command.posting_reference] += command.amount_minor
        elif command.kind in ("on_account_receipt", "on_account_chargeback_returned"):
            of_receipt[command.posting_reference] += command.amount_minor
        elif command.kind == "chargeback_lost_reversal":
            lost = entries[command.reverses_reference or ""]
            of_receipt[lost.posting_reference] -= command.amount_minor
            on_item[command.abas_open_item_id] += command.amount_minor
            if entries[command.posting_reference].status is EntryStatus.POSTED:
                of_receipt[lost.takes_from or ""] += command.amount_minor
        else:
            if command.kind == "chargeback_lost":
                of_receipt[command.posting_reference] += command.amount_minor  # what may be taken back of it
            takes_from = entries[command.posting_reference].takes_from
            of_receipt[command.reverses_reference or takes_from or ""] -= command.amount_minor
            if entries[command.posting_reference].status is EntryStatus.POSTED:
                on_item[command.abas_open_item_id] -= command.amount_minor
    for write_off in (entry for entry in entries.values() if entry.is_write_off):
        if write_off.reverses is None:
            on_item[write_off.abas_open_item_id] += write_off.amount_minor if write_off.is_at_abas else 0
        elif write_off.status is EntryStatus.POSTED:
            on_item[write_off.abas_open_item_id] -= write_off.amount_minor
    on_item.pop(None, None)
    assert all(minor <= ITEM_AMOUNTS[str(item)] for item, minor in on_item.items())
    assert all(minor >= 0 for minor in of_receipt.values())


@settings(max_examples=100, deadline=None)
@given(days)
def test_what_follows_has_followed(moves: list[tuple[Any, ...]]) -> None:
    assert follow(state_of(live(moves)), RECEIVABLES, at(99)) == ()


@settings(max_examples=100, deadline=None)
@given(days)
def test_a_repeat_is_silence(moves: list[tuple[Any, ...]]) -> None:
    day = Day()
    for move in moves:
        before = len(day.taken_in)
        step(day, move)
        for record in day.taken_in[before:]:
            assert day.book.when(record) == []
    for record in day.taken_in:
        if type(record).__name__ != "DocumentRefused":  # a refusal may be followed by another request
            assert day.book.when(record) == []


@settings(max_examples=100, deadline=None)
@given(days)
def test_the_state_is_its_events_and_survives_the_local_store(moves: list[tuple[Any, ...]]) -> None:
    day = live(moves)
    state = state_of(day)
    assert reduce(receivables.evolve, day.book.events, receivables.INITIAL) == state
    stored = msgspec.msgpack.encode(state)
    for name in QUESTIONS:
        getattr(state, name)
    assert msgspec.msgpack.encode(state) == stored, "what was answered is no part of what is stored"
    again = msgspec.msgpack.decode(stored, type=receivables.State)
    assert again == state
    assert list(again.entries) == list(state.entries), "the order of arrival survives too"


@settings(max_examples=100, deadline=None)
@given(days, days)
def test_any_event_is_accepted_in_any_state(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> None:
    state = state_of(live(one))
    for event in live(other).book.events:
        state = receivables.evolve(state, event)
        receivables.route(state, event)


@pytest.mark.thorough
@settings(max_examples=100, deadline=None)
@given(days, days, st.randoms(use_true_random=False))
def test_customers_do_not_touch_each_other(
    one: list[tuple[Any, ...]], other: list[tuple[Any, ...]], chance: Random
) -> None:
    first = live(one)
    second = [replace_customer(record) for record in live(other).taken_in]
    queues, mixed = [list(first.taken_in), list(second)], []
    while any(queues):
        mixed.append(chance.choice([queue for queue in queues if queue]).pop(0))
    key = key_by("abas_customer_id")
    apart = [Ledger(receivables, key).given(*first.taken_in), Ledger(receivables, key).given(*second)]
    together = Ledger(receivables, key).given(*mixed)
    assert together.states == apart[0].states | apart[1].states
    assert together.said_by_key == apart[0].said_by_key | apart[1].said_by_key


def replace_customer(record: Any) -> Any:
    fields = msgspec.to_builtins(record)
    if isinstance(record, DocumentPosted | DocumentRefused):
        fields["subject"] = "70002"
        fields["lines"] = [{**line, "account": "70002"} for line in fields["lines"]]
    else:
        fields["abas_customer_id"] = "70002"
    return msgspec.convert(fields, type=type(record))
