"""Which words a settings file and the environment may use; a typing error is reported with what was probably meant.

For `load_settings`, before any value is read: a setting that nobody reads is a setting that somebody relies on.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from schemas.failures import ContractBroken
from schemas.files.yaml_lines import near

PREFIX = "SALDO_"
# Read elsewhere than in Settings: the file's own place, the embedded runtime's cache and mirror.
OUTSIDE_SETTINGS = frozenset({"SALDO_CONFIG", "SALDO_CACHE_DIR", "SALDO_JAR_REPOSITORY"})
# How alike a foreign variable must be to one of ours to count as a typing error. An orchestrator puts names of its own
# into the environment (SALDO_PORT, SALDO_SERVICE_HOST for a service called saldo), and those are none.
_TYPING_ERROR = 0.8
# What the tests read: the live contract suites, a ClickHouse server of the developer's.
_OF_THE_TESTS = ("SALDO_LIVE_", "SALDO_TEST_")


def file_problems(file: Path, settings: type[BaseModel], *, is_named: bool) -> Iterator[str]:
    """Yield every word of a TOML file that is no setting; a file that was named must be there.

    Raises: ContractBroken when it can't be read as TOML, with the line.
    """
    try:
        reported = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if is_named:
            yield f"{file}, named by SALDO_CONFIG, is not there"
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContractBroken(f"{file} is not TOML: {error}") from None
    sections = _sections(settings)
    for word, value in reported.items():
        if word not in settings.model_fields:
            yield f"{file}: {_shown(word, value)} is no setting; {near(word, settings.model_fields)}"
        elif word in sections and isinstance(value, dict):
            known = sections[word].model_fields
            for name in value:
                if name not in known:
                    yield f"{file}: [{word}] has no setting {name!r}; {near(name, known)}"


def variable_problems(environment: Iterable[str], settings: type[BaseModel]) -> Iterator[str]:
    """Yield every variable that is no setting and looks like one."""
    known = set(OUTSIDE_SETTINGS)
    for name in settings.model_fields:
        known.add(f"{PREFIX}{name}".upper())
    for section, model in _sections(settings).items():
        known.update(f"{PREFIX}{section}_{name}".upper() for name in model.model_fields)
    bare = {name.removeprefix(PREFIX): name for name in known}
    for variable in sorted(name for name in environment if name.upper().startswith(PREFIX)):
        if variable.upper().startswith(_OF_THE_TESTS):
            continue
        word = variable.upper().removeprefix(PREFIX)
        likely = difflib.get_close_matches(word, bare, n=1, cutoff=_TYPING_ERROR)
        if word not in bare and likely:
            yield f"the environment's {variable} is no setting; did you mean {bare[likely[0]]}?"


def secret_variables(settings: type[BaseModel]) -> Mapping[str, frozenset[str]]:
    """Return the environment variables that hold a secret, by section (`paytrace`, `kafka`, ...)."""
    found = {
        section: frozenset(
            f"{PREFIX}{section}_{name}".upper()
            for name, field in model.model_fields.items()
            if _holds_secret(field.annotation)
        )
        for section, model in _sections(settings).items()
    }
    return {section: names for section, names in found.items() if names}


def without_secrets(
    environment: Mapping[str, str], settings: type[BaseModel], *, keep: Iterable[str] = ()
) -> dict[str, str]:
    """Return the environment without the secrets of every section but these.

    A section may be given as one JSON object (SALDO_PAYTRACE); what is secret in it is taken out.
    """
    kept, sections, given = frozenset(keep), _sections(settings), dict(environment)
    dropped = {name for section, names in secret_variables(settings).items() if section not in kept for name in names}
    for name in environment:
        section = name.upper().removeprefix(PREFIX).lower()
        if name.upper() in dropped:
            del given[name]
        elif name.upper() == f"{PREFIX}{section}".upper() and section in sections and section not in kept:
            given[name] = _without_secret_fields(given[name], sections[section])
    return given


def _without_secret_fields(text: str, model: type[BaseModel]) -> str:
    """Return a section without its secret fields.

    An empty one where the text is no JSON object, which no process can read.
    """
    try:
        reported = json.loads(text)
    except ValueError:
        reported = None
    if not isinstance(reported, dict):
        return "{}"
    secret = {name for name, field in model.model_fields.items() if _holds_secret(field.annotation)}
    return json.dumps({name: value for name, value in reported.items() if name not in secret})


def _holds_secret(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_holds_secret(field.annotation) for field in annotation.model_fields.values())
    return annotation is SecretStr or any(_holds_secret(part) for part in get_args(annotation))


def _sections(settings: type[BaseModel]) -> Mapping[str, type[BaseModel]]:
    return {
        name: field.annotation
        for name, field in settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def _shown(word: str, value: Any) -> str:
    return f"section [{word}]" if isinstance(value, dict) else repr(word)
