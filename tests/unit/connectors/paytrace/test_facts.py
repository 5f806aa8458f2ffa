"""The facts source against a client that may be refused anything: what is readable is reported, what is not is said."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from connectors.paytrace.errors import (
    CallNotOffered,
    LoginRejected,
    PayTraceRefused,
    PayTraceUnavailable,
    UnreadableRow,
)
from connectors.paytrace.facts import FactObservation, PayTraceFacts
from connectors.paytrace.settings import PayTraceSettings
from tests.support.paytrace_fact_rows import LISTED, batch_row, customer_row, schedule_row

DAY = date(2015, 4, 10)
NOW = datetime(2015, 4, 12, 12, tzinfo=UTC)


class ScriptedClient:
    """Answers from lists; an exception in place of a list is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {
            "batches": [batch_row()],
            "listed": list(LISTED),
            "customers": [customer_row()],
            "recurrences": [schedule_row()],
            **answers,
        }
        self.asked: list[Any] = []

    def _answer(self, name: str, *asked: Any) -> list[dict[str, Any]]:
        self.asked.append((name, *asked))
        answer = self.answers[name]
        if callable(answer):
            answer = answer(*asked)
        if isinstance(answer, Exception):
            raise answer
        found: list[dict[str, Any]] = answer
        return found

    async def export_batches(self, start: date, end: date) -> list[dict[str, Any]]:
        return self._answer("batches", start, end)

    async def export_batch_transactions(self, batch_number: int) -> list[dict[str, Any]]:
        return self._answer("listed", batch_number)

    async def export_customers(self, customer_id: str | None = None) -> list[dict[str, Any]]:
        return self._answer("customers") if customer_id is None else self._answer("customer", customer_id)

    async def export_recurrences(self, *, customer_id: str | None = None) -> list[dict[str, Any]]:
        return self._answer("recurrences", customer_id)


def facts(client: ScriptedClient) -> PayTraceFacts:
    return PayTraceFacts(client, PayTraceSettings(), now=lambda: NOW)


async def seen(client: ScriptedClient) -> list[FactObservation]:
    return [observation async for observation in facts(client).poll(DAY, DAY)]


async def subjects(client: ScriptedClient) -> list[str]:
    return [subject for subject, _ in await seen(client)]


async def test_batches_customers_and_schedules_are_reported_under_lasting_subjects() -> None:
    client = ScriptedClient()
    assert await subjects(client) == ["batch/main/571/2015-04-10", "customer/main/acme-inc", "recurrence/main/42"]
    assert client.asked[0] == ("batches", date(2015, 4, 9), date(2015, 4, 11))


async def test_a_customer_that_is_listed_no_longer_is_gone_once_paytrace_knows_none_of_its_id() -> None:
    known = {
        "customer/main/acme-inc",
        "customer/main/deleted",
        "customer/main/cut-off",
        "customer/other/x",
        "batch/main/1",
    }
    client = ScriptedClient(customer=lambda asked: [{"customer_id": asked}] if asked == "cut-off" else [])
    reader = PayTraceFacts(client, PayTraceSettings(), known=lambda: known, now=lambda: NOW)
    first = {name: records[0] async for name, records in reader.poll(DAY, DAY)}
    gone = [name for name, one in first.items() if getattr(one, "is_gone", False)]
    assert gone == ["customer/main/deleted"]
    again = [name async for name, _ in reader.poll(DAY, DAY)]
    assert "customer/main/deleted" not in again
    assert client.asked.count(("customer", "deleted")) == 1


async def test_a_number_that_was_used_twice_gives_two_batches_and_is_asked_for_once() -> None:
    client = ScriptedClient(batches=[batch_row(), batch_row(settled="7/1/2015 8:00:00 PM")])
    observations = dict(await seen(client))
    older, newer = observations["batch/main/571/2015-04-10"][0], observations["batch/main/571/2015-07-01"][0]
    assert [getattr(batch, "is_consistent", "") for batch in (older, newer)] == [True, None]
    assert client.asked.count(("listed", 571)) == 1


async def test_a_number_that_was_used_twice_on_one_day_names_the_same_batches_in_any_order() -> None:
    early, late = batch_row(settled="4/10/2015 9:00:00 AM"), batch_row()
    twin = batch_row(net_amount="1.00")
    expected = None
    for rows in ([early, late, twin], [late, early, twin], [twin, late, early], [late, twin, early]):
        reported = {subject: facts[0] for subject, facts in await seen(ScriptedClient(batches=rows))}
        found = {
            name: (getattr(one, "settled_at", None), getattr(one, "net_minor", 0)) for name, one in reported.items()
        }
        named = {name: one for name, one in found.items() if name.startswith("batch/")}
        assert set(named) == {f"batch/main/571/2015-04-10{nth}" for nth in ("", "/2", "/3")}
        expected = expected or named
        assert named == expected


async def test_a_pending_batch_waits_until_it_has_settled() -> None:
    client = ScriptedClient(batches=[batch_row(settled="")])
    assert await subjects(client) == ["customer/main/acme-inc", "recurrence/main/42"]


@pytest.mark.parametrize("reason", [CallNotOffered("no"), PayTraceRefused("no", code="58")])
async def test_a_batch_whose_list_is_refused_is_reported_without_comparison(reason: Exception) -> None:
    [(_, (batch,)), *_] = await seen(ScriptedClient(listed=reason))
    assert getattr(batch, "is_consistent", "") is None
    assert "could not be read: no" in getattr(batch, "mismatch", "")


@pytest.mark.parametrize("reason", [CallNotOffered("no"), LoginRejected("981"), PayTraceRefused("no", code="1")])
@pytest.mark.parametrize("what", ["batches", "customers", "recurrences"])
async def test_what_the_account_may_not_read_is_said_and_the_rest_is_reported(
    what: str, reason: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    source = facts(ScriptedClient(**{what: reason}))
    reported = [subject async for subject, _ in source.poll(DAY, DAY)]
    (left_out,) = source.not_read
    assert what in left_out
    assert str(reason) in left_out
    assert {subject.partition("/")[0] for subject in reported} == {"batch", "customer", "recurrence"} - {
        {"batches": "batch", "customers": "customer", "recurrences": "recurrence"}[what]
    }
    assert "paytrace facts not read" in caplog.text


async def test_schedules_are_asked_for_customer_by_customer_where_all_at_once_is_refused() -> None:
    def recurrences(customer_id: str | None) -> list[dict[str, Any]] | Exception:
        if customer_id is None:
            return PayTraceRefused("name a customer", code="1")
        return [schedule_row(id=customer_id.removeprefix("c"), customer_id=customer_id)]

    customers = [customer_row(customer_id="c1"), customer_row(customer_id="c2")]
    reported = await subjects(ScriptedClient(customers=customers, recurrences=recurrences))
    assert reported[-2:] == ["recurrence/main/1", "recurrence/main/2"]


async def test_an_unreadable_row_of_each_kind_stops_no_other_and_is_not_passed_over() -> None:
    client = ScriptedClient(
        batches=[batch_row(batch_number=None), batch_row()],
        customers=[customer_row(customer_id=""), customer_row()],
        recurrences=[schedule_row(amount="?"), schedule_row()],
    )
    reported: list[str] = []

    async def note_all() -> None:
        async for subject, _ in facts(client).poll(DAY, DAY):
            reported.append(subject)

    with pytest.raises(UnreadableRow, match="batch_number"):
        await note_all()
    assert reported == ["batch/main/571/2015-04-10", "customer/main/acme-inc", "recurrence/main/42"]


async def test_an_outage_is_the_runner_s_to_retry() -> None:
    with pytest.raises(PayTraceUnavailable):
        await seen(ScriptedClient(customers=PayTraceUnavailable("away")))


async def test_one_day_of_history_has_its_batches_alone() -> None:
    client = ScriptedClient()
    assert [subject async for subject, _ in facts(client).batches_of(DAY)] == ["batch/main/571/2015-04-10"]
    assert client.asked[0] == ("batches", DAY, DAY)


async def test_one_day_of_history_with_an_unreadable_batch_fails() -> None:
    with pytest.raises(UnreadableRow):
        [_ async for _ in facts(ScriptedClient(batches=[batch_row(net_amount=None)])).batches_of(DAY)]


def test_the_window_looks_back_as_far_as_for_transactions() -> None:
    assert facts(ScriptedClient()).window(NOW) == (date(2015, 2, 26), date(2015, 4, 12))
