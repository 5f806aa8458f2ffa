"""The web console: what the reports say, for a browser on this machine; it reads projections and nothing else."""
