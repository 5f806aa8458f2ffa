"""The house whose books the stories are: its accounts by role, and its rules under a story's policy."""

from __future__ import annotations

from schemas.files.owned import text_of
from streams.rules.catalogue import KINDS
from tests.accounting.stories import Story

# G/L account by role; receivable and on_account are the customer's own account in abas.
ACCOUNTS = {
    "bank": "1200",
    "clearing": "1360",
    "unidentified": "1590",
    "reserve": "1365",
    "chargeback_receivable": "1366",
    "refund_liability": "1731",
    "fees": "4970",
    "chargeback_fees": "4971",
    "input_tax": "1576",
    "skonto": "8730",
    "output_tax": "1776",
    "write_off": "4930",
    "fx_gain": "2660",
    "fx_loss": "2150",
    "fx_position": "1368",
    "sales": "8400",
}
MAIN = "main"  # the merchant account of a story that names none


def accounts_of(story: Story) -> dict[str, str]:
    """Return the role of each G/L account; a merchant account that has a name has a clearing account of its own."""
    named = {getattr(event, "merchant_account", MAIN) for event in story.given} - {MAIN}
    own = {f"{ACCOUNTS['clearing']}{name}": f"clearing_{name}" for name in named}
    return {**{number: role for role, number in ACCOUNTS.items()}, **own}


def text_of_rules(name: str, story: Story) -> str:
    """Return the rules that are in force in a story."""
    return text_of(KINDS[name].shipped)
