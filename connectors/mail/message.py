"""The words of a message about alerts: subject, plain text and simple HTML. Pure; the same command, the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from connectors.common.notices import link_of
from schemas.records.alerts import AlertChange, AlertLine, AlertSeverity, SendNotification
from schemas.values.counting import counted
from schemas.values.money import shown

_CHANGES = {
    AlertChange.OPENED: "",
    AlertChange.ESCALATED: "worse: ",
    AlertChange.CLOSED: "over: ",
    AlertChange.TEST: "",
}
_LONGEST_SUBJECT = 150


def mail_of(command: SendNotification, *, sender: str, address: str, console_url: str) -> EmailMessage:
    """Return the message for one address.

    Ensures: the Message-ID follows from the notification and the sender's domain alone, so that whoever gets it twice
             can drop one.
    """
    message = EmailMessage()
    message["From"] = sender
    message["To"] = address
    message["Date"] = format_datetime(command.occurred_at)
    message["Message-ID"] = f"<{command.notification_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Subject"] = subject_of(command)
    message.set_content(text_of(command, console_url))
    message.add_alternative(html_of(command, console_url), subtype="html")
    return message


def subject_of(command: SendNotification) -> str:
    """Return the subject: how urgent, the first alert, how many more."""
    first = command.lines[0]
    more = len(command.lines) - 1 + command.more_count
    urgent = "URGENT " if command.severity is AlertSeverity.URGENT else ""
    words = f"[Saldo] {urgent}{_one_line(title_of(first))}"
    words += f" and {more} more" if more else ""
    return words if len(words) <= _LONGEST_SUBJECT else f"{words[: _LONGEST_SUBJECT - 3]}..."


def text_of(command: SendNotification, console_url: str) -> str:
    """Return the plain text."""
    parts = ["\n".join(_lines(line, console_url)) for line in command.lines]
    return "\n\n".join([*parts, _ending(command)]) + "\n"


def html_of(command: SendNotification, console_url: str) -> str:
    """Return the same as simple HTML: no script, no picture, nothing that is loaded from elsewhere."""
    parts = []
    for line in command.lines:
        title, *rest = _lines(line, "")
        link = link_of(line, console_url)
        linked = f'<br><a href="{escape(link)}">{escape(link)}</a>' if link else ""
        parts.append(f"<p><b>{escape(title)}</b><br>{'<br>'.join(map(escape, rest))}{linked}</p>")
    return f"<html><body>{''.join(parts)}<p>{escape(_ending(command))}</p></body></html>\n"


def title_of(line: AlertLine) -> str:
    """Return what an alert is and what happened to it."""
    return f"{_CHANGES.get(line.change, '')}{line.title}"


def _lines(line: AlertLine, console_url: str) -> Sequence[str]:
    urgent = "URGENT " if line.severity is AlertSeverity.URGENT and line.change is not AlertChange.CLOSED else ""
    found = [f"{urgent}{title_of(line)}"]
    if measured := _measured(line):
        found.append(measured)
    if line.detail:
        found.append(_one_line(line.detail))
    if line.change is not AlertChange.CLOSED:
        found.append(f"What to do: {line.remedy}")
        if line.runbook:
            found.append(f"Runbook: docs/runbooks/{line.runbook}")
    if link := link_of(line, console_url):
        found.append(link)
    if line.change is not AlertChange.TEST:
        found.append(f"Alert {line.alert_id}, since {_instant(line.since_at)}")
    return found


def _measured(line: AlertLine) -> str:
    if line.amount_minor is None or not line.currency:
        return f"{counted(line.item_count, 'item|items')}" if line.item_count > 1 else ""
    amount = shown(line.amount_minor, line.currency)
    return f"{amount} in {counted(line.item_count, 'item|items')}" if line.item_count > 1 else amount


def _ending(command: SendNotification) -> str:
    more = f"{counted(command.more_count, 'more alert|more alerts')} not listed here. " if command.more_count else ""
    return f"{more}`saldo alerts list` shows all; `saldo alerts acknowledge` tells that you take one on."


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _one_line(text: str) -> str:
    return " ".join(text.split())
