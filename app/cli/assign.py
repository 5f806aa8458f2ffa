"""`saldo decide assign-customer` and what belongs to it: whose money it is, and refunds that find no payment."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from app.cli import operators
from app.cli.connection import BootstrapServers, SchemaRegistryUrl
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from schemas.topic import Topic

IDENTIFICATION, RECEIVABLES = Topic.IDENTIFICATION_INBOX, Topic.RECEIVABLES_INBOX
# An unmatched entry leaves the posted receipt and its reversal, which cancel out.
_OVER = ("EntrySplit", "EntryNetted", "EntryHandedOver")

PaymentArgument = Annotated[str, typer.Argument(help="Payment (PayTrace id) or posting reference.")]
RefundArgument = Annotated[str, typer.Argument(help="The refund's posting reference or PayTrace id.")]
UnknownOption = Annotated[
    bool, typer.Option("--unknown-customer", help="Take a customer of whom abas has shown nothing yet.")
]


@needs("AssignCustomer", "ReassignPayment")
def assign_customer(
    payment: PaymentArgument,
    customer: Annotated[str, typer.Argument(help="Customer number in abas.")],
    why: WhyOption,
    remember: Annotated[
        bool, typer.Option("--remember", help="So it is for the next payment of the same payer, too.")
    ] = False,
    unknown_customer: UnknownOption = False,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say whose money a payment is, first or anew.

    A payment that has another customer is moved: what abas holds is reversed there and waits, or is posted, at the
    right customer. What moves of this payment later follows it. The customer that a reference of higher priority
    contests is kept by naming it again.
    """
    from app.cli.errors import CannotRun
    from schemas.records.identification import AssignCustomer
    from schemas.records.receivables import ReassignPayment
    from schemas.values.references import payment_token

    _must_be_known(customer, unknown_customer)
    transaction, movements, holders = _found(payment)
    token = _payer_token(payment, movements) if remember else None
    reported = operators.attributed("AssignCustomer", why)
    others = [holder for holder in holders if holder != customer]
    if others:
        for holder in others:
            moving = ReassignPayment(
                **reported, abas_customer_id=holder, paytrace_transaction_id=transaction, to_customer_id=customer
            )
            _ask(RECEIVABLES, moving, wait_s, bootstrap_servers, schema_registry_url)
            reported = reported | {"command_id": uuid.uuid4().hex}
    elif any(row["last_record"] in ("PaymentToIdentify", "PaymentPassedOn") for row in movements):
        raise CannotRun(f"payment {transaction} is on its way; ask again in a moment", field="payment")
    elif holders and not _is_contested(transaction):
        raise CannotRun(f"payment {transaction} is with customer {customer} already", field="customer")
    else:
        command = AssignCustomer(
            **reported,
            payment_token=payment_token(transaction),
            paytrace_transaction_id=transaction,
            abas_customer_id=customer,
        )
        _ask(IDENTIFICATION, command, wait_s, bootstrap_servers, schema_registry_url)
    if token is not None:
        _remember(token, customer, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("RememberReference")
def remember_customer(
    reference: Annotated[str, typer.Argument(help="vault:ID, invoice:NUMBER or order:NUMBER.")],
    customer: Annotated[str, typer.Argument(help="Customer number in abas.")],
    why: WhyOption,
    unknown_customer: UnknownOption = False,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Let a reference stand for one customer.

    Whatever abas says of it. Overrules what was remembered before. Payments that wait for this reference go to the
    customer at once; those that have a customer keep it.
    """
    _must_be_known(customer, unknown_customer)
    _remember(_reference(reference), customer, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("ForgetReference")
def forget_customer(
    reference: Annotated[str, typer.Argument(help="As `saldo report remembered_payers` shows it, e.g. vault:7001.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Forget for whom a reference stands.

    What abas says counts again. Payments that went to the customer stay there.
    """
    from schemas.records.identification import ForgetReference

    command = ForgetReference(**operators.attributed("ForgetReference", why), token=_reference(reference))
    _ask(IDENTIFICATION, command, wait_s, bootstrap_servers, schema_registry_url)


@needs("MatchRefund")
def match_refund(
    refund: RefundArgument,
    payment: Annotated[str, typer.Argument(help="The payment: PayTrace id or posting reference.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Say which payment a refund reverses.

    It must be of the same customer and currency, and have as much left.
    """
    from schemas.records.receivables import MatchRefund

    row = _reversal(refund)
    command = MatchRefund(
        **operators.attributed("MatchRefund", why),
        abas_customer_id=row["abas_customer_id"],
        posting_reference=row["posting_reference"],
        amount_minor=abs(int(row["signed_minor"])),
        currency=row["currency"],
        payment_id=payment,
    )
    _ask(RECEIVABLES, command, wait_s, bootstrap_servers, schema_registry_url)


@needs("PutRefundOnAccount")
def refund_on_account(
    refund: RefundArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Post a refund without a payment."""
    from schemas.records.receivables import PutRefundOnAccount

    row = _reversal(refund)
    command = PutRefundOnAccount(
        **operators.attributed("PutRefundOnAccount", why),
        abas_customer_id=row["abas_customer_id"],
        posting_reference=row["posting_reference"],
        amount_minor=abs(int(row["signed_minor"])),
        currency=row["currency"],
    )
    _ask(RECEIVABLES, command, wait_s, bootstrap_servers, schema_registry_url)


@needs("HandToFinance")
def hand_to_finance(
    reversal: RefundArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Leave a refund to finance, for ever.

    Another reversal, too. Nothing is posted. It stays in the bridge as handed over; `saldo report handed_to_finance`
    lists it.
    """
    from schemas.records.receivables import HandToFinance

    row = _reversal(reversal)
    command = HandToFinance(
        **operators.attributed("HandToFinance", why),
        abas_customer_id=row["abas_customer_id"],
        posting_reference=row["posting_reference"],
        amount_minor=abs(int(row["signed_minor"])),
        currency=row["currency"],
    )
    _ask(RECEIVABLES, command, wait_s, bootstrap_servers, schema_registry_url)


COMMANDS: Mapping[str, Callable[..., None]] = {
    "assign-customer": assign_customer,
    "remember-customer": remember_customer,
    "forget-customer": forget_customer,
    "match-refund": match_refund,
    "refund-on-account": refund_on_account,
    "hand-to-finance": hand_to_finance,
}


# -- finding what is meant -----------------------------------------------------------------------------------------


def _found(named: str) -> tuple[str, list[dict[str, Any]], list[str]]:
    """Return the transaction that is meant, its movements, and the customers who have money of it."""
    from app.cli.asking import answer
    from app.cli.errors import CannotRun

    entries = answer("entries_of", id=named).records
    transaction = next((row["paytrace_transaction_id"] for row in entries), "") or re.sub(r"^PT(?=\w+$)", "", named)
    movements = list(answer("payer_of", paytrace_transaction_id=transaction).records)
    if not movements:
        raise CannotRun(f"no money of payment {named} is known; `saldo waiting` lists what waits", field="payment")
    held: dict[str, int] = {}
    for row in answer("entries_of", id=transaction).records:
        if row["last_event"] not in _OVER:
            held[row["abas_customer_id"]] = held.get(row["abas_customer_id"], 0) + int(row["signed_minor"])
    return transaction, movements, [customer for customer, minor in held.items() if minor]


def _is_contested(transaction: str) -> bool:
    from app.cli.asking import answer

    return any(row["paytrace_transaction_id"] == transaction for row in answer("contested_payers").records)


def _payer_token(payment: str, movements: list[dict[str, Any]]) -> str:
    """Return what of a payment names its payer: the vault customer, else the order."""
    from app.cli.errors import CannotRun
    from schemas.values.references import normalised_invoice, order_token, vault_token

    vault, order = movements[0]["vault_customer_id"].strip(), normalised_invoice(movements[0]["invoice_number"])
    if not vault and not order:
        raise CannotRun(
            f"{payment} names neither a vault customer nor an order; there is nothing to remember it by",
            field="remember",
        )
    return vault_token(vault) if vault else order_token(order or "")


def _must_be_known(customer: str, is_reported: bool) -> None:
    from app.cli.asking import answer
    from app.cli.errors import CannotRun

    (row,) = answer("customer_known", abas_customer_id=customer).records
    if not is_reported and not int(row["open_item_records"]) + int(row["reference_records"]):
        raise CannotRun(
            f"abas has shown no open item and no reference of a customer {customer!r}; check the number, or say "
            "--unknown-customer if it is right"
        )


def _reversal(named: str) -> dict[str, Any]:
    from app.cli.asking import answer
    from app.cli.errors import CannotRun

    rows = [row for row in answer("entries_of", id=named).records if row["direction"] == "REVERSAL"]
    rows = [row for row in rows if row["posting_reference"] == named] or [
        row for row in rows if row["last_event"] == "EntryWaiting"
    ]
    if len(rows) != 1:
        found = ", ".join(row["posting_reference"] for row in rows)
        raise CannotRun(
            f"{named} has {found or 'no refund or reversal that waits'}; name one posting reference", field="refund"
        )
    return rows[0]


def _reference(text: str) -> str:
    from app.cli.errors import CannotRun
    from schemas.values.references import invoice_token, order_token, vault_token

    kind, colon, name = text.strip().partition(":")
    shapes = {"vault": vault_token, "invoice": invoice_token, "order": order_token}
    if not colon or not name.strip() or kind not in shapes:
        raise CannotRun(f"{text!r} is no reference; write vault:ID, invoice:NUMBER or order:NUMBER", field="reference")
    return shapes[kind](name)


# -- asking --------------------------------------------------------------------------------------------------------


def _remember(
    token: str,
    customer: str,
    why: str,
    wait_s: float,
    bootstrap_servers: str | None,
    schema_registry_url: str | None,
) -> None:
    from schemas.records.identification import RememberReference

    command = RememberReference(
        **operators.attributed("RememberReference", why), token=token, abas_customer_id=customer
    )
    _ask(IDENTIFICATION, command, wait_s, bootstrap_servers, schema_registry_url)


def _ask(
    inbox: str, command: Any, wait_s: float, bootstrap_servers: str | None, schema_registry_url: str | None
) -> None:
    operators.decide(inbox, command, _said, wait_s, bootstrap_servers, schema_registry_url)


def _said(event: Any) -> str:
    """Return one consequence in words; empty for what is only bookkeeping."""
    from schemas.records.identification import PaymentIdentified, ReferenceForgotten, ReferenceRemembered
    from schemas.records.receivables import (
        EntryHandedOver,
        EntryMoved,
        EntryUnmatched,
        PostingRequested,
        RefundMatched,
    )
    from schemas.values.money import Money

    match event:
        case PaymentIdentified():
            amount = Money(event.amount_minor, event.currency)
            return f"{amount} ({event.movement.lower()}) belongs to customer {event.abas_customer_id}"
        case ReferenceRemembered():
            return f"{event.token} stands for customer {event.abas_customer_id} from now on"
        case ReferenceForgotten():
            return f"{event.token} no longer stands for customer {event.abas_customer_id} by decision"
        case EntryMoved():
            amount = Money(event.amount_minor, event.currency)
            return f"{event.posting_reference}: {amount} goes to customer {event.to_customer_id}"
        case EntryUnmatched() if event.reversal_reference is not None:
            return (
                f"{event.posting_reference} is reversed by {event.reversal_reference}; the money goes on as "
                f"{event.released_reference} when abas has posted that"
            )
        case RefundMatched():
            return f"{event.posting_reference} takes payment {event.paytrace_transaction_id} back"
        case EntryHandedOver():
            return f"{event.posting_reference} is left to finance"
        case PostingRequested():
            amount = Money(event.amount_minor, event.currency)
            return f"{event.posting_reference}: {event.direction.lower()} of {amount} asked of abas"
        case _:
            return ""
