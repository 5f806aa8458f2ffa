"""The house whose books the stories are: its accounts by role, and its rules under a story's policy."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from schemas.documents import kinds
from schemas.files.owned import text_of
from streams.rules.catalogue import (
    ACCOUNT_MAPPING,
    DEPOSIT_MATCHING,
    EXCHANGE_RATES,
    KINDS,
    OPEN_ITEM_MATCHING,
    PAYMENT_CODES,
    WRITE_OFF_LIMITS,
)
from tests.accounting.stories import BankLine, Story

# G/L account by role; receivable, on_account and refund_liability are the customer's own account in abas.
ACCOUNTS = {
    "bank": "1200",
    "clearing": "1360",
    "unidentified": "1590",
    "reserve": "1365",
    "chargeback_receivable": "1366",
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
# What may be given up of one item, minor units: "1 % or 50.00, the smaller".
LIMIT_MINOR = 5000
# After how many days a card without funds is tried again.
NEXT_TRY_DAYS = 8
_BY_AMOUNT = frozenset({"exact-amount", "exact-sum"})
BANK_ACCOUNT = "house"  # our label of the bank account into which customers pay
MAIN = "main"  # the merchant account of a story that names none


def accounts_of(story: Story) -> dict[str, str]:
    """Return the role of each G/L account; a merchant account that has a name has a clearing account of its own."""
    named = {getattr(event, "merchant_account", MAIN) for event in story.given} - {MAIN}
    own = {f"{ACCOUNTS['clearing']}{name}": f"clearing_{name}" for name in named}
    return {**{number: role for role, number in ACCOUNTS.items()}, **own}


def text_of_rules(name: str, story: Story) -> str:
    """Return the rules that are in force in a story: those that ship, but for what this house decides by itself."""
    if name == ACCOUNT_MAPPING.name:
        return yaml.safe_dump(_mapping(story), sort_keys=False)
    if name == WRITE_OFF_LIMITS.name:
        return yaml.safe_dump({"version": 1, "limits_minor": dict.fromkeys(_currencies(story), LIMIT_MINOR)})
    if name == OPEN_ITEM_MATCHING.name:
        return _matching()
    if name == DEPOSIT_MATCHING.name:
        pays = {"accounts": {BANK_ACCOUNT: "named"}, "invoices": [{"find": r"\b[A-Z]{1,3}-?\d+\b"}]}
        return yaml.safe_dump(
            {
                **yaml.safe_load(text_of(DEPOSIT_MATCHING.shipped)),
                "customers_pay": pays,
                "paid_out_in": _paid_out_in(story),
            }
        )
    if name == EXCHANGE_RATES.name:
        return yaml.safe_dump({"version": 1, "maximum_age_days": 3, "providers": ["manual"]})
    if name == PAYMENT_CODES.name:
        return _codes()
    return text_of(KINDS[name].shipped)


@cache
def _codes() -> str:
    """Return the codes that ship, with the house's own pause after a decline for want of funds."""
    rules = yaml.safe_load(text_of(PAYMENT_CODES.shipped))
    rules["declines"]["51"]["again_after_days"] = NEXT_TRY_DAYS
    return yaml.safe_dump(rules)


@cache
def _matching() -> str:
    """Return the rules that ship, without those that go by the amount alone: the stories apply what a payment names."""
    rules = yaml.safe_load(text_of(OPEN_ITEM_MATCHING.shipped))
    rules["rules"] = [rule for rule in rules["rules"] if rule["name"] not in _BY_AMOUNT]
    return yaml.safe_dump(rules, sort_keys=False)


def _mapping(story: Story) -> dict[str, Any]:
    accounts: dict[str, list[dict[str, Any]]] = {}
    for number, role in accounts_of(story).items():
        if role in ACCOUNTS:
            accounts.setdefault(role, []).append({"account": number})
        else:
            role, _, merchant = role.partition("_")
            accounts.setdefault(role, []).insert(0, {"account": number, "when": {"merchant_account": merchant}})
    del accounts["sales"]  # what abas books by itself
    policy = story.policy
    documents = [kind.kind for kind in kinds().values() if kind.is_document]
    applies = any(reaction["event"] == "apply_on_account" for reaction in story.expect.reactions)
    return {
        "version": 1,
        "accounts": accounts,
        "policies": {
            "closed_period": dict.fromkeys(documents, policy.closed_period or "park"),
            "refund_without_credit_memo": policy.refund_without_credit_memo or "reopen",
            "chargeback": policy.chargeback or "receivable",
            "chargeback_lost": policy.chargeback_lost or "reopen",
            "unapplied": "on_account",
            # No policy of a story says it; one that lists it among its reactions is played under that rule (ADR 0093).
            "apply_on_account": "oldest_first" if applies else "off",
            "write_off": {"percent": 1, "limits_minor": dict.fromkeys(_currencies(story), LIMIT_MINOR)},
            "skonto": {"grace_days": 0},
            "base_currency": story.base,
        },
    }


def _paid_out_in(story: Story) -> dict[str, list[str]]:
    others = {event.currency for event in story.given if isinstance(event, BankLine) and event.currency} - {None}
    return {f"{MAIN}/{story.currency}": sorted(filter(None, others))} if others else {}


def _currencies(story: Story) -> list[str]:
    own = (getattr(event, "currency", None) for event in story.given)
    return sorted({story.currency, *filter(None, own)})
