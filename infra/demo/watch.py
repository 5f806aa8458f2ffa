"""Watches the pipeline from outside: has everything that the books hold arrived, and does the balance close?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from app.settings.settings import Settings
from infra.demo.audit import Audit, LedgerDocument, OpenMoney, audit, document_problems, ledger_problems
from projections.reports import questions
from projections.serving.reader import open_reader
from projections.store.client import SqlReader
from schemas.failures import SaldoError

# PayTrace's books, which the audit starts from, know no disputes, so what waits of one is no part of the gap to abas.
OPEN_MONEY = """
SELECT paytrace_transaction_id, signed_minor, currency, reason FROM fct_waiting WHERE waits_in != 'disputes'
UNION ALL
SELECT paytrace_transaction_id, signed_minor, currency, concat('parked: ', error_type)
FROM fct_parked WHERE state = 'PARKED'
"""
NETTED = "SELECT paytrace_transaction_id, minor, currency, detail FROM rpt_money WHERE term = 'netted'"
STATES_SEEN = """
SELECT paytrace_transaction_id, groupUniqArray(status) FROM fct_observations FINAL
GROUP BY paytrace_transaction_id
"""
IN_PROGRESS = "SELECT count() FROM fct_waiting WHERE reason IN ('POSTING_IN_PROGRESS', 'RECEIPT_NOT_POSTED')"
POSTED_DOCUMENTS = "SELECT posting_reference, kind FROM rpt_documents_now WHERE state = 'posted'"
LEDGER_DOCUMENTS = "SELECT posting_reference, kind, state FROM rpt_ledger_documents_now"
WAITING_FOR = "SELECT posting_reference FROM fct_waiting WHERE reason = '{reason}' ORDER BY posting_reference"
STILL_WAITING = "SELECT count() FROM fct_waiting WHERE paytrace_transaction_id IN ({payments})"
BOOKED = "SELECT book_on FROM fct_settlement_lines FINAL WHERE line_id IN ({ids})"
POLL_S = 0.5
DEPOSIT_POLL_S = 0.1

# What PayTrace's books call a state, and what we should have seen of it.
_SEEN_AS = {
    "AUTHORIZED": "AUTHORIZED",
    "PENDING": "PENDING_SETTLEMENT",
    "SETTLED": "SETTLED",
    "VOIDED": "VOIDED",
    "VOIDED_BY_RULE": "VOIDED",
    "DECLINED": "DECLINED",
}
_TRANSFER_SEEN_AS = {"SETTLED": "BANK_BOOKED", "RETURNED": "BANK_RETURNED"}


@dataclass(frozen=True, slots=True)
class Underway:
    """How far the pipeline is. Units: record and posting counts; in_progress is not counted before all was seen."""

    charges: int
    seen: int
    posted: int
    in_progress: int

    @property
    def is_over(self) -> bool:
        """Whether all was seen, and nothing is on its way."""
        return self.seen == self.charges and self.in_progress == 0


@dataclass(frozen=True, slots=True)
class PipelineStatus(Underway):
    """Where the pipeline stands, and what its books say."""

    redated: int  # documents that were posted later than their value date, whose period is closed
    audit: Audit

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to come: all was seen, nothing is on its way, and the books agree."""
        return self.is_over and self.audit.is_clean


class Watcher:
    """Reads the books of both sandboxes and our read side."""

    def __init__(self, settings: Settings, *, paytrace_url: str, abas_url: str) -> None:
        self._settings = settings
        self._urls = {"paytrace": paytrace_url, "abas": abas_url}
        self.paid_out: set[str] = set()  # bank lines of the processor that were imported
        self.transfers: Mapping[str, Mapping[str, Any]] = {}  # the bank's entries of customers, by their names
        self.patience_s = 0.0

    def status(self) -> PipelineStatus:
        """Look once. Raises StoreBusy or httpx2 errors while a process is away."""
        charges = [*self.charges(), *self.transfers.values()]
        documents = self._books("abas")["documents"]
        reader = open_reader(self._settings.projection)
        try:
            open_money, netted = (
                [OpenMoney(str(i), int(m), str(c), str(r)) for i, m, c, r in rows(reader, sql)]
                for sql in (OPEN_MONEY, NETTED)
            )
            states: Mapping[str, list[str]] = dict(rows(reader, STATES_SEEN))
            in_progress = int(rows(reader, IN_PROGRESS)[0][0])
        finally:
            reader.close()
        return PipelineStatus(
            charges=len(charges),
            seen=_count_seen(charges, states),
            posted=len(documents),
            in_progress=in_progress,
            redated=sum(one["posted_on"] > one["value_on"] for one in documents),
            audit=audit(charges, documents, open_money, netted),
        )

    def underway(self) -> Underway:
        """Look at what costs little: what waits is asked for once all was seen. Raises as status."""
        charges = [*self.charges(), *self.transfers.values()]
        reader = open_reader(self._settings.projection)
        try:
            seen = _count_seen(charges, dict(rows(reader, STATES_SEEN)))
            in_progress = int(rows(reader, IN_PROGRESS)[0][0]) if seen == len(charges) else 0
        finally:
            reader.close()
        return Underway(len(charges), seen, len(self._books("abas")["documents"]), in_progress)

    def wait_until(
        self,
        done: Callable[[PipelineStatus], bool],
        *,
        timeout_s: float,
        report: Callable[[Underway], None] = lambda _: None,
    ) -> PipelineStatus | None:
        """Look until done, or None when time is up; a process that is away is waited for.

        Not done before all was seen and nothing is on its way, so the books are compared only then.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                underway = self.underway()
                status = self.status() if underway.is_over else None
            except (SaldoError, httpx2.HTTPError):
                time.sleep(POLL_S)
                continue
            report(status or underway)
            if status is not None and done(status):
                return status
            time.sleep(POLL_S)
        return None

    def wait_until_applied(self, payments: Collection[str], *, timeout_s: float) -> None:
        """Return once none of these payments waits any more, or time is up."""
        named = ", ".join(f"'{payment}'" for payment in payments)
        deadline = time.monotonic() + timeout_s
        while payments and time.monotonic() < deadline:
            reader = open_reader(self._settings.projection)
            try:
                if not int(rows(reader, STILL_WAITING.format(payments=named))[0][0]):
                    return
            finally:
                reader.close()
            time.sleep(POLL_S)

    def charges(self) -> Any:
        """PayTrace's own books, entry by entry."""
        return self._books("paytrace")

    def ledger(self, *, timeout_s: float) -> tuple[list[LedgerDocument], list[str]]:
        """Return the ledger's documents once nothing more comes of any, or time is up, and what is wrong with them."""
        deadline = time.monotonic() + timeout_s
        reader = open_reader(self._settings.projection)
        try:
            while True:
                asked = [LedgerDocument(*map(str, row)) for row in rows(reader, LEDGER_DOCUMENTS)]
                if all(one.is_settled for one in asked) or time.monotonic() > deadline:
                    return asked, ledger_problems(asked, self._books("abas")["entries"])
                time.sleep(POLL_S)
        finally:
            reader.close()

    def documents(self, wanted: Collection[str], *, timeout_s: float) -> list[str]:
        """Return what is wrong with the posted documents once there are some of each wanted kind, or time is up."""
        deadline = time.monotonic() + timeout_s
        reader = open_reader(self._settings.projection)
        try:
            while True:
                posted = [(str(reference), str(kind)) for reference, kind in rows(reader, POSTED_DOCUMENTS)]
                problems = document_problems(posted, wanted, self._books("abas"))
                if not problems or time.monotonic() > deadline:
                    return problems
                time.sleep(POLL_S)
        finally:
            reader.close()

    def unbalanced(self) -> list[str]:
        """Return the accounts of the trial balance on which ledger and abas differ by more than what waits."""
        reader = open_reader(self._settings.projection)
        try:
            found = questions.ask(reader, questions.load("trial_balance"), {}).records
        finally:
            reader.close()
        return [
            f"trial balance: {one['role']} has a residual of {one['residual_minor']} {one['currency']}, "
            f"unexplained of what abas shows: {one['unexplained_minor'] or 0}"
            for one in found
            if int(one["residual_minor"]) or int(one["unexplained_minor"] or 0)
        ]

    def waiting(self, reason: str) -> list[str]:
        """Return the entries that wait for this reason, as the read side knows them now."""
        reader = open_reader(self._settings.projection)
        try:
            return [str(row[0]) for row in rows(reader, WAITING_FOR.format(reason=reason))]
        finally:
            reader.close()

    def deposit_days(self, *, timeout_s: float) -> tuple[dict[str, Any], ...]:
        """Return the days of the deposit bridge once every bank line that was paid out is in it, or time is up."""
        report = questions.load("deposit_days")
        lines_seen = BOOKED.format(ids=", ".join(f"'{id_}'" for id_ in self.paid_out))
        deadline = time.monotonic() + timeout_s
        reader = open_reader(self._settings.projection)
        try:
            while True:
                days = questions.ask(reader, report, {}).records
                booked = rows(reader, lines_seen) if self.paid_out else []
                if len(booked) == len(self.paid_out) or time.monotonic() > deadline:
                    return days
                time.sleep(DEPOSIT_POLL_S)
        finally:
            reader.close()

    def _books(self, party: str) -> Any:
        answer = httpx2.get(f"{self._urls[party]}/_sandbox/books", timeout=60, trust_env=False)
        return answer.raise_for_status().json()


def rows(reader: SqlReader, sql: str) -> list[list[Any]]:
    """Return rows of one statement as JSON values."""
    found: list[list[Any]] = json.loads(reader.query(sql))["data"]
    return found


def _count_seen(charges: Any, states: Mapping[str, list[str]]) -> int:
    return sum(_is_seen(charge, states.get(str(charge["id"]), [])) for charge in charges)


def _is_seen(charge: Mapping[str, Any], statuses: Collection[str]) -> bool:
    """Return whether the state of a charge was observed, in whatever order: a hook may be slower than the poll."""
    state = str(charge["state"])
    if str(charge["kind"]).startswith("ACH"):
        expected = {"SETTLED": "ACH_CLEARED", "RETURNED": "ACH_RETURNED"}.get(state)
    elif str(charge["kind"]).startswith("TRANSFER"):
        expected = _TRANSFER_SEEN_AS[state]
    else:
        expected = _SEEN_AS.get(state)
    return bool(statuses) and (expected is None or expected in statuses)
