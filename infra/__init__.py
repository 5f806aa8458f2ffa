"""What stands in for the world or runs around Saldo: embedded Kafka, sandboxes, demo, installation."""
