"""`python -m streams.cli`: the `saldo` command without its script."""

from streams.cli import main

main()
