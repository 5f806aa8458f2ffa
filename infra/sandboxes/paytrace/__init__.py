"""A PayTrace that runs on this machine: a real HTTP server with durable books, for demos, tests and the kill test."""

from infra.sandboxes.paytrace.app import create_app, serve
from infra.sandboxes.paytrace.settings import SandboxSettings

__all__ = ["SandboxSettings", "create_app", "serve"]
