"""The profile against the server's own metadata: every wrong name at once, with file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.errors import LoginRejected, ProfileMismatch
from connectors.abas.profile import Profile, load_profile
from connectors.abas.profile_check import check_profile
from connectors.abas.settings import SANDBOX_PROFILE
from tests.support.abas_commands import with_strategy
from tests.support.abas_sandbox import AbasSandboxProcess


@pytest.mark.parametrize("strategy", ["infosystem", "editor"])
async def test_the_sandbox_profile_fits_the_sandbox(client: AbasClient, profile: Profile, strategy: str) -> None:
    await check_profile(with_strategy(profile, "editor" if strategy == "editor" else "infosystem"), client)


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("vault_customer: ypaytracecust", "vault_customer: ypaytracecst", "did you mean ypaytracecust"),
        ("customer^idno", "customer^idnr", "table 0:1 has no field idnr"),
        ('table: "900:2"', 'table: "901:2"', "Payment is 900:2 here"),
        ("meta_name: OutstandingItem", "meta_name: OpenItem", "table 900:1 is OutstandingItem"),
        ("workspace: ow1", "workspace: ow9", "there is no infosystem ow9/PAYTRACEPOST"),
        ("press: ypost", "press: ybook", "has no field ybook"),
        ("amount: yamount", "amount: yamont", "did you mean yamount"),
        ("created: ydoccreated", "created: ydocmade", "has no field ydocmade"),
    ],
)
async def test_a_wrong_name_is_told_with_its_line_and_a_remedy(
    client: AbasClient, tmp_path: Path, right: str, wrong: str, told: str
) -> None:
    text = SANDBOX_PROFILE.read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / "profile.yaml"
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    line = path.read_text(encoding="utf-8")[: path.read_text(encoding="utf-8").index(wrong)].count("\n") + 1
    with pytest.raises(ProfileMismatch) as caught:
        await check_profile(load_profile(path), client)
    assert any(told in problem for problem in caught.value.problems)
    near = (f"{path}:{line}:", f"{path}:{line + 1}:", f"{path}:{line - 1}:")  # workspace and search word are one
    assert any(problem.startswith(near) for problem in caught.value.problems)


async def test_all_wrong_names_are_told_at_once(client: AbasClient, tmp_path: Path) -> None:
    text = SANDBOX_PROFILE.read_text(encoding="utf-8")
    for right in ("docNo", "openAmt", "erfass", "yvaldate"):
        text = text.replace(f": {right}\n", f": {right}X\n")
    path = tmp_path / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileMismatch) as caught:
        await check_profile(load_profile(path), client)
    for name in ("docNoX", "openAmtX", "erfassX", "yvaldateX"):
        assert any(name in problem for problem in caught.value.problems)


async def test_a_command_that_a_table_does_not_allow_is_told(client: AbasClient, tmp_path: Path) -> None:
    text = SANDBOX_PROFILE.read_text(encoding="utf-8").replace("action: NEW", "action: DONE")
    path = tmp_path / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileMismatch, match="table 900:2 allows no DONE"):
        await check_profile(with_strategy(load_profile(path), "editor"), client)


async def test_a_wrong_password_is_told_as_such(sandbox: AbasSandboxProcess, profile: Profile) -> None:
    async with AbasClient(sandbox.settings(password="wrong")) as client:
        with pytest.raises(LoginRejected, match="password"):
            await check_profile(profile, client)
