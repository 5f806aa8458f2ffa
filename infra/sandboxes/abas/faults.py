"""What the sandbox can be told to do wrong, and how abas says so. For the routes, the editors and the tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

# Assumed, because the reference knows no HTTP status of a failure; our client doesn't look at them.
STATUS_OF_CATEGORY = {
    "AUTHENTICATION_FAILURE": 401,
    "ACCESS_DENIED": 403,
    "MISSING_OBJECT": 404,
    "MISSING_ARGUMENT": 400,
    "ILLEGAL_ARGUMENT": 400,
    "RECORD_LOCKED": 423,
    "UNAVAILABLE": 503,
    "INTERNAL_ERROR": 500,
    "OTHER": 400,
}


NO_LICENCE = 1950


@dataclass(frozen=True, slots=True)
class Detail:
    """One message of the ERP, the reason behind a failure."""

    text: str
    erp_number: int
    field_names: Sequence[str] = ()
    sub_type: str = "UNKNOWN"


class ErpFault(Exception):
    """A failure that abas tells in its body; editor carries the editor's state when one is concerned."""

    def __init__(
        self, category: str, text: str, *, details: Sequence[Detail] = (), error_code: str | None = None
    ) -> None:
        super().__init__(text)
        self.category = category
        self.text = text
        self.details = tuple(details)
        self.error_code = error_code
        self.editor: dict[str, Any] | None = None
        self.remaining_actions: list[Any] = []
        self.success_count = 0

    @property
    def status(self) -> int:
        """HTTP status."""
        return STATUS_OF_CATEGORY.get(self.category, 400)

    def content(self) -> dict[str, Any]:
        """Write the body's content: an AbasErpError, or an EditErrorResponse around the editor."""
        locked = any(detail.sub_type == "LOCK" for detail in self.details)
        error: dict[str, Any] = {
            "category": self.category,
            "error": _message(Detail(self.text, 2743, sub_type="LOCK" if locked else "UNKNOWN")),
        }
        if self.details:
            error["details"] = [_message(detail) for detail in self.details]
        if self.error_code:
            error["errorCode"] = self.error_code
        if self.editor is None:
            return {"_type": "AbasErpError", **error}
        return {
            "_type": "EditErrorResponse",
            "data": self.editor,
            "messages": [],
            "remainingActions": {"successCount": self.success_count, "actions": self.remaining_actions},
            "error": error,
        }


def business_refusal(text: str, erp_number: int, *field_names: str) -> ErpFault:
    """Refuse as abas does: a generic outer message, the reason in the details."""
    return ErpFault("OTHER", "Process cancelled", details=[Detail(text, erp_number, field_names)])


class Question(ErpFault):
    """A dialog: abas asks, and does nothing until the action comes again with the answer."""

    def __init__(self, dialog_id: str, prompt: str) -> None:
        super().__init__("OTHER", prompt)
        self.dialog_id = dialog_id

    @property
    def status(self) -> int:
        """A question is no failure."""
        return 200

    def content(self) -> dict[str, Any]:
        """Write an EditDialogResponse."""
        return {
            "_type": "EditDialogResponse",
            "data": self.editor,
            "messages": [],
            "remainingActions": {"successCount": self.success_count, "actions": self.remaining_actions},
            "dialogInfo": {
                "id": self.dialog_id,
                "type": "CONFIRMATION",
                "title": "Post",
                "prompt": self.text,
                "defaultValue": "no",
                "source": "EDITOR",
                "answersProperty": "dialogAnswers",
            },
        }


def no_licence() -> ErpFault:
    """Say that all licences are in use."""
    return ErpFault("UNAVAILABLE", "No licence is free", details=[Detail("All licences are in use", NO_LICENCE)])


def locked_by(user: str, record: str) -> ErpFault:
    """Say that a record is open elsewhere."""
    return ErpFault(
        "RECORD_LOCKED",
        "Record is locked",
        details=[Detail(f"Record {record} is being edited by {user}", 1502, sub_type="LOCK")],
    )


def _message(detail: Detail) -> dict[str, Any]:
    message: dict[str, Any] = {
        "_type": "ErpMessage",
        "text": [detail.text],
        "type": "ERROR",
        "subType": detail.sub_type,
        "erpNumber": detail.erp_number,
    }
    if detail.field_names:
        message["fieldNames"] = list(detail.field_names)
    return message


class Faults(BaseModel):
    """The switches; counts go down by one with each request that they hit, the rest stays until changed."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    latency_s: float = Field(default=0.0, ge=0)  # before every answer
    slow_posting_s: float = Field(default=0.0, ge=0)  # after the effect, before its answer
    unavailable: int = Field(default=0, ge=0)  # next n calls: 503 UNAVAILABLE
    internal_error: int = Field(default=0, ge=0)  # next n writes: 500 INTERNAL_ERROR
    cut_before: int = Field(default=0, ge=0)  # next n writes: connection cut, nothing happened
    cut_after: int = Field(default=0, ge=0)  # next n effects: connection cut after it happened
    login_expired: int = Field(default=0, ge=0)  # next n calls: 401 AUTHENTICATION_FAILURE
    access_denied: bool = False  # every write: 403 ACCESS_DENIED
    rate_limited: int = Field(default=0, ge=0)  # next n calls: 429 with Retry-After, no abas body
    gateway_away: int = Field(default=0, ge=0)  # next n calls: 503 of a gateway before abas, no abas body
    unavailable_until: float = Field(default=0.0, ge=0)  # 503 UNAVAILABLE to every call up to this Unix second
    retry_after: str = ""  # Retry-After of every 429 and 503, any text; without one, a 429 asks for 1 s
    wrong_content_type: int = Field(default=0, ge=0)  # next n calls: a proxy's HTML page with status 200
    ask_before_saving: bool = False  # every save asks first, and is refused unless it comes with the answer
    licences: int = Field(default=0, ge=0)  # calls and working sets at once; 0 is without limit
    sessions: int = Field(default=0, ge=0)  # login sessions at once, known by a cookie; 0 sets none and knows no limit
    search_lag_s: float = Field(default=0.0, ge=0)  # lists and queries show the books of so many seconds ago
    decimal_mark: Literal[".", ","] = "."  # how an amount written as text is read
    wrong_mark: Literal["refused", "dropped"] = "dropped"  # the other mark: "1.234" is no number, or 1234
    token_lifetime_s: float = Field(default=599.0, ge=0)  # of tokens given out from now on
    statuses: dict[str, int] = {}  # HTTP status by category, to try what a real abas may send
    locked: list[str] = []  # record ids that somebody else has open
    filed_refused: bool = False  # a finished paper, such as the item of a paid invoice, can't be changed
    locked_s: dict[str, float] = {}  # the same for so many seconds from now; nobody saves a document of such a customer
    # "2026-10" in every area, "finance/2026-10" for payments and entries, "sales/2026-10" for invoices
    closed_periods: list[str] = []
    first_period: str = "2000-01"  # before it there are no fiscal years
