"""`saldo decide`: a person's word on money that waits or was matched; written to the inbox, answered by the journal."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import assign, operators
from streams.cli.connection import BootstrapServers, SchemaRegistryUrl
from streams.cli.operators import WAIT_S, ByOption, WaitOption, WhyOption

if TYPE_CHECKING:
    from streams.domain.decisions import Command

INBOX = "receivables.inbox.v1"

ReferenceArgument = Annotated[str, typer.Argument(help="Posting reference or payment, as `saldo waiting` shows it.")]


def register(app: typer.Typer) -> None:
    """Hang `decide confirm|reject|split|...|assign-customer|...|hand-to-finance` below the root."""
    operators.add_group(
        app,
        "decide",
        "Decide about money that waits or was matched.",
        {
            "confirm": confirm,
            "reject": reject,
            "split": split,
            "write-off": write_off,
            "undo-write-off": undo_write_off,
            "on-account": on_account,
            "unmatch": unmatch,
            "post-again": post_again,
            **assign.COMMANDS,
        },
    )


def confirm(
    reference: ReferenceArgument,
    why: WhyOption,
    option: Annotated[int | None, typer.Option("--option", min=1, help="Which of several suggestions.")] = None,
    by: ByOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Take a suggestion: its open items get the money."""
    from schemas.records.receivables import ConfirmMatch
    from streams.cli.errors import CannotRun

    rows = [row for row in _waiting(reference) if row["option_number"]]
    if not rows:
        raise CannotRun(f"nothing is suggested for {reference}; `saldo decide split` names the open items yourself")
    if not option and len(rows) > 1:
        raise CannotRun(f"{len(rows)} suggestions stand for {reference}; say which with --option (see `saldo waiting`)")
    chosen = next((row for row in rows if row["option_number"] == (option or 1)), None)
    if chosen is None:
        raise CannotRun(f"{reference} has no suggestion {option}; `saldo waiting` lists them")
    command = ConfirmMatch(
        **_told(by, why, chosen["abas_customer_id"]),
        posting_reference=chosen["posting_reference"],
        abas_open_item_ids=tuple(chosen["abas_open_item_ids"]),
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


def reject(
    reference: ReferenceArgument,
    why: WhyOption,
    option: Annotated[int | None, typer.Option("--option", min=1, help="Only this suggestion; default is all.")] = None,
    by: ByOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Reject suggestions: they are never made again."""
    from schemas.records.receivables import RejectMatch
    from streams.cli.errors import CannotRun

    rows = [row for row in _waiting(reference) if row["option_number"] and option in (None, row["option_number"])]
    if not rows:
        raise CannotRun(f"nothing is suggested for {reference}{f' as option {option}' if option else ''}")
    items = dict.fromkeys(item for row in rows for item in row["abas_open_item_ids"])
    command = RejectMatch(
        **_told(by, why, rows[0]["abas_customer_id"]),
        posting_reference=rows[0]["posting_reference"],
        abas_open_item_ids=tuple(items),
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


def split(
    reference: ReferenceArgument,
    parts: Annotated[list[str], typer.Argument(help="INVOICE=AMOUNT for each part, on-account=AMOUNT for none.")],
    why: WhyOption,
    by: ByOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Divide a receipt by amounts over open items.

    For example: saldo decide split PT77 RE-1=60.00 RE-2=30.00 on-account=10.00 --why "as the customer wrote"
    """
    from schemas.records.receivables import SplitEntry

    entry = _waiting(reference)[0]
    items, amounts = _parts(parts, entry["abas_customer_id"], entry["currency"])
    command = SplitEntry(
        **_told(by, why, entry["abas_customer_id"]),
        posting_reference=entry["posting_reference"],
        abas_open_item_ids=tuple(items),
        part_amounts=tuple(amounts),
        currency=entry["currency"],
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


def write_off(
    invoice: Annotated[str, typer.Argument(help="Invoice number or open item id.")],
    why: WhyOption,
    amount: Annotated[str | None, typer.Option("--amount", help="Default is all that is left.")] = None,
    customer: Annotated[str, typer.Option("--customer", help="Whose, if several have this number.")] = "",
    by: ByOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Give up what is left of a paid invoice.

    The limit of its currency counts for all write-offs of one invoice together.
    """
    from schemas.records.receivables import WriteOffRest

    item = _item(invoice, customer)
    command = WriteOffRest(
        **_told(by, why, item["abas_customer_id"]),
        abas_open_item_id=item["abas_open_item_id"],
        amount_minor=None if amount is None else _minor(amount, item["currency"]),
        currency=item["currency"],
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


def on_account(
    reference: ReferenceArgument,
    why: WhyOption,
    by: ByOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Post a receipt without an open item."""
    from schemas.records.receivables import PutOnAccount

    entry = _waiting(reference)[0]
    command = PutOnAccount(**_told(by, why, entry["abas_customer_id"]), posting_reference=entry["posting_reference"])
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


def unmatch(
    reference: ReferenceArgument,
    why: WhyOption,
    by: ByOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Undo a match: reverse it, and let the money wait.

    The payment is never matched with that open item again by itself.
    """
    from schemas.records.receivables import UnmatchEntry
    from streams.cli.asking import answer
    from streams.cli.errors import CannotRun

    over = ("EntrySplit", "EntryNetted", "EntryUnmatched")
    rows = [
        row
        for row in answer("entries_of", id=reference).records
        if row["direction"] == "RECEIPT" and (row["last_event"] not in over or row["posting_reference"] == reference)
    ]
    exact = [row for row in rows if row["posting_reference"] == reference] or rows
    if len(exact) != 1:
        found = ", ".join(row["posting_reference"] for row in exact)
        raise CannotRun(f"{reference} has {found or 'no receipt'}; name one posting reference")
    command = UnmatchEntry(
        **_told(by, why, exact[0]["abas_customer_id"]), posting_reference=exact[0]["posting_reference"]
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


def undo_write_off(
    reference: Annotated[
        str, typer.Argument(help="The write-off's reference, e.g. PT77W1; `saldo report write_offs`.")
    ],
    why: WhyOption,
    by: ByOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Take a write-off back; the rest is owed again.

    abas gets a document of its own against it.
    """
    from schemas.records.receivables import UndoWriteOff
    from streams.cli.asking import answer
    from streams.cli.errors import CannotRun

    rows = [row for row in answer("write_offs").records if row["posting_reference"] == reference]
    if not rows:
        raise CannotRun(f"{reference} is no write-off; `saldo report write_offs` lists them")
    command = UndoWriteOff(**_told(by, why, rows[0]["abas_customer_id"]), posting_reference=reference)
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


def post_again(
    reference: ReferenceArgument,
    why: WhyOption,
    by: ByOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Ask abas again for what it refused.

    It is the same document: same reference, open item, amount and value date. So mend first what abas refused it for,
    e.g. open the posting period. abas is asked whether it holds the document before it is posted.
    """
    from schemas.records.receivables import PostAgain

    entry = _waiting(reference)[0]
    command = PostAgain(**_told(by, why, entry["abas_customer_id"]), posting_reference=entry["posting_reference"])
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


# -- finding what is meant -----------------------------------------------------------------------------------------


def _waiting(reference: str) -> list[dict[str, Any]]:
    """The rows of the one waiting entry that a person means: the entry's own reference, else its payment's only one."""
    from streams.cli.asking import answer
    from streams.cli.errors import CannotRun

    rows = [row for row in answer("waiting_with_candidates").records if row["waits_in"] == "receivables"]
    found = [row for row in rows if row["posting_reference"] == reference]
    found = found or [row for row in rows if row["paytrace_transaction_id"] == reference]
    references = list(dict.fromkeys(row["posting_reference"] for row in found))
    if not references:
        raise CannotRun(
            f"{reference} does not wait; `saldo waiting` lists what does, `saldo explain {reference}` the rest"
        )
    if len(references) > 1:
        raise CannotRun(f"{reference} has several entries that wait: {', '.join(references)}; name one of them")
    return found


def _item(number: str, customer: str) -> dict[str, Any]:
    from streams.cli.asking import answer
    from streams.cli.errors import CannotRun

    rows = answer("items_named", number=number, abas_customer_id=customer).records
    rows = tuple(row for row in rows if row["is_open"]) or rows
    if len(rows) != 1:
        found = ", ".join(f"{row['abas_open_item_id']} of customer {row['abas_customer_id']}" for row in rows)
        raise CannotRun(f"{number} is {found or 'no open item here'}; name one by its open item id")
    return rows[0]


def _parts(parts: Sequence[str], customer: str, currency: str) -> tuple[list[str], list[int]]:
    from streams.cli.errors import CannotRun

    items: list[str] = []
    amounts: list[int] = []
    for part in parts:
        number, equals, amount = part.rpartition("=")
        if not equals or not number:
            raise CannotRun(f"{part!r} is not INVOICE=AMOUNT, e.g. RE-1=60.00")
        items.append("" if number == "on-account" else _item(number, customer)["abas_open_item_id"])
        amounts.append(_minor(amount, currency))
    return items, amounts


def _minor(amount: str, currency: str) -> int:
    from decimal import Decimal, InvalidOperation

    from schemas.money import from_major
    from streams.cli.errors import CannotRun

    try:
        return from_major(Decimal(amount), currency).minor
    except (InvalidOperation, ValueError) as error:
        raise CannotRun(f"{amount!r} is no amount in {currency}; write it like 60.00") from error


# -- asking --------------------------------------------------------------------------------------------------------


def _told(by: str | None, why: str, customer: str) -> dict[str, Any]:
    return {
        "command_id": uuid.uuid4().hex,
        "abas_customer_id": customer,
        "decided_by": operators.person(by),
        "reason": why,
        "occurred_at": datetime.now(UTC),
    }


def _ask(command: Command, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None) -> None:
    from schemas.records.receivables import DecisionRefused

    decision, *events = operators.ask(INBOX, command, wait_s, bootstrap_servers, schema_registry_url).events
    if isinstance(decision, DecisionRefused):
        raise operators.refuse(decision.refused_because)
    typer.echo(f"done, by {decision.decided_by}: {decision.reason}")
    for event in events:
        line = _said(event)
        if line:
            typer.echo(f"    {line}")


def _said(event: Any) -> str:
    """One consequence in words; empty for what is only bookkeeping."""
    from schemas.money import Money
    from schemas.records.receivables import (
        EntryUnmatched,
        EntryWaiting,
        PaymentMatched,
        PostingRequested,
        RestWriteOffRequested,
        RestWriteOffReversalRequested,
    )

    match event:
        case PaymentMatched():
            amount = Money(event.amount_minor, event.currency)
            return f"{event.posting_reference}: {amount} belongs to invoice {event.invoice_number}"
        case PostingRequested():
            amount = Money(event.amount_minor, event.currency)
            return f"{event.posting_reference}: {event.direction.lower()} of {amount} asked of abas"
        case EntryUnmatched() if event.reversal_reference is not None:
            return (
                f"{event.posting_reference} is taken back by {event.reversal_reference}, "
                f"the money waits as {event.released_reference}"
            )
        case EntryWaiting():
            return f"{event.posting_reference} waits, {event.reason}: {event.detail}"
        case RestWriteOffRequested():
            amount = Money(event.amount_minor, event.currency)
            return f"{event.posting_reference}: write-off of {amount} of invoice {event.invoice_number} asked of abas"
        case RestWriteOffReversalRequested():
            amount = Money(event.amount_minor, event.currency)
            return (
                f"{event.reverses_reference} is taken back by {event.posting_reference}: {amount} of invoice "
                f"{event.invoice_number} asked of abas"
            )
        case _:
            return ""
