"""A record that a topic may carry and no rule takes is an error of mypy; one that a topic does not carry is parked."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from mypy import api

from schemas import catalog
from schemas.failures import ContractBroken
from schemas.generate.topics import union_of
from schemas.records import by_topic
from schemas.records.customers import ChangeVaultCustomer, VaultCustomerChanged, VaultCustomerNotChanged
from schemas.records.tasks import DeadLetter
from schemas.topic import Topic
from schemas.wire.codec import Codec, from_json
from schemas.wire.envelope import SourcePosition
from streams.agents import DECIDERS
from streams.edges.notify import send_mail, send_webhooks
from streams.edges.post_to_abas import post_to_abas
from streams.edges.send_to_paytrace import send_to_paytrace
from streams.edges.stateless import Stateless, unchanged
from streams.edges.subject_keys import SubjectKeys
from streams.edges.write_to_shop import write_to_shop
from streams.edges.write_to_vault import write_to_vault
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.records import Inbound
from streams.tasks.journal import EVENTS_HEADER, JournalReader
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor, Decider, Effect
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.replay.line import Books
from tests.support.alerts import Postbox
from tests.support.shop_sandbox import ShopOfTests
from tests.support.signing import RING, SIGNER
from tests.support.typed import as_a
from tests.unit.streams.test_send_to_paytrace import Gateway

CODEC = Codec()


class VaultOfTests:
    """A vault that nobody asks."""

    async def change(self, command: ChangeVaultCustomer) -> VaultCustomerChanged | VaultCustomerNotChanged:
        raise NotImplementedError


def no_keys() -> SubjectKeys:
    raise NotImplementedError


PROCESSORS: tuple[AnyProcessor, ...] = (
    *DECIDERS,
    post_to_abas(Books()),
    send_to_paytrace(Gateway()),
    send_mail(Postbox()),
    send_webhooks(Postbox()),
    write_to_shop(ShopOfTests()),
    write_to_vault(VaultOfTests(), no_keys),
)
REPOSITORY = Path(__file__).parents[3]
UNIONS = REPOSITORY / "schemas/records/by_topic.py"
# Where the unions of inboxes and journals are taken apart, and in how many places. The two sinks do it as well; what
# they import besides would cost this test half a minute.

RULES = {
    "streams/domain/alerts/decider.py": 2,
    "streams/domain/approvals/decider.py": 2,
    "streams/domain/cases/decider.py": 3,
    "streams/domain/customers/decider.py": 1,
    "streams/domain/disputes/decider.py": 3,
    "streams/domain/gateway/decider.py": 2,
    "streams/domain/identification/decider.py": 2,
    "streams/domain/ledger/decider.py": 1,
    "streams/domain/ledger/books.py": 1,
    "streams/domain/orders/decider.py": 1,
    "streams/domain/orders/evolving.py": 1,
    "streams/domain/payments/decider.py": 1,
    "streams/domain/payments/evolving.py": 1,
    "streams/domain/rates/decider.py": 2,
    "streams/domain/receivables/decider.py": 1,
    "streams/domain/receivables/changes.py": 1,
    "streams/domain/risk/decider.py": 2,
    "streams/domain/settlement/reconciling.py": 1,
    "streams/domain/settlement/books.py": 1,
    "streams/domain/subscriptions/decider.py": 2,
}


def test_every_context_is_listed_here_and_in_the_import_contract() -> None:
    contexts = {package.parent.name for package in (REPOSITORY / "streams/domain").glob("*/__init__.py")}
    assert contexts == {Path(name).parent.name for name in RULES}
    contract = (REPOSITORY / ".importlinter").read_text("utf-8").partition("[importlinter:contract:contexts]")[2]
    assert contexts == set(re.findall(r"^    streams\.domain\.(\w+)$", contract.partition("\n\n")[0], re.MULTILINE))


def example(name: str) -> Any:
    version = catalog.latest(name)
    path = catalog.ROOT / "examples" / version.context / f"{name}.v{version.version}.json"
    return from_json(name, json.loads(path.read_text("utf-8")))


def union(topic: Topic) -> Any:
    return getattr(by_topic, union_of(topic))


def taken_by(rule: Any) -> Any:
    """What a rule is given besides the state, as it is declared."""
    return get_type_hints(rule)[list(inspect.signature(rule).parameters)[1]]


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda processor: processor.name)
def test_a_rule_takes_the_union_of_its_topic(processor: AnyProcessor) -> None:
    rule = processor.decide if isinstance(processor, Decider) else as_a(Effect, processor).perform
    assert taken_by(rule) == union(processor.inbox)
    if processor.state_type is Stateless:
        assert processor.evolve is unchanged
    else:
        assert taken_by(processor.evolve) == union(processor.journal)
    assert catalog.journal_of(processor.inbox).name == processor.journal


@pytest.mark.thorough
def test_a_record_type_without_a_rule_is_an_error_of_mypy(tmp_path: Path) -> None:
    """One type more in each union, in a copy: every place that takes a union apart is red."""
    text = UNIONS.read_text("utf-8").replace(
        "from typing import TypeAlias\n",
        "from typing import TypeAlias\n\nfrom schemas.records.tasks import PositionMarked\n",
    )
    text = re.sub(r": TypeAlias = \(?\s*", r"\g<0>PositionMarked | ", text)
    changed = tmp_path / "by_topic.py"
    changed.write_text(text, "utf-8")
    options = ["--follow-imports=silent", f"--cache-dir={tmp_path}", f"--config-file={REPOSITORY / 'pyproject.toml'}"]
    files = [str(REPOSITORY / file) for file in RULES]
    out, _, code = api.run([*options, "--shadow-file", str(UNIONS), str(changed), "--no-error-summary", *files])
    assert code == 1, out
    for file, places in RULES.items():
        errors = [line for line in out.splitlines() if file in line and 'incompatible type "PositionMarked' in line]
        assert len(errors) == places, f"{file}: {errors}"


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda processor: processor.name)
async def test_a_record_that_an_inbox_does_not_carry_goes_to_its_dead_letters(processor: AnyProcessor) -> None:
    stranger = example("SourceCursor")
    log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
    await log.append([Outbound(topic=processor.inbox, partition=0, key=b"k", value=CODEC.encode(stranger), headers=[])])
    task: Task[Any] = Task(
        processor,
        0,
        log=log,
        store=MemoryStore(),
        codec=CODEC,
        ring=RING,
        membership=SoleOwner(),
        observer=SilentObserver(),
        rules=TaskRules(failures_in_a_row=3),
    )
    while await task.catch_up():
        assert task.stalled_because is None
    dlq = catalog.topic(processor.inbox).dlq
    assert dlq is not None
    (letter,) = (CODEC.decode(record.value) for record in log.records(dlq, 0))
    assert isinstance(letter, DeadLetter)
    assert letter.error_type == "Unreadable"
    assert f"{processor.inbox} does not carry SourceCursor" in letter.message


def test_a_journal_that_holds_what_its_task_never_writes_stops_the_task() -> None:
    source = str(SourcePosition(Topic.GATEWAY_INBOX, 0, 7, 0)).encode()
    headers = (("saldo-source", source), (EVENTS_HEADER, b"1"))
    value = CODEC.encode(example("SourceCursor"))
    record = Inbound(
        topic=Topic.GATEWAY_EVENTS, partition=0, offset=0, key=b"k", value=value, headers=headers, timestamp_ms=0
    )
    with pytest.raises(ContractBroken, match="holds a SourceCursor, which schemas/topics"):
        JournalReader(CODEC, (-1, -1)).feed(record)
