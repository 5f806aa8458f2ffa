"""A day that has one thing for every page of the workbench, for tests of its pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.batches.lag import Lag, ProjectorStatus
from schemas.failures import Unavailable
from streams.log.memory import MemoryLog
from streams.log.records import Inbound
from tests.support.examples import example
from tests.support.scripted import IDENTIFICATION, IDENTIFICATION_INBOX, Script

# What others may write into any field: no page makes markup of it.
HOSTILE = "<b>4</b>"
# One page of each kind, by its path below the workbench.
SUBJECTS = (
    "payments/1",
    "invoices/RE-1",
    "customers/70001",
    "orders/main/1203",
    "subscriptions/C-1001/S-77",
    "disputes/CB-2026-0042?account=main/USD",
    "bank-lines/main/2026-11-25/6f2d0a41c09be713?account=main/USD",
)


class CaughtUp(ProjectorStatus):
    """A status that needs no broker."""

    broker_is_away = False

    def __init__(self) -> None:
        super().__init__(MemoryLog({}))

    def lag(self) -> Lag:
        if self.broker_is_away:
            raise Unavailable("away")
        return Lag({"erp.outcomes.v1": 3, "payments.events.v1": 4})


def scripted_day(*, written_by_others: str | None = None) -> Script:
    """Return the day, to go on with; written_by_others stands in fields that outside systems fill."""
    script = Script()
    script.open_item("1", 125_00)
    script.captured("1", 125_00)
    script.identified("1", 125_00)
    script.requested("1", 125_00)
    script.posted("1", 125_00)
    script.captured("2", 30_00)
    script.parked(IDENTIFICATION, [m for m in script.messages if m.topic == IDENTIFICATION_INBOX][-1])
    for number, minor in (("3", 1_234_50), (HOSTILE, 10_00), ("5", 20_00)):
        script.captured(number, minor)
        script.awaits_reference(number, minor)
    words: dict[str, dict[str, Any]] = {}
    if written_by_others is not None:
        words = {
            "OrderPlaced": {"order_number": written_by_others, "raw_status": written_by_others},
            "SubscriptionStatusChanged": {"description": written_by_others},
            "SubscriptionRunChanged": {"why": written_by_others},
            "DisputeRecorded": {"reason_code": written_by_others, "raw_stage": written_by_others},
            "SettlementLineRecorded": {"text": written_by_others},
            "CustomerLinked": {"vault_customer_id": written_by_others, "evidence": [written_by_others]},
            "DecisionTaken": {"reason": written_by_others, "decided_by": written_by_others},
        }
    booked = {
        "kind": "DEPOSITED",
        "line_id": "main/2026-11-25/6f2d0a41c09be713",
        "amount_minor": 14610,
        "paytrace_transaction_id": None,
    }
    for topic, name, changes in (
        ("orders.events.v1", "OrderPlaced", {}),
        ("orders.events.v1", "OrderPaymentReported", {"shop_order": "main/1203"}),
        ("orders.events.v1", "OrderWaiting", {"shop_order": "main/1203"}),
        ("subscriptions.events.v1", "SubscriptionStatusChanged", {}),
        ("subscriptions.events.v1", "SubscriptionSet", {}),
        ("subscriptions.events.v1", "SubscriptionRunChanged", {"status": "MISSED"}),
        ("disputes.events.v1", "DisputeRecorded", {"paytrace_transaction_id": "1"}),
        ("disputes.events.v1", "DisputeDeadlineNear", {}),
        ("settlement.events.v1", "SettlementLineRecorded", booked),
        ("settlement.events.v1", "DepositBreakFound", {}),
        ("customers.events.v1", "CustomerLinked", {}),
        ("receivables.events.v1", "DecisionTaken", {"abas_customer_id": "70001", "posting_reference": "PT1"}),
    ):  # fmt: skip
        script.write(topic, example(name, **changes, **words.get(name, {})))
    return script


def day(*, written_by_others: str | None = None) -> Sequence[Inbound]:
    """Return the records of the day."""
    return scripted_day(written_by_others=written_by_others).messages
