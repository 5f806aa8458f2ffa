"""What a role may do: commands, actions, limits by amount, four eyes. Data in access.yaml; the rules here are pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from app.access.actor import Actor
from app.access.errors import AccessDenied
from app.access.roles import Role
from schemas import catalog
from schemas.files.owned import Entry, FileInvalid, FileProblem, parse_with_lines, problems_at, text_of
from schemas.files.yaml_lines import Path as YamlPath
from schemas.files.yaml_lines import near
from schemas.operator_commands import amount_of, operator_commands, states_amount
from schemas.values.money import Money, currencies
from streams.domain.approvals.decider import AGENT

DEFAULT_POLICY = Path(__file__).with_name("access.yaml")
ACTIONS = frozenset({"read", "write", "import-bank", "import-disputes", "backfill", "open-personal", "manage-users"})
Amounts = Mapping[str, int]


class PolicyInvalid(FileInvalid):
    """An access policy that can't be used."""

    def __init__(self, problems: Iterable[FileProblem]) -> None:
        super().__init__(problems)
        self.args = (f"the access policy does not fit:\n{self}",)


class Rule(Entry):
    """Who may do one thing. Units: minor units of each currency."""

    means: str = Field(min_length=1)
    roles: tuple[Role, ...] = Field(min_length=1)
    limits_minor: Mapping[Role, Amounts] = Field(default_factory=dict)
    four_eyes_above_minor: Amounts | None = None


class Policy(Entry):
    """Who may do what in one installation."""

    version: int
    proposal_expires_after_s: float = Field(gt=0, le=90 * 86_400)
    actions: Mapping[str, Rule]
    commands: Mapping[str, Rule]

    def rule(self, name: str) -> Rule:
        """Return the rule of a command or an action; LookupError for what is neither."""
        found = self.commands.get(name) or self.actions.get(name)
        if found is None:
            raise LookupError(f"{name!r} is no operator command and no action of the access policy")
        return found


def load_policy(path: Path | None = None) -> Policy:
    """Return the policy of a file; without one, the policy that ships with Saldo.

    Raises: ContractBroken naming the file and everything that does not fit: a command without an entry, an entry for
            no command, a limit that can't be kept.
    """
    source = path or DEFAULT_POLICY
    policy, lines = parse_with_lines(
        text_of(source, refuse=PolicyInvalid), Policy, file=str(source), refuse=PolicyInvalid
    )
    if found := [*_missing(policy), *_unkept(policy)]:
        raise PolicyInvalid(problems_at(found, lines, str(source)))
    return policy


def policy_digest(path: Path | None = None) -> str:
    """Return what tells one policy file from another."""
    return hashlib.sha256((path or DEFAULT_POLICY).read_bytes()).hexdigest()[:16]


def check_role(policy: Policy, actor: Actor, name: str) -> None:
    """Let a person pass who may do this at some amount.

    Raises: AccessDenied naming the roles that may.
    """
    rule = policy.rule(name)
    if not actor.is_single_user and not actor.roles & set(rule.roles):
        roles = ", ".join(sorted(actor.roles))
        raise AccessDenied(f"{actor.user_id} ({roles}) may not {rule.means}; that is for {_named(rule.roles)}")
    if actor.scopes and name not in actor.scopes:
        allowed = ", ".join(sorted(actor.scopes))
        raise AccessDenied(f"key {actor.key_id} of {actor.user_id} may not {rule.means}; its scopes are {allowed}")


def needs_approval(policy: Policy, actor: Actor, command: Any, besides_minor: int = 0) -> bool:
    """Return whether this command of this actor must be approved by another person first.

    Units:  besides_minor is what counts together with its amount, in the same currency: a large amount in small parts
            is a large amount.
    In one-user mode there is no other person, so there are no limits and no four eyes.
    Raises: AccessDenied when the actor may not give it at all, or not of this amount.
    """
    check_limit(policy, actor, command, besides_minor)
    above = policy.rule(type(command).__name__).four_eyes_above_minor
    return above is not None and not actor.is_single_user and not _is_within(above, command, besides_minor)


def check_limit(policy: Policy, actor: Actor, command: Any, besides_minor: int = 0) -> None:
    """Let a person pass who may give this command of this amount, with or without another.

    Raises: AccessDenied naming the roles that may.
    """
    name = type(command).__name__
    check_role(policy, actor, name)
    if actor.is_single_user:
        return
    rule = policy.rule(name)
    if not any(_may_give(rule, role, command, besides_minor) for role in actor.roles):
        enough = [role for role in rule.roles if _may_give(rule, role, command, besides_minor)]
        amount = amount_of(command)
        what = f"{Money(amount[0] + besides_minor, amount[1])} is" if amount else "without an amount, it is"
        who = f"that is for {_named(enough)}" if enough else "no role may do that"
        raise AccessDenied(
            f"{what} above the limit of {actor.user_id} to {rule.means}; {who} (access policy version {policy.version})"
        )


def _may_give(rule: Rule, role: Role, command: Any, besides_minor: int) -> bool:
    limits = rule.limits_minor.get(role)
    return role in rule.roles and (limits is None or _is_within(limits, command, besides_minor))


def _is_within(limits: Amounts, command: Any, besides_minor: int) -> bool:
    amount = amount_of(command)
    return amount is not None and amount[0] + besides_minor <= limits.get(amount[1], -1)


def _missing(policy: Policy) -> Iterable[tuple[YamlPath, str]]:
    commands = set(operator_commands())
    for part, known, written, what in (
        ("commands", commands, policy.commands, "operator command"),
        ("actions", ACTIONS, policy.actions, "action"),
    ):
        kind = part.removesuffix("s")
        yield from (
            ((part,), f"{kind} {name} has no entry; write who may give it") for name in sorted(known - set(written))
        )
        for name in sorted(set(written) - known):
            yield (part, name), f"{name} is no {what}; {near(name, known, 'remove it')}"


def _unkept(policy: Policy) -> Iterable[tuple[YamlPath, str]]:
    """Limits and four eyes that look like protection and would be none."""
    for name, rule in policy.actions.items():
        if rule.limits_minor or rule.four_eyes_above_minor is not None:
            yield ("actions", name), f"{name} is an action and has neither limits nor four eyes; remove them"
    for name, rule in policy.commands.items():
        at: YamlPath = ("commands", name)
        named: dict[YamlPath, Amounts] = {("limits_minor", role): limits for role, limits in rule.limits_minor.items()}
        named["four_eyes_above_minor",] = rule.four_eyes_above_minor or {}
        if any(named.values()) and not states_amount(name):
            yield at, f"{name} states no amount, so no limit of it can be kept; remove its limits"
        for role in rule.limits_minor:
            if role not in rule.roles:
                yield (
                    (*at, "limits_minor", role),
                    f"{role} has a limit and may not do it; add it to roles, or remove it",
                )
        for below, amounts in named.items():
            for code, minor in amounts.items():
                if code not in currencies():
                    yield (
                        (*at, *below, code),
                        f"{code} is no currency; {near(code, currencies(), 'write a code of ISO 4217')}",
                    )
                if minor < 0:
                    yield (*at, *below, code), f"{code} has a negative amount; write minor units, 0 or more"
        if rule.four_eyes_above_minor is not None and not _can_be_held(name):
            yield (
                (*at, "four_eyes_above_minor"),
                f"{name} can't be held for four eyes: {AGENT} does not write to its inbox; remove it",
            )


def _can_be_held(name: str) -> bool:
    inboxes = operator_commands().get(name, ())
    return len(inboxes) == 1 and AGENT in catalog.topic(inboxes[0]).producers


def _named(roles: Iterable[Role]) -> str:
    return ", ".join(roles)
