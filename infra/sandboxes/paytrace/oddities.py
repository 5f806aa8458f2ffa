"""What an export may hold that no documentation mentions: odd words, and amounts written in other ways.

Switched on by faults; lists of the sandbox's own, so that the client meets words that it was not written for. Which row
gets which oddity follows from its number, so that the same row says the same as long as the switch is on.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

# status_code and status_message of a card row, none of which says that money has moved.
CARD_STATUSES: Final = (
    ("N", "Suspended"),
    ("Suspended", "Suspended"),
    ("N", "Not yet settled"),
    ("N", "VOID - never settled"),
    ("Y", "Pending Void"),
    ("Y", "Pending Review"),
    ("Y", "Settled - reversed"),
    ("GB12", "Settlement failed"),
    ("GB12X", "GB12X"),
    ("Unsettled", "Unsettled"),
    ("S", "Settling"),
    ("P", "Processing"),
    ("C", "Chargeback"),
    ("N", "Authorization reversed"),
)
ACH_STATUSES: Final = (
    "SETTLING",
    "NOT_SETTLED",
    "SETTLED_REVERSED",
    "PARTIALLY_RETURNED",
    "SETTLED (HOLD)",
    "ON_HOLD",
    "CLEARED?",
)


def _grouped(amount_minor: int) -> str:
    return f"{Decimal(amount_minor) / 100:,.2f}"


def _plain(amount_minor: int) -> str:
    return f"{Decimal(amount_minor) / 100:.2f}"


Style = Callable[[int], object]
# Each is one amount and no other, however it is written.
CLEAR_AMOUNTS: Final[tuple[Style, ...]] = (
    _plain,
    _grouped,
    lambda minor: f"${_grouped(minor)}",
    lambda minor: f"  {_plain(minor)} ",
    lambda minor: f"USD {_grouped(minor)}",
    lambda minor: f"{_plain(minor)} USD",
    lambda minor: f"{_plain(minor)}0",
    lambda minor: Decimal(_plain(minor)) + Decimal("0.000000001"),
    lambda minor: f"+{_plain(minor)}",
)
# Each may be read as another amount, or as none.
UNCLEAR_AMOUNTS: Final[tuple[Style, ...]] = (
    lambda minor: _plain(minor).replace(".", ","),
    lambda minor: f"{_plain(minor)} EUR",
    lambda minor: Decimal(_plain(minor)) + Decimal("0.004"),
    lambda minor: "n/a",
    lambda minor: None,
    lambda minor: {"value": _plain(minor)},
    lambda minor: f"about {_plain(minor)}",
)
