"""Avro in Python's words: types, defaults, docstrings and imports, laid out as `ruff format` lays them out."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from keyword import iskeyword
from typing import Any

WIDTH = 120
INDENT = "    "
_PLAIN = {
    "string": "str",
    "bytes": "bytes",
    "int": "int",
    "long": "int",
    "boolean": "bool",
    "timestamp-micros": "datetime",
    "date": "date",
}


class Untranslatable(Exception):
    """Something of the contract that has no counterpart in Python: in which file, what, and the remedy."""

    def __init__(self, file: str, what: str, remedy: str) -> None:
        super().__init__(f"{file}: {what}; {remedy}")
        self.file, self.what, self.remedy = file, what, remedy


def type_of(avro: Any, file: str) -> str:
    """Return the Python type of a field, such as `tuple[str, ...]` or `date | None`."""
    if isinstance(avro, list):
        kinds = [type_of(branch, file) for branch in avro if branch != "null"]
        if len(kinds) != 1:
            raise Untranslatable(file, f"has the union {avro}", 'write ["null", <type>], or two fields')
        return f"{kinds[0]} | None" if "null" in avro else kinds[0]
    kind = avro if isinstance(avro, str) else avro.get("logicalType", avro["type"])
    if isinstance(kind, dict | list):
        return type_of(kind, file)
    if kind in ("enum", "record"):
        return str(avro["name"])
    if kind == "array":
        return f"tuple[{type_of(avro['items'], file)}, ...]"
    if kind == "map":
        return f"Mapping[str, {type_of(avro['values'], file)}]"
    if kind in _PLAIN:
        return _PLAIN[kind]
    if _is_reference(avro):
        return str(avro).rpartition(".")[2]
    raise Untranslatable(file, f"has Avro type {kind}, for which there is no Python type here", "use another type")


def _is_reference(avro: Any) -> bool:
    """Return whether a type is named that the same file defines further up: Avro writes each out once."""
    return isinstance(avro, str) and avro.rpartition(".")[2][:1].isupper()


def default_of(avro: Any, default: Any, file: str) -> str:
    """Return a default as Python writes it."""
    if default is None or isinstance(default, bool | int):
        return repr(default)
    kind = next((branch for branch in avro if branch != "null"), avro) if isinstance(avro, list) else avro
    if isinstance(kind, dict) and kind["type"] == "enum":
        return f"{kind['name']}.{default}"
    if _is_reference(kind):
        return f"{type_of(kind, file)}.{default}"
    if kind == "string" and isinstance(default, str):
        return json.dumps(default, ensure_ascii=False)
    if default == [] and isinstance(kind, dict) and kind["type"] == "array":
        return "()"
    raise Untranslatable(file, f"has the default {default!r}", "use null, a number, a text, a symbol or []")


def name_of(name: str, file: str) -> str:
    """Return a name as it stands, where Python takes it."""
    if iskeyword(name) or not name.isidentifier():
        raise Untranslatable(file, f"{name!r} is no name in Python", "call it something else")
    return name


def docstring(text: str, file: str) -> str:
    """Return the docstring of a class: one line where it fits; else its first sentence, and the rest below."""
    text = " ".join(text.split()).replace("\\", "\\\\").replace('"""', "'''")
    text = f"{text} " if text.endswith('"') else text
    if len(INDENT) + len(text) + 6 <= WIDTH:
        return f'{INDENT}"""{text}"""\n'
    first, _, rest = text.partition(". ")
    room = WIDTH - len(INDENT) - 4
    if not rest or len(first) > room:
        raise Untranslatable(
            file, f"has a doc that begins {first[:40]!r}", f"begin it with a sentence of at most {room} characters"
        )
    more = textwrap.fill(rest, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
    return f'{INDENT}"""{first}.\n\n{more}\n{INDENT}"""\n'


def imports(names: Mapping[str, Iterable[str]]) -> str:
    """`from module import names` for each module, in the order of modules and names that ruff wants."""
    lines = []
    for module in sorted(names):
        wanted = sorted(set(names[module]), key=lambda name: (name.lower(), name))
        line = f"from {module} import {', '.join(wanted)}"
        if wanted and len(line) > WIDTH:
            line = f"from {module} import (\n" + "".join(f"    {name},\n" for name in wanted) + ")"
        lines += [line] if wanted else []
    return "".join(f"{line}\n" for line in lines)


def heading(summary: str, body: str) -> str:
    """Return a module docstring: one line, then its text."""
    return f'"""{summary}\n\n{body}\n"""\n\nfrom __future__ import annotations\n\n'
