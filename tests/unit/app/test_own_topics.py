"""Partition counts of an installation's own: one per inbox, the same on its journal and dead letters."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.topics.own import topics_of
from schemas import catalog
from schemas.files.owned import FileInvalid


def written(folder: Path, text: str) -> Path:
    path = folder / "topics.yaml"
    path.write_text(text)
    return path


def test_without_a_file_the_catalogue_counts() -> None:
    assert topics_of(None) == tuple(catalog.topics().values())


def test_an_inbox_its_journal_and_its_dead_letters_go_together(tmp_path: Path) -> None:
    wanted = topics_of(written(tmp_path, "partitions: {receivables.inbox.v1: 12}\n"))
    counts = {spec.name: spec.partitions for spec in wanted}
    changed = {name for name, count in counts.items() if count != catalog.topic(name).partitions}
    assert changed == {"receivables.inbox.v1", "receivables.inbox.v1.dlq", "receivables.events.v1"}
    assert {counts[name] for name in changed} == {12}


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        (
            "partitions:\n  receivables.inbox: 12\n",
            r"topics\.yaml:2: partitions\.receivables\.inbox: is no inbox.*did you mean receivables\.inbox\.v1",
        ),
        ("partitions:\n  receivables.events.v1: 12\n", r"topics\.yaml:2: .* is no inbox, which alone has a count"),
        ("partitions:\n  receivables.inbox.v1: 0\n", r"topics\.yaml:2: partitions\.receivables\.inbox\.v1: is 0"),
    ],
)
def test_what_is_wrong_is_reported(tmp_path: Path, text: str, reported: str) -> None:
    with pytest.raises(FileInvalid, match=reported):
        topics_of(written(tmp_path, text))
