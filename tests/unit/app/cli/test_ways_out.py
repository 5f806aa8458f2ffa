"""Every row that `saldo waiting` lists names commands, and the contexts take each command that is named for it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import pytest

from app.cli import assign, holds, ways_out
from schemas.records.identification import AssignCustomer, Movement, PaymentAwaitsReference, WaitingReason
from schemas.records.receivables import (
    ConfirmMatch,
    DecisionTaken,
    EntryDirection,
    EntryWaiting,
    HandToFinance,
    MatchRefund,
    PostAgain,
    PutOnAccount,
    PutRefundOnAccount,
    ReassignPayment,
    RejectMatch,
    SplitEntry,
    UnmatchEntry,
)
from schemas.values.money import Money
from schemas.values.references import payment_token
from streams.domain import identification, receivables
from streams.domain.receivables.account import EntryStatus
from tests.support.builders import (
    CUSTOMER,
    PAYMENT,
    Ledger,
    at,
    done,
    identified,
    key_by,
    open_item,
    payers_key,
    refused,
    to_identify,
)

MINUTES = count(100)


def book(*records: Any) -> Ledger:
    return Ledger(receivables, key_by("abas_customer_id")).given(*records)


def refunded(minor: int = 30_00, movement: Movement = Movement.REFUNDED) -> Any:
    return identified(movement, minor, payment="9001", invoice=None, minute=5)


def posted() -> Ledger:
    line = book(open_item("i1"), identified(Movement.CAPTURED))
    return line.given(done(line.sent()[-1]))


def refused_receipt() -> Ledger:
    line = book(open_item("i1"), identified(Movement.CAPTURED))
    return line.given(refused(line.sent()[-1]))


def refused_void() -> Ledger:
    line = posted().given(identified(Movement.VOIDED, minute=3))
    return line.given(refused(line.sent()[-1]))


def refused_refund_on_account() -> Ledger:
    line = posted().given(refunded(), command(PutRefundOnAccount, posting_reference="PT9001"))
    return line.given(refused(line.sent()[-1]))


def refused_reversal_of_a_match() -> Ledger:
    line = posted().given(command(UnmatchEntry, posting_reference=f"PT{PAYMENT}"))
    return line.given(refused(line.sent()[-1]))


def reversal_of_a_match_on_its_way() -> Ledger:
    return posted().given(command(UnmatchEntry, posting_reference=f"PT{PAYMENT}"))


def void_of_a_receipt_that_waits() -> Ledger:
    return book(open_item("i1", 103_00), identified(Movement.CAPTURED), identified(Movement.AMOUNT_DECREASED, 10_00))


def void_in_part_while_posting() -> Ledger:
    line = book(open_item("i1"), identified(Movement.CAPTURED))
    return line.given(identified(Movement.AMOUNT_DECREASED, 10_00, minute=2, name="a"))


def voided_refund_on_its_way() -> Ledger:
    line = posted().given(identified(Movement.REFUNDED, 100_00, payment="9001", invoice="RE-1", minute=5))
    return line.given(identified(Movement.REFUND_VOIDED, 100_00, payment="9001", invoice="RE-1", minute=6))


def rejected_in_part() -> Ledger:
    line = book(open_item("i1"), open_item("i2"), identified(Movement.CAPTURED))
    entry = line.state.entries[f"PT{PAYMENT}"]
    shown = entry.options[0]
    return line.given(
        command(RejectMatch, posting_reference=entry.posting_reference, abas_open_item_ids=shown.abas_open_item_ids)
    )


STORIES: Mapping[str, Callable[[], Ledger]] = {
    "no open item": lambda: book(identified(Movement.CAPTURED)),
    "amount differs": lambda: book(open_item("i1", 103_00), identified(Movement.CAPTURED)),
    "several open items": lambda: book(open_item("i1"), open_item("i2"), identified(Movement.CAPTURED)),
    "another currency": lambda: book(open_item("i1"), identified(Movement.CAPTURED, currency="EUR")),
    "rejected in part": rejected_in_part,
    "amount grew": lambda: posted().given(identified(Movement.AMOUNT_INCREASED, 5_00, minute=2)),
    "refund without payment": lambda: posted().given(refunded()),
    "receipt refused": refused_receipt,
    "void refused": refused_void,
    "refund on account refused": refused_refund_on_account,
    "reversal of a match refused": refused_reversal_of_a_match,
    "reversal of a match on its way": reversal_of_a_match_on_its_way,
    "less of a receipt that waits": void_of_a_receipt_that_waits,
    "less while it is being posted": void_in_part_while_posting,
    "void of a refund on its way": voided_refund_on_its_way,
}


def rows(line: Ledger) -> list[dict[str, Any]]:
    """What waits, as `waiting_with_candidates` shows it."""
    found = []
    for state in line.states.values():
        for entry in state.entries.values():
            if entry.status is not EntryStatus.WAITING:
                continue
            reported = [
                e for e in line.events if isinstance(e, EntryWaiting) and e.posting_reference == entry.posting_reference
            ]
            assert reported, f"{entry.posting_reference} waits and nobody was reported"
            sign = 1 if reported[-1].direction is EntryDirection.RECEIPT else -1
            found.append(
                {
                    "waits_in": "receivables",
                    "reason": reported[-1].reason.value,
                    "posting_reference": entry.posting_reference,
                    "paytrace_transaction_id": entry.transaction_id,
                    "signed": str(Money(sign * entry.amount_minor, entry.currency).major),
                    "invoice_numbers": list(entry.options[0].invoice_numbers) if entry.options else [],
                }
            )
    return found


def command(kind: type[Any], **fields: Any) -> Any:
    minute = next(MINUTES)
    reported = {
        "command_id": f"c{minute}",
        "abas_customer_id": CUSTOMER,
        "decided_by": "mweber",
        "reason": "their letter",
    }
    return kind(**{**reported, "occurred_at": at(minute), **fields})


def as_record(line: Ledger, text: str) -> Any:
    """The record that a command as shown to a person leads to."""
    _, decide, name, named, *_ = shlex.split(text.partition("   (")[0])
    assert decide == "decide"
    if name == "assign-customer":
        return command(ReassignPayment, paytrace_transaction_id=named, to_customer_id="70009")
    entry = line.state.entries[named]
    match name:
        case "confirm":
            shown = entry.options[0]
            meant = {"abas_open_item_ids": shown.abas_open_item_ids, "part_amounts": shown.part_amounts}
            code = {"currency": shown.currency, "suggestion_code": shown.suggestion_code}
            return command(ConfirmMatch, posting_reference=named, **meant, **code)
        case "split":
            amounts = {"abas_open_item_ids": ("",), "part_amounts": (entry.amount_minor,), "currency": entry.currency}
            return command(SplitEntry, posting_reference=named, **amounts)
        case "match-refund":
            return command(MatchRefund, posting_reference=named, payment_id=PAYMENT)
        case _:
            kinds: Mapping[str, type[Any]] = {
                "on-account": PutOnAccount,
                "unmatch": UnmatchEntry,
                "post-again": PostAgain,
                "refund-on-account": PutRefundOnAccount,
                "hand-to-finance": HandToFinance,
            }
            return command(kinds[name], posting_reference=named)


@pytest.mark.parametrize("story", STORIES)
def test_each_command_that_is_named_for_what_waits_is_taken(story: str) -> None:
    for row in rows(STORIES[story]()):
        for text in ways_out.commands(row):
            line = STORIES[story]()
            decision = line.when(as_record(line, text))[0]
            assert isinstance(decision, DecisionTaken), f"{text}: {decision}"


def test_only_what_abas_has_to_answer_first_is_not_listed() -> None:
    unlisted = {
        (story, row["posting_reference"], row["reason"])
        for story, report in STORIES.items()
        for row in rows(report())
        if not ways_out.commands(row)
    }
    released = f"PT{PAYMENT}A1"
    assert unlisted == {
        ("reversal of a match on its way", released, "RECEIPT_NOT_POSTED"),
        ("reversal of a match refused", released, "RECEIPT_NOT_POSTED"),
    }


def test_the_stories_show_every_reason_why_money_waits() -> None:
    seen = {row["reason"] for report in STORIES.values() for row in rows(report())}
    in_identification = {"NO_REFERENCE", "REFERENCE_UNKNOWN", "REFERENCE_AMBIGUOUS"}
    by_risk = {"RISK_UNANSWERED", "RISK_HELD"}  # test_risk_holds.py
    by_mapping = {"ACCOUNT_UNMAPPED"}  # the shipped mapping has every account: test_documents_by_mapping.py
    assert seen == {reason.value for reason in WaitingReason} - in_identification - by_risk - by_mapping - {"UNKNOWN"}


@pytest.mark.parametrize("tokens", [("none:79388123",), ("vault:acme", "invoice:RE-1")])
def test_what_waits_for_its_payer_takes_assign_customer(tokens: tuple[str, ...]) -> None:
    line = Ledger(identification, payers_key).given(to_identify(*tokens))
    line.when(line.outputs[0].record)
    (waits,) = [event for event in line.events if isinstance(event, PaymentAwaitsReference)]
    row = {
        "waits_in": "identification",
        "reason": waits.reason.value,
        "posting_reference": "",
        "paytrace_transaction_id": waits.paytrace_transaction_id,
    }
    (text,) = ways_out.commands(row)
    assert text.startswith(f"saldo decide assign-customer {PAYMENT} ")
    named = {"payment_token": payment_token(PAYMENT), "paytrace_transaction_id": PAYMENT}
    assert isinstance(line.when(command(AssignCustomer, **named))[0], DecisionTaken)


def test_every_command_that_is_named_exists() -> None:
    from app.cli import decide

    texts = [text.split() for text in ways_out._SHAPES.values()]
    assert {tuple(words[:3]) for words in texts if words[1] != "decide"} == {("saldo", "mapping", "adopt")}
    names = {words[2] for words in texts if words[1] == "decide"}
    assert names <= set(assign.COMMANDS) | set(holds.COMMANDS) | {name.replace("_", "-") for name in vars(decide)}
