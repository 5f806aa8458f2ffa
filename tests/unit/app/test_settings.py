"""Settings: which source wins, what is refused, and that secrets stay masked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.settings.names import without_secrets
from app.settings.settings import KafkaSettings, Settings, load_settings
from infra.embedded.kafka import EmbeddedKafka
from schemas.failures import ContractBroken


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no file of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("SALDO_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_arguments_win_over_environment_over_file_over_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load_settings().worker.batch_size == 500
    (tmp_path / "saldo.toml").write_text("log_level = 'error'\n[worker]\nbatch_size = 7\nmarker_every = 9\n")
    assert load_settings().worker.batch_size == 7
    monkeypatch.setenv("SALDO_WORKER_BATCH_SIZE", "8")
    found = load_settings()
    assert (found.worker.batch_size, found.worker.marker_every, found.log_level) == (8, 9, "error")
    assert load_settings(log_level="debug").log_level == "debug"


def test_another_file_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[kafka]\ngroup = 'other'\n")
    monkeypatch.setenv("SALDO_CONFIG", str(tmp_path / "other.toml"))
    assert load_settings().kafka.group == "other"


def test_every_field_that_does_not_fit_is_named_and_no_value_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALDO_WORKER_BATCH_SIZE", "secret-none")
    monkeypatch.setenv("SALDO_KAFKA_SESSION_TIMEOUT_S", "0")
    with pytest.raises(ContractBroken) as refused:
        load_settings()
    assert "worker.batch_size" in str(refused.value)
    assert "kafka.session_timeout_s" in str(refused.value)
    assert "secret-none" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("[kafak]\ngroup = 'x'\n", r"saldo\.toml: section \[kafak\] is no setting; did you mean kafka\?"),
        ("datadir = 'x'\n", r"saldo\.toml: 'datadir' is no setting; did you mean data_dir\?"),
        ("[kafka]\nbotstrap_servers = 'x'\n", r"\[kafka\] has no setting 'botstrap_servers'; did you mean bootstrap_s"),
        ("[worker]\nzzz = 1\n", r"\[worker\] has no setting 'zzz'; there are batch_size, "),
        ("kafka = \n", r"saldo\.toml is not TOML: .*line 1"),
    ],
)
def test_a_typing_error_in_the_file_is_reported_with_what_was_meant(tmp_path: Path, text: str, reported: str) -> None:
    (tmp_path / "saldo.toml").write_text(text)
    with pytest.raises(ContractBroken, match=reported):
        load_settings()


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SALDO_CONFIG", str(tmp_path / "gone.toml"))
    with pytest.raises(ContractBroken, match=r"gone\.toml, named by SALDO_CONFIG, is not there"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("SALDO_KAFKAS_BOOTSTRAP_SERVERS", "SALDO_KAFKA_BOOTSTRAP_SERVERS"),
        ("SALDO_KAFKA_BOOTSTRAP_SERVER", "SALDO_KAFKA_BOOTSTRAP_SERVERS"),
        ("SALDO_DATADIR", "SALDO_DATA_DIR"),
    ],
)
def test_a_typing_error_in_the_environment_is_reported_with_what_was_meant(
    monkeypatch: pytest.MonkeyPatch, variable: str, meant: str
) -> None:
    monkeypatch.setenv(variable, "secret-none")
    with pytest.raises(ContractBroken, match=f"{variable} is no setting; did you mean {meant}") as refused:
        load_settings()
    assert "secret-none" not in str(refused.value)


def test_what_an_orchestrator_puts_into_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SALDO_PORT", "SALDO_SERVICE_HOST", "SALDO_SERVICE_PORT", "SALDO_PORT_8480_TCP_ADDR"):
        monkeypatch.setenv(name, "10.0.0.7")
    monkeypatch.setenv("SALDO_CACHE_DIR", "/tmp/cache")
    assert load_settings() == Settings()


def test_secrets_are_masked_wherever_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALDO_KAFKA_SASL_PASSWORD", "hush")
    monkeypatch.setenv("SALDO_PAYTRACE_PASSWORD", "hush")
    monkeypatch.setenv("SALDO_ABAS_PASSWORD", "hush")
    found = load_settings()
    assert "hush" not in repr(found)
    assert "hush" not in found.model_dump_json()
    assert found.kafka.sasl_password.get_secret_value() == "hush"


def test_kafka_options_carry_security_only_when_it_is_asked_for() -> None:
    assert set(KafkaSettings().options("b:9")) == {"bootstrap.servers", "security.protocol", "log_level"}
    secured = KafkaSettings.model_validate(
        {"security_protocol": "SASL_SSL", "ssl_ca_location": "ca.pem", "sasl_username": "u", "sasl_password": "p"}
    ).options("b:9")
    assert secured["ssl.ca.location"] == "ca.pem"
    assert (secured["sasl.username"], secured["sasl.password"]) == ("u", "p")


def test_without_a_broker_it_says_what_to_do(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with pytest.raises(ContractBroken, match="SALDO_KAFKA_BOOTSTRAP_SERVERS"):
        _ = settings.bootstrap_servers
    # Reports need none.
    assert settings.projection.bootstrap_servers == ""


# -- secrets of child processes ---------------------------------------------------------------------------------------

SECRET_VARIABLES = {
    "SALDO_ABAS_TOKEN_LOGIN": '{"token_url": "https://t", "client_id": "c", "client_secret": "S3CRET"}',
    "SALDO_ABAS": '{"password": "S3CRET", "token_login": {"client_secret": "S3CRET"}, "client": "erp"}',
    "saldo_paytrace": '{"password": "S3CRET", "time_zone": "UTC"}',
    "SALDO_PAYTRACE_PASSWORD": "S3CRET",
    "SALDO_INGRESS_HOOK_SECRETS": '["S3CRET"]',
    "SALDO_GUARD": '{"key": "S3CRET"}',
    "SALDO_KAFKA": "no JSON S3CRET",
}


def test_no_secret_is_left_in_an_environment_however_it_was_given() -> None:
    clean = without_secrets({**SECRET_VARIABLES, "PATH": "/bin", "PAYTRACE": "{}"}, Settings)
    assert "S3CRET" not in str(clean)
    assert json.loads(clean["SALDO_ABAS"]) == {"client": "erp"}
    assert json.loads(clean["saldo_paytrace"]) == {"time_zone": "UTC"}
    assert (clean["PATH"], clean["PAYTRACE"]) == ("/bin", "{}")
    assert without_secrets(clean, Settings) == clean


def test_a_process_keeps_the_secrets_of_its_sections() -> None:
    kept = without_secrets(SECRET_VARIABLES, Settings, keep=("abas",))
    assert {name for name, value in kept.items() if "S3CRET" in value} == {"SALDO_ABAS", "SALDO_ABAS_TOKEN_LOGIN"}


def test_a_server_in_a_jvm_gets_none_of_our_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRET_VARIABLES.items():
        monkeypatch.setenv(name, value)
    given = EmbeddedKafka(tmp_path)._environment()
    assert "S3CRET" not in str(given)
    assert given["PATH"] == os.environ["PATH"]


def test_several_merchant_accounts_share_what_they_do_not_say(tmp_path: Path) -> None:
    (tmp_path / "saldo.toml").write_text(
        "[paytrace]\nusername = 'shop'\npassword = 'S3CRET'\ncurrency = 'USD'\n"
        "[paytrace.accounts.main]\n"
        "[paytrace.accounts.eu]\nusername = 'shop-eu'\npassword = 'OTHER'\ntime_zone = 'Europe/Berlin'\n"
    )
    paytrace = load_settings().paytrace
    accounts = paytrace.each()
    assert [(own.merchant, own.username, own.time_zone) for own in accounts.values()] == [
        ("main", "shop", "America/Los_Angeles"),
        ("eu", "shop-eu", "Europe/Berlin"),
    ]
    assert paytrace.of("eu") == accounts["eu"]
    for label, said in ((None, "several merchant accounts; name one of eu, main"), ("us", "no merchant account 'us'")):
        with pytest.raises(ContractBroken, match=said):
            paytrace.of(label)
    assert "OTHER" not in repr(paytrace)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("[paytrace.accounts.eu]\nusrname = 'x'\n", "paytrace.accounts.eu.usrname"),
        ("[paytrace.accounts.eu]\ncurrency = 'euro'\n", "paytrace.accounts.eu.currency"),
        ("[paytrace.accounts.'e u']\n", "paytrace.accounts.e u"),
    ],
)
def test_a_merchant_account_that_does_not_fit_is_named(text: str, reported: str, tmp_path: Path) -> None:
    (tmp_path / "saldo.toml").write_text(text)
    with pytest.raises(ContractBroken, match=reported):
        load_settings()


def test_several_companies_of_abas_share_what_they_do_not_say(tmp_path: Path) -> None:
    (tmp_path / "saldo.toml").write_text(
        "[abas]\npassword = 'S3CRET'\n[abas.companies.de]\n"
        "[abas.companies.at]\nbase_url = 'http://127.0.0.1:8921/mw'\npassword = 'OTHER'\n"
    )
    abas = load_settings().abas
    companies = abas.each()
    assert [(label, own.base_url, own.working_set_label) for label, own in companies.items()] == [
        ("de", "http://127.0.0.1:8920/mw", "saldo-de"),
        ("at", "http://127.0.0.1:8921/mw", "saldo-at"),
    ]
    assert abas.of("at") == companies["at"]
    for label, said in ((None, "several companies; name one of at, de"), ("it", "no company 'it'")):
        with pytest.raises(ContractBroken, match=said):
            abas.of(label)
    assert "OTHER" not in repr(abas)
