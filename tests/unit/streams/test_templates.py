"""Texts of the mapping with places for facts."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.files.owned import FileInvalid, text_of
from streams.domain.accounts import Account
from streams.rules.catalogue import ACCOUNT_MAPPING
from streams.rules.mapping import account_mapping
from streams.rules.templates import TemplateInvalid, template

ON = date(2026, 11, 3)
FACTS = {"fee_kind": "MONTHLY", "amount": "1234567.50", "currency": "USD"}
SHIPPED = text_of(ACCOUNT_MAPPING.shipped)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("PayTrace {fee_kind} {value_on:%m/%Y}", "PayTrace MONTHLY 11/2026"),
        ("{value_on} {value_on:%d.%m.%y}", "2026-11-03 03.11.26"),
        ("{amount} {amount:1234.50} {amount:1,234.50}", "1234567.50 1234567.50 1,234,567.50"),
        ("{amount:1234,50} {amount:1.234,50} {currency}", "1234567,50 1.234.567,50 USD"),
        ("of {customer} in {company}, {{braces}}", "of in , {braces}"),
        ("plain", "plain"),
    ],
)
def test_places_are_filled_in(text: str, filled: str) -> None:
    assert template(text)(FACTS, ON) == filled


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{fee_kin}", "{fee_kin} is no fact; did you mean fee_kind"),
        ("{}", "is no fact"),
        ("{0}", "is no fact"),
        ("{kind.__class__}", "is no fact"),
        ("{kind[0]}", "is no fact"),
        ("{kind!r}", "leave out !r"),
        ("{kind:>9999999}", "only value_on and amount have a format"),
        ("{amount:.2f}", "is no format of amounts; write it as one of 1234.50"),
        ("{value_on:%s}", "is no format of days; use %d, %m, %Y and %y"),
        ("{value_on:{kind}%}", "is no format of days"),
        ("{kind", "brace"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_when_the_file_is_read(text: str, problem: str) -> None:
    with pytest.raises(TemplateInvalid) as raised:
        template(text)
    assert problem in str(raised.value)


def mapping(text: str) -> Any:
    return account_mapping(SHIPPED.replace('"1361"}', f'"1361", text: "{text}"}}'), "m.yaml")


def test_a_line_of_the_mapping_gives_its_text_filled_in() -> None:
    found = mapping("PayTrace {method} {value_on:%m/%Y}").accounts.of("clearing", {"method": "CARD"}, ON)
    assert found == Account("1361", text="PayTrace CARD 11/2026")


def test_the_mapping_names_the_line_of_a_text_that_is_wrong() -> None:
    with pytest.raises(
        FileInvalid, match=r"m\.yaml:\d+: accounts\.clearing\.0\.text: \{methd\} is no fact; did you mean method"
    ):
        mapping("{methd}")


@given(st.text(max_size=30))
def test_any_text_is_filled_in_or_refused(text: str) -> None:
    try:
        filled = template(text)
    except TemplateInvalid:
        return
    assert filled({}, ON) == filled({}, ON)
