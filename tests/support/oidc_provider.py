"""A real OpenID Connect provider on loopback: oidc-provider of npm, fetched once by its lock file, run by node."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_HERE = Path(__file__).parent / "oidc"
_CACHE = Path.home() / ".cache" / "saldo-tests"
_FETCH_TIMEOUT_S = 120
SECRET = "secret of the test's client"


def _fetched() -> Path:
    """The folder with the provider in it; skips where node, npm or the registry is missing."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"the provider of this test needs {' and '.join(missing)}; install Node.js 20 or later")
    mark = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in ("package-lock.json", "provider.mjs")))
    folder = _CACHE / f"oidc-{mark.hexdigest()[:16]}"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "oidc.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(_HERE, folder)
            fetching = subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_FETCH_TIMEOUT_S,
            )
            if fetching.returncode:
                pytest.skip(f"the provider of this test can't be fetched: {fetching.stderr[-300:]}")
            (folder / "complete").touch()
    return folder


@contextmanager
def provider(port: int, redirect_uri: str) -> Iterator[str]:
    """Run it until the block ends; gives its issuer."""
    process = subprocess.Popen(
        ["node", "provider.mjs", str(port), redirect_uri],
        cwd=_fetched(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "listening"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
