"""The probe's first profile: complete where the server tells enough, honest where it doesn't, in both languages."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from connectors.abas import profile as profile_module
from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasAddressWrong, ProfileUnreadable
from connectors.abas.probe import probe
from connectors.abas.profile import Profile, parse_profile
from connectors.abas.profile_check import check_profile
from connectors.abas.sink import AbasSink
from connectors.abas.source import AbasSource
from schemas.records.erp import DocumentPosted
from tests.support.abas_commands import on_account, post_receipt, reverse_receipt, with_strategy, write_off
from tests.support.abas_sandbox import AbasSandboxProcess, open_item

_PROFILES = {
    language: (Path(profile_module.__file__).parent / "profiles" / name).read_text("utf-8")
    for language, name in (("en", "sandbox.yaml"), ("de", "sandbox_de.yaml"))
}
_numbers = itertools.count(900_000)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("strategy", ["infosystem", "editor"])
async def test_a_probed_profile_fits_and_posts_in_both_languages(
    sandbox: AbasSandboxProcess, language: str, strategy: str
) -> None:
    settings = sandbox.settings(variable_language=language, accept_language=language)
    async with AbasClient(settings) as client:
        text = await probe(client)
        assert ": TODO" not in text
        assert "Everything was found" in text
        profile = with_strategy(
            parse_profile(text, origin="probed"), "editor" if strategy == "editor" else "infosystem"
        )
        assert (profile.tables.customer.fields.number == "nummer") is (language == "de")
        written = parse_profile(_PROFILES[language], origin=language).tables.model_dump()
        found = profile.tables.model_dump()
        # What a row of the balances holds is a guess, and so is which of its two amounts is taken.
        balances = {"rows_hold": "each", "fields": {**found["account_balance"]["fields"]}}
        for name in written:
            expected = written[name] | (balances if name == "account_balance" else {})
            assert found[name] | {"order_by": expected["order_by"]} == expected, name
        await check_profile(profile, client)
        [item] = sandbox.seed(open_item("RE-P"))
        reference = f"PT{next(_numbers)}"
        sink = AbasSink(client, profile, settings)
        assert isinstance(await sink.post(post_receipt(reference, item)), DocumentPosted)
        reversal = reverse_receipt(f"{reference}-R", reference, item)
        assert isinstance(await sink.post(reversal), DocumentPosted)
        assert isinstance(await sink.post(on_account(f"{reference}A")), DocumentPosted)
        assert isinstance(await sink.post(write_off(f"{reference}W", item, 1)), DocumentPosted)
        seen = {key async for key, _ in AbasSource(client, profile, settings).poll()}
        assert f"open-item/{item}" in seen


class _Poorer(AbasClient):
    """A server on which some names are different or missing."""

    async def tables(self) -> tuple[dict[str, Any], ...]:
        listed = await super().tables()
        return tuple({**g, "name": "OutstandngItm"} if g["tableSpec"] == "900:1" else dict(g) for g in listed)

    async def table_fields(self, table: str) -> tuple[dict[str, Any], ...]:
        hidden = {"ypaytracecust"} if table == "0:1" else {"yposref", "ykind"}
        return tuple(dict(f) for f in await super().table_fields(table) if f["name"] not in hidden)

    async def all_infosystems(self) -> tuple[dict[str, Any], ...]:
        return ()


async def test_what_was_not_found_is_listed_and_keeps_the_profile_from_use(sandbox: AbasSandboxProcess) -> None:
    async with _Poorer(sandbox.settings()) as client:
        text = await probe(client)
    head = text[: text.index("formats:")]
    assert "table open_item" in head
    assert "OutstandngItm" in head
    assert "vault_customer" in head
    assert "it may be" in head
    assert "posting_reference" in head
    assert "posting infosystem" in head
    assert "strategy: editor" in text
    assert "document write_off: no field (ykind or yart)" in head
    assert "  write_off:" not in text
    with pytest.raises(ProfileUnreadable, match=r"probed:\d+: tables\.open_item\.table"):
        parse_profile(text, origin="probed")


class _Renamed(AbasClient):
    """A server whose amounts and customers have names of their own, and that has no field for the requester."""

    async def table_fields(self, table: str) -> tuple[dict[str, Any], ...]:
        names = {"totalAmt": "gross", "customer": "debitor"} if table == "900:1" else {}
        hidden = {"yrequester", "totalBase", "openBase", "baseCurr", "loweredAmt", "credits"}
        hidden |= {"discPercent", "taxedAmt", "taxAmt", "taxedAmt2", "taxAmt2"}
        listed = [dict(f) for f in await super().table_fields(table) if f["name"] not in hidden]
        return tuple({**f, "name": names.get(f["name"], f["name"])} for f in listed)


async def test_the_one_field_of_its_type_is_a_guess_and_optional_ones_are_reported(sandbox: AbasSandboxProcess) -> None:
    async with _Renamed(sandbox.settings()) as client:
        text = await probe(client)
    assert "      amount: gross  # guess\n" in text
    assert "      customer_number: debitor^idno  # guess\n" in text
    assert "requester (yrequester or yanforderer); optional, left out" in text
    assert "      vault_customer: customer^ypaytracecust\n" in text
    assert "Where to look: obj/meta" in text
    assert parse_profile(text, origin="probed").tables.payment_request is not None


async def test_a_server_that_reports_no_infosystems_or_commands_gets_a_profile_all_the_same(
    sandbox: AbasSandboxProcess,
) -> None:
    class Silent(AbasClient):
        async def all_infosystems(self) -> tuple[dict[str, Any], ...]:
            raise AbasAddressWrong("HTTP 404")

        async def table_commands(self, table: str) -> tuple[dict[str, Any], ...]:
            raise AbasAddressWrong("HTTP 404")

    async with Silent(sandbox.settings()) as client:
        text = await probe(client)
    assert "posting infosystem" in text
    assert "it allows no NEW" in text
    assert "nothing fences two writers" in text


async def test_a_field_that_is_not_there_is_refused_by_the_check(sandbox: AbasSandboxProcess, profile: Profile) -> None:
    async with _Poorer(sandbox.settings()) as client:
        text = (await probe(client)).replace('"TODO"', '"900:1"').replace("meta_name: TODO", "meta_name: X")
        with pytest.raises(Exception, match="has no field TODO"):
            await check_profile(parse_profile(text, origin="probed"), client)
