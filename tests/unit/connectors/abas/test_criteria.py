"""Selections hold only what can't mean anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.abas.criteria import Filing, Selection, at_least, equals, not_empty
from connectors.abas.errors import AbasValueNotAllowed


def test_parts_say_filing_and_order() -> None:
    selection = Selection((equals("yposref", "PT1"), not_empty("kl^such")), Filing.BOTH, "idno")
    assert selection.parts("@order={field}") == (
        "yposref==PT1",
        "kl^such<>`",
        "@filingmode=(Both)",
        "@order=idno",
    )
    assert at_least("stand", "2026-11-01") == "stand=2026-11-01!"


@pytest.mark.parametrize("value", ["(4711,900,0)", "RE-100451", "Müller 7", "a/b:c#d", "2026-11-20", "ops+1_2.3"])
def test_usual_values_pass(value: str) -> None:
    assert equals("f", value) == f"f=={value}"


@pytest.mark.parametrize("value", ["", "a;b", "a!b", "`", "a=b", "@link=(Or)", "a\nb", "a<b", "~x", "$x", "x" * 201])
def test_values_that_a_selection_may_misread_are_refused(value: str) -> None:
    with pytest.raises(AbasValueNotAllowed):
        equals("f", value)


@pytest.mark.parametrize("name", ["", "a b", "1a", "a^", "a;b", "^a"])
def test_what_is_no_field_name_is_refused(name: str) -> None:
    with pytest.raises(AbasValueNotAllowed):
        equals(name, "x")


@given(st.text(max_size=50))
def test_whatever_passes_is_one_condition(value: str) -> None:
    try:
        condition = equals("f", value)
    except AbasValueNotAllowed:
        return
    assert condition == f"f=={value}"
    assert not set(value) & set(";!`@=<>~$%\n")
