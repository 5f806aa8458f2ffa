"""Every operator command times every role; limits and four eyes by amount; what protects nothing is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.access.access import Access
from app.access.actor import Actor, How, single_user
from app.access.errors import AccessDenied
from app.access.policy import ACTIONS, DEFAULT_POLICY, check_limit, check_role, load_policy, needs_approval
from app.access.roles import Role
from app.access.settings import AccessSettings
from app.cli import build
from schemas import catalog
from schemas.failures import ContractBroken
from schemas.operator_commands import operator_commands, person_field
from schemas.wire.codec import from_json

POLICY = load_policy()
V, C, P, O, A = Role.VIEWER, Role.ACCOUNTANT, Role.APPROVER, Role.OPERATOR, Role.ADMIN  # noqa: E741
# Written by hand, not read from access.yaml: whoever changes who may do what changes it here, too.
MAY: dict[str, set[Role]] = {
    "ConfirmMatch": {C, P},
    "RejectMatch": {C, P},
    "SplitEntry": {C, P},
    "ApplyOnAccount": {C, P},
    "ApplyCreditMemo": {C, P},
    "PutOnAccount": {C, P},
    "UnmatchEntry": {C, P},
    "WriteOffRest": {C, P},
    "ReverseWriteOff": {C, P},
    "ReleaseHeldPayment": {C, P},
    "AssignCustomer": {C, P},
    "ReassignPayment": {C, P},
    "RememberReference": {C, P},
    "ForgetReference": {C, P},
    "MatchRefund": {C, P},
    "PutRefundOnAccount": {C, P},
    "HandToFinance": {C, P},
    "ConfirmDepositMatch": {C, P},
    "RejectDepositMatch": {C, P},
    "UnmatchDeposit": {C, P},
    "DismissBankLine": {C, P},
    "TakeBankTransfer": {C, P},
    "AcceptFeeSchedule": {C, P},
    "RecordDisputeFact": {C, P},
    "ReportPaymentCode": {C, P},
    "ReleaseCharges": {C, P},
    "ReleasePaymentRequest": {P},
    "WriteToShop": {C, P, O},
    "PostAgain": {C, P, O},
    "BookAgain": {C, P, O},
    "AdoptRules": {C, P},
    "ParkedReplayRequested": {O},
    "ParkedDiscardRequested": {O},
    "BreakerResetRequested": {O},
    "AssignCase": {C, P, O},
    "CommentOnCase": {C, P, O},
    "AcknowledgeAlert": {C, P, O},
    "CloseAlert": {C, P, O},
    "SendTestMessage": {O},
    "ProposeCommand": {C, P, O},
    "ApproveProposal": {P},
    "RejectProposal": {P},
    "read": {V, C, P, O, A},
    "write": {O},
    "import-bank": {C, P, O},
    "import-disputes": {C, P, O},
    "backfill": {O},
    "open-personal": {C, P},
    "LinkCustomer": {C, P},
    "SetSubscription": {C, P},
    "ChangeSubscription": {C, P},
    "RunDunning": {C, P, O},
    "CreateCustomer": {C, P},
    "LeaveCustomer": {C, P},
    "KeepCustomerValue": {C, P},
    "UnlinkCustomer": {C, P},
    "DecideOrder": {C, P},
    "EraseSubject": {C, P},
    "ReadmitSubject": {C, P},
    "manage-users": {A},
}


def actor(*roles: Role, user: str = "maria", how: How = How.SESSION) -> Actor:
    return Actor(user, how, frozenset(roles))


def example(name: str, by: Actor, **changed: Any) -> Any:
    """The example of a command, given by this actor."""
    version = catalog.latest(name)
    path = catalog.ROOT / "examples" / version.context / f"{name}.v{version.version}.json"
    command = from_json(name, json.loads(path.read_text("utf-8")))
    nobody_yet = {"approved_by": None} if hasattr(command, "approved_by") else {}
    return replace(command, **by.fields_for(name), **nobody_yet, **changed)


def test_the_matrix_names_every_command_of_the_contract_and_every_action() -> None:
    assert set(MAY) == {*operator_commands(), *ACTIONS}
    assert set(POLICY.commands) == set(operator_commands())


@pytest.mark.parametrize("name", MAY)
@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_what_it_is_for_and_nothing_else(name: str, role: Role) -> None:
    if role in MAY[name]:
        check_role(POLICY, actor(role), name)
        if name in operator_commands():
            check_limit(POLICY, actor(role), example(name, actor(role)))
        return
    with pytest.raises(AccessDenied, match=rf"^maria \({role}\) may not .*; that is for "):
        check_role(POLICY, actor(role), name)
    if name in operator_commands():
        with pytest.raises(AccessDenied):
            needs_approval(POLICY, actor(role), example(name, actor(role)))


def test_nobody_without_a_role_may_do_anything() -> None:
    for name in MAY:
        with pytest.raises(AccessDenied):
            check_role(POLICY, actor(), name)


def test_a_denial_names_who_may(tmp_path: Path) -> None:
    access = Access(AccessSettings(), tmp_path)
    keeper = access.keeper(single_user(), now=datetime(2026, 11, 29, tzinfo=UTC))
    keeper.add_user("boss", [A], "correct horse battery")
    for name, roles in (("dkim", [P]), ("jo", [C]), ("gone", [C]), ("bot", [O])):
        keeper.add_user(name, roles, "correct horse battery" if name == "gone" else None)
    keeper.set_disabled("gone", is_disabled=True)
    with pytest.raises(AccessDenied) as denied:
        access.check(actor(O, user="bot"), "WriteOffRest")
    assert str(denied.value) == (
        "bot (operator) may not write off the rest of an invoice; that is for accountant, approver: dkim, jo"
    )


# -- amounts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount_minor", "currency", "besides_minor", "needed"),
    [
        (500, "USD", 0, False),
        (501, "USD", 0, True),
        (250, "USD", 250, False),
        (250, "USD", 251, True),
        (None, "USD", 0, True),
        (1, "JPY", 0, True),
        (500, "EUR", 0, False),
    ],
)
def test_a_write_off_above_its_amount_needs_a_second_person(
    amount_minor: int | None, currency: str, besides_minor: int, needed: bool
) -> None:
    accountant = actor(C)
    command = example("WriteOffRest", accountant, amount_minor=amount_minor, currency=currency)
    assert needs_approval(POLICY, accountant, command, besides_minor) is needed


@pytest.mark.parametrize("name", ["MatchRefund", "PutRefundOnAccount", "HandToFinance"])
def test_a_refund_above_its_amount_needs_a_second_person(name: str) -> None:
    by = actor(P)
    for minor, needed in ((50_000, False), (50_001, True), (None, True)):
        assert needs_approval(POLICY, by, example(name, by, amount_minor=minor, currency="USD")) is needed


def test_in_one_user_mode_there_is_no_second_person() -> None:
    one = single_user()
    assert not needs_approval(POLICY, one, example("WriteOffRest", one, amount_minor=10**9))
    for name in MAY:
        check_role(POLICY, one, name)


def policy_file(tmp_path: Path, **changed: Any) -> Path:
    data = yaml.safe_load(DEFAULT_POLICY.read_text("utf-8"))
    for name, rule in changed.items():
        data["commands"][name] = {**data["commands"].get(name, {}), **rule}
    path = tmp_path / "access.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_a_limit_is_per_role_and_the_best_role_counts(tmp_path: Path) -> None:
    limits = {"accountant": {"USD": 1_000}, "approver": {"USD": 5_000}}
    policy = load_policy(policy_file(tmp_path, PutOnAccount={"limits_minor": limits}))
    for roles, minor, allowed in (
        ((C,), 1_000, True),
        ((C,), 1_001, False),
        ((C, P), 5_000, True),
        ((P,), 5_001, False),
        ((C, V, A), 1_001, False),
    ):
        by = actor(*roles)
        command = example("PutOnAccount", by, amount_minor=minor, currency="USD")
        if allowed:
            check_limit(policy, by, command)
        else:
            with pytest.raises(AccessDenied, match="above the limit of maria"):
                check_limit(policy, by, command)
    for unlisted in ({"currency": "EUR"}, {"amount_minor": None}, {"currency": None}):
        with pytest.raises(AccessDenied, match="no role may do that"):
            check_limit(policy, actor(C, P), example("PutOnAccount", actor(C, P), **{"amount_minor": 1, **unlisted}))


def test_the_parts_of_a_split_count_together(tmp_path: Path) -> None:
    policy = load_policy(policy_file(tmp_path, SplitEntry={"limits_minor": {"accountant": {"USD": 1_000}}}))
    command = example("SplitEntry", actor(C), part_amounts=(600, 401), currency="USD", abas_open_item_ids=("a", "b"))
    with pytest.raises(AccessDenied):
        check_limit(policy, actor(C), command)


def test_an_approver_must_be_allowed_the_command_itself(tmp_path: Path) -> None:
    path = policy_file(tmp_path, WriteOffRest={"limits_minor": {"approver": {"USD": 800}}})
    access = Access(AccessSettings(policy_path=path), tmp_path)
    approval = example("ApproveProposal", actor(P))
    access.check_approver(actor(P), approval, example("WriteOffRest", actor(C), amount_minor=800, currency="USD"), "jo")
    with pytest.raises(AccessDenied, match="above the limit"):
        access.check_approver(
            actor(P), approval, example("WriteOffRest", actor(C), amount_minor=801, currency="USD"), "jo"
        )
    with pytest.raises(AccessDenied, match="may not approve"):
        access.check_approver(
            actor(C), approval, example("WriteOffRest", actor(C), amount_minor=1, currency="USD"), "jo"
        )


def test_what_a_user_proposed_who_was_disabled_since_is_not_approved(tmp_path: Path) -> None:
    access = Access(AccessSettings(), tmp_path)
    keeper = access.keeper(single_user(), now=datetime(2026, 11, 29, tzinfo=UTC))
    keeper.add_user("boss", [A], "correct horse battery")
    keeper.add_user("jo", [C], "correct horse battery")
    approval, held = example("ApproveProposal", actor(P)), example("WriteOffRest", actor(C), amount_minor=1)
    access.check_approver(actor(P), approval, held, "jo")
    keeper.set_disabled("jo", is_disabled=True)
    with pytest.raises(AccessDenied, match="jo, who proposed it, is disabled; reject it"):
        access.check_approver(actor(P), approval, held, "jo")


# -- a command is of its actor -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(operator_commands()))
def test_a_command_of_another_person_is_not_passed_on(name: str, tmp_path: Path) -> None:
    access, by = Access(AccessSettings(), tmp_path), actor(*Role)
    command = example(name, by)
    access.must_be_approved(by, command)
    forged: list[dict[str, Any]] = [{person_field(name): "boss"}, {"authenticated_by": "key"}, {"authenticated_by": ""}]
    forged += [{"approved_by": "boss"}] if hasattr(command, "approved_by") else []
    for changed in forged:
        with pytest.raises(ContractBroken, match="must carry maria"):
            access.must_be_approved(by, replace(command, **changed))


# -- the file ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"UnmatchEntry": {"limits_minor": {"accountant": {"USD": 1}}}}, "UnmatchEntry states no amount"),
        ({"UnmatchEntry": {"four_eyes_above_minor": {"USD": 1}}}, "UnmatchEntry states no amount"),
        ({"PutOnAccount": {"limits_minor": {"viewer": {"USD": 1}}}}, "viewer has a limit and may not do it"),
        ({"PutOnAccount": {"limits_minor": {"approver": {"XXQ": 1}}}}, "XXQ is no currency"),
        ({"PutOnAccount": {"four_eyes_above_minor": {"USD": -1}}}, "negative"),
        ({"ParkedDiscardRequested": {"four_eyes_above_minor": {}}}, "can't be held for four eyes"),
        ({"ApproveProposal": {"four_eyes_above_minor": {}}}, "can't be held for four eyes"),
        ({"PostDocument": {"means": "x", "roles": ["admin"]}}, "PostDocument is no operator command"),
        ({"PutOnAccount": {"roles": ["boss"]}}, "commands.PutOnAccount.roles.0"),
        ({"PutOnAccount": {"limit": 7}}, "commands.PutOnAccount.limit"),
    ],
)
def test_a_policy_that_would_protect_nothing_is_refused(tmp_path: Path, changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(ContractBroken, match=r"access policy .*does not fit") as refused:
        load_policy(policy_file(tmp_path, **changed))
    assert problem in str(refused.value)


@pytest.mark.parametrize("name", sorted(operator_commands()))
def test_a_command_without_an_entry_is_found_when_the_policy_is_read(tmp_path: Path, name: str) -> None:
    data = yaml.safe_load(DEFAULT_POLICY.read_text("utf-8"))
    del data["commands"][name]
    path = tmp_path / "access.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ContractBroken, match=f"command {name} has no entry"):
        load_policy(path)


def test_four_eyes_always_is_possible_for_what_states_no_amount(tmp_path: Path) -> None:
    policy = load_policy(policy_file(tmp_path, AcceptFeeSchedule={"four_eyes_above_minor": {}}))
    assert needs_approval(policy, actor(C), example("AcceptFeeSchedule", actor(C)))


# -- the doors ---------------------------------------------------------------------------------------------------------


def test_every_command_that_writes_for_a_person_asks_who_it_is_first() -> None:
    needed: set[str] = set()
    for group in build().registered_groups:
        if group.name in (
            "decide",
            "deposits",
            "ledger",
            "dispute",
            "shop",
            "dlq",
            "cases",
            "alerts",
            "approvals",
            "rules",
            "mapping",
            "privacy",
            "subscriptions",
        ):
            assert group.typer_instance is not None
            for command in group.typer_instance.registered_commands:
                names = getattr(command.callback, "needs", ())
                assert names, f"saldo {group.name} {command.name} asks nobody"
                needed |= set(names)
    # Proposing follows from another command; a payment request is released by approving what its agent asks for.
    assert needed == {*operator_commands(), "read", "open-personal"} - {"ProposeCommand", "ReleasePaymentRequest"}
