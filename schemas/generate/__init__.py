"""The Python side of the contract, written from schemas/avro and schemas/topics: nobody writes it by hand.

    records/<context>.py   a frozen dataclass for each record type, a StrEnum for each enumeration
    records/by_topic.py    the union of the records that each topic carries
    topic.py               the name of each topic

For `saldo schemas generate`, `saldo schemas check` and whoever merges: the same .avsc and YAML give the same files to
the byte, so a conflict in one of them is settled by one command. Why own code: docs/adr/0079-one-source.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from schemas.generate.python import Untranslatable
from schemas.generate.records import record_modules
from schemas.generate.shared import complete
from schemas.generate.topics import topic_module, union_module
from schemas.lint.files import Contract, Problem, load
from schemas.lint.shared import SHARED

__all__ = ["Untranslatable", "generated", "run", "stale"]

COMMAND = "run `saldo schemas generate`"
UNIONS = "records/by_topic.py"
TOPICS = "topic.py"


def generated(contract: Contract) -> Mapping[str, str]:
    """Return the text of each generated file, by its path below the contract directory.

    Raises: Untranslatable for a type or a name that Python has no counterpart for.
    """
    return {
        **record_modules(contract),
        UNIONS: union_module(contract),
        TOPICS: topic_module(contract),
    }


def stale(root: Path) -> tuple[Problem, ...]:
    """Return generated files that don't hold what the contract says now; () where a directory has no Python side."""
    if not _has_python(root):
        return ()
    try:
        wanted = generated(load(root)[0])
    except Untranslatable as error:
        return (Problem(error.file, error.what, error.remedy),)
    found = {file: (root / file).read_text("utf-8") for file in _files(root)}
    differ = [file for file, text in wanted.items() if found.get(file) != text]
    return (
        *(Problem(file, "is not what schemas/avro and schemas/topics say", COMMAND) for file in sorted(differ)),
        *(Problem(file, "belongs to no context", COMMAND) for file in sorted(found.keys() - wanted.keys())),
    )


def run(root: Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Complete the .avsc files from avro/shared.yaml, then write the generated files that differ.

    With `overwrite` shared fields are written over copies that differ. Files of contexts that are gone are deleted.
    Returns the paths of what changed, below root.

    Raises: Untranslatable; then no generated file is written.
    """
    try:
        completed = complete(root, overwrite=overwrite)
    except ValueError as error:
        raise Untranslatable(SHARED, str(error), "correct it") from error
    return (*completed, *_write(root)) if _has_python(root) else completed


def _write(root: Path) -> tuple[str, ...]:
    wanted = generated(load(root)[0])
    changed = [file for file in _files(root) if file not in wanted]
    for file in changed:
        (root / file).unlink()
    for file, text in wanted.items():
        path = root / file
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            changed.append(file)
    return tuple(sorted(changed))


def _has_python(root: Path) -> bool:
    """Return whether it is Saldo's own contract, or a copy of it, and not data files alone."""
    return (root / "records").is_dir()


def _files(root: Path) -> list[str]:
    """Return the generated files that are there; records/__init__.py is written by hand."""
    modules = [path for path in (root / "records").glob("*.py") if path.name != "__init__.py"]
    return [path.relative_to(root).as_posix() for path in (*modules, *root.glob(TOPICS))]
