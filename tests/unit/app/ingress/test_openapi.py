"""The OpenAPI document is true: a real server answers requests made from it as it says, and never by a fault."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from requests import PreparedRequest
from schemathesis import checks

from app.ingress.observations import RECORD
from app.ingress.openapi import describe, record_schema
from connectors.paytrace.hook import HOOK_TYPE
from schemas.wire.codec import from_json
from tests.support.ingress import (
    ROW,
    SILENT_PATH,
    TOKEN,
    Client,
    ingress_in_thread,
    kept,
    memory_log,
    new_app,
    settings,
    signed,
)
from tests.support.openapi import CHECKS
from tests.unit.app.ingress.test_app import OBSERVATION, Books

pytestmark = pytest.mark.thorough

SETTINGS = settings(max_observations=20)
DESCRIPTION = describe(SETTINGS, HOOK_TYPE)
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
BOUNDED = hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    log = memory_log()
    with ingress_in_thread(new_app(log, SETTINGS, Books(ROW)), SETTINGS) as running:
        yield running
    assert kept(log), "no request was good enough to be taken, so nothing was shown"


def prove(request: PreparedRequest) -> PreparedRequest:
    """Sign the hook, carry the token, and send the Silent Post where it belongs."""
    assert request.url is not None
    body = request.body or b""
    raw = body.encode() if isinstance(body, str) else body
    assert isinstance(raw, bytes)
    if "/hooks/" in request.url or "/files" in request.url:
        request.headers.update({k: v for k, v in signed(raw, at=time.time()).items() if k.startswith("webhook-")})
    if "/observations" in request.url:
        request.headers["Authorization"] = f"Bearer {TOKEN}"
    if "/silent-post/" in request.url:
        request.url = request.url.partition("/silent-post/")[0] + f"/silent-post/{SILENT_PATH}"
    return request


@SCHEMA.parametrize()
@BOUNDED
def test_a_stranger_s_requests(case: schemathesis.Case[Any], client: Client) -> None:
    response = case.call(base_url=f"http://{client.host}:{client.port}")
    case.validate_response(response, checks=CHECKS)


@SCHEMA.parametrize()
@BOUNDED
def test_a_proved_sender_s_requests(case: schemathesis.Case[Any], client: Client) -> None:
    response = case.call(base_url=f"http://{client.host}:{client.port}", auth=prove)
    # A signed head is right whatever was generated for it, so what has to be refused is judged by the body's own tests.
    case.validate_response(response, checks=[check for check in CHECKS if check is not checks.negative_data_rejection])


def test_the_schema_of_an_observation_is_that_of_the_record() -> None:
    schema = record_schema(RECORD)
    assert set(schema["properties"]) == set(OBSERVATION)
    smallest = {name: OBSERVATION[name] for name in schema["required"]}
    from_json(RECORD, smallest)
    for name in schema["required"]:
        with pytest.raises(Exception, match=name):
            from_json(RECORD, {key: value for key, value in smallest.items() if key != name})
