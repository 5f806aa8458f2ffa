"""Fixtures that any test may ask for; each lives in its own module under tests/support."""

pytest_plugins = ["tests.support.kafka", "tests.support.registry"]
