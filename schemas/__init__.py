"""The contract: what is on the wire, for every producer and consumer. Imports nothing of ours from elsewhere."""
