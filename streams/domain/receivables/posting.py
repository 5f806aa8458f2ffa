"""Which documents are asked for, and what follows from a customer's entries as they stand.

The steps are single and certain, and go on until nothing is left to do, so the same entries always end in the same
events. Their order protects the money: opposites are netted before anything is posted, a refund is linked before its
payment is matched, and a reversal is requested only when abas has confirmed the receipt that it reverses.

abas has no transaction over several records, so a payment of two invoices becomes two receipts, each under a reference
of its own, that are looked up and posted one by one.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from itertools import accumulate
from typing import Any

from schemas.records.identification import WaitingReason
from schemas.records.payments import PaymentMethod
from schemas.records.receivables import (
    EntryMoved,
    EntryNetted,
    EntryPartMade,
    EntryPutOnAccount,
    EntrySplit,
    EntryUnmatched,
    EntryWaiting,
    MatchSuggested,
    OpenItemRecorded,
    PaymentMatched,
    PostingRequested,
    RefundMatched,
)
from schemas.values.business_day import business_day
from schemas.values.categories import UNKNOWN_CATEGORY
from schemas.values.money import Money
from schemas.values.replacing import replace
from streams.domain.receivables import orders
from streams.domain.receivables.account import (
    APPLIES,
    EXCHANGE_KINDS,
    GIVEN_UP,
    Entry,
    EntryKind,
    EntryStatus,
    Lost,
    Move,
    State,
)
from streams.domain.receivables.by_rule import (
    OnAccount,
    Rest,
    credit_oldest_first,
    noted,
    oldest_first,
    placed,
    rests,
)
from streams.domain.receivables.categories import Shares, taken_back, taken_of_item
from streams.domain.receivables.changes import Event, evolve
from streams.domain.receivables.lines import NoAccount, difference_lines, lines_of
from streams.domain.receivables.matching import Found, Link, Matching, Option, Part, Waits, evidence, match_refund
from streams.domain.receivables.policy import Policy
from streams.domain.receivables.refunds import credited_shares, excess_of, refund_beyond
from streams.domain.receivables.statuses import changed_statuses
from streams.domain.suggestion_codes import suggestion_code

_BY_RULE = "applied by rule, oldest due first"
_LETTERS = str.maketrans("0123456789abcdef", "ABCDEFGHIJKLMNOP")


def follow(state: State, policy: Policy, at: datetime) -> tuple[Event, ...]:
    """Return everything that follows from this state, reported at this instant.

    Ensures: ends, because each step moves an entry on; asked again of the state it leads to, it yields ().
    """
    events: tuple[Event, ...] = ()
    while step := Posting(state, policy, at).next_step():
        events += step
        state = reduce(evolve, step, state)
    told = Posting(state, policy, at).told_waiting()
    return events + told + changed_statuses(reduce(evolve, told, state), policy.mapping, at)


def about(entry: Entry, customer: str, at: datetime) -> dict[str, Any]:
    """Return the fields that every event of an entry has."""
    return {
        "posting_reference": entry.posting_reference,
        "paytrace_transaction_id": entry.transaction_id,
        "abas_customer_id": customer,
        "amount_minor": entry.amount_minor,
        "currency": entry.currency,
        "occurred_at": at,
    }


def waiting_event(state: State, entry: Entry, waits: Waits, at: datetime) -> EntryWaiting:
    """Return the event of an entry that waits."""
    return EntryWaiting(
        **about(entry, state.abas_customer_id, at),
        direction=entry.direction,
        invoice_number=entry.invoice_number,
        reason=waits.reason,
        detail=waits.detail,
    )


@dataclass(frozen=True, slots=True)
class Posting:
    """A customer's account at one instant, under one policy: the events that ask for documents, and the next step.

    by is the person who decided; None where a rule did.
    """

    state: State
    policy: Policy
    at: datetime
    by: str | None = None

    # -- events of one entry -------------------------------------------------------------------------------------------

    def applied(self, receipt: Entry, option: Option) -> tuple[Event, ...]:
        """Return the events that apply a receipt to open items.

        Ensures: a receipt that has one item for all of it keeps its reference; else it is divided into parts that sum
                 to it, and what the option leaves over is a part that waits.
        """
        return self.divided(receipt, option.parts, option)

    def divided(self, receipt: Entry, parts: Sequence[Part | OnAccount], option: Option) -> tuple[Event, ...]:
        """Return the events that divide a receipt over items and the customer's account; what is left over waits."""
        amounts = [part.amount_minor for part in parts]
        references, events = self._split(receipt, amounts)
        given = 0
        for reference, amount, part in zip(references, amounts, parts, strict=False):
            share = receipt.part(reference, given, given + amount)
            given += amount
            later = replace(self, state=reduce(evolve, events, self.state))
            match part:
                case Part():
                    events += later._matched(share, part, option)
                case OnAccount():
                    events += later.on_account(share, part.detail)
        return events

    def on_account(self, entry: Entry, detail: str) -> tuple[Event, ...]:
        """Return the events that post an entry without an open item, by a person or by rule; detail says why."""
        put = EntryPutOnAccount(
            **self._about(entry),
            direction=entry.direction,
            decided_by=self.by,
            detail=detail,
            takes_back=None if entry.is_receipt else entry.takes_back,
        )
        return put, self.requested(replace(entry, on_account=True), None)

    def applied_from_account(self, receipt: Entry, part: Part, text: str) -> PostingRequested:
        """Return the event that gives money on account to an open item; text says by what rule, or why."""
        application = replace(
            receipt,
            posting_reference=self.state.free_reference(f"{receipt.posting_reference}P"),
            kind=EntryKind.APPLICATION,
            amount_minor=part.amount_minor,
            base_minor=self.state.booked_value_back(receipt, part.amount_minor),
            takes_from=receipt.posting_reference,
            takes_back=None,
            reverses=None,
            on_account=False,
            item_invoice_number=part.item.invoice_number,
            value_on=business_day(self.at),  # no money moves, so the day of the decision
        )
        return self.requested(application, part.item.abas_open_item_id, text=text)

    def applied_from_credit(self, memo: OpenItemRecorded, part: Part, text: str) -> PostingRequested:
        """Return the event that gives a credit memo to an open item; text says by what rule, or why.

        No money moves, so there is no transaction and no merchant account, and its day is that of the decision.
        """
        memo_id, base = memo.abas_open_item_id, memo.booked_base_currency
        is_foreign = base is not None and base != memo.currency
        application = Entry(
            posting_reference=self.state.free_reference(f"{_credit_reference(memo_id)}P"),
            kind=EntryKind.CREDIT_APPLICATION,
            transaction_id="",
            payment_id=None,
            amount_minor=part.amount_minor,
            currency=memo.currency,
            base_minor=self.state.booked_value_off(memo_id, base, part.amount_minor) if base and is_foreign else None,
            base_currency=base if is_foreign else None,
            method=PaymentMethod.UNKNOWN,
            invoice_number=None,
            settlement_account=None,
            value_on=business_day(self.at),
            occurred_at=self.at,
            item_invoice_number=part.item.invoice_number,
            abas_credit_item_id=memo_id,
        )
        return self.requested(application, part.item.abas_open_item_id, text=text)

    def given_up(self, rest: Rest) -> tuple[Event, ...]:
        """Return the events that give up the rest of an item by rule: one document for each tax rate of a discount."""
        events: tuple[Event, ...] = ()
        for share in rest.shares:
            later = replace(self, state=reduce(evolve, events, self.state))
            entry = replace(
                rest.paid_by,
                posting_reference=later.state.free_reference(f"{rest.paid_by.posting_reference}W"),
                kind=rest.kind,
                amount_minor=share.amount_minor,
                takes_back=None,
                reverses=None,
                rule=rest.rule,
                tax_minor=share.tax_minor,
                tax_code=share.tax_code,
            )
            events += (later.requested(entry, rest.paid_by.abas_open_item_id, text=rest.text),)
        return events

    def write_off_undone(self, known: Entry, on: date) -> PostingRequested:
        """Return the event that reverses a write-off or a discount, on this value date."""
        item_id, reference = known.abas_open_item_id or "", known.posting_reference
        reversal = replace(
            known,
            posting_reference=self.state.free_reference(f"{reference}U"),
            kind=GIVEN_UP[known.kind],
            rule="" if self.by else known.rule,
            reverses=reference,
            item_invoice_number=self.state.items[item_id].invoice_number,
            value_on=on,
        )
        return self.requested(reversal, item_id)

    def application_ended(self, application: Entry) -> EntryNetted | PostingRequested:
        """Return the event that takes what was applied back from an open item; what abas refused needs no document."""
        if application.is_refused:
            return self._netted(application, application)
        reference = application.posting_reference
        reversal = replace(
            application,
            posting_reference=self.state.free_reference(f"{reference}U"),
            kind=APPLIES[application.kind],
            reverses=reference,
            value_on=business_day(self.at),
        )
        return self.requested(reversal, application.abas_open_item_id)

    def _matched(self, share: Entry, part: Part, option: Option) -> tuple[Event, ...]:
        item_id, number = part.item.abas_open_item_id, part.item.invoice_number
        matched = PaymentMatched(
            **self._about(share),
            abas_open_item_id=item_id,
            invoice_number=number,
            rule=option.rule,
            rule_version=self.policy.rule_version,
            evidence=option.agrees,
            differs=option.differs,
            score_hundredths=round(100 * option.score),
            runner_up=option.runner_up,
            runner_up_distance_hundredths=round(100 * option.runner_up_distance),
            decided_by=self.by,
        )
        share = replace(share, item_invoice_number=number, on_account=False, item_minor=part.item_minor)
        return matched, self.requested(share, item_id)

    def requested(self, entry: Entry, item_id: str | None, *, text: str | None = None) -> PostingRequested:
        """Return the event that asks abas for the document of this entry, or of this part of one.

        A reversal is asked against a posted receipt; text is what the document says for people.

        Raises: NoAccount where the mapping has none for one of its lines.
        """
        is_reversal = entry.moves_money and not (entry.is_receipt or entry.on_account or entry.is_credited)
        receipt = self.state.receipt_to_reverse(entry) if is_reversal else None
        reverses = None if entry.moves_money and not entry.is_credited else entry.reverses
        reversed_one = receipt or self.state.entries.get(reverses or "")
        kind = entry.document_kind
        if reversed_one is not None and not entry.is_credited:
            kind = reversed_one.taken_back_by(entry)
        if reversed_one is not None:
            entry = replace(entry, item_minor=self.state.item_minor_back(reversed_one, entry.amount_minor))
        booked = self._booked(entry, item_id, reversed_one)
        shares = self._by_category(entry, item_id, reversed_one)
        if entry.is_write_off:  # no money comes, so it is worth what it takes off the books
            entry = replace(entry, base_minor=booked)
        return PostingRequested(
            **self._about(entry),
            booked_base_minor=booked,
            item_minor=entry.item_minor,
            direction=entry.direction,
            abas_open_item_id=item_id,
            document_kind=kind,
            settlement_account=entry.settlement_account,
            invoice_number=(receipt or entry).item_invoice_number or None if item_id else None,
            reverses_reference=receipt.posting_reference if receipt is not None else reverses,
            takes_from_reference=entry.takes_back if entry.is_credited else entry.takes_from,
            abas_credit_item_id=entry.abas_credit_item_id,
            dispute_id=entry.dispute_id,
            rule=entry.rule,
            tax_minor=entry.tax_minor,
            tax_code=entry.tax_code,
            category_names=tuple(name for name, _ in shares),
            category_amounts=tuple(minor for _, minor in shares),
            text=text,
            value_on=entry.value_on,
            lines=lines_of(
                entry, kind, self.state.abas_customer_id, item_id, shares, self.policy.mapping, reversed_one
            ),
            mapping_version=str(self.policy.mapping.version),
        )

    def _by_category(self, entry: Entry, item_id: str | None, reversed_one: Entry | None) -> Shares:
        """Return what of a document is of which product category."""
        state, amount = self.state, entry.amount_minor
        taken_from = state.entries.get(entry.takes_from or "") if entry.kind is EntryKind.CHARGEBACK_LOST else None
        source = reversed_one or taken_from
        if source is not None:
            name = source.posting_reference
            others = (one for one in state.entries.values() if one.is_at_abas)
            return taken_back(source, (one for one in others if name in (one.reverses, one.takes_from)), amount)
        return () if item_id is None else taken_of_item(state, item_id, amount)

    def _booked(self, entry: Entry, item_id: str | None, reversed_one: Entry | None) -> int | None:
        """Return the booked value that a document takes off its item or the account, or gives back to it."""
        if entry.base_currency is None:
            return None
        if entry.item_minor is not None:  # an item in the currency of the books is booked as what it is
            return entry.item_minor
        source = reversed_one
        if source is None and entry.on_account and not entry.is_receipt:
            source = self.state.entries.get(entry.takes_back or "")
        if source is not None:
            return self.state.booked_value_back(source, entry.amount_minor)
        if item_id is None:
            return entry.base_minor
        return self.state.booked_value_off(item_id, entry.base_currency, entry.amount_minor)

    def _difference(self, entry: Entry, known: Entry | None) -> PostingRequested:
        """Return the event that books what a posted document gains or loses; known is the difference that it ends."""
        bearer = entry if entry.reverses is None else self.state.entries.get(entry.reverses, entry)
        kind = EntryKind.EXCHANGE if known is None else EntryKind.EXCHANGE_REVERSAL
        difference = replace(
            entry,
            posting_reference=self.state.free_reference(f"{entry.posting_reference}X"),
            kind=kind,
            amount_minor=0,
            base_minor=entry.gain_minor,
            takes_back=None,
            reverses=None if known is None else known.posting_reference,
            takes_from=entry.posting_reference,
            rule="",
            tax_minor=0,
            tax_code=None,
            on_account=False,
            is_credited=False,
        )
        item_id, customer = bearer.abas_open_item_id, self.state.abas_customer_id
        document_kind = difference.document_kind
        return PostingRequested(
            **self._about(difference),
            direction=difference.direction,
            abas_open_item_id=item_id,
            document_kind=document_kind,
            settlement_account=entry.settlement_account,
            invoice_number=bearer.item_invoice_number or None,
            reverses_reference=difference.reverses,
            takes_from_reference=difference.takes_from,
            text=None,
            value_on=entry.value_on,
            lines=difference_lines(difference, document_kind, customer, item_id, self.policy.mapping, known),
            mapping_version=str(self.policy.mapping.version),
        )

    def redated(self, entry: Entry, posted_on: date) -> PostingRequested:
        """Return the event that asks for the document once more, posted in another period; its value date stays."""
        bearer = entry if entry.reverses is None else self.state.entries.get(entry.reverses, entry)
        item_id = bearer.abas_open_item_id
        return PostingRequested(
            **self._about(entry),
            booked_base_minor=entry.booked_base_minor,
            item_minor=entry.item_minor,
            direction=entry.direction,
            abas_open_item_id=item_id,
            document_kind=entry.document_kind if bearer is entry else bearer.taken_back_by(entry),
            settlement_account=entry.settlement_account,
            invoice_number=bearer.item_invoice_number or None if item_id else None,
            reverses_reference=entry.reverses,
            takes_from_reference=entry.takes_from,
            abas_credit_item_id=entry.abas_credit_item_id,
            dispute_id=entry.dispute_id,
            rule=entry.rule,
            text=None,
            category_names=tuple(name for name, _ in entry.by_category),
            category_amounts=tuple(minor for _, minor in entry.by_category),
            value_on=entry.value_on,
            posted_on=posted_on,
            lines=entry.lines,
            mapping_version=str(self.policy.mapping.version),
        )

    def unmatched(self, entry: Entry) -> EntryUnmatched:
        """Return the event that frees a receipt from its match: by a reversal and a new entry where abas holds it."""
        reference, posted = entry.posting_reference, entry.is_posted
        amount = self.state.unclaimed_minor(entry) if posted else entry.amount_minor
        return EntryUnmatched(
            **self._about(replace(entry, amount_minor=amount)),
            abas_open_item_id=entry.abas_open_item_id,
            reversal_reference=self.state.free_reference(f"{reference}U") if posted else None,
            released_reference=self.state.free_reference(f"{reference}A") if posted else None,
        )

    def refund_matched(self, refund: Entry, payment_id: str, rule: str) -> RefundMatched:
        """Return the event that links a refund to the payment that it reverses."""
        about = self._about(refund) | {"paytrace_transaction_id": payment_id}
        return RefundMatched(**about, refund_transaction_id=refund.transaction_id, rule=rule)

    def _split(
        self, entry: Entry, amounts: Sequence[int], takes_back: Sequence[str | None] = ()
    ) -> tuple[tuple[str, ...], tuple[Event, ...]]:
        """Return references for the parts and the events that make them; an entry of one part stays as it is."""
        rest = entry.amount_minor - sum(amounts)
        minors = [*amounts, *([rest] if rest else [])]
        if len(minors) == 1:
            return (entry.posting_reference,), ()
        references = tuple(f"{entry.posting_reference}S{number}" for number in range(1, len(minors) + 1))
        split = EntrySplit(**self._about(entry), direction=entry.direction, part_references=references)
        ends = tuple(accumulate(minors))
        made = tuple(
            EntryPartMade(
                **self._about(replace(entry, posting_reference=reference, amount_minor=minor)),
                base_minor=entry.value_of(ends[number] - minor, ends[number]),
                split_from=entry.posting_reference,
                direction=entry.direction,
                takes_back=takes_back[number] if takes_back else None,
            )
            for number, (reference, minor) in enumerate(zip(references, minors, strict=True))
        )
        return references, (split, *made)

    def _about(self, entry: Entry) -> dict[str, Any]:
        return about(entry, self.state.abas_customer_id, self.at)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def next_step(self) -> tuple[Event, ...]:
        """Return the events of the first step that has something to do; () when nothing follows any more."""
        steps = (
            self._net_nothing,
            self._net_voided_refund,
            self._divide_voided_refund,
            self._net_receipt,
            self._link_refund,
            self._move_receipt,
            self._request_on_account,
            self._request_again,
            self._free_order,
            self._place_order,
            self._request_matched,
            self._place_by_rule,
            self._pay_out_credit,
            self._divide_excess,
            self._divide_reversal,
            self._request_reversal,
            self._book_difference,
            self._free_on_account,
            self._move_reversal,
            self._follow_lost_disputes,
            self._give_up_rest,
            self._owe_rest_again,
            self._apply_order,
            self._apply_on_account,
            self._apply_credit,
        )
        for step in steps:
            try:
                events = step()
            except NoAccount:  # nothing of this step goes on without an account of the mapping
                continue
            if events:
                return events
        return ()

    def _net_nothing(self) -> tuple[Event, ...]:
        """Net an entry of no money (a zero-amount card check, an increase reversed again): it needs no document."""
        nothing = (entry for entry in self.state.waiting if entry.amount_minor == 0 and entry.moves_money)
        return next(((self._netted(entry, entry),) for entry in nothing), ())

    def _net_voided_refund(self) -> tuple[Event, ...]:
        """Net what went back with what brings it in again, where it was never asked for: a refund with its void."""
        for entry in self.state.waiting:
            refund = self._voided_refund(entry)
            # What was handed over is not in abas, so its void must not get there either.
            is_unposted = refund is not None and (refund.is_waiting or refund.status is EntryStatus.HANDED_OVER)
            if refund is not None and is_unposted and refund.amount_minor == entry.amount_minor:
                return self._netted_together(entry, (refund,))
        return ()

    def _divide_voided_refund(self) -> tuple[Event, ...]:
        """Divide what came back of a refund as the refund was divided."""
        for entry in self.state.waiting:
            refund = self._voided_refund(entry)
            if refund is None or refund.kind is EntryKind.CHARGEBACK or refund.status is not EntryStatus.SPLIT:
                continue
            family = self.state.family(refund.payment_id)
            parts = [one for one in family if one.transaction_id == refund.transaction_id and one.is_live]
            parts = [one for one in parts if one.kind is EntryKind.REFUND]
            amounts = [one.amount_minor for one in parts]
            if len(parts) > 1 and sum(amounts) == entry.amount_minor:
                _, events = self._split(entry, amounts, [one.posting_reference for one in parts])
                return events
        return ()

    def _net_receipt(self) -> tuple[Event, ...]:
        """Net a receipt that still waits with reversals that take it back in whole, never in part."""
        for receipt in self._receipts():
            family = self.state.family(receipt.payment_id)
            reversals = [entry for entry in family if entry.is_waiting and not entry.is_receipt]
            meant = tuple(entry for entry in reversals if entry.takes_back == receipt.posting_reference)
            free = tuple(entry for entry in reversals if (entry.takes_back or "") not in self.state.entries)
            for opposite in (meant, (*meant, *free)):
                if opposite and sum(entry.amount_minor for entry in opposite) == receipt.amount_minor:
                    return self._netted_together(receipt, opposite)
        return ()

    def _link_refund(self) -> tuple[Event, ...]:
        for refund in self.state.waiting:
            if refund.kind is EntryKind.REFUND and refund.payment_id is None and not refund.on_account:
                link: Link | Waits | None = match_refund(refund, self.state)
                if isinstance(link, Waits) and self.policy.choices.unapplied == "on_account":
                    link = refund_beyond(refund, self.state)
                if isinstance(link, Link):
                    return (self.refund_matched(refund, link.payment_id, link.rule),)
        return ()

    def _move_receipt(self) -> tuple[Event, ...]:
        """Move money that belongs to another customer: what abas holds is reversed first, the rest goes.

        A document that is on its way to abas is let through; it is reversed when abas has answered.
        """
        for entry in self.state.entries.values() if self.state.moved_to else ():
            move = self.state.moved_to.get(entry.owner)
            if move is None or not entry.is_receipt:
                continue
            if entry.is_posted and self.state.unclaimed_minor(entry) > 0:
                return (self.unmatched(entry),)
            if entry.is_waiting and not self.state.is_held_back(entry):
                return (self._moved(entry, move),)
        return ()

    def _request_on_account(self) -> tuple[Event, ...]:
        """Ask on account for what a person put there, also if its amount changed since."""
        stays = (one for one in self._receipts() if one.on_account and not one.is_refused and not self._unmapped(one))
        return next(((self.requested(receipt, None),) for receipt in stays), ())

    def _request_again(self) -> tuple[Event, ...]:
        """Apply money that came back after its reversal was posted, of a refund or a dispute, to the item of before."""
        for receipt in self._receipts():
            if receipt.is_refused or self._unmapped(receipt):
                continue
            refund = self._voided_refund(receipt)
            memo_id = None if refund is None or not refund.is_posted else self._memo_owed_again(receipt, refund)
            if refund is not None and memo_id is not None:
                back = replace(receipt, is_credited=True, reverses=refund.posting_reference, takes_back=None)
                back = replace(back, item_invoice_number=refund.item_invoice_number)
                said = f"refund {refund.posting_reference} came back: the customer is owed it again"
                return (self.requested(back, memo_id, text=said),)
            again = self._item_again(receipt)
            with contextlib.suppress(NoAccount):
                if isinstance(again, Option):
                    return self.applied(receipt, again)
                if self._comes_back_on_account(receipt, refund):
                    return self.on_account(receipt, "a dispute gave it back; it was on account before")
        return ()

    def _comes_back_on_account(self, receipt: Entry, taken: Entry | None) -> bool:
        """Say whether a dispute gives back money that it took off the customer's account."""
        if receipt.kind is not EntryKind.CHARGEBACK_RETURNED or taken is None or not taken.is_posted:
            return False
        before = self.state.entries.get(taken.reverses or "")
        return before is not None and before.on_account

    def _request_matched(self) -> tuple[Event, ...]:
        matching, unmapped = self._matching(), frozenset[str]()
        while found := matching.certain(unmapped):
            with contextlib.suppress(NoAccount):
                events: tuple[Event, ...] = ()
                for receipt, option in found:
                    # Parts of one invoice take its booked value one after the other.
                    events += replace(self, state=reduce(evolve, events, self.state)).applied(receipt, option)
                return events
            unmapped |= {receipt.posting_reference for receipt, _ in found}
        return ()

    def _free_order(self) -> tuple[Event, ...]:
        """Take money of a shop's order back from an invoice of something else."""
        return next(((self.unmatched(entry),) for entry in orders.misplaced(self.state)), ())

    def _place_order(self) -> tuple[Event, ...]:
        """Post money of a shop's order: on its invoices, and as long as there are none on account."""
        for receipt in self._matching().receipts if self.state.orders else ():
            found = orders.placed(receipt, self.state)
            with contextlib.suppress(NoAccount):
                if found is not None:
                    return self.divided(receipt, found.parts, found.option)
        return ()

    def _apply_order(self) -> tuple[Event, ...]:
        """Give a prepayment to the invoice of its order."""
        for receipt, part, text in orders.invoiced(self.state):
            return (self.applied_from_account(receipt, part, text),)
        return ()

    def _place_by_rule(self) -> tuple[Event, ...]:
        """Post what nobody has to choose: money that names nothing, or is more than the invoices that it names."""
        matching = self._matching()
        for receipt in matching.receipts:
            found = placed(receipt, self.state, matching.found(receipt), self.policy.choices)
            with contextlib.suppress(NoAccount):
                if found is not None:
                    return self.divided(receipt, found.parts, found.option)
        return ()

    def _pay_out_credit(self) -> tuple[Event, ...]:
        """Let a refund pay out the credit memos of its invoices; without one, by policy, it goes on account."""
        for refund in self._reversals():
            if refund.kind is EntryKind.REFUND and refund.payment_id is not None and not refund.on_account:
                shares = credited_shares(refund, self.state, self.policy.choices)
                if len(shares) == 1 and shares[0].amount_minor == refund.amount_minor:
                    meant = replace(refund, takes_back=shares[0].receipt)
                    if shares[0].memo_id is None:
                        return self.on_account(meant, "paid back, and to be credited")
                    return (self.requested(replace(meant, is_credited=True), shares[0].memo_id),)
                if shares:
                    amounts = [share.amount_minor for share in shares]
                    _, events = self._split(refund, amounts, [*(share.receipt for share in shares), None])
                    return events
        return ()

    def _divide_excess(self) -> tuple[Event, ...]:
        """Put on account what a refund is more than is left of its payment: the customer owes it, no invoice does."""
        if self.policy.choices.unapplied != "on_account":
            return ()
        for refund in self._reversals():
            excess = excess_of(refund, self.state)
            if excess is None:
                continue
            kept = refund.amount_minor - excess.amount_minor
            references, events = self._split(refund, [kept] if kept else [], [None, None])
            share = refund.part(references[-1], kept, refund.amount_minor)
            return events + self.on_account(share, excess.detail)
        return ()

    def _divide_reversal(self) -> tuple[Event, ...]:
        """Divide a reversal that no single receipt can bear over several."""
        for reversal in self._reversals():
            shares = () if self.state.receipt_to_reverse(reversal) else self.state.shares_of(reversal)
            if shares:
                _, events = self._split(reversal, [minor for _, minor in shares], [receipt for receipt, _ in shares])
                return events
        return ()

    def _request_reversal(self) -> tuple[Event, ...]:
        for reversal in self._reversals():
            receipt = self.state.receipt_to_reverse(reversal)
            if receipt is not None:
                return (self.requested(reversal, receipt.abas_open_item_id),)
        return ()

    def _book_difference(self) -> tuple[Event, ...]:
        """Book what a posted document gains or loses by the rate; undoing it takes that difference back."""
        state = self.state
        valued = [one for one in state.entries.values() if one.base_minor is not None and one.is_posted]
        of_document = {one.takes_from: one for one in state.entries.values() if valued and one.kind in EXCHANGE_KINDS}
        for entry in valued:
            if not entry.gain_minor or entry.kind in EXCHANGE_KINDS or entry.posting_reference in of_document:
                continue
            known = of_document.get(entry.reverses)
            undone = state.entries.get(entry.reverses or "")
            if known is None or undone is None or undone.gain_minor != -entry.gain_minor:
                return (self._difference(entry, None),)
            if known.is_posted:
                return (self._difference(entry, known),)
        return ()

    def _free_on_account(self) -> tuple[Event, ...]:
        """Take money back from open items, latest first, where what goes back to the payer was applied meanwhile."""
        for reversal in self._reversals():
            meant = self.state.entries.get(reversal.takes_back or "")
            family = self.state.family(reversal.payment_id)
            for receipt in (meant,) if meant is not None else family:
                applied = self.state.applications.get(receipt.posting_reference, ())
                if applied and receipt.is_posted and self.state.can_bear_once_freed(receipt, reversal):
                    return self._freed(applied[-1])
        return ()

    def _give_up_rest(self) -> tuple[Event, ...]:
        """Give up what is left of a paid item: a discount in time, or a rest within the limit."""
        for rest in rests(self.state, self.policy.choices):
            with contextlib.suppress(NoAccount):  # then it stays open, and a person who writes it off reads why
                return self.given_up(rest)
        return ()

    def _owe_rest_again(self) -> tuple[Event, ...]:
        """Take back what a rule gave up of an item whose payments all went back."""
        by_rule = (one for one in self.state.entries.values() if one.rule and one.kind in GIVEN_UP and one.is_posted)
        for entry in by_rule:
            is_paid = bool(self.state.holders_of(entry.abas_open_item_id or ""))
            if not is_paid and not self.state.is_taken_back(entry):
                return (self.write_off_undone(entry, business_day(self.at)),)
        return ()

    def _freed(self, application: Entry) -> tuple[Event, ...]:
        """Return what ends an application; () while its document, or the one that reverses it, is on its way."""
        is_ending = any(entry.reverses == application.posting_reference for entry in self.state.entries.values())
        is_endable = application.is_refused or (application.is_posted and not is_ending)
        return (self.application_ended(application),) if is_endable else ()

    def _apply_on_account(self) -> tuple[Event, ...]:
        if not self.state.on_account or self.policy.choices.apply_on_account != "oldest_first":
            return ()
        found = oldest_first(self.state, self._asked_about())
        if found is None:
            return ()
        receipt, part = found
        return (self.applied_from_account(receipt, part, _BY_RULE),)

    def _apply_credit(self) -> tuple[Event, ...]:
        if self.policy.choices.apply_credit != "oldest_first" or not self.state.credits:
            return ()
        found = credit_oldest_first(self.state, self._asked_about())
        if found is None:
            return ()
        memo, part = found
        return (self.applied_from_credit(memo, part, _BY_RULE),)

    def _asked_about(self) -> frozenset[str]:
        """Return the items that are suggested for payments that wait."""
        matching = self._matching()
        options = (option for receipt in matching.receipts for option in matching.found(receipt).options)
        return frozenset(part.item.abas_open_item_id for option in options for part in option.parts)

    def _move_reversal(self) -> tuple[Event, ...]:
        """Move what takes money back to where the money went, unless a receipt here bears it or still may."""
        for entry in self._reversals():
            move = self.state.moved_to.get(entry.owner)
            relatives = self.state.family(entry.payment_id)
            may_bear = any(one.is_receipt and one.status is EntryStatus.REQUESTED for one in relatives)
            if move is not None and entry.kind is not EntryKind.UNMATCH and not may_bear:
                return (self._moved(entry, move),)
        return ()

    def _follow_lost_disputes(self) -> tuple[Event, ...]:
        """Open invoices again of which a dispute took the money for good, and no more if it was won after all."""
        choices = self.policy.choices
        if choices.chargeback != "receivable" or choices.chargeback_lost != "reopen":
            return ()
        for dispute, lost in self.state.lost.items():
            again = self.state.owed_again(dispute)
            owed = sum(one.amount_minor - self.state.owed_no_more_minor(one) for one in again)
            try:
                if owed < lost.lost_minor:
                    events = self._owed_again(dispute, lost, lost.lost_minor - owed)
                else:
                    events = self._owed_no_more(again, lost, owed - lost.lost_minor)
            except NoAccount:
                continue  # what a lost dispute opens again waits in the ledger until the mapping has the account
            if events:
                return events
        return ()

    def _owed_again(self, dispute: str, lost: Lost, minor: int) -> tuple[Event, ...]:
        """Ask for one document, for what is still there of a receipt of the payment: what is on account goes first."""
        receipts = [one for one in self.state.family(lost.payment_id) if one.is_receipt and one.is_posted]
        for receipt in sorted(receipts, key=lambda one: not one.on_account):
            item, left = receipt.abas_open_item_id, self.state.unclaimed_minor(receipt)
            if receipt.on_account:
                item, left = None, self.state.on_account_minor(receipt)
            if (item is not None or receipt.on_account) and left > 0:
                entry = replace(
                    receipt,
                    posting_reference=self.state.free_reference(f"{receipt.posting_reference}L"),
                    kind=EntryKind.CHARGEBACK_LOST,
                    amount_minor=min(left, minor),
                    value_on=lost.value_on,
                    takes_from=receipt.posting_reference,
                    takes_back=None,
                    reverses=None,
                    on_account=False,
                    dispute_id=dispute,
                )
                return (self.requested(entry, item),)
        return ()

    def _owed_no_more(self, again: Sequence[Entry], lost: Lost, minor: int) -> tuple[Event, ...]:
        """Take back the latest of what was opened again; nothing while its document is on its way."""
        if not minor or not again:
            return ()
        last = again[-1]
        if last.is_waiting:  # abas refused it, so there is nothing to reverse
            return (self._netted(last, last),)
        if not last.is_posted:
            return ()
        reference = last.posting_reference
        entry = replace(
            last,
            posting_reference=self.state.free_reference(f"{reference}U"),
            kind=EntryKind.CHARGEBACK_LOST_REVERSAL,
            amount_minor=min(minor, last.amount_minor - self.state.owed_no_more_minor(last)),
            value_on=lost.value_on,
            reverses=reference,
        )
        return (self.requested(entry, last.abas_open_item_id),)

    def _receipts(self) -> list[Entry]:
        return [entry for entry in self.state.waiting if entry.is_receipt]

    def _reversals(self) -> list[Entry]:
        """Return what takes money back and may be asked for: not what abas refused."""
        waiting = (entry for entry in self.state.waiting if entry.moves_money)
        return [entry for entry in waiting if not entry.is_receipt and not entry.is_refused]

    def _moved(self, entry: Entry, move: Move) -> EntryMoved:
        return EntryMoved(
            **self._about(entry),
            from_customer_id=self.state.abas_customer_id,
            to_customer_id=move.to_customer_id,
            command_id=move.command_id,
            kind=entry.kind.value,
            payment_id=entry.payment_id,
            direction=entry.direction,
            base_minor=entry.base_minor,
            base_currency=entry.base_currency,
            method=entry.method,
            invoice_number=entry.invoice_number,
            settlement_account=entry.settlement_account,
            card_token=entry.card_token,
            takes_back=entry.takes_back,
            dispute_id=entry.dispute_id,
            money_at=entry.occurred_at,
            value_on=entry.value_on,
        )

    def _netted_together(self, entry: Entry, opposite: tuple[Entry, ...]) -> tuple[Event, ...]:
        return self._netted(entry, opposite[0]), *(self._netted(other, entry) for other in opposite)

    def _netted(self, entry: Entry, opposite: Entry) -> EntryNetted:
        netted_with = opposite.posting_reference
        return EntryNetted(**self._about(entry), direction=entry.direction, netted_with=netted_with)

    # -- what waits, and why -------------------------------------------------------------------------------------------

    def told_waiting(self) -> tuple[Event, ...]:
        """Tell what waits and why, and what is suggested; silent where all that is what was reported before."""
        matching = self._matching()
        reported: tuple[Event, ...] = ()
        for entry in self.state.waiting:
            waits = self._why(entry)
            found = matching.found(entry) if waits is None else Found(None, waits)
            if found.certain is not None:
                found = replace(found, waits=self._lacking(entry, found.certain) or found.waits)
            found = noted(entry, self.state, found, self.policy.choices)
            suggested = self._suggested(entry, found.options)
            # The instant of telling makes no difference.
            before = tuple(replace(option, occurred_at=self.at) for option in entry.options)
            if (entry.reason, entry.detail, before) != (found.waits.reason, found.waits.detail, suggested):
                reported += (*suggested, waiting_event(self.state, entry, found.waits, self.at))
        return reported

    def _suggested(self, entry: Entry, options: tuple[Option, ...]) -> tuple[MatchSuggested, ...]:
        suggested: list[MatchSuggested] = []
        for number, option in enumerate(options, 1):
            items = [part.item.abas_open_item_id for part in option.parts]
            amounts = [part.amount_minor for part in option.parts]
            opens = [self.state.available.get(item_id, 0) for item_id in items]
            suggested.append(
                MatchSuggested(
                    **self._about(entry),
                    suggestion_number=number,
                    suggestion_count=len(options),
                    abas_open_item_ids=tuple(items),
                    invoice_numbers=tuple(part.item.invoice_number for part in option.parts),
                    part_amounts=tuple(amounts),
                    open_amounts=tuple(opens),
                    kind=option.kind,
                    rule=option.rule,
                    rule_version=self.policy.rule_version,
                    score_hundredths=round(100 * option.score),
                    margin_hundredths=round(100 * option.margin),
                    agrees=option.agrees,
                    differs=option.differs,
                    suggestion_code=suggestion_code(
                        entry.posting_reference, entry.amount_minor, entry.currency, items, amounts, opens
                    ),
                )
            )
        return tuple(suggested)

    def _matching(self) -> Matching:
        """Return the receipts whose only question is which open items they pay."""
        return Matching(self.state, self.policy, [entry for entry in self._receipts() if self._why(entry) is None])

    def _why(self, entry: Entry) -> Waits | None:
        """Say what keeps an entry waiting besides the choice of open items; None where that choice is all."""
        amount = Money(entry.amount_minor, entry.currency)
        if entry.is_refused:
            return Waits(WaitingReason.POSTING_REFUSED, entry.detail)
        if entry.kind is EntryKind.INCREASE:
            detail = f"payment {entry.payment_id} grew by {amount} after its receipt was requested"
            return Waits(WaitingReason.AMOUNT_INCREASED_AFTER_POSTING, detail)
        if entry.is_receipt and self.state.is_held_back(entry):
            detail = f"reversal {entry.released_by} of the wrong match is not posted yet"
            return Waits(WaitingReason.RECEIPT_NOT_POSTED, detail)
        if entry.is_receipt and (unmapped := self._unmapped(entry)):
            return Waits(WaitingReason.ACCOUNT_UNMAPPED, unmapped)
        if entry.is_receipt:
            again = self._item_again(entry)
            return again if isinstance(again, Waits) else None
        if entry.payment_id is None:
            link = match_refund(entry, self.state)
            assert isinstance(link, Waits), "a refund that has its payment was linked before this is asked"
            return link
        detail = f"payment {entry.payment_id} has no receipt in abas of which {amount} could be reversed"
        return Waits(WaitingReason.RECEIPT_NOT_POSTED, detail)

    def _lacking(self, receipt: Entry, option: Option) -> Waits | None:
        """Say which account keeps a certain match from being posted; None where it lacks none."""
        try:
            self.applied(receipt, option)
        except NoAccount as why:
            return Waits(WaitingReason.ACCOUNT_UNMAPPED, str(why))
        return None

    def _unmapped(self, receipt: Entry) -> str:
        """Say which account the document of a receipt lacks, whatever it pays; empty where it lacks none."""
        why, kind, customer = "", receipt.document_kind, self.state.abas_customer_id
        for category in (UNKNOWN_CATEGORY, *(() if receipt.on_account else self.state.categories)):
            try:
                shares = ((category, receipt.amount_minor),)
                lines_of(receipt, kind, customer, None, shares, self.policy.mapping, None)
            except NoAccount as lacks:
                why = why or str(lacks)
            else:
                return self._without_gain(receipt)
        return why

    def _without_gain(self, receipt: Entry) -> str:
        """Say which account a gain or a loss of a receipt would lack; empty where it lacks none."""
        try:
            if receipt.base_minor is not None:  # a gain or loss may come of it, known only with its open item
                for gain in (1, -1):
                    valued = replace(receipt, base_minor=gain)
                    kind = EntryKind.EXCHANGE.value.lower()
                    difference_lines(valued, kind, self.state.abas_customer_id, None, self.policy.mapping, None)
        except NoAccount as why:
            return str(why)
        return ""

    def _item_again(self, receipt: Entry) -> Option | Waits | None:
        """Find the item that a reversal opened again, for money that comes back of it; None for other receipts."""
        state, refund = self.state, self._voided_refund(receipt)
        if refund is None or not refund.is_at_abas:
            return None
        if not refund.is_posted:
            detail = f"reversal {refund.posting_reference} is not posted yet, so there is nothing to put right"
            return Waits(WaitingReason.RECEIPT_NOT_POSTED, detail)
        reversed_receipt = state.entries.get(refund.reverses or "")
        item = state.items.get((reversed_receipt.abas_open_item_id if reversed_receipt else None) or "")
        if item is None or (receipt.owner, item.abas_open_item_id) in state.ruled_out:
            return None
        if item.currency != receipt.currency:
            return None  # what it is worth by now is asked as of any other money
        holders = [one for one in state.holders_of(item.abas_open_item_id) if one.payment_id != receipt.payment_id]
        if holders and state.available.get(item.abas_open_item_id, 0) < receipt.amount_minor:
            detail = f"invoice {item.invoice_number} is cleared by {holders[-1].posting_reference} meanwhile"
            return Waits(WaitingReason.NO_OPEN_ITEM, detail)
        found = evidence(state, receipt, (item.abas_open_item_id,))
        said = (f"reversal {refund.posting_reference} took it back", *found.agrees)
        rule = "chargeback-returned" if refund.kind is EntryKind.CHARGEBACK else "refund-voided"
        return Option((Part(item, receipt.amount_minor),), rule, said, found.differs)

    def _memo_owed_again(self, receipt: Entry, refund: Entry) -> str | None:
        """Return the credit memo that what came back of a refund is owed for again; None where the invoice is.

        It is the memo that the refund paid out; or, where the refund opened the invoice again, one that has closed it
        since: abas nets a memo against what is open of its invoice.
        """
        if refund.is_credited:
            return refund.abas_open_item_id
        if refund.kind is not EntryKind.REFUND:
            return None
        reversed_receipt = self.state.entries.get(refund.reverses or "")
        item = self.state.items.get((reversed_receipt.abas_open_item_id if reversed_receipt else None) or "")
        if item is None or not _is_closed_since(item, refund, receipt.amount_minor):
            return None
        memos = self.state.netted_credits_of(item).items()
        return next((memo_id for memo_id, minor in memos if minor >= receipt.amount_minor), None)

    def _voided_refund(self, entry: Entry) -> Entry | None:
        """Return the refund that this entry voids, or the chargeback that it gives back; the part that it means."""
        if entry.kind is EntryKind.CHARGEBACK_RETURNED:
            taken = (one for one, left in self.state.chargebacks_of(entry.dispute_id) if left >= entry.amount_minor)
            return self.state.entries.get(entry.takes_back or "") or next(taken, None)
        if entry.kind is not EntryKind.REFUND_VOID:
            return None
        return self.state.entries.get(entry.takes_back or "") or self.state.refund(entry.transaction_id)


def _is_closed_since(item: OpenItemRecorded, refund: Entry, minor: int) -> bool:
    """Say whether abas has shown, since a refund opened an item again, that less than this is open of it."""
    is_seen = refund.posted_at is not None and item.occurred_at > refund.posted_at
    return is_seen and (item.open_minor if item.is_open else 0) < minor


def _credit_reference(memo_id: str) -> str:
    """Return what the references of a credit memo's applications begin with: letters alone, as the ledger's."""
    return f"C{hashlib.blake2b(memo_id.encode(), digest_size=7).hexdigest().translate(_LETTERS)}"
