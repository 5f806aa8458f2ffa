"""Holds the data files of the contract together: schemas, examples and topics must tell one story.

For `saldo schemas check`, tests/catalog and whoever adds a record. All findings come at once, each with its file and
its remedy. Registries and Avro's own compatibility rules overlook what costs money (a decimal's scale, the unit of a
timestamp), so these are frozen here.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from schemas import catalog
from schemas.lint.classes import class_rules
from schemas.lint.documents import document_rules
from schemas.lint.examples import example_rules
from schemas.lint.files import Problem, load
from schemas.lint.history import history_rules
from schemas.lint.named import named_rules
from schemas.lint.published import LOCK, published_rules
from schemas.lint.published import lock as _lock
from schemas.lint.shape import shape_rules
from schemas.lint.shared import shared_rules
from schemas.lint.topics import topic_rules

__all__ = ["LOCK", "Problem", "check", "lock"]


def check(root: Path = catalog.ROOT) -> tuple[Problem, ...]:
    """Return every finding in a contract directory (avro/, examples/, topics/, documents/), in the order of the files.

    Ensures: () exactly when every rule holds. A file that can't be read is a finding, and rules that need it wait.
    """
    contract, problems = load(root)
    problems += shape_rules(contract)
    problems += class_rules(contract)
    problems += named_rules(contract)
    problems += shared_rules(contract, root)
    problems += history_rules(contract)
    problems += published_rules(contract, root)
    problems += example_rules(contract)
    problems += topic_rules(contract)
    problems += document_rules(root)
    return tuple(sorted(problems))


def lock(root: Path = catalog.ROOT, replace: Collection[str] = ()) -> tuple[str, ...]:
    """Publish what is new, see schemas/lint/published.py; returns the versions whose line in the lock changed.

    Raises: LookupError for a name of replace that nobody knows.
    """
    contract, _ = load(root)
    return _lock(contract, root, replace)
