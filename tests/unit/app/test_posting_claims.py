"""A document is saved at most once, or a person is asked, wherever a worker is paused or ended and a search lags.

The real sink and the real claims, on a log in memory and against books whose search shows a save only after a while.
Two workers are moved await by await; whoever is not moved is paused, whoever is ended comes back as another process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.composition.posting_claims import TOPIC, PostingClaims
from connectors.abas.errors import AbasDocumentInDoubt, AbasOutcomeUnknown, AbasUnavailable
from connectors.abas.profile import Profile, load_profile
from connectors.abas.rights import ProcessRights
from connectors.abas.settings import SANDBOX_PROFILE, AbasSettings
from connectors.abas.sink import AbasSink
from connectors.abas.wire import ErpField, ErpObject
from schemas.failures import Delayed, SaldoError, Unavailable
from schemas.failures.doubt import OutcomeWait
from schemas.records.erp import DocumentPosted
from schemas.wire.codec import Codec
from tests.support.abas_commands import post_receipt, without_lock
from tests.support.stepping import Stepped, SteppedLog, finish, pause

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
WAIT_S, LAG_S = 300.0, 10.0
PROFILE = load_profile(SANDBOX_PROFILE)
COMMAND = post_receipt("PT7", "(1,900,0)")
WAY = PROFILE.documents["cash_receipt"]
SHOWN = {**WAY.inputs, **WAY.reads, "created": WAY.created, "number": WAY.number}


@dataclass
class Abas:
    """Books that take two documents under one reference, as real ones would; fates are those of the saves to come."""

    now: datetime = NOON
    fates: list[str] = field(default_factory=list)
    saved_at: list[datetime] = field(default_factory=list)
    is_atomic: bool = False

    async def query_page(self, *_: Any, **__: Any) -> Sequence[ErpObject]:
        await pause()
        shown = [number for number, at in enumerate(self.saved_at) if self.now - at >= timedelta(seconds=LAG_S)]
        await pause()
        return [document(number, SHOWN) for number in shown]

    async def run_infosystem(self, *_: Any, **__: Any) -> ErpObject:
        assert WAY.infosystem is not None
        await self._save()
        return document(0, WAY.infosystem.outputs)

    async def execute(self, *_: Any) -> None:
        await self._save()

    async def _save(self) -> None:
        await pause()
        fate = self.fates.pop(0) if self.fates else "answered"
        if fate == "unreached":
            raise AbasUnavailable("connection refused")
        if fate != "cut before" and not (self.is_atomic and self.saved_at):
            self.saved_at.append(self.now)
        await pause()
        if fate != "answered":
            raise AbasOutcomeUnknown("no answer")


def document(number: int, names: Mapping[str, str]) -> ErpObject:
    values: dict[str, Any] = {
        "id": f"({number},900,0)",
        "number": f"ZE-{number}",
        "posting_reference": COMMAND.posting_reference,
        "paytrace_transaction_id": COMMAND.values["paytrace_transaction_id"],
        "amount": Decimal("125.00"),
        "currency": "USD",
        "created": "2026-11-29T12:00:00Z",
        "subject": COMMAND.subject,
        "open_item": "(1,900,0)",
        "value_on": "2026-11-20",
        "posted_on": "2026-11-20",
        "counter_account": "1361",
    }
    head = {names[role]: ErpField(value=value, text=None) for role, value in values.items() if role in names}
    return ErpObject(id=values["id"], number=values["number"], table="900:2", head=head)


@dataclass
class Stage:
    """Two workers of one group and what they are at."""

    abas: Abas
    profile: Profile
    log: SteppedLog = field(default_factory=lambda: SteppedLog({TOPIC: 1}))
    sinks: list[AbasSink] = field(default_factory=list)
    attempts: list[Stepped | None] = field(default_factory=lambda: [None, None])
    outcomes: list[object] = field(default_factory=list)
    has_claims: bool = True

    def __post_init__(self) -> None:
        self.sinks = [self.process(), self.process()]

    def process(self) -> AbasSink:
        async def sleep(_seconds: float) -> None:
            await pause()

        clock = lambda: self.abas.now  # noqa: E731  # the clock of all
        claims = PostingClaims(self.log, Codec(), claimed_by="worker", now=clock)
        rights = claims if self.has_claims else ProcessRights(clock)
        limits = AbasSettings(outcome_wait_s=WAIT_S, write_attempts=2)
        return AbasSink(self.abas, self.profile, limits, rights=rights, sleep=sleep, now=clock)  # type: ignore[arg-type]

    def step(self, who: int) -> None:
        attempt = self.attempts[who] or Stepped(self.sinks[who].post(COMMAND))
        self.attempts[who] = attempt
        try:
            if attempt.step():
                self.outcomes.append(attempt.result)
                self.attempts[who] = None
        except SaldoError as error:
            self.attempts[who] = None
            if not isinstance(error, Delayed | Unavailable):
                self.outcomes.append(error)

    def kill(self, who: int) -> None:
        if (attempt := self.attempts[who]) is not None:
            attempt.kill()
        self.attempts[who], self.sinks[who] = None, self.process()


MOVES = st.one_of(
    st.tuples(st.just("step"), st.integers(0, 1), st.integers(1, 12)),
    st.tuples(st.just("kill"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("time"), st.just(0), st.sampled_from([1, 9, 100, 301])),
)
# So many outcomes show that nobody saves again: the last of them only find what the first ones did.
ENOUGH = 12
FATES = st.lists(st.sampled_from(["answered", "unreached", "cut before", "cut after"]), max_size=3)


@pytest.mark.thorough
@pytest.mark.parametrize("is_atomic", [True, False], ids=["infosystem", "nothing fences"])
@settings(max_examples=250, deadline=None)
@given(moves=st.lists(MOVES, max_size=25), fates=FATES, rests=st.integers(1, 7))
@example(moves=[], fates=["unreached", "cut before"], rests=3)
def test_whatever_happens_to_two_workers_there_is_one_document_or_a_person_is_asked(
    is_atomic: bool, moves: list[tuple[str, int, int]], fates: list[str], rests: int
) -> None:
    """In the end both go on, one of them a little slower: it rests at each `rests`-th turn."""
    abas = Abas(fates=list(fates), is_atomic=is_atomic)
    stage = Stage(abas, PROFILE if is_atomic else without_lock(PROFILE))
    for move, who, count in moves:
        if move == "kill":
            stage.kill(who)
        elif move == "time":
            abas.now += timedelta(seconds=count)
        else:
            for _ in range(count):
                stage.step(who)
        assert len(abas.saved_at) <= 1
    for turn in range(1, 600):
        if len(stage.outcomes) >= ENOUGH:
            break
        stage.step(0)
        if rests == 1 or turn % rests:
            stage.step(1)
        abas.now += timedelta(seconds=3)
    assert len(abas.saved_at) <= 1
    assert stage.outcomes
    for outcome in stage.outcomes:
        assert isinstance(outcome, DocumentPosted | AbasDocumentInDoubt)
    if is_atomic:
        assert len(abas.saved_at) == 1


@pytest.mark.parametrize("has_claims", [True, False])
def test_a_worker_killed_between_save_and_answer_is_not_followed_by_a_second_save(has_claims: bool) -> None:
    stage = Stage(Abas(fates=["cut after"]), without_lock(PROFILE), has_claims=has_claims)
    while not stage.abas.saved_at:
        stage.step(0)
    stage.kill(0)
    for _ in range(40):
        stage.step(0)
    assert len(stage.abas.saved_at) == (1 if has_claims else 2), "without claims the search that lags makes a double"


def test_a_fresh_document_costs_one_append_and_no_reading() -> None:
    stage = Stage(Abas(), PROFILE)
    finish(stage.sinks[0].post(COMMAND))
    reads = []
    stage.log.watermarks = lambda *where: reads.append(where)  # type: ignore[assignment]
    finish(stage.sinks[0]._writer._rights.claim("PT8", "70001", "", after=None))
    assert reads == []
    assert len(stage.log.records(TOPIC, 0)) == 2


def test_an_outcome_is_waited_for_as_long_as_it_says_and_no_longer() -> None:
    now = NOON
    wait = OutcomeWait(60.0, lambda: now)
    assert not wait.may_still_show("a")
    wait.begin("a", NOON - timedelta(seconds=59))
    wait.begin("b", NOON + timedelta(days=3))
    assert (wait.left_s("a"), wait.left_s("b")) == (1.0, 60.0)
    now += timedelta(seconds=30)
    wait.begin("b", NOON + timedelta(days=3))
    assert (wait.left_s("a"), wait.left_s("b")) == (0.0, 30.0), "another's wrong clock makes no wait endless"
    wait.begin_anew("a")
    assert wait.left_s("a") == 60.0
    wait.end("a")
    assert not wait.is_in_doubt("a")
