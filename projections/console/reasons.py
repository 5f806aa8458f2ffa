"""Why something waits, as a heading, and what a person can do about it, as one line below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from projections.console.language import N_, _
from projections.reports.words import in_words


@dataclass(frozen=True, slots=True)
class Reason:
    """title stands in lists; hint says what to do; sentence ends the account of a payment that waits."""

    title: str
    hint: str
    sentence: str


_REASONS: Mapping[str, Reason] = {
    "NO_REFERENCE": Reason(
        N_("Payer not known"),
        N_("Name the customer"),
        N_("The payment names no customer and no invoice, so Saldo can't say whose it is."),
    ),
    "REFERENCE_UNKNOWN": Reason(
        N_("Names an invoice abas does not know"),
        N_("Often a letter too much; name the customer"),
        N_("abas does not know what the payment names, so Saldo can't say whose it is."),
    ),
    "REFERENCE_AMBIGUOUS": Reason(
        N_("Several customers fit"),
        N_("Name the customer"),
        N_("What the payment names belongs to several customers, so Saldo did not choose."),
    ),
    "NO_OPEN_ITEM": Reason(
        N_("No open invoice fits"), N_("Split it, or put it on account"), N_("No open invoice of the customer fits.")
    ),
    "AMOUNT_DIFFERS": Reason(
        N_("Amount differs from the open invoice"),
        N_("Confirm the invoice, split, or put it on account"),
        N_("The amount is not what the invoice has open, so Saldo did not post it."),
    ),
    "SEVERAL_OPEN_ITEMS": Reason(
        N_("Several open invoices fit"),
        N_("Choose one, or split"),
        N_("Several open invoices fit, so Saldo did not choose."),
    ),
    "CURRENCY_DIFFERS": Reason(
        N_("Paid in another currency"),
        N_("Put it on account, or split"),
        N_("The invoice is in another currency, so Saldo did not post it."),
    ),
    "RULED_OUT_BY_PERSON": Reason(
        N_("Somebody ruled an invoice out"),
        N_("Choose another one, or split"),
        N_("A person ruled out an invoice; what is left is for a person too."),
    ),
    "RECEIPT_NOT_POSTED": Reason(
        N_("Its receipt is not in abas yet"),
        N_("Goes on when abas has the receipt"),
        N_("Its receipt is not in abas yet."),
    ),
    "REFUND_WITHOUT_PAYMENT": Reason(
        N_("Refund without a payment"),
        N_("Name the payment, or put the refund on account"),
        N_("Saldo is not certain which payment this refund gives back."),
    ),
    "AMOUNT_INCREASED_AFTER_POSTING": Reason(
        N_("The amount grew after posting"),
        N_("Split it, or put it on account"),
        N_("The amount grew after it was posted."),
    ),
    "POSTING_REFUSED": Reason(
        N_("abas refused the document"), N_("Mend the cause in abas, then post again"), N_("abas refused the document.")
    ),
    "ACCOUNT_UNMAPPED": Reason(
        N_("The mapping has no account for it"),
        N_("Add a line to the mapping"),
        N_("The mapping has no account for it."),
    ),
    "NO_RATE_YOUNG_ENOUGH": Reason(
        N_("No exchange rate yet"),
        N_("Goes on when a rate arrives"),
        N_("No exchange rate is young enough to value it."),
    ),
    "CHARGEBACK_NOT_BOOKED": Reason(
        N_("Chargeback not booked yet"),
        N_("Goes on when the ledger has booked it"),
        N_("A dispute took money that abas does not show yet."),
    ),
    "CHARGEBACK_OF_UNKNOWN_PAYMENT": Reason(
        N_("Chargeback of an unknown payment"),
        N_("Look it up in PayTrace"),
        N_("It was charged back, but nobody saw the payment captured."),
    ),
    "CHARGEBACK_NAMES_NO_PAYMENT": Reason(
        N_("Chargeback names no payment"),
        N_("Look the dispute up at the processor"),
        N_("It was charged back, but the dispute names no payment."),
    ),
}


def reason_of(code: str) -> Reason:
    """Return a reason in words; one without words of its own is read as the words that it is made of."""
    if code in _REASONS:
        known = _REASONS[code]
        return Reason(_(known.title), _(known.hint), _(known.sentence))
    words = in_words(code)
    title = words[:1].upper() + words[1:]
    return Reason(title, _("Open it to see what is known"), f"{title}.")


@dataclass(frozen=True, slots=True)
class Need:
    """One kind of work of `what_needs_a_person`: how it is called, what it asks for, and where it is done."""

    title: str
    hint: str
    path: str


NEEDS: Mapping[str, Need] = {
    "records unreadable": Need(
        N_("Records that no table shows"), N_("Look at them before the totals"), "/reports/unreadable_records"
    ),
    "records parked": Need(N_("Parked records"), N_("Replay or discard them"), "/parked"),
    "payments not recognized": Need(
        N_("Payments PayTrace holds in unknown words"), N_("Look them up in PayTrace"), "/waiting?place=payments"
    ),
    "money waits": Need(N_("Money waits"), N_("Decide whose it is"), "/waiting"),
    "documents refused": Need(
        N_("abas refused a document"), N_("Mend the cause in abas"), "/reports/documents?state=refused"
    ),
    "ledger documents waiting": Need(
        N_("Documents without an account"), N_("Add a line to the mapping"), "/reports/ledger_waiting"
    ),
    "erp records refused": Need(N_("abas refused a record"), N_("Mend the cause in abas"), "/reports/erp_records"),
    "disputes to answer": Need(N_("Disputes to answer"), N_("Send evidence, or accept"), "/disputes"),
    "chargebacks to book": Need(
        N_("Chargebacks to book"), N_("Goes on when the ledger has booked them"), "/waiting?place=disputes"
    ),
    "bank lines unexplained": Need(N_("Bank lines without explanation"), N_("Say what each of them is"), "/deposits"),
    "rests of deposits": Need(N_("Rests of deposits"), N_("Say what is left of each match"), "/deposits"),
    "refunds that came back": Need(
        N_("Refunds that came back"), N_("The customer is owed them again"), "/reports/refunds_that_came_back"
    ),
    "deposits overdue": Need(N_("Deposits overdue"), N_("The bank has not shown them"), "/deposits"),
    "proposals open": Need(N_("Waiting for approval"), N_("A second person decides"), "/approvals"),
    "charges held": Need(N_("Charges held"), N_("A code of the bank stops them"), "/reports/next_steps"),
    "customers to link": Need(N_("Customers to link"), N_("Several customers of abas fit"), "/reports/customer_links"),
    "customers unknown": Need(
        N_("Customers abas does not know"), N_("Create them, or link them"), "/reports/customer_links"
    ),
    "customer values": Need(N_("Values of customers that differ"), N_("Say whose stands"), "/reports/customer_values"),
    "orders waiting": Need(N_("Orders that wait"), N_("Open each to decide"), "/reports/orders"),
    "subscription runs": Need(
        N_("Runs of subscriptions to look at"), N_("Missed, or without a card"), "/reports/subscriptions"
    ),
    "payment requests wait": Need(
        N_("Payment requests of abas"), N_("Approve, or look up what is in doubt"), "/reports/payment_requests"
    ),
    "balances unexplained": Need(
        N_("Accounts that abas shows otherwise"), N_("Look at what explains them"), "/reports/account_balances"
    ),
    "alerts open": Need(N_("Alerts nobody looks after"), N_("Take them on"), "/alerts"),
}


def need_of(kind: str) -> Need:
    """Return a kind of work in words; one without words of its own leads to the report that counts it."""
    known = NEEDS.get(kind)
    if known is None:
        return Need(kind[:1].upper() + kind[1:], _("Open the report"), "/reports/what_needs_a_person")
    return Need(_(known.title), _(known.hint), known.path)
