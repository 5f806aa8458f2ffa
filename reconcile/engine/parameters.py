"""Every number that the engine was tuned with, in one frozen value that is handed to it.

`match`, `apply_payments`, `daily_bridges` and the rest take `Parameters`; `PARAMETERS` is what was measured
(`python -m tests.bench.matching`). Change one by `replace(PARAMETERS, ...)`, and measure again.

Units: "nats" are natural logarithms of odds: 1.2 is 3 to 1, 1.5 is 4.5 to 1, 3 is 20 to 1, 4 is 55 to 1, 8 is 3,000 to
1. Days are calendar days unless a comment says open days. Amounts are minor units. A number that follows from others is
a property, so it is written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Parameters:
    """The numbers by which lines are compared, in the order in which the engine meets them."""

    # -- words: a slip of the pen (prepare.py) ------------------------------------------------------------------------

    # Lines. A word in at most two may be a slip for one in many ...
    rare_lines: int = 2
    # ... that is at least so many times as common.
    slip_ratio: int = 3
    # Times, for a word in more lines: large books repeat a slip, but still far more seldom than the word.
    often_slip_ratio: int = 40

    # -- amounts and words against chance (learn.py) ------------------------------------------------------------------

    # Minor units: 1.00, 10.00, 100.00, 1,000.00. A round amount meets another one far more easily than an odd one.
    grids: tuple[int, ...] = (1, 100, 1_000, 10_000, 100_000)
    # Nats: 3,000 to 1. Past this, an amount alone convinces nobody.
    amount_cap: float = 8.0
    # Nats: 1 to 55. A word that is missing never says more than this: texts are cut.
    word_floor: float = -4.0
    # Share of the long side's lines: a word in fewer is likely part of a name, one in more is boilerplate.
    rare_share: float = 0.02
    # Anchors. So many weigh what is expected of a word's class, beside what the data shows of it.
    prior_weight: float = 4.0
    # Shares, strongest word first: the words of one name are not independent witnesses.
    damping: tuple[float, ...] = (1.0, 0.75, 0.5, 0.35, 0.25)
    # Share of each word after those.
    damping_rest: float = 0.15
    # Lines of the other side. An anchor's amount meets a stranger's by chance at most this often: 1 in 20.
    anchor_chance: float = 0.05
    # Anchors. Where fewer are so sure, the rarest amounts up to so many teach.
    fewest_anchors: int = 30
    # Lines. A shorter file shows too little of the numbers there are.
    world_lines: int = 200
    # Nats: a sixth. A word that moves the odds by less is not worth comparing.
    silent: float = 0.15
    # Nats: 55 to 1. A word found inside a text without spaces: as distinctive as a rare name.
    squashed_worth: float = 4.0
    # Shares of words that are carried from one text to the other, before the data says better: names mostly are, a
    # side's own numbers and codes mostly not, ...
    carried_name: float = 0.6
    carried_number: float = 0.3
    carried_code: float = 0.3
    carried_reference: float = 0.4
    # ... a number that the other side has somewhere more often, and one long enough to be a document's nearly always.
    carried_present: float = 0.6
    carried_document: float = 0.9
    # Anchors, from which a second reading of the data would teach nothing new.
    enough_anchors: int = 4_000
    # Nats: 400 to 1, and 55 to 1 ahead of the next best: pairs that the second reading learns from.
    learn_score: float = 6.0
    learn_margin: float = 4.0

    # -- days (dates.py) ----------------------------------------------------------------------------------------------

    # Open days: a year and a month. Beyond it a distance says no more than "far".
    lag_reach: int = 400
    # Days on both sides of the middle one, where too few anchors show it: a week.
    core_days: int = 7
    # Anchors, below which the core is that week.
    enough_lags: int = 20
    # Lines that a day or weekday should have, from which (nearly) none means that it is closed.
    busy_lines: float = 10.0
    # Share of the lines that it should have: a closed day may have so many all the same.
    stray_share: float = 0.03
    # Anchors with a word before it has a habit of its own ...
    habit_lags: int = 40
    # ... and how many anchors everybody's habit counts beside them: half of those.
    habit_prior: float = 20.0
    # Nats by which a habit must differ from everybody's to be kept: a tenth.
    habit_differs: float = 0.1
    # Days: 110 years. Dates so far apart are errors of one line, not a span worth an array.
    longest_span_days: int = 40_000

    # -- which lines are compared at all (work.py) --------------------------------------------------------------------

    # Lines a side of one amount, all pairs of which are compared without a second thought.
    block_side: int = 50
    # In a larger block, each line meets so many of the nearest by date before it and after it ...
    block_nearest: int = 10
    # ... and those that share a word which at most so many lines of the block have.
    block_word_lines: int = 24
    # Lines. Past this, lines of one amount are distinguished by shared words only.
    block_lines: int = 5_000
    # Lines of one word in a window, open or not, that are looked through.
    crowd_lines: int = 600
    # Open lines of one word in a window; above it two words are looked up together.
    wide_lines: int = 60
    # Nats: 20 to 1, from which a pair counts when partners are counted.
    plausible: float = 3.0
    # Nats: 1 to 55, below which a pair is not even kept as a last resort.
    faint: float = -4.0
    # Nats: the most that texts are expected to add to a pair; without it in reach, they are not compared.
    text_reach: float = 6.0
    # Nats: 3 to 1. A word must be worth this much to bring two lines together.
    distinctive: float = 1.2
    # Nats: 4.5 to 1. A shared word must be worth this much to count as the same counterparty.
    name_weight: float = 1.5
    # Nats: 1 to 7. Differing words that weigh more make it another counterparty.
    other_name: float = -2.0
    # Nats: 55 to 1. A number must be this distinctive to be a key: a year isn't.
    key_worth: float = 4.0
    # Letters and digits of a key that hardly collides.
    long_key: int = 5
    # Lines that share one number: an invoice and its twin, not a batch.
    few_lines: int = 3
    # Days beyond the learned core in which members of a sum are looked for: a long weekend.
    window_slack_days: int = 4
    # Letters by which names meet although a bank has cut them ...
    prefix: int = 5
    # ... and where too many share these.
    long_prefix: int = 8

    # -- who belongs to whom (assign.py) ------------------------------------------------------------------------------

    # Lines. All-pairs shortest paths are n^3: 160^3 = 4 million steps, 20 ms.
    exact_margin_lines: int = 160
    # Lines of one set that are solved exactly: 0.1 s. Larger sets are lines that hardly differ.
    exact_lines: int = 600

    # -- one to one, amounts that differ (one_to_one.py) --------------------------------------------------------------

    # Days beyond the learned core: who deducts often pays later, so a pair of differing amounts may lie further apart
    # than one of equal amounts (window_slack_days).
    near_slack_days: int = 10
    # Nats: 1 to 20. For the same reason days outside the core say at most this against such a pair.
    late: float = -3.0
    # Lines of one name beginning that a pass looks at.
    name_reach: int = 100
    # Half percents that are usual as a cash discount: 0.5 % to 5 %.
    discounts: int = 10
    # Amounts to the cent that each of them stands for: the rounded one, a cent less, a cent more.
    discount_roundings: int = 3
    # Amounts that are one swap of neighbouring digits away from one amount, about.
    swapped_amounts: float = 10.0
    # Nats: 1 to 20. Both lines name somebody, and not the same: only a very distinctive amount ...
    strangers: float = -3.0
    # ... of 55 to 1 (nats) makes this a suggestion.
    strangers_need: float = 4.0

    # -- groups (groups.py) -------------------------------------------------------------------------------------------

    # Nats: one line in eight or so belongs to a group.
    group_prior: float = -2.0
    # Nats: 55 to 1 is all that the texts of a group's members count for together.
    group_text_cap: float = 4.0
    # Nats: 150 to 1. Odds of a sum against coincidence, below which a group is never confirmed.
    sum_worth: float = 5.0
    # Nats: margin of a group whose names are only vaguely alike: never enough to confirm.
    vague_margin: float = 1.0
    # Nats: 1 to 3. A member whose text weighs more against a sum without names contradicts it.
    member_contradiction: float = -1.0
    # Lines of one counterparty in one window; past it no subset is distinctive.
    pool_lines: int = 30
    # The same, of names that are only vaguely alike.
    loose_pool_lines: int = 20
    # Amounts whose sums are all looked at before their texts are: 2 halves of 2^8 = 256 sums.
    quick_pool_lines: int = 16
    # Lines of one day among which a part of the day is looked for.
    day_pool_lines: int = 22
    # Times as many lines a day may have before those of fitting size are picked out.
    day_pool_picked: int = 3
    # Lines that share one key: more are an account number, not a document.
    key_lines: int = 400
    # Nats: 7 to 1. A key that all members of a group share.
    shared_key_worth: float = 2.0
    # Days on both sides of a line in which its partners of a sum on both sides are looked for: half a month.
    many_days: int = 15
    # Lines of one name that are looked at for such a sum, and the most that are added up: 12 have 66 + 220 = 286 pairs
    # and triples.
    many_reach: int = 30
    many_pool: int = 12
    # Groups that compete for the same lines: 2^14 choices take 20 ms.
    exact_packing: int = 14

    # -- doubts (doubts.py) -------------------------------------------------------------------------------------------

    # Nats: 1 to 7. The amount says yes and the text says no: a person decides ...
    contradiction: float = -2.0
    # ... unless what agrees outweighs it, by 7 to 1.
    agreement: float = 2.0
    # Nats: 1 to 3. What a name takes away that is usually carried over and this time isn't.
    name_missing: float = -1.2
    # Nats: a word in one of 55 lines of its side.
    rare_name: float = 4.0
    # Nats: 55 to 1. A shared word of this worth settles who it is, whatever else differs.
    telling_name: float = 4.0
    # Lines of one amount that are looked at for a double.
    double_lines: int = 200

    # -- lines of one side (one_sided.py) -----------------------------------------------------------------------------

    # Nats: one line in three of a size that stands on both sides of zero is a counter-entry.
    opposite_prior: float = -1.0
    # Nats: 7 to 1. A word such as "reversal".
    keyword_worth: float = 2.0
    # Nats a day between an entry and its counter-entry: a month costs 0.9, 2.5 to 1.
    day_cost: float = 0.03
    # Nats: 22,000 to 1 is all that shared words count for in a book of shared_cap_lines; in larger ones more.
    shared_cap: float = 10.0
    shared_cap_lines: int = 1_000
    # Nats: 12 to 1. Without a keyword, the shared words must be worth this much.
    shared_need: float = 2.5
    # Lines of one size and sign that are all compared with each other.
    opposite_side: int = 60
    # Days between an entry and its twin, where a rule names none.
    twin_days: int = 10
    # Share of the second line's words (by weight) that its twin must have.
    twin_share: float = 0.75
    # Nats for a twin: the same amount and most of its words (55 to 1), a number that only these two have (400 to 1),
    # the same day and the other line matched already (7 to 1 each), the same words (3 to 1).
    twin_base: float = 4.0
    twin_number: float = 6.0
    twin_same_day: float = 2.0
    twin_matched: float = 2.0
    twin_same_text: float = 1.0
    # Letters of a name that still tell that it was cut or run together.
    cut_name: int = 4
    # Share of its worth that a word in another spelling keeps: it is a little less sure.
    other_spelling: float = 0.8

    # -- subset sums (subset.py, ADR 0021) ----------------------------------------------------------------------------

    # Amounts. 2 halves of 2^16 = 65,536 sums: 3 ms and 2 MB.
    sum_amounts: int = 32
    # Answers. More than one is already ambiguous; a few are kept to show.
    sum_answers: int = 4

    # -- who pays (parties.py) ----------------------------------------------------------------------------------------

    # Nats: the whole name (20 to 1); it without its division (7 to 1); initials (4.5 to 1); another name (1 to 55).
    party_same: float = 3.0
    party_likely: float = 2.0
    party_initials: float = 1.5
    party_other: float = -4.0

    # -- cash application (remittance.py) -----------------------------------------------------------------------------

    # Nats for a number that the payer wrote: an invoice's to the letter (400 to 1); the end of one; its digits alone;
    # the customer's own number (55 to 1); one slip away from one.
    exact_number: float = 6.0
    tail_number: float = 5.5
    core_number: float = 5.0
    quoted_number: float = 4.0
    near_number: float = 1.5
    # Nats more for digits read from letters (INV-1O3): a known slip.
    lookalike: float = 1.0
    # Nats against an invoice of the amount whose number is another one: written like ours, and like nobody's.
    other_number: float = -3.0
    foreign_number: float = -1.5
    # Nats: 7 to 1. No number at all, but an open invoice of a customer whom the payment names.
    known_customer: float = 2.0
    # Nats against an invoice that is paid already: then the payment may be a second one for it.
    paid_already: float = -0.5
    # Nats for the amount: equal (150 to 1), a discount away, a part, up to a quarter more, more, of the other sign.
    equal_amount: float = 5.0
    near_amount: float = 2.5
    part_amount: float = 1.0
    over_amount: float = 0.0
    far_amount: float = -3.0
    wrong_sign: float = -8.0
    # Nats: 3,000 to 1 and 20 to 1 ahead of the next: applied unseen. 55 to 1: worth a suggestion.
    application_confirm_score: float = 8.0
    application_confirm_margin: float = 3.0
    application_suggest_score: float = 4.0
    # Hundredths of a percent of an invoice: up to here a short payment looks like a cash discount (Skonto).
    terms_bps: int = 500
    # Invoices in one range; a wider one is a misread.
    range_invoices: int = 60
    # Choices that are tried where several invoices have the digits of a number.
    digit_choices: int = 500
    # Open invoices of one customer among which a lump payment is looked for.
    lump_pool: int = 20

    # -- deposits and fees (deposits.py, fees.py) ---------------------------------------------------------------------

    # Settlement days in one deposit: a weekend with holidays on both sides.
    longest_run_days: int = 5
    # Days before a deposit of which it settles records.
    deposit_reach_days: int = 10
    # Records among which an exact subset is looked for: 2^22 subsets against amounts of 10^6 say little.
    deposit_pool: int = 22
    # Hundredths of a percent of a deposit that the dearest processors keep.
    dearest_fee_bps: int = 500
    # Batches for each unknown of a fee schedule; fewer would fit noise.
    fee_batches: int = 5
    # Share of the batches that a proposed schedule must explain inside its tolerance.
    fee_fit_share: float = 0.95

    # -- what follows from these --------------------------------------------------------------------------------------

    @property
    def carried(self) -> Mapping[str, float]:
        """The shares of carried words by class, as `text.kind` names them."""
        return MappingProxyType(
            {
                "name": self.carried_name,
                "number": self.carried_number,
                "code": self.carried_code,
                "reference": self.carried_reference,
                "present": self.carried_present,
                "document": self.carried_document,
            }
        )

    @property
    def block_pairs(self) -> int:
        """Pairs of one amount that are all compared."""
        return self.block_side * self.block_side

    @property
    def block_one_day(self) -> int:
        """Lines of one amount and day that each line meets: twice what it meets on both sides of its day."""
        return 4 * self.block_nearest

    @property
    def hopeless(self) -> float:
        """Nats of amount and days together below which texts are not compared: they could not make it up."""
        return self.faint - self.text_reach

    @property
    def discount_amounts(self) -> float:
        """Amounts that are a usual discount away from one amount."""
        return float(self.discounts * self.discount_roundings)

    @property
    def two_groups_prior(self) -> float:
        """Nats: a group on both sides is as rare as two groups."""
        return 2 * self.group_prior

    @property
    def day_lines(self) -> int:
        """Lines that a day may have before those of fitting size are picked out of it."""
        return self.day_pool_picked * self.day_pool_lines

    @property
    def opposite_pairs(self) -> int:
        """Pairs of one size and both signs that are all compared."""
        return self.opposite_side * self.opposite_side

    @property
    def lookalike_number(self) -> float:
        """Nats for a number that an invoice has once letters are read as digits."""
        return self.near_number + self.lookalike

    @property
    def farthest_bps(self) -> int:
        """How far from a deposit a sum may lie and still be named: twice what anybody keeps is another sum."""
        return 2 * self.dearest_fee_bps

    @property
    def deposit_records(self) -> int:
        """Records among which a subset is looked for, as far as subsets can be listed."""
        return min(self.deposit_pool, self.sum_amounts)

    @property
    def lump_invoices(self) -> int:
        """Invoices among which a subset is looked for, as far as subsets can be listed."""
        return min(self.lump_pool, self.sum_amounts)


PARAMETERS: Final = Parameters()
