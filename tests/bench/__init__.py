"""Benchmarks that people run by hand; not collected by pytest."""
