"""The alert rules name metrics that Saldo serves and pages that are there."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[3]
SERVED_BY = ("app/output/metrics.py", "app/sources/status.py", "projections/serving/metrics.py")
# What prometheus_client adds to the name of a counter, and Prometheus' own metric of a target.
SUFFIXES = ("_total", "")


def test_each_alert_is_over_a_metric_that_is_served_and_names_a_page() -> None:
    served = "\n".join((REPOSITORY / path).read_text("utf-8") for path in SERVED_BY)
    reported = yaml.safe_load((REPOSITORY / "infra/prometheus-alerts.yml").read_text("utf-8"))
    rules = [rule for group in reported["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        for name in re.findall(r"\bsaldo_\w+", rule["expr"]):
            assert any(f'"{name.removesuffix(suffix)}"' in served for suffix in SUFFIXES), (rule["alert"], name)
        page = rule["annotations"]["runbook"].partition("#")[0]
        assert (REPOSITORY / page).is_file(), (rule["alert"], page)
