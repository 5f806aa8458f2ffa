"""Chooses the client for the API version that a merchant's settings name."""

from __future__ import annotations

import httpx2

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.client_v3 import PayTraceV3Client
from connectors.paytrace.settings import PayTraceSettings


def open_gateway(
    settings: PayTraceSettings, *, transport: httpx2.AsyncBaseTransport | None = None
) -> PayTraceClient | PayTraceV3Client:
    """The client of settings.api_version; both satisfy ports.PayTraceGateway and source.TransactionReader."""
    if settings.api_version == "v3":
        return PayTraceV3Client(settings, transport=transport)
    return PayTraceClient(settings, transport=transport)
