"""What the commands of `saldo mapping` find, in rows: for pages and the API, which have no use for lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from app.operators.proposals import Proposal
from app.output.terminal import Sheet
from app.proofs.preview import Change, Preview, line_in_words
from app.proofs.samples import KeptSamples, Sample, given
from schemas.records.rules import AdoptRules, RulesAccepted
from schemas.values.money import Money
from streams.domain.accounts import Account, Unmapped
from streams.rules.catalogue import ACCOUNT_MAPPING
from streams.rules.mapping import RoleLines, account_mapping, policy_choices

TRIED: Final = (
    *("posting_reference", "kind", "subject", "on", "role", "side", "amount", "currency", "account_now", "line"),
    *("account", "cost_centre", "tax_code", "text", "why_not", "values", "facts"),
)
_SAMPLES: Final = KeptSamples()


def of_roles(found: Sequence[RoleLines]) -> Sheet:
    """Return each role of a mapping."""
    return Sheet(
        "roles",
        ("role", "needed_by", "is_whole"),
        tuple((one.role, ", ".join(one.needed_by), "yes" if one.is_whole else "no") for one in found),
    )


def of_policies() -> Sheet:
    """Return each policy that is one of several words."""
    rows = tuple((name, ", ".join(words)) for name, words in policy_choices().items())
    return Sheet("policies", ("name", "words"), rows)


def of_trial(text: str, file: str, last: int, find: Callable[[], Sequence[Sample]]) -> Sheet:
    """Return what a mapping gives the lines of the last documents of each kind, the newest document first.

    Raises: FileInvalid for a text that is no mapping; what find raises.
    """
    accounts = account_mapping(text, file).accounts
    kept: dict[str, set[str]] = {}
    rows = []
    for one in _SAMPLES.get(find):
        document, line, of_kind = one.document, one.line, kept.setdefault(one.document.kind, set())
        if document.posting_reference not in of_kind and len(of_kind) == last:
            continue
        of_kind.add(document.posting_reference)
        found = given(accounts, one)
        rows.append(
            (
                *(document.posting_reference, document.kind, document.subject, one.on.isoformat(), line.role),
                *(line.side.value.lower(), one.facts.get("amount", ""), line.currency, line.account),
                *(str(found.number), *_cells(found.account), json.dumps(dict(document.values))),
                json.dumps(dict(one.facts)),
            )
        )
    return Sheet("lines", TRIED, tuple(rows))


def _cells(account: Account | Unmapped) -> tuple[str, str, str, str, str]:
    if isinstance(account, Unmapped):
        return "", "", "", "", account.why
    return account.number, account.cost_centre or "", account.tax_code or "", account.text or "", ""


def of_preview(found: Preview) -> tuple[Sheet, Sheet, Sheet]:
    """Return the documents that differ, the sums of accounts before and after, and what could not be decided."""
    sums = [
        (account, currency, *(str(Money(minor, currency).major) for minor in (before, after, after - before)))
        for (account, currency), (before, after) in found.sums().items()
    ]
    return (
        Sheet(
            "documents",
            ("posting_reference", "kind", "subject", "value_on", "what", "detail"),
            tuple(map(_changed, found.changes)),
        ),
        Sheet("accounts", ("account", "currency", "before", "after", "difference"), tuple(sums)),
        Sheet("undecided", ("record",), tuple((line,) for line in found.undecided)),
    )


def _changed(change: Change) -> tuple[str, ...]:
    one = change.document
    what = "changes" if change.differences else "vanishes" if change.after is None else "appears"
    said = change.differences or (change.because, *map(line_in_words, one.lines))
    detail = "\n".join(filter(None, said))
    return one.posting_reference, one.kind, one.subject, one.values.get("value_on", ""), what, detail


def of_history(events: Sequence[object], proposed: Sequence[Proposal], now: datetime) -> tuple[Sheet, Sheet]:
    """Return every version that was adopted, the oldest first, and the proposals of one that are open."""
    name = ACCOUNT_MAPPING.name
    versions = [one for one in events if isinstance(one, RulesAccepted) and one.rules_name == name]
    still = [
        (one.proposed, command)
        for one in proposed
        if one.is_open(now) and isinstance(command := one.command, AdoptRules) and command.rules_name == name
    ]
    return (
        Sheet(
            "versions",
            ("number", "version", "digest", "adopted_by", "approved_by", "adopted_at", "reason", "text"),
            tuple(
                (
                    *(str(one.number), str(one.version), one.digest, one.requested_by, one.approved_by or ""),
                    *(one.occurred_at.isoformat(), one.reason, one.text),
                )
                for one in versions
            ),
        ),
        Sheet(
            "proposals",
            ("proposal_id", "version", "proposed_by", "reason", "expires_at", "text"),
            tuple(
                (
                    *(one.proposal_id, str(command.version), one.proposed_by, one.reason, one.expires_at.isoformat()),
                    command.text,
                )
                for one, command in still
            ),
        ),
    )
