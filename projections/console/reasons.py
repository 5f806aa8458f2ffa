"""Why something waits, as a heading, and what a person can do about it, as one line below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from projections.reports.words import in_words


@dataclass(frozen=True, slots=True)
class Reason:
    """title stands in lists; hint says what to do; sentence ends the account of a payment that waits."""

    title: str
    hint: str
    sentence: str


_REASONS: Mapping[str, Reason] = {
    "NO_REFERENCE": Reason(
        "Payer not known",
        "Name the customer",
        "The payment names no customer and no invoice, so Saldo can't say whose it is.",
    ),
    "REFERENCE_UNKNOWN": Reason(
        "Names an invoice abas does not know",
        "Often a letter too much; name the customer",
        "abas does not know what the payment names, so Saldo can't say whose it is.",
    ),
    "REFERENCE_AMBIGUOUS": Reason(
        "Several customers fit",
        "Name the customer",
        "What the payment names belongs to several customers, so Saldo did not choose.",
    ),
    "RISK_HELD": Reason(
        "Held by rules of risk",
        "Look at what was found; release it, or refund it",
        "Rules of risk hold the payment until a person releases it.",
    ),
    "RISK_UNANSWERED": Reason(
        "Rules of risk have not answered yet", "Goes on by itself", "Rules of risk have not answered yet."
    ),
    "NO_OPEN_ITEM": Reason(
        "No open invoice fits", "Split it, or put it on account", "No open invoice of the customer fits."
    ),
    "AMOUNT_DIFFERS": Reason(
        "Amount differs from the open invoice",
        "Confirm the invoice, split, or put it on account",
        "The amount is not what the invoice has open, so Saldo did not post it.",
    ),
    "SEVERAL_OPEN_ITEMS": Reason(
        "Several open invoices fit", "Choose one, or split", "Several open invoices fit, so Saldo did not choose."
    ),
    "CURRENCY_DIFFERS": Reason(
        "Paid in another currency",
        "Put it on account, or split",
        "The invoice is in another currency, so Saldo did not post it.",
    ),
    "RULED_OUT_BY_PERSON": Reason(
        "Somebody ruled an invoice out",
        "Choose another one, or split",
        "A person ruled out an invoice; what is left is for a person too.",
    ),
    "RECEIPT_NOT_POSTED": Reason(
        "Its receipt is not in abas yet", "Goes on when abas has the receipt", "Its receipt is not in abas yet."
    ),
    "REFUND_WITHOUT_PAYMENT": Reason(
        "Refund without a payment",
        "Name the payment, or put the refund on account",
        "Saldo is not certain which payment this refund gives back.",
    ),
    "AMOUNT_INCREASED_AFTER_POSTING": Reason(
        "The amount grew after posting", "Split it, or put it on account", "The amount grew after it was posted."
    ),
    "POSTING_REFUSED": Reason(
        "abas refused the document", "Mend the cause in abas, then post again", "abas refused the document."
    ),
    "ACCOUNT_UNMAPPED": Reason(
        "The mapping has no account for it", "Add a line to the mapping", "The mapping has no account for it."
    ),
    "NO_RATE_YOUNG_ENOUGH": Reason(
        "No exchange rate yet", "Goes on when a rate arrives", "No exchange rate is young enough to value it."
    ),
    "CHARGEBACK_NOT_BOOKED": Reason(
        "Chargeback not booked yet",
        "Goes on when the ledger has booked it",
        "A dispute took money that abas does not show yet.",
    ),
    "CHARGEBACK_OF_UNKNOWN_PAYMENT": Reason(
        "Chargeback of an unknown payment",
        "Look it up in PayTrace",
        "It was charged back, but nobody saw the payment captured.",
    ),
    "CHARGEBACK_NAMES_NO_PAYMENT": Reason(
        "Chargeback names no payment",
        "Look the dispute up at the processor",
        "It was charged back, but the dispute names no payment.",
    ),
}


def reason_of(code: str) -> Reason:
    """Return a reason in words; one without words of its own is read as the words that it is made of."""
    if code in _REASONS:
        return _REASONS[code]
    words = in_words(code)
    title = words[:1].upper() + words[1:]
    return Reason(title, "Open it to see what is known", f"{title}.")


@dataclass(frozen=True, slots=True)
class Need:
    """One kind of work of `what_needs_a_person`: how it is called, what it asks for, and where it is done."""

    title: str
    hint: str
    path: str


NEEDS: Mapping[str, Need] = {
    "records unreadable": Need(
        "Records that no table shows", "Look at them before the totals", "/reports/unreadable_records"
    ),
    "records parked": Need("Parked records", "Replay or discard them", "/parked"),
    "payments not recognized": Need(
        "Payments PayTrace holds in unknown words", "Look them up in PayTrace", "/waiting?place=payments"
    ),
    "money waits": Need("Money waits", "Decide whose it is", "/waiting"),
    "documents refused": Need("abas refused a document", "Mend the cause in abas", "/reports/documents?state=refused"),
    "ledger documents waiting": Need(
        "Documents without an account", "Add a line to the mapping", "/reports/ledger_waiting"
    ),
    "erp records refused": Need("abas refused a record", "Mend the cause in abas", "/reports/erp_records"),
    "disputes to answer": Need("Disputes to answer", "Send evidence, or accept", "/disputes"),
    "chargebacks to book": Need(
        "Chargebacks to book", "Goes on when the ledger has booked them", "/waiting?place=disputes"
    ),
    "bank lines unexplained": Need("Bank lines without explanation", "Say what each of them is", "/deposits"),
    "rests of deposits": Need("Rests of deposits", "Say what is left of each match", "/deposits"),
    "refunds that came back": Need(
        "Refunds that came back", "The customer is owed them again", "/reports/refunds_that_came_back"
    ),
    "deposits overdue": Need("Deposits overdue", "The bank has not shown them", "/deposits"),
    "proposals open": Need("Waiting for approval", "A second person decides", "/approvals"),
    "charges held": Need("Charges held", "A code of the bank stops them", "/reports/next_steps"),
    "customers to link": Need("Customers to link", "Several customers of abas fit", "/reports/customer_links"),
    "alerts open": Need("Alerts nobody looks after", "Take them on", "/alerts"),
}


def need_of(kind: str) -> Need:
    """Return a kind of work in words; one without words of its own leads to the report that counts it."""
    return NEEDS.get(kind) or Need(kind[:1].upper() + kind[1:], "Open the report", "/reports/what_needs_a_person")
