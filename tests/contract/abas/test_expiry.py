"""What happens when sessions end: locks go free, and a writer that was stopped too long can't post any more."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasDocumentContradicts
from connectors.abas.profile import Profile
from connectors.abas.settings import AbasSettings
from connectors.abas.sink import AbasSink
from connectors.abas.wire import Answer
from connectors.common.reach import authorities
from infra.sandboxes.abas.state import DEFAULT_PASSWORD
from schemas.records.erp import DocumentPosted
from tests.support.abas_commands import post_receipt, with_strategy, without_lock
from tests.support.abas_sandbox import AbasSandboxProcess, open_item, running_sandbox

SESSION_IDLE_S = 2.0

_numbers = itertools.count(800_000)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbasSandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("abas"), session_idle_s=SESSION_IDLE_S) as sandbox:
        sandbox.seed()
        yield sandbox


@pytest.fixture
def http(sandbox: AbasSandboxProcess) -> Iterator[httpx2.Client]:
    with httpx2.Client(
        base_url=f"{sandbox.base_url}/r/erp/", auth=("", DEFAULT_PASSWORD), timeout=20, verify=authorities()
    ) as client:
        yield client


def fresh() -> str:
    return f"PT{next(_numbers)}"


def data(response: httpx2.Response) -> Any:
    return response.json()["content"]["data"]


def customer_id(sandbox: AbasSandboxProcess) -> str:
    return next(str(c["id"]) for c in sandbox.admin("GET", "books")["customers"] if c["number"] == "70001")


def documents_under(sandbox: AbasSandboxProcess, reference: str) -> list[dict[str, Any]]:
    return [d for d in sandbox.documents() if d["posting_reference"] == reference]


def test_an_editor_left_open_locks_until_it_expires(sandbox: AbasSandboxProcess, http: httpx2.Client) -> None:
    sandbox.admin("POST", "editors", {"record": customer_id(sandbox), "user": "M. Muster"})
    refused = http.post("obj/data/0:1/70001/commands/UPDATE", json={})
    assert "M. Muster" in refused.json()["content"]["details"][0]["text"][0]
    got = http.post("obj/data/0:1/70001/commands/UPDATE", params={"maxWaitOnLock": "10"}, json={})
    assert got.status_code == 201
    http.post(f"workspace/{got.headers['X-abas-mw-workingset']}/commands/CANCEL", json={})


def test_working_sets_are_listed_by_label_kept_alive_and_expire(http: httpx2.Client) -> None:
    label = {"X-abas-mw-ws-label": "listing"}
    made = http.post("workspace", headers=label, json={})
    working_set = made.headers["X-abas-mw-workingset"]
    assert made.status_code == 201

    def listed() -> list[str]:
        return [entry["workingSetId"] for entry in data(http.get("workspace", headers=label))["workingSets"]]

    assert listed() == [working_set]
    deadline = time.monotonic() + 1.5 * SESSION_IDLE_S
    while time.monotonic() < deadline:
        assert http.get("workspace/keepalive", headers=label).is_success
        time.sleep(0.2 * SESSION_IDLE_S)
    assert listed() == [working_set]
    time.sleep(1.2 * SESSION_IDLE_S)
    assert listed() == []
    gone = http.get(f"workspace/{working_set}")
    assert gone.json()["content"]["errorCode"] == "MISSING_WORKINGSET"
    editor = http.get(f"workspace/{http.post('workspace', json={}).headers['X-abas-mw-workingset']}/wip/ep-1")
    assert editor.json()["content"]["errorCode"] == "MISSING_WORKINGSET_EDITOR"


class _Paused(AbasClient):
    """A worker that is stopped before its n-th call of the posting, as SIGSTOP does."""

    def __init__(self, settings: AbasSettings, *, before_call: int) -> None:
        super().__init__(settings)
        self._before_call = before_call
        self._calls = 0
        self.stopped = asyncio.Event()
        self.go_on = asyncio.Event()

    async def _send(self, method: str, url: str, **request: Any) -> Answer:
        self._calls += 1
        if self._calls == self._before_call:
            self.stopped.set()
            await self.go_on.wait()
        return await super()._send(method, url, **request)


async def _zombie_and_successor(
    sandbox: AbasSandboxProcess, profile: Profile, reference: str, *, before_call: int, asleep_s: float
) -> int:
    """Stop the first writer before one of its calls, let a second one post, wake the first one up; count documents."""
    customer = f"9{reference.removeprefix('PT')}"
    [item] = sandbox.seed(
        open_item("RE-Z", "250.00", customer=customer), customers=[{"number": customer, "name": f"C{customer}"}]
    )
    settings = sandbox.settings(read_timeout_s=20)
    command = post_receipt(reference, item, customer=customer)
    async with _Paused(settings, before_call=before_call) as zombie_client, AbasClient(settings) as client:
        zombie = asyncio.create_task(AbasSink(zombie_client, profile, settings).post(command))
        await zombie_client.stopped.wait()
        successor = await AbasSink(client, profile, settings).post(command)
        assert isinstance(successor, DocumentPosted)
        await asyncio.sleep(asleep_s)
        zombie_client.go_on.set()
        try:
            assert await zombie == successor
        except AbasDocumentContradicts:
            assert len(documents_under(sandbox, reference)) == 2
    return len(documents_under(sandbox, reference))


# Calls of one posting under a lock: look up, open the payment, lock, look up again, save, close, look up.
CALLS_UNDER_A_LOCK = range(1, 8)


@pytest.mark.parametrize("asleep_s", [0.0, 1.2 * SESSION_IDLE_S], ids=["awake before its session ends", "awake after"])
async def test_a_zombie_can_not_post_whatever_it_was_stopped_before(
    sandbox: AbasSandboxProcess, profile: Profile, asleep_s: float
) -> None:
    chosen = with_strategy(profile, "editor")
    documents = await asyncio.gather(
        *(
            _zombie_and_successor(sandbox, chosen, fresh(), before_call=call, asleep_s=asleep_s)
            for call in CALLS_UNDER_A_LOCK
        )
    )
    assert dict(zip(CALLS_UNDER_A_LOCK, documents, strict=True)) == dict.fromkeys(CALLS_UNDER_A_LOCK, 1)


@pytest.mark.parametrize("before_call", [1, 2])
async def test_a_zombie_can_not_post_by_the_infosystem(
    sandbox: AbasSandboxProcess, profile: Profile, before_call: int
) -> None:
    assert await _zombie_and_successor(sandbox, profile, fresh(), before_call=before_call, asleep_s=0.0) == 1


async def test_without_the_lock_the_books_show_the_zombies_double(
    sandbox: AbasSandboxProcess, profile: Profile
) -> None:
    assert await _zombie_and_successor(sandbox, without_lock(profile), fresh(), before_call=2, asleep_s=0.0) == 2
