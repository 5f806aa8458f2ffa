"""Local providers of exchange rates: the ECB's files and one of JSON, real HTTP, with fault switches.

Built on the published formats, knows nothing of Saldo's client. Rates are set by hand through its own door.
"""

from infra.sandboxes.rates.app import create_app

__all__ = ["create_app"]
