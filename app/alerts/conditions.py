"""What a record of the log, a task, a poll or a row of a report says about conditions that may raise alerts. Pure.

The names of conditions are those that alert-rules choose by; docs/alerts.md lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import quote

from app.sources.status import PollStatus
from app.status.tasks import TaskStatus
from schemas.records.alerts import AlertConditionReported
from schemas.records.disputes import DisputeRecorded
from schemas.records.erp import DocumentPosted, DocumentRefused, RecordRefused, RecordSaved
from schemas.records.orders import OrderInReview, OrderReviewEnded, ShopHooksChanged, ShopHooksStatus
from schemas.records.schedules import ScheduleDefined, ScheduleRunEnded, ScheduleRunOutcome
from schemas.records.settlement import SettlementBatchRecorded, SettlementLineKind, SettlementLineRecorded
from schemas.records.tasks import ParkedRecordDiscarded, ParkedRecordReleased, RecordParked
from schemas.values.money import shown

# Records of the log that say something; others are not decoded.
TELLING: Final = frozenset(
    kind.__name__
    for kind in (
        RecordParked,
        ParkedRecordReleased,
        ParkedRecordDiscarded,
        DocumentRefused,
        DocumentPosted,
        RecordRefused,
        RecordSaved,
        SettlementBatchRecorded,
        SettlementLineRecorded,
        DisputeRecorded,
        OrderInReview,
        OrderReviewEnded,
        ShopHooksChanged,
        ScheduleDefined,
        ScheduleRunEnded,
    )
)
# How subjects begin that are seen anew at each look; one that is not seen any more has ended.
OF_PROCESSES: Final = ("task/", "poll/")
OF_TABLES: Final = "tables/"
TABLES_AWAY: Final = "tables"
HOOK: Final = "hook/paytrace"
_LONGEST_DETAIL: Final = 500
# What the report counts and the log tells of piece by piece; and alerts themselves.
_TOLD_BY_THE_LOG: Final = frozenset({"documents refused", "erp records refused", "records parked", "alerts open"})
_REPORT_OF: Final = {
    "money waits": "waiting",
    "payments not recognized": "waiting?place=payments",
    "chargebacks to book": "waiting?place=disputes",
    "bank lines unexplained": "reports/deposit_breaks",
    "balances unexplained": "reports/account_balances",
    "refunds that came back": "reports/refunds_that_came_back",
    "deposits overdue": "reports/deposit_breaks",
    "subscription runs": "reports/subscription_runs",
    "records unreadable": "reports/unreadable_records",
}


def of_record(record: Any, at: datetime) -> AlertConditionReported | None:
    """Return what a journal record says, written at that instant; None when it says nothing of the kind."""
    match record:
        case RecordParked() if record.behind is None:
            return _condition(
                f"parked/{record.topic}/{record.partition}/{record.offset}",
                "record held" if record.is_held else "record parked",
                at,
                detail=f"{record.topic}/{record.partition}/{record.offset}: {record.error_type}: {record.message}",
                place=_search(f"{record.topic}/{record.partition}/{record.offset}"),
            )
        case ParkedRecordReleased() | ParkedRecordDiscarded():
            about = f"parked/{record.topic}/{record.partition}/{record.offset}"
            return _condition(about, "record parked", at, holds=False)
        case DocumentRefused():
            return _condition(
                f"document/{record.posting_reference}",
                "document refused",
                at,
                detail=f"{record.kind} {record.posting_reference} of {record.subject}: {_why(record)}",
                place=_search(record.posting_reference),
            )
        case DocumentPosted():
            return _condition(f"document/{record.posting_reference}", "document refused", at, holds=False)
        case RecordRefused():
            return _condition(
                f"erp record/{record.kind}/{record.natural_key}",
                "erp record refused",
                at,
                detail=f"{record.kind} {record.natural_key}: {_why(record)}",
                place="reports/erp_records",
            )
        case RecordSaved():
            return _condition(f"erp record/{record.kind}/{record.natural_key}", "erp record refused", at, holds=False)
        case DisputeRecorded():
            return _deadline(record, at)
        case OrderInReview():
            return _condition(
                f"order/{record.shop_order}",
                "order in review",
                at,
                detail=f"order {record.shop_order}: {'; '.join(review.detail for review in record.reviews)}",
                place=_search(record.shop_order),
            )
        case OrderReviewEnded():
            return _condition(f"order/{record.shop_order}", "order in review", at, holds=False)
        case ShopHooksChanged():
            is_off = record.status is not ShopHooksStatus.ACTIVE
            return _condition(
                f"hooks/{record.shop}",
                "shop hooks off",
                at,
                holds=is_off,
                detail=f"shop {record.shop}: {record.detail}" if is_off else "",
            )
        case ScheduleDefined() | ScheduleRunEnded():
            return _schedule(record, at)
        case SettlementBatchRecorded():
            return heard(f"batch/{record.settlement_account}", "no batch", at)
        case SettlementLineRecorded() if record.kind is SettlementLineKind.DEPOSITED:
            return heard(f"deposit/{record.settlement_account}", "no deposit", at, place="reports/deposit_days")
        case _:
            return None


def heard(about: str, condition: str, at: datetime, *, place: str = "") -> AlertConditionReported:
    """Return that something was heard of; the silence since then is the condition."""
    return _condition(about, condition, at, detail=about.partition("/")[2], place=place)


def of_tasks(tasks: Mapping[str, TaskStatus], now: datetime) -> Iterator[AlertConditionReported]:
    """Yield each task that can't go on."""
    for name, task in tasks.items():
        if task.waits:
            since = now if task.waits_since is None else datetime.fromisoformat(task.waits_since)
            yield _condition(
                f"task/{name}",
                "task stands still" if task.breaker_open else "task waits",
                now,
                since=since,
                detail=f"{name}: {task.waits}",
            )


def of_polls(
    polls: Iterable[tuple[str, PollStatus]], now: datetime, *, silent_after_s: float
) -> Iterator[AlertConditionReported]:
    """Yield each poll that has not read its side for so long, whatever the reason: it fails, or its process is away."""
    for name, poll in polls:
        if poll.last_success_at is None and poll.failing_since is None:
            continue  # it has never been asked to read
        since = datetime.fromisoformat(poll.last_success_at or poll.failing_since or "")
        if now - since >= timedelta(seconds=silent_after_s) and not (poll.reads and poll.is_unreadable):
            detail = f"{name}: {poll.error or 'its process does not run'}"
            yield _condition(f"poll/{name}", "no poll", now, since=since, detail=detail)


def of_rows(
    needs: Iterable[Mapping[str, Any]], bridge: Iterable[Mapping[str, Any]], now: datetime
) -> Iterator[AlertConditionReported]:
    """Yield what the reports what_needs_a_person and bridge_by_currency show."""
    for row in needs:
        kind, currency = str(row["kind"]), str(row["currency"])
        if kind not in _TOLD_BY_THE_LOG:
            yield _condition(
                f"{OF_TABLES}{kind}/{currency}",
                kind,
                now,
                since=datetime.fromisoformat(str(row["oldest_since"])).replace(tzinfo=UTC),
                item_count=int(str(row["item_count"])),
                amount_minor=abs(int(str(row["amount_minor"]))) if currency else None,
                currency=currency or None,
                place=_REPORT_OF.get(kind, "reports/what_needs_a_person"),
            )
    for row in bridge:
        minor, currency = int(str(row["residual_minor"])), str(row["currency"])
        if minor:
            amount = f"{shown(abs(minor), currency)} {'more' if minor > 0 else 'less'}"
            yield _condition(
                f"{OF_TABLES}residual/{currency}",
                "residual",
                now,
                amount_minor=abs(minor),
                currency=currency,
                detail=f"PayTrace holds {amount} than is accounted for",
                place="reports/payments_that_do_not_balance",
            )


def tables_away(why: str, now: datetime) -> AlertConditionReported:
    """Return that the tables can't be asked."""
    return _condition(TABLES_AWAY, "tables away", now, detail=why)


def _condition(
    about: str,
    condition: str,
    at: datetime,
    *,
    holds: bool = True,
    since: datetime | None = None,
    item_count: int = 1,
    amount_minor: int | None = None,
    currency: str | None = None,
    detail: str = "",
    place: str = "",
) -> AlertConditionReported:
    return AlertConditionReported(
        about=about,
        condition=condition,
        holds=holds,
        since_at=since or at,
        item_count=item_count,
        amount_minor=amount_minor,
        currency=currency,
        detail=detail[:_LONGEST_DETAIL],
        place=place,
        occurred_at=at,
    )


def _deadline(record: DisputeRecorded, at: datetime) -> AlertConditionReported:
    """Return the day by which a dispute must be answered, at its end in UTC; it is over when no answer is due."""
    seen = _condition(
        f"dispute/{record.dispute_case}",
        "dispute deadline",
        at,
        holds=record.deadline_on is not None,
        amount_minor=record.amount_minor,
        currency=record.currency,
        detail=f"dispute {record.dispute_id}, reason {record.reason_code or 'unknown'}, answer by {record.deadline_on}",
        place=_search(record.dispute_id),
    )
    if record.deadline_on is None:
        return seen
    return replace(seen, due_at=datetime.combine(record.deadline_on, time.min, UTC) + timedelta(days=1))


def _schedule(record: ScheduleDefined | ScheduleRunEnded, at: datetime) -> AlertConditionReported:
    """Return whether the newest run of a schedule failed; another definition of it ends that too."""
    about = f"schedule/{record.schedule}"
    if isinstance(record, ScheduleRunEnded) and record.outcome is not ScheduleRunOutcome.DONE:
        how = record.outcome.value.lower().replace("_", " ")
        detail = f"{record.schedule}, due {record.due_at:%Y-%m-%d %H:%M} UTC: {how}: {record.detail}"
        return _condition(about, "schedule failed", at, detail=detail, place="reports/schedule_runs")
    return _condition(about, "schedule failed", at, holds=False)


def _why(record: DocumentRefused | RecordRefused) -> str:
    return f"{record.message} ({record.code})"


def _search(wanted: str) -> str:
    return f"search?id={quote(wanted, safe='')}"
