"""Argon2 at its least cost, for tests that log in often."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from app.access import passwords

REAL = passwords._HASHER


def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash at the least cost until the test is over."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
