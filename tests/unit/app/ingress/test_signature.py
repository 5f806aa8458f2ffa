"""Who may send: hooks signed as the specification's own library signs them, within the window, by any valid key."""

from __future__ import annotations

import pytest

from app.ingress.problems import Problem
from app.ingress.settings import IngressSettings, hook_key
from app.ingress.signature import Tokens, Verifier
from tests.support.ingress import OLD_SECRET, SECRET, TOKEN, settings, signed

NOW = 1_795_500_000.0
BODY = '{"transaction_id": "1", "note": "ä"}'.encode()
STRANGER = "whsec_" + "QUJD" * 12


def verifier(found: IngressSettings | None = None) -> Verifier:
    found = found or settings()
    return Verifier([hook_key(secret) for secret in found.hook_secrets], found.replay_window_s, lambda: NOW)


def refused(headers: dict[str, str], body: bytes = BODY) -> Problem:
    with pytest.raises(Problem) as raised:
        verifier().verify(headers, body)
    assert raised.value.status == 401
    return raised.value


def test_the_library_of_the_specification_signs_what_we_accept() -> None:
    assert verifier().verify(signed(BODY, at=NOW, webhook_id="msg_7"), BODY) == "msg_7"


def test_both_keys_are_good_while_they_rotate() -> None:
    for secret in (SECRET, OLD_SECRET):
        verifier().verify(signed(BODY, at=NOW, secret=secret), BODY)


def test_a_sender_may_sign_with_several_keys_at_once() -> None:
    ours = signed(BODY, at=NOW)
    foreign = signed(BODY, at=NOW, secret=STRANGER)["webhook-signature"]
    both = f"{foreign} v1a,AAAA {ours['webhook-signature']}"
    verifier().verify({**ours, "webhook-signature": both}, BODY)


def test_a_repeat_is_accepted_again() -> None:
    proves = verifier()
    headers = signed(BODY, at=NOW)
    assert proves.verify(headers, BODY) == proves.verify(headers, BODY)


@pytest.mark.parametrize("at", [NOW - 300, NOW + 300, NOW])
def test_inside_the_window(at: float) -> None:
    verifier().verify(signed(BODY, at=at), BODY)


@pytest.mark.parametrize("at", [NOW - 301, NOW + 301, 0.0])
def test_outside_the_window(at: float) -> None:
    assert refused(signed(BODY, at=at)).code == "stale-timestamp"


def test_one_changed_byte_anywhere_is_refused() -> None:
    headers = signed(BODY, at=NOW)
    for position in range(len(BODY)):
        changed = BODY[:position] + bytes([BODY[position] ^ 1]) + BODY[position + 1 :]
        assert refused(headers, changed).errors[0].field == "webhook-signature"
    refused({**headers, "webhook-id": "msg_2"})
    refused({**headers, "webhook-timestamp": str(int(NOW) + 1)})


def test_a_foreign_key_is_refused() -> None:
    refused(signed(BODY, at=NOW, secret=STRANGER))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", ""),
        ("webhook-id", "a" * 257),
        ("webhook-id", "ä"),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "now"),
        ("webhook-timestamp", "-5"),
        ("webhook-timestamp", "1795500000.5"),
        ("webhook-timestamp", "٣"),
        ("webhook-timestamp", "9" * 400),
        ("webhook-signature", ""),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,not base64"),
        ("webhook-signature", "v1,ä"),
        ("webhook-signature", "v2,AAAA"),
        ("webhook-signature", ",,, ,"),
    ],
)
def test_a_header_that_is_none(name: str, value: str) -> None:
    assert refused({**signed(BODY, at=NOW), name: value}).errors[0].field == name


def test_a_missing_header_is_named() -> None:
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        headers = signed(BODY, at=NOW)
        del headers[name]
        assert refused(headers).errors[0].field == name


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN, "Bearer ä"]
)
def test_a_token_that_is_none(authorization: str) -> None:
    with pytest.raises(Problem) as raised:
        Tokens([TOKEN]).check(authorization)
    assert raised.value.headers == {"WWW-Authenticate": "Bearer"}


def test_any_valid_token_is_good() -> None:
    for token in (TOKEN, "b" * 30):
        Tokens([TOKEN, "b" * 30]).check(f"bearer {token}")
