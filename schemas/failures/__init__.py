"""The families of failure, for everyone who raises or judges one; one question settles the family: what next?

    SaldoError
      Transient       try again, bounded, then park        record locked, too many requests
        Delayed       hold this key alone, try again later  a locked customer, a document in doubt
        Unavailable   stop, the position stays: no record   connection refused, 503, login service away
                      is at fault
      Refused         the other side said no: a fact      closed posting period, declined card
      Unreadable      park this record, go on with others undecodable bytes, a missing field
      ContractBroken  stop at once, the position stays    login rejected, unknown table, profile does not fit

The edges (connectors) raise leaves of this tree and the task layer judges by family alone, so neither knows
the other.
Messages are shown to operators and stored in dead letters: they name field, value (masked) and remedy.
"""


class SaldoError(Exception):
    """Root of everything that Saldo raises on purpose."""


class Transient(SaldoError):
    """May succeed when tried again: bounded retry, then park.

    Units: seconds. retry_after_s is how long we leave the other side alone, asked_s what it asked for, which may be
           more (schemas/failures/waiting.py has the bound); None when it said nothing.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, asked_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.asked_s = retry_after_s if asked_s is None else asked_s


class Delayed(Transient):
    """Only what this record is about has to wait: its key is held back and tried again by itself, others go on."""


class Unavailable(Transient):
    """The whole other side is away, so parking one record after the other would help nobody: stop and stay."""


class Refused(SaldoError):
    """The other side understood and said no; becomes an outcome event and is never retried blindly."""

    def __init__(self, message: str, *, code: str, field_name: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field_name = field_name


class Unreadable(SaldoError):
    """This record makes no sense to us: park it, carry on with other keys."""


class ContractBroken(SaldoError):
    """What we agreed on no longer holds (schema, credentials, mapping profile): stop at once, the position stays."""
