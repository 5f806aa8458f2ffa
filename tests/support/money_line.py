"""The three deciders behind each other in memory, from what PayTrace shows to what is asked of abas."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from schemas import catalog
from schemas.records.erp import PostDocument
from schemas.records.identification import OpenItemReferenced, PaymentIdentified, PaymentToIdentify
from schemas.records.payments import TransactionObserved
from schemas.records.receivables import OpenItemObserved
from schemas.topic import Topic
from schemas.values.references import invoice_token
from streams.domain import identification, payments, receivables
from tests.support.builders import Asked, Ledger, asked, done, key_by


class MoneyLine:
    """One customer's money; abas carries out everything that it is asked for."""

    def __init__(self, *items: OpenItemObserved) -> None:
        self.payments = Ledger(payments, key_by("paytrace_transaction_id"))
        self.payers = Ledger(identification, _token_of)
        self.receivables = Ledger(receivables, key_by("abas_customer_id"))
        self.commands: list[Asked] = []
        for item in items:
            self._receivable(item)
            token = invoice_token(item.invoice_number)
            assert token is not None
            self.payers.when(
                OpenItemReferenced(
                    token=token,
                    abas_customer_id=item.abas_customer_id,
                    abas_open_item_id=item.abas_open_item_id,
                    observed_at=item.observed_at,
                )
            )

    def shows(self, *observations: TransactionObserved) -> list[Asked]:
        """PayTrace shows these; the commands that follow, also of what abas made of them."""
        before = len(self.commands)
        for seen in observations:
            self._to_payers(_news(self.payments, seen))
        return self.commands[before:]

    def report(self, *records: Any) -> list[Asked]:
        """A person or abas tells the receivables something."""
        before = len(self.commands)
        for record in records:
            self._receivable(record)
        return self.commands[before:]

    def _to_payers(self, records: Iterable[Any]) -> None:
        waiting = deque(record for record in records if isinstance(record, PaymentToIdentify))
        while waiting:
            for record in _news(self.payers, waiting.popleft()):
                if isinstance(record, PaymentIdentified):
                    self._receivable(record)
                else:
                    waiting.append(record)

    def _receivable(self, record: Any) -> None:
        reported = deque([record])
        while reported:
            for command in _news(self.receivables, reported.popleft()):
                if isinstance(command, PostDocument):
                    self.commands.append(asked(command))
                    reported.append(done(command))


def _token_of(record: Any) -> str:
    return catalog.topic(Topic.IDENTIFICATION_INBOX).key_of(record).decode()


def _news(ledger: Ledger, record: Any) -> list[Any]:
    before = len(ledger.outputs)
    ledger.when(record)
    return [output.record for output in ledger.outputs[before:]]
