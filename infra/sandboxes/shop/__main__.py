"""Runs the sandbox alone: python -m infra.sandboxes.shop PORT DATA_DIR [SETTINGS_AS_JSON]."""

import json
import sys
from pathlib import Path

from infra.sandboxes.shop.app import serve
from infra.sandboxes.shop.settings import ShopSandboxSettings

if __name__ == "__main__":
    more = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    serve(int(sys.argv[1]), ShopSandboxSettings(data_dir=Path(sys.argv[2]), **more))
