"""Every record of the contract as a frozen dataclass, one module per context; generated, see schemas/generate."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What all records have in common: they are data of the contract, and the catalogue knows their schema by name."""
