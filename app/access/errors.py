"""Why somebody is not let in, or may not do what is asked; shown to that person as it stands.

SaldoError
  AccessDenied        understood, and this person may not; names who may
    LoginNeeded       nobody is known to ask; names the remedy
"""

from __future__ import annotations

from schemas.failures import SaldoError


class AccessDenied(SaldoError):
    """This person may not do that; the message says who may."""


class LoginNeeded(AccessDenied):
    """Nobody is authenticated, or no longer; the message says how to log in."""
