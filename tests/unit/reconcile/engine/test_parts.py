"""The engine's parts: exact assignment with margins, subset sums, words, rules with file, line and remedy."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.engine.assign import assign
from reconcile.engine.differences import transposed
from reconcile.engine.learn import learn
from reconcile.engine.lines import Line, Orientation, Side, in_order
from reconcile.engine.parameters import PARAMETERS
from reconcile.engine.parties import Fit, party_fit
from reconcile.engine.prepare import book, settle_words
from reconcile.engine.remittance import numbers_in
from reconcile.engine.rules import Shape
from reconcile.engine.subset import PoolTooLarge, reaches, subset_sums
from reconcile.engine.text import words
from reconcile.files.rules import DEFAULT_RULES, parse_rules, read_rules
from schemas.files.owned import FileInvalid

Edges = dict[tuple[int, int], float]


def best_total(edges: Edges, forbidden: tuple[int, int] | None = None) -> float:
    lefts = sorted({left for left, _ in edges})

    def rest(at: int, used: frozenset[int]) -> float:
        if at == len(lefts):
            return 0.0
        best = rest(at + 1, used)
        for (left, right), score in edges.items():
            if left == lefts[at] and right not in used and (left, right) != forbidden:
                best = max(best, score + rest(at + 1, used | {right}))
        return best

    return rest(0, frozenset())


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 4), st.integers(0, 4)),
        st.integers(1, 900).map(lambda n: n / 100),
        min_size=1,
        max_size=16,
    )
)
def test_an_assignment_is_the_best_and_each_margin_is_what_the_pair_is_worth(edges: Edges) -> None:
    found = assign(edges, PARAMETERS)
    assert sum(pairing.score for pairing in found) == pytest.approx(best_total(edges), abs=1e-4)
    for pairing in found:
        without = best_total(edges, (pairing.left, pairing.right))
        assert pairing.margin == pytest.approx(best_total(edges) - without, abs=1e-4)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(-50, 50).filter(bool), min_size=2, max_size=9), st.integers(-80, 80), st.integers(2, 9))
def test_subset_sums_are_all_found(amounts: list[int], target: int, most: int) -> None:
    truth = {
        way
        for size in range(2, min(most, len(amounts)) + 1)
        for way in combinations(range(len(amounts)), size)
        if sum(amounts[at] for at in way) == target
    }
    found = subset_sums(amounts, target, most, PARAMETERS).ways
    assert set(found) <= truth
    assert len(found) == min(len(truth), PARAMETERS.sum_answers)


def test_a_pool_that_is_too_large_is_refused() -> None:
    with pytest.raises(PoolTooLarge):
        subset_sums([1] * (PARAMETERS.sum_amounts + 1), 5, 3, PARAMETERS)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (71_543, 75_143, True),
        (100_312, 10_0312, False),
        (1_000_312, 100_312, True),
        (1_234, 1_243, True),
        (1_234, 4_321, False),
    ],
)
def test_transposed_digits(one: int, other: int, same: bool) -> None:
    assert transposed(one, other) is same


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INV-00123", ("invoice", "123")),
        ("TXN00123", ("txn123", "123")),
        ("Müller GmbH & Co. KG", ("muller",)),
        ("MUELLER", ("muller",)),
        ("O'Reilly", ("oreilly",)),
        ("INV-2026/0012", ("invoice", "2026/12", "0012")),
        ("INV20260012", ("invoice", "2026/12", "0012")),
        ("inv 2026 12", ("invoice", "2026/12")),
        ("RE202610234", ("re", "2026", "10234")),
        ("24.11.2026 4711", ("24", "11", "2026", "4711")),
        ("2026-11-24", ("2026", "11", "24")),
        ("Nov 2026 1500.00", ("nov", "2026", "1500", "00")),
        ("1200 112", ("1200", "112")),
    ],
)
def test_words(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("payer", "customer", "expected"),
    [
        ("Crestline Food Dist", "Crestline Food Distributors", Fit.SAME),
        ("ACME Division 7", "ACME Division 8", Fit.OTHER),
        ("Nobody Ltd", "Crestline Food Distributors", Fit.OTHER),
    ],
)
def test_party_fit(payer: str, customer: str, expected: float) -> None:
    assert party_fit(payer, "", customer) == expected


def test_initials_are_taken_for_a_customer() -> None:
    assert party_fit("CFD", "", "Crestline Food Distributors") > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INV-100-102, 105", ["INV-100", "INV-101", "INV-102", "105"]),
        ("RE 1001-05", ["1001", "1002", "1003", "1004", "1005"]),
        ("Invoice #150", ["Invoice #150"]),
        ("no number", []),
    ],
)
def test_invoice_numbers_in_free_text(text: str, expected: list[str]) -> None:
    assert [one.replace(" ", "") for one in numbers_in(text)] == [one.replace(" ", "") for one in expected]


def test_the_default_rules_are_valid_and_cover_every_shape() -> None:
    rules = read_rules(DEFAULT_RULES)
    assert {rule.shape for rule in rules.rules} == set(Shape)
    assert rules.version


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("version: 1\nrules:\n  - name: a\n    shape: circle\n", 4, "rules.0.shape: is 'circle'; write 'one_to_one'"),
        ("version: 1\nrules:\n  - shape: group\n", 3, "rules.0.name: is missing"),
        (
            "version: 1\nrules:\n  - name: a\n    shape: group\n    tolerence: 5\n",
            5,
            "rules.0.tolerence: is no entry here; did you mean tolerances?",
        ),
        ("rules:\n  - {name: a, shape: group}\n", 1, "version: is missing"),
        ("version: 1\nrules:\n  - {name: a, shape: one_to_one, amount: tolerance}\n", 3, "names none"),
        ("version: 1\nrules:\n  - {name: a, shape: group, days: [5, 1]}\n", 3, "first <= last"),
        ("version: 1\nrules:\n  - {name: a, shape: group, prior: x}\n", 3, "rules.0.prior: is 'x'; write a number"),
        ("version: 1\nrules: [\n", 3, "no YAML"),
        ("", 1, "empty"),
    ],
)
def test_a_wrong_rule_is_refused_with_line_and_remedy(text: str, line: int, what: str) -> None:
    with pytest.raises(FileInvalid) as refused:
        parse_rules(text, "my.yaml")
    problem = refused.value.problems[0]
    assert problem.line == line
    assert what in str(problem)
    assert "; " in problem.what
    assert str(problem).startswith(f"my.yaml:{line}: ")


def test_all_problems_of_a_file_are_reported_at_once() -> None:
    with pytest.raises(FileInvalid) as refused:
        parse_rules("version: 1\nrules:\n  - {name: a, shape: x}\n  - {name: a, shape: y}\n", "f")
    assert len(refused.value.problems) == 3


@settings(max_examples=60, deadline=None)
@given(amounts=st.lists(st.integers(1, 400), min_size=2, max_size=9), target=st.integers(1, 1_500))
def test_a_quick_look_at_sums_never_misses_one(amounts: list[int], target: int) -> None:
    sums = {sum(part) for size in range(len(amounts) + 1) for part in combinations(amounts, size)}
    assert reaches(amounts, target, PARAMETERS) == (target in sums)


def test_a_slip_that_many_make_is_still_a_slip_and_a_cut_word_is_no_second_meaning() -> None:
    written = ["Holding"] * 210 + ["Holdin"] * 30 + ["Holdign"] * 5
    lines = [Line(f"L{at}", Side.LEFT, 100, "EUR", text=text) for at, text in enumerate(written)]
    books = [book(side, lines, Orientation.SAME, ids_count=False) for side in Side]
    assert settle_words(books[0], books[1], PARAMETERS) == {"holdign": ("holding",)}


def test_ids_that_count_are_in_the_order_in_which_they_count() -> None:
    lines = [Line(ident, Side.LEFT, 100, "EUR") for ident in ("L-10", "L-9")]
    assert [line.id for line in in_order(lines)] == ["L-9", "L-10"]


def test_days_are_counted_as_open_days_and_a_cheque_has_a_habit_of_its_own() -> None:
    monday = date(2026, 3, 2)
    open_days = [day for at in range(140) if (day := monday + timedelta(days=at)).weekday() < 5]
    lefts, rights = [], []
    for at in range(600):
        word, later = ("check", 5) if at % 3 == 0 else ("card", 1)
        on = at % (len(open_days) - 5)
        amount = 10_001 + 97 * at
        lefts.append(Line(f"L{at}", Side.LEFT, amount, "EUR", open_days[on], text="paid"))
        rights.append(Line(f"R{at}", Side.RIGHT, amount, "EUR", open_days[on + later], text=word))
    left = book(Side.LEFT, lefts, Orientation.SAME, ids_count=False)
    right = book(Side.RIGHT, rights, Orientation.SAME, ids_count=False)
    lags = learn(left, right, settle_words(left, right, PARAMETERS), PARAMETERS).lags
    friday, next_monday = monday.toordinal() + 4, monday.toordinal() + 7
    assert lags.calendar.count(next_monday) - lags.calendar.count(friday) == 1
    check, card = lags.habit(("the", "check")), lags.habit(("card",))
    assert check.score(5) > check.score(1)
    assert card.score(1) > card.score(5)
    assert lags.habit(("nothing",)) is lags.usual


def test_a_slip_with_two_meanings_is_filed_under_both_and_a_cut_name_is_no_slip() -> None:
    written = ["Fichtenstein"] * 10 + ["Eichenstein"] * 10 + ["Fichenstein", "Fichtenste"]
    lines = [Line(f"L{at}", Side.LEFT, 100, "EUR", text=text) for at, text in enumerate(written)]
    books = [book(side, lines, Orientation.SAME, ids_count=False) for side in Side]
    assert settle_words(books[0], books[1], PARAMETERS) == {"fichenstein": ("eichenstein", "fichtenstein")}
