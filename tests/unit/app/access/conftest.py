"""Passwords of tests are hashed quickly; the real cost is a third of a second each."""

from __future__ import annotations

import pytest

from tests.support.passwords import quick_passwords


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick_passwords(monkeypatch)
