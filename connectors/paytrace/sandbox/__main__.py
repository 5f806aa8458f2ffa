"""Runs the sandbox alone: python -m connectors.paytrace.sandbox HOST PORT DATA_DIR."""

import sys
from pathlib import Path

from connectors.paytrace.sandbox.app import serve

if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
