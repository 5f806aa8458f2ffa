"""Files in, files out, around the pure matching engine: what `saldo match` reads and writes."""
