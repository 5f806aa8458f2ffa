"""ClickHouse's own HTTP protocol in front of the embedded engine, for tools that speak to ClickHouse; reading only.

`app` has the routes, `asked` reads a request, `sessions` answers it. A ClickHouse server answers for itself, so this is
served for the embedded store alone. Source: docs/adr/0066-clickhouse-clients.md.
"""
