"""One real schema registry for a whole test session; `tests/conftest.py` loads this module as a plugin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.embedded.registry import EmbeddedRegistry
from tests.support.parts import Parts, chosen, container_registry


@pytest.fixture(scope="session")
def schema_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a registry at FULL_TRANSITIVE that starts with the first test that asks for it."""
    if chosen() is Parts.CONTAINERS:
        with container_registry() as url:
            yield url
    else:
        with EmbeddedRegistry(tmp_path_factory.mktemp("saldo-registry"), die_with_parent=True) as registry:
            yield registry.url
