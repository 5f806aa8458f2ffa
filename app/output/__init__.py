"""What a process says: on a terminal, as log lines, as metrics."""
