"""An ingress that would be open to the world by mistake does not start, and a secret is never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.ingress.settings import IngressSettings
from app.settings.settings import load_settings
from schemas.failures import ContractBroken
from tests.support.ingress import OLD_SECRET, SECRET, SILENT_PATH, TOKEN, environment, settings


def test_nothing_is_open_by_default() -> None:
    found = IngressSettings()
    assert (found.host, found.hook_secrets, found.observation_tokens) == ("127.0.0.1", (), ())
    assert found.silent_post_path.get_secret_value() == ""


def test_secrets_are_masked() -> None:
    shown = repr(settings())
    for secret in (SECRET, OLD_SECRET, TOKEN, SILENT_PATH):
        assert secret not in shown


@pytest.mark.parametrize("secret", ["", "whsec_QUJD", "no base64 at all, however long it may be", "ä" * 40])
def test_a_secret_that_is_none_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValidationError) as raised:
        settings(hook_secrets=(SecretStr(SECRET), SecretStr(secret)))
    messages = [problem["msg"] for problem in raised.value.errors(include_input=False)]
    assert "hook_secrets[1]" in messages[0]
    assert not secret or secret not in messages[0]


@pytest.mark.parametrize("token", ["", "short", "with blanks in it, twenty-four", "ä" * 30])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(ValidationError, match=r"observation_tokens\[0\]"):
        settings(observation_tokens=(SecretStr(token),))


@pytest.mark.parametrize("path", ["short", "a/b" * 12, "a" * 23])
def test_a_silent_post_path_that_can_be_guessed_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="silent_post_path"):
        settings(silent_post_path=SecretStr(path))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "ingress.example"])
def test_plain_http_beyond_loopback_has_to_be_said(host: str) -> None:
    with pytest.raises(ValidationError, match="plain_http_beyond_loopback"):
        settings(host=host)
    assert settings(host=host, plain_http_beyond_loopback=True).host == host
    assert settings(host=host, tls_cert_path=Path("c.pem"), tls_key_path=Path("k.pem")).host == host


def test_certificate_and_key_belong_together() -> None:
    with pytest.raises(ValidationError, match="belong together"):
        settings(tls_cert_path=Path("c.pem"))


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SALDO_CONFIG", os.devnull)
    wanted = settings(port=12345, max_body_bytes=4096)
    for name, value in environment(wanted).items():
        monkeypatch.setenv(name, value)
    assert load_settings().ingress == wanted


def test_a_bad_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SALDO_CONFIG", os.devnull)
    monkeypatch.setenv("SALDO_INGRESS_OBSERVATION_TOKENS", '["too-short-token"]')
    with pytest.raises(ContractBroken, match=r"ingress.*observation_tokens\[0\]") as raised:
        load_settings()
    assert "too-short-token" not in str(raised.value)
