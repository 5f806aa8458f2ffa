"""The roles of Saldo. What each may do is the policy's business (access.yaml)."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a user is here for; one user may have several."""

    VIEWER = "viewer"
    ACCOUNTANT = "accountant"
    APPROVER = "approver"
    OPERATOR = "operator"
    ADMIN = "admin"
