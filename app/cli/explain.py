"""`saldo explain`: what was decided about some money, on what evidence, by which rule or person, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from app.output.terminal import say
from projections.reports.words import UNRECOGNIZED_REMEDY, in_words
from schemas.values.money import shown

_UNRECOGNIZED = "PaymentStatusUnrecognized"


def register(app: typer.Typer) -> None:
    """Hang `explain` below the root."""
    app.command()(explain)


def explain(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Payment, posting reference, invoice number, open item, dispute, bank line or batch."
        ),
    ],
) -> None:
    """Show why money is where it is, step by step.

    Matches with their evidence, suggestions, decisions with who and why, and what abas made of them.
    """
    from app.cli.asking import answer
    from app.cli.errors import CannotRun

    rows = answer("explain", id=subject).records
    if not rows:
        raise CannotRun(f"nothing was decided about {subject!r} yet; `saldo waiting` lists what waits")
    for reference in dict.fromkeys(row["posting_reference"] for row in rows):
        say(reference)
        for row in rows:
            if row["posting_reference"] == reference:
                say(*(f"    {line}" for line in step(row)))
        if waits_unrecognized(reference, rows):
            say(f"    {UNRECOGNIZED_REMEDY}")


def waits_unrecognized(reference: str, rows: Sequence[dict[str, Any]]) -> bool:
    """Return whether the latest that is known of PayTrace's words about this transaction is that they can't be read."""
    reported = [
        row for row in rows if row["posting_reference"] == reference and str(row["what"]).startswith("PaymentStatus")
    ]
    latest = max(reported, key=lambda row: (str(row["occurred_at"]), row["what"] == _UNRECOGNIZED), default=None)
    return latest is not None and latest["what"] == _UNRECOGNIZED


def step(row: dict[str, Any]) -> list[str]:
    """Return one step: when and what on the first line, the evidence below it."""
    lines = [f"{str(row['occurred_at'])[:16].replace('T', ' ')}  {_what(row)}"]
    lines += [f"    agrees:  {text}" for text in row["agrees"]]
    lines += [f"    differs: {text}" for text in row["differs"]]
    if row["runner_up"]:
        odds = row["runner_up_distance_hundredths"] / 100
        lines.append(f"    runner-up: {row['runner_up']}, {odds:.1f} behind (logarithm of the odds; 5 is 150 to 1)")
    return lines


def _what(row: dict[str, Any]) -> str:
    amount, invoice = _amount(row), row["invoice_number"]
    by_rule = f"rule {row['rule']} version {row['rule_version']}"
    by = row["decided_by"]
    match row["what"]:
        case "PostingRequested" | "EntryPosted" | "EntryWaiting" if row["rule"]:
            return _without_money(row, amount)
        case "PaymentMatched":
            return f"{amount} belongs to invoice {invoice}, by {f'{by}, after ' if by else ''}{by_rule}"
        case "MatchSuggested":
            kind = f" ({row['reason'].replace('_', ' ')})" if row["reason"] else ""
            return f"suggested, {row['detail']}: {amount} for invoice {invoice}{kind}, by {by_rule}"
        case "DecisionTaken":
            return f"{by} decided {_decision(row)}: {row['reason']}"
        case "DecisionRefused":
            return f"{by} asked for {_decision(row)} ({row['reason']}); refused, because {row['detail']}"
        case "EntryWaiting":
            return f"{amount} waits, {in_words(row['reason'])}: {row['detail']}"
        case "PaymentAwaitsReference" | "PaymentAwaitsRisk":
            return f"{amount} waits, {in_words(row['reason'])}: {row['detail']}"
        case "PaymentIdentified":
            return f"{amount} belongs to customer {row['detail']}"
        case "PostingRequested":
            return f"{amount} asked of abas{_value_date(row)}"
        case "EntryPosted":
            return f"{amount} posted in abas as document {row['detail']}"
        case "EntryNetted":
            return f"{amount} cancelled out before posting, {row['detail']}"
        case "EntrySplit":
            return f"{amount} is {row['detail']}"
        case "EntryPartMade":
            return f"{amount}, {row['detail']}"
        case "EntryUnmatched":
            return f"match of {amount} unmatched{': ' if row['detail'] else ''}{row['detail']}"
        case "EntryPutOnAccount":
            return f"{amount} goes to the customer's account: {row['detail']}"
        case other if other == _UNRECOGNIZED:
            what = amount or "amount not known"
            return f"{what} waits, {in_words(row['reason'])}: {row['detail']}"
        case "PaymentStatusRecognized":
            return "could be read, as of this observation"
        case "EntryMoved":
            return f"{amount} goes {row['detail']}"
        case "EntryHandedOver":
            return f"{amount} {row['detail']}"
        case "RefundMatched":
            return f"refund of {amount} linked to its payment, by rule {row['rule']}"
        case "DisputeRecorded":
            return _dispute(row)
        case "DepositMatched":
            return f"{amount} explained{f', by {by}' if by != 'rule' else ''}, by rule {row['rule']}: {row['detail']}"
        case "DepositRestExplained":
            person = f", by {by}" if by != "rule" else ""
            return f"rest of {amount} explained{person}, by rule {row['rule']}: {row['detail']}"
        case "DepositMatchSuggested" | "DepositRestSuggested":
            return f"{amount}, suggested by rule {row['rule']}: {row['detail']}"
        case "DepositBreakFound" | "DepositMissing":
            return f"{amount} not explained, {in_words(row['reason'])}: {row['detail']}"
        case "DepositMatchRejected" | "DepositUnmatched" | "BankLineDismissed" as decided:
            return f"{by}: {in_words(decided)}, {amount}: {row['detail']}"
        case other:
            return f"{in_words(other)} {amount} {row['detail']}".rstrip()


# What is done by a document that moves no money, and in abas once it is posted; what reverses it has the same words.
_WITHOUT_MONEY = {
    "write_off": ("write-off", "write off", "written off"),
    "exchange_difference": (
        "exchange difference",
        "book the exchange difference of",
        "paid at another rate, difference booked",
    ),
    "credit_memo_application": ("application of a credit memo", "apply", "applied from the credit memo"),
    "on_account_application": ("application of money on account", "apply", "applied from the account"),
}


def _without_money(row: dict[str, Any], amount: str) -> str:
    """Return a step of a write-off or an application, or of what reverses one."""
    is_reversal = row["rule"].endswith("_reversal")
    noun, verb, done = _WITHOUT_MONEY[row["rule"].removesuffix("_reversal")]
    match row["what"]:
        case "PostingRequested":
            what = f"reversal of {_a(noun)}" if is_reversal else noun
            return f"{what} of {amount} asked of abas{_value_date(row)}"
        case "EntryPosted" if is_reversal:
            return f"{noun} of {amount} reversed in abas by document {row['detail']}"
        case "EntryPosted":
            return f"{amount} {done} in abas as document {row['detail']}"
        case _:
            what = f"reverse the {noun} of" if is_reversal else verb
            return f"abas refused to {what} {amount}: {row['detail']}"


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _dispute(row: dict[str, Any]) -> str:
    """Return a fact of a dispute; signed is what the dispute takes since then."""
    if int(row["signed_minor"]):
        now = (
            f"{str(row['signed']).lstrip('-')} {row['currency']} is charged back now; what the ledger booked of it is "
            "in saldo report trial_balance"
        )
    else:
        now = "nothing is charged back now"
    return f"{in_words(row['reason'])} ({row['detail']}); {now}"


def _decision(row: dict[str, Any]) -> str:
    return in_words(str(row["rule"])).lower()


def _value_date(row: dict[str, Any]) -> str:
    return f" (value date {row['value_on']})" if row.get("value_on") else ""


def _amount(row: dict[str, Any]) -> str:
    if not row["currency"]:
        return ""
    return (
        f"{row['signed']} {row['currency']}"
        if row["signed"] is not None
        else shown(row["signed_minor"], row["currency"])
    )
