"""Runs the sandbox alone: python -m infra.sandboxes.paytrace HOST PORT DATA_DIR."""

import sys
from pathlib import Path

from infra.sandboxes.paytrace.app import serve

if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
