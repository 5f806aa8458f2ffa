"""Log-in at a real provider: a link opens after it, roles are Saldo's own, and who is nobody here stays out."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from pydantic import SecretStr

from app.access.actor import single_user
from app.access.roles import Role
from schemas.values.clock import utc_now
from tests.support.api import Installation, api_in_thread, installation
from tests.support.oidc_provider import SECRET, provider
from tests.support.passwords import quick_passwords


@dataclass
class World:
    """A provider, and an API that people log in to by it."""

    issuer: str
    api: str
    found: Installation

    def log_in(self, browser: httpx2.Client, name: str, path: str = "/v1/me") -> httpx2.Response:
        """Follow every step as a browser does; the answer is the last one."""
        answer = browser.get(f"{self.api}/login/provider", params={"next": path})
        for _ in range(12):
            while answer.is_redirect:
                answer = browser.get(urljoin(str(answer.url), answer.headers["location"]))
            if not str(answer.url).startswith(self.issuer):
                break
            action = re.search(r'action="([^"]+)"', answer.text)
            prompt = re.search(r'name="prompt" value="([^"]+)"', answer.text)
            assert action is not None
            assert prompt is not None
            fields = {"prompt": prompt[1], **({"login": name, "password": "any"} if prompt[1] == "login" else {})}
            answer = browser.post(urljoin(str(answer.url), action[1]), data=fields)
        return answer


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    port, own = _free_port(), _free_port()
    with pytest.MonkeyPatch.context() as patch:
        quick_passwords(patch)
        with provider(port, f"http://127.0.0.1:{own}/login/callback") as issuer:
            found = installation(
                tmp_path_factory.mktemp("oidc"),
                now=utc_now,
                port=own,
                oidc_issuer=issuer,
                oidc_client_id="saldo",
                oidc_client_secret=SecretStr(SECRET),
                oidc_claim="sub",
            )
            found.user("ada", Role.ADMIN)
            found.user("dana", Role.APPROVER)
            found.access.keeper(single_user(), now=utc_now()).set_subject("dana", "d.kim")
            with api_in_thread(found.api, own) as address:
                yield World(issuer, address, found)


@pytest.fixture
def browser() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=20) as found:
        yield found


def test_a_link_opens_after_log_in_at_the_provider(world: World, browser: httpx2.Client) -> None:
    answer = world.log_in(browser, "d.kim", "/v1/commands?x=1")
    assert (urlsplit(str(answer.url)).path, answer.status_code) == ("/v1/commands", 200)
    me = browser.get(f"{world.api}/v1/me").json()
    assert (me["user_id"], me["authenticated_by"], me["roles"]) == ("dana", "session", ["approver"])


def test_who_is_nobody_here_stays_out(world: World, browser: httpx2.Client) -> None:
    answer = world.log_in(browser, "stranger")
    assert answer.status_code == 401
    assert "nobody here logs in as that" in answer.text
    assert browser.get(f"{world.api}/v1/me").status_code == 401


def test_an_answer_that_nobody_asked_for_lets_nobody_in(world: World, browser: httpx2.Client) -> None:
    browser.get(f"{world.api}/login/provider")
    for query in ({"code": "x", "state": "y"}, {"error": "access_denied", "state": "z"}, {}):
        answer = httpx2.get(f"{world.api}/login/callback", params=query, trust_env=False)
        assert answer.status_code == 401
        assert browser.get(f"{world.api}/login/callback", params=query).status_code == 401
