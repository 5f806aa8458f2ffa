"""`saldo ledger`: a person's decision on a document of the ledger. Each becomes an event with who, when and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from schemas.topic import Topic

Reference = Annotated[str, typer.Argument(help="Document that waits, as `saldo report ledger_waiting` names it.")]


def register(app: typer.Typer) -> None:
    """Hang `ledger again` below the root."""
    operators.add_group(app, "ledger", "Decide about documents of the ledger.", {"again": again})


@needs("BookAgain")
def again(
    reference: Reference,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Ask again for a document of the ledger that waits.

    abas takes it now, or the mapping has its account.
    """
    from app.cli.asking import answer
    from app.cli.errors import CannotRun
    from schemas.records.ledger import BookAgain, LedgerDocumentRequested, LedgerDocumentWaiting

    rows = [row for row in answer("ledger_waiting").records if row["posting_reference"] == reference]
    if not rows:
        raise CannotRun(f"no document {reference} waits; see: saldo report ledger_waiting", field="reference")
    command = BookAgain(
        settlement_account=rows[0]["settlement_account"],
        posting_reference=reference,
        **operators.attributed("BookAgain", why),
    )

    def in_words(event: Any) -> str:
        match event:
            case LedgerDocumentRequested():
                return f"{reference} is asked of abas again"
            case LedgerDocumentWaiting():
                return f"{reference} still waits: {event.detail}"
        return ""

    operators.carry_out(Topic.LEDGER_INBOX, command, wait_s, bootstrap_servers, schema_registry_url, in_words=in_words)
