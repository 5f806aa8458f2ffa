"""A projector in a process of its own, to be killed: `python -m tests.support.projector_process SETTINGS`."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from projections.projector.writer import run_projector
from projections.serving.reader import connect_endpoint
from projections.serving.settings import ProjectionSettings
from tests.support.guard_key import use_guard_key_of_the_tests


def spawn_projector(settings: ProjectionSettings, log: Path) -> subprocess.Popen[bytes]:
    """Start a projector; its output goes to log."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.projector_process", settings.model_dump_json()],
            stdout=output,
            stderr=output,
            cwd=Path(__file__).parents[2],
        )


def wait_until_caught_up(settings: ProjectionSettings, process: subprocess.Popen[bytes], patience_s: float) -> None:
    """Wait for lag 0; AssertionError when the process ends first, or nothing moves for so long."""
    behind, deadline = -1, time.monotonic() + patience_s
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the projector ended with {process.returncode}"
        endpoint = connect_endpoint(settings.data_dir)
        if endpoint is not None:
            try:
                if endpoint.get("/health")["reading"]:
                    before, behind = behind, endpoint.get("/lag")["total"]
                    if behind == 0:
                        return
                    if behind != before:
                        deadline = time.monotonic() + patience_s
            finally:
                endpoint.close()
        time.sleep(0.1)
    raise AssertionError(f"the projector stands still {behind} records behind")


def main() -> None:
    """Run until SIGTERM."""
    use_guard_key_of_the_tests()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run_projector(ProjectionSettings.model_validate_json(sys.argv[1]), stop)


if __name__ == "__main__":
    main()
