"""Books with known answers: a ledger and a bank statement, and which lines of the two belong together.

Each kind of trouble is a small function that writes lines on both sides and the answer beside them. The engine never
sees the answers, and nothing here uses the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from reconcile.engine.lines import Line, Side
from tests.support.matchgen import names as words

START = date(2026, 3, 2)
HOLIDAYS = frozenset({date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 5, 25)})


@dataclass(slots=True)
class Labelled:
    """Two sides and their true answer.

    pairs: {(left id, right id): kind}. one_sided: {(side, id, other id): (kind of finding, kind of trouble)}.
    unmatched: {(side, id): kind}. ties: pairs of which any arrangement is as good; confirming one is an error.
    """

    left: list[Line] = field(default_factory=list)
    right: list[Line] = field(default_factory=list)
    pairs: dict[tuple[str, str], str] = field(default_factory=dict)
    one_sided: dict[tuple[str, str, str], tuple[str, str]] = field(default_factory=dict)
    unmatched: dict[tuple[str, str], str] = field(default_factory=dict)
    ties: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Level:
    """How much trouble: weights of the kinds, and how much of the text survives."""

    trouble: float
    references: float  # share of bank lines that repeat the ledger's number
    cut: float
    slips: float
    round_amounts: float
    days: int


LEVELS = {
    "easy": Level(trouble=0.25, references=0.8, cut=0.1, slips=0.02, round_amounts=0.1, days=60),
    "medium": Level(trouble=0.6, references=0.5, cut=0.3, slips=0.06, round_amounts=0.2, days=60),
    "hard": Level(trouble=1.0, references=0.3, cut=0.5, slips=0.12, round_amounts=0.3, days=60),
}


class _Writer:
    """Writes events as lines; the kinds of trouble below are its methods."""

    def __init__(self, rng: Random, level: Level, size: int):
        self.rng = rng
        self.level = level
        self.out = Labelled()
        self.names = words.counterparties(rng, max(20, size // 8))
        self.span = round(level.days * max(1.0, size / 1_000) ** 0.35)  # 10,000 lines are 4 months, 100,000 are 10
        self.invoice = rng.randrange(10_000, 60_000)
        self.cheque = rng.randrange(2_000, 7_000)

    # -- pieces ---------------------------------------------------------------------------------------------------

    def name(self) -> str:
        # A few counterparties make a good part of the business, as everywhere.
        if self.rng.random() < 0.2:
            return self.names[int(self.rng.random() ** 2 * min(len(self.names), 40))]
        return self.rng.choice(self.names)

    def amount(self, low: int = 900, high: int = 2_000_000) -> int:
        size = int(low * (high / low) ** self.rng.random())
        if self.rng.random() < self.level.round_amounts:
            grid = self.rng.choice((100, 500, 1_000, 10_000))
            size = max(grid, size // grid * grid)
        return size

    def day(self) -> date:
        return self.working(START + timedelta(days=self.rng.randrange(self.span)))

    def working(self, day: date) -> date:
        while day.weekday() >= 5 or day in HOLIDAYS:
            day += timedelta(days=1)
        return day

    def later(self, day: date, most: int = 3) -> date:
        for _ in range(self.rng.choice((0, 0, 1, 1, 2, most))):
            day = self.working(day + timedelta(days=1))
        return day

    def number(self) -> str:
        self.invoice += self.rng.randrange(1, 4)
        return f"{self.rng.choice(('INV-', 'RE', 'R-2026-', '4'))}{self.invoice}"

    def ledger(self, day: date, amount: int, name: str, ref: str = "", text: str = "") -> str:
        if self.rng.random() < self.level.slips:
            name = words.slip(self.rng, name)
        ident = f"L{len(self.out.left) + 1:06d}"
        wording = text or self.rng.choice(words.LEDGER_IN if amount > 0 else words.LEDGER_OUT)
        self.out.left.append(
            Line(
                id=ident,
                side=Side.LEFT,
                amount_minor=amount,
                currency="EUR",
                on=day,
                text=f"{wording} {name}".strip() if self.rng.random() < 0.5 else wording,
                counterparty=name,
                references=(ref,) if ref else (),
            )
        )
        return ident

    def bank(self, day: date, amount: int, text: str) -> str:
        ident = f"B{len(self.out.right) + 1:06d}"
        self.out.right.append(Line(id=ident, side=Side.RIGHT, amount_minor=amount, currency="EUR", on=day, text=text))
        return ident

    def bank_text(self, name: str, amount: int, ref: str = "", cut: bool | None = None) -> str:
        cut = self.rng.random() < self.level.cut if cut is None else cut
        shown = words.bank_style(self.rng, name, self.rng.randrange(9, 17) if cut else None)
        word = self.rng.choice(words.BANK_WORDS_IN if amount > 0 else words.BANK_WORDS_OUT)
        shown_ref = f" {ref}" if ref and self.rng.random() < self.level.references else ""
        noise = f" {self.rng.randrange(10**7, 10**8)}" if self.rng.random() < 0.4 else ""
        return f"{word}{noise} {shown}{shown_ref}"

    def pair(self, left: str, right: str, kind: str) -> None:
        self.out.pairs[(left, right)] = kind

    def sign(self) -> int:
        return 1 if self.rng.random() < 0.6 else -1

    # -- one to one -----------------------------------------------------------------------------------------------

    def plain(self, kind: str = "plain", cut: bool | None = None) -> None:
        name, day, amount, ref = self.name(), self.day(), self.sign() * self.amount(), self.number()
        left = self.ledger(day, amount, name, ref)
        self.pair(left, self.bank(self.later(day), amount, self.bank_text(name, amount, ref, cut)), kind)

    def truncated(self) -> None:
        self.plain("truncated", cut=True)

    def date_shift(self) -> None:
        name, day, amount, ref = self.name(), self.day(), self.sign() * self.amount(), self.number()
        left = self.ledger(day, amount, name, ref)
        when = self.working(day + timedelta(days=self.rng.randrange(4, 9)))
        self.pair(left, self.bank(when, amount, self.bank_text(name, amount, ref)), "date_shift")

    def cryptic(self) -> None:
        name, day, amount = self.name(), self.day(), -self.amount(900, 400_000)
        left = self.ledger(day, amount, name, self.number())
        code = "".join(self.rng.choice("ABCDEFGHJKMNPQRSTUVWXYZ23456789") for _ in range(8))
        text = f"{self.rng.choice(words.DESCRIPTORS)}{code}"
        self.pair(left, self.bank(self.later(day), amount, text), "cryptic")

    def cheque_line(self) -> None:
        self.cheque += 1
        name, day, amount = self.name(), self.day(), -self.amount()
        left = self.ledger(day, amount, name, f"CHK-{self.cheque}")
        when = self.working(day + timedelta(days=self.rng.randrange(1, 12)))
        word = self.rng.choice(("CHECK", "CHECK #", "CHEQUE ", "SCHECK NR "))
        self.pair(left, self.bank(when, amount, f"{word} {self.cheque:07d}"), "cheque")

    def third_party(self) -> None:
        name, payer, day, amount, ref = self.name(), self.name(), self.day(), self.amount(), self.number()
        left = self.ledger(day, amount, name, ref)
        text = f"{self.rng.choice(words.BANK_WORDS_IN)} {words.bank_style(self.rng, payer, None)} {ref}"
        self.pair(left, self.bank(self.later(day), amount, text), "third_party")

    def same_amount_same_day(self) -> None:
        day, amount = self.day(), self.sign() * self.amount()
        for name in self.rng.sample(self.names, self.rng.choice((2, 2, 3))):
            left = self.ledger(day, amount, name, self.number())
            self.pair(left, self.bank(self.later(day), amount, self.bank_text(name, amount)), "same_amount_same_day")

    def recurring(self) -> None:
        name, amount = self.name(), self.sign() * self.amount(900, 300_000)
        day = START + timedelta(days=self.rng.randrange(8))
        for _ in range(self.rng.choice((3, 4, 5))):
            when = self.working(day)
            left = self.ledger(when, amount, name)
            self.pair(left, self.bank(self.later(when, 2), amount, self.bank_text(name, amount)), "recurring")
            day += timedelta(days=self.rng.choice((7, 14)))

    def prior_period(self) -> None:
        name, amount, ref = self.name(), self.sign() * self.amount(), self.number()
        left = self.ledger(START - timedelta(days=self.rng.randrange(3, 12)), amount, name, ref)
        text = self.bank_text(name, amount, ref)
        self.pair(
            left, self.bank(self.working(START + timedelta(days=self.rng.randrange(4))), amount, text), "prior_period"
        )

    # -- amounts that differ --------------------------------------------------------------------------------------

    def near(self, kind: str, change: Callable[[int], int]) -> None:
        name, day, amount, ref = self.name(), self.day(), self.amount(20_000, 5_000_000), self.number()
        left = self.ledger(day, amount, name, ref)
        got = change(amount)
        self.pair(left, self.bank(self.later(day), got, self.bank_text(name, got, ref)), kind)

    def fee_taken_out(self) -> None:
        self.near("fee_taken_out", lambda amount: amount - self.rng.randrange(500, 4_500))

    def skonto(self) -> None:
        self.near("skonto", lambda amount: amount - round(amount * self.rng.choice((0.01, 0.02, 0.03))))

    def short_payment(self) -> None:
        self.near("short_payment", lambda amount: amount - round(amount * self.rng.uniform(0.005, 0.04)))

    def over_payment(self) -> None:
        self.near("over_payment", lambda amount: amount + self.rng.randrange(50, 4_000))

    def transposed(self) -> None:
        def swap(amount: int) -> int:
            digits = list(str(amount))
            at = self.rng.randrange(len(digits) - 1)
            digits[at], digits[at + 1] = digits[at + 1], digits[at]
            return int("".join(digits)) if digits[0] != "0" and "".join(digits) != str(amount) else swap(amount + 1)

        name, day, ref = self.name(), self.day(), self.number()
        amount = self.rng.randrange(10_234, 998_765)
        got = swap(amount)
        left = self.ledger(day, amount, name, ref)
        if sorted(str(got)) != sorted(str(amount)):
            self.out.left.pop()
            return self.transposed()
        self.pair(left, self.bank(self.later(day), got, self.bank_text(name, got, ref)), "transposed")
        return None

    # -- several --------------------------------------------------------------------------------------------------

    def named_batch(self) -> None:
        name, day, sign = self.name(), self.day(), self.sign()
        parts = [sign * self.amount() for _ in range(self.rng.randrange(2, 7))]
        lefts = [
            self.ledger(self.working(day + timedelta(days=self.rng.randrange(3))), part, name, self.number())
            for part in parts
        ]
        total = sum(parts)
        right = self.bank(self.later(self.working(day + timedelta(days=3))), total, self.bank_text(name, total))
        for left in lefts:
            self.pair(left, right, "named_batch")

    def lump_with_numbers(self) -> None:
        name, day = self.name(), self.day()
        parts = [self.amount() for _ in range(self.rng.randrange(2, 6))]
        refs = [self.number() for _ in parts]
        lefts = [self.ledger(day, part, name, ref) for part, ref in zip(parts, refs, strict=True)]
        text = f"{self.rng.choice(words.BANK_WORDS_IN)} {words.bank_style(self.rng, name, None)} {' '.join(refs)}"
        right = self.bank(self.later(day), sum(parts), text)
        for left in lefts:
            self.pair(left, right, "lump_with_numbers")

    def day_deposit(self) -> None:
        day = self.day()
        key = f"DP{day:%y%m%d}{self.rng.randrange(100, 999)}"
        parts = [self.amount(900, 60_000) for _ in range(self.rng.randrange(4, 16))]
        lefts = []
        for part in parts:
            ident = self.ledger(day, part, "", key, text="Card sale")
            lefts.append(ident)
        right = self.bank(self.later(day), sum(parts), f"MERCHANT SETTLEMENT {key}")
        for left in lefts:
            self.pair(left, right, "day_deposit")

    def instalments(self) -> None:
        name, day, ref = self.name(), self.day(), self.number()
        parts = [self.amount(5_000, 900_000) for _ in range(self.rng.choice((2, 2, 3)))]
        left = self.ledger(day, sum(parts), name, ref)
        for part in parts:
            day = self.later(day)
            self.pair(left, self.bank(day, part, self.bank_text(name, part, ref)), "instalments")

    def several_to_several(self) -> None:
        name, day = self.name(), self.day()
        lefts = [self.amount(20_000, 900_000) for _ in range(2)]
        first = self.rng.randrange(2_000, sum(lefts) - 2_000)
        if first in lefts:
            first += 137
        left_ids = [self.ledger(day, part, name, self.number()) for part in lefts]
        right_ids = [
            self.bank(self.later(day, 2), part, self.bank_text(name, part)) for part in (first, sum(lefts) - first)
        ]
        for left in left_ids:
            for right in right_ids:
                self.pair(left, right, "several_to_several")

    # -- one side -------------------------------------------------------------------------------------------------

    def void_and_reissue(self) -> None:
        name, day, amount = self.name(), self.day(), -self.amount()
        self.cheque += 2
        first = self.ledger(day, amount, name, f"CHK-{self.cheque - 1}")
        voided = self.ledger(
            self.later(day),
            -amount,
            name,
            f"CHK-{self.cheque - 1}",
            text=self.rng.choice(("VOID", "Storno", "Cancelled")),
        )
        again = self.ledger(self.later(self.working(day + timedelta(days=2))), amount, name, f"CHK-{self.cheque}")
        self.out.one_sided[("left", *sorted((first, voided)))] = ("offset", "void_and_reissue")  # type: ignore[index]
        when = self.working(day + timedelta(days=self.rng.randrange(6, 12)))
        self.pair(again, self.bank(when, amount, f"CHECK {self.cheque}"), "void_and_reissue")

    def error_and_correction(self) -> None:
        name, day, wrong = self.name(), self.day(), -self.amount()
        right_amount = wrong - self.rng.randrange(100, 9_000)
        for at, (amount, text) in enumerate(((wrong, ""), (-wrong, "Correction"), (right_amount, "Corrected payment"))):
            when = self.working(day + timedelta(days=at))
            left = self.ledger(when, amount, name, self.number(), text=text)
            self.pair(
                left, self.bank(self.later(when, 1), amount, self.bank_text(name, amount)), "error_and_correction"
            )

    def reversal_in_ledger(self) -> None:
        name, day, amount, ref = self.name(), self.day(), self.sign() * self.amount(), self.number()
        first = self.ledger(day, amount, name, ref)
        text = self.rng.choice(("Reversal", "Storno", "Entry cancelled", "Reclass"))
        second = self.ledger(self.later(day), -amount, name, ref, text=text)
        self.out.one_sided[("left", *sorted((first, second)))] = ("offset", "reversal_in_ledger")  # type: ignore[index]

    def returned_both(self) -> None:
        name, day, amount = self.name(), self.day(), self.amount()
        back = self.later(self.working(day + timedelta(days=2)))
        left = self.ledger(day, amount, name, self.number())
        left_back = self.ledger(back, -amount, name, text="NSF returned item")
        self.pair(left, self.bank(self.later(day, 1), amount, self.bank_text(name, amount)), "returned_both")
        self.pair(
            left_back,
            self.bank(self.later(back, 1), -amount, f"RETURNED ITEM NSF {words.bank_style(self.rng, name, 12)}"),
            "returned_both",
        )

    def returned_bank_only(self) -> None:
        name, day, amount = self.name(), self.day(), self.amount()
        left = self.ledger(day, amount, name, self.number())
        paid = self.bank(self.later(day), amount, self.bank_text(name, amount))
        self.pair(left, paid, "returned_bank_only")
        back = self.bank(
            self.working(day + timedelta(days=5)),
            -amount,
            f"RUECKLASTSCHRIFT R01 {words.bank_style(self.rng, name, None)}",
        )
        self.out.one_sided[("right", back, paid)] = ("return", "returned_bank_only")

    def duplicate_in_ledger(self) -> None:
        name, day, amount, ref = self.name(), self.day(), self.sign() * self.amount(), self.number()
        left = self.ledger(day, amount, name, ref)
        twin = self.ledger(self.later(day, 1), amount, name, ref)
        right = self.bank(self.later(day), amount, self.bank_text(name, amount, ref))
        self.pair(left, right, "duplicate_in_ledger")
        self.out.one_sided[("left", twin, left)] = ("duplicate", "duplicate_in_ledger")

    # -- nothing to find ------------------------------------------------------------------------------------------

    def outstanding(self) -> None:
        name, day, amount = self.name(), self.day(), self.sign() * self.amount()
        self.out.unmatched[("left", self.ledger(day, amount, name, self.number()))] = "outstanding"

    def unbooked(self) -> None:
        name, day, amount = self.name(), self.day(), self.sign() * self.amount()
        self.out.unmatched[("right", self.bank(day, amount, self.bank_text(name, amount)))] = "unbooked"

    def charge(self) -> None:
        text = self.rng.choice(words.CHARGES)
        self.out.unmatched[("right", self.bank(self.day(), -self.rng.randrange(150, 6_000), text))] = "charge"

    def strangers(self) -> None:
        """The same amount on both sides in the same week, and yet two different payments."""
        one, other = self.rng.sample(self.names, 2)
        day, amount = self.day(), self.sign() * self.amount()
        self.out.unmatched[("left", self.ledger(day, amount, one, self.number()))] = "strangers"
        self.out.unmatched[("right", self.bank(self.later(day), amount, self.bank_text(other, amount, cut=False)))] = (
            "strangers"
        )

    def twins(self) -> None:
        """Two lines a side with nothing to tell them apart: whoever confirms one has drawn random numbers."""
        name, day, amount = self.name(), self.day(), self.sign() * self.amount()
        when = self.later(day)
        lefts = [self.ledger(day, amount, name) for _ in range(2)]
        rights = [self.bank(when, amount, self.bank_text(name, amount, cut=False)) for _ in range(2)]
        for left, right in zip(lefts, rights, strict=True):
            self.pair(left, right, "twins")
        self.out.ties |= {(left, right) for left in lefts for right in rights}


def generate(size: int, seed: int, level: str = "hard") -> Labelled:
    """A ledger and a statement of about `size` lines each.

    Ensures: the same size, seed and level give the same books; lines are shuffled, answers are complete.
    """
    rng = Random(seed)
    writer = _Writer(rng, LEVELS[level], size)
    one_to_one = [
        (writer.truncated, 3),
        (writer.date_shift, 4),
        (writer.cryptic, 4),
        (writer.cheque_line, 5),
        (writer.third_party, 1),
        (writer.same_amount_same_day, 2),
        (writer.recurring, 2),
        (writer.prior_period, 2),
    ]
    differing = [
        (writer.fee_taken_out, 2),
        (writer.skonto, 2),
        (writer.short_payment, 1),
        (writer.over_payment, 1),
        (writer.transposed, 2),
    ]
    several = [
        (writer.named_batch, 3),
        (writer.lump_with_numbers, 2),
        (writer.day_deposit, 1),
        (writer.instalments, 2),
        (writer.several_to_several, 0.5),
    ]
    sided = [
        (writer.void_and_reissue, 2),
        (writer.error_and_correction, 1),
        (writer.reversal_in_ledger, 2),
        (writer.returned_both, 2),
        (writer.returned_bank_only, 1),
        (writer.duplicate_in_ledger, 1.5),
    ]
    nothing = [
        (writer.outstanding, 3),
        (writer.unbooked, 2),
        (writer.charge, 2),
        (writer.strangers, 0.7),
        (writer.twins, 0.3),
    ]
    troubles = one_to_one + differing + several + sided + nothing
    kinds = [writer.plain, *(kind for kind, _ in troubles)]
    weights = [30.0, *(weight * writer.level.trouble for _, weight in troubles)]
    while max(len(writer.out.left), len(writer.out.right)) < size:
        rng.choices(kinds, weights)[0]()
    rng.shuffle(writer.out.left)
    rng.shuffle(writer.out.right)
    return writer.out
