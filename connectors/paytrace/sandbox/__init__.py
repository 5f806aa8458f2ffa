"""A PayTrace that runs on this machine: a real HTTP server with durable books, for demos, tests and the kill test."""

from connectors.paytrace.sandbox.app import create_app, serve
from connectors.paytrace.sandbox.settings import SandboxSettings

__all__ = ["SandboxSettings", "create_app", "serve"]
