"""Codes in words: no reason why money waits or breaks is shown as a code, and what is no code stays as it is."""

from __future__ import annotations

import pytest

from projections.reports.words import WORDS, in_words
from schemas import catalog
from schemas.documents import kinds, payer_money_sign
from schemas.records.disputes import DisputeFact
from schemas.records.identification import WaitingReason
from schemas.records.payments import UnrecognizedReason
from schemas.records.receivables import Decision
from schemas.records.settlement import BreakReason

REASONS = [reason.value for enum in (WaitingReason, BreakReason) for reason in enum if reason.value != "UNKNOWN"]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_words_of_its_own(reason: str) -> None:
    assert WORDS[reason] == in_words(reason) != reason


def test_no_words_are_left_over_and_none_are_used_twice() -> None:
    known = {*REASONS, *Decision, *UnrecognizedReason, *DisputeFact, *catalog.record_versions()}
    known |= {kind for kind in kinds() if payer_money_sign(kind)}
    known |= {"POSTING_IN_PROGRESS", "NO_RATE_YOUNG_ENOUGH", "NO_DEPOSIT", "ID_USED_TWICE"}
    known |= {f"CHARGEBACK_{why}" for why in ("NOT_BOOKED", "OF_UNKNOWN_PAYMENT", "NAMES_NO_PAYMENT")}
    assert set(WORDS) <= known
    assert len(set(WORDS.values())) == len(WORDS)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("WRITE_OFF", "write off"),
        ("EntryHandedOver", "entry handed over"),
        ("posted", "posted"),
        ("Acme Inc.", "Acme Inc."),
        ("RE-2026-0815", "RE-2026-0815"),
        ("USD", "USD"),
        ("", ""),
    ],
)
def test_other_codes_are_read_as_their_own_words_and_texts_stay(code: str, words: str) -> None:
    assert in_words(code) == words
