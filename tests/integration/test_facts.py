"""Batches, vault customers, schedules and payment requests over HTTP, both sandboxes and a real broker; back-fill.

Rules: each fact arrives once, a change is told again, a killed source reports nothing twice, a killed back-fill goes on
where its mark stands.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.abas.client import AbasClient, commit, set_field
from connectors.abas.working_set import working_set
from connectors.paytrace.ports import Charge, RecurrencePlan
from schemas.checks.sensitive import find_sensitive
from schemas.records.gateway import PaymentRequestStatus
from schemas.records.subscriptions import RecurrenceFrequency, RecurrenceStatus
from tests.support.abas_sandbox import AbasSandboxProcess, running_sandbox
from tests.support.installation import FACTS, Installation, ask, card, sell_and_settle, wait_for
from tests.support.kafka import running_broker
from tests.support.paytrace_payer import store_account
from tests.support.paytrace_sandbox import MASTERCARD, VISA, sandbox_in_thread
from tests.support.worker_process import make_our_topics

CURSORS = "sources.cursors.v1"
TRANSACTIONS = "payments.observations.v1"


@pytest.fixture
def saldo(tmp_path: Path) -> Iterator[Installation]:
    with running_broker(tmp_path / "kafka") as broker:
        make_our_topics(broker)
        yield Installation(broker, tmp_path)


def change_payment_request(abas: AbasSandboxProcess, record: str, status: str) -> None:
    async def edit() -> None:
        async with AbasClient(abas.settings()) as client, working_set(client) as editors:
            editor = await editors.open("900:6", "UPDATE", record=record)
            await editors.act(editor, [set_field("ystatus", status), commit()])

    asyncio.run(edit())


@pytest.mark.timeout(240)
def test_facts_arrive_once_and_a_change_is_reported_again(saldo: Installation, tmp_path: Path) -> None:
    with (
        sandbox_in_thread(tmp_path / "paytrace", first_batch_number=999) as paytrace,
        running_sandbox(_made(tmp_path / "abas")) as abas,
    ):
        saldo.reach(paytrace, abas)
        ask(paytrace, lambda client: client.create_customer("acme-inc", card=card(), billing_address={"name": "Kevin"}))
        plan = RecurrencePlan(
            customer_id="acme-inc", amount_minor=2495, frequency="3", start_on=date(2040, 1, 31), total_count=12
        )
        schedule = ask(paytrace, lambda client: client.create_recurrence(plan)).recurrence_id
        sell_and_settle(paytrace, 12500, 700)
        abas.seed()
        payment_request = {"kind": "refund", "customer_number": "70001", "amount": "12.50", "currency": "USD"}
        asked = payment_request | {
            "paytrace_transaction_id": "395970001",
            "reason": f"typed {VISA}",
            "requester": "M. Muster",
        }
        [record] = abas.admin("POST", "payment-requests", [asked])["ids"]

        with saldo.running("paytrace", "run", "source", "paytrace"), saldo.running("abas", "run", "source", "abas"):
            wait_for(lambda: all(saldo.counts().values()), "each kind of fact once")
            before = saldo.polls("paytrace", "paytrace facts"), saldo.polls("abas", "abas payment requests")
            wait_for(
                lambda: (
                    saldo.polls("paytrace", "paytrace facts") >= before[0] + 3
                    and saldo.polls("abas", "abas payment requests") >= before[1] + 3
                ),
                "three more polls of each",
            )
            assert saldo.counts() == dict.fromkeys(FACTS, 1)
            facts = saldo.facts()
        [batch], [customer], [recurrence], [made] = facts.values()
        assert (batch.batch_number, batch.net_minor, batch.is_consistent, batch.mismatch) == (999, 13200, True, "")
        assert (customer.vault_customer_id, customer.card_last_four) == ("acme-inc", VISA[-4:])
        assert customer.card_expires_on == date(2030, 12, 31)
        assert (recurrence.recurrence_id, recurrence.amount_minor) == (schedule, 2495)
        assert (recurrence.frequency, recurrence.next_on) == (RecurrenceFrequency.MONTHLY, date(2040, 1, 31))
        assert (made.payment_request_id, made.amount_minor, made.requester) == (record, 1250, "M. Muster")
        assert made.vault_customer_id == "acme-inc"
        assert find_sensitive("facts", repr(facts)) is None
        assert "Kevin" not in repr(facts)

        # Both sources were killed just now; started again they tell what changed and nothing else.
        new_card = {"credit_card": {"number": MASTERCARD, "expiration_month": "11", "expiration_year": "2031"}}
        ask(paytrace, lambda client: client.update_customer("acme-inc", fields=new_card))
        ask(paytrace, lambda client: client.update_recurrence(schedule, {"amount": "30.00", "total_count": "24"}))
        sell_and_settle(paytrace, 100)
        change_payment_request(abas, record, "DONE")
        with saldo.running("paytrace", "run", "source", "paytrace"), saldo.running("abas", "run", "source", "abas"):
            wait_for(lambda: all(count >= 2 for count in saldo.counts().values()), "each change")
            before = saldo.polls("paytrace", "paytrace facts"), saldo.polls("abas", "abas payment requests")
            wait_for(
                lambda: (
                    saldo.polls("paytrace", "paytrace facts") >= before[0] + 2
                    and saldo.polls("abas", "abas payment requests") >= before[1] + 2
                ),
                "two more polls of each",
            )
        facts = saldo.facts()
        assert {name: len(records) for name, records in facts.items()} == dict.fromkeys(FACTS, 2)
        assert sorted(seen.batch_number for seen in facts["settlement"]) == [1, 999]
        assert facts["customers"][-1].card_last_four == MASTERCARD[-4:]
        assert (facts["subscriptions"][-1].amount_minor, facts["subscriptions"][-1].planned_count) == (3000, 24)
        assert facts["subscriptions"][-1].status is RecurrenceStatus.ACTIVE
        assert facts["gateway"][-1].status is PaymentRequestStatus.DONE


@pytest.mark.timeout(240)
def test_v3_reports_the_same_facts_and_says_what_it_does_not_offer(saldo: Installation, tmp_path: Path) -> None:
    with sandbox_in_thread(tmp_path / "paytrace", first_batch_number=7) as paytrace:
        ask(paytrace, lambda client: client.create_customer("acme-inc", card=card(), billing_address={"name": "Kevin"}))
        sell_and_settle(paytrace, 12500, 700)
        debit = Charge(amount_minor=2500, invoice_number="RE-9")
        account = store_account(paytrace, "payer")
        ask(paytrace, lambda client: client.pay_by_ach(account, debit, idempotency_key="key-9"))
        reported: dict[str, set[tuple[Any, ...]]] = {}
        for version in ("v1", "v3"):
            saldo.reach(paytrace)
            saldo.env |= {"SALDO_PAYTRACE_API_VERSION": version, "SALDO_PAYTRACE_ACH_SOURCE": "auto"}
            saldo.env |= {"SALDO_PAYTRACE_INTEGRATOR_ID": "9999Saldo123", "SALDO_PAYTRACE_MERCHANT_ID": "1"}
            name = f"paytrace-{version}"
            with saldo.running(name, "run", "source", "paytrace"):
                wait_for(partial(saldo.has_polled, name, "paytrace", 2), "two polls")
                wait_for(partial(saldo.has_polled, name, "paytrace facts", 2), "two polls of facts")
            reported[version] = {
                (seen.amount_minor, seen.paytrace_transaction_id, seen.kind, seen.status, seen.invoice_number)
                for _, seen in saldo.records(TRANSACTIONS)
            }
            if version == "v1":
                sell_and_settle(paytrace, 300)
        # The rows of v3 have other names, so they are reported once more; what they say is what v1 said.
        assert sorted(fact[0] for fact in reported["v1"]) == [700, 2500, 12500]
        assert [fact[0] for fact in reported["v3"] - reported["v1"]] == [300]
        assert sorted(batch.net_minor for batch in saldo.facts()["settlement"]) == [300, 13200]
        assert "recurring schedules" not in saldo.log_of("paytrace-v1").read_text()
        assert "recurring schedules" in saldo.log_of("paytrace-v3").read_text()


@pytest.mark.timeout(240)
@pytest.mark.journey
def test_a_killed_backfill_goes_on_where_its_mark_stands(saldo: Installation, tmp_path: Path) -> None:
    first, days = date(2026, 3, 5), 8  # over the night of 8 March, when the clocks go forward
    last = first + timedelta(days=days - 1)
    words = ("backfill", "paytrace", "--from", str(first), "--to", str(last))
    with sandbox_in_thread(tmp_path / "paytrace", first_batch_number=998) as paytrace:
        saldo.reach(paytrace)
        for day in range(days):
            paytrace.admin("clock", {"now": f"{first + timedelta(days=day)}T12:00:00"})
            sell_and_settle(paytrace, 1000 + day, 2000 + day)
        paytrace.admin("faults", {"latency": {"seconds": 2.5, "path": "/v1/transactions/export"}})

        with saldo.running("backfill", *words) as process:
            wait_for(lambda: _marked(saldo, first, last) >= first, "a day marked")
            assert process.poll() is None, "it is killed on its way"
        marked = _marked(saldo, first, last)
        assert first <= marked < last
        paytrace.admin("faults", {"clear": True})

        resumed = saldo.run(*words, "--resume")
        assert resumed.returncode == 0, resumed.stderr
        assert f"read {marked + timedelta(days=1)} to {last}, " in resumed.stdout
        reported = saldo.records(TRANSACTIONS)
        books = set(paytrace.books())
        assert {record.paytrace_transaction_id for _, record in reported} == books
        assert len({event_id for event_id, _ in reported}) == len(books) == 2 * days
        batches = saldo.records(FACTS["settlement"])
        assert {record.batch_number for _, record in batches} == {998, 999, *range(1, days - 1)}
        assert Counter(record.is_consistent for _, record in batches)[True] == len(batches)
        assert len({event_id for event_id, _ in batches}) == days
        assert _marked(saldo, first, last) == last

        done = saldo.run(*words, "--resume")
        assert (done.returncode, "nothing to do" in done.stdout) == (0, True)
        once_more = saldo.run(*words)
        assert f"read {first} to {last}, {3 * days} transactions and batches seen" in once_more.stdout
        assert len(saldo.records(TRANSACTIONS)) == len(reported), "what is reported is not told again"
        assert saldo.run("backfill", "paytrace", "--from", str(last), "--to", str(first)).returncode == 2


@pytest.mark.timeout(120)
def test_abas_is_probed_and_a_profile_checked_from_the_command_line(tmp_path: Path) -> None:
    saldo = Installation("127.0.0.1:1", tmp_path)
    with running_sandbox(_made(tmp_path / "abas")) as abas:
        saldo.reach(abas=abas)
        fits = saldo.run("abas", "check")
        assert (fits.returncode, f"fits the abas at {abas.base_url}" in fits.stdout) == (0, True), fits.stderr

        profile = tmp_path / "first.yaml"
        probed = saldo.run("abas", "probe", "--out", str(profile))
        assert (probed.returncode, probed.stdout.splitlines()[0].startswith(f"wrote {profile}")) == (0, True)
        assert saldo.run("abas", "probe").stdout == profile.read_text()
        assert saldo.run("abas", "probe", "--out", str(profile)).returncode == 2, "somebody's work is not overwritten"
        assert saldo.run("abas", "check", "--profile", str(profile)).returncode == 0, "what was proven fits"

        spoilt = profile.read_text().replace("openAmt", "openAmount").replace("dueDate", "dueDay")
        profile.write_text(spoilt)
        refused = saldo.run("abas", "check", "--profile", str(profile))
        assert refused.returncode == 2
        assert all(name in refused.stderr for name in ("openAmount", "dueDay", profile.name))
        assert "Traceback" not in refused.stderr
    assert saldo.run("abas", "check").returncode == 2, "no abas answers"


def _marked(saldo: Installation, first: date, last: date) -> date:
    subject = f"paytrace/backfill/main/{first}/{last}"
    marks = [record.position for _, record in saldo.records(CURSORS) if record.subject == subject]
    return date.fromisoformat(max(marks, default=str(first - timedelta(days=1))))


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory
