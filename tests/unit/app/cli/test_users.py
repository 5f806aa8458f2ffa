"""`saldo user`, `login`, `logout`, `whoami`: one-user mode, its end, and what a denial looks like in a shell."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from app.access.actor import single_user
from tests.support.cli import Outcome, saldo
from tests.support.passwords import quick_passwords

PASSWORD = "correct horse battery"
ME = single_user().user_id


@pytest.fixture(autouse=True)
def installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SALDO_CONFIG", "/dev/null")
    quick_passwords(monkeypatch)
    return tmp_path


def typed(*words: str, password: str = PASSWORD) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
        return saldo(*words, "--password-stdin")


def test_one_user_mode_is_said_and_ends_with_the_first_user() -> None:
    who = saldo("whoami")
    assert who.exit_code == 0
    assert who.out.startswith(f"{ME} (one-user mode, nobody logs in): ")
    assert f"one-user mode: nobody logs in, no limits, no four eyes; all is done as {ME}" in who.out
    assert f"all is done as {ME}" in saldo("user", "list").out

    first = typed("user", "add", "maria", "--role", "admin")
    assert (first.exit_code, "one-user mode is over" in first.out) == (0, True)
    nobody = saldo("whoami")
    assert (nobody.exit_code, nobody.out) == (2, "")
    assert nobody.err == "saldo: this installation has users; log in with `saldo login USER`\n"

    wrong = typed("login", "maria", password="wrong password")
    assert (wrong.exit_code, wrong.out) == (2, "")
    assert typed("login", "maria").exit_code == 0
    assert saldo("whoami").out.startswith("maria (session), until ")
    assert saldo("logout").out == "logged out\n"
    assert saldo("whoami").exit_code == 2


def test_a_password_is_never_an_argument_and_never_shown(installation: Path) -> None:
    said = typed("user", "add", "maria", "--role", "admin")
    listed = typed("login", "maria").out + saldo("user", "list").out
    assert PASSWORD not in said.out + said.err + listed
    assert not [path for path in installation.rglob("*") if path.is_file() and PASSWORD in path.read_text()]
    asked = saldo("user", "set-password", "maria")
    assert (asked.exit_code, "--password-stdin" in asked.err) == (2, True)


def test_who_may_not_reads_who_may_before_anything_else_is_looked_at(installation: Path) -> None:
    typed("user", "add", "maria", "--role", "admin")
    typed("login", "maria")
    typed("user", "add", "vera", "--role", "viewer")
    for words, means in (
        (("decide", "write-off", "RE-1"), "write off the rest of an invoice; that is for accountant, approver: nobody"),
        (("deposits", "dismiss", "b1"), "dismiss a bank line; that is for accountant, approver"),
        (("dlq", "discard", "payments.observations.v1", "0", "0"), "give up a parked record; that is for operator"),
        (("approvals", "approve", "P1"), "approve what another person proposed; that is for approver"),
    ):
        denied = saldo(*words, "--why", "customer called")
        assert (denied.exit_code, denied.out) == (2, "")
        assert denied.err.startswith(f"saldo: maria (admin) may not {means}")
    typed("login", "vera")
    denied = saldo("user", "add", "eve", "--role", "admin", "--machine")
    assert (denied.exit_code, denied.err) == (
        2,
        "saldo: vera (viewer) may not keep users, roles and keys; that is for admin: maria\n",
    )
    assert typed("user", "set-password", "maria").exit_code == 2, "of another user, an admin's business"
    assert typed("user", "set-password", "vera", password="another long password").exit_code == 0
    assert saldo("whoami").exit_code == 2, "the session ended with the old password"


def test_a_key_is_shown_once_and_is_used_from_a_file(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed("user", "add", "maria", "--role", "admin")
    typed("login", "maria")
    saldo("user", "add", "bot", "--role", "operator", "--machine")
    key = saldo("user", "add-key", "bot", "--role", "operator").out.strip()
    key_id = key.split("_")[1]
    assert key_id in saldo("user", "list").out
    assert key.split("_", 2)[2] not in saldo("user", "list").out
    path = installation / "key"
    path.write_text(key)
    path.chmod(0o600)
    monkeypatch.setenv("SALDO_ACCESS_KEY_PATH", str(path))
    assert saldo("whoami").out.startswith(f"bot (key {key_id}), until ")
    monkeypatch.delenv("SALDO_ACCESS_KEY_PATH")
    assert saldo("user", "revoke-key", key_id).exit_code == 0
    monkeypatch.setenv("SALDO_ACCESS_KEY_PATH", str(path))
    assert (saldo("whoami").exit_code, "revoked" in saldo("whoami").err) == (2, True)


def test_a_disabled_user_is_out_at_once() -> None:
    typed("user", "add", "maria", "--role", "admin")
    typed("login", "maria")
    typed("user", "add", "jo", "--role", "admin")
    typed("login", "jo")
    assert saldo("user", "disable", "maria").exit_code == 0
    assert typed("login", "maria").exit_code == 2
    assert saldo("user", "disable", "jo").err == "saldo: jo is the last admin; make another user an admin first\n"
    assert saldo("user", "enable", "maria").exit_code == 0
    assert saldo("user", "set-roles", "maria", "--role", "viewer").exit_code == 0


@pytest.mark.parametrize("words", [("audit", "verify"), ("audit", "export"), ("keys", "rotate", "worker")])
def test_the_history_is_for_who_may_read_and_keys_are_an_admin_s(words: tuple[str, ...]) -> None:
    typed("user", "add", "maria", "--role", "admin")
    typed("login", "maria")
    typed("user", "add", "vera", "--role", "viewer")
    typed("login", "vera")
    refused = saldo(*words)
    if words[0] == "keys":
        assert "vera (viewer) may not keep users, roles and keys" in refused.err
    else:
        assert "may not" not in refused.err


def test_failed_log_ins_have_to_wait_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "app.access.attempts._FIRST_S", 300.0
    )  # a busy machine takes more than two seconds for the next
    typed("user", "add", "maria", "--role", "admin")
    for _ in range(5):
        assert "user or password is wrong" in typed("login", "maria", password="wrong password").err
    refused = typed("login", "maria")
    assert refused.exit_code == 2
    assert "5 log-ins as 'maria' have failed in a row; wait" in refused.err
