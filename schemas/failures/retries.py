"""Repeats of a call, by stamina. It is taken from here, because its own hooks print a raw line for each repeat.

They write past our logging (structlog's default, straight to the terminal), whatever is configured. What came of the
repeats is said once, in a sentence, by whoever asked.
"""

from __future__ import annotations

import stamina  # noqa: TID251  # the one place
from stamina.instrumentation import set_on_retry_hooks  # noqa: TID251  # likewise

set_on_retry_hooks([])

retry_context = stamina.retry_context
