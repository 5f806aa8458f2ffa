"""The guard's corpora: nothing of what people type is missed, and what is masked by mistake stays itself."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from schemas.checks.sensitive import MASK, find_sensitive, mask_reference, mask_sensitive
from schemas.checks.sensitive.spans import plain_text_of
from tests.corpus import generate

CORPUS = Path(generate.__file__).parent
_NOT_ALNUM = re.compile(r"[\W_]+")


def lines(name: str) -> list[Mapping[str, str]]:
    return [json.loads(line) for line in (CORPUS / name).read_text("utf-8").splitlines()]


def squashed(text: str) -> str:
    return _NOT_ALNUM.sub("", plain_text_of(text)).upper()


def left_of(entry: Mapping[str, str], masked: str) -> bool:
    """Whether what must be gone still stands in a masked text, whatever its separators."""
    without_digests = re.sub(r"#[BCDFGHJKLMNPQRST]{16}", "#", masked)
    return squashed(entry["hidden"]) in squashed(without_digests)


def test_the_corpora_are_what_their_generator_writes() -> None:
    assert [(one["what"], one["text"], one["hidden"]) for one in lines("cards.jsonl")] == list(generate.cards())
    assert [(one["kind"], one["text"]) for one in lines("honest.jsonl")] == list(generate.honest())


def test_nothing_that_people_type_is_missed() -> None:
    entries = lines("cards.jsonl")
    missed = [
        entry
        for entry in entries
        if left_of(entry, masked := mask_sensitive(entry["text"]))
        or (find_sensitive("note", entry["text"]) is None and not entry["what"].startswith("code"))
        or mask_sensitive(masked) != masked
    ]
    assert missed == []
    assert len(entries) > 600


def test_every_entry_would_be_seen_if_it_were_left() -> None:
    assert all(left_of(entry, entry["text"]) for entry in lines("cards.jsonl"))


def test_references_are_looked_at_as_closely_as_texts() -> None:
    of_cards = [entry for entry in lines("cards.jsonl") if not entry["what"].startswith("code behind")]
    assert [entry for entry in of_cards if left_of(entry, mask_reference(entry["text"]))] == []


def test_false_alarms_are_as_many_as_the_documentation_says() -> None:
    """docs/security.md states these figures."""
    entries = lines("honest.jsonl")
    alarms = Counter(entry["kind"] for entry in entries if mask_sensitive(entry["text"]) != entry["text"])
    of_numbers = sum(count for kind, count in alarms.items() if kind.startswith("invoice of"))
    rest = alarms.total() - of_numbers
    assert alarms.total() <= 0.03 * len(entries)
    assert rest <= 0.02 * len(entries)


def test_a_false_alarm_keeps_its_identity() -> None:
    texts = [entry["text"] for entry in lines("honest.jsonl") if entry["kind"].startswith("invoice of")]
    masked = {text: mask_sensitive(text) for text in texts}
    assert len(set(masked.values())) == len(set(texts))
    assert all(MASK.search(after) for before, after in masked.items() if after != before)
