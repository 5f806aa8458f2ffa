"""What the ingress took and refused, as Prometheus metrics. Outcomes are problem codes, never foreign text."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

REQUESTS = Counter("saldo_ingress_requests", "Requests by way in and outcome.", ["way", "outcome"])
RECORDS = Counter("saldo_ingress_records", "Records that the broker acknowledged.", ["way"])
SECONDS = Histogram(
    "saldo_ingress_seconds",
    "From the first byte of the body to the answer.",
    ["way"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)
