"""`saldo decide`: a person's decision on money that waits or was matched; the journal answers it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import assign, codes, customers, holds, operators, orders
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from app.cli.waiting import parts_of
from schemas.topic import Topic

if TYPE_CHECKING:
    from streams.domain.receivables.decisions import Command

INBOX = Topic.RECEIVABLES_INBOX
# What open items took of a receipt on account bears its reference, P and a number.
_APPLICATION = re.compile(r"(?P<receipt>.+)P\d+$")
_OF_CREDIT = re.compile(r"C[A-P]{14}P\d+$")

ReferenceArgument = Annotated[str, typer.Argument(help="Posting reference or payment, as `saldo waiting` shows it.")]
CodeArgument = Annotated[str | None, typer.Argument(help="Code of the suggestion, as `saldo waiting` shows it.")]
InvoiceOption = Annotated[
    list[str] | None, typer.Option("--invoice", help="Instead of the code: the invoices of the suggestion, each once.")
]


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
            "reverse-write-off": reverse_write_off,
            "on-account": on_account,
            "apply": apply,
            "apply-credit": apply_credit,
            "unmatch": unmatch,
            "post-again": post_again,
            **assign.COMMANDS,
            **codes.COMMANDS,
            **customers.COMMANDS,
            **holds.COMMANDS,
            **orders.COMMANDS,
        },
    )


@needs("ConfirmMatch")
def confirm(
    reference: ReferenceArgument,
    why: WhyOption,
    code: CodeArgument = None,
    invoice: InvoiceOption = None,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Take a suggestion, by its code or its invoices.

    Its open items get the money. Refused when that suggestion is gone or has changed since it was shown.
    """
    from schemas.records.receivables import ConfirmMatch

    meant = _meant(reference, code, invoice or ())
    command = ConfirmMatch(
        **_reported(ConfirmMatch, why, meant["abas_customer_id"]),
        posting_reference=meant["posting_reference"],
        abas_open_item_ids=tuple(meant["abas_open_item_ids"]),
        part_amounts=tuple(int(minor) for minor in meant["part_amounts"]),
        currency=meant["currency"],
        suggestion_code=meant["suggestion_code"],
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("RejectMatch")
def reject(
    reference: ReferenceArgument,
    why: WhyOption,
    code: CodeArgument = None,
    invoice: InvoiceOption = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that is suggested for it.")] = False,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Reject a suggestion, by its code or its invoices.

    Its open items are never suggested for this payment again. What is left is not taken by that: this payment is
    matched by a person from now on, never unseen.
    """
    from app.cli.errors import CannotRun
    from schemas.records.receivables import RejectMatch

    if every and (code or invoice):
        raise CannotRun("name one suggestion, or all of them with --all", field="every")
    rows = _status(reference) if every else [_meant(reference, code, invoice or ())]
    if not rows:
        raise CannotRun(f"nothing is suggested for {reference}", field="reference")
    items = dict.fromkeys(item for row in rows for item in row["abas_open_item_ids"])
    command = RejectMatch(
        **_reported(RejectMatch, why, rows[0]["abas_customer_id"]),
        posting_reference=rows[0]["posting_reference"],
        abas_open_item_ids=tuple(items),
        suggestion_code="" if every else rows[0]["suggestion_code"],
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("SplitEntry")
def split(
    reference: ReferenceArgument,
    parts: Annotated[list[str], typer.Argument(help="INVOICE=AMOUNT for each part, on-account=AMOUNT for none.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Divide a receipt by amounts over open items.

    For example: saldo decide split PT77 RE-1=60.00 RE-2=30.00 on-account=10.00 --why "as the customer wrote"
    """
    from schemas.records.receivables import SplitEntry

    entry = _entry(reference)
    items, amounts = _parts(parts, entry["abas_customer_id"], entry["currency"])
    command = SplitEntry(
        **_reported(SplitEntry, why, entry["abas_customer_id"]),
        posting_reference=entry["posting_reference"],
        abas_open_item_ids=tuple(items),
        part_amounts=tuple(amounts),
        currency=entry["currency"],
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("WriteOffRest")
def write_off(
    invoice: Annotated[str, typer.Argument(help="Invoice number or open item id.")],
    why: WhyOption,
    amount: Annotated[str | None, typer.Option("--amount", help="Default is all that is left.")] = None,
    customer: Annotated[str, typer.Option("--customer", help="Whose, if several have this number.")] = "",
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Give up what is left of a paid invoice.

    The limit of its currency counts for all write-offs of one invoice together.
    """
    from schemas.records.receivables import WriteOffRest

    item = _item(invoice, customer)
    reported = _reported(WriteOffRest, why, item["abas_customer_id"])
    command = WriteOffRest(
        **reported,
        decided_on=_business_day(reported["occurred_at"]),
        abas_open_item_id=item["abas_open_item_id"],
        amount_minor=None if amount is None else _minor(amount, item["currency"]),
        currency=item["currency"],
    )
    before = _written_off_minor(item["abas_open_item_id"])
    _ask(command, wait_s, bootstrap_servers, schema_registry_url, besides_minor=before)


@needs("PutOnAccount")
def on_account(
    reference: ReferenceArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Post a receipt without an open item."""
    from schemas.records.receivables import PutOnAccount

    entry = _entry(reference)
    command = PutOnAccount(
        **_reported(PutOnAccount, why, entry["abas_customer_id"]),
        posting_reference=entry["posting_reference"],
        amount_minor=abs(int(entry["signed_minor"])),
        currency=entry["currency"],
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("ApplyOnAccount")
def apply(
    reference: Annotated[str, typer.Argument(help="The receipt on account; `saldo report unapplied_cash`.")],
    parts: Annotated[list[str], typer.Argument(help="INVOICE=AMOUNT for each open item.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Give money on account to open items.

    For example: saldo decide apply PT77S2 RE-2=20.00 --why "as the customer asked"; `saldo decide unmatch` undoes it.
    """
    from app.cli.asking import answer
    from app.cli.errors import CannotRun
    from schemas.records.receivables import ApplyOnAccount

    rows = [row for row in answer("unapplied_cash").records if row["posting_reference"] == reference]
    if not rows:
        raise CannotRun(
            f"{reference} is no money on account; `saldo report unapplied_cash` lists it", field="reference"
        )
    customer, currency = rows[0]["abas_customer_id"], rows[0]["currency"]
    items, amounts = _parts(parts, customer, currency)
    command = ApplyOnAccount(
        **_reported(ApplyOnAccount, why, customer),
        posting_reference=reference,
        abas_open_item_ids=tuple(items),
        part_amounts=tuple(amounts),
        currency=currency,
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("ApplyCreditMemo")
def apply_credit(
    credit: Annotated[str, typer.Argument(help="Number or open item id; `saldo report open_credits`.")],
    parts: Annotated[list[str], typer.Argument(help="INVOICE=AMOUNT for each open item.")],
    why: WhyOption,
    customer: Annotated[str, typer.Option("--customer", help="Whose, if several have this number.")] = "",
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Give a credit of abas to open items.

    A credit memo or credit balance, wholly or in part. For example:
    saldo decide apply-credit GS-1 RE-2=20.00 --why "as agreed"; `saldo decide unmatch` undoes it.
    """
    from schemas.records.receivables import ApplyCreditMemo

    memo = _item(credit, customer)
    owner, currency = memo["abas_customer_id"], memo["currency"]
    items, amounts = _parts(parts, owner, currency)
    command = ApplyCreditMemo(
        **_reported(ApplyCreditMemo, why, owner),
        abas_credit_item_id=memo["abas_open_item_id"],
        abas_open_item_ids=tuple(items),
        part_amounts=tuple(amounts),
        currency=currency,
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("UnmatchEntry")
def unmatch(
    reference: ReferenceArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Unmatch: reverse it, and let the money wait.

    Money that was applied from the account goes back there.

    The payment is never matched with that open item again by itself.
    """
    from app.cli.asking import answer
    from app.cli.errors import CannotRun
    from schemas.records.receivables import UnmatchEntry

    if application := _APPLICATION.match(reference):
        of_credit = _OF_CREDIT.match(reference)
        customer = _entry_of(reference if of_credit else application["receipt"])["abas_customer_id"]
        command = UnmatchEntry(**_reported(UnmatchEntry, why, customer), posting_reference=reference)
        return _ask(command, wait_s, bootstrap_servers, schema_registry_url)
    over = ("EntrySplit", "EntryNetted", "EntryUnmatched")
    rows = [
        row
        for row in answer("entries_of", id=reference).records
        if row["direction"] == "RECEIPT" and (row["last_event"] not in over or row["posting_reference"] == reference)
    ]
    exact = [row for row in rows if row["posting_reference"] == reference] or rows
    if len(exact) != 1:
        found = ", ".join(row["posting_reference"] for row in exact)
        raise CannotRun(f"{reference} has {found or 'no receipt'}; name one posting reference", field="reference")
    command = UnmatchEntry(
        **_reported(UnmatchEntry, why, exact[0]["abas_customer_id"]), posting_reference=exact[0]["posting_reference"]
    )
    return _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("ReverseWriteOff")
def reverse_write_off(
    reference: Annotated[
        str, typer.Argument(help="The write-off's reference, e.g. PT77W1; `saldo report write_offs`.")
    ],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Take a write-off back; the rest is owed again.

    abas gets a document of its own against it.
    """
    from app.cli.asking import answer
    from app.cli.errors import CannotRun
    from schemas.records.receivables import ReverseWriteOff

    rows = [row for row in answer("write_offs").records if row["posting_reference"] == reference]
    if not rows:
        raise CannotRun(f"{reference} is no write-off; `saldo report write_offs` lists them", field="reference")
    reported = _reported(ReverseWriteOff, why, rows[0]["abas_customer_id"])
    command = ReverseWriteOff(
        **reported, decided_on=_business_day(reported["occurred_at"]), posting_reference=reference
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


@needs("PostAgain")
def post_again(
    reference: ReferenceArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Ask abas again for what it refused.

    It is the same document: same reference, open item, amount and value date. So mend first what abas refused it for,
    e.g. open the posting period. abas is asked whether it holds the document before it is posted.
    """
    from schemas.records.receivables import PostAgain

    entry = _entry(reference)
    command = PostAgain(
        **_reported(PostAgain, why, entry["abas_customer_id"]),
        posting_reference=entry["posting_reference"],
        amount_minor=abs(int(entry["signed_minor"])),
        currency=entry["currency"],
    )
    _ask(command, wait_s, bootstrap_servers, schema_registry_url)


# -- finding what is meant -----------------------------------------------------------------------------------------


def _rows(reference: str) -> list[dict[str, Any]]:
    """Return the rows of waiting entries that a person may mean: the entry's own reference, else all of its payment."""
    from app.cli.asking import answer

    rows = [row for row in answer("waiting_with_candidates").records if row["waits_in"] == "receivables"]
    found = [row for row in rows if row["posting_reference"] == reference]
    return found or [row for row in rows if row["paytrace_transaction_id"] == reference]


def _entry(reference: str) -> dict[str, Any]:
    """Return the one entry that a person means: the one that waits, else the one there is.

    What does not wait is asked for all the same, because the journal answers with who decided about it before.
    """
    from app.cli.asking import answer
    from app.cli.errors import CannotRun

    rows = _rows(reference) or [dict(row) for row in answer("entries_of", id=reference).records]
    rows = [row for row in rows if row["posting_reference"] == reference] or rows
    references = list(dict.fromkeys(row["posting_reference"] for row in rows))
    if not references:
        raise CannotRun(_not_here(reference), field="reference")
    if len(references) > 1:
        raise CannotRun(
            f"{reference} has several entries: {', '.join(references)}; name one of them", field="reference"
        )
    return rows[0]


def _entry_of(reference: str) -> dict[str, Any]:
    """Return the entry of this reference, however far it is."""
    from app.cli.asking import answer
    from app.cli.errors import CannotRun

    rows = [row for row in answer("entries_of", id=reference).records if row["posting_reference"] == reference]
    if not rows:
        raise CannotRun(
            f"there is no entry {reference}; `saldo report unapplied_cash` lists money on account", field="reference"
        )
    return dict(rows[0])


def _not_here(reference: str) -> str:
    """Return why nothing can be decided here about a reference that is no entry."""
    from app.cli.asking import answer
    from projections.reports.words import in_words

    for row in answer("waiting_with_candidates").records:
        if reference in (row["posting_reference"], row["paytrace_transaction_id"]):
            why = f"{in_words(str(row['reason']))}: {row['detail']}"
            return f"{reference} waits in {row['waits_in']}, not for an open item ({why}); see `saldo decide -h`"
    return f"{reference} does not wait; `saldo waiting` lists what does, `saldo explain {reference}` the rest"


def _status(reference: str) -> list[dict[str, Any]]:
    """Return what is suggested now for the one entry that a person means."""
    from app.cli.errors import CannotRun

    rows = [row for row in _rows(reference) if row["suggestion_number"]]
    references = list(dict.fromkeys(row["posting_reference"] for row in rows))
    if len(references) > 1:
        raise CannotRun(
            f"{reference} has several entries that wait: {', '.join(references)}; name one of them", field="reference"
        )
    return rows


def _meant(reference: str, code: str | None, invoices: Sequence[str]) -> dict[str, Any]:
    """Return the suggestion that a person names, with its meaning as it was shown, whether it stands or not.

    One that does not stand is asked for all the same: the journal refuses it, and says what became of it.
    """
    from app.cli.asking import answer
    from app.cli.errors import CannotRun

    if bool(code) == bool(invoices):
        raise CannotRun(f"name one suggestion by its code, or by --invoice: {_named(reference)}", field="code")
    ever = [dict(row) for row in answer("suggestions_of", id=reference).records]
    if code:
        found = [row for row in ever if row["suggestion_code"] == code.strip().upper()]
    else:
        wanted = sorted(number.strip().upper() for number in invoices)
        status = _status(reference)
        found = [row for row in status or ever if sorted(map(str.upper, row["invoice_numbers"])) == wanted]
        found = found if status else found[:1]
    if not found:
        _entry(reference)
        what = code or f"invoice {', '.join(invoices)}"
        raise CannotRun(f"{what} is no suggestion for {reference}: {_named(reference)}", field="code")
    if len(found) > 1 and not code:
        raise CannotRun(
            f"{len(found)} suggestions are of these invoices; say which by its code: {_named(reference)}", field="code"
        )
    if len({row["posting_reference"] for row in found}) > 1:
        raise CannotRun(
            f"{reference} has several entries with this suggestion; name one posting reference", field="reference"
        )
    return found[0]


def _named(reference: str) -> str:
    """Return the suggestions that stand, with their codes, for whoever has to say which."""
    rows = _status(reference)
    if not rows:
        _entry(reference)
        return f"nothing is suggested for {reference}; `saldo decide split` names the open items yourself"
    return ", ".join(f"{row['suggestion_code']} ({parts_of(row)})" for row in rows)


def _item(number: str, customer: str) -> dict[str, Any]:
    from app.cli.asking import answer
    from app.cli.errors import CannotRun

    rows = answer("items_named", number=number, abas_customer_id=customer).records
    rows = tuple(row for row in rows if row["is_open"]) or rows
    if len(rows) != 1:
        found = ", ".join(f"{row['abas_open_item_id']} of customer {row['abas_customer_id']}" for row in rows)
        raise CannotRun(f"{number} is {found or 'no open item here'}; name one by its open item id", field="invoice")
    return rows[0]


def _written_off_minor(item_id: str) -> int:
    """Return what is written off of an open item already; all write-offs of one invoice count together."""
    from app.cli.asking import answer

    rows = [row for row in answer("write_offs").records if row["abas_open_item_id"] == item_id]
    return sum(int(row["amount_minor"]) for row in rows if row["status"] not in ("refused", "reversed"))


def _parts(parts: Sequence[str], customer: str, currency: str) -> tuple[list[str], list[int]]:
    from app.cli.errors import CannotRun

    items: list[str] = []
    amounts: list[int] = []
    for part in parts:
        number, equals, amount = part.rpartition("=")
        if not equals or not number:
            raise CannotRun(f"{part!r} is not INVOICE=AMOUNT, e.g. RE-1=60.00", field="parts")
        items.append("" if number == "on-account" else _item(number, customer)["abas_open_item_id"])
        amounts.append(_minor(amount, currency))
    return items, amounts


def _minor(amount: str, currency: str) -> int:
    from decimal import Decimal, InvalidOperation

    from app.cli.errors import CannotRun
    from schemas.values.money import from_major

    try:
        return from_major(Decimal(amount), currency).minor
    except (InvalidOperation, ValueError) as error:
        raise CannotRun(f"{amount!r} is no amount in {currency}; write it like 60.00", field="amount") from error


# -- asking --------------------------------------------------------------------------------------------------------


def _reported(command: type[Command], why: str, customer: str) -> dict[str, Any]:
    return {**operators.attributed(command.__name__, why), "abas_customer_id": customer}


def _business_day(instant: datetime) -> date:
    """Return the day in the merchant's zone: the value date of what is decided without money moving."""
    from app.settings.settings import load_settings
    from schemas.values.business_day import business_day

    return business_day(instant, load_settings().paytrace.zone)


def _ask(
    command: Command,
    wait_s: float,
    bootstrap_servers: str | None,
    schema_registry_url: str | None,
    *,
    besides_minor: int = 0,
) -> None:
    operators.decide(INBOX, command, _said, wait_s, bootstrap_servers, schema_registry_url, besides_minor=besides_minor)


def _said(event: Any) -> str:
    """Return one consequence in words; empty for what is only bookkeeping."""
    from schemas.records.receivables import (
        EntryUnmatched,
        EntryWaiting,
        PaymentMatched,
        PostingRequested,
    )
    from schemas.values.money import Money

    match event:
        case PaymentMatched():
            amount = Money(event.amount_minor, event.currency)
            return f"{event.posting_reference}: {amount} belongs to invoice {event.invoice_number}"
        case PostingRequested(document_kind="write_off"):
            amount = Money(event.amount_minor, event.currency)
            return f"{event.posting_reference}: write-off of {amount} of invoice {event.invoice_number} asked of abas"
        case PostingRequested(document_kind="on_account_application" | "credit_memo_application"):
            amount = Money(event.amount_minor, event.currency)
            return f"{event.posting_reference}: {amount} applied to invoice {event.invoice_number}, asked of abas"
        case PostingRequested(
            document_kind="write_off_reversal" | "on_account_application_reversal" | "credit_memo_application_reversal"
        ):
            amount = Money(event.amount_minor, event.currency)
            return (
                f"{event.reverses_reference} is reversed by {event.posting_reference}: {amount} of invoice "
                f"{event.invoice_number} asked of abas"
            )
        case PostingRequested():
            amount = Money(event.amount_minor, event.currency)
            return f"{event.posting_reference}: {event.direction.lower()} of {amount} asked of abas"
        case EntryUnmatched() if event.reversal_reference is not None:
            return (
                f"{event.posting_reference} is reversed by {event.reversal_reference}, "
                f"the money waits as {event.released_reference}"
            )
        case EntryWaiting():
            return f"{event.posting_reference} waits, {event.reason}: {event.detail}"
        case _:
            return ""
