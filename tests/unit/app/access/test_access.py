"""Users, passwords, sessions and keys: who gets in, who no longer does, and what is kept of it."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from argon2 import Type

from app.access import passwords, tokens, users
from app.access.access import Access
from app.access.actor import Actor, How, single_user
from app.access.errors import AccessDenied, LoginNeeded
from app.access.history import first_break
from app.access.keeper import UserKeeper
from app.access.policy import DEFAULT_POLICY
from app.access.roles import Role
from app.access.settings import AccessSettings
from app.access.users import Users
from schemas.failures import ContractBroken
from schemas.files.private_files import write_private
from tests.support.passwords import REAL

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"
ADMIN = (Role.ADMIN, Role.ACCOUNTANT)


@pytest.fixture
def access(tmp_path: Path) -> Access:
    """An installation with one admin."""
    found = Access(AccessSettings(session_s=3600), tmp_path)
    kept(found).add_user("maria", ADMIN, PASSWORD)
    return found


def kept(access: Access, now: datetime = NOW) -> UserKeeper:
    """What changes users in an admin's name."""
    return access.keeper(Actor("maria", How.SESSION, frozenset(Role)), now=now)


def session(access: Access, user: str = "maria", password: str = PASSWORD, now: datetime = NOW) -> str:
    return access.log_in(user, password, now=now)


# -- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_says_who_it_is_with_the_roles_of_now(access: Access) -> None:
    token = session(access, "MARIA ")
    actor = access.actor_of_token(token, now=NOW + timedelta(minutes=59))
    assert (actor.user_id, actor.how, actor.roles) == ("maria", How.SESSION, frozenset(ADMIN))
    kept(access).set_roles("maria", [Role.ADMIN])
    assert access.actor_of_token(token, now=NOW).roles == {Role.ADMIN}


def test_a_session_ends_by_itself(access: Access) -> None:
    token = session(access)
    assert access.actor_of_token(token, now=NOW + timedelta(seconds=3599))
    with pytest.raises(LoginNeeded, match=r"ended at 2026-11-29 13:00 UTC"):
        access.actor_of_token(token, now=NOW + timedelta(seconds=3600))


def test_a_session_from_the_future_is_none_but_a_clock_may_lag_a_little(access: Access) -> None:
    token = session(access)
    assert access.actor_of_token(token, now=NOW - timedelta(seconds=59))
    with pytest.raises(LoginNeeded, match="begins in the future"):
        access.actor_of_token(token, now=NOW - timedelta(seconds=120))


@pytest.mark.parametrize("end", ["disable", "password", "disable and enable"])
def test_every_session_ends_at_once_when_trust_in_it_ends(access: Access, end: str) -> None:
    kept(access).add_user("dkim", [Role.APPROVER], PASSWORD)
    token, other = session(access, "dkim"), session(access)
    if end == "password":
        kept(access).set_password("dkim", "another long password")
    else:
        kept(access).set_disabled("dkim", is_disabled=True)
    if end == "disable and enable":
        kept(access).set_disabled("dkim", is_disabled=False)
    with pytest.raises(LoginNeeded, match="was ended"):
        access.actor_of_token(token, now=NOW)
    assert access.actor_of_token(other, now=NOW).user_id == "maria"


def forged(key: bytes | str, algorithm: str | None = "HS256", **claims: object) -> str:
    at = int(NOW.timestamp())
    known = {"iss": "saldo", "sub": "maria", "gen": 0, "iat": at, "exp": at + 600}
    return jwt.encode({**known, **claims}, key, algorithm)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_only_this_installation_signs_sessions(access: Access, tmp_path: Path) -> None:
    key = access.store.signing_key()
    assert access.actor_of_token(forged(key), now=NOW)
    head, body, mark = session(access).split(".")
    changed = jwt.utils.base64url_encode(jwt.utils.base64url_decode(body).replace(b"maria", b"dkim")).decode()
    wrong = [
        forged(os.urandom(32)),
        forged("", algorithm="none"),
        forged(key, algorithm="HS512"),
        forged(key, iss="other"),
        forged(key, gen="0"),
        forged(key, exp="never"),
        forged(key, exp=10**30),
        forged(key, exp=float("nan")),
        forged(key, sub=7),
        f"{head}.{changed}.{mark}",
        f"{head}.{body}.{mark[:-2]}",
        f"{head}.{body}.",
        "",
        "a.b.c",
        "\ud800",
    ]
    for token in wrong:
        with pytest.raises(LoginNeeded):
            access.actor_of_token(token, now=NOW)
    elsewhere = Access(AccessSettings(), tmp_path / "elsewhere")
    kept(elsewhere).add_user("maria", ADMIN, PASSWORD)
    with pytest.raises(LoginNeeded, match="not of this installation"):
        access.actor_of_token(session(elsewhere), now=NOW)


def test_a_token_needs_all_its_claims() -> None:
    key = os.urandom(32)
    whole = jwt.decode(forged(key), key, ["HS256"], issuer="saldo", options={"verify_exp": False, "verify_iat": False})
    for claim in whole:
        rest = {name: value for name, value in whole.items() if name != claim}
        with pytest.raises(LoginNeeded):
            tokens.read(jwt.encode(rest, key), key, now=NOW)


# -- passwords -------------------------------------------------------------------------------------------------------


def test_a_password_is_kept_as_argon2id_alone(access: Access) -> None:
    content = access.store.path.read_text()
    assert PASSWORD not in content
    assert "$argon2id$" in content
    assert passwords.hashed(PASSWORD) != passwords.hashed(PASSWORD), "each with a salt of its own"
    assert (REAL.time_cost, REAL.memory_cost, REAL.type) == (3, 64 << 10, Type.ID)


@pytest.mark.parametrize(("user", "password"), [("maria", "wrong password!"), ("nobody", PASSWORD), ("maria", "")])
def test_who_is_wrong_is_not_reported_what_is_wrong(access: Access, user: str, password: str) -> None:
    with pytest.raises(LoginNeeded, match=r"^user or password is wrong, or the user is disabled$"):
        session(access, user, password)


def test_a_disabled_user_and_a_machine_do_not_log_in(access: Access) -> None:
    kept(access).add_user("bot", [Role.OPERATOR], None)
    kept(access).add_user("dkim", [Role.APPROVER], PASSWORD)
    kept(access).set_disabled("dkim", is_disabled=True)
    for user in ("bot", "dkim"):
        for password in (PASSWORD, ""):
            with pytest.raises(LoginNeeded):
                session(access, user, password)


@pytest.mark.parametrize("password", ["", "short", "a" * 40, "x" * 300, "abababababab"])
def test_a_password_that_protects_nothing_is_not_taken(access: Access, password: str) -> None:
    with pytest.raises(AccessDenied, match="a password has 12 to 256 characters"):
        kept(access).set_password("maria", password)


# -- users -----------------------------------------------------------------------------------------------------------


def test_the_first_user_can_let_others_in(tmp_path: Path) -> None:
    access = Access(AccessSettings(), tmp_path)
    for roles, password in (([Role.VIEWER], PASSWORD), ([Role.ADMIN], None)):
        with pytest.raises(AccessDenied, match="the first user must be an admin with a password"):
            kept(access).add_user("maria", roles, password)
    assert access.actor(now=NOW) == single_user()


def test_somebody_always_keeps_the_users(access: Access) -> None:
    changes: tuple[Callable[[], object], ...] = (
        lambda: kept(access).set_disabled("maria", is_disabled=True),
        lambda: kept(access).set_roles("maria", [Role.VIEWER]),
    )
    for change in changes:
        with pytest.raises(AccessDenied, match="maria is the last admin"):
            change()
    kept(access).add_user("jo", [Role.ADMIN], PASSWORD)
    kept(access).set_disabled("maria", is_disabled=True)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "user",
        "rule",
        "operator",
        "single-user",
        "single-user:root",
        "a b",
        "../a",
        "mar\u0456a",
        "12345",
        "4111111111111111",
        "maria\n",
        "a" * 80,
    ],
)
def test_a_name_that_names_nobody_or_somebody_else_is_no_user_id(access: Access, name: str) -> None:
    if name.strip() == "maria":
        with pytest.raises(AccessDenied, match="is there already"):
            kept(access).add_user(name, [Role.VIEWER], PASSWORD)
        return
    with pytest.raises(AccessDenied, match="is no user id"):
        kept(access).add_user(name, [Role.VIEWER], PASSWORD)


# -- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_has_one_role_and_an_end_and_only_its_digest_is_kept(access: Access) -> None:
    kept(access).add_user("bot", [Role.OPERATOR, Role.VIEWER], None)
    text = kept(access).add_key("bot", Role.OPERATOR, lasts=timedelta(days=1))
    secret = text.split("_", 2)[2]
    assert secret not in access.store.path.read_text()
    actor = access.actor_of_key(f"{text}\n", now=NOW + timedelta(hours=23))
    assert (actor.user_id, actor.how, actor.roles) == ("bot", How.KEY, frozenset({Role.OPERATOR}))
    with pytest.raises(LoginNeeded, match="expired"):
        access.actor_of_key(text, now=NOW + timedelta(days=1))
    kept(access).set_roles("bot", [Role.VIEWER])
    assert access.actor_of_key(text, now=NOW).roles == frozenset(), "a key never has a role that its user lost"
    for wrong in (text[:-1], text.replace("saldo_", "other_"), secret, "", "\ud800", f"saldo_{actor.key_id}_"):
        with pytest.raises(LoginNeeded, match="nobody's"):
            access.actor_of_key(wrong, now=NOW)


@pytest.mark.parametrize("end", ["revoke", "disable"])
def test_a_key_ends_at_once(access: Access, end: str) -> None:
    kept(access).add_user("bot", [Role.OPERATOR], None)
    text = kept(access).add_key("bot", Role.OPERATOR, lasts=timedelta(days=1))
    key_id = access.actor_of_key(text, now=NOW).key_id
    if end == "revoke":
        kept(access).revoke_key(key_id)
    else:
        kept(access).set_disabled("bot", is_disabled=True)
    with pytest.raises(LoginNeeded, match="revoked"):
        access.actor_of_key(text, now=NOW)


def test_a_key_is_made_only_for_a_role_that_its_user_has(access: Access) -> None:
    with pytest.raises(AccessDenied, match="maria is no operator"):
        kept(access).add_key("maria", Role.OPERATOR, lasts=timedelta(days=1))
    with pytest.raises(AccessDenied, match="later than now"):
        kept(access).add_key("maria", Role.ADMIN, lasts=timedelta())


# -- the files -------------------------------------------------------------------------------------------------------


def test_the_files_are_for_their_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        access = Access(AccessSettings(), tmp_path)
        kept(access).add_user("maria", ADMIN, PASSWORD)
        access.session_file.write(session(access))
    finally:
        os.umask(before)
    folder = tmp_path / "access"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == dict.fromkeys(
        ("users.json", "users.key", "users.lock", "attempts.json", "attempts.lock", "session"), 0o600
    )


@pytest.mark.parametrize("name", ["users.json", "users.key", "session"])
def test_a_file_that_others_can_read_is_not_believed(access: Access, name: str) -> None:
    access.session_file.write(session(access))
    (access.store.path.parent / name).chmod(0o640)
    with pytest.raises(ContractBroken, match="chmod 600"):
        access.actor(now=NOW)


@pytest.mark.parametrize("content", [None, "", "{}", '{"users": []}', '{"users": [{"user_id": 7}]}', "\udcff"])
def test_where_the_users_are_lost_or_damaged_nobody_gets_in(access: Access, content: str | None) -> None:
    if content is None:
        access.store.path.unlink()
    else:
        access.store.path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ContractBroken, match="restore it"):
        access.actor(now=NOW)
    assert "restore it" in access.notice()


def test_a_link_is_no_file_of_users(access: Access, tmp_path: Path) -> None:
    real = tmp_path / "real"
    access.store.path.rename(real)
    access.store.path.symlink_to(real)
    with pytest.raises(OSError):
        access.actor(now=NOW)


def test_two_changes_at_once_are_both_there(access: Access) -> None:
    threads = [
        threading.Thread(
            target=access.store.change,
            args=(lambda found, n=n: users.added(found, f"u{n}x", ADMIN, "h"),),
            kwargs={"by": single_user(), "now": NOW, "what": "add", "subject": f"u{n}x"},
        )
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = access.store.read()
    assert len(found.users) == 21
    assert first_break(found.changes, found.users) == ""
    assert not [path for path in access.store.path.parent.iterdir() if path.name.startswith(".")]


# -- who it is -------------------------------------------------------------------------------------------------------


def test_without_users_it_is_the_login_of_the_process_and_no_variable_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = single_user()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "boss")
    access = Access(AccessSettings(), tmp_path)
    assert access.actor(now=NOW) == before
    assert before.user_id.startswith("single-user:")
    assert "boss" not in before.user_id
    assert f"one-user mode: nobody logs in, no limits, no four eyes; all is done as {before.user_id}" == access.notice()


def test_with_users_somebody_must_log_in(access: Access) -> None:
    assert access.notice() == ""
    with pytest.raises(LoginNeeded, match="`saldo login USER`"):
        access.actor(now=NOW)
    access.session_file.write(session(access))
    assert access.actor(now=NOW).user_id == "maria"


def test_a_key_file_goes_before_a_session_and_must_be_there(access: Access, tmp_path: Path) -> None:
    kept(access).add_user("bot", [Role.OPERATOR], None)
    access.session_file.write(session(access))
    path = tmp_path / "key"
    by_key = Access(AccessSettings(key_path=path), tmp_path)
    with pytest.raises(ContractBroken, match="SALDO_ACCESS_KEY_PATH"):
        by_key.actor(now=NOW)
    path.write_text(kept(access).add_key("bot", Role.OPERATOR, lasts=timedelta(days=1)))
    path.chmod(0o600)
    assert by_key.actor(now=NOW).user_id == "bot"


def test_no_users_are_no_users() -> None:
    assert not Users()


# -- failed log-ins --------------------------------------------------------------------------------------------------


def fail(access: Access, user: str, at: float) -> str:
    with pytest.raises(LoginNeeded) as refused:
        access.log_in(user, "wrong password", now=NOW + timedelta(seconds=at))
    return str(refused.value)


@pytest.mark.parametrize("user", ["maria", " MARIA ", "nobody-of-this-name"])
def test_failed_log_ins_slow_down_alike_for_users_and_for_nobody(access: Access, user: str) -> None:
    assert {fail(access, user, second) for second in range(5)} == {"user or password is wrong, or the user is disabled"}
    assert "5 log-ins as" in (words := fail(access, user, 4.5))
    assert "have failed in a row; wait 2 s, then try again" in words
    assert "is wrong" in fail(access, user, 6.1)
    assert "wait 4 s" in fail(access, user, 6.2)
    with pytest.raises(LoginNeeded, match="wait"):
        session(access, user, now=NOW + timedelta(seconds=7))  # the right password waits as well


def test_the_wait_doubles_up_to_a_quarter_of_an_hour_and_outlives_the_process(access: Access, tmp_path: Path) -> None:
    at = 0.0
    for _ in range(40):
        fail(access, "maria", at)
        at += 1_000
    again = Access(AccessSettings(), tmp_path)
    assert "wait 15 min" in fail(again, "maria", at - 999)
    assert "wait 15 min" in fail(again, "maria", -3_600), "a clock that goes back keeps nobody out for longer"
    assert session(again, now=NOW + timedelta(seconds=at))
    assert "is wrong" in fail(again, "maria", at + 1), "a log-in forgets the failures"


def test_waiting_prolongs_nothing_and_others_do_not_wait(access: Access) -> None:
    kept(access).add_user("dkim", [Role.APPROVER], PASSWORD)
    for _ in range(5):
        fail(access, "maria", 0)
    for _ in range(50):
        assert "5 log-ins as" in fail(access, "maria", 1)
    assert session(access, "dkim")
    assert session(access, now=NOW + timedelta(seconds=2.1))


def test_a_new_password_ends_the_wait(access: Access) -> None:
    for _ in range(5):
        fail(access, "maria", 0)
    kept(access).set_password("maria", "another long password")
    assert session(access, password="another long password")


def test_many_log_ins_at_once_are_counted_as_many(access: Access) -> None:
    words: list[str] = []
    threads = [threading.Thread(target=lambda: words.append(fail(access, "maria", 0))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("is wrong" in one for one in words) == 5


def test_what_was_typed_as_a_name_is_not_kept_and_the_file_stays_small(access: Access, tmp_path: Path) -> None:
    for number in range(30):
        fail(access, f"secret-{number}", 0)
    kept_text = (tmp_path / "access" / "attempts.json").read_text()
    assert "secret" not in kept_text
    fail(access, "maria", 2 * 86_400)
    assert len((tmp_path / "access" / "attempts.json").read_text()) < 200, "after a day they are forgotten"


# -- the history of users --------------------------------------------------------------------------------------------


def changes_of(access: Access) -> list[tuple[str, str, str, str]]:
    return [(one.who, one.what, one.subject, one.detail) for one in access.store.read().changes]


def test_every_change_of_users_says_who_made_it(tmp_path: Path) -> None:
    access = Access(AccessSettings(), tmp_path)
    me = access.actor(now=NOW)
    access.keeper(me, now=NOW).add_user("maria", ADMIN, PASSWORD)
    by = access.actor_of_token(session(access), now=NOW)
    keeper = access.keeper(by, now=NOW)
    keeper.add_user("bot", [Role.OPERATOR], None)
    key_id = keeper.add_key("bot", Role.OPERATOR, lasts=timedelta(days=1)).split("_")[1]
    keeper.set_roles("Bot ", [Role.OPERATOR, Role.VIEWER])
    keeper.revoke_key(key_id)
    keeper.set_disabled("bot", is_disabled=True)
    keeper.set_disabled("bot", is_disabled=False)
    keeper.set_password("maria", "another long password")
    keeper.note("rotate-signing-key", "operators", "0123")
    access.note_policy(by, now=NOW)
    access.note_policy(by, now=NOW)
    *reported, (_, policy, _, version) = changes_of(access)
    assert reported == [
        (me.user_id, "add", "maria", "admin, accountant"),
        ("maria", "add", "bot", "operator, machine"),
        ("maria", "add-key", "bot", f"{key_id}, operator, until 2026-11-30"),
        ("maria", "set-roles", "bot", "operator, viewer"),
        ("maria", "revoke-key", key_id, ""),
        ("maria", "disable", "bot", ""),
        ("maria", "enable", "bot", ""),
        ("maria", "set-password", "maria", ""),
        ("maria", "rotate-signing-key", "operators", "0123"),
    ]
    assert (policy, version.startswith("version 1, digest ")) == ("policy", True)
    found = access.store.read()
    assert first_break(found.changes, found.users) == ""
    assert "another long" not in access.store.path.read_text()


def test_another_policy_leaves_a_record(access: Access, tmp_path: Path) -> None:
    by = access.actor_of_token(session(access), now=NOW)
    access.note_policy(by, now=NOW)
    own = tmp_path / "access.yaml"
    own.write_text(DEFAULT_POLICY.read_text().replace("version: 1", "version: 2"))
    other = Access(AccessSettings(policy_path=own), tmp_path)
    other.note_policy(by, now=NOW)
    assert [detail[:10] for _, what, _, detail in changes_of(access) if what == "policy"] == [
        "version 1,",
        "version 2,",
    ]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda reported: reported["changes"].pop(1), "change 2 is not what was recorded"),
        (lambda reported: reported["changes"].pop(0), "change 1 is not what was recorded"),
        (lambda reported: reported["changes"].pop(), "not those that change 2 left"),
        (lambda reported: reported["changes"].clear(), "nothing says how the users came to be"),
        (lambda reported: reported["changes"][1].update(who="vera"), "change 2 is not"),
        (lambda reported: reported["changes"][1].update(detail="viewer"), "change 2 is not"),
        (lambda reported: reported["changes"].reverse(), "change 1 is not"),
        (lambda reported: reported["changes"].append(reported["changes"][-1]), "change 4 is not"),
        (
            lambda reported: reported["users"][1].update(roles=["admin"]),
            "not those that change 3 left; somebody changed the file",
        ),
        (
            lambda reported: reported["users"].append(reported["users"][0] | {"user_id": "eve"}),
            "not those that change 3 left",
        ),
    ],
)
def test_a_history_of_users_that_was_changed_by_hand_is_named(
    access: Access, break_it: Callable[[dict[str, Any]], object], words: str
) -> None:
    for name in ("dkim", "jo"):
        kept(access).add_user(name, [Role.APPROVER], PASSWORD)
    reported = json.loads(access.store.path.read_text())
    break_it(reported)
    write_private(access.store.path, json.dumps(reported))
    found = access.store.read()
    assert words in first_break(found.changes, found.users)


def test_a_machine_keeps_no_users_and_makes_itself_no_person(access: Access) -> None:
    kept(access).add_user("bot", [Role.ADMIN, Role.APPROVER], None)
    key = kept(access).add_key("bot", Role.ADMIN, lasts=timedelta(days=1))
    with pytest.raises(AccessDenied, match="is a machine; a person who has logged in keeps users"):
        access.keeper(access.actor_of_key(key, now=NOW), now=NOW)
