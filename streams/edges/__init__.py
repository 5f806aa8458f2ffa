"""Where the pipeline meets the outside: ports, polled sources, and claims before calls."""
