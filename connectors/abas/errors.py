"""What can go wrong at the abas edge, and which fate each failure has; for client, sink, source and the task layer.

    Unavailable (Transient)
      AbasUnavailable          the server or the way to it is away; the request had no effect or was a read
      AbasBusy                 too many requests, or no licence is free right now
    Delayed (Transient)
      AbasObjectLocked         somebody has the record open
      AbasOutcomeUnknown       a write left us and no answer came: look up before trying again
      AbasOutcomePending       a document in doubt, or the receipt of a reversal, may still show: look again
      AbasSessionLost          the working set expired and took its editors with it: nothing was saved
    Transient
      AbasInternalError        abas failed inside; one more attempt after a look-up
    Refused
      AbasRefused              abas understood and said no: closed period, item already paid, missing record
      AbasAsked                abas asks a question first; a refusal unless the profile has the answer
    Unreadable
      AbasRecordUnreadable     a record of theirs lacks what we need
      AbasValueNotAllowed      a value of ours can't be written into a selection safely
      AbasSavedUnseen          abas said that it saved a document, and it isn't found under our reference
      AbasDocumentInDoubt      a document may have been saved, shows nowhere, and nothing stops a second one
      AbasDocumentContradicts  the document under our reference is not the one we would have posted
      AbasRequestRejected      abas doesn't understand what this record became: a value that no field takes
    ContractBroken
      LoginRejected            user, password or token is wrong, or the licence is gone
      AbasAccessDenied         the integration user lacks a permission
      AbasAddressWrong         there is no abas at this address
      AbasQueryRefused         abas refuses a selection of ours: the profile doesn't fit
      ProfileUnreadable        the mapping profile can't be read
      ProfileMismatch          the mapping profile names things that this abas doesn't have

The body's category decides, because the HTTP status of abas failures is documented nowhere; the status only
speaks where there is no abas body at all (a proxy's page, an empty answer).
"""

from collections.abc import Sequence

from connectors.abas.wire import ErpDialog, ErpError
from schemas.failures import ContractBroken, Delayed, Refused, SaldoError, Transient, Unavailable, Unreadable
from schemas.files.owned import FileInvalid


class AbasUnavailable(Unavailable):
    """The server or the network is away, and nothing of ours took effect."""


class AbasBusy(Unavailable):
    """abas or a gateway before it has no room for any call of ours right now; nothing of ours took effect."""


class AbasObjectLocked(Delayed):
    """Another editor holds the record."""


class AbasOutcomeUnknown(Delayed):
    """A write was sent and its answer never came; only a look-up can tell what happened."""


class AbasOutcomePending(Delayed):
    """What we look for may be there and not show yet; nothing is sent before its time is over."""


class AbasSessionLost(Delayed):
    """The working set or its editor is gone; what was not committed is not saved."""


class AbasInternalError(Transient):
    """abas failed inside."""


class AbasRefused(Refused):
    """abas said no; code is "<category>/<erpNumber>". in_editor: it said so of an editor that is still open."""

    def __init__(self, message: str, *, code: str, field_name: str | None = None, in_editor: bool = False) -> None:
        super().__init__(message, code=code, field_name=field_name)
        self.in_editor = in_editor


class AbasAsked(AbasRefused):
    """abas asks and did nothing yet; code is "DIALOG/<id>".

    working_set_id: the editor's working set that this request left open; empty when abas names none.
    """

    def __init__(self, dialog: ErpDialog, *, working_set_id: str = "") -> None:
        super().__init__(f"abas asks: {dialog.title} {dialog.prompt}".strip(), code=f"DIALOG/{dialog.id}")
        self.dialog = dialog
        self.working_set_id = working_set_id


class AbasRecordUnreadable(Unreadable):
    """A record from abas lacks a field or holds a value that we can't read."""


class AbasValueNotAllowed(Unreadable):
    """A value holds characters that would change the meaning of a selection."""


class AbasSavedUnseen(Unreadable):
    """Saved, by abas' own word, and not to be found: to post again could double it, so a person looks."""


class AbasDocumentInDoubt(Unreadable):
    """It may have been saved, shows nowhere, and no fence of the ERP stops a second one: a person looks."""


class AbasDocumentContradicts(Unreadable):
    """Under our reference abas holds something else than this command, or more than one document."""


class LoginRejected(ContractBroken):
    """abas doesn't accept the login."""


class AbasAccessDenied(ContractBroken):
    """The integration user lacks a permission."""


class AbasRequestRejected(Unreadable):
    """abas can't make sense of our request; it had no effect."""


class AbasAddressWrong(ContractBroken):
    """Something answers at the configured address, and it isn't abas."""


class AbasQueryRefused(ContractBroken):
    """abas refuses to run a selection, which no single record is to blame for."""


class ProfileUnreadable(FileInvalid):
    """The mapping profile is no valid profile; the message has one line per problem, with file and line."""


class ProfileMismatch(ContractBroken):
    """The profile names what the server doesn't have; problems holds one line each, with file, line and remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("the abas mapping profile doesn't fit this server:\n" + "\n".join(problems))
        self.problems = tuple(problems)


_SESSION_LOST = frozenset({"MISSING_WORKINGSET", "MISSING_WORKINGSET_EDITOR"})
_AWAY_STATUSES = frozenset({408, 425, 500, 502, 503, 504})
_BUSY_STATUS = 429
_LICENCES = (
    ". Every running call and every open working set takes one: end sessions that nobody uses in abas, or let Saldo "
    "run fewer calls at once (SALDO_ABAS_CONCURRENCY)"
)
_NO_LICENCE = 1950  # erpNumber of "no licence free"; assumed, the sandbox uses the same


def error_from_answer(error: ErpError) -> SaldoError:
    """Turn an abas error body into its typed failure.

    Ensures: the category decides; a lock is also known by its message's subType, because a lock inside a
             commit comes as category OTHER.
    """
    text = describe(error)
    code = f"{error.category}/{error.erp_number}"
    if _SESSION_LOST & {error.error_code, error.category}:
        return AbasSessionLost(text)
    if error.category == "RECORD_LOCKED" or any(message.sub_type == "LOCK" for message in error.messages):
        return AbasObjectLocked(text)
    match error.category:
        case "UNAVAILABLE":
            return AbasBusy(text + _LICENCES) if error.erp_number == _NO_LICENCE else AbasUnavailable(text)
        case "AUTHENTICATION_FAILURE":
            return LoginRejected(f"{text}. Check the abas user and password, or the token's client.")
        case "ACCESS_DENIED":
            return AbasAccessDenied(f"{text}. Grant the integration user this permission in abas.")
        case "MISSING_ARGUMENT" | "ILLEGAL_ARGUMENT":
            return AbasRequestRejected(f"{text}. Compare the mapping profile with the server's obj/meta.")
        case "INTERNAL_ERROR":
            return AbasInternalError(text)
        case _:
            return AbasRefused(text, code=code, field_name=error.field_name, in_editor=error.in_editor)


def error_without_body(status: int, *, wrote: bool, reason: str) -> SaldoError:
    """Judge an answer that carries no abas body, which only a proxy, a gateway or a dying server sends.

    Ensures: a write is never called harmless here: without abas' own words its effect is unknown.
    """
    text = f"HTTP {status} without an abas body ({reason})"
    if status == 401:
        return LoginRejected(f"{text}. Check the abas user and password, or the token's client.")
    if status == 403:
        return AbasAccessDenied(f"{text}. A proxy or abas refuses this path.")
    if status == _BUSY_STATUS:
        return AbasBusy(text)
    if wrote:
        return AbasOutcomeUnknown(text)
    if status in _AWAY_STATUSES or status < 400:
        return AbasUnavailable(text)
    return AbasAddressWrong(f"{text}. Check the base URL, including /mw, and the client id.")


def describe(error: ErpError) -> str:
    """Say what abas said: the details carry the reason, the outer message is often generic."""
    reasons = [message for message in error.details if message.text] or [error.message]
    said = "; ".join(message.text for message in reasons if message.text) or "no message"
    where = f" (field {error.field_name})" if error.field_name else ""
    return f"abas {error.category}/{error.erp_number}: {said}{where}"
