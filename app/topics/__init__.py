"""Topics of a cluster: brought to what the contract says, read, written and exported."""
