"""What one process is made of: agents, connectors, projections and keys put together."""
