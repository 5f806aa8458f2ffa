"""A person at the terminal, from `saldo waiting` over `saldo decide` to the document in abas, on a real broker.

A worker, a projector and the abas sandbox run in processes of their own; the commands run as a shell runs them.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.access.actor import single_user
from app.api.workbench import pages_of
from app.cli.audit import audit_found
from app.cli.forms import CliCommands
from app.composition.api import api_of
from app.settings.settings import load_settings
from infra.sandboxes.abas.state import DEFAULT_PASSWORD
from projections.serving.reader import connect_endpoint
from schemas.files.owned import text_of
from schemas.records.identification import Movement
from streams.rules.catalogue import ACCOUNT_MAPPING
from tests.support.abas_sandbox import AbasSandboxProcess, open_item, running_sandbox
from tests.support.api import api_in_thread
from tests.support.browser import CHROMIUM, running_chromium
from tests.support.builders import identified, to_identify
from tests.support.builders import open_item as seen_item
from tests.support.cli import Outcome, saldo
from tests.support.kafka import running_broker, use_broker
from tests.support.worker_process import ROOT, Workers, make_our_topics, outbound, produce, wait_until

pytestmark = pytest.mark.journey

INBOX = "receivables.inbox.v1"
WHY = ("--why", "customer called")
ME = str(single_user().user_id)


@dataclass
class Office:
    """What the finance people see of a running installation, and what happens outside of it."""

    bootstrap: str
    abas: AbasSandboxProcess
    minute: int = 0

    def paid(self, payment: str, amount_minor: int, invoice: str | None, customer: str) -> None:
        """PayTrace's money, its payer known."""
        record = identified(Movement.CAPTURED, amount_minor, payment=payment, invoice=invoice, customer=customer)
        produce(self.bootstrap, [outbound(INBOX, record)])

    def show_items(self) -> None:
        """abas is polled: each item as its books hold it now."""
        self.minute += 1
        produce(self.bootstrap, [outbound(INBOX, self._seen(item)) for item in self.abas.open_items()])

    def _seen(self, item: dict[str, Any]) -> Any:
        return seen_item(
            item["id"],
            item["open_minor"],
            invoice=item["invoice"],
            customer=item["customer"],
            amount_minor=item["amount_minor"],
            is_open=not item["filed"],
            # Far ahead of the sandbox's clock, which dates its documents by the day of the test.
            minute=60 * 24 * 365 * 20 + self.minute,
        )

    def waiting(self, customer: str) -> list[dict[str, Any]]:
        """What waits for a customer, and what is suggested."""
        outcome = saldo("waiting", "--customer", customer, "--format", "json")
        found: list[dict[str, Any]] = json.loads(outcome.out) if outcome.exit_code == 0 else []
        return [row for row in found if row["waits_in"] == "receivables"]

    def wait_for_waiting(self, customer: str, *expected: tuple[str, int]) -> None:
        """Until exactly these entries wait, each with so many suggestions."""

        def reported() -> bool:
            found: dict[str, int] = {}
            for row in self.waiting(customer):
                found[row["posting_reference"]] = max(found.get(row["posting_reference"], 0), row["suggestion_number"])
            return found == dict(expected)

        wait_until(reported, f"{expected} wait for {customer}")

    def code(self, customer: str, invoice: str) -> str:
        """The code of the suggestion of this invoice, as `saldo waiting` shows it."""
        (found,) = [row for row in self.waiting(customer) if row["invoice_numbers"] == [invoice]]
        return str(found["suggestion_code"])

    def documents(self, customer: str) -> dict[str, tuple[str, int]]:
        """abas' documents of a customer by reference: kind and amount."""
        return {
            one["posting_reference"]: (one["kind"], one["amount_minor"])
            for one in self.abas.documents()
            if one["customer"] == customer
        }

    def wait_for_documents(self, customer: str, **expected: tuple[str, int]) -> None:
        wait_until(lambda: self.documents(customer) == expected, f"abas holds {expected}")

    def wait_for_posted(self, reference: str) -> None:
        """Until the journal says so; abas holds the document a moment before."""
        wait_until(lambda: "posted in abas as document" in saldo("explain", reference).out, f"{reference} is posted")

    def open_minor(self, invoice: str) -> int:
        """What abas' own books say is open."""
        return next(int(item["open_minor"]) for item in self.abas.open_items() if item["invoice"] == invoice)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    data_dir = tmp_path_factory.mktemp("office")
    with (
        running_broker(tmp_path_factory.mktemp("office-kafka")) as broker,
        running_sandbox(tmp_path_factory.mktemp("office-abas")) as abas,
        pytest.MonkeyPatch.context() as patch,
    ):
        make_our_topics(broker)
        env = {"SALDO_ABAS_BASE_URL": abas.base_url, "SALDO_ABAS_PASSWORD": DEFAULT_PASSWORD}
        workers = Workers(broker, data_dir, env)
        workers.start("one")
        projector = _start_projector(workers, data_dir)
        # A command that comes before the projector opens the store itself, and the projector would find it taken.
        wait_until(lambda: _answers(data_dir), "the projector holds the store")
        patch.setenv("SALDO_DATA_DIR", str(data_dir))
        use_broker(patch, broker)
        try:
            yield Office(broker, abas)
        finally:
            projector.terminate()
            workers.stop()
            projector.wait(120)


def _start_projector(workers: Workers, data_dir: Path) -> subprocess.Popen[bytes]:
    with (data_dir / "projector.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "app.cli", "run", "projector"],
            env=workers.environment(),
            cwd=ROOT,
            stdout=output,
            stderr=output,
        )


def _answers(data_dir: Path) -> bool:
    reader = connect_endpoint(data_dir)
    if reader is None:
        return False
    reader.close()
    return True


def seeded(office: Office, customer: str, **items: str) -> None:
    """A customer with these open items."""
    office.abas.seed(
        *(open_item(number, amount, customer=customer) for number, amount in items.items()),
        customers=[{"number": customer, "name": f"Customer {customer}", "vault_customer_id": f"v{customer}"}],
    )
    office.show_items()


def done(outcome: Outcome) -> str:
    assert outcome.exit_code == 0, outcome.err + outcome.out
    return outcome.out


@pytest.mark.timeout(400)
def test_a_short_payment_is_confirmed_its_rest_written_off_and_all_of_it_can_be_explained(office: Office) -> None:
    seeded(office, "70001", RE1="103.00")
    office.paid("501", 100_00, "RE1", "70001")
    office.wait_for_waiting("70001", ("PT501", 1))
    listed = done(saldo("waiting", "--customer", "70001"))
    assert "PT501  100.00 USD  customer 70001, names RE1" in listed
    code = office.code("70001", "RE1")
    assert f"    {code}  RE1 100.00 USD   (fee-or-discount, " in listed
    assert done(saldo("waiting", "--customer", "70001", "--format", "csv")).count("\n") == 2

    refused = saldo("decide", "write-off", "RE1", *WHY)
    assert (refused.exit_code, refused.out) == (
        1,
        "refused: nothing of invoice RE1 is paid, so there is no rest to write off\n",
    )
    which = saldo("decide", "confirm", "501", *WHY)
    assert (which.exit_code, f"by --invoice: {code} (RE1 100.00 USD)" in which.err) == (2, True)
    nobody = saldo("decide", "confirm", "501", code, "--why", "n/a")
    assert (nobody.exit_code, "--why 'n/a' is no reason" in nobody.err) == (2, True)
    said = done(saldo("decide", "confirm", "501", code.lower(), *WHY))
    assert said.startswith(f"done, by {ME} (one-user mode, nobody logs in): customer called\n")
    assert "PT501: 100.00 USD belongs to invoice RE1" in said
    office.wait_for_documents("70001", PT501=("receipt", 100_00))
    assert office.open_minor("RE1") == 3_00

    office.wait_for_posted("PT501")
    for again in (("--invoice", "re1"), (code,)):
        outcome = saldo("decide", "confirm", "PT501", *again, "--why", "customer called")
        assert (outcome.exit_code, outcome.err) == (1, "")
        assert outcome.out.startswith(f"refused: PT501 is posted already; unmatch it first; {ME} decided confirm at ")
    unknown = saldo("decide", "confirm", "PT501", "22222", *WHY)
    assert (unknown.exit_code, "22222 is no suggestion for PT501" in unknown.err) == (2, True)
    office.show_items()
    above = saldo("decide", "write-off", "RE1", "--amount", "3.01", *WHY)
    assert (above.exit_code, above.out) == (1, "refused: invoice RE1 has 3.00 USD left\n")
    done(saldo("decide", "write-off", "RE1", *WHY))
    office.wait_for_documents("70001", PT501=("receipt", 100_00), PT501W1=("write_off", 3_00))
    assert office.open_minor("RE1") == 0

    wait_until(lambda: "written off in abas" in saldo("explain", "RE1").out, "the write-off is projected")
    reported = saldo("explain", "501").out
    assert f"suggested, {code}, 1 of 1: 100.00 USD for invoice RE1" in reported
    assert "agrees:  invoice RE1" in reported
    assert "differs: pays 3.00 USD less than the 103.00 USD open" in reported
    assert f"{ME} decided confirm: customer called" in reported
    assert "100.00 USD posted in abas as document ZE-" in reported


@pytest.mark.timeout(400)
def test_money_is_divided_put_on_account_and_a_wrong_match_taken_back(office: Office) -> None:
    seeded(office, "70002", RA="70.00", RB="50.00")
    office.paid("601", 100_00, None, "70002")
    office.wait_for_waiting("70002", ("PT601", 0))
    nothing = saldo("decide", "confirm", "PT601", *WHY)
    assert (nothing.exit_code, "nothing is suggested for PT601" in nothing.err) == (2, True)
    wrong = saldo("decide", "split", "PT601", "RA=70.00", "on-account=20.00", *WHY)
    assert (wrong.exit_code, wrong.out) == (1, "refused: the parts sum to 90.00 USD, the receipt is 100.00 USD\n")
    done(saldo("decide", "split", "PT601", "RA=70.00", "RB=20.00", "on-account=10.00", *WHY))
    parts = {"PT601S1": ("receipt", 70_00), "PT601S2": ("receipt", 20_00), "PT601S3": ("on_account", 10_00)}
    office.wait_for_documents("70002", **parts)
    assert (office.open_minor("RA"), office.open_minor("RB")) == (0, 30_00)

    office.wait_for_posted("PT601S2")
    said = done(saldo("decide", "unmatch", "PT601S2", *WHY))
    assert "PT601S2 is reversed by PT601S2U1, the money waits as PT601S2A1" in said
    office.wait_for_documents("70002", **parts, PT601S2U1=("reversal", 20_00))
    assert office.open_minor("RB") == 50_00
    office.wait_for_waiting("70002", ("PT601S2A1", 0))
    done(saldo("decide", "on-account", "PT601S2A1", *WHY))
    taken = {"PT601S2U1": ("reversal", 20_00), "PT601S2A1": ("on_account", 20_00)}
    office.wait_for_documents("70002", **parts, **taken)


@pytest.mark.timeout(400)
def test_the_api_gives_the_same_commands_once_each_and_shows_them_to_an_auditor(office: Office, tmp_path: Path) -> None:
    seeded(office, "70020", RJ="70.00", RK="50.00")
    office.paid("2001", 100_00, None, "70020")
    office.wait_for_waiting("70020", ("PT2001", 0))
    api = api_of(load_settings(), CliCommands(), audit_found)
    store = load_settings().data_dir / "api" / "requests.sqlite"
    with api_in_thread(api) as address, httpx2.Client(base_url=address, trust_env=False, timeout=60) as client:

        def split(*parts: str, key: str) -> httpx2.Response:
            body = {"reference": "PT2001", "parts": parts, "why": WHY[1]}
            return client.post("/v1/commands/decide/split", json=body, headers={"idempotency-key": key})

        refused = split("RJ=70.00", "on-account=20.00", key="one")
        assert (refused.status_code, refused.json()["code"]) == (409, "refused")
        assert refused.json()["outcome"]["lines"] == ["refused: the parts sum to 90.00 USD, the receipt is 100.00 USD"]
        unfit = split("RJ", key="two")
        assert (unfit.status_code, unfit.json()["field"]) == (422, "parts")
        parts = ("RJ=70.00", "RK=20.00", "on-account=10.00")
        answer = split(*parts, key="two")
        (given,) = answer.json()["given"]
        assert (answer.status_code, given["type"], given["events"][0]["type"]) == (200, "SplitEntry", "DecisionTaken")
        assert split(*parts, key="two").content == answer.content
        # The process ends between the record and the answer: the record is found, and not written again.
        with contextlib.closing(sqlite3.connect(store)) as kept, kept:
            kept.execute("UPDATE requests SET outcome = NULL WHERE key = 'two'")
        again = split(*parts, key="two")
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json()["given"] == [given]
        posted = {"PT2001S1": ("receipt", 70_00), "PT2001S2": ("receipt", 20_00), "PT2001S3": ("on_account", 10_00)}
        office.wait_for_documents("70020", **posted)

        def unapplied() -> list[Any]:
            rows = client.get("/v1/reports/unapplied_cash?abas_customer_id=70020").json()["rows"]
            return [(row["left"], row["currency"]) for row in rows]

        wait_until(lambda: unapplied() == [("10.00", "USD")], "the report has what is on account")
        audit = client.get("/v1/audit").json()
        ours = [(row["what"], row["who"], row["why"]) for row in audit["entries"] if row["key"] == "70020"]
        assert ours == [("SplitEntry", ME, WHY[1])] * 2
        assert client.get("/v1/audit/verification").json()["is_whole"]


@pytest.mark.timeout(400)
def test_a_payment_of_two_invoices_is_posted_unseen_and_a_tie_is_not(office: Office) -> None:
    seeded(office, "70003", RX="60.00", RY="40.00", RZ="55.00", RW="55.00")
    office.paid("701", 100_00, "RX, RY", "70003")
    office.paid("702", 55_00, None, "70003")
    office.wait_for_waiting("70003", ("PT702", 2))
    posted = office.documents("70003")
    assert sorted(minor for _, minor in posted.values()) == [40_00, 60_00]
    assert set(posted) == {"PT701S1", "PT701S2"}
    which = saldo("decide", "confirm", "702", *WHY)
    assert (which.exit_code, "name one suggestion by its code" in which.err) == (2, True)
    first, second = (office.code("70003", invoice) for invoice in ("RZ", "RW"))
    done(saldo("decide", "reject", "702", first, *WHY))
    # A no to one is not a yes to the other: it stays a suggestion, under the same code.
    office.wait_for_waiting("70003", ("PT702", 1))
    assert office.code("70003", "RW") == second
    assert office.documents("70003") == posted
    gone = saldo("decide", "confirm", "702", first, *WHY)
    assert (gone.exit_code, f"was ruled out; {ME} decided reject at" in gone.out) == (1, True)
    if CHROMIUM is None:
        done(saldo("decide", "confirm", "702", second, *WHY))
    else:
        confirmed_in_a_browser("PT702", "RW")
    office.wait_for_documents("70003", **posted, PT702=("receipt", 55_00))


def confirmed_in_a_browser(reference: str, invoice: str) -> None:
    """A person opens the case, says why, and presses the button that names the invoice; it leaves the list at once."""
    pages = partial(pages_of, load_settings().projection)
    api = api_of(load_settings(), CliCommands(), audit_found, pages=pages)
    with api_in_thread(api) as address, running_chromium() as chromium:
        page = chromium.new_page()
        page.goto(f"{address}/console/waiting/receivables/{reference}")
        page.fill("#why", WHY[1])
        page.click(f"button:has-text('{invoice}')[value^='confirm']")
        page.wait_for_selector(f"text=goes to {invoice}")
        assert page.is_visible("#h-decided")


@pytest.mark.timeout(400)
def test_a_refused_document_is_posted_again_and_all_that_was_decided_comes_back_identical(office: Office) -> None:
    seeded(office, "70004", RP="80.00")
    office.abas.faults(closed_periods=["2026-11"])
    office.paid("801", 80_00, "RP", "70004")
    wait_until(lambda: [row["reason"] for row in office.waiting("70004")] == ["POSTING_REFUSED"], "abas refuses it")
    office.abas.faults(closed_periods=[])
    done(saldo("decide", "post-again", "PT801", *WHY))
    office.wait_for_documents("70004", PT801=("receipt", 80_00))
    office.wait_for_posted("PT801")
    rebuilt = saldo("rebuild", "--no-tables")
    assert rebuilt.exit_code == 0, rebuilt.out + rebuilt.err
    assert "Everything came back identical" in rebuilt.out
    assert "DIFFERS" not in rebuilt.out


@pytest.mark.timeout(400)
def test_a_payer_is_named_remembered_and_corrected_after_posting(office: Office) -> None:
    seeded(office, "70071", RE71="55.00")
    seeded(office, "70072", RE72="55.00")
    nameless = replace(to_identify("none:571", payment="571", amount_minor=55_00), invoice_number=None)
    produce(office.bootstrap, [outbound("identification.inbox.v1", nameless)])
    wait_until(lambda: "saldo decide assign-customer 571" in saldo("waiting").out, "the payment waits for its payer")
    unknown = saldo("decide", "assign-customer", "571", "99999", *WHY)
    assert (unknown.exit_code, "--unknown-customer" in unknown.err) == (2, True)

    said = done(saldo("decide", "assign-customer", "571", "70071", "--remember", *WHY))
    assert "55.00 USD (captured) belongs to customer 70071" in said
    assert "vault:acme stands for customer 70071 from now on" in said
    office.wait_for_documents("70071", PT571=("receipt", 55_00))
    office.wait_for_posted("PT571")

    done(saldo("decide", "assign-customer", "571", "70072", *WHY))
    office.wait_for_documents("70072", PT571A1=("receipt", 55_00))
    assert office.documents("70071") == {"PT571": ("receipt", 55_00), "PT571U1": ("reversal", 55_00)}
    office.wait_for_posted("PT571A1")
    again = saldo("decide", "assign-customer", "PT571A1", "70072", *WHY)
    assert (again.exit_code, "is with customer 70072 already" in again.err) == (2, True)
    assert "vault:acme" in done(saldo("report", "remembered_payers"))
    done(saldo("decide", "forget-customer", "vault:acme", *WHY))

    # Every decision of this office was signed, is where it was given, and is listed with what came of it.
    verified = done(saldo("audit", "verify"))
    assert "no break: " in verified
    assert "receivables.inbox.v1/" in verified
    [*rows] = csv.DictReader(io.StringIO(done(saldo("audit", "export"))))
    assert "operators" in {row["signed_by"] for row in rows} <= {"operators", "worker"}  # a retry is a worker's
    assert "ForgetReference" in {row["what"] for row in rows}
    assert all(row["who"] and row["why"] and row["digest"] for row in rows)


@pytest.mark.timeout(400)
def test_a_write_off_above_the_amount_of_four_eyes_is_proposed_by_one_and_approved_by_another(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(office, "70009", RE9="106.00")
    office.paid("509", 100_00, "RE9", "70009")
    office.wait_for_waiting("70009", ("PT509", 1))
    done(saldo("decide", "confirm", "PT509", office.code("70009", "RE9"), *WHY))
    office.wait_for_posted("PT509")
    office.show_items()
    # Users of this test alone: the others of this module are in one-user mode.
    monkeypatch.setenv("SALDO_ACCESS_USERS_PATH", str(tmp_path / "users.json"))
    monkeypatch.setenv("SALDO_ACCESS_SESSION_PATH", str(tmp_path / "session"))
    said_in("user", "add", "boss", "--role", "admin")
    denied = saldo("decide", "write-off", "RE9", "--amount", "6.00", *WHY)
    assert (denied.exit_code, denied.out, "log in with `saldo login USER`" in denied.err) == (2, "", True)
    said_in("login", "boss")
    for user, *roles in (("jo", "accountant", "approver"), ("dkim", "approver"), ("vera", "viewer")):
        said_in("user", "add", user, *(word for role in roles for word in ("--role", role)))

    said_in("login", "vera")
    denied = saldo("decide", "write-off", "RE9", "--amount", "6.00", *WHY)
    assert (denied.exit_code, denied.out) == (2, "")
    assert (
        "vera (viewer) may not write off the rest of an invoice; that is for accountant, approver: jo, dkim"
        in denied.err
    )

    said_in("login", "jo")
    proposed = done(saldo("decide", "write-off", "RE9", "--amount", "6.00", *WHY))
    match = re.fullmatch(r"proposed as (P[0-9A-F]{10}); another approver decides, until .* UTC: (.*)\n.*\n", proposed)
    assert match is not None, proposed
    proposal, summary = match.groups()
    assert summary.startswith("write off the rest of an invoice: 6.00 USD")
    assert f"{proposal}  {summary}" in done(saldo("approvals", "list"))
    assert office.documents("70009") == {"PT509": ("receipt", 100_00)}, "nothing happens before it is approved"
    wait_until(lambda: proposal in saldo("waiting").out, "the proposal is named where money waits")
    own = saldo("approvals", "approve", proposal, "--why", "looked it up")
    assert (own.exit_code, own.out) == (1, "refused: jo proposed it; another approver decides\n")

    said_in("login", "dkim")
    approved = done(saldo("approvals", "approve", proposal.lower(), "--why", "looked it up"))
    assert "done, by jo, approved by dkim: customer called" in approved
    office.wait_for_documents("70009", PT509=("receipt", 100_00), PT509W1=("write_off", 6_00))
    again = saldo("approvals", "approve", proposal, "--why", "looked it up")
    assert (again.exit_code, "dkim approved it at" in again.out) == (1, True)
    assert done(saldo("approvals", "list")) == "nothing waits for approval\n"
    assert office.documents("70009") == {"PT509": ("receipt", 100_00), "PT509W1": ("write_off", 6_00)}
    wait_until(lambda: "jo, approved by dkim, decided write off" in saldo("explain", "RE9").out, "both are named")


def proposal_in(text: str) -> str:
    found = re.search(r"proposed as (P[0-9A-F]{10}); another approver decides", text)
    assert found is not None, text
    return found[1]


@pytest.mark.timeout(400)
def test_a_mapping_is_previewed_stood_for_by_two_rolled_back_and_moved(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(office, "70011", RM="100.00", RN="50.00", RO="25.00")
    office.abas.admin("POST", "master-data", [{"kind": "account", "number": "1369"}])
    office.paid("881", 100_00, "RM", "70011")
    office.wait_for_documents("70011", PT881=("receipt", 100_00))
    draft, moved = tmp_path / "mapping.yaml", tmp_path / "moved.json"
    changed = text_of(ACCOUNT_MAPPING.shipped).replace("version: 1\n", "version: 2\n")
    draft.write_text(changed.replace('"1361"}', '"1369", from: 2026-11-20}'))
    done(saldo("mapping", "check", str(draft)))
    shown = saldo("mapping", "preview", str(draft), "--from", "2026-11-20", "--to", "2026-11-20")
    assert (shown.exit_code, "PT881  cash_receipt of 70011" in shown.out) == (3, True), shown.err
    assert "clearing: account 1361 -> 1369" in shown.out
    assert "PT881  cash_receipt, clearing 100.00 USD: 1361 -> 1369" in done(saldo("mapping", "try", str(draft)))
    assert "counter_account: ycounteracct (" in done(saldo("abas", "fields", "cash_receipt"))

    monkeypatch.setenv("SALDO_ACCESS_USERS_PATH", str(tmp_path / "users.json"))
    monkeypatch.setenv("SALDO_ACCESS_SESSION_PATH", str(tmp_path / "session"))
    said_in("user", "add", "boss", "--role", "admin")
    said_in("login", "boss")
    for user in ("jo", "dkim"):
        said_in("user", "add", user, "--role", "approver")

    def adopted(*words: str) -> str:
        """Give a command as jo, who may not approve it, and approve it as dkim."""
        said_in("login", "jo")
        proposal = proposal_in(done(saldo("mapping", *words)))
        own = saldo("mapping", "approve", proposal, "--why", "looked it up")
        assert (own.exit_code, "refused: jo proposed it; another approver decides\n" in own.out) == (1, True)
        said_in("login", "dkim")
        return done(saldo("mapping", "approve", proposal, "--why", "looked it up"))

    assert "account-mapping version 2 " in adopted("propose", str(draft), "--why", "another clearing account")
    office.paid("882", 50_00, "RN", "70011")
    wait_until(lambda: "PT882" in office.documents("70011"), "the next document")
    assert "signed with key" in done(saldo("mapping", "export", "--out", str(moved)))
    assert "account-mapping version 3 " in adopted("rollback", "1", "--why", "wrong account")
    office.paid("883", 25_00, "RO", "70011")
    wait_until(lambda: "PT883" in office.documents("70011"), "the document after that")
    accounts = {one["posting_reference"]: one["counter_account"] for one in office.abas.documents()}
    assert [accounts[name] for name in ("PT881", "PT882", "PT883")] == ["1361", "1369", "1361"]

    ring = str(load_settings().public_keys_path)
    tampered = tmp_path / "tampered.json"
    tampered.write_text(moved.read_text().replace("1369", "1368"))
    refused = saldo("mapping", "import", str(tampered), "--ring", ring, "--why", "tested there")
    assert (refused.exit_code, "it was changed after it was signed" in refused.err) == (2, True)
    said = adopted("import", str(moved), "--ring", ring, "--why", "tested there")
    assert "account-mapping version 4 " in said, "version 3 is in force here, so it gets the next number"
    history = done(saldo("mapping", "history"))
    assert "version 3 " in history
    assert "adopted by jo, approved by dkim" in history
    assert "imported: version 2 " in history


def said_in(*words: str) -> str:
    """A command that reads a password."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))
        return done(saldo(*words, "--password-stdin"))
