"""The guard key: where a process has it from, who may read it, and what is said when there is none."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.output.logs import mask_line
from app.settings.guard_key import KEY_FILE, guard_key_of, use_guard_key_or_random
from app.settings.settings import GuardSettings, KafkaSettings, Settings
from schemas.checks.sensitive import guard_key, install_guard_key_source
from schemas.checks.sensitive.identity import mask_of
from schemas.failures import ContractBroken

PAN = "4111111111111111"


def settings(data_dir: Path, *, key: str = "", brokers: str | None = None) -> Settings:
    return Settings(
        data_dir=data_dir, guard=GuardSettings(key=SecretStr(key)), kafka=KafkaSettings(bootstrap_servers=brokers)
    )


def test_the_embedded_installation_makes_its_key_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    home = settings(tmp_path / "data")
    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(lambda _: guard_key_of(home), range(4)))
    assert len(keys) == 1
    assert stat.S_IMODE((tmp_path / "data" / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == [KEY_FILE]


def test_a_setting_counts_before_the_file(tmp_path: Path) -> None:
    assert guard_key_of(settings(tmp_path, key="a secret of the vault")) == b"a secret of the vault"
    assert not (tmp_path / KEY_FILE).exists()


def test_with_brokers_of_ones_own_a_key_is_never_made_up(tmp_path: Path) -> None:
    with pytest.raises(ContractBroken, match="give every process of this installation the same SALDO_GUARD_KEY"):
        guard_key_of(settings(tmp_path, brokers="kafka:9092"))
    assert not (tmp_path / KEY_FILE).exists()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("short\n")
    with pytest.raises(ContractBroken, match=r"guard\.key holds no guard key; put back the file"):
        guard_key_of(settings(tmp_path))


def test_a_command_of_no_installation_masks_alike_for_one_run(tmp_path: Path) -> None:
    with guard_key(None):
        use_guard_key_or_random(settings(tmp_path))
        first = mask_of(PAN)
        assert first == mask_of(PAN)
        use_guard_key_or_random(settings(tmp_path))
        assert mask_of(PAN) != first
    assert not (tmp_path / KEY_FILE).exists()


def test_the_key_is_looked_for_when_it_is_needed(tmp_path: Path) -> None:
    with guard_key(None):
        install_guard_key_source(lambda: guard_key_of(settings(tmp_path)))
        try:
            assert not (tmp_path / KEY_FILE).exists()
            assert "#" in mask_of(PAN)
            assert (tmp_path / KEY_FILE).exists()
        finally:
            install_guard_key_source(None)


def test_no_line_of_a_log_holds_a_number() -> None:
    line = {"event": f"refused {PAN}", "number": int(PAN), "nested": {PAN: ["CVV 123"]}, "count": 3, "took_s": 0.5}
    shown = mask_line(None, "", line)
    assert PAN not in repr(shown)
    assert "123" not in repr(shown["nested"])
    assert (shown["count"], shown["took_s"]) == (3, 0.5)
