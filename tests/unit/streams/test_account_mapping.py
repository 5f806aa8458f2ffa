"""The mapping: which account a line gets, what can't be used, and expressions that can do no harm."""

from __future__ import annotations

import json
import re
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas.files.owned import FileInvalid, text_of
from streams.domain.accounts import Account, AccountMapping, Unmapped
from streams.domain.choices import CashDiscount, SmallRests
from streams.rules.catalogue import ACCOUNT_MAPPING
from streams.rules.conditions import ConditionInvalid, condition
from streams.rules.mapping import account_mapping, editors_schema

SHIPPED = text_of(ACCOUNT_MAPPING.shipped)
POLICIES = SHIPPED[SHIPPED.index("policies:") :]
DAY = date(2026, 11, 30)


def mapping(accounts: str, policies: str = POLICIES) -> AccountMapping:
    return account_mapping(f"version: 7\naccounts:\n{accounts}{policies}", "m.yaml")


def problem(accounts: str, policies: str = POLICIES) -> str:
    with pytest.raises(FileInvalid) as found:
        mapping(accounts, policies)
    return str(found.value)


FEES = """\
  fees:
    - {account: "6857", when: {fee_kind: [CHARGEBACK, RETRIEVAL]}, text: "Disputes"}
    - {account: "6856", cost_centre: "200", tax_code: "19", when: {merchant_account: second}, from: 2026-12-01}
    - {account: "6858", if: 'amount >= 1000.00 and currency == "USD"'}
    - {account: "6855"}
"""


@pytest.mark.parametrize(
    ("facts", "on", "number"),
    [
        ({}, DAY, "6855"),
        ({"fee_kind": "CHARGEBACK"}, DAY, "6857"),
        ({"fee_kind": "RETRIEVAL", "merchant_account": "second"}, date(2026, 12, 1), "6857"),
        ({"fee_kind": "MONTHLY", "merchant_account": "second"}, DAY, "6855"),
        ({"fee_kind": "MONTHLY", "merchant_account": "second"}, date(2026, 12, 1), "6856"),
        ({"amount": "999.99", "currency": "USD"}, DAY, "6855"),
        ({"amount": "1000.00", "currency": "USD"}, DAY, "6858"),
        ({"amount": "1000.00"}, DAY, "6855"),
    ],
)
def test_the_first_line_that_counts_gives_the_account(facts: dict[str, str], on: date, number: str) -> None:
    found = mapping(FEES).accounts.of("fees", facts, on)
    assert isinstance(found, Account)
    assert found.number == number


def test_a_line_gives_all_that_it_says() -> None:
    found = mapping(FEES).accounts.of("fees", {"merchant_account": "second"}, date(2027, 1, 1))
    assert found == Account("6856", "200", "19", None)
    assert mapping(FEES).version == 7


def test_a_role_without_a_line_says_what_is_known_and_what_to_do() -> None:
    found = mapping(FEES).accounts.of("clearing", {"method": "CARD", "kind": "cash_receipt"}, DAY)
    assert found == Unmapped(
        "clearing",
        "no account for role clearing on 2026-11-30 (kind cash_receipt, method CARD); "
        "add a line below accounts.clearing",
    )


@pytest.mark.parametrize(
    ("accounts", "what"),
    [
        ("  fees: [{acount: '1'}]\n", "m.yaml:3: accounts.fees.0.acount: is no entry here; did you mean account?"),
        ("  fees: [{account: 1}]\n", "m.yaml:3: accounts.fees.0.account: is read as a number; put it in quotes"),
        ("  fees: [{account: ''}]\n", "accounts.fees.0.account"),
        ("  fees: [{account: '1', when: {methd: CARD}}]\n", "when.methd: is no fact; did you mean method?"),
        ("  fees: [{account: '1', when: {method: CRD}}]\n", "when.method: is 'CRD', which is none; did you mean CARD?"),
        ("  fees: [{account: '1', when: {kind: fees}}]\n", "when.kind: is 'fees', which is none; did you mean fee"),
        ("  fees: [{account: '1', when: {amount: '5'}}]\n", "write it as an expression: if: 'amount > 1000.00'"),
        ("  fees: [{account: '1', from: soon}]\n", "m.yaml:3: accounts.fees.0.from"),
        ("  fees: [{account: '1', if: 'methd == \"x\"'}]\n", "if: names methd, which is no fact; did you mean method?"),
        (
            "  fees:\n    - {account: '1'}\n    - {account: '2', when: {method: CARD}}\n",
            "m.yaml:5: accounts.fees.1: is never reached: line 4 takes all of it; put it above, or drop it",
        ),
        (
            "  fees:\n    - {account: '1', when: {method: [CARD, ACH]}}\n    - {account: '2', when: {method: CARD}}\n",
            "m.yaml:5: accounts.fees.1: is never reached: line 4",
        ),
        (
            "  fees:\n    - {account: '1'}\n    - {account: '2', from: 2026-12-01}\n",
            "m.yaml:5: accounts.fees.1: is never reached: line 4",
        ),
    ],
)
def test_what_can_not_be_used_is_named_with_line_and_remedy(accounts: str, what: str) -> None:
    assert what in problem(accounts)


def test_the_company_of_a_merchant_account() -> None:
    found = mapping(FEES, f"{POLICIES}companies: {{main: de, second: at}}\n")
    assert (found.company_of("second"), mapping(FEES).company_of("second")) == ("at", "")
    missing = found.company_of("third")
    assert isinstance(missing, Unmapped)
    assert missing.why == "no company for merchant account third; add it below companies"
    assert "companies.main" in problem(FEES, f"{POLICIES}companies: {{main: Wien Mitte}}\n")


EDITOR = jsonschema_rs.validator_for(dict(editors_schema()))


def test_an_editor_takes_every_mapping_that_can_be_used() -> None:
    texts = [SHIPPED, f"version: 7\naccounts:\n{FEES}{POLICIES}companies: {{main: de}}\n"]
    texts += [one.read_text() for one in Path("docs/examples").rglob("*mapping*.yaml")]
    for text in texts:
        account_mapping(text, "m.yaml")
        assert list(EDITOR.iter_errors(as_an_editor_reads(text))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 1\n", ""),
        ("version: 1\n", "version: 0\n"),
        ("  bank:", "  banks:"),
        ('{account: "1200"}', '{acount: "1200"}'),
        ('{account: "1200"}', "{account: 1200}"),
        ('{account: "1200"}', '{account: "1200", when: {merchant: main}}'),
        ('{account: "1200"}', '{account: "1200", from: 31.12.2026}'),
        ('{account: "1200"}', '{account: "1200", when: {method: CASH}}'),
        ('{account: "1200"}', '{account: "1200", when: {kind: recipt}}'),
        ("chargeback: receivable", "chargeback: maybe"),
        ("closed_period: {}", "closed_period: {fee: never}"),
        ("closed_period: {}", "closed_period: {fees: park}"),
        ("base_currency: USD", "base_currency: usd"),
        ("write_off: off #", "write_off: {percent: 2} #"),
        ("policies:", "statuses: {payment: {PAYED: x}}\npolicies:"),
        ("policies:", "companies: {main: Wien Mitte}\npolicies:"),
    ],
)
def test_an_editor_marks_what_can_not_be_used(old: str, new: str) -> None:
    assert old in SHIPPED
    text = SHIPPED.replace(old, new)
    with pytest.raises(FileInvalid):
        account_mapping(text, "m.yaml")
    assert list(EDITOR.iter_errors(as_an_editor_reads(text)))


class Core(yaml.SafeLoader):
    """YAML 1.2 as editors read it: `off` and a day are texts, only true and false are neither."""


Core.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith((":timestamp", ":bool"))]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), ["t", "f"])


def as_an_editor_reads(text: str) -> Any:
    return json.loads(json.dumps(yaml.load(text, Loader=Core)))


def test_a_later_line_from_a_later_day_or_with_a_wider_condition_is_reached() -> None:
    lines = "  fees:\n    - {account: '2', from: 2026-12-01}\n    - {account: '1'}\n"
    assert mapping(lines).accounts.of("fees", {}, DAY) == Account("1")
    assert mapping(lines).accounts.of("fees", {}, date(2026, 12, 1)) == Account("2")


def test_policies_are_all_there_with_todays_behaviour() -> None:
    found = account_mapping(SHIPPED, "shipped").policies
    assert (found.unapplied, found.apply_on_account, found.write_off, found.skonto) == ("wait", "off", None, None)
    assert found.for_closed_period("cash_receipt") == "park"


def test_policies_of_ones_own() -> None:
    own = (
        POLICIES.replace("write_off: off", "write_off: {percent: 1.5, limits_minor: {USD: 500}}")
        .replace("skonto: off", "skonto: {grace_days: 3}")
        .replace("closed_period: {}", "closed_period: {fee: redate}")
        .replace("apply_on_account: off", "apply_on_account: oldest_first")
    )
    found = mapping(FEES, own).policies
    assert found.write_off == SmallRests(Decimal("1.5"), {"USD": 500})
    assert found.skonto == CashDiscount(3)
    assert (found.for_closed_period("fee"), found.for_closed_period("deposit")) == ("redate", "park")
    assert found.apply_on_account == "oldest_first"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("unapplied: wait", "unapplied: wai", "policies.unapplied: is 'wai'; write 'wait' or 'on_account'"),
        ("closed_period: {}", "closed_period: {fees: park}", "closed_period.fees: is no document; did you mean fee"),
        ("skonto: off", "skonto: {grace: 3}", "policies.skonto.grace: is no entry here; did you mean grace_days?"),
        ("write_off: off", "write_off: {percent: 200, limits_minor: {}}", "policies.write_off.percent"),
        ("write_off: off", "write_off: {percent: 2, limits_minor: {USX: 1}}", "limits_minor.USX: is no currency"),
        ("base_currency: USD", "base_currency: Dollar", "policies.base_currency: is no currency"),
        ("base_currency: USD", "", "policies.base_currency: is missing; write it"),
    ],
)
def test_a_policy_that_there_is_not_is_named(old: str, new: str, what: str) -> None:
    assert what in problem(FEES, POLICIES.replace(old, new))


# -- expressions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('method == "CARD"', True),
        ("method in ['ACH', 'CARD'] and not currency == 'EUR'", True),
        ("amount == 0.1 + 0.2", True),  # exact decimals: a float would say no
        ("amount < 0.30", False),
        ("amount > 0.299999999999999999999999999", True),
        ('customer == "70001"', False),  # not known
        ('customer != "70001"', False),  # not known either, so the line says nothing
    ],
)
def test_expressions_are_exact_and_say_nothing_of_what_is_not_known(text: str, *, holds: bool) -> None:
    assert condition(text)({"method": "CARD", "currency": "USD", "amount": "0.30"}) is holds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no expression"),
        ("method", "is no question about a fact"),
        ("1 == 1", "is no question about a fact"),
        ("method = 'CARD'", "can't be read from \"= 'CARD'\" on"),
        ("method == 'CARD", "can't be read from"),
        ("amount == 'x'", "compares a number with a text"),
        ("method > 5", "is no expression (data type mismatch)"),
        ("method == 5 or method == 'CARD'", "compares a number with a text"),
        ("amount in ['1']", "compares a number with a text"),
        ("method.__class__ == 'x'", "can't be read from"),
        ("method.as_upper == 'CARD'", "can't be read from"),
        ("$now > amount", "can't be read from '$now > amount' on"),
        ("$random() > 0", "can't be read from"),
        ("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' =~ '(a+)+$'", "can't be read from"),
        ("amount ** 99999999 > 1", "can't be read from '** 99999999"),
        ("[x for x in [1]] == amount", "names x, which is no fact"),
        ("amount > 1_000", "can't be read from"),
        ("(" * 400 + "true" + ")" * 400, "has 804 characters; 300 are the most"),
    ],
)
def test_what_could_do_harm_or_means_nothing_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConditionInvalid) as found:
        condition(text)
    assert why in str(found.value)


TOKENS = st.sampled_from(
    ["amount", "method", "and", "or", "not", "in", "==", "!=", "<", ">", "(", ")", "[", "]", ",", "+", "-", "'CARD'",
     '"x"', "1", "0.5", "true", "false", "**", "$now", ".", "for"]
)  # fmt: skip


@given(st.lists(TOKENS, max_size=40).map(" ".join) | st.text(max_size=60))
def test_whatever_is_written_either_decides_at_once_or_is_refused(text: str) -> None:
    began = time.perf_counter()
    try:
        holds = condition(text)
    except ConditionInvalid:
        pass
    else:
        assert holds({"amount": "1.00", "method": "CARD"}) in (True, False)
    assert time.perf_counter() - began < 1
