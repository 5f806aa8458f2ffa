"""A published version never changes: `avro/published.lock` holds a digest of each, and an edit in place is a finding.

A record on a topic names its schema by fingerprint; edit the schema and the record can no longer be read. What a digest
covers is all that a reader relies on (names, types, order, defaults, aliases, logical types), so words and field
classes may be bettered at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from schemas.lint.files import Contract, Problem, SchemaFile

LOCK = "avro/published.lock"
_RELIED_ON = frozenset(
    {
        *("type", "name", "namespace", "fields", "items", "values", "symbols", "size"),
        *("default", "aliases", "logicalType", "precision", "scale"),
    }
)


def published_rules(contract: Contract, root: Path) -> list[Problem]:
    """Return findings on versions that differ from what was published, are gone, or were never locked."""
    locked = _read(root)
    found = _digests(contract)
    problems = []
    for version, schema in _versions(contract).items():
        if version not in locked:
            problems.append(Problem(schema.file, "is not locked", "publish it: `saldo schemas lock`"))
        elif locked[version] != found[version]:
            remedy = (
                f"put the file back and write v{schema.version + 1} beside it; "
                f"if no topic anywhere holds a {version}: `saldo schemas lock --replace {version}`"
            )
            problems.append(Problem(schema.file, "was changed after it was published; its records get lost", remedy))
    for version in locked.keys() - found.keys():
        remedy = f"put the file back; if no topic anywhere holds one: `saldo schemas lock --replace {version}`"
        problems.append(Problem(LOCK, f"{version} was published and is gone", remedy))
    return problems


def lock(contract: Contract, root: Path, replace: Collection[str] = ()) -> tuple[str, ...]:
    """Publish the versions that are not locked yet, and those of `replace` as they stand now (or drop them when gone).

    Shapes:  replace holds names as PaymentSettled.v1.
    Ensures: every other line of the lock stays as it was. Returns the versions whose line changed.
    Raises:  LookupError for a name of replace that is neither locked nor there.
    """
    locked, found = _read(root), _digests(contract)
    for version in replace:
        if version not in locked and version not in found:
            raise LookupError(f"no version {version!r}; write it as PaymentSettled.v1")
    kept = {version: digest for version, digest in locked.items() if version not in replace}
    lines = found | kept
    lines = {version: lines[version] for version in sorted(lines)}
    text = "".join(f"{version} {digest}\n" for version, digest in lines.items())
    (root / LOCK).write_text(text, "utf-8")
    return tuple(sorted(v for v in lines.keys() | locked.keys() if lines.get(v) != locked.get(v)))


def _versions(contract: Contract) -> Mapping[str, SchemaFile]:
    return {f"{schema.name}.v{schema.version}": schema for schema in contract.every()}


def _digests(contract: Contract) -> dict[str, str]:
    return {version: _digest(schema.schema) for version, schema in _versions(contract).items()}


def _digest(schema: Mapping[str, Any]) -> str:
    text = json.dumps(_relied_on(schema), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _relied_on(part: Any) -> Any:
    """Return a schema without what no reader goes by. A default is kept whole.

    What it holds are values, not schema words.
    """
    match part:
        case dict():
            kept = {name: value for name, value in part.items() if name in _RELIED_ON}
            return {name: value if name == "default" else _relied_on(value) for name, value in kept.items()}
        case list():
            return [_relied_on(item) for item in part]
        case _:
            return part


def _read(root: Path) -> dict[str, str]:
    path = root / LOCK
    if not path.exists():
        return {}
    return dict(line.split() for line in path.read_text("utf-8").splitlines() if line.strip())
