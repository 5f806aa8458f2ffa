"""Which documents are asked for, and what follows from a customer's entries as they stand.

The steps are single and certain, and go on until nothing is left to do, so the same entries always end in the same
events. Their order protects the money: opposites are netted before anything is posted, a refund is linked before its
payment is matched, and a reversal is requested only when abas has confirmed the receipt that it reverses.

abas has no transaction over several records, so a payment of two invoices becomes two receipts, each under a reference
of its own, that are looked up and posted one by one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from schemas.records.receivables import OpenItemRecorded
from schemas.values.business_day import business_day
from schemas.values.replacing import replace
from streams.domain.receivables import orders
from streams.domain.receivables.account import EXCHANGE_KINDS, GIVEN_UP, Entry, EntryKind, EntryStatus, Lost, State
from streams.domain.receivables.by_rule import credit_oldest_first, oldest_first, placed, rests
from streams.domain.receivables.changes import Event, evolve
from streams.domain.receivables.lines import NoAccount
from streams.domain.receivables.matching import Link, Option, Waits, match_refund
from streams.domain.receivables.policy import Policy
from streams.domain.receivables.reasons import Reasons
from streams.domain.receivables.refunds import credited_shares, excess_of, refund_beyond
from streams.domain.receivables.statuses import changed_statuses

_BY_RULE = "applied by rule, oldest due first"


def follow(state: State, policy: Policy, at: datetime) -> tuple[Event, ...]:
    """Return everything that follows from this state, reported at this instant.

    Ensures: ends, because each step moves an entry on; asked again of the state it leads to, it yields ().
    """
    events: tuple[Event, ...] = ()
    while step := Posting(state, policy, at).next_step():
        events += step
        state = reduce(evolve, step, state)
    told = Posting(state, policy, at).waiting_now()
    return events + told + changed_statuses(reduce(evolve, told, state), policy.mapping, at)


@dataclass(frozen=True, slots=True)
class Posting(Reasons):
    """The next step of an account."""

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


def _is_closed_since(item: OpenItemRecorded, refund: Entry, minor: int) -> bool:
    """Say whether abas has shown, since a refund opened an item again, that less than this is open of it."""
    is_seen = refund.posted_at is not None and item.occurred_at > refund.posted_at
    return is_seen and (item.open_minor if item.is_open else 0) < minor
