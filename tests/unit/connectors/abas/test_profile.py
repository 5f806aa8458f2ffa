"""The profile file: read whole, refused with line numbers, never a crash."""

from __future__ import annotations

import re
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
    assert profile.documents["cash_receipt"].inputs["posting_reference"] == "yposref"
    line = line_of(TEXT, 'table: "900:2"')
    assert profile.where("documents", "cash_receipt", "table").endswith(f":{line}")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('table: "900:1"', 'table: "900"'),
        ("strategy: infosystem", "strategy: telepathy"),
        ("vault_customer: ypaytracecust", "vault_customer: 'a;b'"),
        ("time_zone: UTC", "timezone: UTC"),
        ("    created: erfass", "    amount_side: sideways\n    created: erfass"),
    ],
)
def test_a_wrong_entry_is_reported_with_its_line(right: str, wrong: str) -> None:
    text = TEXT.replace(right, wrong, 1)
    with pytest.raises(ProfileUnreadable) as caught:
        parse_profile(text, origin="p.yaml")
    assert f"p.yaml:{line_of(text, wrong)}:" in str(caught.value)


def test_every_wrong_entry_is_reported_at_once() -> None:
    text = TEXT.replace('table: "0:1"', "table: x", 1).replace("strategy: infosystem", "strategy: x")
    with pytest.raises(ProfileUnreadable) as caught:
        parse_profile(text, origin="p.yaml")
    assert str(caught.value).count("p.yaml:") == 2


def test_outstanding_items_must_come_from_somewhere() -> None:
    text = TEXT[: TEXT.index("  open_item:\n    table")] + TEXT[TEXT.index("  sales_order:\n    table") :]
    with pytest.raises(ProfileUnreadable, match=r"tables\.open_item or open_item_list"):
        parse_profile(text, origin="p.yaml")


def test_every_method_and_reason_needs_a_word() -> None:
    text = TEXT.replace('ACH: "(Other)", ', "").replace("VOID: VOID, ", "")
    with pytest.raises(ProfileUnreadable, match=r"cash_receipt\.codes: say nothing for method ACH; write abas' word"):
        parse_profile(text, origin="p.yaml")
    with pytest.raises(ProfileUnreadable, match=r"cash_receipt_reversal\.codes: say nothing for reason VOID"):
        parse_profile(text, origin="p.yaml")


def test_a_profile_without_a_document_kind_posts_nothing() -> None:
    profile = parse_profile(TEXT, origin="p.yaml")
    others = {kind: way for kind, way in profile.documents.items() if kind != "cash_receipt_reversal"}
    with pytest.raises(ProfileMismatch, match=r"p\.yaml:\d+: documents has no cash_receipt_reversal"):
        AbasSink(AbasClient(AbasSettings()), profile.model_copy(update={"documents": others}), AbasSettings())


ROWS = "        debit: debitAmt\n"


@pytest.mark.parametrize(
    ("right", "wrong", "reported"),
    [
        (
            "      value_on: docDate",
            "      valu_on: docDate",
            r"inputs\.valu_on: is no role of the kind; did you mean valu",
        ),
        ("      value_on: docDate", "      valu_on: docDate", r"inputs: has no value_on; did you mean valu_on"),
        (
            "      value_on: docDate\n",
            "",
            r"fee\.inputs: has no value_on; name its field, or write the role below with",
        ),
        ("[merchant_account, fee_kind]", "[merchant_account]", r"fee\.inputs: has no fee_kind; name its field"),
        ("[merchant_account, fee_kind]", "[merchant_acount, fee_kind]", r"merchant_acount can't be left out; did you"),
        (
            "[merchant_account, fee_kind]",
            "[fee_kind, merchant_account, debit]",
            r"fee\.without: debit can't be left out",
        ),
        (
            "      posting_reference: yposref\n      posted_on",
            "      value_on",
            r"fee\.inputs: has no posting_reference",
        ),
        (
            "      value_on: docDate",
            "      value_on: docDate\n      reverses_reference: yreverses",
            r"fee\.inputs\.reverses_reference: is no role of the kind",
        ),
        ("      reverses_reference: yreverses\n", "", r"fee_reversal\.inputs: has no reverses_reference"),
        (
            "      value_on: docDate",
            "      value_on: text",
            r"fee\.inputs\.text: sets text, which value_on sets as well",
        ),
        (ROWS, "", r"fee\.rows\.inputs: has no debit"),
        (ROWS, ROWS * 2, r"fee\.rows\.inputs\.debit: is written twice; keep one"),
        ("        cost_centre: costCenter\n", "", r"fee\.rows\.inputs: has no cost_centre"),
        (
            "        account: account^idno",
            "        acount: account^idno",
            r"reads\.acount: is read and never set; did you",
        ),
        ("      currency: entryCurr\n    reads", "    reads", r"fee\.reads\.currency: is read and never set"),
        (
            "record: subject",
            "record: subjct",
            r"lock\.record: subjct is nothing that every command carries; did you mean",
        ),
        ("record: subject", "record: text", r"lock\.record: text is nothing that every command carries"),
        ('record: "=USD"', "record: email", r"customer\.lock\.record: email is nothing that every command carries"),
        ('table: "6:0"', "table: 6:30", r"fee\.table: is read as a number; put it in quotes"),
        (
            "    order_by: id\n    number: idno\n    created",
            "    order_by: id\n    created",
            r"fee\.number: is missing",
        ),
        ("  fee: &entry", "  fea: &entry", r"documents\.fea: is no kind of schemas/documents; did you mean fee"),
        ("      name: descrOperLang\n      street", "      street", r"customer\.inputs: has no name"),
        ("  customer:\n", "  customer:\n    constants: {town: x}\n", r"constants\.town: sets town, which town sets as"),
        ("  customer:\n", "  customer:\n    rows: {inputs: {row_key: x}}\n", r"customer\.rows: the kind has no rows"),
    ],
)
def test_a_wrong_place_of_a_kind_is_reported_with_its_line_and_remedy(right: str, wrong: str, reported: str) -> None:
    ours = TEXT.index("\n  fee: &entry\n")
    assert right in TEXT[ours:]
    text = TEXT[:ours] + TEXT[ours:].replace(right, wrong, 1)
    with pytest.raises(ProfileUnreadable, match=reported) as caught:
        parse_profile(text, origin="p.yaml")
    lines = [line for line in str(caught.value).splitlines() if re.search(reported, line)]
    assert all(int(line.split(":")[1]) > text[:ours].count("\n") for line in lines)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ProfileUnreadable, match=r"nowhere\.yaml"):
        load_profile(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("text", ["", "- a", "a: [", "\t", "a: &x [*x]", "1: 2", "? [a]: b", "{" * 500])
def test_what_is_no_profile_is_reported(text: str) -> None:
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
