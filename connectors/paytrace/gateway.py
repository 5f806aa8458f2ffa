"""Chooses the client for the API version that a merchant's settings name, and says what that version can't tell."""

from __future__ import annotations

import httpx2

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.client_v3 import PayTraceV3Client
from connectors.paytrace.settings import PayTraceSettings


def open_gateway(
    settings: PayTraceSettings, *, transport: httpx2.AsyncBaseTransport | None = None
) -> PayTraceClient | PayTraceV3Client:
    """Return the client of settings.api_version; both satisfy source.TransactionReader."""
    if settings.api_version == "v3":
        return PayTraceV3Client(settings, transport=transport)
    return PayTraceClient(settings, transport=transport)


def not_offered(settings: PayTraceSettings) -> tuple[str, ...]:
    """Return what this account's API version has no documented call for, in words for the log."""
    missing: list[str] = []
    if settings.api_version == "v3":
        missing.append("recurring schedules: they can't be listed, so they are not read")
        if settings.ach_source == "v1":
            missing.append("v1 checks: set ach_source to auto, v3 or off")
    elif settings.ach_source == "off":
        missing.append("ACH debits: ach_source is off, so they are not read")
    return tuple(missing)
