"""Which rules count from now on: adopted by a person, offered by a worker, refused with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.rules import AdoptRules, RulesAccepted, RulesOffered, RulesRefused
from schemas.topic import Topic
from streams.rules import adoption
from streams.rules.adoption import INITIAL, State, decide, evolve, route
from streams.rules.catalogue import KINDS, kind_of
from tests.support.adopted import offers
from tests.support.builders import at

INBOX = Topic.RECEIVABLES_INBOX
NAME = "write-off-limits"


def text(version: int, usd: int = 2_000) -> str:
    return f"version: {version}\nlimits_minor:\n  USD: {usd}\n"


def adopt(version: int = 2, **changed: Any) -> AdoptRules:
    reported: dict[str, Any] = {
        "rules_name": NAME,
        "version": version,
        "text": text(version),
        "partitions": {INBOX: 4},
        "command_id": f"c{version}",
        "requested_by": "maria",
        "authenticated_by": "session",
        "reason": "agreed with the auditor",
        "requested_at": at(version),
    }
    return AdoptRules(**(reported | changed))


def offer(partitions: int = 4, rules: str = "") -> RulesOffered:
    (found,) = [one for one in offers(partitions, {NAME: rules} if rules else None) if one.rules_name == NAME]
    return found


def after(*records: Any) -> State:
    state = INITIAL
    for record in records:
        state = reduce(evolve, decide(state, record), state)
    return state


def refusal(state: State, command: AdoptRules) -> str:
    (event,) = decide(state, command)
    assert isinstance(event, RulesRefused)
    assert (event.command_id, event.requested_by) == (command.command_id, command.requested_by)
    return event.refusal


def test_an_installation_begins_with_what_a_worker_offers_once() -> None:
    (event,) = decide(INITIAL, offer())
    assert isinstance(event, RulesAccepted)
    assert (event.number, event.version, event.requested_by) == (1, 1, adoption.AGENT)
    assert decide(after(offer()), offer()) == ()
    assert decide(after(offer()), offer(rules=text(9))) == ()


def test_a_person_adopts_a_higher_version_and_every_partition_gets_it() -> None:
    (event,) = decide(after(offer()), adopt())
    assert isinstance(event, RulesAccepted)
    assert (event.number, event.version, event.reason) == (2, 2, "agreed with the auditor")
    outputs = route(evolve(after(offer()), event), event)
    assert [(one.topic, one.partition) for one in outputs] == [(INBOX, partition) for partition in range(4)]
    assert len({one.record for one in outputs}) == 1
    assert outputs[0].record.text == text(2)  # type: ignore[attr-defined]


def test_a_command_is_decided_once_however_often_it_comes() -> None:
    assert decide(after(offer(), adopt()), adopt()) == ()
    assert decide(after(offer(), adopt(1)), adopt(1)) == ()  # refused, and answered once


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (adopt(rules_name="write-of-limits"), "did you mean write-off-limits?"),
        (adopt(text="version: 2\nlimits: {}\n"), ":2: limits: is no entry here; did you mean limits_minor?"),
        (adopt(text="version: 2\nlimits_minor: {USX: 1}\n"), "write-off-limits:2: limits_minor.USX: is no currency"),
        (adopt(text="version: 2\nlimits_minor: {USD: -1}\n"), "USD: is -1; write minor units, 0 to 100,000,000,000"),
        (adopt(text="version: 2\nlimits_minor: {USD: 100000000001}\n"), "is 100000000001; write minor units, 0 to"),
        (adopt(text="x" * 200_001), "the text has 200,001 characters; 200,000 are the most"),
        (adopt(version=3, text=text(2)), "the text says version 2, the command 3"),
        (adopt(partitions={}), "write-off-limits are used by receivables.inbox.v1"),
        (adopt(partitions={Topic.SETTLEMENT_INBOX: 4}), "write-off-limits are used by receivables.inbox.v1"),
        (adopt(partitions={INBOX: 3}), "it reaches fewer partitions than before"),
        (adopt(1, text=text(1, 5)), "version 1 is in force; raise the version of this text above it"),
        (adopt(requested_by=""), "names nobody; say who decides"),
        (adopt(reason="-"), "is no reason; say in a few words why"),
    ],
)  # fmt: skip
def test_what_can_not_be_adopted_is_refused_with_the_reason(command: AdoptRules, why: str) -> None:
    assert why in refusal(after(offer()), command)


def test_the_same_text_again_is_in_force_already_unless_partitions_lack_it() -> None:
    state = after(offer(), adopt())
    assert refusal(state, adopt(command_id="d")) == "version 2 is in force already, with this very text"
    (event,) = decide(state, adopt(command_id="d", partitions={INBOX: 6}))
    assert isinstance(event, RulesAccepted)
    assert (event.number, event.partitions) == (3, {INBOX: 6})


def test_an_offer_repeats_what_is_in_force_where_partitions_lack_it() -> None:
    (event,) = decide(after(offer(), adopt()), offer(6))
    assert isinstance(event, RulesAccepted)
    assert (event.number, event.version, event.text, event.partitions) == (3, 2, text(2), {INBOX: 6})


@pytest.mark.parametrize("name", sorted(KINDS))
def test_what_ships_can_be_read_and_names_its_version(name: str) -> None:
    kind = kind_of(name)
    assert kind.version_of(kind.shipped.read_text("utf-8"), name) >= 1
    assert kind.inboxes


COMMANDS = st.builds(
    lambda version, usd, number: adopt(version, text=text(version, usd), command_id=f"c{number}"),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(1, 6),
)


@given(st.lists(COMMANDS | st.just(offer()) | st.just(offer(6)), max_size=12))
def test_versions_and_numbers_only_rise_and_partitions_never_shrink(records: Sequence[Any]) -> None:
    state = INITIAL
    for record in records:
        events = decide(state, record)
        assert len(events) <= 1
        then = reduce(evolve, events, state)
        if then.number != state.number:
            assert then.number == state.number + 1
            assert then.version >= state.version
            assert then.digest == state.digest or then.version > state.version
            assert all(then.partitions[inbox] >= count for inbox, count in state.partitions.items())
        assert decide(then, record) == () or isinstance(record, AdoptRules) is False
        state = then
