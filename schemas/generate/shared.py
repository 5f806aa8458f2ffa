"""Completes the .avsc files from avro/shared.yaml, so that a new record need not repeat what others say already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.lint.shared import Shared, as_shared, read_shared


def complete(root: Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write type, class and doc into fields of shared names that lack them, and enumerations that are only named.

    With `overwrite` also where a copy differs. Older versions stay as they were. Returns the files that changed.

    Raises: ValueError where shared.yaml can't be read. An .avsc that is no JSON object is left to the lint.
    """
    shared = read_shared(root)
    changed = []
    for path in _newest(root):
        try:
            schema = json.loads(path.read_text("utf-8"))
        except ValueError:
            continue
        if not isinstance(schema, dict):
            continue
        text = json.dumps(_completed(schema, shared, overwrite, set()), indent=2, ensure_ascii=False) + "\n"
        if json.loads(text) != schema:
            path.write_text(text, "utf-8")
            changed.append(path.relative_to(root).as_posix())
    return tuple(changed)


def _newest(root: Path) -> list[Path]:
    newest: dict[str, tuple[int, Path]] = {}
    for path in sorted((root / "avro").glob("*/*.avsc")):
        name, _, version = path.name.removesuffix(".avsc").rpartition(".v")
        if version.isdecimal() and int(version) > newest.get(name, (0, path))[0]:
            newest[name] = (int(version), path)
    return [path for _, path in newest.values()]


def _completed(part: Any, shared: Shared, overwrite: bool, defined: set[str]) -> Any:
    """Return a schema with what is shared in its place.

    An enumeration stands in full where it comes first, then by name.
    """
    if isinstance(part, list):
        return [_completed(one, shared, overwrite, defined) for one in part]
    if isinstance(part, str) and part in shared.types:
        return _named(part, shared, defined)
    if not isinstance(part, dict):
        return part
    if part.get("type") == "enum":
        defined.add(part.get("name", ""))
        return shared.types.get(part.get("name", ""), part) if overwrite else part
    if part.get("type") == "record" and isinstance(part.get("fields"), list):
        fields = [_field(field, shared, overwrite, defined) for field in part["fields"]]
        return {name: fields if name == "fields" else value for name, value in part.items()}
    return {
        name: _completed(value, shared, overwrite, defined) if name in ("type", "items", "values") else value
        for name, value in part.items()
    }


def _field(field: Any, shared: Shared, overwrite: bool, defined: set[str]) -> Any:
    if not isinstance(field, dict) or "name" not in field:
        return field
    wanted = as_shared(field, shared)
    field = wanted if overwrite else {**wanted, **field}
    return _completed(field, shared, overwrite, defined)


def _named(name: str, shared: Shared, defined: set[str]) -> Mapping[str, Any] | str:
    if name in defined:
        return f"{shared.types[name]['namespace']}.{name}"
    defined.add(name)
    return shared.types[name]
