"""The mapping as a file: what each role gets, an older version as a new one, and the way to another installation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.operators.mapping import export, imported, version_of
from schemas.failures import ContractBroken, Unreadable
from schemas.files.owned import FileInvalid, text_of
from schemas.records.rules import RulesAccepted
from streams.log.signing import KeyRing
from streams.rules.adoption import digest_of
from streams.rules.catalogue import ACCOUNT_MAPPING
from streams.rules.mapping import account_mapping, editors_schema, lines_by_role, renumbered
from tests.support.builders import at
from tests.support.cli import saldo
from tests.support.signing import KEYS, RING, signer_of

SHIPPED = text_of(ACCOUNT_MAPPING.shipped)


def accepted(version: int = 3, approved_by: str | None = "dkim", text: str = "") -> RulesAccepted:
    text = text or renumbered(SHIPPED, version)
    return RulesAccepted(
        rules_name=ACCOUNT_MAPPING.name,
        number=version,
        version=version,
        digest=digest_of(text),
        text=text,
        partitions={},
        command_id=f"c{version}",
        requested_by="maria",
        authenticated_by="session",
        approved_by=approved_by,
        reason="year end",
        occurred_at=at(0),
    )


# -- what a mapping gives ----------------------------------------------------------------------------------------------


def test_a_role_says_what_it_gives_when_and_whether_that_is_all() -> None:
    text = SHIPPED.replace(
        'fees: [{account: "6855", cost_centre: "100"}]',
        'fees: [{account: "6857", when: {fee_kind: [B, A]}, from: 2027-01-01}]',
    )
    by_role = {one.role: one for one in lines_by_role(text, "m.yaml")}
    ((account, conditions),) = by_role["fees"].lines
    assert (account.number, conditions) == ("6857", "fee_kind A or B, from 2027-01-01")
    assert not by_role["fees"].is_whole
    assert "fee" in by_role["fees"].needed_by
    assert by_role["clearing"].is_whole
    assert "receivable" not in by_role, "the customer's own account is no matter of the mapping"


def test_check_shows_the_roles_and_names_what_waits(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(SHIPPED.replace('  clearing: [{account: "1361"}]\n', ""), "utf-8")
    said = saldo("mapping", "check", str(file))
    assert said.exit_code == 0, said.err
    assert "no account for every document that needs it, which waits then: " in said.out
    assert "6855, cost centre 100" in said.out
    file.write_text(SHIPPED.replace('account: "1200"', 'acount: "1200"'), "utf-8")
    wrong = saldo("mapping", "check", str(file))
    assert (wrong.exit_code, wrong.out) == (2, "")
    assert "m.yaml:7: accounts.bank.0" in wrong.err


def test_the_schema_for_editors_knows_roles_facts_and_choices() -> None:
    schema = editors_schema()
    assert "clearing" in schema["properties"]["accounts"]["properties"]
    assert "receivable" not in schema["properties"]["accounts"]["properties"]
    line = schema["$defs"]["_Line"]["properties"]
    assert {"account", "if", "from", "when"} <= set(line)
    assert "merchant_account" in line["when"]["properties"]
    assert json.loads(saldo("mapping", "schema").out) == schema


# -- versions ----------------------------------------------------------------------------------------------------------


def test_an_older_version_comes_back_under_a_new_number_and_says_the_same() -> None:
    again = renumbered(SHIPPED, 9)
    assert account_mapping(again, "m").version == 9
    assert again.replace("version: 9", "version: 1") == SHIPPED
    with pytest.raises(FileInvalid, match="write `version: 9` into it"):
        renumbered(SHIPPED.replace("version: 1\n", "'version': 1\n"), 9)


def test_a_version_is_found_and_the_highest_is_in_force() -> None:
    events = [accepted(1), accepted(2)]
    assert version_of(events, 1).version == 1
    assert version_of(events, None).version == 2
    with pytest.raises(LookupError, match=r"no version 7 .* there is 1, 2"):
        version_of(events, 7)


# -- to another installation -------------------------------------------------------------------------------------------


def test_what_two_people_adopted_arrives_as_it_was() -> None:
    held = accepted()
    found = imported(export(held, signer_of("operators")), RING, "m.json")
    assert (found.text, found.version, found.proposed_by, found.approved_by) == (held.text, 3, "maria", "dkim")
    assert "proposed by maria, approved by dkim" in found.origin


def test_what_nobody_approved_is_not_exported() -> None:
    with pytest.raises(ContractBroken, match="approved by no second person"):
        export(accepted(approved_by=None), signer_of("operators"))


def test_a_changed_text_is_refused_and_so_is_a_signature_of_somebody_else() -> None:
    file = export(accepted(), signer_of("operators"))
    with pytest.raises(Unreadable, match="changed after it was signed"):
        imported(file.replace("1361", "1362"), RING, "m.json")
    with pytest.raises(Unreadable, match="only operators may do that"):
        imported(export(accepted(), signer_of("worker")), RING, "m.json")
    with pytest.raises(Unreadable, match="which this ring of public keys does not know"):
        imported(file, KeyRing.of([]), "m.json")
    revoked = KeyRing.of([replace(key, revoked_from=at(99)) for key in KEYS])
    with pytest.raises(Unreadable, match="which is revoked"):
        imported(file, revoked, "m.json")


def test_a_text_that_is_not_what_its_digest_says_is_refused_whoever_signed_it() -> None:
    held = replace(accepted(), text=renumbered(SHIPPED, 4))
    with pytest.raises(Unreadable, match="its text is another"):
        imported(export(held, signer_of("operators")), RING, "m.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "account-mapping"}', "version: 1", "[" * 5000])
def test_any_other_file_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match=r"m\.json is no exported mapping"):
        imported(text, RING, "m.json")
