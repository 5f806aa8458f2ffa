"""Frozen dataclasses, one per record type, field for field like the .avsc of its newest version."""
