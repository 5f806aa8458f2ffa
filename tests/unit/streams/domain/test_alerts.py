"""One open alert per subject, whatever is seen of it; receivers are told once, in working hours, together."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.files.owned import FileInvalid
from schemas.records.alerts import (
    AcknowledgeAlert,
    AlertAcknowledged,
    AlertChange,
    AlertClosed,
    AlertCommandRefused,
    AlertOpened,
    AlertRepeated,
    AlertSeverity,
    AlertsNotified,
    AlertTimeReached,
    CloseAlert,
    SendTestMessage,
)
from streams.domain import alerts
from streams.domain.alerts.hours import Hours
from streams.rules.alerts import read_alert_rules
from tests.support.alerts import POLICY, RULES, WASHED, World, again, at, said, seen

NEW_YORK = Hours("America/New_York", frozenset(range(5)), 8 * 60, 18 * 60, frozenset({date(2026, 11, 26)}))


def opened(world: World) -> AlertOpened:
    (alert,) = world.of(AlertOpened)
    return alert  # type: ignore[no-any-return]


def test_a_condition_opens_an_alert_once_it_is_old_enough() -> None:
    world = World()
    world.tell(seen(1))
    assert not world.of(AlertOpened)
    assert world.wakes() == {WASHED: at(10)}
    world.pass_until(10)
    assert (opened(world).rule_name, opened(world).occurred_at) == ("old", at(10))


def test_any_number_of_sightings_is_one_alert() -> None:
    world = World()
    world.tell(*(seen(minute, detail="the same") for minute in range(1, 60)))
    world.pass_until(60)
    assert len(world.of(AlertOpened)) == 1
    assert not world.of(AlertRepeated)


def test_it_closes_by_itself_and_opens_again_under_another_name() -> None:
    world = World()
    world.tell(seen(20), seen(30, holds=False), seen(50, since=35))
    world.pass_until(60)
    (closed,) = world.of(AlertClosed)
    assert (closed.command_id, closed.occurred_at) == ("", at(30))
    first, second = world.of(AlertOpened)
    assert first.alert_id == closed.alert_id != second.alert_id


def test_what_is_over_before_its_message_goes_out_is_not_told() -> None:
    world = World()
    world.tell(seen(20), seen(21, holds=False))
    world.pass_until(600)
    assert world.of(AlertOpened)
    assert not world.sent


def test_who_was_told_of_an_alert_is_told_of_its_end() -> None:
    world = World()
    world.tell(seen(120))
    world.pass_until(200)
    world.tell(seen(210, holds=False))
    world.pass_until(600)
    changes = [(message.occurred_at, [line.change for line in message.lines]) for message in world.of(AlertsNotified)]
    ended = [one for one in changes if AlertChange.CLOSED in one[1]]
    assert len(ended) == 2  # finance and operations
    assert all(sent_at >= at(210) for sent_at, _ in ended)


def test_an_alert_that_somebody_took_on_is_not_sent_again() -> None:
    world = World()
    world.tell(seen(65, about="flood/USD", amount_minor=2000, currency="USD"))
    world.pass_until(70)
    alert = opened(world)
    told = len(world.sent)
    world.tell(said(AcknowledgeAlert, 75, about=alert.about, alert_id=alert.alert_id))
    assert world.of(AlertAcknowledged)
    world.tell(*(seen(n, about="flood/USD", amount_minor=2000 + n, currency="USD") for n in range(80, 200)))
    world.pass_until(600)
    assert len(world.sent) == told
    assert world.of(AlertRepeated)[-1].amount_minor == 2199


def test_a_worse_rule_tells_again_even_what_was_acknowledged() -> None:
    world = World()
    world.tell(seen(61))
    world.pass_until(70)
    alert = opened(world)
    world.tell(said(AcknowledgeAlert, 75, alert_id=alert.alert_id))
    world.pass_until(120)
    (repeated,) = world.of(AlertRepeated)
    assert (repeated.is_escalated, repeated.severity, repeated.alert_id) == (
        True,
        AlertSeverity.URGENT,
        alert.alert_id,
    )
    assert repeated.receivers == ("finance", "operations")
    assert [line.change for line in world.sent[-1].lines] == [AlertChange.ESCALATED]


def test_what_a_person_closed_stays_closed_until_it_ends_or_gets_worse() -> None:
    world = World()
    world.tell(seen(20))
    world.tell(said(CloseAlert, 25, alert_id=opened(world).alert_id))
    world.tell(seen(30), seen(40))
    assert len(world.of(AlertOpened)) == 1
    world.pass_until(120)
    assert [alert.severity for alert in world.of(AlertOpened)] == [AlertSeverity.NORMAL, AlertSeverity.URGENT]


def test_a_command_is_answered_once_and_refused_with_a_remedy() -> None:
    world = World()
    world.tell(seen(20))
    wrong = said(AcknowledgeAlert, 25, alert_id="ANOTHER")
    (refused,) = world.tell(wrong)
    assert isinstance(refused, AlertCommandRefused)
    assert "saldo alerts list" in refused.refused_because
    assert not world.tell(wrong)
    right = said(AcknowledgeAlert, 26, command_id="c2", alert_id=opened(world).alert_id)
    assert world.tell(right)
    assert not world.tell(right)


def test_amounts_of_other_currencies_and_small_ones_raise_nothing() -> None:
    world = World()
    world.tell(
        seen(1, about="flood/USD", amount_minor=999, currency="USD"),
        seen(2, about="flood/EUR", amount_minor=5000, currency="EUR"),
        seen(3, about="nothing known/USD"),
    )
    assert not world.of(AlertOpened)
    world.tell(seen(4, about="flood/USD", amount_minor=1000, currency="USD"))
    assert opened(world).amount_minor == 1000


def test_a_deadline_raises_attention_before_it_passes() -> None:
    world = World()
    world.tell(seen(0, about="deadline/D1", due=3 * 1440), seen(1, about="deadline/D2"))
    world.pass_until(2 * 1440)
    assert (opened(world).about, opened(world).occurred_at) == ("deadline/D1", at(2 * 1440))


def test_silence_is_due_on_the_next_working_day() -> None:
    """Heard of on Friday: nothing is expected at the weekend; on Monday at noon in New York it is late."""
    world = World()
    world.tell(seen(0, about="silence/main"))
    world.pass_until(4 * 1440)
    assert opened(world).occurred_at == datetime(2026, 11, 23, 12, tzinfo=ZoneInfo("America/New_York"))
    heard = World()
    heard.tell(seen(0, about="silence/main"), seen(3 * 1440, about="silence/main", since=3 * 1440))
    heard.pass_until(3 * 1440 + 600)
    assert not heard.of(AlertOpened)


def test_quiet_hours_hold_what_is_not_urgent_until_they_end() -> None:
    """Noon UTC is seven in New York; finance works from eight."""
    world = World()
    world.tell(seen(11))
    assert not world.sent
    world.pass_until(59)
    assert not world.sent
    world.pass_until(60)
    (message,) = world.sent
    assert (message.receiver, message.occurred_at) == ("finance", at(60))


def test_a_watch_that_was_away_does_not_break_quiet_hours() -> None:
    world = World()
    world.tell(seen(11))
    (about,) = (about for about in world.wakes() if about.startswith("receiver/"))
    world.tell(AlertTimeReached(about=about, due_at=world.wakes()[about], occurred_at=at(14 * 60)))
    assert not world.sent
    assert world.wakes()[about] == datetime(2026, 11, 23, 8, tzinfo=ZoneInfo("America/New_York"))


def test_urgent_passes_quiet_hours_and_takes_along_what_waits() -> None:
    world = World()
    world.tell(seen(-200, about="washed up/EUR", since=-400), seen(-190, about="washed up/USD", since=-205))
    (message,) = [one for one in world.sent if one.receiver == "finance"]
    assert message.severity is AlertSeverity.URGENT
    world.pass_until(-150)
    messages = [one for one in world.sent if one.receiver == "finance"]
    assert len(messages) == 1  # the second is not urgent and waits for the office


def test_a_flood_makes_one_message_and_counts_what_it_does_not_list() -> None:
    world = World()
    world.tell(*(seen(120, about=f"washed up/{number}") for number in range(500)))
    world.pass_until(131)
    finance = [message for message in world.of(AlertsNotified) if message.receiver == "finance"]
    assert [(len(message.lines), message.more_count) for message in finance] == [(1, 0), (2, 497)]
    assert finance[1].occurred_at == at(130)


def test_a_test_message_goes_out_at_once_and_only_once() -> None:
    world = World()
    command = said(SendTestMessage, 0, about="receiver/operations")
    assert len(world.tell(command)) == 1
    assert not world.tell(command)
    assert [message.is_test for message in world.sent] == [True, True]  # by mail and by webhook
    (refused,) = world.tell(said(SendTestMessage, 1, about="receiver/nobody", command_id="c9"))
    assert "finance, operations" in refused.refused_because


def test_messages_have_names_of_their_own() -> None:
    world = World()
    for number in range(20):
        world.tell(seen(60 + 30 * number, about=f"washed up/{number}", since=30 * number))
        world.pass_until(90 + 30 * number)
    names = [message.notification_id for message in world.of(AlertsNotified)]
    assert len(names) == len(set(names)) > 3


@given(st.permutations(range(8)), st.lists(st.integers(0, 7), max_size=8))
def test_the_order_and_number_of_sightings_change_nothing(order: list[int], repeats: list[int]) -> None:
    sightings = [seen(20 + n, holds=n % 3 != 2, since=n, detail=f"sighting {n}", item_count=n) for n in range(8)]
    world = World()
    world.tell(*(sightings[n] for n in order), *again(sightings[n] for n in repeats))
    state = world.states[WASHED].subject
    assert state.noted is not None
    assert state.noted.detail == "sighting 7"
    assert state.is_open
    assert len(world.of(AlertOpened)) - len(world.of(AlertClosed)) == 1


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("seen"), st.integers(0, 200), st.booleans()),
            st.tuples(st.just("passes"), st.integers(0, 200), st.booleans()),
            st.tuples(st.just("said"), st.integers(0, 200), st.booleans()),
        ),
        max_size=25,
    )
)
def test_never_more_than_one_alert_is_open_and_none_stays_open_when_it_ended(
    steps: list[tuple[str, int, bool]],
) -> None:
    world = World()
    for number, (what, minute, flag) in enumerate(steps):
        if what == "seen":
            world.tell(seen(minute, holds=flag, since=max(0, minute - 15)))
        elif what == "passes":
            world.pass_until(minute)
        elif world.of(AlertOpened):
            kind = AcknowledgeAlert if flag else CloseAlert
            last = world.of(AlertOpened)[-1].alert_id
            world.tell(said(kind, minute, command_id=str(number), alert_id=last))
        open_now: set[str] = set()
        for event in world.events:
            if isinstance(event, AlertOpened):
                assert not open_now
                open_now.add(event.alert_id)
            elif isinstance(event, AlertClosed):
                open_now.remove(event.alert_id)
    world.tell(seen(500, holds=False))
    assert len(world.of(AlertOpened)) == len(world.of(AlertClosed))


def test_every_state_can_be_kept_on_disk() -> None:
    world = World()
    world.tell(*(seen(120, about=f"washed up/{number}") for number in range(3)), seen(125), seen(126, detail="more"))
    world.tell(seen(61, about="flood/USD", amount_minor=2000, currency="USD"))
    world.pass_until(200)
    world.tell(said(AcknowledgeAlert, 201, alert_id=world.of(AlertOpened)[-1].alert_id, about="flood/USD"))
    for state in (*world.states.values(), alerts.INITIAL):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=alerts.State) == state


# -- hours -----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2 * 365 * 86_400), st.integers(0, 10**6))
def test_working_time_only_runs_within_hours(begins: int, seconds: int) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=begins)
    ends = NEW_YORK.after(since, seconds)
    assert ends >= since + timedelta(seconds=seconds)
    assert NEW_YORK.is_open(ends - timedelta(seconds=1)) or seconds == 0
    assert NEW_YORK.after(since, seconds + 60) > ends
    assert NEW_YORK.opens(since) >= since
    assert NEW_YORK.is_open(NEW_YORK.opens(since))


def test_holidays_and_weekends_are_no_working_days() -> None:
    wednesday = datetime(2026, 11, 25, 17, tzinfo=ZoneInfo("America/New_York"))
    assert NEW_YORK.after(wednesday, 2 * 3600) == datetime(2026, 11, 27, 9, tzinfo=ZoneInfo("America/New_York"))
    assert NEW_YORK.next_day(wednesday, 720) == datetime(2026, 11, 27, 12, tzinfo=ZoneInfo("America/New_York"))


# -- rules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instead_of", "write", "says"),
    [
        ("to: [operations], title: Flood", "to: [operatoins], title: Flood", "did you mean operations"),
        ("America/New_York", "America/Nowhere", "is no zone"),
        ("after: 10m", "after: 10 minutes", "is no duration"),
        ("after: 10m", "after: 10m, before_due: 1d", "write one"),
        ('by: "12:00", hours: office', 'by: "12:00"', "needs hours"),
        ('by: "12:00"', 'by: "25:00"', "is no time of day"),
        ("name: older", "name: old", "second rule"),
        ("{USD: 1000}", "{USDD: 1000}", "is no currency"),
        ('ends: "18:00"', 'ends: "07:00"', "must be later"),
        ("by: [mail]", "by: [pigeon]", "mail"),
        ("hours: office, most_lines", "hours: offices, most_lines", "did you mean office"),
    ],
)
def test_rules_that_make_no_sense_are_refused_with_line_and_remedy(instead_of: str, write: str, says: str) -> None:
    assert instead_of in RULES
    with pytest.raises(FileInvalid, match=says) as refused:
        read_alert_rules(RULES.replace(instead_of, write, 1), "alert-rules.yaml")
    assert all(problem.line > 1 for problem in refused.value.problems)


def test_a_time_without_quotation_marks_is_the_same_time() -> None:
    assert read_alert_rules(RULES.replace('"18:00"', "18:00"), "f") == POLICY
