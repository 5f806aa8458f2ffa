"""Runs the sandbox as a process: `python -m infra.sandboxes.abas --port 8920 --state-dir .saldo/abas`."""

import argparse
import asyncio
import contextlib
from pathlib import Path

from infra.sandboxes.abas import create_app, serve


def main() -> None:
    """Read the arguments and serve until asked to stop."""
    parser = argparse.ArgumentParser(prog="abas-sandbox", description="A local abas with invented books.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8920, help="0 takes a free one")
    parser.add_argument("--state-dir", type=Path, help="where the books are kept; in memory when left out")
    parser.add_argument("--port-file", type=Path, help="where to write the port once it listens")
    parser.add_argument("--session-idle-s", type=float, default=60.0, help="how long an idle working set lives")
    parser.add_argument("--tls-cert", type=Path, help="PEM file of a certificate; with --tls-key it speaks HTTPS")
    parser.add_argument("--tls-key", type=Path, help="PEM file of its key")
    arguments = parser.parse_args()
    if (arguments.tls_cert is None) != (arguments.tls_key is None):
        parser.error("--tls-cert and --tls-key belong together")

    def announce(port: int) -> None:
        if arguments.port_file is not None:
            arguments.port_file.write_text(f"{port}\n", encoding="ascii")

    app = create_app(arguments.state_dir, session_idle_s=arguments.session_idle_s)
    tls = None if arguments.tls_cert is None else (arguments.tls_cert, arguments.tls_key)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(app, host=arguments.host, port=arguments.port, started=announce, tls=tls))


if __name__ == "__main__":
    main()
