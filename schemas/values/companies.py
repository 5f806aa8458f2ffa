"""How what a company of the ERP numbers is named where there are several: at/70001 is customer 70001 of company at."""

from __future__ import annotations

from typing import Final

BETWEEN: Final = "/"
LABEL: Final = r"^[A-Za-z0-9_-]{1,20}$"


def in_company(company: str, number: str) -> str:
    """Return a company's number with its label before it; as it is where the label is empty: there is one company."""
    return f"{company}{BETWEEN}{number}" if company else number


def company_of(number: str) -> str:
    """Return the label before a number; empty where it carries none."""
    company, between, _ = number.partition(BETWEEN)
    return company if between else ""
