"""What can go wrong on the way to a mail server, and which fate each failure has."""

from __future__ import annotations

from schemas.failures import ContractBroken, Delayed, Unavailable


class MailAway(Unavailable):
    """The mail server does not answer, or takes no mail from anybody right now: the task waits, nothing is lost."""


class MailPutOff(Delayed):
    """The server wants this message later (greylisting, a full mailbox): this receiver waits, others go on."""


class MailMisconfigured(ContractBroken):
    """Log-in, sender or encryption do not fit the server: no message can go out until a setting is mended."""
