"""The guard key of tests and golden scenarios: masks of numbers are the same in each run."""

from __future__ import annotations

import os

from schemas.checks.sensitive import install_guard_key

GUARD_KEY = "the guard key of the tests, and of nothing else"
PRIVACY_KEY = "the privacy key of the tests, and of nothing else"


def use_guard_key_of_the_tests() -> None:
    """For this process, and for the processes that it starts."""
    os.environ["SALDO_GUARD_KEY"] = GUARD_KEY
    os.environ["SALDO_PRIVACY_KEY"] = PRIVACY_KEY
    install_guard_key(GUARD_KEY.encode())
