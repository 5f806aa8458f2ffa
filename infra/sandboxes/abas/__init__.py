"""A local abas: real HTTP, own durable books, fault switches; behaves as shared reference and docs/abas.md say.

Built on the same wire words as the client, knows nothing of Saldo's records. For demo, contract suite and kill
test, which audit its books rather than our state.
"""

from infra.sandboxes.abas.app import create_app
from infra.sandboxes.abas.server import serve

__all__ = ["create_app", "serve"]
