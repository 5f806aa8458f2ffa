"""The text of a mapping as a form shows and changes it: entry by entry, so that what nobody touched stays as it is.

Comments, order and spelling of everything else stay. What a value may be is for `mapping check` to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import yaml

from projections.console.language import _, whole

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
# The name in the text of each member of a Line.
_NAMES: Final = {"only_if": "if", "valid_from": "from"}
_ENTRY: Final = "  "
# As long as the text of rules may be. Units: characters.
LONGEST: Final = 200_000


class TextInvalid(Exception):
    """A text that a form can't show; says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a role, each member as a form shows it: `when` is `fact = value, value; fact = value`."""

    account: str = ""
    cost_centre: str = ""
    tax_code: str = ""
    text: str = ""
    when: str = ""
    only_if: str = ""
    valid_from: str = ""

    @property
    def conditions(self) -> str:
        """When it counts, in words; empty for always."""
        words = [self.when] if self.when else []
        words += [_("if %(condition)s", condition=self.only_if)] if self.only_if else []
        words += [_("from %(day)s", day=self.valid_from)] if self.valid_from else []
        return "; ".join(words)

    @property
    def gives(self) -> str:
        """What it gives, in words."""
        words = [self.account]
        words += [_("cost centre %(number)s", number=self.cost_centre)] if self.cost_centre else []
        words += [_("tax code %(code)s", code=self.tax_code)] if self.tax_code else []
        words += [_("text “%(text)s”", text=self.text)] if self.text else []
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class MappingText:
    """What a text says. Shapes: roles: role -> its lines in order; policies: name -> its value as it is written."""

    version: int
    roles: Mapping[str, tuple[Line, ...]]
    policies: Mapping[str, str]


def read(text: str) -> MappingText:
    """Read a text. Raises: TextInvalid."""
    root = _root(text)
    accounts, policies = _child(root, "accounts"), _child(root, "policies")
    version = _child(root, "version")
    if not isinstance(version, yaml.ScalarNode) or not version.value.isdigit():
        raise TextInvalid(_("It has no version; write `version: 1` into its first line."))
    return MappingText(
        int(version.value),
        {key.value: tuple(map(_line, _plain(value) or ())) for key, value in _pairs(accounts)},
        {key.value: _written(text, value) for key, value in _pairs(policies)},
    )


def with_lines(text: str, role: str, lines: Sequence[Line]) -> str:
    """Return the text with the lines of a role; a role that had none is added. Raises: TextInvalid."""
    accounts = _child(_root(text), "accounts")
    pairs = _pairs(accounts)
    if accounts is None or not pairs or accounts.flow_style:
        raise TextInvalid(_("Its accounts are written in a way that the form can't change; edit it as text."))
    found = next(((key, value) for key, value in pairs if key.value == role), None)
    indent = " " * pairs[0][0].start_mark.column
    if found is None:
        end = _end(accounts)
        return f"{text[:end]}\n{indent}{role}:{_written_lines(lines, indent)}{text[end:]}"
    key, value = found
    colon = text.index(":", key.end_mark.index) + 1
    between = text[colon : value.start_mark.index]
    note = f" {between.strip().splitlines()[0]}" if "#" in between and "\n" in between else ""
    return text[:colon] + note + _written_lines(lines, indent, is_block=bool(note)) + text[_end(value) :]


def with_policy(text: str, name: str, value: str) -> str:
    """Return the text with another value of a policy that is one word. Raises: TextInvalid."""
    found = next((node for key, node in _pairs(_child(_root(text), "policies")) if key.value == name), None)
    if found is None or not _PLAIN.fullmatch(value):
        raise TextInvalid(_("Policy %(name)s can't be changed by the form; edit it as text.", name=name))
    return text[: found.start_mark.index] + value + text[_end(found) :]


def with_version(text: str, version: int) -> str:
    """Return the text with another version. Raises: TextInvalid."""
    node = _child(_root(text), "version")
    if not isinstance(node, yaml.ScalarNode):
        raise TextInvalid(_("It has no version; write `version: 1` into its first line."))
    return text[: node.start_mark.index] + str(version) + text[node.end_mark.index :]


def _root(text: str) -> yaml.Node | None:
    if len(text) > LONGEST:
        raise TextInvalid(_("It has %(n)s characters; a form shows %(most)s.", n=whole(len(text)), most=whole(LONGEST)))
    try:
        # An alias may stand for itself, or for more than any memory holds.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise TextInvalid(_("It names an entry by *alias, which a form can't show; write the entry itself."))
        return yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", "") or _("it can not be read")
        if mark is None:
            raise TextInvalid(_("It is no YAML: %(why)s.", why=why)) from None
        raise TextInvalid(_("It is no YAML in line %(line)s: %(why)s.", line=mark.line + 1, why=why)) from None


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def _child(node: yaml.Node | None, name: str) -> Any:
    return next((value for key, value in _pairs(node) if key.value == name), None)


def _end(node: yaml.Node) -> int:
    """Return where the content of a node ends; a block goes on to the next token, comments included."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style:
        return int(node.end_mark.index)
    last = node.value[-1] if node.value else None
    return int(node.end_mark.index) if last is None else _end(last[1] if isinstance(last, tuple) else last)


def _plain(node: yaml.Node) -> Any:
    """Return a node as plain lists, mappings and texts; a text stays as it is written."""
    match node:
        case yaml.MappingNode():
            return {key.value: _plain(value) for key, value in node.value}
        case yaml.SequenceNode():
            return [_plain(value) for value in node.value]
        case _:
            return node.value


def _written(text: str, node: yaml.Node) -> str:
    return " ".join(text[node.start_mark.index : _end(node)].split())


def _line(entry: Any) -> Line:
    if not isinstance(entry, dict):
        raise TextInvalid(_("A line of a role has no account; edit it as text."))
    values = {one.name: str(entry.get(_NAMES.get(one.name, one.name)) or "") for one in fields(Line)}
    when = entry.get("when")
    return Line(**{**values, "when": _when_in_words(when) if isinstance(when, dict) else ""})


def _when_in_words(when: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{name} = {', '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in when.items()
    )


def _written_lines(lines: Sequence[Line], indent: str, *, is_block: bool = False) -> str:
    entries = [_entry(line) for line in lines]
    if len(entries) < 2 and not is_block:
        return f" [{''.join(entries)}]"
    return "".join(f"\n{indent}{_ENTRY}- {entry}" for entry in entries) or " []"


def _entry(line: Line) -> str:
    parts = [f"account: {_quoted(line.account)}"]
    parts += [
        f"{name}: {_quoted(value)}" for name in ("cost_centre", "tax_code", "text") if (value := getattr(line, name))
    ]
    if line.when:
        parts.append(f"when: {{{', '.join(_facts(line.when))}}}")
    if line.only_if:
        parts.append(f"if: {_quoted(line.only_if)}")
    if line.valid_from:
        parts.append(f"from: {line.valid_from if _DAY.fullmatch(line.valid_from) else _quoted(line.valid_from)}")
    return f"{{{', '.join(parts)}}}"


def _facts(when: str) -> list[str]:
    found = []
    for part in filter(None, (part.strip() for part in when.split(";"))):
        name, _, values = part.partition("=")
        given = [_quoted(value.strip()) for value in values.split(",") if value.strip()]
        key = name.strip() if _PLAIN.fullmatch(name.strip()) else _quoted(name.strip())
        found.append(f"{key}: {given[0] if len(given) == 1 else '[' + ', '.join(given) + ']'}")
    return found


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
