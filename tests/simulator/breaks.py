"""Ways to break a delivery rule on purpose, so that tests see the simulator find it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas import catalog
from schemas.wire.envelope import header_text
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.ports import Log
from streams.tasks.task import Task
from tests.simulator.broker import ProcessLog
from tests.simulator.run import Simulation

DOCUMENTS = ("/obj/data/900:2/query",)


class JournalFirst:
    """A log that writes what a task sends only after its journal: rule 3 the wrong way round."""

    def __init__(self, log: Log, journal: str) -> None:
        self._log = log
        self._journal = journal
        self._outputs: list[Outbound] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        """Keep outputs back until the journal has what caused them."""
        if records and records[0].topic != self._journal:
            self._outputs += records
            return [0] * len(records)
        offsets = await self._log.append(records)
        outputs, self._outputs = self._outputs, []
        await self._log.append(outputs)
        return offsets


def journal_before_outputs(simulation: Simulation) -> None:
    """Break rule 3 in every task."""

    def break_task(task: Task[Any]) -> None:
        task._log = JournalFirst(task._log, task.processor.journal)

    simulation.outside.break_task = break_task


def claims_in_memory(simulation: Simulation) -> None:
    """Let claims die with the process that made them: nobody learns that a call may have been made."""

    def kept_in(log: ProcessLog) -> Log:
        return MemoryLog(log.topics(), signer=log.signer)

    simulation.outside.claims_kept_in = kept_in


def no_look_up(simulation: Simulation) -> None:
    """Show no document under any reference: whoever looks before it posts finds nothing (rule 8)."""
    served = simulation.abas.app

    async def blind(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if not str(scope["path"]).endswith(DOCUMENTS):
            await served(scope, receive, send)
            return
        messages: list[dict[str, Any]] = []

        async def keep(message: dict[str, Any]) -> None:
            messages.append(message)

        await served(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in messages)
        answer = json.loads(body)
        if "data" in answer.get("content", {}):
            answer["content"]["data"]["erpDataObjects"] = []
        await send({**messages[0], "headers": [(b"content-type", b"application/abas.objects+json")]})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    simulation.abas.app = blind


def one_record(
    change: Callable[[Outbound], Sequence[Outbound]], *, of: Callable[[Outbound], bool] = lambda _: True
) -> Callable[[Simulation], None]:
    """Have the broker keep something else than it acknowledged, of one record that the seed chooses."""

    def prepare(simulation: Simulation) -> None:
        left = random.Random(simulation.seed).randrange(1, 25)

        def tamper(record: Outbound) -> Sequence[Outbound]:
            nonlocal left
            if of(record):
                left -= 1
                if left == 0:
                    return change(record)
            return (record,)

        simulation.broker.kept.tamper = tamper

    return prepare


def lost(record: Outbound) -> Sequence[Outbound]:
    """Acknowledged and not kept."""
    return ()


def twice(record: Outbound) -> Sequence[Outbound]:
    """Kept twice, to the byte."""
    return record, record


def as_another(record: Outbound) -> Sequence[Outbound]:
    """Kept once more as a record of its own: another id, and no cause by which a reader would know it."""
    headers = [(name, b"ff" + value[2:] if name == "ce_id" else value) for name, value in record.headers]
    return record, replace(record, headers=[pair for pair in headers if pair[0] != "saldo-source"])


def is_event(record: Outbound) -> bool:
    """Whether an agent decided it; a marker says how far it read, an adoption repeats what the inbox holds.

    RulesAccepted moves no money: what it led to is in the inboxes, and the log's own books find it missing.
    """
    is_decided = header_text(record.headers, "ce_type") not in ("PositionMarked", "RulesAdopted", "RulesAccepted")
    return catalog.topic(record.topic).role == "journal" and is_decided
