"""What abas holds of each kind of document of a payment, field for field, in each way of posting and both languages.

documents_of_payments.json was recorded over the sink as it was when each kind had a command and a class of its own. To
record it again: `python -m tests.contract.abas.test_same_documents`, and read the diff.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from connectors.abas.client import AbasClient
from connectors.abas.criteria import Filing, Selection
from connectors.abas.profile import load_profile
from connectors.abas.settings import SANDBOX_PROFILE
from connectors.abas.sink import AbasSink
from infra.sandboxes.abas.tables import PAYMENT
from tests.support.abas_commands import (
    on_account,
    post_receipt,
    refund_on_account,
    reverse_receipt,
    reverse_write_off,
    with_strategy,
    write_off,
)
from tests.support.abas_sandbox import AbasSandboxProcess, open_item, running_sandbox

RECORDED = Path(__file__).with_name("documents_of_payments.json")
PROFILES = {"en": SANDBOX_PROFILE, "de": Path(SANDBOX_PROFILE).with_name("sandbox_de.yaml")}
STRATEGIES = ["infosystem", "editor", "typecommand"]
MOMENTS = {"stand", "erfass"}


async def documents(sandbox: AbasSandboxProcess, language: str, strategy: Any) -> list[dict[str, Any]]:
    """Post one document of each kind into empty books; every field of each, and every open item after it."""
    sandbox.admin("POST", "reset")
    item, yen = sandbox.seed(open_item("RE-1", "103.00"), open_item("RE-2", "12500", "JPY"))
    commands = [
        post_receipt("PT1", item, minor=100_00),
        write_off("PT1W1", item, 3_00, reason="written off because " * 9),
        reverse_write_off("PT1W1U1", "PT1W1", item, 3_00),
        reverse_receipt("PT9", "PT1", item, minor=25_00),
        on_account("PT2"),
        reverse_receipt("PT2V", "PT2", "", minor=25_00),
        refund_on_account("PT3"),
        post_receipt("PT4", yen, minor=12_500, currency="JPY"),
    ]
    profile = with_strategy(load_profile(PROFILES[language]), strategy)
    settings = sandbox.settings(variable_language=language, accept_language=language)
    async with AbasClient(settings) as client:
        sink = AbasSink(client, profile, settings)
        for command in commands:
            await sink.post(command)
        names = [column.name(language) for column in PAYMENT.head]
        held = await client.query_page(
            PAYMENT.spec, Selection((), Filing.BOTH, "id"), names, order_option=profile.formats.order_option, limit=99
        )
    shown: list[dict[str, Any]] = [
        {
            column.english: (str(entry.value), entry.text)
            for column in PAYMENT.head
            if column.english not in MOMENTS and (entry := one.head.get(column.name(language))) is not None
        }
        for one in held
    ]
    return [*shown, *({"open": one["open_minor"], "filed": one["filed"]} for one in sandbox.open_items())]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("language", PROFILES)
async def test_abas_holds_the_documents_that_were_recorded(
    sandbox: AbasSandboxProcess, language: str, strategy: str
) -> None:
    recorded = json.loads(RECORDED.read_text("utf-8"))[f"{language} {strategy}"]
    assert json.loads(json.dumps(await documents(sandbox, language, strategy))) == recorded
    sandbox.admin("POST", "reset")
    sandbox.seed()


async def record() -> None:
    """Write the file anew."""
    with tempfile.TemporaryDirectory() as directory, running_sandbox(Path(directory)) as sandbox:
        found = {
            f"{language} {strategy}": await documents(sandbox, language, strategy)
            for language in PROFILES
            for strategy in STRATEGIES
        }
    RECORDED.write_text(
        "{\n" + ",\n".join(f"{json.dumps(way)}: {json.dumps(held)}" for way, held in found.items()) + "\n}\n", "utf-8"
    )


if __name__ == "__main__":
    asyncio.run(record())
