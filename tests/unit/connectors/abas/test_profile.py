"""The profile file: read whole, refused with line numbers, never a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.abas.client import AbasClient
from connectors.abas.errors import ProfileMismatch, ProfileUnreadable
from connectors.abas.profile import load_profile, parse_profile
from connectors.abas.settings import SANDBOX_PROFILE, AbasSettings
from connectors.abas.sink import AbasSink

TEXT = SANDBOX_PROFILE.read_text(encoding="utf-8")


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_sandbox_profile_is_valid() -> None:
    profile = load_profile(SANDBOX_PROFILE)
    assert profile.tables.payment.fields.posting_reference == "yposref"
    line = line_of(TEXT, 'table: "900:2"')
    assert profile.where("tables", "payment", "table").endswith(f":{line}")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('table: "900:1"', 'table: "900"'),
        ("strategy: infosystem", "strategy: telepathy"),
        ("vault_customer: ypaytracecust", "vault_customer: 'a;b'"),
        ("time_zone: UTC", "timezone: UTC"),
        ("amount_sign: negative", "amount_sign: sideways"),
    ],
)
def test_a_wrong_entry_is_told_with_its_line(right: str, wrong: str) -> None:
    text = TEXT.replace(right, wrong, 1)
    with pytest.raises(ProfileUnreadable) as caught:
        parse_profile(text, origin="p.yaml")
    assert f"p.yaml:{line_of(text, wrong)}:" in str(caught.value)


def test_every_wrong_entry_is_told_at_once() -> None:
    text = TEXT.replace('table: "0:1"', "table: x", 1).replace("strategy: infosystem", "strategy: x")
    with pytest.raises(ProfileUnreadable) as caught:
        parse_profile(text, origin="p.yaml")
    assert str(caught.value).count("p.yaml:") == 2


def test_outstanding_items_must_come_from_somewhere() -> None:
    text = TEXT[: TEXT.index("  open_item:\n    table")] + TEXT[TEXT.index("  payment:\n    table") :]
    with pytest.raises(ProfileUnreadable, match=r"tables\.open_item or open_item_list"):
        parse_profile(text, origin="p.yaml")


def test_every_method_and_reason_needs_a_word() -> None:
    text = TEXT.replace('ACH: "(Other)", ', "").replace("VOID: VOID, ", "")
    with pytest.raises(ProfileUnreadable, match="say nothing for ACH, VOID"):
        parse_profile(text, origin="p.yaml")


def test_a_profile_without_a_document_kind_posts_nothing() -> None:
    text = TEXT.replace("    receipt_reversal:\n", "    receipt_reversl:\n")
    with pytest.raises(ProfileMismatch, match=r"p\.yaml:\d+: posting\.documents has no receipt_reversal"):
        AbasSink(AbasClient(AbasSettings()), parse_profile(text, origin="p.yaml"), AbasSettings())


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProfileUnreadable, match=r"nowhere\.yaml"):
        load_profile(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("text", ["", "- a", "a: [", "\t", "a: &x [*x]", "1: 2", "? [a]: b", "{" * 500])
def test_what_is_no_profile_is_told(text: str) -> None:
    with pytest.raises(ProfileUnreadable):
        parse_profile(text, origin="p.yaml")


@given(st.text(max_size=100))
def test_any_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(ProfileUnreadable):
        parse_profile(text, origin="p.yaml")


def test_secrets_are_masked_in_every_text_form() -> None:
    login = {"token_url": "u", "client_id": "c", "client_secret": "s3cr3t"}
    settings = AbasSettings.model_validate({"password": "hunter2", "token_login": login})
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in text
        assert "s3cr3t" not in text
