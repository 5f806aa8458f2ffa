"""Sends messages about alerts over SMTP, at least once: a repeat carries the same Message-ID.

smtplib in a thread: the standard library's client knows TLS, log-in and every answer of a server, and a message an hour
needs no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import ssl
from collections.abc import Sequence

from connectors.common.notices import refused
from connectors.common.reach import authorities
from connectors.mail.errors import MailAway, MailMisconfigured, MailPutOff
from connectors.mail.message import mail_of
from connectors.mail.settings import MailSettings
from schemas.failures import ContractBroken
from schemas.records.alerts import NotificationRefused, NotificationSent, SendNotification
from schemas.values.clock import utc_now

_SERVICE_NOT_AVAILABLE = 421
_LONGEST_ANSWER = 300


class MailSink:
    """Satisfies streams.edges.ports.Notifier. One per process, inside the loop that uses it."""

    def __init__(self, settings: MailSettings, *, console_url: str) -> None:
        self._settings = settings
        self._console_url = console_url
        # Addresses that took a message of which another address is still waited for: not sent to again by this process.
        self._taken: dict[str, set[str]] = {}

    async def send(self, command: SendNotification) -> NotificationSent | NotificationRefused:
        """Send one message to every address of its receiver; see streams.edges.ports.Notifier."""
        settings = self._settings
        addresses = settings.to.get(command.receiver, ())
        if not settings.host:
            return refused(command, "not-configured", "no mail server is set; set SALDO_MAIL_HOST and SALDO_MAIL_TO")
        if not addresses:
            remedy = "add it to SALDO_MAIL_TO, or take mail out of its `by` in alert-rules"
            return refused(command, "no-address", f"{command.receiver} has no address; {remedy}")
        taken = self._taken.setdefault(command.notification_id, set())
        answers = await asyncio.to_thread(self._deliver, command, [one for one in addresses if one not in taken])
        taken |= {address for address, code, _ in answers if code < 400}
        later = [text for _, code, text in answers if 400 <= code < 500]
        if later:
            raise MailPutOff(self._says(f"it wants the message later: {later[0]}"))
        del self._taken[command.notification_id]
        turned_away = [(code, text) for _, code, text in answers if code >= 500]
        if taken:
            detail = f"{len(taken)} of {len(addresses)} addresses took it"
            return NotificationSent(
                receiver=command.receiver,
                notification_id=command.notification_id,
                detail=detail + (f"; refused: {turned_away[0][1]}" if turned_away else ""),
                occurred_at=utc_now(),
            )
        code, text = turned_away[0]
        return refused(command, str(code), self._says(f"it refuses every address of {command.receiver}: {text}"))

    def _deliver(self, command: SendNotification, addresses: Sequence[str]) -> list[tuple[str, int, str]]:
        """Return the server's answer for each address: its code, 250 where it was taken, and its words.

        Raises: MailAway, MailMisconfigured.
        """
        try:
            with self._session() as server:
                return [(address, *self._hand_over(server, command, address)) for address in addresses]
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code < 500:
                raise MailAway(self._says(f"it can't check the log-in now: {_answer(error)}")) from error
            remedy = "check SALDO_MAIL_USERNAME and SALDO_MAIL_PASSWORD"
            raise MailMisconfigured(self._says(f"it refuses the log-in ({_answer(error)}); {remedy}")) from error
        except smtplib.SMTPNotSupportedError as error:
            remedy = "check SALDO_MAIL_SECURITY (starttls, tls) and SALDO_MAIL_PORT"
            raise MailMisconfigured(self._says(f"{error}; {remedy}")) from error
        except ssl.SSLCertVerificationError as error:
            remedy = "SALDO_MAIL_CA_FILE adds a private authority"
            raise MailAway(
                self._says(f"TLS: its certificate is not believed ({error.verify_message}); {remedy}")
            ) from None
        except smtplib.SMTPResponseException as error:
            raise MailAway(self._says(_answer(error))) from error
        except (OSError, smtplib.SMTPException) as error:  # time-outs and lost connections are OSErrors
            why = str(error) or type(error).__name__
            raise MailAway(self._says(f"{why}; is it running? check SALDO_MAIL_HOST and SALDO_MAIL_PORT")) from error

    @contextlib.contextmanager
    def _session(self):  # type: ignore[no-untyped-def]
        settings = self._settings
        try:
            context = authorities(settings.ca_file)
        except ValueError as error:
            raise ContractBroken(f"SALDO_MAIL_CA_FILE: {error}") from None
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=settings.timeout_s, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
        with server:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.username:
                server.login(settings.username, settings.password.get_secret_value())
            yield server

    def _hand_over(self, server: smtplib.SMTP, command: SendNotification, address: str) -> tuple[int, str]:
        message = mail_of(command, sender=self._settings.sender, address=address, console_url=self._console_url)
        try:
            server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, words),) = error.recipients.values()
            return _judged(code, words)
        except smtplib.SMTPDataError as error:
            return _judged(error.smtp_code, error.smtp_error)
        except smtplib.SMTPSenderRefused as error:
            if error.smtp_code < 500:
                return _judged(error.smtp_code, error.smtp_error)
            remedy = "set SALDO_MAIL_SENDER to an address that this log-in may send from"
            raise MailMisconfigured(self._says(f"it refuses our sender ({_answer(error)}); {remedy}")) from error
        return 250, ""

    def _says(self, text: str) -> str:
        return f"mail server at {self._settings.host}:{self._settings.port}: {text}"


def _judged(code: int, words: bytes | str) -> tuple[int, str]:
    """Return an answer about one address. Raises: the server's own, when it ends the session for everybody."""
    if code == _SERVICE_NOT_AVAILABLE:
        raise smtplib.SMTPResponseException(code, words)
    return code, f"{code} {_words(words)}"


def _answer(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_words(error.smtp_error)}"


def _words(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    # A server repeats the address that it refuses; whose it is stays in the settings.
    return " ".join("<...>" if "@" in word else word for word in text.split())[:_LONGEST_ANSWER]
