"""The profile against the server's own metadata: every wrong name at once, with file, line and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasRefused, LoginRejected, ProfileMismatch, ProfileUnreadable
from connectors.abas.profile import Profile, load_profile, parse_profile
from connectors.abas.profile_check import check_profile
from connectors.abas.settings import SANDBOX_PROFILE
from connectors.abas.source import AbasSource
from tests.support.abas_commands import with_strategy
from tests.support.abas_sandbox import AbasSandboxProcess, open_item


@pytest.mark.parametrize("strategy", ["infosystem", "editor", "typecommand"])
async def test_the_sandbox_profile_fits_the_sandbox(client: AbasClient, profile: Profile, strategy: Any) -> None:
    await check_profile(with_strategy(profile, strategy), client)


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ('type_command: "(PaymentWishEntry)"', "opens 900:6, not 900:2"),
        ('type_command: "(Nothing)"', "there is no type command"),
        ("", "needs type_command"),
    ],
)
async def test_a_type_command_that_opens_no_payment_is_reported(client: AbasClient, line: str, reported: str) -> None:
    text = SANDBOX_PROFILE.read_text(encoding="utf-8").replace('type_command: "(IncomingPayment)"', line)
    wrong = with_strategy(parse_profile(text, origin="p.yaml"), "typecommand")
    with pytest.raises(ProfileMismatch, match=reported):
        await check_profile(wrong, client)


@pytest.mark.parametrize(
    ("right", "wrong", "reported"),
    [
        ("vault_customer: ypaytracecust", "vault_customer: ypaytracecst", "did you mean ypaytracecust"),
        ("customer_number: customer^idno", "customer_number: customer^idnr", "table 0:1 has no field idnr"),
        ('table: "900:2"', 'table: "901:2"', "Payment is 900:2 here"),
        ("meta_name: OutstandingItem", "meta_name: OpenItem", "table 900:1 is OutstandingItem"),
        ("workspace: ow1", "workspace: ow9", "there is no infosystem ow9/PAYTRACEPOST"),
        ("press: ypost", "press: ybook", "has no field ybook"),
        ("amount: yamount", "amount: yamont", "did you mean yamount"),
        ("created: ydoccreated", "created: ydocmade", "has no field ydocmade"),
    ],
)
async def test_a_wrong_name_is_reported_with_its_line_and_a_remedy(
    client: AbasClient, tmp_path: Path, right: str, wrong: str, reported: str
) -> None:
    text = SANDBOX_PROFILE.read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / "profile.yaml"
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    line = path.read_text(encoding="utf-8")[: path.read_text(encoding="utf-8").index(wrong)].count("\n") + 1
    with pytest.raises(ProfileMismatch) as caught:
        await check_profile(load_profile(path), client)
    assert any(reported in problem for problem in caught.value.problems)
    near = (f"{path}:{line}:", f"{path}:{line + 1}:", f"{path}:{line - 1}:")  # workspace and search word are one
    assert any(problem.startswith(near) for problem in caught.value.problems)


async def test_a_name_of_the_other_language_is_reported_as_such(client: AbasClient) -> None:
    text = SANDBOX_PROFILE.read_text(encoding="utf-8").replace("value_on: docDate", "value_on: beldat", 1)
    with pytest.raises(
        ProfileMismatch, match=r"no field beldat; it is docDate in the language of SALDO_ABAS_VARIABLE_"
    ):
        await check_profile(parse_profile(text, origin="p.yaml"), client)


def test_a_reference_that_is_written_elsewhere_than_it_is_looked_for_is_reported() -> None:
    text = SANDBOX_PROFILE.read_text(encoding="utf-8")
    text = text.replace("reads: &payment_reads\n", "reads: &payment_reads\n      posting_reference: yreason\n", 1)
    with pytest.raises(ProfileUnreadable, match="written to yposref and looked for in yreason"):
        parse_profile(text, origin="p.yaml")


async def test_all_wrong_names_are_reported_at_once(client: AbasClient, tmp_path: Path) -> None:
    text = SANDBOX_PROFILE.read_text(encoding="utf-8")
    for right in ("docNo", "openAmt", "erfass", "yvaldate"):
        text = text.replace(f": {right}\n", f": {right}X\n")
    path = tmp_path / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileMismatch) as caught:
        await check_profile(load_profile(path), client)
    for name in ("docNoX", "openAmtX", "erfassX", "yvaldateX"):
        assert any(name in problem for problem in caught.value.problems)


async def test_a_command_that_a_table_does_not_allow_is_reported(client: AbasClient, tmp_path: Path) -> None:
    text = SANDBOX_PROFILE.read_text(encoding="utf-8").replace("action: NEW", "action: DONE")
    path = tmp_path / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileMismatch, match="table 900:2 allows no DONE"):
        await check_profile(with_strategy(load_profile(path), "editor"), client)


@pytest.mark.parametrize(("date_input", "reported"), [("%d/%m/%Y", "can't read 20/12/2026"), ("%y-%m-%d", "abas")])
async def test_a_date_format_that_abas_reads_otherwise_is_reported(
    client: AbasClient, tmp_path: Path, date_input: str, reported: str
) -> None:
    text = SANDBOX_PROFILE.read_text(encoding="utf-8").replace('"%Y-%m-%d"', f'"{date_input}"')
    path = tmp_path / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileMismatch) as caught:
        await check_profile(load_profile(path), client)
    [problem] = caught.value.problems
    assert reported in problem
    line = text[: text.index("date_input:")].count("\n") + 1
    assert problem.startswith(f"{path}:{line}: formats.date_input")


LISTING = """
open_item_list:
  workspace: op
  search_word: OPLISTE
  constants: {bervon: "", berbis: ""}
  press: start
  rows:
    item: item
    invoice_number: docNo
    customer_number: customer^idno
    amount: totalAmt
    open: openAmt
    currency: curr^swd
    due_on: dueDate
"""


def with_listing(listing: str = LISTING) -> Profile:
    text = SANDBOX_PROFILE.read_text(encoding="utf-8")
    without_table = text[: text.index("  open_item:\n    table")] + text[text.index("  sales_order:\n    table") :]
    return parse_profile(without_table + listing, origin="listed")


async def test_outstanding_items_may_come_from_an_infosystem(client: AbasClient, sandbox: AbasSandboxProcess) -> None:
    listed = with_listing()
    await check_profile(listed, client)
    [item] = sandbox.seed(open_item("RE-LISTED", "12.34"))
    seen = {key: records async for key, records in AbasSource(client, listed, sandbox.settings()).poll()}
    observed, referenced = seen[f"open-item/{item}"]
    from_table = {
        key: records
        async for key, records in AbasSource(client, load_profile(SANDBOX_PROFILE), sandbox.settings()).poll()
    }
    same, _ = from_table[f"open-item/{item}"]
    for name in ("abas_open_item_id", "abas_customer_id", "invoice_number", "amount_minor", "open_minor", "due_on"):
        assert getattr(observed, name) == getattr(same, name)
    assert getattr(referenced, "token", None) == "invoice:RE-LISTED"


@pytest.mark.parametrize(
    ("right", "wrong", "reported"),
    [
        ("item: item", "item: itm", "did you mean item"),
        ("customer^idno", "customer^number", "table 0:1 has no field number"),
        ("OPLISTE", "OPLIST", "workspace op has OPLISTE"),
        ("press: start", "press: go", "has no field go"),
    ],
)
async def test_a_wrong_name_in_the_listing_is_reported(
    client: AbasClient, right: str, wrong: str, reported: str
) -> None:
    with pytest.raises(ProfileMismatch, match="open_item_list") as caught:
        await check_profile(with_listing(LISTING.replace(right, wrong)), client)
    assert reported in str(caught.value)


class _Silent(AbasClient):
    """A server that offers no metadata."""

    async def tables(self) -> tuple[dict[str, Any], ...]:
        raise AbasRefused("abas MISSING_OBJECT/0: no such resource", code="MISSING_OBJECT/0")


async def test_a_server_without_metadata_leaves_the_profile_unchecked_and_says_so(
    sandbox: AbasSandboxProcess, profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    async with _Silent(sandbox.settings()) as client:
        await check_profile(profile, client)
    assert "unchecked" in caplog.text


async def test_a_wrong_password_is_reported_as_such(sandbox: AbasSandboxProcess, profile: Profile) -> None:
    async with AbasClient(sandbox.settings(password="wrong")) as client:
        with pytest.raises(LoginRejected, match="password"):
            await check_profile(profile, client)
