"""`saldo status`: ready or not, how far each agent is, and never a number that is not known."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli.status import (
    AgentLine,
    PersonLine,
    PipelineStatus,
    PollLine,
    ProcessLine,
    pipeline_status_of,
    process_line,
    runs_alone,
)
from app.settings.settings import Settings
from app.sources.status import PollStatus, SourceFile
from app.status.tasks import StatusFile, TaskStatus
from infra.embedded import process
from infra.embedded.supervisor import ProcessState, ProcessStatus, SupervisorStatus
from infra.installation.stack import Stack
from schemas.failures import Unavailable


def task(position: int, *, parked: int = 0, waits: str | None = None, held: int = 0) -> TaskStatus:
    return TaskStatus(position, parked, waits, held=held)


WELL = ProcessLine("worker-1", "running, pid 7", is_well=True)
AWAY = ProcessLine("worker-1", "starts again in a moment", is_well=False)


def test_behind_is_what_lies_between_position_and_end() -> None:
    agent = AgentLine("fold-payments", (task(5), task(9)), (7, 9))
    assert agent.behind == 2
    assert agent.lines() == ["fold-payments                  2       0   5/7  9/9"]


def test_what_is_not_known_is_no_number() -> None:
    loose = AgentLine("fold-payments", (task(5), None), (7, 9))
    silent = AgentLine("fold-payments", (task(5), task(9)), None)
    assert loose.behind is None
    assert silent.behind is None
    assert loose.lines() == ["fold-payments                  ?       0   5/7  -/9"]
    assert silent.lines() == ["fold-payments                  ?       0   5/?  9/?"]


def test_a_task_that_waits_says_why() -> None:
    agent = AgentLine("post-to-abas", (task(5, waits="AbasUnavailable: no answer"),), (7,))
    assert agent.lines()[1] == "  post-to-abas/0 waits: AbasUnavailable: no answer"


def test_chargebacks_that_nobody_booked_are_counted() -> None:
    agent = AgentLine("a", (task(9),), (9,))
    line = PersonLine("chargebacks to book", "USD", 2, -125_00, "2026-11-29")
    reported = PipelineStatus((WELL,), (agent,), 0, people=(line,))
    assert reported.in_a_word == "ready; 2 open chargebacks (-125.00 USD), see `saldo waiting`"
    assert reported.exit_code == 4


@pytest.mark.parametrize(
    ("processes", "agents", "reported"),
    [
        ((WELL,), (AgentLine("a", (task(9),), (9,)),), "ready; nothing to do"),
        ((WELL,), (AgentLine("a", (task(7),), (9,)),), "ready; 2 records to decide"),
        ((WELL,), (AgentLine("a", (task(9, parked=3),), (9,)),), "ready; 3 records parked, see `saldo dlq list`"),
        ((WELL,), (AgentLine("a", (task(9, waits="x"),), (9,)),), "not ready: a/0 waits"),
        (
            (WELL,),
            (AgentLine("a", (TaskStatus(9, 20, "20 records in a row", breaker_open=True),), (9,)),),
            "not ready: a/0 stands still after a run of bad records; 20 records parked, see `saldo dlq list`",
        ),
        (
            (WELL,),
            (AgentLine("a", (task(9, parked=3, held=1),), (9,)),),
            "ready; 1 key is held back and tried again, see `saldo dlq list`; 3 records parked, see `saldo dlq list`",
        ),
        ((AWAY,), (AgentLine("a", (None,), (9,)),), "not ready: worker-1"),
        ((WELL,), (AgentLine("a", (None,), (9,)),), "not ready: a has partitions without a worker"),
        ((WELL,), (AgentLine("a", (task(9),), None),), "not ready: Kafka does not answer"),
    ],
)
def test_the_first_line_says_it_all(
    processes: tuple[ProcessLine, ...], agents: tuple[AgentLine, ...], reported: str
) -> None:
    status = PipelineStatus(processes, agents, 0)
    assert status.in_a_word == reported
    assert status.is_ready is reported.startswith("ready")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (ProcessStatus("w", ProcessState.WAITING, None, 0, None), "not started yet"),
        (ProcessStatus("w", ProcessState.RUNNING, 12, 0, None), "running, pid 12"),
        (
            ProcessStatus("w", ProcessState.BACKING_OFF, None, 2, 70),
            "starts again in a moment, ended last with exit code 70, started again 2 times",
        ),
        (
            ProcessStatus("w", ProcessState.RUNNING, 12, 1, -9),
            "running, pid 12, ended last with SIGKILL, started again once",
        ),
    ],
)
def test_a_process_without_a_pid_shows_none(status: ProcessStatus, words: str) -> None:
    line = process_line(status)
    assert line.in_words == words
    assert "None" not in line.in_words


def test_an_installation_that_has_just_been_started_is_not_ready(tmp_path: Path) -> None:
    birth = process.birth_of(os.getpid())
    assert birth is not None
    processes = (ProcessStatus("kafka", ProcessState.STARTING, 3, 0, None),)
    status = pipeline_status_of(Stack(Settings(data_dir=tmp_path)), SupervisorStatus(os.getpid(), birth, processes))
    assert status.in_a_word == "not ready: kafka"
    assert [agent.name for agent in status.agents][-1] == "erase-subjects"
    assert all("?" in line for agent in status.agents for line in agent.lines())


AGENT = AgentLine("a", (task(9),), (9,))
READS = PollLine("paytrace", PollStatus(reads=True, last_success_at="2026-11-29T10:00:00Z"))
FAILS = PollLine(
    "paytrace",
    PollStatus(
        last_success_at="2026-11-29T10:00:00Z",
        failing_since="2026-11-29T10:01:00Z",
        failures=3,
        error="PayTrace at paytrace.test:443: HTTP 429; it asked to be left alone",
        asked_s=100_000.0,
        waits_until="2026-11-29T10:09:00Z",
    ),
)
BLIND = PollLine("paytrace", replace(READS.status, not_read=("ACH is not read: merchant 7 is unknown",)))
ROWS = PollLine("abas", PollStatus(reads=True, failing_since="x", failures=1, error="1 record", is_unreadable=True))
LINES = PersonLine("bank lines unexplained", "USD", 2, 600_00, "2026-11-28 00:00:00")
MONEY = PersonLine("money waits", "EUR", 1, -5_00, "2026-11-28 00:00:00")


@pytest.mark.parametrize(
    ("status", "reported", "exit_code"),
    [
        (PipelineStatus((WELL,), (AGENT,), 0, (READS,)), "ready; nothing to do", 0),
        (PipelineStatus((WELL,), (AGENT,), 1, (READS,)), "ready; 1 record to project", 0),
        (PipelineStatus((WELL,), (AGENT,), 0, (FAILS,)), "not ready: source paytrace can't read", 1),
        (
            PipelineStatus((WELL,), (AGENT,), 0, (PollLine("abas", PollStatus()),)),
            "not ready: source abas has not read yet",
            1,
        ),
        (
            PipelineStatus((WELL,), (AGENT,), None, projector_error="x"),
            "not ready: the projector can't tell how far it is",
            1,
        ),
        (
            PipelineStatus((WELL,), (AGENT,), 0, (READS,), (LINES,)),
            "ready; 2 bank lines unexplained (600.00 USD), see `saldo report deposit_breaks`",
            4,
        ),
        (
            PipelineStatus((WELL,), (AGENT,), 0, (FAILS,), (MONEY,)),
            "not ready: source paytrace can't read; 1 payment waits (-5.00 EUR), see `saldo waiting`",
            1,
        ),
        (
            PipelineStatus((WELL,), (AGENT,), 0, (ROWS,)),
            "ready; source abas has rows that can't be read, see below",
            4,
        ),
        (
            PipelineStatus((WELL,), (AGENT,), 0, (READS,), None),
            "ready; what waits for people can't be asked now",
            4,
        ),
        (
            PipelineStatus((WELL,), (AGENT,), 0, (BLIND,)),
            "ready; source paytrace may not read everything, see below",
            0,
        ),
        (
            PipelineStatus((WELL,), (AgentLine("a", (task(9, parked=1),), (9,)),), 0),
            "ready; 1 record parked, see `saldo dlq list`",
            4,
        ),
    ],
)
def test_first_line_and_exit_code_report_the_truth(status: PipelineStatus, reported: str, exit_code: int) -> None:
    assert status.in_a_word == reported
    assert status.exit_code == exit_code
    assert json.loads(json.dumps(status.as_json()))["exit_code"] == exit_code


def test_a_source_that_fails_says_since_when_why_and_until_when() -> None:
    assert FAILS.lines() == [
        "paytrace                 can't read since 2026-11-29T10:01:00Z, 3 failures; "
        "last read whole 2026-11-29T10:00:00Z; "
        "next attempt 2026-11-29T10:09:00Z (it asked for 27.8 hours)",
        "  PayTrace at paytrace.test:443: HTTP 429; it asked to be left alone",
    ]
    assert BLIND.lines()[1:] == ["  ACH is not read: merchant 7 is unknown"]
    assert READS.lines() == ["paytrace                 reads; last read whole 2026-11-29T10:00:00Z"]


def test_programs_get_the_same_facts() -> None:
    reported = PipelineStatus((WELL,), (AGENT,), 0, (FAILS,), (LINES,)).as_json()
    assert reported["ready"] is False
    assert reported["not_ready_because"] == ["source paytrace can't read"]
    assert reported["sources"][0]["poll"] == "paytrace"
    assert reported["sources"][0]["asked_s"] == 100_000.0
    assert reported["needs_a_person"][0]["amount_minor"] == 600_00
    assert reported["agents"][0]["behind"] == 0


def test_processes_without_a_supervisor_are_known_by_what_they_write(tmp_path: Path) -> None:
    stack = Stack(Settings(data_dir=tmp_path))
    assert not runs_alone(stack)
    SourceFile(tmp_path, "paytrace", ("paytrace",)).failed("paytrace", Unavailable("HTTP 503"), pause_s=5.0)
    StatusFile(tmp_path / "state" / "worker").write([], assigned=0)
    assert runs_alone(stack)
    status = pipeline_status_of(stack, None)
    assert [line.name for line in status.processes] == ["source-paytrace", "worker"]
    assert "source paytrace can't read" in status.in_a_word
    assert status.exit_code == 1


def test_a_source_of_the_supervisor_that_never_wrote_has_not_read(tmp_path: Path) -> None:
    birth = process.birth_of(os.getpid())
    assert birth is not None
    processes = (ProcessStatus("source-abas", ProcessState.RUNNING, 3, 0, None),)
    status = pipeline_status_of(Stack(Settings(data_dir=tmp_path)), SupervisorStatus(os.getpid(), birth, processes))
    assert [(poll.name, poll.status.reads) for poll in status.polls] == [("abas", False)]
    assert "source abas has not read yet" in status.in_a_word
