"""The guarantee: each inbox record is decided once, in order, and nothing that follows from it is lost or doubled.

A task is one processor on one partition. It never trusts a committed offset: its position is in its journal. What it
promises, rule by rule, stands in docs/adr/0002-task-layer.md; each rule has a test in tests/unit/streams/tasks that
fails when the rule is broken. Nothing in here knows of payments.
"""
