"""What every group of pages uses of the workbench: how a page is laid out, a command given, its outcome shown once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from projections.console.asking import Asking
from projections.console.decisions import Person, Result

MOUNTED_AT: Final = "/console"


class Parts(ABC):
    """The workbench as its groups of pages know it."""

    _asking: Asking

    @abstractmethod
    def _page(self, request: Request, template: str, here: str, *, status: int = 200, **content: Any) -> Response:
        """Return a page; here is the entry of the menu that it belongs to."""

    @abstractmethod
    def _message(self, request: Request, here: str, title: str, message: str, status: int) -> Response:
        """Return a page that says one thing."""

    @abstractmethod
    def _give(self, request: Request, command: str, values: Mapping[str, Any]) -> Result:
        """Give a command in the name of who asks."""

    @abstractmethod
    def _look(self, request: Request, command: str, values: Mapping[str, Any] | None = None) -> Result:
        """Ask a command that only looks."""

    @abstractmethod
    def _to(self, path: str) -> Response:
        """Return the way to another page; path begins with a slash."""

    @abstractmethod
    def _said(self, path: str, result: Result, words: str = "") -> Response:
        """Return the way to a page that says once what came of a command; path begins with a slash."""

    @abstractmethod
    def _person(self, request: Request) -> Person:
        """Return who asks."""
