"""`saldo sandbox fault`: what a sandbox refuses is one line, not the JSON of its answer."""

from __future__ import annotations

import pytest

from app.cli.sandbox import _reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('{"error":"no such fault: x; known are latency_s"}', "no such fault: x; known are latency_s"),
        ("<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        ('{"detail": "gone"}', '{"detail": "gone"}'),
        ("[]", "[]"),
    ],
)
def test_the_reason_is_read_out_of_the_answer(answer: str, reason: str) -> None:
    assert _reason(answer) == reason
