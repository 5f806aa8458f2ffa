"""Passes that explain one line by several of the other side: deposits, lump payments, instalments; and small n:m.

A group is only worth something if chance would hardly produce it, so each one is weighed by how many subsets were
there to try, and groups that want the same line are packed for the best total.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from reconcile.engine.doubts import doubtful_group, doubtful_many
from reconcile.engine.learn import TextEvidence, roundness
from reconcile.engine.lines import Side
from reconcile.engine.parameters import Parameters
from reconcile.engine.results import RunnerUp, Status
from reconcile.engine.rules import Need, Rule
from reconcile.engine.subset import reaches, subset_sums
from reconcile.engine.work import Work
from schemas.values.replacing import replace


@dataclass(frozen=True, slots=True)
class Option:
    """One way to explain a line by several."""

    side: Side  # of the single line
    single: int
    members: tuple[int, ...]
    score: float
    margin: float
    speaker: int  # the member whose text agrees best
    runner_up: tuple[int, ...] = ()

    def claims(self) -> set[tuple[Side, int]]:
        """Return the lines that this option closes."""
        return {(self.side, self.single), *((self.side.other, at) for at in self.members)}


def run(work: Work, rule: Rule, confirming: bool, floor: float) -> None:
    """Explain open lines by groups, by one rule."""
    options: list[Option] = []
    for side in (Side.RIGHT, Side.LEFT):
        if Need.BATCH_KEY in rule.needs:
            options.extend(_by_key(work, rule, side))
        elif Need.SAME_DAY in rule.needs:
            options.extend(_by_day(work, rule, side, confirming))
        else:
            options.extend(_by_counterparty(work, rule, side))
    options = [option for option in options if option.score >= max(floor, 0.0)]
    for option, margin in _pack(options, work.parameters.exact_packing):
        if not confirming or _is_sure(work, rule, option, margin):
            _lay_down(work, rule, option, margin, confirming)


def _is_sure(work: Work, rule: Rule, option: Option, margin: float) -> bool:
    if option.score < rule.confirm_score or min(margin, option.margin) < rule.confirm_margin:
        return False
    return Need.COUNTERPARTY not in rule.needs or not doubtful_group(work, option.side, option.single, option.members)


def _lay_down(work: Work, rule: Rule, option: Option, margin: float, confirming: bool) -> None:
    book, others = work.book(option.side), work.book(option.side.other)
    single, members = (option.single,), option.members
    lefts, rights = (single, members) if option.side is Side.LEFT else (members, single)
    runner_up = None
    if option.runner_up:
        ids = tuple(others.lines[at].id for at in option.runner_up)
        mine = (book.lines[option.single].id,)
        pair = (mine, ids) if option.side is Side.LEFT else (ids, mine)
        runner_up = RunnerUp(pair[0], pair[1], round(option.margin, 3))
    work.join(
        rule,
        lefts,
        rights,
        Status.CONFIRMED if confirming else Status.SUGGESTED,
        option.score,
        min(margin, option.margin),
        _text(work, option.side, option.single, option.speaker),
        "",
        runner_up,
    )


# -- where groups come from -------------------------------------------------------------------------------------------


def _by_key(work: Work, rule: Rule, side: Side) -> Iterator[Option]:
    """Yield lines that carry the single line's batch key or number.

    Or that share a key of their own and add up to it.
    """
    book, others = work.book(side), work.book(side.other)
    by_word: dict[str, list[int]] = {}
    by_batch: dict[str, list[int]] = {}
    for at, is_open in enumerate(work.open(side.other)):
        if is_open:
            for word in others.words[at]:
                if not word.isalpha() and work.model.worth(word) >= work.parameters.key_worth:
                    by_word.setdefault(word, []).append(at)
    for at, line in enumerate(others.lines):
        if line.batch_key:
            by_batch.setdefault(line.batch_key, []).append(at)
    for at, is_open in enumerate(work.open(side)):
        if is_open:
            named: set[int] = set()
            for word in book.words[at]:
                sharers = by_word.get(word, ())
                if not word.isalpha() and 2 <= len(sharers) <= work.parameters.key_lines:
                    yield from _keyed(work, rule, side, at, sharers, len(word) >= work.parameters.long_key)
                if len(sharers) <= work.parameters.few_lines and len(word) >= work.parameters.long_key:
                    named.update(sharers)
            if len(named) >= 2:
                yield from _keyed(work, rule, side, at, sorted(named), long_keys=True)
    totals: dict[int, list[list[int]]] = {}
    for members in by_batch.values():
        if len(members) >= 2 and all(work.open(side.other)[member] for member in members):
            totals.setdefault(sum(others.amounts[member] for member in members), []).append(members)
    for at, is_open in enumerate(work.open(side)):
        for members in totals.get(book.amounts[at], ()) if is_open else ():
            if _all_within(work, rule, side, at, members):
                yield _option(work, side, at, tuple(members), 1.0, keyed=True)


def _keyed(work: Work, rule: Rule, side: Side, at: int, sharers: Sequence[int], long_keys: bool) -> Iterator[Option]:
    """Find groups by a shared number; a suggestion at best if a short one joins other names."""
    for option in _explain(work, rule, side, at, sharers, keyed=True):
        if long_keys or all(
            work.brief_from(side, at, member)[2] >= work.parameters.other_name for member in option.members[:40]
        ):
            yield option
        else:
            yield replace(option, margin=min(option.margin, work.parameters.vague_margin))


def _by_counterparty(work: Work, rule: Rule, side: Side) -> Iterator[Option]:
    """Yield lines of the single line's counterparty.

    First those whose names don't contradict it, then the vaguely alike.
    """
    is_open = work.open(side.other)
    amounts = work.book(side.other).amounts
    for at, single_open in enumerate(work.open(side)):
        if not single_open:
            continue
        key = (rule.name, side, at)
        if key not in work.pools:
            work.pools[key] = _pool(work, rule, side, at)
        named, close, cut = work.pools[key]
        close = [member for member in close if is_open[member]]
        named = [member for member in named if is_open[member]]
        amount = work.book(side).amounts[at]
        if len(named) < 2 or abs(sum(amounts[member] for member in named)) < abs(amount):
            continue
        found = list(_explain(work, rule, side, at, close, keyed=False))
        if cut:
            found = [replace(option, margin=min(option.margin, work.parameters.vague_margin)) for option in found]
        if not found and len(close) < len(named) <= work.parameters.loose_pool_lines:
            vague = _explain(work, rule, side, at, named, keyed=False)
            found = [replace(option, margin=min(option.margin, work.parameters.vague_margin)) for option in vague]
        yield from found


def _pool(work: Work, rule: Rule, side: Side, at: int) -> tuple[list[int], list[int], bool]:
    """Return lines that may be part of a line's sum.

    Of a like name, without a contradiction, and whether some were cut.
    """
    book, others = work.book(side), work.book(side.other)
    amount = book.amounts[at]
    near = work.names(side.other).near(book.words[at], *work.window(side, at), work.parameters.name_reach)
    near = [member for member in near if _smaller(others.amounts[member], amount)]
    if not _may_reach([others.amounts[member] for member in near], amount, work.parameters):
        return [], [], False
    named: list[int] = []
    close: list[int] = []
    for member in near:
        _, strongest, other_name, _, payer = (
            work.brief_once(at, member) if side is Side.LEFT else work.brief_once(member, at)
        )
        if strongest >= work.parameters.name_weight and payer >= 0.0:
            named.append(member)
            if other_name >= work.parameters.other_name:
                close.append(member)
    most = work.parameters.pool_lines
    cut = len(close) > most
    if cut:
        close = sorted(sorted(close, key=lambda member: (-_lag(work, side, at, member), member))[:most])
        work.limits_hit.add(f"{rule.name}: more than {most} open lines of one counterparty: the nearest were tried")
    return named, close, cut


def _may_reach(amounts: Sequence[int], total: int, parameters: Parameters) -> bool:
    """Return whether amounts of one sign may add up to a total.

    Exact for few of them, before their texts are compared.
    """
    if len(amounts) < 2 or abs(sum(amounts)) < abs(total):
        return False
    return len(amounts) > parameters.quick_pool_lines or reaches(amounts, total, parameters)


def _by_day(work: Work, rule: Rule, side: Side, confirming: bool) -> Iterator[Option]:
    """Find sums of days, for lines without a name: of all open lines, and of those that name no counterparty."""
    others = work.book(side.other)
    dated = [
        at
        for at, is_open in enumerate(work.open(side.other))
        if is_open and others.days[at] is not None and others.amounts[at]
    ]
    nameless = [at for at in dated if not others.lines[at].counterparty]
    yield from _sums_of_days(work, rule, side, dated, confirming)
    if 0 < len(nameless) < len(dated):
        yield from _sums_of_days(work, rule, side, nameless, confirming)


def _sums_of_days(work: Work, rule: Rule, side: Side, dated: Sequence[int], confirming: bool) -> Iterator[Option]:
    """Whole days, runs of up to four days (a weekend and a holiday), and parts of one day."""
    book, others = work.book(side), work.book(side.other)
    days: dict[tuple[int, bool], list[int]] = {}
    for at in dated:
        days.setdefault((others.days[at] or 0, others.amounts[at] > 0), []).append(at)
    runs: dict[int, list[tuple[int, int]]] = {}
    for (day, positive), members in sorted(days.items()):
        total = sum(others.amounts[member] for member in members)
        runs.setdefault(total, []).append((day, 1))
        for length in range(2, 5):
            more = days.get((day + length - 1, positive))
            if more:
                total += sum(others.amounts[member] for member in more)
                runs.setdefault(total, []).append((day, length))
    few = {key: members for key, members in days.items() if 2 <= len(members) <= work.parameters.day_lines}
    if confirming:
        few = {}  # a part of a day is a guess
    names = work.names(side.other)
    for at, is_open in enumerate(work.open(side)):
        amount = book.amounts[at]
        if not is_open or book.days[at] is None or not amount:
            continue
        first, last = work.window(side, at)
        for start, length in runs.get(amount, ()):
            if first <= start <= last:
                members = [one for step in range(length) for one in days.get((start + step, amount > 0), ())]
                if len(members) >= 2 and _no_contradiction(work, side, at, members):
                    yield _option(work, side, at, tuple(members), 20.0, keyed=False)
        if not few or names.distinctive(book.words[at]):
            continue
        tries = math.log(last - first + 1)  # so many days had their chance with lines that have a payer of their own
        for start in range(first, last + 1):
            pool = [one for one in few.get((start, amount > 0), ()) if _smaller(others.amounts[one], amount)]
            if 2 <= len(pool) <= work.parameters.day_pool_lines:
                parts = _explain(work, rule, side, at, pool, keyed=False)
                for option in parts:
                    named = any(others.lines[member].counterparty for member in option.members)
                    score = option.score - tries if named else option.score
                    yield replace(option, score=score, margin=min(option.margin, work.parameters.vague_margin))


def _smaller(amount: int, total: int) -> bool:
    return (amount < 0) == (total < 0) and 0 < abs(amount) < abs(total)


def _text(work: Work, side: Side, at: int, member: int) -> TextEvidence:
    return work.text(at, member) if side is Side.LEFT else work.text(member, at)


def _lag(work: Work, side: Side, at: int, member: int) -> float:
    return work.lag(at, member) if side is Side.LEFT else work.lag(member, at)


def _all_within(work: Work, rule: Rule, side: Side, at: int, members: Sequence[int]) -> bool:
    return all(
        work.within(at, member, rule) if side is Side.LEFT else work.within(member, at, rule) for member in members
    )


def _no_contradiction(work: Work, side: Side, at: int, members: Sequence[int]) -> bool:
    return all(work.brief_from(side, at, member)[4] >= work.parameters.member_contradiction for member in members[:20])


# -- what a group is worth --------------------------------------------------------------------------------------------


def _explain(work: Work, rule: Rule, side: Side, at: int, pool: Sequence[int], keyed: bool) -> Iterator[Option]:
    """Yield the best way to reach a line's amount from a pool, if there is one; remembered from sweep to sweep."""
    pool = _without_counter_entries(work, side, [one for one in pool if _all_within(work, rule, side, at, (one,))])
    if len(pool) < 2:
        return
    key = (rule.name, side, at, tuple(pool))
    if key not in work.explained:
        work.explained[key] = list(_ways(work, rule, side, at, pool, keyed))
    yield from work.explained[key]


def _without_counter_entries(work: Work, side: Side, pool: list[int]) -> list[int]:
    """Return a pool without entries that cancel each other: any sum could take them along unnoticed."""
    amounts = work.book(side.other).amounts
    values = {amounts[member] for member in pool}
    return [member for member in pool if -amounts[member] not in values]


def _ways(work: Work, rule: Rule, side: Side, at: int, pool: list[int], keyed: bool) -> Iterator[Option]:
    book, others = work.book(side), work.book(side.other)
    most = work.parameters.pool_lines
    amount = book.amounts[at]
    if sum(others.amounts[member] for member in pool) == amount:
        yield _option(work, side, at, tuple(pool), 2.0, keyed)
        if keyed or len(pool) > most:
            return
    if len(pool) > most:
        work.limits_hit.add(f"{rule.name}: more than {most} open lines for one sum: only whole sets were tried")
        return
    factor = -1 if amount < 0 else 1
    amounts = [factor * others.amounts[member] for member in pool]
    if not reaches(amounts, factor * amount, work.parameters):
        return
    found = subset_sums(amounts, factor * amount, rule.max_lines, work.parameters)
    ways = [
        _weigh(
            work,
            side,
            at,
            tuple(pool[index] for index in way),
            _chance(amounts, factor * amount, len(way), work.parameters.grids),
            keyed,
        )
        for way in found.ways
    ]
    ways.sort(key=lambda option: (-option.score, option.members))
    if ways:
        best = ways[0]
        margin = min(best.margin, best.score - ways[1].score) if len(ways) > 1 else best.margin
        second = ways[1].members if len(ways) > 1 else ()
        yield Option(side, at, best.members, best.score, margin, best.speaker, second)


def _chance(amounts: Sequence[int], target: int, size: int, grids: Sequence[int]) -> float:
    """Return how many subsets of up to `size` lines would meet the target by chance.

    Round amounts add up to round amounts: for each grid that the target lies on, only the lines on that grid can tell.
    """
    worst = 0.0
    for grid in grids[: roundness(abs(target), grids) + 1]:
        sizes = [abs(amount) for amount in amounts if amount % grid == 0]
        if len(sizes) >= 2:
            tried = sum(math.comb(len(sizes), count) for count in range(2, size + 1))
            spread = math.sqrt(sum(float(value) ** 2 for value in sizes))  # four standard deviations of a random sum
            worst = max(worst, tried * grid / max(spread, 1.0))
    return worst


def _option(work: Work, side: Side, at: int, members: tuple[int, ...], tries: float, keyed: bool) -> Option:
    """Return a whole set that adds up: chance had only a few tries, but round amounts make it easy for chance."""
    amounts = [work.book(side.other).amounts[member] for member in members]
    grids = work.parameters.grids
    grid = grids[min(roundness(abs(amount), grids) for amount in (*amounts, work.book(side).amounts[at]))]
    spread = math.sqrt(sum(float(amount) ** 2 for amount in amounts))
    return _weigh(work, side, at, members, tries * max(1e-3, grid / max(spread, 1.0)), keyed)


def _weigh(work: Work, side: Side, at: int, members: tuple[int, ...], chance: float, keyed: bool) -> Option:
    texts = [work.brief_from(side, at, member)[4] for member in members[:40]]
    mean_text = sum(texts) / len(texts)
    mean_lag = sum(_lag(work, side, at, member) for member in members) / len(members)
    worth = min(work.parameters.amount_cap, -math.log(max(chance, 1e-9)))
    score = (
        work.parameters.group_prior
        + worth
        + min(mean_text, work.parameters.group_text_cap)
        + mean_lag
        + (work.parameters.shared_key_worth if keyed else 0.0)
    )
    # The pool was chosen by its text, so only the sum itself speaks against a coincidence inside it.
    margin = score if worth >= work.parameters.sum_worth or keyed else min(score, work.parameters.vague_margin)
    return Option(side, at, tuple(sorted(members)), score, margin, members[texts.index(max(texts))])


# -- which groups go together -----------------------------------------------------------------------------------------


def _pack(options: list[Option], exact: int) -> Iterator[tuple[Option, float]]:
    """Yield the options with the best total that don't share a line, each with what its loss would cost."""
    unique: dict[tuple[Side, int, tuple[int, ...]], Option] = {}
    for option in options:
        key = (option.side, option.single, option.members)
        if key not in unique or option.score > unique[key].score:
            unique[key] = option
    ordered = sorted(unique.values(), key=lambda one: (-one.score, one.side, one.single, one.members))
    claimed: dict[tuple[Side, int], list[int]] = {}
    for at, option in enumerate(ordered):
        for claim in option.claims():
            claimed.setdefault(claim, []).append(at)
    seen: set[int] = set()
    for at in range(len(ordered)):
        if at in seen:
            continue
        cluster = {at}
        todo = [at]
        while todo:
            for claim in ordered[todo.pop()].claims():
                for other in claimed[claim]:
                    if other not in cluster:
                        cluster.add(other)
                        todo.append(other)
        seen |= cluster
        yield from _pack_cluster([ordered[index] for index in sorted(cluster)], exact)


def _pack_cluster(cluster: list[Option], exact: int) -> Iterator[tuple[Option, float]]:
    if len(cluster) == 1:
        yield cluster[0], cluster[0].margin
        return
    if len(cluster) > exact:
        taken: set[tuple[Side, int]] = set()
        for option in cluster:
            if not taken & option.claims():
                taken |= option.claims()
                yield option, 0.0  # not proven best: a suggestion
        return
    claims = [option.claims() for option in cluster]
    scores = [option.score for option in cluster]
    best, chosen = _best_packing(claims, scores, None)
    for at in chosen:
        without, _ = _best_packing(claims, scores, at)
        yield cluster[at], best - without


def _best_packing(
    claims: list[set[tuple[Side, int]]], scores: list[float], forbidden: int | None
) -> tuple[float, list[int]]:
    best: tuple[float, list[int]] = (0.0, [])

    def extend(at: int, taken: set[tuple[Side, int]], total: float, chosen: list[int]) -> None:
        nonlocal best
        if total > best[0]:
            best = (total, chosen)
        for index in range(at, len(claims)):
            if index != forbidden and not taken & claims[index]:
                extend(index + 1, taken | claims[index], total + scores[index], [*chosen, index])

    extend(0, set(), 0.0, [])
    return best


# -- several to several -----------------------------------------------------------------------------------------------


def run_many(work: Work, rule: Rule, confirming: bool, floor: float) -> None:
    """Match two or three lines of one side against two or three of the other, same counterparty, same total."""
    names_right = work.names(Side.RIGHT)
    names_left = work.names(Side.LEFT)
    left, right, parameters = work.left, work.right, work.parameters
    for at, is_open in enumerate(list(work.open_right)):
        if not is_open or not work.open_right[at]:
            continue
        day = right.days[at]
        first, last = (day - parameters.many_days, day + parameters.many_days) if day is not None else (0, 10**9)
        partners = [
            other
            for other in names_right.near(right.words[at], first, last, parameters.many_reach)
            if other > at and work.open_right[other] and (right.amounts[other] < 0) == (right.amounts[at] < 0)
        ]
        pool = [
            member
            for member in names_left.near(right.words[at], *work.window(Side.RIGHT, at), parameters.many_reach)
            if work.open_left[member]
            and (left.amounts[member] < 0) == (right.amounts[at] < 0)
            and _same_name(work, member, at)
        ]
        if not partners or not 2 <= len(pool) <= parameters.many_pool:
            continue
        sums: dict[int, list[tuple[int, ...]]] = {}
        for size in (2, 3):
            for members in combinations(pool, size):
                sums.setdefault(sum(left.amounts[member] for member in members), []).append(members)
        for other in partners[: parameters.many_reach]:
            ways = [
                way
                for way in sums.get(right.amounts[at] + right.amounts[other], ())
                if all(_same_name(work, member, other) for member in way)
            ]
            mine = {right.amounts[at], right.amounts[other]}
            if len(ways) != 1 or any(left.amounts[member] in mine for member in ways[0]):
                continue  # none or several; or equal pairs, which the one-to-one rules have left open for a reason
            evidence = work.text(ways[0][0], at)
            lag = sum(work.lag(member, one) for member in ways[0] for one in (at, other)) / (2 * len(ways[0]))
            amounts = [left.amounts[member] for member in pool]
            chance = len(partners) * _chance(
                amounts, right.amounts[at] + right.amounts[other], len(ways[0]), work.parameters.grids
            )
            worth = min(work.parameters.amount_cap, -math.log(max(chance, 1e-9)))
            score = work.parameters.two_groups_prior + worth + min(evidence.score, work.parameters.group_text_cap) + lag
            sure = (
                score >= rule.confirm_score
                and worth >= work.parameters.sum_worth
                and not doubtful_many(work, ways[0], (at, other))
            )
            if score >= floor and (sure or not confirming):
                status = Status.CONFIRMED if confirming else Status.SUGGESTED
                work.join(rule, ways[0], (at, other), status, score, score, evidence, "")
                break


def _same_name(work: Work, left: int, right: int) -> bool:
    _, strongest, other_name, _, _ = work.brief(left, right)
    return strongest >= work.parameters.name_weight and other_name >= work.parameters.other_name
