"""What is written from the contract: classes that are what Avro says, the same files each time, none of them stale."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from types import GenericAlias
from typing import Any, get_type_hints

import pytest
import yaml

from schemas import catalog, lint
from schemas.generate import Untranslatable, generated, run, stale
from schemas.generate.records import record_modules
from schemas.generate.topics import member_of, union_of
from schemas.lint.files import Contract, SchemaFile, load
from schemas.records import Record, by_topic
from schemas.topic import Topic

NEW = "avro/erp/FeePosted.v1.avsc"
OUTCOMES = "topics/erp.outcomes.v1.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for part in ("avro", "examples", "topics", "records"):
        shutil.copytree(catalog.ROOT / part, tmp_path / part)
    shutil.copy(catalog.ROOT / "topic.py", tmp_path)
    return tmp_path


def write(root: Path, file: str, data: Any) -> None:
    (root / file).write_text(json.dumps(data, indent=2))


def change(root: Path, file: str, **changes: Any) -> None:
    write(root, file, json.loads((root / file).read_text()) | changes)


# -- what is generated -------------------------------------------------------------------------------------------------

RAIL = {"type": "enum", "name": "Rail", "namespace": "saldo.trial", "doc": "Rail.", "symbols": ["UNKNOWN", "CARD"]}
EVERY_TYPE: list[dict[str, Any]] = [
    {"name": "text", "type": "string"},
    {"name": "key", "type": "bytes"},
    {"name": "count", "type": "int"},
    {"name": "amount_minor", "type": "long"},
    {"name": "is_open", "type": "boolean", "default": False},
    {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "value_on", "type": ["null", {"type": "int", "logicalType": "date"}], "default": None},
    {"name": "rail", "type": RAIL, "default": "CARD"},
    {"name": "other_rail", "type": ["null", "saldo.trial.Rail"], "default": None},
    {"name": "last_rail", "type": "saldo.trial.Rail", "default": "CARD"},
    {"name": "names", "type": {"type": "array", "items": "string"}, "default": []},
    {"name": "values", "type": {"type": "map", "values": "long"}},
    {
        "name": "rows",
        "type": {
            "type": "array",
            "items": {
                "type": "record",
                "name": "TrialRow",
                "doc": "A row.",
                "fields": [{"name": "role", "type": "string", "default": 'a "word"'}],
            },
        },
    },
    {"name": "score", "type": "int", "default": -3},
]


def one(*fields_: Mapping[str, Any], doc: str = "A trial.") -> Contract:
    avro = {"type": "record", "name": "Trial", "namespace": "saldo.trial", "doc": doc, "fields": list(fields_)}
    schema = SchemaFile("avro/trial/Trial.v1.avsc", "trial", "Trial", 1, avro)
    return Contract({"Trial": (schema,)}, (), {})


def module(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The generated module, as if it were imported."""
    made = type(sys)("schemas.records.trial")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(record_modules(contract)["records/trial.py"], vars(made))
    return made


def test_a_record_has_the_types_order_and_defaults_of_its_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    made: Any = module(one(*EVERY_TYPE), monkeypatch)
    hints = get_type_hints(made.Trial)
    assert hints == {
        "text": str,
        "key": bytes,
        "count": int,
        "amount_minor": int,
        "is_open": bool,
        "occurred_at": datetime,
        "value_on": date | None,
        "rail": made.Rail,
        "other_rail": made.Rail | None,
        "last_rail": made.Rail,
        "names": tuple[str, ...],
        "values": Mapping[str, int],
        "rows": GenericAlias(tuple, (made.TrialRow, ...)),
        "score": int,
    }
    assert [field.name for field in fields(made.Trial)] == [field["name"] for field in EVERY_TYPE]
    assert made.TrialRow().role == 'a "word"'
    assert issubclass(made.Rail, StrEnum)
    assert list(made.Rail) == ["UNKNOWN", "CARD"]
    assert made.Trial.__doc__ == "A trial."
    needed = {name: hints[name] for name in ("text", "key", "count", "amount_minor", "occurred_at", "values", "rows")}
    trial = made.Trial(**needed)
    assert (trial.is_open, trial.value_on, trial.rail, trial.names, trial.score) == (False, None, "CARD", (), -3)
    with pytest.raises(FrozenInstanceError):
        trial.text = "another"
    assert isinstance(trial, Record)
    assert not hasattr(trial, "__dict__")


@pytest.mark.parametrize(
    ("field", "finding"),
    [
        ({"name": "class", "type": "string"}, "'class' is no name in Python"),
        ({"name": "a", "type": {"type": "fixed", "name": "F", "size": 3}}, "Avro type fixed"),
        ({"name": "a", "type": "double"}, "Avro type double"),
        ({"name": "a", "type": ["int", "string"]}, "the union ['int', 'string']"),
        ({"name": "a", "type": {"type": "map", "values": "string"}, "default": {}}, "the default {}"),
        ({"name": "a", "type": RAIL | {"symbols": ["UNKNOWN", "None"]}}, "'None' is no name in Python"),
    ],
)
def test_what_python_cannot_say_is_refused_with_its_file(field: Mapping[str, Any], finding: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        record_modules(one(field))
    assert refused.value.file == "avro/trial/Trial.v1.avsc"
    assert finding in refused.value.what
    assert refused.value.remedy


def test_a_long_doc_is_its_first_sentence_and_the_rest_below() -> None:
    text = record_modules(one(doc=f"It is a trial. {'More words follow. ' * 8}".strip()))["records/trial.py"]
    assert '    """It is a trial.\n\n    More words follow. ' in text
    assert max(map(len, text.splitlines())) <= 120
    with pytest.raises(Untranslatable, match="begin it with a sentence"):
        record_modules(one(doc="word " * 40))


def test_a_topic_has_a_member_and_a_union_and_keeps_them_when_a_version_follows() -> None:
    assert (member_of("erp.commands.v1"), union_of("erp.commands.v1")) == ("ERP_COMMANDS", "ErpCommands")
    assert (member_of("erp.commands.v2"), union_of("erp.commands.v2")) == ("ERP_COMMANDS_V2", "ErpCommandsV2")
    assert member_of("shop.order-lines.v1") == "SHOP_ORDER_LINES"


def test_there_is_a_member_for_each_topic_of_the_catalogue() -> None:
    assert {topic.value for topic in Topic} == set(catalog.topics())


def test_a_union_holds_what_its_topic_carries_less_what_the_task_layer_takes() -> None:
    for spec in catalog.topics().values():
        names = {record.name for record in spec.records if catalog.latest(record.name).context != "tasks"}
        union = getattr(by_topic, union_of(spec.name), None)
        members = () if union is None else getattr(union, "__args__", (union,))
        assert {member.__name__ for member in members} == names, spec.name


# -- when it is written ------------------------------------------------------------------------------------------------


def test_the_same_contract_gives_the_same_files(root: Path) -> None:
    assert generated(load(root)[0]) == generated(load(catalog.ROOT)[0])
    assert run(root) == ()
    assert stale(root) == ()


def test_a_record_is_added_by_its_schema_its_topic_and_one_command(root: Path) -> None:
    names = ("currency", "amount_minor", "occurred_at", "posting_reference", "method")
    write(
        root,
        NEW,
        {
            "type": "record",
            "name": "FeePosted",
            "namespace": "saldo.erp",
            "doc": "Outcome: abas holds this fee, once.",
            "fields": [
                *({"name": name} for name in names),
                {"name": "rail", "type": "PaymentMethod", "saldo_class": "public", "doc": "Rail of the fee."},
            ],
        },
    )
    topic = yaml.safe_load((root / OUTCOMES).read_text())
    topic["records"]["FeePosted"] = "posting_reference"
    (root / OUTCOMES).write_text(yaml.safe_dump(topic))
    example = {"posting_reference": "F1", "currency": "USD", "amount_minor": 3, "method": "CARD", "rail": "CARD"}
    write(root, "examples/erp/FeePosted.v1.json", example | {"occurred_at": "2026-11-20T10:00:00Z"})

    assert run(root) == (NEW, "records/by_topic.py", "records/erp.py")
    lint.lock(root)
    assert lint.check(root) == stale(root) == ()
    completed = {field["name"]: field for field in json.loads((root / NEW).read_text())["fields"]}
    assert completed["currency"] == {
        "name": "currency",
        "type": "string",
        "saldo_class": "public",
        "doc": "ISO 4217, three letters.",
    }
    assert completed["method"]["type"]["symbols"] == ["UNKNOWN", "CARD", "ACH", "BANK_TRANSFER"]
    assert completed["rail"]["type"] == "saldo.payments.PaymentMethod", "Avro writes a type out once"
    assert "class FeePosted(Record):" in (root / "records/erp.py").read_text()
    union = (root / "records/by_topic.py").read_text().partition("ErpOutcomes: TypeAlias")[2].partition("\n\n")[0]
    assert "FeePosted" in union


def test_what_is_not_as_generated_is_found_and_mended(root: Path) -> None:
    path = root / "records/erp.py"
    path.write_text(path.read_text().replace("amount_minor: int\n", "amount_minor: float\n", 1))
    (root / "records/nowhere.py").write_text("")
    (root / "topic.py").unlink()
    assert [(problem.file, problem.what) for problem in stale(root)] == [
        ("records/erp.py", "is not what schemas/avro and schemas/topics say"),
        ("topic.py", "is not what schemas/avro and schemas/topics say"),
        ("records/nowhere.py", "belongs to no context"),
    ]
    assert run(root) == ("records/erp.py", "records/nowhere.py", "topic.py")
    assert stale(root) == ()


def test_a_contract_that_python_cannot_say_is_a_finding_and_nothing_is_written(root: Path) -> None:
    change(root, "avro/sources/SourceCursor.v1.avsc", doc="word " * 40)
    (found,) = stale(root)
    assert found.file == "avro/sources/SourceCursor.v1.avsc"
    before = (root / "records/sources.py").read_text()
    with pytest.raises(Untranslatable):
        run(root)
    assert (root / "records/sources.py").read_text() == before


def test_a_contract_of_data_files_alone_has_no_python_side(root: Path) -> None:
    shutil.rmtree(root / "records")
    assert stale(root) == ()
    assert run(root) == ()
    assert not (root / "records").exists()


# -- shared fields -----------------------------------------------------------------------------------------------------

VOIDED = "avro/payments/PaymentVoided.v1.avsc"


def spoil(root: Path, name: str, **changes: Any) -> None:
    schema = json.loads((root / VOIDED).read_text())
    next(field for field in schema["fields"] if field["name"] == name).update(changes)
    write(root, VOIDED, schema)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"doc": "Cents."}, "has another doc than avro/shared.yaml: Cents., there Minor units"),
        ({"type": "int"}, "has another type than avro/shared.yaml: int, there long"),
        ({"saldo_class": "reference"}, "has another saldo_class than avro/shared.yaml: reference, there public"),
        ({"saldo_own": "doc"}, "says that its doc is its own, and it is that of avro/shared.yaml"),
        ({"saldo_own": "yes"}, "has saldo_own 'yes', which is neither doc nor field"),
    ],
)
def test_a_wrong_copy_of_a_shared_field_is_found(root: Path, changes: dict[str, Any], finding: str) -> None:
    spoil(root, "amount_minor", **changes)
    assert any(problem.file == VOIDED and finding in problem.what for problem in lint.check(root))


def test_a_wrong_copy_is_written_over_when_asked_for_and_never_in_silence(root: Path) -> None:
    before = json.loads((root / VOIDED).read_text())
    spoil(root, "amount_minor", doc="Cents.")
    assert run(root) == ()
    assert lint.check(root) != ()
    assert run(root, overwrite=True) == (VOIDED,)
    assert json.loads((root / VOIDED).read_text()) == before


def test_a_field_that_says_that_it_is_its_own_is_left_alone(root: Path) -> None:
    spoil(root, "amount_minor", doc="What was voided, in cents.", saldo_own="doc")
    assert lint.check(root) == ()
    assert run(root, overwrite=True) == ()
    spoil(root, "reason", saldo_own="doc")
    whats = [problem.what for problem in lint.check(root)]
    assert any("field reason has another type than avro/shared.yaml" in what for what in whats), "an enum here"


def test_a_wrong_copy_of_a_shared_enumeration_is_found(root: Path) -> None:
    schema = json.loads((root / VOIDED).read_text())
    method = next(field for field in schema["fields"] if field["name"] == "method")
    method["type"]["symbols"].append("CASH")
    write(root, VOIDED, schema)
    whats = [problem.what for problem in lint.check(root) if problem.file == VOIDED]
    assert "PaymentMethod is not as avro/shared.yaml says it" in whats


def test_one_edit_of_what_is_shared_reaches_every_copy(root: Path) -> None:
    path = root / "avro/shared.yaml"
    path.write_text(path.read_text().replace("ISO 4217, three letters.", "ISO 4217, three capital letters."))
    assert any("another doc" in problem.what for problem in lint.check(root))
    assert len(run(root, overwrite=True)) > 50
    assert lint.check(root) == stale(root) == ()


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("fields: [", "no YAML"),
        ("topics: {}", "something else than fields: and types:"),
        ("fields: {currency: {type: string}}", "currency doesn't say type, saldo_class, doc, and nothing else"),
        ("types: {Rail: {symbols: [A]}}", "Rail doesn't say namespace, doc, symbols, default"),
        ("fields: {nobody: {type: string, saldo_class: public, doc: D.}}", "nobody uses nobody"),
    ],
)
def test_a_broken_file_of_shared_fields_is_a_finding(root: Path, text: str, finding: str) -> None:
    (root / "avro/shared.yaml").write_text(text)
    assert any(problem.file == "avro/shared.yaml" and finding in problem.what for problem in lint.check(root))


# -- types with a name -------------------------------------------------------------------------------------------------


def test_a_type_that_two_files_write_differently_is_found(root: Path) -> None:
    """Enumerations and rows that shared.yaml does not name; Python could have one class for both, and one is wrong."""
    file = "avro/receivables/EntryWaiting.v1.avsc"
    schema = json.loads((root / file).read_text())
    row = {"type": "record", "name": "DocumentLine", "doc": "Another line.", "fields": []}
    schema["fields"].append(
        {"name": "lines", "type": {"type": "array", "items": row}, "saldo_class": "public", "doc": "L."}
    )
    write(root, file, schema)
    assert any("DocumentLine differs from the one in avro/erp/" in one.what for one in lint.check(root))
