"""Each rule of the contract lint, broken on purpose on a copy: it must be found, with file and remedy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas import catalog
from schemas.lint import Problem, check, lock

pytestmark = pytest.mark.thorough  # a copy of the whole contract for each rule

PAID = "avro/receivables/MovementRecorded.v1.avsc"
SEEN = "avro/payments/TransactionObserved.v1.avsc"
COMMANDS = "topics/erp.commands.v1.yaml"
OUTCOMES = "topics/erp.outcomes.v1.yaml"
CURSORS = "topics/sources.cursors.v1.yaml"
CLAIMS = "topics/gateway.claims.v1.yaml"
WAITING = "topics/products.inbox.v1.yaml"


class Copy:
    """A contract directory that a test may spoil."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for part in ("avro", "examples", "topics"):
            shutil.copytree(catalog.ROOT / part, root / part)

    def json(self, file: str, change: Callable[[Any], Any]) -> None:
        path = self.root / file
        data = json.loads(path.read_text())
        path.write_text(json.dumps(change(data) or data))

    def yaml(self, file: str, **changes: Any) -> None:
        path = self.root / file
        data = yaml.safe_load(path.read_text()) | changes
        path.write_text(yaml.safe_dump({name: value for name, value in data.items() if value is not DROP}))

    def write(self, file: str, text: str) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def check(self) -> tuple[Problem, ...]:
        return check(self.root)


DROP = object()


@pytest.fixture
def contract(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(field for field in schema["fields"] if field["name"] == name)
    return found


def change_field(name: str, **changes: Any) -> Callable[[Any], None]:
    def change(schema: Any) -> None:
        field(schema, name).update(changes)

    return change


def add_field(**new: Any) -> Callable[[Any], None]:
    return lambda schema: schema["fields"].append(new)


def drop(name: str) -> Callable[[Any], None]:
    return lambda schema: schema["fields"].remove(field(schema, name))


def drop_class(name: str) -> Callable[[Any], None]:
    return lambda schema: field(schema, name).pop("saldo_class") and None


def test_the_contract_as_it_stands_has_no_finding() -> None:
    assert [str(problem) for problem in check()] == []


def test_an_unspoilt_copy_has_no_finding(contract: Copy) -> None:
    assert contract.check() == ()


@dataclass(frozen=True)
class Broken:
    """One rule broken: in which file, how, and what the finding says."""

    rule: str
    file: str
    change: Callable[[Any], Any]
    finding: str
    found_in: str | None = None


SCHEMA_RULES = [
    Broken("record doc", PAID, lambda s: s.update(doc=" "), "has no doc"),
    Broken("field doc", PAID, change_field("value_on", doc=""), "field value_on has no doc"),
    Broken("enum doc", SEEN, lambda s: field(s, "kind")["type"].update(doc=""), "enum TransactionKind has no doc"),
    Broken(
        "enum without default", SEEN, lambda s: field(s, "kind")["type"].pop("default") and None, "enum TransactionKind"
    ),
    Broken("enum default", SEEN, lambda s: field(s, "kind")["type"].update(default="SALE"), "has default SALE"),
    Broken(
        "enum begins with UNKNOWN",
        SEEN,
        lambda s: field(s, "kind")["type"]["symbols"].reverse(),
        "begins with BANK_TRANSFER",
    ),
    Broken("no float", PAID, change_field("amount_minor", type="double"), "is a double"),
    Broken(
        "no nested float", PAID, add_field(name="rates", doc="r", type={"type": "array", "items": "float"}), "rates[]"
    ),
    Broken("minor units are long", PAID, change_field("amount_minor", type="int"), "money field amount_minor is int"),
    Broken("money has a currency", PAID, drop("currency"), "amount_minor has no currency beside it"),
    Broken("currency is text", PAID, change_field("currency", type="bytes"), "currency is bytes"),
    Broken("money names its unit", PAID, add_field(name="fee", type="long", doc="Fee."), "fee looks like money"),
    Broken(
        "no decimal",
        PAID,
        add_field(name="rate", doc="r", type={"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
        "field rate is a decimal",
    ),
    Broken(
        "instants in micros",
        PAID,
        change_field("occurred_at", type={"type": "long", "logicalType": "timestamp-millis"}),
        "occurred_at is timestamp-millis",
    ),
    Broken(
        "_at is an instant", PAID, change_field("occurred_at", type="string"), "field occurred_at has logicalType None"
    ),
    Broken(
        "an instant is _at",
        PAID,
        add_field(name="posted", doc="d", type={"type": "long", "logicalType": "timestamp-micros"}),
        "field posted has logicalType timestamp-micros",
    ),
    Broken(
        "_on is a date",
        PAID,
        change_field("value_on", type="string", default=""),
        "field value_on has logicalType None",
    ),
    Broken(
        "optional has default null", SEEN, lambda s: field(s, "settled_at").pop("default") and None, "no default null"
    ),
    Broken(
        "null stands first",
        SEEN,
        change_field("return_code", type=["string", "null"]),
        "return_code has no default null",
    ),
    Broken("no card data", SEEN, add_field(name="card_number", type="string", doc="No."), "may hold card or bank data"),
    Broken("raw is kept", SEEN, drop("raw"), "has no field raw"),
    Broken("raw twin of a status", SEEN, drop("raw_status"), "status has no raw twin"),
    Broken("raw twin of a kind", SEEN, drop("raw_kind"), "kind has no raw twin"),
    Broken("class of a field", PAID, drop_class("currency"), "field currency has no saldo_class"),
    Broken("known class", PAID, change_field("currency", saldo_class="secret"), "field currency has saldo_class 'sec"),
    Broken(
        "one class for one name",
        PAID,
        change_field("invoice_number", saldo_class="free_text"),
        "invoice_number is free_text and reference elsewhere",
    ),
    Broken(
        "nested fields too",
        PAID,
        add_field(
            name="lines",
            doc="Lines.",
            saldo_class="free_text",
            type={
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "NoteLine",
                    "doc": "A line.",
                    "fields": [{"name": "words", "type": "string", "doc": "Words."}],
                },
            },
        ),
        "has no saldo_class",
    ),
    Broken("name as in file", PAID, lambda s: s.update(name="PostReceipt"), "record is named 'PostReceipt'"),
    Broken(
        "namespace as folder", PAID, lambda s: s.update(namespace="saldo.payments"), "namespace is 'saldo.payments'"
    ),
    Broken("parses", PAID, change_field("currency", type="strng"), "no Avro schema"),
    Broken("is a record", PAID, lambda s: field(SEEN_SCHEMA, "kind")["type"], "is not a record"),
]
SEEN_SCHEMA: Any = json.loads((catalog.ROOT / SEEN).read_text())


@pytest.mark.parametrize("broken", SCHEMA_RULES, ids=lambda broken: broken.rule)
def test_a_broken_schema_is_found(contract: Copy, broken: Broken) -> None:
    contract.json(broken.file, broken.change)
    hits = [problem for problem in contract.check() if problem.file == broken.file and broken.finding in problem.what]
    assert len(hits) == 1
    assert hits[0].remedy


EXAMPLE = "examples/receivables/MovementRecorded.v1.json"
EXAMPLE_RULES = [
    Broken("unknown field", EXAMPLE, lambda e: e.update(extra=1), "unknown ['extra']"),
    Broken("missing field", EXAMPLE, lambda e: e.pop("currency") and None, "missing ['currency']"),
    Broken("wrong type", EXAMPLE, lambda e: e.update(amount_minor="12"), "amount_minor does not fit"),
    Broken("bool is no number", EXAMPLE, lambda e: e.update(amount_minor=True), "amount_minor does not fit"),
    Broken("float is no number", EXAMPLE, lambda e: e.update(amount_minor=1.5), "amount_minor does not fit"),
    Broken("too large", EXAMPLE, lambda e: e.update(amount_minor=2**64), "cannot be written"),
    Broken("null", EXAMPLE, lambda e: e.update(currency=None), "currency does not fit"),
    Broken("symbol", EXAMPLE, lambda e: e.update(method="CASH"), "'CASH' is not among"),
    Broken("naive instant", EXAMPLE, lambda e: e.update(occurred_at="2026-11-20T10:00:00"), "has no zone"),
    Broken("no date", EXAMPLE, lambda e: e.update(value_on="tomorrow"), "value_on does not fit"),
    Broken("no object", EXAMPLE, lambda e: [e], "is not a JSON object"),
    Broken("bytes", "examples/tasks/DeadLetter.v1.json", lambda e: e.update(record_key="%"), "record_key does not fit"),
    Broken(
        "map", "examples/tasks/DeadLetter.v1.json", lambda e: e.update(record_headers=[]), "record_headers does not fit"
    ),
    Broken(
        "array",
        "examples/receivables/PaymentMatched.v1.json",
        lambda e: e.update(evidence="x"),
        "evidence does not fit",
    ),
]


@pytest.mark.parametrize("broken", EXAMPLE_RULES, ids=lambda broken: broken.rule)
def test_a_broken_example_is_found(contract: Copy, broken: Broken) -> None:
    contract.json(broken.file, broken.change)
    (problem,) = contract.check()
    assert problem.file == broken.file
    assert broken.finding in problem.what
    assert ".avsc" in problem.remedy


def test_a_schema_without_example_is_found(contract: Copy) -> None:
    (contract.root / EXAMPLE).unlink()
    (problem,) = contract.check()
    assert (problem.file, problem.remedy) == (PAID, f"write {EXAMPLE}")


def test_an_example_without_schema_is_found(contract: Copy) -> None:
    contract.write("examples/erp/Nothing.v1.json", "{}")
    (problem,) = contract.check()
    assert problem.what == "belongs to no schema"


def test_files_that_cannot_be_read_are_findings(contract: Copy) -> None:
    contract.write("avro/erp/notes.txt", "")
    contract.write("avro/erp/lower.v1.avsc", "{}")
    contract.write(EXAMPLE, "{")
    contract.write("topics/broken.yaml", "a: [")
    contract.write("topics/list.yaml", "- a")
    contract.write("topics/notes.txt", "")
    found = {problem.file: problem.what for problem in contract.check()}
    assert found.keys() >= {"avro/erp/notes.txt", "avro/erp/lower.v1.avsc", EXAMPLE, "topics/broken.yaml"}
    assert found.keys() >= {"topics/list.yaml", "topics/notes.txt"}


def test_two_contexts_cannot_own_one_name(contract: Copy) -> None:
    contract.write(
        "avro/tasks/MovementRecorded.v1.avsc",
        (contract.root / PAID).read_text().replace("saldo.receivables", "saldo.tasks"),
    )
    assert any("is also in context receivables" in problem.what for problem in contract.check())


# -- versions ----------------------------------------------------------------------------------------------------------


def new_version(
    contract: Copy, change: Callable[[Any], Any], number: int = 2, *, example: dict[str, Any] | None = None
) -> str:
    schema = json.loads((contract.root / PAID).read_text())
    file = f"avro/receivables/MovementRecorded.v{number}.avsc"
    contract.write(file, json.dumps(change(schema) or schema))
    sample = json.loads((contract.root / EXAMPLE).read_text()) | (example or {})
    names = [field["name"] for field in json.loads((contract.root / file).read_text())["fields"]]
    contract.write(
        f"examples/receivables/MovementRecorded.v{number}.json",
        json.dumps({n: v for n, v in sample.items() if n in names}),
    )
    return file


def test_a_field_may_differ_in_class_where_it_says_why(contract: Copy) -> None:
    why = "Of this record alone it is what a person wrote."
    contract.json(PAID, change_field("invoice_number", saldo_class="free_text", saldo_class_because=why))
    assert contract.check() == ()


def test_an_optional_field_may_be_added(contract: Copy) -> None:
    new_version(
        contract,
        add_field(name="note", type=["null", "string"], saldo_class="free_text", default=None, doc="Note."),
        example={"note": "x"},
    )
    lock(contract.root)
    assert contract.check() == ()


@pytest.mark.parametrize(
    ("rule", "change", "finding"),
    [
        ("new field without default", add_field(name="note", type="string", doc="Note."), "v2 readers can't read v1"),
        ("dropped required field", drop("currency"), "v1 readers can't read v2 records"),
        ("changed type", change_field("movement_id", type="long"), "can't read"),
        ("narrowed to optional", change_field("currency", type=["null", "string"], default=None), "v1 readers"),
        (
            "dropped symbol without enum default",
            lambda s: field(s, "method").update(
                type={"type": "enum", "name": "PaymentMethod", "namespace": "saldo.payments", "symbols": ["UNKNOWN"]}
            ),
            "v2 readers can't read v1",
        ),
    ],
)
def test_an_incompatible_version_is_found(
    contract: Copy, rule: str, change: Callable[[Any], Any], finding: str
) -> None:
    file = new_version(
        contract, change, example={"note": "x", "invoice_number": 5} if "type" in rule else {"note": "x"}
    )
    assert any(problem.file == file and finding in problem.what for problem in contract.check()), rule


def test_compatibility_is_transitive(contract: Copy) -> None:
    """v2 drops an optional field and v3 brings it back as another type: each step alone is compatible."""
    optional = {"name": "note", "type": ["null", "string"], "default": None, "doc": "Note."}
    contract.json(PAID, add_field(**optional))
    contract.json(EXAMPLE, lambda example: example.update(note=None))
    new_version(contract, drop("note"))
    file = new_version(contract, change_field("note", type=["null", "boolean"]), number=3)
    hits = [problem for problem in contract.check() if problem.file == file and "can't read" in problem.what]
    assert {"v3 readers can't read v1 records", "v1 readers can't read v3 records"} <= {
        hit.what.partition(":")[0] for hit in hits
    }


def decimal(scale: int, precision: int = 9) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        (decimal(2), decimal(4), "changed its scale from 2 to 4"),
        (decimal(2), decimal(2, 12), "changed its precision from 9 to 12"),
        (decimal(2), "bytes", "changed its logicalType from decimal to None"),
        (
            {"type": "long", "logicalType": "timestamp-micros"},
            {"type": "long", "logicalType": "timestamp-millis"},
            "changed its logicalType from timestamp-micros to timestamp-millis",
        ),
        ("long", {"type": "long", "logicalType": "timestamp-micros"}, "changed its logicalType from None"),
        (
            {"type": "array", "items": decimal(2)},
            {"type": "array", "items": decimal(3)},
            "changed its scale from 2 to 3",
        ),
        (["null", decimal(2)], ["null", decimal(3)], "changed its scale from 2 to 3"),
    ],
)
def test_meaning_is_frozen_where_avro_sees_no_difference(contract: Copy, before: Any, after: Any, finding: str) -> None:
    default = {"default": None} if isinstance(before, list) else {}
    contract.json(PAID, add_field(name="frozen", type=before, doc="d", **default))
    file = new_version(contract, change_field("frozen", type=after))
    problems = [problem for problem in contract.check() if problem.file == file]
    assert any(finding in problem.what for problem in problems)
    assert not any("can't read" in problem.what for problem in problems), "then Avro would have told us"


def test_versions_have_no_gaps(contract: Copy) -> None:
    new_version(contract, lambda schema: None, number=3)
    assert any("versions are [1, 3]" in problem.what for problem in contract.check())


def test_an_enum_field_without_default_cannot_be_added_although_avro_lets_it_pass(contract: Copy) -> None:
    """The avro package takes the enum's default for the field's own; a reader of old records fails all the same."""
    enum = {"type": "enum", "name": "Colour", "doc": "c", "symbols": ["UNKNOWN", "RED"], "default": "UNKNOWN"}
    new_version(contract, add_field(name="colour", type=enum, doc="c"), example={"colour": "RED"})
    problems = contract.check()
    assert any(problem.file == EXAMPLE and "read as v2" in problem.what for problem in problems)


# -- topics ------------------------------------------------------------------------------------------------------------


def records_of(file: str) -> dict[str, str]:
    records: dict[str, str] = yaml.safe_load((catalog.ROOT / file).read_text())["records"]
    return records


def without(file: str, name: str) -> dict[str, str]:
    return {record: key for record, key in records_of(file).items() if record != name}


@pytest.mark.parametrize(
    ("file", "changes", "finding"),
    [
        (COMMANDS, {"owner": DROP}, "owner is missing"),
        (COMMANDS, {"purpose": " "}, "purpose is missing"),
        (COMMANDS, {"producers": []}, "producers is missing"),
        (COMMANDS, {"consumers": DROP}, "consumers is missing"),
        (COMMANDS, {"partitions": 0}, "partitions is 0"),
        (COMMANDS, {"partitions": True}, "partitions is True"),
        (COMMANDS, {"retention_ms": "for ever"}, "retention_ms is 'for ever'"),
        (COMMANDS, {"partition": 4}, "partition is no setting"),
        (COMMANDS, {"name": "erp.orders.v1"}, "holds the topic erp.orders.v1"),
        (COMMANDS, {"role": "queue"}, "role is 'queue'"),
        (COMMANDS, {"dlq": DROP}, "an inbox with dlq None"),
        (COMMANDS, {"dlq": "dead"}, "an inbox with dlq 'dead'"),
        (COMMANDS, {"retention_ms": 1000}, "role inbox, and it forgets"),
        (COMMANDS, {"records": without(COMMANDS, "ParkedReplayRequested")}, "an inbox without ParkedReplayRequested"),
        (COMMANDS, {"records": DROP}, "carries no records"),
        (COMMANDS, {"records": records_of(COMMANDS) | {"Ghost": "id"}}, "carries Ghost, which has no schema"),
        (COMMANDS, {"records": records_of(COMMANDS) | {"PostDocument": "id"}}, "has no field 'id' to be its key"),
        (COMMANDS, {"records": records_of(COMMANDS) | {"PostDocument": ""}}, "PostDocument has no key"),
        (COMMANDS, {"records": records_of(COMMANDS) | {"PostDocument": "reverses_reference"}}, "optional or not text"),
        (OUTCOMES, {"dlq": "erp.outcomes.v1.dlq"}, "a journal with a dlq"),
        (OUTCOMES, {"cleanup_policy": "compact"}, "role journal, and it forgets"),
        (OUTCOMES, {"records": without(OUTCOMES, "PositionMarked")}, "a journal without PositionMarked"),
        (OUTCOMES, {"producers": ["a", "b"]}, "is written by ['a', 'b']"),
        (OUTCOMES, {"producers": ["stranger"]}, "stranger reads the inboxes []"),
        (OUTCOMES, {"partitions": 8}, "has 8 partitions, its inbox erp.commands.v1 has 4"),
        (CURSORS, {"cleanup_policy": "delete"}, "not compacted"),
        (CLAIMS, {"cleanup_policy": "compact"}, "role claims, and it forgets"),
        (CLAIMS, {"retention_ms": 604_800_000}, "role claims, and it forgets"),
        (WAITING, {"agent": DROP}, "no consumer has a journal"),
        (WAITING, {"agent": "reconcile-deposits"}, "agent is 'reconcile-deposits'"),
        (WAITING, {"agent": None}, "agent is None"),
        (COMMANDS, {"agent": "none yet"}, "says agent: none yet, and post-to-abas decides it"),
        (COMMANDS, {"consumers": ["projector"]}, "no consumer has a journal"),
        (OUTCOMES, {"agent": "none yet"}, "a journal with an agent"),
        (CURSORS, {"agent": "none yet"}, "a cursor with an agent"),
    ],
)
def test_a_broken_topic_file_is_found(contract: Copy, file: str, changes: dict[str, Any], finding: str) -> None:
    contract.yaml(file, **changes)
    hits = [problem for problem in contract.check() if problem.file == file and finding in problem.what]
    assert len(hits) == 1
    assert hits[0].remedy


def test_a_record_that_no_topic_carries_is_found(contract: Copy) -> None:
    contract.yaml(COMMANDS, records=without(COMMANDS, "PostDocument"))
    file = "avro/erp/PostDocument.v1.avsc"
    assert any(problem.file == file and "no topic carries" in problem.what for problem in contract.check())


def test_an_agent_reads_one_inbox(contract: Copy) -> None:
    contract.yaml("topics/receivables.inbox.v1.yaml", consumers=["match-open-items", "post-to-abas"])
    assert any("post-to-abas reads the inboxes" in problem.what for problem in contract.check())


def test_all_findings_come_at_once_in_the_order_of_the_files(contract: Copy) -> None:
    contract.json(PAID, change_field("value_on", doc=""))
    contract.json(SEEN, change_field("approval_code", doc=""))
    contract.yaml(COMMANDS, owner=DROP)
    problems = contract.check()
    assert [problem.file for problem in problems] == [SEEN, PAID, COMMANDS]
    assert str(problems[1]) == f"{PAID}: field value_on has no doc; state meaning, unit and source"


EDITS: Mapping[str, Callable[[Any], Any]] = {
    "a field more": add_field(name="note", type=["null", "string"], default=None, doc="Note."),
    "a field less": drop("value_on"),
    "another name": lambda schema: field(schema, "value_on").update(name="booked_on"),
    "another type": change_field("amount_minor", type="int"),
    "another unit": change_field("occurred_at", type={"type": "long", "logicalType": "timestamp-millis"}),
    "another order": lambda schema: schema["fields"].reverse(),
    "an alias": change_field("value_on", aliases=["paid_on"]),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_published_version_is_not_edited_in_place(contract: Copy, edit: Callable[[Any], Any]) -> None:
    contract.json(PAID, edit)
    (found,) = [problem for problem in contract.check() if "changed after it was published" in problem.what]
    assert found.file == PAID
    assert "write v2 beside it" in found.remedy
    assert lock(contract.root) == (), "locking again hides nothing"
    assert found in contract.check()
    assert lock(contract.root, ["MovementRecorded.v1"]) == ("MovementRecorded.v1",)
    assert found not in contract.check()


def test_words_may_be_bettered_after_publishing(contract: Copy) -> None:
    contract.json(PAID, change_field("value_on", doc="The business day of the money."))
    contract.json(PAID, lambda schema: schema.update(doc="A receipt to post."))
    assert contract.check() == ()


def test_a_version_is_published_before_it_is_in_order_and_never_goes_away(contract: Copy) -> None:
    file = new_version(contract, add_field(name="note", type=["null", "string"], default=None, doc="Note."))
    assert Problem(file, "is not locked", "publish it: `saldo schemas lock`") in contract.check()
    assert lock(contract.root) == ("MovementRecorded.v2",)
    (contract.root / file).unlink()
    assert any("MovementRecorded.v2 was published and is gone" in problem.what for problem in contract.check())
    with pytest.raises(LookupError, match=r"PaymentSettled\.v1"):
        lock(contract.root, ["Nobody.v1"])


def test_what_a_person_asks_for_is_a_command_wherever_it_goes(contract: Copy) -> None:
    file = "topics/receivables.inbox.v1.yaml"
    commands = yaml.safe_load((contract.root / file).read_text())["commands"]
    del commands["WriteOffRest"]
    contract.yaml(file, commands=commands)
    assert Problem(file, "WriteOffRest is no command", "anybody could give it: name it below commands:") in (
        contract.check()
    )
