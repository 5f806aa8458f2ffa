"""The way in over HTTP: signed hooks, Silent Posts and observations, answered only once they are durable.

Protects two promises: a sender that got a 2xx has handed over (the broker holds the record on every in-sync replica),
and no card number, security code or bank number gets past the door, not even into a log line.
"""
