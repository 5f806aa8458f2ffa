"""The way out by webhook: messages about alerts, signed like the hooks that come in (docs/ingress.md)."""
