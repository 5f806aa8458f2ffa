"""`saldo risk`: check rules of risk, and see what they would have done to the payments that there were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.output.terminal import say, say_json

if TYPE_CHECKING:
    from app.operators.risk import Backtest, Gathered
    from schemas.wire.codec import Codec
    from streams.domain.risk.engine import Assessment
    from streams.log.ports import Log

_DAY = ["%Y-%m-%d"]
HELD = 3  # exit code of a back-test that should fail where a payment doesn't pass
_KNOWN = {
    "card": "last four digits of the card",
    "customer": "a customer",
    "address": "a digest of the billing address",
    "order": "an order or invoice number",
    "avs": "an answer about the address",
    "csc": "an answer about the security code",
    "billing_country": "a billing country",
    "shipping_country": "a shipping country",
}


def register(app: typer.Typer) -> None:
    """Hang `risk check|backtest|suggested` below the root."""
    operators.add_group(
        app,
        "risk",
        "Which payments look like trouble, by rules.",
        {"check": check, "backtest": backtest, "suggested": suggested},
    )


@needs("read")
def check(rules: Annotated[Path, typer.Argument(help="The rules, a YAML file.")]) -> None:
    """Read rules of risk and show them.

    What is wrong is named with file, line and remedy, exit code 2.
    """
    from schemas.files.owned import text_of
    from streams.rules.risk import read_risk_rules

    found = read_risk_rules(text_of(rules), str(rules))
    for rule in found.rules:
        say(f"{rule.head.name}  ({rule.head.weight}: {rule.head.why})")
    say(f"version {found.version} can be used: {len(found.rules)} rules, {found.notes_hold} notes together hold")


@needs("read")
def suggested() -> None:
    """Show rules to begin with: copy, change, try, adopt."""
    from schemas.files.owned import text_of
    from streams.rules.risk import SUGGESTED_RULES

    say(*text_of(SUGGESTED_RULES).splitlines())


@needs("read")
def backtest(
    rules: Annotated[Path, typer.Option("--rules", help="The rules, a YAML file.")],
    against: Annotated[
        Path | None, typer.Option("--against", help="Compare with this file. Default: the rules in force.")
    ] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=_DAY, help="First day, in the merchant's zone.")
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="Last day.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per payment that doesn't pass.")] = False,
    fail_on_hold: Annotated[
        bool, typer.Option("--fail-on-hold", help="Exit code 3 if one doesn't pass: a schedule then raises an alert.")
    ] = False,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Show what rules would have done to payments that there were.

    All payments of the topics are judged by this file and by others, those in force unless --against names a file.
    Nothing is written.
    """
    from app.operators import risk
    from app.operators import rules as adopted
    from app.settings.settings import load_settings
    from schemas.files.owned import text_of
    from streams.rules.catalogue import RISK_RULES
    from streams.rules.risk import read_risk_rules

    if first and last and last < first:
        raise typer.BadParameter(f"--from {first.date()} lies after --to {last.date()}")
    policy = read_risk_rules(text_of(rules), str(rules))
    file = None if against is None else text_of(against)

    async def read(log: Log, codec: Codec) -> tuple[Gathered, str]:
        in_force = (await adopted.in_force(log, codec)).get(RISK_RULES.name)
        return await risk.gathered(log, codec), text_of(RISK_RULES.shipped) if in_force is None else in_force.text

    gathered, text = operators.on_the_log(read, bootstrap_servers, schema_registry_url)
    compared = read_risk_rules(text if file is None else file, str(against or RISK_RULES.name))
    facts = gathered.facts()
    days = (first.date() if first else None, last.date() if last else None)
    found = risk.backtest(facts, policy, compared, *days, load_settings().paytrace.zone)
    held = risk.held(found.after)
    if as_json:
        for one in held:
            say_json(_as_json(one))
    else:
        _say_backtest(found, held, str(against) if against else "the rules in force")
    if fail_on_hold and held:
        say(f"held or rejected: {_sums(held)}", err=as_json)
        raise typer.Exit(HELD)


def _say_backtest(found: Backtest, held: Sequence[Assessment], others: str) -> None:
    from streams.domain.risk.policy import Outcome

    for one in held:
        say(f"{one.outcome}  {_named(one)}", *(f"    {finding}" for finding in one.findings))
    declined = len(found.facts) - len(found.after)
    say(f"{len(found.after)} payments and refunds, {declined} declined attempts beside them")
    for outcome in Outcome:
        say(f"    {outcome}: {_sums([one for one in found.after if one.outcome is outcome])}")
    met = Counter(finding.rule for one in found.after for finding in one.findings)
    say(*(f"    rule {name} is met by {count}" for name, count in met.most_common()))
    if found.facts:
        say(f"known of {len(found.facts)} attempts; what is not known meets no rule")
        say(*(f"    {means}: {found.known.get(name, 0)}" for name, means in _KNOWN.items()))
    say(*(f"rule {name} says nothing of {currency}; give it an amount" for name, currency in found.silent))
    say(f"{len(found.changed)} payments differ from {others}")
    say(*(f"    {_named(after)}: {before.outcome} there, {after.outcome} here" for before, after in found.changed))


def _named(one: Assessment) -> str:
    from schemas.values.money import shown

    fact = one.fact
    what = "refund " if fact.is_refund else ""
    return f"{fact.payment_id}  {fact.at:%Y-%m-%d %H:%M} UTC  {what}{shown(fact.amount_minor, fact.currency)}"


def _sums(found: Sequence[Assessment]) -> str:
    from schemas.values.money import shown

    sums: Counter[tuple[bool, str]] = Counter()
    for one in found:
        sums[one.fact.is_refund, one.fact.currency] += one.fact.amount_minor
    amounts = [f"{'refunds ' if refund else ''}{shown(minor, code)}" for (refund, code), minor in sorted(sums.items())]
    return ", ".join([str(len(found)), *amounts])


def _as_json(one: Assessment) -> dict[str, Any]:
    fact = one.fact
    return {
        "payment_id": fact.payment_id,
        "merchant": fact.merchant,
        "at": fact.at.isoformat(),
        "is_refund": fact.is_refund,
        "amount_minor": fact.amount_minor,
        "currency": fact.currency,
        "outcome": one.outcome,
        "findings": [
            {
                "rule": finding.rule,
                "weight": finding.weight,
                "why": finding.why,
                "value": finding.value,
                "limit": finding.limit,
                "evidence": list(finding.evidence),
            }
            for finding in one.findings
        ],
    }
