"""A local WooCommerce shop: its REST API v3, its webhooks, buyers, and what networks and plugins do to all of it.

Built on the public reference (docs/shop.md), knows nothing of Saldo's connector. Its state is one SQLite file, which
survives kill -9.
"""

from infra.sandboxes.shop.app import create_app, serve
from infra.sandboxes.shop.settings import ShopSandboxSettings

__all__ = ["ShopSandboxSettings", "create_app", "serve"]
