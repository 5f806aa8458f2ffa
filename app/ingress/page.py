"""The same description for people: one page without scripts, fonts or anything from elsewhere."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Template

CONTENT_SECURITY_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_TEMPLATE: Final = Path(__file__).parent / "page.html"


def render(description: Mapping[str, Any]) -> str:
    """HTML of an OpenAPI document."""
    return _template().render(api=description)


@functools.cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=2)
    return environment.from_string(_TEMPLATE.read_text("utf-8"))
