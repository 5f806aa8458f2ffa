"""Why an entry waits, in words and amounts, and what may be suggested for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.records.identification import WaitingReason
from schemas.records.receivables import EntryWaiting, MatchSuggested
from schemas.values.categories import UNKNOWN_CATEGORY
from schemas.values.money import Money
from schemas.values.replacing import replace
from streams.domain.receivables.account import Entry, EntryKind, State
from streams.domain.receivables.by_rule import noted
from streams.domain.receivables.changes import Event
from streams.domain.receivables.lines import NoAccount, difference_lines, lines_of
from streams.domain.receivables.matching import Found, Matching, Option, Part, Waits, evidence, match_refund
from streams.domain.receivables.requests import Requests, about
from streams.domain.suggestion_codes import suggestion_code


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
class Reasons(Requests):
    """Why entries of an account wait."""

    def waiting_now(self) -> tuple[Event, ...]:
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

    def _voided_refund(self, entry: Entry) -> Entry | None:
        """Return the refund that this entry voids, or the chargeback that it gives back; the part that it means."""
        if entry.kind is EntryKind.CHARGEBACK_RETURNED:
            taken = (one for one, left in self.state.chargebacks_of(entry.dispute_id) if left >= entry.amount_minor)
            return self.state.entries.get(entry.takes_back or "") or next(taken, None)
        if entry.kind is not EntryKind.REFUND_VOID:
            return None
        return self.state.entries.get(entry.takes_back or "") or self.state.refund(entry.transaction_id)

    def _receipts(self) -> list[Entry]:
        return [entry for entry in self.state.waiting if entry.is_receipt]

    def _reversals(self) -> list[Entry]:
        """Return what takes money back and may be asked for: not what abas refused."""
        waiting = (entry for entry in self.state.waiting if entry.moves_money)
        return [entry for entry in waiting if not entry.is_receipt and not entry.is_refused]
