"""Runs the sandbox as a process: `python -m infra.sandboxes.rates --port 8930`."""

import argparse

import uvicorn

from infra.sandboxes.rates import create_app


def main() -> None:
    """Read the port and serve on loopback until asked to stop."""
    parser = argparse.ArgumentParser(prog="rates-sandbox", description="Local providers of exchange rates.")
    parser.add_argument("--port", type=int, default=8930)
    uvicorn.run(create_app(), host="127.0.0.1", port=parser.parse_args().port, log_level="warning")


if __name__ == "__main__":
    main()
