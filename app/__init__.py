"""What runs Saldo: command line, log-in, HTTP door, settings, and the composition of one process."""
