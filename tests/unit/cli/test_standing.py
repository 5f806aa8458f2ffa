"""`saldo status`: ready or not, how far each agent is, and never a number that is not known."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streams.cli.standing import AgentLine, ProcessLine, Standing, process_line, standing_of
from streams.embedded import process
from streams.embedded.supervisor import ProcessState, ProcessStatus, SupervisorStatus
from streams.settings import Settings
from streams.stack import Stack
from streams.standing import TaskStanding


def task(position: int, *, parked: int = 0, waits: str | None = None, held: int = 0) -> TaskStanding:
    return TaskStanding(position, parked, waits, held)


WELL = ProcessLine("worker-1", "running, pid 7", is_well=True)
AWAY = ProcessLine("worker-1", "starts again in a moment", is_well=False)


def test_behind_is_what_lies_between_position_and_end() -> None:
    agent = AgentLine("fold-payments", (task(5), task(9)), (7, 9))
    assert agent.behind == 2
    assert agent.lines() == ["fold-payments            2       0   5/7  9/9"]


def test_what_is_not_known_is_no_number() -> None:
    loose = AgentLine("fold-payments", (task(5), None), (7, 9))
    silent = AgentLine("fold-payments", (task(5), task(9)), None)
    assert loose.behind is None
    assert silent.behind is None
    assert loose.lines() == ["fold-payments            ?       0   5/7  -/9"]
    assert silent.lines() == ["fold-payments            ?       0   5/?  9/?"]


def test_a_task_that_waits_says_why() -> None:
    agent = AgentLine("post-to-abas", (task(5, waits="AbasUnavailable: no answer"),), (7,))
    assert agent.lines()[1] == "  post-to-abas/0 waits: AbasUnavailable: no answer"


@pytest.mark.parametrize(
    ("processes", "agents", "told"),
    [
        ((WELL,), (AgentLine("a", (task(9),), (9,)),), "ready; nothing to do"),
        ((WELL,), (AgentLine("a", (task(7),), (9,)),), "ready; 2 records to decide"),
        ((WELL,), (AgentLine("a", (task(9, parked=3),), (9,)),), "ready; 3 records parked, see `saldo dlq list`"),
        (
            (WELL,),
            (AgentLine("a", (task(9, parked=3, held=1),), (9,)),),
            "ready; 3 records parked, see `saldo dlq list`, 1 keys of them are tried again by themselves",
        ),
        ((WELL,), (AgentLine("a", (task(9, waits="x"),), (9,)),), "ready; 1 tasks wait, see below"),
        ((AWAY,), (AgentLine("a", (None,), (9,)),), "not ready: worker-1"),
        ((WELL,), (AgentLine("a", (None,), (9,)),), "not ready: a has partitions without a worker"),
        ((WELL,), (AgentLine("a", (task(9),), None),), "not ready: Kafka does not answer"),
    ],
)
def test_the_first_line_says_it_all(
    processes: tuple[ProcessLine, ...], agents: tuple[AgentLine, ...], told: str
) -> None:
    standing = Standing(processes, agents, 0)
    assert standing.in_a_word == told
    assert standing.is_ready is told.startswith("ready")


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
    standing = standing_of(Stack(Settings(data_dir=tmp_path)), SupervisorStatus(os.getpid(), birth, processes))
    assert standing.in_a_word == "not ready: kafka"
    assert [agent.name for agent in standing.agents][-1] == "post-to-abas"
    assert all("?" in line for agent in standing.agents for line in agent.lines())
