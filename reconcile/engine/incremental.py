"""Matching that goes on: lines arrive one by one, are corrected, and people overrule; only what is touched changes.

Decides for `match-open-items` and `reconcile-deposits` what a new fact means for what was matched before. It protects
confirmed matches: a later line never silently remakes one; if it would be a better partner, a review is opened.

The engine's answer for a line depends only on lines that share an amount, a number or a telling word with it, directly
or through others. So a change recomputes that neighbourhood and nothing else, with the same frozen `Learned` numbers
as a batch run over all lines; and the state that is reached is the one the batch run gives, apart from kept matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TypeVar, assert_never

from reconcile.engine.engine import Learned, match
from reconcile.engine.lines import Line, Side
from reconcile.engine.results import Match, OneSided, Outcome, Status
from reconcile.engine.rules import Need, RuleSet
from reconcile.engine.text import line_words, reference_word
from reconcile.engine.work import TELLING

Ref = tuple[Side, str]
Key = TypeVar("Key")
Value = TypeVar("Value")
DAYS_BEYOND_LAG = 12  # the slack of a group's window on both ends, and the four days of a run

# -- commands and events --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A line, or a correction of the line with this id: the source has said what it says."""

    line: Line


@dataclass(frozen=True, slots=True)
class WithdrawLine:
    """A line that its source no longer has."""

    side: Side
    id: str


@dataclass(frozen=True, slots=True)
class UnmatchLines:
    """A person says that these lines don't belong together. who, when and why are the caller's, and are kept."""

    left_ids: tuple[str, ...]
    right_ids: tuple[str, ...]
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class ConfirmMatch:
    """A person takes a suggestion."""

    left_ids: tuple[str, ...]
    right_ids: tuple[str, ...]
    who: str
    why: str


Command = RecordLine | WithdrawLine | UnmatchLines | ConfirmMatch


@dataclass(frozen=True, slots=True)
class LineRecorded:
    """A new line."""

    line: Line


@dataclass(frozen=True, slots=True)
class LineCorrected:
    """A known line with another content."""

    line: Line


@dataclass(frozen=True, slots=True)
class LineWithdrawn:
    """A line that is gone."""

    side: Side
    id: str


@dataclass(frozen=True, slots=True)
class LinesMatched:
    """A match, confirmed or suggested."""

    match: Match


@dataclass(frozen=True, slots=True)
class MatchDissolved:
    """A match that holds no more, and why: a line of it changed, a person said so, or a suggestion was replaced."""

    left_ids: tuple[str, ...]
    right_ids: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class LineExplained:
    """A one-sided finding."""

    finding: OneSided


@dataclass(frozen=True, slots=True)
class ExplanationDropped:
    """A one-sided finding that holds no more."""

    side: Side
    id: str


@dataclass(frozen=True, slots=True)
class PairsForbidden:
    """Pairs that a person has ruled out."""

    pairs: tuple[tuple[str, str], ...]
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class ReviewOpened:
    """A confirmed match was kept although the lines as they are now would be matched otherwise."""

    left_ids: tuple[str, ...]
    right_ids: tuple[str, ...]
    better: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class ReviewClosed:
    """The reason for a review is gone."""

    left_ids: tuple[str, ...]
    right_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """A person asked for what can't be done."""

    why: str


Event = (
    LineRecorded
    | LineCorrected
    | LineWithdrawn
    | LinesMatched
    | MatchDissolved
    | LineExplained
    | ExplanationDropped
    | PairsForbidden
    | ReviewOpened
    | ReviewClosed
    | CommandRefused
)

MatchKey = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class MatchingState:
    """All that is known of one ledger's lines. Ensures: changed by `evolve` only."""

    lines: Mapping[Ref, Line] = field(default_factory=dict)
    matches: Mapping[MatchKey, Match] = field(default_factory=dict)
    findings: Mapping[Ref, OneSided] = field(default_factory=dict)
    forbidden: frozenset[tuple[str, str]] = frozenset()
    reviews: Mapping[MatchKey, ReviewOpened] = field(default_factory=dict)


INITIAL = MatchingState()


@dataclass(frozen=True, slots=True)
class Engine:
    """The rules and the frozen numbers that a state is matched with."""

    rules: RuleSet
    learned: Learned


# -- decide and evolve ------------------------------------------------------------------------------------------------


def decide(state: MatchingState, command: Command, engine: Engine) -> tuple[Event, ...]:
    """What a command means.

    Ensures: the same line again gives (); folding the events with `evolve` gives a state whose matches equal a batch
             run over the same lines, apart from confirmed matches under review.
    """
    first: tuple[Event, ...]
    match command:
        case RecordLine(line):
            known = state.lines.get((line.side, line.id))
            if known == line and known is not None and dict(known.extra) == dict(line.extra):
                return ()
            first = (LineRecorded(line) if known is None else LineCorrected(line),)
            touched: list[Line] = [line] if known is None else [line, known]
        case WithdrawLine(side, id_):
            gone = state.lines.get((side, id_))
            if gone is None:
                return ()
            first, touched = (LineWithdrawn(side, id_),), [gone]
        case UnmatchLines(left_ids, right_ids, who, why):
            if (left_ids, right_ids) not in state.matches:
                return (CommandRefused("there is no such match"),)
            pairs = tuple((left, right) for left in left_ids for right in right_ids)
            first = (MatchDissolved(left_ids, right_ids, f"unmatched by {who}: {why}"), PairsForbidden(pairs, who, why))
            touched = _lines_of(state, left_ids, right_ids)
        case ConfirmMatch(left_ids, right_ids, who, why):
            found = state.matches.get((left_ids, right_ids))
            if found is None or found.status is Status.CONFIRMED:
                return (CommandRefused("there is no such suggestion"),)
            agreed = replace(found, status=Status.CONFIRMED, agrees=(*found.agrees, f"confirmed by {who}: {why}"))
            first, touched = (LinesMatched(agreed),), _lines_of(state, left_ids, right_ids)
        case _:
            assert_never(command)
    first += _broken(state, command)
    now = reduce(evolve, first, state)
    return first + tuple(_settle(now, touched, engine))


def settle_all(state: MatchingState, engine: Engine) -> tuple[Event, ...]:
    """Match everything again: after new rules or a new learning. Ensures: () if nothing would change."""
    return tuple(_settle(state, list(state.lines.values()), engine))


def _lines_of(state: MatchingState, left_ids: Iterable[str], right_ids: Iterable[str]) -> list[Line]:
    refs = [(Side.LEFT, one) for one in left_ids] + [(Side.RIGHT, one) for one in right_ids]
    return [state.lines[ref] for ref in refs if ref in state.lines]


def _broken(state: MatchingState, command: Command) -> tuple[Event, ...]:
    """Matches and findings that a changed or withdrawn line takes with it."""
    if isinstance(command, RecordLine):
        ref = (command.line.side, command.line.id)
    elif isinstance(command, WithdrawLine):
        ref = (command.side, command.id)
    else:
        return ()
    side, id_ = ref
    events: list[Event] = []
    for (left_ids, right_ids), _ in sorted(state.matches.items()):
        if id_ in (left_ids if side is Side.LEFT else right_ids):
            events.append(MatchDissolved(left_ids, right_ids, f"{side.value} line {id_} changed"))
    for (one_side, one_id), finding in sorted(state.findings.items()):
        if one_side is side and id_ in (one_id, finding.other_id):
            events.append(ExplanationDropped(one_side, one_id))
    return tuple(events)


def evolve(state: MatchingState, event: Event) -> MatchingState:
    """Fold one event into the state."""
    match event:
        case LineRecorded(line) | LineCorrected(line):
            return replace(state, lines={**state.lines, (line.side, line.id): line})
        case LineWithdrawn(side, id_):
            return replace(state, lines=_without(state.lines, (side, id_)))
        case LinesMatched(found):
            return replace(state, matches={**state.matches, (found.left_ids, found.right_ids): found})
        case MatchDissolved(left_ids, right_ids, _):
            key = (left_ids, right_ids)
            return replace(state, matches=_without(state.matches, key), reviews=_without(state.reviews, key))
        case LineExplained(finding):
            return replace(state, findings={**state.findings, (finding.side, finding.id): finding})
        case ExplanationDropped(side, id_):
            return replace(state, findings=_without(state.findings, (side, id_)))
        case PairsForbidden(pairs, _, _):
            return replace(state, forbidden=state.forbidden | frozenset(pairs))
        case ReviewOpened(left_ids, right_ids, _):
            return replace(state, reviews={**state.reviews, (left_ids, right_ids): event})
        case ReviewClosed(left_ids, right_ids):
            return replace(state, reviews=_without(state.reviews, (left_ids, right_ids)))
        case CommandRefused():
            return state
        case _:
            assert_never(event)


def _without(mapping: Mapping[Key, Value], key: Key) -> Mapping[Key, Value]:
    return {one: value for one, value in mapping.items() if one != key} if key in mapping else mapping


# -- the neighbourhood ------------------------------------------------------------------------------------------------


def _settle(state: MatchingState, touched: Sequence[Line], engine: Engine) -> Iterator[Event]:
    """Match the neighbourhood of touched lines again and say what differs from before."""
    near = neighbourhood(state, touched, engine)
    lines = [state.lines[ref] for ref in sorted(near)]
    before = {key: found for key, found in state.matches.items() if _inside(found, near)}
    pinned: dict[MatchKey, Match] = {}
    outcome = _match(lines, pinned, state, engine)
    free = _by_key(outcome)
    fresh = free
    while True:
        lost = {
            key: found
            for key, found in before.items()
            if found.status is Status.CONFIRMED and key not in pinned and not _confirmed(fresh.get(key))
        }
        if not lost:
            break
        pinned |= lost
        outcome = _match(lines, pinned, state, engine)
        fresh = {key: _no_surer(found, free.get(key)) for key, found in _by_key(outcome).items()}
    wanted = {**fresh, **pinned}
    for key, found in sorted(before.items()):
        if key not in wanted:
            yield MatchDissolved(*key, "the lines as they are now are matched otherwise")
        elif key not in pinned and wanted[key] != found:
            yield MatchDissolved(*key, "the evidence changed")
    for key, found in sorted(wanted.items()):
        if before.get(key) != found:
            yield LinesMatched(found)
    findings = {(one.side, one.id): one for one in outcome.one_sided}
    old = {ref: one for ref, one in state.findings.items() if ref in near}
    for ref, one in sorted(old.items()):
        if findings.get(ref) != one:
            yield ExplanationDropped(*ref)
    for ref, one in sorted(findings.items()):
        if old.get(ref) != one:
            yield LineExplained(one)
    yield from _reviews(state, free, pinned, before)


def _by_key(outcome: Outcome) -> dict[MatchKey, Match]:
    return {(found.left_ids, found.right_ids): found for found in outcome.matches}


def _no_surer(found: Match, free: Match | None) -> Match:
    """A match as it stands beside kept ones; what only they make sure stays a suggestion: they are under review."""
    return found if _confirmed(free) else replace(found, status=Status.SUGGESTED)


def _reviews(
    state: MatchingState,
    free: Mapping[MatchKey, Match],
    pinned: Mapping[MatchKey, Match],
    before: Mapping[MatchKey, Match],
) -> Iterator[Event]:
    """A review for each kept match that a batch run (`free`) would remake, with what it would be remade into."""
    for key in sorted(before):
        left_ids, right_ids = key
        if key in pinned and not _confirmed(free.get(key)):
            better = tuple(
                sorted(other for other in free if set(other[0]) & set(left_ids) or set(other[1]) & set(right_ids))
            )  # the match itself among them: it is no longer sure, since a rival has come
            review = ReviewOpened(left_ids, right_ids, better)
            if state.reviews.get(key) != review:
                yield review
        elif key in state.reviews:
            yield ReviewClosed(*key)


def _match(lines: Sequence[Line], pinned: Mapping[MatchKey, Match], state: MatchingState, engine: Engine) -> Outcome:
    held = {(Side.LEFT, one) for key in pinned for one in key[0]} | {
        (Side.RIGHT, one) for key in pinned for one in key[1]
    }
    free = [line for line in lines if (line.side, line.id) not in held]
    left = [line for line in free if line.side is Side.LEFT]
    right = [line for line in free if line.side is Side.RIGHT]
    return match(left, right, engine.rules, engine.learned, forbidden=state.forbidden)


def _confirmed(found: Match | None) -> bool:
    return found is not None and found.status is Status.CONFIRMED


def _inside(found: Match, near: set[Ref]) -> bool:
    return any((Side.LEFT, one) in near for one in found.left_ids) or any(
        (Side.RIGHT, one) in near for one in found.right_ids
    )


def neighbourhood(state: MatchingState, touched: Sequence[Line], engine: Engine) -> set[Ref]:
    """All lines whose answer may change when these lines do.

    Ensures: no rule looks at two lines of which one is inside and the other outside. With a rule that adds up whole
             days, days that follow each other are neighbours; leave it out where a state is large.
    """
    by_key: dict[tuple[object, ...], list[Ref]] = {}
    keys: dict[Ref, tuple[tuple[object, ...], ...]] = {}
    by_days = any(Need.SAME_DAY in rule.needs for rule in engine.rules.rules)
    batches = _batch_totals(state.lines.values())
    for ref, line in state.lines.items():
        keys[ref] = tuple(_keys(line, by_days, batches, engine))
        for key in keys[ref]:
            by_key.setdefault(key, []).append(ref)
    found = {(line.side, line.id) for line in touched if (line.side, line.id) in state.lines}
    todo = [key for line in touched for key in _keys(line, by_days, batches, engine)]
    seen: set[tuple[object, ...]] = set()
    while todo:
        key = todo.pop()
        if key not in seen:
            seen.add(key)
            for ref in by_key.get(key, ()):
                found.add(ref)
                todo.extend(keys[ref])
    return found


def _batch_totals(lines: Iterable[Line]) -> Mapping[tuple[Side, str, str], int]:
    totals: dict[tuple[Side, str, str], int] = {}
    for line in lines:
        if line.batch_key:
            key = (line.side, line.currency, line.batch_key)
            totals[key] = totals.get(key, 0) + line.amount_minor
    return totals


def _keys(
    line: Line, by_days: bool, batches: Mapping[tuple[Side, str, str], int], engine: Engine
) -> Iterator[tuple[object, ...]]:
    """What a line may meet another one by. Wider than any rule's gate, so that a gate never sees only half."""
    money = line.currency
    yield (money, "amount", abs(line.amount_minor))
    yield (money, "amount", abs(2 * line.amount_minor))  # a duplicate is none if the other side has the sum of both
    model = engine.learned.models.get(money)
    for written in line_words(line):
        for word in (written, *model.slips.get(written, ())) if model else (written,):
            if not word.isalpha():
                yield (money, "word", word)
            elif model and model.worth(word) >= TELLING:
                yield (money, "word", word[:3])
    if engine.learned.ids_count and not line.numbered:
        yield (money, "word", reference_word(line.id))
    if line.batch_key:
        yield (money, "batch", line.side, line.batch_key)
        yield (money, "amount", abs(batches.get((line.side, money, line.batch_key), 0)))
    if by_days and line.day is not None:
        first, last = model.lags.core if model else (-7, 7)
        window = max(1, last - first + DAYS_BEYOND_LAG)
        yield (money, "day", line.day // window)
        yield (money, "day", line.day // window + 1)
