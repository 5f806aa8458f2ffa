"""Events that ask for documents, divide entries and net them: each is what one decision about an entry comes to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from itertools import accumulate
from typing import Any

from schemas.records.payments import PaymentMethod
from schemas.records.receivables import (
    EntryMoved,
    EntryNetted,
    EntryPartMade,
    EntryPutOnAccount,
    EntrySplit,
    EntryUnmatched,
    OpenItemRecorded,
    PaymentMatched,
    PostingRequested,
    RefundMatched,
)
from schemas.values.business_day import business_day
from schemas.values.replacing import replace
from streams.domain.receivables.account import APPLIES, GIVEN_UP, Entry, EntryKind, Move, State
from streams.domain.receivables.by_rule import OnAccount, Rest
from streams.domain.receivables.categories import Shares, taken_back, taken_of_item
from streams.domain.receivables.changes import Event, evolve
from streams.domain.receivables.lines import difference_lines, lines_of
from streams.domain.receivables.matching import Option, Part
from streams.domain.receivables.policy import Policy

_LETTERS = str.maketrans("0123456789abcdef", "ABCDEFGHIJKLMNOP")


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


@dataclass(frozen=True, slots=True)
class Requests:
    """A customer's account at one instant, under one policy: the events that ask for documents.

    by is the person who decided; None where a rule did.
    """

    state: State
    policy: Policy
    at: datetime
    by: str | None = None

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

    def _about(self, entry: Entry) -> dict[str, Any]:
        return about(entry, self.state.abas_customer_id, self.at)


def _credit_reference(memo_id: str) -> str:
    """Return what the references of a credit memo's applications begin with: letters alone, as the ledger's."""
    return f"C{hashlib.blake2b(memo_id.encode(), digest_size=7).hexdigest().translate(_LETTERS)}"
